/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may do what: one table of verbs, acts and roles. Whoever is in a role's group (group_admin = ... of the
 * configuration in force) has the role; a tenant's own user may what ROLE_OWNER may, for that tenant; root may all.
 */
#ifndef SEKISHO_ROLES_H
#define SEKISHO_ROLES_H

#include "base/conf.h"
#include "base/problem.h"
#include "peer.h"

enum role {
	ROLE_ADMIN = 1 << 0, /* the node: status, tenants, holds, sealing */
	ROLE_DESK = 1 << 1, /* cases, searches, approvals */
	ROLE_AUDIT = 1 << 2, /* ledgers and verification; never a row */
	ROLE_PANEL = 1 << 3, /* consents, for a customer that it has authenticated */
	ROLE_OWNER = 1 << 4, /* the tenant's own user: its consent, its records */
};

/* An act: who may, and which of its options names a file that the client opens (NULL: none). */
struct role_act {
	const char *verb, *act; /* act NULL: the verb has none */
	unsigned int roles; /* enum role, besides root; 0: root alone */
	const char *file_option;
};
/* Ends with an all-zero row. */
extern const struct role_act role_acts[];

/* The act that argv asks for, or NULL: the act stands right behind its verb. */
const struct role_act *roles_find(int argc, char *const *argv);

/* The roles that come from the peer's groups, into p->roles. A group that does not exist is nobody's. */
void roles_set(struct peer *p, const struct conf *conf);
/* Whether the peer is the tenant's own user. */
bool roles_owns(const struct peer *p, const struct conf *conf, const char *tenant_id);

/*
 * Whether the peer may begin the act. -EACCES and *p, which names the roles. *ret_own: only as the own user of a
 * tenant; then whoever knows the tenant asks roles_owns() for it.
 */
int roles_admit(const struct peer *p, const struct conf *conf, const struct role_act *act, bool *ret_own,
		struct problem *ret_problem);

/* "sekisho-desk, sekisho-audit and the tenant's own user": for messages. Returns buf. */
#define ROLES_TEXT_MAX 400
const char *roles_text(const struct conf *conf, unsigned int roles, char buf[static ROLES_TEXT_MAX]);

#endif
