/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of the consent ledger for forge_chain(), as literals: times are RFC 3339. */
#ifndef SEKISHO_ACTS_H
#define SEKISHO_ACTS_H

#define ACT_SHA256 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define ACT_BEGIN(seq, t, event)                                                                          \
	"{\"seq\":" #seq ",\"t\":\"" t "\",\"event\":\"" event "\",\"actor\":\"a\",\"actor_auth\":\"b\","        \
	"\"method\":\"m\",\"origin\":{\"uid\":0,\"user\":\"root\",\"via\":\"command line\",\"from\":null},"      \
	"\"uid\":0,\"ticket\":null,\"clock_err_ns\":1000"
#define ACT_GRANT(seq, tenant, t, until, days)                                                            \
	ACT_BEGIN(seq, t, "GRANT") ",\"tenant\":\"" tenant "\",\"effective_from\":\"" t "\","               \
	"\"effective_to\":\"" until "\",\"fields\":\"src_addr,src_port,dst_addr,dst_port,t_accept\","       \
	"\"purposes\":[\"P1\"],\"recipients\":[\"court\"],\"retention_days\":" #days ","                     \
	"\"revocable\":true,\"same_terms\":true,\"bundled\":false,\"scope\":[\"192.0.2.1\"],"             \
	"\"resolved\":[null],\"separability\":\"EXACT\",\"text_id\":\"x\",\"text_version\":\"1\","        \
	"\"lang\":\"ja\",\"text_sha256\":\"" ACT_SHA256 "\"}\n"
#define ACT_WITHDRAW(seq, tenant, t, mode)                                                                \
	ACT_BEGIN(seq, t, "WITHDRAW") ",\"tenant\":\"" tenant "\",\"withdraw_mode\":\"" mode "\"}\n"

#endif
