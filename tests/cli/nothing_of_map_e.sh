#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Neither a PSID nor the IPv6 prefix of a MAP-E customer is stored anywhere (AC-57): who shares an IPv4 address is
# worked out when a question is asked, from rules of that day, and never written down beside a connection.
. "$(dirname "$0")/cli_lib"

# Names that such a field would have, in a header's enum or in a table of FORMAT.md or FIELDS.md.
NAMES='psid|port[-_ ]?set|map[-_ ]?e\b|ea[-_ ]bits|\bce[-_ ](addr|prefix)|_CE_(ADDR|PREFIX)|softwire|b4[-_ ]addr|(v6|ipv6|delegated|user|end[-_ ]user)[-_ ]?prefix|ds[-_ ]?lite'

fields_of() { # DIRECTORY: what is stored, by name: enumerators and structure members, and the rows of tables
	sed -nE 's/^\t([A-Za-z_][A-Za-z0-9_ ]*)(,| = |;|\[).*/\1/p' "$1"/*.h
	grep -h '^|' "$1"/*.md
}

begin AC-57_no_field_holds_a_psid_or_prefix
fields_of "$ROOT/schema" >"$TMP/fields"
[ "$(wc -l <"$TMP/fields")" -gt 200 ] || bad "only $(wc -l <"$TMP/fields") fields found"
for known in STORE_COLUMN_SRC_PORT SEGMENT_AT_TENANT '`TRAILER_AT_HASH`' src_addr; do
	grep -q -- "$known" "$TMP/fields" || bad "$known is not among the fields found"
done
! grep -nEi "$NAMES" "$TMP/fields" >"$TMP/out" || bad "$(head -n 3 "$TMP/out")"

# What a row of a segment is, all of it: the columns of a journal, one after the other, and no more.
begin AC-57_the_columns_are_these
sed -n 's/^\tSTORE_COLUMN_\([A-Z_]*\) = .*/\1/p' "$ROOT/schema/store.h" | paste -sd' ' >"$TMP/out"
out 'TIME SRC_ADDR SRC_PORT DST_ADDR DST_PORT TENANT CONSENT RTT_US FLAGS KIND PROTOCOL ORIG_DST_ADDR ORIG_DST_PORT LASTED'

begin AC-57_control_such_a_field_is_found
mkdir "$TMP/schema"
for add in 'store.h:\tSTORE_COLUMN_PSID = 15, /* u16 */' 'segment.h:\tSECTION_AT_CE_PREFIX = 64,' \
	'store.h:\tuint8_t v6_prefix[8];' 'FORMAT.md:| 15 | `STORE_COLUMN_PSID` | 2 | u16 |' \
	'FORMAT.md:| 12 | delegated prefix | varint |'; do
	cp "$ROOT"/schema/*.h "$ROOT"/schema/*.md "$TMP/schema/"
	printf '%b\n' "${add#*:}" >>"$TMP/schema/${add%%:*}"
	fields_of "$TMP/schema" >"$TMP/fields"
	[ "$(grep -cEi "$NAMES" "$TMP/fields")" -eq 1 ] || bad "not found: $add"
done

finish
