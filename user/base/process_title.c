// SPDX-License-Identifier: BSD-2-Clause
/* The kernel reads a process's command line from its own memory (proc(5), cmdline). */
#include <stddef.h>
#include <string.h>
#include "process_title.h"

static char *begin, *end;

void process_title_init(int argc, char **argv)
{
	begin = end = argc > 0 ? argv[0] : NULL;
	for (int i = 0; i < argc && argv[i] == end; i++)
		end += strlen(argv[i]) + 1;
}

void process_title(const char *title)
{
	size_t room = (size_t)(end - begin), length = strlen(title);

	if (room < 2)
		return;
	if (length > room - 1)
		length = room - 1;
	memset(begin, 0, room);
	memcpy(begin, title, length);
}
