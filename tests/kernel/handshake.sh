#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What is a passive connection that completed its handshake, and what is not (AC-21, AC-22, AC-23).
. "$(dirname "$0")/../lib.sh"

# Reset or closed by the client before the server could accept it, or never accepted at all.
at_once() {
	local option=$1 count=$((SLOW ? 1000 : 5000))
	simple_world
	# --no-accept: the handshake is what counts. The queue holds all of them.
	# shellcheck disable=SC2086 # an option or nothing
	serve $2 "$NET4.1:443" "[$NET6:1]:443"
	connect "$W/list" --count "$count" "$option" --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	no_overflow
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "$option"
	[ "$(counter "$NODE" Tcp PassiveOpens)" -eq "$count" ] || die "the kernel counts $(counter "$NODE" Tcp PassiveOpens) passive opens"
}

# The accept rungs may miss a connection that is over early, but never tell a wrong one. The server is
# held while they come and go, so that accept() returns sockets that are closed already.
at_once_accepted() {
	simple_world
	serve "$NET4.1:443" "[$NET6:1]:443"
	kill -STOP "$SERVER"
	connect "$W/list" --count 500 --fire --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	connect "$W/fin" --count 500 --fin --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	sleep 0.2
	kill -CONT "$SERVER"
	connect "$W/more" --count 500 --fire --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	no_overflow
	cat "$W/fin" "$W/more" >>"$W/list"
	search "$W/rows" --dst 0.0.0.0/0
	search "$W/rows6" --dst ::/0
	cat "$W/rows6" >>"$W/rows"
	sort "$W/list" >"$W/want"
	tuples "$W/rows" | sort | comm -13 "$W/want" - >"$W/extra"
	[ ! -s "$W/extra" ] || die "$(lines "$W/extra") rows that the client did not make, such as $(head -n 1 "$W/extra")"
	connect "$W/list" --count 100 --from "$NET4.101" "$NET4.1:443"
	search "$W/rows" --src "$NET4.101"
	same_rows "$W/list" "$W/rows" "the control connections"
}

# SYNs that never complete, while real connections come among them.
half_open() {
	local count=$((SLOW ? 5000 : LONG ? 1000000 : 100000)) before
	simple_world
	# Answers to the spoofed addresses go nowhere, and queue no neighbour look-ups.
	node ip route add blackhole 198.18.0.0/15
	node sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.veth0.rp_filter=0
	client sysctl -qw net.ipv4.ip_forward=1
	serve "$NET4.1:443"
	before=$(counter "$NODE" Tcp InSegs)
	client "$BIN/conns" halfopen --count "$count" 198.18.0.1 "$NET4.1:443" >>"$LOG" 2>&1 &
	PIDS+=($!)
	local flood=$!
	connect "$W/list" --count 1000 --rate $((SLOW ? 1000 : 2000)) --from "$NET4.100" "$NET4.1:443"
	wait "$flood" || die "conns halfopen failed: $(tail -n 1 "$LOG")"
	[ $(($(counter "$NODE" Tcp InSegs) - before)) -gt "$count" ] || die "the SYNs did not arrive"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "among half-open ones"
	search "$W/rows" --src 198.18.0.0/15
	[ ! -s "$W/rows" ] || die "$(lines "$W/rows") rows of half-open connections"
}

# The node itself connects outwards: from a tenant's address, which is then the local side.
outbound() {
	local before
	simple_world
	serve "$NET4.1:443" "[$NET6:1]:443"
	serve_in "$CLIENT" '[::]:8080'
	connect "$W/list" --count 10 "$NET4.1:443"
	before=$(status_value ring produced)
	connect_in "$NODE" "$W/out" --count 500 --from "$NET4.1,$NET6:1" "$NET4.100:8080" "[$NET6:100]:8080"
	[ "$(lines "$W/out")" -eq 500 ] || die "the outbound connections did not happen"
	[ "$(status_value ring produced)" = "$before" ] || die "outbound connections reached the ring"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "control connections"
}

# One socket connected to itself is no passive open; on loopback, so loopback is recorded here.
self_connect() {
	local before
	simple_world "record_loopback = yes"
	serve "$NET4.1:443"
	connect_in "$NODE" "$W/list" --count 10 "$NET4.1:443"
	before=$(status_value ring produced)
	for _ in 1 2 3; do
		node "$BIN/conns" selfconnect "$NET4.1:7777" >>"$LOG" 2>&1 || die "selfconnect: $(tail -n 1 "$LOG")"
		node "$BIN/conns" selfconnect "[$NET6:1]:7777" >>"$LOG" 2>&1 || die "selfconnect: $(tail -n 1 "$LOG")"
	done
	[ "$(status_value ring produced)" = "$before" ] || die "a self-connect reached the ring"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "control connections"
}

# Two ends whose SYNs cross; both have a tenant's address.
simultaneous() {
	local before status
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1" 192.0.2.0/24 2001:db8::/64
	grant web
	daemon_start
	serve "$NET4.1:443"
	connect "$W/list" --count 10 "$NET4.1:443"
	before=$(status_value ring produced)
	for pair in "192.0.2.1:4001 192.0.2.2:4002" "[2001:db8::1]:4001 [2001:db8::2]:4002"; do
		status=0
		# shellcheck disable=SC2086 # two addresses
		node "$BIN/conns" simultaneous $pair >>"$LOG" 2>&1 || status=$?
		[ "$status" -ne 77 ] || skip "$(tail -n 1 "$LOG")"
		[ "$status" -eq 0 ] || die "simultaneous open: $(tail -n 1 "$LOG")"
	done
	[ "$(status_value ring produced)" = "$before" ] || die "a simultaneous open reached the ring"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "control connections"
}

run_case AC-21_reset_at_once at_once --fire ''
run_case AC-21_closed_at_once at_once --fin ''
run_case_once AC-77_never_accepted at_once --fin --no-accept
run_case AC-77_reset_before_accept at_once --fire --no-accept
run_case AC-22,78_half_open half_open
run_case AC-23_outbound outbound
run_case AC-23_self_connect self_connect
run_case AC-23_simultaneous_open simultaneous
for RUNG in fexit kretprobe; do
	kernel_has "$RUNG" || continue
	run_case AC-21_over_before_accept_no_wrong_row at_once_accepted
	run_case_once AC-23_outbound outbound
done
finish
