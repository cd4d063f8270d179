// SPDX-License-Identifier: BSD-2-Clause
/* sekisho consent grant, modify: what a tenant permits from now on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/owner.h"
#include "base/utc.h"
#include "capture/resolve.h"
#include "verb_consent.h"

/* What the law asks of a grant (AC-04), one message each. */
static const char *refusal(const struct consent_options *o)
{
	if (!o->until)
		return "a consent needs an end: --until TIME";
	if (!o->text)
		return "a consent needs the text that was shown: --text FILE";
	if (!o->fields)
		return "a consent names what is recorded: --fields LIST";
	if (!o->retention)
		return "a consent names how long records are kept: --retention DAYS";
	if (!o->same_terms)
		return "a consent is not valid unless all other terms are the same: --same-terms";
	if (!o->revocable)
		return "a consent is not valid unless it can be withdrawn at any time: --revocable";
	return NULL;
}

/* AC-05. From the moment that it is recorded a consent counts, and from no other. */
static int check_from(const char *from, struct problem *p)
{
	struct problem why;
	int64_t t;

	if (!from || strcmp(from, "now") == 0)
		return 0;
	if (utc_parse(from, &t, &why))
		return problem(p, -EINVAL, "--from: %s", why.text);
	if (t < utc_now_ns())
		return problem(p, -EPERM, "--from %s lies in the past: a consent is never retroactive", from);
	return problem(p, -EINVAL, "--from %s: a consent counts from the moment it is recorded; grant it then", from);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

/* Without rights of our own the recorder is asked: that nobody looked is not "unresolved". */
static int ask_recorder(const struct command *c, const struct conf_tenant *t, json_t **ret_texts, struct problem *p)
{
	json_t *selectors = json_array(), *answer, *texts;
	char text[SELECTOR_TEXT_MAX];
	int error;

	for (size_t i = 0; i < t->selector_count; i++)
		json_array_append_new(selectors, json_string(selector_format(&t->selectors[i], text)));
	error = command_ask(c, json_pack("{s:s, s:o}", "verb", "resolve", "selectors", selectors), &answer, p);
	if (error)
		return error;
	texts = json_object_get(answer, "resolved");
	if (json_array_size(texts) == t->selector_count)
		*ret_texts = json_incref(texts);
	else
		error = problem(p, -EIO, "sekishod does not say what the selectors of tenant %s mean: %s", t->id,
				text_of(answer, "error"));
	json_decref(answer);
	return error;
}

/* What each selector means; one that is an address names itself. */
static int resolve_scope(struct consent_call *call, const struct conf_tenant *t, struct problem *p)
{
	char text[SELECTOR_TEXT_MAX];
	json_t *texts = NULL;
	int error = 0;

	call->resolved = calloc(t->selector_count + 1, sizeof(*call->resolved));
	if (!call->resolved)
		return problem(p, -ENOMEM, "out of memory");
	for (size_t i = 0; i < t->selector_count && !error; i++) {
		const struct selector *s = &t->selectors[i];
		const char *means;

		if (s->kind == SELECTOR_ADDRESS)
			continue;
		if (call->c->served && !texts && (error = ask_recorder(call->c, t, &texts, p)))
			break;
		means = texts ? json_string_value(json_array_get(texts, i)) : selector_resolve_text(s, text);
		call->resolved[i] = means ? strdup(means) : NULL;
		if (!call->resolved[i])
			error = problem(p, -ENOMEM, "out of memory");
	}
	json_decref(texts);
	call->act.resolved = (const char *const *)call->resolved;
	return error;
}

/*
 * What the selectors of the configuration are here and now, and whether connections that match them are this
 * tenant's alone (AC-12). Identical selectors of two tenants do not get through the configuration.
 */
static int freeze_scope(struct consent_call *call, const struct conf_tenant *t, struct problem *p)
{
	int error = conf_check_separable(&call->c->conf, t->id, p);

	if (error)
		return error;
	call->act.scope = t->selectors;
	call->act.scope_count = t->selector_count;
	call->act.separability = CONSENT_EXACT;
	return resolve_scope(call, t, p);
}

static int fail(int error, const struct problem *p)
{
	int status = command_fail(error == -EPERM ? EXIT_REFUSED : command_status_of(error), p);

	if (strncmp(p->text, "SHARED_TENANT", 13) == 0)
		fputs(conf_separable_options(), stderr);
	return status;
}

/*
 * What agrees to less counts at once: from here until tell_daemon() a running daemon judges nothing. It goes on by
 * itself if that does not come soon: so nobody waits for the lock of the ledgers meanwhile.
 */
static void pause_daemon(void *ctx)
{
	struct consent_call *call = ctx;
	struct problem ignored;
	json_t *answer = NULL;

	if (command_ask(call->c, json_pack("{s:s}", "verb", "pause"), &answer, &ignored) == 0)
		call->pause = json_integer_value(json_object_get(answer, "pause"));
	json_decref(answer);
}

/*
 * Tells a running daemon, and what it made of it: NULL, or why not. What we read of the configuration becomes what is in
 * force, unless it was that already: a customer's act puts no file in force.
 */
static const char *tell_daemon(const struct consent_call *call, int *ret_status)
{
	struct problem p;
	json_t *answer = NULL;
	int error = command_ask(call->c, json_pack("{s:s, s:I}", "verb", call->c->served ? "refresh" : "reload", "resume",
						   call->pause), &answer, &p);
	const char *state = NULL;

	*ret_status = EXIT_YES;
	if (error == -ECONNREFUSED) {
		state = "sekishod is not running: recording begins when it starts";
	} else if (error) {
		*ret_status = command_fail(EXIT_NO, &p);
		state = "it is not known whether sekishod applied it";
	} else {
		*ret_status = command_answer_status(answer);
		if (*ret_status != EXIT_YES) {
			log_error("the consent is in the ledger, but sekishod could not apply it");
			state = "sekishod could not apply it";
		}
	}
	json_decref(answer);
	return state;
}

/* A selector that means nothing now, or that this hook cannot evaluate. */
static const char *not_covered(const struct consent_call *call)
{
	json_t *daemon = verb_consent_daemon_status(call->c);
	bool none = strcmp(verb_consent_capture(daemon, call->tenant), "not_covered") == 0;

	json_decref(daemon);
	return none ? "NOT COVERED now, see sekisho status" : NULL;
}

/* Nothing was written: all goes on as it was. */
static int refuse(const struct consent_call *call, int error, const struct problem *p)
{
	int ignored;

	if (call->pause)
		(void)tell_daemon(call, &ignored);
	return fail(error, p);
}

/* What stands in the ledger now, to people or to a program. */
static int report(struct consent_call *call, const struct store_dir *store, uint32_t seq, int64_t when)
{
	char from[UTC_TEXT_MAX], until[UTC_TEXT_MAX];
	struct problem p;
	int64_t until_ns = 0;
	int status;
	json_t *act = verb_consent_act(store, call->tenant, seq, &p);
	const char *state = tell_daemon(call, &status);

	if (!act)
		return command_fail(EXIT_DAMAGED, &p);
	if (!state)
		state = not_covered(call);
	if (call->o->json) {
		verb_consent_print(json_pack("{s:o, s:b, s:s?}", "act", act, "recording", !state, "state", state));
		return status;
	}
	(void)utc_parse(text_of(act, "effective_to"), &until_ns, &p);
	printf("consent %u of tenant %s: from %s until %s, %zu address%s; %s\n", seq, call->tenant,
	       utc_format_local(when, from), utc_format_local(until_ns, until), call->act.scope_count,
	       call->act.scope_count == 1 ? "" : "es", state ? state : "recording");
	printf("text %s %s (%s), SHA-256 %s\n", text_of(act, "text_id"), text_of(act, "text_version"),
	       text_of(act, "lang"), text_of(act, "text_sha256"));
	printf("by %s; authenticated: %s\n", text_of(act, "actor"), text_of(act, "actor_auth"));
	json_decref(act);
	return status;
}

static int fill_grant(struct consent_call *call, struct consent_terms *t, char hex[static CONSENT_SHA256_TEXT],
		      struct problem *p)
{
	const struct conf_tenant *conf;
	int error = check_from(call->o->from, p);

	if (!error)
		error = verb_consent_conf(call, &conf, p);
	if (!error)
		error = freeze_scope(call, conf, p);
	if (error)
		return error;
	*t = (struct consent_terms){ .tenant_id = call->tenant, .scope = call->act.scope,
				     .scope_count = call->act.scope_count, .purposes = CONSENT_PURPOSES_DEFAULT,
				     .recipients = consent_recipients_of(CONSENT_PURPOSES_DEFAULT) };
	error = verb_consent_options(call, t, p);
	return error ? error : verb_consent_shown(call, t, hex, p);
}

/* Writes the act and says what stands in the ledger now, or why it does not. */
static int run_act(struct consent_call *call, const struct store_dir *store,
		   int (*act)(const struct store_dir *store, const struct consent_act *act, uint32_t *ret_seq,
			      int64_t *ret_time_ns, struct problem *p))
{
	struct problem p;
	int64_t when;
	uint32_t seq;
	int error;

	call->act.when_locked = pause_daemon;
	call->act.ctx = call;
	error = act(store, &call->act, &seq, &when, &p);
	return error ? refuse(call, error, &p) : report(call, store, seq, when);
}

int verb_consent_grant(struct consent_call *call)
{
	const char *refused = refusal(call->o);
	char hex[CONSENT_SHA256_TEXT];
	struct consent_terms t;
	struct store_dir store;
	struct problem p;
	int status, error;

	if (refused) {
		log_error("%s", refused);
		return EXIT_REFUSED;
	}
	error = fill_grant(call, &t, hex, &p);
	/* The first consent may come before the first start: the store is made here. */
	if (!error)
		error = owner_open_store(&call->c->conf, &store, &p);
	if (error)
		return fail(error, &p);
	status = run_act(call, &store, consent_grant);
	store_close(&store);
	return status;
}

/* A text that is shown anew comes with what makes it one. */
static const char *modify_refusal(const struct consent_options *o)
{
	if (o->text && !o->same_terms)
		return "a consent is not valid unless all other terms are the same: --same-terms";
	if (o->text && !o->revocable)
		return "a consent is not valid unless it can be withdrawn at any time: --revocable";
	return NULL;
}

static int fill_modify(struct consent_call *call, const struct store_dir *store, char hex[static CONSENT_SHA256_TEXT],
		       struct problem *p)
{
	const struct conf_tenant *conf;
	struct consents consents = {};
	const struct consent *g = NULL;
	struct consent_terms t;
	int error = verb_consent_conf(call, &conf, p);

	if (!error)
		error = freeze_scope(call, conf, p);
	if (!error)
		error = consents_load(store, &consents, p);
	if (!error && !(g = consents_at(&consents, call->tenant, utc_now_ns())))
		error = problem(p, -ESRCH, "tenant %s has no consent in force", call->tenant);
	if (!error) {
		t = (struct consent_terms){ call->tenant, call->act.scope, call->act.scope_count, g->fields, g->purposes,
					    g->recipients, g->retention_days, g->agreed_until_ns };
		call->act.based_on = g->seq;
		error = verb_consent_options(call, &t, p);
	}
	if (!error && call->o->text)
		error = verb_consent_shown(call, &t, hex, p);
	consents_done(&consents);
	return error;
}

int verb_consent_modify(struct consent_call *call)
{
	const char *refused = modify_refusal(call->o);
	char hex[CONSENT_SHA256_TEXT];
	struct store_dir store;
	struct problem p;
	int status, error;

	if (refused) {
		log_error("%s", refused);
		return EXIT_REFUSED;
	}
	error = command_open_store(call->c, &store, &p);
	if (error)
		return fail(error, &p);
	error = fill_modify(call, &store, hex, &p);
	status = error ? fail(error, &p) : run_act(call, &store, consent_modify);
	store_close(&store);
	return status;
}
