// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/lookup.h over the hash tables of TCP. */
#include <linux/netdevice.h>
#include <linux/rculist_nulls.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uidgid.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/inet_timewait_sock.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

#include <ktcp/port/lookup.h>

#ifdef KTCP_HAVE_DEATH_ROW_POINTER
#define KTCP_DEATH_ROW(net) ((net)->ipv4.tcp_death_row)
#else
#define KTCP_DEATH_ROW(net) (&(net)->ipv4.tcp_death_row)
#endif

/* A namespace may have a table of its own (net.ipv4.tcp_child_ehash_entries). */
static struct inet_hashinfo *ktcp_hashinfo(const struct net *net)
{
	return KTCP_DEATH_ROW(net)->hashinfo;
}

/* From 6.18 on, the look-ups find the table by themselves. */
#ifdef KTCP_HAVE_LOOKUP_HASHINFO
#define KTCP_LOOKUP_TABLE(net) net, ktcp_hashinfo(net)
#else
#define KTCP_LOOKUP_TABLE(net) net
#endif

/* With a device of 0 those that are bound to none; else those that are bound to it, too. */
static struct sock *ktcp_tcp_lookup(struct net *net, const struct ktcp_endpoint *local,
				    const struct ktcp_endpoint *remote, int device)
{
	struct in6_addr ours, theirs;
	struct sock *sk = NULL;

	memcpy(&ours, local->address, sizeof(ours));
	memcpy(&theirs, remote->address, sizeof(theirs));
	/* An IPv6 socket that speaks IPv4 is in the table by its IPv4 addresses. */
	if (ipv6_addr_v4mapped(&ours) && ipv6_addr_v4mapped(&theirs))
		sk = __inet_lookup_established(KTCP_LOOKUP_TABLE(net), theirs.s6_addr32[3],
					       htons(remote->port), ours.s6_addr32[3], local->port,
					       device, 0);
#if IS_ENABLED(CONFIG_IPV6)
	else if (!ipv6_addr_v4mapped(&ours) && !ipv6_addr_v4mapped(&theirs))
		sk = __inet6_lookup_established(KTCP_LOOKUP_TABLE(net), &theirs,
						htons(remote->port), &ours, local->port, device, 0);
#endif
	return sk;
}

/* As inet_diag asks: a connection without an owner has no inode any more. */
static void ktcp_tcp_owner(struct sock *sk, struct ktcp_tcp_identity *to)
{
	struct inode *inode;

	read_lock_bh(&sk->sk_callback_lock);
	to->owned = sk->sk_socket;
	if (to->owned) {
		inode = SOCK_INODE(sk->sk_socket);
		to->user = from_kuid_munged(sock_net(sk)->user_ns, inode->i_uid);
		to->inode = inode->i_ino;
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

/* But for the owner, all of it is in struct sock_common, which the three kinds of sockets share. */
static void ktcp_tcp_identify(struct sock *sk, struct ktcp_tcp_identity *to)
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
	/* One in FIN-WAIT-2 without an owner is kept in the same form. */
	if (to->state == KTCP_TCP_TIME_WAIT)
		to->state = READ_ONCE(inet_twsk(sk)->tw_substate);
	if (sk_fullsock(sk))
		ktcp_tcp_owner(sk, to);
}

/* One that has these ends, bound to a device or not, with a reference; NULL: there is none. Under RCU. */
static struct sock *ktcp_tcp_lookup_any(struct net *net, const struct ktcp_endpoint *local,
					const struct ktcp_endpoint *remote)
{
	/* The device may have gone: its sockets have its number still. */
	struct sock *sk = ktcp_tcp_lookup(net, local, remote, local->scope_id);
	struct net_device *device;

	/* A socket that is bound to a device or VRF is found with that device alone. */
	for_each_netdev_rcu(net, device)
	{
		if (sk || local->scope_id)
			break;
		sk = ktcp_tcp_lookup(net, local, remote, device->ifindex);
	}
	return sk;
}

static bool ktcp_tcp_has_ends(struct sock *sk, const struct ktcp_endpoint *local,
			      const struct ktcp_endpoint *remote)
{
	struct ktcp_tcp_identity identity;

	ktcp_tcp_identify(sk, &identity);
	return (!local->scope_id || local->scope_id == identity.local.scope_id) &&
	       local->port == identity.local.port && remote->port == identity.remote.port &&
	       !memcmp(local->address, identity.local.address, sizeof(local->address)) &&
	       !memcmp(remote->address, identity.remote.address, sizeof(remote->address));
}

/*
 * A look-up with a device gives the first that fits, and one that is bound to none fits each device. So it may hide
 * another. But sockets of the same ends have the same hash: those beside the first are all there are. Its owner may
 * connect it anew meanwhile, and its hash is another then. So it is read once: the lock is that of the chain.
 */
size_t ktcp_tcp_lookup_established(struct net *net, const struct ktcp_endpoint *local,
				   const struct ktcp_endpoint *remote, struct sock **batch,
				   size_t most)
{
	struct inet_hashinfo *table;
	const struct hlist_nulls_node *node;
	struct sock *first, *sk;
	spinlock_t *lock;
	unsigned int hash;
	size_t found = 0;

	net = net ? net : &init_net;
	table = ktcp_hashinfo(net);
	rcu_read_lock();
	first = ktcp_tcp_lookup_any(net, local, remote);
	rcu_read_unlock();
	if (!first)
		return 0;
	hash = READ_ONCE(first->sk_hash);
	lock = inet_ehash_lockp(table, hash);
	spin_lock_bh(lock);
	sk_nulls_for_each(sk, node, &inet_ehash_bucket(table, hash)->chain)
	{
		if (found == most)
			break;
		/* Not if it is being freed, or not wholly in the table yet. */
		if (sk->sk_hash == hash && net_eq(sock_net(sk), net) &&
		    ktcp_tcp_has_ends(sk, local, remote) && refcount_inc_not_zero(&sk->sk_refcnt))
			batch[found++] = sk;
	}
	spin_unlock_bh(lock);
	sock_gen_put(first);
	return found;
}

long ktcp_tcp_collect_established(struct net *net, unsigned int *place,
				  bool (*fits)(void *context, const struct ktcp_tcp_identity *each),
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
		/* The caller puts what is in the batch. Its next call has nothing in it. */
		if (fatal_signal_pending(current))
			return collected ? (long)collected : -EINTR;
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

static bool ktcp_tcp_fits(struct sock *sk, struct net *net,
			  bool (*fits)(void *context, const struct ktcp_tcp_identity *each),
			  void *context)
{
	struct ktcp_tcp_identity identity;

	if (!net_eq(sock_net(sk), net))
		return false;
	ktcp_tcp_identify(sk, &identity);
	return fits(context, &identity);
}

/* Before 5.19 the chains go by a node of their own, and struct sock's is in another table. */
static size_t ktcp_tcp_count_in(struct inet_listen_hashbucket *bucket, struct net *net,
				bool (*fits)(void *context, const struct ktcp_tcp_identity *each),
				void *context)
{
	size_t count = 0;
#ifdef KTCP_HAVE_LISTEN_PORTADDR_NODE
	struct inet_connection_sock *csk;

	hlist_for_each_entry(csk, &bucket->head, icsk_listen_portaddr_node)
		count += ktcp_tcp_fits(&csk->icsk_inet.sk, net, fits, context);
#else
	const struct hlist_nulls_node *node;
	struct sock *sk;

	sk_nulls_for_each(sk, node, &bucket->nulls_head)
		count += ktcp_tcp_fits(sk, net, fits, context);
#endif
	return count;
}

size_t ktcp_tcp_count_listeners(struct net *net,
				bool (*fits)(void *context, const struct ktcp_tcp_identity *each),
				void *context)
{
	struct inet_hashinfo *table;
	size_t count = 0;
	unsigned int i;

	net = net ? net : &init_net;
	table = ktcp_hashinfo(net);
	for (i = 0; i <= table->lhash2_mask; i++) {
		struct inet_listen_hashbucket *bucket = &table->lhash2[i];

		cond_resched();
		/* As inet_diag locks the tables of listeners: no softirq takes this lock. */
		spin_lock(&bucket->lock);
		count += ktcp_tcp_count_in(bucket, net, fits, context);
		spin_unlock(&bucket->lock);
	}
	return count;
}

/*
 * Does it wait in its listener's queue? tcp_abort() would own it for a moment, and a listener that
 * closes in that moment warns of a child with an owner: inet_csk_listen_stop(). One that has been
 * accepted is never in a queue again. sock_orphan() changes both under the callback lock.
 */
static bool ktcp_tcp_unaccepted(struct sock *sk)
{
	bool unaccepted;

	if (!sk_fullsock(sk))
		return false;
	read_lock_bh(&sk->sk_callback_lock);
	unaccepted = !sk->sk_socket && !sock_flag(sk, SOCK_DEAD);
	read_unlock_bh(&sk->sk_callback_lock);
	return unaccepted;
}

int ktcp_tcp_abort(struct sock *sk, int error)
{
	/*
	 * It was in no table of listeners when it was found. Its owner may have disconnected it and
	 * listened on it since, and tcp_abort() would end that, too. This look is too early for an
	 * owner that does so only now, before tcp_abort() has the socket's lock: the lock is
	 * tcp_abort()'s to take.
	 */
	if (inet_sk_state_load(sk) == TCP_LISTEN || ktcp_tcp_unaccepted(sk))
		return -EPERM;
#ifdef KTCP_HAVE_TWSK_DESCHEDULE_PUT
	/* As tcp_abort() does, but not that of older kernels (5.10, 5.15): they refuse. */
	if (inet_sk_state_load(sk) == TCP_TIME_WAIT) {
		struct inet_timewait_sock *tw = inet_twsk(sk);

		refcount_inc(&tw->tw_refcnt);
		local_bh_disable();
		inet_twsk_deschedule_put(tw);
		local_bh_enable();
		return 0;
	}
#endif
	return tcp_abort(sk, error);
}

void ktcp_tcp_put(struct sock *sk)
{
	sock_gen_put(sk);
}
