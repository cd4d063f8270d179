/* SPDX-License-Identifier: BSD-2-Clause */
/* The root of the cgroup2 hierarchy, wherever the host has it. */
#ifndef SEKISHO_CGROUP_ROOT_H
#define SEKISHO_CGROUP_ROOT_H

#include <stdbool.h>

/*
 * An O_PATH descriptor, which the caller closes, or negative errno. Where nobody has mounted the hierarchy it is
 * mounted without a place in the file system, so that it goes with its descriptors.
 */
int cgroup_root_open(void);
/* Whether it is the root of all, and not that of a cgroup namespace. */
bool cgroup_root_is_whole(int root);

#endif
