#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# sekishod: starts that cannot be, each with one clear line and nothing left in the kernel; the lock, the
# background, the control socket, file modes (AC-38).
. "$(dirname "$0")/cli_lib"

mount_bpf
READ_ONLY=$TMP/ro
mkdir "$READ_ONLY"
mount -t tmpfs -o ro,size=1M tmpfs "$READ_ONLY" && MOUNTS+=("$READ_ONLY") || die "cannot mount a read-only tmpfs"

fresh_conf() {
	conf 'record_loopback = yes' "$@"
	conf_tenant web "$NET.1"
}
# put KEY VALUE: replaces a line.
put() { sed -i "s|^$1 = .*|$1 = $2|" "$CONF"; }

no_pins() {
	holds "pins are left: $(ls "$PINS" 2>&1)" test ! -e "$PINS"
	rm -rf "$PINS" # so that the next test begins with none
}

# cannot NAME STATUS TEXT [COMMAND...]: the daemon does not start, says exactly this, leaves no pins.
cannot() {
	local name=$1 want_status=$2 text=$3
	shift 3
	[ $# -gt 0 ] || set -- "${SEKISHOD[@]}" -f
	refuses "$name" "$want_status" "$text" "$@"
	no_pins
}

# --- Places ---

fresh_conf
put state_dir "$READ_ONLY/state"
cannot state_dir_read_only 1 "sekishod: error: cannot open state directory $READ_ONLY/state: Read-only file system"
cannot state_dir_read_only_in_the_background 1 \
	"sekishod: error: cannot open state directory $READ_ONLY/state: Read-only file system" "${SEKISHOD[@]}"
put state_dir "$TMP/text/state"
cannot state_dir_below_a_file 1 "sekishod: error: cannot open state directory $TMP/text/state: Not a directory"
put state_dir "$TMP/text"
cannot state_dir_is_a_file 1 "sekishod: error: cannot open state directory $TMP/text: Not a directory"
put state_dir /proc/sekisho
cannot state_dir_in_proc 1 "sekishod: error: cannot open state directory /proc/sekisho: No such file or directory"

fresh_conf
put run_dir "$TMP/$(printf '%0120d' 0)"
begin run_dir_too_long_for_a_socket
run "${SEKISHOD[@]}" -f
status 1
out ''
err_has "^sekishod: error: cannot listen on $TMP/0+/control\\.sock: File name too long\$"
no_pins
begin run_dir_too_long_for_a_socket_for_the_command
run "${SEKISHO[@]}" status
status 1
one_line
err_has '^sekisho: error: run_dir .* is too long for a socket$'
put run_dir "$READ_ONLY/run"
begin run_dir_read_only
run "${SEKISHOD[@]}" -f
status 1
out ''
err_has "^sekishod: error: cannot listen on $READ_ONLY/run/control\\.sock: Read-only file system\$"
no_pins

fresh_conf
put pin_dir "$TMP/pins"
refuses pin_dir_not_on_bpffs 1 "sekishod: error: pin_dir $TMP/pins is not on a BPF file system" "${SEKISHOD[@]}" -f
holds "$TMP/pins was made and is left" test ! -e "$TMP/pins"
put pin_dir "$PINS/a/b"
cannot pin_dir_without_parent 1 "sekishod: error: cannot create pin_dir $PINS/a/b: No such file or directory"
put pin_dir "${PINS}a.b"
begin pin_dir_with_a_dot
run "${SEKISHOD[@]}" -f
[ "$STATUS" -ne 0 ] || bad "status 0"
one_line
err_has 'pin_dir.* dot' # bpffs answers EPERM, which explains nothing

# --- Kernels that cannot ---

begin no_btf
fresh_conf 'hook = set_state'
# The tmpfs hides it in this mount namespace only.
run unshare -m sh -c 'mount -t tmpfs tmpfs /sys/kernel/btf && exec "$@"' sh "${SEKISHOD[@]}" -f
status 1
out ''
one_line
err_has '^sekishod: error: .*(BTF|btf)'
no_pins
for hook in fexit kretprobe; do
	begin "forced_hook_$hook"
	fresh_conf "hook = $hook"
	run timeout --preserve-status "$LIVE_SECONDS" "${SEKISHOD[@]}" -f
	if [ "$STATUS" -eq 0 ]; then
		err_has "recording with hook $hook into "
		disarm
	else
		# This kernel cannot: no other rung may step in.
		status 1
		out ''
		one_line
		err_has "^sekishod: error: no hook could be attached: $hook: "
		no_pins
	fi
done

# --- Users ---

# Where everyone can go; $TMP may lie where not. Gone at the end, with the rest.
ANYONE=$(mktemp -d /tmp/sekisho-cli-anyone.XXXXXX)
trap 'rm -rf "$ANYONE"; clean_up' EXIT
cp "$REAL_BIN/sekisho" "$REAL_BIN/sekishod" "$ANYONE"
mkdir -m 777 "$ANYONE/place"
chmod 755 "$ANYONE"
NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
share_conf() { install -m 644 "$CONF" "$ANYONE/conf"; }

fresh_conf
share_conf
refuses other_user_without_a_place 1 "sekishod: error: cannot open state directory $STATE: Permission denied" \
	"${NOBODY[@]}" "$ANYONE/sekishod" -c "$ANYONE/conf" -f
begin other_user_may_check_the_configuration
run "${NOBODY[@]}" "$ANYONE/sekishod" -c "$ANYONE/conf" -n
status 0
err ''
put state_dir "$ANYONE/place/state"
put run_dir "$ANYONE/place/run"
share_conf
begin other_user_with_a_place
run "${NOBODY[@]}" "$ANYONE/sekishod" -c "$ANYONE/conf" -f
status 1
out ''
one_line
err_has '^sekishod: error: .*(Operation not permitted|Permission denied|root)'
no_pins
install -m 600 "$CONF" "$ANYONE/secret"
refuses other_user_reads_no_configuration 2 \
	"sekisho: error: cannot open configuration $ANYONE/secret: Permission denied" \
	"${NOBODY[@]}" "$ANYONE/sekisho" -c "$ANYONE/secret" status
fresh_conf
share_conf

# --- A daemon that runs ---

grant web
begin background
run "${SEKISHOD[@]}"
status 0
out ''
err "sekishod: recording with hook $(sed -n 's/.*with hook \([a-z_]*\) .*/\1/p' "$TMP/err") into $STATE"
PIDS+=("$(pgrep -f "^${SEKISHOD[*]}\$")")
run "${SEKISHO[@]}" status
status 0
[ "$(readlink "/proc/${PIDS[-1]}/cwd")" = / ] || bad "its working directory is $(readlink "/proc/${PIDS[-1]}/cwd")"
begin second_daemon
run "${SEKISHOD[@]}" -f
status 1
out ''
err "sekishod: error: cannot lock $STATE: another sekishod or sekisho import uses it"
run "${SEKISHO[@]}" status
status 0
begin disarm_while_a_daemon_runs
run "${SEKISHOD[@]}" --disarm
status 1
out ''
err "sekishod: error: cannot lock $STATE: another sekishod or sekisho import uses it"
run "${SEKISHO[@]}" status
status 0

begin status_of_a_user_without_rights
run "${NOBODY[@]}" "$ANYONE/sekisho" -c "$ANYONE/conf" status
[ "$STATUS" -ne 0 ] || bad 'status 0: any user may ask'
one_line
err_has "^sekisho: error: .*$RUN/control\\.sock: Permission denied"
grep -q 'not running' "$TMP/err" && bad "it does run, but: $(first "$TMP/err")"
begin search_of_a_user_without_rights
run "${NOBODY[@]}" "$ANYONE/sekisho" -c "$ANYONE/conf" search --case 1 --basis WARRANT "${EVER[@]}" --tenant web
[ "$STATUS" -ne 0 ] || bad 'status 0: any user may search'
out ''
one_line
err_has "^sekisho: error: .*$RUN/control\\.sock: Permission denied"

begin AC-38_modes
serve "$NET.1:80"
connect "$TMP/list" --count 5 "$NET.1:80"
run "${SEKISHO[@]}" search --case 1 --basis WARRANT "${EVER[@]}" --tenant web --csv
status 0
run "${SEKISHO[@]}" seal
status 0
open=$(find "$STATE" "$PINS" -perm /077 ! -type l)
[ -z "$open" ] || bad "others may use $open"
[ "$(find "$STATE" -type f | wc -l)" -ge 5 ] || bad "too few files to look at"

begin control_socket_survives_rubbish
python3 - "$RUN/control.sock" <<'END' >"$TMP/odd" 2>&1 || bad "$(tail -n 1 "$TMP/odd")"
import os, socket, struct, sys
def say(data, wait=True):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(sys.argv[1])
    try:
        s.sendall(data)
        if wait:
            return s.recv(65536)
    except OSError:
        pass
    finally:
        s.close()
def message(kind, body, version=2, size=None):
    return struct.pack("<IHHII", 0x48534b53, version, kind, len(body) if size is None else size, 0) + body
RUN, ASK, DONE, ANSWER = 1, 2, 129, 130
ask = b"{\"verb\":\"status\"}"
for data in (b"\n", b"{}\n", b"{\"sekisho\":1,\"verb\":\"status\"}\n", b"\0" * 16, os.urandom(4096), b"x" * (5 << 20),
             message(ASK, b""), message(ASK, b"[" * 60000), message(ASK, b"null"), message(ASK, b"{\"verb\":7}"),
             message(ASK, b"{\"verb\":\"seal\",\"verb\":\"seal\"}"), message(ASK, ask, size=len(ask) + 1),
             message(ASK, ask, size=1 << 31), message(ASK, b"{\"verb\":\"withdraw\",\"tenant\":{}}"),
             message(RUN, b""), message(RUN, os.urandom(500)), message(RUN, struct.pack("<HHHH", 1, 0, 0, 0) + b"status\0"),
             message(DONE, b""), message(77, b"x")):
    say(data)
    say(data, wait=False)
def kind_of(answer):
    return struct.unpack("<IHHII", answer[:16])[2] if answer and len(answer) >= 16 else None
answer = say(message(ASK, ask, version=3))
if kind_of(answer) != DONE:
    sys.exit("version 3 is answered with %r" % answer)
answer = say(message(ASK, b"{\"verb\":\"dance\"}"))
if kind_of(answer) != ANSWER or answer[16:] != b"{\"status\":2,\"error\":\"unknown verb \\\"dance\\\"\"}":
    sys.exit("an unknown verb is answered with %r" % answer)
END
run "${SEKISHO[@]}" status
status 0
out_has 'recording   consent 1'

begin sigterm_keeps_the_pins
kill -TERM "${PIDS[0]}"
wait_until 5 test ! -e "/proc/${PIDS[0]}" || bad "it does not end within 5 s"
holds "the program is not pinned any more" sh -c "ls $PINS/link_*"
holds "the socket is left" test ! -e "$RUN/control.sock"
begin disarm_leaves_nothing
run "${SEKISHOD[@]}" --disarm
status 0
err ''
out 'disarmed: nothing is recorded any more'
no_pins
begin sigint_ends_it_as_well
daemon_start
kill -INT "$DAEMON"
wait "$DAEMON"
STATUS=$?
status 0
DAEMON=

begin output_of_nn_on_a_full_disk
STATUS=0
"${SEKISHOD[@]}" -nn >/dev/full 2>"$TMP/err" || STATUS=$?
[ "$STATUS" -ne 0 ] || bad "status 0, although nothing could be written"

finish
