// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The rules by which a server refuses peers: their address, their rate, and the proxies that name them.
 */
#ifndef KTCP_ENGINE_ADMISSION_HPP
#define KTCP_ENGINE_ADMISSION_HPP

#include <cstdint>

#include <ktcp/engine/accept_rate.hpp>
#include <ktcp/engine/peer_rules.hpp>
#include <ktcp/engine/session.hpp>
#include <ktcp/engine/session_table.hpp>
#include <ktcp/engine/statistics.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/net/prefix.hpp>
#include <ktcp/port/time.h>
#include <ktcp/server_options.hpp>

namespace ktcp::detail
{

/* Of one server. Process context, for its accept work and for turns that may sleep. */
class admission {
    public:
	/* Why a peer is refused: a counter; nullptr: it is not. */
	using reason = std::uint64_t statistics::*;

	/* @options outlives this. */
	explicit admission(const server_options &options) noexcept
		: peers_(options.peers), proxies_(options.proxies)
	{
	}

	/* As accept_rate::change(). */
	result<void> change_rate(unsigned int a_second) noexcept
	{
		return rate_.change(a_second);
	}

	/* Do connections begin with a header of a proxy's? */
	bool behind_proxies() const noexcept
	{
		return proxies_ && !proxies_->empty();
	}

	/* May any peer be refused? */
	bool refuses() const noexcept
	{
		return rate_.limits() || behind_proxies() || has_rules();
	}

	/* Of a client by its address. The unspecified address is unknown. */
	reason refusal(const endpoint &client) noexcept
	{
		if (has_rules() && (client == endpoint() || !peers_->admit(client)))
			return &statistics::refused_denied;
		if (rate_.limits() && !rate_.admit(client, ktcp_now_ms()))
			return &statistics::refused_rate;
		return nullptr;
	}

	/*
	 * The same at accept, where the peer may be a proxy. One that has reset the connection has no address
	 * any more. But its bytes may still be there, and are not served where an address must be known.
	 */
	reason refusal_at_accept(const result<endpoint> &peer) noexcept
	{
		if (behind_proxies())
			return peer && proxies_->contains(*peer) ? nullptr :
								   &statistics::refused_proxy;
		return refusal(peer ? *peer : endpoint());
	}

	/* Do the rules, which may have changed, still admit that client? */
	bool admits(const endpoint &client) const noexcept
	{
		return !has_rules() || peers_->admit(client);
	}

	/* End those that the rules do not admit any more, if the rules are others. They are for clients. */
	void end_denied(session_table &sessions) noexcept
	{
		/* First: those that come while we look are heeded by the next call. It acquires has_rules(). */
		const unsigned int changes = peers_ ? peers_->changes() : 0;

		if (heeded_ == changes)
			return;
		heeded_ = changes;
		if (has_rules())
			sessions.end_if(errc::eacces, [&](const session &each) {
				return !each.is_of_a_proxy() && !peers_->admit(each.remote());
			});
	}

    private:
	bool has_rules() const noexcept
	{
		return peers_ && peers_->any();
	}

	const peer_rules *const peers_;
	const prefix_list *const proxies_;
	unsigned int heeded_ = 0; /* changes of the rules */
	accept_rate rate_;
};

} // namespace ktcp::detail

#endif
