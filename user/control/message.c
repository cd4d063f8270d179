// SPDX-License-Identifier: BSD-2-Clause
/* Messages on the control socket. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/utc.h"
#include "message.h"

/* --- What a request says --- */

static int bad(struct problem *p, const char *what)
{
	return problem(p, -EBADMSG, "not a request: %s", what);
}

static int parse_files(struct cursor *c, struct control_request *r, struct problem *p)
{
	unsigned int last = 0;

	for (size_t i = 0; i < r->file_count; i++) {
		r->file_args[i] = cursor_le16(c);
		if (r->file_args[i] <= last || r->file_args[i] >= (unsigned int)r->argc)
			return bad(p, "a file of no argument");
		last = r->file_args[i];
	}
	return 0;
}

int message_parse_run(uint8_t *body, size_t size, struct control_request *ret_request, struct problem *p)
{
	struct control_request r = {};
	struct cursor c;
	unsigned int language, reserved;

	cursor_init(&c, body, size);
	r.argc = cursor_le16(&c);
	r.file_count = cursor_le16(&c);
	language = cursor_le16(&c);
	reserved = cursor_le16(&c);
	if (!cursor_ok(&c) || reserved || language > CONTROL_LANGUAGE_JA)
		return bad(p, "its head");
	if (r.argc < 1 || r.argc > CONTROL_ARGS_MAX || r.file_count > CONTROL_FILES_MAX)
		return bad(p, "too many arguments or files, or none");
	r.language = (enum control_language)language;
	if (parse_files(&c, &r, p))
		return -EBADMSG;
	for (int i = 0; i < r.argc; i++) {
		const uint8_t *end = cursor_ok(&c) && cursor_left(&c) ? memchr(body + c.at, 0, cursor_left(&c)) : NULL;

		if (!end)
			return bad(p, "an argument without an end");
		r.argv[i] = (char *)body + c.at;
		cursor_skip(&c, (size_t)(end - (body + c.at)) + 1);
	}
	if (!cursor_ok(&c) || cursor_left(&c))
		return bad(p, "bytes behind its arguments");
	*ret_request = r;
	return 0;
}

int message_build_run(const struct control_request *request, struct buffer *out)
{
	if (request->argc < 1 || request->argc > CONTROL_ARGS_MAX || request->file_count > CONTROL_FILES_MAX)
		return -E2BIG;
	buffer_le16(out, (uint16_t)request->argc);
	buffer_le16(out, (uint16_t)request->file_count);
	buffer_le16(out, (uint16_t)request->language);
	buffer_le16(out, 0);
	for (size_t i = 0; i < request->file_count; i++)
		buffer_le16(out, (uint16_t)request->file_args[i]);
	for (int i = 0; i < request->argc; i++)
		buffer_bytes(out, request->argv[i], strlen(request->argv[i]) + 1);
	if (!buffer_ok(out))
		return -ENOMEM;
	return out->size > CONTROL_REQUEST_MAX ? -E2BIG : 0;
}

/* --- Sending --- */

static int send_message(int socket, enum control_type type, const void *body, size_t size, const struct descriptors *d,
			int flags)
{
	struct buffer message = {};
	int error;

	buffer_le32(&message, CONTROL_MAGIC);
	buffer_le16(&message, CONTROL_VERSION);
	buffer_le16(&message, (uint16_t)type);
	buffer_le32(&message, (uint32_t)size);
	buffer_le32(&message, 0);
	buffer_bytes(&message, body, size);
	error = !buffer_ok(&message) ? -ENOMEM :
		descriptors_send(socket, message.data, message.size, d ? d->fds : NULL, d ? d->count : 0, flags);
	buffer_done(&message);
	return error;
}

int message_send(int socket, enum control_type type, const void *body, size_t size, const struct descriptors *d)
{
	return send_message(socket, type, body, size, d, 0);
}

int message_send_done(int socket, int status, const char *text)
{
	struct buffer body = {};
	int error;

	buffer_le32(&body, (uint32_t)status);
	if (text)
		buffer_bytes(&body, text, strlen(text));
	error = buffer_ok(&body) ? send_message(socket, CONTROL_DONE, body.data, body.size, NULL, MSG_DONTWAIT) : -ENOMEM;
	buffer_done(&body);
	return error;
}

/* --- Receiving --- */

struct receiver {
	int socket;
	int64_t deadline_ns; /* boot time; 0: none */
	struct descriptors *d;
	struct problem *p;
};

static int wait_for_more(const struct receiver *r)
{
	struct pollfd wait = { .fd = r->socket, .events = POLLIN };
	int64_t left_ns = r->deadline_ns ? r->deadline_ns - boot_now_ns() : -1;
	int n;

	if (r->deadline_ns && left_ns <= 0)
		return problem(r->p, -ETIMEDOUT, "the message did not come in time");
	n = poll(&wait, 1, r->deadline_ns ? (int)(left_ns / 1000000) + 1 : -1);
	return n < 0 && errno != EINTR ? problem(r->p, -errno, "cannot wait for a message: %s", strerror(errno)) : n > 0;
}

/* Exactly size bytes. -EPIPE: the end came before the first of them. */
static int receive_all(const struct receiver *r, uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		int ready = wait_for_more(r);
		ssize_t n = ready > 0 ? descriptors_receive(r->socket, data + at, size - at, r->d, MSG_DONTWAIT) : -EAGAIN;

		if (ready < 0)
			return ready;
		if (n == -EAGAIN || n == -EINTR)
			continue;
		if (n == -EBADMSG)
			return problem(r->p, -EBADMSG, "too many descriptors");
		if (n < 0)
			return problem(r->p, (int)n, "cannot receive a message: %s", strerror((int)-n));
		if (n == 0)
			return at ? problem(r->p, -EBADMSG, "a message that was cut off") :
				    problem(r->p, -EPIPE, "the other side closed the control socket");
		at += (size_t)n;
	}
	return 0;
}

static int receive_header(const struct receiver *r, size_t max, struct control_header *ret_header)
{
	uint8_t bytes[sizeof(struct control_header)];
	struct control_header h;
	int error = receive_all(r, bytes, sizeof(bytes));

	if (error)
		return error;
	h = (struct control_header){ .magic = get_le32(bytes), .version = get_le16(bytes + 4), .type = get_le16(bytes + 6),
				     .size = get_le32(bytes + 8), .reserved = get_le32(bytes + 12) };
	if (h.magic != CONTROL_MAGIC)
		return problem(r->p, -EBADMSG, "not a control message");
	if (h.version != CONTROL_VERSION)
		return problem(r->p, -EPROTO, "version %u of the control protocol: version %d is spoken here", h.version,
			       CONTROL_VERSION);
	if (h.reserved || h.size > max)
		return problem(r->p, -EBADMSG, "a control message of %u bytes: at most %zu are taken", h.size, max);
	*ret_header = h;
	return 0;
}

int message_receive(int socket, size_t max, unsigned int timeout_ms, enum control_type *ret_type, uint8_t **ret_body,
		    size_t *ret_size, struct descriptors *d, struct problem *p)
{
	const struct receiver r = { socket, timeout_ms ? boot_now_ns() + timeout_ms * INT64_C(1000000) : 0, d, p };
	struct control_header h = {};
	uint8_t *body;
	int error = receive_header(&r, max, &h);

	if (error)
		return error;
	body = malloc(h.size + (size_t)1);
	if (!body)
		return problem(p, -ENOMEM, "out of memory");
	error = receive_all(&r, body, h.size);
	if (error) {
		free(body);
		return error == -EPIPE ? problem(p, -EBADMSG, "a message that was cut off") : error;
	}
	body[h.size] = 0;
	*ret_type = (enum control_type)h.type;
	*ret_body = body;
	*ret_size = h.size;
	return 0;
}

int message_address(const char *run_dir, struct sockaddr_un *ret_address)
{
	int n;

	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sun_family = AF_UNIX;
	n = snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s/" CONTROL_SOCKET, run_dir);
	return n > 0 && (size_t)n < sizeof(ret_address->sun_path) ? 0 : -ENAMETOOLONG;
}
