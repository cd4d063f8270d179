// SPDX-License-Identifier: BSD-2-Clause
/* Sets of ports. */
#include <errno.h>
#include <string.h>
#include "parse.h"
#include "port_set.h"

/* "65535-65535" and the end. */
#define ITEM_MAX 12

void port_set_add(struct port_set *s, uint16_t first, uint16_t last)
{
	for (unsigned int port = first; port <= last; port++)
		s->bits[port / 64] |= UINT64_C(1) << port % 64;
}

static int add_item(char *item, struct port_set *s)
{
	char *dash = strchr(item, '-');
	uint16_t first, last;

	if (dash)
		*dash++ = '\0';
	if (parse_port(item, &first) || parse_port(dash ? dash : item, &last) || first > last)
		return -EINVAL;
	port_set_add(s, first, last);
	return 0;
}

int port_set_parse(const char *text, struct port_set *ret_set)
{
	struct port_set set = {};
	char item[ITEM_MAX];
	size_t n;

	for (;; text += n + 1) {
		n = strcspn(text, ",");
		if (n >= sizeof(item))
			return -EINVAL;
		memcpy(item, text, n);
		item[n] = '\0';
		if (add_item(item, &set))
			return -EINVAL;
		if (!text[n])
			break;
	}
	*ret_set = set;
	return 0;
}
