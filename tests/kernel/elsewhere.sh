#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a store says is the same on another machine, of another kernel, with another boot time and a clock that is
# years off: UTC comes from the store's own anchors.
. "$(dirname "$0")/../lib.sh"

# answer STORE CLOCK: the rows of a copy as a virtual machine finds them.
answer() {
	"$ROOT/scripts/run-in-vm" 6.12 --timeout 240 --file "$W/$1:/store" --file "$REAL_BIN/sekisho:/usr/bin/sekisho" -- \
		bash -c 'date -s "$1" >/dev/null && sekisho --store /store search --case TEST-1 --basis WARRANT --approver second \
			--csv --from 2020-01-01T00:00:00Z --to 2100-01-01T00:00:00Z --src "$2" 2>/dev/null' - \
		"$2" "$NET4.100" 2>>"$LOG" | sed 1d
}

on_another_machine() {
	local copy
	simple_world
	serve "$NET4.1:443"
	connect "$W/before" --count 100 --from "$NET4.101" "$NET4.1:443"
	sleep 11 # anchors are 10 s apart
	connect "$W/list" --count 300 --rate 20 --from "$NET4.100" "$NET4.1:443"
	search "$W/rows" --src "$NET4.100"
	same_rows "$W/list" "$W/rows" "here"
	cp -a "$STATE" "$W/journal"
	seal
	daemon_end
	[ -n "$(find "$W/journal/journal" -name '*.skj' -size +4k)" ] && [ -z "$(find "$W/journal/segments" -name '*.sks')" ] ||
		die "the rows of the first copy are not in its journal"
	[ -n "$(find "$STATE/segments" -name '*.sks')" ] || die "nothing was sealed"
	search "$W/sealed" --src "$NET4.100"
	cmp -s "$W/rows" "$W/sealed" || die "sealing changed the answer: $(diff "$W/rows" "$W/sealed" | head -n 2)"
	cp -a "$STATE" "$W/segments"
	for copy in journal segments; do
		answer "$copy" 2034-05-06T07:08:09Z >"$W/there"
		cmp -s "$W/rows" "$W/there" ||
			die "$copy: $(lines "$W/there") rows there, $(lines "$W/rows") here: $(diff "$W/rows" "$W/there" | head -n 3)"
	done
}

in_vm || run_case AC-25_on_another_machine on_another_machine
finish
