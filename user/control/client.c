// SPDX-License-Identifier: BSD-2-Clause
/* Asking the daemon. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "client.h"
#include "standard.h"

static int dial(const char *run_dir, struct problem *p)
{
	struct sockaddr_un address;
	int fd, error = message_address(run_dir, &address);

	if (error)
		return problem(p, error, "run_dir %s is too long for a socket", run_dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return problem(p, -errno, "cannot create a socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		error = errno == ENOENT ? -ECONNREFUSED : -errno;
		close(fd);
		return problem(p, error, error == -ECONNREFUSED ? "sekishod is not running (%s: %s)" :
								  "cannot reach sekishod at %s: %s",
			       address.sun_path, strerror(-error));
	}
	return fd;
}

/* The answer may be there although it did not read all that we sent. `standard` (may be NULL) is among what is sent. */
static int exchange(const char *run_dir, enum control_type type, const void *body, size_t size,
		    const struct descriptors *send, struct standard *standard, enum control_type *ret_type, uint8_t **ret_body, size_t *ret_size,
		    struct problem *p)
{
	struct descriptors unwanted = {};
	int fd = dial(run_dir, p), sent, error;

	if (fd < 0)
		return fd;
	sent = message_send(fd, type, body, size, send);
	if (standard)
		standard_passed(standard);
	error = message_receive(fd, CONTROL_ANSWER_MAX, 0, ret_type, ret_body, ret_size, &unwanted, p);
	if (error && sent)
		problem(p, error, "cannot ask sekishod: %s", strerror(-sent));
	else if (error == -ECONNRESET || error == -EPIPE)
		problem(p, -EIO, "the other side closed the control socket");
	descriptors_close(&unwanted);
	close(fd);
	return error == -ECONNREFUSED ? -EIO : error;
}

/* {"status": N, "error": TEXT} */
static json_t *done_json(const uint8_t *body, size_t size)
{
	return json_pack("{s:I, s:s}", "status", (json_int_t)get_le32(body), "error",
			 size > 4 ? (const char *)body + 4 : "no answer");
}

int client_call(const char *run_dir, json_t *request, json_t **ret_answer, struct problem *p)
{
	char *text = json_dumps(request, JSON_COMPACT);
	enum control_type type;
	json_t *answer = NULL;
	uint8_t *body;
	size_t size;
	int error;

	json_decref(request);
	if (!text)
		return problem(p, -ENOMEM, "out of memory");
	error = exchange(run_dir, CONTROL_ASK, text, strlen(text), NULL, NULL, &type, &body, &size, p);
	free(text);
	if (error)
		return error;
	if (type == CONTROL_ANSWER)
		answer = json_loadb((char *)body, size, JSON_REJECT_DUPLICATES, NULL);
	else if (type == CONTROL_DONE && size >= sizeof(struct control_done))
		answer = done_json(body, size);
	free(body);
	if (!json_is_object(answer)) {
		json_decref(answer);
		return problem(p, -EIO, "sekishod answered what is not an answer");
	}
	*ret_answer = answer;
	return 0;
}

int client_run(const char *run_dir, const struct control_request *request, const int *files, bool reads_input,
	       int *ret_status, struct problem *p)
{
	struct buffer body = {};
	struct descriptors d = {};
	struct standard standard;
	enum control_type type;
	uint8_t *answer;
	size_t size;
	int error = message_build_run(request, &body);

	if (error) {
		buffer_done(&body);
		return problem(p, error, "the request does not fit: at most %d arguments, %d bytes", CONTROL_ARGS_MAX,
			       CONTROL_REQUEST_MAX);
	}
	error = standard_open(&standard, reads_input, &d, p);
	if (!error) {
		for (size_t i = 0; i < request->file_count; i++)
			d.fds[d.count++] = files[i];
		error = exchange(run_dir, CONTROL_RUN, body.data, body.size, &d, &standard, &type, &answer, &size, p);
		standard_passed(&standard);
		standard_done(&standard);
	}
	buffer_done(&body);
	if (error)
		return error;
	if (type != CONTROL_DONE || size < sizeof(struct control_done)) {
		free(answer);
		return problem(p, -EIO, "sekishod answered what is not an answer");
	}
	*ret_status = (int)get_le32(answer);
	problem(p, 0, "%s", (char *)answer + sizeof(struct control_done));
	free(answer);
	return 0;
}
