#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A whole life of a store under the worst umask: whatever file or directory it ever makes is for its user alone (AC-38); and
# starting while another still ends.
. "$(dirname "$0")/../lib.sh"

# Names and modes of all that comes into being below a directory, as soon as it does (inotify by python3's ctypes); what
# lives for a moment only, too. A line for each that others could open.
watch_modes() { # OUT DIR...
	: >"$1"
	STORE_USER=$STORE_USER python3 - "$@" <<'EOT' &
import ctypes, os, select, stat, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
inotify = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
out, watched = open(sys.argv[1], "w", buffering=1), {}
CHANGES = 0x100 | 0x80 | 0x4  # IN_CREATE, IN_MOVED_TO, IN_ATTRIB

def look(path):
    try:
        st = os.lstat(path)
    except OSError:
        out.write("gone %s\n" % path)
        return
    if stat.S_ISDIR(st.st_mode):
        watch(path)
    wrong = st.st_uid not in (0, int(os.environ["STORE_USER"])) or stat.S_IMODE(st.st_mode) & 0o077
    out.write("%s %o %s\n" % ("WRONG" if wrong else "right", st.st_mode, path))

def watch(directory):
    number = libc.inotify_add_watch(inotify, directory.encode(), CHANGES)
    if number in watched:
        return
    watched[number] = directory
    for name in os.listdir(directory):
        look(os.path.join(directory, name))

for directory in sys.argv[2:]:
    watch(directory)
out.write("ready\n")
while True:
    select.select([inotify], [], [])
    data, at = os.read(inotify, 1 << 20), 0
    while at < len(data):
        number, mask, _, size = struct.unpack_from("iIII", data, at)
        name = data[at + 16:at + 16 + size].rstrip(b"\0").decode()
        at += 16 + size
        if mask & 0x4000:
            out.write("OVERFLOW\n")
        elif name:
            look(os.path.join(watched[number], name))
EOT
	PIDS+=($!)
	wait_until 10 grep -qx ready "$1" || die "the watch did not begin"
}

walk() { # WHEN
	local wrong
	wrong=$(find "$STATE" ! -uid "$STORE_USER" -o -type d ! -perm 700 -o -type f ! -perm 600 -o ! -type d ! -type f | head -n 3)
	# Anybody may ask; what is answered is a matter of roles.
	[ -n "$wrong" ] || wrong=$(find "$RUN" ! -user root -o -type d ! -perm 755 -o -type s ! -perm 666 -o ! -type d ! -type s | head -n 3)
	# shellcheck disable=SC2086 # names
	[ -z "$wrong" ] || die "$1: open to others: $(ls -ld $wrong)"
}

# Every kind of file that a store has is there, so that the walk proves something.
all_kinds() {
	local kind
	for kind in 'journal/*.skj' 'journal/damaged/*' 'segments/web/*.sks' 'segments/old/*.sks' 'catalog/*.skc' ledger/consent.log \
		ledger/access.log ledger/custody.log ledger/consent.log.torn 'keys/*' keys/heads keys/node.pub lock; do
		compgen -G "$STATE/$kind" >/dev/null || die "no $kind is there: the test proves nothing: $(cd "$STATE" && find . -type f | sort | paste -sd' ')"
	done
	[ "$(find "$STATE/keys" -type f | wc -l)" -ge 3 ] || die "few keys: $(ls "$STATE/keys")"
}

life() {
	local journal
	umask 0000
	[ ! -x /usr/bin/python3 ] && skip "no python3"
	world
	mkdir -p "$STATE" "$RUN"
	chmod 700 "$STATE"
	chown "$STORE_USER" "$STATE"
	chmod 755 "$RUN"
	watch_modes "$W/modes" "$STATE"
	conf "hook = $RUNG" "rotate_interval = 1s"
	conf_tenant web "$NET4.1" "$NET6:1"
	conf_tenant old "$NET4.9"
	printf 't_ns,tenant,src_ip,src_port,dst_ip,dst_port\n%s000000000,old,198.51.100.7,4000,%s,443\n' \
		"$(date -d '2 days ago' +%s)" "$NET4.9" >"$W/csv" # of last year it would be deleted at once
	sekisho import --csv "$W/csv" --reason 'an old log' >>"$LOG" 2>&1 || die "import: $(tail -n 1 "$LOG")"
	walk "after an import"
	grant web
	daemon_start
	serve '[::]:443'
	connect "$W/list" --count 2000 "$NET4.1:443" "[$NET6:1]:443"
	search "$W/rows" --tenant web
	seal
	walk "recorded and sealed"
	sekisho ledger rotate-key >>"$LOG" 2>&1 || die "rotate-key: $(tail -n 1 "$LOG")"
	# Killed under load, while it seals.
	load "$W/load" --count 1000000 --rate 3000 --from "$NET4.101" "$NET4.1:443"
	for _ in 1 2 3; do
		sleep 1.3
		daemon_end KILL
		walk "killed"
		daemon_start
	done
	load_end stop
	sekisho consent withdraw web >>"$LOG" 2>&1 || die "withdraw: $(tail -n 1 "$LOG")"
	grant web
	# Killed while the live journal has rows, which is for a second at most.
	for _ in 1 2 3 4 5; do
		seal
		connect "$W/more" --count 2000 --from "$NET4.102" "$NET4.1:443"
		search "$W/rows" --src "$NET4.102"
		daemon_end KILL
		journal=$(find "$STATE/journal" -name '*.skj' -size +4k | head -n 1)
		[ -z "$journal" ] || break
		daemon_start
	done
	# A torn line of a ledger and a damaged journal, as a power loss may leave them.
	printf '{"actor":"x' >>"$STATE/ledger/consent.log"
	[ -n "$journal" ] || die "no journal with rows is there: $(ls -l "$STATE/journal")"
	printf 'XXXX' | dd of="$journal" bs=1 seek=$(($(stat -c %s "$journal") / 2)) conv=notrunc status=none
	daemon_start
	grant web
	seal
	walk "set aside what was damaged"
	all_kinds
	sekisho ledger head >"$W/said" 2>&1 || die "ledger head: $(cat "$W/said")"
	daemon_end
	"$BIN/sekishod" -c "$CONF" --disarm >>"$LOG" 2>&1 || die "--disarm: $(tail -n 1 "$LOG")"
	walk "disarmed"
	! grep -q OVERFLOW "$W/modes" || die "the watch has missed something"
	[ "$(grep -c '^right' "$W/modes")" -gt 60 ] || die "the watch saw only $(grep -c '^right' "$W/modes") files: the test proves nothing"
	grep '^WRONG' "$W/modes" >"$W/wrong"
	[ ! -s "$W/wrong" ] || die "for a moment open to others: $(head -n 3 "$W/wrong")"
	printf '# %d looks at files that came into being\n' "$(grep -c '^right' "$W/modes")"
}

# Nobody else reads a single file, or sees their names.
others_read_nothing() {
	local file
	simple_world
	serve "$NET4.1:443"
	connect "$W/list" --count 100 "$NET4.1:443"
	seal
	chmod 755 "$W" "$SCRATCH" # that it is the store that keeps them out
	setpriv --reuid 65534 --regid 65534 --clear-groups -- test -r "$W/text" || skip "others cannot come here at all: $W"
	while read -r file; do
		! setpriv --reuid 65534 --regid 65534 --clear-groups -- head -c 1 "$file" >/dev/null 2>&1 || die "another user reads $file"
	done < <(find "$STATE" -type f)
	! setpriv --reuid 65534 --regid 65534 --clear-groups -- ls "$STATE" >/dev/null 2>&1 || die "another user lists $STATE"
	[ "$(find "$STATE" -type f | wc -l)" -gt 6 ] || die "few files: the test proves nothing"
}

# A start waits up to two seconds for the one that still ends, then goes on; or says who has the lock.
start_waits_for_the_lock() {
	local begun
	simple_world
	daemon_end
	flock "$STATE/lock" sleep 1.2 &
	PIDS+=($!)
	sleep 0.2
	begun=$(date +%s%N)
	daemon_start
	begun=$((($(date +%s%N) - begun) / 1000000))
	[ "$begun" -ge 800 ] || die "it started after $begun ms, while the lock was held"
	serve "$NET4.1:443"
	connect "$W/list" --count 100 "$NET4.1:443"
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "after waiting for the lock"
	no_gap
}

# Restarted again and again by the one that does not wait for the other: never two at once, nothing lost, nothing twice.
overlapping_starts() {
	local i old
	simple_world
	serve "$NET4.1:443"
	load "$W/list" --count 1000000 --rate 2000 "$NET4.1:443"
	for i in {1..10}; do
		old=$DAEMON
		kill -TERM "$old"
		daemon_spawn
		{ wait "$old"; } 2>/dev/null || die "sekishod ended with status $? after SIGTERM $i"
		daemon_await
	done
	load_end stop
	search "$W/rows" --tenant web
	same_rows "$W/list" "$W/rows" "ten restarts that overlap"
	no_gap
	verify
}

run_case AC-38_a_whole_life life
run_case AC-38_others_read_nothing others_read_nothing
run_case AC-79_start_waits_for_the_lock start_waits_for_the_lock
run_case AC-79_overlapping_starts overlapping_starts
finish
