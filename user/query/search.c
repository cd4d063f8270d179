// SPDX-License-Identifier: BSD-2-Clause
/* Searching journals and segments. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "base/fs.h"
#include "base/utc.h"
#include "journal/journal_reader.h"
#include "schema/journal.h"
#include "schema/store.h"
#include "search.h"
#include "segment/segment_reader.h"

#define EVERY_TENANT UINT32_MAX

struct search {
	const struct store_dir *store;
	const struct query *q;
	struct search_result *out;
	struct journal_reader *journals;
	size_t journal_count;
	struct problem *p;
};

static bool wanted_tenant(const struct search *s, const char *id)
{
	return !s->q->tenant || strcmp(s->q->tenant, id) == 0;
}

static bool matches(const struct query *q, const struct record *r)
{
	return r->time_ns >= q->from_ns && r->time_ns < q->to_ns &&
	       (!q->by_src || prefix_contains(&q->src, &r->src)) &&
	       (!q->by_dst || prefix_contains(&q->dst, &r->dst)) &&
	       (!q->src_port || r->src_port == q->src_port) &&
	       (!q->dst_port || r->dst_port == q->dst_port);
}

static int tenant_index(struct search_result *out, const char *id, uint32_t *ret_index)
{
	for (size_t i = 0; i < out->tenant_count; i++)
		if (strcmp(out->tenants[i], id) == 0) {
			*ret_index = (uint32_t)i;
			return 0;
		}
	if (ARRAY_RESERVE(out->tenants, out->tenant_count, out->tenant_capacity))
		return -ENOMEM;
	*ret_index = (uint32_t)out->tenant_count;
	strcpy(out->tenants[out->tenant_count++], id);
	return 0;
}

static int add_row(struct search_result *out, const struct record *r, uint32_t tenant,
		   uint64_t clock_error_ns)
{
	if (ARRAY_RESERVE(out->rows, out->count, out->capacity))
		return -ENOMEM;
	out->rows[out->count] = (struct found_row){ .record = *r, .clock_error_ns = clock_error_ns };
	out->rows[out->count++].record.tenant = tenant;
	return 0;
}

static void note_damage(struct search *s, const char *what, const char *why)
{
	if (s->out->damaged++ == 0)
		problem(&s->out->damage, 0, "%s: %s", what, why);
}

/* The anchor that counts for a UTC instant: the last one at or before it, else the first. */
static const struct anchor *anchor_at(const struct anchors *list, int64_t utc_ns)
{
	for (size_t i = list->count; i > 0; i--)
		if (list->list[i - 1].utc_ns <= utc_ns)
			return &list->list[i - 1];
	return list->count ? &list->list[0] : NULL;
}

static uint64_t error_at(const struct anchors *list, int64_t utc_ns)
{
	const struct anchor *a = anchor_at(list, utc_ns);

	return a ? a->max_error_ns : 0;
}

/* What the clock said of itself around the window. */
static void note_clock(struct search *s, const struct anchors *list)
{
	const struct anchor *first = anchor_at(list, s->q->from_ns);

	for (size_t i = 0; i < list->count; i++) {
		const struct anchor *a = &list->list[i];

		if (a != first && (a->utc_ns < s->q->from_ns || a->utc_ns >= s->q->to_ns))
			continue;
		s->out->clock_seen = true;
		if (!anchor_synchronised(a))
			s->out->clock_unsynchronised = true;
		if (a->max_error_ns > s->out->clock_error_ns)
			s->out->clock_error_ns = a->max_error_ns;
	}
}

static int note_gaps(struct search *s, const struct gaps *gaps, uint32_t tenant, uint32_t index)
{
	for (size_t i = 0; i < gaps->count; i++) {
		struct gap g = gaps->list[i];

		if (!gap_is_loss(&g) || g.last_utc_ns < s->q->from_ns ||
		    g.first_utc_ns >= s->q->to_ns || (g.tenant && g.tenant != tenant))
			continue;
		g.tenant = g.tenant ? index : EVERY_TENANT;
		if (gaps_add(&s->out->gaps, &g))
			return -ENOMEM;
	}
	return 0;
}

static int journal_rows_of(struct search *s, struct journal_reader *j, size_t frame,
			   struct record *rows)
{
	int error = journal_reader_rows(j, frame, rows);

	if (error == -EBADMSG || error == -ENODATA) {
		note_damage(s, j->name, "a frame cannot be decoded");
		return 0;
	}
	for (uint32_t i = 0; i < j->frames[frame].rows && !error; i++) {
		struct record *r = &rows[i];
		const char *id = journal_reader_tenant(j, r->tenant);
		const struct anchor *clock = anchors_find(&j->anchors, (uint64_t)r->time_ns);
		uint32_t index;

		r->time_ns = anchors_utc(&j->anchors, (uint64_t)r->time_ns);
		if (!id && matches(s->q, r)) {
			note_damage(s, j->name, "a record of a tenant that the journal does not name");
			break;
		}
		if (!id || !wanted_tenant(s, id) || !matches(s->q, r))
			continue;
		s->out->rungs |= 1u << (j->rung & 31);
		error = tenant_index(s->out, id, &index);
		if (!error)
			error = add_row(s->out, r, index, clock ? clock->max_error_ns : 0);
	}
	return error;
}

static bool overlaps(const struct query *q, int64_t first_ns, int64_t last_ns)
{
	return last_ns >= q->from_ns && first_ns < q->to_ns;
}

/* Gaps of each wanted tenant of this journal, each node-wide gap once. */
static int journal_gaps_of(struct search *s, struct journal_reader *j)
{
	int error = 0;
	bool node_wide_done = false;

	for (size_t t = 0; t < j->tenant_count && !error; t++) {
		const struct journal_tenant *tenant = &j->tenants[t];
		uint32_t index;

		if (!wanted_tenant(s, tenant->id))
			continue;
		error = tenant_index(s->out, tenant->id, &index);
		for (size_t i = 0; i < j->gaps.count && !error; i++) {
			struct gaps one = { .list = &j->gaps.list[i], .count = 1 };

			if (j->gaps.list[i].tenant || !node_wide_done)
				error = note_gaps(s, &one, tenant->number, index);
		}
		node_wide_done = true;
	}
	return error;
}

static int search_journal(struct search *s, struct journal_reader *j)
{
	struct record *rows = NULL;
	int error = 0;

	if (j->damaged_bytes)
		note_damage(s, j->name, "frames fail their checksum");
	if (overlaps(s->q, j->created_utc_ns, j->last_utc_ns)) {
		note_clock(s, &j->anchors);
		s->out->rungs |= 1u << (j->rung & 31);
	}
	error = journal_gaps_of(s, j);
	for (size_t i = 0; i < j->frame_count && !error; i++) {
		const struct journal_row_frame *f = &j->frames[i];
		int64_t least, greatest;

		anchors_utc_range(&j->anchors, f->first_boot_ns, f->last_boot_ns, &least, &greatest);
		if (!overlaps(s->q, least, greatest))
			continue;
		if (!rows)
			rows = calloc(JOURNAL_FRAME_ROWS_MAX, sizeof(*rows));
		error = rows ? journal_rows_of(s, j, i, rows) : -ENOMEM;
	}
	free(rows);
	return error;
}

static int open_journals(struct search *s)
{
	struct problem p;
	char **names;
	size_t count;
	int error = fs_list(s->store->journal, JOURNAL_SUFFIX, &names, &count);

	if (error)
		return problem(s->p, error, "cannot list journal/: %s", strerror(-error));
	s->journals = calloc(count + 1, sizeof(*s->journals));
	if (!s->journals)
		error = problem(s->p, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count && !error; i++) {
		error = journal_reader_open(s->store->journal, names[i],
					    &s->journals[s->journal_count], &p);
		if (!error)
			s->journal_count++;
		else if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP)
			note_damage(s, names[i], p.text);
		else if (error != -ENOENT) /* sealed and gone meanwhile: its sections are there */
			error = problem(s->p, error, "%s", p.text);
		if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP || error == -ENOENT)
			error = 0;
	}
	fs_free_names(names, count);
	return error;
}

static bool from_open_journal(const struct search *s, uint64_t journal_id)
{
	for (size_t i = 0; i < s->journal_count; i++)
		if (s->journals[i].file_id == journal_id)
			return true;
	return false;
}

/* The rows of a section that can match by source: [*ret_low, *ret_high) of the sorted column. */
static void source_range(const struct query *q, const struct record *rows, uint32_t count,
			 uint32_t *ret_low, uint32_t *ret_high)
{
	uint32_t low = 0, high = count, end;

	*ret_low = 0;
	*ret_high = count;
	if (!q->by_src)
		return;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (addr_compare(&rows[middle].src, &q->src.addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	end = low;
	/* A prefix is one run of the sort order, apart from IPv4 inside a short IPv6 prefix. */
	while (end < count && (prefix_contains(&q->src, &rows[end].src) ||
			       (q->src.bits < 96 && addr_is_v4(&rows[end].src))))
		end++;
	*ret_low = low;
	*ret_high = end;
}

static int read_matching(struct search *s, struct segment_reader *r, const struct section *sec,
			 struct record *rows)
{
	struct anchors anchors = {};
	uint32_t low, high, index;
	int error = section_read_column(r, sec, STORE_COLUMN_SRC_ADDR, rows);

	if (error)
		return error;
	source_range(s->q, rows, sec->rows, &low, &high);
	if (low == high)
		return 0;
	error = section_read_rows(r, sec, rows);
	if (!error)
		error = section_read_anchors(r, sec, &anchors);
	if (!error)
		error = tenant_index(s->out, r->tenant_id, &index);
	for (uint32_t i = low; i < high && !error; i++)
		if (matches(s->q, &rows[i]))
			error = add_row(s->out, &rows[i], index, error_at(&anchors, rows[i].time_ns));
	anchors_done(&anchors);
	return error;
}

static int search_section(struct search *s, struct segment_reader *r, const struct section *sec)
{
	struct anchors anchors = {};
	struct gaps gaps = {};
	struct record *rows;
	uint32_t index;
	int error = section_read_gaps(r, sec, &gaps);

	if (!error)
		error = tenant_index(s->out, r->tenant_id, &index);
	if (!error)
		error = note_gaps(s, &gaps, sec->tenant, index);
	gaps_done(&gaps);
	if (!error && overlaps(s->q, sec->span_from_ns, sec->span_to_ns)) {
		s->out->rungs |= 1u << (sec->rung & 31);
		error = section_read_anchors(r, sec, &anchors);
		if (!error)
			note_clock(s, &anchors);
		anchors_done(&anchors);
	}
	if (error || !sec->rows || !overlaps(s->q, sec->first_utc_ns, sec->last_utc_ns))
		return error;
	rows = calloc(sec->rows, sizeof(*rows));
	error = rows ? read_matching(s, r, sec, rows) : -ENOMEM;
	free(rows);
	return error;
}

/*
 * A segment that ends in an unfinished append misses nothing if what was being sealed is still in a
 * journal, or was sealed again behind it.
 */
static bool cut_off_is_elsewhere(const struct search *s, int dir, const struct segment_reader *r)
{
	const struct section cut = { .journal_id = r->torn_journal_id, .run = r->torn_run };
	char next[SEGMENT_NAME_MAX];

	if (cut.journal_id)
		return from_open_journal(s, cut.journal_id) || section_superseded(dir, r, &cut);
	/* Not even its header is there: the journal that is still unsealed, or the next part, has it. */
	segment_part_name(r->day, r->part + 1, next);
	if (faccessat(dir, next, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	for (size_t i = 0; i < s->journal_count; i++)
		if (s->journals[i].rows)
			return true;
	return false;
}

static int search_segment(struct search *s, int dir, const char *tenant, const char *name)
{
	struct segment_reader r;
	struct problem why;
	int error = segment_reader_open(dir, name, &r, &why);

	if (error == -ENOENT)
		return 0;
	if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP) {
		note_damage(s, name, why.text);
		return 0;
	}
	if (error)
		return problem(s->p, error, "%s", why.text);
	if (strcmp(r.tenant_id, tenant) != 0) {
		note_damage(s, name, "names another tenant than its directory");
		segment_reader_close(&r);
		return 0;
	}
	if (r.damaged_bytes)
		note_damage(s, name, "a section fails its checksum");
	if (r.torn && !cut_off_is_elsewhere(s, dir, &r))
		note_damage(s, name, "cut off inside a section whose journal is gone");
	for (size_t i = 0; i < r.section_count && !error; i++) {
		size_t rows_before = s->out->count, gaps_before = s->out->gaps.count;

		if (from_open_journal(s, r.sections[i].journal_id))
			continue;
		error = search_section(s, &r, &r.sections[i]);
		if (error != -EBADMSG && error != -ENODATA)
			continue;
		s->out->count = rows_before;
		s->out->gaps.count = gaps_before;
		error = 0;
		if (!section_superseded(dir, &r, &r.sections[i]))
			note_damage(s, name, "a section fails its checksum");
	}
	segment_reader_close(&r);
	return error ? problem(s->p, error, "%s: %s", name, strerror(-error)) : 0;
}

/* "YYYY-MM-DD[.N].sks" of a day that the window touches. */
static bool wanted_day(const struct query *q, const char *name)
{
	char day_text[DAY_TEXT_MAX] = "";
	int32_t day;

	strncpy(day_text, name, 10);
	if (day_parse(day_text, &day))
		return true; /* not our name: let the header decide */
	return day >= utc_day(q->from_ns) && day <= utc_day(q->to_ns - 1);
}

static int search_tenant(struct search *s, const char *id)
{
	char **names;
	size_t count;
	int dir = fs_open_dir(s->store->segments, id, 0), error;

	if (dir < 0)
		return dir == -ENOENT ? 0 : problem(s->p, dir, "cannot open segments/%s: %s", id,
						    strerror(-dir));
	error = fs_list(dir, SEGMENT_SUFFIX, &names, &count);
	if (error) {
		close(dir);
		return problem(s->p, error, "cannot list segments/%s: %s", id, strerror(-error));
	}
	for (size_t i = 0; i < count && !error; i++)
		if (wanted_day(s->q, names[i]))
			error = search_segment(s, dir, id, names[i]);
	fs_free_names(names, count);
	close(dir);
	return error;
}

static int search_segments(struct search *s)
{
	char **names;
	size_t count;
	int error;

	if (s->q->tenant)
		return search_tenant(s, s->q->tenant);
	error = fs_list_dirs(s->store->segments, &names, &count);
	if (error)
		return problem(s->p, error, "cannot list segments/: %s", strerror(-error));
	for (size_t i = 0; i < count && !error; i++)
		if (parse_tenant_id(names[i]) == 0)
			error = search_tenant(s, names[i]);
	fs_free_names(names, count);
	return error;
}

static int compare_rows(const void *a, const void *b)
{
	return record_compare_time(&((const struct found_row *)a)->record,
				   &((const struct found_row *)b)->record);
}

/* A node-wide gap is stated in the segment of every tenant; the answer says it once. */
static void merge_gaps(struct gaps *gaps)
{
	size_t kept = 0;

	for (size_t i = 0; i < gaps->count; i++) {
		const struct gap *g = &gaps->list[i];
		bool same = false;

		for (size_t k = 0; k < kept && !same; k++)
			same = memcmp(&gaps->list[k], g, sizeof(*g)) == 0;
		if (!same)
			gaps->list[kept++] = *g;
	}
	gaps->count = kept;
}

int search_run(const struct store_dir *store, const struct query *q,
	       struct search_result *ret_result, struct problem *p)
{
	struct search_result out = {};
	struct search s = { .store = store, .q = q, .out = &out, .p = p };
	int error;

	p->text[0] = '\0';
	error = open_journals(&s);
	for (size_t i = 0; i < s.journal_count && !error; i++)
		error = search_journal(&s, &s.journals[i]);
	if (!error)
		error = search_segments(&s);
	for (size_t i = 0; i < s.journal_count; i++)
		journal_reader_close(&s.journals[i]);
	free(s.journals);
	if (error) {
		search_result_done(&out);
		return p->text[0] ? error : problem(p, error, "search failed: %s", strerror(-error));
	}
	if (out.count)
		qsort(out.rows, out.count, sizeof(*out.rows), compare_rows);
	merge_gaps(&out.gaps);
	*ret_result = out;
	return 0;
}

void search_result_done(struct search_result *r)
{
	if (!r)
		return;
	free(r->rows);
	free(r->tenants);
	gaps_done(&r->gaps);
	memset(r, 0, sizeof(*r));
}
