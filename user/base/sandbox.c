// SPDX-License-Identifier: BSD-2-Clause
/*
 * What each process may do. In the order in which it is given up: limits, capabilities, user, new privileges,
 * the file system (landlock), system calls (seccomp).
 *
 *		user	capabilities			files				system calls
 *	warden	root	those of warden_capabilities	all				all but those of `forbidden`
 *	recorder user	none				the store; clock zones		threads, files, descriptors
 *	registrar user	none				the same; /etc, for names	the same, sockets, processes
 *	courier	user	none				what that user may		all but those of `forbidden`
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sandbox.h"
#include "sandbox_files.h"
#include "sandbox_calls.h"

#define BIT(cap) (UINT64_C(1) << (cap))

/* After the start, when the programs are attached. All are in use by the answers of warden/answers.c, or by fork(). */
static const uint64_t warden_capabilities =
	BIT(CAP_SYS_ADMIN) | /* setns() into the namespaces of selectors, programs by id, a private mount of cgroup2 */
	BIT(CAP_SYS_PTRACE) | /* /proc/1/ns/net: init has more capabilities than we keep (ptrace(2), access mode) */
	BIT(CAP_DAC_READ_SEARCH) | /* configuration and selectors below directories that are not root's */
	BIT(CAP_KILL) | /* its death is to kill its children, of another user (group_send_sig_info, PR_SET_PDEATHSIG) */
	BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_SETPCAP); /* a child that is started again gives its own up */

static const struct {
	uint64_t capabilities;
	bool change_user;
	enum sandbox_files files;
	enum sandbox_calls calls;
} table[] = {
	[SANDBOX_WARDEN] = { warden_capabilities, false, SANDBOX_FILES_ALL, SANDBOX_CALLS_COMMON },
	[SANDBOX_RECORDER] = { 0, true, SANDBOX_FILES_STORE, SANDBOX_CALLS_RECORDER },
	[SANDBOX_REGISTRAR] = { 0, true, SANDBOX_FILES_STORE_AND_NAMES, SANDBOX_CALLS_REGISTRAR },
	[SANDBOX_COURIER] = { 0, true, SANDBOX_FILES_ALL, SANDBOX_CALLS_COMMON },
};

/* Nothing of the memory of a process that has seen records goes to a disk. */
static int limit(void)
{
	const struct rlimit none = {};
	struct rlimit files;

	if (setrlimit(RLIMIT_CORE, &none) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	if (files.rlim_max > 65536)
		files.rlim_max = 65536;
	if (files.rlim_cur > files.rlim_max)
		files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

/* Also of programs that it might start. A kernel knows fewer capabilities than our headers, or more: EINVAL ends them. */
static int drop_bounding(uint64_t keep)
{
	for (unsigned int cap = 0; cap < 64; cap++) {
		if (keep & BIT(cap) || prctl(PR_CAPBSET_READ, cap) == 0)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap) < 0)
			return errno == EINVAL && cap > CAP_SYS_ADMIN ? 0 : -errno;
	}
	return 0;
}

static int set_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)keep, .permitted = (uint32_t)keep },
		{ .effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32) },
	};

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int become(const struct owner *owner)
{
	if (setgroups(0, NULL) < 0 || setresgid(owner->gid, owner->gid, owner->gid) < 0 ||
	    setresuid(owner->uid, owner->uid, owner->uid) < 0)
		return -errno;
	return 0;
}

/* A start as root ends without capabilities; one without has none to give up. */
static int give_up(enum sandbox_role role, const struct owner *owner)
{
	int error = limit();

	if (!error && geteuid() == 0) {
		error = drop_bounding(table[role].capabilities);
		if (!error && table[role].change_user)
			error = become(owner);
	}
	if (!error)
		error = set_capabilities(geteuid() == 0 || !table[role].change_user ? table[role].capabilities : 0);
	if (!error && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		error = -errno;
	/* Others of that user, and what they run, see nothing of our memory. */
	if (!error && role != SANDBOX_COURIER && prctl(PR_SET_DUMPABLE, 0) < 0)
		error = -errno;
	return error;
}

int sandbox_enter(enum sandbox_role role, const struct sandbox_place *place, struct problem *ret_notes, struct problem *p)
{
	int error;

	ret_notes->text[0] = '\0';
#ifdef SANDBOX_NONE
	(void)place;
	(void)p;
	error = 0;
	if (role != SANDBOX_COURIER)
		problem(ret_notes, 0, "built with sanitizers, which need more rights than a sandbox leaves: no sandbox");
	return error;
#endif
	error = give_up(role, &place->owner);
	if (error)
		return problem(p, error, "cannot give up root's rights: %s", strerror(-error));
	error = sandbox_files(table[role].files, place->state_dir, ret_notes);
	if (error)
		return problem(p, error, "cannot restrict access to files (landlock): %s", strerror(-error));
	error = sandbox_calls(table[role].calls, ret_notes);
	if (error)
		return problem(p, error, "cannot restrict system calls (seccomp): %s", strerror(-error));
	return 0;
}
