/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An external sort: records of one size are added in any order and read back in
 * order, however many, within a fixed amount of memory. What does not fit goes as
 * sorted runs to an unlinked file of mode 0600 and is merged while reading
 * (Knuth, The Art of Computer Programming, vol. 3, section 5.4).
 */
#ifndef SEKISHO_SPOOL_H
#define SEKISHO_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

struct spool_kind {
	size_t record_bytes;
	size_t memory_bytes; /* of the buffer; sorting takes up to as much again */
	int (*compare)(const void *a, const void *b); /* a total order of all that is told apart */
	void (*combine)(void *into, const void *equal); /* makes one of two that compare equal; NULL keeps both */
};

/* dir_fd (borrowed): where the file is made, when one is needed. 0 or -ENOMEM. */
int spool_new(const struct spool_kind *kind, int dir_fd, struct spool **ret_spool);
void spool_free(struct spool *s);

/* 0, -ENOMEM, or an I/O error of the file; not after spool_sort(). */
int spool_add(struct spool *s, const void *record);
uint64_t spool_count(const struct spool *s); /* records added */

/* Ends the adding; reading begins with the least record. 0, -ENOMEM or an I/O error. */
int spool_sort(struct spool *s);
/* 1 and the next record; 0 at the end; or an I/O error. */
int spool_next(struct spool *s, void *ret_record);
/* Reading begins anew. */
int spool_rewind(struct spool *s);
bool spool_spilled(const struct spool *s); /* a file was needed */

#endif
