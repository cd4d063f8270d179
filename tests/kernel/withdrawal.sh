#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A tenant that withdraws under load, again and again (AC-06); a collector that is killed (AC-09): when recording ends.
. "$(dirname "$0")/../lib.sh"

now_ms() { echo $(($(date +%s%N) / 1000000)); }
waiting_is_over() { [ "$(status_value ring produced)" != "$1" ]; }

# Each withdrawal is confirmed within a second, names an instant, and no record is from then or later; the kernel has
# stopped by then, although the connections go on.
again_and_again() {
	local times=$1 rate=$2 i begun said when longest=0 took produced tenants
	simple_world
	serve "$NET4.1:443" "[$NET6:1]:443"
	load "$W/list" --count 10000000 --rate "$rate" --from "$NET4.100,$NET4.101,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	: >"$W/withdrawn"
	for i in $(seq "$times"); do
		[ "$i" -eq 1 ] || grant web
		produced=$(status_value ring produced)
		wait_until 5 waiting_is_over "$produced" || die "nothing is recorded after grant $i"
		sleep "0.$((100 + RANDOM % 300))"
		begun=$(now_ms)
		said=$(sekisho consent withdraw web 2>&1) || die "withdrawal $i: $said"
		took=$(($(now_ms) - begun))
		produced=$(status_value ring produced)
		[ "$took" -le "$longest" ] || longest=$took
		when=$(grep -oE '[0-9]{4}-[^ ]*Z' <<<"$said" | head -n 1)
		[ -n "$when" ] || die "withdrawal $i does not say when: $said"
		printf '%s\n' "$when" >>"$W/withdrawn"
		sleep 0.3
		[ "$(status_value ring produced)" = "$produced" ] || die "the ring's producer moved after withdrawal $i was confirmed"
	done
	load_end stop
	[ "$longest" -lt $((SLOW ? 5000 : 1000)) ] || die "a withdrawal took $longest ms"
	seal
	search "$W/rows" --tenant web
	# Grants and withdrawals are the lines of the ledger in turns: grant 2i + 1 was ended at line i of withdrawn.
	tenants=$(cut -d, -f$CONSENT "$W/rows" | sort -n | uniq | wc -l)
	[ "$tenants" -eq "$times" ] || die "rows of $tenants grants, there were $times"
	awk -F, -v column=$TIME -v consent=$CONSENT 'FNR == NR { when[2 * FNR - 1] = $1; next }
		!($consent in when) || $column >= when[$consent] { print $column " of grant " $consent ", withdrawn at " when[$consent]; exit }
		when[$consent - 2] != "" && $column < when[$consent - 2] { print $column " of grant " $consent ", before it was given"; exit }
	' "$W/withdrawn" "$W/rows" >"$W/wrong"
	[ ! -s "$W/wrong" ] || die "a record at $(cat "$W/wrong")"
	no_extra "$W/list" "$W/rows" "withdrawn again and again"
	[ "$(lines "$W/rows")" -gt $((times * rate / 20)) ] || die "only $(lines "$W/rows") rows: the test proves nothing"
	[ "$(lines "$W/rows")" -lt "$(lines "$W/list")" ] || die "everything was recorded: nothing was withdrawn"
	no_gap
	said=$(sekisho verify --full 2>&1) || die "verify --full: $said"
	printf '# the longest withdrawal took %d ms, %d of %d connections recorded\n' "$longest" "$(lines "$W/rows")" "$(lines "$W/list")"
}

# Less and more in turns, under load: no record from after an act is judged by what was agreed before (AC-10), and none
# is missing.
less_and_more() {
	local times=$1 i fields said
	simple_world
	serve "$NET4.1:443" "[$NET6:1]:443"
	load "$W/list" --count 10000000 --rate 3000 --from "$NET4.100,$NET4.101,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	for i in $(seq "$times"); do
		fields=src_addr,src_port,dst_addr,dst_port,t_accept
		[ $((i % 2)) -eq 1 ] || fields=$fields,rtt
		said=$(sekisho consent modify web --fields "$fields" --text "$W/text" --same-terms --revocable --actor test 2>&1) ||
			die "change $i: $said"
		sleep "0.$((100 + RANDOM % 200))"
	done
	load_end stop
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "changed $times times"
	[ "$(cut -d, -f$CONSENT "$W/rows" | sort -u | wc -l)" -eq $((times + 1)) ] || die "rows of $(cut -d, -f$CONSENT "$W/rows" | sort -u | wc -l) grants, there were $((times + 1))"
	no_gap
	said=$(sekisho verify --full 2>&1) || die "verify --full: $said"
	seal
	said=$(sekisho verify --full 2>&1) || die "verify --full, sealed: $said"
}

# ask VERB [MEMBER=NUMBER]: what `consent grant` and modify say to the collector around an act, and its answer.
ask() {
	python3 -c '
import json, socket, struct, sys
body = {"verb": sys.argv[2], **{k: int(v) for k, v in (a.split("=") for a in sys.argv[3:])}}
body = json.dumps(body).encode()
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(struct.pack("<4sHHII", b"SKSH", 2, 2, len(body), 0) + body) # schema/control.h
s = s.makefile("rb")
magic, version, type, size, zero = struct.unpack("<4sHHII", s.read(16))
text = s.read(size)
if type != 130 or json.loads(text)["status"] != 0:
    sys.exit("answer %d: %s" % (type, text))
print(json.loads(text).get("pause", ""))' "$RUN/control.sock" "$@" 2>"$W/why"
}
# Who pauses the collector for an act and is killed: it goes on by itself, and has lost nothing.
pause() { ask pause || die "the collector cannot be paused: $(tail -n 1 "$W/why")"; }
# Without a search, which would wait.
journal_rows() { sekisho status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["journal"]["rows"])'; }
has_rows() { [ "$(journal_rows)" -eq "$1" ]; }
never_ended() {
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 100 "$NET4.1:443"
	wait_until 5 has_rows 100 || die "$(journal_rows) rows in the journal, 100 expected"
	pause >"$W/number"
	connect "$W/more" --count 100 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	sleep 1
	has_rows 100 || die "$(journal_rows) rows in the journal of a paused collector, 100 expected"
	wait_until 10 has_rows 200 || die "$(journal_rows) rows in the journal, 200 expected: the pause does not end"
	grep -q 'begun and not ended' "$LOG" || die "the log does not say it: $(tail -n 1 "$LOG")"
	pause >"$W/number"
	search "$W/rows" --tenant web # waits for the end of the pause
	same_rows "$W/list" "$W/rows" "paused twice"
	no_gap
}

# pauses FILE: one after the other, none of which is ended, until the file is there.
pauses() {
	while [ ! -e "$1" ]; do
		pause >/dev/null
		sleep 1
	done
}
# Acts that are begun again and again and never ended keep nobody else's connections from being recorded, or found.
begun_again_and_again() {
	simple_world
	serve "$NET4.1:443"
	pause >"$W/number"
	pauses "$W/enough" &
	PIDS+=($!)
	connect "$W/list" --count 100 "$NET4.1:443"
	wait_until 8 has_rows 100 || die "$(journal_rows) rows in the journal, 100 expected: the pause has no end"
	connect "$W/more" --count 100 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "between pauses"
	touch "$W/enough"
	no_gap
}

# The end of an act ends its own pause, and not that of the next act.
ends_its_own() {
	local first second
	simple_world
	serve "$NET4.1:443"
	first=$(pause)
	second=$(pause)
	[[ $first =~ ^[0-9]+$ && $second =~ ^[0-9]+$ && $first != "$second" ]] || die "the pauses are \"$first\" and \"$second\""
	ask reload "resume=$first" >/dev/null || die "reload: $(cat "$W/why")"
	connect "$W/list" --count 100 "$NET4.1:443"
	sleep 1
	has_rows 0 || die "$(journal_rows) rows in the journal of a paused collector"
	ask reload "resume=$second" >/dev/null || die "reload: $(cat "$W/why")"
	has_rows 100 || die "$(journal_rows) rows in the journal after the end of the act, 100 expected"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "two acts"
	no_gap
}

# Killed: the kernel goes on for the heartbeat's time and no longer; what it does not emit is counted, exactly.
heartbeat() {
	local killed last end made
	simple_world "heartbeat = 5s"
	serve "$NET4.1:443"
	connect "$W/before" --count 50 --from "$NET4.102" "$NET4.1:443"
	search "$W/rows" --tenant web
	load "$W/list" --count 100000 --rate 300 "$NET4.1:443"
	killed=$(utc_now)
	daemon_end KILL
	end=$(utc_in 5.1)
	sleep 6
	load_end stop
	connect "$W/after" --count 200 --from "$NET4.101" "$NET4.1:443"
	daemon_start
	connect "$W/again" --count 50 --from "$NET4.103" "$NET4.1:443"
	sleep 1.3
	search "$W/rows" --src "$NET4.101"
	[ ! -s "$W/rows" ] || die "a row from after the end of the heartbeat: $(head -n 1 "$W/rows")"
	search "$W/rows" --src "$NET4.103"
	same_rows "$W/again" "$W/rows" "after the next start"
	search "$W/rows" --src "$NET4.100"
	last=$(cut -d, -f$TIME "$W/rows" | sort | tail -n 1)
	[[ $last > $killed ]] || die "the kernel stopped at $last, when the collector was killed at $killed"
	[[ $last < $end ]] || die "the kernel recorded at $last, the collector was killed at $killed"
	search "$W/rows" --tenant web
	made=$(cat "$W/before" "$W/list" "$W/after" "$W/again" | wc -l)
	gaps "$W/gaps"
	[ "$(cut -d'|' -f1 "$W/gaps" | sort -u)" = 'no collector (heartbeat expired)' ] || die "the gaps are $(cut -d'|' -f1 "$W/gaps" | sort -u | paste -sd,)"
	[ "$made" -eq $(($(lines "$W/rows") + $(lost 'no collector (heartbeat expired)' web))) ] ||
		die "made $made, recorded $(lines "$W/rows"), counted $(lost 'no collector (heartbeat expired)' web)"
	[ "$(lost 'no collector (heartbeat expired)' web)" -ge 200 ] || die "only $(lost 'no collector (heartbeat expired)' web) were counted"
}

# Stopped is as dead as killed; and a running collector goes on beyond the heartbeat's time.
heartbeat_of_a_stopped_one() {
	simple_world "heartbeat = 5s"
	serve "$NET4.1:443"
	load "$W/list" --count 100000 --rate 100 "$NET4.1:443"
	sleep 7
	load_end stop
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "while it runs"
	no_gap
	daemon_freeze
	sleep 5.5
	connect "$W/after" --count 200 --from "$NET4.101" "$NET4.1:443"
	daemon_thaw
	sleep 1.3
	search "$W/rows" --src "$NET4.101"
	[ ! -s "$W/rows" ] || die "a row from after the end of the heartbeat: $(head -n 1 "$W/rows")"
	gaps "$W/gaps"
	[ "$(lost 'no collector (heartbeat expired)' web)" -eq 200 ] || die "$(lost 'no collector (heartbeat expired)' web) were counted instead of 200"
	connect "$W/again" --count 50 --from "$NET4.103" "$NET4.1:443"
	search "$W/rows" --src "$NET4.103"
	same_rows "$W/again" "$W/rows" "goes on"
}

TIMES=$((SLOW ? 3 : LONG ? 80 : 8))
run_case_once "AC-06_withdrawn_under_load_x$TIMES" again_and_again "$TIMES" $((SLOW ? 300 : 4000))
run_case_once AC-10_less_and_more_under_load less_and_more $((LONG ? 50 : 8))
run_case_once AC-10_a_change_that_never_ends never_ended
run_case_once AC-10_changes_that_never_end begun_again_and_again
run_case_once AC-10_a_change_ends_its_own_pause ends_its_own
run_case AC-09_killed_stops_within_the_heartbeat heartbeat
run_case_once AC-09_stopped_ends_within_the_heartbeat heartbeat_of_a_stopped_one
finish
