// SPDX-License-Identifier: BSD-2-Clause
/* Lines of custody about segments that were closed and journals that were imported. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/utc.h"
#include "custody.h"
#include "custody_files.h"

/* As many stay well below LEDGER_LINE_MAX, whatever the tenants are called. */
#define SEGMENTS_OF_LINE 1500

/* --- Writing --- */

static json_t *segment_json(const struct custody_closed *s)
{
	char hash[2 * LEDGER_HASH_BYTES + 1], id[CUSTODY_ID_TEXT];

	hex_format(s->hash, LEDGER_HASH_BYTES, hash);
	return json_pack("[s, i, I, s, I, I, I, s]", s->tenant_id, (int)s->day, (json_int_t)s->part,
			 custody_id_text(s->file_id, id), (json_int_t)s->bytes, (json_int_t)s->rows,
			 (json_int_t)s->sections, hash);
}

static int write_closed(struct ledger_writer *w, const struct custody_closed *list, size_t count,
			struct problem *p)
{
	json_t *segments = json_array(), *act;
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		error = json_array_append_new(segments, segment_json(&list[i])) ? -ENOMEM : 0;
	act = json_pack("{s:s, s:o}", "event", "CLOSED", "segments", segments);
	if (error || !act)
		error = problem(p, -ENOMEM, "out of memory");
	else
		error = ledger_writer_append(w, LEDGER_CUSTODY, act, utc_now_ns(), NULL);
	json_decref(act);
	return error;
}

int custody_closed_write(const struct store_dir *store, const struct custody_closed *list, size_t count,
			 struct problem *p)
{
	struct ledger_writer *w;
	int error;

	if (!count)
		return 0;
	error = ledger_writer_open(store, &w, p);
	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i += SEGMENTS_OF_LINE)
		error = write_closed(w, &list[i], count - i < SEGMENTS_OF_LINE ? count - i : SEGMENTS_OF_LINE, p);
	ledger_writer_close(w);
	return error;
}

int custody_import_write(const struct store_dir *store, const struct custody_import *import, struct problem *p)
{
	char id[CUSTODY_ID_TEXT], first[UTC_TEXT_MAX], last[UTC_TEXT_MAX], hash[2 * CUSTODY_SHA256_BYTES + 1];
	json_t *act;
	int error;

	hex_format(import->sha256, CUSTODY_SHA256_BYTES, hash);
	act = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:I, s:I, s:s}", "event", "IMPORTED", "journal",
			custody_id_text(import->journal_id, id), "rows", (json_int_t)import->rows, "tenants",
			(json_int_t)import->tenants, "first", utc_format(import->first_ns, first), "last",
			utc_format(import->last_ns, last), "reason", import->reason, "uid",
			(json_int_t)import->uid, "bytes", (json_int_t)import->bytes, "sha256", hash);
	error = act ? ledger_append(store, LEDGER_CUSTODY, act, utc_now_ns(), NULL, p) :
		      problem(p, -ENOMEM, "out of memory");
	json_decref(act);
	return error;
}

/* --- Reading --- */

static bool read_hex(const json_t *text, uint8_t *to, size_t size)
{
	return json_is_string(text) &&
	       hex_parse(json_string_value(text), json_string_length(text), to, size) == 0;
}

static bool read_id(const json_t *text, uint64_t *ret_id)
{
	uint8_t bytes[8];

	if (!read_hex(text, bytes, sizeof(bytes)))
		return false;
	*ret_id = 0;
	for (size_t i = 0; i < sizeof(bytes); i++)
		*ret_id = *ret_id << 8 | bytes[i];
	return true;
}

static bool read_number(const json_t *value, int64_t low, int64_t high, int64_t *ret_number)
{
	*ret_number = json_integer_value(value);
	return json_is_integer(value) && *ret_number >= low && *ret_number <= high;
}

static bool read_time(const json_t *value, int64_t *ret_ns)
{
	struct problem ignored;
	const char *text = json_string_value(value);

	return text && utc_parse(text, ret_ns, &ignored) == 0;
}

static bool read_segment(const json_t *json, struct custody_closed *s)
{
	const char *tenant = json_string_value(json_array_get(json, 0));
	int64_t day, part, bytes, rows, sections;

	if (json_array_size(json) != 8 || !tenant || parse_tenant_id(tenant) != 0 ||
	    !read_number(json_array_get(json, 1), INT32_MIN, INT32_MAX, &day) ||
	    !read_number(json_array_get(json, 2), 1, UINT32_MAX, &part) ||
	    !read_id(json_array_get(json, 3), &s->file_id) ||
	    !read_number(json_array_get(json, 4), 0, INT64_MAX, &bytes) ||
	    !read_number(json_array_get(json, 5), 0, INT64_MAX, &rows) ||
	    !read_number(json_array_get(json, 6), 0, UINT32_MAX, &sections) ||
	    !read_hex(json_array_get(json, 7), s->hash, LEDGER_HASH_BYTES))
		return false;
	snprintf(s->tenant_id, sizeof(s->tenant_id), "%s", tenant);
	s->day = (int32_t)day;
	s->part = (uint32_t)part;
	s->bytes = (uint64_t)bytes;
	s->rows = (uint64_t)rows;
	s->sections = (uint32_t)sections;
	return true;
}

static bool read_import(const json_t *line, struct custody_import *i)
{
	int64_t rows, tenants, bytes, uid;

	i->reason = json_string_value(json_object_get(line, "reason"));
	if (!i->reason || !read_id(json_object_get(line, "journal"), &i->journal_id) ||
	    !read_number(json_object_get(line, "rows"), 1, INT64_MAX, &rows) ||
	    !read_number(json_object_get(line, "tenants"), 1, INT64_MAX, &tenants) ||
	    !read_number(json_object_get(line, "bytes"), 0, INT64_MAX, &bytes) ||
	    !read_number(json_object_get(line, "uid"), 0, UINT32_MAX, &uid) ||
	    !read_time(json_object_get(line, "first"), &i->first_ns) ||
	    !read_time(json_object_get(line, "last"), &i->last_ns) ||
	    !read_hex(json_object_get(line, "sha256"), i->sha256, CUSTODY_SHA256_BYTES))
		return false;
	i->rows = (uint64_t)rows;
	i->tenants = (uint64_t)tenants;
	i->bytes = (uint64_t)bytes;
	i->uid = (unsigned int)uid;
	return true;
}

static int does_not_read(const struct chain_line *line, const char *what, struct problem *p)
{
	return problem(p, -EBADMSG, "ledger/%s line %llu: %s that does not read", chain_file_name(LEDGER_CUSTODY),
		       (unsigned long long)line->seq, what);
}

static int take_closed(const struct custody_files_reader *r, const struct chain_line *line, struct problem *p)
{
	const json_t *segments = json_object_get(line->json, "segments"), *item;
	int error = 0;
	size_t i;

	json_array_foreach((json_t *)segments, i, item) {
		struct custody_closed s;

		if (!read_segment(item, &s))
			return does_not_read(line, "a segment", p);
		error = r->closed(r->ctx, line->seq, &s);
		if (error)
			return problem(p, error, "out of memory");
	}
	return 0;
}

static int take_line(void *ctx, const struct chain_line *line, struct problem *p)
{
	const struct custody_files_reader *r = ctx;
	struct custody_import import;

	if (r->closed && strcmp(line->event, "CLOSED") == 0)
		return take_closed(r, line, p);
	if (!r->imported || strcmp(line->event, "IMPORTED") != 0)
		return 0;
	if (!read_import(line->json, &import))
		return does_not_read(line, "an import", p);
	return r->imported(r->ctx, line->seq, &import) ? problem(p, -ENOMEM, "out of memory") : 0;
}

int custody_files_walk(const struct store_dir *store, const struct custody_files_reader *reader,
		       struct problem *p)
{
	struct chain_end end;

	return ledger_walk(store, LEDGER_CUSTODY, CHAIN_QUICK, take_line, (void *)reader, &end, p);
}

/* --- Sets of ids --- */

int custody_ids_add(struct custody_ids *ids, uint64_t id)
{
	if (ARRAY_RESERVE(ids->list, ids->count, ids->capacity))
		return -ENOMEM;
	ids->list[ids->count++] = id;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void custody_ids_sort(struct custody_ids *ids)
{
	if (ids->count)
		qsort(ids->list, ids->count, sizeof(*ids->list), compare_ids);
}

bool custody_ids_have(const struct custody_ids *ids, uint64_t id)
{
	return ids->count && bsearch(&id, ids->list, ids->count, sizeof(id), compare_ids);
}

void custody_ids_done(struct custody_ids *ids)
{
	free(ids->list);
	memset(ids, 0, sizeof(*ids));
}

static int note_closed(void *ctx, uint64_t seq, const struct custody_closed *segment)
{
	(void)seq;
	return custody_ids_add(ctx, segment->file_id);
}

static int note_import(void *ctx, uint64_t seq, const struct custody_import *import)
{
	(void)seq;
	return custody_ids_add(ctx, import->journal_id);
}

int custody_closed_ids(const struct store_dir *store, struct custody_ids *ids, struct problem *p)
{
	const struct custody_files_reader reader = { .closed = note_closed, .ctx = ids };
	int error = custody_files_walk(store, &reader, p);

	custody_ids_sort(ids);
	return error;
}

int custody_import_ids(const struct store_dir *store, struct custody_ids *ids, struct problem *p)
{
	const struct custody_files_reader reader = { .imported = note_import, .ctx = ids };
	int error = custody_files_walk(store, &reader, p);

	custody_ids_sort(ids);
	return error;
}
