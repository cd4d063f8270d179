// SPDX-License-Identifier: BSD-2-Clause
/* The answer for people: a table, and what has to be known to read it. */
#include <string.h>
#include "answer.h"
#include "base/rung.h"
#include "base/utc.h"
#include "words.h"

#define END_TEXT_MAX (ADDR_TEXT_MAX + 8)

/* Address and port as one word: 192.0.2.1:443, [2001:db8::1]:443. */
static const char *end_text(const struct addr *a, uint16_t port, char buf[static END_TEXT_MAX])
{
	char text[ADDR_TEXT_MAX];

	snprintf(buf, END_TEXT_MAX, addr_is_v4(a) ? "%s:%u" : "[%s]:%u", addr_format(a, text), port);
	return buf;
}

struct widths {
	int number, src, dst, tenant;
};

static void widen(int *width, size_t length)
{
	if ((int)length > *width)
		*width = (int)length;
}

static struct widths measure(const struct search_result *r)
{
	struct widths w = { .number = 2, .src = 6, .dst = 11, .tenant = 6 };
	char text[END_TEXT_MAX];

	for (size_t i = 0; i < r->count; i++) {
		const struct record *row = &r->rows[i].record;

		widen(&w.src, strlen(end_text(&row->src, row->src_port, text)));
		widen(&w.dst, strlen(end_text(&row->dst, row->dst_port, text)));
		widen(&w.tenant, strlen(r->tenants[row->tenant]));
	}
	for (size_t n = r->count; n >= 100; n /= 10)
		w.number++;
	return w;
}

static void put_rows(const struct search_result *r, FILE *out)
{
	const struct widths w = measure(r);
	char utc[UTC_TEXT_MAX], local[UTC_TEXT_MAX], src[END_TEXT_MAX], dst[END_TEXT_MAX];
	char flags[FLAGS_TEXT_MAX];

	fprintf(out, "%*s  %-30s  %-35s  %-*s  %-*s  %-*s  %-11s  %s\n", w.number, "NO", "TIME (UTC)",
		"LOCAL TIME", w.src, "SOURCE", w.dst, "DESTINATION", w.tenant, "TENANT", "KIND",
		"FLAGS");
	for (size_t i = 0; i < r->count; i++) {
		const struct record *row = &r->rows[i].record;

		fprintf(out, "%*zu  %-30s  %-35s  %-*s  %-*s  %-*s  %-11s  %s\n", w.number, i + 1,
			utc_format(row->time_ns, utc), utc_format_local(row->time_ns, local), w.src,
			end_text(&row->src, row->src_port, src), w.dst,
			end_text(&row->dst, row->dst_port, dst), w.tenant, r->tenants[row->tenant],
			kind_text(row->kind), flags_text(row->flags, flags));
	}
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
			fprintf(out, ", %llu lost", (unsigned long long)g->count);
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

void answer_notes(const struct answer *a, FILE *out)
{
	char from[UTC_TEXT_MAX], to[UTC_TEXT_MAX];

	fprintf(out, "Window:   from %s to before %s\n", utc_format(a->query->from_ns, from),
		utc_format(a->query->to_ns, to));
	put_gaps(a->result, out);
	put_hooks(a->result, out);
	put_clock(a->result, out);
	if (!a->daemon_drained && a->query->to_ns > utc_now_ns() - 5 * NS_PER_SEC)
		fputs("Note:     no sekishod was asked; the last seconds may be missing\n", out);
	if (a->result->damaged)
		fprintf(out, "DAMAGED:  %u objects could not be read, the first: %s\n",
			a->result->damaged, a->result->damage.text);
}

void answer_table(const struct answer *a, FILE *out)
{
	size_t count = a->result->count;

	if (count && a->show_rows) {
		put_rows(a->result, out);
		fputc('\n', out);
	}
	fprintf(out, "Records:  %zu%s\n", count,
		a->show_rows || !count ? "" : " (this basis shows the number only)");
	answer_notes(a, out);
	if (!count)
		fputs("\nNo record matches. This does not mean that there was no connection.\n"
		      "該当する記録はありません。通信が存在しなかったことを意味しません。\n", out);
}
