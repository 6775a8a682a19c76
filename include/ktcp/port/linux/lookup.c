// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/lookup.h over the hash tables of TCP. */
#include <linux/rculist_nulls.h>
#include <linux/sched.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/inet_timewait_sock.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

#include <ktcp/port/lookup.h>

/* A namespace may have a table of its own (net.ipv4.tcp_child_ehash_entries). */
static struct inet_hashinfo *ktcp_hashinfo(const struct net *net)
{
	return net->ipv4.tcp_death_row.hashinfo;
}

/* From 6.18 on, the look-ups find the table by themselves. */
#ifdef KTCP_HAVE_LOOKUP_HASHINFO
#define KTCP_LOOKUP_TABLE(net) net, ktcp_hashinfo(net)
#else
#define KTCP_LOOKUP_TABLE(net) net
#endif

struct sock *ktcp_tcp_lookup_established(struct net *net, const struct ktcp_endpoint *local,
					 const struct ktcp_endpoint *remote)
{
	struct in6_addr ours, theirs;
	struct sock *sk = NULL;

	net = net ? net : &init_net;
	memcpy(&ours, local->address, sizeof(ours));
	memcpy(&theirs, remote->address, sizeof(theirs));

	rcu_read_lock();
	/* An IPv6 socket that speaks IPv4 is in the table by its IPv4 addresses. */
	if (ipv6_addr_v4mapped(&ours) && ipv6_addr_v4mapped(&theirs))
		sk = __inet_lookup_established(KTCP_LOOKUP_TABLE(net), theirs.s6_addr32[3],
					       htons(remote->port), ours.s6_addr32[3], local->port,
					       local->scope_id, 0);
#if IS_ENABLED(CONFIG_IPV6)
	else if (!ipv6_addr_v4mapped(&ours) && !ipv6_addr_v4mapped(&theirs))
		sk = __inet6_lookup_established(KTCP_LOOKUP_TABLE(net), &theirs,
						htons(remote->port), &ours, local->port,
						local->scope_id, 0);
#endif
	rcu_read_unlock();
	return sk;
}

/* All of it is in struct sock_common, which the three kinds of sockets share. */
static void ktcp_tcp_identify(const struct sock *sk, struct ktcp_tcp_identity *to)
{
	struct in6_addr ours, theirs;

	memset(to, 0, sizeof(*to));
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		ours = sk->sk_v6_rcv_saddr;
		theirs = sk->sk_v6_daddr;
	} else
#endif
	{
		ipv6_addr_set_v4mapped(sk->sk_rcv_saddr, &ours);
		ipv6_addr_set_v4mapped(sk->sk_daddr, &theirs);
	}
	memcpy(to->local.address, &ours, sizeof(ours));
	memcpy(to->remote.address, &theirs, sizeof(theirs));
	to->local.port = sk->sk_num;
	to->remote.port = ntohs(sk->sk_dport);
	to->local.scope_id = READ_ONCE(sk->sk_bound_dev_if);
	to->state = inet_sk_state_load(sk);
	/* One in FIN-WAIT-2 that nobody owns is kept in the same form. */
	if (to->state == KTCP_TCP_TIME_WAIT)
		to->state = READ_ONCE(inet_twsk(sk)->tw_substate);
}

size_t ktcp_tcp_collect_established(struct net *net, unsigned int *place,
				    bool (*fits)(void *context,
						 const struct ktcp_tcp_identity *each),
				    void *context, struct sock **batch, size_t most)
{
	struct inet_hashinfo *table;
	struct ktcp_tcp_identity identity;
	size_t collected = 0;

	net = net ? net : &init_net;
	table = ktcp_hashinfo(net);
	for (; *place <= table->ehash_mask; ++*place) {
		struct inet_ehash_bucket *bucket = &table->ehash[*place];
		spinlock_t *lock = inet_ehash_lockp(table, *place);
		const struct hlist_nulls_node *node;
		struct sock *sk;

		cond_resched();
		if (hlist_nulls_empty(&bucket->chain))
			continue;
		spin_lock_bh(lock);
		sk_nulls_for_each(sk, node, &bucket->chain)
		{
			if (!net_eq(sock_net(sk), net))
				continue;
			ktcp_tcp_identify(sk, &identity);
			if (!fits(context, &identity))
				continue;
			if (collected == most) {
				spin_unlock_bh(lock);
				return collected;
			}
			/* Not if it is being freed, or not wholly in the table yet. */
			if (refcount_inc_not_zero(&sk->sk_refcnt))
				batch[collected++] = sk;
		}
		spin_unlock_bh(lock);
	}
	*place = KTCP_TCP_TABLE_END;
	return collected;
}

size_t ktcp_tcp_count_listeners(struct net *net,
				bool (*fits)(void *context, const struct ktcp_tcp_identity *each),
				void *context)
{
	struct inet_hashinfo *table;
	struct ktcp_tcp_identity identity;
	size_t count = 0;
	unsigned int i;

	net = net ? net : &init_net;
	table = ktcp_hashinfo(net);
	for (i = 0; i <= table->lhash2_mask; i++) {
		struct inet_listen_hashbucket *bucket = &table->lhash2[i];
		const struct hlist_nulls_node *node;
		struct sock *sk;

		cond_resched();
		/* As the tables of listeners are locked by inet_diag: nobody takes it in softirq. */
		spin_lock(&bucket->lock);
		sk_nulls_for_each(sk, node, &bucket->nulls_head)
		{
			if (!net_eq(sock_net(sk), net))
				continue;
			ktcp_tcp_identify(sk, &identity);
			if (fits(context, &identity))
				count++;
		}
		spin_unlock(&bucket->lock);
	}
	return count;
}

int ktcp_tcp_abort(struct sock *sk, int error)
{
	/*
	 * It was in no table of listeners when it was found, but its owner may have disconnected it
	 * and listened on it since, and tcp_abort() would end that, too. Who does so only now, before
	 * tcp_abort() has the socket's lock, comes too early: the lock is tcp_abort()'s to take.
	 */
	if (inet_sk_state_load(sk) == TCP_LISTEN)
		return -EPERM;
	return tcp_abort(sk, error);
}

void ktcp_tcp_put(struct sock *sk)
{
	sock_gen_put(sk);
}
