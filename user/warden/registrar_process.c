// SPDX-License-Identifier: BSD-2-Clause
/* The registrar: whoever comes to the control socket. */
#include <stdlib.h>
#include "base/log.h"
#include "control/registrar.h"
#include "warden_parts.h"

struct conf_source {
	struct conf *conf;
	const char *path; /* for messages */
	struct ask *ask;
};

/* What is in force now. Where the store and the socket are stays. */
static void reload(void *ctx)
{
	struct conf_source *s = ctx;
	struct problem p;
	struct conf conf;

	if (ask_conf(s->ask, ASK_IN_FORCE, s->path, &conf, &p)) {
		log_error("reload of the registrar: %s; ignoring it, the old configuration stays in force there", p.text);
		return;
	}
	conf_keep_fixed(s->conf, &conf, NULL);
	conf_done(s->conf);
	*s->conf = conf;
}

int registrar_process(struct warden *w, const struct child_ends *ends)
{
	struct conf_source source = { &w->in_force.conf, w->options->conf_path, ask_open(ends->ask) };
	const struct registrar registrar = {
		.listen_fd = w->listen_fd,
		.orders_fd = ends->orders,
		.serve = { .run = w->options->run_verb, .conf = source.conf, .conf_path = w->options->conf_path,
			   .link_fd = w->link[0] },
		.reload = reload,
		.ctx = &source,
	};
	struct problem p;
	int error;

	if (!source.ask)
		return EXIT_FAILURE;
	ask_ready(source.ask);
	error = registrar_run(&registrar, &p);
	if (error)
		log_error("%s", p.text);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
