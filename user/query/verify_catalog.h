/* SPDX-License-Identifier: BSD-2-Clause */
/* Checking day catalogs: their own checksums, and in full against the segments that they are derived from. */
#ifndef SEKISHO_VERIFY_CATALOG_H
#define SEKISHO_VERIFY_CATALOG_H

#include "verify.h"

/* Adds to the facts; what is bad is named only if nothing was before. 0, or negative errno and *p. */
int verify_catalogs(const struct store_dir *store, const struct verify_request *request,
		    struct verify_facts *facts, struct problem *p);

#endif
