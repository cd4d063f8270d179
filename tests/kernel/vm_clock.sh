#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The clock is set while connections are recorded: only in the virtual machines (tests/run), where it is
# nobody else's clock.
. "$(dirname "$0")/../lib.sh"

set_clock() { date -s "$(date -u -d "$1 seconds" '+%Y-%m-%d %H:%M:%S.%N UTC')" >/dev/null || die "cannot set the clock"; }

# only_set COUNT: so many gaps say that the clock was set, nothing was lost.
only_set() {
	gaps "$W/gaps"
	[ "$(cut -d'|' -f1,3 "$W/gaps" | sort | uniq -c | sed 's/^ *//')" = "$1 clock set|null" ] ||
		die "expected $1 x that the clock was set, got: $(cat "$W/gaps")"
}

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
	only_set 1
	seal
	search "$W/rows" --src "$NET4.101"
	same_rows "$W/two" "$W/rows" "after the step, sealed"
	only_set 1
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
	local before
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
	before=$(utc_now)
	connect "$W/two" --count 20 --from "$NET4.102" "$NET4.1:443"
	search "$W/rows" --src "$NET4.102"
	same_rows "$W/two" "$W/rows" "later"
	[[ $(time_of "$W/rows" head) > $before && $(time_of "$W/rows" tail) < $(utc_now) ]] ||
		die "rows have times from $(time_of "$W/rows" head) to $(time_of "$W/rows" tail), made between $before and $(utc_now)"
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

# --- Bounds: what time it truly is, by a clock that nobody sets or slews ---

true_begin() { read -r RAW_BEGIN UTC_BEGIN <<<"$("$BIN/conns" clock raw)"; }
true_now() {
	local raw utc
	read -r raw utc <<<"$("$BIN/conns" clock raw)"
	printf '%d' $((UTC_BEGIN + raw - RAW_BEGIN))
}
say_synchronised() { "$BIN/conns" clock synchronised "$1" "${2:-10000}" || die "cannot tell the kernel that its clock is right"; }

# made NAME SOURCE: ten connections, and between which true times.
made() {
	local from
	from=$(true_now)
	connect "$W/$1" --count 10 --procs 1 --from "$2" "$NET4.1:443"
	printf '%s %s %s\n' "$2" "$from" "$(true_now)" >>"$W/made"
}

# bounded [LEAST]: the true time of each row that made() made is within its clock_err_ns. WORST: how far the
# farthest was off at least, of rows that should be off.
bounded() {
	local source from to time text error ns rows
	WORST=0 OUTSIDE=0
	while read -r source from to; do
		search "$W/rows" --src "$source"
		rows=$(lines "$W/rows")
		[ "$rows" -eq 10 ] || die "$rows rows of $source, 10 expected"
		while IFS=, read -r -a row; do
			text=${row[7]} error=${row[11]}
			ns=$(date -u -d "$text" +%s%N)
			time=$((ns > to ? ns - to : ns < from ? from - ns : 0))
			[ "$time" -le "$WORST" ] || WORST=$time
			[ "$time" -le "$error" ] || OUTSIDE=$((OUTSIDE + 1))
		done <"$W/rows"
	done <"$W/made"
}

bound_world() {
	: >"$W/made"
	true_begin
	say_synchronised 100000
	simple_world "$@"
	serve "$NET4.1:443"
}

# AC-26: +5 s and -5 s: what is made before, between and after, also while the collector does not see it.
steps_of_five() {
	bound_world
	made before "$NET4.100"
	daemon_freeze
	set_clock 5
	daemon_thaw
	sleep 0.5
	made ahead "$NET4.101"
	set_clock -5
	sleep 0.5
	made right "$NET4.102"
	for state in live sealed; do
		[ "$state" = live ] || seal
		bounded
		[ "$OUTSIDE" -eq 0 ] || die "$state: $OUTSIDE of 30 rows are not within their bound"
		[ "$WORST" -gt 2000000000 ] || die "$state: no row is more than $WORST ns off: the test proves nothing"
		only_set 2
	done
	search "$W/rows" --src "$NET4.100"
	[[ $(column 12 "$W/rows") =~ ^(134217728|268435456)=10$ ]] || die "bounds before: $(column 12 "$W/rows"), maxerror was 0.1 s"
	verify
}

# Two seconds behind, and slewed to what is right by a twentieth: the kernel's bound has the offset, and what it says
# is in status and in the answer (AC-28).
slewed() {
	true_begin
	: >"$W/made"
	set_clock -2
	say_synchronised 2500000
	simple_world "chrony = no"
	serve "$NET4.1:443"
	made one "$NET4.100"
	say_synchronised 2500000 10500
	sleep 3
	made two "$NET4.101"
	sleep 11 # another anchor
	made three "$NET4.102"
	bounded
	[ "$OUTSIDE" -eq 0 ] || die "$OUTSIDE of 30 rows are not within their bound"
	[ "$WORST" -gt 300000000 ] || die "no row is more than $WORST ns off: the test proves nothing"
	no_gap
	[ "$(status_value clock max_error_ns)" -ge 2500000000 ] || die "status: $(status_value clock max_error_ns) ns, maxerror is 2.5 s"
	search "$W/rows" --src "$NET4.100"
	[ "$(cut -d, -f12 "$W/rows" | sort -n | head -n 1)" -ge 2500000000 ] || die "an answer's bound is below maxerror: $(column 12 "$W/rows")"
	sekisho status >"$W/said"
	grep -q '^Clock:     synchronised, error at most 4294\.967 ms' "$W/said" || die "status: $(grep Clock "$W/said")"
	say_synchronised 16000000 10000
}

# As chronyd does it: the kernel is told 20 ms, and chronyd alone knows of the second that it slews away.
chrony_knows() {
	local setting off
	mkdir -p /usr/bin
	cat >/usr/bin/chronyc <<'EOC'
#!/bin/bash
[ "$*" = '-n -c tracking' ] || exit 1
printf '7F000001,,1,1709727533.1,OFFSET,0.1,0.1,1.2,0.0,0.1,0.002000000,0.003000000,8.0,Normal\n'
EOC
	chmod 755 /usr/bin/chronyc
	for setting in auto no; do
		: >"$W/made"
		true_begin
		set_clock -1.5
		say_synchronised 20000
		# How far it is off in truth: setting it takes a while here.
		off=$(($(true_now) - $(date +%s%N)))
		sed -i "s/OFFSET/-$off/; s/,-\([0-9]*\)\([0-9]\{9\}\),/,-\1.\2,/" /usr/bin/chronyc
		simple_world "chrony = $setting"
		serve "$NET4.1:443"
		made one "$NET4.100"
		bounded
		[ "$WORST" -gt 300000000 ] || die "chrony = $setting: no row is more than $WORST ns off: the test proves nothing"
		if [ "$setting" = auto ]; then
			[ "$OUTSIDE" -eq 0 ] || die "$OUTSIDE of 10 rows are not within their bound"
			[ "$(status_value clock chrony_error_ns)" -ge "$off" ] || die "status: $(status_value clock chrony_error_ns), it is off by $off"
		else
			[ "$OUTSIDE" -eq 10 ] || die "without chronyd $OUTSIDE of 10 rows outside: the test proves nothing"
			[ "$(status_value clock chrony_error_ns)" = null ] || die "status: $(status_value clock chrony_error_ns)"
		fi
		set_clock 1.5
		world_end
		world_begin
	done
	rm /usr/bin/chronyc
	say_synchronised 16000000
}

# Until nobody takes an anchor for long: what was recorded meanwhile has a bound that has grown.
nobody_looked() {
	local early late
	bound_world "heartbeat = 10m"
	made early "$NET4.101"
	daemon_end
	sleep 25
	made late "$NET4.100"
	daemon_start
	bounded
	[ "$OUTSIDE" -eq 0 ] || die "$OUTSIDE of 20 rows are not within their bound"
	search "$W/rows" --src "$NET4.101"
	early=$(cut -d, -f12 "$W/rows" | sort -n | tail -n 1)
	search "$W/rows" --src "$NET4.100"
	late=$(cut -d, -f12 "$W/rows" | sort -n | head -n 1)
	[ "$late" -ge 268435456 ] || die "bounds: $(column 12 "$W/rows"), expected 2^28 ns or more"
	[ "$early" -lt "$late" ] || die "the bound was $early ns already while somebody looked: the test proves nothing"
	no_gap
}

in_vm || { printf 'this script sets the clock: it runs in a virtual machine only\n' >&2; exit 2; }
run_case AC-26_bug_clock_step_while_events_are_queued step_forward
run_case AC-26_clock_set_back step_back
run_case AC-26_bug_offset_cached_at_start wrong_at_start
run_case AC-26_consent_begins_after_step begins_after_step
run_case AC-08,26_clock_set_past_the_end end_moves
run_case AC-26_steps_of_five_seconds steps_of_five
run_case AC-28_slewed_within_the_bound slewed
run_case AC-28_chronyd_knows_more chrony_knows
run_case AC-28_nobody_looked nobody_looked
finish
