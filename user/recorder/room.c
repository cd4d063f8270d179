// SPDX-License-Identifier: BSD-2-Clause
/* Is there room to go on recording? */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "base/fs.h"
#include "base/utc.h"
#include "room.h"
#include "schema/journal.h"

/* What recording stops below; so much above the limit that what is written until then does not go below it. */
static uint64_t stop_below(const struct room *r)
{
	return r->keep_bytes + ROOM_MARGIN_BYTES;
}

enum room_change room_judge(struct room *r, uint64_t free_bytes, uint64_t total_bytes, int64_t utc_now)
{
	r->free_bytes = free_bytes;
	r->keep_bytes = room_limit_bytes(&r->limit, total_bytes);
	if (!r->stopped_ns) {
		if (!r->keep_bytes || free_bytes >= stop_below(r))
			return ROOM_AS_BEFORE;
		r->stopped_ns = utc_now;
		return ROOM_STOPPED;
	}
	/* A little more than it stopped at, or it would stop and go on with every file that comes and goes. */
	if (r->keep_bytes && free_bytes < stop_below(r) + ROOM_MARGIN_BYTES + r->keep_bytes / 16)
		return ROOM_AS_BEFORE;
	r->stopped_ns = 0;
	return ROOM_AGAIN;
}

enum room_change room_look(struct room *r)
{
	struct statvfs v;

	if (fstatvfs(r->fd, &v) < 0)
		return ROOM_AS_BEFORE;
	return room_judge(r, (uint64_t)v.f_bavail * v.f_frsize, (uint64_t)v.f_blocks * v.f_frsize, utc_now_ns());
}

bool room_to_seal(const struct room *r, int journal_fd)
{
	uint64_t largest = 0;
	char **names;
	size_t count;

	if (!r->keep_bytes || fs_list(journal_fd, JOURNAL_SUFFIX, &names, &count) != 0)
		return true;
	for (size_t i = 0; i < count; i++) {
		struct stat st;

		if (fstatat(journal_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && (uint64_t)st.st_size > largest)
			largest = (uint64_t)st.st_size;
	}
	fs_free_names(names, count);
	return r->free_bytes >= stop_below(r) + largest;
}
