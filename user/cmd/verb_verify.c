// SPDX-License-Identifier: BSD-2-Clause
/* sekisho verify: prints what checking the store found. */
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>
#include "base/utc.h"
#include "command.h"
#include "query/verify.h"

/* A run that takes longer shows how far it is, several times a second. */
#define PATIENCE_NS NS_PER_SEC
#define REFRESH_NS (NS_PER_SEC / 5)

struct verify_options {
	unsigned int full, json, help;
};

static const struct cmd_option option_table[] = {
	CMD_SWITCH("full", struct verify_options, full, "decode all rows; derive roots and index answers again"),
	CMD_SWITCH("json", struct verify_options, json, "as JSON"),
	CMD_SWITCH("help", struct verify_options, help, "this text"),
	{},
};

struct progress {
	int64_t began_ns, shown_ns;
};

static void show_progress(void *ctx, const struct verify_progress *at)
{
	struct progress *p = ctx;
	int64_t now = boot_now_ns(), took = now - p->began_ns;

	if (took < PATIENCE_NS || now - p->shown_ns < REFRESH_NS)
		return;
	p->shown_ns = now;
	fprintf(stderr, "\r\033[K%llu of %llu files, %llu of %llu MB, %.0f MB/s: %s",
		(unsigned long long)at->files, (unsigned long long)at->files_total,
		(unsigned long long)(at->bytes / 1000000), (unsigned long long)(at->bytes_total / 1000000),
		(double)at->bytes * 1e3 / (double)took, at->file);
}

static void show(const struct verify_facts *f, bool full)
{
	printf("Journals:  %llu files, %llu rows not sealed yet\n", (unsigned long long)f->journals,
	       (unsigned long long)f->journal_rows);
	printf("Segments:  %llu files, %llu sections, %llu blocks, %llu rows\n",
	       (unsigned long long)f->segments, (unsigned long long)f->sections,
	       (unsigned long long)f->blocks, (unsigned long long)f->section_rows);
	if (f->segments)
		printf("Days:      %llu files closed with a trailer, %llu open\n", (unsigned long long)f->closed,
		       (unsigned long long)f->open);
	if (f->catalogs)
		printf("Catalogs:  %llu days\n", (unsigned long long)f->catalogs);
	if (f->sections && f->no_custody)
		printf("Custody:   no custody ledger: removal cannot be told\n");
	else if (f->sealed)
		printf("Custody:   %llu sections as they were sealed\n", (unsigned long long)f->sealed);
	if (f->deleted)
		printf("Deleted:   %llu sections by retention or erasure, as custody states\n",
		       (unsigned long long)f->deleted);
	if (full)
		printf("Rows:      %llu decoded, %llu Merkle roots derived; %llu addresses looked up for %llu "
		       "sources\n", (unsigned long long)f->decoded_rows, (unsigned long long)f->roots,
		       (unsigned long long)f->lookups, (unsigned long long)f->sources);
	if (f->no_consents)
		printf("Consent:   no ledger of consents: whether records are covered cannot be told\n");
	else if (f->uncovered)
		printf("NO CONSENT: %llu %s that no grant covers, the first: %s\n", (unsigned long long)f->uncovered,
		       full ? "rows" : "sections with rows", f->first_uncovered.text);
	else if (full)
		printf("Consent:   %llu rows covered by the grants they name, %llu imported\n",
		       (unsigned long long)f->covered, (unsigned long long)f->imported);
	if (f->torn)
		printf("Note:      %llu files end in an unfinished append (power loss or kill), set aside\n"
		       "           the first: %s\n", (unsigned long long)f->torn, f->first_torn.text);
	if (f->bad)
		printf("DAMAGED:   %llu, the first: %s\n", (unsigned long long)f->bad, f->first_bad.text);
	else if (full)
		printf("Checksums: all match; rows, roots and index agree\n");
	else
		printf("Checksums: all match\n");
}

static json_t *text_or_null(const struct problem *p, uint64_t count)
{
	return count ? json_string(p->text) : json_null();
}

static void set(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void show_json(const struct verify_facts *f, bool full)
{
	json_t *o = json_object();

	json_object_set_new(o, "full", json_boolean(full));
	set(o, "journals", f->journals);
	set(o, "journal_rows", f->journal_rows);
	set(o, "segments", f->segments);
	set(o, "closed", f->closed);
	set(o, "open", f->open);
	set(o, "sections", f->sections);
	set(o, "blocks", f->blocks);
	set(o, "rows", f->section_rows);
	set(o, "bytes", f->bytes);
	set(o, "catalogs", f->catalogs);
	if (full) {
		set(o, "decoded_rows", f->decoded_rows);
		set(o, "roots", f->roots);
		set(o, "sources", f->sources);
		set(o, "lookups", f->lookups);
		set(o, "covered", f->covered);
		set(o, "imported", f->imported);
	}
	set(o, "sealed", f->sealed);
	set(o, "deleted", f->deleted);
	json_object_set_new(o, "no_custody", json_boolean(f->no_custody));
	set(o, "uncovered", f->uncovered);
	json_object_set_new(o, "first_uncovered", text_or_null(&f->first_uncovered, f->uncovered));
	json_object_set_new(o, "no_consents", json_boolean(f->no_consents));
	set(o, "torn", f->torn);
	json_object_set_new(o, "first_torn", text_or_null(&f->first_torn, f->torn));
	set(o, "damaged", f->bad);
	json_object_set_new(o, "first_damaged", text_or_null(&f->first_bad, f->bad));
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

static void help(void)
{
	printf("usage: sekisho [--store DIR] verify [--full] [--json]\n\n"
	       "Checks every checksum of journals, segments and the ledgers; names the\n"
	       "first damaged file and offset. With --full every row is decoded: their order, the\n"
	       "facts about them and their Merkle root are derived again, and the index is asked\n"
	       "for every source and must answer as a scan does. Each section that custody knows must\n"
	       "be there, and no other. Each record must be covered by the grant that it names: by its\n"
	       "section's header, with --full row by row.\n"
	       "Exit status: 0 all match, 5 damaged, or a record that no grant covers.\n");
}

int verb_verify(struct command *c, int argc, char **argv)
{
	struct progress progress = { .began_ns = boot_now_ns() };
	struct verify_request request = { .ctx = &progress };
	bool terminal = isatty(STDERR_FILENO);
	struct verify_options o = {};
	struct verify_facts facts;
	struct store_dir store;
	struct problem p;
	size_t operands;
	int error;

	if (cmdline_parse(argc, argv, option_table, &o, false, NULL, 0, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help) {
		help();
		return EXIT_YES;
	}
	error = command_open_store(c, &store, &p);
	if (error)
		return command_fail(EXIT_NO, &p);
	request.full = o.full;
	request.progress = terminal ? show_progress : NULL;
	error = verify_run(&store, &request, &facts, &p);
	store_close(&store);
	if (progress.shown_ns)
		fputs("\r\033[K", stderr);
	if (error)
		return command_fail(command_status_of(error), &p);
	if (o.json)
		show_json(&facts, o.full);
	else
		show(&facts, o.full);
	return facts.bad || facts.uncovered ? EXIT_DAMAGED : EXIT_YES;
}
