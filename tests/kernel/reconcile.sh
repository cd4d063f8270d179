#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel's own count of passive openings (TcpPassiveOpens) against what the hook saw: what is missing is
# stated, exactly and with its time, and nothing else ever is.
. "$(dirname "$0")/../lib.sh"

NOT_SEEN='not seen by the hook'

# A tenant by its namespace, which is thereby reconciled.
netns_world() {
	world
	conf "hook = $RUNG" "$@"
	printf '\n[tenant web]\nnetns = /run/netns/%s\n' "$NODE" >>"$CONF"
	grant web
	daemon_start
}

passive_opens() { counter "$NODE" Tcp PassiveOpens; }
# A residue is stated after five looks in a row, 0.2 s apart and more; they are 1 s apart while all agrees.
settle() { sleep 4; }

detached() {
	local missed before gone
	netns_world
	serve '[::]:443'
	connect "$W/one" --count 500 "$NET4.1:443"
	settle
	no_gap
	[ "$(status_value reconciled recorded)" = 500 ] || die "recorded: $(status_value reconciled recorded) of 500"
	before=$(utc_now)
	load "$W/two" --count 1000000 --rate 2000 "$NET4.1:443"
	sleep 0.5
	daemon_end
	rm "$PINS"/link_*
	sleep 1
	daemon_start
	sleep 0.5
	load_end stop
	settle
	gone=$(utc_now)
	cat "$W/one" "$W/two" >"$W/list"
	search "$W/rows" --dst 0.0.0.0/0
	gaps "$W/gaps"
	missed=$(($(lines "$W/list") - $(lines "$W/rows")))
	[ "$missed" -gt 1000 ] || die "only $missed were missed: the test proves nothing"
	[ "$(lost "$NOT_SEEN" web)" = "$missed" ] || die "$missed are missing, the gaps say $(lost "$NOT_SEEN" web): $(cat "$W/gaps")"
}

run_case AC-82_detached_for_a_second detached
finish
