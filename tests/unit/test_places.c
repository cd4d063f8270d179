/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selectors that are not in force, and the gaps that say so (AC-64 in part). Names that mean nothing here:
 * what is there is for tests/kernel/places.sh.
 */
#include "recorder/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "capture/resolve.h"
#include "fixture.h"
#include "schema/store.h"
#include "unit.h"

#define SECOND NS_PER_SEC
#define NOWHERE "cgroup:/sekisho-unit-test-that-is-not-there"

static struct gap said[16];
static size_t said_count;
static int refuse;

static int take(void *ctx, const struct gap *g)
{
	CHECK(ctx == said);
	if (refuse)
		return refuse;
	REQUIRE(said_count < ARRAY_SIZE(said));
	said[said_count++] = *g;
	return 0;
}

static void say(struct places *p, int64_t now, bool open)
{
	said_count = 0;
	places_state(p, now, open, take, said);
}

/* One tenant, number 4, with these selectors. */
static struct roster a_roster(struct selector *selectors, const char *const *texts, size_t count)
{
	static struct capture_tenant live;

	for (size_t i = 0; i < count; i++)
		REQUIRE(selector_parse(texts[i], &selectors[i]) == 0);
	live = (struct capture_tenant){ .tenant = 4, .selectors = selectors, .selector_count = count };
	return (struct roster){ .live = &live, .live_count = count ? 1 : 0 };
}

static void check_gap(size_t i, int64_t from, int64_t to, uint32_t reason)
{
	CHECK_INT(said[i].first_utc_ns, from);
	CHECK_INT(said[i].last_utc_ns, to);
	CHECK_INT(said[i].tenant, 4);
	CHECK_INT(said[i].reason, reason);
	CHECK_INT(said[i].count + said[i].total, 0);
}

static void addresses_are_no_places(void)
{
	static const char *const texts[] = { "192.0.2.1", "2001:db8::/64" };
	struct selector selectors[2];
	struct roster r = a_roster(selectors, texts, 2);
	struct places p = { 0 };

	CHECK_INT(places_set(&p, &r, SEKISHO_RUNG_SET_STATE, DAY_NS), 0);
	CHECK_INT(p.count + p.wanted_count, 0);
	CHECK_INT(places_check(&p, SEKISHO_RUNG_SET_STATE, DAY_NS), 0);
	say(&p, DAY_NS, true);
	CHECK_INT(said_count, 0);
	places_done(&p);
}

static void what_is_not_there_is_said_piece_by_piece(void)
{
	static const char *const texts[] = { "192.0.2.1", NOWHERE };
	struct selector selectors[2];
	struct roster r = a_roster(selectors, texts, 2);
	struct places p = { 0 };

	REQUIRE(places_set(&p, &r, SEKISHO_RUNG_SET_STATE, DAY_NS) == 0);
	REQUIRE(p.count == 1);
	CHECK_INT(p.list[0].state, PLACE_UNRESOLVED);
	CHECK_INT(p.wanted_count, 0);
	refuse = -ENOSPC; /* a full disk: it is said later, from the same instant */
	say(&p, DAY_NS + SECOND, false);
	refuse = 0;
	say(&p, DAY_NS + 2 * SECOND, false);
	REQUIRE(said_count == 1);
	check_gap(0, DAY_NS, DAY_NS + 2 * SECOND, STORE_GAP_UNRESOLVED);
	CHECK_INT(places_check(&p, SEKISHO_RUNG_SET_STATE, DAY_NS + 3 * SECOND), 0);
	say(&p, DAY_NS + 4 * SECOND, false);
	CHECK_INT(said_count, 0); /* goes on: only where somebody asks */
	say(&p, DAY_NS + 3 * SECOND - 1, true);
	CHECK_INT(said_count, 0); /* and not within a second */
	say(&p, DAY_NS + 3 * SECOND, true);
	REQUIRE(said_count == 1);
	check_gap(0, DAY_NS + 2 * SECOND, DAY_NS + 3 * SECOND, STORE_GAP_UNRESOLVED);
	/* The same selector in a new roster: what is known stays. */
	REQUIRE(places_set(&p, &r, SEKISHO_RUNG_SET_STATE, DAY_NS + 9 * SECOND) == 0);
	say(&p, DAY_NS + 9 * SECOND, true);
	REQUIRE(said_count == 1);
	check_gap(0, DAY_NS + 3 * SECOND, DAY_NS + 9 * SECOND, STORE_GAP_UNRESOLVED);
	/* A clock that was set back gives no gap that ends before it begins. */
	say(&p, DAY_NS, true);
	REQUIRE(said_count == 1);
	check_gap(0, DAY_NS, DAY_NS, STORE_GAP_UNRESOLVED);
	r.live_count = 0;
	REQUIRE(places_set(&p, &r, SEKISHO_RUNG_SET_STATE, DAY_NS) == 0);
	say(&p, DAY_NS + 20 * SECOND, true);
	CHECK_INT(said_count, 0);
	places_done(&p);
}

static void what_a_hook_cannot_tell(void)
{
	static const char *const texts[] = { "interface:lo" };
	static const enum sekisho_rung rungs[] = { SEKISHO_RUNG_SET_STATE, SEKISHO_RUNG_FEXIT,
						   SEKISHO_RUNG_KRETPROBE };
	struct selector selectors[1];
	struct roster r = a_roster(selectors, texts, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rungs); i++) {
		struct places p = { 0 };

		REQUIRE(places_set(&p, &r, rungs[i], DAY_NS) == 0);
		CHECK_INT(p.list[0].state, PLACE_NOT_EVALUATED);
		CHECK_INT(p.list[0].id, 1); /* the loopback device of a namespace is its first */
		CHECK_INT(p.wanted_count, 0);
		say(&p, DAY_NS, false);
		REQUIRE(said_count == 1);
		check_gap(0, DAY_NS, DAY_NS, STORE_GAP_NOT_EVALUATED);
		places_done(&p);
	}
}

/* AC-06: without a look at cgroups it is not known whose a connection is, be it to an address. */
static void a_hook_blind_to_cgroups_records_nobody(void)
{
	static const char *const texts[] = { "192.0.2.1" };
	struct selector selectors[1], closed[1];
	struct roster r = a_roster(selectors, texts, 1);
	struct places p = { 0 };

	REQUIRE(places_set(&p, &r, SEKISHO_RUNG_SOCK_OPS, DAY_NS) == 0);
	CHECK_INT(p.count, 0);
	CHECK_INT(p.wanted_count, 0);
	/* Another tenant's, who has not agreed. */
	REQUIRE(selector_parse(NOWHERE, &closed[0]) == 0);
	r.closed = closed;
	r.closed_count = 1;
	REQUIRE(places_set(&p, &r, SEKISHO_RUNG_SOCK_OPS, DAY_NS) == 0);
	REQUIRE(p.wanted_count == 1);
	CHECK_INT(p.wanted[0].kind, SEKISHO_PLACE_CGROUP);
	CHECK_INT(p.wanted[0].id, 0);
	CHECK_INT(p.wanted[0].tenant, 0);
	say(&p, DAY_NS, false);
	REQUIRE(said_count == 1);
	check_gap(0, DAY_NS, DAY_NS, STORE_GAP_NOT_EVALUATED);
	CHECK_INT(said[0].tenant, 4);
	places_done(&p);
	/* The others can tell. */
	REQUIRE(places_set(&p, &r, SEKISHO_RUNG_SET_STATE, DAY_NS) == 0);
	CHECK_INT(p.wanted_count, 0);
	places_done(&p);
}

static void closed_ones_have_no_gaps(void)
{
	struct selector closed;
	struct roster r = { .closed = &closed, .closed_count = 1 };
	struct places p = { 0 };

	REQUIRE(selector_parse(NOWHERE, &closed) == 0);
	REQUIRE(places_set(&p, &r, SEKISHO_RUNG_SET_STATE, DAY_NS) == 0);
	CHECK_INT(p.count, 1);
	say(&p, DAY_NS + SECOND, true);
	CHECK_INT(said_count, 0);
	places_done(&p);
}

/* After a restart: since when, by what the kernel had and what the journals say. */
static void what_happened_meanwhile(void)
{
	static const char *const texts[] = { NOWHERE };
	const struct capture_place old = { .id = 77, .kind = SEKISHO_PLACE_CGROUP, .tenant = 4 };
	const struct capture_place others = { .id = 78, .kind = SEKISHO_PLACE_CGROUP, .tenant = 5 };
	struct stated_end end = { .tenant = 4, .last_utc_ns = DAY_NS - 50 * SECOND };
	const struct {
		struct recovery stated;
		const struct capture_place *armed;
		size_t count;
		int64_t want;
	} rows[] = {
		/* It was in force when the last run ended. */
		{ { .last_utc_ns = DAY_NS - 9 * SECOND }, &old, 1, DAY_NS - 9 * SECOND },
		{ { .last_utc_ns = DAY_NS - 9 * SECOND, .ends = &end, .end_count = 1 }, &old, 1,
		  DAY_NS - 9 * SECOND },
		/* It was not, and that run said so until then. */
		{ { .last_utc_ns = DAY_NS - 9 * SECOND, .ends = &end, .end_count = 1 }, &others, 1,
		  DAY_NS - 50 * SECOND },
		{ { .last_utc_ns = DAY_NS - 9 * SECOND, .ends = &end, .end_count = 1 }, NULL, 0,
		  DAY_NS - 50 * SECOND },
		/* Nobody ever said anything. */
		{ { .last_utc_ns = DAY_NS - 9 * SECOND }, NULL, 0, DAY_NS - 9 * SECOND },
		{ { .any = false }, NULL, 0, DAY_NS },
	};
	struct selector selectors[1];
	struct roster r = a_roster(selectors, texts, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct places p = { 0 };

		REQUIRE(places_set(&p, &r, SEKISHO_RUNG_SET_STATE, DAY_NS) == 0);
		places_recall(&p, rows[i].armed, rows[i].count, &rows[i].stated);
		say(&p, DAY_NS, false);
		CHECK_ROW(said_count == 1 && said[0].first_utc_ns == rows[i].want, "row %zu: %lld", i,
			  (long long)said[0].first_utc_ns);
		places_done(&p);
	}
}

static void what_selectors_mean(void)
{
	static const char *const rows[][2] = {
		{ "192.0.2.0/24:443", "192.0.2.0/24:443" },
		{ "interface:lo", "ifindex 1" },
		{ "interface:sekishounit0", "unresolved" },
		{ NOWHERE, "unresolved" },
		{ "netns:/run/netns/sekisho-unit-test-that-is-not-there", "unresolved" },
		{ "netns:/dev/null", "unresolved" }, /* a file, and no namespace */
	};
	char text[SELECTOR_TEXT_MAX];
	struct selector s;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		REQUIRE(selector_parse(rows[i][0], &s) == 0);
		CHECK_STR(selector_resolve_text(&s, text), rows[i][1]);
	}
	CHECK_STR(resolver_format(SELECTOR_CGROUP, UINT64_C(0x1000000000000), text), "cgroup id 281474976710656");
	CHECK_STR(resolver_format(SELECTOR_NETNS, 17, text), "netns cookie 17");
}

UNIT_SUITE(places, TEST(what_selectors_mean), TEST(addresses_are_no_places), TEST(what_is_not_there_is_said_piece_by_piece),
	   TEST(what_a_hook_cannot_tell), TEST(a_hook_blind_to_cgroups_records_nobody), TEST(closed_ones_have_no_gaps), TEST(what_happened_meanwhile));
