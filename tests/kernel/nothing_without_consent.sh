#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Who did not consent is nowhere (AC-01, AC-02, AC-03): not in a frame, section or catalog, not in a map, in the ring or in
# the collector's memory, in no form; the same scan finds in each of these places who did. Needs python3.
. "$(dirname "$0")/../lib.sh"

# some_address 4|6: one whose bytes are nowhere by chance: no small numbers. On the client, and known to the node.
some_address() {
	local octets address=
	# shellcheck disable=SC2207 # numbers
	octets=($(od -An -N16 -tu1 /dev/urandom))
	if [ "$1" = 4 ]; then
		address=$((129 + octets[0] % 60)).$((129 + octets[1] % 120)).$((129 + octets[2] % 120)).$((129 + octets[3] % 120))
		ip -n "$CLIENT" addr add "$address/32" dev veth0 && ip -n "$NODE" route add "$address/32" dev veth0 || die "cannot use $address"
	else
		address=$(printf '2a0c:%x%02x:%x%02x:%x%02x:%x%02x:%x%02x:%x%02x:%x%02x' \
			$((129 + octets[2] % 120)) "${octets[3]}" $((129 + octets[4] % 120)) "${octets[5]}" \
			$((129 + octets[6] % 120)) "${octets[7]}" $((129 + octets[8] % 120)) "${octets[9]}" \
			$((129 + octets[10] % 120)) "${octets[11]}" $((129 + octets[12] % 120)) "${octets[13]}" \
			$((129 + octets[14] % 120)) "${octets[15]}")
		ip -n "$CLIENT" addr add "$address/128" dev veth0 nodad && ip -n "$NODE" route add "$address/128" dev veth0 || die "cannot use $address"
	fi
	printf '%s' "$address"
}

# Sources that nobody consented to be recorded (STRANGE) and those of the control connections.
choose() {
	local i
	STRANGE=()
	for i in 4 4 4 4 6 6; do
		STRANGE+=("$(some_address $i)") || exit 1
	done
	CONTROL=("$(some_address 4)" "$(some_address 6)") || exit 1
	LATER=("$(some_address 4)" "$(some_address 6)") || exit 1
}
joined() { local IFS=,; printf '%s' "$*"; }

scan() { # FILE ADDRESS...
	local out=$1
	shift
	python3 "$ROOT/tests/kernel/scan_node.py" --state "$STATE" --pins "$PINS" --pid "$DAEMON" --file "$LOG.daemon" "$@" >"$out" 2>"$W/scan.err" ||
		die "the scan failed: $(tail -n 1 "$W/scan.err")"
}
scanned() { awk -v what="$1" '$1 == "scanned" && $2 == what { print $3 }' "$W/scan"; }
# found_at PLACE ADDRESS
found_at() { awk -v place="$1" -v address="$2" '$1 == "hit" && $2 == place && $3 == address { n++ } END { exit !n }' "$W/scan"; }

# The daemon's own log is looked through; that of the test has other things.
start() {
	"$BIN/sekishod" -c "$CONF" -f >>"$LOG.daemon" 2>&1 &
	DAEMON=$!
	LOG=$LOG.daemon daemon_await
}

# Without the canaries, the collector's own connections.
produced() { python3 "$ROOT/tests/kernel/scan_node.py" --pins "$PINS" "$NET4.1" | awk '$2 == "produced" { n += $3 } $2 == "canary_bytes" { n -= $3 } END { print n }'; }

# The strange addresses are nowhere. By chance four bytes may be somewhere in what is looked through: then only the
# short forms are found, and $1 may try again with other addresses.
nowhere() {
	awk '$1 == "hit" && $3 == "-"' "$W/scan" >"$W/alien"
	[ ! -s "$W/alien" ] || die "$1: a cell of a catalog that no row explains: $(cat "$W/alien")"
	local address
	: >"$W/found"
	for address in "${STRANGE[@]}"; do
		awk -v address="$address" '$1 == "hit" && $3 == address' "$W/scan" >>"$W/found"
	done
	[ ! -s "$W/found" ] || awk '$4 != "network" && $4 != "reversed" { exit 1 }' "$W/found" ||
		die "$1: found what nobody consented to: $(head -n 3 "$W/found")"
	[ "$(lines "$W/found")" -le 1 ] || die "$1: found what nobody consented to: $(head -n 3 "$W/found")"
	[ ! -s "$W/found" ] || { printf '# by chance: %s\n' "$(cat "$W/found")" && return 1; }
}

# Who consented is found wherever it must be: $1, with the places that hold it: ADDRESS PLACE...
everywhere() {
	local what=$1 address=$2 place
	shift 2
	for place; do
		found_at "$place" "$address" || die "$what: the scan does not find $address in $place: $(grep -F " $address " "$W/scan" | head -n 5)"
	done
}

looked_through() {
	local what
	for what in frames maps ring_bytes memory_of_heap memory_of_stack memory_of_mapped files "$@"; do
		[ "$(scanned "$what")" -gt 0 ] 2>/dev/null || die "the scan looked through no $what: $(grep ^scanned "$W/scan")"
	done
}

strange_traffic() { # COUNT DST...
	local count=$1
	shift
	connect "$W/strange" --count "$count" --from "$(joined "${STRANGE[@]}")" "$@"
	[ "$(lines "$W/strange")" -eq "$count" ] || die "the traffic that nobody consented to did not happen"
	local address
	for address in "${STRANGE[@]}"; do
		grep -qF "$address," "$W/strange" || die "no connection from $address"
	done
}

# 1,000 connections to a node on which nobody consented; then somebody does.
no_grant_try() {
	world
	choose
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1" "$NET6:1"
	start
	serve '[::]:443'
	strange_traffic 1000 "$NET4.1:443" "[$NET6:1]:443"
	[ "$(produced)" = 0 ] || die "the ring's producer moved to $(produced) without any grant"
	scan "$W/scan" "${STRANGE[@]}"
	looked_through
	[ "$(scanned rows)" = 0 ] || die "$(scanned rows) rows without any grant"
	nowhere "no grant" || return 1
	grant web
	connect "$W/list" --count 40 --from "$(joined "${CONTROL[@]}")" "$NET4.1:443" "[$NET6:1]:443"
	seal
	connect "$W/more" --count 40 --from "$(joined "${LATER[@]}")" "$NET4.1:443" "[$NET6:1]:443"
	search "$W/rows" --tenant web
	cat "$W/more" >>"$W/list"
	same_rows "$W/list" "$W/rows" "control connections"
	scan "$W/scan" "${STRANGE[@]}" "${CONTROL[@]}" "${LATER[@]}" "$NET4.1"
	looked_through sections chunks
	[ "$(scanned rows)" = 80 ] || die "$(scanned rows) rows decoded, expected 80"
	controls
	nowhere "then a grant"
}

# Sealed ones in segment and catalog, the latest in the collector's memory, both in the ring.
controls() {
	local address
	for address in "${CONTROL[@]}"; do
		everywhere "sealed control connections" "$address" rows catalog ring
	done
	for address in "${LATER[@]}"; do
		everywhere "control connections in the journal" "$address" rows ring memory
	done
	everywhere "the tenant's own address" "$NET4.1" maps rows ring memory
}

# Beside a tenant that is recorded, under load, one that is configured and did not consent, one that did no longer, an
# address of nobody, and a port that is not the tenant's.
others_try() {
	local before after event
	world
	choose
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1:443" "[$NET6:1]:443"
	conf_tenant never "$NET4.4" "$NET6:4"
	conf_tenant gone "$NET4.5" "$NET6:5"
	grant web
	grant gone
	start
	serve '[::]:443' '[::]:80'
	sekisho consent withdraw gone >>"$LOG" 2>&1 || die "withdraw: $(tail -n 1 "$LOG")"
	connect "$W/list" --count 40 --from "$(joined "${CONTROL[@]}")" "$NET4.1:443" "[$NET6:1]:443"
	before=$(produced)
	event=$((before / 40))
	[ "$event" -ge 72 ] || die "the ring holds $before bytes after 40 control connections"
	strange_traffic 1000 "$NET4.4:443" "[$NET6:4]:443" "$NET4.5:443" "[$NET6:5]:443" "$NET4.9:443" "[$NET6:9]:443" "$NET4.1:80" "[$NET6:1]:80"
	after=$(produced)
	[ "$before" = "$after" ] || die "the ring's producer moved from $before to $after for who did not consent"
	seal
	# The same at once with traffic that is recorded: nothing but its events moves the producer.
	load "$W/load" --count 3000 --rate 1500 --from "$(joined "${LATER[@]}")" "$NET4.1:443" "[$NET6:1]:443"
	strange_traffic 1000 "$NET4.4:443" "[$NET6:4]:443" "$NET4.5:443" "[$NET6:5]:443" "$NET4.9:443" "[$NET6:9]:443" "$NET4.1:80" "[$NET6:1]:80"
	load_end
	after=$(produced)
	[ $((after - before)) -eq $((3000 * event)) ] || die "3000 connections moved the ring's producer by $((after - before)), not by $((3000 * event))"
	cat "$W/load" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "control connections"
	scan "$W/scan" "${STRANGE[@]}" "${CONTROL[@]}" "${LATER[@]}" "$NET4.1"
	looked_through sections chunks
	[ "$(scanned rows)" = 3040 ] || die "$(scanned rows) rows decoded, expected 3040"
	controls
	nowhere "beside a tenant"
}

# try FUNCTION: a second time with other addresses if something was found by chance.
try() {
	"$1" && return
	world_end
	world_begin
	"$1" || die "found by chance twice"
}

if in_vm; then
	printf 'SKIP %s: no python3\n' "$(name_of AC-01_nothing_without_consent)"
else
	run_case AC-01,03_no_grant_nowhere try no_grant_try
	run_case AC-02,03_others_nowhere try others_try
fi
finish
