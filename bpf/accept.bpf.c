// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Emits one event for each passive TCP connection of a consenting tenant, and where the consent includes
 * it, one for its end.
 *
 * The collector attaches one rung, chosen by trying: a socket becoming
 * ESTABLISHED (tp_btf, the same program twice), or accept() returning it (fexit,
 * kretprobe). All share record(): the tenant is found by the local side first,
 * and without a live grant nothing is emitted and the remote address is not read.
 * Ends are seen by the first rung alone.
 */
#include "sock.bpf.h"
#include "canary.bpf.h"
#include "opens.bpf.h"
#include <linux/ptrace.h>
#include <bpf/bpf_tracing.h>

/*
 * Per CPU, the connection that the set_state programs handled last, so that just one of them does. Not
 * pinned: each generation of the set has its own.
 */
struct last_handled {
	__u64 sk;
	__u64 snd_una; /* a freed socket's address is soon used again, with another number; or CHILD_MADE */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct last_handled);
} handled SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline __u32 send_sequence(const struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);

	return tp ? tp->snd_una : 0;
}

/*
 * A passive child is made when the handshake's last ACK has been checked (tcp_check_req, or
 * cookie_v4_check) and leaves SYN_RECV when that ACK is processed (tcp_rcv_state_process), normally
 * to ESTABLISHED. But it is in the accept queue already: an application on another CPU that
 * accepts and closes at once takes it to FIN_WAIT1, or by an abort to CLOSE, first (tcp_child_process
 * queues the ACK behind the owner). So every way out of SYN_RECV is recorded, with three exceptions:
 * a simultaneous open, of which a self-connect is a case (RFC 9293 section 3.5, figure 7), comes from
 * SYN_SENT and is marked there; a child that goes to CLOSE before accept() had it was dropped by the
 * kernel (tcp_v4_syn_recv_sock, inet_csk_listen_stop); and so was a Fast Open child (RFC 7413), made
 * by the SYN alone, that is closed before its handshake ends.
 */
static __always_inline bool died(const struct sock *sk, int newstate)
{
	struct tcp_sock *tp;

	if (newstate != TCP_CLOSE)
		return false;
	if (!sk->sk_socket)
		return true;
	tp = bpf_skc_to_tcp_sock((void *)sk);
	return !tp || tp->fastopen_rsk;
}

/* In place of a sequence number: a child that was made has none yet. */
#define CHILD_MADE (1ULL << 32)

/* Whether the first of the two programs has this; if not, it is ours from here on. */
static __always_inline bool first_has_it(const struct sock *sk, bool first, __u64 step)
{
	struct last_handled *last;
	__u32 zero = 0;

	last = bpf_map_lookup_elem(&handled, &zero);
	if (!last)
		return true;
	if (!first && last->sk == (__u64)sk && last->snd_una == step)
		return true;
	last->sk = (__u64)sk;
	last->snd_una = step;
	return false;
}

static __always_inline void leave_handshake(const struct sock *sk, int newstate)
{
	__u64 netns = netns_cookie(sk, true);

	if (emit_canary(netns))
		return;
	count_opening(netns, died(sk, newstate) ? SEKISHO_OUTCOME_DIED :
						  record(sk, true, SEKISHO_KIND_ESTABLISHED));
}

static __always_inline int set_state(const struct sock *sk, int oldstate, int newstate, bool first)
{
	if (sk->sk_protocol != IPPROTO_TCP) /* SCTP and MPTCP share the tracepoint */
		return 0;
	if (newstate == TCP_SYN_RECV && oldstate == TCP_SYN_SENT)
		storage_of(&active_opens, sk, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (newstate == TCP_SYN_RECV && oldstate == TCP_LISTEN && !first_has_it(sk, first, CHILD_MADE))
		count_child(netns_cookie(sk, true));
	if (oldstate == TCP_SYN_RECV && !storage_of(&active_opens, sk, 0) &&
	    !first_has_it(sk, first, send_sequence(sk)))
		leave_handshake(sk, newstate);
	if (newstate == TCP_CLOSE)
		record_close(sk);
	return 0;
}

/*
 * Since 6.2 the kernel does not run a program on a CPU where the same program is running already
 * (__bpf_trace_run, 05b24ff9b2cf): when a softirq interrupts it in process context, say in close(),
 * the connections of that softirq are skipped. Measured with one program, the server's CPU taking
 * the interrupts: 5 to 13 in 1,000 lost on 6.18, 1 in 1,000 on 6.12 under qemu.
 *
 * So the same program is attached twice. A tracepoint runs with preemption disabled
 * (include/linux/tracepoint.h) and softirqs do not nest, so at most one of the two is interrupted on
 * a CPU; the other one runs and, not finding the socket in `handled`, records it. Should an interrupt
 * come between the two for one socket, the second may emit it again: the collector drops the
 * second event of a cookie. An end needs no `handled`: whichever runs first takes the mark.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state_1, const struct sock *sk, int oldstate, int newstate)
{
	return set_state(sk, oldstate, newstate, true);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state_2, const struct sock *sk, int oldstate, int newstate)
{
	return set_state(sk, oldstate, newstate, false);
}

static __always_inline void accepted(const struct sock *sk)
{
	if (!emit_canary(netns_cookie(sk, false)))
		(void)record(sk, false, SEKISHO_KIND_ACCEPTED);
}

/* Only the return value: the arguments changed in 6.10 (92ef0fd55ac8). */
SEC("fexit/inet_csk_accept")
int on_accept_fexit(__u64 *ctx)
{
	__u64 sk = 0;

	if (bpf_get_func_ret(ctx, &sk) || !sk)
		return 0;
	accepted((const struct sock *)sk);
	return 0;
}

SEC("kretprobe/inet_csk_accept")
int on_accept_kretprobe(struct pt_regs *ctx)
{
	const struct sock *sk = (const struct sock *)PT_REGS_RC(ctx);

	if (sk)
		accepted(sk);
	return 0;
}
