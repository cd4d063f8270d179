/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registrar as a child of sekishod: forked before there are threads, told to listen when recording has begun (the
 * lock of the state directory is then held), ended before recording ends.
 */
#ifndef SEKISHO_REGISTRAR_CHILD_H
#define SEKISHO_REGISTRAR_CHILD_H

#include "base/problem.h"
#include "control/link.h"

struct registrar_child {
	int pid, link_fd; /* the recorder's end */
	int channel; /* to the child: begin, and what came of it */
	struct link *link;
};

/* 0, or negative errno and *p. The strings must stay. */
int registrar_child_fork(const char *conf_path, const char *run_dir, struct registrar_child *ret_child, struct problem *p);
/* Serves the child's calls, and has it listen. 0, or negative errno and *p; ended in any case by registrar_child_end(). */
int registrar_child_begin(struct registrar_child *c, link_handler *handler, void *ctx, struct problem *p);
/* Ends requests under way. */
void registrar_child_end(struct registrar_child *c);

#endif
