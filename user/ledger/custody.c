// SPDX-License-Identifier: BSD-2-Clause
/* Lines of custody about the store. */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/utc.h"
#include "custody.h"

/* A line is ended at this size, so that it stays well below LEDGER_LINE_MAX. */
#define LINE_BYTES (448u << 10)
/* What a section takes in its line, besides the tenant's id. */
#define SECTION_BYTES 180
#define CHUNK_BYTES (64u << 10)

int custody_hash(int fd, uint64_t offset, uint64_t bytes, uint8_t ret_hash[static LEDGER_HASH_BYTES])
{
	crypto_generichash_state state;
	uint8_t *chunk = malloc(CHUNK_BYTES);
	int error = chunk ? 0 : -ENOMEM;

	crypto_generichash_init(&state, NULL, 0, LEDGER_HASH_BYTES);
	while (bytes && !error) {
		size_t n = bytes < CHUNK_BYTES ? (size_t)bytes : CHUNK_BYTES;

		error = fs_pread_all(fd, chunk, n, (off_t)offset);
		crypto_generichash_update(&state, chunk, error ? 0 : n);
		offset += n;
		bytes -= n;
	}
	free(chunk);
	if (!error)
		crypto_generichash_final(&state, ret_hash, LEDGER_HASH_BYTES);
	return error;
}

void custody_hash_data(const void *data, size_t bytes, uint8_t ret_hash[static LEDGER_HASH_BYTES])
{
	crypto_generichash(ret_hash, LEDGER_HASH_BYTES, data, bytes, NULL, 0);
}

const char *custody_id_text(uint64_t id, char text[static CUSTODY_ID_TEXT])
{
	snprintf(text, CUSTODY_ID_TEXT, "%016" PRIx64, id);
	return text;
}

/* --- SEALED --- */

/* A list, since there are many of them: each takes some 150 bytes. */
static json_t *section_json(const struct custody_section *s)
{
	char hash[2 * LEDGER_HASH_BYTES + 1], id[CUSTODY_ID_TEXT];

	hex_format(s->hash, LEDGER_HASH_BYTES, hash);
	return json_pack("[s, i, I, s, I, I, I, s]", s->tenant_id, (int)s->day, (json_int_t)s->part,
			 custody_id_text(s->file_id, id), (json_int_t)s->offset, (json_int_t)s->bytes,
			 (json_int_t)s->rows, hash);
}

static int end_line(struct custody_sealing *s)
{
	if (!s->sections)
		return 0;
	if (ARRAY_RESERVE(s->acts, s->count, s->capacity))
		return -ENOMEM;
	s->acts[s->count++] = s->sections;
	s->sections = NULL;
	s->bytes = 0;
	return 0;
}

int custody_sealing_add(struct custody_sealing *s, const struct custody_section *section)
{
	size_t size = SECTION_BYTES + strlen(section->tenant_id);
	int error = s->bytes + size > LINE_BYTES ? end_line(s) : 0;

	if (error)
		return error;
	if (!s->sections && !(s->sections = json_array()))
		return -ENOMEM;
	s->bytes += size;
	return json_array_append_new(s->sections, section_json(section)) ? -ENOMEM : 0;
}

static int write_acts(struct custody_sealing *s, struct ledger_writer *w, uint64_t journal_id, struct problem *p)
{
	char id[CUSTODY_ID_TEXT];
	int error = 0;

	for (size_t i = 0; i < s->count && !error; i++) {
		json_t *act = json_pack("{s:s, s:s, s:O}", "event", "SEALED", "journal", custody_id_text(journal_id, id),
					"sections", s->acts[i]);

		error = act ? ledger_writer_append(w, LEDGER_CUSTODY, act, utc_now_ns(), NULL) :
			      problem(p, -ENOMEM, "out of memory");
		json_decref(act);
	}
	return error;
}

int custody_sealing_write(struct custody_sealing *s, const struct store_dir *store, uint64_t journal_id,
			  struct problem *p)
{
	struct ledger_writer *w;
	int error = end_line(s);

	if (error)
		return problem(p, error, "out of memory");
	if (!s->count)
		return 0;
	error = ledger_writer_open(store, &w, p);
	if (error)
		return error;
	error = write_acts(s, w, journal_id, p);
	ledger_writer_close(w);
	return error;
}

void custody_sealing_done(struct custody_sealing *s)
{
	for (size_t i = 0; i < s->count; i++)
		json_decref(s->acts[i]);
	json_decref(s->sections);
	free(s->acts);
	memset(s, 0, sizeof(*s));
}

/* --- SOFTWARE --- */

#define VERSION_TEXT 64

static int take_version(void *ctx, const struct chain_line *line, struct problem *p)
{
	const char *version = json_string_value(json_object_get(line->json, "version"));

	(void)p;
	if (strcmp(line->event, "SOFTWARE") == 0)
		snprintf(ctx, VERSION_TEXT, "%s", version ? version : "");
	return 0;
}

int custody_software(const struct store_dir *store, const char *version, struct problem *p)
{
	char last[VERSION_TEXT] = "";
	struct chain_end end;
	json_t *act;
	int error = ledger_walk(store, LEDGER_CUSTODY, CHAIN_QUICK, take_version, last, &end, p);

	if (error || strcmp(last, version) == 0)
		return error;
	act = json_pack("{s:s, s:s}", "event", "SOFTWARE", "version", version);
	error = act ? ledger_append(store, LEDGER_CUSTODY, act, utc_now_ns(), NULL, p) :
		      problem(p, -ENOMEM, "out of memory");
	json_decref(act);
	return error;
}

/* --- Reading --- */

struct reading {
	int (*fn)(void *ctx, uint64_t seq, const struct custody_section *section);
	void *ctx;
};

static bool read_hex(const json_t *text, uint8_t *to, size_t size)
{
	return json_is_string(text) &&
	       hex_parse(json_string_value(text), json_string_length(text), to, size) == 0;
}

static bool read_number(const json_t *value, int64_t low, int64_t high, int64_t *ret_number)
{
	*ret_number = json_integer_value(value);
	return json_is_integer(value) && *ret_number >= low && *ret_number <= high;
}

static bool read_section(const json_t *json, struct custody_section *s)
{
	int64_t day, part, offset, bytes, rows;
	uint8_t id[8];

	s->tenant_id = json_string_value(json_array_get(json, 0));
	if (json_array_size(json) != 8 || !s->tenant_id || parse_tenant_id(s->tenant_id) != 0 ||
	    !read_number(json_array_get(json, 1), INT32_MIN, INT32_MAX, &day) ||
	    !read_number(json_array_get(json, 2), 1, UINT32_MAX, &part) ||
	    !read_hex(json_array_get(json, 3), id, sizeof(id)) ||
	    !read_number(json_array_get(json, 4), 0, INT64_MAX, &offset) ||
	    !read_number(json_array_get(json, 5), 0, INT64_MAX, &bytes) ||
	    !read_number(json_array_get(json, 6), 0, UINT32_MAX, &rows) ||
	    !read_hex(json_array_get(json, 7), s->hash, LEDGER_HASH_BYTES))
		return false;
	s->day = (int32_t)day;
	s->part = (uint32_t)part;
	s->offset = (uint64_t)offset;
	s->bytes = (uint64_t)bytes;
	s->rows = (uint32_t)rows;
	s->file_id = 0;
	for (size_t i = 0; i < sizeof(id); i++)
		s->file_id = s->file_id << 8 | id[i];
	return true;
}

static int take_sealed(void *ctx, const struct chain_line *line, struct problem *p)
{
	const struct reading *r = ctx;
	const json_t *sections = json_object_get(line->json, "sections"), *item;
	size_t i;
	int error = 0;

	if (strcmp(line->event, "SEALED") != 0)
		return 0;
	json_array_foreach((json_t *)sections, i, item) {
		struct custody_section s;

		if (!read_section(item, &s))
			return problem(p, -EBADMSG, "ledger/%s line %llu: a section that does not read",
				       chain_file_name(LEDGER_CUSTODY), (unsigned long long)line->seq);
		error = r->fn(r->ctx, line->seq, &s);
		if (error)
			return problem(p, error, "out of memory");
	}
	return 0;
}

int custody_walk(const struct store_dir *store,
		 int (*fn)(void *ctx, uint64_t seq, const struct custody_section *section), void *ctx,
		 struct problem *p)
{
	struct reading r = { .fn = fn, .ctx = ctx };
	struct chain_end end;

	return ledger_walk(store, LEDGER_CUSTODY, CHAIN_QUICK, take_sealed, &r, &end, p);
}
