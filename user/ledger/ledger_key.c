// SPDX-License-Identifier: BSD-2-Clause
/* Keys and signatures, by libsodium. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "ledger_key.h"

#define SEED_TEXT (2 * LEDGER_SEED_BYTES)

_Static_assert(LEDGER_SIGNATURE_BYTES == crypto_sign_BYTES, "Ed25519");
_Static_assert(LEDGER_SEED_BYTES == crypto_sign_SEEDBYTES, "Ed25519");
_Static_assert(LEDGER_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519");

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hex_parse(const char *text, size_t text_size, uint8_t *ret_bytes, size_t size)
{
	if (text_size != 2 * size)
		return -EINVAL;
	for (size_t i = 0; i < text_size; i++)
		if (digit(text[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < size; i++)
		ret_bytes[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
	return 0;
}

void hex_format(const uint8_t *bytes, size_t size, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		ret_text[2 * i] = digits[bytes[i] >> 4];
		ret_text[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_text[2 * size] = '\0';
}

void ledger_hash_bytes(const void *bytes, size_t size, uint8_t ret_hash[static LEDGER_HASH_BYTES])
{
	crypto_generichash(ret_hash, LEDGER_HASH_BYTES, bytes, size, NULL, 0);
}

void ledger_hash(const void *bytes, size_t size, char ret_hash[static LEDGER_HASH_TEXT])
{
	uint8_t hash[LEDGER_HASH_BYTES];

	ledger_hash_bytes(bytes, size, hash);
	hex_format(hash, sizeof(hash), ret_hash);
}

void ledger_public_of(const uint8_t bytes[static LEDGER_PUBLIC_BYTES], struct ledger_public *ret_public)
{
	uint8_t hash[LEDGER_HASH_BYTES];

	memcpy(ret_public->bytes, bytes, LEDGER_PUBLIC_BYTES);
	crypto_generichash(hash, sizeof(hash), bytes, LEDGER_PUBLIC_BYTES, NULL, 0);
	hex_format(hash, LEDGER_KEY_ID_BYTES, ret_public->id);
}

void ledger_secret_of_seed(const uint8_t seed[static LEDGER_SEED_BYTES], struct ledger_secret *ret_secret)
{
	uint8_t public[LEDGER_PUBLIC_BYTES];

	crypto_sign_seed_keypair(public, ret_secret->bytes, seed);
	ledger_public_of(public, &ret_secret->public);
}

void ledger_secret_new(uint8_t ret_seed[static LEDGER_SEED_BYTES], struct ledger_secret *ret_secret)
{
	randombytes_buf(ret_seed, LEDGER_SEED_BYTES);
	ledger_secret_of_seed(ret_seed, ret_secret);
}

void ledger_secret_done(struct ledger_secret *secret)
{
	sodium_memzero(secret, sizeof(*secret));
}

static int read_seed(int dir_fd, uint8_t ret_seed[static LEDGER_SEED_BYTES])
{
	char text[SEED_TEXT + 1] = "";
	int fd = openat(dir_fd, LEDGER_KEY_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), error;

	if (fd < 0)
		return -errno;
	error = fs_pread_all(fd, text, sizeof(text), 0);
	close(fd);
	if (error == -ENODATA || (!error && text[SEED_TEXT] != '\n') ||
	    (!error && hex_parse(text, SEED_TEXT, ret_seed, LEDGER_SEED_BYTES)))
		error = -EBADMSG;
	sodium_memzero(text, sizeof(text));
	return error;
}

static int publish_hex(int dir_fd, const char *name, const uint8_t *bytes, size_t size, bool replace)
{
	char text[2 * LEDGER_SIGNATURE_BYTES + 2];
	int error;

	hex_format(bytes, size, text);
	text[2 * size] = '\n';
	error = replace ? fs_replace(dir_fd, name, text, 2 * size + 1) :
			  fs_publish(dir_fd, name, text, 2 * size + 1);
	sodium_memzero(text, sizeof(text));
	return error;
}

/* The public half first: a key without it could not be handed out. */
static int make_key(int dir_fd, uint8_t ret_seed[static LEDGER_SEED_BYTES])
{
	struct ledger_secret secret;
	int error;

	ledger_secret_new(ret_seed, &secret);
	error = publish_hex(dir_fd, LEDGER_PUBLIC_FILE, secret.public.bytes, LEDGER_PUBLIC_BYTES, true);
	if (!error)
		error = publish_hex(dir_fd, LEDGER_KEY_FILE, ret_seed, LEDGER_SEED_BYTES, false);
	ledger_secret_done(&secret);
	return error == -EEXIST ? read_seed(dir_fd, ret_seed) : error;
}

int ledger_secret_load(int root_fd, bool create, struct ledger_secret *ret_secret, struct problem *p)
{
	uint8_t seed[LEDGER_SEED_BYTES];
	int dir = fs_open_dir(root_fd, LEDGER_KEYS_DIR, create), error;

	if (sodium_init() < 0)
		return problem(p, -EIO, "libsodium cannot be used");
	if (dir < 0)
		return problem(p, dir, "cannot open keys/: %s", strerror(-dir));
	error = read_seed(dir, seed);
	if (error == -ENOENT && create)
		error = make_key(dir, seed);
	close(dir);
	if (error)
		return problem(p, error, "keys/" LEDGER_KEY_FILE ": %s",
			       error == -EBADMSG ? "not a key" : strerror(-error));
	ledger_secret_of_seed(seed, ret_secret);
	sodium_memzero(seed, sizeof(seed));
	return 0;
}

int ledger_secret_replace(int root_fd, const uint8_t seed[static LEDGER_SEED_BYTES], struct problem *p)
{
	int dir = fs_open_dir(root_fd, LEDGER_KEYS_DIR, 0), error;

	if (dir < 0)
		return problem(p, dir, "cannot open keys/: %s", strerror(-dir));
	error = publish_hex(dir, LEDGER_KEY_FILE, seed, LEDGER_SEED_BYTES, true);
	close(dir);
	return error ? problem(p, error, "cannot write keys/" LEDGER_KEY_FILE ": %s", strerror(-error)) : 0;
}

/* Context and text in one piece, as libsodium wants it. NULL: no memory. */
static uint8_t *message(const char *chain, const char *text, size_t size, size_t *ret_size)
{
	size_t head = strlen(LEDGER_CONTEXT) + strlen(chain) + 1;
	uint8_t *bytes = malloc(head + size + 1);

	if (!bytes)
		return NULL;
	memcpy(bytes, LEDGER_CONTEXT, strlen(LEDGER_CONTEXT));
	memcpy(bytes + strlen(LEDGER_CONTEXT), chain, strlen(chain));
	bytes[head - 1] = '\n';
	memcpy(bytes + head, text, size);
	*ret_size = head + size;
	return bytes;
}

int ledger_sign(const struct ledger_secret *secret, const char *chain, const char *text, size_t size,
		char ret_signature[static LEDGER_SIGNATURE_TEXT])
{
	uint8_t signature[LEDGER_SIGNATURE_BYTES];
	size_t n;
	uint8_t *bytes = message(chain, text, size, &n);

	if (!bytes)
		return -ENOMEM;
	crypto_sign_detached(signature, NULL, bytes, n, secret->bytes);
	free(bytes);
	hex_format(signature, sizeof(signature), ret_signature);
	return 0;
}

bool ledger_check(const struct ledger_public *key, const char *chain, const char *text, size_t size,
		  const char *signature)
{
	uint8_t bytes[LEDGER_SIGNATURE_BYTES];
	uint8_t *signed_bytes;
	size_t n;
	bool good;

	if (hex_parse(signature, strlen(signature), bytes, sizeof(bytes)))
		return false;
	signed_bytes = message(chain, text, size, &n);
	good = signed_bytes && crypto_sign_verify_detached(bytes, signed_bytes, n, key->bytes) == 0;
	free(signed_bytes);
	return good;
}
