/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF side as user space sees it: programs attached by the best rung that
 * works, maps and link pinned so that recording outlives this process, tenants
 * switched on and off, losses counted.
 */
#ifndef SEKISHO_CAPTURE_H
#define SEKISHO_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/selector.h"
#include "base/problem.h"
#include "base/residue.h"
#include "ring.h"
#include "shares.h"
#include "schema/event.h"

struct capture_options {
	const char *pin_dir; /* on bpffs; made if missing, bpffs mounted on /sys/fs/bpf if needed */
	enum sekisho_rung hook; /* SEKISHO_RUNG_NONE: the best that works */
	bool witness; /* beside set_state: count what sock_ops sees, too */
	uint64_t ring_bytes; /* power of two; a ring that is pinned already keeps its size */
};

/* What was found at the pins. */
enum capture_start {
	CAPTURE_FRESH, /* nothing was armed before: a gap up to now */
	CAPTURE_CONTINUED, /* the same hook went on without us (a new build took over by overlap): no gap */
	CAPTURE_REPLACED, /* another hook was armed and has been exchanged: a short gap */
};

struct ask;
struct capture;

/*
 * Loads, attaches and pins. -EPERM, -EOPNOTSUPP, ... and *p when no rung works (the text lists each
 * rung tried and why it failed). -EXDEV: not in this time namespace (time_space.h). `ret_notes` (may be NULL) takes what was odd but not fatal.
 */
int capture_open(const struct capture_options *o, struct capture **ret_capture,
		 struct problem *ret_notes, struct problem *p);
void capture_close(struct capture *c); /* keeps the pins: the kernel goes on recording into the ring */

/* For a process that took the capture over by fork() and lacks the rights: it asks the warden (borrowed) for them. */
void capture_set_ask(struct capture *c, struct ask *ask);
struct ask *capture_ask(const struct capture *c); /* or NULL */
/* What is armed has a recorder: the next one goes on with it. */
void capture_set_continued(struct capture *c);

struct ring *capture_ring(struct capture *c);
struct shares *capture_shares(struct capture *c);
int capture_ring_fd(const struct capture *c); /* for poll */
uint64_t capture_ring_id(const struct capture *c);
enum sekisho_rung capture_rung(const struct capture *c);
enum capture_start capture_how_started(const struct capture *c);
/* Whether our program is still attached and pinned; false also after a foreign unpin. */
bool capture_armed(struct capture *c);

struct capture_tenant {
	uint32_t tenant, consent, fields;
	uint64_t until_boot_ns;
	const struct selector *selectors;
	size_t selector_count;
};

/* A cgroup or network namespace and whose it is. */
struct capture_place {
	uint64_t id;
	uint32_t kind; /* enum sekisho_place_kind */
	uint32_t tenant; /* 0 = nobody: its connections are not recorded, whatever else matches */
};

/* All that the maps are to say. */
struct capture_wanted {
	const struct capture_tenant *tenants; /* of their selectors the addresses count here */
	size_t tenant_count;
	/* Selectors of those who are not to be recorded: each shuts its addresses out of a wider one. */
	const struct selector *closed;
	size_t closed_count;
	const struct capture_place *places; /* in the order of capture_place_compare(), each id once */
	size_t place_count;
};
int capture_place_compare(const void *a, const void *b); /* by kind and id, for qsort */

/*
 * Makes the maps say exactly this and no more. What is to go goes first; a grant that takes over replaces
 * the one before in one step at the end, so that nothing is missed: until then events come under the old
 * number, for the caller to judge by their time. 0 or negative errno and *p; then grants may be missing,
 * but none is live that should not be.
 */
int capture_set_tenants(struct capture *c, const struct capture_wanted *wanted, struct problem *p);
/* The places alone, while all else stays: what is to go goes first. */
int capture_set_places(struct capture *c, const struct capture_place *places, size_t count,
		       struct problem *p);
/* What an earlier run left, into an array the caller frees. */
int capture_places(struct capture *c, struct capture_place **ret_places, size_t *ret_count);
/* Whether the kernel has any grant. */
bool capture_has_grants(const struct capture *c);
/* Ends one tenant's grant in the kernel at once. */
int capture_revoke(struct capture *c, uint32_t tenant);
/* The same through the pins, without a daemon; 0 also when nothing is pinned. */
int capture_revoke_pinned(const char *pin_dir, uint32_t tenant);

void capture_set_loopback(struct capture *c, bool record_loopback);
void capture_heartbeat(struct capture *c, uint64_t until_boot_ns);
/* Whose connections are canaries, by the cookie of their namespace; 0 = nobody's. */
void capture_set_canary(struct capture *c, uint64_t netns_cookie);
uint64_t capture_canary_bytes(const struct capture *c); /* that canaries ever took in the ring */
/* The maps themselves, for what has a header of its own (opens.h). */
struct capture_maps;
const struct capture_maps *capture_maps_of(const struct capture *c);

struct capture_loss {
	uint32_t tenant, reason; /* enum sekisho_loss_reason */
	uint64_t total; /* since the ring was made */
	uint64_t first_boot_ns, last_boot_ns;
};
/* Changes whenever a counter has changed: one load instead of a walk over the map. */
uint64_t capture_loss_changes(const struct capture *c);
/* All counters that are not zero, into an array the caller frees. */
int capture_losses(struct capture *c, struct capture_loss **ret_losses, size_t *ret_count);
/*
 * Counts `more->total` more under a reason that is the collector's own (SEKISHO_LOSS_NOT_SEEN), as if a program had.
 * `stated`: the total that gaps have stated already; what they have not is from where it was first counted on.
 * -E2BIG: counters of former tenants fill the map, and this tenant has none; tenant 0 always has.
 */
int capture_count_loss(struct capture *c, const struct capture_loss *more, uint64_t stated);
/*
 * How often the kernel skipped our program because it was running on that CPU already, where that can mean a lost event;
 * for set_state, whose other program takes over (accept.bpf.c), what it missed by the witness. 0 or negative errno.
 */
int capture_skipped(const struct capture *c, uint64_t *ret_skipped);

/*
 * Two hooks side by side (`witness = yes`): passive openings covered by a grant, by set_state, which emits them, and
 * by sock_ops, which does not. Counted since the ring was made, but for the instants of a start.
 */
struct capture_witness {
	bool on;
	uint64_t by_hook, by_witness;
	uint64_t missed; /* by the hook: certain, see witness.h */
};
/* As of the last look. */
void capture_witness(const struct capture *c, struct capture_witness *ret_witness);
/* A look that judges nothing: those that do are some time apart. */
void capture_look_at_witness(struct capture *c);
/* Before the first look; goes on from where an earlier run agreed. `stated`: the misses that gaps have stated already. */
void capture_begin_witness(struct capture *c, uint64_t stated);
/* Behind the statement of what was missed: whoever is killed in between states it again rather than never. */
void capture_keep_witness(struct capture *c);
/* One look, of some a second apart: true when there are new misses. */
bool capture_judge_witness(struct capture *c, struct residue_missed *ret_missed);

/* Ends every grant in the kernel; what waits in the ring stays there. */
void capture_end_grants(struct capture *c);
bool capture_is_pinned(const char *pin_dir);

/* Empties the maps, detaches, removes all pins. 1 when something was there, 0 when nothing was. */
int capture_disarm(const char *pin_dir, struct problem *p);

#endif
