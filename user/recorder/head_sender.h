/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends the signed heads of the ledgers out of the node, through a command of the operator's (head_command): what is
 * kept elsewhere shows later whether the ends of the ledgers were cut off. A thread of its own: neither recording nor
 * the ledgers wait for it.
 */
#ifndef SEKISHO_HEAD_SENDER_H
#define SEKISHO_HEAD_SENDER_H

#include <jansson.h>
#include "base/problem.h"
#include "base/store_dir.h"

struct ask;
struct head_sender;

/*
 * The command: words apart by blanks, no quotes, no shell; the first is the absolute path of a program. "": none. It
 * is run when the heads have changed, at most once a minute, with the heads as one line on its standard input, and is
 * killed with its process group after 30 s. `store` is only borrowed, as is `warden`,
 * who runs it in a process of its own; NULL: this process does. 0 or negative errno and *p.
 */
int head_sender_start(const struct store_dir *store, const char *command, struct ask *warden,
		      struct head_sender **ret_sender, struct problem *p);
/* Sends what has changed since, then ends. These three accept NULL. */
void head_sender_stop(struct head_sender *s);
/* For a configuration that was read again. */
void head_sender_set_command(struct head_sender *s, const char *command);

/* {"command", "last_sent", "error"}, the latter two null when there is none; null without a command. */
json_t *head_sender_json(struct head_sender *s);

#endif
