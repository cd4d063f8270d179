#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Daemon and command built with AddressSanitizer and UndefinedBehaviorSanitizer (make SAN=1 unit) record,
# seal, search and verify without a report.
. "$(dirname "$0")/../lib.sh"

plain=$BIN
BIN=$SCRATCH/.sanitized
case_for_search "${SEKISHO_SAN_BIN:-$ROOT/build/san}" "$BIN" 2>/dev/null || BIN=

quiet() {
	cat "$W"/san.* >"$W/reports" 2>/dev/null
	[ ! -s "$W/reports" ] || die "sanitizer: $(grep -m 1 -E 'ERROR|runtime error|SUMMARY' "$W/reports" || head -n 1 "$W/reports")"
}

everything() {
	[ -x "$BIN/sekishod" ] || skip "no build/san/sekishod: make SAN=1 unit"
	export ASAN_OPTIONS="log_path=$W/san.asan:detect_leaks=1" UBSAN_OPTIONS="log_path=$W/san.ubsan:print_stacktrace=1"
	simple_world "ring_size = 512K"
	serve_plain '[::]:443'
	connect_plain "$W/list" --count 5000 --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "sanitized, live"
	seal
	connect_plain "$W/more" --count 1000 --from "$NET4.101" "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	daemon_end KILL
	connect_plain "$W/more" --count 1000 --from "$NET4.102" "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	daemon_start
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "sanitized, after SIGKILL"
	gaps "$W/gaps"
	daemon_freeze
	connect_plain "$W/more" --count 5000 "$NET4.1:443"
	daemon_thaw
	kill -HUP "$DAEMON"
	sekisho status >>"$LOG" 2>&1 || die "status: $?"
	sekisho status --json >>"$LOG" 2>&1 || die "status --json: $?"
	seal
	verify
	sekisho consent withdraw web >>"$LOG" 2>&1 || die "withdraw: $?"
	daemon_end
	"$BIN/sekishod" -c "$CONF" --disarm >>"$LOG" 2>&1 || die "--disarm: $?"
	search "$W/rows" --src "$NET4.102"
	[ "$(lines "$W/rows")" -eq 1000 ] || die "$(lines "$W/rows") of 1000 rows in the end"
	quiet
}
# The traffic generator is not what is examined.
serve_plain() { BIN=$plain serve "$@"; }
connect_plain() { BIN=$plain connect "$@"; }

run_case AC-63_sanitizers_silent everything
finish
