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

#include <ktcp/http/request.hpp>
#include <ktcp/http/status.hpp>

namespace ktcp::http
{

/** What is to be answered. Used by the request's handler, until it returns. */
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
	 * @param code  200..599.
	 */
	response &status(unsigned int code) noexcept;

	/**
	 * Add a field to the head; without a status it is a 200. What cannot be sent as it is
	 * (a line end in it, more than a buffer in all) makes a 500 of the whole response.
	 * Content-Length, Transfer-Encoding, Connection, Date and Server are not the handler's.
	 */
	response &field(std::string_view name, std::string_view value) noexcept;

	/** The body's length in bytes, for write(). send() knows by itself. */
	response &length(std::uint64_t bytes) noexcept
	{
		declared_ = bytes;
		return *this;
	}

	/** Has the head been finished, so that nothing of it can be changed? */
	bool begun() const noexcept
	{
		return begun_;
	}

	/** Its status; 0 while it has none. */
	unsigned int status() const noexcept
	{
		return status_;
	}

	/** Bytes of the body that were sent or queued. */
	std::uint64_t sent() const noexcept
	{
		return sent_;
	}

	/**
	 * `co_await response.send(body)`: finish the head with the body's length, and send both;
	 * a result<void>. @p body must stay until then.
	 * Errors: the connection's.
	 */
	[[nodiscard]] task_of<void> send(std::span<const std::byte> body);
	[[nodiscard]] task_of<void> send(std::string_view body);

	/**
	 * `co_await response.write(piece)`: a part of the body; the first finishes the head.
	 * @p piece must stay until then. Without a length() the body is chunked, or ends with the
	 * connection for a client of HTTP/1.0.
	 * Errors: EMSGSIZE (more than the length(); nothing was sent), the connection's.
	 */
	[[nodiscard]] task_of<void> write(std::span<const std::byte> piece);
	[[nodiscard]] task_of<void> write(std::string_view piece);

	/** The body will not be complete: reset the connection, so that the client knows. */
	void abandon() noexcept
	{
		abandoned_ = true;
	}

    private:
	template <request_handler Handler>
	friend class service;

	response(http::stream &stream, request &request) noexcept
		: stream_(stream), request_(request)
	{
	}

	/* HEAD, 204 and 304 have none (RFC 9110, section 6.4.1), whatever they say of it. */
	bool has_body() const noexcept
	{
		return request_.method() != method::head && status_ != 204 && status_ != 304;
	}

	void append(std::string_view text) noexcept
	{
		whole_ = stream_.append(text) && whole_;
	}

	void append_length(std::uint64_t bytes) noexcept
	{
		append("Content-Length: ");
		whole_ = stream_.append_number(bytes) && whole_;
		append("\r\n");
	}

	void begin() noexcept;
	void begin_failure() noexcept;
	task_of<void> put(std::span<const std::byte> bytes);
	task_of<void> finish();
	task_of<void> fail(unsigned int code);

	http::stream &stream_;
	request &request_;
	std::optional<std::uint64_t> declared_;
	std::uint64_t sent_ = 0;
	std::uint16_t status_ = 0;
	bool begun_ = false;
	bool whole_ = true; /* the head fits, and is well-formed */
	bool chunked_ = false;
	bool abandoned_ = false;
	bool close_ = false; /* the connection ends with this */
};

inline response &response::status(unsigned int code) noexcept
{
	if (begun_)
		return *this;
	stream_.take_back();
	whole_ = true;
	status_ = static_cast<std::uint16_t>(code);
	append("HTTP/1.1 ");
	whole_ = stream_.append_number(code) && whole_;
	append(" ");
	append(reason_of(code));
	append("\r\nDate: ");
	if (char *const date = stream_.append(date_length))
		stream_.clock().now(std::span<char, date_length>(date, date_length));
	else
		whole_ = false;
	append("\r\n");
	if (!stream_.options().server.empty())
		field("Server", stream_.options().server);
	return *this;
}

inline response &response::field(std::string_view name, std::string_view value) noexcept
{
	if (begun_)
		return *this;
	if (!status_)
		status(200);
	whole_ = whole_ && detail::is_token(name) && detail::is_field_text(value);
	append(name);
	append(": ");
	append(value);
	append("\r\n");
	return *this;
}

/* The end of the head: how the body is framed, and whether the connection goes on. */
inline void response::begin() noexcept
{
	if (!status_)
		status(200);

	const unsigned int code = status_;
	const bool framed = code != 204 && code != 304;

	/* What is left of a request's body is read over if that is little; else, and where the
	 * client waits to be told, the connection ends here. */
	close_ = close_ || !request_.keep_alive() || request_.failed() ||
		 request_.waits_for_continue() ||
		 (request_.has_body() && request_.left_ > stream_.options().chunk_overhead_bytes);
	if (framed && declared_) {
		append_length(*declared_);
	} else if (framed && request_.minor_version()) {
		chunked_ = has_body();
		append("Transfer-Encoding: chunked\r\n");
	} else if (framed) {
		close_ = true; /* the end of the connection is the end of the body */
	}
	if (close_)
		append("Connection: close\r\n");
	else if (!request_.minor_version())
		append("Connection: keep-alive\r\n");
	append("\r\n");
	begun_ = true;
}

/* This instead of a head that does not fit or that nobody made. */
inline void response::begin_failure() noexcept
{
	status(500);
	close_ = true;
	declared_ = 0;
	begin();
}

inline task_of<void> response::send(std::span<const std::byte> body)
{
	declared_ = body.size();
	return write(body);
}

inline task_of<void> response::send(std::string_view body)
{
	return send(std::as_bytes(std::span(body)));
}

inline task_of<void> response::write(std::string_view piece)
{
	return write(std::as_bytes(std::span(piece)));
}

inline task_of<void> response::write(std::span<const std::byte> piece)
{
	if (abandoned_)
		co_return errc::epipe;
	if (!begun_) {
		begin();
		if (!whole_) {
			begun_ = false;
			begin_failure();
			co_return errc::einval;
		}
		stream_.settle();
	}
	if (!has_body() || piece.empty())
		co_return result<void>();
	if (declared_ && piece.size() > *declared_ - sent_)
		co_return errc::emsgsize;
	sent_ += piece.size();
	if (chunked_) {
		char line[18];
		char *first = line + sizeof(line);
		std::size_t size = piece.size();

		*--first = '\n';
		*--first = '\r';
		do
			*--first = "0123456789abcdef"[size & 15];
		while (size >>= 4);

		const auto before = co_await put(std::as_bytes(
			std::span(first, static_cast<std::size_t>(line + sizeof(line) - first))));

		if (!before)
			co_return before;
	}

	auto done = co_await put(piece);

	if (done && chunked_)
		done = co_await put(std::as_bytes(std::span("\r\n", 2)));
	co_return done;
}

/* Into the output's buffer if it fits; else what is there goes first, and then this. */
inline task_of<void> response::put(std::span<const std::byte> bytes)
{
	const std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());

	if (stream_.append(text)) {
		stream_.settle();
		co_return result<void>();
	}
	stream_.expect_to_write(stream_.output().size() + bytes.size());

	auto done = co_await stream_.peer().write(stream_.output(), true);

	stream_.written();
	if (!done)
		co_return done;
	co_return co_await stream_.peer().write(bytes);
}

/* Whatever the handler left undone. */
inline task_of<void> response::finish()
{
	if (!begun_ && request_.failed())
		co_return co_await fail(request_.failed());
	if (!begun_ && !status_) {
		begin_failure(); /* no word from the handler */
	} else if (!begun_) {
		if (!declared_)
			declared_ = 0;
		begin();
		if (!whole_) {
			begun_ = false;
			begin_failure();
		}
	}
	stream_.settle();
	if (abandoned_ || (has_body() && declared_ && sent_ < *declared_)) {
		abandoned_ = true;
		stream_.peer().reset_at_end();
		co_return errc::epipe;
	}
	if (chunked_)
		co_return co_await put(std::as_bytes(std::span("0\r\n\r\n", 5)));
	co_return result<void>();
}

/* Refuse the request, in words. */
inline task_of<void> response::fail(unsigned int code)
{
	close_ = true;
	status(code).field("Content-Type", "text/plain; charset=utf-8");
	return send(advice_for(code));
}

} // namespace ktcp::http

#endif
