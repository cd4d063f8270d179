// SPDX-License-Identifier: BSD-2-Clause
/* Finishing or undoing imports that were cut off. */
#include <string.h>
#include "adopt.h"
#include "journal/journal.h"
#include "ledger/custody_files.h"

static bool is_stated(const void *ctx, uint64_t file_id)
{
	return custody_ids_have(ctx, file_id);
}

int adopt_imports(const struct store_dir *store, struct problem *p)
{
	struct custody_ids ids = {};
	int error;

	if (!journal_any_hidden(store->journal))
		return 0; /* as almost always: custody is long */
	error = custody_import_ids(store, &ids, p);
	if (!error) {
		error = journal_sweep(store->journal, is_stated, &ids);
		error = error < 0 ? problem(p, error, "cannot clear what a killed import left in journal/: %s",
					    strerror(-error)) : 0;
	}
	custody_ids_done(&ids);
	return error;
}
