// SPDX-License-Identifier: BSD-2-Clause
/* Appending sections, many to one wait for the disk. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/array.h"
#include "base/block.h"
#include "base/fs.h"
#include "section_prefix.h"
#include "section_reader.h"
#include "section_writer.h"
#include "segment.h"
#include "segment_site.h"

#define FILES_MAX 256
/* Of the descriptors that the process may have; each file can take two. */
#define DESCRIPTORS_SHARE 8
#define COPY_CHUNK (1u << 20)
/* Waiting for the disk together makes one commit and one flush of many. */
#define SYNC_THREADS_MAX 8
#define SYNC_THREAD_FILES 16 /* that one is worth it for */

struct batch_dir {
	int fd;
	char tenant_id[65];
	bool names; /* it has new ones */
};

struct batch_file {
	uint32_t dir; /* index */
	int fd;
	int32_t day;
	uint32_t part;
	char temporary[FS_TEMPORARY_MAX]; /* "": the file has its name */
	bool is_new, synced;
	int error; /* of its sync */
	uint64_t file_id;
	uint8_t secret[32];
	uint64_t before, size; /* bytes that other batches wrote; now */
	/* Of this journal nothing stood in the day before: its sections need not be looked for. */
	uint64_t journal_id;
	bool unknown_journal;
	struct journal_ids journals; /* that stood in the day before, when the one of this batch is unknown */
};

struct segment_batch {
	struct batch_dir *dirs;
	size_t dir_count, dir_capacity;
	struct batch_file *files;
	size_t file_count, file_capacity, files_max;
	struct segment_tails tails; /* of files that batches before left */
	struct section_room *room;
	struct buffer out;
};

struct segment_batch *segment_batch_new(void)
{
	struct segment_batch *b = calloc(1, sizeof(*b));
	struct rlimit limit;

	if (b)
		b->room = section_room_new();
	if (!b || !b->room) {
		free(b);
		return NULL;
	}
	b->files_max = FILES_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / DESCRIPTORS_SHARE < FILES_MAX)
		b->files_max = limit.rlim_cur / DESCRIPTORS_SHARE + 1;
	return b;
}

/* --- Files of the batch --- */

/* The same from what the last batch left, if it is still so and this journal has nothing there. */
static bool place_is_known(struct segment_batch *b, int dir_fd, const struct segment_section *s,
			   struct segment_site *site)
{
	char name[SEGMENT_NAME_MAX];
	struct segment_tail tail;
	int fd = -1;

	if (!segment_tails_take(&b->tails, s->tenant_id, s->day, &tail))
		return false;
	segment_part_name(s->day, tail.part, name);
	if (!journal_ids_has(&tail.journals, s->journal_id))
		fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || !segment_tail_holds(&tail, fd)) {
		if (fd >= 0)
			close(fd);
		segment_tail_done(&tail);
		return false;
	}
	*site = (struct segment_site){ .part = tail.part, .file_id = tail.file_id, .size = tail.size,
				 .journals = tail.journals, .fd = fd };
	memcpy(site->secret, tail.secret, sizeof(site->secret));
	return true;
}

static int find_place(struct segment_batch *b, int dir_fd, const struct segment_section *s,
		      struct segment_site *ret_site, struct problem *p)
{
	struct segment_site site = { .part = 1, .fd = -1 };
	int error = place_is_known(b, dir_fd, s, &site) ? 0 : segment_site_find(dir_fd, s, &site, p);

	if (error)
		journal_ids_done(&site.journals);
	else
		*ret_site = site;
	return error;
}

/* Sections come by tenant and day: the last ones are asked first. part 0: any. */
static struct batch_file *find_file(struct segment_batch *b, const struct segment_section *s, uint32_t part)
{
	for (size_t i = b->file_count; i-- > 0;) {
		struct batch_file *f = &b->files[i];

		if (f->day == s->day && (!part || f->part == part) &&
		    strcmp(b->dirs[f->dir].tenant_id, s->tenant_id) == 0)
			return f;
	}
	return NULL;
}

static int find_dir(struct segment_batch *b, int dir_fd, const char *tenant_id, uint32_t *ret_dir)
{
	struct batch_dir dir = {};

	for (size_t i = b->dir_count; i-- > 0;)
		if (strcmp(b->dirs[i].tenant_id, tenant_id) == 0) {
			*ret_dir = (uint32_t)i;
			return 0;
		}
	if (ARRAY_RESERVE(b->dirs, b->dir_count, b->dir_capacity))
		return -ENOMEM;
	strncpy(dir.tenant_id, tenant_id, sizeof(dir.tenant_id) - 1);
	dir.fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	if (dir.fd < 0)
		return -errno;
	*ret_dir = (uint32_t)b->dir_count;
	b->dirs[b->dir_count++] = dir;
	return 0;
}

/* A file that is there, or a new one under a name that no reader looks at. Takes over what the site holds. */
static int add_file(struct segment_batch *b, int dir_fd, const struct segment_section *s,
		    struct segment_site *site, struct batch_file **ret_file)
{
	struct batch_file f = {
		.day = s->day,
		.part = site->part,
		.is_new = !site->size,
		.file_id = site->file_id,
		.before = site->size,
		.size = site->size,
		.journal_id = s->journal_id,
		.unknown_journal = !journal_ids_has(&site->journals, s->journal_id),
	};
	char name[SEGMENT_NAME_MAX];
	int error;

	if (ARRAY_RESERVE(b->files, b->file_count, b->file_capacity))
		return -ENOMEM;
	error = find_dir(b, dir_fd, s->tenant_id, &f.dir);
	if (error)
		return error;
	memcpy(f.secret, site->secret, sizeof(f.secret));
	segment_part_name(s->day, site->part, name);
	if (site->fd >= 0)
		f.fd = site->fd;
	else
		f.fd = f.is_new ? fs_create_temporary(dir_fd, f.temporary) :
				  openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (f.fd < 0)
		return f.is_new ? f.fd : -errno;
	f.journals = site->journals;
	site->fd = -1;
	memset(&site->journals, 0, sizeof(site->journals));
	*ret_file = &b->files[b->file_count];
	b->files[b->file_count++] = f;
	return 0;
}

/* What is not durable goes. If that fails too it stays: see write_again(). */
static void undo(struct segment_batch *b, struct batch_file *f)
{
	char name[SEGMENT_NAME_MAX];

	segment_part_name(f->day, f->part, name);
	if (f->is_new)
		(void)!unlinkat(b->dirs[f->dir].fd, f->temporary[0] ? f->temporary : name, 0);
	else if (!f->synced && f->size != f->before)
		(void)!ftruncate(f->fd, (off_t)f->before);
}

static void forget(struct segment_batch *b)
{
	for (size_t i = 0; i < b->file_count; i++) {
		close(b->files[i].fd);
		journal_ids_done(&b->files[i].journals);
	}
	for (size_t i = 0; i < b->dir_count; i++)
		close(b->dirs[i].fd);
	b->file_count = b->dir_count = 0;
}

void segment_batch_drop(struct segment_batch *b)
{
	for (size_t i = 0; i < b->file_count; i++)
		undo(b, &b->files[i]);
	forget(b);
}

void segment_batch_free(struct segment_batch *b)
{
	if (!b)
		return;
	segment_batch_drop(b);
	free(b->files);
	free(b->dirs);
	segment_tails_done(&b->tails);
	section_room_free(b->room);
	buffer_done(&b->out);
	free(b);
}

/* --- Making durable --- */

/* The disk begins with all of them, so that waiting for the first is most of the waiting. */
static void start_writing(const struct segment_batch *b)
{
	for (size_t i = 0; i < b->file_count; i++)
		(void)!sync_file_range(b->files[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

struct sync_work {
	struct segment_batch *b;
	size_t next; /* file that nobody has taken */
};

static void *sync_files(void *arg)
{
	struct sync_work *work = arg;
	size_t i;

	while ((i = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED)) < work->b->file_count) {
		struct batch_file *f = &work->b->files[i];

		f->error = f->size && fdatasync(f->fd) < 0 ? -errno : 0;
		f->synced = !f->error;
	}
	return NULL;
}

/* As many threads as there are; the caller is one of them. */
static void sync_all(struct segment_batch *b)
{
	struct sync_work work = { .b = b };
	pthread_t threads[SYNC_THREADS_MAX];
	size_t wanted = b->file_count / SYNC_THREAD_FILES, count = 0;

	start_writing(b);
	while (count + 1 < wanted && count < SYNC_THREADS_MAX - 1 &&
	       pthread_create(&threads[count], NULL, sync_files, &work) == 0)
		count++;
	(void)sync_files(&work);
	for (size_t i = 0; i < count; i++)
		(void)pthread_join(threads[i], NULL);
}

static int publish(struct segment_batch *b, struct batch_file *f)
{
	struct batch_dir *dir = &b->dirs[f->dir];
	char name[SEGMENT_NAME_MAX];

	if (f->error || !f->temporary[0])
		return f->error;
	if (!f->size) { /* its first section failed */
		undo(b, f);
		return 0;
	}
	segment_part_name(f->day, f->part, name);
	if (renameat2(dir->fd, f->temporary, dir->fd, name, RENAME_NOREPLACE) < 0)
		return -errno;
	f->temporary[0] = '\0';
	dir->names = true;
	return 0;
}

/* Files of a directory that is synced are done with. */
static int sync_dir(struct segment_batch *b, uint32_t dir)
{
	if (!b->dirs[dir].names)
		return 0;
	if (fsync(b->dirs[dir].fd) < 0)
		return -errno;
	for (size_t i = 0; i < b->file_count; i++)
		if (b->files[i].dir == dir)
			b->files[i].is_new = false;
	return 0;
}

static int cannot(struct problem *p, int error, const char *what, const char *tenant_id, int32_t day,
		  uint32_t part)
{
	char name[SEGMENT_NAME_MAX];

	segment_part_name(day, part, name);
	return problem(p, error, "cannot %s segments/%s/%s: %s", what, tenant_id, name, strerror(-error));
}

/* What stands in the file now is what this batch put there. */
static void keep_tail(struct segment_batch *b, struct batch_file *f)
{
	struct segment_tail tail = { .day = f->day, .part = f->part, .file_id = f->file_id, .size = f->size };

	if (!f->unknown_journal || !f->size || journal_ids_add(&f->journals, f->journal_id))
		return;
	memcpy(tail.tenant_id, b->dirs[f->dir].tenant_id, sizeof(tail.tenant_id));
	memcpy(tail.secret, f->secret, sizeof(tail.secret));
	tail.journals = f->journals;
	memset(&f->journals, 0, sizeof(f->journals));
	segment_tails_put(&b->tails, &tail, f->fd);
}

int segment_batch_sync(struct segment_batch *b, struct problem *p)
{
	int error = 0;

	sync_all(b);
	for (size_t i = 0; i < b->file_count && !error; i++) {
		struct batch_file *f = &b->files[i];

		error = publish(b, f);
		if (error)
			cannot(p, error, "write", b->dirs[f->dir].tenant_id, f->day, f->part);
	}
	for (uint32_t i = 0; i < b->dir_count && !error; i++) {
		error = sync_dir(b, i);
		if (error)
			problem(p, error, "cannot sync segments/%s: %s", b->dirs[i].tenant_id,
				strerror(-error));
	}
	for (size_t i = 0; i < b->file_count && error; i++)
		undo(b, &b->files[i]);
	for (size_t i = 0; i < b->file_count && !error; i++)
		keep_tail(b, &b->files[i]);
	forget(b);
	return error;
}

/* --- Appending --- */

static int fill_file_header(const struct segment_section *s, struct batch_file *f, struct buffer *out)
{
	size_t id_bytes = strlen(s->tenant_id), size = SEGMENT_HEADER_BYTES + id_bytes;
	uint8_t *h = buffer_extend(out, size);

	if (!h)
		return -ENOMEM;
	if (getrandom(&f->file_id, sizeof(f->file_id), 0) != sizeof(f->file_id) ||
	    getrandom(f->secret, sizeof(f->secret), 0) != sizeof(f->secret))
		return -EIO;
	memcpy(h + SEGMENT_AT_MAGIC, SEGMENT_MAGIC, 8);
	put_le16(h + SEGMENT_AT_VERSION, SEGMENT_VERSION);
	put_le16(h + SEGMENT_AT_HEADER_SIZE, (uint16_t)size);
	put_le32(h + SEGMENT_AT_DAY, (uint32_t)s->day);
	put_le64(h + SEGMENT_AT_FILE_ID, f->file_id);
	put_le32(h + SEGMENT_AT_PART, f->part);
	memcpy(h + SEGMENT_AT_SECRET, f->secret, sizeof(f->secret));
	memcpy(h + SEGMENT_AT_TENANT, s->tenant_id, id_bytes);
	put_le32(h + SEGMENT_AT_CRC,
		 block_crc(f->file_id, 0, h, SEGMENT_AT_CRC, h + SEGMENT_AT_SECRET,
			   size - SEGMENT_AT_SECRET));
	return 0;
}

static int write_section(struct segment_batch *b, const struct segment_section *s, struct batch_file *f,
			 struct segment_place *ret_place)
{
	struct buffer *out = &b->out;
	uint64_t offset = f->size;
	int error = 0;

	out->size = 0;
	out->failed = false;
	if (!f->size) {
		error = fill_file_header(s, f, out);
		offset = out->size;
	}
	if (!error)
		error = section_write(b->room, s, f->file_id, offset, f->secret, out, NULL);
	if (error)
		return error;
	error = fs_pwrite_all(f->fd, out->data, out->size, (off_t)f->size);
	if (error) {
		/* Only what this call wrote is taken back; if that fails too, readers see a torn section. */
		(void)!ftruncate(f->fd, (off_t)f->size);
		f->unknown_journal = false; /* so that the file is looked at again */
		return error;
	}
	*ret_place = (struct segment_place){
		.file_id = f->file_id,
		.offset = offset,
		.bytes = out->size - (offset - f->size),
		.part = f->part,
		.header_bytes = section_prefix_header_size(out->data + (offset - f->size)),
		.fd = f->fd,
		.data = out->data + (offset - f->size),
	};
	f->size += out->size;
	return 0;
}

/*
 * A section that stands there was perhaps never written to the disk, and never would be: after a sync that
 * failed the kernel takes such pages for clean, and cutting it off can have failed as well, or the run was
 * killed before. So its bytes are written once more, and wait for the batch's sync as new ones do.
 */
static int write_again(const struct batch_file *f, const struct segment_place *where)
{
	size_t most = where->bytes < COPY_CHUNK ? where->bytes : COPY_CHUNK;
	uint8_t *chunk = malloc(most);
	int error = chunk ? 0 : -ENOMEM;

	for (uint64_t at = 0; at < where->bytes && !error; at += most) {
		size_t n = where->bytes - at < most ? where->bytes - at : most;

		error = fs_pread_all(f->fd, chunk, n, (off_t)(where->offset + at));
		if (!error)
			error = fs_pwrite_all(f->fd, chunk, n, (off_t)(where->offset + at));
	}
	free(chunk);
	return error;
}

static int append_to(struct segment_batch *b, const struct segment_section *s, struct batch_file *f,
		     struct segment_place *ret_place, struct problem *p)
{
	struct segment_place where;
	int error = write_section(b, s, f, &where);

	if (error)
		return cannot(p, error, "write", s->tenant_id, f->day, f->part);
	*ret_place = where;
	return 1;
}

/* The name too was perhaps never synced. */
static int take_found(struct segment_batch *b, const struct segment_section *s, const struct segment_site *site,
		      struct batch_file *f, struct segment_place *ret_place, struct problem *p)
{
	int error = write_again(f, &site->where);

	if (error)
		return cannot(p, error, "write", s->tenant_id, f->day, f->part);
	b->dirs[f->dir].names = true;
	*ret_place = site->where;
	ret_place->fd = f->fd;
	return 0;
}

/* The open file for what is to be written, or read again, there. */
static int file_for(struct segment_batch *b, int dir_fd, const struct segment_section *s, struct segment_site *site,
		    struct batch_file **ret_file, struct problem *p)
{
	int error;

	*ret_file = find_file(b, s, site->part);
	if (*ret_file)
		return 0;
	error = b->file_count < b->files_max ? 0 : segment_batch_sync(b, p);
	if (error)
		return error;
	error = add_file(b, dir_fd, s, site, ret_file);
	return error ? cannot(p, error, site->found ? "sync" : "write", s->tenant_id, s->day, site->part) : 0;
}

int segment_batch_append(struct segment_batch *b, int dir_fd, const struct segment_section *s,
			 struct segment_place *ret_place, struct problem *p)
{
	struct batch_file *f = find_file(b, s, 0);
	struct segment_site site = {};
	int result;

	if (f && f->unknown_journal && f->journal_id == s->journal_id)
		return append_to(b, s, f, ret_place, p);
	result = find_place(b, dir_fd, s, &site, p);
	if (result)
		return result;
	result = file_for(b, dir_fd, s, &site, &f, p);
	if (!result)
		result = site.found ? take_found(b, s, &site, f, ret_place, p) : append_to(b, s, f, ret_place, p);
	journal_ids_done(&site.journals);
	if (site.fd >= 0)
		close(site.fd);
	return result;
}

int segment_append(int dir_fd, const struct segment_section *s, struct segment_place *ret_place,
		   struct problem *p)
{
	struct segment_batch *b = segment_batch_new();
	struct segment_place place;
	int appended, error;

	if (!b)
		return problem(p, -ENOMEM, "out of memory");
	appended = segment_batch_append(b, dir_fd, s, &place, p);
	error = appended < 0 ? appended : segment_batch_sync(b, p);
	segment_batch_free(b);
	if (error)
		return error;
	place.fd = -1;
	place.data = NULL;
	*ret_place = place;
	return appended;
}
