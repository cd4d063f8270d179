// SPDX-License-Identifier: BSD-2-Clause
/* Reading the ends of a line. */
#include <string.h>
#include "base/utc.h"
#include "chain_scan.h"

#define SEQ_DIGITS 18
#define TIME_CHARACTERS 30 /* "2026-01-01T00:00:00.000000000Z" */
#define TAIL ",\"prev\":\"" /* 64 digits */ "\",\"key\":\"" /* 16 */ "\",\"sig\":\"" /* 128 */ "\"}"
#define TAIL_BYTES (sizeof(TAIL) - 1 + LEDGER_HASH_TEXT - 1 + LEDGER_KEY_ID_TEXT - 1 + LEDGER_SIGNATURE_TEXT - 1)

/* What is left of a line, from its front on. */
struct rest {
	const char *at, *end;
};

static bool take(struct rest *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

static bool take_seq(struct rest *r, uint64_t *ret_seq)
{
	const char *begin = r->at;
	uint64_t seq = 0;

	while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && r->at - begin < SEQ_DIGITS)
		seq = seq * 10 + (uint64_t)(*r->at++ - '0');
	*ret_seq = seq;
	return r->at > begin && *begin != '0';
}

static bool take_time(struct rest *r, int64_t *ret_ns)
{
	char text[TIME_CHARACTERS + 1];
	struct problem ignored;

	if (r->end - r->at < TIME_CHARACTERS)
		return false;
	memcpy(text, r->at, TIME_CHARACTERS);
	text[TIME_CHARACTERS] = '\0';
	r->at += TIME_CHARACTERS;
	return utc_parse(text, ret_ns, &ignored) == 0;
}

/* A word of capital letters and the like: nothing that is written otherwise within a string. */
static bool take_event(struct rest *r, struct chain_scan *s)
{
	s->event = r->at;
	while (r->at < r->end && ((*r->at >= 'A' && *r->at <= 'Z') || *r->at == '_'))
		r->at++;
	s->event_size = (size_t)(r->at - s->event);
	return s->event_size > 0;
}

static bool take_hex(struct rest *r, char *to, size_t digits)
{
	if ((size_t)(r->end - r->at) < digits)
		return false;
	memcpy(to, r->at, digits);
	to[digits] = '\0';
	r->at += digits;
	return strspn(to, "0123456789abcdef") == digits;
}

bool chain_scan_line(const char *text, size_t size, struct chain_scan *ret_scan)
{
	struct rest front = { text, text + size }, back = { text + size - TAIL_BYTES, text + size };
	char signature[LEDGER_SIGNATURE_TEXT];
	struct chain_scan s;

	if (size < TAIL_BYTES || memchr(text, '\0', size))
		return false;
	if (!take(&front, "{\"seq\":") || !take_seq(&front, &s.seq) || !take(&front, ",\"t\":\"") ||
	    !take_time(&front, &s.t_ns) || !take(&front, "\",\"event\":\"") || !take_event(&front, &s) ||
	    !take(&front, "\""))
		return false;
	if (back.at < front.at || !take(&back, ",\"prev\":\"") || !take_hex(&back, s.prev, LEDGER_HASH_TEXT - 1) ||
	    !take(&back, "\",\"key\":\"") || !take_hex(&back, s.key, LEDGER_KEY_ID_TEXT - 1) ||
	    !take(&back, "\",\"sig\":\"") || !take_hex(&back, signature, LEDGER_SIGNATURE_TEXT - 1) ||
	    !take(&back, "\"}"))
		return false;
	*ret_scan = s;
	return true;
}
