/* SPDX-License-Identifier: BSD-2-Clause */
/* The contract between kernel and user side, byte by byte: FORMAT.md and pinned maps rely on it. */
#include "schema/event.h"

#include <stddef.h>
#include <string.h>
#include "schema/journal.h"
#include "schema/segment.h"
#include "schema/store.h"
#include "unit.h"

#define MEMBER(type, member) #type "." #member, offsetof(struct type, member), \
	sizeof(((struct type *)0)->member)

static void layouts(void)
{
	static const struct {
		const char *name;
		size_t offset, size, want_offset, want_size;
	} table[] = {
		{ MEMBER(sekisho_event, time_boot_ns), 0, 8 },
		{ MEMBER(sekisho_event, socket_cookie), 8, 8 },
		{ MEMBER(sekisho_event, src_addr), 16, 16 },
		{ MEMBER(sekisho_event, dst_addr), 32, 16 },
		{ MEMBER(sekisho_event, tenant), 48, 4 },
		{ MEMBER(sekisho_event, consent), 52, 4 },
		{ MEMBER(sekisho_event, rtt_us), 56, 4 },
		{ MEMBER(sekisho_event, flags), 60, 4 },
		{ MEMBER(sekisho_event, src_port), 64, 2 },
		{ MEMBER(sekisho_event, dst_port), 66, 2 },
		{ MEMBER(sekisho_event, layout_version), 68, 1 },
		{ MEMBER(sekisho_event, kind), 69, 1 },
		{ MEMBER(sekisho_event, protocol), 70, 1 },
		{ MEMBER(sekisho_event, reserved), 71, 1 },
		{ MEMBER(sekisho_close_event, event), 0, 72 },
		{ MEMBER(sekisho_close_event, opened_boot_ns), 72, 8 },
		{ MEMBER(sekisho_recorded, opened_boot_ns), 0, 8 },
		{ MEMBER(sekisho_recorded, tenant), 8, 4 },
		{ MEMBER(sekisho_recorded, flags), 12, 4 },
		{ MEMBER(sekisho_selector_key, prefix_bits), 0, 4 },
		{ MEMBER(sekisho_selector_key, port_be), 4, 2 },
		{ MEMBER(sekisho_selector_key, family), 6, 1 },
		{ MEMBER(sekisho_selector_key, addr), 7, 16 },
		{ MEMBER(sekisho_selector_key, reserved), 23, 1 },
		{ MEMBER(sekisho_place_key, id), 0, 8 },
		{ MEMBER(sekisho_place_key, kind), 8, 4 },
		{ MEMBER(sekisho_place_key, reserved), 12, 4 },
		{ MEMBER(sekisho_grant, until_boot_ns), 0, 8 },
		{ MEMBER(sekisho_grant, consent), 8, 4 },
		{ MEMBER(sekisho_grant, fields), 12, 4 },
		{ MEMBER(sekisho_grant, slot), 16, 4 },
		{ MEMBER(sekisho_grant, reserved), 20, 4 },
		{ MEMBER(sekisho_share, produced), 0, 8 },
		{ MEMBER(sekisho_share, consumed), 8, 8 },
		{ MEMBER(sekisho_share, tenant), 16, 4 },
		{ MEMBER(sekisho_share, reserved), 20, 4 },
		{ MEMBER(sekisho_loss_key, tenant), 0, 4 },
		{ MEMBER(sekisho_loss_key, reason), 4, 4 },
		{ MEMBER(sekisho_loss, count), 0, 8 },
		{ MEMBER(sekisho_loss, first_boot_ns), 8, 8 },
		{ MEMBER(sekisho_loss, last_boot_ns), 16, 8 },
		{ MEMBER(sekisho_control, ring_id), 0, 8 },
		{ MEMBER(sekisho_control, heartbeat_until_boot_ns), 8, 8 },
		{ MEMBER(sekisho_control, loss_changes), 16, 8 },
		{ MEMBER(sekisho_control, layout_version), 24, 4 },
		{ MEMBER(sekisho_control, record_loopback), 28, 4 },
		{ MEMBER(sekisho_control, wake_bytes), 32, 4 },
		{ MEMBER(sekisho_control, place_kinds), 36, 4 },
		{ MEMBER(sekisho_control, share_bytes), 40, 8 },
		{ MEMBER(sekisho_control, canary_netns), 48, 8 },
		{ MEMBER(sekisho_control, canaries), 56, 8 },
		{ MEMBER(sekisho_opens, made), 0, 8 },
		{ MEMBER(sekisho_opens, left), 8, 40 },
		{ MEMBER(sekisho_baseline, offset), 0, 8 },
		{ MEMBER(sekisho_baseline, agreed_boot_ns), 8, 8 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		CHECK_ROW(table[i].offset == table[i].want_offset, "%s at %zu", table[i].name,
			  table[i].offset);
		CHECK_ROW(table[i].size == table[i].want_size, "%s: %zu bytes", table[i].name,
			  table[i].size);
	}
	CHECK_INT(sizeof(struct sekisho_event), 72);
	/* The fixed part of the longest-prefix key is what lies before the address. */
	CHECK_INT(offsetof(struct sekisho_selector_key, addr) - 4, SEKISHO_SELECTOR_FIXED_BITS / 8);
}

/* Numbers that are on disks: never reused, never renumbered. */
static void numbers_on_disk(void)
{
	static const unsigned int table[][2] = {
		{ SEKISHO_KIND_ESTABLISHED, 1 }, { SEKISHO_KIND_ACCEPTED, 2 },
		{ SEKISHO_RUNG_NONE, 0 }, { SEKISHO_RUNG_SET_STATE, 1 }, { SEKISHO_RUNG_SOCK_OPS, 2 }, { SEKISHO_RUNG_FEXIT, 3 },
		{ SEKISHO_RUNG_KRETPROBE, 4 }, { SEKISHO_FLAG_V6_SOCKET, 1 },
		{ SEKISHO_FLAG_LOOPBACK, 2 }, { SEKISHO_FLAG_CLOCK_UNSYNC, 4 },
		{ SEKISHO_FIELD_RTT, 1 }, { SEKISHO_FIELD_CLOSE, 2 }, { STORE_COLUMN_TIME, 1 }, { STORE_COLUMN_SRC_ADDR, 2 },
		{ STORE_COLUMN_SRC_PORT, 3 }, { STORE_COLUMN_DST_ADDR, 4 },
		{ STORE_COLUMN_DST_PORT, 5 }, { STORE_COLUMN_TENANT, 6 }, { STORE_COLUMN_CONSENT, 7 },
		{ STORE_COLUMN_RTT_US, 8 }, { STORE_COLUMN_FLAGS, 9 }, { STORE_COLUMN_KIND, 10 },
		{ STORE_COLUMN_PROTOCOL, 11 }, { STORE_COLUMN_ORIG_DST_ADDR, 12 },
		{ STORE_COLUMN_ORIG_DST_PORT, 13 }, { STORE_COLUMN_LASTED, 14 },
		{ STORE_CODING_PLAIN, 0 },
		{ STORE_CODING_ZSTD, 1 }, { STORE_GAP_RING_FULL, 1 }, { STORE_GAP_ORPHANED, 2 },
		{ STORE_GAP_NOT_ARMED, 3 }, { STORE_GAP_STOPPED, 4 }, { STORE_GAP_MALFORMED, 5 },
		{ STORE_GAP_HOOK_BUSY, 6 }, { STORE_GAP_DAMAGED, 7 },
		{ STORE_GAP_PROGRAM_REPLACED, 8 }, { STORE_GAP_CLOSE_LOST, 9 }, { STORE_GAP_DISK_FULL, 10 },
		{ STORE_GAP_UNRESOLVED, 11 }, { STORE_GAP_NOT_EVALUATED, 12 }, { STORE_GAP_NOT_SEEN, 13 },
		{ STORE_GAP_CANARY, 14 }, { STORE_GAP_SHARE, 15 }, { STORE_GAP_DISK_SHARE, 16 },
		{ STORE_GAP_CLOCK_SET, 17 }, { FRAME_ROWS, 1 }, { FRAME_ANCHORS, 2 },
		{ FRAME_GAPS, 3 }, { FRAME_TENANTS, 4 }, { SECTION_FLAG_RTT, 1 },
		{ SECTION_FLAG_CUSTODY, 2 }, { SECTION_FLAG_GAPS, 4 }, { SECTION_FLAG_CLOSE, 8 },
		{ SEKISHO_KIND_CLOSE, 3 }, { SEKISHO_KIND_CANARY, 4 }, { SEKISHO_FLAG_IMPORTED, 8 },
		/* A lost event is the same number in the kernel's counter and in the gap. */
		{ SEKISHO_LOSS_RING_FULL, STORE_GAP_RING_FULL },
		{ SEKISHO_LOSS_ORPHANED, STORE_GAP_ORPHANED },
		{ SEKISHO_LOSS_CLOSE, STORE_GAP_CLOSE_LOST },
		{ SEKISHO_LOSS_NOT_SEEN, STORE_GAP_NOT_SEEN },
		{ SEKISHO_LOSS_SHARE, STORE_GAP_SHARE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		CHECK_ROW(table[i][0] == table[i][1], "row %zu: %u, expected %u", i, table[i][0],
			  table[i][1]);
	CHECK(memcmp("SKFR", &(unsigned int){ JOURNAL_FRAME_MAGIC }, 4) == 0);
	CHECK(memcmp("SKSC", &(unsigned int){ SECTION_MAGIC }, 4) == 0);
}

UNIT_SUITE(event, TEST(layouts), TEST(numbers_on_disk));
