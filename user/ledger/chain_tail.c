// SPDX-License-Identifier: BSD-2-Clause
/* The last line of a chain, found from the end of its file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/fs.h"
#include "chain_tail.h"

/* The last line and what a torn one behind it may take. */
#define TAIL_SHORT (64u << 10)
#define TAIL_BYTES (2u * LEDGER_LINE_MAX + 2)

static int take_tail_line(const uint8_t *text, size_t size, struct chain_tail *tail)
{
	json_t *json = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, NULL);
	json_int_t seq = json_integer_value(json_object_get(json, "seq"));
	const char *prev = chain_member(json, "prev"), *event = chain_member(json, "event");
	const char *public = chain_member(json, "public"), *id = chain_member(json, "key");
	uint8_t bytes[LEDGER_PUBLIC_BYTES];
	struct ledger_public key;
	int error = 0;

	if (event && strcmp(event, CHAIN_KEY_EVENT) == 0 && public &&
	    hex_parse(public, strlen(public), bytes, sizeof(bytes)) == 0) {
		ledger_public_of(bytes, &key);
		id = key.id;
	}
	if (seq < 1 || !prev || strlen(prev) != LEDGER_HASH_TEXT - 1 || !id ||
	    strlen(id) != LEDGER_KEY_ID_TEXT - 1)
		error = -EBADMSG;
	else if (!(tail->text = strndup((const char *)text, size)))
		error = -ENOMEM;
	if (!error) {
		tail->end.seq = (uint64_t)seq;
		ledger_hash(text, size, tail->end.hash);
		strcpy(tail->prev, prev);
		strcpy(tail->next_key, id);
	}
	json_decref(json);
	return error;
}

static int parse_tail(const uint8_t *data, size_t size, uint64_t file_size, struct chain_tail *tail)
{
	size_t whole = size, begin;

	while (whole && data[whole - 1] != '\n')
		whole--;
	tail->end.torn = whole < size;
	tail->end.bytes = file_size - (size - whole);
	if (!tail->end.bytes)
		return 0; /* nothing but an unfinished first line */
	if (!whole)
		return -EBADMSG;
	for (begin = whole - 1; begin && data[begin - 1] != '\n'; begin--)
		;
	if (!begin && file_size > size)
		return -EBADMSG;
	return take_tail_line(data + begin, whole - 1 - begin, tail);
}

static int read_tail(const struct chain_file *file, size_t most, struct chain_tail *tail)
{
	size_t n = file->size < most ? (size_t)file->size : most;
	uint8_t *data = malloc(n + 1);
	int error = data ? fs_pread_all(file->fd, data, n, (off_t)(file->size - n)) : -ENOMEM;

	*tail = (struct chain_tail){};
	if (!error && n)
		error = parse_tail(data, n, file->size, tail);
	free(data);
	return error;
}

int chain_tail(int ledger_fd, enum ledger_chain chain, struct chain_tail *ret_tail, struct problem *p)
{
	struct chain_tail tail = {};
	struct chain_file file;
	int error = chain_open(ledger_fd, chain, &file, p);

	if (error)
		return error;
	error = read_tail(&file, TAIL_SHORT, &tail);
	if (error == -EBADMSG && file.size > TAIL_SHORT)
		error = read_tail(&file, TAIL_BYTES, &tail);
	chain_close(&file);
	if (error)
		return problem(p, error, "ledger/%s: %s", chain_file_name(chain),
			       error == -EBADMSG ? "its last line is none" : strerror(-error));
	*ret_tail = tail;
	return 0;
}

void chain_tail_done(struct chain_tail *tail)
{
	free(tail->text);
	tail->text = NULL;
}
