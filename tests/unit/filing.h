/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of fs share: files of the test's directory, by name. */
#ifndef SEKISHO_FILING_H
#define SEKISHO_FILING_H

#include <stddef.h>
#include <sys/types.h>

void put_file(const char *name, const void *data, size_t size);
/* The file's bytes as a string; caller frees. */
char *get_file(const char *name, size_t *ret_size);
void check_file(const char *name, const char *want);
/* Entries of the directory, hidden ones too. */
int count_entries(void);
unsigned int mode_of(const char *name);
/* The exit status of a child, -1 if it was killed. */
int wait_for(pid_t child);

#endif
