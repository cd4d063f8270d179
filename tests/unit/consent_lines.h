/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of the consent ledger as text, valid but for the chain's members, which forge_chain() makes. */
#ifndef SEKISHO_CONSENT_LINES_H
#define SEKISHO_CONSENT_LINES_H

#define LINE_SHA "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define LINE_FIELDS "src_addr,src_port,dst_addr,dst_port,t_accept"
#define LINE_WHO                                                                                     \
	"\"actor\":\"a\",\"actor_auth\":\"b\",\"method\":\"m\",\"origin\":{\"uid\":0,\"user\":\"root\",\"via\":" \
	"\"command line\",\"from\":null},\"ticket\":null,\"clock_err_ns\":1000"

/* scope, resolved: JSON arrays of one length; days: a number. */
#define LINE_GRANT(seq, tenant, t, until, days, scope, resolved)                                     \
	"{" LINE_WHO ",\"effective_from\":\"" t "\",\"effective_to\":\"" until "\",\"event\":\"GRANT\"," \
	"\"fields\":\"" LINE_FIELDS "\",\"purposes\":[\"P1\",\"P3\"],\"recipients\":[\"court\",\"tenant\"]," \
	"\"retention_days\":" #days ",\"revocable\":true,\"same_terms\":true,\"bundled\":false,\"scope\":" \
	scope ",\"resolved\":" resolved ",\"separability\":\"EXACT\",\"seq\":" #seq ",\"t\":\"" t          \
	"\",\"tenant\":\"" tenant "\",\"text_id\":\"x\",\"text_version\":\"1\",\"lang\":\"ja\","         \
	"\"text_sha256\":\"" LINE_SHA "\"}\n"
#define LINE_GRANT_ONE(seq, tenant, t, until, days)                                                  \
	LINE_GRANT(seq, tenant, t, until, days, "[\"192.0.2.1\"]", "[null]")
#define LINE_WITHDRAW(seq, tenant, t, mode)                                                          \
	"{" LINE_WHO ",\"event\":\"WITHDRAW\",\"seq\":" #seq ",\"t\":\"" t "\",\"tenant\":\"" tenant    \
	"\",\"withdraw_mode\":\"" mode "\"}\n"

#endif
