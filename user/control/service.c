// SPDX-License-Identifier: BSD-2-Clause
/* What the daemon answers on its control socket. */
#include <errno.h>
#include <stdio.h>
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

static json_t *status(struct node *n, const json_t *request, unsigned int uid)
{
	(void)request;
	(void)uid;
	return done(node_status(n));
}

static json_t *drain(struct node *n, const json_t *request, unsigned int uid)
{
	struct problem p;
	int error = node_drain(n, &p);

	(void)request;
	(void)uid;
	return error ? failed(error, &p) : done(json_object());
}

static json_t *seal(struct node *n, const json_t *request, unsigned int uid)
{
	struct seal_result r = {};
	struct problem p;
	int error = node_seal(n, &r, &p);

	(void)request;
	(void)uid;
	if (error)
		return failed(error, &p);
	return done(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "journals", (json_int_t)r.journals,
			      "rows", (json_int_t)r.rows, "sections", (json_int_t)r.sections,
			      "damaged_bytes", (json_int_t)r.damaged_bytes, "closed_days",
			      (json_int_t)r.closed_days, "closed_files", (json_int_t)r.closed_files,
			      "open_files", (json_int_t)r.open_files));
}

static json_t *reload(struct node *n, const json_t *request, unsigned int uid)
{
	struct problem p;
	int error = node_reload(n, &p);

	(void)request;
	(void)uid;
	return error ? failed(error, &p) : done(json_object());
}

static json_t *withdraw(struct node *n, const json_t *request, unsigned int uid)
{
	const char *tenant = json_string_value(json_object_get(request, "tenant"));
	const char *actor = json_string_value(json_object_get(request, "actor"));
	char text[UTC_TEXT_MAX];
	int64_t when;
	struct problem p;
	int error = tenant ? node_withdraw(n, tenant, actor, uid, &when, &p) :
			     problem(&p, -EINVAL, "withdraw needs a tenant");

	return error ? failed(error, &p) :
		       done(json_pack("{s:s}", "time", utc_format(when, text)));
}

static const struct {
	const char *verb;
	json_t *(*answer)(struct node *n, const json_t *request, unsigned int uid);
} verbs[] = {
	{ "status", status }, { "drain", drain },	{ "seal", seal },
	{ "reload", reload }, { "withdraw", withdraw },
};

json_t *service_answer(void *ctx, const json_t *request, unsigned int uid)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));
	struct problem p;

	for (size_t i = 0; verb && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].verb, verb) == 0)
			return verbs[i].answer(ctx, request, uid);
	return failed(-EINVAL, (problem(&p, 0, "unknown verb \"%s\"", verb ? verb : ""), &p));
}
