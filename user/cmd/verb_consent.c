// SPDX-License-Identifier: BSD-2-Clause
/* sekisho consent: its acts and their options. */
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"
#include "verb_consent.h"

#define VALUE(name_, metavar_, field_, help_) \
	CMD_VALUE(name_, metavar_, struct consent_options, field_, help_)
#define SWITCH(name_, field_, help_) CMD_SWITCH(name_, struct consent_options, field_, help_)

#define FIELDS_HELP "src_addr,src_port,dst_addr,dst_port,t_accept[,rtt][,t_close]"
#define TERMS                                                                                       \
	VALUE("until", "TIME", until, "end of the permission, RFC 3339 with a zone"),                \
		VALUE("fields", "LIST", fields, FIELDS_HELP),                                         \
		VALUE("retention", "DAYS", retention, "how long records are kept, 1 to 366"),         \
		VALUE("purposes", "LIST", purposes,                                                   \
		      "P1 disclosure, P2 own analysis, P3 orders, warrants (P1,P3)"),                 \
		VALUE("recipients", "LIST", recipients,                                               \
		      "court,access_provider,applicant,investigator,tenant")
#define SHOWN                                                                                       \
	VALUE("text", "FILE", text, "the explanation that the tenant was shown"),                    \
		SWITCH("same-terms", same_terms, "asserts: all other terms are the same without it"), \
		SWITCH("revocable", revocable, "asserts: the tenant was told that it can withdraw"),  \
		VALUE("lang", "TAG", lang, "language of that text (und; the shipped ones are known)"), \
		VALUE("text-id", "ID", text_id, "name of that text (custom)"),                        \
		VALUE("text-version", "TEXT", text_version, "version of that text (not stated)")
#define WHO                                                                                         \
	VALUE("actor", "NAME", actor, "who decided it for the tenant (the user running this)"),      \
		VALUE("actor-auth", "TEXT", actor_auth, "how that was made sure of (local user only)"), \
		VALUE("origin", "TEXT", origin, "where it came from, such as an address"),            \
		VALUE("ticket", "TEXT", ticket, "reference of yours")
#define METHOD VALUE("method", "TEXT", method, "how: panel, signed form (command line)")
#define OUTPUT                                                                  \
	SWITCH("json", json, "the answer as one JSON object"), SWITCH("help", help, "this text"), {}

#define INPUT SWITCH("stdin", from_stdin, "options as a JSON object on standard input; \"text\" is the text")

static const struct cmd_option grant_table[] = {
	INPUT, TERMS, SHOWN, VALUE("from", "TIME", from, "now, and nothing else: no consent is for the past"), METHOD, WHO,
	OUTPUT,
};
static const struct cmd_option modify_table[] = { INPUT, TERMS, SHOWN, METHOD, WHO, OUTPUT };
static const struct cmd_option withdraw_table[] = {
	INPUT, SWITCH("stop-only", stop_only, "past records stay for their retention (the default)"),
	SWITCH("stop-and-erase", stop_and_erase, "past records are erased, but for those under a hold"),
	METHOD, WHO, OUTPUT,
};
static const struct cmd_option notice_table[] = {
	INPUT, VALUE("method", "TEXT", method, "how the tenant was reminded: mail, letter"), WHO, OUTPUT,
};
static const struct cmd_option log_table[] = { OUTPUT };
static const struct cmd_option show_table[] = {
	VALUE("lang", "ja|en", lang, "language (that of the locale)"), OUTPUT,
};
static const struct cmd_option text_table[] = {
	TERMS, VALUE("lang", "ja|en", lang, "language (that of the locale)"), SWITCH("help", help, "this text"), {},
};

static const struct act {
	const char *name, *usage, *summary;
	const struct cmd_option *table;
	int (*run)(struct consent_call *call);
	bool any_tenant; /* none may be given */
	bool any_store; /* needs no configuration */
	bool writes; /* into the ledger */
} acts[] = {
	{ "grant",
	  "TENANT --until TIME --text FILE --fields LIST\n"
	  "                       --retention DAYS --same-terms --revocable [OPTION...]",
	  "TENANT permits the recording of its connections from now on", grant_table, verb_consent_grant, false,
	  false, true },
	{ "modify", "TENANT [OPTION...]", "change it: what widens needs the text and the assertions again",
	  modify_table, verb_consent_modify, false, false, true },
	{ "withdraw", "TENANT [--stop-only | --stop-and-erase] [OPTION...]", "end it: recording stops within a second",
	  withdraw_table, verb_consent_withdraw, false, false, true },
	{ "notice", "TENANT --method TEXT [OPTION...]", "the tenant was reminded of it", notice_table,
	  verb_consent_notice, false, false, true },
	{ "show", "[TENANT] [--json] [--lang ja|en]", "how it stands, what is stored, who searched it", show_table,
	  verb_consent_show, true, false, false },
	{ "log", "TENANT [--json]", "every act, with time and person", log_table, verb_consent_log, false, true, false },
	{ "text", "TENANT [--lang ja|en] [OPTION...]", "the explanation to be shown, filled in for TENANT", text_table,
	  verb_consent_text, false, false, false },
};
#define ACTS (sizeof(acts) / sizeof(acts[0]))

static int usage(void)
{
	for (size_t i = 0; i < ACTS; i++)
		printf("%s sekisho consent %s %s\n", i ? "      " : "usage:", acts[i].name, acts[i].usage);
	putchar('\n');
	for (size_t i = 0; i < ACTS; i++)
		printf("  %-9s %s\n", acts[i].name, acts[i].summary);
	printf("\nA consent is for the addresses that the configuration gives TENANT at that moment.\n"
	       "sekisho consent ACT --help lists the options of ACT.\n"
	       "\nExit status: 0 done, 1 no consent in force, 2 bad input, 4 refused by policy.\n");
	return EXIT_YES;
}

static int act_usage(const struct act *a)
{
	printf("usage: sekisho consent %s %s\n\n%c%s.\n\n", a->name, a->usage, toupper((unsigned char)a->summary[0]),
	       a->summary + 1);
	cmdline_print_options(stdout, a->table);
	printf("\nExit status: 0 done, 1 no consent in force, 2 bad input, 4 refused by policy.\n");
	return EXIT_YES;
}

int verb_consent_print(json_t *object)
{
	int status = object && json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER) == 0 ? EXIT_YES : EXIT_NO;

	putchar('\n');
	json_decref(object);
	return status;
}

/* Words that are kept for years and printed anywhere. */
static int check_words(const struct consent_options *o, struct problem *p)
{
	const struct {
		const char *name, *value;
	} words[] = {
		{ "actor", o->actor }, { "actor-auth", o->actor_auth }, { "method", o->method },
		{ "origin", o->origin }, { "ticket", o->ticket },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t size = words[i].value ? strlen(words[i].value) : 1;

		if (!size || size > CONSENT_WORD_MAX || (words[i].value && !text_is_plain(words[i].value, size)))
			return problem(p, -1, "--%s \"%s\": expected one line of text of at most %d bytes",
				       words[i].name, words[i].value, CONSENT_WORD_MAX);
	}
	return 0;
}

/*
 * What the ledger has of who decided it. The tenant's own user decides for itself and is known by the kernel; a panel
 * acts for somebody whom it authenticated, and says whom, how, and from where.
 */
static int check_actor(struct consent_call *call, bool writes)
{
	const struct command *c = call->c;
	const struct consent_options *o = call->o;

	if (!writes || !c->who.by_socket || c->who.uid == 0)
		return 0;
	if (roles_owns(&c->who, &c->conf, call->tenant)) {
		if (o->actor || o->actor_auth) {
			log_error("--actor and --actor-auth are not for the tenant's own user, whom the node knows");
			return EXIT_REFUSED;
		}
		snprintf(call->owner_auth, sizeof(call->owner_auth), "owner of the tenant: uid %u (%s)", c->who.uid,
			 c->who.user[0] ? c->who.user : "no name");
		call->act.actor_auth = call->owner_auth;
		return 0;
	}
	if (o->actor && o->actor_auth && o->origin)
		return 0;
	log_error("through the control socket the act says who decided it: --actor, --actor-auth and --origin");
	return EXIT_REFUSED;
}

static int run(struct command *c, const struct act *a, const struct consent_options *o, const char *tenant)
{
	struct consent_call call = { .c = c, .o = o, .tenant = tenant, .lang = command_language() };
	struct problem p;
	int status;

	if (c->store_path && !a->any_store) {
		log_error("consent needs a configuration (-c FILE), not --store");
		return EXIT_USAGE;
	}
	if ((!tenant && !a->any_tenant) || (tenant && parse_tenant_id(tenant))) {
		log_error("consent %s \"%s\": expected a tenant id", a->name, tenant ? tenant : "");
		return EXIT_USAGE;
	}
	status = command_admit_tenant(c, tenant);
	if (status)
		return status;
	if (check_words(o, &p))
		return command_fail(EXIT_USAGE, &p);
	if (sodium_init() < 0) {
		log_error("libsodium does not start");
		return EXIT_NO;
	}
	if (o->lang && !o->text)
		call.lang = o->lang;
	call.act = (struct consent_act){
		.tenant_id = tenant, .actor = o->actor, .actor_auth = o->actor_auth, .method = o->method,
		.from = o->origin, .ticket = o->ticket, .uid = c->who.uid, .user = peer_user(&c->who), .by_socket = c->who.by_socket,
	};
	status = check_actor(&call, a->writes);
	if (!status)
		status = a->run(&call);
	for (size_t i = 0; call.resolved && i < call.act.scope_count; i++)
		free(call.resolved[i]);
	free(call.resolved);
	return status;
}

int verb_consent(struct command *c, int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct act *a = acts;
	struct consent_options o = {};
	char *tenant = NULL;
	json_t *kept = NULL;
	struct problem p;
	size_t operands;
	int status;

	if (strcmp(name, "--help") == 0)
		return usage();
	while (a < acts + ACTS && strcmp(a->name, name) != 0)
		a++;
	if (a == acts + ACTS) {
		log_error("consent \"%s\": expected grant, modify, withdraw, notice, show, log or text; see sekisho "
			  "consent --help", name);
		return EXIT_USAGE;
	}
	if (cmdline_parse(argc - 1, argv + 1, a->table, &o, false, &tenant, 1, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help)
		return act_usage(a);
	if (o.from_stdin && verb_consent_read_stdin(a->table, &o, &kept, &p))
		status = command_fail(EXIT_USAGE, &p);
	else
		status = run(c, a, &o, tenant);
	json_decref(kept);
	return status;
}
