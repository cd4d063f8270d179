// SPDX-License-Identifier: BSD-2-Clause
/* Does what is written follow from the rows? */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/rtt.h"
#include "base/utc.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "segment/merkle.h"
#include "verify_full.h"

/* Clock pieces stand for anchors to half a microsecond (clock_piece.h). */
#define CLOCK_SLACK_NS 1000
#define NO_BLOCK UINT32_MAX

void verify_room_done(struct verify_room *room)
{
	free(room->sources);
	free(room->blocks[0]);
	free(room->blocks[1]);
	free(room->frame);
	memset(room, 0, sizeof(*room));
}

static int prepare_blocks(struct verify_room *room)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (!room->blocks[i])
			room->blocks[i] = malloc(sizeof(*room->blocks[i]));
		if (!room->blocks[i])
			return -ENOMEM;
		room->block_at[i] = NO_BLOCK;
	}
	return 0;
}

#define FOUND(finding, at, ...) ((finding)->offset = (at), problem(&(finding)->what, -EBADMSG, __VA_ARGS__))

static uint64_t mix(uint64_t hash, uint64_t v)
{
	hash = (hash ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/* All that row i of a block says besides its source, in the order of rows. */
static uint64_t hash_row(const struct block_rows *b, uint32_t i, uint64_t hash)
{
	hash = mix(hash, (uint64_t)b->time_ns[i]);
	hash = mix(hash, (uint64_t)b->lasted_ns[i]);
	return mix(hash, (uint64_t)b->endpoint[i] << 32 | (uint64_t)b->src_port[i] << 8 | b->rtt[i]);
}

/* --- The scan --- */

struct scan {
	const struct section_reader *s;
	struct verify_room *room;
	struct merkle merkle;
	int64_t first_ns, last_ns, opened_ns;
	bool has_close, has_rtt;
	int64_t time_before; /* of the row before, of the same source */
};

static bool on_the_clock(const struct clock_pieces *clock, int64_t utc_ns)
{
	for (size_t i = 0; i < clock->count; i++) {
		const struct clock_piece *c = &clock->list[i];

		/* The difference is told as u64: a piece may reach to the end of time. */
		if (utc_ns >= c->utc_from ? (uint64_t)utc_ns - (uint64_t)c->utc_from <=
						    c->boot_to - c->boot_from + CLOCK_SLACK_NS :
					    (uint64_t)c->utc_from - (uint64_t)utc_ns <= CLOCK_SLACK_NS)
			return true;
	}
	return false;
}

/* A source of a block: the last one's rows go on, or it is greater. */
static int begin_source(struct scan *scan, const struct addr *src)
{
	struct verify_room *room = scan->room;
	struct verify_source *last = room->source_count ? &room->sources[room->source_count - 1] : NULL;
	int order = last ? addr_compare_source(&last->src, src) : -1;

	if (order > 0)
		return -EBADMSG;
	if (!order)
		return 0;
	if (ARRAY_RESERVE(room->sources, room->source_count, room->source_capacity))
		return -ENOMEM;
	room->sources[room->source_count++] = (struct verify_source){ .src = *src };
	scan->time_before = INT64_MIN;
	return 0;
}

static int scan_row(struct scan *scan, const struct block_rows *b, uint32_t i, const struct addr *src,
		    uint64_t at, struct verify_finding *finding)
{
	const struct section_reader *s = scan->s;
	struct verify_source *source = &scan->room->sources[scan->room->source_count - 1];
	const struct row row = {
		.time_ns = b->time_ns[i],
		.lasted_ns = b->lasted_ns[i],
		.src = *src,
		.endpoint = b->endpoint[i],
		.src_port = b->src_port[i],
		.rtt = b->rtt[i],
	};
	int64_t opened;

	if (row.time_ns < scan->time_before)
		return FOUND(finding, at, "row %" PRIu32 " is earlier than the one before of its source",
			     b->first_row + i);
	if (__builtin_sub_overflow(row.time_ns, row.lasted_ns, &opened) || row.lasted_ns < 0)
		return FOUND(finding, at, "row %" PRIu32 " lasted longer than there is time", b->first_row + i);
	if (!s->facts.imported && !on_the_clock(&s->clock, row.time_ns))
		return FOUND(finding, at, "the time of row %" PRIu32 " is in no clock piece", b->first_row + i);
	scan->time_before = row.time_ns;
	scan->first_ns = row.time_ns < scan->first_ns ? row.time_ns : scan->first_ns;
	scan->last_ns = row.time_ns > scan->last_ns ? row.time_ns : scan->last_ns;
	scan->opened_ns = opened < scan->opened_ns ? opened : scan->opened_ns;
	scan->has_close |= s->endpoints[row.endpoint].kind == SEKISHO_KIND_CLOSE;
	scan->has_rtt |= row.rtt != 0;
	source->rows++;
	source->hash = hash_row(b, i, source->hash);
	merkle_add(&scan->merkle, &row, &s->endpoints[row.endpoint]);
	return 0;
}

static int scan_block(struct scan *scan, const struct block_rows *b, uint64_t at,
		      struct verify_finding *finding)
{
	uint32_t row = 0;

	for (uint32_t i = 0; i < b->sources; i++) {
		int error = begin_source(scan, &b->source[i]);

		if (error == -EBADMSG)
			return FOUND(finding, at, "the source of row %" PRIu32 " is less than the one before",
				     b->first_row + row);
		for (; !error && row < b->source_end[i]; row++)
			error = scan_row(scan, b, row, &b->source[i], at, finding);
		if (error)
			return error;
	}
	return 0;
}

/* The header's facts are those of its rows. */
static int compare_facts(const struct scan *scan, const struct segment_reader *r,
			 struct verify_finding *finding)
{
	const struct section *f = &scan->s->facts;
	char said[UTC_TEXT_MAX], is[UTC_TEXT_MAX];
	const struct {
		const char *what;
		int64_t said, is;
	} times[] = {
		{ "first time", f->first_utc_ns, scan->first_ns },
		{ "last time", f->last_utc_ns, scan->last_ns },
		{ "earliest opening", f->opened_utc_ns, scan->opened_ns },
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i].said != times[i].is)
			return FOUND(finding, f->offset, "the header says %s %s, the rows %s", times[i].what,
				     utc_format(times[i].said, said), utc_format(times[i].is, is));
	if (utc_day(scan->first_ns) != r->day || utc_day(scan->last_ns) != r->day)
		return FOUND(finding, f->offset, "rows of another day");
	if (f->has_close != scan->has_close || f->has_rtt != scan->has_rtt)
		return FOUND(finding, f->offset, "the header says %s, the rows have %s",
			     f->has_close != scan->has_close ? (f->has_close ? "closes" : "no close") :
							       (f->has_rtt ? "round-trip times" :
									     "no round-trip time"),
			     f->has_close != scan->has_close ? (scan->has_close ? "some" : "none") :
							       (scan->has_rtt ? "some" : "none"));
	return 0;
}

static int compare_root(struct scan *scan, struct verify_finding *finding)
{
	const struct section *f = &scan->s->facts;
	uint8_t root[MERKLE_HASH_BYTES] = {};

	if (f->rows)
		merkle_end(&scan->merkle, root);
	if (memcmp(root, f->root, sizeof(root)) != 0)
		return FOUND(finding, f->offset, "the Merkle root is not that of its rows");
	return 0;
}

int verify_full_scan(struct segment_reader *r, const struct section_reader *s, struct verify_room *room,
		     struct verify_finding *ret_finding)
{
	struct scan scan = { .s = s, .room = room, .first_ns = INT64_MAX, .last_ns = INT64_MIN,
			     .opened_ns = INT64_MAX };
	struct block_rows *b;
	uint8_t secret[32];
	int error = prepare_blocks(room);

	room->source_count = 0;
	if (error)
		return error;
	b = room->blocks[0];
	merkle_secret(r->secret, s->facts.journal_id, s->facts.run, secret);
	merkle_begin(&scan.merkle, secret);
	if (room->consent)
		error = verify_consent_begin(room->consent, s);
	for (uint32_t i = 0; i < s->block_count && !error; i++) {
		uint64_t at = s->blocks[i].offset;

		error = section_read_block(r, s, i, BLOCK_ALL, b);
		if (error == -EBADMSG)
			return FOUND(ret_finding, at, "the block does not decode");
		if (!error)
			error = scan_block(&scan, b, at, ret_finding);
		if (!error && room->consent)
			error = verify_consent_block(room->consent, s, b, at);
		room->rows += b->rows;
	}
	if (!error && s->facts.rows)
		error = compare_facts(&scan, r, ret_finding);
	return error ? error : compare_root(&scan, ret_finding);
}

/* --- The index --- */

/* The number of a source in a block decoded to BLOCK_SOURCES, or the number of sources. */
static uint32_t find_source(const struct block_rows *b, const struct addr *src)
{
	uint32_t from = 0, to = b->sources;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (addr_compare_source(&b->source[middle], src) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from < b->sources && memcmp(&b->source[from], src, sizeof(*src)) == 0 ? from : b->sources;
}

/* Rows of this source by the index, as a search would look for them. */
static int look_up(struct segment_reader *r, const struct section_reader *s, struct verify_room *room,
		   struct verify_source *answer)
{
	uint32_t first, end;

	room->lookups++;
	answer->rows = 0;
	answer->hash = 0;
	section_find(s, &answer->src, &answer->src, &first, &end);
	for (uint32_t i = first; i < end; i++) {
		struct block_rows *b = room->blocks[i % 2];
		uint32_t k, row;
		int error;

		if (room->block_at[i % 2] != i) {
			error = section_read_block(r, s, i, BLOCK_SOURCES, b);
			room->block_at[i % 2] = error ? NO_BLOCK : i;
			if (error)
				return error;
		}
		k = find_source(b, &answer->src);
		if (k == b->sources)
			continue;
		error = section_decode_more(s, BLOCK_ALL, b);
		if (error)
			return error;
		row = k ? b->source_end[k - 1] : 0;
		answer->rows += b->source_end[k] - row;
		for (; row < b->source_end[k]; row++)
			answer->hash = hash_row(b, row, answer->hash);
	}
	return 0;
}

/* The next address up or down; false at the end of all addresses. */
static bool neighbour(const struct addr *a, int step, struct addr *ret)
{
	uint8_t over = step > 0 ? 0xff : 0;

	*ret = *a;
	for (unsigned int i = 16; i-- > 0;) {
		ret->bytes[i] = (uint8_t)(ret->bytes[i] + step);
		if (a->bytes[i] != over)
			return true;
	}
	return false;
}

static int compare_sources(const void *a, const void *b)
{
	const struct verify_source *x = a, *y = b;

	return addr_compare_source(&x->src, &y->src);
}

static bool is_there(const struct verify_room *room, const struct addr *a)
{
	const struct verify_source key = { .src = *a };

	return bsearch(&key, room->sources, room->source_count, sizeof(key), compare_sources);
}

/* Both spellings of an IPv4 address mean this one: what a search is given is text. */
static bool spellings_agree(const struct addr *a, char text[static ADDR_TEXT_MAX])
{
	char mapped[ADDR_TEXT_MAX + 8] = "::ffff:";
	struct addr parsed;

	if (!addr_is_v4(a))
		return true;
	addr_format(a, text);
	if (addr_parse(text, &parsed) || memcmp(&parsed, a, sizeof(parsed)) != 0)
		return false;
	memcpy(mapped + strlen(mapped), text, strlen(text) + 1);
	return addr_parse(mapped, &parsed) == 0 && memcmp(&parsed, a, sizeof(parsed)) == 0;
}

static int ask_for(struct segment_reader *r, const struct section_reader *s, struct verify_room *room,
		   const struct verify_source *want, struct verify_finding *finding)
{
	struct verify_source got = { .src = want->src };
	char text[ADDR_TEXT_MAX];
	int error = look_up(r, s, room, &got);

	if (error && error != -EBADMSG)
		return error;
	if (!error && got.rows == want->rows && got.hash == want->hash)
		return 0;
	addr_format(&want->src, text);
	if (error)
		return FOUND(finding, s->facts.offset, "a block that its index names for %s does not decode",
			     text);
	if (got.rows != want->rows)
		return FOUND(finding, s->facts.offset, "its index finds %" PRIu32 " rows of %s, a scan %" PRIu32,
			     got.rows, text, want->rows);
	return FOUND(finding, s->facts.offset, "its index finds other rows of %s than a scan", text);
}

int verify_full_index(struct segment_reader *r, const struct section_reader *s, struct verify_room *room,
		      struct verify_finding *ret_finding)
{
	char text[ADDR_TEXT_MAX];
	int error = prepare_blocks(room);

	for (size_t i = 0; i < room->source_count && !error; i++) {
		const struct verify_source *source = &room->sources[i];
		struct verify_source absent = { .rows = 0 };

		if (!spellings_agree(&source->src, text))
			return FOUND(ret_finding, s->facts.offset, "source %s is not what its text says", text);
		error = ask_for(r, s, room, source, ret_finding);
		for (int step = -1; step <= 1 && !error; step += 2)
			if (neighbour(&source->src, step, &absent.src) && !is_there(room, &absent.src))
				error = ask_for(r, s, room, &absent, ret_finding);
	}
	return error;
}

int verify_full_section(struct segment_reader *r, const struct section *s, struct verify_room *room,
			struct verify_finding *ret_finding)
{
	struct section_reader *section;
	int error = section_open(r, s->offset, &section);

	room->source_count = 0;
	if (error == -EBADMSG)
		return FOUND(ret_finding, s->offset, "the section's header does not decode");
	if (error)
		return error;
	error = verify_full_scan(r, section, room, ret_finding);
	if (!error)
		error = verify_full_index(r, section, room, ret_finding);
	section_close(section);
	return error;
}

/* --- Journals --- */

static int check_frame(const struct journal_reader *r, const struct journal_row_frame *f,
		       const struct record *rows, struct verify_finding *finding)
{
	uint64_t first = UINT64_MAX, last = 0;
	uint32_t named = 0;

	for (uint32_t i = 0; i < f->rows; i++) {
		uint64_t t = (uint64_t)rows[i].time_ns;

		first = t < first ? t : first;
		last = t > last ? t : last;
		/* Rows of a tenant that no good frame names are part of a damaged journal's damage. */
		if ((!i || rows[i].tenant != named) && !r->damaged_bytes &&
		    !journal_reader_tenant(r, rows[i].tenant))
			return FOUND(finding, f->offset, "row %" PRIu32 " of the frame is of tenant %" PRIu32
				     ", which the journal does not name", i, rows[i].tenant);
		named = rows[i].tenant;
	}
	if (f->rows && (first != f->first_boot_ns || last != f->last_boot_ns))
		return FOUND(finding, f->offset, "the frame says boot times %" PRIu64 " to %" PRIu64
			     ", its rows %" PRIu64 " to %" PRIu64, f->first_boot_ns, f->last_boot_ns, first,
			     last);
	return 0;
}

int verify_full_journal(struct journal_reader *r, struct verify_room *room,
			struct verify_finding *ret_finding)
{
	int error = 0;

	if (!room->frame)
		room->frame = malloc(JOURNAL_FRAME_ROWS_MAX * sizeof(*room->frame));
	if (!room->frame)
		return -ENOMEM;
	if (r->frame_count && !r->anchors.count)
		return FOUND(ret_finding, 0, "rows, but no clock anchor");
	for (size_t i = 0; i < r->frame_count && !error; i++) {
		const struct journal_row_frame *f = &r->frames[i];

		error = journal_reader_rows(r, i, room->frame);
		if (error == -EBADMSG)
			return FOUND(ret_finding, f->offset, "the frame does not decode");
		if (!error)
			error = check_frame(r, f, room->frame, ret_finding);
		if (!error && room->consent)
			error = verify_consent_frame(room->consent, r, f, room->frame);
		room->rows += f->rows;
	}
	return error;
}
