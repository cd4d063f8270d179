#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A journal is sealed and removed when its time is over, also when nothing more happens: no connection, no command.
. "$(dirname "$0")/cli_lib"

mount_bpf
conf 'record_loopback = yes' 'rotate_interval = 2s'
conf_tenant web "$NET.1"
grant web
daemon_start
serve "$NET.1:80"

live() { basename "$(find "$STATE/journal" -name '*.skj')"; }
sealed_rows() { "$BIN/sekisho" --store "$STATE" verify --json | sed -n 's/^  "rows": \([0-9]*\),$/\1/p'; }
waiting_rows() { "$BIN/sekisho" --store "$STATE" verify --json | sed -n 's/^  "journal_rows": \([0-9]*\),$/\1/p'; }
is_sealed() { [ "$(sealed_rows)" = "$1" ] && [ "$(waiting_rows)" = 0 ]; }

begin an_idle_daemon_rotates_and_seals
first=$(live)
connect "$TMP/list" --count 25 "$NET.1:80"
wait_until 10 is_sealed 25 || bad "$(sealed_rows) rows sealed, $(waiting_rows) in the journal after 10 s"
[ "$(find "$STATE/journal" -name '*.skj' | wc -l)" -eq 1 ] || bad "more than the live journal: $(ls "$STATE/journal")"
[ ! -e "$STATE/journal/$first" ] || bad "the first journal is still there"

begin a_journal_without_rows_is_left_alone
second=$(live)
sleep 4
[ "$(live)" = "$second" ] || bad "an empty journal was rotated"

begin the_next_rows_as_well
connect "$TMP/list" --count 5 "$NET.1:80"
wait_until 10 is_sealed 30 || bad "$(sealed_rows) rows sealed, $(waiting_rows) in the journal after 10 s"

begin the_sealing_thread_gives_way
for task in /proc/"$(child recorder)"/task/*; do
	# Fields behind the name: the 17th is the nice value.
	sed 's/.*) //' "$task/stat" | cut -d' ' -f17
done | sort -n >"$TMP/nice"
[ "$(grep -c '^19$' "$TMP/nice")" -eq 1 ] || bad "nice values of the threads: $(tr '\n' ' ' <"$TMP/nice")"
grep -qv '^19$' "$TMP/nice" || bad "no thread with another value: the test proves nothing"

daemon_stop
disarm
finish
