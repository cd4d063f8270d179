/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding the next object of a damaged file, in bounded time whatever it holds. */
#include "base/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fixture.h"
#include "unit.h"

#define CHUNK (1u << 20)

struct judge {
	uint64_t good_at; /* this one is good */
	uint64_t cost;
	unsigned int asked;
};

static int is_good(void *ctx, uint64_t at, uint64_t *ret_bytes_read)
{
	struct judge *j = ctx;

	j->asked++;
	*ret_bytes_read = j->cost;
	return at == j->good_at;
}

static int open_file(const void *data, size_t size)
{
	int fd;

	write_file(unit_temp_dir(), "f", data, size);
	fd = openat(unit_temp_dir(), "f", O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	return fd;
}

static void finds_the_next_good_one(void)
{
	static const struct {
		uint64_t from, good_at, want;
		unsigned int asked;
	} table[] = {
		{ 0, 2, 2, 1 }, { 2, 2, 2, 1 }, { 3, 8, 8, 1 }, { 0, 8, 8, 2 }, { 0, 12, 12, 3 },
		{ 0, 99, 16, 3 }, { 9, 8, 16, 1 }, { 13, 12, 16, 0 }, { 16, 0, 16, 0 }, { 17, 0, 16, 0 },
	};
	int fd = open_file("..MAGI..MAGIMAGI", 16);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct judge j = { .good_at = table[i].good_at };
		uint64_t budget = 1000, at = 77;

		CHECK_INT(scan_next(fd, table[i].from, 16, "MAGI", is_good, &j, &budget, &at), 0);
		CHECK_ROW(at == table[i].want, "row %zu: %llu", i, (unsigned long long)at);
		CHECK_ROW(j.asked == table[i].asked, "row %zu: asked %u times", i, j.asked);
	}
	close(fd);
}

/* The file is read in pieces; the magic may lie at any place around their border. */
static void finds_it_across_the_border_of_a_chunk(void)
{
	uint8_t *data = calloc(1, 2 * CHUNK + 100);

	for (uint64_t at = CHUNK - 6; at <= CHUNK + 2; at++) {
		struct judge j = { .good_at = at };
		uint64_t budget = 1000, got = 0;
		int fd;

		memset(data, 0, 2 * CHUNK + 100);
		memcpy(data + at, "MAGI", 4);
		fd = open_file(data, 2 * CHUNK + 100);
		CHECK_INT(scan_next(fd, 0, 2 * CHUNK + 100, "MAGI", is_good, &j, &budget, &got), 0);
		CHECK_INT(got, at);
		CHECK_INT(j.asked, 1);
		close(fd);
	}
	free(data);
}

static void budget_ends_the_search(void)
{
	char data[400];
	int fd;

	for (size_t i = 0; i < sizeof(data); i += 4)
		memcpy(data + i, "MAGI", 4);
	fd = open_file(data, sizeof(data));
	for (uint64_t cost = 0; cost < 50; cost += 7) {
		struct judge j = { .good_at = UINT64_MAX, .cost = cost };
		uint64_t budget = 200, at = 0;

		CHECK_INT(scan_next(fd, 0, sizeof(data), "MAGI", is_good, &j, &budget, &at), 0);
		CHECK_INT(at, sizeof(data));
		CHECK_ROW(j.asked <= 200 / (cost + 1) + 1, "cost %llu: asked %u", (unsigned long long)cost,
			  j.asked);
		CHECK_ROW(budget == (cost ? 0u : 100u), "cost %llu", (unsigned long long)cost);
	}
	close(fd);
}

static void a_file_that_shrank_is_an_error(void)
{
	struct judge j = { 0 };
	uint64_t budget = 10, at;
	int fd = open_file("short", 5);

	CHECK_INT(scan_next(fd, 0, 100, "MAGI", is_good, &j, &budget, &at), -ENODATA);
	close(fd);
}

static void zeroes(void)
{
	char data[10000] = { 0 };
	int fd = open_file(data, sizeof(data));

	CHECK_INT(scan_is_zero(fd, 0, sizeof(data)), 1);
	CHECK_INT(scan_is_zero(fd, 5000, 5000), 1);
	CHECK_INT(scan_is_zero(fd, 0, sizeof(data) + 1), 0); /* cannot be read */
	close(fd);
	data[4096] = 1;
	fd = open_file(data, sizeof(data));
	CHECK_INT(scan_is_zero(fd, 0, sizeof(data)), 0);
	CHECK_INT(scan_is_zero(fd, 0, 4096), 1);
	CHECK_INT(scan_is_zero(fd, 4096, sizeof(data)), 0);
	CHECK_INT(scan_is_zero(fd, 4097, sizeof(data)), 1);
	close(fd);
}

UNIT_SUITE(scan, TEST(finds_the_next_good_one), TEST(finds_it_across_the_border_of_a_chunk),
	   TEST(budget_ends_the_search), TEST(a_file_that_shrank_is_an_error), TEST(zeroes));
