/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * TCP sockets inside the kernel: struct socket without a file.
 *
 * Errors are negative errno values, always in -4095..-1. Nothing here waits for
 * a peer except ktcp_sock_wait() and ktcp_sock_connect(); sending and receiving
 * never block, whatever the execution model, so that *where* one waits is decided
 * above the boundary.
 *
 * A socket is used by one context at a time, except for ktcp_sock_shutdown() and
 * the address getters, which may come from anywhere in process context while its
 * owner keeps it alive.
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

/* What a socket can announce; also what ktcp_sock_wait() waits for. */
enum ktcp_sock_event {
	KTCP_SOCK_READABLE = 1, /* data, end of stream, an error, or a connection to accept */
	KTCP_SOCK_WRITABLE = 2, /* room to send again after -EAGAIN */
	KTCP_SOCK_STATE = 4, /* the connection's state changed: closed, reset, aborted */
	/*
	 * Only ever told, never waited for: this call is in softirq, with the socket's lock
	 * held and nobody in process context owning it, so that from inside it, and only
	 * from there, ktcp_sock_softirq_recv() and ktcp_sock_softirq_send() may be used
	 * (or under ktcp_sock_trylock_bh()).
	 */
	KTCP_SOCK_SOFTIRQ = 1 << 8,
};

/*
 * A subscription to a socket's events, embedded in whatever is notified.
 * Set @event, leave @saved to the port. @event runs in any context, softirq and
 * inside this socket's own calls among them, with the socket's lock held: it may
 * set bits and queue work, and must not call back into the socket, except as
 * KTCP_SOCK_SOFTIRQ says.
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
 * SOCK_DESTROY, a BPF iterator. It will not listen again; another one can on its port.
 * Context: any.
 */
bool ktcp_sock_listening(const struct socket *sock);

/**
 * ktcp_sock_connect() - connect and wait for the outcome, as kernel_connect().
 * Return: 0, -ECONNREFUSED, -ETIMEDOUT, -ENETUNREACH …
 * Context: process.
 */
int ktcp_sock_connect(struct socket *sock, const struct ktcp_endpoint *remote);

/**
 * ktcp_sock_readable() - is it worth a ktcp_sock_recv()?
 * Return: false if that would give -EAGAIN, without the cost of its lock; then
 *         KTCP_SOCK_READABLE follows. true may be wrong.
 * Context: any.
 */
bool ktcp_sock_readable(const struct socket *sock);

/**
 * ktcp_sock_recv() - receive what is there, without waiting, by tcp_read_sock(); an urgent byte
 * is passed over, by tcp_recvmsg().
 * @buffer: at least @size bytes; only as many as are returned have been written.
 * Return: bytes; 0 at the end of the stream; -EAGAIN if there is nothing yet,
 *         and then KTCP_SOCK_READABLE follows; -ECONNRESET, -ETIMEDOUT, -ENOTCONN …
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
 * copying: TCP takes references of its own, and what is sent is what a page holds when it goes
 * out.
 * @count: how many, 1 to KTCP_FILE_PAGES_MOST; none of them empty.
 */
long ktcp_sock_send_pages(struct socket *sock, const struct ktcp_file_page *pages,
			  unsigned int count, unsigned int flags);

/**
 * ktcp_sock_wait() - sleep until one of @events, a shutdown or an error.
 * @events: KTCP_SOCK_READABLE, KTCP_SOCK_WRITABLE or both. The socket must not be
 *          hooked: the hook takes the wake-ups that this waits for.
 * @timeout_ms: milliseconds, or -1 for no limit.
 * Return: 0 when it is worth trying again; -ETIMEDOUT; -EINTR in a kernel thread
 *         that was asked to stop. ktcp_sock_shutdown() from elsewhere ends the wait.
 * Context: process.
 */
int ktcp_sock_wait(struct socket *sock, unsigned int events, int timeout_ms);

enum ktcp_shutdown {
	KTCP_SHUT_RD,
	KTCP_SHUT_WR,
	KTCP_SHUT_RDWR,
};

/**
 * ktcp_sock_shutdown() - as kernel_sock_shutdown(); wakes whoever waits.
 * Return: 0, -ENOTCONN.
 * Context: process.
 */
int ktcp_sock_shutdown(struct socket *sock, enum ktcp_shutdown how);

/** ktcp_sock_local() - the socket's own address, as kernel_getsockname(). Context: process. */
int ktcp_sock_local(struct socket *sock, struct ktcp_endpoint *out);

/** ktcp_sock_remote() - the peer's address; -ENOTCONN. Context: process. */
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
 * ktcp_sock_set_user_timeout() - TCP_USER_TIMEOUT: give up on a peer that has not
 * acknowledged, or not opened its window, for @ms milliseconds; 0 for the default.
 * It goes on counting after ktcp_sock_release().
 * Context: process.
 */
void ktcp_sock_set_user_timeout(struct socket *sock, unsigned int ms);

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
 * ktcp_sock_hook_listener() - as ktcp_sock_hook(), for a listener: KTCP_SOCK_READABLE
 * when there is a connection to accept, KTCP_SOCK_STATE when it may not listen any more. Its
 * connections do not inherit it.
 * Return: 0; -ENOMEM.
 * Context: process.
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
 * ktcp_softirq_pages_create() - where softirq sends get their pages, per CPU.
 *
 * A socket that sends in softirq would otherwise keep a fragment of up to 32 KiB of its
 * own for as long as it lives: it cannot use the one of the task that it interrupts.
 * Return: NULL if there is no memory.
 * Context: process.
 */
struct ktcp_softirq_pages *ktcp_softirq_pages_create(void);

/** ktcp_softirq_pages_destroy() - after the last send; NULL is ignored. Context: process. */
void ktcp_softirq_pages_destroy(struct ktcp_softirq_pages *pages);

/**
 * ktcp_sock_softirq_recv() - as ktcp_sock_recv(), by tcp_read_sock().
 * Return: as ktcp_sock_recv(); -EINPROGRESS when only ktcp_sock_recv() can go on (an
 *         urgent byte is next, which tcp_read_sock() never passes).
 * Context: inside an event with KTCP_SOCK_SOFTIRQ, or under ktcp_sock_trylock_bh().
 */
long ktcp_sock_softirq_recv(struct socket *sock, void *buffer, size_t size);

/**
 * ktcp_sock_softirq_send() - as ktcp_sock_send(), by tcp_sendmsg_locked() with atomic
 * allocations.
 * Return: as ktcp_sock_send(); -EINPROGRESS when there was no memory to be had without
 *         sleeping: ktcp_sock_send() may find some.
 * Context: inside an event with KTCP_SOCK_SOFTIRQ, or under ktcp_sock_trylock_bh().
 */
long ktcp_sock_softirq_send(struct socket *sock, const void *data, size_t size, unsigned int flags,
			    struct ktcp_softirq_pages *pages);

/**
 * ktcp_sock_trylock_bh() - the lock that TCP itself holds in softirq, without an event. Until
 * ktcp_sock_unlock_bh(), ktcp_sock_softirq_recv() and ktcp_sock_softirq_send() may be used.
 * Return: what is to be unlocked; NULL if a process owns the socket.
 * Context: "here", as port/turns.h has it.
 */
struct sock *ktcp_sock_trylock_bh(struct socket *sock);

/**
 * ktcp_sock_unlock_bh() - whoever waits for the lock to close the socket may do so before this
 * returns. Context: here.
 */
void ktcp_sock_unlock_bh(struct sock *sk);

/**
 * ktcp_sock_incoming_cpu() - the CPU on which the connection's last packet was
 * handled (sk_incoming_cpu), a hint that may be out of date; -1 if none was.
 * Context: any.
 */
int ktcp_sock_incoming_cpu(const struct socket *sock);

KTCP_PORT_END

#endif
