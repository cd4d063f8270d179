#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Files that nobody wrote in earnest, with right checksums (the corpora of tests/fuzz): sekisho search and the reader
# written from schema/FORMAT.md alone refuse the same and find the same rows (AC-37, AC-63). Every third input, or
# all of them: tests/cli/spec_hostile.sh 1
. "$(dirname "$0")/cli_lib"

EVERY=${1:-3}
COMPARE=$ROOT/tests/spec/compare_hostile.py

compare() { # KIND LEAST-INPUTS LEAST-ROWS
	local -a all=("$ROOT/tests/fuzz/corpus/$1"/*) some=()
	local i counts
	for ((i = 0; i < ${#all[@]}; i += EVERY)); do
		some+=("${all[i]}")
	done
	python3 "$COMPARE" "$BIN" "$1" "${some[@]}" >"$TMP/out" 2>"$TMP/err" || bad "$(tail -n 1 "$TMP/err")$(head -n 1 "$TMP/out")"
	counts=$(tail -n 1 "$TMP/out")
	[[ $counts =~ ^([0-9]+)\ inputs,\ ([0-9]+)\ rows,\ 0\ disagree$ ]] || bad "$counts"
	[ "${BASH_REMATCH[1]:-0}" -ge "$2" ] && [ "${BASH_REMATCH[2]:-0}" -ge "$3" ] || bad "that proves little: $counts"
}

begin AC-37_AC-63_readers_agree_about_hostile_journals
compare journal 40 50
begin AC-37_AC-63_readers_agree_about_hostile_segments
compare segment 40 100

# Control: two readers that differ are told apart.
begin control_a_difference_is_seen
mkdir "$TMP/bin"
cp "$BIN/fuzz_journal" "$TMP/bin/"
printf '#!/bin/sh\necho row\necho 1,established\n' >"$TMP/bin/sekisho"
chmod +x "$TMP/bin/sekisho"
inputs=("$ROOT/tests/fuzz/corpus/journal"/*)
run python3 "$COMPARE" "$TMP/bin" journal "${inputs[0]}"
status 1
out_has '1 inputs, [0-9]+ rows, 1 disagree'

finish
