// SPDX-License-Identifier: BSD-2-Clause
/* Reading questions, and finding those about an address. */
#include <errno.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/parse.h"
#include "base/utc.h"
#include "questions.h"

#define HEADER "src_ip,src_port,t,tolerance"
#define FIELDS 4
#define LINE_MAX_BYTES 512
#define TOLERANCE_NS NS_PER_SEC

static int parse_tolerance(const char *text, int64_t *ret_ns)
{
	uint64_t ns;

	if (!*text) {
		*ret_ns = TOLERANCE_NS;
		return 0;
	}
	if (parse_duration_ns(text, 0, (uint64_t)NS_PER_DAY, &ns))
		return -EINVAL;
	*ret_ns = (int64_t)ns;
	return 0;
}

/* The fields of a line in place; anything but FIELDS of them is -EINVAL. */
static int split(char *line, char *fields[static FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++) {
		fields[i] = strsep(&line, ",");
		if (!fields[i])
			return -EINVAL;
	}
	return line ? -EINVAL : 0;
}

static int parse_question(char *line, unsigned long number, struct question *q, struct problem *p)
{
	char *fields[FIELDS];
	struct problem why;
	int64_t t, tolerance;

	if (split(line, fields))
		return problem(p, -EINVAL, "line %lu: expected four fields: " HEADER, number);
	if (addr_parse(fields[0], &q->src))
		return problem(p, -EINVAL, "line %lu: src_ip \"%s\": expected an address", number,
			       fields[0]);
	q->src_port = 0;
	if (*fields[1] && parse_port(fields[1], &q->src_port))
		return problem(p, -EINVAL, "line %lu: src_port \"%s\": expected 1 to 65535 or nothing",
			       number, fields[1]);
	if (utc_parse(fields[2], &t, &why))
		return problem(p, -EINVAL, "line %lu: t: %s", number, why.text);
	if (parse_tolerance(fields[3], &tolerance))
		return problem(p, -EINVAL, "line %lu: tolerance \"%s\": expected 0s to 1d, such as 2s",
			       number, fields[3]);
	q->from_ns = t - tolerance;
	q->to_ns = t + tolerance;
	return 0;
}

static int add_question(struct questions *q, const struct question *one, unsigned long line,
			struct problem *p)
{
	if (q->count == QUESTIONS_MAX)
		return problem(p, -EINVAL, "line %lu: more than %d questions", line, QUESTIONS_MAX);
	if (ARRAY_RESERVE(q->list, q->count, q->capacity))
		return problem(p, -ENOMEM, "out of memory");
	q->list[q->count] = *one;
	q->list[q->count].number = (uint32_t)q->count + 1;
	if (!q->count || one->from_ns < q->from_ns)
		q->from_ns = one->from_ns;
	if (!q->count || one->to_ns >= q->to_ns)
		q->to_ns = one->to_ns + 1;
	q->count++;
	return 0;
}

/* Without its line end: the length, or 0 at the end of the file, or -EINVAL when it is too long. */
static int read_line(FILE *in, char line[static LINE_MAX_BYTES], bool *ret_end)
{
	size_t n;

	*ret_end = !fgets(line, LINE_MAX_BYTES, in);
	if (*ret_end)
		return ferror(in) ? -EIO : 0;
	n = strlen(line);
	if (n == LINE_MAX_BYTES - 1 && line[n - 1] != '\n')
		return -EINVAL;
	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		line[--n] = '\0';
	return 0;
}

static int read_all(FILE *in, struct questions *q, struct problem *p)
{
	char line[LINE_MAX_BYTES];
	struct question one = {};
	struct sha256_ctx sha;
	int error = 0;
	bool end = false;

	sha256_init(&sha);
	for (unsigned long number = 1; !error; number++) {
		error = read_line(in, line, &end);
		if (error == -EINVAL)
			return problem(p, error, "line %lu: longer than %d bytes", number,
				       LINE_MAX_BYTES - 2);
		if (error)
			return problem(p, error, "line %lu: %s", number, strerror(-error));
		if (end && number == 1)
			return problem(p, -EINVAL, "expected the header " HEADER);
		if (end)
			break;
		sha256_update(&sha, strlen(line), (const uint8_t *)line);
		sha256_update(&sha, 1, (const uint8_t *)"\n");
		if (number == 1) {
			if (strcmp(line, HEADER) != 0)
				return problem(p, -EINVAL, "line 1: expected the header " HEADER);
			continue;
		}
		error = parse_question(line, number, &one, p);
		if (!error)
			error = add_question(q, &one, number, p);
	}
	sha256_digest(&sha, sizeof(q->sha256), q->sha256);
	return error;
}

static int compare_questions(const void *a, const void *b)
{
	const struct question *x = a, *y = b;
	int order = addr_compare_source(&x->src, &y->src);

	if (order)
		return order;
	if (x->from_ns != y->from_ns)
		return x->from_ns < y->from_ns ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

int questions_read(FILE *in, const char *name, struct questions *ret_questions, struct problem *p)
{
	struct questions q = {};
	struct problem why;
	int error;

	error = read_all(in, &q, &why);
	if (!error && !q.count)
		error = problem(&why, -EINVAL, "no question in it");
	if (error) {
		questions_done(&q);
		return problem(p, error, "%s: %s", name, why.text);
	}
	qsort(q.list, q.count, sizeof(*q.list), compare_questions);
	*ret_questions = q;
	return 0;
}

void questions_done(struct questions *q)
{
	free(q->list);
	memset(q, 0, sizeof(*q));
}

size_t questions_from(const struct questions *q, const struct addr *src)
{
	size_t low = 0, high = q->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr_compare_source(&q->list[middle].src, src) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void questions_about(const struct questions *q, const struct addr *src, size_t *ret_first,
		     size_t *ret_end)
{
	size_t end = questions_from(q, src);

	*ret_first = end;
	while (end < q->count && addr_compare_source(&q->list[end].src, src) == 0)
		end++;
	*ret_end = end;
}
