#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Frozen files of format version 1 (tests/golden/v1, made by tests/golden/freeze) are read as on the day they were
# made (AC-37), by the product and by the reader written from schema/FORMAT.md alone.
. "$(dirname "$0")/cli_lib"

GOLDEN=$ROOT/tests/golden/v1
READER=$ROOT/tests/spec/read_store.py
STORE=$TMP/store
# Searching writes to the access log, and a store is nobody else's: a copy.
fresh() {
	rm -rf "$STORE"
	cp -r "$GOLDEN/store" "$STORE"
	mkdir -p "$STORE/ledger"
	chmod -R go= "$STORE"
}
# What a store holds, without the number of the row.
search_csv() {
	local net
	for net in 0.0.0.0/0 ::/0; do
		"$BIN/sekisho" --store "$1" search --case 1 --basis WARRANT --csv "${EVER[@]}" --src "$net" 2>/dev/null |
			sed 1d | cut -d, -f2-
	done
}
sed 1d "$GOLDEN/rows.csv" | cut -d, -f2- | sort >"$TMP/want"

begin AC-37_golden_files_are_unchanged
(cd "$GOLDEN" && sha256sum --quiet -c SHA256SUMS) >"$TMP/out" 2>&1 || bad "$(head -n 1 "$TMP/out")"
[ "$(find "$GOLDEN/store" -type f | wc -l)" -eq "$(wc -l <"$GOLDEN/SHA256SUMS")" ] || bad "files that no sum is known of"
[ "$(find "$GOLDEN/store" -name '*.skj' | wc -l)" -ge 3 ] && [ "$(find "$GOLDEN/store" -name '*.sks' | wc -l)" -ge 8 ] &&
	[ "$(find "$GOLDEN/store" -name '*.skc' | wc -l)" -ge 5 ] ||
	bad "few files: $(find "$GOLDEN/store" -type f | wc -l)"

# What the frozen files are worth: each kind of thing that the format has is in there.
begin AC-37_golden_rows_have_everything
for want in '^established,tcp,198\.51\.' '^established,tcp,2001:db8:' ',192\.0\.2\.1,443,' ',2001:db8::443,' \
	'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' ',old,.*,imported,' ',203\.0\.113\.80,8025,' 'Z$' ',loopback' ',v6_socket' \
	',web,[0-9]+,' ',web,,'; do
	grep -Eq -- "$want" "$TMP/want" || bad "no row matches $want"
done
[ "$(wc -l <"$TMP/want")" -gt 3000 ] || bad "$(wc -l <"$TMP/want") rows"

begin AC-37_search_finds_the_golden_rows
fresh
search_csv "$STORE" | sort >"$TMP/got"
cmp -s "$TMP/want" "$TMP/got" ||
	bad "missing: $(comm -23 "$TMP/want" "$TMP/got" | head -n 1); too many: $(comm -13 "$TMP/want" "$TMP/got" | head -n 1)"

begin AC-37_verify_counts_as_it_did
run "$BIN/sekisho" --store "$STORE" verify
status 5 # one frame of a journal is damaged
grep -oE '[0-9]+ (files|sections|blocks|rows)' "$TMP/out" | head -n "$(wc -l <"$GOLDEN/verify")" >"$TMP/got"
cmp -s "$TMP/got" "$GOLDEN/verify" || bad "$(paste -sd, "$TMP/got") instead of $(paste -sd, "$GOLDEN/verify")"
out_has '^DAMAGED:   1, the first: journal/20260313T'
find "$STORE/journal" -name '20260313T*' -delete
run "$BIN/sekisho" --store "$STORE" verify
status 0

begin AC-37_independent_reader_finds_the_golden_rows
fresh
python3 "$READER" "$STORE" >"$TMP/got" 2>"$TMP/err" || bad "$(tail -n 1 "$TMP/err")"
cmp -s "$TMP/got" "$GOLDEN/rows.csv" || bad "$(diff "$TMP/got" "$GOLDEN/rows.csv" | head -n 3)"
python3 "$READER" --facts "$STORE" | sort >"$TMP/got"
cmp -s "$TMP/got" "$GOLDEN/facts" || bad "$(diff "$TMP/got" "$GOLDEN/facts" | head -n 3)"
grep -q '"wrong_roots": 0' "$TMP/got" && ! grep -q '"wrong_roots": [1-9]' "$TMP/got" || bad "roots: $(head -n 1 "$TMP/got")"

# Custody statements, of a journal and of the section that another one was sealed to.
for want in 'journal/.*"custody": \["\\u65e7 log server, not sealed yet"\]' \
	'segments/old/2025-02-03.*"custody": \["moved from the old log server, sheet 12"\]'; do
	grep -Eq -- "$want" "$GOLDEN/facts" || bad "no file matches $want"
done

begin AC-37_independent_reader_finds_the_golden_catalogs_right
run python3 "$ROOT/tests/spec/check_catalog.py" "$STORE"
status 0
[ "$(wc -l <"$TMP/out")" -ge 5 ] || bad "$(wc -l <"$TMP/out") catalogs"

# Today's writer makes the same rows of the same input, and the same bytes each time.
begin AC-37_the_generator_makes_the_same_rows
"$BIN/make_golden" "$TMP/made" && "$BIN/make_golden" "$TMP/again" || bad "make_golden fails"
diff -r "$TMP/made" "$TMP/again" >"$TMP/out" || bad "$(head -n 1 "$TMP/out")"
search_csv "$TMP/made" | sort >"$TMP/got"
cmp -s "$TMP/want" "$TMP/got" || bad "other rows: $(comm -3 "$TMP/want" "$TMP/got" | head -n 1)"

begin freezing_again_is_refused
cp -r "$GOLDEN" "$TMP/before"
run "$ROOT/tests/golden/freeze"
status 4
err 'freeze: tests/golden/v1 is there and stays as it is; FORCE=1 replaces it (only if version 1 was never released)'
diff -r "$GOLDEN" "$TMP/before" >/dev/null || bad "it changed the files"

finish
