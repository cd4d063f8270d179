/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of an answer while they are collected: openings and closes in any order
 * go in, connections in order come out, within a fixed amount of memory.
 */
#ifndef SEKISHO_ROWS_H
#define SEKISHO_ROWS_H

#include "search.h"

struct rows;

/* Rows in the order that the query asks for. dir_fd: see spool.h. The query must outlive it. 0 or -ENOMEM. */
int rows_new(const struct query *q, int dir_fd, struct rows **ret_rows);
void rows_free(struct rows *r);
/* Counts the rows of the answer by tenant, too: into counts[0..tenants-1], which is zero now. Before the first row. */
void rows_count_tenants(struct rows *r, uint64_t *counts, size_t tenants);
/* An opening, or a close (kind CLOSE) to be joined. 0, -ENOMEM or an I/O error. */
int rows_add(struct rows *r, const struct found_row *row);

/* Joins, drops what is not part of the answer, and begins with the first row. 0, -ENOMEM, an I/O error. */
int rows_finish(struct rows *r);
uint64_t rows_count(const struct rows *r);
bool rows_any_close(const struct rows *r);
int rows_next(struct rows *r, struct found_row *ret_row); /* 1, 0 at the end, or an I/O error */
int rows_rewind(struct rows *r);

/* For qsort: source (IPv4 first), then time. */
int rows_compare_source(const void *a, const void *b);

#endif
