// SPDX-License-Identifier: BSD-2-Clause
/* Checking every checksum of a store. */
#include <errno.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>
#include "base/fs.h"
#include "journal/journal_reader.h"
#include "ledger/consent.h"
#include "schema/journal.h"
#include "segment/section_reader.h"
#include "verify.h"

struct verify {
	const struct store_dir *store;
	struct verify_facts facts;
	void (*progress)(void *ctx, const char *file);
	void *ctx;
	struct problem *p;
};

static void tell(struct verify *v, const char *file)
{
	if (v->progress)
		v->progress(v->ctx, file);
}

static void bad_at(struct verify *v, const char *file, uint64_t offset, const char *why)
{
	if (v->facts.bad++ == 0)
		problem(&v->facts.first_bad, 0, "%s offset %llu: %s", file,
			(unsigned long long)offset, why);
}

static void torn_at(struct verify *v, const char *file, uint64_t offset)
{
	if (v->facts.torn++ == 0)
		problem(&v->facts.first_torn, 0, "%s offset %llu", file, (unsigned long long)offset);
}

static void bad_file(struct verify *v, const struct problem *why)
{
	if (v->facts.bad++ == 0)
		v->facts.first_bad = *why;
}

/* Damage that is a fact of the file, as opposed to not being able to read it. */
static int is_damage(int error)
{
	return error == -EBADMSG || error == -ENODATA || error == -ENOTSUP || error == -EFBIG;
}

static int verify_journal(struct verify *v, const char *name)
{
	struct journal_reader r;
	struct problem why;
	char file[128];
	int error;

	snprintf(file, sizeof(file), "journal/%s", name);
	tell(v, file);
	error = journal_reader_open(v->store->journal, name, &r, &why);
	if (error == -ENOENT)
		return 0; /* sealed meanwhile */
	v->facts.journals++;
	if (is_damage(error)) {
		bad_file(v, &why);
		return 0;
	}
	if (error)
		return problem(v->p, error, "%s", why.text);
	v->facts.journal_frames_rows += r.frame_count;
	v->facts.journal_rows += r.rows;
	if (r.torn)
		torn_at(v, file, r.torn_at);
	if (r.damaged_bytes)
		bad_at(v, file, r.damaged_at, "frame fails its checksum");
	journal_reader_close(&r);
	return 0;
}

static int verify_segment(struct verify *v, int dir, const char *tenant, const char *name)
{
	struct segment_reader r;
	struct problem why;
	char file[160];
	uint32_t blocks = 0;
	uint64_t at = 0;
	int error;

	snprintf(file, sizeof(file), "segments/%s/%s", tenant, name);
	tell(v, file);
	error = segment_reader_open(dir, name, &r, &why);
	if (error == -ENOENT)
		return 0;
	v->facts.segments++;
	if (is_damage(error)) {
		struct problem placed;

		problem(&placed, 0, "segments/%s/%s", tenant, why.text);
		bad_file(v, &placed);
		return 0;
	}
	if (error)
		return problem(v->p, error, "segments/%s/%s", tenant, why.text);
	if (strcmp(r.tenant_id, tenant) != 0)
		bad_at(v, file, SEGMENT_AT_TENANT, "names another tenant than its directory");
	if (r.damaged_bytes)
		bad_at(v, file, r.damaged_at, "section fails its checksum");
	if (r.torn)
		torn_at(v, file, r.torn_at);
	for (size_t i = 0; i < r.section_count && !error; i++) {
		v->facts.sections++;
		v->facts.section_rows += r.sections[i].rows;
		error = section_check(&r, &r.sections[i], &blocks, &at);
		v->facts.blocks += blocks;
		if (is_damage(error)) {
			error = 0;
			if (section_superseded(dir, &r, &r.sections[i]))
				torn_at(v, file, r.sections[i].offset);
			else
				bad_at(v, file, at, "block fails its checksum");
		}
	}
	if (!error && r.closed) {
		error = segment_reader_check_trailer(&r);
		if (is_damage(error)) {
			error = 0;
			bad_at(v, file, r.trailer_at, "the trailer is not that of what stands before it");
		}
	}
	segment_reader_close(&r);
	return error ? problem(v->p, error, "%s: %s", file, strerror(-error)) : 0;
}

static int for_names(struct verify *v, int dir, const char *suffix, const char *tenant)
{
	char **names;
	size_t count;
	int error = fs_list(dir, suffix, &names, &count);

	if (error)
		return problem(v->p, error, "cannot list the store: %s", strerror(-error));
	for (size_t i = 0; i < count && !error; i++)
		error = tenant ? verify_segment(v, dir, tenant, names[i]) :
				 verify_journal(v, names[i]);
	fs_free_names(names, count);
	return error;
}

static int verify_segments(struct verify *v)
{
	char **tenants;
	size_t count;
	int error = fs_list_dirs(v->store->segments, &tenants, &count);

	if (error)
		return problem(v->p, error, "cannot list segments/: %s", strerror(-error));
	for (size_t i = 0; i < count && !error; i++) {
		int dir = fs_open_dir(v->store->segments, tenants[i], 0);

		if (dir < 0) {
			error = problem(v->p, dir, "cannot open segments/%s: %s", tenants[i],
					strerror(-dir));
			break;
		}
		error = for_names(v, dir, SEGMENT_SUFFIX, tenants[i]);
		close(dir);
	}
	fs_free_names(tenants, count);
	return error;
}

static int verify_ledger(struct verify *v)
{
	struct consents c;
	struct problem why;
	int error = consents_load(v->store->ledger, &c, &why);

	tell(v, "ledger/" CONSENT_FILE);
	if (is_damage(error)) {
		bad_file(v, &why);
		return 0;
	}
	if (error)
		return problem(v->p, error, "%s", why.text);
	if (c.torn)
		torn_at(v, "ledger/" CONSENT_FILE, 0);
	consents_done(&c);
	return 0;
}

int verify_run(const struct store_dir *store, struct verify_facts *ret_facts,
	       void (*progress)(void *ctx, const char *file), void *ctx, struct problem *p)
{
	struct verify v = { .store = store, .progress = progress, .ctx = ctx, .p = p };
	int error = for_names(&v, store->journal, JOURNAL_SUFFIX, NULL);

	if (!error)
		error = verify_segments(&v);
	if (!error)
		error = verify_ledger(&v);
	if (!error)
		*ret_facts = v.facts;
	return error;
}
