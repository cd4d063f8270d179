// SPDX-License-Identifier: BSD-2-Clause
/* The mirror of block_writer.c, for bytes that nobody vouches for. */
#include <errno.h>
#include <string.h>
#include "base/rtt.h"
#include "block_reader.h"

/* What is being decoded; the decoders of a stage are made before it. */
struct source {
	const struct block_section *s;
	struct block_rows *b;
};

static const struct huffman_decoder *decoder(const struct block_section *s, unsigned int table)
{
	struct block_codes *codes = s->codes;

	if (codes->usual[table])
		return coding_default_decoder(table);
	if (!codes->made[table]) {
		if (codes->constant[table] >= 0)
			huffman_decoder_constant((unsigned int)codes->constant[table],
						 &codes->decoders[table]);
		else
			huffman_decoder(codes->lengths[table], coding_symbols[table],
					&codes->decoders[table]);
		codes->made[table] = true;
	}
	return &codes->decoders[table];
}

static inline unsigned int symbol_of(struct bit_reader *r, const struct huffman_decoder *d,
				     uint64_t *ret_following)
{
	uint64_t bits = bits_peek(r);
	unsigned int entry = d->entry[bits & ((1u << HUFFMAN_LENGTH_MAX) - 1)];

	r->at += entry & 15;
	*ret_following = bits >> (entry & 15);
	return entry >> 4;
}

static inline unsigned int get_symbol(struct bit_reader *r, const struct huffman_decoder *d)
{
	uint64_t following;

	return symbol_of(r, d, &following);
}

/* Symbol and plain bits from one look at the stream, unless there are very many. */
static inline uint64_t get_bucket(struct bit_reader *r, const struct huffman_decoder *d,
				  unsigned int m)
{
	uint64_t following;
	unsigned int symbol = symbol_of(r, d, &following);
	unsigned int extra = bucket_extra_bits(symbol, m);

	if (__builtin_expect(extra + HUFFMAN_LENGTH_MAX > BITS_MAX, 0))
		return bucket_base(symbol, m) + bits_get(r, extra);
	r->at += extra;
	return bucket_base(symbol, m) + (following & ((UINT64_C(1) << extra) - 1));
}

static uint64_t be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static void set_be64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}

static int decode_counts(const struct block_section *s, struct block_rows *b)
{
	const struct huffman_decoder *d = decoder(s, CODING_COUNT + !b->v4);
	uint32_t end = 0;

	b->sources = b->rows > 1 ? (uint32_t)bits_get(&b->bits, 7) + 1 : 1;
	for (uint32_t i = 0; i < b->sources; i++) {
		unsigned int symbol = get_symbol(&b->bits, d);
		unsigned int extra = bucket_extra_bits(symbol / 2, CODING_COUNT_M);

		b->uniform[i] = symbol & 1;
		end += (uint32_t)(bucket_base(symbol / 2, CODING_COUNT_M) +
				  bits_get(&b->bits, extra)) + 1;
		if (end > b->rows)
			return -EBADMSG;
		b->source_end[i] = (uint16_t)end;
	}
	return end == b->rows ? 0 : -EBADMSG;
}

static int decode_v4(const struct block_section *s, struct block_rows *b)
{
	const struct huffman_decoder *d = decoder(s, CODING_V4);
	uint64_t net = be64(b->source[0].bytes), host = be64(b->source[0].bytes + 8);

	for (uint32_t i = 1; i < b->sources; i++) {
		uint64_t next = host + get_bucket(&b->bits, d, CODING_V4_M) + 1;

		if (next >> 32 != host >> 32)
			return -EBADMSG;
		host = next;
		set_be64(b->source[i].bytes, net);
		set_be64(b->source[i].bytes + 8, host);
	}
	return 0;
}

static int decode_v6(const struct block_section *s, struct block_rows *b)
{
	const struct huffman_decoder *nets = decoder(s, CODING_V6_NET);
	const struct huffman_decoder *next = decoder(s, CODING_V6_HOST_NEXT);
	const struct huffman_decoder *hosts = decoder(s, CODING_V6_HOST);
	uint64_t net = be64(b->source[0].bytes), host = be64(b->source[0].bytes + 8);

	for (uint32_t i = 1; i < b->sources; i++) {
		uint64_t step = get_bucket(&b->bits, nets, CODING_V6_M), before = host;

		if (step) {
			if (__builtin_add_overflow(net, step, &net))
				return -EBADMSG;
			host = get_bucket(&b->bits, hosts, CODING_V6_M);
		} else {
			host += get_bucket(&b->bits, next, CODING_V6_M) + 1;
			if (host <= before)
				return -EBADMSG;
		}
		set_be64(b->source[i].bytes, net);
		set_be64(b->source[i].bytes + 8, host);
		if (addr_is_v4(&b->source[i]))
			return -EBADMSG;
	}
	return 0;
}

static int decode_times(const struct block_section *s, struct block_rows *b)
{
	const struct huffman_decoder *first = decoder(s, CODING_FIRST_TIME), *following[4];
	uint64_t span = (uint64_t)(s->last_utc_ns - s->first_utc_ns);
	unsigned int shift = s->first_time_shift;
	uint32_t row = 0;

	for (unsigned int i = 0; i < 4; i++)
		following[i] = decoder(s, CODING_TIME + i);
	for (uint32_t i = 0; i < b->sources; i++) {
		const struct huffman_decoder *d =
			following[coding_time_context(b->source_end[i] - row)];
		uint64_t offset = (uint64_t)get_symbol(&b->bits, first) << shift;

		offset += bits_get(&b->bits, shift);
		b->time_ns[row++] = s->first_utc_ns + (int64_t)offset;
		while (row < b->source_end[i]) {
			offset += get_bucket(&b->bits, d, CODING_TIME_M);
			b->time_ns[row++] = (int64_t)((uint64_t)s->first_utc_ns + offset);
			/* Offset and step are below 2^48: this cannot run over unseen. */
			if (offset > span)
				return -EBADMSG;
		}
		if (offset > span)
			return -EBADMSG;
	}
	return 0;
}

static int decode_endpoints(const struct block_section *s, struct block_rows *b)
{
	const struct huffman_decoder *uniform, *contexts[5];
	uint32_t row = 0, worst = 0;

	if (s->endpoint_count == 1) {
		memset(b->endpoint, 0, b->rows * sizeof(*b->endpoint));
		return 0;
	}
	uniform = decoder(s, CODING_UNIFORM + !b->v4);
	for (unsigned int i = 0; i < 5; i++)
		contexts[i] = decoder(s, CODING_ENDPOINT + i);
	for (uint32_t i = 0; i < b->sources; i++) {
		const struct huffman_decoder *d = contexts[0];

		if (b->uniform[i]) {
			uint32_t e = (uint32_t)get_bucket(&b->bits, uniform, CODING_ENDPOINT_M);

			worst |= e >= s->endpoint_count;
			while (row < b->source_end[i])
				b->endpoint[row++] = e;
			continue;
		}
		while (row < b->source_end[i]) {
			uint32_t e = (uint32_t)get_bucket(&b->bits, d, CODING_ENDPOINT_M);

			worst |= e >= s->endpoint_count;
			b->endpoint[row++] = e;
			d = contexts[coding_endpoint_context(e)];
		}
	}
	return worst ? -EBADMSG : 0;
}

struct ports {
	const struct huffman_decoder *first, *contexts[6], *close, *lasted;
};

static inline uint16_t decode_port(struct bit_reader *r, const struct huffman_decoder *d,
				   uint16_t before, unsigned int *ret_context)
{
	uint64_t following;
	unsigned int symbol = symbol_of(r, d, &following), bucket, extra;

	*ret_context = coding_port_context(symbol);
	if (symbol < CODING_PORT_NEAR)
		return unzigzag16(before, (uint16_t)symbol);
	if (symbol == CODING_PORT_SET) {
		r->at += 8;
		return (uint16_t)((before & CODING_PORT_SET_MASK) | (following & 0xf0) << 8 |
				  (following & 15));
	}
	if (symbol >= CODING_PORT_PLAIN) {
		r->at += 12;
		return (uint16_t)((symbol - CODING_PORT_PLAIN) << 12 | (following & 0xfff));
	}
	bucket = symbol - CODING_PORT_BUCKET + CODING_PORT_BUCKET_LEAST;
	extra = bucket_extra_bits(bucket, 1);
	r->at += extra;
	return unzigzag16(before, (uint16_t)(bucket_base(bucket, 1) +
					     (following & ((1u << extra) - 1))));
}

/* A close row: its port and how long it lasted from the opening row, if that is near. */
static int decode_close(const struct block_section *s, struct block_rows *b, const struct ports *p,
			uint32_t source_begin, uint32_t row, bool *ret_port_follows)
{
	uint64_t back = get_bucket(&b->bits, p->close, CODING_CLOSE_M);
	uint64_t lasted;

	*ret_port_follows = !back;
	if (back) {
		if (back > row - source_begin || s->is_close[b->endpoint[row - back]])
			return -EBADMSG;
		b->src_port[row] = b->src_port[row - back];
		b->lasted_ns[row] = b->time_ns[row] - b->time_ns[row - back];
		return 0;
	}
	lasted = get_bucket(&b->bits, p->lasted, CODING_LASTED_M);
	/* The header states the earliest opening: a search goes by it. */
	if (lasted > (uint64_t)b->time_ns[row] - (uint64_t)s->opened_utc_ns || lasted > INT64_MAX)
		return -EBADMSG;
	b->lasted_ns[row] = (int64_t)lasted;
	return 0;
}

static int decode_ports(const struct block_section *s, struct block_rows *b)
{
	struct ports p = {
		.first = decoder(s, CODING_FIRST_PORT),
		.close = decoder(s, CODING_CLOSE),
		.lasted = decoder(s, CODING_LASTED),
	};
	uint32_t row = 0;

	for (unsigned int i = 0; i < 6; i++)
		p.contexts[i] = decoder(s, CODING_PORT + i);
	for (uint32_t i = 0; i < b->sources; i++) {
		uint32_t begin = row;
		unsigned int context = 0;
		uint16_t before = 0;
		bool first = true, port_follows = true;

		for (; row < b->source_end[i]; row++) {
			b->lasted_ns[row] = 0;
			if (s->is_close[b->endpoint[row]] &&
			    decode_close(s, b, &p, begin, row, &port_follows))
				return -EBADMSG;
			if (s->is_close[b->endpoint[row]] && !port_follows)
				continue;
			if (first) {
				before = (uint16_t)(get_symbol(&b->bits, p.first) <<
						    CODING_FIRST_PORT_SHIFT);
				before |= (uint16_t)bits_get(&b->bits, CODING_FIRST_PORT_SHIFT);
			} else {
				before = decode_port(&b->bits, p.contexts[context], before, &context);
			}
			b->src_port[row] = before;
			first = false;
		}
	}
	return 0;
}

static int decode_rtts(const struct block_section *s, struct block_rows *b)
{
	const struct huffman_decoder *first = decoder(s, CODING_FIRST_RTT);
	const struct huffman_decoder *next = decoder(s, CODING_RTT);
	const struct huffman_decoder *close = decoder(s, CODING_CLOSE_RTT);
	uint32_t row = 0;

	for (uint32_t i = 0; i < b->sources; i++) {
		int before = -1;

		for (; row < b->source_end[i]; row++) {
			unsigned int code;

			if (s->is_close[b->endpoint[row]]) {
				b->rtt[row] = (uint8_t)get_symbol(&b->bits, close);
				continue;
			}
			code = before < 0 ? get_symbol(&b->bits, first) :
					    unzigzag16((uint16_t)before,
						       (uint16_t)get_bucket(&b->bits, next,
									    CODING_RTT_M));
			if (code >= RTT_CODES)
				return -EBADMSG;
			b->rtt[row] = (uint8_t)code;
			before = (int)code;
		}
	}
	return 0;
}

void block_reader_start(struct block_rows *b, size_t size, uint32_t rows, uint32_t first_row,
			const struct addr *first_source)
{
	memset(b->bytes + size, 0, BITS_PADDING);
	b->bits = (struct bit_reader){ .data = b->bytes, .end = size * 8 };
	b->stage = BLOCK_NONE;
	b->rows = rows;
	b->first_row = first_row;
	b->source[0] = *first_source;
	b->v4 = addr_is_v4(first_source);
}

static int decode_stage(const struct block_section *s, enum block_stage stage, struct block_rows *b)
{
	int error = 0;

	switch (stage) {
	case BLOCK_SOURCES:
		error = decode_counts(s, b);
		if (!error)
			error = b->v4 ? decode_v4(s, b) : decode_v6(s, b);
		break;
	case BLOCK_TIMES:
		error = decode_times(s, b);
		break;
	default:
		error = decode_endpoints(s, b);
		if (!error)
			error = decode_ports(s, b);
		if (!error && s->has_rtt)
			error = decode_rtts(s, b);
		else if (!error)
			memset(b->rtt, 0, b->rows);
		/* All is read: what is left are the zero bits that fill the last byte. */
		if (!error && (b->bits.at + 7 < b->bits.end || bits_get(&b->bits, (b->bits.end - b->bits.at) & 7)))
			error = -EBADMSG;
	}
	return error ? error : bits_ok(&b->bits) ? 0 : -EBADMSG;
}

int block_reader_decode(const struct block_section *s, enum block_stage stage, struct block_rows *b)
{
	while (b->stage < stage) {
		int error = decode_stage(s, b->stage + 1, b);

		if (error)
			return error;
		b->stage++;
	}
	return 0;
}
