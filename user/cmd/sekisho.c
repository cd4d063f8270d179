// SPDX-License-Identifier: BSD-2-Clause
/* sekisho: the operator's command. Global options, then one verb from the table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/output.h"
#include "base/utc.h"
#include "command.h"
#include "ask_daemon.h"
#include "version.h"

struct global_options {
	const char *conf_path, *store_path, *run_dir;
	unsigned int help, version;
};

static const struct cmd_option option_table[] = {
	{ .letter = 'c', .value = "FILE", .help = "configuration (" CONF_DEFAULT_FILE ")",
	  .offset = offsetof(struct global_options, conf_path) },
	CMD_VALUE("store", "DIR", struct global_options, store_path,
		  "work on the store in DIR alone (not status, seal, reload, consent but for log)"),
	CMD_VALUE("run-dir", "DIR", struct global_options, run_dir,
		  "ask the sekishod whose control socket is in DIR"),
	CMD_SWITCH("help", struct global_options, help, "this text; after a verb: its options"),
	CMD_SWITCH("version", struct global_options, version, "print the version"),
	{},
};

static void usage(FILE *out)
{
	fprintf(out, "usage: sekisho [-c FILE | --store DIR | --run-dir DIR] [VERB ...]\n\n");
	for (const struct verb *v = verbs; v->name; v++)
		fprintf(out, "  %-8s %-26s %s\n", v->name, v->operands, v->summary);
	fputc('\n', out);
	cmdline_print_options(out, option_table);
	fprintf(out, "\nExit status: 0 yes, found, done; 1 none, could not; 2 usage or bad input;\n"
		     "3 no daemon; 4 refused by policy; 5 store or ledger damaged.\n");
}

/*
 * Without a configuration that they can read, other users than root still find the socket. -c names one that must be
 * readable.
 */
static int load_conf(struct command *c, const char *run_dir, struct problem *p)
{
	int error;

	if ((c->store_path || run_dir) && !c->conf_path) {
		conf_defaults(&c->conf);
		error = 0;
	} else if (!c->conf_path && geteuid() != 0 && access(CONF_DEFAULT_FILE, R_OK) < 0) {
		conf_defaults(&c->conf);
		error = 0;
	} else {
		if (!c->conf_path)
			c->conf_path = CONF_DEFAULT_FILE;
		error = conf_load(c->conf_path, &c->conf, p);
	}
	if (!error && run_dir && (*run_dir != '/' || strlen(run_dir) >= sizeof(c->conf.run_dir))) {
		conf_done(&c->conf);
		return problem(p, -EINVAL, "--run-dir \"%s\": expected an absolute path", run_dir);
	}
	if (!error && run_dir)
		strcpy(c->conf.run_dir, run_dir);
	return error;
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

/* Whether the verb works on the store itself, as root and the store's owner may, or sekishod does it for us. */
static bool works_here(const struct command *c, const struct global_options *o)
{
	struct stat st;

	if (c->store_path)
		return true;
	return !o->run_dir && (geteuid() == 0 || (stat(c->conf.state_dir, &st) == 0 && st.st_uid == geteuid()));
}

static int run_verb(const struct verb *verb, const struct global_options *o, int argc, char **argv)
{
	struct command c = { .conf_path = o->conf_path, .store_path = o->store_path };
	struct problem p;
	int status;

	if (verb->run == verb_import && own_store(argc, argv))
		c.store_path = own_store(argc, argv);
	peer_self(&c.who);
	if (wants_help(argc, argv)) {
		conf_defaults(&c.conf);
	} else if (load_conf(&c, o->run_dir, &p) || utc_set_local_zone(c.conf.timezone, &p)) {
		return command_fail(EXIT_USAGE, &p);
	}
	if (wants_help(argc, argv) || works_here(&c, o))
		status = verb->run(&c, argc, argv);
	else
		status = ask_daemon(c.conf.run_dir, argc, argv);
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
	verb = verbs_find(operands[0]);
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
