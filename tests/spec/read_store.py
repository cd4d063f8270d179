#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reads a store of sekisho. Written from schema/FORMAT.md alone, as the proof that it can be.

usage: read_store.py [--facts] [--no-merkle] STATE_DIR

Prints every row of journal and segments once, in the columns of `sekisho search --csv` (local time at +09:00),
in time order. With --facts: one line per file instead, saying how many objects and rows are good, how many bytes
are damaged and whether the end is torn; of segments also how many sections have the Merkle root of their rows,
and how many have another. --no-merkle leaves that out: the key stream takes 0.1 s for a thousand rows.
Python 3 and libzstd.so.1, nothing else.
"""
import ctypes
import ctypes.util
import datetime
import hashlib
import ipaddress
import json
import os
import re
import struct
import sys
import unicodedata
import zlib

TENANT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
# 3.3: number -> name, width
COLUMNS = {1: ("time", 8), 2: ("src", 16), 3: ("src_port", 2), 4: ("dst", 16), 5: ("dst_port", 2), 6: ("tenant", 4),
           7: ("consent", 4), 8: ("rtt_us", 4), 9: ("flags", 4), 10: ("kind", 1), 11: ("protocol", 1),
           12: ("orig_dst", 16), 13: ("orig_dst_port", 2), 14: ("lasted", 8)}
ADDRESSES = ("src", "dst", "orig_dst")
V4 = bytes(10) + b"\xff\xff"
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


def journal_header(data):
    if len(data) < 128:
        raise Refused("shorter than its header")
    if data[:8] != b"SEKISHOJ":
        raise Refused("other magic")
    version, header_size, _, incompatible = struct.unpack_from("<HHII", data, 8)
    file_id, = struct.unpack_from("<Q", data, 24)
    if struct.unpack_from("<I", data, 124)[0] != checksum(file_id, 0, data[:124]):
        raise Refused("header fails its checksum")
    if version != 1 or header_size != 128 or incompatible:
        raise Refused("version %d, flags %#x" % (version, incompatible))
    return file_id


def walk(data, at, magic, good, facts):
    """Rules 2 and 3: calls good(offset) -> size of the object there, from the header to the end."""
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


def addresses(raw, count):
    marks, low = raw[:count], planes(raw[count:5 * count], count, 4)
    others = marks.count(0)
    high = iter(planes(raw[5 * count:], others, 12))
    return [(V4 if mark else next(high)) + rest for mark, rest in zip(marks, low)]


def column_bytes(number, raw, count):
    """How many of the bytes are the column's."""
    name, width = COLUMNS[number]
    if name not in ADDRESSES:
        return count * width
    if any(mark > 1 for mark in raw[:count]):
        raise Bad
    return 5 * count + 12 * raw[:count].count(0)


def column_values(number, raw, count, base):
    name, width = COLUMNS[number]
    if name in ADDRESSES:
        return name, addresses(raw, count)
    values = planes(raw, count, width)
    values = [int.from_bytes(v, "little") for v in values]
    if name == "time":
        values = [(v + base) % MODULO for v in values]
    elif name == "lasted":
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


def custody_text(raw):
    """3.15: the reason of an import."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad
    if not 1 <= len(raw) <= 1024 or any(unicodedata.category(c) == "Cc" for c in text):
        raise Bad
    return text


class Journal:
    def __init__(self, data):
        self.data = data
        self.facts = {"objects": 0, "rows": 0, "damaged": 0, "torn": False}
        self.rows, self.anchors, self.tenants, self.custody = [], [], {}, None
        self.file_id = journal_header(data)
        walk(data, 128, b"SKFR", self.frame, self.facts)
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
        (magic, kind, coding, header_size, entries, raw_size, stored_size, bits, _ring_end, first, last, header_crc,
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
            if 1 <= kind <= 5:
                raw = unpack(coding, self.data[at + 56:end], raw_size)
                if kind == 1:
                    self.rows += self.row_frame(raw, entries, bits, first, last)
                    self.facts["rows"] += entries
                elif kind == 2:
                    self.anchors += read_anchors(raw, entries)
                elif kind == 3:
                    if len(raw) < 40 * entries:
                        raise Bad
                elif kind == 4:
                    for number, name in self.tenant_frame(raw, entries):
                        self.tenants.setdefault(number, name)
                else:
                    text = custody_text(raw)
                    if entries != 1:
                        raise Bad
                    self.custody = self.custody or text
            self.facts["objects"] += 1
        return end - at

    @staticmethod
    def row_frame(raw, count, bits, base, last):
        columns, at = {}, 0
        for number in range(32):
            if not bits >> number & 1:
                continue
            if number not in COLUMNS:
                raise Bad
            size = column_bytes(number, raw[at:], count)
            columns[number] = raw[at:at + size]
            at += size
        if at != len(raw):
            raise Bad
        rows = make_rows(count, base, 0, columns)
        if any(not base <= row["time"] <= last for row in rows):
            raise Bad
        return rows

    @staticmethod
    def tenant_frame(raw, entries):
        tenants, at = [], 0
        for _ in range(entries):
            if at + 9 > len(raw):
                raise Bad
            number, _consent, length = struct.unpack_from("<IIB", raw, at)
            name = raw[at + 9:at + 9 + length].decode("ascii", "replace")
            if not number or len(name) != length or not TENANT_ID.match(name):
                raise Bad
            tenants.append((number, name))
            at += 9 + length
        return tenants

    def to_utc(self, row):
        before = [a for a in self.anchors if a["boot"] <= row["time"]]
        anchor = before[-1] if before else self.anchors[0]
        row["time"] = signed((anchor["utc"] + row["time"] - anchor["boot"]) % MODULO)
        row["clock_error"] = anchor["max_error"]
        row["tenant"] = self.tenants[row["tenant"]]


class Fields:
    """Bytes taken one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise Bad
        self.at += count
        return self.data[self.at - count:self.at]

    def u8(self):
        return self.take(1)[0]

    def u16(self):
        return int.from_bytes(self.take(2), "little")

    def varint(self):
        value, shift = 0, 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7f) << shift
            if value >= MODULO or shift > 63:
                raise Bad
            if byte < 0x80:
                return value
            shift += 7

    def u32_varint(self):
        value = self.varint()
        if value >> 32:
            raise Bad
        return value

    def zigzag(self):
        value = self.varint()
        return value >> 1 if value % 2 == 0 else -(value >> 1) - 1


# 3.11: symbols of each code
SYMBOLS = [80, 80, 64, 128, 128, 128, 64] + [184] * 4 + [64] + [93] * 6 + [208] * 7 + [240, 156, 40, 248, 240]


def usual_codes():
    """3.13 as it stands on the page."""
    page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "schema", "FORMAT.md")
    part = open(page, encoding="utf-8").read().split("### 3.13 Usual codes")[1].split("\n## ")[0]
    return {int(n): [int(digit, 16) for digit in lengths] for n, lengths in re.findall(r"^    (\d+) +([0-9a-f]+)$", part, re.M)}


class Code:
    """A canonical prefix code: (length, bits with the first one highest) -> symbol."""

    def __init__(self, lengths=None, constant=None):
        self.constant, self.symbols = constant, {}
        if lengths is None:
            return
        if sum(1 << (11 - n) for n in lengths if n) != 1 << 11:
            raise Bad
        code, before = 0, 0
        for length, symbol in sorted((n, i) for i, n in enumerate(lengths) if n):
            code <<= length - before
            self.symbols[length, code] = symbol
            code, before = code + 1, length

    @staticmethod
    def given(fields, symbols):
        listed = fields.u8()
        if not listed:
            constant = fields.u8()
            if constant >= symbols:
                raise Bad
            return Code(constant=constant)
        nibbles, lengths = [], []

        def nibble():
            if not nibbles:
                byte = fields.u8()
                nibbles.extend((byte & 15, byte >> 4))
            return nibbles.pop(0)

        while len(lengths) < listed:
            length = nibble()
            lengths += [length] if length else [0] * (nibble() + 1)
        if len(lengths) != listed or listed > symbols or max(lengths) > 11:
            raise Bad
        return Code(lengths)


class Bits:
    def __init__(self, data):
        self.data, self.left, self.at = data, len(data) * 8, 0

    def plain(self, count):
        if count > self.left:
            raise Bad
        begin = self.at // 8
        value = int.from_bytes(self.data[begin:(self.at + count + 7) // 8], "little") >> self.at % 8
        self.at += count
        self.left -= count
        return value & (1 << count) - 1

    def symbol(self, code):
        if code.constant is not None:
            return code.constant
        bits = 0
        for length in range(1, 12):
            bits = bits << 1 | self.plain(1)
            if (length, bits) in code.symbols:
                return code.symbols[length, bits]
        raise Bad

    def rest(self, symbol, m):
        """The number that B(m) cut into this symbol and plain bits."""
        if symbol < 2 << m:
            return symbol
        shift = (symbol >> m) - 1
        return (symbol - (shift << m) << shift) + self.plain(shift)

    def bucket(self, code, m):
        return self.rest(self.symbol(code), m)


def zigzag_back(z):
    return z >> 1 if z % 2 == 0 else -(z >> 1) - 1


def rtt_us(code):
    e = code // 8 - 1
    return code if code < 16 else 2 ** e * (8 + code % 8) + 2 ** e // 2


class Block:
    """3.11: the rows of one block."""

    def __init__(self, section, entry, data):
        self.section, self.bits, self.codes = section, Bits(data), section.codes
        self.v4, self.count = entry["v4"], entry["rows"]
        counts = self.counts()
        if sum(n for n, _ in counts) != self.count:
            raise Bad
        sources = self.sources(entry["first"], len(counts))
        groups = [[{"src": source} for _ in range(n)] for source, (n, _) in zip(sources, counts)]
        for rows in groups:
            self.times(rows)
        for rows, (_, uniform) in zip(groups, counts):
            self.endpoints(rows, uniform)
        for rows in groups:
            self.ports(rows)
        for rows in groups:
            self.rtts(rows)
        if self.bits.left > 7 or self.bits.plain(self.bits.left):
            raise Bad
        self.rows = [row for rows in groups for row in rows]

    def counts(self):
        result = []
        for _ in range(self.bits.plain(7) + 1 if self.count > 1 else 1):
            symbol = self.bits.symbol(self.codes[0 if self.v4 else 1])
            result.append((self.bits.rest(symbol // 2, 2) + 1, symbol % 2 == 1))
        return result

    def sources(self, first, count):
        result = [first]
        for _ in range(count - 1):
            net, host = int.from_bytes(result[-1][:8], "big"), int.from_bytes(result[-1][8:], "big")
            if self.v4:
                host += self.bits.bucket(self.codes[2], 1) + 1
            else:
                step = self.bits.bucket(self.codes[3], 1)
                net += step
                host = self.bits.bucket(self.codes[5], 1) if step else host + self.bits.bucket(self.codes[4], 1) + 1
            if net >= MODULO or host >= MODULO or self.v4 != (net == 0 and host >> 32 == 0xffff):
                raise Bad
            result.append(net.to_bytes(8, "big") + host.to_bytes(8, "big"))
        return result

    def times(self, rows):
        shift = max(0, self.section.span.bit_length() - 6)
        at = self.bits.symbol(self.codes[6]) << shift
        at += self.bits.plain(shift)
        code = self.codes[7 + (0 if len(rows) <= 2 else 1 if len(rows) <= 4 else 2 if len(rows) <= 16 else 3)]
        for i, row in enumerate(rows):
            at += self.bits.bucket(code, 2) if i else 0
            row["time"] = self.section.first + at
        if at > self.section.span:
            raise Bad

    def endpoints(self, rows, uniform):
        known, before = self.section.endpoints, None
        for i, row in enumerate(rows):
            if len(known) == 1:
                number = 0
            elif uniform and i:
                number = before
            elif uniform:
                number = self.bits.bucket(self.codes[18 if self.v4 else 19], 4)
            else:
                number = self.bits.bucket(self.codes[20 if before is None else 21 + min(before, 3)], 4)
            if number >= len(known):
                raise Bad
            row.update(known[number])
            before = number

    def ports(self, rows):
        before, context = None, 0
        for i, row in enumerate(rows):
            row["lasted"] = 0
            if row["kind"] == 3:
                back = self.bits.bucket(self.codes[27], 2)
                if back:
                    if back > i or rows[i - back]["kind"] == 3:
                        raise Bad
                    row["src_port"] = rows[i - back]["src_port"]
                    row["lasted"] = row["time"] - rows[i - back]["time"]
                    continue
                row["lasted"] = self.bits.bucket(self.codes[28], 2)
                if row["time"] - row["lasted"] < self.section.opened:
                    raise Bad
            if before is None:
                port = self.bits.symbol(self.codes[11]) << 10
                port += self.bits.plain(10)
            else:
                port, context = self.next_port(before, context)
            row["src_port"] = before = port

    def next_port(self, before, context):
        symbol = self.bits.symbol(self.codes[12 + context])
        if symbol < 64:
            port = before + zigzag_back(symbol)
            context = 1 if symbol <= 8 else 2
        elif symbol == 64:
            outer = self.bits.plain(8)
            port = outer >> 4 << 12 | before & 0xff0 | outer & 15
            context = 3
        elif symbol < 77:
            port = before + zigzag_back(self.bits.rest(symbol - 65 + 12, 1))
            context = 4
        else:
            port = (symbol - 77) * 4096 + self.bits.plain(12)
            context = 5
        return port % 65536, context

    def rtts(self, rows):
        before = None
        for row in rows:
            row["rtt_us"] = 0
            if not self.section.flags & 1:
                continue
            if row["kind"] == 3:
                code = self.bits.symbol(self.codes[29])
            elif before is None:
                code = before = self.bits.symbol(self.codes[25])
            else:
                code = before = before + zigzag_back(self.bits.bucket(self.codes[26], 5))
            if not 0 <= code < 240:
                raise Bad
            row["rtt_us"] = rtt_us(code)


def section_checks(data, at, file_id):
    """3.2: what SECTION_AT_CHECK and SECTION_AT_CRC of the section there have to be."""
    header_size, = struct.unpack_from("<H", data, at + 6)
    prefix = 64 if header_size == 65535 else 56
    if prefix == 64:
        header_size, = struct.unpack_from("<I", data, at + 56)
    whole = checksum(file_id, at, data[at + 6:at + 12] + data[at + 16:at + prefix])
    check = whole >> 16 ^ whole & 0xffff
    start = data[at:at + 4] + struct.pack("<H", check) + data[at + 6:at + 12]
    return check, checksum(file_id, at, start + data[at + 16:at + header_size])


class Section:
    """3.2 and 3.10. rest=False: the facts alone, which is what walking needs."""

    def __init__(self, data, at, file_id, day, rest=True):
        if len(data) - at < 56:
            raise Torn
        magic, check, header_size, body_size, self.run, crc, self.journal_id, self.root = \
            struct.unpack_from("<4sHHHHIQ32s", data, at)
        prefix = 64 if header_size == 65535 else 56
        whole = checksum(file_id, at, data[at + 6:at + 12] + data[at + 16:at + prefix])
        if magic != b"SKSC" or check != whole >> 16 ^ whole & 0xffff or len(data) - at < prefix:
            raise Torn if len(data) - at < 64 else Bad
        if prefix == 64 and body_size != 65535:
            raise Bad
        if prefix == 64:
            header_size, body_size = struct.unpack_from("<II", data, at + 56)
        if not prefix <= header_size <= 16777216:
            raise Bad
        self.start, self.size, self.body = at, header_size + body_size, at + header_size
        if at + self.size > len(data):
            raise Torn
        header = data[at + prefix:at + header_size]
        if crc != checksum(file_id, at, data[at:at + 12] + data[at + 16:at + header_size]):
            raise Bad
        self.rest, fields = at + prefix, Fields(header)
        self.count, self.tenant, flags = fields.varint(), fields.varint(), fields.u8()
        self.rung, self.flags = flags >> 4 & 7, flags & 0x8f
        if self.count > 1048576 or self.tenant >= 1 << 32:
            raise Bad
        if self.flags & ~15:
            raise Refused("a section with flags %#x" % self.flags)
        begin = fields.zigzag()
        self.spoke = (begin, begin + fields.zigzag())
        if self.count:
            self.first = day * 86400 * 10**9 + fields.varint()
            self.span = fields.varint() if self.count > 1 else 0
            self.opened = self.first - (fields.varint() if self.flags & 8 else 0)
            if (self.first + self.span) // (86400 * 10**9) != day:
                raise Bad
        if rest:
            self.parse_rest(fields)

    def parse_rest(self, fields):
        self.blocks, self.clock, self.endpoints, self.codes, self.custody = [], [], [], {}, None
        if self.flags & 2:
            self.custody = custody_text(fields.take(fields.varint()))
        if self.flags & 4:
            fields.take(40 * fields.varint())
        if self.count:
            self.clock = self.read_clock(fields)
            count = fields.varint()
            if not 0 < count <= 65536:
                raise Bad
            for _ in range(count):
                self.endpoints.append(self.endpoint(fields))
            given, usual = fields.varint(), usual_codes()
            if given >> 30:
                raise Bad
            for t in range(30):
                self.codes[t] = Code.given(fields, SYMBOLS[t]) if given >> t & 1 else Code(usual[t])
            self.read_index(fields)
        elif self.body != self.start + self.size:
            raise Bad
        if fields.at != len(fields.data) or (not self.flags & 8 and any(e["kind"] == 3 for e in self.endpoints)):
            raise Bad

    def read_clock(self, fields):
        pieces, boot, utc = [], 0, self.first
        number = fields.varint()
        for _ in range(number - 1 if number > 1 else number):
            boot_from = boot + fields.varint()
            length = self.span + (fields.zigzag() if number > 1 else 0)
            if not 0 <= length < 1 << 63:
                raise Bad
            boot = boot_from + length
            utc = signed((utc + (fields.zigzag() if number > 1 else 0)) % MODULO)
            pieces.append({"utc": utc, "boot_from": boot_from})
            code = fields.u8()
            if boot >= MODULO or code > 64:
                raise Bad
            pieces[-1].update(max_error=1 << code - 1 if code else 0, status=fields.u32_varint())
            utc += boot - boot_from
        return pieces

    def endpoint(self, fields):
        flags = fields.u8()
        if flags & ~15 or flags & 5 == 5:
            raise Bad
        if not flags & 8:
            e = {"kind": fields.u8(), "protocol": fields.u8(), "flags": fields.u32_varint(), "consent": fields.u32_varint()}
        elif self.endpoints:
            e = dict(self.endpoints[-1])
        else:
            e = {"kind": 1, "protocol": 6, "flags": 0, "consent": self.tenant}
        e.update({"dst_port": fields.u16(), "orig_dst": bytes(16), "orig_dst_port": 0})
        if flags & 4:
            number = fields.varint()
            if number >= len(self.endpoints):
                raise Bad
            e["dst"] = self.endpoints[number]["dst"]
        else:
            e["dst"] = fields.take(16) if flags & 1 else bytes(10) + b"\xff\xff" + fields.take(4)
        if flags & 2:
            e["orig_dst"], e["orig_dst_port"] = fields.take(16), fields.u16()
        return e

    def read_index(self, fields):
        number = fields.varint()
        v4 = fields.varint() if number & 1 else number // 2
        v6 = number // 2 - v4
        if v6 < 0 or not number // 2 or number & 1 and not v6:
            raise Bad
        key, offset, left, end = 0, self.body, self.count, self.start + self.size
        for i in range(v4 + v6):
            key = fields.varint() + (0 if i == v4 else key)
            if key >> (32 if i < v4 else 64):
                raise Bad
            first = bytes(10) + b"\xff\xff" + key.to_bytes(4, "big") if i < v4 else key.to_bytes(8, "big") + fields.take(8)
            rows, size = (left, end - offset) if i == v4 + v6 - 1 else (fields.varint() + 1, fields.varint())
            if not 0 < rows <= 2048 or not 5 <= size <= 90116 or i >= v4 and first[:12] == bytes(10) + b"\xff\xff" or \
                    i not in (0, v4) and first < self.blocks[-1]["first"]:
                raise Bad
            self.blocks.append({"v4": i < v4, "first": first, "rows": rows, "at": offset, "size": size})
            offset += size
            left -= rows
        if left or offset != end:
            raise Bad


def chacha20_block(key, counter):
    """One block of the original ChaCha20's key stream: 64-bit counter, a nonce of eight zero bytes."""
    start = list(struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<QQ", counter, 0)))
    x = start[:]
    for _ in range(10):
        for a, b, c, d in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                           (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            for into, other, mixed, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                x[into] = (x[into] + x[other]) & 0xffffffff
                v = x[mixed] ^ x[into]
                x[mixed] = (v << turn | v >> 32 - turn) & 0xffffffff
    return struct.pack("<16I", *((v + w) & 0xffffffff for v, w in zip(x, start)))


def row_bytes(row):
    """3.12: the row as it is hashed."""
    v4 = lambda address: address[:12] == bytes(10) + b"\xff\xff"
    stored = lambda address: address[12:] if v4(address) else address
    orig = row["orig_dst"] != bytes(16) or row["orig_dst_port"] != 0
    layout = (not v4(row["src"])) | (not v4(row["dst"])) << 1 | orig << 2 | (row["lasted"] != 0) << 3
    out = struct.pack("<BBBIIq", layout, row["kind"], row["protocol"], row["flags"], row["consent"], row["time"])
    out += stored(row["src"]) + struct.pack("<H", row["src_port"])
    out += stored(row["dst"]) + struct.pack("<HI", row["dst_port"], row["rtt_us"])
    if orig:
        out += row["orig_dst"] + struct.pack("<H", row["orig_dst_port"])
    return out + (struct.pack("<q", row["lasted"]) if row["lasted"] else b"")


def merkle_root(file_secret, journal_id, run, rows):
    if not rows:
        return bytes(32)
    sha256 = lambda data: hashlib.sha256(data).digest()
    secret = sha256(b"\3" + file_secret + struct.pack("<QI", journal_id, run))
    stream = b"".join(chacha20_block(secret, n) for n in range((len(rows) + 3) // 4))
    level = [sha256(b"\0" + stream[16 * i:16 * i + 16] + row_bytes(row)) for i, row in enumerate(rows)]
    while len(level) > 1:
        groups = [level[i:i + 8] for i in range(0, len(level), 8)]
        level = [group[0] if len(group) == 1 else sha256(b"\1" + b"".join(group)) for group in groups]
    return sha256(b"\2" + struct.pack("<I", len(rows)) + level[0])


class Segment:
    merkle = True

    def __init__(self, data, journal_ids):
        self.data, self.journal_ids = data, journal_ids
        self.facts = {"objects": 0, "rows": 0, "damaged": 0, "torn": False, "roots": 0, "wrong_roots": 0}
        self.rows, self.names, self.partial = [], set(), []
        if len(data) < 72:
            raise Refused("shorter than its header")
        magic, version, size, _, incompatible, self.day, self.file_id, self.part, crc, self.secret = \
            struct.unpack_from("<8sHHIIiQII32s", data)
        if magic != b"SEKISHOS":
            raise Refused("other magic")
        if not 73 <= size <= min(136, len(data)):
            raise Refused("no header")
        if crc != zlib.crc32(data[40:size], checksum(self.file_id, 0, data[:36])):
            raise Refused("header fails its checksum")
        if version != 1 or incompatible:
            raise Refused("version %d, flags %#x" % (version, incompatible))
        self.tenant = data[72:size].decode("ascii", "replace")
        if not TENANT_ID.match(self.tenant):
            raise Refused("no tenant id")
        self.counted = [0, 0]
        walk(data, size, b"SKSC", self.object, self.facts)

    def object(self, at, only_look=False):
        if not only_look and self.data[at:at + 4] == b"SKTR" and len(self.data) - at == 64:
            return self.trailer(at)
        section = Section(self.data, at, self.file_id, self.day, rest=False)
        if not only_look:
            self.facts["objects"] += 1
            self.counted = [self.counted[0] + 1, self.counted[1] + section.count]
            if section.journal_id not in self.journal_ids:  # rule 7
                self.read_rows(at)
        return section.size

    def trailer(self, at):
        crc, sections, _, rows, _, = struct.unpack_from("<IIIQq", self.data, at + 4)
        if crc != checksum(self.file_id, at, self.data[at + 8:at + 64]):
            raise Bad
        if [sections, rows] != self.counted or hashlib.sha256(self.data[:at]).digest() != self.data[at + 32:at + 64]:
            self.facts["damaged"] += 64
        return 64

    def read_rows(self, at):
        rows, damaged = [], 0
        try:
            section = Section(self.data, at, self.file_id, self.day)
        except Bad:
            self.facts["damaged"] += 1
            return
        if section.custody and section.custody not in self.facts.setdefault("custody", []):
            self.facts["custody"].append(section.custody)
        for entry, following in zip(section.blocks, section.blocks[1:] + [None]):
            block = self.data[entry["at"]:entry["at"] + entry["size"]]
            try:
                if len(block) < 5 or struct.unpack_from("<I", block)[0] != checksum(self.file_id, entry["at"], block[4:]):
                    raise Bad
                good = Block(section, entry, block[4:]).rows
                order = lambda source: (source[:12] != bytes(10) + b"\xff\xff", source)
                if following and order(good[-1]["src"]) > order(following["first"]):
                    raise Bad
                rows += good
            except Bad:
                damaged += len(block)
        for row in rows:
            before = [c for c in section.clock if c["utc"] <= row["time"]] or section.clock[:1]
            row["clock_error"] = before[-1]["max_error"] if before else 0
            row["tenant"] = self.tenant
        order = [(row["src"][:12] != bytes(10) + b"\xff\xff", row["src"], row["time"]) for row in rows]
        if order != sorted(order):
            raise Refused("rows are not in the order of source and time")
        self.facts["rows"] += len(rows)
        if damaged:
            self.facts["damaged"] += damaged
            self.partial.append(((section.journal_id, section.run), rows))
            return
        self.rows += rows
        self.names.add((section.journal_id, section.run))
        if Segment.merkle:
            right = merkle_root(self.secret, section.journal_id, section.run, rows) == section.root
            self.facts["roots" if right else "wrong_roots"] += 1


def by_all_else(row):
    return tuple(row[k] for k in ("consent", "kind", "rtt_us", "flags", "protocol", "orig_dst_port", "lasted", "orig_dst"))


def join_closes(rows):
    """Rule 9: openings with their close; close rows are no rows of their own."""
    tuple_of = lambda row: tuple(row[k] for k in ("tenant", "src", "src_port", "dst", "dst_port"))
    openings = {}
    for row in rows:
        if row["kind"] != 3:
            openings.setdefault(tuple_of(row), []).append(row)
    for row in sorted((r for r in rows if r["kind"] == 3), key=lambda r: (r["time"] - r["lasted"], r["time"])):
        opened = row["time"] - row["lasted"]
        near = [o for o in openings.get(tuple_of(row), []) if o["time"] <= row["time"] and not o.get("close")]
        away = lambda o: (abs(o["time"] - opened), o["time"])
        nearest = min(map(away, near), default=None)
        if near and nearest[0] <= max(10**9, row["lasted"] // 1000):
            # Of several of the very same time any will do: the one that sekisho takes, so that they can be compared.
            same = [o for o in near if away(o) == nearest]
            min(same, key=by_all_else)["close"] = row["time"]
    return [row for row in rows if row["kind"] != 3]


def files(directory, suffix):
    return [os.path.join(directory, n) for n in sorted(os.listdir(directory))
            if n.endswith(suffix) and not n.startswith(".") and os.path.isfile(os.path.join(directory, n))]


def read_store(state_dir):
    """All rows once, and the facts of each file."""
    rows, facts, journal_ids, names, partial = [], {}, set(), set(), []
    for path in files(os.path.join(state_dir, "journal"), ".skj"):
        try:
            journal = Journal(open(path, "rb").read())
        except Refused as why:
            facts[path] = str(why)
            continue
        journal_ids.add(journal.file_id)
        rows += journal.rows
        facts[path] = journal.facts
        if journal.custody:
            facts[path]["custody"] = [journal.custody]
    segments = os.path.join(state_dir, "segments")
    for tenant in sorted(os.listdir(segments)):
        for path in files(os.path.join(segments, tenant), ".sks"):
            try:
                segment = Segment(open(path, "rb").read(), journal_ids)
            except Refused as why:
                facts[path] = str(why)
                continue
            try:
                day = (datetime.date(1970, 1, 1) + datetime.timedelta(days=segment.day)).isoformat()
            except OverflowError:
                facts[path] = "of a day that no calendar has"
                continue
            if os.path.basename(path) != day + (".%d" % segment.part if segment.part != 1 else "") + ".sks" or \
                    segment.tenant != tenant:
                facts[path] = "of another tenant, day or part than its name says"
                continue
            if names & {(segment.tenant, segment.day) + n for n in segment.names}:
                facts[path] = "a section that another part has as well"
                continue
            names |= {(segment.tenant, segment.day) + n for n in segment.names}
            rows += segment.rows
            partial += [((segment.tenant, segment.day) + n, good) for n, good in segment.partial]
            facts[path] = segment.facts
    for name, good in partial:  # rule 4
        rows += good if name not in names else []
    rows = join_closes(rows)
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
    names = {1: "v6_socket", 2: "loopback", 4: "clock_unsync", 8: "imported"}
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
        time_text(row["close"], 0) if row.get("close") else ""])


def main():
    arguments = [a for a in sys.argv[1:] if a not in ("--facts", "--no-merkle")]
    Segment.merkle = "--no-merkle" not in sys.argv
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
