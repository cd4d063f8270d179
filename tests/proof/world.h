/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small store of which everything is known: each file as a list of objects
 * (header, frames; sections, blocks, trailer), each row with the objects that
 * it needs to be found.
 */
#ifndef SEKISHO_PROOF_WORLD_H
#define SEKISHO_PROOF_WORLD_H

#include "proof.h"

#define WORLD_FILES_MAX 8
#define NEEDS_MAX 3

enum object_kind {
	OBJECT_HEAD,
	OBJECT_TENANTS,
	OBJECT_ROWS,
	OBJECT_OTHER, /* a frame of anchors or gaps */
	OBJECT_SECTION,
	OBJECT_BLOCK,
	OBJECT_TRAILER,
};

struct object {
	enum object_kind kind;
	uint64_t at, bytes;
};

struct model {
	int dir;
	char name[64];
	char said[128]; /* "segments/t1/2026-03-10.sks": how verify names it */
	uint8_t *bytes;
	size_t size;
	struct object *objects; /* in the order of the file, without holes */
	size_t count, capacity;
};

struct held {
	char tenant[8];
	struct record row; /* UTC */
	const struct model *file;
	size_t needs[NEEDS_MAX]; /* objects of that file */
};

struct world {
	struct store_dir store;
	int t1, t2; /* directories of tenants */
	struct model files[WORLD_FILES_MAX]; /* 0: the journal, then segments */
	size_t file_count;
	struct held *rows;
	size_t row_count, row_capacity;
};

/* In the directory of the test: a journal with gaps, closes, rows of two tenants and both families; of t1 a
 * closed part with an imported section, one of gaps alone and several blocks, and a part behind it; of t2 a
 * segment without trailer. Checks that search and verify agree with it. */
void world_make(struct world *w);
void world_free(struct world *w);

/* What is to be found when objects of one file are lost (lost[i]: object i of m). */
void world_without(const struct world *w, const struct model *m, const bool *lost, struct conns *ret_conns);

/* Row `serial` of a tenant, a different connection for each serial; the third kind of a source, IPv6, original
 * destinations and round-trip times among them. */
struct record world_row(unsigned int serial, uint32_t tenant, int64_t time_ns);
/* The end of that connection. */
struct record world_close(const struct record *opening, int64_t lasted_ns);

#endif
