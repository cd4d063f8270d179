/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cases: requests that are being answered. What may be searched, for whom and until when is a pure function of the
 * access chain (ledger.h); each act is one line of it (FORMAT.md 3.9), durable before it counts. Searches that
 * need a second person and their approvals stand there too.
 */
#ifndef SEKISHO_CASES_H
#define SEKISHO_CASES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "access.h"
#include "base/addr.h"
#include "base/parse.h"
#include "ledger.h"

#define CASE_NUMBER_MAX 200 /* bytes */
#define CASE_TEXT_MAX 4000 /* bytes of a note, name or reason */
#define CASE_OUTCOMES "disclosed, not-disclosed, none or withdrawn"
#define CASE_OPINIONS "asked, agrees, objects or no-answer"
#define APPROVAL_NS (24 * 3600 * INT64_C(1000000000)) /* how long an approval counts */

struct case_window {
	int64_t from_ns, to_ns; /* UTC, from <= t < to */
};

/* Who comes next for rows of a case, as far as the operator knows (DOMAIN 1.2). Text is borrowed from the act. */
struct case_provider {
	const char *name, *address, *source, *date;
	struct prefix *prefixes; /* of the sources that it is named for */
	size_t prefix_count; /* 0: all */
};

struct legal_case {
	const char *number; /* as it was written at the opening */
	char folded[CASE_NUMBER_MAX + 1]; /* what makes it the same number: case_fold() */
	const struct basis *basis;
	const char **tenants;
	size_t tenant_count; /* 0: all */
	struct case_window *windows;
	size_t window_count; /* 0: any */
	int64_t secret_until_ns; /* until then the law forbids to tell the tenants; 0: it does not */
	struct case_provider *providers; /* the last one that fits counts */
	size_t provider_count, provider_capacity;
	const char *outcome; /* NULL while it is open */
	json_t **acts; /* its lines, the opening first */
	size_t act_count, act_capacity;
	uint64_t hash; /* of folded */
	uint64_t opened_seq; /* line of the opening */
};

/* A search that was refused because it needs a second person. Its number is that of its line. */
struct approval_request {
	uint64_t seq;
	const json_t *act; /* the whole line */
	const char *digest; /* of what is searched: the same search has the same */
	uint64_t rows;
	unsigned int uid; /* who searched */
	int64_t approved_until_ns; /* 0: nobody approved */
	bool over; /* the number of its case was opened anew since: it does not count any more */
};

struct cases {
	struct legal_case *list; /* in the order of their openings; a number that was closed may be opened again */
	size_t count, capacity;
	struct approval_request *requests; /* ascending seq */
	size_t request_count, request_capacity;
	uint64_t last_seq; /* of any line */
	json_t **kept; /* lines that requests borrow from */
	size_t kept_count, kept_capacity;
};

/*
 * Reads the chain; a missing file has no cases. -EBADMSG and *p (with the line) when it does not verify or holds an act
 * that is none. Undo with cases_done().
 */
int cases_load(const struct store_dir *store, struct cases *ret_cases, struct problem *p);
void cases_done(struct cases *c);

/* The last opening of this number, or NULL. */
const struct legal_case *cases_find(const struct cases *c, const char *number);
const struct approval_request *cases_request(const struct cases *c, uint64_t seq); /* or NULL */
/* The last request for this search by this user that allows for as many rows, or NULL. */
const struct approval_request *cases_request_for(const struct cases *c, const char *digest, unsigned int uid,
						 uint64_t rows);

/*
 * Full-width digits, letters and signs (U+FF01 to U+FF5E) and the ideographic space count as their half-width forms:
 * a number that is typed either way is the same case. 0, or -EINVAL: empty, longer than CASE_NUMBER_MAX, not
 * plain text, or with a space at its ends.
 */
int case_fold(const char *number, char ret_folded[static CASE_NUMBER_MAX + 1]);

bool case_has_tenant(const struct legal_case *c, const char *tenant_id);
/* Whether every instant from <= t < to lies in its windows. */
bool case_covers(const struct legal_case *c, int64_t from_ns, int64_t to_ns);
/* The provider named for a source: of the longest prefix, then the last one named. NULL: none. */
const struct case_provider *case_provider_of(const struct legal_case *c, const struct addr *src);

/*
 * Appends an act ("event" and its members) when it is valid now. *ret_seq (may be NULL): its line. -ESRCH: no such case
 * or request; -EEXIST: open, approved already; -ENOTCONN: the case is closed; -EKEYREJECTED: needs another person; -EINVAL: not
 * an act; -EBADMSG; I/O errors; and *p.
 */
int cases_act(const struct store_dir *store, const json_t *act, uint64_t *ret_seq, struct problem *p);

#endif
