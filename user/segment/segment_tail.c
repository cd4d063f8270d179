// SPDX-License-Identifier: BSD-2-Clause
/* Remembering where files end. */
#include <string.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/array.h"
#include "segment_tail.h"

#define TAILS_MAX 8192
/* A day is sealed some dozen times. */
#define JOURNALS_MAX 1024

bool journal_ids_has(const struct journal_ids *ids, uint64_t id)
{
	for (size_t i = ids->count; i-- > 0;)
		if (ids->list[i] == id)
			return true;
	return false;
}

int journal_ids_add(struct journal_ids *ids, uint64_t id)
{
	if (journal_ids_has(ids, id))
		return 0;
	if (ARRAY_RESERVE(ids->list, ids->count, ids->capacity))
		return -ENOMEM;
	ids->list[ids->count++] = id;
	return 0;
}

void journal_ids_done(struct journal_ids *ids)
{
	free(ids->list);
	memset(ids, 0, sizeof(*ids));
}

void segment_tail_done(struct segment_tail *tail)
{
	journal_ids_done(&tail->journals);
}

static void forget_all(struct segment_tails *t)
{
	for (size_t i = 0; i < t->count; i++)
		segment_tail_done(&t->list[i]);
	t->count = t->next = 0;
}

void segment_tails_done(struct segment_tails *t)
{
	forget_all(t);
	free(t->list);
	memset(t, 0, sizeof(*t));
}

/* Sections of each journal come in the same order: the one after the last is asked first. */
static struct segment_tail *find(struct segment_tails *t, const char *tenant_id, int32_t day)
{
	for (size_t n = 0, i = t->next; n < t->count; n++, i++) {
		struct segment_tail *tail = &t->list[i < t->count ? i : (i = 0)];

		if (tail->day == day && strcmp(tail->tenant_id, tenant_id) == 0) {
			t->next = i + 1;
			return tail;
		}
	}
	return NULL;
}

/* A place that was taken stays, without a part: it is mostly put again. */
bool segment_tails_take(struct segment_tails *t, const char *tenant_id, int32_t day,
			struct segment_tail *ret_tail)
{
	struct segment_tail *tail = find(t, tenant_id, day);

	if (!tail || !tail->part)
		return false;
	*ret_tail = *tail;
	tail->part = 0;
	memset(&tail->journals, 0, sizeof(tail->journals));
	return true;
}

bool segment_tail_holds(const struct segment_tail *tail, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_dev == tail->device && st.st_ino == tail->inode &&
	       (uint64_t)st.st_size == tail->size && st.st_ctim.tv_sec == tail->changed.tv_sec &&
	       st.st_ctim.tv_nsec == tail->changed.tv_nsec;
}

void segment_tails_put(struct segment_tails *t, struct segment_tail *tail, int fd)
{
	struct segment_tail *old = find(t, tail->tenant_id, tail->day);
	struct stat st;

	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != tail->size || tail->journals.count > JOURNALS_MAX) {
		segment_tail_done(tail);
		return;
	}
	tail->device = st.st_dev;
	tail->inode = st.st_ino;
	tail->changed = st.st_ctim;
	if (old) {
		segment_tail_done(old);
		*old = *tail;
		return;
	}
	if (t->count >= TAILS_MAX)
		forget_all(t);
	if (ARRAY_RESERVE(t->list, t->count, t->capacity))
		segment_tail_done(tail);
	else
		t->list[t->count++] = *tail;
}
