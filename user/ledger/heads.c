// SPDX-License-Identifier: BSD-2-Clause
/* Reading and replacing keys/heads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/utc.h"
#include "heads.h"

#define FILE_BYTES_MAX 4096

int heads_open_keys(const struct store_dir *store, bool create)
{
	return fs_open_dir(store->root, LEDGER_KEYS_DIR, create);
}

int heads_read_file(int keys_dir, const char *name, char **ret_text)
{
	int fd = openat(keys_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), error;
	char *text = NULL;
	struct stat st;

	if (fd < 0)
		return -errno;
	error = fstat(fd, &st) < 0 ? -errno : st.st_size > FILE_BYTES_MAX ? -EFBIG : 0;
	if (!error && !(text = calloc(1, (size_t)st.st_size + 1)))
		error = -ENOMEM;
	if (!error)
		error = fs_pread_all(fd, text, (size_t)st.st_size, 0);
	if (!error && strlen(text) != (size_t)st.st_size)
		error = -EBADMSG;
	close(fd);
	if (error)
		free(text);
	else
		*ret_text = text;
	return error;
}

int heads_load(const struct store_dir *store, char **ret_text, struct problem *p)
{
	int dir = heads_open_keys(store, false), error = dir < 0 ? dir : 0;

	*ret_text = NULL;
	if (!error)
		error = heads_read_file(dir, LEDGER_HEADS_NAME, ret_text);
	if (dir >= 0)
		close(dir);
	if (error && error != -ENOENT)
		return problem(p, error, "keys/" LEDGER_HEADS_NAME ": %s",
			       error == -EBADMSG ? "not signed by this node" : strerror(-error));
	return 0;
}

static int parse_members(const json_t *json, struct ledger_heads *heads)
{
	for (int i = 0; i < LEDGER_CHAINS; i++) {
		const json_t *of = json_object_get(json, chain_name(i));
		const char *hash = json_string_value(json_object_get(of, "hash"));
		const json_t *seq = json_object_get(of, "seq");

		if (!json_is_integer(seq) || json_integer_value(seq) < 0 || !hash ||
		    strlen(hash) != LEDGER_HASH_TEXT - 1)
			return -EBADMSG;
		heads->of[i].seq = (uint64_t)json_integer_value(seq);
		strcpy(heads->of[i].hash, hash);
	}
	heads->known = true;
	return 0;
}

int heads_parse(const char *text, const struct ledger_keys *keys, struct ledger_heads *ret_heads)
{
	struct ledger_heads heads = {};
	size_t n = text ? strlen(text) : 0;
	json_t *json;
	int error;

	for (int i = 0; i < LEDGER_CHAINS; i++)
		strcpy(heads.of[i].hash, LEDGER_NO_HASH);
	if (text) {
		if (!n || text[n - 1] != '\n' ||
		    chain_read_object(LEDGER_HEADS_NAME, text, n - 1, keys, &json))
			return -EBADMSG;
		error = parse_members(json, &heads);
		json_decref(json);
		if (error)
			return error;
	}
	*ret_heads = heads;
	return 0;
}

static json_t *heads_json(const struct ledger_heads *heads)
{
	char time_text[UTC_TEXT_MAX];
	json_t *json = json_pack("{s:s}", "t", utc_format(utc_now_ns(), time_text));

	for (int i = 0; json && i < LEDGER_CHAINS; i++)
		json_object_set_new(json, chain_name(i),
				    json_pack("{s:I, s:s}", "seq", (json_int_t)heads->of[i].seq, "hash",
					      heads->of[i].hash));
	return json;
}

int heads_write(const struct store_dir *store, const struct ledger_heads *heads,
		const struct ledger_secret *secret)
{
	json_t *json = heads_json(heads);
	int dir = heads_open_keys(store, true), error = dir < 0 ? dir : 0;
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

void heads_set(struct ledger_heads *heads, enum ledger_chain chain, const struct chain_end *end)
{
	heads->of[chain].seq = end->seq;
	strcpy(heads->of[chain].hash, end->seq ? end->hash : LEDGER_NO_HASH);
}

bool heads_names(const struct ledger_head *head, const struct chain_end *end)
{
	return head->seq == end->seq && (!end->seq || strcmp(head->hash, end->hash) == 0);
}
