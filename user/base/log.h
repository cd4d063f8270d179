/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the daemon and the command. One line each, to stderr or syslog.
 * Only the outermost caller logs; everything below returns an error.
 */
#ifndef SEKISHO_LOG_H
#define SEKISHO_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Name printed before each line, and where lines go (default: stderr). */
void log_init(const char *program, bool to_syslog);

/* From here on lines go through a SOCK_SEQPACKET pair to a process that says them with log_relay(). One that
 * does not come through, as that process does not read, is dropped. */
void log_to(int fd);
/* Says what waits there as if it were our own, at most 64 lines. Does not block. True: there may be more. */
bool log_relay(int fd);

/* errno is preserved by all three. */
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* One safe line into buf: control characters and broken UTF-8 become '?', a text that was cut
 * ends in "…". What every message and every problem goes through. */
void log_format(char *buf, size_t size, const char *fmt, va_list args) PRINTF_LIKE(3, 0);

#endif
