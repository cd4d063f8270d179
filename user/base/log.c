/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the daemon and the command: one safe line each, to stderr or syslog.
 */
#include "log.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>

#define LINE_MAX_BYTES 1024
#define RELAY_LINES 64

static const char *program_name = "sekisho";
static bool use_syslog;
static int relay_fd = -1;

void log_init(const char *program, bool to_syslog)
{
	program_name = program;
	use_syslog = to_syslog;
	if (to_syslog)
		openlog(program, LOG_PID, LOG_DAEMON);
}

void log_to(int fd)
{
	relay_fd = fd;
}

/* Bytes of the well-formed UTF-8 character at s, 0 if there is none. */
static size_t utf8_length(const uint8_t *s)
{
	size_t n = 0;

	if (s[0] < 0x80)
		n = 1;
	else if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90))
		return 0; /* a longer spelling than needed */
	return n;
}

static bool is_control(const uint8_t *s, size_t length)
{
	if (length == 1)
		return s[0] < 0x20 || s[0] == 0x7f;
	return s[0] == 0xc2 && s[1] < 0xa0; /* U+0080..U+009F: terminals obey them too */
}

/*
 * Text from a peer or a file ends up in terminals and log files: nothing in it
 * may start a new line or an escape sequence.
 */
static void make_printable(char *text)
{
	for (uint8_t *s = (uint8_t *)text; *s != 0;) {
		size_t length = utf8_length(s);

		if (length == 0 || is_control(s, length)) {
			memset(s, '?', length == 0 ? 1 : length);
			length = length == 0 ? 1 : length;
		}
		s += length;
	}
}

void log_format(char *buf, size_t size, const char *fmt, va_list args)
{
	static const char cut[] = "…";
	int length = vsnprintf(buf, size, fmt, args);

	if (length < 0) {
		snprintf(buf, size, "(message could not be formatted)");
	} else if ((size_t)length >= size && size > sizeof(cut)) {
		size_t at = size - sizeof(cut);

		while (at > 0 && ((uint8_t)buf[at] & 0xc0) == 0x80)
			at--;
		memcpy(buf + at, cut, sizeof(cut));
	}
	make_printable(buf);
}

static void say(int priority, const char *label, const char *line)
{
	if (use_syslog)
		syslog(priority, "%s%s", label, line);
	else
		fprintf(stderr, "%s: %s%s\n", program_name, label, line);
}

/* Never waits: whoever is to write it down may have stopped. False when it did not go. */
static bool relay(int priority, const char *label, const char *line)
{
	char message[LINE_MAX_BYTES + 32];
	int n = snprintf(message, sizeof(message), "%c%s%s", '0' + priority, label, line);

	return send(relay_fd, message, (size_t)n < sizeof(message) ? (size_t)n : sizeof(message) - 1,
		    MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* Whoever writes without end keeps the warden from nothing else. */
bool log_relay(int fd)
{
	char message[LINE_MAX_BYTES + 32];

	for (int i = 0; i < RELAY_LINES; i++) {
		ssize_t n = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT);
		int priority;

		if (n <= 0)
			return false;
		priority = message[0] - '0';
		message[n] = '\0';
		make_printable(message + 1);
		say(priority >= LOG_ERR && priority <= LOG_INFO ? priority : LOG_INFO, "", message + 1);
	}
	return true;
}

static void emit(int priority, const char *label, const char *fmt, va_list args)
{
	int saved_errno = errno;
	char line[LINE_MAX_BYTES];

	log_format(line, sizeof(line), fmt, args);
	if (relay_fd < 0)
		say(priority, label, line);
	else
		(void)relay(priority, label, line);
	errno = saved_errno;
}

void log_info(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	emit(LOG_INFO, "", fmt, args);
	va_end(args);
}

void log_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	emit(LOG_WARNING, "warning: ", fmt, args);
	va_end(args);
}

void log_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	emit(LOG_ERR, "error: ", fmt, args);
	va_end(args);
}
