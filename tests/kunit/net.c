// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* net.h over the kernel's network. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/kprobes.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/percpu_counter.h>
#include <linux/preempt.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tcp.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "ktcp_probes.h"
#include "net.h"

/* Functions that modules are not given: where they are, a probe knows that is never armed. */
#ifdef MODULE
static void *ktcp_kunit_find(const char *name)
{
	struct kprobe probe = { .symbol_name = name, .flags = KPROBE_FLAG_DISABLED };

	if (register_kprobe(&probe))
		return NULL;
	unregister_kprobe(&probe);
	return probe.addr;
}
#define KTCP_KUNIT_FUNCTION(name) ((typeof(&(name)))ktcp_kunit_find(#name))
#else
#define KTCP_KUNIT_FUNCTION(name) (&(name))
#endif

static int ktcp_kunit_loopback_of(struct net *net, bool up)
{
	struct net_device *loopback = net->loopback_dev;
	unsigned int flags = loopback->flags;
	int status;

	rtnl_lock();
	status = dev_change_flags(loopback, up ? flags | IFF_UP : flags & ~IFF_UP, NULL);
	rtnl_unlock();
	return status;
}

int ktcp_kunit_loopback(bool up)
{
	return ktcp_kunit_loopback_of(&init_net, up);
}

static struct net *ktcp_kunit_ending;
static DECLARE_COMPLETION(ktcp_kunit_ended);

static void __net_exit ktcp_kunit_net_exit(struct net *net)
{
	if (net == READ_ONCE(ktcp_kunit_ending))
		complete(&ktcp_kunit_ended);
}

static struct pernet_operations ktcp_kunit_net_ops = {
	.exit = ktcp_kunit_net_exit,
};

struct net *ktcp_kunit_net_create(void)
{
	typeof(&copy_net_ns) copy = KTCP_KUNIT_FUNCTION(copy_net_ns);
	struct net *net;

	if (!copy || register_pernet_subsys(&ktcp_kunit_net_ops))
		return NULL;
	net = copy(CLONE_NEWNET, &init_user_ns, &init_net);
	if (IS_ERR(net)) {
		unregister_pernet_subsys(&ktcp_kunit_net_ops);
		return NULL;
	}
	ktcp_kunit_loopback_of(net, true);
	return net;
}

bool ktcp_kunit_net_gone(struct net *net)
{
	bool gone;

	reinit_completion(&ktcp_kunit_ended);
	WRITE_ONCE(ktcp_kunit_ending, net);
	put_net(net);
	gone = wait_for_completion_timeout(&ktcp_kunit_ended, 5 * HZ);
	WRITE_ONCE(ktcp_kunit_ending, NULL);
	unregister_pernet_subsys(&ktcp_kunit_net_ops);
	return gone;
}

long ktcp_kunit_tcp_sockets(void)
{
	return percpu_counter_sum(tcp_prot.sockets_allocated);
}

long ktcp_kunit_tcp_sockets_settled(long expected)
{
	int tries = 500;

	while (ktcp_kunit_tcp_sockets() > expected && tries--)
		msleep(10);
	return ktcp_kunit_tcp_sockets();
}

void ktcp_kunit_send_queues(int bytes)
{
	static int defaults[3];
	int *now = init_net.ipv4.sysctl_tcp_wmem; /* the least, the first, the most */

	if (!defaults[0])
		memcpy(defaults, now, sizeof(defaults));
	memcpy(now, defaults, sizeof(defaults));
	if (bytes)
		now[1] = now[2] = bytes;
}

bool ktcp_kunit_peer_has_all(struct socket *sock)
{
	const struct tcp_sock *tp = tcp_sk(sock->sk);
	bool taken;
	int tries;

	/* It may take 40 ms, the delay of an acknowledgement. */
	for (tries = 0; tries < 100; tries++) {
		lock_sock(sock->sk);
		taken = tp->snd_una == tp->write_seq;
		release_sock(sock->sk);
		if (taken)
			return true;
		if (tries < 10)
			cond_resched();
		else
			msleep(10);
	}
	return false;
}

int ktcp_kunit_send_urgent(struct socket *sock, const void *byte)
{
	struct msghdr message = { .msg_flags = MSG_OOB | MSG_NOSIGNAL };
	struct kvec part = { .iov_base = (void *)byte, .iov_len = 1 };

	return kernel_sendmsg(sock, &message, &part, 1, 1);
}

int ktcp_kunit_send_out_of_order(struct socket *sock)
{
	struct tcp_sock *tp = tcp_sk(sock->sk);
	struct msghdr message = { .msg_flags = MSG_NOSIGNAL };
	struct kvec part = { .iov_base = "x", .iov_len = 1 };

	/* A place in the sequence that no packet has. */
	lock_sock(sock->sk);
	WRITE_ONCE(tp->write_seq, tp->write_seq + 1);
	release_sock(sock->sk);
	return kernel_sendmsg(sock, &message, &part, 1, 1);
}

bool ktcp_kunit_has_nodelay(struct socket *sock)
{
	return tcp_sk(sock->sk)->nonagle & TCP_NAGLE_OFF;
}

bool ktcp_kunit_has_keepalive(struct socket *sock)
{
	return sock_flag(sock->sk, SOCK_KEEPOPEN);
}

bool ktcp_kunit_has_own_callbacks(struct socket *sock)
{
	struct sock *sk = sock->sk;

	return sk->sk_data_ready == KTCP_KUNIT_FUNCTION(sock_def_readable) &&
	       sk->sk_write_space == KTCP_KUNIT_FUNCTION(sk_stream_write_space);
}

bool ktcp_kunit_newest_is_locked(struct socket *listener)
{
	const struct request_sock_queue *queue = &inet_csk(listener->sk)->icsk_accept_queue;

	if (!READ_ONCE(queue->rskq_accept_head))
		return false;
	/* A spinlock of one processor's knows no state, but with DEBUG_SPINLOCK. */
	return (!IS_ENABLED(CONFIG_SMP) && !IS_ENABLED(CONFIG_DEBUG_SPINLOCK)) ||
	       spin_is_locked(&queue->rskq_accept_tail->sk->sk_lock.slock);
}

unsigned int ktcp_kunit_references(struct socket *sock)
{
	return refcount_read(&sock->sk->sk_refcnt);
}

struct ktcp_kunit_interrupt {
	struct hrtimer timer;
	void (*function)(void *context);
	void *context;
	struct completion over;
	bool hard;
};

static enum hrtimer_restart ktcp_kunit_interrupt(struct hrtimer *timer)
{
	struct ktcp_kunit_interrupt *self = container_of(timer, struct ktcp_kunit_interrupt, timer);

	self->hard = in_hardirq() || IS_ENABLED(CONFIG_PREEMPT_RT);
	self->function(self->context);
	complete(&self->over);
	return HRTIMER_NORESTART;
}

bool ktcp_kunit_in_hard_interrupt(void (*function)(void *context), void *context)
{
	struct ktcp_kunit_interrupt *self = kzalloc(sizeof(*self), GFP_KERNEL);
	bool hard;

	if (!self)
		return false;
	self->function = function;
	self->context = context;
	init_completion(&self->over);
#ifdef KTCP_HAVE_HRTIMER_SETUP
	hrtimer_setup(&self->timer, ktcp_kunit_interrupt, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&self->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	self->timer.function = ktcp_kunit_interrupt;
#endif
	hrtimer_start(&self->timer, ns_to_ktime(NSEC_PER_MSEC), HRTIMER_MODE_REL);
	wait_for_completion(&self->over);
	hrtimer_cancel(&self->timer); /* which waits for the callback's end */
	hard = self->hard;
	kfree(self);
	return hard;
}

void ktcp_kunit_kill(void)
{
	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
}

void ktcp_kunit_revive(void)
{
	disallow_signal(SIGKILL);
	flush_signals(current);
}

void ktcp_kunit_bind_to_device(struct socket *sock, int device)
{
	WRITE_ONCE(sock->sk->sk_bound_dev_if, device);
}
