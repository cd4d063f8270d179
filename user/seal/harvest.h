/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of a journal on their way to sections: converted to UTC and told apart
 * by tenant and UTC day. A journal is taken in ranges of frames, so that memory is
 * bounded whatever its size. Where a range or a section ends depends on the journal
 * alone: a repeated run makes the same sections.
 */
#ifndef SEKISHO_HARVEST_H
#define SEKISHO_HARVEST_H

#include "base/problem.h"
#include "journal/journal_reader.h"
#include "leave_out.h"
#include "segment/row.h"

/*
 * Rows of a range; some 40 bytes each. With them go the endpoints (up to 90 MiB), and for the section that is
 * being made the sorter and the coded bytes (up to 200 MiB): 512 MiB in all (tests/proof/seal_memory.sh).
 */
#define HARVEST_ROWS_MAX 4000000
/* A journal of many small frames has an index that takes from the rows' room; these are always had. */
#define HARVEST_ROWS_MIN 500000

#define HARVEST_GUESSES 8

struct harvest_group {
	uint32_t tenant;
	int32_t day;
	uint32_t rows; /* in the present range */
	uint32_t runs; /* sections made of it so far; the caller counts */
	bool later; /* the rows from a withdrawal with erasure on; those before it are another group */
	bool leave; /* its rows are not to be sealed: harvest_list() passes over it */
	uint64_t left_out; /* so many were left out, in all ranges */
	/* Private: the times it takes; where its rows begin and end; guesses at the next row's endpoint. */
	int64_t first_ns, last_ns;
	uint32_t first_chunk, last_chunk;
	uint32_t guesses[HARVEST_GUESSES];
};

struct harvest;

/* The reader stays the caller's and must outlive it. rows_max 0: what the bounds above give. NULL: no
 * memory. */
struct harvest *harvest_new(struct journal_reader *r, size_t rows_max);
void harvest_free(struct harvest *h);
/* As a new one for another journal, in the room that it has: new memory costs as much as sorting does. */
void harvest_begin(struct harvest *h, struct journal_reader *r, size_t rows_max);
/* Before the first range; borrowed. Without this nothing is left out. */
void harvest_leave_out(struct harvest *h, const struct leave_out *leave_out);

/*
 * Loads the next range. 1; 0 when the journal is at its end; negative errno and *p. Rows of a tenant that
 * no frame names are left out of a damaged journal (they are part of the damage) and make a whole one
 * -EBADMSG.
 */
int harvest_load(struct harvest *h, struct problem *p);

/* All groups so far, in the order they were met; some have no rows in this range. */
size_t harvest_group_count(const struct harvest *h);
struct harvest_group *harvest_group(struct harvest *h, size_t i);

/* The groups with rows in this range, by tenant and day. Caller frees. 0 or -ENOMEM. */
int harvest_list(const struct harvest *h, uint32_t **ret_list, size_t *ret_count);

/*
 * Rows of group i from its `from`-th on, sorted for one section: at most SECTION_ROWS_MAX, with at most
 * SECTION_ENDPOINTS_MAX endpoints. *ret_rows is valid until the next call. 0 or -ENOMEM.
 */
int harvest_rows(struct harvest *h, size_t i, uint32_t from, const struct row **ret_rows,
		 uint32_t *ret_count);
/* What the rows' endpoints mean. */
const struct endpoint *harvest_endpoints(const struct harvest *h, size_t *ret_count);

#endif
