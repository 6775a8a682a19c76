// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/socket.h over struct socket and the TCP stack's kernel interface. */
#include <linux/bvec.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/percpu.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <linux/wait.h>
#include <net/flow.h>
#include <net/inet_common.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

#include <ktcp/port/file.h>
#include <ktcp/port/socket.h>

#ifndef KTCP_HAVE_SK_USER_DATA_FLAGS
#define __rcu_assign_sk_user_data_with_flags(sk, pointer, flags) \
	rcu_assign_pointer(__sk_user_data(sk), (void *)((uintptr_t)(pointer) | (flags)))
#endif
#ifndef ITER_SOURCE
#define ITER_SOURCE WRITE
#endif

/* ---- addresses -------------------------------------------------------------- */

static int ktcp_to_sockaddr(const struct socket *sock, const struct ktcp_endpoint *from,
			    struct sockaddr_storage *to)
{
	struct in6_addr address;

	memset(to, 0, sizeof(*to));
	memcpy(&address, from->address, sizeof(address));
	if (sock->sk->sk_family == AF_INET) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)to;

		if (!ipv6_addr_any(&address) && !ipv6_addr_v4mapped(&address))
			return -EAFNOSUPPORT;
		v4->sin_family = AF_INET;
		v4->sin_addr.s_addr = address.s6_addr32[3];
		v4->sin_port = htons(from->port);
		return sizeof(*v4);
	} else {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;

		v6->sin6_family = AF_INET6;
		v6->sin6_addr = address;
		v6->sin6_port = htons(from->port);
		v6->sin6_scope_id = from->scope_id;
		return sizeof(*v6);
	}
}

static void ktcp_from_sockaddr(const struct sockaddr_storage *from, struct ktcp_endpoint *to)
{
	struct in6_addr address;

	memset(to, 0, sizeof(*to));
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;

		ipv6_addr_set_v4mapped(v4->sin_addr.s_addr, &address);
		to->port = ntohs(v4->sin_port);
	} else {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

		address = v6->sin6_addr;
		to->port = ntohs(v6->sin6_port);
		to->scope_id = v6->sin6_scope_id;
	}
	memcpy(to->address, &address, sizeof(address));
}

/* The addresses are passed as void *: 6.19 renamed their type. */

int ktcp_sock_bind(struct socket *sock, const struct ktcp_endpoint *local)
{
	struct sockaddr_storage address;
	int length = ktcp_to_sockaddr(sock, local, &address);

	return length < 0 ? length : kernel_bind(sock, (void *)&address, length);
}

int ktcp_sock_connect(struct socket *sock, const struct ktcp_endpoint *remote)
{
	struct sockaddr_storage address;
	int length = ktcp_to_sockaddr(sock, remote, &address);

	return length < 0 ? length : kernel_connect(sock, (void *)&address, length, O_NONBLOCK);
}

int ktcp_sock_connected(struct socket *sock)
{
	struct sock *sk = sock->sk;
	int status = -ECONNABORTED;

	lock_sock(sk);
	/* A shutdown has it unconnected again, and then this would begin to connect. */
	if (sock->state == SS_CONNECTED)
		status = 0;
	else if (sock->state == SS_CONNECTING)
		status = __inet_stream_connect(sock, NULL, 0, O_NONBLOCK, 0);
	release_sock(sk);
	return status == -EALREADY ? -EINPROGRESS : status;
}

int ktcp_sock_local(struct socket *sock, struct ktcp_endpoint *out)
{
	struct sockaddr_storage address;
	int error = kernel_getsockname(sock, (void *)&address);

	if (error < 0)
		return error;
	ktcp_from_sockaddr(&address, out);
	return 0;
}

int ktcp_sock_remote(struct socket *sock, struct ktcp_endpoint *out)
{
	struct sockaddr_storage address;
	const struct sock *sk = sock->sk;
	int error = kernel_getpeername(sock, (void *)&address);

	if (error >= 0) {
		ktcp_from_sockaddr(&address, out);
		return 0;
	}
	/* A socket that was reset is closed, and has no peer to speak to. The peer's address is in it
	 * until it is disconnected. */
	if (error != -ENOTCONN || !sk->sk_dport)
		return error;
	memset(out, 0, sizeof(*out));
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		memcpy(out->address, &sk->sk_v6_daddr, sizeof(out->address));
		out->scope_id = ipv6_iface_scope_id(&sk->sk_v6_daddr, sk->sk_bound_dev_if);
	} else
#endif
		ipv6_addr_set_v4mapped(sk->sk_daddr, (struct in6_addr *)out->address);
	out->port = ntohs(sk->sk_dport);
	return 0;
}

/* ---- the owner of a socket ---------------------------------------------------- */

/*
 * The owner of sk_user_data owns the socket's callbacks. By that rule sockmap (sk_psock_init()) and
 * the kernel's own users of sockets keep out of each other's way. Ours has it from its making to
 * its release, hooked or not, so that no BPF program takes a socket that is being served.
 */
static struct ktcp_sock_hook ktcp_claim;

static int ktcp_sock_claim(struct sock *sk)
{
	int error = 0;

	write_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_user_data)
		error = -EBUSY;
	else
		__rcu_assign_sk_user_data_with_flags(sk, &ktcp_claim, SK_USER_DATA_NOCOPY);
	write_unlock_bh(&sk->sk_callback_lock);
	return error;
}

/* ---- life ------------------------------------------------------------------- */

/* Somebody else has it, and sees to its end (sock_map_close()). */
static void ktcp_sock_refuse(struct socket *sock)
{
	sock_no_linger(sock->sk);
	sock_release(sock);
}

int ktcp_sock_create(struct net *net, enum ktcp_family family, struct socket **out)
{
	int error = sock_create_kern(net ? net : &init_net,
				     family == KTCP_INET ? PF_INET : PF_INET6, SOCK_STREAM,
				     IPPROTO_TCP, out);

	if (error)
		return error;
	error = ktcp_sock_claim((*out)->sk);
	if (error)
		ktcp_sock_refuse(*out);
	return error;
}

void ktcp_sock_release(struct socket *sock)
{
	struct sock *sk = sock->sk;

	/* It may live on, without us. */
	write_lock_bh(&sk->sk_callback_lock);
	__rcu_assign_sk_user_data_with_flags(sk, NULL, 0);
	write_unlock_bh(&sk->sk_callback_lock);
	sock_release(sock);
}

int ktcp_sock_listen(struct socket *sock, int backlog)
{
	return kernel_listen(sock, backlog);
}

int ktcp_sock_shutdown(struct socket *sock, enum ktcp_shutdown how)
{
	static const enum sock_shutdown_cmd commands[] = {
		[KTCP_SHUT_RD] = SHUT_RD,
		[KTCP_SHUT_WR] = SHUT_WR,
		[KTCP_SHUT_RDWR] = SHUT_RDWR,
	};

	return kernel_sock_shutdown(sock, commands[how]);
}

int ktcp_sock_hold_net(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct net *net = maybe_get_net(sock_net(sk));

	if (!net)
		return -ENONET;
	lock_sock(sk);
	if (!sk->sk_net_refcnt) {
#if defined(KTCP_HAVE_SK_NET_REFCNT_UPGRADE)
		sk_net_refcnt_upgrade(sk);
#else
#if defined(KTCP_HAVE_NOTREFCNT_TRACKER)
		__netns_tracker_free(net, &sk->ns_tracker, false);
#endif
		sk->sk_net_refcnt = 1;
#ifdef KTCP_HAVE_GET_NET_TRACK
		get_net_track(net, &sk->ns_tracker, GFP_KERNEL);
		sock_inuse_add(net, 1);
#else
		get_net(net);
		this_cpu_add(*net->core.sock_inuse, 1);
#endif
#endif
	}
	release_sock(sk);
	put_net(net);
	return 0;
}

void ktcp_sock_no_linger(struct socket *sock)
{
	sock_no_linger(sock->sk);
}

/* ---- options ---------------------------------------------------------------- */

void ktcp_sock_set_reuseaddr(struct socket *sock)
{
	sock_set_reuseaddr(sock->sk);
}

void ktcp_sock_set_v6only(struct socket *sock, bool only)
{
	lock_sock(sock->sk);
	sock->sk->sk_ipv6only = only;
	release_sock(sock->sk);
}

void ktcp_sock_set_nodelay(struct socket *sock)
{
	tcp_sock_set_nodelay(sock->sk);
}

void ktcp_sock_set_keepalive(struct socket *sock)
{
	sock_set_keepalive(sock->sk);
}

void ktcp_sock_set_quickack(struct socket *sock, bool on)
{
	tcp_sock_set_quickack(sock->sk, on);
}

void ktcp_sock_set_oobinline(struct socket *sock)
{
	lock_sock(sock->sk);
	sock_set_flag(sock->sk, SOCK_URGINLINE);
	release_sock(sock->sk);
}

void ktcp_sock_set_rcvbuf(struct socket *sock, int bytes)
{
	sock_set_rcvbuf(sock->sk, bytes);
}

void ktcp_sock_set_sndbuf(struct socket *sock, int bytes)
{
	struct sock *sk = sock->sk;

	/* As sk_setsockopt(SO_SNDBUF) does; there is no call for it. */
	lock_sock(sk);
	sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	WRITE_ONCE(sk->sk_sndbuf, max_t(int, min(bytes, INT_MAX / 2) * 2, SOCK_MIN_SNDBUF));
	release_sock(sk);
}

void ktcp_sock_set_user_timeout(struct socket *sock, unsigned int ms)
{
	tcp_sock_set_user_timeout(sock->sk, ms);
}

static const struct {
	int level, name;
} ktcp_sock_options[] = {
	[KTCP_SOCK_KEEPALIVE_IDLE] = { SOL_TCP, TCP_KEEPIDLE },
	[KTCP_SOCK_KEEPALIVE_INTERVAL] = { SOL_TCP, TCP_KEEPINTVL },
	[KTCP_SOCK_KEEPALIVE_PROBES] = { SOL_TCP, TCP_KEEPCNT },
	[KTCP_SOCK_MARK] = { SOL_SOCKET, SO_MARK },
	[KTCP_SOCK_TOS] = { SOL_IP, IP_TOS },
	[KTCP_SOCK_RCVBUF] = { SOL_SOCKET, SO_RCVBUFFORCE },
	[KTCP_SOCK_SNDBUF] = { SOL_SOCKET, SO_SNDBUFFORCE },
	[KTCP_SOCK_FASTOPEN] = { SOL_TCP, TCP_FASTOPEN },
	[KTCP_SOCK_BIND_NO_PORT] = { SOL_IP, IP_BIND_ADDRESS_NO_PORT },
	[KTCP_SOCK_CONGESTION] = { SOL_TCP, TCP_CONGESTION },
	[KTCP_SOCK_DEVICE] = { SOL_SOCKET, SO_BINDTODEVICE },
};

static int ktcp_setsockopt(struct socket *sock, int level, int name, const void *value, size_t size)
{
	sockptr_t from = KERNEL_SOCKPTR((void *)value);

	return level == SOL_SOCKET ? sock_setsockopt(sock, level, name, from, size) :
				     sock->ops->setsockopt(sock, level, name, from, size);
}

int ktcp_sock_set_option(struct socket *sock, enum ktcp_sock_option option, const void *value,
			 size_t size)
{
	int status = ktcp_setsockopt(sock, ktcp_sock_options[option].level,
				     ktcp_sock_options[option].name, value, size);

	if (!status && option == KTCP_SOCK_TOS && sock->sk->sk_family == AF_INET6)
		status = ktcp_setsockopt(sock, SOL_IPV6, IPV6_TCLASS, value, size);
	return status;
}

/* ---- data ------------------------------------------------------------------- */

bool ktcp_sock_readable(const struct socket *sock)
{
	const struct sock *sk = sock->sk;

	/* A hint without the lock. Later bytes call ktcp_data_ready(), whose event no turn misses. */
	return !skb_queue_empty_lockless(&sk->sk_receive_queue) || READ_ONCE(sk->sk_backlog.tail) ||
	       READ_ONCE(sk->sk_state) != TCP_ESTABLISHED || READ_ONCE(sk->sk_err) ||
	       READ_ONCE(sk->sk_shutdown);
}

/* Without the socket's lock. The first node alone says whether the tree is empty. */
bool ktcp_sock_is_clean(const struct socket *sock)
{
	return !ktcp_sock_readable(sock) &&
	       !READ_ONCE(tcp_sk(sock->sk)->out_of_order_queue.rb_node);
}

struct ktcp_reading {
	char *buffer;
	size_t room;
};

static int ktcp_take(read_descriptor_t *descriptor, struct sk_buff *skb, unsigned int offset,
		     size_t length)
{
	struct ktcp_reading *reading = descriptor->arg.data;
	size_t taken = min(length, reading->room);

	if (taken && skb_copy_bits(skb, offset, reading->buffer, taken) < 0)
		return -EFAULT;
	reading->buffer += taken;
	reading->room -= taken;
	descriptor->count = reading->room; /* 0: enough */
	return taken;
}

static noinline int ktcp_take_all(struct sock *sk, void *buffer, size_t size)
{
	struct ktcp_reading reading = { .buffer = buffer, .room = size };
	read_descriptor_t descriptor = { .arg.data = &reading, .count = size };

	return tcp_read_sock(sk, &descriptor, ktcp_take);
}

/*
 * The same where the queue has one packet, which is the rule for short messages: tcp_read_sock() looks at the
 * queue four times. 0: it has none, or several, or what is next is no plain data.
 */
static int ktcp_take_only(struct sock *sk, void *buffer, size_t size)
{
#ifdef KTCP_HAVE_TCP_READ_DONE
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct sk_buff *skb = skb_peek(&sk->sk_receive_queue);
	u32 offset;

	if (!skb || !skb_queue_is_last(&sk->sk_receive_queue, skb) || tp->urg_data ||
	    TCP_SKB_CB(skb)->tcp_flags & (TCPHDR_SYN | TCPHDR_FIN))
		return 0;
	offset = tp->copied_seq - TCP_SKB_CB(skb)->seq;
	if (offset >= skb->len)
		return 0;
	size = min_t(size_t, size, skb->len - offset);
	if (skb_copy_bits(skb, offset, buffer, size) < 0)
		return -EFAULT;
	tcp_read_done(sk, size);
	return size;
#else
	return 0;
#endif
}

/*
 * With lock_sock() held, or in softirq: takes bytes from the receive queue. -EINPROGRESS: an urgent
 * byte is next, which only tcp_recvmsg() steps over.
 */
static long ktcp_recv_locked(struct sock *sk, void *buffer, size_t size)
{
	long got = ktcp_take_only(sk, buffer, size) ?: ktcp_take_all(sk, buffer, size);

	if (got)
		return got;
	/* 0 by itself means nothing: what is next, and why is it not data? */
	if (tcp_sk(sk)->urg_data && !skb_queue_empty(&sk->sk_receive_queue))
		return -EINPROGRESS;
	/* As tcp_recvmsg_locked(), from here on. The peer's FIN: tcp_fin(). */
	if (sock_flag(sk, SOCK_DONE))
		return 0;
	if (sk->sk_err)
		return sock_error(sk);
	/*
	 * tcp_recvmsg_locked() says the end of the stream in any case. But over and without a FIN it was a reset, of
	 * which a send was told. A reader must not take a part for the whole.
	 */
	if (sk->sk_shutdown & RCV_SHUTDOWN)
		return sk->sk_state == TCP_CLOSE ? -ECONNRESET : 0;
	/* There never was a connection. */
	return sk->sk_state == TCP_CLOSE ? -ENOTCONN : -EAGAIN;
}

/* Not by kernel_recvmsg(), which for a short message is twice the way. */
long ktcp_sock_recv(struct socket *sock, void *buffer, size_t size)
{
	struct msghdr message = {};
	struct kvec part = { .iov_base = buffer, .iov_len = size };
	long got;

	lock_sock(sock->sk);
	got = ktcp_recv_locked(sock->sk, buffer, size);
	release_sock(sock->sk);
	if (got == -EINPROGRESS)
		got = kernel_recvmsg(sock, &message, &part, 1, size, MSG_DONTWAIT);
	return got;
}

static int ktcp_msg_flags(unsigned int flags)
{
	return MSG_DONTWAIT | MSG_NOSIGNAL | (flags & KTCP_SEND_MORE ? MSG_MORE : 0);
}

/*
 * These two with lock_sock() held, or in softirq. The pages are one write. It goes out when the
 * last page was added, or when there is no more room, which pushes by itself.
 */
static long ktcp_send_pages_locked(struct sock *sk, const struct ktcp_file_page *pages,
				   unsigned int count, int msg_flags)
{
#ifdef KTCP_HAVE_KERNEL_SENDPAGE
	long all = 0;

	for (; count--; pages++) {
		const int more = count ? MSG_MORE | MSG_SENDPAGE_NOTLAST : 0;
		const long sent = kernel_sendpage_locked(sk, pages->page, pages->offset,
							 pages->size, msg_flags | more);

		if (sent > 0)
			all += sent;
		if (sent != pages->size)
			return all ?: sent;
	}
	return all;
#else
	struct msghdr message = { .msg_flags = msg_flags | MSG_SPLICE_PAGES };
	struct bio_vec parts[KTCP_FILE_PAGES_MOST];
	size_t size = 0;
	unsigned int i;

	for (i = 0; i < count; i++) {
		bvec_set_page(&parts[i], pages[i].page, pages[i].size, pages[i].offset);
		size += pages[i].size;
	}
	iov_iter_bvec(&message.msg_iter, ITER_SOURCE, parts, count, size);
	return tcp_sendmsg_locked(sk, &message, size);
#endif
}

static long ktcp_send_buffer_locked(struct sock *sk, const void *data, size_t size, int msg_flags)
{
	struct page *head = virt_to_head_page(data);
	const struct ktcp_file_page page = {
		.page = head,
		.offset = data - page_address(head),
		.size = size,
	};

	return ktcp_send_pages_locked(sk, &page, 1, msg_flags);
}

static long ktcp_send_locked(struct sock *sk, const void *data, size_t size, unsigned int flags)
{
	struct msghdr message = { .msg_flags = ktcp_msg_flags(flags) };
	struct kvec part = { .iov_base = (void *)data, .iov_len = size };

	if (flags & KTCP_SEND_PAGES)
		return ktcp_send_buffer_locked(sk, data, size, message.msg_flags);
	iov_iter_kvec(&message.msg_iter, ITER_SOURCE, &part, 1, size);
	return tcp_sendmsg_locked(sk, &message, size);
}

/* Is -EAGAIN want of room, or of memory? */
static long ktcp_sent(struct socket *sock, long sent)
{
	return sent == -EAGAIN && tcp_rtx_and_write_queues_empty(sock->sk) ? -ENOBUFS : sent;
}

long ktcp_sock_send(struct socket *sock, const void *data, size_t size, unsigned int flags)
{
	long sent;

	lock_sock(sock->sk);
	sent = ktcp_send_locked(sock->sk, data, size, flags);
	release_sock(sock->sk);
	return ktcp_sent(sock, sent);
}

long ktcp_sock_send_pages(struct socket *sock, const struct ktcp_file_page *pages,
			  unsigned int count, unsigned int flags)
{
	long sent;

	lock_sock(sock->sk);
	sent = ktcp_send_pages_locked(sock->sk, pages, count, ktcp_msg_flags(flags));
	release_sock(sock->sk);
	return ktcp_sent(sock, sent);
}

int ktcp_sock_wait_for_poke(struct socket *sock, unsigned int events, int timeout_ms, bool *poked)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sock *sk = sock->sk;
	__poll_t wanted = events ? EPOLLERR | EPOLLHUP : 0;
	long left = timeout_ms < 0 ? MAX_SCHEDULE_TIMEOUT : msecs_to_jiffies(timeout_ms);
	int status = 0;

	if (events & KTCP_SOCK_READABLE)
		wanted |= EPOLLIN | EPOLLRDHUP;
	if (events & KTCP_SOCK_WRITABLE)
		wanted |= EPOLLOUT;

	add_wait_queue(sk_sleep(sk), &wait);
	/*
	 * Pairs with smp_mb() of wq_has_sleeper() in sock_def_readable() and its like:
	 *
	 *	here				TCP, on another processor
	 *	joins the queue			queues data, or sets sk_err, sk_shutdown
	 *	smp_mb()			smp_mb()
	 *	looks for data			looks whether the queue is empty
	 *
	 * One of the two sees the other. Without it other processors could see the look before
	 * the queue was joined. TCP then finds the queue empty, this finds no data, and sleeps
	 * for ever (R+W+R of
	 * Documentation/memory-barriers.txt). sock_poll_wait() has it for a poll() with a table,
	 * and
	 * tcp_poll() without one has none. Later looks come behind wait_woken()'s.
	 */
	smp_mb();
	/* tcp_poll() without a table waits for nothing, and asks for the wake-up
	 * (SOCK_NOSPACE) before it looks a second time. */
	while (!(poked && READ_ONCE(*poked)) && !(sock->ops->poll(NULL, sock, NULL) & wanted) &&
	       !(!events && ktcp_sock_is_lost(sock))) {
		/* With a signal pending wait_woken() does not sleep. */
		if (signal_pending(current) ||
		    ((current->flags & PF_KTHREAD) && kthread_should_stop())) {
			status = -EINTR;
			break;
		}
		if (!left) {
			status = -ETIMEDOUT;
			break;
		}
		left = wait_woken(&wait, TASK_INTERRUPTIBLE, left);
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	/* A full barrier. If this reads true, we see the work before the poke. A later poke ends
	 * the next wait. */
	if (poked)
		xchg(poked, false);
	return status;
}

int ktcp_sock_wait(struct socket *sock, unsigned int events, int timeout_ms)
{
	return ktcp_sock_wait_for_poke(sock, events, timeout_ms, NULL);
}

void ktcp_sock_poke(struct socket *sock, bool *poked)
{
	smp_store_release(poked, true); /* pairs with xchg() */
	/* Always by the queue's lock: its waiter joins the queue and then looks at @poked. */
	wake_up(sk_sleep(sock->sk));
}

int ktcp_sock_incoming_cpu(const struct socket *sock)
{
	return READ_ONCE(sock->sk->sk_incoming_cpu);
}

bool ktcp_sock_is_local(const struct socket *sock)
{
#ifdef KTCP_HAVE_SK_RX_DST_IFINDEX
	return READ_ONCE(sock->sk->sk_rx_dst_ifindex) == LOOPBACK_IFINDEX;
#else
	return READ_ONCE(inet_sk(sock->sk)->rx_dst_ifindex) == LOOPBACK_IFINDEX;
#endif
}

/* ---- how the peer does ------------------------------------------------------- */

/*
 * As tcp_inq(), without the lock. A FIN takes a place in the sequence, and is no byte. The loads may be of two
 * moments: the difference is signed, and a wrong answer lasts until the next question.
 */
bool ktcp_sock_has_unread(const struct socket *sock)
{
	const struct tcp_sock *tp = tcp_sk(sock->sk);
	const u32 copied = READ_ONCE(tp->copied_seq);
	const s32 unread = READ_ONCE(tp->rcv_nxt) - copied;

	return unread > sock_flag(sock->sk, SOCK_DONE);
}

/*
 * tcp_fin() sets the flag, and tcp_reset(), tcp_write_err() and tcp_abort() the error. tcp_done() sets the state behind
 * them: inet_sk_state_store() pairs with this load. A reset behind the FIN is EPIPE.
 */
bool ktcp_sock_is_lost(const struct socket *sock)
{
	const struct sock *sk = sock->sk;
	int error;

	if (inet_sk_state_load(sk) != TCP_CLOSE)
		return false;
	error = READ_ONCE(sk->sk_err);
	return !sock_flag(sk, SOCK_DONE) || (error && error != EPIPE);
}

uint32_t ktcp_sock_unheard_ms(const struct socket *sock)
{
	/* Another CPU may just have received: then it is later than our clock. */
	const s32 age = tcp_jiffies32 - READ_ONCE(inet_csk(sock->sk)->icsk_ack.lrcvtime);

	return age > 0 ? jiffies_to_msecs(age) : 0;
}

/*
 * tcp_rate_gen() sets it for each acknowledgement that delivers a packet, and tcp_rate_skb_sent() where
 * none was under way. Probes of a closed window and their answers leave it alone.
 */
uint32_t ktcp_sock_untaken_ms(const struct socket *sock)
{
	const u64 last = READ_ONCE(tcp_sk(sock->sk)->delivered_mstamp), now = tcp_clock_us();

	if (!last)
		return U32_MAX;
	return now > last ? min_t(u64, div_u64(now - last, USEC_PER_MSEC), U32_MAX) : 0;
}

uint32_t ktcp_sock_unread(const struct socket *sock)
{
	const struct tcp_sock *tp = tcp_sk(sock->sk);

	return READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd_una) + READ_ONCE(tp->max_window);
}

/* ---- events: a connection --------------------------------------------------- */

enum { KTCP_SAVED_DATA_READY, KTCP_SAVED_WRITE_SPACE, KTCP_SAVED_STATE_CHANGE };

/*
 * TCP calls the three below with the socket's lock held (softirq, or the owner's backlog). They are
 * installed and removed under lock_sock(). So sk_user_data is stable inside them, and they cannot
 * run once ktcp_sock_unhook() has returned.
 */
static struct ktcp_sock_hook *ktcp_hook_of(const struct sock *sk)
{
	struct ktcp_sock_hook *hook = (void *)((uintptr_t)READ_ONCE(sk->sk_user_data) &
					       SK_USER_DATA_PTRMASK);

	/* Claimed without being hooked: there is no event() to call. */
	return hook == &ktcp_claim ? NULL : hook;
}

static void ktcp_data_ready(struct sock *sk)
{
	struct ktcp_sock_hook *hook = ktcp_hook_of(sk);

	/*
	 * The backlog of a socket that a process owns runs in that process, preemptible and
	 * with bottom halves on: that is not softirq.
	 */
	if (hook)
		hook->event(hook, KTCP_SOCK_READABLE |
					  (sock_owned_by_user_nocheck(sk) ? 0 : KTCP_SOCK_SOFTIRQ));
}

static void ktcp_write_space(struct sock *sk)
{
	struct ktcp_sock_hook *hook = ktcp_hook_of(sk);

	/* As sk_stream_write_space(): no wake-up for a sliver of room. SOCK_NOSPACE
	 * stays set then, so that the next acknowledgement calls again. */
	if (!hook || !sk_stream_is_writeable(sk))
		return;
	if (sk->sk_socket)
		clear_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	hook->event(hook, KTCP_SOCK_WRITABLE);
}

static void ktcp_state_change(struct sock *sk)
{
	struct ktcp_sock_hook *hook = ktcp_hook_of(sk);

	/* The peer's FIN: tcp_data_ready() follows, under the same lock. */
	if (sk->sk_state == TCP_CLOSE_WAIT)
		return;
	if (hook)
		hook->event(hook, KTCP_SOCK_STATE);
}

void ktcp_sock_hook(struct socket *sock, struct ktcp_sock_hook *hook)
{
	struct sock *sk = sock->sk;

	lock_sock(sk);
	write_lock_bh(&sk->sk_callback_lock);
	hook->saved[KTCP_SAVED_DATA_READY] = sk->sk_data_ready;
	hook->saved[KTCP_SAVED_WRITE_SPACE] = sk->sk_write_space;
	hook->saved[KTCP_SAVED_STATE_CHANGE] = sk->sk_state_change;
	__rcu_assign_sk_user_data_with_flags(sk, hook, SK_USER_DATA_NOCOPY);
	WRITE_ONCE(sk->sk_data_ready, ktcp_data_ready);
	WRITE_ONCE(sk->sk_write_space, ktcp_write_space);
	WRITE_ONCE(sk->sk_state_change, ktcp_state_change);
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
}

void ktcp_sock_unhook(struct socket *sock, struct ktcp_sock_hook *hook)
{
	struct sock *sk = sock->sk;

	lock_sock(sk);
	write_lock_bh(&sk->sk_callback_lock);
	WRITE_ONCE(sk->sk_data_ready, hook->saved[KTCP_SAVED_DATA_READY]);
	WRITE_ONCE(sk->sk_write_space, hook->saved[KTCP_SAVED_WRITE_SPACE]);
	WRITE_ONCE(sk->sk_state_change, hook->saved[KTCP_SAVED_STATE_CHANGE]);
	__rcu_assign_sk_user_data_with_flags(sk, &ktcp_claim, SK_USER_DATA_NOCOPY);
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
}

/* ---- receiving and sending inside an event ------------------------------------ */

/*
 * Fragments that are used in turn. When one is full, TCP still has most of it in flight. When its
 * turn comes again that was acknowledged, and skb_page_frag_refill() begins it anew. One alone
 * would need a fresh and zeroed page each time.
 */
struct ktcp_softirq_fragments {
	struct page_frag ring[4];
	unsigned int at;
};

struct ktcp_softirq_pages {
	struct ktcp_softirq_fragments __percpu *fragments;
};

struct ktcp_softirq_pages *ktcp_softirq_pages_create(void)
{
	struct ktcp_softirq_pages *pages = kzalloc(sizeof(*pages), GFP_KERNEL);

	if (!pages)
		return NULL;
	pages->fragments = alloc_percpu(struct ktcp_softirq_fragments);
	if (!pages->fragments) {
		kfree(pages);
		return NULL;
	}
	return pages;
}

void ktcp_softirq_pages_destroy(struct ktcp_softirq_pages *pages)
{
	unsigned int i;
	int cpu;

	if (!pages)
		return;
	for_each_possible_cpu(cpu)
	{
		struct ktcp_softirq_fragments *fragments = per_cpu_ptr(pages->fragments, cpu);

		for (i = 0; i < ARRAY_SIZE(fragments->ring); i++)
			if (fragments->ring[i].page)
				put_page(fragments->ring[i].page);
	}
	free_percpu(pages->fragments);
	kfree(pages);
}

/* One with room for @size bytes, or for a page's worth: TCP replaces it when it runs full. */
static struct page_frag *ktcp_softirq_fragment(struct ktcp_softirq_pages *pages, size_t size)
{
	struct ktcp_softirq_fragments *fragments = this_cpu_ptr(pages->fragments);
	struct page_frag *fragment = &fragments->ring[fragments->at];

	/* The counts are hints: skb_page_frag_refill() looks itself before it begins a page anew. */
	if (fragment->page && fragment->size - fragment->offset < min(size, PAGE_SIZE) &&
	    page_ref_count(fragment->page) != 1) {
		fragments->at = (fragments->at + 1) % ARRAY_SIZE(fragments->ring);
		fragment = &fragments->ring[fragments->at];
		/* Still in flight: TCP is to replace it, not to use the little that is left. */
		if (fragment->page && page_ref_count(fragment->page) != 1)
			fragment->offset = fragment->size;
	}
	return fragment;
}

long ktcp_sock_softirq_recv(struct socket *sock, void *buffer, size_t size)
{
	return ktcp_recv_locked(sock->sk, buffer, size);
}

/* May sk_page_frag() be current's? Returns whether it was. A kernel without the field asks
 * sk_allocation alone, and says no to an atomic one. */
static bool ktcp_use_task_frag(struct sock *sk, bool use)
{
#ifdef KTCP_HAVE_SK_USE_TASK_FRAG
	swap(sk->sk_use_task_frag, use);
#endif
	return use;
}

/* The socket borrows this CPU's fragment for the call; softirqs do not nest, so no other code has it. */
static long ktcp_send_from_fragment(struct sock *sk, const void *data, size_t size,
				    unsigned int flags, struct page_frag *fragment)
{
	struct page_frag own = sk->sk_frag;
	long sent;

	sk->sk_frag = *fragment;
	sent = ktcp_send_locked(sk, data, size, flags);
	*fragment = sk->sk_frag;
	sk->sk_frag = own;
	return sent;
}

#ifdef KTCP_HAVE_KERNEL_SENDPAGE
/*
 * Without tcp_sendmsg_locked(), whose checks of a user's memory cost more than a short copy. We copy into the
 * fragment, and TCP takes the page. No other code writes to these bytes, so they are not shared.
 */
static long ktcp_send_short(struct sock *sk, const void *data, size_t size, unsigned int flags,
			    struct page_frag *fragment)
{
	const struct ktcp_file_page page = {
		.page = fragment->page,
		.offset = fragment->offset,
		.size = size,
	};
	long sent;

	memcpy(page_address(page.page) + page.offset, data, size);
	sent = ktcp_send_pages_locked(sk, &page, 1, ktcp_msg_flags(flags) | MSG_NO_SHARED_FRAGS);
	if (sent > 0)
		fragment->offset += sent;
	return sent;
}
#endif

/* By TCP itself, from pages that it takes, or from a fragment that is this CPU's. */
static long ktcp_softirq_send_locked(struct sock *sk, const void *data, size_t size,
				     unsigned int flags, struct ktcp_softirq_pages *pages)
{
	/* Without SG it copies what is in pages, too. */
	const bool takes_pages = sk->sk_route_caps & NETIF_F_SG;
	struct page_frag *fragment;

	if (takes_pages && flags & KTCP_SEND_PAGES)
		return ktcp_send_buffer_locked(sk, data, size, ktcp_msg_flags(flags));
	fragment = ktcp_softirq_fragment(pages, size);
#ifdef KTCP_HAVE_KERNEL_SENDPAGE
	if (takes_pages && size <= PAGE_SIZE && skb_page_frag_refill(size, fragment, GFP_ATOMIC))
		return ktcp_send_short(sk, data, size, flags, fragment);
#endif
	return ktcp_send_from_fragment(sk, data, size, flags, fragment);
}

long ktcp_sock_softirq_send(struct socket *sock, const void *data, size_t size, unsigned int flags,
			    struct ktcp_softirq_pages *pages)
{
	struct sock *sk = sock->sk;
	gfp_t allocation = sk->sk_allocation;
	bool use_task_frag;
	long sent;

	/*
	 * current is the interrupted task: neither its page fragment (6.12 would take that with any
	 * sk_allocation) nor its right to sleep are ours.
	 */
	sk->sk_allocation = GFP_ATOMIC;
	use_task_frag = ktcp_use_task_frag(sk, false);
	sent = ktcp_softirq_send_locked(sk, data, size, flags, pages);
	ktcp_use_task_frag(sk, use_task_frag);
	sk->sk_allocation = allocation;

	if (sent == -EAGAIN && tcp_rtx_and_write_queues_empty(sk))
		return -EINPROGRESS;
	return sent;
}

void ktcp_sock_softirq_finish(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (!skb_queue_empty(&sk->sk_receive_queue))
		return;
	/*
	 * As inet_shutdown(); tcp_send_fin() allocates atomically wherever it is. tcp_poll() and
	 * ktcp_sock_readable() look without the lock.
	 */
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | SEND_SHUTDOWN);
	sk->sk_prot->shutdown(sk, SEND_SHUTDOWN);
}

struct sock *ktcp_sock_trylock_bh(struct socket *sock)
{
	struct sock *sk = sock->sk;

	bh_lock_sock(sk);
	if (!sock_owned_by_user_nocheck(sk)) {
		__release(&sk->sk_lock.slock); /* for sparse: the caller has it now */
		return sk;
	}
	bh_unlock_sock(sk);
	return NULL;
}

struct sock *ktcp_sock_try_bh(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (!spin_trylock(&sk->sk_lock.slock))
		return NULL;
	if (!sock_owned_by_user_nocheck(sk)) {
		__release(&sk->sk_lock.slock); /* for sparse: the caller has it now */
		return sk;
	}
	bh_unlock_sock(sk);
	return NULL;
}

void ktcp_sock_unlock_bh(struct sock *sk)
{
	__acquire(&sk->sk_lock.slock); /* for sparse: the caller had it */
	bh_unlock_sock(sk);
}

/* ---- events: a listener ----------------------------------------------------- */

/*
 * By its wait queue, as net/9p/trans_fd.c does. Children would inherit a callback in the listener's
 * struct sock, and it would go wherever they go. A sockmap saves it and puts it back later
 * (sk_psock_start_verdict()), and net.ipv4.tcp_migrate_req moves it to another listener.
 *
 * Children that wait to be accepted have no callbacks of ours either. They have no wait queue then.
 * The port gives them one, which their own callbacks wake; sock_graft() or sock_orphan() takes it
 * from them.
 */
struct ktcp_listener_waiter {
	struct wait_queue_entry entry; /* in the listener's queue */
	struct socket_wq children; /* of connections that are not accepted yet … */
	struct wait_queue_entry child; /* … and our entry there */
	struct sock *sk;
	struct ktcp_sock_hook *hook;
	struct rcu_head rcu;
};

/* So many connections need not wait for their peers' first bytes. */
#define KTCP_LISTENER_MANY 64

/*
 * Give the newest connection the wait queue, and look for its data. No data comes between the two: the CPU that adds
 * a connection holds its lock until this wake-up returns (tcp_child_process(), tcp_conn_request(),
 * inet_csk_listen_stop()). Later data finds the queue. Another CPU may have added a connection meanwhile: then that
 * one gets the queue twice, and this one's hint is lost.
 * Return: the event to tell.
 */
static unsigned int ktcp_listener_watch(struct ktcp_listener_waiter *waiter)
{
	struct request_sock_queue *queue = &inet_csk(waiter->sk)->icsk_accept_queue;
	unsigned int event = KTCP_SOCK_READABLE;
	struct sock *child;

	/* A connection of a group may go to another listener of it, and would keep the queue. */
	if (rcu_access_pointer(waiter->sk->sk_reuseport_cb) ||
	    READ_ONCE(waiter->sk->sk_ack_backlog) >= KTCP_LISTENER_MANY)
		return event;
	/* Interrupts are off, by the wait queue's lock. Under this one the child stays queued. */
	spin_lock(&queue->rskq_lock);
	if (queue->rskq_accept_head) {
		child = queue->rskq_accept_tail->sk;
		rcu_assign_pointer(child->sk_wq, &waiter->children);
		if (skb_queue_empty_lockless(&child->sk_receive_queue) &&
		    READ_ONCE(child->sk_state) == TCP_ESTABLISHED)
			event = KTCP_SOCK_CONNECTED;
	}
	spin_unlock(&queue->rskq_lock);
	return event;
}

/* With the queue's lock held. A wake-up without a key is sock_def_wakeup()'s: its state changed. */
static int ktcp_listener_woken(struct wait_queue_entry *entry, unsigned int mode, int flags,
			       void *key)
{
	struct ktcp_listener_waiter *waiter = container_of(entry, struct ktcp_listener_waiter,
							   entry);

	waiter->hook->event(waiter->hook, key_to_poll(key) & EPOLLIN ? ktcp_listener_watch(waiter) :
								       KTCP_SOCK_STATE);
	return 0; /* nobody was woken */
}

static int ktcp_listener_child_woken(struct wait_queue_entry *entry, unsigned int mode, int flags,
				     void *key)
{
	struct ktcp_listener_waiter *waiter = container_of(entry, struct ktcp_listener_waiter,
							   child);

	waiter->hook->event(waiter->hook, KTCP_SOCK_READABLE);
	return 0;
}

/*
 * To lockdep all sockets' wait queues are one lock. Hard interrupts take that of a connection whose handler
 * blocks (ktcp_sock_poke()), and a listener's is held around rskq_lock, which they may not wait for. No hard
 * interrupt wakes a listener, so its queue is a lock of its own.
 */
static struct lock_class_key ktcp_listener_queue_key;

int ktcp_sock_hook_listener(struct socket *sock, struct ktcp_sock_hook *hook)
{
	struct ktcp_listener_waiter *waiter = kzalloc(sizeof(*waiter), GFP_KERNEL);

	if (!waiter)
		return -ENOMEM;
	/* Before listen() the kernel leaves the lock alone. The class of one that is held may not change. */
	WARN_ON_ONCE(sock->sk->sk_state == TCP_LISTEN);
	lockdep_set_class_and_name(&sk_sleep(sock->sk)->lock, &ktcp_listener_queue_key,
				   "ktcp_listener_queue");
	waiter->sk = sock->sk;
	waiter->hook = hook;
	hook->saved[0] = waiter;
	init_waitqueue_head(&waiter->children.wait);
	init_waitqueue_func_entry(&waiter->child, ktcp_listener_child_woken);
	add_wait_queue(&waiter->children.wait, &waiter->child);
	init_waitqueue_func_entry(&waiter->entry, ktcp_listener_woken);
	add_wait_queue(sk_sleep(sock->sk), &waiter->entry);
	return 0;
}

void ktcp_sock_unhook_listener(struct socket *sock, struct ktcp_sock_hook *hook)
{
	struct ktcp_listener_waiter *waiter = hook->saved[0];
	struct sock *sk = sock->sk;
	struct request_sock_queue *queue = &inet_csk(sk)->icsk_accept_queue;
	struct request_sock *each;

	/* From here on no child gets the queue, … */
	remove_wait_queue(sk_sleep(sk), &waiter->entry);
	remove_wait_queue(&waiter->children.wait, &waiter->child);
	/* … and those that have it are here: inet_csk_listen_stop(), which takes children out to end
	 * them, does so under the listener's lock. */
	lock_sock(sk);
	spin_lock_bh(&queue->rskq_lock);
	for (each = queue->rskq_accept_head; each; each = each->dl_next)
		if (rcu_access_pointer(each->sk->sk_wq) == &waiter->children)
			RCU_INIT_POINTER(each->sk->sk_wq, NULL);
	spin_unlock_bh(&queue->rskq_lock);
	release_sock(sk);
	/* A child's callback may have found it before, and looks for sleepers still. */
	kfree_rcu(waiter, rcu);
}

/*
 * tcp_abort() leaves its mark, tcp_done()'s SHUTDOWN_MASK. A listen() that changes the backlog just then
 * would have the socket listen once more, and sk_clone_lock() would give the mark to each connection.
 */
bool ktcp_sock_listening(const struct socket *sock)
{
	return READ_ONCE(sock->sk->sk_state) == TCP_LISTEN && !READ_ONCE(sock->sk->sk_shutdown);
}

int ktcp_sock_accept(struct socket *listener, struct socket **out)
{
	struct socket *child;
	int error;

	/*
	 * kernel_accept() would allocate a socket before it looks. A connection that comes behind this look is
	 * told to the hook.
	 */
	if (ktcp_sock_listening(listener) &&
	    reqsk_queue_empty(&inet_csk(listener->sk)->icsk_accept_queue))
		return -EAGAIN;
	error = kernel_accept(listener, &child, O_NONBLOCK);
	if (error < 0)
		return error;
	error = ktcp_sock_claim(child->sk);
	if (error) {
		ktcp_sock_refuse(child);
		return error;
	}
	*out = child;
	return 0;
}
