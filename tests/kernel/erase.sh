#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Stop and erase on the real kernel: what a tenant has here goes at once, from journal, segments and catalogs, but for
# what is held, and the answer says why (AC-07). An independent reader looks for the rows in all files.
. "$(dirname "$0")/../lib.sh"

READER=$ROOT/tests/spec/read_store.py
TODAY=$(date -u +%Y-%m-%d)

# Rows of all files with this source address, by a reader that knows FORMAT.md alone.
in_the_files() { "$READER" "$STATE" 2>"$W/reader.err" | grep -cF "$1"; }

erase() {
	sekisho consent withdraw "$1" --stop-and-erase >"$W/said" 2>&1 || die "withdraw $1: $(tail -n 1 "$W/said")"
}

recorded_world() {
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1"
	conf_tenant other "$NET4.4"
	grant web
	grant other
	daemon_start
	serve '[::]:443'
	# A part is sealed, a part waits in the journal.
	connect "$W/web" --count 40 --from "$NET4.101" "$NET4.1:443"
	connect "$W/other" --count 30 --from "$NET4.102" "$NET4.4:443"
	seal
	connect "$W/more" --count 20 --from "$NET4.101" "$NET4.1:443"
	cat "$W/more" >>"$W/web"
	connect "$W/more" --count 10 --from "$NET4.102" "$NET4.4:443"
	cat "$W/more" >>"$W/other"
	search "$W/rows" --src "$NET4.101"
	same_rows "$W/web" "$W/rows" "before"
	[ "$(in_the_files "$NET4.101")" -eq 60 ] || die "the reader finds $(in_the_files "$NET4.101") rows of 60 before"
}

others_are_untouched() {
	search "$W/rows" --src "$NET4.102"
	same_rows "$W/other" "$W/rows" "the other tenant, $1"
	[ "$(in_the_files "$NET4.102")" -eq 40 ] || die "$1: the reader finds $(in_the_files "$NET4.102") rows of 40"
	verify
	"$ROOT/tests/spec/check_ledger.py" "$STATE" >"$W/said" 2>&1 || die "$1: $(tail -n 1 "$W/said")"
}

nothing_is_left() {
	wait_until 10 test ! -e "$STATE/segments/web" || die "$1: $(ls "$STATE/segments/web")"
	search "$W/rows" --src "$NET4.101"
	[ ! -s "$W/rows" ] || die "$1: $(lines "$W/rows") rows are found"
	[ "$(in_the_files "$NET4.101")" -eq 0 ] || die "$1: the reader finds $(in_the_files "$NET4.101") rows"
	sekisho search --case 1 --basis WARRANT --json --tenant web --from "${TODAY}T00:00:00Z" --to "$(utc_in 60)" \
		>"$W/answer" 2>&1 && die "$1: found"
	grep -q '"class":"N"' "$W/answer" && grep -q '"reasons":.*"ERASED"' "$W/answer" ||
		die "$1: $(grep reasons "$W/answer")"
}

erased_while_recording() {
	recorded_world
	erase web
	nothing_is_left "erased"
	others_are_untouched "erased"
	# Who comes back begins anew, on the same day.
	grant web
	connect "$W/again" --count 15 --from "$NET4.103" "$NET4.1:443"
	seal
	search "$W/rows" --src "$NET4.103"
	same_rows "$W/again" "$W/rows" "after a new grant"
	seal
	search "$W/rows" --src "$NET4.103"
	same_rows "$W/again" "$W/rows" "after a new grant and another run"
	others_are_untouched "after a new grant"
}

held_rows_stay() {
	recorded_world
	sekisho hold set '令和8年(発チ)第1号' --tenant web --from "${TODAY}T00:00:00Z" --until "$(utc_in 3600)" >"$W/said" 2>&1 ||
		die "hold: $(tail -n 1 "$W/said")"
	erase web
	seal
	search "$W/rows" --src "$NET4.101"
	same_rows "$W/web" "$W/rows" "held"
	[ "$(in_the_files "$NET4.101")" -eq 60 ] || die "the reader finds $(in_the_files "$NET4.101") held rows of 60"
	sekisho hold list >"$W/said" || die "hold list: no hold"
	grep -q '^in force  web ' "$W/said" || die "not listed: $(cat "$W/said")"
	others_are_untouched "held"
	sekisho hold release '令和8年(発チ)第1号' >"$W/said" 2>&1 || die "release: $(tail -n 1 "$W/said")"
	seal
	nothing_is_left "released"
	others_are_untouched "released"
}

# The withdrawal is in the ledger, and the machine's last act: the next start does the rest.
killed_before_the_erasure() {
	recorded_world
	kill -KILL "$DAEMON"
	wait "$DAEMON" 2>/dev/null
	erase web
	daemon_start
	seal
	nothing_is_left "after SIGKILL"
	others_are_untouched "after SIGKILL"
}

run_case AC-07_erased_while_recording erased_while_recording
run_case_once AC-07_held_rows_stay_until_the_release held_rows_stay
run_case_once AC-07_killed_before_the_erasure killed_before_the_erasure
finish
