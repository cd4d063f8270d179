// SPDX-License-Identifier: BSD-2-Clause
/* sekisho case: requests that are answered, as acts of the access chain. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "base/utc.h"
#include "verb_case.h"

struct case_options {
	const char *basis, *requester, *approver, *note, *secret_until, *secret_reason;
	const char *text, *tenant, *state, *outcome;
	struct cmd_list tenants, from, to;
	unsigned int all_tenants, help;
	struct case_provider_options provider;
	struct case_show_options show;
};

#define VALUE(name_, metavar_, field_, help_) CMD_VALUE(name_, metavar_, struct case_options, field_, help_)
#define LIST(name_, metavar_, field_, help_) CMD_LIST(name_, metavar_, struct case_options, field_, help_)
#define SWITCH(name_, field_, help_) CMD_SWITCH(name_, struct case_options, field_, help_)
#define HELP SWITCH("help", help, "this text")

static const struct cmd_option open_table[] = {
	VALUE("basis", "CODE", basis, "legal basis, as of search"),
	LIST("tenant", "ID", tenants, "a tenant that may be searched; again for each, or:"),
	SWITCH("all-tenants", all_tenants, "every tenant"),
	LIST("from", "TIME", from, "a window that may be searched, with --to; again for each"),
	LIST("to", "TIME", to, "its end, not included; without windows: any time"),
	VALUE("requester", "TEXT", requester, "who asks"),
	VALUE("approver", "NAME", approver, "who approved the opening"),
	VALUE("note", "TEXT", note, "of any act: what else is to be kept"),
	VALUE("secret-until", "TIME", secret_until, "the law forbids to tell the tenants until then"),
	VALUE("secret-reason", "TEXT", secret_reason, "which law, what order"),
	HELP,
	{},
};

static const struct cmd_option note_table[] = { VALUE("text", "TEXT", text, "the note"), HELP, {} };

static const struct cmd_option opinion_table[] = {
	VALUE("tenant", "ID", tenant, "whose contractor is asked (意見照会)"),
	VALUE("state", "WORD", state, CASE_OPINIONS),
	VALUE("note", "TEXT", note, "what was answered"),
	HELP,
	{},
};

static const struct cmd_option provider_table[] = {
	VALUE("name", "TEXT", provider.name, "of the next provider"),
	VALUE("address", "TEXT", provider.address, "its postal address"),
	VALUE("source", "TEXT", provider.source, "how it is known: whois of JPNIC, ..."),
	VALUE("date", "DATE", provider.date, "when that was looked up: 2026-11-02"),
	LIST("prefix", "ADDR[/LEN]", provider.prefixes, "only for these sources"),
	VALUE("file", "FILE", provider.file, "CSV prefix,name,address,source,date instead"),
	HELP,
	{},
};

static const struct cmd_option close_table[] = {
	VALUE("outcome", "WORD", outcome, CASE_OUTCOMES),
	VALUE("note", "TEXT", note, "why"),
	HELP,
	{},
};

static const struct cmd_option show_table[] = {
	SWITCH("all", show.all, "list: closed ones, too"),
	SWITCH("json", show.json, "as JSON"),
	VALUE("lang", "en|ja", show.lang, "language (default: that of the locale, else English)"),
	HELP,
	{},
};

static int help(void)
{
	printf("usage: sekisho case open NUMBER --basis CODE (--tenant ID... | --all-tenants)\n"
	       "                         [--from TIME --to TIME]... [OPTION...]\n"
	       "       sekisho case list [--all] | show NUMBER  [--json] [--lang en|ja]\n"
	       "       sekisho case note NUMBER --text TEXT\n"
	       "       sekisho case opinion NUMBER --tenant ID --state asked|agrees|objects|no-answer\n"
	       "       sekisho case provider NUMBER --name TEXT --address TEXT --source TEXT --date DATE\n"
	       "                         [--prefix ADDR[/LEN]]... | --file FILE\n"
	       "       sekisho case close NUMBER --outcome disclosed|not-disclosed|none|withdrawn\n\n"
	       "A search needs a case that is open and covers it. Every act is a signed line of the\n"
	       "access log. open, and --note of opinion and close:\n");
	cmdline_print_options(stdout, open_table);
	printf("\nExit status: 0 done, 1 no such case or not open, 2 bad input, 4 refused, 5 damaged.\n");
	return EXIT_YES;
}

/* --- Acts --- */

json_t *case_act_begin(const struct command *c, const char *event, const char *number)
{
	return json_pack("{s:s, s:s, s:I, s:s?}", "event", event, "case", number, "uid", (json_int_t)c->who.uid, "user",
			 peer_user(&c->who));
}

int case_status_of(int error)
{
	return error == -EKEYREJECTED ? EXIT_REFUSED : command_status_of(error);
}

int case_act_end(struct command *c, json_t *act)
{
	struct store_dir store;
	struct problem p;
	int error = act ? command_open_store(c, &store, &p) :
			  problem(&p, -EINVAL, "the text is not valid UTF-8");

	if (!error) {
		error = cases_act(&store, act, NULL, &p);
		store_close(&store);
	}
	json_decref(act);
	return error ? command_fail(case_status_of(error), &p) : EXIT_YES;
}

/* Adds a member unless the act is NULL already; then it becomes NULL, as with a value that is none. */
static void put(json_t **act, const char *key, json_t *value)
{
	if (json_object_set_new(*act, key, value) == 0)
		return;
	json_decref(*act);
	*act = NULL;
}

static void put_text(json_t **act, const char *key, const char *text)
{
	put(act, key, text ? json_string(text) : json_null());
}

static int missing(const char *what)
{
	log_error("%s", what);
	return EXIT_USAGE;
}

static json_t *tenants_json(const struct cmd_list *tenants)
{
	json_t *list = tenants->count ? json_array() : json_null();

	for (size_t i = 0; i < tenants->count; i++)
		json_array_append_new(list, json_string(tenants->values[i]));
	return list;
}

/* Windows as the ledger has them: UTC. */
static int windows_json(const struct case_options *o, json_t **ret_list, struct problem *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < o->from.count; i++) {
		char from_text[UTC_TEXT_MAX], to_text[UTC_TEXT_MAX];
		int64_t from, to;
		struct problem why;
		const char *bad = utc_parse(o->from.values[i], &from, &why) ? "from" :
				  utc_parse(o->to.values[i], &to, &why)	    ? "to" : NULL;

		if (bad || from >= to) {
			json_decref(list);
			return bad ? problem(p, -EINVAL, "--%s: %s", bad, why.text) :
				     problem(p, -EINVAL, "--from %s is not before --to %s", o->from.values[i],
					     o->to.values[i]);
		}
		json_array_append_new(list, json_pack("[s,s]", utc_format(from, from_text), utc_format(to, to_text)));
	}
	*ret_list = list;
	return 0;
}

/* What an opening must say; NULL: it does. */
static const char *opening_lacks(const struct case_options *o)
{
	if (!o->basis)
		return "a case needs a legal basis: --basis CODE";
	if (!o->tenants.count && !o->all_tenants)
		return "a case names its tenants: --tenant ID for each, or --all-tenants";
	if (o->tenants.count && o->all_tenants)
		return "--tenant and --all-tenants: choose one";
	if (o->from.count != o->to.count)
		return "each --from needs its --to";
	if (!o->secret_until != !o->secret_reason)
		return "--secret-until and --secret-reason go together";
	return NULL;
}

static int open_case(struct command *c, const char *number, const struct case_options *o)
{
	json_t *act, *windows = NULL, *secret;
	char until_text[UTC_TEXT_MAX];
	int64_t until = 0;
	struct problem p, why;
	int status;

	if (opening_lacks(o))
		return missing(opening_lacks(o));
	if (o->secret_until && utc_parse(o->secret_until, &until, &why)) {
		problem(&p, -EINVAL, "--secret-until: %s", why.text);
		return command_fail(EXIT_USAGE, &p);
	}
	if (windows_json(o, &windows, &p))
		return command_fail(EXIT_USAGE, &p);
	secret = o->secret_until ? json_string(utc_format(until, until_text)) : json_null();
	act = case_act_begin(c, "CASE_OPEN", number);
	put_text(&act, "basis", o->basis);
	put(&act, "tenants", tenants_json(&o->tenants));
	put(&act, "windows", windows);
	put_text(&act, "requester", o->requester);
	put_text(&act, "approver", o->approver);
	put_text(&act, "note", o->note);
	put(&act, "secret_until", secret);
	put_text(&act, "secret_reason", o->secret_reason);
	status = case_act_end(c, act);
	if (status == EXIT_YES)
		printf("case %s opened on basis %s\n", number, o->basis);
	return status;
}

static int note(struct command *c, const char *number, const struct case_options *o)
{
	json_t *act;

	if (!o->text)
		return missing("a note has a text: --text TEXT");
	act = case_act_begin(c, "CASE_NOTE", number);
	put_text(&act, "text", o->text);
	return case_act_end(c, act);
}

static int opinion(struct command *c, const char *number, const struct case_options *o)
{
	json_t *act;

	if (!o->tenant || !o->state)
		return missing("an opinion needs --tenant ID and --state, one of " CASE_OPINIONS);
	act = case_act_begin(c, "CASE_OPINION", number);
	put_text(&act, "tenant", o->tenant);
	put_text(&act, "state", o->state);
	put_text(&act, "note", o->note);
	return case_act_end(c, act);
}

static int close_case(struct command *c, const char *number, const struct case_options *o)
{
	json_t *act;
	int status;

	if (!o->outcome)
		return missing("a case closes with --outcome, one of " CASE_OUTCOMES);
	act = case_act_begin(c, "CASE_CLOSE", number);
	put_text(&act, "outcome", o->outcome);
	put_text(&act, "note", o->note);
	status = case_act_end(c, act);
	if (status == EXIT_YES)
		printf("case %s closed: %s\n", number, o->outcome);
	return status;
}

static int provider(struct command *c, const char *number, const struct case_options *o)
{
	return case_provider(c, number, &o->provider);
}

static int show(struct command *c, const char *number, const struct case_options *o)
{
	return case_show(c, number, &o->show);
}

static int list(struct command *c, const char *number, const struct case_options *o)
{
	(void)number;
	return case_list(c, &o->show);
}

int verb_case(struct command *c, int argc, char **argv)
{
	static const struct {
		const char *name;
		const struct cmd_option *options;
		int (*run)(struct command *c, const char *number, const struct case_options *o);
	} acts[] = {
		{ "open", open_table, open_case },   { "list", show_table, list },
		{ "show", show_table, show },	     { "note", note_table, note },
		{ "opinion", opinion_table, opinion }, { "provider", provider_table, provider },
		{ "close", close_table, close_case },
	};
	const char *name = argc > 1 ? argv[1] : "";
	char folded[CASE_NUMBER_MAX + 1];
	struct case_options o = {};
	char *number = NULL;
	struct problem p;
	size_t operands, i = 0;
	bool lists = strcmp(name, "list") == 0;

	if (strcmp(name, "--help") == 0)
		return help();
	while (i < sizeof(acts) / sizeof(acts[0]) && strcmp(acts[i].name, name) != 0)
		i++;
	if (i == sizeof(acts) / sizeof(acts[0])) {
		problem(&p, -EINVAL, "case \"%s\": expected open, list, show, note, opinion, provider or close; see sekisho case --help",
			name);
		return command_fail(EXIT_USAGE, &p);
	}
	if (cmdline_parse(argc - 1, argv + 1, acts[i].options, &o, false, &number, lists ? 0 : 1, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help)
		return help();
	if (!lists && case_fold(number ? number : "", folded)) {
		problem(&p, -EINVAL, "case %s \"%s\": expected a number, 1 to %d bytes of one line of text", name,
			number ? number : "", CASE_NUMBER_MAX);
		return command_fail(EXIT_USAGE, &p);
	}
	return acts[i].run(c, number, &o);
}
