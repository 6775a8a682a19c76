// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A request, as its handler sees it.
 *
 * @code
 * for (;;) {
 *	auto piece = co_await request.read_body();
 *	if (!piece || piece->empty())
 *		break;				// failed, or all of it was read
 *	use(*piece);
 * }
 * @endcode
 */
#ifndef KTCP_HTTP_REQUEST_HPP
#define KTCP_HTTP_REQUEST_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <ktcp/http/exchange.hpp>
#include <ktcp/http/parse/chunked.hpp>
#include <ktcp/http/parse/path.hpp>
#include <ktcp/http/request_handler.hpp>
#include <ktcp/http/stream.hpp>
#include <ktcp/kernel/buffer.hpp>
#include <ktcp/task.hpp>
#include <ktcp/timer.hpp>

namespace ktcp::http
{

/** A request whose head is complete. The texts of its head live until the handler returns. */
class request : private head_parser {
    public:
	using head_parser::find;
	using head_parser::host;
	using head_parser::keep_alive;
	using head_parser::may_have;
	using head_parser::method;
	using head_parser::minor_version;
	using head_parser::next_field;
	using head_parser::query;
	using head_parser::target;

	request(const request &) = delete;
	request &operator=(const request &) = delete;

	/**
	 * From its first slash to the question mark, not decoded; "*" for `OPTIONS *`. Dot segments are resolved (RFC
	 * 3986, section 5.2.4), however their dots were written. target() has them still.
	 */
	std::string_view path() const noexcept
	{
		return resolved_.empty() ? head_parser::path() : resolved_;
	}

	/** The connection that it came by. */
	connection &peer() noexcept
	{
		return stream_.peer();
	}

	/** Where the client is; see connection::remote(). */
	const endpoint &remote() const noexcept
	{
		return stream_.peer().remote();
	}

	/** Of the coroutines that take a request. */
	ktcp::executor &executor() noexcept
	{
		return stream_.peer();
	}

	/** Is there a body that has not been read to its end? */
	bool has_body() const noexcept
	{
		return !exchange_.body_over;
	}

	/** Of a body that says so beforehand: how long it is; nothing: chunked, or none. */
	std::optional<std::uint64_t> body_length() const noexcept
	{
		if (head_parser::body() == framing::length)
			return content_length();
		return {};
	}

	/**
	 * `co_await request.read_body()`: a result<span>, the next bytes of the body, decoded; empty
	 * at its end. They live until the next call. A client that waits for it is told to
	 * continue, unless the response has begun. After an error the response has a status by
	 * itself, unless it has begun.
	 * Errors: EBADMSG (malformed), EMSGSIZE (too long), ETIMEDOUT, ECONNRESET (the client
	 * left in the midst of it), and the connection's.
	 */
	[[nodiscard]] task_of<std::span<const std::byte>> read_body();

	/**
	 * `co_await request.read_all(memory)`: a result<string_view> of the whole body, decoded, in
	 * memory of the caller's that stays until then: a buffer that peer().borrow() gave, say.
	 * Errors: EMSGSIZE where it is longer (the response is then a 413 by itself, unless it has
	 * begun), and read_body()'s. A client that says so beforehand need not send it.
	 */
	[[nodiscard]] task_of<std::string_view> read_all(std::span<char> memory);

	/**
	 * `co_await request.pause(ms)`: a result<void>, when so many milliseconds have passed, some
	 * 50 more at most. For a response that goes on for long: it hears when the client leaves.
	 * The body must have been read.
	 * Errors: ECONNRESET (the client left), EBUSY (it has sent its next request: end the
	 * response), ETIMEDOUT (another coroutine's write took too long), ENOMEM, the connection's.
	 */
	[[nodiscard]] task_of<void> pause(unsigned int ms);

	/**
	 * `co_await request.left()`: a result<void>, always an error: it waits until the client leaves.
	 * For race(), beside a coroutine that writes the response. The body must have been read.
	 * Errors: pause()'s.
	 */
	[[nodiscard]] task_of<void> left();

    private:
	template <request_handler Handler>
	friend class service;
	friend class response;

	request(http::stream &stream, exchange &state) noexcept
		: head_parser(stream.options().head), stream_(stream), exchange_(state)
	{
	}

	using head_parser::begun;
	using head_parser::outcome;
	using head_parser::parse;

	/* The head is complete: leave its bytes behind, and prepare for the body. */
	void accept_head() noexcept
	{
		stream_.input().remove_prefix(length());
		exchange_.keep_alive = keep_alive();
		exchange_.expects_continue = expects_continue();
		exchange_.body_over = head_parser::body() == framing::none ||
				      (head_parser::body() == framing::length &&
				       content_length() == 0);
		exchange_.body_left = content_length();
		exchange_.body_chunked = head_parser::body() == framing::chunked;
		if (exchange_.body_chunked)
			chunks_.emplace(stream_.options().head.body_bytes,
					stream_.options().chunk_overhead_bytes);
	}

	/* Makes path(). Few clients leave dots in it, so it has memory for that only then. Errors: resolve_dots()'s,
	 * ENOMEM. */
	result<void> resolve_path() noexcept
	{
		const std::string_view path = head_parser::path();

		if (!has_dot_segments(path))
			return {};
		memory_ = KTCP_TRY(buffer::kmalloc(path.size(), stream_.peer().frame_flags()));
		resolved_ = KTCP_TRY(resolve_dots(
			path, { reinterpret_cast<char *>(memory_.bytes().data()), path.size() }));
		return {};
	}

	/* The input's bytes may have moved. The head's texts are where the bytes are now. */
	outcome parse_input() noexcept
	{
		const outcome found = parse(stream::text(stream_.input()));

		if (found == outcome::refused)
			refuse(head_parser::status());
		return found;
	}

	/* Bytes behind the body belong to the next request. */
	void leave_rest() noexcept
	{
		if (body_)
			stream_.input() = std::move(body_);
	}

	/* Its head does not come to an end. */
	outcome refuse(unsigned int status) noexcept
	{
		exchange_.refused = static_cast<std::uint16_t>(status);
		return outcome::refused;
	}

	error_code fail(errc why, unsigned int status) noexcept
	{
		refuse(status);
		return why;
	}

	bool next_piece(received &from, std::span<const std::byte> &piece) noexcept;
	task_of<void> tell_client();

	/* The wait for a piece of the body. It ends with its frame, also where that is destroyed. */
	class piece_wait {
	    public:
		piece_wait(http::stream &of, unsigned int ms) noexcept : of_(of)
		{
			of.begin_reading(wait::body, ms);
		}

		piece_wait(const piece_wait &) = delete;
		piece_wait &operator=(const piece_wait &) = delete;

		~piece_wait()
		{
			of_.end_reading();
		}

	    private:
		http::stream &of_;
	};

	http::stream &stream_;
	exchange &exchange_;
	received body_; /* what came behind the stream's input */
	buffer memory_; /* of … */
	std::string_view resolved_; /* the path, if it had dot segments */
	std::optional<chunked_decoder> chunks_;
	unsigned int body_waited_ms_ = 0;
	std::uint64_t body_bytes_ = 0;
};

/* Take a piece of the body off these bytes; false: they hold none. */
inline bool request::next_piece(received &from, std::span<const std::byte> &piece) noexcept
{
	const auto bytes = *from;

	if (!chunks_) {
		piece = bytes.first(static_cast<std::size_t>(
			std::min<std::uint64_t>(exchange_.body_left, bytes.size())));
		exchange_.body_left -= piece.size();
		exchange_.body_over = exchange_.body_left == 0;
		from.remove_prefix(piece.size());
		return !piece.empty();
	}

	std::string_view text = stream::text(from);
	const auto outcome = chunks_->decode(text);

	from.remove_prefix(bytes.size() - text.size());
	if (outcome == chunked_decoder::outcome::refused)
		refuse(chunks_->status());
	exchange_.body_over = outcome == chunked_decoder::outcome::end;
	if (outcome != chunked_decoder::outcome::piece)
		return false;
	piece = std::as_bytes(std::span(chunks_->piece()));
	return true;
}

/* The client may wait for what we owe it before it goes on. A coroutine that writes does that itself. */
inline task_of<void> request::tell_client()
{
	strand_lock::guard alone(stream_.writers());

	if (!alone.try_lock()) {
		if (!exchange_.wants_interim())
			co_return result<void>();
		KTCP_CO_CHECK(co_await alone.wait());
	}
	if (stream_.is_cut())
		co_return errc::epipe;

	constexpr std::string_view interim = "HTTP/1.1 100 Continue\r\n\r\n";
	stream::sending whole(stream_, stream_.output().size() +
					       (exchange_.wants_interim() ? interim.size() : 0));
	auto told = co_await stream_.write_output();

	/* A response may have begun meanwhile. */
	if (told && exchange_.wants_interim())
		told = co_await peer().write(interim);
	co_return whole.ends(told);
}

inline task_of<std::span<const std::byte>> request::read_body()
{
	std::span<const std::byte> piece;

	while (has_body() && !exchange_.refused) {
		received &from = body_ ? body_ : stream_.input();

		if (from && next_piece(from, piece)) {
			body_bytes_ += piece.size();
			exchange_.body_begun = true;
			co_return piece;
		}
		if (!has_body() || exchange_.refused)
			break;

		if (!stream_.output().empty() || exchange_.wants_interim())
			KTCP_CO_CHECK(co_await tell_client());
		exchange_.body_begun = true;

		/* Only the time in which we wait for the client is the client's. */
		const std::uint64_t begun = ktcp_now_ms();
		const unsigned int allowed = stream_.at_least(stream_.options().body_ms,
							      body_bytes_);

		{
			const piece_wait time(stream_, !allowed ? 0 :
						       body_waited_ms_ < allowed ?
								  allowed - body_waited_ms_ :
								  1);

			body_ = co_await peer().read();
		}
		body_waited_ms_ += static_cast<unsigned int>(ktcp_now_ms() - begun);
		if (!body_ && body_.end_of_stream())
			co_return fail(errc::econnreset, 400);
		if (!body_ && body_.error() == errc::etimedout)
			co_return fail(errc::etimedout, 408);
		if (!body_) {
			stream_.heard(body_.error());
			co_return body_.error();
		}
	}
	if (const unsigned int why = exchange_.refused)
		co_return why == 400 ? errc::ebadmsg :
		why == 408	     ? errc::etimedout :
				       errc::emsgsize;
	co_return std::span<const std::byte>();
}

inline task_of<std::string_view> request::read_all(std::span<char> memory)
{
	std::size_t size = 0;

	if (!exchange_.refused && exchange_.body_left > memory.size())
		co_return fail(errc::emsgsize, 413);
	for (;;) {
		const auto piece = co_await read_body();

		if (!piece)
			co_return piece.error();
		if (piece->empty())
			co_return std::string_view(memory.data(), size);
		if (piece->size() > memory.size() - size)
			co_return fail(errc::emsgsize, 413);
		std::copy_n(reinterpret_cast<const char *>(piece->data()), piece->size(),
			    memory.data() + size);
		size += piece->size();
	}
}

/* By a time of its own: the connection's deadline is that of a write, which may wait beside it. */
inline task_of<void> request::pause(unsigned int ms)
{
	if (has_body() || stream_.input() || body_)
		co_return errc::ebusy;
	stream_.expect_no_more();
	body_ = co_await within(peer(), ms, peer().read());
	if (body_)
		co_return errc::ebusy;
	/* The time is over, or the connection's, or that of a write. */
	if (!body_.end_of_stream() && body_.error() == errc::etimedout)
		co_return peer().check();

	const error_code why = body_.end_of_stream() ? errc::econnreset : body_.error();

	stream_.heard(why);
	co_return why;
}

inline task_of<void> request::left()
{
	constexpr unsigned int long_ms = 1u << 30;
	result<void> status;

	while (status)
		status = co_await pause(long_ms);
	co_return status;
}

} // namespace ktcp::http

#endif
