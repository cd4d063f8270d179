#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The three processes of sekishod: what rights each has, and that any of them can die at any instant (AC-62).
. "$(dirname "$0")/../lib.sh"

# of PID KEY: a line of /proc/PID/status, its values apart by one blank.
of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr -s '\t ' ' ' | sed 's/ *$//'; }

# has PID KEY VALUE
has() {
	local got
	got=$(of "$1" "$2")
	[ "$got" = "$3" ] || die "$2 of $(tr '\0' ' ' <"/proc/$1/cmdline") is \"$got\", not \"$3\""
}

# can BIT...: a capability set of exactly these, as in /proc.
can() {
	local bit sum=0
	for bit in "$@"; do
		sum=$((sum | 1 << bit))
	done
	printf '%016x' "$sum"
}
NONE=$(can)
# CAP_DAC_READ_SEARCH KILL SETGID SETUID SETPCAP SYS_PTRACE SYS_ADMIN
WARDEN=$(can 2 5 6 7 8 19 21)

rights() {
	local name pid set
	# The positive control: what this script has.
	[ "$(of $$ CapEff)" != "$NONE" ] && [ "$(of $$ CapEff)" != "$WARDEN" ] || die "this script has no more rights than the daemon"
	has $$ NoNewPrivs 0
	simple_world
	for name in recorder registrar; do
		pid=$(child "$name") || die "no process $name"
		for set in CapInh CapPrm CapEff CapBnd CapAmb; do
			has "$pid" "$set" "$NONE"
		done
		has "$pid" Uid "$STORE_USER $STORE_USER $STORE_USER $STORE_USER"
		has "$pid" Gid "$STORE_USER $STORE_USER $STORE_USER $STORE_USER"
		has "$pid" Groups ""
		has "$pid" NoNewPrivs 1
		has "$pid" Seccomp 2
		[ "$(awk '/^Max core/ { print $6 }' "/proc/$pid/limits")" = 0 ] || die "$name may write its memory to a file"
		has "$pid" PPid "$DAEMON"
	done
	for set in CapPrm CapEff CapBnd; do
		has "$DAEMON" "$set" "$WARDEN"
	done
	has "$DAEMON" NoNewPrivs 1
	has "$DAEMON" Seccomp 2
	has "$DAEMON" Threads 1
	has "$(child registrar)" Threads 1
	[ "$(find "$STATE" ! -user "$STORE_USER" | wc -l)" -eq 0 ] || die "not the user's: $(find "$STATE" ! -user "$STORE_USER" | head -n 1)"
	[ "$(find "$STATE" -type f | wc -l)" -ge 5 ] || die "too few files to look at"
	sekisho status >"$W/said" || die "status: $?"
	grep -qE "^Processes: warden $DAEMON \(uid 0\), recorder $(child recorder) \(uid $STORE_USER\), registrar $(child registrar) \(uid $STORE_USER\)\$" \
		"$W/said" || die "status says: $(grep Processes "$W/said")"
}

# Nobody but the recorder has what it took to arm the kernel; nor does it have a socket with a name.
descriptors() {
	simple_world
	[ "$(find "/proc/$(child registrar)/fd" -lname 'anon_inode:bpf*' | wc -l)" -eq 0 ] ||
		die "the registrar has BPF descriptors"
	[ "$(find "/proc/$(child recorder)/fd" -lname 'anon_inode:bpf-map' | wc -l)" -ge 6 ] || die "no maps where they should be"
	[ "$(grep -c bpf-map "/proc/$(child registrar)/maps")" -eq 0 ] || die "the registrar sees the ring"
	[ "$(grep -c bpf-map "/proc/$(child recorder)/maps")" -ge 3 ] || die "no ring where it should be"
	grep -q "$STATE/ledger" <(ls -l "/proc/$(child registrar)/fd") || die "no store where it should be"
	# The control socket, and the ways to the warden, to the recorder and to the log: not those of the canary.
	[ "$(find "/proc/$(child registrar)/fd" -lname 'socket:*' | wc -l)" -eq 4 ] ||
		die "sockets of the registrar: $(find "/proc/$(child registrar)/fd" -lname 'socket:*' | wc -l)"
}

the_user() {
	local status=0
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1"
	sed -i "s/^user = .*/user = nobody-of-this-name/" "$CONF"
	try_grant web >"$W/said" 2>&1
	[ $? -eq 1 ] || die "a consent in a store of a user that is not there"
	"$BIN/sekishod" -c "$CONF" -f >"$W/said2" 2>&1 || status=$?
	[ "$status" -eq 1 ] || die "status $status with a user that is not there"
	for said in said said2; do
		grep -q "error: user nobody-of-this-name: there is no such user; make it (useradd --system nobody-of-this-name), or set user" "$W/$said" ||
			die "said of the user: $(cat "$W/$said")"
	done
	[ ! -e "$STATE" ] && [ ! -e "$PINS" ] || die "something was made all the same"
	# A store from before there was a user.
	sed -i "s/^user = .*/user = root/" "$CONF"
	grant web
	daemon_start
	has "$(child recorder)" Uid "0 0 0 0"
	has "$(child recorder)" CapEff "$NONE"
	has "$(child recorder)" CapBnd "$NONE"
	daemon_end
	sed -i "s/^user = .*/user = $STORE_USER/" "$CONF"
	status=0
	"$BIN/sekishod" -c "$CONF" -f >"$W/said" 2>&1 || status=$?
	[ "$status" -eq 1 ] && grep -q "belongs to user 0, not to $STORE_USER, as whom sekishod works: chown -R $STORE_USER $STATE" "$W/said" ||
		die "root's store (status $status): $(cat "$W/said")"
	chown -R "$STORE_USER" "$STATE"
	daemon_start
}

# --- Death ---

searches_again() {
	local file=$W/again
	rm -f "$file"
	sekisho search --case TEST-1 --basis WARRANT --csv "${EVER[@]}" --src 192.0.2.255 >"$file" 2>>"$LOG"
	[ $? -le 1 ] && sekisho status >>"$LOG" 2>&1
}
LATEST=${LATEST:-$((SLOW ? 20 : 2))} # seconds; more, where the machine has other things to do

# one_consumer [LEAST]: there are never two that take events from the ring, and LEAST of them now.
one_consumer() {
	local pid count=0
	# By one program that looks at all: this is part of the time that is measured.
	for pid in $(grep -lsa '^sekishod: recorder' /proc/[0-9]*/cmdline); do
		! ls -l "${pid%cmdline}fd" 2>/dev/null | grep -q "$STATE/journal" || count=$((count + 1))
	done
	[ "$count" -le 1 ] && [ "$count" -ge "${1:-0}" ] || die "$count recorders work on $STATE at once"
}

# killed WHICH TIMES: under load, as soon as it works again.
killed() {
	local i pid begun took worst=0 late=0 restarts
	simple_world "ring_size = $((SLOW ? 16 : 64))M"
	serve "$NET4.1:443" "[$NET6:1]:443"
	load "$W/list" --count 100000000 --timeout 86400 --rate "$((SLOW ? 100 : 1000))" --from "$NET4.100,$NET4.101,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	for i in $(seq "$2"); do
		case $1 in
		warden) pid=$DAEMON ;;
		*) pid=$(child "$1") || die "no $1 to kill ($i)" ;;
		esac
		kill -KILL "$pid" || die "the $1 has ended by itself before kill $i"
		begun=$(date +%s%N)
		if [ "$1" = warden ]; then
			{ wait "$DAEMON"; } 2>/dev/null
			daemon_spawn
		fi
		one_consumer
		until searches_again; do
			daemon_gone && die "sekishod ended after kill $i: $(tail -n 1 "$LOG")"
			took=$((($(date +%s%N) - begun) / 1000000))
			[ "$took" -le $((LATEST * 10000)) ] || die "no answer $took ms after kill $i of the $1"
		done
		took=$((($(date +%s%N) - begun) / 1000000))
		[ "$took" -le "$worst" ] || worst=$took
		[ "$took" -le $((LATEST * 1000)) ] || late=$((late + 1))
		one_consumer 1
		sleep "0.$((RANDOM % 9))"
		# As a supervisor would see it, and sekishod allows.
		[ "$1" = warden ] || [ $((i % 25)) -ne 0 ] || sleep $((LONG ? 45 : 0))
	done
	echo "# answered again after $worst ms at the latest, $late of $2 times after more than $LATEST s"
	# A machine with other work to do may now and then be later.
	[ $((late * 5)) -le "$2" ] ||
		die "$late of $2 times it took more than $LATEST s until status and search answered again, at most $worst ms"
	if [ "$1" != warden ]; then
		restarts=$(sekisho status | sed -n "s/.*$1 [0-9]* (uid [0-9]*) STARTED AGAIN \([0-9]*\) TIMES.*/\1/p")
		[ "$restarts" = "$2" ] || die "$2 kills of the $1, and status says: $(sekisho status | grep Processes)"
	fi
	connect "$W/last" --count 100 --from "$NET4.102" "$NET4.1:443"
	load_end stop
	[ "$(lines "$W/list")" -ge $(($2 * (SLOW ? 5 : 50))) ] || die "only $(lines "$W/list") connections under load"
	cat "$W/last" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "$2 kills of the $1"
	no_gap
	seal
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "$2 kills of the $1, sealed"
	verify
	[ "$(status_value recorder refused)" = 0 ] || die "$(status_value recorder refused) events refused"
}
KILLS=$((LONG ? 200 : SLOW ? 4 : 6))

ended() { ! grep -qs '^State:[[:space:]]*[^Z]' "/proc/$1/status"; }

# A recorder that hangs makes nobody wait for ever; what it should have written is there when it goes on.
hangs() {
	local begun status=0 took pid
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 50 "$NET4.1:443"
	kill -STOP "$(child recorder)"
	begun=$SECONDS
	timeout 30 "$BIN/sekisho" -c "$CONF" status >"$W/said" 2>&1 || status=$?
	took=$((SECONDS - begun))
	kill -CONT "$(child recorder)"
	[ "$status" -eq 1 ] && grep -q 'error: sekishod.s recorder does not answer within 5 s' "$W/said" || die "status $status: $(cat "$W/said")"
	[ "$took" -le 10 ] || die "status took $took s"
	wait_until 5 daemon_live || die "the recorder goes on, and status does not"
	# The warden may hang, too: recording goes on.
	kill -STOP "$DAEMON"
	connect "$W/more" --count 50 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	search "$W/rows" --tenant web
	kill -CONT "$DAEMON"
	same_rows "$W/list" "$W/rows" "while the warden stood still"
	# Nor does it outlive the warden.
	pid=$(child recorder)
	kill -STOP "$pid"
	! ended "$pid" || die "the recorder has ended before the warden was killed"
	daemon_end KILL
	wait_until 5 ended "$pid" || die "the warden was killed, and its recorder is there: $(grep State "/proc/$pid/status")"
	daemon_start
	no_gap
}

# What dies at once again and again is not started for ever, and the end is told.
gives_up() {
	local i pid last=
	simple_world
	for i in $(seq 40); do
		wait_until 5 sh -c "! kill -0 $DAEMON 2>/dev/null || [ \"\$(cat /proc/$DAEMON/task/$DAEMON/children 2>/dev/null | wc -w)\" -eq 2 ]"
		daemon_gone && break
		pid=$(child registrar) || { sleep 0.05; continue; }
		[ "$pid" != "$last" ] || { sleep 0.05; continue; }
		last=$pid
		kill -KILL "$pid"
	done
	wait_until 10 daemon_gone || die "sekishod goes on after $i deaths of its registrar"
	STATUS=0
	{ wait "$DAEMON"; } 2>/dev/null || STATUS=$?
	DAEMON=
	[ "$STATUS" -eq 1 ] || die "status $STATUS"
	grep -q 'error: the registrar ended by signal 9, as often before: giving up' "$LOG" || die "said: $(tail -n 1 "$LOG")"
	daemon_start
}

# Who is started again and dies before it works counts as one that died, and no more.
dies_young() {
	local i pid last registrar pids
	simple_world
	last=$(child recorder) registrar=$(child registrar)
	kill -KILL "$last"
	for i in {1..8}; do
		pid=
		until [ -n "$pid" ]; do
			daemon_gone && die "sekishod ended after $i deaths of its recorder: $(tail -n 1 "$LOG")"
			read -r -a pids <"/proc/$DAEMON/task/$DAEMON/children"
			for pid in "${pids[@]}" ""; do
				[ "$pid" = "$registrar" ] || [ "$pid" = "$last" ] || break
			done
		done 2>/dev/null
		kill -KILL "$pid"
		last=$pid
	done
	wait_until 10 daemon_live || die "no recorder"
	[ "$(grep -c 'the recorder ended by signal 9.*: starting it again' "$LOG")" -eq 9 ] || die "not as often as it was killed"
	grep -q 'the recorder ended by signal 9 before it was ready: starting it again' "$LOG" ||
		die "none was killed before it was ready: the test proves nothing"
	serve "$NET4.1:443"
	connect "$W/list" --count 50 "$NET4.1:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "after the deaths"
	no_gap
}

run_case AC-62_rights_of_each_process rights
run_case_once AC-62_who_dies_young dies_young
run_case AC-62_descriptors_of_each_process descriptors
run_case AC-62_the_user the_user
run_case AC-62_recorder_killed_x"$KILLS" killed recorder "$KILLS"
run_case AC-62_registrar_killed_x"$KILLS" killed registrar "$KILLS"
run_case AC-62_warden_killed_x"$KILLS" killed warden "$KILLS"
run_case_once AC-62_who_hangs_holds_up_nobody hangs
run_case_once AC-62_who_dies_at_once_is_given_up gives_up
finish
