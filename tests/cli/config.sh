#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# sekishod -n and -nn: what a configuration may say, and what each mistake is answered with.
. "$(dirname "$0")/cli_lib"
STORE_USER= # the lines of the configuration are counted

check() { "${SEKISHOD[@]}" -n; }

# wrong NAME LINE TEXT: the last configuration written is refused with "sekishod: error: FILE:LINE: TEXT".
wrong() { refuses "$1" 2 "sekishod: error: $CONF:$2: $3" "${SEKISHOD[@]}" -n; }

# In conf(), lines 1 to 3 are the directories; the next one is line 4.
begin good_is_silent
conf 'record_loopback = yes'
conf_tenant web "$NET.1" '192.0.2.0/24:443' '2001:db8::/32' '[2001:db8::1]:80' '[2001:db8:1::]/48:8080'
run "${SEKISHOD[@]}" -n
status 0
out ''
err ''
holds "the check made $STATE" test ! -e "$STATE"
holds "the check made $RUN" test ! -e "$RUN"
holds "the check made $PINS" test ! -e "$PINS"

begin nn_prints_what_is_in_force
conf '# a comment' '' 'ring_size = 1024K' 'rotate_interval=60m' '  timezone =  UTC  '
conf_tenant web '192.0.2.1' '2001:0DB8:0::1'
conf_tenant mail '198.51.100.0/24:25' '[2001:db8:1::]/48:25' '::ffff:198.51.100.7'
run "${SEKISHOD[@]}" -nn
status 0
err ''
out "state_dir = $STATE
run_dir = $RUN
pin_dir = $PINS
user = sekisho
hook = auto
witness = no
record_loopback = no
ring_size = 1M
sync_interval = 1s
rotate_interval = 1h
rotate_size = 64M
heartbeat = 2m
canary_interval = 20s
min_free = auto
chrony = auto
approval_rows = 1000
approval_window = 1d
group_admin = sekisho-admin
group_desk = sekisho-desk
group_audit = sekisho-audit
group_panel = sekisho-panel
timezone = UTC
head_command = 

[tenant web]
address = 192.0.2.1
address = 2001:db8::1

[tenant mail]
address = 198.51.100.0/24:25
address = [2001:db8:1::]/48:25
address = 198.51.100.7"

begin nn_is_a_configuration
cp "$TMP/out" "$TMP/again"
run "$BIN/sekishod" -c "$TMP/again" -nn
status 0
cmp -s "$TMP/out" "$TMP/again" || bad "-nn of the output of -nn differs: $(diff "$TMP/again" "$TMP/out" | head -n 3)"

begin defaults
printf '' >"$CONF"
run "${SEKISHOD[@]}" -nn
status 0
out 'state_dir = /var/lib/sekisho
run_dir = /run/sekisho
pin_dir = /sys/fs/bpf/sekisho
user = sekisho
hook = auto
witness = no
record_loopback = no
ring_size = 16M
sync_interval = 1s
rotate_interval = 6h
rotate_size = 64M
heartbeat = 2m
canary_interval = 20s
min_free = auto
chrony = auto
approval_rows = 1000
approval_window = 1d
group_admin = sekisho-admin
group_desk = sekisho-desk
group_audit = sekisho-audit
group_panel = sekisho-panel
timezone = Asia/Tokyo
head_command = '

# --- Keys ---

conf 'colour = red'
wrong unknown_key 4 'unknown key "colour"'
conf 'head_command = /usr/bin/send "two words"'
wrong head_command_with_quotes 4 'head_command = "/usr/bin/send "two words"": expected an absolute path and words apart by blanks, less than 200 bytes, without quotes and what else a shell reads'
conf 'hook = auto' 'hook = auto'
wrong key_twice 5 'hook is set already on line 4'
conf 'state_dir = /somewhere'
wrong directory_twice 4 'state_dir is set already on line 1'
conf 'nonsense'
wrong no_equals_sign 4 '"nonsense": expected key = value'
conf 'record_loopback = maybe'
wrong bad_bool 4 'record_loopback = "maybe": expected yes or no'
conf 'record_loopback ='
wrong empty_value 4 'record_loopback = "": expected yes or no'
conf 'hook = uprobe'
wrong bad_hook 4 'hook = "uprobe": expected auto, set_state, sock_ops, fexit or kretprobe'
for size in 0 63K 48M 3M 2G 16m 16MB '16 M' -1 99999999999999999999 1e6; do
	conf "ring_size = $size"
	wrong "ring_size_${size// /_}" 4 "ring_size = \"$size\": expected a power of two from 64K to 1G"
done
for duration in 0s 9ms 61s 1 1min 1.5s -1s 18446744073709551616ns; do
	conf "sync_interval = $duration"
	wrong "sync_interval_$duration" 4 "sync_interval = \"$duration\": expected 10ms to 60s"
done
conf 'rotate_interval = 25h'
wrong rotate_interval_over_a_day 4 'rotate_interval = "25h": expected 1s to 24h'
conf 'rotate_size = 1023K'
wrong rotate_size_too_small 4 'rotate_size = "1023K": expected 1M to 1G'
for duration in 4999ms 601s 0s 120; do
	conf "heartbeat = $duration"
	wrong "heartbeat_$duration" 4 "heartbeat = \"$duration\": expected 5s to 10m"
done
for duration in 0s 999ms 20001ms 20; do
	conf "canary_interval = $duration"
	wrong "canary_interval_$duration" 4 "canary_interval = \"$duration\": expected 1s to 20s"
done
for room in 0% 51% % 1.5% -1% 2%% 1025G 1g auto% some; do
	conf "min_free = $room"
	wrong "min_free_$room" 4 "min_free = \"$room\": expected auto, a size up to 1T or 1% to 50%"
done
printf 'state_dir = var/lib\n' >"$CONF"
wrong relative_path 1 'state_dir = "var/lib": expected an absolute path of less than 200 bytes'
printf 'pin_dir = /%0250d\n' 0 >"$CONF"
begin path_too_long
run "${SEKISHOD[@]}" -n
status 2
one_line
err_has "^sekishod: error: $CONF:1: pin_dir = \"/000.*: expected an absolute path"
printf 'timezone = %0600d\n' 0 >"$CONF"
wrong line_too_long 1 'line is longer than 510 bytes'
printf 'timezone = UTC\0Asia/Tokyo\n' >"$CONF"
begin nul_byte_in_a_line
run "${SEKISHOD[@]}" -n
status 2
one_line
err_has "^sekishod: error: $CONF:1: "

begin largest_and_smallest
for line in 'ring_size = 64K' 'ring_size = 1G' 'sync_interval = 10ms' 'sync_interval = 60s' \
	'rotate_interval = 1s' 'rotate_interval = 24h' 'rotate_size = 1M' 'rotate_size = 1G' \
	'heartbeat = 5s' 'heartbeat = 10m' 'canary_interval = 1s' 'canary_interval = 20s' 'min_free = 0' 'min_free = 1T' 'min_free = 1%' 'min_free = 50%' 'min_free = auto'; do
	conf "$line"
	run "${SEKISHOD[@]}" -nn
	status 0
	grep -Eq "^${line%%=*}= ${line##*= }\$|^sync_interval = 1m\$|^rotate_interval = 1d\$" "$TMP/out" ||
		bad "$line prints as $(grep "^${line%% *} " "$TMP/out")"
done

begin unknown_timezone
conf 'timezone = Asia/Edo'
run "${SEKISHOD[@]}" -n
status 2
err 'sekishod: error: no time zone "Asia/Edo"; expected a name like Asia/Tokyo'
run "${SEKISHO[@]}"
status 2
err 'sekisho: error: no time zone "Asia/Edo"; expected a name like Asia/Tokyo'
begin timezone_leaves_no_directory
conf 'timezone = ../../../etc/passwd'
run "${SEKISHOD[@]}" -n
status 2
one_line

# --- Tenants: the section begins on line 5 ---

conf
conf_tenant web 192.0.2.1
conf_tenant web 192.0.2.2
wrong tenant_twice 8 'tenant web is there already on line 5'
conf
printf '\n[tenant web]\n\n[tenant mail]\naddress = 192.0.2.1\n' >>"$CONF"
wrong tenant_without_address 5 'tenant web has no address, cgroup, netns or interface'
conf
printf '\n[tenant web]\n' >>"$CONF"
wrong last_tenant_without_address 5 'tenant web has no address, cgroup, netns or interface'
conf
conf_tenant web 192.0.2.1 192.0.2.1
wrong selector_twice_in_a_tenant 7 'address 192.0.2.1 belongs to tenant web already'
conf
conf_tenant web 192.0.2.0/24:443
conf_tenant mail 192.0.2.0/24:443
wrong selector_of_two_tenants 9 'address 192.0.2.0/24:443 belongs to tenant web already'
conf
conf_tenant web 192.0.2.7
conf_tenant mail ::ffff:192.0.2.7
wrong selector_of_two_tenants_v4_mapped 9 'address ::ffff:192.0.2.7 belongs to tenant web already'
conf
conf_tenant web 2001:db8::1
conf_tenant mail 2001:DB8:0::0:1/128
wrong selector_of_two_tenants_other_spelling 9 'address 2001:DB8:0::0:1/128 belongs to tenant web already'

begin narrower_selector_is_no_conflict
conf
conf_tenant web 192.0.2.0/24 2001:db8::/32
conf_tenant mail 192.0.2.1 192.0.2.0/24:25 '[2001:db8::]/32:25' 2001:db8::25
run "${SEKISHOD[@]}" -n
status 0
err ''

while read -r name address; do
	conf
	conf_tenant web "$address"
	wrong "address_$name" 6 \
		"address = \"$address\": expected ADDR[/LEN][:PORT] without host bits; IPv6 with a port is [ADDR]/LEN:PORT"
done <<'END'
host_bits 192.0.2.1/24
host_bits_v6 2001:db8::1/32
prefix_33 192.0.2.0/33
prefix_129 2001:db8::/129
prefix_empty 192.0.2.0/
prefix_octal 192.0.2.0/024
port_0 192.0.2.1:0
port_65536 192.0.2.1:65536
port_80x 192.0.2.1:80x
port_empty 192.0.2.1:
port_octal 192.0.2.1:080
octal 192.0.02.1
short 192.0.2
large 192.0.2.256
name example.com
zone fe80::1%eth0
brackets_open [2001:db8::1:80
brackets_v4 [192.0.2.1]:80
length_in_brackets [2001:db8::/32]:80
three_colons 2001:db8:::1
sign 192.0.2.+1
two 192.0.2.1,192.0.2.2
END
conf
conf_tenant web ''
wrong address_empty 6 \
	'address = "": expected ADDR[/LEN][:PORT] without host bits; IPv6 with a port is [ADDR]/LEN:PORT'

while read -r name line text; do
	conf
	printf '\n%s\naddress = 192.0.2.1\n' "$line" >>"$CONF"
	wrong "section_$name" 5 "$text"
done <<'END'
host [host] "[host]": expected [tenant ID]
END
while IFS='|' read -r name id; do
	conf
	printf '\n[tenant %s]\naddress = 192.0.2.1\n' "$id" >>"$CONF"
	wrong "tenant_id_$name" 5 \
		"tenant id \"$id\": expected 1 to 64 of A-Z a-z 0-9 . _ - starting with a letter or digit"
done <<END
dash|-web
dot|.
dots|..
slash|a/b
space|a b
umlaut|ä
none|
65_letters|$(printf %065d 0)
END
conf
conf_tenant web 192.0.2.1
printf 'hook = auto\n' >>"$CONF"
wrong global_key_in_a_section 7 'unknown key "hook" in section [tenant web]'
conf
printf '\n[tenant web\naddress = 192.0.2.1\n' >>"$CONF"
wrong section_not_closed 5 '"[tenant web": expected [tenant ID]'

begin a_bad_configuration_starts_nothing
run "${SEKISHOD[@]}" -f
status 2
err "sekishod: error: $CONF:5: \"[tenant web\": expected [tenant ID]"
holds "it made $STATE" test ! -e "$STATE"
holds "it made $PINS" test ! -e "$PINS"

finish
