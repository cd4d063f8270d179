/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket's messages: one JSON object per line, one request and one
 * answer per connection. The socket lies in a 0700 directory of root's.
 *
 * Request: {"sekisho": 1, "verb": "status", ...}. Answer: {"status": N, ...} with
 * N an exit status of the command, and "error" when it is not 0.
 */
#ifndef SEKISHO_WIRE_H
#define SEKISHO_WIRE_H

#include <jansson.h>
#include "base/problem.h"

#define WIRE_VERSION 1
#define WIRE_BYTES_MAX (4u << 20)
#define CONTROL_SOCKET "control.sock"

/* Reads one line and parses it. NULL and *p on anything else; the caller closes the connection. */
json_t *wire_read(int fd, struct problem *p);
/* Writes one line; takes the reference. 0 or negative errno. */
int wire_write(int fd, json_t *message);

/* Fills a sockaddr_un for "<run_dir>/control.sock"; 0 or -ENAMETOOLONG. */
struct sockaddr_un;
int wire_address(const char *run_dir, struct sockaddr_un *ret_address);

#endif
