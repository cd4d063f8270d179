/* SPDX-License-Identifier: BSD-2-Clause */
/* AC-13: every bit that is flipped, every line that is taken out, moved or replaced is found and named. */
#include "ledger/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "ledger/chain_tail.h"
#include "ledgers.h"
#include "unit.h"

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

	begin_ledgers();
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
			if (verify_ledgers(CHAIN_QUICK, &f, &p) != -EBADMSG || !strstr(p.text, want))
				CHECK_ROW(false, "%s byte %zu bit %zu: %s", want, at, bit, p.text);
			/* The other depth for a sample: it is the same walk. */
			if (at % 16 == 0 && (verify_ledgers(CHAIN_FULL, &f, &p) != -EBADMSG || !strstr(p.text, want)))
				CHECK_ROW(false, "full: %s byte %zu bit %zu: %s", want, at, bit, p.text);
			file[at] ^= 1u << bit;
		}
		write_file(store.ledger, name, file, size);
		free(file);
	}
	CHECK(flips > 8 * 8 * 300 / BIT_STEP);
	check_good();
	end_ledgers();
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
			if (verify_ledgers(CHAIN_QUICK, &f, &p) != -EBADMSG || !strstr(p.text, want))
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
	begin_ledgers();
	flip_all_of("heads", "keys/heads");
	flip_all_of("node.pub", "keys/node.pub");
	end_ledgers();
}

/* The secret is not read to verify; one that is not this node's writes nothing. */
static void every_bit_of_the_secret_counts(void)
{
	long long before;
	size_t size;
	uint8_t *file;
	int dir;

	begin_ledgers();
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
	append_act(LEDGER_ACCESS, "again");
	check_good();
	free(file);
	close(dir);
	end_ledgers();
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

	begin_ledgers();
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
	end_ledgers();
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

	begin_ledgers();
	root = dup(store.root);
	CHECK_INT(mkdirat(root, "other", 0700), 0);
	other = store;
	{
		char path[400];

		snprintf(path, sizeof(path), "%s/other", unit_temp_path());
		REQUIRE(store_open(path, 1, &store, &p) == 0);
	}
	for (int i = 0; i < 3; i++) {
		append_act(LEDGER_CONSENT, "f");
		append_act(LEDGER_ACCESS, "f");
		append_act(LEDGER_CUSTODY, "f");
	}
	for (int i = 0; i < LEDGER_CHAINS; i++)
		foreign[i] = read_file(store.ledger, chain_file_name(i), &sizes[i]);
	end_ledgers();
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
	end_ledgers();
}

/* A line is exchanged for one that says something else, by one who has no key but counts hashes right. */
static void a_line_that_is_forged_with_its_hash_is_found(void)
{
	struct chain_tail tail;
	struct problem p = { "" };
	char *forged = NULL;
	long long size;

	begin_ledgers();
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
	append_act(LEDGER_ACCESS, "still");
	free(forged);
	chain_tail_done(&tail);
	end_ledgers();
}

static void a_cut_chain_takes_no_line(void)
{
	static const int two[] = { 0, 1 };
	struct problem p = { "" };
	struct lines l;

	begin_ledgers();
	l = lines_of("consent.log");
	put_lines("consent.log", &l, two, 2);
	CHECK_INT(append_error(LEDGER_CONSENT, &p), -EBADMSG);
	CHECK(strstr(p.text, "ends with line 2, its signed head says 3") != NULL);
	free(l.text);
	end_ledgers();
}

static void heads_that_are_taken_away_are_missed(void)
{
	struct problem p = { "" };
	struct chain_end e;
	int dir;

	begin_ledgers();
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
	end_ledgers();
}

/* The key is not made anew for a store that has lines. */
static void a_key_that_is_taken_away_is_missed(void)
{
	struct problem p = { "" };
	int dir;

	begin_ledgers();
	dir = keys_dir();
	CHECK_INT(unlinkat(dir, "node.key", 0), 0);
	CHECK_INT(append_error(LEDGER_ACCESS, &p), -ENOENT);
	CHECK_STR(p.text, "keys/node.key: No such file or directory");
	CHECK_INT(size_of(dir, "node.key"), -1);
	check_good(); /* reading needs no secret */
	close(dir);
	end_ledgers();
}

UNIT_SUITE(ledger_tampered, TEST(every_bit_of_the_chains_counts), TEST(every_bit_of_heads_and_public_key_counts),
	   TEST(every_bit_of_the_secret_counts), TEST(lines_taken_out_moved_or_doubled_are_found),
	   TEST(what_another_store_wrote_is_found), TEST(a_line_that_is_forged_with_its_hash_is_found),
	   TEST(a_cut_chain_takes_no_line), TEST(heads_that_are_taken_away_are_missed),
	   TEST(a_key_that_is_taken_away_is_missed));
