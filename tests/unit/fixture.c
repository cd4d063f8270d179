// SPDX-License-Identifier: BSD-2-Clause
/* Rows, files and stores for the tests. */
#include "base/rtt.h"
#include "fixture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/block.h"
#include "base/fs.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "unit.h"

uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	return rng_next(r) % n;
}

struct addr an_addr(const char *text)
{
	struct addr a = { 0 };

	REQUIRE(addr_parse(text, &a) == 0);
	return a;
}

struct prefix a_prefix(const char *text)
{
	struct prefix p = { 0 };

	REQUIRE(prefix_parse(text, &p) == 0);
	return p;
}

int64_t a_time(const char *text)
{
	struct problem p;
	int64_t ns = 0;

	REQUIRE(utc_parse(text, &ns, &p) == 0);
	return ns;
}

static void random_addr(struct rng *r, struct addr *a)
{
	if (rng_below(r, 3)) {
		*a = an_addr("198.51.100.0");
		a->bytes[15] = (uint8_t)rng_below(r, 8);
		return;
	}
	*a = an_addr("2001:db8::");
	a->bytes[7] = (uint8_t)rng_below(r, 4);
	a->bytes[15] = (uint8_t)rng_next(r);
}

void random_rows(struct rng *r, struct record *rows, size_t count, int64_t from_ns, int64_t span_ns)
{
	for (size_t i = 0; i < count; i++) {
		struct record *row = &rows[i];

		memset(row, 0, sizeof(*row));
		row->time_ns = from_ns + (int64_t)rng_below(r, (uint64_t)span_ns);
		random_addr(r, &row->src);
		random_addr(r, &row->dst);
		row->tenant = 1 + (uint32_t)rng_below(r, 2);
		row->consent = row->tenant;
		row->src_port = (uint16_t)rng_next(r);
		row->dst_port = rng_below(r, 2) ? 443 : 80;
		row->kind = 1 + (uint8_t)rng_below(r, 2);
		row->protocol = IPPROTO_TCP;
		if (rng_below(r, 2))
			row->rtt_us = rtt_quantise((uint32_t)rng_next(r));
		row->flags = (uint32_t)rng_below(r, 8);
		if (rng_below(r, 4) == 0) {
			random_addr(r, &row->orig_dst);
			row->orig_dst_port = (uint16_t)rng_next(r);
			row->lasted_ns = (int64_t)rng_below(r, 1u << 30);
		}
	}
}

struct record plain_row(int64_t time_ns, unsigned int n)
{
	struct record row = {
		.time_ns = time_ns,
		.src = an_addr("198.51.100.0"),
		.dst = an_addr("192.0.2.1"),
		.src_port = (uint16_t)(40000 + n),
		.dst_port = 443,
		.tenant = 1,
		.consent = 1,
		.kind = SEKISHO_KIND_ESTABLISHED,
		.protocol = IPPROTO_TCP,
	};

	row.src.bytes[15] = (uint8_t)n;
	return row;
}

bool same_rows(const struct record *a, const struct record *b, size_t count)
{
	_Static_assert(sizeof(struct record) == 88, "no padding: memcmp() sees only what is stored");
	return memcmp(a, b, count * sizeof(*a)) == 0;
}

uint8_t *read_file(int dir_fd, const char *name, size_t *ret_size)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data;

	REQUIRE(fd >= 0 && fstat(fd, &st) == 0);
	data = calloc(1, (size_t)st.st_size + 1);
	REQUIRE(data != NULL);
	REQUIRE(fs_pread_all(fd, data, (size_t)st.st_size, 0) == 0);
	close(fd);
	*ret_size = (size_t)st.st_size;
	return data;
}

void write_file(int dir_fd, const char *name, const void *data, size_t size)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0);
	REQUIRE(fs_write_all(fd, data, size) == 0);
	close(fd);
}

long long size_of(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (long long)st.st_size : -1;
}

unsigned int mode_of_file(int dir_fd, const char *name)
{
	struct stat st = { 0 };

	CHECK(fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	return st.st_mode & 07777;
}

size_t count_files(int dir_fd, const char *suffix)
{
	char **names;
	size_t count = 0;

	REQUIRE(fs_list(dir_fd, suffix, &names, &count) == 0);
	fs_free_names(names, count);
	return count;
}

void only_name(int dir_fd, const char *suffix, char ret_name[static 64])
{
	char **names;
	size_t count = 0;

	REQUIRE(fs_list(dir_fd, suffix, &names, &count) == 0);
	REQUIRE(count == 1);
	strncpy(ret_name, names[0], 63);
	ret_name[63] = '\0';
	fs_free_names(names, count);
}

struct rlimit disk_full_at(rlim_t bytes)
{
	struct rlimit before, now;

	REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
	now = before;
	now.rlim_cur = bytes;
	signal(SIGXFSZ, SIG_IGN);
	REQUIRE(setrlimit(RLIMIT_FSIZE, &now) == 0);
	return before;
}

void disk_has_space(struct rlimit before)
{
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
}

int in_child(int (*fn)(void *ctx), void *ctx)
{
	pid_t child = fork();
	int status = 0;

	REQUIRE(child >= 0);
	if (child == 0)
		_exit(fn(ctx) & 0x7f);
	REQUIRE(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}

struct store_dir a_store(void)
{
	struct store_dir store;
	struct problem p;

	REQUIRE(store_open(unit_temp_path(), 1, &store, &p) == 0);
	return store;
}

struct journal *a_journal(int dir_fd)
{
	const struct journal_origin origin = { .ring_id = 7, .ring_position = 1000,
					       .rung = SEKISHO_RUNG_SET_STATE };
	const struct journal_tenant tenants[] = {
		{ .number = 1, .consent = 1, .id = "t1" }, { .number = 2, .consent = 2, .id = "t2" },
	};
	const struct anchor anchor = { .boot_ns = BOOT_NS, .utc_ns = DAY_NS,
				       .max_error_ns = 250000 };
	struct journal *j = NULL;
	struct problem p;

	REQUIRE(journal_create(dir_fd, &origin, &j, &p) == 0);
	REQUIRE(journal_append_tenants(j, tenants, ARRAY_SIZE(tenants)) == 0);
	REQUIRE(journal_append_anchor(j, &anchor) == 0);
	return j;
}

void put_rows(struct journal *j, const struct record *rows, size_t count, uint64_t ring_end)
{
	struct record *boot = calloc(count, sizeof(*boot));

	REQUIRE(boot != NULL);
	memcpy(boot, rows, count * sizeof(*boot));
	for (size_t i = 0; i < count; i++)
		boot[i].time_ns += (int64_t)BOOT_NS - DAY_NS;
	REQUIRE(journal_append_rows(j, boot, count, ring_end) == 0);
	free(boot);
}

/* Both headers keep the file id at 24 and the checksum at 124. */
void fix_header(uint8_t *file)
{
	put_le32(file + JOURNAL_AT_CRC, block_crc(get_le64(file + JOURNAL_AT_FILE_ID), 0, file,
						  JOURNAL_AT_CRC, NULL, 0));
}

void fix_section_header(uint8_t *h, uint64_t file_id, uint64_t offset)
{
	put_le32(h + SECTION_AT_DIRECTORY_CRC,
		 block_crc(file_id, offset + SECTION_HEADER_BYTES, NULL, 0, h + SECTION_HEADER_BYTES,
			   (size_t)get_le16(h + SECTION_AT_BLOCKS) * SECTION_BLOCK_BYTES));
	put_le32(h + SECTION_AT_CRC, block_crc(file_id, offset, h, SECTION_AT_CRC, NULL, 0));
}

void set_created(int dir_fd, const char *name, int64_t utc_ns)
{
	uint8_t header[JOURNAL_HEADER_BYTES];
	int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);

	REQUIRE(fd >= 0 && fs_pread_all(fd, header, sizeof(header), 0) == 0);
	put_le64(header + JOURNAL_AT_CREATED_UTC, (uint64_t)utc_ns);
	put_le64(header + JOURNAL_AT_CREATED_BOOT, BOOT_NS);
	fix_header(header);
	REQUIRE(fs_pwrite_all(fd, header, sizeof(header), 0) == 0);
	close(fd);
}

void end_journal(int dir_fd, struct journal *j, char ret_name[static 64])
{
	strcpy(ret_name, journal_name(j));
	journal_close(j);
	set_created(dir_fd, ret_name, DAY_NS);
}
