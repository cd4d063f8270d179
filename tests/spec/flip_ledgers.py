#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Flips single bits of a store's ledgers: check_ledger.py and sekisho ledger verify must both find each (AC-13).

usage: flip_ledgers.py STATE_DIR SEKISHO FLIPS

FLIPS bits, evenly apart over all files together; every bit is tried by the unit tests, of smaller ledgers. Prints
what was not found, and status 1; else how many were.
"""
import os
import subprocess
import sys

import check_ledger

FILES = ("ledger/consent.log", "ledger/access.log", "ledger/custody.log", "keys/heads", "keys/node.pub")


def spec_finds(state):
    sys.argv = ["check_ledger.py", state]
    out, sys.stdout = sys.stdout, open(os.devnull, "w")
    try:
        check_ledger.main()
    except (SystemExit, ValueError, KeyError, TypeError) as found:
        return found.code != 0 if isinstance(found, SystemExit) else True
    finally:
        sys.stdout.close()
        sys.stdout = out
    return False


def verify_finds(state, sekisho, name):
    run = subprocess.run([sekisho, "--store", state, "ledger", "verify"], capture_output=True, text=True)
    return run.returncode == 5 and name in run.stderr


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    state, sekisho, flips = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if spec_finds(state) or verify_finds(state, sekisho, ""):
        sys.exit("flip_ledgers: %s is damaged before anything was flipped" % state)
    bits = [(name, bit) for name in FILES for bit in range(8 * os.path.getsize(os.path.join(state, name)))]
    missed, tried = [], 0
    # Strides that are no multiple of eight, so that each bit of a byte has its turn.
    for name, bit in bits[::max(1, len(bits) // flips) | 1]:
        path = os.path.join(state, name)
        whole = open(path, "rb").read()
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        open(path, "wb").write(changed)
        found = spec_finds(state), verify_finds(state, sekisho, name)
        open(path, "wb").write(whole)
        tried += 1
        if found != (True, True):
            missed.append("%s byte %d bit %d: check_ledger %s, sekisho %s" % ((name, bit // 8, bit % 8) + found))
    if missed or spec_finds(state):
        sys.exit("flip_ledgers: %d of %d not found, the first: %s" % (len(missed), tried, (missed + ["-"])[0]))
    print("%d of %d flipped bits found by both" % (tried, len(bits)))


if __name__ == "__main__":
    main()
