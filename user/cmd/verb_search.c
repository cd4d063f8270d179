// SPDX-License-Identifier: BSD-2-Clause
/* sekisho search: policy first, then the search, then the access log, then the rows. */
#include <errno.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/utc.h"
#include "command.h"
#include "control/client.h"
#include "ledger/access.h"
#include "output/answer.h"

struct search_options {
	const char *tenant, *src, *src_port, *dst, *dst_port, *from, *to, *case_number, *basis;
	unsigned int csv, json, help;
};

#define VALUE(name_, metavar_, field_, help_) \
	CMD_VALUE(name_, metavar_, struct search_options, field_, help_)

static const struct cmd_option option_table[] = {
	VALUE("case", "NUMBER", case_number, "the case this search is for"),
	VALUE("basis", "CODE", basis, "legal basis: KAIJI_MEIREI, TEIKYO_MEIREI_2, WARRANT, ..."),
	VALUE("from", "TIME", from, "start, RFC 3339 with a zone: 2026-10-30T21:15:00+09:00"),
	VALUE("to", "TIME", to, "end, not included; may lie in the future"),
	VALUE("tenant", "ID", tenant, "only this tenant"),
	VALUE("src", "ADDR[/LEN]", src, "source address or prefix"),
	VALUE("src-port", "PORT", src_port, "source port"),
	VALUE("dst", "ADDR[/LEN]", dst, "destination address or prefix"),
	VALUE("dst-port", "PORT", dst_port, "destination port"),
	CMD_SWITCH("csv", struct search_options, csv, "rows as CSV (notes go to stderr)"),
	CMD_SWITCH("json", struct search_options, json, "everything as JSON"),
	CMD_SWITCH("help", struct search_options, help, "this text"),
	{},
};

static void usage(void)
{
	printf("usage: sekisho search --case NUMBER --basis CODE --from TIME --to TIME\n"
	       "                      [--tenant ID] [--src ADDR[/LEN]] [--src-port PORT]\n"
	       "                      [--dst ADDR[/LEN]] [--dst-port PORT] [--csv | --json]\n\n"
	       "At least one of --tenant, --src and --dst (TENANT_SELF: --tenant). Every search is\n"
	       "written to the access log before anything is shown.\n\n");
	cmdline_print_options(stdout, option_table);
	printf("\nBases: KAIJI_MEIREI, TEIKYO_MEIREI_1 (number only), TEIKYO_MEIREI_2, SHOKYO_KINSHI,\n"
	       "ART5_VOLUNTARY, WARRANT, HOZEN_YOSEI (number only), TENANT_SELF, EMERGENCY,\n"
	       "AUDIT (number only).\n");
	printf("Exit status: 0 found, 1 none, 2 bad input, 4 refused by policy, 5 store damaged.\n");
}

/* What policy asks of every search (AC-39): checked before anything is opened. */
static const char *refusal(const struct search_options *o, const struct basis *basis)
{
	if (basis->needs_case && (!o->case_number || !*o->case_number))
		return "a search needs a case: --case NUMBER";
	if (!o->from || !o->to)
		return "a search needs a bounded window: --from TIME --to TIME";
	if (!basis->needs_case && !o->tenant)
		return "TENANT_SELF is for one tenant's own data: --tenant ID";
	if (!o->src && !o->dst && !o->tenant)
		return "a search needs --src, --dst or --tenant";
	return NULL;
}

static int parse_prefix(const char *name, const char *text, bool *ret_given,
			struct prefix *ret_prefix, struct problem *p)
{
	if (!text)
		return 0;
	if (prefix_parse(text, ret_prefix))
		return problem(p, -EINVAL, "--%s \"%s\": expected ADDR[/LEN] without host bits", name,
			       text);
	*ret_given = true;
	return 0;
}

static int parse_optional_port(const char *name, const char *text, uint16_t *ret_port,
			       struct problem *p)
{
	if (text && parse_port(text, ret_port))
		return problem(p, -EINVAL, "--%s \"%s\": expected 1 to 65535", name, text);
	return 0;
}

static int parse_time(const char *name, const char *text, int64_t *ret_ns, struct problem *p)
{
	struct problem why;

	if (utc_parse(text, ret_ns, &why))
		return problem(p, -EINVAL, "--%s: %s", name, why.text);
	return 0;
}

static int make_query(const struct search_options *o, struct query *q, struct problem *p)
{
	int error = parse_prefix("src", o->src, &q->by_src, &q->src, p);

	if (!error)
		error = parse_prefix("dst", o->dst, &q->by_dst, &q->dst, p);
	if (!error)
		error = parse_optional_port("src-port", o->src_port, &q->src_port, p);
	if (!error)
		error = parse_optional_port("dst-port", o->dst_port, &q->dst_port, p);
	if (!error)
		error = parse_time("from", o->from, &q->from_ns, p);
	if (!error)
		error = parse_time("to", o->to, &q->to_ns, p);
	if (error)
		return error;
	if (q->from_ns >= q->to_ns)
		return problem(p, -EINVAL, "--from %s is not before --to %s", o->from, o->to);
	q->tenant = o->tenant;
	if (o->tenant && parse_tenant_id(o->tenant))
		return problem(p, -EINVAL, "--tenant \"%s\": not a tenant id", o->tenant);
	return 0;
}

/* Lets the daemon move what waits in the ring to the journal. Quietly does without one. */
static bool ask_daemon_to_drain(const struct command *c)
{
	struct problem ignored;
	json_t *answer;
	bool drained;

	if (c->store_path ||
	    client_call(c->conf.run_dir, json_pack("{s:s}", "verb", "drain"), &answer, &ignored))
		return false;
	drained = command_answer_status(answer) == EXIT_YES;
	json_decref(answer);
	return drained;
}

/* The command line as it was typed, for the access log. */
static char *join(int argc, char **argv)
{
	size_t size = 1, at = 0;
	char *text;

	for (int i = 0; i < argc; i++)
		size += strlen(argv[i]) + 1;
	text = malloc(size);
	for (int i = 0; text && i < argc; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%s", i ? " " : "", argv[i]);
	return text;
}

static int write_access(const struct store_dir *store, const struct search_options *o,
			const struct basis *basis, const struct search_result *result, int argc,
			char **argv, struct problem *p)
{
	const struct passwd *user = getpwuid(getuid());
	char *query = join(argc, argv);
	struct access_entry e = {
		.case_number = o->case_number,
		.basis = basis,
		.query = query,
		.tenant = o->tenant,
		.uid = getuid(),
		.user = user ? user->pw_name : NULL,
		.rows = result->count,
		.rows_shown = basis->shows_rows,
	};
	int error = query ? access_record(store->ledger, &e, p) : problem(p, -ENOMEM, "out of memory");

	free(query);
	return error;
}

static int show(const struct search_options *o, const struct answer *a)
{
	if (o->csv) {
		answer_csv(a, stdout);
		fprintf(stderr, "Records:  %zu\n", a->result->count);
		answer_notes(a, stderr);
	} else if (o->json) {
		answer_json(a, stdout);
	} else {
		answer_table(a, stdout);
	}
	if (a->result->damaged)
		return EXIT_DAMAGED;
	return a->result->count ? EXIT_YES : EXIT_NO;
}

static int search(struct command *c, const struct search_options *o, const struct basis *basis,
		  const struct query *q, int argc, char **argv)
{
	struct search_result result;
	struct store_dir store;
	struct answer answer = { .query = q, .result = &result, .show_rows = basis->shows_rows };
	struct problem p;
	int error, status = EXIT_NO;

	answer.daemon_drained = ask_daemon_to_drain(c);
	error = command_open_store(c, &store, &p);
	if (error)
		return command_fail(EXIT_NO, &p);
	error = search_run(&store, q, &result, &p);
	if (!error) {
		error = write_access(&store, o, basis, &result, argc, argv, &p);
		if (!error)
			status = show(o, &answer);
		search_result_done(&result);
	}
	store_close(&store);
	return error ? command_fail(command_status_of(error), &p) : status;
}

int verb_search(struct command *c, int argc, char **argv)
{
	struct search_options o = {};
	const struct basis *basis;
	const char *refused;
	struct query q = {};
	struct problem p;
	size_t operands;

	if (cmdline_parse(argc, argv, option_table, &o, false, NULL, 0, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help) {
		usage();
		return EXIT_YES;
	}
	if (!o.basis) {
		log_error("a search needs a legal basis: --basis CODE, one of %s", basis_list());
		return EXIT_REFUSED;
	}
	basis = basis_find(o.basis);
	if (!basis) {
		log_error("--basis \"%s\": expected one of %s", o.basis, basis_list());
		return EXIT_USAGE;
	}
	refused = refusal(&o, basis);
	if (refused) {
		log_error("%s", refused);
		return EXIT_REFUSED;
	}
	if (o.csv && o.json) {
		log_error("--csv and --json: choose one");
		return EXIT_USAGE;
	}
	if (make_query(&o, &q, &p))
		return command_fail(EXIT_USAGE, &p);
	return search(c, &o, basis, &q, argc, argv);
}
