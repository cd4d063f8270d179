/* SPDX-License-Identifier: BSD-2-Clause */
/* The explanation that a tenant is shown (AC-74, the consent text), and whether a text is that one. */
#include "ledger/consent_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"
#include "fixture.h"
#include "ledger/consent_words.h"
#include "schema/event.h"
#include "unit.h"

static struct consent_terms some_terms(void)
{
	static struct selector scope[2];
	struct problem p;

	REQUIRE(selector_parse("192.0.2.1:443", &scope[0]) == 0);
	REQUIRE(selector_parse("2001:db8::/64", &scope[1]) == 0);
	REQUIRE(utc_set_local_zone("Asia/Tokyo", &p) == 0);
	return (struct consent_terms){ .tenant_id = "C-10293", .scope = scope, .scope_count = 2,
				       .fields = SEKISHO_FIELD_CLOSE, .purposes = CONSENT_P1, .retention_days = 77,
				       .recipients = CONSENT_COURT | CONSENT_TENANT,
				       .until_ns = a_time("2027-11-01T00:00:00+09:00") };
}

static char *make(const char *lang, const struct consent_terms *t)
{
	struct problem p = { "" };
	char *text = NULL;

	CHECK_ROW(consent_text_make(lang, t, &text, &p) == 0, "%s", p.text);
	REQUIRE(text != NULL);
	return text;
}

static void check_has(const char *text, const char *const *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		CHECK_ROW(strstr(text, parts[i]) != NULL, "%s", parts[i]);
	CHECK(!strchr(text, '{') && !strchr(text, '}'));
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		CHECK(text_is_plain(line, strcspn(line, "\n")));
}

/* What is recorded, why, how long, who receives it, (a) to (d) of DOMAIN 2.3, and that it is no legal advice. */
static void the_japanese_text_says_what_it_must(void)
{
	static const char *const parts[] = {
		"法的助言ではない", "C-10293", "・192.0.2.1:443\n", "・2001:db8::/64\n", "・接続元のポート番号\n",
		"・接続が終わった時刻\n", "・発信者情報開示の請求や命令に答えるため\n", " 77 日間", "・裁判所\n",
		"・お客様ご自身\n", "2027-11-01T00:00:00+09:00 に終わります", "いつでも、理由をおっしゃることなく",
		"すべて同じです", "定期的にお知らせします", "いつでもやめられます", "通信がなかったことを意味しません",
	};
	struct consent_terms t = some_terms();
	char *text = make("ja", &t);

	check_has(text, parts, ARRAY_SIZE(parts));
	CHECK(!strstr(text, "令状などに応じるため") && !strstr(text, "往復") && !strstr(text, "申立人"));
	CHECK(strncmp(text, "sekisho-consent 1 ja\n", 21) == 0);
	free(text);
}

static void the_english_text_says_what_it_must(void)
{
	static const char *const parts[] = {
		"Not legal advice", "C-10293", "- 192.0.2.1:443\n", "- 2001:db8::/64\n", "- source port\n",
		"- time at which it ended\n", "- answering claims and orders to disclose sender information\n",
		"77 days", "- courts\n", "- you\n", "ends at 2027-11-01T00:00:00+09:00.", "without giving a reason",
		"all other terms are the same", "reminded regularly", "You can stop it at any time",
	};
	struct consent_terms t = some_terms();
	char *text = make("en", &t);

	check_has(text, parts, ARRAY_SIZE(parts));
	CHECK(strncmp(text, "sekisho-consent 1 en\n", 21) == 0);
	free(text);
}

static void other_languages_have_none(void)
{
	struct consent_terms t = some_terms();
	struct problem p = { "" };
	char *text = NULL;

	CHECK_INT(consent_text_make("fr", &t, &text, &p), -EINVAL);
	CHECK_STR(p.text, "--lang \"fr\": expected ja or en");
	CHECK(text == NULL);
}

static int match(const char *text, const struct consent_terms *t, const char **ret_lang)
{
	struct problem p = { "" };
	int result = consent_text_match(text, strlen(text), t, ret_lang, &p);

	CHECK((result < 0) == (p.text[0] != '\0'));
	return result;
}

static void a_text_is_known_for_its_terms_alone(void)
{
	static const char *const langs[] = { "ja", "en" };

	for (size_t i = 0; i < ARRAY_SIZE(langs); i++) {
		struct consent_terms t = some_terms(), open = t, other;
		const char *lang = NULL;
		char *text = make(langs[i], &t), *text_open;

		open.until_ns = 0;
		text_open = make(langs[i], &open);
		CHECK_INT(match(text, &t, &lang), 1);
		CHECK_STR(lang, langs[i]);
		CHECK_INT(match(text_open, &t, &lang), 1); /* the end was chosen afterwards */
		CHECK_INT(match(text, &open, &lang), -ESTALE);
		other = t;
		other.retention_days++;
		CHECK_INT(match(text, &other, &lang), -ESTALE);
		other = t;
		other.fields = 0;
		CHECK_INT(match(text, &other, &lang), -ESTALE);
		other = t;
		other.scope_count = 1;
		CHECK_INT(match(text, &other, &lang), -ESTALE);
		other = t;
		other.tenant_id = "C-10294";
		CHECK_INT(match(text, &other, &lang), -ESTALE);
		other = t;
		other.purposes |= CONSENT_P2;
		CHECK_INT(match(text, &other, &lang), -ESTALE);
		text[strlen(text) - 2] ^= 1;
		CHECK_INT(match(text, &t, &lang), -ESTALE);
		text[strlen(text) - 1] = '\0';
		CHECK_INT(match(text, &t, &lang), -ESTALE);
		text[0] ^= 1;
		CHECK_INT(match(text, &t, &lang), 0); /* some other text */
		free(text);
		free(text_open);
	}
	CHECK_INT(match("", &(struct consent_terms){ .tenant_id = "x" }, &(const char *){ NULL }), 0);
	CHECK_INT(match("sekisho-consent 1 ja", &(struct consent_terms){ .tenant_id = "x" }, &(const char *){ NULL }), 0);
}

UNIT_SUITE(consent_text, TEST(the_japanese_text_says_what_it_must), TEST(the_english_text_says_what_it_must),
	   TEST(other_languages_have_none), TEST(a_text_is_known_for_its_terms_alone));
