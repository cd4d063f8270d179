// SPDX-License-Identifier: BSD-2-Clause
/* Ending with an honest status when the output did not arrive. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "exit_status.h"
#include "log.h"
#include "output.h"

int output_finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_error("cannot write the output: %s", strerror(errno));
	return EXIT_NO;
}
