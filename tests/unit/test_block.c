/* SPDX-License-Identifier: BSD-2-Clause */
/* Packed, checksummed blocks: a block from elsewhere never looks valid. */
#include "base/block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "schema/store.h"
#include "unit.h"

static void pack_and_unpack(void)
{
	static const size_t sizes[] = { 0, 1, 2, 100, 5000, 300000 };
	struct rng rng = { 70 };
	uint8_t *raw = calloc(1, 300000), *got = malloc(300000);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (int random = 0; random < 2; random++) {
			struct buffer out = { 0 };
			uint8_t coding = 99;

			for (size_t k = 0; k < sizes[i]; k++)
				raw[k] = random ? (uint8_t)rng_next(&rng) : (uint8_t)(k / 100);
			buffer_bytes(&out, "head", 4); /* what is there already stays */
			CHECK_INT(block_pack(raw, sizes[i], 3, &out, &coding), 0);
			CHECK(memcmp(out.data, "head", 4) == 0);
			CHECK_ROW(coding == (random || sizes[i] < 100 ? STORE_CODING_PLAIN :
									STORE_CODING_ZSTD), "%zu", sizes[i]);
			CHECK_ROW(out.size - 4 <= sizes[i], "%zu: %zu", sizes[i], out.size);
			CHECK_ROW(coding == STORE_CODING_PLAIN || out.size - 4 < sizes[i], "%zu", sizes[i]);
			memset(got, 0xaa, sizes[i]);
			CHECK_INT(block_unpack(coding, out.data + 4, out.size - 4, got, sizes[i]), 0);
			CHECK_ROW(memcmp(got, raw, sizes[i]) == 0, "%zu", sizes[i]);
			buffer_done(&out);
		}
	free(raw);
	free(got);
}

static void what_is_no_such_block_is_refused(void)
{
	uint8_t raw[1000] = { 0 }, got[1001], coding;
	struct buffer out = { 0 };

	REQUIRE(block_pack(raw, sizeof(raw), 3, &out, &coding) == 0 && coding == STORE_CODING_ZSTD);
	CHECK_INT(block_unpack(coding, out.data, out.size, got, 1000), 0);
	CHECK_INT(block_unpack(coding, out.data, out.size, got, 999), -EBADMSG);
	CHECK_INT(block_unpack(coding, out.data, out.size, got, 1001), -EBADMSG);
	CHECK_INT(block_unpack(coding, out.data, out.size - 1, got, 1000), -EBADMSG);
	CHECK_INT(block_unpack(coding, out.data, 3, got, 1000), -EBADMSG);
	CHECK_INT(block_unpack(coding, out.data, 0, got, 1000), -EBADMSG);
	CHECK_INT(block_unpack(coding, raw, 100, got, 100), -EBADMSG);
	CHECK_INT(block_unpack(STORE_CODING_PLAIN, raw, 100, got, 99), -EBADMSG);
	CHECK_INT(block_unpack(STORE_CODING_PLAIN, raw, 99, got, 100), -EBADMSG);
	CHECK_INT(block_unpack(2, raw, 100, got, 100), -EBADMSG);
	CHECK_INT(block_unpack(255, raw, 100, got, 100), -EBADMSG);
	buffer_done(&out);
}

/* Every byte of file id, offset, head and body counts. */
static void checksum_depends_on_place_and_bytes(void)
{
	uint8_t head[5] = "head", body[6] = "block";
	uint32_t crc = block_crc(7, 1000, head, 5, body, 6);

	CHECK(block_crc(7, 1000, head, 5, body, 6) == crc);
	for (unsigned int bit = 0; bit < 64; bit++) {
		CHECK_ROW(block_crc(7 ^ UINT64_C(1) << bit, 1000, head, 5, body, 6) != crc, "id %u", bit);
		CHECK_ROW(block_crc(7, 1000 ^ UINT64_C(1) << bit, head, 5, body, 6) != crc, "at %u", bit);
	}
	for (unsigned int bit = 0; bit < 40; bit++) {
		head[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_ROW(block_crc(7, 1000, head, 5, body, 6) != crc, "head %u", bit);
		head[bit / 8] ^= (uint8_t)(1 << bit % 8);
		body[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_ROW(block_crc(7, 1000, head, 5, body, 6) != crc, "body %u", bit);
		body[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK(block_crc(1000, 7, head, 5, body, 6) != crc);
}

/* CRC-32/ISO-HDLC over id and offset (little-endian), head and body; computed with python's zlib. */
static void checksum_is_the_documented_one(void)
{
	CHECK_INT(block_crc(0, 0, NULL, 0, NULL, 0), 0xecbb4b55);
	CHECK_INT(block_crc(0x0102030405060708, 128, "head", 4, "body", 4), 0x44e592c1);
	CHECK_INT(block_crc(0x0102030405060708, 128, "headbody", 8, NULL, 0), 0x44e592c1);
	CHECK_INT(block_crc(0x0102030405060708, 128, NULL, 0, "headbody", 8), 0x44e592c1);
}

UNIT_SUITE(block, TEST(pack_and_unpack), TEST(what_is_no_such_block_is_refused),
	   TEST(checksum_depends_on_place_and_bytes), TEST(checksum_is_the_documented_one));
