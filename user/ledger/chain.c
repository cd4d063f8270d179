// SPDX-License-Identifier: BSD-2-Clause
/* Names and files of chains, and signed objects. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/utc.h"
#include "chain.h"

#define SIG_BEGIN ",\"sig\":\""
#define SIG_END "\"}"
/* Of a line behind what is signed. */
#define SIG_BYTES (strlen(SIG_BEGIN) + LEDGER_SIGNATURE_TEXT - 1 + strlen(SIG_END))

static const char *const names[LEDGER_CHAINS] = {
	[LEDGER_CONSENT] = "consent",
	[LEDGER_ACCESS] = "access",
	[LEDGER_CUSTODY] = "custody",
};

const char *chain_name(enum ledger_chain chain)
{
	return names[chain];
}

const char *chain_file_name(enum ledger_chain chain)
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
	char time_text[UTC_TEXT_MAX];
	json_t *line = json_pack("{s:I, s:s}", "seq", (json_int_t)end->seq + 1, "t",
				 utc_format(t_ns, time_text));
	int error = -ENOMEM;

	if (line && json_object_update(line, (json_t *)act) == 0 &&
	    json_object_set_new(line, "prev", json_string(end->seq ? end->hash : LEDGER_NO_HASH)) == 0)
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

bool chain_is_signed(const char *name, const char *text, size_t size, const struct ledger_public *key)
{
	char buf[LEDGER_SIGNATURE_TEXT];
	const char *signature = signature_of(text, size, buf);

	return key && signature && ledger_check(key, name, text, size - SIG_BYTES, signature);
}

int chain_read_object(const char *name, const char *text, size_t size, const struct ledger_keys *keys,
		      json_t **ret_json)
{
	json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	const char *id = chain_member(json, "key");

	if (id && chain_is_signed(name, text, size, ledger_keys_find(keys, id))) {
		*ret_json = json;
		return 0;
	}
	json_decref(json);
	return -EBADMSG;
}

/* --- Files --- */

int chain_open(int ledger_fd, enum ledger_chain chain, struct chain_file *ret_file, struct problem *p)
{
	/* O_NONBLOCK: a FIFO of that name would wait for a writer. */
	int fd = openat(ledger_fd, chain_file_name(chain), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int error = fd < 0 ? -errno : 0;
	struct stat st;

	*ret_file = (struct chain_file){ .chain = chain, .fd = -1 };
	if (error == -ENOENT)
		return 0;
	if (!error)
		error = fstat(fd, &st) < 0	 ? -errno :
			S_ISDIR(st.st_mode)	 ? -EISDIR :
			!S_ISREG(st.st_mode)	 ? -EINVAL :
			(uint64_t)st.st_size > LEDGER_FILE_MAX ? -EFBIG :
								 0;
	if (error) {
		if (fd >= 0)
			close(fd);
		return problem(p, error, "cannot read ledger/%s: %s", chain_file_name(chain),
			       strerror(-error));
	}
	ret_file->fd = fd;
	ret_file->size = (uint64_t)st.st_size;
	return 0;
}

void chain_close(struct chain_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}
