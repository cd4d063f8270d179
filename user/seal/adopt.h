/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What killed imports left in journal/ under hidden names. An import stands from its IMPORTED line on: a journal that
 * custody names gets its name, any other is removed.
 */
#ifndef SEKISHO_ADOPT_H
#define SEKISHO_ADOPT_H

#include "base/problem.h"
#include "base/store_dir.h"

/* Those whose import still runs are left alone. 0 or negative errno and *p; -EBADMSG: custody does not verify. */
int adopt_imports(const struct store_dir *store, struct problem *p);

#endif
