// SPDX-License-Identifier: BSD-2-Clause
/* The registrar: whoever comes to the control socket. */
#include <stdlib.h>
#include "control/registrar.h"
#include "warden_parts.h"

int registrar_process(struct warden *w, const struct child_ends *ends)
{
	const struct registrar registrar = {
		.listen_fd = w->listen_fd,
		.link_fd = w->link[0],
		.orders_fd = ends->orders,
	};
	struct ask *ask = ask_open(ends->ask);
	struct problem p;
	int error;

	if (!ask)
		return EXIT_FAILURE;
	ask_ready(ask);
	error = registrar_run(&registrar, &p);
	if (error)
		ask_failed(ask, error, &p);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
