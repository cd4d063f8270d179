/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The explanation that a tenant is shown before it consents: templates in Japanese and English ship with the program
 * (user/texts/), filled in for what would be agreed. Not legal advice.
 */
#ifndef SEKISHO_CONSENT_TEXT_H
#define SEKISHO_CONSENT_TEXT_H

#include "consent.h"

struct consent_terms {
	const char *tenant_id;
	const struct selector *scope;
	size_t scope_count;
	uint32_t fields, purposes, recipients, retention_days;
	int64_t until_ns; /* 0: not chosen yet */
};

/* Of the templates. */
#define CONSENT_TEXT_ID "sekisho-consent"
#define CONSENT_TEXT_VERSION "1"

/* The filled-in text, with the local zone's times; caller frees. -EINVAL and *p for a language without one; -ENOMEM. */
int consent_text_make(const char *lang, const struct consent_terms *terms, char **ret_text, struct problem *p);

/*
 * Whether a text that was shown is the shipped one for these terms, with or without the end chosen: 1 and its
 * language ("ja", static); 0 when it is some other text; -ESTALE and *p when it says that it is the shipped one but is
 * not that for these terms; -ENOMEM.
 */
int consent_text_match(const void *text, size_t size, const struct consent_terms *terms, const char **ret_lang,
		       struct problem *p);

/* What a word of a closed list means (consent_words.h), in "ja" or "en"; the word itself where there is no more. */
const char *consent_text_word(const char *lang, const char *word);

#endif
