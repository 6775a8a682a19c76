// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The connections of a network namespace, ours or not: find them, drop them.
 *
 * @code
 * ktcp::tcp_sock found[8];
 * for (auto &each : ktcp::lookup_established(net, local, remote, found))
 *	static_cast<void>(each.abort(ktcp::errc::econnreset));
 * @endcode
 *
 * Kernel: __inet_lookup_established(), __inet6_lookup_established(), tcp_abort(). Listeners are
 * never found, and never dropped.
 */
#ifndef KTCP_KERNEL_TCP_LOOKUP_HPP
#define KTCP_KERNEL_TCP_LOOKUP_HPP

#include <cstddef>
#include <span>
#include <utility>

#include <ktcp/base/result.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/port/lookup.h>

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

	explicit operator bool() const noexcept
	{
		return sock_;
	}

	/**
	 * Drop the connection: the peer gets a reset, the owner this error.
	 * Errors: ENOENT (it closed meanwhile), EPERM (it has become a listener; nothing is done), EBADF and a
	 * warning (there is none).
	 */
	result<void> abort(errc why) noexcept
	{
		if (!sock_) {
			KTCP_WARN_ONCE("ktcp::tcp_sock: there is no connection to drop");
			return errc::ebadf;
		}
		return result<void>::from(ktcp_tcp_abort(sock_, static_cast<int>(why)));
	}

    private:
	struct sock *sock_ = nullptr;
};

/**
 * The ends of connections that have these two addresses, in any state but closed. Process context.
 * @param net  the namespace, nullptr for the initial one.
 * @param local  with a scope_id, of sockets that are bound to this device; else of all, of which
 *               several may be bound, each to another device or VRF.
 * @param room  gets them.
 * @return the part of @p room that was needed.
 */
inline std::span<tcp_sock> lookup_established(struct net *net, const endpoint &local,
					      const endpoint &remote,
					      std::span<tcp_sock> room) noexcept
{
	constexpr std::size_t most = 16;
	struct sock *batch[most];
	const std::size_t count = ktcp_tcp_lookup_established(
		net, &local.raw(), &remote.raw(), batch, room.size() < most ? room.size() : most);

	for (std::size_t i = 0; i < count; i++)
		room[i] = tcp_sock(batch[i]);
	return room.first(count);
}

/**
 * Every connection of a namespace that fits, a batch after the other: connections come and go
 * meanwhile. Process context.
 * @param fits  `bool fits(const ktcp_tcp_identity &)`, called under a spinlock.
 * @param each  `bool each(tcp_sock)`, called without it; true if the connection is gone now.
 *              One that stays may be given several times.
 * Errors: EINTR, the process is being killed.
 */
template <class Fits, class Each>
result<void> for_each_established(struct net *net, Fits fits, Each each) noexcept
{
	constexpr std::size_t most = 32;
	/* Of one bucket. One batch is enough as a rule. But new connections may come, and before 6.12
	 * and its stable updates tcp_abort() reports success for orphans that stay. */
	constexpr unsigned int most_batches = 1024;
	struct sock *batch[most];
	unsigned int batches = 0;

	for (unsigned int place = 0; place != KTCP_TCP_TABLE_END;) {
		const unsigned int before = place;
		const long count = ktcp_tcp_collect_established(
			net, &place,
			[](void *context, const struct ktcp_tcp_identity *identity) {
				return (*static_cast<Fits *>(context))(*identity);
			},
			&fits, batch, most);
		bool gone = false;

		if (count < 0)
			return error_code::from(count);
		for (long i = 0; i < count; i++)
			gone |= each(tcp_sock(batch[i]));
		/* A batch that stays would be collected for ever. */
		batches = place == before ? batches + 1 : 0;
		if (place == before && (!gone || batches == most_batches)) {
			place++;
			batches = 0;
		}
	}
	return {};
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
