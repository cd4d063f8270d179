// SPDX-License-Identifier: BSD-2-Clause
/* Reading a trailer. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/block.h"
#include "base/fs.h"
#include "segment_end.h"

static int read_end(int fd, struct segment_end *end)
{
	uint8_t id[8], *t = end->trailer;
	struct stat st;
	uint64_t at;
	int error;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < SEGMENT_HEADER_BYTES + TRAILER_BYTES)
		return 0;
	at = (uint64_t)st.st_size - TRAILER_BYTES;
	error = fs_pread_all(fd, id, sizeof(id), SEGMENT_AT_FILE_ID);
	if (!error)
		error = fs_pread_all(fd, t, TRAILER_BYTES, (off_t)at);
	if (error)
		return error;
	end->file_id = get_le64(id);
	end->bytes = (uint64_t)st.st_size;
	end->rows = get_le64(t + TRAILER_AT_ROWS);
	end->sections = get_le32(t + TRAILER_AT_SECTIONS);
	return get_le32(t + TRAILER_AT_MAGIC) == TRAILER_MAGIC &&
	       get_le32(t + TRAILER_AT_CRC) == block_crc(end->file_id, at, NULL, 0, t + TRAILER_AT_SECTIONS,
							 TRAILER_BYTES - TRAILER_AT_SECTIONS);
}

int segment_end_read(int dir_fd, const char *name, struct segment_end *ret_end)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), result;
	struct segment_end end;

	if (fd < 0)
		return -errno;
	result = read_end(fd, &end);
	close(fd);
	if (result == 1)
		*ret_end = end;
	return result;
}
