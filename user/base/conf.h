/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file: `key = value` lines, then `[tenant ID]` sections with
 * `address = ADDR[/LEN][:PORT]` lines. '#' starts a comment line. Anything
 * unknown, given twice or contradictory is an error with file and line.
 */
#ifndef SEKISHO_CONF_H
#define SEKISHO_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "addr.h"
#include "parse.h"
#include "problem.h"
#include "schema/event.h"

#define CONF_PATH_MAX 200
#define CONF_DEFAULT_FILE "/etc/sekisho/sekisho.conf"
#define CONF_SELECTORS_MAX 16384

struct conf_tenant {
	char id[TENANT_ID_MAX + 1];
	struct selector *selectors;
	size_t selector_count, selector_capacity;
	unsigned int line;
};

struct conf {
	char state_dir[CONF_PATH_MAX], run_dir[CONF_PATH_MAX], pin_dir[CONF_PATH_MAX];
	char timezone[64];
	enum sekisho_rung hook; /* SEKISHO_RUNG_NONE = auto */
	bool record_loopback;
	uint64_t ring_size; /* bytes, power of two */
	uint64_t sync_interval_ns;
	uint64_t rotate_interval_ns, rotate_size;
	uint64_t approval_rows, approval_window_ns; /* a search that shows more needs a second person */
	struct conf_tenant *tenants;
	size_t tenant_count, tenant_capacity;
};

/* What holds where the file says nothing. */
void conf_defaults(struct conf *ret_conf);
/* 0, or negative errno and *p ("file:line: ..."). Undo with conf_done(). */
int conf_load(const char *path, struct conf *ret_conf, struct problem *p);
void conf_done(struct conf *c);
const struct conf_tenant *conf_find_tenant(const struct conf *c, const char *id);
/* What is in force, as a configuration file. */
void conf_print(const struct conf *c, FILE *out);

#endif
