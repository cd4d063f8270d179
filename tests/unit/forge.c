// SPDX-License-Identifier: BSD-2-Clause
#include "forge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/cursor.h"
#include "base/fs.h"
#include "ledger/heads.h"

static int forge_line(const char *chain, const char *text, size_t size, const char *prev,
		      const struct ledger_secret *secret, char **ret_text)
{
	json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	int error = 0;

	if (json_is_object(json)) {
		json_object_del(json, "prev");
		json_object_del(json, "key");
		json_object_del(json, "sig");
		json_object_set_new(json, "prev", json_string(prev));
		error = chain_sign_object(chain, json, secret, ret_text);
	} else if (!(*ret_text = strndup(text, size))) {
		error = -ENOMEM;
	}
	json_decref(json);
	return error;
}

static int forge_lines(enum ledger_chain chain, const char *text, const struct ledger_secret *secret,
		       struct buffer *out, struct chain_end *end)
{
	strcpy(end->hash, LEDGER_NO_HASH);
	while (*text) {
		size_t n = strcspn(text, "\n");
		char *line;
		int error;

		if (!text[n]) {
			buffer_bytes(out, text, n);
			break;
		}
		error = forge_line(chain_name(chain), text, n, end->hash, secret, &line);
		if (error)
			return error;
		end->seq++;
		ledger_hash(line, strlen(line), end->hash);
		buffer_bytes(out, line, strlen(line));
		buffer_u8(out, '\n');
		free(line);
		text += n + 1;
	}
	return buffer_ok(out) ? 0 : -ENOMEM;
}

static int replace_head(const struct store_dir *store, enum ledger_chain chain, const struct chain_end *end,
			const struct ledger_secret *secret, struct problem *p)
{
	struct ledger_heads heads;
	struct ledger_keys keys = {};
	char *text = NULL;
	int error = ledger_keys_load(store, &keys, p);

	if (!error)
		error = heads_load(store, &text, p);
	if (!error)
		error = heads_parse(text, &keys, &heads);
	if (!error) {
		heads_set(&heads, chain, end);
		error = heads_write(store, &heads, secret);
	}
	ledger_keys_done(&keys);
	free(text);
	return error;
}

int forge_chain(const struct store_dir *store, enum ledger_chain chain, const char *text, struct problem *p)
{
	struct ledger_secret secret;
	struct ledger_writer *w;
	struct buffer out = {};
	struct chain_end end = {};
	int error;

	/* Makes the key of a store that has none. */
	(void)unlinkat(store->ledger, chain_file_name(chain), 0);
	error = ledger_writer_open(store, &w, p);
	if (error)
		return error;
	ledger_writer_close(w);
	error = ledger_secret_load(store->root, false, &secret, p);
	if (error)
		return error;
	error = forge_lines(chain, text, &secret, &out, &end);
	if (!error && out.size)
		error = fs_replace(store->ledger, chain_file_name(chain), out.data, out.size);
	if (!error && !out.size)
		error = fs_replace(store->ledger, chain_file_name(chain), "", 0);
	if (!error)
		error = replace_head(store, chain, &end, &secret, p);
	ledger_secret_done(&secret);
	buffer_done(&out);
	return error;
}
