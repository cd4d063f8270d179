#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# AC-20: the source address is local to the socket's own namespace: not recorded unless asked for.
# Traffic between namespaces of one machine is ordinary traffic.
. "$(dirname "$0")/../lib.sh"

loopback_world() {
	world
	loopback_conf "$1"
	grant web
	daemon_start
	serve '[::]:443'
}

loopback_conf() {
	conf "hook = $RUNG" "record_loopback = $1"
	conf_tenant web 127.0.0.1 ::1 "$NET4.1" "$NET4.2" "$NET6:1"
}

# Every way a node talks to itself; the lists go to $W/local, $W/one is of the last one.
local_traffic() {
	: >"$W/local"
	local args
	for args in "127.0.0.1:443" "[::1]:443" "$NET4.1:443" "[$NET6:1]:443" "[::ffff:127.0.0.1]:443" \
		"--from $NET4.3 $NET4.2:443" "--from $NET6:2 [$NET6:1]:443" "--device veth0 $NET4.1:443" \
		"--device veth0 --from $NET4.1 $NET4.2:443"; do
		# shellcheck disable=SC2086 # options and an address
		connect_in "$NODE" "$W/one" --count 20 $args
		cat "$W/one" >>"$W/local"
	done
	[ "$(lines "$W/local")" -eq 180 ] || die "$(lines "$W/local") local connections, not 180"
}

remote_traffic() {
	connect "$W/remote" --count 40 --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
}

not_recorded() {
	local before
	loopback_world no
	remote_traffic
	before=$(status_value ring produced)
	local_traffic
	[ "$(status_value ring produced)" = "$before" ] || die "loopback connections reached the ring"
	search "$W/rows" --tenant web
	same_rows "$W/remote" "$W/rows" "between namespaces"
	[ "$(cut -d, -f$FLAGS "$W/rows" | grep -c loopback)" -eq 0 ] || die "traffic between namespaces is flagged loopback"
}

recorded() {
	loopback_world yes
	local_traffic
	search "$W/rows" --tenant web
	same_rows "$W/local" "$W/rows" "loopback"
	[ "$(cut -d, -f$FLAGS "$W/rows" | grep -c loopback)" -eq 180 ] ||
		die "$(cut -d, -f$FLAGS "$W/rows" | grep -c loopback) of 180 rows are flagged loopback"
	remote_traffic
	search "$W/rows" --src "$NET4.100"
	search "$W/rows6" --src "$NET6:100"
	cat "$W/rows6" >>"$W/rows"
	same_rows "$W/remote" "$W/rows" "between namespaces"
	[ "$(cut -d, -f$FLAGS "$W/rows" | grep -c loopback)" -eq 0 ] || die "traffic between namespaces is flagged loopback"
}

reload() {
	loopback_conf "$1"
	kill -HUP "$DAEMON"
	[ "$1" = yes ] && want=true || want=false
	is_so() { [ "$(status_value '' record_loopback)" = "$want" ]; }
	wait_until 2 is_so || die "SIGHUP does not set record_loopback = $1"
}

switched() {
	loopback_world no
	local_traffic
	reload yes
	local_traffic
	cp "$W/local" "$W/want-local"
	reload no
	local_traffic
	remote_traffic
	search "$W/rows" --tenant web
	cat "$W/remote" >>"$W/want-local"
	same_rows "$W/want-local" "$W/rows" "switched on and off"
}

for RUNG in "${@:-set_state}"; do
	kernel_has "$RUNG" || continue
	run_case AC-20_loopback_not_recorded not_recorded
	run_case AC-20_record_loopback recorded
	run_case_once AC-20_SIGHUP_switches_loopback switched
done
finish
