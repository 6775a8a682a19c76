// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Messages out of a stream: how the end of one is found, and which buffer it is in.
 *
 * The bytes before a message's end stay in the stream, and so do those behind it. Once the message is whole, it and
 * the bytes behind it part.
 */
#ifndef KTCP_ENGINE_STREAM_MESSAGE_HPP
#define KTCP_ENGINE_STREAM_MESSAGE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <ktcp/base/error.hpp>
#include <ktcp/base/result.hpp>
#include <ktcp/engine/stream_base.hpp>
#include <ktcp/engine/stream_operation.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/received.hpp>

namespace ktcp::detail
{

/** The awaiter that read_until(), read_line() and read_exactly() return. */
class [[gnu::warn_unused]] message_operation : public stream_operation {
    public:
	/* Up to a delimiter; of a line a carriage return before it is none of its bytes. */
	message_operation(stream_base &peer, std::string_view delimiter, std::size_t limit,
			  bool line) noexcept
		: stream_operation(peer, kind::message), delimiter_(delimiter), limit_(limit),
		  line_(line)
	{
	}

	/* So many bytes. */
	message_operation(stream_base &peer, std::size_t size) noexcept
		: stream_operation(peer, kind::message), limit_(size), exactly_(true)
	{
	}

	message await_resume() noexcept
	{
		/* Its size was known before its failure was. */
		return data_ ? message(*peer_, data_, begin_, size_, status_) :
			       message(*peer_, nullptr, 0, 0, status_);
	}

    private:
	friend class stream_base;

	/*
	 * Is the message whole, with its delimiter? Then end_ is where it ends, and size_ is its size
	 * without the delimiter. A message that is too long sets status_ as soon as that is known. So
	 * the outcome does not depend on how the bytes were cut into segments.
	 */
	bool whole(std::string_view held, std::size_t most) noexcept
	{
		if (exactly_) {
			if (limit_ > most)
				status_ = error_code(errc::emsgsize).code();
			end_ = size_ = limit_;
			return !status_ && held.size() >= limit_;
		}
		if (delimiter_.empty()) {
			KTCP_WARN_ONCE("read_until(): the delimiter is empty");
			status_ = error_code(errc::einval).code();
			return false;
		}
		/* It may have begun at the end of what was looked at. */
		const std::size_t from = seen_ < delimiter_.size() ?
						 0 :
						 seen_ - (delimiter_.size() - 1);
		const std::size_t at = held.find(delimiter_, from);
		const bool found = at != held.npos;
		const std::size_t size =
			found ? at : held.size() - std::min(held.size(), delimiter_.size() - 1);

		if (!found)
			seen_ = held.size();
		size_ = size - (line_ && size && (!found || held[at - 1] == '\r'));
		end_ = at + delimiter_.size();
		if (size_ > limit_ || (!found && held.size() == most))
			status_ = error_code(errc::emsgsize).code();
		return found && !status_;
	}

	std::string_view delimiter_;
	std::size_t limit_;
	std::size_t seen_ = 0; /* bytes without a delimiter in them */
	std::size_t end_ = 0; /* with the delimiter */
	bool line_ = false;
	bool exactly_ = false; /* limit_ bytes */
};

inline outcome stream_base::attempt_message(stream_operation &one) noexcept
{
	message_operation &op = static_cast<message_operation &>(one);

	for (bool paid = false;; paid = true) {
		const bool whole = op.whole(kept(), buffers_.buffer_size());

		if (whole || op.status_) {
			if (!paid && !strand_.spend()) {
				op.status_ = 0;
				return outcome::yield;
			}
			return op.status_ ? outcome::done : hand_out(op);
		}
		if (!socket_.readable())
			return wait_for(KTCP_SOCK_READABLE);
		if (!strand_.spend())
			return outcome::yield;

		const auto got = receive_behind_kept();

		if (!got)
			return failed_to_read(op, got.error());
		if (!*got) {
			op.status_ = kept_ ? error_code(errc::ebadmsg).code() : message::ended;
			return outcome::done;
		}
	}
}

/* 0 at the end of the stream. */
inline result<std::size_t> stream_base::receive_behind_kept() noexcept
{
	const std::size_t whole = buffers_.buffer_size();
	const bool fits = kept_ && kept_end_ < whole;
	std::byte *const into = fits ? kept_ : KTCP_TRY(another_buffer());
	const std::size_t used = fits ? kept_end_ : kept().size();
	const auto got = recv({ into + used, whole - used });

	if (!got || !*got) {
		if (!fits)
			buffers_.put(into);
		return got ? result<std::size_t>(0) : got.error();
	}
	if (!fits) {
		/* Another buffer: TCP may still be sending from the one that is full. */
		const auto held = kept();

		std::copy(held.begin(), held.end(), reinterpret_cast<char *>(into));
		if (kept_)
			give_back(kept_);
		keep(into, 0, used);
	}
	kept_end_ = static_cast<std::uint16_t>(kept_end_ + *got);
	return *got;
}

/* The message is whole: a buffer for it, and one for the bytes that came behind it. */
inline outcome stream_base::hand_out(message_operation &op) noexcept
{
	const std::size_t rest = kept().size() - op.end_;

	op.begin_ = kept_begin_;
	if (!rest) {
		lent_ = op.data_ = std::exchange(kept_, nullptr);
		return outcome::done;
	}
	if (op.size_) {
		const auto other = another_buffer();

		if (!other)
			return failed_to_read(op, other.error());
		if (op.size_ > rest) {
			std::copy_n(kept_ + kept_begin_ + op.end_, rest, *other);
			lent_ = op.data_ = kept_;
			keep(*other, 0, rest);
			return outcome::done;
		}
		std::copy_n(kept_ + kept_begin_, op.size_, *other);
		lent_ = op.data_ = *other;
		op.begin_ = 0;
	}
	kept_begin_ = static_cast<std::uint16_t>(kept_begin_ + op.end_);
	return outcome::done;
}

} // namespace ktcp::detail

#endif
