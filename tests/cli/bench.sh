#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# bench-store on its smallest data set: the table is whole, and the store holds and finds the rows that were made.
. "$(dirname "$0")/cli_lib"

begin a_tiny_data_set_gives_the_whole_table
[ -x "$BIN/bench-store" ] || die "no $BIN/bench-store: make unit"
run "$BIN/bench-store" --no-peers --dir "$TMP/bench" tiny
status 0
out_has '^tiny: 20000 records, 2 days, 8 tenants, seed 4; sealed every 1 h; 1 rounds$'
out_has '^\$ .*/bench-store --no-peers --dir .* tiny$'
out_has '^kernel .*, libzstd [0-9.]*, cpu '
for line in 'whole store, address, port, time' 'whole store with round-trip times' times 'source ports' 'source addresses' \
	'rows per source' destinations 'round-trip times'; do
	out_has "^  $line  *[0-9]+\\.[0-9]{3}  *[0-9]+\\.[0-9]{3}  [0-9]+\\.[0-9]{3} x"
done
for line in 'section of 1 rows' 'section of 10 rows' 'section of 100 rows' 'append, 1000 rows a frame' 'append, 65536 rows a frame' \
	'zstd -3 on structs of 48 bytes' 'seal  ' 'seal with round-trip times' 'decode every row'; do
	out_has "^  $line.*[1-9]"
done

begin searches_find_what_the_generator_made
# The bench itself ends with status 1 when a number differs; here that something was asked for at all.
for line in 'one address, all tenants' 'one address, one tenant' 'one tenant, one minute'; do
	out_has "^  $line  *[0-9.]+ ms  *[0-9.]+ ms  found ([1-9][0-9]*) rows, made \\1$"
done
for line in 'one absent address, all tenants' 'one absent address, one tenant'; do
	out_has "^  $line  *[0-9.]+ ms  *[0-9.]+ ms  found 0 rows, made 0$"
done

begin sizes_do_not_depend_on_the_run
grep -E '^  (whole store|times|source|rows per|dest|round|code|index|section of)' "$TMP/out" >"$TMP/first"
run "$BIN/bench-store" --no-peers --dir "$TMP/bench" tiny
grep -E '^  (whole store|times|source|rows per|dest|round|code|index|section of)' "$TMP/out" | sed 's/; on disk.*//' >"$TMP/second"
sed -i 's/; on disk.*//' "$TMP/first"
[ "$(wc -l <"$TMP/first")" -ge 12 ] || bad "only $(wc -l <"$TMP/first") lines of sizes"
# Catalogs have a random seed, by which the whole store is a few bytes larger or smaller.
for part in first second; do
	grep -v '^  whole store' "$TMP/$part" >"$TMP/$part.exact"
	grep '^  whole store' "$TMP/$part" | grep -oE '[0-9]+\.[0-9]{3}' >"$TMP/$part.whole"
done
cmp -s "$TMP/first.exact" "$TMP/second.exact" || bad "$(diff "$TMP/first.exact" "$TMP/second.exact" | head -n 4)"
paste "$TMP/first.whole" "$TMP/second.whole" | awk '{ d = $1 - $2 } NF != 2 || d > 0.01 || d < -0.01 { exit 1 }' ||
	bad "whole store: $(paste -sd' ' "$TMP/first.whole"), then $(paste -sd' ' "$TMP/second.whole")"
[ -z "$(ls -A "$TMP/bench")" ] || bad "left behind: $(ls "$TMP/bench")"

begin wrong_arguments_are_refused
run "$BIN/bench-store" D9
status 2
err "bench-store: no data set 'D9': D1, D2, D2-day, D3 or tiny"
run "$BIN/bench-store" --rotate 0 tiny
status 2
run "$BIN/bench-store"
status 2

finish
