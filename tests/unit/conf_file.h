/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the configuration share: a file of it in the test's directory. */
#ifndef SEKISHO_CONF_FILE_H
#define SEKISHO_CONF_FILE_H

#include "base/conf.h"

/* A tenant of one address, for what follows it. */
#define CONF_FILE_T1 "[tenant t1]\naddress = 192.0.2.1\n"

const char *conf_file_path(void);
/* Writes it and reads it as conf_load(). */
int conf_file_bytes(const void *text, size_t size, struct conf *c, struct problem *p);
/* The same of a text that is right; conf_done() is the caller's. The test ends when it is refused. */
struct conf conf_file(const char *text);

#endif
