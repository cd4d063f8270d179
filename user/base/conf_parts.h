/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the configuration share. */
#ifndef SEKISHO_CONF_PARTS_H
#define SEKISHO_CONF_PARTS_H

#include "conf.h"

/* Adds a shared_listener. 0; -EINVAL: not an address; -E2BIG: more than CONF_SHARED_MAX; -ENOMEM. */
int conf_add_shared(struct conf *c, const char *value);
/* Of a user or group: a name, or a number. 0 or -EINVAL. */
int conf_set_name(char name[static CONF_NAME_MAX + 1], const char *value);
#define CONF_NAME_EXPECTED "a name or a number, at most 64 bytes without blanks, ',', ':' and '/'"

/* The keys outside of tenants, by number; -1: there is none of this name. */
#define CONF_KEYS 23
int conf_key_find(const char *name);
/* NULL, or what the key expects and the value is not. */
const char *conf_key_set(struct conf *c, int key, const char *value);
/* "key = value" lines, without those that may be given again. */
void conf_print_keys(const struct conf *c, FILE *out);

#endif
