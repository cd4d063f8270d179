#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A reader of day catalogs written from schema/FORMAT.md alone (tests/spec/check_catalog.py) proves them against the
# segments: every section is listed, every source is found; and it notices when that is not so.
. "$(dirname "$0")/cli_lib"

CHECK=(python3 "$ROOT/tests/spec/check_catalog.py")

make_store() { # DIR RECORDS DAYS TENANTS JOURNALS [as-sealed]
	mkdir "$1"
	"$BIN/catalog_probe" "$@" >"$TMP/probe" 2>&1 || bad "no store: $(tail -n 1 "$TMP/probe")"
}

begin chunks_as_sealing_leaves_them
make_store "$TMP/sealed" 4000 2 12 3 as-sealed
run "${CHECK[@]}" "$TMP/sealed"
status 0
out_has '^2026-03-10.skc: 3 chunks, 36 sections, [1-9][0-9]* sources found$'
out_has '^2026-03-11.skc: 3 chunks, 36 sections, [1-9][0-9]* sources found$'

begin rebuilt
make_store "$TMP/rebuilt" 4000 1 40 2
run "${CHECK[@]}" "$TMP/rebuilt"
status 0
out_has '^2026-03-10.skc: 1 chunks, 79 sections, [1-9][0-9]* sources found$'

# Facts that are compressed, groups of columns, buckets in number.
begin many_sections
make_store "$TMP/many" 14000 1 60 12
run "${CHECK[@]}" "$TMP/many"
status 0
out_has '^2026-03-10.skc: 1 chunks, [67][0-9][0-9] sections, [1-9][0-9]* sources found$'

begin notices_a_missing_segment
cp -a "$TMP/sealed" "$TMP/other"
rm "$TMP/other/segments/tenant3/2026-03-10.sks"
run "${CHECK[@]}" "$TMP/other"
status 1
out_has '^2026-03-10.skc: a section is listed that is not there: tenant3, '

begin notices_the_catalog_of_another_store
cp "$TMP/rebuilt/catalog/2026-03-10.skc" "$TMP/other/catalog"
run "${CHECK[@]}" "$TMP/other"
status 1
out_has '^2026-03-10.skc: tenant1 part 1 offset 79 is not listed$'

begin notices_a_source_that_is_not_found
run python3 -c 'import sys; sys.path.insert(0, sys.argv.pop(1)); import check_catalog
whole = check_catalog.Chunk.can_hold
check_catalog.Chunk.can_hold = lambda chunk, source: whole(chunk, source) - {1}
check_catalog.main()' "$ROOT/tests/spec" "$TMP/rebuilt"
status 1
out_has '^2026-03-10.skc: tenant[0-9]* part 1 offset [0-9]*: .* is not found$'

begin notices_a_flipped_bit
python3 - "$TMP/rebuilt/catalog/2026-03-10.skc" <<'EDIT'
import sys
d = bytearray(open(sys.argv[1], "rb").read())
d[-9] ^= 4
open(sys.argv[1], "wb").write(d)
EDIT
run "${CHECK[@]}" "$TMP/rebuilt"
status 1
out '2026-03-10.skc: damaged'

finish
