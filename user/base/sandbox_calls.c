// SPDX-License-Identifier: BSD-2-Clause
/*
 * Recorder and registrar have a list of what they may call. What is not on it answers ENOSYS: libraries have a
 * second way for a call that a kernel lacks, and an update of theirs must not end a recorder. What only somebody else's
 * code would call, to start a program or to look into another process, ends the process at once.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "sandbox_calls.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const int allowed[] = {
	/* memory and threads */
	SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(mlock),
	SCMP_SYS(munlock), SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(membarrier),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_setscheduler), SCMP_SYS(sched_getparam), SCMP_SYS(setpriority), SCMP_SYS(getpriority),
	SCMP_SYS(ioprio_set), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(prctl),
	SCMP_SYS(restart_syscall), SCMP_SYS(getrandom), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getrusage), SCMP_SYS(prlimit64),
	SCMP_SYS(getrlimit), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(umask),
	/* signals */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(signalfd4),
	/* time */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday),
	SCMP_SYS(time), SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	/* files; where is landlock's to say */
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(read), SCMP_SYS(readv),
	SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(preadv2), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(pwritev),
	SCMP_SYS(pwritev2), SCMP_SYS(lseek), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(sync_file_range), SCMP_SYS(syncfs),
	SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fadvise64), SCMP_SYS(readahead), SCMP_SYS(copy_file_range), SCMP_SYS(sendfile),
	SCMP_SYS(flock), SCMP_SYS(fcntl), SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
	SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(getdents64),
	SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rmdir), SCMP_SYS(rename), SCMP_SYS(renameat),
	SCMP_SYS(renameat2), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat), SCMP_SYS(utimensat), SCMP_SYS(getcwd), SCMP_SYS(ioctl), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3),
	SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(eventfd2),
	/* waiting */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
	/* sockets that are open */
	SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt),
	SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(shutdown), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(connect),
};

/* Of a process for each connection, and their pairs to the recorder. */
static const int registrars[] = {
	SCMP_SYS(wait4), SCMP_SYS(kill), SCMP_SYS(socketpair),
};

/* On maps that the warden opened: no capability is asked for these (since 5.19, c8644cd0efe7). */
static const int bpf_commands[] = {
	BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_MAP_GET_NEXT_KEY, BPF_OBJ_GET_INFO_BY_FD,
};

/* Nothing of ours calls them. */
static const int deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
};

/* Nobody here needs them, not even with the warden's capabilities. */
static const int forbidden[] = {
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(kcmp), SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot),
	SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(acct), SCMP_SYS(quotactl),
	SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd), SCMP_SYS(open_by_handle_at), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
};

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *list, size_t count)
{
	int error = 0;

	/* Those that this processor does not have are passed over: they come as negative numbers. */
	for (size_t i = 0; i < count && !error; i++)
		if (list[i] >= 0)
			error = seccomp_rule_add(filter, action, list[i], 0);
	return error;
}

static int add_bpf(scmp_filter_ctx filter)
{
	int error = 0;

	for (size_t i = 0; i < COUNT(bpf_commands) && !error; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1,
					 SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)bpf_commands[i], 0));
	return error;
}

#define NEW_NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* Threads, and processes for the registrar; never a namespace. clone3() hides its flags: libc goes on with this one. */
static int add_clone(scmp_filter_ctx filter, bool processes)
{
	uint64_t mask = NEW_NAMESPACES | (processes ? 0 : CLONE_THREAD);

	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				SCMP_A0(SCMP_CMP_MASKED_EQ, mask, processes ? 0 : CLONE_THREAD));
}

/* kill() or tgkill(), to this very process. */
static int add_own_signal(scmp_filter_ctx filter, int call)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
}

static int fill(scmp_filter_ctx filter, enum sandbox_calls calls)
{
	int error;

	if (calls == SANDBOX_CALLS_COMMON)
		return add_all(filter, SCMP_ACT_ERRNO(EPERM), forbidden, COUNT(forbidden));
	error = add_all(filter, SCMP_ACT_ALLOW, allowed, COUNT(allowed));
	if (!error)
		error = add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT(deadly));
	if (!error && calls == SANDBOX_CALLS_REGISTRAR)
		error = add_all(filter, SCMP_ACT_ALLOW, registrars, COUNT(registrars));
	if (!error)
		error = add_own_signal(filter, SCMP_SYS(tgkill)); /* abort(); what is forked ends by its trap */
	if (!error && calls == SANDBOX_CALLS_RECORDER)
		error = add_own_signal(filter, SCMP_SYS(kill)); /* the clock was set */
	if (!error && calls == SANDBOX_CALLS_RECORDER)
		error = add_bpf(filter);
	return error ? error : add_clone(filter, calls == SANDBOX_CALLS_REGISTRAR);
}

int sandbox_calls(enum sandbox_calls calls, struct problem *ret_notes)
{
	scmp_filter_ctx filter;
	int error;

	if (prctl(PR_GET_SECCOMP) < 0) {
		problem(ret_notes, 0, "this kernel has no seccomp: system calls are not restricted");
		return 0;
	}
	filter = seccomp_init(calls == SANDBOX_CALLS_COMMON ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS));
	if (!filter)
		return -ENOMEM;
	error = fill(filter, calls);
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}
