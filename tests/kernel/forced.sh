#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Each rung of the ladder, forced: it records, or is refused in one line and leaves nothing behind.
. "$(dirname "$0")/../lib.sh"

works() {
	simple_world
	[ "$(status_value '' hook)" = "$RUNG" ] || die "status says hook $(status_value '' hook)"
	serve "$NET4.1:443" "[$NET6:1]:443"
	connect "$W/list" --count 200 "$NET4.1:443" "[$NET6:1]:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "forced $RUNG"
	[ "$(column $KIND "$W/rows")" = "$1=200" ] || die "kind is $(column $KIND "$W/rows")"
	gaps "$W/gaps"
	grep -q "\"hooks\":\[\"$RUNG\"\]" "$W/json" || die "the answer does not name hook $RUNG: $(grep '"hooks"' "$W/json")"
	daemon_end
	"$BIN/sekishod" -c "$CONF" --disarm >>"$LOG" 2>&1 || die "--disarm failed: $(tail -n 1 "$LOG")"
}

refused() {
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1"
	grant web
	daemon_spawn
	wait_until 10 daemon_gone || die "sekishod runs with a hook that this kernel does not have"
	STATUS=0
	wait "$DAEMON" || STATUS=$?
	DAEMON=
	[ "$STATUS" -eq 1 ] || die "status $STATUS, expected 1"
	[ "$(lines "$LOG")" -eq 1 ] || die "$(lines "$LOG") lines of output, expected one"
	grep -q "^sekishod: error: .*$RUNG" "$LOG" || die "the line does not name $RUNG: $(cat "$LOG")"
	[ ! -e "$PINS" ] || die "pins stay behind: $(ls "$PINS")"
	sekisho status >/dev/null 2>&1
	[ $? -eq 3 ] || die "status does not exit with 3"
	# The same store and pin directory with a rung that works.
	conf 'hook = set_state'
	conf_tenant web "$NET4.1"
	: >"$LOG"
	daemon_start
}

auto_is_best() {
	world
	conf
	conf_tenant web "$NET4.1"
	grant web
	daemon_start
	[ "$(status_value '' hook)" = "$RUNG" ] || die "auto chose $(status_value '' hook)"
}

# Another rung at the next start replaces the old program; nothing is recorded by two of them.
change() {
	simple_world
	serve "$NET4.1:443"
	connect "$W/one" --count 50 "$NET4.1:443"
	daemon_end
	conf "hook = $1"
	conf_tenant web "$NET4.1" "$NET6:1"
	daemon_start
	[ "$(status_value '' hook)" = "$1" ] || die "status says hook $(status_value '' hook)"
	connect "$W/two" --count 50 "$NET4.1:443"
	search "$W/rows" --tenant web
	cat "$W/one" "$W/two" >"$W/list"
	same_rows "$W/list" "$W/rows" "change to $1"
	[ "$(column $KIND "$W/rows")" = "accepted=50 established=50" ] || die "kinds are $(column $KIND "$W/rows")"
	gaps "$W/gaps"
	grep -q '^program replaced|' "$W/gaps" || die "the change is not stated as a gap"
}

run_case AC-16_auto_takes_the_best auto_is_best
for RUNG in set_state fexit kretprobe; do
	kind=accepted
	[ "$RUNG" != set_state ] || kind=established
	if kernel_has "$RUNG"; then
		run_case_once AC-16_forced_records works "$kind" # sets.sh does it with more
	else
		run_case AC-59_forced_is_refused refused
	fi
done
RUNG=set_state
if kernel_has fexit; then
	run_case AC-79_rung_changes_at_restart change fexit
fi
finish
