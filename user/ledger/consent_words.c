// SPDX-License-Identifier: BSD-2-Clause
/* The closed lists of a consent. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "consent_words.h"
#include "schema/event.h"

const struct consent_word consent_field_words[] = {
	{ "src_addr", 0 }, { "src_port", 0 }, { "dst_addr", 0 }, { "dst_port", 0 }, { "t_accept", 0 },
	{ "rtt", SEKISHO_FIELD_RTT }, { "t_close", SEKISHO_FIELD_CLOSE }, {},
};

const struct consent_word consent_purpose_words[] = {
	{ "P1", CONSENT_P1 }, { "P2", CONSENT_P2 }, { "P3", CONSENT_P3 }, {},
};

const struct consent_word consent_recipient_words[] = {
	{ "court", CONSENT_COURT }, { "access_provider", CONSENT_ACCESS_PROVIDER },
	{ "applicant", CONSENT_APPLICANT }, { "investigator", CONSENT_INVESTIGATOR },
	{ "tenant", CONSENT_TENANT }, {},
};

static int unknown_word(const struct consent_word *words, const char *what, const char *word, size_t size,
			struct problem *p)
{
	char expected[160] = "";
	size_t n = 0;

	for (const struct consent_word *w = words; w->name; w++)
		n += (size_t)snprintf(expected + n, sizeof(expected) - n, "%s%s", n ? ", " : "", w->name);
	return problem(p, -EINVAL, "unknown %s \"%.*s\": expected %s", what, (int)size, word, expected);
}

/* Bits of the words, and which rows of the list were named. */
static int parse_list(const struct consent_word *words, const char *what, const char *list, uint32_t *ret_bits,
		      unsigned int *ret_rows, struct problem *p)
{
	uint32_t bits = 0;
	unsigned int rows = 0;

	for (const char *at = list; *at;) {
		size_t n = strcspn(at, ","), i = 0;

		while (words[i].name && (strlen(words[i].name) != n || memcmp(words[i].name, at, n) != 0))
			i++;
		if (!words[i].name)
			return unknown_word(words, what, at, n, p);
		bits |= words[i].bit;
		rows |= 1u << i;
		at += n + (at[n] == ',');
	}
	*ret_bits = bits;
	*ret_rows = rows;
	return 0;
}

int consent_parse_fields(const char *list, uint32_t *ret_fields, struct problem *p)
{
	unsigned int rows;
	uint32_t fields;
	int error = parse_list(consent_field_words, "field", list, &fields, &rows, p);

	if (error)
		return error;
	for (size_t i = 0; consent_field_words[i].name; i++)
		if (!consent_field_words[i].bit && !(rows & 1u << i))
			return problem(p, -EINVAL,
				       "field %s is missing from \"%s\": a record without it cannot answer a request",
				       consent_field_words[i].name, list);
	*ret_fields = fields;
	return 0;
}

static int parse_some(const struct consent_word *words, const char *what, const char *list, uint32_t *ret_bits,
		      struct problem *p)
{
	unsigned int rows;
	uint32_t bits;
	int error = parse_list(words, what, list, &bits, &rows, p);

	if (error)
		return error;
	if (!bits)
		return unknown_word(words, what, "", 0, p);
	*ret_bits = bits;
	return 0;
}

int consent_parse_purposes(const char *list, uint32_t *ret_purposes, struct problem *p)
{
	return parse_some(consent_purpose_words, "purpose", list, ret_purposes, p);
}

int consent_parse_recipients(const char *list, uint32_t *ret_recipients, struct problem *p)
{
	return parse_some(consent_recipient_words, "recipient", list, ret_recipients, p);
}

const char *consent_format(const struct consent_word *words, uint32_t bits, char buf[static CONSENT_WORDS_MAX])
{
	size_t n = 0;

	buf[0] = '\0';
	for (const struct consent_word *w = words; w->name; w++)
		if (!w->bit || bits & w->bit)
			n += (size_t)snprintf(buf + n, CONSENT_WORDS_MAX - n, "%s%s", n ? "," : "", w->name);
	return buf;
}

uint32_t consent_recipients_of(uint32_t purposes)
{
	uint32_t recipients = CONSENT_TENANT;

	if (purposes & CONSENT_P1)
		recipients |= CONSENT_COURT | CONSENT_ACCESS_PROVIDER | CONSENT_APPLICANT;
	if (purposes & CONSENT_P3)
		recipients |= CONSENT_COURT | CONSENT_INVESTIGATOR;
	return recipients;
}
