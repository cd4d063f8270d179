/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets share. A target is one file fuzz_NAME.c that defines
 * LLVMFuzzerTestOneInput(). It is built twice: with libFuzzer (`make fuzz`, clang),
 * and with replay.c as a plain program that runs the kept corpus of
 * tests/fuzz/corpus/NAME (`make unit`, tests/run fuzz). A target checks what must
 * hold for every input with FUZZ_ASSERT(), not only that nothing crashes.
 *
 * A target for another file format takes the bytes, calls fuzz_file() for a name
 * to open, and asserts; see fuzz_journal.c. Checksums must be made right first in
 * a second pass, or nothing behind them is ever reached.
 */
#ifndef SEKISHO_FUZZ_H
#define SEKISHO_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Larger inputs are passed over: time is better spent on many small ones. */
#define FUZZ_INPUT_MAX 65536

/* Prints the condition and aborts: that input is a finding. */
#define FUZZ_ASSERT(cond)                                                                         \
	do {                                                                                      \
		if (!(cond))                                                                      \
			fuzz_fail(#cond, __FILE__, __LINE__);                                     \
	} while (0)
__attribute__((noreturn)) void fuzz_fail(const char *condition, const char *file, int line);

/* How many rows were decoded: a replay that decodes none proves nothing. */
extern uint64_t fuzz_rows;

/* A directory of this process alone, removed at its end. */
int fuzz_dir(void);
/* Makes the bytes the content of a file there; fuzz_file_gone() removes it. */
void fuzz_file(const char *name, const uint8_t *data, size_t size);
void fuzz_file_gone(const char *name);

/* A copy, for those that change the input; never NULL. */
uint8_t *fuzz_copy(const uint8_t *data, size_t size);

/* Checks the input as it is, and once more with its checksums made right; larger ones are passed over. Returns 0. */
int fuzz_twice(const uint8_t *data, size_t size, void (*check)(const uint8_t *data, size_t size),
	       void (*fix)(uint8_t *data, size_t size));

#endif
