// SPDX-License-Identifier: BSD-2-Clause
/* The explanation that a tenant is shown. The templates are part of the program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"
#include "base/utc.h"
#include "consent_text.h"
#include "consent_words.h"

/* The Makefile knows that this file depends on them. */
#define EMBED(symbol, path) \
	__asm__(".section .rodata\n" #symbol ":\n.incbin \"" path "\"\n.byte 0\n.previous\n"); \
	extern const char symbol[]
EMBED(consent_template_ja, "user/texts/consent.ja.txt");
EMBED(consent_template_en, "user/texts/consent.en.txt");

struct language {
	const char *name, *template;
	const char *until[2]; /* around the end; a text for none */
	const char *until_open;
	const char *item; /* before each word of a list */
};

static const struct language languages[] = {
	{ "ja", consent_template_ja, { "この同意は ", " に終わります。" },
	  "この同意の終わりは、お申し込みのときにお決めいただきます(最長5年)。", "  ・" },
	{ "en", consent_template_en, { "This consent ends at ", "." },
	  "You choose the end of this consent when you agree, at most five years ahead.", "  - " },
};
#define LANGUAGES (sizeof(languages) / sizeof(languages[0]))

static const struct {
	const char *word, *ja, *en;
} meanings[] = {
	{ "src_addr", "接続元の IP アドレス", "source address" },
	{ "src_port", "接続元のポート番号", "source port" },
	{ "dst_addr", "接続先(ご契約のサービス)の IP アドレス", "destination address (of your service)" },
	{ "dst_port", "接続先のポート番号", "destination port" },
	{ "t_accept", "接続を受け付けた時刻", "time of the connection" },
	{ "rtt", "接続時の往復遅延時間", "round-trip time of its handshake" },
	{ "t_close", "接続が終わった時刻", "time at which it ended" },
	{ "P1", "発信者情報開示の請求や命令に答えるため", "answering claims and orders to disclose sender information" },
	{ "P2", "お客様ご自身が不正アクセスなどの原因を調べるため", "your own analysis of incidents" },
	{ "P3", "裁判所の命令や、捜査機関の令状などに応じるため", "complying with court orders and warrants" },
	{ "court", "裁判所", "courts" },
	{ "access_provider", "接続元の回線を提供する事業者(アクセスプロバイダ)", "the access provider of the source address" },
	{ "applicant", "開示命令などを得た申立人", "applicants who obtained an order" },
	{ "investigator", "令状などを示した捜査機関", "investigating authorities with a warrant" },
	{ "tenant", "お客様ご自身", "you" },
};

static const struct language *find_language(const char *lang)
{
	for (size_t i = 0; i < LANGUAGES; i++)
		if (strcmp(languages[i].name, lang) == 0)
			return &languages[i];
	return NULL;
}

const char *consent_text_word(const char *lang, const char *word)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strcmp(meanings[i].word, word) == 0)
			return strcmp(lang, "ja") == 0 ? meanings[i].ja : meanings[i].en;
	return word;
}

static void put(struct buffer *b, const char *text)
{
	buffer_bytes(b, text, strlen(text));
}

static void put_words(struct buffer *b, const struct language *l, const struct consent_word *words, uint32_t bits)
{
	const char *between = "";

	for (const struct consent_word *w = words; w->name; w++)
		if (!w->bit || bits & w->bit) {
			put(b, between);
			put(b, l->item);
			put(b, consent_text_word(l->name, w->name));
			between = "\n";
		}
}

static void put_scope(struct buffer *b, const struct language *l, const struct consent_terms *terms)
{
	char text[SELECTOR_TEXT_MAX];

	for (size_t i = 0; i < terms->scope_count; i++) {
		put(b, i ? "\n" : "");
		put(b, l->item);
		put(b, selector_format(&terms->scope[i], text));
	}
}

static void put_until(struct buffer *b, const struct language *l, int64_t until_ns)
{
	char time_text[UTC_TEXT_MAX], *fraction;

	if (!until_ns) {
		put(b, l->until_open);
		return;
	}
	utc_format_local(until_ns, time_text);
	fraction = strstr(time_text, ".000000000");
	if (fraction)
		memmove(fraction, fraction + 10, strlen(fraction + 10) + 1);
	put(b, l->until[0]);
	put(b, time_text);
	put(b, l->until[1]);
}

static bool is_name(const char *name, size_t size, const char *wanted)
{
	return strlen(wanted) == size && memcmp(name, wanted, size) == 0;
}

static void put_value(struct buffer *b, const struct language *l, const struct consent_terms *t, const char *name,
		      size_t size)
{
	char number[16];

	if (is_name(name, size, "tenant")) {
		put(b, t->tenant_id);
	} else if (is_name(name, size, "scope")) {
		put_scope(b, l, t);
	} else if (is_name(name, size, "fields")) {
		put_words(b, l, consent_field_words, t->fields);
	} else if (is_name(name, size, "purposes")) {
		put_words(b, l, consent_purpose_words, t->purposes);
	} else if (is_name(name, size, "recipients")) {
		put_words(b, l, consent_recipient_words, t->recipients);
	} else if (is_name(name, size, "until")) {
		put_until(b, l, t->until_ns);
	} else {
		snprintf(number, sizeof(number), "%u", t->retention_days);
		put(b, number);
	}
}

static int fill(const struct language *l, const struct consent_terms *terms, struct buffer *b)
{
	const char *at = l->template;

	while (*at) {
		size_t plain = strcspn(at, "{"), name;

		buffer_bytes(b, at, plain);
		at += plain;
		if (!*at)
			break;
		name = strcspn(at + 1, "}");
		put_value(b, l, terms, at + 1, name);
		at += name + 2;
	}
	return buffer_ok(b) ? 0 : -ENOMEM;
}

int consent_text_make(const char *lang, const struct consent_terms *terms, char **ret_text, struct problem *p)
{
	const struct language *l = find_language(lang);
	struct buffer b = {};

	if (!l)
		return problem(p, -EINVAL, "--lang \"%s\": expected ja or en", lang);
	if (fill(l, terms, &b) == 0)
		buffer_u8(&b, 0);
	if (!buffer_ok(&b)) {
		buffer_done(&b);
		return problem(p, -ENOMEM, "out of memory");
	}
	*ret_text = (char *)b.data;
	return 0;
}

/* 1, 0 or -ENOMEM. */
static int is_filled(const struct language *l, const struct consent_terms *terms, const void *text, size_t size)
{
	struct buffer b = {};
	int result = fill(l, terms, &b);

	if (!result)
		result = b.size == size && memcmp(b.data, text, size) == 0;
	buffer_done(&b);
	return result;
}

int consent_text_match(const void *text, size_t size, const struct consent_terms *terms, const char **ret_lang,
		       struct problem *p)
{
	struct consent_terms open = *terms;
	int same;

	open.until_ns = 0;
	for (size_t i = 0; i < LANGUAGES; i++) {
		const struct language *l = &languages[i];
		size_t head = strcspn(l->template, "\n");

		if (size <= head || memcmp(text, l->template, head + 1) != 0)
			continue;
		same = is_filled(l, terms, text, size);
		if (!same)
			same = is_filled(l, &open, text, size);
		if (same < 0)
			return problem(p, same, "out of memory");
		if (!same)
			return problem(p, -ESTALE, "it is not the shipped text %.*s for these addresses, fields, days, "
						   "purposes, recipients and end",
				       (int)head, l->template);
		*ret_lang = l->name;
		return 1;
	}
	return 0;
}
