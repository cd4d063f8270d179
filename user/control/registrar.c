// SPDX-License-Identifier: BSD-2-Clause
/* Taking connections: a process for each, watched until it ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/exit_status.h"
#include "base/fs.h"
#include "base/orders.h"
#include "base/utc.h"
#include "quota.h"
#include "registrar.h"

#define BACKLOG 64
#define CONNECTIONS_MAX 32
#define KEPT_FOR_ROOT 8
#define PER_USER_MAX 8
#define RATE_PER_SECOND 10
#define RATE_BURST 40
#define STALL_MS 600000
#define LOOK_MS 1000 /* how often it is looked whether requests go on */
#define ADMISSION_MS 500 /* what a client that means it needs by far not; for so long it does not give way */

struct child {
	pid_t pid;
	int connection; /* a copy, to see that the client went away and to answer for a process that died */
	uid_t uid;
	bool gone; /* the client, or it had to give way: it is being ended */
	int admission; /* its end is that the peer was admitted (serve_admitted()); -1: it was */
	int64_t begun_ns; /* boot time */
	int64_t cpu_ns, moved_ns; /* processor time used, and when that last changed (boot time) */
};

/* Also those that are being ended. */
#define CHILDREN_MAX (2 * CONNECTIONS_MAX + KEPT_FOR_ROOT)

struct state {
	const struct registrar *r;
	struct child children[CHILDREN_MAX];
	size_t count;
	struct quota quota;
	int signals; /* SIGCHLD */
};

static unsigned int or_default(unsigned int value, unsigned int otherwise)
{
	return value ? value : otherwise;
}

/* --- The socket --- */

int registrar_listen(const char *run_dir, int *ret_fd, struct problem *p)
{
	struct sockaddr_un address;
	int error = message_address(run_dir, &address), dir = error ? error : fs_open_dir(AT_FDCWD, run_dir, 1), fd = -1;

	if (!error && dir < 0)
		error = dir;
	/* Who may do what is decided by who asks: anybody may. */
	if (!error && fchmod(dir, 0755) < 0)
		error = -errno;
	if (dir >= 0)
		close(dir);
	if (!error && (fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		error = -errno;
	if (!error) {
		(void)unlink(address.sun_path);
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(address.sun_path, 0666) < 0 ||
		    listen(fd, BACKLOG) < 0)
			error = -errno;
	}
	if (!error) {
		*ret_fd = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return problem(p, error, "cannot listen on %s/" CONTROL_SOCKET ": %s", run_dir, strerror(-error));
}

void registrar_unlisten(const char *run_dir)
{
	struct sockaddr_un address;

	if (message_address(run_dir, &address) == 0)
		(void)unlink(address.sun_path);
}

/* --- One more connection --- */

#define ANYBODY ((uid_t)-1)

static size_t count_of(const struct state *s, uid_t uid)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		n += !s->children[i].gone && (uid == ANYBODY || s->children[i].uid == uid);
	return n;
}

/* Asked for at once: it may have been admitted since the look at all of them. */
static bool is_admitted(const struct child *c)
{
	struct pollfd end = { .fd = c->admission };

	return c->admission < 0 || poll(&end, 1, 0) > 0;
}

/* Ends the connection of the user that has been without admission for longest. False: there is none. */
static bool give_way(struct state *s, uid_t uid)
{
	int64_t before = boot_now_ns() - ADMISSION_MS * INT64_C(1000000);
	struct child *oldest = NULL;

	for (size_t i = 0; i < s->count; i++) {
		struct child *c = &s->children[i];

		if (!c->gone && c->begun_ns < before && (uid == ANYBODY || c->uid == uid) &&
		    (!oldest || c->begun_ns < oldest->begun_ns) && !is_admitted(c))
			oldest = c;
	}
	if (!oldest)
		return false;
	(void)message_send_done(oldest->connection, EXIT_NO, "the request did not come in time, and sekishod is busy: try again");
	(void)shutdown(oldest->connection, SHUT_RDWR);
	(void)kill(oldest->pid, SIGKILL);
	oldest->gone = true;
	return true;
}

/* Why a connection of this user is not taken now; NULL: it is. */
static const char *refusal(struct state *s, uid_t uid)
{
	const struct registrar *r = s->r;
	size_t max = or_default(r->connections_max, CONNECTIONS_MAX);
	bool full;

	if (max > CONNECTIONS_MAX)
		max = CONNECTIONS_MAX;
	full = count_of(s, ANYBODY) >= max + (uid == 0 ? KEPT_FOR_ROOT : 0);
	if (s->count == CHILDREN_MAX)
		return "sekishod is busy with as many requests as it takes: try again";
	if (uid != 0) {
		/* The rate first: each that is let in may end another. */
		if (!quota_take(&s->quota, uid, boot_now_ns()))
			return "too many requests of this user: try again in a second";
		if (count_of(s, uid) >= or_default(r->per_user_max, PER_USER_MAX)) {
			if (!give_way(s, uid))
				return "too many requests of this user at once: try again";
			full = false;
		}
	}
	return !full || give_way(s, ANYBODY) ? NULL : "sekishod is busy with as many requests as it takes: try again";
}

/* A process of its own has its connection, and none of the others. */
static void become_child(struct state *s, int connection, int admitted, pid_t registrar)
{
	struct serve serve = s->r->serve;
	sigset_t none;

	serve.admitted_fd = admitted;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	serve_connection(&serve, connection, registrar);
}

/* A process for the connection. 0 or negative errno. */
static int begin(struct state *s, int connection, uid_t uid)
{
	pid_t registrar = getpid(), pid;
	int admission[2];

	if (pipe2(admission, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		become_child(s, connection, admission[1], registrar);
	close(admission[1]);
	if (pid < 0) {
		close(admission[0]);
		return -EAGAIN;
	}
	s->children[s->count++] = (struct child){ .pid = pid, .connection = connection, .uid = uid, .admission = admission[0],
						  .begun_ns = boot_now_ns(), .moved_ns = boot_now_ns() };
	return 0;
}

static void take(struct state *s)
{
	int fd = accept4(s->r->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct ucred peer;
	socklen_t size = sizeof(peer);
	const char *refused;

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		close(fd);
		return;
	}
	refused = refusal(s, peer.uid);
	if (!refused && begin(s, fd, peer.uid))
		refused = "sekishod cannot take the request: out of memory";
	if (refused) {
		(void)message_send_done(fd, EXIT_NO, refused);
		close(fd);
	}
}

/* --- Watching --- */

/* Answers for a process that ended. */
static void answer(const struct child *c, int wait_status)
{
	int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;

	if (status == SERVE_ANSWERED || c->gone)
		return;
	if (status >= EXIT_YES && status <= EXIT_DAMAGED)
		(void)message_send_done(c->connection, status, NULL);
	else
		(void)message_send_done(c->connection, EXIT_NO, "the request was ended: what was answered is not complete");
}

static void forget(struct child *c)
{
	close(c->connection);
	if (c->admission >= 0)
		close(c->admission);
}

static void reap(struct state *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < s->count; i++)
			if (s->children[i].pid == pid) {
				answer(&s->children[i], status);
				forget(&s->children[i]);
				s->children[i] = s->children[--s->count];
				break;
			}
}

static int64_t cpu_of(pid_t pid)
{
	struct timespec ts;
	clockid_t id;

	return clock_getcpuclockid(pid, &id) == 0 && clock_gettime(id, &ts) == 0 ? ts.tv_sec * NS_PER_SEC + ts.tv_nsec : 0;
}

/* Ends requests that do not go on, such as one whose answer nobody reads. */
static void end_stalled(struct state *s)
{
	int64_t now = boot_now_ns(), stall_ns = or_default(s->r->stall_ms, STALL_MS) * INT64_C(1000000);

	for (size_t i = 0; i < s->count; i++) {
		struct child *c = &s->children[i];
		int64_t cpu = cpu_of(c->pid);

		if (cpu != c->cpu_ns) {
			c->cpu_ns = cpu;
			c->moved_ns = now;
		} else if (now - c->moved_ns > stall_ns) {
			(void)kill(c->pid, SIGKILL);
		}
	}
}

static void end_of_clients(struct state *s, const struct pollfd *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i].fd >= 0 && fds[i].revents) {
			s->children[i].gone = true;
			(void)kill(s->children[i].pid, SIGKILL);
		}
}

static void note_admissions(struct state *s, const struct pollfd *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i].fd >= 0 && fds[i].revents) {
			close(s->children[i].admission);
			s->children[i].admission = -1;
		}
}

/* Whether it was ordered to stop. */
static bool take_order(const struct state *s)
{
	char order = 0;

	if (read(s->r->orders_fd, &order, 1) != 1 || order == ORDER_STOP)
		return true;
	if (order == ORDER_RELOAD && s->r->reload)
		s->r->reload(s->r->ctx);
	return false;
}

enum { AT_SIGNALS, AT_LISTEN, AT_ORDERS, AT_CHILDREN };

static void loop(struct state *s)
{
	struct pollfd fds[AT_CHILDREN + 2 * CHILDREN_MAX];
	struct signalfd_siginfo info;
	int64_t looked = boot_now_ns();

	for (;;) {
		size_t count = s->count;

		fds[AT_SIGNALS] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
		fds[AT_LISTEN] = (struct pollfd){ .fd = s->r->listen_fd, .events = POLLIN };
		fds[AT_ORDERS] = (struct pollfd){ .fd = s->r->orders_fd, .events = POLLIN };
		for (size_t i = 0; i < count; i++) {
			const struct child *c = &s->children[i];

			/* The client has nothing more to say but its end. */
			fds[AT_CHILDREN + i] = (struct pollfd){ .fd = c->gone ? -1 : c->connection, .events = POLLRDHUP };
			fds[AT_CHILDREN + count + i] = (struct pollfd){ .fd = c->admission };
		}
		if (poll(fds, AT_CHILDREN + 2 * count, count ? LOOK_MS : -1) < 0)
			continue;
		end_of_clients(s, fds + AT_CHILDREN, count);
		note_admissions(s, fds + AT_CHILDREN + count, count);
		if (boot_now_ns() - looked >= LOOK_MS * INT64_C(1000000)) {
			end_stalled(s);
			looked = boot_now_ns();
		}
		if (fds[AT_ORDERS].revents && take_order(s))
			return;
		if (fds[AT_LISTEN].revents)
			take(s);
		if (fds[AT_SIGNALS].revents) {
			while (read(s->signals, &info, sizeof(info)) == sizeof(info))
				;
			reap(s);
		}
	}
}

int registrar_run(const struct registrar *r, struct problem *p)
{
	struct state s = { .r = r };
	sigset_t set;

	quota_init(&s.quota, or_default(r->rate_per_second, RATE_PER_SECOND), or_default(r->rate_burst, RATE_BURST));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s.signals < 0)
		return problem(p, -errno, "cannot wait for signals: %s", strerror(errno));
	loop(&s);
	for (size_t i = 0; i < s.count; i++) {
		(void)kill(s.children[i].pid, SIGKILL);
		forget(&s.children[i]);
	}
	while (wait(NULL) > 0)
		;
	close(s.signals);
	return 0;
}
