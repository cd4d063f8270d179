/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_file.h"

#include <stdio.h>
#include <string.h>
#include "fixture.h"
#include "unit.h"

const char *conf_file_path(void)
{
	static char path[100];

	snprintf(path, sizeof(path), "%s/c", unit_temp_path());
	return path;
}

int conf_file_bytes(const void *text, size_t size, struct conf *c, struct problem *p)
{
	write_file(unit_temp_dir(), "c", text, size);
	return conf_load(conf_file_path(), c, p);
}

struct conf conf_file(const char *text)
{
	struct conf c;
	struct problem p = { "" };
	int error = conf_file_bytes(text, strlen(text), &c, &p);

	CHECK_ROW(error == 0, "%s", p.text);
	REQUIRE(error == 0);
	return c;
}
