/* SPDX-License-Identifier: BSD-2-Clause */
/* One journal on its way to sections: what seal.c and seal_gaps.c share. Functions: 0 or negative errno. */
#ifndef SEKISHO_SEAL_JOB_H
#define SEKISHO_SEAL_JOB_H

#include "catalog/catalog_add.h"
#include "harvest.h"
#include "journal/journal_reader.h"
#include "leave_out.h"
#include "ledger/custody.h"
#include "seal.h"
#include "segment/segment.h"

struct seal_job {
	const struct store_dir *store;
	struct journal_reader reader;
	struct harvest *harvest;
	struct clock_pieces clock; /* of the whole journal */
	struct gaps gaps; /* of the journal, with damage added */
	struct segment_batch *batch; /* the run's, empty between journals */
	struct custody_sealing custody; /* what the ledger is told of its sections */
	struct leave_out leave_out;
	struct catalog_add *catalog; /* of the days that it touches */
	int64_t span_from_ns, span_to_ns; /* what the journal speaks of */
	struct seal_result done;
	struct problem *p;
};

static inline bool seal_job_is_import(const struct journal_reader *r)
{
	return !r->ring_id;
}

/* A section of the day that states gaps alone. */
int seal_job_gaps_alone(struct seal_job *job, uint32_t tenant, int32_t day);

/* The journal's gaps, and one for bytes that could not be read, into job->gaps. */
int seal_gaps_load(struct seal_job *job);
/*
 * The part of each gap of this tenant that lies in the day. The count belongs to the gap's first
 * day; its continuation says "count unknown", so that a sum over days is right.
 */
int seal_gaps_clip(const struct seal_job *job, uint32_t tenant, int32_t day, struct gaps *out);
/* Gaps on days (or for tenants) that have no rows get sections of their own. */
int seal_gaps_rest(struct seal_job *job);

#endif
