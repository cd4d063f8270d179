#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A disk that is full to the last byte, without min_free (min_free.sh is about it; AC-35): no crash, it is said, events wait in the ring, and nothing is lost or doubled when
# there is room again.
. "$(dirname "$0")/../lib.sh"

small_disk() {
	world
	mkdir "$STATE"
	mount -t tmpfs -o size=4m,mode=0700,uid=$STORE_USER,gid=$STORE_USER tmpfs "$STATE" || die "cannot mount a tmpfs"
	MOUNTS+=("$STATE")
	conf "hook = $RUNG" "min_free = 0" "$@"
	conf_tenant web "$NET4.1" "$NET6:1"
	grant web
}

fill() {
	dd if=/dev/zero of="$STATE/filler" bs=64k status=none 2>/dev/null
	# The last bytes too.
	dd if=/dev/zero bs=1 count=65536 status=none 2>/dev/null >>"$STATE/filler"
	[ "$(stat -f -c %a "$STATE")" -eq 0 ] || die "the disk is not full"
}

told() { ! sekisho status >"$W/status" 2>&1; }

full_while_recording() {
	local entries
	small_disk
	daemon_start
	serve "$NET4.1:443" "[$NET6:1]:443"
	connect "$W/list" --count 500 "$NET4.1:443" "[$NET6:1]:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "before"
	fill
	# More than a page of the journal holds, less than the ring does.
	connect "$W/more" --count 20000 --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	cat "$W/more" >>"$W/list"
	wait_until 5 told || die "status exits with 0 although the disk is full"
	sekisho status >"$W/status" 2>&1
	[ $? -eq 1 ] || die "status exits with another status than 1"
	grep -q 'CANNOT BE WRITTEN: No space left' "$W/status" || die "status does not say that the journal cannot be written"
	daemon_gone && die "sekishod ended on a full disk: $(tail -n 1 "$LOG")"
	# No row is shown unless the search is in the access log (AC-40): its last page may still have room.
	entries=$(lines "$STATE/ledger/access.log")
	if sekisho search --case TEST-1 --basis WARRANT "${EVER[@]}" --tenant web --csv >"$W/rows" 2>&1; then
		[ "$(lines "$STATE/ledger/access.log")" -eq $((entries + 1)) ] || die "a search shows rows without an entry in the access log"
	else
		[ "$(grep -c ',established,' "$W/rows")" -eq 0 ] || die "a search that fails shows rows"
	fi
	sekisho seal >"$W/said" 2>&1 && die "seal succeeds on a full disk"
	sleep 1

	rm "$STATE/filler"
	wait_until 5 daemon_live || die "status does not become 0 when there is room again: $(tail -n 1 "$LOG")"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "room again"
	no_gap
	[ "$(grep -c 'cannot write' "$LOG")" -le 5 ] || die "$(grep -c 'cannot write' "$LOG") lines about one failure in the log"
	seal
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "room again, sealed"
	verify
}

# Killed while the disk is full; the start on the full disk says why it cannot, in one line.
full_at_start() {
	small_disk
	daemon_start
	serve "$NET4.1:443"
	connect "$W/list" --count 500 "$NET4.1:443"
	search "$W/rows" --tenant web
	fill
	connect "$W/more" --count 500 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	daemon_end KILL
	: >"$LOG"
	daemon_spawn
	wait_until 5 daemon_up || die "neither live nor ended within 5 s"
	if daemon_gone; then
		STATUS=0
		wait "$DAEMON" || STATUS=$?
		DAEMON=
		[ "$STATUS" -eq 1 ] || die "a start on a full disk ends with status $STATUS, expected 1"
		[ "$(lines "$LOG")" -eq 1 ] && grep -q 'No space left' "$LOG" || die "no one clear line: $(cat "$LOG")"
		rm "$STATE/filler"
		daemon_start
	else
		rm "$STATE/filler"
	fi
	connect "$W/more" --count 500 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "after a start on a full disk"
	seal
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "sealed"
	no_gap
	verify
}

# No room for a segment: the journal stays and every row once.
full_while_sealing() {
	small_disk
	daemon_start
	serve "$NET4.1:443" "[$NET6:1]:443"
	connect "$W/list" --count 30000 --from "$NET4.100,$NET4.101,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "before"
	fill
	# A new journal fits, its sections do not.
	truncate -s -40K "$STATE/filler"
	sekisho seal >"$W/said" 2>&1 && die "seal succeeds without room for its sections"
	[ "$(lines "$W/said")" -eq 1 ] || die "seal does not say in one line why not: $(cat "$W/said")"
	rm "$STATE/filler"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "after a seal that failed"
	seal
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "sealed at last"
	[ "$(find "$STATE/segments" -type f ! -name '*.sks' | wc -l)" -eq 0 ] || die "a part of a file stays: $(find "$STATE/segments" -type f ! -name '*.sks')"
	verify
}

# The ring runs full as well: what no longer fits is counted, exactly.
full_disk_and_ring() {
	small_disk "ring_size = 64K"
	daemon_start
	serve "$NET4.1:443"
	connect "$W/list" --count 100 "$NET4.1:443"
	search "$W/rows" --tenant web
	fill
	connect "$W/more" --count 5000 --from "$NET4.100,$NET4.101" "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	wait_until 5 told || die "status exits with 0 although the disk is full"
	rm "$STATE/filler"
	wait_until 5 daemon_live || die "status does not become 0 when there is room again: $(tail -n 1 "$LOG")"
	sleep 1.3 # counters become gaps once a second
	gaps "$W/gaps"
	search "$W/rows" --tenant web
	[ "$(lost "$SHARE_FULL" web)" -gt 0 ] || die "nothing was lost: the test proves nothing"
	[ "$(lines "$W/list")" -eq $(($(lines "$W/rows") + $(lost "$SHARE_FULL" web))) ] ||
		die "made $(lines "$W/list"), recorded $(lines "$W/rows"), lost $(lost "$SHARE_FULL" web)"
	no_extra "$W/list" "$W/rows" "after the full disk"
	verify
}

# as_group GROUP: what status says to that group, in $W/out and $W/err; true unless it is refused.
as_group() {
	local status=0
	setpriv --reuid=60001 --regid=60999 --groups="$1" -- "$W/any/sekisho" --run-dir "$RUN" status --json \
		>"$W/out" 2>"$W/err" || status=$?
	[ "$status" -ne 4 ] && grep -q '"heads"' "$W/out"
}

# What the journal does not take of a reload is said; the configuration is a new one all the same, and for all processes.
reload_on_a_full_disk() {
	local i
	small_disk "group_admin = 61001" "head_command = /bin/true"
	chmod 711 "$SCRATCH" "$W"
	mkdir -m 755 "$W/any"
	cp "$REAL_BIN/sekisho" "$W/any/"
	setpriv --reuid=60001 --regid=60999 --clear-groups -- test -x "$W/any/sekisho" || skip "others cannot come here at all: $W"
	daemon_start
	serve "$NET4.1:443" "[$NET6:1]:443"
	as_group 61001 || die "group_admin is refused: $(cat "$W/err")"
	as_group 61002 && die "who is no administrator is not refused"
	fill
	connect "$W/more" --count 20000 --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	wait_until 5 told || die "status exits with 0 although the disk is full"
	# The last page of the journal still takes what is small.
	for ((i = 0; i < 200; i++)); do
		sekisho reload >"$W/said" 2>&1 || break
	done
	grep -q 'cannot write the journal: No space left' "$W/said" || die "$i reloads found room: $(cat "$W/said")"
	: >"$LOG"
	sed -i 's/^group_admin = .*/group_admin = 61002/; s/^head_command = .*/head_command = \/bin\/echo/' "$CONF"
	kill -HUP "$DAEMON"
	wait_until 5 grep -q 'reload: .*cannot write the journal: No space left' "$LOG" || die "the reload fails without a word: $(tail -n 1 "$LOG")"
	wait_until 5 as_group 61002 || die "the registrar has another configuration than the recorder: $(cat "$W/err")"
	grep -q '"command": *"/bin/echo"' "$W/out" || die "head_command is the old one: $(grep -A3 heads "$W/out")"
	as_group 61001 && die "who was administrator is one still"
	grep -q 'stays in force' "$LOG" && die "the log says that the old configuration stays: $(grep 'stays in force' "$LOG")"
	grep -q 'reload: the new configuration is in force, but .*cannot write the journal' "$LOG" || die "the log does not say what is in force"
	# It stays so while the names are not taken.
	sleep 1.2
	sekisho status >"$W/said"
	grep -q '^Capture:   NOT LIVE' "$W/said" && grep -q '^           NOBODY IS RECORDED since 20' "$W/said" ||
		die "status does not say that nobody is recorded: $(cat "$W/said")"
	# Nobody is recorded meanwhile: that is a gap, which ends by itself once there is room.
	connect "$W/unseen" --count 50 --from "$NET4.102" "$NET4.1:443"
	rm "$STATE/filler"
	wait_until 5 grep -q 'the journal can be written again: recording goes on' "$LOG" || die "no word of going on: $(tail -n 1 "$LOG")"
	connect "$W/list" --count 100 --from "$NET4.101" "$NET4.1:443"
	search "$W/rows" --tenant web --src "$NET4.101"
	same_rows "$W/list" "$W/rows" "with room again"
	search "$W/rows" --tenant web --src "$NET4.102"
	[ "$(lines "$W/rows")" -eq 0 ] || die "$(lines "$W/rows") rows of nobody's time"
	gaps "$W/gaps"
	grep -q '^not recording|' "$W/gaps" || die "no gap says that nobody was recorded: $(cat "$W/gaps")"
}

sealed_files() { find "$STATE/segments" -name '*.sks' | wc -l; }
sealed_some() { [ "$(sealed_files)" -gt 0 ]; }

# A sync that fails leaves pages that no later sync writes (fsync(2), EIO): the rows go to a segment while they
# can be read, without waiting for the rotation.
sync_fails_once() {
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1"
	grant web
	export FAULT_DIR=$STATE FAULT_CALL=fdatasync FAULT_PATH=/journal/ FAULT_MODE=$1 FAULT_AT=2 FAULT_LOG=$W/faults
	LD_PRELOAD=$BIN/fault.so daemon_start
	unset FAULT_DIR FAULT_CALL FAULT_PATH FAULT_MODE FAULT_AT
	serve "$NET4.1:443"
	wait_until 5 grep -q 'call 1 fdatasync' "$W/faults" || die "the new journal was not synced"
	connect "$W/list" --count 500 "$NET4.1:443"
	search "$W/rows" --tenant web
	if [ "$1" = none ]; then
		sleep 3
		grep -q fired "$W/faults" && die "a sync failed: this case is to show what happens without"
		[ "$(sealed_files)" -eq 0 ] || die "sealed without a failed sync: the other case proves nothing"
	else
		wait_until 10 grep -q 'fired .* fdatasync' "$W/faults" || die "no sync was made to fail"
		wait_until 10 sealed_some || die "the rows of a journal that could not be synced are not sealed"
		grep -q 'could not be made durable' "$LOG" || die "the failed sync is not in the log"
		wait_until 10 daemon_live || die "not live again: $(tail -n 1 "$LOG")"
	fi
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "after a sync with fault $1"
	no_gap
	verify
}

run_case AC-35_disk_full_while_recording full_while_recording
run_case AC-35_disk_full_at_start full_at_start
run_case AC-35_disk_full_while_sealing full_while_sealing
run_case AC-35,81_disk_and_ring_full full_disk_and_ring
run_case_once AC-02_reload_on_a_full_disk reload_on_a_full_disk
run_case_once AC-86_a_failed_sync sync_fails_once eio
run_case_once AC-86_no_failed_sync sync_fails_once none
finish
