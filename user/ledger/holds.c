// SPDX-License-Identifier: BSD-2-Clause
/* Lines of custody about holds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/text.h"
#include "base/utc.h"
#include "chain_tail.h"
#include "holds.h"

#define SET_EVENT "HOLD_SET"
#define RELEASE_EVENT "HOLD_RELEASE"

/* --- Reading --- */

static void hold_done(struct hold *h)
{
	free(h->number);
	free(h->reason);
	free(h->actor);
}

void holds_done(struct holds *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->count; i++)
		hold_done(&h->list[i]);
	free(h->list);
	memset(h, 0, sizeof(*h));
}

/* A text, or null where that is allowed. */
static int read_text(const json_t *json, size_t max, bool needed, char **ret_text)
{
	const char *text = json_string_value(json);
	size_t size = text ? json_string_length(json) : 0;

	if (!text)
		return json_is_null(json) && !needed ? 0 : -EBADMSG;
	if (size > max || (needed && !size) || !text_is_plain(text, size))
		return -EBADMSG;
	*ret_text = strdup(text);
	return *ret_text ? 0 : -ENOMEM;
}

static int read_day(const json_t *json, int32_t none, int32_t *ret_day)
{
	const char *text = json_string_value(json);

	if (json_is_null(json)) {
		*ret_day = none;
		return 0;
	}
	return text && day_parse(text, ret_day) == 0 ? 0 : -EBADMSG;
}

static int read_tenant(const json_t *json, char ret_id[static TENANT_ID_MAX + 1])
{
	const char *id = json_string_value(json);

	if (json_is_null(json)) {
		ret_id[0] = '\0';
		return 0;
	}
	if (!id || parse_tenant_id(id))
		return -EBADMSG;
	strcpy(ret_id, id);
	return 0;
}

static int read_until(const json_t *json, int64_t *ret_ns)
{
	struct problem ignored;
	const char *text = json_string_value(json);

	return text && utc_parse(text, ret_ns, &ignored) == 0 ? 0 : -EBADMSG;
}

static int read_set(const json_t *line, struct hold *h)
{
	int error = read_text(json_object_get(line, "number"), HOLD_NUMBER_MAX, true, &h->number);

	if (!error)
		error = read_text(json_object_get(line, "reason"), HOLD_REASON_MAX, false, &h->reason);
	if (!error)
		error = read_text(json_object_get(line, "actor"), HOLD_REASON_MAX, false, &h->actor);
	if (!error)
		error = read_tenant(json_object_get(line, "tenant"), h->tenant_id);
	if (!error)
		error = read_day(json_object_get(line, "first_day"), HOLD_FROM_EVER, &h->first_day);
	if (!error)
		error = read_day(json_object_get(line, "last_day"), HOLD_FOR_EVER, &h->last_day);
	if (!error)
		error = read_until(json_object_get(line, "until"), &h->until_ns);
	return error ? error : h->first_day <= h->last_day ? 0 : -EBADMSG;
}

static int take_set(struct holds *holds, const struct chain_line *line)
{
	struct hold h = { .seq = line->seq, .set_ns = line->t_ns };
	int error = read_set(line->json, &h);

	if (!error)
		error = ARRAY_RESERVE(holds->list, holds->count, holds->capacity);
	if (error)
		hold_done(&h);
	else
		holds->list[holds->count++] = h;
	return error;
}

static struct hold *by_seq(const struct holds *holds, json_int_t seq)
{
	for (size_t i = 0; i < holds->count; i++)
		if (seq > 0 && holds->list[i].seq == (uint64_t)seq)
			return &holds->list[i];
	return NULL;
}

static int take_release(struct holds *holds, const struct chain_line *line)
{
	const json_t *released = json_object_get(line->json, "holds"), *item;
	size_t i;

	if (!json_is_array(released) || !json_array_size(released))
		return -EBADMSG;
	json_array_foreach((json_t *)released, i, item) {
		struct hold *h = json_is_integer(item) ? by_seq(holds, json_integer_value(item)) : NULL;

		if (!h || h->released)
			return -EBADMSG;
		h->released = true;
		h->released_ns = line->t_ns;
	}
	return 0;
}

static int take_line(void *ctx, const struct chain_line *line, struct problem *p)
{
	int error = 0;

	if (strcmp(line->event, SET_EVENT) == 0)
		error = take_set(ctx, line);
	else if (strcmp(line->event, RELEASE_EVENT) == 0)
		error = take_release(ctx, line);
	return error ? problem(p, error, "ledger/%s line %llu: %s", chain_file_name(LEDGER_CUSTODY),
			       (unsigned long long)line->seq,
			       error == -EBADMSG ? "a hold that does not read" : strerror(-error)) : 0;
}

int holds_load(const struct store_dir *store, struct holds *ret_holds, struct problem *p)
{
	struct holds h = {};
	int error = ledger_walk(store, LEDGER_CUSTODY, CHAIN_QUICK, take_line, &h, &h.end, p);

	if (error)
		holds_done(&h);
	else
		*ret_holds = h;
	return error;
}

int holds_refresh(const struct store_dir *store, struct holds *h, struct problem *p)
{
	struct chain_tail tail;
	struct holds fresh;
	int error = chain_tail(store->ledger, LEDGER_CUSTODY, &tail, p);
	bool same;

	if (error)
		return error;
	same = tail.end.seq == h->end.seq && strcmp(tail.end.hash, h->end.hash) == 0;
	chain_tail_done(&tail);
	if (same)
		return 0;
	error = holds_load(store, &fresh, p);
	if (error)
		return error;
	holds_done(h);
	*h = fresh;
	return 0;
}

int holds_skip_own(const struct store_dir *store, struct holds *h, struct problem *p)
{
	struct chain_tail tail;
	int error = chain_tail(store->ledger, LEDGER_CUSTODY, &tail, p);

	if (error)
		return error;
	h->end = tail.end;
	chain_tail_done(&tail);
	return 0;
}

bool hold_in_force(const struct hold *h, int64_t now_ns)
{
	return !h->released && now_ns < h->until_ns;
}

const struct hold *holds_find(const struct holds *h, const char *tenant_id, int32_t day, int64_t now_ns)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct hold *hold = &h->list[i];

		if (hold_in_force(hold, now_ns) && hold->first_day <= day && day <= hold->last_day &&
		    (!hold->tenant_id[0] || strcmp(hold->tenant_id, tenant_id) == 0))
			return hold;
	}
	return NULL;
}

int64_t consents_erase_before(const struct consents *c, const char *tenant_id, uint32_t *ret_seq)
{
	int64_t before = INT64_MIN;

	for (size_t i = 0; i < c->count; i++) {
		const struct consent *g = &c->list[i];

		if (!g->erase || g->withdrawn_ns <= before || strcmp(g->tenant_id, tenant_id) != 0)
			continue;
		before = g->withdrawn_ns;
		*ret_seq = g->withdrawn_seq;
	}
	return before;
}

/* --- Writing --- */

static int check_text(const char *what, const char *text, size_t max, struct problem *p)
{
	if (!text || (strlen(text) <= max && text_is_plain(text, strlen(text))))
		return 0;
	return problem(p, -EINVAL, "%s \"%s\": expected one line of UTF-8, at most %zu bytes", what, text, max);
}

static int check_act(const struct hold_act *act, struct problem *p)
{
	int error = check_text("the number", act->number, HOLD_NUMBER_MAX, p);

	if (!error && (!act->number || !*act->number))
		error = problem(p, -EINVAL, "a hold needs the number of its case");
	if (!error)
		error = check_text("the reason", act->reason, HOLD_REASON_MAX, p);
	if (!error)
		error = check_text("the actor", act->actor, HOLD_REASON_MAX, p);
	if (!error && act->tenant_id && parse_tenant_id(act->tenant_id))
		error = problem(p, -EINVAL, "\"%s\" is not a tenant id", act->tenant_id);
	return error;
}

static json_t *day_json(int32_t day, int32_t none)
{
	char text[DAY_TEXT_MAX];

	return day == none ? json_null() : json_string(day_format(day, text));
}

static json_t *act_json(const char *event, const struct hold_act *act)
{
	return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:I}", "event", event, "number", act->number, "tenant",
			 act->tenant_id, "reason", act->reason, "actor", act->actor, "uid",
			 (json_int_t)act->uid);
}

/* A hold behind holds that do not read would be none: nothing is deleted then, and this must be known. */
static int append_set(const struct store_dir *store, const json_t *line, int64_t now, uint64_t *ret_seq,
		      struct problem *p)
{
	struct holds before = {};
	int error = holds_load(store, &before, p);

	holds_done(&before);
	return error ? error : ledger_append(store, LEDGER_CUSTODY, line, now, ret_seq, p);
}

int hold_set(const struct store_dir *store, const struct hold_act *act, uint64_t *ret_seq, struct problem *p)
{
	char until[UTC_TEXT_MAX];
	int64_t now = utc_now_ns();
	int error = check_act(act, p);
	json_t *line;

	if (error)
		return error;
	if (act->first_day > act->last_day)
		return problem(p, -EINVAL, "the first day of the hold is after its last one");
	if (act->until_ns <= now)
		return problem(p, -EINVAL, "the hold would have ended at %s", utc_format(act->until_ns, until));
	line = act_json(SET_EVENT, act);
	if (!line || json_object_set_new(line, "first_day", day_json(act->first_day, HOLD_FROM_EVER)) ||
	    json_object_set_new(line, "last_day", day_json(act->last_day, HOLD_FOR_EVER)) ||
	    json_object_set_new(line, "until", json_string(utc_format(act->until_ns, until))))
		error = problem(p, -ENOMEM, "out of memory");
	if (!error)
		error = append_set(store, line, now, ret_seq, p);
	json_decref(line);
	return error;
}

/* The lines of the holds that the act ends. */
static json_t *find_released(const struct holds *holds, const struct hold_act *act, int64_t now)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < holds->count; i++) {
		const struct hold *h = &holds->list[i];

		if (hold_in_force(h, now) && strcmp(h->number, act->number) == 0 &&
		    (!act->tenant_id || strcmp(h->tenant_id, act->tenant_id) == 0))
			json_array_append_new(list, json_integer((json_int_t)h->seq));
	}
	return list;
}

static int append_release(struct ledger_writer *w, const struct holds *holds, const struct hold_act *act,
			  size_t *ret_count, struct problem *p)
{
	int64_t now = utc_now_ns();
	json_t *list = find_released(holds, act, now), *line = act_json(RELEASE_EVENT, act);
	size_t count = json_array_size(list);
	int error = 0;

	if (!list || !line || json_object_set(line, "holds", list))
		error = problem(p, -ENOMEM, "out of memory");
	else if (!count)
		error = problem(p, -ESRCH, "no hold of the number \"%s\"%s%s is in force", act->number,
				act->tenant_id ? " and tenant " : "", act->tenant_id ? act->tenant_id : "");
	else
		error = ledger_writer_append(w, LEDGER_CUSTODY, line, now, NULL);
	json_decref(list);
	json_decref(line);
	if (!error)
		*ret_count = count;
	return error;
}

int hold_release(const struct store_dir *store, const struct hold_act *act, size_t *ret_count, struct problem *p)
{
	struct holds holds = {};
	struct ledger_writer *w;
	int error = check_act(act, p);

	if (!error)
		error = ledger_writer_open(store, &w, p);
	if (error)
		return error;
	error = holds_load(store, &holds, p);
	if (!error)
		error = append_release(w, &holds, act, ret_count, p);
	holds_done(&holds);
	ledger_writer_close(w);
	return error;
}
