/* SPDX-License-Identifier: BSD-2-Clause */
/* Gaps: bytes, words, and what counts as a loss. */
#include "base/gap.h"

#include <string.h>
#include "schema/store.h"
#include "unit.h"

static void bytes_round_trip(void)
{
	const struct gap g = { .first_utc_ns = -1, .last_utc_ns = 0x0102030405060708, .count = 9,
			       .total = 0x1112131415161718, .tenant = 0x21222324,
			       .reason = 0x31323334 };
	static const uint8_t want[STORE_GAP_BYTES] =
		"\xff\xff\xff\xff\xff\xff\xff\xff\x08\x07\x06\x05\x04\x03\x02\x01"
		"\x09\0\0\0\0\0\0\0\x18\x17\x16\x15\x14\x13\x12\x11"
		"\x24\x23\x22\x21\x34\x33\x32\x31";
	struct buffer out = { 0 };
	struct cursor c;
	struct gap got;

	gap_write(&g, &out);
	CHECK(out.size == STORE_GAP_BYTES && memcmp(out.data, want, STORE_GAP_BYTES) == 0);
	cursor_init(&c, out.data, out.size);
	gap_read(&c, &got);
	CHECK(cursor_ok(&c) && cursor_left(&c) == 0);
	CHECK(memcmp(&got, &g, sizeof(g)) == 0);
	cursor_init(&c, out.data, out.size - 1);
	gap_read(&c, &got);
	CHECK(!cursor_ok(&c));
	buffer_done(&out);
}

static void reasons_have_words(void)
{
	static const struct {
		uint32_t reason;
		const char *text;
		int loss_without_count;
	} table[] = {
		{ STORE_GAP_RING_FULL, "ring full", 0 },
		{ STORE_GAP_ORPHANED, "no collector (heartbeat expired)", 0 },
		{ STORE_GAP_NOT_ARMED, "not recording", 1 },
		{ STORE_GAP_STOPPED, "stopped by operator", 1 },
		{ STORE_GAP_MALFORMED, "malformed event", 0 },
		{ STORE_GAP_HOOK_BUSY, "hook skipped by the kernel", 0 },
		{ STORE_GAP_DAMAGED, "damaged journal", 1 },
		{ STORE_GAP_PROGRAM_REPLACED, "program replaced", 1 },
		{ STORE_GAP_CLOSE_LOST, "close time lost", 0 },
		{ STORE_GAP_UNRESOLVED, "selector unresolved", 1 },
		{ STORE_GAP_NOT_EVALUATED, "selector not evaluated by this hook", 1 },
		{ STORE_GAP_DISK_FULL, "disk full", 0 },
		{ STORE_GAP_NOT_SEEN, "not seen by the hook", 0 },
		{ STORE_GAP_CANARY, "canary not seen", 1 },
		{ STORE_GAP_SHARE, "tenant's share of the ring full", 0 },
		{ STORE_GAP_DISK_SHARE, "disk full", 0 },
		{ STORE_GAP_CLOCK_SET, "clock set", 1 },
		{ 0, "reason 0", 0 },
		{ UINT32_MAX, "reason 4294967295", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct gap none = { .reason = table[i].reason, .total = 5 };
		const struct gap some = { .reason = table[i].reason, .count = 1 };

		CHECK_STR(gap_reason_text(table[i].reason), table[i].text);
		CHECK_ROW(!gap_is_loss(&none) == !table[i].loss_without_count, "%s", table[i].text);
		CHECK_ROW(gap_is_loss(&some), "%s", table[i].text);
	}
}

static void lists_grow(void)
{
	struct gaps list = { 0 };

	for (uint64_t i = 0; i < 100; i++)
		CHECK_INT(gaps_add(&list, &(struct gap){ .count = i }), 0);
	CHECK_INT(list.count, 100);
	for (uint64_t i = 0; i < 100; i++)
		CHECK_INT(list.list[i].count, i);
	gaps_done(&list);
	CHECK(list.list == NULL && list.count == 0);
	gaps_done(NULL);
}

UNIT_SUITE(gap, TEST(bytes_round_trip), TEST(reasons_have_words), TEST(lists_grow));
