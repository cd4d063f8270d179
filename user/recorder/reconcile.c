// SPDX-License-Identifier: BSD-2-Clause
/* The kernel's count of openings against ours. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/utc.h"
#include "capture/opens.h"
#include "capture/passive_opens.h"
#include "reconcile.h"

/*
 * Longer than a child of Fast Open can wait for the end of its handshake: with tcp_synack_retries = 5 and one more for
 * Fast Open, that is 127 s (tcp_fastopen_synack_timer).
 */
#define FASTOPEN_NS (300 * NS_PER_SEC)

#define LOOK_NS (NS_PER_SEC)
#define LOOK_AGAIN_NS (NS_PER_SEC / 5)
#define LOOK_AT_MAX 4 /* at a time: the ring waits meanwhile; with more of them the looks at each are further apart */

static bool fastopen_is_near(struct reconciled *n, const struct reconcile_look *look)
{
	if (look->fastopens != n->fastopens) {
		n->fastopens = look->fastopens;
		n->fastopen_boot_ns = look->boot_ns;
	}
	return n->fastopen_boot_ns && look->boot_ns - n->fastopen_boot_ns < FASTOPEN_NS;
}

/*
 * What was made and did not leave is under way, or was seen but once, or counted twice: which, is known only when all
 * that the kernel counted has left. In a run that has not seen that yet, none more than left.
 */
static void settle_made(struct reconciled *n, const struct reconcile_look *look, int64_t left_high, int64_t made_high)
{
	struct residue *made = &n->made;

	if (!made->known) {
		made->baseline = n->left.baseline;
		if (look->left_after > look->made_before)
			made->baseline.offset += (int64_t)(look->left_after - look->made_before);
		made->known = true; /* or what was missed before this look would count as accounted for */
	}
	residue_lower(made, made_high);
	if (left_high == n->left.baseline.offset)
		made->baseline.offset = made_high;
}

bool reconcile_judge(struct reconciled *n, const struct reconcile_look *look, struct not_seen *ret_missed)
{
	int64_t high = (int64_t)(look->passive - look->left_before), low = (int64_t)(look->passive - look->left_after);
	int64_t made_high = (int64_t)(look->passive - look->made_before);
	int64_t made_low = (int64_t)(look->passive - look->made_after);
	bool stated = false, near = fastopen_is_near(n, look);
	struct residue_missed missed;

	residue_lower(&n->left, high);
	settle_made(n, look, high, made_high);
	if (low <= n->left.baseline.offset) {
		residue_agree(&n->left, look->boot_ns);
		residue_agree(&n->made, look->boot_ns);
	} else if (near) {
		n->left.looks = 0;
		stated = residue_judge(&n->made, made_high, made_low, look->boot_ns, &missed);
		if (stated)
			n->left.baseline.offset += (int64_t)missed.count;
	} else {
		n->made.looks = 0;
		stated = residue_judge(&n->left, high, low, look->boot_ns, &missed);
		if (stated)
			n->made.baseline.offset = made_high;
	}
	n->doubted = low > n->left.baseline.offset;
	if (stated)
		*ret_missed = (struct not_seen){ missed.count, missed.first_boot_ns, missed.last_boot_ns, n->tenant };
	return stated;
}

/* --- Which namespaces --- */

static struct reconciled *find(struct reconcile *r, uint64_t cookie)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->list[i].cookie == cookie)
			return &r->list[i];
	return NULL;
}

/* A cgroup's selector goes before that of a namespace, so with one it cannot be told whose an opening was. */
static bool has_cgroups(const struct places *places)
{
	for (size_t i = 0; i < places->wanted_count; i++)
		if (places->wanted[i].kind == SEKISHO_PLACE_CGROUP)
			return true;
	return false;
}

static bool is_reconciled(const struct place *at)
{
	return at->tenant && at->selector.kind == SELECTOR_NETNS && at->state == PLACE_COVERED;
}

static int find_own(const struct capture *capture, struct passive_opens *ret_own)
{
	struct passive_opens own = {};

	passive_opens_open(capture_ask(capture), &own, 1);
	if (own.error)
		passive_opens_close(&own, 1);
	else
		*ret_own = own;
	return own.error;
}

/* On failure the list is what it was. */
static int make_list(const struct places *places, struct reconcile *new)
{
	const uint64_t own = new->own.cookie;
	bool shared = has_cgroups(places);

	new->list = calloc(places->count + 1, sizeof(*new->list));
	if (!new->list)
		return -ENOMEM;
	new->list[0].cookie = own;
	new->count = 1;
	for (size_t i = 0; i < places->count; i++) {
		const struct place *at = &places->list[i];
		struct reconciled *n = is_reconciled(at) ? find(new, at->id) : NULL;

		if (!is_reconciled(at) || (n && n->cookie != own))
			continue;
		if (!n) {
			n = &new->list[new->count++];
			n->cookie = at->id;
			n->path = strdup(at->selector.name);
		}
		n->tenant = shared ? 0 : at->tenant;
	}
	return 0;
}

static void free_list(struct reconciled *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i].path);
	free(list);
}

/* Takes over what is known of a namespace: from before, or from an earlier run. */
static void recall(struct reconcile *old, const struct capture_maps *maps, struct reconciled *n)
{
	const struct reconciled *before = find(old, n->cookie);
	char *path = n->path;
	uint32_t tenant = n->tenant;

	if (before) {
		*n = *before;
		n->path = path;
		n->tenant = tenant;
	} else {
		n->left.known = opens_baseline(maps, n->cookie, &n->left.baseline) == 0;
	}
}

/* Selectors that named the namespace still name it, but it is not there. */
static bool is_gone(const struct reconciled *n, const struct places *places)
{
	for (size_t i = 0; n->path && i < places->count; i++)
		if (places->list[i].tenant && places->list[i].selector.kind == SELECTOR_NETNS &&
		    strcmp(places->list[i].selector.name, n->path) == 0)
			return true;
	return false;
}

static void forget_others(struct reconcile *new, const struct capture_maps *maps)
{
	uint64_t *cookies;
	size_t count;

	if (opens_list(maps, &cookies, &count))
		return;
	for (size_t i = 0; i < count; i++)
		if (!new->on || (cookies[i] && !find(new, cookies[i])))
			opens_forget(maps, cookies[i]);
	free(cookies);
}

static void tell_gone(struct reconcile *old, struct reconcile *new, const struct places *places)
{
	char since[UTC_TEXT_MAX];

	for (size_t i = 0; i < old->count; i++) {
		const struct reconciled *n = &old->list[i];
		int64_t ago = boot_now_ns() - (int64_t)n->left.baseline.agreed_boot_ns;

		if (find(new, n->cookie) || !is_gone(n, places))
			continue;
		new->vanished++;
		log_warn("network namespace %s is gone: its connections since %s are not reconciled", n->path,
			 utc_format(utc_now_ns() - ago, since));
	}
}

int reconcile_set(struct reconcile *r, struct capture *capture, const struct places *places)
{
	const struct capture_maps *maps = capture_maps_of(capture);
	struct reconcile new;
	int error = 0;

	/* accept() returns less than the kernel opens. */
	r->on = capture_rung(capture) == SEKISHO_RUNG_SET_STATE;
	if (r->on && !r->own.cookie)
		error = find_own(capture, &r->own);
	new = *r;
	new.list = NULL;
	new.count = 0;
	if (new.on && !error)
		error = make_list(places, &new);
	if (error)
		return error;
	for (size_t i = 0; new.on && i < new.count; i++)
		recall(r, maps, &new.list[i]);
	tell_gone(r, &new, places);
	forget_others(&new, maps);
	if (new.on)
		error = opens_watch(maps, 0);
	for (size_t i = 0; new.on && i < new.count && !error; i++)
		error = opens_watch(maps, new.list[i].cookie);
	free_list(r->list, r->count);
	*r = new;
	return error;
}

/* --- Looking --- */

static int look_at(const struct capture_maps *maps, const struct passive_opens *kernel, struct reconciled *n,
		   struct reconcile_look *ret_look)
{
	struct sekisho_opens before;
	struct passive_counts counts;
	int error = opens_read(maps, n->cookie, &before);

	if (!error)
		error = passive_opens_read(kernel, &counts);
	if (!error)
		error = opens_read(maps, n->cookie, &n->opens);
	if (error)
		return error;
	*ret_look = (struct reconcile_look){
		.boot_ns = boot_now_ns(),
		.left_before = opens_left(&before),
		.left_after = opens_left(&n->opens),
		.made_before = before.made,
		.made_after = n->opens.made,
		.passive = counts.opens,
		.fastopens = counts.fastopens,
	};
	return 0;
}

static void tell(const struct reconciled *n, const struct not_seen *what)
{
	log_error("hook: %" PRIu64 " connections that the kernel counted were not seen (%s%s, within %.1f s)", what->count,
		  n->path ? "network namespace " : "the node's network namespace", n->path ? n->path : "",
		  (double)(what->last_boot_ns - what->first_boot_ns) / NS_PER_SEC);
}

static void judge(struct reconcile *r, const struct capture_maps *maps, struct reconciled *n,
		  const struct reconcile_look *look, int (*missed)(void *ctx, const struct not_seen *what), void *ctx)
{
	struct reconciled was = *n;
	struct not_seen what;

	if (reconcile_judge(n, look, &what)) {
		if (missed(ctx, &what)) {
			*n = was;
			return;
		}
		r->not_seen += what.count;
		tell(n, &what);
	}
	/* Behind the statement: whoever is killed in between states it again rather than never. */
	if (!n->left.looks)
		(void)opens_set_baseline(maps, n->cookie, &n->left.baseline);
}

static int read_counts(struct reconcile *r, struct capture *capture, struct reconciled *n,
		       struct reconcile_look *ret_look)
{
	struct passive_opens other = { .netns = n->path };
	const struct passive_opens *kernel = &r->own;
	int error;

	if (n->path) {
		passive_opens_open(capture_ask(capture), &other, 1);
		kernel = &other;
	}
	error = kernel->error;
	if (!error && kernel->cookie != n->cookie)
		error = -ESTALE; /* the path leads to another namespace by now: places will say so */
	if (!error)
		error = look_at(capture_maps_of(capture), kernel, n, ret_look);
	if (n->path)
		passive_opens_close(&other, 1);
	return error;
}

/* A look that fails now and then is made up for by the next one; said once, when it goes on. */
static void note_read(struct reconciled *n, int error)
{
	const char *name = n->path ? n->path : "of the node";

	if (!error && n->failed >= RESIDUE_LOOKS)
		log_info("the counts of network namespace %s can be read again", name);
	n->error = error;
	n->failed = error ? n->failed + 1 : 0;
	if (n->failed == RESIDUE_LOOKS)
		log_warn("the counts of network namespace %s cannot be read: %s; its connections are not reconciled", name,
			 strerror(-error));
}

void reconcile_look(struct reconcile *r, struct capture *capture,
		    int (*missed)(void *ctx, const struct not_seen *what), void *ctx)
{
	const struct capture_maps *maps = capture_maps_of(capture);
	struct sekisho_opens others;
	struct reconcile_look look;

	for (size_t i = 0; i < LOOK_AT_MAX && i < r->count; i++) {
		struct reconciled *n = &r->list[r->next++ % r->count];
		int error = read_counts(r, capture, n, &look);

		note_read(n, error);
		if (!error)
			judge(r, maps, n, &look, missed, ctx);
	}
	if (r->on && opens_read(maps, 0, &others) == 0)
		r->elsewhere = opens_left(&others);
}

int64_t reconcile_interval(const struct reconcile *r)
{
	bool soon = false; /* not for what only Fast Open's end can tell */

	for (size_t i = 0; i < r->count; i++)
		soon |= r->list[i].left.looks || r->list[i].made.looks;
	return soon || r->count > LOOK_AT_MAX ? LOOK_AGAIN_NS : LOOK_NS;
}

void reconcile_status(const struct reconcile *r, struct reconcile_status *ret_status)
{
	*ret_status = (struct reconcile_status){
		.on = r->on,
		.namespaces = r->count,
		.not_seen = r->not_seen,
		.vanished = r->vanished,
		.elsewhere = r->elsewhere,
	};
	for (size_t i = 0; i < r->count; i++) {
		const struct reconciled *n = &r->list[i];

		ret_status->doubted += n->doubted;
		if (n->failed >= RESIDUE_LOOKS) {
			ret_status->unread++;
			ret_status->error = n->error;
		}
		for (size_t k = 0; k < SEKISHO_OUTCOMES; k++)
			ret_status->left[k] += n->opens.left[k];
	}
}

void reconcile_done(struct reconcile *r)
{
	free_list(r->list, r->count);
	if (r->own.cookie)
		passive_opens_close(&r->own, 1);
	memset(r, 0, sizeof(*r));
}
