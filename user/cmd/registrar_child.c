// SPDX-License-Identifier: BSD-2-Clause
/* Forking the registrar. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/conf.h"
#include "base/log.h"
#include "control/registrar.h"
#include "registrar_child.h"
#include "verbs_served.h"

/* What the child says when it was told to listen. */
struct outcome {
	int error;
	struct problem problem;
};

static int load_conf(void *ctx, struct conf *ret_conf, struct problem *p)
{
	return conf_load(ctx, ret_conf, p);
}

__attribute__((noreturn)) static void be_registrar(const char *conf_path, const char *run_dir, int link_fd, int channel)
{
	struct verbs_served verbs_served = { .conf_path = conf_path, .load_conf = load_conf, .ctx = (void *)conf_path,
					     .link_fd = link_fd };
	struct registrar r = { .serve = { .run = verbs_serve, .ctx = &verbs_served, .link_fd = link_fd } };
	struct outcome o = {};
	struct sockaddr_un address;
	char begin;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(channel, &begin, 1) != 1)
		_exit(0); /* it did not come to that */
	r.listen_fd = registrar_listen(run_dir, &o.problem);
	o.error = r.listen_fd < 0 ? r.listen_fd : 0;
	if (send(channel, &o, sizeof(o), MSG_NOSIGNAL) != sizeof(o) || o.error)
		_exit(1);
	close(channel);
	if (registrar_run(&r, &o.problem))
		log_error("%s", o.problem.text);
	if (message_address(run_dir, &address) == 0)
		(void)unlink(address.sun_path);
	_exit(0);
}

int registrar_child_fork(const char *conf_path, const char *run_dir, struct registrar_child *ret_child, struct problem *p)
{
	int link[2], channel[2], error = link_make(link);
	pid_t pid;

	if (error)
		return problem(p, error, "cannot start the registrar: %s", strerror(-error));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0 || (pid = fork()) < 0)
		return problem(p, -errno, "cannot start the registrar: %s", strerror(errno));
	if (pid == 0) {
		close(link[1]);
		close(channel[0]);
		be_registrar(conf_path, run_dir, link[0], channel[1]);
	}
	close(link[0]);
	close(channel[1]);
	*ret_child = (struct registrar_child){ .pid = pid, .link_fd = link[1], .channel = channel[0] };
	return 0;
}

int registrar_child_begin(struct registrar_child *c, link_handler *handler, void *ctx, struct problem *p)
{
	int error = link_serve(c->link_fd, handler, ctx, &c->link, p);
	struct outcome o;

	if (error)
		return error;
	if (send(c->channel, "", 1, MSG_NOSIGNAL) != 1 || recv(c->channel, &o, sizeof(o), 0) != sizeof(o))
		return problem(p, -EPIPE, "the registrar ended by itself");
	*p = o.problem;
	return o.error;
}

void registrar_child_end(struct registrar_child *c)
{
	(void)kill(c->pid, SIGTERM);
	close(c->channel);
	(void)waitpid(c->pid, NULL, 0);
	link_stop(c->link);
	close(c->link_fd);
}
