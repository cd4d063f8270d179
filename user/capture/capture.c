// SPDX-License-Identifier: BSD-2-Clause
/* Maps, ring and control page of a capture; the programs are the ladder's. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include "ask.h"
#include "base/utc.h"
#include "capture.h"
#include "capture_maps.h"
#include "ladder.h"
#include "object.h"
#include "opens.h"
#include "pins.h"
#include "time_space.h"
#include "witness.h"

struct capture {
	char pin_dir[PIN_PATH_MAX];
	struct capture_maps maps;
	struct sekisho_control *control; /* shared with the programs */
	struct ring *ring;
	struct shares *shares;
	struct armed armed;
	struct witness witness;
	struct capture_witness counted; /* as of the last look: its numbers alone */
	int lock; /* on the pin directory */
	struct ask *ask; /* NULL: we have the rights */
	bool was_armed; /* when the warden told last */
};

static int map_control(struct capture *c)
{
	void *page = mmap(NULL, sizeof(*c->control), PROT_READ | PROT_WRITE, MAP_SHARED,
			  c->maps.control, 0);

	if (page == MAP_FAILED)
		return -errno;
	c->control = page;
	return 0;
}

static int dup_map(const struct bpf_object *obj, const char *name, int *ret_fd)
{
	*ret_fd = fcntl(bpf_object__find_map_fd_by_name(obj, name), F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? -errno : 0;
}

static int maps_problem(int error, struct problem *p)
{
	if (error == -EPERM || error == -EACCES)
		return problem(p, error, "cannot create BPF maps: not permitted; sekishod runs as root");
	return problem(p, error, "cannot create BPF maps: %s%s%s", strerror(-error),
		       *ladder_libbpf_said() ? ": " : "", ladder_libbpf_said());
}

/* Creates the maps, or takes those that are pinned, without any program. */
static int open_maps(struct capture *c, uint64_t ring_bytes, struct problem *p)
{
	struct bpf_object *obj = object_open(OBJECT_SOCKOPS, c->pin_dir, NULL, ring_bytes);
	const struct {
		const char *name;
		int *fd;
	} maps[] = {
		{ "events", &c->maps.events }, { "selectors", &c->maps.selectors },
		{ "places", &c->maps.places }, { "grants", &c->maps.grants },
		{ "shares", &c->maps.shares }, { "losses", &c->maps.losses },
		{ "control", &c->maps.control }, { "opens", &c->maps.opens },
		{ "baselines", &c->maps.baselines }, { "seen", &c->maps.seen },
	};
	int error = obj ? bpf_object__load(obj) : -errno;

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]) && !error; i++)
		error = dup_map(obj, maps[i].name, maps[i].fd);
	bpf_object__close(obj);
	if (!error)
		error = map_control(c);
	if (error)
		return maps_problem(error, p);
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
	c->control->share_bytes = shares_limit(ring_bytes, (unsigned int)libbpf_num_possible_cpus());
	do {
		if (getrandom(&id, sizeof(id), 0) != sizeof(id))
			return -EIO;
	} while (!id);
	__atomic_store_n(&c->control->ring_id, id, __ATOMIC_RELEASE);
	return 0;
}

/* Nothing is counted while programs are exchanged: at that time two hooks see different things. */
static void begin_witness(struct capture *c, bool wanted, struct problem *ret_notes)
{
	bool on = wanted && c->armed.rung == SEKISHO_RUNG_SET_STATE;

	if (wanted && !on)
		problem(ret_notes, 0, "witness = yes is for hook set_state only: ignoring it");
	if (ladder_set_witness(c->pin_dir, on, ring_size(c->ring), ret_notes))
		on = false;
	__atomic_store_n(&c->control->witness, on, __ATOMIC_RELEASE);
}

int capture_open(const struct capture_options *o, struct capture **ret_capture,
		 struct problem *ret_notes, struct problem *p)
{
	struct capture *c = calloc(1, sizeof(*c));
	struct pinned_ring pinned = {};
	struct problem ignored;
	uint64_t ring_bytes = o->ring_bytes;
	bool fresh;
	int error = time_space_check(p);

	if (error || !c) {
		free(c);
		return error ? error : problem(p, -ENOMEM, "out of memory");
	}
	c->maps = (struct capture_maps){ -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, NULL };
	c->armed = (struct armed)ARMED_NONE;
	c->lock = -1;
	snprintf(c->pin_dir, sizeof(c->pin_dir), "%s", o->pin_dir);
	ladder_quiet_libbpf();
	error = pins_prepare(o->pin_dir, &c->lock, &pinned, ret_notes, p);
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
		error = shares_open(c->maps.shares, &c->shares, p);
	c->maps.of_ring = c->shares;
	if (!error)
		__atomic_store_n(&c->control->witness, 0, __ATOMIC_RELEASE);
	if (!error)
		error = ladder_climb(c->pin_dir, o->hook, ring_size(c->ring), &c->armed, p);
	if (error) {
		if (fresh && c->lock >= 0)
			(void)pins_remove(o->pin_dir, &(struct problem){});
		capture_close(c);
		return error;
	}
	begin_witness(c, o->witness, ret_notes ? ret_notes : &ignored);
	*ret_capture = c;
	return 0;
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	ring_close(c->ring);
	shares_close(c->shares);
	if (c->control)
		munmap(c->control, sizeof(*c->control));
	capture_maps_close(&c->maps);
	ladder_release(&c->armed);
	if (c->lock >= 0)
		close(c->lock);
	free(c);
}

void capture_set_ask(struct capture *c, struct ask *ask)
{
	c->ask = ask;
	c->was_armed = true;
}

struct ask *capture_ask(const struct capture *c)
{
	return c->ask;
}

void capture_set_continued(struct capture *c)
{
	c->armed.start = CAPTURE_CONTINUED;
}

struct ring *capture_ring(struct capture *c)
{
	return c->ring;
}

struct shares *capture_shares(struct capture *c)
{
	return c->shares;
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
	return c->armed.rung;
}

enum capture_start capture_how_started(const struct capture *c)
{
	return c->armed.start;
}

/* The pins are root's. A warden that does not answer leaves what it said last. */
bool capture_armed(struct capture *c)
{
	struct ask_message m = { .kind = ASK_ARMED };
	struct problem ignored;
	int armed;

	if (!c->ask)
		return ladder_still_armed(c->pin_dir, &c->armed);
	armed = ask_call(c->ask, &m, ASK_TIMEOUT_MS, NULL, &ignored);
	if (armed >= 0)
		c->was_armed = armed;
	return c->was_armed;
}

static uint32_t kinds_of(const struct capture_place *places, size_t count)
{
	uint32_t kinds = 0;

	for (size_t i = 0; i < count; i++)
		kinds |= 1u << places[i].kind;
	return kinds;
}

/* The programs look up only what is there: before the maps change that is more, after it less. */
static void set_place_kinds(struct capture *c, uint32_t kinds)
{
	__atomic_store_n(&c->control->place_kinds, kinds, __ATOMIC_RELEASE);
}

int capture_set_tenants(struct capture *c, const struct capture_wanted *wanted, struct problem *p)
{
	uint32_t kinds = kinds_of(wanted->places, wanted->place_count);
	int error;

	set_place_kinds(c, c->control->place_kinds | kinds);
	error = capture_maps_set(&c->maps, wanted);
	if (error)
		return problem(p, error, "cannot set the tenant maps: %s", strerror(-error));
	set_place_kinds(c, kinds);
	return 0;
}

int capture_set_places(struct capture *c, const struct capture_place *places, size_t count,
		       struct problem *p)
{
	uint32_t kinds = kinds_of(places, count);
	int error;

	set_place_kinds(c, c->control->place_kinds | kinds);
	error = capture_maps_set_places(&c->maps, places, count);
	if (error)
		return problem(p, error, "cannot set the map of places: %s", strerror(-error));
	set_place_kinds(c, kinds);
	return 0;
}

int capture_places(struct capture *c, struct capture_place **ret_places, size_t *ret_count)
{
	return capture_maps_places(&c->maps, ret_places, ret_count);
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

void capture_set_canary(struct capture *c, uint64_t netns_cookie)
{
	__atomic_store_n(&c->control->canary_netns, netns_cookie, __ATOMIC_RELEASE);
}

uint64_t capture_canary_bytes(const struct capture *c)
{
	uint64_t canaries = __atomic_load_n(&c->control->canaries, __ATOMIC_ACQUIRE);

	return canaries * (sizeof(struct sekisho_event) + BPF_RINGBUF_HDR_SZ);
}

const struct capture_maps *capture_maps_of(const struct capture *c)
{
	return &c->maps;
}

int capture_count_loss(struct capture *c, const struct capture_loss *more, uint64_t stated)
{
	int error = capture_maps_count_loss(&c->maps, more, stated);

	if (!error)
		__atomic_fetch_add(&c->control->loss_changes, 1, __ATOMIC_RELEASE);
	return error;
}

uint64_t capture_loss_changes(const struct capture *c)
{
	return __atomic_load_n(&c->control->loss_changes, __ATOMIC_ACQUIRE);
}

int capture_losses(struct capture *c, struct capture_loss **ret_losses, size_t *ret_count)
{
	return capture_maps_losses(&c->maps, ret_losses, ret_count);
}

void capture_begin_witness(struct capture *c, uint64_t stated)
{
	struct sekisho_baseline baseline;
	int error = opens_baseline(&c->maps, OPENS_OF_WITNESS, &baseline);

	witness_begin(&c->witness, stated, error ? NULL : &baseline);
}

void capture_keep_witness(struct capture *c)
{
	if (c->control->witness && !c->witness.residue.looks)
		(void)opens_set_baseline(&c->maps, OPENS_OF_WITNESS, &c->witness.residue.baseline);
}

bool capture_judge_witness(struct capture *c, struct residue_missed *ret_missed)
{
	struct witness_look look;

	if (!c->control->witness)
		return false;
	look.hook_before = capture_maps_seen(&c->maps, SEKISHO_SEEN_BY_HOOK);
	look.by_witness = capture_maps_seen(&c->maps, SEKISHO_SEEN_BY_WITNESS);
	look.hook_after = capture_maps_seen(&c->maps, SEKISHO_SEEN_BY_HOOK);
	look.boot_ns = boot_now_ns();
	c->counted.by_witness = look.by_witness;
	c->counted.by_hook = look.hook_after;
	return witness_judge(&c->witness, &look, ret_missed);
}

void capture_look_at_witness(struct capture *c)
{
	if (!c->control->witness)
		return;
	c->counted.by_witness = capture_maps_seen(&c->maps, SEKISHO_SEEN_BY_WITNESS);
	c->counted.by_hook = capture_maps_seen(&c->maps, SEKISHO_SEEN_BY_HOOK);
}

void capture_witness(const struct capture *c, struct capture_witness *ret_witness)
{
	*ret_witness = c->counted;
	ret_witness->on = c->control->witness;
	ret_witness->missed = c->witness.missed;
}

int capture_skipped(const struct capture *c, uint64_t *ret_skipped)
{
	if (c->armed.rung != SEKISHO_RUNG_SET_STATE)
		return ladder_skipped(&c->armed, ret_skipped);
	*ret_skipped = c->witness.missed;
	return 0;
}

bool capture_has_grants(const struct capture *c)
{
	__u32 tenant;

	return bpf_map_get_next_key(c->maps.grants, NULL, &tenant) == 0;
}

void capture_end_grants(struct capture *c)
{
	pins_end_grants(c->maps.grants);
}

bool capture_is_pinned(const char *pin_dir)
{
	return !pins_empty(pin_dir);
}

int capture_disarm(const char *pin_dir, struct problem *p)
{
	ladder_quiet_libbpf();
	return pins_remove(pin_dir, p);
}
