// SPDX-License-Identifier: BSD-2-Clause
/* sekisho status: what the daemon says of itself, for people or as JSON. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "base/utc.h"
#include "capture/capture.h"
#include "command.h"

struct status_options {
	unsigned int json, help;
};

static const struct cmd_option option_table[] = {
	CMD_SWITCH("json", struct status_options, json, "as JSON"),
	CMD_SWITCH("help", struct status_options, help, "this text"),
	{},
};

static long long number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "-";
}

/* A state of a selector (schema/FIELDS.md) for people, behind NOT COVERED. */
static const char *said_state(const char *state)
{
	static const struct {
		const char *state, *said;
	} all[] = {
		{ "no consent", " by the consent" },
		{ "shared listener", ": a shared listener reaches it" },
		{ "unresolved", ": nothing is there now; recorded again when it is" },
		{ "ambiguous", ": a selector of another tenant means the same" },
		{ "not evaluated", ": this hook cannot tell its connections" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].state, state) == 0)
			return all[i].said;
	return state;
}

static bool is_covered(const json_t *selectors)
{
	size_t i;
	json_t *item;

	json_array_foreach((json_t *)selectors, i, item)
		if (strcmp(text(item, "state"), "covered") == 0)
			return true;
	return false;
}

static void show_tenant(const json_t *t)
{
	bool recording = json_is_true(json_object_get(t, "recording"));
	const json_t *selectors = json_object_get(t, "selectors");
	size_t i;
	json_t *item;

	if (recording)
		printf("  %-20s %-11s consent %lld until %s\n", text(t, "tenant"),
		       is_covered(selectors) ? "recording" : "NOT COVERED", number(t, "consent"), text(t, "until"));
	else
		printf("  %-20s not recorded: no consent in force\n", text(t, "tenant"));
	json_array_foreach(selectors, i, item) {
		const char *state = text(item, "state");
		bool covered = strcmp(state, "covered") == 0;

		printf("  %-20s   %s", "", text(item, "selector"));
		if (json_is_string(json_object_get(item, "resolved")))
			printf("  (%s)", text(item, "resolved"));
		printf("%s%s\n", recording && !covered ? "  NOT COVERED" : "",
		       recording && !covered ? said_state(state) : "");
	}
}

static void show_witness(const json_t *witness)
{
	if (!json_is_object(witness))
		return;
	printf("Witness:   sock_ops saw %lld connections, the hook %lld: %lld missed\n",
	       number(witness, "by_witness"), number(witness, "by_hook"), number(witness, "missed"));
}

static void show_recording(const json_t *s)
{
	const json_t *recorder = json_object_get(s, "recorder"), *ring = json_object_get(s, "ring");
	const json_t *journal = json_object_get(s, "journal"), *sealed = json_object_get(s, "sealed");

	printf("Rows:      %lld since the start, last %s\n", number(recorder, "rows"),
	       text(recorder, "last_record"));
	if (json_is_string(json_object_get(recorder, "nobody_since")))
		printf("           NOBODY IS RECORDED since %s: the journal does not take the tenants' names\n",
		       text(recorder, "nobody_since"));
	printf("Gaps:      %lld since the start, %lld events lost, %lld malformed\n",
	       number(recorder, "gaps"), number(recorder, "lost"), number(recorder, "malformed"));
	if (number(recorder, "refused"))
		printf("Refused:   %lld events without a consent that covers them\n",
		       number(recorder, "refused"));
	printf("Ring:      %lld of %lld bytes waiting\n", number(ring, "waiting"),
	       number(ring, "bytes"));
	show_witness(json_object_get(s, "witness"));
	printf("Journal:   %s, %lld rows, %lld bytes, last sync %s\n", text(journal, "file"),
	       number(journal, "rows"), number(journal, "bytes"), text(journal, "last_sync"));
	if (json_is_string(json_object_get(journal, "error")))
		printf("           CANNOT BE WRITTEN: %s\n", text(journal, "error"));
	printf("Sealed:    %lld rows in %lld sections since the start\n", number(sealed, "rows"),
	       number(sealed, "sections"));
	if (json_is_string(json_object_get(sealed, "error")))
		printf("           LAST RUN FAILED: %s\n", text(sealed, "error"));
}

static void show_reconciled(const json_t *r)
{
	if (!json_is_object(r)) {
		printf("Compared:  not with the kernel's own count: this hook does not see all of it\n");
		return;
	}
	printf("Compared:  %lld network namespace%s with TcpPassiveOpens: %lld connections NOT SEEN by the hook since the start\n",
	       number(r, "namespaces"), number(r, "namespaces") == 1 ? "" : "s", number(r, "not_seen"));
	printf("           seen: %lld recorded, %lld without consent, %lld loopback, %lld lost, %lld ended before their handshake did\n",
	       number(r, "recorded"), number(r, "no_consent"), number(r, "loopback"), number(r, "lost"), number(r, "died"));
	if (number(r, "elsewhere"))
		printf("           NOT COMPARED: %lld recorded in other network namespaces\n", number(r, "elsewhere"));
	if (number(r, "vanished"))
		printf("           NOT COMPARED to their end: %lld network namespaces that are gone\n", number(r, "vanished"));
	if (json_is_string(json_object_get(r, "error")))
		printf("           NOT COMPARED: some network namespaces, as their counts cannot be read: %s\n", text(r, "error"));
}

static void show_canary(const json_t *c)
{
	if (!json_is_object(c))
		printf("Canary:    none: no network namespace could be made for it\n");
	else if (json_is_true(json_object_get(c, "missing")))
		printf("Canary:    NOT SEEN since %s: what the hook emits does not come out of the ring\n", text(c, "last_seen"));
	else
		printf("Canary:    last seen %s\n", text(c, "last_seen"));
}

static void show_disk(const json_t *disk)
{
	if (json_is_string(json_object_get(disk, "stopped_since")))
		printf("Disk:      RECORDING STOPPED since %s: %.1f MiB are free, min_free is %.1f MiB\n",
		       text(disk, "stopped_since"), (double)number(disk, "free") / (1 << 20),
		       (double)number(disk, "min_free") / (1 << 20));
	if (json_is_true(json_object_get(disk, "sealing_waits")))
		printf("Disk:      sealing waits for more room than min_free, %.1f MiB\n",
		       (double)number(disk, "min_free") / (1 << 20));
}

static void show_retention(const json_t *r)
{
	printf("Deleted:   %lld tenant-days expired, %lld erased since the start, %lld rows; last run %s\n",
	       number(r, "expired_days"), number(r, "erased_days"), number(r, "rows"), text(r, "last_run"));
	if (number(r, "held_days"))
		printf("           %lld tenant-days are due and stay: they are held (sekisho hold list)\n",
		       number(r, "held_days"));
	if (json_is_string(json_object_get(r, "error")))
		printf("           NOT ALL THAT IS DUE WAS DELETED: %s\n", text(r, "error"));
	if (json_is_string(json_object_get(r, "clock")))
		printf("           EXPIRY WAITS: %s\n", text(r, "clock"));
}

/* Heads of the ledgers that were sent out of the node. */
static void show_heads(const json_t *heads)
{
	if (!json_is_object(heads))
		return;
	if (json_is_string(json_object_get(heads, "last_sent")))
		printf("Heads:     last sent at %s\n", text(heads, "last_sent"));
	else
		printf("Heads:     not sent yet since the start\n");
	if (json_is_string(json_object_get(heads, "error")))
		printf("           CANNOT BE SENT: %s\n", text(heads, "error"));
}

static void show_processes(const json_t *processes)
{
	size_t i;
	json_t *item;

	json_array_foreach((json_t *)processes, i, item) {
		printf("%s%s %lld (uid %lld)", i ? ", " : "Processes: ", text(item, "process"), number(item, "pid"),
		       number(item, "uid"));
		if (number(item, "restarts"))
			printf(" STARTED AGAIN %lld TIMES", number(item, "restarts"));
	}
	if (json_array_size(processes))
		putchar('\n');
}

static void show(const json_t *s)
{
	const json_t *clock = json_object_get(s, "clock");
	const json_t *tenants = json_object_get(s, "tenants");
	const json_t *disk = json_object_get(s, "disk");
	const char *blind = text(s, "cannot_see");
	size_t i;
	json_t *item;

	printf("Capture:   %s, hook %s, since %s\n",
	       json_is_true(json_object_get(s, "live")) ? "live" : "NOT LIVE", text(s, "hook"),
	       text(s, "started"));
	if (*blind && *blind != '-')
		printf("           cannot see: %s\n", blind);
	printf("Store:     %s, %.1f MiB on disk\n", text(s, "state_dir"),
	       (double)number(disk, "used") / (1 << 20));
	show_disk(disk);
	show_recording(s);
	show_reconciled(json_object_get(s, "reconciled"));
	show_canary(json_object_get(s, "canary"));
	show_retention(json_object_get(s, "retention"));
	show_heads(json_object_get(s, "heads"));
	if (json_is_true(json_object_get(clock, "synchronised")))
		printf("Clock:     synchronised, error at most %.3f ms\n",
		       (double)number(clock, "max_error_ns") / 1e6);
	else
		printf("Clock:     NOT SYNCHRONISED\n");
	if (json_is_integer(json_object_get(clock, "chrony_error_ns")))
		printf("           chronyd says at most %.3f ms\n", (double)number(clock, "chrony_error_ns") / 1e6);
	show_processes(json_object_get(s, "processes"));
	printf("Loopback:  %s\n", json_is_true(json_object_get(s, "record_loopback")) ?
					  "recorded" : "not recorded");
	printf("Tenants:   %zu configured\n", json_array_size(tenants));
	json_array_foreach(tenants, i, item)
		show_tenant(item);
}

static void say_what_is_pinned(const struct command *c)
{
	char duration[24];

	if (capture_is_pinned(c->conf.pin_dir))
		log_error("its program is still pinned in %s: the kernel records into the ring for at most %s after the last heartbeat",
			  c->conf.pin_dir, format_duration(c->conf.heartbeat_ns, duration));
}

int verb_status(struct command *c, int argc, char **argv)
{
	struct status_options o = {};
	struct problem p;
	json_t *answer;
	size_t operands;
	int status;

	if (cmdline_parse(argc, argv, option_table, &o, false, NULL, 0, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help) {
		printf("usage: sekisho [-c FILE] status [--json]\n\n"
		       "Is it recording, for whom, what was lost; times are UTC.\n\n"
		       "  --json  as JSON\n\n"
		       "Exit status: 0 while capture is live, 1 when it is not, 3 when sekishod does not run.\n");
		return EXIT_YES;
	}
	status = command_ask_verb(c, "status", &answer);
	if (status == EXIT_NO_DAEMON)
		say_what_is_pinned(c);
	if (status)
		return status;
	if (o.json) {
		json_object_del(answer, "status");
		json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		show(answer);
	}
	status = json_is_true(json_object_get(answer, "live")) ? EXIT_YES : EXIT_NO;
	json_decref(answer);
	return status;
}
