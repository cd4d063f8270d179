/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verbs of sekisho share: for whom and on what they work, and one function per verb
 * (one file each, verb_<name>.c). A verb gets its own argv (argv[0] is its name)
 * and returns an exit status after printing what there is to say. It is the same
 * whether the command runs it itself or the daemon runs it for a peer of the control socket.
 */
#ifndef SEKISHO_COMMAND_H
#define SEKISHO_COMMAND_H

#include <jansson.h>
#include <stdio.h>
#include "base/cmdline.h"
#include "base/conf.h"
#include "base/exit_status.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/store_dir.h"
#include "control/message.h"
#include "control/roles.h"

struct command {
	const char *conf_path, *store_path; /* as given; store_path NULL without --store */
	struct conf conf; /* loaded; with --store and no -c the defaults */
	struct peer who; /* for whom */
	/* In the daemon, for a peer of the control socket; NULL in the command. */
	const struct served {
		const struct control_request *request;
		const int *files; /* what request->file_args name */
		bool own; /* it may only what the own user of a tenant may: command_admit_tenant() */
		int link_fd;
	} *served;
};

struct verb {
	const char *name, *operands, *summary;
	int (*run)(struct command *c, int argc, char **argv);
};

/* The verbs, ended by an all-zero row. */
extern const struct verb verbs[];
const struct verb *verbs_find(const char *name); /* or NULL */

int verb_status(struct command *c, int argc, char **argv);
int verb_search(struct command *c, int argc, char **argv);
int verb_consent(struct command *c, int argc, char **argv);
int verb_seal(struct command *c, int argc, char **argv);
int verb_reload(struct command *c, int argc, char **argv);
int verb_import(struct command *c, int argc, char **argv);
int verb_hold(struct command *c, int argc, char **argv);
int verb_ledger(struct command *c, int argc, char **argv);
int verb_approve(struct command *c, int argc, char **argv);
int verb_case(struct command *c, int argc, char **argv);
int verb_verify(struct command *c, int argc, char **argv);

/* The store of --store or of the configuration. 0 or negative errno and *p. */
int command_open_store(const struct command *c, struct store_dir *ret_store, struct problem *p);
/* Prints the problem and returns the status. */
int command_fail(int status, const struct problem *p);
/* The status for a failed call: 5 for damage, 2 for bad input, else 1. */
int command_status_of(int error);
/*
 * Asks the recorder in the name of c->who; takes the reference. -ECONNREFUSED and *p when there is none to be asked;
 * other negative errno and *p. The answer is the caller's.
 */
int command_ask(const struct command *c, json_t *request, json_t **ret_answer, struct problem *p);
/* Prints an answer's "error" if there is one; its "status". */
int command_answer_status(const json_t *answer);
/* One word to a running daemon: EXIT_YES and the answer, which is the caller's, or another status, after saying why. */
int command_ask_verb(const struct command *c, const char *verb, json_t **ret_answer);

/* A file that an option names: opened here, or by the client, whose descriptor came with the request. `path` is the
 * very value in argv. Errors as fs_map(); NULL and *p. */
int command_map_file(const struct command *c, const char *path, size_t max, struct mapped_file *ret_file);
FILE *command_open_file(const struct command *c, const char *path, struct problem *p);

/* "ja" or "en": the language of the locale. */
const char *command_language(void);

/* Whether c->who may do the verb's act for this tenant (NULL: for all). 0, or EXIT_REFUSED after saying why not. */
int command_admit_tenant(const struct command *c, const char *tenant);

#endif
