/* SPDX-License-Identifier: BSD-2-Clause */
/* A verb through the control socket: the command opens the files that are named, sekishod does the rest. */
#ifndef SEKISHO_ASK_DAEMON_H
#define SEKISHO_ASK_DAEMON_H

/* An exit status, after saying what there is to say. */
int ask_daemon(const char *run_dir, int argc, char **argv);

#endif
