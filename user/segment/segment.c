// SPDX-License-Identifier: BSD-2-Clause
/* Appending sections to the segment of a tenant's day. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/block.h"
#include "base/fs.h"
#include "base/scan.h"
#include "base/utc.h"
#include "section_reader.h"
#include "section_writer.h"
#include "segment.h"

#define PARTS_MAX 1000

/* Whether this part already has the section, whole: 1, 0 or negative errno. */
static int part_has(struct segment_reader *r, const struct segment_section *s,
		    struct segment_place *ret_place)
{
	uint32_t blocks;
	uint64_t bad;

	for (size_t i = 0; i < r->section_count; i++) {
		const struct section *old = &r->sections[i];

		if (old->journal_id == s->journal_id && old->run == s->run) {
			int error = section_check(r, old, &blocks, &bad);

			if (error == -EBADMSG)
				continue;
			*ret_place = (struct segment_place){
				.file_id = r->file_id,
				.offset = old->offset,
				.bytes = old->bytes,
				.part = r->part,
				.header_bytes = old->header_bytes,
			};
			return error ? error : 1;
		}
	}
	return 0;
}

/* The part to append to. `found`: the section is there. `size` 0: the part is to be made. */
struct place {
	uint32_t part;
	uint64_t file_id, size;
	uint8_t secret[32];
	bool found;
	struct segment_place where; /* if found */
};

static int find_place(int dir_fd, const struct segment_section *s, struct place *ret_place,
		      struct problem *p)
{
	struct place place = { .part = 1 };
	struct segment_reader r;
	struct problem why;
	char name[SEGMENT_NAME_MAX];

	for (uint32_t part = 1; part < PARTS_MAX; part++) {
		int error;

		segment_part_name(s->day, part, name);
		error = segment_reader_open(dir_fd, name, &r, &why);
		if (error == -ENOENT) {
			if (!place.size)
				place.part = part; /* the last one is torn, closed or not there */
			*ret_place = place;
			return 0;
		}
		if (error == -EBADMSG || error == -ENODATA) {
			place.size = 0; /* unreadable: stays as it is, the day goes on behind it */
			continue;
		}
		if (error)
			return problem(p, error, "%s", why.text);
		place.part = part;
		place.file_id = r.file_id;
		place.size = r.torn || r.damaged_bytes || r.closed ? 0 : r.size;
		memcpy(place.secret, r.secret, sizeof(place.secret));
		error = part_has(&r, s, &place.where);
		segment_reader_close(&r);
		if (error < 0)
			return problem(p, error, "cannot read %s: %s", name, strerror(-error));
		if (error) {
			place.found = true;
			*ret_place = place;
			return 0;
		}
	}
	return problem(p, -EMFILE, "%s: more than %d parts", name, PARTS_MAX);
}

static int fill_file_header(const struct segment_section *s, struct place *place, struct buffer *out)
{
	size_t id_bytes = strlen(s->tenant_id), size = SEGMENT_HEADER_BYTES + id_bytes;
	uint8_t *h = buffer_extend(out, size);

	if (!h)
		return -ENOMEM;
	if (getrandom(&place->file_id, sizeof(place->file_id), 0) != sizeof(place->file_id) ||
	    getrandom(place->secret, sizeof(place->secret), 0) != sizeof(place->secret))
		return -EIO;
	memcpy(h + SEGMENT_AT_MAGIC, SEGMENT_MAGIC, 8);
	put_le16(h + SEGMENT_AT_VERSION, SEGMENT_VERSION);
	put_le16(h + SEGMENT_AT_HEADER_SIZE, (uint16_t)size);
	put_le32(h + SEGMENT_AT_DAY, (uint32_t)s->day);
	put_le64(h + SEGMENT_AT_FILE_ID, place->file_id);
	put_le32(h + SEGMENT_AT_PART, place->part);
	memcpy(h + SEGMENT_AT_SECRET, place->secret, sizeof(place->secret));
	memcpy(h + SEGMENT_AT_TENANT, s->tenant_id, id_bytes);
	put_le32(h + SEGMENT_AT_CRC,
		 block_crc(place->file_id, 0, h, SEGMENT_AT_CRC, h + SEGMENT_AT_SECRET,
			   size - SEGMENT_AT_SECRET));
	return 0;
}

static int append_bytes(int dir_fd, const char *name, uint64_t size, const struct buffer *bytes)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	int error;

	if (fd < 0)
		return -errno;
	error = fs_write_all(fd, bytes->data, bytes->size);
	if (!error && fdatasync(fd) < 0)
		error = -errno;
	/* Only what this call wrote is taken back; if that fails too, readers see a torn section. */
	if (error)
		(void)!ftruncate(fd, (off_t)size);
	close(fd);
	return error;
}

static int write_section(int dir_fd, const struct segment_section *s, struct place *place,
			 const char *name, struct segment_place *ret_place)
{
	struct buffer out = {};
	uint64_t offset = place->size;
	int error = 0;

	if (!place->size) {
		error = fill_file_header(s, place, &out);
		offset = out.size;
	}
	if (!error)
		error = section_write(s, place->file_id, offset, place->secret, &out, NULL);
	if (!error)
		*ret_place = (struct segment_place){
			.file_id = place->file_id,
			.offset = offset,
			.bytes = out.size - (offset - place->size),
			.part = place->part,
			.header_bytes = get_le32(out.data + (offset - place->size) +
						 SECTION_AT_HEADER_SIZE),
		};
	if (!error)
		error = place->size ? append_bytes(dir_fd, name, place->size, &out) :
				      fs_publish(dir_fd, name, out.data, out.size);
	buffer_done(&out);
	return error;
}

/* What stands there was perhaps only written: a run that was killed before its fsync leaves that behind. */
static int make_durable(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int error;

	if (fd < 0)
		return -errno;
	error = fsync(fd) < 0 || fsync(dir_fd) < 0 ? -errno : 0;
	close(fd);
	return error;
}

int segment_append(int dir_fd, const struct segment_section *s, struct segment_place *ret_place,
		   struct problem *p)
{
	struct segment_place where;
	struct place place = {};
	char name[SEGMENT_NAME_MAX];
	int error = find_place(dir_fd, s, &place, p);

	if (error)
		return error;
	segment_part_name(s->day, place.part, name);
	if (place.found) {
		error = make_durable(dir_fd, name);
		if (error)
			return problem(p, error, "cannot sync segments/%s/%s: %s", s->tenant_id, name,
				       strerror(-error));
		*ret_place = place.where;
		return 0;
	}
	error = write_section(dir_fd, s, &place, name, &where);
	if (error)
		return problem(p, error, "cannot write segments/%s/%s: %s", s->tenant_id, name,
			       strerror(-error));
	*ret_place = where;
	return 1;
}

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
		error = append_bytes(dir_fd, r->name, r->size, &out);
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
	int done = 0;

	for (uint32_t part = 1; part < PARTS_MAX; part++) {
		int state;

		segment_part_name(day, part, name);
		state = segment_is_closed(dir_fd, name);
		if (state == -ENOENT)
			break;
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
