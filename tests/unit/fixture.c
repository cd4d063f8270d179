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
#include "segment/section_prefix.h"
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
		row->kind = 1 + (uint8_t)rng_below(r, 3);
		row->protocol = IPPROTO_TCP;
		if (rng_below(r, 2))
			row->rtt_us = rtt_quantise((uint32_t)rng_next(r));
		row->flags = (uint32_t)rng_below(r, 8);
		if (row->kind == SEKISHO_KIND_CLOSE)
			row->lasted_ns = (int64_t)rng_below(r, 1u << 30);
		if (rng_below(r, 4) == 0) {
			random_addr(r, &row->orig_dst);
			row->orig_dst_port = (uint16_t)rng_next(r);
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

void forget_custody(const struct store_dir *store)
{
	(void)unlinkat(store->ledger, "custody.log", 0);
	(void)unlinkat(store->root, "keys/heads", 0);
}

struct journal *a_journal(int dir_fd)
{
	const struct journal_origin origin = { .ring_id = 7, .ring_position = 1000,
					       .rung = SEKISHO_RUNG_SET_STATE };
	const struct journal_tenant tenants[] = {
		{ .number = 1, .consent = 1, .id = "t1" }, { .number = 2, .consent = 2, .id = "t2" },
	};
	const struct anchor anchor = { .boot_ns = BOOT_NS, .utc_ns = DAY_NS,
				       .max_error_ns = 262144 };
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

void fix_segment_header(uint8_t *file)
{
	put_le32(file + SEGMENT_AT_CRC,
		 block_crc(get_le64(file + SEGMENT_AT_FILE_ID), 0, file, SEGMENT_AT_CRC,
			   file + SEGMENT_AT_SECRET,
			   get_le16(file + SEGMENT_AT_HEADER_SIZE) - SEGMENT_AT_SECRET));
}

void fix_section_header(uint8_t *h, uint64_t file_id, uint64_t offset)
{
	put_le16(h + SECTION_AT_CHECK, section_prefix_check(h, file_id, offset));
	put_le32(h + SECTION_AT_CRC, section_prefix_crc(h, section_prefix_header_size(h), file_id, offset));
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

void set_rows(struct segment_section *s, const struct record *rows, size_t count)
{
	/* Kept until the next call but many: sections of one test live side by side. */
	static struct row *kept_rows[64];
	static struct endpoint *kept_endpoints[64];
	static unsigned int next;
	struct row *list = calloc(count + 1, sizeof(*list));
	struct endpoint *endpoints = calloc(count + 1, sizeof(*endpoints));

	next = (next + 1) % ARRAY_SIZE(kept_rows);
	free(kept_rows[next]);
	free(kept_endpoints[next]);
	kept_rows[next] = list;
	kept_endpoints[next] = endpoints;
	s->endpoint_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct endpoint e;
		uint32_t k = 0;

		row_from_record(&rows[i], 0, &list[i], &e);
		while (k < s->endpoint_count && memcmp(&endpoints[k], &e, sizeof(e)) != 0)
			k++;
		if (k == s->endpoint_count)
			endpoints[s->endpoint_count++] = e;
		list[i].endpoint = k;
	}
	s->rows = list;
	s->row_count = count;
	s->endpoints = endpoints;
}

int read_section(struct segment_reader *r, const struct section *s, struct record *rows)
{
	struct section_reader *section;
	struct block_rows *b = malloc(sizeof(*b));
	int error = section_open(r, s->offset, &section);
	uint32_t row = 0;

	if (error) {
		free(b);
		return error;
	}
	for (uint32_t i = 0; i < section->block_count && !error; i++) {
		error = section_read_block(r, section, i, BLOCK_ALL, b);
		for (uint32_t k = 0; k < b->rows && !error; k++)
			section_record(section, b, k, &rows[row++]);
	}
	section_close(section);
	free(b);
	return error ? error : row == s->rows ? 0 : -EBADMSG;
}

int read_gaps(struct segment_reader *r, const struct section *s, struct gaps *out)
{
	struct section_reader *section;
	int error = section_open(r, s->offset, &section);

	if (error)
		return error;
	for (size_t i = 0; i < section->gaps.count; i++)
		REQUIRE(gaps_add(out, &section->gaps.list[i]) == 0);
	section_close(section);
	return 0;
}

int read_clock(struct segment_reader *r, const struct section *s, struct clock_pieces *out)
{
	struct section_reader *section;
	int error = section_open(r, s->offset, &section);

	if (error)
		return error;
	*out = section->clock;
	section->clock = (struct clock_pieces){};
	section_close(section);
	return 0;
}
