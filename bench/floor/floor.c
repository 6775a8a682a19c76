// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The floor: about the least that an echo in the kernel can do with TCP as it is.
 *
 * Bare TCP in sk_data_ready, in softirq: received bytes go back through one buffer, larger ones as
 * the page fragments that they came in. A thread accepts and closes, several at a time. There is no
 * back pressure, no limit and one processor: this measures (see ../plan.py) and serves nobody.
 */
#include <linux/bvec.h>
#include <linux/kthread.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/tcp.h>
#include <net/tcp.h>
#include <uapi/linux/sched/types.h>

#define FLOOR_PORT 12345
#define FLOOR_BUFFER 16384
#define FLOOR_FORWARD 4096 /* bytes from which on fragments are sent and not copies */

struct floor_conn {
	struct socket *sock;
	struct list_head all;
	struct llist_node gone;
	bool ended;
};

static struct socket *floor_listener;
static struct task_struct *floor_thread;
static char *floor_buffer;
static LIST_HEAD(floor_all); /* the thread's */
static LLIST_HEAD(floor_gone); /* for the thread to close */
static void (*floor_data_ready)(struct sock *sk); /* what sockets have before us */

static int floor_copy(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset, size_t len)
{
	const size_t size = min(len, desc->count);

	if (skb_copy_bits(skb, offset, floor_buffer + desc->written, size))
		return -EFAULT;
	desc->written += size;
	desc->count -= size;
	return size;
}

static long floor_send_page(struct sock *sk, struct page *page, unsigned int offset, size_t size,
			    bool more)
{
#ifdef FLOOR_HAVE_SENDPAGE
	return kernel_sendpage_locked(sk, page, offset, size,
				      MSG_DONTWAIT | (more ? MSG_MORE | MSG_SENDPAGE_NOTLAST : 0));
#else
	struct msghdr message = { .msg_flags = MSG_DONTWAIT | MSG_SPLICE_PAGES |
					       (more ? MSG_MORE : 0) };
	struct bio_vec part;

	bvec_set_page(&part, page, size, offset);
	iov_iter_bvec(&message.msg_iter, ITER_SOURCE, &part, 1, size);
	return tcp_sendmsg_locked(sk, &message, size);
#endif
}

/* Are all bytes in fragments of its own? A card's driver may leave the first ones before them. */
static bool floor_forwards(const struct sk_buff *skb)
{
	return !skb_headlen(skb) && !skb_has_frag_list(skb) && skb->len >= FLOOR_FORWARD;
}

static int floor_forward(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset,
			 size_t len)
{
	unsigned int begin = 0;
	size_t sent = 0;
	int i;

	if (!floor_forwards(skb))
		return 0; /* the next in the queue: it is looked at anew */
	for (i = 0; i < skb_shinfo(skb)->nr_frags && sent < len; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		const unsigned int end = begin + skb_frag_size(frag);

		if (offset < end) {
			const size_t size = min_t(size_t, end - offset, len - sent);
			const long did = floor_send_page(desc->arg.data, skb_frag_page(frag),
							 skb_frag_off(frag) + offset - begin, size,
							 sent + size < len);

			if (did <= 0)
				break;
			sent += did;
			offset += did;
			if (did < size)
				break;
		}
		begin = end;
	}
	return sent;
}

/* With the socket's spin lock held, and no other owner. */
static void floor_echo(struct sock *sk)
{
	struct floor_conn *conn = sk->sk_user_data;
	struct sk_buff *skb;

	while ((skb = skb_peek(&sk->sk_receive_queue))) {
		read_descriptor_t desc = { .arg.data = sk, .count = FLOOR_BUFFER };
		struct msghdr message = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
		struct kvec part = { .iov_base = floor_buffer };

		if (floor_forwards(skb)) {
			if (tcp_read_sock(sk, &desc, floor_forward) <= 0)
				break;
			continue;
		}
		if (tcp_read_sock(sk, &desc, floor_copy) <= 0)
			break;
		part.iov_len = desc.written;
		iov_iter_kvec(&message.msg_iter, WRITE, &part, 1, part.iov_len);
		tcp_sendmsg_locked(sk, &message, part.iov_len);
	}
	if ((sk->sk_shutdown & RCV_SHUTDOWN || sk->sk_err) && !conn->ended) {
		conn->ended = true;
		sk->sk_shutdown |= SEND_SHUTDOWN;
		sk->sk_prot->shutdown(sk, SEND_SHUTDOWN);
		if (llist_add(&conn->gone, &floor_gone))
			wake_up_process(floor_thread);
	}
}

static void floor_ready(struct sock *sk)
{
	if (sk->sk_state == TCP_LISTEN)
		wake_up_process(floor_thread);
	else if (sk->sk_user_data && !sock_owned_by_user(sk))
		floor_echo(sk);
}

/* Its callbacks are ours from here on, or no longer; bytes that came meanwhile are echoed. */
static void floor_hook(struct sock *sk, struct floor_conn *conn)
{
	local_bh_disable();
	bh_lock_sock(sk);
	sk->sk_user_data = conn;
	sk->sk_data_ready = conn ? floor_ready : floor_data_ready;
	if (conn)
		floor_echo(sk);
	bh_unlock_sock(sk);
	local_bh_enable();
}

static void floor_close(struct floor_conn *conn)
{
	floor_hook(conn->sock->sk, NULL);
	list_del(&conn->all);
	sock_release(conn->sock);
	kfree(conn);
}

static void floor_accept(void)
{
	struct floor_conn *conn;
	struct socket *sock;

	while (!reqsk_queue_empty(&inet_csk(floor_listener->sk)->icsk_accept_queue) &&
	       !kernel_accept(floor_listener, &sock, O_NONBLOCK)) {
		conn = kzalloc(sizeof(*conn), GFP_KERNEL);
		if (!conn) {
			sock_release(sock);
			return;
		}
		conn->sock = sock;
		list_add(&conn->all, &floor_all);
		sock->sk->sk_allocation = GFP_ATOMIC;
		floor_hook(sock->sk, conn);
	}
}

static int floor_run(void *unused)
{
	struct floor_conn *conn, *next;

	while (!kthread_should_stop()) {
		set_current_state(TASK_IDLE);
		if (llist_empty(&floor_gone) && !kthread_should_stop() &&
		    reqsk_queue_empty(&inet_csk(floor_listener->sk)->icsk_accept_queue))
			schedule();
		__set_current_state(TASK_RUNNING);
		llist_for_each_entry_safe(conn, next, llist_del_all(&floor_gone), gone)
			floor_close(conn);
		floor_accept();
	}
	/* An ended one is in both lists; the other one is not looked at any more. */
	list_for_each_entry_safe(conn, next, &floor_all, all) floor_close(conn);
	return 0;
}

static int __init floor_init(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(FLOOR_PORT) };
	/* It never preempts a client that connects: several wait when it accepts. */
	const struct sched_attr batch = { .sched_policy = SCHED_BATCH };
	int error = -ENOMEM;

	floor_buffer = kmalloc(FLOOR_BUFFER, GFP_KERNEL);
	if (!floor_buffer)
		return error;
	error = sock_create_kern(&init_net, PF_INET, SOCK_STREAM, IPPROTO_TCP, &floor_listener);
	if (error)
		goto free;
	sock_set_reuseaddr(floor_listener->sk);
	tcp_sock_set_nodelay(floor_listener->sk); /* inherited */
	error = kernel_bind(floor_listener, (struct sockaddr *)&address, sizeof(address));
	if (error)
		goto release;
	floor_thread = kthread_create(floor_run, NULL, "floor");
	if (IS_ERR(floor_thread)) {
		error = PTR_ERR(floor_thread);
		goto release;
	}
	sched_setattr_nocheck(floor_thread, &batch);
	floor_data_ready = floor_listener->sk->sk_data_ready;
	floor_listener->sk->sk_data_ready = floor_ready;
	error = kernel_listen(floor_listener, 4096);
	if (!error) {
		wake_up_process(floor_thread);
		return 0;
	}
	kthread_stop(floor_thread);
release:
	sock_release(floor_listener);
free:
	kfree(floor_buffer);
	return error;
}

static void __exit floor_exit(void)
{
	/* Children in its queue have our callback and end with it; running callbacks leave. */
	floor_hook(floor_listener->sk, NULL);
	kthread_stop(floor_thread);
	sock_release(floor_listener);
	synchronize_net();
	kfree(floor_buffer);
}

module_init(floor_init);
module_exit(floor_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("The least that a TCP echo in the kernel costs, for the benchmark");
