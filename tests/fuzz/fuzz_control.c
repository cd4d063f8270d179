// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as what comes over the control socket (AC-63): a whole message, received as the daemon receives it, and its
 * body as a request to run a verb. Each is refused with one line, or is built again to the very same bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "control/message.h"
#include "control/roles.h"
#include "fuzz.h"

static void check_body(const uint8_t *data, size_t size)
{
	struct control_request r;
	struct buffer again = {};
	struct problem p = {};
	uint8_t *body = fuzz_copy(data, size);
	int error = message_parse_run(body, size, &r, &p);

	FUZZ_ASSERT(error == 0 || (error == -EBADMSG && p.text[0]));
	if (!error) {
		FUZZ_ASSERT(r.argc >= 1 && !r.argv[r.argc]);
		for (size_t i = 0; i < r.file_count; i++)
			FUZZ_ASSERT(r.file_args[i] > 0 && r.file_args[i] < (unsigned int)r.argc);
		(void)roles_find(r.argc, r.argv);
		error = message_build_run(&r, &again);
		FUZZ_ASSERT(error == 0 || size > CONTROL_REQUEST_MAX);
		FUZZ_ASSERT(error || (again.size == size && memcmp(again.data, data, size) == 0));
		fuzz_rows += (uint64_t)r.argc;
		buffer_done(&again);
	}
	free(body);
}

static void check_message(const uint8_t *data, size_t size)
{
	struct descriptors d = {};
	enum control_type type;
	struct problem p = {};
	uint8_t *body;
	size_t body_size;
	int fds[2], error;

	FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	FUZZ_ASSERT(send(fds[0], data, size, MSG_NOSIGNAL) == (ssize_t)size);
	close(fds[0]);
	error = message_receive(fds[1], CONTROL_REQUEST_MAX, 1000, &type, &body, &body_size, &d, &p);
	FUZZ_ASSERT(error == 0 || error == -EBADMSG || error == -EPROTO || error == -EPIPE);
	FUZZ_ASSERT(!error || p.text[0]);
	if (!error) {
		FUZZ_ASSERT(body_size + sizeof(struct control_header) <= size && body[body_size] == 0);
		if (type == CONTROL_RUN)
			check_body(body, body_size);
		free(body);
	}
	close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > FUZZ_INPUT_MAX)
		return 0;
	check_message(data, size);
	check_body(data, size);
	return 0;
}
