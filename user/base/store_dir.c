// SPDX-License-Identifier: BSD-2-Clause
/* Opening the parts of a state directory. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "fs.h"
#include "store_dir.h"

int store_open(const char *path, int create, struct store_dir *ret_store, struct problem *p)
{
	struct store_dir s = { .root = -1, .journal = -1, .segments = -1, .ledger = -1,
				.catalog = -1 };
	const struct {
		const char *name;
		int *fd;
	} parts[] = {
		{ "journal", &s.journal }, { "segments", &s.segments }, { "ledger", &s.ledger },
	};
	int r = s.root = fs_open_dir(AT_FDCWD, path, create);

	if (r < 0)
		return problem(p, r, "cannot open state directory %s: %s", path, strerror(-r));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		r = *parts[i].fd = fs_open_dir(s.root, parts[i].name, create);
		if (r < 0) {
			store_close(&s);
			return problem(p, r, "cannot open %s/%s: %s", path, parts[i].name,
				       r == -ENOENT ? "not there; is this a sekisho store?" :
						      strerror(-r));
		}
	}
	r = s.catalog = fs_open_dir(s.root, "catalog", create);
	if (r < 0 && r != -ENOENT) {
		store_close(&s);
		return problem(p, r, "cannot open %s/catalog: %s", path, strerror(-r));
	}
	if (r < 0)
		s.catalog = -1;
	*ret_store = s;
	return 0;
}

void store_close(struct store_dir *s)
{
	const int fds[] = { s->root, s->journal, s->segments, s->ledger, s->catalog };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	*s = (struct store_dir){ .root = -1, .journal = -1, .segments = -1, .ledger = -1,
				.catalog = -1 };
}
