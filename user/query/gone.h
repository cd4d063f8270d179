/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments that custody calls deleted: that they are not there is no damage, that they are there is. */
#ifndef SEKISHO_GONE_H
#define SEKISHO_GONE_H

#include "ledger/deletions.h"

struct gone_file {
	char tenant_id[TENANT_ID_MAX + 1];
	int32_t day;
	uint32_t part;
	uint64_t file_id; /* 0: its header did not read */
	uint64_t seq; /* of the line that says so */
};

struct gone {
	struct gone_file *list; /* ascending file_id, then seq */
	size_t count, capacity;
};

/* Errors as deletions_walk(). Undo with gone_done(). */
int gone_load(const struct store_dir *store, struct gone *ret_gone, struct problem *p);
void gone_done(struct gone *g);
/* What line of custody behind `after_seq` says that this segment was deleted; 0: none. */
uint64_t gone_find(const struct gone *g, const char *tenant_id, int32_t day, uint32_t part, uint64_t file_id,
		   uint64_t after_seq);

#endif
