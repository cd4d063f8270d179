// SPDX-License-Identifier: BSD-2-Clause
/* What the recorder answers. */
#include <errno.h>
#include <string.h>
#include "base/utc.h"
#include "recorder/node.h"
#include "service.h"

static json_t *done(json_t *answer)
{
	json_object_set_new(answer, "status", json_integer(0));
	return answer;
}

static json_t *failed(int error, const struct problem *p)
{
	/* Exit statuses of the command (DESIGN 9). */
	int status = error == -ESRCH ? 1 : error == -EINVAL ? 2 : error == -EBADMSG ? 5 : 1;

	return json_pack("{s:i, s:s}", "status", status, "error", p->text);
}

static json_t *status(struct node *n, const json_t *request)
{
	(void)request;
	return done(node_status(n));
}

static json_t *drain(struct node *n, const json_t *request)
{
	struct problem p;
	int error = node_drain(n, &p);

	(void)request;
	return error ? failed(error, &p) : done(json_object());
}

static json_t *seal(struct node *n, const json_t *request)
{
	struct seal_result r = {};
	struct problem p;
	int error = node_seal(n, &r, &p);

	(void)request;
	if (error)
		return failed(error, &p);
	return done(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "journals", (json_int_t)r.journals,
			      "rows", (json_int_t)r.rows, "sections", (json_int_t)r.sections,
			      "damaged_bytes", (json_int_t)r.damaged_bytes, "closed_days",
			      (json_int_t)r.closed_days, "closed_files", (json_int_t)r.closed_files,
			      "open_files", (json_int_t)r.open_files));
}

static json_t *pause_recording(struct node *n, const json_t *request)
{
	struct problem p;
	uint64_t number;
	int error = node_pause(n, &number, &p);

	(void)request;
	return error ? failed(error, &p) : done(json_pack("{s:I}", "pause", (json_int_t)number));
}

static json_t *changed(struct node *n, const json_t *request, int (*change)(struct node *n, struct problem *p))
{
	json_int_t pause = json_integer_value(json_object_get(request, "resume"));
	struct problem p;
	int error = change(n, &p);

	if (!error && pause)
		error = node_resume(n, (uint64_t)pause, &p);
	return error ? failed(error, &p) : done(json_object());
}

/* The problem's text says which configuration is in force. */
static int reload_conf(struct node *n, struct problem *p)
{
	bool in_force;

	return node_reload(n, &in_force, p);
}

static json_t *reload(struct node *n, const json_t *request)
{
	return changed(n, request, reload_conf);
}

static json_t *refresh(struct node *n, const json_t *request)
{
	return changed(n, request, node_refresh);
}

static const char *text_of(const json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

static json_t *withdraw(struct node *n, const json_t *request)
{
	char time_text[UTC_TEXT_MAX];
	const char *mode = text_of(request, "withdraw_mode");
	const struct consent_act act = {
		.tenant_id = text_of(request, "tenant"),
		.actor = text_of(request, "actor"),
		.actor_auth = text_of(request, "actor_auth"),
		.method = text_of(request, "method"),
		.from = text_of(request, "from"),
		.ticket = text_of(request, "ticket"),
		.uid = (unsigned int)json_integer_value(json_object_get(request, "uid")),
		.user = text_of(request, "user"),
		.by_socket = true,
		.erase = mode && strcmp(mode, "STOP_AND_ERASE") == 0,
	};
	int64_t when;
	struct problem p;
	int error;

	if (!json_is_integer(json_object_get(request, "uid")))
		error = problem(&p, -EINVAL, "withdraw needs the uid of the peer");
	else if (!act.tenant_id || parse_tenant_id(act.tenant_id))
		error = problem(&p, -EINVAL, "withdraw needs a tenant");
	else if (mode && !act.erase && strcmp(mode, "STOP_ONLY") != 0)
		error = problem(&p, -EINVAL, "withdraw_mode \"%s\": expected STOP_ONLY or STOP_AND_ERASE", mode);
	else
		error = node_withdraw(n, &act, &when, &p);
	return error ? failed(error, &p) : done(json_pack("{s:s}", "time", utc_format(when, time_text)));
}

static json_t *resolve(struct node *n, const json_t *request)
{
	struct problem p;
	json_t *texts;
	int error = node_resolve(n, json_object_get(request, "selectors"), &texts, &p);

	return error ? failed(error, &p) : done(json_pack("{s:o}", "resolved", texts));
}

static const struct {
	const char *verb;
	json_t *(*answer)(struct node *n, const json_t *request);
} verbs[] = {
	{ "status", status }, { "drain", drain },	{ "seal", seal },
	{ "pause", pause_recording }, { "reload", reload }, { "refresh", refresh },	{ "withdraw", withdraw },
	{ "resolve", resolve },
};

json_t *service_answer(void *ctx, const json_t *request)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));
	struct problem p;

	for (size_t i = 0; verb && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].verb, verb) == 0)
			return verbs[i].answer(ctx, request);
	return failed(-EINVAL, (problem(&p, 0, "unknown verb \"%s\"", verb ? verb : ""), &p));
}
