#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# sekisho consent: what a grant must say (AC-04), what withdrawing answers, and what a ledger that does not
# read leads to (AC-13).
. "$(dirname "$0")/cli_lib"

LEDGER=$STATE/ledger/consent.log
mount_bpf
conf 'record_loopback = yes'
conf_tenant web "$NET.1" "$NET.2:443"
conf_tenant mail "$NET.3"
UNTIL=$(utc_in 86400)
WHOLE=(--until "$UNTIL" --text "$TMP/text" --fields "$BASE_FIELDS" --retention 30 --same-terms --revocable)
GRANT=("${SEKISHO[@]}" consent grant)

no_ledger() { holds "an entry was written: $(cat "$LEDGER" 2>&1)" test ! -s "$LEDGER"; }

# --- What is missing. The whole is accepted (last test of this part), so each lack is the reason. ---

lacks() { # NAME OPTION TEXT
	local left=() i
	for ((i = 0; i < ${#WHOLE[@]}; i++)); do
		if [ "${WHOLE[i]}" != "$2" ]; then
			left+=("${WHOLE[i]}")
		elif [[ ${WHOLE[i + 1]:---} != --* ]]; then
			((i++))
		fi
	done
	refuses "AC-04_$1" 4 "sekisho: error: $3" "${GRANT[@]}" web "${left[@]}"
	no_ledger
}
lacks effective_to --until 'a consent needs an end: --until TIME'
lacks text_sha256 --text 'a consent needs the text that was shown: --text FILE'
lacks fields --fields 'a consent names what is recorded: --fields LIST'
lacks retention --retention 'a consent names how long records are kept: --retention DAYS'
lacks same_terms --same-terms 'a consent is not valid unless all other terms are the same: --same-terms'
lacks revocable --revocable 'a consent is not valid unless it can be withdrawn at any time: --revocable'

with() { # NAME OPTION VALUE TEXT [STATUS]
	local changed=("${WHOLE[@]}") i
	for ((i = 0; i < ${#WHOLE[@]}; i++)); do
		[ "${WHOLE[i]}" != "$2" ] || changed[i + 1]=$3
	done
	refuses "$1" "${5:-2}" "sekisho: error: $4" "${GRANT[@]}" web "${changed[@]}"
	no_ledger
}
PAST=$(date -u -d '-1 second' +%Y-%m-%dT%H:%M:%SZ) FAR=$(date -u -d '+2000 days' +%Y-%m-%dT%H:%M:%SZ)
with AC-05_end_in_the_past --until "$PAST" "--until $PAST is not in the future"
with end_too_far --until "$FAR" "--until $FAR is more than five years away; a consent is to be renewed"
with end_without_zone --until 2027-01-01T00:00:00 \
	'--until: "2027-01-01T00:00:00" has no zone; write 2027-01-01T00:00:00+09:00 or …Z'
with text_missing --text "$TMP/none" "--text $TMP/none: No such file or directory"
with text_is_a_directory --text "$TMP" "--text $TMP: Is a directory"
: >"$TMP/empty"
with text_empty --text "$TMP/empty" "--text $TMP/empty: the file is empty"
truncate -s 1048577 "$TMP/large"
with text_too_large --text "$TMP/large" "--text $TMP/large: File too large"
KNOWN='expected src_addr, src_port, dst_addr, dst_port, t_accept, rtt, t_close'
with unknown_field --fields "$BASE_FIELDS,payload" "unknown field \"payload\": $KNOWN"
with field_with_space --fields "src_addr, src_port,dst_addr,dst_port,t_accept" "unknown field \" src_port\": $KNOWN"
with no_field --fields , "unknown field \"\": $KNOWN"
for field in src_addr src_port dst_addr dst_port t_accept; do
	list=$(tr ',' '\n' <<<"$BASE_FIELDS" | grep -vx "$field" | paste -sd,)
	with "base_field_missing_$field" --fields "$list" \
		"field $field is missing from \"$list\": a record without it cannot answer a request"
done
for days in 0 367 30d 1.5 ''; do
	with "retention_${days//[^0-9a-z]/_}" --retention "$days" "--retention \"$days\": expected 1 to 366 days"
done
also() { # NAME STATUS TEXT OPTION...: the whole, and besides
	local name=$1 want=$2 text=$3
	shift 3
	refuses "$name" "$want" "sekisho: error: $text" "${GRANT[@]}" web "${WHOLE[@]}" "$@"
	no_ledger
}
also AC-05_from_the_past 4 "--from $PAST lies in the past: a consent is never retroactive" --from "$PAST"
also from_the_future 2 "--from $UNTIL: a consent counts from the moment it is recorded; grant it then" --from "$UNTIL"
also from_without_zone 2 '--from: "2020-01-01T00:00:00" has no zone; write 2020-01-01T00:00:00+09:00 or …Z' \
	--from 2020-01-01T00:00:00
also unknown_purpose 2 'unknown purpose "P9": expected P1, P2, P3' --purposes P1,P9
also no_purpose 2 'unknown purpose "": expected P1, P2, P3' --purposes ''
also unknown_recipient 2 \
	'unknown recipient "press": expected court, access_provider, applicant, investigator, tenant' --recipients press
also bad_language 2 '--lang "日本語": expected a language tag such as ja' --lang 日本語
also bad_text_id 2 $'--text-id "a b": expected letters, digits, \'.\', \'_\' and \'-\'' --text-id 'a b'
also no_shipped_text 2 "--text $TMP/text: it is not the shipped text sekisho-consent" --text-id sekisho-consent
also actor_of_two_lines 2 '--actor "a?b": expected one line of text of at most 200 bytes' --actor $'a\nb'
also empty_ticket 2 '--ticket "": expected one line of text of at most 200 bytes' --ticket ''
with orig_dst_is_not_grantable --fields "$BASE_FIELDS,orig_dst" "unknown field \"orig_dst\": $KNOWN"
refuses unknown_tenant 2 "sekisho: error: tenant \"other\" is not in $CONF" "${GRANT[@]}" other "${WHOLE[@]}"
no_ledger
refuses bad_tenant_id 2 'sekisho: error: consent grant "../web": expected a tenant id' "${GRANT[@]}" ../web "${WHOLE[@]}"
no_ledger

# --- What is whole ---

begin grant_before_the_first_start
run "${GRANT[@]}" web "${WHOLE[@]}" --actor 'Yamada, board'
status 0
err ''
out_has "^consent 1 of tenant web: from 20.*\\+09:00 until 20.*\\+09:00, 2 addresses; sekishod is not running: recording begins when it starts\$"
[ "$(stat -c %a "$STATE" "$STATE/ledger" "$LEDGER" | paste -sd' ')" = '700 700 600' ] ||
	bad "modes $(stat -c %a "$STATE" "$STATE/ledger" "$LEDGER" | paste -sd' ')"
python3 - "$LEDGER" "$(sha256sum <"$TMP/text" | cut -d' ' -f1)" "$NET" "$UNTIL" <<'END' >"$TMP/odd" 2>&1 || bad "$(tail -n 1 "$TMP/odd")"
import json, sys
path, digest, net, until = sys.argv[1:]
lines = open(path).read().splitlines()
act = json.loads(lines[0])
time = act.pop("t")
want = {"event": "GRANT", "seq": 1, "tenant": "web", "effective_from": time, "effective_to": until[:-1] + ".000000000Z",
        "scope": [net + ".1", net + ".2:443"], "resolved": [None, None], "separability": "EXACT",
        "fields": "src_addr,src_port,dst_addr,dst_port,t_accept", "purposes": ["P1", "P3"],
        "recipients": ["court", "access_provider", "applicant", "investigator", "tenant"], "retention_days": 30,
        "text_id": "custom", "text_version": "not stated", "text_sha256": digest, "lang": "und", "same_terms": True,
        "revocable": True, "bundled": False, "actor": "Yamada, board",
        "actor_auth": "local user only: uid 0 (root)", "method": "command line",
        "origin": {"uid": 0, "user": "root", "via": "command line", "from": None}, "ticket": None}
clock = act.pop("clock_err_ns")
if type(clock) is not int or clock < 0:
    sys.exit("clock_err_ns is %s" % clock)
chain = [act.pop(k) for k in ("prev", "key", "sig")]
if act != want or len(lines) != 1 or len(time) != 30 or [len(c) for c in chain] != [64, 16, 128]:
    sys.exit("%s at %s" % (act, time))
END

refuses withdraw_without_consent 1 'sekisho: error: tenant mail has no consent in force' \
	"${SEKISHO[@]}" consent withdraw mail
[ "$(wc -l <"$LEDGER")" -eq 1 ] || bad "an entry was written: $(tail -n 1 "$LEDGER")"

begin every_grant_names_the_next_number
grant mail
[ "$(wc -l <"$LEDGER")" -eq 2 ] && tail -n 1 "$LEDGER" | grep -q '"seq":2,' || bad "$(tail -n 1 "$LEDGER")"

daemon_start
serve "$NET.1:80" "$NET.2:443" "$NET.3:25" "$NET.2:80"
rows() { # TENANT
	sekisho search --case 1 --basis WARRANT "${EVER[@]}" --csv --tenant "$1" 2>/dev/null | sed 1d | wc -l
}
begin what_is_granted_is_recorded_and_no_more
connect "$TMP/list" --count 8 "$NET.1:80" "$NET.2:443" "$NET.2:80" "$NET.3:25"
[ "$(rows web) $(rows mail)" = '4 2' ] || bad "$(rows web) rows of web and $(rows mail) of mail instead of 4 and 2"

begin a_grant_freezes_the_addresses
connect "$TMP/list" --count 2 "$NET.2:80"
conf_tenant late "$NET.4"
sed -i "s|^address = $NET.2:443\$|&\naddress = $NET.2:80|" "$CONF"
kill -HUP "$DAEMON"
wait_until 5 grep -q 'configuration and consents reloaded' "$LOG" || bad "no reload"
connect "$TMP/list" --count 2 "$NET.2:80"
[ "$(rows web)" -eq 4 ] || bad "$(rows web) rows instead of 4: an address that was not granted is recorded"
run "${SEKISHO[@]}" status
status 0
out_has "^ +$NET\\.2:80  NOT COVERED by the consent\$"
out_has '^  late +not recorded: no consent in force$'
begin a_new_grant_takes_them_up
run "${GRANT[@]}" web "${WHOLE[@]}"
status 0
out_has '^consent 3 of tenant web: .*, 3 addresses; recording$'
connect "$TMP/list" --count 2 "$NET.2:80"
[ "$(rows web)" -eq 6 ] || bad "$(rows web) rows instead of 6"

begin a_bad_reload_changes_nothing
cp "$CONF" "$TMP/good"
echo 'colour = red' >>"$CONF"
kill -HUP "$DAEMON"
wait_until 5 grep -q "reload: $CONF:[0-9]*: unknown key \"colour\" in section \\[tenant late\\]; ignoring it, the old configuration stays in force" "$LOG" ||
	bad "the log says $(tail -n 1 "$LOG")"
cp "$TMP/good" "$CONF"
connect "$TMP/list" --count 1 "$NET.2:80"
[ "$(rows web)" -eq 7 ] || bad "$(rows web) rows instead of 7"

begin withdraw
run "${SEKISHO[@]}" consent withdraw web --actor Yamada
status 0
err ''
out_has '^consent of tenant web withdrawn at 20[0-9T:.-]+\+09:00 \(20[0-9T:.-]+Z\); nothing later is recorded$'
out_has '^ご契約 web の接続記録への同意は、20[0-9T:.-]+\+09:00\(協定世界時 20[0-9T:.-]+Z\)に撤回されました。$'
connect "$TMP/list" --count 4 "$NET.1:80" "$NET.3:25"
[ "$(rows web)" -eq 7 ] || bad "$(rows web) rows instead of 7: recorded after the withdrawal"
[ "$(rows mail)" -eq 4 ] || bad "$(rows mail) rows of mail instead of 4: the neighbour is not recorded"
refuses withdraw_twice 1 'sekisho: error: tenant web has no consent in force' "${SEKISHO[@]}" consent withdraw web
begin withdraw_without_daemon
daemon_stop
run "${SEKISHO[@]}" consent withdraw mail
status 0
connect "$TMP/list" --count 2 "$NET.3:25" # the program is still in the kernel
daemon_start
[ "$(rows mail)" -eq 4 ] || bad "$(rows mail) rows of mail instead of 4: recorded after the withdrawal"
refuses withdraw_of_nobody 1 'sekisho: error: tenant nobody has no consent in force' \
	"${SEKISHO[@]}" consent withdraw nobody

# Tenant wide has the whole of NET.16/28; part of it is another tenant's, who consented to nothing.
begin AC-02_a_narrower_address_of_another_tenant_is_not_recorded
conf_tenant wide "$NET.16/28"
conf_tenant part "$NET.17" "$NET.18:80"
grant wide
serve "$NET.17:80" "$NET.18:80" "$NET.18:81" "$NET.19:80"
connect "$TMP/list" --count 4 "$NET.17:80" "$NET.18:80" "$NET.18:81" "$NET.19:80"
sekisho search --case 1 --basis WARRANT "${EVER[@]}" --csv --tenant wide 2>/dev/null | sed 1d | cut -d, -f6,7 | sort |
	paste -sd' ' >"$TMP/found"
[ "$(cat "$TMP/found")" = "$NET.18,81 $NET.19,80" ] || bad "recorded for tenant wide: $(cat "$TMP/found")"

begin a_ledger_that_cannot_be_written
daemon_stop
disarm
mv "$LEDGER" "$TMP/consent.log"
mkdir "$LEDGER"
run "${GRANT[@]}" mail "${WHOLE[@]}"
status 1
out ''
one_line
err_has '^sekisho: error: cannot (read|write) ledger/consent\.log: '
rmdir "$LEDGER"
cp "$TMP/consent.log" "$LEDGER"

# --- Ledgers that do not read ---

# Whose the files are is not what is examined: a test that changes them is root.
ours() { chown -R --reference="$STATE" "$STATE"; }
start() {
	ours
	run "${SEKISHOD[@]}" -f
}

grant mail
cp "$LEDGER" "$TMP/whole.log"
LINES_OF_IT=$(wc -l <"$LEDGER")
HEADS=$STATE/keys/heads
cp "$HEADS" "$TMP/whole.heads"
whole() {
	cp "$TMP/whole.log" "$LEDGER"
	cp "$TMP/whole.heads" "$HEADS"
}
unusable() { # TEXT: neither recording nor a grant, and verify says so
	start
	status 5
	out ''
	one_line
	err_has "^sekishod: error: $1"
	holds "pins are left: $(ls "$PINS" 2>&1)" test ! -e "$PINS"
	run "${SEKISHO[@]}" verify
	status 5
	out_has "^DAMAGED:   1, the first: $1"
	run "${SEKISHO[@]}" ledger verify
	status 5
	out ''
	err_has "^sekisho: error: $1"
	run "${GRANT[@]}" web "${WHOLE[@]}"
	status 5
	one_line
	err_has "^sekisho: error: $1"
	whole
}
damaged() { # NAME LINE SED-SCRIPT: changed by one who has no key
	begin "AC-13_$1"
	sed "$3" "$TMP/whole.log" >"$LEDGER"
	cmp -s "$LEDGER" "$TMP/whole.log" && bad "the change changed nothing"
	unusable "ledger/consent\\.log line $2: "
}
damaged seq_changed 2 '2s/"seq":2/"seq":7/'
damaged line_removed 2 '2d'
damaged last_line_removed "$LINES_OF_IT" '$d'
damaged lines_swapped 1 '1{h;d};2{G}'
damaged line_doubled 3 '2p'
damaged end_changed 1 '1s/"effective_to":"20/"effective_to":"21/'
damaged end_changed_to_nonsense 1 '1s/"effective_to":"20/"effective_to":"2O/'
damaged not_revocable 1 '1s/"revocable":true/"revocable":false/'
damaged actor_changed 2 '2s/"actor":"test"/"actor":"best"/'
damaged actor_of_the_last_line_changed "$LINES_OF_IT" '$s/"actor":"test"/"actor":"best"/'
damaged no_json 3 '3s/^{/[/'
damaged empty_line 2 '1G'
damaged key_twice 1 '1s/^{/{"seq":1,/'

# Signed and chained, so that only what the line says is wrong: no act of this program, but one who has its key.
forged() { # NAME LINE SED-SCRIPT WHY
	begin "AC-13_forged_$1"
	sed "$3" "$TMP/whole.log" | "$BIN/forge" "$STATE" consent || bad "cannot forge"
	local text="ledger/consent.log line $2: not a valid consent act: $4"
	start
	status 5
	err "sekishod: error: $text"
	run "${SEKISHO[@]}" verify
	status 5
	grep -qxF "DAMAGED:   1, the first: $text" "$TMP/out" || bad "verify says $(first "$TMP/out")"
	whole
}
forged not_revocable 1 '1s/"revocable":true/"revocable":false/' '"revocable" is not true'
forged AC-04_no_same_terms 1 '1s/"same_terms":true,//' '"same_terms" is missing'
forged AC-04_no_revocable 1 '1s/"revocable":true,//' '"revocable" is missing'
forged AC-04_no_text_sha256 1 '1s/"text_sha256":"[^"]*",//' '"text_sha256" is missing'
forged AC-04_no_effective_to 1 '1s/"effective_to":"[^"]*",//' '"effective_to" is missing'
forged AC-12_no_separability 1 '1s/"separability":"[^"]*",//' '"separability" is missing'
forged AC-05_retroactive 1 '1s/"effective_from":"20../"effective_from":"1999/' \
	'"effective_from" lies before the act: no consent is for the past'
forged bundled 1 '1s/"bundled":false/"bundled":true/' '"bundled" is not false'
forged nobody_says_who 1 '1s/"actor_auth":"[^"]*",//' '"actor_auth" is missing'
forged tenant_with_a_slash 1 '1s/"tenant":"web"/"tenant":"w\/b"/' '"tenant" is not a tenant id'
forged unknown_event 2 '2s/GRANT/GIVEN/' 'unknown event'
forged scope_removed 1 '1s/"scope":\[[^]]*\]/"scope":[]/' '"scope" is not a list of selectors'

# The other chains count as well: what was done must be what is written.
begin AC-13_access_log_cut
"${SEKISHO[@]}" search --case 1 --basis WARRANT "${EVER[@]}" --tenant mail --csv >/dev/null 2>&1
cp "$HEADS" "$TMP/whole.heads"
cp "$STATE/ledger/access.log" "$TMP/access.log"
sed -i '$d' "$STATE/ledger/access.log"
unusable_text="ledger/access.log line $(wc -l <"$TMP/access.log"): it is missing; the signed head says that there are $(wc -l <"$TMP/access.log") lines"
start
status 5
err "sekishod: error: $unusable_text"
run "${SEKISHO[@]}" search --case 1 --basis WARRANT "${EVER[@]}" --tenant mail --csv
status 5
out ''
err_has 'ledger/access\.log line .*: it is missing; .*; nothing is shown$'
cp "$TMP/access.log" "$STATE/ledger/access.log"
begin AC-13_heads_removed
rm "$HEADS"
start
status 5
err 'sekishod: error: keys/heads is not there, and ledger/custody.log has lines'
whole
begin AC-13_custody_removed
mv "$STATE/ledger/custody.log" "$TMP/custody.log"
start
status 5
err 'sekishod: error: ledger/custody.log line 1: it is missing, and keys/heads is there'
cp "$TMP/custody.log" "$STATE/ledger/custody.log"
begin the_whole_one_is_fine
run "${SEKISHO[@]}" ledger verify
status 0

begin AC-13_armed_and_then_tampered_with
ours
daemon_start
connect "$TMP/list" --count 2 "$NET.3:25"
daemon_stop
[ -e "$PINS/grants" ] || bad "nothing is pinned: the test proves nothing"
sed '2s/"seq":2/"seq":7/' "$TMP/whole.log" >"$LEDGER"
start
status 5
connect "$TMP/list" --count 2 "$NET.3:25"
cp "$TMP/whole.log" "$LEDGER"
ours
daemon_start
[ "$(rows mail)" -eq 6 ] || bad "$(rows mail) rows of mail instead of 6: recorded although the ledger did not verify"
daemon_stop
disarm

begin AC-13_unfinished_last_line_is_no_tampering
printf '{"actor":"root","effective_to":"2027' >>"$LEDGER"
run "${SEKISHO[@]}" verify
status 0
out_has '^Note:      1 files end in an unfinished append '
daemon_start
grep -q 'ledger/consent.log ends in an unfinished line: ignoring it' "$LOG" || bad "the log says nothing of it"
connect "$TMP/list" --count 1 "$NET.3:25"
[ "$(rows mail)" -eq 7 ] || bad "$(rows mail) rows of mail instead of 7"
begin AC-13_a_grant_behind_an_unfinished_line
run "${GRANT[@]}" web "${WHOLE[@]}"
status 0
run "${SEKISHO[@]}" verify
status 0
daemon_stop
run timeout --preserve-status "$LIVE_SECONDS" "${SEKISHOD[@]}" -f
status 0
err_has 'recording with hook'
[ "$(wc -l <"$LEDGER")" -ge $((LINES_OF_IT + 1)) ] || bad "the grant is not in the ledger"

finish
