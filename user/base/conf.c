// SPDX-License-Identifier: BSD-2-Clause
/* Reading, checking and printing the configuration. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "array.h"
#include "conf.h"
#include "conf_parts.h"
#include "rung.h"
#include "utc.h"

#define LINE_MAX_BYTES 510 /* without the newline */
#define NS_PER_MS UINT64_C(1000000)

struct key {
	const char *name, *expected;
	int (*set)(struct conf *c, const char *value);
	void (*print)(const struct conf *c, char *out, size_t size);
};

static int set_path(char *path, const char *value)
{
	if (value[0] != '/' || strlen(value) >= CONF_PATH_MAX)
		return -EINVAL;
	strcpy(path, value);
	return 0;
}

static int set_state_dir(struct conf *c, const char *value)
{
	return set_path(c->state_dir, value);
}

static void print_state_dir(const struct conf *c, char *out, size_t size)
{
	snprintf(out, size, "%s", c->state_dir);
}

static int set_run_dir(struct conf *c, const char *value)
{
	return set_path(c->run_dir, value);
}

static void print_run_dir(const struct conf *c, char *out, size_t size)
{
	snprintf(out, size, "%s", c->run_dir);
}

static int set_pin_dir(struct conf *c, const char *value)
{
	const char *name = strrchr(value, '/');

	/* bpffs keeps names with a dot for itself (kernel/bpf/inode.c, bpf_lookup). */
	return name && strchr(name, '.') ? -EINVAL : set_path(c->pin_dir, value);
}

static void print_pin_dir(const struct conf *c, char *out, size_t size)
{
	snprintf(out, size, "%s", c->pin_dir);
}

static int set_hook(struct conf *c, const char *value)
{
	return rung_parse(value, &c->hook);
}

static void print_hook(const struct conf *c, char *out, size_t size)
{
	snprintf(out, size, "%s", c->hook == SEKISHO_RUNG_NONE ? "auto" : rung_name(c->hook));
}

static int set_record_loopback(struct conf *c, const char *value)
{
	return parse_bool(value, &c->record_loopback);
}

static void print_record_loopback(const struct conf *c, char *out, size_t size)
{
	snprintf(out, size, "%s", c->record_loopback ? "yes" : "no");
}

static int set_witness(struct conf *c, const char *value)
{
	return parse_bool(value, &c->witness);
}

static void print_witness(const struct conf *c, char *out, size_t size)
{
	snprintf(out, size, "%s", c->witness ? "yes" : "no");
}

static int set_ring_size(struct conf *c, const char *value)
{
	uint64_t bytes;

	/* The kernel wants a power of two of whole pages. */
	if (parse_bytes(value, 64 << 10, 1 << 30, &bytes) || bytes & (bytes - 1))
		return -EINVAL;
	c->ring_size = bytes;
	return 0;
}

static void print_ring_size(const struct conf *c, char *out, size_t size)
{
	char text[16];

	snprintf(out, size, "%s", format_bytes(c->ring_size, text));
}

static int set_sync_interval(struct conf *c, const char *value)
{
	return parse_duration_ns(value, 10 * NS_PER_MS, 60 * (uint64_t)NS_PER_SEC,
				 &c->sync_interval_ns);
}

static void print_sync_interval(const struct conf *c, char *out, size_t size)
{
	char text[24];

	snprintf(out, size, "%s", format_duration(c->sync_interval_ns, text));
}

static int set_rotate_interval(struct conf *c, const char *value)
{
	/* Every journal is sealed within a day of its first row. */
	return parse_duration_ns(value, NS_PER_SEC, NS_PER_DAY, &c->rotate_interval_ns);
}

static void print_rotate_interval(const struct conf *c, char *out, size_t size)
{
	char text[24];

	snprintf(out, size, "%s", format_duration(c->rotate_interval_ns, text));
}

static int set_rotate_size(struct conf *c, const char *value)
{
	return parse_bytes(value, 1 << 20, 1 << 30, &c->rotate_size);
}

static void print_rotate_size(const struct conf *c, char *out, size_t size)
{
	char text[16];

	snprintf(out, size, "%s", format_bytes(c->rotate_size, text));
}

static int set_canary_interval(struct conf *c, const char *value)
{
	/* Two are missed before anybody is told: within a minute. */
	return parse_duration_ns(value, (uint64_t)NS_PER_SEC, 20 * (uint64_t)NS_PER_SEC, &c->canary_interval_ns);
}

static void print_canary_interval(const struct conf *c, char *out, size_t size)
{
	char text[24];

	snprintf(out, size, "%s", format_duration(c->canary_interval_ns, text));
}

static int set_heartbeat(struct conf *c, const char *value)
{
	/* Less would leave gaps whenever the node is busy for a moment. */
	return parse_duration_ns(value, 5 * (uint64_t)NS_PER_SEC, 600 * (uint64_t)NS_PER_SEC, &c->heartbeat_ns);
}

static void print_heartbeat(const struct conf *c, char *out, size_t size)
{
	char text[24];

	snprintf(out, size, "%s", format_duration(c->heartbeat_ns, text));
}

#define MIN_FREE_BYTES (UINT64_C(1) << 30)
#define MIN_FREE_PERCENT 2

static int set_min_free(struct conf *c, const char *value)
{
	size_t length = strlen(value);
	uint64_t bytes = 0, percent = 0;
	int error;

	if (strcmp(value, "auto") == 0) {
		bytes = MIN_FREE_BYTES;
		percent = MIN_FREE_PERCENT;
		error = 0;
	} else if (length && value[length - 1] == '%') {
		error = parse_u64_n(value, length - 1, 1, 50, &percent);
	} else {
		error = parse_bytes(value, 0, UINT64_C(1) << 40, &bytes);
	}
	if (error)
		return error;
	c->min_free_bytes = bytes;
	c->min_free_percent = percent;
	return 0;
}

static void print_min_free(const struct conf *c, char *out, size_t size)
{
	char text[16];

	if (c->min_free_bytes && c->min_free_percent)
		snprintf(out, size, "auto");
	else if (c->min_free_percent)
		snprintf(out, size, "%llu%%", (unsigned long long)c->min_free_percent);
	else
		snprintf(out, size, "%s", format_bytes(c->min_free_bytes, text));
}

static int set_approval_rows(struct conf *c, const char *value)
{
	return parse_u64(value, 0, 1000000000, &c->approval_rows);
}

static void print_approval_rows(const struct conf *c, char *out, size_t size)
{
	snprintf(out, size, "%llu", (unsigned long long)c->approval_rows);
}

static int set_approval_window(struct conf *c, const char *value)
{
	return parse_duration_ns(value, NS_PER_SEC, 366 * (uint64_t)NS_PER_DAY, &c->approval_window_ns);
}

static void print_approval_window(const struct conf *c, char *out, size_t size)
{
	char text[24];

	snprintf(out, size, "%s", format_duration(c->approval_window_ns, text));
}

static int set_timezone(struct conf *c, const char *value)
{
	if (!*value || strlen(value) >= sizeof(c->timezone))
		return -EINVAL;
	strcpy(c->timezone, value);
	return 0;
}

static void print_timezone(const struct conf *c, char *out, size_t size)
{
	snprintf(out, size, "%s", c->timezone);
}

static int set_head_command(struct conf *c, const char *value)
{
	/* Run without a shell: what a shell would make something else of is refused. */
	if (strpbrk(value, "\"'\\|&;<>()$`*?~#"))
		return -EINVAL;
	if (*value)
		return set_path(c->head_command, value);
	c->head_command[0] = '\0';
	return 0;
}

static void print_head_command(const struct conf *c, char *out, size_t size)
{
	snprintf(out, size, "%s", c->head_command);
}

static int set_chrony(struct conf *c, const char *value)
{
	if (strcmp(value, "auto") != 0 && strcmp(value, "no") != 0)
		return -EINVAL;
	c->ask_chrony = strcmp(value, "auto") == 0;
	return 0;
}

static void print_chrony(const struct conf *c, char *out, size_t size)
{
	snprintf(out, size, "%s", c->ask_chrony ? "auto" : "no");
}

/* Of a user or group: a name, or a number. */
static int set_name(char name[static CONF_NAME_MAX + 1], const char *value)
{
	if (!*value || *value == '-' || strlen(value) > CONF_NAME_MAX || value[strcspn(value, " \t,:/")])
		return -EINVAL;
	strcpy(name, value);
	return 0;
}

#define NAME_KEY(key)                                                             \
	static int set_##key(struct conf *c, const char *value)                   \
	{                                                                         \
		return set_name(c->key, value);                                   \
	}                                                                         \
	static void print_##key(const struct conf *c, char *out, size_t size)     \
	{                                                                         \
		snprintf(out, size, "%s", c->key);                                \
	}
NAME_KEY(user)
NAME_KEY(group_admin)
NAME_KEY(group_desk)
NAME_KEY(group_audit)
NAME_KEY(group_panel)
#define NAME_EXPECTED "a name or a number, at most 64 bytes without blanks, ',', ':' and '/'"

static const struct key keys[] = {
	{ "state_dir", "an absolute path of less than 200 bytes", set_state_dir, print_state_dir },
	{ "run_dir", "an absolute path of less than 200 bytes", set_run_dir, print_run_dir },
	{ "pin_dir", "an absolute path of less than 200 bytes on a BPF file system, its name without a dot", set_pin_dir, print_pin_dir },
	{ "user", "the name or number of a user", set_user, print_user },
	{ "hook", "auto, set_state, sock_ops, fexit or kretprobe", set_hook, print_hook },
	{ "witness", "yes or no", set_witness, print_witness },
	{ "record_loopback", "yes or no", set_record_loopback, print_record_loopback },
	{ "ring_size", "a power of two from 64K to 1G", set_ring_size, print_ring_size },
	{ "sync_interval", "10ms to 60s", set_sync_interval, print_sync_interval },
	{ "rotate_interval", "1s to 24h", set_rotate_interval, print_rotate_interval },
	{ "rotate_size", "1M to 1G", set_rotate_size, print_rotate_size },
	{ "heartbeat", "5s to 10m", set_heartbeat, print_heartbeat },
	{ "canary_interval", "1s to 20s", set_canary_interval, print_canary_interval },
	{ "min_free", "auto, a size up to 1T or 1% to 50%", set_min_free, print_min_free },
	{ "chrony", "auto or no", set_chrony, print_chrony },
	{ "approval_rows", "0 to 1000000000", set_approval_rows, print_approval_rows },
	{ "approval_window", "1s to 366d", set_approval_window, print_approval_window },
	{ "group_admin", NAME_EXPECTED, set_group_admin, print_group_admin },
	{ "group_desk", NAME_EXPECTED, set_group_desk, print_group_desk },
	{ "group_audit", NAME_EXPECTED, set_group_audit, print_group_audit },
	{ "group_panel", NAME_EXPECTED, set_group_panel, print_group_panel },
	{ "timezone", "a zone name such as Asia/Tokyo", set_timezone, print_timezone },
	{ "head_command", "an absolute path and words apart by blanks, less than 200 bytes, without quotes and what else a shell reads", set_head_command, print_head_command },
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

void conf_defaults(struct conf *ret_conf)
{
	*ret_conf = (struct conf){ .ring_size = 16 << 20 };
	strcpy(ret_conf->state_dir, "/var/lib/sekisho");
	strcpy(ret_conf->run_dir, "/run/sekisho");
	strcpy(ret_conf->pin_dir, "/sys/fs/bpf/sekisho");
	strcpy(ret_conf->user, "sekisho");
	strcpy(ret_conf->timezone, "Asia/Tokyo");
	ret_conf->sync_interval_ns = (uint64_t)NS_PER_SEC;
	ret_conf->rotate_interval_ns = 6 * 3600 * (uint64_t)NS_PER_SEC;
	ret_conf->rotate_size = 64 << 20;
	ret_conf->canary_interval_ns = 20 * (uint64_t)NS_PER_SEC;
	ret_conf->heartbeat_ns = 120 * (uint64_t)NS_PER_SEC;
	ret_conf->min_free_bytes = MIN_FREE_BYTES;
	ret_conf->min_free_percent = MIN_FREE_PERCENT;
	ret_conf->ask_chrony = true;
	ret_conf->approval_rows = 1000;
	ret_conf->approval_window_ns = (uint64_t)NS_PER_DAY;
	strcpy(ret_conf->group_admin, "sekisho-admin");
	strcpy(ret_conf->group_desk, "sekisho-desk");
	strcpy(ret_conf->group_audit, "sekisho-audit");
	strcpy(ret_conf->group_panel, "sekisho-panel");
}

struct reader {
	struct conf *conf;
	const char *path;
	unsigned int line;
	unsigned int key_line[KEYS]; /* where each key was set; 0 = not yet */
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
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].name, name) != 0)
			continue;
		if (r->key_line[i])
			return FAIL(r, "%s is set already on line %u", name, r->key_line[i]);
		r->key_line[i] = r->line;
		if (keys[i].set(r->conf, value))
			return FAIL(r, "%s = \"%.60s%s\": expected %s", name, value,
				    strlen(value) > 60 ? "..." : "", keys[i].expected);
		return 0;
	}
	return FAIL(r, "unknown key \"%s\"", name);
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
	if (set_name(r->tenant->owner, value))
		return FAIL(r, "owner = \"%.60s%s\": expected " NAME_EXPECTED, value, strlen(value) > 60 ? "..." : "");
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

const struct conf_tenant *conf_find_tenant(const struct conf *c, const char *id)
{
	for (size_t i = 0; i < c->tenant_count; i++)
		if (strcmp(c->tenants[i].id, id) == 0)
			return &c->tenants[i];
	return NULL;
}

void conf_print_keys(const struct conf *c, FILE *out)
{
	char text[SELECTOR_TEXT_MAX];

	_Static_assert(SELECTOR_TEXT_MAX >= CONF_PATH_MAX, "one buffer for both");
	for (size_t i = 0; i < KEYS; i++) {
		keys[i].print(c, text, sizeof(text));
		fprintf(out, "%s = %s\n", keys[i].name, text);
	}
}
