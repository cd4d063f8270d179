// SPDX-License-Identifier: BSD-2-Clause
/*
 * A shim for LD_PRELOAD: counts the calls that change what lies below a directory,
 * and makes one of them (or all from one on) fail, be short, or be the last thing
 * the process does. By environment:
 *
 *	FAULT_DIR     absolute path, without links; calls elsewhere pass
 *	FAULT_AT      number of the call, from 1; 0: only count
 *	FAULT_MODE    eio enospc short half-kill kill-before kill-after eio-on enospc-on
 *	FAULT_LOG     a file: "call N NAME PATH" for each counted call, "fired N NAME PATH" when it does;
 *	              PATH is below FAULT_DIR, of *at() calls that of the directory
 *	FAULT_CALL    only calls of this name count; FAULT_PATH: only on paths that begin so below FAULT_DIR
 *	FAULT_SHADOW  keeps the shadow of FAULT_DIR (shadow.h)
 *
 * Calls: write pwrite writev ftruncate fsync fdatasync, openat with O_CREAT, rename
 * unlink link mkdir in all their forms, fallocate, copy_file_range.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "shadow.h"

enum mode { NONE, EIO_ONCE, ENOSPC_ONCE, SHORT, HALF_KILL, KILL_BEFORE, KILL_AFTER, EIO_ON, ENOSPC_ON };

static const char *const mode_names[] = { "none", "eio", "enospc", "short", "half-kill",
					  "kill-before", "kill-after", "eio-on", "enospc-on" };

static struct {
	bool ready;
	const char *dir, *shadow, *only_call, *only_path;
	size_t dir_length;
	unsigned long at, calls;
	enum mode mode;
	int log;
} shim = { .log = -1 };

static __thread struct {
	unsigned long number; /* of the present call */
	char path[256]; /* that it is about, below dir */
} call;

static unsigned long number(const char *text)
{
	unsigned long n = 0;

	for (; text && *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (unsigned long)(*text - '0');
	return n;
}

static void set_up(void)
{
	const char *mode = getenv("FAULT_MODE"), *log = getenv("FAULT_LOG");

	if (shim.ready)
		return;
	shim.ready = true;
	shim.dir = getenv("FAULT_DIR");
	shim.dir_length = shim.dir ? strlen(shim.dir) : 0;
	shim.shadow = getenv("FAULT_SHADOW");
	shim.only_call = getenv("FAULT_CALL");
	shim.only_path = getenv("FAULT_PATH");
	shim.at = number(getenv("FAULT_AT"));
	for (int i = 0; mode && i <= ENOSPC_ON; i++)
		if (strcmp(mode, mode_names[i]) == 0)
			shim.mode = (enum mode)i;
	if (log)
		shim.log = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
					0600);
}

static void note(const char *word, const char *name)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "%s %lu %s %s\n", word, call.number, name, call.path);

	if (shim.log >= 0)
		(void)syscall(SYS_write, shim.log, line, (size_t)n);
}

static bool is_below(const char *path)
{
	if (!shim.dir_length || strncmp(path, shim.dir, shim.dir_length) != 0 ||
	    (path[shim.dir_length] != '/' && path[shim.dir_length] != '\0'))
		return false;
	snprintf(call.path, sizeof(call.path), "%s", path + shim.dir_length);
	return true;
}

static bool fd_is_ours(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	set_up();
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	return is_below(path);
}

static bool path_is_ours(int dir_fd, const char *path)
{
	set_up();
	return path[0] == '/' || dir_fd == AT_FDCWD ? is_below(path) : fd_is_ours(dir_fd);
}

static void die(void)
{
	(void)syscall(SYS_kill, getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Which calls a full disk refuses, and which can be half done. */
enum call { CALL_WRITE = 1 << 0, CALL_GROWS = 1 << 1 };

/* What is to happen to this call. */
static enum mode next_call(const char *name, unsigned int kind)
{
	enum mode m = NONE;
	bool on = shim.mode == EIO_ON || shim.mode == ENOSPC_ON;

	if ((shim.only_call && strcmp(name, shim.only_call) != 0) ||
	    (shim.only_path && strncmp(call.path, shim.only_path, strlen(shim.only_path)) != 0))
		return NONE;
	call.number = __atomic_add_fetch(&shim.calls, 1, __ATOMIC_RELAXED);
	note("call", name);
	if (shim.at && (call.number == shim.at || (on && call.number > shim.at)))
		m = shim.mode;
	if (((m == ENOSPC_ONCE || m == ENOSPC_ON) && !(kind & CALL_GROWS)) ||
	    ((m == SHORT || m == HALF_KILL) && !(kind & CALL_WRITE)))
		m = NONE;
	if (m != NONE)
		note("fired", name);
	if (m == KILL_BEFORE)
		die();
	return m;
}

static int errno_of(enum mode m)
{
	return m == EIO_ONCE || m == EIO_ON ? EIO : m == ENOSPC_ONCE || m == ENOSPC_ON ? ENOSPC : 0;
}

#define REAL(fn) ((__typeof__(&fn))dlsym(RTLD_NEXT, #fn))

/* A call that either happens or not. */
#define WHOLE(ours, name, kind, real)                              \
	do {                                                       \
		enum mode m_ = (ours) ? next_call(name, kind) : NONE; \
		int e_ = errno_of(m_);                             \
		__typeof__(real) r_;                               \
		if (e_) {                                          \
			errno = e_;                                \
			return -1;                                 \
		}                                                  \
		r_ = (real);                                       \
		if (m_ == KILL_AFTER)                              \
			die();                                     \
		return r_;                                         \
	} while (0)

/* The number of bytes that a write may take; -1: it fails. */
static ssize_t allowed(enum mode m, size_t size)
{
	int e = errno_of(m);

	if (e) {
		errno = e;
		return -1;
	}
	return (ssize_t)((m == SHORT || m == HALF_KILL) && size > 1 ? size / 2 : size);
}

static ssize_t finish(enum mode m, ssize_t written)
{
	if (m == KILL_AFTER || m == HALF_KILL)
		die();
	return written;
}

/* Of a segment; see shadow_drop(). errno stays. */
static void written(int fd, off_t at, ssize_t size, bool ours)
{
	int e = errno;

	if (ours && size > 0 && shim.shadow && strncmp(call.path, "/segments/", 10) == 0 &&
	    shadow_write(shim.shadow, fd, at, (size_t)size) < 0)
		abort();
	errno = e;
}

ssize_t write(int fd, const void *data, size_t size)
{
	bool ours = fd_is_ours(fd);
	enum mode m = ours ? next_call("write", CALL_WRITE | CALL_GROWS) : NONE;
	ssize_t n = allowed(m, size);

	if (n >= 0)
		n = REAL(write)(fd, data, (size_t)n);
	written(fd, n > 0 ? lseek(fd, 0, SEEK_CUR) - n : 0, n, ours);
	return n < 0 ? n : finish(m, n);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	bool ours = fd_is_ours(fd);
	enum mode m = ours ? next_call("pwrite", CALL_WRITE | CALL_GROWS) : NONE;
	ssize_t n = allowed(m, size);

	if (n >= 0)
		n = REAL(pwrite)(fd, data, (size_t)n, at);
	written(fd, at, n, ours);
	return n < 0 ? n : finish(m, n);
}

/* Half of it: its first piece. */
ssize_t writev(int fd, const struct iovec *pieces, int count)
{
	enum mode m = fd_is_ours(fd) ? next_call("writev", CALL_WRITE | CALL_GROWS) : NONE;
	bool half = m == SHORT || m == HALF_KILL;

	if (allowed(m, 1) < 0)
		return -1;
	return finish(m, half ? REAL(write)(fd, pieces[0].iov_base, (pieces[0].iov_len + 1) / 2) :
				REAL(writev)(fd, pieces, count));
}

static int synced(int fd, int r)
{
	if (r == 0 && shim.shadow && shadow_sync(shim.shadow, fd) < 0)
		abort();
	return r;
}

/* Whether the call is about a segment: of those a failed sync drops pages. Journals are left out: what
 * their writers do after a failed sync is not tried with dropped pages. */
static bool drops(void)
{
	return shim.shadow && strncmp(call.path, "/segments/", 10) == 0;
}

static int sync_call(const char *name, int fd, int (*real)(int fd))
{
	bool ours = fd_is_ours(fd);
	enum mode m = ours ? next_call(name, CALL_GROWS) : NONE;
	int e = errno_of(m), r;

	if (e) {
		if (drops() && shadow_drop(shim.shadow, fd) < 0)
			abort();
		errno = e;
		return -1;
	}
	r = synced(fd, real(fd));
	if (m == KILL_AFTER)
		die();
	return r;
}

int fsync(int fd)
{
	return sync_call("fsync", fd, REAL(fsync));
}

int fdatasync(int fd)
{
	return sync_call("fdatasync", fd, REAL(fdatasync));
}

static int cut(int fd, off_t size, int r, bool ours)
{
	if (r == 0 && ours && drops() && shadow_cut(shim.shadow, fd, size) < 0)
		abort();
	return r;
}

int ftruncate(int fd, off_t size)
{
	bool ours = fd_is_ours(fd);

	WHOLE(ours, "ftruncate", 0, cut(fd, size, REAL(ftruncate)(fd, size), ours));
}

int fallocate(int fd, int how, off_t at, off_t size)
{
	WHOLE(fd_is_ours(fd), "fallocate", CALL_GROWS, REAL(fallocate)(fd, how, at, size));
}

static bool makes_file(int flags)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

int openat(int dir_fd, const char *path, int flags, ...)
{
	unsigned int mode = 0;
	va_list args;

	if (makes_file(flags)) {
		va_start(args, flags);
		mode = va_arg(args, unsigned int);
		va_end(args);
	}
	WHOLE(makes_file(flags) && path_is_ours(dir_fd, path), "openat", CALL_GROWS,
	      REAL(openat)(dir_fd, path, flags, mode));
}

int open(const char *path, int flags, ...)
{
	unsigned int mode = 0;
	va_list args;

	if (makes_file(flags)) {
		va_start(args, flags);
		mode = va_arg(args, unsigned int);
		va_end(args);
	}
	WHOLE(makes_file(flags) && path_is_ours(AT_FDCWD, path), "open", CALL_GROWS,
	      REAL(open)(path, flags, mode));
}

int rename(const char *from, const char *to)
{
	WHOLE(path_is_ours(AT_FDCWD, to), "rename", CALL_GROWS, REAL(rename)(from, to));
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	WHOLE(path_is_ours(to_fd, to), "renameat", CALL_GROWS, REAL(renameat)(from_fd, from, to_fd, to));
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	WHOLE(path_is_ours(to_fd, to), "renameat2", CALL_GROWS,
	      REAL(renameat2)(from_fd, from, to_fd, to, flags));
}

int unlink(const char *path)
{
	WHOLE(path_is_ours(AT_FDCWD, path), "unlink", 0, REAL(unlink)(path));
}

int unlinkat(int dir_fd, const char *path, int flags)
{
	WHOLE(path_is_ours(dir_fd, path), "unlinkat", 0, REAL(unlinkat)(dir_fd, path, flags));
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	WHOLE(path_is_ours(to_fd, to), "linkat", CALL_GROWS, REAL(linkat)(from_fd, from, to_fd, to, flags));
}

int mkdir(const char *path, mode_t mode)
{
	WHOLE(path_is_ours(AT_FDCWD, path), "mkdir", CALL_GROWS, REAL(mkdir)(path, mode));
}

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
	WHOLE(path_is_ours(dir_fd, path), "mkdirat", CALL_GROWS, REAL(mkdirat)(dir_fd, path, mode));
}

ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t size, unsigned int flags)
{
	enum mode m = fd_is_ours(out) ? next_call("copy_file_range", CALL_WRITE | CALL_GROWS) : NONE;
	ssize_t n = allowed(m, size);

	return n < 0 ? n : finish(m, REAL(copy_file_range)(in, in_at, out, out_at, (size_t)n, flags));
}
