#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# AC-77, AC-23, AC-78: the connections that loggers lose or invent. On each rung that the kernel has, in one
# world: each kind has a port of its own and is recorded exactly once with the right tuple, kind and flags; or
# the rung cannot see it, then there is no row, and status and bpf/README.md say so, in the same words.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/hard_judge"

N=$((SLOW ? 60 : 1000))
# Of hooks that do not see accept() a tenth proves as much, where each thread costs.
threads() { if ((SLOW)) && sees_states; then echo 200; else echo 2000; fi; }
EVENT_BYTES=80 # in the ring (schema/event.h), with the kernel's header
NEVER="connections that are never accepted"
JOINS="MPTCP joins"
BLOCKED="accept() calls blocked since before the start"
BEYOND="accept() calls blocked beyond maxactive"
RESET="close times and Fast Open where another sock_ops program resets the callback flags"

# What a kind expects: $W/$PORT.list, the connections that have a row each; .flags of the rows; .blind, what the
# rung cannot see of it; .some: of a list only a part. Compared when all kinds have been made.

# recorded LIST [FLAGS]
recorded() {
	cp "$1" "$W/$PORT.list"
	echo "${2-}" >"$W/$PORT.flags"
}

# blind TEXT: it is in status and in bpf/README.md in these words.
blind() { echo "$1" >"$W/$PORT.blind"; }

# Of what the application never accepts, only the rungs of the socket's state tell.
sees_states() { [ "$RUNG" = set_state ] || [ "$RUNG" = sock_ops ]; }
recorded_by_state() {
	if sees_states; then
		recorded "$1"
	else
		: >"$W/$PORT.list"
		blind "$2"
	fi
}

# --- Servers and clients ---

# started FUNCTION... : runs a server in a namespace and waits for its "ready"; sets SERVER.
started() {
	local ns=$1 ready=$W/ready.$RANDOM$RANDOM said=
	shift
	mkfifo "$ready"
	ip netns exec "$ns" "$@" >"$ready" 2>>"$LOG" &
	SERVER=$!
	PIDS+=("$SERVER")
	read -r said <"$ready"
	rm "$ready"
	[[ $said = ready* ]]
}

blocked_threads() { started "$NODE" "$BIN/conns" block --threads "$1" "$2" || die "conns block: $(tail -n 1 "$LOG")"; }

# hold NAMESPACE NAME ARG...: connections that stay open until hold_end NAME; the list is then $W/NAME.
declare -A HOLD_IN HOLD_PID
hold() {
	local ns=$1 name=$2 said=
	shift 2
	mkfifo "$W/$name.in" "$W/$name.out"
	ip netns exec "$ns" "$BIN/conns" hold --end server-fin --list "$W/$name.times" "$@" \
		<"$W/$name.in" >"$W/$name.out" 2>>"$LOG" &
	HOLD_PID[$name]=$!
	PIDS+=("${HOLD_PID[$name]}")
	exec {HOLD_IN[$name]}>"$W/$name.in"
	read -r said <"$W/$name.out"
	[ "$said" = ready ] || die "conns hold: $(tail -n 1 "$LOG")"
}
hold_end() {
	echo end >&"${HOLD_IN[$1]}"
	wait "${HOLD_PID[$1]}" || die "conns hold: $(tail -n 1 "$LOG")"
	exec {HOLD_IN[$1]}>&-
	cut -d, -f1-4 "$W/$1.times" >"$W/$1"
}

to_both() { echo "$NET4.1:$PORT,[$NET6:1]:$PORT"; }
from_both() { echo "$NET4.100,$NET6:100"; }

# --- The kinds ---

plain() {
	serve "$NET4.1:$PORT" "[$NET6:1]:$PORT"
	connect "$W/list" --count "$N" --from "$(from_both)" "$(to_both)"
	recorded "$W/list"
}

# The client ends them, and the application is still waiting for something else.
never_accepted() {
	serve --no-accept "$NET4.1:$PORT" "[$NET6:1]:$PORT"
	connect "$W/list" --count "$N" --fin --from "$(from_both)" "$(to_both)"
	recorded_by_state "$W/list" "$NEVER"
}

reset_never_accepted() {
	serve --no-accept "$NET4.1:$PORT" "[$NET6:1]:$PORT"
	connect "$W/list" --count "$N" --fire --from "$(from_both)" "$(to_both)"
	recorded_by_state "$W/list" "$NEVER"
}

# Reset by the client in the queue; then accept() returns them, and the address is still to be read.
reset_before_accept() {
	serve "$NET4.1:$PORT" "[$NET6:1]:$PORT"
	kill -STOP "$SERVER"
	connect "$W/list" --count "$N" --fire --from "$(from_both)" "$(to_both)"
	sleep 0.2
	kill -CONT "$SERVER"
	connect "$W/more" --count 10 --from "$NET4.101" "$NET4.1:$PORT"
	cat "$W/more" >>"$W/list"
	recorded "$W/list"
}

# The listener goes while they wait: reset by this side.
listener_closed() {
	serve --no-accept "$NET4.1:$PORT"
	connect "$W/list" --count "$N" --fin --from "$NET4.100" "$NET4.1:$PORT"
	kill -KILL "$SERVER"
	wait "$SERVER" 2>/dev/null
	recorded_by_state "$W/list" "$NEVER"
}

# Each connection is taken by a call that had begun before the program was attached.
blocked_before_start() {
	connect "$W/list" --count "$N" --from "$NET4.100,$NET4.101" "$NET4.1:$PORT"
	recorded_by_state "$W/list" "$BLOCKED"
}

# The cgroup in which the listener was made is gone since before the start; its sockets stay in it.
removed_cgroup() {
	connect "$W/list" --count 20 --from "$(from_both)" "$(to_both)"
	recorded "$W/list"
}
listen_in_removed_cgroup() {
	local dir=$W/cgroup2/$RUN_ID-$$
	mkdir "$dir" && CGROUPS+=("$dir") || die "cannot make a cgroup"
	echo "$BASHPID" >"$dir/cgroup.procs" || die "cannot enter $dir"
	serve "$(to_both | cut -d, -f1)" "$(to_both | cut -d, -f2)"
	echo "$BASHPID" >"$W/cgroup2/cgroup.procs"
	echo "$SERVER" >"$W/cgroup2/cgroup.procs" && rmdir "$dir" || die "cannot remove $dir"
}

# Of a return probe only so many calls at a time are followed: the kernel's default, 10 or more.
blocked_threads_2000() {
	local count
	count=$(threads)
	blocked_threads "$count" "$NET4.1:$PORT"
	connect "$W/list" --count "$count" --from "$NET4.100,$NET4.101" "$NET4.1:$PORT"
	recorded "$W/list"
	if [ "$RUNG" = kretprobe ]; then
		: >"$W/$PORT.some"
		blind "$BEYOND"
	fi
}

io_uring() {
	if ! started "$NODE" "$BIN/uring" "[::]:$PORT"; then
		wait "$SERVER"
		[ $? -eq 77 ] || die "uring: $(tail -n 1 "$LOG")"
		skip "no io_uring here: $(tail -n 1 "$LOG")"
	fi
	connect "$W/list" --count "$N" --from "$NET6:100" "[$NET6:1]:$PORT"
	recorded "$W/list"
	! daemonless "$SERVER" || die "the kernel did not go on with the multishot: $(tail -n 1 "$LOG")"
}
daemonless() { ! kill -0 "$1" 2>/dev/null; }

# The first connection of each address brings a cookie; the others begin with data in the SYN.
fast_open() {
	node sysctl -qw net.ipv4.tcp_fastopen=3
	client sysctl -qw net.ipv4.tcp_fastopen=3
	serve --fastopen --read "$NET4.1:$PORT" "[$NET6:1]:$PORT"
	connect "$W/list" --count 2 --fastopen --procs 1 --from "$(from_both)" "$(to_both)"
	[ "$(counter "$NODE" TcpExt TCPFastOpenCookieReqd)" -eq 2 ] || die "no cookie was asked for"
	connect "$W/more" --count "$N" --fastopen --from "$(from_both)" "$(to_both)"
	[ "$(counter "$NODE" TcpExt TCPFastOpenPassive)" -eq "$N" ] ||
		die "$(counter "$NODE" TcpExt TCPFastOpenPassive) of $N came with data in the SYN"
	cat "$W/more" >>"$W/list"
	recorded "$W/list"
}

# The cookies are those that fast_open() has brought. That the end of the handshake is not seen makes it nobody's.
flags_reset() {
	local before pin=/sys/fs/bpf/$RUN_ID-$$-reset root=$W/cgroup2
	serve --fastopen --read "$NET4.1:$PORT"
	before=$(counter "$NODE" TcpExt TCPFastOpenPassive)
	# shellcheck disable=SC2064 # now, as they are local
	trap "part_end; bpftool cgroup detach $root sock_ops pinned $pin; rm $pin" EXIT
	{ bpftool prog load "$BIN/reset_flags.bpf.o" "$pin" &&
		bpftool cgroup attach "$root" sock_ops pinned "$pin" multi; } 2>>"$LOG" || die "bpftool: $(tail -n 1 "$LOG")"
	connect "$W/list" --count 20 --fastopen --from "$NET4.100" "$NET4.1:$PORT"
	[ $(($(counter "$NODE" TcpExt TCPFastOpenPassive) - before)) -eq 20 ] || die "not all came with data in the SYN"
	echo 20 >"$W/unseen"
	: >"$W/$PORT.list"
	blind "$RESET"
}

# No request socket ever: the connection is made from the number in the acknowledgement. One processor takes
# the packets, or an acknowledgement after a reset could pass for another cookie (conns_connect.c).
syncookies() {
	local before
	node sh -c 'echo 1 >/sys/class/net/veth0/queues/rx-0/rps_cpus' || die "cannot set rps_cpus"
	node sysctl -qw net.ipv4.tcp_syncookies=2
	serve "$NET4.1:$PORT" "[$NET6:1]:$PORT"
	before=$(counter "$NODE" TcpExt SyncookiesRecv)
	connect "$W/list" --count "$N" --from "$(from_both)" "$(to_both)"
	node sysctl -qw net.ipv4.tcp_syncookies=1
	node sh -c 'echo 0 >/sys/class/net/veth0/queues/rx-0/rps_cpus'
	[ $(($(counter "$NODE" TcpExt SyncookiesRecv) - before)) -eq "$N" ] ||
		die "$(($(counter "$NODE" TcpExt SyncookiesRecv) - before)) of $N came by a cookie"
	recorded "$W/list"
}

defer_accept() {
	serve --defer "$NET4.1:$PORT" "[$NET6:1]:$PORT"
	connect "$W/list" --count "$N" --send --from "$(from_both)" "$(to_both)"
	recorded "$W/list"
}

# IPv4 on a socket for both families is IPv4, and flagged.
v4_mapped() {
	serve "[::]:$PORT"
	connect "$W/list" --count "$N" --from "$NET4.100,$NET4.101" "$NET4.1:$PORT"
	recorded "$W/list" v6_socket
}

# Of each connection the first flow, one that the client adds, and one to an address that the server announces
# and that a second pair of interfaces carries.
mptcp() {
	local count=$((N / 6)) ns
	[ "$(node cat /proc/sys/net/mptcp/enabled 2>/dev/null)" = 1 ] || skip "this kernel has no CONFIG_MPTCP"
	ip link add veth1 netns "$NODE" type veth peer name veth1 netns "$CLIENT" || die "veth1"
	ip -n "$NODE" addr add "$PATH2.1/24" dev veth1
	ip -n "$CLIENT" addr add "$PATH2.100/24" dev veth1
	for ns in "$NODE" "$CLIENT"; do
		ip -n "$ns" link set veth1 up
		ip -n "$ns" mptcp limits set subflow 2 add_addr_accepted 2 || die "ip mptcp limits"
	done
	ip -n "$NODE" mptcp endpoint add "$PATH2.1" dev veth1 signal || die "ip mptcp endpoint"
	ip -n "$CLIENT" mptcp endpoint add "$NET4.101" dev veth0 subflow || die "ip mptcp endpoint"
	started "$NODE" "$BIN/conns" obey --mptcp "0.0.0.0:$PORT" || die "conns obey: $(tail -n 1 "$LOG")"
	hold "$CLIENT" first --count "$count" --mptcp --from "$NET4.100" "$NET4.1:$PORT"
	joined() { [ "$(counter "$NODE" MPTcpExt MPJoinAckRx)" -ge $((2 * count)) ]; }
	wait_until 20 joined || die "$(counter "$NODE" MPTcpExt MPJoinAckRx) of $((2 * count)) joins"
	# What the client's kernel says of its flows.
	client ss -tnH state established "dport = :$PORT" |
		awk '{ sub(/%[^:]*/, "", $3); sub(/:/, ",", $3); sub(/:/, ",", $4); print $3 "," $4 }' >"$W/flows"
	hold_end first
	[ "$(lines "$W/flows")" -eq $((3 * count)) ] || die "the client has $(lines "$W/flows") flows, not $((3 * count))"
	for ns in "$NET4.1" "$PATH2.1"; do
		[ "$(grep -c ",$ns,$PORT$" "$W/flows")" -ge "$count" ] || die "no flow to $ns"
	done
	if sees_states; then
		recorded "$W/flows"
	else
		recorded "$W/first"
		blind "$JOINS"
	fi
}

# Two pairs of namespaces with the same addresses, and all ports in use in both at once.
same_tuple() {
	local other_node=$NODE-2 other_client=$CLIENT-2 ns
	# shellcheck disable=SC2064 # now, as they are local
	trap "part_end; ip netns del $other_node; ip netns del $other_client" EXIT
	(NODE=$other_node CLIENT=$other_client; world)
	for ns in "$CLIENT" "$other_client"; do
		ip netns exec "$ns" sysctl -qw net.ipv4.ip_local_port_range="20000 $((20000 + 2 * N))"
	done
	for ns in "$NODE" "$other_node"; do
		started "$ns" "$BIN/conns" obey "$NET4.1:$PORT" || die "conns obey: $(tail -n 1 "$LOG")"
	done
	# Ports are given by parity first: twice as many as connections, so that both take the same ones.
	hold "$CLIENT" one --count "$N" --from "$NET4.100" "$NET4.1:$PORT"
	hold "$other_client" two --count "$N" --from "$NET4.100" "$NET4.1:$PORT"
	hold_end one
	hold_end two
	client sysctl -qw net.ipv4.ip_local_port_range='1024 65535'
	sort "$W/one" | comm -12 - <(sort "$W/two") >"$W/both"
	[ "$(lines "$W/both")" -ge $((N / 4)) ] || die "only $(lines "$W/both") tuples were in use in both namespaces"
	cat "$W/two" >>"$W/one"
	echo "$N" >"$W/elsewhere"
	recorded "$W/one"
}

# --- What is no passive connection ---

# nothing_of COMMAND...: no passive open, says the kernel; sums() finds no row, no event and no loss of it.
nothing_of() {
	local opens
	opens=$(counter "$NODE" Tcp PassiveOpens)
	"$@"
	[ "$(counter "$NODE" Tcp PassiveOpens)" = "$opens" ] || die "the kernel counts a passive open: the test is wrong"
	: >"$W/$PORT.list"
}

self_connects() {
	local i
	for i in {1..5}; do
		node "$BIN/conns" selfconnect "$NET4.1:$PORT" >>"$LOG" 2>&1 || die "selfconnect: $(tail -n 1 "$LOG")"
		node "$BIN/conns" selfconnect "[$NET6:1]:$PORT" >>"$LOG" 2>&1 || die "selfconnect: $(tail -n 1 "$LOG")"
	done
}
self_connect() {
	nothing_of self_connects
}

crossing_syns() {
	local pair status
	for pair in "192.0.2.1:4001 192.0.2.2:4002" "[2001:db8::1]:4001 [2001:db8::2]:4002"; do
		status=0
		# shellcheck disable=SC2086 # two addresses
		node "$BIN/conns" simultaneous $pair >>"$LOG" 2>&1 || status=$?
		[ "$status" -ne 77 ] || skip "$(tail -n 1 "$LOG")"
		[ "$status" -eq 0 ] || die "simultaneous open: $(tail -n 1 "$LOG")"
	done
}
simultaneous() {
	nothing_of crossing_syns
}

outbound_connections() {
	connect_in "$NODE" "$W/out" --count "$N" --from "$NET4.1,$NET6:1" "$NET4.100:8080" "[$NET6:100]:8080"
	[ "$(lines "$W/out")" -eq "$N" ] || die "the outbound connections did not happen"
}
outbound() {
	serve_in "$CLIENT" '[::]:8080'
	nothing_of outbound_connections
}

# --- The whole ---

# make CASE PORT FUNCTION: makes connections of a kind; compare() gives the result, unless this fails.
make() {
	PORT=$2
	! prepare_part "$1" "$3" || CASES+=("$1=$2")
}

# All rows are those of the kinds, none is missing or twice; the kernel counts as many passive opens, and the
# ring has seen no event that is not a row.
sums() {
	local opens counts want
	cat "$W"/*.list >"$W/all"
	search "$W/again" --tenant web
	sekisho status --json >"$W/status" 2>/dev/null
	opens=$(($(counter "$NODE" Tcp PassiveOpens) - before_start + $(cat "$W/elsewhere" 2>/dev/null || echo 0)))
	opens=$((opens - $(cat "$W/unseen" 2>/dev/null || echo 0)))
	want=$(lines "$W/all")
	counts="rows $(lines "$W/again"), events $(($(said ring produced) / EVENT_BYTES)), lost $(said recorder lost), refused $(said recorder refused)"
	if preempted && [ "$(said recorder lost)" -gt 0 ]; then
		[ $(($(lines "$W/again") + $(said recorder lost))) -eq "$want" ] || die "$1: $counts; made $want"
		return
	fi
	[ "$counts" = "rows $want, events $want, lost 0, refused 0" ] || die "$1: $counts; made $want, passive opens $opens"
	# The other rungs do not see all of them.
	! sees_states || [ "$want" -eq "$opens" ] || die "$1: $counts, but passive opens $opens"
	same_rows "$W/all" "$W/again" "all kinds, $1"
	cut -d, -f2- "$W/rows" | sort >"$W/first-time"
	cut -d, -f2- "$W/again" | sort | cmp -s - "$W/first-time" || die "the second search finds other rows"
	no_gap
	verify
}

# The last column of the rung's row is what status says, and each of its items was shown here or, close times,
# by closes.sh.
blind_spots() {
	local table shown
	table=$(awk -F' *[|] *' -v rung="$RUNG" '$2 == rung && NF == 7 { print $6; exit }' "$ROOT/bpf/README.md")
	[ "$table" = "${BLIND:-nothing known}" ] || die "bpf/README.md says of $RUNG: '$table', status: '$BLIND'"
	shown=$(sed 's/, /\n/g' <<<"$BLIND" | grep -vxF 'close times' | grep . | sort)
	[ "$shown" = "$(cat "$W"/*.blind 2>/dev/null | sort -u)" ] ||
		die "said to be blind to '$BLIND', shown was '$(cat "$W"/*.blind | sort -u | paste -sd,)'"
}

all_kinds() {
	local before_start
	world
	mkdir "$W/cgroup2" && mount -t cgroup2 none "$W/cgroup2" || die "cannot mount cgroup2"
	MOUNTS+=("$W/cgroup2")
	PATH2=172.$((16 + ($$ & 15))).$(($$ >> 4 & 255))
	CASES=()
	conf "hook = $RUNG" "record_loopback = yes"
	conf_tenant web "$NET4.1" "$NET6:1" "$PATH2.1" 192.0.2.0/24 2001:db8::/64
	grant web
	blocked_threads "$N" "$NET4.1:1006"
	PORT=1017 listen_in_removed_cgroup
	daemon_start
	BLIND=$(sekisho status --json | sed -n 's/^ *"cannot_see": "\(.*\)",$/\1/p')
	before_start=$(counter "$NODE" Tcp PassiveOpens)
	make AC-77_plain 1001 plain
	make AC-77_accept_blocked_before_start 1006 blocked_before_start
	make AC-77_listener_of_a_removed_cgroup 1017 removed_cgroup
	make AC-77_never_accepted 1002 never_accepted
	make AC-77_reset_never_accepted 1003 reset_never_accepted
	make AC-77_reset_before_accept 1004 reset_before_accept
	make AC-77_listener_closed 1005 listener_closed
	make "AC-77_$(threads)_threads_in_accept" 1007 blocked_threads_2000
	make AC-77_io_uring_multishot 1008 io_uring
	make AC-77_fast_open 1009 fast_open
	[ "$RUNG" != sock_ops ] || make AC-77_fast_open_flags_reset 1015 flags_reset
	make AC-77_syncookies 1010 syncookies
	make AC-77_defer_accept 1011 defer_accept
	make AC-77_v4_mapped 1012 v4_mapped
	make AC-77_mptcp_and_joins 1013 mptcp
	make AC-77_same_tuple_two_namespaces 1014 same_tuple
	make AC-23_self_connect_uncounted 7001 self_connect
	make AC-23_simultaneous_open_uncounted 4001 simultaneous
	make AC-23_outbound_uncounted 8080 outbound
	no_overflow
	search "$W/rows" --tenant web
	[ -s "$W/rows" ] || die "nothing is recorded"
	judge
	results
	part AC-77_sum_live sums live
	# What is sealed does not depend on the hook, and costs.
	if ((!SLOW)) || [ "$RUNG" = set_state ]; then
		seal
		part AC-77_sum_sealed sums sealed
	fi
	part AC-77_blind_spots_as_stated blind_spots
	parts_end
}

[ $# -gt 0 ] || set -- set_state sock_ops fexit kretprobe
for RUNG in "$@"; do
	kernel_has "$RUNG" || continue # forced.sh proves that it is refused
	ROW_KIND=accepted
	! sees_states || ROW_KIND=established
	run_case AC-77_hard_cases all_kinds
done
finish
