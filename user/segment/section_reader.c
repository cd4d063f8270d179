// SPDX-License-Identifier: BSD-2-Clause
/* A section that is open: finding, reading and decoding its blocks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/block.h"
#include "base/fs.h"
#include "section_header.h"
#include "section_reader.h"

/* Most headers are smaller; one read gets them. */
#define FIRST_READ 4096
/* A walk reads less of each; that is enough for small sections. */
#define WALK_READ 512

int section_read_facts(struct segment_reader *r, uint64_t offset, struct section *ret_facts)
{
	struct buffer h = {};
	int error = section_header_load(r, offset, WALK_READ, &h, ret_facts);

	if (!error)
		error = section_header_facts(r, &h, ret_facts);
	buffer_done(&h);
	return error;
}

int section_open(struct segment_reader *r, uint64_t offset, struct section_reader **ret_section)
{
	struct section_reader *s = calloc(1, sizeof(*s));
	struct buffer h = {};
	int error = s ? section_header_load(r, offset, FIRST_READ, &h, &s->facts) : -ENOMEM;

	if (!error)
		error = section_header_parse(r, &h, s);
	buffer_done(&h);
	if (error)
		section_close(s);
	else
		*ret_section = s;
	return error;
}

int section_open_data(struct segment_reader *r, uint64_t offset, const uint8_t *data, size_t size,
		      struct section_reader **ret_section)
{
	struct section_reader *s = calloc(1, sizeof(*s));
	struct buffer h = { .data = (uint8_t *)(uintptr_t)data }; /* only read */
	int error = s ? section_header_of_data(r, offset, data, size, &s->facts) : -ENOMEM;

	if (!error) {
		h.size = s->facts.header_bytes;
		error = section_header_parse(r, &h, s);
	}
	if (error)
		section_close(s);
	else
		*ret_section = s;
	return error;
}

void section_close(struct section_reader *s)
{
	if (!s)
		return;
	free(s->blocks);
	free(s->endpoints);
	free(s->is_close);
	free(s->clock.list);
	gaps_done(&s->gaps);
	free(s->custody);
	free(s->codes);
	free(s);
}

void section_find(const struct section_reader *s, const struct addr *low, const struct addr *high,
		  uint32_t *ret_first, uint32_t *ret_end)
{
	uint32_t from = 0, to = s->block_count;

	/* The last block that begins below `low` may hold it too: a source may go on in the next block. */
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (addr_compare_source(&s->blocks[middle].first, low) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	*ret_first = from ? from - 1 : 0;
	to = s->block_count;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (addr_compare_source(&s->blocks[middle].first, high) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	*ret_end = from;
}

/* The checked bytes of a block, without the checksum, in b->bytes. */
static int load_block(struct segment_reader *r, const struct section_block *block,
		      struct block_rows *b)
{
	uint8_t crc[4];
	int error = fs_pread_all(r->fd, crc, sizeof(crc), (off_t)block->offset);

	if (!error)
		error = fs_pread_all(r->fd, b->bytes, block->bytes - 4, (off_t)block->offset + 4);
	if (error)
		return error;
	return get_le32(crc) == block_crc(r->file_id, block->offset, NULL, 0, b->bytes,
					  block->bytes - 4) ? 0 : -EBADMSG;
}

int section_read_block(struct segment_reader *r, const struct section_reader *s, uint32_t i,
		       enum block_stage stage, struct block_rows *b)
{
	const struct section_block *block = &s->blocks[i];
	int error = load_block(r, block, b);

	if (error)
		return error;
	block_reader_start(b, block->bytes - 4, block->rows, block->first_row, &block->first);
	b->block = i;
	return section_decode_more(s, stage, b);
}

int section_decode_more(const struct section_reader *s, enum block_stage stage,
			struct block_rows *b)
{
	const struct block_section context = {
		.codes = s->codes,
		.first_utc_ns = s->facts.first_utc_ns,
		.last_utc_ns = s->facts.last_utc_ns,
		.opened_utc_ns = s->facts.opened_utc_ns,
		.first_time_shift = s->first_time_shift,
		.has_rtt = s->facts.has_rtt,
		.endpoint_count = s->endpoint_count,
		.is_close = s->is_close,
	};

	enum block_stage before = b->stage;
	int error = block_reader_decode(&context, stage, b);

	/* What lies behind the first source of the next block, the index would not find here. */
	if (!error && before == BLOCK_NONE && stage > BLOCK_NONE && b->block + 1 < s->block_count &&
	    addr_compare_source(&b->source[b->sources - 1], &s->blocks[b->block + 1].first) > 0)
		error = -EBADMSG;
	return error;
}

uint32_t block_source_of(const struct block_rows *b, uint32_t i)
{
	uint32_t low = 0, high = b->sources - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (b->source_end[middle] <= i)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void section_record(const struct section_reader *s, const struct block_rows *b, uint32_t i,
		    struct record *ret_record)
{
	const struct row row = {
		.time_ns = b->time_ns[i],
		.lasted_ns = b->lasted_ns[i],
		.src = b->source[block_source_of(b, i)],
		.src_port = b->src_port[i],
		.rtt = b->rtt[i],
	};

	row_to_record(&row, &s->endpoints[b->endpoint[i]], s->facts.tenant, ret_record);
}

int section_check(struct segment_reader *r, const struct section *s, uint32_t *ret_blocks,
		  uint64_t *ret_bad_offset)
{
	struct section_reader *section;
	struct block_rows *b = malloc(sizeof(*b));
	int error = b ? section_open(r, s->offset, &section) : -ENOMEM;

	if (error == -EBADMSG)
		*ret_bad_offset = s->offset;
	if (error) {
		free(b);
		return error;
	}
	*ret_blocks = section->block_count;
	for (uint32_t i = 0; i < section->block_count && !error; i++) {
		error = load_block(r, &section->blocks[i], b);
		if (error)
			*ret_bad_offset = section->blocks[i].offset;
	}
	section_close(section);
	free(b);
	return error;
}
