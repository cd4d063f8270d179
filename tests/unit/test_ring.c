/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our consumer of a BPF ring buffer, on a real one: a small program writes the
 * records, run with BPF_PROG_TEST_RUN. Nothing is released before it is told.
 */
#include "capture/ring.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "unit.h"

#define RING_BYTES 4096u
#define INSN(op, dst, src, offset, value) \
	{ .code = (op), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (value) }
#define MOV_IMM(dst, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define MOV_REG(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define LOAD_MAP(dst, fd) \
	INSN(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define CALL(helper) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static int make_ring(unsigned int bytes)
{
	return bpf_map_create(BPF_MAP_TYPE_RINGBUF, "unit_ring", 0, 0, bytes, NULL);
}

/* Runs a program `times` times; 0 or negative errno. */
static int run(const struct bpf_insn *insns, size_t count, unsigned int times)
{
	char packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = (int)times);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "unit_writer", "GPL", insns, count, NULL);
	int error;

	if (fd < 0)
		return fd;
	error = bpf_prog_test_run_opts(fd, &options);
	close(fd);
	return error;
}

/* Writes records of `size` bytes (up to 24), filled with the word `value`. */
static int write_records(int map, unsigned int size, int value, unsigned int times)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_DW | BPF_MEM, BPF_REG_10, 0, -24, value),
		INSN(BPF_ST | BPF_DW | BPF_MEM, BPF_REG_10, 0, -16, value),
		INSN(BPF_ST | BPF_DW | BPF_MEM, BPF_REG_10, 0, -8, value),
		LOAD_MAP(BPF_REG_1, map),
		MOV_REG(BPF_REG_2, BPF_REG_10),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -24),
		MOV_IMM(BPF_REG_3, (int)size),
		MOV_IMM(BPF_REG_4, 0),
		CALL(BPF_FUNC_ringbuf_output),
		MOV_IMM(BPF_REG_0, 0),
		EXIT,
	};

	return run(insns, ARRAY_SIZE(insns), times);
}

/* Reserves and discards. */
static int discard_records(int map, unsigned int size, unsigned int times)
{
	const struct bpf_insn insns[] = {
		LOAD_MAP(BPF_REG_1, map),
		MOV_IMM(BPF_REG_2, (int)size),
		MOV_IMM(BPF_REG_3, 0),
		CALL(BPF_FUNC_ringbuf_reserve),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 3, 0),
		MOV_REG(BPF_REG_1, BPF_REG_0),
		MOV_IMM(BPF_REG_2, 0),
		CALL(BPF_FUNC_ringbuf_discard),
		MOV_IMM(BPF_REG_0, 0),
		EXIT,
	};

	return run(insns, ARRAY_SIZE(insns), times);
}

/* A ring of the kernel's, or -1 when this process may not have one. */
static struct ring *open_ring(unsigned int bytes, int *ret_map)
{
	struct problem p = { "" };
	struct ring *r = NULL;
	int error;

	*ret_map = make_ring(bytes);
	if (*ret_map == -EPERM)
		return NULL;
	REQUIRE(*ret_map >= 0);
	error = ring_open(*ret_map, &r, &p);
	CHECK_ROW(error == 0, "%s", p.text);
	REQUIRE(error == 0);
	return r;
}

#define NEEDS_BPF(ring) \
	do { \
		if (!(ring)) \
			SKIP("bpf() is not permitted"); \
	} while (0)

static void an_empty_ring(void)
{
	const void *data;
	uint32_t size;
	uint64_t at = 0;
	int map;
	struct ring *r = open_ring(RING_BYTES, &map);

	NEEDS_BPF(r);
	CHECK_INT(ring_size(r), RING_BYTES);
	CHECK_INT(ring_consumer(r), 0);
	CHECK_INT(ring_producer(r), 0);
	CHECK_INT(ring_next(r, &at, &data, &size), 0);
	CHECK_INT(at, 0);
	ring_close(r);
	close(map);
	ring_close(NULL);
}

static void what_is_no_ring_is_refused(void)
{
	int array = bpf_map_create(BPF_MAP_TYPE_ARRAY, "unit_array", 4, 8, 1, NULL);
	int hash = bpf_map_create(BPF_MAP_TYPE_HASH, "unit_hash", 4, 8, 1, NULL);
	int file = open("/dev/zero", O_RDWR | O_CLOEXEC);
	struct ring *r = NULL;
	struct problem p;

	if (array == -EPERM) {
		close(file);
		SKIP("bpf() is not permitted");
	}
	CHECK_INT(ring_open(array, &r, &p), -EINVAL);
	CHECK_STR(p.text, "cannot map the ring buffer: Invalid argument");
	CHECK_INT(ring_open(hash, &r, &p), -EINVAL);
	CHECK(ring_open(file, &r, &p) < 0);
	CHECK(ring_open(-1, &r, &p) < 0);
	CHECK(r == NULL);
	close(array);
	close(hash);
	close(file);
}

static void records_come_in_order_with_their_bytes(void)
{
	static const unsigned int sizes[] = { 1, 7, 8, 9, 16, 17, 24 };
	const uint8_t *data;
	uint32_t size;
	uint64_t at = 0, before;
	int map;
	struct ring *r = open_ring(RING_BYTES, &map);

	NEEDS_BPF(r);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		REQUIRE(write_records(map, sizes[i], (int)i + 1, 1) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		before = at;
		REQUIRE(ring_next(r, &at, (const void **)&data, &size) == 1);
		CHECK_INT(size, sizes[i]);
		CHECK_INT(data[0], i + 1);
		CHECK(size < 9 || data[8] == i + 1);
		CHECK_INT(at - before, 8 + (sizes[i] + 7) / 8 * 8);
	}
	CHECK_INT(ring_next(r, &at, (const void **)&data, &size), 0);
	CHECK_INT(at, ring_producer(r));
	/* Nothing was released: all can be read again. */
	CHECK_INT(ring_consumer(r), 0);
	at = 0;
	CHECK_INT(ring_next(r, &at, (const void **)&data, &size), 1);
	CHECK_INT(size, 1);
	ring_close(r);
	close(map);
}

static void release_never_goes_back(void)
{
	const void *data;
	uint32_t size;
	uint64_t at = 0;
	int map;
	struct ring *r = open_ring(RING_BYTES, &map);

	NEEDS_BPF(r);
	REQUIRE(write_records(map, 8, 1, 10) == 0);
	for (int i = 0; i < 5; i++)
		CHECK_INT(ring_next(r, &at, &data, &size), 1);
	ring_release(r, at);
	CHECK_INT(ring_consumer(r), 80);
	ring_release(r, 16);
	CHECK_INT(ring_consumer(r), 80);
	ring_release(r, 0);
	CHECK_INT(ring_consumer(r), 80);
	ring_close(r);
	/* A successor sees where its predecessor stopped. */
	{
		struct problem p;

		REQUIRE(ring_open(map, &r, &p) == 0);
	}
	CHECK_INT(ring_consumer(r), 80);
	CHECK_INT(ring_producer(r), 160);
	ring_close(r);
	close(map);
}

static void discarded_records_are_told(void)
{
	const void *data = "";
	uint32_t size = 0;
	uint64_t at = 0;
	int map;
	struct ring *r = open_ring(RING_BYTES, &map);

	NEEDS_BPF(r);
	REQUIRE(write_records(map, 8, 1, 1) == 0);
	REQUIRE(discard_records(map, 72, 2) == 0);
	REQUIRE(write_records(map, 16, 2, 1) == 0);
	CHECK(ring_next(r, &at, &data, &size) == 1 && data != NULL && size == 8);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(ring_next(r, &at, &data, &size), 1);
		CHECK(data == NULL);
		CHECK_INT(size, 72);
	}
	CHECK(ring_next(r, &at, &data, &size) == 1 && data != NULL && size == 16);
	CHECK_INT(at, 16 + 2 * 80 + 24);
	CHECK_INT(ring_next(r, &at, &data, &size), 0);
	ring_close(r);
	close(map);
}

/* Records that lie across the end of the buffer are whole, thousands of rounds. */
static void records_wrap_without_a_seam(void)
{
	unsigned int seen = 0, wrapped = 0;
	uint64_t at = 0;
	int map;
	struct ring *r = open_ring(RING_BYTES, &map);

	NEEDS_BPF(r);
	for (int round = 0; round < 60; round++) {
		const uint8_t *data;
		uint32_t size;

		REQUIRE(write_records(map, 24, round + 1, 100) == 0); /* 3200 of 4096 bytes */
		for (;;) {
			uint64_t before = at;
			int state = ring_next(r, &at, (const void **)&data, &size);

			if (state == 0)
				break;
			REQUIRE(state == 1);
			CHECK(size == 24 && data[0] == round + 1 && data[8] == round + 1 &&
			      data[16] == round + 1);
			wrapped += before / RING_BYTES != (at - 1) / RING_BYTES;
			seen++;
		}
		ring_release(r, at);
	}
	CHECK_INT(seen, 6000);
	CHECK_INT(at, 6000 * 32);
	CHECK_ROW(wrapped == 0, "%u", wrapped); /* 32 divides 4096; below it does not */
	for (int round = 0; round < 20; round++) {
		const uint8_t *data;
		uint32_t size;

		REQUIRE(write_records(map, 16, round, 150) == 0);
		for (;;) {
			uint64_t before = at;

			if (ring_next(r, &at, (const void **)&data, &size) != 1)
				break;
			CHECK(size == 16 && data[0] == round && data[8] == round);
			wrapped += before / RING_BYTES != (at - 1) / RING_BYTES;
			seen++;
		}
		ring_release(r, at);
	}
	CHECK_INT(seen, 9000);
	CHECK_ROW(wrapped > 5, "%u", wrapped);
	ring_close(r);
	close(map);
}

/* A full ring drops; what is in it stays readable; releasing makes room again. */
static void a_full_ring_keeps_what_it_has(void)
{
	const uint8_t *data;
	uint32_t size, seen = 0;
	uint64_t at = 0;
	int map;
	struct ring *r = open_ring(RING_BYTES, &map);

	NEEDS_BPF(r);
	REQUIRE(write_records(map, 24, 1, 1000) == 0);
	CHECK(ring_producer(r) >= RING_BYTES - 32 && ring_producer(r) <= RING_BYTES);
	while (ring_next(r, &at, (const void **)&data, &size) == 1)
		seen += data[0] == 1;
	CHECK_INT(seen, ring_producer(r) / 32);
	CHECK(seen >= 127);
	ring_release(r, 32 * 10);
	REQUIRE(write_records(map, 24, 2, 1000) == 0);
	CHECK_INT(ring_producer(r), (seen + 10) * 32);
	for (seen = 0; ring_next(r, &at, (const void **)&data, &size) == 1; seen++)
		CHECK_INT(data[0], 2);
	CHECK_INT(seen, 10);
	ring_close(r);
	close(map);
}

/* A position that cannot be one (a journal of another ring) is an error, not a crash. */
static void positions_that_cannot_be(void)
{
	static const uint64_t bad[] = { 161, 1000, 5000, UINT64_MAX, UINT64_C(1) << 63, 156 };
	const void *data;
	uint32_t size;
	int map;
	struct ring *r = open_ring(RING_BYTES, &map);

	NEEDS_BPF(r);
	REQUIRE(write_records(map, 8, 1, 10) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t at = bad[i];

		CHECK_ROW(ring_next(r, &at, &data, &size) == -EBADMSG, "%llu", (unsigned long long)bad[i]);
		CHECK_ROW(at == bad[i], "%llu", (unsigned long long)bad[i]);
	}
	ring_close(r);
	close(map);
}

UNIT_SUITE(ring, TEST(an_empty_ring), TEST(what_is_no_ring_is_refused),
	   TEST(records_come_in_order_with_their_bytes), TEST(release_never_goes_back),
	   TEST(discarded_records_are_told), TEST(records_wrap_without_a_seam),
	   TEST(a_full_ring_keeps_what_it_has), TEST(positions_that_cannot_be));
