// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as a day catalog (AC-63): as they are, and again with every checksum made right, so that what stands
 * behind the checksums is reached. Whatever the bytes are: what is listed is of the day and names only what
 * is listed, a file that the check finds whole opens, and a question is answered or refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/block.h"
#include "base/parse.h"
#include "base/utc.h"
#include "catalog/catalog.h"
#include "catalog/catalog_file.h"
#include "catalog/catalog_lists.h"
#include "fuzz.h"

static int32_t day_of(const uint8_t *data, size_t size)
{
	return size >= CATALOG_HEADER_BYTES ? (int32_t)get_le32(data + CATALOG_AT_DAY) : 0;
}

/* The header's, and of each chunk the prefix's and those of facts and directory. */
static void fix_chunks(uint8_t *file, size_t size)
{
	uint8_t *at = file + CATALOG_HEADER_BYTES, *end = file + size;
	uint64_t file_id;

	if (size < CATALOG_HEADER_BYTES)
		return;
	file_id = get_le64(file + CATALOG_AT_FILE_ID);
	put_le32(file + CATALOG_AT_CRC, block_crc(file_id, 0, file, CATALOG_AT_CRC, NULL, 0));
	while ((at = memmem(at, (size_t)(end - at), "SKCK", 4)) && end - at >= CHUNK_PREFIX_BYTES) {
		uint64_t offset = (uint64_t)(at - file), left = (uint64_t)(end - at) - CHUNK_PREFIX_BYTES;
		uint32_t facts = get_le32(at + CHUNK_AT_FACTS_BYTES), directory = get_le32(at + CHUNK_AT_DIRECTORY_BYTES);
		uint64_t facts_at = offset + CHUNK_PREFIX_BYTES;

		if (facts <= left)
			put_le32(at + CHUNK_AT_FACTS_CRC, block_crc(file_id, facts_at, NULL, 0, file + facts_at, facts));
		if (facts <= left && directory <= left - facts)
			put_le32(at + CHUNK_AT_DIRECTORY_CRC, block_crc(file_id, facts_at + facts, NULL, 0,
									file + facts_at + facts, directory));
		put_le32(at + CHUNK_AT_PREFIX_CRC, block_crc(file_id, offset, NULL, 0, at + CHUNK_AT_FACTS_BYTES,
							     CHUNK_PREFIX_BYTES - CHUNK_AT_FACTS_BYTES));
		at += 4;
	}
}

/* Where the buckets stand only a chunk's directory can tell: the reader is asked. */
static void fix_buckets(uint8_t *file, size_t size)
{
	struct catalog lists = { .day = day_of(file, size), .fd = -1 };
	uint64_t at = CATALOG_HEADER_BYTES, bad_at;
	char name[CATALOG_NAME_MAX];
	struct buffer spare = {};
	struct catalog_file f;
	struct problem p;

	catalog_name(lists.day, name);
	fuzz_file(name, file, size);
	if (catalog_file_open(fuzz_dir(), lists.day, &f, &p) == 0) {
		while (at < size) {
			struct catalog_chunk chunk;
			int error = catalog_chunk_read(&f, at, &spare, &lists, &chunk, &bad_at);

			for (uint32_t i = 0; !error && i < chunk.cells.buckets; i++) {
				uint64_t bucket = chunk.buckets_at + chunk.bucket_from[i];

				put_le32(file + bucket, block_crc(f.file_id, bucket, NULL, 0, file + bucket + 4,
								  chunk.bucket_from[i + 1] - chunk.bucket_from[i] - 4));
			}
			at = chunk.bytes ? at + chunk.bytes : size;
			catalog_chunk_done(&chunk);
			catalog_lists_done(&lists);
			lists = (struct catalog){ .day = day_of(file, size), .fd = -1 };
		}
		catalog_file_close(&f);
	}
	buffer_done(&spare);
	fuzz_file_gone(name);
}

static void check_lists(const struct catalog *c)
{
	int64_t day_ns;

	FUZZ_ASSERT(!c->section_count || !__builtin_mul_overflow((int64_t)c->day, NS_PER_DAY, &day_ns));
	for (size_t i = 0; i < c->tenant_count; i++)
		FUZZ_ASSERT(parse_tenant_id(c->tenants[i]) == 0);
	for (size_t i = 0; i < c->segment_count; i++)
		FUZZ_ASSERT(c->segments[i].tenant < c->tenant_count);
	for (size_t i = 0; i < c->origin_count; i++) {
		const struct catalog_origin *o = &c->origins[i];

		for (size_t k = 0; k < o->gaps.count; k++)
			FUZZ_ASSERT(o->gaps.list[k].tenant == CATALOG_EVERY_TENANT ||
				    o->gaps.list[k].tenant < c->tenant_count);
		for (size_t k = 0; k < o->clock.count; k++)
			FUZZ_ASSERT(o->clock.list[k].boot_from <= o->clock.list[k].boot_to);
	}
	for (size_t i = 0; i < c->section_count; i++, fuzz_rows++) {
		const struct catalog_section *s = &c->sections[i];

		FUZZ_ASSERT(s->segment < c->segment_count && s->origin < c->origin_count);
		FUZZ_ASSERT(s->opened_utc_ns <= s->first_utc_ns && s->first_utc_ns <= s->last_utc_ns);
		FUZZ_ASSERT(utc_day(s->first_utc_ns) == c->day && utc_day(s->last_utc_ns) == c->day);
	}
}

static void check_find(struct catalog *c, const uint8_t *data, size_t size)
{
	bool *wanted = malloc(c->section_count + 1);

	FUZZ_ASSERT(wanted);
	for (unsigned int i = 0; i < 16; i++) {
		struct addr a = {};
		int error;

		memset(a.bytes + 10, 0xff, 2);
		memcpy(a.bytes + (i & 1 ? 12 : 0), data + (i * 37) % (size - 15), i & 1 ? 4 : 16);
		memset(wanted, 0, c->section_count + 1);
		error = catalog_find(c, &a, wanted);
		FUZZ_ASSERT(error == 0 || error == -EBADMSG);
		FUZZ_ASSERT(!wanted[c->section_count]);
	}
	free(wanted);
}

static void check_file(const uint8_t *data, size_t size)
{
	struct catalog_facts facts = {};
	int32_t day = day_of(data, size);
	char name[CATALOG_NAME_MAX];
	struct problem p = {};
	struct catalog *c;
	int checked, opened;

	catalog_name(day, name);
	fuzz_file(name, data, size);
	checked = catalog_check(fuzz_dir(), day, &facts, &p);
	FUZZ_ASSERT(checked == 0 || checked == -ENOTSUP);
	FUZZ_ASSERT(checked || !facts.bad || facts.bad_at < size || size < CATALOG_HEADER_BYTES);
	opened = catalog_open(fuzz_dir(), day, &c, &p);
	FUZZ_ASSERT(opened == 0 || opened == -EBADMSG || opened == -ENOTSUP);
	FUZZ_ASSERT(!opened || checked || facts.bad || facts.torn);
	FUZZ_ASSERT(!opened || (strstr(p.text, name) && !strchr(p.text, '\n')));
	if (!opened) {
		check_lists(c);
		check_find(c, data, size);
		catalog_close(c);
	}
	fuzz_file_gone(name);
}

static void fix(uint8_t *data, size_t size)
{
	fix_chunks(data, size);
	fix_buckets(data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_twice(data, size, check_file, fix);
}
