#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# sekisho search: what policy refuses (AC-39), times (AC-29, AC-30), and other bad input. There is no store
# here: whatever is refused after something was opened would be answered with "cannot open".
. "$(dirname "$0")/cli_lib"

BASES='KAIJI_MEIREI, TEIKYO_MEIREI_1, TEIKYO_MEIREI_2, SHOKYO_KINSHI, ART5_VOLUNTARY, WARRANT, HOZEN_YOSEI, TENANT_SELF, EMERGENCY, AUDIT'
conf
conf_tenant web "$NET.1"
FROM=(--from 2026-11-01T00:00:00+09:00)
TO=(--to 2026-11-02T00:00:00+09:00)
CASE=(--case 2026-17 --basis WARRANT)

# refused NAME TEXT OPTION... / bad_input NAME TEXT OPTION...
refused() {
	local name=$1 text=$2
	shift 2
	refuses "$name" 4 "sekisho: error: $text" "${SEKISHO[@]}" search "$@"
	holds "something was made" test ! -e "$STATE"
}
bad_input() {
	local name=$1 text=$2
	shift 2
	refuses "$name" 2 "sekisho: error: $text" "${SEKISHO[@]}" search "$@"
	holds "something was made" test ! -e "$STATE"
}

begin control_a_complete_search_reaches_the_store
run "${SEKISHO[@]}" search "${CASE[@]}" "${FROM[@]}" "${TO[@]}" --tenant web
status 1
out ''
err "sekisho: error: cannot open state directory $STATE: No such file or directory"
holds "a search made $STATE" test ! -e "$STATE"

refused AC-39_nothing "a search needs a legal basis: --basis CODE, one of $BASES"
refused AC-39_no_basis "a search needs a legal basis: --basis CODE, one of $BASES" \
	--case 1 "${FROM[@]}" "${TO[@]}" --tenant web
for basis in KAIJI_MEIREI TEIKYO_MEIREI_1 TEIKYO_MEIREI_2 SHOKYO_KINSHI ART5_VOLUNTARY WARRANT HOZEN_YOSEI EMERGENCY AUDIT; do
	refused "AC-39_no_case_$basis" 'a search needs a case: --case NUMBER' \
		--basis "$basis" "${FROM[@]}" "${TO[@]}" --tenant web
done
refused AC-39_empty_case 'a search needs a case: --case NUMBER' \
	--case= --basis WARRANT "${FROM[@]}" "${TO[@]}" --tenant web
refused AC-39_no_window 'a search needs a bounded window: --from TIME --to TIME' "${CASE[@]}" --tenant web
refused AC-39_no_from 'a search needs a bounded window: --from TIME --to TIME' "${CASE[@]}" "${TO[@]}" --tenant web
refused AC-39_no_to 'a search needs a bounded window: --from TIME --to TIME' "${CASE[@]}" "${FROM[@]}" --tenant web
refused AC-39_no_target 'a search needs --src, --dst, --tenant or --questions' "${CASE[@]}" "${FROM[@]}" "${TO[@]}"
refused AC-39_ports_are_no_target 'a search needs --src, --dst, --tenant or --questions' \
	"${CASE[@]}" "${FROM[@]}" "${TO[@]}" --src-port 1024 --dst-port 443
refused AC-39_self_without_window 'a search needs a bounded window: --from TIME --to TIME' \
	--basis TENANT_SELF --tenant web
begin AC-39_self_without_tenant
run "${SEKISHO[@]}" search --basis TENANT_SELF "${FROM[@]}" "${TO[@]}" --src 192.0.2.1
status 4
one_line
begin AC-39_self_needs_no_case
run "${SEKISHO[@]}" search --basis TENANT_SELF "${FROM[@]}" "${TO[@]}" --tenant web
status 1
err "sekisho: error: cannot open state directory $STATE: No such file or directory"

bad_input unknown_basis "--basis \"CURIOSITY\": expected one of $BASES" \
	--case 1 --basis CURIOSITY "${FROM[@]}" "${TO[@]}" --tenant web
bad_input basis_in_small_letters "--basis \"warrant\": expected one of $BASES" \
	--case 1 --basis warrant "${FROM[@]}" "${TO[@]}" --tenant web
bad_input csv_and_json '--csv and --json: choose one' "${CASE[@]}" "${FROM[@]}" "${TO[@]}" --tenant web --csv --json

# --- Times ---

bad_time() { # NAME TIME TEXT: as --from
	bad_input "$1" "--from: $3" "${CASE[@]}" --from "$2" "${TO[@]}" --tenant web
}
bad_time AC-29_no_zone 2026-11-01T09:00:00 '"2026-11-01T09:00:00" has no zone; write 2026-11-01T09:00:00+09:00 or …Z'
bad_time AC-29_no_zone_fraction 2026-11-01T09:00:00.25 \
	'"2026-11-01T09:00:00.25" has no zone; write 2026-11-01T09:00:00.25+09:00 or …Z'
bad_input AC-29_no_zone_in_to '--to: "2026-11-02 09:00:00" has no zone; write 2026-11-02T09:00:00+09:00 or …Z' \
	"${CASE[@]}" "${FROM[@]}" --to '2026-11-02 09:00:00' --tenant web
bad_time AC-30_leap_second 2017-01-01T08:59:60+09:00 \
	'"2017-01-01T08:59:60+09:00" is a leap second, which POSIX clocks lack; write 2017-01-01T08:59:59+09:00 or 2017-01-01T09:00:00+09:00'
NOT='is not a time; write YYYY-MM-DDTHH:MM:SS followed by Z or +HH:MM'
bad_time date_only 2026-11-01 "\"2026-11-01\" $NOT"
bad_time no_seconds 2026-11-01T09:00Z "\"2026-11-01T09:00Z\" $NOT"
bad_time epoch 1793459700 "\"1793459700\" $NOT"
bad_time word yesterday "\"yesterday\" $NOT"
bad_time empty '' "\"\" $NOT"
bad_time space_before ' 2026-11-01T09:00:00Z' "\" 2026-11-01T09:00:00Z\" $NOT"
bad_time ten_digits 2026-11-01T09:00:00.1234567890Z \
	'"2026-11-01T09:00:00.1234567890Z" has "0Z" where Z or +HH:MM is expected'
bad_time zone_name '2026-11-01T09:00:00 JST' '"2026-11-01T09:00:00 JST" has " JST" where Z or +HH:MM is expected'
bad_time zone_without_colon 2026-11-01T09:00:00+0900 \
	'"2026-11-01T09:00:00+0900" has "+0900" where Z or +HH:MM is expected'
bad_time zone_nowhere 2026-11-01T09:00:00+19:00 \
	'"2026-11-01T09:00:00+19:00" has "+19:00" where Z or +HH:MM is expected'
bad_time rest 2026-11-01T09:00:00Z, '"2026-11-01T09:00:00Z," has "Z," where Z or +HH:MM is expected'
bad_time 30th_of_february 2026-02-30T00:00:00Z '"2026-02-30T00:00:00Z": there is no such date or time of day'
bad_time 29th_of_february 2100-02-29T00:00:00Z '"2100-02-29T00:00:00Z": there is no such date or time of day'
bad_time hour_24 2026-11-01T24:00:00Z '"2026-11-01T24:00:00Z": there is no such date or time of day'
bad_time second_61 2026-11-01T00:00:61Z '"2026-11-01T00:00:61Z": there is no such date or time of day'
bad_time year_1969 1969-12-31T23:59:59Z '"1969-12-31T23:59:59Z" is outside the years 1970 to 2199'
bad_time year_0 0000-01-01T00:00:00Z '"0000-01-01T00:00:00Z" is outside the years 1970 to 2199'
bad_time year_2200 2200-01-01T00:00:00Z '"2200-01-01T00:00:00Z" is outside the years 1970 to 2199'
bad_time year_9999 9999-12-31T23:59:59Z '"9999-12-31T23:59:59Z" is outside the years 1970 to 2199'
bad_time year_20260 20260-11-01T00:00:00Z "\"20260-11-01T00:00:00Z\" $NOT"
bad_input window_reversed '--from 2026-11-02T00:00:00+09:00 is not before --to 2026-11-01T00:00:00+09:00' \
	"${CASE[@]}" --from 2026-11-02T00:00:00+09:00 --to 2026-11-01T00:00:00+09:00 --tenant web
bad_input window_empty '--from 2026-11-01T09:00:00+09:00 is not before --to 2026-11-01T00:00:00Z' \
	"${CASE[@]}" --from 2026-11-01T09:00:00+09:00 --to 2026-11-01T00:00:00Z --tenant web

begin good_times_reach_the_store
for time in 2026-10-31T23:59:59.999999999Z '2026-11-01 00:00:00+00:00' 2026-10-31t15:00:00-08:00 \
	2026-11-01T09:00:00.5+09:00 1970-01-01T00:00:00Z; do
	run "${SEKISHO[@]}" search "${CASE[@]}" --from "$time" --to 2199-12-31T23:59:59Z --tenant web
	status 1
	err "sekisho: error: cannot open state directory $STATE: No such file or directory"
done

# --- Addresses, ports, tenants ---

for port in 0 65536 80x -1 '' 0x50 ' 80' 99999999999999999999; do
	name=${port//[^A-Za-z0-9]/_}
	bad_input "src_port_$name" "--src-port \"$port\": expected ports 1 to 65535 and ranges: 1024-2047,4096" \
		"${CASE[@]}" "${FROM[@]}" "${TO[@]}" --tenant web --src-port="$port"
	bad_input "dst_port_$name" "--dst-port \"$port\": expected ports 1 to 65535 and ranges: 1024-2047,4096" \
		"${CASE[@]}" "${FROM[@]}" "${TO[@]}" --tenant web --dst-port="$port"
done
for address in 192.0.2.1/24 192.0.2 192.0.2.1/33 192.0.2.1:80 2001:db8::1/32 host.example fe80::1%eth0 ''; do
	name=${address//[^A-Za-z0-9]/_}
	bad_input "src_$name" "--src \"$address\": expected ADDR[/LEN] without host bits" \
		"${CASE[@]}" "${FROM[@]}" "${TO[@]}" --src="$address"
	bad_input "dst_$name" "--dst \"$address\": expected ADDR[/LEN] without host bits" \
		"${CASE[@]}" "${FROM[@]}" "${TO[@]}" --dst="$address"
done
for tenant in ../web a/b .web '' 'a b c'; do
	bad_input "tenant_${tenant//[^A-Za-z0-9]/_}" "--tenant \"$tenant\": not a tenant id" \
		"${CASE[@]}" "${FROM[@]}" "${TO[@]}" --tenant="$tenant"
done

# --- Stores that are none ---

refuses store_missing 1 "sekisho: error: cannot open state directory $TMP/none: No such file or directory" \
	"$BIN/sekisho" --store "$TMP/none" search "${CASE[@]}" "${FROM[@]}" "${TO[@]}" --tenant web
refuses store_missing_verify 1 "sekisho: error: cannot open state directory $TMP/none: No such file or directory" \
	"$BIN/sekisho" --store "$TMP/none" verify
refuses store_is_a_file 1 "sekisho: error: cannot open state directory $TMP/text: Not a directory" \
	"$BIN/sekisho" --store "$TMP/text" verify
mkdir "$TMP/part"
for part in journal segments ledger; do
	refuses "store_without_$part" 1 "sekisho: error: cannot open $TMP/part/$part: not there; is this a sekisho store?" \
		"$BIN/sekisho" --store "$TMP/part" search "${CASE[@]}" "${FROM[@]}" "${TO[@]}" --tenant web
	refuses "store_without_${part}_verify" 1 \
		"sekisho: error: cannot open $TMP/part/$part: not there; is this a sekisho store?" \
		"$BIN/sekisho" --store "$TMP/part" verify
	holds "reading made a directory" test ! -e "$TMP/part/$part"
	mkdir "$TMP/part/$part"
done
begin store_complete_but_empty
run "$BIN/sekisho" --store "$TMP/part" verify
status 0
out 'Journals:  0 files, 0 rows not sealed yet
Segments:  0 files, 0 sections, 0 blocks, 0 rows
Checksums: all match'

finish
