/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * meter: runs a command and prints what it cost the machine, the processes beside it and BPF programs, as
 * lines "KEY VALUE". The numbers are differences between two readings around the command.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "meter.h"

#define PROCESSES_MAX 4

static const char help[] =
	"meter [OPTIONS] -- COMMAND...\n"
	"  --process LABEL=PID  CPU time of this process by thread, and its memory\n"
	"  --programs DIR       run time of the programs whose links are pinned there\n"
	"  --empty              attach two empty programs and print their run time\n"
	"  --dispatch           instead of a command: what calling an empty program costs\n"
	"  --settle MS          go on this long after the command has ended (0)\n"
	"Status: the command's; 2 usage or system error.\n";

struct options {
	struct process {
		const char *label;
		uint64_t pid;
		struct meter_threads before, after;
	} processes[PROCESSES_MAX];
	size_t process_count;
	const char *programs;
	bool empty, dispatch;
	uint64_t settle_ms;
};

_Noreturn void meter_fail(const char *what)
{
	fprintf(stderr, "meter: %s: %s\n", what, strerror(errno));
	exit(2);
}

static _Noreturn void usage(const char *what, const char *value)
{
	fprintf(stderr, "meter: %s%s (see meter --help)\n", what, value);
	exit(2);
}

static uint64_t number(const char *what, const char *text)
{
	uint64_t n = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || n > INT32_MAX / 10)
			usage(what, text);
		n = n * 10 + (uint64_t)(*c - '0');
	}
	if (!*text)
		usage(what, "an empty number");
	return n;
}

static void add_process(struct options *o, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text || o->process_count == PROCESSES_MAX)
		usage("--process is not LABEL=PID, or too many: ", text);
	*equals = '\0';
	o->processes[o->process_count].pid = number("--process: not a process: ", equals + 1);
	o->processes[o->process_count++].label = text;
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option table[] = {
		{ "process", required_argument, NULL, 'p' }, { "programs", required_argument, NULL, 'b' },
		{ "empty", no_argument, NULL, 'e' },         { "settle", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },          { "dispatch", no_argument, NULL, 'd' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", table, NULL)) != -1) {
		switch (c) {
		case 'p': add_process(o, optarg); break;
		case 'b': o->programs = optarg; break;
		case 'e': o->empty = true; break;
		case 'd': o->dispatch = true; break;
		case 's': o->settle_ms = number("--settle: not milliseconds: ", optarg); break;
		case 'h': fputs(help, stdout); exit(0);
		default: usage("unknown option", "");
		}
	}
	if (optind == argc && !o->dispatch)
		usage("no command", "");
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int run(char **command)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		meter_fail("fork");
	if (!pid) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(command[0], command);
		meter_fail(command[0]);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			meter_fail("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static uint64_t children_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

static void print_runs(const char *label, struct meter_runs before, struct meter_runs after)
{
	printf("%s_ns %" PRIu64 "\n%s_runs %" PRIu64 "\n%s_skipped %" PRIu64 "\n", label,
	       after.ns - before.ns, label, after.runs - before.runs, label,
	       after.skipped - before.skipped);
}

int main(int argc, char **argv)
{
	static struct options o;
	struct meter_programs watched = { 0 }, empty = { 0 };
	struct meter_runs watched_before, empty_before;
	uint64_t begun, ended, busy;
	int status;

	parse(&o, argc, argv);
	if (o.dispatch) {
		printf("dispatch_ns %.2f\n", meter_dispatch_ns());
		return 0;
	}
	if (o.programs || o.empty)
		(void)meter_statistics_on();
	if (o.programs)
		meter_programs_pinned(o.programs, &watched);
	if (o.empty)
		meter_programs_empty(2, &empty);
	for (size_t i = 0; i < o.process_count; i++)
		meter_threads_read(o.processes[i].pid, &o.processes[i].before);
	watched_before = meter_programs_read(&watched);
	empty_before = meter_programs_read(&empty);
	busy = meter_machine_busy();
	begun = now_ns();
	status = run(argv + optind);
	ended = now_ns();
	usleep((useconds_t)o.settle_ms * 1000);
	busy = meter_machine_busy() - busy;
	for (size_t i = 0; i < o.process_count; i++)
		meter_threads_read(o.processes[i].pid, &o.processes[i].after);
	printf("wall_ns %" PRIu64 "\nbusy_ns %" PRIu64 "\ncommand_ns %" PRIu64 "\n", ended - begun, busy,
	       children_ns());
	for (size_t i = 0; i < o.process_count; i++) {
		struct process *p = &o.processes[i];

		meter_threads_print(p->label, &p->before, &p->after);
		meter_memory_print(p->label, p->pid);
	}
	if (o.programs)
		print_runs("bpf", watched_before, meter_programs_read(&watched));
	if (o.empty)
		print_runs("empty", empty_before, meter_programs_read(&empty));
	return status;
}
