// SPDX-License-Identifier: BSD-2-Clause
/* What stands between a search and the records: an open case that covers it, a second person, the access log. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/text.h"
#include "base/utc.h"
#include "ledger/ledger_key.h"
#include "verb_search.h"

static int refuse(const char *fmt, ...) PRINTF_LIKE(1, 2);
static int refuse(const char *fmt, ...)
{
	char text[512];
	struct problem p;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	problem(&p, 0, "%s", text);
	return command_fail(EXIT_REFUSED, &p);
}

/* --- Before anything is opened --- */

/* Without a case one sees only what is one's own: root, the tenant's own user, or whose store it is (a tenant's copy). */
static int admit_self(const struct store_dir *store, const struct search_request *request)
{
	const struct peer *who = &request->c->who;
	struct stat st;

	if (who->uid == 0 || (who->by_socket && roles_owns(who, &request->c->conf, request->q.tenant)))
		return 0;
	if (!who->by_socket && fstat(store->root, &st) == 0 && st.st_uid == who->uid)
		return 0;
	return refuse("TENANT_SELF without a case is for root and the owner of the %s, not for uid %u",
		      who->by_socket ? "tenant" : "store", who->uid);
}

static int admit_windows(const struct search_request *request)
{
	const struct questions *asked = request->q.questions;
	const struct legal_case *c = request->of;
	char from[UTC_TEXT_MAX], to[UTC_TEXT_MAX];

	for (size_t i = 0; asked && i < asked->count; i++) {
		const struct question *one = &asked->list[i];

		if (!case_covers(c, one->from_ns, one->to_ns + 1))
			return refuse("question %u (%s to %s) lies outside of the windows of case \"%s\"", one->number,
				      utc_format(one->from_ns, from), utc_format(one->to_ns, to), c->number);
	}
	if (!asked && !case_covers(c, request->q.from_ns, request->q.to_ns))
		return refuse("the window from %s to before %s lies outside of the windows of case \"%s\"",
			      utc_format(request->q.from_ns, from), utc_format(request->q.to_ns, to), c->number);
	return 0;
}

static int admit_scope(struct search_request *request)
{
	const struct legal_case *c = request->of;
	int status;

	if (c->outcome)
		return refuse("case \"%s\" is closed (%s)", request->o->case_number, c->outcome);
	if (c->basis != request->basis)
		return refuse("case \"%s\" is on basis %s, not %s", request->o->case_number, c->basis->code,
			      request->basis->code);
	status = admit_windows(request);
	if (status)
		return status;
	if (request->q.tenant && !case_has_tenant(c, request->q.tenant))
		return refuse("tenant %s is not in case \"%s\"", request->q.tenant, c->number);
	/* A case of listed tenants shows nothing of others: they are not even read (AC-41). */
	request->q.tenants = c->tenants;
	request->q.tenant_count = request->q.tenant ? 0 : c->tenant_count;
	return 0;
}

static int check_approver(const struct peer *who, const char *approver)
{
	if (!*approver || strlen(approver) > CASE_NUMBER_MAX || !text_is_plain(approver, strlen(approver))) {
		log_error("--approver \"%.60s\": expected a name", approver);
		return EXIT_USAGE;
	}
	if (who->uid != 0)
		return refuse("--approver \"%s\" is for root; others wait for sekisho approve", approver);
	if (peer_user(who) && strcmp(approver, peer_user(who)) == 0)
		return refuse("--approver \"%s\": it takes a second person", approver);
	return 0;
}

/* Also where no case is needed: a search is not written behind lines that were tampered with. */
static int load_cases(const struct store_dir *store, struct search_request *request)
{
	struct problem p, why;
	int error = cases_load(store, &request->cases, &why);

	if (!error)
		return 0;
	problem(&p, error, "%s; nothing is shown", why.text);
	return command_fail(command_status_of(error), &p);
}

int policy_admit(const struct store_dir *store, struct search_request *request)
{
	const struct search_options *o = request->o;
	char folded[CASE_NUMBER_MAX + 1];
	struct problem p;
	int status = o->approver ? check_approver(&request->c->who, o->approver) : 0;

	if (!status && !o->case_number)
		status = admit_self(store, request);
	if (status)
		return status;
	if (!o->case_number)
		return load_cases(store, request);
	if (case_fold(o->case_number, folded)) {
		problem(&p, -EINVAL, "--case \"%s\": expected a number, 1 to %d bytes of one line of text", o->case_number,
			CASE_NUMBER_MAX);
		return command_fail(EXIT_USAGE, &p);
	}
	status = load_cases(store, request);
	if (status)
		return status;
	request->of = cases_find(&request->cases, o->case_number);
	if (!request->of)
		return refuse("there is no case \"%s\": sekisho case open", o->case_number);
	return admit_scope(request);
}

/* --- Second persons --- */

/* The longest stretch of time that is looked at in one. */
static int64_t length_ns(const struct query *q)
{
	int64_t longest = 0;

	if (!q->questions)
		return q->to_ns - q->from_ns - q->open_at_end; /* --at: a day before, and that instant */
	for (size_t i = 0; i < q->questions->count; i++) {
		const struct question *one = &q->questions->list[i];

		if (one->to_ns - one->from_ns > longest)
			longest = one->to_ns - one->from_ns;
	}
	return longest;
}

/* Why a second person is needed, or an empty text. */
static void need_of(const struct search_request *request, const struct search_result *result, char *ret_text,
		    size_t size)
{
	const struct conf *conf = &request->c->conf;
	char limit[24], length[24];
	int64_t ns = length_ns(&request->q);

	*ret_text = '\0';
	/* Without a case one sees one's own. */
	if (!request->basis->shows_rows || !request->of || request->q.want == QUERY_COUNT ||
	    !result->count)
		return;
	if (result->count > conf->approval_rows)
		snprintf(ret_text, size, "%llu records are more than approval_rows (%llu)",
			 (unsigned long long)result->count, (unsigned long long)conf->approval_rows);
	else if ((uint64_t)ns > conf->approval_window_ns)
		snprintf(ret_text, size, "%llu records in a window of %s, longer than approval_window (%s)",
			 (unsigned long long)result->count,
			 format_duration((uint64_t)ns / NS_PER_SEC * NS_PER_SEC, length),
			 format_duration(conf->approval_window_ns, limit));
}

/* The same search has the same, however it is written and in whatever form it is shown. */
static int digest_of(const struct search_request *request, char ret_digest[static LEDGER_HASH_TEXT])
{
	const struct search_options *o = request->o;
	const struct query *q = &request->q;
	char src[PREFIX_TEXT_MAX] = "", dst[PREFIX_TEXT_MAX] = "", *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int error;

	if (!out)
		return -ENOMEM;
	fprintf(out, "%s\n%s\n%s\n%s %s\n%s %s\n%lld %lld %d\n", request->of->folded, request->basis->code,
		q->tenant ? q->tenant : "", q->by_src ? prefix_format(&q->src, src) : "", o->src_port ? o->src_port : "",
		q->by_dst ? prefix_format(&q->dst, dst) : "", o->dst_port ? o->dst_port : "", (long long)q->from_ns,
		(long long)q->to_ns, q->open_at_end);
	if (q->questions)
		fwrite(q->questions->sha256, sizeof(q->questions->sha256), 1, out);
	error = ferror(out) ? -ENOMEM : 0;
	if (fclose(out) != 0)
		error = -ENOMEM;
	if (!error)
		ledger_hash(text, size, ret_digest);
	free(text);
	return error;
}

/* --- The access log --- */

/* The command line as it was typed; with what a file of questions held. Caller frees. */
static char *describe(const struct search_request *request)
{
	const struct questions *asked = request->q.questions;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (int i = 0; i < request->argc; i++)
		fprintf(out, "%s%s", i ? " " : "", request->argv[i]);
	if (asked) {
		fprintf(out, " (%zu questions, sha256 ", asked->count);
		for (size_t i = 0; i < sizeof(asked->sha256); i++)
			fprintf(out, "%02x", asked->sha256[i]);
		fputc(')', out);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* Tenants with rows, and those that were asked for by their names. */
static int list_touched(const struct search_request *request, const struct search_result *result,
			struct access_tenant **ret_list, size_t *ret_count)
{
	bool named = request->q.tenant || request->q.tenant_count;
	struct access_tenant *list = calloc(result->tenant_count + 1, sizeof(*list));
	size_t count = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < result->tenant_count; i++)
		if (named || result->tenant_rows[i])
			list[count++] = (struct access_tenant){ result->tenants[i], result->tenant_rows[i] };
	*ret_list = list;
	*ret_count = count;
	return 0;
}

static int write_entry(const struct store_dir *store, const struct search_request *request,
		       const struct search_result *result, const char *query, bool rows_shown, uint64_t approval)
{
	struct access_tenant *touched = NULL;
	struct access_entry e = {
		.case_number = request->o->case_number,
		.seen_seq = request->cases.last_seq,
		.basis = request->basis,
		.query = query,
		.tenant = request->o->tenant,
		.uid = request->c->who.uid,
		.user = peer_user(&request->c->who),
		.rows = result->count,
		.rows_shown = rows_shown,
		.approval = approval,
		.approver = request->o->approver,
		.hidden_until_ns = request->of ? request->of->secret_until_ns : 0,
	};
	struct problem p;
	int error = list_touched(request, result, &touched, &e.tenant_count);

	e.tenants = touched;
	error = error ? problem(&p, error, "out of memory; nothing is shown") : access_record(store, &e, &p);
	free(touched);
	if (error)
		return command_fail(error == -ENOTCONN ? EXIT_REFUSED : command_status_of(error), &p);
	return 0;
}

/* The request that waits for a second person: the one that is there, or a new one. */
static int ask_for_approval(const struct store_dir *store, const struct search_request *request,
			    const struct search_result *result, const char *query, const char *digest, uint64_t *ret_seq)
{
	const struct approval_request *waiting = cases_request_for(&request->cases, digest, request->c->who.uid, result->count);
	struct problem p;
	json_t *act;
	int error;

	if (waiting) {
		*ret_seq = waiting->seq;
		return 0;
	}
	act = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s?}", "event", "APPROVAL_REQUEST", "case",
			request->o->case_number, "basis", request->basis->code, "query", query, "digest", digest, "rows",
			(json_int_t)result->count, "uid", (json_int_t)request->c->who.uid, "user",
			peer_user(&request->c->who));
	error = act ? cases_act(store, act, ret_seq, &p) : problem(&p, -ENOMEM, "out of memory");
	json_decref(act);
	return error ? command_fail(command_status_of(error), &p) : 0;
}

/* Rows are kept back: that they were counted is written, then who may let them out is told. */
static int hold_back(const struct store_dir *store, const struct search_request *request,
		     const struct search_result *result, const char *query, const char *digest, const char *need)
{
	uint64_t seq;
	int status = write_entry(store, request, result, query, false, 0);

	if (!status)
		status = ask_for_approval(store, request, result, query, digest, &seq);
	if (status)
		return status;
	return refuse("%s: another person lets them out with sekisho approve %llu%s", need, (unsigned long long)seq,
		      request->c->who.uid == 0 ? ", or root names one with --approver" : "");
}

static int record(const struct store_dir *store, const struct search_request *request,
		  const struct search_result *result, const char *query)
{
	bool shown = request->basis->shows_rows && request->q.want != QUERY_COUNT;
	const struct approval_request *approved;
	char need[160], digest[LEDGER_HASH_TEXT];

	need_of(request, result, need, sizeof(need));
	if (!*need || request->o->approver)
		return write_entry(store, request, result, query, shown, 0);
	if (digest_of(request, digest)) {
		log_error("out of memory; nothing is shown");
		return EXIT_NO;
	}
	approved = cases_request_for(&request->cases, digest, request->c->who.uid, result->count);
	if (approved && approved->approved_until_ns > utc_now_ns())
		return write_entry(store, request, result, query, shown, approved->seq);
	return hold_back(store, request, result, query, digest, need);
}

int policy_record(const struct store_dir *store, const struct search_request *request,
		  const struct search_result *result)
{
	char *query = describe(request);
	int status;

	if (!query) {
		log_error("out of memory; nothing is shown");
		return EXIT_NO;
	}
	status = record(store, request, result, query);
	free(query);
	return status;
}
