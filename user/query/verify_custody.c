// SPDX-License-Identifier: BSD-2-Clause
/* Sections against the lines of custody. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/fs.h"
#include "base/utc.h"
#include "journal/journal_reader.h"
#include "gone.h"
#include "ledger/chain_tail.h"
#include "ledger/custody.h"
#include "ledger/holds.h"
#include "schema/journal.h"
#include "verify_custody.h"

struct verify_seen {
	uint64_t file_id, offset, bytes, journal_id;
	const char *tenant;
	int32_t day;
	uint32_t part;
	uint8_t hash[LEDGER_HASH_BYTES];
	bool known;
};

int verify_custody_begin(struct verify_custody *c, const struct store_dir *store, struct problem *p)
{
	struct chain_tail tail;
	int error = chain_tail(store->ledger, LEDGER_CUSTODY, &tail, p);

	pthread_mutex_init(&c->lock, NULL);
	if (error == -EBADMSG)
		return 0; /* said when it is walked */
	if (error)
		return error;
	c->from_seq = tail.end.seq;
	chain_tail_done(&tail);
	return 0;
}

void verify_custody_done(struct verify_custody *c)
{
	fs_free_names(c->bad_files, c->bad_count);
	free(c->seen);
	pthread_mutex_destroy(&c->lock);
}

int verify_custody_see(struct verify_custody *c, const char *tenant, struct segment_reader *r,
		       const struct section *s)
{
	struct verify_seen seen = { .file_id = r->file_id, .offset = s->offset, .bytes = s->bytes,
				    .journal_id = s->journal_id, .tenant = tenant, .day = r->day,
				    .part = r->part };
	int error = custody_hash(r->fd, s->offset, s->bytes, seen.hash);

	if (error)
		return error;
	pthread_mutex_lock(&c->lock);
	error = ARRAY_RESERVE(c->seen, c->count, c->capacity);
	if (!error)
		c->seen[c->count++] = seen;
	pthread_mutex_unlock(&c->lock);
	return error;
}

int verify_custody_skip(struct verify_custody *c, const char *path)
{
	char *copy = strdup(path);
	int error = copy ? 0 : -ENOMEM;

	pthread_mutex_lock(&c->lock);
	if (!error)
		error = ARRAY_RESERVE(c->bad_files, c->bad_count, c->bad_capacity);
	if (!error)
		c->bad_files[c->bad_count++] = copy;
	pthread_mutex_unlock(&c->lock);
	if (error)
		free(copy);
	return error;
}

static int compare_seen(const void *a, const void *b)
{
	const struct verify_seen *x = a, *y = b;

	if (x->file_id != y->file_id)
		return x->file_id < y->file_id ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return 0;
}

static void path_of(const char *tenant, int32_t day, uint32_t part, char path[static 160])
{
	char name[SEGMENT_NAME_MAX];

	segment_part_name(day, part, name);
	snprintf(path, 160, "segments/%s/%s", tenant, name);
}

struct checking {
	struct verify_custody *c;
	struct verify_facts *facts;
	uint64_t lines; /* sections that custody speaks of */
	struct gone gone;
	struct holds holds;
	int64_t now_ns;
};

static bool is_skipped(const struct verify_custody *c, const char *path)
{
	for (size_t i = 0; i < c->bad_count; i++)
		if (strcmp(c->bad_files[i], path) == 0)
			return true;
	return false;
}

static void report(struct verify_facts *facts, const char *path, uint64_t offset, const char *what, uint64_t seq)
{
	if (facts->bad++ == 0)
		problem(&facts->first_bad, 0, "%s offset %llu: %s (ledger/%s line %llu)", path,
			(unsigned long long)offset, what, chain_file_name(LEDGER_CUSTODY),
			(unsigned long long)seq);
}

/* A hold that was set between the tombstone of a killed run and the next one keeps what is still there. */
static void check_undeleted(const struct checking *k, const struct custody_section *s, uint64_t seq)
{
	uint64_t gone = gone_find(&k->gone, s->tenant_id, s->day, s->part, s->file_id, seq);
	char path[160];

	if (!gone || gone > k->c->from_seq || holds_find(&k->holds, s->tenant_id, s->day, k->now_ns))
		return;
	path_of(s->tenant_id, s->day, s->part, path);
	report(k->facts, path, s->offset, "was deleted, and is there", gone);
}

static int compare_line(void *ctx, uint64_t seq, const struct custody_section *s)
{
	struct checking *k = ctx;
	struct verify_seen key = { .file_id = s->file_id, .offset = s->offset }, *seen = NULL;
	char path[160];
	bool same;

	k->lines++;
	if (k->c->count)
		seen = bsearch(&key, k->c->seen, k->c->count, sizeof(key), compare_seen);
	same = seen && seen->bytes == s->bytes && seen->day == s->day && seen->part == s->part &&
	       strcmp(seen->tenant, s->tenant_id) == 0 && memcmp(seen->hash, s->hash, sizeof(s->hash)) == 0;
	if (same) {
		if (!seen->known)
			check_undeleted(k, s, seq);
		k->facts->sealed += !seen->known;
		seen->known = true;
		return 0;
	}
	if (!seen && gone_find(&k->gone, s->tenant_id, s->day, s->part, s->file_id, seq)) {
		k->facts->deleted++;
		return 0;
	}
	path_of(s->tenant_id, s->day, s->part, path);
	/* Sealed after the files were read: the next run will see it. */
	if (!seen && (seq > k->c->from_seq || is_skipped(k->c, path)))
		return 0;
	if (seen)
		seen->known = true;
	report(k->facts, path, s->offset, seen ? "not what was sealed" : "what was sealed is not there", seq);
	return 0;
}

/* The journals that are still there. Caller frees. */
static int journal_ids(const struct store_dir *store, uint64_t **ret_ids, size_t *ret_count)
{
	char **names;
	size_t count, n = 0;
	uint64_t *ids;
	int error = fs_list(store->journal, JOURNAL_SUFFIX, &names, &count);

	if (error)
		return error;
	ids = calloc(count + 1, sizeof(*ids));
	for (size_t i = 0; ids && i < count; i++) {
		struct journal_reader r;
		struct problem ignored;

		if (journal_reader_open(store->journal, names[i], &r, &ignored))
			continue;
		ids[n++] = r.file_id;
		journal_reader_close(&r);
	}
	fs_free_names(names, count);
	*ret_ids = ids;
	*ret_count = n;
	return ids ? 0 : -ENOMEM;
}

static void report_unknown(const struct verify_custody *c, const uint64_t *ids, size_t id_count,
			   struct verify_facts *facts)
{
	char path[160];

	for (size_t i = 0; i < c->count; i++) {
		const struct verify_seen *s = &c->seen[i];
		bool waits = s->known;

		for (size_t k = 0; k < id_count && !waits; k++)
			waits = ids[k] == s->journal_id;
		path_of(s->tenant, s->day, s->part, path);
		if (!waits && !is_skipped(c, path) && facts->bad++ == 0)
			problem(&facts->first_bad, 0, "%s offset %llu: custody does not know this section", path,
				(unsigned long long)s->offset);
	}
}

int verify_custody_check(struct verify_custody *c, const struct store_dir *store, struct verify_facts *facts,
			 struct problem *p)
{
	struct checking k = { .c = c, .facts = facts, .now_ns = utc_now_ns() };
	struct verify_facts before = *facts;
	uint64_t *ids = NULL;
	size_t id_count;
	/* Journals before custody: one that is gone by now was stated there before it went. */
	int error = journal_ids(store, &ids, &id_count);

	if (error)
		return problem(p, error, "cannot list journal/: %s", strerror(-error));
	if (c->count)
		qsort(c->seen, c->count, sizeof(*c->seen), compare_seen);
	error = gone_load(store, &k.gone, p);
	if (!error)
		error = holds_load(store, &k.holds, p);
	if (!error)
		error = custody_walk(store, compare_line, &k, p);
	gone_done(&k.gone);
	holds_done(&k.holds);
	if (error)
		*facts = before;
	facts->no_custody = !error && !k.lines;
	if (!error && k.lines)
		report_unknown(c, ids, id_count, facts);
	free(ids);
	return error;
}
