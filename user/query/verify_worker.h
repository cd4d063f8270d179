/* SPDX-License-Identifier: BSD-2-Clause */
/* One file of a store by itself, checked by one of the threads of a verification. */
#ifndef SEKISHO_VERIFY_WORKER_H
#define SEKISHO_VERIFY_WORKER_H

#include <pthread.h>
#include "verify.h"
#include "verify_closed.h"
#include "verify_consent.h"
#include "verify_custody.h"
#include "verify_full.h"

struct verify_entry {
	char *name;
	const char *tenant; /* NULL: a journal */
	uint64_t bytes;
};

/* All that is to be checked, in the order in which the first bad object counts. */
struct verify_plan {
	const struct store_dir *store;
	const struct verify_request *request;
	char **tenants;
	size_t tenant_count;
	struct verify_entry *files;
	size_t file_count, file_capacity;

	pthread_mutex_t lock; /* for what follows */
	size_t next;
	struct verify_progress at;
	int error; /* of the file `error_at`, the first one that cannot be read */
	size_t error_at;
	struct problem problem;
	struct verify_custody custody; /* has a lock of its own */
	struct verify_closed closed; /* likewise */
};

/* One thread: what it found. Its files ascend, so that its first bad object is the least of its own. */
struct verify_worker {
	struct verify_plan *plan;
	pthread_t thread;
	struct verify_room room;
	struct verify_consent consent;
	struct verify_facts facts;
	size_t file, bad_file, torn_file, uncovered_file; /* at work; of the first of each */
	char path[160]; /* of the file at work, below the state directory */
	uint64_t told; /* bytes of it */
};

/* Checks the file of the plan that is at work. Damage goes to w->facts; an error to the plan, which then ends. */
void verify_worker_check(struct verify_worker *w);

/* Damage that is a fact of the file, as opposed to not being able to read it. */
bool verify_is_damage(int error);

#endif
