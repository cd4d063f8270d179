#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# 10,000 connections a second, in `make test-long` for an hour: recorded and counted as lost is what was made, the
# kernel's own count agrees, and neither reconciliation nor canary raises a false alarm.
. "$(dirname "$0")/../lib.sh"

RATE=10000

# recorded: the number that a search for all of them counts.
recorded() {
	local said
	said=$(sekisho search --case TEST-1 --basis WARRANT "${EVER[@]}" --dst 0.0.0.0/0 --count --csv 2>"$W/search.err") ||
		die "search --count: $(tail -n 1 "$W/search.err")"
	tail -n 1 <<<"$said"
}

# memory PROCESS: its resident memory (MiB).
memory() { awk '$1 == "VmRSS:" { print int($2 / 1024) }' "/proc/$(child "$1")/status"; }

at_full_rate() { # SECONDS, in rounds of at most a minute
	local left=$1 round made=0 total_lost missed
	netns_world "canary_interval = 5s"
	serve 0.0.0.0:443 0.0.0.0:444
	while [ "$left" -gt 0 ]; do
		round=$((left < 60 ? left : 60)) left=$((left - 60))
		connect "$W/list" --count $((round * RATE)) --rate "$RATE" --timeout 600 --from "$NET4.100,$NET4.101,$NET4.102" \
			"$NET4.1:443" "$NET4.2:444" "$NET4.3:443"
		made=$((made + $(lines "$W/list")))
		# Until it seals for the first time, which may take more, and keeps what it took.
		[ "$(memory recorder)" -le $((made < 1900000 ? 64 : 400)) ] ||
			die "the recorder has $(memory recorder) MiB after $made connections"
	done
	no_overflow
	sleep 3 # a difference is stated when five looks had it
	[ "$(counter "$NODE" Tcp PassiveOpens)" -eq "$made" ] || die "made $made, the kernel counted otherwise: the test proves nothing"
	gaps "$W/gaps"
	total_lost=$(awk -F'|' '{ n += $3 } END { print n + 0 }' "$W/gaps") missed=$(lost "$NOT_SEEN" web)
	[ "$made" -eq $(($(recorded) + total_lost)) ] || die "made $made, recorded $(recorded), lost $total_lost"
	[ "$(status_value canary missing)" = false ] && ! grep -q '^canary' "$W/gaps" || die "a false alarm of the canary"
	# What this machine's kernel keeps from BPF is no false alarm: the rows are not there.
	[ "$missed" -le $((made / 300)) ] || die "$missed of $made connections were not seen"
	[ "$missed" -eq 0 ] || cannot_see "$missed of $made connections, as the kernel's own count says"
}

run_case AC-24,82,85_full_rate at_full_rate $((LONG ? 3600 : SLOW ? 5 : 20))
finish
