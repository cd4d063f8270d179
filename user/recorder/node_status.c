// SPDX-License-Identifier: BSD-2-Clause
/* What a collector says of itself, and of what it sees. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/fs.h"
#include "base/rung.h"
#include "base/utc.h"
#include "capture/ask.h"
#include "capture/resolve.h"
#include "node_parts.h"

static json_t *time_json(int64_t ns)
{
	char text[UTC_TEXT_MAX];

	return ns ? json_string(utc_format(ns, text)) : json_null();
}

/* Why a selector is not recorded though its tenant has agreed, or "covered". */
static const char *selector_state(const struct node *n, const struct selector *s, const struct consent *g,
				  const struct place *place)
{
	bool granted = false;

	for (size_t i = 0; g && i < g->scope_count && !granted; i++)
		granted = selector_equal(&g->scope[i], s);
	if (!granted)
		return "no consent";
	if (conf_is_shared(&n->conf, s))
		return "shared listener";
	return place ? place_state_text(place->state) : "covered";
}

static const struct place *find_place(const struct recorder_places *places, const struct selector *s)
{
	for (size_t i = 0; i < places->count; i++)
		if (selector_equal(&places->list[i].selector, s))
			return &places->list[i];
	return NULL;
}

static json_t *selector_json(const char *text, const char *state, const struct place *place)
{
	char resolved[SELECTOR_TEXT_MAX];

	return json_pack("{s:s, s:s, s:o}", "selector", text, "state", state, "resolved",
			 place && place->id ? json_string(resolver_format(place->selector.kind, place->id, resolved)) :
					      json_null());
}

/* With n->lock held: one tenant of the configuration, and how its consent stands. */
static json_t *tenant_json(const struct node *n, const struct conf_tenant *t,
			   const struct recorder_places *places, int64_t now)
{
	const struct consent *g = consents_at(&n->consents, t->id, now);
	json_t *addresses = json_array(), *uncovered = json_array(), *selectors = json_array();
	char text[SELECTOR_TEXT_MAX];

	for (size_t i = 0; i < t->selector_count; i++) {
		const struct selector *s = &t->selectors[i];
		const struct place *place = find_place(places, s);
		const char *state = selector_state(n, s, g, place);

		selector_format(s, text);
		json_array_append_new(!g || strcmp(state, "covered") == 0 ? addresses : uncovered,
				      json_string(text));
		json_array_append_new(selectors, selector_json(text, state, place));
	}
	return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "tenant", t->id, "recording", g != NULL,
			 "consent", g ? json_integer(g->seq) : json_null(), "until",
			 time_json(g ? g->until_ns : 0), "addresses", addresses, "not_covered",
			 uncovered, "selectors", selectors);
}

static json_t *recorder_json(const struct recorder_status *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "rows", (json_int_t)s->rows, "gaps",
			 (json_int_t)s->gaps, "lost", (json_int_t)s->lost, "refused",
			 (json_int_t)s->refused, "malformed", (json_int_t)s->malformed, "skipped",
			 (json_int_t)s->skipped, "last_record", time_json(s->last_record_ns),
			 "nobody_since", time_json(s->nobody_since_ns));
}

static json_t *witness_json(const struct capture_witness *w)
{
	if (!w->on)
		return json_null();
	return json_pack("{s:I, s:I, s:I}", "by_hook", (json_int_t)w->by_hook, "by_witness",
			 (json_int_t)w->by_witness, "missed", (json_int_t)w->missed);
}

static json_t *journal_json(struct node *n, const struct recorder_status *s)
{
	struct syncer_state sync;

	syncer_state(n->syncer, &sync);
	return json_pack("{s:s, s:I, s:I, s:o, s:o}", "file", s->journal, "rows",
			 (json_int_t)s->journal_rows, "bytes", (json_int_t)s->journal_bytes,
			 "last_sync", time_json(sync.last_utc_ns), "error",
			 s->write_error ? json_string(strerror(-s->write_error)) :
			 sync.error	? json_string(strerror(-sync.error)) :
					  json_null());
}

static json_t *sealed_json(struct node *n)
{
	struct seal_result sealed;
	struct problem last;

	sealer_totals(n->sealer, &sealed, &last);
	return json_pack("{s:I, s:I, s:o}", "rows", (json_int_t)sealed.rows, "sections",
			 (json_int_t)sealed.sections, "error",
			 last.text[0] ? json_string(last.text) : json_null());
}

static json_t *disk_json(const struct recorder_status *s, uint64_t used)
{
	return json_pack("{s:I, s:I, s:I, s:o, s:b}", "used", (json_int_t)used, "free", (json_int_t)s->room.free_bytes, "min_free",
			 (json_int_t)s->room.keep_bytes, "stopped_since", time_json(s->room.stopped_ns),
			 "sealing_waits", s->seal_waits);
}

static json_t *clock_json(struct node *n, const struct anchor *clock)
{
	uint64_t chrony = clock_watch_error_ns(n->clock, boot_now_ns());

	return json_pack("{s:b, s:I, s:o}", "synchronised", anchor_synchronised(clock), "max_error_ns",
			 (json_int_t)clock->max_error_ns, "chrony_error_ns",
			 chrony ? json_integer((json_int_t)chrony) : json_null());
}

static json_t *text_json(const struct problem *p)
{
	return p->text[0] ? json_string(p->text) : json_null();
}

static json_t *retention_json(struct node *n)
{
	struct keeper_state k;

	sealer_kept(n->sealer, &k);
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "last_run", time_json(k.last_run_ns),
			 "expired_days", (json_int_t)k.total.expired_days, "erased_days",
			 (json_int_t)k.total.erased_days, "files", (json_int_t)k.total.files, "rows",
			 (json_int_t)k.total.rows, "bytes", (json_int_t)k.total.bytes, "held_days",
			 (json_int_t)k.total.held_days, "error", text_json(&k.failure), "clock",
			 text_json(&k.clock));
}

/* The kernel's own count against what the hook saw. */
static json_t *reconciled_json(const struct reconcile_status *r)
{
	const uint64_t *left = r->left;

	if (!r->on)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "namespaces", (json_int_t)r->namespaces,
			 "doubted", (json_int_t)r->doubted, "recorded", (json_int_t)left[SEKISHO_OUTCOME_RECORDED],
			 "no_consent", (json_int_t)left[SEKISHO_OUTCOME_NOT_COVERED], "loopback",
			 (json_int_t)left[SEKISHO_OUTCOME_LOOPBACK], "lost", (json_int_t)left[SEKISHO_OUTCOME_LOST],
			 "died", (json_int_t)left[SEKISHO_OUTCOME_DIED], "not_seen", (json_int_t)r->not_seen,
			 "vanished", (json_int_t)r->vanished, "elsewhere", (json_int_t)r->elsewhere,
			 "unread", (json_int_t)r->unread, "error",
			 r->error ? json_string(strerror(-r->error)) : json_null());
}

static json_t *canary_json(const struct node *n, const struct recorder_status *s)
{
	if (!n->ground->canary)
		return json_null();
	return json_pack("{s:b, s:o}", "missing", s->canary_alarm, "last_seen", time_json(s->canary_seen_ns));
}

/* Null where no warden tells. */
static json_t *processes_json(struct node *n)
{
	struct ask_message m = { .kind = ASK_PROCESSES };
	struct ask *warden = capture_ask(n->capture);
	struct problem ignored;
	json_t *list;

	if (!warden || ask_call(warden, &m, ASK_PATIENCE_MS, NULL, &ignored) < 0)
		return json_null();
	list = json_array();
	for (uint32_t i = 0; i < m.count && i < ASK_PROCESSES_MAX; i++)
		json_array_append_new(list, json_pack("{s:s, s:i, s:I, s:I}", "process", m.processes[i].name, "pid",
						      m.processes[i].pid, "uid", (json_int_t)m.processes[i].uid,
						      "restarts", (json_int_t)m.processes[i].restarts));
	return list;
}

json_t *node_status(struct node *n)
{
	struct recorder_status s;
	struct syncer_state sync;
	struct recorder_places places = {};
	struct problem ignored;
	json_t *tenants = json_array();
	int64_t now = utc_now_ns();
	uint64_t disk = 0;
	json_t *status;

	recorder_status(n->recorder, &s);
	syncer_state(n->syncer, &sync);
	(void)recorder_places(n->recorder, &places, &ignored);
	(void)fs_disk_usage(n->store.root, &disk);
	pthread_mutex_lock(&n->lock);
	for (size_t i = 0; i < n->conf.tenant_count; i++)
		json_array_append_new(tenants, tenant_json(n, &n->conf.tenants[i], &places, now));
	status = json_pack(
		"{s:b, s:s, s:s, s:o, s:s, s:b, s:o, s:{s:I, s:I, s:I}, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"live", s.armed && !s.nobody_since_ns && !s.write_error && !sync.error && !s.room.stopped_ns && !s.canary_alarm, "hook",
		rung_name(capture_rung(n->capture)), "cannot_see",
		rung_blind_spot(capture_rung(n->capture)), "started", time_json(s.started_ns),
		"state_dir", n->conf.state_dir, "record_loopback", n->conf.record_loopback,
		"recorder", recorder_json(&s), "ring", "bytes", (json_int_t)s.ring_bytes, "waiting",
		(json_int_t)s.ring_waiting, "produced", (json_int_t)s.ring_produced, "witness",
		witness_json(&s.witness), "journal",
		journal_json(n, &s), "sealed", sealed_json(n), "disk", disk_json(&s, disk),
		"clock", clock_json(n, &s.clock), "heads", head_sender_json(n->heads), "tenants", tenants, "retention",
		retention_json(n), "processes", processes_json(n), "reconciled", reconciled_json(&s.reconcile),
		"canary", canary_json(n, &s));
	pthread_mutex_unlock(&n->lock);
	free(places.list);
	return status;
}

/* A warden that has much to do is waited for: somebody waits for an act of consent, no event does. */
static int look(struct node *n, struct resolved *list, size_t count)
{
	struct resolver *resolver = resolver_open(capture_ask(n->capture), ASK_PATIENCE_MS);
	int error;

	if (!resolver)
		return -ENOMEM;
	error = resolver_run(resolver, list, count);
	resolver_close(resolver);
	return error;
}

int node_resolve(struct node *n, const json_t *selectors, json_t **ret_texts, struct problem *p)
{
	size_t count = json_array_size(selectors);
	struct selector *parsed = calloc(count + 1, sizeof(*parsed));
	struct resolved *list = calloc(count + 1, sizeof(*list));
	char text[SELECTOR_TEXT_MAX];
	int error = parsed && list ? 0 : problem(p, -ENOMEM, "out of memory");

	for (size_t i = 0; i < count && !error; i++) {
		const char *selector = json_string_value(json_array_get(selectors, i));

		if (!selector || selector_parse(selector, &parsed[i]))
			error = problem(p, -EINVAL, "\"%s\" is no selector", selector ? selector : "");
		list[i].selector = &parsed[i];
	}
	if (!error && (error = look(n, list, count)))
		problem(p, error, "cannot look what selectors mean: %s", strerror(-error));
	if (!error) {
		*ret_texts = json_array();
		for (size_t i = 0; i < count; i++)
			json_array_append_new(*ret_texts, parsed[i].kind == SELECTOR_ADDRESS ? json_null() :
				json_string(resolver_format(parsed[i].kind, list[i].id, text)));
	}
	free(parsed);
	free(list);
	return error;
}
