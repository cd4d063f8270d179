#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The clock is set while connections are recorded: only in the virtual machines (tests/run), where it is
# nobody else's clock.
. "$(dirname "$0")/../lib.sh"

set_clock() { date -s "$(date -u -d "$1 seconds" '+%Y-%m-%d %H:%M:%S.%N UTC')" >/dev/null || die "cannot set the clock"; }

time_of() { cut -d, -f$TIME "$1" | sort | "$2" -n 1; }

# AC-26: an event has the time that the clock showed when it happened, on both sides of the step, although the
# daemon comes to know of it later.
step_forward() {
	local before
	simple_world
	serve "$NET4.1:443"
	connect "$W/one" --count 50 --from "$NET4.100" "$NET4.1:443"
	daemon_freeze
	connect "$W/more" --count 50 --from "$NET4.100" "$NET4.1:443"
	cat "$W/more" >>"$W/one"
	before=$(utc_now)
	set_clock 100
	daemon_thaw
	connect "$W/two" --count 50 --from "$NET4.101" "$NET4.1:443"
	search "$W/rows" --src "$NET4.100"
	same_rows "$W/one" "$W/rows" "before the step"
	[[ $(time_of "$W/rows" tail) < $before ]] || die "a row from before the step has the time $(time_of "$W/rows" tail), the step was at $before"
	search "$W/rows" --src "$NET4.101"
	same_rows "$W/two" "$W/rows" "after the step"
	[[ $(time_of "$W/rows" head) > $(date -u -d "$before +99 seconds" +%Y-%m-%dT%H:%M:%S.%NZ) ]] ||
		die "a row from after the step has the time $(time_of "$W/rows" head), $before + 100 s expected"
	no_gap
	seal
	search "$W/rows" --src "$NET4.101"
	same_rows "$W/two" "$W/rows" "after the step, sealed"
	verify
}

# Set back before the consent's beginning: not recorded is right, but then it is said.
step_back() {
	local made recorded
	simple_world
	serve "$NET4.1:443"
	connect "$W/one" --count 50 --from "$NET4.100" "$NET4.1:443"
	set_clock -3600
	sleep 1
	connect "$W/two" --count 50 --from "$NET4.101" "$NET4.1:443"
	search "$W/rows" --src "$NET4.101"
	recorded=$(lines "$W/rows")
	sleep 1.3
	gaps "$W/gaps"
	if [ "$recorded" -ne 50 ] && [ ! -s "$W/gaps" ] &&
		! sekisho status | grep -q '^  web .*not recorded'; then
		die "of 50 connections $recorded recorded, no gap, and status says: $(sekisho status | grep '^  web ')"
	fi
	set_clock 3600
	sleep 1
	connect "$W/three" --count 50 --from "$NET4.102" "$NET4.1:443"
	search "$W/rows" --src "$NET4.102"
	same_rows "$W/three" "$W/rows" "after the clock was set right again"
	search "$W/rows" --src "$NET4.100"
	same_rows "$W/one" "$W/rows" "before the clock was set back"
}

# A machine that boots with a clock that is behind: when it is set, consents count.
wrong_at_start() {
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1"
	grant web
	set_clock -3600
	daemon_start
	serve "$NET4.1:443"
	connect "$W/one" --count 20 --from "$NET4.100" "$NET4.1:443"
	set_clock 3600
	sleep 2
	connect "$W/two" --count 50 --from "$NET4.101" "$NET4.1:443"
	search "$W/rows" --src "$NET4.101"
	[ "$(lines "$W/rows")" -eq 50 ] || die "of 50 connections $(lines "$W/rows") recorded, and status says: $(sekisho status | grep '^  web ')"
	same_rows "$W/two" "$W/rows" "after the clock was set"
}

# Set to shortly before the consent's beginning, as a time service may do: it begins when its time comes.
begins_after_step() {
	simple_world
	serve "$NET4.1:443"
	connect "$W/one" --count 20 --from "$NET4.100" "$NET4.1:443"
	set_clock -5
	sleep 8
	connect "$W/two" --count 50 --from "$NET4.101" "$NET4.1:443"
	search "$W/rows" --src "$NET4.101"
	[ "$(lines "$W/rows")" -eq 50 ] || die "of 50 connections $(lines "$W/rows") recorded, and status says: $(sekisho status | grep '^  web ')"
	search "$W/rows" --src "$NET4.100"
	same_rows "$W/one" "$W/rows" "before the step"
}

# The end of a consent is an instant of the clock: a step moves when it comes.
end_moves() {
	simple_world
	serve "$NET4.1:443"
	sekisho consent withdraw web >>"$LOG" 2>&1 || die "withdraw: $(tail -n 1 "$LOG")"
	grant web "$(utc_in 600)"
	connect "$W/one" --count 50 --from "$NET4.100" "$NET4.1:443"
	set_clock 700
	sleep 1
	connect "$W/two" --count 50 --from "$NET4.101" "$NET4.1:443"
	search "$W/rows" --src "$NET4.101"
	[ ! -s "$W/rows" ] || die "$(lines "$W/rows") rows from after the end of the consent"
	search "$W/rows" --src "$NET4.100"
	same_rows "$W/one" "$W/rows" "before the end"
}

in_vm || { printf 'this script sets the clock: it runs in a virtual machine only\n' >&2; exit 2; }
run_case AC-26_clock_set_forward step_forward
run_case AC-26_clock_set_back step_back
run_case AC-26_clock_wrong_at_start wrong_at_start
run_case AC-26_consent_begins_after_step begins_after_step
run_case AC-08,26_clock_set_past_the_end end_moves
finish
