// SPDX-License-Identifier: BSD-2-Clause
/* Trying rungs, attaching programs, pinning links, taking over. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/rung.h"
#include "cgroup_root.h"
#include "ladder.h"
#include "object.h"
#include "pins.h"

struct rung {
	enum sekisho_rung rung;
	enum object_kind object;
	const char *programs[RUNG_PROGRAMS_MAX + 1]; /* in the order of attaching */
	const char *pins[RUNG_PROGRAMS_MAX + 1];
};

/* Best first. */
static const struct rung ladder[] = {
	{ SEKISHO_RUNG_SET_STATE,
	  OBJECT_ACCEPT,
	  { "on_set_state_1", "on_set_state_2" },
	  { "link_set_state_1", "link_set_state_2" } },
	{ SEKISHO_RUNG_SOCK_OPS, OBJECT_SOCKOPS, { "on_sock_ops" }, { "link_sock_ops" } },
	{ SEKISHO_RUNG_FEXIT, OBJECT_ACCEPT, { "on_accept_fexit" }, { "link_fexit" } },
	{ SEKISHO_RUNG_KRETPROBE, OBJECT_ACCEPT, { "on_accept_kretprobe" }, { "link_kretprobe" } },
};

/* No rung: it emits nothing. */
static const struct rung witness = { SEKISHO_RUNG_NONE, OBJECT_SOCKOPS, { "on_sock_ops_witness" }, { "link_witness" } };

#define RUNGS (sizeof(ladder) / sizeof(ladder[0]))

static _Thread_local char libbpf_said[160];

static int keep_message(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[sizeof(libbpf_said)];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	/* The first complaint names the cause; what follows is consequence. */
	if (!libbpf_said[0] && strncmp(line, "libbpf: ", 8) == 0) {
		snprintf(libbpf_said, sizeof(libbpf_said), "%s", line + 8);
		libbpf_said[strcspn(libbpf_said, "\n")] = '\0';
	}
	return 0;
}

void ladder_quiet_libbpf(void)
{
	libbpf_set_print(keep_message);
	libbpf_said[0] = '\0';
}

const char *ladder_libbpf_said(void)
{
	return libbpf_said;
}

static int program_tag(int fd, unsigned char tag[BPF_TAG_SIZE])
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	memcpy(tag, info.tag, BPF_TAG_SIZE);
	return 0;
}

static bool same_program(int a, int b)
{
	unsigned char tag_a[BPF_TAG_SIZE], tag_b[BPF_TAG_SIZE];

	return a >= 0 && b >= 0 && !program_tag(a, tag_a) && !program_tag(b, tag_b) &&
	       memcmp(tag_a, tag_b, BPF_TAG_SIZE) == 0;
}

/* The program behind a pinned link, as a descriptor; negative when there is none. */
static int pinned_program(const char *pin_dir, const char *pin)
{
	char path[PIN_PATH_MAX];
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	int link, fd;

	if (pin_path(path, pin_dir, pin))
		return -ENAMETOOLONG;
	link = bpf_obj_get(path);
	if (link < 0)
		return -errno;
	fd = bpf_obj_get_info_by_fd(link, &info, &size) ? -errno :
							  bpf_prog_get_fd_by_id(info.prog_id);
	close(link);
	return fd;
}

/* Removes the links of a rung; true when one was really there. */
static bool unpin_rung(const char *pin_dir, const struct rung *r)
{
	char path[PIN_PATH_MAX];
	bool any = false;

	for (size_t i = 0; r->pins[i]; i++) {
		int fd = pinned_program(pin_dir, r->pins[i]);

		any |= fd >= 0;
		if (fd >= 0)
			close(fd);
		if (!pin_path(path, pin_dir, r->pins[i]))
			(void)unlink(path);
	}
	return any;
}

static bool unpin_others(const char *pin_dir, const struct rung *keep)
{
	bool any = false;

	for (size_t i = 0; i < RUNGS; i++)
		if (&ladder[i] != keep)
			any |= unpin_rung(pin_dir, &ladder[i]);
	return any;
}

/* For all TCP sockets of the node: every cgroup is below the root (libbpf's links allow others beside them). */
static struct bpf_link *attach_to_root(const struct bpf_program *prog)
{
	int root = cgroup_root_open(), error = root < 0 ? -root : 0;
	struct bpf_link *link = NULL;

	if (root >= 0 && !cgroup_root_is_whole(root)) {
		snprintf(libbpf_said, sizeof(libbpf_said), "the root of the cgroups is out of sight: a cgroup namespace");
		error = EPERM;
	}
	if (!error) {
		link = bpf_program__attach_cgroup(prog, root);
		error = errno;
	}
	if (root >= 0)
		close(root);
	errno = error;
	return link;
}

static struct bpf_link *attach(const struct bpf_program *prog)
{
	return bpf_program__type(prog) == BPF_PROG_TYPE_SOCK_OPS ? attach_to_root(prog) :
								   bpf_program__attach(prog);
}

/* Attaches a program and puts its link in the place of the pinned one, if any. */
static int attach_and_pin(const char *pin_dir, struct bpf_program *prog, const char *pin)
{
	char path[PIN_PATH_MAX], fresh[PIN_PATH_MAX];
	struct bpf_link *link;
	int error = pin_path(path, pin_dir, pin);

	if (!error && (size_t)snprintf(fresh, sizeof(fresh), "%s_new", path) >= sizeof(fresh))
		error = -ENAMETOOLONG;
	if (error)
		return error;
	(void)unlink(fresh); /* of a run that died here */
	link = attach(prog);
	error = link ? bpf_link__pin(link, fresh) : -errno;
	/* The old link is released by the rename, when the new one is attached already. */
	if (!error && rename(fresh, path) < 0) {
		error = -errno;
		(void)unlink(fresh);
	}
	if (link)
		bpf_link__destroy(link); /* the pin holds it from here on */
	return error;
}

struct found {
	bool any, all_same;
};

/* What of this rung is armed already, compared with what was loaded now. */
static struct found look(const char *pin_dir, const struct rung *r, struct bpf_object *obj)
{
	struct found f = { .all_same = true };

	for (size_t i = 0; r->pins[i]; i++) {
		int old = pinned_program(pin_dir, r->pins[i]);
		int new = bpf_program__fd(
			bpf_object__find_program_by_name(obj, r->programs[i]));

		f.any |= old >= 0;
		f.all_same &= same_program(old, new);
		if (old >= 0)
			close(old);
	}
	return f;
}

/* On failure nothing of what this call attached stays. */
static int attach_all(const char *pin_dir, const struct rung *r, struct bpf_object *obj, bool fresh)
{
	int error = 0;

	for (size_t i = 0; r->pins[i] && !error; i++)
		error = attach_and_pin(pin_dir,
				       bpf_object__find_program_by_name(obj, r->programs[i]),
				       r->pins[i]);
	if (error && fresh)
		unpin_rung(pin_dir, r);
	return error;
}

static int arm(const char *pin_dir, const struct rung *r, uint64_t ring_bytes, struct armed *ret_armed)
{
	struct bpf_object *obj;
	struct found found;
	bool replaced;
	int error;

	libbpf_said[0] = '\0';
	obj = object_open(r->object, pin_dir, r->programs, ring_bytes);
	error = obj ? bpf_object__load(obj) : -errno;
	if (error)
		goto out;
	found = look(pin_dir, r, obj);
	replaced = r != &witness && unpin_others(pin_dir, r);
	if (!found.all_same)
		error = attach_all(pin_dir, r, obj, !found.any);
	if (error)
		goto out;
	ret_armed->rung = r->rung;
	ret_armed->start = found.any ? CAPTURE_CONTINUED :
			   replaced  ? CAPTURE_REPLACED :
				       CAPTURE_FRESH;
	for (size_t i = 0; r->pins[i]; i++)
		ret_armed->programs[i] = pinned_program(pin_dir, r->pins[i]);
out:
	bpf_object__close(obj);
	return error;
}

int ladder_climb(const char *pin_dir, enum sekisho_rung forced, uint64_t ring_bytes,
		 struct armed *ret_armed, struct problem *p)
{
	char tried[sizeof(p->text)] = "";
	int error = -EOPNOTSUPP;
	size_t n = 0;

	for (size_t i = 0; i < RUNGS && n < sizeof(tried); i++) {
		if (forced != SEKISHO_RUNG_NONE && ladder[i].rung != forced)
			continue;
		error = arm(pin_dir, &ladder[i], ring_bytes, ret_armed);
		if (!error)
			return 0;
		n += (size_t)snprintf(tried + n, sizeof(tried) - n, "%s%s: %s%s%s%s", n ? "; " : "",
				      rung_name(ladder[i].rung), strerror(-error),
				      libbpf_said[0] ? " (" : "", libbpf_said,
				      libbpf_said[0] ? ")" : "");
	}
	return problem(p, error, "no hook could be attached: %s", tried);
}

int ladder_set_witness(const char *pin_dir, bool on, uint64_t ring_bytes, struct problem *p)
{
	struct armed ignored = ARMED_NONE;
	int error;

	if (!on) {
		unpin_rung(pin_dir, &witness);
		return 0;
	}
	error = arm(pin_dir, &witness, ring_bytes, &ignored);
	ladder_release(&ignored);
	return error ? problem(p, error, "witness: sock_ops cannot be attached: %s%s%s", strerror(-error),
			       *libbpf_said ? ": " : "", libbpf_said) : 0;
}

void ladder_release(struct armed *a)
{
	for (size_t i = 0; i < RUNG_PROGRAMS_MAX; i++)
		if (a->programs[i] >= 0)
			close(a->programs[i]);
	*a = (struct armed)ARMED_NONE;
}

static const struct rung *rung_of(const struct armed *a)
{
	for (size_t i = 0; i < RUNGS; i++)
		if (ladder[i].rung == a->rung)
			return &ladder[i];
	return NULL;
}

bool ladder_still_armed(const char *pin_dir, const struct armed *a)
{
	const struct rung *r = rung_of(a);
	bool armed = r != NULL;

	for (size_t i = 0; r && r->pins[i]; i++) {
		int fd = pinned_program(pin_dir, r->pins[i]);

		armed &= same_program(fd, a->programs[i]);
		if (fd >= 0)
			close(fd);
	}
	return armed;
}

int ladder_skipped(const struct armed *a, uint64_t *ret_skipped)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(a->programs[0], &info, &size))
		return -errno;
	*ret_skipped = info.recursion_misses;
	return 0;
}
