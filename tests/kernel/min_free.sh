#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Too little room on the disk (AC-35): recording stops before the disk is full, so that others keep min_free; what the
# ring cannot hold is counted, exactly and by tenant; nothing is deleted; withdrawals work; it goes on by itself.
. "$(dirname "$0")/../lib.sh"

MIN_FREE=$((16 << 20))

# free: bytes for users without privileges.
free() { echo $(($(stat -f -c '%a * %S' "$STATE"))); }

two_tenants() {
	world
	mkdir "$STATE"
	mount -t tmpfs -o size=64m,mode=0700,uid=$STORE_USER,gid=$STORE_USER tmpfs "$STATE" || die "cannot mount a tmpfs"
	MOUNTS+=("$STATE")
	conf "hook = $RUNG" "min_free = 16M" "$@"
	conf_tenant web "$NET4.1"
	conf_tenant other "$NET4.4"
	grant web
	grant other
	daemon_start
	serve "$NET4.1:443" "$NET4.4:443"
	: >"$W/web"
	: >"$W/other"
}

# flood N: connections of both tenants in turns, their lists added to $W/web and $W/other.
flood() {
	connect "$W/one" --count "$1" --from "$NET4.100,$NET4.101" "$NET4.1:443" "$NET4.4:443"
	awk -F, -v web="$NET4.1" '$3 == web' "$W/one" >>"$W/web"
	awk -F, -v web="$NET4.1" '$3 != web' "$W/one" >>"$W/other"
}

# What somebody else writes on this disk, until BYTES are free.
fill_to() { head -c $(($(free) - $1)) /dev/zero >"$STATE/filler" || die "cannot fill the disk"; }
says() { [[ $(sekisho status 2>/dev/null) = *"Disk:      $1"* ]]; }
stopped() { says 'RECORDING STOPPED since '; }
stop_it() {
	fill_to $((MIN_FREE + (512 << 10)))
	wait_until 5 stopped || die "status does not say that recording stopped: $(sekisho status 2>&1 | head -n 5)"
}
make_room() {
	rm "$STATE/filler"
	wait_until 5 daemon_live || die "recording does not go on by itself: $(tail -n 1 "$LOG")"
	sleep 1.3 # counters become gaps once a second
}

# Others can write min_free, and did not find less at any time since it stopped.
others_can_write() {
	head -c "$MIN_FREE" /dev/zero >"$STATE/others" || die "$1: others cannot write min_free: $(free) bytes are free"
	rm "$STATE/others"
}

# Made = recorded + counted for each tenant; what is recorded is true. Reasons are added up.
balance() {
	local what=$1 tenant made lost reason
	shift
	gaps "$W/gaps"
	for tenant in web other; do
		made=$(lines "$W/$tenant") lost=0
		for reason; do
			lost=$((lost + $(lost "$reason" "$tenant")))
		done
		search "$W/rows" --tenant "$tenant"
		[ "$made" -eq $(($(lines "$W/rows") + lost)) ] ||
			die "$what, tenant $tenant: made $made, recorded $(lines "$W/rows"), counted $lost"
		[ $# -eq 0 ] || [ "$lost" -gt 0 ] || die "$what: nothing of tenant $tenant was lost: the test proves nothing"
		no_extra "$W/$tenant" "$W/rows" "$what"
	done
	awk -F'|' -v reasons="$(printf '%s|' "$@")" '
		{ if (index("|" reasons, "|" $1 "|") == 0) { print; exit } }' "$W/gaps" >"$W/odd"
	[ ! -s "$W/odd" ] || die "$what: a gap that should not be: $(cat "$W/odd")"
}

full_verify() {
	local said
	said=$(sekisho verify --full 2>&1) || die "verify --full: $said"
}

# More than the ring holds (3276 events): counted, exactly, with the time.
more_than_the_ring() {
	local from until size gap
	two_tenants "ring_size = 256K"
	flood 400
	balance "before"
	stop_it
	sekisho status --json >"$W/status" 2>&1
	[ $? -eq 1 ] || die "status does not exit with 1 while recording is stopped"
	grep -q '"live": false' "$W/status" && grep -qE '"stopped_since": "2' "$W/status" || die "status --json does not say that it stopped"
	[ "$(grep -c 'recording stopped: ' "$LOG")" -eq 1 ] || die "$(grep -c 'recording stopped: ' "$LOG") lines about the stop in the log"
	size=$(du -sb "$STATE/journal" | cut -f1)
	from=$(utc_now)
	flood 6000
	sleep 0.5
	flood 6000
	until=$(utc_now)
	others_can_write "stopped"
	[ $(($(du -sb "$STATE/journal" | cut -f1) - size)) -lt 100000 ] || die "the journal grew from $size to $(du -sb "$STATE/journal" | cut -f1) while recording was stopped"
	# What is stored is shown, and that it may not be all.
	sekisho search --case T --basis WARRANT "${EVER[@]}" --tenant web --json >"$W/json" 2>&1 || die "a search while recording is stopped: status $?"
	grep -q '"complete_to_now":false' "$W/json" || die "the answer claims to be complete"
	[ "$(grep -c '"src_ip":' "$W/json")" -eq 200 ] || die "$(grep -c '"src_ip":' "$W/json") rows while recording is stopped instead of 200"
	make_room
	balance "room again" 'disk full'
	gap=$(grep '^disk full|web|' "$W/gaps" | tail -n 1)
	[[ $(cut -d'|' -f4 <<<"$gap") > $from && $(cut -d'|' -f5 <<<"$gap") < $until && $(cut -d'|' -f4 <<<"$gap") < $(cut -d'|' -f5 <<<"$gap") ]] ||
		die "the gap is from $(cut -d'|' -f4 <<<"$gap") to $(cut -d'|' -f5 <<<"$gap"), the flood was from $from to $until"
	flood 1000
	balance "and on" 'disk full'
	seal
	balance "sealed" 'disk full'
	full_verify
	[ "$(grep -c 'there is room on the disk again' "$LOG")" -eq 1 ] || die "the log does not say that recording goes on"
	[ "$(grep -c 'cannot write' "$LOG")" -eq 0 ] || die "a write failed: $(grep -m1 'cannot write' "$LOG")"
	# A second time: counters go on.
	stop_it
	flood 8000
	make_room
	balance "a second time" 'disk full'
	daemon_end KILL
	daemon_start
	sleep 1.3
	balance "killed when it was stated" 'disk full'
	full_verify
}

# As long as the ring has room nothing is lost, so there is no gap.
less_than_the_ring() {
	two_tenants
	flood 400
	stop_it
	flood 8000
	others_can_write "stopped"
	make_room
	balance "room again"
	seal
	balance "sealed"
	full_verify
}

# Stopped by what it writes itself: it stops by itself in time, under load.
filled_by_itself() {
	local least now
	two_tenants "ring_size = 256K" "rotate_size = 1G"
	fill_to $((MIN_FREE + (1300 << 10)))
	load "$W/list" --count 1000000 --rate 6000 --from "$NET4.100,$NET4.101,$NET4.102,$NET4.103" "$NET4.1:443" "$NET4.4:443"
	wait_until 60 stopped || die "it did not stop, $(free) bytes are free"
	least=$(free)
	for _ in {1..20}; do
		sleep 0.1
		now=$(free)
		[ "$now" -ge "$least" ] || least=$now
	done
	[ "$least" -ge "$MIN_FREE" ] || die "only $least bytes were free, less than min_free"
	load_end stop
	make_room
	awk -F, -v web="$NET4.1" '$3 == web' "$W/list" >"$W/web"
	awk -F, -v web="$NET4.1" '$3 != web' "$W/list" >"$W/other"
	balance "filled by itself" 'disk full'
	full_verify
}

# Killed while it is stopped: the ring and the counters are the kernel's, what they hold is stated when there is room.
killed() {
	two_tenants "ring_size = 256K"
	flood 400
	stop_it
	flood 8000
	daemon_end KILL
	flood 1000
	daemon_spawn
	wait_until "$LIVE_SECONDS" stopped || die "a start without room does not say so: $(tail -n 1 "$LOG")"
	flood 1000
	others_can_write "after a start"
	daemon_end KILL
	rm "$STATE/filler"
	daemon_start
	sleep 1.3
	balance "killed twice" 'disk full' "$SHARE_FULL"
	daemon_end KILL
	daemon_start
	balance "killed when it was stated" 'disk full' "$SHARE_FULL"
	flood 500
	seal
	daemon_end
	daemon_start
	balance "sealed" 'disk full' "$SHARE_FULL"
	full_verify
}

# A withdrawal does not wait for room; what waits in the ring was recorded before it.
withdrawal() {
	local said when begun last
	two_tenants
	flood 400
	stop_it
	flood 1000
	begun=$(date +%s%N)
	said=$(sekisho consent withdraw web 2>&1) || die "withdraw: $said"
	[ $((($(date +%s%N) - begun) / 1000000)) -lt 1000 ] || die "a withdrawal took $((($(date +%s%N) - begun) / 1000000)) ms"
	when=$(grep -oE '[0-9]{4}-[^ ]*Z' <<<"$said" | head -n 1)
	others_can_write "after the withdrawal"
	connect "$W/one" --count 500 --from "$NET4.102" "$NET4.1:443" "$NET4.4:443"
	grep ",$NET4.4," "$W/one" >>"$W/other"
	make_room
	balance "room again"
	search "$W/rows" --tenant web
	last=$(cut -d, -f$TIME "$W/rows" | sort | tail -n 1)
	[[ -n $when && $last < $when ]] || die "a record at $last, withdrawn at '$when'"
	full_verify
}

# What would need room waits, nothing goes, and it is done when there is room.
sealing_waits() {
	local files file
	two_tenants "rotate_size = 1M"
	flood 60000
	search "$W/rows" --tenant web
	daemon_end KILL
	files=$(find "$STATE/journal" "$STATE/segments" -type f | sort)
	fill_to $((MIN_FREE + (1100 << 10)))
	daemon_spawn
	wait_until "$LIVE_SECONDS" says 'sealing waits' || die "status does not say that sealing waits: $(sekisho status 2>&1 | head -n 6)"
	sekisho seal >"$W/said" 2>&1
	[ $? -eq 1 ] || die "seal without room: status $?"
	[ "$(lines "$W/said")" -eq 1 ] && grep -q min_free "$W/said" || die "seal does not say in one line why not: $(cat "$W/said")"
	# Nothing that was there is gone.
	for file in $files; do
		[ -e "$file" ] || die "$file is gone"
	done
	others_can_write "sealing waits"
	rm "$STATE/filler"
	all_sealed() { [ "$(find "$STATE/journal" -name '*.skj' | wc -l)" -eq 1 ]; }
	wait_until 10 all_sealed || die "sealing does not go on by itself: $(ls "$STATE/journal")"
	wait_until 5 daemon_live || die "not live: $(tail -n 1 "$LOG")"
	balance "sealed"
	full_verify
}

# The operator takes everything out of the kernel: what waits in the ring is stored, with the room that is left.
disarmed() {
	local tenant
	two_tenants
	flood 400
	stop_it
	flood 4000
	daemon_end
	[ "$(status_of_pins)" = pinned ] || die "SIGTERM took the pins away"
	"$BIN/sekishod" -c "$CONF" --disarm >>"$LOG" 2>&1 || die "--disarm: status $?, $(tail -n 1 "$LOG")"
	for tenant in web other; do
		search "$W/rows" --tenant "$tenant"
		same_rows "$W/$tenant" "$W/rows" "disarmed, $tenant"
	done
	gaps "$W/gaps"
	[ "$(cut -d'|' -f1 "$W/gaps")" = 'stopped by operator' ] || die "gaps besides that of the stop: $(cat "$W/gaps")"
}
status_of_pins() { if [ -e "$PINS" ]; then echo pinned; else echo gone; fi; }

run_case AC-35_less_than_the_ring_is_not_lost less_than_the_ring
run_case AC-35,81_more_than_the_ring_is_counted more_than_the_ring
run_case AC-35_stops_before_min_free filled_by_itself
run_case AC-35_killed_while_stopped killed
run_case AC-06,35_withdrawal_while_stopped withdrawal
run_case AC-35_sealing_waits_for_room sealing_waits
run_case AC-35_disarmed_while_stopped disarmed
finish
