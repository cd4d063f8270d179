// SPDX-License-Identifier: BSD-2-Clause
/* The end of a day: trailers. Sections are appended in segment_batch.c. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/block.h"
#include "base/fs.h"
#include "base/utc.h"
#include "section_reader.h"
#include "segment.h"

#define PARTS_MAX 1000

static int write_trailer(int dir_fd, struct segment_reader *r)
{
	uint8_t *t;
	struct buffer out = {};
	uint64_t rows = 0;
	int error;

	t = buffer_extend(&out, TRAILER_BYTES);
	if (!t)
		return -ENOMEM;
	for (size_t i = 0; i < r->section_count; i++)
		rows += r->sections[i].rows;
	put_le32(t + TRAILER_AT_MAGIC, TRAILER_MAGIC);
	put_le32(t + TRAILER_AT_SECTIONS, (uint32_t)r->section_count);
	put_le64(t + TRAILER_AT_ROWS, rows);
	put_le64(t + TRAILER_AT_CLOSED_UTC, (uint64_t)utc_now_ns());
	error = segment_hash(r->fd, r->size, t + TRAILER_AT_HASH);
	put_le32(t + TRAILER_AT_CRC, block_crc(r->file_id, r->size, NULL, 0, t + TRAILER_AT_SECTIONS,
					       TRAILER_BYTES - TRAILER_AT_SECTIONS));
	if (!error)
		error = fs_append_durably(dir_fd, r->name, r->size, out.data, out.size);
	buffer_done(&out);
	return error;
}

/*
 * Whether the torn end is a trailer that was cut off: it states nothing that is not computed anew, so that
 * it may go. One or two bytes are the begin of a section as well, of which no reader could use anything.
 */
static bool trailer_is_torn(const struct segment_reader *r)
{
	return r->torn && r->size - r->torn_at <= TRAILER_BYTES &&
	       (r->torn_trailer || r->size - r->torn_at <= 2);
}

static int cut_torn_trailer(int dir_fd, struct segment_reader *r)
{
	int fd = openat(dir_fd, r->name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), error = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)r->torn_at) < 0 || fdatasync(fd) < 0)
		error = -errno;
	close(fd);
	if (!error) {
		r->size = r->torn_at;
		r->torn = false;
	}
	return error;
}

/* 1: closed now; 0: it stays without a trailer, *ret_why says why; or an I/O error. */
static int close_part(int dir_fd, const char *name, const char **ret_why, struct problem *p)
{
	struct segment_reader r;
	int error = segment_reader_open(dir_fd, name, &r, p);

	if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP) {
		*ret_why = "cannot be read";
		return 0;
	}
	if (error)
		return error;
	if (trailer_is_torn(&r))
		error = cut_torn_trailer(dir_fd, &r);
	*ret_why = r.damaged_bytes ? "is damaged" : r.torn ? "ends in an unfinished append" : NULL;
	if (!error && !*ret_why)
		error = write_trailer(dir_fd, &r);
	segment_reader_close(&r);
	if (error)
		return problem(p, error, "cannot close %s: %s", name, strerror(-error));
	return !*ret_why;
}

int segment_close_day(int dir_fd, int32_t day, struct problem *p)
{
	char name[SEGMENT_NAME_MAX], last[SEGMENT_NAME_MAX] = "";
	const char *why = NULL;
	uint32_t most = 0;
	int done = 0, error = segment_last_part(dir_fd, day, &most);

	if (error)
		return problem(p, error, "cannot look for the parts of a day: %s", strerror(-error));
	for (uint32_t part = 1; part <= most && part < PARTS_MAX; part++) {
		int state;

		segment_part_name(day, part, name);
		state = segment_is_closed(dir_fd, name);
		if (state == -ENOENT)
			continue; /* erased, and what came after it was not */
		why = NULL;
		if (state < 0)
			return problem(p, state, "cannot read %s: %s", name, strerror(-state));
		memcpy(last, name, sizeof(last));
		if (state)
			continue;
		state = close_part(dir_fd, name, &why, p);
		if (state < 0)
			return state;
		done |= state;
	}
	/* What is torn or damaged has no end to state; behind it the day may have gone on. */
	return why ? problem(p, -EUCLEAN, "%s %s: it gets no trailer", last, why) : done;
}
