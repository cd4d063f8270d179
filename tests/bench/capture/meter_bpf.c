/* SPDX-License-Identifier: BSD-2-Clause */
/* Run time of BPF programs as the kernel counts it, and programs that do nothing to compare with. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "meter.h"

int meter_statistics_on(void)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	if (fd < 0)
		meter_fail("BPF_ENABLE_STATS");
	return fd;
}

static int program_of_link(const char *path)
{
	struct bpf_link_info info = { 0 };
	__u32 size = sizeof(info);
	int link = bpf_obj_get(path), program;

	if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &size))
		meter_fail(path);
	program = bpf_prog_get_fd_by_id(info.prog_id);
	if (program < 0)
		meter_fail(path);
	close(link);
	return program;
}

void meter_programs_pinned(const char *dir, struct meter_programs *ret_programs)
{
	char pattern[512];
	glob_t found;

	ret_programs->n = 0;
	snprintf(pattern, sizeof(pattern), "%s/link_*", dir);
	if (glob(pattern, 0, NULL, &found)) {
		errno = ENOENT;
		meter_fail(pattern);
	}
	for (size_t i = 0; i < found.gl_pathc && i < METER_PROGRAMS_MAX; i++)
		ret_programs->fds[ret_programs->n++] = program_of_link(found.gl_pathv[i]);
	globfree(&found);
}

static int load_empty(int btf_id)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP,
		    .attach_btf_id = (__u32)btf_id);

	return bpf_prog_load(BPF_PROG_TYPE_TRACING, "empty", "Dual BSD/GPL", nothing,
			     sizeof(nothing) / sizeof(nothing[0]), &options);
}

void meter_programs_empty(size_t count, struct meter_programs *ret_programs)
{
	int btf_id = libbpf_find_vmlinux_btf_id("inet_sock_set_state", BPF_TRACE_RAW_TP);

	if (btf_id < 0)
		meter_fail("inet_sock_set_state");
	for (ret_programs->n = 0; ret_programs->n < count; ret_programs->n++) {
		int program = load_empty(btf_id);

		if (program < 0 || bpf_raw_tracepoint_open(NULL, program) < 0)
			meter_fail("the empty program");
		ret_programs->fds[ret_programs->n] = program;
	}
}

struct meter_runs meter_programs_read(const struct meter_programs *p)
{
	struct meter_runs sum = { 0 };

	for (size_t i = 0; i < p->n; i++) {
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);

		if (bpf_obj_get_info_by_fd(p->fds[i], &info, &size))
			meter_fail("a program's statistics");
		sum.ns += info.run_time_ns;
		sum.runs += info.run_cnt;
		sum.skipped += info.recursion_misses;
	}
	return sum;
}
