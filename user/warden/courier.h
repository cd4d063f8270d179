/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that runs one program for the recorder and says what became of it. */
#ifndef SEKISHO_COURIER_H
#define SEKISHO_COURIER_H

#include <sys/types.h>
#include "base/owner.h"

/* Starts head_command with `heads` as its input, as that user and without capabilities. *ret_fd gives one struct
 * head_outcome when it has ended. The caller waits for *ret_pid. 0 or negative errno. */
int courier_start(const struct owner *owner, const char *command, const char *heads, pid_t *ret_pid, int *ret_fd);

/* The same for chronyc(1): *ret_fd gives one struct chrony_answer. */
int courier_ask_chrony(const struct owner *owner, pid_t *ret_pid, int *ret_fd);

#endif
