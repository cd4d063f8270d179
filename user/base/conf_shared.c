// SPDX-License-Identifier: BSD-2-Clause
/* Whether the connections of a tenant can be told from those of others. */
#include <errno.h>
#include <string.h>
#include "array.h"
#include "conf_parts.h"

static const struct selector *shared_by(const struct conf *c, const struct selector *s)
{
	for (size_t i = 0; i < c->shared_count; i++)
		if (selector_relate(s, &c->shared[i]) != SELECTOR_APART)
			return &c->shared[i];
	return NULL;
}

bool conf_is_shared(const struct conf *c, const struct selector *s)
{
	return shared_by(c, s) != NULL;
}

/* A selector of another tenant that crosses this one, and that tenant. */
static const struct selector *crossing(const struct conf *c, const struct conf_tenant *own,
				       const struct selector *s, const struct conf_tenant **ret_other)
{
	for (size_t i = 0; i < c->tenant_count; i++) {
		const struct conf_tenant *t = &c->tenants[i];

		for (size_t k = 0; t != own && k < t->selector_count; k++) {
			enum selector_relation how = selector_relate(s, &t->selectors[k]);

			if (how == SELECTOR_CROSSING || how == SELECTOR_SAME) {
				*ret_other = t;
				return &t->selectors[k];
			}
		}
	}
	return NULL;
}

int conf_check_separable(const struct conf *c, const char *tenant_id, struct problem *p)
{
	const struct conf_tenant *t = conf_find_tenant(c, tenant_id), *other;
	char own[SELECTOR_TEXT_MAX], theirs[SELECTOR_TEXT_MAX];

	for (size_t i = 0; t && i < t->selector_count; i++) {
		const struct selector *s = &t->selectors[i], *with = shared_by(c, s);

		selector_format(s, own);
		if (with)
			return problem(p, -EPERM, "SHARED_TENANT: %s of tenant %s is reached by shared_listener %s, which serves others too",
				       own, tenant_id, selector_format(with, theirs));
		with = crossing(c, t, s, &other);
		if (with)
			return problem(p, -EPERM, "SHARED_TENANT: %s of tenant %s crosses %s of tenant %s: neither is inside the other",
				       own, tenant_id, selector_format(with, theirs), other->id);
	}
	return 0;
}

const char *conf_separable_options(void)
{
	return "この契約の接続は、他の契約の接続と区別できないため、記録を開始できません (SHARED_TENANT)。\n"
	       "次のいずれかが必要です: 専用のアドレスまたはポート、専用のコンテナまたは待受プロセス、\n"
	       "あるいは同じ待受を使う全契約の個別の同意。\n"
	       "The connections of this tenant cannot be told from those of others. It needs one of:\n"
	       "  - an address or a port of its own (address = ADDR:PORT),\n"
	       "  - a container or a listening process of its own (cgroup = PATH, netns = PATH),\n"
	       "  - the consent of every tenant that the listener serves, one contract for all of them.\n";
}

/* --- Reading --- */

static int add(struct conf *c, const struct selector *s)
{
	for (size_t i = 0; i < c->shared_count; i++)
		if (selector_equal(&c->shared[i], s))
			return 0;
	if (c->shared_count >= CONF_SHARED_MAX)
		return -E2BIG;
	if (ARRAY_RESERVE(c->shared, c->shared_count, c->shared_capacity))
		return -ENOMEM;
	c->shared[c->shared_count++] = *s;
	return 0;
}

/* A listener on 0.0.0.0 is there on every IPv4 address, one on [::] on every address. */
int conf_add_shared(struct conf *c, const char *value)
{
	struct selector s, v4_any, v6_any;
	int error;

	if (selector_make(SELECTOR_ADDRESS, value, &s) || selector_parse("0.0.0.0/0", &v4_any) ||
	    selector_parse("::/0", &v6_any))
		return -EINVAL;
	v4_any.port = v6_any.port = s.port;
	if (addr_compare(&s.prefix.addr, &v4_any.prefix.addr) == 0)
		return add(c, &v4_any);
	if (addr_compare(&s.prefix.addr, &v6_any.prefix.addr) != 0)
		return add(c, &s);
	error = add(c, &v6_any);
	return error ? error : add(c, &v4_any);
}
