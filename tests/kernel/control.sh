#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Starting, stopping, reloading; who may read the files.
. "$(dirname "$0")/../lib.sh"

broken_reload() {
	local good
	simple_world
	serve "$NET4.1:443" "$NET4.4:443"
	good=$(cat "$CONF")
	connect "$W/list" --count 50 "$NET4.1:443"
	for bad in 'nonsense = 1' 'address 10.0.0.1' '[tenant' 'hook = best' 'ring_size = 3'; do
		printf '%s\n' "$good" "$bad" >"$CONF"
		sed -i "1i$bad" "$CONF"
		kill -HUP "$DAEMON"
		sleep 0.3
		daemon_gone && die "sekishod ends on SIGHUP with '$bad'"
		printf '%s\n' "$good" >"$CONF"
		connect "$W/more" --count 50 "$NET4.1:443"
		cat "$W/more" >>"$W/list"
	done
	[ "$(grep -c 'reload: .*:1: ' "$LOG")" -eq 5 ] || die "$(grep -c 'reload: ' "$LOG") of 5 reloads name file and line"
	daemon_live || die "status is not 0"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "old configuration"
	no_gap
	rm "$CONF"
	kill -HUP "$DAEMON"
	sleep 0.3
	printf '%s\n' "$good" >"$CONF"
	connect "$W/more" --count 50 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "without a configuration file"
}

added_tenant() {
	simple_world
	serve '[::]:443'
	connect "$W/list" --count 50 "$NET4.1:443"
	conf_tenant late "$NET4.4" "$NET6:4"
	kill -HUP "$DAEMON"
	listed() { sekisho status 2>/dev/null | grep -q '^  late .*not recorded: no consent in force'; }
	wait_until 2 listed || die "status does not list the new tenant as not recorded"
	connect "$W/early" --count 50 --from "$NET4.101" "$NET4.4:443"
	grant late
	connect "$W/late" --count 50 --from "$NET4.102,$NET6:102" "$NET4.4:443" "[$NET6:4]:443"
	search "$W/rows" --tenant late
	same_rows "$W/late" "$W/rows" "the new tenant"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "the old tenant"
	# And it goes on without that tenant.
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1" "$NET6:1"
	kill -HUP "$DAEMON"
	unlisted() { ! sekisho status 2>/dev/null | grep -q '^  late '; }
	wait_until 2 unlisted || die "status still lists a tenant that the configuration dropped"
	connect "$W/early" --count 50 --from "$NET4.101" "$NET4.4:443"
	search "$W/rows" --src "$NET4.101"
	[ ! -s "$W/rows" ] || die "a tenant that the configuration dropped is recorded"
	search "$W/rows" --tenant late
	same_rows "$W/late" "$W/rows" "rows of a dropped tenant"
}

# What changes for others must not cost a tenant that stays as it is a single connection.
reload_under_load() {
	local i
	simple_world
	conf_tenant other "$NET4.4" "$NET6:4"
	conf_tenant wide "$NET4.0/24" "$NET6:/64"
	kill -HUP "$DAEMON"
	serve '[::]:443'
	load "$W/list" --count 10000000 --rate $((SLOW ? 800 : 8000)) --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	for i in {1..15}; do
		grant other
		grant wide
		kill -HUP "$DAEMON"
		sekisho consent withdraw wide >>"$LOG" 2>&1 || die "withdraw: $(tail -n 1 "$LOG")"
		sekisho consent withdraw other >>"$LOG" 2>&1 || die "withdraw: $(tail -n 1 "$LOG")"
		sed -i "s/^record_loopback = .*//; 1irecord_loopback = $([ $((i % 2)) -eq 0 ] && echo no || echo yes)" "$CONF"
	done
	load_end stop
	[ "$(lines "$W/list")" -gt 500 ] || die "only $(lines "$W/list") connections under load"
	search "$W/rows" --src "$NET4.100"
	search "$W/rows6" --src "$NET6:100"
	cat "$W/rows6" >>"$W/rows"
	same_rows "$W/list" "$W/rows" "while others changed"
	[ "$(column $TENANT "$W/rows")" = "web=$(lines "$W/list")" ] || die "rows of $(column $TENANT "$W/rows")"
	no_gap
}

# Somebody removes our pins: said within a minute (AC-85), and the time until the next start is a gap.
pins_removed() {
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 50 "$NET4.1:443"
	rm -rf "$PINS"
	not_live() { ! daemon_live; }
	wait_until 60 not_live || die "status is 0 a minute after the pins went"
	sekisho status >"$W/status"
	[ $? -eq 1 ] && grep -q '^Capture: *NOT LIVE' "$W/status" || die "status does not say NOT LIVE: $(head -n 1 "$W/status")"
	connect "$W/unseen" --count 50 --from "$NET4.101" "$NET4.1:443"
	daemon_end
	daemon_start
	connect "$W/more" --count 50 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "around the removal"
	gaps "$W/gaps"
	grep -q '^not recording|' "$W/gaps" || die "no gap for the time without pins: $(cat "$W/gaps")"
}

# Pins of another layout are not read but replaced, which is said, and is a gap (the byte is schema/event.h's
# control.layout_version).
another_layout() {
	local old new
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 50 "$NET4.1:443"
	search "$W/rows" --tenant web
	daemon_end KILL
	old=$(bpftool map dump pinned "$PINS/control" -j | grep -oE '"value":\["[^]]*' | head -n 1 | tr -d '"' | sed 's/value:\[//; s/0x//g; s/,/ /g')
	[ "$(wc -w <<<"$old")" -ge 40 ] || die "the control map is not as expected: $old"
	new=$(awk '{ $25 = "01"; print }' <<<"$old")
	[ "$new" != "$old" ] || die "the layout is 1 already: the test proves nothing"
	# shellcheck disable=SC2086 # words
	bpftool map update pinned "$PINS/control" key hex 00 00 00 00 value hex $new || die "bpftool map update failed"
	daemon_start
	grep -q 'the pins in .* incomplete or of another version: replaced' "$LOG" || die "it is not said that the pins were replaced"
	[ "$(bpftool map dump pinned "$PINS/control" -j | grep -oE '"value":\["[^]]*' | head -n 1 | tr -d '"' | sed 's/value:\[//' | cut -d, -f25)" = \
		"0x$(cut -d' ' -f25 <<<"$old")" ] || die "the new pins have not this version's layout"
	connect "$W/more" --count 50 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "around the replacement"
	gaps "$W/gaps"
	grep -q '^not recording|' "$W/gaps" || die "no gap for the time between: $(cat "$W/gaps")"
}

# Consent is for the addresses of its time: a new one is not covered, an old one that went is not recorded.
changed_address() {
	local before
	simple_world
	serve '[::]:443'
	conf "hook = $RUNG"
	conf_tenant web "$NET4.2" "$NET6:1"
	kill -HUP "$DAEMON"
	uncovered() { sekisho status 2>/dev/null | grep -q "^ *$NET4.2  *NOT COVERED"; }
	wait_until 2 uncovered || die "status does not say NOT COVERED"
	before=$(status_value ring produced)
	connect "$W/unseen" --count 100 --from "$NET4.101" "$NET4.2:443" "$NET4.1:443"
	[ "$(status_value ring produced)" = "$before" ] || die "connections that the consent does not cover reached the ring"
	connect "$W/list" --count 50 --from "$NET6:101" "[$NET6:1]:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "what is covered"
	grant web
	connect "$W/new" --count 50 --from "$NET4.102" "$NET4.2:443"
	search "$W/rows" --src "$NET4.102"
	same_rows "$W/new" "$W/rows" "after a new grant"
}

# AC-38: nobody but root reads what was recorded; anybody may ask, and is refused (roles.sh).
modes() {
	local wrong
	umask 0000
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 50 "$NET4.1:443"
	search "$W/rows" --tenant web
	seal
	connect "$W/list" --count 50 "$NET4.1:443"
	search "$W/rows" --tenant web
	[ "$(find "$STATE" -name '*.sks' | wc -l)" -ge 1 ] && [ -e "$STATE/ledger/access.log" ] || die "files are missing: the test proves nothing"
	wrong=$({ find "$STATE" ! -user "$STORE_USER" -o -type d ! -perm 700 -o ! -type d ! -perm 600
		find "$RUN" ! -user root -o -type d ! -perm 755 -o ! -type d ! -perm 666; } | head -n 3)
	[ -z "$wrong" ] || die "open to others: $(ls -ld $wrong)"
	[ -S "$RUN/control.sock" ] || die "no socket"
	[ "$(stat -c '%a %u' "$PINS")" = '700 0' ] || die "the pin directory is $(stat -c '%a %u' "$PINS")"
	wrong=$(find "$PINS" -type f ! -perm 600 | head -n 3)
	[ -z "$wrong" ] || die "pins open to others: $(ls -l $wrong)"
	if setpriv --reuid 65534 --regid 65534 --clear-groups -- "$BIN/sekisho" -c "$CONF" status >"$W/said" 2>&1; then
		die "another user gets the status"
	fi
}

status_of_daemon() {
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1"
	sekisho status >"$W/said" 2>&1
	[ $? -eq 3 ] || die "status without a daemon does not exit with 3: $(cat "$W/said")"
	daemon_start
	sekisho status >"$W/said" 2>&1 || die "status of a live daemon: $(cat "$W/said")"
	daemon_end
	sekisho status >"$W/said" 2>&1
	[ $? -eq 3 ] || die "status after SIGTERM does not exit with 3"
	# Without -f: back in the shell when it records.
	timeout 10 "$BIN/sekishod" -c "$CONF" 2>>"$LOG" || die "a start in the background: status $?"
	sekisho status >"$W/said" 2>&1 || die "status after a start in the background: $(cat "$W/said")"
	DAEMON=$(for process in /proc/[0-9]*; do
		[ "$(tr '\0' ' ' 2>/dev/null <"$process/cmdline")" != "$BIN/sekishod -c $CONF " ] || echo "${process#/proc/}"
	done 2>/dev/null)
	[ "$(wc -w <<<"$DAEMON")" -eq 1 ] || die "the daemon in the background is not to be found: '$DAEMON'"
	kill -TERM "$DAEMON"
	wait_until 5 daemon_gone || die "the daemon in the background does not end"
	DAEMON=
	sekisho status >"$W/said" 2>&1
	[ $? -eq 3 ] || die "status after the end does not exit with 3"
}

second_daemon() {
	local begun status=0
	simple_world
	serve "$NET4.1:443"
	begun=$SECONDS
	timeout 20 "$BIN/sekishod" -c "$CONF" -f >"$W/said" 2>&1 || status=$?
	[ "$status" -eq 1 ] || die "a second sekishod ends with status $status, expected 1"
	[ $((SECONDS - begun)) -le 10 ] || die "a second sekishod gives up after $((SECONDS - begun)) s"
	[ "$(lines "$W/said")" -eq 1 ] && grep -q 'another sekishod' "$W/said" || die "a second sekishod says: $(cat "$W/said")"
	daemon_live || die "the first is disturbed"
	connect "$W/list" --count 100 "$NET4.1:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "beside a second daemon"
}

# Two stores on one ring would each get a part of it.
same_pins() {
	local status=0
	simple_world
	serve "$NET4.1:443"
	sed "s|^state_dir = .*|state_dir = $W/state2|; s|^run_dir = .*|run_dir = $W/run2|" "$CONF" >"$W/conf2"
	timeout 6 "$BIN/sekishod" -c "$W/conf2" -f >"$W/said" 2>&1 || status=$?
	[ "$status" -eq 1 ] || die "a second sekishod with the same pin_dir but another state_dir: status $status, expected 1"
	connect "$W/list" --count 100 "$NET4.1:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "beside a daemon with another store"
}

run_case AC-02_reload_broken broken_reload
run_case AC-01_reload_adds_tenant added_tenant
run_case AC-02_reload_changed_address changed_address
run_case AC-02_reload_under_load reload_under_load
run_case AC-85_pins_removed pins_removed
run_case AC-79_pins_of_another_layout another_layout
run_case AC-38_modes modes
run_case AC-84_status_of_daemon status_of_daemon
run_case AC-79_second_daemon_refused second_daemon
run_case AC-79_second_store_on_one_ring_refused same_pins
finish
