// SPDX-License-Identifier: BSD-2-Clause
/* One walk over a block's rows, compiled twice: to count symbols and to put them. */
#include <string.h>
#include "bits.h"
#include "block_writer.h"

/* How far back a close row looks for its opening. */
#define CLOSE_REACH 256

#define ALWAYS_INLINE static inline __attribute__((always_inline))

struct sink {
	struct block_writer *w;
	struct bit_writer bits;
};

ALWAYS_INLINE void put(struct sink *s, const bool emit, unsigned int table, unsigned int symbol,
		       uint64_t extra, unsigned int extra_bits)
{
	if (emit) {
		uint32_t code = s->w->codes[table].entry[symbol];
		unsigned int length = code >> HUFFMAN_ENTRY_SHIFT;

		code &= (1u << HUFFMAN_ENTRY_SHIFT) - 1;
		if (extra_bits + length <= BITS_MAX) {
			bits_put(&s->bits, code | extra << length, length + extra_bits);
			return;
		}
		bits_put(&s->bits, code, length);
		bits_put(&s->bits, extra & 0xffffffffu, 32);
		bits_put(&s->bits, extra >> 32, extra_bits - 32);
	} else {
		s->w->counts[table][symbol]++;
	}
}

ALWAYS_INLINE void put_bucket(struct sink *s, const bool emit, unsigned int table, uint64_t v,
			      unsigned int m)
{
	struct bucket b = bucket_of(v, m);

	put(s, emit, table, b.symbol, v & ((UINT64_C(1) << b.extra_bits) - 1), b.extra_bits);
}

static bool same_source(const struct row *a, const struct row *b)
{
	return memcmp(&a->src, &b->src, sizeof(a->src)) == 0;
}

static uint32_t source_length(const struct row *rows, size_t count, size_t first, size_t most)
{
	size_t n = 1;

	while (n < most && first + n < count && same_source(&rows[first], &rows[first + n]))
		n++;
	return (uint32_t)n;
}

struct block_plan block_plan_next(const struct row *rows, size_t count, size_t first)
{
	struct block_plan plan = { .first_row = (uint32_t)first, .v4 = addr_is_v4(&rows[first].src) };
	size_t at = first;

	while (at < count && plan.sources < BLOCK_SOURCES_MAX &&
	       addr_is_v4(&rows[at].src) == plan.v4) {
		uint32_t n = source_length(rows, count, at, BLOCK_ROWS_MAX);

		if (plan.rows && plan.rows + n > BLOCK_ROWS_MAX)
			break;
		plan.rows += n;
		plan.sources++;
		at += n;
	}
	return plan;
}

struct span {
	const struct row *rows;
	uint32_t count;
	bool uniform;
};

static uint64_t be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static uint32_t be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

/* Cuts the block into its sources and puts how many rows each has. */
ALWAYS_INLINE void put_counts(struct sink *s, const bool emit, const struct block_plan *plan,
			      struct span *spans)
{
	const struct row *row = s->w->rows + plan->first_row, *end = row + plan->rows;

	for (uint32_t i = 0; i < plan->sources; i++) {
		struct span *span = &spans[i];
		struct bucket b;

		*span = (struct span){ .rows = row, .count = 1, .uniform = true };
		for (row++; row < end && same_source(row, span->rows); row++) {
			span->uniform &= row->endpoint == span->rows->endpoint;
			span->count++;
		}
		b = bucket_of(span->count - 1, CODING_COUNT_M);
		put(s, emit, CODING_COUNT + !plan->v4, b.symbol * 2 + span->uniform,
		    (span->count - 1) & ((1u << b.extra_bits) - 1), b.extra_bits);
	}
}

/* The first source stands in the index. */
ALWAYS_INLINE void put_sources(struct sink *s, const bool emit, const struct block_plan *plan,
			       const struct span *spans)
{
	for (uint32_t i = 1; i < plan->sources; i++) {
		const uint8_t *a = spans[i - 1].rows->src.bytes, *b = spans[i].rows->src.bytes;
		uint64_t net, host;

		if (plan->v4) {
			put_bucket(s, emit, CODING_V4, be32(b + 12) - be32(a + 12) - 1, CODING_V4_M);
			continue;
		}
		net = be64(b) - be64(a);
		host = be64(b + 8);
		put_bucket(s, emit, CODING_V6_NET, net, CODING_V6_M);
		if (net)
			put_bucket(s, emit, CODING_V6_HOST, host, CODING_V6_M);
		else
			put_bucket(s, emit, CODING_V6_HOST_NEXT, host - be64(a + 8) - 1, CODING_V6_M);
	}
}

ALWAYS_INLINE void put_times(struct sink *s, const bool emit, const struct span *span)
{
	uint64_t offset = (uint64_t)(span->rows->time_ns - s->w->first_utc_ns);
	unsigned int shift = s->w->first_time_shift;
	unsigned int table = CODING_TIME + coding_time_context(span->count);

	put(s, emit, CODING_FIRST_TIME, (unsigned int)(offset >> shift),
	    offset & ((UINT64_C(1) << shift) - 1), shift);
	for (uint32_t i = 1; i < span->count; i++)
		put_bucket(s, emit, table,
			   (uint64_t)(span->rows[i].time_ns - span->rows[i - 1].time_ns), CODING_TIME_M);
}

ALWAYS_INLINE void put_endpoints(struct sink *s, const bool emit, bool v4, const struct span *span)
{
	unsigned int table = CODING_ENDPOINT;

	if (s->w->endpoint_count == 1)
		return;
	if (span->uniform) {
		put_bucket(s, emit, CODING_UNIFORM + !v4, s->w->rank[span->rows->endpoint],
			   CODING_ENDPOINT_M);
		return;
	}
	for (uint32_t i = 0; i < span->count; i++) {
		uint32_t rank = s->w->rank[span->rows[i].endpoint];

		put_bucket(s, emit, table, rank, CODING_ENDPOINT_M);
		table = CODING_ENDPOINT + coding_endpoint_context(rank);
	}
}

/* How many rows back the opening of a close row stands, 0 if it is not near. */
static uint32_t opening_of(const struct block_writer *w, const struct span *span, uint32_t i)
{
	const struct row *close = &span->rows[i];
	const struct endpoint *e = &w->endpoints[close->endpoint];

	for (uint32_t back = 1; back <= i && back <= CLOSE_REACH; back++) {
		const struct row *r = close - back;
		const struct endpoint *o = &w->endpoints[r->endpoint];

		if (r->src_port == close->src_port && r->time_ns == close->time_ns - close->lasted_ns &&
		    !w->is_close[w->rank[r->endpoint]] && o->dst_port == e->dst_port &&
		    memcmp(&o->dst, &e->dst, sizeof(o->dst)) == 0)
			return back;
	}
	return 0;
}

ALWAYS_INLINE void put_port(struct sink *s, const bool emit, uint16_t before, uint16_t port,
			    unsigned int *context)
{
	unsigned int z = zigzag16(before, port), symbol = z, table = CODING_PORT + *context;

	if (z < CODING_PORT_NEAR) {
		put(s, emit, table, z, 0, 0);
	} else if (((before ^ port) & CODING_PORT_SET_MASK) == 0) {
		symbol = CODING_PORT_SET;
		put(s, emit, table, symbol, (port >> 12 << 4 | (port & 15u)), 8);
	} else if (z < CODING_PORT_FAR) {
		struct bucket b = bucket_of(z, 1);

		symbol = CODING_PORT_BUCKET + b.symbol - CODING_PORT_BUCKET_LEAST;
		put(s, emit, table, symbol, z & ((1u << b.extra_bits) - 1), b.extra_bits);
	} else {
		symbol = CODING_PORT_PLAIN + (port >> 12);
		put(s, emit, table, symbol, port & 0xfff, 12);
	}
	*context = coding_port_context(symbol);
}

/* Ports, and of close rows where their opening stands or how long they lasted. */
ALWAYS_INLINE void put_ports(struct sink *s, const bool emit, const struct span *span)
{
	bool first = true;
	uint16_t before = 0;
	unsigned int context = 0;

	for (uint32_t i = 0; i < span->count; i++) {
		const struct row *r = &span->rows[i];

		if (s->w->is_close[s->w->rank[r->endpoint]]) {
			uint32_t back = opening_of(s->w, span, i);

			put_bucket(s, emit, CODING_CLOSE, back, CODING_CLOSE_M);
			if (back)
				continue;
			put_bucket(s, emit, CODING_LASTED, (uint64_t)r->lasted_ns, CODING_LASTED_M);
		}
		if (first)
			put(s, emit, CODING_FIRST_PORT, r->src_port >> CODING_FIRST_PORT_SHIFT,
			    r->src_port & ((1u << CODING_FIRST_PORT_SHIFT) - 1), CODING_FIRST_PORT_SHIFT);
		else
			put_port(s, emit, before, r->src_port, &context);
		before = r->src_port;
		first = false;
	}
}

ALWAYS_INLINE void put_rtts(struct sink *s, const bool emit, const struct span *span)
{
	int before = -1;

	for (uint32_t i = 0; i < span->count; i++) {
		const struct row *r = &span->rows[i];

		if (s->w->is_close[s->w->rank[r->endpoint]]) {
			put(s, emit, CODING_CLOSE_RTT, r->rtt, 0, 0);
			continue;
		}
		if (before < 0)
			put(s, emit, CODING_FIRST_RTT, r->rtt, 0, 0);
		else
			put_bucket(s, emit, CODING_RTT, zigzag16((uint16_t)before, r->rtt),
				   CODING_RTT_M);
		before = r->rtt;
	}
}

ALWAYS_INLINE void walk(struct sink *s, const bool emit, const struct block_plan *plan)
{
	struct span spans[BLOCK_SOURCES_MAX];

	put_counts(s, emit, plan, spans);
	put_sources(s, emit, plan, spans);
	for (uint32_t i = 0; i < plan->sources; i++)
		put_times(s, emit, &spans[i]);
	for (uint32_t i = 0; i < plan->sources; i++)
		put_endpoints(s, emit, plan->v4, &spans[i]);
	for (uint32_t i = 0; i < plan->sources; i++)
		put_ports(s, emit, &spans[i]);
	if (!s->w->has_rtt)
		return;
	for (uint32_t i = 0; i < plan->sources; i++)
		put_rtts(s, emit, &spans[i]);
}

void block_writer_count(struct block_writer *w, const struct block_plan *plan)
{
	struct sink s = { .w = w };

	walk(&s, false, plan);
}

size_t block_writer_put(struct block_writer *w, const struct block_plan *plan, uint8_t *at)
{
	struct sink s = { .w = w, .bits = { .at = at } };

	if (plan->rows > 1)
		bits_put(&s.bits, plan->sources - 1, 7);
	walk(&s, true, plan);
	bits_end(&s.bits);
	return (size_t)(s.bits.at - at);
}
