// SPDX-License-Identifier: BSD-2-Clause
/* sekisho consent grant|withdraw: the acts of the consent ledger. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/utc.h"
#include "capture/capture.h"
#include "command.h"
#include "control/client.h"
#include "ledger/consent.h"

/* A grant is renewed, not given for ever (DOMAIN 2.4). */
#define GRANT_MAX_NS (5 * 366 * NS_PER_DAY)
#define TEXT_BYTES_MAX (1 << 20)

struct consent_options {
	const char *until, *text, *fields, *retention, *actor;
	unsigned int same_terms, revocable, help;
};

#define VALUE(name_, metavar_, field_, help_) \
	CMD_VALUE(name_, metavar_, struct consent_options, field_, help_)

static const struct cmd_option grant_table[] = {
	VALUE("until", "TIME", until, "end of the permission, RFC 3339 with a zone"),
	VALUE("text", "FILE", text, "the explanation that the tenant was shown (its SHA-256 is kept)"),
	VALUE("fields", "LIST", fields, "src_addr,src_port,dst_addr,dst_port,t_accept[,rtt][,t_close]"),
	VALUE("retention", "DAYS", retention, "how long records are kept, 1 to 366"),
	CMD_SWITCH("same-terms", struct consent_options, same_terms,
		   "asserts: all other terms are the same without this permission"),
	CMD_SWITCH("revocable", struct consent_options, revocable,
		   "asserts: the tenant was told that it can withdraw at any time"),
	VALUE("actor", "NAME", actor, "who gave the permission (default: the user running this)"),
	CMD_SWITCH("help", struct consent_options, help, "this text"),
	{},
};

static const struct cmd_option withdraw_table[] = {
	VALUE("actor", "NAME", actor, "who withdrew it (default: the user running this)"),
	CMD_SWITCH("help", struct consent_options, help, "this text"),
	{},
};

static void usage(void)
{
	printf("usage: sekisho consent grant TENANT --until TIME --text FILE --fields LIST\n"
	       "                       --retention DAYS --same-terms --revocable [--actor NAME]\n"
	       "       sekisho consent withdraw TENANT [--actor NAME]\n\n"
	       "grant: records that TENANT permits the recording of its connections from now on,\n"
	       "for the addresses that the configuration gives it at this moment.\n");
	cmdline_print_options(stdout, grant_table);
	printf("\nwithdraw: recording stops at once; what was recorded stays for its retention.\n");
	cmdline_print_options(stdout, withdraw_table);
	printf("\nExit status: 0 done, 1 no consent in force, 2 bad input, 4 refused by policy.\n");
}

/* What the law asks of a grant (AC-04), one message each. */
static const char *refusal(const struct consent_options *o)
{
	if (!o->until)
		return "a consent needs an end: --until TIME";
	if (!o->text)
		return "a consent needs the text that was shown: --text FILE";
	if (!o->fields)
		return "a consent names what is recorded: --fields LIST";
	if (!o->retention)
		return "a consent names how long records are kept: --retention DAYS";
	if (!o->same_terms)
		return "a consent is not valid unless all other terms are the same: --same-terms";
	if (!o->revocable)
		return "a consent is not valid unless it can be withdrawn at any time: --revocable";
	return NULL;
}

static int hash_text(const char *path, char ret_hex[static crypto_hash_sha256_BYTES * 2 + 1],
		     struct problem *p)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	struct mapped_file file;
	int error = fs_map(AT_FDCWD, path, TEXT_BYTES_MAX, &file);

	if (error)
		return problem(p, -EINVAL, "--text %s: %s", path, strerror(-error));
	if (!file.size)
		error = problem(p, -EINVAL, "--text %s: the file is empty", path);
	else
		crypto_hash_sha256(hash, file.data, file.size);
	fs_unmap(&file);
	if (!error)
		sodium_bin2hex(ret_hex, crypto_hash_sha256_BYTES * 2 + 1, hash, sizeof(hash));
	return error;
}

static int parse_until(const char *text, int64_t *ret_ns, struct problem *p)
{
	int64_t now = utc_now_ns(), until;
	struct problem why;

	if (utc_parse(text, &until, &why))
		return problem(p, -EINVAL, "--until: %s", why.text);
	if (until <= now)
		return problem(p, -EINVAL, "--until %s is not in the future", text);
	if (until - now > GRANT_MAX_NS)
		return problem(p, -EINVAL, "--until %s is more than five years away; a consent is to be renewed",
			       text);
	*ret_ns = until;
	return 0;
}

static int fill_grant(const struct command *c, const struct consent_options *o, const char *tenant,
		      struct consent_act *act, struct problem *p)
{
	const struct conf_tenant *t = conf_find_tenant(&c->conf, tenant);
	uint64_t days;
	int error;

	if (!t)
		return problem(p, -EINVAL, "tenant \"%s\" is not in %s", tenant, c->conf_path);
	act->scope = t->selectors;
	act->scope_count = t->selector_count;
	error = conf_check_separable(&c->conf, tenant, p);
	if (!error)
		error = parse_until(o->until, &act->until_ns, p);
	if (!error)
		error = consent_parse_fields(o->fields, &act->fields, p);
	if (!error && parse_u64(o->retention, 1, CONSENT_RETENTION_MAX_DAYS, &days))
		error = problem(p, -EINVAL, "--retention \"%s\": expected 1 to %d days", o->retention,
				CONSENT_RETENTION_MAX_DAYS);
	if (!error)
		act->retention_days = (uint32_t)days;
	return error;
}

/* Tells a running daemon. Without one the ledger counts at its next start. */
static int tell_daemon(const struct command *c, const char *done)
{
	struct problem p;
	json_t *answer;
	int status = client_call(c->conf.run_dir, json_pack("{s:s}", "verb", "reload"), &answer, &p);

	if (status == -ECONNREFUSED) {
		printf("%s; sekishod is not running: recording begins when it starts\n", done);
		return EXIT_YES;
	}
	if (status)
		return command_fail(EXIT_NO, &p);
	status = command_answer_status(answer);
	json_decref(answer);
	if (status == EXIT_YES)
		printf("%s; recording\n", done);
	else
		log_error("the consent is in the ledger, but sekishod could not apply it");
	return status;
}

static int grant(struct command *c, const struct consent_options *o, struct consent_act *act)
{
	char hash[crypto_hash_sha256_BYTES * 2 + 1], done[256], from[UTC_TEXT_MAX], until[UTC_TEXT_MAX];
	struct store_dir store;
	struct problem p;
	uint32_t seq;
	int64_t when;
	int error = fill_grant(c, o, act->tenant_id, act, &p);

	if (!error)
		error = hash_text(o->text, hash, &p);
	if (error) {
		command_fail(EXIT_USAGE, &p);
		if (error != -EPERM)
			return EXIT_USAGE;
		fputs(conf_separable_options(), stderr);
		return EXIT_REFUSED;
	}
	act->text_sha256 = hash;
	/* The first consent may come before the first start: the store is made here. */
	error = store_open(c->conf.state_dir, 1, &store, &p);
	if (!error) {
		error = consent_grant(&store, act, &seq, &when, &p);
		store_close(&store);
	}
	if (error)
		return command_fail(command_status_of(error), &p);
	snprintf(done, sizeof(done), "consent %u of tenant %s: from %s until %s, %zu address%s", seq,
		 act->tenant_id, utc_format_local(when, from), utc_format_local(act->until_ns, until),
		 act->scope_count, act->scope_count == 1 ? "" : "es");
	return tell_daemon(c, done);
}

/* Without a daemon: the kernel may still be recording into the ring, so it is told first. */
static int withdraw_alone(struct command *c, const struct consent_act *act, int64_t *ret_when,
			  struct problem *p)
{
	struct consents consents = {};
	const struct consent *g;
	struct store_dir store;
	int lock, error = command_open_store(c, &store, p);

	if (error)
		return error;
	lock = fs_lock(store.root, "lock", 2000);
	if (lock < 0) {
		store_close(&store);
		return problem(p, lock, "sekishod is starting or stopping; try again");
	}
	error = consents_load(&store, &consents, p);
	g = error ? NULL : consents_at(&consents, act->tenant_id, utc_now_ns());
	if (g) {
		error = capture_revoke_pinned(c->conf.pin_dir, g->tenant);
		if (error)
			problem(p, error, "cannot end the recording in the kernel: %s",
				strerror(-error));
	}
	consents_done(&consents);
	if (!error)
		error = consent_withdraw(&store, act, ret_when, p);
	close(lock);
	store_close(&store);
	return error;
}

static int withdraw(struct command *c, const struct consent_act *act)
{
	char text[UTC_TEXT_MAX];
	const char *when_text = text;
	struct problem p;
	json_t *answer = NULL;
	int64_t when;
	int status = EXIT_YES, error;

	error = client_call(c->conf.run_dir,
			    json_pack("{s:s, s:s, s:s?}", "verb", "withdraw", "tenant",
				      act->tenant_id, "actor", act->actor), &answer, &p);
	if (error == -ECONNREFUSED) {
		error = withdraw_alone(c, act, &when, &p);
		if (!error)
			utc_format(when, text);
	} else if (!error) {
		status = command_answer_status(answer);
		when_text = json_string_value(json_object_get(answer, "time"));
	}
	if (error)
		status = command_fail(command_status_of(error), &p);
	else if (status == EXIT_YES)
		printf("consent of tenant %s withdrawn at %s; nothing later is recorded\n",
		       act->tenant_id, when_text ? when_text : "?");
	json_decref(answer);
	return status;
}

int verb_consent(struct command *c, int argc, char **argv)
{
	const char *act_name = argc > 1 ? argv[1] : "";
	bool is_grant = strcmp(act_name, "grant") == 0;
	struct consent_options o = {};
	const struct passwd *user = getpwuid(getuid());
	struct consent_act act = { .uid = getuid() };
	const char *refused;
	char *tenant = NULL;
	struct problem p;
	size_t operands;

	if (strcmp(act_name, "--help") == 0) {
		usage();
		return EXIT_YES;
	}
	if (!is_grant && strcmp(act_name, "withdraw") != 0) {
		log_error("consent \"%s\": expected grant or withdraw; see sekisho consent --help",
			  act_name);
		return EXIT_USAGE;
	}
	if (cmdline_parse(argc - 1, argv + 1, is_grant ? grant_table : withdraw_table, &o, false,
			  &tenant, 1, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help) {
		usage();
		return EXIT_YES;
	}
	if (c->store_path) {
		log_error("consent needs a configuration (-c FILE), not --store");
		return EXIT_USAGE;
	}
	if (!tenant || parse_tenant_id(tenant)) {
		log_error("consent %s \"%s\": expected a tenant id", act_name, tenant ? tenant : "");
		return EXIT_USAGE;
	}
	refused = is_grant ? refusal(&o) : NULL;
	if (refused) {
		log_error("%s", refused);
		return EXIT_REFUSED;
	}
	if (sodium_init() < 0) {
		log_error("libsodium does not start");
		return EXIT_NO;
	}
	act.tenant_id = tenant;
	act.actor = o.actor ? o.actor : user ? user->pw_name : NULL;
	return is_grant ? grant(c, &o, &act) : withdraw(c, &act);
}
