// SPDX-License-Identifier: BSD-2-Clause
/* The acts of cases, one by one. What a line says is believed (it is signed), whether it may stand there is checked. */
#include "cases_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/text.h"
#include "base/utc.h"

/* One line on its way into the cases. */
struct reading {
	struct cases *cases;
	json_t *line;
	uint64_t seq;
	int64_t t_ns;
	struct problem *p;
};

#define FAIL(r, error, ...) problem((r)->p, error, __VA_ARGS__)

static int no_memory(const struct reading *r)
{
	return FAIL(r, -ENOMEM, "out of memory");
}

/* --- Members --- */

/* A text of one line; null is none. */
static int read_text(const struct reading *r, const json_t *of, const char *key, bool needed, const char **ret_text)
{
	const json_t *member = json_object_get(of, key);
	const char *text = json_string_value(member);
	size_t size = json_string_length(member);

	*ret_text = NULL;
	if (!member || json_is_null(member))
		return needed ? FAIL(r, -EINVAL, "%s is missing", key) : 0;
	if (!text || !size || size > CASE_TEXT_MAX || !text_is_plain(text, size))
		return FAIL(r, -EINVAL, "%s: expected one line of 1 to %d bytes of text", key, CASE_TEXT_MAX);
	*ret_text = text;
	return 0;
}

static int read_time(const struct reading *r, const json_t *member, const char *what, int64_t *ret_ns)
{
	const char *text = json_string_value(member);
	struct problem why;

	if (!text)
		return FAIL(r, -EINVAL, "%s is no time", what);
	return utc_parse(text, ret_ns, &why) ? FAIL(r, -EINVAL, "%s: %s", what, why.text) : 0;
}

static int read_count(const struct reading *r, const char *key, json_int_t max, uint64_t *ret_value)
{
	const json_t *member = json_object_get(r->line, key);

	if (!json_is_integer(member) || json_integer_value(member) < 0 || json_integer_value(member) > max)
		return FAIL(r, -EINVAL, "%s: expected a number", key);
	*ret_value = (uint64_t)json_integer_value(member);
	return 0;
}

/* Who did it: on every act. */
static int read_actor(const struct reading *r, unsigned int *ret_uid)
{
	const char *user;
	uint64_t uid;
	int error = read_count(r, "uid", UINT32_MAX, &uid);

	if (!error)
		error = read_text(r, r->line, "user", false, &user);
	if (!error)
		*ret_uid = (unsigned int)uid;
	return error;
}

static int keep(struct legal_case *c, const struct reading *r)
{
	if (ARRAY_RESERVE(c->acts, c->act_count, c->act_capacity))
		return no_memory(r);
	c->acts[c->act_count++] = json_incref(r->line);
	return 0;
}

static const char *number_of(const struct reading *r)
{
	const char *number = json_string_value(json_object_get(r->line, "case"));
	char folded[CASE_NUMBER_MAX + 1];

	return number && case_fold(number, folded) == 0 ? number : NULL;
}

/* The case that the act is about; closed ones only when the act allows it. */
static int find_case(const struct reading *r, bool closed_too, struct legal_case **ret_case)
{
	const char *number = number_of(r);
	const struct legal_case *c = number ? cases_find(r->cases, number) : NULL;

	if (!number)
		return FAIL(r, -EINVAL, "case: expected 1 to %d bytes of one line of text", CASE_NUMBER_MAX);
	if (!c)
		return FAIL(r, -ESRCH, "there is no case \"%s\"", number);
	if (c->outcome && !closed_too)
		return FAIL(r, -ENOTCONN, "case \"%s\" is closed (%s)", number, c->outcome);
	*ret_case = (struct legal_case *)c;
	return 0;
}

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(*words, word) != 0)
		words++;
	return *words != NULL;
}

/* --- CASE_OPEN --- */

static int read_tenants(const struct reading *r, struct legal_case *c)
{
	const json_t *list = json_object_get(r->line, "tenants"), *item;
	size_t i;

	if (json_is_null(list))
		return 0;
	if (!json_is_array(list) || !json_array_size(list))
		return FAIL(r, -EINVAL, "tenants: expected null or a list of tenant ids");
	c->tenants = calloc(json_array_size(list), sizeof(*c->tenants));
	if (!c->tenants)
		return no_memory(r);
	json_array_foreach(list, i, item) {
		const char *id = json_string_value(item);

		if (!id || parse_tenant_id(id))
			return FAIL(r, -EINVAL, "tenant \"%s\": not a tenant id", id ? id : "");
		for (size_t k = 0; k < c->tenant_count; k++)
			if (strcmp(c->tenants[k], id) == 0)
				return FAIL(r, -EINVAL, "tenant \"%s\" is given twice", id);
		c->tenants[c->tenant_count++] = id;
	}
	return 0;
}

static int read_windows(const struct reading *r, struct legal_case *c)
{
	const json_t *list = json_object_get(r->line, "windows"), *item;
	size_t i;
	int error = 0;

	if (!json_is_array(list))
		return FAIL(r, -EINVAL, "windows: expected a list");
	c->windows = calloc(json_array_size(list) + 1, sizeof(*c->windows));
	if (!c->windows)
		return no_memory(r);
	json_array_foreach(list, i, item) {
		struct case_window *w = &c->windows[i];

		error = read_time(r, json_array_get(item, 0), "window", &w->from_ns);
		if (!error)
			error = read_time(r, json_array_get(item, 1), "window", &w->to_ns);
		if (!error && w->from_ns >= w->to_ns)
			error = FAIL(r, -EINVAL, "window %zu does not end after its beginning", i + 1);
		if (error)
			return error;
		c->window_count++;
	}
	return 0;
}

static int read_secrecy(const struct reading *r, struct legal_case *c)
{
	const json_t *until = json_object_get(r->line, "secret_until");
	const char *reason;
	int error = read_text(r, r->line, "secret_reason", false, &reason);

	if (error || (json_is_null(until) && !reason))
		return error;
	if (json_is_null(until) || !reason)
		return FAIL(r, -EINVAL, "secrecy has an end and a reason");
	return read_time(r, until, "secret_until", &c->secret_until_ns);
}

static int read_opening(const struct reading *r, struct legal_case *c)
{
	static const char *const texts[] = { "requester", "approver", "note" };
	const char *basis, *ignored;
	unsigned int uid;
	int error = read_text(r, r->line, "basis", true, &basis);

	if (!error && !(c->basis = basis_find(basis)))
		error = FAIL(r, -EINVAL, "basis \"%s\": expected one of %s", basis, basis_list());
	if (!error)
		error = read_tenants(r, c);
	if (!error)
		error = read_windows(r, c);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && !error; i++)
		error = read_text(r, r->line, texts[i], false, &ignored);
	if (!error)
		error = read_secrecy(r, c);
	if (!error)
		error = read_actor(r, &uid);
	return error ? error : keep(c, r);
}

/* The number is another case from now on. */
static void end_requests(struct cases *all, const char *folded)
{
	char own[CASE_NUMBER_MAX + 1];

	for (size_t i = 0; i < all->request_count; i++) {
		const char *number = json_string_value(json_object_get(all->requests[i].act, "case"));

		if (number && case_fold(number, own) == 0 && strcmp(own, folded) == 0)
			all->requests[i].over = true;
	}
}

static int open_case(const struct reading *r)
{
	struct cases *all = r->cases;
	const char *number = number_of(r);
	const struct legal_case *before = number ? cases_find(all, number) : NULL;
	struct legal_case *c;

	if (!number)
		return FAIL(r, -EINVAL, "case: expected 1 to %d bytes of one line of text", CASE_NUMBER_MAX);
	if (before && !before->outcome)
		return FAIL(r, -EEXIST, "case \"%s\" is open already, as \"%s\" on basis %s", number, before->number,
			    before->basis->code);
	if (before)
		end_requests(all, before->folded);
	if (ARRAY_RESERVE(all->list, all->count, all->capacity))
		return no_memory(r);
	c = &all->list[all->count++];
	*c = (struct legal_case){ .number = number, .opened_seq = r->seq };
	(void)case_fold(number, c->folded);
	c->hash = cases_hash(c->folded);
	return read_opening(r, c);
}

/* --- CASE_NOTE, CASE_OPINION, CASE_CLOSE --- */

static int add_note(const struct reading *r)
{
	struct legal_case *c;
	const char *text;
	unsigned int uid;
	int error = find_case(r, true, &c);

	if (!error)
		error = read_text(r, r->line, "text", true, &text);
	if (!error)
		error = read_actor(r, &uid);
	return error ? error : keep(c, r);
}

static int add_opinion(const struct reading *r)
{
	static const char *const states[] = { "asked", "agrees", "objects", "no-answer", NULL };
	const char *tenant, *state, *note;
	struct legal_case *c;
	unsigned int uid;
	int error = find_case(r, false, &c);

	if (!error)
		error = read_text(r, r->line, "tenant", true, &tenant);
	if (!error && parse_tenant_id(tenant))
		error = FAIL(r, -EINVAL, "tenant \"%s\": not a tenant id", tenant);
	if (!error && !case_has_tenant(c, tenant))
		error = FAIL(r, -EKEYREJECTED, "tenant %s is not in case \"%s\"", tenant, c->number);
	if (!error)
		error = read_text(r, r->line, "state", true, &state);
	if (!error && !is_one_of(state, states))
		error = FAIL(r, -EINVAL, "state \"%s\": expected " CASE_OPINIONS, state);
	if (!error)
		error = read_text(r, r->line, "note", false, &note);
	if (!error)
		error = read_actor(r, &uid);
	return error ? error : keep(c, r);
}

static int close_case(const struct reading *r)
{
	static const char *const outcomes[] = { "disclosed", "not-disclosed", "none", "withdrawn", NULL };
	const char *outcome, *note;
	struct legal_case *c;
	unsigned int uid;
	int error = find_case(r, false, &c);

	if (!error)
		error = read_text(r, r->line, "outcome", true, &outcome);
	if (!error && !is_one_of(outcome, outcomes))
		error = FAIL(r, -EINVAL, "outcome \"%s\": expected " CASE_OUTCOMES, outcome);
	if (!error)
		error = read_text(r, r->line, "note", false, &note);
	if (!error)
		error = read_actor(r, &uid);
	if (!error)
		error = keep(c, r);
	if (!error)
		c->outcome = outcome;
	return error;
}

/* --- CASE_PROVIDER --- */

static int read_prefixes(const struct reading *r, const json_t *list, struct case_provider *one)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(list))
		return FAIL(r, -EINVAL, "prefixes: expected a list");
	one->prefixes = calloc(json_array_size(list) + 1, sizeof(*one->prefixes));
	if (!one->prefixes)
		return no_memory(r);
	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);

		if (!text || prefix_parse(text, &one->prefixes[i]))
			return FAIL(r, -EINVAL, "prefix \"%s\": expected ADDR[/LEN] without host bits", text ? text : "");
		one->prefix_count++;
	}
	return 0;
}

static int read_provider(const struct reading *r, const json_t *item, struct legal_case *c)
{
	struct case_provider *one;
	int32_t day;
	int error;

	if (ARRAY_RESERVE(c->providers, c->provider_count, c->provider_capacity))
		return no_memory(r);
	one = &c->providers[c->provider_count++];
	*one = (struct case_provider){};
	error = read_text(r, item, "name", true, &one->name);
	if (!error)
		error = read_text(r, item, "address", true, &one->address);
	if (!error)
		error = read_text(r, item, "source", true, &one->source);
	if (!error)
		error = read_text(r, item, "date", true, &one->date);
	if (!error && day_parse(one->date, &day))
		error = FAIL(r, -EINVAL, "date \"%s\": expected YYYY-MM-DD", one->date);
	return error ? error : read_prefixes(r, json_object_get(item, "prefixes"), one);
}

static int add_providers(const struct reading *r)
{
	const json_t *list = json_object_get(r->line, "providers"), *item;
	const char *file;
	struct legal_case *c;
	unsigned int uid;
	size_t i;
	int error = find_case(r, false, &c);

	if (!error && (!json_is_array(list) || !json_array_size(list)))
		error = FAIL(r, -EINVAL, "providers: expected a list");
	if (!error)
		error = read_text(r, r->line, "file_hash", false, &file);
	if (!error)
		error = read_actor(r, &uid);
	if (error)
		return error;
	json_array_foreach(list, i, item) {
		error = read_provider(r, item, c);
		if (error)
			return error;
	}
	return keep(c, r);
}

/* --- Second persons --- */

static int add_request(const struct reading *r)
{
	struct cases *all = r->cases;
	struct approval_request one = { .seq = r->seq, .act = r->line };
	struct legal_case *c;
	const char *query;
	int error = find_case(r, false, &c);

	if (!error)
		error = read_text(r, r->line, "digest", true, &one.digest);
	if (!error && !(query = json_string_value(json_object_get(r->line, "query"))))
		error = FAIL(r, -EINVAL, "query is missing");
	if (!error)
		error = read_count(r, "rows", INT64_MAX, &one.rows);
	if (!error)
		error = read_actor(r, &one.uid);
	if (error)
		return error;
	if (ARRAY_RESERVE(all->requests, all->request_count, all->request_capacity) ||
	    ARRAY_RESERVE(all->kept, all->kept_count, all->kept_capacity))
		return no_memory(r);
	all->kept[all->kept_count++] = json_incref(r->line);
	all->requests[all->request_count++] = one;
	return 0;
}

static int approve(const struct reading *r)
{
	struct approval_request *request;
	const struct legal_case *c;
	unsigned int uid;
	uint64_t seq;
	int error = read_count(r, "request", INT64_MAX, &seq);

	if (!error)
		error = read_actor(r, &uid);
	if (error)
		return error;
	request = (struct approval_request *)cases_request(r->cases, seq);
	if (!request)
		return FAIL(r, -ESRCH, "there is no request %llu", (unsigned long long)seq);
	c = cases_find(r->cases, json_string_value(json_object_get(request->act, "case")));
	if (!c || c->outcome || request->over)
		return FAIL(r, -ENOTCONN, "the case of request %llu is closed", (unsigned long long)seq);
	if (request->uid == uid)
		return FAIL(r, -EKEYREJECTED, "request %llu was made by uid %u itself: another person approves it",
			    (unsigned long long)seq, uid);
	if (request->approved_until_ns > r->t_ns)
		return FAIL(r, -EEXIST, "request %llu is approved already", (unsigned long long)seq);
	request->approved_until_ns = r->t_ns + APPROVAL_NS;
	return 0;
}

int cases_read(struct cases *c, const json_t *line, uint64_t seq, int64_t t_ns, struct problem *p)
{
	static const struct {
		const char *event;
		int (*read)(const struct reading *r);
	} acts[] = {
		{ "CASE_OPEN", open_case },	   { "CASE_NOTE", add_note },
		{ "CASE_OPINION", add_opinion },   { "CASE_PROVIDER", add_providers },
		{ "CASE_CLOSE", close_case },	   { "APPROVAL_REQUEST", add_request },
		{ "APPROVED", approve },
	};
	const struct reading r = { .cases = c, .line = (json_t *)line, .seq = seq, .t_ns = t_ns, .p = p };
	const char *event = json_string_value(json_object_get(line, "event"));

	for (size_t i = 0; event && i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(acts[i].event, event) == 0)
			return acts[i].read(&r);
	return 0;
}
