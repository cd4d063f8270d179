// SPDX-License-Identifier: BSD-2-Clause
/* Appending to chains, and their heads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/cursor.h"
#include "base/fs.h"
#include "base/utc.h"
#include "ledger.h"

#define LOCK_NAME ".lock"
#define LOCK_WAIT_MS 10000
#define HEADS_BYTES_MAX 4096
#define NEXT_KEY_FILE LEDGER_KEY_FILE ".next"

/* What the heads say of a chain; seq 0: nothing. */
struct head {
	uint64_t seq;
	char hash[LEDGER_HASH_TEXT];
};

struct heads {
	struct head of[LEDGER_CHAINS];
	bool known; /* the file is there */
};

/* --- Heads --- */

static int open_keys(const struct store_dir *store, bool create)
{
	return fs_open_dir(store->root, "keys", create);
}

/* The text of a small file; -ENOENT. */
static int read_small(int dir_fd, const char *name, char **ret_text)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), error;
	char *text = calloc(1, HEADS_BYTES_MAX + 1);
	struct stat st;

	if (fd < 0) {
		error = -errno;
		free(text);
		return error;
	}
	error = !text ? -ENOMEM : fstat(fd, &st) < 0 ? -errno : st.st_size > HEADS_BYTES_MAX ? -EFBIG : 0;
	if (!error)
		error = fs_pread_all(fd, text, (size_t)st.st_size, 0);
	close(fd);
	if (error)
		free(text);
	else
		*ret_text = text;
	return error;
}

static int parse_heads(const json_t *json, struct heads *heads)
{
	for (int i = 0; i < LEDGER_CHAINS; i++) {
		const json_t *of = json_object_get(json, chain_name(i));
		const char *hash = json_string_value(json_object_get(of, "hash"));
		json_int_t seq = json_integer_value(json_object_get(of, "seq"));

		if (seq < 0 || !hash || strlen(hash) != LEDGER_HASH_TEXT - 1)
			return -EBADMSG;
		heads->of[i].seq = (uint64_t)seq;
		strcpy(heads->of[i].hash, hash);
	}
	heads->known = true;
	return 0;
}

/* Without the file: nothing is known. keys NULL: the signature is not looked at. */
static int read_heads(const struct store_dir *store, const struct ledger_keys *keys, struct heads *ret_heads)
{
	int dir = open_keys(store, false), error;
	char *text;
	json_t *json = NULL;
	size_t n;

	memset(ret_heads, 0, sizeof(*ret_heads));
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	error = read_small(dir, LEDGER_HEADS_NAME, &text);
	close(dir);
	if (error)
		return error == -ENOENT ? 0 : error;
	n = strlen(text);
	n -= n && text[n - 1] == '\n';
	if (keys)
		error = chain_read_object(LEDGER_HEADS_NAME, text, n, keys, &json);
	else
		error = (json = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL)) ? 0 : -EBADMSG;
	if (!error)
		error = parse_heads(json, ret_heads);
	json_decref(json);
	free(text);
	return error;
}

static json_t *heads_json(const struct heads *heads, int64_t t_ns)
{
	char time_text[UTC_TEXT_MAX];
	json_t *json = json_pack("{s:s}", "t", utc_format(t_ns, time_text));

	for (int i = 0; json && i < LEDGER_CHAINS; i++)
		json_object_set_new(json, chain_name(i),
				    json_pack("{s:I, s:s}", "seq", (json_int_t)heads->of[i].seq, "hash",
					      heads->of[i].hash));
	return json;
}

static int write_heads(const struct store_dir *store, const struct heads *heads,
		       const struct ledger_secret *secret)
{
	json_t *json = heads_json(heads, utc_now_ns());
	int dir = open_keys(store, true), error = dir < 0 ? dir : 0;
	char *text = NULL, *line = NULL;

	if (!error)
		error = json ? chain_sign_object(LEDGER_HEADS_NAME, json, secret, &text) : -ENOMEM;
	if (!error && asprintf(&line, "%s\n", text) < 0)
		error = -ENOMEM;
	if (!error)
		error = fs_replace(dir, LEDGER_HEADS_NAME, line, strlen(line));
	if (dir >= 0)
		close(dir);
	json_decref(json);
	free(text);
	free(line);
	return error;
}

static void set_head(struct heads *heads, enum ledger_chain chain, const struct chain_end *end)
{
	static const char none[] = "0000000000000000000000000000000000000000000000000000000000000000";

	heads->of[chain].seq = end->seq;
	strcpy(heads->of[chain].hash, end->seq ? end->hash : none);
}

/* --- Appending, under the lock --- */

struct writer {
	const struct store_dir *store;
	struct ledger_secret secret;
	struct heads heads;
	struct problem *p;
};

/*
 * The tail may be one line ahead of its head: a kill between the two. More, or less, or another line, and somebody
 * has been at it.
 */
static int check_tail(const struct writer *w, enum ledger_chain chain, const struct chain_end *tail)
{
	const struct head *head = &w->heads.of[chain];

	if (!w->heads.known || tail->seq == head->seq + 1)
		return 0;
	if (tail->seq == head->seq && (!tail->seq || strcmp(tail->hash, head->hash) == 0))
		return 0;
	return problem(w->p, -EBADMSG,
		       "ledger/%s.log ends with line %llu, its signed head says %llu%s: nothing is written; see sekisho ledger verify",
		       chain_name(chain), (unsigned long long)tail->seq, (unsigned long long)head->seq,
		       tail->seq == head->seq ? ", which is another one" : "");
}

/* What power loss left of a line that was never confirmed is moved to a file of its own. */
static int set_torn_aside(const struct writer *w, enum ledger_chain chain, uint64_t whole)
{
	char name[32], torn[40];
	struct buffer end = {};
	struct stat st;
	int fd, error;

	snprintf(name, sizeof(name), "%s" LEDGER_SUFFIX, chain_name(chain));
	snprintf(torn, sizeof(torn), "%s" LEDGER_TORN_SUFFIX, name);
	fd = openat(w->store->ledger, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	error = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
	if (!error && !buffer_extend(&end, (size_t)((uint64_t)st.st_size - whole)))
		error = -ENOMEM;
	if (!error)
		error = fs_pread_all(fd, end.data, end.size, (off_t)whole);
	buffer_u8(&end, '\0');
	if (!error)
		error = buffer_ok(&end) ? fs_append_line(w->store->ledger, torn, (const char *)end.data) :
					  -ENOMEM;
	if (!error && (ftruncate(fd, (off_t)whole) < 0 || fsync(fd) < 0))
		error = -errno;
	if (fd >= 0)
		close(fd);
	buffer_done(&end);
	return error ? problem(w->p, error, "cannot set aside the unfinished end of ledger/%s: %s", name,
			       strerror(-error)) : 0;
}

static int append_locked(struct writer *w, enum ledger_chain chain, const json_t *act, int64_t t_ns,
			 uint64_t *ret_seq)
{
	struct chain_end tail;
	char *text = NULL, name[32];
	int error = chain_tail(w->store->ledger, chain, &tail, w->p);

	if (!error)
		error = check_tail(w, chain, &tail);
	if (!error && tail.torn)
		error = set_torn_aside(w, chain, tail.bytes);
	if (error)
		return error;
	snprintf(name, sizeof(name), "%s" LEDGER_SUFFIX, chain_name(chain));
	error = chain_make_line(&tail, chain, act, t_ns, &w->secret, &text);
	if (!error)
		error = fs_append_line(w->store->ledger, name, text);
	if (!error) {
		tail.seq++;
		ledger_hash(text, strlen(text), tail.hash);
		set_head(&w->heads, chain, &tail);
		/* The line stands: a head that cannot be written is one behind, and is said to be. */
		error = write_heads(w->store, &w->heads, &w->secret);
	}
	free(text);
	if (error)
		return problem(w->p, error, "cannot write ledger/%s: %s", name, strerror(-error));
	*ret_seq = tail.seq;
	return 0;
}

static json_t *key_act(const struct ledger_public *public)
{
	char text[2 * LEDGER_PUBLIC_BYTES + 1];

	hex_format(public->bytes, LEDGER_PUBLIC_BYTES, text);
	return json_pack("{s:s, s:s}", "event", "KEY", "public", text);
}

static int append_key(struct writer *w, const struct ledger_public *public, int64_t t_ns)
{
	json_t *act = key_act(public);
	uint64_t seq;
	int error = act ? append_locked(w, LEDGER_CUSTODY, act, t_ns, &seq) :
			  problem(w->p, -ENOMEM, "out of memory");

	json_decref(act);
	return error;
}

/* A hand-over that was cut off: the new key counts when custody has it. */
static int finish_rotation(const struct store_dir *store, int keys_dir, struct problem *p)
{
	struct ledger_keys keys = {};
	struct ledger_secret secret;
	uint8_t seed[LEDGER_SEED_BYTES];
	char *text;
	int error = read_small(keys_dir, NEXT_KEY_FILE, &text);

	if (error)
		return error == -ENOENT ? 0 : problem(p, error, "keys/" NEXT_KEY_FILE ": %s", strerror(-error));
	error = ledger_keys_load(store, &keys, p);
	if (!error && strlen(text) == 2 * LEDGER_SEED_BYTES + 1 &&
	    hex_parse(text, 2 * LEDGER_SEED_BYTES, seed, sizeof(seed)) == 0) {
		ledger_secret_of_seed(seed, &secret);
		if (keys.count && strcmp(keys.list[keys.count - 1].id, secret.public.id) == 0)
			error = ledger_secret_replace(store->root, seed, p);
		ledger_secret_done(&secret);
	}
	if (!error && unlinkat(keys_dir, NEXT_KEY_FILE, 0) < 0)
		error = problem(p, -errno, "keys/" NEXT_KEY_FILE ": %s", strerror(errno));
	ledger_keys_done(&keys);
	free(text);
	return error;
}

/* Key and heads; a store without a key gets one, which custody begins with. */
static int writer_open(const struct store_dir *store, struct writer *w, struct problem *p)
{
	struct chain_end custody;
	int dir = open_keys(store, true), error;

	*w = (struct writer){ .store = store, .p = p };
	if (dir < 0)
		return problem(p, dir, "cannot open keys/: %s", strerror(-dir));
	error = finish_rotation(store, dir, p);
	close(dir);
	if (!error)
		error = ledger_secret_load(store->root, true, &w->secret, p);
	if (error)
		return error;
	error = read_heads(store, NULL, &w->heads);
	if (error)
		problem(p, error, "keys/" LEDGER_HEADS_NAME ": %s",
			error == -EBADMSG ? "not what it should be" : strerror(-error));
	if (!error && !w->heads.known)
		for (int i = 0; i < LEDGER_CHAINS; i++)
			set_head(&w->heads, i, &(struct chain_end){});
	if (!error)
		error = chain_tail(store->ledger, LEDGER_CUSTODY, &custody, p);
	if (!error && !custody.seq)
		error = append_key(w, &w->secret.public, utc_now_ns());
	if (error)
		ledger_secret_done(&w->secret);
	return error;
}

static int take_lock(const struct store_dir *store, struct problem *p)
{
	int lock = fs_lock(store->ledger, LOCK_NAME, LOCK_WAIT_MS);

	return lock < 0 ? problem(p, lock, "cannot lock the ledgers: %s", strerror(-lock)) : lock;
}

int ledger_append(const struct store_dir *store, enum ledger_chain chain, const json_t *act, int64_t t_ns,
		  uint64_t *ret_seq, struct problem *p)
{
	int lock = take_lock(store, p), error;
	struct writer w;

	if (lock < 0)
		return lock;
	error = writer_open(store, &w, p);
	if (!error) {
		error = append_locked(&w, chain, act, t_ns, ret_seq);
		ledger_secret_done(&w.secret);
	}
	close(lock);
	return error;
}

static int rotate_locked(struct writer *w, int64_t t_ns)
{
	uint8_t seed[LEDGER_SEED_BYTES];
	struct ledger_secret fresh;
	char text[2 * LEDGER_SEED_BYTES + 2];
	int dir = open_keys(w->store, true), error;

	if (dir < 0)
		return problem(w->p, dir, "cannot open keys/: %s", strerror(-dir));
	ledger_secret_new(seed, &fresh);
	hex_format(seed, sizeof(seed), text);
	strcat(text, "\n");
	error = fs_replace(dir, NEXT_KEY_FILE, text, strlen(text));
	if (error)
		problem(w->p, error, "cannot write keys/" NEXT_KEY_FILE ": %s", strerror(-error));
	if (!error)
		error = append_key(w, &fresh.public, t_ns);
	if (!error)
		error = finish_rotation(w->store, dir, w->p);
	if (!error) {
		/* The head by the new key, so that whoever has only that one can check it. */
		ledger_secret_done(&w->secret);
		w->secret = fresh;
		error = write_heads(w->store, &w->heads, &w->secret);
	}
	ledger_secret_done(&fresh);
	close(dir);
	return error;
}

int ledger_rotate_key(const struct store_dir *store, int64_t t_ns, struct problem *p)
{
	int lock = take_lock(store, p), error;
	struct writer w;

	if (lock < 0)
		return lock;
	error = writer_open(store, &w, p);
	if (!error) {
		error = rotate_locked(&w, t_ns);
		ledger_secret_done(&w.secret);
	}
	close(lock);
	return error;
}

/* --- Reading --- */

static int walk_custody(const struct store_dir *store, enum chain_depth depth, struct ledger_keys *keys,
			struct chain_end *ret_end, struct problem *p)
{
	return chain_walk(store->ledger, LEDGER_CUSTODY, depth, keys, NULL, NULL, ret_end, p);
}

int ledger_keys_load(const struct store_dir *store, struct ledger_keys *ret_keys, struct problem *p)
{
	struct ledger_keys keys = {};
	struct chain_end end;
	int error = walk_custody(store, CHAIN_QUICK, &keys, &end, p);

	if (error)
		ledger_keys_done(&keys);
	else
		*ret_keys = keys;
	return error;
}

static int load_heads(const struct store_dir *store, const struct ledger_keys *keys, struct heads *ret_heads,
		      struct problem *p)
{
	int error = read_heads(store, keys, ret_heads);

	return error ? problem(p, error, "keys/" LEDGER_HEADS_NAME ": %s",
			       error == -EBADMSG ? "not signed by this node" : strerror(-error)) : 0;
}

/* A chain as its head says, or further. The line that the head names is met on the way. */
struct against_head {
	const struct head *head;
	int (*fn)(void *ctx, const struct chain_line *line, struct problem *p);
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
			return problem(p, -EBADMSG, "ledger/%s.log line %llu: its signed head knows another line",
				       chain_name(a->chain), (unsigned long long)line->seq);
	}
	return a->fn ? a->fn(a->ctx, line, p) : 0;
}

static int walk_against_head(const struct store_dir *store, struct against_head *a, enum chain_depth depth,
			     struct ledger_keys *keys, struct chain_end *ret_end, struct problem *p)
{
	struct chain_end end;
	int error = chain_walk(store->ledger, a->chain, depth, keys, compare_line, a, &end, p);

	if (!error && end.seq < a->head->seq)
		error = problem(p, -EBADMSG, "ledger/%s.log ends with line %llu, its signed head says %llu: lines are missing",
				chain_name(a->chain), (unsigned long long)end.seq,
				(unsigned long long)a->head->seq);
	if (!error)
		*ret_end = end;
	return error;
}

int ledger_walk(const struct store_dir *store, enum ledger_chain chain, enum chain_depth depth,
		int (*fn)(void *ctx, const struct chain_line *line, struct problem *p), void *ctx,
		struct chain_end *ret_end, struct problem *p)
{
	struct ledger_keys keys = {}, fresh = {};
	struct heads heads = {};
	struct against_head a = { .fn = fn, .ctx = ctx, .chain = chain };
	int error = ledger_keys_load(store, &keys, p);

	if (!error)
		error = load_heads(store, &keys, &heads, p);
	a.head = &heads.of[chain];
	/* Custody collects its keys anew. */
	if (!error)
		error = walk_against_head(store, &a, depth, chain == LEDGER_CUSTODY ? &fresh : &keys, ret_end, p);
	ledger_keys_done(&keys);
	ledger_keys_done(&fresh);
	return error;
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
	dir = open_keys(store, false);
	error = dir < 0 ? dir : read_small(dir, LEDGER_PUBLIC_FILE, &text);
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

	if (error || !known || !keys->count || strcmp(keys->list[0].id, expected.id) == 0)
		return error;
	return problem(p, -EBADMSG, "ledger/custody.log line 1: key %s, expected %s", keys->list[0].id,
		       expected.id);
}

int ledger_verify(const struct store_dir *store, enum chain_depth depth,
		  const struct ledger_public *public_key, struct ledger_facts *ret_facts, struct problem *p)
{
	struct ledger_facts facts = {};
	struct ledger_keys keys = {}, fresh = {};
	struct heads heads = {};
	int error = ledger_keys_load(store, &keys, p);

	if (!error)
		error = check_root(store, public_key, &keys, p);
	if (!error)
		error = load_heads(store, &keys, &heads, p);
	for (int i = 0; i < LEDGER_CHAINS && !error; i++) {
		struct against_head a = { .head = &heads.of[i], .chain = i };

		error = walk_against_head(store, &a, depth, i == LEDGER_CUSTODY ? &fresh : &keys,
					  &facts.ends[i], p);
		facts.head_behind |= !error && facts.ends[i].seq > heads.of[i].seq;
	}
	/* Lines without any head: somebody took it away. */
	if (!error && !heads.known && keys.count && facts.ends[LEDGER_CUSTODY].seq > 1)
		error = problem(p, -EBADMSG, "keys/" LEDGER_HEADS_NAME " is not there, and the ledgers have lines");
	facts.keys = keys.count;
	if (keys.count) {
		strcpy(facts.first_key, keys.list[0].id);
		strcpy(facts.newest_key, keys.list[keys.count - 1].id);
	}
	ledger_keys_done(&keys);
	ledger_keys_done(&fresh);
	if (!error)
		*ret_facts = facts;
	return error;
}

int ledger_heads(const struct store_dir *store, char **ret_text, struct problem *p)
{
	int dir = open_keys(store, false), error = dir < 0 ? dir : read_small(dir, LEDGER_HEADS_NAME, ret_text);

	if (dir >= 0)
		close(dir);
	if (error)
		return problem(p, error, "keys/" LEDGER_HEADS_NAME ": %s", strerror(-error));
	(*ret_text)[strcspn(*ret_text, "\n")] = '\0';
	return 0;
}
