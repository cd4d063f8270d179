// SPDX-License-Identifier: BSD-2-Clause
/*
 * Holds are lines of custody: what they cover, when they end, what a reader does not accept (AC-36: a hold survives
 * withdrawal and retention, release makes them go; tests of deletion are in test_retention.c).
 */
#include "ledger/holds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fixture.h"
#include "unit.h"

#define CASE "令和8年(発チ)第12345号"

static struct hold_act an_act(const char *number, const char *tenant, int32_t first, int32_t last)
{
	return (struct hold_act){ .number = number, .tenant_id = tenant, .first_day = first, .last_day = last,
				  .until_ns = utc_now_ns() + 100 * NS_PER_DAY, .reason = "Art. 16",
				  .actor = "clerk", .uid = 7 };
}

static void set(const struct store_dir *store, const char *number, const char *tenant, int32_t first, int32_t last)
{
	const struct hold_act act = an_act(number, tenant, first, last);
	struct problem p = { "" };
	uint64_t seq = 0;

	CHECK_ROW(hold_set(store, &act, &seq, &p) == 0, "%s", p.text);
	CHECK(seq > 1); /* the first line is the key */
}

static struct holds load(const struct store_dir *store)
{
	struct holds h = { 0 };
	struct problem p = { "" };
	int error = holds_load(store, &h, &p);

	CHECK_ROW(error == 0, "%s", p.text);
	REQUIRE(error == 0);
	return h;
}

static bool covers(const struct holds *h, const char *tenant, int32_t day)
{
	return holds_find(h, tenant, day, utc_now_ns()) != NULL;
}

static void a_hold_covers_its_days_and_tenant(void)
{
	struct store_dir store = a_store();
	struct holds h;

	set(&store, CASE, "t1", DAY_NUMBER, DAY_NUMBER + 2);
	h = load(&store);
	REQUIRE(h.count == 1);
	CHECK_STR(h.list[0].number, CASE);
	CHECK_STR(h.list[0].reason, "Art. 16");
	CHECK_STR(h.list[0].actor, "clerk");
	CHECK(!covers(&h, "t1", DAY_NUMBER - 1));
	CHECK(covers(&h, "t1", DAY_NUMBER));
	CHECK(covers(&h, "t1", DAY_NUMBER + 2));
	CHECK(!covers(&h, "t1", DAY_NUMBER + 3));
	CHECK(!covers(&h, "t2", DAY_NUMBER));
	CHECK(!covers(&h, "t", DAY_NUMBER));
	/* It ends at its date, whatever nobody did; a clock that is not trusted ends none. */
	CHECK(holds_find(&h, "t1", DAY_NUMBER, h.list[0].until_ns - 1) != NULL);
	CHECK(holds_find(&h, "t1", DAY_NUMBER, h.list[0].until_ns) == NULL);
	CHECK(holds_find(&h, "t1", DAY_NUMBER, HOLDS_NO_CLOCK) != NULL);
	holds_done(&h);
	store_close(&store);
}

static void without_days_or_tenant_it_covers_all(void)
{
	struct store_dir store = a_store();
	struct holds h;

	set(&store, "1", NULL, HOLD_FROM_EVER, HOLD_FOR_EVER);
	h = load(&store);
	CHECK(covers(&h, "t1", -1));
	CHECK(covers(&h, "another", 50000)); /* days in the future */
	holds_done(&h);
	store_close(&store);
}

static int release(const struct store_dir *store, const char *number, const char *tenant, size_t *ret_count)
{
	const struct hold_act act = { .number = number, .tenant_id = tenant };
	struct problem p = { "" };

	return hold_release(store, &act, ret_count, &p);
}

static void release_ends_what_it_names(void)
{
	struct store_dir store = a_store();
	struct holds h;
	size_t count = 99;

	set(&store, "1", "t1", DAY_NUMBER, DAY_NUMBER);
	set(&store, "1", "t2", DAY_NUMBER, DAY_NUMBER);
	set(&store, "2", "t1", DAY_NUMBER + 1, DAY_NUMBER + 1);
	set(&store, "2", "t1", DAY_NUMBER + 5, DAY_NUMBER + 5);
	CHECK_INT(release(&store, "3", NULL, &count), -ESRCH);
	CHECK_INT(release(&store, "2", "t2", &count), -ESRCH);
	CHECK_INT(count, 99);
	CHECK_INT(release(&store, "1", "t1", &count), 0);
	CHECK_INT(count, 1);
	h = load(&store);
	REQUIRE(h.count == 4);
	CHECK(h.list[0].released && h.list[0].released_ns >= h.list[0].set_ns);
	CHECK(!covers(&h, "t1", DAY_NUMBER));
	CHECK(covers(&h, "t2", DAY_NUMBER));
	CHECK(covers(&h, "t1", DAY_NUMBER + 1));
	holds_done(&h);
	CHECK_INT(release(&store, "2", NULL, &count), 0);
	CHECK_INT(count, 2);
	CHECK_INT(release(&store, "2", NULL, &count), -ESRCH);
	h = load(&store);
	CHECK(!covers(&h, "t1", DAY_NUMBER + 1));
	CHECK(!covers(&h, "t1", DAY_NUMBER + 5));
	holds_done(&h);
	store_close(&store);
}

static void what_a_reader_would_not_take_is_not_written(void)
{
	struct store_dir store = a_store();
	struct problem p = { "" };
	struct hold_act act;
	char longer[HOLD_REASON_MAX + 2];
	struct holds h;
	uint64_t seq;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	act = an_act("", "t1", 1, 1);
	CHECK_INT(hold_set(&store, &act, &seq, &p), -EINVAL);
	act = an_act("a\nb", "t1", 1, 1);
	CHECK_INT(hold_set(&store, &act, &seq, &p), -EINVAL);
	act = an_act("\xff", "t1", 1, 1);
	CHECK_INT(hold_set(&store, &act, &seq, &p), -EINVAL);
	act = an_act(longer, "t1", 1, 1);
	CHECK_INT(hold_set(&store, &act, &seq, &p), -EINVAL);
	act = an_act("1", "../t1", 1, 1);
	CHECK_INT(hold_set(&store, &act, &seq, &p), -EINVAL);
	act = an_act("1", "t1", 2, 1);
	CHECK_INT(hold_set(&store, &act, &seq, &p), -EINVAL);
	act = an_act("1", "t1", 1, 1);
	act.reason = longer;
	CHECK_INT(hold_set(&store, &act, &seq, &p), -EINVAL);
	act = an_act("1", "t1", 1, 1);
	act.until_ns = utc_now_ns() - 1;
	CHECK_INT(hold_set(&store, &act, &seq, &p), -EINVAL);
	CHECK(strstr(p.text, "ended") != NULL);
	h = load(&store);
	CHECK_INT(h.count, 0);
	CHECK_INT(h.end.seq, 0); /* not even a key */
	holds_done(&h);
	store_close(&store);
}

#define SET_LINE(rest) "{\"event\":\"HOLD_SET\"," rest "}\n"
#define GOOD "\"number\":\"1\",\"tenant\":\"t1\",\"reason\":null,\"actor\":null,\"uid\":0,\"first_day\":\"2026-03-10\"," \
	     "\"last_day\":null,\"until\":\"2099-01-01T00:00:00.000000000Z\""

/* Acts of one who has the key: what does not read makes holds unreadable, and then nothing is deleted. */
static int load_forged(const char *acts, struct problem *p)
{
	static const char *const made[] = { "ledger/custody.log", "keys/heads", "keys/node.key", "keys/node.pub" };
	struct store_dir store = a_store();
	struct problem why = { "" };
	struct holds h = { 0 };
	int error;

	for (const char *at = acts; *at; at += strcspn(at, "\n") + 1) {
		json_t *act = json_loadb(at, strcspn(at, "\n"), 0, NULL);

		REQUIRE(act != NULL);
		CHECK_ROW(ledger_append(&store, LEDGER_CUSTODY, act, DAY_NS, NULL, &why) == 0, "%s", why.text);
		json_decref(act);
	}
	error = holds_load(&store, &h, p);
	CHECK_INT(error ? 0 : h.count, error ? 0 : 1);
	holds_done(&h);
	for (size_t i = 0; i < ARRAY_SIZE(made); i++)
		CHECK_INT(unlinkat(store.root, made[i], 0), 0);
	store_close(&store);
	return error;
}

static void lines_that_do_not_read_are_damage(void)
{
	static const char *const bad[] = {
		SET_LINE("\"number\":\"\",\"tenant\":\"t1\",\"reason\":null,\"actor\":null,\"first_day\":null,\"last_day\":null,\"until\":\"2099-01-01T00:00:00Z\""),
		SET_LINE("\"number\":\"1\",\"tenant\":\"/\",\"reason\":null,\"actor\":null,\"first_day\":null,\"last_day\":null,\"until\":\"2099-01-01T00:00:00Z\""),
		SET_LINE("\"number\":\"1\",\"tenant\":\"t1\",\"reason\":7,\"actor\":null,\"first_day\":null,\"last_day\":null,\"until\":\"2099-01-01T00:00:00Z\""),
		SET_LINE("\"number\":\"1\",\"tenant\":\"t1\",\"reason\":null,\"actor\":null,\"first_day\":1,\"last_day\":null,\"until\":\"2099-01-01T00:00:00Z\""),
		SET_LINE("\"number\":\"1\",\"tenant\":\"t1\",\"reason\":null,\"actor\":null,\"first_day\":null,\"last_day\":null,\"until\":\"2099-01-01T00:00:00\""),
		SET_LINE("\"number\":\"1\",\"tenant\":\"t1\",\"reason\":null,\"actor\":null,\"first_day\":null,\"until\":\"2099-01-01T00:00:00Z\""),
		SET_LINE("\"number\":\"1\",\"reason\":null,\"actor\":null,\"first_day\":null,\"last_day\":null,\"until\":\"2099-01-01T00:00:00Z\""),
		"{\"event\":\"HOLD_RELEASE\",\"holds\":[1]}\n",
		"{\"event\":\"HOLD_RELEASE\",\"holds\":[]}\n",
		SET_LINE(GOOD) "{\"event\":\"HOLD_RELEASE\",\"holds\":[2,2]}\n",
	};
	struct problem p = { "" };

	CHECK_ROW(load_forged(SET_LINE(GOOD), &p) == 0, "%s", p.text);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_ROW(load_forged(bad[i], &p) == -EBADMSG, "line %zu", i);
		CHECK_ROW(strstr(p.text, "a hold that does not read") != NULL, "line %zu: %s", i, p.text);
	}
}

static void a_refresh_sees_what_was_set_since(void)
{
	struct store_dir store = a_store();
	struct problem p = { "" };
	struct holds h;

	set(&store, "1", "t1", DAY_NUMBER, DAY_NUMBER);
	h = load(&store);
	CHECK_INT(holds_refresh(&store, &h, &p), 0);
	CHECK_INT(h.count, 1);
	set(&store, "2", "t2", DAY_NUMBER, DAY_NUMBER);
	CHECK(!covers(&h, "t2", DAY_NUMBER));
	CHECK_INT(holds_refresh(&store, &h, &p), 0);
	CHECK(covers(&h, "t2", DAY_NUMBER));
	holds_done(&h);
	store_close(&store);
}

UNIT_SUITE(holds, TEST(a_hold_covers_its_days_and_tenant), TEST(without_days_or_tenant_it_covers_all),
	   TEST(release_ends_what_it_names), TEST(what_a_reader_would_not_take_is_not_written),
	   TEST(lines_that_do_not_read_are_damage), TEST(a_refresh_sees_what_was_set_since));
