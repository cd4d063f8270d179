/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows in the order of sources, straight from sections that are sorted that way:
 * a merge of all of them, one block of each in memory. Nothing is held back, so
 * an answer of any size begins at once.
 */
#ifndef SEKISHO_STREAM_H
#define SEKISHO_STREAM_H

#include "scan.h"

struct stream;

/* The sections of more files than this are not merged: too many would be open at a time. */
#define STREAM_SEGMENTS_MAX 300

/*
 * Opens everything of the plan, notes the facts, and begins with the first row. The scan (its journals may
 * be closed) must outlive the stream. 1; 0 when there are too many sections to merge, with nothing
 * noted that a scan would not note; negative errno.
 */
int stream_open(struct scan *s, struct stream **ret_stream);
void stream_close(struct stream *st);
int stream_next(struct stream *st, struct found_row *ret_row); /* 1, 0 at the end, or negative errno */
int stream_rewind(struct stream *st);
bool stream_any_close(const struct stream *st); /* so far */
const struct search_explain *stream_did(const struct stream *st); /* so far */

#endif
