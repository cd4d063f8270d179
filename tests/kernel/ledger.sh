#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Ledgers that were tampered with: sekishod does not start and what is pinned records nobody any more. A withdrawal
# that the disk does not take: nobody is recorded all the same. Heads are sent out.
. "$(dirname "$0")/../lib.sh"

# flip FILE BYTE BIT
flip() {
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf "\\x$(printf %x $((byte ^ 1 << $3)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# Whether the kernel has any grant: without one nobody is recorded.
granted() { bpftool map getnext pinned "$PINS/grants" >/dev/null 2>&1; }

# Connections that nobody may have recorded.
not_recorded() {
	connect "$W/unseen.$1" --count 20 --from "$NET4.101" "$NET4.1:443"
}

tampering() {
	local file line status byte size said flips=0
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 50 "$NET4.1:443"
	search "$W/rows" --tenant web
	seal
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "before anything was changed"
	daemon_end
	granted || die "no grant is in the kernel: this proves nothing"
	cp -a "$STATE" "$W/whole"
	for file in ledger/consent.log ledger/access.log ledger/custody.log keys/heads keys/node.pub; do
		size=$(stat -c %s "$STATE/$file")
		for byte in 3 $((size / 2)) $((size - 1)); do
			flip "$STATE/$file" "$byte" $((byte % 7))
			line=$(($(head -c "$byte" "$W/whole/$file" | wc -l) + 1))
			status=0
			"$BIN/sekishod" -c "$CONF" -f >"$W/said" 2>&1 || status=$?
			[ "$status" -eq 5 ] || die "$file byte $byte: sekishod ended with status $status: $(tail -n 1 "$W/said")"
			case $file in
			ledger/*) said="$file line $line:" ;;
			*) said=$file ;;
			esac
			grep -qF "$said" "$W/said" || die "$file byte $byte: expected \"$said\" in: $(cat "$W/said")"
			! granted || die "$file byte $byte: a grant is left in the kernel"
			cp "$W/whole/$file" "$STATE/$file"
			flips=$((flips + 1))
		done
	done
	[ "$flips" -eq 15 ] || die "$flips flips"
	# It was armed all the time; the first refusal took the grants out.
	[ -e "$PINS" ] || die "nothing is pinned: this proves nothing"
	not_recorded refused
	daemon_start
	connect "$W/more" --count 50 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "whole again"
	# The refusals are told as a time without recording.
	seal
	gaps "$W/gaps" --tenant web
	grep -q "^not recording|" "$W/gaps" || die "no gap for the time in which nobody was recorded: $(cat "$W/gaps")"
	daemon_end
}

# Power loss within a line: set aside, said, and no tampering.
unfinished_line() {
	simple_world
	serve "$NET4.1:443"
	daemon_end
	printf '{"seq":2,"t":"2026-' >>"$STATE/ledger/consent.log"
	printf '{"seq":9,' >>"$STATE/ledger/access.log"
	printf '{"se' >>"$STATE/ledger/custody.log"
	chown "$STORE_USER" "$STATE/ledger/access.log"
	: >"$LOG"
	daemon_start
	local name
	for name in consent access custody; do
		grep -q "ledger/$name.log ends in an unfinished line" "$LOG" || die "nothing said of $name.log: $(cat "$LOG")"
	done
	connect "$W/list" --count 50 "$NET4.1:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "behind unfinished lines"
	seal
	grant web
	sekisho ledger verify >"$W/said" 2>&1 || die "ledger verify: $(cat "$W/said")"
	! grep -q unfinished "$W/said" || die "they are still there: $(cat "$W/said")"
	for name in consent access custody; do
		[ -s "$STATE/ledger/$name.log.torn" ] || die "$name.log.torn is not there"
	done
	verify
	daemon_end
}

# faulty_daemon DIR AT MODE: sekishod, and the call of that number below STATE/DIR does not go well.
faulty_daemon() {
	rm -rf "$STATE"
	cp -a "$W/whole" "$STATE"
	: >"$W/calls"
	FAULT_DIR=$STATE/$1 FAULT_AT=$2 FAULT_MODE=$3 FAULT_LOG=$W/calls LD_PRELOAD=$BIN/fault.so \
		"$BIN/sekishod" -c "$CONF" -f >>"$LOG" 2>&1 &
	DAEMON=$!
	daemon_await
}

calls() { grep -c '^call ' "$W/calls"; }

# withdrawal_fails DIR AT: nobody is recorded from the answer on; it is said; and again it may be asked for.
withdrawal_fails() {
	local status=0
	faulty_daemon "$1" "$2" eio
	granted || die "$1 call $2: no grant is in the kernel: this proves nothing"
	sekisho consent withdraw web >"$W/said" 2>&1 || status=$?
	grep -q '^fired ' "$W/calls" || die "$1 call $2: it did not fail"
	! granted || die "$1 call $2: status $status, and the kernel still has the grant"
	if [ "$status" -ne 0 ]; then
		FAILED_ONCE=1
		grep -q 'tenant web is not recorded any more, but the withdrawal is not in the ledger: ' "$W/said" ||
			die "$1 call $2: it is not said that recording has ended: $(cat "$W/said")"
		# Neither does a reload bring it back.
		kill -HUP "$DAEMON"
		sekisho status >/dev/null
		sleep 0.3
		! granted || die "$1 call $2: it came back"
		sekisho consent withdraw web >"$W/said" 2>&1 || die "$1 call $2: not the second time either: $(cat "$W/said")"
	fi
	grep -c '"event":"WITHDRAW"' "$STATE/ledger/consent.log" | grep -qx 1 || die "$1 call $2: not one WITHDRAW"
	daemon_end
}

# withdrawal_killed DIR AT: the kernel has heard first; a start makes what the ledger says.
withdrawal_killed() {
	faulty_daemon "$1" "$2" kill-after
	sekisho consent withdraw web >"$W/said" 2>&1 && die "$1 call $2: a killed sekishod says yes"
	wait "$DAEMON" 2>/dev/null
	DAEMON=
	! granted || die "$1 call $2: killed, and the kernel still has the grant"
	daemon_start
	sekisho ledger verify >"$W/said" 2>&1 || die "$1 call $2: $(cat "$W/said")"
	if grep -q '"event":"WITHDRAW"' "$STATE/ledger/consent.log"; then
		! granted || die "$1 call $2: withdrawn, and granted in the kernel"
	else
		granted || die "$1 call $2: not withdrawn, and not granted in the kernel"
	fi
	daemon_end
}

# Each write, fsync and rename of a withdrawal, in turn.
failing_withdrawal() {
	local dir at before after trials=0
	FAILED_ONCE=
	simple_world
	daemon_end
	cp -a "$STATE" "$W/whole"
	for dir in ledger keys; do
		faulty_daemon "$dir" 0 none
		before=$(calls)
		sekisho consent withdraw web >"$W/said" 2>&1 || die "withdraw: $(cat "$W/said")"
		after=$(calls)
		daemon_end
		for ((at = before + 1; at <= after; at++)); do
			withdrawal_fails "$dir" "$at"
			withdrawal_killed "$dir" "$at"
			trials=$((trials + 1))
		done
	done
	[ "$trials" -ge 6 ] && [ -n "$FAILED_ONCE" ] || die "$trials calls: this proves nothing"
	printf '# a withdrawal has %d calls, each of which failed and was killed\n' "$trials"
}

heads_are_sent() {
	# It runs as the store's user, who gets at this directory alone.
	chmod 711 "$SCRATCH" "$W"
	mkdir "$W/sent"
	chown "$STORE_USER" "$W/sent"
	printf '#!/bin/sh\ncat >>%s/heads\necho "$@" >>%s/words\n' "$W/sent" "$W/sent" >"$W/send"
	chmod 0755 "$W/send"
	simple_world "head_command = $W/send to there"
	wait_until 10 test -s "$W/sent/words" || die "no heads within 10 s: $(tail -n 3 "$LOG")"
	[ "$(cat "$W/sent/words")" = "to there" ] || die "called with: $(cat "$W/sent/words")"
	sekisho ledger head >"$W/head" || die "ledger head: status $?"
	cmp -s "$W/head" "$W/sent/heads" || die "sent: $(cat "$W/sent/heads"), ledger head: $(cat "$W/head")"
	sekisho status >"$W/said"
	grep -q '^Heads: *last sent at 20' "$W/said" || die "status says nothing of it: $(cat "$W/said")"
	# At the end what has changed since, though a minute has not passed.
	search "$W/rows" --tenant web
	daemon_end
	[ "$(lines "$W/sent/heads")" -eq 2 ] || die "sent $(lines "$W/sent/heads") times"
	sekisho ledger head >"$W/head"
	[ "$(tail -n 1 "$W/sent/heads")" = "$(cat "$W/head")" ] || die "the last ones were not sent"
	printf '#!/bin/sh\nexit 7\n' >"$W/send"
	daemon_start
	wait_until 10 grep -q "$W/send: exit status 7" "$LOG" || die "a failure is not logged: $(tail -n 3 "$LOG")"
	sekisho status >"$W/said"
	grep -q "CANNOT BE SENT: $W/send: exit status 7" "$W/said" || die "status says nothing of the failure: $(cat "$W/said")"
	daemon_end
}

run_case AC-13_tampering tampering
run_case AC-13_unfinished_line unfinished_line
run_case AC-06,13_failing_withdrawal failing_withdrawal
run_case_once AC-13_heads_are_sent heads_are_sent
finish
