// SPDX-License-Identifier: BSD-2-Clause
/* Messages between registrar and recorder. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/cursor.h"
#include "base/fs.h"
#include "wire.h"

json_t *wire_read(int fd, struct problem *p)
{
	struct buffer line = {};
	json_error_t why;
	json_t *message = NULL;
	char chunk[4096];
	ssize_t n = 1;

	while (n > 0 && line.size <= WIRE_BYTES_MAX && !memchr(line.data ? line.data : (void *)"",
							      '\n', line.size)) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			buffer_bytes(&line, chunk, (size_t)n);
	}
	if (n < 0)
		problem(p, -errno, "reading the control socket: %s", strerror(errno));
	else if (!line.size)
		problem(p, -EPIPE, "the other side closed the control socket");
	else if (memchr(line.data, '\n', line.size) != line.data + line.size - 1)
		problem(p, -EBADMSG, "not a control message: not one line");
	else {
		message = json_loadb((char *)line.data, line.size, JSON_REJECT_DUPLICATES, &why);
		if (!json_is_object(message)) {
			problem(p, -EBADMSG, "not a control message: %s",
				message ? "not an object" : why.text);
			json_decref(message);
			message = NULL;
		}
	}
	buffer_done(&line);
	return message;
}

int wire_write(int fd, json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT | JSON_PRESERVE_ORDER);
	size_t size = text ? strlen(text) : 0, at = 0;
	int error = text ? 0 : -ENOMEM;

	if (text)
		text[size++] = '\n'; /* over the terminator: sent by length */
	while (!error && at < size) {
		/* A client that went away must not kill us with SIGPIPE. */
		ssize_t n = send(fd, text + at, size - at, MSG_NOSIGNAL);

		if (n >= 0)
			at += (size_t)n;
		else if (errno != EINTR)
			error = -errno;
	}
	free(text);
	json_decref(message);
	return error;
}
