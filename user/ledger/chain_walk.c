// SPDX-License-Identifier: BSD-2-Clause
/* A chain line by line: what each of them must be, judged by the one before and by the keys. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "base/cursor.h"
#include "base/utc.h"
#include "chain_scan.h"
#include "chain_walk.h"

/* Every line of a key has this; within a string the quotes would be escaped. */
#define KEY_MARK "\"event\":\"" CHAIN_KEY_EVENT "\""
#define READ_BYTES (256u << 10)

/* The part of a file that is in memory: data[begin..end) are the bytes before offset `next`. */
struct window {
	const struct chain_file *file;
	uint8_t *data;
	size_t begin, end, capacity;
	uint64_t next;
};

/* More of the file behind what is there: 1, at its end 0. A file that a writer made shorter ends there. */
static int window_fill(struct window *w)
{
	uint64_t left = w->file->size - w->next;
	size_t want = left < READ_BYTES ? (size_t)left : READ_BYTES;
	ssize_t n;

	if (!want)
		return 0;
	memmove(w->data, w->data + w->begin, w->end - w->begin);
	w->end -= w->begin;
	w->begin = 0;
	do
		n = pread(w->file->fd, w->data + w->end, want, (off_t)w->next);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	w->end += (size_t)n;
	w->next += (uint64_t)n;
	return 1;
}

/* The next whole line, without its newline: 1; 0 at the end, *ret_size is then what a torn line has. */
static int window_line(struct window *w, const char **ret_text, size_t *ret_size)
{
	size_t seen = 0;
	int r;

	for (;;) {
		const uint8_t *from = w->data + w->begin, *newline;

		newline = w->end > w->begin + seen ? memchr(from + seen, '\n', w->end - w->begin - seen) : NULL;
		*ret_text = (const char *)from;
		*ret_size = newline ? (size_t)(newline - from) : w->end - w->begin;
		if (newline) {
			w->begin += *ret_size + 1;
			return 1;
		}
		seen = *ret_size;
		if (seen > LEDGER_LINE_MAX)
			return -EBADMSG;
		r = window_fill(w);
		if (r <= 0)
			return r;
	}
}

/* --- Walking --- */

struct walk {
	enum ledger_chain chain;
	enum chain_depth depth;
	struct ledger_keys *keys;
	struct chain_end end;
	struct buffer before; /* the line before */
	const struct ledger_public *before_key;
	struct ledger_public before_key_copy;
};

static int bad_line(const struct walk *w, uint64_t seq, const char *why, struct problem *p)
{
	return problem(p, -EBADMSG, "ledger/%s line %llu: %s", chain_file_name(w->chain),
		       (unsigned long long)seq, why);
}

static const char *check_members(const struct walk *w, const json_t *json, struct chain_line *line)
{
	const char *t = chain_member(json, "t"), *prev = chain_member(json, "prev");
	struct problem ignored;

	if (!json_is_object(json))
		return "not a JSON object";
	if (json_integer_value(json_object_get(json, "seq")) != (json_int_t)w->end.seq + 1)
		return "its number does not follow that of the line before";
	if (!prev || strcmp(prev, w->end.seq ? w->end.hash : LEDGER_NO_HASH) != 0)
		return "it does not continue the line before (hash chain broken)";
	line->event = chain_member(json, "event");
	if (!t || utc_parse(t, &line->t_ns, &ignored) || !line->event)
		return "no time or event";
	return NULL;
}

/* The line before is the one that was changed when its own signature is wrong. */
static bool before_is_bad(const struct walk *w)
{
	return w->end.seq && !chain_is_signed(chain_name(w->chain), (const char *)w->before.data,
					      w->before.size, w->before_key);
}

static int add_key(struct ledger_keys *keys, const uint8_t bytes[static LEDGER_PUBLIC_BYTES])
{
	if (keys->count == LEDGER_KEYS_MAX)
		return -EFBIG;
	if (ARRAY_RESERVE(keys->list, keys->count, keys->capacity))
		return -ENOMEM;
	ledger_public_of(bytes, &keys->list[keys->count++]);
	return 0;
}

/* A line that hands over to a new key; the first line of custody hands over to its own. */
static int take_key(struct walk *w, const json_t *json)
{
	const char *public = chain_member(json, "public");
	uint8_t bytes[LEDGER_PUBLIC_BYTES];

	if (!public || hex_parse(public, strlen(public), bytes, sizeof(bytes)))
		return -EBADMSG;
	return add_key(w->keys, bytes);
}

/* The key of a line; custody's lines are signed by the newest key. */
static const struct ledger_public *key_of(const struct walk *w, const char *id)
{
	const struct ledger_keys *keys = w->keys;

	if (w->chain != LEDGER_CUSTODY)
		return ledger_keys_find(keys, id);
	return keys->count && strcmp(keys->list[keys->count - 1].id, id) == 0 ?
		       &keys->list[keys->count - 1] : NULL;
}

static bool is_key_line(const struct walk *w, const struct chain_line *line)
{
	return w->chain == LEDGER_CUSTODY && strcmp(line->event, CHAIN_KEY_EVENT) == 0;
}

static const char *check_signature(struct walk *w, const struct chain_line *line)
{
	const char *id = chain_member(line->json, "key");
	const struct ledger_public *key = id ? key_of(w, id) : NULL;

	if (!key)
		return "signed with a key that is not this node's";
	if ((w->depth == CHAIN_FULL || is_key_line(w, line)) &&
	    !chain_is_signed(chain_name(w->chain), line->text, line->size, key))
		return "its signature is wrong";
	w->before_key_copy = *key; /* the list may move */
	w->before_key = &w->before_key_copy;
	return NULL;
}

static int check_line(struct walk *w, const json_t *json, struct chain_line *line, struct problem *p)
{
	bool first_key = w->chain == LEDGER_CUSTODY && !w->end.seq;
	const char *why = check_members(w, json, line);
	int error = 0;

	if (why && before_is_bad(w))
		return bad_line(w, w->end.seq, "its signature is wrong", p);
	/* The root of trust signs itself. */
	if (!why && first_key && (!is_key_line(w, line) || (error = take_key(w, json)) == -EBADMSG))
		why = "the first line of custody must be a key";
	if (!why && !error)
		why = check_signature(w, line);
	if (!why && !error && !first_key && is_key_line(w, line) && (error = take_key(w, json)) == -EBADMSG)
		why = "not a key";
	if (why)
		return bad_line(w, line->seq, why, p);
	return error ? problem(p, error, "ledger/%s line %llu: %s", chain_file_name(w->chain),
			       (unsigned long long)line->seq, strerror(-error)) : 0;
}

/* A line that was checked is the one before the next. */
static int pass_line(struct walk *w, const struct chain_line *line, chain_fn fn, void *ctx, struct problem *p)
{
	w->end.seq++;
	ledger_hash(line->text, line->size, w->end.hash);
	w->end.bytes += line->size + 1;
	buffer_clear(&w->before);
	buffer_bytes(&w->before, line->text, line->size);
	return !buffer_ok(&w->before) ? problem(p, -ENOMEM, "out of memory") : fn ? fn(ctx, line, p) : 0;
}

static bool is_event(const struct chain_scan *s, const char *event)
{
	return s->event_size == strlen(event) && memcmp(s->event, event, s->event_size) == 0;
}

/* Whether the line goes on from the one before, by its ends alone; if it does not, all of it is looked at. */
static bool goes_on(struct walk *w, struct chain_line *line)
{
	const struct ledger_public *key;
	struct chain_scan s;

	if ((w->depth != CHAIN_HASHES && w->depth != CHAIN_ACTS) || !w->end.seq ||
	    !chain_scan_line(line->text, line->size, &s) || is_event(&s, CHAIN_KEY_EVENT) ||
	    (w->depth == CHAIN_ACTS && !is_event(&s, "SEARCH")) || s.seq != line->seq ||
	    strcmp(s.prev, w->end.hash) != 0 || !(key = key_of(w, s.key)))
		return false;
	line->t_ns = s.t_ns;
	w->before_key_copy = *key;
	w->before_key = &w->before_key_copy;
	return true;
}

static int walk_line(struct walk *w, const char *text, size_t size, chain_fn fn, void *ctx, struct problem *p)
{
	struct chain_line line = { .seq = w->end.seq + 1, .text = text, .size = size };
	json_t *json;
	int error;

	if (goes_on(w, &line))
		return pass_line(w, &line, fn, ctx, p);
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	line.json = json;
	error = check_line(w, json, &line, p);
	if (!error)
		error = pass_line(w, &line, fn, ctx, p);
	json_decref(json);
	return error;
}

/* Keys vouch for each other: the lines between need not be looked at to know them. */
static int walk_key_line(struct walk *w, const char *text, size_t size, struct problem *p)
{
	json_t *json;
	const char *id;
	bool good;

	w->end.seq++;
	if (w->end.seq > 1 && !memmem(text, size, KEY_MARK, strlen(KEY_MARK)))
		return 0;
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	id = chain_member(json, "key");
	good = id && chain_member(json, "event") && strcmp(chain_member(json, "event"), CHAIN_KEY_EVENT) == 0 &&
	       (w->end.seq > 1 || take_key(w, json) == 0) && key_of(w, id) &&
	       chain_is_signed(chain_name(w->chain), text, size, key_of(w, id)) &&
	       (w->end.seq == 1 || take_key(w, json) == 0);
	json_decref(json);
	return good ? 0 : bad_line(w, w->end.seq, "not a key that the key before hands over to", p);
}

static int walk_lines(struct walk *w, struct window *win, chain_fn fn, void *ctx, struct problem *p)
{
	const char *text;
	size_t size;
	int r;

	while ((r = window_line(win, &text, &size)) > 0) {
		r = size > LEDGER_LINE_MAX     ? bad_line(w, w->end.seq + 1, "too long", p) :
		    w->depth == CHAIN_KEYS ? walk_key_line(w, text, size, p) :
						 walk_line(w, text, size, fn, ctx, p);
		if (r)
			return r;
	}
	if (r == -EBADMSG)
		return bad_line(w, w->end.seq + 1, "too long", p);
	if (r)
		return problem(p, r, "cannot read ledger/%s: %s", chain_file_name(w->chain), strerror(-r));
	w->end.torn = size > 0;
	if (w->depth != CHAIN_FULL && w->depth != CHAIN_KEYS && before_is_bad(w))
		return bad_line(w, w->end.seq, "its signature is wrong", p);
	return 0;
}

int chain_walk(const struct chain_file *file, enum chain_depth depth, struct ledger_keys *keys, chain_fn fn,
	       void *ctx, struct chain_end *ret_end, struct problem *p)
{
	struct walk w = { .chain = file->chain, .depth = depth, .keys = keys };
	size_t most = LEDGER_LINE_MAX + 1 + READ_BYTES;
	struct window win = { .file = file, .data = malloc(file->size < most ? (size_t)file->size + 1 : most) };
	int error = win.data ? walk_lines(&w, &win, fn, ctx, p) : problem(p, -ENOMEM, "out of memory");

	free(win.data);
	buffer_done(&w.before);
	if (!error)
		*ret_end = w.end;
	return error;
}
