#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The processor of the server also takes the packets' interrupts: handshakes end in softirqs that interrupt
# the program itself in close(). A program attached once is then skipped and loses connections (6.2 and later),
# and their ends as well.
#
# Only in the virtual machines (tests/run): what watches over a machine may keep BPF programs from running on
# behalf of its own processes, and a connection whose interrupt hits one of those is not seen.
. "$(dirname "$0")/../lib.sh"

# Packets are handed over to the second processor, where the server is; the client has the first one.
interrupts_where_the_server_runs() {
	local skipped round closed stored
	OPTIONAL_FIELDS=rtt,t_close
	[ "$(nproc)" -ge 2 ] || die "two processors are needed"
	simple_world
	node sh -c 'echo 2 >/sys/class/net/veth0/queues/rx-0/rps_cpus' || die "cannot steer packets"
	serve "$NET4.1:443"
	taskset -p 2 "$SERVER" >/dev/null || die "cannot bind the server to a processor"
	# Where the kernel skips a running program, it must have done so: the test would find one that is attached
	# once. How often depends on the emulator's timing, so it goes on until it has happened.
	for round in {1..8}; do
		client taskset 1 "$BIN/conns" connect --list "$W/round" \
			--count "$((SLOW ? 20000 : 100000))" "$NET4.1:443" 2>"$W/conns.err" ||
			die "conns connect: $(tail -n 1 "$W/conns.err")"
		cat "$W/round" >>"$W/list"
		skipped=$(bpftool prog show 2>/dev/null | sed -n 's/.*on_set_state_1.*recursion_misses \([0-9]*\).*/\1/p' |
			sort -n | tail -n 1)
		[ "$KERNEL" != 6.1 ] && [ "${skipped:-0}" -eq 0 ] || break
	done
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "interrupted server ($round rounds)"
	closed=$(cut -d, -f17 "$W/rows" | grep -c Z) stored=$(status_value recorder rows)
	# With real-time preemption a third task can interrupt both copies of the program: of the openings the list tells.
	if [[ $KERNEL = *-rt ]] && [ "$closed" -lt "$(lines "$W/list")" ] && [ "$closed" -gt $(($(lines "$W/list") / 1000 * 999)) ]; then
		cannot_see "$(($(lines "$W/list") - closed)) of $(lines "$W/list") close times, where three tasks interrupt one another"
		return
	fi
	[ "$closed" -eq "$(lines "$W/list")" ] || die "$closed of $(lines "$W/list") connections have a close time"
	[ "$stored" -eq $((2 * closed)) ] || die "$stored rows stored, expected an opening and a close of $closed"
	no_gap
	[ "$KERNEL" = 6.1 ] || [ "${skipped:-0}" -gt 0 ] || die "the program was never interrupted: the test proves nothing"
}

run_case AC-76_interrupts_where_the_server_runs interrupts_where_the_server_runs
finish
