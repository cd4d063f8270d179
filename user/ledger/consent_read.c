// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reading acts: what must stand in a line is what the law asks of a consent (DOMAIN 2.4), and each lack has its own
 * message. FORMAT.md 3.8 has the table.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/text.h"
#include "base/utc.h"
#include "consent_read.h"

/* A member that must be there. */
static int member(const json_t *line, const char *key, const json_t **ret_value, struct problem *p)
{
	*ret_value = json_object_get(line, key);
	return *ret_value ? 0 : problem(p, -EBADMSG, "not a valid consent act: \"%s\" is missing", key);
}

static int invalid(const char *key, const char *expected, struct problem *p)
{
	return problem(p, -EBADMSG, "not a valid consent act: \"%s\" is not %s", key, expected);
}

/* One line of text; ret_text may be NULL. */
static int read_text(const json_t *line, const char *key, size_t max, char *ret_text, struct problem *p)
{
	const json_t *value;
	int error = member(line, key, &value, p);
	size_t size;

	if (error)
		return error;
	size = json_string_length(value);
	if (!json_is_string(value) || size == 0 || size > max || !text_is_plain(json_string_value(value), size))
		return invalid(key, "a line of text", p);
	if (ret_text)
		memcpy(ret_text, json_string_value(value), size + 1);
	return 0;
}

static int read_text_or_null(const json_t *line, const char *key, struct problem *p)
{
	return json_is_null(json_object_get(line, key)) ? 0 : read_text(line, key, CONSENT_WORD_MAX, NULL, p);
}

static int read_time(const json_t *line, const char *key, int64_t *ret_ns, struct problem *p)
{
	const json_t *value;
	struct problem ignored;
	int error = member(line, key, &value, p);

	if (error)
		return error;
	return json_is_string(value) && utc_parse(json_string_value(value), ret_ns, &ignored) == 0 ?
		       0 : invalid(key, "a time", p);
}

static int read_number(const json_t *line, const char *key, json_int_t min, json_int_t max, json_int_t *ret_number,
		       struct problem *p)
{
	const json_t *value;
	char expected[80];
	int error = member(line, key, &value, p);

	if (error)
		return error;
	if (json_is_integer(value) && json_integer_value(value) >= min && json_integer_value(value) <= max) {
		*ret_number = json_integer_value(value);
		return 0;
	}
	if (max == INT64_MAX)
		snprintf(expected, sizeof(expected), "a number from %lld on", (long long)min);
	else
		snprintf(expected, sizeof(expected), "a number from %lld to %lld", (long long)min, (long long)max);
	return invalid(key, expected, p);
}

static int read_assertion(const json_t *line, const char *key, bool must_be, struct problem *p)
{
	const json_t *value;
	int error = member(line, key, &value, p);

	if (error)
		return error;
	return (must_be ? json_is_true(value) : json_is_false(value)) ? 0 :
		invalid(key, must_be ? "true" : "false", p);
}

static const char *const vias[] = { CONSENT_VIA_COMMAND, CONSENT_VIA_SOCKET };

/* {"uid": N, "user": NAME or null, "via": ..., "from": TEXT or null} */
static int read_origin(const json_t *line, struct problem *p)
{
	const json_t *origin;
	json_int_t uid;
	const char *via;
	int error = member(line, "origin", &origin, p);

	if (error)
		return error;
	if (!json_is_object(origin))
		return invalid("origin", "an object", p);
	error = read_number(origin, "uid", 0, UINT32_MAX, &uid, p);
	if (!error)
		error = read_text_or_null(origin, "user", p);
	if (!error)
		error = read_text_or_null(origin, "from", p);
	if (error)
		return error;
	via = json_string_value(json_object_get(origin, "via"));
	return via && (strcmp(via, vias[0]) == 0 || strcmp(via, vias[1]) == 0) ?
		       0 : invalid("via", "\"" CONSENT_VIA_COMMAND "\" or \"" CONSENT_VIA_SOCKET "\"", p);
}

/* Who did it, how that is known, how and from where it came: of every act. */
static int read_who(const json_t *line, struct problem *p)
{
	static const char *const texts[] = { "actor", "actor_auth", "method" };
	json_int_t ignored;
	int error = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && !error; i++)
		error = read_text(line, texts[i], CONSENT_WORD_MAX, NULL, p);
	if (!error)
		error = read_origin(line, p);
	if (!error)
		error = read_text_or_null(line, "ticket", p);
	return error ? error : read_number(line, "clock_err_ns", 0, INT64_MAX, &ignored, p);
}

/* An array of words of a closed list, in its order, at least one. */
static int read_words(const json_t *line, const char *key, const struct consent_word *words, uint32_t *ret_bits,
		      struct problem *p)
{
	const json_t *array;
	json_t *item;
	uint32_t bits = 0;
	size_t i;
	int error = member(line, key, &array, p);

	if (error)
		return error;
	json_array_foreach((json_t *)array, i, item) {
		const char *text = json_string_value(item);
		const struct consent_word *w = words;

		while (w->name && (!text || strcmp(w->name, text) != 0))
			w++;
		if (!w->name || w->bit <= bits)
			return invalid(key, "a list of what can be", p);
		bits |= w->bit;
	}
	if (!bits)
		return invalid(key, "a list of what can be", p);
	*ret_bits = bits;
	return 0;
}

static int read_fields(const json_t *line, struct consent *g, struct problem *p)
{
	struct problem why;
	const json_t *value;
	int error = member(line, "fields", &value, p);

	if (error)
		return error;
	if (!json_is_string(value))
		return invalid("fields", "a list", p);
	return consent_parse_fields(json_string_value(value), &g->fields, &why) == 0 ?
		       0 : problem(p, -EBADMSG, "not a valid consent act: %s", why.text);
}

static int read_selectors(const json_t *line, struct consent *g, struct problem *p)
{
	const json_t *scope;
	json_t *item;
	size_t i;
	int error = member(line, "scope", &scope, p);

	if (error)
		return error;
	if (!json_is_array(scope) || json_array_size(scope) == 0)
		return invalid("scope", "a list of selectors", p);
	g->scope = calloc(json_array_size(scope), sizeof(*g->scope));
	g->resolved = calloc(json_array_size(scope), sizeof(*g->resolved));
	if (!g->scope || !g->resolved)
		return problem(p, -ENOMEM, "out of memory");
	json_array_foreach((json_t *)scope, i, item) {
		if (!json_is_string(item) || selector_parse(json_string_value(item), &g->scope[i]) != 0)
			return invalid("scope", "a list of selectors", p);
		g->scope_count++;
	}
	return 0;
}

static int read_resolved(const json_t *line, struct consent *g, struct problem *p)
{
	const json_t *resolved;
	json_t *item;
	size_t i;
	int error = member(line, "resolved", &resolved, p);

	if (error)
		return error;
	if (json_array_size(resolved) != g->scope_count)
		return invalid("resolved", "a list as long as scope", p);
	json_array_foreach((json_t *)resolved, i, item) {
		const char *text = json_string_value(item);

		if (json_is_null(item))
			continue;
		if (!text || !*text || !text_is_plain(text, strlen(text)))
			return invalid("resolved", "a list of texts and nulls", p);
		g->resolved[i] = strdup(text);
		if (!g->resolved[i])
			return problem(p, -ENOMEM, "out of memory");
	}
	return 0;
}

static int read_separability(const json_t *line, struct consent *g, struct problem *p)
{
	const json_t *value;
	const char *text;
	int error = member(line, "separability", &value, p);

	if (error)
		return error;
	text = json_string_value(value);
	if (!text || (strcmp(text, "EXACT") != 0 && strcmp(text, "SHARED") != 0))
		return invalid("separability", "EXACT or SHARED", p);
	g->separability = strcmp(text, "EXACT") == 0 ? CONSENT_EXACT : CONSENT_SHARED;
	return 0;
}

/* The explanation, and what it must have promised: without these a consent is none. */
static int read_explanation(const json_t *line, struct consent *g, struct problem *p)
{
	int error = read_text(line, "text_id", CONSENT_TEXT_ID_MAX, g->text_id, p);

	if (!error)
		error = read_text(line, "text_version", CONSENT_TEXT_ID_MAX, g->text_version, p);
	if (!error)
		error = read_text(line, "text_sha256", CONSENT_SHA256_HEX, g->text_sha256, p);
	if (!error && (strlen(g->text_sha256) != CONSENT_SHA256_HEX ||
		       strspn(g->text_sha256, "0123456789abcdef") != CONSENT_SHA256_HEX))
		error = invalid("text_sha256", "64 hexadecimal digits", p);
	if (!error)
		error = read_text(line, "lang", CONSENT_LANG_MAX, g->lang, p);
	if (!error)
		error = read_assertion(line, "same_terms", true, p);
	if (!error)
		error = read_assertion(line, "revocable", true, p);
	return error ? error : read_assertion(line, "bundled", false, p);
}

/* From when to when. A consent is never for the past (AC-05), and has an end (AC-04). */
static int read_period(const json_t *line, struct consent *g, int64_t t_ns, struct problem *p)
{
	int error = read_time(line, "effective_from", &g->from_ns, p);

	if (!error)
		error = read_time(line, "effective_to", &g->agreed_until_ns, p);
	if (error)
		return error;
	if (g->from_ns < t_ns)
		return problem(p, -EBADMSG, "not a valid consent act: \"effective_from\" lies before the act: no "
					    "consent is for the past");
	if (g->from_ns > t_ns)
		return invalid("effective_from", "the time of the act", p);
	if (g->agreed_until_ns <= g->from_ns)
		return invalid("effective_to", "later than its beginning", p);
	g->until_ns = g->agreed_until_ns;
	return 0;
}

static int read_terms(const json_t *line, struct consent *g, int64_t t_ns, struct problem *p)
{
	json_int_t days = 0;
	int error = read_period(line, g, t_ns, p);

	if (!error)
		error = read_selectors(line, g, p);
	if (!error)
		error = read_resolved(line, g, p);
	if (!error)
		error = read_separability(line, g, p);
	if (!error)
		error = read_fields(line, g, p);
	if (!error)
		error = read_words(line, "purposes", consent_purpose_words, &g->purposes, p);
	if (!error)
		error = read_words(line, "recipients", consent_recipient_words, &g->recipients, p);
	if (!error)
		error = read_number(line, "retention_days", 1, CONSENT_RETENTION_MAX_DAYS, &days, p);
	g->retention_days = (uint32_t)days;
	return error ? error : read_explanation(line, g, p);
}

/* What only narrows may rest upon the text of the grant before; what widens was explained anew. */
static int read_text_seq(const json_t *line, const struct consent *before, struct consent *g, struct problem *p)
{
	const json_t *value;
	int error = member(line, "text_seq", &value, p);

	if (error)
		return error;
	g->text_seq = g->seq;
	if (json_is_null(value))
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) != before->text_seq ||
	    strcmp(g->text_id, before->text_id) != 0 || strcmp(g->text_version, before->text_version) != 0 ||
	    strcmp(g->text_sha256, before->text_sha256) != 0 || strcmp(g->lang, before->lang) != 0)
		return invalid("text_seq", "null or the act that showed the text of the grant before", p);
	if (consent_widens(before, g))
		return problem(p, -EBADMSG, "not a valid consent act: it widens the consent and no text was shown "
					    "for it");
	g->text_seq = before->text_seq;
	return 0;
}

static struct consent *add(struct consents *c)
{
	if (ARRAY_RESERVE(c->list, c->count, c->capacity))
		return NULL;
	memset(&c->list[c->count], 0, sizeof(*c->list));
	return &c->list[c->count++];
}

static void end_at(struct consent *g, int64_t t_ns)
{
	if (g->until_ns > t_ns)
		g->until_ns = t_ns;
}

/* before: the tenant's last grant or NULL. */
static int read_grant(struct consents *c, const json_t *line, int64_t t_ns, const struct consent *before, bool modify,
		      struct problem *p)
{
	size_t at = before ? (size_t)(before - c->list) : 0;
	bool first = !before;
	struct consent *g = add(c);
	int error;

	if (!g)
		return problem(p, -ENOMEM, "out of memory");
	before = first ? NULL : &c->list[at];
	g->seq = c->last_seq;
	g->tenant = first ? g->seq : before->tenant;
	g->modify = modify;
	g->last_act_ns = t_ns;
	g->last_notice_ns = first ? 0 : before->last_notice_ns;
	g->text_seq = g->seq;
	snprintf(g->tenant_id, sizeof(g->tenant_id), "%s", json_string_value(json_object_get(line, "tenant")));
	error = read_terms(line, g, t_ns, p);
	if (!error && modify)
		error = read_text_seq(line, before, g, p);
	if (!error && !first)
		end_at(&c->list[at], t_ns);
	return error;
}

static int read_withdraw(const json_t *line, uint32_t seq, int64_t t_ns, struct consent *g, struct problem *p)
{
	const json_t *value;
	const char *mode;
	bool erase;
	int error = member(line, "withdraw_mode", &value, p);

	if (error)
		return error;
	mode = json_string_value(value);
	erase = mode && strcmp(mode, CONSENT_STOP_AND_ERASE) == 0;
	if (!erase && (!mode || strcmp(mode, CONSENT_STOP_ONLY) != 0))
		return invalid("withdraw_mode", CONSENT_STOP_ONLY " or " CONSENT_STOP_AND_ERASE, p);
	/* Erasure can be asked for after the end, too. */
	if (g->erase || (!erase && g->withdrawn))
		return problem(p, -EBADMSG, "not a valid consent act: the tenant's consent is withdrawn already");
	end_at(g, t_ns);
	g->erase = erase;
	g->withdrawn_ns = t_ns;
	g->withdrawn_seq = seq;
	g->withdrawn = true;
	return 0;
}

static int read_ended(const char *event, const json_t *line, int64_t t_ns, struct consents *c, struct consent *g,
		      struct problem *p)
{
	int error = 0;

	if (!g)
		return problem(p, -EBADMSG, "not a valid consent act: %s of a tenant that never consented", event);
	if (strcmp(event, "WITHDRAW") == 0)
		error = read_withdraw(line, c->last_seq, t_ns, g, p);
	else if (t_ns >= g->until_ns)
		return problem(p, -EBADMSG, "not a valid consent act: %s of a tenant without a consent in force", event);
	else if (strcmp(event, "MODIFY") == 0)
		return read_grant(c, line, t_ns, g, true, p);
	else
		g->last_notice_ns = t_ns;
	g->last_act_ns = t_ns;
	return error;
}

static bool is_event(const char *event)
{
	static const char *const events[] = { "GRANT", "MODIFY", "WITHDRAW", "NOTICE" };

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (event && strcmp(events[i], event) == 0)
			return true;
	return false;
}

int consent_read_act(struct consents *c, const json_t *line, struct problem *p)
{
	const char *event = json_string_value(json_object_get(line, "event"));
	const char *id = json_string_value(json_object_get(line, "tenant"));
	json_int_t seq;
	struct consent *g;
	int64_t t_ns;
	int error = read_number(line, "seq", (json_int_t)c->last_seq + 1, (json_int_t)c->last_seq + 1, &seq, p);

	if (!error)
		error = read_time(line, "t", &t_ns, p);
	if (error)
		return error;
	if (!is_event(event))
		return problem(p, -EBADMSG, "not a valid consent act: unknown event");
	if (!id || parse_tenant_id(id) != 0)
		return id ? invalid("tenant", "a tenant id", p) :
			    problem(p, -EBADMSG, "not a valid consent act: \"tenant\" is missing");
	g = (struct consent *)consents_last(c, id);
	if (g && t_ns <= g->last_act_ns)
		return problem(p, -EBADMSG, "not a valid consent act: it lies before the tenant's act that stands "
					    "before it");
	error = read_who(line, p);
	if (error)
		return error;
	c->last_seq = (uint32_t)seq;
	if (strcmp(event, "GRANT") == 0)
		return read_grant(c, line, t_ns, g, false, p);
	return read_ended(event, line, t_ns, c, g, p);
}
