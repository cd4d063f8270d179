// SPDX-License-Identifier: BSD-2-Clause
/* sekisho consent log: every act of a tenant, with what it changed. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/utc.h"
#include "ledger/ledger.h"
#include "verb_consent.h"

/* What a grant says, in the order in which people ask. */
static const char *const terms[] = {
	"effective_to", "fields", "retention_days", "purposes", "recipients", "scope", "resolved", "separability",
	"text_id", "text_version", "text_sha256", "lang", "withdraw_mode",
};
/* The same for people, as `show` calls them. */
static const char *const labels[] = {
	"until", "recorded", "kept for, days", "for", "given to", "addresses", "which are", "told apart",
	"text", "version of it", "SHA-256 of it", "language of it", "past records",
};
#define TERMS (sizeof(terms) / sizeof(terms[0]))

struct acts {
	const char *tenant;
	json_t *list;
};

/* The line without what belongs to the chain, and its local time. */
static int take_act(void *ctx, const struct chain_line *line, struct problem *p)
{
	struct acts *a = ctx;
	const char *tenant = json_string_value(json_object_get(line->json, "tenant"));
	char local[UTC_TEXT_MAX];
	json_t *act;

	if (!tenant || strcmp(tenant, a->tenant) != 0)
		return 0;
	act = json_copy((json_t *)line->json);
	json_object_del(act, "prev");
	json_object_del(act, "key");
	json_object_del(act, "sig");
	json_object_set_new(act, "t_local", json_string(utc_format_local(line->t_ns, local)));
	return json_array_append_new(a->list, act) ? problem(p, -ENOMEM, "out of memory") : 0;
}

/* A new array of the tenant's acts, or NULL and *p. What the reader of consents refuses is not shown as one. */
static json_t *load_acts(const struct store_dir *store, const char *tenant, struct problem *p)
{
	struct acts a = { tenant, json_array() };
	struct consents consents;
	struct chain_end end;
	int error = consents_load(store, &consents, p);

	if (!error) {
		consents_done(&consents);
		error = ledger_walk(store, LEDGER_CONSENT, CHAIN_QUICK, take_act, &a, &end, p);
	}
	if (error) {
		json_decref(a.list);
		return NULL;
	}
	return a.list;
}

json_t *verb_consent_act(const struct store_dir *store, const char *tenant, uint32_t seq, struct problem *p)
{
	json_t *acts = load_acts(store, tenant, p), *found = NULL, *item;
	size_t i;

	if (!acts)
		return NULL;
	json_array_foreach(acts, i, item)
		if (!seq || json_integer_value(json_object_get(item, "seq")) == seq)
			found = item;
	json_incref(found);
	json_decref(acts);
	if (!found)
		problem(p, -EBADMSG, "ledger/%s has no act %u of tenant %s", CONSENT_FILE, seq, tenant);
	return found;
}

static bool is_grant(const json_t *act)
{
	const char *event = json_string_value(json_object_get(act, "event"));

	return event && (strcmp(event, "GRANT") == 0 || strcmp(event, "MODIFY") == 0);
}

/* {"fields": [before, after], ...}: what an act says that the grant before it did not. */
static json_t *changes_of(const json_t *before, const json_t *act)
{
	json_t *changes = json_object();

	for (size_t i = 0; i < TERMS; i++) {
		json_t *new = json_object_get(act, terms[i]), *old = json_object_get(before, terms[i]);

		if (new && !(old && json_equal(old, new)))
			json_object_set_new(changes, terms[i],
					    json_pack("[O?, O]", old ? old : NULL, new));
	}
	return changes;
}

static void add_changes(json_t *acts)
{
	const json_t *before = NULL;
	size_t i;
	json_t *act;

	json_array_foreach(acts, i, act) {
		json_object_set_new(act, "changes", changes_of(before, act));
		if (is_grant(act))
			before = act;
	}
}

/* Lists without brackets, texts without quotes. */
static void print_value(const json_t *value)
{
	const char *between = "";
	size_t i;
	json_t *item;

	if (json_is_string(value))
		fputs(json_string_value(value), stdout);
	else if (json_is_integer(value))
		printf("%lld", (long long)json_integer_value(value));
	else if (!json_is_array(value))
		fputs("-", stdout);
	json_array_foreach((json_t *)value, i, item) {
		fputs(between, stdout);
		print_value(item);
		between = ",";
	}
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

#define INDENT 24

static const char *label_of(const char *key)
{
	for (size_t i = 0; i < TERMS; i++)
		if (strcmp(terms[i], key) == 0)
			return labels[i];
	return key;
}

/* Times are local here, as in the line of the act; codes are said. */
static void print_term(const char *key, const json_t *value)
{
	const char *text = json_string_value(value);
	char local[UTC_TEXT_MAX];
	struct problem ignored;
	int64_t ns;

	if (text && strcmp(key, "effective_to") == 0 && utc_parse(text, &ns, &ignored) == 0)
		fputs(utc_format_local(ns, local), stdout);
	else if (text && strcmp(key, "withdraw_mode") == 0)
		fputs(strcmp(text, "STOP_ONLY") == 0 ? "stay for their retention" : "erased, but for those under a hold",
		      stdout);
	else
		print_value(value);
}

static void print_change(const char *key, const json_t *pair)
{
	const json_t *old = json_array_get(pair, 0);

	printf("%*s%-15s ", INDENT, "", label_of(key));
	if (!json_is_null(old)) {
		print_term(key, old);
		fputs(" -> ", stdout);
	}
	print_term(key, json_array_get(pair, 1));
	putchar('\n');
}

static bool is_all_null(const json_t *array)
{
	size_t i;
	json_t *item;

	json_array_foreach((json_t *)array, i, item)
		if (!json_is_null(item))
			return false;
	return true;
}

static void print_act(const json_t *act)
{
	const json_t *origin = json_object_get(act, "origin");
	const char *key;
	json_t *pair;

	printf("%5lld  %-8s  %s  %s\n", (long long)json_integer_value(json_object_get(act, "seq")),
	       text_of(act, "event"), text_of(act, "t_local"), text_of(act, "t"));
	printf("%*s%-15s %s\n", INDENT, "", "by", text_of(act, "actor"));
	printf("%*s%-15s %s\n", INDENT, "", "authenticated", text_of(act, "actor_auth"));
	printf("%*s%-15s %s; %s, uid %lld (%s)%s%s%s%s\n", INDENT, "", "how", text_of(act, "method"),
	       text_of(origin, "via"), (long long)json_integer_value(json_object_get(origin, "uid")),
	       text_of(origin, "user"), json_is_string(json_object_get(origin, "from")) ? ", from " : "",
	       json_is_string(json_object_get(origin, "from")) ? text_of(origin, "from") : "",
	       json_is_string(json_object_get(act, "ticket")) ? ", ticket " : "",
	       json_is_string(json_object_get(act, "ticket")) ? text_of(act, "ticket") : "");
	json_object_foreach(json_object_get(act, "changes"), key, pair)
		if (strcmp(key, "resolved") != 0 || !is_all_null(json_array_get(pair, 1)))
			print_change(key, pair);
}

int verb_consent_log(struct consent_call *call)
{
	struct store_dir store;
	struct problem p;
	json_t *acts, *act;
	size_t i;
	int status;

	if (command_open_store(call->c, &store, &p))
		return command_fail(EXIT_NO, &p);
	acts = load_acts(&store, call->tenant, &p);
	store_close(&store);
	if (!acts)
		return command_fail(EXIT_DAMAGED, &p);
	add_changes(acts);
	status = json_array_size(acts) ? EXIT_YES : EXIT_NO;
	if (call->o->json) {
		(void)verb_consent_print(json_pack("{s:s, s:o}", "tenant", call->tenant, "acts", acts));
		return status;
	}
	if (status == EXIT_NO)
		log_error("tenant %s never consented", call->tenant);
	else
		printf("%5s  %-8s  %-35s  %s\n", "act", "", "local time", "UTC");
	json_array_foreach(acts, i, act)
		print_act(act);
	json_decref(acts);
	return status;
}
