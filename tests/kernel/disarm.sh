#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# --disarm takes everything out of the kernel and says so in the store; a later start says since when.
. "$(dirname "$0")/../lib.sh"

# ids_of map|link|prog: the BPF objects behind our pins, and the programs of the links.
ids_of() {
	local pin
	for pin in "$PINS"/*; do
		bpftool "$1" show pinned "$pin" 2>/dev/null | sed -n 's/^\([0-9]*\): .*/\1/p'
		[ "$1" != prog ] || bpftool link show pinned "$pin" 2>/dev/null | sed -n 's/^[0-9]*: .* prog \([0-9]*\).*/\1/p'
	done
}

gone() {
	local kind id
	for kind in map link prog; do
		for id in $(cat "$W/$kind.ids"); do
			! bpftool "$kind" show id "$id" >/dev/null 2>&1 || return 1
		done
	done
}

disarm() {
	local kind
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 100 "$NET4.1:443"
	for kind in map link prog; do
		ids_of "$kind" >"$W/$kind.ids"
		[ -s "$W/$kind.ids" ] || die "no $kind is pinned: $(ls "$PINS")"
	done
	! gone || die "what is pinned is not there"
	"$BIN/sekishod" -c "$CONF" --disarm >"$W/said" 2>&1 && die "--disarm succeeds beside a running daemon"
	[ "$(lines "$W/said")" -eq 1 ] || die "--disarm beside a daemon says: $(cat "$W/said")"
	connect "$W/more" --count 100 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	daemon_end
	connect "$W/more" --count 100 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	"$BIN/sekishod" -c "$CONF" --disarm >>"$LOG" 2>&1 || die "--disarm: status $?, $(tail -n 1 "$LOG")"
	[ ! -e "$PINS" ] || die "pins stay: $(ls "$PINS")"
	# The kernel frees them after an RCU grace period.
	wait_until 5 gone || die "some are still there of: $(tail -n +1 "$W"/*.ids)"
	connect "$W/unseen" --count 100 --from "$NET4.101" "$NET4.1:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "up to --disarm"
	gaps "$W/gaps"
	grep -q '^stopped by operator|' "$W/gaps" || die "no gap 'stopped by operator': $(cat "$W/gaps")"
	"$BIN/sekishod" -c "$CONF" --disarm >"$W/said" 2>&1 || die "a second --disarm: status $?"

	! kernel_only || return 0
	next_case AC-60,84_start_after_disarm
	daemon_start
	connect "$W/more" --count 100 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "armed again"
	gaps "$W/gaps" --tenant web
	grep -q '^not recording|' "$W/gaps" || die "no gap 'not recording' for the time in between: $(cat "$W/gaps")"
	# It covers the time of the connections that nobody saw.
	awk -F'|' '$1 == "not recording" { exit !($4 < $5) }' "$W/gaps" || die "the gap is empty: $(cat "$W/gaps")"
	seal
	daemon_end
	gaps "$W/gaps" --tenant web
	grep -q '^not recording|' "$W/gaps" && grep -q '^stopped by operator|' "$W/gaps" || die "a gap is not in the sealed store: $(cat "$W/gaps")"
	verify
}

run_case AC-60_disarm disarm
finish
