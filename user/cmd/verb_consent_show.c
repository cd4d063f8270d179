// SPDX-License-Identifier: BSD-2-Clause
/* sekisho consent show: how a tenant's consent stands, to the tenant. Japanese or English. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/utc.h"
#include "verb_consent.h"

/* Names of what `show --json` has, for people. */
static const struct {
	const char *name, *en, *ja;
} words[] = {
	{ "state", "State", "状態" },
	{ "consent", "Consent", "同意" },
	{ "fields", "Recorded", "記録する項目" },
	{ "purposes", "For", "目的" },
	{ "retention_days", "Kept for", "保存期間" },
	{ "recipients", "Given to", "渡すことがある相手" },
	{ "addresses", "Addresses", "対象" },
	{ "text", "Text shown", "説明書" },
	{ "actor", "Given by", "同意した方" },
	{ "actor_auth", "Authenticated", "本人確認" },
	{ "last_notice_at", "Reminded", "お知らせ" },
	{ "stored", "Stored", "保存中の記録" },
	{ "searches", "Searches", "検索" },
	{ "holds", "Under a hold", "保全中" },
	{ "recording", "recording", "記録中" },
	{ "not_running", "consented, but sekishod does not record now", "同意あり(いまは記録プログラムが動いていません)" },
	{ "not_covered", "consented, but sekishod cannot tell these connections now", "同意あり(いまは対象の接続を判別できず、記録していません)" },
	{ "no_address", "consented, but for no address that is configured", "同意あり(対象となる宛先の設定がありません)" },
	{ "withdrawn", "not recording: withdrawn", "記録していません(撤回済み" },
	{ "withdrawn_erase", "not recording: withdrawn with erasure", "記録していません(消去を指定して撤回" },
	{ "expired", "not recording: the consent ended", "記録していません(同意期間の終了" },
	{ "never", "not recording: never consented", "記録していません(同意なし)" },
	{ "KAIJI_MEIREI", "disclosure order", "開示命令" },
	{ "TEIKYO_MEIREI_1", "order to name the next provider", "提供命令(第1号)" },
	{ "TEIKYO_MEIREI_2", "order to inform the next provider", "提供命令(第2号)" },
	{ "SHOKYO_KINSHI", "order not to erase", "消去禁止命令" },
	{ "ART5_VOLUNTARY", "disclosure claim", "開示請求(法5条)" },
	{ "WARRANT", "warrant", "令状" },
	{ "HOZEN_YOSEI", "request to preserve", "保全要請" },
	{ "TENANT_SELF", "your own", "お客様ご自身" },
	{ "EMERGENCY", "emergency", "緊急" },
	{ "AUDIT", "audit", "監査" },
};

static const char *say(const char *lang, const char *name)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].name, name) == 0)
			return strcmp(lang, "ja") == 0 ? words[i].ja : words[i].en;
	return name;
}

/* Columns that a text takes: what is not ASCII in these texts is two wide, in three bytes. */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += (unsigned char)*text < 0x80 ? 1 : ((unsigned char)*text & 0xc0) != 0x80 ? 2 : 0;
	return n;
}

#define LABEL 20

static void label(const char *lang, const char *name)
{
	const char *text = say(lang, name);
	int w = width(text);

	printf("%s%*s", text, w < LABEL ? LABEL - w : 1, "");
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "-";
}

static long long number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* One to a line, the first behind the label. */
static void show_words(const char *lang, const char *key, const json_t *list)
{
	size_t i;
	json_t *item;

	label(lang, key);
	json_array_foreach((json_t *)list, i, item)
		printf("%*s%s\n", i ? LABEL : 0, "", consent_text_word(lang, json_string_value(item)));
}

static void show_state(const char *lang, const json_t *o)
{
	const char *state = text_of(o, "state");
	bool ja = strcmp(lang, "ja") == 0;
	const char *time_key = strncmp(state, "withdrawn", 9) == 0 ? "withdrawn_at_local" :
			       strcmp(state, "expired") == 0	    ? "until_local" : NULL;

	fputs(say(lang, state), stdout);
	if (strcmp(state, "recording") == 0)
		printf(ja ? " (開始 %s)\n" : " (since %s)\n", text_of(o, "since_local"));
	else if (time_key)
		printf(ja ? " %s)\n" : " at %s\n", text_of(o, time_key));
	else
		putchar('\n');
}

static void show_address_lines(const json_t *list, const char *note, bool *first)
{
	size_t i;
	json_t *item;

	json_array_foreach((json_t *)list, i, item) {
		printf("%*s%s%s\n", *first ? 0 : LABEL, "", json_string_value(item), note);
		*first = false;
	}
}

static void show_addresses(const char *lang, const json_t *o)
{
	bool ja = strcmp(lang, "ja") == 0, first = true;

	label(lang, "addresses");
	show_address_lines(json_object_get(o, "addresses"), "", &first);
	show_address_lines(json_object_get(o, "not_configured"),
			   ja ? "  (設定から外れています)" : "  (no longer configured)", &first);
	show_address_lines(json_object_get(o, "not_covered"),
			   ja ? "  (同意の対象外: 記録しません)" : "  (not in the consent: not recorded)", &first);
	if (first)
		puts("-");
}

/* That nobody but the operator's own user was authenticated must be seen. */
static void show_who(const char *lang, const json_t *o)
{
	const char *auth = text_of(o, "actor_auth");
	size_t prefix = strlen(CONSENT_LOCAL_USER_ONLY);

	label(lang, "actor");
	puts(text_of(o, "actor"));
	label(lang, "actor_auth");
	if (strcmp(lang, "ja") == 0 && strncmp(auth, CONSENT_LOCAL_USER_ONLY, prefix) == 0)
		printf("なし(当社側で操作した利用者: %s)\n", auth + prefix);
	else
		puts(auth);
}

static void show_terms(const char *lang, const json_t *o)
{
	bool ja = strcmp(lang, "ja") == 0;

	label(lang, "consent");
	printf(ja ? "第 %lld 号、%s まで\n" : "number %lld, until %s\n", number(o, "consent"), text_of(o, "until_local"));
	show_words(lang, "fields", json_object_get(o, "fields"));
	show_words(lang, "purposes", json_object_get(o, "purposes"));
	label(lang, "retention_days");
	printf(ja ? "%lld 日間\n" : "%lld days\n", number(o, "retention_days"));
	show_words(lang, "recipients", json_object_get(o, "recipients"));
	show_addresses(lang, o);
	label(lang, "text");
	printf("%s %s (%s)\n%*sSHA-256 %s\n", text_of(o, "text_id"), text_of(o, "text_version"), text_of(o, "lang"), LABEL,
	       "", text_of(o, "text_sha256"));
	show_who(lang, o);
	label(lang, "last_notice_at");
	puts(json_is_string(json_object_get(o, "last_notice_at")) ? text_of(o, "last_notice_at_local") :
	     ja							    ? "まだありません" : "not yet");
}

static void show_stored(const char *lang, const json_t *stored)
{
	const json_t *days = json_object_get(stored, "days");
	bool ja = strcmp(lang, "ja") == 0;
	size_t i;
	json_t *day;

	label(lang, "stored");
	if (!json_array_size(days)) {
		puts(ja ? "なし(直近の記録は、封をするまでここに含まれません)" : "nothing (what was recorded last counts when it is sealed)");
		return;
	}
	printf(ja ? "最も古い日 %s、%zu 日分、%lld バイト\n" : "oldest day %s; days: %zu, bytes: %lld\n",
	       text_of(stored, "oldest_day"), json_array_size(days), number(stored, "bytes"));
	json_array_foreach((json_t *)days, i, day) {
		printf("%*s%s  ", LABEL, "", text_of(day, "day"));
		if (json_is_integer(json_object_get(day, "rows")))
			printf(ja ? "%10lld 件  " : "%10lld rows  ", number(day, "rows"));
		printf(ja ? "%10lld バイト\n" : "%10lld bytes\n", number(day, "bytes"));
	}
}

const char *verb_consent_hold_days(const char *lang, const json_t *hold, char buf[static HOLD_DAYS_TEXT_MAX])
{
	const char *from = json_string_value(json_object_get(hold, "from_day"));
	const char *to = json_string_value(json_object_get(hold, "to_day"));
	bool ja = strcmp(lang, "ja") == 0;

	if (from && to)
		snprintf(buf, HOLD_DAYS_TEXT_MAX, ja ? "%s から %s まで(協定世界時)の日の記録" : "records of the days %s to %s (UTC)",
			 from, to);
	else if (from)
		snprintf(buf, HOLD_DAYS_TEXT_MAX, ja ? "%s(協定世界時)以後の日の記録" : "records of %s (UTC) and later", from);
	else if (to)
		snprintf(buf, HOLD_DAYS_TEXT_MAX, ja ? "%s(協定世界時)以前の日の記録" : "records of %s (UTC) and earlier", to);
	else
		snprintf(buf, HOLD_DAYS_TEXT_MAX, ja ? "すべての日の記録" : "records of all days");
	return buf;
}

/* What is kept whatever the tenant wants, and until when. */
static void show_holds(const char *lang, const json_t *holds)
{
	bool ja = strcmp(lang, "ja") == 0;
	char days[HOLD_DAYS_TEXT_MAX];
	size_t i;
	json_t *hold;

	label(lang, "holds");
	json_array_foreach((json_t *)holds, i, hold)
		printf(ja ? "%*s%s、%s まで\n" : "%*s%s, until %s\n", i ? LABEL : 0, "",
		       verb_consent_hold_days(lang, hold, days), text_of(hold, "until_local"));
	if (!json_array_size(holds))
		puts(ja ? "なし" : "nothing");
}

/* Every search that touched the tenant (AC-14). */
static void show_searches(const char *lang, const json_t *searches)
{
	bool ja = strcmp(lang, "ja") == 0;
	size_t i;
	json_t *s;

	label(lang, "searches");
	printf(ja ? "%zu 件\n" : "%zu\n", json_array_size(searches));
	json_array_foreach((json_t *)searches, i, s) {
		const char *basis = text_of(s, "basis");

		printf("%*s%s  %-15s  %8lld %s%s  %s\n", LABEL, "", text_of(s, "t_local"), basis, number(s, "rows"),
		       ja ? "件" : "rows", json_is_true(json_object_get(s, "rows_shown")) ? "" : ja ? "、件数のみ" : ", number only",
		       say(lang, basis));
	}
}

static void show_one(const char *lang, const json_t *o)
{
	printf("%s\n", text_of(o, "tenant"));
	label(lang, "state");
	show_state(lang, o);
	if (json_is_integer(json_object_get(o, "consent")))
		show_terms(lang, o);
	else
		show_addresses(lang, o);
	show_stored(lang, json_object_get(o, "stored"));
	show_holds(lang, json_object_get(o, "holds"));
	show_searches(lang, json_object_get(o, "searches"));
}

json_t *verb_consent_daemon_status(const struct command *c)
{
	struct problem p;
	json_t *answer = NULL;

	return command_ask(c, json_pack("{s:s}", "verb", "status"), &answer, &p) ? NULL : answer;
}

const char *verb_consent_capture(const json_t *status, const char *tenant)
{
	size_t i;
	json_t *t;

	if (!json_is_true(json_object_get(status, "live")))
		return "not_running";
	json_array_foreach(json_object_get(status, "tenants"), i, t)
		if (strcmp(text_of(t, "tenant"), tenant) == 0 && json_is_true(json_object_get(t, "recording")) &&
		    json_array_size(json_object_get(t, "addresses")) == 0)
			return "not_covered";
	return "recording";
}

static bool in_list(const json_t *list, const char *tenant)
{
	size_t i;
	json_t *item;

	json_array_foreach((json_t *)list, i, item)
		if (strcmp(text_of(item, "tenant"), tenant) == 0)
			return true;
	return false;
}

/* All tenants of the configuration, then those of the ledger alone. */
static json_t *list_all(const struct consent_call *call, const struct store_dir *store, const struct consents *consents,
			const json_t *status, struct problem *p)
{
	const struct conf *conf = &call->c->conf;
	json_t *list = json_array();

	for (size_t i = 0; i < conf->tenant_count; i++)
		json_array_append_new(list, verb_consent_facts(call->c, store, consents, conf->tenants[i].id,
							       verb_consent_capture(status, conf->tenants[i].id), false, p));
	for (size_t i = 0; i < consents->count; i++) {
		const char *id = consents->list[i].tenant_id;

		if (!in_list(list, id))
			json_array_append_new(list, verb_consent_facts(call->c, store, consents, id,
								       verb_consent_capture(status, id), false, p));
	}
	return list;
}

static void show_all(const char *lang, const json_t *list)
{
	size_t i;
	json_t *o;

	json_array_foreach((json_t *)list, i, o) {
		printf("%-20s ", text_of(o, "tenant"));
		show_state(lang, o);
	}
}

static int show(struct consent_call *call, const struct store_dir *store, struct problem *p)
{
	struct consents consents;
	int error = consents_load(store, &consents, p);
	json_t *o, *status;

	if (error)
		return error;
	status = verb_consent_daemon_status(call->c);
	if (call->tenant)
		o = verb_consent_facts(call->c, store, &consents, call->tenant,
				       verb_consent_capture(status, call->tenant), true, p);
	else
		o = json_pack("{s:o}", "tenants", list_all(call, store, &consents, status, p));
	json_decref(status);
	consents_done(&consents);
	if (!o)
		return -EBADMSG;
	if (call->o->json) {
		(void)verb_consent_print(o);
		return 0;
	}
	if (call->tenant)
		show_one(call->lang, o);
	else
		show_all(call->lang, json_object_get(o, "tenants"));
	json_decref(o);
	return 0;
}

int verb_consent_show(struct consent_call *call)
{
	struct store_dir store;
	struct problem p;
	int error;

	if (strcmp(call->lang, "ja") != 0 && strcmp(call->lang, "en") != 0) {
		log_error("--lang \"%s\": expected ja or en", call->lang);
		return EXIT_USAGE;
	}
	/* Before the first consent there is no store. */
	error = store_open(call->c->conf.state_dir, 0, &store, &p);
	if (error)
		return command_fail(EXIT_NO, &p);
	error = show(call, &store, &p);
	store_close(&store);
	return error ? command_fail(command_status_of(error), &p) : EXIT_YES;
}
