/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines as tables. The line is read twice by the same code, first to
 * check it and then to store what it says, so that an error leaves nothing half set.
 */
#include "cmdline.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define MAX_OPTIONS 64
#define LABEL_MAX 64
#define HELP_COLUMN_MAX 32

struct scan {
	int argc, at; /* argv[at] is looked at next */
	char **argv;
	const struct cmd_option *options;
	void *target; /* NULL while checking */
	char **operands; /* NULL while checking */
	size_t max_operands, count;
	size_t listed; /* values of lists */
	bool stop_at_operand, only_operands, help_asked;
	uint64_t seen; /* one bit per row */
	struct problem *p;
};

static bool is_last(const struct cmd_option *o)
{
	return !o->name && !o->letter;
}

static const struct cmd_option *find_name(const struct scan *s, const char *name, size_t length)
{
	for (const struct cmd_option *o = s->options; !is_last(o); o++)
		if (o->name && strlen(o->name) == length && memcmp(o->name, name, length) == 0)
			return o;
	return NULL;
}

static const struct cmd_option *find_letter(const struct scan *s, char letter)
{
	for (const struct cmd_option *o = s->options; !is_last(o); o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static const char *label(const struct cmd_option *o, char buf[static LABEL_MAX])
{
	if (o->name)
		snprintf(buf, LABEL_MAX, "--%s", o->name);
	else
		snprintf(buf, LABEL_MAX, "-%c", o->letter);
	return buf;
}

static void add_to_list(struct cmd_list *list, const char *value)
{
	list->values[list->count++] = value;
}

/* Records one use of an option; value is NULL for a switch. */
static int use_option(struct scan *s, const struct cmd_option *o, const char *value)
{
	uint64_t bit = UINT64_C(1) << (o - s->options);
	bool counts = o->many || (!o->value && o->letter);
	char text[LABEL_MAX];

	if ((s->seen & bit) && !counts)
		return problem(s->p, -EINVAL, "option %s is given twice", label(o, text));
	if (o->many && ++s->listed > CMD_LIST_MAX)
		return problem(s->p, -EINVAL, "option %s: more than %d values", label(o, text), CMD_LIST_MAX);
	s->seen |= bit;
	if (!o->value && o->name && strcmp(o->name, "help") == 0)
		s->help_asked = true;
	if (!s->target)
		return 0;
	if (o->many)
		add_to_list((struct cmd_list *)((char *)s->target + o->offset), value);
	else if (o->value)
		memcpy((char *)s->target + o->offset, &value, sizeof(value));
	else
		++*(unsigned int *)((char *)s->target + o->offset);
	return 0;
}

/*
 * The value is the next argument. One that looks like an option is refused:
 * in `--case --from X` the case number was forgotten.
 */
static int use_next_as_value(struct scan *s, const struct cmd_option *o)
{
	const char *value = s->at < s->argc ? s->argv[s->at] : NULL;
	char text[LABEL_MAX];

	label(o, text);
	if (!value)
		return problem(s->p, -EINVAL, "option %s needs a value: %s", text, o->value);
	if (value[0] == '-' && value[1] != '\0')
		return problem(s->p, -EINVAL,
			       "option %s needs a value: %s, not \"%.60s\" (if meant: %s%s%.60s)",
			       text, o->value, value, text, o->name ? "=" : "", value);
	s->at++;
	return use_option(s, o, value);
}

static int scan_long(struct scan *s, const char *arg)
{
	const char *name = arg + 2, *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct cmd_option *o = find_name(s, name, length);

	if (!o)
		return problem(s->p, -EINVAL, "unknown option --%.*s; see --help",
			       length > 60 ? 60 : (int)length, name);
	if (equals && !o->value)
		return problem(s->p, -EINVAL, "option --%s takes no value, but has \"%.60s\"",
			       o->name, equals + 1);
	if (o->value && !equals)
		return use_next_as_value(s, o);
	return use_option(s, o, equals ? equals + 1 : NULL);
}

/* "-n", "-nn", "-f VALUE", "-fVALUE". */
static int scan_letters(struct scan *s, const char *arg)
{
	for (const char *letter = arg + 1; *letter != '\0'; letter++) {
		const struct cmd_option *o = find_letter(s, *letter);
		int r;

		if (!o)
			return problem(s->p, -EINVAL, "unknown option -%c%s%.60s%s; see --help",
				       *letter, arg[2] ? " in \"" : "", arg[2] ? arg : "",
				       arg[2] ? "\"" : "");
		if (o->value && letter[1] == '\0')
			return use_next_as_value(s, o);
		if (o->value)
			return use_option(s, o, letter + 1);
		r = use_option(s, o, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

static int scan_operand(struct scan *s, char *arg)
{
	if (s->stop_at_operand)
		s->only_operands = true; /* the rest is a verb's, with its own table */
	else if (s->count >= s->max_operands)
		return problem(s->p, -EINVAL, "unexpected argument \"%.60s\"; see --help", arg);
	if (s->operands && s->count < s->max_operands)
		s->operands[s->count] = arg;
	s->count++;
	return 0;
}

static int scan_argument(struct scan *s, char *arg)
{
	if (s->only_operands || arg[0] != '-' || arg[1] == '\0')
		return scan_operand(s, arg);
	if (strcmp(arg, "--") == 0) {
		s->only_operands = true;
		return 0;
	}
	return arg[1] == '-' ? scan_long(s, arg) : scan_letters(s, arg);
}

static int check_required(const struct scan *s)
{
	char text[LABEL_MAX];

	if (s->help_asked)
		return 0;
	for (const struct cmd_option *o = s->options; !is_last(o); o++)
		if (o->required && !(s->seen & UINT64_C(1) << (o - s->options)))
			return problem(s->p, -EINVAL, "option %s%s%s is required; see --help",
				       label(o, text), o->value ? " " : "",
				       o->value ? o->value : "");
	return 0;
}

static int scan_all(struct scan *s)
{
	while (s->at < s->argc) {
		int r = scan_argument(s, s->argv[s->at++]);

		if (r < 0)
			return r;
	}
	return check_required(s);
}

static size_t count_options(const struct cmd_option *options)
{
	size_t n = 0;

	while (!is_last(&options[n]))
		n++;
	return n;
}

int cmdline_parse(int argc, char **argv, const struct cmd_option *options, void *target,
		  bool stop_at_operand, char **ret_operands, size_t max_operands,
		  size_t *ret_count, struct problem *p)
{
	const struct scan start = {
		.argc = argc,
		.at = 1,
		.argv = argv,
		.options = options,
		.max_operands = max_operands,
		.stop_at_operand = stop_at_operand,
		.p = p,
	};
	struct scan s = start;
	int r;

	if (count_options(options) > MAX_OPTIONS)
		return problem(p, -E2BIG, "more than %d options in one table", MAX_OPTIONS);
	r = scan_all(&s);
	if (r < 0)
		return r;
	s = start;
	s.target = target;
	s.operands = ret_operands;
	r = scan_all(&s);
	if (r < 0)
		return r;
	*ret_count = s.count;
	return 0;
}

/* "-n, --name VALUE"; returns its length. */
static int print_usage(char *buf, size_t size, const struct cmd_option *o, bool any_letter)
{
	char letter[8] = "";

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c%s", o->letter, o->name ? ", " : "");
	return snprintf(buf, size, "  %*s%s%s%s%s", any_letter && o->name ? -4 : 0, letter,
			o->name ? "--" : "", o->name ? o->name : "", o->value ? " " : "",
			o->value ? o->value : "");
}

void cmdline_print_options(FILE *out, const struct cmd_option *options)
{
	bool any_letter = false;
	int column = 0;
	char usage[128];

	for (const struct cmd_option *o = options; !is_last(o); o++)
		any_letter |= o->letter != 0;
	for (const struct cmd_option *o = options; !is_last(o); o++) {
		int length = print_usage(usage, sizeof(usage), o, any_letter);

		if (length > column && length <= HELP_COLUMN_MAX)
			column = length;
	}
	for (const struct cmd_option *o = options; !is_last(o); o++) {
		if (print_usage(usage, sizeof(usage), o, any_letter) > column)
			fprintf(out, "%s\n%*s", usage, column, "");
		else
			fprintf(out, "%-*s", column, usage);
		fprintf(out, "  %s%s\n", o->help ? o->help : "", o->required ? " (required)" : "");
	}
}
