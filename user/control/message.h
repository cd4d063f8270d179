/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages on the control socket (schema/control.h): sending, receiving, and what a request says. */
#ifndef SEKISHO_MESSAGE_H
#define SEKISHO_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include "base/cursor.h"
#include "base/problem.h"
#include "base/descriptors.h"
#include "schema/control.h"

/* A request to run a verb. Strings are borrowed from the body. */
struct control_request {
	int argc;
	char *argv[CONTROL_ARGS_MAX + 1]; /* ended by NULL */
	unsigned int file_args[CONTROL_FILES_MAX]; /* index in argv */
	size_t file_count;
	enum control_language language;
};

/* The body of a CONTROL_RUN. 0, or -EBADMSG and *p, which names the part that is wrong. */
int message_parse_run(uint8_t *body, size_t size, struct control_request *ret_request, struct problem *p);
/* Appends such a body. -E2BIG: more than fits into a request. */
int message_build_run(const struct control_request *request, struct buffer *out);

/*
 * Sends a message with the descriptors. 0 or negative errno.
 */
int message_send(int socket, enum control_type type, const void *body, size_t size, const struct descriptors *d);
/* CONTROL_DONE with an exit status of the command and a line of text (NULL: none). Does not wait for whoever does not
 * read: -EAGAIN, and the other side learns of it by the end. */
int message_send_done(int socket, int status, const char *text);

/*
 * Receives a message of at most max bytes of body within timeout_ms (0: no bound). What came with it is added to *d.
 * The body is the caller's (free()), with a zero byte behind it. 0; -EPIPE: nothing came; -ETIMEDOUT; -EPROTO: another
 * version; -EBADMSG: no such message; I/O errors; and *p. On an error *d may hold some, too.
 */
int message_receive(int socket, size_t max, unsigned int timeout_ms, enum control_type *ret_type, uint8_t **ret_body,
		    size_t *ret_size, struct descriptors *d, struct problem *p);

/* Fills a sockaddr_un for "<run_dir>/control.sock"; 0 or -ENAMETOOLONG. */
struct sockaddr_un;
int message_address(const char *run_dir, struct sockaddr_un *ret_address);

#endif
