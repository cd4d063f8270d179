#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A reader written from schema/FORMAT.md alone (tests/spec/read_store.py) and sekisho search find the same rows, all
# columns, live and sealed, and agree about what is damaged or torn.
. "$(dirname "$0")/cli_lib"

READER=("$ROOT/tests/spec/read_store.py")
PORT=$(($$ % 20000 + 20000))

mount_bpf
conf 'record_loopback = yes' 'ring_size = 1M'
conf_tenant web "$NET.1:443" "[::1]:$PORT" "$NET.3"
conf_tenant mail "$NET.2"
conf_tenant quiet "$NET.9"
grant web
grant quiet
# Without rtt: a column that is absent.
sekisho consent grant mail --until "$(utc_in 86400)" --text "$TMP/text" --fields "$BASE_FIELDS" --retention 30 \
	--same-terms --revocable >/dev/null || die "no consent"
daemon_start
serve "$NET.1:443" "[::]:$PORT" "$NET.2:25" "$NET.3:1" "$NET.3:65535"

# Rows in all tenants, families and ports; the number of connections so far is in MADE.
MADE=0
traffic() { # COUNT
	connect "$TMP/list" --count "$1" "$NET.1:443" "[::1]:$PORT" "$NET.2:25,$NET.2:$PORT" "$NET.3:1" "$NET.3:65535"
	MADE=$((MADE + $1))
	sekisho search --case 1 --basis AUDIT "${EVER[@]}" --tenant web >/dev/null || die "no rows"
}

search_csv() { # STORE-OPTIONS...: every row there is, without number
	"$BIN/sekisho" "$@" search --case 1 --basis WARRANT --csv "${EVER[@]}" --src 0.0.0.0/0 2>/dev/null | sed 1d | cut -d, -f2-
	"$BIN/sekisho" "$@" search --case 1 --basis WARRANT --csv "${EVER[@]}" --src ::/0 2>/dev/null | sed 1d | cut -d, -f2-
}

# agree STORE [ROWS]: both find the same; ROWS is how many that must be.
agree() {
	search_csv --store "$1" | sort >"$TMP/search"
	python3 "${READER[@]}" "$1" >"$TMP/reader.all" 2>"$TMP/err" || bad "the reader fails: $(tail -n 1 "$TMP/err")"
	sed 1d "$TMP/reader.all" | cut -d, -f2- | sort >"$TMP/reader"
	cmp -s "$TMP/search" "$TMP/reader" ||
		bad "search finds $(wc -l <"$TMP/search") rows, the reader $(wc -l <"$TMP/reader"); only search: $(comm -23 "$TMP/search" "$TMP/reader" | head -n 1); only the reader: $(comm -13 "$TMP/search" "$TMP/reader" | head -n 1)"
	[ "$(wc -l <"$TMP/search")" -eq "${2:-$MADE}" ] || bad "$(wc -l <"$TMP/search") rows instead of ${2:-$MADE}"
}
header_agrees() {
	[ "$(head -n 1 "$TMP/reader.all")" = "$(sekisho search --case 1 --basis AUDIT "${EVER[@]}" --csv --src ::1 2>/dev/null)" ] ||
		bad "another header"
}

begin journal_alone
traffic 60
traffic 1 # a frame of one row
agree "$STATE"
header_agrees
grep -q '^established,tcp,::1,\|^accepted,tcp,::1,' "$TMP/reader" && grep -q ',v6_socket+' "$TMP/reader" ||
	bad "no IPv6 or no v4-mapped row: the test proves little"
grep -q ',mail,,' "$TMP/reader" && grep -q ',web,[0-9][0-9]*,' "$TMP/reader" ||
	bad "no row with and none without rtt: the test proves little"

begin segments_alone
sekisho seal >/dev/null || bad "cannot seal"
agree "$STATE"
[ "$(find "$STATE/segments" -name '*.sks' | wc -l)" -eq 2 ] || bad "not two segments"

begin segments_and_journal
traffic 50
sekisho seal >/dev/null || bad "cannot seal"
traffic 30
traffic 10
agree "$STATE"

begin catalogs_are_complete
python3 "$ROOT/tests/spec/check_catalog.py" "$STATE" >"$TMP/out" || bad "$(head -n 3 "$TMP/out")"
out_has '^[0-9-]*\.skc: 2 chunks, 4 sections, [1-9][0-9]* sources found$'

begin rows_are_found_by_name
"${SEKISHO[@]}" search --case 1 --basis WARRANT --csv "${EVER[@]}" --tenant mail 2>/dev/null | sed 1d | cut -d, -f2- | sort >"$TMP/mail"
grep ',mail,' "$TMP/reader" | cmp -s - "$TMP/mail" || bad "the rows of mail differ"

begin sealed_and_not_yet_unlinked
cp -a "$STATE" "$TMP/before"
sekisho seal >/dev/null || bad "cannot seal"
cp -a "$STATE" "$TMP/both"
cp -n "$TMP/before"/journal/*.skj "$TMP/both/journal" # as if killed before the unlink
agree "$TMP/both"

begin torn_and_damaged
STORE=$TMP/damaged
cp -a "$TMP/before" "$STORE"
journal=$(find "$STORE/journal" -name '*.skj' -size +1)
python3 - "$journal" <<'END'
import re, sys
path = sys.argv[1]
d = bytearray(open(path, "rb").read())
rows = [m.start() for m in re.finditer(b"SKFR", bytes(d)) if d[m.start() + 4] == 1]
d[rows[0] + 70] ^= 1
open(path, "wb").write(d + b"SKFR\1\1\x38\0" + bytes(20))
END
segment=$(find "$STORE/segments/web" -name '*.sks')
python3 - "$segment" <<'END'
import sys
d = bytearray(open(sys.argv[1], "rb").read())
d[d.rindex(b"SKSC") - 3] ^= 1 # the last block of the first section
open(sys.argv[1], "wb").write(d[:-1]) # and the second one is torn
END
search_csv --store "$STORE" | sort >"$TMP/search"
python3 "${READER[@]}" "$STORE" | sed 1d | cut -d, -f2- | sort >"$TMP/reader"
cmp -s "$TMP/search" "$TMP/reader" || bad "search finds $(wc -l <"$TMP/search") rows, the reader $(wc -l <"$TMP/reader")"
[ "$(wc -l <"$TMP/search")" -gt 0 ] && [ "$(wc -l <"$TMP/search")" -lt "$MADE" ] ||
	bad "$(wc -l <"$TMP/search") of $MADE rows: nothing was damaged, or everything"
python3 "${READER[@]}" --facts "$STORE" >"$TMP/facts"
grep "^journal/$(basename "$journal") " "$TMP/facts" | grep -q '"damaged": [1-9].*"torn": true' ||
	bad "the reader says $(grep journal "$TMP/facts")"
grep "^segments/web/" "$TMP/facts" | grep -q '"damaged": [1-9].*"torn": true' || bad "the reader says $(grep web "$TMP/facts")"
run "$BIN/sekisho" --store "$STORE" verify
status 5
out_has '^Note:      2 files end in an unfinished append'
out_has '^DAMAGED:   2, '

begin a_second_part
STORE=$TMP/parts
cp -a "$TMP/before" "$STORE"
segment=$(find "$STORE/segments/mail" -name '*.sks')
truncate -s -1 "$segment"
daemon_stop
sed "s|^state_dir = .*|state_dir = $STORE|" "$CONF" >"$TMP/conf.parts"
disarm
CONF=$TMP/conf.parts
SEKISHO=("$BIN/sekisho" -c "$CONF") SEKISHOD=("$BIN/sekishod" -c "$CONF")
before=$(python3 "${READER[@]}" "$STORE" | sed 1d | wc -l)
daemon_start
sekisho seal >/dev/null || bad "cannot seal"
[ -e "${segment%.sks}.2.sks" ] || bad "no second part: $(ls "$STORE/segments/mail")"
daemon_stop
disarm
agree "$STORE" "$before"

# --- Ledgers (3.16), signatures included ---

LEDGERS=("$ROOT/tests/spec/check_ledger.py")
begin ledgers_read_by_the_format_alone
run python3 "${LEDGERS[@]}" "$STATE"
status 0
out_has '^custody [1-9][0-9]* consent [1-9][0-9]* access [1-9][0-9]*$'
# Acts that both must refuse (3.8, rule 10): signed and chained, so that what they say is all that is wrong. Each line: a
# name and a change to the Python object `a` of a MODIFY, behind a GRANT, which both accept as it is.
begin acts_read_by_the_format_alone
mkdir "$TMP/acts"
python3 - "$TMP" <<'END'
import copy, json, sys
who = {"actor": "a", "actor_auth": "b", "method": "m", "origin": {"uid": 0, "user": None, "via": "command line",
       "from": None}, "ticket": None, "clock_err_ns": 5}
terms = {"effective_from": "2026-02-01T00:00:00.000000000Z", "effective_to": "2026-03-01T00:00:00.000000000Z",
         "scope": ["192.0.2.1:443", "2001:db8::/64"], "resolved": [None, None], "separability": "EXACT",
         "fields": "src_addr,src_port,dst_addr,dst_port,t_accept,rtt", "purposes": ["P1", "P3"],
         "recipients": ["court", "tenant"], "retention_days": 30, "text_id": "x", "text_version": "1",
         "text_sha256": "ab" * 32, "lang": "ja", "same_terms": True, "revocable": True, "bundled": False}
grant = dict(seq=1, t=terms["effective_from"], event="GRANT", tenant="t", **terms, **who)
modify = dict(grant, seq=2, t="2026-02-02T00:00:00.000000000Z", event="MODIFY", text_seq=1)
modify["effective_from"] = modify["t"]
changes = ["", "a['unknown'] = 1", "a['text_seq'] = None; a['retention_days'] = 366", "a['retention_days'] = 29",
           "a['scope'] = a['scope'][:1]; a['resolved'] = ['cgroup 7']", "a['purposes'] = ['P3']", "a['ticket'] = 'T'"]
good = len(changes)
changes += ["del a['%s']" % k for k in modify if k not in ("seq", "t", "event")]
changes += ["a['text_seq'] = 2", "a['retention_days'] = 31", "a['purposes'] = ['P1', 'P2', 'P3']", "a['purposes'] = []",
            "a['recipients'] = ['tenant', 'court']", "a['recipients'] = ['applicant', 'tenant']",
            "a['fields'] += ',t_close'", "a['fields'] = 'src_addr'", "a['scope'][0] = '192.0.2.1'", "a['resolved'] = [None]",
            "a['resolved'][0] = 5", "a['separability'] = 'NONE'", "a['effective_to'] = '2026-03-01T00:00:00.000000001Z'",
            "a['effective_to'] = a['t']", "a['effective_from'] = '2026-02-01T00:00:00.000000000Z'", "a['bundled'] = True",
            "a['revocable'] = 1", "a['same_terms'] = False", "a['text_sha256'] = 'AB' * 32", "a['lang'] = 'en'",
            "a['text_id'] = 'y' * 65", "a['clock_err_ns'] = -1", "a['origin']['via'] = 'panel'", "del a['origin']['from']",
            "a['origin']['uid'] = None", "a['actor'] = ''", "a['method'] = 'a\\x7fb'", "a['tenant'] = '../t'",
            "a['tenant'] = 'other'", "a['event'] = 'SUSPEND'", "a['event'] = 'WITHDRAW'", "a['t'] = '2026-01-01T00:00:00Z'"]
for i, change in enumerate(changes):
    a = copy.deepcopy(modify)
    exec(change)
    open("%s/act.%d" % (sys.argv[1], i), "w").write(json.dumps(grant) + "\n" + json.dumps(a) + "\n")
    open("%s/act.%d.want" % (sys.argv[1], i), "w").write("%d %s" % (i >= good, change))
END
for file in "$TMP"/act.*[0-9]; do
	read -r want change <"$file.want"
	"$BIN/forge" "$TMP/acts" consent <"$file" || bad "cannot forge"
	python3 "${LEDGERS[@]}" "$TMP/acts" >"$TMP/out" 2>&1 && reader=0 || reader=1
	"$BIN/sekisho" --store "$TMP/acts" consent log t >"$TMP/out" 2>&1 && ours=0 || ours=1
	[ "$reader $ours" = "$want $want" ] || bad "after '$change' the reader says $reader, sekisho $ours instead of $want: $(first "$TMP/out")"
done
[ "$(ls "$TMP"/act.*[0-9] | wc -l)" -gt 60 ] || bad "only $(ls "$TMP"/act.*[0-9] | wc -l) acts"
begin a_key_that_was_handed_over
cp -a "$STATE" "$TMP/rotated"
run "$BIN/sekisho" --store "$TMP/rotated" ledger rotate-key
status 0
"$BIN/sekisho" --store "$TMP/rotated" search --case 1 --basis AUDIT "${EVER[@]}" --tenant web >/dev/null || bad "no search"
run python3 "${LEDGERS[@]}" "$TMP/rotated"
status 0
run "$BIN/sekisho" --store "$TMP/rotated" ledger verify --full --public-key "$STATE/keys/node.pub"
status 0
out_has '^Keys:        2, '
begin both_find_flipped_bits
mkdir "$TMP/small"
printf 't_ns,tenant,src_ip,src_port,dst_ip,dst_port\n1740000000000000000,old,198.51.100.7,4711,203.0.113.1,443\n' >"$TMP/old.csv"
"$BIN/sekisho" --store "$TMP/small" import --csv "$TMP/old.csv" --reason r >/dev/null || bad "no import"
"$BIN/sekisho" --store "$TMP/small" ledger rotate-key >/dev/null || bad "no hand-over"
"$BIN/sekisho" --store "$TMP/small" search --case 1 --basis AUDIT "${EVER[@]}" --tenant old >/dev/null || bad "no search"
"$BIN/sekisho" -c <(printf 'state_dir = %s\nuser = %s\n[tenant old]\naddress = 203.0.113.1\n' "$TMP/small" "$STORE_USER") consent grant old \
	--until "$(utc_in 86400)" --text "$TMP/text" --fields "$BASE_FIELDS" --retention 30 --same-terms --revocable >/dev/null ||
	bad "no grant"
run python3 "$ROOT/tests/spec/flip_ledgers.py" "$TMP/small" "$BIN/sekisho" 100
status 0
out_has '^[0-9]* of [0-9]* flipped bits found by both$'
# Each line: a file and a change to it that both must find.
for change in 'ledger/access.log|$s/WARRANT\|AUDIT/OTHER/' 'ledger/consent.log|1s/"uid":0/"uid":1/' 'ledger/access.log|$d' \
	'ledger/custody.log|$s/"sig":"../"sig":"00/' 'keys/heads|s/"seq":[0-9]*/"seq":1/' 'keys/node.pub|s/^../00/'; do
	begin "both_find_${change//[^a-z0-9]/_}"
	rm -rf "$TMP/changed"
	cp -a "$TMP/rotated" "$TMP/changed"
	sed -i "${change#*|}" "$TMP/changed/${change%%|*}"
	! cmp -s "$TMP/changed/${change%%|*}" "$TMP/rotated/${change%%|*}" || bad "the change changed nothing"
	run python3 "${LEDGERS[@]}" "$TMP/changed"
	status 1
	run "$BIN/sekisho" --store "$TMP/changed" ledger verify --full
	status 5
done

finish
