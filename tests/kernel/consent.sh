#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Consent is enforced in the kernel: what no live grant covers never reaches the ring.
. "$(dirname "$0")/../lib.sh"

# A control connection is recorded; then nothing of what "$@" (a traffic function) does.
nothing_recorded() {
	local before after
	connect "$W/list" --count 20 --from "$NET4.100" "$NET4.1:443"
	before=$(status_value ring produced)
	"$@"
	after=$(status_value ring produced)
	[ -n "$before" ] && [ "$before" -gt 0 ] || die "ring.produced is '$before' after the control connections"
	[ "$before" = "$after" ] || die "ring.produced rose from $before to $after"
	connect "$W/more" --count 20 --from "$NET4.100" "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	[ "$(status_value ring produced)" -gt "$after" ] || die "the second control connections are not in the ring"
	search "$W/rows" --dst 0.0.0.0/0
	same_rows "$W/list" "$W/rows" "control connections"
	search "$W/rows" --dst ::/0
	[ ! -s "$W/rows" ] || die "a row that must not be: $(head -n 1 "$W/rows")"
	seal
	for address in "$NET4.101" "$NET6:101"; do
		search "$W/rows" --src "$address"
		[ ! -s "$W/rows" ] || die "a sealed row of $address: $(head -n 1 "$W/rows")"
	done
	search "$W/rows" --src "$NET4.100"
	same_rows "$W/list" "$W/rows" "sealed control connections"
	[ "$(status_value recorder refused)" = 0 ] || die "the kernel let events through that user space had to refuse"
}

# elsewhere ADDR...: 500 connections that must not be recorded, from .101 and ::101.
elsewhere() {
	local dst=()
	for address; do
		case $address in
		*:*) dst+=("[$address]:443") ;;
		*) dst+=("$address:443") ;;
		esac
	done
	connect "$W/elsewhere" --count 500 --from "$NET4.101,$NET6:101" "${dst[@]}"
	[ "$(lines "$W/elsewhere")" -eq 500 ] || die "the traffic that must not be recorded did not happen"
}

two_tenants() {
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1" "$NET6:1"
	conf_tenant other "$NET4.4" "$NET6:4"
	grant web
}

unknown_address() {
	two_tenants
	daemon_start
	serve '[::]:443'
	nothing_recorded elsewhere "$NET4.9" "$NET6:9" "$NET4.4" "$NET6:4" # the latter have a tenant without a grant
}

no_grant() {
	two_tenants
	daemon_start
	serve '[::]:443'
	nothing_recorded elsewhere "$NET4.4" "$NET6:4"
}

wrong_port() {
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1:443" "[$NET6:1]:443"
	grant web
	daemon_start
	serve '[::]:443' '[::]:80'
	other_port() { connect "$W/elsewhere" --count 500 --from "$NET4.101,$NET6:101" "$NET4.1:80" "[$NET6:1]:80"; }
	nothing_recorded other_port
}

no_grant_at_all() {
	local produced
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1" "$NET6:1"
	daemon_start
	serve '[::]:443'
	connect "$W/list" --count 1000 "$NET4.1:443" "[$NET6:1]:443"
	produced=$(status_value ring produced)
	[ "$produced" = 0 ] || die "ring.produced is $produced without any grant"
	search "$W/rows" --tenant web
	[ ! -s "$W/rows" ] || die "a row without a grant"
	grant web
	connect "$W/list" --count 10 "$NET4.1:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "after the first grant"
}

withdrawn() {
	two_tenants
	grant other
	daemon_start
	serve '[::]:443'
	connect "$W/before" --count 50 --from "$NET4.102" "$NET4.4:443"
	sekisho consent withdraw other >>"$LOG" 2>&1 || die "withdraw failed: $(tail -n 1 "$LOG")"
	search "$W/rows" --tenant other
	same_rows "$W/before" "$W/rows" "before the withdrawal"
	traffic() { elsewhere "$NET4.4" "$NET6:4"; }
	connect "$W/list" --count 20 --from "$NET4.100" "$NET4.1:443"
	local before after
	before=$(status_value ring produced)
	traffic
	after=$(status_value ring produced)
	[ "$before" = "$after" ] || die "ring.produced rose from $before to $after after the withdrawal"
	search "$W/rows" --src "$NET4.101"
	[ ! -s "$W/rows" ] || die "a row after the withdrawal: $(head -n 1 "$W/rows")"
	grant other
	connect "$W/again" --count 20 --from "$NET4.102" "$NET4.4:443"
	cat "$W/again" >>"$W/before"
	search "$W/rows" --tenant other
	same_rows "$W/before" "$W/rows" "after the second grant"
	[ "$(cut -d, -f$CONSENT "$W/rows" | sort -u | wc -l)" -eq 2 ] || die "both grants have one number"
}

# Under load: t < t_withdraw for every record, and traffic goes on behind it (AC-06).
withdrawn_under_load() {
	local said when last begun took
	simple_world
	serve "$NET4.1:443"
	load "$W/list" --count 1000000 --rate 2000 "$NET4.1:443"
	sleep 0.5
	begun=$(date +%s%N)
	said=$(sekisho consent withdraw web 2>&1) || die "withdraw: $said"
	took=$((($(date +%s%N) - begun) / 1000000))
	[ "$took" -le $((SLOW ? 15000 : 1000)) ] || die "the withdrawal took $took ms"
	when=$(grep -oE '[0-9]{4}-[^ ]*Z' <<<"$said" | head -n 1)
	[ -n "$when" ] || die "withdraw does not say when: $said"
	search "$W/then" --tenant web
	[ -s "$W/then" ] || die "nothing was recorded before the withdrawal"
	sleep 1
	load_end stop
	search "$W/rows" --tenant web
	[ "$(lines "$W/rows")" -lt "$(lines "$W/list")" ] || die "the load ended before the withdrawal"
	last=$(cut -d, -f$TIME "$W/rows" | sort | tail -n 1)
	[[ $last < $when ]] || die "a record at $last, withdrawn at $when"
	no_extra "$W/list" "$W/rows" "withdrawn under load"
}

# The consent is changed under load: every connection is recorded, under one of the two numbers, without a hole (AC-10).
modified_under_load() {
	simple_world
	serve "$NET4.1:443"
	load "$W/list" --count 6000 --rate 2000 "$NET4.1:443"
	sleep 0.5
	sekisho consent modify web --retention 20 >>"$LOG" 2>&1 || die "modify: $(tail -n 1 "$LOG")"
	load_end
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "over a change"
	[[ $(column $CONSENT "$W/rows") =~ ^1=[1-9][0-9]*\ 2=[1-9][0-9]*$ ]] ||
		die "consent numbers: $(column $CONSENT "$W/rows")"
	no_gap --tenant web
	[ "$(status_value recorder refused)" = 0 ] || die "the second lock refused events"
}

# What a change leaves out ends with it: addresses, and the times at which connections end (AC-11).
modified_to_less() {
	local fields=src_addr,src_port,dst_addr,dst_port,t_accept
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1" "$NET4.2"
	OPTIONAL_FIELDS=t_close
	grant web
	daemon_start
	serve "$NET4.1:443" "$NET4.2:443"
	connect "$W/list" --count 20 "$NET4.1:443" "$NET4.2:443"
	wait_until 5 closes_are 20 || die "$(lines "$W/closed") of 20 ends are recorded"
	sed -i "/^address = $NET4.2\$/d" "$CONF"
	sekisho consent modify web --fields "$fields" >>"$LOG" 2>&1 || die "modify: $(tail -n 1 "$LOG")"
	connect "$W/more" --count 20 "$NET4.1:443"
	connect "$W/elsewhere" --count 20 --from "$NET4.101" "$NET4.2:443"
	sleep 0.5
	closes_are 20 || die "$(lines "$W/closed") ends are recorded instead of the 20 that were agreed"
	cat "$W/more" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "before and after"
	sekisho consent modify web --fields "$fields,t_close" >>"$LOG" 2>&1 && die "widened without a text"
	seal
	verify
	closes_are 20 || die "$(lines "$W/closed") ends are sealed"
}

closes_are() { # COUNT: rows that have their end
	search "$W/rows" --tenant web
	cut -d, -f17 "$W/rows" | grep . >"$W/closed"
	[ "$(lines "$W/closed")" -eq "$1" ]
}

# Of a tenant that is no longer in the configuration: its consent can be ended all the same.
withdrawn_when_not_configured() {
	two_tenants
	grant other
	daemon_start
	serve '[::]:443'
	connect "$W/before" --count 20 --from "$NET4.102" "$NET4.4:443"
	sed -i '/^\[tenant other\]$/,/^$/d' "$CONF"
	sekisho consent withdraw other >>"$LOG" 2>&1 || die "withdraw: $(tail -n 1 "$LOG")"
	elsewhere "$NET4.4" "$NET6:4"
	search "$W/rows" --tenant other
	same_rows "$W/before" "$W/rows" "before the withdrawal"
	search "$W/rows" --src "$NET4.101"
	[ ! -s "$W/rows" ] || die "a row after the withdrawal"
}

# A withdrawal while no daemon runs reaches the kernel all the same.
withdrawn_without_daemon() {
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 30 "$NET4.1:443"
	daemon_end KILL
	connect "$W/more" --count 30 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	sekisho consent withdraw web >>"$LOG" 2>&1 || die "withdraw failed: $(tail -n 1 "$LOG")"
	connect "$W/after" --count 200 --from "$NET4.101" "$NET4.1:443"
	daemon_start
	search "$W/rows" --dst 0.0.0.0/0
	same_rows "$W/list" "$W/rows" "before the withdrawal"
}

# The end of a grant is compared in the kernel: it holds while the daemon is stopped or gone (AC-08).
expires() {
	local how=$1 life=2.5 count=1800 until stopped seen recorded produced event
	[ "$SLOW" -eq 0 ] || life=20 count=12000
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1"
	daemon_start
	serve "$NET4.1:443"
	until=$(utc_in "$life")
	grant web "$until"
	load "$W/list" --count "$count" --rate 500 "$NET4.1:443"
	sleep 0.5
	case $how in
	stopped) daemon_freeze ;;
	terminated) daemon_end ;;
	killed) daemon_end KILL ;;
	running) ;;
	esac
	stopped=$(utc_now)
	load_end
	[[ $stopped < $until && $(utc_now) > $until ]] || die "the machine is too slow for this test"
	connect "$W/after" --count 100 --from "$NET4.101" "$NET4.1:443"
	case $how in
	stopped) daemon_thaw ;;
	terminated | killed) daemon_start ;;
	esac
	search "$W/rows" --tenant web
	seen=$(cut -d, -f$TIME "$W/rows" | sort | tail -n 1)
	[[ -n $seen && $seen > $stopped ]] || die "recording ended at $seen, when the daemon was $how at $stopped"
	[[ $seen < $until ]] || die "a record at $seen, although the grant ended at $until"
	no_extra "$W/list" "$W/rows" "$how"
	recorded=$(lines "$W/rows")
	search "$W/rows" --src "$NET4.101"
	[ ! -s "$W/rows" ] || die "a row from after the end of the grant"
	produced=$(status_value ring produced)
	grant web
	connect "$W/again" --count 10 --from "$NET4.102" "$NET4.1:443"
	search "$W/rows" --src "$NET4.102"
	same_rows "$W/again" "$W/rows" "after a new grant"
	# It was the kernel that stopped: the ring held no more events than there are rows, apart from a few
	# at the very end whose time user space may convert a little later than the kernel.
	event=$((($(status_value ring produced) - produced) / 10))
	[ "$event" -gt 0 ] && [ $((produced / event - recorded)) -le 5 ] ||
		die "$((produced / event)) events in the ring, $recorded rows: the kernel did not stop"
}

run_case AC-02,03_unknown_address unknown_address
run_case_once AC-02,03_tenant_without_grant no_grant
run_case_once AC-02,03_port_outside_of_selector wrong_port
run_case AC-01,03_no_grant_at_all no_grant_at_all
run_case AC-03,06_withdrawn withdrawn
run_case AC-06_withdrawn_under_load withdrawn_under_load
run_case_once AC-06_withdrawn_without_daemon withdrawn_without_daemon
run_case_once AC-06_withdrawn_when_not_configured withdrawn_when_not_configured
run_case_once AC-10_modified_under_load modified_under_load
run_case_once AC-11_modified_to_less modified_to_less
run_case_once AC-08_expires_while_running expires running
run_case AC-08_expires_while_stopped expires stopped
run_case_once AC-08_expires_after_SIGTERM expires terminated
run_case_once AC-08_expires_after_SIGKILL expires killed
finish
