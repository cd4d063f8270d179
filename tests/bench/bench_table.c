// SPDX-License-Identifier: BSD-2-Clause
/* Results as lines of four cells, aligned when all are there. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "bench.h"

#define CELLS 4

struct line {
	char cell[CELLS][96];
	unsigned int cells;
	bool head;
};

struct bench_table {
	const char *title;
	struct line *lines;
	size_t count, capacity;
};

struct bench_table *bench_table_new(const char *title)
{
	struct bench_table *t = bench_alloc(1, sizeof(*t));

	t->title = title;
	return t;
}

static struct line *new_line(struct bench_table *t)
{
	if (ARRAY_RESERVE(t->lines, t->count, t->capacity))
		bench_die("out of memory");
	memset(&t->lines[t->count], 0, sizeof(*t->lines));
	return &t->lines[t->count++];
}

void bench_table_head(struct bench_table *t, const char *label, const char *value, const char *other,
		      const char *note)
{
	const char *const texts[CELLS] = { label, value, other, note };
	struct line *line = new_line(t);

	line->head = true;
	line->cells = CELLS;
	for (unsigned int i = 0; i < CELLS; i++)
		snprintf(line->cell[i], sizeof(line->cell[i]), "%s", texts[i]);
}

static void fill(struct line *line, const char *f, va_list args)
{
	if (line->cells < CELLS)
		vsnprintf(line->cell[line->cells++], sizeof(line->cell[0]), f, args);
}

void bench_table_label(struct bench_table *t, const char *f, ...)
{
	va_list args;

	va_start(args, f);
	fill(new_line(t), f, args);
	va_end(args);
}

void bench_table_cell(struct bench_table *t, const char *f, ...)
{
	va_list args;

	va_start(args, f);
	fill(&t->lines[t->count - 1], f, args);
	va_end(args);
}

void bench_table_print(struct bench_table *t)
{
	int width[CELLS] = {};

	for (size_t i = 0; i < t->count; i++)
		for (unsigned int c = 0; c < CELLS; c++)
			if ((int)strlen(t->lines[i].cell[c]) > width[c])
				width[c] = (int)strlen(t->lines[i].cell[c]);
	printf("%s\n", t->title);
	for (size_t i = 0; i < t->count; i++) {
		const struct line *l = &t->lines[i];

		if (l->head)
			printf("\n");
		printf("%s%-*s  %*s  %*s  %s\n", l->head ? "" : "  ", width[0] + (l->head ? 2 : 0), l->cell[0],
		       width[1], l->cell[1], width[2], l->cell[2], l->cell[3]);
	}
	printf("\n");
	fflush(stdout);
	free(t->lines);
	free(t);
}
