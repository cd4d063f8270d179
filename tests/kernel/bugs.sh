#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Bugs of similar tools that concern sockets, the ring and the clock (the end of the list of acceptance), each
# provoked here. Elsewhere: clock steps in vm_clock.sh (AC-26), a tenant's address that moved in closes.sh (AC-12).
. "$(dirname "$0")/../lib.sh"

# 50001 is 0xC351; swapped it would be 20931.
local_port_swapped() {
	simple_world
	serve "$NET4.1:50001" "[$NET6:1]:50001"
	connect "$W/list" --count 200 --from "$NET4.100,$NET6:100" "$NET4.1:50001" "[$NET6:1]:50001"
	search "$W/rows" --tenant web --dst-port 50001
	same_rows "$W/list" "$W/rows" "local port 50001"
	[ "$(column 7 "$W/rows")" = 50001=200 ] || die "local ports are $(column 7 "$W/rows")"
	search "$W/rows" --tenant web --dst-port 20931
	[ ! -s "$W/rows" ] || die "$(lines "$W/rows") rows with the local port swapped"
}

# The listener is bound to no address; the connection is.
listener_address() {
	simple_world
	serve 0.0.0.0:443 '[::]:444'
	connect "$W/list" --count 300 --from "$NET4.100,$NET6:100" "$NET4.1:443" "$NET4.1:444" "[$NET6:1]:444"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "wildcard listeners"
	[ "$(cut -d, -f6 "$W/rows" | sort -u | paste -sd' ')" = "$(printf '%s\n' "$NET4.1" "$NET6:1" | sort | paste -sd' ')" ] ||
		die "local addresses are $(column 6 "$W/rows")"
	for address in 0.0.0.0 ::; do
		search "$W/rows" --dst "$address"
		[ ! -s "$W/rows" ] || die "$(lines "$W/rows") rows with local address $address"
	done
}

# Suspended for hours, a machine's CLOCK_MONOTONIC is behind its CLOCK_BOOTTIME; the same difference, for the
# daemon alone, comes from a time namespace.
monotonic() {
	local from to wrong
	unshare --time --monotonic 12345 true 2>>"$LOG" || skip "no time namespaces here"
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1" "$NET6:1"
	grant web
	unshare --time --monotonic 12345 "$BIN/sekishod" -c "$CONF" -f >>"$LOG" 2>&1 &
	DAEMON=$!
	daemon_await
	[ "$(awk '$1 == "monotonic" { print $2 }' "/proc/$DAEMON/timens_offsets")" = 12345 ] || die "the offset is not in force"
	serve "$NET4.1:443"
	from=$(utc_now)
	connect "$W/list" --count 200 "$NET4.1:443"
	to=$(utc_now)
	for state in live sealed; do
		[ "$state" = live ] || seal
		search "$W/rows" --tenant web
		same_rows "$W/list" "$W/rows" "$state"
		wrong=$(cut -d, -f$TIME "$W/rows" | awk -v from="$from" -v to="$to" '$0 < from || $0 > to' | head -n 1)
		[ -z "$wrong" ] || die "$state: a row has the time $wrong, made between $from and $to"
	done
	verify
}

# In a time namespace with a boot time of its own, events would be dated by the wrong clock: no start, no
# disarm, and what waits in the ring is dated right by the next one outside.
boot_time_of_a_namespace() {
	local status offset=12345
	unshare --time --boottime "$offset" true 2>>"$LOG" || skip "no time namespaces here"
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 100 "$NET4.1:443"
	daemon_end
	connect "$W/more" --count 100 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	for option in -f --disarm; do
		unshare --time --boottime "$offset" timeout 10 "$BIN/sekishod" -c "$CONF" "$option" >"$W/said" 2>&1
		status=$?
		[ "$status" -eq 1 ] || die "sekishod $option ends with status $status: $(cat "$W/said")"
		[[ $(cat "$W/said") = *"time namespace whose boot time is $offset"* ]] || die "sekishod $option says: $(cat "$W/said")"
	done
	daemon_start
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "with a right clock"
	no_gap
}

# hold_many NAME COUNT ARG...: connections that stay until hold_many_end.
hold_many() {
	local count=$1 said=
	shift
	mkfifo "$W/hold.in" "$W/hold.out"
	client "$BIN/conns" hold --count "$count" --end client-reset --list "$W/held" "$@" <"$W/hold.in" >"$W/hold.out" 2>>"$LOG" &
	HOLD=$!
	PIDS+=("$HOLD")
	exec {HOLD_IN}>"$W/hold.in"
	read -r said <"$W/hold.out"
	[ "$said" = ready ] || die "conns hold: $(tail -n 1 "$LOG")"
}
hold_many_end() {
	echo end >&"$HOLD_IN"
	wait "$HOLD" || die "conns hold: $(tail -n 1 "$LOG")"
}

# "Seen" is what is in the ring. The ring is full while half of them begin: those are lost, counted, and stay
# unmarked, so that nothing is said of their end; and their tuples are recorded when they come again.
marked_before_reserve() {
	local rows lost_opens ready=$W/ready said=
	world
	conf "hook = $RUNG" 'ring_size = 64K'
	conf_tenant web "$NET4.1"
	OPTIONAL_FIELDS=rtt,t_close
	grant web
	daemon_start
	mkfifo "$ready"
	node "$BIN/conns" obey "$NET4.1:443" >"$ready" 2>>"$LOG" &
	PIDS+=($!)
	read -r said <"$ready"
	[[ $said = ready* ]] || die "conns obey: $(tail -n 1 "$LOG")"
	client sysctl -qw net.ipv4.ip_local_port_range='20000 23199'
	daemon_freeze
	hold_many 1600 "$NET4.1:443"
	daemon_thaw
	search "$W/rows" --tenant web
	rows=$(lines "$W/rows")
	hold_many_end
	cut -d, -f1-4 "$W/held" >"$W/list"
	sleep 1.3 # counters become gaps once a second
	gaps "$W/gaps"
	lost_opens=$(lost "$SHARE_FULL" web)
	[ "$rows" -gt 0 ] && [ "$lost_opens" -gt 0 ] || die "recorded $rows, lost $lost_opens: the test proves nothing"
	[ $((rows + lost_opens)) -eq 1600 ] || die "made 1600, recorded $rows, lost $lost_opens"
	search "$W/rows" --tenant web
	[ "$(lines "$W/rows")" -eq "$rows" ] || die "$(lines "$W/rows") rows after the ends, $rows before"
	[ "$(cut -d, -f17 "$W/rows" | grep -c Z)" -eq "$rows" ] || die "$(cut -d, -f17 "$W/rows" | grep -c Z) close times of $rows"
	[ "$(status_value recorder rows)" -eq $((2 * rows)) ] || die "$(status_value recorder rows) events taken, expected $rows and their ends"
	tuples "$W/rows" | sort >"$W/before"
	# The same ports again, now with room.
	connect "$W/again" --count 1600 --procs 1 --rate 1500 --fire "$NET4.1:443"
	cat "$W/before" "$W/again" >"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "again"
	sort "$W/again" | comm -12 - <(cut -d, -f1-4 "$W/held" | sort | comm -23 - "$W/before") >"$W/second"
	[ -s "$W/second" ] || die "no tuple that was lost came again: the test proves nothing"
}

# What the kernel's counters say, all tenants and processors together; 15 is SEKISHO_LOSS_SHARE.
kernel_count() {
	bpftool map dump pinned "$PINS/losses" -j 2>>"$LOG" | sed 's/"formatted"/\n&/g' |
		grep -E '^"formatted":\{"key":\{"tenant":[0-9]+,"reason":15\}' | grep -oE '"count":[0-9]+' |
		awk -F: '{ n += $2 } END { print n + 0 }'
}

# Reading does not touch the counter: it is read between and during losses, and the sum stays exact.
counter_zeroed() {
	local i before=0 now
	simple_world 'ring_size = 64K'
	serve "$NET4.1:443"
	load "$W/list" --count 10000000 --rate 12000 --from "$NET4.100,$NET4.101" "$NET4.1:443"
	for i in {1..12}; do
		daemon_freeze
		sleep 0.15
		daemon_thaw
		sleep 0.15
		now=$(kernel_count)
		[ "$now" -ge "$before" ] || die "the kernel's counter went from $before back to $now"
		before=$now
	done
	load_end stop
	sleep 1.3
	gaps "$W/gaps"
	search "$W/rows" --tenant web
	[ "$(kernel_count)" -gt 0 ] || die "nothing was lost: the test proves nothing"
	[ "$(lost "$SHARE_FULL" web)" -eq "$(kernel_count)" ] || die "gaps say $(lost "$SHARE_FULL" web), the kernel $(kernel_count)"
	[ "$(lines "$W/list")" -eq $(($(lines "$W/rows") + $(kernel_count))) ] ||
		die "made $(lines "$W/list"), recorded $(lines "$W/rows"), lost $(kernel_count)"
	[ "$(wc -l <"$W/gaps")" -ge 2 ] || die "$(wc -l <"$W/gaps") gaps: the counter was read only once"
}

# A few events, fewer than wake the collector, and SIGTERM at once: they are in the journal, before any restart.
last_batch() {
	local i
	simple_world
	serve "$NET4.1:443" "[$NET6:1]:443"
	: >"$W/list"
	for i in {1..4}; do
		connect "$W/one" --count $((i * 7)) --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
		daemon_end TERM
		cat "$W/one" >>"$W/list"
		search "$W/rows" --tenant web
		same_rows "$W/list" "$W/rows" "after SIGTERM $i, without a daemon"
		daemon_start
	done
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "at last"
	no_gap
}

# While the write of the frame does not return, its events stay in the ring; killed there, nothing is lost.
consumer_ahead() {
	local before
	simple_world
	daemon_end
	export STALL_WHILE=$W/stall STALL_CALL=write STALL_SECONDS=30 STALL_LOG=$W/stalls
	disk_stands no
	LD_PRELOAD=$BIN/stall.so "$BIN/sekishod" -c "$CONF" -f >>"$LOG" 2>&1 &
	DAEMON=$!
	daemon_await
	serve "$NET4.1:443"
	connect "$W/list" --count 500 "$NET4.1:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "before"
	before=$(consumer) || die "cannot read the ring: $before"
	disk_stands yes
	connect "$W/more" --count 500 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	wait_until 5 grep -qs '^begun write' "$W/stalls" || die "no write of the journal stalled"
	connect "$W/more" --count 500 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	sleep 0.5
	[ "$(consumer)" = "$before" ] || die "the consumer went from $before to $(consumer) before its frame was written"
	daemon_end KILL
	disk_stands no
	daemon_start
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "killed in the write"
	no_gap
	[ "$(consumer)" -ge $((before + 80 * 1000)) ] || die "the consumer is at $(consumer), was at $before"
	verify
}

# A filter in the mapped spelling keeps out what it must.
mapped_filter() {
	simple_world
	serve '[::]:443'
	connect "$W/list" --count 120 --from "$NET4.100,$NET4.101,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	for state in live sealed; do
		[ "$state" = live ] || seal
		for word in --src --dst; do
			search "$W/rows" "$word" ::ffff:198.51.100.7
			[ ! -s "$W/rows" ] || die "$state: $word ::ffff:198.51.100.7 finds $(lines "$W/rows") rows of others"
			search "$W/rows" "$word" ::ffff:0:0/96
			grep -v "$NET6:" "$W/list" >"$W/v4"
			same_rows "$W/v4" "$W/rows" "$state: $word ::ffff:0:0/96"
		done
		search "$W/rows" --src "::ffff:$NET4.100"
		grep "^$NET4.100," "$W/list" >"$W/one"
		same_rows "$W/one" "$W/rows" "$state: --src ::ffff:$NET4.100"
	done
}

# The programs of an older generation stay attached beside the new ones: both emit, one row is stored.
two_hooks() {
	local i produced
	simple_world
	serve "$NET4.1:443" "[$NET6:1]:443"
	daemon_end
	mkdir "$PINS-old"
	# shellcheck disable=SC2064 # now
	trap "rm -rf '$PINS-old'; world_end" EXIT
	for i in 1 2; do
		bpftool link pin pinned "$PINS/link_set_state_$i" "$PINS-old/$i" >>"$LOG" 2>&1 ||
			bpftool link pin id "$(bpftool link show pinned "$PINS/link_set_state_$i" | sed -n '1s/:.*//p')" "$PINS-old/$i" >>"$LOG" 2>&1 ||
			die "bpftool link pin: $(tail -n 1 "$LOG")"
	done
	rm "$PINS/link_set_state_1" # as if it were of another build: both are replaced
	daemon_start
	produced=$(status_value ring produced)
	connect "$W/list" --count 2000 --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "two generations at once"
	[ $(($(status_value ring produced) - produced)) -eq $((2 * 80 * 2000)) ] ||
		die "the ring has $(($(status_value ring produced) - produced)) bytes of 2,000 connections: not two events of each"
	seal
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "two generations at once, sealed"
	no_gap
}

run_case AC-17_bug_local_port_swapped local_port_swapped
run_case AC-16_bug_address_of_the_listener listener_address
run_case AC-25_bug_boot_time_as_monotonic monotonic
run_case AC-25_boot_time_of_a_namespace boot_time_of_a_namespace
run_case AC-81_bug_marked_before_reserve marked_before_reserve
run_case AC-81_bug_loss_counter_zeroed counter_zeroed
run_case AC-79_bug_last_batch_at_SIGTERM last_batch
run_case AC-79_bug_consumer_ahead_of_disk consumer_ahead
run_case AC-87_bug_mapped_filter_open mapped_filter
run_case AC-80_bug_counted_by_two_hooks two_hooks
finish
