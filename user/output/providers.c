// SPDX-License-Identifier: BSD-2-Clause
/*
 * Who comes next for the rows of an answer (提供命令 第1号): names that the operator looked up, and numbers. Nothing here
 * reads a row, an address, a port or a time.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include "answer.h"

#define NOBODY \
	"保有する記録と記載された資料からは、他の開示関係役務提供者を特定することができません。\n"

static void put_field(const char *text, FILE *out)
{
	if (!strpbrk(text, ",\"")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (const char *c = text; *c; c++) {
		if (*c == '"')
			fputc('"', out);
		fputc(*c, out);
	}
	fputc('"', out);
}

void providers_csv(const struct answer_providers *a, FILE *out)
{
	fputs("name,address,source,date,rows\n", out);
	for (size_t i = 0; i < a->count; i++) {
		const struct answer_provider *one = &a->list[i];
		const char *const fields[] = { one->name, one->address, one->source, one->date };

		for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
			put_field(fields[k], out);
			fputc(',', out);
		}
		fprintf(out, "%llu\n", (unsigned long long)one->rows);
	}
}

static json_t *list_json(const struct answer_providers *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->count; i++) {
		const struct answer_provider *one = &a->list[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:I}", "name", one->name, "address",
						      one->address, "source", one->source, "date", one->date, "rows",
						      (json_int_t)one->rows));
	}
	return list;
}

int providers_json(const struct answer_providers *a, FILE *out)
{
	json_t *answer = json_pack("{s:o, s:I, s:I, s:b, s:I, s:I}", "providers", list_json(a), "count",
				   (json_int_t)a->rows, "unnamed", (json_int_t)a->unnamed, "rows_shown", 0, "gaps",
				   (json_int_t)a->result->gaps.count, "damaged", (json_int_t)a->result->damaged);

	if (!answer)
		return -ENOMEM;
	json_dumpf(answer, out, JSON_COMPACT | JSON_PRESERVE_ORDER);
	fputc('\n', out);
	json_decref(answer);
	return 0;
}

void providers_notes(const struct answer_providers *a, FILE *out)
{
	if (a->unnamed)
		fprintf(out, "Unnamed:  for %llu of them the case names no provider (sekisho case provider)\n",
			(unsigned long long)a->unnamed);
	fprintf(out, "Gaps:     %zu in this window; what happened in them is not in this answer\n",
		a->result->gaps.count);
	if (a->result->damaged)
		fprintf(out, "DAMAGED:  %u objects could not be read; see sekisho verify\n", a->result->damaged);
}

void providers_table(const struct answer_providers *a, FILE *out)
{
	fprintf(out, "Records:  %llu (this basis names the next provider only)\n\n", (unsigned long long)a->rows);
	for (size_t i = 0; i < a->count; i++) {
		const struct answer_provider *one = &a->list[i];

		fprintf(out, "Provider: %s\nAddress:  %s\nSource:   %s, %s\nFor:      %llu records\n\n", one->name,
			one->address, one->source, one->date, (unsigned long long)one->rows);
	}
	providers_notes(a, out);
	if (!a->count)
		fputs("\nNo next provider can be named from what is held.\n" NOBODY, out);
}
