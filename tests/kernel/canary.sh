#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The canary, sekishod's connection to itself: not seen twice is an alarm, a status that is not live, and a gap; it is
# never stored and touches nobody's counters.
. "$(dirname "$0")/../lib.sh"

MISSING='canary not seen'

# A change is to be noticed within 60 s at the default of 20 s: three intervals.
INTERVAL=$((SLOW ? 3 : 1))
world_with_canary() {
	simple_world "canary_interval = ${INTERVAL}s" "$@"
	serve '[::]:443'
}

canary_missing() { [ "$(sekisho status --json 2>/dev/null | sed -n 's/^    "missing": \([a-z]*\).*/\1/p')" = "$1" ]; }
await_canary() { wait_until $((3 * INTERVAL)) canary_missing "$1" || die "canary.missing is not $1 after three intervals"; }
# One came back that was sent an interval after MOMENT or later: last_seen itself is the start, before the first.
last_seen() { sekisho status --json >"$W/status" 2>/dev/null; said canary last_seen; }
seen_after() { [[ $(last_seen) > $1 ]]; }
await_seen() {
	wait_until $((4 * INTERVAL)) seen_after "$(date -u -d "$1 + $INTERVAL seconds" +%Y-%m-%dT%H:%M:%S.%NZ)" ||
		die "started at $1, the last canary was seen at $(last_seen)"
}
not_live() {
	local status=0
	sekisho status >"$W/status" 2>&1 || status=$?
	[ "$status" -eq 1 ] && grep -q 'NOT LIVE' "$W/status" && grep -q '^Canary: *NOT SEEN since ' "$W/status" ||
		die "status ends with $status and says: $(head -n 1 "$W/status")"
}

# alarm_gap BEFORE: the gap of the alarm begins after BEFORE, with the last canary, and names nobody and no number.
alarm_gap() {
	gaps "$W/gaps"
	grep "^$MISSING|null|null|" "$W/gaps" | sort -t'|' -k4 >"$W/missing"
	[ -s "$W/missing" ] || die "no gap says so: $(cat "$W/gaps")"
	[[ $(head -n 1 "$W/missing" | cut -d'|' -f4) > $1 ]] || die "the gap begins before $1: $(head -n 1 "$W/missing")"
}

# A search over it never says that there was none.
not_none() {
	local status=0
	sekisho search --case TEST-1 --basis WARRANT --json --src 192.0.2.255 --from "$1" --to "$2" >"$W/json" 2>/dev/null || status=$?
	[ "$status" -eq 1 ] || die "search ends with $status"
	grep -q '"GAP"' "$W/json" && ! grep -q 'TRUE_NONE' "$W/json" || die "the search over it says $(grep reasons "$W/json")"
}

# The links go while all else stays as it is.
program_detached() {
	local before after start
	world_with_canary
	connect "$W/one" --count 200 "$NET4.1:443"
	await_seen "$(utc_now)"
	canary_missing false || die "the canary is missing from the start"
	no_gap
	before=$(utc_now)
	unhook "$PINS"/link_*
	await_canary true
	not_live
	connect "$W/lost" --count 100 --from "$NET4.101" "$NET4.1:443"
	after=$(utc_now)
	alarm_gap "$(date -u -d "$before - $((2 * INTERVAL)) seconds" +%Y-%m-%dT%H:%M:%S.%NZ)"
	not_none "$before" "$after"
	grep -q 'error: the canary was not seen since 20' "$LOG" || die "the log does not say so"
	search "$W/rows" --dst 0.0.0.0/0
	same_rows "$W/one" "$W/rows" "before the alarm"

	next_case AC-85_seen_again
	daemon_end
	daemon_start
	start=$(utc_now)
	connect "$W/two" --count 150 --from "$NET4.102" "$NET4.1:443"
	await_seen "$start"
	canary_missing false || die "a canary was seen, and canary.missing is not false"
	search "$W/rows" --src "$NET4.102"
	same_rows "$W/two" "$W/rows" "after it"
	no_gap --from "$start" --to "$(utc_in 5)"
	# All that is stored, of either family: nobody's canary, and none was taken for a tenant's and then refused.
	cat "$W/two" >>"$W/one"
	search "$W/rows" --dst 0.0.0.0/0
	same_rows "$W/one" "$W/rows" "all of IPv4"
	search "$W/rows" --dst ::/0
	[ ! -s "$W/rows" ] || die "a canary was stored: $(head -n 1 "$W/rows")"
	[ "$(status_value recorder refused)" = 0 ] || die "$(status_value recorder refused) events refused"
}

# The programs that are attached write to another ring: all pins are there, and the programs are of this very build.
ring_replaced() {
	local link before
	world_with_canary
	before=$(utc_now)
	for link in 1 2; do
		bpftool link pin pinned "$PINS/link_set_state_$link" "$PINS/kept_$link" ||
			die "cannot pin a link again"
	done
	daemon_end
	rm "$PINS"/link_* "$PINS/events" "$PINS/control"
	daemon_start
	await_seen "$(utc_now)"
	canary_missing false || die "the canary is missing before anything was done"
	for link in 1 2; do
		mv "$PINS/kept_$link" "$PINS/link_set_state_$link" || die "cannot exchange the links"
	done
	await_canary true
	not_live
	connect "$W/lost" --count 100 "$NET4.1:443"
	alarm_gap "$before"
}

# While it goes on it is stated in few pieces, each as long as all before it.
pieces_are_few() {
	local before after
	recorder_gaps() { sekisho status --json >"$W/status" 2>/dev/null; said recorder gaps; }
	world_with_canary
	sleep 1.5
	unhook "$PINS"/link_*
	await_canary true
	before=$(recorder_gaps)
	[ "$before" -ge 1 ] || die "nothing is stated at the alarm"
	sleep 12
	after=$(recorder_gaps)
	[ $((after - before)) -ge 1 ] && [ $((after - before)) -le 4 ] ||
		die "in 12 s $((after - before)) gaps, expected three or so"
	alarm_gap "$(utc_in -60)"
	[ "$(lines "$W/missing")" -eq 1 ] || die "the answer says it in $(lines "$W/missing") pieces"
}

# A new journal says at once what goes on: who is killed then leaves no more unsaid than since it began.
killed_meanwhile() {
	local until
	world_with_canary "rotate_interval = $((2 * INTERVAL))s"
	sleep 1.5
	unhook "$PINS"/link_*
	await_canary true
	sleep $((14 * INTERVAL))
	until=$(date -u -d "- $((4 * INTERVAL)) seconds" +%Y-%m-%dT%H:%M:%S.%NZ)
	daemon_end KILL
	daemon_start
	alarm_gap "$(utc_in -90)"
	[[ $(tail -n 1 "$W/missing" | cut -d'|' -f5) > $until ]] || die "nothing is said of $until: $(cat "$W/missing")"
}

run_case_once AC-85_pieces_are_few pieces_are_few
run_case_once AC-85_killed_meanwhile killed_meanwhile
run_case AC-85_program_detached program_detached
run_case_once AC-85_ring_replaced ring_replaced
finish
