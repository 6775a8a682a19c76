// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The first step of a connection that comes from a proxy: its header (net/proxy_header.hpp).
 */
#ifndef KTCP_ENGINE_PROXIED_HPP
#define KTCP_ENGINE_PROXIED_HPP

#include <utility>

#include <ktcp/engine/session.hpp>
#include <ktcp/net/proxy_header.hpp>
#include <ktcp/task.hpp>

namespace ktcp::detail
{

/* A proxy sends it at once. This is for a lost segment or two. */
constexpr unsigned int proxy_header_ms = 10'000;

/*
 * Take the header off the stream. The handler reads on behind it.
 * Errors: EBADMSG (there is none, or it is cut off), and read()'s.
 */
inline task_of<proxy_header> receive_proxy_header(session &peer)
{
	peer.expires_after(proxy_header_ms);

	received bytes = co_await peer.read();

	if (!bytes)
		co_return bytes.end_of_stream() ? errc::ebadmsg : bytes.error();

	proxy_header header = parse_proxy_header(bytes.text());

	while (header.outcome == proxy_header::more) {
		const auto got = co_await peer.read_more(bytes);

		if (!got)
			co_return got.error();
		if (!*got)
			break;
		header = parse_proxy_header(bytes.text());
	}
	if (header.outcome != proxy_header::done)
		co_return errc::ebadmsg;
	bytes.remove_prefix(header.size);
	peer.put_back(std::move(bytes));
	co_return header;
}

} // namespace ktcp::detail

#endif
