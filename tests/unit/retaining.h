/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of retention share: stores of t1 and t2 with their consents and holds, and what became of them. */
#ifndef SEKISHO_RETAINING_H
#define SEKISHO_RETAINING_H

#include "consent_lines.h"
#include "fixture.h"
#include "ledger/deletions.h"
#include "query/verify.h"
#include "retention/retention.h"
#include "seal/seal.h"

#define HOUR (3600 * NS_PER_SEC)
#define GRANT(seq, tenant, t, days) LINE_GRANT_ONE(seq, tenant, t, "2027-03-01T00:00:00Z", days)
#define WITHDRAW LINE_WITHDRAW
/* t1 is kept for 30 days, t2 for 180, from the first day on. */
#define GRANTS GRANT(1, "t1", "2026-03-09T00:00:00Z", 30) GRANT(2, "t2", "2026-03-09T00:00:00Z", 180)
#define ERASED GRANTS WITHDRAW(3, "t1", "2026-03-11T12:00:00Z", "STOP_AND_ERASE")

#define PART_1 "t1/2026-03-10.sks"
#define DUE_30 (DAY_NS + 31 * NS_PER_DAY - HOUR) /* when the first day of t1 goes */

void put_consents(const struct store_dir *store, const char *text);
/* One row of each tenant at `at_ns`, not sealed. */
void add_rows(const struct store_dir *store, int64_t at_ns);
struct seal_result seal_rows(const struct store_dir *store);
/* Two days of both tenants, sealed. */
struct store_dir a_sealed_store(const char *consents);
/* The same, and then another state of the consent ledger, which begins alike. */
struct store_dir a_sealed_store_then(const char *consents);

/* As retention_run(). */
int try_retain(const struct store_dir *store, bool trusted, int64_t now_ns, struct retention_result *result,
	       struct problem *p);
/* With a clock, and a failure is a failed check. */
struct retention_result retain(const struct store_dir *store, int64_t now_ns);

bool is_there(const struct store_dir *store, const char *path);
/* How often the day's catalog lists the tenant; -1: there is none. */
int listed(const struct store_dir *store, int32_t day, const char *tenant);
struct verify_facts verify_store(const struct store_dir *store);

/* Hold 1; tenant NULL: of all. */
void set_hold(const struct store_dir *store, const char *tenant, int32_t first, int32_t last, int64_t until_ns);
void release_hold(const struct store_dir *store);

/* What the tombstones say: how many there are, and the last one. */
struct seen {
	unsigned int lines;
	uint64_t seq, rows;
	char tenant[TENANT_ID_MAX + 1];
	int32_t day;
	enum deletion_reason reason;
	uint32_t because;
	size_t parts;
	struct deletion_part part;
};

/* Both ways of reading must agree. */
struct seen tombstones(const struct store_dir *store);

#endif
