/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the recorder is asked and answers (link.h): one JSON object per line, one request and one answer per
 * connection.
 *
 * Request: {"verb": "status", "uid": N, "user": NAME or null, ...}: for whom it is asked, as the kernel has it.
 * Answer: {"status": N, ...} with N an exit status of the command, and "error" when it is not 0.
 */
#ifndef SEKISHO_WIRE_H
#define SEKISHO_WIRE_H

#include <jansson.h>
#include "base/problem.h"

#define WIRE_BYTES_MAX (4u << 20)

/* Reads one line and parses it. NULL and *p on anything else; the caller closes the connection. */
json_t *wire_read(int fd, struct problem *p);
/* Writes one line; takes the reference. 0 or negative errno. */
int wire_write(int fd, json_t *message);

#endif
