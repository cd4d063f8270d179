// SPDX-License-Identifier: BSD-2-Clause
/* sekisho hold set|list|release: what must not be deleted, for a case. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/utc.h"
#include "command.h"
#include "ledger/consent.h"
#include "ledger/holds.h"

#define DAY_CHARACTERS 10 /* "YYYY-MM-DD" */

struct hold_options {
	const char *tenant, *from, *to, *until, *reason, *actor;
	unsigned int all_tenants, json, help;
};

#define VALUE(name_, metavar_, field_, help_) CMD_VALUE(name_, metavar_, struct hold_options, field_, help_)

static const struct cmd_option set_table[] = {
	VALUE("tenant", "ID", tenant, "hold what this tenant has"),
	CMD_SWITCH("all-tenants", struct hold_options, all_tenants, "hold what every tenant has"),
	VALUE("from", "DAY|TIME", from, "first day (2026-11-01, local) or time with a zone; without: from ever"),
	VALUE("to", "DAY|TIME", to, "last day, or end; without: and for all time"),
	VALUE("until", "TIME", until, "when the hold ends if nobody releases it before"),
	VALUE("reason", "TEXT", reason, "why; kept in the ledger"),
	VALUE("actor", "NAME", actor, "who asked for it (default: the user)"),
	CMD_SWITCH("help", struct hold_options, help, "this text"),
	{},
};

static const struct cmd_option list_table[] = {
	CMD_SWITCH("json", struct hold_options, json, "as JSON"),
	CMD_SWITCH("help", struct hold_options, help, "this text"),
	{},
};

static const struct cmd_option release_table[] = {
	VALUE("tenant", "ID", tenant, "only the holds on this tenant"),
	VALUE("reason", "TEXT", reason, "why; kept in the ledger"),
	VALUE("actor", "NAME", actor, "who asked for it (default: the user)"),
	CMD_SWITCH("help", struct hold_options, help, "this text"),
	{},
};

static int usage(void)
{
	printf("usage: sekisho [--store DIR] hold set NUMBER --tenant ID|--all-tenants --until TIME [...]\n"
	       "       sekisho [--store DIR] hold list [--json]\n"
	       "       sekisho [--store DIR] hold release NUMBER [--tenant ID]\n\n"
	       "What is held is not deleted: not when its retention is over, not when the tenant\n"
	       "withdraws. Whole UTC days are held, each that the days or times given touch.\n\n"
	       "set:\n");
	cmdline_print_options(stdout, set_table);
	printf("\nlist:\n");
	cmdline_print_options(stdout, list_table);
	printf("\nrelease:\n");
	cmdline_print_options(stdout, release_table);
	printf("\nExit status: 0 done, 1 there is no such hold, 2 bad input, 4 refused by policy, 5 ledger damaged.\n");
	return EXIT_YES;
}

/* --- Days --- */

/* Whether some instant of this UTC day has that local date. */
static bool touches(int32_t utc, const char *local)
{
	char first[UTC_TEXT_MAX], last[UTC_TEXT_MAX];

	utc_format_local(utc * NS_PER_DAY, first);
	utc_format_local((utc + 1) * NS_PER_DAY - 1, last);
	return strncmp(first, local, DAY_CHARACTERS) <= 0 && strncmp(last, local, DAY_CHARACTERS) >= 0;
}

/* The UTC days that a local day touches: offsets are less than a day. */
static int local_day(const char *name, const char *text, int32_t *ret_first, int32_t *ret_last, struct problem *p)
{
	int32_t day, first, last;

	if (day_parse(text, &day) || day < 0 || day > utc_day(INT64_MAX) - 2)
		return problem(p, -EINVAL, "--%s \"%s\": expected a day (2026-11-01) or a time with a zone", name,
			       text);
	first = last = day;
	if (touches(day - 1, text))
		first = day - 1;
	if (touches(day + 1, text))
		last = day + 1;
	*ret_first = first;
	*ret_last = last;
	return 0;
}

static int parse_edge(const char *name, const char *text, bool is_end, int32_t *ret_day, struct problem *p)
{
	int32_t first, last;
	struct problem why;
	int64_t t;
	int error;

	if (strlen(text) > DAY_CHARACTERS) {
		error = utc_parse(text, &t, &why);
		if (error)
			return problem(p, -EINVAL, "--%s: %s", name, why.text);
		/* The end itself is not part of the window. */
		*ret_day = utc_day(t - is_end);
		return 0;
	}
	error = local_day(name, text, &first, &last, p);
	if (!error)
		*ret_day = is_end ? last : first;
	return error;
}

/* "YYYY-MM-DD", if it has been parsed. */
static bool is_day(const char *text)
{
	return text && strlen(text) == DAY_CHARACTERS;
}

static int fill_days(const struct hold_options *o, struct hold_act *act, struct problem *p)
{
	int error = 0;

	act->first_day = HOLD_FROM_EVER;
	act->last_day = HOLD_FOR_EVER;
	if (o->from)
		error = parse_edge("from", o->from, false, &act->first_day, p);
	if (!error && o->to)
		error = parse_edge("to", o->to, true, &act->last_day, p);
	/* Local days that follow each other share a UTC day: the wrong way round, they would pass as that one. */
	if (!error && (act->first_day > act->last_day ||
		       (is_day(o->from) && is_day(o->to) && strcmp(o->from, o->to) > 0)))
		error = problem(p, -EINVAL, "--from %s is not before --to %s", o->from, o->to);
	return error;
}

static int fill_until(const char *text, int64_t *ret_ns, struct problem *p)
{
	struct problem why;

	if (utc_parse(text, ret_ns, &why))
		return problem(p, -EINVAL, "--until: %s", why.text);
	return *ret_ns > utc_now_ns() ? 0 : problem(p, -EINVAL, "--until %s is not in the future", text);
}

/* A typing error would hold nothing, and be noticed when it is too late. */
static int check_tenant(const struct command *c, const struct store_dir *store, const char *tenant, struct problem *p)
{
	struct consents consents = {};
	bool known = conf_find_tenant(&c->conf, tenant) != NULL;
	struct stat st;
	int error;

	if (!known)
		known = fstatat(store->segments, tenant, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (known)
		return 0;
	error = consents_load(store, &consents, p);
	for (size_t i = 0; i < consents.count && !known; i++)
		known = strcmp(consents.list[i].tenant_id, tenant) == 0;
	consents_done(&consents);
	if (error || known)
		return error;
	return problem(p, -EINVAL, "--tenant %s: there is no such tenant: no records, no consent, not configured", tenant);
}

/* --- set --- */

static const char *days_text(int32_t first, int32_t last, char buf[static 64])
{
	char a[DAY_TEXT_MAX], b[DAY_TEXT_MAX];

	if (first == HOLD_FROM_EVER && last == HOLD_FOR_EVER)
		snprintf(buf, 64, "all days");
	else if (first == HOLD_FROM_EVER)
		snprintf(buf, 64, "up to %s", day_format(last, b));
	else if (last == HOLD_FOR_EVER)
		snprintf(buf, 64, "from %s on", day_format(first, a));
	else
		snprintf(buf, 64, "%s to %s", day_format(first, a), day_format(last, b));
	return buf;
}

/* What the act needs, one message each. */
static const char *refusal(const struct hold_options *o)
{
	if (!o->tenant && !o->all_tenants)
		return "a hold names whose records it is for: --tenant ID or --all-tenants";
	if (!o->until)
		return "a hold needs an end: --until TIME";
	return NULL;
}

static int set(struct command *c, const struct store_dir *store, const struct hold_options *o, struct hold_act *act)
{
	char days[64], utc[UTC_TEXT_MAX], local[UTC_TEXT_MAX];
	struct problem p;
	int error = fill_days(o, act, &p);

	if (!error)
		error = fill_until(o->until, &act->until_ns, &p);
	if (!error && o->tenant)
		error = check_tenant(c, store, o->tenant, &p);
	if (!error)
		error = hold_set(store, act, NULL, &p);
	if (error)
		return command_fail(command_status_of(error), &p);
	printf("held for %s: %s%s, UTC days: %s; until %s (%s)\n", act->number,
	       act->tenant_id ? "tenant " : "every tenant", act->tenant_id ? act->tenant_id : "",
	       days_text(act->first_day, act->last_day, days), utc_format(act->until_ns, utc),
	       utc_format_local(act->until_ns, local));
	return EXIT_YES;
}

/* --- list --- */

static const char *state_text(const struct hold *h, int64_t now)
{
	return h->released ? "released" : hold_in_force(h, now) ? "in force" : "ended";
}

static json_t *day_json(int32_t day, int32_t none)
{
	char text[DAY_TEXT_MAX];

	return day == none ? json_null() : json_string(day_format(day, text));
}

static json_t *hold_json(const struct hold *h, int64_t now)
{
	char set_at[UTC_TEXT_MAX], until[UTC_TEXT_MAX], released[UTC_TEXT_MAX];

	return json_pack("{s:s, s:s?, s:o, s:o, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:I}", "number", h->number, "tenant",
			 h->tenant_id[0] ? h->tenant_id : NULL, "first_day",
			 day_json(h->first_day, HOLD_FROM_EVER), "last_day", day_json(h->last_day, HOLD_FOR_EVER),
			 "until", utc_format(h->until_ns, until), "state", state_text(h, now), "set",
			 utc_format(h->set_ns, set_at), "released",
			 h->released ? utc_format(h->released_ns, released) : NULL, "reason", h->reason, "actor",
			 h->actor, "seq", (json_int_t)h->seq);
}

static void list_json(const struct holds *holds, int64_t now)
{
	json_t *list = json_array();

	for (size_t i = 0; i < holds->count; i++)
		json_array_append_new(list, hold_json(&holds->list[i], now));
	json_dumpf(list, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(list);
}

static void list_text(const struct holds *holds, int64_t now)
{
	char days[64], until[UTC_TEXT_MAX];

	for (size_t i = 0; i < holds->count; i++) {
		const struct hold *h = &holds->list[i];

		printf("%-8s  %-20s  %-24s  until %s  %s\n", state_text(h, now),
		       h->tenant_id[0] ? h->tenant_id : "(every tenant)",
		       days_text(h->first_day, h->last_day, days), utc_format(h->until_ns, until), h->number);
		if (h->reason)
			printf("%-8s  %s\n", "", h->reason);
	}
	if (!holds->count)
		printf("no holds\n");
}

static int list(const struct store_dir *store, const struct hold_options *o)
{
	struct holds holds = {};
	struct problem p;
	int error = holds_load(store, &holds, &p);
	bool any = holds.count > 0;

	if (error)
		return command_fail(command_status_of(error), &p);
	if (o->json)
		list_json(&holds, utc_now_ns());
	else
		list_text(&holds, utc_now_ns());
	holds_done(&holds);
	return any ? EXIT_YES : EXIT_NO;
}

/* --- release --- */

static int release(const struct store_dir *store, const struct hold_act *act)
{
	struct problem p;
	size_t count;
	int error = hold_release(store, act, &count, &p);

	if (error)
		return command_fail(command_status_of(error), &p);
	printf("%zu hold%s of %s released; what is due is deleted within the hour while sekishod runs\n", count,
	       count == 1 ? "" : "s", act->number);
	return EXIT_YES;
}

/* --- The verb --- */

static const struct act {
	const char *name;
	const struct cmd_option *table;
	bool needs_number;
} acts[] = {
	{ "set", set_table, true }, { "list", list_table, false }, { "release", release_table, true },
};

static const struct act *find_act(const char *name)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(acts[i].name, name) == 0)
			return &acts[i];
	return NULL;
}

static int run_act(struct command *c, const struct act *act, const struct hold_options *o, const char *number)
{
	struct hold_act hold = { .number = number, .tenant_id = o->tenant, .reason = o->reason, .uid = c->who.uid,
				 .actor = o->actor ? o->actor : peer_user(&c->who) };
	const char *refused = act->table == set_table ? refusal(o) : NULL;
	struct store_dir store;
	struct problem p;
	int status;

	if (refused) {
		log_error("%s", refused);
		return EXIT_REFUSED;
	}
	if (o->tenant && o->all_tenants) {
		log_error("--tenant and --all-tenants: choose one");
		return EXIT_USAGE;
	}
	if (command_open_store(c, &store, &p))
		return command_fail(EXIT_NO, &p);
	status = act->table == set_table ? set(c, &store, o, &hold) :
		 act->table == list_table ? list(&store, o) : release(&store, &hold);
	store_close(&store);
	return status;
}

int verb_hold(struct command *c, int argc, char **argv)
{
	const struct act *act = find_act(argc > 1 ? argv[1] : "");
	struct hold_options o = {};
	char *number = NULL;
	struct problem p;
	size_t operands;

	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return usage();
	if (!act) {
		log_error("hold \"%s\": expected set, list or release; see sekisho hold --help", argc > 1 ? argv[1] : "");
		return EXIT_USAGE;
	}
	if (cmdline_parse(argc - 1, argv + 1, act->table, &o, false, &number, act->needs_number, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help)
		return usage();
	if (act->needs_number && !number) {
		log_error("hold %s needs the number of its case: sekisho hold %s NUMBER", act->name, act->name);
		return EXIT_USAGE;
	}
	return run_act(c, act, &o, number);
}
