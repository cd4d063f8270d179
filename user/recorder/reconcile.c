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

static void agree(struct reconciled *n, int64_t boot_ns)
{
	n->residue = 0;
	n->looks = 0;
	n->baseline.agreed_boot_ns = (uint64_t)boot_ns;
}

bool reconcile_judge(struct reconciled *n, const struct reconcile_look *look, struct not_seen *ret_missed)
{
	int64_t high = (int64_t)(look->passive - look->left_before);
	int64_t low = (int64_t)(look->passive - look->left_after);
	uint64_t residue;

	if (fastopen_is_near(n, look) && look->made_after > look->left_before)
		low -= (int64_t)(look->made_after - look->left_before);
	if (!n->known || high < n->baseline.offset)
		n->baseline.offset = high;
	n->known = true;
	if (low <= n->baseline.offset) {
		agree(n, look->boot_ns);
		return false;
	}
	residue = (uint64_t)(low - n->baseline.offset);
	if (!n->looks++) {
		n->residue = residue;
		n->residue_boot_ns = look->boot_ns;
	} else if (residue < n->residue) {
		n->residue = residue;
	}
	if (n->looks < RECONCILE_LOOKS)
		return false;
	*ret_missed = (struct not_seen){ n->residue, n->baseline.agreed_boot_ns, (uint64_t)n->residue_boot_ns,
					 n->tenant };
	n->baseline.offset += (int64_t)n->residue;
	agree(n, n->residue_boot_ns);
	return true;
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

static int find_own(const struct capture *capture, uint64_t *ret_cookie)
{
	struct passive_opens own = {};

	passive_opens_open(capture_ask(capture), &own, 1);
	if (!own.error)
		*ret_cookie = own.cookie;
	passive_opens_close(&own, 1);
	return own.error;
}

/* On failure the list is what it was. */
static int make_list(const struct places *places, struct reconcile *new)
{
	const uint64_t own = new->own;
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
		n->known = opens_baseline(maps, n->cookie, &n->baseline) == 0;
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
		int64_t ago = boot_now_ns() - (int64_t)n->baseline.agreed_boot_ns;

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
	struct reconcile new = *r;
	int error = 0;

	/* accept() returns less than the kernel opens. */
	new.on = capture_rung(capture) == SEKISHO_RUNG_SET_STATE;
	new.list = NULL;
	new.count = 0;
	if (new.on && !new.own)
		error = find_own(capture, &new.own);
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

/* True when something was stated. */
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
	if (!n->looks)
		(void)opens_set_baseline(maps, n->cookie, &n->baseline);
}

void reconcile_look(struct reconcile *r, struct capture *capture,
		    int (*missed)(void *ctx, const struct not_seen *what), void *ctx)
{
	const struct capture_maps *maps = capture_maps_of(capture);
	struct sekisho_opens others;
	struct reconcile_look look;

	for (size_t i = 0; i < LOOK_AT_MAX && i < r->count; i++) {
		struct reconciled *n = &r->list[r->next++ % r->count];
		struct passive_opens kernel = { .netns = n->path };

		passive_opens_open(capture_ask(capture), &kernel, 1);
		/* A path may lead to another namespace by now: places will say so. */
		if (!kernel.error && kernel.cookie == n->cookie && look_at(maps, &kernel, n, &look) == 0)
			judge(r, maps, n, &look, missed, ctx);
		passive_opens_close(&kernel, 1);
	}
	if (r->on && opens_read(maps, 0, &others) == 0)
		r->elsewhere = opens_left(&others);
}

int64_t reconcile_interval(const struct reconcile *r)
{
	bool doubt = false;

	for (size_t i = 0; i < r->count; i++)
		doubt |= r->list[i].looks != 0;
	return doubt || r->count > LOOK_AT_MAX ? LOOK_AGAIN_NS : LOOK_NS;
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
		ret_status->doubted += r->list[i].looks != 0;
		ret_status->opens.made += r->list[i].opens.made;
		for (size_t k = 0; k < SEKISHO_OUTCOMES; k++)
			ret_status->opens.left[k] += r->list[i].opens.left[k];
	}
}

void reconcile_done(struct reconcile *r)
{
	free_list(r->list, r->count);
	memset(r, 0, sizeof(*r));
}
