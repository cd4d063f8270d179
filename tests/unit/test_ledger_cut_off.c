/* SPDX-License-Identifier: BSD-2-Clause */
/* AC-13: what a kill, a power loss or a full disk leaves of a ledger can be gone on with. */
#include "ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fixture.h"
#include "ledgers.h"
#include "unit.h"

/* A kill between line and head: both are accepted, and the next line follows. */
static void a_head_that_is_one_behind_is_accepted(void)
{
	struct ledger_facts f;
	struct problem p;
	size_t size;
	uint8_t *heads;
	int dir;

	begin_ledgers();
	dir = keys_dir();
	for (int i = 0; i < LEDGER_CHAINS; i++) {
		heads = read_file(dir, "heads", &size);
		append_act(i, "killed after this");
		write_file(dir, "heads", heads, size);
		CHECK_INT(verify_ledgers(CHAIN_QUICK, &f, &p), 0);
		CHECK(f.head_behind);
		append_act((i + 1) % LEDGER_CHAINS, "another chain");
		append_act(i, "the next");
		CHECK_INT(verify_ledgers(CHAIN_QUICK, &f, &p), 0);
		CHECK(!f.head_behind);
		free(heads);
	}
	/* Two behind is not what a kill leaves. */
	heads = read_file(dir, "heads", &size);
	append_act(LEDGER_ACCESS, "one");
	append_act(LEDGER_ACCESS, "two");
	write_file(dir, "heads", heads, size);
	CHECK_INT(append_error(LEDGER_ACCESS, &p), -EBADMSG);
	free(heads);
	close(dir);
	end_ledgers();
}

/* AC-13: power loss within a line, at every byte of it. */
static void an_unfinished_line_is_set_aside(void)
{
	uint8_t *heads, *file;
	size_t heads_size, size, before;
	struct ledger_facts f;
	struct problem p;
	int dir;

	begin_ledgers();
	dir = keys_dir();
	heads = read_file(dir, "heads", &heads_size);
	before = (size_t)size_of(store.ledger, "consent.log");
	append_act(LEDGER_CONSENT, "c4");
	file = read_file(store.ledger, "consent.log", &size);
	write_file(dir, "heads", heads, heads_size);
	for (size_t n = before + 1; n < size; n++) {
		write_file(store.ledger, "consent.log", file, n);
		CHECK_ROW(verify_ledgers(CHAIN_QUICK, &f, &p) == 0, "%zu: %s", n, p.text);
		CHECK_ROW(f.ends[LEDGER_CONSENT].torn && f.ends[LEDGER_CONSENT].seq == 3, "%zu", n);
	}
	file[size - 2] = '\0'; /* blocks that were never written are zero */
	write_file(store.ledger, "consent.log", file, size - 1);
	append_act(LEDGER_CONSENT, "c4 again");
	CHECK_INT(verify_ledgers(CHAIN_FULL, &f, &p), 0);
	CHECK(!f.ends[LEDGER_CONSENT].torn);
	CHECK_INT(f.ends[LEDGER_CONSENT].seq, 4);
	free(heads);
	heads = read_file(store.ledger, "consent.log.torn", &heads_size);
	CHECK_INT(heads_size, size - before);
	CHECK_INT(memcmp(heads, file + before, size - before - 2), 0);
	free(heads);
	free(file);
	close(dir);
	end_ledgers();
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

	begin_ledgers();
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
	append_act(LEDGER_CONSENT, "after");
	check_good();
	end_ledgers();
}

/* The line fits, its head does not: it does not stand. */
static void a_line_without_its_head_is_taken_back(void)
{
	struct problem p = { "" };
	struct rlimit limit;
	int error, dir;

	store = a_store();
	append_act(LEDGER_ACCESS, "a1"); /* shorter than the heads */
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
	append_act(LEDGER_CONSENT, "c1");
	check_good();
	close(dir);
	end_ledgers();
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

		begin_ledgers();
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
		append_act(LEDGER_CUSTODY, "goes on");
		append_act(LEDGER_CONSENT, "goes on");
		check_good();
		CHECK_INT(verify_ledgers(CHAIN_FULL, &f, &p), 0);
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
		end_ledgers();
	}
}

/* SIGKILL at any moment of appends and hand-overs: what was confirmed is there, and it goes on. */
static void writers_can_be_killed(void)
{
	begin_ledgers();
	for (int i = 0; i < 40; i++) {
		struct ledger_facts before, after;
		struct problem p;
		int told[2], status;
		char byte;
		unsigned int confirmed = 0;
		pid_t child;

		REQUIRE(verify_ledgers(CHAIN_QUICK, &before, &p) == 0);
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
		CHECK_ROW(verify_ledgers(CHAIN_QUICK, &after, &p) == 0, "%s", p.text);
		CHECK(after.ends[LEDGER_ACCESS].seq >= before.ends[LEDGER_ACCESS].seq + confirmed);
		CHECK(after.ends[LEDGER_ACCESS].seq <= before.ends[LEDGER_ACCESS].seq + confirmed + 1);
		append_act(LEDGER_ACCESS, "goes on");
		append_act(LEDGER_CUSTODY, "goes on");
	}
	check_good();
	end_ledgers();
}

UNIT_SUITE(ledger_cut_off, TEST(a_head_that_is_one_behind_is_accepted), TEST(an_unfinished_line_is_set_aside),
	   TEST(a_full_disk_leaves_everything_as_it_was), TEST(a_line_without_its_head_is_taken_back),
	   TEST(a_hand_over_can_be_killed), TEST(writers_can_be_killed));
