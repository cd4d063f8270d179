/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of the rungs of the hook ladder (enum sekisho_rung), as in `hook =` and in status. */
#ifndef SEKISHO_RUNG_H
#define SEKISHO_RUNG_H

#include <stdbool.h>
#include "schema/event.h"
#include "selector.h"

const char *rung_name(enum sekisho_rung rung); /* "set_state", ...; "none" */
int rung_parse(const char *name, enum sekisho_rung *ret_rung); /* "auto" = NONE; 0 or -EINVAL */
/* What a rung cannot see, in one phrase; "" when nothing is known. */
const char *rung_blind_spot(enum sekisho_rung rung);
/* Whether a rung can tell that a connection belongs to such a selector (table in bpf/README.md). */
bool rung_evaluates(enum sekisho_rung rung, enum selector_kind kind);

#endif
