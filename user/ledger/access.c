// SPDX-License-Identifier: BSD-2-Clause
/* The access log and the bases on which a search may be made. */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include "access.h"
#include "base/utc.h"
#include "cases.h"
#include "chain_tail.h"

static const struct basis bases[] = {
	{ "KAIJI_MEIREI", .shows_rows = true, .needs_case = true },
	{ "TEIKYO_MEIREI_1", .shows_rows = false, .needs_case = true, .names_providers = true },
	{ "TEIKYO_MEIREI_2", .shows_rows = true, .needs_case = true },
	{ "SHOKYO_KINSHI", .shows_rows = true, .needs_case = true },
	{ "ART5_VOLUNTARY", .shows_rows = true, .needs_case = true },
	{ "WARRANT", .shows_rows = true, .needs_case = true },
	{ "HOZEN_YOSEI", .shows_rows = false, .needs_case = true },
	{ "TENANT_SELF", .shows_rows = true, .needs_case = false },
	{ "EMERGENCY", .shows_rows = true, .needs_case = true },
	{ "AUDIT", .shows_rows = false, .needs_case = true },
};
#define BASES (sizeof(bases) / sizeof(bases[0]))

const struct basis *basis_find(const char *code)
{
	for (size_t i = 0; i < BASES; i++)
		if (strcmp(bases[i].code, code) == 0)
			return &bases[i];
	return NULL;
}

const char *basis_list(void)
{
	return "KAIJI_MEIREI, TEIKYO_MEIREI_1, TEIKYO_MEIREI_2, SHOKYO_KINSHI, ART5_VOLUNTARY, "
	       "WARRANT, HOZEN_YOSEI, TENANT_SELF, EMERGENCY, AUDIT";
}

/* --- Writing an entry --- */

/* A line holds far more than these; a search over all tenants of a large node may touch more. */
#define TENANTS_A_LINE 4096

/* What was looked at before the search still holds: checked under the ledgers' lock. */
static int check_case(const struct store_dir *store, const struct access_entry *e, struct problem *p)
{
	const struct legal_case *c;
	struct chain_tail tail;
	struct cases cases;
	bool same;
	int error = chain_tail(store->ledger, LEDGER_ACCESS, &tail, p);

	if (error)
		return error;
	same = e->seen_seq && tail.end.seq == e->seen_seq;
	chain_tail_done(&tail);
	if (same)
		return 0;
	error = cases_load(store, &cases, p);
	if (error)
		return error;
	c = cases_find(&cases, e->case_number);
	/* One that was opened anew may be for other tenants and times. */
	if (!c || c->outcome || c->basis != e->basis || (e->seen_seq && c->opened_seq > e->seen_seq))
		error = problem(p, -ENOTCONN, "case \"%s\" is not open any more on basis %s", e->case_number, e->basis->code);
	cases_done(&cases);
	return error;
}

/* Tenants from `first` on, as many as a line takes. */
static json_t *tenants_json(const struct access_entry *e, size_t first)
{
	json_t *tenants = json_object();

	for (size_t i = first; tenants && i < e->tenant_count && i < first + TENANTS_A_LINE; i++)
		if (json_object_set_new(tenants, e->tenants[i].id, json_integer((json_int_t)e->tenants[i].rows))) {
			json_decref(tenants);
			return NULL;
		}
	return tenants;
}

static json_t *time_or_null(int64_t ns)
{
	char text[UTC_TEXT_MAX];

	return ns ? json_string(utc_format(ns, text)) : json_null();
}

static json_t *search_json(const struct access_entry *e)
{
	return json_pack("{s:s, s:s?, s:s, s:s, s:s?, s:I, s:s?, s:I, s:b, s:o, s:s?, s:o, s:o}", "event", "SEARCH", "case",
			 e->case_number, "basis", e->basis->code, "query", e->query, "tenant", e->tenant, "uid",
			 (json_int_t)e->uid, "user", e->user, "rows", (json_int_t)e->rows, "rows_shown",
			 (int)e->rows_shown, "approval", e->approval ? json_integer((json_int_t)e->approval) : json_null(),
			 "approver", e->approver, "hidden_until", time_or_null(e->hidden_until_ns), "tenants",
			 tenants_json(e, 0));
}

static int append(struct ledger_writer *w, json_t *act, uint64_t *ret_seq)
{
	int error = act ? ledger_writer_append(w, LEDGER_ACCESS, act, utc_now_ns(), ret_seq) : -ENOMEM;

	json_decref(act);
	return error;
}

/* The search, and the tenants that did not fit into its line. */
static int append_all(struct ledger_writer *w, const struct access_entry *e, json_t *search)
{
	uint64_t seq;
	int error = append(w, json_incref(search), &seq);

	for (size_t i = TENANTS_A_LINE; i < e->tenant_count && !error; i += TENANTS_A_LINE)
		error = append(w, json_pack("{s:s, s:I, s:o}", "event", "SEARCH_TENANTS", "search", (json_int_t)seq,
					    "tenants", tenants_json(e, i)), NULL);
	return error;
}

static int write_entry(const struct store_dir *store, const struct access_entry *e, json_t *search, struct problem *p)
{
	struct ledger_writer *w;
	int error = ledger_writer_open(store, &w, p);

	if (error)
		return error;
	if (e->case_number)
		error = check_case(store, e, p);
	if (!error)
		error = append_all(w, e, search);
	ledger_writer_close(w);
	return error;
}

int access_record(const struct store_dir *store, const struct access_entry *e, struct problem *p)
{
	json_t *search = search_json(e);
	struct problem why = {};
	int error;

	if (!search)
		return problem(p, -EINVAL,
			       "cannot write ledger/%s: the query is not valid UTF-8; nothing is shown",
			       ACCESS_FILE);
	error = write_entry(store, e, search, &why);
	json_decref(search);
	/* What is wrong with the ledger itself has a place, and what is uncertain a reason, which the text names. */
	if (error == -EBADMSG || error == -ENOENT || error == -ENOTCONN || error == -ENOTRECOVERABLE)
		return problem(p, error, "%s; nothing is shown", why.text);
	return error ? problem(p, error, "cannot write ledger/%s: %s; nothing is shown", ACCESS_FILE,
			       strerror(-error)) : 0;
}
