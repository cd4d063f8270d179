/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selectors: what makes a connection belong to a tenant. One text form each, in the
 * ledger (the scope of a grant), in status and in messages; two selectors are the same
 * when their canonical texts are.
 *
 *	ADDR[/LEN][:PORT]	local address; IPv6 with a port is [ADDR]/LEN:PORT
 *	cgroup:/PATH		below the cgroup2 root; descendants included
 *	netns:/PATH		a network namespace by its name, such as /run/netns/NAME
 *	interface:NAME		a tap or veth of a guest
 */
#ifndef SEKISHO_SELECTOR_H
#define SEKISHO_SELECTOR_H

#include "addr.h"

enum selector_kind {
	SELECTOR_ADDRESS = 0,
	SELECTOR_CGROUP = 1,
	SELECTOR_NETNS = 2,
	SELECTOR_INTERFACE = 3,
};
#define SELECTOR_KINDS 4

#define SELECTOR_NAME_MAX 256
#define SELECTOR_TEXT_MAX (SELECTOR_NAME_MAX + 16)

struct selector {
	enum selector_kind kind;
	struct prefix prefix; /* of an address */
	uint16_t port; /* of an address; 0 = any */
	char name[SELECTOR_NAME_MAX]; /* path or interface; "" for an address */
};

/* The word of a kind, in the configuration and before the colon of the text form. */
const char *selector_kind_name(enum selector_kind kind);
/* What a value of this kind looks like, to go on from "expected ". */
const char *selector_expected(enum selector_kind kind);

/* 0 or -EINVAL. */
int selector_parse(const char *text, struct selector *ret_selector);
/*
 * The value of a configuration key of this kind. Paths are absolute and canonical ASCII: neither "//"
 * nor "." nor "..", no slash at the end. A namespace path in /proc is refused but for /proc/1/ns/net: the
 * number of a process is used again, and a connection must never follow it to another tenant.
 */
int selector_make(enum selector_kind kind, const char *value, struct selector *ret_selector);
/* Canonical text; returns buf. */
const char *selector_format(const struct selector *s, char buf[static SELECTOR_TEXT_MAX]);
bool selector_equal(const struct selector *a, const struct selector *b);

/*
 * How two selectors stand to each other by their text alone. Those of two kinds, and namespaces, are
 * apart: whether the same connection matches both is known in the kernel only.
 */
enum selector_relation {
	SELECTOR_APART = 0, /* no connection matches both */
	SELECTOR_SAME,
	SELECTOR_INSIDE, /* all that matches a matches b, and more does */
	SELECTOR_AROUND, /* the other way round */
	SELECTOR_CROSSING, /* some matches both, some a alone, some b alone */
};
enum selector_relation selector_relate(const struct selector *a, const struct selector *b);

#endif
