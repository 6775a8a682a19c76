// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Bytes from one stream to another, until the end.
 *
 * @code
 * auto server = co_await ktcp::connect(client, target);
 *
 * if (!server || !co_await ktcp::relay(client, *server))
 *	client.reset_at_end();
 * @endcode
 *
 * Both are coroutines: in softirq there may be no memory for their frame (ENOMEM), see task.hpp.
 * Cost: the bytes are copied once, out of the one socket. Pieces that fill half of a buffer go to the
 * other one as pages; smaller ones are copied there, too.
 */
#ifndef KTCP_RELAY_HPP
#define KTCP_RELAY_HPP

#include <coroutine>
#include <utility>

#include <ktcp/group.hpp>
#include <ktcp/stream.hpp>
#include <ktcp/task.hpp>

namespace ktcp
{

/**
 * `co_await ktcp::copy(from, to)`: a result<void>, at the end of the one stream. All its bytes were
 * written to the other by then, whose peer knows that no more come (finish_sending()). It reads only
 * as fast as it can write, so @p from's peer is held up by @p to's.
 * Errors: read()'s, write()'s, finish_sending()'s; part may have been written.
 */
inline task_of<void> copy(stream &from, stream &to)
{
	for (;;) {
		const auto bytes = co_await from.read();

		if (!bytes && !bytes.end_of_stream())
			co_return bytes.error();
		if (!bytes)
			break;

		const auto written = co_await to.write(bytes);

		if (!written)
			co_return written;
	}

	const auto finished = co_await to.finish_sending();

	co_return finished;
}

namespace detail
{

/* One direction. The first to come to its end in good order waits for the other, and goes with it. */
inline task_of<void> relay_one_way(stream &from, stream &to, bool &other_is_over,
				   result<void> &status)
{
	const auto copied = co_await copy(from, to);

	if (!copied)
		status = copied;
	else if (!std::exchange(other_is_over, true))
		co_await std::suspend_always();
	co_return copied;
}

} // namespace detail

/**
 * `co_await ktcp::relay(one, other)`: a result<void>, once both directions have ended; each end is
 * passed on by itself. When one of them fails, the other is given up, and both streams will be reset
 * when they are closed.
 * Errors: copy()'s, of the direction that failed first.
 */
inline task_of<void> relay(stream &one, stream &other)
{
	bool half = false;
	result<void> status;
	const auto ended = co_await race(detail::relay_one_way(one, other, half, status),
					 detail::relay_one_way(other, one, half, status));

	if (!ended)
		status = ended.error();
	if (!status) {
		one.reset_at_end();
		other.reset_at_end();
	}
	co_return status;
}

} // namespace ktcp

#endif
