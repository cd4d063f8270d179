// SPDX-License-Identifier: BSD-2-Clause
/* Cases: reading the chain, asking what it says, appending acts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"
#include "base/utc.h"
#include "cases.h"
#include "cases_read.h"

/* --- Numbers --- */

int case_fold(const char *number, char ret_folded[static CASE_NUMBER_MAX + 1])
{
	size_t size = strnlen(number, CASE_NUMBER_MAX + 1), n = 0;
	char folded[CASE_NUMBER_MAX + 1];

	if (!size || size > CASE_NUMBER_MAX || !text_is_plain(number, size))
		return -EINVAL;
	for (size_t i = 0; i < size; i++) {
		const unsigned char *s = (const unsigned char *)number + i;

		if (s[0] == 0xef && ((s[1] == 0xbc && s[2] >= 0x81) || (s[1] == 0xbd && s[2] <= 0x9e))) {
			/* U+FF01 to U+FF5E */
			folded[n++] = (char)(0x21 + ((s[1] & 3) << 6 | (s[2] & 0x3f)) - 1);
			i += 2;
		} else if (s[0] == 0xe3 && s[1] == 0x80 && s[2] == 0x80) {
			folded[n++] = ' ';
			i += 2;
		} else {
			folded[n++] = number[i];
		}
	}
	if (folded[0] == ' ' || folded[n - 1] == ' ')
		return -EINVAL;
	memcpy(ret_folded, folded, n);
	ret_folded[n] = '\0';
	return 0;
}

/* FNV-1a: only saves comparing texts that begin alike. */
uint64_t cases_hash(const char *folded)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (const char *c = folded; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
	return hash;
}

const struct legal_case *cases_find(const struct cases *c, const char *number)
{
	char folded[CASE_NUMBER_MAX + 1];
	uint64_t hash;

	if (case_fold(number, folded))
		return NULL;
	hash = cases_hash(folded);
	for (size_t i = c->count; i > 0; i--)
		if (c->list[i - 1].hash == hash && strcmp(c->list[i - 1].folded, folded) == 0)
			return &c->list[i - 1];
	return NULL;
}

/* --- What a case allows --- */

bool case_has_tenant(const struct legal_case *c, const char *tenant_id)
{
	for (size_t i = 0; i < c->tenant_count; i++)
		if (strcmp(c->tenants[i], tenant_id) == 0)
			return true;
	return !c->tenant_count;
}

bool case_covers(const struct legal_case *c, int64_t from_ns, int64_t to_ns)
{
	int64_t at = from_ns;
	bool further = true;

	if (!c->window_count)
		return true;
	/* Windows may touch and overlap. */
	while (at < to_ns && further) {
		further = false;
		for (size_t i = 0; i < c->window_count; i++) {
			const struct case_window *w = &c->windows[i];

			if (w->from_ns <= at && at < w->to_ns) {
				at = w->to_ns;
				further = true;
			}
		}
	}
	return at >= to_ns;
}

const struct case_provider *case_provider_of(const struct legal_case *c, const struct addr *src)
{
	const struct case_provider *best = NULL;
	int best_bits = -1;

	for (size_t i = 0; i < c->provider_count; i++) {
		const struct case_provider *one = &c->providers[i];

		if (!one->prefix_count && best_bits <= 0) {
			best = one;
			best_bits = 0;
		}
		for (size_t k = 0; k < one->prefix_count; k++)
			if (one->prefixes[k].bits >= best_bits && prefix_contains(&one->prefixes[k], src)) {
				best = one;
				best_bits = one->prefixes[k].bits;
			}
	}
	return best;
}

const struct approval_request *cases_request(const struct cases *c, uint64_t seq)
{
	size_t low = 0, high = c->request_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->requests[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->request_count && c->requests[low].seq == seq ? &c->requests[low] : NULL;
}

const struct approval_request *cases_request_for(const struct cases *c, const char *digest, unsigned int uid,
						 uint64_t rows)
{
	for (size_t i = c->request_count; i > 0; i--) {
		const struct approval_request *r = &c->requests[i - 1];

		if (!r->over && r->uid == uid && r->rows >= rows && strcmp(r->digest, digest) == 0)
			return r;
	}
	return NULL;
}

/* --- Loading --- */

static int take_line(void *ctx, const struct chain_line *line, struct problem *p)
{
	struct problem why = { "" };
	int error = line->json ? cases_read(ctx, line->json, line->seq, line->t_ns, &why) : 0;

	if (!error)
		return 0;
	return problem(p, error == -ENOMEM ? error : -EBADMSG, "ledger/" ACCESS_FILE " line %llu: %s",
		       (unsigned long long)line->seq, why.text);
}

int cases_load(const struct store_dir *store, struct cases *ret_cases, struct problem *p)
{
	struct cases c = {};
	struct chain_end end;
	int error = ledger_walk(store, LEDGER_ACCESS, CHAIN_ACTS, take_line, &c, &end, p);

	if (error) {
		cases_done(&c);
		return error;
	}
	c.last_seq = end.seq;
	*ret_cases = c;
	return 0;
}

static void done_case(struct legal_case *c)
{
	for (size_t i = 0; i < c->provider_count; i++)
		free(c->providers[i].prefixes);
	for (size_t i = 0; i < c->act_count; i++)
		json_decref(c->acts[i]);
	free(c->providers);
	free(c->tenants);
	free(c->windows);
	free(c->acts);
}

void cases_done(struct cases *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		done_case(&c->list[i]);
	for (size_t i = 0; i < c->kept_count; i++)
		json_decref(c->kept[i]);
	free(c->list);
	free(c->requests);
	free(c->kept);
	memset(c, 0, sizeof(*c));
}

/* --- Acts --- */

/* Whether a reader will accept the act as the next line. */
static int try_act(const struct store_dir *store, const json_t *act, int64_t t_ns, struct problem *p)
{
	char time_text[UTC_TEXT_MAX];
	struct cases c = {};
	int error = cases_load(store, &c, p);
	json_t *line = error ? NULL : json_copy((json_t *)act);

	if (!error && (!line || json_object_set_new(line, "t", json_string(utc_format(t_ns, time_text)))))
		error = problem(p, -ENOMEM, "out of memory");
	if (!error)
		error = cases_read(&c, line, c.last_seq + 1, t_ns, p);
	json_decref(line);
	cases_done(&c);
	return error;
}

int cases_act(const struct store_dir *store, const json_t *act, uint64_t *ret_seq, struct problem *p)
{
	struct ledger_writer *w;
	/* What is refused leaves no trace, not even a key. */
	int error = try_act(store, act, utc_now_ns(), p);
	int64_t now;

	if (error)
		return error;
	error = ledger_writer_open(store, &w, p);
	if (error)
		return error;
	now = utc_now_ns();
	/* Others may have written since. */
	error = try_act(store, act, now, p);
	if (!error)
		error = ledger_writer_append(w, LEDGER_ACCESS, act, now, ret_seq);
	ledger_writer_close(w);
	return error;
}
