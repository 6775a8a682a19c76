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

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <ktcp/base/setting.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/net/endpoint_parse.hpp>

namespace ktcp::http
{

/** The methods that are known; any other is answered by 501. */
enum class method : std::uint8_t { get, head, post, put, del, options, patch };

/** A method as a request has it. */
constexpr std::string_view name_of(method one) noexcept
{
	using enum method;

	switch (one) {
	case get:
		return "GET";
	case head:
		return "HEAD";
	case post:
		return "POST";
	case put:
		return "PUT";
	case del:
		return "DELETE";
	case options:
		return "OPTIONS";
	case patch:
		return "PATCH";
	}
	return "-";
}

/** How a body is delimited (RFC 9112, section 6.3). */
enum class framing : std::uint8_t { none, length, chunked };

/** The limits of a head. They may change while it is parsed. */
struct head_limits {
	setting<std::uint32_t> line_bytes = 8192; /**< of the request line; beyond: 414 */
	setting<std::uint32_t> head_bytes =
		16384; /**< of line and fields, at most 65535; beyond: 431 */
	setting<std::uint32_t> fields = 100; /**< beyond: 431 */
	setting<std::uint64_t> body_bytes = 1
					    << 20; /**< of a declared Content-Length; beyond: 413 */
};

namespace detail
{

constexpr char lower(char c) noexcept
{
	return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/** Equal but for the case of ASCII letters. @p b is in lower case. */
constexpr bool same_text(std::string_view a, std::string_view b) noexcept
{
	if (a.size() != b.size())
		return false;
	for (std::size_t i = 0; i < a.size(); i++)
		if (lower(a[i]) != b[i])
			return false;
	return true;
}

/* Of characters and a literal, one after the other: without a loop, or a call of memcmp(). */
template <std::size_t Size, class Fold>
constexpr bool same_as(std::string_view a, const char (&b)[Size], Fold fold) noexcept
{
	if (a.size() != Size - 1)
		return false;

	unsigned int differences = 0;

#pragma GCC unroll 32
	for (std::size_t i = 0; i < Size - 1; i++)
		differences |= static_cast<unsigned int>((a[i] | fold(b[i])) ^ b[i]);
	return !differences;
}

/** The same for a literal. */
template <std::size_t Size>
constexpr bool same_text(std::string_view a, const char (&b)[Size]) noexcept
{
	return same_as(a, b, [](char c) { return c >= 'a' && c <= 'z' ? 0x20 : 0; });
}

/** Equal to a literal. */
template <std::size_t Size>
constexpr bool is_text(std::string_view a, const char (&b)[Size]) noexcept
{
	return same_as(a, b, [](char) { return 0; });
}

constexpr bool is_digit(char c) noexcept
{
	return c >= '0' && c <= '9';
}

/* Its value, -1 if it is none. */
constexpr int hex_digit(char c) noexcept
{
	const char l = lower(c);

	return is_digit(c) ? c - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

constexpr bool is_alnum(char c) noexcept
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* The classes of a character, looked up: heads are read one by one. */
enum char_class : std::uint8_t {
	in_token = 1, /* RFC 9110, section 5.6.2 */
	in_field = 2, /* a field's value: no control but HTAB */
	in_host = 4, /* RFC 3986, section 3.2.2: reg-name */
	in_target = 8, /* visible, but for a fragment; what is not ASCII as clients send it */
	in_uri = 16, /* RFC 3986: what stands for itself in a path or a query */
};

struct char_table {
	constexpr char_table() noexcept
	{
		for (unsigned int i = 0; i < 256; i++) {
			const char c = static_cast<char>(i);

			if (is_alnum(c))
				of[i] |= in_token | in_host;
			if ((i >= 0x20 || c == '\t') && i != 0x7f)
				of[i] |= in_field;
			if (i > 0x20 && i != 0x7f && c != '#')
				of[i] |= in_target;
			if (is_alnum(c))
				of[i] |= in_uri;
		}
		for (char c : std::string_view("!#$%&'*+-.^_`|~"))
			of[static_cast<unsigned char>(c)] |= in_token;
		for (char c : std::string_view("-._~!$&'()*+,;="))
			of[static_cast<unsigned char>(c)] |= in_host | in_uri;
		for (char c : std::string_view("/:@?"))
			of[static_cast<unsigned char>(c)] |= in_uri;
	}

	std::uint8_t of[256] = {};
};

inline constexpr char_table characters;

constexpr bool is(char_class what, char c) noexcept
{
	return characters.of[static_cast<unsigned char>(c)] & what;
}

/* How many of the first characters are of a class. */
constexpr std::size_t span_of(char_class what, std::string_view text) noexcept
{
	std::size_t length = 0;

	while (length < text.size() && is(what, text[length]))
		length++;
	return length;
}

constexpr bool is_token(char c) noexcept
{
	return is(in_token, c);
}

constexpr bool is_token(std::string_view text) noexcept
{
	return !text.empty() && span_of(in_token, text) == text.size();
}

/* Eight characters as one number, for tests of all of them at once. */
inline std::uint64_t load_eight(const char *text) noexcept
{
	std::uint64_t eight;

	__builtin_memcpy(&eight, text, sizeof(eight));
	return eight;
}

constexpr std::uint64_t each_byte = 0x0101010101010101;

/* Not 0 if one of eight characters is below @p limit (up to 128); others may be, above it. */
constexpr std::uint64_t any_below(std::uint64_t eight, unsigned char limit) noexcept
{
	return (eight - each_byte * limit) & ~eight & (each_byte << 7);
}

constexpr bool is_field_text(std::string_view text) noexcept
{
	if (!std::is_constant_evaluated() && text.size() >= 8) {
		const auto suspect = [&](std::size_t from) {
			const std::uint64_t eight = load_eight(text.data() + from);

			return any_below(eight, 0x20) | any_below(eight ^ each_byte * 0x7f, 1);
		};
		/* The last eight may be looked at a second time. */
		std::uint64_t found = suspect(text.size() - 8);

		for (std::size_t from = 0; from + 8 < text.size(); from += 8)
			found |= suspect(from);
		if (!found)
			return true;
		/* A control character; it may be an HTAB. */
	}
	return span_of(in_field, text) == text.size();
}

/* Where the next LF is; npos if there is none. */
constexpr std::size_t find_line_end(std::string_view text, std::size_t from) noexcept
{
	if (!std::is_constant_evaluated())
		for (; text.size() - from >= 8; from += 8) {
			const std::uint64_t found =
				any_below(load_eight(text.data() + from) ^ each_byte * '\n', 1);

			/* The first is the lowest, and that bit is right. */
			if (found)
				return from +
				       static_cast<unsigned int>(std::countr_zero(found)) / 8;
		}
	for (; from < text.size(); from++)
		if (text[from] == '\n')
			return from;
	return text.npos;
}

/* A percent sign and two hexadecimal digits at the beginning (RFC 3986, section 2.1): which byte;
 * -1: there are none. */
constexpr int encoded_byte(std::string_view text) noexcept
{
	if (text.size() < 3 || text[0] != '%')
		return -1;

	const int high = hex_digit(text[1]), low = hex_digit(text[2]);

	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* The text between the brackets (RFC 3986, section 3.2.2), which has no zone. */
constexpr bool is_ip_literal(std::string_view text) noexcept
{
	if (text.starts_with('v') || text.starts_with('V')) {
		const std::size_t dot = text.find('.');

		if (dot == text.npos || dot < 2 || dot + 1 == text.size())
			return false;
		for (char c : slice(text, 1, dot - 1))
			if (hex_digit(c) < 0)
				return false;
		for (char c : slice(text, dot + 1))
			if (!is(in_host, c) && c != ':')
				return false;
		return true;
	}

	std::uint8_t address[16] = {};

	return static_cast<bool>(ktcp::detail::parse_ipv6(text, address));
}

/* uri-host [ ":" port ], RFC 3986, section 3.2.2: nothing of a path, no user. */
constexpr bool is_authority(std::string_view text) noexcept
{
	std::size_t at = 0;

	if (text.starts_with('[')) {
		at = text.find(']');
		if (at == text.npos || !is_ip_literal(slice(text, 1, at - 1)))
			return false;
		at++;
	} else {
		while (at < text.size()) {
			if (is(in_host, text[at]))
				at++;
			else if (encoded_byte(slice(text, at)) >= 0)
				at += 3;
			else
				break;
		}
	}
	if (at == text.size())
		return true;
	if (text[at] != ':')
		return false;
	for (char c : slice(text, at + 1))
		if (!is_digit(c))
			return false;
	return true;
}

constexpr std::string_view trimmed(std::string_view text) noexcept
{
	while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
		text.remove_prefix(1);
	while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
		text.remove_suffix(1);
	return text;
}

/*
 * The next element of a list (RFC 9110, section 5.6.1), taken off @p rest; empty after the last,
 * for empty ones are passed over. A comma within quotes is part of an element; a backslash is no
 * escape, since it is none in an entity tag.
 */
constexpr std::string_view next_element(std::string_view &rest) noexcept
{
	while (!rest.empty()) {
		std::size_t end = 0;

		for (bool quoted = false; end < rest.size() && (quoted || rest[end] != ','); end++)
			quoted ^= rest[end] == '"';

		const std::string_view element = trimmed(slice(rest, 0, end));

		rest = slice(rest, end + 1);
		if (!element.empty())
			return element;
	}
	return {};
}

} // namespace detail

/** One field of a head. */
struct field {
	std::string_view name; /**< as it was sent; compare without case */
	std::string_view value; /**< without the white space around it */
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

	/** From its first slash to the question mark, not decoded; "*" for `OPTIONS *`. */
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
		return chunked_ ? framing::chunked : has_length_ ? framing::length : framing::none;
	}

	/** With framing::length: how long. */
	constexpr std::uint64_t content_length() const noexcept
	{
		return content_length_;
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

	/**
	 * The value of the first field called so; data() is nullptr if there is none.
	 * @param name  in lower case.
	 */
	constexpr std::string_view find(std::string_view name) const noexcept
	{
		std::size_t cursor = 0;

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

	/* Around a value it is legal, but not everyone sees white space in it: then the body is not
	 * framed as we think. */
	static constexpr bool has_tab(std::string_view line) noexcept
	{
		return line.find('\t') != line.npos;
	}

	constexpr bool request_line(std::string_view line) noexcept;
	constexpr bool take_method(std::string_view line) noexcept;
	constexpr bool take_target(std::string_view target) noexcept;
	constexpr bool field_line(std::string_view line) noexcept;
	constexpr bool take_length(std::string_view value) noexcept;
	constexpr bool take_coding(std::string_view value) noexcept;
	constexpr bool finish() noexcept;

	const head_limits &limits_;
	std::string_view text_;
	std::uint64_t content_length_ = 0;
	std::uint16_t start_ = 0; /* of the request line: 2 behind an empty one */
	std::uint16_t line_ = 0; /* where the line to be looked at begins */
	std::uint16_t scanned_ = 0; /* no LF from line_ to here */
	std::uint16_t count_ = 0;
	range target_, path_, query_, authority_, host_, fields_;
	std::uint16_t status_ = 0;
	http::method method_ = method::get;
	std::uint8_t minor_ = 0;
	bool in_fields_ = false;
	bool absolute_ = false, has_host_ = false;
	bool has_length_ = false, has_coding_ = false, chunked_ = false;
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
	const bool known = take_method(line);

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
	const std::size_t end = detail::span_of(detail::in_token, line);
	const std::string_view name = slice(line, 0, end);

	if (end == line.size() || line[end] != ' ')
		return false;
	if (detail::is_text(name, "GET"))
		method_ = method::get;
	else if (detail::is_text(name, "HEAD"))
		method_ = method::head;
	else if (detail::is_text(name, "POST"))
		method_ = method::post;
	else if (detail::is_text(name, "PUT"))
		method_ = method::put;
	else if (detail::is_text(name, "DELETE"))
		method_ = method::del;
	else if (detail::is_text(name, "OPTIONS"))
		method_ = method::options;
	else if (detail::is_text(name, "PATCH"))
		method_ = method::patch;
	else
		return false;
	return true;
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
		refuse(take_method(begin) ? 414 : 501);
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

		if (authority.empty() || authority.front() == ':' ||
		    !detail::is_authority(authority))
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
			return has_tab(line) ? refuse(400) : take_length(value);
		break;
	case 17:
		if (detail::same_text(name, "transfer-encoding"))
			return has_tab(line) ? refuse(400) : take_coding(value);
		break;
	}
	return true;
}

constexpr bool head_parser::take_length(std::string_view value) noexcept
{
	if (has_length_ || value.empty())
		return refuse(400);
	has_length_ = true;
	for (char c : value)
		if (!detail::is_digit(c))
			return refuse(400);
	for (char c : value) {
		if (content_length_ > (UINT64_MAX - 9) / 10)
			return refuse(413);
		content_length_ = content_length_ * 10 + static_cast<unsigned int>(c - '0');
	}
	return true;
}

/* Chunked is the last, once, and alone what can be decoded here (RFC 9112, section 6.1). */
constexpr bool head_parser::take_coding(std::string_view value) noexcept
{
	/* Others take an empty element for a coding, and the last one frames the body. */
	if (value.empty() || value.starts_with(',') || value.ends_with(','))
		return refuse(400);
	for (std::string_view coding; !(coding = detail::next_element(value)).empty();) {
		if (chunked_)
			return refuse(400);
		if (detail::same_text(coding, "chunked"))
			chunked_ = true;
		else if (detail::is_token(slice(coding, 0, coding.find_first_of("; \t"))))
			has_coding_ = true;
		else
			return refuse(400);
	}
	return true;
}

constexpr bool head_parser::finish() noexcept
{
	if (minor_ && !has_host_)
		return refuse(400);
	if (chunked_ || has_coding_) {
		/* With another last coding the request has no length (section 6.3). With
		 * Content-Length it has two. One of HTTP/1.0 may have passed a proxy that knows no
		 * codings. */
		if (!chunked_ || has_length_ || !minor_)
			return refuse(400);
		if (has_coding_)
			return refuse(501);
	}
	if (content_length_ > limits_.body_bytes)
		return refuse(413);
	if (!chunked_ && !has_length_ &&
	    (method_ == method::post || method_ == method::put || method_ == method::patch))
		return refuse(411);
	return true;
}

} // namespace ktcp::http

#endif
