/* SPDX-License-Identifier: BSD-2-Clause */
/* chronyd's bound from chronyc's line, whoever wrote that; and a command that hangs, floods or fails. */
#include "recorder/chrony.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/utc.h"
#include "fixture.h"
#include "unit.h"

#define LINE(offset, delay, dispersion, leap) \
	"50484330,PHC0,1,1709727533.139866748," offset ",-0.000003372,0.000002759,1.274,-0.005,0.161," delay \
	"," dispersion ",8.0," leap "\n"

static void lines(void)
{
	static const struct {
		const char *line;
		int want;
		uint64_t error_ns;
	} table[] = {
		{ LINE("0.000004315", "0.000000001", "0.000029493", "Normal"), 0, 4315 + 29493 + 1 },
		{ LINE("-0.000004315", "0.010000000", "0.000029493", "Insert second"), 0, 4315 + 29493 + 5000000 },
		/* A second that is being slewed away: what the kernel's maxerror does not have. */
		{ LINE("-1.000000000", "0.000000000", "0.000000000", "Normal"), 0, 1000000000 },
		{ LINE("0", "3", "+2", "Normal"), 0, 3500000000 },
		{ LINE("0.0000000001", "0.0", "0.000000000", "Normal"), 0, 1 },
		{ LINE("0.5", "0.0", "0.000000000", "Not synchronised"), -ENODATA, 0 },
		{ LINE("", "0.0", "0.000000000", "Normal"), -EINVAL, 0 },
		{ LINE("--1.0", "0.0", "0.000000000", "Normal"), -EINVAL, 0 },
		{ LINE("1.0e-3", "0.0", "0.000000000", "Normal"), -EINVAL, 0 },
		{ LINE("nan", "0.0", "0.000000000", "Normal"), -EINVAL, 0 },
		{ LINE("1", "0x1", "0.000000000", "Normal"), -EINVAL, 0 },
		{ LINE("1", "0.0", ".5", "Normal"), -EINVAL, 0 },
		{ LINE("100000001", "0.0", "0.5", "Normal"), -EINVAL, 0 },
		{ LINE("0.0000000000000000001", "0.0", "0.5", "Normal"), -EINVAL, 0 },
		{ LINE("0", "0", "0", "Normal,more"), -EINVAL, 0 },
		{ "506 Cannot talk to daemon\n", -EINVAL, 0 },
		{ ",,,,,,,,,,,,,\n", -EINVAL, 0 },
		{ ",,,,0,,,,,,0,0", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct problem p = { "" };
		uint64_t error_ns = 0;

		CHECK_ROW(chrony_parse(table[i].line, &error_ns, &p) == table[i].want, "row %zu", i);
		CHECK_ROW(error_ns == table[i].error_ns, "row %zu: %llu", i, (unsigned long long)error_ns);
		CHECK_ROW((table[i].want == -EINVAL) == (p.text[0] != '\0'), "row %zu: %s", i, p.text);
	}
}

/* Every byte of a good line made another one: refused, or a bound, never more. */
static void lines_with_any_byte(void)
{
	static const char good[] = LINE("0.000004315", "0.000000001", "0.000029493", "Normal");
	unsigned int refused = 0, taken = 0;

	for (size_t at = 0; at < sizeof(good) - 1; at++)
		for (int byte = 0; byte < 256; byte++) {
			char line[sizeof(good)];
			struct problem p;
			uint64_t error_ns;

			memcpy(line, good, sizeof(good));
			line[at] = (char)byte;
			if (chrony_parse(line, &error_ns, &p))
				refused++;
			else
				taken++;
		}
	CHECK(refused > 1000);
	CHECK(taken > 1000);
}

/* A command that stands for chronyc. */
static const char *script(const char *name, const char *text)
{
	static char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", unit_temp_path(), name);
	f = fopen(path, "we");
	REQUIRE(f != NULL);
	fprintf(f, "#!/bin/sh\n%s\n", text);
	fclose(f);
	REQUIRE(chmod(path, 0700) == 0);
	return path;
}

static void commands(void)
{
	struct chrony_bound bound = {};
	struct problem p = { "" };
	int64_t begun;

	(void)unit_temp_dir();
	CHECK_INT(chrony_ask(script("good", "[ \"$*\" = '-n -c tracking' ] && [ -z \"$HOME\" ] || exit 3\n"
					    "echo A,b,1,2,0.5,0,0,0,0,0,0.25,0.125,8,Normal"),
			     &bound, &p),
		  0);
	CHECK_INT(bound.error_ns, 750000000);
	CHECK(bound.boot_ns > 0 && bound.boot_ns <= boot_now_ns());
	CHECK_INT(chrony_ask(script("nobody", "echo '506 Cannot talk to daemon'; exit 1"), &bound, &p), -ENODATA);
	CHECK_INT(chrony_ask(script("nonsense", "echo hello"), &bound, &p), -EINVAL);
	CHECK_INT(chrony_ask(script("flood", "exec yes 0123456789"), &bound, &p), -ENODATA); /* ended by SIGPIPE */
	CHECK_INT(chrony_ask("/nonexistent/chronyc", &bound, &p), -ENODATA);
	begun = boot_now_ns();
	CHECK_INT(chrony_ask(script("stays", "echo hello; exec sleep 60 >&-"), &bound, &p), -ENODATA);
	CHECK_INT(chrony_ask(script("hangs", "exec sleep 60"), &bound, &p), -ETIMEDOUT);
	CHECK(boot_now_ns() - begun < 30 * NS_PER_SEC);
	CHECK(strstr(p.text, "/hangs: ") != NULL);
}

UNIT_SUITE(chrony, TEST(lines), TEST(lines_with_any_byte), TEST(commands));
