#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What sekisho search and status answer on a store of real connections: live from the journal, sealed from
# segments, as table, CSV and JSON; what each basis lets out (AC-45); the access log (AC-40).
. "$(dirname "$0")/cli_lib"

HEADER='row,kind,proto,src_ip,src_port,dst_ip,dst_port,t_utc,t_local,tenant,rtt_us,clock_err_ns,flags,consent,orig_dst_ip,orig_dst_port,t_close_utc'
NOTHING='No record matches. This does not mean that there was no connection.'
ACCESS=$STATE/ledger/access.log
PORT=$(($$ % 20000 + 20000)) # the IPv6 loopback address is one for all

mount_bpf
conf 'record_loopback = yes'
conf_tenant web "$NET.1:443" "[::1]:$PORT" # ::1 only at our port
conf_tenant mail "$NET.2"
grant web
grant mail
daemon_start
serve "$NET.1:443" "[::]:$PORT" "$NET.2:25" "$NET.3:80"
connect "$TMP/list" --count 40 "$NET.1:443" "[::1]:$PORT" "$NET.2:25"
# The same port as IPv4 on an IPv6 socket, and a neighbour that consented to nothing.
connect "$TMP/list.mapped" --count 5 "$NET.2:$PORT"
connect "$TMP/list.none" --count 5 "$NET.3:80"
sort "$TMP/list" "$TMP/list.mapped" >"$TMP/made"

query() { run "${SEKISHO[@]}" search --case 2026-17 --basis WARRANT "${EVER[@]}" "$@"; }

# --- The three forms, live and sealed ---

all_forms() { # WHERE: rows of both tenants, at once
	begin "csv_$1"
	query --csv --src 127.0.0.0/8
	status 0
	cp "$TMP/out" "$TMP/csv"
	query --csv --src ::1
	status 0
	[ "$(head -n 1 "$TMP/out")" = "$HEADER" ] || bad "header: $(head -n 1 "$TMP/out")"
	err_has '^Records:  [0-9]+$'
	err_has '^Hook:     [a-z_]+( |$)'
	sed 1d "$TMP/out" >>"$TMP/csv"
	tuples "$TMP/csv" >"$TMP/found"
	cmp -s "$TMP/made" "$TMP/found" ||
		bad "of $(wc -l <"$TMP/made") connections made $(comm -12 "$TMP/made" "$TMP/found" | wc -l) were found, and $(comm -13 "$TMP/made" "$TMP/found" | wc -l) that were not made"

	begin "csv_fields_$1"
	query --csv --tenant mail
	status 0
	awk -F, -v net="$NET" -v mapped="$PORT" '
		NR == 1 { next }
		NF != 17 || $1 != NR - 1 || $2 != "established" && $2 != "accepted" || $3 != "tcp" ||
		$6 != net ".2" || $10 != "mail" || $14 != 2 || $11 !~ /^[0-9]*$/ || $12 !~ /^[0-9]+$/ ||
		length($8) != 30 || $8 !~ /^20[0-9-]+T[0-9:]+\.[0-9]+Z$/ ||
		length($9) != 35 || $9 !~ /^20[0-9-]+T[0-9:]+\.[0-9]+\+09:00$/ ||
		$13 !~ /^(v6_socket\+)?loopback(\+clock_unsync)?$/ || $15 $16 $17 != "" ||
		($7 == mapped) != ($13 ~ /^v6_socket/) { print; exit 1 }' "$TMP/out" >"$TMP/odd" ||
		bad "an odd row: $(cat "$TMP/odd")"
	sed 1d "$TMP/out" | cut -d, -f8 | sort -c 2>/dev/null || bad "rows are not in time order"

	begin "json_is_the_csv_$1"
	query --json --tenant mail
	status 0
	err ''
	cp "$TMP/out" "$TMP/json"
	query --csv --tenant mail
	python3 - "$TMP/json" "$TMP/out" <<'END' >"$TMP/odd" 2>&1 || bad "$(tail -n 1 "$TMP/odd")"
import csv, json, sys
answer = json.load(open(sys.argv[1]))
rows = list(csv.DictReader(open(sys.argv[2])))
text = lambda v: "" if v is None else str(v)
if [{k: text(v) for k, v in r.items()} for r in answer["rows"]] != rows or not rows:
    sys.exit("rows differ")
if list(answer["rows"][0]) != list(rows[0]) or answer["count"] != len(rows):
    sys.exit("columns or count differ")
keys = "rows count rows_shown from to gaps hooks clock complete_to_now damaged imported class reasons".split()
if list(answer) != keys:
    sys.exit("members: %s" % list(answer))
if answer["damaged"] is not None or not answer["complete_to_now"] or not answer["rows_shown"]:
    sys.exit("damaged, not complete or not shown")
END

	begin "table_$1"
	query --tenant mail
	status 0
	err ''
	[ "$(grep -c "  mail " "$TMP/out")" -eq "$(sed 1d "$TMP/csv" | grep -c ',mail,')" ] ||
		bad "$(grep -c "  mail " "$TMP/out") rows in the table, $(sed 1d "$TMP/csv" | grep -c ',mail,') in the CSV"
	out_has '^NO  TIME \(UTC\) +LOCAL TIME +SOURCE +DESTINATION +TENANT  KIND +FLAGS$'
	out_has "^ 1  20[0-9-]+T[0-9:.]+Z +20[0-9-]+T[0-9:.]+\\+09:00  127\\.0\\.0\\.1:[0-9]+ "
	out_has '^Window:   from 2020-01-01T00:00:00.000000000Z to before 2100-01-01T00:00:00.000000000Z$'
	out_has '^Gaps:     none recorded in this window$'
	out_has '^Hook:     '
	out_has '^Clock:    (synchronised, error at most [0-9.]+ ms|NOT SYNCHRONISED in this window: .*)$'
	out_lacks 'DAMAGED'

	begin "conditions_$1"
	local port
	port=$(grep -F ",$NET.1,443" "$TMP/made" | head -n 1 | cut -d, -f2)
	query --csv --src 127.0.0.1 --src-port "$port" --dst "$NET.1" --dst-port 443 --tenant web
	status 0
	[ "$(tuples "$TMP/out")" = "127.0.0.1,$port,$NET.1,443" ] || bad "found $(tuples "$TMP/out")"
	query --csv --src ::ffff:127.0.0.1 --src-port "$port" --dst "::ffff:$NET.1"
	status 0
	[ "$(tuples "$TMP/out")" = "127.0.0.1,$port,$NET.1,443" ] || bad "v4-mapped spelling found $(tuples "$TMP/out")"
	query --csv --tenant mail --dst "$NET.1" # of the other tenant
	status 1
	out "$HEADER"
	query --csv --src ::/0
	grep -q ',127\.' "$TMP/out" && bad "::/0 finds IPv4"
	query --csv --dst "$NET.3"
	status 1
	out "$HEADER"
	query --csv --dst "$NET.0/24" --dst-port 25
	status 0
	[ "$(sed 1d "$TMP/out" | wc -l)" -eq "$(grep -c ',25$' "$TMP/made")" ] || bad "a prefix and a port: $(wc -l <"$TMP/out")"

	begin "window_is_half_open_$1"
	query --csv --tenant mail
	local first second
	first=$(sed -n 2p "$TMP/out" | cut -d, -f8) second=$(sed -n 3p "$TMP/out" | cut -d, -f8)
	run "${SEKISHO[@]}" search --case 1 --basis WARRANT --csv --tenant mail --from "$first" --to "$second"
	[ "$(sed 1d "$TMP/out" | cut -d, -f8)" = "$first" ] || bad "from $first to $second: $(sed 1d "$TMP/out" | cut -d, -f8)"
}

all_forms journal

begin seal
run "${SEKISHO[@]}" seal
status 0
err ''
out "sealed 45 rows in 2 sections"

all_forms segment

begin nothing_found
query --src 192.0.2.1
status 1
err ''
out_has "^$NOTHING\$"
out_has '合致する記録は存在しなかった。このことは、当該通信が存在しなかったことを意味しない。'
out_has '^Records:  0$'
query --src 192.0.2.1 --json
status 1
out_has '^"count":0,$'

# --- What a basis lets out ---

secrets() { # Any address, port or time of a row, in $TMP/out and $TMP/err; the window itself is no secret.
	cut -d, -f4,6,8,9 "$TMP/rows" | tr ',' '\n' | sort -u >"$TMP/secret"
	# Ports may hide in other numbers: only whole words count.
	cut -d, -f5,7 "$TMP/rows" | tr ',' '\n' | sort -u >"$TMP/secret.ports"
	cat "$TMP/out" "$TMP/err" | grep -Fv -e 'Window: ' -e 'Local: ' -e '"from":' -e '"to":' >"$TMP/shown"
	grep -Ff "$TMP/secret" "$TMP/shown" || grep -wFf "$TMP/secret.ports" "$TMP/shown"
}
query --csv --tenant mail
sed 1d "$TMP/out" >"$TMP/rows"
ROWS=$(wc -l <"$TMP/rows")

begin control_secrets_are_found_in_an_open_answer
[ "$ROWS" -gt 5 ] || bad "only $ROWS rows"
for form in --csv --json --; do
	query --tenant mail "$form"
	secrets >/dev/null || bad "the check finds nothing in the output of $form"
done

for basis in AUDIT HOZEN_YOSEI TEIKYO_MEIREI_1; do
	begin "AC-45_$basis"
	for form in --csv --json --; do
		run "${SEKISHO[@]}" search --case 1 --basis $basis "${EVER[@]}" --tenant mail "$form"
		status 0
		found=$(secrets | head -n 1)
		[ -z "$found" ] || bad "$form shows $found"
		case $form in
		--csv) err_has "^Records:  $ROWS\$" ;;
		--json) out_has "\"count\":$ROWS," && out_has '"rows_shown":false,' ;;
		--) out_has "^Records:  $ROWS \\(this basis (shows the number|names the next provider) only\\)\$" ;;
		esac
		case $form$basis in
		--csvTEIKYO_MEIREI_1) out name,address,source,date,rows ;;
		--csv*) out "$HEADER" ;;
		esac
	done
done
for basis in KAIJI_MEIREI TEIKYO_MEIREI_2 SHOKYO_KINSHI ART5_VOLUNTARY WARRANT EMERGENCY; do
	begin "shows_rows_$basis"
	run "${SEKISHO[@]}" search --case 1 --basis $basis "${EVER[@]}" --tenant mail --csv
	status 0
	[ "$(sed 1d "$TMP/out")" = "$(cat "$TMP/rows")" ] || bad "other rows than WARRANT"
done
begin shows_rows_TENANT_SELF_without_case
run "${SEKISHO[@]}" search --basis TENANT_SELF "${EVER[@]}" --tenant mail --csv
status 0
[ "$(sed 1d "$TMP/out")" = "$(cat "$TMP/rows")" ] || bad "other rows than WARRANT"

# --- Outputs that cannot be written ---

full() { # NAME COMMAND...
	begin "$1"
	shift
	STATUS=0
	"$@" >/dev/full 2>"$TMP/err" || STATUS=$?
	: >"$TMP/out"
	status 1
	err_has '^sekisho: error: cannot write '
}
SEARCH=(search --case 1 --basis WARRANT "${EVER[@]}" --tenant mail)
full full_disk_table "${SEKISHO[@]}" "${SEARCH[@]}"
full full_disk_csv "${SEKISHO[@]}" "${SEARCH[@]}" --csv
full full_disk_json "${SEKISHO[@]}" "${SEARCH[@]}" --json
full full_disk_status "${SEKISHO[@]}" status
full full_disk_status_json "${SEKISHO[@]}" status --json
full full_disk_verify "${SEKISHO[@]}" verify
full full_disk_seal "${SEKISHO[@]}" seal

# --- The access log ---

begin AC-40_one_entry_for_each_search
searches() { grep -c '"event":"SEARCH"' "$ACCESS"; }
before=$(searches)
run "${SEKISHO[@]}" search --case 2026-99 --basis AUDIT "${EVER[@]}" --tenant mail --dst-port 25
status 0
query --src 192.0.2.1 # finds nothing, and that is written as well
run "${SEKISHO[@]}" search --case 2026-99 --basis NONE "${EVER[@]}" --tenant mail
[ "$(searches)" -eq $((before + 2)) ] || bad "$(($(searches) - before)) entries for two searches"
python3 - "$ACCESS" "$before" <<'END' >"$TMP/odd" 2>&1 || bad "$(tail -n 1 "$TMP/odd")"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
one, two = [line for line in lines if line["event"] == "SEARCH"][int(sys.argv[2]):]
want = {"event": "SEARCH", "case": "2026-99", "basis": "AUDIT", "tenant": "mail", "uid": 0, "rows_shown": False,
        "query": "search --case 2026-99 --basis AUDIT --from 2020-01-01T00:00:00Z --to 2100-01-01T00:00:00Z"
                 " --tenant mail --dst-port 25"}
for key, value in want.items():
    if one.get(key) != value:
        sys.exit("%s is %r" % (key, one.get(key)))
if not 0 < one["rows"] <= 45 or two["rows"] != 0 or two["tenant"] is not None or not two["rows_shown"]:
    sys.exit("rows or tenant: %s %s" % (one, two))
if one["tenants"] != {"mail": one["rows"]} or two["tenants"] != {}:
    sys.exit("tenants: %s %s" % (one, two))
if not one["t"].endswith("Z") or two["t"] <= one["t"]:
    sys.exit("times")
END
[ "$(stat -c %a "$ACCESS")" = 600 ] || bad "mode $(stat -c %a "$ACCESS")"

# Into a pipe that is full already: the search stops at the first byte that it shows.
begin AC-40_the_entry_is_there_before_the_first_byte
before=$(wc -l <"$ACCESS")
mkfifo "$TMP/pipe"
exec 9<>"$TMP/pipe"
head -c 65536 /dev/zero >&9
"${SEKISHO[@]}" "${SEARCH[@]}" --csv >&9 2>/dev/null &
PIDS+=($!)
one_more_entry() { [ "$(wc -l <"$ACCESS")" -eq $((before + 1)) ]; }
wait_until 3 one_more_entry || bad "no entry while the answer waits to be written"
kill -0 "${PIDS[-1]}" || bad "the search did not wait: the test proves nothing"
timeout 5 head -c 65700 <&9 >/dev/null || bad "no answer came"
exec 9>&-

begin AC-40_no_entry_no_rows
mv "$ACCESS" "$TMP/access.log"
mkdir "$ACCESS"
for form in --csv --json --; do
	run "${SEKISHO[@]}" "${SEARCH[@]}" "$form"
	status 1
	out ''
	one_line
	err_has '^sekisho: error: cannot read ledger/access\.log: .*; nothing is shown$'
done
rmdir "$ACCESS"
mv "$TMP/access.log" "$ACCESS"
begin AC-40_no_entry_no_rows_on_a_read_only_store
mkdir "$TMP/ro"
cp -a "$STATE/." "$TMP/ro"
mount --bind "$TMP/ro" "$TMP/ro" && MOUNTS+=("$TMP/ro") && mount -o remount,bind,ro "$TMP/ro" || die "cannot mount read-only"
run "$BIN/sekisho" --store "$TMP/ro" "${SEARCH[@]}" --csv
status 1
out ''
one_line
err_has '^sekisho: error: cannot write ledger/access\.log: Read-only file system; nothing is shown$'
begin AC-34_verify_reads_only
run "$BIN/sekisho" --store "$TMP/ro" verify
status 0

begin query_that_is_no_utf8
query --csv --tenant mail --case=$'\xff' 2>/dev/null
run "${SEKISHO[@]}" search --case=$'\xff' --basis WARRANT "${EVER[@]}" --tenant mail --csv
out ''
one_line
err 'sekisho: error: --case "?": expected a number, 1 to 200 bytes of one line of text'
status 2

# --- Without a daemon; status ---

begin status_while_live
run "${SEKISHO[@]}"
status 0
err ''
out_has '^Capture:   live, hook [a-z_]+, since 20'
out_has '^Rows:      45 since the start, last 20'
out_has '^Gaps:      0 since the start, 0 events lost, 0 malformed$'
out_has '^Sealed:    45 rows in 2 sections since the start$'
out_has '^Loopback:  recorded$'
out_has '^Tenants:   2 configured$'
out_has '^  mail +recording   consent 2 until '
begin status_json
run "${SEKISHO[@]}" status --json
status 0
python3 -c '
import json, sys
s = json.load(sys.stdin)
keys = "live hook cannot_see started state_dir record_loopback recorder ring witness journal sealed disk clock heads tenants retention processes reconciled canary".split()
assert list(s) == keys, list(s)
assert s["live"] is True and s["recorder"]["rows"] == 45 and s["recorder"]["lost"] == 0, s
assert [t["tenant"] for t in s["tenants"]] == ["web", "mail"] and all(t["recording"] for t in s["tenants"]), s
' <"$TMP/out" >"$TMP/odd" 2>&1 || bad "$(tail -n 1 "$TMP/odd")"

daemon_stop
begin without_daemon_the_rows_are_the_same
query --csv --tenant mail
status 0
[ "$(sed 1d "$TMP/out")" = "$(cat "$TMP/rows")" ] || bad "other rows than with a daemon"
run "$BIN/sekisho" --store "$STATE" "${SEARCH[@]}" --csv
status 0
[ "$(sed 1d "$TMP/out")" = "$(cat "$TMP/rows")" ] || bad "--store finds other rows"
begin without_daemon_the_answer_says_so
run "$BIN/sekisho" --store "$STATE" "${SEARCH[@]}"
status 0
out_has '^Note:     no sekishod was asked; the last seconds may be missing$'
run "$BIN/sekisho" --store "$STATE" "${SEARCH[@]}" --json
out_has '^"complete_to_now":false,$'
begin status_without_daemon
run "${SEKISHO[@]}" status --json
status 3
out ''
err "sekisho: error: sekishod is not running ($RUN/control.sock: Connection refused)
sekisho: error: its program is still pinned in $PINS: the kernel records into the ring for at most 2m after the last heartbeat"

begin disarm
run "${SEKISHOD[@]}" --disarm
status 0
out 'disarmed: nothing is recorded any more'
holds "pins are left: $(ls "$PINS" 2>&1)" test ! -e "$PINS"
run "${SEKISHOD[@]}" --disarm
status 0
out 'nothing was armed'
begin disarm_is_a_gap
query --tenant mail
out_has '  every tenant, stopped by operator$'

finish
