// SPDX-License-Identifier: BSD-2-Clause
/* The verbs, as the command and the daemon know them. */
#include <string.h>
#include "command.h"

const struct verb verbs[] = {
	{ "status", "", "is it recording, for whom, what was lost (the default)", verb_status },
	{ "case", "open|list|show|... NUMBER", "requests that are answered: scope, notes, outcome", verb_case },
	{ "approve", "[ID]", "let a search of another person show many rows", verb_approve },
	{ "search", "--case N --basis CODE ...", "find connections", verb_search },
	{ "consent", "grant|withdraw|show ...", "record a tenant's permission, or its end", verb_consent },
	{ "import", "--csv FILE --reason TEXT", "store rows that were recorded elsewhere", verb_import },
	{ "seal", "", "move the journal's rows to the segments now", verb_seal },
	{ "reload", "", "read the configuration and the consents again", verb_reload },
	{ "hold", "set|list|release ...", "keep records from being deleted, for a case", verb_hold },
	{ "ledger", "show|verify|head|...", "what was consented to, searched, kept: signed chains", verb_ledger },
	{ "verify", "", "check every checksum of the store", verb_verify },
	{},
};

const struct verb *verbs_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}
