// SPDX-License-Identifier: BSD-2-Clause
/* The options of an act of consent as JSON, as a control panel has them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"
#include "verb_consent.h"

#define REQUEST_BYTES_MAX (2u << 20) /* the text takes at most half of it */

static int read_all(struct buffer *in, struct problem *p)
{
	char chunk[16384];
	size_t n;

	while (in->size <= REQUEST_BYTES_MAX && (n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
		buffer_bytes(in, chunk, n);
	if (ferror(stdin) || !buffer_ok(in))
		return problem(p, -EINVAL, "--stdin: cannot read standard input");
	return in->size > REQUEST_BYTES_MAX ? problem(p, -EINVAL, "--stdin: more than %u bytes", REQUEST_BYTES_MAX) : 0;
}

/* Those that say how it is asked are no part of what is asked. */
static const struct cmd_option *find(const struct cmd_option *table, const char *key)
{
	char name[32];
	size_t n = strlen(key);

	if (n >= sizeof(name))
		return NULL;
	for (size_t i = 0; i <= n; i++)
		name[i] = key[i] == '_' ? '-' : key[i];
	for (; table->name; table++)
		if (strcmp(table->name, name) == 0 && strcmp(name, "json") != 0 && strcmp(name, "stdin") != 0 &&
		    strcmp(name, "help") != 0)
			return table;
	return NULL;
}

/* "a", 180 and ["a", "b"] as the command line has them. NULL: it is something else. */
static json_t *as_text(const json_t *value)
{
	json_t *joined = json_string(""), *next;
	size_t i;
	json_t *item;

	if (json_is_string(value) || json_is_integer(value)) {
		json_decref(joined);
		return json_is_string(value) ? json_incref((json_t *)value) :
					       json_sprintf("%lld", (long long)json_integer_value(value));
	}
	json_array_foreach((json_t *)value, i, item) {
		next = json_is_string(item) ? json_sprintf("%s%s%s", json_string_value(joined), i ? "," : "",
							   json_string_value(item)) : NULL;
		json_decref(joined);
		joined = next;
		if (!joined)
			return NULL;
	}
	if (!json_is_array(value)) {
		json_decref(joined);
		return NULL;
	}
	return joined;
}

static int set(const struct cmd_option *option, const char *key, const json_t *value, struct consent_options *o,
	       json_t *kept, struct problem *p)
{
	unsigned int *counter = (unsigned int *)((char *)o + option->offset);
	const char **text = (const char **)((char *)o + option->offset);
	json_t *converted;

	if (!option->value) {
		if (!json_is_boolean(value))
			return problem(p, -EINVAL, "--stdin: \"%s\": expected true or false", key);
		*counter += json_is_true(value);
		return 0;
	}
	if (*text)
		return problem(p, -EINVAL, "--stdin: \"%s\" is on the command line, too", key);
	converted = as_text(value);
	if (!converted || json_object_set_new(kept, option->name, converted))
		return problem(p, -EINVAL, "--stdin: \"%s\": expected text, a number or a list of texts", key);
	*text = json_string_value(converted);
	return 0;
}

static int take_all(const struct cmd_option *table, const json_t *request, struct consent_options *o, json_t *kept,
		    struct problem *p)
{
	const struct cmd_option *option;
	const char *key;
	json_t *value;
	int error = 0;

	json_object_foreach((json_t *)request, key, value) {
		option = find(table, key);
		error = option ? set(option, key, value, o, kept, p) :
				 problem(p, -EINVAL, "--stdin: unknown member \"%s\"", key);
		if (error)
			return error;
	}
	if (json_object_get(kept, "text")) {
		o->text_inline = o->text;
		o->text = "on standard input";
	}
	return 0;
}

int verb_consent_read_stdin(const struct cmd_option *table, struct consent_options *o, json_t **ret_kept,
			    struct problem *p)
{
	struct buffer in = {};
	json_t *request = NULL, *kept = json_object();
	json_error_t why;
	int error = read_all(&in, p);

	if (!error) {
		request = json_loadb((char *)in.data, in.size, JSON_REJECT_DUPLICATES, &why);
		if (!json_is_object(request))
			error = problem(p, -EINVAL, "--stdin: expected one JSON object: %s", request ? "it is another value" : why.text);
	}
	if (!error)
		error = take_all(table, request, o, kept, p);
	json_decref(request);
	buffer_done(&in);
	*ret_kept = kept;
	return error;
}
