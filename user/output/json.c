// SPDX-License-Identifier: BSD-2-Clause
/* The answer as one JSON object; rows are written one by one. */
#include <jansson.h>
#include "answer.h"
#include "base/rung.h"
#include "base/utc.h"
#include "query/reasons.h"
#include "words.h"

static json_t *time_json(int64_t ns)
{
	char text[UTC_TEXT_MAX];

	return ns ? json_string(utc_format(ns, text)) : json_null();
}

static json_t *addr_json(const struct addr *a)
{
	static const struct addr none;
	char text[ADDR_TEXT_MAX];

	return addr_compare(a, &none) ? json_string(addr_format(a, text)) : json_null();
}

static json_t *number_json(uint32_t n)
{
	return n ? json_integer(n) : json_null();
}

static json_t *row_json(uint64_t number, const struct found_row *f, const char *tenant)
{
	const struct record *r = &f->record;
	char local[UTC_TEXT_MAX], flags[FLAGS_TEXT_MAX], src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];

	json_t *row = json_pack(
		"{s:I, s:s, s:s, s:s, s:i, s:s, s:i, s:o, s:s, s:s, s:o, s:I, s:s, s:I, s:o, s:o, s:o}",
		"row", (json_int_t)number, "kind", kind_text(r->kind), "proto",
		protocol_text(r->protocol), "src_ip", addr_format(&r->src, src), "src_port",
		r->src_port, "dst_ip", addr_format(&r->dst, dst), "dst_port", r->dst_port, "t_utc",
		time_json(r->time_ns), "t_local", utc_format_local(r->time_ns, local), "tenant",
		tenant, "rtt_us", number_json(r->rtt_us), "clock_err_ns",
		(json_int_t)f->clock_error_ns, "flags", flags_text(r->flags, flags), "consent",
		(json_int_t)r->consent, "orig_dst_ip", addr_json(&r->orig_dst), "orig_dst_port",
		number_json(r->orig_dst_port), "t_close_utc", time_json(f->close_ns));

	if (f->question)
		json_object_set_new(row, "question", json_integer(f->question));
	return row;
}

static json_t *gaps_json(const struct search_result *r)
{
	json_t *gaps = json_array();

	for (size_t i = 0; i < r->gaps.count; i++) {
		const struct gap *g = &r->gaps.list[i];

		json_array_append_new(
			gaps, json_pack("{s:o, s:o, s:o, s:s, s:o}", "from", time_json(g->first_utc_ns),
					"to", time_json(g->last_utc_ns), "tenant",
					g->tenant < r->tenant_count ?
						json_string(r->tenants[g->tenant]) : json_null(),
					"reason", gap_reason_text(g->reason), "lost",
					g->count ? json_integer((json_int_t)g->count) : json_null()));
	}
	return gaps;
}

static json_t *hooks_json(uint32_t rungs)
{
	json_t *hooks = json_array();

	for (unsigned int i = 1; i < 32; i++)
		if (rungs & 1u << i)
			json_array_append_new(hooks, json_string(rung_name((enum sekisho_rung)i)));
	return hooks;
}

static void put_member(FILE *out, const char *name, json_t *value, const char *end)
{
	fprintf(out, "\"%s\":", name);
	json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY);
	fputs(end, out);
	json_decref(value);
}

static int put_rows(const struct answer *a, FILE *out)
{
	struct search_result *r = a->result;
	bool wanted = a->show_rows && a->query->want == QUERY_ROWS;
	struct found_row found;
	uint64_t number = 0;
	int state = wanted ? search_rewind(r) : 0;

	while (!state && wanted && (state = search_next(r, &found)) > 0) {
		json_t *row = row_json(++number, &found, r->tenants[found.record.tenant]);

		fputs(number > 1 ? ",\n" : "\n", out);
		json_dumpf(row, out, JSON_COMPACT | JSON_PRESERVE_ORDER);
		json_decref(row);
		state = 0;
	}
	return state;
}

static json_t *top_json(const struct answer *a)
{
	json_t *top = json_array();

	for (size_t i = 0; a->show_rows && i < a->result->top_count; i++)
		json_array_append_new(top, json_pack("{s:o, s:I}", "src_ip",
						     addr_json(&a->result->top[i].src), "rows",
						     (json_int_t)a->result->top[i].rows));
	return top;
}

static json_t *questions_json(const struct answer *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->query->questions->count; i++)
		json_array_append_new(list, json_integer(a->result->question_rows[i]));
	return list;
}

/* Numbers of the struct by their names. */
static json_t *explain_json(const struct search_explain *e)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"journals", (json_int_t)e->journals, "frames", (json_int_t)e->frames,
		"frames_decoded", (json_int_t)e->frames_decoded, "catalogs", (json_int_t)e->catalogs,
		"segments", (json_int_t)e->segments, "segments_opened", (json_int_t)e->segments_opened,
		"sections", (json_int_t)e->sections, "sections_skipped_catalog",
		(json_int_t)e->sections_skipped_catalog, "sections_skipped_time",
		(json_int_t)e->sections_skipped_time, "sections_skipped_destination",
		(json_int_t)e->sections_skipped_destination, "blocks", (json_int_t)e->blocks,
		"blocks_skipped_index", (json_int_t)e->blocks_skipped_index, "blocks_skipped_source",
		(json_int_t)e->blocks_skipped_source, "blocks_skipped_time",
		(json_int_t)e->blocks_skipped_time, "blocks_decoded", (json_int_t)e->blocks_decoded,
		"rows_decoded", (json_int_t)e->rows_decoded, "threads", (json_int_t)e->threads,
		"plan_ns", (json_int_t)e->plan_ns, "scan_ns", (json_int_t)e->scan_ns);
}

static json_t *clock_json(const struct search_result *r)
{
	return r->clock_seen ? json_pack("{s:b, s:I}", "synchronised", !r->clock_unsynchronised,
					 "max_error_ns", (json_int_t)r->clock_error_ns) : json_null();
}

static json_t *reasons_json(uint32_t reasons)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < REASONS; i++)
		if (reasons & 1u << i)
			json_array_append_new(list, json_string(reason_code(1u << i)));
	return list;
}

int answer_json(const struct answer *a, FILE *out)
{
	const struct search_result *r = a->result;
	int error;

	fputs("{\"rows\":[", out);
	error = put_rows(a, out);
	fputs("],\n", out);
	put_member(out, "count", json_integer((json_int_t)r->count), ",\n");
	put_member(out, "rows_shown", json_boolean(a->show_rows), ",\n");
	put_member(out, "from", time_json(a->query->from_ns), ",\n");
	put_member(out, "to", time_json(a->query->to_ns), ",\n");
	put_member(out, "gaps", gaps_json(r), ",\n");
	put_member(out, "hooks", hooks_json(r->rungs), ",\n");
	put_member(out, "clock", clock_json(r), ",\n");
	put_member(out, "complete_to_now", json_boolean(a->daemon_drained), ",\n");
	put_member(out, "damaged", r->damaged ? json_string(r->damage.text) : json_null(), ",\n");
	if (a->query->want == QUERY_TOP) {
		put_member(out, "top", top_json(a), ",\n");
		put_member(out, "sources", json_integer((json_int_t)r->source_count), ",\n");
	}
	if (a->query->questions)
		put_member(out, "question_rows", questions_json(a), ",\n");
	if (a->explain)
		put_member(out, "explain", explain_json(&r->explain), ",\n");
	put_member(out, "imported", json_boolean(r->imported), ",\n");
	put_member(out, "class", r->count ? json_null() : json_string("N"), ",\n");
	put_member(out, "reasons", reasons_json(r->reasons), "}\n");
	return error;
}
