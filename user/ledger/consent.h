/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The consent ledger: a chain of signed lines (ledger.h), one per act. Who may be
 * recorded, from when to when, and for which local addresses is a pure function
 * of it. Secrecy of communications: no grant, no record (DOMAIN 2.3, 2.4).
 */
#ifndef SEKISHO_CONSENT_H
#define SEKISHO_CONSENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/parse.h"
#include "base/problem.h"
#include "base/store_dir.h"

#define CONSENT_FILE "consent.log"
#define CONSENT_RETENTION_MAX_DAYS 366

struct consent {
	uint32_t seq; /* number of its line; stored with every record made under it */
	uint32_t tenant; /* number of the tenant: seq of its first grant */
	char tenant_id[TENANT_ID_MAX + 1];
	int64_t from_ns; /* UTC; never before the act itself */
	int64_t until_ns; /* first instant not covered: agreed end, withdrawal or successor */
	int64_t agreed_until_ns;
	bool withdrawn;
	bool erase; /* withdrawn with STOP_AND_ERASE: what the tenant has here from before is to go, but for holds */
	int64_t withdrawn_ns; /* when it was */
	uint32_t withdrawn_seq; /* line of that withdrawal */
	uint32_t fields; /* enum sekisho_field */
	uint32_t retention_days;
	struct selector *scope; /* selectors at the time of the grant */
	size_t scope_count;
};

struct consents {
	struct consent *list; /* ascending seq */
	size_t count, capacity;
	uint32_t last_seq; /* of any line */
	bool torn; /* the last line was unfinished and is not counted */
};

/*
 * Reads the ledger; a missing file is an empty one. -EBADMSG and *p (with the line) when the chain does
 * not verify or a line is not a valid act: then nothing may be recorded. Undo with consents_done().
 */
int consents_load(const struct store_dir *store, struct consents *ret_consents, struct problem *p);
void consents_done(struct consents *c);

/* The grant in force for a tenant at an instant, or NULL. */
const struct consent *consents_at(const struct consents *c, const char *tenant_id, int64_t utc_ns);
/* The earliest start of a grant that lies ahead (the clock was set back), or INT64_MAX. */
int64_t consents_next_start(const struct consents *c, int64_t utc_ns);
/* Whether grant `seq` of tenant number `tenant` covers this instant. */
bool consents_cover(const struct consents *c, uint32_t seq, uint32_t tenant, int64_t utc_ns);

/* The local end of a connection. */
struct consent_local {
	struct addr addr;
	uint16_t port;
};

/*
 * The number of the grant under which a record of grant `seq` and this instant is to be stored, or 0
 * when none covers it. That is `seq` itself; or, for an event emitted just before the kernel heard
 * of a renewal, the grant that took over at the very end of `seq`, if its scope includes the address.
 */
uint32_t consents_covering(const struct consents *c, uint32_t seq, uint32_t tenant, int64_t utc_ns,
			   const struct consent_local *local);

/* What grant `seq` includes beyond the base (enum sekisho_field); 0 when there is no such grant. */
uint32_t consents_fields(const struct consents *c, uint32_t seq);

struct consent_act {
	const char *tenant_id, *actor;
	unsigned int uid; /* who ran the command */
	bool erase; /* withdraw only: STOP_AND_ERASE */
	int64_t until_ns; /* grant only, as are all below */
	uint32_t fields, retention_days;
	const char *text_sha256; /* of the explanation that was shown */
	const struct selector *scope;
	size_t scope_count;
};

/*
 * Append a line, durable on return; the act's time is now. Writers exclude each other. ret_time_ns is
 * the recorded time. withdraw: -ESRCH and *p when no grant of the tenant is in force.
 */
int consent_grant(const struct store_dir *store, const struct consent_act *act, uint32_t *ret_seq,
		  int64_t *ret_time_ns, struct problem *p);
int consent_withdraw(const struct store_dir *store, const struct consent_act *act, int64_t *ret_time_ns,
		     struct problem *p);

/*
 * "src_addr,src_port,dst_addr,dst_port,t_accept[,rtt][,t_close]", in any order: the first five are one
 * whole and must all be there.
 */
int consent_parse_fields(const char *list, uint32_t *ret_fields, struct problem *p);

#endif
