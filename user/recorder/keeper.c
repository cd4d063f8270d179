// SPDX-License-Identifier: BSD-2-Clause
/* When retention runs, and what is said of it. */
#include <string.h>
#include "base/log.h"
#include "base/utc.h"
#include "keeper.h"
#include "retention/retention_clock.h"

#define INTERVAL_NS (3600 * NS_PER_SEC)

static void add(struct retention_result *to, const struct retention_result *r)
{
	to->expired_days += r->expired_days;
	to->erased_days += r->erased_days;
	to->files += r->files;
	to->rows += r->rows;
	to->bytes += r->bytes;
	to->days_without_catalog += r->days_without_catalog;
	to->held_days = r->held_days;
}

static void tell(const struct retention_result *r)
{
	if (r->files)
		log_info("deleted: %llu tenant-days expired, %llu erased: %llu files, %llu rows, %llu bytes",
			 (unsigned long long)r->expired_days, (unsigned long long)r->erased_days,
			 (unsigned long long)r->files, (unsigned long long)r->rows,
			 (unsigned long long)r->bytes);
	if (r->days_without_catalog)
		log_error("%llu days are left without a catalog after a deletion; searches over all tenants are "
			  "slower there", (unsigned long long)r->days_without_catalog);
}

static void run(struct keeper *k, const struct store_dir *store, const struct retention_request *request)
{
	struct retention_result result = {};
	struct problem p = {};
	int error = retention_run(store, request, &result, &p);

	add(&k->state.total, &result);
	tell(&result);
	if (error)
		log_error("not everything that is due was deleted: %s", p.text);
	k->state.failure = p;
	if (!error)
		k->state.failure.text[0] = '\0';
}

void keeper_erase(struct keeper *k, const struct store_dir *store)
{
	const struct retention_request request = { .erase_only = true };

	run(k, store, &request);
}

void keeper_run(struct keeper *k, const struct store_dir *store)
{
	struct retention_request request = {};
	struct retention_sample sample;
	struct problem note = {}, why = {};
	int error;

	retention_clock_sample(&sample);
	error = retention_clock_now(store, &sample, &request.now_ns, &note, &why);
	request.clock_trusted = !error;
	if (error)
		note = why;
	/* Said once, not every hour. */
	if (note.text[0] && !k->state.clock.text[0])
		log_warn("%s", note.text);
	k->state.clock = note;
	run(k, store, &request);
	k->state.last_run_ns = utc_now_ns();
	k->ran_boot_ns = boot_now_ns();
}

bool keeper_is_due(const struct keeper *k)
{
	return !k->ran_boot_ns || boot_now_ns() - k->ran_boot_ns >= INTERVAL_NS;
}
