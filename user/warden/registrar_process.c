// SPDX-License-Identifier: BSD-2-Clause
/* The registrar: whoever comes to the control socket. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "control/registrar.h"
#include "warden_parts.h"

struct conf_source {
	struct warden *w;
	struct ask *ask;
};

/* What the file says now; a broken one, or none, leaves what there is. Where the store and the socket are stays. */
static void refresh(void *ctx)
{
	struct conf_source *s = ctx;
	struct ask_message m = { .kind = ASK_CONFIGURATION };
	struct conf *old = &s->w->conf, conf;
	struct problem ignored;
	int fd = -1;

	if (ask_call(s->ask, &m, ASK_PATIENCE_MS, &fd, &ignored) == 0 && fd >= 0 &&
	    conf_load_open(fd, s->w->options->conf_path, &conf, &ignored) == 0) {
		memcpy(conf.state_dir, old->state_dir, sizeof(conf.state_dir));
		memcpy(conf.run_dir, old->run_dir, sizeof(conf.run_dir));
		memcpy(conf.pin_dir, old->pin_dir, sizeof(conf.pin_dir));
		conf_done(old);
		*old = conf;
	}
	if (fd >= 0)
		close(fd);
}

int registrar_process(struct warden *w, const struct child_ends *ends)
{
	struct conf_source source = { .w = w, .ask = ask_open(ends->ask) };
	const struct registrar registrar = {
		.listen_fd = w->listen_fd,
		.orders_fd = ends->orders,
		.serve = { .run = w->options->run_verb, .conf = &w->conf, .conf_path = w->options->conf_path,
			   .link_fd = w->link[0] },
		.refresh = refresh,
		.ctx = &source,
	};
	struct problem p;
	int error;

	if (!source.ask)
		return EXIT_FAILURE;
	ask_ready(source.ask);
	error = registrar_run(&registrar, &p);
	if (error)
		ask_failed(source.ask, error, &p);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
