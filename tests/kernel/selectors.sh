#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Which tenant a connection belongs to: the longer address prefix wins, among equals the one with the port.
. "$(dirname "$0")/../lib.sh"

# expect TENANT ADDR PORT: the pairs that follow; one connection list for each tenant.
expectations() {
	expect() { printf '%s %s %s\n' "$@" >>"$W/expect"; }
	expect net "$NET4.9" 443            # the /24
	expect net "$NET4.9" 80
	expect half "$NET4.17" 443          # a /28 in it
	expect half "$NET4.18" 80
	expect one "$NET4.19" 443           # an address in that
	expect one "$NET4.19" 80
	expect port "$NET4.20" 443          # the same address with a port is more specific than without
	expect noport "$NET4.20" 80
	expect port24 "$NET4.8" 8443        # a port on the /24 beats the /24
	expect half "$NET4.17" 8443         # but not the longer prefix without a port
	expect one "$NET4.19" 8443
	expect net6 "$NET6:9" 443
	expect port6 "$NET6:2" 443
	expect net6 "$NET6:2" 80
	expect one6 "$NET6:3" 443
	expect one6 "$NET6:3" 80
	expect port6net "$NET6:9" 8443
	expect one6 "$NET6:3" 8443
}

configuration() {
	conf "hook = $RUNG"
	# The order must not matter: specific ones stand before and behind general ones.
	conf_tenant one "$NET4.19"
	conf_tenant net "$NET4.0/24"
	conf_tenant port24 "$NET4.0/24:8443"
	conf_tenant half "$NET4.16/28"
	conf_tenant port "$NET4.20:443"
	conf_tenant noport "$NET4.20"
	conf_tenant net6 "$NET6:/64"
	conf_tenant port6 "[$NET6:2]:443"
	conf_tenant port6net "[$NET6:]/64:8443"
	conf_tenant one6 "$NET6:3"
}

destination() {
	case $1 in
	*:*) echo "[$1]:$2" ;;
	*) echo "$1:$2" ;;
	esac
}

# Two that cross have agreed before they did: nobody is asked again because of a neighbour's selector, and
# which of them counts is certain.
each_to_its_tenant() {
	local tenant address port all=""
	world
	conf "hook = $RUNG"
	conf_tenant port24 "$NET4.0/24:8443"
	conf_tenant port6net "[$NET6:]/64:8443"
	grant port24
	grant port6net
	configuration
	try_grant one >"$W/out" 2>&1
	[ $? -eq 4 ] && grep -q "SHARED_TENANT: $NET4.19 of tenant one crosses $NET4.0/24:8443 of tenant port24" "$W/out" ||
		die "tenants that cross are not refused: $(cat "$W/out")"
	grep -v 8443 "$CONF" | sed '/^\[tenant port\(24\|6net\)\]/d' >"$W/before" # without them
	mv "$CONF" "$W/whole"
	cp "$W/before" "$CONF"
	for tenant in one net half port noport net6 port6 one6; do
		grant "$tenant"
	done
	cp "$W/whole" "$CONF"
	daemon_start
	serve '[::]:443' '[::]:80' '[::]:8443'
	expectations
	while read -r tenant address port; do
		all+=$(destination "$address" "$port"),
	done <"$W/expect"
	connect "$W/all" --count 180 "${all%,}"
	# Each tenant's list by what is expected.
	awk -v out="$W/list." 'NR == FNR { tenant[$2 "," $3] = $1; next }
		{ split($0, part, ","); print >(out tenant[part[3] "," part[4]]) }' "$W/expect" "$W/all"
	[ "$(ls "$W"/list.* | wc -l)" -eq 10 ] || die "connections of $(ls "$W"/list.* | wc -l) tenants, not 10"
	check_tenants
	! kernel_only || return 0
	seal
	check_tenants
}

check_tenants() {
	local list tenant
	for list in "$W"/list.*; do
		tenant=${list##*.}
		search "$W/rows" --tenant "$tenant"
		same_rows "$list" "$W/rows" "tenant $tenant"
		[ "$(column $TENANT "$W/rows")" = "$tenant=$(lines "$list")" ] || die "rows of $(column $TENANT "$W/rows")"
	done
	search "$W/rows" --dst 0.0.0.0/0
	search "$W/rows6" --dst ::/0
	cat "$W/rows6" >>"$W/rows"
	same_rows "$W/all" "$W/rows" "all tenants together"
}

# The more specific tenant has no grant: its connections are nobody else's.
specific_without_grant() {
	local before
	world
	conf "hook = $RUNG"
	conf_tenant net "$NET4.0/24" "$NET6:/64"
	conf_tenant silent "$NET4.9" "$NET4.8:443" "$NET6:9"
	grant net
	daemon_start
	case $1 in
	never) ;;
	withdrawn)
		grant silent
		sekisho consent withdraw silent >>"$LOG" 2>&1 || die "withdraw failed: $(tail -n 1 "$LOG")"
		;;
	expired)
		grant silent "$(utc_in 1)"
		sleep 1.1
		sekisho seal >>"$LOG" 2>&1 # and a reload looks at the consents again
		kill -HUP "$DAEMON"
		sleep 0.3
		;;
	esac
	serve '[::]:443' '[::]:80'
	connect "$W/list" --count 20 "$NET4.1:443" "$NET4.8:80" "[$NET6:1]:443"
	before=$(status_value ring produced)
	connect "$W/silent" --count 90 --from "$NET4.101,$NET6:101" "$NET4.9:443" "$NET4.8:443" "[$NET6:9]:80"
	search "$W/rows" --dst 0.0.0.0/0
	search "$W/rows6" --dst ::/0
	cat "$W/rows6" >>"$W/rows"
	same_rows "$W/list" "$W/rows" "tenant without consent (rows of $(column $TENANT "$W/rows"))"
	[ "$(status_value ring produced)" = "$before" ] || die "its connections reach the ring"
}

run_case AC-12_longest_prefix_wins each_to_its_tenant
run_case_once AC-02,12_specific_tenant_never_granted specific_without_grant never
run_case AC-02,12_specific_tenant_withdrew specific_without_grant withdrawn
run_case_once AC-02,12_specific_tenant_expired specific_without_grant expired
finish
