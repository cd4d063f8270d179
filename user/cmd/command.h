/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verbs of sekisho share: the global options, and one function per verb
 * (one file each, verb_<name>.c). A verb gets its own argv (argv[0] is its name)
 * and returns an exit status after printing what there is to say.
 */
#ifndef SEKISHO_COMMAND_H
#define SEKISHO_COMMAND_H

#include "base/cmdline.h"
#include "base/conf.h"
#include "base/exit_status.h"
#include "base/log.h"
#include "base/store_dir.h"

struct command {
	const char *conf_path, *store_path; /* as given; store_path NULL without --store */
	struct conf conf; /* loaded; with --store and no -c the defaults */
};

struct verb {
	const char *name, *operands, *summary;
	int (*run)(struct command *c, int argc, char **argv);
};

int verb_status(struct command *c, int argc, char **argv);
int verb_search(struct command *c, int argc, char **argv);
int verb_consent(struct command *c, int argc, char **argv);
int verb_seal(struct command *c, int argc, char **argv);
int verb_import(struct command *c, int argc, char **argv);
int verb_hold(struct command *c, int argc, char **argv);
int verb_ledger(struct command *c, int argc, char **argv);
int verb_approve(struct command *c, int argc, char **argv);
int verb_case(struct command *c, int argc, char **argv);
int verb_verify(struct command *c, int argc, char **argv);

/* The store of --store or of the configuration. 0 or negative errno and *p. */
int command_open_store(const struct command *c, struct store_dir *ret_store, struct problem *p);
/* The same, to write to its ledgers: files that root makes in ledgers of another user belong to that user. */
int command_open_as_owner(const struct command *c, struct store_dir *ret_store, struct problem *p);
/* Prints the problem and returns the status. */
int command_fail(int status, const struct problem *p);
/* The status for a failed call: 5 for damage, 2 for bad input, else 1. */
int command_status_of(int error);
/* Prints an answer's "error" if there is one; its "status". */
struct json_t;
int command_answer_status(const struct json_t *answer);

#endif
