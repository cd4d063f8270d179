#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Close times: of every connection that was recorded under a consent that includes them, once, and of no other.
. "$(dirname "$0")/../lib.sh"

N=$((SLOW ? 40 : 200))
SLACK=$((SLOW ? 3 : 1)) # seconds by which the server's kernel may be behind the client's last act
CLOSE=17
OPENING_BYTES=80 CLOSE_BYTES=88 # in the ring (schema/event.h), with the kernel's header
declare -A HOLD_IN HOLD_OUT HOLD_PID

# closing_world [CONF-LINE...]: web with close times, other without.
closing_world() {
	world
	conf "hook = $RUNG" "$@"
	conf_tenant web "$NET4.1" "$NET6:1"
	conf_tenant other "$NET4.4" "$NET6:4"
	OPTIONAL_FIELDS=rtt,t_close
	grant web
	OPTIONAL_FIELDS=rtt
	grant other
	daemon_start
}

# obey ADDR:PORT... | any: a server that ends connections as the client says; sets PORT to the last one's.
obey() {
	local ready=$W/ready.$RANDOM$RANDOM
	mkfifo "$ready"
	node "$BIN/conns" obey "$@" >"$ready" 2>>"$LOG" &
	SERVER=$!
	PIDS+=("$SERVER")
	read -r _ PORT <"$ready" || die "conns obey $*: $(tail -n 1 "$LOG")"
}

# hold NAME KIND COUNT ARG...: opens connections that stay until hold_end NAME; their list is then $W/NAME.list.
hold() {
	local name=$1 kind=$2 count=$3 said
	shift 3
	rm -f "$W/$name.in" "$W/$name.out"
	mkfifo "$W/$name.in" "$W/$name.out"
	client "$BIN/conns" hold --count "$count" --end "$kind" --list "$W/$name.list" "$@" \
		<"$W/$name.in" >"$W/$name.out" 2>>"$LOG" &
	HOLD_PID[$name]=$!
	PIDS+=("${HOLD_PID[$name]}")
	exec {HOLD_IN[$name]}>"$W/$name.in" {HOLD_OUT[$name]}<"$W/$name.out"
	read -r said <&"${HOLD_OUT[$name]}" && [ "$said" = ready ] || die "conns hold $kind: $(tail -n 1 "$LOG")"
}

# hold_go NAME: the end begins; hold_wait NAME: the list is written.
hold_go() { echo end >&"${HOLD_IN[$1]}"; }
hold_wait() {
	wait "${HOLD_PID[$1]}" || die "conns hold $1: $(tail -n 1 "$LOG")"
	exec {HOLD_IN[$1]}>&- {HOLD_OUT[$1]}<&-
}
hold_end() {
	hold_go "$1"
	hold_wait "$1"
}

# events OPENINGS CLOSES WHAT [restarted]: so many the kernel has emitted since the ring was made, and so many
# rows were stored. The last closes may come a moment late: the server, an acknowledgement, keepalive.
emitted() { [ "$(status_value ring produced)" -ge "$1" ]; }
events() {
	local produced rows
	wait_until 10 emitted $(($1 * OPENING_BYTES + $2 * CLOSE_BYTES))
	produced=$(status_value ring produced) rows=$(status_value recorder rows)
	[ "$produced" = $(($1 * OPENING_BYTES + $2 * CLOSE_BYTES)) ] ||
		die "${3-}: the ring has seen $produced bytes, expected $(($1 * OPENING_BYTES + $2 * CLOSE_BYTES)) for $1 openings and $2 closes"
	[ "$rows" = $(($1 + $2)) ] || [ "${4-}" = restarted ] || die "${3-}: $rows rows stored, expected $1 + $2"
	[ "$(status_value recorder refused)" = 0 ] || die "${3-}: $(status_value recorder refused) events refused"
}

# as_listed LIST ROWS WHAT: one row for each connection of the list, opened and closed when the client says.
as_listed() {
	local wrong
	cut -d, -f1-4 "$1" >"$W/listed"
	same_rows "$W/listed" "$2" "$3"
	wrong=$(awk -F, -v slack="$SLACK" -v close_at="$CLOSE" '
		function seconds(t,	y, m, day) {
			y = substr(t, 1, 4) + 0
			m = substr(t, 6, 2) + 0
			if (m < 3) {
				y--
				m += 12
			}
			day = 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * m - 457) / 5) + substr(t, 9, 2)
			return day * 86400 + substr(t, 12, 2) * 3600 + substr(t, 15, 2) * 60 + substr(t, 18, 12)
		}
		{ key = FNR == NR ? $1 "," $2 "," $3 "," $4 : $4 "," $5 "," $6 "," $7 }
		FNR == NR {
			opened_from[key] = seconds($5)
			opened_to[key] = seconds($6)
			ended_from[key] = seconds($7)
			ended_to[key] = seconds($8)
			next
		}
		$close_at == "" { print key ": no close time"; next }
		{ opened = seconds($8); closed = seconds($close_at) }
		opened < opened_from[key] - 0.02 || opened > opened_to[key] + slack { print key ": opened at " $8 }
		$close_at < $8 { print key ": closed at " $close_at ", opened at " $8 }
		closed < ended_from[key] - 0.02 || closed > ended_to[key] + slack {
			print key ": closed at " $close_at ", " closed - ended_from[key] " s after the client began to"
		}' "$1" "$2") || die "awk failed"
	[ -z "$wrong" ] || die "$3: $(wc -l <<<"$wrong") of $(lines "$2") rows are wrong, first: $(head -n 1 <<<"$wrong")"
}

# not_closed ROWS WHAT
not_closed() {
	[ -s "$1" ] || die "$2: no row: the test proves nothing"
	[ "$(cut -d, -f$CLOSE "$1" | sort -u)" = "" ] || die "$2: a close time where there must be none: $(grep -m 1 'Z$' "$1")"
}

# as_read ROWS WHAT: a reader that shares no code with ours finds the same rows, close times included.
as_read() {
	! in_vm || return 0 # no python3 there
	python3 "$ROOT/tests/spec/read_store.py" "$STATE" >"$W/read" 2>>"$LOG" || die "$2: the independent reader failed"
	sed 1d "$W/read" | cut -d, -f2- | sort >"$W/read.rows"
	cut -d, -f2- "$1" | sort | cmp -s - "$W/read.rows" ||
		die "$2: the independent reader finds other rows: $(cut -d, -f2- "$1" | sort | diff - "$W/read.rows" | head -n 4)"
}

KINDS='client-fin client-reset server-fin server-reset server-half client-half vanish'

# The ways to end that the client has in hand, over IPv4 and IPv6.
each_way() {
	local kind
	closing_world
	obey '[::]:443'
	for kind in $KINDS; do
		hold "$kind" "$kind" "$N" "$NET4.1:443" "[$NET6:1]:443"
	done
	for kind in $KINDS; do
		[ "$kind" != vanish ] || ip -n "$CLIENT" link set veth0 down
		hold_end "$kind"
	done
	all=$((N * $(wc -w <<<"$KINDS")))
	events "$all" "$all" "each way"
	cat "$W"/*.list >"$W/all"
	search "$W/rows" --tenant web
	as_listed "$W/all" "$W/rows" "each way"
	as_read "$W/rows" "each way"
	no_gap
	next_case AC-79_closes_each_way_sealed
	seal
	search "$W/rows" --tenant web
	as_listed "$W/all" "$W/rows" "each way, sealed"
	as_read "$W/rows" "each way, sealed"
	verify
	no_gap
}

# The server never accepts, or is killed: the kernel ends the connections.
by_the_kernel() {
	closing_world
	obey "$NET4.1:443"
	OBEYING=$SERVER
	serve --no-accept "[$NET6:1]:444"
	hold killed peer "$N" "$NET4.1:443"
	hold waiting peer "$N" "[$NET6:1]:444"
	for name in killed waiting; do
		hold_go "$name"
		read -r _ <&"${HOLD_OUT[$name]}"
	done
	kill -KILL "$OBEYING" "$SERVER"
	{ wait "$OBEYING" "$SERVER"; } 2>/dev/null
	hold_wait killed
	hold_wait waiting
	events $((2 * N)) $((2 * N)) "by the kernel"
	cat "$W"/*.list >"$W/all"
	search "$W/rows" --tenant web
	as_listed "$W/all" "$W/rows" "by the kernel"
	no_gap
}

# A port that the kernel chose (passive FTP) is let go before the socket ends: the close has it all the same.
port_of_the_kernel() {
	closing_world
	obey any
	hold one client-fin "$N" "$NET4.1:$PORT" "[$NET6:1]:$PORT"
	hold two server-fin "$N" "$NET4.1:$PORT" "[$NET6:1]:$PORT"
	hold_end one
	hold_end two
	events $((2 * N)) $((2 * N)) "port $PORT"
	cat "$W"/*.list >"$W/all"
	search "$W/rows" --tenant web
	as_listed "$W/all" "$W/rows" "port $PORT"
}

# Made and closed at once, from all sides, where state changes race. Few outside of the virtual machines: see
# vm_interrupted.sh, which has many, for what may keep programs from running on a machine that is watched over.
under_load() {
	local count=2000
	closing_world
	serve '[::]:443'
	connect "$W/one" --count "$count" --from "$NET4.100" "$NET4.1:443"
	connect "$W/two" --count "$count" --from "$NET6:100" --fire "[$NET6:1]:443"
	connect "$W/three" --count "$count" --from "$NET4.101" --fin "$NET4.1:443"
	cat "$W/one" "$W/two" "$W/three" >"$W/list"
	events $((3 * count)) $((3 * count)) "under load"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "under load"
	[ "$(cut -d, -f$CLOSE "$W/rows" | grep -c Z)" -eq "$(lines "$W/list")" ] ||
		die "$(cut -d, -f$CLOSE "$W/rows" | grep -c Z) of $(lines "$W/list") rows have a close time"
	no_gap
}

# kinds_stored: how often each kind stands in the files, read by a program that shares no code with ours.
kinds_stored() {
	python3 - "$ROOT/tests/spec" "$STATE" <<'EOT'
import collections, sys
sys.path.insert(0, sys.argv[1])
import read_store
read_store.join_closes = lambda rows: rows
rows, facts = read_store.read_store(sys.argv[2])
counts = collections.Counter((row["tenant"], row["kind"]) for row in rows)
print(" ".join("%s/%d=%d" % (*key, n) for key, n in sorted(counts.items())))
EOT
}

# AC-11, with web as the control: the same connections, one tenant's grant includes close times.
without_the_field() {
	local stored
	closing_world
	obey '[::]:443'
	hold mine client-fin "$N" "$NET4.1:443" "[$NET6:1]:443"
	hold theirs client-fin "$N" --from "$NET4.101" "$NET4.4:443"
	hold_end mine
	hold_end theirs
	events $((2 * N)) "$N" "without the field"
	for sealed in live sealed; do
		[ "$sealed" = live ] || seal
		search "$W/rows" --tenant web
		as_listed "$W/mine.list" "$W/rows" "$sealed, with the field"
		search "$W/rows" --tenant other
		[ "$(lines "$W/rows")" -eq "$N" ] || die "$(lines "$W/rows") rows of the other tenant"
		not_closed "$W/rows" "$sealed, without the field"
		in_vm && continue # no python3 there
		stored=$(kinds_stored) || die "the independent reader failed"
		[ "$stored" = "other/1=$N web/1=$N web/3=$N" ] || die "$sealed, stored (tenant/kind): $stored"
	done
}

# AC-06: after a withdrawal nothing, also not of what was recorded before it; nor by a later consent.
withdrawn_between() {
	closing_world
	obey '[::]:443'
	hold control client-fin 5 "$NET4.1:443"
	hold one client-fin "$N" "$NET4.1:443"
	hold two server-reset "$N" "[$NET6:1]:443"
	hold_end control
	sekisho consent withdraw web >>"$LOG" 2>&1 || die "withdraw: $(tail -n 1 "$LOG")"
	hold_end one
	events $((2 * N + 5)) 5 "withdrawn"
	OPTIONAL_FIELDS=rtt
	grant web # without close times
	hold_end two
	events $((2 * N + 5)) 5 "granted anew without close times"
	search "$W/rows" --tenant web
	[ "$(cut -d, -f$CLOSE "$W/rows" | grep -c Z)" -eq 5 ] || die "close times: $(cut -d, -f$CLOSE "$W/rows" | grep -c Z), expected 5"
	no_gap
}

# No mark, no close: opened without consent, or under one without close times.
not_recorded() {
	closing_world
	sekisho consent withdraw web >>"$LOG" 2>&1 || die "withdraw: $(tail -n 1 "$LOG")"
	obey '[::]:443'
	hold before client-fin "$N" "$NET4.1:443"
	hold other server-fin "$N" "$NET4.4:443"
	OPTIONAL_FIELDS=t_close
	grant web
	grant other
	hold_end before
	hold_end other
	hold after client-fin "$N" --from "$NET4.101" "$NET4.1:443"
	hold_end after
	events $((2 * N)) "$N" "consent came later"
	search "$W/rows" --src "$NET4.101"
	as_listed "$W/after.list" "$W/rows" "after the consent"
	search "$W/rows" --tenant other
	not_closed "$W/rows" "opened under a consent without close times"
}

# An address goes to another tenant while connections to it are open: their end is nobody's to record.
moved() {
	closing_world
	obey '[::]:443'
	hold one client-fin "$N" "$NET4.1:443"
	hold two client-fin "$N" "[$NET6:1]:443"
	daemon_end
	conf "hook = $RUNG"
	conf_tenant web "$NET6:1"
	conf_tenant third "$NET4.1"
	OPTIONAL_FIELDS=t_close
	grant third
	daemon_start
	hold_end one
	hold_end two
	hold three client-fin 7 --from "$NET4.101" "$NET4.1:443"
	hold_end three
	search "$W/rows" --tenant third
	as_listed "$W/three.list" "$W/rows" "the new tenant"
	search "$W/rows" --dst "$NET6:1"
	as_listed "$W/two.list" "$W/rows" "an address that stays"
	events $((2 * N + 7)) $((N + 7)) "moved" restarted
}

# The programs and marks outlive the daemon: closes find their opening behind any restart.
across_restart() {
	closing_world
	obey '[::]:443'
	hold during client-fin "$N" "$NET4.1:443"
	hold behind server-fin "$N" "[$NET6:1]:443"
	[ "$2" != sealed ] || seal
	daemon_end "$1"
	hold_end during
	daemon_start
	hold_end behind
	events $((2 * N)) $((2 * N)) "SIG$1" restarted
	cat "$W"/*.list >"$W/all"
	search "$W/rows" --tenant web
	as_listed "$W/all" "$W/rows" "across SIG$1"
	[ "$2" != sealed ] || seal
	search "$W/rows" --tenant web
	as_listed "$W/all" "$W/rows" "across SIG$1, $2"
	no_gap
}

# A new build's programs take over the marks of the old ones: here the same ones under new links.
programs_replaced() {
	closing_world
	obey '[::]:443'
	hold old client-fin "$N" "$NET4.1:443"
	daemon_end
	rm "$PINS/link_set_state_1" || die "no link is pinned"
	daemon_start
	[ -e "$PINS/link_set_state_1" ] || die "the missing program was not attached"
	hold new client-reset "$N" "[$NET6:1]:443"
	hold_end old
	hold_end new
	events $((2 * N)) $((2 * N)) "programs replaced" restarted
	cat "$W"/*.list >"$W/all"
	search "$W/rows" --tenant web
	as_listed "$W/all" "$W/rows" "programs replaced"
}

# A close that finds no room is counted as that, exactly, and never as a lost connection. As many are held as a tenant's
# share of the ring takes, however late the collector is.
lost_closes() {
	local made closed lost_opens held=100 count=$((SLOW ? 1000 : 3000))
	closing_world 'ring_size = 64K'
	obey '[::]:443'
	hold held client-reset "$held" "$NET4.1:443"
	search "$W/rows" --tenant web
	[ "$(lines "$W/rows")" -eq "$held" ] || die "$(lines "$W/rows") of $held connections recorded"
	serve '[::]:444'
	daemon_freeze
	connect "$W/flood" --count "$count" --from "$NET4.101" "$NET4.1:444"
	hold_end held
	daemon_thaw
	sleep 1.3 # counters become gaps once a second
	for sealed in live sealed; do
		[ "$sealed" = live ] || seal
		gaps "$W/gaps"
		search "$W/rows" --tenant web
		made=$((held + count))
		closed=$(cut -d, -f$CLOSE "$W/rows" | grep -c Z)
		lost_opens=$(lost "$SHARE_FULL" web)
		[ "$made" -eq $(($(lines "$W/rows") + lost_opens)) ] ||
			die "$sealed: made $made, recorded $(lines "$W/rows"), lost $lost_opens"
		[ "$lost_opens" -gt 0 ] && [ "$(lost 'close time lost' web)" -gt 0 ] || die "nothing was lost: the test proves nothing"
		# A connection that was lost as such has no mark, and so no close to lose.
		[ "$(lines "$W/rows")" -eq $((closed + $(lost 'close time lost' web))) ] ||
			die "$sealed: $(lines "$W/rows") recorded, $closed with close time, $(lost 'close time lost' web) close times lost"
	done
	hold more client-fin 50 --from "$NET4.102" "$NET4.1:443"
	hold_end more
	search "$W/rows" --src "$NET4.102"
	as_listed "$W/more.list" "$W/rows" "after the loss"
	daemon_end KILL
	daemon_start
	sleep 1.3
	gaps "$W/again"
	cmp -s "$W/gaps" "$W/again" || die "a restart changed the gaps: $(comm -3 "$W/gaps" "$W/again" | head -n 1)"
}

# Past the heartbeat's deadline a close is counted, too (AC-09); bpftool moves the deadline here.
heartbeat() {
	local old new
	closing_world
	obey '[::]:443'
	hold held client-fin "$N" "$NET4.1:443"
	hold theirs client-fin "$N" "$NET4.4:443"
	daemon_end KILL
	old=$(bpftool map dump pinned "$PINS/control" -j | grep -oE '"value":\["[^]]*' | head -n 1 | tr -d '"' | sed 's/value:\[//; s/0x//g; s/,/ /g')
	[ "$(wc -w <<<"$old")" -ge 32 ] || die "the control map is not as expected: $old"
	new=$(awk '{ for (i = 9; i <= 16; i++) $i = "00"; print }' <<<"$old")
	# shellcheck disable=SC2086 # words
	bpftool map update pinned "$PINS/control" key hex 00 00 00 00 value hex $new || die "bpftool map update failed"
	hold_end held
	hold_end theirs
	daemon_start
	sleep 1.3
	gaps "$W/gaps"
	[ "$(cut -d'|' -f1-3 "$W/gaps")" = "close time lost|web|$N" ] || die "gaps: $(cat "$W/gaps")"
	events $((2 * N)) 0 "heartbeat expired" restarted
	search "$W/rows" --tenant web
	not_closed "$W/rows" "heartbeat expired"
	[ "$(lines "$W/rows")" -eq "$N" ] || die "$(lines "$W/rows") rows"
}

# What the accept hooks cannot see is said, and the rest is recorded.
accept_hooks() {
	closing_world
	sekisho status | grep -q 'cannot see: close times' || die "status does not say that $RUNG sees no close times"
	serve "$NET4.1:443"
	connect "$W/list" --count "$N" "$NET4.1:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "$RUNG"
	not_closed "$W/rows" "$RUNG"
	events "$N" 0 "$RUNG"
}

# AC-26: an opening and its close on two days. Only where the clock is nobody else's.
midnight() {
	local now days before=$((SLOW ? 30 : 6))
	closing_world
	sekisho consent withdraw web >>"$LOG" 2>&1 || die "withdraw: $(tail -n 1 "$LOG")"
	OPTIONAL_FIELDS=t_close
	grant web "$(utc_in 400000)"
	now=$(date -u +%s)
	date -u -s "@$(((now / 86400 + 1) * 86400 - before))" >/dev/null || die "cannot set the clock"
	sleep 1
	obey '[::]:443'
	hold over client-fin "$N" "$NET4.1:443"
	now=$(date -u +%s)
	[ $((now % 86400)) -ge 80000 ] || die "it was too late to open connections before midnight"
	past_midnight() { [ $(($(date -u +%s) % 86400)) -lt 80000 ]; }
	wait_until $((before + 10)) past_midnight || die "midnight did not come"
	hold_end over
	for sealed in live sealed; do
		[ "$sealed" = live ] || seal
		search "$W/rows" --tenant web
		as_listed "$W/over.list" "$W/rows" "across midnight, $sealed"
		[ "$(cut -dT -f1 <(cut -d, -f$TIME "$W/rows") | sort -u | wc -l)" -eq 1 ] || die "opened on two days"
		[ "$(cut -dT -f1 <(cut -d, -f$CLOSE "$W/rows") | sort -u)" != "$(cut -dT -f1 <(cut -d, -f$TIME "$W/rows") | sort -u)" ] ||
			die "$sealed: closed on the day of the opening"
	done
	days=$(ls "$STATE/segments/web" | wc -l)
	[ "$days" -eq 2 ] || die "$days segments, expected one for each day: $(ls "$STATE/segments/web")"
	verify
}

run_case AC-79_closes_each_way each_way
run_case AC-79_closes_by_the_kernel by_the_kernel
run_case AC-79_closes_port_of_the_kernel port_of_the_kernel
run_case AC-79_closes_under_load under_load
run_case AC-11_without_the_field without_the_field
run_case_once AC-06_closes_withdrawn_between withdrawn_between
run_case_once AC-01,11_closes_of_what_was_not_recorded not_recorded
run_case_once AC-12_closes_of_an_address_that_moved moved
run_case AC-79_closes_across_SIGKILL across_restart KILL live
run_case_once AC-79_closes_across_SIGTERM across_restart TERM sealed
run_case_once AC-79_closes_programs_replaced programs_replaced
run_case AC-81_closes_lost_in_a_full_ring lost_closes
run_case_once AC-09_closes_heartbeat_expired heartbeat
if in_vm; then
	run_case AC-26_closes_across_midnight midnight
fi
RUNG=sock_ops
run_case AC-79_closes_each_way each_way
run_case AC-79_closes_by_the_kernel by_the_kernel
run_case_once AC-79_closes_across_SIGKILL across_restart KILL live
for RUNG in fexit kretprobe; do
	! kernel_has "$RUNG" || run_case AC-28_closes_not_seen accept_hooks
done
finish
