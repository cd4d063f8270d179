# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The processes of a daemon, whose warden is $DAEMON. Sourced by lib.sh and cli/cli_lib.

# Whose store it is: a user without a name, whom no machine has, so that nothing is to be set up.
STORE_USER=64123

# child recorder|registrar: the number of that process.
child() {
	local pid
	for pid in $(cat "/proc/$DAEMON/task/$DAEMON/children" 2>/dev/null); do
		[[ $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") != "sekishod: $1"* ]] || { echo "$pid" && return; }
	done
	return 1
}
# All three, as if the machine had no time for them.
daemon_freeze() { kill -STOP "$DAEMON" "$(child recorder)" "$(child registrar)"; }
daemon_thaw() { kill -CONT "$DAEMON" "$(child recorder)" "$(child registrar)"; }
