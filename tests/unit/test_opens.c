// SPDX-License-Identifier: BSD-2-Clause
/* AC-82: what is kept in the kernel for reconciliation: counts, baselines, and what was not seen. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <unistd.h>
#include "capture/opens.h"
#include "unit.h"

#define COOKIE 4242

static int make_map(enum bpf_map_type type, uint32_t key, uint32_t value, uint32_t entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);

	return bpf_map_create(type, "unit_map", key, value, entries, &options);
}

static bool has(int map, const void *key)
{
	void *value = calloc((size_t)libbpf_num_possible_cpus(), 64);
	bool found = bpf_map_lookup_elem(map, key, value) == 0;

	free(value);
	return found;
}

/* Counts that begin anew and a baseline from before would be a residue of all that the kernel ever counted. */
static void no_baseline_outlives_its_counts(void)
{
	const struct sekisho_baseline baseline = { .offset = 5 };
	const uint64_t cookie = COOKIE, none = OPENS_OF_WITNESS;
	struct sekisho_baseline got;
	struct capture_maps maps = {
		.opens = make_map(BPF_MAP_TYPE_PERCPU_HASH, sizeof(cookie), sizeof(struct sekisho_opens), 8),
		.baselines = make_map(BPF_MAP_TYPE_HASH, sizeof(cookie), sizeof(baseline), 8),
	};
	int baselines = maps.baselines;

	if (maps.opens == -EPERM)
		SKIP("bpf() is not permitted");
	REQUIRE(maps.opens >= 0 && maps.baselines >= 0);
	CHECK_INT(opens_watch(&maps, COOKIE), 0);
	CHECK_INT(opens_watch(&maps, 0), 0);
	CHECK_INT(opens_set_baseline(&maps, COOKIE, &baseline), 0);
	CHECK_INT(opens_set_baseline(&maps, OPENS_OF_WITNESS, &baseline), 0);
	maps.baselines = -1; /* it cannot go */
	opens_forget(&maps, COOKIE);
	CHECK(has(maps.opens, &cookie));
	maps.baselines = baselines;
	CHECK_INT(opens_baseline(&maps, COOKIE, &got), 0);
	opens_forget(&maps, COOKIE);
	CHECK(!has(maps.opens, &cookie));
	CHECK_INT(opens_baseline(&maps, COOKIE, &got), -ENOENT);
	/* Without a baseline the counts go all the same; that of the witness is of other counts, and stays. */
	CHECK_INT(opens_watch(&maps, COOKIE), 0);
	opens_forget(&maps, COOKIE);
	CHECK(!has(maps.opens, &cookie));
	opens_forget(&maps, 0);
	CHECK(!has(maps.opens, &none));
	CHECK_INT(opens_baseline(&maps, OPENS_OF_WITNESS, &got), 0);
	CHECK_INT(got.offset, 5);
	close(maps.opens);
	close(maps.baselines);
}

/* Counters of former tenants may fill the map: the node has its own from the first. */
static void the_node_has_a_counter_for_what_was_not_seen(void)
{
	struct capture_maps maps = {
		.selectors = make_map(BPF_MAP_TYPE_LPM_TRIE, sizeof(struct sekisho_selector_key),
				      sizeof(struct sekisho_selector), 8),
		.places = make_map(BPF_MAP_TYPE_HASH, sizeof(struct sekisho_place_key), sizeof(uint32_t), 8),
		.grants = make_map(BPF_MAP_TYPE_HASH, sizeof(uint32_t), sizeof(struct sekisho_grant), 8),
		.losses = make_map(BPF_MAP_TYPE_PERCPU_HASH, sizeof(struct sekisho_loss_key), sizeof(struct sekisho_loss), 5),
	};
	struct capture_loss more = { .reason = SEKISHO_LOSS_NOT_SEEN, .total = 3, .first_boot_ns = 10, .last_boot_ns = 20 };
	struct capture_loss *losses;
	size_t count;

	if (maps.losses == -EPERM)
		SKIP("bpf() is not permitted");
	REQUIRE(maps.selectors >= 0 && maps.places >= 0 && maps.grants >= 0 && maps.losses >= 0);
	CHECK_INT(capture_maps_set(&maps, &(struct capture_wanted){}), 0);
	more.tenant = 7;
	CHECK_INT(capture_maps_count_loss(&maps, &more, 0), -E2BIG);
	more.tenant = 0;
	CHECK_INT(capture_maps_count_loss(&maps, &more, 0), 0);
	REQUIRE(capture_maps_losses(&maps, &losses, &count) == 0);
	REQUIRE(count == 1);
	CHECK_INT(losses[0].tenant, 0);
	CHECK_INT(losses[0].total, 3);
	CHECK_INT(losses[0].first_boot_ns, 10);
	free(losses);
	close(maps.selectors);
	close(maps.places);
	close(maps.grants);
	close(maps.losses);
}

UNIT_SUITE(opens, TEST(no_baseline_outlives_its_counts), TEST(the_node_has_a_counter_for_what_was_not_seen));
