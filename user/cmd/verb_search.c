// SPDX-License-Identifier: BSD-2-Clause
/* sekisho search: policy first, then the search, then the access log, then the rows. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/utc.h"
#include "output/answer.h"
#include "query/reasons.h"

#include "verb_search.h"

#define VALUE(name_, metavar_, field_, help_) \
	CMD_VALUE(name_, metavar_, struct search_options, field_, help_)
#define SWITCH(name_, field_, help_) CMD_SWITCH(name_, struct search_options, field_, help_)

static const struct cmd_option option_table[] = {
	VALUE("case", "NUMBER", case_number, "the case this search is for; it is open and covers it"),
	VALUE("basis", "CODE", basis, "legal basis, below"),
	VALUE("from", "TIME", from, "start, RFC 3339 with a zone: 2026-10-30T21:15:00+09:00"),
	VALUE("to", "TIME", to, "end, not included; may lie in the future"),
	VALUE("at", "TIME", at, "open at that time: began since --from (24 h before), or its close is known"),
	VALUE("tenant", "ID", tenant, "only this tenant"),
	VALUE("src", "ADDR[/LEN]", src, "source address or prefix"),
	VALUE("src-port", "PORTS", src_port, "source ports: 50001 or 1024-2047,4096"),
	VALUE("dst", "ADDR[/LEN]", dst, "destination address or prefix"),
	VALUE("dst-port", "PORTS", dst_port, "destination ports"),
	VALUE("questions", "FILE", questions, "CSV src_ip,src_port,t,tolerance: all answered at once"),
	SWITCH("count", count, "only the number of records"),
	VALUE("top", "N", top, "the N sources with most records"),
	VALUE("order", "time|source", order, "order of the rows; by source they begin at once"),
	VALUE("approver", "NAME", approver, "root alone: the second person, who approves many rows"),
	SWITCH("explain", explain, "also what was read and what was skipped"),
	SWITCH("csv", csv, "rows as CSV (notes go to stderr)"),
	SWITCH("json", json, "everything as JSON"),
	SWITCH("help", help, "this text"),
	{},
};

static void usage(void)
{
	printf("usage: sekisho search --case NUMBER --basis CODE --from TIME --to TIME CONDITION...\n\n"
	       "At least one of --tenant, --src, --dst and --questions (TENANT_SELF: --tenant). Every\n"
	       "search is written to the access log before anything is shown.\n\n");
	cmdline_print_options(stdout, option_table);
	printf("\nBases: KAIJI_MEIREI, TEIKYO_MEIREI_1 (next provider), TEIKYO_MEIREI_2, SHOKYO_KINSHI,\n"
	       "ART5_VOLUNTARY, WARRANT, HOZEN_YOSEI (number only), TENANT_SELF, EMERGENCY,\n"
	       "AUDIT (number only).\n");
	printf("Exit status: 0 found, 1 none, 2 bad input, 4 refused by policy, 5 store damaged.\n");
}

/* What policy asks of every search (AC-39): checked before anything is opened. */
static const char *refusal(const struct search_options *o, const struct basis *basis)
{
	if (basis->needs_case && (!o->case_number || !*o->case_number))
		return "a search needs a case: --case NUMBER";
	if (!o->questions && !o->at && (!o->from || !o->to))
		return "a search needs a bounded window: --from TIME --to TIME";
	if (!basis->needs_case && !o->tenant)
		return "TENANT_SELF is for one tenant's own data: --tenant ID";
	if (!o->src && !o->dst && !o->tenant && !o->questions)
		return "a search needs --src, --dst, --tenant or --questions";
	return NULL;
}

/* Options that exclude each other. */
static const char *conflict(const struct search_options *o, const struct basis *basis)
{
	if (o->csv && o->json)
		return "--csv and --json: choose one";
	if (o->at && o->to)
		return "--at and --to: choose one";
	if (o->questions && (o->from || o->to || o->at || o->src || o->src_port))
		return "--questions has times and sources of its own: leave out --from, --to, --at, --src, --src-port";
	if (o->count && o->top)
		return "--count and --top: choose one";
	if (o->questions && (o->top || o->count))
		return "--questions: leave out --count and --top";
	if (basis->names_providers && (o->top || o->explain))
		return "TEIKYO_MEIREI_1 tells the next provider and no more: leave out --top and --explain";
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

static int parse_ports(const char *name, const char *text, struct port_set *set,
		       const struct port_set **ret_ports, struct problem *p)
{
	if (!text)
		return 0;
	if (port_set_parse(text, set))
		return problem(p, -EINVAL, "--%s \"%s\": expected ports 1 to 65535 and ranges: 1024-2047,4096",
			       name, text);
	*ret_ports = set;
	return 0;
}

static int parse_time(const char *name, const char *text, int64_t *ret_ns, struct problem *p)
{
	struct problem why;

	if (text && utc_parse(text, ret_ns, &why))
		return problem(p, -EINVAL, "--%s: %s", name, why.text);
	return 0;
}

/* "-" is standard input. */
static int read_questions(const struct command *c, const char *path, struct questions *ret_questions, struct problem *p)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *in = standard ? stdin : command_open_file(c, path, p);
	int error = in ? questions_read(in, standard ? "standard input" : path, ret_questions, p) : -EINVAL;

	if (in && !standard)
		fclose(in);
	return error;
}

static int make_window(const struct command *c, const struct search_options *o, struct query *q, struct asked *asked,
		       struct problem *p)
{
	int64_t at = 0;
	int error;

	if (o->questions) {
		error = read_questions(c, o->questions, &asked->questions, p);
		q->questions = &asked->questions;
		q->from_ns = asked->questions.from_ns;
		q->to_ns = asked->questions.to_ns;
		return error;
	}
	error = parse_time("at", o->at, &at, p);
	if (o->at) {
		q->open_at_end = true;
		q->from_ns = at - NS_PER_DAY;
		q->to_ns = at + 1;
	}
	if (!error)
		error = parse_time("from", o->from, &q->from_ns, p);
	if (!error)
		error = parse_time("to", o->to, &q->to_ns, p);
	if (!error && q->from_ns >= q->to_ns)
		return problem(p, -EINVAL, "--from %s is not before %s %s", o->from,
			       o->at ? "--at" : "--to", o->at ? o->at : o->to);
	return error;
}

static int make_form(const struct search_options *o, const struct basis *basis, struct query *q, struct problem *p)
{
	uint64_t top = 0;

	if (o->top && parse_u64(o->top, 1, QUERY_TOP_MAX, &top))
		return problem(p, -EINVAL, "--top \"%s\": expected 1 to %d", o->top, QUERY_TOP_MAX);
	if (o->order && strcmp(o->order, "time") != 0 && strcmp(o->order, "source") != 0)
		return problem(p, -EINVAL, "--order \"%s\": expected time or source", o->order);
	q->top = (uint32_t)top;
	q->want = o->top ? QUERY_TOP : o->count ? QUERY_COUNT : QUERY_ROWS;
	q->by_source = basis->names_providers || (o->order && strcmp(o->order, "source") == 0);
	/* Also for their number alone: what names them is the source. */
	if (basis->names_providers)
		q->want = QUERY_ROWS;
	return 0;
}

static int make_query(const struct command *c, const struct search_options *o, const struct basis *basis, struct query *q,
		      struct asked *asked, struct problem *p)
{
	int error = parse_prefix("src", o->src, &q->by_src, &q->src, p);

	if (!error)
		error = parse_prefix("dst", o->dst, &q->by_dst, &q->dst, p);
	if (!error)
		error = parse_ports("src-port", o->src_port, &asked->src_ports, &q->src_ports, p);
	if (!error)
		error = parse_ports("dst-port", o->dst_port, &asked->dst_ports, &q->dst_ports, p);
	if (!error)
		error = make_form(o, basis, q, p);
	if (!error)
		error = make_window(c, o, q, asked, p);
	if (error)
		return error;
	q->tenant = o->tenant;
	if (o->tenant && parse_tenant_id(o->tenant))
		return problem(p, -EINVAL, "--tenant \"%s\": not a tenant id", o->tenant);
	return 0;
}

/* --- Progress, on a terminal, of what takes longer than a second --- */

struct progress {
	int64_t begun_ns, shown_ns; /* shown: atomic */
};

static void show_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct progress *state = ctx;
	int64_t now = boot_now_ns(), shown = __atomic_load_n(&state->shown_ns, __ATOMIC_RELAXED);

	if (now - state->begun_ns < NS_PER_SEC || now - shown < NS_PER_SEC / 5 ||
	    !__atomic_compare_exchange_n(&state->shown_ns, &shown, now, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return;
	fprintf(stderr, "\r\033[Ksearching: %llu of %llu pieces (%.0f %%)", (unsigned long long)done,
		(unsigned long long)total, 100.0 * (double)done / (double)total);
}

/* Lets the daemon move what waits in the ring to the journal. Quietly does without one that is not there. */
static bool ask_daemon_to_drain(const struct command *c)
{
	struct problem p;
	json_t *answer;
	bool drained;
	int error;

	if (c->store_path)
		return false;
	error = command_ask(c, json_pack("{s:s}", "verb", "drain"), &answer, &p);
	if (error && error != -ECONNREFUSED)
		log_warn("%s: what waits in the ring is not in this answer", p.text);
	if (error)
		return false;
	drained = command_answer_status(answer) == EXIT_YES;
	json_decref(answer);
	return drained;
}

static int show(const struct search_options *o, const struct answer *a)
{
	int error;

	if (o->csv) {
		fprintf(stderr, "Records:  %llu\n", (unsigned long long)a->result->count);
		error = answer_csv(a, stdout);
		answer_notes(a, stderr);
	} else if (o->json) {
		error = answer_json(a, stdout);
	} else {
		error = answer_table(a, stdout);
	}
	if (o->explain && !o->json)
		answer_explain(&a->result->explain, o->csv ? stderr : stdout);
	if (error) {
		log_error("the answer is not complete: a row cannot be read: %s", strerror(-error));
		return EXIT_NO;
	}
	if (a->result->damaged)
		return EXIT_DAMAGED;
	return a->result->count ? EXIT_YES : EXIT_NO;
}

/* What the basis keeps back stands in no message either: files are named by tenant and day. */
static int search_failed(const struct search_request *request, int error, struct problem *p)
{
	if (request->basis->names_providers)
		problem(p, error, "search failed: %s", strerror(-error));
	return command_fail(command_status_of(error), p);
}

/* A ledger that does not read is damage of the store; the answer goes without what it would say. */
static void find_reasons(const struct store_dir *store, const struct search_request *request,
			 struct search_result *result)
{
	struct problem why;

	if (reasons_find(store, &request->q, utc_now_ns(), result, &why) && result->damaged++ == 0)
		result->damage = why;
}

static int search_store(const struct store_dir *store, struct search_request *request, bool drained)
{
	struct progress progress = { .begun_ns = boot_now_ns() };
	struct search_result result;
	const struct answer answer = { .query = &request->q, .result = &result,
				       .show_rows = request->basis->shows_rows,
				       .explain = request->o->explain, .daemon_drained = drained };
	struct problem p;
	int error, status;

	if (isatty(STDERR_FILENO)) {
		request->q.progress = show_progress;
		request->q.progress_ctx = &progress;
	}
	error = search_run(store, &request->q, &result, &p);
	if (progress.shown_ns)
		fputs("\r\033[K", stderr);
	if (error)
		return search_failed(request, error, &p);
	find_reasons(store, request, &result);
	status = policy_record(store, request, &result);
	if (!status)
		status = request->basis->names_providers ? search_providers(request, &answer) : show(request->o, &answer);
	search_result_done(&result);
	return status;
}

static int search(struct command *c, struct search_request *request)
{
	struct store_dir store;
	struct problem p;
	int error, status;

	/* The tenant's own user sees its own, and nothing through a case of others. */
	if (c->served && c->served->own && (request->basis->needs_case || request->o->case_number)) {
		log_error("without group %s a search has --basis TENANT_SELF and no case", c->conf.group_desk);
		return EXIT_REFUSED;
	}
	status = command_admit_tenant(c, request->q.tenant);
	if (status)
		return status;
	error = command_open_store(c, &store, &p);
	if (error)
		return command_fail(EXIT_NO, &p);
	request->c = c;
	status = policy_admit(&store, request);
	if (!status)
		status = search_store(&store, request, ask_daemon_to_drain(c));
	cases_done(&request->cases);
	store_close(&store);
	return status;
}

/* Basis, policy and options that go together: 0, or an exit status after saying why not. */
static int check(const struct search_options *o, const struct basis **ret_basis)
{
	const char *refused, *conflicting;

	if (!o->basis) {
		log_error("a search needs a legal basis: --basis CODE, one of %s", basis_list());
		return EXIT_REFUSED;
	}
	*ret_basis = basis_find(o->basis);
	if (!*ret_basis) {
		log_error("--basis \"%s\": expected one of %s", o->basis, basis_list());
		return EXIT_USAGE;
	}
	refused = refusal(o, *ret_basis);
	if (refused) {
		log_error("%s", refused);
		return EXIT_REFUSED;
	}
	conflicting = conflict(o, *ret_basis);
	if (conflicting) {
		log_error("%s", conflicting);
		return EXIT_USAGE;
	}
	return 0;
}

int verb_search(struct command *c, int argc, char **argv)
{
	struct search_options o = {};
	struct search_request *request;
	struct problem p;
	size_t operands;
	int status;

	if (cmdline_parse(argc, argv, option_table, &o, false, NULL, 0, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help) {
		usage();
		return EXIT_YES;
	}
	request = calloc(1, sizeof(*request));
	if (!request) {
		log_error("out of memory");
		return EXIT_NO;
	}
	request->o = &o;
	request->argc = argc;
	request->argv = argv;
	status = check(&o, &request->basis);
	if (!status)
		status = make_query(c, &o, request->basis, &request->q, &request->asked, &p) ? command_fail(EXIT_USAGE, &p) :
									   search(c, request);
	questions_done(&request->asked.questions);
	free(request);
	return status;
}
