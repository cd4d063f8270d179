/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `sekisho search` share: what was asked, and what policy says to it. */
#ifndef SEKISHO_VERB_SEARCH_H
#define SEKISHO_VERB_SEARCH_H

#include "command.h"
#include "ledger/cases.h"
#include "output/answer.h"

struct search_options {
	const char *tenant, *src, *src_port, *dst, *dst_port, *from, *to, *at, *case_number, *basis;
	const char *questions, *order, *top, *approver;
	unsigned int count, explain, csv, json, help;
};

/* What a query points to. */
struct asked {
	struct port_set src_ports, dst_ports;
	struct questions questions;
};

struct search_request {
	const struct search_options *o;
	const struct basis *basis;
	const struct command *c;
	struct query q;
	struct asked asked;
	int argc;
	char **argv;
	struct cases cases; /* of policy_admit(); undone by the caller */
	const struct legal_case *of; /* NULL: TENANT_SELF without a case */
};

/*
 * Whether the case is open and covers the search, before anything is opened but the ledger; narrows the query to the
 * tenants of the case. 0, or an exit status after one line that says why not.
 */
int policy_admit(const struct store_dir *store, struct search_request *request);
/*
 * With the rows counted and before the first is shown: whether they need a second person, and the entry in the access
 * log, which is durable on return. 0, or an exit status after saying why not.
 */
int policy_record(const struct store_dir *store, const struct search_request *request,
		  const struct search_result *result);

/* The answer of TEIKYO_MEIREI_1: the next providers that the case names for the rows. An exit status. */
int search_providers(const struct search_request *request, const struct answer *a);

#endif
