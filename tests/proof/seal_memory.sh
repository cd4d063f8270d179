#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Sealing takes at most 512 MiB whatever the journal is, and loses nothing: journals that are the worst for each of
# its tables are made, sealed and verified in full (every row decoded, every root derived, every source looked up),
# each step in a process of its own, whose greatest memory (VmHWM) counts.
set -uo pipefail
export LC_ALL=C

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BIN=${SEKISHO_BIN:-$ROOT/build}
LIMIT_KIB=$((512 * 1024))
# In memory if there is some: the disk is not what is tested.
if [ -w /dev/shm ]; then WHERE=/dev/shm; else WHERE=${TMPDIR:-/tmp}; fi
TMP=$(mktemp -d "$WHERE/sekisho-proof.XXXXXX")
trap 'rm -rf "$TMP"' EXIT
trap 'exit 130' INT TERM HUP
FAILED=0

said() { sed -n "s/^$1 *\([0-9]*\) .*/\1/p" "$TMP/said"; }

# proof NAME ROWS TENANTS DAYS ENDPOINTS FRAME [FRESH]: see seal_memory.c
proof() {
	local name=$1 rows=$2 why='' status=0
	shift
	rm -rf "$TMP/store"
	timeout 600 "$BIN/seal_memory" "$TMP/store" "$@" >"$TMP/said" 2>&1 || status=$?
	if [ "$status" -ne 0 ]; then
		why="status $status: $(tail -n 1 "$TMP/said")"
	elif [ "$(said sealed)" -ne "$rows" ] || [ "$(said verified)" -ne "$rows" ]; then
		why="$(said sealed) rows sealed, $(said verified) verified, of $rows"
	elif [ "$(said sealing)" -gt "$LIMIT_KIB" ] || [ "$(said verifying)" -gt "$LIMIT_KIB" ]; then
		why="$(said sealing) KiB to seal, $(said verifying) KiB to verify: more than $LIMIT_KIB"
	elif [ "$(said sealing)" -lt "${LEAST_KIB:-0}" ]; then
		why="$(said sealing) KiB to seal: less than the rows alone take, so something else was measured"
	fi
	if [ -n "$why" ]; then
		echo "FAIL proof/seal_memory/$name: $why"
		FAILED=1
	else
		echo "PASS proof/seal_memory/$name: $(said sealing) KiB to seal, $(said verifying) KiB to verify $rows rows"
	fi
}

#     name                    rows     tenants days endpoints frame fresh
# Several ranges, the largest sections there are, sources that share nothing. 4,000,000 rows of 48 bytes are the least.
LEAST_KIB=190000 \
proof large_sections          9000000  1       1    1000      65536
proof many_tenants_and_days   2500000  50      10   1200000   65536
proof endpoints_of_a_range    4500000  1       1    450000    65536
proof endpoints_of_a_section  1300000  1       1    1         65536 1
proof frames_of_one_row       600000   3       2    100       1
exit "$FAILED"
