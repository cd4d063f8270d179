// SPDX-License-Identifier: BSD-2-Clause
/* The consent ledger: reading acts into grants, appending grants and withdrawals. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/utc.h"
#include "consent.h"
#include "ledger.h"
#include "schema/event.h"

#define SHA256_HEX 64 /* digits */

/* withdraw_mode */
#define STOP_ONLY "STOP_ONLY"
#define STOP_AND_ERASE "STOP_AND_ERASE"

static const char *const base_fields[] = {
	"src_addr", "src_port", "dst_addr", "dst_port", "t_accept",
};
#define BASE_FIELDS (sizeof(base_fields) / sizeof(base_fields[0]))

/* In the order in which the ledger names them. */
static const struct {
	const char *name;
	uint32_t field;
} optional_fields[] = {
	{ "rtt", SEKISHO_FIELD_RTT },
	{ "t_close", SEKISHO_FIELD_CLOSE },
};
#define OPTIONAL_FIELDS (sizeof(optional_fields) / sizeof(optional_fields[0]))

/* The optional field of this name, or 0. */
static uint32_t optional_field(const char *name, size_t size)
{
	for (size_t i = 0; i < OPTIONAL_FIELDS; i++)
		if (strlen(optional_fields[i].name) == size &&
		    memcmp(optional_fields[i].name, name, size) == 0)
			return optional_fields[i].field;
	return 0;
}

int consent_parse_fields(const char *list, uint32_t *ret_fields, struct problem *p)
{
	unsigned int seen = 0;
	uint32_t fields = 0;

	for (const char *at = list; *at;) {
		size_t n = strcspn(at, ","), i = 0;

		while (i < BASE_FIELDS &&
		       (strlen(base_fields[i]) != n || memcmp(base_fields[i], at, n) != 0))
			i++;
		if (i < BASE_FIELDS)
			seen |= 1u << i;
		else if (optional_field(at, n))
			fields |= optional_field(at, n);
		else
			return problem(p, -EINVAL,
				       "unknown field \"%.*s\": expected src_addr, src_port, dst_addr, dst_port, t_accept, rtt, t_close",
				       (int)n, at);
		at += n + (at[n] == ',');
	}
	for (size_t i = 0; i < BASE_FIELDS; i++)
		if (!(seen & 1u << i))
			return problem(p, -EINVAL,
				       "field %s is missing from \"%s\": a record without it cannot answer a request",
				       base_fields[i], list);
	*ret_fields = fields;
	return 0;
}

static struct consent *add(struct consents *c)
{
	if (ARRAY_RESERVE(c->list, c->count, c->capacity))
		return NULL;
	memset(&c->list[c->count], 0, sizeof(*c->list));
	return &c->list[c->count++];
}

void consents_done(struct consents *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		free(c->list[i].scope);
	free(c->list);
	memset(c, 0, sizeof(*c));
}

/* The last grant of a tenant, ended or not. */
static struct consent *last_of(const struct consents *c, const char *tenant_id)
{
	for (size_t i = c->count; i > 0; i--)
		if (strcmp(c->list[i - 1].tenant_id, tenant_id) == 0)
			return &c->list[i - 1];
	return NULL;
}

static void end_at(struct consent *c, int64_t t_ns)
{
	if (c && c->until_ns > t_ns)
		c->until_ns = t_ns;
}

static int read_scope(const json_t *scope, struct consent *g)
{
	size_t i;
	json_t *item;

	if (!json_is_array(scope) || json_array_size(scope) == 0)
		return -EBADMSG;
	g->scope = calloc(json_array_size(scope), sizeof(*g->scope));
	if (!g->scope)
		return -ENOMEM;
	json_array_foreach(scope, i, item) {
		if (!json_is_string(item) ||
		    selector_parse(json_string_value(item), &g->scope[i]) != 0)
			return -EBADMSG;
		g->scope_count++;
	}
	return 0;
}

static int read_time(const json_t *line, const char *key, int64_t *ret_ns)
{
	struct problem ignored;
	const char *text = json_string_value(json_object_get(line, key));

	return text && utc_parse(text, ret_ns, &ignored) == 0 ? 0 : -EBADMSG;
}

static bool is_sha256(const char *hex)
{
	return hex && strlen(hex) == SHA256_HEX && strspn(hex, "0123456789abcdef") == SHA256_HEX;
}

static int read_grant(struct consents *c, const json_t *line, uint32_t seq, int64_t t_ns)
{
	const char *id = json_string_value(json_object_get(line, "tenant"));
	const char *fields = json_string_value(json_object_get(line, "fields"));
	json_int_t days = json_integer_value(json_object_get(line, "retention_days"));
	struct problem ignored;
	struct consent *before = last_of(c, id), *g;
	uint32_t tenant = before ? before->tenant : seq;

	end_at(before, t_ns);
	g = add(c);
	if (!g)
		return -ENOMEM;
	g->seq = seq;
	g->tenant = tenant;
	snprintf(g->tenant_id, sizeof(g->tenant_id), "%s", id);
	g->from_ns = t_ns;
	if (read_time(line, "effective_to", &g->agreed_until_ns) || !fields ||
	    consent_parse_fields(fields, &g->fields, &ignored) != 0 || days < 1 ||
	    !is_sha256(json_string_value(json_object_get(line, "text_sha256"))) ||
	    days > CONSENT_RETENTION_MAX_DAYS ||
	    !json_is_true(json_object_get(line, "same_terms")) ||
	    !json_is_true(json_object_get(line, "revocable")))
		return -EBADMSG;
	g->until_ns = g->agreed_until_ns;
	g->retention_days = (uint32_t)days;
	return read_scope(json_object_get(line, "scope"), g);
}

static int64_t last_act_ns(const struct consent *g)
{
	return g->withdrawn ? g->withdrawn_ns : g->from_ns;
}

static int read_act(struct consents *c, const json_t *line)
{
	const char *event = json_string_value(json_object_get(line, "event"));
	const char *id = json_string_value(json_object_get(line, "tenant"));
	json_int_t seq = json_integer_value(json_object_get(line, "seq"));
	const char *mode;
	struct consent *g;
	int64_t t_ns;

	if (!event || !id || parse_tenant_id(id) != 0 || seq != (json_int_t)c->last_seq + 1 ||
	    read_time(line, "t", &t_ns))
		return -EBADMSG;
	g = last_of(c, id);
	/* No act reaches back before the one that stands before it for the tenant. */
	if (g && t_ns <= last_act_ns(g))
		return -EBADMSG;
	c->last_seq = (uint32_t)seq;
	if (strcmp(event, "GRANT") == 0)
		return read_grant(c, line, (uint32_t)seq, t_ns);
	mode = json_string_value(json_object_get(line, "withdraw_mode"));
	if (strcmp(event, "WITHDRAW") != 0 || !g || g->withdrawn || !mode)
		return -EBADMSG;
	g->erase = strcmp(mode, STOP_AND_ERASE) == 0;
	if (!g->erase && strcmp(mode, STOP_ONLY) != 0)
		return -EBADMSG;
	end_at(g, t_ns);
	g->withdrawn_ns = t_ns;
	g->withdrawn_seq = (uint32_t)seq;
	g->withdrawn = true;
	return 0;
}

static int take_line(void *ctx, const struct chain_line *line, struct problem *p)
{
	int error = read_act(ctx, line->json);

	if (error)
		return problem(p, error, "ledger/%s line %llu: %s", CONSENT_FILE, (unsigned long long)line->seq,
			       error == -EBADMSG ? "not a valid consent act" : strerror(-error));
	return 0;
}

int consents_load(const struct store_dir *store, struct consents *ret_consents, struct problem *p)
{
	struct consents c = {};
	struct chain_end end;
	int error = ledger_walk(store, LEDGER_CONSENT, CHAIN_QUICK, take_line, &c, &end, p);

	if (error) {
		consents_done(&c);
		return error;
	}
	c.torn = end.torn; /* power loss during an append that was never confirmed */
	*ret_consents = c;
	return 0;
}

const struct consent *consents_at(const struct consents *c, const char *tenant_id, int64_t utc_ns)
{
	const struct consent *g = last_of(c, tenant_id);

	return g && g->from_ns <= utc_ns && utc_ns < g->until_ns ? g : NULL;
}

int64_t consents_next_start(const struct consents *c, int64_t utc_ns)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < c->count; i++) {
		const struct consent *g = &c->list[i];

		if (g->from_ns > utc_ns && g->from_ns < g->until_ns && g->from_ns < next)
			next = g->from_ns;
	}
	return next;
}

static const struct consent *by_seq(const struct consents *c, uint32_t seq)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->list[middle].seq == seq)
			return &c->list[middle];
		if (c->list[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool covers(const struct consent *g, int64_t utc_ns)
{
	return g->from_ns <= utc_ns && utc_ns < g->until_ns;
}

bool consents_cover(const struct consents *c, uint32_t seq, uint32_t tenant, int64_t utc_ns)
{
	const struct consent *g = by_seq(c, seq);

	return g && g->tenant == tenant && covers(g, utc_ns);
}

static bool in_scope(const struct consent *g, const struct consent_local *local)
{
	for (size_t i = 0; i < g->scope_count; i++)
		if ((!g->scope[i].port || g->scope[i].port == local->port) &&
		    prefix_contains(&g->scope[i].prefix, &local->addr))
			return true;
	return false;
}

/* The grant that begins where this one ends, without a moment between. */
static const struct consent *successor(const struct consents *c, const struct consent *g)
{
	for (const struct consent *s = g + 1; s < c->list + c->count; s++)
		if (s->tenant == g->tenant)
			return s->from_ns == g->until_ns && !g->withdrawn ? s : NULL;
	return NULL;
}

uint32_t consents_covering(const struct consents *c, uint32_t seq, uint32_t tenant, int64_t utc_ns,
			   const struct consent_local *local)
{
	const struct consent *g = by_seq(c, seq);

	if (consents_cover(c, seq, tenant, utc_ns))
		return seq;
	if (!g || g->tenant != tenant)
		return 0;
	while ((g = successor(c, g)))
		if (covers(g, utc_ns))
			return in_scope(g, local) ? g->seq : 0;
	return 0;
}

uint32_t consents_fields(const struct consents *c, uint32_t seq)
{
	const struct consent *g = by_seq(c, seq);

	return g ? g->fields : 0;
}

/* Whether a reader will accept the act: one line that it does not would stop all recording. Changes *c. */
static int try_act(struct consents *c, const json_t *act, int64_t t_ns, struct problem *p)
{
	char time_text[UTC_TEXT_MAX];
	json_t *line = json_copy((json_t *)act);
	int error = line ? 0 : -ENOMEM;

	if (!error) {
		json_object_set_new(line, "seq", json_integer((json_int_t)c->last_seq + 1));
		json_object_set_new(line, "t", json_string(utc_format(t_ns, time_text)));
		error = read_act(c, line);
	}
	json_decref(line);
	return error == -ENOMEM ? problem(p, error, "out of memory") :
	       error		? problem(p, -EINVAL, "this act would not be valid in the ledger") :
				  0;
}

/* What must hold before an act of a tenant: its last act lies behind, a withdrawal ends something. */
static int check_act(const struct consents *c, const struct consent_act *act, bool withdraw,
		     int64_t now, struct problem *p)
{
	const struct consent *last = last_of(c, act->tenant_id);

	if (withdraw && !consents_at(c, act->tenant_id, now))
		return problem(p, -ESRCH, "tenant %s has no consent in force", act->tenant_id);
	if (last && now <= last_act_ns(last))
		return problem(p, -ETIME, "the clock is behind the last act for tenant %s",
			       act->tenant_id);
	return 0;
}

/* Reads what is there and checks the act against it. */
static int check_whole(const struct store_dir *store, const struct consent_act *act, const json_t *line,
		       bool withdraw, int64_t *ret_now, struct problem *p)
{
	struct consents c = {};
	int error = consents_load(store, &c, p);

	*ret_now = utc_now_ns();
	if (!error)
		error = check_act(&c, act, withdraw, *ret_now, p);
	if (!error)
		error = try_act(&c, line, *ret_now, p);
	consents_done(&c);
	return error;
}

/* Runs one act under the ledgers' lock; what is refused before leaves no trace, not even a key. */
static int run_act(const struct store_dir *store, const struct consent_act *act, const json_t *line,
		   bool withdraw, uint32_t *ret_seq, int64_t *ret_time_ns, struct problem *p)
{
	struct ledger_writer *w;
	int64_t now;
	uint64_t seq;
	int error = check_whole(store, act, line, withdraw, &now, p);

	if (error)
		return error;
	error = ledger_writer_open(store, &w, p);
	if (error)
		return error;
	/* Others may have written since. */
	error = check_whole(store, act, line, withdraw, &now, p);
	if (!error)
		error = ledger_writer_append(w, LEDGER_CONSENT, line, now, &seq);
	ledger_writer_close(w);
	if (!error) {
		if (ret_seq)
			*ret_seq = (uint32_t)seq;
		*ret_time_ns = now;
	}
	return error;
}

static json_t *scope_json(const struct consent_act *act)
{
	char text[SELECTOR_TEXT_MAX];
	json_t *scope = json_array();

	for (size_t i = 0; i < act->scope_count; i++)
		json_array_append_new(scope, json_string(selector_format(&act->scope[i], text)));
	return scope;
}

#define FIELDS_TEXT_MAX 80

static const char *fields_text(uint32_t fields, char text[static FIELDS_TEXT_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < BASE_FIELDS; i++)
		n += (size_t)snprintf(text + n, FIELDS_TEXT_MAX - n, "%s%s", n ? "," : "",
				      base_fields[i]);
	for (size_t i = 0; i < OPTIONAL_FIELDS; i++)
		if (fields & optional_fields[i].field)
			n += (size_t)snprintf(text + n, FIELDS_TEXT_MAX - n, ",%s",
					      optional_fields[i].name);
	return text;
}

int consent_grant(const struct store_dir *store, const struct consent_act *act, uint32_t *ret_seq,
		  int64_t *ret_time_ns, struct problem *p)
{
	char until[UTC_TEXT_MAX], fields[FIELDS_TEXT_MAX];
	json_t *line = json_pack(
		"{s:s, s:s, s:s, s:s, s:i, s:s, s:b, s:b, s:o, s:s?, s:i}", "event", "GRANT",
		"tenant", act->tenant_id, "effective_to", utc_format(act->until_ns, until), "fields",
		fields_text(act->fields, fields), "retention_days", (int)act->retention_days, "text_sha256",
		act->text_sha256 ? act->text_sha256 : "",
		"same_terms", 1, "revocable", 1, "scope", scope_json(act), "actor", act->actor,
		"uid", (int)act->uid);
	int error;

	if (!line)
		return problem(p, -EINVAL, "consent of %s: not valid UTF-8 or out of memory",
			       act->tenant_id);
	error = run_act(store, act, line, false, ret_seq, ret_time_ns, p);
	json_decref(line);
	return error;
}

int consent_withdraw(const struct store_dir *store, const struct consent_act *act, int64_t *ret_time_ns,
		     struct problem *p)
{
	json_t *line = json_pack("{s:s, s:s, s:s, s:s?, s:i}", "event", "WITHDRAW", "tenant",
				 act->tenant_id, "withdraw_mode", act->erase ? STOP_AND_ERASE : STOP_ONLY, "actor", act->actor,
				 "uid", (int)act->uid);
	int error;

	if (!line)
		return problem(p, -EINVAL, "withdrawal of %s: not valid UTF-8 or out of memory",
			       act->tenant_id);
	error = run_act(store, act, line, true, NULL, ret_time_ns, p);
	json_decref(line);
	return error;
}
