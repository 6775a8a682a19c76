// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The bytes of one HTTP connection, from request to request: input that is not yet used, and output
 * for the next write.
 */
#ifndef KTCP_HTTP_STREAM_HPP
#define KTCP_HTTP_STREAM_HPP

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <ktcp/base/defaults.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/connection.hpp>
#include <ktcp/http/date_clock.hpp>
#include <ktcp/http/ending.hpp>
#include <ktcp/http/parse/head.hpp>
#include <ktcp/strand_lock.hpp>

namespace ktcp::http
{

/** The options of an HTTP server. Times are in milliseconds, 0: for ever. */
struct options {
	head_limits head = {}; /**< a server's buffers are as large as head.head_bytes */
	std::uint32_t chunk_overhead_bytes = 16384; /**< extensions and trailers of a body; 431 */
	std::uint32_t unread_bytes =
		16384; /**< of a body that nobody read: more ends the connection, and a chunked one */
	setting<unsigned int> head_ms = 10000; /**< for a whole head; then 408 */
	setting<unsigned int> body_ms =
		20000; /**< for a body, and a second more per min_rate bytes; 408 */
	setting<unsigned int> keep_alive_ms = 60000; /**< between two requests */
	setting<unsigned int> write_ms = 30000; /**< for bytes to be read, and more as above */
	setting<unsigned int> min_rate = 500; /**< bytes a second */
	/** Of the server below, which ends a quiet connection by itself; told with keep_alive_hint. */
	setting<unsigned int> idle_ms = defaults::idle_timeout_ms;
	std::string_view server = "ktcp"; /**< the field Server; empty: none */
	std::string_view fields = {}; /**< on responses below 400; each ends with CRLF */
	/** The field Keep-Alive tells keep_alive_ms, or idle_ms if that is less. */
	bool keep_alive_hint = false;

	/** How long a connection waits for its next request. */
	unsigned int kept_ms() const noexcept
	{
		const unsigned int most = idle_ms,
				   asked = keep_alive_ms; /* which may change meanwhile */

		return !asked || (most && most < asked) ? most : asked;
	}
};

/** The server waits for a client to do this. Each has a time, and a counter of clients too slow. */
enum class wait : std::uint8_t {
	head, /**< a request's head: options::head_ms */
	body, /**< its body: options::body_ms */
	request, /**< the next request: options::keep_alive_ms */
	send, /**< to read what was sent: options::write_ms */
	end, /**< to close, after the last word */
};

/** The names of the counters; see ktcp::connection_handler. */
inline constexpr const char *wait_counters[] = {
	"timed_out_head", "timed_out_body", "timed_out_keep_alive",
	"timed_out_send", "timed_out_end",
};

/**
 * Input and output of one connection. While neither holds bytes it has no buffer.
 * Context: a handler's.
 */
class stream {
    public:
	stream(connection &peer, const struct options &options, date_clock &clock) noexcept
		: peer_(peer), options_(options), clock_(clock), writers_(peer)
	{
	}

	/** The connection below. */
	connection &peer() noexcept
	{
		return peer_;
	}

	/** The connection ends: is that since the client was too slow? */
	~stream()
	{
		if (peer_.is_expired() && !was_slow_)
			count(is_over(send_until_) ? wait::send : receives_);
	}

	/** Of the coroutines that take a stream. */
	ktcp::executor &executor() noexcept
	{
		return peer_;
	}

	/** As the service was made with. */
	const struct options &options() const noexcept
	{
		return options_;
	}

	/** For the field Date. */
	date_clock &clock() noexcept
	{
		return clock_;
	}

	/** @name Input */
	/** @{ */

	/** The bytes that read() brought, with those that are not yet used. */
	received &input() noexcept
	{
		return input_;
	}

	/** It as text. */
	static std::string_view text(const received &bytes) noexcept
	{
		return { reinterpret_cast<const char *>((*bytes).data()), (*bytes).size() };
	}

	/** @} */
	/** @name Output */
	/** @{ */

	/** Bytes that may leave: complete ones, not those of a head that is being made. */
	std::string_view output() const noexcept
	{
		return { chars(), settled_ };
	}

	class output_operation;

	/**
	 * `co_await bytes.write_output()`: a result<void>, once TCP has taken all of output(). Bytes
	 * that another coroutine has appended meanwhile stay. The connection cannot go on after a failure, and is cut()
	 * if any of output() did not leave.
	 * @param more  as of ktcp::stream::write().
	 * Errors: the connection's.
	 */
	[[nodiscard]] output_operation write_output(bool more = false) noexcept;

	class sending;

	/** Did a part of a response not leave as a whole? Then the connection ends, in a reset if it needs one. */
	bool is_cut() const noexcept
	{
		return cut_;
	}

	/**
	 * That is so: a client may not take the part for the whole. A server that stops resets nothing that TCP has
	 * already, if the client sees by itself that the rest is missing.
	 */
	void cut() noexcept
	{
		const auto there = peer_.check();
		const bool stops = !there && there.error() == errc::eshutdown;

		cut_ = true;
		if (unmarked_ || !stops)
			peer_.reset_at_end();
	}

	/** A read or a write failed. The first failure that ends the connection is the one that counts. */
	void heard(error_code why) noexcept
	{
		if (ended_ == ending::handler)
			ended_ = ending_of(why, ending::slow);
	}

	/**
	 * The one who ended the connection, as its reads and writes have shown, or the server knows;
	 * ending::handler: it goes on. Called once the handler has returned. It ends the times of the exchange.
	 */
	ending ended() noexcept
	{
		if (ended_ != ending::handler)
			return ended_;
		receive_until_ = send_until_ = armed_ = 0;
		peer_.expires_after(0);

		const auto there = peer_.check();

		if (there)
			return ended_;

		const ending why = ending_of(there.error(), ending::server);

		/* The server has its own reasons: a source's share, new rules, no memory. */
		return why == ending::handler ? ending::server : why;
	}

	/** The end of the connection is the end of the response that begins: it has no other mark. */
	void end_is_the_mark() noexcept
	{
		unmarked_ = true;
	}

	/** A coroutine that writes has it, where others may be beside it. */
	strand_lock &writers() noexcept
	{
		return writers_;
	}

	/** The size of an output buffer; 0 before open(). */
	std::size_t size() const noexcept
	{
		return out_.bytes().size();
	}

	/** The room that append() still has. */
	std::size_t room() const noexcept
	{
		return out_.bytes().size() - used_;
	}

	/** Have room at all. Errors: ENOMEM. */
	result<void> open() noexcept
	{
		if (out_.bytes().empty())
			out_ = KTCP_TRY(peer_.borrow());
		return {};
	}

	/** Texts, literals and numbers, one after the other; false, and nothing added, if there is not enough room. */
	template <class... Text>
	bool append(const Text &...text) noexcept
	{
		const std::size_t size = (length_of(text) + ...);

		if (size > room())
			return false;

		char *to = end();

		((to = copy(to, text)), ...);
		used_ += size;
		return true;
	}

	/** Where append() goes on. */
	char *end() noexcept
	{
		return chars() + used_;
	}

	/** As many characters to be filled in. nullptr: there is not enough room. */
	char *extend(std::size_t size) noexcept
	{
		if (size > room())
			return nullptr;
		used_ += size;
		return chars() + used_ - size;
	}

	/** Bytes that were appended since settle(). */
	std::size_t unsettled() const noexcept
	{
		return used_ - settled_;
	}

	/** All that was appended may go out. */
	void settle() noexcept
	{
		settled_ = used_;
	}

	/** A response begins here. */
	void begin_response() noexcept
	{
		first_ = settled_;
		left_ = unmarked_ = false;
	}

	/** Has some of the response been written? */
	bool left() const noexcept
	{
		return left_;
	}

	/** Forget all of the response, unless some of it has left. */
	void take_back_all() noexcept
	{
		if (!left_)
			settled_ = first_;
		take_back();
	}

	/** Forget what was appended since settle(). */
	void take_back() noexcept
	{
		used_ = settled_;
	}

	/** @} */
	/** @name Time
	 *
	 * The client sends, and it reads. Each has a deadline of its own, and the earlier one is the
	 * connection's. A wait for the one ends the time of the other, unless a coroutine waits for that.
	 */
	/** @{ */

	/** The client is to send. @param ms  the deadline, 0: none. */
	void expect(wait what, unsigned int ms) noexcept
	{
		const std::uint64_t now = ktcp_now_ms();

		receives_ = what;
		receive_until_ = time_in(ms, now);
		if (!writers_.is_locked())
			send_until_ = 0;
		keep_time(now);
	}

	/** The same for a coroutine, beside which another one may write. */
	void begin_reading(wait what, unsigned int ms) noexcept
	{
		reading_ = true;
		expect(what, ms);
	}

	/** That wait has ended; was the client too slow? */
	void end_reading() noexcept
	{
		if (peer_.is_expired() && is_over(receive_until_))
			count(receives_);
		reading_ = false;
		receive_until_ = 0;
		keep_time();
	}

	/** The client is to read @p bytes more, and what it has yet to read. */
	void expect_to_write(std::size_t bytes) noexcept
	{
		const std::uint64_t now = ktcp_now_ms();

		send_until_ = time_in(
			at_least(options_.write_ms, std::uint64_t{ bytes } + peer_.unread()), now);
		if (!reading_)
			receive_until_ = 0;
		keep_time(now);
	}

	/** A write has ended, and its time with it. If the client took too little until then, it was too slow. */
	void end_writing(bool taken) noexcept
	{
		if (!taken && peer_.is_expired() && is_over(send_until_)) {
			if (!std::exchange(was_slow_, true))
				count(wait::send);
			heard(errc::etimedout);
			return;
		}
		send_until_ = 0;
		keep_time();
	}

	/** For a coroutine that waits as long as it likes: only the times of others are left. */
	void expect_no_more() noexcept
	{
		if (!reading_)
			receive_until_ = 0;
		if (!writers_.is_locked())
			send_until_ = 0;
		keep_time();
	}

	/** It was too slow. */
	void count(wait what) noexcept
	{
		peer_.count(what);
	}

	/**
	 * `co_await bytes.read_while_busy(…)`: a read() into input(), which the client has time for as
	 * long as it reads what was sent before. It fails with ETIMEDOUT once the client has been quiet
	 * for @p ms, and acknowledged nothing either.
	 * @param since_ms  quiet from then at the earliest, by ktcp_now_ms().
	 * @param until_ms  it fails then in any case.
	 */
	task_of<void> read_while_busy(wait what, unsigned int ms, std::uint64_t since_ms,
				      std::uint64_t until_ms);

	/** @p ms, and the time that @p bytes take at the slowest rate allowed; 0 stays 0. */
	unsigned int at_least(unsigned int ms, std::uint64_t bytes) const noexcept
	{
		constexpr std::uint64_t longest = 1u << 30;
		const unsigned int min_rate = options_.min_rate; /* which may change meanwhile */

		if (!ms || !min_rate)
			return ms;
		return static_cast<unsigned int>(std::min(longest, ms + bytes * 1000 / min_rate));
	}

	/** @} */

    private:
	/* The first bytes of output() have left, or never will: TCP has taken @taken of them. */
	void drop(std::size_t size, std::size_t taken) noexcept
	{
		left_ |= taken > first_;
		first_ -= std::min(first_, size);
		std::copy(chars() + size, chars() + used_, chars());
		used_ -= size;
		settled_ -= size;
		if (!used_)
			out_.reset();
	}

	static std::size_t length_of(std::string_view text) noexcept
	{
		return text.size();
	}

	/* Of a literal the compiler knows it. */
	template <std::size_t Size>
	static constexpr std::size_t length_of(const char (&)[Size]) noexcept
	{
		return Size - 1;
	}

	/* Not inlined: of a text that lies in a smaller object g++ would warn that it is no longer. */
	[[gnu::noinline]] static void copy_long(char *to, const char *from,
						std::size_t size) noexcept
	{
		__builtin_memcpy(to, from, size);
	}

	/* Most texts are short: a call, and the start of a string instruction, would cost more than
	 * the copy. Returns its end. */
	static char *copy(char *to, std::string_view text) noexcept
	{
		const char *const from = text.data();
		const std::size_t size = text.size();

		if (size > 256) {
			copy_long(to, from, size);
		} else if (size >= 8) {
			std::size_t i = 0;

			for (; i + 32 < size; i += 32)
				__builtin_memcpy(to + i, from + i, 32);
			/* The last eight may be copied a second time. */
			for (; i + 8 < size; i += 8)
				__builtin_memcpy(to + i, from + i, 8);
			__builtin_memcpy(to + size - 8, from + size - 8, 8);
		} else {
			for (std::size_t i = 0; i < size; i++)
				to[i] = from[i];
		}
		return to + size;
	}

	static std::size_t length_of(const number_text &number) noexcept
	{
		return number.text().size();
	}

	static char *copy(char *to, const number_text &number) noexcept
	{
		for (char digit : number.text())
			*to++ = digit;
		return to;
	}

	template <std::size_t Size>
	static char *copy(char *to, const char (&text)[Size]) noexcept
	{
		__builtin_memcpy(to, text, Size - 1);
		return to + Size - 1;
	}

	/* The low half of ktcp_now_ms(), but for 0: never. */
	static std::uint32_t time_in(unsigned int ms, std::uint64_t now) noexcept
	{
		const auto time = static_cast<std::uint32_t>(
			now + std::min(ms, static_cast<unsigned int>(INT32_MAX)));

		return ms ? std::max(time, 1u) : 0;
	}

	static std::int32_t left_ms(std::uint32_t until, std::uint64_t now) noexcept
	{
		return static_cast<std::int32_t>(until - static_cast<std::uint32_t>(now));
	}

	static bool is_over(std::uint32_t until) noexcept
	{
		return until && left_ms(until, ktcp_now_ms()) <= 0;
	}

	void keep_time() noexcept
	{
		keep_time(receive_until_ || send_until_ ? ktcp_now_ms() : 0);
	}

	/* The earlier time is the connection's. It is not set anew, so that it comes, and stays told. */
	void keep_time(std::uint64_t now) noexcept
	{
		std::uint32_t next = receive_until_;

		if (send_until_ && (!next || left_ms(send_until_, now) < left_ms(next, now)))
			next = send_until_;
		if (next && next == armed_)
			return;
		armed_ = next;
		peer_.expires_after(
			next ? static_cast<unsigned int>(std::max(left_ms(next, now), 1)) : 0);
	}

	char *chars() const noexcept
	{
		return reinterpret_cast<char *>(const_cast<std::byte *>(out_.bytes().data()));
	}

	connection &peer_;
	const struct options &options_;
	date_clock &clock_;
	received input_;
	buffer out_;
	std::size_t used_ = 0; /* of out_ */
	std::size_t settled_ = 0; /* of used_: complete */
	std::size_t first_ = 0; /* of settled_: earlier responses */
	strand_lock writers_;
	std::uint32_t receive_until_ = 0, send_until_ = 0;
	std::uint32_t armed_ = 0; /* the one that the connection has */
	bool left_ = false; /* some of this response has been written */
	bool cut_ = false; /* and some never will be */
	bool was_slow_ = false; /* the time of a write was over, and has been counted */
	bool unmarked_ = false; /* as end_is_the_mark() says */
	bool reading_ = false; /* a coroutine waits for the client to send, and another may write */
	ending ended_ = ending::handler; /* the first one that was heard of */
	wait receives_ = wait::head; /* what for */
};

/** The awaiter that write_output() returns. Trivially destructible, as g++-12 wants awaiters. */
class [[gnu::warn_unused]] stream::output_operation {
    public:
	output_operation(stream &of, bool more) noexcept
		: of_(of), size_(of.output().size()), below_(of.peer_.write(of.output(), more))
	{
	}

	bool await_ready() noexcept
	{
		return below_.await_ready();
	}

	void await_suspend(std::coroutine_handle<> self) noexcept
	{
		below_.await_suspend(self);
	}

	result<void> await_resume() noexcept
	{
		const auto written = below_.await_resume();
		const auto *const first = reinterpret_cast<const std::byte *>(of_.chars());

		of_.drop(size_, size_ ? static_cast<std::size_t>(below_.rest() - first) : 0);
		if (!written && size_) {
			of_.heard(written.error());
			of_.cut();
		}
		return written;
	}

    private:
	stream &of_;
	const std::size_t size_;
	connection::write_operation below_;
};

inline stream::output_operation stream::write_output(bool more) noexcept
{
	return { *this, more };
}

/**
 * Bytes on their way, of a coroutine that has writers(), or is alone. The client has a time for them. If some fail to
 * leave, or the coroutine is destroyed where it waits (race()), the connection is cut().
 */
class stream::sending {
    public:
	sending(stream &of, std::size_t bytes) noexcept : of_(of), bytes_(bytes)
	{
		of.expect_to_write(bytes);
	}

	sending(const sending &) = delete;
	sending &operator=(const sending &) = delete;

	~sending()
	{
		of_.end_writing(whole_ || !bytes_);
		if (whole_ || !bytes_)
			return;
		of_.cut();
		/* If the coroutine was destroyed, some of it may have left. */
		of_.drop(of_.settled_, ended_ ? 0 : of_.settled_);
	}

	/** It came to this. */
	result<void> ends(result<void> outcome) noexcept
	{
		ended_ = true;
		whole_ = static_cast<bool>(outcome);
		if (!whole_)
			of_.heard(outcome.error());
		return outcome;
	}

    private:
	stream &of_;
	const std::size_t bytes_;
	bool ended_ = false, whole_ = false;
};

inline task_of<void> stream::read_while_busy(wait what, unsigned int ms, std::uint64_t since_ms,
					     std::uint64_t until_ms)
{
	const auto left_ms = [&] {
		const std::uint64_t now = ktcp_now_ms();
		const std::uint64_t quiet = std::min<std::uint64_t>(peer_.idle_ms(),
								    now - since_ms);

		return quiet < ms && now < until_ms ? std::min(ms - quiet, until_ms - now) : 0;
	};
	std::uint64_t left = left_ms();

	do {
		/* A time that is over already: the read says so. */
		expect(what, left ? static_cast<unsigned int>(left) : 1);
		input_ = co_await peer_.read();
		left = left_ms();
	} while (!input_ && peer_.is_expired() && left);
	co_return result<void>();
}

} // namespace ktcp::http

#endif
