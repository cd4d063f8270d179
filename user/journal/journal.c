// SPDX-License-Identifier: BSD-2-Clause
/* Writing the journal: file header, frames, and undoing a frame that did not fit. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include "base/block.h"
#include "base/fs.h"
#include "base/record_planes.h"
#include "base/parse.h"
#include "base/text.h"
#include "base/utc.h"
#include "journal.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "schema/store.h"

#define ZSTD_LEVEL 1
#define HIDDEN_PREFIX ".journal-"
#define HIDDEN_SUFFIX ".tmp"

struct journal {
	int fd;
	char name[64], hidden[64]; /* hidden: "" once published */
	int dir_fd; /* the caller's, of a hidden one */
	bool kept; /* hidden, and closing leaves it there */
	uint64_t file_id, ring_end, size, rows;
	int64_t created_ns;
	bool broken; /* a partial frame could not be removed */
	struct buffer raw, frame;
	ZSTD_CCtx *zstd;
};

static void read_boot_id(uint8_t id[16])
{
	char text[40] = "";
	size_t n = 0;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(id, 0, 16);
	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0)
		for (const char *c = text; *c && n < 32; c++) {
			const char *digit = strchr("0123456789abcdef", *c);

			if (!digit)
				continue;
			id[n / 2] = (uint8_t)(id[n / 2] << 4 | (digit - "0123456789abcdef"));
			n++;
		}
	close(fd);
}

static void fill_header(const struct journal *j, const struct journal_origin *origin,
			uint8_t header[static JOURNAL_HEADER_BYTES])
{
	memset(header, 0, JOURNAL_HEADER_BYTES);
	memcpy(header + JOURNAL_AT_MAGIC, JOURNAL_MAGIC, 8);
	put_le16(header + JOURNAL_AT_VERSION, JOURNAL_VERSION);
	put_le16(header + JOURNAL_AT_HEADER_SIZE, JOURNAL_HEADER_BYTES);
	header[JOURNAL_AT_RUNG] = origin->rung;
	put_le64(header + JOURNAL_AT_FILE_ID, j->file_id);
	put_le64(header + JOURNAL_AT_RING_ID, origin->ring_id);
	put_le64(header + JOURNAL_AT_RING_START, origin->ring_position);
	put_le64(header + JOURNAL_AT_CREATED_UTC, (uint64_t)j->created_ns);
	/* What is imported knows no boot: its boot time is UTC, here too, where a lost anchor is replaced. */
	put_le64(header + JOURNAL_AT_CREATED_BOOT,
		 (uint64_t)(origin->ring_id ? boot_now_ns() : j->created_ns));
	if (origin->ring_id)
		read_boot_id(header + JOURNAL_AT_BOOT_ID);
	put_le32(header + JOURNAL_AT_CRC,
		 block_crc(j->file_id, 0, header, JOURNAL_AT_CRC, NULL, 0));
}

/* "20261122T165800Z-0123456789abcdef.skj": sorts by creation for people; nothing relies on it. */
static void make_name(int64_t created_ns, uint64_t file_id, char name[static 64])
{
	char text[UTC_TEXT_MAX], compact[17];
	size_t n = 0;

	utc_format(created_ns, text);
	for (const char *c = text; *c && *c != '.' && n < 15; c++)
		if (*c != '-' && *c != ':')
			compact[n++] = *c;
	compact[n] = '\0';
	snprintf(name, 64, "%sZ-%016llx%s", compact, (unsigned long long)file_id, JOURNAL_SUFFIX);
}

/* A journal of which no file is there yet. */
static int begin(int dir_fd, const struct journal_origin *origin, struct journal **ret_journal,
		 struct problem *p)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (!j)
		return problem(p, -ENOMEM, "out of memory");
	j->fd = -1;
	j->dir_fd = dir_fd;
	j->created_ns = utc_now_ns();
	j->ring_end = origin->ring_position;
	j->size = JOURNAL_HEADER_BYTES;
	do {
		if (getrandom(&j->file_id, sizeof(j->file_id), 0) != sizeof(j->file_id)) {
			free(j);
			return problem(p, -EIO, "no random numbers from the kernel");
		}
	} while (!j->file_id);
	make_name(j->created_ns, j->file_id, j->name);
	*ret_journal = j;
	return 0;
}

int journal_create(int dir_fd, const struct journal_origin *origin, struct journal **ret_journal,
		   struct problem *p)
{
	uint8_t header[JOURNAL_HEADER_BYTES];
	struct journal *j;
	int r = begin(dir_fd, origin, &j, p);

	if (r < 0)
		return r;
	fill_header(j, origin, header);
	r = fs_publish(dir_fd, j->name, header, sizeof(header));
	if (r == 0) {
		j->fd = openat(dir_fd, j->name, O_WRONLY | O_APPEND | O_CLOEXEC);
		r = j->fd < 0 ? -errno : 0;
	}
	if (r < 0) {
		problem(p, r, "cannot create journal/%s: %s", j->name, strerror(-r));
		free(j);
		return r;
	}
	j->zstd = ZSTD_createCCtx(); /* NULL: each frame brings its own */
	*ret_journal = j;
	return 0;
}

/* A sweep may come between the creation of the file and its lock: then it is made again. */
static int open_hidden(struct journal *j)
{
	struct stat st;
	int r;

	for (unsigned int i = 0;; i++) {
		snprintf(j->hidden, sizeof(j->hidden), HIDDEN_PREFIX "%016llx-%u" HIDDEN_SUFFIX,
			 (unsigned long long)j->file_id, i);
		j->fd = openat(j->dir_fd, j->hidden,
			       O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (j->fd < 0) {
			r = -errno;
			j->hidden[0] = '\0';
			return r;
		}
		r = fs_give(j->dir_fd, j->fd);
		if (r) {
			(void)unlinkat(j->dir_fd, j->hidden, 0);
			j->hidden[0] = '\0';
			close(j->fd);
			j->fd = -1;
			return r;
		}
		if (flock(j->fd, LOCK_EX | LOCK_NB) == 0 && fstat(j->fd, &st) == 0 && st.st_nlink)
			return 0;
		close(j->fd);
		j->fd = -1;
	}
}

int journal_create_hidden(int dir_fd, const struct journal_origin *origin,
			  struct journal **ret_journal, struct problem *p)
{
	uint8_t header[JOURNAL_HEADER_BYTES];
	struct journal *j;
	int r = begin(dir_fd, origin, &j, p);

	if (r < 0)
		return r;
	fill_header(j, origin, header);
	r = open_hidden(j);
	if (r == 0)
		r = fs_write_all(j->fd, header, sizeof(header));
	if (r < 0) {
		problem(p, r, "cannot create journal/%s: %s", j->name, strerror(-r));
		journal_close(j);
		return r;
	}
	*ret_journal = j;
	return 0;
}

int journal_publish(struct journal *j, struct problem *p)
{
	int r = 0;

	if (fsync(j->fd) < 0 || renameat2(j->dir_fd, j->hidden, j->dir_fd, j->name, RENAME_NOREPLACE) < 0)
		return problem(p, -errno, "cannot store journal/%s: %s", j->name, strerror(errno));
	if (fsync(j->dir_fd) < 0) {
		/* Nobody knows whether it would be there after a power loss: then it shall not be there now. */
		r = problem(p, -errno, "cannot store journal/%s: %s", j->name, strerror(errno));
		memcpy(j->hidden, j->name, sizeof(j->hidden));
		return r;
	}
	j->hidden[0] = '\0';
	return 0;
}

int journal_settle(struct journal *j, struct problem *p)
{
	if (fsync(j->fd) < 0 || fsync(j->dir_fd) < 0)
		return problem(p, -errno, "cannot store journal/%s: %s", j->name, strerror(errno));
	return 0;
}

void journal_keep(struct journal *j, bool keep)
{
	j->kept = keep;
}

/* Who made it and when, if its header is whole. */
static bool read_hidden(int fd, uint64_t *ret_file_id, int64_t *ret_created_ns)
{
	uint8_t h[JOURNAL_HEADER_BYTES];

	if (fs_pread_all(fd, h, sizeof(h), 0) || memcmp(h + JOURNAL_AT_MAGIC, JOURNAL_MAGIC, 8) != 0)
		return false;
	*ret_file_id = get_le64(h + JOURNAL_AT_FILE_ID);
	*ret_created_ns = (int64_t)get_le64(h + JOURNAL_AT_CREATED_UTC);
	return get_le32(h + JOURNAL_AT_CRC) == block_crc(*ret_file_id, 0, h, JOURNAL_AT_CRC, NULL, 0);
}

/* As it would have been had its writer lived. */
static int publish_left(int dir_fd, const char *hidden, uint64_t file_id, int64_t created_ns)
{
	char name[64];

	make_name(created_ns, file_id, name);
	if (renameat2(dir_fd, hidden, dir_fd, name, RENAME_NOREPLACE) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(dir_fd) < 0 ? -errno : 0;
}

/* 1: this hidden file had no writer any more, nor was it stated; then it is gone. */
static int sweep_one(int dir_fd, const char *name, bool (*stated)(const void *ctx, uint64_t file_id),
		     const void *ctx)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;
	int64_t created_ns;
	uint64_t file_id;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	/* A name is used once: if its writer has published it meanwhile, there is nothing to unlink. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ? 0 : -errno;
	else if (stated && read_hidden(fd, &file_id, &created_ns) && stated(ctx, file_id))
		r = publish_left(dir_fd, name, file_id, created_ns);
	else
		r = unlinkat(dir_fd, name, 0) == 0 ? 1 : errno == ENOENT ? 0 : -errno;
	close(fd);
	return r;
}

int journal_sweep(int dir_fd, bool (*stated)(const void *ctx, uint64_t file_id), const void *ctx)
{
	char **names;
	size_t count;
	int swept = 0, r = fs_list_hidden(dir_fd, HIDDEN_PREFIX, HIDDEN_SUFFIX, &names, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r >= 0; i++) {
		r = sweep_one(dir_fd, names[i], stated, ctx);
		swept += r > 0;
	}
	fs_free_names(names, count);
	return r < 0 ? r : swept;
}

bool journal_any_hidden(int dir_fd)
{
	char **names;
	size_t count;

	if (fs_list_hidden(dir_fd, HIDDEN_PREFIX, HIDDEN_SUFFIX, &names, &count))
		return true; /* the sweep will say why */
	fs_free_names(names, count);
	return count > 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	if (j->hidden[0] && !j->kept)
		(void)unlinkat(j->dir_fd, j->hidden, 0);
	if (j->fd >= 0)
		close(j->fd);
	buffer_done(&j->raw);
	buffer_done(&j->frame);
	ZSTD_freeCCtx(j->zstd);
	free(j);
}

struct frame_head {
	uint8_t type;
	uint32_t entries, columns;
	uint64_t ring_end, first_boot_ns, last_boot_ns;
};

/* Completes the header of j->frame (whose payload is in place) and writes it. */
static int write_frame(struct journal *j, const struct frame_head *head, uint8_t coding)
{
	uint8_t *h = j->frame.data;
	size_t stored = j->frame.size - FRAME_HEADER_BYTES;
	int r;

	put_le32(h + FRAME_AT_MAGIC, JOURNAL_FRAME_MAGIC);
	h[FRAME_AT_TYPE] = head->type;
	h[FRAME_AT_CODING] = coding;
	put_le16(h + FRAME_AT_HEADER_SIZE, FRAME_HEADER_BYTES);
	put_le32(h + FRAME_AT_ENTRIES, head->entries);
	put_le32(h + FRAME_AT_RAW_BYTES, (uint32_t)j->raw.size);
	put_le32(h + FRAME_AT_STORED_BYTES, (uint32_t)stored);
	put_le32(h + FRAME_AT_COLUMNS, head->columns);
	put_le64(h + FRAME_AT_RING_END, head->ring_end);
	put_le64(h + FRAME_AT_FIRST_BOOT, head->first_boot_ns);
	put_le64(h + FRAME_AT_LAST_BOOT, head->last_boot_ns);
	put_le32(h + FRAME_AT_HEADER_CRC,
		 block_crc(j->file_id, j->size, h, FRAME_AT_HEADER_CRC, NULL, 0));
	put_le32(h + FRAME_AT_CRC, block_crc(j->file_id, j->size + FRAME_HEADER_BYTES, NULL, 0,
					     h + FRAME_HEADER_BYTES, stored));
	r = fs_write_all(j->fd, j->frame.data, j->frame.size);
	if (r < 0) {
		/* Only what this call wrote is taken back. */
		if (ftruncate(j->fd, (off_t)j->size) < 0)
			j->broken = true;
		return r;
	}
	j->size += j->frame.size;
	j->ring_end = head->ring_end;
	return 0;
}

/* Packs j->raw into a frame and appends it. */
static int append(struct journal *j, const struct frame_head *head)
{
	uint8_t coding = STORE_CODING_PLAIN;
	int r;

	if (j->broken)
		return -EPIPE;
	buffer_clear(&j->frame);
	if (!buffer_ok(&j->raw) || !buffer_extend(&j->frame, FRAME_HEADER_BYTES))
		return -ENOMEM;
	r = block_pack_with(j->zstd, j->raw.data, j->raw.size, ZSTD_LEVEL, &j->frame, &coding);
	return r < 0 ? r : write_frame(j, head, coding);
}

int journal_append_rows(struct journal *j, const struct record *rows, size_t count,
			uint64_t ring_end)
{
	struct frame_head head = { .type = FRAME_ROWS, .entries = (uint32_t)count,
				   .ring_end = ring_end, .first_boot_ns = UINT64_MAX };
	int r;

	if (count == 0 || count > JOURNAL_FRAME_ROWS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		uint64_t t = (uint64_t)rows[i].time_ns;

		head.first_boot_ns = t < head.first_boot_ns ? t : head.first_boot_ns;
		head.last_boot_ns = t > head.last_boot_ns ? t : head.last_boot_ns;
	}
	buffer_clear(&j->raw);
	for (const struct record_column *c = record_columns; c->id; c++) {
		size_t before = j->raw.size;

		if (record_planes_write(c, rows, count, (int64_t)head.first_boot_ns, &j->raw))
			head.columns |= 1u << c->id;
		else if (buffer_ok(&j->raw))
			j->raw.size = before;
	}
	r = append(j, &head);
	if (r == 0)
		j->rows += count;
	return r;
}

int journal_append_anchor(struct journal *j, const struct anchor *a)
{
	struct frame_head head = { .type = FRAME_ANCHORS, .entries = 1, .ring_end = j->ring_end,
				   .first_boot_ns = a->boot_ns, .last_boot_ns = a->boot_ns };

	buffer_clear(&j->raw);
	anchor_write(a, &j->raw);
	return append(j, &head);
}

int journal_append_gaps(struct journal *j, const struct gap *gaps, size_t count)
{
	struct frame_head head = { .type = FRAME_GAPS, .entries = (uint32_t)count,
				   .ring_end = j->ring_end };

	if (count == 0 || count > JOURNAL_FRAME_ROWS_MAX)
		return -EINVAL;
	buffer_clear(&j->raw);
	for (size_t i = 0; i < count; i++)
		gap_write(&gaps[i], &j->raw);
	return append(j, &head);
}

int journal_append_tenants(struct journal *j, const struct journal_tenant *tenants, size_t count)
{
	struct frame_head head = { .type = FRAME_TENANTS, .entries = (uint32_t)count,
				   .ring_end = j->ring_end };

	if (count > JOURNAL_FRAME_ROWS_MAX)
		return -EINVAL;
	buffer_clear(&j->raw);
	for (size_t i = 0; i < count; i++) {
		size_t length = strnlen(tenants[i].id, TENANT_ID_MAX);

		buffer_le32(&j->raw, tenants[i].number);
		buffer_le32(&j->raw, tenants[i].consent);
		buffer_u8(&j->raw, (uint8_t)length);
		buffer_bytes(&j->raw, tenants[i].id, length);
	}
	return append(j, &head);
}

int journal_append_custody(struct journal *j, const char *reason)
{
	struct frame_head head = { .type = FRAME_CUSTODY, .entries = 1, .ring_end = j->ring_end };
	size_t size = strlen(reason);

	if (!size || size > SECTION_CUSTODY_MAX || !text_is_plain(reason, size))
		return -EINVAL;
	buffer_clear(&j->raw);
	buffer_bytes(&j->raw, reason, size);
	return append(j, &head);
}

const char *journal_name(const struct journal *j)
{
	return j->name;
}

uint64_t journal_size(const struct journal *j)
{
	return j->size;
}

uint64_t journal_rows(const struct journal *j)
{
	return j->rows;
}

uint64_t journal_file_id(const struct journal *j)
{
	return j->file_id;
}

int journal_dup_fd(const struct journal *j)
{
	int fd = fcntl(j->fd, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? -errno : fd;
}
