// SPDX-License-Identifier: BSD-2-Clause
/* Does a grant cover what was recorded? */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/utc.h"
#include "ledger/chain_tail.h"
#include "schema/event.h"
#include "verify_consent.h"

/* What an endpoint's grant allows, so that most rows need no more than a few comparisons. */
struct verify_consent_limits {
	int64_t from_ns, until_ns; /* none: from after until */
	uint32_t fields;
};

/* A row, or what a header says of some. */
struct subject {
	const char *tenant_id; /* NULL: not known, in a damaged journal */
	uint32_t tenant, consent, flags;
	struct consent_local local;
	bool is_close, imported; /* imported: what it is stored in says so */
	bool has_rtt;
	int64_t utc_ns;
};

void verify_consent_done(struct verify_consent *v)
{
	consents_done(&v->consents);
	free(v->limits);
	v->limits = NULL;
}

/* --- The ledger --- */

static int64_t ledger_size(const struct verify_consent *v)
{
	struct stat st;

	return fstatat(v->store->ledger, CONSENT_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_size : 0;
}

/*
 * Whether a node recorded or sealed here: it states in custody what it is and does. In a copy without ledgers the
 * first search makes a key, which is custody's first line.
 */
static int has_custody(const struct verify_consent *v, bool *ret_has)
{
	struct chain_tail tail;
	struct problem ignored;
	int error = chain_tail(v->store->ledger, LEDGER_CUSTODY, &tail, &ignored);

	if (error && error != -EBADMSG)
		return error;
	*ret_has = error || tail.end.seq > 1;
	if (!error)
		chain_tail_done(&tail);
	return 0;
}

static int load(struct verify_consent *v)
{
	struct consents consents;
	struct problem ignored;
	bool custody = true;
	int error;

	v->ledger_bytes = ledger_size(v);
	error = consents_load(v->store, &consents, &ignored);
	v->unreadable = error == -EBADMSG;
	if (error)
		return v->unreadable ? 0 : error;
	consents_done(&v->consents);
	v->consents = consents;
	if (!consents.last_seq)
		error = has_custody(v, &custody);
	v->unknown = !custody;
	v->loaded = !error;
	return error;
}

/* Whether rows can be judged. */
static int ready(struct verify_consent *v, bool *ret_ready)
{
	int error = v->loaded || v->unreadable || v->unknown ? 0 : load(v);

	*ret_ready = !error && !v->unreadable && !v->unknown;
	return error;
}

/* --- Judging --- */

/* A record tells addresses, not cgroups or namespaces: what such a selector took in cannot be told here. */
static bool in_scope(const struct consent *g, const struct consent_local *local)
{
	for (size_t i = 0; i < g->scope_count; i++)
		if (g->scope[i].kind != SELECTOR_ADDRESS)
			return true;
	for (size_t i = 0; i < g->scope_count; i++)
		if ((!g->scope[i].port || g->scope[i].port == local->port) &&
		    prefix_contains(&g->scope[i].prefix, &local->addr))
			return true;
	return false;
}

/* All but time and round-trip time: 0 and the grant (NULL when imported), or -EACCES and *why. */
static int judge_place(const struct consents *c, const struct subject *s, const struct consent **ret_grant,
		       struct problem *why)
{
	const struct consent *g;
	char text[ADDR_TEXT_MAX];
	bool flagged = s->flags & SEKISHO_FLAG_IMPORTED;

	*ret_grant = NULL;
	if (s->imported != flagged)
		return problem(why, -EACCES, s->imported ? "imported, and not flagged so" : "flagged as imported");
	if (s->imported)
		return s->consent ? problem(why, -EACCES, "imported, and names grant %" PRIu32, s->consent) : 0;
	if (!s->consent)
		return problem(why, -EACCES, "names no grant");
	g = consents_find(c, s->consent);
	if (!g)
		return problem(why, -EACCES, "grant %" PRIu32 " is not in the ledger", s->consent);
	if (g->tenant != s->tenant || (s->tenant_id && strcmp(g->tenant_id, s->tenant_id) != 0))
		return problem(why, -EACCES, "grant %" PRIu32 " is of tenant %s", s->consent, g->tenant_id);
	if (!in_scope(g, &s->local))
		return problem(why, -EACCES, "grant %" PRIu32 " does not include %s port %u", s->consent,
			       addr_format(&s->local.addr, text), s->local.port);
	if (s->is_close && !(g->fields & SEKISHO_FIELD_CLOSE))
		return problem(why, -EACCES, "grant %" PRIu32 " does not include t_close", s->consent);
	*ret_grant = g;
	return 0;
}

static int judge(const struct consents *c, const struct subject *s, struct problem *why)
{
	char from[UTC_TEXT_MAX], until[UTC_TEXT_MAX];
	const struct consent *g;
	int error = judge_place(c, s, &g, why);
	uint32_t covering, fields;

	if (error || !g)
		return error;
	covering = consents_covering(c, s->consent, s->tenant, s->utc_ns, &s->local);
	if (!covering)
		return problem(why, -EACCES, "grant %" PRIu32 " ran from %s until %s", s->consent,
			       utc_format(g->from_ns, from), utc_format(g->until_ns, until));
	fields = consents_fields(c, covering);
	if (s->has_rtt && !(fields & SEKISHO_FIELD_RTT))
		return problem(why, -EACCES, "grant %" PRIu32 " does not include rtt", covering);
	if (s->is_close && !(fields & SEKISHO_FIELD_CLOSE))
		return problem(why, -EACCES, "grant %" PRIu32 " does not include t_close", covering);
	return 0;
}

/* A daemon that runs may have been given a grant since the ledger was read. */
static int judge_again(struct verify_consent *v, const struct subject *s, struct problem *why, bool *ret_covered)
{
	int error = 0;

	*ret_covered = judge(&v->consents, s, why) == 0;
	if (*ret_covered || ledger_size(v) == v->ledger_bytes)
		return 0;
	error = load(v);
	if (!error)
		*ret_covered = v->unreadable || judge(&v->consents, s, why) == 0;
	return error;
}

static void report(struct verify_consent *v, uint64_t offset, const char *what, const struct problem *why)
{
	if (v->uncovered++ == 0)
		problem(&v->first, 0, "%s offset %" PRIu64 ": %s: %s", v->path, offset, what, why->text);
}

static int take_row(struct verify_consent *v, const struct subject *s, uint64_t offset, uint32_t row)
{
	char time[UTC_TEXT_MAX];
	struct problem why, what;
	bool covered;
	int error = judge_again(v, s, &why, &covered);

	if (error)
		return error;
	if (!covered) {
		problem(&what, 0, "row %" PRIu32 " of %s", row, utc_format(s->utc_ns, time));
		report(v, offset, what.text, &why);
	} else {
		v->covered += !s->imported;
		v->imported += s->imported;
	}
	return 0;
}

/* --- Sections --- */

static void from_endpoint(const struct verify_consent *v, const struct section *f, const struct endpoint *e,
			  struct subject *ret)
{
	*ret = (struct subject){
		.tenant_id = v->tenant,
		.tenant = f->tenant,
		.consent = e->consent,
		.flags = e->flags,
		.local = { .addr = e->dst, .port = e->dst_port },
		.is_close = e->kind == SEKISHO_KIND_CLOSE,
		.imported = f->imported,
	};
}

/*
 * The first and the last row are of some endpoint: a grant must cover each. And one of them includes a round-trip
 * time, if there is any.
 */
static int judge_span(const struct consents *c, const struct verify_consent *v, const struct section_reader *s,
		      struct problem *why)
{
	char first[UTC_TEXT_MAX], last[UTC_TEXT_MAX];
	bool begins = false, ends = false, rtt = !s->facts.has_rtt;
	struct subject subject;

	for (uint32_t i = 0; i < s->endpoint_count; i++) {
		from_endpoint(v, &s->facts, &s->endpoints[i], &subject);
		begins |= consents_covering(c, subject.consent, subject.tenant, s->facts.first_utc_ns,
					    &subject.local) != 0;
		ends |= consents_covering(c, subject.consent, subject.tenant, s->facts.last_utc_ns,
					  &subject.local) != 0;
		rtt |= (consents_fields(c, subject.consent) & SEKISHO_FIELD_RTT) != 0;
	}
	if (!begins || !ends)
		return problem(why, -EACCES, "rows from %s to %s, and no grant that they name runs at the %s",
			       utc_format(s->facts.first_utc_ns, first), utc_format(s->facts.last_utc_ns, last),
			       begins ? "last" : "first");
	return rtt ? 0 : problem(why, -EACCES, "round-trip times, and no grant that includes them");
}

static int judge_header(const struct consents *c, const struct verify_consent *v, const struct section_reader *s,
			struct problem *why)
{
	const struct consent *g;
	struct subject subject;
	int error = 0;

	for (uint32_t i = 0; i < s->endpoint_count && !error; i++) {
		from_endpoint(v, &s->facts, &s->endpoints[i], &subject);
		error = judge_place(c, &subject, &g, why);
	}
	return error || s->facts.imported ? error : judge_span(c, v, s, why);
}

int verify_consent_section(struct verify_consent *v, struct segment_reader *r, const struct section *f)
{
	struct section_reader *s;
	struct problem why;
	bool judged;
	int error = ready(v, &judged);

	if (error || !judged || !f->rows)
		return error;
	error = section_open(r, f->offset, &s);
	if (error) /* -EBADMSG: its checksums hold, and only a full check says that it does not decode */
		return error == -EBADMSG ? 0 : error;
	if (judge_header(&v->consents, v, s, &why) != 0) {
		bool grew = ledger_size(v) != v->ledger_bytes;

		error = grew ? load(v) : 0;
		if (!error && (!grew || (!v->unreadable && judge_header(&v->consents, v, s, &why) != 0)))
			report(v, f->offset, "the section", &why);
	}
	section_close(s);
	return error;
}

static int reserve_limits(struct verify_consent *v, uint32_t count)
{
	struct verify_consent_limits *limits;

	v->limit_count = 0;
	if (count <= v->limit_capacity)
		return 0;
	limits = reallocarray(v->limits, count, sizeof(*limits));
	if (!limits)
		return -ENOMEM;
	v->limits = limits;
	v->limit_capacity = count;
	return 0;
}

int verify_consent_begin(struct verify_consent *v, const struct section_reader *s)
{
	bool judged;
	int error = ready(v, &judged);

	if (!error)
		error = reserve_limits(v, s->endpoint_count);
	if (error || !judged)
		return error;
	for (uint32_t i = 0; i < s->endpoint_count; i++) {
		const struct consent *g;
		struct subject subject;
		struct problem ignored;

		from_endpoint(v, &s->facts, &s->endpoints[i], &subject);
		v->limits[i] = (struct verify_consent_limits){ .from_ns = INT64_MAX, .until_ns = INT64_MIN };
		if (judge_place(&v->consents, &subject, &g, &ignored) == 0 && g)
			v->limits[i] = (struct verify_consent_limits){ g->from_ns, g->until_ns, g->fields };
	}
	v->limit_count = s->endpoint_count;
	return 0;
}

int verify_consent_block(struct verify_consent *v, const struct section_reader *s, const struct block_rows *b,
			 uint64_t offset)
{
	int error = 0;

	if (!v->limit_count)
		return 0; /* not to be judged */
	for (uint32_t i = 0; i < b->rows && !error; i++) {
		const struct verify_consent_limits *l = &v->limits[b->endpoint[i]];
		struct subject subject;

		if (l->from_ns <= b->time_ns[i] && b->time_ns[i] < l->until_ns &&
		    (!b->rtt[i] || l->fields & SEKISHO_FIELD_RTT)) {
			v->covered++;
			continue;
		}
		from_endpoint(v, &s->facts, &s->endpoints[b->endpoint[i]], &subject);
		subject.utc_ns = b->time_ns[i];
		subject.has_rtt = b->rtt[i] != 0;
		error = take_row(v, &subject, offset, b->first_row + i);
	}
	return error;
}

/* --- Journals --- */

int verify_consent_frame(struct verify_consent *v, const struct journal_reader *r,
			 const struct journal_row_frame *f, const struct record *rows)
{
	bool judged;
	int error = ready(v, &judged);

	for (uint32_t i = 0; i < f->rows && judged && !error; i++) {
		const struct record *row = &rows[i];
		const struct subject subject = {
			.tenant_id = journal_reader_tenant(r, row->tenant),
			.tenant = row->tenant,
			.consent = row->consent,
			.flags = row->flags,
			.local = { .addr = row->dst, .port = row->dst_port },
			.is_close = row->kind == SEKISHO_KIND_CLOSE,
			.imported = !r->ring_id,
			.has_rtt = row->rtt_us != 0,
			.utc_ns = r->ring_id ? anchors_utc(&r->anchors, (uint64_t)row->time_ns) : row->time_ns,
		};

		error = take_row(v, &subject, f->offset, i);
	}
	return error;
}
