// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as a configuration file (AC-63): it is read, or refused with one line that names file and line number; and
 * what is printed of it as being in force reads back as the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/conf.h"
#include "fuzz.h"

#define NAME "sekisho.conf"

static int load(const uint8_t *data, size_t size, struct conf *ret_conf, struct problem *p)
{
	char path[64];
	int error;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/" NAME, fuzz_dir());
	fuzz_file(NAME, data, size);
	error = conf_load(path, ret_conf, p);
	fuzz_file_gone(NAME);
	return error;
}

static char *printed(const struct conf *c, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);

	FUZZ_ASSERT(out);
	conf_print(c, out);
	FUZZ_ASSERT(fclose(out) == 0);
	return text;
}

static void check_again(const struct conf *c)
{
	size_t size, again_size;
	char *text = printed(c, &size), *again_text;
	struct problem p = {};
	struct conf again;

	FUZZ_ASSERT(load((const uint8_t *)text, size, &again, &p) == 0);
	FUZZ_ASSERT(again.tenant_count == c->tenant_count);
	again_text = printed(&again, &again_size);
	FUZZ_ASSERT(again_size == size && memcmp(again_text, text, size) == 0);
	conf_done(&again);
	free(again_text);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problem p = {};
	struct conf c;
	int error;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	error = load(data, size, &c, &p);
	FUZZ_ASSERT(error == 0 || error == -EINVAL);
	FUZZ_ASSERT(!error || (strstr(p.text, NAME ":") && !strchr(p.text, '\n')));
	if (error)
		return 0;
	check_again(&c);
	for (size_t i = 0; i < c.tenant_count; i++, fuzz_rows++)
		FUZZ_ASSERT(conf_find_tenant(&c, c.tenants[i].id) == &c.tenants[i]);
	conf_done(&c);
	return 0;
}
