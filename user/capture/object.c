// SPDX-License-Identifier: BSD-2-Clause
/* Opening the BPF objects. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "accept.skel.h"
#include "object.h"
#include "pins.h"
#include "sockops.skel.h"

static struct bpf_object *open_bytes(enum object_kind kind)
{
	size_t size = 0;
	const void *bytes = kind == OBJECT_ACCEPT ? accept_bpf__elf_bytes(&size) :
						    sockops_bpf__elf_bytes(&size);
	LIBBPF_OPTS(bpf_object_open_opts, options,
		    .object_name = kind == OBJECT_ACCEPT ? "accept_bpf" : "sockops_bpf");

	return bpf_object__open_mem(bytes, size, &options);
}

static bool listed(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* The others belong to one generation of programs. */
static bool is_shared(const struct bpf_map *map)
{
	static const char *const own[] = { "handled", "own_ends", NULL };

	return !bpf_map__is_internal(map) && !listed(own, bpf_map__name(map));
}

struct bpf_object *object_open(enum object_kind kind, const char *pin_dir,
			       const char *const *programs, uint64_t ring_bytes)
{
	struct bpf_object *obj = open_bytes(kind);
	struct bpf_program *prog;
	struct bpf_map *map;
	char path[PIN_PATH_MAX];

	if (!obj)
		return NULL;
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, listed(programs, bpf_program__name(prog)));
	bpf_object__for_each_map(map, obj) {
		if (!is_shared(map))
			continue;
		if (pin_path(path, pin_dir, bpf_map__name(map)) ||
		    bpf_map__set_pin_path(map, path)) {
			bpf_object__close(obj);
			errno = ENAMETOOLONG;
			return NULL;
		}
	}
	map = bpf_object__find_map_by_name(obj, "events");
	if (map)
		bpf_map__set_max_entries(map, (__u32)ring_bytes);
	return obj;
}
