// SPDX-License-Identifier: BSD-2-Clause
/* The access log and the bases on which a search may be made. */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include "access.h"
#include "base/utc.h"
#include "ledger.h"

static const struct basis bases[] = {
	{ "KAIJI_MEIREI", .shows_rows = true, .needs_case = true },
	{ "TEIKYO_MEIREI_1", .shows_rows = false, .needs_case = true },
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

int access_record(const struct store_dir *store, const struct access_entry *e, struct problem *p)
{
	json_t *act = json_pack("{s:s, s:s?, s:s, s:s, s:s?, s:i, s:s?, s:I, s:b}", "event", "SEARCH", "case",
				e->case_number, "basis", e->basis->code, "query", e->query, "tenant",
				e->tenant, "uid", (int)e->uid, "user", e->user, "rows",
				(json_int_t)e->rows, "rows_shown", (int)e->rows_shown);
	struct problem why = {};
	int error;

	if (!act)
		return problem(p, -EINVAL,
			       "cannot write ledger/%s: the query is not valid UTF-8; nothing is shown",
			       ACCESS_FILE);
	error = ledger_append(store, LEDGER_ACCESS, act, utc_now_ns(), NULL, &why);
	json_decref(act);
	/* What is wrong with the ledger itself has a place, and what is uncertain a reason, which the text names. */
	if (error == -EBADMSG || error == -ENOENT || error == -ENOTRECOVERABLE)
		return problem(p, error, "%s; nothing is shown", why.text);
	return error ? problem(p, error, "cannot write ledger/%s: %s; nothing is shown", ACCESS_FILE,
			       strerror(-error)) : 0;
}
