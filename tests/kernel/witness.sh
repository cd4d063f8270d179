#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# witness = yes: a sock_ops program beside set_state counts what that one is to see, and stores nothing. Both
# agree; what the one missed is counted, told and a gap.
. "$(dirname "$0")/../lib.sh"

N=$((SLOW ? 100 : 1000))
EVENT_BYTES=80 # in the ring (schema/event.h), with the kernel's header

# witness BY_HOOK BY_WITNESS MISSED WHAT
witness() {
	status_value ring produced >/dev/null
	local got
	got="$(said witness by_hook) $(said witness by_witness) $(said witness missed)"
	[ "$got" = "$1 $2 $3" ] || die "$4: by hook, by witness and missed are $got, expected $1 $2 $3"
}

# witness_world [LOOPBACK [SELECTOR]]
witness_world() {
	world
	conf "hook = $RUNG" "witness = yes" "record_loopback = ${1-no}" "canary_interval = 1s"
	conf_tenant web "$NET4.1" "$NET6:1" ${2+"$2"}
	conf_tenant quiet "$NET4.2"
	grant web
	daemon_start
}

# Connections of all kinds that are seen at another moment than most, or by another path, or are none.
mixed() {
	node sysctl -qw net.ipv4.tcp_fastopen=3
	client sysctl -qw net.ipv4.tcp_fastopen=3
	serve "[::]:443"
	serve --fastopen --read "$NET4.1:446"
	serve --no-accept "$NET4.1:444"
	serve "$NET4.2:445"
	connect "$W/list" --count "$N" --from "$NET4.100,$NET6:100" "$NET4.1:443" "[$NET6:1]:443"
	connect "$W/more" --count 20 --fastopen --from "$NET4.101" "$NET4.1:446"
	cat "$W/more" >>"$W/list"
	connect "$W/more" --count 20 --fire --from "$NET4.102" "$NET4.1:444"
	cat "$W/more" >>"$W/list"
	[ "$(counter "$NODE" TcpExt TCPFastOpenPassive)" -gt 0 ] || die "nothing came with data in the SYN"
	connect "$W/unasked" --count 30 "$NET4.2:445" # a tenant without consent
	node "$BIN/conns" selfconnect "$NET4.1:7001" >>"$LOG" 2>&1 || die "selfconnect: $(tail -n 1 "$LOG")"
}

agrees() {
	local n
	witness_world yes
	mixed
	n=$(lines "$W/list")
	sleep 1.5 # until a difference would have settled
	witness "$n" "$n" 0 "at rest"
	[ "$(said ring produced)" -eq $((n * EVENT_BYTES)) ] || die "the ring has seen $(said ring produced) bytes for $n connections"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "with a witness"
	no_gap
	sekisho status | grep -q "^Witness:   sock_ops saw $n connections, the hook $n: 0 missed\$" || die "status says: $(sekisho status | grep Witness)"
}

# A kernel that skips the hook, as tracepoints are under overload: here its links are gone.
missed() {
	witness_world
	serve "$NET4.1:443"
	connect "$W/list" --count "$N" "$NET4.1:443"
	witness "$N" "$N" 0 "before"
	unhook "$PINS/link_set_state_1" "$PINS/link_set_state_2"
	connect "$W/unseen" --count 70 "$NET4.1:443"
	is_missed() { [ "$(status_value witness missed)" = 70 ]; }
	wait_until 5 is_missed || die "missed is $(said witness missed), not 70"
	witness "$N" $((N + 70)) 70 "while the hook is away"
	sleep 1.2 # counters become gaps once a second
	[ "$(awk '/the kernel has skipped the hook: / { n += $(NF - 5) } END { print n + 0 }' "$LOG")" -eq 70 ] ||
		die "the log does not say so"
	gaps "$W/gaps" --tenant web
	[ "$(awk -F'|' '$1 == "hook skipped by the kernel" { n += $3 } END { print n + 0 }' "$W/gaps")" -eq 70 ] ||
		die "the gaps are: $(cat "$W/gaps")"
	daemon_end
	# It is stated once, also by the next run; and what comes then is seen by both again.
	daemon_start
	connect "$W/more" --count 50 "$NET4.1:443"
	cat "$W/more" >>"$W/list"
	sleep 1.5
	witness $((N + 50)) $((N + 120)) 70 "after a restart"
	gaps "$W/gaps" --tenant web
	[ "$(awk -F'|' '$1 == "hook skipped by the kernel" { n += $3 } END { print n + 0 }' "$W/gaps")" -eq 70 ] ||
		die "after a restart the gaps are: $(cat "$W/gaps")"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "what the hook saw"
}

# hook_gaps N WHAT: so many were skipped, as the gaps say.
hook_gaps() {
	gaps "$W/gaps" --tenant web
	grep '^hook skipped by the kernel|' "$W/gaps" >"$W/hook_gaps"
	[ "$(awk -F'|' '{ n += $3 } END { print n + 0 }' "$W/hook_gaps")" -eq "$1" ] || die "$2: of $1 missed the gaps say: $(cat "$W/hook_gaps")"
}

missed_is() { [ "$(status_value witness missed)" = "$1" ]; }

# What gaps have said is said once, whoever was away meanwhile; and a witness that is behind hides no later miss.
said_once() {
	local before
	witness_world
	serve "$NET4.1:443"
	unhook "$PINS/link_set_state_1" "$PINS/link_set_state_2"
	connect "$W/unseen" --count 70 "$NET4.1:443"
	wait_until 5 missed_is 70 || die "missed is $(said witness missed), not 70"
	daemon_end
	daemon_start
	unhook "$PINS/link_witness"
	connect "$W/list" --count 10 "$NET4.1:443"
	daemon_end
	daemon_start
	sleep 2.5
	witness 10 70 70 "when the witness was away"
	hook_gaps 70 "after a restart with a witness that is behind"

	next_case AC-82_witness_without_a_collector
	daemon_end
	unhook "$PINS/link_set_state_1" "$PINS/link_set_state_2"
	before=$(utc_now)
	connect "$W/unseen" --count 30 "$NET4.1:443"
	sleep 6
	daemon_start
	wait_until 5 missed_is 100 || die "missed is $(said witness missed), not 100"
	sleep 1.2 # counters become gaps once a second
	hook_gaps 100 "missed while no collector ran"
	[ "$(awk -F'|' -v before="$before" '$4 < before { n += $3 } END { print n + 0 }' "$W/hook_gaps")" -gt 70 ] ||
		die "the gap begins after $before: $(cat "$W/hook_gaps")"
	[ "$(awk '/the kernel has skipped the hook: / { n += $(NF - 5) } END { print n + 0 }' "$LOG")" -eq 100 ] ||
		die "the log says: $(grep 'has skipped the hook' "$LOG")"
}

# The canary is of nobody, also where a selector covers its address.
no_canary() {
	witness_world no 127.0.0.0/8
	serve "$NET4.1:443"
	connect "$W/list" --count 20 "$NET4.1:443"
	sleep 4.5
	# Other connections to 127.0.0.1 on this machine are of this tenant, too.
	status_value witness missed >/dev/null
	[ "$(said witness by_hook)" -ge 20 ] && [ "$(said witness by_hook) $(said witness missed)" = "$(said witness by_witness) 0" ] ||
		die "by hook $(said witness by_hook), by witness $(said witness by_witness), missed $(said witness missed) while canaries came"
	[ "$(said canary missing)" = false ] || die "no canary came: the test proves nothing"
	[[ $(said canary last_seen) > $(utc_in -3) ]] || die "no canary came since $(said canary last_seen)"
	no_gap
}

# switched: it is armed by the configuration alone, beside set_state alone.
switched() {
	witness_world
	[ -e "$PINS/link_witness" ] || die "no witness is pinned"
	daemon_end
	conf "hook = $RUNG"
	conf_tenant web "$NET4.1" "$NET6:1"
	daemon_start
	[ ! -e "$PINS/link_witness" ] || die "the witness stays"
	[ "$(status_value '' witness)" = null ] || die "status says witness $(said '' witness)"
	daemon_end
	conf "hook = sock_ops" "witness = yes"
	conf_tenant web "$NET4.1" "$NET6:1"
	daemon_start
	grep -q 'witness = yes is for hook set_state only: ignoring it' "$LOG" || die "nothing is said of it"
	[ ! -e "$PINS/link_witness" ] || die "a witness beside sock_ops"
	daemon_end
	"$BIN/sekishod" -c "$CONF" --disarm >>"$LOG" 2>&1 || die "--disarm failed: $(tail -n 1 "$LOG")"
	[ ! -e "$PINS" ] || die "pins stay behind: $(ls "$PINS")"
}

run_case AC-77_witness_agrees agrees
run_case AC-82_witness_counts_what_was_missed missed
run_case AC-82_witness_says_it_once said_once
run_case AC-85_witness_and_canary no_canary
run_case_once AC-77_witness_switched switched
finish
