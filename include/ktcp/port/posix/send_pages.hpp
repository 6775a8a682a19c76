// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp_sock_send_pages() for ports whose pages are memory, by ktcp_sock_send(). */
#ifndef KTCP_PORT_POSIX_SEND_PAGES_HPP
#define KTCP_PORT_POSIX_SEND_PAGES_HPP

#include <ktcp/port/file.h>
#include <ktcp/port/socket.h>

/* @bytes: of a struct page, where its bytes begin. */
template <class Bytes>
long ktcp_posix_send_pages(struct socket *sock, const ktcp_file_page *pages, unsigned int count,
			   unsigned int flags, Bytes bytes)
{
	long all = 0;

	for (; count--; pages++) {
		const long sent = ktcp_sock_send(sock, bytes(pages->page) + pages->offset,
						 pages->size,
						 count ? unsigned{ KTCP_SEND_MORE } : flags);

		if (sent > 0)
			all += sent;
		if (sent != static_cast<long>(pages->size))
			return all ? all : sent;
	}
	return all;
}

#endif
