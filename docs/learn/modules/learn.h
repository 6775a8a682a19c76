/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The socket work of the experiments' modules: just enough of it, on the loopback device. */
#ifndef LEARN_H
#define LEARN_H

#include <linux/err.h>
#include <linux/in.h>
#include <linux/net.h>
#include <net/sock.h>

static inline struct sockaddr_in learn_address(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static inline struct socket *learn_listen(int port)
{
	struct sockaddr_in address = learn_address(port);
	struct socket *sock;
	int error = sock_create_kern(&init_net, PF_INET, SOCK_STREAM, IPPROTO_TCP, &sock);

	if (error)
		return ERR_PTR(error);
	sock->sk->sk_reuse = SK_CAN_REUSE;
	error = kernel_bind(sock, (struct sockaddr *)&address, sizeof(address));
	if (!error)
		error = kernel_listen(sock, 1024);
	if (error) {
		sock_release(sock);
		return ERR_PTR(error);
	}
	return sock;
}

static inline int learn_recv(struct socket *sock, void *data, size_t size)
{
	struct kvec part = { .iov_base = data, .iov_len = size };
	struct msghdr message = {};

	return kernel_recvmsg(sock, &message, &part, 1, size, 0);
}

static inline int learn_send(struct socket *sock, void *data, size_t size)
{
	struct kvec part = { .iov_base = data, .iov_len = size };
	struct msghdr message = { .msg_flags = MSG_NOSIGNAL };

	return kernel_sendmsg(sock, &message, &part, 1, size);
}

#endif
