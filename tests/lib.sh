# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What the shell tests share. A script sources this, defines functions and runs each as a case:
#
#     . "$(dirname "$0")/../lib.sh"
#     test_something() { world; ...; [ "$rows" -eq 5 ] || die "5 rows expected, $rows found"; }
#     run_case AC-99_something test_something
#     finish
#
# A case runs in a subshell and ends well unless it calls die, also from within $(...). It prints one
# line: PASS, FAIL or SKIP and its name; lines that begin with # explain a failure. Programs are taken
# from $SEKISHO_BIN (build/), so that a run can use a copy that does not change meanwhile.

set -uo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
REAL_BIN=${SEKISHO_BIN:-$ROOT/build}
KERNEL=$(uname -r | cut -d. -f1,2)
[[ $(uname -r) != *-rt-* ]] || KERNEL+=-rt
RUNG=set_state                      # of the cases that follow; part of their names
# One name for all that a run makes outside of its directories, so that tests/run can sweep it.
RUN_ID=sk${SEKISHO_RUN_ID:-$$}
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/sekisho-test.XXXXXX")
. "$ROOT/tests/case_for_search.sh"
. "$ROOT/tests/processes.sh"
. "$ROOT/tests/rows.sh"
BIN=$SCRATCH/.programs # as REAL_BIN, and searches open their case
case_for_search "$REAL_BIN" "$BIN" || exit 1
FAILED=0

# The virtual machines of scripts/run-in-vm emulate their processor: a tenth of the speed.
in_vm() { [ -e /.vm/command ]; }
if in_vm; then SLOW=1; else SLOW=0; fi
# `make test-long`: many times the trials.
if [ "${SEKISHO_PROOF-}" = all ]; then LONG=1; else LONG=0; fi

# --- Reporting ---

finish() { exit "$FAILED"; }
end_script() {
	trap '' INT TERM HUP
	rm -rf "$SCRATCH"
}
trap end_script EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

die() {
	printf '%s\n' "$*" | tr '\n' ' ' >>"$SCRATCH/why"
	exit 1
}

skip() {
	printf '%s\n' "$*" >"$SCRATCH/skip"
	exit 0
}

name_of() { printf '%s/%s/%s' "$KERNEL" "$RUNG" "$1"; }

# Within a case: what was running has passed, what follows has this name.
next_case() {
	[ ! -s "$SCRATCH/why" ] || exit 1
	printf 'PASS %s\n' "$(name_of "$(cat "$SCRATCH/case")")" >>"$SCRATCH/passed"
	printf '%s' "$1" >"$SCRATCH/case"
}

# run_case CASE FUNCTION [ARG...]
run_case() {
	local begun=$SECONDS
	case_run "$@"
	# A host can have tasks that no BPF program runs in, nor in the interrupts that they take: few_missing() tells
	# that by the kernel's own count. The virtual machines have none.
	if [ -e "$SCRATCH/few" ] && ! in_vm; then
		printf '# again: %s: %s\n' "$(name_of "$(cat "$SCRATCH/case")")" "$(cat "$SCRATCH/why")"
		case_run "$@"
	fi
	cat "$SCRATCH/passed"
	report "$CASE_STATUS" "$begun" || FAILED=1
}

case_run() {
	CASE_STATUS=0
	printf '%s' "$1" >"$SCRATCH/case"
	: >"$SCRATCH/why"
	: >"$SCRATCH/passed"
	rm -f "$SCRATCH/skip" "$SCRATCH/blind" "$SCRATCH/parts" "$SCRATCH/few"
	shift
	(
		trap world_end EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM HUP
		world_begin
		"$@"
	) || CASE_STATUS=$?
}

# report STATUS BEGUN: the line of the case that $SCRATCH/case names; fails if that has failed.
report() {
	local name good=0
	name=$(name_of "$(cat "$SCRATCH/case")")
	if [ -s "$SCRATCH/why" ]; then
		printf 'FAIL %s: %s\n' "$name" "$(sed 's/ *$//' "$SCRATCH/why")"
		good=1
	elif [ "$1" -ne 0 ]; then
		printf 'FAIL %s: ended with status %d\n' "$name" "$1"
		good=1
	elif [ -s "$SCRATCH/skip" ]; then
		printf 'SKIP %s: %s\n' "$name" "$(cat "$SCRATCH/skip")"
	elif [ -s "$SCRATCH/blind" ]; then
		printf 'PASS %s (cannot see: %s)\n' "$name" "$(cat "$SCRATCH/blind")"
	else
		printf 'PASS %s\n' "$name"
	fi
	[ -z "${SEKISHO_TIMES-}" ] || printf '# time: %s %d s\n' "$name" $((SECONDS - $2))
	return "$good"
}

# part CASE FUNCTION [ARG...]: within a case a case of its own in the same world, with processes of its own;
# its failure ends neither the others nor the case, which asks parts_end in its last line.
part() {
	local whole
	whole=$(cat "$SCRATCH/case")
	part_run "$@"
	part_report
	printf '%s' "$whole" >"$SCRATCH/case"
}

# prepare_part CASE FUNCTION [ARG...]: the same without a result unless it fails or skips, which is the status.
prepare_part() {
	local whole status=0
	whole=$(cat "$SCRATCH/case")
	part_run "$@"
	[ "$PART_STATUS" -eq 0 ] && [ ! -s "$SCRATCH/skip" ] || { part_report && status=1; }
	printf '%s' "$whole" >"$SCRATCH/case"
	return "$status"
}

part_run() {
	PART_STATUS=0 PART_BEGUN=$SECONDS
	printf '%s' "$1" >"$SCRATCH/case"
	rm -f "$SCRATCH/skip" "$SCRATCH/blind"
	shift
	(
		PIDS=()
		trap part_end EXIT
		"$@"
	) || PART_STATUS=$?
}

part_report() {
	[ ! -s "$SCRATCH/why" ] || tail -n 4 "$LOG" | sed 's/^/# log: /'
	report "$PART_STATUS" "$PART_BEGUN" || cat "$SCRATCH/case" >>"$SCRATCH/parts"
	: >"$SCRATCH/why"
	rm -f "$SCRATCH/skip" "$SCRATCH/blind"
}

part_end() {
	local pid
	for pid in "${PIDS[@]}"; do
		kill -KILL "$pid"
		wait "$pid"
	done 2>/dev/null
}

parts_end() { [ ! -s "$SCRATCH/parts" ] || die "parts of it failed"; }

# cannot_see TEXT: what this case has shown is beyond the rung; the result says so.
cannot_see() { printf '%s' "$1" >"$SCRATCH/blind"; }

# What does not depend on the kernel, or is proven there by another case: left out where tests/run asks
# only for what does depend on it, in the slow virtual machines. Alone a script runs everything anywhere.
kernel_only() { [ "${SEKISHO_SCOPE-}" = kernel ]; }
run_case_once() { kernel_only || run_case "$@"; }

# --- A world: two network namespaces, a node and its clients, and all that a daemon needs ---
#
# $NODE has $NET4.1 to .20 and $NET6::1 to ::9, $CLIENT has $NET4.100 to .103 and $NET6::100 to ::103.
# The daemon itself runs outside of both, as on a real node.

world_begin() {
	W=$(mktemp -d "$SCRATCH/w.XXXXXX")
	CONF=$W/sekisho.conf STATE=$W/state RUN=$W/run LOG=$W/log
	PINS=/sys/fs/bpf/$RUN_ID-$$ # no dots there
	NODE=$RUN_ID-$$-node CLIENT=$RUN_ID-$$-client
	# Two scripts at once must not record each other's connections.
	NET4=10.$(($$ >> 8 & 255)).$(($$ & 255))
	NET6=$(printf 'fd5e:%x:%x:' $(($$ >> 8 & 255)) $(($$ & 255)))
	DAEMON=
	PIDS=()
	MOUNTS=()
	SPACES=() # namespaces and cgroups beyond those of world()
	CGROUPS=()
	: >"$LOG"
	printf 'What the tenant was shown.\n' >"$W/text"
}

# Nothing that a case made may stay, however it ended.
world_end() {
	trap '' INT TERM HUP
	local pid mount ns dir
	if [ -s "$SCRATCH/why" ]; then
		tail -n 12 "$LOG" | sed 's/^/# log: /'
	fi
	for pid in "${PIDS[@]}" $DAEMON; do
		kill -CONT "$pid"
		kill -KILL "$pid"
		wait "$pid"
	done 2>/dev/null
	rm -rf "$PINS"
	for ns in "$NODE" "$CLIENT" "${SPACES[@]}"; do
		[ ! -e "/run/netns/$ns" ] || ip netns del "$ns"
	done
	for dir in "${CGROUPS[@]}"; do
		cgroup_remove "$dir"
	done
	for mount in "${MOUNTS[@]}"; do
		umount "$mount" 2>/dev/null || umount -l "$mount"
	done
	rm -rf "$W"
}

# cgroup_remove DIR: with all below; its processes are ended first.
cgroup_remove() {
	[ -d "$1" ] || return 0
	local i
	for i in {1..100}; do
		find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null | xargs -r kill -KILL 2>/dev/null
		find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
		[ -d "$1" ] || return 0
		sleep 0.05
	done
	return 1
}

node() { ip netns exec "$NODE" "$@"; }
client() { ip netns exec "$CLIENT" "$@"; }

world() {
	local ns i
	"$ROOT/scripts/mount-bpf" 2>/dev/null || die "cannot mount bpffs"
	{ ip netns add "$NODE" && ip netns add "$CLIENT" &&
		ip link add veth0 netns "$NODE" type veth peer name veth0 netns "$CLIENT"; } ||
		die "cannot make network namespaces"
	for ns in "$NODE" "$CLIENT"; do
		{
			echo link set lo up
			echo link set veth0 up
			[ "$ns" = "$CLIENT" ] || for i in {1..20}; do
				echo "addr add $NET4.$i/24 dev veth0"
			done
			[ "$ns" = "$CLIENT" ] || for i in {1..9}; do
				echo "addr add $NET6:$i/64 dev veth0 nodad"
			done
			[ "$ns" = "$NODE" ] || for i in 100 101 102 103; do
				echo "addr add $NET4.$i/24 dev veth0"
				echo "addr add $NET6:$i/64 dev veth0 nodad"
			done
		} | ip -n "$ns" -batch - || die "cannot set addresses in $ns"
		ip netns exec "$ns" sysctl -qw net.core.somaxconn=65535 net.ipv4.tcp_max_syn_backlog=65535 \
			net.ipv4.ip_local_port_range='1024 65535' || die "cannot set sysctls in $ns"
	done
}

# conf [LINE...]: begins the configuration anew.
conf() {
	{
		printf 'state_dir = %s\nrun_dir = %s\npin_dir = %s\nuser = %s\n' "$STATE" "$RUN" "$PINS" "$STORE_USER"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$CONF"
}

# conf_tenant ID ADDRESS...
conf_tenant() {
	{
		printf '\n[tenant %s]\n' "$1"
		shift
		printf 'address = %s\n' "$@"
	} >>"$CONF"
}

utc_now() { date -u +%Y-%m-%dT%H:%M:%S.%NZ; }
utc_in() { date -u -d "+$1 seconds" +%Y-%m-%dT%H:%M:%S.%NZ; }

# Only a search needs what stands before it in $BIN, which takes its time where processors are emulated.
sekisho() {
	local bin=$BIN/.real
	[ "${1-}" != search ] || bin=$BIN
	"$bin/sekisho" -c "$CONF" "$@"
}

# What grants include, beyond the base.
OPTIONAL_FIELDS=rtt

# try_grant TENANT [UNTIL]: the command's status.
try_grant() {
	sekisho consent grant "$1" --until "${2:-$(utc_in 86400)}" --text "$W/text" \
		--fields "src_addr,src_port,dst_addr,dst_port,t_accept${OPTIONAL_FIELDS:+,$OPTIONAL_FIELDS}" --retention 30 \
		--same-terms --revocable --actor test
}

grant() {
	local said
	said=$(try_grant "$@" 2>&1) || die "consent grant $1: $said"
}

# wait_until SECONDS COMMAND...: until the command succeeds.
wait_until() {
	local end=$((SECONDS + $1 + 1))
	shift
	while ! "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

daemon_live() { sekisho status >/dev/null 2>&1; }
daemon_gone() { ! kill -0 "$DAEMON" 2>/dev/null; }
daemon_up() { daemon_live || daemon_gone; }

# In the foreground of its own, behind this script; sets DAEMON.
daemon_spawn() {
	"$BIN/sekishod" -c "$CONF" -f >>"$LOG" 2>&1 &
	DAEMON=$!
}

# Live within 5 s is what sekishod promises, on a processor that is not emulated beside another one.
LIVE_SECONDS=${LIVE_SECONDS:-$((SLOW ? 30 : 5))} # more, where the machine has other things to do
# daemon_await: until $DAEMON is live.
daemon_await() {
	wait_until "$LIVE_SECONDS" daemon_up && daemon_live ||
		die "sekishod is not live within $LIVE_SECONDS s: $(tail -n 1 "$LOG")"
}
daemon_start() {
	daemon_spawn
	daemon_await
}

# daemon_end [SIGNAL [early]]: ends it and leaves its exit status in STATUS. A start that has not come to
# blocking signals yet ends by SIGTERM itself: early allows that.
daemon_end() {
	STATUS=0
	kill "-${1:-TERM}" "$DAEMON" || die "sekishod has ended by itself: $(tail -n 1 "$LOG")"
	{ wait "$DAEMON"; } 2>/dev/null || STATUS=$?
	DAEMON=
	[ "${2-}" != early ] || [ "$STATUS" -ne 143 ] || STATUS=0
	[ "${1:-TERM}" != TERM ] || [ "$STATUS" -eq 0 ] || die "sekishod ended with status $STATUS after SIGTERM"
}

# unhook LINK...: removes pinned links, and waits until the kernel, which takes its time, has detached what they held.
unhook() {
	local path id
	local -a ids=()
	for path; do
		id=$(bpftool link show pinned "$path" | sed -n '1s/:.*//p')
		[ -n "$id" ] || die "no link is pinned at $path"
		ids+=("$id")
	done
	rm "$@"
	for id in "${ids[@]}"; do
		link_gone() { ! bpftool link show id "$id" >/dev/null 2>&1; }
		wait_until 10 link_gone || die "link $id is not gone"
	done
	sleep 0.1 # between its number and its hook
}

# simple_world [CONF-LINE...]: one tenant, "web", with $NET4.1 and $NET6:1, consent, a daemon that records.
simple_world() {
	world
	conf "hook = $RUNG" "$@"
	conf_tenant web "$NET4.1" "$NET6:1"
	grant web
	daemon_start
}

# netns_world [CONF-LINE...]: the same, but "web" is all of $NODE, whose connections are thereby compared with the kernel's count.
netns_world() {
	world
	conf "hook = $RUNG" "$@"
	printf '\n[tenant web]\nnetns = /run/netns/%s\n' "$NODE" >>"$CONF"
	grant web
	daemon_start
}

# --- Traffic ---

# serve [OPTION...] ADDR:PORT...: a server on the node until the end of the case.
serve() { serve_in "$NODE" "$@"; }
serve_in() {
	local ns=$1 ready=$W/ready.$RANDOM$RANDOM
	shift
	mkfifo "$ready"
	ip netns exec "$ns" "$BIN/conns" serve --backlog 65535 "$@" >"$ready" 2>>"$LOG" &
	PIDS+=($!)
	SERVER=$!
	read -r _ <"$ready" || die "conns serve $*: $(tail -n 1 "$LOG")"
	rm "$ready"
}

# connect FILE ARG...: connections from the client; their tuples go to FILE.
connect() { connect_in "$CLIENT" "$@"; }
connect_in() {
	local ns=$1 list=$2 status=0
	shift 2
	ip netns exec "$ns" "$BIN/conns" connect --list "$list" "$@" 2>"$W/conns.err" || status=$?
	cat "$W/conns.err" >>"$LOG"
	[ "$status" -eq 0 ] || die "conns connect $* (status $status): $(tail -n 1 "$W/conns.err")"
}

# load FILE ARG...: the same in the background; load_end waits for it.
load() {
	local list=$1
	shift
	ip netns exec "$CLIENT" "$BIN/conns" connect --list "$list" "$@" 2>"$W/load.err" &
	LOAD=$!
	PIDS+=("$LOAD")
	wait_until 10 test -s "$list" || die "no connection within 10 s: $(tail -n 1 "$W/load.err")"
}

# load_end [stop]: waits for the end of the load, or asks for it.
load_end() {
	local status=0
	[ "${1-}" != stop ] || kill -TERM "$LOAD"
	wait "$LOAD" || status=$?
	cat "$W/load.err" >>"$LOG"
	[ "$status" -eq 0 ] || die "the load failed (status $status): $(tail -n 1 "$W/load.err")"
}

# counter NAMESPACE GROUP NAME: one of the kernel's network counters, such as TcpExt ListenOverflows.
counter() {
	ip netns exec "$1" cat /proc/net/snmp /proc/net/netstat | awk -v group="$2:" -v name="$3" '
		$1 == group && !(group in seen) { split($0, names); seen[group]; next }
		$1 == group { for (i in names) if (names[i] == name) print $i }'
}

no_overflow() {
	[ "$(counter "$NODE" TcpExt ListenOverflows)" = 0 ] || die "the listen queue overflowed: the test proves nothing"
}

# --- The store, the ring and the machine ---

# consumer [POSITION]: prints how far the ring is released, or sets it, through the pinned ring;
# with python3, which the virtual machines lack.
consumer() {
	python3 - "$PINS/events" "$@" <<'EOT'
import ctypes, mmap, os, platform, struct, sys
call = {"x86_64": 321, "aarch64": 280}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
path = ctypes.create_string_buffer(sys.argv[1].encode())
attr = ctypes.create_string_buffer(struct.pack("QII", ctypes.addressof(path), 0, 0), 128)
fd = libc.syscall(call, 7, attr, 128)  # BPF_OBJ_GET
if fd < 0:
    sys.exit(os.strerror(ctypes.get_errno()))
page = mmap.mmap(fd, mmap.PAGESIZE)
if len(sys.argv) > 2:
    page[:8] = struct.pack("Q", int(sys.argv[2]))
print(struct.unpack("Q", page[:8])[0])
EOT
}

seal() {
	local said
	said=$(sekisho seal 2>&1) || die "seal: $said"
}

verify() {
	local said
	said=$(sekisho verify 2>&1) || die "verify: $said"
}

# Whether this kernel can attach a rung, judged without sekisho. The virtual machines' kernels can do all.
kernel_has() {
	case $1 in
	set_state | sock_ops) true ;;
	kretprobe) in_vm || [ -d /sys/bus/event_source/devices/kprobe ] ;;
	fexit) in_vm || grep -qs '^inet_csk_accept$' /sys/kernel/tracing/available_filter_functions ;;
	esac
}

# disk_stands yes|no: what build/stall.so does; it has the file mapped, so that it stays the same file.
disk_stands() {
	local byte=0
	[ "$1" != yes ] || byte=1
	printf %s "$byte" | dd of="$W/stall" conv=notrunc status=none
}
