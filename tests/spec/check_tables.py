#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares the tables of schema/FORMAT.md with the headers that the programs are compiled from.

usage: check_tables.py SOURCE_DIR [FORMAT.md ...]

Several FORMAT.md are compared one after the other, each after a line with its name.

The headers' values come from the compiler, which compiles a program that prints them. Every field of a header
and every number of the tables must be there with the same value, on both sides; a table of bytes must be without
a hole; sizes must be those that the comments of the headers name. Prints each difference; status 1 if there is any.
"""
import os
import re
import subprocess
import sys
import tempfile

HEADERS = ("journal.h", "segment.h", "store.h", "catalog.h")
# Of event.h only what is stored.
EVENT_ENUMS = ("sekisho_kind", "sekisho_rung", "sekisho_flag")
# Defines that no table states: magics and version stand as text in them, suffixes in the tree of files.
IN_TEXT = {"JOURNAL_MAGIC": "`SEKISHOJ`", "SEGMENT_MAGIC": "`SEKISHOS`", "JOURNAL_FRAME_MAGIC": "`SKFR`",
           "SECTION_MAGIC": "`SKSC`", "TRAILER_MAGIC": "`SKTR`", "JOURNAL_VERSION": "The store on disk, version 1",
           "SEGMENT_VERSION": "The store on disk, version 1", "JOURNAL_SUFFIX": ".skj", "SEGMENT_SUFFIX": ".sks",
           "STORE_ANCHOR_BYTES": "`STORE_ANCHOR_BYTES` = 32",
           "STORE_GAP_BYTES": "`STORE_GAP_BYTES` = 40",
           "CATALOG_MAGIC": "`SEKISHOC`", "CHUNK_MAGIC": "`SKCK`", "CATALOG_SUFFIX": ".skc",
           "CATALOG_VERSION": "The store on disk, version 1"}
EXPECTED_TEXT = {"JOURNAL_MAGIC": "SEKISHOJ", "SEGMENT_MAGIC": "SEKISHOS", "JOURNAL_FRAME_MAGIC": 0x52464b53,
                 "SECTION_MAGIC": 0x43534b53, "JOURNAL_VERSION": 1, "SEGMENT_VERSION": 1, "JOURNAL_SUFFIX": ".skj",
                 "SEGMENT_SUFFIX": ".sks", "TRAILER_MAGIC": 0x52544b53, "STORE_ANCHOR_BYTES": 32, "STORE_GAP_BYTES": 40,
                 "CATALOG_MAGIC": "SEKISHOC", "CHUNK_MAGIC": 0x4b434b53, "CATALOG_SUFFIX": ".skc", "CATALOG_VERSION": 1}
TYPE_BYTES = {"u8": 1, "u16": 2, "u32": 4, "i32": 4, "u64": 8, "i64": 8}

differences = []


def differ(text, *values):
    differences.append(text % values)


def read(*path):
    return open(os.path.join(*path), encoding="utf-8").read()


def names_of_headers(root):
    """Enumerators and defines, and the size that an enumerator's comment names."""
    names, comment_size = [], {}
    for header in HEADERS + ("event.h",):
        text = read(root, "schema", header)
        for enum, body in re.findall(r"enum (\w+) \{(.*?)\n\}", text, re.S):
            if header == "event.h" and enum not in EVENT_ENUMS:
                continue
            for name, comment in re.findall(r"^\t(\w+)(?: = [^,]*)?,(?:\s*/\*\s*([^*]*))?", body, re.M):
                names.append(name)
                size = re.match(r"(u8|u16|u32|i32|u64|i64|(\d+) bytes)\b", comment)
                if size:
                    comment_size[name] = int(size[2]) if size[2] else TYPE_BYTES[size[1]]
                elif re.search(r"\b(\d+) bytes?\b", comment) and name.startswith("STORE_COLUMN"):
                    comment_size[name] = int(re.search(r"\b(\d+) bytes?\b", comment)[1])
        if header != "event.h":
            names += re.findall(r"^#define (\w+) \S", text, re.M)
    return names, comment_size


def values_of(root, names):
    """Asks the compiler. Also the columns' widths, as the program encodes them."""
    lines = ['P(%s);' % n for n in names]
    program = '''
#include <stdio.h>
#include "schema/event.h"
#include "schema/catalog.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "schema/store.h"
#include "user/base/record.c"
static void number(const char *n, long long v) { printf("%%s %%lld\\n", n, v); }
static void text(const char *n, const char *v) { printf("%%s %%s\\n", n, v); }
#define P(x) _Generic((x), char *: text, default: number)(#x, (x))
int main(void)
{
	%s
	for (const struct record_column *c = record_columns; c->id; c++)
		printf("width %%d %%d\\n", c->id, c->width);
	return 0;
}
''' % "\n\t".join(lines)
    with tempfile.TemporaryDirectory() as made:
        source, binary = os.path.join(made, "values.c"), os.path.join(made, "values")
        with open(source, "w") as f:
            f.write(program)
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-I" + root,
                        "-I" + os.path.join(root, "user"), "-I" + os.path.join(root, "user/base"), "-o", binary, source,
                        # Of record.c only the table of columns is used: what its functions call may be missing.
                        "-no-pie", "-Wl,-z,lazy,--unresolved-symbols=ignore-all"], check=True)
        output = subprocess.run([binary], check=True, capture_output=True, text=True).stdout
    values, widths = {}, {}
    for line in output.splitlines():
        word = line.split()
        if word[0] == "width":
            widths[int(word[1])] = int(word[2])
        else:
            values[word[0]] = int(word[1]) if re.fullmatch(r"-?\d+", word[1]) else word[1]
    return values, widths


def tables(text):
    """Each table as its header's cells and its rows of cells."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.M):
        rows = [[cell.strip() for cell in line.strip("|\n ").split(" |")] for line in block.splitlines()]
        rows = [[cell.lstrip("| ") for cell in row] for row in rows]
        yield rows[0], rows[2:]


def check_bytes(rows, values, comment_size, stated):
    """A table of offsets: no hole, and each field where the header has it."""
    # What a long prefix adds begins where the other one ends.
    next_offset = values["SECTION_PREFIX_BYTES"] if "_LONG_AT_" in rows[0][2] else 0
    for row in rows:
        offset, size, field = int(row[0]), row[1], row[2].strip("`")
        if offset != next_offset:
            differ("FORMAT.md: %s at %d, but the row before ends at %d", field or "(reserved)", offset, next_offset)
        next_offset = offset + int(size or 0)
        if not re.fullmatch(r"[A-Z][A-Z_]+", field):
            continue
        stated.add(field)
        if values.get(field) != offset:
            differ("FORMAT.md has %s at offset %d, the header %s", field, offset, values.get(field, "does not know it"))
        if field in comment_size and comment_size[field] != int(size):
            differ("FORMAT.md gives %s %s bytes, the header %d", field, size, comment_size[field])


def check_values(rows, values, widths, comment_size, stated):
    columns = {}
    for row in rows:
        number, name = int(row[0]), row[1].strip("`")
        if name in stated:
            differ("FORMAT.md has %s twice", name)
        stated.add(name)
        if values.get(name) != number:
            differ("FORMAT.md has %s = %d, the header %s", name, number, values.get(name, "does not know it"))
        if name.startswith("STORE_COLUMN"):
            columns[number] = int(row[2])
            if comment_size.get(name, int(row[2])) != int(row[2]):
                differ("FORMAT.md gives %s %s bytes, the header %d", name, row[2], comment_size[name])
    if columns and columns != widths:
        differ("FORMAT.md has columns and widths %s, user/base/record.c %s", columns, widths)


def compare(text, names, comment_size, values, widths):
    stated, seen = set(), 0
    for head, rows in tables(text):
        if head[:2] == ["offset", "size"]:
            check_bytes(rows, values, comment_size, stated)
        elif head[0] == "value":
            check_values(rows, values, widths, comment_size, stated)
        else:
            continue
        seen += 1
    for name, phrase in IN_TEXT.items():
        stated.add(name)
        if values.get(name) != EXPECTED_TEXT[name]:
            differ("%s is %s, FORMAT.md was written for %s", name, values.get(name), EXPECTED_TEXT[name])
        if phrase not in text:
            differ("FORMAT.md does not say \"%s\" (%s)", phrase, name)
    for name in names:
        if name not in stated:
            differ("FORMAT.md does not have %s = %s", name, values[name])
    if seen < 14 or len(names) < 100 or len(widths) < 14:
        differ("only %d tables, %d names and %d columns found", seen, len(names), len(widths))


def main():
    root, texts = sys.argv[1], sys.argv[2:] or [os.path.join(sys.argv[1], "schema", "FORMAT.md")]
    names, comment_size = names_of_headers(root)
    values, widths = values_of(root, names)
    status = 0
    for path in texts:
        if len(texts) > 1:
            print(path)
        differences.clear()
        compare(read(path), names, comment_size, values, widths)
        for line in differences:
            print(line)
            status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
