#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Stores of random rows, extreme ones among them (tests/spec/random_store.c): sekisho search and the reader written
# from schema/FORMAT.md alone find the same rows (AC-37), and that reader finds the Merkle root of every section again
# (AC-68, the proof part). Three seeds, or those that are named: tests/cli/spec_random.sh 17 18
. "$(dirname "$0")/cli_lib"

READER=$ROOT/tests/spec/read_store.py
ALWAYS=(--from 1970-01-01T00:00:00Z --to 2199-12-31T23:59:59.999999999Z)
SEEDS=("$@")
[ ${#SEEDS[@]} -gt 0 ] || SEEDS=(1 2 3)

search_csv() { # STORE: every row there is, without number
	local net
	for net in 0.0.0.0/0 ::/0; do
		"$BIN/sekisho" --store "$1" search --case 1 --basis WARRANT --csv "${ALWAYS[@]}" --src "$net" 2>>"$TMP/err" |
			sed 1d | cut -d, -f2-
	done
}

# agree PROFILE SEED [READER-OPTION]
agree() {
	local store=$TMP/store wrote rows sections found
	rm -rf "$store"
	: >"$TMP/err"
	wrote=$("$BIN/random_store" "$store" "$1" "$2") || bad "random_store: $wrote"
	rows=${wrote%% *} sections=$(sed 's/.* in \([0-9]*\) sections/\1/' <<<"$wrote")
	search_csv "$store" | sort >"$TMP/search"
	python3 "$READER" ${3+"$3"} "$store" 2>>"$TMP/err" | sed 1d | cut -d, -f2- | sort >"$TMP/reader"
	cmp -s "$TMP/search" "$TMP/reader" ||
		bad "only search: $(comm -23 "$TMP/search" "$TMP/reader" | head -n 1); only the reader: $(comm -13 "$TMP/search" "$TMP/reader" | head -n 1); $(tail -n 1 "$TMP/err")"
	found=$(wc -l <"$TMP/reader")
	[ "$found" -eq "$rows" ] && [ "$rows" -gt 1000 ] || bad "$found rows instead of $rows"
	python3 "$READER" --facts ${3+"$3"} "$store" >"$TMP/facts" 2>&1
	if [ -z "${3-}" ]; then
		[ "$(grep -o '"roots": [0-9]*' "$TMP/facts" | awk '{ n += $2 } END { print n + 0 }')" -eq "$sections" ] ||
			bad "not the roots of all $sections sections: $(grep -m1 segments "$TMP/facts")"
	fi
	! grep -E '"(wrong_roots|damaged)": [1-9]|"torn": true' "$TMP/facts" >"$TMP/bad" || bad "$(head -n 1 "$TMP/bad")"
}

for seed in "${SEEDS[@]}"; do
	begin "AC-37_extreme_values_seed_$seed"
	agree extremes "$seed"
	# The test is worth its name: both families, joined closes, every kind, times at both ends.
	for want in ',::,' ',0.0.0.0,' ',255.255.255.255,' '^unknown,' '^established,' '^accepted,' ',1970-01-01T00:00:00.000000000Z,' \
		',2199-12-30T' '(Z|[0-9]),$' ',[0-9]{10},' '[0-9]Z$'; do
		grep -Eq -- "$want" "$TMP/reader" || bad "no row matches $want"
	done
done

begin AC-37_many_sources
agree sources "${SEEDS[0]}"
[ "$(cut -d, -f3 "$TMP/reader" | sort -u | wc -l)" -gt 2000 ] || bad "few sources"
[ "$(grep -c ',9\.0\.0\.0,' "$TMP/reader")" -gt 2048 ] || bad "no source has more rows than a block"
[ "$(grep ',9\.0\.0\.0,' "$TMP/reader" | cut -d, -f7 | sort | uniq -d | wc -l)" -gt 0 ] || bad "no equal times"

begin AC-37_more_endpoints_than_a_section_can_name
agree endpoints "${SEEDS[0]}" --no-merkle
[ "$(grep -c '"objects": 2' "$TMP/facts")" -eq 1 ] || bad "not two sections: $(cat "$TMP/facts")"
[ "$(cut -d, -f5,6 "$TMP/reader" | sort -u | wc -l)" -gt 65536 ] || bad "few destinations"

# Control: a root, or a row, that is another one does not go unseen.
begin AC-68_another_root_is_seen
rm -rf "$TMP/store"
"$BIN/random_store" "$TMP/store" sources 9 >/dev/null || bad "random_store fails"
python3 - "$TMP/store/segments/one/2026-03-10.sks" "$ROOT/tests/spec" <<'END'
import struct, sys
sys.path.insert(0, sys.argv[2])
import read_store
d = bytearray(open(sys.argv[1], "rb").read())
at = d.index(b"SKSC")
d[at + 32] ^= 1
check, crc = read_store.section_checks(bytes(d), at, struct.unpack_from("<Q", d, 24)[0])
struct.pack_into("<H", d, at + 4, check)
struct.pack_into("<I", d, at + 12, crc)
open(sys.argv[1], "wb").write(d)
END
python3 "$READER" --facts "$TMP/store" >"$TMP/facts"
grep -q '"roots": 0, "wrong_roots": 1' "$TMP/facts" || bad "the reader says $(grep segments "$TMP/facts")"

finish
