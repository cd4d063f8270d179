/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket, <run_dir>/control.sock: a stream (unix(7)) that anybody may connect to. What a request may do is
 * decided by who the kernel says the peer is (SO_PEERCRED, SO_PEERGROUPS), by user/control/roles.c.
 *
 * One request and one answer per connection, each a header and `size` bytes of body; all numbers little-endian.
 *
 * CONTROL_RUN asks for a verb of sekisho(8), which runs in the daemon with the sender's open files:
 *	struct control_run, then struct control_file times file_count, then argc strings, each ended by a zero byte, and
 *	nothing behind them. argv[0] is the verb. With the first byte of the header come 3 + file_count descriptors
 *	(SCM_RIGHTS): standard input, output and error, then one for each struct control_file, in their order.
 *	The daemon opens no path that a client names: a file that an option names is opened by the client, with the
 *	client's rights. Descriptors are of regular files, pipes, terminals or /dev/null; never of sockets, which may tell
 *	their other end that the daemon is who writes.
 *	Answer: CONTROL_DONE, a struct control_done and one line of text without a newline, which may be empty.
 *
 * CONTROL_ASK asks the recorder, for user 0 and the store's user alone: a JSON object {"verb": "status", ...} as of
 *	user/control/wire.h.
 *	Answer: CONTROL_ANSWER with a JSON object, or CONTROL_DONE.
 *
 * The client waits for the answer with its side open: when it closes it, what was asked for is ended. Garbage closes
 * its connection and nothing else. Another version is answered with CONTROL_DONE of the daemon's version.
 */
#ifndef SEKISHO_CONTROL_H
#define SEKISHO_CONTROL_H

#include <stdint.h>

#define CONTROL_SOCKET "control.sock"
#define CONTROL_MAGIC UINT32_C(0x48534b53) /* "SKSH" */
#define CONTROL_VERSION 2 /* 1 was a line of JSON, for root alone */

#define CONTROL_REQUEST_MAX 65536 /* body of a request */
#define CONTROL_ANSWER_MAX (4u << 20) /* body of an answer */
#define CONTROL_ARGS_MAX 1024
#define CONTROL_FILES_MAX 8

enum control_type {
	CONTROL_RUN = 1,
	CONTROL_ASK = 2,
	CONTROL_DONE = 129,
	CONTROL_ANSWER = 130,
};

enum control_language { /* of what is said to people */
	CONTROL_LANGUAGE_EN = 0,
	CONTROL_LANGUAGE_JA = 1,
};

struct control_header {
	uint32_t magic;
	uint16_t version;
	uint16_t type; /* enum control_type */
	uint32_t size; /* of the body, in bytes */
	uint32_t reserved; /* 0 */
};

struct control_run {
	uint16_t argc; /* 1 to CONTROL_ARGS_MAX */
	uint16_t file_count; /* 0 to CONTROL_FILES_MAX */
	uint16_t language; /* enum control_language */
	uint16_t reserved; /* 0 */
};

/* That argv[arg] names a file ("--text=PATH" or a PATH alone), for which a descriptor comes. Ascending. */
struct control_file {
	uint16_t arg; /* 1 to argc - 1 */
};

struct control_done {
	uint32_t status; /* an exit status of the command */
};

_Static_assert(sizeof(struct control_header) == 16, "layout");
_Static_assert(sizeof(struct control_run) == 8, "layout");
_Static_assert(sizeof(struct control_file) == 2, "layout");
_Static_assert(sizeof(struct control_done) == 4, "layout");

#endif
