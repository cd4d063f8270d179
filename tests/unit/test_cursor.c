/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded reading and growing buffers: byte order, limits, sticky errors.
 */
#include "cursor.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "unit.h"

static const uint8_t counting[15] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

static void reads_little_endian(void)
{
	struct cursor c;

	cursor_init(&c, counting, sizeof(counting));
	CHECK_INT(cursor_left(&c), 15);
	CHECK_INT(cursor_u8(&c), 0x01);
	CHECK_INT(cursor_le16(&c), 0x0302);
	CHECK_INT(cursor_le32(&c), 0x07060504);
	CHECK_INT(cursor_le64(&c), 0x0f0e0d0c0b0a0908);
	CHECK_INT(cursor_left(&c), 0);
	CHECK(cursor_ok(&c));
	CHECK(cursor_bytes(&c, 0) != NULL);
	CHECK(cursor_ok(&c));
	CHECK_INT(cursor_u8(&c), 0);
	CHECK(!cursor_ok(&c));
}

/* AC-17: 0xC351 is port 50001 on both sides, not 20931. */
static void port_bytes_are_not_swapped(void)
{
	uint8_t bytes[2];

	put_le16(bytes, 50001);
	CHECK_INT(bytes[0], 0x51);
	CHECK_INT(bytes[1], 0xc3);
	CHECK_INT(get_le16(bytes), 50001);
}

/* For every size and every read that is too long: zero, failed, and failed for good. */
static void short_reads_are_sticky(void)
{
	for (size_t size = 0; size < 8; size++) {
		uint8_t *exact = malloc(size); /* ASan sees one byte too many */
		struct cursor c;

		REQUIRE(size == 0 || exact != NULL);
		memset(exact, 0xff, size);
		cursor_init(&c, exact, size);
		CHECK_INT(cursor_le64(&c), 0);
		CHECK(!cursor_ok(&c));
		CHECK_INT(cursor_left(&c), 0);
		CHECK_INT(cursor_u8(&c), 0);
		CHECK(cursor_bytes(&c, 0) == NULL);
		cursor_skip(&c, 0);
		CHECK(!cursor_ok(&c));
		if (size < 4) {
			cursor_init(&c, exact, size);
			CHECK_INT(cursor_le32(&c), 0);
			CHECK(!cursor_ok(&c));
		}
		if (size < 2) {
			cursor_init(&c, exact, size);
			CHECK_INT(cursor_le16(&c), 0);
			CHECK(!cursor_ok(&c));
		}
		free(exact);
	}
}

static void bytes_and_skip(void)
{
	struct cursor c;

	cursor_init(&c, counting, sizeof(counting));
	CHECK(cursor_bytes(&c, 5) == counting);
	cursor_skip(&c, 2);
	CHECK(cursor_bytes(&c, 8) == counting + 7);
	CHECK(cursor_ok(&c));
	cursor_init(&c, counting, sizeof(counting));
	cursor_skip(&c, 15);
	CHECK(cursor_ok(&c));
	cursor_init(&c, counting, sizeof(counting));
	cursor_skip(&c, 16);
	CHECK(!cursor_ok(&c));
	cursor_init(&c, counting, sizeof(counting));
	cursor_skip(&c, 1);
	CHECK(cursor_bytes(&c, SIZE_MAX) == NULL); /* at + n would wrap */
	CHECK(!cursor_ok(&c));
}

static void no_data_is_empty(void)
{
	struct cursor c;

	cursor_init(&c, NULL, 0);
	CHECK(cursor_ok(&c));
	CHECK(cursor_bytes(&c, 0) != NULL);
	CHECK_INT(cursor_left(&c), 0);
	CHECK_INT(cursor_u8(&c), 0);
	CHECK(!cursor_ok(&c));
	cursor_init(&c, NULL, 100);
	CHECK_INT(cursor_le32(&c), 0);
	CHECK(!cursor_ok(&c));
}

static void buffer_writes_what_the_cursor_reads(void)
{
	struct buffer b = { 0 };
	struct cursor c;

	for (uint64_t i = 0; i < 1000; i++) {
		buffer_u8(&b, (uint8_t)i);
		buffer_le16(&b, (uint16_t)(i * 65));
		buffer_le32(&b, (uint32_t)(i * 4294967));
		buffer_le64(&b, i * UINT64_C(18446744073709551));
		buffer_bytes(&b, counting, i % sizeof(counting));
	}
	CHECK(buffer_ok(&b));
	cursor_init(&c, b.data, b.size);
	for (uint64_t i = 0; i < 1000; i++) {
		const uint8_t *p;

		CHECK_INT(cursor_u8(&c), (uint8_t)i);
		CHECK_INT(cursor_le16(&c), (uint16_t)(i * 65));
		CHECK_INT(cursor_le32(&c), (uint32_t)(i * 4294967));
		CHECK_INT(cursor_le64(&c), i * UINT64_C(18446744073709551));
		p = cursor_bytes(&c, i % sizeof(counting));
		CHECK(p && memcmp(p, counting, i % sizeof(counting)) == 0);
	}
	CHECK(cursor_ok(&c));
	CHECK_INT(cursor_left(&c), 0);
	buffer_done(&b);
}

static void buffer_extend_zeroes(void)
{
	struct buffer b = { 0 };
	uint8_t *p;

	buffer_bytes(&b, "\xff\xff\xff\xff", 4);
	buffer_clear(&b);
	CHECK_INT(b.size, 0);
	p = buffer_extend(&b, 4);
	REQUIRE(p != NULL);
	CHECK_INT(get_le32(p), 0);
	p = buffer_extend(&b, 100000);
	REQUIRE(p != NULL);
	CHECK(p == b.data + 4);
	CHECK_INT(b.size, 100004);
	for (size_t i = 0; i < 100000; i += 997)
		CHECK_INT(p[i], 0);
	buffer_done(&b);
	CHECK(b.data == NULL && b.size == 0 && b.capacity == 0);
	CHECK(buffer_extend(&b, 0) != NULL); /* reusable, and 0 bytes are no failure */
	buffer_bytes(&b, NULL, 0);
	CHECK(buffer_ok(&b));
	buffer_done(&b);
	buffer_done(NULL);
}

static void buffer_failure_is_sticky(void)
{
	struct buffer b = { 0 };

	buffer_le32(&b, 7);
	CHECK(buffer_extend(&b, SIZE_MAX) == NULL);
	CHECK(!buffer_ok(&b));
	buffer_u8(&b, 1);
	CHECK(buffer_extend(&b, 1) == NULL);
	CHECK_INT(b.size, 4);
	CHECK_INT(get_le32(b.data), 7);
	buffer_clear(&b);
	CHECK(buffer_ok(&b));
	buffer_u8(&b, 1);
	CHECK_INT(b.size, 1);
	buffer_done(&b);
}

static void fixed_places(void)
{
	uint8_t bytes[9] = { 0 };

	/* Odd addresses: no struct casts, so no alignment. */
	put_le64(bytes + 1, UINT64_C(0x8877665544332211));
	for (int i = 1; i <= 8; i++)
		CHECK_INT(bytes[i], i * 0x11);
	CHECK_INT(get_le64(bytes + 1), 0x8877665544332211);
	CHECK_INT(get_le32(bytes + 1), 0x44332211);
	put_le32(bytes + 1, 0xa1b2c3d4);
	CHECK_INT(bytes[1], 0xd4);
	CHECK_INT(bytes[4], 0xa1);
	CHECK_INT(get_le32(bytes + 1), 0xa1b2c3d4);
	CHECK_INT(bytes[0], 0);
}

UNIT_SUITE(cursor,
	   TEST(reads_little_endian),
	   TEST(port_bytes_are_not_swapped),
	   TEST(short_reads_are_sticky),
	   TEST(bytes_and_skip),
	   TEST(no_data_is_empty),
	   TEST(buffer_writes_what_the_cursor_reads),
	   TEST(buffer_extend_zeroes),
	   TEST(buffer_failure_is_sticky),
	   TEST(fixed_places));
