/* SPDX-License-Identifier: BSD-2-Clause */
/* What ps(1) shows of a process. */
#ifndef SEKISHO_PROCESS_TITLE_H
#define SEKISHO_PROCESS_TITLE_H

/* First thing in main(): where the arguments lie. */
void process_title_init(int argc, char **argv);
/* Writes the title over the arguments, which are gone then; cut to their length. */
void process_title(const char *title);

#endif
