#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The capture bench runs and its tables are complete; its numbers are another matter. While it measures, sekisho
# records exactly what was made, and a ring that is full counts every connection as lost (AC-24, AC-81).
. "$(dirname "$0")/../lib.sh"

BENCH=$ROOT/tests/bench/capture/run

# row NAME: the rest of the only line of the tables that begins with it.
row() {
	local found
	found=$(sed -n "s/^  $1 \+//p" "$W/bench/capture.txt")
	[ "$(wc -l <<<"$found")" -eq 1 ] && [ -n "$found" ] || die "not one row '$1' in the tables: '$found'"
	printf '%s\n' "$found"
}

reading() { awk -F'\t' -v OFS=, -v p="$1" -v v="$2" -v k="$3" '$1 == p && $2 == v && $4 == k { print $5 }' "$W/bench/capture.tsv" | paste -sd' '; }

tables_are_complete() {
	local key
	"$BENCH" OUT="$W/bench" PAIRS=1 PEERS= PEER_PAIRS=1 COUNT=500 RATES="400 0" ROUNDS=1 SECONDS_PER_RUN=1 \
		LATENCY_ROUNDS=1 MEMORY_SECONDS=1 >"$W/out" 2>"$W/err" || die "status $?: $(tail -n 1 "$W/err")"
	cmp -s "$W/out" "$W/bench/capture.txt" || die "what it printed is not what it kept"
	for key in command kernel machine 'load before' 'load after'; do
		grep -q "^$key  *[^ ]" "$W/out" || die "no line '$key'"
	done
	[[ $(row sekisho\ \ *1\ \ ) =~ \ 500\ +500\ +0\ \(0\.00\ %\)$ ]] || die "the row of sekisho: $(row 'sekisho  *1  ')"
	cp "$W/bench/capture.tsv" "$W/readings"
	printf 'pairs:tcpdump\ttcpdump\t0\tunavailable\tnot installed\n' >>"$W/readings"
	python3 "$ROOT/tests/bench/capture/table.py" "$W/readings" >"$W/tables" && grep -q '^  tcpdump  *cannot run here: not installed$' "$W/tables" ||
		die "no row for a tool that is not there"
	[ "$(reading parts:400 sekisho recorded)" = 400 ] || die "at 400/s: $(reading parts:400 sekisho recorded) of 400 recorded"
	[ "$(reading parts:0 sekisho recorded)" = 15000 ] || die "without limit: $(reading parts:0 sekisho recorded) of 15000 recorded"
	[ "$(reading memory sekisho recorded)" = 10000 ] || die "memory: $(reading memory sekisho recorded) of 10000 recorded"
	[ "$(reading latency sekisho recorded)" = 4000 ] || die "latency: $(reading latency sekisho recorded) of 4000 recorded"
	[ "$(reading latency full made)" = 4000 ] && [ "$(reading latency full lost)" -ge 4000 ] ||
		die "ring full: $(reading latency full made) made, $(reading latency full lost) lost"
	row 'ring full' >/dev/null
	# A bench that measures nothing would not notice: programs ran for each connection, and threads worked.
	for key in bpf_ns empty_ns sekishod.recorder_ns busy_ns command_ns; do
		[ "$(reading parts:0 sekisho "$key")" -gt 0 ] || die "$key is '$(reading parts:0 sekisho "$key")'"
	done
	[ "$(reading parts:0 sekisho bpf_runs)" -ge 30000 ] || die "only $(reading parts:0 sekisho bpf_runs) runs for 15000 connections"
	[ "$(reading dispatch empty dispatch_ns | wc -w)" -eq 7 ] || die "no cost of calls: $(reading dispatch empty dispatch_ns)"
	[ "$(reading parts:0 sealing sekishod.sealer_ns)" -gt 0 ] || die "sealing took no time"
	[ -z "$(ip netns | grep "^$RUN_ID-[0-9]*-" | grep -v "^$NODE\|^$CLIENT")" ] || die "the bench left a namespace"
}

wrong_arguments() {
	local argument status
	for argument in PAIRS=x PAIRS=-1 COUNT= RATES=fast PEERS=what WHAT=1 pairs; do
		status=0
		"$BENCH" "$argument" >"$W/out" 2>"$W/err" || status=$?
		[ "$status" -eq 2 ] && [ "$(wc -l <"$W/err")" -eq 1 ] && grep -q "'${argument#*=}'\|'$argument'" "$W/err" ||
			die "$argument: status $status, $(head -n 1 "$W/err")"
	done
}

run_case AC-24,81_bench_tables tables_are_complete
run_case bench_arguments wrong_arguments
finish
