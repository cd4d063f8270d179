/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file: `key = value` lines, then `[tenant ID]` sections with
 * the tenant's selectors: `address = ADDR[/LEN][:PORT]`, `cgroup = /PATH`,
 * `netns = /PATH`, `interface = NAME`, and its own user: `owner = USER`. '#' starts a comment line. Anything
 * unknown, given twice or contradictory is an error with file and line.
 */
#ifndef SEKISHO_CONF_H
#define SEKISHO_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "selector.h"
#include "parse.h"
#include "problem.h"
#include "schema/event.h"

#define CONF_PATH_MAX 200
#define CONF_DEFAULT_FILE "/etc/sekisho/sekisho.conf"
#define CONF_SELECTORS_MAX 16384
#define CONF_SHARED_MAX 4096
#define CONF_NAME_MAX 64

struct conf_tenant {
	char id[TENANT_ID_MAX + 1];
	char owner[CONF_NAME_MAX + 1]; /* user name or number; "": none */
	struct selector *selectors;
	size_t selector_count, selector_capacity;
	unsigned int line;
};

struct conf {
	char state_dir[CONF_PATH_MAX], run_dir[CONF_PATH_MAX], pin_dir[CONF_PATH_MAX];
	char user[CONF_NAME_MAX + 1]; /* whose store it is: a name, or a number */
	char timezone[64];
	char head_command[CONF_PATH_MAX]; /* "": none; words apart by blanks, the first an absolute path */
	enum sekisho_rung hook; /* SEKISHO_RUNG_NONE = auto */
	bool record_loopback;
	bool ask_chrony; /* how far the clock may be off, where chronyd runs */
	bool witness; /* a second hook counts beside the one that records */
	uint64_t ring_size; /* bytes, power of two */
	uint64_t sync_interval_ns;
	uint64_t rotate_interval_ns, rotate_size;
	struct selector *shared; /* shared_listener: addresses that serve several tenants at once */
	size_t shared_count, shared_capacity;
	uint64_t canary_interval_ns;
	uint64_t heartbeat_ns; /* how long the programs go on without a collector */
	/* Room that recording leaves on the disk: of both the less; a value of 0 does not count, both 0: none. */
	uint64_t min_free_bytes;
	uint64_t min_free_percent;
	uint64_t approval_rows, approval_window_ns; /* a search that shows more needs a second person */
	/* Groups of the roles (control/roles.h): names or numbers. */
	char group_admin[CONF_NAME_MAX + 1], group_desk[CONF_NAME_MAX + 1], group_audit[CONF_NAME_MAX + 1],
		group_panel[CONF_NAME_MAX + 1];
	struct conf_tenant *tenants;
	size_t tenant_count, tenant_capacity;
};

/* What holds where the file says nothing. */
void conf_defaults(struct conf *ret_conf);
/* 0, or negative errno and *p ("file:line: ..."). Undo with conf_done(). */
int conf_load(const char *path, struct conf *ret_conf, struct problem *p);
/* The same from a file that somebody else opened (borrowed; read from its start); `path` is for messages. */
int conf_load_open(int fd, const char *path, struct conf *ret_conf, struct problem *p);
void conf_done(struct conf *c);
/* What cannot change while sekishod runs keeps the value of `old`. `changed` (may be NULL) is told what differed, and until
 * when that is ignored: "restarted". */
void conf_keep_fixed(const struct conf *old, struct conf *new, void (*changed)(const char *name, const char *until));
const struct conf_tenant *conf_find_tenant(const struct conf *c, const char *id);

/* Whether connections to a shared listener match the selector: those cannot be told apart. */
bool conf_is_shared(const struct conf *c, const struct selector *s);
/*
 * Whether the connections of a tenant can be told from those of others, as far as the configuration
 * shows (AC-12). -EPERM and *p ("SHARED_TENANT: ...", one line) when a selector of it reaches a shared
 * listener, or crosses another tenant's: one inside the other is fine, the more specific wins.
 */
int conf_check_separable(const struct conf *c, const char *tenant_id, struct problem *p);
/* What can be done about it, in Japanese and English, several lines: for the customer and the operator. */
const char *conf_separable_options(void);

/* What is in force, as a configuration file. */
void conf_print(const struct conf *c, FILE *out);

#endif
