// SPDX-License-Identifier: BSD-2-Clause
/* Ring to journal, exactly once; losses to gaps; rotation. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/utc.h"
#include "fresh_journal.h"
#include "intake.h"
#include "pump_parts.h"
#include "schema/journal.h"
#include "schema/store.h"

/*
 * A journal is sealed and gone within 24 h of its first row, sealing included. By boot time: a clock that
 * is set back makes no journal younger. How many rows it has does not count: sealing takes it in ranges.
 */
#define ROTATE_AGE_MAX_NS (23 * 3600 * NS_PER_SEC)
#define ROTATE_RETRY_NS (10 * NS_PER_SEC)

/* Says once that writing fails, and once that it works again. */
int pump_note_write(struct pump *pump, int error, const char *what)
{
	if (error && error != pump->write_error)
		log_error("cannot write %s to the journal: %s; events wait in the ring", what,
			  strerror(-error));
	else if (!error && pump->write_error)
		log_info("the journal can be written again");
	pump->write_error = error;
	return error;
}

int pump_add_gap(struct pump *pump, const struct gap *g)
{
	int error = pump_note_write(pump, journal_append_gaps(pump->journal, g, 1), "a gap");

	if (!error) {
		pump->journal_gaps++;
		pump->lost += g->count;
		pump->gaps++;
		syncer_touch(pump->parts->syncer);
	}
	return error;
}

static int make_journal(struct pump *pump, struct problem *p)
{
	const struct anchor *newest = pump_newest_anchor(pump);
	struct anchor carried = newest ? *newest : (struct anchor){}, now;
	const struct fresh_journal fresh = {
		.origin = {
			.ring_id = capture_ring_id(pump->parts->capture),
			.ring_position = ring_consumer(pump->ring),
			.rung = (uint8_t)capture_rung(pump->parts->capture),
		},
		.roster = &pump->roster,
		.stated = &pump->stated,
		.newest = newest ? &carried : NULL,
		.clock = pump->parts->clock,
	};
	struct journal *j;
	int error = fresh_journal(pump->parts->store->journal, &fresh, &j, &now, p);

	if (error)
		return error;
	journal_close(pump->journal);
	pump->journal = j;
	pump->journal_gaps = 0;
	pump->journal_begun_ns = boot_now_ns();
	anchors_done(&pump->anchors);
	if (fresh.newest)
		(void)anchors_add(&pump->anchors, &carried);
	pump_note_anchor(pump, &now);
	return 0;
}

/* The sealer must know which one is live before it can take it for one that was left behind. */
static int begin_journal(struct pump *pump, struct problem *p)
{
	struct sealer *sealer = pump->parts->sealer;
	int error;

	sealer_rotation_begin(sealer);
	error = make_journal(pump, p);
	sealer_rotation_end(sealer, error ? NULL : journal_name(pump->journal));
	return error;
}

static int start_syncing(struct pump *pump, struct problem *p)
{
	int fd = journal_dup_fd(pump->journal);

	if (fd < 0)
		return problem(p, fd, "cannot duplicate the journal's descriptor: %s", strerror(-fd));
	syncer_set_file(pump->parts->syncer, fd);
	return 0;
}

static int add_place_gap(void *ctx, const struct gap *g)
{
	return pump_add_gap(ctx, g);
}

void pump_state_places(struct pump *pump, bool open)
{
	places_state(&pump->places, utc_now_ns(), open, add_place_gap, pump);
}

int pump_apply_roster(struct pump *pump, struct problem *p)
{
	int error;

	if (pump->unarmed_ns)
		return 0; /* pump_arm_again() does it */
	error = places_apply(&pump->places, pump->parts->capture, &pump->roster, p);

	pump_set_reconciled(pump);
	return error;
}

void pump_places(struct pump *pump)
{
	struct problem p;
	int changed;

	if (pump->unarmed_ns)
		return;
	changed = places_refresh(&pump->places, pump->parts->capture, &pump->roster, &p);
	if (changed < 0) {
		log_error("%s", p.text);
	} else if (changed) {
		pump_set_reconciled(pump);
		pump_state_places(pump, false);
	}
}

const struct places *pump_places_now(const struct pump *pump)
{
	return &pump->places;
}

static int state_start_gap(struct pump *pump, bool had_grants)
{
	struct gap g;

	bool missed = !had_grants && recovery_missed_anybody(&pump->stated, &pump->consents, utc_now_ns());

	return recovery_start_gap(&pump->stated, capture_how_started(pump->parts->capture), missed,
				  pump->parts->unarmed_from_ns, utc_now_ns(), &g) ? pump_add_gap(pump, &g) : 0;
}

/* Under such a load that it comes to no end, again behind the next batch. */
static void recount(struct pump *pump)
{
	pump->recount = shares_recount(pump->shares, pump->ring) == -EAGAIN;
}

static int begin(struct pump *pump, struct problem *p)
{
	struct capture *capture = pump->parts->capture;
	bool had_grants;
	int error = recovery_scan(pump->parts->store->journal, capture_ring_id(capture), capture_rung(capture),
				  &pump->stated, p);

	if (!error && pump_begin_witness(pump))
		error = problem(p, -ENOMEM, "out of memory");
	if (error)
		return error;
	if (pump->stated.unreadable)
		log_error("%u journal files cannot be read and stay where they are; run sekisho verify",
			  pump->stated.unreadable);
	if (recovery_resume(&pump->stated, pump->ring))
		log_warn("a journal claims ring position %llu, which was never written: ignoring it",
			 (unsigned long long)pump->stated.ring_end);
	recount(pump);
	if (pump->stated.last_anchor.boot_ns)
		(void)anchors_add(&pump->anchors, &pump->stated.last_anchor);
	error = begin_journal(pump, p);
	if (error)
		return error;
	capture_set_loopback(capture, pump->parts->limits.record_loopback);
	had_grants = capture_has_grants(capture);
	error = places_begin(&pump->places, capture, &pump->roster, &pump->stated, p);
	if (!error)
		error = pump_apply_roster(pump, p);
	if (!error)
		pump_state_places(pump, false);
	if (!error && state_start_gap(pump, had_grants))
		error = problem(p, pump->write_error, "cannot write the journal: %s",
				strerror(-pump->write_error));
	if (!error)
		error = start_syncing(pump, p);
	if (!error)
		pump_kick_sealer(pump);
	return error;
}

int pump_open(const struct recorder_parts *parts, struct roster *roster, struct consents *consents,
	      struct pump **ret_pump, struct problem *p)
{
	struct pump *pump = calloc(1, sizeof(*pump));
	int error = -ENOMEM;

	if (pump)
		pump->rows = calloc(JOURNAL_FRAME_ROWS_MAX, sizeof(*pump->rows));
	if (!pump || !pump->rows) {
		free(pump);
		roster_done(roster);
		consents_done(consents);
		return problem(p, error, "out of memory");
	}
	pump->parts = parts;
	pump->ring = capture_ring(parts->capture);
	pump->shares = capture_shares(parts->capture);
	pump->room = (struct room){ .fd = parts->store->root, .limit = parts->limits.room };
	pump->loss_changes = UINT64_MAX;
	pump->canary.seen_ns = boot_now_ns();
	pump->roster = *roster;
	pump->consents = *consents;
	memset(roster, 0, sizeof(*roster));
	memset(consents, 0, sizeof(*consents));
	error = begin(pump, p);
	if (error) {
		pump_close(pump);
		return error;
	}
	*ret_pump = pump;
	return 0;
}

void pump_close(struct pump *pump)
{
	if (!pump)
		return;
	journal_close(pump->journal);
	roster_done(&pump->roster);
	places_done(&pump->places);
	reconcile_done(&pump->reconcile);
	consents_done(&pump->consents);
	anchors_done(&pump->anchors);
	recovery_done(&pump->stated);
	free(pump->rows);
	free(pump);
}

/* One event to a row. False when it is not to be stored (and counted as what it is). */
static bool take_event(struct pump *pump, const void *data, uint32_t size, struct record *row)
{
	const struct intake_view view = { &pump->consents, &pump->anchors, &pump->recent };

	switch (intake_event(&view, data, size, row)) {
	case INTAKE_ROW:
		return true;
	case INTAKE_AGAIN:
		break;
	case INTAKE_CANARY:
		canary_watch_seen(&pump->canary, row->time_ns);
		break;
	case INTAKE_MALFORMED:
		pump->malformed++;
		pump->unstated_malformed++;
		break;
	case INTAKE_REFUSED:
		pump->refused++;
		break;
	}
	return false;
}

/* Reads up to one frame of rows. `*position` moves behind what was read. */
static size_t read_batch(struct pump *pump, uint64_t *position)
{
	const void *data;
	uint32_t size;
	size_t count = 0;
	int state = 1;

	while (count < JOURNAL_FRAME_ROWS_MAX &&
	       (state = ring_next(pump->ring, position, &data, &size)) > 0) {
		if (!data)
			continue;
		shares_read(pump->shares, data, size);
		if (take_event(pump, data, size, &pump->rows[count]))
			count++;
	}
	if (state < 0) {
		/* Without a believable header the next record cannot be found: give up what waits. */
		log_error("the ring holds a record that cannot be one: skipping to its end");
		pump->malformed++;
		pump->unstated_malformed++;
		*position = ring_producer(pump->ring);
		pump->recount = true;
	}
	return count;
}

/* The events up to here are written. */
static void release(struct pump *pump, uint64_t position)
{
	ring_release(pump->ring, position);
	shares_released(pump->shares);
	if (pump->recount)
		recount(pump);
}

static int append_batch(struct pump *pump, size_t count, uint64_t position)
{
	struct problem p;
	int error = journal_append_rows(pump->journal, pump->rows, count, position);

	if (error == -EPIPE && begin_journal(pump, &p) == 0 && start_syncing(pump, &p) == 0)
		error = journal_append_rows(pump->journal, pump->rows, count, position);
	if (pump_note_write(pump, error, "records"))
		return error;
	pump->total_rows += count;
	pump->last_record_ns = anchors_utc(&pump->anchors, (uint64_t)pump->rows[count - 1].time_ns);
	syncer_touch(pump->parts->syncer);
	return 0;
}

static void state_malformed(struct pump *pump)
{
	struct gap g = { .count = pump->unstated_malformed, .reason = STORE_GAP_MALFORMED };

	if (!g.count)
		return;
	g.first_utc_ns = pump->last_loss_check_ns ? pump->last_loss_check_ns : utc_now_ns();
	g.last_utc_ns = utc_now_ns();
	if (pump_add_gap(pump, &g) == 0)
		pump->unstated_malformed = 0;
}

int pump_drain(struct pump *pump, struct problem *p)
{
	/* Only what is there now: a flood must not keep timers and calls waiting. */
	uint64_t end = ring_producer(pump->ring), position = ring_consumer(pump->ring);
	int error = 0;

	if (pump->paused)
		return 0;
	(void)pump_has_room(pump); /* also when nothing waits: status tells */
	while (!error && (int64_t)(end - position) > 0) {
		uint64_t before = position;
		uint64_t refused = pump->refused, malformed = pump->malformed;
		uint64_t unstated = pump->unstated_malformed;
		size_t count;

		if (!pump_has_room(pump))
			return pump_no_room(pump, p);
		pump->recent_before = pump->recent;
		count = read_batch(pump, &position);
		if (position == before)
			break; /* the next record is still being filled */
		if (count)
			error = append_batch(pump, count, position);
		if (!error) {
			release(pump, position);
			continue;
		}
		shares_kept(pump->shares);
		/* These events stay in the ring and will be counted when they are read again. */
		pump->refused = refused;
		pump->malformed = malformed;
		pump->unstated_malformed = unstated;
		pump->recent = pump->recent_before;
	}
	if (error)
		return problem(p, error, "cannot write the journal: %s", strerror(-error));
	state_malformed(pump);
	return 0;
}

void pump_pause(struct pump *pump, bool paused)
{
	pump->paused = paused;
}

bool pump_rotation_due(const struct pump *pump)
{
	const struct recorder_parts *parts = pump->parts;
	int64_t age = boot_now_ns() - pump->journal_begun_ns;
	bool something = journal_rows(pump->journal) || pump->journal_gaps;
	struct syncer_state sync;

	if (boot_now_ns() < pump->retry_rotation_ns || pump->room.stopped_ns)
		return false;
	syncer_state(parts->syncer, &sync);
	return sync.suspect || journal_size(pump->journal) >= parts->limits.rotate_size ||
	       (something && (uint64_t)age >= parts->limits.rotate_interval_ns) || age >= ROTATE_AGE_MAX_NS;
}

int pump_rotate(struct pump *pump, struct problem *p)
{
	struct syncer_state sync;
	int error;

	syncer_state(pump->parts->syncer, &sync);
	error = pump_has_room(pump) ? begin_journal(pump, p) : pump_no_room(pump, p);
	if (!error)
		error = start_syncing(pump, p);
	if (error || sync.suspect) /* a disk that goes on failing must not get a file with each sync */
		pump->retry_rotation_ns = boot_now_ns() + ROTATE_RETRY_NS;
	if (!error)
		pump_kick_sealer(pump);
	/* The new file says what goes on, for a start that finds it alone. */
	pump_state_places(pump, true);
	pump_state_canary(pump);
	return error;
}

void pump_status(struct pump *pump, struct recorder_status *s)
{
	const struct anchor *clock = pump_newest_anchor(pump);

	strncpy(s->journal, journal_name(pump->journal), sizeof(s->journal) - 1);
	s->journal_rows = journal_rows(pump->journal);
	s->journal_bytes = journal_size(pump->journal);
	s->rows = pump->total_rows;
	s->refused = pump->refused;
	s->malformed = pump->malformed;
	s->lost = pump->lost;
	s->gaps = pump->gaps;
	s->skipped = pump->skipped;
	capture_witness(pump->parts->capture, &s->witness);
	s->ring_bytes = ring_size(pump->ring);
	s->ring_produced = ring_producer(pump->ring);
	s->ring_waiting = s->ring_produced - ring_consumer(pump->ring);
	s->ring_produced -= capture_canary_bytes(pump->parts->capture);
	s->last_record_ns = pump->last_record_ns;
	s->write_error = pump->write_error;
	s->nobody_since_ns = pump->unarmed_ns;
	reconcile_status(&pump->reconcile, &s->reconcile);
	if (pump->reconcile_error)
		s->reconcile.error = pump->reconcile_error;
	s->canary_alarm = pump->canary.alarm;
	s->canary_seen_ns = utc_now_ns() - (boot_now_ns() - pump->canary.seen_ns);
	s->room = pump->room;
	s->seal_waits = pump->seal_waits;
	s->live_tenants = pump->roster.live_count;
	s->uncovered_selectors = pump->roster.uncovered;
	if (clock)
		s->clock = *clock;
}
