/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three forms of an answer, as exact text: the fields of AC-15 and no others,
 * a mapped client as IPv4 with its flag (AC-16), ports the right way round
 * (AC-17), zones and clock (AC-27, AC-28), and what "none" means (AC-43).
 */
#include "output/answer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "query/reasons.h"
#include "output/words.h"
#include "schema/event.h"
#include "schema/store.h"
#include "unit.h"

#define HEADER                                                                                    \
	"row,kind,proto,src_ip,src_port,dst_ip,dst_port,t_utc,t_local,tenant,rtt_us,clock_err_ns," \
	"flags,consent,orig_dst_ip,orig_dst_port,t_close_utc\n"

struct fixed {
	struct row_source source;
	const struct found_row *list; /* rows, if not others */
	size_t next;
	struct found_row rows[3];
	char tenants[2][TENANT_ID_MAX + 1];
	struct gap gaps[2];
	struct query query;
	struct search_result result;
	struct answer answer;
};

static int next_row(struct row_source *source, struct found_row *ret_row)
{
	struct fixed *f = (struct fixed *)source;

	if (f->next == f->result.count)
		return 0;
	*ret_row = f->list[f->next++];
	return 1;
}

static int rewind_rows(struct row_source *source)
{
	((struct fixed *)source)->next = 0;
	return 0;
}

/* A v4-mapped client from port 50001, an IPv6 one, and one with everything there is. */
static void fill(struct fixed *f)
{
	struct problem p;

	REQUIRE(utc_set_local_zone("Asia/Tokyo", &p) == 0);
	memset(f, 0, sizeof(*f));
	strcpy(f->tenants[0], "t1");
	strcpy(f->tenants[1], "second.tenant");
	for (unsigned int i = 0; i < 3; i++) {
		f->rows[i].record = plain_row(DAY_NS + 15 * 3600 * NS_PER_SEC + 1 + i, 1 + i);
		f->rows[i].clock_error_ns = 250000;
	}
	f->rows[0].record.src_port = 0xc351;
	f->rows[0].record.flags = SEKISHO_FLAG_V6_SOCKET;
	f->rows[0].record.tenant = 0;
	f->rows[0].record.consent = 4;
	f->rows[0].record.rtt_us = 1234;
	f->rows[1].record.src = an_addr("2001:db8::1");
	f->rows[1].record.dst = an_addr("2001:db8:0:1::2");
	f->rows[1].record.dst_port = 1;
	f->rows[1].record.tenant = 1;
	f->rows[1].record.consent = UINT32_MAX;
	f->rows[1].record.kind = SEKISHO_KIND_ACCEPTED;
	f->rows[2].record.tenant = 0;
	f->rows[2].record.src_port = 65535;
	f->rows[2].record.flags = SEKISHO_FLAG_LOOPBACK | SEKISHO_FLAG_CLOCK_UNSYNC;
	f->rows[2].record.orig_dst = an_addr("203.0.113.9");
	f->rows[2].record.orig_dst_port = 8443;
	f->rows[2].close_ns = DAY_NS + 20 * 3600 * NS_PER_SEC;
	f->gaps[0] = (struct gap){ .first_utc_ns = DAY_NS + 16 * 3600 * NS_PER_SEC,
				   .last_utc_ns = DAY_NS + 16 * 3600 * NS_PER_SEC + 5, .count = 12,
				   .tenant = 1, .reason = STORE_GAP_RING_FULL };
	f->gaps[1] = (struct gap){ .first_utc_ns = DAY_NS, .last_utc_ns = DAY_NS + NS_PER_SEC,
				   .tenant = UINT32_MAX, .reason = STORE_GAP_NOT_ARMED };
	f->query = (struct query){ .from_ns = DAY_NS, .to_ns = DAY_NS + NS_PER_DAY };
	f->source = (struct row_source){ .next = next_row, .rewind = rewind_rows };
	f->list = f->rows;
	f->result = (struct search_result){
		.rows = &f->source, .count = 3, .any_close = true, .tenants = f->tenants, .tenant_count = 2,
		.gaps = { .list = f->gaps, .count = 2 },
		.rungs = 1u << SEKISHO_RUNG_SET_STATE | 1u << SEKISHO_RUNG_FEXIT,
		.clock_seen = true, .clock_error_ns = 250000,
	};
	f->answer = (struct answer){ .query = &f->query, .result = &f->result, .show_rows = true,
				     .daemon_drained = true };
}

/* Caller frees. */
static char *text_of(int (*print)(const struct answer *, FILE *), const struct answer *a)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	REQUIRE(out != NULL);
	CHECK_INT(print(a, out), 0);
	fclose(out);
	return text;
}

static void check_text(int (*print)(const struct answer *, FILE *), const struct answer *a,
		       const char *want)
{
	char *text = text_of(print, a);

	CHECK_STR(text, want);
	free(text);
}

/* answer_notes() cannot fail. */
static int notes(const struct answer *a, FILE *out)
{
	answer_notes(a, out);
	return 0;
}

static void csv(void)
{
	struct fixed f;

	fill(&f);
	check_text(answer_csv, &f.answer, HEADER
		"1,established,tcp,198.51.100.1,50001,192.0.2.1,443,2026-03-10T15:00:00.000000001Z,"
		"2026-03-11T00:00:00.000000001+09:00,t1,1234,250000,v6_socket,4,,,\n"
		"2,accepted,tcp,2001:db8::1,40002,2001:db8:0:1::2,1,2026-03-10T15:00:00.000000002Z,"
		"2026-03-11T00:00:00.000000002+09:00,second.tenant,,250000,,4294967295,,,\n"
		"3,established,tcp,198.51.100.3,65535,192.0.2.1,443,2026-03-10T15:00:00.000000003Z,"
		"2026-03-11T00:00:00.000000003+09:00,t1,,250000,loopback+clock_unsync,1,203.0.113.9,"
		"8443,2026-03-10T20:00:00.000000000Z\n");
}

/* AC-15: these columns and no others (later ones may only be appended). */
static void csv_has_the_documented_columns(void)
{
	struct fixed f;
	char *text, *line;

	fill(&f);
	f.result.count = 0;
	check_text(answer_csv, &f.answer, HEADER);
	f.result.count = 3;
	text = text_of(answer_csv, &f.answer);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		size_t commas = 0;

		for (const char *c = line; *c; c++)
			commas += *c == ',';
		CHECK_ROW(commas == 16, "%s", line);
	}
	free(text);
}

/* AC-45: a basis without rows shows no address, port or time of any, in no form. */
static void a_basis_without_rows_shows_the_number_only(void)
{
	static int (*const forms[])(const struct answer *, FILE *) = { answer_csv, answer_json,
									answer_table };
	struct fixed f;

	fill(&f);
	f.answer.show_rows = false;
	check_text(answer_csv, &f.answer, HEADER);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		char *text = text_of(forms[i], &f.answer);

		CHECK_ROW(!strstr(text, "198.51.100"), "form %zu", i);
		CHECK_ROW(!strstr(text, "50001"), "form %zu", i);
		CHECK_ROW(!strstr(text, "15:00:00"), "form %zu", i);
		free(text);
		f.answer.show_rows = true; /* control */
		text = text_of(forms[i], &f.answer);
		CHECK_ROW(strstr(text, "198.51.100") && strstr(text, "50001") &&
			  strstr(text, "15:00:00"), "form %zu", i);
		f.answer.show_rows = false;
		free(text);
	}
}

static void json(void)
{
	struct fixed f;
	char *text;
	json_t *parsed;

	fill(&f);
	f.result.count = 1;
	f.rows[0] = f.rows[2];
	check_text(answer_json, &f.answer,
		"{\"rows\":[\n"
		"{\"row\":1,\"kind\":\"established\",\"proto\":\"tcp\",\"src_ip\":\"198.51.100.3\","
		"\"src_port\":65535,\"dst_ip\":\"192.0.2.1\",\"dst_port\":443,"
		"\"t_utc\":\"2026-03-10T15:00:00.000000003Z\","
		"\"t_local\":\"2026-03-11T00:00:00.000000003+09:00\",\"tenant\":\"t1\",\"rtt_us\":null,"
		"\"clock_err_ns\":250000,\"flags\":\"loopback+clock_unsync\",\"consent\":1,"
		"\"orig_dst_ip\":\"203.0.113.9\",\"orig_dst_port\":8443,"
		"\"t_close_utc\":\"2026-03-10T20:00:00.000000000Z\"}],\n"
		"\"count\":1,\n\"rows_shown\":true,\n"
		"\"from\":\"2026-03-10T00:00:00.000000000Z\",\n"
		"\"to\":\"2026-03-11T00:00:00.000000000Z\",\n"
		"\"gaps\":[{\"from\":\"2026-03-10T16:00:00.000000000Z\","
		"\"to\":\"2026-03-10T16:00:00.000000005Z\",\"tenant\":\"second.tenant\","
		"\"reason\":\"ring full\",\"lost\":12},{\"from\":\"2026-03-10T00:00:00.000000000Z\","
		"\"to\":\"2026-03-10T00:00:01.000000000Z\",\"tenant\":null,"
		"\"reason\":\"not recording\",\"lost\":null}],\n"
		"\"hooks\":[\"set_state\",\"fexit\"],\n"
		"\"clock\":{\"synchronised\":true,\"max_error_ns\":250000},\n"
		"\"complete_to_now\":true,\n\"damaged\":null,\n\"imported\":false,\n"
		"\"class\":null,\n\"reasons\":[]}\n");

	fill(&f);
	strcpy(f.result.damage.text, "a \"quoted\" name");
	f.result.damaged = 2;
	f.result.clock_seen = false;
	f.answer.show_rows = false;
	text = text_of(answer_json, &f.answer);
	parsed = json_loads(text, 0, NULL);
	REQUIRE(parsed != NULL);
	CHECK_INT(json_array_size(json_object_get(parsed, "rows")), 0);
	CHECK_INT(json_integer_value(json_object_get(parsed, "count")), 3);
	CHECK(json_is_false(json_object_get(parsed, "rows_shown")));
	CHECK(json_is_null(json_object_get(parsed, "clock")));
	CHECK_STR(json_string_value(json_object_get(parsed, "damaged")), "a \"quoted\" name");
	json_decref(parsed);
	free(text);
}

/* All three forms say the same. */
static void json_rows_equal_csv_rows(void)
{
	struct fixed f;
	char *text, *csv_text;
	json_t *parsed, *rows, *row;
	size_t i;

	fill(&f);
	text = text_of(answer_json, &f.answer);
	csv_text = text_of(answer_csv, &f.answer);
	parsed = json_loads(text, 0, NULL);
	rows = json_object_get(parsed, "rows");
	REQUIRE(json_array_size(rows) == 3);
	strtok(csv_text, "\n");
	json_array_foreach(rows, i, row) {
		char *line = strtok(NULL, "\n"), want[500] = "";
		const char *key;
		json_t *value;

		json_object_foreach(row, key, value) {
			size_t n = strlen(want);

			if (json_is_integer(value))
				snprintf(want + n, sizeof(want) - n, ",%lld", json_integer_value(value));
			else
				snprintf(want + n, sizeof(want) - n, ",%s",
					 json_is_null(value) ? "" : json_string_value(value));
		}
		CHECK_STR(line, want + 1);
	}
	json_decref(parsed);
	free(text);
	free(csv_text);
}

static void table(void)
{
	struct fixed f;

	fill(&f);
	check_text(answer_table, &f.answer,
		"Records:  3\n\n"
		"NO  TIME (UTC)                      LOCAL TIME                           "
		"SOURCE               DESTINATION          TENANT         KIND         CLOSED (UTC)                    FLAGS\n"
		" 1  2026-03-10T15:00:00.000000001Z  2026-03-11T00:00:00.000000001+09:00  "
		"198.51.100.1:50001   192.0.2.1:443        t1             established  -                               v6_socket\n"
		" 2  2026-03-10T15:00:00.000000002Z  2026-03-11T00:00:00.000000002+09:00  "
		"[2001:db8::1]:40002  [2001:db8:0:1::2]:1  second.tenant  accepted     -                               \n"
		" 3  2026-03-10T15:00:00.000000003Z  2026-03-11T00:00:00.000000003+09:00  "
		"198.51.100.3:65535   192.0.2.1:443        t1             established  "
		"2026-03-10T20:00:00.000000000Z  loopback+clock_unsync\n"
		"\n"
		"Window:   from 2026-03-10T00:00:00.000000000Z to before 2026-03-11T00:00:00.000000000Z\n"
		"Local:    from 2026-03-10T09:00:00.000000000+09:00 to before 2026-03-11T09:00:00.000000000+09:00\n"
		"Gaps:     2 in this window; what happened in them is not in this answer\n"
		"          2026-03-10T16:00:00.000000000Z to 2026-03-10T16:00:00.000000005Z  "
		"second.tenant, ring full, 12 lost\n"
		"          2026-03-10T00:00:00.000000000Z to 2026-03-10T00:00:01.000000000Z  "
		"every tenant, not recording\n"
		"Hook:     set_state, fexit (cannot see: close times, connections that are never accepted, MPTCP joins, "
		"accept() calls blocked since before the start)\n"
		"Clock:    synchronised, error at most 0.250 ms\n");
}

/* AC-43 in part: none is never "no connection". */
static void none_says_what_it_does_not_mean(void)
{
	struct fixed f;

	fill(&f);
	f.result = (struct search_result){ .reasons = REASON_NO_CONSENT | REASON_ERASED };
	check_text(answer_table, &f.answer,
		"Records:  0\n"
		"Window:   from 2026-03-10T00:00:00.000000000Z to before 2026-03-11T00:00:00.000000000Z\n"
		"Local:    from 2026-03-10T09:00:00.000000000+09:00 to before 2026-03-11T09:00:00.000000000+09:00\n"
		"Gaps:     none recorded in this window\n"
		"Hook:     nothing known about this window\n"
		"Clock:    nothing known about this window\n"
		"Class:    N (no record)\n"
		"Reasons:  NO_CONSENT  not all of the time, or not all tenants of this node, with a consent to record\n"
		"          ERASED      days of the window were erased: the tenant withdrew and asked for it\n"
		"\n"
		"No record matches. This does not mean that there was no connection.\n"
		"合致する記録は存在しなかった。このことは、当該通信が存在しなかったことを意味しない。\n");
}

static void notes_tell_clock_damage_and_what_may_be_missing(void)
{
	static const char note[] = "Note:     no sekishod was asked; the last seconds may be missing\n";
	struct fixed f;
	char *text;

	fill(&f);
	f.result.clock_unsynchronised = true;
	f.result.damaged = 2;
	strcpy(f.result.damage.text, "x.sks: a section fails its checksum");
	f.result.rungs = 0;
	f.result.gaps.count = 0;
	check_text(notes, &f.answer,
		"Window:   from 2026-03-10T00:00:00.000000000Z to before 2026-03-11T00:00:00.000000000Z\n"
		"Local:    from 2026-03-10T09:00:00.000000000+09:00 to before 2026-03-11T09:00:00.000000000+09:00\n"
		"Gaps:     none recorded in this window\n"
		"Hook:     nothing known about this window\n"
		"Clock:    NOT SYNCHRONISED in this window: times may be wrong by any amount\n"
		"DAMAGED:  2 objects could not be read, the first: x.sks: a section fails its checksum\n");
	f.answer.daemon_drained = false;
	f.query.to_ns = utc_now_ns() + NS_PER_SEC;
	text = text_of(notes, &f.answer);
	CHECK(strstr(text, note) != NULL);
	free(text);
	f.query.to_ns = utc_now_ns() - 60 * NS_PER_SEC;
	text = text_of(notes, &f.answer);
	CHECK(strstr(text, note) == NULL);
	free(text);
	f.answer.daemon_drained = true;
	f.query.to_ns = utc_now_ns() + NS_PER_SEC;
	text = text_of(notes, &f.answer);
	CHECK(strstr(text, note) == NULL);
	free(text);
}

static void the_number_column_widens(void)
{
	struct fixed f;
	struct found_row *rows = calloc(1000, sizeof(*rows));
	char *text;

	fill(&f);
	for (size_t i = 0; i < 1000; i++)
		rows[i] = f.rows[0];
	f.list = rows;
	f.result.count = 1000;
	text = text_of(answer_table, &f.answer);
	CHECK(strncmp(text, "Records:  1000\n\n  NO  TIME", 26) == 0);
	CHECK(strstr(text, "\n   1  2026-") != NULL);
	CHECK(strstr(text, "\n1000  2026-") != NULL);
	free(text);
	free(rows);
}

static void words(void)
{
	static const struct {
		uint32_t flags;
		const char *text;
	} flags[] = {
		{ 0, "" }, { SEKISHO_FLAG_V6_SOCKET, "v6_socket" }, { SEKISHO_FLAG_LOOPBACK, "loopback" },
		{ SEKISHO_FLAG_CLOCK_UNSYNC, "clock_unsync" },
		{ 7, "v6_socket+loopback+clock_unsync" }, { 0x10, "0x10" }, { 0x11, "v6_socket+0x10" },
		{ UINT32_MAX, "v6_socket+loopback+clock_unsync+imported+0xfffffff0" },
	};
	char buf[FLAGS_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		CHECK_STR(flags_text(flags[i].flags, buf), flags[i].text);
	CHECK_STR(kind_text(SEKISHO_KIND_ESTABLISHED), "established");
	CHECK_STR(kind_text(SEKISHO_KIND_ACCEPTED), "accepted");
	CHECK_STR(kind_text(SEKISHO_KIND_CLOSE), "close");
	CHECK_STR(kind_text(0), "unknown");
	CHECK_STR(kind_text(255), "unknown");
	CHECK_STR(protocol_text(6), "tcp");
	CHECK_STR(protocol_text(17), "unknown");
}

UNIT_SUITE(answer, TEST(csv), TEST(csv_has_the_documented_columns),
	   TEST(a_basis_without_rows_shows_the_number_only), TEST(json),
	   TEST(json_rows_equal_csv_rows), TEST(table), TEST(none_says_what_it_does_not_mean),
	   TEST(notes_tell_clock_damage_and_what_may_be_missing), TEST(the_number_column_widens),
	   TEST(words));
