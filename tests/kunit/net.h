/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The suites' view of the kernel's network beyond the boundary, in C (net.c). All in process
 * context.
 */
#ifndef KTCP_TESTS_KUNIT_NET_H
#define KTCP_TESTS_KUNIT_NET_H

#include <ktcp/port/types.h>

struct net;
struct socket;

KTCP_PORT_BEGIN

/* Bring the initial namespace's loopback interface (127.0.0.1, ::1) up or down. */
int ktcp_kunit_loopback(bool up);

/*
 * A network namespace of its own, its loopback interface up; NULL on failure. One at a time.
 * ktcp_kunit_net_gone() drops the reference that this returned. It says whether the kernel then
 * took the namespace apart within 5 seconds, which it does not while a socket holds it.
 */
struct net *ktcp_kunit_net_create(void);
bool ktcp_kunit_net_gone(struct net *net);

/* How many TCP sockets there are, orphans too; TIME-WAIT, which is kept apart, not. */
long ktcp_kunit_tcp_sockets(void);

/* The same, once there are no more than @expected of them, or after 5 seconds. */
long ktcp_kunit_tcp_sockets_settled(long expected);

/* From now on connections have send queues of that size, in bytes; 0: the default again. */
void ktcp_kunit_send_queues(int bytes);

/* Has the peer acknowledged all that was sent, within a second or two? */
bool ktcp_kunit_peer_has_all(struct socket *sock);

/* Send one byte with MSG_OOB, which the boundary does not offer. */
int ktcp_kunit_send_urgent(struct socket *sock, const void *byte);

/* Send one byte, and lose the one before it: it stays out of order with the peer. */
int ktcp_kunit_send_out_of_order(struct socket *sock);

/* Is TCP_NODELAY, SO_KEEPALIVE set? */
bool ktcp_kunit_has_nodelay(struct socket *sock);
bool ktcp_kunit_has_keepalive(struct socket *sock);

/* Are the socket's callbacks the kernel's own? */
bool ktcp_kunit_has_own_callbacks(struct socket *sock);

/* Is the newest connection in the listener's backlog locked? */
bool ktcp_kunit_newest_is_locked(struct socket *listener);

/* It is bound to the device of that number, which need not be there; 0: to none. */
void ktcp_kunit_bind_to_device(struct socket *sock, int device);

/* The references to it that there are. */
unsigned int ktcp_kunit_references(struct socket *sock);

/*
 * Call a function in a hard interrupt, and return once it is over; false: it was in another context. With PREEMPT_RT
 * it is a thread's, as everything is that takes such a lock there.
 */
bool ktcp_kunit_in_hard_interrupt(void (*function)(void *context), void *context);

/* The calling thread is being killed, and no longer is. The first: any context. */
void ktcp_kunit_kill(void);
void ktcp_kunit_revive(void);

KTCP_PORT_END

#endif
