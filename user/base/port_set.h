/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of ports: "443", "1024-2047,443". What a search asks a port to be in (a MAP-E subscriber has such a set). */
#ifndef SEKISHO_PORT_SET_H
#define SEKISHO_PORT_SET_H

#include <stdbool.h>
#include <stdint.h>

struct port_set {
	uint64_t bits[65536 / 64];
};

static inline bool port_set_has(const struct port_set *s, uint16_t port)
{
	return s->bits[port / 64] >> port % 64 & 1;
}

void port_set_add(struct port_set *s, uint16_t first, uint16_t last); /* both included */

/* Ports and ranges FIRST-LAST of 1 to 65535, joined by commas. 0 or -EINVAL. */
int port_set_parse(const char *text, struct port_set *ret_set);

#endif
