/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the configuration share. */
#ifndef SEKISHO_CONF_PARTS_H
#define SEKISHO_CONF_PARTS_H

#include "conf.h"

/* Adds a shared_listener. 0; -EINVAL: not an address; -E2BIG: more than CONF_SHARED_MAX; -ENOMEM. */
int conf_add_shared(struct conf *c, const char *value);
/* "key = value" lines, without those that may be given again. */
void conf_print_keys(const struct conf *c, FILE *out);

#endif
