#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Looks for addresses everywhere a node could have put them.

usage: scan_node.py [--state DIR] [--pins DIR] [--pid PID] [--file FILE]... ADDRESS...

  rows     every frame and section, decoded by tests/spec/read_store.py (written from schema/FORMAT.md alone)
  catalog  every day catalog, decoded by check_catalog.py: whether a cell speaks of the address; and "alien" for
           cells that no decoded row explains
  files    the bytes of every file below DIR, and of each FILE
  maps     every map that is pinned or used by a pinned program, as bpftool dumps it
  ring     all data pages of the ring, through its pin: also of events that were taken long ago
  memory   all that /proc/PID/mem gives, of the process and its children, but for the ring

Bytes are searched for the address in both byte orders, by words, as ::ffff:a.b.c.d, as text and as hexadecimal text.
Prints "hit PLACE ADDRESS FORM COUNT" for what is found, and "scanned WHAT COUNT" for what was looked through.
"""
import argparse
import collections
import ctypes
import glob
import ipaddress
import json
import mmap
import os
import platform
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "spec"))
import check_catalog  # noqa: E402
import read_store  # noqa: E402

hits, scanned = collections.Counter(), collections.Counter()


def canonical(address):
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def forms_of(address):
    packed = address.packed
    forms = {"network": packed, "reversed": packed[::-1], "text": str(address).encode(), "hex": packed.hex().encode(),
             "HEX": packed.hex().upper().encode()}
    if address.version == 4:
        forms["mapped"] = canonical(address)
        forms["hex_reversed"] = packed[::-1].hex().encode()
    else:
        forms["words"] = b"".join(packed[i:i + 4][::-1] for i in range(0, 16, 4))
        forms["exploded"] = address.exploded.encode()
    return forms


class Needles:
    def __init__(self, addresses):
        self.forms = {(str(a), name): form for a in addresses for name, form in forms_of(a).items()}

    def look(self, place, data):
        scanned[place + "_bytes"] += len(data)
        for (address, name), form in self.forms.items():
            count = data.count(form)
            if count:
                hits[place, address, name] += count


def scan_store(state, addresses):
    rows, facts = read_store.read_store(state)
    for path, fact in facts.items():
        if not isinstance(fact, dict) or fact["damaged"]:
            sys.exit("%s is not decoded whole: %s" % (path, fact))
        scanned["frames" if path.endswith(".skj") else "sections"] += fact["objects"]
    scanned["rows"] += len(rows)
    sources = {row["src"] for row in rows}
    for address in addresses:
        count = sum(row["src"] == canonical(address) or row["dst"] == canonical(address) for row in rows)
        if count:
            hits["rows", str(address), "decoded"] += count
    for path in glob.glob(os.path.join(state, "catalog", "*.skc")):
        catalog = check_catalog.Catalog(open(path, "rb").read(), os.path.basename(path))
        for chunk in catalog.chunks:
            scan_chunk(chunk, sources, addresses)


def scan_chunk(chunk, sources, addresses):
    def cell(source):
        return check_catalog.hash_of(check_catalog.key_of(source), chunk.seed) * (chunk.buckets << chunk.n) >> \
            check_catalog.HASH_BITS

    scanned["chunks"] += 1
    scanned["cells"] += len(chunk.cells)
    known = {cell(source) for source in sources}
    hits["catalog", "-", "alien"] += sum(c not in known for c in chunk.cells)
    for address in addresses:
        # Another source may share the cell: then nothing is said of this one.
        if canonical(address) in sources and cell(canonical(address)) in chunk.cells:
            hits["catalog", str(address), "cell"] += 1


def scan_files(state, files, needles):
    for directory, _, names in os.walk(state) if state else ():
        files = files + [os.path.join(directory, name) for name in names]
    for path in files:
        scanned["files"] += 1
        needles.look("files", os.fsencode(path) + b"\0" + open(path, "rb").read())


def bpftool(*arguments):
    done = subprocess.run(("bpftool", "-j") + arguments, capture_output=True, check=False)
    try:
        said = json.loads(done.stdout or b"null")
    except ValueError:
        return None
    return None if done.returncode or (isinstance(said, dict) and "error" in said) else said


def raw_bytes(value):
    """The hexadecimal texts of a dump, in their order; what bpftool formats beside them is left out."""
    if isinstance(value, list):
        if value and all(isinstance(item, str) and item.startswith("0x") for item in value):
            return bytes(int(item, 16) for item in value)
        return b"".join(raw_bytes(item) for item in value)
    if isinstance(value, dict):
        return b"".join(raw_bytes(item) for key, item in value.items() if key != "formatted")
    return b""


def map_ids(pins):
    ids = set()
    for pin in glob.glob(os.path.join(pins, "*")):
        shown = bpftool("map", "show", "pinned", pin)
        if shown:
            ids.add(shown["id"])
            continue
        link = bpftool("link", "show", "pinned", pin)
        link = link[0] if isinstance(link, list) else link
        shown = bpftool("prog", "show", "id", str(link["prog_id"])) if link else bpftool("prog", "show", "pinned", pin)
        if not shown:
            sys.exit("what is pinned at %s?" % pin)
        scanned["programs"] += 1
        ids |= set(shown.get("map_ids", ()))
    return ids


def scan_maps(pins, needles):
    for number in sorted(map_ids(pins)):
        shown = bpftool("map", "show", "id", str(number))
        if shown["type"] in ("ringbuf", "sk_storage"):
            scanned["not_dumped_" + shown["type"]] += 1  # the ring is read as it is; see schema/event.h of the other
            continue
        dumped = bpftool("map", "dump", "id", str(number))
        if dumped is None:
            sys.exit("map %s (%s) cannot be dumped" % (shown.get("name"), shown["type"]))
        scanned["maps"] += 1
        needles.look("maps", raw_bytes(dumped))


# struct sekisho_event, schema/event.h
CANARY_BYTES, KIND_AT, KIND_CANARY = 72, 69, 4


def scan_ring(pins, needles):
    libc = ctypes.CDLL(None, use_errno=True)
    path = ctypes.create_string_buffer(os.path.join(pins, "events").encode())
    attr = ctypes.create_string_buffer(struct.pack("QII", ctypes.addressof(path), 0, 0), 128)
    fd = libc.syscall({"x86_64": 321, "aarch64": 280}[platform.machine()], 7, attr, 128)  # BPF_OBJ_GET
    if fd < 0:
        sys.exit("cannot open the ring: " + os.strerror(ctypes.get_errno()))
    size = bpftool("map", "show", "pinned", os.path.join(pins, "events"))["max_entries"]
    page = mmap.PAGESIZE
    with mmap.mmap(fd, page + size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page) as produced:
        scanned["produced"] = struct.unpack("Q", produced[:8])[0]
        needles.look("ring", produced[page:])
        if scanned["produced"] > size:
            sys.exit("the ring went round: its canaries cannot be counted any more")
        at = 0
        while at < scanned["produced"]:
            event = produced[page + at + 8:page + at + 8 + CANARY_BYTES]
            if event[KIND_AT] == KIND_CANARY:
                # Of the collector's own connections there is the time, and what kind it is: nobody's address.
                if any(event[8:KIND_AT - 1]) or event[KIND_AT + 2]:
                    sys.exit("a canary that has more than a time: " + event.hex())
                scanned["canary_bytes"] += 8 + CANARY_BYTES
            length = struct.unpack("I", produced[page + at:page + at + 4])[0] & 0x3fffffff
            at += 8 + (length + 7) // 8 * 8


def scan_process(pid, needles):
    scanned["processes"] += 1
    memory = os.open("/proc/%d/mem" % pid, os.O_RDONLY)
    for line in open("/proc/%d/maps" % pid).read().splitlines():
        part = line.split(None, 5)
        name = part[5] if len(part) > 5 else ""
        if part[1][0] != "r" or "bpf-map" in name or name in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
            continue
        begin, end = (int(text, 16) for text in part[0].split("-"))
        try:
            data = os.pread(memory, end - begin, begin)
        except OSError:
            scanned["memory_unreadable_bytes"] += end - begin
            continue
        kind = name.strip("[]") if name in ("[heap]", "[stack]") else "mapped"
        scanned["memory_of_%s" % kind] += len(data)
        needles.look("memory", data)
    os.close(memory)
    for task in glob.glob("/proc/%d/task/*/children" % pid):
        for child in open(task).read().split():
            scan_process(int(child), needles)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--state")
    parser.add_argument("--pins")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--file", action="append", default=[])
    parser.add_argument("address", nargs="+", type=ipaddress.ip_address)
    options = parser.parse_args()
    needles = Needles(options.address)
    if options.pid:  # first: what is read of files must not matter
        scan_process(options.pid, needles)
    if options.pins:
        scan_maps(options.pins, needles)
        scan_ring(options.pins, needles)
    if options.state:
        scan_store(options.state, options.address)
    scan_files(options.state, options.file, needles)
    for what, count in sorted(scanned.items()):
        print("scanned", what, count)
    for hit, count in sorted(hits.items()):
        if count:
            print("hit", *hit, count)


main()
