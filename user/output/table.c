// SPDX-License-Identifier: BSD-2-Clause
/* The answer for people: a table, and what has to be known to read it. */
#include <string.h>
#include "answer.h"
#include "base/rung.h"
#include "base/utc.h"
#include "schema/store.h"
#include "query/reasons.h"
#include "words.h"

#define END_TEXT_MAX (ADDR_TEXT_MAX + 8)

/* Address and port as one word: 192.0.2.1:443, [2001:db8::1]:443. */
static const char *end_text(const struct addr *a, uint16_t port, char buf[static END_TEXT_MAX])
{
	char text[ADDR_TEXT_MAX];

	snprintf(buf, END_TEXT_MAX, addr_is_v4(a) ? "%s:%u" : "[%s]:%u", addr_format(a, text), port);
	return buf;
}

/* Rows of larger answers are not read twice: their columns have room for anything. */
#define MEASURED_ROWS 100000

struct widths {
	int number, src, dst, tenant;
};

static void widen(int *width, size_t length)
{
	if ((int)length > *width)
		*width = (int)length;
}

static int measure(struct search_result *r, struct widths *w)
{
	struct found_row found;
	char text[END_TEXT_MAX];
	int state = search_rewind(r);

	while (!state && (state = search_next(r, &found)) > 0) {
		const struct record *row = &found.record;

		widen(&w->src, strlen(end_text(&row->src, row->src_port, text)));
		widen(&w->dst, strlen(end_text(&row->dst, row->dst_port, text)));
		widen(&w->tenant, strlen(r->tenants[row->tenant]));
		state = 0;
	}
	return state;
}

static int widths_of(struct search_result *r, struct widths *ret_widths)
{
	struct widths w = { .number = 2, .src = 6, .dst = 11, .tenant = 6 };
	int error = 0;

	if (r->count <= MEASURED_ROWS)
		error = measure(r, &w);
	else
		w.src = w.dst = w.tenant = ADDR_TEXT_MAX;
	for (uint64_t n = r->count; n >= 100; n /= 10)
		w.number++;
	*ret_widths = w;
	return error;
}

static void put_header(const struct answer *a, const struct widths *w, FILE *out)
{
	fprintf(out, "%*s  %-30s  %-35s  %-*s  %-*s  %-*s  %-11s  ", w->number, "NO", "TIME (UTC)",
		"LOCAL TIME", w->src, "SOURCE", w->dst, "DESTINATION", w->tenant, "TENANT", "KIND");
	if (a->result->any_close)
		fprintf(out, "%-30s  ", "CLOSED (UTC)");
	if (a->query->questions)
		fprintf(out, "%-8s  ", "QUESTION");
	fputs("FLAGS\n", out);
}

static void put_row(const struct answer *a, const struct widths *w, uint64_t number,
		    const struct found_row *found, FILE *out)
{
	const struct record *row = &found->record;
	char utc[UTC_TEXT_MAX], local[UTC_TEXT_MAX], src[END_TEXT_MAX], dst[END_TEXT_MAX];
	char flags[FLAGS_TEXT_MAX];

	fprintf(out, "%*llu  %-30s  %-35s  %-*s  %-*s  %-*s  %-11s  ", w->number,
		(unsigned long long)number, utc_format(row->time_ns, utc),
		utc_format_local(row->time_ns, local), w->src, end_text(&row->src, row->src_port, src),
		w->dst, end_text(&row->dst, row->dst_port, dst), w->tenant,
		a->result->tenants[row->tenant], kind_text(row->kind));
	if (a->result->any_close)
		fprintf(out, "%-30s  ", found->close_ns ? utc_format(found->close_ns, utc) : "-");
	if (a->query->questions)
		fprintf(out, "%-8u  ", found->question);
	fprintf(out, "%s\n", flags_text(row->flags, flags));
}

static int put_rows(const struct answer *a, FILE *out)
{
	struct search_result *r = a->result;
	struct found_row found;
	struct widths w;
	uint64_t number = 0;
	int state = widths_of(r, &w);

	if (!state)
		state = search_rewind(r);
	put_header(a, &w, out);
	while (!state && (state = search_next(r, &found)) > 0) {
		put_row(a, &w, ++number, &found, out);
		state = 0;
	}
	return state;
}

static void put_top(const struct search_result *r, FILE *out)
{
	char text[ADDR_TEXT_MAX];
	int width = 6;

	for (size_t i = 0; i < r->top_count; i++)
		widen(&width, strlen(addr_format(&r->top[i].src, text)));
	fprintf(out, "%6s  %-*s  %12s\n", "NO", width, "SOURCE", "RECORDS");
	for (size_t i = 0; i < r->top_count; i++)
		fprintf(out, "%6zu  %-*s  %12llu\n", i + 1, width, addr_format(&r->top[i].src, text),
			(unsigned long long)r->top[i].rows);
}

static void put_gaps(const struct search_result *r, FILE *out)
{
	char from[UTC_TEXT_MAX], to[UTC_TEXT_MAX];

	if (!r->gaps.count) {
		fprintf(out, "Gaps:     none recorded in this window\n");
		return;
	}
	fprintf(out, "Gaps:     %zu in this window; what happened in them is not in this answer\n",
		r->gaps.count);
	for (size_t i = 0; i < r->gaps.count; i++) {
		const struct gap *g = &r->gaps.list[i];

		fprintf(out, "          %s to %s  %s, %s", utc_format(g->first_utc_ns, from),
			utc_format(g->last_utc_ns, to),
			g->tenant < r->tenant_count ? r->tenants[g->tenant] : "every tenant",
			gap_reason_text(g->reason));
		if (g->count)
			fprintf(out, ", %llu %slost", (unsigned long long)g->count,
				g->reason == STORE_GAP_CLOSE_LOST ? "ends of recorded connections " : "");
		fputc('\n', out);
	}
}

static void put_hooks(const struct search_result *r, FILE *out)
{
	bool any = false;

	fputs("Hook:     ", out);
	for (unsigned int i = 1; i < 32; i++) {
		const enum sekisho_rung rung = (enum sekisho_rung)i;

		if (!(r->rungs & 1u << i))
			continue;
		fprintf(out, "%s%s", any ? ", " : "", rung_name(rung));
		if (*rung_blind_spot(rung))
			fprintf(out, " (cannot see: %s)", rung_blind_spot(rung));
		any = true;
	}
	fputs(any ? "\n" : "nothing known about this window\n", out);
}

static void put_clock(const struct search_result *r, FILE *out)
{
	if (!r->clock_seen)
		fputs("Clock:    nothing known about this window\n", out);
	else if (r->clock_unsynchronised)
		fputs("Clock:    NOT SYNCHRONISED in this window: times may be wrong by any amount\n", out);
	else
		fprintf(out, "Clock:    synchronised, error at most %.3f ms\n",
			(double)r->clock_error_ns / 1e6);
}

/* Why there are no records, or not all of them. */
static void put_reasons(const struct search_result *r, FILE *out)
{
	const char *label = "Reasons:";

	if (!r->count)
		fputs("Class:    N (no record)\n", out);
	for (unsigned int i = 0; i < REASONS; i++) {
		if (!(r->reasons & 1u << i))
			continue;
		fprintf(out, "%-9s %-10s  %s\n", label, reason_code(1u << i), reason_text(1u << i));
		label = "";
	}
}

void answer_notes(const struct answer *a, FILE *out)
{
	char from[UTC_TEXT_MAX], to[UTC_TEXT_MAX];

	fprintf(out, "Window:   from %s to before %s\n", utc_format(a->query->from_ns, from),
		utc_format(a->query->to_ns, to));
	fprintf(out, "Local:    from %s to before %s\n", utc_format_local(a->query->from_ns, from),
		utc_format_local(a->query->to_ns, to));
	put_gaps(a->result, out);
	put_hooks(a->result, out);
	put_clock(a->result, out);
	put_reasons(a->result, out);
	if (a->result->imported)
		fputs("Imported: records in this window may be imported ones (flag imported)\n", out);
	if (a->query->open_at_end)
		fputs("Open at:  the end of the window. A record without close time may have closed before: its\n"
		      "          end is not consented to, was lost, or was not seen by the hook\n", out);
	if (!a->daemon_drained && a->query->to_ns > utc_now_ns() - 5 * NS_PER_SEC)
		fputs("Note:     no sekishod was asked; the last seconds may be missing\n", out);
	if (a->result->damaged)
		fprintf(out, "DAMAGED:  %u objects could not be read, the first: %s\n",
			a->result->damaged, a->result->damage.text);
}

static void explain_line(FILE *out, const char *what, uint64_t all, uint64_t read, const char *why)
{
	fprintf(out, "  %-10s %12llu considered  %12llu read  %s\n", what, (unsigned long long)all,
		(unsigned long long)read, why);
}

void answer_explain(const struct search_explain *e, FILE *out)
{
	char why[160];

	fprintf(out, "Explain:  planned in %.1f ms, read in %.1f ms by %u threads, %llu rows decoded\n",
		(double)e->plan_ns / 1e6, (double)e->scan_ns / 1e6, e->threads,
		(unsigned long long)e->rows_decoded);
	explain_line(out, "frames", e->frames, e->frames_decoded, "of journals");
	snprintf(why, sizeof(why), "with %llu day catalogs", (unsigned long long)e->catalogs);
	explain_line(out, "segments", e->segments, e->segments_opened, why);
	snprintf(why, sizeof(why), "skipped: %llu by catalog, %llu by time, %llu by destination",
		 (unsigned long long)e->sections_skipped_catalog,
		 (unsigned long long)e->sections_skipped_time,
		 (unsigned long long)e->sections_skipped_destination);
	explain_line(out, "sections", e->sections, e->sections - e->sections_skipped_catalog -
		     e->sections_skipped_time - e->sections_skipped_destination, why);
	snprintf(why, sizeof(why), "skipped: %llu by index, %llu by source, %llu by time",
		 (unsigned long long)e->blocks_skipped_index,
		 (unsigned long long)e->blocks_skipped_source,
		 (unsigned long long)e->blocks_skipped_time);
	explain_line(out, "blocks", e->blocks, e->blocks_decoded, why);
}

static void put_questions(const struct answer *a, FILE *out)
{
	size_t answered = 0, all = a->query->questions->count;

	for (size_t i = 0; i < all; i++)
		answered += a->result->question_rows[i] > 0;
	fprintf(out, "Questions: %zu, with records %zu, without %zu\n", all, answered, all - answered);
}

int answer_table(const struct answer *a, FILE *out)
{
	uint64_t count = a->result->count;
	bool listed = count && a->show_rows && a->query->want != QUERY_COUNT;
	int error = 0;

	/* The count first, then rows. */
	fprintf(out, "Records:  %llu%s\n", (unsigned long long)count,
		a->show_rows || !count ? "" : " (this basis shows the number only)");
	if (listed)
		fputc('\n', out);
	if (listed && a->query->want == QUERY_TOP)
		put_top(a->result, out);
	else if (listed)
		error = put_rows(a, out);
	if (listed)
		fputc('\n', out);
	if (a->query->questions)
		put_questions(a, out);
	if (a->query->want == QUERY_TOP)
		fprintf(out, "Sources:  %llu\n", (unsigned long long)a->result->source_count);
	answer_notes(a, out);
	if (!count)
		fputs("\nNo record matches. This does not mean that there was no connection.\n"
		      "合致する記録は存在しなかった。このことは、当該通信が存在しなかったことを意味しない。\n", out);
	return error;
}
