// SPDX-License-Identifier: BSD-2-Clause
/* Appending to chains, their heads, and handing over to a fresh key: all under the ledgers' lock. */
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
#include "chain_tail.h"
#include "heads.h"
#include "ledger.h"

#define LOCK_NAME ".lock"
#define LOCK_WAIT_MS 10000

struct ledger_writer {
	const struct store_dir *store;
	struct ledger_secret secret;
	struct ledger_heads heads;
	struct problem *p;
	int lock;
	bool uncertain; /* the last line that failed could not be taken back for certain */
};

/* --- What may stand before a line --- */

/* A line that no head states yet must be one that this node wrote behind what the head states. */
static int check_extra_line(const struct ledger_writer *w, enum ledger_chain chain,
			    const struct chain_tail *tail)
{
	struct ledger_public own = w->secret.public;
	const struct ledger_keys us = { .list = &own, .count = 1 };
	struct ledger_keys all = {};
	json_t *json = NULL;
	int error;

	if (strcmp(tail->prev, w->heads.of[chain].hash) != 0)
		return -EBADMSG;
	error = chain_read_object(chain_name(chain), tail->text, strlen(tail->text), &us, &json);
	if (error == -EBADMSG) {
		/* A line of the key before: a hand-over was cut off. */
		error = ledger_keys_load(w->store, &all, w->p);
		if (!error)
			error = chain_read_object(chain_name(chain), tail->text, strlen(tail->text), &all,
						  &json);
		ledger_keys_done(&all);
	}
	json_decref(json);
	return error;
}

/*
 * The chain ends as its head says, or, after a kill between the two, one line later: then the head follows first, so
 * that it is never two behind. Anything else, and somebody has been at it: what is wrong must not be signed.
 */
static int check_tail(struct ledger_writer *w, enum ledger_chain chain, const struct chain_tail *tail)
{
	const struct ledger_head *head = &w->heads.of[chain];
	int error;

	if (heads_names(head, &tail->end))
		return 0;
	if (tail->end.seq == head->seq + 1 && check_extra_line(w, chain, tail) == 0) {
		heads_set(&w->heads, chain, &tail->end);
		error = heads_write(w->store, &w->heads, &w->secret);
		return error ? problem(w->p, error, "cannot write keys/" LEDGER_HEADS_NAME ": %s",
				       strerror(-error)) : 0;
	}
	return problem(w->p, -EBADMSG,
		       "ledger/%s ends with line %llu, its signed head says %llu%s: nothing is written; see sekisho ledger verify",
		       chain_file_name(chain), (unsigned long long)tail->end.seq, (unsigned long long)head->seq,
		       tail->end.seq == head->seq ? ", which is another one" : "");
}

/* Cuts a chain to its whole lines, or to those before one that is not to stand. */
static int cut(const struct ledger_writer *w, enum ledger_chain chain, uint64_t bytes)
{
	int fd = openat(w->store->ledger, chain_file_name(chain), O_WRONLY | O_CLOEXEC | O_NOFOLLOW), error = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) < 0 || fsync(fd) < 0)
		error = -errno;
	close(fd);
	return error;
}

static int read_torn(const struct ledger_writer *w, enum ledger_chain chain, uint64_t whole, struct buffer *out)
{
	struct chain_file file;
	int error = chain_open(w->store->ledger, chain, &file, w->p);
	uint8_t *bytes;

	if (error)
		return error;
	bytes = buffer_extend(out, (size_t)(file.size - whole));
	error = bytes ? fs_pread_all(file.fd, bytes, out->size, (off_t)whole) : -ENOMEM;
	chain_close(&file);
	/* Blocks that were allocated and never written are zero; a line of text has none. */
	for (size_t i = 0; i < out->size && !error; i++)
		if (!bytes[i])
			bytes[i] = '?';
	buffer_u8(out, '\0');
	return error ? error : buffer_ok(out) ? 0 : -ENOMEM;
}

/* What power loss left of a line that was never confirmed is moved to a file of its own. */
static int set_torn_aside(const struct ledger_writer *w, enum ledger_chain chain, uint64_t whole)
{
	char name[40];
	struct buffer torn = {};
	int error = read_torn(w, chain, whole, &torn);

	snprintf(name, sizeof(name), "%s" LEDGER_TORN_SUFFIX, chain_file_name(chain));
	if (!error)
		error = fs_append_line(w->store->ledger, name, (const char *)torn.data);
	if (!error)
		error = cut(w, chain, whole);
	buffer_done(&torn);
	return error ? problem(w->p, error, "cannot set aside the unfinished end of ledger/%s: %s",
			       chain_file_name(chain), strerror(-error)) : 0;
}

/* --- Appending --- */

static void take_back(struct ledger_writer *w, enum ledger_chain chain, const struct chain_end *before)
{
	int error = cut(w, chain, before->bytes);

	w->uncertain = error && error != -ENOENT;
}

/*
 * The line and then the head. Without a head that names it the line is taken back: what is reported as not done must
 * not stand. A head whose last sync alone failed names it; then it stays, and at worst the head is one behind.
 */
static int write_line(struct ledger_writer *w, enum ledger_chain chain, const struct chain_end *before,
		      const char *text)
{
	struct ledger_public own = w->secret.public;
	const struct ledger_keys us = { .list = &own, .count = 1 };
	const struct ledger_heads old = w->heads;
	struct ledger_heads now;
	struct chain_end end = { .seq = before->seq + 1 };
	struct problem ignored;
	char *said = NULL;
	int error = fs_append_line(w->store->ledger, chain_file_name(chain), text);

	if (error) {
		/* What was cut off again is there after a power loss unless that is made durable, too. */
		take_back(w, chain, before);
		return error;
	}
	ledger_hash(text, strlen(text), end.hash);
	heads_set(&w->heads, chain, &end);
	error = heads_write(w->store, &w->heads, &w->secret);
	if (!error)
		return 0;
	if (heads_load(w->store, &said, &ignored) == 0 && heads_parse(said, &us, &now) == 0 &&
	    heads_names(&now.of[chain], &end)) {
		error = 0;
	} else {
		w->heads = old;
		take_back(w, chain, before);
	}
	free(said);
	return error;
}

int ledger_writer_append(struct ledger_writer *w, enum ledger_chain chain, const json_t *act, int64_t t_ns,
			 uint64_t *ret_seq)
{
	struct chain_tail tail;
	char *text = NULL;
	uint64_t seq;
	int error = chain_tail(w->store->ledger, chain, &tail, w->p);

	if (error)
		return error;
	w->uncertain = false;
	error = check_tail(w, chain, &tail);
	if (!error && tail.end.torn)
		error = set_torn_aside(w, chain, tail.end.bytes);
	seq = tail.end.seq + 1;
	if (!error) {
		error = chain_make_line(&tail.end, chain, act, t_ns, &w->secret, &text);
		if (!error)
			error = write_line(w, chain, &tail.end, text);
		if (error)
			error = problem(w->p, w->uncertain ? -ENOTRECOVERABLE : error, "cannot write ledger/%s: %s%s",
					chain_file_name(chain), strerror(-error), w->uncertain ?
					"; nor was it taken back for certain: sekisho ledger show tells after the next start" : "");
	}
	free(text);
	chain_tail_done(&tail);
	if (!error && ret_seq)
		*ret_seq = seq;
	return error;
}

static int append_key(struct ledger_writer *w, const struct ledger_public *public, int64_t t_ns)
{
	char text[2 * LEDGER_PUBLIC_BYTES + 1];
	json_t *act;
	int error;

	hex_format(public->bytes, LEDGER_PUBLIC_BYTES, text);
	act = json_pack("{s:s, s:s}", "event", CHAIN_KEY_EVENT, "public", text);
	error = act ? ledger_writer_append(w, LEDGER_CUSTODY, act, t_ns, NULL) :
		      problem(w->p, -ENOMEM, "out of memory");
	json_decref(act);
	return error;
}

/* --- Opening --- */

/* A hand-over that was cut off: the new key counts when custody has it. */
static int finish_rotation(const struct store_dir *store, int keys_dir, struct problem *p)
{
	struct ledger_keys keys = {};
	struct ledger_secret secret;
	uint8_t seed[LEDGER_SEED_BYTES];
	char *text;
	int error = heads_read_file(keys_dir, LEDGER_NEXT_KEY_FILE, &text);

	if (error)
		return error == -ENOENT ? 0 : problem(p, error, "keys/" LEDGER_NEXT_KEY_FILE ": %s",
						      strerror(-error));
	error = ledger_keys_load(store, &keys, p);
	if (!error && strlen(text) == 2 * LEDGER_SEED_BYTES + 1 &&
	    hex_parse(text, 2 * LEDGER_SEED_BYTES, seed, sizeof(seed)) == 0) {
		ledger_secret_of_seed(seed, &secret);
		if (keys.count && strcmp(keys.list[keys.count - 1].id, secret.public.id) == 0)
			error = ledger_secret_replace(store->root, seed, p);
		ledger_secret_done(&secret);
	}
	if (!error && unlinkat(keys_dir, LEDGER_NEXT_KEY_FILE, 0) < 0)
		error = problem(p, -errno, "keys/" LEDGER_NEXT_KEY_FILE ": %s", strerror(errno));
	ledger_keys_done(&keys);
	free(text);
	return error;
}

/* Heads signed by this key, or, after a hand-over that was cut off, by an earlier one. */
static int load_heads(struct ledger_writer *w, const char *text)
{
	struct ledger_public own = w->secret.public;
	const struct ledger_keys us = { .list = &own, .count = 1 };
	struct ledger_keys all = {};
	int error = heads_parse(text, &us, &w->heads);

	if (error == -EBADMSG) {
		error = ledger_keys_load(w->store, &all, w->p);
		if (error)
			return error;
		error = heads_parse(text, &all, &w->heads);
		ledger_keys_done(&all);
	}
	return error ? problem(w->p, error, "keys/" LEDGER_HEADS_NAME ": %s",
			       error == -EBADMSG ? "not signed by this node" : strerror(-error)) : 0;
}

/* Without heads nothing is written yet but the key, at most. */
static int check_beginning(const struct ledger_writer *w)
{
	for (int i = 0; i < LEDGER_CHAINS; i++) {
		struct chain_tail tail;
		int error = chain_tail(w->store->ledger, i, &tail, w->p);

		if (error)
			return error;
		chain_tail_done(&tail);
		if (tail.end.seq > (i == LEDGER_CUSTODY))
			return problem(w->p, -EBADMSG,
				       "keys/" LEDGER_HEADS_NAME " is not there, and ledger/%s has lines: nothing is written; see sekisho ledger verify",
				       chain_file_name(i));
	}
	return 0;
}

/* The key, which must be the one that custody ends with; custody begins with it. */
static int load_key(struct ledger_writer *w, const char *heads_text)
{
	struct chain_tail custody;
	int error = chain_tail(w->store->ledger, LEDGER_CUSTODY, &custody, w->p);

	if (error)
		return error;
	error = ledger_secret_load(w->store->root, !custody.end.seq && !heads_text, &w->secret, w->p);
	if (!error && custody.end.seq && strcmp(custody.next_key, w->secret.public.id) != 0)
		error = problem(w->p, -EBADMSG,
				"ledger/%s line %llu: its key is %s, keys/" LEDGER_KEY_FILE " is %s",
				chain_file_name(LEDGER_CUSTODY), (unsigned long long)custody.end.seq,
				custody.next_key, w->secret.public.id);
	if (!error)
		error = load_heads(w, heads_text);
	if (!error && !w->heads.known)
		error = check_beginning(w);
	if (!error && !custody.end.seq)
		error = append_key(w, &w->secret.public, utc_now_ns());
	chain_tail_done(&custody);
	return error;
}

static int open_locked(struct ledger_writer *w)
{
	int dir = heads_open_keys(w->store, true), error;
	char *heads_text = NULL;

	if (dir < 0)
		return problem(w->p, dir, "cannot open keys/: %s", strerror(-dir));
	error = finish_rotation(w->store, dir, w->p);
	if (!error)
		error = heads_load(w->store, &heads_text, w->p);
	/* What a first run that failed or was killed had made is not durable for that: a line must not outlive its key. */
	if (!error && !heads_text && (fsync(w->store->root) < 0 || fsync(dir) < 0))
		error = problem(w->p, -errno, "cannot sync keys/: %s", strerror(errno));
	close(dir);
	if (!error)
		error = load_key(w, heads_text);
	free(heads_text);
	return error;
}

int ledger_writer_open(const struct store_dir *store, struct ledger_writer **ret_writer, struct problem *p)
{
	struct ledger_writer *w = calloc(1, sizeof(*w));
	int error;

	if (!w)
		return problem(p, -ENOMEM, "out of memory");
	w->store = store;
	w->p = p;
	w->lock = fs_lock(store->ledger, LOCK_NAME, LOCK_WAIT_MS);
	if (w->lock < 0)
		error = problem(p, w->lock, "cannot lock the ledgers: %s", strerror(-w->lock));
	else
		error = open_locked(w);
	if (error)
		ledger_writer_close(w);
	else
		*ret_writer = w;
	return error;
}

void ledger_writer_close(struct ledger_writer *w)
{
	if (!w)
		return;
	if (w->lock >= 0)
		close(w->lock);
	ledger_secret_done(&w->secret);
	free(w);
}

int ledger_append(const struct store_dir *store, enum ledger_chain chain, const json_t *act, int64_t t_ns,
		  uint64_t *ret_seq, struct problem *p)
{
	struct ledger_writer *w;
	int error = ledger_writer_open(store, &w, p);

	if (error)
		return error;
	error = ledger_writer_append(w, chain, act, t_ns, ret_seq);
	ledger_writer_close(w);
	return error;
}

/* --- Handing over --- */

static int hand_over(struct ledger_writer *w, int keys_dir, const struct ledger_secret *fresh,
		     const uint8_t seed[static LEDGER_SEED_BYTES], int64_t t_ns)
{
	char text[2 * LEDGER_SEED_BYTES + 2];
	int error;

	hex_format(seed, LEDGER_SEED_BYTES, text);
	strcat(text, "\n");
	error = fs_replace(keys_dir, LEDGER_NEXT_KEY_FILE, text, strlen(text));
	if (error)
		return problem(w->p, error, "cannot write keys/" LEDGER_NEXT_KEY_FILE ": %s", strerror(-error));
	error = append_key(w, &fresh->public, t_ns);
	if (error)
		return error;
	/* Custody has it: it is done. What fails of the rest the next writer does before anything else. */
	if (finish_rotation(w->store, keys_dir, w->p) == 0) {
		/* The head by the new key, so that whoever has only that one can check it. */
		ledger_secret_done(&w->secret);
		w->secret = *fresh;
		(void)heads_write(w->store, &w->heads, &w->secret);
	}
	return 0;
}

int ledger_rotate_key(const struct store_dir *store, int64_t t_ns, struct problem *p)
{
	uint8_t seed[LEDGER_SEED_BYTES];
	struct ledger_secret fresh;
	struct ledger_writer *w;
	int error = ledger_writer_open(store, &w, p), dir;

	if (error)
		return error;
	dir = heads_open_keys(store, true);
	if (dir < 0) {
		error = problem(p, dir, "cannot open keys/: %s", strerror(-dir));
	} else {
		ledger_secret_new(seed, &fresh);
		error = hand_over(w, dir, &fresh, seed, t_ns);
		ledger_secret_done(&fresh);
		explicit_bzero(seed, sizeof(seed));
		close(dir);
	}
	ledger_writer_close(w);
	return error;
}
