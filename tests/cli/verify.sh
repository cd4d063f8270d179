#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# sekisho verify, and searching a store with damage: every flipped byte is found and named (AC-31), a file
# that was cut or moved is noticed, what is intact is still found (AC-33).
. "$(dirname "$0")/cli_lib"

mount_bpf
conf 'record_loopback = yes'
conf_tenant web "$NET.1"
conf_tenant mail "$NET.2"
grant web
grant mail
daemon_start
serve "$NET.1:80" "$NET.2:25"
drained() { sekisho search --case 1 --basis AUDIT "${EVER[@]}" --tenant web >/dev/null; }
# Two sections of web, one of mail, and three frames of rows in the journal.
for i in 1 2 3 4 5; do
	connect "$TMP/list.$i" --count 20 "$NET.1:80"
	[ "$i" -gt 1 ] || connect "$TMP/list.mail" --count 10 "$NET.2:25"
	drained || die "no rows"
	[ "$i" -gt 2 ] || sekisho seal >/dev/null || die "cannot seal"
done
DAY=$(basename "$(find "$STATE/segments/web" -name '*.sks')" .sks)
JOURNAL=$(basename "$(find "$STATE/journal" -name '*.skj')")
[ -s "$STATE/segments/web/$DAY.sks" ] && [ -s "$STATE/segments/mail/$DAY.sks" ] && [ -s "$STATE/journal/$JOURNAL" ] ||
	die "not the files that were to be: $(find "$STATE" -type f)"
wait_until 5 test "$(sekisho status --json | sed -n 's/.*"waiting": \([0-9]*\),/\1/p')" = 0
cp -a "$STATE" "$TMP/signed"
cp -a "$STATE" "$TMP/whole"
# What custody says of sections finds all that is done to them; first what the files themselves tell.
rm -r "$TMP/whole/keys" "$TMP"/whole/ledger/*.log
for chain in consent access; do
	"$BIN/forge" "$TMP/whole" $chain <"$STATE/ledger/$chain.log" || die "no store without custody of sections"
done

COPY=$TMP/copy
VERIFY=("$BIN/sekisho" --store "$COPY" verify)
fresh() {
	rm -rf "$COPY"
	cp -a "$TMP/whole" "$COPY"
}
# rows OPTION...: how many rows a search of the copy finds; its status in STATUS, all it said in out and err.
# shellcheck disable=SC2120
rows() {
	run "$BIN/sekisho" --store "$COPY" search --case 1 --basis WARRANT "${EVER[@]}" --csv --tenant web "$@"
	FOUND=$(sed 1d "$TMP/out" | wc -l)
}

begin whole_store
fresh
run "${VERIFY[@]}"
status 0
err ''
BLOCKS=$(sed -n 's/.* sections, \([0-9]*\) blocks.*/\1/p' "$TMP/out")
out "Journals:  1 files, 60 rows not sealed yet
Segments:  2 files, 3 sections, $BLOCKS blocks, 50 rows
Days:      0 files closed with a trailer, 2 open
Catalogs:  1 days
Custody:   no custody ledger: removal cannot be told
Checksums: all match"
[ "${BLOCKS:-0}" -ge 3 ] || bad "only ${BLOCKS:-no} blocks"
rows
[ "$FOUND" -eq 100 ] && status 0 || bad "$FOUND rows instead of 100"

begin AC-87_full
fresh
run "${VERIFY[@]}" --full
status 0
err ''
out_has '^Rows:      110 decoded, 3 Merkle roots derived; [0-9]+ addresses looked up for [0-9]+ sources$'
out_has '^Checksums: all match; rows, roots and index agree$'

begin as_json
fresh
run "${VERIFY[@]}" --json --full
status 0
python3 - "$TMP/out" <<'END' || bad "not the JSON that was to be: $(first "$TMP/out")"
import json, sys
o = json.load(open(sys.argv[1]))
want = {"full": True, "journals": 1, "journal_rows": 60, "segments": 2, "closed": 0, "open": 2, "sections": 3,
        "rows": 50, "decoded_rows": 110, "roots": 3, "torn": 0, "first_torn": None, "damaged": 0, "first_damaged": None}
assert {k: o[k] for k in want} == want and o["lookups"] > o["sources"] > 0 and o["bytes"] > 0
END
run "${VERIFY[@]}" --json
status 0
out_has '^  "full": false,$'
out_lacks '"lookups"'

# tamper WHAT FILE: what a writer with another intent could have written: all checksums are right. Says where.
cat >"$TMP/tamper.py" <<'END'
import os, struct, sys, zlib
sys.path.insert(0, sys.argv[1])
import read_store
what, path = sys.argv[2:4]
data = bytearray(open(path, "rb").read())
size, day, file_id = struct.unpack_from("<H", data, 10)[0], struct.unpack_from("<i", data, 20)[0], struct.unpack_from("<Q", data, 24)[0]
at = size
seen = {}
class Watched(read_store.Section):
    def read_index(self, fields):
        seen["index"] = self.rest + fields.at
        super().read_index(fields)
section = Watched(bytes(data), at, file_id, day)
if what == "root":
    data[at + 32] ^= 1
elif what == "index":  # the first source of the first block: after a count of one byte
    data[seen["index"] + 1] ^= 1
elif what == "rows":  # a block that says something else
    block = section.blocks[0]
    data[block["at"] + 4 + 3] ^= 4
    end = block["at"] + block["size"]
    struct.pack_into("<I", data, block["at"], read_store.checksum(file_id, block["at"], bytes(data[block["at"] + 4:end])))
check, crc = read_store.section_checks(bytes(data), at, file_id)
struct.pack_into("<H", data, at + 4, check)
struct.pack_into("<I", data, at + 12, crc)
open(path, "wb").write(data)
print(at)
END
only_full_finds() { # WHAT TEXT
	begin "AC-87_only_full_finds_another_$1"
	fresh
	at=$(python3 "$TMP/tamper.py" "$ROOT/tests/spec" "$1" "$COPY/segments/mail/$DAY.sks") || bad "cannot tamper"
	cmp -s "$COPY/segments/mail/$DAY.sks" "$TMP/whole/segments/mail/$DAY.sks" && bad "nothing was changed"
	run "${VERIFY[@]}"
	status 0
	out_has '^Checksums: all match$'
	run "${VERIFY[@]}" --full
	status 5
	# The day's catalog may disagree with it as well.
	out_has "^DAMAGED:   [12], the first: segments/mail/$DAY.sks offset $2\$"
}
MAIL_SECTION=76
only_full_finds root "$MAIL_SECTION: the Merkle root is not that of its rows"
only_full_finds index "$MAIL_SECTION: the Merkle root is not that of its rows"
only_full_finds rows '[0-9]+: .+' # which of several things depends on the times of the rows

begin control_nothing_is_checked_where_nothing_is
fresh
find "$COPY" -name '*.sk?' -delete
run "${VERIFY[@]}"
status 0
out_has '^Journals:  0 files'

# BIT flipped in every byte of the first headers and every third byte after them: status 5, and the line names
# the file and an offset at or before it.
cat >"$TMP/flip.py" <<'END'
import re, subprocess, sys
store, name, bit, sekisho = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
path = store + "/" + name
whole = open(path, "rb").read()
missed, misplaced = [], []
f = open(path, "r+b", buffering=0)
for at in (a for a in range(len(whole)) if a < 330 or a % 3 == 0):
    f.seek(at)
    f.write(bytes([whole[at] ^ 1 << bit]))
    r = subprocess.run([sekisho, "--store", store, "verify"], capture_output=True, text=True)
    said = re.search(r"^DAMAGED:   \d+, the first: (\S+?):? .*?offset (\d+)", r.stdout, re.M)
    if r.returncode != 5:
        missed.append(at)
    elif not said or said[1] != name or int(said[2]) > at:
        misplaced.append(at)
    f.seek(at)
    f.write(whole[at:at + 1])
if missed:
    sys.exit("bit %d of %d bytes changed unnoticed, the first at offset %d" % (bit, len(missed), missed[0]))
if misplaced:
    sys.exit("bit %d at offset %d is not said to be there" % (bit, misplaced[0]))
print(len(whole))
END
flip() { # NAME FILE BIT
	begin "$1"
	fresh
	run timeout 25 python3 "$TMP/flip.py" "$COPY" "$2" "$3" "$BIN/sekisho"
	[ "$STATUS" -eq 0 ] || bad "$(tail -n 1 "$TMP/err")"
	cmp -s "$COPY/$2" "$TMP/whole/$2" || bad "the file is not what it was"
}
flip AC-31_bytes_of_a_segment "segments/mail/$DAY.sks" 5
flip AC-31_bytes_of_a_journal "journal/$JOURNAL" 4

# flip_at FILE OFFSET
flip_at() {
	python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1)[0]; f.seek(-1, 1); f.write(bytes([b ^ 1]))' "$COPY/$1" "$2"
}
size() { stat -c %s "$COPY/$1"; }
# Where a frame of rows begins (0: the first, -1: the last), and where the last section does, from the bytes.
row_frame() {
	python3 -c 'import re, sys
d = open(sys.argv[1], "rb").read()
print([m.start() for m in re.finditer(b"SKFR", d) if d[m.start() + 4] == 1][int(sys.argv[2])])' "$COPY/journal/$JOURNAL" "$1"
}
# So many rows: 20, unless the recorder looked at the ring in the middle of the connections.
frame_rows() {
	python3 -c 'import struct, sys
print(struct.unpack_from("<I", open(sys.argv[1], "rb").read(), int(sys.argv[2]) + 8)[0])' "$COPY/journal/$JOURNAL" "$(row_frame "$1")"
}
last_section() { python3 -c 'import sys; print(open(sys.argv[1], "rb").read().rindex(b"SKSC"))' "$COPY/$1"; }

begin AC-33_damage_in_the_journal_hides_no_other_frame
fresh
at=$(row_frame 0) left=$((100 - $(frame_rows 0)))
flip_at "journal/$JOURNAL" $((at + 60))
run "${VERIFY[@]}"
status 5
out_has "^DAMAGED:   1, the first: journal/$JOURNAL offset $at: frame fails its checksum\$"
rows
status 5
[ "$FOUND" -eq "$left" ] || bad "$FOUND rows instead of $left"
err_has "^DAMAGED:  1 objects could not be read, the first: $JOURNAL: frames fail their checksum\$"
run "$BIN/sekisho" --store "$COPY" search --case 1 --basis WARRANT "${EVER[@]}" --json --tenant web
status 5
out_has "^\"damaged\":\"$JOURNAL: frames fail their checksum\",\$"

begin AC-33_damage_in_a_section_hides_no_other_section
fresh
at=$(last_section "segments/web/$DAY.sks")
flip_at "segments/web/$DAY.sks" $((at - 1)) # the last block of the first section
run "${VERIFY[@]}"
status 5
out_has "^DAMAGED:   1, the first: segments/web/$DAY.sks offset [0-9]+: block fails its checksum\$"
rows
status 5
err_has "^DAMAGED:  1 objects could not be read, the first: $DAY.sks: a section fails its checksum\$"
[ "$FOUND" -eq 80 ] || bad "$FOUND rows instead of 80"

begin damage_of_another_tenant_is_not_in_this_answer
fresh
flip_at "segments/mail/$DAY.sks" 200
rows
status 0
[ "$FOUND" -eq 100 ] || bad "$FOUND rows instead of 100"

begin two_damaged_files_are_two
fresh
flip_at "segments/web/$DAY.sks" 130
flip_at "segments/mail/$DAY.sks" 3
run "${VERIFY[@]}"
status 5
out_has "^DAMAGED:   2, the first: segments/mail/$DAY.sks: not a segment \\(offset 0\\)\$"

begin version_of_the_future
fresh
python3 - "$COPY/segments/mail/$DAY.sks" <<'END'
import struct, sys, zlib
d = bytearray(open(sys.argv[1], "rb").read())
d[8:10] = struct.pack("<H", 2)
size = struct.unpack("<H", d[10:12])[0]
d[36:40] = struct.pack("<I", zlib.crc32(d[24:32] + bytes(8) + d[:36] + d[40:size]))
open(sys.argv[1], "wb").write(d)
END
run "${VERIFY[@]}"
status 5
out_has "^DAMAGED:   1, the first: segments/mail/$DAY.sks: version 2, flags 0; this program reads version 1\$"

# --- Cut, emptied, moved, exchanged ---

begin cut_inside_the_file_header
fresh
truncate -s 70 "$COPY/segments/mail/$DAY.sks"
run "${VERIFY[@]}"
status 5
out_has "^DAMAGED:   1, the first: segments/mail/$DAY.sks: shorter than its header\$"
truncate -s 0 "$COPY/segments/mail/$DAY.sks"
run "${VERIFY[@]}"
status 5
begin cut_inside_a_section_is_an_unfinished_append
fresh
truncate -s -5 "$COPY/segments/web/$DAY.sks"
run "${VERIFY[@]}"
status 0
out_has '^Note:      1 files end in an unfinished append \(power loss or kill\), set aside$'
out_has '^Segments:  2 files, 2 sections, '
# The journal of these rows is gone, so they are lost: an answer without them must not look complete.
begin a_search_says_that_a_section_is_cut
rows
[ "$FOUND" -eq 80 ] || bad "$FOUND rows instead of 80"
err_has "$DAY\\.sks"
begin AC-33_a_torn_journal_keeps_what_is_whole
fresh
left=$((100 - $(frame_rows -1)))
truncate -s -5 "$COPY/journal/$JOURNAL"
run "${VERIFY[@]}"
status 0
out_has "^Journals:  1 files, $((left - 40)) rows not sealed yet\$"
out_has '^Note:      1 files end in an unfinished append'
rows
[ "$FOUND" -eq "$left" ] && status 0 || bad "$FOUND rows instead of $left"
begin zeroes_at_the_end_are_an_unfinished_append
fresh
truncate -s +300 "$COPY/journal/$JOURNAL"
run "${VERIFY[@]}"
status 0
out_has '^Journals:  1 files, 60 rows not sealed yet$'
out_has '^Note:      1 files end in an unfinished append'
begin rubbish_at_the_end_is_damage
fresh
at=$(size "segments/web/$DAY.sks")
head -c 200 /dev/urandom >>"$COPY/segments/web/$DAY.sks"
run "${VERIFY[@]}"
status 5
out_has "^DAMAGED:   1, the first: segments/web/$DAY.sks offset $at: section fails its checksum\$"
rows
[ "$FOUND" -eq 100 ] && status 5 || bad "$FOUND rows instead of 100"
begin a_section_from_another_file
fresh
tail -c +129 "$COPY/segments/mail/$DAY.sks" >>"$COPY/segments/web/$DAY.sks"
run "${VERIFY[@]}"
status 5
out_has "^DAMAGED:   1, the first: segments/web/$DAY.sks offset $at: section fails its checksum\$"
begin a_section_copied_within_its_file
fresh
tail -c +129 "$TMP/whole/segments/web/$DAY.sks" >>"$COPY/segments/web/$DAY.sks"
run "${VERIFY[@]}"
status 5
begin a_segment_of_another_tenant
fresh
cp "$COPY/segments/mail/$DAY.sks" "$COPY/segments/web/$DAY.sks"
run "${VERIFY[@]}"
status 5
out_has "^DAMAGED:   1, the first: segments/web/$DAY.sks offset 72: names another tenant than its directory\$"
begin a_segment_of_another_day
fresh
mv "$COPY/segments/mail/$DAY.sks" "$COPY/segments/mail/2020-02-02.sks"
run "${VERIFY[@]}"
status 5
begin a_file_that_is_none
fresh
echo hello >"$COPY/journal/hello.skj"
run "${VERIFY[@]}"
status 5
out_has '^DAMAGED:   1, the first: journal/hello.skj: shorter than its header$'
begin a_link_is_not_followed
fresh
mv "$COPY/segments/mail/$DAY.sks" "$TMP/elsewhere.sks"
ln -s "$TMP/elsewhere.sks" "$COPY/segments/mail/$DAY.sks"
run "${VERIFY[@]}"
out_has '^Segments:  1 files, 2 sections, '

# --- A damaged journal at the next start ---

begin AC-33_the_daemon_seals_what_is_intact
kill -KILL "$DAEMON"
{ wait "$DAEMON"; } 2>/dev/null
DAEMON=
COPY=$STATE
left=$((100 - $(frame_rows -1)))
flip_at "journal/$JOURNAL" $(($(row_frame -1) + 60))
daemon_start
[ -e "$STATE/journal/damaged/$JOURNAL" ] || wait_until 5 test -e "$STATE/journal/damaged/$JOURNAL" ||
	bad "$JOURNAL is not set aside: $(ls -R "$STATE/journal")"
wait_until 5 grep -q 'damaged bytes in a journal, set aside in journal/damaged/' "$LOG" ||
	bad "the log says nothing of it"
run "${SEKISHO[@]}" search --case 1 --basis WARRANT "${EVER[@]}" --tenant web
status 0
out_has '  every tenant, damaged journal$'
[ "$(grep -c '  web  ' "$TMP/out")" -eq "$left" ] || bad "$(grep -c '  web  ' "$TMP/out") rows instead of $left"
run "${SEKISHO[@]}" verify
status 0
daemon_stop
disarm

# --- What custody tells ---

COPY=$TMP/copy VERIFY=("$BIN/sekisho" --store "$TMP/copy" verify)

custody() { # NAME
	begin "AC-32_$1"
	rm -rf "$COPY"
	cp -a "$TMP/signed" "$COPY"
}

custody control
run "${VERIFY[@]}"
status 0
out_has '^Custody:   3 sections as they were sealed$'

custody a_segment_is_removed
rm "$COPY/segments/mail/$DAY.sks"
run "${VERIFY[@]}"
status 5
out_has "^DAMAGED:   .*segments/mail/$DAY.sks offset [0-9]*: what was sealed is not there \(ledger/custody.log line [0-9]+\)\$"

# Right in itself, but not what was sealed.
custody a_section_is_made_anew
python3 "$TMP/tamper.py" "$ROOT/tests/spec" rows "$COPY/segments/mail/$DAY.sks" >/dev/null || bad "cannot tamper"
run "${VERIFY[@]}"
status 5
out_has "^DAMAGED:   .*segments/mail/$DAY.sks offset [0-9]*: not what was sealed \(ledger/custody.log line [0-9]+\)\$"

custody a_segment_is_cut_between_two_sections
size=$(python3 - "$ROOT/tests/spec" "$COPY/segments/web/$DAY.sks" <<'END'
import struct, sys
data = open(sys.argv[2], "rb").read()
at, places = struct.unpack_from("<H", data, 10)[0], []
while at < len(data):
    places.append(at)
    at += sum(struct.unpack_from("<HH", data, at + 6))
print(places[-1])
END
)
[ "$size" -gt 100 ] || bad "only one section: the test proves nothing"
truncate -s "$size" "$COPY/segments/web/$DAY.sks"
run "${VERIFY[@]}"
status 5
out_has "^DAMAGED:   1, the first: segments/web/$DAY.sks offset $size: what was sealed is not there "

custody AC-13_a_line_of_custody_is_removed
sed -i '$d' "$COPY/ledger/custody.log"
run "${VERIFY[@]}"
status 5
out_has '^DAMAGED:   .*ledger/custody.log '

# --- What the consents tell: ledgers that are signed and say something else ---

# consents NAME SED-SCRIPT: the store with its ledger of consents changed so.
consents() {
	begin "AC-10_$1"
	rm -rf "$COPY"
	cp -a "$TMP/signed" "$COPY"
	sed "$2" "$STATE/ledger/consent.log" | "$BIN/forge" "$COPY" consent || bad "cannot forge the ledger"
	[ -z "$2" ] || ! cmp -s "$STATE/ledger/consent.log" "$COPY/ledger/consent.log" || bad "the ledger is unchanged"
}
# uncovered WHY: so say both checks (--full: of 110 rows, 50 of them sealed, those of tenant web).
uncovered() {
	run "${VERIFY[@]}"
	status 5
	err ''
	out_has "^NO CONSENT: 2 sections with rows that no grant covers, the first: segments/web/$DAY\\.sks offset [0-9]+: the section: $1\$"
	out_has '^Checksums: all match$'
	run "${VERIFY[@]}" --full
	status 5
	out_has "^NO CONSENT: 100 rows that no grant covers, the first: journal/$JOURNAL offset [0-9]+: row 0 of [^ ]*Z: $2\$"
	run "${VERIFY[@]}" --full --json
	status 5
	out_has '^  "covered": 10,$'
	out_has '^  "uncovered": 100,$'
	out_has '^  "damaged": 0,$'
}

consents control ''
run "${VERIFY[@]}" --full
status 0
out_has '^Consent:   110 rows covered by the grants they name, 0 imported$'
run "${VERIFY[@]}" --full --json
status 0
out_has '^  "covered": 110,$'
out_has '^  "uncovered": 0,$'
out_has '^  "first_uncovered": null,$'
run "${VERIFY[@]}"
status 0
out_lacks 'CONSENT|Consent'

consents another_address "1s/$NET\\.1/$NET.9/"
uncovered "grant 1 does not include $NET\\.1 port 80" "grant 1 does not include $NET\\.1 port 80"
consents an_end_before_the_rows '1s/"\(t\|effective_from\|effective_to\)": *"[0-9]*-/"\1":"2020-/g'
uncovered 'rows from .*Z to .*Z, and no grant that they name runs at the first' 'grant 1 ran from .*Z until 2020-.*Z'
consents another_tenant '1s/"tenant": *"web"/"tenant":"www"/'
uncovered 'grant 1 is of tenant www' 'grant 1 is of tenant www'

# What a row says beyond its grant.
consents no_round_trip_time '1s/,rtt"/"/'
run "${VERIFY[@]}" --full
if [ "$STATUS" -eq 5 ]; then
	out_has '^NO CONSENT: [0-9]+ rows that no grant covers, .*: grant 1 does not include rtt$'
else
	bad "status $STATUS: no row has a round-trip time, or nobody noticed"
fi

finish
