// SPDX-License-Identifier: BSD-2-Clause
/* Counts and baselines of network namespaces. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "opens.h"

int opens_watch(const struct capture_maps *m, uint64_t cookie)
{
	struct sekisho_opens *zero = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*zero));
	int error = 0;

	if (!zero)
		return -ENOMEM;
	if (bpf_map_update_elem(m->opens, &cookie, zero, BPF_NOEXIST) && errno != EEXIST)
		error = -errno;
	free(zero);
	return error;
}

void opens_forget(const struct capture_maps *m, uint64_t cookie)
{
	if (cookie != OPENS_OF_WITNESS && bpf_map_delete_elem(m->baselines, &cookie) && errno != ENOENT)
		return;
	(void)bpf_map_delete_elem(m->opens, &cookie);
}

struct cookies {
	uint64_t *list;
	size_t count, capacity;
};

static int add_keys(int map, struct cookies *all)
{
	uint64_t key, next, *from = NULL;

	for (; bpf_map_get_next_key(map, from, &next) == 0; from = &key) {
		key = next;
		if (ARRAY_RESERVE(all->list, all->count, all->capacity))
			return -ENOMEM;
		all->list[all->count++] = key;
	}
	return 0;
}

int opens_list(const struct capture_maps *m, uint64_t **ret_cookies, size_t *ret_count)
{
	struct cookies all = {};

	if (add_keys(m->opens, &all) || add_keys(m->baselines, &all)) {
		free(all.list);
		return -ENOMEM;
	}
	*ret_cookies = all.list;
	*ret_count = all.count;
	return 0;
}

int opens_read(const struct capture_maps *m, uint64_t cookie, struct sekisho_opens *ret_sum)
{
	int cpus = libbpf_num_possible_cpus(), error = 0;
	struct sekisho_opens *per_cpu = calloc((size_t)cpus, sizeof(*per_cpu)), sum = {};

	if (!per_cpu)
		return -ENOMEM;
	if (bpf_map_lookup_elem(m->opens, &cookie, per_cpu))
		error = -errno;
	for (int cpu = 0; cpu < cpus; cpu++) {
		sum.made += per_cpu[cpu].made;
		for (size_t i = 0; i < SEKISHO_OUTCOMES; i++)
			sum.left[i] += per_cpu[cpu].left[i];
	}
	free(per_cpu);
	if (!error)
		*ret_sum = sum;
	return error;
}

uint64_t opens_left(const struct sekisho_opens *o)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < SEKISHO_OUTCOMES; i++)
		sum += o->left[i];
	return sum;
}

int opens_baseline(const struct capture_maps *m, uint64_t cookie, struct sekisho_baseline *ret_baseline)
{
	return bpf_map_lookup_elem(m->baselines, &cookie, ret_baseline) ? -errno : 0;
}

int opens_set_baseline(const struct capture_maps *m, uint64_t cookie, const struct sekisho_baseline *b)
{
	return bpf_map_update_elem(m->baselines, &cookie, b, BPF_ANY) ? -errno : 0;
}
