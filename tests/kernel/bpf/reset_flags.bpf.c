// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Somebody else's sock_ops program, which sets the callback flags without a look at what is set: of connections
 * to two ports alone, since it is attached to the root of the cgroups.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("sockops")
int reset_flags(struct bpf_sock_ops *ops)
{
	if (ops->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB &&
	    (ops->local_port == 1015 || ops->local_port == 1016))
		bpf_sock_ops_cb_flags_set(ops, 0);
	return 1;
}
