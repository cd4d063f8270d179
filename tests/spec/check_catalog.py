#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reads the day catalogs of a store and proves them against its segments. Written from schema/FORMAT.md alone.

usage: check_catalog.py STATE_DIR

For each catalog: every section of the day's segments is listed with what it says of itself, nothing else is listed, and
every source of every section is found in it. A section whose journal is still in journal/ may be missing. Prints a line
for each catalog and each difference; status 1 if there is any. The segments are read by read_store.py.
"""
import datetime
import os
import struct
import sys

import read_store
from read_store import MODULO, Bad, Fields, checksum, signed, unpack

DAY_NS = 86400 * 10**9
GROUP, UNIT, HASH_BITS = 512, 1 << 26, 40
SPLITS = {1: {"0": 1, "1": 0}, 2: {"0": 1, "10": 2, "11": 0}, 3: {"00": 0, "10": 1, "01": 2, "11": 3},
          4: {"0": 2, "10": 1, "110": 3, "1110": 0, "1111": 4}}


def rounded_up(ns):
    return -(-ns // UNIT)


def key_of(source):
    v4 = source[:12] == bytes(10) + b"\xff\xff"
    return int.from_bytes(source[8:] if v4 else source[:8], "big")


def hash_of(key, seed):
    v = key ^ seed
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9 % MODULO
    v = (v ^ v >> 27) * 0x94d049bb133111eb % MODULO
    return (v ^ v >> 31) >> 24


class Code:
    def __init__(self, lengths):
        self.sections = {}
        used = sorted((bits, section) for section, bits in enumerate(lengths) if bits)
        code, before = 0, 0
        for bits, section in used:
            code <<= bits - before
            self.sections[bits, code] = section
            code, before = code + 1, bits
        if used and code != 1 << before and (len(used) > 1 or before != 1):
            raise Bad

    def take(self, bits):
        code = 0
        for count in range(1, 25):
            code = code << 1 | bits.plain(1)
            if (count, code) in self.sections:
                return self.sections[count, code]
        raise Bad


    def take_group(self, bits, k, count=0, code=0):
        if (count, code) in self.sections:
            if k != 1:
                raise Bad
            return [self.sections[count, code]]
        if count == 24:
            raise Bad
        text, zeroes = "", None
        while zeroes is None:
            text += str(bits.plain(1))
            zeroes = SPLITS[k].get(text)
        return (self.take_group(bits, zeroes, count + 1, code << 1) if zeroes else []) + \
            (self.take_group(bits, k - zeroes, count + 1, code << 1 | 1) if k > zeroes else [])


class Chunk:
    def __init__(self, data, at, file_id, day):
        prefix = data[at:at + 64]
        if len(prefix) < 64 or prefix[:4] != b"SKCK":
            raise Bad
        (crc, facts_bytes, facts_raw, facts_crc, directory_bytes, directory_crc, self.buckets, buckets_bytes, self.pairs,
         self.seed, coding, self.n, counts) = struct.unpack_from("<9IQBBI", prefix, 4)
        if crc != checksum(file_id, at, prefix[8:]):
            raise Bad
        self.begin = day * DAY_NS
        facts_at, directory_at = at + 64, at + 64 + facts_bytes
        buckets_at = directory_at + directory_bytes
        self.end = buckets_at + buckets_bytes
        facts, directory = data[facts_at:directory_at], data[directory_at:buckets_at]
        if self.end > len(data) or facts_crc != checksum(file_id, facts_at, facts) or \
                directory_crc != checksum(file_id, directory_at, directory):
            raise Bad
        self.read_facts(Fields(unpack(coding, facts, facts_raw)))
        self.counts = Code([counts >> 4 * i & 15 for i in range(8)])
        self.cells = {}
        self.read_buckets(data, Fields(directory), buckets_at, file_id)

    def read_facts(self, fields):
        self.tenants = [fields.take(fields.u8()).decode("ascii") for _ in range(fields.varint())]
        count, tenant, self.segments = fields.varint(), 0, []
        for _ in range(count):
            tenant += fields.varint()
            self.segments.append({"tenant": self.tenants[tenant]})
        for segment in self.segments:
            segment["part"] = fields.varint()
        for segment in self.segments:
            segment["file_id"], = struct.unpack("<Q", fields.take(8))
        self.origins = [self.origin(fields) for _ in range(fields.varint())]
        self.sections = self.read_sections(fields)
        if fields.at != len(fields.data):
            raise Bad

    def origin(self, fields):
        journal_id, rung, flags = struct.unpack("<QBB", fields.take(10))
        if flags & ~1:
            raise Bad
        origin = {"journal_id": journal_id, "rung": rung, "imported": flags & 1 != 0,
                  "spoke": (fields.zigzag(), fields.zigzag()), "clock": [], "gaps": []}
        boot, utc = 0, self.begin
        for _ in range(fields.varint()):
            boot_from = (boot + fields.zigzag()) % MODULO
            length = fields.varint()
            boot = (boot_from + length) % MODULO
            utc += fields.zigzag()
            code = fields.u8()
            origin["clock"].append((boot_from, boot, signed(utc % MODULO), 1 << code - 1 if code else 0, fields.varint()))
            utc += length
        first = self.begin
        for _ in range(fields.varint()):
            first += fields.zigzag()
            last = first + fields.varint()
            count, total, tenant = fields.varint(), fields.varint(), fields.varint()
            origin["gaps"].append((signed(first % MODULO), signed(last % MODULO), count, total,
                                   self.tenants[tenant - 1] if tenant else None, fields.varint()))
        return origin

    def read_sections(self, fields):
        count, rows = fields.varint(), []
        while len(rows) < count:
            size = min(GROUP, count - len(rows))
            columns = []
            for _ in range(12):
                form = fields.u8()
                if form > 1:
                    raise Bad
                columns.append([fields.varint()] * size if form else [fields.varint() for _ in range(size)])
            rows += zip(*columns)
        sections, segment, end = [], -1, 0
        for step, origin, run, skipped, header, body, n, first, last, opened, flags, bits in rows:
            if step:
                end = 72
            segment += step
            if flags & ~3:
                raise Bad
            offset = end + skipped
            end = offset + 56 + header + body
            sections.append({"segment": self.segments[segment], "origin": self.origins[origin], "run": run,
                             "offset": offset, "header": 56 + header, "bytes": 56 + header + body, "rows": n,
                             "first": first, "last": first + last, "opened": first - opened, "close": flags & 1 != 0,
                             "always": flags & 2 != 0, "bits": bits})
        return sections

    def read_buckets(self, data, directory, at, file_id):
        """cells: number -> set of sections."""
        code, pairs = Code([s["bits"] for s in self.sections]), 0
        for bucket in range(self.buckets):
            size = directory.varint()
            body = data[at + 4:at + size]
            if struct.unpack_from("<I", data, at)[0] != checksum(file_id, at, body):
                raise Bad
            bits = read_store.Bits(body)
            for cell in range(bucket << self.n, (bucket + 1) << self.n):
                left, more = 0, 7
                while more == 7:
                    more = self.counts.take(bits)
                    left += more
                pairs += left
                while left:
                    self.cells.setdefault(cell, set()).update(code.take_group(bits, min(left, 4)))
                    left -= min(left, 4)
            if bits.left > 7 or bits.plain(bits.left):
                raise Bad
            at += size
        if at != self.end or directory.at != len(directory.data) or pairs != self.pairs:
            raise Bad

    def can_hold(self, source):
        cell = hash_of(key_of(source), self.seed) * (self.buckets << self.n) >> HASH_BITS
        found = {i for i, s in enumerate(self.sections) if s["always"]}
        for i in self.cells.get(cell, set()):
            found.add(i)
            while i + 1 < len(self.sections) and not self.sections[i + 1]["bits"] and \
                    self.sections[i + 1]["segment"] is self.sections[i]["segment"]:
                i += 1
                found.add(i)
        return found


class Catalog:
    def __init__(self, data, name):
        magic, version, size, _, incompatible, self.day, file_id = struct.unpack_from("<8sHHIIiQ", data)
        if magic != b"SEKISHOC" or struct.unpack_from("<I", data, 44)[0] != checksum(file_id, 0, data[:44]):
            raise Bad
        if version != 1 or size != 48 or incompatible:
            raise Bad
        if name != (datetime.date(1970, 1, 1) + datetime.timedelta(days=self.day)).isoformat() + ".skc":
            raise Bad
        at, self.chunks = 48, []
        while at < len(data) or not self.chunks:
            self.chunks.append(Chunk(data, at, file_id, self.day))
            at = self.chunks[-1].end
        self.listed = {}  # the later one counts
        for chunk in self.chunks:
            for i, s in enumerate(chunk.sections):
                self.listed[s["segment"]["tenant"], s["origin"]["journal_id"], s["run"]] = (chunk, i)


class Whole(set):
    """Every journal: so that read_store.py does not read the rows, which is done here."""

    def __contains__(self, _):
        return True


def segments_of(state, day):
    """(tenant, segment, bytes, offsets of its sections)"""
    root = os.path.join(state, "segments")
    for tenant in sorted(os.listdir(root)):
        for path in read_store.files(os.path.join(root, tenant), ".sks"):
            data = open(path, "rb").read()
            segment = read_store.Segment(data, Whole())
            if segment.day != day:
                continue
            at, sections = struct.unpack_from("<H", data, 10)[0], []
            while data[at:at + 4] == b"SKSC":
                sections.append(at)
                header, body = struct.unpack_from("<HH", data, at + 6)
                if header == 65535:
                    header, body = struct.unpack_from("<II", data, at + 56)
                at += header + body
            yield tenant, segment, data, sections


def gaps_and_clock(data, at, tenant, section):
    """The parts of a section's header that a row does not need: own reading of 3.10."""
    fields = Fields(data[section.rest:section.body])
    rows, _, flags = fields.varint(), fields.varint(), fields.u8()
    for _ in range(2):
        fields.zigzag()
    first, span = fields.varint() if rows else 0, fields.varint() if rows > 1 else 0
    opened = fields.varint() if rows and flags & 8 else 0
    if flags & 2:
        fields.take(fields.varint())
    gaps, clock = [], []
    for _ in range(fields.varint() if flags & 4 else 0):
        first_ns, last_ns, count, total, number, reason = struct.unpack("<qqQQII", fields.take(40))
        gaps.append((first_ns, last_ns, count, total, tenant if number else None, reason))
    boot, utc = 0, section.first if rows else 0
    number = fields.varint() if rows else 0
    for _ in range(number - 1 if number > 1 else number):
        boot_from = boot + fields.varint()
        length = (fields.zigzag() if number > 1 else 0) + span
        boot = boot_from + length
        utc += fields.zigzag() if number > 1 else 0
        code = fields.u8()
        clock.append((boot_from, boot, utc, 1 << code - 1 if code else 0, fields.varint()))
        utc += length
    return gaps, clock, (first, first + span, first - opened)


def compare_section(listed, data, at, tenant, segment, section):
    """What is different, or None."""
    gaps, clock, (first, last, opened) = gaps_and_clock(data, at, tenant, section)
    origin = listed["origin"]
    want = {"offset": at, "bytes": section.size, "header": section.body - at, "rows": section.count,
            "close": section.flags & 8 != 0, "first": first // UNIT, "last": rounded_up(last),
            "opened": min(first // UNIT, opened // UNIT)}
    for key, value in want.items():
        if listed[key] != value:
            return "%s is %s, not %s" % (key, value, listed[key])
    if (listed["segment"]["part"], listed["segment"]["file_id"]) != (segment.part, segment.file_id):
        return "another part or file id"
    if origin["rung"] != section.rung or origin["spoke"] != section.spoke or \
            origin["imported"] < (section.flags & 2 != 0):
        return "another origin"
    if set(gaps) - set(origin["gaps"]):
        return "a gap is missing"
    if not all(any(begin <= piece[0] and end >= piece[1] and utc - begin == piece[2] - piece[0]
                   and (error, status) == piece[3:] for begin, end, utc, error, status in origin["clock"])
               for piece in clock):
        return "a clock piece is missing"
    return None


def check(state, catalog, journal_ids):
    differences, seen, sources, gaps = [], set(), 0, {}
    for tenant, segment, data, sections in segments_of(state, catalog.day):
        for at in sections:
            section = read_store.Section(data, at, segment.file_id, segment.day)
            name, where = (tenant, section.journal_id, section.run), "%s part %d offset %d" % (tenant, segment.part, at)
            if name not in catalog.listed:
                if section.journal_id not in journal_ids:
                    differences.append("%s is not listed" % where)
                continue
            chunk, index = catalog.listed[name]
            different = compare_section(chunk.sections[index], data, at, tenant, segment, section)
            if different:
                differences.append("%s: %s" % (where, different))
            seen.add(name)
            gaps.setdefault(section.journal_id, set()).update(gaps_and_clock(data, at, tenant, section)[0])
            for entry in section.blocks:
                block = read_store.Block(section, entry, data[entry["at"] + 4:entry["at"] + entry["size"]])
                for source in {row["src"] for row in block.rows}:
                    sources += 1
                    if index not in chunk.can_hold(source):
                        differences.append("%s: %s is not found" % (where, read_store.address_text(source)))
    for name in catalog.listed.keys() - seen:
        differences.append("a section is listed that is not there: %s, journal %x, run %d" % name)
    for chunk in catalog.chunks:
        for origin in chunk.origins:
            if set(origin["gaps"]) - gaps.get(origin["journal_id"], set()):
                differences.append("a gap is listed that no section states")
    return differences, len(seen), sources


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    state, status = sys.argv[1], 0
    journal_ids = {read_store.journal_header(open(path, "rb").read())
                   for path in read_store.files(os.path.join(state, "journal"), ".skj")}
    for path in read_store.files(os.path.join(state, "catalog"), ".skc"):
        name = os.path.basename(path)
        try:
            catalog = Catalog(open(path, "rb").read(), name)
        except (Bad, struct.error):
            print("%s: damaged" % name)
            status = 1
            continue
        differences, sections, sources = check(state, catalog, journal_ids)
        print("%s: %d chunks, %d sections, %d sources found" % (name, len(catalog.chunks), sections, sources))
        for line in differences:
            print("%s: %s" % (name, line))
            status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
