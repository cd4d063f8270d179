#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Loss is data: made = recorded + counted as lost, exactly, and the gap is found by a search.
. "$(dirname "$0")/../lib.sh"

two_tenants() {
	world
	conf "hook = $RUNG" "ring_size = 64K"
	conf_tenant web "$NET4.1"
	conf_tenant other "$NET4.4" "$NET6:4"
	grant web
	grant other
	daemon_start
	serve '[::]:443'
	: >"$W/web"
	: >"$W/other"
}

# flood NAME N: connections of both tenants, their lists added to $W/web and $W/other.
flood() {
	connect "$W/one" --count "$1" --from "$NET4.100,$NET6:100" "$NET4.1:443" "$NET4.4:443" "[$NET6:4]:443"
	awk -F, -v web="$NET4.1" '$3 == web' "$W/one" >>"$W/web"
	awk -F, -v web="$NET4.1" '$3 != web' "$W/one" >>"$W/other"
}

# Fewer than a tenant's share of the ring (a quarter of 64 KiB, 72 bytes each) holds, so that none depends on
# when the collector wakes up.
recorded_again() {
	connect "$W/one" --count 200 --from "$NET4.101" "$NET4.1:443"
	search "$W/rows" --src "$NET4.101"
	tail -n +$((seen_again + 1)) "$W/rows" >"$W/new"
	same_rows "$W/one" "$W/new" "after the loss"
	seen_again=$(lines "$W/rows")
	cat "$W/one" >>"$W/web"
}
seen_again=0

# Made = recorded + lost for each tenant, and what is recorded is true.
balance() {
	local tenant made
	sleep 1.3 # counters become gaps once a second
	gaps "$W/gaps"
	for tenant in web other; do
		made=$(lines "$W/$tenant")
		search "$W/rows" --tenant "$tenant"
		[ "$made" -eq $(($(lines "$W/rows") + $(lost "$reason" "$tenant"))) ] ||
			die "$1, tenant $tenant: made $made, recorded $(lines "$W/rows"), lost $(lost "$reason" "$tenant")"
		[ "$(lost "$reason" "$tenant")" -gt 0 ] || die "$1: nothing of tenant $tenant was lost: the test proves nothing"
		tuples "$W/rows" | sort >"$W/got"
		sort "$W/$tenant" | comm -13 - "$W/got" >"$W/extra"
		[ ! -s "$W/extra" ] || die "$1: a row that the client did not make: $(head -n 1 "$W/extra")"
	done
}

overflow_while_stopped() {
	reason=$SHARE_FULL
	two_tenants
	recorded_again
	daemon_freeze
	flood 3000
	daemon_thaw
	balance "stopped once"
	recorded_again
	[ "$(status_value recorder lost)" -eq $(($(lost "$reason" web) + $(lost "$reason" other))) ] ||
		die "status says $(status_value recorder lost) lost, the gaps $(($(lost "$reason" web) + $(lost "$reason" other)))"
	seal
	balance "sealed"
	! kernel_only || return 0
	daemon_freeze
	flood 3000
	daemon_thaw
	balance "stopped twice"
	recorded_again
	seal
	balance "sealed twice"
	verify
}

overflow_while_dead() {
	reason=$SHARE_FULL
	two_tenants
	daemon_end KILL
	flood 3000
	daemon_start
	balance "killed"
	recorded_again
	seal
	daemon_end
	flood 3000
	daemon_start
	balance "stopped after sealing"
	daemon_end KILL
	daemon_start
	balance "killed after the gap was written"
	recorded_again
	verify
}

# A gap is the business of its window and its tenant.
found_by_window() {
	local before after
	reason=$SHARE_FULL
	two_tenants
	recorded_again
	before=$(utc_now)
	sleep 0.1
	daemon_freeze
	connect "$W/web" --count 2000 "$NET4.1:443"
	daemon_thaw
	sleep 2.2
	after=$(utc_now)
	gaps "$W/gaps" --from "$before" --to "$after" --tenant web
	[ "$(lost "$reason" web)" -gt 0 ] || die "the search over the time of the loss has no gap"
	for window in "--from 2020-01-01T00:00:00Z --to $before" "--from $after --to 2100-01-01T00:00:00Z"; do
		# shellcheck disable=SC2086 # options
		gaps "$W/gaps" $window
		[ ! -s "$W/gaps" ] || die "a gap outside of its window: $(head -n 1 "$W/gaps"), window $window"
	done
	gaps "$W/gaps" --tenant other
	[ ! -s "$W/gaps" ] || die "a gap of tenant web in an answer about tenant other: $(head -n 1 "$W/gaps")"
}

# Past the heartbeat's deadline the program only counts (AC-09); bpftool moves the deadline here.
heartbeat() {
	local old new
	reason='no collector (heartbeat expired)'
	two_tenants
	recorded_again
	daemon_end KILL
	old=$(bpftool map dump pinned "$PINS/control" -j | grep -oE '"value":\["[^]]*' | head -n 1 | tr -d '"' | sed 's/value:\[//; s/0x//g; s/,/ /g')
	[ "$(wc -w <<<"$old")" -ge 32 ] || die "the control map is not as expected: $old"
	# Bytes 8 to 15 are heartbeat_until_boot_ns (schema/event.h).
	new=$(awk '{ for (i = 9; i <= 16; i++) $i = "00"; print }' <<<"$old")
	# shellcheck disable=SC2086 # words
	bpftool map update pinned "$PINS/control" key hex 00 00 00 00 value hex $new || die "bpftool map update failed"
	flood 1200
	daemon_start
	balance "heartbeat expired"
	[ "$(lost "$reason" web)" -eq 400 ] && [ "$(lost "$reason" other)" -eq 800 ] ||
		die "lost $(lost "$reason" web) and $(lost "$reason" other), expected 400 and 800"
	recorded_again
}

# fill_losses: counters of tenants of other days, until the map takes no more; prints how many.
fill_losses() {
	python3 - "$PINS/losses" <<'EOT'
import ctypes, errno, os, platform, struct, sys, time
call = {"x86_64": 321, "aarch64": 280}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
path = ctypes.create_string_buffer(sys.argv[1].encode())
def bpf(command, *words):
    attr = ctypes.create_string_buffer(struct.pack("Q" * len(words), *words), 128)
    return libc.syscall(call, command, attr, 128)
fd = bpf(7, ctypes.addressof(path), 0)  # BPF_OBJ_GET
key, value = ctypes.create_string_buffer(8), ctypes.create_string_buffer(24 * 1024)
count = waits = 0
while fd >= 0:
    struct.pack_into("II", key, 0, 1000000 + count, 1)
    if bpf(2, fd, ctypes.addressof(key), ctypes.addressof(value), 0) == 0:  # BPF_MAP_UPDATE_ELEM
        count += 1
    elif ctypes.get_errno() == errno.ENOMEM and waits < 1000:
        waits += 1  # memory for each CPU is made ready by a worker of the kernel, behind so many at once
        time.sleep(0.01)
    else:
        break
if ctypes.get_errno() != errno.E2BIG:
    sys.exit(os.strerror(ctypes.get_errno()))
print(count)
EOT
}

# A tenant for whom there is no counter any more is recorded all the same, and what it loses is a gap of the node.
map_full() {
	local filled lost_now
	world
	conf "hook = $RUNG" "ring_size = 64K"
	conf_tenant web "$NET4.1"
	conf_tenant other "$NET4.4"
	grant other
	daemon_start
	filled=$(fill_losses) || die "cannot fill the map of losses"
	[ "$filled" -gt 10000 ] || die "only $filled counters went in"
	grant web
	serve "$NET4.1:443"
	connect "$W/list" --count 100 --from "$NET4.100" "$NET4.1:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "with the map of losses full"
	daemon_freeze
	connect "$W/more" --count 1000 --from "$NET4.101" "$NET4.1:443"
	daemon_thaw
	sleep 1.3
	search "$W/rows" --src "$NET4.101"
	for tenant in web other; do
		gaps "$W/gaps" --tenant "$tenant"
		lost_now=$(lost "$SHARE_FULL" null)
		[ "$lost_now" -gt 0 ] && [ "$lost_now" -eq $((1000 - $(lines "$W/rows"))) ] ||
			die "answer about $tenant: made 1000, recorded $(lines "$W/rows"), lost $lost_now: $(cat "$W/gaps")"
	done
}

# The same for what the hook did not see: a gap of the node, not nothing.
not_seen_when_full() {
	local filled
	netns_world
	serve '[::]:443'
	connect "$W/list" --count 20 "$NET4.1:443"
	filled=$(fill_losses) || die "cannot fill the map of losses"
	[ "$filled" -gt 10000 ] || die "only $filled counters went in"
	sleep 1.5
	unhook "$PINS"/link_*
	connect "$W/unseen" --count 50 "$NET4.1:443"
	all_stated() { gaps "$W/gaps" --tenant web && [ "$(lost "$NOT_SEEN" null)" -eq 50 ]; }
	wait_until 10 all_stated || die "50 were not seen, and the gaps are: $(cat "$W/gaps")"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "what was seen"
}

run_case AC-81_ring_overflow_stopped overflow_while_stopped
run_case_once AC-81_ring_overflow_killed overflow_while_dead
run_case_once AC-81_gap_found_by_window found_by_window
in_vm || run_case AC-81_bug_map_full_silently_absent map_full # with python3
in_vm || run_case AC-82_not_seen_and_map_full not_seen_when_full
run_case AC-09_heartbeat_expired heartbeat
finish
