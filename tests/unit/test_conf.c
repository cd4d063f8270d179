/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration: every key, every error with file and line. */
#include "base/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/utc.h"
#include "conf_file.h"
#include "unit.h"

/* The message without its "FILE:". */
static void check_refused(const char *text, size_t size, const char *want)
{
	struct conf c = { .tenant_count = 77 };
	struct problem p = { "" };
	int error = conf_file_bytes(text, size, &c, &p);
	size_t head = strlen(conf_file_path());

	CHECK_ROW(error == -EINVAL, "%s: %d", want, error);
	CHECK_ROW(strncmp(p.text, conf_file_path(), head) == 0 && p.text[head] == ':', "%s", p.text);
	if (error)
		CHECK_STR(p.text + head + 1, want);
	CHECK_INT(c.tenant_count, error ? 77 : c.tenant_count);
	if (!error)
		conf_done(&c);
}

static void defaults_hold_where_the_file_says_nothing(void)
{
	static const char *const texts[] = { "", "\n", "# nothing\n\n  \t\n   # at all", "\r\n" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct conf c = conf_file(texts[i]);

		CHECK_STR(c.state_dir, "/var/lib/sekisho");
		CHECK_STR(c.run_dir, "/run/sekisho");
		CHECK_STR(c.pin_dir, "/sys/fs/bpf/sekisho");
		CHECK_STR(c.timezone, "Asia/Tokyo");
		CHECK_INT(c.hook, SEKISHO_RUNG_NONE);
		CHECK(!c.record_loopback); /* AC-20 */
		CHECK_INT(c.ring_size, 16 << 20);
		CHECK_INT(c.sync_interval_ns, 1000000000);
		CHECK_INT(c.rotate_interval_ns, 21600000000000);
		CHECK_INT(c.rotate_size, 64 << 20);
		CHECK_INT(c.heartbeat_ns, 120000000000);
		CHECK_INT(c.canary_interval_ns, 20000000000); /* AC-85 */
		CHECK_INT(c.min_free_bytes, 1 << 30);
		CHECK_INT(c.min_free_percent, 2);
		CHECK_INT(c.approval_rows, 1000);
		CHECK_INT(c.approval_window_ns, NS_PER_DAY);
		CHECK_INT(c.tenant_count, 0);
		CHECK(conf_find_tenant(&c, "t1") == NULL);
		conf_done(&c);
	}
	conf_done(NULL);
}

static void every_key_is_read(void)
{
	struct conf c = conf_file("state_dir = /s\n  run_dir=/r r\npin_dir\t=\t/p  \nuser = so-me_1.x\nhook = kretprobe\n"
			     "record_loopback = yes\nring_size = 64K\nsync_interval = 10ms\n"
			     "rotate_interval = 24h\nrotate_size = 1G\ntimezone = Etc/GMT-9\nhead_command = /bin/send  -to h\n"
			     "approval_rows = 0\napproval_window = 90m\n"
			     "[tenant t1]\naddress = 192.0.2.1:443\naddress = 2001:db8::/64\n\n"
			     "[tenant\t 2.a_b-C ]\n  address=[2001:db8::1]:80\n");
	char text[SELECTOR_TEXT_MAX];

	CHECK_STR(c.state_dir, "/s");
	CHECK_STR(c.run_dir, "/r r");
	CHECK_STR(c.pin_dir, "/p");
	CHECK_STR(c.user, "so-me_1.x");
	CHECK_INT(c.hook, SEKISHO_RUNG_KRETPROBE);
	CHECK(c.record_loopback);
	CHECK_INT(c.ring_size, 65536);
	CHECK_INT(c.sync_interval_ns, 10000000);
	CHECK_INT(c.rotate_interval_ns, 86400000000000);
	CHECK_INT(c.rotate_size, 1 << 30);
	CHECK_INT(c.approval_rows, 0);
	CHECK_INT(c.approval_window_ns, 90 * 60 * NS_PER_SEC);
	CHECK_STR(c.timezone, "Etc/GMT-9");
	CHECK_STR(c.head_command, "/bin/send  -to h");
	REQUIRE(c.tenant_count == 2);
	CHECK_STR(c.tenants[0].id, "t1");
	CHECK_INT(c.tenants[0].line, 15);
	REQUIRE(c.tenants[0].selector_count == 2);
	CHECK_STR(selector_format(&c.tenants[0].selectors[0], text), "192.0.2.1:443");
	CHECK_STR(selector_format(&c.tenants[0].selectors[1], text), "2001:db8::/64");
	CHECK_STR(c.tenants[1].id, "2.a_b-C");
	CHECK(conf_find_tenant(&c, "2.a_b-C") == &c.tenants[1]);
	CHECK(conf_find_tenant(&c, "2.a_b-c") == NULL);
	conf_done(&c);
}

static void hooks_by_name(void)
{
	static const struct {
		const char *text;
		enum sekisho_rung rung;
	} table[] = { { "hook = auto", SEKISHO_RUNG_NONE }, { "hook = set_state", SEKISHO_RUNG_SET_STATE },
		      { "hook = sock_ops", SEKISHO_RUNG_SOCK_OPS },
		      { "hook = fexit", SEKISHO_RUNG_FEXIT }, { "hook = kretprobe", SEKISHO_RUNG_KRETPROBE } };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct conf c = conf_file(table[i].text);

		CHECK_ROW(c.hook == table[i].rung, "%s", table[i].text);
		conf_done(&c);
	}
}

#define ADDRESS_EXPECTED \
	"expected ADDR[/LEN][:PORT] without host bits; IPv6 with a port is [ADDR]/LEN:PORT"

static const struct {
	const char *text, *want;
} errors[] = {
	{ "colour = blue", "1: unknown key \"colour\"" },
	{ "\n\nState_dir = /x\n", "3: unknown key \"State_dir\"" },
	{ "= /x\n", "1: unknown key \"\"" },
	{ "state_dir\n", "1: \"state_dir\": expected key = value" },
	{ "state_dir /x", "1: \"state_dir /x\": expected key = value" },
	{ "state_dir = x", "1: state_dir = \"x\": expected an absolute path of less than 200 bytes" },
	{ "run_dir =", "1: run_dir = \"\": expected an absolute path of less than 200 bytes" },
	{ "pin_dir = .", "1: pin_dir = \".\": expected an absolute path of less than 200 bytes on a BPF file system, its name without a dot" },
	{ "hook = best", "1: hook = \"best\": expected auto, set_state, sock_ops, fexit or kretprobe" },
	{ "hook = none", "1: hook = \"none\": expected auto, set_state, sock_ops, fexit or kretprobe" },
	{ "record_loopback = 1", "1: record_loopback = \"1\": expected yes or no" },
	{ "record_loopback = Yes", "1: record_loopback = \"Yes\": expected yes or no" },
	{ "ring_size = 32K", "1: ring_size = \"32K\": expected a power of two from 64K to 1G" },
	{ "ring_size = 65537", "1: ring_size = \"65537\": expected a power of two from 64K to 1G" },
	{ "ring_size = 3M", "1: ring_size = \"3M\": expected a power of two from 64K to 1G" },
	{ "user = a b", "1: user = \"a b\": expected the name or number of a user" },
	{ "user = -x", "1: user = \"-x\": expected the name or number of a user" },
	{ "user =", "1: user = \"\": expected the name or number of a user" },
	{ "ring_size = 2G", "1: ring_size = \"2G\": expected a power of two from 64K to 1G" },
	{ "ring_size = 16m", "1: ring_size = \"16m\": expected a power of two from 64K to 1G" },
	{ "sync_interval = 9ms", "1: sync_interval = \"9ms\": expected 10ms to 60s" },
	{ "sync_interval = 61s", "1: sync_interval = \"61s\": expected 10ms to 60s" },
	{ "sync_interval = 1", "1: sync_interval = \"1\": expected 10ms to 60s" },
	{ "rotate_interval = 25h", "1: rotate_interval = \"25h\": expected 1s to 24h" },
	{ "rotate_interval = 500ms", "1: rotate_interval = \"500ms\": expected 1s to 24h" },
	{ "rotate_size = 1023K", "1: rotate_size = \"1023K\": expected 1M to 1G" },
	{ "approval_rows = -1", "1: approval_rows = \"-1\": expected 0 to 1000000000" },
	{ "approval_rows = 1000000001", "1: approval_rows = \"1000000001\": expected 0 to 1000000000" },
	{ "approval_window = 24", "1: approval_window = \"24\": expected 1s to 366d" },
	{ "approval_window = 367d", "1: approval_window = \"367d\": expected 1s to 366d" },
	{ "rotate_size = 1025M", "1: rotate_size = \"1025M\": expected 1M to 1G" },
	{ "heartbeat = 4s", "1: heartbeat = \"4s\": expected 5s to 10m" },
	{ "canary_interval = 999ms", "1: canary_interval = \"999ms\": expected 1s to 20s" },
	{ "canary_interval = 21s", "1: canary_interval = \"21s\": expected 1s to 20s" },
	{ "heartbeat = 11m", "1: heartbeat = \"11m\": expected 5s to 10m" },
	{ "min_free = 51%", "1: min_free = \"51%\": expected auto, a size up to 1T or 1% to 50%" },
	{ "min_free = %", "1: min_free = \"%\": expected auto, a size up to 1T or 1% to 50%" },
	{ "head_command = send", "1: head_command = \"send\": expected an absolute path and words apart by blanks, less than 200 bytes, without quotes and what else a shell reads" },
	{ "head_command = /bin/sh -c 'x'", "1: head_command = \"/bin/sh -c 'x'\": expected an absolute path and words apart by blanks, less than 200 bytes, without quotes and what else a shell reads" },
	{ "head_command = /bin/send | tee", "1: head_command = \"/bin/send | tee\": expected an absolute path and words apart by blanks, less than 200 bytes, without quotes and what else a shell reads" },
	{ "group_desk = a b", "1: group_desk = \"a b\": expected a name or a number, at most 64 bytes without blanks, ',', ':' and '/'" },
	{ "group_audit =", "1: group_audit = \"\": expected a name or a number, at most 64 bytes without blanks, ',', ':' and '/'" },
	{ "owner = alice", "1: unknown key \"owner\"" },
	{ CONF_FILE_T1 "owner = a:b\naddress = 192.0.2.1", "3: owner = \"a:b\": expected a name or a number, at most 64 bytes without blanks, ',', ':' and '/'" },
	{ CONF_FILE_T1 "owner = alice\nowner = bob\naddress = 192.0.2.1", "4: owner of tenant t1 is set already" },
	{ "timezone =", "1: timezone = \"\": expected a zone name such as Asia/Tokyo" },
	{ "hook = auto # comment", "1: hook = \"auto # comment\": expected auto, set_state, sock_ops, fexit or kretprobe" },
	{ "hook = auto\nring_size = 1M\nhook = auto\n", "3: hook is set already on line 1" },
	{ "[tenant]", "1: \"[tenant]\": expected [tenant ID]" },
	{ "[tenant", "1: \"[tenant\": expected [tenant ID]" },
	{ "[", "1: \"[\": expected [tenant ID]" },
	{ "[]", "1: \"[]\": expected [tenant ID]" },
	{ "[tenantt1]", "1: \"[tenantt1]\": expected [tenant ID]" },
	{ "[customer t1]", "1: \"[customer t1]\": expected [tenant ID]" },
	{ "[tenant t1] # x", "1: \"[tenant t1] # x\": expected [tenant ID]" },
	{ "[tenant ]", "1: tenant id \"\": expected 1 to 64 of A-Z a-z 0-9 . _ - starting with a letter or digit" },
	{ "[tenant ..]", "1: tenant id \"..\": expected 1 to 64 of A-Z a-z 0-9 . _ - starting with a letter or digit" },
	{ "[tenant a b]", "1: tenant id \"a b\": expected 1 to 64 of A-Z a-z 0-9 . _ - starting with a letter or digit" },
	{ "[tenant t1]\n", "1: tenant t1 has no address, cgroup, netns or interface" },
	{ "\n[tenant t1]\n[tenant t2]\naddress = 192.0.2.1\n", "2: tenant t1 has no address, cgroup, netns or interface" },
	{ CONF_FILE_T1 "[tenant t1]\naddress = 192.0.2.2\n", "3: tenant t1 is there already on line 1" },
	{ CONF_FILE_T1 "hook = auto\n", "3: unknown key \"hook\" in section [tenant t1]" },
	{ CONF_FILE_T1 "address", "3: \"address\": expected key = value" },
	{ CONF_FILE_T1 "address = 192.0.2.1/24", "3: address = \"192.0.2.1/24\": " ADDRESS_EXPECTED },
	{ CONF_FILE_T1 "address =", "3: address = \"\": " ADDRESS_EXPECTED },
	{ CONF_FILE_T1 "address = 192.0.2.2:0", "3: address = \"192.0.2.2:0\": " ADDRESS_EXPECTED },
	{ CONF_FILE_T1 "address = www.example.jp", "3: address = \"www.example.jp\": " ADDRESS_EXPECTED },
	{ "address = 192.0.2.1", "1: unknown key \"address\"" },
	/* AC-12: identical is an error, in one tenant and in two, in every spelling. */
	{ CONF_FILE_T1 "address = 192.0.2.1\n", "3: address 192.0.2.1 belongs to tenant t1 already" },
	{ CONF_FILE_T1 "[tenant t2]\naddress = 192.0.2.1/32\n", "4: address 192.0.2.1/32 belongs to tenant t1 already" },
	{ CONF_FILE_T1 "[tenant t2]\naddress = ::ffff:192.0.2.1\n",
	  "4: address ::ffff:192.0.2.1 belongs to tenant t1 already" },
};

static void every_error_names_file_line_and_value(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		check_refused(errors[i].text, strlen(errors[i].text), errors[i].want);
}

/* AC-12: address and port inside another tenant's address, or a longer prefix, is allowed. */
static void overlap_is_no_duplicate(void)
{
	struct conf c = conf_file(CONF_FILE_T1 "address = 192.0.2.1:80\n[tenant t2]\naddress = 192.0.2.1:443\n"
			     "address = 192.0.2.0/24\naddress = ::/0\n");

	CHECK_INT(c.tenant_count, 2);
	CHECK_INT(c.tenants[1].selector_count, 3);
	conf_done(&c);
}

static void line_ends(void)
{
	static const char *const texts[] = {
		"state_dir = /s\r\n[tenant t1]\r\naddress = 192.0.2.1\r\n",
		"state_dir = /s\n[tenant t1]\naddress = 192.0.2.1",
		"state_dir = /s \t\r\n\r\n[tenant t1]  \r\n\taddress = 192.0.2.1 \r",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct conf c = conf_file(texts[i]);

		CHECK_STR(c.state_dir, "/s");
		REQUIRE(c.tenant_count == 1);
		CHECK_STR(c.tenants[0].id, "t1");
		CHECK_INT(c.tenants[0].selector_count, 1);
		conf_done(&c);
	}
}

static void long_lines(void)
{
	char text[2000], path[300];
	struct conf c;
	struct problem p = { "" };

	for (size_t length = 505; length < 520; length++)
		for (int newline = 0; newline < 2; newline++) { /* a comment of that many bytes */
			bool fine = length <= 510;
			int error;

			memset(text, '#', length);
			memcpy(text + length, "\n", (size_t)newline);
			error = conf_file_bytes(text, length + (size_t)newline, &c, &p);
			CHECK_ROW(error == (fine ? 0 : -EINVAL), "%zu bytes, newline %d: %d", length,
				  newline, error);
			CHECK_ROW(fine || strstr(p.text, ":1: line is longer than 510 bytes"), "%s", p.text);
			if (!error)
				conf_done(&c);
		}
	memset(text, 'x', sizeof(text));
	text[0] = '\n';
	check_refused(text, sizeof(text), "2: line is longer than 510 bytes");
	/* The longest path, and one byte more. */
	memset(path, 'p', sizeof(path));
	memcpy(path, "run_dir = /", 11);
	path[10 + CONF_PATH_MAX - 1] = '\0';
	c = conf_file(path);
	CHECK_INT(strlen(c.run_dir), CONF_PATH_MAX - 1);
	conf_done(&c);
	path[10 + CONF_PATH_MAX - 1] = 'p';
	path[10 + CONF_PATH_MAX] = '\0';
	CHECK_INT(conf_file_bytes(path, strlen(path), &c, &p), -EINVAL);
}

/* A NUL must not hide the rest of its line. */
static void a_nul_byte_is_refused(void)
{
	static const char hidden[] = "state_dir = /s\0/other\n", whole[] = "\n\0colour = blue\n";

	check_refused(hidden, sizeof(hidden) - 1, "1: line has a NUL byte at column 15");
	check_refused(whole, sizeof(whole) - 1, "2: line has a NUL byte at column 1");
}

static void many_tenants_and_addresses(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct conf c;

	for (unsigned int i = 0; i < 500; i++)
		fprintf(out, "[tenant t%u]\naddress = 10.0.%u.%u\naddress = 10.1.%u.%u:80\n", i, i / 256,
			i % 256, i / 256, i % 256);
	fclose(out);
	c = conf_file(text);
	CHECK_INT(c.tenant_count, 500);
	CHECK_STR(c.tenants[499].id, "t499");
	CHECK(conf_find_tenant(&c, "t250") == &c.tenants[250]);
	conf_done(&c);
	free(text);
}

static void too_many_addresses(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "[tenant t1]\n");
	for (unsigned int i = 0; i <= CONF_SELECTORS_MAX; i++)
		fprintf(out, "address = 10.0.%u.%u\n", i / 256, i % 256);
	fclose(out);
	check_refused(text, size, "16386: more than 16384 selectors");
	free(text);
}

#define LETTERS "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz"

static void selectors_of_all_kinds(void)
{
	static const char text[] = "shared_listener = 192.0.2.9:443\nshared_listener = [::]:80\n"
				   "[tenant t1]\ncgroup = /t.slice/web\nnetns = /run/netns/web\n"
				   "interface = tap0\naddress = 192.0.2.1:443\n"
				   "[tenant t2]\ncgroup = /t.slice/web/inner\n";
	static const char *const want[] = { "cgroup:/t.slice/web", "netns:/run/netns/web", "interface:tap0",
					    "192.0.2.1:443" };
	static const char *const shared[] = { "192.0.2.9:443", "[::]/0:80", "0.0.0.0/0:80" };
	char got[SELECTOR_TEXT_MAX], *printed = NULL;
	struct conf c = conf_file(text), again;
	size_t size;
	FILE *out;

	REQUIRE(c.tenants[0].selector_count == 4 && c.shared_count == 3);
	for (size_t i = 0; i < 4; i++)
		CHECK_STR(selector_format(&c.tenants[0].selectors[i], got), want[i]);
	for (size_t i = 0; i < 3; i++) /* [::] listens on every address */
		CHECK_STR(selector_format(&c.shared[i], got), shared[i]);
	out = open_memstream(&printed, &size);
	conf_print(&c, out);
	fclose(out);
	again = conf_file(printed);
	CHECK_INT(again.shared_count, 3); /* the printed [::]/0 is both again, and one of them is there */
	REQUIRE(again.tenants[0].selector_count == 4);
	for (size_t i = 0; i < 4; i++)
		CHECK_STR(selector_format(&again.tenants[0].selectors[i], got), want[i]);
	conf_done(&again);
	conf_done(&c);
	free(printed);
}

static void bad_selectors_of_all_kinds(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "[tenant t1]\ncgroup = /\n",
		  "2: cgroup = \"/\": expected a path below the cgroup2 root, like /tenants.slice/web, without //, . or .. and of less than 256 ASCII characters" },
		{ "[tenant t1]\ncgroup = " LETTERS "\n",
		  "2: cgroup = \"abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-abcdef...\": expected a path below the cgroup2 root, like /tenants.slice/web, without //, . or .. and of less than 256 ASCII characters" },
		{ "[tenant t1]\nnetns = /proc/42/ns/net\n",
		  "2: netns = \"/proc/42/ns/net\": expected an absolute path like /run/netns/NAME (ip netns attach NAME PID names a namespace; a process number in /proc is no name)" },
		{ "[tenant t1]\ninterface = a b\n",
		  "2: interface = \"a b\": expected the name of a network interface, 1 to 15 characters" },
		{ "[tenant t1]\ncgroup = /a\n[tenant t2]\ncgroup = /a\n",
		  "4: cgroup /a belongs to tenant t1 already" },
		{ "[tenant t1]\nnetns = /run/netns/a\nnetns = /run/netns/a\n",
		  "3: netns /run/netns/a belongs to tenant t1 already" },
		{ "[tenant t1]\naddress = 192.0.2.1\nshared_listener = 192.0.2.1\n",
		  "3: unknown key \"shared_listener\" in section [tenant t1]" },
		{ "cgroup = /a\n", "1: unknown key \"cgroup\"" },
		{ "shared_listener = all\n",
		  "1: shared_listener = \"all\": expected ADDR[/LEN][:PORT] without host bits; IPv6 with a port is [ADDR]/LEN:PORT" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_refused(rows[i].text, strlen(rows[i].text), rows[i].want);
}

/* Who can be told from the others (AC-12). */
static void separable(void)
{
	static const struct {
		const char *text, *want; /* of tenant t1; NULL: it can */
	} rows[] = {
		{ "[tenant t1]\naddress = 192.0.2.1\n[tenant t2]\naddress = 192.0.2.2\n", NULL },
		{ "[tenant t1]\naddress = 192.0.2.1:443\n[tenant t2]\naddress = 192.0.2.1\n", NULL },
		{ "[tenant t1]\naddress = 192.0.2.0/24\n[tenant t2]\naddress = 192.0.2.1:443\n", NULL },
		{ "[tenant t1]\ncgroup = /a\n[tenant t2]\ncgroup = /a/b\n", NULL },
		{ "[tenant t1]\naddress = 192.0.2.0/24:443\naddress = 192.0.2.1\n", NULL }, /* its own */
		{ "[tenant t1]\naddress = 192.0.2.0/24:443\n[tenant t2]\naddress = 192.0.2.1\n",
		  "SHARED_TENANT: 192.0.2.0/24:443 of tenant t1 crosses 192.0.2.1 of tenant t2: neither is inside the other" },
		{ "[tenant t2]\naddress = 192.0.2.0/24:443\n[tenant t1]\naddress = 192.0.2.1\n",
		  "SHARED_TENANT: 192.0.2.1 of tenant t1 crosses 192.0.2.0/24:443 of tenant t2: neither is inside the other" },
		{ "shared_listener = 192.0.2.1:443\n[tenant t1]\naddress = 192.0.2.1:443\n",
		  "SHARED_TENANT: 192.0.2.1:443 of tenant t1 is reached by shared_listener 192.0.2.1:443, which serves others too" },
		{ "shared_listener = 192.0.2.1\n[tenant t1]\naddress = 192.0.2.1:443\n",
		  "SHARED_TENANT: 192.0.2.1:443 of tenant t1 is reached by shared_listener 192.0.2.1, which serves others too" },
		{ "shared_listener = 192.0.2.1:443\n[tenant t1]\naddress = 192.0.2.0/24\n",
		  "SHARED_TENANT: 192.0.2.0/24 of tenant t1 is reached by shared_listener 192.0.2.1:443, which serves others too" },
		{ "shared_listener = 0.0.0.0:443\n[tenant t1]\naddress = 192.0.2.1\n",
		  "SHARED_TENANT: 192.0.2.1 of tenant t1 is reached by shared_listener 0.0.0.0/0:443, which serves others too" },
		{ "shared_listener = [::]:443\n[tenant t1]\naddress = 192.0.2.1:443\n",
		  "SHARED_TENANT: 192.0.2.1:443 of tenant t1 is reached by shared_listener 0.0.0.0/0:443, which serves others too" },
		{ "shared_listener = 0.0.0.0:443\n[tenant t1]\naddress = 192.0.2.1:80\n", NULL },
		{ "shared_listener = 192.0.2.1:443\n[tenant t1]\naddress = 192.0.2.1:80\ncgroup = /a\n", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct conf c = conf_file(rows[i].text);
		struct problem p = { "" };
		int error = conf_check_separable(&c, "t1", &p);

		CHECK_ROW(error == (rows[i].want ? -EPERM : 0), "row %zu: %d", i, error);
		CHECK_STR(p.text, rows[i].want ? rows[i].want : "");
		conf_done(&c);
	}
}

static void files_that_cannot_be_read(void)
{
	struct conf c;
	struct problem p;

	CHECK_INT(conf_load("/nonexistent/c", &c, &p), -ENOENT);
	CHECK_STR(p.text, "cannot open configuration /nonexistent/c: No such file or directory");
	CHECK_INT(conf_load("/proc/self", &c, &p), -EIO);
	CHECK_STR(p.text, "cannot read /proc/self: Is a directory");
}

static char told[300];

static void tell(const char *name, const char *until)
{
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s:%s ", name, until);
}

/* What cannot change in a running daemon keeps its value, and is told; the rest changes. */
static void what_is_fixed_is_kept(void)
{
	struct conf old = conf_file("user = 7\nstate_dir = /a\nrun_dir = /b\npin_dir = /sys/fs/bpf/c\nhook = fexit\n"
				    "witness = no\nring_size = 16M\ngroup_desk = old\n");
	struct conf new = conf_file("user = 8\nstate_dir = /x\nrun_dir = /y\npin_dir = /sys/fs/bpf/z\nhook = sock_ops\n"
				    "witness = yes\nring_size = 32M\ngroup_desk = new\n");
	struct conf same = conf_file("user = 7\nstate_dir = /a\nrun_dir = /b\npin_dir = /sys/fs/bpf/c\nhook = fexit\n"
				"witness = no\nring_size = 16M\n");

	told[0] = '\0';
	conf_keep_fixed(&old, &same, tell);
	CHECK_STR(told, "");
	conf_keep_fixed(&old, &new, tell);
	CHECK_STR(told, "user:restarted state_dir:restarted run_dir:restarted pin_dir:restarted hook:restarted "
			"witness:restarted ring_size:disarmed and started ");
	CHECK_STR(new.user, "7");
	CHECK_STR(new.state_dir, "/a");
	CHECK_STR(new.run_dir, "/b");
	CHECK_STR(new.pin_dir, "/sys/fs/bpf/c");
	CHECK_INT(new.hook, old.hook);
	CHECK(!new.witness);
	CHECK_INT(new.ring_size, 16 << 20);
	CHECK_STR(new.group_desk, "new");
	conf_done(&old);
	conf_done(&new);
	conf_done(&same);
}

UNIT_SUITE(conf, TEST(what_is_fixed_is_kept), TEST(defaults_hold_where_the_file_says_nothing), TEST(every_key_is_read),
	   TEST(hooks_by_name), TEST(every_error_names_file_line_and_value),
	   TEST(overlap_is_no_duplicate), TEST(line_ends), TEST(long_lines),
	   TEST(a_nul_byte_is_refused), TEST(many_tenants_and_addresses), TEST(too_many_addresses),
	   TEST(selectors_of_all_kinds), TEST(bad_selectors_of_all_kinds), TEST(separable),
	   TEST(files_that_cannot_be_read));
