/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of the consent ledger into grants: one act after the other, for consent.c and consent_write.c. */
#ifndef SEKISHO_CONSENT_READ_H
#define SEKISHO_CONSENT_READ_H

#include <jansson.h>
#include "consent.h"

#define CONSENT_STOP_ONLY "STOP_ONLY"
#define CONSENT_STOP_AND_ERASE "STOP_AND_ERASE"
#define CONSENT_VIA_COMMAND "command line"
#define CONSENT_VIA_SOCKET "control socket"

/*
 * Takes the next line's act into *c. -EBADMSG and *p when it is no valid act, with the member that is missing or
 * wrong; -ENOMEM and *p. After a failure *c can only be given back.
 */
int consent_read_act(struct consents *c, const json_t *line, struct problem *p);

#endif
