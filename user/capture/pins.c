// SPDX-License-Identifier: BSD-2-Clause
/* The pin directory on bpffs. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#include "pins.h"
#include "schema/event.h"

#define BPFFS_ROOT "/sys/fs/bpf"

/* Order of removal: links first, so that nothing is emitted into maps that are going. */
static const char *const pin_names[] = {
	"link_set_state_1_new", "link_set_state_2_new", "link_sock_ops_new", "link_fexit_new",
	"link_witness_new", "link_witness",
	"link_kretprobe_new", "link_set_state_1", "link_set_state_2", "link_sock_ops", "link_fexit",
	"link_kretprobe",
	"grants", "selectors", "places", "shares", "losses", "opens", "baselines", "control", "seen",
	"active_opens", "recorded", "events",
};
#define PINS (sizeof(pin_names) / sizeof(pin_names[0]))

int pin_path(char path[static PIN_PATH_MAX], const char *pin_dir, const char *name)
{
	int n = snprintf(path, PIN_PATH_MAX, "%s/%s", pin_dir, name);

	return n > 0 && n < PIN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

#define LOCK_TRIES 40
#define LOCK_PAUSE_NS 50000000L

static int take_lock(const char *pin_dir, struct problem *p)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int fd = open(pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return problem(p, -errno, "cannot open pin_dir %s: %s", pin_dir, strerror(errno));
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno == EWOULDBLOCK && i < LOCK_TRIES) {
			nanosleep(&pause, NULL);
			continue;
		}
		close(fd);
		return problem(p, -EBUSY, "another sekishod uses pin_dir %s", pin_dir);
	}
	return fd;
}

static int on_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

static int make_directory(const char *pin_dir, struct problem *p)
{
	int made;

	if (strncmp(pin_dir, BPFFS_ROOT "/", strlen(BPFFS_ROOT) + 1) == 0 && !on_bpffs(BPFFS_ROOT) &&
	    mount("bpf", BPFFS_ROOT, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
		return problem(p, -errno, "cannot mount bpffs on %s: %s", BPFFS_ROOT,
			       strerror(errno));
	made = mkdir(pin_dir, 0700) == 0;
	if (!made && errno != EEXIST)
		return problem(p, -errno, "cannot create pin_dir %s: %s", pin_dir, strerror(errno));
	if (on_bpffs(pin_dir))
		return 0;
	if (made)
		(void)rmdir(pin_dir);
	return problem(p, -EINVAL, "pin_dir %s is not on a BPF file system", pin_dir);
}

/* Whether every map is pinned and the layout is ours; then the ring's size. */
static int usable(const char *pin_dir, uint64_t *ret_ring_bytes)
{
	static const char *const maps[] = { "grants", "selectors", "places", "shares", "losses", "opens",
					    "baselines", "seen", "active_opens", "recorded" };
	char path[PIN_PATH_MAX];
	struct sekisho_control control = {};
	struct bpf_map_info info = {};
	__u32 zero = 0, size = sizeof(info);
	int fd, good;

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (pin_path(path, pin_dir, maps[i]) || access(path, F_OK) < 0)
			return 0;
	fd = pin_path(path, pin_dir, "control") ? -1 : bpf_obj_get(path);
	if (fd < 0)
		return 0;
	/* The value size must be ours before a value is read into our struct. */
	good = bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.value_size == sizeof(control) &&
	       bpf_map_lookup_elem(fd, &zero, &control) == 0 &&
	       control.layout_version == SEKISHO_LAYOUT_VERSION && control.ring_id;
	close(fd);
	fd = good && !pin_path(path, pin_dir, "events") ? bpf_obj_get(path) : -1;
	if (fd < 0)
		return 0;
	size = sizeof(info);
	good = bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == BPF_MAP_TYPE_RINGBUF;
	close(fd);
	*ret_ring_bytes = info.max_entries;
	return good;
}

int pins_empty(const char *pin_dir)
{
	DIR *dir = opendir(pin_dir);
	struct dirent *entry;
	int entries = 0;

	if (!dir)
		return 1;
	while ((entry = readdir(dir)))
		entries += entry->d_name[0] != '.';
	closedir(dir);
	return entries == 0;
}

void pins_end_grants(int grants_fd)
{
	__u32 tenant;

	while (bpf_map_get_next_key(grants_fd, NULL, &tenant) == 0)
		if (bpf_map_delete_elem(grants_fd, &tenant))
			break;
}

static int pins_clear(const char *pin_dir, struct problem *p)
{
	char path[PIN_PATH_MAX];
	int fd = pin_path(path, pin_dir, "grants") ? -1 : bpf_obj_get(path), found = 0;

	if (fd >= 0) {
		pins_end_grants(fd);
		close(fd);
	}
	for (size_t i = 0; i < PINS; i++) {
		int error = pin_path(path, pin_dir, pin_names[i]);

		if (!error && unlink(path) < 0)
			error = -errno;
		if (!error)
			found = 1;
		else if (error != -ENOENT)
			return problem(p, error, "cannot remove pin %s: %s", path, strerror(-error));
	}
	return found;
}

int pins_prepare(const char *pin_dir, int *ret_lock, struct pinned_ring *ret_ring,
		 struct problem *ret_notes, struct problem *p)
{
	int error = make_directory(pin_dir, p), lock;

	ret_ring->bytes = 0;
	if (error)
		return error;
	lock = take_lock(pin_dir, p);
	if (lock < 0)
		return lock;
	*ret_lock = lock;
	if (pins_empty(pin_dir) || usable(pin_dir, &ret_ring->bytes))
		return 0;
	if (ret_notes)
		problem(ret_notes, 0, "the pins in %s are incomplete or of another version: replaced",
			pin_dir);
	ret_ring->bytes = 0;
	error = pins_clear(pin_dir, p); /* the directory is locked, so it stays */
	return error < 0 ? error : 0;
}

int pins_remove(const char *pin_dir, struct problem *p)
{
	int found = pins_clear(pin_dir, p);

	if (found >= 0 && rmdir(pin_dir) < 0 && errno != ENOENT)
		return problem(p, -errno, "cannot remove %s: %s", pin_dir, strerror(errno));
	return found;
}
