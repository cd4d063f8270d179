/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration in force: what the warden answers by, a child that is started again begins with, and the registrar
 * is given. It is another one only after the recorder has read the file anew and applied what it says.
 */
#ifndef SEKISHO_IN_FORCE_H
#define SEKISHO_IN_FORCE_H

#include <stdbool.h>
#include "base/conf.h"
#include "base/problem.h"
#include "base/selector.h"

struct in_force {
	struct conf conf; /* in force */
	int text; /* a file in memory; -1: that of the start, which every child has inherited */
	struct conf next; /* read, and not applied yet */
	int next_text; /* -1: there is none */
};

/* Takes the configuration over. */
void in_force_init(struct in_force *f, struct conf *conf);
void in_force_done(struct in_force *f);

/* Reads the file as the next one, and gives its text (the caller's). 0; or negative errno and *p ("file:line: ..."), and
 * the next one is still what it was. */
int in_force_read(struct in_force *f, const char *path, int *ret_text, struct problem *p);
/* The next one is in force. False: there was none. */
bool in_force_apply(struct in_force *f);
/* Forgets the next one. */
void in_force_forget(struct in_force *f);
/* The text of the one in force (the caller's). -ENODATA: it is still that of the start. */
int in_force_text(const struct in_force *f, int *ret_text);

/* Whether it, or the next one, names the selector. */
bool in_force_names(const struct in_force *f, const struct selector *s);

#endif
