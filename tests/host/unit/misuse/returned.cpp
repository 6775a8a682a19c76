// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* KTCP_TRY in a coroutine, which cannot return. */
#include <ktcp/connection.hpp>

ktcp::task_of<std::size_t> twice(ktcp::connection &peer, ktcp::result<std::size_t> size)
{
#ifdef GOOD
	KTCP_CO_TRY(const std::size_t known, std::move(size));
#else
	const std::size_t known = KTCP_TRY(std::move(size));
#endif
	KTCP_CO_CHECK(co_await peer.write("hello\n"));
	co_return 2 * known;
}
