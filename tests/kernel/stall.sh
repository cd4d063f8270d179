#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# AC-86: the disk stands still for 5 s at a time. The ring is so small that it would run over if the reader waited.
. "$(dirname "$0")/../lib.sh"

RATE=2000
STALL=5

# stalling_world CALL
stalling_world() {
	world
	conf "hook = $RUNG" "ring_size = 256K" # 3,276 connections, 1.6 s
	conf_tenant web "$NET4.1" "$NET6:1"
	grant web
	export STALL_WHILE=$W/stall STALL_CALL=$1 STALL_SECONDS=$STALL STALL_LOG=$W/stalls
	disk_stands no
	LD_PRELOAD=$BIN/stall.so "$BIN/sekishod" -c "$CONF" -f >>"$LOG" 2>&1 &
	DAEMON=$!
	daemon_await
	serve "$NET4.1:443" "[$NET6:1]:443"
	load "$W/list" --count 10000000 --rate "$RATE" --from "$NET4.100,$NET4.101,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
}

# stall SECONDS: the disk stalls whenever it is asked, for so long.
stall() {
	disk_stands yes
	wait_until 5 grep -qs '^begun' "$W/stalls" || die "no $STALL_CALL stalled"
	sleep "$1"
}

stalled() { grep -c "^ended" "$W/stalls"; }

# Twice 5 s: one sync waits, and so does the next.
sync_stalls() {
	local before during
	stalling_world sync
	stall 2
	before=$(sekisho status --json | sed -n 's/^ *"produced": \([0-9]*\),*$/\1/p')
	# In the middle of it what has just happened is found: the reader goes on.
	connect "$W/marked" --count 50 --from "$NET4.102" "$NET4.1:443"
	[ "$(stalled)" -eq 0 ] || die "the stall is over already"
	search "$W/rows" --src "$NET4.102"
	same_rows "$W/marked" "$W/rows" "during the stall"
	[ "$(stalled)" -eq 0 ] || die "the search waited for the disk"
	sleep $((2 * STALL))
	during=$(sekisho status --json | sed -n 's/^ *"produced": \([0-9]*\),*$/\1/p')
	disk_stands no
	load_end stop
	[ "$(stalled)" -ge 2 ] || die "only $(stalled) calls stalled for $STALL s"
	[ $((during - before)) -gt $((2 * 256 * 1024)) ] || die "$((during - before)) bytes of events during the stall: a ring of 256 KiB holds them"
	cat "$W/marked" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "after the stall"
	no_gap
	[ "$(status_value recorder lost)" = 0 ] || die "$(status_value recorder lost) lost"
	seal
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "sealed"
	verify
}

# The control: when writes stand still the reader waits, and this ring does run over; what is lost is counted.
write_stalls() {
	stalling_world write
	stall $((STALL - 1))
	disk_stands no
	load_end stop
	sleep 1.3 # counters become gaps once a second
	search "$W/rows" --tenant web
	gaps "$W/gaps"
	[ "$(lost "$SHARE_FULL" web)" -gt 0 ] || die "nothing was lost: a stall of the reader would not be noticed"
	[ "$(lines "$W/list")" -eq $(($(lines "$W/rows") + $(lost "$SHARE_FULL" web))) ] ||
		die "made $(lines "$W/list"), recorded $(lines "$W/rows"), lost $(lost "$SHARE_FULL" web)"
	no_extra "$W/list" "$W/rows" "after the stall"
	verify
}

run_case AC-86_fdatasync_stalls sync_stalls
run_case AC-81,86_write_stalls_is_counted write_stalls
finish
