/* SPDX-License-Identifier: BSD-2-Clause */
/* What node.c and node_status.c share: a collector's parts. */
#ifndef SEKISHO_NODE_PARTS_H
#define SEKISHO_NODE_PARTS_H

#include <pthread.h>
#include "head_sender.h"
#include "node.h"
#include "recorder.h"
#include "stopped.h"

struct node {
	char *conf_path;
	struct ground *ground;
	struct store_dir store; /* the ground's */
	struct capture *capture; /* the ground's */
	struct syncer *syncer;
	struct sealer *sealer;
	struct clock_watch *clock;
	struct recorder *recorder;
	struct head_sender *heads; /* NULL: no thread for it */
	pthread_mutex_t reload_lock; /* one reload at a time; taken before: */
	pthread_mutex_t lock; /* one change at a time; guards conf and consents */
	struct conf conf;
	struct consents consents;
	struct stopped stopped;
};

#endif
