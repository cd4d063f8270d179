#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# sekisho hold, and what a real sekishod deletes: retention, holds, erasure (AC-07, AC-32, AC-36). Old rows are imported.
. "$(dirname "$0")/cli_lib"

CASE='令和8年(発チ)第12345号' CASE_RE='令和8年\(発チ\)第12345号'
mount_bpf
conf 'record_loopback = yes'
conf_tenant web "$NET.1"
HOLD=("${SEKISHO[@]}" hold)
UNTIL=$(utc_in 86400)

# --- Command lines ---

"$BIN/sekisho" -c "$CONF" import --csv /dev/null --reason x --store "$STATE" >/dev/null 2>&1
grant web
refuses hold_without_act 2 'sekisho: error: hold "": expected set, list or release; see sekisho hold --help' "${HOLD[@]}"
refuses hold_without_number 2 'sekisho: error: hold set needs the number of its case: sekisho hold set NUMBER' \
	"${HOLD[@]}" set --tenant web --until "$UNTIL"
refuses hold_without_tenant 4 'sekisho: error: a hold names whose records it is for: --tenant ID or --all-tenants' \
	"${HOLD[@]}" set "$CASE" --until "$UNTIL"
refuses hold_without_end 4 'sekisho: error: a hold needs an end: --until TIME' "${HOLD[@]}" set "$CASE" --tenant web
refuses hold_with_both 2 'sekisho: error: --tenant and --all-tenants: choose one' \
	"${HOLD[@]}" set "$CASE" --tenant web --all-tenants --until "$UNTIL"
refuses hold_that_has_ended 2 'sekisho: error: --until 2020-01-01T00:00:00Z is not in the future' \
	"${HOLD[@]}" set "$CASE" --tenant web --until 2020-01-01T00:00:00Z
refuses hold_on_nobody 2 'sekisho: error: --tenant wbe: there is no such tenant: no records, no consent, not configured' \
	"${HOLD[@]}" set "$CASE" --tenant wbe --until "$UNTIL"
refuses hold_on_no_day 2 'sekisho: error: --from "2026-02-30": expected a day (2026-11-01) or a time with a zone' \
	"${HOLD[@]}" set "$CASE" --tenant web --from 2026-02-30 --until "$UNTIL"
refuses hold_without_zone 2 \
	'sekisho: error: --from: "2026-02-03T00:00:00" has no zone; write 2026-02-03T00:00:00+09:00 or …Z' \
	"${HOLD[@]}" set "$CASE" --tenant web --from 2026-02-03T00:00:00 --until "$UNTIL"
refuses hold_backwards 2 'sekisho: error: --from 2026-03-05 is not before --to 2026-03-03' \
	"${HOLD[@]}" set "$CASE" --tenant web --from 2026-03-05 --to 2026-03-03 --until "$UNTIL"
refuses hold_backwards_from_day_to_day 2 'sekisho: error: --from 2026-03-04 is not before --to 2026-03-03' \
	"${HOLD[@]}" set "$CASE" --tenant web --from 2026-03-04 --to 2026-03-03 --until "$UNTIL"
refuses release_of_nothing 1 "sekisho: error: no hold of the number \"$CASE\" is in force" "${HOLD[@]}" release "$CASE"

begin no_holds
run "${HOLD[@]}" list
status 1
out 'no holds'

# --- Days: whole UTC days that the days or times given touch ---

held_days() { # NAME WANT OPTION...
	begin "days_$1"
	local want=$2
	shift 2
	run "${HOLD[@]}" set "$CASE" --tenant web --until "$UNTIL" "$@"
	status 0
	out_has "^held for $CASE_RE: tenant web, UTC days: $want; until "
	run "${HOLD[@]}" release "$CASE"
	status 0
}
# A day in Tokyo begins at 15:00 of the UTC day before.
held_days local '2026-10-29 to 2026-10-31' --from 2026-10-30 --to 2026-10-31
held_days one_day '2026-10-29 to 2026-10-30' --from 2026-10-30 --to 2026-10-30
held_days times '2026-10-30 to 2026-10-30' --from 2026-10-30T00:00:00Z --to 2026-10-31T00:00:00Z
held_days times_inside '2026-10-30 to 2026-10-31' --from 2026-10-30T23:59:59Z --to 2026-10-31T00:00:01Z
held_days times_of_tokyo '2026-10-29 to 2026-10-30' --from 2026-10-30T00:00:00+09:00 --to 2026-10-31T00:00:00+09:00
held_days open_end 'from 2026-10-30 on' --from 2026-10-30T00:00:00Z
held_days open_begin 'up to 2026-10-30' --to 2026-10-30T01:00:00Z
held_days ever 'all days'
held_days future '2099-01-01 to 2099-01-02' --from 2099-01-01T00:00:00Z --to 2099-01-03T00:00:00Z

begin list_json
run "${HOLD[@]}" list --json
status 0
python3 - "$TMP/out" "$CASE" <<'END' >"$TMP/odd" 2>&1 || bad "$(tail -n 1 "$TMP/odd")"
import json, sys
holds = json.load(open(sys.argv[1]))
keys = "number tenant first_day last_day until state set released reason actor seq".split()
assert len(holds) == 9, len(holds)
assert all(list(h) == keys and h["number"] == sys.argv[2] and h["state"] == "released" for h in holds), holds[0]
assert (holds[0]["first_day"], holds[0]["last_day"]) == ("2026-10-29", "2026-10-31")
assert holds[7]["first_day"] is None and holds[7]["last_day"] is None
END

# --- What sekishod deletes ---

# rows DAYS_AGO TENANT ADDRESS: a row at noon of that day.
NOW=$(date +%s)
rows() {
	local t=$((NOW - NOW % 86400 - $1 * 86400 + 43200))
	printf '%s000000000,%s,%s,1234,192.0.2.1,443\n' "$t" "$2" "$3"
}
day() { date -u -d "@$((NOW - $1 * 86400))" +%Y-%m-%d; }
there() { [ -e "$STATE/segments/$1/$(day "$2").sks" ]; }
gone() { ! there "$@"; }
search() { run "${SEKISHO[@]}" search --case 1 --basis WARRANT "$@"; }
window() { printf -- '--from %sT00:00:00Z --to %sT23:59:59Z' "$(day "$1")" "$(day "$1")"; }

begin old_rows_are_imported
{
	echo t_ns,tenant,src_ip,src_port,dst_ip,dst_port
	rows 200 old 198.51.100.1
	rows 200 held 198.51.100.2
	rows 190 held 198.51.100.3
	rows 170 old 198.51.100.4
} >"$TMP/csv"
run "${SEKISHO[@]}" import --store "$STATE" --csv "$TMP/csv" --reason 'an older log'
status 0
run "${HOLD[@]}" set "$CASE" --tenant held --from "$(day 200)T00:00:00Z" --to "$(day 200)T01:00:00Z" --until "$UNTIL" \
	--reason 'Art. 16'
status 0
for at in old:200 held:200 held:190 old:170; do
	holds "$at is not there" there "${at%:*}" "${at#*:}"
done
run "${SEKISHO[@]}" verify
status 0

begin AC-36_expired_days_go_and_held_ones_stay
chown -R "$STORE_USER" "$STATE" # --store asks no configuration whose it is to be
daemon_start
wait_until 10 gone old 200 || bad "a day whose retention is over is still there"
run "${SEKISHO[@]}" seal
status 0
holds 'the held day went' there held 200
holds 'a day that is not held stayed' gone held 190
holds 'a day that is not due went' there old 170
run "${SEKISHO[@]}" status
status 0
out_has '^Deleted: +2 tenant-days expired, 0 erased since the start, 2 rows; last run 20'
out_has '1 tenant-days are due and stay: they are held'
run "${SEKISHO[@]}" verify --full
status 0
out_has '^Deleted: +2 sections by retention or erasure, as custody states$'
run "$ROOT/tests/spec/check_ledger.py" "$STATE"
status 0
out_has '^deleted 2, not released 1$'

begin search_says_why
# shellcheck disable=SC2046 # two options each
search --tenant old $(window 200)
status 1
out_has '^Class: +N \(no record\)$'
out_has '^Reasons: +NO_CONSENT  '
out_has '^ +EXPIRED +days of the window were deleted'
# shellcheck disable=SC2046
search --json --tenant old $(window 200)
status 1
out_has '"reasons":\["NO_CONSENT","EXPIRED"\]'
# shellcheck disable=SC2046
search --csv --tenant held $(window 200)
status 0
out_has '^1,established,tcp,198.51.100.2,'
# shellcheck disable=SC2046
search --csv --tenant held $(window 190)
status 1
err_has '^ +EXPIRED '

begin AC-36_release_makes_them_go
run "${HOLD[@]}" list
status 0
out_has "^in force  held  +$(day 200) to $(day 200)  until .*  $CASE_RE\$"
run "${HOLD[@]}" release "$CASE" --tenant old
status 1
run "${HOLD[@]}" release "$CASE"
status 0
out "1 hold of $CASE released; what is due is deleted within the hour while sekishod runs"
run "${SEKISHO[@]}" seal
holds 'the day stayed after the release' gone held 200
holds 'the directory stayed' test ! -e "$STATE/segments/held"
run "${HOLD[@]}" list
out_has "^released  held "
run "${SEKISHO[@]}" verify
status 0
daemon_stop

begin AC-32_removal_by_hand_is_found
cp -a "$STATE" "$TMP/copy"
rm "$TMP/copy/segments/old/$(day 170).sks"
run "$BIN/sekisho" --store "$TMP/copy" verify
status 5
out_has 'what was sealed is not there'
run "$ROOT/tests/spec/check_ledger.py" "$TMP/copy"
status 1
err_has 'was sealed, and neither is there nor was deleted'

begin a_damaged_custody_deletes_nothing
size=$(stat -c %s "$STATE/ledger/custody.log")
cp -a "$STATE" "$TMP/damaged"
printf 'X' | dd of="$TMP/damaged/ledger/custody.log" bs=1 seek=$((size / 2)) conv=notrunc status=none
run "$BIN/sekisho" --store "$TMP/damaged" hold list
status 5
run "$BIN/sekisho" --store "$TMP/damaged" hold set 1 --all-tenants --until "$UNTIL"
status 5
err_has 'custody.log line [0-9]+'

finish
