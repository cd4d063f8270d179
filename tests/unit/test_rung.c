/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of hooks: as in the configuration, in status and in every answer. */
#include "base/rung.h"

#include <errno.h>
#include "unit.h"

static void names(void)
{
	static const struct {
		enum sekisho_rung rung;
		const char *name, *blind_spot;
	} table[] = {
		{ SEKISHO_RUNG_SET_STATE, "set_state", "" },
		{ SEKISHO_RUNG_SOCK_OPS, "sock_ops",
		  "close times and Fast Open where another sock_ops program resets the callback flags" },
		{ SEKISHO_RUNG_FEXIT, "fexit",
		  "close times, connections that are never accepted, MPTCP joins, accept() calls blocked "
		  "since before the start" },
		{ SEKISHO_RUNG_KRETPROBE, "kretprobe",
		  "close times, connections that are never accepted, MPTCP joins, accept() calls blocked "
		  "since before the start, accept() calls blocked beyond maxactive" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		enum sekisho_rung got = SEKISHO_RUNG_NONE;

		CHECK_STR(rung_name(table[i].rung), table[i].name);
		CHECK_STR(rung_blind_spot(table[i].rung), table[i].blind_spot);
		CHECK_INT(rung_parse(table[i].name, &got), 0);
		CHECK_INT(got, table[i].rung);
	}
	CHECK_STR(rung_name(SEKISHO_RUNG_NONE), "none");
	CHECK_STR(rung_name((enum sekisho_rung)200), "none");
	CHECK_STR(rung_blind_spot((enum sekisho_rung)200), "");
}

static void parsing(void)
{
	static const char *const bad[] = { "", "none", "Auto", "set_state ", "fentry", "1" };
	enum sekisho_rung rung = SEKISHO_RUNG_FEXIT;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_ROW(rung_parse(bad[i], &rung) == -EINVAL, "%s", bad[i]);
	CHECK_INT(rung, SEKISHO_RUNG_FEXIT);
	CHECK_INT(rung_parse("auto", &rung), 0);
	CHECK_INT(rung, SEKISHO_RUNG_NONE);
}

/* The table of bpf/README.md. */
static void what_each_evaluates(void)
{
	static const enum sekisho_rung rungs[] = { SEKISHO_RUNG_SET_STATE, SEKISHO_RUNG_SOCK_OPS,
						   SEKISHO_RUNG_FEXIT, SEKISHO_RUNG_KRETPROBE };

	for (size_t i = 0; i < ARRAY_SIZE(rungs); i++) {
		CHECK(rung_evaluates(rungs[i], SELECTOR_ADDRESS));
		CHECK_INT(rung_evaluates(rungs[i], SELECTOR_CGROUP), rungs[i] != SEKISHO_RUNG_SOCK_OPS);
		CHECK(rung_evaluates(rungs[i], SELECTOR_NETNS));
		CHECK(!rung_evaluates(rungs[i], SELECTOR_INTERFACE));
	}
	CHECK(!rung_evaluates(SEKISHO_RUNG_NONE, SELECTOR_ADDRESS));
}

UNIT_SUITE(rung, TEST(names), TEST(parsing), TEST(what_each_evaluates));
