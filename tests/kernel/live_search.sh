#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Searches while the daemon rotates and seals under load: never a row twice, and in the end all of them.
. "$(dirname "$0")/../lib.sh"

search_while_sealing() {
	local i rate=$((SLOW ? 500 : 3000)) seals=20 before=0
	simple_world
	serve "$NET4.1:443" "[$NET6:1]:443"
	load "$W/list" --count 10000000 --rate "$rate" --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	(
		for i in $(seq "$seals"); do
			"$BIN/sekisho" -c "$CONF" seal >>"$W/seals" 2>&1 || echo failed >>"$W/seals"
			sleep 0.1
		done
		touch "$W/sealed"
	) &
	PIDS+=($!)
	for ((i = 0; i < 1000; i++)); do
		search "$W/rows" --tenant web
		# The number of a row is its place; all other columns make it the row that it is. A tuple may
		# come again, but not at the same nanosecond.
		cut -d, -f2- "$W/rows" | sort | uniq -d >"$W/double"
		[ ! -s "$W/double" ] || die "search $i shows $(lines "$W/double") rows twice, such as $(head -n 1 "$W/double")"
		[ "$(lines "$W/rows")" -ge "$before" ] || die "search $i finds $(lines "$W/rows") rows, the one before it $before"
		before=$(lines "$W/rows")
		[ ! -e "$W/sealed" ] || break
	done
	[ -e "$W/sealed" ] || die "20 seals did not end"
	[ "$(grep -c '^sealed ' "$W/seals")" -eq "$seals" ] || die "a seal failed: $(grep -v '^sealed ' "$W/seals" | head -n 1)"
	[ "$i" -ge 5 ] || die "only $i searches: the test proves nothing"
	load_end stop
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "after the load"
	no_gap
	seal
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "all sealed"
	# As seen by a reader without configuration and daemon.
	"$BIN/sekisho" --store "$STATE" search --case T --basis WARRANT "${EVER[@]}" --tenant web --csv 2>/dev/null | sed 1d >"$W/rows"
	same_rows "$W/list" "$W/rows" "with --store"
	verify
}

run_case AC-33,87_search_while_sealing search_while_sealing
finish
