/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a sealing run knows of the files that it left: where they end, and sections of which journals stand in
 * them. So the next journal's sections are appended without walking all that is there. It holds while the
 * file is the same, as long and unchanged; else it is walked as ever.
 */
#ifndef SEKISHO_SEGMENT_TAIL_H
#define SEKISHO_SEGMENT_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Ids of journals. Zero-initialise. */
struct journal_ids {
	uint64_t *list;
	size_t count, capacity;
};
int journal_ids_add(struct journal_ids *ids, uint64_t id); /* 0 or -ENOMEM; each stands once */
bool journal_ids_has(const struct journal_ids *ids, uint64_t id);
void journal_ids_done(struct journal_ids *ids);

struct segment_tail {
	char tenant_id[65];
	int32_t day;
	uint32_t part; /* the last one */
	uint64_t file_id, size;
	uint8_t secret[32];
	struct journal_ids journals; /* in all parts */
	/* Private: the file as it was left. */
	dev_t device;
	ino_t inode;
	struct timespec changed;
};

/* Some thousand of them at most. Zero-initialise. */
struct segment_tails {
	struct segment_tail *list;
	size_t count, capacity, next;
};
void segment_tails_done(struct segment_tails *t);

/* Takes it out: *ret_tail is the caller's, segment_tail_done(). */
bool segment_tails_take(struct segment_tails *t, const char *tenant_id, int32_t day,
			struct segment_tail *ret_tail);
/* Whether the file is still as it was left. */
bool segment_tail_holds(const struct segment_tail *tail, int fd);
/* Puts it in as the file is now, all of it durable; takes over tail->journals, and may well forget it all. */
void segment_tails_put(struct segment_tails *t, struct segment_tail *tail, int fd);
void segment_tail_done(struct segment_tail *tail);

#endif
