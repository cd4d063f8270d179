#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Cases and what they allow: every refusal before anything is opened (AC-39, AC-41), the count before rows, second
# persons (AC-42), entries with rows per tenant (AC-14, AC-40), the next provider and nothing else (AC-45), copies.
. "$(dirname "$0")/cli_lib"

export OPEN_CASES=no
STORE=$TMP/store
K=("$BIN/sekisho" --store "$STORE")
NUMBER='令和8年(発チ)第12345号'
FULL='令和８年（発チ）第１２３４５号'
DAY=(--from 2026-03-10T00:00:00Z --to 2026-03-11T00:00:00Z)
SECRET='198\.51\.100|2001:db8|192\.0\.2|T[0-2][0-9]:[0-5][0-9]|2026-03'

# 30 rows of each of the tenants a, b and c on 2026-03-10, 20 to 40 minutes apart.
python3 - >"$TMP/rows.csv" <<'END'
day, minute = 1773100800 * 10**9, 60 * 10**9
print("t_ns,tenant,src_ip,src_port,dst_ip,dst_port,rtt_us,t_close_ns")
for i in range(90):
    source = "198.51.100.%d" % (i % 10 + 1) if i % 3 else "2001:db8::%x" % (i % 10 + 1)
    dst = "192.0.2.1" if i % 3 else "2001:db8:1::1"
    print("%d,%s,%s,%d,%s,443,," % (day + i * 10 * minute, "abc"[i % 3], source, 50000 + i, dst))
END
"$BIN/sekisho" import --store "$STORE" --csv "$TMP/rows.csv" --reason test >/dev/null || die "no store"
ACCESS=$STORE/ledger/access.log

entries() { grep -c '"event":"SEARCH"' "$ACCESS"; }
last_entry() { grep '"event":"SEARCH"' "$ACCESS" | tail -n 1; }
entry_has() { last_entry | grep -qF -- "$1" || bad "the last entry lacks $1: $(last_entry | cut -c1-600)"; }
rows() { sed 1d "$TMP/out" | wc -l; }
act() { run "${K[@]}" case "$@"; status 0; }

# --- Acts ---

begin open_is_an_entry_with_the_number_as_it_was_written
act open "$NUMBER" --basis KAIJI_MEIREI --tenant a --tenant b --from 2026-03-10T00:00:00Z --to 2026-03-10T06:00:00Z \
	--from 2026-03-10T12:00:00+00:00 --to 2026-03-11T00:00:00Z --requester '代理人 弁護士 甲' --approver otsu --note 通知
grep -qF "\"case\":\"$NUMBER\"" "$ACCESS" || bad "no such line"
run "${K[@]}" case show "$FULL"
status 0
out_has "^Case:      $(sed 's/[()]/\\&/g' <<<"$NUMBER")$"
out_has '^State:     open$'
out_has '^Tenants:   a, b$'
out_has '^Requester: 代理人 弁護士 甲$'
[ "$(grep -c '^Window: ' "$TMP/out")" -eq 2 ] || bad "not two windows"
begin japanese_for_the_desk
run "${K[@]}" case show "$NUMBER" --lang ja
out_has '^事件番号:   令和'
out_has '  受付        root  KAIJI_MEIREI  通知$'
run env LC_ALL=ja_JP.UTF-8 "${K[@]}" case list
out_has '^受付日時 .*事件番号$'
run "${K[@]}" case list
out_has '^OPENED .*CASE$'
run "${K[@]}" case list --lang fr
status 2
one_line

refuses open_twice_in_the_other_width 1 \
	"sekisho: error: case \"$FULL\" is open already, as \"$NUMBER\" on basis KAIJI_MEIREI" \
	"${K[@]}" case open "$FULL" --basis WARRANT --all-tenants
refuses open_without_basis 2 'sekisho: error: a case needs a legal basis: --basis CODE' "${K[@]}" case open 1 --all-tenants
refuses open_without_tenants 2 'sekisho: error: a case names its tenants: --tenant ID for each, or --all-tenants' \
	"${K[@]}" case open 1 --basis AUDIT
refuses open_half_a_window 2 'sekisho: error: each --from needs its --to' \
	"${K[@]}" case open 1 --basis AUDIT --all-tenants --from 2026-03-10T00:00:00Z
refuses open_time_without_zone 2 \
	'sekisho: error: --to: "2026-03-11T00:00:00" has no zone; write 2026-03-11T00:00:00+09:00 or …Z' \
	"${K[@]}" case open 1 --basis AUDIT --all-tenants --from 2026-03-10T00:00:00Z --to 2026-03-11T00:00:00
refuses open_bad_tenant 2 'sekisho: error: tenant "../x": not a tenant id' \
	"${K[@]}" case open 1 --basis AUDIT --tenant ../x
refuses open_no_number 2 'sekisho: error: case open "": expected a number, 1 to 200 bytes of one line of text' \
	"${K[@]}" case open --basis AUDIT --all-tenants
refuses open_control_character 2 'sekisho: error: case open "a?b": expected a number, 1 to 200 bytes of one line of text' \
	"${K[@]}" case open $'a\nb' --basis AUDIT --all-tenants
refuses note_of_no_case 1 'sekisho: error: there is no case "none"' "${K[@]}" case note none --text x
refuses opinion_of_another_tenant 4 "sekisho: error: tenant c is not in case \"$NUMBER\"" \
	"${K[@]}" case opinion "$NUMBER" --tenant c --state asked
refuses unknown_act 2 \
	'sekisho: error: case "reopen": expected open, list, show, note, opinion, provider or close; see sekisho case --help' \
	"${K[@]}" case reopen 1

begin the_opinion_of_the_contractor
act opinion "$NUMBER" --tenant a --state asked
act opinion "$NUMBER" --tenant a --state objects --note 'no such post'
act note "$NUMBER" --text '2通目を受領'
run "${K[@]}" case show "$NUMBER"
out_has '  opinion   root  a  objects  no such post$'
out_has '  note      root  2通目を受領$'

# --- Refusals, before anything is opened ---

# As a user who may read the ledger and nothing of the records: what is opened fails.
USER_ID=65534
chmod 711 "$TMP"
mkdir -m 755 "$TMP/any"
cp "$REAL_BIN/sekisho" "$TMP/any/"
AS=(setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups)
cp -a "$STORE" "$TMP/any/closed"
chown -R $USER_ID:$USER_ID "$TMP/any/closed"
CLOSED=("${AS[@]}" "$TMP/any/sekisho" --store "$TMP/any/closed")
run "${CLOSED[@]}" case open gone --basis WARRANT --all-tenants
run "${CLOSED[@]}" case close gone --outcome withdrawn
chmod 000 "$TMP/any/closed/segments"/* "$TMP/any/closed/catalog"/*
before=$(wc -l <"$TMP/any/closed/ledger/access.log")

begin control_what_is_opened_fails
run "${CLOSED[@]}" search --case "$NUMBER" --basis KAIJI_MEIREI --from 2026-03-10T00:00:00Z --to 2026-03-10T01:00:00Z --tenant a
[ "$STATUS" -ne 0 ] && [ "$STATUS" -ne 4 ] || bad "status $STATUS: the test proves nothing"
err_has 'Permission denied'

admission() { # NAME TEXT OPTION...
	local name=$1 text=$2
	shift 2
	refuses "AC-39_$name" 4 "sekisho: error: $text" "${CLOSED[@]}" search "$@"
	[ "$(wc -l <"$TMP/any/closed/ledger/access.log")" -eq "$before" ] || bad "an entry was written"
}
admission no_such_case 'there is no case "2026-99": sekisho case open' --case 2026-99 --basis WARRANT "${DAY[@]}" --tenant a
admission closed_case 'case "gone" is closed (withdrawn)' --case gone --basis WARRANT "${DAY[@]}" --tenant a
admission another_basis "case \"$FULL\" is on basis KAIJI_MEIREI, not WARRANT" \
	--case "$FULL" --basis WARRANT "${DAY[@]}" --tenant a
admission outside_of_the_windows \
	"the window from 2026-03-10T05:00:00.000000000Z to before 2026-03-10T06:00:01.000000000Z lies outside of the windows of case \"$NUMBER\"" \
	--case "$NUMBER" --basis KAIJI_MEIREI --from 2026-03-10T05:00:00Z --to 2026-03-10T06:00:01Z --tenant a
printf 'src_ip,src_port,t,tolerance\n198.51.100.1,,2026-03-10T01:00:00Z,1s\n198.51.100.1,,2026-03-10T09:00:00Z,1s\n' >"$TMP/any/q.csv"
chmod 644 "$TMP/any/q.csv"
admission a_question_outside_of_the_windows \
	"question 2 (2026-03-10T08:59:59.000000000Z to 2026-03-10T09:00:01.000000000Z) lies outside of the windows of case \"$NUMBER\"" \
	--case "$NUMBER" --basis KAIJI_MEIREI --questions "$TMP/any/q.csv"
admission AC-41_tenant_outside_of_the_scope "tenant c is not in case \"$NUMBER\"" \
	--case "$NUMBER" --basis KAIJI_MEIREI --from 2026-03-10T00:00:00Z --to 2026-03-10T06:00:00Z --tenant c
admission approver_is_named_by_root_alone '--approver "otsu" is for root; others wait for sekisho approve' \
	--case "$NUMBER" --basis KAIJI_MEIREI "${DAY[@]}" --tenant a --approver otsu
admission no_basis "a search needs a legal basis: --basis CODE, one of $("$BIN/sekisho" search --help | sed -n '/^Bases:/,/\.$/p' |
	tr '\n' ' ' | sed 's/^Bases: //; s/ ([a-z ]*)//g; s/\. *$//')" --case 1 "${DAY[@]}" --tenant a
if command -v strace >/dev/null; then
	begin AC-39_no_segment_is_opened_says_the_kernel
	STATUS=0
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -e trace=open,openat -o "$TMP/trace" "${K[@]}" search --case "$NUMBER" --basis WARRANT "${DAY[@]}" --tenant a \
		>"$TMP/out" 2>"$TMP/err" || STATUS=$?
	status 4
	! grep -E '\.sks|\.skj|\.skc|"journal/|"a"' "$TMP/trace" >"$TMP/opened" || bad "opened: $(head -n 1 "$TMP/opened")"
	grep -q 'access.log' "$TMP/trace" || bad "the trace has nothing: the test proves nothing"
fi

# --- What a case of listed tenants shows ---

begin AC-41_all_tenants_are_those_of_the_case
run "${K[@]}" search --case "$NUMBER" --basis KAIJI_MEIREI --from 2026-03-10T12:00:00Z --to 2026-03-11T00:00:00Z \
	--src 0.0.0.0/0 --csv
status 0
# Minutes 720 to 890: rows 72 to 89, 18 of them; a has IPv6 alone, b six, c is not in the case.
[ "$(cut -d, -f10 <(sed 1d "$TMP/out") | sort | uniq -c | tr -s ' ' | tr '\n' ' ')" = ' 6 b ' ] || bad "other rows: $(first "$TMP/out")"
err_has '^Records:  6$'
entry_has '"rows":6,"rows_shown":true,"approval":null,"approver":null,"hidden_until":null,"tenants":{"a":0,"b":6}'
begin AC-14_the_entry_counts_for_each_tenant
act open all --basis WARRANT --all-tenants
for form in --csv --json --count '--top 2' '--order source'; do
	# shellcheck disable=SC2086 # two words
	run "${K[@]}" search --case all --basis WARRANT "${DAY[@]}" --dst 0.0.0.0/0 $form
	status 0
	entry_has '"tenants":{"b":30,"c":30}'
done
run "${K[@]}" search --case all --basis WARRANT "${DAY[@]}" --src 192.0.2.77
status 1
entry_has '"rows":0,"rows_shown":true,"approval":null,"approver":null,"hidden_until":null,"tenants":{}'
begin AC-14_unless_the_law_forbids_to_tell_them
act open secret --basis WARRANT --all-tenants --secret-until 2027-01-01T00:00:00Z --secret-reason '刑訴法197条5項'
run "${K[@]}" search --case secret --basis WARRANT "${DAY[@]}" --tenant a --count
status 0
entry_has '"hidden_until":"2027-01-01T00:00:00.000000000Z","tenants":{"a":30}'
run "${K[@]}" case open secret2 --basis WARRANT --all-tenants --secret-until 2027-01-01T00:00:00Z
status 2
err 'sekisho: error: --secret-until and --secret-reason go together'

begin tenant_self_needs_no_case_and_no_second_person
run "${K[@]}" search --basis TENANT_SELF --from 2020-01-01T00:00:00Z --to 2027-01-01T00:00:00Z --tenant a --csv
status 0
[ "$(rows)" -eq 30 ] || bad "$(rows) rows"
begin AUDIT_and_HOZEN_show_no_rows
act open audit --basis AUDIT --all-tenants
run "${K[@]}" search --case audit --basis AUDIT --from 2020-01-01T00:00:00Z --to 2027-01-01T00:00:00Z --tenant a --csv
status 0
[ "$(rows)" -eq 0 ] || bad "$(rows) rows"
entry_has '"rows":30,"rows_shown":false'

begin the_count_comes_first
run "${K[@]}" search --case all --basis WARRANT "${DAY[@]}" --tenant a
[ "$(head -n 1 "$TMP/out")" = 'Records:  30' ] || bad "begins with $(head -n 1 "$TMP/out")"

# --- Second persons ---

LONG=(--from 2026-03-09T00:00:00Z --to 2026-03-12T00:00:00Z)
cp -a "$STORE" "$TMP/any/desk"
chown -R $USER_ID:$USER_ID "$TMP/any/desk"
# The store belongs to one user, and root is the other.
DESK=("${AS[@]}" "$TMP/any/sekisho" --store "$TMP/any/desk")
ROOT_THERE=("$BIN/sekisho" --store "$TMP/any/desk")
ACCESS=$TMP/any/desk/ledger/access.log
begin AC-42_a_long_window_waits_for_another_person
run "${DESK[@]}" search --case all --basis WARRANT "${LONG[@]}" --tenant a --csv
status 4
out ''
one_line
err_has '^sekisho: error: 30 records in a window of 3d, longer than approval_window \(1d\): another person lets them out with sekisho approve [0-9]+$'
ID=$(grep -oE '[0-9]+$' "$TMP/err")
entry_has '"rows":30,"rows_shown":false,"approval":null'
begin AC-42_the_same_request_waits_once
run "${DESK[@]}" search --case all --basis WARRANT "${LONG[@]}" --tenant a --json
status 4
err_has " $ID\$"
[ "$(grep -c '"event":"APPROVAL_REQUEST"' "$ACCESS")" -eq 1 ] || bad "two requests"
run "${ROOT_THERE[@]}" approve
status 0
out_has "^ +$ID  .*  nobody +30  search --case all "
refuses AC-42_not_by_the_same_person 4 \
	"sekisho: error: request $ID was made by uid $USER_ID itself: another person approves it" "${DESK[@]}" approve "$ID"
refuses approve_no_request 1 'sekisho: error: there is no request 99999' "${ROOT_THERE[@]}" approve 99999
refuses approve_no_number 2 'sekisho: error: approve "x": expected the number of a request' "${ROOT_THERE[@]}" approve x
begin AC-42_still_refused
run "${DESK[@]}" search --case all --basis WARRANT "${LONG[@]}" --tenant a --csv
status 4
begin AC-42_another_person_approves
run "${ROOT_THERE[@]}" approve "$ID"
status 0
out_has "^request $ID approved: nobody may show up to 30 records of this search until "
run "${DESK[@]}" search --case all --basis WARRANT "${LONG[@]}" --tenant a --csv
status 0
[ "$(rows)" -eq 30 ] || bad "$(rows) rows"
entry_has "\"rows_shown\":true,\"approval\":$ID,\"approver\":null"
begin AC-42_what_was_approved_and_nothing_else
run "${DESK[@]}" search --case all --basis WARRANT "${LONG[@]}" --tenant b --csv
status 4
run "${ROOT_THERE[@]}" search --case all --basis WARRANT "${LONG[@]}" --tenant a --csv
status 4
err_has 'or root names one with --approver$'
begin root_leaves_the_store_to_its_owner
[ -z "$(find "$TMP/any/desk" ! -user $USER_ID)" ] || bad "not of the owner: $(find "$TMP/any/desk" ! -user $USER_ID | head -n 1)"
begin root_names_the_second_person
run "${ROOT_THERE[@]}" search --case all --basis WARRANT "${LONG[@]}" --tenant a --csv --approver otsu
status 0
[ "$(rows)" -eq 30 ] || bad "$(rows) rows"
entry_has '"uid":0,"user":"root","rows":30,"rows_shown":true,"approval":null,"approver":"otsu"'
run "${ROOT_THERE[@]}" search --case all --basis WARRANT "${LONG[@]}" --tenant a --csv --approver root
status 4
err 'sekisho: error: --approver "root": it takes a second person'
begin a_count_needs_nobody
run "${DESK[@]}" search --case all --basis WARRANT "${LONG[@]}" --tenant c --count --csv
status 0
out $'rows\n30'
begin AC-42_many_rows_by_the_configuration
conf 'approval_rows = 29' 'approval_window = 30d'
sed -i "s#^state_dir = .*#state_dir = $TMP/any/desk#" "$CONF"
install -m 644 "$CONF" "$TMP/any/conf"
run "${AS[@]}" "$TMP/any/sekisho" -c "$TMP/any/conf" search --case all --basis WARRANT "${LONG[@]}" --tenant c --csv
status 4
err_has '^sekisho: error: 30 records are more than approval_rows \(29\): another person '
run "${AS[@]}" "$TMP/any/sekisho" -c "$TMP/any/conf" search --case all --basis WARRANT "${LONG[@]}" --tenant c --csv --src-port 50000-50080
status 0
begin the_ledger_with_all_this_verifies
run "${ROOT_THERE[@]}" ledger verify --full
status 0
run python3 "$ROOT/tests/spec/check_ledger.py" "$TMP/any/desk"
status 0
ACCESS=$STORE/ledger/access.log

# --- The next provider ---

begin AC-45_nothing_but_the_next_provider
act open teikyo --basis TEIKYO_MEIREI_1 --all-tenants
act provider teikyo --name '株式会社B' --address '大阪市北区1-1' --source 'JPNIC WHOIS' --date 2026-11-20 --prefix 2001:db8::/32
printf 'prefix,name,address,source,date\r\n198.51.100.0/29,"A, Inc.","Tokyo ""1""",whois,2026-11-20\r\n' >"$TMP/providers.csv"
act provider teikyo --file "$TMP/providers.csv"
cut -d, -f4,6 "$TMP/rows.csv" | sed 1d | tr ',' '\n' | sort -u >"$TMP/ports"
for form in -- --csv --json --count '--count --json' '--order time'; do
	# shellcheck disable=SC2086 # two words
	run "${K[@]}" search --case teikyo --basis TEIKYO_MEIREI_1 --dst 0.0.0.0/0 "${DAY[@]}" $form
	status 0
	! cat "$TMP/out" "$TMP/err" | grep -E "$SECRET" >"$TMP/leak" || bad "$form shows $(head -n 1 "$TMP/leak")"
	! cat "$TMP/out" "$TMP/err" | grep -wFf "$TMP/ports" >"$TMP/leak" || bad "$form shows $(head -n 1 "$TMP/leak")"
	entry_has '"rows_shown":false'
	[ "$form" != --csv ] || out $'name,address,source,date,rows\n"A, Inc.","Tokyo ""1""",whois,2026-11-20,42'
	[ "$form" != --json ] || out '{"providers":[{"name":"A, Inc.","address":"Tokyo \"1\"","source":"whois","date":"2026-11-20","rows":42}],"count":60,"unnamed":18,"rows_shown":false,"gaps":0,"damaged":0}'
	[ "$form" != -- ] || out_has '^Provider: A, Inc\.$'
done
begin control_the_check_finds_them
run "${K[@]}" search --case all --basis WARRANT --dst 0.0.0.0/0 "${DAY[@]}" --csv
grep -qE "$SECRET" "$TMP/out" && grep -qwFf "$TMP/ports" "$TMP/out" || bad "the check finds nothing in rows"
refuses AC-45_no_top 2 'sekisho: error: TEIKYO_MEIREI_1 tells the next provider and no more: leave out --top and --explain' \
	"${K[@]}" search --case teikyo --basis TEIKYO_MEIREI_1 --dst 0.0.0.0/0 "${DAY[@]}" --top 3
refuses AC-45_no_explain 2 'sekisho: error: TEIKYO_MEIREI_1 tells the next provider and no more: leave out --top and --explain' \
	"${K[@]}" search --case teikyo --basis TEIKYO_MEIREI_1 --dst 0.0.0.0/0 "${DAY[@]}" --explain
begin AC-45_damage_is_told_without_a_name
cp -a "$STORE" "$TMP/damaged"
for file in "$TMP/damaged/segments"/*/*; do
	printf '\xff' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") / 2)) conv=notrunc status=none
done
rm -rf "$TMP/damaged/catalog"/*
run "$BIN/sekisho" --store "$TMP/damaged" search --case teikyo --basis TEIKYO_MEIREI_1 --dst 0.0.0.0/0 "${DAY[@]}"
status 5
out_has '^DAMAGED:  [0-9]+ objects could not be read; see sekisho verify$'
! cat "$TMP/out" "$TMP/err" | grep -E "$SECRET" >"$TMP/leak" || bad "shows $(head -n 1 "$TMP/leak")"
# A line is missing in the middle: its end is as the heads say.
cp -a "$STORE" "$TMP/cut"
self() { run "$BIN/sekisho" --store "$TMP/cut" search --basis TENANT_SELF --tenant a "${DAY[@]}" --csv; }
begin AC-13_control_of_the_next
self
[ "$STATUS" -le 1 ] || bad "status $STATUS"
sed -i 2d "$TMP/cut/ledger/access.log"
before=$(wc -l <"$TMP/cut/ledger/access.log")
begin AC-13_no_search_behind_a_missing_line
self
status 5
grep -q '^sekisho: error: ledger/access.log line 2: .*; nothing is shown$' "$TMP/err" || bad "says $(cat "$TMP/err")"
[ "$(wc -l <"$TMP/cut/ledger/access.log")" -eq "$before" ] || bad "a line was written"
! grep -qE "$SECRET" "$TMP/out" || bad "shows rows"
begin none_can_be_named
act open teikyo2 --basis TEIKYO_MEIREI_1 --all-tenants
run "${K[@]}" search --case teikyo2 --basis TEIKYO_MEIREI_1 --dst 0.0.0.0/0 "${DAY[@]}"
out_has '^No next provider can be named from what is held\.$'
out_has '特定することができません。$'

bad_file() { # NAME TEXT CONTENT
	printf '%b' "$3" >"$TMP/bad.csv"
	refuses "provider_file_$1" 2 "sekisho: error: ${2//FILE/$TMP/bad.csv}" "${K[@]}" case provider teikyo --file "$TMP/bad.csv"
}
GOOD='prefix,name,address,source,date\n'
bad_file header 'FILE:1: "prefix,name": expected the header prefix,name,address,source,date' 'prefix,name\n'
bad_file empty 'FILE:1: "": expected the header prefix,name,address,source,date' ''
bad_file nothing 'FILE: no provider in it' "$GOOD"
bad_file prefix 'FILE:2: prefix "198.51.100.1/24": expected ADDR[/LEN] without host bits' "${GOOD}198.51.100.1/24,a,b,c,2026-01-01\n"
bad_file columns 'FILE:2: expected prefix,name,address,source,date' "${GOOD}198.51.100.0/24,a,b,c\n"
bad_file too_many 'FILE:2: expected prefix,name,address,source,date' "${GOOD}198.51.100.0/24,a,b,c,2026-01-01,x\n"
bad_file no_name 'FILE:2: name is empty' "${GOOD}198.51.100.0/24,,b,c,2026-01-01\n"
bad_file quote 'FILE:2: a quotation mark that does not belong there' "${GOOD}198.51.100.0/24,a\"b,b,c,2026-01-01\n"
bad_file open_quote 'FILE:2: a quotation mark that does not belong there' "${GOOD}198.51.100.0/24,\"ab,b,c,2026-01-01\n"
bad_file date 'date "1.1.2026": expected YYYY-MM-DD' "${GOOD}198.51.100.0/24,a,b,c,1.1.2026\n"
bad_file utf8 'FILE:2: not valid UTF-8' "${GOOD}198.51.100.0/24,\\xff,b,c,2026-01-01\n"
begin provider_file_that_no_line_of_the_ledger_takes
python3 -c '
print("prefix,name,address,source,date")
for i in range(12000):
    print("10.%d.%d.0/24,%d,b,c,2026-01-01" % (i >> 8, i & 255, i))' >"$TMP/many.csv"
run "${K[@]}" case provider teikyo --file "$TMP/many.csv"
status 2
err 'sekisho: error: 12000 providers are more than a line of the ledger takes: only those that the case needs'
refuses provider_incomplete 2 'sekisho: error: a provider has --name, --address, --source and --date, or all come from --file' \
	"${K[@]}" case provider teikyo --name x

# --- Closing, copies ---

begin a_closed_case_is_searched_no_more
act close "$FULL" --outcome not-disclosed --note '同意なし'
run "${K[@]}" case list
out_lacks '発チ'
run "${K[@]}" case list --all
out_has 'closed: not disclosed .*発チ'
before=$(entries)
run "${K[@]}" search --case "$NUMBER" --basis KAIJI_MEIREI --from 2026-03-10T00:00:00Z --to 2026-03-10T01:00:00Z --tenant a
status 4
err "sekisho: error: case \"$NUMBER\" is closed (not-disclosed)"
[ "$(entries)" -eq "$before" ] || bad "an entry was written"

begin a_copy_of_records_alone_asks_for_a_case_of_its_own
mkdir -p "$TMP/copy/journal" "$TMP/copy/ledger"
cp -a "$STORE/segments" "$TMP/copy/"
run "$BIN/sekisho" --store "$TMP/copy" search --case all --basis WARRANT "${DAY[@]}" --tenant a --csv
status 4
err 'sekisho: error: there is no case "all": sekisho case open'
run "$BIN/sekisho" --store "$TMP/copy" case open all --basis WARRANT --tenant a
status 0
run "$BIN/sekisho" --store "$TMP/copy" search --case all --basis WARRANT "${DAY[@]}" --tenant a --csv
status 0
[ "$(rows)" -eq 30 ] || bad "$(rows) rows"
[ "$(grep -c '"event":"SEARCH"' "$TMP/copy/ledger/access.log")" -eq 1 ] || bad "no entry beside the copy"
begin AC-40_a_copy_that_cannot_be_written_shows_nothing
mount --bind "$TMP/copy" "$TMP/copy" && MOUNTS+=("$TMP/copy") && mount -o remount,bind,ro "$TMP/copy" || die "cannot mount read-only"
run "$BIN/sekisho" --store "$TMP/copy" search --case all --basis WARRANT "${DAY[@]}" --tenant a --csv
status 1
out ''
err 'sekisho: error: cannot write ledger/access.log: Read-only file system; nothing is shown'

finish
