#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Containers: whose connection it is by the cgroup or the network namespace of the listener, while containers
# come and go. Each container has a namespace and a cgroup of its own, and more where unshare can do it.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/places_containers"

# A tenant by its cgroup, one by its namespace, and neighbours on the same bridge who are nobody's.
each_kind() {
	begin_world
	tenant cg "cgroup=$CGP/cg"
	tenant ns "netns=$(ns_of ns)"
	grant cg
	grant ns
	container cg "$NET4.1"
	container ns "$NET4.2"
	container other "$NET4.3"
	mkdir "$CG/cg/system" "$CG/cg/system/nginx"
	daemon_start
	listen cg cg "$NET4.1:80"
	listen cg cg/system/nginx "$NET4.1:443"
	listen ns ns "$NET4.2:80"
	listen other other "$NET4.3:80"
	connect "$W/cg" --count 60 "$NET4.1:80,$NET4.1:443"
	connect "$W/ns" --count 40 --from "$NET4.101" "$NET4.2:80"
	connect "$W/other" --count 50 --from "$NET4.102" "$NET4.3:80"
	cat "$W/cg" "$W/ns" >"$W/list"
	all_rows "$W/rows"
	same_rows "$W/list" "$W/rows" "two of three containers"
	[ "$(column $TENANT "$W/rows")" = 'cg=60 ns=40' ] || die "rows of $(column $TENANT "$W/rows")"
	for who in cg ns; do
		grep ",$who," "$W/rows" >"$W/own"
		same_rows "$W/$who" "$W/own" "tenant $who"
	done
	no_gap
}

# Two containers by their namespaces: for a hook that can tell no cgroup.
namespaces_alone() {
	local who
	begin_world
	for who in one two; do
		tenant "$who" "netns=$(ns_of "$who")"
		grant "$who"
	done
	container one "$NET4.1"
	container two "$NET4.2"
	container other "$NET4.3"
	daemon_start
	for who in one two other; do
		listen "$who" "$who" '0.0.0.0:80'
	done
	connect "$W/one" --count 40 "$NET4.1:80"
	connect "$W/two" --count 30 --from "$NET4.101" "$NET4.2:80"
	connect "$W/other" --count 20 --from "$NET4.102" "$NET4.3:80"
	cat "$W/one" "$W/two" >"$W/list"
	all_rows "$W/rows"
	same_rows "$W/list" "$W/rows" "two of three containers"
	[ "$(column $TENANT "$W/rows")" = 'one=40 two=30' ] || die "rows of $(column $TENANT "$W/rows")"
	no_gap
}

restart_by_cgroup() {
	local gone back new
	begin_world
	tenant web "cgroup=$CGP/web"
	tenant mute "cgroup=$CGP/mute"
	grant web
	container web "$NET4.1"
	container mute "$NET4.2"
	container other "$NET4.3"
	mkdir -p "$CG/web/system/nginx"
	daemon_start
	await "cgroup:$CGP/web" covered
	listen web web "$NET4.1:80"
	listen web web/system/nginx "$NET4.1:443"
	listen mute mute "$NET4.2:80"
	listen other other "$NET4.3:80"
	connect "$W/one" --count 60 "$NET4.1:80,$NET4.1:443"
	connect "$W/others" --count 40 --from "$NET4.101" "$NET4.2:80,$NET4.3:80"
	all_rows "$W/rows"
	same_rows "$W/one" "$W/rows" "the container, its descendants, and no neighbour"
	[ "$(column $TENANT "$W/rows")" = web=60 ] || die "rows of $(column $TENANT "$W/rows")"
	no_gap

	next_case AC-64_restart_cgroup_same_path
	[ "$(places)" -eq 2 ] || die "$(places) places in the kernel, expected 2"
	container_end web
	gone=$(utc_now)
	await "cgroup:$CGP/web" unresolved
	[ "$(places)" -eq 1 ] || die "the cgroup that is gone is still in the kernel's map"
	gaps "$W/gaps"
	[ "$(grep -c '^selector unresolved|web|null|' "$W/gaps")" = 1 ] || die "while it is gone: $(cat "$W/gaps")"
	# Somebody else's container comes first, and must not be taken for it.
	container new "$NET4.4"
	listen new new "$NET4.4:80"
	connect "$W/new" --count 20 "$NET4.4:80"
	back=$(utc_now)
	container web "$NET4.1"
	listen web web "$NET4.1:80"
	await "cgroup:$CGP/web" covered
	new=$(utc_now)
	connect "$W/two" --count 50 "$NET4.1:80"
	cat "$W/one" "$W/two" >"$W/list"
	all_rows "$W/rows"
	same_rows "$W/list" "$W/rows" "the container that came back"
	check_gap "$gone" "$back" "$new"
	grep -q "tenant web: cgroup:$CGP/web is unresolved: not recorded\$" "$LOG" || die "the log does not say that it is gone"
	[ "$(grep -c "tenant web: cgroup:$CGP/web is cgroup id [1-9][0-9]*\$" "$LOG")" -eq 2 ] || die "the log does not say what it is"
	! grep -q 'tenant mute: \|tenant ?' "$LOG" || die "the log tells of who did not consent"
	seal
	all_rows "$W/rows"
	same_rows "$W/list" "$W/rows" "sealed"
	check_gap "$gone" "$back" "$new"
	verify
}

restart_by_netns() {
	local gone back new
	begin_world
	tenant web "netns=$(ns_of web)"
	grant web
	container_net web "$NET4.1"
	container_net other "$NET4.2"
	daemon_start
	await "netns:$(ns_of web)" covered
	serve_in "$(space web)" "$NET4.1:80"
	serve_in "$(space other)" "$NET4.2:80"
	connect "$W/one" --count 50 "$NET4.1:80"
	connect "$W/others" --count 50 "$NET4.2:80"
	kill -KILL "${PIDS[0]}"
	wait "${PIDS[0]}" 2>/dev/null
	ip netns del "$(space web)"
	gone=$(utc_now)
	await "netns:$(ns_of web)" unresolved
	[ "$(places)" -eq 0 ] || die "the namespace that is gone is still in the kernel's map"
	# An empty file, as a killed `ip netns del` leaves it, and a link to a process are no namespaces.
	: >"$(ns_of web)"
	sleep 0.6
	is_state "netns:$(ns_of web)" unresolved || die "an empty file is taken for a namespace"
	ln -sf "/proc/${PIDS[1]}/ns/net" "$(ns_of web)"
	sleep 0.6
	is_state "netns:$(ns_of web)" unresolved || die "a link to a process is taken for a namespace"
	rm "$(ns_of web)"
	back=$(utc_now)
	container_net web "$NET4.3"
	await "netns:$(ns_of web)" covered
	new=$(utc_now)
	serve_in "$(space web)" "$NET4.3:80"
	connect "$W/two" --count 50 "$NET4.3:80"
	cat "$W/one" "$W/two" >"$W/list"
	all_rows "$W/rows"
	same_rows "$W/list" "$W/rows" "a namespace that came back"
	check_gap "$gone" "$back" "$new"
}

# Two namespaces with the same addresses, two clients with the same address and port: two tenants.
same_tuple() {
	local ns
	begin_world
	container_net a "$NET4.1"
	ip -n "$NODE" link set veth0 nomaster
	ip netns exec "$CLIENT" sysctl -qw net.ipv4.ip_local_port_range='40000 40000'
	# The second pair is connected by a cable of its own.
	for ns in b client2; do
		SPACES+=("$(space $ns)")
		ip netns add "$(space $ns)" || die "cannot make namespace $ns"
	done
	{
		ip link add eth0 netns "$(space b)" type veth peer name eth0 netns "$(space client2)" &&
			ip -n "$(space b)" addr add "$NET4.1/24" dev eth0 && ip -n "$(space client2)" addr add "$NET4.100/24" dev eth0 &&
			ip -n "$(space b)" link set eth0 up && ip -n "$(space client2)" link set eth0 up &&
			ip -n "$NODE" link set veth0 master br0
	} || die "cannot connect them"
	ip netns exec "$(space client2)" sysctl -qw net.ipv4.ip_local_port_range='40000 40000'
	tenant a "netns=$(ns_of a)"
	tenant b "netns=$(ns_of b)"
	grant a
	grant b
	daemon_start
	serve_in "$(space a)" "$NET4.1:80"
	serve_in "$(space b)" "$NET4.1:80"
	connect "$W/a" --procs 1 --count 1 --from "$NET4.100" "$NET4.1:80" &
	connect_in "$(space client2)" "$W/b" --procs 1 --count 1 --from "$NET4.100" "$NET4.1:80"
	wait $!
	cmp -s "$W/a" "$W/b" || die "the tuples differ: $(cat "$W/a" "$W/b")"
	for ns in a b; do
		search "$W/rows" --tenant "$ns"
		same_rows "$W/$ns" "$W/rows" "tenant $ns"
	done
}

# A cgroup before a namespace before an address; and nobody without all of them.
between_kinds() {
	local who
	begin_world
	container web "$NET4.1"
	tenant cg "cgroup=$CGP/web"
	tenant ns "netns=$(ns_of web)"
	tenant ad "address=$NET4.1"
	for who in cg ns ad; do
		grant "$who"
	done
	daemon_start
	listen web web "$NET4.1:80"
	expect_tenant cg all_three
	for who in ad ns cg; do
		withdraw "$who"
		expect_tenant "" "without_$who"
		grant "$who"
		expect_tenant cg "with_$who"
	done
	# Without the cgroup's selector.
	conf "hook = $RUNG"
	tenant ns "netns=$(ns_of web)"
	tenant ad "address=$NET4.1"
	kill -HUP "$DAEMON"
	wait_until 5 test "$(places)" -le 1
	sleep 0.3
	expect_tenant ns namespace_and_address
	withdraw ad
	expect_tenant "" namespace_alone
	# A listener that is declared shared later shuts its address out, too.
	grant ad
	expect_tenant ns both_again
	conf "hook = $RUNG" "shared_listener = $NET4.1:80"
	tenant ns "netns=$(ns_of web)"
	kill -HUP "$DAEMON"
	sleep 0.5
	expect_tenant "" shared_listener
}

# Of cgroups the nearest; who is inside and has not agreed is nobody's.
nested() {
	begin_world
	container web "$NET4.1"
	mkdir "$CG/web/inner" "$CG/web/inner/deep"
	tenant outer "cgroup=$CGP/web"
	tenant inner "cgroup=$CGP/web/inner"
	grant outer
	daemon_start
	listen web web/inner/deep "$NET4.1:80"
	listen web web "$NET4.1:81"
	expect_tenant "" inner_never_agreed
	connect "$W/control" --count 10 "$NET4.1:81"
	search "$W/some" --tenant outer
	same_rows "$W/control" "$W/some" "around it"
	all_rows "$W/rows"
	grant inner
	expect_tenant inner inner_agreed
	withdraw inner
	expect_tenant "" inner_withdrew
}

# The child has its listener's cgroup before anybody accepts it.
never_accepted() {
	begin_world
	container web "$NET4.1"
	tenant web "cgroup=$CGP/web"
	grant web
	daemon_start
	listen web web --no-accept "$NET4.1:80"
	connect "$W/list" --count 50 --fin "$NET4.1:80"
	all_rows "$W/rows"
	same_rows "$W/list" "$W/rows" "never accepted"
}

# The container is made anew while no daemon runs: nothing under its old id, and the gap is stated.
while_stopped() {
	local gone back new
	begin_world
	container web "$NET4.1"
	tenant web "cgroup=$CGP/web"
	grant web
	daemon_start
	listen web web "$NET4.1:80"
	connect "$W/one" --count 30 "$NET4.1:80"
	daemon_end "$1"
	connect "$W/two" --count 30 "$NET4.1:80"
	container_end web
	gone=$(utc_now)
	container web "$NET4.1"
	listen web web "$NET4.1:80"
	connect "$W/missed" --count 30 "$NET4.1:80"
	back=$(utc_now)
	daemon_start
	await "cgroup:$CGP/web" covered
	new=$(utc_now)
	connect "$W/three" --count 30 "$NET4.1:80"
	cat "$W/one" "$W/two" "$W/three" >"$W/list"
	all_rows "$W/rows"
	same_rows "$W/list" "$W/rows" "made anew without a daemon"
	check_gap "$gone" "$back" "$new"
}

# Gone when the daemon is killed, and still gone afterwards: no hole between the two statements.
gone_at_the_kill() {
	local gone back new
	begin_world
	container web "$NET4.1"
	tenant web "cgroup=$CGP/web"
	grant web
	daemon_start
	await "cgroup:$CGP/web" covered
	container_end web
	gone=$(utc_now)
	await "cgroup:$CGP/web" unresolved
	sleep 1
	daemon_end KILL
	sleep 1
	daemon_start
	await "cgroup:$CGP/web" unresolved
	back=$(utc_now)
	container web "$NET4.1"
	await "cgroup:$CGP/web" covered
	new=$(utc_now)
	check_gap "$gone" "$back" "$new"
	listen web web "$NET4.1:80"
	connect "$W/list" --count 30 "$NET4.1:80"
	all_rows "$W/rows"
	same_rows "$W/list" "$W/rows" "after it"
}

# Nobody has mounted cgroup2: the daemon has a mount of its own, which nobody else sees.
without_a_mount() {
	begin_world
	container web "$NET4.1"
	tenant web "cgroup=$CGP/web"
	grant web
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation private sh -c '
		for dir in $(awk "\$3 == \"cgroup2\" { print \$2 }" /proc/self/mounts); do umount -l "$dir"; done
		! grep -q " cgroup2 " /proc/self/mounts || exit 9
		exec "$@"' sh "$BIN/sekishod" -c "$CONF" -f >>"$LOG" 2>&1 &
	DAEMON=$!
	daemon_await
	await "cgroup:$CGP/web" covered
	! grep -q ' cgroup2 ' "/proc/$DAEMON/mounts" || die "the mount has a place: $(grep ' cgroup2 ' "/proc/$DAEMON/mounts")"
	listen web web "$NET4.1:80"
	connect "$W/list" --count 30 "$NET4.1:80"
	all_rows "$W/rows"
	same_rows "$W/list" "$W/rows" "a mount of its own"
}

# What no hook can tell is said, in status and in every answer.
interface() {
	begin_world
	container_net web "$NET4.1"
	tenant web "interface=lo" "address=$NET4.1"
	grant web
	daemon_start
	is_state interface:lo 'not evaluated' || die "the interface is \"$(state interface:lo)\""
	sekisho status | grep -q 'interface:lo  (ifindex 1)  NOT COVERED: ' || die "status does not say NOT COVERED"
	serve_in "$(space web)" "$NET4.1:80"
	connect "$W/list" --count 20 "$NET4.1:80"
	sleep 1.1
	all_rows "$W/rows"
	same_rows "$W/list" "$W/rows" "by its address all the same"
	gaps "$W/gaps"
	[ "$(cut -d'|' -f1-3 "$W/gaps")" = 'selector not evaluated by this hook|web|null' ] || die "gaps: $(cat "$W/gaps")"
}

# Two names of one namespace: nobody can say whose it is.
two_names() {
	begin_world
	container_net web "$NET4.1"
	: >"$W/name"
	mount --bind "$(ns_of web)" "$W/name"
	MOUNTS=("$W/name" "${MOUNTS[@]}")
	tenant a "netns=$(ns_of web)"
	tenant b "netns=$W/name"
	grant a
	daemon_start
	serve_in "$(space web)" "$NET4.1:80"
	expect_tenant "" b_never_agreed
	grant b
	is_state "netns:$W/name" ambiguous || die "b is $(state "netns:$W/name")"
	expect_tenant "" both_agreed
	conf "hook = $RUNG"
	tenant a "netns=$(ns_of web)"
	kill -HUP "$DAEMON"
	await "netns:$(ns_of web)" covered
	expect_tenant a one_name
}

for RUNG in set_state fexit kretprobe; do
	! kernel_has "$RUNG" || run_case AC-64_cgroup_and_namespace each_kind
done
# The same for every hook: what the programs look up is what changes.
RUNG=sock_ops
run_case AC-64_namespaces_alone namespaces_alone
RUNG=set_state
run_case_once AC-64_containers_by_cgroup restart_by_cgroup
run_case_once AC-64_restart_netns_same_path restart_by_netns
run_case_once AC-12_between_kinds between_kinds
run_case_once AC-12_same_tuple_in_two_namespaces same_tuple
run_case_once AC-12_nearest_cgroup nested
run_case AC-64_child_has_the_listeners_cgroup never_accepted
run_case_once AC-64_made_anew_after_sigterm while_stopped TERM
run_case_once AC-64_made_anew_after_sigkill while_stopped KILL
run_case_once AC-64_gone_at_the_kill gone_at_the_kill
run_case_once AC-64_cgroup2_not_mounted without_a_mount
run_case_once AC-64_interface_not_covered interface
run_case_once AC-12_two_names_of_one_namespace two_names
finish
