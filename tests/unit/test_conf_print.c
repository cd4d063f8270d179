/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration as sekishod -nn prints it. */
#include "base/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "conf_file.h"
#include "unit.h"

/* -nn: what is printed is a configuration, and it is this one. */
static void what_is_printed_reads_back_as_the_same(void)
{
	static const char *const texts[] = {
		"",
		"state_dir = /a b/c\nrun_dir = /r\npin_dir = /p\nuser = 1000\nhook = fexit\nrecord_loopback = yes\n"
		"ring_size = 1G\nsync_interval = 1500ms\nrotate_interval = 90m\nrotate_size = 1048577\n"
		"heartbeat = 7500ms\ncanary_interval = 1500ms\nmin_free = 3M\napproval_rows = 7\napproval_window = 36h\n"
		"group_admin = wheel\ngroup_desk = 61002\ngroup_audit = a.b-c_d\ngroup_panel = x@example\ntimezone = UTC\nhead_command = /usr/bin/send  --to host\n",
		"min_free = 7%\n",
		"min_free = 0\n",
		"head_command = \n",
		CONF_FILE_T1 "owner = alice\naddress = 192.0.2.0/24:80\naddress = 0.0.0.0/0\naddress = 0.0.0.0/0:443\n"
		"[tenant t.2]\naddress = ::/0\naddress = [::]/0:443\naddress = [2001:db8::1]:65535\n"
		"address = ::ffff:192.0.2.7\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct conf a, b;
		char *first = NULL, *second = NULL;
		size_t size;
		FILE *out = open_memstream(&first, &size);

		a = conf_file(texts[i]);
		conf_print(&a, out);
		fclose(out);
		b = conf_file(first);
		out = open_memstream(&second, &size);
		conf_print(&b, out);
		fclose(out);
		CHECK_STR(second, first);
		CHECK(memcmp(&a, &b, offsetof(struct conf, tenants)) == 0);
		REQUIRE(a.tenant_count == b.tenant_count);
		for (size_t t = 0; t < a.tenant_count; t++) {
			CHECK_STR(b.tenants[t].id, a.tenants[t].id);
			REQUIRE(a.tenants[t].selector_count == b.tenants[t].selector_count);
			for (size_t k = 0; k < a.tenants[t].selector_count; k++)
				CHECK(selector_equal(&a.tenants[t].selectors[k], &b.tenants[t].selectors[k]));
		}
		free(first);
		free(second);
		conf_done(&a);
		conf_done(&b);
	}
}

static void printed_text(void)
{
	struct conf c = conf_file(CONF_FILE_T1);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	conf_print(&c, out);
	fclose(out);
	CHECK_STR(text, "state_dir = /var/lib/sekisho\nrun_dir = /run/sekisho\n"
			"pin_dir = /sys/fs/bpf/sekisho\nuser = sekisho\nhook = auto\nwitness = no\nrecord_loopback = no\n"
			"ring_size = 16M\nsync_interval = 1s\nrotate_interval = 6h\nrotate_size = 64M\n"
			"heartbeat = 2m\ncanary_interval = 20s\nmin_free = auto\nchrony = auto\napproval_rows = 1000\napproval_window = 1d\n"
			"group_admin = sekisho-admin\ngroup_desk = sekisho-desk\ngroup_audit = sekisho-audit\ngroup_panel = sekisho-panel\n"
			"timezone = Asia/Tokyo\nhead_command = \n\n[tenant t1]\naddress = 192.0.2.1\n");
	free(text);
	conf_done(&c);
}

UNIT_SUITE(conf_print, TEST(what_is_printed_reads_back_as_the_same), TEST(printed_text));
