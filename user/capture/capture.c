// SPDX-License-Identifier: BSD-2-Clause
/* Loading, trying the rungs, pinning, and finding what an earlier run left armed. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "accept.skel.h"
#include "base/rung.h"
#include "capture.h"
#include "capture_maps.h"
#include "pins.h"

struct capture {
	char pin_dir[PIN_PATH_MAX];
	struct capture_maps maps;
	struct sekisho_control *control; /* shared with the programs */
	struct ring *ring;
	int program_fd;
	enum sekisho_rung rung;
	enum capture_start start;
};

struct rung_program {
	enum sekisho_rung rung;
	const char *program, *pin;
};

/* Best first. */
static const struct rung_program ladder[] = {
	{ SEKISHO_RUNG_SET_STATE, "on_set_state", "link_set_state" },
	{ SEKISHO_RUNG_FEXIT, "on_accept_fexit", "link_fexit" },
	{ SEKISHO_RUNG_KRETPROBE, "on_accept_kretprobe", "link_kretprobe" },
};
#define RUNGS (sizeof(ladder) / sizeof(ladder[0]))

/* libbpf explains failures at length on stderr; the reason is kept in one line instead. */
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

/* Opens the object with one program (or none) to be loaded and all maps bound to their pins. */
static struct accept_bpf *open_object(const struct capture *c, const char *program,
				      uint64_t ring_bytes)
{
	struct accept_bpf *skeleton = accept_bpf__open();
	struct bpf_program *prog;
	struct bpf_map *map;
	char path[PIN_PATH_MAX];

	if (!skeleton)
		return NULL;
	bpf_object__for_each_program(prog, skeleton->obj)
		bpf_program__set_autoload(prog, program &&
					  strcmp(bpf_program__name(prog), program) == 0);
	bpf_object__for_each_map(map, skeleton->obj) {
		if (bpf_map__is_internal(map))
			continue;
		if (pin_path(path, c->pin_dir, bpf_map__name(map)) ||
		    bpf_map__set_pin_path(map, path)) {
			accept_bpf__destroy(skeleton);
			errno = ENAMETOOLONG;
			return NULL;
		}
	}
	bpf_map__set_max_entries(skeleton->maps.events, (__u32)ring_bytes);
	return skeleton;
}

static int map_control(struct capture *c)
{
	void *page = mmap(NULL, sizeof(*c->control), PROT_READ | PROT_WRITE, MAP_SHARED,
			  c->maps.control, 0);

	if (page == MAP_FAILED)
		return -errno;
	c->control = page;
	return 0;
}

static int dup_map(const struct bpf_map *map, int *ret_fd)
{
	*ret_fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? -errno : 0;
}

/* Creates the maps, or takes those that are pinned, without any program. */
static int open_maps(struct capture *c, uint64_t ring_bytes, struct problem *p)
{
	struct accept_bpf *skeleton = open_object(c, NULL, ring_bytes);
	int error = skeleton ? accept_bpf__load(skeleton) : -errno;

	if (!error)
		error = dup_map(skeleton->maps.events, &c->maps.events);
	if (!error)
		error = dup_map(skeleton->maps.selectors, &c->maps.selectors);
	if (!error)
		error = dup_map(skeleton->maps.grants, &c->maps.grants);
	if (!error)
		error = dup_map(skeleton->maps.losses, &c->maps.losses);
	if (!error)
		error = dup_map(skeleton->maps.control, &c->maps.control);
	accept_bpf__destroy(skeleton);
	if (!error)
		error = map_control(c);
	if (error)
		return problem(p, error, "cannot create BPF maps: %s%s%s", strerror(-error),
			       libbpf_said[0] ? ": " : "", libbpf_said);
	return 0;
}

/* A new ring gets its name; until then the programs see a heartbeat of 0 and emit nothing. */
static int init_control(struct capture *c, uint64_t ring_bytes)
{
	uint64_t id = 0;

	if (c->control->ring_id)
		return 0;
	c->control->layout_version = SEKISHO_LAYOUT_VERSION;
	c->control->wake_bytes = (uint32_t)(ring_bytes / 8);
	do {
		if (getrandom(&id, sizeof(id), 0) != sizeof(id))
			return -EIO;
	} while (!id);
	__atomic_store_n(&c->control->ring_id, id, __ATOMIC_RELEASE);
	return 0;
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

/* The program behind a pinned link, as a descriptor; negative when there is none. */
static int pinned_program(const struct capture *c, const struct rung_program *r)
{
	char path[PIN_PATH_MAX];
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	int link, fd;

	if (pin_path(path, c->pin_dir, r->pin))
		return -ENAMETOOLONG;
	link = bpf_obj_get(path);
	if (link < 0)
		return -errno;
	fd = bpf_obj_get_info_by_fd(link, &info, &size) ? -errno :
							  bpf_prog_get_fd_by_id(info.prog_id);
	close(link);
	return fd;
}

static bool same_program(int a, int b)
{
	unsigned char tag_a[BPF_TAG_SIZE], tag_b[BPF_TAG_SIZE];

	return !program_tag(a, tag_a) && !program_tag(b, tag_b) &&
	       memcmp(tag_a, tag_b, BPF_TAG_SIZE) == 0;
}

static void unpin_link(const struct capture *c, const struct rung_program *r)
{
	char path[PIN_PATH_MAX];

	if (!pin_path(path, c->pin_dir, r->pin))
		(void)unlink(path);
}

/* Removes links of all rungs but one; true when there was any. */
static bool unpin_others(const struct capture *c, const struct rung_program *keep)
{
	bool any = false;

	for (size_t i = 0; i < RUNGS; i++) {
		int fd;

		if (&ladder[i] == keep)
			continue;
		fd = pinned_program(c, &ladder[i]);
		if (fd >= 0)
			close(fd);
		any |= fd >= 0;
		unpin_link(c, &ladder[i]);
	}
	return any;
}

static int attach_and_pin(struct capture *c, struct bpf_program *prog,
			  const struct rung_program *r)
{
	char path[PIN_PATH_MAX];
	struct bpf_link *link = bpf_program__attach(prog);
	int error = link ? 0 : -errno;

	if (!error)
		error = pin_path(path, c->pin_dir, r->pin);
	if (!error)
		error = bpf_link__pin(link, path);
	if (link)
		bpf_link__destroy(link); /* the pin holds it from here on */
	return error;
}

/* Tries one rung; on success exactly its link is pinned. */
static int try_rung(struct capture *c, const struct rung_program *r)
{
	struct accept_bpf *skeleton;
	struct bpf_program *prog;
	int error, armed;
	bool replaced;

	libbpf_said[0] = '\0';
	skeleton = open_object(c, r->program, ring_size(c->ring));
	error = skeleton ? accept_bpf__load(skeleton) : -errno;
	if (error)
		goto out;
	prog = bpf_object__find_program_by_name(skeleton->obj, r->program);
	armed = pinned_program(c, r);
	if (armed >= 0 && same_program(armed, bpf_program__fd(prog))) {
		c->program_fd = armed;
		c->start = unpin_others(c, r) ? CAPTURE_REPLACED : CAPTURE_CONTINUED;
		goto out;
	}
	/* Two programs at once would record a connection twice: the old one goes first. */
	replaced = armed >= 0;
	if (armed >= 0)
		close(armed);
	unpin_link(c, r);
	replaced |= unpin_others(c, r);
	error = attach_and_pin(c, prog, r);
	if (!error) {
		c->program_fd = fcntl(bpf_program__fd(prog), F_DUPFD_CLOEXEC, 3);
		c->start = replaced ? CAPTURE_REPLACED : CAPTURE_FRESH;
	}
out:
	if (!error)
		c->rung = r->rung;
	accept_bpf__destroy(skeleton);
	return error;
}

static int climb(struct capture *c, enum sekisho_rung forced, struct problem *p)
{
	char tried[sizeof(p->text)] = "";
	int error = -EOPNOTSUPP;
	size_t n = 0;

	for (size_t i = 0; i < RUNGS; i++) {
		if (forced != SEKISHO_RUNG_NONE && ladder[i].rung != forced)
			continue;
		error = try_rung(c, &ladder[i]);
		if (!error)
			return 0;
		n += (size_t)snprintf(tried + n, n < sizeof(tried) ? sizeof(tried) - n : 0,
				      "%s%s: %s%s%s%s", n ? "; " : "", rung_name(ladder[i].rung),
				      strerror(-error), libbpf_said[0] ? " (" : "", libbpf_said,
				      libbpf_said[0] ? ")" : "");
		if (n >= sizeof(tried))
			n = sizeof(tried) - 1;
	}
	return problem(p, error, "no hook could be attached: %s", tried);
}

int capture_open(const struct capture_options *o, struct capture **ret_capture,
		 struct problem *ret_notes, struct problem *p)
{
	struct capture *c = calloc(1, sizeof(*c));
	struct pinned_ring pinned = {};
	uint64_t ring_bytes = o->ring_bytes;
	bool fresh;
	int error;

	if (!c)
		return problem(p, -ENOMEM, "out of memory");
	c->maps = (struct capture_maps){ -1, -1, -1, -1, -1 };
	c->program_fd = -1;
	snprintf(c->pin_dir, sizeof(c->pin_dir), "%s", o->pin_dir);
	libbpf_set_print(keep_message);
	libbpf_said[0] = '\0';
	error = pins_prepare(o->pin_dir, &pinned, ret_notes, p);
	fresh = !error && !pinned.bytes;
	if (pinned.bytes && pinned.bytes != ring_bytes) {
		problem(ret_notes, 0, "ring_size: the pinned ring of %llu bytes stays until sekishod --disarm",
			(unsigned long long)pinned.bytes);
		ring_bytes = pinned.bytes;
	}
	if (!error)
		error = open_maps(c, ring_bytes, p);
	if (!error && init_control(c, ring_bytes))
		error = problem(p, -EIO, "no random numbers from the kernel");
	if (!error)
		error = ring_open(c->maps.events, &c->ring, p);
	if (!error)
		error = climb(c, o->hook, p);
	if (error) {
		if (fresh)
			(void)pins_remove(o->pin_dir, &(struct problem){});
		capture_close(c);
		return error;
	}
	*ret_capture = c;
	return 0;
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	ring_close(c->ring);
	if (c->control)
		munmap(c->control, sizeof(*c->control));
	capture_maps_close(&c->maps);
	if (c->program_fd >= 0)
		close(c->program_fd);
	free(c);
}

struct ring *capture_ring(struct capture *c)
{
	return c->ring;
}

int capture_ring_fd(const struct capture *c)
{
	return c->maps.events;
}

uint64_t capture_ring_id(const struct capture *c)
{
	return c->control->ring_id;
}

enum sekisho_rung capture_rung(const struct capture *c)
{
	return c->rung;
}

enum capture_start capture_how_started(const struct capture *c)
{
	return c->start;
}

bool capture_armed(const struct capture *c)
{
	for (size_t i = 0; i < RUNGS; i++)
		if (ladder[i].rung == c->rung) {
			int fd = pinned_program(c, &ladder[i]);
			bool same = fd >= 0 && same_program(fd, c->program_fd);

			if (fd >= 0)
				close(fd);
			return same;
		}
	return false;
}

int capture_set_tenants(struct capture *c, const struct capture_tenant *tenants, size_t count,
			struct problem *p)
{
	int error = capture_maps_set(&c->maps, tenants, count);

	return error ? problem(p, error, "cannot set the tenant maps: %s", strerror(-error)) : 0;
}

int capture_revoke(struct capture *c, uint32_t tenant)
{
	return bpf_map_delete_elem(c->maps.grants, &tenant) && errno != ENOENT ? -errno : 0;
}

int capture_revoke_pinned(const char *pin_dir, uint32_t tenant)
{
	char path[PIN_PATH_MAX];
	int fd = pin_path(path, pin_dir, "grants") ? -1 : bpf_obj_get(path), error = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (bpf_map_delete_elem(fd, &tenant) && errno != ENOENT)
		error = -errno;
	close(fd);
	return error;
}

void capture_set_loopback(struct capture *c, bool record_loopback)
{
	__atomic_store_n(&c->control->record_loopback, record_loopback, __ATOMIC_RELEASE);
}

void capture_heartbeat(struct capture *c, uint64_t until_boot_ns)
{
	__atomic_store_n(&c->control->heartbeat_until_boot_ns, until_boot_ns, __ATOMIC_RELEASE);
}

int capture_losses(struct capture *c, struct capture_loss **ret_losses, size_t *ret_count)
{
	return capture_maps_losses(&c->maps, ret_losses, ret_count);
}

uint64_t capture_skipped(const struct capture *c)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(c->program_fd, &info, &size) ? 0 : info.recursion_misses;
}

void capture_end_grants(const char *pin_dir)
{
	libbpf_set_print(keep_message);
	pins_end_grants(pin_dir);
}

bool capture_is_pinned(const char *pin_dir)
{
	return !pins_empty(pin_dir);
}

int capture_disarm(const char *pin_dir, struct problem *p)
{
	libbpf_set_print(keep_message);
	return pins_remove(pin_dir, p);
}
