// SPDX-License-Identifier: BSD-2-Clause
/* sekisho approve: the second person of a search that shows much. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "base/parse.h"
#include "base/utc.h"
#include "command.h"
#include "ledger/cases.h"

struct approve_options {
	unsigned int help;
};

static const struct cmd_option option_table[] = {
	CMD_SWITCH("help", struct approve_options, help, "this text"),
	{},
};

static int help(void)
{
	printf("usage: sekisho approve [ID]\n\n"
	       "A search that would show more records than approval_rows, or of a longer time than\n"
	       "approval_window, is refused with the number of a request. Another user approves it with\n"
	       "that number; then the same search by the same user passes for 24 hours, as long as it\n"
	       "finds no more records. Without a number: the requests that wait.\n\n");
	cmdline_print_options(stdout, option_table);
	printf("\nExit status: 0 done, 1 no such request, 2 bad input, 4 refused: one's own request.\n");
	return EXIT_YES;
}

static const char *text_of(const struct approval_request *r, const char *key)
{
	const char *text = json_string_value(json_object_get(r->act, key));

	return text ? text : "-";
}

/* A query may hold anything that can be typed. */
static void put_request(const struct approval_request *r)
{
	struct problem line;

	problem(&line, 0, "%6llu  %-30.30s  %-12s  %10llu  %s", (unsigned long long)r->seq, text_of(r, "t"),
		text_of(r, "user"), (unsigned long long)r->rows, text_of(r, "query"));
	puts(line.text);
}

static int list_requests(const struct cases *cases)
{
	size_t shown = 0;

	for (size_t i = 0; i < cases->request_count; i++) {
		const struct approval_request *r = &cases->requests[i];
		const struct legal_case *c = cases_find(cases, text_of(r, "case"));

		if (r->approved_until_ns > utc_now_ns() || r->over || !c || c->outcome)
			continue;
		if (!shown++)
			printf("%6s  %-30s  %-12s  %10s  %s\n", "ID", "TIME (UTC)", "USER", "RECORDS", "SEARCH");
		put_request(r);
	}
	if (!shown)
		printf("no search waits for a second person\n");
	return shown ? EXIT_YES : EXIT_NO;
}

static int approve(const struct command *c, const struct store_dir *store, const struct cases *cases, uint64_t seq)
{
	const struct approval_request *r = cases_request(cases, seq);
	char until[UTC_TEXT_MAX];
	struct problem p;
	json_t *act = json_pack("{s:s, s:s?, s:I, s:I, s:s?}", "event", "APPROVED", "case", r ? text_of(r, "case") : NULL,
				"request", (json_int_t)seq, "uid", (json_int_t)c->who.uid, "user",
				peer_user(&c->who));
	int error = act ? cases_act(store, act, NULL, &p) : problem(&p, -ENOMEM, "out of memory");

	json_decref(act);
	if (error)
		return command_fail(error == -EKEYREJECTED ? EXIT_REFUSED : command_status_of(error), &p);
	printf("request %llu approved: %s may show up to %llu records of this search until %s\n",
	       (unsigned long long)seq, text_of(r, "user"), (unsigned long long)r->rows,
	       utc_format_local(utc_now_ns() + APPROVAL_NS, until));
	return EXIT_YES;
}

int verb_approve(struct command *c, int argc, char **argv)
{
	struct approve_options o = {};
	struct cases cases = {};
	struct store_dir store;
	char *id = NULL;
	size_t operands;
	uint64_t seq = 0;
	struct problem p;
	int status;

	if (cmdline_parse(argc, argv, option_table, &o, false, &id, 1, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help)
		return help();
	if (id && parse_u64(id, 1, INT64_MAX, &seq)) {
		problem(&p, -EINVAL, "approve \"%s\": expected the number of a request", id);
		return command_fail(EXIT_USAGE, &p);
	}
	if (command_open_store(c, &store, &p))
		return command_fail(EXIT_NO, &p);
	status = cases_load(&store, &cases, &p);
	if (status)
		status = command_fail(command_status_of(status), &p);
	else
		status = id ? approve(c, &store, &cases, seq) : list_requests(&cases);
	cases_done(&cases);
	store_close(&store);
	return status;
}
