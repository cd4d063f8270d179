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
# Catalogs are seeded at random: their size, and so that of the whole, differs by a few bytes.
grep -E '^  (times|source|rows per|dest|round|code|index|section of)' "$TMP/out" >"$TMP/first"
run "$BIN/bench-store" --no-peers --dir "$TMP/bench" tiny
grep -E '^  (times|source|rows per|dest|round|code|index|section of)' "$TMP/out" | sed 's/; on disk.*//' >"$TMP/second"
sed -i 's/; on disk.*//' "$TMP/first"
[ "$(wc -l <"$TMP/first")" -ge 10 ] || bad "only $(wc -l <"$TMP/first") lines of sizes"
cmp -s "$TMP/first" "$TMP/second" || bad "$(diff "$TMP/first" "$TMP/second" | head -n 4)"
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
