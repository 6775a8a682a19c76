// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The connections of a network namespace, whoever owns them: find them, drop them.
 *
 * @code
 * if (auto found = ktcp::tcp_sock::lookup_established(net, local, remote))
 *	found.abort(ktcp::errc::econnreset);
 * @endcode
 *
 * Kernel: __inet_lookup_established(), __inet6_lookup_established(), tcp_abort(). Listeners are
 * never found, and never dropped.
 */
#ifndef KTCP_TCP_LOOKUP_HPP
#define KTCP_TCP_LOOKUP_HPP

#include <cstddef>
#include <utility>

#include <ktcp/endpoint.hpp>
#include <ktcp/port/lookup.h>
#include <ktcp/result.hpp>

namespace ktcp
{

/**
 * A reference to a socket of any owner's, or none: a connection, one that is being made, or one
 * in TIME-WAIT. Process context.
 */
class tcp_sock {
    public:
	/** None. */
	tcp_sock() noexcept = default;

	/** @param raw  the reference is this object's from now on. */
	explicit tcp_sock(struct sock *raw) noexcept : sock_(raw)
	{
	}

	tcp_sock(tcp_sock &&other) noexcept : sock_(std::exchange(other.sock_, nullptr))
	{
	}

	tcp_sock &operator=(tcp_sock &&other) noexcept
	{
		std::swap(sock_, other.sock_);
		return *this;
	}

	~tcp_sock()
	{
		if (sock_)
			ktcp_tcp_put(sock_);
	}

	/**
	 * The end of a connection that has these two addresses, in any state but closed.
	 * @param net  the namespace, nullptr for the initial one.
	 * @param local  its scope_id is the device that the socket is bound to, if it is to one.
	 */
	static tcp_sock lookup_established(struct net *net, const endpoint &local,
					   const endpoint &remote) noexcept
	{
		return tcp_sock(ktcp_tcp_lookup_established(net, &local.raw(), &remote.raw()));
	}

	explicit operator bool() const noexcept
	{
		return sock_;
	}

	/**
	 * Drop the connection: the peer gets a reset, the owner this error.
	 * Errors: ENOENT (it closed meanwhile), EPERM (it has become a listener; nothing is done).
	 */
	result<void> abort(errc why) noexcept
	{
		return result<void>::from(ktcp_tcp_abort(sock_, static_cast<int>(why)));
	}

    private:
	struct sock *sock_ = nullptr;
};

/**
 * Every connection of a namespace that fits, a batch after the other: connections come and go
 * meanwhile.
 * @param fits  `bool fits(const ktcp_tcp_identity &)`, called under a spinlock.
 * @param each  `bool each(tcp_sock)`, called without it; true if the connection is gone now.
 *              One that stays may be given twice.
 */
template <class Fits, class Each>
void for_each_established(struct net *net, Fits fits, Each each) noexcept
{
	constexpr std::size_t most = 32;
	struct sock *batch[most];

	for (unsigned int place = 0; place != KTCP_TCP_TABLE_END;) {
		const unsigned int before = place;
		const std::size_t count = ktcp_tcp_collect_established(
			net, &place,
			[](void *context, const struct ktcp_tcp_identity *identity) {
				return (*static_cast<Fits *>(context))(*identity);
			},
			&fits, batch, most);
		bool gone = false;

		for (std::size_t i = 0; i < count; i++)
			gone |= each(tcp_sock(batch[i]));
		/* A batch that stays would be collected for ever. */
		if (place == before && !gone)
			place++;
	}
}

/** How many listeners of a namespace fit; @p fits as above. */
template <class Fits>
std::size_t count_listeners(struct net *net, Fits fits) noexcept
{
	return ktcp_tcp_count_listeners(
		net,
		[](void *context, const struct ktcp_tcp_identity *identity) {
			return (*static_cast<Fits *>(context))(*identity);
		},
		&fits);
}

} // namespace ktcp

#endif
