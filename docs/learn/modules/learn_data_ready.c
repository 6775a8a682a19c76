// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Both ends of a connection, to see when the kernel calls sk_data_ready.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/tcp.h>

#include "learn.h"

static atomic_t calls;
static void (*original)(struct sock *sk);

/* In softirq, and under the socket's lock: count, and wake the task that sleeps in recv(). */
static void on_data(struct sock *sk)
{
	atomic_inc(&calls);
	original(sk);
}

static void hook(struct sock *sk, bool on)
{
	write_lock_bh(&sk->sk_callback_lock);
	if (on) {
		original = sk->sk_data_ready;
		sk->sk_data_ready = on_data;
	} else {
		sk->sk_data_ready = original;
	}
	write_unlock_bh(&sk->sk_callback_lock);
}

static void try(struct socket *from, struct socket *to)
{
	char bytes[8];
	int i;

	hook(to->sk, true);
	for (i = 0; i < 3; i++)
		learn_send(from, "x", 1);
	msleep(100);
	pr_info("3 messages, none read: called %d times\n", atomic_xchg(&calls, 0));
	msleep(200);
	pr_info("3 bytes lie there, nobody reads: called %d times\n", atomic_xchg(&calls, 0));
	learn_recv(to, bytes, 1);
	msleep(100);
	pr_info("one of them read, 2 lie there: called %d times\n", atomic_xchg(&calls, 0));
	kernel_sock_shutdown(from, SHUT_WR);
	msleep(100);
	pr_info("the peer has finished: called %d times\n", atomic_xchg(&calls, 0));
	hook(to->sk, false);
}

static int __init learn_init(void)
{
	struct sockaddr_in address = learn_address(7100);
	struct socket *listener = learn_listen(7100), *from, *to;
	int error;

	if (IS_ERR(listener))
		return PTR_ERR(listener);
	error = sock_create_kern(&init_net, PF_INET, SOCK_STREAM, IPPROTO_TCP, &from);
	if (!error) {
		error = kernel_connect(from, (struct sockaddr *)&address, sizeof(address), 0);
		if (!error)
			error = kernel_accept(listener, &to, 0);
		if (!error) {
			tcp_sock_set_nodelay(from->sk);
			try(from, to);
			sock_release(to);
		}
		sock_release(from);
	}
	sock_release(listener);
	return error;
}
module_init(learn_init);

/* All callbacks are restored before the sockets go, and those are gone before init ends. */
static void __exit learn_exit(void)
{
}
module_exit(learn_exit);

MODULE_DESCRIPTION("counts calls of sk_data_ready, for docs/learn/data-ready.md");
MODULE_LICENSE("Dual MIT/GPL");
