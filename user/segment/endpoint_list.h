/* SPDX-License-Identifier: BSD-2-Clause */
/* The endpoints in a section's header (FORMAT.md 3.10): what repeats among them is said once. */
#ifndef SEKISHO_ENDPOINT_LIST_H
#define SEKISHO_ENDPOINT_LIST_H

#include "base/cursor.h"
#include "row.h"

/* tenant: its number. Appends the number and endpoints[order[0..count-1]]. */
void endpoint_list_write(const struct endpoint *endpoints, const uint32_t *order, uint32_t count,
			 uint32_t tenant, struct buffer *out);
/* The reverse; the caller frees the list. -EBADMSG or -ENOMEM. */
int endpoint_list_read(struct cursor *c, uint32_t tenant, struct endpoint **ret_list, uint32_t *ret_count);

#endif
