/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `sekisho case` share. Each function prints what there is to say and returns an exit status. */
#ifndef SEKISHO_VERB_CASE_H
#define SEKISHO_VERB_CASE_H

#include "command.h"
#include "ledger/cases.h"

/* "event" and who does it; the caller adds the rest. NULL: out of memory. */
json_t *case_act_begin(const struct command *c, const char *event, const char *number);
/* Appends the act, which it takes over (NULL: said so). */
int case_act_end(struct command *c, json_t *act);
/* The status for a failed act. */
int case_status_of(int error);

struct case_provider_options {
	const char *name, *address, *source, *date, *file;
	struct cmd_list prefixes;
};
int case_provider(struct command *c, const char *number, const struct case_provider_options *o);

struct case_show_options {
	const char *lang;
	unsigned int all, json;
};
int case_show(struct command *c, const char *number, const struct case_show_options *o);
int case_list(struct command *c, const struct case_show_options *o);

#endif
