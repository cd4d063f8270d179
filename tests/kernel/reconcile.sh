#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel's own count of passive openings (TcpPassiveOpens) against what the hook saw: what is missing is
# stated, exactly and with its time, and nothing else ever is.
. "$(dirname "$0")/../lib.sh"

compared_world() {
	netns_world
	serve '[::]:443'
	SERVER_OF_NODE=$SERVER
	connect "$W/list" --count 500 "$NET4.1:443"
}

compared() { status_value reconciled "$1"; }

# A difference is stated when five looks in a row had it, which are 0.2 s apart and, before the first, 1 s.
agreed() { [ "$(compared doubted)" = 0 ]; }
settle() {
	sleep 1.5
	wait_until 10 agreed || die "a difference is neither stated nor gone after 10 s"
	sleep 1.2 # counters become gaps once a second
}

# all_is_accounted_for WHAT: made = recorded + not seen, and as many openings as the kernel counted.
all_is_accounted_for() {
	local made recorded missed
	made=$(lines "$W/list")
	search "$W/rows" --dst 0.0.0.0/0
	gaps "$W/gaps"
	recorded=$(lines "$W/rows") missed=$(lost "$NOT_SEEN" web)
	[ "$made" = "$(counter "$NODE" Tcp PassiveOpens)" ] || die "$1: made $made, the kernel counted otherwise: the test proves nothing"
	[ "$made" -eq $((recorded + missed)) ] || die "$1: made $made, recorded $recorded, not seen $missed"
	no_extra "$W/list" "$W/rows" "$1"
}

detached() {
	local before after missed from to said
	compared_world
	settle
	no_gap
	[ "$(compared recorded)" = 500 ] && [ "$(compared not_seen)" = 0 ] ||
		die "recorded $(compared recorded) of 500, not seen $(compared not_seen)"
	before=$(utc_in $((SLOW ? -60 : -3)))
	load "$W/two" --count 1000000 --rate 2000 "$NET4.1:443"
	sleep 0.3
	daemon_end
	unhook "$PINS"/link_*
	sleep 1
	daemon_start
	after=$(utc_in $((SLOW ? 60 : 3)))
	sleep 0.3
	load_end stop
	cat "$W/two" >>"$W/list"
	settle
	all_is_accounted_for "detached for a second"
	missed=$(lost "$NOT_SEEN" web)
	[ "$missed" -gt 200 ] || die "$missed were missed in a second: the test proves nothing"
	[ "$(compared not_seen)" = "$missed" ] || die "status says $(compared not_seen), the gaps $missed"
	# In one piece, or in more when the machine is slow.
	said=$(sed -n 's/.*error: hook: \([0-9]*\) connections that the kernel counted were not seen (network namespace .*/\1/p' "$LOG" | paste -sd+)
	[ $((${said:-0})) -eq "$missed" ] || die "the log says ${said:-nothing} of $missed"
	from=$(grep "^$NOT_SEEN|" "$W/gaps" | head -n 1 | cut -d'|' -f4) to=$(grep "^$NOT_SEEN|" "$W/gaps" | tail -n 1 | cut -d'|' -f5)
	[[ $from > $before && $to < $after && $from < $to ]] || die "they were within $from and $to, not $before and $after"
	sekisho search --case TEST-1 --basis WARRANT --json --src 192.0.2.255 --from "$before" --to "$after" >"$W/json" 2>/dev/null
	grep -q '"GAP"' "$W/json" && ! grep -q TRUE_NONE "$W/json" || die "the search over it says $(grep reasons "$W/json")"

	next_case AC-82_stated_once
	daemon_end KILL
	daemon_start
	settle
	all_is_accounted_for "killed afterwards"
	seal
	all_is_accounted_for "sealed"
	daemon_end
	daemon_start
	settle
	all_is_accounted_for "stopped and started"
	[ "$(compared not_seen)" = 0 ] || die "after a start nothing more is missing, and status says $(compared not_seen)"
	verify
}

# The programs stay, the collector comes and goes: nothing is missing, and nothing is said to be.
no_false_alarm() {
	local i rounds=3
	compared_world
	[ "$LONG" = 0 ] || rounds=40
	for ((i = 0; i < rounds; i++)); do
		load "$W/two" --count 1000000 --rate 5000 "$NET4.1:443"
		sleep 1
		daemon_end
		daemon_start
		sleep 0.5
		load_end stop
		cat "$W/two" >>"$W/list"
	done
	settle
	all_is_accounted_for "$rounds times restarted"
	few_missing "$(lost "$NOT_SEEN" web)" "$(lines "$W/list")"
	[ "$(lost "$NOT_SEEN" web)" = 0 ] || [ "$SLOW" -eq 1 ] || die "$(lost "$NOT_SEEN" web) connections not seen, although the programs stayed"
	[ "$(lost "$NOT_SEEN" web)" = 0 ] || cannot_see "$(lost "$NOT_SEEN" web) connections, as the kernel's own count says"
}

# Not passive, whatever the states: the kernel does not count them, and neither do we. And what is not recorded is
# compared all the same.
what_is_not_recorded() {
	local openings before
	compared_world
	settle
	openings=$(counter "$NODE" Tcp PassiveOpens)
	node "$BIN/conns" selfconnect "$NET4.1:7001" >>"$LOG" 2>&1 || die "self-connect: $(tail -n 1 "$LOG")"
	node "$BIN/conns" selfconnect "[$NET6:1]:7001" >>"$LOG" 2>&1 || die "self-connect: $(tail -n 1 "$LOG")"
	serve_in "$CLIENT" '[::]:80'
	connect_in "$NODE" "$W/outbound" --count 300 "$NET4.100:80"
	[ "$(counter "$NODE" Tcp PassiveOpens)" = "$openings" ] || die "the kernel counts them as passive: the test proves nothing"
	connect_in "$NODE" "$W/local" --count 70 --from "$NET4.2" "$NET4.1:443"
	settle
	[ "$(compared not_seen)" = 0 ] && [ "$(compared recorded)" = 500 ] && [ "$(compared loopback)" = 70 ] ||
		die "$(compared not_seen) not seen, $(compared recorded) recorded, $(compared loopback) loopback"
	sekisho consent withdraw web --actor test >"$W/said" 2>&1 || die "withdraw: $(cat "$W/said")"
	settle
	[ "$(compared namespaces)" = 1 ] || die "a namespace of nobody is compared: $(compared namespaces) are"
	before=$(compared no_consent)
	connect "$W/other" --count 1000 --from "$NET4.101" "$NET4.1:443"
	settle
	no_gap --tenant web --from 2020-01-01T00:00:00Z --to "$(utc_in -5)"
	# What others on this machine connect in its own namespace, which is compared always, is far less.
	[ "$(compared recorded)" = 0 ] && [ $(($(compared no_consent) - before)) -lt 500 ] ||
		die "who did not consent is counted: $(compared recorded) recorded, $(($(compared no_consent) - before)) without consent"
}

# What went away cannot be compared to its end; what no selector names is not compared at all: both are said.
vanished_and_elsewhere() {
	compared_world
	sed -i 's/^\[tenant web\]/[tenant other]\naddress = '"$NET4.100"'\n&/' "$CONF"
	kill -HUP "$DAEMON"
	sleep 0.5
	grant other
	serve_in "$CLIENT" '[::]:80'
	[ "$(compared elsewhere)" = 0 ] || die "$(compared elsewhere) elsewhere before there was any"
	connect_in "$NODE" "$W/elsewhere" --count 30 "$NET4.100:80"
	settle
	[ "$(compared elsewhere)" = 30 ] || die "$(compared elsewhere) recorded elsewhere, 30 were"
	sekisho status | grep -q '^ *NOT COMPARED: 30 recorded in other network namespaces$' || die "status does not say so"
	[ "$(compared vanished)" = 0 ] || die "a namespace is gone before it is"
	kill "$SERVER_OF_NODE" && wait "$SERVER_OF_NODE" 2>/dev/null
	ip netns del "$NODE" || die "cannot remove the namespace"
	sleep 1.5
	[ "$(compared vanished)" = 1 ] && [ "$(compared namespaces)" = 1 ] ||
		die "$(compared vanished) namespaces are gone, $(compared namespaces) compared"
	grep -q "warning: network namespace /run/netns/$NODE is gone: its connections since 20.* are not reconciled" "$LOG" ||
		die "the log does not say so: $(tail -n 3 "$LOG")"
}

# Whoever is asked for the counts does not answer: that is said, and made up for.
not_to_be_read() {
	compared_world
	settle
	kill -STOP "$DAEMON" # the warden, who also passes on what the log has
	connect "$W/more" --count 40 --from "$NET4.101" "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	sleep $((SLOW ? 30 : 12))
	kill -CONT "$DAEMON"
	wait_until 20 grep -q "warning: the counts of network namespace /run/netns/$NODE cannot be read: Connection timed out" "$LOG" ||
		die "the log does not say that it cannot be read: $(tail -n 3 "$LOG")"
	wait_until 20 grep -q "the counts of network namespace /run/netns/$NODE can be read again" "$LOG" || die "it is not read again"
	settle
	[ "$(compared unread)" = 0 ] && [ "$(compared error)" = null ] || die "status says $(compared unread) unread: $(compared error)"
	[ "$(compared recorded)" = 540 ] && [ "$(compared not_seen)" = 0 ] || die "$(compared recorded) of 540 recorded, $(compared not_seen) not seen"
	no_gap
}

run_case AC-82_detached_for_a_second detached
run_case AC-24_no_false_alarm no_false_alarm
run_case AC-23_what_is_not_recorded what_is_not_recorded
run_case_once AC-82_not_to_be_read_is_said not_to_be_read
run_case_once AC-82_not_compared_is_said vanished_and_elsewhere
finish
