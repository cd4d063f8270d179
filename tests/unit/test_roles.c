/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may do what, for each role and each act, from a table written a second time. */
#include "control/roles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "fixture.h"
#include "unit.h"

/* A admin, D desk, U audit, P panel, O the tenant's own user; nobody else but root. */
static const struct {
	const char *act, *who;
} rights[] = {
	{ "status", "A" },
	{ "reload", "A" },
	{ "seal", "A" },
	{ "hold set", "A" },
	{ "hold list", "ADU" },
	{ "hold release", "A" },
	{ "case open", "D" },
	{ "case list", "DU" },
	{ "case show", "DU" },
	{ "case note", "D" },
	{ "case opinion", "D" },
	{ "case provider", "D" },
	{ "case close", "D" },
	{ "approve", "D" },
	{ "search", "DO" },
	{ "consent grant", "PO" },
	{ "consent modify", "PO" },
	{ "consent withdraw", "PO" },
	{ "consent notice", "AP" },
	{ "consent show", "AUPO" },
	{ "consent log", "AUO" },
	{ "consent text", "APO" },
	{ "ledger show", "U" },
	{ "ledger verify", "U" },
	{ "ledger head", "U" },
	{ "ledger rotate-key", "" },
	{ "verify", "U" },
	{ "import", "" },
};

static struct conf a_conf(void)
{
	static const char text[] = "group_admin = 61001\ngroup_desk = 61002\ngroup_audit = 61003\ngroup_panel = 61004\n"
				   "[tenant a]\nowner = 60006\naddress = 192.0.2.1\n"
				   "[tenant b]\nowner = no-such-user-here\naddress = 192.0.2.2\n"
				   "[tenant c]\naddress = 192.0.2.3\n";
	struct conf c;
	struct problem p = { "" };
	char path[300];

	write_file(unit_temp_dir(), "conf", text, strlen(text));
	snprintf(path, sizeof(path), "%s/conf", unit_temp_path());
	REQUIRE(conf_load(path, &c, &p) == 0);
	return c;
}

/* One of "ADUPO", or 'n' for nobody. */
static struct peer a_peer(char who, const struct conf *conf)
{
	static gid_t groups[2];
	const char *at = strchr("ADUP", who);
	struct peer p = { .uid = who == 'O' ? 60006 : 60001, .by_socket = true, .groups = groups, .group_count = 2 };

	groups[0] = 60000;
	groups[1] = at ? 61001 + (gid_t)(at - "ADUP") : 60999;
	roles_set(&p, conf);
	return p;
}

static const struct role_act *find(const char *act)
{
	char text[64], *argv[3] = { text };
	int argc = 1;

	strcpy(text, act);
	if (strchr(text, ' ')) {
		argv[argc++] = strchr(text, ' ') + 1;
		*strchr(text, ' ') = '\0';
	}
	return roles_find(argc, argv);
}

static void every_role_and_every_act(void)
{
	struct conf conf = a_conf();
	struct problem p;
	bool own;
	size_t count = 0;

	while (role_acts[count].verb)
		count++;
	CHECK_INT(count, ARRAY_SIZE(rights)); /* no act that this table does not know */
	for (size_t i = 0; i < ARRAY_SIZE(rights); i++) {
		const struct role_act *act = find(rights[i].act);
		struct peer root = { .uid = 0, .by_socket = true };

		CHECK_ROW(act != NULL, "%s", rights[i].act);
		if (!act)
			continue;
		CHECK_INT(roles_admit(&root, &conf, act, &own, &p), 0);
		CHECK(!own);
		for (const char *who = "ADUPOn"; *who; who++) {
			struct peer peer = a_peer(*who, &conf);
			int want = strchr(rights[i].who, *who) ? 0 : -EACCES;

			CHECK_ROW(roles_admit(&peer, &conf, act, &own, &p) == want, "%s by %c", rights[i].act, *who);
			if (!want)
				CHECK_ROW(own == (*who == 'O'), "%s by %c", rights[i].act, *who);
			else
				CHECK_ROW(strstr(p.text, rights[i].act) == p.text && strstr(p.text, ", not for uid 6000"), "%s", p.text);
		}
	}
	conf_done(&conf);
}

static void a_refusal_names_who_may(void)
{
	struct conf conf = a_conf();
	struct peer peer = a_peer('A', &conf);
	struct problem p;
	bool own;

	CHECK_INT(roles_admit(&peer, &conf, find("search"), &own, &p), -EACCES);
	CHECK_STR(p.text, "search is for group 61002, the tenant's own user, root, not for uid 60001");
	CHECK_INT(roles_admit(&peer, &conf, find("ledger rotate-key"), &own, &p), -EACCES);
	CHECK_STR(p.text, "ledger rotate-key is for root, not for uid 60001");
	conf_done(&conf);
}

static void owners(void)
{
	struct conf conf = a_conf();
	struct peer peer = { .uid = 60006, .user = "alice" }, named = { .uid = 1, .user = "no-such-user-here" },
		    nobody = { .uid = 2, .user = "" };

	CHECK(roles_owns(&peer, &conf, "a"));
	CHECK(!roles_owns(&peer, &conf, "b"));
	CHECK(!roles_owns(&peer, &conf, "c"));
	CHECK(!roles_owns(&peer, &conf, "d"));
	CHECK(!roles_owns(&peer, &conf, NULL));
	CHECK(roles_owns(&named, &conf, "b"));
	CHECK(!roles_owns(&nobody, &conf, "c")); /* neither has a name */
	conf_done(&conf);
}

/* Acts stand right behind their verb: an option between them hides none. */
static void acts_are_found_by_their_place(void)
{
	char *ledger[] = { "ledger", "--json", "show", NULL }, *none[] = { "ledger", NULL }, *other[] = { "consents", "show", NULL };
	char *search[] = { "search", "--tenant", "a", NULL };

	CHECK(roles_find(3, ledger) == NULL);
	CHECK(roles_find(1, none) == NULL);
	CHECK(roles_find(2, other) == NULL);
	CHECK(roles_find(0, none) == NULL);
	CHECK(roles_find(3, search) == find("search"));
}

static void groups_that_do_not_exist_are_nobodys(void)
{
	struct conf conf;
	struct peer p = { .uid = 60001, .by_socket = true };
	gid_t groups[] = { 0, 65534, 100 };

	conf_defaults(&conf);
	strcpy(conf.group_admin, "no-such-group-here");
	strcpy(conf.group_panel, "root"); /* a control: names are looked up */
	p.groups = groups;
	p.group_count = 3;
	roles_set(&p, &conf);
	CHECK_INT(p.roles & (ROLE_ADMIN | ROLE_PANEL), ROLE_PANEL);
}

/* What the kernel says of a peer: us. */
static void a_peer_is_who_connected(void)
{
	gid_t groups[1000];
	int fds[2], count = getgroups(1000, groups);
	struct peer p, self;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	REQUIRE(peer_of(fds[0], &p) == 0);
	peer_self(&self);
	CHECK_INT(p.uid, geteuid());
	CHECK_STR(p.user, self.user);
	CHECK(p.by_socket && !self.by_socket);
	CHECK(peer_in_group(&p, getegid()));
	CHECK_INT(p.group_count, count + 1);
	for (int i = 0; i < count; i++)
		CHECK_ROW(peer_in_group(&p, groups[i]), "%u", groups[i]);
	CHECK(!peer_in_group(&p, 4000000001u));
	peer_done(&p);
	close(fds[0]);
	close(fds[1]);
}

UNIT_SUITE(roles, TEST(every_role_and_every_act), TEST(a_refusal_names_who_may), TEST(owners),
	   TEST(acts_are_found_by_their_place), TEST(groups_that_do_not_exist_are_nobodys), TEST(a_peer_is_who_connected));
