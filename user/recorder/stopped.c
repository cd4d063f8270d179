// SPDX-License-Identifier: BSD-2-Clause
/* Withdrawals that are not in the ledger. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "stopped.h"

int stopped_add(struct stopped *s, const struct consent *grant, int64_t t_ns)
{
	struct stopped_tenant *t;

	if (ARRAY_RESERVE(s->list, s->count, s->capacity))
		return -ENOMEM;
	t = &s->list[s->count++];
	*t = (struct stopped_tenant){ .seq = grant->seq, .t_ns = t_ns };
	memcpy(t->tenant_id, grant->tenant_id, sizeof(t->tenant_id));
	return 0;
}

bool stopped_has(const struct stopped *s, const char *tenant_id)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->list[i].tenant_id, tenant_id) == 0)
			return true;
	return false;
}

void stopped_remove(struct stopped *s, const char *tenant_id)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->list[i].tenant_id, tenant_id) != 0)
			s->list[kept++] = s->list[i];
	s->count = kept;
}

void stopped_done(struct stopped *s)
{
	free(s->list);
	memset(s, 0, sizeof(*s));
}

void stopped_apply(const struct stopped *s, struct consents *consents)
{
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; k < consents->count; k++) {
			struct consent *g = &consents->list[k];

			if (strcmp(g->tenant_id, s->list[i].tenant_id) == 0 && g->seq <= s->list[i].seq &&
			    g->until_ns > s->list[i].t_ns)
				g->until_ns = s->list[i].t_ns;
		}
}
