/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reconciliation: what the kernel itself counts (TcpPassiveOpens) against what the hook saw, in every network
 * namespace that a tenant's selector names and in the node's own.
 *
 * Ours is read before and after the kernel's, and what the kernel has more than that is a residue (base/residue.h):
 * openings that the hook did not see. A child of Fast Open (RFC 7413) is counted by the kernel when it is made, and
 * leaves when its handshake ends: while there are some, the kernel's count is compared with the children that were seen
 * made, which are as many whoever is under way. That tells nothing of those that were seen made and not seen to leave;
 * they are a residue when all that were under way must have left.
 */
#ifndef SEKISHO_RECONCILE_H
#define SEKISHO_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/residue.h"
#include "capture/capture.h"
#include "capture/passive_opens.h"
#include "places.h"

/* One look at a namespace. */
struct reconcile_look {
	int64_t boot_ns;
	uint64_t left_before, left_after; /* openings that the hook saw, read before and after the kernel's */
	uint64_t made_before, made_after; /* children that it saw made */
	uint64_t passive; /* TcpPassiveOpens */
	uint64_t fastopens; /* how many of those were Fast Open */
};

/* What is known of one namespace. */
struct reconciled {
	uint64_t cookie;
	char *path; /* NULL: the node's own */
	uint32_t tenant; /* whom its openings concern; 0 = it cannot be told */
	struct residue left; /* the kernel's count less those that left; its baseline is kept in the kernel */
	struct residue made; /* less those that were made */
	bool doubted; /* as of the last look: the kernel counted more than left and is accounted for */
	unsigned int failed; /* looks in a row that could not read the counts */
	int error; /* negative errno of the last */
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
	struct passive_opens own; /* the node's own namespace, kept open; cookie 0 = not yet */
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
	size_t namespaces, doubted, unread; /* doubted: with more than left, of which it is not certain yet that it was missed */
	int error; /* of one that is unread, negative errno */
	uint64_t left[SEKISHO_OUTCOMES]; /* of all of them, since each was first looked at */
	uint64_t not_seen, vanished, elsewhere;
};
void reconcile_status(const struct reconcile *r, struct reconcile_status *ret_status);

#endif
