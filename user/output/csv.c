// SPDX-License-Identifier: BSD-2-Clause
/* The answer as CSV. No field ever needs quoting: addresses, numbers, words, tenant ids. */
#include "answer.h"
#include "base/utc.h"
#include "words.h"

static void put_row(uint64_t number, const struct found_row *f, const char *tenant, FILE *out)
{
	static const struct addr none;
	const struct record *r = &f->record;
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], orig[ADDR_TEXT_MAX];
	char utc[UTC_TEXT_MAX], local[UTC_TEXT_MAX], close_utc[UTC_TEXT_MAX];
	char flags[FLAGS_TEXT_MAX];
	bool has_orig = addr_compare(&r->orig_dst, &none) != 0;

	fprintf(out, "%llu,%s,%s,%s,%u,%s,%u,%s,%s,%s,", (unsigned long long)number,
		kind_text(r->kind),
		protocol_text(r->protocol), addr_format(&r->src, src), r->src_port,
		addr_format(&r->dst, dst), r->dst_port, utc_format(r->time_ns, utc),
		utc_format_local(r->time_ns, local), tenant);
	if (r->rtt_us)
		fprintf(out, "%u", r->rtt_us);
	fprintf(out, ",%llu,%s,%u,%s,", (unsigned long long)f->clock_error_ns,
		flags_text(r->flags, flags), r->consent, has_orig ? addr_format(&r->orig_dst, orig) : "");
	if (r->orig_dst_port)
		fprintf(out, "%u", r->orig_dst_port);
	fprintf(out, ",%s", f->close_ns ? utc_format(f->close_ns, close_utc) : "");
	if (f->question)
		fprintf(out, ",%u", f->question);
	fputc('\n', out);
}

static int put_rows(const struct answer *a, FILE *out)
{
	struct search_result *r = a->result;
	struct found_row row;
	uint64_t number = 0;
	int state = a->show_rows ? search_rewind(r) : 0;

	fprintf(out, "row,kind,proto,src_ip,src_port,dst_ip,dst_port,t_utc,t_local,tenant,rtt_us,"
		     "clock_err_ns,flags,consent,orig_dst_ip,orig_dst_port,t_close_utc%s\n",
		a->query->questions ? ",question" : "");
	while (!state && a->show_rows && (state = search_next(r, &row)) > 0) {
		put_row(++number, &row, r->tenants[row.record.tenant], out);
		state = 0;
	}
	return state;
}

static void put_top(const struct answer *a, FILE *out)
{
	char src[ADDR_TEXT_MAX];

	fputs("rank,src_ip,rows\n", out);
	for (size_t i = 0; a->show_rows && i < a->result->top_count; i++)
		fprintf(out, "%zu,%s,%llu\n", i + 1, addr_format(&a->result->top[i].src, src),
			(unsigned long long)a->result->top[i].rows);
}

int answer_csv(const struct answer *a, FILE *out)
{
	switch (a->query->want) {
	case QUERY_COUNT:
		fprintf(out, "rows\n%llu\n", (unsigned long long)a->result->count);
		return 0;
	case QUERY_TOP:
		put_top(a, out);
		return 0;
	default:
		return put_rows(a, out);
	}
}
