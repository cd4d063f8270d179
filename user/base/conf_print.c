// SPDX-License-Identifier: BSD-2-Clause
/* The configuration that is in force, as a configuration file. */
#include "conf_parts.h"

/* The value of a selector's key. */
static const char *selector_value(const struct selector *s, char text[static SELECTOR_TEXT_MAX])
{
	return s->kind == SELECTOR_ADDRESS ? selector_format(s, text) : s->name;
}

void conf_print(const struct conf *c, FILE *out)
{
	char text[SELECTOR_TEXT_MAX];

	conf_print_keys(c, out);
	for (size_t i = 0; i < c->shared_count; i++)
		fprintf(out, "shared_listener = %s\n", selector_format(&c->shared[i], text));
	for (size_t i = 0; i < c->tenant_count; i++) {
		const struct conf_tenant *t = &c->tenants[i];

		fprintf(out, "\n[tenant %s]\n", t->id);
		if (t->owner[0])
			fprintf(out, "owner = %s\n", t->owner);
		for (size_t k = 0; k < t->selector_count; k++)
			fprintf(out, "%s = %s\n", selector_kind_name(t->selectors[k].kind),
				selector_value(&t->selectors[k], text));
	}
}
