/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The TCP sockets of a network namespace, ours or not: looking them up and dropping them
 * (net/inet_hashtables.h).
 *
 * A returned struct sock may be a whole socket, a request of a connection that is being made, or
 * the remains of one in TIME-WAIT. Only the functions below tell them apart.
 */
#ifndef KTCP_PORT_LOOKUP_H
#define KTCP_PORT_LOOKUP_H

#include <ktcp/port/socket.h>
#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct net;
struct sock;

/* A socket's state, by the kernel's numbers (net/tcp_states.h). */
enum ktcp_tcp_state {
	KTCP_TCP_ESTABLISHED = 1,
	KTCP_TCP_SYN_SENT,
	KTCP_TCP_SYN_RECV,
	KTCP_TCP_FIN_WAIT1,
	KTCP_TCP_FIN_WAIT2,
	KTCP_TCP_TIME_WAIT,
	KTCP_TCP_CLOSE,
	KTCP_TCP_CLOSE_WAIT,
	KTCP_TCP_LAST_ACK,
	KTCP_TCP_LISTEN,
	KTCP_TCP_CLOSING,
	KTCP_TCP_NEW_SYN_RECV,
};

/* The identity of a socket. */
struct ktcp_tcp_identity {
	struct ktcp_endpoint local; /* scope_id: the device that the socket is bound to, else 0 */
	struct ktcp_endpoint remote;
	enum ktcp_tcp_state state;
	bool owned; /* by a process, or by somebody in the kernel; else the next two are 0 */
	uint32_t user; /* the owner's number in the namespace's users, as /proc/net/tcp has it */
	unsigned long inode; /* of the socket, as /proc/net/tcp and lsof have it */
};

/**
 * ktcp_tcp_lookup_established() - the sockets of a connection, as __inet_lookup_established():
 * in any state but closed, and never a listener.
 * @local: with scope_id, one that is bound to this device, which may have gone since; else any,
 *         bound or not: there may be several, each bound to another device or VRF. Where all are
 *         bound to devices that have gone, none is found.
 * @batch: gets references, for ktcp_tcp_put().
 * @most: how many there is room for.
 * Return: how many were found.
 * Context: process.
 */
size_t ktcp_tcp_lookup_established(struct net *net, const struct ktcp_endpoint *local,
				   const struct ktcp_endpoint *remote, struct sock **batch,
				   size_t most);

/* As the place to go on from: the table is at its end. */
#define KTCP_TCP_TABLE_END (~0u)

/**
 * ktcp_tcp_collect_established() - some of the namespace's connections that fit.
 * @place: where in the table to look, 0 to begin with; where to go on, KTCP_TCP_TABLE_END at
 *         last. When @batch is full, that may be the same place: what was collected is found
 *         once more unless it has been dropped.
 * @fits: called with a spinlock held and bottom halves off; must not touch the socket.
 * @batch: gets references, for ktcp_tcp_put().
 * @most: how many there is room for.
 * Return: how many were collected; -EINTR when the process is being killed, and nothing was
 *         collected: what was is returned first.
 * Context: process.
 */
long ktcp_tcp_collect_established(struct net *net, unsigned int *place,
				  bool (*fits)(void *context, const struct ktcp_tcp_identity *each),
				  void *context, struct sock **batch, size_t most);

/**
 * ktcp_tcp_count_listeners() - the namespace's listeners that fit.
 * @fits: as in ktcp_tcp_collect_established(); @remote is unspecified.
 * Context: process.
 */
size_t ktcp_tcp_count_listeners(struct net *net,
				bool (*fits)(void *context, const struct ktcp_tcp_identity *each),
				void *context);

/**
 * ktcp_tcp_abort() - drop a connection, as tcp_abort(): its owner and its peer see a reset,
 * a request is forgotten, TIME-WAIT ends.
 * @error: the error that the owner gets, a positive errno.
 * Return: 0; -ENOENT if it closed meanwhile; -EPERM, and nothing is done, if it has become a listener
 *         or waits to be accepted. (One that becomes a listener during the call is ended.)
 * Context: process; no socket's lock held.
 */
int ktcp_tcp_abort(struct sock *sk, int error);

/** ktcp_tcp_put() - give a reference back, as sock_gen_put(). Context: process. */
void ktcp_tcp_put(struct sock *sk);

KTCP_PORT_END

#endif
