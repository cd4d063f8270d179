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

# AC-16: a kernel without BTF, as sekishod sees it. There is no other hook, and nothing less is recorded: IPv4 and
# IPv6, wildcard listeners, ports whose bytes differ, and IPv4 on an IPv6 socket.
daemon_without_btf() {
	# shellcheck disable=SC2016 # the shell within expands it
	unshare -m sh -c 'mount -t tmpfs tmpfs /sys/kernel/btf && exec "$@"' sh "$BIN/sekishod" -c "$CONF" -f >>"$LOG" 2>&1 &
	DAEMON=$!
	daemon_await
}
without_btf() {
	world
	conf
	conf_tenant web "$NET4.1" "$NET6:1"
	grant web
	daemon_without_btf
	[ "$(status_value '' hook)" = sock_ops ] || die "status says hook $(status_value '' hook)"
	serve "0.0.0.0:1" "0.0.0.0:256" "$NET4.1:443" "[$NET6:1]:65535" "[::]:8443"
	connect "$W/list" --count 200 "$NET4.1:1" "$NET4.1:256" "$NET4.1:443" "[$NET6:1]:65535" "[$NET6:1]:8443" "$NET4.1:8443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "without BTF"
	daemon_end
	conf "hook = set_state"
	conf_tenant web "$NET4.1" "$NET6:1"
	STATUS=0
	: >"$LOG"
	# shellcheck disable=SC2016
	unshare -m sh -c 'mount -t tmpfs tmpfs /sys/kernel/btf && exec "$@"' sh "$BIN/sekishod" -c "$CONF" -f >>"$LOG" 2>&1 || STATUS=$?
	[ "$STATUS" -eq 1 ] && grep -q '^sekishod: error: .*set_state: .*BTF' "$LOG" || die "forced set_state: status $STATUS: $(cat "$LOG")"
}

# Whoever sees but a part of the cgroups would record but a part of the connections.
part_of_cgroups() {
	local dir=$W/cgroup2/$RUN_ID-$$
	world
	conf "hook = sock_ops"
	conf_tenant web "$NET4.1"
	mkdir "$W/cgroup2" && mount -t cgroup2 none "$W/cgroup2" && MOUNTS+=("$W/cgroup2") || die "cannot mount cgroup2"
	mkdir "$dir" && CGROUPS+=("$dir") || die "cannot make a cgroup"
	unshare --help 2>&1 | grep -q -- --cgroup || skip "unshare has no --cgroup here"
	STATUS=0
	# shellcheck disable=SC2016
	sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec unshare -C -m "$@"' sh "$dir" \
		sh -c 'mount -t tmpfs tmpfs /sys/fs/cgroup && exec "$@"' sh "$BIN/sekishod" -c "$CONF" -f >>"$LOG" 2>&1 || STATUS=$?
	[ "$STATUS" -eq 1 ] || die "status $STATUS, expected 1"
	grep -q '^sekishod: error: .*sock_ops: .*the root of the cgroups is out of sight' "$LOG" || die "it says: $(cat "$LOG")"
	[ "$(lines "$LOG")" -eq 1 ] || die "$(lines "$LOG") lines of output, expected one"
	[ ! -e "$PINS" ] || die "pins stay behind: $(ls "$PINS")"
}

# AC-06: a cgroup may be another tenant's, who has not agreed; this hook cannot tell.
blind_to_cgroups() {
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 20 "$NET4.1:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "without a cgroup selector"
	no_gap
	printf '\n[tenant other]\ncgroup = /nowhere\n' >>"$CONF"
	kill -HUP "$DAEMON"
	is_told() { grep -q 'tenant web: cgroup:/nowhere is not evaluated: not recorded' "$LOG"; }
	wait_until 5 is_told || die "nothing is said of it: $(tail -n 1 "$LOG")"
	connect "$W/more" --count 20 "$NET4.1:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "with a cgroup selector"
	gaps "$W/gaps"
	grep -q '^selector not evaluated by this hook|web|' "$W/gaps" || die "no gap says so"
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
	[ "$(column $KIND "$W/rows")" = "$2" ] || die "kinds are $(column $KIND "$W/rows")"
	gaps "$W/gaps"
	grep -q '^program replaced|' "$W/gaps" || die "the change is not stated as a gap"
}

run_case AC-16_auto_takes_the_best auto_is_best
for RUNG in set_state sock_ops fexit kretprobe; do
	kind=accepted
	case $RUNG in set_state | sock_ops) kind=established ;; esac
	if kernel_has "$RUNG"; then
		run_case_once AC-16_forced_records works "$kind" # sets.sh does it with more
	else
		run_case AC-59_forced_is_refused refused
	fi
done
RUNG=sock_ops
run_case AC-16_kernel_without_BTF without_btf
run_case_once AC-59_forced_is_refused_in_a_cgroup_namespace part_of_cgroups
run_case_once AC-06_blind_to_cgroups blind_to_cgroups
RUNG=set_state
run_case_once AC-79_rung_changes_to_sock_ops change sock_ops 'established=100'
if kernel_has fexit; then
	run_case AC-79_rung_changes_at_restart change fexit 'accepted=50 established=50'
fi
finish
