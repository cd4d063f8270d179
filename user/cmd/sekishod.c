// SPDX-License-Identifier: BSD-2-Clause
/*
 * sekishod: records the accepted TCP connections of consenting tenants. Reads the
 * configuration and becomes the warden (warden/warden.h), which arms the kernel and
 * starts two processes without rights: one records and seals, one answers the command.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/cmdline.h"
#include "base/conf.h"
#include "base/exit_status.h"
#include "base/log.h"
#include "base/output.h"
#include "base/process_title.h"
#include "base/utc.h"
#include "recorder/node.h"
#include "verbs_served.h"
#include "version.h"
#include "warden/warden.h"

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

/* `ready` (a descriptor or -1) gets one byte when recording has begun. */
static int run(const char *conf_path, struct conf *conf, int ready)
{
	const struct warden_options options = {
		.conf_path = conf_path,
		.version = SEKISHO_VERSION,
		.run_verb = verbs_serve,
		.ready = ready,
	};
	struct problem p;
	int error = warden_run(&options, conf, &p);

	if (!error)
		return EXIT_YES;
	log_error("%s", p.text);
	return exit_status_of(error);
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
	process_title_init(argc, argv);
	return output_finish(run_program(argc, argv));
}
