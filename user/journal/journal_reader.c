// SPDX-License-Identifier: BSD-2-Clause
/* Reading journal files: walking frames, resynchronising after damage, decoding rows. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>
#include "base/array.h"
#include "base/block.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/scan.h"
#include "base/text.h"
#include "journal_reader.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "schema/store.h"

static int read_header(struct journal_reader *r, struct problem *p)
{
	uint8_t h[JOURNAL_HEADER_BYTES];
	int error = fs_pread_all(r->fd, h, sizeof(h), 0);

	if (error)
		return problem(p, error, "journal/%s: %s", r->name,
			       error == -ENODATA ? "shorter than its header" : strerror(-error));
	r->file_id = get_le64(h + JOURNAL_AT_FILE_ID);
	if (memcmp(h, JOURNAL_MAGIC, 8) != 0)
		return problem(p, -EBADMSG, "journal/%s: not a journal (offset 0)", r->name);
	if (get_le32(h + JOURNAL_AT_CRC) != block_crc(r->file_id, 0, h, JOURNAL_AT_CRC, NULL, 0))
		return problem(p, -EBADMSG, "journal/%s: header fails its checksum (offset 0)",
			       r->name);
	if (get_le16(h + JOURNAL_AT_VERSION) != JOURNAL_VERSION ||
	    get_le16(h + JOURNAL_AT_HEADER_SIZE) != JOURNAL_HEADER_BYTES ||
	    get_le32(h + JOURNAL_AT_INCOMPATIBLE) != 0)
		return problem(p, -ENOTSUP,
			       "journal/%s: version %u, flags %#x; this program reads version %u",
			       r->name, get_le16(h + JOURNAL_AT_VERSION),
			       get_le32(h + JOURNAL_AT_INCOMPATIBLE), JOURNAL_VERSION);
	r->rung = h[JOURNAL_AT_RUNG];
	r->ring_id = get_le64(h + JOURNAL_AT_RING_ID);
	r->ring_start = r->ring_end = get_le64(h + JOURNAL_AT_RING_START);
	r->created_utc_ns = r->last_utc_ns = (int64_t)get_le64(h + JOURNAL_AT_CREATED_UTC);
	r->created_boot_ns = get_le64(h + JOURNAL_AT_CREATED_BOOT);
	return 0;
}

/* So much is read at a time while a file is walked: it stays in the cache of a processor. */
#define AT_ONCE (64u << 10)

static int add_row_frame(struct journal_reader *r, const struct journal_frame *f)
{
	if (ARRAY_RESERVE(r->frames, r->frame_count, r->frame_capacity))
		return -ENOMEM;
	r->frames[r->frame_count++] = (struct journal_row_frame){
		.offset = f->offset,
		.bytes = FRAME_HEADER_BYTES + f->stored_bytes,
		.first_boot_ns = f->first_boot_ns,
		.last_boot_ns = f->last_boot_ns,
		.rows = f->entries,
		.has_lasted = f->columns & 1u << STORE_COLUMN_LASTED,
	};
	r->rows += f->entries;
	return 0;
}

/* Where the number stands in the table, or the free slot where it would. An import names thousands. */
static uint32_t *tenant_slot(const struct journal_reader *r, uint32_t number)
{
	uint32_t mask = r->tenant_slot_count - 1, at = number * 0x9e3779b9u >> 7 & mask;

	while (r->tenant_slots[at] && r->tenants[r->tenant_slots[at] - 1].number != number)
		at = (at + 1) & mask;
	return &r->tenant_slots[at];
}

static int grow_tenant_slots(struct journal_reader *r)
{
	uint32_t more = r->tenant_slot_count ? r->tenant_slot_count * 2 : 64;
	uint32_t *slots = calloc(more, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	free(r->tenant_slots);
	r->tenant_slots = slots;
	r->tenant_slot_count = more;
	for (size_t i = 0; i < r->tenant_count; i++) {
		uint32_t *slot = tenant_slot(r, r->tenants[i].number);

		if (!*slot)
			*slot = (uint32_t)i + 1;
	}
	return 0;
}

static int add_tenant(struct journal_reader *r, const struct journal_tenant *t)
{
	uint32_t *slot;

	if (r->tenant_count * 2 >= r->tenant_slot_count && grow_tenant_slots(r))
		return -ENOMEM;
	slot = tenant_slot(r, t->number);
	for (size_t i = *slot ? *slot - 1 : r->tenant_count; i < r->tenant_count; i++)
		if (r->tenants[i].number == t->number && r->tenants[i].consent == t->consent)
			return 0;
	if (ARRAY_RESERVE(r->tenants, r->tenant_count, r->tenant_capacity))
		return -ENOMEM;
	r->tenants[r->tenant_count++] = *t;
	if (!*slot)
		*slot = (uint32_t)r->tenant_count;
	return 0;
}

static int read_tenant(struct cursor *c, struct journal_tenant *ret_tenant)
{
	struct journal_tenant t = { .number = cursor_le32(c), .consent = cursor_le32(c) };
	size_t length = cursor_u8(c);
	const uint8_t *id = cursor_bytes(c, length);

	if (!id || length >= sizeof(t.id))
		return -EBADMSG;
	memcpy(t.id, id, length);
	/* The id becomes a directory name. */
	if (strlen(t.id) != length || parse_tenant_id(t.id) || !t.number)
		return -EBADMSG;
	*ret_tenant = t;
	return 0;
}

static int read_tenants(struct journal_reader *r, struct cursor *c, uint32_t entries)
{
	struct cursor ahead = *c;
	struct journal_tenant t;
	int error = 0;

	/* A bad frame is bad as a whole: all are looked at before the first one counts. */
	for (uint32_t i = 0; i < entries; i++)
		if (read_tenant(&ahead, &t))
			return -EBADMSG;
	for (uint32_t i = 0; i < entries && !error; i++) {
		error = read_tenant(c, &t);
		if (!error)
			error = add_tenant(r, &t);
	}
	return error;
}

/* The first one counts. */
static int read_custody(struct journal_reader *r, const struct journal_frame *f, struct cursor *c)
{
	size_t size = cursor_left(c);
	const uint8_t *text = cursor_bytes(c, size);

	if (f->entries != 1 || !size || size > SECTION_CUSTODY_MAX || !text_is_plain(text, size))
		return -EBADMSG;
	if (!r->custody)
		r->custody = strndup((const char *)text, size);
	return r->custody ? 0 : -ENOMEM;
}

static int read_entries(struct journal_reader *r, const struct journal_frame *f, struct cursor *c)
{
	size_t entry_bytes = f->type == FRAME_ANCHORS ? STORE_ANCHOR_BYTES : STORE_GAP_BYTES;
	struct anchor anchor;
	struct gap gap;
	int error = 0;

	if (f->type == FRAME_TENANTS)
		return read_tenants(r, c, f->entries);
	if (f->type == FRAME_CUSTODY)
		return read_custody(r, f, c);
	/* None of a bad frame's entries count. */
	if (cursor_left(c) / entry_bytes < f->entries)
		return -EBADMSG;
	for (uint32_t i = 0; i < f->entries && !error; i++) {
		if (f->type == FRAME_ANCHORS) {
			anchor_read(c, &anchor);
			error = cursor_ok(c) ? anchors_add(&r->anchors, &anchor) : -EBADMSG;
		} else {
			gap_read(c, &gap);
			error = cursor_ok(c) ? gaps_add(&r->gaps, &gap) : -EBADMSG;
		}
	}
	return error;
}

static void note_time(struct journal_reader *r, const struct journal_frame *f)
{
	int64_t t = f->last_boot_ns ? anchors_utc(&r->anchors, f->last_boot_ns) : 0;

	if (t > r->last_utc_ns)
		r->last_utc_ns = t;
}

/* Takes a frame whose checksum holds into the index. Types of a later version are passed over. */
static int take_frame(struct journal_reader *r, struct journal_frame *f)
{
	struct cursor c;
	int error = 0;

	if (f->type == FRAME_ROWS) {
		error = add_row_frame(r, f);
	} else if (f->type >= FRAME_ANCHORS && f->type <= FRAME_CUSTODY) {
		error = journal_frame_unpack(f);
		if (!error) {
			cursor_init(&c, f->raw.data, f->raw.size);
			error = read_entries(r, f, &c);
		}
	}
	if (!error) {
		r->ring_end = f->ring_end;
		note_time(r, f);
	}
	return error;
}

struct candidate {
	struct journal_reader *r;
	struct journal_frame *frame;
};

static int good_frame(void *ctx, uint64_t at, uint64_t *ret_bytes_read)
{
	struct candidate *c = ctx;
	bool good = journal_frame_load(c->r->fd, c->r->file_id, c->r->size, at, AT_ONCE, c->frame) == 0;

	*ret_bytes_read = c->frame->stored ? c->frame->stored_bytes : 0;
	return good;
}

static void note_damage(struct journal_reader *r, uint64_t from, uint64_t to)
{
	if (!r->damaged_bytes)
		r->damaged_at = from;
	r->damaged_bytes += to - from;
}

static int walk(struct journal_reader *r)
{
	struct journal_frame f = {};
	struct candidate candidate = { .r = r, .frame = &f };
	uint64_t at = JOURNAL_HEADER_BYTES, budget = 4 * r->size + JOURNAL_FRAME_RAW_MAX, next;
	int error = 0;

	while (!error && at < r->size) {
		int bad = journal_frame_load(r->fd, r->file_id, r->size, at, AT_ONCE, &f);

		if (!bad)
			bad = take_frame(r, &f);
		if (!bad) {
			at += FRAME_HEADER_BYTES + f.stored_bytes;
			continue;
		}
		if (bad != -EBADMSG && bad != -ENODATA) {
			error = bad;
			break;
		}
		error = scan_next(r->fd, at + 1, r->size, "SKFR", good_frame, &candidate, &budget,
				  &next);
		if (error)
			break;
		if (next == r->size && (bad == -ENODATA || scan_is_zero(r->fd, at, r->size))) {
			r->torn = true;
			r->torn_at = at;
		} else {
			note_damage(r, at, next);
		}
		at = next;
	}
	journal_frame_done(&f);
	return error;
}

/* If damage took every anchor, the times in the file's header stand in for one: better than no row. */
static int anchor_from_header(struct journal_reader *r)
{
	const struct anchor a = { .boot_ns = r->created_boot_ns, .utc_ns = r->created_utc_ns,
				  .status = STA_UNSYNC };

	return r->anchors.count || !r->damaged_bytes ? 0 : anchors_add(&r->anchors, &a);
}

int journal_reader_open(int dir_fd, const char *name, struct journal_reader *ret_reader,
			struct problem *p)
{
	struct journal_reader r = {};
	struct stat st;
	int error;

	r.fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (r.fd < 0)
		return problem(p, -errno, "cannot open journal/%s: %s", name, strerror(errno));
	strncpy(r.name, name, sizeof(r.name) - 1);
	error = fstat(r.fd, &st) < 0 ? -errno : 0;
	if (!error && (uint64_t)st.st_size > JOURNAL_FILE_MAX)
		error = -EFBIG;
	if (error) {
		problem(p, error, "journal/%s: %s", name, strerror(-error));
	} else {
		r.size = (uint64_t)st.st_size;
		error = read_header(&r, p);
		if (!error) {
			error = walk(&r);
			if (!error)
				error = anchor_from_header(&r);
			if (error)
				problem(p, error, "cannot read journal/%s: %s", name,
					strerror(-error));
		}
	}
	if (error) {
		journal_reader_close(&r);
		return error;
	}
	*ret_reader = r;
	return 0;
}

int journal_created(int dir_fd, const char *name, int64_t *ret_utc_ns)
{
	struct journal_reader r = { .fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) };
	struct problem ignored;
	int error;

	if (r.fd < 0)
		return -errno;
	error = read_header(&r, &ignored);
	close(r.fd);
	if (!error)
		*ret_utc_ns = r.created_utc_ns;
	return error;
}

void journal_reader_close(struct journal_reader *r)
{
	if (!r)
		return;
	close(r->fd);
	free(r->frames);
	free(r->tenants);
	free(r->tenant_slots);
	free(r->custody);
	anchors_done(&r->anchors);
	gaps_done(&r->gaps);
	memset(r, 0, sizeof(*r));
	r->fd = -1;
}

int journal_reader_frame(const struct journal_reader *r, size_t i, struct journal_frame *f)
{
	const struct journal_row_frame *is = &r->frames[i];
	int error;

	journal_frame_forget(f);
	error = journal_frame_load(r->fd, r->file_id, r->size, is->offset, is->bytes, f);
	if (!error && f->entries != is->rows)
		error = -EBADMSG;
	if (!error)
		error = journal_frame_unpack(f);
	return error ? error : journal_frame_columns(f);
}

int journal_reader_rows(struct journal_reader *r, size_t i, struct record *rows)
{
	struct journal_frame f = {};
	int error = journal_reader_frame(r, i, &f);

	if (!error)
		error = journal_frame_next(&f, f.entries, rows);
	journal_frame_done(&f);
	return error;
}

const char *journal_reader_tenant(const struct journal_reader *r, uint32_t number)
{
	uint32_t slot = r->tenant_slot_count ? *tenant_slot(r, number) : 0;

	return slot ? r->tenants[slot - 1].id : NULL;
}
