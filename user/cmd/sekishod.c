// SPDX-License-Identifier: BSD-2-Clause
/*
 * sekishod: records the accepted TCP connections of consenting tenants. Reads the
 * configuration, arms the kernel, moves events to the journal, seals, and answers
 * the command on a socket, until SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/cmdline.h"
#include "base/conf.h"
#include "base/exit_status.h"
#include "base/log.h"
#include "base/output.h"
#include "base/utc.h"
#include "control/service.h"
#include "recorder/node.h"
#include "registrar_child.h"
#include "version.h"

struct options {
	const char *conf_path;
	unsigned int foreground, check, disarm, help, version;
};

static const struct cmd_option option_table[] = {
	{ .letter = 'c', .value = "FILE", .help = "configuration (" CONF_DEFAULT_FILE ")",
	  .offset = offsetof(struct options, conf_path) },
	{ .letter = 'f', .help = "stay in the foreground, log to stderr",
	  .offset = offsetof(struct options, foreground) },
	{ .letter = 'n', .help = "check the configuration and exit; twice: print what is in force",
	  .offset = offsetof(struct options, check) },
	CMD_SWITCH("disarm", struct options, disarm,
		   "stop recording in the kernel: take what waits, remove programs and maps"),
	CMD_SWITCH("help", struct options, help, "this text"),
	CMD_SWITCH("version", struct options, version, "print the version"),
	{},
};

static void usage(FILE *out)
{
	fprintf(out, "usage: sekishod [-c FILE] [-f]      record until SIGTERM\n"
		     "       sekishod [-c FILE] -n        check the configuration\n"
		     "       sekishod [-c FILE] --disarm  stop recording\n"
		     "\n"
		     "Records the TCP connections accepted by consenting tenants. SIGTERM ends this\n"
		     "program but keeps the kernel recording for up to 120 s (restart, upgrade);\n"
		     "--disarm ends the recording itself. SIGHUP reads the configuration again.\n"
		     "\n");
	cmdline_print_options(out, option_table);
	fprintf(out, "\nExit status: 0 done, 1 could not, 2 usage or configuration, 5 ledger damaged.\n");
}

static int exit_status_of(int error)
{
	return error == -EBADMSG ? EXIT_DAMAGED : EXIT_NO;
}

static void refresh(struct node *node, const char *why)
{
	struct problem p;

	if (node_refresh(node, &p))
		log_error("%s: %s", why, p.text);
}

/* Waits for signals until one says stop; meanwhile consents may begin. */
static void run_until_stopped(struct node *node, int signals)
{
	struct signalfd_siginfo info;
	struct problem p;

	for (;;) {
		struct pollfd wait = { .fd = signals, .events = POLLIN };

		if (poll(&wait, 1, node_refresh_due_ms(node)) == 0) {
			refresh(node, "a consent begins");
			continue;
		}
		if (read(signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo == NODE_SIGNAL_CLOCK) {
			refresh(node, "after the clock was set");
			continue;
		}
		if (info.ssi_signo != SIGHUP)
			return;
		if (node_reload(node, &p))
			log_error("reload: %s; ignoring it, the old configuration stays in force",
				  p.text);
		else
			log_info("configuration and consents reloaded");
	}
}

/* Blocked before any thread starts, so that all of them inherit it. */
static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, NODE_SIGNAL_CLOCK);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Failures of the start still reach the terminal; from here on syslog has the messages. */
static void leave_terminal(int ready)
{
	log_init("sekishod", true);
	dup2(STDOUT_FILENO, STDERR_FILENO); /* /dev/null */
	(void)!write(ready, "", 1);
	close(ready);
}

/* `ready` (a descriptor or -1) gets one byte when recording has begun. */
static int run(const char *conf_path, struct conf *conf, int ready)
{
	int signals = block_signals(), error;
	char run_dir[CONF_PATH_MAX];
	struct registrar_child registrar;
	struct problem p;
	struct node *node;

	memcpy(run_dir, conf->run_dir, sizeof(run_dir));
	error = registrar_child_fork(conf_path, run_dir, &registrar, &p);
	if (error) {
		log_error("%s", p.text);
		return EXIT_NO;
	}
	error = node_start(conf_path, conf, SEKISHO_VERSION, &node, &p);
	if (!error) {
		error = registrar_child_begin(&registrar, service_answer, node, &p);
		if (error)
			node_abort(node);
	}
	if (error) {
		log_error("%s", p.text);
		registrar_child_end(&registrar);
		return exit_status_of(error);
	}
	if (ready >= 0)
		leave_terminal(ready);
	run_until_stopped(node, signals);
	log_info("stopping; the kernel goes on recording into the ring until the heartbeat runs out");
	registrar_child_end(&registrar);
	node_stop(node);
	return EXIT_YES;
}

/* In the background: returns to the shell once recording has begun, or with the child's status. */
static int run_detached(const char *conf_path, struct conf *conf)
{
	int ready[2], null, status;
	char byte;
	pid_t child;

	if (pipe2(ready, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		log_error("cannot start in the background: %s", strerror(errno));
		return EXIT_NO;
	}
	if (child == 0) {
		close(ready[0]);
		(void)setsid();
		(void)!chdir("/");
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		_exit(run(conf_path, conf, ready[1]));
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1)
		return EXIT_YES;
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) :
									  EXIT_NO;
}

static int disarm(struct conf *conf)
{
	struct problem p;
	int removed;

	signal(NODE_SIGNAL_CLOCK, SIG_IGN); /* whoever is recorded, it ends now */
	removed = node_disarm(conf, &p);

	if (removed < 0) {
		log_error("%s", p.text);
		return exit_status_of(removed);
	}
	printf(removed ? "disarmed: nothing is recorded any more\n" : "nothing was armed\n");
	return EXIT_YES;
}

static int run_program(int argc, char **argv)
{
	struct options o = { .conf_path = CONF_DEFAULT_FILE };
	struct conf conf;
	struct problem p;
	size_t operands;
	char *path;
	int status;

	log_init("sekishod", false);
	if (cmdline_parse(argc, argv, option_table, &o, false, NULL, 0, &operands, &p)) {
		log_error("%s", p.text);
		return EXIT_USAGE;
	}
	if (o.help) {
		usage(stdout);
		return EXIT_YES;
	}
	if (o.version) {
		printf("sekishod " SEKISHO_VERSION "\n");
		return EXIT_YES;
	}
	if (conf_load(o.conf_path, &conf, &p) || utc_set_local_zone(conf.timezone, &p)) {
		log_error("%s", p.text);
		return EXIT_USAGE;
	}
	umask(0077);
	/* SIGHUP reads it again, from a process whose working directory is /. */
	path = realpath(o.conf_path, NULL);
	if (!path) {
		log_error("cannot find %s again: %s", o.conf_path, strerror(errno));
		status = EXIT_USAGE;
	} else if (o.check) {
		if (o.check > 1)
			conf_print(&conf, stdout);
		status = EXIT_YES;
	} else if (o.disarm) {
		status = disarm(&conf);
	} else if (o.foreground) {
		status = run(path, &conf, -1);
	} else {
		status = run_detached(path, &conf);
	}
	free(path);
	conf_done(&conf);
	return status;
}

int main(int argc, char **argv)
{
	return output_finish(run_program(argc, argv));
}
