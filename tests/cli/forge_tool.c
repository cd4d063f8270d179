// SPDX-License-Identifier: BSD-2-Clause
/* forge STATE_DIR consent|access|custody <LINES: a chain of these lines, signed with the node's key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "forge.h"

#define BYTES_MAX (1u << 20)

int main(int argc, char **argv)
{
	char *text = calloc(1, BYTES_MAX + 1);
	struct store_dir store;
	struct problem p = { "" };
	int chain = 0, error;

	while (argc == 3 && chain < LEDGER_CHAINS && strcmp(chain_name(chain), argv[2]) != 0)
		chain++;
	if (argc != 3 || chain == LEDGER_CHAINS || !text || fread(text, 1, BYTES_MAX, stdin) == BYTES_MAX) {
		fprintf(stderr, "usage: forge STATE_DIR consent|access|custody <LINES\n");
		free(text);
		return 2;
	}
	error = store_open(argv[1], 1, &store, &p);
	if (!error) {
		error = forge_chain(&store, (enum ledger_chain)chain, text, &p);
		store_close(&store);
	}
	if (error)
		fprintf(stderr, "forge: %s\n", p.text);
	free(text);
	return error != 0;
}
