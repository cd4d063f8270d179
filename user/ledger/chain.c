// SPDX-License-Identifier: BSD-2-Clause
/* Lines, their hashes and signatures. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"
#include "base/cursor.h"
#include "base/fs.h"
#include "base/utc.h"
#include "chain.h"

#define SIG_BEGIN ",\"sig\":\""
#define SIG_END "\"}"
/* Of a line behind what is signed. */
#define SIG_BYTES (strlen(SIG_BEGIN) + LEDGER_SIGNATURE_TEXT - 1 + strlen(SIG_END))
#define KEY_EVENT "KEY"

static const char *const names[LEDGER_CHAINS] = {
	[LEDGER_CONSENT] = "consent",
	[LEDGER_ACCESS] = "access",
	[LEDGER_CUSTODY] = "custody",
};

const char *chain_name(enum ledger_chain chain)
{
	return names[chain];
}

static const char *file_name(enum ledger_chain chain)
{
	static const char *const files[LEDGER_CHAINS] = {
		[LEDGER_CONSENT] = "consent" LEDGER_SUFFIX,
		[LEDGER_ACCESS] = "access" LEDGER_SUFFIX,
		[LEDGER_CUSTODY] = "custody" LEDGER_SUFFIX,
	};

	return files[chain];
}

void ledger_keys_done(struct ledger_keys *keys)
{
	free(keys->list);
	memset(keys, 0, sizeof(*keys));
}

const struct ledger_public *ledger_keys_find(const struct ledger_keys *keys, const char *id)
{
	for (size_t i = keys->count; i > 0; i--)
		if (strcmp(keys->list[i - 1].id, id) == 0)
			return &keys->list[i - 1];
	return NULL;
}

static const char *text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

/* --- Signed objects --- */

static int finish_object(const char *name, json_t *object, const struct ledger_secret *secret,
			 char **ret_text)
{
	char signature[LEDGER_SIGNATURE_TEXT], *body, *text = NULL;
	size_t size;
	int error;

	if (json_object_set_new(object, "key", json_string(secret->public.id)))
		return -ENOMEM;
	body = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (!body)
		return -ENOMEM;
	size = strlen(body) - 1; /* without the brace */
	error = size + SIG_BYTES > LEDGER_LINE_MAX ? -EINVAL :
						     ledger_sign(secret, name, body, size, signature);
	if (!error && asprintf(&text, "%.*s" SIG_BEGIN "%s" SIG_END, (int)size, body, signature) < 0)
		error = -ENOMEM;
	free(body);
	if (!error)
		*ret_text = text;
	return error;
}

int chain_sign_object(const char *name, const json_t *object, const struct ledger_secret *secret,
		      char **ret_text)
{
	json_t *copy = json_copy((json_t *)object);
	int error = copy ? finish_object(name, copy, secret, ret_text) : -ENOMEM;

	json_decref(copy);
	return error;
}

int chain_make_line(const struct chain_end *end, enum ledger_chain chain, const json_t *act, int64_t t_ns,
		    const struct ledger_secret *secret, char **ret_text)
{
	static const char none[] = "0000000000000000000000000000000000000000000000000000000000000000";
	char time_text[UTC_TEXT_MAX];
	json_t *line = json_pack("{s:I, s:s}", "seq", (json_int_t)end->seq + 1, "t",
				 utc_format(t_ns, time_text));
	int error = -ENOMEM;

	if (line && json_object_update(line, (json_t *)act) == 0 &&
	    json_object_set_new(line, "prev", json_string(end->seq ? end->hash : none)) == 0)
		error = finish_object(names[chain], line, secret, ret_text);
	json_decref(line);
	return error;
}

/* The signature of a text, or NULL when it does not end in one. */
static const char *signature_of(const char *text, size_t size, char buf[static LEDGER_SIGNATURE_TEXT])
{
	const char *at;

	if (size < SIG_BYTES + 2 || size > LEDGER_LINE_MAX)
		return NULL;
	at = text + size - SIG_BYTES;
	if (memcmp(at, SIG_BEGIN, strlen(SIG_BEGIN)) != 0 ||
	    memcmp(text + size - strlen(SIG_END), SIG_END, strlen(SIG_END)) != 0)
		return NULL;
	memcpy(buf, at + strlen(SIG_BEGIN), LEDGER_SIGNATURE_TEXT - 1);
	buf[LEDGER_SIGNATURE_TEXT - 1] = '\0';
	return buf;
}

static bool is_signed(const char *name, const char *text, size_t size, const struct ledger_public *key)
{
	char buf[LEDGER_SIGNATURE_TEXT];
	const char *signature = signature_of(text, size, buf);

	return key && signature && ledger_check(key, name, text, size - SIG_BYTES, signature);
}

int chain_read_object(const char *name, const char *text, size_t size, const struct ledger_keys *keys,
		      json_t **ret_json)
{
	json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	const char *id = text_of(json, "key");

	if (id && is_signed(name, text, size, ledger_keys_find(keys, id))) {
		*ret_json = json;
		return 0;
	}
	json_decref(json);
	return -EBADMSG;
}

/* --- Walking --- */

struct walk {
	enum ledger_chain chain;
	enum chain_depth depth;
	struct ledger_keys *keys;
	struct chain_end end;
	bool last; /* the line at hand is the last one */
};

static const char *check_members(const struct walk *w, const json_t *json, struct chain_line *line)
{
	const char *t = text_of(json, "t"), *prev = text_of(json, "prev");
	struct problem ignored;
	char none[LEDGER_HASH_TEXT];

	memset(none, '0', sizeof(none) - 1);
	none[sizeof(none) - 1] = '\0';
	if (!json_is_object(json))
		return "not a JSON object";
	if (json_integer_value(json_object_get(json, "seq")) != (json_int_t)w->end.seq + 1)
		return "its number does not follow that of the line before";
	if (!prev || strcmp(prev, w->end.seq ? w->end.hash : none) != 0)
		return "it does not continue the line before (hash chain broken)";
	line->event = text_of(json, "event");
	if (!t || utc_parse(t, &line->t_ns, &ignored) || !line->event)
		return "no time or event";
	return NULL;
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
	const char *public = text_of(json, "public");
	uint8_t bytes[LEDGER_PUBLIC_BYTES];
	size_t n = public ? strlen(public) : 0;

	if (!public || hex_parse(public, n, bytes, sizeof(bytes)))
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

static const char *check_signature(struct walk *w, const char *text, size_t size, const json_t *json)
{
	const char *id = text_of(json, "key");
	const struct ledger_public *key = id ? key_of(w, id) : NULL;

	if (!key)
		return "signed with a key that is not this node's";
	if ((w->depth == CHAIN_FULL || w->last || strcmp(text_of(json, "event"), KEY_EVENT) == 0) &&
	    !is_signed(names[w->chain], text, size, key))
		return "its signature is wrong";
	return NULL;
}

static int check_line(struct walk *w, const char *text, size_t size, json_t *json,
		      struct chain_line *line, const char **ret_why)
{
	bool first_key = w->chain == LEDGER_CUSTODY && !w->end.seq;
	int error = 0;

	*ret_why = check_members(w, json, line);
	if (*ret_why)
		return -EBADMSG;
	/* The root of trust signs itself. */
	if (first_key && (strcmp(line->event, KEY_EVENT) != 0 || (error = take_key(w, json)))) {
		*ret_why = "the first line of custody must be a key";
		return error ? error : -EBADMSG;
	}
	*ret_why = check_signature(w, text, size, json);
	if (*ret_why)
		return -EBADMSG;
	if (w->chain == LEDGER_CUSTODY && !first_key && strcmp(line->event, KEY_EVENT) == 0) {
		error = take_key(w, json);
		*ret_why = "not a key";
	}
	return error;
}

static int walk_line(struct walk *w, const char *text, size_t size,
		     int (*fn)(void *ctx, const struct chain_line *line, struct problem *p), void *ctx,
		     struct problem *p)
{
	json_t *json = size <= LEDGER_LINE_MAX ? json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL) : NULL;
	struct chain_line line = { .seq = w->end.seq + 1, .json = json, .text = text, .size = size };
	const char *why;
	int error = check_line(w, text, size, json, &line, &why);

	if (error) {
		problem(p, error, "ledger/%s line %llu: %s", file_name(w->chain),
			(unsigned long long)line.seq, error == -EBADMSG ? why : strerror(-error));
	} else {
		w->end.seq++;
		ledger_hash(text, size, w->end.hash);
		w->end.bytes += size + 1;
		error = fn ? fn(ctx, &line, p) : 0;
	}
	json_decref(json);
	return error;
}

static int read_file(int ledger_fd, const char *name, struct buffer *out)
{
	int fd = openat(ledger_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	uint8_t *bytes;
	int error = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		error = -errno;
	else if ((uint64_t)st.st_size > LEDGER_FILE_MAX)
		error = -EFBIG;
	else if (st.st_size > 0) {
		bytes = buffer_extend(out, (size_t)st.st_size);
		error = bytes ? fs_pread_all(fd, bytes, (size_t)st.st_size, 0) : -ENOMEM;
	}
	close(fd);
	return error;
}

/* The end of the last whole line. */
static size_t whole_bytes(const struct buffer *file)
{
	size_t n = file->size;

	while (n && file->data[n - 1] != '\n')
		n--;
	return n;
}

int chain_walk(int ledger_fd, enum ledger_chain chain, enum chain_depth depth, struct ledger_keys *keys,
	       int (*fn)(void *ctx, const struct chain_line *line, struct problem *p), void *ctx,
	       struct chain_end *ret_end, struct problem *p)
{
	struct walk w = { .chain = chain, .depth = depth, .keys = keys };
	struct buffer file = {};
	size_t at = 0, whole;
	int error = read_file(ledger_fd, file_name(chain), &file);

	if (error)
		problem(p, error, "cannot read ledger/%s: %s", file_name(chain), strerror(-error));
	whole = whole_bytes(&file);
	while (!error && at < whole) {
		const char *text = (const char *)file.data + at;
		size_t size = (size_t)((const char *)memchr(text, '\n', whole - at) - text);

		w.last = at + size + 1 == whole;
		error = walk_line(&w, text, size, fn, ctx, p);
		at += size + 1;
	}
	w.end.torn = file.size > whole;
	buffer_done(&file);
	if (!error)
		*ret_end = w.end;
	return error;
}

/* --- The last line alone --- */

static int read_tail(int fd, uint64_t size, struct buffer *out)
{
	uint64_t n = size < LEDGER_LINE_MAX + 1 ? size : LEDGER_LINE_MAX + 1;
	uint8_t *bytes = buffer_extend(out, n);

	return bytes ? fs_pread_all(fd, bytes, n, (off_t)(size - n)) : -ENOMEM;
}

static int parse_tail(const struct buffer *tail, uint64_t size, struct chain_end *end)
{
	size_t whole = whole_bytes(tail), begin;
	json_t *json;
	json_int_t seq;

	end->torn = whole < tail->size;
	end->bytes = size - (tail->size - whole);
	if (!end->bytes)
		return 0; /* nothing but an unfinished first line */
	if (!whole)
		return -EBADMSG;
	for (begin = whole - 1; begin && tail->data[begin - 1] != '\n'; begin--)
		;
	if (!begin && size > tail->size)
		return -EBADMSG;
	json = json_loadb((const char *)tail->data + begin, whole - 1 - begin, JSON_REJECT_DUPLICATES, NULL);
	seq = json_integer_value(json_object_get(json, "seq"));
	json_decref(json);
	if (seq < 1)
		return -EBADMSG;
	end->seq = (uint64_t)seq;
	ledger_hash(tail->data + begin, whole - 1 - begin, end->hash);
	return 0;
}

int chain_tail(int ledger_fd, enum ledger_chain chain, struct chain_end *ret_end, struct problem *p)
{
	int fd = openat(ledger_fd, file_name(chain), O_RDONLY | O_CLOEXEC | O_NOFOLLOW), error = 0;
	struct chain_end end = {};
	struct buffer tail = {};
	struct stat st;

	if (fd < 0 && errno != ENOENT)
		return problem(p, -errno, "cannot open ledger/%s: %s", file_name(chain), strerror(errno));
	if (fd >= 0) {
		error = fstat(fd, &st) < 0 ? -errno : 0;
		if (!error && st.st_size > 0)
			error = read_tail(fd, (uint64_t)st.st_size, &tail);
		if (!error && st.st_size > 0)
			error = parse_tail(&tail, (uint64_t)st.st_size, &end);
		close(fd);
	}
	buffer_done(&tail);
	if (error)
		return problem(p, error, "ledger/%s: %s", file_name(chain),
			       error == -EBADMSG ? "its last line is none" : strerror(-error));
	*ret_end = end;
	return 0;
}
