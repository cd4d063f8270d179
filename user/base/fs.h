/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files and directories, all relative to a directory descriptor, O_CLOEXEC, mode
 * 0600/0700. 0 or negative errno.
 */
#ifndef SEKISHO_FS_H
#define SEKISHO_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Whole-buffer read and write, through EINTR and short counts. A read that meets
 * the end of the file early gives -ENODATA. */
int fs_write_all(int fd, const void *data, size_t size);
int fs_pwrite_all(int fd, const void *data, size_t size, off_t at);
int fs_pread_all(int fd, void *data, size_t size, off_t at);

/* Opens (creating it 0700 if `create`, with missing parents) a directory. Returns a descriptor. */
int fs_open_dir(int at_fd, const char *path, int create);

/*
 * Gives what was just made in a directory (`fd`, a file or a directory) to the directory's owner, if root made it: the
 * store is a user's, and what the command does there as root must stay the daemon's to use. All creations in here do
 * it; those elsewhere call it. 0 or negative errno. fs_make_dir() is mkdirat(2) with it; -EEXIST when it is there.
 */
int fs_give(int dir_fd, int fd);
int fs_make_dir(int dir_fd, const char *name);

/* fsync of a directory; dir_fd may be AT_FDCWD, path ".". */
int fs_sync_dir(int dir_fd, const char *path);
/* A single name: what is made durable is the directory itself, not one below it. */
bool fs_is_plain_name(const char *name);

/*
 * Publish: writes `name` under a temporary name, fsync, renameat2(RENAME_NOREPLACE), fsync of the
 * directory. -EEXIST when the name is taken; nothing is left behind on any failure (a power loss
 * can leave a ".publish-*.tmp"). `name` has no slash (-EINVAL).
 */
int fs_publish(int dir_fd, const char *name, const void *data, size_t size);
/*
 * The same, but takes the place of what has the name: for derived files alone, which can be made again. At
 * any moment the name leads to the whole old file or the whole new one. When only the last fsync fails, it
 * leads to the new one, and after a power loss to either.
 */
int fs_replace(int dir_fd, const char *name, const void *data, size_t size);

/*
 * The first half of a publication that is finished by the caller (fsync, renameat2, fsync of the directory):
 * an empty file of the kind of temporary name that is said above. Returns a descriptor to read and write.
 */
#define FS_TEMPORARY_MAX 32
int fs_create_temporary(int dir_fd, char ret_name[static FS_TEMPORARY_MAX]);

/* Appends to a file of `size` bytes, and waits for the disk. On failure only what this call wrote is taken back; if
 * that fails too, readers see an append that was cut off. */
int fs_append_durably(int dir_fd, const char *name, uint64_t size, const void *data, size_t bytes);

/* Maps a whole file read-only; size 0 gives data NULL and 0. Undone by fs_unmap(). -EFBIG over max. */
struct mapped_file {
	const uint8_t *data;
	size_t size;
};
int fs_map(int dir_fd, const char *name, size_t max, struct mapped_file *ret_file);
/* The same of an open file, which stays the caller's. */
int fs_map_fd(int fd, size_t max, struct mapped_file *ret_file);
void fs_unmap(struct mapped_file *f);

/*
 * Sorted names of regular entries of a directory that end in `suffix` (and do not start with '.').
 * Caller frees with fs_free_names().
 */
int fs_list(int dir_fd, const char *suffix, char ***ret_names, size_t *ret_count);
/* The same for files that start with `prefix` (".journal-"), which fs_list() passes over. */
int fs_list_hidden(int dir_fd, const char *prefix, const char *suffix, char ***ret_names,
		   size_t *ret_count);
/* The same for subdirectories. */
int fs_list_dirs(int dir_fd, char ***ret_names, size_t *ret_count);
void fs_free_names(char **names, size_t count);

/* Appends one line and fsyncs it and the directory; takes a lock on the file
 * so that two writers cannot mix. An unterminated last line (power loss) is ended first.
 * `line` has no newline (-EINVAL), `name` no slash. On failure the file is as it was; -EBUSY when
 * another process holds the lock for ten seconds. */
int fs_append_line(int dir_fd, const char *name, const char *line);

/* Takes an exclusive lock on `name` (created), waiting up to wait_ms: a descriptor, or -EBUSY.
 * Released when the last copy is closed: a forked child holds one. */
int fs_lock(int dir_fd, const char *name, unsigned int wait_ms);

/* Sum of the sizes on disk (st_blocks) below dir_fd, which is not consumed. */
int fs_disk_usage(int dir_fd, uint64_t *ret_bytes);

#endif
