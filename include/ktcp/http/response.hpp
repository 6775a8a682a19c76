// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A response, as a handler makes it.
 *
 * @code
 * response.status(200).field("Content-Type", "text/plain");
 * co_await response.send("hello\n");		// all of it: with its length, in one segment
 *
 * response.status(200).length(2);		// or in pieces of a known length …
 * co_await response.write("a");
 * co_await response.write("b");
 *
 * response.status(200);			// … or of any number, chunked
 * while (...)
 *	co_await response.write(piece);
 * @endcode
 *
 * Small bodies leave together with their head, and with the responses to other requests of
 * the same pipeline. HEAD, 204 and 304 take the same calls, and no body is sent.
 */
#ifndef KTCP_HTTP_RESPONSE_HPP
#define KTCP_HTTP_RESPONSE_HPP

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <ktcp/http/request.hpp>
#include <ktcp/http/status.hpp>

namespace ktcp::http
{

/** Text of a certain kind: a literal is checked when it is compiled, other text when it is used. */
template <bool (*Check)(std::string_view) noexcept>
class checked_text {
    public:
	/** A literal; one that is not of the kind does not compile. */
	template <std::size_t Size>
	consteval checked_text(const char (&text)[Size]) noexcept
		: text_(text, Size - 1), valid_(Check(text_))
	{
		if (!valid_)
			not_allowed_here();
	}

	/** Any other. */
	template <class Text>
		requires std::convertible_to<const Text &, std::string_view>
		checked_text(const Text &text)
	noexcept : text_(text), valid_(Check(text_))
	{
	}

	/** As it is sent. */
	std::string_view text() const noexcept
	{
		return text_;
	}

	/** Is it of the kind? */
	bool valid() const noexcept
	{
		return valid_;
	}

    private:
	/* Being no constant expression, it ends the compilation where it is called. */
	static void not_allowed_here() noexcept
	{
	}

	std::string_view text_;
	bool valid_;
};

/**
 * The name of a field: a token (RFC 9110, section 5.1). Connection, Content-Length, Date, Keep-Alive, Server, Trailer
 * and Transfer-Encoding are the server's own, and none.
 */
using field_name = checked_text<detail::is_handlers_field>;
/** A field's value: no control characters but HTAB (RFC 9110, section 5.5). */
using field_value = checked_text<detail::is_field_text>;

/** The answer to a request. Used by the request's handler, until it returns. */
class response {
    public:
	response(const response &) = delete;
	response &operator=(const response &) = delete;

	/** Of the coroutines that take a response. */
	ktcp::executor &executor() noexcept
	{
		return stream_.peer();
	}

	/**
	 * Begin a head, with Server and Date; the fields given so far are forgotten. Nothing once
	 * the head was sent: see begun().
	 * @param code  200..599; any other makes a 500 of the whole response.
	 */
	[[gnu::flatten]] response &status(unsigned int code) noexcept;

	/**
	 * Add a field to the head; without a status it is a 200. A value that cannot be sent as it
	 * is (with a line end in it) makes a 500 of the whole response. So does a name that is the
	 * server's own. As literals they do not compile. A head of more than 4096 bytes beyond the
	 * length of the request's head makes a 500, too, and one of more than a buffer.
	 */
	response &field(field_name name, field_value value) noexcept;

	/** The same for fields that were checked before: lines of a head, each with its end. */
	response &lines(std::string_view ready) noexcept
	{
		if (!begun()) {
			if (!status_)
				status(200);
			append(ready);
		}
		return *this;
	}

	/** The body's length in bytes, for write(). send() knows by itself. Nothing once begun(). */
	response &length(std::uint64_t bytes) noexcept
	{
		if (!begun())
			declared_ = bytes;
		return *this;
	}

	/** Has the head been finished, so that nothing of it can be changed? */
	bool begun() const noexcept
	{
		return exchange_.begun;
	}

	/** Its status; 0 while it has none. */
	unsigned int status() const noexcept
	{
		return status_;
	}

	/** Bytes of the body that were sent or queued; none are where there is no body. */
	std::uint64_t sent() const noexcept
	{
		return has_body() ? sent_ : 0;
	}

	class operation;

	/**
	 * `co_await response.send(body)`: finish the head with the body's length, and send both;
	 * a result<void>. @p body must stay until then.
	 * Errors: the connection's.
	 */
	[[nodiscard]] operation send(std::span<const std::byte> body) noexcept;
	/** The same for text. */
	[[nodiscard]] operation send(std::string_view body) noexcept;

	/**
	 * `co_await response.write(piece)`: a part of the body; the first finishes the head.
	 * @p piece must stay until then. Without a length() the body is chunked, or ends with the
	 * connection for a client of HTTP/1.0.
	 * Errors: EMSGSIZE (more than the length(); nothing was sent), the connection's.
	 */
	[[nodiscard]] operation write(std::span<const std::byte> piece) noexcept;
	/** The same for text. */
	[[nodiscard]] operation write(std::string_view piece) noexcept;

	/**
	 * `co_await response.write(pages)`: the same for pages of a file, without copying them. The
	 * body must have a length(), else EINVAL.
	 */
	[[nodiscard]] task_of<void> write(file_pages &pages);

	/**
	 * All of the response without waiting: as send(), but what there is no room for leaves when
	 * the handler has returned. A handler that is no coroutine may then return an empty task.
	 * A response that has begun() with another body is abandoned instead: see abandon().
	 * @p body must outlive the handler: a literal, say.
	 */
	[[gnu::flatten]] void reply(std::string_view body) noexcept;

	/**
	 * Words about a status, as all of the response, without waiting; with a field of its own, if
	 * it has a name (Allow, say). A response that has begun() is abandoned instead, with this status.
	 */
	void refuse(unsigned int code, std::string_view name = {},
		    std::string_view value = {}) noexcept
	{
		if (is_too_late(code))
			return;
		status(code);
		if (!name.empty())
			field(name, value);
		field("Content-Type", "text/plain; charset=utf-8").reply(advice_for(code));
	}

	/**
	 * `co_await response.flush()`: the queued bytes leave now, and not with the next ones; a
	 * result<void>. For responses that go on for long. If there is a status(), its head is among
	 * them, and then it has begun().
	 * Errors: the connection's.
	 */
	[[nodiscard]] task_of<void> flush();

	/** Would reply() take a body of this size into the output, so that it need not outlive it? */
	bool has_room_for(std::size_t size) const noexcept
	{
		return size + end_of_head_most <= stream_.room();
	}

	/**
	 * Tells the response that its next part takes time to make. The time for a part of a
	 * response begins here, and connection::check() says when it is over.
	 */
	void expect_more() noexcept
	{
		stream_.expect_to_write(0);
	}

	/**
	 * The body will not be complete. If none of the response has left it becomes words about a
	 * status; else the connection is reset, so that the client knows.
	 * @param instead  that status; where it is abandoned again, the first counts.
	 */
	void abandon(unsigned int instead = 500) noexcept
	{
		if (!abandoned_)
			instead_ = static_cast<std::uint16_t>(instead);
		abandoned_ = true;
	}

    private:
	template <request_handler Handler>
	friend class service;

	response(http::stream &stream, request &request, exchange &state) noexcept
		: stream_(stream), request_(request), exchange_(state)
	{
	}

	/* Framing, Connection and the empty line. */
	static constexpr std::size_t end_of_head_most = 128;

	/*
	 * HEAD, 204 and 304 have none (RFC 9110, section 6.4.1), whether or not their fields name
	 * one.
	 */
	bool has_body() const noexcept
	{
		return request_.method() != method::head && status_ != 204 && status_ != 304;
	}

	/* Only a body that has a length can be known to be. */
	bool is_whole() const noexcept
	{
		return declared_ && sent_ + rest_.size() == *declared_;
	}

	/* A response that has begun cannot say anything else any more; if it is not whole, it never will be. */
	bool is_too_late(unsigned int instead) noexcept
	{
		if (begun() && has_body() && !is_whole())
			abandon(instead);
		return begun();
	}

	template <class... Text>
	void append(const Text &...text) noexcept
	{
		whole_ = stream_.append(text...) && whole_;
	}

	[[gnu::flatten]] void begin() noexcept;
	result<void> prepare(std::size_t size) noexcept;
	result<void> may_write(result<void> locked, std::size_t size) noexcept;
	bool queue(std::span<const std::byte> piece) noexcept;
	task_of<void> write_through(std::span<const std::byte> piece);
	void cut_short(error_code why) noexcept;
	result<void> finish() noexcept;
	void say_nothing() noexcept;
	void fail(unsigned int code) noexcept;

	http::stream &stream_;
	request &request_;
	exchange &exchange_;
	std::string_view rest_; /* of a reply() */
	std::optional<std::uint64_t> declared_;
	std::uint64_t sent_ = 0;
	std::uint16_t status_ = 0;
	std::uint16_t instead_ = 500; /* of one that is abandoned */
	bool whole_ = true; /* the head fits, and is well-formed */
	bool chunked_ = false;
	bool abandoned_ = false;
};

inline response &response::status(unsigned int code) noexcept
{
	if (begun())
		return *this;
	stream_.take_back();
	/*
	 * For a handler that read the body first, the output was written and its buffer given back.
	 */
	whole_ = static_cast<bool>(stream_.open());
	if (!whole_)
		abandon(503);
	/* An interim one is no answer: the client would wait for that. */
	whole_ = whole_ && code >= 200 && code <= 599;
	status_ = static_cast<std::uint16_t>(code);
	if (const std::string_view line = status_line_of(code); !line.empty())
		append(line);
	else
		append("HTTP/1.1 ", number_text(code), " ", reason_of(code), "\r\n");
	if (stream_.room() >= date_clock::most)
		stream_.extend(stream_.clock().now(stream_.end()));
	else
		whole_ = false;
	if (const std::string_view fields = stream_.options().fields; code < 400 && !fields.empty())
		append(fields);
	return *this;
}

inline response &response::field(field_name name, field_value value) noexcept
{
	if (begun())
		return *this;
	if (!status_)
		status(200);
	whole_ = whole_ && name.valid() && value.valid() &&
		 stream_.append(name.text(), ": ", value.text(), "\r\n");
	return *this;
}

/* The end of the head: how the body is framed, and whether the connection goes on. */
inline void response::begin() noexcept
{
	const unsigned int code = status_;
	const bool framed = code != 204 && code != 304;

	/* Without a length, the end of the connection is the end of the body. */
	const bool delimited = !framed || declared_ || request_.minor_version();

	exchange_.begin(delimited, stream_.options().unread_bytes);
	if (!delimited)
		stream_.end_is_the_mark();

	const std::string_view end = exchange_.close	      ? "Connection: close\r\n\r\n" :
				     request_.minor_version() ? "\r\n" :
								"Connection: keep-alive\r\n\r\n";

	if (!exchange_.close && stream_.options().keep_alive_hint)
		if (const unsigned int seconds = stream_.options().kept_ms() / 1000)
			append("Keep-Alive: timeout=", number_text(seconds), "\r\n");
	if (framed && declared_) {
		append("Content-Length: ", number_text(*declared_), "\r\n", end);
	} else if (framed && request_.minor_version()) {
		chunked_ = has_body();
		append("Transfer-Encoding: chunked\r\n", end);
	} else {
		append(end);
	}
	/* Less than the room that may be there by chance: how much is, depends on what came before. */
	whole_ = whole_ && stream_.unsettled() <= exchange_.head_room;
	if (whole_)
		stream_.settle();
}

/* Words about a status, instead of all that was made of the response; nothing of that has left. */
inline void response::fail(unsigned int code) noexcept
{
	const std::string_view words = advice_for(code);

	stream_.take_back_all();
	exchange_.begun = chunked_ = abandoned_ = false;
	exchange_.close = true;
	sent_ = 0;
	rest_ = {};
	status(code).field("Content-Type", "text/plain; charset=utf-8").length(words.size());
	begin();
	if (!whole_ || !queue(std::as_bytes(std::span(words))))
		abandon();
}

/**
 * The result of send() and write(), to be awaited. A piece that fits in the output needs no coroutine of
 * its own. The one of another piece is destroyed with the coroutine that awaits it.
 */
class [[gnu::warn_unused]] response::operation {
    public:
	/** Trivially destructible, as g++-12 wants awaiters. */
	class awaiter {
	    public:
		explicit awaiter(operation &of) noexcept : of_(of)
		{
		}

		bool await_ready() noexcept
		{
			return of_.is_over();
		}

		template <class Promise>
		void await_suspend(std::coroutine_handle<Promise> parent) noexcept
		{
			of_.through_.operator co_await().await_suspend(parent);
		}

		result<void> await_resume() noexcept
		{
			if (of_.through_.empty())
				return of_.status_;
			return of_.through_.operator co_await().await_resume();
		}

	    private:
		operation &of_;
	};

	awaiter operator co_await() noexcept
	{
		return awaiter(*this);
	}

    private:
	friend class response;

	operation(response &response, std::span<const std::byte> piece) noexcept
		: response_(response), piece_(piece)
	{
	}

	bool is_over() noexcept
	{
		status_ = response_.prepare(piece_.size());
		if (!status_ || response_.queue(piece_))
			return true;
		through_ = response_.write_through(piece_);
		if (through_.empty())
			status_ = errc::enomem;
		return through_.empty();
	}

	response &response_;
	std::span<const std::byte> piece_;
	task_of<void> through_; /* a write that may wait */
	result<void> status_;
};

inline response::operation response::send(std::span<const std::byte> body) noexcept
{
	length(body.size());
	return write(body);
}

inline response::operation response::send(std::string_view body) noexcept
{
	return send(std::as_bytes(std::span(body)));
}

inline response::operation response::write(std::string_view piece) noexcept
{
	return write(std::as_bytes(std::span(piece)));
}

inline response::operation response::write(std::span<const std::byte> piece) noexcept
{
	return operation(*this, piece);
}

inline void response::reply(std::string_view body) noexcept
{
	if (is_too_late(500))
		return;
	length(body.size());
	if (prepare(body.size()) && !queue(std::as_bytes(std::span(body))))
		rest_ = body;
}

/* The head, if it was not yet finished, and the account of the body. */
inline result<void> response::prepare(std::size_t size) noexcept
{
	if (!status_)
		status(200);
	if (abandoned_ || stream_.is_cut())
		return errc::epipe;
	if (!begun()) {
		begin();
		if (!whole_) {
			fail(500);
			return errc::einval;
		}
	}
	if (declared_ && size > *declared_ - sent_ - rest_.size())
		return errc::emsgsize;
	return {};
}

/* A piece had to wait for the writers' lock, perhaps: others may have written, or failed to. */
inline result<void> response::may_write(result<void> locked, std::size_t size) noexcept
{
	if (!locked)
		abandon();
	else if (stream_.is_cut())
		return errc::epipe;
	else if (declared_ && size > *declared_ - sent_)
		return errc::emsgsize;
	return locked;
}

/*
 * Into the output, if all of it fits and no coroutine writes just now. A chunk's size goes before it (RFC 9112,
 * section 7.1).
 */
inline bool response::queue(std::span<const std::byte> piece) noexcept
{
	if (!has_body() || piece.empty()) {
		sent_ += piece.size();
		return true;
	}
	if (stream_.writers().is_locked())
		return false;

	const std::string_view text(reinterpret_cast<const char *>(piece.data()), piece.size());

	if (!(chunked_ ? stream_.append(number_text(text.size(), 16), "\r\n", text, "\r\n") :
			 stream_.append(text)))
		return false;
	stream_.settle();
	sent_ += piece.size();
	return true;
}

/* A piece that does not fit goes out from its own place, behind the output. */
inline task_of<void> response::write_through(std::span<const std::byte> piece)
{
	strand_lock::guard alone(stream_.writers());
	result<void> locked;

	if (!alone.try_lock())
		locked = co_await alone.wait();
	KTCP_CO_CHECK(may_write(locked, piece.size()));

	stream::sending whole(stream_, stream_.output().size() + piece.size());
	const number_text size(piece.size(), 16);

	if (chunked_ && !stream_.append(size, "\r\n")) {
		const auto flushed = co_await stream_.write_output(true);

		if (!flushed)
			co_return flushed;
		if (!stream_.open())
			co_return errc::enomem;
		stream_.append(size, "\r\n");
	}
	stream_.settle();

	auto done = co_await stream_.write_output(true);

	if (done)
		done = co_await stream_.peer().write(piece);
	if (done)
		sent_ += piece.size();
	/* Small pieces that follow are gathered. Only a chunk has to have its end. */
	if (done && !is_whole() && !stream_.open() && chunked_)
		done = errc::enomem;
	if (done && chunked_) {
		stream_.append("\r\n");
		stream_.settle();
	}
	co_return whole.ends(done);
}

inline task_of<void> response::write(file_pages &pages)
{
	const std::size_t size = pages.size();
	const auto ready = declared_ ? prepare(size) : result<void>(errc::einval);

	if (!ready || !has_body()) {
		sent_ += ready ? size : 0;
		co_return ready;
	}
	strand_lock::guard alone(stream_.writers());
	result<void> locked;

	if (!alone.try_lock())
		locked = co_await alone.wait();
	KTCP_CO_CHECK(may_write(locked, size));

	stream::sending whole(stream_, stream_.output().size() + size);
	auto done = co_await stream_.write_output(true);

	if (done)
		done = co_await stream_.peer().write(pages, sent_ + size < *declared_);
	if (done)
		sent_ += size;
	co_return whole.ends(done);
}

inline task_of<void> response::flush()
{
	if (status_)
		KTCP_CO_CHECK(prepare(0));

	strand_lock::guard alone(stream_.writers());
	result<void> locked;

	if (!alone.try_lock())
		locked = co_await alone.wait();
	KTCP_CO_CHECK(may_write(locked, 0));

	/* Without a buffer until the next piece, which may be long in coming. */
	stream::sending whole(stream_, stream_.output().size());

	co_return whole.ends(co_await stream_.write_output());
}

/* The handler ended with an error: a client may not take its output for success, or for whole. */
inline void response::cut_short(error_code why) noexcept
{
	ending cause = stream_.ended();

	if (cause == ending::handler && why == errc::enomem)
		cause = ending::memory;
	if (is_too_late(status_of(cause)))
		return;
	if (!abandoned_)
		instead_ = static_cast<std::uint16_t>(status_of(cause));
	if (!is_heard(cause) || status_ < 400)
		status_ = 0;
}

/* No byte of it has left, and none will: its status is for the log alone. */
inline void response::say_nothing() noexcept
{
	const ending cause = stream_.ended();

	stream_.take_back_all();
	sent_ = 0;
	status_ = exchange_.refused ? exchange_.refused :
		  is_heard(cause)   ? instead_ :
				      static_cast<std::uint16_t>(status_of(cause));
}

/*
 * Does the rest of the handler's work. EAGAIN: the output must be written first. EPIPE: the client
 * must learn that this is not all, or has left.
 */
inline result<void> response::finish() noexcept
{
	if (stream_.is_cut()) {
		if (!stream_.left())
			say_nothing();
		return errc::epipe;
	}

	/* No word from the handler; or a part that would be taken for the whole, of which nothing has left. */
	const bool cut = abandoned_ || exchange_.refused ||
			 (has_body() && declared_ && !is_whole());
	const bool unsaid = begun() ? cut && has_body() && !is_whole() && !stream_.left() :
				      cut || !status_;

	if (unsaid && !is_heard(stream_.ended())) {
		say_nothing();
		return errc::epipe;
	}
	if (unsaid) {
		fail(exchange_.refused ? exchange_.refused : instead_);
	} else if (!begun()) {
		if (!declared_)
			declared_ = 0;
		begin();
		if (!whole_)
			fail(500);
	}
	if (abandoned_ || (has_body() && declared_ && sent_ < *declared_) ||
	    (has_body() && exchange_.refused && !declared_)) {
		stream_.cut();
		return errc::epipe;
	}
	if (chunked_ && !stream_.append("0\r\n\r\n"))
		return errc::eagain;
	stream_.settle();
	return {};
}

} // namespace ktcp::http

#endif
