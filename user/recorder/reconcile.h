/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reconciliation: what the kernel itself counts (TcpPassiveOpens) against what the hook saw, in every network
 * namespace that a tenant's selector names and in the node's own.
 *
 * Ours is read before and after the kernel's: the difference of the two then lies between two bounds, which
 * are one number while nothing is being opened. It never shrinks unless an opening was counted twice, so a
 * lower bound above what is accounted for is a residue: openings that the hook did not see. It must hold for
 * some looks in a row, as a processor may stop for a moment between the kernel's count and ours. A child of
 * Fast Open (RFC 7413) is counted by the kernel when it is made and by us when its handshake ends: while there
 * are some, those under way are allowed for.
 */
#ifndef SEKISHO_RECONCILE_H
#define SEKISHO_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "capture/capture.h"
#include "places.h"

#define RECONCILE_LOOKS 5

/* One look at a namespace. */
struct reconcile_look {
	int64_t boot_ns;
	uint64_t left_before, left_after; /* openings that the hook saw, read before and after the kernel's */
	uint64_t made_after; /* children that it saw made */
	uint64_t passive; /* TcpPassiveOpens */
	uint64_t fastopens; /* how many of those were Fast Open */
};

/* What is known of one namespace. */
struct reconciled {
	uint64_t cookie;
	char *path; /* NULL: the node's own */
	uint32_t tenant; /* whom its openings concern; 0 = it cannot be told */
	struct sekisho_baseline baseline;
	bool known; /* the baseline is */
	uint64_t residue; /* of the last looks, the least; 0 = it agrees */
	unsigned int looks; /* in a row that had one */
	int64_t residue_boot_ns; /* the first of them */
	uint64_t fastopens;
	int64_t fastopen_boot_ns; /* when that number had changed; 0 = no Fast Open yet */
	struct sekisho_opens opens; /* as of the last look */
};

/* Openings that the hook did not see, between two instants (CLOCK_BOOTTIME). */
struct not_seen {
	uint64_t count;
	uint64_t first_boot_ns, last_boot_ns;
	uint32_t tenant;
};

/* True, and *ret_missed, when a residue is certain; the baseline then accounts for it. */
bool reconcile_judge(struct reconciled *n, const struct reconcile_look *look, struct not_seen *ret_missed);

struct reconcile {
	bool on; /* the hook in use counts all that the kernel counts */
	uint64_t own; /* the cookie of the node's own namespace; 0 = not known yet */
	struct reconciled *list;
	size_t count;
	size_t next; /* to be looked at */
	uint64_t not_seen; /* since the start */
	uint64_t vanished; /* namespaces that went without a last look, since the start */
	uint64_t elsewhere; /* recorded or lost in namespaces that are not reconciled */
};

/*
 * Looks at just these from now on: the node's own namespace and those of `places` that are covered. What an earlier run
 * left goes on from its baseline. 0 or negative errno.
 */
int reconcile_set(struct reconcile *r, struct capture *capture, const struct places *places);
/* Looks at the next few and calls `missed` for each residue; a failure of that (not 0) leaves it for the next look. */
void reconcile_look(struct reconcile *r, struct capture *capture,
		    int (*missed)(void *ctx, const struct not_seen *what), void *ctx);
/* How long until the next look (ns). */
int64_t reconcile_interval(const struct reconcile *r);
void reconcile_done(struct reconcile *r);

struct reconcile_status {
	bool on;
	size_t namespaces, doubted; /* doubted: with a residue that is not certain yet */
	struct sekisho_opens opens; /* of all of them, since each was first looked at */
	uint64_t not_seen, vanished, elsewhere;
};
void reconcile_status(const struct reconcile *r, struct reconcile_status *ret_status);

#endif
