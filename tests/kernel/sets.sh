#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What was recorded equals the client's own list, tuple for tuple: every address family, wildcard
# listeners, the ports at the edges; from the journal and from sealed segments.
. "$(dirname "$0")/../lib.sh"

# A wildcard listener for IPv4, two for both families, one on single addresses; ports 1 to 65535.
serve_all() {
	serve 0.0.0.0:1 '[::]:256' '[::]:443' "$NET4.1:65535" "$NET4.2:65535" "$NET4.3:65535" \
		"[$NET6:1]:65535" "[$NET6:2]:65535"
}

destinations() {
	local i port
	for port in 1 256 443 65535; do
		for i in 1 2 3; do
			printf '%s:%s,' "$NET4.$i" "$port"
		done
		[ "$port" -eq 1 ] || printf '[%s]:%s,' "$NET6:1" "$port" "$NET6:2" "$port"
	done
	# The client's socket can be an IPv6 one too.
	printf '[::ffff:%s]:443,[::ffff:%s]:65535\n' "$NET4.1" "$NET4.2"
}

sources() { echo "$NET4.100,$NET4.101,$NET6:100,$NET6:101"; }

# An IPv4 client of an IPv6 socket is shown as IPv4 and flagged (AC-16): here the listeners on [::].
mapped_flagged() {
	local want got wrong
	want=$(awk -F, '$3 !~ /:/ && ($4 == 256 || $4 == 443)' "$1" | wc -l)
	got=$(cut -d, -f"$FLAGS" "$2" | grep -c v6_socket)
	[ "$want" -gt 0 ] && [ "$want" -eq "$got" ] || die "$got rows flagged v6_socket, expected $want"
	wrong=$(awk -F, -v f="$FLAGS" '$f ~ /v6_socket/ && ($6 ~ /:/ || $4 ~ /:/ || ($7 != 256 && $7 != 443))' "$2" | head -n 1)
	[ -z "$wrong" ] || die "flagged v6_socket, but is not: $wrong"
}

every_address_and_port() {
	local seen
	seen=$(cut -d, -f6,7 "$1" | sort -u | wc -l)
	[ "$seen" -eq 18 ] || die "$seen different destinations recorded, expected 18"
}

check_rows() {
	local kind
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "$1"
	mapped_flagged "$W/list" "$W/rows"
	every_address_and_port "$W/rows"
	kind=$(column $KIND "$W/rows")
	[ "$kind" = "$2=$(lines "$W/list")" ] || die "kind is $kind, expected all $2"
	[ "$(cut -d, -f$TIME "$W/rows" | sort -c 2>&1)" = "" ] || die "rows are not in time order"
	no_gap
	grep -q "\"hooks\":\[\"$RUNG\"\]" "$W/json" || die "the answer does not name hook $RUNG: $(grep '"hooks"' "$W/json")"
}

# equal_sets COUNT KIND
equal_sets() {
	world
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1" "$NET4.2/31" "$NET6:/64"
	grant web
	daemon_start
	[ "$(status_value '' hook)" = "$RUNG" ] || die "status says hook $(status_value '' hook)"
	serve_all
	connect "$W/list" --count "$1" --from "$(sources)" "$(destinations)"
	[ "$(lines "$W/list")" -eq "$1" ] || die "the list has $(lines "$W/list") lines, not $1"
	check_rows "live journal" "$2"

	next_case "AC-16,17,19,33,76_equal_sets_sealed_$1"
	seal
	[ "$(find "$STATE/segments/web" -name '*.sks' | wc -l)" -ge 1 ] || die "no segment after seal"
	check_rows "sealed" "$2"
	verify
	! kernel_only || return 0
	connect "$W/more" --count 50 --from "$(sources)" "$(destinations)"
	cat "$W/more" >>"$W/list"
	check_rows "partly sealed" "$2"
	daemon_end
	check_rows "without a daemon" "$2"
	verify
}

# AC-17: 50001 is 0xC351; swapped it would be 20931.
byte_order() {
	simple_world
	client sysctl -qw net.ipv4.ip_local_port_range='50001 50001'
	serve "$NET4.1:443" "[$NET6:1]:443"
	connect "$W/list" --count 1 "$NET4.1:443"
	connect "$W/list6" --count 1 "[$NET6:1]:443"
	cat "$W/list6" >>"$W/list"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "port 50001"
	[ "$(column 5 "$W/rows")" = 50001=2 ] || die "source port is $(column 5 "$W/rows"), not 50001"
	search "$W/rows" --tenant web --src-port 50001 --dst-port 443
	[ "$(lines "$W/rows")" -eq 2 ] || die "the search for source port 50001 finds $(lines "$W/rows") rows"
	search "$W/rows" --tenant web --src-port 20931
	[ "$(lines "$W/rows")" -eq 0 ] || die "the search for source port 20931 finds rows"
}

# Both spellings of a v4-mapped address find the same rows, and a prefix finds its addresses only.
spellings() {
	simple_world
	serve '[::]:443'
	connect "$W/list" --count 30 --from "$NET4.100,$NET4.101,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	search "$W/a" --src "$NET4.100"
	search "$W/b" --src "::ffff:$NET4.100"
	[ "$(grep -c "^$NET4.100," "$W/list")" -eq "$(lines "$W/a")" ] || die "--src $NET4.100 finds $(lines "$W/a") rows"
	cmp -s "$W/a" "$W/b" || die "::ffff:$NET4.100 and $NET4.100 find different rows"
	search "$W/a" --src "$NET4.100/31"
	[ "$(grep -c "^$NET4.10[01]," "$W/list")" -eq "$(lines "$W/a")" ] || die "--src $NET4.100/31 finds $(lines "$W/a") rows"
	search "$W/a" --src "$NET6:/64"
	[ "$(grep -c "^$NET6:" "$W/list")" -eq "$(lines "$W/a")" ] || die "--src $NET6:/64 finds $(lines "$W/a") rows"
}

# The best rung carries the large number; the others show that they record the same.
[ $# -gt 0 ] || set -- set_state sock_ops fexit kretprobe
for RUNG in "$@"; do
	kernel_has "$RUNG" || continue # forced.sh proves that it is refused
	case $RUNG in
	set_state) count=$((SLOW ? 20000 : LONG ? 1000000 : 100000)) kind=established ;;
	sock_ops) count=2000 kind=established ;;
	*) count=2000 kind=accepted ;;
	esac
	count=${SEKISHO_COUNT:-$count}
	run_case "AC-16,17,19,76_equal_sets_live_$count" equal_sets "$count" "$kind"
done
for RUNG in sock_ops set_state; do
	run_case AC-17_byte_order byte_order
done
run_case AC-16,87_both_spellings spellings
finish
