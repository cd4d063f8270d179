// SPDX-License-Identifier: BSD-2-Clause
/* Consumer side of a BPF ring buffer. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "ring.h"

struct ring {
	unsigned long *consumer; /* its page is shared with the kernel */
	const unsigned long *producer;
	const uint8_t *data;
	size_t size, page;
};

static int map_pages(struct ring *r, int fd)
{
	void *pages = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (pages == MAP_FAILED)
		return -errno;
	r->consumer = pages;
	pages = mmap(NULL, r->page + 2 * r->size, PROT_READ, MAP_SHARED, fd, (off_t)r->page);
	if (pages == MAP_FAILED)
		return -errno;
	r->producer = pages;
	r->data = (const uint8_t *)pages + r->page;
	return 0;
}

int ring_open(int map_fd, struct ring **ret_ring, struct problem *p)
{
	struct bpf_map_info info = {};
	__u32 info_size = sizeof(info);
	struct ring *r = calloc(1, sizeof(*r));
	int error;

	if (!r)
		return problem(p, -ENOMEM, "out of memory");
	error = bpf_obj_get_info_by_fd(map_fd, &info, &info_size);
	if (!error && info.type != BPF_MAP_TYPE_RINGBUF)
		error = -EINVAL;
	if (!error) {
		r->page = (size_t)sysconf(_SC_PAGESIZE);
		r->size = info.max_entries;
		error = map_pages(r, map_fd);
	}
	if (error) {
		ring_close(r);
		return problem(p, error, "cannot map the ring buffer: %s", strerror(-error));
	}
	*ret_ring = r;
	return 0;
}

void ring_close(struct ring *r)
{
	if (!r)
		return;
	if (r->consumer)
		munmap(r->consumer, r->page);
	if (r->producer)
		munmap((void *)r->producer, r->page + 2 * r->size);
	free(r);
}

uint64_t ring_consumer(const struct ring *r)
{
	return __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
}

uint64_t ring_producer(const struct ring *r)
{
	return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
}

uint64_t ring_size(const struct ring *r)
{
	return r->size;
}

int ring_next(const struct ring *r, uint64_t *position, const void **ret_data, uint32_t *ret_size)
{
	uint64_t produced = ring_producer(r), waiting = produced - *position;
	const uint8_t *record = r->data + (*position & (r->size - 1));
	uint32_t header, size;

	if (waiting == 0)
		return 0;
	if (waiting > r->size || waiting < BPF_RINGBUF_HDR_SZ)
		return -EBADMSG;
	header = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
	if (header & BPF_RINGBUF_BUSY_BIT)
		return 0;
	size = header & ~BPF_RINGBUF_DISCARD_BIT;
	if (size > waiting - BPF_RINGBUF_HDR_SZ)
		return -EBADMSG;
	*ret_data = header & BPF_RINGBUF_DISCARD_BIT ? NULL : record + BPF_RINGBUF_HDR_SZ;
	*ret_size = size;
	*position += (BPF_RINGBUF_HDR_SZ + size + 7) & ~UINT64_C(7);
	return 1;
}

void ring_release(struct ring *r, uint64_t position)
{
	if ((int64_t)(position - ring_consumer(r)) > 0)
		__atomic_store_n(r->consumer, position, __ATOMIC_RELEASE);
}
