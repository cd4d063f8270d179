#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Consent as a customer meets it (DOMAIN 6.5): the text, enabling, looking, changing, being reminded, disabling.
. "$(dirname "$0")/cli_lib"

LEDGER=$STATE/ledger/consent.log
mount_bpf
conf 'record_loopback = yes'
conf_tenant web "$NET.1" "$NET.2:443"
conf_tenant mail "$NET.3"
UNTIL=$(TZ=Asia/Tokyo date -d '+300 days' +%Y-%m-%dT00:00:00+09:00)
CONSENT=("${SEKISHO[@]}" consent)
ASSERT=(--same-terms --revocable)
VALUES=(--until "$UNTIL" --retention 90 --fields "$BASE_FIELDS")

# json FILE EXPRESSION: what Python makes of the answer `a`; "True" where it holds.
json() { python3 -c 'import json, sys; a = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2" 2>&1; }
json_is() { # EXPRESSION WANT
	local got
	got=$(json "$TMP/out" "$1")
	[ "$got" = "$2" ] || bad "$1 is $got instead of $2: $(first "$TMP/out")"
}

# --- The text ---

begin text_japanese
run "${CONSENT[@]}" text web --lang ja "${VALUES[@]}"
status 0
err ''
cp "$TMP/out" "$TMP/shown"
out_has '^sekisho-consent 1 ja$'
out_has '^【法的助言ではない】$'
out_has "・$NET\\.1\$"
out_has "・$NET\\.2:443\$"
out_has '^記録した日から 90 日間です'
out_has "^この同意は ${UNTIL/+/\\+} に終わります。\$"
out_lacks '[{}]'
begin text_english
run "${CONSENT[@]}" text web --lang en
status 0
out_has '^\[Not legal advice\]'
out_has '^180 days from the day of the record'
begin text_follows_the_locale
run env LC_ALL=ja_JP.UTF-8 "${CONSENT[@]}" text web "${VALUES[@]}"
status 0
holds "not the Japanese one" cmp "$TMP/out" "$TMP/shown"
refuses text_in_french 2 'sekisho: error: --lang "fr": expected ja or en' "${CONSENT[@]}" text web --lang fr
refuses text_of_nobody 2 "sekisho: error: tenant \"other\" is not in $CONF" "${CONSENT[@]}" text other
refuses show_before_all 1 "sekisho: error: cannot open state directory $STATE: No such file or directory" "${CONSENT[@]}" show web

# --- Enabling ---

MISMATCH='it is not the shipped text sekisho-consent 1 ja for these addresses, fields, days, purposes, recipients and end; a text of your own needs --text-id'
refuses AC-04_the_text_says_90_days_not_366 2 "sekisho: error: --text $TMP/shown: $MISMATCH" \
	"${CONSENT[@]}" grant web --text "$TMP/shown" "${ASSERT[@]}" --until "$UNTIL" --retention 366 --fields "$BASE_FIELDS"
refuses AC-04_the_text_is_for_another_tenant 2 "sekisho: error: --text $TMP/shown: $MISMATCH" \
	"${CONSENT[@]}" grant mail --text "$TMP/shown" "${ASSERT[@]}" "${VALUES[@]}"
refuses the_text_is_not_english 2 "sekisho: error: --lang en: --text $TMP/shown is the shipped text in ja" \
	"${CONSENT[@]}" grant web --text "$TMP/shown" --lang en "${ASSERT[@]}" "${VALUES[@]}"
daemon_start
serve "$NET.1:80" "$NET.2:443" "$NET.3:25"
begin AC-01_before_the_grant
connect "$TMP/list" --count 4 "$NET.1:80" "$NET.2:443"
run "${CONSENT[@]}" show web --json
status 0
json_is '[a["state"], a["consent"], a["since"], a["searches"], a["stored"]["days"]]' "['never', None, None, [], []]"
begin enable
run "${CONSENT[@]}" grant web --text "$TMP/shown" "${ASSERT[@]}" "${VALUES[@]}" --actor 'C-10293' \
	--actor-auth 'panel password and one-time code' --method 'control panel' --origin 203.0.113.77 --ticket T-1 --json
status 0
err ''
HASH=$(sha256sum <"$TMP/shown" | cut -d' ' -f1)
json_is '[a["recording"], a["state"]]' '[True, None]'
json_is '[a["act"][k] for k in ("text_id", "text_version", "lang", "text_sha256")]' \
	"['sekisho-consent', '1', 'ja', '$HASH']"
json_is '[a["act"][k] for k in ("event", "seq", "tenant", "actor", "actor_auth", "method", "ticket")]' \
	"['GRANT', 1, 'web', 'C-10293', 'panel password and one-time code', 'control panel', 'T-1']"
json_is 'a["act"]["origin"]' \
	"{'uid': 0, 'user': 'root', 'via': 'command line', 'from': '203.0.113.77'}"
begin look
connect "$TMP/list" --count 6 "$NET.1:80" "$NET.2:443"
sekisho seal >/dev/null || bad "cannot seal"
DAY=$(date -u +%Y-%m-%d)
run "${CONSENT[@]}" show web --lang ja
status 0
err ''
out_has '^状態 +記録中 \(開始 20.*\+09:00\)$'
out_has "^同意 +第 1 号、${UNTIL%+*}.000000000\\+09:00 まで\$"
out_has '^本人確認 +panel password and one-time code$'
out_has "^ +$DAY +6 件 +[0-9]+ バイト\$"
out_has '^お知らせ +まだありません$'
out_has '^検索 +0 件$'
begin look_in_english
run "${CONSENT[@]}" show web
out_has '^State +recording \(since 20.*\+09:00\)$'
out_has '^Authenticated +panel password and one-time code$'

# --- Who searched (AC-14) ---

begin AC-14_each_search_is_shown_at_once
sekisho search --case SECRET-1 --basis WARRANT "${EVER[@]}" --tenant web --csv >/dev/null 2>&1
sekisho search --case SECRET-2 --basis AUDIT "${EVER[@]}" --src 127.0.0.1 >/dev/null 2>&1
sekisho search --case SECRET-3 --basis WARRANT "${EVER[@]}" --tenant mail >/dev/null 2>&1
run "${CONSENT[@]}" show web --json
status 0
json_is '[[s[k] for k in ("basis", "rows", "rows_shown")] for s in a["searches"]]' \
	"[['WARRANT', 6, True], ['AUDIT', 6, False]]"
out_lacks SECRET
begin AC-14_for_people
run "${CONSENT[@]}" show web --lang ja
out_has '^検索 +2 件$'
out_has '  WARRANT +6 件  令状$'
out_has '  AUDIT +6 件、件数のみ  監査$'

# --- Changing ---

begin narrow
run "${CONSENT[@]}" modify web --retention 60
status 0
out_has '^consent 2 of tenant web: from 20.* until 20.*, 2 addresses; recording$'
out_has "^text sekisho-consent 1 \\(ja\\), SHA-256 $HASH\$"
out_has '^by root; authenticated: local user only: uid 0 \(root\)$'
refuses nothing_changes 1 'sekisho: error: this would change nothing in the consent of tenant web' \
	"${CONSENT[@]}" modify web --retention 60
wider() { # NAME WHAT OPTION...
	local name=$1 what=$2
	shift 2
	refuses "widening_$name" 4 \
		"sekisho: error: this widens the consent ($what): the tenant must be shown a text for it and agree anew" \
		"${CONSENT[@]}" modify web "$@"
}
wider retention 'longer retention' --retention 61
wider fields 'more fields' --fields "$BASE_FIELDS,t_close"
wider end 'a later end' --until "$(date -u -d '+400 days' +%Y-%m-%dT00:00:00Z)"
wider purposes 'more purposes' --purposes P1,P2,P3
refuses modify_without_the_assertion 4 \
	'sekisho: error: a consent is not valid unless all other terms are the same: --same-terms' \
	"${CONSENT[@]}" modify web --fields "$BASE_FIELDS,t_close" --text "$TMP/shown" --revocable
refuses modify_of_nobody 1 'sekisho: error: tenant mail has no consent in force' "${CONSENT[@]}" modify mail --retention 3
[ "$(wc -l <"$LEDGER")" -eq 2 ] || bad "an entry was written"
begin widen_with_a_text
sekisho consent text web --lang ja --until "$UNTIL" --retention 60 --fields "$BASE_FIELDS,t_close" >"$TMP/shown2"
run "${CONSENT[@]}" modify web --fields "$BASE_FIELDS,t_close" --text "$TMP/shown2" "${ASSERT[@]}" --json
status 0
json_is '[a["act"][k] for k in ("event", "seq", "text_id", "lang", "text_seq", "retention_days")]' \
	"['MODIFY', 3, 'sekisho-consent', 'ja', None, 60]"
json_is 'a["act"]["fields"].endswith("t_accept,t_close")' True
begin AC-11_ends_only_since_then
connect "$TMP/list" --count 2 "$NET.1:80"
sleep 0.2
sekisho search --case 1 --basis WARRANT "${EVER[@]}" --csv --tenant web >"$TMP/rows" 2>/dev/null
[ "$(sed 1d "$TMP/rows" | cut -d, -f14,17 | sed 's/,20.*/,end/' | sort | uniq -c | tr -s ' ' | paste -sd' ')" = \
	' 6 1,  2 3,end' ] || bad "$(sed 1d "$TMP/rows" | cut -d, -f14,17 | paste -sd' ')"

# The configuration changes: nothing of it counts until the tenant agreed.
begin new_address
sed -i "s|^address = $NET.1\$|address = $NET.9|" "$CONF"
kill -HUP "$DAEMON"
wait_until 5 grep -q 'configuration and consents reloaded' "$LOG" || bad "no reload"
run "${CONSENT[@]}" show web
out_has "^Addresses +$NET\\.2:443\$"
out_has "^ +$NET\\.1  \\(no longer configured\\)\$"
out_has "^ +$NET\\.9  \\(not in the consent: not recorded\\)\$"
wider addresses 'new addresses'

# --- Being reminded ---

refuses notice_without_method 4 'sekisho: error: a notice says how the tenant was reminded: --method TEXT' \
	"${CONSENT[@]}" notice web
refuses notice_of_nobody 1 'sekisho: error: tenant mail has no consent in force' "${CONSENT[@]}" notice mail --method mail
begin notice
run "${CONSENT[@]}" notice web --method 'mail to the contract address'
status 0
out_has '^tenant web was reminded of its consent at 20.*\+09:00 \(20.*Z\), by mail to the contract address$'
run "${CONSENT[@]}" show web --json
json_is 'a["last_notice_at"][:2]' 20

# --- Disabling ---

refuses both_modes 2 'sekisho: error: --stop-only and --stop-and-erase exclude each other' \
	"${CONSENT[@]}" withdraw web --stop-only --stop-and-erase
begin AC-06_disable_when_no_longer_configured
sed -i '/^\[tenant web\]$/,/^$/d' "$CONF"
BEGUN=$(date +%s%N)
run "${CONSENT[@]}" withdraw web --stop-only --actor C-10293 --actor-auth 'panel password'
status 0
err ''
[ $((($(date +%s%N) - BEGUN) / 1000000)) -le 1000 ] || bad "it took $((($(date +%s%N) - BEGUN) / 1000000)) ms"
out_has '^consent of tenant web withdrawn at 20[0-9T:.-]+\+09:00 \(20[0-9T:.-]+Z\); nothing later is recorded$'
out_has '^この時刻より後の接続は記録されません。$'
out_has "^Past records stay for the retention that was agreed; on the day after $(date -u -d '+91 days' +%Y-%m-%d) \\(UTC\\) at the latest they are erased\\.\$"
out_has '^これまでの記録は、同意された保存期間の間残り、'
begin disabled
run "${CONSENT[@]}" show web --lang ja
out_has '^状態 +記録していません\(撤回済み 20.*\+09:00\)$'
refuses disabled_twice 1 'sekisho: error: tenant web has no consent in force' "${CONSENT[@]}" withdraw web
begin erasure_can_be_asked_for_afterwards
run "${CONSENT[@]}" withdraw web --stop-and-erase --json
status 0
json_is '[a["act"]["withdraw_mode"], a["erasure"], a["kept_until"]]' "['STOP_AND_ERASE', 'run', None]"
refuses erased_twice 1 'sekisho: error: tenant web has no consent in force' "${CONSENT[@]}" withdraw web --stop-and-erase

# --- What was done ---

begin log
run "${CONSENT[@]}" log web
status 0
err ''
[ "$(grep -cE '^ +[0-9]+  (GRANT|MODIFY|NOTICE|WITHDRAW) +20[0-9T:.-]+\+09:00  20[0-9T:.-]+Z$' "$TMP/out")" -eq 6 ] ||
	bad "not six acts: $(first "$TMP/out")"
out_has '^ +authenticated +panel password and one-time code$'
out_has '^ +authenticated +local user only: uid 0 \(root\)$'
out_has '^ +how +control panel; command line, uid 0 \(root\), from 203\.0\.113\.77, ticket T-1$'
out_has '^ +how +command line; control socket, uid 0 \(root\)$'
out_has '^ +kept for, days +90 -> 60$'
out_has "^ +recorded +$BASE_FIELDS -> $BASE_FIELDS,t_close\$"
out_has '^ +past records +stay for their retention$'
begin log_as_json
run "${CONSENT[@]}" log web --json
status 0
json_is '[x["event"] for x in a["acts"]]' "['GRANT', 'MODIFY', 'MODIFY', 'NOTICE', 'WITHDRAW', 'WITHDRAW']"
json_is 'a["acts"][1]["changes"]' "{'retention_days': [90, 60]}"
json_is 'any(k in x for x in a["acts"] for k in ("sig", "prev", "key"))' False
begin log_of_a_copy
run "$BIN/sekisho" --store "$STATE" consent log web --json
status 0
refuses log_of_nobody 1 'sekisho: error: tenant mail never consented' "${CONSENT[@]}" log mail
begin all_tenants
run "${CONSENT[@]}" show
status 0
out_has '^mail +not recording: never consented$'
out_has '^web +not recording: withdrawn with erasure at 20'
begin the_independent_reader_agrees
run python3 "$ROOT/tests/spec/check_ledger.py" "$STATE"
status 0
out_has '^custody [0-9]+ consent 6 access [0-9]+$'

# --- Without a daemon ---

daemon_stop
begin withdraw_without_daemon
grant mail
run "${CONSENT[@]}" show mail
out_has '^State +consented, but sekishod does not record now$'
run "${CONSENT[@]}" withdraw mail --stop-and-erase
status 0
out_has '^Past records are erased when sekishod starts, but for those under a hold\.$'


# --- What no hook can tell: an interface, which is agreed to all the same ---

printf '[tenant guest]\ninterface = tap-of-a-guest\n' >>"$CONF"
daemon_start
begin AC-04_a_consent_that_nothing_covers
grant guest
grep -q '^consent 9 of tenant guest: .*; NOT COVERED now, see sekisho status$' "$TMP/said" || bad "$(first "$TMP/said")"
run "${CONSENT[@]}" show guest
out_has '^State +consented, but sekishod cannot tell these connections now$'
run "${CONSENT[@]}" show guest --lang ja
out_has '^状態 +同意あり.いまは対象の接続を判別できず、記録していません.$'
run "${SEKISHO[@]}" status
out_has '^  guest +NOT COVERED consent 9 until '

begin AC-07_erasure_after_the_end
run "${CONSENT[@]}" withdraw guest
status 0
out_has '^consent of tenant guest withdrawn at 20'
run "${CONSENT[@]}" withdraw guest --stop-and-erase
status 0
out_has '^consent of tenant guest ended at 20.*; erasure asked for at 20'
! grep -q 'withdrawn at' "$TMP/out" || bad "it stopped twice: $(first "$TMP/out")"

finish
