// SPDX-License-Identifier: BSD-2-Clause
/* Trailers and imports against the lines of custody. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "ledger/custody.h"
#include "ledger/custody_files.h"
#include "verify_closed.h"

struct verify_file {
	uint64_t id; /* of the segment; of an import's journal */
	uint64_t offset; /* where the trailer begins or should; of the imported section */
	uint64_t bytes;
	const char *tenant; /* NULL: a journal */
	int32_t day;
	uint32_t part;
	char name[64]; /* of a journal */
	bool closed;
	uint8_t hash[LEDGER_HASH_BYTES]; /* of its trailer */
};

void verify_closed_init(struct verify_closed *c)
{
	pthread_mutex_init(&c->lock, NULL);
}

void verify_closed_done(struct verify_closed *c)
{
	free(c->files);
	free(c->imports);
	pthread_mutex_destroy(&c->lock);
}

static int add_file(struct verify_closed *c, const struct verify_file *f)
{
	int error;

	pthread_mutex_lock(&c->lock);
	error = ARRAY_RESERVE(c->files, c->count, c->capacity);
	if (!error)
		c->files[c->count++] = *f;
	pthread_mutex_unlock(&c->lock);
	return error;
}

static int add_import(struct verify_closed *c, const struct verify_file *f)
{
	int error;

	pthread_mutex_lock(&c->lock);
	error = ARRAY_RESERVE(c->imports, c->import_count, c->import_capacity);
	if (!error)
		c->imports[c->import_count++] = *f;
	pthread_mutex_unlock(&c->lock);
	return error;
}

int verify_closed_see(struct verify_closed *c, const char *tenant, struct segment_reader *r)
{
	struct verify_file f = { .id = r->file_id, .offset = r->closed ? r->trailer_at : r->size,
				 .bytes = r->size, .tenant = tenant, .day = r->day, .part = r->part,
				 .closed = r->closed };
	int error = r->closed ? custody_hash(r->fd, r->trailer_at, TRAILER_BYTES, f.hash) : 0;

	if (!error)
		error = add_file(c, &f);
	for (size_t i = 0; i < r->section_count && !error; i++) {
		if (!r->sections[i].imported)
			continue;
		f.id = r->sections[i].journal_id;
		f.offset = r->sections[i].offset;
		error = add_import(c, &f);
	}
	return error;
}

int verify_closed_see_journal(struct verify_closed *c, const struct journal_reader *r)
{
	struct verify_file f = { .id = r->file_id };

	if (r->ring_id) /* recorded here */
		return 0;
	snprintf(f.name, sizeof(f.name), "%s", r->name);
	return add_import(c, &f);
}

struct checking {
	struct verify_closed *c;
	struct verify_facts *facts;
	uint64_t from_seq;
	struct custody_ids imports;
	bool any; /* custody speaks of files */
};

static void report(struct verify_facts *facts, const struct verify_file *f, const char *what)
{
	char name[SEGMENT_NAME_MAX];

	if (facts->bad++)
		return;
	if (!f->tenant) {
		problem(&facts->first_bad, 0, "journal/%s: %s", f->name, what);
		return;
	}
	segment_part_name(f->day, f->part, name);
	problem(&facts->first_bad, 0, "segments/%s/%s offset %llu: %s", f->tenant, name,
		(unsigned long long)f->offset, what);
}

static int compare_files(const void *a, const void *b)
{
	const struct verify_file *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int compare_closed(void *ctx, uint64_t seq, const struct custody_closed *s)
{
	struct checking *k = ctx;
	struct verify_file key = { .id = s->file_id }, *f = NULL;
	char what[120];

	k->any = true;
	if (k->c->count)
		f = bsearch(&key, k->c->files, k->c->count, sizeof(key), compare_files);
	/* Another file in its place: its sections are not where custody says. */
	if (!f || (!f->closed && seq > k->from_seq))
		return 0;
	if (f->closed && f->bytes == s->bytes && memcmp(f->hash, s->hash, sizeof(f->hash)) == 0)
		return 0;
	snprintf(what, sizeof(what), "%s (ledger/%s line %llu)",
		 f->closed ? "not the trailer that was written" : "its trailer was cut off",
		 chain_file_name(LEDGER_CUSTODY), (unsigned long long)seq);
	report(k->facts, f, what);
	return 0;
}

static int note_import(void *ctx, uint64_t seq, const struct custody_import *import)
{
	struct checking *k = ctx;

	(void)seq;
	k->any = true;
	return custody_ids_add(&k->imports, import->journal_id);
}

int verify_closed_check(struct verify_closed *c, const struct store_dir *store, uint64_t from_seq,
			struct verify_facts *facts, struct problem *p)
{
	struct checking k = { .c = c, .facts = facts, .from_seq = from_seq };
	const struct custody_files_reader reader = { .closed = compare_closed, .imported = note_import, .ctx = &k };
	struct verify_facts before = *facts;
	int error;

	if (c->count)
		qsort(c->files, c->count, sizeof(*c->files), compare_files);
	error = custody_files_walk(store, &reader, p);
	if (error)
		*facts = before;
	custody_ids_sort(&k.imports);
	/* Where custody does not speak of the store this is a copy of segments alone. */
	for (size_t i = 0; i < c->import_count && !error && (k.any || !facts->no_custody); i++)
		if (!custody_ids_have(&k.imports, c->imports[i].id))
			report(facts, &c->imports[i], "imported, and custody knows no such import");
	custody_ids_done(&k.imports);
	return error;
}
