// SPDX-License-Identifier: BSD-2-Clause
/* Lines of custody about what is gone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/fs.h"
#include "base/utc.h"
#include "custody.h"
#include "deletions.h"

#define DELETED_EVENT "DELETED"
#define LEFT_OUT_EVENT "LEFT_OUT"
/* Of a day: more cannot be told in a line. */
#define PARTS_MAX 4096

static const char *const reasons[] = {
	[DELETION_EXPIRED] = "EXPIRED",
	[DELETION_ERASED] = "ERASED",
};

/* --- Writing --- */

static json_t *because_json(uint32_t because)
{
	return because ? json_integer(because) : json_null();
}

static json_t *part_json(const struct deletion_part *part)
{
	char hash[2 * LEDGER_HASH_BYTES + 1], id[CUSTODY_ID_TEXT];

	hex_format(part->hash, LEDGER_HASH_BYTES, hash);
	return json_pack("[I, s, I, I, s]", (json_int_t)part->part, custody_id_text(part->file_id, id), (json_int_t)part->bytes,
			 (json_int_t)part->rows, hash);
}

static int append(struct ledger_writer *w, json_t *act, int64_t t_ns, struct problem *p)
{
	int error = act ? ledger_writer_append(w, LEDGER_CUSTODY, act, t_ns, NULL) :
			  problem(p, -ENOMEM, "out of memory");

	json_decref(act);
	return error;
}

int deletion_append(struct ledger_writer *w, const struct deletion *d, int64_t t_ns, struct problem *p)
{
	char day[DAY_TEXT_MAX];
	json_t *parts = json_array();

	for (size_t i = 0; i < d->part_count; i++)
		if (json_array_append_new(parts, part_json(&d->parts[i]))) {
			json_decref(parts);
			return problem(p, -ENOMEM, "out of memory");
		}
	return append(w, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "event", DELETED_EVENT, "tenant",
				   d->tenant_id, "day", day_format(d->day, day), "reason", reasons[d->reason],
				   "because", because_json(d->because), "parts", parts), t_ns, p);
}

int deletion_append_left_out(struct ledger_writer *w, uint64_t journal_id, const struct deletion *days,
			     size_t count, int64_t t_ns, struct problem *p)
{
	char id[CUSTODY_ID_TEXT], day[DAY_TEXT_MAX];
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(list, json_pack("[s, I]", day_format(days[i].day, day),
							  (json_int_t)days[i].rows))) {
			json_decref(list);
			return problem(p, -ENOMEM, "out of memory");
		}
	return append(w, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "event", LEFT_OUT_EVENT, "journal",
				   custody_id_text(journal_id, id),
				   "tenant", days->tenant_id, "reason", reasons[days->reason], "because",
				   because_json(days->because), "days", list), t_ns, p);
}

int deletion_append_journal(struct ledger_writer *w, const struct deletion_journal *d, int64_t t_ns,
			    struct problem *p)
{
	char hash[2 * LEDGER_HASH_BYTES + 1], id[CUSTODY_ID_TEXT];

	hex_format(d->hash, LEDGER_HASH_BYTES, hash);
	return append(w, json_pack("{s:s, s:s, s:s, s:o, s:I, s:s}", "event", "DELETED_JOURNAL", "journal",
				   custody_id_text(d->journal_id, id),
				   "reason", reasons[d->reason], "because", because_json(d->because), "bytes",
				   (json_int_t)d->bytes, "hash", hash), t_ns, p);
}

/* --- Reading --- */

static bool read_number(const json_t *value, int64_t low, int64_t high, int64_t *ret_number)
{
	*ret_number = json_integer_value(value);
	return json_is_integer(value) && *ret_number >= low && *ret_number <= high;
}

static bool read_hex(const json_t *text, uint8_t *to, size_t size)
{
	return json_is_string(text) &&
	       hex_parse(json_string_value(text), json_string_length(text), to, size) == 0;
}

static bool read_day(const json_t *json, int32_t *ret_day)
{
	const char *text = json_string_value(json);

	return text && day_parse(text, ret_day) == 0;
}

static bool read_common(const json_t *line, struct deletion *d)
{
	const char *reason = json_string_value(json_object_get(line, "reason"));
	const json_t *because = json_object_get(line, "because");
	int64_t number = 0;

	d->tenant_id = json_string_value(json_object_get(line, "tenant"));
	if (!d->tenant_id || parse_tenant_id(d->tenant_id) || !reason ||
	    (!json_is_null(because) && !read_number(because, 1, UINT32_MAX, &number)))
		return false;
	d->because = (uint32_t)number;
	d->reason = strcmp(reason, reasons[DELETION_EXPIRED]) == 0 ? DELETION_EXPIRED : DELETION_ERASED;
	return strcmp(reason, reasons[d->reason]) == 0;
}

static bool read_part(const json_t *json, struct deletion_part *part)
{
	int64_t number, bytes, rows;
	uint8_t id[8];

	if (json_array_size(json) != 5 || !read_number(json_array_get(json, 0), 1, UINT32_MAX, &number) ||
	    !read_hex(json_array_get(json, 1), id, sizeof(id)) ||
	    !read_number(json_array_get(json, 2), 0, INT64_MAX, &bytes) ||
	    !read_number(json_array_get(json, 3), 0, INT64_MAX, &rows) ||
	    !read_hex(json_array_get(json, 4), part->hash, sizeof(part->hash)))
		return false;
	part->part = (uint32_t)number;
	part->bytes = (uint64_t)bytes;
	part->rows = (uint64_t)rows;
	part->file_id = 0;
	for (size_t i = 0; i < sizeof(id); i++)
		part->file_id = part->file_id << 8 | id[i];
	return true;
}

struct reading {
	deletion_fn fn;
	void *ctx;
};

static int read_deleted(const struct reading *r, uint64_t seq, const json_t *line, struct deletion *d)
{
	const json_t *list = json_object_get(line, "parts");
	size_t count = json_array_size(list);
	struct deletion_part *parts;
	bool good = json_is_array(list) && count && count <= PARTS_MAX &&
		    read_day(json_object_get(line, "day"), &d->day);
	int error;

	parts = good ? calloc(count, sizeof(*parts)) : NULL;
	if (good && !parts)
		return -ENOMEM;
	for (size_t i = 0; i < count && good; i++) {
		good = read_part(json_array_get(list, i), &parts[i]);
		d->rows += parts[i].rows;
	}
	d->parts = parts;
	d->part_count = count;
	error = good ? r->fn(r->ctx, seq, d) : -EBADMSG;
	free(parts);
	return error;
}

static int read_left_out(const struct reading *r, uint64_t seq, const json_t *line, struct deletion *d)
{
	const json_t *list = json_object_get(line, "days"), *item;
	uint8_t id[8];
	size_t i;
	int error = json_is_array(list) && read_hex(json_object_get(line, "journal"), id, sizeof(id)) ? 0 :
													-EBADMSG;

	json_array_foreach((json_t *)list, i, item) {
		int64_t rows;

		if (!error && (json_array_size(item) != 2 || !read_day(json_array_get(item, 0), &d->day) ||
			       !read_number(json_array_get(item, 1), 0, INT64_MAX, &rows)))
			error = -EBADMSG;
		if (error)
			break;
		d->rows = (uint64_t)rows;
		error = r->fn(r->ctx, seq, d);
	}
	return error;
}

/* -EBADMSG: it does not read. */
static int read_line(const struct reading *r, const char *event, uint64_t seq, const json_t *line)
{
	bool deleted = strcmp(event, DELETED_EVENT) == 0;
	struct deletion d = {};

	if (!deleted && strcmp(event, LEFT_OUT_EVENT) != 0)
		return 0;
	if (!read_common(line, &d))
		return -EBADMSG;
	return deleted ? read_deleted(r, seq, line, &d) : read_left_out(r, seq, line, &d);
}

static int take_line(void *ctx, const struct chain_line *line, struct problem *p)
{
	int error = read_line(ctx, line->event, line->seq, line->json);

	return error ? problem(p, error, "ledger/%s line %llu: %s", chain_file_name(LEDGER_CUSTODY),
			       (unsigned long long)line->seq,
			       error == -EBADMSG ? "a deletion that does not read" : strerror(-error)) : 0;
}

int deletions_walk(const struct store_dir *store, deletion_fn fn, void *ctx, struct problem *p)
{
	struct reading r = { .fn = fn, .ctx = ctx };
	struct chain_end end;

	return ledger_walk(store, LEDGER_CUSTODY, CHAIN_QUICK, take_line, &r, &end, p);
}

/* --- Skimming --- */

/* Every line begins {"seq":N,"t":"TIME","event":"EVENT": the event is told by a few dozen bytes. */
#define EVENT_WITHIN 120

static bool begins_like(const char *line, size_t size)
{
	size_t n = size < EVENT_WITHIN ? size : EVENT_WITHIN;

	return memmem(line, n, "\"event\":\"" DELETED_EVENT "\"", strlen("\"event\":\"" DELETED_EVENT "\"")) ||
	       memmem(line, n, "\"event\":\"" LEFT_OUT_EVENT "\"", strlen("\"event\":\"" LEFT_OUT_EVENT "\""));
}

static int skim_line(const struct reading *r, const char *text, size_t size)
{
	json_t *json;
	const char *event;
	int error = 0;

	if (!begins_like(text, size))
		return 0;
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	event = json_string_value(json_object_get(json, "event"));
	if (event)
		error = read_line(r, event, (uint64_t)json_integer_value(json_object_get(json, "seq")), json);
	json_decref(json);
	return error == -EBADMSG ? 0 : error;
}

int deletions_skim(const struct store_dir *store, deletion_fn fn, void *ctx, struct problem *p)
{
	const struct reading r = { .fn = fn, .ctx = ctx };
	struct mapped_file file;
	const char *at, *end, *newline;
	int error = fs_map(store->ledger, chain_file_name(LEDGER_CUSTODY), LEDGER_FILE_MAX, &file);

	if (error)
		return error == -ENOENT ? 0 : problem(p, error, "cannot read ledger/%s: %s",
						      chain_file_name(LEDGER_CUSTODY), strerror(-error));
	at = (const char *)file.data;
	end = at + file.size;
	while (!error && at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
		error = skim_line(&r, at, (size_t)(newline - at));
		at = newline + 1;
	}
	fs_unmap(&file);
	return error ? problem(p, error, "ledger/%s: %s", chain_file_name(LEDGER_CUSTODY), strerror(-error)) : 0;
}
