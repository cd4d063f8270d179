// SPDX-License-Identifier: BSD-2-Clause
/* sekisho case show|list: what the ledger has of cases, for people (English or Japanese) and as JSON. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/utc.h"
#include "verb_case.h"

/* Headings are as wide as each other on a screen: a Japanese character takes two columns. */
struct words {
	const char *number, *state, *basis, *tenants, *window, *requester, *approver, *note, *secret, *provider, *history;
	const char *open, *closed, *all, *any, *none, *list_header;
	int state_columns, tenant_columns; /* of the list */
	const char *outcomes[4]; /* in the order of outcome_codes */
	const char *events[5]; /* in the order of event_codes */
	const char *opinions[4]; /* in the order of opinion_codes */
};

static const char *const outcome_codes[] = { "disclosed", "not-disclosed", "none", "withdrawn" };
static const char *const event_codes[] = { "CASE_OPEN", "CASE_NOTE", "CASE_OPINION", "CASE_PROVIDER", "CASE_CLOSE" };
static const char *const opinion_codes[] = { "asked", "agrees", "objects", "no-answer" };
#define EVENTS (sizeof(event_codes) / sizeof(event_codes[0]))
#define OPINIONS (sizeof(opinion_codes) / sizeof(opinion_codes[0]))
#define OUTCOMES (sizeof(outcome_codes) / sizeof(outcome_codes[0]))

static const struct words english = {
	.number = "Case:      ", .state = "State:     ", .basis = "Basis:     ", .tenants = "Tenants:   ",
	.window = "Window:    ", .requester = "Requester: ", .approver = "Approver:  ", .note = "Note:      ",
	.secret = "Secret:    ", .provider = "Provider:  ", .history = "History:",
	.open = "open", .closed = "closed", .all = "all", .any = "any", .none = "no cases\n",
	.list_header = "OPENED                     STATE                  BASIS            TENANTS  CASE\n",
	.state_columns = 21, .tenant_columns = 7,
	.outcomes = { "disclosed", "not disclosed", "no records", "withdrawn" },
	.events = { "opened  ", "note    ", "opinion ", "provider", "closed  " },
	.opinions = { "asked", "agrees", "objects", "no answer" },
};

static const struct words japanese = {
	.number = "事件番号:   ", .state = "状態:       ", .basis = "根拠:       ", .tenants = "対象契約:   ",
	.window = "対象期間:   ", .requester = "請求者:     ", .approver = "承認者:     ", .note = "備考:       ",
	.secret = "秘匿:       ", .provider = "他の提供者: ", .history = "経過:",
	.open = "対応中", .closed = "終了", .all = "すべて", .any = "限定なし", .none = "事件はありません\n",
	.list_header = "受付日時                   状態            根拠             契約数  事件番号\n",
	.state_columns = 14, .tenant_columns = 6,
	.outcomes = { "開示", "不開示", "記録なし", "取下げ" },
	.events = { "受付      ", "備考      ", "意見照会  ", "他の提供者", "終了      " },
	.opinions = { "照会中", "同意", "不同意", "回答なし" },
};

static int words_of(const char *lang, const struct words **ret_words)
{
	if (lang && strcmp(lang, "ja") != 0 && strcmp(lang, "en") != 0) {
		log_error("--lang \"%s\": expected en or ja", lang);
		return EXIT_USAGE;
	}
	*ret_words = strcmp(lang ? lang : command_language(), "ja") == 0 ? &japanese : &english;
	return 0;
}

static const char *outcome_word(const struct words *w, const char *code)
{
	for (size_t i = 0; i < OUTCOMES; i++)
		if (strcmp(outcome_codes[i], code) == 0)
			return w->outcomes[i];
	return code;
}

/* A member of an act for people: two of them are words of ours. */
static const char *detail_word(const struct words *w, const char *key, const char *value)
{
	for (size_t i = 0; strcmp(key, "state") == 0 && i < OPINIONS; i++)
		if (strcmp(opinion_codes[i], value) == 0)
			return w->opinions[i];
	return strcmp(key, "outcome") == 0 ? outcome_word(w, value) : value;
}

static const char *event_word(const struct words *w, const char *code)
{
	for (size_t i = 0; code && i < EVENTS; i++)
		if (strcmp(event_codes[i], code) == 0)
			return w->events[i];
	return "?";
}

static const char *text_of(const json_t *act, const char *key)
{
	return json_string_value(json_object_get(act, key));
}

/* A time of the ledger in the zone of the configuration. */
static const char *local_text(const json_t *act, const char *key, char buf[static UTC_TEXT_MAX])
{
	const char *text = text_of(act, key);
	struct problem ignored;
	int64_t ns;

	return text && utc_parse(text, &ns, &ignored) == 0 ? utc_format_local(ns, buf) : "-";
}

/* The same to the second: "2026-11-21T16:54:35+09:00". */
static const char *seconds_text(const json_t *act, char buf[static UTC_TEXT_MAX])
{
	char *dot;

	if (local_text(act, "t", buf) != buf)
		return "-";
	dot = strchr(buf, '.');
	if (dot)
		memmove(dot, dot + strcspn(dot, "+-Z"), strlen(dot + strcspn(dot, "+-Z")) + 1);
	return buf;
}

/* --- One case --- */

static void put_scope(const struct legal_case *c, const struct words *w)
{
	char from[UTC_TEXT_MAX], to[UTC_TEXT_MAX];

	fputs(w->tenants, stdout);
	for (size_t i = 0; i < c->tenant_count; i++)
		printf("%s%s", i ? ", " : "", c->tenants[i]);
	printf("%s\n", c->tenant_count ? "" : w->all);
	for (size_t i = 0; i < c->window_count; i++)
		printf("%s%s – %s\n", w->window, utc_format_local(c->windows[i].from_ns, from),
		       utc_format_local(c->windows[i].to_ns, to));
	if (!c->window_count)
		printf("%s%s\n", w->window, w->any);
}

static void put_providers(const struct legal_case *c, const struct words *w)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < c->provider_count; i++) {
		const struct case_provider *one = &c->providers[i];

		printf("%s%s, %s (%s, %s)", w->provider, one->name, one->address, one->source, one->date);
		for (size_t k = 0; k < one->prefix_count && k < 4; k++)
			printf("%s%s", k ? ", " : ": ", prefix_format(&one->prefixes[k], text));
		printf("%s\n", one->prefix_count > 4 ? ", ..." : "");
	}
}

static void put_if(const char *heading, const json_t *act, const char *key)
{
	if (text_of(act, key))
		printf("%s%s\n", heading, text_of(act, key));
}

static void put_history(const struct legal_case *c, const struct words *w)
{
	static const char *const details[] = { "basis", "tenant", "state", "outcome", "text", "note" };
	char when[UTC_TEXT_MAX];

	printf("%s\n", w->history);
	for (size_t i = 0; i < c->act_count; i++) {
		const json_t *act = c->acts[i];

		printf("  %s  %s  %s", seconds_text(act, when), event_word(w, text_of(act, "event")),
		       text_of(act, "user") ? text_of(act, "user") : "-");
		for (size_t k = 0; k < sizeof(details) / sizeof(details[0]); k++)
			if (text_of(act, details[k]))
				printf("  %s", detail_word(w, details[k], text_of(act, details[k])));
		putchar('\n');
	}
}

static void put_case(const struct legal_case *c, const struct words *w)
{
	const json_t *opening = c->acts[0];
	char until[UTC_TEXT_MAX];

	printf("%s%s\n%s%s%s%s\n%s%s\n", w->number, c->number, w->state, c->outcome ? w->closed : w->open,
	       c->outcome ? ": " : "", c->outcome ? outcome_word(w, c->outcome) : "", w->basis, c->basis->code);
	put_scope(c, w);
	put_if(w->requester, opening, "requester");
	put_if(w->approver, opening, "approver");
	put_if(w->note, opening, "note");
	if (c->secret_until_ns)
		printf(w == &japanese ? "%s%s まで (%s)\n" : "%suntil %s (%s)\n", w->secret,
		       local_text(opening, "secret_until", until), text_of(opening, "secret_reason"));
	put_providers(c, w);
	put_history(c, w);
}

static json_t *case_json(const struct legal_case *c)
{
	json_t *acts = json_array();

	for (size_t i = 0; i < c->act_count; i++) {
		json_t *act = json_copy(c->acts[i]);

		json_object_del(act, "prev");
		json_object_del(act, "key");
		json_object_del(act, "sig");
		json_array_append_new(acts, act);
	}
	return json_pack("{s:s, s:s, s:s?, s:s, s:o}", "case", c->number, "state", c->outcome ? "closed" : "open",
			 "outcome", c->outcome, "basis", c->basis->code, "acts", acts);
}

static void put_json(const struct legal_case *c)
{
	json_t *one = case_json(c);

	json_dumpf(one, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(one);
}

/* --- The verbs --- */

static int load(struct command *c, struct cases *ret_cases)
{
	struct store_dir store;
	struct problem p;
	int error = command_open_store(c, &store, &p);

	if (!error) {
		error = cases_load(&store, ret_cases, &p);
		store_close(&store);
	}
	return error ? command_fail(command_status_of(error), &p) : 0;
}

int case_show(struct command *c, const char *number, const struct case_show_options *o)
{
	const struct legal_case *found;
	const struct words *w;
	struct cases cases;
	int status = words_of(o->lang, &w);

	if (!status)
		status = load(c, &cases);
	if (status)
		return status;
	found = cases_find(&cases, number);
	if (!found)
		log_error("there is no case \"%s\"", number);
	else if (o->json)
		put_json(found);
	else
		put_case(found, w);
	cases_done(&cases);
	return found ? EXIT_YES : EXIT_NO;
}

/* What is left of so many columns behind these words. */
static int room(int columns, const char *text)
{
	for (; *text; text++)
		columns -= (unsigned char)*text < 0x80 ? 1 : ((unsigned char)*text & 0xc0) != 0x80 ? 2 : 0;
	return columns > 0 ? columns : 0;
}

static void put_row(const struct legal_case *c, const struct words *w)
{
	char when[UTC_TEXT_MAX], state[64], count[24];
	const char *tenants = c->tenant_count ? count : w->all;

	snprintf(state, sizeof(state), "%s%s%s", c->outcome ? w->closed : w->open, c->outcome ? ": " : "",
		 c->outcome ? outcome_word(w, c->outcome) : "");
	snprintf(count, sizeof(count), "%zu", c->tenant_count);
	printf("%-25s  %s%*s  %-15s  %*s%s  %s\n", seconds_text(c->acts[0], when), state, room(w->state_columns, state), "",
	       c->basis->code, room(w->tenant_columns, tenants), "", tenants, c->number);
}

int case_list(struct command *c, const struct case_show_options *o)
{
	const struct words *w;
	struct cases cases;
	size_t shown = 0;
	int status = words_of(o->lang, &w);

	if (!status)
		status = load(c, &cases);
	if (status)
		return status;
	for (size_t i = 0; i < cases.count; i++) {
		if (cases.list[i].outcome && !o->all)
			continue;
		if (o->json)
			put_json(&cases.list[i]);
		else if (!shown)
			fputs(w->list_header, stdout);
		if (!o->json)
			put_row(&cases.list[i], w);
		shown++;
	}
	if (!shown && !o->json)
		fputs(w->none, stdout);
	cases_done(&cases);
	return shown ? EXIT_YES : EXIT_NO;
}
