/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Merkle tree of a section: proofs for one row that show nothing of another
 * (AC-68, the proof part), and that fail when any bit of them is changed.
 */
#include "segment/merkle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "unit.h"

static const uint8_t file_secret[32] = "thirty-two bytes of a secret ...";

struct sample {
	struct segment_section s;
	struct record *records;
	uint8_t secret[32], root[32];
};

static struct sample make_sample(uint64_t seed, size_t count)
{
	struct sample m = { .records = calloc(count + 1, sizeof(*m.records)) };
	struct rng rng = { seed };
	struct merkle tree;

	random_rows(&rng, m.records, count, DAY_NS, NS_PER_DAY);
	if (count)
		qsort(m.records, count, sizeof(*m.records), record_compare_source);
	set_rows(&m.s, m.records, count);
	merkle_secret(file_secret, 7, 3, m.secret);
	merkle_begin(&tree, m.secret);
	for (size_t i = 0; i < count; i++)
		merkle_add(&tree, &m.s.rows[i], &m.s.endpoints[m.s.rows[i].endpoint]);
	merkle_end(&tree, m.root);
	return m;
}

static struct merkle_proof prove(const struct sample *m, uint32_t at)
{
	struct merkle_proof proof;

	REQUIRE(merkle_prove(m->secret, m->s.rows, (uint32_t)m->s.row_count, m->s.endpoints, at,
			     &proof) == 0);
	return proof;
}

static void every_row_of_trees_of_all_shapes(void)
{
	static const size_t sizes[] = { 1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 72, 73, 200, 513, 1000 };
	size_t checked = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct sample m = make_sample(i + 1, sizes[i]);

		for (uint32_t at = 0; at < sizes[i]; at += sizes[i] > 100 ? 13 : 1, checked++) {
			struct merkle_proof proof = prove(&m, at), read;
			struct buffer bytes = {};

			CHECK_ROW(merkle_check(&m.records[at], &proof, m.root), "row %u of %zu", at, sizes[i]);
			/* Another row does not have this proof. */
			CHECK_ROW(sizes[i] == 1 ||
				  !merkle_check(&m.records[at ? at - 1 : 1], &proof, m.root), "row %u", at);
			merkle_proof_write(&proof, &bytes);
			CHECK_INT(merkle_proof_read(bytes.data, bytes.size, &read), 0);
			CHECK(merkle_check(&m.records[at], &read, m.root));
			for (size_t cut = 0; cut < bytes.size; cut++)
				CHECK_INT(merkle_proof_read(bytes.data, cut, &read), -EBADMSG);
			buffer_done(&bytes);
		}
		CHECK_INT(merkle_prove(m.secret, m.s.rows, (uint32_t)sizes[i], m.s.endpoints,
				       (uint32_t)sizes[i], &(struct merkle_proof){}), -EINVAL);
		free(m.records);
	}
	CHECK_ROW(checked > 400, "%zu", checked);
}

static void no_rows_no_root(void)
{
	struct sample m = make_sample(1, 0);
	static const uint8_t zero[32];

	CHECK(memcmp(m.root, zero, 32) == 0);
	free(m.records);
}

static void every_flipped_bit_is_refused(void)
{
	struct sample m = make_sample(20, 100);
	struct merkle_proof proof = prove(&m, 42), read;
	struct record row = m.records[42];
	struct buffer bytes = {};
	size_t refused = 0, accepted = 0;

	merkle_proof_write(&proof, &bytes);
	for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
		bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (merkle_proof_read(bytes.data, bytes.size, &read) || !merkle_check(&row, &read, m.root))
			refused++;
		bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK_INT(refused, 8 * bytes.size);
	for (size_t bit = 0; bit < 8 * sizeof(m.root); bit++) {
		m.root[bit / 8] ^= (uint8_t)(1 << bit % 8);
		accepted += merkle_check(&row, &proof, m.root);
		m.root[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(row); bit++) {
		size_t at = bit / 8;

		if (at >= offsetof(struct record, tenant) && at < offsetof(struct record, tenant) + 4)
			continue; /* the segment's name says the tenant */
		((uint8_t *)&row)[at] ^= (uint8_t)(1 << bit % 8);
		accepted += merkle_check(&row, &proof, m.root);
		((uint8_t *)&row)[at] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK_INT(accepted, 0);
	CHECK(merkle_check(&row, &proof, m.root));
	buffer_done(&bytes);
	free(m.records);
}

/* Who has the proof of row 0 and knows row 1 but for nothing cannot confirm it: its salt is missing. */
static void a_neighbour_cannot_be_guessed(void)
{
	struct sample m = make_sample(21, 8), other;
	struct merkle_proof proof = prove(&m, 0), neighbour = prove(&m, 1);
	struct buffer bytes = {};
	struct record guess = m.records[1];
	struct merkle_proof forged = neighbour;

	merkle_proof_write(&proof, &bytes);
	CHECK(memmem(bytes.data, bytes.size, neighbour.salt, sizeof(neighbour.salt)) == NULL);
	CHECK(memmem(bytes.data, bytes.size, &guess.src, sizeof(guess.src)) == NULL);
	CHECK(memmem(bytes.data, bytes.size, m.secret, sizeof(m.secret)) == NULL);
	/* The right row with all that the proof gives away, and a salt that it does not. */
	memcpy(forged.salt, proof.salt, sizeof(forged.salt));
	CHECK(!merkle_check(&guess, &forged, m.root));
	CHECK(merkle_check(&guess, &neighbour, m.root)); /* control: with it, it is */
	/* The same rows in another section have other salts and another root. */
	other = make_sample(21, 8);
	merkle_secret(file_secret, 7, 4, other.secret);
	CHECK(memcmp(prove(&other, 0).salt, proof.salt, sizeof(proof.salt)) != 0);
	buffer_done(&bytes);
	free(m.records);
	free(other.records);
}

UNIT_SUITE(merkle, TEST(every_row_of_trees_of_all_shapes), TEST(no_rows_no_root),
	   TEST(every_flipped_bit_is_refused), TEST(a_neighbour_cannot_be_guessed));
