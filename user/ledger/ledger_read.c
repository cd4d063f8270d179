// SPDX-License-Identifier: BSD-2-Clause
/*
 * Walking and verifying. Nothing is locked: what is opened first rests upon what is opened later, in the order heads,
 * consent, access, custody (which has the keys), and a chain may be longer than its head knows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "heads.h"
#include "ledger.h"

/* Chains and heads as they are at one moment. */
struct view {
	char *heads_text;
	struct ledger_heads heads;
	struct chain_file files[LEDGER_CHAINS];
	struct ledger_keys keys;
};

static void view_close(struct view *v)
{
	for (int i = 0; i < LEDGER_CHAINS; i++)
		chain_close(&v->files[i]);
	ledger_keys_done(&v->keys);
	free(v->heads_text);
}

/* The root of trust that was handed out: keys/node.pub, if the caller has none. */
static int expected_key(const struct store_dir *store, const struct ledger_public *given,
			struct ledger_public *ret_key, bool *ret_known, struct problem *p)
{
	uint8_t bytes[LEDGER_PUBLIC_BYTES];
	char *text = NULL;
	int dir, error;

	*ret_known = given != NULL;
	if (given) {
		*ret_key = *given;
		return 0;
	}
	dir = heads_open_keys(store, false);
	error = dir < 0 ? dir : heads_read_file(dir, LEDGER_PUBLIC_FILE, &text);
	if (dir >= 0)
		close(dir);
	if (error == -ENOENT)
		return 0;
	if (!error && (strlen(text) != 2 * LEDGER_PUBLIC_BYTES + 1 || text[2 * LEDGER_PUBLIC_BYTES] != '\n' ||
		       hex_parse(text, 2 * LEDGER_PUBLIC_BYTES, bytes, sizeof(bytes))))
		error = -EBADMSG;
	free(text);
	if (error)
		return problem(p, error, "keys/" LEDGER_PUBLIC_FILE ": %s",
			       error == -EBADMSG ? "not a public key" : strerror(-error));
	ledger_public_of(bytes, ret_key);
	*ret_known = true;
	return 0;
}

static int check_root(const struct store_dir *store, const struct ledger_public *given,
		      const struct ledger_keys *keys, struct problem *p)
{
	struct ledger_public expected;
	bool known;
	int error = expected_key(store, given, &expected, &known, p);

	if (error || !known || !keys->count ||
	    memcmp(keys->list[0].bytes, expected.bytes, LEDGER_PUBLIC_BYTES) == 0)
		return error;
	return problem(p, -EBADMSG, "ledger/%s line 1: key %s, %s says %s", chain_file_name(LEDGER_CUSTODY),
		       keys->list[0].id, given ? "the public key given" : "keys/" LEDGER_PUBLIC_FILE,
		       expected.id);
}

/* Opens what is asked for and custody; keys and heads are checked. */
static int view_open(const struct store_dir *store, enum ledger_chain from, enum ledger_chain to,
		     const struct ledger_public *public_key, struct view *v, struct problem *p)
{
	struct chain_end ignored;
	int error;

	*v = (struct view){};
	for (int i = 0; i < LEDGER_CHAINS; i++)
		v->files[i] = (struct chain_file){ .chain = i, .fd = -1 };
	error = heads_load(store, &v->heads_text, p);
	for (int i = from; i <= (int)to && i < LEDGER_CUSTODY && !error; i++)
		error = chain_open(store->ledger, i, &v->files[i], p);
	if (!error)
		error = chain_open(store->ledger, LEDGER_CUSTODY, &v->files[LEDGER_CUSTODY], p);
	if (!error)
		error = chain_walk(&v->files[LEDGER_CUSTODY], CHAIN_KEYS, &v->keys, NULL, NULL, &ignored, p);
	if (!error)
		error = check_root(store, public_key, &v->keys, p);
	if (!error && v->heads_text && !v->keys.count)
		return problem(p, -EBADMSG,
			       "ledger/%s line 1: it is missing, and keys/" LEDGER_HEADS_NAME " is there",
			       chain_file_name(LEDGER_CUSTODY));
	if (!error && heads_parse(v->heads_text, &v->keys, &v->heads))
		error = problem(p, -EBADMSG, "keys/" LEDGER_HEADS_NAME ": not signed by this node");
	return error;
}

/* A chain as its head says, or one line further. The line that the head names is met on the way. */
struct against_head {
	const struct ledger_head *head;
	chain_fn fn;
	void *ctx;
	enum ledger_chain chain;
};

static int compare_line(void *ctx, const struct chain_line *line, struct problem *p)
{
	const struct against_head *a = ctx;
	char hash[LEDGER_HASH_TEXT];

	if (line->seq == a->head->seq) {
		ledger_hash(line->text, line->size, hash);
		if (strcmp(hash, a->head->hash) != 0)
			return problem(p, -EBADMSG, "ledger/%s line %llu: its signed head knows another line",
				       chain_file_name(a->chain), (unsigned long long)line->seq);
	}
	return a->fn ? a->fn(a->ctx, line, p) : 0;
}

static int view_walk(const struct view *v, enum ledger_chain chain, enum chain_depth depth, chain_fn fn,
		     void *ctx, struct chain_end *ret_end, struct problem *p)
{
	struct against_head a = { .head = &v->heads.of[chain], .fn = fn, .ctx = ctx, .chain = chain };
	struct ledger_keys fresh = {}, keys = v->keys; /* custody collects its keys anew */
	struct chain_end end;
	int error;

	if (depth == CHAIN_QUICK && !fn)
		depth = CHAIN_HASHES; /* nobody looks at what the lines say */
	error = chain_walk(&v->files[chain], depth, chain == LEDGER_CUSTODY ? &fresh : &keys, compare_line,
			       &a, &end, p);

	ledger_keys_done(&fresh);
	if (error)
		return error;
	if (end.seq < a.head->seq)
		return problem(p, -EBADMSG,
			       "ledger/%s line %llu: it is missing; the signed head says that there are %llu lines",
			       chain_file_name(chain), (unsigned long long)end.seq + 1,
			       (unsigned long long)a.head->seq);
	/* The key alone may stand before there is a head. */
	if (!v->heads.known && end.seq > (chain == LEDGER_CUSTODY))
		return problem(p, -EBADMSG, "keys/" LEDGER_HEADS_NAME " is not there, and ledger/%s has lines",
			       chain_file_name(chain));
	*ret_end = end;
	return 0;
}

int ledger_keys_load(const struct store_dir *store, struct ledger_keys *ret_keys, struct problem *p)
{
	struct ledger_keys keys = {};
	struct chain_file file;
	struct chain_end end;
	int error = chain_open(store->ledger, LEDGER_CUSTODY, &file, p);

	if (error)
		return error;
	error = chain_walk(&file, CHAIN_KEYS, &keys, NULL, NULL, &end, p);
	chain_close(&file);
	if (error)
		ledger_keys_done(&keys);
	else
		*ret_keys = keys;
	return error;
}

int ledger_walk(const struct store_dir *store, enum ledger_chain chain, enum chain_depth depth, chain_fn fn,
		void *ctx, struct chain_end *ret_end, struct problem *p)
{
	struct view v;
	int error = view_open(store, chain, chain, NULL, &v, p);

	if (!error)
		error = view_walk(&v, chain, depth, fn, ctx, ret_end, p);
	view_close(&v);
	return error;
}

int ledger_verify(const struct store_dir *store, enum chain_depth depth,
		  const struct ledger_public *public_key, struct ledger_facts *ret_facts, struct problem *p)
{
	struct ledger_facts facts = {};
	struct view v;
	int error = view_open(store, LEDGER_CONSENT, LEDGER_CUSTODY, public_key, &v, p);

	/* Custody first: what is wrong there makes the others wrong. */
	for (int i = LEDGER_CUSTODY; i >= 0 && !error; i--) {
		error = view_walk(&v, i, depth, NULL, NULL, &facts.ends[i], p);
		facts.head_behind |= !error && facts.ends[i].seq > v.heads.of[i].seq;
	}
	facts.keys = v.keys.count;
	if (v.keys.count) {
		strcpy(facts.first_key, v.keys.list[0].id);
		strcpy(facts.newest_key, v.keys.list[v.keys.count - 1].id);
	}
	view_close(&v);
	if (!error)
		*ret_facts = facts;
	return error;
}

int ledger_heads(const struct store_dir *store, char **ret_text, struct problem *p)
{
	char *text;
	int error = heads_load(store, &text, p);

	if (error)
		return error;
	if (!text)
		return problem(p, -ENOENT, "keys/" LEDGER_HEADS_NAME ": nothing was written yet");
	text[strcspn(text, "\n")] = '\0';
	*ret_text = text;
	return 0;
}
