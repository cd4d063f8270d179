/* SPDX-License-Identifier: BSD-2-Clause */
/* Network namespaces: entering one by its path, and the cookie that sockets in it carry. */
#ifndef SEKISHO_NETNS_H
#define SEKISHO_NETNS_H

#include <stdint.h>

/* Takes the calling thread there, for good. 0, or negative errno: -ENOENT (nothing is mounted there), -ELOOP (a link
 * to a process's namespace), ... */
int netns_enter(const char *path);
/* Of the namespace in which the calling thread is (SO_NETNS_COOKIE, since 5.14). 0 or negative errno. */
int netns_cookie(uint64_t *ret_cookie);

#endif
