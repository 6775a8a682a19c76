// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/lookup.h where the sockets of others are out of reach: there are none. */
#include <errno.h>

#include <ktcp/port/lookup.h>

size_t ktcp_tcp_lookup_established(struct net *, const struct ktcp_endpoint *,
				   const struct ktcp_endpoint *, struct sock **, size_t)
{
	return 0;
}

long ktcp_tcp_collect_established(struct net *, unsigned int *place,
				  bool (*)(void *, const struct ktcp_tcp_identity *), void *,
				  struct sock **, size_t)
{
	*place = KTCP_TCP_TABLE_END;
	return 0;
}

size_t ktcp_tcp_count_listeners(struct net *, bool (*)(void *, const struct ktcp_tcp_identity *),
				void *)
{
	return 0;
}

int ktcp_tcp_abort(struct sock *, int)
{
	return -ENOENT;
}

void ktcp_tcp_put(struct sock *)
{
}
