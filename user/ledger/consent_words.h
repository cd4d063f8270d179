/* SPDX-License-Identifier: BSD-2-Clause */
/* The closed lists of a consent, bits in memory and words in the ledger: what is recorded, what for, who receives it. */
#ifndef SEKISHO_CONSENT_WORDS_H
#define SEKISHO_CONSENT_WORDS_H

#include <stdint.h>
#include "base/problem.h"

/* Everything else is denied (DOMAIN 2.4). */
enum consent_purpose {
	CONSENT_P1 = 1 << 0, /* answering disclosure claims and orders */
	CONSENT_P2 = 1 << 1, /* the tenant's own incident analysis */
	CONSENT_P3 = 1 << 2, /* orders and warrants of authorities */
};

enum consent_recipient {
	CONSENT_COURT = 1 << 0,
	CONSENT_ACCESS_PROVIDER = 1 << 1, /* the provider of the source address */
	CONSENT_APPLICANT = 1 << 2, /* who was granted an order */
	CONSENT_INVESTIGATOR = 1 << 3, /* an authority with a warrant */
	CONSENT_TENANT = 1 << 4,
};

/* Whether the selectors see this tenant's connections alone. */
enum consent_separability {
	CONSENT_EXACT = 0,
	CONSENT_SHARED = 1,
};

/* A row of a list; the last one has no name. Bit 0: it is in every consent. */
struct consent_word {
	const char *name;
	uint32_t bit;
};
extern const struct consent_word consent_purpose_words[], consent_recipient_words[], consent_field_words[];

/*
 * Words joined by commas. fields: "src_addr,src_port,dst_addr,dst_port,t_accept[,rtt][,t_close]" in any order, where
 * the first five are one whole and must all be there (enum sekisho_field). At least one of the others. -EINVAL and *p.
 */
int consent_parse_fields(const char *list, uint32_t *ret_fields, struct problem *p);
int consent_parse_purposes(const char *list, uint32_t *ret_purposes, struct problem *p);
int consent_parse_recipients(const char *list, uint32_t *ret_recipients, struct problem *p);

/* The inverse, in the order of the list; returns buf. */
#define CONSENT_WORDS_MAX 96
const char *consent_format(const struct consent_word *words, uint32_t bits, char buf[static CONSENT_WORDS_MAX]);

/* Who must be able to receive records for these purposes to be met, and the tenant. */
uint32_t consent_recipients_of(uint32_t purposes);

#define CONSENT_PURPOSES_DEFAULT (CONSENT_P1 | CONSENT_P3)

#endif
