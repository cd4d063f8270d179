#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A consent for connections that cannot be told from those of others is refused (AC-12), in words that the
# customer reads.
. "$(dirname "$0")/cli_lib"

LEDGER=$STATE/ledger/consent.log
grant_of() {
	run "${SEKISHO[@]}" consent grant "$1" --until "$(utc_in 86400)" --text "$TMP/text" --fields "$BASE_FIELDS" \
		--retention 30 --same-terms --revocable --actor test
}

# shared NAME TENANT TEXT: refused, with the ways out, and nothing is written.
shared() {
	begin "AC-12_$1"
	grant_of "$2"
	status 4
	out ''
	[ "$(head -n 1 "$TMP/err")" = "sekisho: error: SHARED_TENANT: $3" ] || bad "stderr begins with: $(head -n 1 "$TMP/err")"
	err_has '専用のアドレスまたはポート、専用のコンテナ'
	err_has '同じ待受を使う全契約の個別の同意'
	err_has 'an address or a port of its own'
	err_has 'the consent of every tenant'
	holds "an entry was written" test ! -s "$LEDGER"
}

# The same tenant, told apart: so the rest of the command line is no reason.
separate() {
	begin "AC-12_$1"
	grant_of "$2"
	status 0
	rm -rf "$STATE"
}

mount_bpf
conf "shared_listener = $NET.1:443"
conf_tenant web "$NET.1:443"
shared shared_listener_itself web "$NET.1:443 of tenant web is reached by shared_listener $NET.1:443, which serves others too"
conf "shared_listener = $NET.1"
conf_tenant web "$NET.2:80" "$NET.1:443"
shared shared_listener_any_port web "$NET.1:443 of tenant web is reached by shared_listener $NET.1, which serves others too"
conf "shared_listener = $NET.7:443" "shared_listener = $NET.1:443"
conf_tenant web "$NET.0/24"
shared around_a_shared_listener web "$NET.0/24 of tenant web is reached by shared_listener $NET.7:443, which serves others too"
conf "shared_listener = [::]:443"
conf_tenant web "$NET.1"
shared shared_wildcard web "$NET.1 of tenant web is reached by shared_listener 0.0.0.0/0:443, which serves others too"
conf
conf_tenant web "$NET.0/24:443"
conf_tenant mail "$NET.1"
shared crossing web "$NET.0/24:443 of tenant web crosses $NET.1 of tenant mail: neither is inside the other"
shared crossing_the_other_way mail "$NET.1 of tenant mail crosses $NET.0/24:443 of tenant web: neither is inside the other"

conf "shared_listener = $NET.1:443" "shared_listener = $NET.2"
conf_tenant web "$NET.1:80" "$NET.3"
separate beside_shared_listeners web
conf
conf_tenant web "$NET.1:443"
conf_tenant mail "$NET.1"
separate port_inside_an_address web
separate around_a_port_of_another mail
conf "shared_listener = $NET.1:443"
printf '\n[tenant web]\ncgroup = /tenants.slice/web\n[tenant inner]\ncgroup = /tenants.slice/web/inner\n' >>"$CONF"
separate nested_cgroups inner

# --- What sekishod -n says of such selectors ---

wrong() { # NAME LINE TEXT
	refuses "$1" 2 "sekishod: error: $CONF:$2: $3" "${SEKISHOD[@]}" -n
}
conf "" "[tenant web]" "cgroup = /a" "[tenant mail]" "cgroup = /a"
wrong AC-12_the_same_cgroup_twice 8 'cgroup /a belongs to tenant web already'
conf "" "[tenant web]" "netns = /proc/4711/ns/net"
wrong netns_of_a_process_number 6 'netns = "/proc/4711/ns/net": expected an absolute path like /run/netns/NAME (ip netns attach NAME PID names a namespace; a process number in /proc is no name)'
conf "" "[tenant web]" "cgroup = /a/../b"
wrong cgroup_path 6 'cgroup = "/a/../b": expected a path below the cgroup2 root, like /tenants.slice/web, without //, . or .. and of less than 256 ASCII characters'
conf "" "[tenant web]" "interface = eth0/1"
wrong interface_name 6 'interface = "eth0/1": expected the name of a network interface, 1 to 15 characters'
conf "shared_listener = here"
wrong shared_listener 4 'shared_listener = "here": expected ADDR[/LEN][:PORT] without host bits; IPv6 with a port is [ADDR]/LEN:PORT'

begin printed_as_it_is_in_force
conf "shared_listener = 192.0.2.1:443" "" "[tenant web]" "cgroup = /t/web" "netns = /run/netns/web" "interface = tap0"
run "${SEKISHOD[@]}" -nn
status 0
out_has '^shared_listener = 192\.0\.2\.1:443$'
out_has '^cgroup = /t/web$'
out_has '^netns = /run/netns/web$'
out_has '^interface = tap0$'
finish
