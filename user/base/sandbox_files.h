/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the file system that a process sees, by landlock(7). */
#ifndef SEKISHO_SANDBOX_FILES_H
#define SEKISHO_SANDBOX_FILES_H

#include "problem.h"

enum sandbox_files {
	SANDBOX_FILES_ALL,
	SANDBOX_FILES_STORE, /* the store to write, zones and the number of processors to read */
	SANDBOX_FILES_STORE_AND_NAMES, /* and what names of users come from */
};

/* 0 or negative errno. Without landlock in the kernel: 0, and *ret_notes has it. */
int sandbox_files(enum sandbox_files files, int state_dir, struct problem *ret_notes);

#endif
