// SPDX-License-Identifier: BSD-2-Clause
/* What a store holds after a fault or a power loss, and after a successor has sealed it. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "actors.h"
#include "faults.h"
#include "fixture.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "seal/seal.h"
#include "shadow.h"

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);

	return n >= k && strcmp(text + n - k, end) == 0;
}

bool faults_go_on(const struct faults *f)
{
	return ends_in(f->mode, "-on");
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct conn));
}

static bool holds(const struct conns *c, const struct conn *conn)
{
	return c->count && bsearch(conn, c->list, c->count, sizeof(*conn), compare);
}

void faults_check_rows(const struct faults *f, const struct conns *got, const struct conns *must,
		       const struct conns *may, const char *state)
{
	for (size_t i = 0; i < got->count; i++) {
		CHECK_ROW(i == 0 || compare(&got->list[i - 1], &got->list[i]) != 0, WHERE ": a row twice",
			  HERE(f, state));
		CHECK_ROW(holds(may, &got->list[i]), WHERE ": a row that was never written", HERE(f, state));
	}
	for (size_t i = 0; i < must->count; i++)
		CHECK_ROW(holds(got, &must->list[i]), WHERE ": a row is lost (port %u)", HERE(f, state),
			  must->list[i].record.src_port);
}

void faults_check_answer(const struct faults *f, const struct store_dir *store, const struct conns *must,
			 bool sealed, const char *state)
{
	struct found found;
	struct verdict v;

	found_all(store, &found);
	faults_check_rows(f, &found.conns, must, &f->all, state);
	CHECK_ROW(found.damaged == 0 || (f->damaged && !sealed), WHERE ": %s", HERE(f, state), found.damage);
	if (sealed && f->gaps.count)
		CHECK_ROW(found.gaps.count == f->gaps.count, WHERE ": %zu gaps instead of %zu", HERE(f, state),
			  found.gaps.count, f->gaps.count);
	verdict_of(store, &v);
	CHECK_ROW(v.bad == 0 || (f->damaged && !sealed), WHERE ": %s", HERE(f, state), v.first_bad);
	found_done(&found);
}

static const struct faults *visiting;
static const char *visiting_root;
static bool left_may_be;

/* Only what FORMAT.md 2 lists; what a publication was cut off at begins with a dot. */
static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *name = path + ftw->base, *below = path + strlen(visiting_root);
	bool known = strcmp(below, "/ledger/.lock") == 0 ? true :
		     name[0] == '.' ? left_may_be && strncmp(name, ".publish-", 9) == 0 :
		     strncmp(below, "/journal/", 9) == 0 ? ends_in(name, JOURNAL_SUFFIX) :
		     strncmp(below, "/segments/", 10) == 0 ? ends_in(name, SEGMENT_SUFFIX) && ftw->level == 3 :
		     strncmp(below, "/catalog/", 9) == 0 ? ends_in(name, ".skc") :
		     strncmp(below, "/ledger/", 8) == 0 ||
		     strncmp(below, "/keys/", 6) == 0 || strcmp(below, "/lock") == 0;

	CHECK_ROW(type == FTW_D || known, WHERE, HERE(visiting, below));
	CHECK_ROW((st->st_mode & 077) == 0, WHERE, HERE(visiting, below));
	return 0;
}

static void check_files(const struct faults *f, const char *root)
{
	visiting = f;
	visiting_root = root;
	left_may_be = strstr(f->mode, "kill") || faults_go_on(f);
	CHECK(nftw(root, visit, 16, FTW_PHYS) == 0);
}

void faults_check_state(struct faults *f, const char *root, const struct conns *must, const char *state)
{
	struct seal_result result = {};
	struct store_dir store;
	struct problem p;

	f->states++;
	REQUIRE(store_open(root, 1, &store, &p) == 0);
	faults_check_answer(f, &store, must, false, state);
	CHECK_ROW(seal_all(&store, NULL, &result, &p) == 0, WHERE ": %s", HERE(f, state), p.text);
	CHECK_ROW(actor_close_days(&store) == 0, WHERE, HERE(f, state));
	CHECK_ROW(count_files(store.journal, JOURNAL_SUFFIX) == 0, WHERE, HERE(f, state));
	faults_check_answer(f, &store, must, true, state);
	check_files(f, root);
	store_close(&store);
}

void faults_check_losses(struct faults *f, const struct conns *must, const char *what)
{
	static const char *const kinds[LOSS_KINDS] = { "all lost", "bytes lost", "names lost", "zeroes" };

	for (int kind = 0; kind < LOSS_KINDS; kind++) {
		char state[64];

		snprintf(state, sizeof(state), "%s, power loss: %s", what, kinds[kind]);
		proof_remove(f->lost);
		REQUIRE(shadow_lose(f->shadow, f->run, (enum shadow_loss)kind, f->lost) == 0);
		faults_check_state(f, f->lost, must, state);
	}
}
