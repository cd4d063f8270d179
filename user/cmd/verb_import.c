// SPDX-License-Identifier: BSD-2-Clause
/* sekisho import: takes a CSV of connections that something else recorded into the store. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/owner.h"
#include "base/utc.h"
#include "command.h"
#include "import/import.h"

struct import_verb_options {
	const char *store, *csv, *reason;
	unsigned int json, help;
};

static const struct cmd_option option_table[] = {
	CMD_VALUE("csv", "FILE", struct import_verb_options, csv, "the rows; - is the standard input"),
	CMD_VALUE("reason", "TEXT", struct import_verb_options, reason,
		  "where they come from and why they are here; kept with them"),
	CMD_VALUE("store", "DIR", struct import_verb_options, store,
		  "the store, made if it is not there (without: that of -c FILE)"),
	CMD_SWITCH("json", struct import_verb_options, json, "the summary as JSON"),
	CMD_SWITCH("help", struct import_verb_options, help, "this text"),
	{},
};

static volatile sig_atomic_t stop;
static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };
#define STOP_SIGNALS (sizeof(stop_signals) / sizeof(stop_signals[0]))

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void usage(void)
{
	printf("usage: sekisho import [--store DIR] --csv FILE|- --reason TEXT [--json]\n\n"
	       "Stores connections that were recorded elsewhere. The first line of FILE is\n\n"
	       "    t_ns,tenant,src_ip,src_port,dst_ip,dst_port[,rtt_us][,t_close_ns]\n\n"
	       "and each other line has a value for each: times in ns since 1970 (UTC), no quotes;\n"
	       "rtt_us and t_close_ns may be empty. All of FILE is stored, or with the first bad line\n"
	       "nothing; so, too, when the disk would have less room than min_free (sekisho.conf(5)).\n"
	       "The rows carry consent 0 and the flag imported.\n\n");
	cmdline_print_options(stdout, option_table);
	printf("\nExit status: 0 stored, 1 could not, 2 bad input, 5 consent ledger damaged.\n");
}

/* The signals that end an import: they are let in only while it waits for input. */
static void catch_signals(sigset_t *ret_before)
{
	const struct sigaction action = { .sa_handler = on_signal };
	sigset_t block;

	sigemptyset(&block);
	for (size_t i = 0; i < STOP_SIGNALS; i++) {
		sigaddset(&block, stop_signals[i]);
		sigaction(stop_signals[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &block, ret_before);
}

/* From here on a signal ends the program as usual. One that came too late to take the rows back is dropped:
 * what was done must be said. */
static void release_signals(const sigset_t *before, bool *ret_late)
{
	sigset_t pending;

	sigpending(&pending);
	*ret_late = false;
	for (size_t i = 0; i < STOP_SIGNALS; i++) {
		*ret_late |= sigismember(&pending, stop_signals[i]) == 1;
		signal(stop_signals[i], SIG_IGN);
		signal(stop_signals[i], SIG_DFL);
	}
	sigprocmask(SIG_SETMASK, before, NULL);
}

static double seconds(int64_t ns)
{
	return (double)ns / 1e9;
}

static double rate(uint64_t count, int64_t ns)
{
	return ns > 0 ? (double)count / seconds(ns) : 0;
}

static void show_progress(const struct import_result *r)
{
	fprintf(stderr, "\r\033[K%llu lines, %.1f million a second", (unsigned long long)r->lines,
		rate(r->lines, r->read_ns) / 1e6);
}

static double per_row(uint64_t bytes, uint64_t rows)
{
	return rows ? (double)bytes / (double)rows : 0;
}

static void show_time(const char *name, int64_t ns)
{
	char utc[UTC_TEXT_MAX], local[UTC_TEXT_MAX];

	printf("%s %s (%s)\n", name, utc_format(ns, utc), utc_format_local(ns, local));
}

static void show(const struct import_result *r, const char *unsealed)
{
	printf("Lines:     %llu in %.2f s, %.2f million a second\n", (unsigned long long)r->lines,
	       seconds(r->read_ns), rate(r->lines, r->read_ns) / 1e6);
	printf("Rows:      %llu, of which %llu closes\n", (unsigned long long)r->rows,
	       (unsigned long long)r->close_rows);
	if (!r->rows) {
		printf("Nothing to store.\n");
		return;
	}
	printf("Tenants:   %zu, of which %zu new\n", r->tenants, r->new_tenants);
	show_time("From:     ", r->first_ns);
	show_time("To:       ", r->last_ns);
	printf("Journal:   %s, %llu bytes, %.2f a row\n", r->journal, (unsigned long long)r->journal_bytes,
	       per_row(r->journal_bytes, r->rows));
	if (!r->sealed) {
		printf("Sealed:    %s\n", unsealed);
		return;
	}
	printf("Sealed:    %llu rows in %llu sections, %llu bytes, %.2f a row, in %.2f s\n",
	       (unsigned long long)r->seal.rows, (unsigned long long)r->seal.sections,
	       (unsigned long long)r->seal.bytes, per_row(r->seal.bytes, r->seal.rows),
	       seconds(r->seal_ns));
	printf("In all:    %.2f million lines a second\n", rate(r->lines, r->read_ns + r->seal_ns) / 1e6);
}

static json_t *time_json(const struct import_result *r, int64_t ns, bool local)
{
	char text[UTC_TEXT_MAX];

	if (!r->rows)
		return json_null();
	return json_string(local ? utc_format_local(ns, text) : utc_format(ns, text));
}

static void show_json(const struct import_result *r)
{
	json_t *sealed = json_null(), *all;

	if (r->sealed)
		sealed = json_pack("{s:I, s:I, s:I, s:f}", "rows", (json_int_t)r->seal.rows, "sections",
				   (json_int_t)r->seal.sections, "bytes", (json_int_t)r->seal.bytes,
				   "seconds", seconds(r->seal_ns));
	all = json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:s?, s:I, s:f, s:o}", "lines",
			(json_int_t)r->lines, "rows", (json_int_t)r->rows, "close_rows",
			(json_int_t)r->close_rows, "tenants", (json_int_t)r->tenants, "new_tenants",
			(json_int_t)r->new_tenants, "first_utc", time_json(r, r->first_ns, false),
			"first_local", time_json(r, r->first_ns, true), "last_utc",
			time_json(r, r->last_ns, false), "last_local", time_json(r, r->last_ns, true),
			"journal", r->journal[0] ? r->journal : NULL, "journal_bytes",
			(json_int_t)r->journal_bytes, "seconds", seconds(r->read_ns), "sealed", sealed);
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

/* Asks the daemon of the configuration to seal. What to say of the rows that are not sealed by us. */
static const char *wake_daemon(const struct command *c)
{
	struct problem p;
	json_t *answer;
	int error;

	if (c->store_path)
		return "not yet: the store is in use, its sekishod seals with its next run";
	error = command_ask(c, json_pack("{s:s}", "verb", "seal"), &answer, &p);
	if (error)
		return "not yet: the store is in use, sekishod seals with its next run";
	error = json_integer_value(json_object_get(answer, "status")) != EXIT_YES;
	json_decref(answer);
	return error ? "not yet: sekishod could not seal and will try again" : "by sekishod, which was asked to";
}

static int read_into(const struct command *c, const struct store_dir *store,
		     const struct import_verb_options *o, int fd, struct import_result *r, bool *ret_late)
{
	bool terminal = isatty(STDERR_FILENO);
	struct problem p;
	sigset_t before;
	const struct import_options options = {
		.fd = fd,
		.file = fd == STDIN_FILENO ? "standard input" : o->csv,
		.reason = o->reason,
		.room = { c->conf.min_free_bytes, (unsigned int)c->conf.min_free_percent },
		.waiting = &before,
		.stop = &stop,
		.progress = terminal ? show_progress : NULL,
	};
	int error;

	catch_signals(&before);
	error = import_read(store, &options, r, &p);
	release_signals(&before, ret_late);
	if (terminal)
		fputs("\r\033[K", stderr);
	return error ? command_fail(error == -EFBIG ? EXIT_USAGE : command_status_of(error), &p) : EXIT_YES;
}

static int import_into(const struct command *c, const struct store_dir *store,
		       const struct import_verb_options *o, int fd)
{
	const char *unsealed = "not yet: see above";
	struct import_result r;
	struct problem p;
	bool late;
	int status = read_into(c, store, o, fd, &r, &late);

	if (status != EXIT_YES)
		return status;
	if (late)
		unsealed = "not yet: interrupted when all was stored; the next import or sekishod seals";
	else if (r.rows && import_seal(store, &r, &p))
		log_warn("%s; the rows are stored in journal/%s", p.text, r.journal);
	else if (r.rows && !r.sealed)
		unsealed = wake_daemon(c);
	if (o->json)
		show_json(&r);
	else
		show(&r, unsealed);
	return EXIT_YES;
}

static int check_options(const struct import_verb_options *o, struct problem *p)
{
	if (!o->csv)
		return problem(p, -EINVAL, "import needs the rows: --csv FILE, or - for the standard input");
	if (!o->reason)
		return problem(p, -EINVAL, "import needs a reason, which is kept with the rows: --reason TEXT");
	return import_check_reason(o->reason, p);
}

int verb_import(struct command *c, int argc, char **argv)
{
	struct import_verb_options o = {};
	struct store_dir store;
	struct problem p;
	size_t operands;
	int fd = STDIN_FILENO, status;

	if (cmdline_parse(argc, argv, option_table, &o, false, NULL, 0, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help) {
		usage();
		return EXIT_YES;
	}
	if (check_options(&o, &p))
		return command_fail(EXIT_USAGE, &p);
	if (strcmp(o.csv, "-") != 0)
		fd = open(o.csv, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		problem(&p, -errno, "cannot open %s: %s", o.csv, strerror(errno));
		return command_fail(EXIT_USAGE, &p);
	}
	if (c->store_path ? store_open(c->store_path, 1, &store, &p) : owner_open_store(&c->conf, &store, &p)) {
		status = command_fail(EXIT_NO, &p);
	} else {
		status = import_into(c, &store, &o, fd);
		store_close(&store);
	}
	if (fd != STDIN_FILENO)
		close(fd);
	return status;
}
