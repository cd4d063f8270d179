/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a power loss leaves: beside a directory tree its shadow is kept, which holds
 * of each file the bytes at its last fsync, of each directory the entries at its
 * last fsync. A file is known by inode and birth, so renames and links need no
 * bookkeeping. Used by the fault shim (one process after another adds to the same
 * shadow) and by the tests, which build trees from it.
 *
 * Layout: SHADOW/f/KEY the bytes of a file, SHADOW/d/KEY lines "f|d KEY NAME".
 */
#ifndef SEKISHO_SHADOW_H
#define SEKISHO_SHADOW_H

#include <stddef.h>
#include <sys/types.h>

/* All functions: 0 or negative errno. */

/* Takes a whole tree as durable. */
int shadow_begin(const char *shadow, const char *root);
/* A descriptor was fsynced: takes the file's bytes or the directory's entries. */
int shadow_sync(const char *shadow, int fd);

/*
 * A sync of this file failed: what it has beyond the shadow's bytes the kernel takes for clean from now on. A
 * later sync leaves zeroes there, unless it is written anew or cut off (shadow_write(), shadow_cut()).
 */
int shadow_drop(const char *shadow, int fd);
int shadow_write(const char *shadow, int fd, off_t at, size_t size);
int shadow_cut(const char *shadow, int fd, off_t size);

/* What may be there after a power loss. POSIX promises no order between what was not fsynced. */
enum shadow_loss {
	LOSS_ALL, /* everything since the fsyncs */
	LOSS_DATA, /* names are as they are now, bytes since the fsyncs are gone */
	LOSS_NAMES, /* bytes are as they are now, names since the fsyncs are gone */
	LOSS_ZEROES, /* names and sizes are as they are now, bytes since the fsyncs are zero */
	LOSS_KINDS,
};

/* Builds the tree `to` (not there yet) from `root` as it is now and its shadow. */
int shadow_lose(const char *shadow, const char *root, enum shadow_loss loss, const char *to);

#endif
