// SPDX-License-Identifier: BSD-2-Clause
/* Leaves, nodes, roots and proofs. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/rtt.h"
#include "merkle.h"
#include "sha256_sixteen.h"

#define FAN MERKLE_FAN
#define NODE_BYTES (1 + FAN * MERKLE_HASH_BYTES)
#define NODE_ROOM SHA256_ROOM(NODE_BYTES)

/* What is hashed begins with one byte that says what it is. */
enum domain {
	DOMAIN_LEAF = 0,
	DOMAIN_NODE = 1,
	DOMAIN_ROOT = 2,
	DOMAIN_SECRET = 3,
};

enum leaf_flag {
	LEAF_SRC_V6 = 1 << 0,
	LEAF_DST_V6 = 1 << 1,
	LEAF_ORIG_DST = 1 << 2,
	LEAF_LASTED = 1 << 3,
};

#define LEAF_BYTES_MAX (1 + MERKLE_SALT_BYTES + 3 + 4 + 4 + 8 + 18 + 18 + 4 + 18 + 8)

static void hash(struct sha256_ctx *sha, const void *data, size_t size,
		 uint8_t ret_hash[static MERKLE_HASH_BYTES])
{
	sha256_update(sha, size, data);
	sha256_digest(sha, MERKLE_HASH_BYTES, ret_hash);
}

void merkle_secret(const uint8_t file_secret[static 32], uint64_t journal_id, uint32_t run,
		   uint8_t ret_secret[static 32])
{
	uint8_t input[1 + 32 + 8 + 4] = { DOMAIN_SECRET };
	struct sha256_ctx sha;

	memcpy(input + 1, file_secret, 32);
	put_le64(input + 33, journal_id);
	put_le32(input + 41, run);
	sha256_init(&sha);
	hash(&sha, input, sizeof(input), ret_secret);
}

/* Salts of the rows from `first` (a multiple of 4) on: four of them to a block of the key stream. */
static void make_salts(const uint8_t secret[static 32], uint32_t first, size_t count, uint8_t *salts)
{
	static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];

	memset(salts, 0, count * MERKLE_SALT_BYTES);
	crypto_stream_chacha20_xor_ic(salts, salts, count * MERKLE_SALT_BYTES, nonce, first / 4, secret);
}

static uint8_t *put_addr(uint8_t *p, const struct addr *a, bool v6)
{
	size_t n = v6 ? 16 : 4;

	memcpy(p, a->bytes + 16 - n, n);
	return p + n;
}

static bool is_zero(const struct addr *a)
{
	static const struct addr none;

	return memcmp(a, &none, sizeof(none)) == 0;
}

/* An IPv4 row without extras makes 52 bytes: one block of SHA-256. Returns the number of bytes. */
static size_t write_leaf(const uint8_t salt[static MERKLE_SALT_BYTES], const struct row *r,
			 const struct endpoint *e, uint8_t leaf[static MERKLE_LEAF_ROOM])
{
	bool src_v6 = !addr_is_v4(&r->src), dst_v6 = !addr_is_v4(&e->dst);
	bool orig = e->orig_dst_port || !is_zero(&e->orig_dst);
	uint8_t *p = leaf;

	_Static_assert(SHA256_ROOM(LEAF_BYTES_MAX) <= MERKLE_LEAF_ROOM, "a leaf and its padding");
	*p++ = DOMAIN_LEAF;
	memcpy(p, salt, MERKLE_SALT_BYTES);
	p += MERKLE_SALT_BYTES;
	*p++ = (uint8_t)((src_v6 ? LEAF_SRC_V6 : 0) | (dst_v6 ? LEAF_DST_V6 : 0) |
			 (orig ? LEAF_ORIG_DST : 0) | (r->lasted_ns ? LEAF_LASTED : 0));
	*p++ = e->kind;
	*p++ = e->protocol;
	put_le32(p, e->flags);
	put_le32(p + 4, e->consent);
	put_le64(p + 8, (uint64_t)r->time_ns);
	p = put_addr(p + 16, &r->src, src_v6);
	put_le16(p, r->src_port);
	p = put_addr(p + 2, &e->dst, dst_v6);
	put_le16(p, e->dst_port);
	put_le32(p + 2, rtt_value_us(r->rtt));
	p += 6;
	if (orig) {
		p = put_addr(p, &e->orig_dst, true);
		put_le16(p, e->orig_dst_port);
		p += 2;
	}
	if (r->lasted_ns) {
		put_le64(p, (uint64_t)r->lasted_ns);
		p += 8;
	}
	return (size_t)(p - leaf);
}

static void hash_leaf(struct sha256_ctx *sha, const uint8_t salt[static MERKLE_SALT_BYTES],
		      const struct row *r, const struct endpoint *e,
		      uint8_t ret_hash[static MERKLE_HASH_BYTES])
{
	uint8_t leaf[MERKLE_LEAF_ROOM];

	hash(sha, leaf, write_leaf(salt, r, e, leaf), ret_hash);
}

/* One hash of up to FAN; one alone is passed up as it is. */
static void hash_group(struct sha256_ctx *sha, uint8_t (*children)[MERKLE_HASH_BYTES], unsigned int n,
		       uint8_t ret_hash[static MERKLE_HASH_BYTES])
{
	uint8_t node[1 + FAN * MERKLE_HASH_BYTES] = { DOMAIN_NODE };

	if (n == 1) {
		memmove(ret_hash, children[0], MERKLE_HASH_BYTES);
		return;
	}
	memcpy(node + 1, children, n * MERKLE_HASH_BYTES);
	hash(sha, node, 1 + n * MERKLE_HASH_BYTES, ret_hash);
}

static void hash_root(struct sha256_ctx *sha, uint32_t rows, const uint8_t *top,
		      uint8_t ret_root[static MERKLE_HASH_BYTES])
{
	uint8_t root[1 + 4 + MERKLE_HASH_BYTES] = { DOMAIN_ROOT };

	put_le32(root + 1, rows);
	memcpy(root + 5, top, MERKLE_HASH_BYTES);
	hash(sha, root, sizeof(root), ret_root);
}

void merkle_begin(struct merkle *m, const uint8_t secret[static 32])
{
	/* Picks the vectorised ChaCha20, four times as fast; without it the plain one gives the same. */
	(void)!sodium_init();
	sha256_init(&m->sha);
	memcpy(m->secret, secret, sizeof(m->secret));
	memset(m->count, 0, sizeof(m->count));
	m->rows = m->leaf_count = 0;
}

/* A hash goes to its level; where eight have gathered, theirs goes to the next. */
static void take_hash(struct merkle *m, unsigned int level, const uint8_t *hashed)
{
	memcpy(m->waiting[level][m->count[level]++], hashed, MERKLE_HASH_BYTES);
	while (m->count[level] == FAN) {
		hash_group(&m->sha, m->waiting[level], FAN, m->waiting[level + 1][m->count[level + 1]++]);
		m->count[level++] = 0;
	}
}

/* Leaves from `first` on, MERKLE_NODES of them at most; where their hashes go. */
static void hash_leaves(struct merkle *m, unsigned int first, unsigned int n, uint8_t *const ret_hashes[])
{
	uint8_t *leaves[MERKLE_NODES];
	size_t sizes[MERKLE_NODES];

	for (unsigned int i = 0; i < n; i++) {
		leaves[i] = m->leaves[first + i];
		sizes[i] = m->leaf_sizes[first + i];
	}
	sha256_sixteen(n, leaves, sizes, ret_hashes);
}

/* Sixteen nodes, whose hashes stand in them already, then the two over them. */
static void hash_nodes(struct merkle *m, uint8_t (*nodes)[NODE_ROOM])
{
	uint8_t above[2][NODE_ROOM], top[2][MERKLE_HASH_BYTES];
	uint8_t *messages[MERKLE_NODES], *hashes[MERKLE_NODES];
	uint8_t *const both[2] = { above[0], above[1] }, *const tops[2] = { top[0], top[1] };
	size_t sizes[MERKLE_NODES];

	for (unsigned int i = 0; i < MERKLE_NODES; i++) {
		nodes[i][0] = DOMAIN_NODE;
		messages[i] = nodes[i];
		sizes[i] = NODE_BYTES;
		hashes[i] = above[i / FAN] + 1 + i % FAN * MERKLE_HASH_BYTES;
	}
	sha256_sixteen(MERKLE_NODES, messages, sizes, hashes);
	above[0][0] = above[1][0] = DOMAIN_NODE;
	sha256_pair(both, sizes, tops);
	take_hash(m, 2, top[0]);
	take_hash(m, 2, top[1]);
}

/* All leaves that wait: nothing waits at the two levels above them. */
static void hash_full_leaves(struct merkle *m)
{
	uint8_t nodes[MERKLE_NODES][NODE_ROOM], *hashes[MERKLE_NODES];

	_Static_assert(MERKLE_NODES == 2 * FAN, "the leaves of two nodes are hashed together");
	for (unsigned int first = 0; first < MERKLE_LEAVES; first += MERKLE_NODES) {
		for (unsigned int i = 0; i < MERKLE_NODES; i++)
			hashes[i] = nodes[(first + i) / FAN] + 1 + i % FAN * MERKLE_HASH_BYTES;
		hash_leaves(m, first, MERKLE_NODES, hashes);
	}
	hash_nodes(m, nodes);
	m->leaf_count = 0;
}

/* Those that are left at the end. */
static void hash_last_leaves(struct merkle *m)
{
	uint8_t hashed[MERKLE_NODES][MERKLE_HASH_BYTES], *hashes[MERKLE_NODES];

	for (unsigned int i = 0; i < MERKLE_NODES; i++)
		hashes[i] = hashed[i];
	for (unsigned int first = 0; first < m->leaf_count; first += MERKLE_NODES) {
		unsigned int left = m->leaf_count - first, n = left < MERKLE_NODES ? left : MERKLE_NODES;

		hash_leaves(m, first, n, hashes);
		for (unsigned int i = 0; i < n; i++)
			take_hash(m, 0, hashed[i]);
	}
}

void merkle_add(struct merkle *m, const struct row *row, const struct endpoint *e)
{
	uint32_t at = m->rows % MERKLE_SALT_BATCH;

	if (at == 0)
		make_salts(m->secret, m->rows, MERKLE_SALT_BATCH, m->salts);
	m->leaf_sizes[m->leaf_count] = (uint8_t)write_leaf(m->salts + (size_t)at * MERKLE_SALT_BYTES, row, e,
							   m->leaves[m->leaf_count]);
	m->leaf_count++;
	m->rows++;
	if (m->leaf_count == MERKLE_LEAVES)
		hash_full_leaves(m);
}

void merkle_end(struct merkle *m, uint8_t ret_root[static MERKLE_HASH_BYTES])
{
	uint8_t top[MERKLE_HASH_BYTES];
	bool carried = false;

	memset(ret_root, 0, MERKLE_HASH_BYTES);
	if (!m->rows)
		return;
	hash_last_leaves(m);
	/* What waits at a level, with what came up from below, is its last group. */
	for (unsigned int level = 0; level < MERKLE_LEVELS_MAX; level++) {
		if (carried)
			memcpy(m->waiting[level][m->count[level]++], top, sizeof(top));
		if (!m->count[level])
			continue;
		hash_group(&m->sha, m->waiting[level], m->count[level], top);
		carried = true;
	}
	hash_root(&m->sha, m->rows, top, ret_root);
}

/* Hashes of all leaves, then in place level by level, keeping the neighbours of row `at`. */
int merkle_prove(const uint8_t secret[static 32], const struct row *rows, uint32_t count,
		 const struct endpoint *endpoints, uint32_t at, struct merkle_proof *ret_proof)
{
	struct merkle_proof proof = { .row = at, .rows = count };
	uint8_t (*level)[MERKLE_HASH_BYTES], salts[4 * MERKLE_SALT_BYTES];
	struct sha256_ctx sha;
	uint32_t mine = at;

	if (at >= count)
		return -EINVAL;
	level = malloc((size_t)count * sizeof(*level));
	if (!level)
		return -ENOMEM;
	sha256_init(&sha);
	for (uint32_t i = 0; i < count; i++) {
		if (i % 4 == 0)
			make_salts(secret, i, 4, salts);
		if (i == at)
			memcpy(proof.salt, salts + i % 4 * MERKLE_SALT_BYTES, sizeof(proof.salt));
		hash_leaf(&sha, salts + i % 4 * MERKLE_SALT_BYTES, &rows[i], &endpoints[rows[i].endpoint],
			  level[i]);
	}
	for (; count > 1; count = (count + FAN - 1) / FAN, mine /= FAN) {
		for (uint32_t i = 0; i < count; i += FAN) {
			uint32_t n = count - i < FAN ? count - i : FAN;

			for (uint32_t k = i; i == mine / FAN * FAN && k < i + n; k++)
				if (k != mine)
					memcpy(proof.hashes[proof.hash_count++], level[k],
					       MERKLE_HASH_BYTES);
			hash_group(&sha, level + i, n, level[i / FAN]);
		}
	}
	free(level);
	*ret_proof = proof;
	return 0;
}

bool merkle_check(const struct record *record, const struct merkle_proof *proof,
		  const uint8_t root[static MERKLE_HASH_BYTES])
{
	uint32_t count = proof->rows, mine = proof->row, used = 0;
	uint8_t top[MERKLE_HASH_BYTES];
	struct sha256_ctx sha;
	struct endpoint e;
	struct row row;

	if (mine >= count)
		return false;
	row_from_record(record, 0, &row, &e);
	if (rtt_value_us(row.rtt) != record->rtt_us)
		return false;
	sha256_init(&sha);
	hash_leaf(&sha, proof->salt, &row, &e, top);
	for (; count > 1; count = (count + FAN - 1) / FAN, mine /= FAN) {
		uint32_t first = mine / FAN * FAN, n = count - first < FAN ? count - first : FAN;
		uint8_t group[FAN][MERKLE_HASH_BYTES];

		for (uint32_t k = 0; k < n; k++) {
			if (first + k != mine && used == proof->hash_count)
				return false;
			memcpy(group[k], first + k == mine ? top : proof->hashes[used++],
			       MERKLE_HASH_BYTES);
		}
		hash_group(&sha, group, n, top);
	}
	hash_root(&sha, proof->rows, top, top);
	return used == proof->hash_count && memcmp(top, root, MERKLE_HASH_BYTES) == 0;
}

void merkle_proof_write(const struct merkle_proof *proof, struct buffer *out)
{
	buffer_le32(out, proof->row);
	buffer_le32(out, proof->rows);
	buffer_bytes(out, proof->salt, sizeof(proof->salt));
	buffer_bytes(out, proof->hashes, (size_t)proof->hash_count * MERKLE_HASH_BYTES);
}

/* How many hashes the proof of a row has. */
static uint32_t hashes_of(uint32_t row, uint32_t rows)
{
	uint32_t n = 0;

	for (; rows > 1; rows = (rows - 1) / FAN + 1, row /= FAN) {
		uint32_t left = rows - row / FAN * FAN;

		n += (left < FAN ? left : FAN) - 1;
	}
	return n;
}

int merkle_proof_read(const void *data, size_t size, struct merkle_proof *ret_proof)
{
	struct merkle_proof proof = {};
	const uint8_t *salt;
	struct cursor c;

	cursor_init(&c, data, size);
	proof.row = cursor_le32(&c);
	proof.rows = cursor_le32(&c);
	salt = cursor_bytes(&c, MERKLE_SALT_BYTES);
	if (!salt || proof.row >= proof.rows)
		return -EBADMSG;
	memcpy(proof.salt, salt, sizeof(proof.salt));
	proof.hash_count = hashes_of(proof.row, proof.rows);
	if (cursor_left(&c) != (size_t)proof.hash_count * MERKLE_HASH_BYTES)
		return -EBADMSG;
	memcpy(proof.hashes, cursor_bytes(&c, cursor_left(&c)),
	       (size_t)proof.hash_count * MERKLE_HASH_BYTES);
	*ret_proof = proof;
	return 0;
}
