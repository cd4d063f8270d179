// SPDX-License-Identifier: BSD-2-Clause
/* sekisho consent withdraw, notice. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/utc.h"
#include "capture/capture.h"
#include "verb_consent.h"

/* Without a daemon: the kernel may still be recording into the ring, so it is told first. */
static int withdraw_alone(const struct consent_call *call, const struct store_dir *store, int64_t *ret_when,
			  struct problem *p)
{
	struct consents consents = {};
	const struct consent *g;
	int error, lock = fs_lock(store->root, "lock", 2000);

	if (lock < 0)
		return problem(p, lock, "sekishod is starting or stopping; try again");
	error = consents_load(store, &consents, p);
	g = error ? NULL : consents_at(&consents, call->tenant, utc_now_ns());
	if (g) {
		error = capture_revoke_pinned(call->c->conf.pin_dir, g->tenant);
		if (error)
			problem(p, error, "cannot end the recording in the kernel: %s", strerror(-error));
	}
	consents_done(&consents);
	if (!error)
		error = consent_withdraw(store, &call->act, ret_when, p);
	close(lock);
	return error;
}

/* The daemon does it: status of the command; -ECONNREFUSED without one. */
static int ask_daemon(const struct consent_call *call, int64_t *ret_when, struct problem *p)
{
	const struct consent_act *act = &call->act;
	struct problem why;
	json_t *answer = NULL;
	const char *time_text;
	int status, error = command_ask(call->c,
		json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s, s:s?, s:s?}", "verb", "withdraw", "tenant", act->tenant_id,
			  "withdraw_mode", act->erase ? "STOP_AND_ERASE" : "STOP_ONLY", "actor", act->actor,
			  "actor_auth", act->actor_auth, "method", act->method ? act->method : "command line", "from",
			  act->from, "ticket", act->ticket),
		&answer, p);

	if (error)
		return error;
	status = command_answer_status(answer);
	time_text = json_string_value(json_object_get(answer, "time"));
	if (status == EXIT_YES && (!time_text || utc_parse(time_text, ret_when, &why)))
		status = EXIT_NO;
	json_decref(answer);
	return status;
}

/* Waits for the run that erases. What is then still here is what the confirmation speaks of. */
static void wait_for_erasure(const struct consent_call *call)
{
	struct problem p;
	json_t *answer = NULL;

	if (command_ask(call->c, json_pack("{s:s}", "verb", "seal"), &answer, &p) != 0 ||
	    command_answer_status(answer) != EXIT_YES)
		log_warn("it is not known whether the erasure is done; it is repeated by itself until it is");
	json_decref(answer);
}

/* Days of which records are still here: statements of gaps are none. Where custody does not know, all that is there. */
static size_t days_left(const json_t *stored)
{
	size_t left = 0, i;
	json_t *day;

	json_array_foreach(json_object_get(stored, "days"), i, day) {
		const json_t *rows = json_object_get(day, "rows");

		left += !json_is_integer(rows) || json_integer_value(rows) > 0;
	}
	return left;
}

/* What becomes of the records from before, in both languages: the customer reads it. */
static void say_rest(const struct consent_call *call, const json_t *stored, bool daemon, const char *last_day)
{
	size_t left = days_left(stored);

	if (!call->act.erase)
		printf("Past records stay for the retention that was agreed; on the day after %s (UTC) at the latest they are erased.\n"
		       "これまでの記録は、同意された保存期間の間残り、遅くとも %s(協定世界時)の翌日までに消去されます。\n",
		       last_day, last_day);
	else if (!daemon)
		printf("Past records are erased when sekishod starts, but for those under a hold.\n"
		       "これまでの記録は、保全中のものを除き、sekishod の次の起動時に消去されます。\n");
	else if (!left)
		printf("Past records are erased: no record of this tenant is stored any more.\n"
		       "これまでの記録は消去されました。このご契約の記録は残っていません。\n");
	else
		printf("Of the past records those of %zu day(s) are still stored: under a hold, or not erased yet.\n"
		       "これまでの記録のうち %zu 日分が残っています(保全中、または消去の途中)。\n", left, left);
}

/* What is held and until when (DOMAIN 6.5). */
static void say_holds(const json_t *holds)
{
	char en[HOLD_DAYS_TEXT_MAX], ja[HOLD_DAYS_TEXT_MAX];
	size_t i;
	json_t *h;

	json_array_foreach((json_t *)holds, i, h) {
		const char *until = json_string_value(json_object_get(h, "until_local"));

		printf("Under a hold: %s, until %s.\n保全中: %sは、%s まで消去されません。\n",
		       verb_consent_hold_days("en", h, en), until, verb_consent_hold_days("ja", h, ja), until);
	}
}

/* Erasure that is asked for after the end of a consent: nothing stops, it had. */
static void say_ended(const struct consent_call *call, int64_t ended, int64_t when)
{
	char local[UTC_TEXT_MAX], utc[UTC_TEXT_MAX], asked[UTC_TEXT_MAX];

	utc_format_local(ended, local);
	utc_format(ended, utc);
	utc_format_local(when, asked);
	printf("consent of tenant %s ended at %s (%s); erasure asked for at %s\n", call->tenant, local, utc, asked);
	printf("ご契約 %s の接続記録への同意は、%s(協定世界時 %s)に終わっています。\n"
	       "%s に、それまでの記録の消去を承りました。\n", call->tenant, local, utc, asked);
}

/* The exact time, local and UTC (DOMAIN 6.5). */
static void say_when(const struct consent_call *call, const struct consents *consents, int64_t when)
{
	const struct consent *last = consents_last(consents, call->tenant);
	char local[UTC_TEXT_MAX], utc[UTC_TEXT_MAX];

	if (last && last->until_ns < when) {
		say_ended(call, last->until_ns, when);
		return;
	}
	utc_format_local(when, local);
	utc_format(when, utc);
	printf("consent of tenant %s withdrawn at %s (%s); nothing later is recorded\n", call->tenant, local, utc);
	printf("ご契約 %s の接続記録への同意は、%s(協定世界時 %s)に撤回されました。\n"
	       "この時刻より後の接続は記録されません。\n", call->tenant, local, utc);
}

static int confirm(const struct consent_call *call, const struct store_dir *store, int64_t when, bool daemon)
{
	char last_day[DAY_TEXT_MAX] = "";
	struct consents consents = {};
	struct problem p;
	int error = consents_load(store, &consents, &p);
	json_t *act, *stored, *holds;

	if (!call->o->json)
		say_when(call, &consents, when);
	(void)fflush(stdout); /* the stop is a fact before the erasure is */
	if (call->act.erase && daemon)
		wait_for_erasure(call);
	stored = error ? NULL : verb_consent_stored(store, call->tenant, &p);
	holds = stored ? verb_consent_holds(store, call->tenant, &p) : NULL;
	act = holds ? verb_consent_act(store, call->tenant, 0, &p) : NULL;
	if (!act) {
		consents_done(&consents);
		json_decref(stored);
		json_decref(holds);
		json_decref(act);
		return command_fail(EXIT_NO, &p);
	}
	day_format(consents_last_day(&consents, call->tenant), last_day);
	consents_done(&consents);
	if (call->o->json)
		return verb_consent_print(json_pack("{s:o, s:s, s:o, s:o, s:o}", "act", act, "erasure",
						    !call->act.erase ? "not asked for" :
						    daemon ? "run" : "at the next start",
						    "stored", stored, "kept_until",
						    call->act.erase ? json_null() : json_string(last_day), "holds",
						    holds));
	say_rest(call, stored, daemon, last_day);
	say_holds(holds);
	json_decref(holds);
	json_decref(stored);
	json_decref(act);
	return EXIT_YES;
}

int verb_consent_withdraw(struct consent_call *call)
{
	struct store_dir store;
	struct problem p;
	int64_t when = 0;
	int status, result;

	if (call->o->stop_only && call->o->stop_and_erase) {
		log_error("--stop-only and --stop-and-erase exclude each other");
		return EXIT_USAGE;
	}
	call->act.erase = call->o->stop_and_erase;
	if (command_open_store(call->c, &store, &p))
		return command_fail(EXIT_NO, &p);
	result = ask_daemon(call, &when, &p);
	if (result == -ECONNREFUSED) {
		int error = withdraw_alone(call, &store, &when, &p);

		status = error ? command_fail(command_status_of(error), &p) : confirm(call, &store, when, false);
	} else {
		status = result < 0 ? command_fail(EXIT_NO, &p) : result ? result : confirm(call, &store, when, true);
	}
	store_close(&store);
	return status;
}

int verb_consent_notice(struct consent_call *call)
{
	char local[UTC_TEXT_MAX], utc[UTC_TEXT_MAX];
	struct store_dir store;
	struct problem p;
	json_t *act = NULL;
	int64_t when;
	int error;

	if (!call->o->method) {
		log_error("a notice says how the tenant was reminded: --method TEXT");
		return EXIT_REFUSED;
	}
	error = command_open_store(call->c, &store, &p);
	if (error)
		return command_fail(EXIT_NO, &p);
	error = consent_notice(&store, &call->act, &when, &p);
	if (!error && call->o->json && !(act = verb_consent_act(&store, call->tenant, 0, &p)))
		error = -EBADMSG;
	store_close(&store);
	if (error)
		return command_fail(command_status_of(error), &p);
	if (act)
		return verb_consent_print(json_pack("{s:o}", "act", act));
	printf("tenant %s was reminded of its consent at %s (%s), by %s\n", call->tenant, utc_format_local(when, local),
	       utc_format(when, utc), call->o->method);
	return EXIT_YES;
}
