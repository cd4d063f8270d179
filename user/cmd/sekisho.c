// SPDX-License-Identifier: BSD-2-Clause
/* sekisho: the operator's command. Global options, then one verb from the table. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/output.h"
#include "base/utc.h"
#include "command.h"
#include "version.h"

static const struct verb verbs[] = {
	{ "status", "", "is it recording, for whom, what was lost (the default)", verb_status },
	{ "case", "open|list|show|... NUMBER", "requests that are answered: scope, notes, outcome", verb_case },
	{ "approve", "[ID]", "let a search of another person show many rows", verb_approve },
	{ "search", "--case N --basis CODE ...", "find connections", verb_search },
	{ "consent", "grant|withdraw|show ...", "record a tenant's permission, or its end", verb_consent },
	{ "import", "--csv FILE --reason TEXT", "store rows that were recorded elsewhere", verb_import },
	{ "seal", "", "move the journal's rows to the segments now", verb_seal },
	{ "hold", "set|list|release ...", "keep records from being deleted, for a case", verb_hold },
	{ "ledger", "show|verify|head|...", "what was consented to, searched, kept: signed chains", verb_ledger },
	{ "verify", "", "check every checksum of the store", verb_verify },
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

struct global_options {
	const char *conf_path, *store_path;
	unsigned int help, version;
};

static const struct cmd_option option_table[] = {
	{ .letter = 'c', .value = "FILE", .help = "configuration (" CONF_DEFAULT_FILE ")",
	  .offset = offsetof(struct global_options, conf_path) },
	CMD_VALUE("store", "DIR", struct global_options, store_path,
		  "work on the store in DIR without configuration (not status, seal, consent)"),
	CMD_SWITCH("help", struct global_options, help, "this text; after a verb: its options"),
	CMD_SWITCH("version", struct global_options, version, "print the version"),
	{},
};

static void usage(FILE *out)
{
	fprintf(out, "usage: sekisho [-c FILE | --store DIR] [VERB ...]\n\n");
	for (size_t i = 0; i < VERBS; i++)
		fprintf(out, "  %-8s %-26s %s\n", verbs[i].name, verbs[i].operands, verbs[i].summary);
	fputc('\n', out);
	cmdline_print_options(out, option_table);
	fprintf(out, "\nExit status: 0 yes, found, done; 1 none, could not; 2 usage or bad input;\n"
		     "3 no daemon; 4 refused by policy; 5 store or ledger damaged.\n");
}

int command_fail(int status, const struct problem *p)
{
	log_error("%s", p->text);
	return status;
}

int command_status_of(int error)
{
	if (error == -EBADMSG || error == -ENOTSUP || error == -ENODATA)
		return EXIT_DAMAGED;
	return error == -EINVAL ? EXIT_USAGE : EXIT_NO;
}

int command_answer_status(const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	const json_t *status = json_object_get(answer, "status");

	if (error)
		log_error("%s", error);
	return json_is_integer(status) ? (int)json_integer_value(status) : EXIT_NO;
}

int command_open_store(const struct command *c, struct store_dir *ret_store, struct problem *p)
{
	return store_open(c->store_path ? c->store_path : c->conf.state_dir, 0, ret_store, p);
}

int command_open_as_owner(const struct command *c, struct store_dir *ret_store, struct problem *p)
{
	int error = command_open_store(c, ret_store, p);
	struct stat st;

	if (!error && geteuid() == 0 && fstat(ret_store->ledger, &st) == 0 && st.st_uid != 0) {
		setfsgid(st.st_gid);
		setfsuid(st.st_uid);
	}
	return error;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int load_conf(struct command *c, struct problem *p)
{
	if (c->store_path && !c->conf_path) {
		conf_defaults(&c->conf);
		return 0;
	}
	if (!c->conf_path)
		c->conf_path = CONF_DEFAULT_FILE;
	return conf_load(c->conf_path, &c->conf, p);
}

/* "--store DIR" or "--store=DIR" of the verb's own: decided before the configuration is read. */
static const char *own_store(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			break;
		if (strncmp(argv[i], "--store=", 8) == 0)
			return argv[i] + 8;
		if (strcmp(argv[i], "--store") == 0 && i + 1 < argc)
			return argv[i + 1];
	}
	return NULL;
}

/* Whether --help stands among the verb's own options: it needs no configuration. */
static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

static int run_verb(const struct verb *verb, const struct global_options *o, int argc, char **argv)
{
	struct command c = { .conf_path = o->conf_path, .store_path = o->store_path };
	struct problem p;
	int status;

	if (verb->run == verb_import && own_store(argc, argv))
		c.store_path = own_store(argc, argv);
	if (wants_help(argc, argv)) {
		conf_defaults(&c.conf);
	} else if (load_conf(&c, &p) || utc_set_local_zone(c.conf.timezone, &p)) {
		return command_fail(EXIT_USAGE, &p);
	}
	status = verb->run(&c, argc, argv);
	conf_done(&c.conf);
	return status;
}

static int run_program(int argc, char **argv)
{
	char *default_argv[] = { "status", NULL };
	struct global_options o = {};
	const struct verb *verb;
	struct problem p;
	size_t count;
	char **operands;

	log_init("sekisho", false);
	umask(0077);
	if (cmdline_parse(argc, argv, option_table, &o, true, NULL, 0, &count, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help) {
		usage(stdout);
		return EXIT_YES;
	}
	if (o.version) {
		printf("sekisho " SEKISHO_VERSION "\n");
		return EXIT_YES;
	}
	operands = count ? argv + argc - count : default_argv;
	verb = find_verb(operands[0]);
	if (!verb) {
		problem(&p, 0, "unknown verb \"%s\"; see sekisho --help", operands[0]);
		return command_fail(EXIT_USAGE, &p);
	}
	return run_verb(verb, &o, count ? (int)count : 1, operands);
}

int main(int argc, char **argv)
{
	return output_finish(run_program(argc, argv));
}
