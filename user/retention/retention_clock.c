// SPDX-License-Identifier: BSD-2-Clause
/* Which time is certain. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/anchor.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/utc.h"
#include "ledger/chain_tail.h"
#include "ledger/ledger.h"
#include "retention_clock.h"

/* Crystals are better than a thousandth; so much faster an honest clock may run, and makes up for small steps. */
#define DRIFT 1000
/* What a clock may be ahead before anybody is told. */
#define AHEAD_NS (3600 * NS_PER_SEC)
#define FILE_MAX 200

void retention_clock_sample(struct retention_sample *ret_sample)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	struct retention_sample s = {};
	struct anchor a;

	anchor_sample(&a);
	s.utc_ns = a.utc_ns;
	s.boot_ns = a.boot_ns;
	s.synchronised = anchor_synchronised(&a);
	/* Without one every restart counts as one of the machine: less time is certain. */
	if (fd < 0 || fs_pread_all(fd, s.boot_id, RETENTION_BOOT_ID - 1, 0))
		strcpy(s.boot_id, "-");
	if (fd >= 0)
		close(fd);
	*ret_sample = s;
}

static int line_time(const char *text, int64_t *ret_ns)
{
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	const char *t = json_string_value(json_object_get(json, "t"));
	struct problem ignored;
	int error = t && utc_parse(t, ret_ns, &ignored) == 0 ? 0 : -EBADMSG;

	json_decref(json);
	return error;
}

/* Of all ledgers; INT64_MIN without any line. */
static int newest_line(const struct store_dir *store, int64_t *ret_ns, struct problem *p)
{
	int64_t newest = INT64_MIN, t;

	for (int i = 0; i < LEDGER_CHAINS; i++) {
		struct chain_tail tail;
		int error = chain_tail(store->ledger, i, &tail, p);

		if (error)
			return error;
		if (tail.text && line_time(tail.text, &t))
			error = problem(p, -EBADMSG, "ledger/%s: its last line has no time", chain_file_name(i));
		else if (tail.text && t > newest)
			newest = t;
		chain_tail_done(&tail);
		if (error)
			return error;
	}
	*ret_ns = newest;
	return 0;
}

/* What was believed before: "TIME BOOT_NS BOOT_ID\n". */
static int load_believed(const struct store_dir *store, struct retention_sample *ret_believed)
{
	struct retention_sample b = {};
	char text[FILE_MAX], *save = NULL, *time, *boot, *id;
	struct mapped_file file;
	struct problem ignored;
	int error = fs_map(store->root, RETENTION_CLOCK_FILE, FILE_MAX - 1, &file);

	if (error)
		return error;
	if (file.size)
		memcpy(text, file.data, file.size);
	text[file.size] = '\0';
	fs_unmap(&file);
	time = strtok_r(text, " \n", &save);
	boot = strtok_r(NULL, " \n", &save);
	id = strtok_r(NULL, " \n", &save);
	if (!time || !boot || !id || utc_parse(time, &b.utc_ns, &ignored) || strlen(id) >= sizeof(b.boot_id) ||
	    parse_u64(boot, 0, INT64_MAX, &b.boot_ns))
		return -EBADMSG;
	strcpy(b.boot_id, id);
	*ret_believed = b;
	return 0;
}

static int keep(const struct store_dir *store, const struct retention_sample *sample, int64_t now, struct problem *p)
{
	char text[FILE_MAX], time[UTC_TEXT_MAX];
	int n = snprintf(text, sizeof(text), "%s %llu %s\n", utc_format(now, time),
			 (unsigned long long)sample->boot_ns, sample->boot_id), error;

	error = fs_replace(store->root, RETENTION_CLOCK_FILE, text, (size_t)n);
	return error ? problem(p, error, "cannot write " RETENTION_CLOCK_FILE ": %s", strerror(-error)) : 0;
}

/* The latest time that is possible if what was believed was right. */
static int64_t reach_of(const struct retention_sample *believed, const struct retention_sample *sample)
{
	bool same_boot = strcmp(believed->boot_id, sample->boot_id) == 0 &&
			 sample->boot_ns >= believed->boot_ns;
	uint64_t passed = same_boot ? sample->boot_ns - believed->boot_ns : sample->boot_ns;
	int64_t reach;

	return __builtin_add_overflow(believed->utc_ns, (int64_t)(passed + passed / DRIFT), &reach) ? INT64_MAX :
												       reach;
}

static int believe(const struct store_dir *store, const struct retention_sample *sample, int64_t newest,
		   int64_t *ret_reach, struct problem *p)
{
	struct retention_sample believed;
	int error = load_believed(store, &believed);

	/* What does not read is as good as missing: it is no ledger, and is written anew. */
	if (error && error != -ENOENT && error != -EBADMSG && error != -EFBIG)
		return problem(p, error, "cannot read " RETENTION_CLOCK_FILE ": %s", strerror(-error));
	if (error && newest == INT64_MIN)
		return problem(p, -ETIME, "the clock is not synchronised, and nothing tells what time it is");
	*ret_reach = error ? newest : reach_of(&believed, sample);
	return 0;
}

int retention_clock_now(const struct store_dir *store, const struct retention_sample *sample, int64_t *ret_now_ns,
			struct problem *note, struct problem *p)
{
	int64_t newest, reach = sample->utc_ns, now;
	char text[UTC_TEXT_MAX];
	int error = newest_line(store, &newest, p);

	if (!error && !sample->synchronised && sample->utc_ns < newest)
		error = problem(p, -ETIME, "the clock is not synchronised, and behind the ledgers' last line (%s)",
				utc_format(newest, text));
	if (!error && !sample->synchronised)
		error = believe(store, sample, newest, &reach, p);
	if (error)
		return error;
	now = reach < sample->utc_ns ? reach : sample->utc_ns;
	note->text[0] = '\0';
	if (sample->utc_ns - now > AHEAD_NS)
		problem(note, 0, "the clock is not synchronised, and ahead of what is certain: days expire as of %s",
			utc_format(now, text));
	error = keep(store, sample, now, p);
	if (!error)
		*ret_now_ns = now;
	return error;
}
