// SPDX-License-Identifier: BSD-2-Clause
/* What would be agreed: from options and configuration; the explanation of it; the explanation that was shown. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/fs.h"
#include "base/text.h"
#include "base/utc.h"
#include "verb_consent.h"

/* A grant is renewed, not given for ever (DOMAIN 2.4). */
#define GRANT_MAX_NS (5 * 366 * NS_PER_DAY)
#define TEXT_BYTES_MAX (1 << 20)
#define RETENTION_DEFAULT_DAYS 180

int verb_consent_conf(const struct consent_call *call, const struct conf_tenant **ret_tenant, struct problem *p)
{
	*ret_tenant = conf_find_tenant(&call->c->conf, call->tenant);
	return *ret_tenant ? 0 : problem(p, -EINVAL, "tenant \"%s\" is not in %s", call->tenant, call->c->conf_path);
}

static int parse_until(const char *text, int64_t *ret_ns, struct problem *p)
{
	int64_t now = utc_now_ns(), until;
	struct problem why;

	if (utc_parse(text, &until, &why))
		return problem(p, -EINVAL, "--until: %s", why.text);
	if (until <= now)
		return problem(p, -EINVAL, "--until %s is not in the future", text);
	if (until - now > GRANT_MAX_NS)
		return problem(p, -EINVAL, "--until %s is more than five years away; a consent is to be renewed",
			       text);
	*ret_ns = until;
	return 0;
}

static int parse_retention(const char *text, uint32_t *ret_days, struct problem *p)
{
	uint64_t days;

	if (parse_u64(text, 1, CONSENT_RETENTION_MAX_DAYS, &days))
		return problem(p, -EINVAL, "--retention \"%s\": expected 1 to %d days", text,
			       CONSENT_RETENTION_MAX_DAYS);
	*ret_days = (uint32_t)days;
	return 0;
}

int verb_consent_options(struct consent_call *call, struct consent_terms *t, struct problem *p)
{
	const struct consent_options *o = call->o;
	int error = o->until ? parse_until(o->until, &t->until_ns, p) : 0;

	if (!error && o->fields)
		error = consent_parse_fields(o->fields, &t->fields, p);
	if (!error && o->retention)
		error = parse_retention(o->retention, &t->retention_days, p);
	if (!error && o->purposes)
		error = consent_parse_purposes(o->purposes, &t->purposes, p);
	if (!error && o->purposes)
		t->recipients = consent_recipients_of(t->purposes);
	if (!error && o->recipients)
		error = consent_parse_recipients(o->recipients, &t->recipients, p);
	call->act.changes = (o->until ? CONSENT_END : 0) | (o->fields ? CONSENT_FIELDS : 0) |
			    (o->retention ? CONSENT_RETENTION : 0) | (o->purposes ? CONSENT_PURPOSES : 0) |
			    (o->recipients || o->purposes ? CONSENT_RECIPIENTS : 0);
	call->act.until_ns = t->until_ns;
	call->act.fields = t->fields;
	call->act.retention_days = t->retention_days;
	call->act.purposes = t->purposes;
	call->act.recipients = t->recipients;
	return error;
}

/* "ja", "zh-Hant" */
static bool is_language_tag(const char *text)
{
	size_t n = strlen(text);

	return n >= 2 && n <= CONSENT_LANG_MAX &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int check_names(const struct consent_options *o, struct problem *p)
{
	size_t size = o->text_version ? strlen(o->text_version) : 1;

	if (o->lang && !is_language_tag(o->lang))
		return problem(p, -EINVAL, "--lang \"%s\": expected a language tag such as ja", o->lang);
	if (o->text_id && parse_tenant_id(o->text_id))
		return problem(p, -EINVAL, "--text-id \"%s\": expected letters, digits, '.', '_' and '-'", o->text_id);
	if (!size || size > CONSENT_TEXT_ID_MAX || (o->text_version && !text_is_plain(o->text_version, size)))
		return problem(p, -EINVAL, "--text-version \"%s\": expected at most %d bytes of text", o->text_version,
			       CONSENT_TEXT_ID_MAX);
	return 0;
}

/* What the text is called: the shipped ones are known; another one is what the options say. */
static int name_text(struct consent_call *call, const struct mapped_file *file, const struct consent_terms *t,
		     struct problem *p)
{
	const struct consent_options *o = call->o;
	const char *lang = NULL;
	struct problem why;
	int match = consent_text_match(file->data, file->size, t, &lang, &why);

	call->act.text_id = o->text_id;
	call->act.text_version = o->text_version;
	call->act.lang = o->lang;
	if (match == -ESTALE && o->text_id && strcmp(o->text_id, CONSENT_TEXT_ID) != 0)
		return 0; /* made from the shipped one, under a name of its own */
	if (match < 0)
		return problem(p, -EINVAL, "--text %s: %s%s", o->text, why.text,
			       match == -ESTALE ? "; a text of your own needs --text-id" : "");
	if (!match)
		return o->text_id && strcmp(o->text_id, CONSENT_TEXT_ID) == 0 ?
			       problem(p, -EINVAL, "--text %s: it is not the shipped text %s", o->text, o->text_id) : 0;
	if (o->lang && strcmp(o->lang, lang) != 0)
		return problem(p, -EINVAL, "--lang %s: --text %s is the shipped text in %s", o->lang, o->text, lang);
	call->act.text_id = CONSENT_TEXT_ID;
	call->act.text_version = CONSENT_TEXT_VERSION;
	call->act.lang = lang;
	return 0;
}

int verb_consent_shown(struct consent_call *call, const struct consent_terms *t, char hex[static CONSENT_SHA256_TEXT],
		       struct problem *p)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	const char *path = call->o->text;
	struct mapped_file file;
	bool given = call->o->text_inline != NULL;
	int error = 0;

	if (given)
		file = (struct mapped_file){ (const uint8_t *)call->o->text_inline, strlen(call->o->text_inline) };
	else
		error = command_map_file(call->c, path, TEXT_BYTES_MAX, &file);
	if (error)
		return problem(p, -EINVAL, "--text %s: %s", path, error == -EINVAL ? "not a regular file" : strerror(-error));
	error = file.size ? check_names(call->o, p) : problem(p, -EINVAL, "--text %s: the file is empty", path);
	if (!error)
		error = name_text(call, &file, t, p);
	if (!error) {
		crypto_hash_sha256(hash, file.data, file.size);
		sodium_bin2hex(hex, CONSENT_SHA256_TEXT, hash, sizeof(hash));
		call->act.text_sha256 = hex;
	}
	if (!given)
		fs_unmap(&file);
	return error;
}

/* What a tenant without a choice of its own would agree to. */
static void default_terms(const struct consent_call *call, const struct conf_tenant *conf, struct consent_terms *t)
{
	*t = (struct consent_terms){
		.tenant_id = call->tenant,
		.scope = conf->selectors,
		.scope_count = conf->selector_count,
		.purposes = CONSENT_PURPOSES_DEFAULT,
		.recipients = consent_recipients_of(CONSENT_PURPOSES_DEFAULT),
		.retention_days = RETENTION_DEFAULT_DAYS,
	};
}

int verb_consent_text(struct consent_call *call)
{
	const struct conf_tenant *conf;
	struct consent_terms t;
	struct problem p;
	char *text;
	int error = verb_consent_conf(call, &conf, &p);

	if (!error) {
		default_terms(call, conf, &t);
		error = verb_consent_options(call, &t, &p);
	}
	if (!error)
		error = consent_text_make(call->lang, &t, &text, &p);
	if (error)
		return command_fail(EXIT_USAGE, &p);
	fputs(text, stdout);
	free(text);
	return EXIT_YES;
}
