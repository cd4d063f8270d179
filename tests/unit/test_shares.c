/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has how much of the ring, on a real one; the array that the programs share is a piece of memory
 * here, and a small program stands for theirs.
 */
#include "capture/shares.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "unit.h"

#define RING_BYTES 65536u
#define EVENT_BYTES ((uint64_t)sizeof(struct sekisho_event) + BPF_RINGBUF_HDR_SZ)
#define INSN(op, dst, src, offset, value) \
	{ .code = (op), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (value) }
#define ZERO(at) INSN(BPF_ST | BPF_DW | BPF_MEM, BPF_REG_10, 0, (at), 0)
#define TENANT_AT ((int)offsetof(struct sekisho_event, tenant) - (int)sizeof(struct sekisho_event))

static int memory; /* the array */
static struct sekisho_share *slots;
static struct shares *shares;

static void begin(void)
{
	struct problem p = { "" };

	memory = memfd_create("unit_shares", MFD_CLOEXEC);
	REQUIRE(memory >= 0);
	REQUIRE(ftruncate(memory, SEKISHO_TENANTS_MAX * sizeof(*slots)) == 0);
	slots = mmap(NULL, SEKISHO_TENANTS_MAX * sizeof(*slots), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	REQUIRE(slots != MAP_FAILED);
	REQUIRE(shares_open(memory, &shares, &p) == 0);
}

static void end(void)
{
	shares_close(shares);
	(void)munmap(slots, SEKISHO_TENANTS_MAX * sizeof(*slots));
	close(memory);
}

/* What a tenant that has the slot of its own number has in the ring, as far as it was counted. */
static uint64_t waiting(uint32_t tenant)
{
	return slots[tenant].produced - slots[tenant].consumed;
}

static bool nobody(void *ctx, uint32_t tenant)
{
	(void)ctx;
	(void)tenant;
	return false;
}

static bool all_but(void *ctx, uint32_t tenant)
{
	return tenant != *(const uint32_t *)ctx;
}

static void a_quarter_less_what_comes_at_once(void)
{
	CHECK_INT(shares_limit(16 << 20, 2), (4 << 20) - 4 * 88);
	CHECK_INT(shares_limit(64 << 10, 8), (16 << 10) - 16 * 88);
	/* So many processors that half of it would go: no tenant is starved for that. */
	CHECK_INT(shares_limit(64 << 10, 512), 8 << 10);
}

static void slots_are_kept_and_given_on(void)
{
	uint32_t free_tenant = 7;

	begin();
	CHECK_INT(shares_slot(shares, 7, nobody, NULL), 7);
	CHECK_INT(shares_slot(shares, 7, nobody, NULL), 7);
	/* Two that want the same place. */
	CHECK_INT(shares_slot(shares, 7 + SEKISHO_TENANTS_MAX, nobody, NULL), 8);
	CHECK_INT(shares_slot(shares, 8, nobody, NULL), 9);
	CHECK_INT(shares_slot(shares, 7 + SEKISHO_TENANTS_MAX, nobody, NULL), 8);
	for (uint32_t i = 1; i < SEKISHO_TENANTS_MAX; i++)
		(void)shares_slot(shares, 2 * SEKISHO_TENANTS_MAX + i, all_but, &(uint32_t){ 0 });
	for (uint32_t i = 0; i < SEKISHO_TENANTS_MAX; i++)
		if (!slots[i].tenant)
			slots[i].tenant = 90000 + i;
	/* All are taken: only that of a tenant without grant and without events can be given on. */
	CHECK_INT(shares_slot(shares, 50000, all_but, &(uint32_t){ 0 }), SEKISHO_TENANTS_MAX);
	slots[7].produced = 80;
	CHECK_INT(shares_slot(shares, 50000, all_but, &free_tenant), SEKISHO_TENANTS_MAX);
	slots[7].consumed = 80;
	CHECK_INT(shares_slot(shares, 50000, all_but, &free_tenant), 7);
	CHECK_INT(slots[7].tenant, 50000);
	CHECK_INT(shares_slot(shares, 50000, nobody, NULL), 7);
	CHECK_INT(shares_slot(shares, 8, nobody, NULL), 9);
	end();
}

static void what_is_released_is_consumed(void)
{
	struct sekisho_event a = { .tenant = 3 }, b = { .tenant = 4 }, unknown = { .tenant = 5 };
	struct sekisho_close_event close_event = { .event.tenant = 3 };

	begin();
	(void)shares_slot(shares, 3, nobody, NULL);
	(void)shares_slot(shares, 4, nobody, NULL);
	slots[3].produced = 1000;
	slots[4].produced = 500;
	shares_read(shares, &a, sizeof(a));
	shares_read(shares, &close_event, sizeof(close_event));
	shares_read(shares, &b, sizeof(b));
	shares_read(shares, &unknown, sizeof(unknown));
	shares_read(shares, &a, 8); /* names nobody */
	CHECK_INT(slots[3].consumed, 0);
	shares_released(shares);
	CHECK_INT(slots[3].consumed, 80 + 88);
	CHECK_INT(slots[4].consumed, 80);
	CHECK_INT(slots[5].tenant, 0);
	CHECK_INT(slots[5].consumed, 0);
	CHECK_INT(waiting(3), 1000 - 168);
	CHECK_INT(waiting(5), 0);
	/* Read, but not written: it will be read again. */
	shares_read(shares, &a, sizeof(a));
	shares_kept(shares);
	shares_released(shares);
	CHECK_INT(slots[3].consumed, 168);
	shares_read(shares, &b, sizeof(b));
	shares_released(shares);
	CHECK_INT(slots[4].consumed, 160);
	CHECK_INT(slots[3].consumed, 168);
	end();
}

/* Events of a tenant that are nothing but that. */
static int emit(int map, uint32_t tenant, int times)
{
	const struct bpf_insn insns[] = {
		ZERO(-72), ZERO(-64), ZERO(-56), ZERO(-48), ZERO(-40), ZERO(-32), ZERO(-24), ZERO(-16), ZERO(-8),
		INSN(BPF_ST | BPF_W | BPF_MEM, BPF_REG_10, 0, TENANT_AT, (int)tenant),
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map), INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -72),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 72),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	char packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = times);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "unit_emit", "GPL", insns, ARRAY_SIZE(insns), NULL);
	int error = fd < 0 ? fd : bpf_prog_test_run_opts(fd, &options);

	if (fd >= 0)
		close(fd);
	return error;
}

/* Whatever was counted before: killed between the release and its count, or never counted at all. */
static void a_recount_goes_by_the_ring(void)
{
	static const uint64_t wrong[] = { 0, 10000, UINT64_MAX - 5, 12345678 };
	struct problem p = { "" };
	struct ring *r = NULL;
	int map = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "unit_ring", 0, 0, RING_BYTES, NULL);

	if (map == -EPERM)
		SKIP("bpf() is not permitted");
	REQUIRE(map >= 0 && ring_open(map, &r, &p) == 0);
	begin();
	for (uint32_t tenant = 3; tenant <= 5; tenant++)
		(void)shares_slot(shares, tenant, nobody, NULL);
	REQUIRE(emit(map, 3, 100) == 0 && emit(map, 4, 7) == 0 && emit(map, 3, 20) == 0);
	REQUIRE(emit(map, 9, 3) == 0); /* of nobody that has a slot */
	ring_release(r, 30 * EVENT_BYTES);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		slots[3].produced = 120 * EVENT_BYTES;
		slots[4].produced = 1007 * EVENT_BYTES;
		slots[5].produced = 55 * EVENT_BYTES;
		slots[3].consumed = slots[4].consumed = slots[5].consumed = wrong[i];
		shares_read(shares, &(struct sekisho_event){ .tenant = 3 }, sizeof(struct sekisho_event));
		CHECK_INT(shares_recount(shares, r), 0);
		CHECK_INT(waiting(3), 90 * EVENT_BYTES);
		CHECK_INT(waiting(4), 7 * EVENT_BYTES);
		CHECK_INT(waiting(5), 0);
		CHECK_INT(slots[9].consumed, 0);
	}
	/* Nothing is left over for the next release. */
	shares_released(shares);
	CHECK_INT(waiting(3), 90 * EVENT_BYTES);
	ring_close(r);
	close(map);
	end();
}

UNIT_SUITE(shares, TEST(a_quarter_less_what_comes_at_once), TEST(slots_are_kept_and_given_on),
	   TEST(what_is_released_is_consumed), TEST(a_recount_goes_by_the_ring));
