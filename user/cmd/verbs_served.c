// SPDX-License-Identifier: BSD-2-Clause
/* Running a verb for a peer. */
#include <errno.h>
#include <string.h>
#include "base/utc.h"
#include "command.h"
#include "verbs_served.h"

static int run(struct command *c, const struct serve *s, struct served *served)
{
	const struct control_request *r = served->request;
	const struct role_act *act = roles_find(r->argc, r->argv);
	const struct verb *verb = verbs_find(r->argv[0]);
	struct problem p;

	roles_set(&c->who, &c->conf);
	if (!act || !verb) {
		problem(&p, 0, "\"%s %s\": there is no such act; see sekisho %s --help", r->argv[0],
			r->argc > 1 ? r->argv[1] : "", verb ? verb->name : "");
		return command_fail(EXIT_USAGE, &p);
	}
	if (roles_admit(&c->who, &c->conf, act, &served->own, &p))
		return command_fail(EXIT_REFUSED, &p);
	serve_admitted(s);
	if (verb->run == verb_import) {
		problem(&p, 0, "import is done on the node by root, not through the control socket");
		return command_fail(EXIT_REFUSED, &p);
	}
	return verb->run(c, r->argc, (char **)r->argv);
}

int verbs_serve(const struct serve *s, const struct peer *peer, const struct control_request *request, const int *files)
{
	struct served served = { .request = request, .files = files, .link_fd = s->link_fd };
	struct command c = { .conf_path = s->conf_path, .conf = *s->conf, .who = *peer, .served = &served };
	struct problem p;

	if (utc_set_local_zone(c.conf.timezone, &p))
		return command_fail(EXIT_NO, &p);
	return run(&c, s, &served);
}
