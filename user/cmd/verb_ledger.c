// SPDX-License-Identifier: BSD-2-Clause
/* sekisho ledger: shows and verifies the chains, hands over to a fresh key, prints the head. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/text.h"
#include "base/utc.h"
#include "command.h"
#include "ledger/ledger.h"

struct ledger_options {
	const char *chain, *public_key;
	unsigned int json, full, help;
};

static const struct cmd_option option_table[] = {
	CMD_VALUE("chain", "NAME", struct ledger_options, chain, "show: consent, access or custody alone"),
	CMD_SWITCH("json", struct ledger_options, json, "show: one JSON object a line"),
	CMD_VALUE("public-key", "FILE|HEX", struct ledger_options, public_key,
		  "verify: the first key as it was handed out; else keys/node.pub"),
	CMD_SWITCH("full", struct ledger_options, full, "verify: every signature, not only the last ones"),
	CMD_SWITCH("help", struct ledger_options, help, "this text"),
	{},
};

static int help(void)
{
	printf("usage: sekisho [--store DIR] ledger show [--chain NAME] [--json]\n"
	       "       sekisho [--store DIR] ledger verify [--public-key FILE|HEX] [--full]\n"
	       "       sekisho [--store DIR] ledger head | rotate-key\n\n"
	       "What was done: consents, searches, custody (sealing, keys), as chains of signed lines.\n"
	       "verify names the first line that was changed, removed, moved or replaced. head prints\n"
	       "where the chains end now, signed: kept elsewhere, it shows later whether the ends\n"
	       "were cut off. rotate-key makes a fresh key, which the old one hands over to.\n\n");
	cmdline_print_options(stdout, option_table);
	printf("\nExit status: 0 all match, 5 damaged.\n");
	return EXIT_YES;
}

/* --- show --- */

static bool is_of_chain(const char *key)
{
	static const char *const own[] = { "seq", "t", "event", "prev", "key", "sig" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(own[i], key) == 0)
			return true;
	return false;
}

/* Text of others goes to a terminal: nothing that could control it. */
static void print_value(const char *key, const json_t *value)
{
	const char *text = json_string_value(value);
	char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	if (dump && !text_is_plain(dump, strlen(dump))) {
		free(dump);
		dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
		for (char *at = dump; at && *at; at++)
			*at = *at == 0x7f ? '?' : *at;
	}
	/* A word needs no quotes. */
	if (dump && text && *text && strlen(dump) == strlen(text) + 2 && !strpbrk(text, " \"="))
		printf(" %s=%s", key, text);
	else
		printf(" %s=%s", key, dump ? dump : "?");
	free(dump);
}

static int show_row(void *ctx, const struct chain_line *line, struct problem *p)
{
	char utc[UTC_TEXT_MAX], local[UTC_TEXT_MAX];
	const char *key;
	json_t *value;

	(void)ctx;
	(void)p;
	printf("%6llu  %s  %s  %-8s", (unsigned long long)line->seq, utc_format(line->t_ns, utc),
	       utc_format_local(line->t_ns, local), text_is_plain(line->event, strlen(line->event)) ?
	       line->event : "?");
	json_object_foreach((json_t *)line->json, key, value)
		if (!is_of_chain(key) && text_is_plain(key, strlen(key)))
			print_value(key, value);
	putchar('\n');
	return 0;
}

static int show_json(void *ctx, const struct chain_line *line, struct problem *p)
{
	json_t *o = json_pack("{s:s}", "chain", (const char *)ctx);
	int error = o && json_object_update(o, (json_t *)line->json) == 0 &&
		    json_dumpf(o, stdout, JSON_COMPACT) == 0 ? 0 : -EIO;

	json_decref(o);
	putchar('\n');
	return error ? problem(p, error, "cannot write the answer") : 0;
}

static int show(const struct store_dir *store, const struct ledger_options *o, struct problem *p)
{
	struct chain_end end;
	int error = 0, shown = 0;

	for (int i = 0; i < LEDGER_CHAINS && !error; i++) {
		if (o->chain && strcmp(o->chain, chain_name(i)) != 0)
			continue;
		if (!o->json)
			printf("%s%s\n", shown ? "\n" : "", chain_file_name(i));
		shown++;
		error = ledger_walk(store, i, CHAIN_QUICK, o->json ? show_json : show_row, (void *)chain_name(i),
				    &end, p);
	}
	if (!error && !shown)
		return problem(p, -EINVAL, "--chain \"%s\": expected consent, access or custody", o->chain);
	return error;
}

/* --- verify --- */

static int read_key(const struct command *c, const char *given, struct ledger_public *ret_key, struct problem *p)
{
	uint8_t bytes[LEDGER_PUBLIC_BYTES];
	struct mapped_file file;
	int error;

	if (hex_parse(given, strlen(given), bytes, sizeof(bytes)) == 0) {
		ledger_public_of(bytes, ret_key);
		return 0;
	}
	error = command_map_file(c, given, 4096, &file);
	if (error)
		return problem(p, -EINVAL, "--public-key %s: %s", given, strerror(-error));
	if (file.size < sizeof(bytes) * 2 ||
	    hex_parse((const char *)file.data, sizeof(bytes) * 2, bytes, sizeof(bytes)) ||
	    (file.size > sizeof(bytes) * 2 && (file.size != sizeof(bytes) * 2 + 1 ||
					       file.data[sizeof(bytes) * 2] != '\n')))
		error = problem(p, -EINVAL, "--public-key %s: expected 64 hexadecimal digits", given);
	fs_unmap(&file);
	if (!error)
		ledger_public_of(bytes, ret_key);
	return error;
}

static int verify(const struct command *c, const struct store_dir *store, const struct ledger_options *o, struct problem *p)
{
	struct ledger_public key;
	struct ledger_facts f;
	int error = o->public_key ? read_key(c, o->public_key, &key, p) : 0;

	if (!error)
		error = ledger_verify(store, o->full ? CHAIN_FULL : CHAIN_QUICK, o->public_key ? &key : NULL, &f, p);
	if (error)
		return error;
	for (int i = 0; i < LEDGER_CHAINS; i++) {
		printf("%-12s %llu lines%s%s%s\n", chain_file_name(i), (unsigned long long)f.ends[i].seq,
		       f.ends[i].seq ? ", the last is " : "", f.ends[i].hash,
		       f.ends[i].torn ? "; an unfinished one behind it is set aside" : "");
	}
	if (f.keys)
		printf("Keys:        %zu, from %s to %s\n", f.keys, f.first_key, f.newest_key);
	if (f.head_behind)
		printf("Note:        a line is newer than its head: a kill between the two, or an append just now\n");
	printf("%s\n", f.keys ? (o->full ? "Ledgers:     all match, every signature" : "Ledgers:     all match") :
				"Ledgers:     nothing was written yet");
	return 0;
}

/* --- head, rotate-key --- */

static int head(const struct store_dir *store, struct problem *p)
{
	char *text;
	int error = ledger_heads(store, &text, p);

	if (error)
		return error;
	puts(text);
	free(text);
	return 0;
}

static int rotate_key(const struct store_dir *store, struct problem *p)
{
	struct ledger_facts f;
	int error = ledger_rotate_key(store, utc_now_ns(), p);

	if (!error)
		error = ledger_verify(store, CHAIN_QUICK, NULL, &f, p);
	if (!error)
		printf("key %s signs from now on; the first one, %s, is still what vouches for it\n", f.newest_key,
		       f.first_key);
	return error;
}

static int act_on(const struct command *c, const struct store_dir *store, const char *act, const struct ledger_options *o, struct problem *p)
{
	if (strcmp(act, "show") == 0)
		return show(store, o, p);
	if (strcmp(act, "verify") == 0)
		return verify(c, store, o, p);
	if (strcmp(act, "head") == 0)
		return head(store, p);
	return rotate_key(store, p);
}

int verb_ledger(struct command *c, int argc, char **argv)
{
	static const char *const acts[] = { "show", "verify", "head", "rotate-key" };
	struct ledger_options o = {};
	struct store_dir store;
	struct problem p;
	char *act = "";
	size_t operands, i = 0;
	int error;

	if (cmdline_parse(argc, argv, option_table, &o, false, &act, 1, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help)
		return help();
	while (i < sizeof(acts) / sizeof(acts[0]) && strcmp(acts[i], act) != 0)
		i++;
	if (i == sizeof(acts) / sizeof(acts[0])) {
		problem(&p, -EINVAL,
			"ledger \"%s\": expected show, verify, head or rotate-key; see sekisho ledger --help", act);
		return command_fail(EXIT_USAGE, &p);
	}
	error = command_open_store(c, &store, &p);
	if (error)
		return command_fail(EXIT_NO, &p);
	error = act_on(c, &store, act, &o, &p);
	store_close(&store);
	return error ? command_fail(command_status_of(error), &p) : EXIT_YES;
}
