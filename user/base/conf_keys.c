// SPDX-License-Identifier: BSD-2-Clause
/* The keys outside of tenants: what each takes, how it is printed, what it is without being set. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "conf_parts.h"
#include "rung.h"
#include "utc.h"

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

int conf_set_name(char name[static CONF_NAME_MAX + 1], const char *value)
{
	if (!*value || *value == '-' || strlen(value) > CONF_NAME_MAX || value[strcspn(value, " \t,:/")])
		return -EINVAL;
	strcpy(name, value);
	return 0;
}

#define NAME_KEY(key)                                                             \
	static int set_##key(struct conf *c, const char *value)                   \
	{                                                                         \
		return conf_set_name(c->key, value);                                   \
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
	{ "group_admin", CONF_NAME_EXPECTED, set_group_admin, print_group_admin },
	{ "group_desk", CONF_NAME_EXPECTED, set_group_desk, print_group_desk },
	{ "group_audit", CONF_NAME_EXPECTED, set_group_audit, print_group_audit },
	{ "group_panel", CONF_NAME_EXPECTED, set_group_panel, print_group_panel },
	{ "timezone", "a zone name such as Asia/Tokyo", set_timezone, print_timezone },
	{ "head_command", "an absolute path and words apart by blanks, less than 200 bytes, without quotes and what else a shell reads", set_head_command, print_head_command },
};
_Static_assert(sizeof(keys) / sizeof(keys[0]) == CONF_KEYS, "CONF_KEYS is how many there are");

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

int conf_key_find(const char *name)
{
	for (int i = 0; i < CONF_KEYS; i++)
		if (strcmp(keys[i].name, name) == 0)
			return i;
	return -1;
}

const char *conf_key_set(struct conf *c, int key, const char *value)
{
	return keys[key].set(c, value) ? keys[key].expected : NULL;
}

void conf_print_keys(const struct conf *c, FILE *out)
{
	char text[SELECTOR_TEXT_MAX];

	_Static_assert(SELECTOR_TEXT_MAX >= CONF_PATH_MAX, "one buffer for both");
	for (size_t i = 0; i < CONF_KEYS; i++) {
		keys[i].print(c, text, sizeof(text));
		fprintf(out, "%s = %s\n", keys[i].name, text);
	}
}
