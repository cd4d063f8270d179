// SPDX-License-Identifier: BSD-2-Clause
/* The offsets of this process's time namespace. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "time_space.h"

int time_space_judge(const char *offsets, struct problem *p)
{
	static const char name[] = "boottime";
	const char *line = strstr(offsets, name);
	size_t length;

	if (!line)
		return 0;
	line += sizeof(name) - 1;
	line += strspn(line, " \t");
	length = strcspn(line, "\n");
	if (strspn(line, "0 \t") >= length)
		return 0;
	return problem(p, -EXDEV,
		       "this process is in a time namespace whose boot time is %.*s (seconds, nanoseconds) off: it would date connections wrongly; start sekishod outside of it",
		       (int)length, line);
}

int time_space_check(struct problem *p)
{
	char text[256];
	int fd = open("/proc/self/timens_offsets", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0; /* a kernel without time namespaces */
	text[n] = '\0';
	return time_space_judge(text, p);
}
