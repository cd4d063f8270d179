#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Shows files that nobody wrote in earnest to sekisho search and to the reader written from FORMAT.md alone.

usage: compare_hostile.py BIN_DIR journal|segment INPUT...

Each input (of tests/fuzz/corpus) is given right checksums by the fuzz target of its kind, so that what stands behind
them is reached, and put into a store of its own. Both readers must find the same rows in it. Prints each input that
they disagree about, and as the last line how many there were and how many rows were found; status 1 if they disagree.
"""
import datetime
import os
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import read_store

WINDOW = ("1970-01-01T00:00:00Z", "2199-12-31T00:00:00Z")
END_NS = int((datetime.datetime(2199, 12, 31) - datetime.datetime(1970, 1, 1)).total_seconds()) * 10**9


def place(bin_dir, kind, path, store):
    """The input with right checksums, in a store; False when it has no tenant that could be a directory."""
    kept = os.path.join(store, "kept")
    for name in ("journal", "segments", "ledger", "kept"):
        os.mkdir(os.path.join(store, name))
    subprocess.run([os.path.join(bin_dir, "fuzz_" + kind), path], env=dict(os.environ, SEKISHO_FUZZ_KEEP=kept),
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # The last that it wrote has the checksums.
    name = max(os.listdir(kept), key=lambda n: os.stat(os.path.join(kept, n)).st_mtime_ns)
    directory = os.path.join(store, "journal")
    if kind == "segment":
        header = open(os.path.join(kept, name), "rb").read(136)
        tenant = header[72:struct.unpack_from("<H", header, 10)[0]].decode("ascii", "replace") if len(header) > 72 else ""
        if not read_store.TENANT_ID.match(tenant):
            return False
        directory = os.path.join(store, "segments", tenant)
        os.mkdir(directory)
    os.rename(os.path.join(kept, name), os.path.join(directory, name))
    return True


def product_rows(bin_dir, store):
    rows = []
    for net in ("0.0.0.0/0", "::/0"):
        done = subprocess.run([os.path.join(bin_dir, "sekisho"), "--store", store, "search", "--case", "1", "--basis",
                               "WARRANT", "--csv", "--from", WINDOW[0], "--to", WINDOW[1], "--src", net],
                              capture_output=True, text=True)
        if done.returncode not in (0, 1, 5):
            raise RuntimeError("search ends with status %d: %s" % (done.returncode, done.stderr.strip()[:200]))
        rows += [line.split(",", 1)[1] for line in done.stdout.splitlines()[1:]]
    return sorted(rows)


def reader_rows(store):
    rows, _ = read_store.read_store(store)
    return sorted(read_store.csv_line(0, row)[2:] for row in rows if 0 <= row["time"] < END_NS)


def main():
    bin_dir, kind, inputs = sys.argv[1], sys.argv[2], sys.argv[3:]
    read_store.Segment.merkle = False
    compared = found = disagree = 0
    for path in inputs:
        with tempfile.TemporaryDirectory() as store:
            if not place(bin_dir, kind, path, store):
                continue
            compared += 1
            try:
                mine, theirs = reader_rows(store), product_rows(bin_dir, store)
            except Exception as why:  # a reader that gives up is a finding, whatever it is
                mine, theirs = [], [repr(why)]
            found += len(mine)
            if mine != theirs:
                disagree += 1
                print("%s: only the reader: %s; only search: %s" %
                      (os.path.basename(path), [r for r in mine if r not in theirs][:1], [r for r in theirs if r not in mine][:1]))
    print("%d inputs, %d rows, %d disagree" % (compared, found, disagree))
    sys.exit(1 if disagree else 0)


if __name__ == "__main__":
    main()
