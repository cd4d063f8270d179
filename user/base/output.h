/* SPDX-License-Identifier: BSD-2-Clause */
/* The last thing a program does with its standard output. */
#ifndef SEKISHO_OUTPUT_H
#define SEKISHO_OUTPUT_H

/* The exit status to end with: `status`, or EXIT_NO with a message when stdout could not take all of
 * what was printed (a full disk, /dev/full). */
int output_finish(int status);

#endif
