/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledgers (AC-13): what is written comes back; every bit that is flipped, every line that is taken out, moved or
 * replaced is found and named; kills, full disks and several writers leave what can be gone on with.
 */
#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "ledger/heads.h"
#include "unit.h"

static struct store_dir store;

static int keys_dir(void)
{
	return heads_open_keys(&store, true);
}

static const char *append(enum ledger_chain chain, const char *what)
{
	static struct problem p;
	json_t *act = json_pack("{s:s, s:s}", "event", "TEST", "what", what);
	uint64_t seq;

	p.text[0] = '\0';
	CHECK_ROW(ledger_append(&store, chain, act, utc_now_ns(), &seq, &p) == 0, "%s", p.text);
	json_decref(act);
	return p.text;
}

static int append_error(enum ledger_chain chain, struct problem *p)
{
	json_t *act = json_pack("{s:s, s:s}", "event", "TEST", "what", "x");
	int error = ledger_append(&store, chain, act, utc_now_ns(), NULL, p);

	json_decref(act);
	return error;
}

static int verify(enum chain_depth depth, struct ledger_facts *f, struct problem *p)
{
	*f = (struct ledger_facts){};
	p->text[0] = '\0';
	return ledger_verify(&store, depth, NULL, f, p);
}

static void check_good(void)
{
	struct ledger_facts f;
	struct problem p;

	CHECK_ROW(verify(CHAIN_QUICK, &f, &p) == 0, "%s", p.text);
	CHECK_ROW(verify(CHAIN_FULL, &f, &p) == 0, "%s", p.text);
}

/* Both depths find it, and say what the text says. */
static void check_bad(const char *text, const char *what)
{
	struct ledger_facts f;
	struct problem p;

	CHECK_ROW(verify(CHAIN_QUICK, &f, &p) == -EBADMSG, "%s", what);
	CHECK_ROW(strstr(p.text, text) != NULL, "%s: %s", what, p.text);
	CHECK_ROW(verify(CHAIN_FULL, &f, &p) == -EBADMSG, "%s", what);
	CHECK_ROW(strstr(p.text, text) != NULL, "%s: %s", what, p.text);
}

/* Three lines of consent, two of access, three of custody with its key. */
static void begin(void)
{
	store = a_store();
	append(LEDGER_CONSENT, "c1");
	append(LEDGER_CONSENT, "c2");
	append(LEDGER_ACCESS, "a1");
	append(LEDGER_CUSTODY, "k2");
	append(LEDGER_CONSENT, "c3");
	append(LEDGER_ACCESS, "a2");
	append(LEDGER_CUSTODY, "k3");
}

static void end(void)
{
	store_close(&store);
}

struct seen {
	char text[200];
	int64_t last_t;
};

static int see(void *ctx, const struct chain_line *line, struct problem *p)
{
	struct seen *s = ctx;
	const char *what = json_string_value(json_object_get(line->json, "what"));
	size_t n = strlen(s->text);

	(void)p;
	snprintf(s->text + n, sizeof(s->text) - n, "%llu %s %s;", (unsigned long long)line->seq, line->event,
		 what ? what : "-");
	s->last_t = line->t_ns;
	return 0;
}

static void what_is_written_comes_back(void)
{
	static const char *const want[LEDGER_CHAINS] = {
		"1 TEST c1;2 TEST c2;3 TEST c3;", "1 TEST a1;2 TEST a2;", "1 KEY -;2 TEST k2;3 TEST k3;",
	};
	static const char *const names[] = { "consent.log", "access.log", "custody.log" };
	struct ledger_facts f;
	struct problem p;
	int keys;

	begin();
	keys = keys_dir();
	for (int i = 0; i < LEDGER_CHAINS; i++) {
		struct seen s = {};
		struct chain_end e;

		CHECK_INT(ledger_walk(&store, i, CHAIN_FULL, see, &s, &e, &p), 0);
		CHECK_STR(s.text, want[i]);
		CHECK(s.last_t <= utc_now_ns() && s.last_t > utc_now_ns() - 60 * NS_PER_SEC);
		CHECK_INT(e.bytes, size_of(store.ledger, names[i]));
		CHECK(!e.torn);
		CHECK_INT(mode_of_file(store.ledger, names[i]), 0600); /* AC-38 */
	}
	CHECK_INT(verify(CHAIN_FULL, &f, &p), 0);
	CHECK_INT(f.keys, 1);
	CHECK_STR(f.first_key, f.newest_key);
	CHECK(!f.head_behind);
	CHECK_INT(f.ends[LEDGER_CONSENT].seq, 3);
	CHECK_INT(f.ends[LEDGER_ACCESS].seq, 2);
	CHECK_INT(f.ends[LEDGER_CUSTODY].seq, 3);
	CHECK_INT(mode_of_file(keys, "node.key"), 0600);
	close(keys);
	end();
}

static int stop_at_two(void *ctx, const struct chain_line *line, struct problem *p)
{
	(void)ctx;
	return line->seq == 2 ? problem(p, -ESRCH, "enough") : 0;
}

static void a_walk_ends_when_told(void)
{
	struct chain_end e = { .seq = 77 };
	struct problem p;

	begin();
	CHECK_INT(ledger_walk(&store, LEDGER_CONSENT, CHAIN_QUICK, stop_at_two, NULL, &e, &p), -ESRCH);
	CHECK_STR(p.text, "enough");
	CHECK_INT(e.seq, 77);
	end();
}

static void an_empty_store_is_fine(void)
{
	struct ledger_facts f;
	struct problem p;
	char *text = NULL;

	store = a_store();
	CHECK_INT(verify(CHAIN_FULL, &f, &p), 0);
	CHECK_INT(f.keys, 0);
	CHECK_STR(f.first_key, "");
	CHECK_INT(ledger_heads(&store, &text, &p), -ENOENT);
	end();
}

/* The number of the line that a byte is in. */
static unsigned int line_at(const uint8_t *file, size_t at)
{
	unsigned int line = 1;

	for (size_t i = 0; i < at; i++)
		line += file[i] == '\n';
	return line;
}

/* With sanitizers, which take ten times as long, each fifth bit: what is proven of the chains is so without. */
#ifdef __SANITIZE_ADDRESS__
#define BIT_STEP 5
#else
#define BIT_STEP 1
#endif

/* AC-13: every bit of every chain; the message names the line (or, for a newline, the one it ended). */
static void every_bit_of_the_chains_counts(void)
{
	size_t flips = 0;

	begin();
	for (int i = 0; i < LEDGER_CHAINS; i++) {
		size_t size;
		const char *name = chain_file_name(i);
		uint8_t *file = read_file(store.ledger, name, &size);

		for (size_t n = 0; n < size * 8; n += BIT_STEP, flips++) {
			size_t at = n / 8, bit = n % 8;
			char want[60];
			struct ledger_facts f;
			struct problem p;

			file[at] ^= 1u << bit;
			write_file(store.ledger, name, file, size);
			snprintf(want, sizeof(want), "ledger/%s line %u:", name, line_at(file, at));
			if (verify(CHAIN_QUICK, &f, &p) != -EBADMSG || !strstr(p.text, want))
				CHECK_ROW(false, "%s byte %zu bit %zu: %s", want, at, bit, p.text);
			/* The other depth for a sample: it is the same walk. */
			if (at % 16 == 0 && (verify(CHAIN_FULL, &f, &p) != -EBADMSG || !strstr(p.text, want)))
				CHECK_ROW(false, "full: %s byte %zu bit %zu: %s", want, at, bit, p.text);
			file[at] ^= 1u << bit;
		}
		write_file(store.ledger, name, file, size);
		free(file);
	}
	CHECK(flips > 8 * 8 * 300 / BIT_STEP);
	check_good();
	end();
}

static void flip_all_of(const char *name, const char *want)
{
	int dir = keys_dir();
	size_t size;
	uint8_t *file = read_file(dir, name, &size);

	for (size_t at = 0; at < size; at++)
		for (int bit = 0; bit < 8; bit++) {
			struct ledger_facts f;
			struct problem p;

			file[at] ^= 1u << bit;
			write_file(dir, name, file, size);
			if (verify(CHAIN_QUICK, &f, &p) != -EBADMSG || !strstr(p.text, want))
				CHECK_ROW(false, "%s byte %zu bit %d: %s", name, at, bit, p.text);
			file[at] ^= 1u << bit;
		}
	write_file(dir, name, file, size);
	free(file);
	close(dir);
	check_good();
}

static void every_bit_of_heads_and_public_key_counts(void)
{
	begin();
	flip_all_of("heads", "keys/heads");
	flip_all_of("node.pub", "keys/node.pub");
	end();
}

/* The secret is not read to verify; one that is not this node's writes nothing. */
static void every_bit_of_the_secret_counts(void)
{
	long long before;
	size_t size;
	uint8_t *file;
	int dir;

	begin();
	dir = keys_dir();
	file = read_file(dir, "node.key", &size);
	before = size_of(store.ledger, "access.log");
	for (size_t bit = 0; bit < 8 * size; bit++) {
		struct problem p = { "" };

		file[bit / 8] ^= 1u << bit % 8;
		write_file(dir, "node.key", file, size);
		CHECK_ROW(append_error(LEDGER_ACCESS, &p) == -EBADMSG, "bit %zu", bit);
		CHECK_ROW(strstr(p.text, "keys/node.key") != NULL, "bit %zu: %s", bit, p.text);
		file[bit / 8] ^= 1u << bit % 8;
	}
	write_file(dir, "node.key", file, size);
	CHECK_INT(size_of(store.ledger, "access.log"), before);
	append(LEDGER_ACCESS, "again");
	check_good();
	free(file);
	close(dir);
	end();
}

/* A chain cut into lines, which can be put together anew. */
struct lines {
	char *text, *of[8];
	size_t count;
};

static struct lines lines_of(const char *name)
{
	struct lines l = {};
	size_t size;
	char *text = (char *)read_file(store.ledger, name, &size);

	l.text = text;
	for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n"))
		l.of[l.count++] = at;
	return l;
}

static void put_lines(const char *name, const struct lines *l, const int *order, size_t count)
{
	char *text = calloc(1, 8192);

	for (size_t i = 0; i < count; i++)
		strcat(strcat(text, l->of[order[i]]), "\n");
	write_file(store.ledger, name, text, strlen(text));
	free(text);
}

static void lines_taken_out_moved_or_doubled_are_found(void)
{
	static const struct {
		int order[4];
		size_t count;
		const char *want;
	} table[] = {
		{ { 1, 2 }, 2, "line 1:" }, { { 0, 2 }, 2, "line 2:" }, { { 0, 1 }, 2, "line 3: it is missing" },
		{ { 0 }, 1, "line 2: it is missing" }, { { 0 }, 0, "line 1: it is missing" },
		{ { 1, 0, 2 }, 3, "line 1:" }, { { 0, 2, 1 }, 3, "line 2:" }, { { 0, 1, 1, 2 }, 4, "line 3:" },
		{ { 0, 1, 2, 2 }, 4, "line 4:" },
	};
	static const int whole[] = { 0, 1, 2 };

	begin();
	for (int i = 0; i < LEDGER_CHAINS; i += 2) {
		const char *name = chain_file_name(i);
		struct lines l = lines_of(name);

		for (size_t k = 0; k < ARRAY_SIZE(table); k++) {
			char want[80];
			bool headless = table[k].order[0] || !table[k].count;

			put_lines(name, &l, table[k].order, table[k].count);
			snprintf(want, sizeof(want), "ledger/%s %s", name, table[k].want);
			/* Without its first line custody has no key to begin with. */
			check_bad(i == LEDGER_CUSTODY && headless ? "ledger/custody.log line 1:" : want, want);
		}
		CHECK_INT(unlinkat(store.ledger, name, 0), 0);
		check_bad("line 1: it is missing", name);
		put_lines(name, &l, whole, 3);
		check_good();
		free(l.text);
	}
	end();
}

/* Chains that are good in themselves, of another store. */
static void what_another_store_wrote_is_found(void)
{
	struct store_dir other;
	size_t size;
	uint8_t *foreign[LEDGER_CHAINS];
	size_t sizes[LEDGER_CHAINS];
	struct problem p;
	int root;

	begin();
	root = dup(store.root);
	CHECK_INT(mkdirat(root, "other", 0700), 0);
	other = store;
	{
		char path[400];

		snprintf(path, sizeof(path), "%s/other", unit_temp_path());
		REQUIRE(store_open(path, 1, &store, &p) == 0);
	}
	for (int i = 0; i < 3; i++) {
		append(LEDGER_CONSENT, "f");
		append(LEDGER_ACCESS, "f");
		append(LEDGER_CUSTODY, "f");
	}
	for (int i = 0; i < LEDGER_CHAINS; i++)
		foreign[i] = read_file(store.ledger, chain_file_name(i), &sizes[i]);
	end();
	store = other;
	for (int i = 0; i < LEDGER_CHAINS; i++) {
		uint8_t *own = read_file(store.ledger, chain_file_name(i), &size);
		char want[60];

		write_file(store.ledger, chain_file_name(i), foreign[i], sizes[i]);
		snprintf(want, sizeof(want), "ledger/%s line 1:", chain_file_name(i));
		check_bad(want, "foreign");
		write_file(store.ledger, chain_file_name(i), own, size);
		check_good();
		free(own);
		free(foreign[i]);
	}
	close(root);
	end();
}

/* A line is exchanged for one that says something else, by one who has no key but counts hashes right. */
static void a_line_that_is_forged_with_its_hash_is_found(void)
{
	struct chain_tail tail;
	struct problem p = { "" };
	char *forged = NULL;
	long long size;

	begin();
	REQUIRE(chain_tail(store.ledger, LEDGER_CONSENT, &tail, &p) == 0);
	REQUIRE(asprintf(&forged,
			 "{\"seq\":4,\"t\":\"2026-01-01T00:00:00.000000000Z\",\"event\":\"TEST\",\"prev\":\"%s\",\"key\":\"%s\",\"sig\":\"%0128d\"}",
			 tail.end.hash, tail.next_key, 0) > 0);
	CHECK_INT(fs_append_line(store.ledger, "consent.log", forged), 0);
	check_bad("ledger/consent.log line 4: its signature is wrong", "forged");
	/* And this node does not sign what follows it. */
	size = size_of(store.ledger, "consent.log");
	CHECK_INT(append_error(LEDGER_CONSENT, &p), -EBADMSG);
	CHECK_STR(p.text,
		  "ledger/consent.log ends with line 4, its signed head says 3: nothing is written; see sekisho ledger verify");
	CHECK_INT(size_of(store.ledger, "consent.log"), size);
	/* The others are whole, and go on. */
	append(LEDGER_ACCESS, "still");
	free(forged);
	chain_tail_done(&tail);
	end();
}

static void a_cut_chain_takes_no_line(void)
{
	static const int two[] = { 0, 1 };
	struct problem p = { "" };
	struct lines l;

	begin();
	l = lines_of("consent.log");
	put_lines("consent.log", &l, two, 2);
	CHECK_INT(append_error(LEDGER_CONSENT, &p), -EBADMSG);
	CHECK(strstr(p.text, "ends with line 2, its signed head says 3") != NULL);
	free(l.text);
	end();
}

static void heads_that_are_taken_away_are_missed(void)
{
	struct problem p = { "" };
	struct chain_end e;
	int dir;

	begin();
	dir = keys_dir();
	CHECK_INT(unlinkat(dir, "heads", 0), 0);
	check_bad("keys/heads is not there, and ledger/custody.log has lines", "no heads");
	CHECK_INT(ledger_walk(&store, LEDGER_CONSENT, CHAIN_QUICK, NULL, NULL, &e, &p), -EBADMSG);
	CHECK_STR(p.text, "keys/heads is not there, and ledger/consent.log has lines");
	CHECK_INT(append_error(LEDGER_ACCESS, &p), -EBADMSG);
	CHECK(strstr(p.text, "keys/heads is not there") != NULL);
	CHECK_INT(size_of(dir, "heads"), -1);
	/* Nor does a new beginning of custody hide it. */
	CHECK_INT(unlinkat(store.ledger, "custody.log", 0), 0);
	CHECK_INT(append_error(LEDGER_ACCESS, &p), -EBADMSG);
	close(dir);
	end();
}

/* The key is not made anew for a store that has lines. */
static void a_key_that_is_taken_away_is_missed(void)
{
	struct problem p = { "" };
	int dir;

	begin();
	dir = keys_dir();
	CHECK_INT(unlinkat(dir, "node.key", 0), 0);
	CHECK_INT(append_error(LEDGER_ACCESS, &p), -ENOENT);
	CHECK_STR(p.text, "keys/node.key: No such file or directory");
	CHECK_INT(size_of(dir, "node.key"), -1);
	check_good(); /* reading needs no secret */
	close(dir);
	end();
}

/* A kill between line and head: both are accepted, and the next line follows. */
static void a_head_that_is_one_behind_is_accepted(void)
{
	struct ledger_facts f;
	struct problem p;
	size_t size;
	uint8_t *heads;
	int dir;

	begin();
	dir = keys_dir();
	for (int i = 0; i < LEDGER_CHAINS; i++) {
		heads = read_file(dir, "heads", &size);
		append(i, "killed after this");
		write_file(dir, "heads", heads, size);
		CHECK_INT(verify(CHAIN_QUICK, &f, &p), 0);
		CHECK(f.head_behind);
		append((i + 1) % LEDGER_CHAINS, "another chain");
		append(i, "the next");
		CHECK_INT(verify(CHAIN_QUICK, &f, &p), 0);
		CHECK(!f.head_behind);
		free(heads);
	}
	/* Two behind is not what a kill leaves. */
	heads = read_file(dir, "heads", &size);
	append(LEDGER_ACCESS, "one");
	append(LEDGER_ACCESS, "two");
	write_file(dir, "heads", heads, size);
	CHECK_INT(append_error(LEDGER_ACCESS, &p), -EBADMSG);
	free(heads);
	close(dir);
	end();
}

/* AC-13: power loss within a line, at every byte of it. */
static void an_unfinished_line_is_set_aside(void)
{
	uint8_t *heads, *file;
	size_t heads_size, size, before;
	struct ledger_facts f;
	struct problem p;
	int dir;

	begin();
	dir = keys_dir();
	heads = read_file(dir, "heads", &heads_size);
	before = (size_t)size_of(store.ledger, "consent.log");
	append(LEDGER_CONSENT, "c4");
	file = read_file(store.ledger, "consent.log", &size);
	write_file(dir, "heads", heads, heads_size);
	for (size_t n = before + 1; n < size; n++) {
		write_file(store.ledger, "consent.log", file, n);
		CHECK_ROW(verify(CHAIN_QUICK, &f, &p) == 0, "%zu: %s", n, p.text);
		CHECK_ROW(f.ends[LEDGER_CONSENT].torn && f.ends[LEDGER_CONSENT].seq == 3, "%zu", n);
	}
	file[size - 2] = '\0'; /* blocks that were never written are zero */
	write_file(store.ledger, "consent.log", file, size - 1);
	append(LEDGER_CONSENT, "c4 again");
	CHECK_INT(verify(CHAIN_FULL, &f, &p), 0);
	CHECK(!f.ends[LEDGER_CONSENT].torn);
	CHECK_INT(f.ends[LEDGER_CONSENT].seq, 4);
	free(heads);
	heads = read_file(store.ledger, "consent.log.torn", &heads_size);
	CHECK_INT(heads_size, size - before);
	CHECK_INT(memcmp(heads, file + before, size - before - 2), 0);
	free(heads);
	free(file);
	close(dir);
	end();
}

/* The limit that stands for a full disk says this when nothing at all fits. */
static bool is_full(int error)
{
	return error == -ENOSPC || error == -EFBIG;
}

static void a_full_disk_leaves_everything_as_it_was(void)
{
	struct problem p = { "" };
	unsigned int failed = 0;

	begin();
	for (rlim_t bytes = 0; bytes < 2200; bytes += 10) {
		long long size = size_of(store.ledger, "consent.log");
		struct rlimit limit = disk_full_at(bytes);
		int error = append_error(LEDGER_CONSENT, &p);

		disk_has_space(limit);
		CHECK_ROW(error == 0 || is_full(error), "%llu: %s", (unsigned long long)bytes, p.text);
		if (error)
			CHECK_ROW(size_of(store.ledger, "consent.log") == size, "%llu", (unsigned long long)bytes);
		failed += error != 0;
		check_good();
	}
	CHECK(failed > 10);
	append(LEDGER_CONSENT, "after");
	check_good();
	end();
}

/* The line fits, its head does not: it does not stand. */
static void a_line_without_its_head_is_taken_back(void)
{
	struct problem p = { "" };
	struct rlimit limit;
	int error, dir;

	store = a_store();
	append(LEDGER_ACCESS, "a1"); /* shorter than the heads */
	dir = keys_dir();
	CHECK(size_of(dir, "heads") > size_of(store.ledger, "access.log") + 50);
	CHECK_INT(unlinkat(store.ledger, "consent.log", 0), -1);
	limit = disk_full_at((rlim_t)size_of(dir, "heads") - 20);
	error = append_error(LEDGER_CONSENT, &p);
	disk_has_space(limit);
	CHECK_ROW(is_full(error), "%d", error);
	CHECK(strstr(p.text, "cannot write ledger/consent.log: ") != NULL);
	CHECK(size_of(store.ledger, "consent.log") == 0);
	check_good();
	append(LEDGER_CONSENT, "c1");
	check_good();
	close(dir);
	end();
}

static void keys_hand_over(void)
{
	struct ledger_facts f;
	struct problem p = { "" };
	struct ledger_public first;
	struct ledger_keys keys = {};
	int dir;

	begin();
	dir = keys_dir();
	for (size_t i = 1; i <= 3; i++) {
		CHECK_ROW(ledger_rotate_key(&store, utc_now_ns(), &p) == 0, "%s", p.text);
		CHECK_INT(verify(CHAIN_FULL, &f, &p), 0);
		CHECK_INT(f.keys, i + 1);
		CHECK(strcmp(f.first_key, f.newest_key) != 0);
		append(LEDGER_CONSENT, "by the new key");
		append(LEDGER_CUSTODY, "by the new key");
		check_good();
	}
	CHECK_INT(size_of(dir, "node.key.next"), -1);
	/* What the auditor has counts. */
	REQUIRE(ledger_keys_load(&store, &keys, &p) == 0);
	first = keys.list[0];
	CHECK_INT(ledger_verify(&store, CHAIN_QUICK, &first, &f, &p), 0);
	first = keys.list[1];
	CHECK_INT(ledger_verify(&store, CHAIN_QUICK, &first, &f, &p), -EBADMSG);
	CHECK(strstr(p.text, "ledger/custody.log line 1: key ") != NULL);
	ledger_keys_done(&keys);
	close(dir);
	end();
}

/* What a hand-over leaves when it is killed after each of its steps; the files are put back to that state. */
static void a_hand_over_can_be_killed(void)
{
	static const char *const names[] = { "node.key", "heads" };

	for (int step = 1; step <= 4; step++) {
		uint8_t *old[2], *custody, *fresh, *rotated;
		size_t old_size[2], custody_size, fresh_size, rotated_size;
		struct ledger_facts f;
		struct problem p = { "" };
		int dir;

		begin();
		dir = keys_dir();
		for (int i = 0; i < 2; i++)
			old[i] = read_file(dir, names[i], &old_size[i]);
		custody = read_file(store.ledger, "custody.log", &custody_size);
		REQUIRE(ledger_rotate_key(&store, utc_now_ns(), &p) == 0);
		fresh = read_file(dir, "node.key", &fresh_size);
		rotated = read_file(store.ledger, "custody.log", &rotated_size);
		write_file(dir, "heads", old[1], old_size[1]);
		write_file(dir, "node.key.next", fresh, fresh_size);
		/* 1: only the next key; 2: custody too; 3: the key as well; 4: the head is left. */
		if (step == 1)
			write_file(store.ledger, "custody.log", custody, custody_size);
		if (step <= 2)
			write_file(dir, "node.key", old[0], old_size[0]);
		if (step == 4)
			CHECK_INT(unlinkat(dir, "node.key.next", 0), 0);
		check_good();
		append(LEDGER_CUSTODY, "goes on");
		append(LEDGER_CONSENT, "goes on");
		check_good();
		CHECK_INT(verify(CHAIN_FULL, &f, &p), 0);
		CHECK_ROW(f.keys == (step == 1 ? 1 : 2), "step %d: %zu", step, f.keys);
		CHECK_INT(size_of(dir, "node.key.next"), -1);
		for (int i = 0; i < 2; i++)
			free(old[i]);
		free(custody);
		free(fresh);
		free(rotated);
		for (int i = 0; i < LEDGER_CHAINS; i++)
			CHECK_INT(unlinkat(store.ledger, chain_file_name(i), 0), 0);
		CHECK_INT(unlinkat(dir, "heads", 0), 0);
		CHECK_INT(unlinkat(dir, "node.key", 0), 0);
		close(dir);
		end();
	}
}

/* SIGKILL at any moment of appends and hand-overs: what was confirmed is there, and it goes on. */
static void writers_can_be_killed(void)
{
	begin();
	for (int i = 0; i < 40; i++) {
		struct ledger_facts before, after;
		struct problem p;
		int told[2], status;
		char byte;
		unsigned int confirmed = 0;
		pid_t child;

		REQUIRE(verify(CHAIN_QUICK, &before, &p) == 0);
		REQUIRE(pipe2(told, O_CLOEXEC) == 0);
		child = fork();
		REQUIRE(child >= 0);
		if (child == 0) {
			for (int k = 0;; k++) {
				struct problem ignored;

				if (append_error(LEDGER_ACCESS, &ignored) == 0)
					(void)!write(told[1], "x", 1);
				if (k % 2 && ledger_rotate_key(&store, utc_now_ns(), &ignored))
					_exit(1);
			}
		}
		close(told[1]);
		usleep((useconds_t)(i * 1700 % 23000));
		kill(child, SIGKILL);
		CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
		while (read(told[0], &byte, 1) == 1)
			confirmed++;
		close(told[0]);
		CHECK_ROW(verify(CHAIN_QUICK, &after, &p) == 0, "%s", p.text);
		CHECK(after.ends[LEDGER_ACCESS].seq >= before.ends[LEDGER_ACCESS].seq + confirmed);
		CHECK(after.ends[LEDGER_ACCESS].seq <= before.ends[LEDGER_ACCESS].seq + confirmed + 1);
		append(LEDGER_ACCESS, "goes on");
		append(LEDGER_CUSTODY, "goes on");
	}
	check_good();
	end();
}

#define WRITERS 5
#define LINES_EACH 12

/* Readers meanwhile never see anything wrong. */
static void several_writers_and_a_reader(void)
{
	struct ledger_facts f;
	struct problem p;
	unsigned int ended = 0;
	int status;

	begin();
	for (int i = 0; i < WRITERS; i++) {
		pid_t child = fork();
		int failed = 0;

		REQUIRE(child >= 0);
		if (child)
			continue;
		for (int k = 0; k < LINES_EACH; k++) {
			failed += append_error((enum ledger_chain)((i + k) % LEDGER_CHAINS), &p) != 0;
			if (i == 0 && k % 4 == 0)
				failed += ledger_rotate_key(&store, utc_now_ns(), &p) != 0;
		}
		_exit(failed);
	}
	while (ended < WRITERS) {
		pid_t child = waitpid(-1, &status, WNOHANG);

		if (child > 0) {
			CHECK_ROW(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned int)status);
			ended++;
		}
		if (verify(CHAIN_QUICK, &f, &p))
			CHECK_ROW(false, "meanwhile: %s", p.text);
	}
	CHECK_INT(verify(CHAIN_FULL, &f, &p), 0);
	CHECK_INT(f.ends[0].seq + f.ends[1].seq + f.ends[2].seq, 8 + WRITERS * LINES_EACH + LINES_EACH / 4);
	end();
}

static void lines_have_a_limit(void)
{
	char *long_text = malloc(LEDGER_LINE_MAX + 1);
	json_t *act;
	struct problem p = { "" };

	begin();
	memset(long_text, 'x', LEDGER_LINE_MAX);
	long_text[LEDGER_LINE_MAX] = '\0';
	act = json_pack("{s:s, s:s}", "event", "TEST", "what", long_text);
	CHECK_INT(ledger_append(&store, LEDGER_ACCESS, act, utc_now_ns(), NULL, &p), -EINVAL);
	json_decref(act);
	long_text[LEDGER_LINE_MAX - 600] = '\0';
	append(LEDGER_ACCESS, long_text);
	append(LEDGER_ACCESS, "behind it");
	append(LEDGER_ACCESS, long_text);
	check_good();
	/* A file without any newline is not read into memory. */
	long_text[LEDGER_LINE_MAX - 600] = 'x';
	CHECK_INT(fs_append_line(store.ledger, "consent.log", long_text), 0);
	check_bad("ledger/consent.log line 4: ", "too long");
	free(long_text);
	end();
}

UNIT_SUITE(ledger, TEST(what_is_written_comes_back), TEST(a_walk_ends_when_told), TEST(an_empty_store_is_fine),
	   TEST(every_bit_of_the_chains_counts), TEST(every_bit_of_heads_and_public_key_counts),
	   TEST(every_bit_of_the_secret_counts), TEST(lines_taken_out_moved_or_doubled_are_found),
	   TEST(what_another_store_wrote_is_found), TEST(a_line_that_is_forged_with_its_hash_is_found),
	   TEST(a_cut_chain_takes_no_line), TEST(heads_that_are_taken_away_are_missed),
	   TEST(a_key_that_is_taken_away_is_missed), TEST(a_head_that_is_one_behind_is_accepted),
	   TEST(an_unfinished_line_is_set_aside), TEST(a_full_disk_leaves_everything_as_it_was),
	   TEST(a_line_without_its_head_is_taken_back), TEST(keys_hand_over), TEST(a_hand_over_can_be_killed),
	   TEST(writers_can_be_killed), TEST(several_writers_and_a_reader), TEST(lines_have_a_limit));
