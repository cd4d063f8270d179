// SPDX-License-Identifier: BSD-2-Clause
/* Putting a collector together, and taking it apart. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/log.h"
#include "base/rung.h"
#include "base/store_dir.h"
#include "base/utc.h"
#include "capture/ask.h"
#include "journal/journal.h"
#include "ledger/custody.h"
#include "node_parts.h"
#include "seal/adopt.h"

/* What killed imports left; behind the check of the ledgers, which it relies on. */
static void clear_imports(const struct node *n)
{
	struct problem p;

	if (adopt_imports(&n->store, &p))
		log_warn("%s", p.text);
}

static int make_roster(const struct node *n, const struct conf *conf, struct consents *consents,
		       struct roster *ret_roster, struct problem *p)
{
	int error = consents_load(&n->store, consents, p);

	if (error)
		return error;
	stopped_apply(&n->stopped, consents);
	if (roster_make(conf, consents, utc_now_ns(), boot_now_ns(), ret_roster)) {
		consents_done(consents);
		return problem(p, -ENOMEM, "out of memory");
	}
	return 0;
}

/* The main thread does the rest: the recorder's may not wait for itself. */
static void signal_clock(void)
{
	(void)kill(getpid(), NODE_SIGNAL_CLOCK);
}

static struct recorder_limits limits_of(const struct conf *c)
{
	return (struct recorder_limits){
		.record_loopback = c->record_loopback,
		.rotate_interval_ns = c->rotate_interval_ns,
		.rotate_size = c->rotate_size,
		.heartbeat_ns = c->heartbeat_ns,
		.canary_interval_ns = c->canary_interval_ns,
		.room = { .bytes = c->min_free_bytes, .percent = (unsigned int)c->min_free_percent },
	};
}

static int start_threads(struct node *n, int64_t unarmed_from_ns, struct problem *p)
{
	struct recorder_parts parts = {
		.store = &n->store,
		.capture = n->capture,
		.canary = n->ground->canary,
		.limits = limits_of(&n->conf),
		.clock_was_set = signal_clock,
		.unarmed_from_ns = unarmed_from_ns,
	};
	struct consents consents;
	struct roster roster;
	int error = syncer_start(n->conf.sync_interval_ns, &n->syncer, p);

	if (!error)
		error = clock_watch_start(n->conf.ask_chrony, capture_ask(n->capture), &n->clock, p);
	if (!error)
		error = sealer_start(&n->store, &n->sealer, p);
	if (!error)
		error = make_roster(n, &n->conf, &consents, &roster, p);
	if (error)
		return error;
	parts.syncer = n->syncer;
	parts.sealer = n->sealer;
	parts.clock = n->clock;
	return recorder_start(&parts, &roster, &consents, &n->recorder, p);
}

static void destroy(struct node *n)
{
	recorder_stop(n->recorder);
	clock_watch_stop(n->clock);
	sealer_stop(n->sealer);
	syncer_stop(n->syncer);
	head_sender_stop(n->heads); /* behind all who write ledgers */
	consents_done(&n->consents);
	stopped_done(&n->stopped);
	conf_done(&n->conf);
	pthread_mutex_destroy(&n->lock);
	pthread_mutex_destroy(&n->reload_lock);
	free(n->conf_path);
	free(n);
}

/* All three chains, keys and heads; then who consented. */
static int load_ledgers(struct node *n, struct problem *p)
{
	struct ledger_facts facts;
	int error = ledger_verify(&n->store, CHAIN_QUICK, NULL, &facts, p);

	/* Power loss during an append that was never confirmed: the next writer sets it aside. */
	for (int i = 0; i < LEDGER_CHAINS && !error; i++)
		if (facts.ends[i].torn)
			log_warn("ledger/%s ends in an unfinished line: ignoring it", chain_file_name(i));
	return error ? error : consents_load(&n->store, &n->consents, p);
}

/* version NULL: not a start that records. */
static int bring_up(struct node *n, const char *version, struct problem *p)
{
	int error = load_ledgers(n, p);

	if (error == -EBADMSG) {
		/* Nobody can be shown to have consented, or what was done is not what is written: fail closed. */
		capture_end_grants(n->capture);
		return error;
	}
	if (!error)
		clear_imports(n);
	if (!error && version)
		error = custody_software(&n->store, version, p);
	if (!error)
		error = start_threads(n, n->ground->begun_utc_ns, p);
	return error;
}

static struct node *new_node(struct ground *ground, struct conf *conf)
{
	struct node *n = calloc(1, sizeof(*n));

	if (!n) {
		conf_done(conf);
		return NULL;
	}
	n->conf = *conf;
	memset(conf, 0, sizeof(*conf));
	n->ground = ground;
	n->store = ground->store;
	n->capture = ground->capture;
	pthread_mutex_init(&n->lock, NULL);
	pthread_mutex_init(&n->reload_lock, NULL);
	return n;
}

int node_start(const char *conf_path, struct conf *conf, struct ground *ground, const char *version,
	       struct node **ret_node, struct problem *p)
{
	struct node *n = new_node(ground, conf);
	int error;

	if (!n)
		return problem(p, -ENOMEM, "out of memory");
	n->conf_path = strdup(conf_path);
	error = n->conf_path ? bring_up(n, version, p) : problem(p, -ENOMEM, "out of memory");
	if (error) {
		destroy(n);
		return error;
	}
	if (head_sender_start(&n->store, n->conf.head_command, capture_ask(n->capture), &n->heads, p))
		log_error("the heads of the ledgers are not sent: %s", p->text);
	log_info("recording with hook %s into %s", rung_name(capture_rung(n->capture)),
		 n->conf.state_dir);
	if (*rung_blind_spot(capture_rung(n->capture)))
		log_warn("hook %s cannot see: %s", rung_name(capture_rung(n->capture)),
			 rung_blind_spot(capture_rung(n->capture)));
	*ret_node = n;
	return 0;
}

void node_stop(struct node *n)
{
	if (n)
		destroy(n);
}

static void say_fixed(const char *name, const char *until)
{
	log_warn("%s changed: ignoring it until sekishod is %s", name, until);
}

/* Who is recorded next. */
struct next_state {
	struct roster roster;
	struct consents for_recorder, for_us;
};

/* With n->lock held. What can fail while the old state goes on. */
static int prepare(struct node *n, const struct conf *conf, struct next_state *ret_next, struct problem *p)
{
	struct next_state next = {};
	int error = make_roster(n, conf, &next.for_recorder, &next.roster, p);

	if (error)
		return error;
	error = consents_load(&n->store, &next.for_us, p);
	if (error) {
		roster_done(&next.roster);
		consents_done(&next.for_recorder);
		return error;
	}
	stopped_apply(&n->stopped, &next.for_us);
	*ret_next = next;
	return 0;
}

/* With n->lock held. The old state is over, also on failure: the recorder has the new limits and roster by then. */
static int take_over(struct node *n, const struct conf *conf, struct next_state *next, struct problem *p)
{
	const struct recorder_limits limits = limits_of(conf);

	syncer_set_interval(n->syncer, conf->sync_interval_ns);
	clock_watch_set(n->clock, conf->ask_chrony);
	consents_done(&n->consents);
	n->consents = next->for_us;
	return recorder_set_roster(n->recorder, &next->roster, &next->for_recorder, &limits, p);
}

/* With n->lock held: the same configuration, the ledger as it is now. */
static int apply(struct node *n, struct problem *p)
{
	struct next_state next;
	int error = prepare(n, &n->conf, &next, p);

	return error ? error : take_over(n, &n->conf, &next, p);
}

/* The file is root's to read. */
static int read_conf(struct node *n, struct conf *ret_conf, struct problem *p)
{
	struct ask *warden = capture_ask(n->capture);

	return warden ? ask_conf(warden, ASK_CONFIGURATION, n->conf_path, ret_conf, p) :
			conf_load(n->conf_path, ret_conf, p);
}

/* From here on it is the warden's and the registrar's, too; the warden runs its head_command. */
static int put_in_force(struct node *n, struct problem *p)
{
	struct ask_message m = { .kind = ASK_APPLIED };
	int error = capture_ask(n->capture) ? ask_call(capture_ask(n->capture), &m, ASK_PATIENCE_MS, NULL, p) : 0;

	if (!error)
		head_sender_set_command(n->heads, n->conf.head_command);
	return error;
}

/* `conf` becomes the node's when 0 is returned; *ret_unapplied: what became of applying it to the recorder, and *p. */
static int change_conf(struct node *n, struct conf *conf, int *ret_unapplied, struct problem *p)
{
	struct next_state next;
	int error;

	pthread_mutex_lock(&n->lock);
	conf_keep_fixed(&n->conf, conf, say_fixed);
	error = prepare(n, conf, &next, p);
	if (!error) {
		*ret_unapplied = take_over(n, conf, &next, p);
		conf_done(&n->conf);
		n->conf = *conf;
	}
	pthread_mutex_unlock(&n->lock);
	return error;
}

static int reload(struct node *n, bool *ret_in_force, struct problem *p)
{
	struct problem recorders, wardens;
	struct conf conf;
	int unapplied, untold, error = read_conf(n, &conf, p);

	if (error)
		return error;
	error = change_conf(n, &conf, &unapplied, &recorders);
	if (error) {
		conf_done(&conf);
		return problem(p, error, "%s", recorders.text);
	}
	*ret_in_force = true;
	/* Whatever the recorder could not do: it has this configuration, and so must the others. */
	untold = put_in_force(n, &wardens);
	if (!unapplied)
		return untold ? problem(p, untold, "only the recorder has the new configuration: %s", wardens.text) : 0;
	if (untold)
		log_error("only the recorder has the new configuration: %s", wardens.text);
	return problem(p, unapplied, "the new configuration is in force, but %s", recorders.text);
}

int node_reload(struct node *n, bool *ret_in_force, struct problem *p)
{
	int error;

	*ret_in_force = false;
	pthread_mutex_lock(&n->reload_lock);
	error = reload(n, ret_in_force, p);
	pthread_mutex_unlock(&n->reload_lock);
	return error;
}

int node_refresh(struct node *n, struct problem *p)
{
	int error;

	pthread_mutex_lock(&n->lock);
	error = apply(n, p);
	pthread_mutex_unlock(&n->lock);
	return error;
}

int node_refresh_due_ms(struct node *n)
{
	int64_t next, wait_ms;

	pthread_mutex_lock(&n->lock);
	next = consents_next_start(&n->consents, utc_now_ns());
	pthread_mutex_unlock(&n->lock);
	if (next == INT64_MAX)
		return -1;
	wait_ms = (next - utc_now_ns()) / 1000000 + 1;
	return wait_ms < 0 ? 0 : wait_ms > 60000 ? 60000 : (int)wait_ms;
}

int node_pause(struct node *n, uint64_t *ret_number, struct problem *p)
{
	int error, result = recorder_pause(n->recorder, ret_number, p);

	/* Not waited for: a withdrawal has our lock, and waits for that of the ledgers, which is the caller's. */
	if (result != 1 || pthread_mutex_trylock(&n->lock))
		return result < 0 ? result : 0;
	error = apply(n, p);
	pthread_mutex_unlock(&n->lock);
	return error ? error : recorder_pause_anew(n->recorder, *ret_number, p);
}

int node_resume(struct node *n, uint64_t number, struct problem *p)
{
	return recorder_resume(n->recorder, number, p);
}

int node_drain(struct node *n, struct problem *p)
{
	return recorder_drain(n->recorder, p);
}

int node_seal(struct node *n, struct seal_result *ret_result, struct problem *p)
{
	struct seal_result before, after;
	struct problem last, ignored;
	int error;

	sealer_totals(n->sealer, &before, &last);
	/* While a consent is being changed a rotation would leave in the ring what is to be sealed, or erased. */
	error = recorder_drain(n->recorder, p);
	if (!error)
		error = recorder_rotate(n->recorder, p);
	if (error)
		return error;
	error = sealer_wait(n->sealer, &after, p);
	/* The rotation itself began a run: what it did counts as well. */
	sealer_totals(n->sealer, &after, &ignored);
	ret_result->journals = after.journals - before.journals;
	ret_result->rows = after.rows - before.rows;
	ret_result->sections = after.sections - before.sections;
	ret_result->skipped_sections = after.skipped_sections - before.skipped_sections;
	ret_result->gaps = after.gaps - before.gaps;
	ret_result->damaged_bytes = after.damaged_bytes - before.damaged_bytes;
	ret_result->bytes = after.bytes - before.bytes;
	ret_result->closed_days = after.closed_days - before.closed_days;
	ret_result->closed_files = after.closed_files - before.closed_files;
	ret_result->open_files = after.open_files - before.open_files;
	return error;
}

/* The kernel has heard already: what the ledger does not take is said, and holds all the same. */
static int withdraw_in_ledger(struct node *n, const struct consent_act *act, const struct consent *grant,
			      int64_t *ret_time_ns, struct problem *p)
{
	struct problem why, ignored;
	int error = consent_withdraw(&n->store, act, ret_time_ns, &why);

	if (!error) {
		stopped_remove(&n->stopped, act->tenant_id);
		return 0;
	}
	if (!grant && !stopped_has(&n->stopped, act->tenant_id))
		return problem(p, error, "%s", why.text); /* nothing was ended */
	if (grant && stopped_add(&n->stopped, grant, utc_now_ns()) == 0)
		(void)apply(n, &ignored);
	return problem(p, error, "tenant %s is not recorded any more, but the withdrawal is not in the ledger: withdraw again before sekishod is restarted: %s",
		       act->tenant_id, why.text);
}

/* With n->lock held. Without a grant in force there may still be something to erase: the ledger decides. */
static int end_consent(struct node *n, const struct consent_act *act, int64_t *ret_time_ns, struct problem *p)
{
	const struct consent *grant = consents_at(&n->consents, act->tenant_id, utc_now_ns());
	int error = 0;

	/* A grant that was written just now, of which we were not told yet. */
	if (!grant && !(error = apply(n, p)))
		grant = consents_at(&n->consents, act->tenant_id, utc_now_ns());
	if (!error && grant)
		error = recorder_revoke(n->recorder, grant->tenant, p);
	if (!error)
		error = withdraw_in_ledger(n, act, grant, ret_time_ns, p);
	if (!error)
		error = apply(n, p);
	return error;
}

int node_withdraw(struct node *n, const struct consent_act *act, int64_t *ret_time_ns, struct problem *p)
{
	struct problem later;
	int error;

	pthread_mutex_lock(&n->lock);
	error = end_consent(n, act, ret_time_ns, p);
	pthread_mutex_unlock(&n->lock);
	if (!error && act->erase && recorder_rotate(n->recorder, &later))
		log_warn("%s; what tenant %s has here is erased at the next sealing run", later.text, act->tenant_id);
	return error;
}

/* Takes what waits in the ring into the journal and states the stop; then the pins can go. */
static int drain_for_disarm(struct conf *conf, struct problem *p)
{
	struct ground ground;
	struct node *n;
	int error = ground_open(conf, &ground, p);

	if (error)
		return error;
	n = new_node(&ground, conf);
	if (!n) {
		ground_close(&ground);
		return problem(p, -ENOMEM, "out of memory");
	}
	n->conf.min_free_bytes = n->conf.min_free_percent = 0; /* the ring goes: its events take the last room */
	error = bring_up(n, NULL, p);
	if (!error)
		error = recorder_state_stop(n->recorder, p);
	destroy(n);
	ground_close(&ground);
	return error;
}

int node_disarm(struct conf *conf, struct problem *p)
{
	char pin_dir[CONF_PATH_MAX];
	int error;

	if (!capture_is_pinned(conf->pin_dir))
		return 0;
	memcpy(pin_dir, conf->pin_dir, sizeof(pin_dir));
	error = drain_for_disarm(conf, p);
	if (error == -EBUSY || error == -EXDEV)
		return error;
	if (error)
		log_error("%s; events that wait in the ring are lost", p->text);
	return capture_disarm(pin_dir, p);
}
