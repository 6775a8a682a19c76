// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This program takes connections away from a server: see foreign_test.cpp, which loads it by
 * bpftool.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual MIT/GPL";

/* By the client's port. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} taken SEC(".maps");

/* Put every connection to kecho into the map, as soon as it is there. */
SEC("sockops")
int take(struct bpf_sock_ops *ops)
{
	__u32 key = bpf_ntohl(ops->remote_port);

	if (ops->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB && ops->local_port == 12345)
		bpf_sock_hash_update(ops, &taken, &key, BPF_ANY);
	return 1;
}

/* With this on the map, its connections have callbacks of the map's. */
SEC("sk_skb/stream_verdict")
int pass(struct __sk_buff *skb)
{
	return SK_PASS;
}
