// SPDX-License-Identifier: BSD-2-Clause
/* The answer of TEIKYO_MEIREI_1: the rows are counted by the provider that the case names for them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "verb_search.h"

struct counting {
	const struct legal_case *of;
	uint64_t *rows; /* by provider of the case */
	uint64_t unnamed;
};

static int count_rows(struct search_result *result, struct counting *c)
{
	const struct case_provider *named = NULL;
	struct found_row row;
	struct addr src = {};
	bool first = true;
	int state = search_rewind(result);

	while (!state && (state = search_next(result, &row)) > 0) {
		/* They come in the order of their sources. */
		if (first || addr_compare(&src, &row.record.src) != 0)
			named = case_provider_of(c->of, &row.record.src);
		first = false;
		src = row.record.src;
		if (named)
			c->rows[named - c->of->providers]++;
		else
			c->unnamed++;
		state = 0;
	}
	return state;
}

static bool is_same(const struct answer_provider *a, const struct case_provider *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->address, b->address) == 0 &&
	       strcmp(a->source, b->source) == 0 && strcmp(a->date, b->date) == 0;
}

/* Those with rows, each once, however often the case names it. */
static size_t gather(const struct counting *c, struct answer_provider *list)
{
	size_t count = 0;

	for (size_t i = 0; i < c->of->provider_count; i++) {
		const struct case_provider *one = &c->of->providers[i];
		size_t k = 0;

		if (!c->rows[i])
			continue;
		while (k < count && !is_same(&list[k], one))
			k++;
		if (k == count)
			list[count++] = (struct answer_provider){ one->name, one->address, one->source, one->date, 0 };
		list[k].rows += c->rows[i];
	}
	return count;
}

static int show(const struct search_request *request, const struct answer_providers *a)
{
	if (request->o->csv) {
		fprintf(stderr, "Records:  %llu\n", (unsigned long long)a->rows);
		providers_csv(a, stdout);
		providers_notes(a, stderr);
	} else if (request->o->json) {
		return providers_json(a, stdout);
	} else {
		providers_table(a, stdout);
	}
	return 0;
}

int search_providers(const struct search_request *request, const struct answer *a)
{
	size_t room = request->of->provider_count + 1;
	struct answer_provider *list = calloc(room, sizeof(*list));
	struct counting c = { .of = request->of, .rows = calloc(room, sizeof(*c.rows)) };
	int error = list && c.rows ? 0 : -ENOMEM;

	if (!error)
		error = count_rows(a->result, &c);
	if (!error) {
		struct answer_providers answer = { .list = list, .count = gather(&c, list), .rows = a->result->count,
						   .unnamed = c.unnamed, .result = a->result };

		error = show(request, &answer);
	}
	free(list);
	free(c.rows);
	if (error) {
		log_error("the answer is not complete: %s", strerror(-error));
		return EXIT_NO;
	}
	return a->result->damaged ? EXIT_DAMAGED : a->result->count ? EXIT_YES : EXIT_NO;
}
