// SPDX-License-Identifier: BSD-2-Clause
/* sekisho case provider: who comes next for rows of a case, from the command line or an operator's file. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/fs.h"
#include "ledger/ledger_key.h"
#include "verb_case.h"

#define FILE_BYTES_MAX (1u << 20)
/* What a line of the ledger takes, and room for its other members. */
#define LIST_BYTES_MAX (LEDGER_LINE_MAX - 4096)
#define COLUMNS 5
#define HEADER "prefix,name,address,source,date"

static const char *const column_names[COLUMNS] = { "prefix", "name", "address", "source", "date" };

/* --- The file --- */

/*
 * One field of RFC 4180: as it is up to the comma, or in quotation marks, where "" is one. It is put together in place.
 * NULL: a mark that does not belong.
 */
static char *take_field(char **at)
{
	char *field = *at, *in = *at, *out = *at;

	if (*in != '"') {
		in += strcspn(in, ",\"");
		if (*in == '"')
			return NULL;
		*at = in + (*in == ',');
		*in = '\0';
		return field;
	}
	for (in++; *in && (*in != '"' || in[1] == '"'); in += 1 + (*in == '"'))
		*out++ = *in;
	if (*in != '"' || (in[1] && in[1] != ','))
		return NULL;
	*at = in + 1 + (in[1] == ',');
	*out = '\0';
	return field;
}

/* Lines of one provider in a row become one. */
static int add_entry(json_t *list, char *const field[static COLUMNS])
{
	json_t *last = json_array_get(list, json_array_size(list) - 1);
	bool same = last != NULL;

	for (int i = 1; i < COLUMNS && same; i++)
		same = strcmp(json_string_value(json_object_get(last, column_names[i])), field[i]) == 0;
	if (same)
		return json_array_append_new(json_object_get(last, "prefixes"), json_string(field[0]));
	return json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:[s]}", "name", field[1], "address", field[2],
						     "source", field[3], "date", field[4], "prefixes", field[0]));
}

static int read_line(json_t *list, const char *path, unsigned int number, char *line, struct problem *p)
{
	char *field[COLUMNS], *at = line;
	int n = 0;
	struct prefix ignored;

	line[strcspn(line, "\r")] = '\0';
	for (; n < COLUMNS && *at; n++) {
		field[n] = take_field(&at);
		if (!field[n])
			return problem(p, -EINVAL, "%s:%u: a quotation mark that does not belong there", path, number);
	}
	if (n != COLUMNS || *at)
		return problem(p, -EINVAL, "%s:%u: expected " HEADER, path, number);
	if (prefix_parse(field[0], &ignored))
		return problem(p, -EINVAL, "%s:%u: prefix \"%s\": expected ADDR[/LEN] without host bits", path, number,
			       field[0]);
	for (int i = 1; i < COLUMNS; i++)
		if (!*field[i])
			return problem(p, -EINVAL, "%s:%u: %s is empty", path, number, column_names[i]);
	return add_entry(list, field) ? problem(p, -EINVAL, "%s:%u: not valid UTF-8", path, number) : 0;
}

static int read_text(const char *path, char *text, json_t *list, struct problem *p)
{
	unsigned int number = 0;
	char *rest = text, *line;
	int error = 0;

	while (!error && (line = strsep(&rest, "\n"))) {
		if (++number == 1) {
			line[strcspn(line, "\r")] = '\0';
			if (strcmp(line, HEADER) != 0)
				error = problem(p, -EINVAL, "%s:1: \"%.60s\": expected the header " HEADER, path, line);
		} else if (*line && strcmp(line, "\r") != 0) {
			error = read_line(list, path, number, line, p);
		}
	}
	if (!error && !json_array_size(list))
		return problem(p, -EINVAL, "%s: no provider in it", path);
	return error;
}

static int read_file(const struct command *c, const char *path, json_t *list, char ret_hash[static LEDGER_HASH_TEXT], struct problem *p)
{
	struct mapped_file file;
	int error = command_map_file(c, path, FILE_BYTES_MAX, &file);
	char *text;

	if (error)
		return problem(p, -EINVAL, "--file %s: %s", path, strerror(-error));
	text = strndup(file.size ? (const char *)file.data : "", file.size);
	if (!text)
		error = problem(p, -ENOMEM, "out of memory");
	else if (strlen(text) != file.size)
		error = problem(p, -EINVAL, "--file %s: it has a NUL byte", path);
	else
		error = read_text(path, text, list, p);
	if (!error)
		ledger_hash(file.data, file.size, ret_hash);
	free(text);
	fs_unmap(&file);
	return error;
}

/* --- The act --- */

static bool fits_a_line(const json_t *list)
{
	return json_dumpb(list, NULL, 0, JSON_COMPACT) <= LIST_BYTES_MAX;
}

static json_t *one_provider(const struct case_provider_options *o)
{
	json_t *one = json_pack("{s:s, s:s, s:s, s:s, s:[]}", "name", o->name, "address", o->address, "source", o->source,
				"date", o->date, "prefixes");

	for (size_t i = 0; one && i < o->prefixes.count; i++)
		if (json_array_append_new(json_object_get(one, "prefixes"), json_string(o->prefixes.values[i]))) {
			json_decref(one);
			one = NULL;
		}
	return one;
}

int case_provider(struct command *c, const char *number, const struct case_provider_options *o)
{
	bool complete = o->name && o->address && o->source && o->date;
	bool any = o->name || o->address || o->source || o->date || o->prefixes.count;
	json_t *list = json_array(), *act = NULL;
	char hash[LEDGER_HASH_TEXT];
	struct problem p;
	size_t count;
	int status;

	if (o->file ? any : !complete) {
		json_decref(list);
		log_error("a provider has --name, --address, --source and --date, or all come from --file");
		return EXIT_USAGE;
	}
	if (o->file && read_file(c, o->file, list, hash, &p)) {
		json_decref(list);
		return command_fail(EXIT_USAGE, &p);
	}
	if (!fits_a_line(list)) {
		log_error("%zu providers are more than a line of the ledger takes: only those that the case needs",
			  json_array_size(list));
		json_decref(list);
		return EXIT_USAGE;
	}
	if (o->file || json_array_append_new(list, one_provider(o)) == 0)
		act = case_act_begin(c, "CASE_PROVIDER", number);
	count = json_array_size(list);
	if (act) {
		json_object_set(act, "providers", list);
		json_object_set_new(act, "file_hash", o->file ? json_string(hash) : json_null());
	}
	json_decref(list);
	status = case_act_end(c, act);
	if (status == EXIT_YES)
		printf("case %s: %zu provider%s named\n", number, count, count == 1 ? "" : "s");
	return status;
}
