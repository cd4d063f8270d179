// SPDX-License-Identifier: BSD-2-Clause
/* Reading and checking the configuration. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "array.h"
#include "conf.h"
#include "conf_parts.h"
#include "utc.h"

#define LINE_MAX_BYTES 510 /* without the newline */

struct reader {
	struct conf *conf;
	const char *path;
	unsigned int line;
	unsigned int key_line[CONF_KEYS]; /* where each key was set; 0 = not yet */
	struct conf_tenant *tenant; /* section we are in */
	size_t selectors;
	struct problem *p;
};

#define FAIL(r, fmt, ...) \
	problem((r)->p, -EINVAL, "%s:%u: " fmt, (r)->path, (r)->line, __VA_ARGS__)

static char *trim(char *s)
{
	char *end;

	s += strspn(s, " \t");
	end = s + strlen(s);
	while (end > s && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	return s;
}

static int read_key(struct reader *r, const char *name, const char *value)
{
	int key = conf_key_find(name);
	const char *expected;

	if (key < 0)
		return FAIL(r, "unknown key \"%s\"", name);
	if (r->key_line[key])
		return FAIL(r, "%s is set already on line %u", name, r->key_line[key]);
	r->key_line[key] = r->line;
	expected = conf_key_set(r->conf, key, value);
	return expected ? FAIL(r, "%s = \"%.60s%s\": expected %s", name, value, strlen(value) > 60 ? "..." : "", expected) :
			  0;
}

static int check_unique(struct reader *r, const struct selector *s, const char *text)
{
	for (size_t i = 0; i < r->conf->tenant_count; i++) {
		const struct conf_tenant *t = &r->conf->tenants[i];

		for (size_t k = 0; k < t->selector_count; k++)
			if (selector_equal(&t->selectors[k], s))
				return FAIL(r, "%s %s belongs to tenant %s already",
					    selector_kind_name(s->kind), text, t->id);
	}
	return 0;
}

static int read_selector(struct reader *r, enum selector_kind kind, const char *value)
{
	struct conf_tenant *t = r->tenant;
	struct selector s;

	if (selector_make(kind, value, &s))
		return FAIL(r, "%s = \"%.60s%s\": expected %s", selector_kind_name(kind), value,
			    strlen(value) > 60 ? "..." : "", selector_expected(kind));
	if (check_unique(r, &s, value))
		return -EINVAL;
	if (++r->selectors > CONF_SELECTORS_MAX)
		return FAIL(r, "more than %d selectors", CONF_SELECTORS_MAX);
	if (ARRAY_RESERVE(t->selectors, t->selector_count, t->selector_capacity))
		return problem(r->p, -ENOMEM, "out of memory");
	t->selectors[t->selector_count++] = s;
	return 0;
}

static int read_shared_listener(struct reader *r, const char *value)
{
	int error = conf_add_shared(r->conf, value);

	if (error == -ENOMEM)
		return problem(r->p, -ENOMEM, "out of memory");
	if (error == -E2BIG)
		return FAIL(r, "more than %d shared listeners", CONF_SHARED_MAX);
	if (error)
		return FAIL(r, "shared_listener = \"%.60s%s\": expected %s", value,
			    strlen(value) > 60 ? "..." : "", selector_expected(SELECTOR_ADDRESS));
	return 0;
}

static int read_owner(struct reader *r, const char *value)
{
	if (r->tenant->owner[0])
		return FAIL(r, "owner of tenant %s is set already", r->tenant->id);
	if (conf_set_name(r->tenant->owner, value))
		return FAIL(r, "owner = \"%.60s%s\": expected " CONF_NAME_EXPECTED, value, strlen(value) > 60 ? "..." : "");
	return 0;
}

static int read_tenant_key(struct reader *r, const char *name, const char *value)
{
	if (strcmp(name, "owner") == 0)
		return read_owner(r, value);
	for (int kind = 0; kind < SELECTOR_KINDS; kind++)
		if (strcmp(name, selector_kind_name((enum selector_kind)kind)) == 0)
			return read_selector(r, (enum selector_kind)kind, value);
	return FAIL(r, "unknown key \"%s\" in section [tenant %s]", name, r->tenant->id);
}

static int end_section(struct reader *r)
{
	if (r->tenant && !r->tenant->selector_count)
		return problem(r->p, -EINVAL, "%s:%u: tenant %s has no address, cgroup, netns or interface",
			       r->path, r->tenant->line, r->tenant->id);
	return 0;
}

static int read_section(struct reader *r, char *text)
{
	struct conf *c = r->conf;
	size_t length = strlen(text);
	char *id;

	if (end_section(r))
		return -EINVAL;
	if (text[length - 1] != ']' || strncmp(text, "[tenant", 7) != 0 || !strchr(" \t", text[7]))
		return FAIL(r, "\"%s\": expected [tenant ID]", text);
	text[length - 1] = '\0';
	id = trim(text + 7);
	if (parse_tenant_id(id))
		return FAIL(r, "tenant id \"%s\": expected 1 to 64 of A-Z a-z 0-9 . _ - starting with a letter or digit",
			    id);
	if (conf_find_tenant(c, id))
		return FAIL(r, "tenant %s is there already on line %u", id,
			    conf_find_tenant(c, id)->line);
	if (ARRAY_RESERVE(c->tenants, c->tenant_count, c->tenant_capacity))
		return problem(r->p, -ENOMEM, "out of memory");
	r->tenant = &c->tenants[c->tenant_count++];
	memset(r->tenant, 0, sizeof(*r->tenant));
	strcpy(r->tenant->id, id);
	r->tenant->line = r->line;
	return 0;
}

static int read_line(struct reader *r, char *text)
{
	char *equals, *name, *value;

	text = trim(text);
	if (!*text || *text == '#')
		return 0;
	if (*text == '[')
		return read_section(r, text);
	equals = strchr(text, '=');
	if (!equals)
		return FAIL(r, "\"%s\": expected key = value", text);
	*equals = '\0';
	name = trim(text);
	value = trim(equals + 1);
	if (r->tenant)
		return read_tenant_key(r, name, value);
	if (strcmp(name, "shared_listener") == 0)
		return read_shared_listener(r, value);
	return read_key(r, name, value);
}

static int read_file(struct reader *r, FILE *file)
{
	char *text = NULL;
	size_t capacity = 0;
	ssize_t length;
	int error = 0;

	while (!error && (length = getline(&text, &capacity, file)) >= 0) {
		r->line++;
		if (length - (text[length - 1] == '\n') > LINE_MAX_BYTES)
			error = FAIL(r, "line is longer than %d bytes", LINE_MAX_BYTES);
		else if (strlen(text) != (size_t)length)
			error = FAIL(r, "line has a NUL byte at column %zu", strlen(text) + 1);
		else
			error = read_line(r, text);
	}
	free(text);
	if (!error && ferror(file))
		error = problem(r->p, -EIO, "cannot read %s: %s", r->path, strerror(errno));
	return error ? error : end_section(r);
}

static int load(FILE *file, const char *path, struct conf *ret_conf, struct problem *p)
{
	struct conf c;
	struct reader r = { .conf = &c, .path = path, .p = p };
	int error;

	if (!file)
		return problem(p, -errno, "cannot open configuration %s: %s", path, strerror(errno));
	conf_defaults(&c);
	error = read_file(&r, file);
	fclose(file);
	if (error) {
		conf_done(&c);
		return error;
	}
	*ret_conf = c;
	return 0;
}

int conf_load(const char *path, struct conf *ret_conf, struct problem *p)
{
	return load(fopen(path, "re"), path, ret_conf, p);
}

int conf_load_open(int fd, const char *path, struct conf *ret_conf, struct problem *p)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	FILE *file = copy < 0 || lseek(copy, 0, SEEK_SET) < 0 ? NULL : fdopen(copy, "r");

	if (!file && copy >= 0)
		close(copy);
	return load(file, path, ret_conf, p);
}

void conf_done(struct conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->tenant_count; i++)
		free(c->tenants[i].selectors);
	free(c->tenants);
	free(c->shared);
	memset(c, 0, sizeof(*c));
}

static void keep(void *new, const void *old, size_t size, bool same, const char *name, const char *until,
		 void (*changed)(const char *name, const char *until))
{
	if (!same && changed)
		changed(name, until);
	memcpy(new, old, size);
}

void conf_keep_fixed(const struct conf *old, struct conf *new, void (*changed)(const char *name, const char *until))
{
#define KEEP_TEXT(field) \
	keep(new->field, old->field, sizeof(new->field), strcmp(new->field, old->field) == 0, #field, "restarted", changed)
#define KEEP(field, until) \
	keep(&new->field, &old->field, sizeof(new->field), new->field == old->field, #field, until, changed)
	KEEP_TEXT(user);
	KEEP_TEXT(state_dir);
	KEEP_TEXT(run_dir);
	KEEP_TEXT(pin_dir);
	KEEP(hook, "restarted");
	KEEP(witness, "restarted");
	KEEP(ring_size, "disarmed and started");
#undef KEEP_TEXT
#undef KEEP
}

const struct conf_tenant *conf_find_tenant(const struct conf *c, const char *id)
{
	for (size_t i = 0; i < c->tenant_count; i++)
		if (strcmp(c->tenants[i].id, id) == 0)
			return &c->tenants[i];
	return NULL;
}
