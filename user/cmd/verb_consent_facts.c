// SPDX-License-Identifier: BSD-2-Clause
/* What is known of a tenant: its consent, what is stored, who searched it (DOMAIN 2.5, tenant transparency). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"
#include "base/cursor.h"
#include "base/fs.h"
#include "base/utc.h"
#include "ledger/access.h"
#include "ledger/custody.h"
#include "ledger/holds.h"
#include "schema/segment.h"
#include "verb_consent.h"

/* --- What is stored: sizes from the directory, rows from custody; nothing is decoded --- */

struct stored_file {
	int32_t day;
	uint64_t file_id, bytes, rows;
	bool known; /* custody states rows of it */
};

struct stored_section {
	uint64_t file_id, offset, rows;
};

struct stored {
	const char *tenant;
	struct stored_file *files;
	size_t count, capacity;
	struct stored_section *sections;
	size_t section_count, section_capacity;
};

/* "YYYY-MM-DD.sks", "YYYY-MM-DD.2.sks". */
static int add_file(struct stored *s, int dir, const char *name)
{
	char day[DAY_TEXT_MAX] = "";
	uint8_t id[8] = { 0 };
	struct stored_file f = {};
	struct stat st;
	int fd;

	strncpy(day, name, 10);
	if (day_parse(day, &f.day))
		return 0; /* not ours */
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno; /* erased meanwhile */
	if (fstat(fd, &st) == 0 && fs_pread_all(fd, id, sizeof(id), SEGMENT_AT_FILE_ID) == 0)
		f.file_id = get_le64(id);
	close(fd);
	f.bytes = (uint64_t)st.st_size;
	if (ARRAY_RESERVE(s->files, s->count, s->capacity))
		return -ENOMEM;
	s->files[s->count++] = f;
	return 0;
}

static int list_files(struct stored *s, int segments)
{
	char **names = NULL;
	size_t count = 0;
	int dir = openat(segments, s->tenant, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), error;

	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	error = fs_list(dir, ".sks", &names, &count);
	for (size_t i = 0; i < count && !error; i++)
		error = add_file(s, dir, names[i]);
	fs_free_names(names, count);
	close(dir);
	return error;
}

static int take_section(void *ctx, uint64_t seq, const struct custody_section *section)
{
	struct stored *s = ctx;

	(void)seq;
	if (strcmp(section->tenant_id, s->tenant) != 0)
		return 0;
	if (ARRAY_RESERVE(s->sections, s->section_count, s->section_capacity))
		return -ENOMEM;
	s->sections[s->section_count++] =
		(struct stored_section){ section->file_id, section->offset, section->rows };
	return 0;
}

static int compare_sections(const void *a, const void *b)
{
	const struct stored_section *x = a, *y = b;

	if (x->file_id != y->file_id)
		return x->file_id < y->file_id ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* A sealing run that was repeated said the same twice. */
static void count_rows(struct stored *s)
{
	if (s->section_count)
		qsort(s->sections, s->section_count, sizeof(*s->sections), compare_sections);
	for (size_t i = 0; i < s->section_count; i++) {
		if (i && compare_sections(&s->sections[i - 1], &s->sections[i]) == 0)
			continue;
		for (size_t k = 0; k < s->count; k++)
			if (s->files[k].file_id == s->sections[i].file_id) {
				s->files[k].rows += s->sections[i].rows;
				s->files[k].known = true;
			}
	}
}

static json_t *rows_json(uint64_t rows, bool known)
{
	return known ? json_integer((json_int_t)rows) : json_null();
}

/* Files are in the order of their names, which is that of days. */
static json_t *stored_json(const struct stored *s)
{
	char text[DAY_TEXT_MAX];
	json_t *days = json_array();
	uint64_t bytes = 0, rows = 0;
	bool known = true;

	for (size_t i = 0; i < s->count;) {
		struct stored_file sum = { .day = s->files[i].day, .known = true };
		int files = 0;

		for (; i < s->count && s->files[i].day == sum.day; i++, files++) {
			sum.bytes += s->files[i].bytes;
			sum.rows += s->files[i].rows;
			sum.known &= s->files[i].known;
		}
		bytes += sum.bytes;
		rows += sum.rows;
		known &= sum.known;
		json_array_append_new(days, json_pack("{s:s, s:i, s:I, s:o}", "day", day_format(sum.day, text), "files",
						      files, "bytes", (json_int_t)sum.bytes, "rows",
						      rows_json(sum.rows, sum.known)));
	}
	return json_pack("{s:o, s:o, s:I, s:o}", "oldest_day",
			 s->count ? json_string(day_format(s->files[0].day, text)) : json_null(), "rows",
			 rows_json(rows, known), "bytes", (json_int_t)bytes, "days", days);
}

json_t *verb_consent_stored(const struct store_dir *store, const char *tenant, struct problem *p)
{
	struct stored s = { .tenant = tenant };
	json_t *json = NULL;
	int error = list_files(&s, store->segments);

	if (error)
		problem(p, error, "cannot read segments/%s: %s", tenant, strerror(-error));
	else if (s.count)
		error = custody_walk(store, take_section, &s, p);
	if (!error) {
		count_rows(&s);
		json = stored_json(&s);
	}
	free(s.files);
	free(s.sections);
	return json;
}

/* --- Searches --- */

struct searches {
	const char *tenant;
	int64_t now_ns;
	uint64_t seq; /* of the last search */
	json_t *last; /* that search, while it is not known to have touched the tenant */
	json_t *list;
};

/* Whether the law still forbids to tell the tenant. */
static bool is_hidden(const json_t *search, int64_t now_ns)
{
	const char *until = json_string_value(json_object_get(search, "hidden_until"));
	struct problem ignored;
	int64_t until_ns;

	return until && (utc_parse(until, &until_ns, &ignored) || now_ns < until_ns);
}

/* The tenant's rows, if `line` counts any or names it: then the search is one of the list. */
static int take_rows(struct searches *s, const json_t *line)
{
	json_t *rows = json_object_get(json_object_get(line, "tenants"), s->tenant), *last = s->last;

	if (!rows || !last)
		return 0;
	s->last = NULL;
	json_object_set(last, "rows", rows);
	return json_array_append_new(s->list, last) ? -ENOMEM : 0;
}

/* A search, and the lines behind it with the tenants for which it has no room. */
static int take_search(void *ctx, const struct chain_line *line, struct problem *p)
{
	struct searches *s = ctx;
	const json_t *json = line->json;
	char utc[UTC_TEXT_MAX], local[UTC_TEXT_MAX];
	int error = 0;

	if (strcmp(line->event, "SEARCH") == 0) {
		json_decref(s->last);
		s->seq = line->seq;
		/* Not for whom it was made: that is the case of others. */
		s->last = is_hidden(json, s->now_ns) ? NULL :
			json_pack("{s:s, s:s, s:O?, s:n, s:O?}", "t", utc_format(line->t_ns, utc), "t_local",
				  utc_format_local(line->t_ns, local), "basis", json_object_get(json, "basis"), "rows",
				  "rows_shown", json_object_get(json, "rows_shown"));
		error = take_rows(s, json);
	} else if (strcmp(line->event, "SEARCH_TENANTS") == 0 &&
		   json_integer_value(json_object_get(json, "search")) == (json_int_t)s->seq) {
		error = take_rows(s, json);
	}
	return error ? problem(p, error, "out of memory") : 0;
}

static json_t *searches_json(const struct store_dir *store, const char *tenant, struct problem *p)
{
	struct searches s = { .tenant = tenant, .now_ns = utc_now_ns(), .list = json_array() };
	struct chain_end end;
	int error = ledger_walk(store, LEDGER_ACCESS, CHAIN_QUICK, take_search, &s, &end, p);

	json_decref(s.last);
	if (!error)
		return s.list;
	json_decref(s.list);
	return NULL;
}

/* --- The consent --- */

static json_t *time_json(int64_t ns, bool local)
{
	char text[UTC_TEXT_MAX];

	return ns ? json_string(local ? utc_format_local(ns, text) : utc_format(ns, text)) : json_null();
}

static void set_time(json_t *o, const char *key, int64_t ns)
{
	char local[64];

	snprintf(local, sizeof(local), "%s_local", key);
	json_object_set_new(o, key, time_json(ns, false));
	json_object_set_new(o, local, time_json(ns, true));
}

static json_t *day_json(int32_t day, int32_t unbounded)
{
	char text[DAY_TEXT_MAX];

	return day == unbounded ? json_null() : json_string(day_format(day, text));
}

json_t *verb_consent_holds(const struct store_dir *store, const char *tenant, struct problem *p)
{
	json_t *list = json_array(), *hold;
	int64_t now = utc_now_ns();
	struct holds holds;

	if (holds_load(store, &holds, p)) {
		json_decref(list);
		return NULL;
	}
	for (size_t i = 0; i < holds.count; i++) {
		const struct hold *h = &holds.list[i];

		if (!hold_in_force(h, now) || (h->tenant_id[0] && strcmp(h->tenant_id, tenant) != 0))
			continue;
		hold = json_pack("{s:o, s:o}", "from_day", day_json(h->first_day, HOLD_FROM_EVER), "to_day",
				 day_json(h->last_day, HOLD_FOR_EVER));
		set_time(hold, "set", h->set_ns);
		set_time(hold, "until", h->until_ns);
		json_array_append_new(list, hold);
	}
	holds_done(&holds);
	return list;
}

static bool has(const struct selector *list, size_t count, const struct selector *s)
{
	for (size_t i = 0; i < count; i++)
		if (selector_equal(&list[i], s))
			return true;
	return false;
}

/* Selectors of one list that are (or are not) in the other one. */
static json_t *selectors_json(const struct selector *list, size_t count, const struct selector *other,
			      size_t other_count, bool in_other)
{
	char text[SELECTOR_TEXT_MAX];
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		if (has(other, other_count, &list[i]) == in_other)
			json_array_append_new(array, json_string(selector_format(&list[i], text)));
	return array;
}

static void set_addresses(json_t *o, const struct consent *g, const struct conf_tenant *t)
{
	const struct selector *conf = t ? t->selectors : NULL, *scope = g ? g->scope : NULL;
	size_t conf_count = t ? t->selector_count : 0, count = g ? g->scope_count : 0;

	json_object_set_new(o, "addresses", selectors_json(scope, count, conf, conf_count, true));
	json_object_set_new(o, "not_configured", selectors_json(scope, count, conf, conf_count, false));
	json_object_set_new(o, "not_covered", selectors_json(conf, conf_count, scope, count, false));
}

static json_t *words_json(const struct consent_word *words, uint32_t bits)
{
	json_t *array = json_array();

	for (const struct consent_word *w = words; w->name; w++)
		if (!w->bit || bits & w->bit)
			json_array_append_new(array, json_string(w->name));
	return array;
}

static void set_terms(json_t *o, const struct consent *g)
{
	json_object_set_new(o, "fields", words_json(consent_field_words, g->fields));
	json_object_set_new(o, "purposes", words_json(consent_purpose_words, g->purposes));
	json_object_set_new(o, "recipients", words_json(consent_recipient_words, g->recipients));
	json_object_set_new(o, "retention_days", json_integer(g->retention_days));
	json_object_set_new(o, "separability",
			    json_string(g->separability == CONSENT_EXACT ? "EXACT" : "SHARED"));
	json_object_set_new(o, "text_id", json_string(g->text_id));
	json_object_set_new(o, "text_version", json_string(g->text_version));
	json_object_set_new(o, "text_sha256", json_string(g->text_sha256));
	json_object_set_new(o, "lang", json_string(g->lang));
	json_object_set_new(o, "text_seq", json_integer(g->text_seq));
}

/* Who gave what is in force, as the ledger has it. */
static int set_who(json_t *o, const struct store_dir *store, const char *tenant, uint32_t seq, struct problem *p)
{
	static const char *const keys[] = { "actor", "actor_auth", "method", "origin", "ticket" };
	json_t *act = verb_consent_act(store, tenant, seq, p);

	for (size_t i = 0; act && i < sizeof(keys) / sizeof(keys[0]); i++)
		json_object_set(o, keys[i], json_object_get(act, keys[i]));
	json_decref(act);
	return act ? 0 : -EBADMSG;
}

/* One word for how it stands. */
static const char *state_of(const struct consent *g, bool in_force, const json_t *addresses, const char *capture)
{
	if (!g)
		return "never";
	if (!in_force)
		return g->withdrawn ? (g->erase ? "withdrawn_erase" : "withdrawn") : "expired";
	return json_array_size(addresses) == 0 ? "no_address" : capture;
}

static void set_consent(json_t *o, const struct consents *consents, const char *tenant, const struct conf_tenant *t,
			const char *capture)
{
	const struct consent *g = consents_last(consents, tenant);
	bool in_force = g && consents_at(consents, tenant, utc_now_ns());

	set_addresses(o, in_force ? g : NULL, t);
	json_object_set_new(o, "state", json_string(state_of(g, in_force, json_object_get(o, "addresses"), capture)));
	json_object_set_new(o, "consent", g ? json_integer(g->seq) : json_null());
	set_time(o, "since", g ? consents_since(consents, g) : 0);
	set_time(o, "until", g ? g->until_ns : 0);
	set_time(o, "withdrawn_at", g ? g->withdrawn_ns : 0);
	set_time(o, "last_notice_at", g ? g->last_notice_ns : 0);
	if (g)
		set_terms(o, g);
}

json_t *verb_consent_facts(const struct command *c, const struct store_dir *store, const struct consents *consents,
			   const char *tenant, const char *capture, bool whole, struct problem *p)
{
	json_t *o = json_pack("{s:s, s:s}", "tenant", tenant, "state", ""), *stored = NULL, *searches = NULL,
	       *holds = NULL;
	const struct consent *g = consents_last(consents, tenant);

	set_consent(o, consents, tenant, conf_find_tenant(&c->conf, tenant), capture);
	if (!whole)
		return o;
	if (!g || set_who(o, store, tenant, g->seq, p) == 0)
		stored = verb_consent_stored(store, tenant, p);
	holds = stored ? verb_consent_holds(store, tenant, p) : NULL;
	searches = holds ? searches_json(store, tenant, p) : NULL;
	if (!searches) {
		json_decref(stored);
		json_decref(holds);
		json_decref(o);
		return NULL;
	}
	json_object_set_new(o, "stored", stored);
	json_object_set_new(o, "holds", holds);
	json_object_set_new(o, "searches", searches);
	return o;
}
