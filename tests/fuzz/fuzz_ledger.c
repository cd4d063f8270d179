// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as the ledgers of a store (AC-63): consent, access, custody, heads and the public key, told apart by bytes
 * 0x1e, walked and read by all who read them. As they are; then with keys, hashes, signatures and heads made right,
 * so that what stands behind these is reached; then with numbers and times made right, too. What verifies is read by
 * every reader or refused with a line that is named, and what is appended to it verifies.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/cursor.h"
#include "base/fs.h"
#include "base/utc.h"
#include "fuzz.h"
#include "ledger/consent.h"
#include "ledger/custody.h"
#include "ledger/heads.h"
#include "ledger/ledger.h"

#define PARTS 5
#define HEADS 3
#define PUBLIC 4
#define LINES_MAX 12 /* that are signed: it is most of the work */
#define KEYS 4

static struct store_dir store = { -1, -1, -1, -1, -1 };
static int keys_dir = -1;
static struct ledger_secret secrets[KEYS];

static void empty(void)
{
	static const char *const keys[] = { LEDGER_HEADS_NAME, LEDGER_PUBLIC_FILE, LEDGER_KEY_FILE, LEDGER_NEXT_KEY_FILE };
	char torn[40];

	for (int i = 0; i < LEDGER_CHAINS; i++) {
		snprintf(torn, sizeof(torn), "%s" LEDGER_TORN_SUFFIX, chain_file_name(i));
		(void)unlinkat(store.ledger, chain_file_name(i), 0);
		(void)unlinkat(store.ledger, torn, 0);
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		(void)unlinkat(keys_dir, keys[i], 0);
}

static void remove_all(void)
{
	empty();
	(void)unlinkat(store.ledger, ".lock", 0);
	(void)unlinkat(store.root, "ledger", AT_REMOVEDIR);
	(void)unlinkat(store.root, LEDGER_KEYS_DIR, AT_REMOVEDIR);
}

static void begin(void)
{
	if (store.root >= 0)
		return;
	FUZZ_ASSERT(sodium_init() >= 0);
	store.root = fuzz_dir();
	store.ledger = fs_open_dir(store.root, "ledger", 1);
	keys_dir = heads_open_keys(&store, true);
	FUZZ_ASSERT(store.ledger >= 0 && keys_dir >= 0);
	for (int i = 0; i < KEYS; i++) {
		uint8_t seed[LEDGER_SEED_BYTES];

		memset(seed, i + 1, sizeof(seed));
		ledger_secret_of_seed(seed, &secrets[i]);
	}
	atexit(remove_all);
}

static void put(int dir, const char *name, const void *data, size_t size)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	FUZZ_ASSERT(fd >= 0 && fs_write_all(fd, data, size) == 0);
	close(fd);
}

struct part {
	const uint8_t *data;
	size_t size;
};

static void split(const uint8_t *data, size_t size, struct part parts[static PARTS])
{
	const uint8_t *end = data + size;

	for (int i = 0; i < PARTS; i++) {
		const uint8_t *next = i + 1 < PARTS && data < end ? memchr(data, 0x1e, (size_t)(end - data)) : NULL;

		parts[i] = (struct part){ data, (size_t)((next ? next : end) - data) };
		data = next ? next + 1 : end;
	}
}

/* --- What must hold --- */

static void check_said(int error, const struct problem *p)
{
	FUZZ_ASSERT(error == 0 || error == -EBADMSG || error == -EFBIG);
	FUZZ_ASSERT(!error || ((strstr(p->text, "ledger/") || strstr(p->text, "keys/")) && !strchr(p->text, '\n')));
}

static int count_line(void *ctx, const struct chain_line *line, struct problem *p)
{
	uint64_t *seq = ctx;

	(void)p;
	FUZZ_ASSERT(line->seq == ++*seq && line->event && !memchr(line->text, '\n', line->size));
	fuzz_rows++;
	return 0;
}

static void check_consents(void)
{
	struct problem p = {};
	struct consents c;
	int error = consents_load(&store, &c, &p);

	check_said(error, &p);
	if (error)
		return;
	for (size_t i = 0; i < c.count; i++) {
		const struct consent *g = &c.list[i];
		const struct consent *at = consents_at(&c, g->tenant_id, g->from_ns);

		FUZZ_ASSERT(parse_tenant_id(g->tenant_id) == 0 && g->seq >= 1 && g->seq <= c.last_seq);
		FUZZ_ASSERT(i == 0 || g[-1].seq < g->seq);
		FUZZ_ASSERT(g->until_ns <= g->agreed_until_ns && g->retention_days <= CONSENT_RETENTION_MAX_DAYS);
		FUZZ_ASSERT(!at || strcmp(at->tenant_id, g->tenant_id) == 0);
		FUZZ_ASSERT(!consents_cover(&c, g->seq, g->tenant, g->until_ns));
		FUZZ_ASSERT(g->scope_count > 0 && consents_fields(&c, g->seq) == g->fields);
	}
	(void)consents_next_start(&c, 0);
	consents_done(&c);
}

static int see_section(void *ctx, uint64_t seq, const struct custody_section *section)
{
	(void)ctx;
	FUZZ_ASSERT(seq >= 1 && parse_tenant_id(section->tenant_id) == 0 && section->part >= 1);
	fuzz_rows++;
	return 0;
}

static void check_readers(void)
{
	struct problem p = {};

	for (int i = 0; i < LEDGER_CHAINS; i++) {
		uint64_t seq = 0;
		struct chain_end end = {};
		int error = ledger_walk(&store, i, CHAIN_QUICK, count_line, &seq, &end, &p);

		check_said(error, &p);
		FUZZ_ASSERT(error || end.seq == seq);
	}
	check_consents();
	check_said(custody_walk(&store, see_section, NULL, &p), &p);
}

/* What follows a ledger that verifies verifies; what does not is refused, or its own chain is whole. */
static void check_append(bool good)
{
	json_t *act = json_pack("{s:s}", "event", "TEST");
	struct ledger_facts facts;
	struct problem p = {};
	int written = 0;

	FUZZ_ASSERT(act);
	for (int i = 0; i < LEDGER_CHAINS; i++) {
		int error = ledger_append(&store, i, act, utc_now_ns(), NULL, &p);

		FUZZ_ASSERT(error == 0 || p.text[0]);
		written += error == 0;
	}
	json_decref(act);
	if (!good)
		return;
	FUZZ_ASSERT(ledger_verify(&store, CHAIN_FULL, NULL, &facts, &p) == 0);
	for (int i = 0; i < LEDGER_CHAINS; i++)
		FUZZ_ASSERT(written < LEDGER_CHAINS || !facts.ends[i].torn);
	FUZZ_ASSERT(written < LEDGER_CHAINS || !facts.head_behind);
}

static void check_store(void)
{
	struct ledger_facts quick, full;
	struct problem p = {}, why = {};
	int error = ledger_verify(&store, CHAIN_QUICK, NULL, &quick, &p);
	int full_error = ledger_verify(&store, CHAIN_FULL, NULL, &full, &why);

	check_said(error, &p);
	check_said(full_error, &why);
	/* Every signature is at least what the last one vouches for. */
	FUZZ_ASSERT(full_error || !error);
	check_readers();
	check_append(!full_error);
}

/* --- Making it right --- */

struct signing {
	enum ledger_chain chain;
	bool renumber; /* numbers and times too */
	struct chain_end end;
	int64_t t_ns;
	unsigned int key; /* of secrets: signs custody's next line */
	struct buffer out;
};

static void put_line(struct signing *s, const char *text)
{
	s->end.seq++;
	ledger_hash(text, strlen(text), s->end.hash);
	buffer_bytes(&s->out, text, strlen(text));
	buffer_u8(&s->out, '\n');
}

static void sign(struct signing *s, json_t *line)
{
	const struct ledger_secret *secret = &secrets[s->key];
	char *text = NULL;
	int error;

	(void)json_object_del(line, "sig");
	(void)json_object_del(line, "key");
	(void)json_object_del(line, "prev");
	if (s->renumber) {
		(void)json_object_del(line, "seq");
		(void)json_object_del(line, "t");
		s->t_ns += NS_PER_SEC;
		error = chain_make_line(&s->end, s->chain, line, s->t_ns, secret, &text);
	} else {
		json_object_set_new(line, "prev", json_string(s->end.seq ? s->end.hash : LEDGER_NO_HASH));
		error = chain_sign_object(chain_name(s->chain), line, secret, &text);
	}
	if (!error)
		put_line(s, text);
	free(text);
}

static bool is_key(const json_t *line)
{
	const char *event = json_string_value(json_object_get(line, "event"));

	return event && strcmp(event, "KEY") == 0;
}

static void set_key(json_t *line, unsigned int key)
{
	char text[2 * LEDGER_PUBLIC_BYTES + 1];

	hex_format(secrets[key].public.bytes, LEDGER_PUBLIC_BYTES, text);
	json_object_set_new(line, "public", json_string(text));
}

static void sign_line(struct signing *s, json_t *line)
{
	bool custody = s->chain == LEDGER_CUSTODY, first = !s->end.seq;
	unsigned int next = s->key + 1;

	if (custody && first) {
		json_t *key = json_pack("{s:i, s:s, s:s}", "seq", 1, "t", "2026-01-01T00:00:00.000000000Z", "event", "KEY");

		set_key(key, 0);
		sign(s, key);
		json_decref(key);
		if (is_key(line))
			return;
	}
	if (custody && is_key(line) && next < KEYS)
		set_key(line, next);
	sign(s, line);
	if (custody && is_key(line) && next < KEYS)
		s->key = next;
}

/* Lines that are no objects stay as they are. */
static void sign_chain(struct signing *s, const struct part *part)
{
	const uint8_t *at = part->data, *end = at + part->size, *newline;

	s->t_ns = INT64_C(1767225600) * NS_PER_SEC; /* 2026-01-01 */
	for (unsigned int i = 0; i < LINES_MAX && at < end && (newline = memchr(at, '\n', (size_t)(end - at))); i++) {
		json_t *line = json_loadb((const char *)at, (size_t)(newline - at), 0, NULL);

		if (json_is_object(line))
			sign_line(s, line);
		else if (!s->renumber)
			buffer_bytes(&s->out, at, (size_t)(newline + 1 - at));
		json_decref(line);
		at = newline + 1;
	}
	if (at < end && !memchr(at, '\n', (size_t)(end - at)))
		buffer_bytes(&s->out, at, (size_t)(end - at));
	FUZZ_ASSERT(buffer_ok(&s->out));
}

static void put_signed(const struct part parts[static PARTS], bool renumber)
{
	struct ledger_heads heads = { .known = true };
	struct signing last = {};
	char text[2 * LEDGER_PUBLIC_BYTES + 2];

	for (int i = 0; i < LEDGER_CHAINS; i++) {
		struct signing s = { .chain = i, .renumber = renumber };

		sign_chain(&s, &parts[i]);
		put(store.ledger, chain_file_name(i), s.out.data, s.out.size);
		heads_set(&heads, i, &s.end);
		buffer_done(&s.out);
		last = s;
	}
	FUZZ_ASSERT(heads_write(&store, &heads, &secrets[last.key]) == 0);
	hex_format(secrets[0].public.bytes, LEDGER_PUBLIC_BYTES, text);
	strcat(text, "\n");
	put(keys_dir, LEDGER_PUBLIC_FILE, text, strlen(text));
	memset(text, '0', 2 * LEDGER_SEED_BYTES);
	for (size_t i = 1; i < 2 * LEDGER_SEED_BYTES; i += 2)
		text[i] = (char)('1' + last.key);
	put(keys_dir, LEDGER_KEY_FILE, text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct part parts[PARTS];

	if (size > FUZZ_INPUT_MAX)
		return 0;
	begin();
	split(data, size, parts);
	for (int i = 0; i < LEDGER_CHAINS; i++)
		put(store.ledger, chain_file_name(i), parts[i].data, parts[i].size);
	if (parts[HEADS].size)
		put(keys_dir, LEDGER_HEADS_NAME, parts[HEADS].data, parts[HEADS].size);
	if (parts[PUBLIC].size)
		put(keys_dir, LEDGER_PUBLIC_FILE, parts[PUBLIC].data, parts[PUBLIC].size);
	check_store();
	for (int renumber = 0; renumber < 2; renumber++) {
		empty();
		put_signed(parts, renumber);
		check_store();
	}
	empty();
	return 0;
}
