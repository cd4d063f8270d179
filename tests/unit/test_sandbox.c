/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the processes of sekishod cannot do any more (AC-62): each try in a process that has entered the sandbox; the same
 * try before it, as root, shows that it is the sandbox that refuses.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fixture.h"
#include "unit.h"

#ifdef SANDBOX_NONE

/* What is tried below is tried of the plain build. Here a daemon must not be taken for one that has a sandbox. */
static void a_build_with_sanitizers_says_that_it_has_no_sandbox(void)
{
	const struct sandbox_place place = { .owner = { geteuid(), getegid() }, .state_dir = -1 };
	struct problem notes, p;

	for (enum sandbox_role role = SANDBOX_WARDEN; role < SANDBOX_COURIER; role++) {
		CHECK_INT(sandbox_enter(role, &place, &notes, &p), 0);
		CHECK(strstr(notes.text, "no sandbox") != NULL);
	}
}

UNIT_SUITE(sandbox, TEST(a_build_with_sanitizers_says_that_it_has_no_sandbox));

#else

#define USER 64124

enum outcome { DONE = 0, REFUSED = 1, KILLED = 2, NOT_ENTERED = 3 };

static int state_dir;
static char secret[300]; /* root's alone */

/* --- Tries: true when it was done --- */

static bool reads_a_file_of_all(void)
{
	return open("/proc/version", O_RDONLY) >= 0;
}

static bool reads_secrets(void)
{
	return open(access("/etc/shadow", F_OK) == 0 ? "/etc/shadow" : secret, O_RDONLY) >= 0;
}

static bool lists_root(void)
{
	return open("/", O_RDONLY | O_DIRECTORY) >= 0;
}

static bool leaves_the_store(void)
{
	return openat(state_dir, "../outside", O_RDONLY) >= 0;
}

static bool writes_the_store(void)
{
	int fd = openat(state_dir, "new", O_RDWR | O_CREAT, 0600);

	return fd >= 0 && write(fd, "x", 1) == 1 && ftruncate(fd, 0) == 0 && fsync(fd) == 0 && close(fd) == 0 &&
	       renameat(state_dir, "new", state_dir, "newer") == 0 && unlinkat(state_dir, "newer", 0) == 0 &&
	       mkdirat(state_dir, "dir", 0700) == 0 && unlinkat(state_dir, "dir", AT_REMOVEDIR) == 0;
}

static void *nothing(void *arg)
{
	return arg;
}

static bool has_threads(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

static bool knows_names(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0 && open("/etc/group", O_RDONLY) >= 0;
}

/* Which are nobody's secret: names are there. */
static bool reads_etc(void)
{
	return open("/etc/hosts", O_RDONLY) >= 0 || open("/etc/hostname", O_RDONLY) >= 0;
}

static bool lists_etc(void)
{
	return open("/etc", O_RDONLY | O_DIRECTORY) >= 0;
}

static bool reads_zones(void)
{
	return open("/usr/share/zoneinfo/Asia/Tokyo", O_RDONLY) >= 0;
}

static bool starts_a_program(void)
{
	char *const words[] = { "true", NULL };

	execv("/bin/true", words);
	return false;
}

static bool forks(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child > 0 && waitpid(child, NULL, 0) == child;
}

static bool opens_a_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool opens_a_local_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool makes_a_pair(void)
{
	int ends[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0;
}

static bool traces_its_parent(void)
{
	if (ptrace(PTRACE_SEIZE, getppid(), 0, 0) < 0)
		return false;
	(void)ptrace(PTRACE_DETACH, getppid(), 0, 0);
	return true;
}

static bool signals_its_parent(void)
{
	return kill(getppid(), 0) == 0;
}

/* Whether the call comes to where the kernel looks whose thread that is. */
static bool reaches_a_thread_of_another(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0 || errno != ENOSYS;
}

static bool reaches_its_own_thread(void)
{
	return syscall(SYS_tgkill, getpid(), gettid(), 0) == 0;
}

/* Ours wait by wait4(). */
static bool waits_by_another_call(void)
{
	return waitid(P_ALL, 0, NULL, WEXITED | WNOHANG) == 0 || errno == ECHILD;
}

static long call_bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static bool makes_a_map(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };

	return call_bpf(BPF_MAP_CREATE, &attr) >= 0;
}

static bool loads_a_program(void)
{
	const struct bpf_insn instructions[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insn_cnt = 2,
		.insns = (uintptr_t)instructions,
		.license = (uintptr_t)"GPL",
	};

	return call_bpf(BPF_PROG_LOAD, &attr) >= 0;
}

/* Of a map that was made before, by root: what the recorder does all day. */
static int map_fd = -1;

static bool works_on_an_open_map(void)
{
	uint32_t key = 0;
	uint64_t value = 7;
	union bpf_attr attr = {
		.map_fd = (uint32_t)map_fd,
		.key = (uintptr_t)&key,
		.value = (uintptr_t)&value,
	};

	if (call_bpf(BPF_MAP_UPDATE_ELEM, &attr) < 0)
		return false;
	value = 0;
	return call_bpf(BPF_MAP_LOOKUP_ELEM, &attr) == 0 && value == 7;
}

static bool becomes_root(void)
{
	return setresuid(0, 0, 0) == 0 && geteuid() == 0;
}

static bool mounts(void)
{
	return mount("none", "/proc/self", "tmpfs", MS_REMOUNT | MS_BIND, NULL) == 0 || errno == EINVAL;
}

static bool makes_a_namespace(void)
{
	return unshare(CLONE_NEWNS) == 0;
}

static bool makes_a_user_namespace(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static bool loads_a_module(void)
{
	return syscall(SYS_init_module, "", 0, "") == 0 || errno == ENOEXEC;
}

static bool sets_the_clock(void)
{
	struct timespec now;

	return clock_gettime(CLOCK_REALTIME, &now) == 0 && clock_settime(CLOCK_REALTIME, &now) == 0;
}

static bool dumps_its_memory(void)
{
	struct rlimit all;

	return prctl(PR_GET_DUMPABLE) == 1 || getrlimit(RLIMIT_CORE, &all) < 0 || all.rlim_max != 0;
}

static bool changes_others_files(void)
{
	return fchownat(state_dir, "mine", 1, 1, 0) == 0 && fchownat(state_dir, "mine", USER, USER, 0) == 0;
}

/* --- */

static enum outcome try_in(enum sandbox_role role, bool (*done)(void))
{
	const struct sandbox_place place = { .owner = { USER, USER }, .state_dir = state_dir };
	struct problem notes, p;
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (sandbox_enter(role, &place, &notes, &p) || notes.text[0])
			_exit(NOT_ENTERED);
		_exit(done() ? DONE : REFUSED);
	}
	REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status) ? KILLED : (enum outcome)WEXITSTATUS(status);
}

static enum outcome try_outside(bool (*done)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(done() ? DONE : REFUSED);
	REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status) ? KILLED : (enum outcome)WEXITSTATUS(status);
}

#define TRY(fn) #fn, fn
static const struct {
	const char *name;
	bool (*done)(void);
	enum outcome warden, recorder, registrar, courier;
} tries[] = {
	/* What they live on. */
	{ TRY(writes_the_store), REFUSED, DONE, DONE, DONE }, /* of another user's: the warden has no such capability */
	{ TRY(has_threads), DONE, DONE, DONE, DONE },
	{ TRY(reads_zones), DONE, DONE, DONE, DONE },
	{ TRY(works_on_an_open_map), DONE, DONE, REFUSED, DONE }, /* a courier has none: it closes all descriptors */
	{ TRY(makes_a_pair), DONE, REFUSED, DONE, DONE },
	{ TRY(forks), DONE, REFUSED, DONE, DONE },
	{ TRY(knows_names), DONE, REFUSED, DONE, DONE },
	{ TRY(reads_etc), DONE, REFUSED, DONE, DONE },
	{ TRY(reaches_its_own_thread), DONE, DONE, DONE, DONE },
	/* What they do not have. */
	{ TRY(lists_etc), DONE, REFUSED, REFUSED, DONE },
	{ TRY(reads_a_file_of_all), DONE, REFUSED, REFUSED, DONE },
	{ TRY(reads_secrets), DONE, REFUSED, REFUSED, REFUSED },
	{ TRY(lists_root), DONE, REFUSED, REFUSED, DONE },
	{ TRY(leaves_the_store), DONE, REFUSED, REFUSED, REFUSED }, /* what is above is root's here */
	{ TRY(starts_a_program), DONE, KILLED, KILLED, DONE },
	{ TRY(opens_a_socket), DONE, REFUSED, REFUSED, DONE },
	{ TRY(opens_a_local_socket), DONE, REFUSED, REFUSED, DONE },
	{ TRY(traces_its_parent), REFUSED, KILLED, KILLED, REFUSED },
	{ TRY(signals_its_parent), DONE, REFUSED, REFUSED, REFUSED },
	{ TRY(reaches_a_thread_of_another), DONE, REFUSED, REFUSED, DONE },
	{ TRY(waits_by_another_call), DONE, REFUSED, REFUSED, DONE },
	{ TRY(makes_a_map), DONE, REFUSED, REFUSED, REFUSED },
	{ TRY(loads_a_program), DONE, REFUSED, REFUSED, REFUSED },
	{ TRY(becomes_root), DONE, REFUSED, REFUSED, REFUSED },
	{ TRY(mounts), DONE, REFUSED, REFUSED, REFUSED },
	{ TRY(makes_a_namespace), DONE, REFUSED, REFUSED, REFUSED },
	{ TRY(loads_a_module), REFUSED, REFUSED, REFUSED, REFUSED },
	{ TRY(sets_the_clock), REFUSED, REFUSED, REFUSED, REFUSED },
	{ TRY(dumps_its_memory), REFUSED, REFUSED, REFUSED, REFUSED },
	{ TRY(changes_others_files), REFUSED, REFUSED, REFUSED, REFUSED },
};

/* The store of a user, as ground_open() leaves it. */
static void make_store(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };
	char path[300];
	int fd;

	write_file(unit_temp_dir(), "outside", "secret", 6);
	REQUIRE(fchmodat(unit_temp_dir(), "outside", 0644, 0) == 0);
	write_file(unit_temp_dir(), "secret", "", 0);
	snprintf(secret, sizeof(secret), "%s/secret", unit_temp_path());
	snprintf(path, sizeof(path), "%s/store", unit_temp_path());
	REQUIRE(mkdir(path, 0700) == 0 && chown(path, USER, USER) == 0);
	state_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(state_dir >= 0);
	write_file(state_dir, "mine", "", 0);
	fd = openat(state_dir, "mine", O_RDWR | O_CLOEXEC);
	REQUIRE(fd >= 0 && fchown(fd, USER, USER) == 0 && close(fd) == 0);
	map_fd = (int)call_bpf(BPF_MAP_CREATE, &attr);
}

static void leave_store(void)
{
	close(state_dir);
	if (map_fd >= 0)
		close(map_fd);
}

/* Makes the store. Why nothing can be tried here, or NULL. */
static const char *prepare(void)
{
	struct sandbox_place place = { .owner = { USER, USER } };
	struct problem notes = { "" }, p;
	pid_t child;
	int status;

	if (geteuid() != 0)
		return "not root";
	make_store();
	place.state_dir = state_dir;
	child = fork();
	if (child == 0)
		_exit(sandbox_enter(SANDBOX_RECORDER, &place, &notes, &p) ? 1 : notes.text[0] ? 2 : 0);
	REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 2)
		return NULL;
	leave_store();
	return "no landlock or seccomp in this kernel";
}

static void each_role_has_what_it_needs_and_no_more(void)
{
	const char *why_not = prepare();

	if (why_not)
		SKIP("%s", why_not);
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		const enum outcome want[] = { tries[i].warden, tries[i].recorder, tries[i].registrar, tries[i].courier };

		if (map_fd < 0 && strstr(tries[i].name, "map"))
			continue; /* not here */
		for (enum sandbox_role role = SANDBOX_WARDEN; role <= SANDBOX_COURIER; role++) {
			enum outcome got = try_in(role, tries[i].done);

			CHECK_ROW(got == want[role], "%s, role %d: %d, expected %d", tries[i].name, role, got, want[role]);
		}
	}
	leave_store();
}

/* Without a sandbox root can do all of it: a try that always fails shows nothing. */
static void without_a_sandbox_all_is_done(void)
{
	const char *why_not = prepare();

	if (why_not)
		SKIP("%s", why_not);
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++)
		if (tries[i].done != loads_a_module && tries[i].done != sets_the_clock)
			CHECK_ROW(try_outside(tries[i].done) == DONE, "%s", tries[i].name);
	CHECK(try_outside(makes_a_user_namespace) == DONE);
	CHECK(try_in(SANDBOX_RECORDER, makes_a_user_namespace) == REFUSED);
	CHECK(try_in(SANDBOX_REGISTRAR, makes_a_user_namespace) == REFUSED);
	leave_store();
}

UNIT_SUITE(sandbox, TEST(each_role_has_what_it_needs_and_no_more), TEST(without_a_sandbox_all_is_done));

#endif
