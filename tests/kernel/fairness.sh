#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# AC-83: no tenant has more than a quarter of the ring, so that a flood at some is no loss of others.
. "$(dirname "$0")/../lib.sh"

EVENT_BYTES=80 # in the ring
PROCESSORS=$(($(awk -F'[-,]' '{ print $NF }' /sys/devices/system/cpu/possible) + 1))
# share_of KIB: events that one tenant can have in a ring of so many KiB (shares_limit()).
share_of() {
	local quarter=$(($1 * 1024 / 4)) slack=$((2 * PROCESSORS * 88))
	[ "$slack" -lt $((quarter / 2)) ] || slack=$((quarter / 2))
	printf '%d' $(((quarter - slack) / EVENT_BYTES))
}

# tenants RING NAME...: each has the next of the node's addresses, $NET4.1 and so on.
tenants() {
	local i=0 name
	world
	conf "hook = $RUNG" "ring_size = $1"
	shift
	for name in "$@"; do
		i=$((i + 1))
		conf_tenant "$name" "$NET4.$i"
	done
	for name in "$@"; do
		grant "$name"
	done
	daemon_start
	serve 0.0.0.0:443
}

# Made = recorded + lost for reason(s), and nothing is recorded that was not made. tally TENANT LIST
tally() {
	RECORDED=0 SHARE_LOST=$(lost "$SHARE_FULL" "$1") RING_LOST=$(lost 'ring full' "$1")
	search "$W/rows" --tenant "$1"
	RECORDED=$(lines "$W/rows")
	[ "$(lines "$2")" -eq $((RECORDED + SHARE_LOST + RING_LOST)) ] ||
		die "tenant $1: made $(lines "$2"), recorded $RECORDED, lost $SHARE_LOST for its share and $RING_LOST for the ring"
	no_extra "$2" "$W/rows" "tenant $1"
}

# held SLOT: bytes that the kernel believes to be in the ring, of a tenant by its number, which is its slot.
held() {
	bpftool map lookup pinned "$PINS/shares" key hex "$(printf %02x "$1")" 00 00 00 -j 2>>"$LOG" |
		sed 's/.*"formatted"//' | grep -oE '"(produced|consumed)":[0-9]+' |
		awk -F: '/produced/ { p = $2 } /consumed/ { c = $2 } END { print NR == 2 ? p - c : "nothing" }'
}
is_full() { [ "$(held "$1")" -eq $(($2 * EVENT_BYTES)) ]; }

# One tenant alone: its quarter to the event, whatever else is free.
a_quarter() {
	local share
	share=$(share_of 64)
	tenants 64K web
	daemon_freeze
	connect "$W/web" --count $((5 * share)) --procs 1 --from "$NET4.100" "$NET4.1:443"
	[ "$(held 1)" -eq $((share * EVENT_BYTES)) ] || die "the kernel counts $(held 1) bytes, expected $((share * EVENT_BYTES))"
	daemon_thaw
	sleep 1.3 # counters become gaps once a second
	gaps "$W/gaps"
	tally web "$W/web"
	[ "$RECORDED" -eq "$share" ] && [ "$RING_LOST" -eq 0 ] ||
		die "recorded $RECORDED, expected $share; $RING_LOST lost for the ring"
	[ "$(held 1)" -eq 0 ] || die "the kernel still counts $(held 1) bytes"
	connect "$W/again" --count $((share - 50)) --procs 1 --from "$NET4.101" "$NET4.1:443"
	search "$W/rows" --src "$NET4.101"
	same_rows "$W/again" "$W/rows" "after the loss"
}

# More tenants than quarters, all at once into a tiny ring: each balances, by both reasons.
everybody() {
	local name i=0 quarter share=0 ring=0 names=(one two three four five six) targets=()
	quarter=$(share_of 64)
	tenants 64K "${names[@]}"
	daemon_freeze
	for name in "${names[@]}"; do
		i=$((i + 1))
		targets+=("$NET4.$i:443")
	done
	# One floods first and has its share; then all of them come, for a ring that is too small.
	connect "$W/list" --count $((2 * quarter)) --procs 1 --from "$NET4.100" "${targets[0]}"
	connect "$W/more" --count $((9 * quarter)) --from "$NET4.100,$NET4.101" "${targets[@]}"
	cat "$W/more" >>"$W/list"
	daemon_thaw
	sleep 1.3
	for state in live sealed; do
		[ "$state" = live ] || seal
		gaps "$W/gaps"
		for i in "${!names[@]}"; do
			awk -F, -v to="$NET4.$((i + 1))" '$3 == to' "$W/list" >"$W/made"
			tally "${names[$i]}" "$W/made"
			[ "$RECORDED" -le "$quarter" ] || die "${names[$i]} had $RECORDED events in the ring, more than its share"
			share=$((share + SHARE_LOST)) ring=$((ring + RING_LOST))
		done
		[ "$share" -gt 0 ] && [ "$ring" -gt 0 ] || die "$state: lost $share for shares and $ring for the ring: one of them was not tried"
	done
	! grep '^[^|]*|null|' "$W/gaps" >"$W/nobody" || die "a gap of nobody: $(head -n 1 "$W/nobody")"
	verify
}

# Two flood as fast as they can, for as long as it takes two neighbours to make, at 1,000 per second each, what
# nearly their whole share: the collector does nothing at all meanwhile, however busy the machine is.
neighbours() {
	local i pids=() ring=$((SLOW ? 128 : 512)) rate=$((SLOW ? 100 : 1000)) each
	each=$(($(share_of "$ring") * 19 / 20))
	tenants "${ring}K" flood1 flood2 quiet1 quiet2
	daemon_freeze
	for i in 1 2; do
		load "$W/flood$i" --count 100000000 --timeout 86400 --procs 1 --from "$NET4.100,$NET4.101" "$NET4.$i:443"
		pids+=("$LOAD")
	done
	for i in 3 4; do
		load "$W/quiet$((i - 2))" --count "$each" --rate "$rate" --procs 1 --from "$NET4.102" "$NET4.$i:443"
		pids+=("$LOAD")
	done
	for LOAD in "${pids[@]:2}"; do
		load_end
	done
	for i in 1 2; do
		wait_until 60 is_full "$i" "$(share_of "$ring")" || die "flood$i did not come to its share: $(held "$i") bytes"
	done
	sleep 0.3 # and more
	daemon_thaw
	for LOAD in "${pids[@]:0:2}"; do
		load_end stop
	done
	sleep 1.3
	gaps "$W/gaps"
	for i in 1 2; do
		tally "flood$i" "$W/flood$i"
		[ "$SHARE_LOST" -gt 0 ] || die "flood$i lost nothing: the test proves nothing"
		tally "quiet$i" "$W/quiet$i"
		[ "$RECORDED" -eq "$each" ] || die "quiet$i: $RECORDED of $each recorded, lost $SHARE_LOST for its share, $RING_LOST for the ring"
	done
}

# Killed between release and count, or with what another one counted: the ring tells what is in it.
recounted() {
	local share wrong
	share=$(share_of 64)
	tenants 64K web other
	connect "$W/web" --count $((share / 2)) --procs 1 --from "$NET4.100" "$NET4.1:443"
	search "$W/rows" --tenant web # the drain
	daemon_end KILL
	connect "$W/one" --count 60 --procs 1 --from "$NET4.100" "$NET4.1:443"
	cat "$W/one" >>"$W/web"
	[ "$(held 1)" -eq $((60 * EVENT_BYTES)) ] || die "60 events wait, the kernel counts $(held 1) bytes"
	for wrong in ff,00 00,ff; do
		# Slot 1 is tenant 1's: produced, consumed, tenant (schema/event.h). First too little was consumed, then too much.
		bpftool map update pinned "$PINS/shares" key hex 01 00 00 00 value hex \
			"${wrong%,*}" "${wrong%,*}" "${wrong%,*}" 00 00 00 00 00 "${wrong#*,}" "${wrong#*,}" "${wrong#*,}" 00 00 00 00 00 \
			01 00 00 00 00 00 00 00 || die "bpftool map update failed"
		connect "$W/one" --count 5 --procs 1 --from "$NET4.101" "$NET4.1:443"
		daemon_spawn
		wait_until 30 daemon_live || die "not live: $(tail -n 1 "$LOG")"
		search "$W/rows" --src "$NET4.101" # drains
		[ "$(held 1)" -eq 0 ] || die "after $wrong the kernel counts $(held 1) bytes of an empty ring"
		daemon_freeze
		connect "$W/fill" --count $((share + 30)) --procs 1 --from "$NET4.102" "$NET4.1:443"
		[ "$(held 1)" -eq $((share * EVENT_BYTES)) ] || die "after $wrong the kernel counts $(held 1) bytes of a full share"
		daemon_thaw
		search "$W/rows" --src "$NET4.102"
		daemon_end KILL
	done
	[ "$(lines "$W/rows")" -eq $((2 * share)) ] || die "$(lines "$W/rows") of the full shares recorded, expected $((2 * share))"
	daemon_start
	sleep 1.3
	gaps "$W/gaps"
	[ "$(lost "$SHARE_FULL" web)" -eq $((2 * 30 + 5)) ] ||
		die "lost $(lost "$SHARE_FULL" web), expected $((2 * 30 + 5))"
}

# Killed under a flood; at rest the kernel's count is what is in the ring, nothing.
killed() {
	local i name
	tenants 256K web other
	load "$W/list" --count 100000000 --timeout 86400 --rate 3000 --from "$NET4.100,$NET4.101" "$NET4.1:443" "$NET4.2:443"
	for i in 1 2 3; do
		sleep "0.$((RANDOM % 4 + 1))"
		daemon_end KILL
		sleep "0.$((RANDOM % 4 + 1))"
		daemon_spawn
		wait_until 30 daemon_live || die "not live: $(tail -n 1 "$LOG")"
	done
	load_end stop
	sleep 1.3
	gaps "$W/gaps"
	for i in 1 2; do
		name=$([ "$i" -eq 1 ] && echo web || echo other)
		awk -F, -v to="$NET4.$i" '$3 == to' "$W/list" >"$W/made"
		tally "$name" "$W/made"
		[ "$(held "$i")" -eq 0 ] || die "the kernel counts $(held "$i") bytes of tenant $name in an empty ring"
	done
	[ "$(lines "$W/list")" -gt 1000 ] || die "only $(lines "$W/list") connections under load"
	verify
}

run_case AC-83_no_more_than_a_quarter a_quarter
run_case_once AC-81,83_many_tenants_tiny_ring everybody
run_case AC-83_neighbours_of_two_floods neighbours
run_case_once AC-83_share_recounted_after_SIGKILL recounted
run_case_once AC-83_killed_under_a_flood killed
finish
