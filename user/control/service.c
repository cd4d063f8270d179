// SPDX-License-Identifier: BSD-2-Clause
/* What the daemon answers on its control socket. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include "base/utc.h"
#include "recorder/node.h"
#include "service.h"

#define USER_BYTES_MAX 4096

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

static json_t *pause_recording(struct node *n, const json_t *request, unsigned int uid)
{
	struct problem p;
	int error = node_pause(n, &p);

	(void)request;
	(void)uid;
	return error ? failed(error, &p) : done(json_object());
}

static json_t *reload(struct node *n, const json_t *request, unsigned int uid)
{
	struct problem p;
	int error = node_reload(n, &p);

	(void)uid;
	if (!error && json_is_true(json_object_get(request, "resume")))
		error = node_resume(n, &p);
	return error ? failed(error, &p) : done(json_object());
}

static const char *text_of(const json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

/* The name of the peer's user, which the kernel told us; NULL without one. */
static const char *name_of(unsigned int uid, char buf[static USER_BYTES_MAX])
{
	struct passwd entry, *found = NULL;

	return getpwuid_r(uid, &entry, buf, USER_BYTES_MAX, &found) == 0 && found ? found->pw_name : NULL;
}

static json_t *withdraw(struct node *n, const json_t *request, unsigned int uid)
{
	char time_text[UTC_TEXT_MAX], buf[USER_BYTES_MAX];
	const char *mode = text_of(request, "withdraw_mode");
	const struct consent_act act = {
		.tenant_id = text_of(request, "tenant"),
		.actor = text_of(request, "actor"),
		.actor_auth = text_of(request, "actor_auth"),
		.method = text_of(request, "method"),
		.from = text_of(request, "from"),
		.ticket = text_of(request, "ticket"),
		.uid = uid,
		.user = name_of(uid, buf),
		.by_socket = true,
		.erase = mode && strcmp(mode, "STOP_AND_ERASE") == 0,
	};
	int64_t when;
	struct problem p;
	int error;

	if (!act.tenant_id || parse_tenant_id(act.tenant_id))
		error = problem(&p, -EINVAL, "withdraw needs a tenant");
	else if (mode && !act.erase && strcmp(mode, "STOP_ONLY") != 0)
		error = problem(&p, -EINVAL, "withdraw_mode \"%s\": expected STOP_ONLY or STOP_AND_ERASE", mode);
	else
		error = node_withdraw(n, &act, &when, &p);
	return error ? failed(error, &p) : done(json_pack("{s:s}", "time", utc_format(when, time_text)));
}

static const struct {
	const char *verb;
	json_t *(*answer)(struct node *n, const json_t *request, unsigned int uid);
} verbs[] = {
	{ "status", status }, { "drain", drain },	{ "seal", seal },
	{ "pause", pause_recording }, { "reload", reload }, { "withdraw", withdraw },
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
