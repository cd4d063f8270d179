// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writing acts. A line is made from what stands in the ledger at that moment, under the ledgers' lock, and read back
 * by the reader's own rules before it is appended: one line that they refuse would stop all recording.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/anchor.h"
#include "base/text.h"
#include "base/utc.h"
#include "consent.h"
#include "consent_read.h"
#include "ledger.h"

enum act_kind { ACT_GRANT, ACT_MODIFY, ACT_WITHDRAW, ACT_NOTICE };

static const char *const events[] = { "GRANT", "MODIFY", "WITHDRAW", "NOTICE" };

/* What a grant or its change comes to. */
struct terms {
	int64_t until_ns;
	uint32_t fields, purposes, recipients, retention_days;
	enum consent_separability separability;
	const char *text_id, *text_version, *text_sha256, *lang;
	uint32_t text_seq; /* modify: the act that showed it; 0: this one */
};

static void terms_of_act(const struct consent_act *act, struct terms *t)
{
	*t = (struct terms){
		.until_ns = act->until_ns,
		.fields = act->fields,
		.purposes = act->purposes ? act->purposes : CONSENT_PURPOSES_DEFAULT,
		.retention_days = act->retention_days,
		.separability = act->separability,
		.text_id = act->text_id ? act->text_id : "custom",
		.text_version = act->text_version ? act->text_version : "not stated",
		.text_sha256 = act->text_sha256 ? act->text_sha256 : "",
		.lang = act->lang ? act->lang : "und",
	};
	t->recipients = act->recipients ? act->recipients : consent_recipients_of(t->purposes);
}

/* What the act does not change is as in the grant before, and so is the text where none was shown. */
static void terms_of_change(const struct consent_act *act, const struct consent *before, struct terms *t)
{
	terms_of_act(act, t);
	if (!(act->changes & CONSENT_END))
		t->until_ns = before->agreed_until_ns;
	if (!(act->changes & CONSENT_FIELDS))
		t->fields = before->fields;
	if (!(act->changes & CONSENT_RETENTION))
		t->retention_days = before->retention_days;
	if (!(act->changes & CONSENT_PURPOSES))
		t->purposes = before->purposes;
	if (!(act->changes & CONSENT_RECIPIENTS))
		t->recipients = act->changes & CONSENT_PURPOSES ? consent_recipients_of(t->purposes) :
								  before->recipients;
	if (act->text_sha256)
		return;
	t->text_id = before->text_id;
	t->text_version = before->text_version;
	t->text_sha256 = before->text_sha256;
	t->lang = before->lang;
	t->text_seq = before->text_seq;
}

static json_t *scope_json(const struct consent_act *act)
{
	char text[SELECTOR_TEXT_MAX];
	json_t *scope = json_array();

	for (size_t i = 0; i < act->scope_count; i++)
		json_array_append_new(scope, json_string(selector_format(&act->scope[i], text)));
	return scope;
}

static json_t *resolved_json(const struct consent_act *act)
{
	json_t *resolved = json_array();

	for (size_t i = 0; i < act->scope_count; i++)
		json_array_append_new(resolved, act->resolved && act->resolved[i] ?
							json_string(act->resolved[i]) : json_null());
	return resolved;
}

static json_t *words_json(const struct consent_word *words, uint32_t bits)
{
	json_t *array = json_array();

	for (const struct consent_word *w = words; w->name; w++)
		if (bits & w->bit)
			json_array_append_new(array, json_string(w->name));
	return array;
}

static json_t *terms_json(const struct consent_act *act, const struct terms *t, int64_t now)
{
	char from[UTC_TEXT_MAX], until[UTC_TEXT_MAX], fields[CONSENT_WORDS_MAX];

	return json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:o, s:o, s:i, s:s, s:s, s:s, s:s, s:b, s:b, s:b}",
			 "effective_from", utc_format(now, from), "effective_to", utc_format(t->until_ns, until),
			 "scope", scope_json(act), "resolved", resolved_json(act), "separability",
			 t->separability == CONSENT_SHARED ? "SHARED" : "EXACT", "fields",
			 consent_format(consent_field_words, t->fields, fields), "purposes",
			 words_json(consent_purpose_words, t->purposes), "recipients",
			 words_json(consent_recipient_words, t->recipients), "retention_days",
			 (int)t->retention_days, "text_id", t->text_id, "text_version", t->text_version,
			 "text_sha256", t->text_sha256, "lang", t->lang, "same_terms", 1, "revocable", 1,
			 "bundled", 0);
}

/* Who, how that is known, and from where. What nobody said is said to be so. */
static json_t *who_json(const struct consent_act *act)
{
	const char *via = act->by_socket ? CONSENT_VIA_SOCKET : CONSENT_VIA_COMMAND;
	char uid[32], auth[CONSENT_WORD_MAX + 1];
	struct anchor clock;

	anchor_sample(&clock);
	snprintf(uid, sizeof(uid), "uid %u", act->uid);
	snprintf(auth, sizeof(auth), CONSENT_LOCAL_USER_ONLY "uid %u (%.100s)", act->uid,
		 act->user ? act->user : "no name");
	return json_pack("{s:s, s:s, s:s, s:{s:I, s:s?, s:s, s:s?}, s:s?, s:I}", "actor",
			 act->actor ? act->actor : act->user ? act->user : uid, "actor_auth",
			 act->actor_auth ? act->actor_auth : auth, "method", act->method ? act->method : via,
			 "origin", "uid", (json_int_t)act->uid, "user", act->user, "via", via, "from",
			 act->from, "ticket", act->ticket, "clock_err_ns",
			 (json_int_t)(clock.max_error_ns < INT64_MAX ? clock.max_error_ns : INT64_MAX));
}

static int no_memory(const struct consent_act *act, struct problem *p)
{
	return problem(p, -EINVAL, "consent of %s: not valid UTF-8 or out of memory", act->tenant_id);
}

/* The act as a line, which the chain completes. before: the grant in force, for a change of it. */
static int make_line(enum act_kind kind, const struct consent_act *act, const struct consent *before, int64_t now,
		     json_t **ret_line, struct problem *p)
{
	json_t *line = json_pack("{s:s, s:s}", "event", events[kind], "tenant", act->tenant_id);
	json_t *who = who_json(act), *own = NULL;
	struct terms t = {};
	int error = 0;

	if (kind == ACT_WITHDRAW) {
		own = json_pack("{s:s}", "withdraw_mode", act->erase ? CONSENT_STOP_AND_ERASE : CONSENT_STOP_ONLY);
	} else if (kind == ACT_NOTICE) {
		own = json_object();
	} else {
		if (kind == ACT_MODIFY)
			terms_of_change(act, before, &t);
		else
			terms_of_act(act, &t);
		own = terms_json(act, &t, now);
	}
	if (own && kind == ACT_MODIFY)
		json_object_set_new(own, "text_seq", t.text_seq ? json_integer(t.text_seq) : json_null());
	if (!line || !who || !own || json_object_update(line, own) || json_object_update(line, who)) {
		json_decref(line);
		error = no_memory(act, p);
	}
	json_decref(who);
	json_decref(own);
	if (!error)
		*ret_line = line;
	return error;
}

/* Whether a reader will accept the act. Changes *c. */
static int try_act(struct consents *c, const json_t *act, int64_t t_ns, struct problem *p)
{
	char time_text[UTC_TEXT_MAX];
	struct problem why = { "" };
	json_t *line = json_copy((json_t *)act);
	int error = line ? 0 : -ENOMEM;

	if (!error) {
		json_object_set_new(line, "seq", json_integer((json_int_t)c->last_seq + 1));
		json_object_set_new(line, "t", json_string(utc_format(t_ns, time_text)));
		error = consent_read_act(c, line, &why);
	}
	json_decref(line);
	return error == -ENOMEM ? problem(p, error, "out of memory") :
	       error ? problem(p, -EINVAL, "this act would not be valid in the ledger: %s", why.text) : 0;
}

/* What a change of `before` would come to, as the reader sees it: the last grant of *c after the trial. */
static int check_change(const struct consent *before, const struct consent *after, const struct consent_act *act,
			struct problem *p)
{
	unsigned int wider = consent_widens(before, after);

	if (wider && !act->text_sha256)
		return problem(p, -EPERM, "this widens the consent (%s): the tenant must be shown a text for it and agree "
					  "anew",
			       wider & CONSENT_SCOPE	   ? "new addresses" :
			       wider & CONSENT_FIELDS	   ? "more fields" :
			       wider & CONSENT_RETENTION   ? "longer retention" :
			       wider & CONSENT_END	   ? "a later end" :
			       wider & CONSENT_PURPOSES   ? "more purposes" :
							     "more recipients");
	if (!wider && !consent_widens(after, before) && !act->text_sha256)
		return problem(p, -EALREADY, "this would change nothing in the consent of tenant %s", act->tenant_id);
	return 0;
}

/* What must hold before an act of a tenant: its last act lies behind, what it is about is there. */
static int check_state(const struct consents *c, enum act_kind kind, const struct consent_act *act, int64_t now,
		       struct problem *p)
{
	const struct consent *last = consents_last(c, act->tenant_id);
	bool in_force = consents_at(c, act->tenant_id, now) != NULL;

	if (kind == ACT_WITHDRAW && act->erase && last && !last->erase)
		in_force = true; /* of what is left from before */
	if (kind != ACT_GRANT && !in_force)
		return problem(p, -ESRCH, "tenant %s has no consent in force", act->tenant_id);
	if (kind == ACT_MODIFY && act->based_on && last->seq != act->based_on)
		return problem(p, -ESTALE, "the consent of tenant %s was changed meanwhile, by act %u: look again",
			       act->tenant_id, last->seq);
	if (last && now <= last->last_act_ns)
		return problem(p, -ETIME, "the clock is behind the last act for tenant %s", act->tenant_id);
	return 0;
}

/* The same act twice, to see it without the text that widening needs. */
static int try_change(const struct store_dir *store, const struct consent_act *act, struct consents *c, int64_t now,
		      struct problem *p)
{
	struct consent_act shown = *act;
	const struct consent *before = consents_last(c, act->tenant_id);
	struct consents trial = {};
	json_t *line = NULL;
	int error;

	if (!shown.text_sha256)
		shown.text_sha256 = before->text_sha256;
	error = make_line(ACT_MODIFY, &shown, before, now, &line, p);
	if (!error)
		error = consents_load(store, &trial, p);
	if (!error)
		error = try_act(&trial, line, now, p);
	if (!error)
		error = check_change(before, consents_last(&trial, act->tenant_id), act, p);
	json_decref(line);
	consents_done(&trial);
	return error;
}

/* Reads what is there, makes the line and checks it against it. */
static int prepare(const struct store_dir *store, enum act_kind kind, const struct consent_act *act,
		   json_t **ret_line, int64_t *ret_now, struct problem *p)
{
	struct consents c = {};
	json_t *line = NULL;
	int error = consents_load(store, &c, p);

	*ret_now = utc_now_ns();
	if (!error)
		error = check_state(&c, kind, act, *ret_now, p);
	if (!error && kind == ACT_MODIFY)
		error = try_change(store, act, &c, *ret_now, p);
	if (!error)
		error = make_line(kind, act, consents_last(&c, act->tenant_id), *ret_now, &line, p);
	if (!error)
		error = try_act(&c, line, *ret_now, p);
	consents_done(&c);
	if (error)
		json_decref(line);
	else
		*ret_line = line;
	return error;
}

/* Runs one act under the ledgers' lock; what is refused before leaves no trace, not even a key. */
static int run_act(const struct store_dir *store, enum act_kind kind, const struct consent_act *act,
		   uint32_t *ret_seq, int64_t *ret_time_ns, struct problem *p)
{
	struct ledger_writer *w;
	json_t *line = NULL;
	int64_t now;
	uint64_t seq;
	int error = prepare(store, kind, act, &line, &now, p);

	if (error)
		return error;
	json_decref(line);
	line = NULL;
	error = ledger_writer_open(store, &w, p);
	if (error)
		return error;
	if (act->when_locked)
		act->when_locked(act->ctx);
	/* Others may have written since. */
	error = prepare(store, kind, act, &line, &now, p);
	if (!error)
		error = ledger_writer_append(w, LEDGER_CONSENT, line, now, &seq);
	ledger_writer_close(w);
	json_decref(line);
	if (!error) {
		if (ret_seq)
			*ret_seq = (uint32_t)seq;
		*ret_time_ns = now;
	}
	return error;
}

int consent_grant(const struct store_dir *store, const struct consent_act *act, uint32_t *ret_seq,
		  int64_t *ret_time_ns, struct problem *p)
{
	return run_act(store, ACT_GRANT, act, ret_seq, ret_time_ns, p);
}

int consent_modify(const struct store_dir *store, const struct consent_act *act, uint32_t *ret_seq,
		   int64_t *ret_time_ns, struct problem *p)
{
	return run_act(store, ACT_MODIFY, act, ret_seq, ret_time_ns, p);
}

int consent_withdraw(const struct store_dir *store, const struct consent_act *act, int64_t *ret_time_ns,
		     struct problem *p)
{
	return run_act(store, ACT_WITHDRAW, act, NULL, ret_time_ns, p);
}

int consent_notice(const struct store_dir *store, const struct consent_act *act, int64_t *ret_time_ns,
		   struct problem *p)
{
	return run_act(store, ACT_NOTICE, act, NULL, ret_time_ns, p);
}
