// SPDX-License-Identifier: BSD-2-Clause
/*
 * A shim for LD_PRELOAD: a disk that stands still. While the first byte of a file is 1, each fdatasync() and fsync(),
 * or each write(), that concerns a journal takes so long. Both files are opened before main(), while sekishod may
 * still open anything. By environment:
 *
 *	STALL_WHILE    path of that file, which is there and has that byte
 *	STALL_CALL     "sync" or "write"
 *	STALL_SECONDS  how long
 *	STALL_LOG      a file: "begun CALL" and "ended CALL" for each call that stalled
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REAL(fn) ((__typeof__(&fn))dlsym(RTLD_NEXT, #fn))

static bool is_journal(int fd)
{
	char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	return strstr(path, "/journal/") != NULL;
}

static int log_fd = -1;
static const volatile char *stands_still;

__attribute__((constructor)) static void open_files(void)
{
	const char *log = getenv("STALL_LOG"), *file = getenv("STALL_WHILE");
	int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	void *page;

	log_fd = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	page = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (page != MAP_FAILED)
		stands_still = page;
}

static void note(const char *word, const char *name)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s %s\n", word, name);

	if (log_fd >= 0)
		(void)syscall(SYS_write, log_fd, line, (size_t)n);
}

static void stall(int fd, const char *kind, const char *name)
{
	const char *call = getenv("STALL_CALL"), *seconds = getenv("STALL_SECONDS");
	struct timespec left = { 0 };
	int e = errno;

	if (!stands_still || *stands_still != '1' || !call || !seconds || strcmp(call, kind) != 0 || !is_journal(fd))
		goto out;
	for (; *seconds >= '0' && *seconds <= '9'; seconds++)
		left.tv_sec = left.tv_sec * 10 + (*seconds - '0');
	note("begun", name);
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	note("ended", name);
out:
	errno = e;
}

int fdatasync(int fd)
{
	stall(fd, "sync", "fdatasync");
	return REAL(fdatasync)(fd);
}

int fsync(int fd)
{
	stall(fd, "sync", "fsync");
	return REAL(fsync)(fd);
}

ssize_t write(int fd, const void *data, size_t size)
{
	stall(fd, "write", "write");
	return REAL(write)(fd, data, size);
}
