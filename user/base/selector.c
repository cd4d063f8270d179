// SPDX-License-Identifier: BSD-2-Clause
/* Selectors: text and back, and how they overlap. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "parse.h"
#include "selector.h"

#define INTERFACE_MAX 15 /* IFNAMSIZ without the NUL */

static const struct {
	const char *name, *expected;
} kinds[SELECTOR_KINDS] = {
	[SELECTOR_ADDRESS] = { "address",
		"ADDR[/LEN][:PORT] without host bits; IPv6 with a port is [ADDR]/LEN:PORT" },
	[SELECTOR_CGROUP] = { "cgroup",
		"a path below the cgroup2 root, like /tenants.slice/web, without //, . or .. and of less than 256 ASCII characters" },
	[SELECTOR_NETNS] = { "netns",
		"an absolute path like /run/netns/NAME (ip netns attach NAME PID names a namespace; a process number in /proc is no name)" },
	[SELECTOR_INTERFACE] = { "interface", "the name of a network interface, 1 to 15 characters" },
};

const char *selector_kind_name(enum selector_kind kind)
{
	return kinds[kind].name;
}

const char *selector_expected(enum selector_kind kind)
{
	return kinds[kind].expected;
}

/* Leading zeros are refused: 010 is 10 to some readers and 8 to others. */
static int parse_local_port(const char *s, uint16_t *ret_port)
{
	uint64_t port;

	if (s[0] == '0' || parse_u64(s, 1, UINT16_MAX, &port) < 0)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

/* `s` without brackets and port: the prefix that is left. */
static int parse_parts(const char *addr, size_t addr_size, const char *length, size_t length_size,
		       const char *port, struct selector *ret_selector)
{
	struct selector s = { .kind = SELECTOR_ADDRESS };
	char text[PREFIX_TEXT_MAX];

	if (addr_size + length_size >= sizeof(text) || (length_size > 0 && length[0] != '/') ||
	    memchr(addr, '/', addr_size))
		return -EINVAL;
	memcpy(text, addr, addr_size);
	memcpy(text + addr_size, length, length_size);
	text[addr_size + length_size] = '\0';
	if (port && parse_local_port(port, &s.port) < 0)
		return -EINVAL;
	if (prefix_parse(text, &s.prefix) < 0)
		return -EINVAL;
	*ret_selector = s;
	return 0;
}

static int parse_bracketed(const char *s, struct selector *ret_selector)
{
	const char *end = strchr(s, ']'), *colon;

	/* Brackets are for IPv6. */
	if (!end || !memchr(s, ':', (size_t)(end - s)))
		return -EINVAL;
	colon = strchr(end, ':');
	return parse_parts(s + 1, (size_t)(end - s) - 1, end + 1,
			   colon ? (size_t)(colon - end) - 1 : strlen(end + 1), colon ? colon + 1 : NULL,
			   ret_selector);
}

static int parse_address(const char *s, struct selector *ret_selector)
{
	const char *colon = strchr(s, ':');
	size_t addr = strcspn(s, "/:");

	if (s[0] == '[')
		return parse_bracketed(s, ret_selector);
	if (colon && strchr(colon + 1, ':')) {
		/* Bare IPv6: the last group could be read as a port, so there is no port here. */
		struct selector bare = { .kind = SELECTOR_ADDRESS };

		if (prefix_parse(s, &bare.prefix) < 0)
			return -EINVAL;
		*ret_selector = bare;
		return 0;
	}
	return parse_parts(s, addr, s + addr, colon ? (size_t)(colon - s) - addr : strlen(s + addr),
			   colon ? colon + 1 : NULL, ret_selector);
}

/* Printable ASCII: the ledger is JSON, and a name must read the same everywhere. */
static bool printable(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

static bool is_canonical_path(const char *path)
{
	const char *at = path;

	if (path[0] != '/' || strlen(path) >= SELECTOR_NAME_MAX || !printable(path))
		return false;
	while (*at == '/') {
		size_t size = strcspn(++at, "/");

		if (size == 0 || (size == 1 && at[0] == '.') ||
		    (size == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		at += size;
	}
	return true;
}

static bool is_netns_path(const char *path)
{
	return is_canonical_path(path) &&
	       (strncmp(path, "/proc/", 6) != 0 || strcmp(path, "/proc/1/ns/net") == 0);
}

static bool is_interface(const char *name)
{
	size_t size = strlen(name);

	/* dev_valid_name() in net/core/dev.c */
	return size >= 1 && size <= INTERFACE_MAX && printable(name) && !strpbrk(name, "/: ") &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int selector_make(enum selector_kind kind, const char *value, struct selector *ret_selector)
{
	struct selector s = { .kind = kind };

	if (kind == SELECTOR_ADDRESS)
		return parse_address(value, ret_selector);
	if (kind == SELECTOR_CGROUP ? !is_canonical_path(value) :
	    kind == SELECTOR_NETNS  ? !is_netns_path(value) :
				      !is_interface(value))
		return -EINVAL;
	strcpy(s.name, value);
	*ret_selector = s;
	return 0;
}

int selector_parse(const char *text, struct selector *ret_selector)
{
	for (int kind = SELECTOR_CGROUP; kind < SELECTOR_KINDS; kind++) {
		size_t size = strlen(kinds[kind].name);

		if (strncmp(text, kinds[kind].name, size) == 0 && text[size] == ':')
			return selector_make((enum selector_kind)kind, text + size + 1, ret_selector);
	}
	return parse_address(text, ret_selector);
}

const char *selector_format(const struct selector *s, char buf[static SELECTOR_TEXT_MAX])
{
	char prefix[PREFIX_TEXT_MAX];
	size_t addr;

	if (s->kind != SELECTOR_ADDRESS) {
		snprintf(buf, SELECTOR_TEXT_MAX, "%s:%s", kinds[s->kind].name, s->name);
		return buf;
	}
	prefix_format(&s->prefix, prefix);
	addr = strcspn(prefix, "/");
	if (!s->port)
		snprintf(buf, SELECTOR_TEXT_MAX, "%s", prefix);
	else if (addr_is_v4(&s->prefix.addr))
		snprintf(buf, SELECTOR_TEXT_MAX, "%s:%u", prefix, s->port);
	else
		snprintf(buf, SELECTOR_TEXT_MAX, "[%.*s]%s:%u", (int)addr, prefix, prefix + addr,
			 s->port);
	return buf;
}

bool selector_equal(const struct selector *a, const struct selector *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind != SELECTOR_ADDRESS)
		return strcmp(a->name, b->name) == 0;
	return a->port == b->port && a->prefix.bits == b->prefix.bits &&
	       addr_compare(&a->prefix.addr, &b->prefix.addr) == 0;
}

static enum selector_relation relate_addresses(const struct selector *a, const struct selector *b)
{
	bool addr_in = prefix_covers(&b->prefix, &a->prefix);
	bool addr_around = prefix_covers(&a->prefix, &b->prefix);
	bool port_in = !b->port || a->port == b->port, port_around = !a->port || a->port == b->port;

	if (!(addr_in || addr_around) || !(port_in || port_around))
		return SELECTOR_APART;
	if (addr_in && addr_around && port_in && port_around)
		return SELECTOR_SAME;
	if (addr_in && port_in)
		return SELECTOR_INSIDE;
	return addr_around && port_around ? SELECTOR_AROUND : SELECTOR_CROSSING;
}

static bool path_below(const char *path, const char *above)
{
	size_t size = strlen(above);

	return strncmp(path, above, size) == 0 && path[size] == '/';
}

enum selector_relation selector_relate(const struct selector *a, const struct selector *b)
{
	if (a->kind != b->kind)
		return SELECTOR_APART;
	if (a->kind == SELECTOR_ADDRESS)
		return relate_addresses(a, b);
	if (strcmp(a->name, b->name) == 0)
		return SELECTOR_SAME;
	if (a->kind != SELECTOR_CGROUP)
		return SELECTOR_APART;
	return path_below(a->name, b->name) ? SELECTOR_INSIDE :
	       path_below(b->name, a->name) ? SELECTOR_AROUND :
					      SELECTOR_APART;
}
