#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The tables of schema/FORMAT.md say what the headers say; the comparison notices when either changes.
. "$(dirname "$0")/cli_lib"

CHECK=("$ROOT/tests/spec/check_tables.py")

begin tables_and_headers_agree
run python3 "${CHECK[@]}" "$ROOT"
status 0
out ''
err ''

# Each line: a name, a change to FORMAT.md, what the comparison must say. They are compared in one go.
CHANGES=(
	'changed_offset|s/^| 24 | 8 | `JOURNAL_AT_FILE_ID`/| 25 | 8 | `JOURNAL_AT_FILE_ID`/|JOURNAL_AT_FILE_ID at offset 25'
	'changed_size|s/^| 8 | 4 | `FRAME_AT_ENTRIES`/| 8 | 2 | `FRAME_AT_ENTRIES`/|gives FRAME_AT_ENTRIES 2 bytes, the header 4'
	'hole|s/^| 16 | 4 | `FRAME_AT_STORED_BYTES`/| 16 | 3 | `FRAME_AT_STORED_BYTES`/|FRAME_AT_COLUMNS at 20, but the row before ends at 19'
	'removed_row|/`SECTION_AT_RUN`/d|does not have SECTION_AT_RUN = 10'
	'changed_value|s/^| 7 | `STORE_GAP_DAMAGED`/| 9 | `STORE_GAP_DAMAGED`/|STORE_GAP_DAMAGED = 9'
	'changed_width|s/^| 8 | `STORE_COLUMN_RTT_US` | 4/| 8 | `STORE_COLUMN_RTT_US` | 2/|widths'
	'changed_limit|s/^| 65536 /| 65535 /|JOURNAL_FRAME_ROWS_MAX = 65535'
	'changed_catalog_size|s/^| 40 | 8 | `CHUNK_AT_SEED`/| 40 | 4 | `CHUNK_AT_SEED`/|gives CHUNK_AT_SEED 4 bytes, the header 8'
	'renamed_field|s/`SEGMENT_AT_PART`/`SEGMENT_AT_PARTS`/|SEGMENT_AT_PARTS at offset 32, the header does not know it'
)
mkdir "$TMP/changed"
for change in "${CHANGES[@]}"; do
	script=${change#*|}
	sed "${script%|*}" "$ROOT/schema/FORMAT.md" >"$TMP/changed/${change%%|*}"
done
run python3 "${CHECK[@]}" "$ROOT" "$TMP"/changed/*
cp "$TMP/out" "$TMP/said"
for change in "${CHANGES[@]}"; do
	name=${change%%|*}
	begin "notices_$name"
	cmp -s "$TMP/changed/$name" "$ROOT/schema/FORMAT.md" && bad "the change changed nothing"
	awk -v name="$TMP/changed/$name" '/^\// { on = $0 == name; next } on' "$TMP/said" >"$TMP/out"
	out_has "${change##*|}"
done

# The same for the headers, each compiled.
notices() { # NAME FILE SED-SCRIPT PATTERN
	begin "notices_$1"
	rm -rf "$TMP/src"
	mkdir -p "$TMP/src/user"
	cp -a "$ROOT/schema" "$TMP/src"
	cp -a "$ROOT/user/base" "$TMP/src/user"
	sed -i "$3" "$TMP/src/$2"
	cmp -s "$TMP/src/$2" "$ROOT/$2" && bad "the change changed nothing"
	run python3 "${CHECK[@]}" "$TMP/src"
	status 1
	out_has "$4"
}
notices header_offset schema/journal.h 's/JOURNAL_AT_RING_ID = 32/JOURNAL_AT_RING_ID = 36/' 'JOURNAL_AT_RING_ID at offset 32'
notices header_comment schema/segment.h 's/SECTION_AT_RUN = 10, \/\* u16/SECTION_AT_RUN = 10, \/* u32/' 'SECTION_AT_RUN'
notices new_field_and_magic schema/segment.h 's/\tSEGMENT_AT_PART = 32/\tSEGMENT_AT_NEW = 33,\n&/; s/"SEKISHOS"/"SEKISHOT"/' \
	'does not have SEGMENT_AT_NEW = 33'
out_has '^SEGMENT_MAGIC is SEKISHOT'
notices new_column schema/store.h 's/\tSTORE_COLUMN_LASTED = 14/\tSTORE_COLUMN_NEW = 15,\n&/' 'does not have STORE_COLUMN_NEW = 15'
notices new_flag schema/event.h 's/\tSEKISHO_FLAG_LOOPBACK/\tSEKISHO_FLAG_NEW = 1 << 4,\n&/' 'does not have SEKISHO_FLAG_NEW = 16'
notices new_version schema/journal.h 's/JOURNAL_VERSION 1/JOURNAL_VERSION 2/' 'JOURNAL_VERSION is 2'
notices catalog_offset schema/catalog.h 's/CHUNK_AT_SEED = 40/CHUNK_AT_SEED = 44/' 'CHUNK_AT_SEED at offset 40'
notices record_width user/base/record.h 's/uint32_t tenant, consent, rtt_us, flags;/uint32_t tenant, consent, flags; uint16_t rtt_us;/' 'widths'

finish
