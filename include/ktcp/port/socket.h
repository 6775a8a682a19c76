/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * TCP sockets inside the kernel: struct socket without a file.
 *
 * Errors are negative errno values, always in -4095..-1. Nothing here waits for a peer except
 * ktcp_sock_wait(). Connecting, sending and receiving never block in any execution model: the code
 * above the boundary decides *where* to wait.
 *
 * A socket is used by one context at a time. ktcp_sock_shutdown() and the address getters are
 * exceptions: any process context may call them while the owner keeps the socket alive.
 */
#ifndef KTCP_PORT_SOCKET_H
#define KTCP_PORT_SOCKET_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct socket;
struct sock;
struct net;
struct page;

enum ktcp_family {
	KTCP_INET, /* IPv4 */
	KTCP_INET6, /* IPv6, and IPv4 through v4-mapped addresses */
};

/* An address and a port. IPv4 is written as v4-mapped IPv6 (::ffff:a.b.c.d). */
struct ktcp_endpoint {
	uint8_t address[16]; /* network order */
	uint32_t scope_id; /* interface index of a link-local address, else 0 */
	uint16_t port; /* host order */
};

/* The events that a socket can announce, and that ktcp_sock_wait() waits for. */
enum ktcp_sock_event {
	KTCP_SOCK_READABLE = 1, /* data, end of stream, an error, or a connection to accept */
	KTCP_SOCK_WRITABLE =
		2, /* room to send again after -EAGAIN; of ktcp_sock_wait(): connected */
	KTCP_SOCK_STATE =
		4, /* connected, closed, reset, aborted; not the end of the peer's stream alone */
	/*
	 * Only ever told of a listener. A connection has come, and its peer has sent nothing yet;
	 * KTCP_SOCK_READABLE follows when it has. That second event is a hint: it may be lost.
	 */
	KTCP_SOCK_CONNECTED = 1 << 9,
	/*
	 * Only ever told, never waited for. This call is in softirq, with the socket's lock held,
	 * and no process context owns the socket. From inside it ktcp_sock_softirq_recv() and
	 * ktcp_sock_softirq_send() may be used; elsewhere, and for other sockets, only under
	 * ktcp_sock_trylock_bh() or ktcp_sock_try_bh().
	 */
	KTCP_SOCK_SOFTIRQ = 1 << 8,
};

/*
 * A subscription to a socket's events, embedded in the object that is notified. Set @event, leave
 * @saved to the port. @event runs in any context, softirq and inside this socket's own calls among
 * them, with the socket's lock held. It may set bits and queue work. It must not call back into the
 * socket, except as KTCP_SOCK_SOFTIRQ says.
 */
struct ktcp_sock_hook {
	void (*event)(struct ktcp_sock_hook *hook, unsigned int events);
	void *saved[3];
};

/**
 * ktcp_sock_create() - a TCP socket, as sock_create_kern().
 * @net: the network namespace, NULL for the initial one. The socket holds no
 *       reference to it; see ktcp_sock_hold_net().
 * @out: the socket, the caller's until ktcp_sock_release().
 * Return: 0, -EAFNOSUPPORT where IPv6 is off, -ENOMEM and other errors.
 * Context: process.
 */
int ktcp_sock_create(struct net *net, enum ktcp_family family, struct socket **out);

/**
 * ktcp_sock_release() - close, as sock_release(). Neither a hook nor a waiter may
 * be left. Bytes not yet acknowledged go on being sent only after
 * ktcp_sock_hold_net().
 * Context: process.
 */
void ktcp_sock_release(struct socket *sock);

/**
 * ktcp_sock_bind() - as kernel_bind(). An IPv4 socket takes a v4-mapped address
 * or the unspecified one.
 * Return: 0, -EADDRINUSE, -EADDRNOTAVAIL, -EAFNOSUPPORT …
 * Context: process.
 */
int ktcp_sock_bind(struct socket *sock, const struct ktcp_endpoint *local);

/** ktcp_sock_listen() - as kernel_listen(). Context: process. */
int ktcp_sock_listen(struct socket *sock, int backlog);

/**
 * ktcp_sock_accept() - take one established connection, without waiting, as
 * kernel_accept(O_NONBLOCK).
 * @out: the connection, the caller's; it carries the default callbacks.
 * Return: 0; -EAGAIN when the backlog is empty; -ENOMEM, -ENFILE when there is
 *         no memory (try again later: nothing will announce it); -ECONNABORTED;
 *         -EBUSY: somebody else has the connection, a BPF program that put it into a sockmap
 *         for one, and so it was reset; -EINVAL: see ktcp_sock_listening().
 * Context: process.
 */
int ktcp_sock_accept(struct socket *listener, struct socket **out);

/**
 * ktcp_sock_listening() - does it listen still? An administrator can end that: ss -K,
 * SOCK_DESTROY, a BPF iterator. It will not listen again, also after ktcp_sock_listen(); another one can
 * on its port.
 * Context: any.
 */
bool ktcp_sock_listening(const struct socket *sock);

/**
 * ktcp_sock_connect() - begin to connect, without waiting for the peer, as
 * kernel_connect(O_NONBLOCK). The socket may be hooked and bound. It is connected once only: after
 * an error it can be released and nothing else.
 * Return: 0 when it is connected already. -EINPROGRESS: KTCP_SOCK_STATE follows, perhaps from inside
 *         this call, and a ktcp_sock_wait() for KTCP_SOCK_WRITABLE ends; then ask
 *         ktcp_sock_connected(). -EADDRNOTAVAIL: no local port is left, or the one that was bound
 *         has a connection to @remote; -ENETUNREACH, -EHOSTUNREACH, -EACCES: by the routes;
 *         -EPERM: a BPF program; -EAFNOSUPPORT; -ENOMEM, -ENOBUFS …
 * Context: process; it sleeps, for it may look at each port there is (inet_hash_connect()).
 */
int ktcp_sock_connect(struct socket *sock, const struct ktcp_endpoint *remote);

/**
 * ktcp_sock_connected() - what came of ktcp_sock_connect(), as a second connect(2) tells it.
 * Return: 0: it is connected, or was. -EINPROGRESS: that is not known yet, and the event is still to
 *         come. Else why it is not: -ECONNREFUSED; -ETIMEDOUT, after as many SYNs as
 *         net.ipv4.tcp_syn_retries has, which is another time on each kernel; -EHOSTUNREACH,
 *         -ENETUNREACH and others that a router told; -ECONNRESET: it was, and the peer has reset
 *         it since; -ECONNABORTED: by ktcp_sock_shutdown(), or an administrator.
 * Context: process.
 */
int ktcp_sock_connected(struct socket *sock);

/**
 * ktcp_sock_readable() - is it worth a ktcp_sock_recv()?
 * Return: false if that would give -EAGAIN, without the cost of its lock; then
 *         KTCP_SOCK_READABLE follows. true may be wrong.
 * Context: any.
 */
bool ktcp_sock_readable(const struct socket *sock);

/**
 * ktcp_sock_is_clean() - may a new exchange begin on this connection? Only if nothing has come behind the last
 * one: no byte, in its place or before its time (out_of_order_queue), no end and no error.
 * Return: false if something has. User space does not see bytes that are out of order.
 * Context: any.
 */
bool ktcp_sock_is_clean(const struct socket *sock);

/**
 * ktcp_sock_recv() - receive what is there, without waiting, by tcp_read_sock(); an urgent byte
 * is passed over, by tcp_recvmsg().
 * @buffer: at least @size bytes; only as many as are returned have been written.
 * Return: bytes; 0 at the end of the stream, that is behind the peer's FIN; -EAGAIN if there is nothing yet,
 *         and then KTCP_SOCK_READABLE follows; -ECONNRESET, also where a send was told of it before;
 *         -ETIMEDOUT, -ENOTCONN …
 * Context: process.
 */
long ktcp_sock_recv(struct socket *sock, void *buffer, size_t size);

enum ktcp_send_flags {
	KTCP_SEND_MORE = 1, /* more follows at once: no short segment yet (MSG_MORE) */
	KTCP_SEND_PAGES = 2, /* @data is in one buffer of a ktcp_page_pool: need not be copied */
};

/**
 * ktcp_sock_send() - send as much as there is room for, without waiting, by
 * tcp_sendmsg_locked(). As all of these it asks no security module: the socket is the kernel's.
 * @flags: enum ktcp_send_flags.
 * Return: bytes taken, fewer than @size when the send buffer filled up; -EAGAIN
 *         if there is no room, and then KTCP_SOCK_WRITABLE follows (perhaps from
 *         inside this call); -ENOBUFS if nothing is queued and yet there is no
 *         memory: KTCP_SOCK_WRITABLE comes from inside this call, for the queue may
 *         have emptied meanwhile, and if that did not help no acknowledgement will
 *         ever announce memory: try again later;
 *         -EPIPE, -ECONNRESET …  Never raises SIGPIPE.
 * Context: process.
 */
long ktcp_sock_send(struct socket *sock, const void *data, size_t size, unsigned int flags);

struct ktcp_file_page;

/**
 * ktcp_sock_send_pages() - as ktcp_sock_send(), the parts of pages one after the other, without
 * copying. TCP takes references of its own, and sends the bytes that a page holds when it goes out.
 * @count: how many, 1 to KTCP_FILE_PAGES_MOST; none of them empty.
 */
long ktcp_sock_send_pages(struct socket *sock, const struct ktcp_file_page *pages,
			  unsigned int count, unsigned int flags);

/**
 * ktcp_sock_wait() - sleep until one of @events, a shutdown or an error.
 * @events: KTCP_SOCK_READABLE, KTCP_SOCK_WRITABLE or both. The socket must not be
 *          hooked: the hook takes the wake-ups that this waits for.
 * @timeout_ms: milliseconds, or -1 for no limit.
 * Return: 0 when it is worth trying again; -ETIMEDOUT; -EINTR when a signal is pending (the
 *         process that loads a module, say), or in a kernel thread that was asked to stop.
 *         ktcp_sock_shutdown() from elsewhere ends the wait.
 * Context: process.
 */
int ktcp_sock_wait(struct socket *sock, unsigned int events, int timeout_ms);

/**
 * ktcp_sock_wait_for_poke() - as ktcp_sock_wait(), or until it is poked.
 * @events: may be 0: then no shutdown ends it, but the poke, the time, and the loss of the connection
 *          (ktcp_sock_is_lost()).
 * @poked: the argument of ktcp_sock_poke(). It is false at first, and when this returns.
 */
int ktcp_sock_wait_for_poke(struct socket *sock, unsigned int events, int timeout_ms, bool *poked);

/**
 * ktcp_sock_poke() - end the ktcp_sock_wait_for_poke() that is under way with @poked, or else the next
 * one. The waiter then sees the work that was done before the poke.
 * Context: interrupt. The socket stays until this returns.
 */
void ktcp_sock_poke(struct socket *sock, bool *poked);

enum ktcp_shutdown {
	KTCP_SHUT_RD,
	KTCP_SHUT_WR,
	KTCP_SHUT_RDWR,
};

/**
 * ktcp_sock_shutdown() - as kernel_sock_shutdown(); wakes every waiter.
 * Return: 0, -ENOTCONN.
 * Context: process.
 */
int ktcp_sock_shutdown(struct socket *sock, enum ktcp_shutdown how);

/** ktcp_sock_local() - the socket's own address, as kernel_getsockname(). Context: process. */
int ktcp_sock_local(struct socket *sock, struct ktcp_endpoint *out);

/**
 * ktcp_sock_remote() - the peer's address, also where the peer has reset the connection since.
 * Return: 0; -ENOTCONN.
 * Context: process.
 */
int ktcp_sock_remote(struct socket *sock, struct ktcp_endpoint *out);

/*
 * Options. A child inherits each of them from its listener.
 * Context: process.
 */
void ktcp_sock_set_reuseaddr(struct socket *sock); /* bind over connections in TIME-WAIT */
void ktcp_sock_set_v6only(struct socket *sock, bool only); /* before bind; false: dual-stack */
void ktcp_sock_set_nodelay(struct socket *sock); /* TCP_NODELAY */
void ktcp_sock_set_keepalive(struct socket *sock); /* SO_KEEPALIVE */
void ktcp_sock_set_oobinline(struct socket *sock); /* urgent bytes stay in the stream */
void ktcp_sock_set_rcvbuf(struct socket *sock, int bytes); /* SO_RCVBUF */
void ktcp_sock_set_sndbuf(struct socket *sock, int bytes); /* SO_SNDBUF */

/**
 * ktcp_sock_set_quickack() - TCP_QUICKACK. Off: the first acknowledgement waits for an answer to go
 * with, at most for a delayed one's time. ktcp_sock_listen() sets it on again, so it comes after
 * that; another context may accept connections meanwhile.
 * Context: process.
 */
void ktcp_sock_set_quickack(struct socket *sock, bool on);

/**
 * ktcp_sock_set_user_timeout() - TCP_USER_TIMEOUT: give up on a peer that has not
 * acknowledged, or not opened its window, for @ms milliseconds; 0 for the default.
 * It goes on counting after ktcp_sock_release(). Another context may use the socket meanwhile.
 * Context: process.
 */
void ktcp_sock_set_user_timeout(struct socket *sock, unsigned int ms);

/* Of a listener, whose connections inherit them, or of a socket that connects. */
enum ktcp_sock_option {
	/* An int: */
	KTCP_SOCK_KEEPALIVE_IDLE, /* TCP_KEEPIDLE, seconds of silence before the first probe */
	KTCP_SOCK_KEEPALIVE_INTERVAL, /* TCP_KEEPINTVL, seconds between two */
	KTCP_SOCK_KEEPALIVE_PROBES, /* TCP_KEEPCNT, how many without an answer end it */
	KTCP_SOCK_MARK, /* SO_MARK */
	KTCP_SOCK_TOS, /* IP_TOS, and IPV6_TCLASS of an IPv6 socket */
	KTCP_SOCK_RCVBUF, /* SO_RCVBUFFORCE, bytes; beyond net.core.rmem_max, too */
	KTCP_SOCK_SNDBUF, /* SO_SNDBUFFORCE */
	KTCP_SOCK_FASTOPEN, /* TCP_FASTOPEN, connections that may wait with data in their SYN */
	/* IP_BIND_ADDRESS_NO_PORT, 1: binding to port 0 leaves the choice to connecting, which can give
	 * one port to several connections that have different peers. */
	KTCP_SOCK_BIND_NO_PORT,
	/* A text: */
	KTCP_SOCK_CONGESTION, /* TCP_CONGESTION, an algorithm */
	KTCP_SOCK_DEVICE, /* SO_BINDTODEVICE, a device or VRF */
};

/**
 * ktcp_sock_set_option() - as setsockopt(2), by a process that may do so.
 * @value, @size: the int, or the text with its NUL.
 * Return: 0, -EINVAL, -ENOENT (no such algorithm), -ENODEV (no such device), -EPERM …
 * Context: process.
 */
int ktcp_sock_set_option(struct socket *sock, enum ktcp_sock_option option, const void *value,
			 size_t size);

/**
 * ktcp_sock_hold_net() - have the socket hold its namespace, so that the TCP stack
 * keeps its timers after ktcp_sock_release() and delivers what is still queued.
 * (tcp_close() stops the timers of a socket that does not: inet_csk_clear_xmit_timers_sync.)
 * Return: 0; -ENONET when the namespace is already going away.
 * Context: process.
 */
int ktcp_sock_hold_net(struct socket *sock);

/**
 * ktcp_sock_no_linger() - make ktcp_sock_release() reset the connection at once and
 * drop what is queued, as sock_no_linger().
 * Context: process.
 */
void ktcp_sock_no_linger(struct socket *sock);

/**
 * ktcp_sock_hook() - from now on @hook->event is called in place of the socket's
 * own wake-ups, until ktcp_sock_unhook(). Events from before need not be repeated: the
 * caller looks once of its own accord.
 * Context: process.
 */
void ktcp_sock_hook(struct socket *sock, struct ktcp_sock_hook *hook);

/**
 * ktcp_sock_unhook() - restore the socket's own callbacks. On return no call of
 * @hook->event is under way and none will begin: both happen under lock_sock(),
 * which excludes a connection's callbacks.
 * Context: process.
 */
void ktcp_sock_unhook(struct socket *sock, struct ktcp_sock_hook *hook);

/**
 * ktcp_sock_hook_listener() - as ktcp_sock_hook(), for a listener. KTCP_SOCK_READABLE: there is a
 * connection to accept whose peer has sent a byte, or many connections wait. KTCP_SOCK_CONNECTED:
 * there is another connection. KTCP_SOCK_STATE: it may not listen any more.
 * Its connections do not inherit the hook.
 * Return: 0; -ENOMEM.
 * Context: process, before ktcp_sock_listen().
 */
int ktcp_sock_hook_listener(struct socket *sock, struct ktcp_sock_hook *hook);

/**
 * ktcp_sock_unhook_listener() - on return no call of @hook->event is under way and
 * none will begin. The module's *code* may still be running in a callback, until the
 * listener has been released *and then* ktcp_synchronize_rcu() has returned.
 * Context: process.
 */
void ktcp_sock_unhook_listener(struct socket *sock, struct ktcp_sock_hook *hook);

struct ktcp_softirq_pages;

/**
 * ktcp_softirq_pages_create() - the pages of sends in softirq, per CPU.
 *
 * A send in softirq cannot use the page fragment of the task that it interrupts. Without these
 * pages, the socket would keep a fragment of its own, of up to 32 KiB, for as long as it lives.
 * Return: NULL if there is no memory.
 * Context: process.
 */
struct ktcp_softirq_pages *ktcp_softirq_pages_create(void);

/** ktcp_softirq_pages_destroy() - after the last send; NULL is ignored. Context: process. */
void ktcp_softirq_pages_destroy(struct ktcp_softirq_pages *pages);

/**
 * ktcp_sock_softirq_recv() - as ktcp_sock_recv().
 * Return: as ktcp_sock_recv(); -EINPROGRESS when only ktcp_sock_recv() can go on (an
 *         urgent byte is next, which tcp_recvmsg() alone passes).
 * Context: inside an event with KTCP_SOCK_SOFTIRQ, or under ktcp_sock_trylock_bh().
 */
long ktcp_sock_softirq_recv(struct socket *sock, void *buffer, size_t size);

/**
 * ktcp_sock_softirq_send() - as ktcp_sock_send(), with atomic allocations.
 * Return: as ktcp_sock_send(); -EINPROGRESS when there was no memory to be had without
 *         sleeping: ktcp_sock_send() may find some.
 * Context: inside an event with KTCP_SOCK_SOFTIRQ, or under ktcp_sock_trylock_bh().
 */
long ktcp_sock_softirq_send(struct socket *sock, const void *data, size_t size, unsigned int flags,
			    struct ktcp_softirq_pages *pages);

/**
 * ktcp_sock_softirq_finish() - as ktcp_sock_shutdown(KTCP_SHUT_WR), as the last call before
 * ktcp_sock_release(). It does nothing where that release will reset the connection, since there
 * are bytes that were not received.
 * Context: inside an event with KTCP_SOCK_SOFTIRQ, or under ktcp_sock_trylock_bh().
 */
void ktcp_sock_softirq_finish(struct socket *sock);

/**
 * ktcp_sock_trylock_bh() - the lock that TCP itself holds in softirq, without an event. Until
 * ktcp_sock_unlock_bh(), ktcp_sock_softirq_recv() and ktcp_sock_softirq_send() may be used.
 * Return: the lock to be released; NULL if a process owns the socket.
 * Context: "here", as port/turns.h has it.
 */
struct sock *ktcp_sock_trylock_bh(struct socket *sock);

/**
 * ktcp_sock_try_bh() - the same for a second socket, while the first one's lock is held. It does not
 * wait for another CPU, so the two need no order. A process that uses both, as a proxy's turn does,
 * takes one at a time.
 * Return: the lock to be released; NULL if a process owns the socket, or another CPU has its lock.
 * Context: "here", as port/turns.h has it; inside an event with KTCP_SOCK_SOFTIRQ of another socket.
 */
struct sock *ktcp_sock_try_bh(struct socket *sock);

/**
 * ktcp_sock_unlock_bh() - a closer that waits for the lock may close the socket before this
 * returns. Context: here.
 */
void ktcp_sock_unlock_bh(struct sock *sk);

/**
 * ktcp_sock_incoming_cpu() - the CPU on which the connection's last packet was
 * handled (sk_incoming_cpu), a hint that may be out of date; -1 if none was.
 * Context: any.
 */
int ktcp_sock_incoming_cpu(const struct socket *sock);

/*
 * How the peer of a connection does, as TCP knows it. Bytes that our send buffer takes are no progress
 * of the peer's. Neither is an acknowledgement without new bytes, as a peer with a closed window sends it.
 * Each reads fields without the socket's lock, so the answer may be a moment old.
 */

/**
 * ktcp_sock_unheard_ms() - milliseconds since the peer's last byte came, or since it connected; right
 * up to 24 days.
 * Context: any.
 */
uint32_t ktcp_sock_unheard_ms(const struct socket *sock);

/**
 * ktcp_sock_has_unread() - do bytes of the peer's wait to be received? The end of its stream is none.
 * Context: any.
 */
bool ktcp_sock_has_unread(const struct socket *sock);

/**
 * ktcp_sock_is_lost() - is the connection over, and its peer has not finished? A reset, a timeout of TCP's, ss -K.
 * A reset behind the peer's FIN is no loss: its stream is whole. KTCP_SOCK_STATE tells of a loss, and it ends
 * a wait for a poke alone.
 * Context: any.
 */
bool ktcp_sock_is_lost(const struct socket *sock);

/**
 * ktcp_sock_untaken_ms() - milliseconds since the peer last acknowledged new bytes of ours, or since
 * bytes were sent when none was under way (tcp_sock::delivered_mstamp); UINT32_MAX: never.
 * Context: any.
 */
uint32_t ktcp_sock_untaken_ms(const struct socket *sock);

/**
 * ktcp_sock_unread() - the most bytes of ours that the peer's program may still have to read. Its TCP
 * did not acknowledge some of them. Its receive buffer may hold others, as many as the largest window
 * that it has offered.
 * Context: any.
 */
uint32_t ktcp_sock_unread(const struct socket *sock);

/**
 * ktcp_sock_is_local() - is the peer of an accepted connection on this machine? The loopback device
 * brought its last packets then (sk_rx_dst_ifindex). A hint. Context: any.
 */
bool ktcp_sock_is_local(const struct socket *sock);

KTCP_PORT_END

#endif
