// SPDX-License-Identifier: BSD-2-Clause
/* The access log and the bases on which a search may be made. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "access.h"
#include "base/fs.h"
#include "base/utc.h"

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

int access_record(int ledger_fd, const struct access_entry *e, struct problem *p)
{
	char time_text[UTC_TEXT_MAX], *text = NULL;
	json_t *line = json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s?, s:i, s:s?, s:I, s:b}", "event",
				 "SEARCH", "t", utc_format(utc_now_ns(), time_text), "case",
				 e->case_number, "basis", e->basis->code, "query", e->query,
				 "tenant", e->tenant, "uid", (int)e->uid, "user", e->user, "rows",
				 (json_int_t)e->rows, "rows_shown", (int)e->rows_shown);
	int error = -EINVAL;

	if (line) {
		text = json_dumps(line, JSON_COMPACT | JSON_SORT_KEYS);
		error = text ? fs_append_line(ledger_fd, ACCESS_FILE, text) : -ENOMEM;
	}
	json_decref(line);
	free(text);
	if (error)
		return problem(p, error, "cannot write ledger/%s: %s; nothing is shown", ACCESS_FILE,
			       error == -EINVAL ? "the query is not valid UTF-8" : strerror(-error));
	return 0;
}
