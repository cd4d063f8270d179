/* SPDX-License-Identifier: BSD-2-Clause */
/* What the warden does for its children: the closed list of capture/ask.h. */
#ifndef SEKISHO_ANSWERS_H
#define SEKISHO_ANSWERS_H

#include "warden_parts.h"

/* Reads one message of a child and answers it. 0; -EPIPE: it has gone; other negative errno: it sent nonsense, or what is
 * not its to ask. */
int answers_next(struct warden *w, enum child_name from);

#endif
