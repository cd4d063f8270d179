/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the acts of `sekisho consent` share: their options, and one function per act (verb_consent_*.c), which returns
 * an exit status after printing what there is to say.
 */
#ifndef SEKISHO_VERB_CONSENT_H
#define SEKISHO_VERB_CONSENT_H

#include <jansson.h>
#include "command.h"
#include "ledger/consent.h"
#include "ledger/consent_text.h"

struct consent_options {
	const char *until, *from, *text, *fields, *retention, *purposes, *recipients;
	const char *lang, *text_id, *text_version;
	const char *method, *actor, *actor_auth, *origin, *ticket;
	unsigned int same_terms, revocable, stop_only, stop_and_erase, json, from_stdin, help;
	const char *text_inline; /* what was shown, itself; then `text` only says where it came from */
};

struct consent_call {
	struct command *c;
	const struct consent_options *o;
	const char *tenant; /* NULL: none was given */
	struct consent_act act; /* who and for whom; filled in by the acts */
	char **resolved; /* act.resolved; freed with the call */
	const char *lang; /* "ja" or "en": for people */
	char owner_auth[CONSENT_WORD_MAX + 1]; /* what actor_auth points to for the tenant's own user */
	json_int_t pause; /* a running daemon waits for the end of the act: the number to end that by; 0: it does not */
};

int verb_consent_grant(struct consent_call *call); /* verb_consent_grant.c */
int verb_consent_modify(struct consent_call *call);
int verb_consent_withdraw(struct consent_call *call); /* verb_consent_withdraw.c */
int verb_consent_notice(struct consent_call *call);
int verb_consent_log(struct consent_call *call); /* verb_consent_log.c */
int verb_consent_show(struct consent_call *call); /* verb_consent_show.c */
int verb_consent_text(struct consent_call *call); /* verb_consent_terms.c */

/* verb_consent_terms.c: what would be agreed, from options and configuration. -EINVAL and *p. */

/* The tenant's section of the configuration. */
int verb_consent_conf(const struct consent_call *call, const struct conf_tenant **ret_tenant, struct problem *p);
/*
 * Fills in what the options name; the rest of *t is left. In act->changes stands what was named. Ends are in the future
 * and at most five years ahead.
 */
int verb_consent_options(struct consent_call *call, struct consent_terms *t, struct problem *p);
/* The text of --text: its hash into hex, and what is known of it into call->act (id, version, language). */
#define CONSENT_SHA256_TEXT (CONSENT_SHA256_HEX + 1)
int verb_consent_shown(struct consent_call *call, const struct consent_terms *t, char hex[static CONSENT_SHA256_TEXT],
		       struct problem *p);

/* verb_consent_log.c: an act of the tenant as it stands in the ledger, without the members of the chain, with "t_local":
 * number seq, or 0: the last one. NULL and *p. */
json_t *verb_consent_act(const struct store_dir *store, const char *tenant, uint32_t seq, struct problem *p);

/* verb_consent_facts.c */

/*
 * What is known of a tenant, as `show --json` prints it; whole: with what is stored and each search. NULL and *p.
 * capture: the state of a consent in force, from verb_consent_capture().
 */
json_t *verb_consent_facts(const struct command *c, const struct store_dir *store, const struct consents *consents,
			   const char *tenant, const char *capture, bool whole, struct problem *p);
/* What sekishod does for a consent in force of the tenant: "recording", "not_running", or "not_covered": it runs, and
 * can tell none of its selectors now. status: its answer, or NULL. */
const char *verb_consent_capture(const json_t *status, const char *tenant);
json_t *verb_consent_daemon_status(const struct command *c); /* or NULL; the caller's */
/* What lies in the tenant's segments: {"oldest_day", "rows", "bytes", "days": [{"day", "files", "bytes", "rows"}]};
 * rows are null where custody does not state them. NULL and *p. */
json_t *verb_consent_stored(const struct store_dir *store, const char *tenant, struct problem *p);

/* Holds in force that keep something of the tenant: [{"from_day", "to_day", "set", "until", ..."_local"}], null: no
 * bound. Not for which case: that is not the tenant's to know. NULL and *p. */
json_t *verb_consent_holds(const struct store_dir *store, const char *tenant, struct problem *p);

/* The days of one of them for the tenant, in "ja" or "en"; returns buf. */
#define HOLD_DAYS_TEXT_MAX 96
const char *verb_consent_hold_days(const char *lang, const json_t *hold, char buf[static HOLD_DAYS_TEXT_MAX]);

/*
 * verb_consent_stdin.c: options as one JSON object on standard input, by their names with '_' for '-', in the types of
 * JSON; "text" is the explanation itself. *ret_kept holds what *o points to. -EINVAL and *p.
 */
int verb_consent_read_stdin(const struct cmd_option *table, struct consent_options *o, json_t **ret_kept,
			    struct problem *p);

/* Prints a JSON object as one line to stdout, with status 0; takes the reference. */
int verb_consent_print(json_t *object);

#endif
