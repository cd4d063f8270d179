/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines as tables: options of one program or verb, parsed and explained
 * from the same rows. Only long options (and one-letter ones where a row has a
 * letter); "--name=value" and "--name value" both work.
 */
#ifndef SEKISHO_CMDLINE_H
#define SEKISHO_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "problem.h"

struct cmd_option {
	const char *name; /* without dashes; NULL when there is only a letter */
	char letter; /* 0 when there is none */
	const char *value; /* metavariable ("ADDR[/LEN]"), NULL for a switch */
	const char *help;
	bool required;
	bool many; /* a value that may be given again: offset is of a struct cmd_list */
	size_t offset; /* of a `const char *` (value) or `unsigned int` counter (switch) in the target */
};

/* The values of an option that may be given again, in their order. The bound is for all such options together. */
#define CMD_LIST_MAX 256
struct cmd_list {
	const char *values[CMD_LIST_MAX];
	size_t count;
};

#define CMD_VALUE(name_, metavar_, type_, field_, help_) \
	{ .name = (name_), .value = (metavar_), .help = (help_), .offset = offsetof(type_, field_) }
#define CMD_LIST(name_, metavar_, type_, field_, help_) \
	{ .name = (name_), .value = (metavar_), .help = (help_), .many = true, .offset = offsetof(type_, field_) }
#define CMD_SWITCH(name_, type_, field_, help_) \
	{ .name = (name_), .help = (help_), .offset = offsetof(type_, field_) }

/*
 * Fills `target` from argv[1..argc-1] by the table (ended by an all-zero row) and stores the
 * remaining operands (pointers into argv) in ret_operands[0..max_operands-1].
 * An option given twice is an error, except switches with a letter, which count, and lists.
 * If stop_at_operand, parsing ends at the first operand and the rest of argv is counted as operands,
 * without a limit (only max_operands are stored): it begins at argv[argc - *ret_count].
 * "--" ends the options. An argument that starts with '-' is no value of the option before it,
 * unless written "--name=-value". With a switch named "help", required options may be missing.
 * -EINVAL and *p on an unknown option, a missing or surplus value, too many operands; then nothing
 * is changed. At most 64 rows (-E2BIG).
 */
int cmdline_parse(int argc, char **argv, const struct cmd_option *options, void *target,
		  bool stop_at_operand, char **ret_operands, size_t max_operands,
		  size_t *ret_count, struct problem *p);

/* One aligned line per option. */
void cmdline_print_options(FILE *out, const struct cmd_option *options);

#endif
