// SPDX-License-Identifier: BSD-2-Clause
/* Asking chronyc. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/parse.h"
#include "base/utc.h"
#include "chrony.h"
#include "program.h"

#define TIMEOUT_NS (CHRONY_SECONDS * NS_PER_SEC)
#define LINE_MAX_BYTES 512
#define SECONDS_MAX 100000000 /* three years: more is no offset of a clock */

/* Fields of the line, counted from 0 (chronyc(1), "tracking"). */
enum { OFFSET = 4, ROOT_DELAY = 10, ROOT_DISPERSION = 11, LEAP_STATUS = 13, FIELDS = 14 };

/* --- The line --- */

/* "-0.000003372" without its sign, rounded up; 0 or -EINVAL. */
static int parse_size(const char *s, size_t length, uint64_t *ret_ns)
{
	const char *point;
	uint64_t seconds, fraction = 0;
	size_t whole, digits;

	if (length && (*s == '-' || *s == '+')) {
		s++;
		length--;
	}
	point = memchr(s, '.', length);
	whole = point ? (size_t)(point - s) : length;
	digits = point ? length - whole - 1 : 0;
	if (parse_u64_n(s, whole, 0, SECONDS_MAX, &seconds) || digits > 18 ||
	    (digits && parse_u64_n(point + 1, digits, 0, UINT64_MAX, &fraction)))
		return -EINVAL;
	for (; digits < 9; digits++)
		fraction *= 10;
	for (; digits > 9; digits--)
		fraction = fraction / 10 + (fraction % 10 != 0);
	*ret_ns = seconds * (uint64_t)NS_PER_SEC + fraction;
	return 0;
}

int chrony_parse(const char *line, uint64_t *ret_error_ns, struct problem *p)
{
	const char *fields[FIELDS];
	size_t lengths[FIELDS], count = 0;
	uint64_t offset, delay, dispersion;

	for (const char *at = line; count < FIELDS; at += lengths[count++] + 1) {
		fields[count] = at;
		lengths[count] = strcspn(at, ",\n");
		if (at[lengths[count]] != ',') {
			count++;
			break;
		}
	}
	if (count != FIELDS || fields[FIELDS - 1][lengths[FIELDS - 1]] == ',')
		return problem(p, -EINVAL, "chronyc -c tracking: \"%.60s\" has not %d fields", line, FIELDS);
	if (lengths[LEAP_STATUS] == strlen("Not synchronised") &&
	    strncmp(fields[LEAP_STATUS], "Not synchronised", lengths[LEAP_STATUS]) == 0)
		return -ENODATA;
	if (parse_size(fields[OFFSET], lengths[OFFSET], &offset) ||
	    parse_size(fields[ROOT_DELAY], lengths[ROOT_DELAY], &delay) ||
	    parse_size(fields[ROOT_DISPERSION], lengths[ROOT_DISPERSION], &dispersion))
		return problem(p, -EINVAL, "chronyc -c tracking: \"%.160s\": expected seconds as fields %d, %d and %d",
			       line, OFFSET + 1, ROOT_DELAY + 1, ROOT_DISPERSION + 1);
	*ret_error_ns = offset + dispersion + (delay + 1) / 2;
	return 0;
}

/* --- The command --- */

/* Nothing of our environment. */
static int start(const char *command, int output, pid_t *ret_child)
{
	static char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
	char *const words[] = { (char *)command, "-n", "-c", "tracking", NULL };
	const struct program program = { words, environment, .input = -1, .output = output };

	return program_start(&program, ret_child);
}

/* What comes until the end of it; the rest of a text that is too long is none of a line. */
static int read_all(int fd, int64_t end_boot_ns, char *text, size_t size)
{
	size_t length = 0;

	while (program_says(fd, end_boot_ns)) {
		ssize_t n = read(fd, text + length, size - 1 - length);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			length += (size_t)n;
		if (n == 0 || length == size - 1) {
			text[length] = '\0';
			return 0;
		}
	}
	return -ETIMEDOUT;
}

int chrony_ask(const char *command, struct chrony_bound *ret_bound, struct problem *p)
{
	int64_t asked = boot_now_ns(), end = asked + TIMEOUT_NS;
	char text[LINE_MAX_BYTES];
	int ends[2], status = 0, error;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return problem(p, -errno, "%s: %s", command, strerror(errno));
	error = start(command, ends[1], &child);
	close(ends[1]);
	if (error) {
		close(ends[0]);
		return error == -ENOENT ? -ENODATA : problem(p, error, "%s: %s", command, strerror(-error));
	}
	error = read_all(ends[0], end, text, sizeof(text));
	close(ends[0]); /* whoever still writes ends */
	(void)program_wait(child, error ? asked : end, &status);
	if (error)
		return problem(p, error, "%s: %s", command, strerror(-error));
	if (status)
		return -ENODATA; /* chronyc says so when nobody answers it */
	ret_bound->boot_ns = asked;
	return chrony_parse(text, &ret_bound->error_ns, p);
}
