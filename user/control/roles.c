// SPDX-License-Identifier: BSD-2-Clause
/* The table of rights, and what it means for a peer. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include "base/parse.h"
#include "roles.h"

#define ENTRY_BYTES (1u << 20) /* a group with very many members */

const struct role_act role_acts[] = {
	{ "status", NULL, ROLE_ADMIN, NULL },
	{ "reload", NULL, ROLE_ADMIN, NULL },
	{ "seal", NULL, ROLE_ADMIN, NULL },
	{ "hold", "set", ROLE_ADMIN, NULL },
	{ "hold", "list", ROLE_ADMIN | ROLE_DESK | ROLE_AUDIT, NULL },
	{ "hold", "release", ROLE_ADMIN, NULL },
	{ "case", "open", ROLE_DESK, NULL },
	{ "case", "list", ROLE_DESK | ROLE_AUDIT, NULL },
	{ "case", "show", ROLE_DESK | ROLE_AUDIT, NULL },
	{ "case", "note", ROLE_DESK, NULL },
	{ "case", "opinion", ROLE_DESK, NULL },
	{ "case", "provider", ROLE_DESK, "file" },
	{ "case", "close", ROLE_DESK, NULL },
	{ "approve", NULL, ROLE_DESK, NULL },
	{ "search", NULL, ROLE_DESK | ROLE_OWNER, "questions" },
	{ "consent", "grant", ROLE_PANEL | ROLE_OWNER, "text" },
	{ "consent", "modify", ROLE_PANEL | ROLE_OWNER, "text" },
	{ "consent", "withdraw", ROLE_PANEL | ROLE_OWNER, NULL },
	{ "consent", "notice", ROLE_ADMIN | ROLE_PANEL, NULL },
	{ "consent", "show", ROLE_ADMIN | ROLE_AUDIT | ROLE_PANEL | ROLE_OWNER, NULL },
	{ "consent", "log", ROLE_ADMIN | ROLE_AUDIT | ROLE_OWNER, NULL },
	{ "consent", "text", ROLE_ADMIN | ROLE_PANEL | ROLE_OWNER, NULL },
	{ "ledger", "show", ROLE_AUDIT, NULL },
	{ "ledger", "verify", ROLE_AUDIT, "public-key" },
	{ "ledger", "head", ROLE_AUDIT, NULL },
	{ "ledger", "rotate-key", 0, NULL },
	{ "verify", NULL, ROLE_AUDIT, NULL },
	{ "import", NULL, 0, NULL },
	{},
};

const struct role_act *roles_find(int argc, char *const *argv)
{
	for (const struct role_act *a = role_acts; argc > 0 && a->verb; a++)
		if (strcmp(a->verb, argv[0]) == 0 && (!a->act || (argc > 1 && strcmp(a->act, argv[1]) == 0)))
			return a;
	return NULL;
}

/* A name or a number. */
static bool group_of(const char *text, gid_t *ret_gid)
{
	static char buf[ENTRY_BYTES]; /* single-threaded: one request, one process */
	struct group entry, *found = NULL;
	uint64_t number;

	if (parse_u64(text, 0, UINT32_MAX - 1, &number) == 0) {
		*ret_gid = (gid_t)number;
		return true;
	}
	if (getgrnam_r(text, &entry, buf, sizeof(buf), &found) || !found)
		return false;
	*ret_gid = found->gr_gid;
	return true;
}

static const struct {
	enum role role;
	size_t group; /* offset of its name in struct conf */
} grouped[] = {
	{ ROLE_ADMIN, offsetof(struct conf, group_admin) },
	{ ROLE_DESK, offsetof(struct conf, group_desk) },
	{ ROLE_AUDIT, offsetof(struct conf, group_audit) },
	{ ROLE_PANEL, offsetof(struct conf, group_panel) },
};
#define GROUPED (sizeof(grouped) / sizeof(grouped[0]))

void roles_set(struct peer *p, const struct conf *conf)
{
	gid_t gid;

	p->roles = 0;
	for (size_t i = 0; i < GROUPED; i++)
		if (group_of((const char *)conf + grouped[i].group, &gid) && peer_in_group(p, gid))
			p->roles |= grouped[i].role;
}

bool roles_owns(const struct peer *p, const struct conf *conf, const char *tenant_id)
{
	const struct conf_tenant *t = tenant_id ? conf_find_tenant(conf, tenant_id) : NULL;

	return t && t->owner[0] && peer_is(p, t->owner);
}

static bool owns_any(const struct peer *p, const struct conf *conf)
{
	for (size_t i = 0; i < conf->tenant_count; i++)
		if (roles_owns(p, conf, conf->tenants[i].id))
			return true;
	return false;
}

int roles_admit(const struct peer *p, const struct conf *conf, const struct role_act *act, bool *ret_own,
		struct problem *ret_problem)
{
	char who[ROLES_TEXT_MAX];

	*ret_own = false;
	if (p->uid == 0 || act->roles & p->roles)
		return 0;
	*ret_own = true;
	if (act->roles & ROLE_OWNER && owns_any(p, conf))
		return 0;
	return problem(ret_problem, -EACCES, "%s%s%s is for %s, not for uid %u", act->verb, act->act ? " " : "",
		       act->act ? act->act : "", roles_text(conf, act->roles, who), p->uid);
}

const char *roles_text(const struct conf *conf, unsigned int roles, char buf[static ROLES_TEXT_MAX])
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < GROUPED; i++)
		if (roles & grouped[i].role)
			at += (size_t)snprintf(buf + at, ROLES_TEXT_MAX - at, "group %s, ",
					       (const char *)conf + grouped[i].group);
	if (roles & ROLE_OWNER)
		at += (size_t)snprintf(buf + at, ROLES_TEXT_MAX - at, "the tenant's own user, ");
	snprintf(buf + at, ROLES_TEXT_MAX - at, "root");
	return buf;
}
