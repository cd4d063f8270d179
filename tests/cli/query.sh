#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a search can ask: open at a time, counts, the busiest sources, port sets, orders, many questions at once,
# what was read; answers of any size in bounded memory.
. "$(dirname "$0")/cli_lib"

conf
conf_tenant web "$NET.1"
STORE=$TMP/store
CASE=(--case 1 --basis WARRANT)
ALL=(--from 2026-03-01T00:00:00Z --to 2026-04-01T00:00:00Z)

# 2026-03-10 is 1773100800; rows of 20 sources over two days, one an hour, the source's number in its port.
python3 - >"$TMP/rows.csv" <<'END'
day, hour = 1773100800 * 10**9, 3600 * 10**9
print("t_ns,tenant,src_ip,src_port,dst_ip,dst_port,rtt_us,t_close_ns")
for i in range(48):
    source = i % 20 + 1 if i < 40 else 20
    close = day + i * hour + (i % 5) * hour + 1000 if i % 5 else ""
    print("%d,%s,198.51.100.%d,%d,192.0.2.1,%d,,%s" % (day + i * hour, "ab"[i % 2], source, 40000 + source,
                                                      80 if i % 3 else 443, close))
END
"$BIN/sekisho" import --store "$STORE" --csv "$TMP/rows.csv" --reason test >/dev/null || die "no store"
search() { run "$BIN/sekisho" --store "$STORE" search "${CASE[@]}" "$@"; }
csv_rows() { sed 1d "$TMP/out" | wc -l; }

begin count
search "${ALL[@]}" --src 0.0.0.0/0 --count
status 0
grep -qx 'Records:  48' "$TMP/out" || bad "no count: $(head -n 3 "$TMP/out")"
[ "$(grep -c '198.51.100' "$TMP/out")" -eq 0 ] || bad "rows beside the count"
search "${ALL[@]}" --src 0.0.0.0/0 --count --csv
out $'rows\n48'

begin top
search "${ALL[@]}" --tenant a --top 1 --csv
out $'rank,src_ip,rows\n1,198.51.100.20,4'
search "${ALL[@]}" --src 0.0.0.0/0 --top 2 --csv
out $'rank,src_ip,rows\n1,198.51.100.20,10\n2,198.51.100.1,2'
search "${ALL[@]}" --src 0.0.0.0/0 --top 1
out_has '^ *1  198\.51\.100\.20 +10$'
out_has '^Sources:  20$'

begin AC-45_a_basis_without_rows_has_no_top
run "$BIN/sekisho" --store "$STORE" search --case 1 --basis AUDIT "${ALL[@]}" --src 0.0.0.0/0 --top 2
status 0
! grep -q '198\.51' "$TMP/out" || bad "an address: $(grep 198 "$TMP/out" | head -n 1)"
out_has '^Records:  48 '

begin port_sets
search "${ALL[@]}" --src 0.0.0.0/0 --src-port 40001-40003,40020 --csv
[ "$(csv_rows)" -eq 16 ] || bad "$(csv_rows) rows"
search "${ALL[@]}" --src 0.0.0.0/0 --dst-port 443 --csv
[ "$(csv_rows)" -eq 16 ] || bad "$(csv_rows) rows"

begin order
search "${ALL[@]}" --src 0.0.0.0/0 --csv
sed 1d "$TMP/out" | cut -d, -f2- >"$TMP/by_time"
sort -t, -k7,7 -c "$TMP/by_time" 2>/dev/null || bad "not in the order of time"
search "${ALL[@]}" --src 0.0.0.0/0 --csv --order source
sed 1d "$TMP/out" | cut -d, -f2- >"$TMP/by_source"
sort -t. -k4,4n -s -c <(cut -d, -f3 "$TMP/by_source") 2>/dev/null || bad "not in the order of sources"
[ "$(cut -d, -f3 "$TMP/by_source" | uniq | wc -l)" -eq 20 ] || bad "a source stands in two places"
cmp -s <(sort "$TMP/by_time") <(sort "$TMP/by_source") || bad "other rows"
[ "$(wc -l <"$TMP/by_time")" -eq 48 ] || bad "$(wc -l <"$TMP/by_time") rows"

begin open_at
search --at 2026-03-10T12:30:00Z --src 0.0.0.0/0 --csv
# Those that began at 0..12 h: no close known (0, 5, 10), or it is later (11 h + 1 h + ..., 12 h + 2 h, 8 h + 3 h no, 9 h + 4 h).
sed 1d "$TMP/out" | cut -d, -f8 | cut -c12-13 | paste -sd' ' >"$TMP/hours"
[ "$(cat "$TMP/hours")" = '00 05 09 10 12' ] || bad "began at $(cat "$TMP/hours")"
err_has '^Open at:  the end of the window'
search --at 2026-03-10T12:30:00Z --from 2026-03-10T12:00:00Z --src 0.0.0.0/0 --csv
# 9 h is known by its close, though it began before.
sed 1d "$TMP/out" | cut -d, -f2,8 | cut -d: -f1 | paste -sd' ' >"$TMP/hours"
[ "$(cat "$TMP/hours")" = 'close,2026-03-10T09 established,2026-03-10T12' ] || bad "$(cat "$TMP/hours")"

begin questions
cat >"$TMP/questions.csv" <<'END'
src_ip,src_port,t,tolerance
198.51.100.3,40003,2026-03-10T02:00:01Z,2s
::ffff:198.51.100.3,,2026-03-11T07:00:00+09:00,1s
203.0.113.9,,2026-03-10T02:00:01Z,1h
198.51.100.4,40004,2026-03-10T12:00:00+09:00,
END
search --questions "$TMP/questions.csv" --csv
status 0
[ "$(sed 1d "$TMP/out" | cut -d, -f4,18 | paste -sd' ')" = '198.51.100.3,1 198.51.100.4,4 198.51.100.3,2' ] ||
	bad "$(cut -d, -f4,8,18 "$TMP/out" | paste -sd' ')"
head -n 1 "$TMP/out" | grep -q ',question$' || bad "no column question"
search --questions "$TMP/questions.csv"
out_has '^Questions: 4, with records 3, without 1$'
search --questions "$TMP/questions.csv" --json
python3 - "$TMP/out" <<'END' || bad "question_rows are odd"
import json, sys
answer = json.load(open(sys.argv[1]))
rows = answer["question_rows"]
sys.exit(not (len(rows) == 4 and sum(rows) == answer["count"] and rows[0] == 1 and rows[2] == 0 and rows[3] == 1))
END

begin the_access_log_knows_what_was_asked
hash=$(sha256sum <"$TMP/questions.csv" | cut -d' ' -f1)
grep -q "questions.csv --csv (4 questions, sha256 $hash)" "$STORE/ledger/access.log" || bad "$(tail -n 1 "$STORE/ledger/access.log")"

begin AC-39_questions_bring_their_window
run "$BIN/sekisho" --store "$STORE" search --basis WARRANT --questions "$TMP/questions.csv"
status 4
refuses questions_and_window 2 'sekisho: error: --questions has times and sources of its own: leave out --from, --to, --at, --src, --src-port' \
	"$BIN/sekisho" --store "$STORE" search "${CASE[@]}" "${ALL[@]}" --questions "$TMP/questions.csv"
refuses at_and_to 2 'sekisho: error: --at and --to: choose one' \
	"$BIN/sekisho" --store "$STORE" search "${CASE[@]}" "${ALL[@]}" --at 2026-03-10T00:00:00Z --tenant a
refuses count_and_top 2 'sekisho: error: --count and --top: choose one' \
	"$BIN/sekisho" --store "$STORE" search "${CASE[@]}" "${ALL[@]}" --count --top 3 --tenant a
refuses top_0 2 'sekisho: error: --top "0": expected 1 to 100000' \
	"$BIN/sekisho" --store "$STORE" search "${CASE[@]}" "${ALL[@]}" --top 0 --tenant a
refuses order_of_ports 2 'sekisho: error: --order "port": expected time or source' \
	"$BIN/sekisho" --store "$STORE" search "${CASE[@]}" "${ALL[@]}" --order port --tenant a
printf 'src_ip,src_port,t,tolerance\n198.51.100.3,40003,2026-03-10T02:00:01,2s\n' >"$TMP/bad.csv"
begin AC-29_a_question_without_zone
run "$BIN/sekisho" --store "$STORE" search "${CASE[@]}" --questions "$TMP/bad.csv"
status 2
err_has "^sekisho: error: $TMP/bad.csv: line 2: t: "

begin explain
search "${ALL[@]}" --src 198.51.100.7 --explain
out_has '^Explain:  planned in '
out_has '^  blocks +[0-9]+ considered +[0-9]+ read +skipped: [0-9]+ by index, [0-9]+ by source, [0-9]+ by time$'
search "${ALL[@]}" --src 198.51.100.7 --json
! grep -q explain "$TMP/out" || bad "explain without being asked: an answer could not be repeated byte by byte"

# 600,000 rows: more than the memory for rows holds. Both orders give the same rows, in at most 256 MiB.
begin a_large_answer_in_bounded_memory
python3 - >"$TMP/large.csv" <<'END'
import random
random.seed(8)
day = 1773100800 * 10**9
print("t_ns,tenant,src_ip,src_port,dst_ip,dst_port")
for i in range(600000):
    print("%d,a,10.%d.%d.%d,%d,192.0.2.1,443" % (day + random.randrange(86400 * 10**9), random.randrange(4), random.randrange(256),
                                                 random.randrange(256), random.randrange(1024, 65536)))
END
"$BIN/sekisho" import --store "$TMP/large" --csv "$TMP/large.csv" --reason test >/dev/null || bad "no store"
for order in time source; do
	"$BIN/sekisho" --store "$TMP/large" search "${CASE[@]}" "${ALL[@]}" --tenant a --csv --order $order >"$TMP/large.$order" 2>/dev/null &
	search=$! peak=0
	while kill -0 $search 2>/dev/null; do
		now=$(awk '/^VmHWM/ { print $2 }' /proc/$search/status 2>/dev/null)
		[ "${now:-0}" -gt "$peak" ] && peak=$now
		sleep 0.05
	done
	wait $search || bad "status $? in the order of $order"
	[ "$peak" -gt 1000 ] && [ "$peak" -le 262144 ] || bad "$peak KiB in the order of $order"
done
[ "$(wc -l <"$TMP/large.time")" -eq 600001 ] || bad "$(wc -l <"$TMP/large.time") lines"
sed 1d "$TMP/large.time" | cut -d, -f4,5,8 | LC_ALL=C sort >"$TMP/a"
sed 1d "$TMP/large.source" | cut -d, -f4,5,8 | LC_ALL=C sort >"$TMP/b"
cmp -s "$TMP/a" "$TMP/b" || bad "the two orders differ"
sed 1d "$TMP/large.time" | cut -d, -f8 | LC_ALL=C sort -c 2>/dev/null || bad "not in the order of time"
[ -z "$(find "$TMP/large" -maxdepth 1 -name '.spool*')" ] || bad "left behind: $(ls -A "$TMP/large")"

finish
