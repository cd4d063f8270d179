/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One frame of a journal file at a time: read and checked, unpacked, and its rows decoded, all of them or a
 * few. The room is kept from frame to frame. FORMAT.md 3.1 and 3.3.
 */
#ifndef SEKISHO_JOURNAL_FRAME_H
#define SEKISHO_JOURNAL_FRAME_H

#include <stdint.h>
#include "base/cursor.h"
#include "base/record_planes.h"
#include "schema/journal.h"
#include "schema/store.h"

struct ZSTD_DCtx_s;

#define JOURNAL_COLUMNS (STORE_COLUMN_LASTED + 1) /* numbers begin with 1 */

/* Zero-initialise. */
struct journal_frame {
	uint64_t offset;
	uint8_t type, coding;
	uint32_t entries, raw_bytes, stored_bytes, columns;
	uint64_t ring_end, first_boot_ns, last_boot_ns;
	struct buffer window; /* bytes of the file from window_at on: small frames come many at a time */
	uint64_t window_at;
	const uint8_t *stored; /* the payload, in the window; NULL when it was not read */
	struct buffer raw;
	struct record_planes columns_of[JOURNAL_COLUMNS]; /* of row frames, by number */
	struct ZSTD_DCtx_s *zstd;
};
void journal_frame_done(struct journal_frame *f);

/* Before f is used on a file that was opened anew, and for what may have changed since it was read. */
void journal_frame_forget(struct journal_frame *f);
/*
 * Reads and checks the frame at an offset of a file of `size` bytes: f->stored is its payload. Where something has to
 * be read, it is `at_once` bytes, as far as there are so many, and what follows is kept for the next. -EBADMSG: not a
 * good frame; -ENODATA: the file ends before the frame does; -ENOMEM; I/O errors.
 */
int journal_frame_load(int fd, uint64_t file_id, uint64_t size, uint64_t offset, size_t at_once,
		       struct journal_frame *f);
/* Of a frame that is loaded: f->raw. -EBADMSG or -ENOMEM. */
int journal_frame_unpack(struct journal_frame *f);

/* Of a row frame that is unpacked: finds its columns. -EBADMSG when they are not those of a row frame. */
int journal_frame_columns(struct journal_frame *f);
/*
 * Then its next `count` rows, of which there are as many (times stay CLOCK_BOOTTIME). Some hundred at a time
 * stay in the cache. -EBADMSG: a time is not one that the frame's header allows.
 */
int journal_frame_next(struct journal_frame *f, uint32_t count, struct record *rows);

#endif
