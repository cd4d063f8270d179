/* SPDX-License-Identifier: BSD-2-Clause */
/* Exit statuses of both programs; scripts rely on them (sekisho(8)). */
#ifndef SEKISHO_EXIT_STATUS_H
#define SEKISHO_EXIT_STATUS_H

enum exit_status {
	EXIT_YES = 0, /* yes, found, done */
	EXIT_NO = 1, /* none, false, could not */
	EXIT_USAGE = 2, /* usage or bad input */
	EXIT_NO_DAEMON = 3,
	EXIT_REFUSED = 4, /* by policy */
	EXIT_DAMAGED = 5, /* store or ledger */
};

#endif
