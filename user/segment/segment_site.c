// SPDX-License-Identifier: BSD-2-Clause
/* Looking over the parts of a day for the end of the last one. */
#include <errno.h>
#include <string.h>
#include "section_reader.h"
#include "segment_site.h"

#define PARTS_MAX 1000

/* Whether this part already has the section, whole: 1, 0 or negative errno. */
static int part_has(struct segment_reader *r, const struct segment_section *s, struct journal_ids *journals,
		    struct segment_place *ret_place)
{
	uint32_t blocks;
	uint64_t bad;

	for (size_t i = 0; i < r->section_count; i++) {
		const struct section *old = &r->sections[i];
		int error;

		error = journal_ids_add(journals, old->journal_id);
		if (error)
			return error;
		if (old->journal_id != s->journal_id || old->run != s->run)
			continue;
		error = section_check(r, old, &blocks, &bad);
		if (error == -EBADMSG)
			continue;
		*ret_place = (struct segment_place){
			.file_id = r->file_id,
			.offset = old->offset,
			.bytes = old->bytes,
			.part = r->part,
			.header_bytes = old->header_bytes,
			.fd = -1,
		};
		return error ? error : 1;
	}
	return 0;
}

int segment_site_find(int dir_fd, const struct segment_section *s, struct segment_site *site, struct problem *p)
{
	struct segment_reader r;
	struct problem why;
	char name[SEGMENT_NAME_MAX];
	uint32_t last = 0;

	for (uint32_t part = 1; part < PARTS_MAX; part++) {
		int error;

		segment_part_name(s->day, part, name);
		error = segment_reader_open(dir_fd, name, &r, &why);
		if (error == -ENOENT && part >= last) {
			error = segment_last_part(dir_fd, s->day, &last);
			if (error)
				return problem(p, error, "cannot look for the parts of %s: %s", name, strerror(-error));
			error = -ENOENT;
		}
		if (error == -ENOENT && part < last)
			continue; /* erased, and what came after it was not */
		if (error == -ENOENT) {
			if (!site->size)
				site->part = part; /* the last one is torn, closed or not there */
			return 0;
		}
		if (error == -EBADMSG || error == -ENODATA) {
			site->size = 0; /* unreadable: stays as it is, the day goes on behind it */
			continue;
		}
		if (error)
			return problem(p, error, "%s", why.text);
		site->part = part;
		site->file_id = r.file_id;
		site->size = r.torn || r.damaged_bytes || r.closed ? 0 : r.size;
		memcpy(site->secret, r.secret, sizeof(site->secret));
		error = part_has(&r, s, &site->journals, &site->where);
		site->where.fd = -1;
		if (error > 0)
			site->size = r.size;
		segment_reader_close(&r);
		if (error < 0)
			return problem(p, error, "cannot read %s: %s", name, strerror(-error));
		if (error) {
			site->found = true;
			return 0;
		}
	}
	return problem(p, -EMFILE, "%s: more than %d parts", name, PARTS_MAX);
}
