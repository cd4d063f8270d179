// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The same events as accept.bpf.c's, by a sock_ops program at the root of the cgroup2 hierarchy: for kernels
 * without BTF. An object of its own, because libbpf refuses one with CO-RE relocations there. It is called
 * for every TCP socket of the node, while the kernel holds it locked (tcp_call_bpf), and never skipped.
 */
#include "sockops.bpf.h"
#include "canary.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TCPHDR_SYN 0x02
#define TCPHDR_ACK 0x10

/*
 * A simultaneous open and a self-connect come to PASSIVE_ESTABLISHED, too, so who opens is marked; of those
 * covered, as others are not recorded. And where a connection leads to a tenant's address, its near end is kept
 * for is_loopback(): should this tenant be in the same namespace, that is its source. Where this end's own namespace
 * is a tenant's selector, all that leaves it is kept: whether the other end is in it, too, cannot be told here.
 */
static __always_inline void begins(const struct sock *sk)
{
	struct covered near = {}, far;
	struct own_end end;

	if (is_covered(sk, true, &near))
		storage_of(&active_opens, sk, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!near.ctl)
		return;
	far = near;
	read_remote(sk, true, far.family, &far.local);
	if (!find_tenant(sk, true, &far))
		return;
	end = own_end(sk, &near.local);
	bpf_map_update_elem(&own_ends, &end, &far.now, BPF_ANY);
}

static __always_inline void take(const struct sock *sk, bool witness)
{
	struct covered c = {};

	if (storage_of(&active_opens, sk, 0))
		return;
	if (!witness)
		record(sk, true, SEKISHO_KIND_ESTABLISHED);
	else if (is_covered(sk, true, &c))
		count_seen(c.ctl, SEKISHO_SEEN_BY_WITNESS);
}

/*
 * The kernel calls at the end of the handshake, right before the socket becomes ESTABLISHED; for Fast Open
 * (RFC 7413) when the SYN has come, whose source may be forged where no cookie is asked for. Such a socket waits,
 * with a mark without a time, for its way out of SYN_RECV: see died() in accept.bpf.c.
 */
static __always_inline void is_opened(const struct sock *sk, bool witness)
{
	bool fast_open = (OPS(sk)->skb_tcp_flags & (TCPHDR_SYN | TCPHDR_ACK)) == TCPHDR_SYN;
	struct covered c = {};

	if (!fast_open)
		take(sk, witness);
	else if (!is_covered(sk, true, &c))
		return;
	else if (storage_of(&recorded, sk, BPF_LOCAL_STORAGE_GET_F_CREATE))
		watch_end(sk);
	else if (!witness)
		count_loss(c.ctl, c.tenant, SEKISHO_LOSS_RING_FULL, c.now); /* no memory */
}

static __always_inline void changes_state(const struct sock *sk, int oldstate, int newstate,
					  bool witness)
{
	struct sekisho_recorded *m = storage_of(&recorded, sk, 0);

	if (!m)
		return;
	if (oldstate == TCP_SYN_RECV && newstate != TCP_CLOSE && !m->opened_boot_ns)
		take(sk, witness);
	if (newstate == TCP_CLOSE && !witness)
		record_close(sk);
}

/* Always 1: 0 would take the answers of other programs away (__cgroup_bpf_run_filter_sock_ops). */
SEC("sockops")
int on_sock_ops(struct bpf_sock_ops *ops)
{
	const struct sock *sk = (const void *)ops;

	switch (ops->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		begins(sk);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		if (!emit_canary(netns_cookie(sk, true)))
			is_opened(sk, false);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		changes_state(sk, ops->args[0], ops->args[1], false);
		break;
	}
	return 1;
}

/*
 * Beside the set_state programs, right before whom it is called for the same socket: counts what they are to
 * see. Active opens are marked by them.
 */
SEC("sockops")
int on_sock_ops_witness(struct bpf_sock_ops *ops)
{
	const struct sock *sk = (const void *)ops;

	if (ops->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) {
		if (!control_of_canary(netns_cookie(sk, true)))
			is_opened(sk, true);
	} else if (ops->op == BPF_SOCK_OPS_STATE_CB) {
		changes_state(sk, ops->args[0], ops->args[1], true);
	}
	return 1;
}
