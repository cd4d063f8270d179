/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One end of a connection in canonical form, and the numbers that go with it; the same for every hook. */
#ifndef SEKISHO_ENDPOINT_BPF_H
#define SEKISHO_ENDPOINT_BPF_H

#include <stdbool.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6

/* include/net/tcp_states.h; part of the tracepoint's stable text output. */
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define TCP_LISTEN 10

struct endpoint {
	__u8 addr[16];
	__u16 port;
};

static __always_inline void store_words(__u8 addr[16], const __be32 words[4])
{
	__builtin_memcpy(addr, words, 16);
}

static __always_inline void store_v4(__u8 addr[16], __be32 v4)
{
	__be32 words[4] = { 0, 0, bpf_htonl(0xffff), v4 };

	store_words(addr, words);
}

static __always_inline bool is_mapped(const __u8 addr[16])
{
	__u32 words[4];

	__builtin_memcpy(words, addr, 16);
	return words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff);
}

#endif
