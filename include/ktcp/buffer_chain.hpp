// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Messages that no buffer holds, in several buffers one behind the other. They are so many bytes, or end
 * at a delimiter, or at the end of the stream.
 *
 * @code
 * const auto body = co_await ktcp::read_exactly(peer, size);	// result<buffer_chain>
 * if (!body)
 *	co_return;
 * for (const std::string_view piece : *body)
 *	...
 * @endcode
 *
 * All are coroutines: in softirq there may be no memory for their frame (ENOMEM), see task.hpp.
 * For a message that fits into a buffer, the connection's own calls are better.
 */
#ifndef KTCP_BUFFER_CHAIN_HPP
#define KTCP_BUFFER_CHAIN_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include <ktcp/connection.hpp>
#include <ktcp/port/memory.h>
#include <ktcp/task.hpp>

namespace ktcp
{

/** Bytes in the buffers of a connection, and the duty to give them back. Not copied: moved. */
class [[nodiscard]] buffer_chain {
	struct link {
		message piece;
		link *next;
	};

    public:
	/** A forward iterator over the pieces, none of them empty. */
	class iterator {
	    public:
		/** One piece; valid for as long as the chain lives. */
		std::string_view operator*() const noexcept
		{
			return *at_->piece;
		}

		/** To the next piece. */
		iterator &operator++() noexcept
		{
			at_ = at_->next;
			return *this;
		}

		friend bool operator==(iterator, iterator) noexcept = default;

	    private:
		friend class buffer_chain;

		explicit iterator(const link *at) noexcept : at_(at)
		{
		}

		const link *at_;
	};

	/** Nothing. */
	buffer_chain() noexcept = default;

	buffer_chain(buffer_chain &&other) noexcept
	{
		swap(other);
	}

	buffer_chain &operator=(buffer_chain &&other) noexcept
	{
		swap(other);
		return *this;
	}

	~buffer_chain()
	{
		while (first_) {
			link *const gone = first_;

			first_ = gone->next;
			gone->~link();
			ktcp_kfree(gone);
		}
	}

	/** Bytes of all pieces. */
	std::size_t size() const noexcept
	{
		return size_;
	}

	/** The first piece. */
	iterator begin() const noexcept
	{
		return iterator(first_);
	}

	/** Behind the last. */
	iterator end() const noexcept
	{
		return iterator(nullptr);
	}

	/** Copy the bytes to @p to, as many as fit; returns how many. Any context. */
	std::size_t copy_to(std::span<char> to) const noexcept
	{
		std::size_t copied = 0;

		for (const std::string_view piece : *this) {
			const std::size_t size = std::min(piece.size(), to.size() - copied);

			std::copy_n(piece.data(), size, to.data() + copied);
			copied += size;
		}
		return copied;
	}

    private:
	friend task_of<buffer_chain> read_exactly(connection &peer, std::size_t size);
	friend task_of<buffer_chain> read_all(connection &peer, std::size_t limit);
	friend task_of<buffer_chain> read_until(connection &peer, std::string_view delimiter,
						std::size_t limit);

	static constexpr std::size_t most_at_once = 16384; /* what a buffer holds */

	void swap(buffer_chain &other) noexcept
	{
		std::swap(first_, other.first_);
		std::swap(last_, other.last_);
		std::swap(size_, other.size_);
	}

	/* Another piece, if there are bytes in it. Errors: ENOMEM; it is lost then. */
	result<void> append(message &&piece, gfp flags) noexcept
	{
		const std::size_t size = piece.bytes().size();

		if (!size)
			return {};

		void *const memory = ktcp_kmalloc(sizeof(link), static_cast<ktcp_gfp>(flags));

		if (!memory)
			return errc::enomem;

		link *const made = new (memory) link{ std::move(piece), nullptr };

		(first_ ? last_->next : first_) = made;
		last_ = made;
		size_ += size;
		return {};
	}

	link *first_ = nullptr, *last_ = nullptr;
	std::size_t size_ = 0;
};

/**
 * `co_await ktcp::read_exactly(peer, size)`: a result<buffer_chain> of so many bytes.
 * Errors: EBADMSG (the stream ended before), ENOMEM, and read()'s. Full buffers that had come are
 * lost then; the next read begins behind them.
 */
inline task_of<buffer_chain> read_exactly(connection &peer, std::size_t size)
{
	buffer_chain chain;

	while (chain.size() < size) {
		auto piece = co_await peer.read_exactly(
			std::min(size - chain.size(), buffer_chain::most_at_once));

		if (piece.end_of_stream())
			co_return errc::ebadmsg;
		if (!piece)
			co_return piece.error();
		if (const auto kept = chain.append(std::move(piece), peer.frame_flags()); !kept)
			co_return kept.error();
	}
	co_return std::move(chain);
}

/**
 * `co_await ktcp::read_until(peer, delimiter, limit)`: a result<buffer_chain> of the bytes before the
 * delimiter. Both are taken off the stream.
 * @param delimiter  1 to 16384 bytes; must stay as it is until then.
 * Errors: ENODATA (the stream ended, and no byte came), EBADMSG (it ended before the delimiter), EMSGSIZE
 * (more than @p limit bytes). EINVAL (the delimiter), ENOMEM, and read()'s. Buffers that were full are lost then; the next read begins behind them.
 */
inline task_of<buffer_chain> read_until(connection &peer, std::string_view delimiter,
					std::size_t limit)
{
	constexpr std::size_t most = buffer_chain::most_at_once;
	buffer_chain chain;

	if (delimiter.size() > most)
		co_return errc::einval;
	for (;;) {
		const std::size_t left = limit - chain.size();
		auto piece = co_await peer.read_until(delimiter, left);
		const bool last = static_cast<bool>(piece);

		/* A buffer is full. Its last bytes may be the delimiter's first. */
		if (!last && piece.error() == errc::emsgsize && left > most - delimiter.size())
			piece = co_await peer.read_exactly(most - (delimiter.size() - 1));
		if (piece.end_of_stream())
			co_return chain.size() ? errc::ebadmsg : errc::enodata;
		if (!piece)
			co_return piece.error();
		if (const auto kept = chain.append(std::move(piece), peer.frame_flags()); !kept)
			co_return kept.error();
		if (last)
			co_return std::move(chain);
	}
}

/**
 * `co_await ktcp::read_all(peer, limit)`: a result<buffer_chain> of all that comes, up to the end
 * of the stream.
 * Errors: EMSGSIZE (more than @p limit bytes: limit + 1 of them are lost, and the next read begins
 * behind them), ENOMEM, and read()'s.
 */
inline task_of<buffer_chain> read_all(connection &peer, std::size_t limit)
{
	buffer_chain chain;

	for (;;) {
		/* At the limit, a byte more says that there is more. */
		const std::size_t left = std::max<std::size_t>(limit - chain.size(), 1);
		auto piece = co_await peer.read_exactly(std::min(left, buffer_chain::most_at_once));

		if (piece.end_of_stream())
			co_return std::move(chain);
		/* Less than a buffer, and then the end. */
		if (!piece && piece.error() == errc::ebadmsg)
			piece = message(co_await peer.read());
		if (!piece)
			co_return piece.error();
		if (const auto kept = chain.append(std::move(piece), peer.frame_flags()); !kept)
			co_return kept.error();
		if (chain.size() > limit)
			co_return errc::emsgsize;
	}
}

} // namespace ktcp

#endif
