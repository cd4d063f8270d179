#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reads a store of sekisho. Written from schema/FORMAT.md alone, as the proof that it can be.

usage: read_store.py [--facts] STATE_DIR

Prints every row of journal and segments once, in the columns of `sekisho search --csv` (local time at +09:00),
in time order. With --facts: one line per file instead, saying how many objects and rows are good, how many bytes
are damaged and whether the end is torn. Python 3 and libzstd.so.1, nothing else.
"""
import ctypes
import ctypes.util
import datetime
import ipaddress
import json
import os
import re
import struct
import sys
import zlib

TENANT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
# 3.3: number -> name, width
COLUMNS = {1: ("time", 8), 2: ("src", 16), 3: ("src_port", 2), 4: ("dst", 16), 5: ("dst_port", 2), 6: ("tenant", 4),
           7: ("consent", 4), 8: ("rtt_us", 4), 9: ("flags", 4), 10: ("kind", 1), 11: ("protocol", 1),
           12: ("orig_dst", 16), 13: ("orig_dst_port", 2), 14: ("lasted", 8)}
ADDRESSES = ("src", "dst", "orig_dst")
MODULO = 1 << 64


class Bad(Exception):
    """Not a good object here."""


class Torn(Exception):
    """The header asks for more bytes than there are."""


class Refused(Exception):
    """The file as a whole cannot be read."""


def signed(value):
    return value - MODULO if value >= MODULO // 2 else value


def checksum(file_id, offset, data):
    return zlib.crc32(data, zlib.crc32(struct.pack("<QQ", file_id, offset)))


class Zstd:
    def __init__(self):
        self.lib = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
        self.lib.ZSTD_decompress.restype = ctypes.c_size_t
        self.lib.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong

    def unpack(self, stored, raw_size):
        if self.lib.ZSTD_getFrameContentSize(stored, ctypes.c_size_t(len(stored))) != raw_size:
            raise Bad
        out = ctypes.create_string_buffer(raw_size or 1)
        if self.lib.ZSTD_decompress(out, ctypes.c_size_t(raw_size), stored, ctypes.c_size_t(len(stored))) != raw_size:
            raise Bad
        return out.raw[:raw_size]


ZSTD = Zstd()


def unpack(coding, stored, raw_size):
    if coding == 1:
        return ZSTD.unpack(stored, raw_size)
    if coding != 0 or len(stored) != raw_size:
        raise Bad
    return stored


def file_header(data, magic):
    if len(data) < 128:
        raise Refused("shorter than its header")
    if data[:8] != magic:
        raise Refused("other magic")
    version, header_size, _, incompatible = struct.unpack_from("<HHII", data, 8)
    file_id, = struct.unpack_from("<Q", data, 24)
    if struct.unpack_from("<I", data, 124)[0] != checksum(file_id, 0, data[:124]):
        raise Refused("header fails its checksum")
    if version != 1 or header_size != 128 or incompatible:
        raise Refused("version %d, flags %#x" % (version, incompatible))
    return file_id


def walk(data, magic, good, facts):
    """Rules 2 and 3: calls good(offset) -> size of the object there, from the header to the end."""
    at = 128
    while at < len(data):
        torn = False
        try:
            at += good(at)
            continue
        except Bad:
            pass
        except Torn:
            torn = True
        following = data.find(magic, at + 1)
        while following >= 0:
            try:
                good(following, only_look=True)
                break
            except (Bad, Torn):
                following = data.find(magic, following + 1)
        if following < 0 and (torn or not any(data[at:])):
            facts["torn"] = True
            return
        end = following if following >= 0 else len(data)
        facts["damaged"] += end - at
        at = end


def planes(raw, count, width):
    return [raw[i::count] for i in range(count)] if count else []


def column_values(number, raw, count, base):
    name, width = COLUMNS[number]
    values = planes(raw, count, width)
    if name in ADDRESSES:
        return name, values
    values = [int.from_bytes(v, "little") for v in values]
    if name == "time":
        values = [(v + base) % MODULO for v in values]
    elif name == "close":
        values = [signed(v) for v in values]
    return name, values


def make_rows(count, base, tenant, columns):
    """columns: number -> raw planes; an absent one is zero (3.3)."""
    absent = {"time": base % MODULO, "tenant": tenant}
    rows = [{} for _ in range(count)]
    for number, (name, width) in COLUMNS.items():
        if number in columns:
            values = column_values(number, columns[number], count, base)[1]
        else:
            values = [bytes(16) if name in ADDRESSES else absent.get(name, 0)] * count
        for row, value in zip(rows, values):
            row[name] = value
    return rows


def read_anchors(raw, count=None):
    count = len(raw) // 32 if count is None else count
    if len(raw) < 32 * count:
        raise Bad
    return [dict(zip(("boot", "utc", "max_error", "status"), struct.unpack_from("<QqQI", raw, 32 * i)))
            for i in range(count)]


class Journal:
    def __init__(self, data):
        self.data = data
        self.facts = {"objects": 0, "rows": 0, "damaged": 0, "torn": False}
        self.rows, self.anchors, self.tenants = [], [], {}
        self.file_id = file_header(data, b"SEKISHOJ")
        walk(data, b"SKFR", self.frame, self.facts)
        self.anchors.sort(key=lambda a: a["boot"])  # stable: equal ones by their place
        if not self.anchors:
            created_utc, created_boot = struct.unpack_from("<qQ", data, 48)
            self.anchors = [{"boot": created_boot, "utc": created_utc, "max_error": 0, "status": 0x40}]
        self.rows = [row for row in self.rows if row["tenant"] in self.tenants]
        for row in self.rows:
            self.to_utc(row)

    def frame(self, at, only_look=False):
        if len(self.data) - at < 56:
            raise Torn
        (magic, kind, coding, header_size, entries, raw_size, stored_size, bits, _ring_end, first, _last, header_crc,
         crc) = struct.unpack_from("<4sBBHIIIIQQQII", self.data, at)
        if magic != b"SKFR" or header_size != 56 or entries > 65536 or max(raw_size, stored_size) > 16777216:
            raise Bad
        if header_crc != checksum(self.file_id, at, self.data[at:at + 48]):
            raise Bad
        end = at + 56 + stored_size
        if end > len(self.data):
            raise Torn
        if crc != checksum(self.file_id, at + 56, self.data[at + 56:end]):
            raise Bad
        if not only_look:
            if 1 <= kind <= 4:
                raw = unpack(coding, self.data[at + 56:end], raw_size)
                if kind == 1:
                    self.rows += self.row_frame(raw, entries, bits, first)
                    self.facts["rows"] += entries
                elif kind == 2:
                    self.anchors += read_anchors(raw, entries)
                elif kind == 3:
                    if len(raw) < 40 * entries:
                        raise Bad
                else:
                    self.tenants.update(self.tenant_frame(raw, entries))
            self.facts["objects"] += 1
        return end - at

    @staticmethod
    def row_frame(raw, count, bits, base):
        columns, at = {}, 0
        for number in range(32):
            if not bits >> number & 1:
                continue
            if number not in COLUMNS:
                raise Bad
            size = COLUMNS[number][1] * count
            columns[number] = raw[at:at + size]
            at += size
        if at != len(raw):
            raise Bad
        return make_rows(count, base, 0, columns)

    @staticmethod
    def tenant_frame(raw, entries):
        tenants, at = {}, 0
        for _ in range(entries):
            if at + 9 > len(raw):
                raise Bad
            number, _consent, length = struct.unpack_from("<IIB", raw, at)
            name = raw[at + 9:at + 9 + length].decode("ascii", "replace")
            if not number or len(name) != length or not TENANT_ID.match(name):
                raise Bad
            tenants[number] = name
            at += 9 + length
        return tenants

    def to_utc(self, row):
        before = [a for a in self.anchors if a["boot"] <= row["time"]]
        anchor = before[-1] if before else self.anchors[0]
        row["time"] = signed((anchor["utc"] + row["time"] - anchor["boot"]) % MODULO)
        row["clock_error"] = anchor["max_error"]
        row["tenant"] = self.tenants[row["tenant"]]


class Segment:
    def __init__(self, data, journal_ids):
        self.data, self.journal_ids = data, journal_ids
        self.facts = {"objects": 0, "rows": 0, "damaged": 0, "torn": False}
        self.rows, self.names = [], set()
        self.file_id = file_header(data, b"SEKISHOS")
        self.day, = struct.unpack_from("<i", data, 20)
        self.part, length = struct.unpack_from("<II", data, 32)
        self.tenant = data[48:48 + length].decode("ascii", "replace")
        if length > 64 or not TENANT_ID.match(self.tenant):
            raise Refused("no tenant id")
        walk(data, b"SKSC", self.section, self.facts)

    def section(self, at, only_look=False):
        left = len(self.data) - at
        if left < 144:
            raise Torn
        magic, header_size, blocks, size, journal_id, run, row_count, first = \
            struct.unpack_from("<4sHHQQIIq", self.data, at)
        incompatible, = struct.unpack_from("<I", self.data, at + 96)
        directory_crc, crc = struct.unpack_from("<II", self.data, at + 136)
        if magic != b"SKSC" or header_size != 144 or blocks > 64 or row_count > 1048576:
            raise Bad
        if crc != checksum(self.file_id, at, self.data[at:at + 140]):
            raise Bad
        if incompatible:
            raise Refused("a section with flags %#x" % incompatible)
        if size > left:
            raise Torn
        directory = self.data[at + 144:at + 144 + 16 * blocks]
        if size < 144 + len(directory) or directory_crc != checksum(self.file_id, at + 144, directory):
            raise Bad
        entries, block_at = [], at + 144 + len(directory)
        for i in range(blocks):
            number, coding, width, raw_size, stored_size, block_crc = struct.unpack_from("<HBBIII", directory, 16 * i)
            if number in COLUMNS:
                if width != COLUMNS[number][1] or raw_size != row_count * width:
                    raise Bad
            elif not width or raw_size // width > 1048576:
                raise Bad
            entries.append((number, coding, raw_size, block_at, stored_size, block_crc))
            block_at += stored_size
        if block_at != at + size:
            raise Bad
        if not only_look:
            self.facts["objects"] += 1
            self.read_rows((journal_id, run), entries, row_count, first)
        return size

    def read_rows(self, name, entries, count, base):
        if name[0] in self.journal_ids:  # rule 7
            return
        raw = {}
        for number, coding, raw_size, at, stored_size, crc in entries:
            stored = self.data[at:at + stored_size]
            if crc != checksum(self.file_id, at, stored):
                self.facts["damaged"] += stored_size
                return
            if number in COLUMNS or number == 64:
                raw[number] = unpack(coding, stored, raw_size)
        anchors = read_anchors(raw.pop(64, b""))
        rows = make_rows(count, base, 0, raw)
        for row in rows:
            row["time"] = signed(row["time"])
            before = [a for a in anchors if a["utc"] <= row["time"]] or anchors[:1]
            row["clock_error"] = before[-1]["max_error"] if before else 0
            row["tenant"] = self.tenant
            if row["time"] // 86400000000000 != self.day:
                raise Refused("a row of another day")
        sources = [(row["src"], row["time"]) for row in rows]
        if sources != sorted(sources):
            raise Refused("rows are not in the order of source and time")
        self.rows += rows
        self.names.add(name)
        self.facts["rows"] += count


def files(directory, suffix):
    return [os.path.join(directory, n) for n in sorted(os.listdir(directory))
            if n.endswith(suffix) and not n.startswith(".") and os.path.isfile(os.path.join(directory, n))]


def read_store(state_dir):
    """All rows once, and the facts of each file."""
    rows, facts, journal_ids, names = [], {}, set(), set()
    for path in files(os.path.join(state_dir, "journal"), ".skj"):
        try:
            journal = Journal(open(path, "rb").read())
        except Refused as why:
            facts[path] = str(why)
            continue
        journal_ids.add(journal.file_id)
        rows += journal.rows
        facts[path] = journal.facts
    segments = os.path.join(state_dir, "segments")
    for tenant in sorted(os.listdir(segments)):
        for path in files(os.path.join(segments, tenant), ".sks"):
            try:
                segment = Segment(open(path, "rb").read(), journal_ids)
            except Refused as why:
                facts[path] = str(why)
                continue
            day = (datetime.date(1970, 1, 1) + datetime.timedelta(days=segment.day)).isoformat()
            if os.path.basename(path) != day + (".%d" % segment.part if segment.part != 1 else "") + ".sks" or \
                    segment.tenant != tenant:
                facts[path] = "of another tenant, day or part than its name says"
                continue
            if names & {(segment.tenant, segment.day) + n for n in segment.names}:
                facts[path] = "a section that another part has as well"
                continue
            names |= {(segment.tenant, segment.day) + n for n in segment.names}
            rows += segment.rows
            facts[path] = segment.facts
    rows.sort(key=lambda r: (r["time"], r["src"], r["dst"], r["src_port"], r["dst_port"]))
    return rows, facts


def time_text(ns, zone_hours):
    zone = "Z" if not zone_hours else "%+03d:00" % zone_hours
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=ns // 10**9 + 3600 * zone_hours)
    return "%s.%09d%s" % (at.strftime("%Y-%m-%dT%H:%M:%S"), ns % 10**9, zone)


def address_text(address):
    if address == bytes(16):
        return ""
    v6 = ipaddress.IPv6Address(address)
    return str(v6.ipv4_mapped or v6)


def flags_text(flags):
    names = {1: "v6_socket", 2: "loopback", 4: "clock_unsync"}
    known = [name for bit, name in names.items() if flags & bit]
    rest = flags & ~sum(names)
    return "+".join(known + (["%#x" % rest] if rest else []))


def csv_line(number, row):
    blank = lambda value: str(value) if value else ""
    return ",".join([
        str(number), {1: "established", 2: "accepted"}.get(row["kind"], "unknown"),
        "tcp" if row["protocol"] == 6 else "unknown", address_text(row["src"]) or "::", str(row["src_port"]),
        address_text(row["dst"]) or "::", str(row["dst_port"]), time_text(row["time"], 0), time_text(row["time"], 9),
        row["tenant"], blank(row["rtt_us"]), str(row["clock_error"]), flags_text(row["flags"]), str(row["consent"]),
        address_text(row["orig_dst"]), blank(row["orig_dst_port"]),
        time_text(row["close"], 0) if row["close"] else ""])


def main():
    arguments = [a for a in sys.argv[1:] if a != "--facts"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    rows, facts = read_store(arguments[0])
    if "--facts" in sys.argv:
        for path, fact in facts.items():
            print(os.path.relpath(path, arguments[0]), json.dumps(fact))
        return
    print("row,kind,proto,src_ip,src_port,dst_ip,dst_port,t_utc,t_local,tenant,rtt_us,clock_err_ns,flags,consent,"
          "orig_dst_ip,orig_dst_port,t_close_utc")
    for number, row in enumerate(rows, 1):
        print(csv_line(number, row))


if __name__ == "__main__":
    main()
