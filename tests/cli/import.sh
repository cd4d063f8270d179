#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# sekisho import: what a good file holds is found in every column, of a bad or killed one nothing is (AC-31, AC-33).
. "$(dirname "$0")/cli_lib"

READER=("$ROOT/tests/spec/read_store.py")
HEADER=t_ns,tenant,src_ip,src_port,dst_ip,dst_port
BOTH=$HEADER,rtt_us,t_close_ns
IMPORT=("$BIN/sekisho" import --reason 'log of the old collector')
conf
conf_tenant web "$NET.1"

# The store's rows without their number, in every column.
search() { # STORE-OPTIONS...
	local source
	for source in 0.0.0.0/0 ::/0; do
		"$BIN/sekisho" "$@" search --case 1 --basis WARRANT --csv --from 1970-01-01T00:00:00Z --to 2199-01-01T00:00:00Z \
			--src "$source" 2>"$TMP/search.err" | sed 1d | cut -d, -f2-
	done
}

# What these rows must be, from the CSV alone: steps of rtt as in FORMAT.md 3.6.
expected() { # CSV
	python3 - "$1" <<'END'
import datetime, ipaddress, sys
def text(ns, hours):
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=ns // 10**9 + 3600 * hours)
    return "%s.%09d%s" % (at.strftime("%Y-%m-%dT%H:%M:%S"), ns % 10**9, "+%02d:00" % hours if hours else "Z")
def address(a):
    a = ipaddress.ip_address(a)
    return str(getattr(a, "ipv4_mapped", None) or a)
def rtt(us):
    if us < 16: return us
    e = us.bit_length() - 4
    return (us >> e << e) + (1 << e) // 2
lines = open(sys.argv[1], newline="").read().split("\n")
header = lines[0].strip().split(",")
for line in lines[1:]:
    if not line.strip(): continue
    r = dict(zip(header, line.strip().split(",")))
    us, close = rtt(int(r.get("rtt_us") or 0)), r.get("t_close_ns")
    print(",".join(["established", "tcp", address(r["src_ip"]), r["src_port"], address(r["dst_ip"]), r["dst_port"],
        text(int(r["t_ns"]), 0), text(int(r["t_ns"]), 9), r["tenant"], str(us or ""), "0", "imported", "0", "", "",
        text(int(close), 0) if close else ""]))
END
}

# The store holds exactly the rows of these CSV files, says the search and says the reader.
holds_exactly() { # STORE CSV...
	local store=$1 csv
	shift
	for csv; do expected "$csv"; done | sort >"$TMP/expected"
	search --store "$store" | sort >"$TMP/found"
	cmp -s "$TMP/expected" "$TMP/found" ||
		bad "$(wc -l <"$TMP/found") rows instead of $(wc -l <"$TMP/expected"); wanted $(comm -23 "$TMP/expected" "$TMP/found" | head -n 1), found $(comm -13 "$TMP/expected" "$TMP/found" | head -n 1)"
	python3 "${READER[@]}" "$store" 2>"$TMP/err" | sed 1d | cut -d, -f2- | sort >"$TMP/read"
	cmp -s "$TMP/expected" "$TMP/read" || bad "the reader differs: $(wc -l <"$TMP/read") rows; $(comm -13 "$TMP/expected" "$TMP/read" | head -n 1) $(tail -n 1 "$TMP/err")"
	[ -s "$TMP/expected" ] || bad "nothing was expected: the test proves nothing"
}

verifies() { # STORE
	run "$BIN/sekisho" --store "$1" verify
	status 0
	out_has '^Checksums: all match$'
}

leftovers() { find "$1" -name '.journal-*' | wc -l; }
journals() { find "$1/journal" -name '*.skj' | wc -l; }

# Two tenants, two days, both families, mapped, closes over midnight and at once, duplicates, extremes.
cat >"$TMP/good.csv" <<END
$BOTH
1740000000000000001,web,203.0.113.5,40000,192.0.2.1,443,1234,1740000005000000000
1740009599999999999,mail,2001:db8::1,1,2001:DB8:0:0::25,25,,
1740009600000000000,mail,2001:db8::1,65535,2001:db8::25,65535,0,
1740009600000000000,web,::ffff:198.51.100.7,5,192.0.2.1,80,4294967295,1740095000000000007
1740000000000000002,web,203.0.113.5,40001,::ffff:c000:201,443,15,1740000000000000002
0,old,0.0.0.1,1,255.255.255.255,1,16,
1740000000000000003,web,203.0.113.9,7,192.0.2.1,443,17,
1740000000000000003,web,203.0.113.9,7,192.0.2.1,443,17,
7000000000000000000,late.tenant_1-x,::1,7,::,443,999999,
END

begin good_file
run "${IMPORT[@]}" --store "$TMP/good" --csv "$TMP/good.csv"
status 0
err ''
out_has '^Lines:     9 in '
out_has '^Rows:      12, of which 3 closes$'
out_has '^Tenants:   4, of which 4 new$'
out_has '^From:      1970-01-01T00:00:00\.000000000Z \(1970-01-01T09:00:00\.000000000\+09:00\)$'
out_has '^To:        2191-10-27T12:26:40\.000000000Z '
out_has '^Journal:   .*\.skj, [0-9]+ bytes, [0-9.]+ a row$'
out_has '^Sealed:    12 rows in [0-9]+ sections, [0-9]+ bytes, '
holds_exactly "$TMP/good" "$TMP/good.csv"
[ "$(journals "$TMP/good")" -eq 0 ] || bad "a journal is left"
[ "$(find "$TMP/good" -name '*.sks' -perm 600 | wc -l)" -ge 6 ] || bad "few segments: $(find "$TMP/good" -name '*.sks')"

begin good_file_verifies
verifies "$TMP/good"

begin reason_is_in_each_section
python3 "${READER[@]}" --facts "$TMP/good" >"$TMP/facts" || bad "the reader fails"
[ "$(grep -c '^segments/.*"custody": \["log of the old collector"\]' "$TMP/facts")" -eq "$(wc -l <"$TMP/facts")" ] ||
	bad "not everywhere: $(first "$TMP/facts")"

begin times_of_closes
"$BIN/sekisho" --store "$TMP/good" search --case 1 --basis WARRANT --csv --from 2025-02-19T00:00:00Z --to 2025-02-21T00:00:00Z \
	--src 198.51.100.7 >"$TMP/out" 2>/dev/null
out_has '^1,established,tcp,198\.51\.100\.7,5,192\.0\.2\.1,80,2025-02-20T00:00:00\.000000000Z,.*,2025-02-20T23:43:20\.000000007Z$'

# The same rows from another shape of file; each into a store of its own.
same_rows() { # NAME CSV [INPUT]
	begin "$1"
	run "${IMPORT[@]}" --store "$TMP/$1" --csv "$2"
	status 0
	holds_exactly "$TMP/$1" "${3:-$2}"
}
sed 's/$/\r/' "$TMP/good.csv" >"$TMP/crlf.csv"
same_rows crlf "$TMP/crlf.csv" "$TMP/good.csv"
head -c -1 "$TMP/good.csv" >"$TMP/unended.csv"
same_rows no_final_newline "$TMP/unended.csv" "$TMP/good.csv"
cut -d, -f1-6 "$TMP/good.csv" >"$TMP/plain.csv"
same_rows without_optional_columns "$TMP/plain.csv"
cut -d, -f1-7 "$TMP/good.csv" >"$TMP/rtt.csv"
same_rows with_rtt "$TMP/rtt.csv"
cut -d, -f1-6,8 "$TMP/good.csv" >"$TMP/close.csv"
same_rows with_close "$TMP/close.csv"

begin standard_input
"${IMPORT[@]}" --store "$TMP/stdin" --csv - <"$TMP/good.csv" >"$TMP/out" 2>"$TMP/err" || bad "status $?"
err ''
holds_exactly "$TMP/stdin" "$TMP/good.csv"

begin twice_the_same_file_is_twice_the_rows
run "${IMPORT[@]}" --store "$TMP/stdin" --csv "$TMP/good.csv"
status 0
out_has '^Tenants:   4, of which 0 new$'
holds_exactly "$TMP/stdin" "$TMP/good.csv" "$TMP/good.csv"
verifies "$TMP/stdin"

begin json
run "${IMPORT[@]}" --store "$TMP/json" --csv "$TMP/good.csv" --json
status 0
python3 - "$TMP/out" <<'END' || bad "it says $(first "$TMP/out")"
import json, sys
j = json.load(open(sys.argv[1]))
assert (j["lines"], j["rows"], j["close_rows"], j["tenants"], j["new_tenants"]) == (9, 12, 3, 4, 4)
assert j["first_utc"] == "1970-01-01T00:00:00.000000000Z" and j["last_local"] == "2191-10-27T21:26:40.000000000+09:00"
assert j["journal"].endswith(".skj") and j["journal_bytes"] > 500 and j["sealed"]["rows"] == 12
END

begin header_only
echo "$HEADER" >"$TMP/empty.csv"
run "${IMPORT[@]}" --store "$TMP/empty" --csv "$TMP/empty.csv"
status 0
out_has '^Rows:      0, of which 0 closes$'
out_has '^Nothing to store\.$'
[ -z "$(find "$TMP/empty" -type f)" ] || bad "it made $(find "$TMP/empty" -type f)"

# --- What is refused: the message, and a store in which nothing is. The same lines without the bad one are good. ---

bad_file() { # NAME MESSAGE HEADER LINE...
	local name=$1 message=$2
	shift 2
	printf '%s\n' "$@" >"$TMP/bad.csv"
	refuses "bad_$name" 2 "sekisho: error: $TMP/bad.csv:$message" "${IMPORT[@]}" --store "$TMP/bad" --csv "$TMP/bad.csv"
	[ -z "$(find "$TMP/bad" -type f)" ] || bad "it left $(find "$TMP/bad" -type f)"
}
OK=1740000000000000001,web,203.0.113.5,40000,192.0.2.1,443
TIME='expected nanoseconds since 1970 (UTC), 0 to 9223285636854775807'
bad_file header '1: header "t_ns,tenant": expected t_ns,tenant,src_ip,src_port,dst_ip,dst_port[,rtt_us][,t_close_ns]' t_ns,tenant "$OK"
bad_file column_order "1: header \"$HEADER,t_close_ns,rtt_us\": expected $HEADER[,rtt_us][,t_close_ns]" "$HEADER,t_close_ns,rtt_us" "$OK,,"
bad_file time "3: t_ns \"2025-02-19\": $TIME" "$HEADER" "$OK" "2025-02-19,web,203.0.113.5,1,192.0.2.1,443"
bad_file time_too_late "2: t_ns \"9223285636854775808\": $TIME" "$HEADER" "9223285636854775808,web,203.0.113.5,1,192.0.2.1,443"
bad_file negative_time "2: t_ns \"-1\": $TIME" "$HEADER" "-1,web,203.0.113.5,1,192.0.2.1,443"
bad_file tenant '3: tenant "../etc": expected 1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or digit' "$HEADER" "$OK" "1,../etc,203.0.113.5,1,192.0.2.1,443"
bad_file source '2: src_ip "203.0.113": expected an IPv4 or IPv6 address' "$HEADER" "1,web,203.0.113,1,192.0.2.1,443"
bad_file source_port '2: src_port "0": expected 1 to 65535' "$HEADER" "1,web,203.0.113.5,0,192.0.2.1,443"
bad_file destination '2: dst_ip "www": expected an IPv4 or IPv6 address' "$HEADER" "1,web,203.0.113.5,1,www,443"
bad_file destination_port '2: dst_port "65536": expected 1 to 65535' "$HEADER" "1,web,203.0.113.5,1,192.0.2.1,65536"
bad_file rtt '2: rtt_us "1.5": expected microseconds, 0 to 4294967295, or nothing' "$BOTH" "$OK,1.5,"
bad_file close '2: t_close_ns "1740000000000000000": expected nanoseconds since 1970 (UTC), not before t_ns: 1740000000000000001 to 9223285636854775807' "$BOTH" "$OK,,1740000000000000000"
bad_file few_fields "2: \"1,web\" has 2 fields: expected the 6 of $HEADER" "$HEADER" 1,web
bad_file many_fields "2: \"$OK,7\" has 7 fields: expected the 6 of $HEADER" "$HEADER" "$OK,7"
bad_file empty_line "3: \"\" has 0 fields: expected the 6 of $HEADER" "$HEADER" "$OK" '' "$OK"
bad_file quotes '2: "1,"web",203.0.113.5,1,192.0.2.1,443": expected plain values, without quotes' "$HEADER" '1,"web",203.0.113.5,1,192.0.2.1,443'
bad_file long_line '2: longer than 512 bytes: expected a line of CSV' "$HEADER" "$(printf '%0600d' 1),web,203.0.113.5,1,192.0.2.1,443"
bad_file no_header '1: header "": expected t_ns,tenant,src_ip,src_port,dst_ip,dst_port[,rtt_us][,t_close_ns]' ''

begin bad_escape_sequence_is_not_shown
printf '%s\n1,\033[31m,203.0.113.5,1,192.0.2.1,443\n' "$HEADER" >"$TMP/bad.csv"
run "${IMPORT[@]}" --store "$TMP/bad" --csv "$TMP/bad.csv"
status 2
err_has 'bad.csv:2: tenant "\?\[31m"'

begin bad_empty_file
: >"$TMP/bad.csv"
run "${IMPORT[@]}" --store "$TMP/bad" --csv "$TMP/bad.csv"
status 2
err "sekisho: error: $TMP/bad.csv:1: empty: expected a header line"

# The last of 200,000 lines is bad: megabytes were written already.
begin bad_last_line
{
	echo "$HEADER"
	awk 'BEGIN { srand(1); for (i = 0; i < 200000; i++) printf "17400%05d%09d,web,203.0.113.%d,%d,192.0.2.1,443\n",
		rand() * 1e5, rand() * 1e9, rand() * 256, 1 + rand() * 65535 }'
} >"$TMP/long.csv"
{
	cat "$TMP/long.csv"
	echo x
} >"$TMP/bad.csv"
run "${IMPORT[@]}" --store "$TMP/bad" --csv "$TMP/bad.csv"
status 2
out ''
err "sekisho: error: $TMP/bad.csv:200002: \"x\" has 1 fields: expected the 6 of $HEADER"
[ -z "$(find "$TMP/bad" -type f)" ] || bad "it left $(find "$TMP/bad" -type f)"
run "${IMPORT[@]}" --store "$TMP/bad" --csv "$TMP/long.csv"
status 0
[ "$(search --store "$TMP/bad" | wc -l)" -eq 200000 ] || bad "without the bad line: other rows"

LINE=("$BIN/sekisho" import --store "$TMP/none" --csv "$TMP/good.csv")
refuses reason_missing 2 'sekisho: error: import needs a reason, which is kept with the rows: --reason TEXT' "${LINE[@]}"
refuses reason_empty 2 'sekisho: error: --reason "": expected a text' "${LINE[@]}" --reason ''
refuses reason_too_long 2 'sekisho: error: --reason has 1025 bytes: expected at most 1024' "${LINE[@]}" --reason "$(printf '%01025d' 0)"
refuses reason_with_newline 2 'sekisho: error: --reason "a?b": expected one line of UTF-8 without control characters' \
	"${LINE[@]}" --reason $'a\nb'
refuses reason_not_utf8 2 'sekisho: error: --reason "a?": expected one line of UTF-8 without control characters' \
	"${LINE[@]}" --reason $'a\xff'
refuses csv_missing 2 'sekisho: error: import needs the rows: --csv FILE, or - for the standard input' \
	"${IMPORT[@]}" --store "$TMP/none"
refuses csv_is_not_there 2 "sekisho: error: cannot open $TMP/none.csv: No such file or directory" \
	"${IMPORT[@]}" --store "$TMP/none" --csv "$TMP/none.csv"
begin nothing_was_made
[ ! -e "$TMP/none" ] || bad "a store was made for what was refused"
refuses csv_is_a_directory 1 "sekisho: error: cannot read $TMP: Is a directory" "${IMPORT[@]}" --store "$TMP/none" --csv "$TMP"

begin longest_reason
run "$BIN/sekisho" import --store "$TMP/reason" --csv "$TMP/plain.csv" --reason "$(printf '旧%.0s' {1..341})x"
status 0
python3 "${READER[@]}" --facts "$TMP/reason" >"$TMP/facts" || bad "the reader fails"
grep -q '"custody": \["\\u65e7' "$TMP/facts" || bad "no reason is kept: $(first "$TMP/facts")"
verifies "$TMP/reason"

begin damaged_ledger_stores_nothing
mkdir -p "$TMP/ledger/ledger"
echo '{"event": "GRANT"}' >"$TMP/ledger/ledger/consent.log"
run "${IMPORT[@]}" --store "$TMP/ledger" --csv "$TMP/good.csv"
status 5
err_has 'consent\.log'
[ "$(find "$TMP/ledger" -type f | wc -l)" -eq 1 ] || bad "it left $(find "$TMP/ledger" -type f)"

# --- Killed and interrupted: it reads a pipe that has given it some megabytes and does not end. ---

STORE=$TMP/killed
mkfifo "$TMP/pipe"
half() { # SIGNAL: an import that had half of its rows when the signal came; its status
	"${IMPORT[@]}" --store "$STORE" --csv "$TMP/pipe" >"$TMP/out" 2>"$TMP/err" &
	local pid=$!
	PIDS=("$pid")
	exec 9>"$TMP/pipe"
	cat "$TMP/long.csv" >&9
	wait_until 10 has_written || bad "it wrote nothing to a temporary file"
	[ -z "$(search --store "$STORE")" ] || bad "rows are found before the import is done"
	[ "$(journals "$STORE")" -eq 0 ] || bad "a journal is visible before the import is done"
	kill "-$1" "$pid"
	STATUS=0
	wait "$pid" 2>/dev/null || STATUS=$?
	exec 9>&-
	PIDS=()
}
has_written() { [ -n "$(find "$STORE" -name '.journal-*' -size +500k 2>/dev/null)" ]; }

begin sigkill_leaves_nothing_searchable
half KILL
[ "$STATUS" -eq 137 ] || bad "status $STATUS"
[ "$(leftovers "$STORE")" -eq 1 ] || bad "no temporary file is left: the next test proves nothing"
[ -z "$(search --store "$STORE")" ] || bad "rows of a killed import are found"
[ -z "$(python3 "${READER[@]}" "$STORE" | sed 1d)" ] || bad "the reader finds rows"
verifies "$STORE"
begin the_next_import_cleans_up
run "${IMPORT[@]}" --store "$STORE" --csv "$TMP/good.csv"
status 0
[ "$(leftovers "$STORE")" -eq 0 ] || bad "the temporary file is still there"
holds_exactly "$STORE" "$TMP/good.csv"

STORE=$TMP/interrupted
for signal in INT TERM HUP; do
	begin "sig${signal,,}_takes_all_back"
	half "$signal"
	status 1
	out ''
	err 'sekisho: error: interrupted: nothing was stored'
	[ -z "$(find "$STORE" -type f ! -path '*/ledger/*' ! -path '*/keys/*')" ] || bad "it left $(find "$STORE" -type f)"
done

begin two_at_once
STORE=$TMP/two
"${IMPORT[@]}" --store "$STORE" --csv "$TMP/pipe" >"$TMP/out" 2>"$TMP/err" &
PIDS=($!)
exec 9>"$TMP/pipe"
cat "$TMP/long.csv" >&9
wait_until 10 has_written || bad "it wrote nothing to a temporary file"
run "${IMPORT[@]}" --store "$STORE" --csv "$TMP/plain.csv" # must not sweep the other's file away
status 0
exec 9>&-
wait "${PIDS[0]}" || bad "status $? of the first"
PIDS=()
holds_exactly "$STORE" "$TMP/plain.csv" "$TMP/long.csv"

# --- Full disk ---

begin full_disk
mkdir "$TMP/small"
if mount -t tmpfs -o size=128k tmpfs "$TMP/small"; then
	MOUNTS+=("$TMP/small")
	printf 'state_dir = %s\nmin_free = 0\nuser = %s\n' "$TMP/small/store" "$STORE_USER" >"$TMP/to_the_last.conf"
	run "$BIN/sekisho" -c "$TMP/to_the_last.conf" "${IMPORT[@]:1}" --csv "$TMP/long.csv"
	status 1
	err_has 'cannot write journal/.*: No space left on device$'
	one_line
	[ -z "$(find "$TMP/small/store" -type f)" ] || bad "it left $(find "$TMP/small/store" -type f)"
	umount "$TMP/small" && MOUNTS=()
else
	skip 'cannot mount a tmpfs'
fi

# Sealing writes sections before the journal goes: of 8 MB they may take 9.
begin AC-35_min_free_is_kept
if mount -t tmpfs -o size=8m tmpfs "$TMP/small"; then
	MOUNTS+=("$TMP/small")
	awk -v header="$HEADER" 'BEGIN { print header; for (i = 0; i < 300000; i++)
		printf "17731020%011d,web,10.%d.%d.%d,%d,192.0.2.1,443\n", i * 71, i / 65536, i / 256 % 256, i % 256, i % 60000 + 1 }' \
		>"$TMP/many.csv"
	run "${IMPORT[@]}" --store "$TMP/small/store" --csv "$TMP/many.csv"
	status 1
	err_has "$TMP/many.csv:[0-9]*: the disk would have less room than min_free (.*) when these rows are sealed: nothing was stored\$"
	one_line
	[ -z "$(find "$TMP/small/store" -type f)" ] || bad "it left $(find "$TMP/small/store" -type f)"
	run "$BIN/sekisho" -c "$TMP/to_the_last.conf" "${IMPORT[@]:1}" --csv "$TMP/many.csv" --json
	status 0
	grep -q '"rows": 300000,' "$TMP/out" || bad "not all rows: $(first "$TMP/out")"
	umount "$TMP/small" && MOUNTS=()
else
	skip 'cannot mount a tmpfs'
fi

# --- Beside a running sekishod ---

# Other connections at the same times: a close belongs to one of them only.
other() { sed "1!s/^\([0-9]*,[^,]*,[^,]*\),[0-9]*/\1,$2/" "$1"; }
other "$TMP/plain.csv" 777 >"$TMP/other.csv"
other "$TMP/rtt.csv" 888 >"$TMP/third.csv"

begin beside_sekishod
mount_bpf
grant web
mkdir -p "$STATE/journal"
# Most of these rows are so old that sekishod would delete them at once.
sekisho hold set 1 --all-tenants --until "$(utc_in 86400)" >/dev/null || bad "no hold"
: >"$STATE/journal/.journal-0123456789abcdef-0.tmp" # as if an import had been killed
chown -R "$STORE_USER" "$STATE"
daemon_start
[ "$(leftovers "$STATE")" -eq 0 ] || bad "the start of sekishod does not clean up"
run "${SEKISHO[@]}" import --csv "$TMP/good.csv" --reason 'beside the daemon'
status 0
err ''
out_has '^Tenants:   4, of which 3 new$'
out_has '^Sealed:    by sekishod, which was asked to$'
holds_exactly "$STATE" "$TMP/good.csv"
[ "$(find "$STATE/segments/mail" -name '*.sks' | wc -l)" -eq 2 ] || bad "sekishod did not seal it"

begin beside_sekishod_by_store
run "${IMPORT[@]}" --store "$STATE" --csv "$TMP/other.csv"
status 0
out_has '^Sealed:    not yet: the store is in use, '
[ "$(journals "$STATE")" -ge 2 ] || bad "it sealed beside sekishod"
holds_exactly "$STATE" "$TMP/good.csv" "$TMP/other.csv"
run "${SEKISHO[@]}" seal
status 0
holds_exactly "$STATE" "$TMP/good.csv" "$TMP/other.csv"
run "${SEKISHO[@]}" verify
status 0

# Times of an import never become those of a gap "not armed" of a later start.
begin import_times_do_not_reach_gaps
daemon_stop
disarm
flock "$STATE/lock" "${IMPORT[@]}" --store "$STATE" --csv "$TMP/third.csv" >/dev/null 2>"$TMP/err" || bad "status $?"
[ "$(journals "$STATE")" -ge 1 ] || bad "the journal is not there: the test proves nothing"
daemon_start
"${SEKISHO[@]}" search --case 1 --basis WARRANT --json --from 2026-01-01T00:00:00Z --to 2199-01-01T00:00:00Z --tenant web \
	>"$TMP/out" 2>/dev/null
python3 - "$TMP/out" <<'END' || bad "gaps: $(tr -d '\n' <"$TMP/out" | head -c 600)"
import json, sys
gaps = json.load(open(sys.argv[1]))["gaps"]
assert gaps, "none"
assert all(g["from"] < "2100" and g["to"] < "2100" for g in gaps), gaps
END
daemon_stop
disarm
holds_exactly "$STATE" "$TMP/good.csv" "$TMP/other.csv" "$TMP/third.csv"

finish
