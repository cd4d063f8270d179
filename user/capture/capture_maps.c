// SPDX-License-Identifier: BSD-2-Clause
/* Bringing the pinned maps to the state that configuration and consent ask for. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "capture_maps.h"

void capture_maps_close(struct capture_maps *m)
{
	const int fds[] = { m->events, m->selectors, m->places, m->grants, m->shares,
			    m->losses, m->control, m->opens, m->baselines, m->seen };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static struct sekisho_selector_key selector_key(const struct selector *s)
{
	struct sekisho_selector_key key = {};
	int v4 = addr_is_v4(&s->prefix.addr) && s->prefix.bits >= 96;
	uint8_t bits = v4 ? (uint8_t)(s->prefix.bits - 96) : s->prefix.bits;

	key.prefix_bits = SEKISHO_SELECTOR_FIXED_BITS + bits;
	key.port_be[0] = (uint8_t)(s->port >> 8);
	key.port_be[1] = (uint8_t)s->port;
	key.family = v4 ? 4 : 6;
	memcpy(key.addr, s->prefix.addr.bytes + (v4 ? 12 : 0), v4 ? 4 : 16);
	return key;
}

static const struct capture_tenant *find(const struct capture_wanted *w, uint32_t tenant)
{
	for (size_t i = 0; i < w->tenant_count; i++)
		if (w->tenants[i].tenant == tenant)
			return &w->tenants[i];
	return NULL;
}

/*
 * Applies keep() to every key of a map and deletes those it refuses. A deletion restarts the walk
 * from the front, as the key it would go on from is gone; keys only get fewer, so it ends.
 */
static int sweep(int fd, void *key, size_t key_size, void *next, int (*keep)(void *ctx, void *key),
		 void *ctx)
{
	void *from = NULL;

	while (bpf_map_get_next_key(fd, from, next) == 0) {
		if (keep(ctx, next)) {
			memcpy(key, next, key_size);
			from = key;
			continue;
		}
		if (bpf_map_delete_elem(fd, next) && errno != ENOENT)
			return -errno;
		from = NULL;
	}
	return 0;
}

struct sweep_for {
	const struct capture_maps *maps;
	const struct capture_wanted *wanted;
};

/* A grant stays only if it is still the same; a changed one is taken out while selectors change. */
static int keep_tenant(void *ctx, void *key)
{
	return find(((const struct sweep_for *)ctx)->wanted, *(const uint32_t *)key) != NULL;
}

static int keep_grant(void *ctx, void *key)
{
	const struct sweep_for *s = ctx;
	const struct capture_tenant *t = find(s->wanted, *(const uint32_t *)key);
	struct sekisho_grant grant;

	return t && bpf_map_lookup_elem(s->maps->grants, key, &grant) == 0 &&
	       grant.consent == t->consent && grant.fields == t->fields;
}

static int has_key(const struct selector *selectors, size_t count, const void *key)
{
	for (size_t i = 0; i < count; i++) {
		struct sekisho_selector_key own = selector_key(&selectors[i]);

		if (selectors[i].kind == SELECTOR_ADDRESS && memcmp(&own, key, sizeof(own)) == 0)
			return 1;
	}
	return 0;
}

static int keep_selector(void *ctx, void *key)
{
	const struct capture_wanted *w = ((const struct sweep_for *)ctx)->wanted;

	for (size_t i = 0; i < w->tenant_count; i++)
		if (has_key(w->tenants[i].selectors, w->tenants[i].selector_count, key))
			return 1;
	return has_key(w->closed, w->closed_count, key);
}

/* Tenant 0 is nobody: the program finds the selector, and no grant. */
static int add_selectors(const struct capture_maps *m, uint32_t tenant,
			 const struct selector *selectors, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct sekisho_selector_key key = selector_key(&selectors[i]);
		struct sekisho_selector value = {
			.tenant = tenant,
			.address_bits = key.prefix_bits - SEKISHO_SELECTOR_FIXED_BITS,
		};

		if (selectors[i].kind == SELECTOR_ADDRESS &&
		    bpf_map_update_elem(m->selectors, &key, &value, BPF_ANY))
			return -errno;
	}
	return 0;
}

int capture_place_compare(const void *a, const void *b)
{
	const struct capture_place *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

struct place_list {
	const struct capture_place *list;
	size_t count;
};

static int keep_place(void *ctx, void *key)
{
	const struct place_list *wanted = ctx;
	const struct sekisho_place_key *k = key;
	const struct capture_place probe = { .id = k->id, .kind = k->kind };

	return wanted->count && bsearch(&probe, wanted->list, wanted->count, sizeof(probe),
					capture_place_compare);
}

/* Those of nobody, or all others. */
static int add_places(const struct capture_maps *m, const struct capture_place *places, size_t count,
		      bool nobody)
{
	for (size_t i = 0; i < count; i++) {
		struct sekisho_place_key key = { .id = places[i].id, .kind = places[i].kind };

		if ((places[i].tenant == 0) == nobody &&
		    bpf_map_update_elem(m->places, &key, &places[i].tenant, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* Takes out what is to go; afterwards nobody's places are closed. */
static int clear_places(const struct capture_maps *m, const struct capture_place *places, size_t count)
{
	struct place_list wanted = { places, count };
	struct sekisho_place_key key, next;
	int error = add_places(m, places, count, true);

	return error ? error : sweep(m->places, &key, sizeof(key), &next, keep_place, &wanted);
}

int capture_maps_set_places(const struct capture_maps *m, const struct capture_place *places,
			    size_t count)
{
	int error = clear_places(m, places, count);

	return error ? error : add_places(m, places, count, false);
}

int capture_maps_places(const struct capture_maps *m, struct capture_place **ret_places,
			size_t *ret_count)
{
	struct sekisho_place_key key, next, *from = NULL;
	struct capture_place *places = NULL;
	size_t count = 0, capacity = 0;

	while (bpf_map_get_next_key(m->places, from, &next) == 0) {
		key = next;
		from = &key;
		if (ARRAY_RESERVE(places, count, capacity)) {
			free(places);
			return -ENOMEM;
		}
		places[count] = (struct capture_place){ .id = key.id, .kind = key.kind };
		if (bpf_map_lookup_elem(m->places, &key, &places[count].tenant) == 0)
			count++;
	}
	*ret_places = places;
	*ret_count = count;
	return 0;
}

/*
 * Counters are never taken back, so those of former tenants may fill the map: whoever has none is counted
 * with the node (count_loss()), which makes a gap of everybody.
 */
static int add_counter(const struct capture_maps *m, uint32_t tenant, uint32_t reason)
{
	struct sekisho_loss_key key = { .tenant = tenant, .reason = reason };
	struct sekisho_loss *zero = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*zero));
	int error = 0;

	if (!zero)
		return -ENOMEM;
	if (bpf_map_update_elem(m->losses, &key, zero, BPF_NOEXIST) && errno != EEXIST && errno != E2BIG)
		error = -errno;
	free(zero);
	return error;
}

static int add_counters(const struct capture_maps *m, uint32_t tenant, bool closes)
{
	int error = add_counter(m, tenant, SEKISHO_LOSS_RING_FULL);

	if (!error)
		error = add_counter(m, tenant, SEKISHO_LOSS_SHARE);
	if (!error)
		error = add_counter(m, tenant, SEKISHO_LOSS_ORPHANED);
	return error || !closes ? error : add_counter(m, tenant, SEKISHO_LOSS_CLOSE);
}

static bool has_grant(void *ctx, uint32_t tenant)
{
	const struct capture_maps *m = ctx;
	struct sekisho_grant grant;

	return bpf_map_lookup_elem(m->grants, &tenant, &grant) == 0;
}

static int add_grant(const struct capture_maps *m, const struct capture_tenant *t)
{
	struct sekisho_grant grant = {
		.until_boot_ns = t->until_boot_ns,
		.consent = t->consent,
		.fields = t->fields,
		.slot = shares_slot(m->of_ring, t->tenant, has_grant, (void *)m),
	};

	return bpf_map_update_elem(m->grants, &t->tenant, &grant, BPF_ANY) ? -errno : 0;
}

static int set_all(const struct capture_maps *m, const struct capture_wanted *w)
{
	struct sweep_for sweep_for = { .maps = m, .wanted = w };
	struct sekisho_selector_key selector, next_selector;
	uint32_t tenant, next_tenant;
	int error = sweep(m->grants, &tenant, sizeof(tenant), &next_tenant, keep_tenant, &sweep_for);

	/* A closed selector goes in before any wider one that is recorded. */
	if (!error)
		error = add_selectors(m, 0, w->closed, w->closed_count);
	if (!error)
		error = sweep(m->selectors, &selector, sizeof(selector), &next_selector,
			      keep_selector, &sweep_for);
	if (!error)
		error = capture_maps_set_places(m, w->places, w->place_count);
	if (!error)
		error = add_counters(m, 0, true);
	if (!error)
		error = add_counter(m, 0, SEKISHO_LOSS_NOT_SEEN);
	for (size_t i = 0; i < w->tenant_count && !error; i++) {
		const struct capture_tenant *t = &w->tenants[i];

		error = add_selectors(m, t->tenant, t->selectors, t->selector_count);
		if (!error)
			error = add_counters(m, t->tenant, t->fields & SEKISHO_FIELD_CLOSE);
	}
	for (size_t i = 0; i < w->tenant_count && !error; i++)
		error = add_grant(m, &w->tenants[i]);
	return error;
}

/*
 * A grant that takes over replaces the one before in one step, when all else is set: the tenant is recorded
 * throughout, and what comes under the old number meanwhile is judged by its time (consents_covering()).
 */
int capture_maps_set(const struct capture_maps *m, const struct capture_wanted *w)
{
	struct sweep_for sweep_for = { .maps = m, .wanted = w };
	uint32_t tenant, next_tenant;
	int error = set_all(m, w);

	if (error)
		(void)sweep(m->grants, &tenant, sizeof(tenant), &next_tenant, keep_grant, &sweep_for);
	return error;
}

/* Sums one counter over the CPUs. */
static int read_loss(const struct capture_maps *m, const struct sekisho_loss_key *key,
		     struct sekisho_loss *per_cpu, int cpus, struct capture_loss *ret_loss)
{
	*ret_loss = (struct capture_loss){ .tenant = key->tenant, .reason = key->reason };
	if (bpf_map_lookup_elem(m->losses, key, per_cpu))
		return -errno;
	for (int cpu = 0; cpu < cpus; cpu++) {
		const struct sekisho_loss *l = &per_cpu[cpu];

		if (!l->count)
			continue;
		if (!ret_loss->total || l->first_boot_ns < ret_loss->first_boot_ns)
			ret_loss->first_boot_ns = l->first_boot_ns;
		if (l->last_boot_ns > ret_loss->last_boot_ns)
			ret_loss->last_boot_ns = l->last_boot_ns;
		ret_loss->total += l->count;
	}
	return 0;
}

/* No program counts these: the first CPU's place has them all. */
int capture_maps_count_loss(const struct capture_maps *m, const struct capture_loss *more, uint64_t stated)
{
	const struct sekisho_loss_key key = { .tenant = more->tenant, .reason = more->reason };
	struct sekisho_loss *per_cpu = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*per_cpu));
	int error = 0;

	if (!per_cpu)
		return -ENOMEM;
	if (bpf_map_lookup_elem(m->losses, &key, per_cpu) && errno != ENOENT)
		error = -errno;
	if (per_cpu->count == stated || more->first_boot_ns < per_cpu->first_boot_ns)
		per_cpu->first_boot_ns = more->first_boot_ns;
	if (more->last_boot_ns > per_cpu->last_boot_ns)
		per_cpu->last_boot_ns = more->last_boot_ns;
	per_cpu->count += more->total;
	if (!error && bpf_map_update_elem(m->losses, &key, per_cpu, BPF_ANY))
		error = -errno;
	free(per_cpu);
	return error;
}

int capture_maps_losses(const struct capture_maps *m, struct capture_loss **ret_losses,
			size_t *ret_count)
{
	int cpus = libbpf_num_possible_cpus();
	struct sekisho_loss *per_cpu = cpus > 0 ? calloc((size_t)cpus, sizeof(*per_cpu)) : NULL;
	struct sekisho_loss_key key, next, *from = NULL;
	struct capture_loss *losses = NULL, loss;
	size_t count = 0, capacity = 0;

	if (!per_cpu)
		return -ENOMEM;
	while (bpf_map_get_next_key(m->losses, from, &next) == 0) {
		key = next;
		from = &key;
		if (read_loss(m, &key, per_cpu, cpus, &loss) == 0 && loss.total) {
			if (ARRAY_RESERVE(losses, count, capacity)) {
				free(losses);
				free(per_cpu);
				return -ENOMEM;
			}
			losses[count++] = loss;
		}
	}
	free(per_cpu);
	*ret_losses = losses;
	*ret_count = count;
	return 0;
}

uint64_t capture_maps_seen(const struct capture_maps *m, uint32_t index)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *per_cpu = cpus > 0 ? calloc((size_t)cpus, sizeof(*per_cpu)) : NULL, sum = 0;

	if (per_cpu && bpf_map_lookup_elem(m->seen, &index, per_cpu) == 0)
		for (int cpu = 0; cpu < cpus; cpu++)
			sum += per_cpu[cpu];
	free(per_cpu);
	return sum;
}
