// SPDX-License-Identifier: BSD-2-Clause
/* Frames of a journal, and the rows in them. */
#include <errno.h>
#include <string.h>
#include <zstd.h>
#include "base/block.h"
#include "base/fs.h"
#include "journal_frame.h"

void journal_frame_done(struct journal_frame *f)
{
	buffer_done(&f->window);
	buffer_done(&f->raw);
	ZSTD_freeDCtx(f->zstd);
	memset(f, 0, sizeof(*f));
}

/* Whether 56 bytes can be a frame header at all; only then is its payload read. */
static bool parse_head(const uint8_t *h, uint64_t offset, struct journal_frame *f)
{
	f->offset = offset;
	f->type = h[FRAME_AT_TYPE];
	f->coding = h[FRAME_AT_CODING];
	f->entries = get_le32(h + FRAME_AT_ENTRIES);
	f->raw_bytes = get_le32(h + FRAME_AT_RAW_BYTES);
	f->stored_bytes = get_le32(h + FRAME_AT_STORED_BYTES);
	f->columns = get_le32(h + FRAME_AT_COLUMNS);
	f->ring_end = get_le64(h + FRAME_AT_RING_END);
	f->first_boot_ns = get_le64(h + FRAME_AT_FIRST_BOOT);
	f->last_boot_ns = get_le64(h + FRAME_AT_LAST_BOOT);
	return get_le32(h + FRAME_AT_MAGIC) == JOURNAL_FRAME_MAGIC &&
	       get_le16(h + FRAME_AT_HEADER_SIZE) == FRAME_HEADER_BYTES &&
	       f->raw_bytes <= JOURNAL_FRAME_RAW_MAX && f->stored_bytes <= JOURNAL_FRAME_RAW_MAX &&
	       f->entries <= JOURNAL_FRAME_ROWS_MAX;
}

void journal_frame_forget(struct journal_frame *f)
{
	buffer_clear(&f->window);
	f->stored = NULL;
}

/* The window begins at `offset`: what it has from there on is moved to its front. */
static void slide(struct journal_frame *f, uint64_t offset)
{
	uint64_t end = f->window_at + f->window.size;
	size_t have = offset >= f->window_at && offset < end ? (size_t)(end - offset) : 0;

	if (have)
		memmove(f->window.data, f->window.data + (offset - f->window_at), have);
	f->window.size = have;
	f->window_at = offset;
}

/* `bytes` of the file from `offset` on, where there are so many; NULL and *ret_error otherwise. */
static const uint8_t *look(int fd, uint64_t size, uint64_t offset, size_t bytes, size_t at_once, struct journal_frame *f,
			   int *ret_error)
{
	size_t want = at_once > bytes ? at_once : bytes;
	uint64_t end = f->window_at + f->window.size;
	uint8_t *room;
	int error;

	if (offset >= f->window_at && offset + bytes <= end)
		return f->window.data + (offset - f->window_at);
	slide(f, offset);
	if (want > size - offset)
		want = (size_t)(size - offset);
	for (;;) {
		room = buffer_room(&f->window, want - f->window.size);
		error = room ? fs_pread_all(fd, room, want - f->window.size, (off_t)(offset + f->window.size)) : -ENOMEM;
		if (error != -ENODATA || want == bytes)
			break;
		want = bytes; /* the file has become shorter meanwhile: an append that failed was cut off */
	}
	*ret_error = error;
	if (error)
		return NULL;
	f->window.size = want;
	return f->window.data;
}

int journal_frame_load(int fd, uint64_t file_id, uint64_t size, uint64_t offset, size_t at_once,
		       struct journal_frame *f)
{
	uint64_t at = offset + FRAME_HEADER_BYTES;
	const uint8_t *h;
	int error;

	f->stored = NULL;
	f->stored_bytes = 0;
	if (size - offset < FRAME_HEADER_BYTES)
		return -ENODATA;
	h = look(fd, size, offset, FRAME_HEADER_BYTES, at_once, f, &error);
	if (!h)
		return error;
	if (!parse_head(h, offset, f) ||
	    get_le32(h + FRAME_AT_HEADER_CRC) != block_crc(file_id, offset, h, FRAME_AT_HEADER_CRC, NULL, 0))
		return -EBADMSG;
	/* The header is as it was written: if the file ends before the frame, it was cut off. */
	if (size - at < f->stored_bytes)
		return -ENODATA;
	h = look(fd, size, offset, FRAME_HEADER_BYTES + f->stored_bytes, at_once, f, &error);
	if (!h)
		return error;
	f->stored = h + FRAME_HEADER_BYTES;
	return get_le32(h + FRAME_AT_CRC) == block_crc(file_id, at, NULL, 0, f->stored, f->stored_bytes) ?
	       0 : -EBADMSG;
}

int journal_frame_unpack(struct journal_frame *f)
{
	int error;

	buffer_clear(&f->raw);
	if (!f->zstd)
		f->zstd = ZSTD_createDCtx();
	if (!f->zstd || !buffer_room(&f->raw, f->raw_bytes))
		return -ENOMEM;
	error = block_unpack_with(f->zstd, f->coding, f->stored, f->stored_bytes, f->raw.data,
				  f->raw_bytes);
	if (!error)
		f->raw.size = f->raw_bytes;
	return error;
}

/* The stored columns stand in order of their number, planes of each. */
int journal_frame_columns(struct journal_frame *f)
{
	uint32_t unknown = f->columns;
	struct cursor c;

	cursor_init(&c, f->raw.data, f->raw.size);
	for (const struct record_column *col = record_columns; col->id; col++) {
		f->columns_of[col->id].column = NULL;
		if (!(f->columns & 1u << col->id))
			continue;
		unknown &= ~(1u << col->id);
		if (record_planes_read(col, &c, f->entries, &f->columns_of[col->id]))
			return -EBADMSG;
	}
	return !unknown && cursor_left(&c) == 0 ? 0 : -EBADMSG;
}

int journal_frame_next(struct journal_frame *f, uint32_t count, struct record *rows)
{
	memset(rows, 0, count * sizeof(*rows));
	for (unsigned int i = 0; i < JOURNAL_COLUMNS; i++)
		if (f->columns_of[i].column)
			record_planes_next(&f->columns_of[i], count, (int64_t)f->first_boot_ns, rows);
	/* A time column that is absent means that all rows are at the base time. */
	if (!f->columns_of[STORE_COLUMN_TIME].column)
		for (uint32_t i = 0; i < count; i++)
			rows[i].time_ns = (int64_t)f->first_boot_ns;
	/* A search passes over frames by the times in their header. */
	for (uint32_t i = 0; i < count; i++)
		if ((uint64_t)rows[i].time_ns < f->first_boot_ns ||
		    (uint64_t)rows[i].time_ns > f->last_boot_ns)
			return -EBADMSG;
	return 0;
}
