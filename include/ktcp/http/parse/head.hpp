// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The head of a request: its line and its fields, parsed in the caller's buffer.
 *
 * Strict by RFC 9112: a request that two parsers could frame differently is refused, never guessed.
 * The parser looks at a line when all of it is there. So the outcome does not depend on how the
 * bytes were cut on their way.
 */
#ifndef KTCP_HTTP_PARSE_HEAD_HPP
#define KTCP_HTTP_PARSE_HEAD_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/setting.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/authority.hpp>
#include <ktcp/http/parse/characters.hpp>
#include <ktcp/http/parse/field.hpp>
#include <ktcp/http/parse/framing.hpp>
#include <ktcp/http/parse/method.hpp>

namespace ktcp::http
{

/** The limits of a head. They may change while it is parsed. */
struct head_limits {
	setting<std::uint32_t> line_bytes = 8192; /**< of the request line; beyond: 414 */
	setting<std::uint32_t> head_bytes =
		16384; /**< of line and fields, at most 65535; beyond: 431 */
	setting<std::uint32_t> fields = 100; /**< beyond: 431 */
	setting<std::uint64_t> body_bytes = 1
					    << 20; /**< of a declared Content-Length; beyond: 413 */
};

/**
 * Parses one head. Neither allocates nor sleeps: any context. The same text must be given
 * again, longer, until it is complete; it may have moved meanwhile. A new head needs a new
 * parser.
 */
class head_parser {
    public:
	/** The result of looking at a text. */
	enum class outcome {
		more, /**< all is well so far, and the end has not come */
		complete, /**< length() bytes of the text were the head */
		refused, /**< answer status(), and close: nothing behind it can be trusted */
	};

	constexpr explicit head_parser(const head_limits &limits) noexcept : limits_(limits)
	{
	}

	/* flatten: the parts of a parser are called once each, but the compiler cannot know. */
	/**
	 * @param text  everything since the head's first byte; bytes behind the head are left alone.
	 */
	[[gnu::flatten]] constexpr outcome parse(std::string_view text) noexcept;

	/** 400, 411, 413, 414, 417, 431, 501 or 505: why it was refused. method() is known then. */
	constexpr unsigned int status() const noexcept
	{
		return status_;
	}

	/** Has anything come that is to be answered, if no more comes (408)? */
	constexpr bool begun() const noexcept
	{
		return scanned_ > start_;
	}

	/* The rest is for a complete head, and for as long as the last text lives. */

	/** Its bytes, the empty line's too. */
	constexpr std::size_t length() const noexcept
	{
		return line_;
	}

	/** Of the request; once the head is complete, as all that follow. */
	constexpr http::method method() const noexcept
	{
		return method_;
	}

	/** 0 or 1, of HTTP/1.x; a later one counts as 1 (RFC 9110, section 2.5). */
	constexpr unsigned int minor_version() const noexcept
	{
		return minor_;
	}

	/** As it was sent. */
	constexpr std::string_view target() const noexcept
	{
		return at(target_);
	}

	/** From its first slash to the question mark, as it was sent; "*" for `OPTIONS *`. */
	constexpr std::string_view path() const noexcept
	{
		return path_.size ? at(path_) : std::string_view("/");
	}

	/** The text behind the question mark, not decoded. */
	constexpr std::string_view query() const noexcept
	{
		return at(query_);
	}

	/** Of an absolute target, else of Host (RFC 9112, section 3.2.2). */
	constexpr std::string_view host() const noexcept
	{
		return at(absolute_ ? authority_ : host_);
	}

	/** How long the body is said to be (RFC 9112, section 6.3). */
	constexpr framing body() const noexcept
	{
		return framing_.how();
	}

	/** With framing::length: how long. */
	constexpr std::uint64_t content_length() const noexcept
	{
		return framing_.length();
	}

	/** May the connection go on after the response? */
	constexpr bool keep_alive() const noexcept
	{
		return !close_ && (minor_ || keep_alive_);
	}

	/** Does the client wait for a 100 before it sends its body? */
	constexpr bool expects_continue() const noexcept
	{
		return continue_;
	}

	/**
	 * The next field.
	 * @param cursor  0 at first; kept by the caller.
	 * @return Its name is empty after the last.
	 */
	constexpr field next_field(std::size_t &cursor) const noexcept
	{
		const std::string_view fields = at(fields_);
		const std::size_t end = detail::find_line_end(fields, cursor);

		if (end == fields.npos)
			return {};

		const std::string_view line = slice(fields, cursor, end - 1 - cursor);
		const std::size_t colon = detail::span_of(detail::in_token, line);

		cursor = end + 1;
		return { slice(line, 0, colon), detail::trimmed(slice(line, colon + 1)) };
	}

	/** Can it have a field of one of these names? false is certain, and cheap. */
	constexpr bool may_have(const field_names &names) const noexcept
	{
		return names_.may_share(names);
	}

	/**
	 * The value of the first field called so; data() is nullptr if there is none.
	 * @param name  in lower case.
	 */
	constexpr std::string_view find(std::string_view name) const noexcept
	{
		std::size_t cursor = 0;

		if (!may_have({ name }))
			return {};
		for (field each = next_field(cursor); !each.name.empty(); each = next_field(cursor))
			if (detail::same_text(each.name, name))
				return each.value;
		return {};
	}

    private:
	/* Offsets, since the text may move. */
	struct range {
		std::uint16_t from = 0;
		std::uint16_t size = 0;
	};

	constexpr std::string_view at(range where) const noexcept
	{
		return slice(text_, where.from, where.size);
	}

	constexpr range range_of(std::string_view part) const noexcept
	{
		return { static_cast<std::uint16_t>(part.data() - text_.data()),
			 static_cast<std::uint16_t>(part.size()) };
	}

	constexpr void refuse_line(std::string_view begin) noexcept;

	constexpr bool refuse(unsigned int status) noexcept
	{
		status_ = status;
		return false;
	}

	/* 0: it is not refused. */
	constexpr bool refuse_if(unsigned int status) noexcept
	{
		return !status || refuse(status);
	}

	constexpr bool request_line(std::string_view line) noexcept;
	constexpr bool take_method(std::string_view line) noexcept;
	constexpr bool take_method(std::string_view line, std::size_t end) noexcept;
	constexpr bool take_target(std::string_view target) noexcept;
	constexpr bool field_line(std::string_view line) noexcept;
	constexpr bool finish() noexcept;

	const head_limits &limits_;
	std::string_view text_;
	[[no_unique_address]] detail::body_framing framing_;
	std::uint16_t start_ = 0; /* of the request line: 2 behind an empty one */
	std::uint16_t line_ = 0; /* where the line to be looked at begins */
	std::uint16_t scanned_ = 0; /* no LF from line_ to here */
	std::uint16_t count_ = 0;
	range target_, path_, query_, authority_, host_, fields_;
	field_names names_;
	std::uint16_t status_ = 0;
	http::method method_ = method::get;
	std::uint8_t minor_ = 0;
	bool in_fields_ = false;
	bool absolute_ = false, has_host_ = false;
	bool close_ = false, keep_alive_ = false, continue_ = false;
};

constexpr head_parser::outcome head_parser::parse(std::string_view text) noexcept
{
	if (status_)
		return outcome::refused;
	text_ = text;
	for (;;) {
		const std::size_t end = detail::find_line_end(text, scanned_);
		const std::size_t reached = end == text.npos ? text.size() : end + 1;

		/* The limits come first, so that where the text was cut makes no difference. */
		if (!in_fields_ && reached - start_ > limits_.line_bytes)
			refuse_line(slice(text, start_, limits_.line_bytes));
		else if (reached > limits_.head_bytes || reached > UINT16_MAX)
			in_fields_ ? void(refuse(431)) :
				     refuse_line(slice(text, start_, limits_.head_bytes - start_));
		if (status_)
			return outcome::refused;
		scanned_ = static_cast<std::uint16_t>(reached);
		if (end == text.npos) {
			/* Should no more come, the refusal is to have a body or not. */
			if (!in_fields_)
				take_method(slice(text, start_));
			return outcome::more;
		}
		if (end == line_ || text[end - 1] != '\r') {
			/* A bare LF. The refusal is to have a body or not, however the bytes were cut. */
			if (!in_fields_)
				take_method(slice(text, start_));
			refuse(400);
			return outcome::refused;
		}

		const std::string_view line = slice(text, line_, end - 1 - line_);
		const bool at_start = line_ == 0;

		line_ = scanned_;
		if (!in_fields_) {
			/* One empty line before a request is no harm (RFC 9112, section 2.2). */
			if (line.empty() && at_start) {
				start_ = line_;
				continue;
			}
			if (!request_line(line))
				return outcome::refused;
			in_fields_ = true;
			fields_.from = line_;
		} else if (line.empty()) {
			fields_.size = line_ - 2 - fields_.from;
			return finish() ? outcome::complete : outcome::refused;
		} else if (!field_line(line)) {
			return outcome::refused;
		}
	}
}

constexpr bool head_parser::request_line(std::string_view line) noexcept
{
	const std::size_t name = detail::span_of(detail::in_token, line);
	const bool known = take_method(line, name);

	line.remove_prefix(name);
	if (!name || !line.starts_with(' '))
		return refuse(400);
	line.remove_prefix(1);

	const std::string_view target = slice(line, 0, detail::span_of(detail::in_target, line));

	line.remove_prefix(target.size());
	if (target.empty() || !line.starts_with(' '))
		return refuse(400);

	const std::string_view version = slice(line, 1);

	if (version.size() != 8 || !detail::is_text(slice(version, 0, 5), "HTTP/") ||
	    !detail::is_digit(version[5]) || version[6] != '.' || !detail::is_digit(version[7]))
		return refuse(400);
	if (version[5] != '1')
		return refuse(505);
	minor_ = version[7] != '0';
	if (!known)
		return refuse(501); /* TRACE and CONNECT too */
	return take_target(target);
}

/* The first word of a line, and whether it is one that is known. */
constexpr bool head_parser::take_method(std::string_view line) noexcept
{
	return take_method(line, detail::span_of(detail::in_token, line));
}

/* The same with the end of that word. */
constexpr bool head_parser::take_method(std::string_view line, std::size_t end) noexcept
{
	if (end == line.size() || line[end] != ' ')
		return false;
	return method_of(slice(line, 0, end), method_);
}

/* Of a line that is too long its first bytes say why. */
constexpr void head_parser::refuse_line(std::string_view begin) noexcept
{
	const std::size_t name = detail::span_of(detail::in_token, begin);

	if (name == begin.size())
		refuse(501); /* so long a method is none that is known */
	else if (!name || begin[name] != ' ')
		refuse(400);
	else
		refuse(take_method(begin, name) ? 414 : 501);
}

/* RFC 9112, section 3.2 */
constexpr bool head_parser::take_target(std::string_view target) noexcept
{
	std::string_view path = target;

	target_ = range_of(target);
	if (detail::is_text(target, "*")) {
		path_ = target_;
		return method_ == method::options || refuse(400);
	}
	if (!target.starts_with('/')) {
		const std::size_t scheme = target.find("://");

		if (scheme == target.npos ||
		    !(detail::same_text(slice(target, 0, scheme), "http") ||
		      detail::same_text(slice(target, 0, scheme), "https")))
			return refuse(400);
		path.remove_prefix(scheme + 3);

		const std::size_t slash = path.find_first_of("/?");
		const std::string_view authority = slice(path, 0, slash);

		if (authority.empty() || !detail::is_authority(authority))
			return refuse(400);
		absolute_ = true;
		authority_ = range_of(authority);
		path.remove_prefix(authority.size());
	}

	const std::size_t mark = path.find('?');

	path_ = range_of(slice(path, 0, mark));
	if (mark != path.npos)
		query_ = range_of(slice(path, mark + 1));
	return true;
}

constexpr bool head_parser::field_line(std::string_view line) noexcept
{
	if (++count_ > limits_.fields)
		return refuse(431);

	/* Neither a folded line nor a space before the colon is part of a token. */
	const std::size_t colon = detail::span_of(detail::in_token, line);

	if (colon == 0 || colon == line.size() || line[colon] != ':')
		return refuse(400);

	const std::string_view name = slice(line, 0, colon);
	std::string_view value = detail::trimmed(slice(line, colon + 1));

	if (!detail::is_field_text(value))
		return refuse(400);
	names_.add(name);
	switch (name.size()) {
	case 4:
		if (!detail::same_text(name, "host"))
			break;
		if (has_host_ || !detail::is_authority(value))
			return refuse(400);
		has_host_ = true;
		host_ = range_of(value);
		break;
	case 6:
		if (!detail::same_text(name, "expect") || !minor_)
			break;
		for (std::string_view each; !(each = detail::next_element(value)).empty();) {
			if (!detail::same_text(each, "100-continue"))
				return refuse(417);
			continue_ = true;
		}
		break;
	case 10:
		if (!detail::same_text(name, "connection"))
			break;
		for (std::string_view each; !(each = detail::next_element(value)).empty();) {
			if (!detail::is_token(each))
				return refuse(400);
			close_ |= detail::same_text(each, "close");
			keep_alive_ |= detail::same_text(each, "keep-alive");
		}
		break;
	case 14:
		if (detail::same_text(name, "content-length"))
			return refuse_if(framing_.take_length(line, value));
		break;
	case 17:
		if (detail::same_text(name, "transfer-encoding"))
			return refuse_if(framing_.take_coding(line, value));
		break;
	}
	return true;
}

constexpr bool head_parser::finish() noexcept
{
	if (minor_ && !has_host_)
		return refuse(400);
	return refuse_if(framing_.check(method_, minor_, limits_.body_bytes));
}

} // namespace ktcp::http

#endif
