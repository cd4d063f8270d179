#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What sekisho passes to the daemon for a socket as its standard input: a pipe for what reads it, and /dev/null for
# all else, so that what waits there stays for whoever it is for. The daemon is a stand-in that looks at what it gets.
. "$(dirname "$0")/cli_lib"

conf
mkdir -p "$RUN"

# passes NAME WANT VERB ARG...: WANT is null (and all is left in the socket) or pipe (and nothing is).
passes() {
	begin "$1"
	local want=$2
	shift 2
	timeout -k 5 60 python3 - "$RUN/control.sock" "$want" "${SEKISHO[@]}" --run-dir "$RUN" "$@" <<'END' >"$TMP/odd" 2>&1 || bad "$(tail -n 1 "$TMP/odd")"
import os, socket, stat, struct, subprocess, sys
path, want, command = sys.argv[1], sys.argv[2], sys.argv[3:]
text = b"line for somebody else\n"
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(1)
listener.settimeout(30)
ours, theirs = socket.socketpair()
ours.sendall(text)
ours.shutdown(socket.SHUT_WR)
client = subprocess.Popen(command, stdin=theirs)
daemon = listener.accept()[0]
header, fds = socket.recv_fds(daemon, 16, 16)[:2]
daemon.recv(struct.unpack("<IHHII", header)[3], socket.MSG_WAITALL)
mode = os.fstat(fds[0])
got = "pipe" if stat.S_ISFIFO(mode.st_mode) else "null" if mode.st_rdev == os.makedev(1, 3) else "mode %o" % mode.st_mode
read = b""
while chunk := os.read(fds[0], 100):
    read += chunk
for fd in fds:
    os.close(fd)
daemon.sendall(struct.pack("<IHHIIIB", 0x48534b53, 2, 129, 5, 0, 0, 0))
if client.wait(30) != 0:
    sys.exit("the client ends with %d" % client.returncode)
theirs.setblocking(False)
left = theirs.recv(100)
if got != want or (read, left) != ((text, b"") if want == "pipe" else (b"", text)):
    sys.exit("standard input is %s, expected %s; the daemon reads %r, and %r is left" % (got, want, read, left))
END
}

SEARCH=(search --case 1 --basis WARRANT)
passes stdin_is_read pipe consent grant web --stdin --json
passes questions_are_read pipe "${SEARCH[@]}" --questions -
passes questions_are_read_with_equals pipe "${SEARCH[@]}" --questions=- --csv
passes status_leaves_it null status
passes consent_without_stdin_leaves_it null consent show web --json
passes search_without_questions_leaves_it null "${SEARCH[@]}" --tenant web
passes another_options_dash_is_not_it null "${SEARCH[@]}" --tenant -
passes operands_are_not_it null consent show -- --stdin
passes another_verb_does_not_read null case list --stdin
printf 'from,to\n' >"$TMP/questions"
passes questions_in_a_file_leave_it null "${SEARCH[@]}" --questions "$TMP/questions"
finish
