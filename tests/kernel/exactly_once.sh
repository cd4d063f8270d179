#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Killed at any instant under load, restarted, stopped: nothing lost, nothing twice, no gap claimed.
. "$(dirname "$0")/../lib.sh"

equal_after() {
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "$1"
	no_gap
	verify
	seal
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "$1, sealed"
	no_gap
	verify
	[ "$(status_value recorder refused)" = 0 ] || die "$(status_value recorder refused) events refused"
}

# A random time, in seconds.
some_time() { printf '0.%03d' $((50 + RANDOM % $1)); }

# killed_under_load SIGNAL TIMES RATE: a new one starts at once; the next signal may come before it is live. Every
# fourth one comes to life, or the ring would run full of what nobody takes.
killed_under_load() {
	local i
	simple_world "ring_size = $((SLOW ? 16 : 64))M" "${@:4}"
	serve "$NET4.1:443" "[$NET6:1]:443"
	load "$W/list" --count 100000000 --timeout 86400 --rate "$3" --from "$NET4.100,$NET4.101,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	for i in $(seq "$2"); do
		sleep "$(some_time 450)"
		daemon_gone && die "sekishod ended by itself before signal $i"
		daemon_end "$1" early
		[ $((i % 3)) -ne 0 ] || sleep "$(some_time 300)"
		${BEFORE_START-}
		daemon_spawn
		[ $((i % 4)) -ne 0 ] || wait_until "$LIVE_SECONDS" daemon_live || die "not live within $LIVE_SECONDS s after signal $i"
	done
	wait_until "$LIVE_SECONDS" daemon_live || die "not live within $LIVE_SECONDS s after the last start: $(tail -n 1 "$LOG")"
	connect "$W/last" --count 100 --from "$NET4.102" "$NET4.1:443"
	load_end stop
	[ "$(lines "$W/list")" -ge $(($2 * $3 / 20)) ] || die "only $(lines "$W/list") connections under load"
	cat "$W/last" >>"$W/list"
	equal_after "$2 x SIG$1"
}

# A link that is missing makes the next start replace the programs, as those of another build: the old ones run
# until the new ones do, and both emit. Killed at any instant of that.
changes=0
another_generation() {
	# The start before this one may have been killed early.
	[ ! -e "$PINS/link_set_state_1" ] || { rm "$PINS/link_set_state_1" && changes=$((changes + 1)); }
}
generations() {
	BEFORE_START=another_generation
	some_time() { # short, once the programs are there
		wait_until 5 test -e "$PINS/link_set_state_1"
		printf '0.%03d' $((RANDOM % 150))
	}
	killed_under_load KILL "$@"
	[ "$changes" -ge $(($1 * 9 / 10)) ] || die "only $changes changes of the programs"
}

# Of sock_ops one link is all there is, so the old generation is held by another pin, and goes on beside the new one.
two_generations() {
	local old=/sys/fs/bpf/$RUN_ID-$$-old
	simple_world
	serve "$NET4.1:443" "[$NET6:1]:443"
	connect "$W/list" --count 100 "$NET4.1:443"
	# shellcheck disable=SC2064 # now, as it is local
	trap "rm -f $old; world_end" EXIT
	bpftool link pin pinned "$PINS/link_sock_ops" "$old" 2>>"$LOG" || die "bpftool: $(tail -n 1 "$LOG")"
	daemon_end
	rm "$PINS/link_sock_ops"
	connect "$W/more" --count 100 "$NET4.1:443" # by the old one alone
	cat "$W/more" >>"$W/list"
	daemon_start
	connect "$W/more" --count 300 "$NET4.1:443" "[$NET6:1]:443"
	cat "$W/more" >>"$W/list"
	search "$W/rows" --tenant web
	rm "$old"
	[ "$(status_value ring produced)" -eq $(((200 + 2 * 300) * 80)) ] || die "the ring has seen $(said ring produced) bytes: not both have emitted"
	same_rows "$W/list" "$W/rows" "two generations"
	connect "$W/more" --count 100 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "the new generation alone"
	verify
}

# What happens while no daemon runs waits in the pinned ring.
offline() {
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 1000 "$NET4.1:443"
	daemon_end "$1"
	sekisho status >/dev/null 2>&1
	[ $? -eq 3 ] || die "status does not exit with 3 without a daemon"
	connect "$W/more" --count 1000 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	daemon_start
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "recorded without a daemon"
	connect "$W/more" --count 1000 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	equal_after "with a break"
}

# Nothing new happens between two kills: what was written must not come again.
killed_at_rest() {
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 3000 "$NET4.1:443"
	local i
	for i in $(seq 5); do
		daemon_end KILL
		daemon_start
	done
	equal_after "killed at rest"
	for i in 1 2 3; do
		daemon_end
		daemon_start
	done
	equal_after "stopped at rest"
}

# Killed between the write of a frame and the release of its events: an instant that no number of random
# kills hits, so the release is taken back here.
killed_before_release() {
	local before after
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 200 "$NET4.1:443"
	search "$W/rows" --tenant web
	before=$(consumer) || die "cannot read the ring: $before"
	connect "$W/more" --count 300 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	search "$W/rows" --tenant web
	[ "$1" != sealed ] || seal
	[ "$1" != twice ] || { seal && connect "$W/more" --count 10 "$NET4.1:443" && cat "$W/more" >>"$W/list" && seal; }
	after=$(consumer)
	daemon_end KILL
	[ "$after" -gt "$before" ] || die "nothing was released"
	consumer "$before" >/dev/null
	[ "$(consumer)" = "$before" ] || die "the release was not taken back"
	connect "$W/more" --count 100 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	daemon_start
	equal_after "killed before the release ($1)"
}

kills=$((SLOW ? 5 : LONG ? 1000 : 40))
rate=$((SLOW ? 1000 : 6000))
run_case "AC-79_SIGKILL_x${kills}_under_load" killed_under_load KILL "$kills" "$rate"
terms=$((LONG ? 100 : 6))
run_case_once "AC-79_SIGTERM_x${terms}_under_load" killed_under_load TERM "$terms" "$rate"
run_case_once "AC-80_generations_x${kills}_under_load" generations "$kills" "$rate"
# Rotation and sealing all the time, so that kills hit them.
run_case_once AC-33,79_SIGKILL_while_sealing killed_under_load KILL $((SLOW ? 3 : 10)) "$rate" "rotate_interval = 1s" "sync_interval = 10ms"
RUNG=sock_ops
run_case_once AC-80_two_generations two_generations
RUNG=set_state
run_case AC-79_offline_after_SIGKILL offline KILL
run_case_once AC-61,79_offline_after_SIGTERM offline TERM
run_case_once AC-79_killed_at_rest killed_at_rest
# With python3, which the virtual machines lack.
if ! in_vm; then
	run_case AC-79_killed_before_release killed_before_release live
	run_case AC-79_killed_before_release_sealed killed_before_release sealed
	run_case AC-79_killed_before_release_sealed_twice killed_before_release twice
fi
finish
