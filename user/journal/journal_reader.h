/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a journal file, live or left behind. Opening walks all frames once,
 * checks every checksum and keeps an index of the good ones; bytes that are not
 * a good frame are facts in the reader, never an error by themselves. The file
 * is never changed.
 */
#ifndef SEKISHO_JOURNAL_READER_H
#define SEKISHO_JOURNAL_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/anchor.h"
#include "base/gap.h"
#include "base/problem.h"
#include "base/record.h"
#include "journal.h"
#include "journal_frame.h"

struct journal_row_frame {
	uint64_t offset;
	uint64_t first_boot_ns, last_boot_ns;
	uint32_t bytes; /* with its header */
	uint32_t rows;
	bool has_lasted; /* some row is of kind CLOSE */
};

struct journal_reader {
	int fd;
	char name[64];
	uint64_t size; /* when it was opened; a live file grows */
	uint64_t file_id, ring_id, ring_start; /* ring_id 0: imported; boot times are UTC */
	uint64_t ring_end; /* after the last good frame */
	int64_t created_utc_ns;
	uint64_t created_boot_ns;
	int64_t last_utc_ns; /* the latest time any good frame speaks of */
	uint8_t rung;
	struct journal_row_frame *frames;
	size_t frame_count, frame_capacity;
	uint64_t rows;
	struct anchors anchors;
	struct gaps gaps;
	struct journal_tenant *tenants; /* each (number, consent) once */
	size_t tenant_count, tenant_capacity;
	uint32_t *tenant_slots, tenant_slot_count; /* private: hash table of numbers, 1 + index */
	char *custody; /* the reason of an import; NULL without */
	bool torn; /* the file ends inside a frame: an append that was cut off */
	uint64_t torn_at;
	uint64_t damaged_bytes; /* bytes that should be frames and fail their checksum */
	uint64_t damaged_at; /* offset of the first */
};

/* -ENOENT; -EBADMSG and *p when the header itself is not a readable journal; -ENOTSUP when it is of
 * a later version; -ENODATA when it is shorter than a header. Undo with journal_reader_close(). */
int journal_reader_open(int dir_fd, const char *name, struct journal_reader *ret_reader,
			struct problem *p);
void journal_reader_close(struct journal_reader *r);

/* When it was created, from its header alone. 0, or as journal_reader_open(). */
int journal_created(int dir_fd, const char *name, int64_t *ret_utc_ns);

/* Decodes one row frame into rows[0..frames[i].rows-1] (times stay CLOCK_BOOTTIME). */
int journal_reader_rows(struct journal_reader *r, size_t i, struct record *rows);

/* The same frame for journal_frame_next(): room that is kept from frame to frame. */
int journal_reader_frame(const struct journal_reader *r, size_t i, struct journal_frame *f);

/* Opaque id of a tenant number, or NULL. */
const char *journal_reader_tenant(const struct journal_reader *r, uint32_t number);

#endif
