/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answer to a search in its three forms. Columns, fields and units:
 * schema/FIELDS.md. All three say the same; nothing here opens a file. Each
 * returns 0, or negative errno when a row could not be read to the end.
 */
#ifndef SEKISHO_ANSWER_H
#define SEKISHO_ANSWER_H

#include <stdbool.h>
#include <stdio.h>
#include "query/search.h"

struct answer {
	const struct query *query;
	struct search_result *result; /* its rows are read from the first one on */
	bool show_rows; /* false: the basis lets only the count out */
	bool explain; /* JSON: what was read and skipped, too */
	bool daemon_drained; /* what waited in the ring is in this answer */
};

/* For people: aligned, UTC beside local time, then coverage, clock and hook in words. */
int answer_table(const struct answer *a, FILE *out);
/* For scripts: the header and one line per row (DESIGN 9). */
int answer_csv(const struct answer *a, FILE *out);
/* For scripts: one JSON object with rows, gaps, clock and hooks. */
int answer_json(const struct answer *a, FILE *out);

/* A provider that is named for rows of the answer. Text is borrowed. */
struct answer_provider {
	const char *name, *address, *source, *date;
	uint64_t rows;
};

/* The answer to an order that asks who comes next (DOMAIN 1.2): neither rows nor times are in it. */
struct answer_providers {
	const struct answer_provider *list;
	size_t count;
	uint64_t rows, unnamed; /* unnamed: rows for which no provider is named */
	const struct search_result *result; /* gaps and damage, as numbers alone */
};
void providers_table(const struct answer_providers *a, FILE *out);
void providers_csv(const struct answer_providers *a, FILE *out);
int providers_json(const struct answer_providers *a, FILE *out); /* 0 or -ENOMEM */
/* Beside CSV, on stderr. */
void providers_notes(const struct answer_providers *a, FILE *out);

/* The lines that come with every answer: gaps, clock, hook. Also used beside CSV, on stderr. */
void answer_notes(const struct answer *a, FILE *out);
/* What was looked at and what was passed over. */
void answer_explain(const struct search_explain *e, FILE *out);

#endif
