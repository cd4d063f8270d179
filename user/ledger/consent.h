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
#include "base/selector.h"
#include "base/parse.h"
#include "base/problem.h"
#include "base/store_dir.h"
#include "consent_words.h"

#define CONSENT_FILE "consent.log"
#define CONSENT_RETENTION_MAX_DAYS 366
#define CONSENT_TEXT_ID_MAX 64
#define CONSENT_LANG_MAX 35
#define CONSENT_SHA256_HEX 64 /* digits */
#define CONSENT_WORD_MAX 200 /* bytes of actor, method and the like */
#define CONSENT_LOCAL_USER_ONLY "local user only: " /* actor_auth begins so where nobody else was authenticated */

/* What was granted by one act, GRANT or MODIFY. "Grant" is either. */
struct consent {
	uint32_t seq; /* number of its line; stored with every record made under it */
	uint32_t tenant; /* number of the tenant: seq of its first grant */
	char tenant_id[TENANT_ID_MAX + 1];
	int64_t from_ns; /* UTC; the act itself: never for the past */
	int64_t until_ns; /* first instant not covered: agreed end, withdrawal or successor */
	int64_t agreed_until_ns;
	bool modify; /* made by MODIFY */
	bool withdrawn;
	bool erase; /* withdrawn with STOP_AND_ERASE: what the tenant has here from before is to go, but for holds */
	int64_t withdrawn_ns; /* when it was; when erasure was asked for after STOP_ONLY, then */
	uint32_t withdrawn_seq; /* line of that withdrawal */
	int64_t last_act_ns; /* of the tenant, while this is its last grant */
	int64_t last_notice_ns; /* when the tenant was last reminded, under this grant or an earlier one; 0: never */
	uint32_t fields; /* enum sekisho_field */
	uint32_t purposes, recipients; /* enum consent_purpose, enum consent_recipient */
	enum consent_separability separability;
	uint32_t retention_days;
	/* The explanation, and the act at which it was shown: this one, or an earlier one that this only narrows. */
	uint32_t text_seq;
	char text_id[CONSENT_TEXT_ID_MAX + 1], text_version[CONSENT_TEXT_ID_MAX + 1];
	char text_sha256[CONSENT_SHA256_HEX + 1], lang[CONSENT_LANG_MAX + 1];
	struct selector *scope; /* selectors at the time of the grant */
	char **resolved; /* by selector: what it was resolved to then, or NULL where it names an address itself */
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
/* A tenant's last grant, ended or not; NULL: it never gave one. */
const struct consent *consents_last(const struct consents *c, const char *tenant_id);
/* The earliest start of a grant that lies ahead (the clock was set back), or INT64_MAX. */
int64_t consents_next_start(const struct consents *c, int64_t utc_ns);
/* Whether grant `seq` of tenant number `tenant` covers this instant. */
bool consents_cover(const struct consents *c, uint32_t seq, uint32_t tenant, int64_t utc_ns);
/* Since when a tenant has been covered without a moment between, up to and including grant g. */
int64_t consents_since(const struct consents *c, const struct consent *g);

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

const struct consent *consents_find(const struct consents *c, uint32_t seq); /* grant `seq`, or NULL */
/* What grant `seq` includes beyond the base (enum sekisho_field); 0 when there is no such grant. */
uint32_t consents_fields(const struct consents *c, uint32_t seq);

/* What of a grant can change. */
enum consent_change {
	CONSENT_END = 1 << 0,
	CONSENT_FIELDS = 1 << 1,
	CONSENT_RETENTION = 1 << 2,
	CONSENT_PURPOSES = 1 << 3,
	CONSENT_RECIPIENTS = 1 << 4,
	CONSENT_SCOPE = 1 << 5,
};
/* What of `after` goes beyond `before`: then the tenant must have been shown a text anew. */
unsigned int consent_widens(const struct consent *before, const struct consent *after);

/* The end of a tenant's last moment, in whose retention everything of it is over but for holds: a UTC day. */
int32_t consents_last_day(const struct consents *c, const char *tenant_id);

/*
 * An act to be written. What is NULL or 0 and has a default here gets it: the line then says plainly that
 * nothing better was known.
 */
struct consent_act {
	const char *tenant_id;
	/* Who, of any act. */
	const char *actor; /* who gave, changed or withdrew it; default: the local user */
	const char *actor_auth; /* how that was made sure of; default: "local user only: uid N (NAME)" */
	const char *method; /* how it reached us: panel, signed form; default: "command line", "control socket" */
	const char *from; /* where from: an address; may be NULL */
	const char *ticket; /* may be NULL */
	unsigned int uid; /* who ran the command, as the kernel has it */
	const char *user; /* name of that user or NULL */
	bool by_socket; /* through the control socket */
	bool erase; /* withdraw only: STOP_AND_ERASE */

	/* grant, modify */
	int64_t until_ns;
	uint32_t fields, retention_days;
	uint32_t purposes; /* default: P1 and P3 */
	uint32_t recipients; /* default: who the purposes need, consent_recipients_of() */
	enum consent_separability separability; /* default: CONSENT_EXACT */
	const char *text_sha256; /* of the explanation that was shown; NULL in a modify that only narrows */
	const char *text_id, *text_version, *lang; /* defaults: "custom", "not stated", "und" (undetermined) */
	const struct selector *scope;
	const char *const *resolved; /* scope_count, each may be NULL; NULL: none */
	size_t scope_count;
	/* modify: what of the above counts (enum consent_change, besides the scope, which always does). */
	unsigned int changes;
	uint32_t based_on; /* modify: number of the grant that was looked at; 0 = any */

	/* Called when the ledgers are locked, before the time of the act is taken; may be NULL. Must not write ledgers. */
	void (*when_locked)(void *ctx);
	void *ctx;
};

/*
 * Append a line, durable on return; the act's time is now. Writers exclude each other. ret_seq (may be NULL) is the
 * number of the line, ret_time_ns its time. -EINVAL and *p: not valid; -ETIME: the clock is behind the tenant's last act.
 *
 * modify: -ESRCH when no grant is in force, -ESTALE when it is another than based_on, -EALREADY when nothing would
 * change, -EPERM when it widens and no text was shown. withdraw: -ESRCH when no grant of the tenant is in force, except
 * that erasure can be asked for after the end, too. notice: -ESRCH likewise.
 */
int consent_grant(const struct store_dir *store, const struct consent_act *act, uint32_t *ret_seq,
		  int64_t *ret_time_ns, struct problem *p);
int consent_modify(const struct store_dir *store, const struct consent_act *act, uint32_t *ret_seq,
		   int64_t *ret_time_ns, struct problem *p);
int consent_withdraw(const struct store_dir *store, const struct consent_act *act, int64_t *ret_time_ns,
		     struct problem *p);
int consent_notice(const struct store_dir *store, const struct consent_act *act, int64_t *ret_time_ns,
		   struct problem *p);

#endif
