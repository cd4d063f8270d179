// SPDX-License-Identifier: BSD-2-Clause
/* Who has how much of the ring. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "shares.h"

#define SLOTS SEKISHO_TENANTS_MAX
#define MAP_BYTES (SLOTS * sizeof(struct sekisho_share))
#define LOOKS_MAX 1000 /* each sets all slots: some 10 ms in all, in which nobody reads the ring */

struct shares {
	struct sekisho_share *slots; /* shared with the programs */
	uint64_t *bytes; /* by slot: of records that were read, or found in the ring */
	uint32_t *touched; /* slots whose bytes are not 0 */
	size_t touched_count;
};

uint64_t shares_limit(uint64_t ring_bytes, unsigned int cpus)
{
	/* On each a program in process context and one in a softirq that interrupts it. */
	uint64_t quarter = ring_bytes / 4;
	uint64_t slack = 2 * (uint64_t)cpus * (sizeof(struct sekisho_close_event) + BPF_RINGBUF_HDR_SZ);

	return slack < quarter / 2 ? quarter - slack : quarter / 2;
}

int shares_open(int map_fd, struct shares **ret_shares, struct problem *p)
{
	struct shares *s = calloc(1, sizeof(*s));
	void *slots = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	int error = slots == MAP_FAILED ? -errno : 0;

	if (s && !error) {
		s->slots = slots;
		s->bytes = calloc(SLOTS, sizeof(*s->bytes));
		s->touched = calloc(SLOTS, sizeof(*s->touched));
	}
	if (s && !error && s->bytes && s->touched) {
		*ret_shares = s;
		return 0;
	}
	if (!s && !error)
		(void)munmap(slots, MAP_BYTES);
	shares_close(s);
	if (!error)
		return problem(p, -ENOMEM, "out of memory");
	return problem(p, error, "cannot map the shares of the ring: %s", strerror(-error));
}

void shares_close(struct shares *s)
{
	if (!s)
		return;
	if (s->slots)
		(void)munmap(s->slots, MAP_BYTES);
	free(s->bytes);
	free(s->touched);
	free(s);
}

/*
 * Open addressing from the tenant's number on, which is small and counted up: nearly always the first
 * place. A place is never made free again, only another's, so nobody's search ends too early.
 */
static uint32_t find(const struct shares *s, uint32_t tenant, uint32_t *ret_free)
{
	*ret_free = SLOTS;
	for (uint32_t i = 0; i < SLOTS; i++) {
		uint32_t slot = (tenant + i) % SLOTS;

		if (s->slots[slot].tenant == tenant)
			return slot;
		if (!s->slots[slot].tenant) {
			*ret_free = slot;
			break;
		}
	}
	return SLOTS;
}

static uint64_t produced(const struct sekisho_share *share)
{
	return __atomic_load_n(&share->produced, __ATOMIC_ACQUIRE);
}

static void set_consumed(struct sekisho_share *share, uint64_t consumed)
{
	__atomic_store_n(&share->consumed, consumed, __ATOMIC_RELEASE);
}

uint32_t shares_slot(struct shares *s, uint32_t tenant, bool (*granted)(void *ctx, uint32_t tenant), void *ctx)
{
	uint32_t free_slot, slot = find(s, tenant, &free_slot);

	if (slot < SLOTS)
		return slot;
	for (uint32_t i = 0; i < SLOTS && free_slot == SLOTS; i++)
		if (produced(&s->slots[i]) == s->slots[i].consumed && !granted(ctx, s->slots[i].tenant))
			free_slot = i;
	if (free_slot < SLOTS)
		s->slots[free_slot].tenant = tenant;
	return free_slot;
}

static void add(struct shares *s, uint32_t slot, uint64_t bytes)
{
	if (!s->bytes[slot])
		s->touched[s->touched_count++] = slot;
	s->bytes[slot] += bytes;
}

/* What is too short to name a tenant is not of our programs, and none of theirs was counted for it. */
void shares_read(struct shares *s, const void *data, uint32_t size)
{
	const struct sekisho_event *e = data;
	uint32_t none, slot;

	if (size < sizeof(*e) || !e->tenant)
		return;
	slot = find(s, e->tenant, &none);
	if (slot < SLOTS)
		add(s, slot, size + BPF_RINGBUF_HDR_SZ);
}

void shares_kept(struct shares *s)
{
	for (size_t i = 0; i < s->touched_count; i++)
		s->bytes[s->touched[i]] = 0;
	s->touched_count = 0;
}

void shares_released(struct shares *s)
{
	for (size_t i = 0; i < s->touched_count; i++) {
		uint32_t slot = s->touched[i];

		set_consumed(&s->slots[slot], s->slots[slot].consumed + s->bytes[slot]);
	}
	shares_kept(s);
}

static void set_all(struct shares *s)
{
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		if (s->slots[slot].tenant)
			set_consumed(&s->slots[slot], produced(&s->slots[slot]) - s->bytes[slot]);
}

/*
 * A record that is finished has been counted (share_take()). So what is set is right when, up to the end of
 * setting, nothing was reserved behind the last record that was looked at.
 */
int shares_recount(struct shares *s, const struct ring *ring)
{
	uint64_t position = ring_consumer(ring);
	const void *data;
	uint32_t size;
	int error = -EAGAIN;

	shares_kept(s);
	for (unsigned int looks = 0; error == -EAGAIN && looks < LOOKS_MAX; looks++) {
		int state;

		while ((state = ring_next(ring, &position, &data, &size)) > 0)
			if (data)
				shares_read(s, data, size);
		set_all(s);
		if (state < 0)
			error = state;
		else if (ring_producer(ring) == position)
			error = 0;
	}
	shares_kept(s);
	return error;
}
