// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The chunked transfer coding (RFC 9112, section 7.1), decoded where the bytes are.
 */
#ifndef KTCP_HTTP_PARSE_CHUNKED_HPP
#define KTCP_HTTP_PARSE_CHUNKED_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/characters.hpp>
#include <ktcp/http/parse/field.hpp>

namespace ktcp::http
{

/**
 * Decodes one chunked body. Neither allocates nor sleeps: any context. Sizes are hexadecimal
 * digits and nothing else; extensions and trailers are checked, and dropped. White space in an
 * extension is refused, bytes beyond ASCII, and trailers that frame a body.
 */
class chunked_decoder {
    public:
	/** The result of looking at some input. */
	enum class outcome {
		more, /**< the input is used up */
		piece, /**< piece() is the next part of the body */
		end, /**< the body and its trailers are over; what is left is the next request */
		refused, /**< answer status(), and close */
	};

	/**
	 * @param body_bytes      the longest body; beyond: 413.
	 * @param overhead_bytes  of extensions, trailers and leading zeros together; beyond: 431.
	 */
	constexpr chunked_decoder(std::uint64_t body_bytes, std::uint32_t overhead_bytes) noexcept
		: body_left_(body_bytes), overhead_left_(overhead_bytes)
	{
	}

	/** Go on with @p input, and take off it what was used. */
	constexpr outcome decode(std::string_view &input) noexcept
	{
		while (!input.empty() && state_ != state::over && !status_) {
			if (state_ == state::data) {
				const auto size = left_ < input.size() ?
							  static_cast<std::size_t>(left_) :
							  input.size();

				piece_ = slice(input, 0, size);
				input.remove_prefix(size);
				left_ -= size;
				if (!left_)
					state_ = state::data_cr;
				return outcome::piece;
			}

			const char c = input.front();

			input.remove_prefix(1);
			if (!take(c))
				status_ = status_ ? status_ : 400;
		}
		if (status_)
			return outcome::refused;
		return state_ == state::over ? outcome::end : outcome::more;
	}

	/** Part of the input that decode() was given. */
	constexpr std::string_view piece() const noexcept
	{
		return piece_;
	}

	/** 400, 413 or 431. */
	constexpr unsigned int status() const noexcept
	{
		return status_;
	}

    private:
	enum class state : std::uint8_t {
		size_first,
		size,
		name_first, /* of an extension … */
		name,
		value_first, /* … and what it is said to be */
		value,
		quoted,
		quoted_pair,
		quoted_end,
		size_lf,
		data,
		data_cr,
		data_lf,
		trailer_first,
		trailer_name,
		trailer_value,
		trailer_lf,
		last_lf,
		over,
	};

	constexpr bool go(state next, bool legal = true) noexcept
	{
		state_ = next;
		return legal;
	}

	constexpr bool refuse(unsigned int status) noexcept
	{
		status_ = static_cast<std::uint16_t>(status);
		return false;
	}

	/* The same for a character that could as well have been left out. */
	constexpr bool extra(state next, bool legal = true) noexcept
	{
		if (!overhead_left_)
			return refuse(431);
		overhead_left_--;
		return go(next, legal);
	}

	constexpr bool take_digit(char c) noexcept
	{
		const int digit = detail::hex_digit(c);

		if (digit < 0)
			return false;
		if (left_ > UINT64_MAX >> 4)
			return refuse(413);
		left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
		return true;
	}

	static constexpr bool is_text(char c) noexcept
	{
		return detail::is_field_text({ &c, 1 });
	}

	static constexpr bool is_ascii_text(char c) noexcept
	{
		return is_text(c) && static_cast<unsigned char>(c) < 0x80;
	}

	/* Behind a size and its extensions. */
	constexpr bool after_size(char c) noexcept
	{
		return c == ';' ? extra(state::name_first) : go(state::size_lf, c == '\r');
	}

	constexpr bool take(char c) noexcept
	{
		switch (state_) {
		case state::size:
			if (c == ';' || c == '\r')
				return after_size(c);
			/* A digit behind nothing but zeros. */
			return take_digit(c) && (left_ >> 4 ? go(state::size) : extra(state::size));
		case state::size_first:
			return take_digit(c) && go(state::size);
		case state::name_first:
			return extra(state::name, detail::is_token(c));
		case state::name:
			if (c == '=')
				return extra(state::value_first);
			return detail::is_token(c) ? extra(state::name) : after_size(c);
		case state::value_first:
			if (c == '"')
				return extra(state::quoted);
			return extra(state::value, detail::is_token(c));
		case state::value:
			return detail::is_token(c) ? extra(state::value) : after_size(c);
		case state::quoted:
			return extra(c == '"'  ? state::quoted_end :
				     c == '\\' ? state::quoted_pair :
						 state::quoted,
				     is_ascii_text(c));
		case state::quoted_pair:
			return extra(state::quoted, is_ascii_text(c));
		case state::quoted_end:
			return after_size(c);
		case state::size_lf:
			if (c != '\n')
				return false;
			if (left_ > body_left_)
				return refuse(413);
			body_left_ -= left_;
			return go(left_ ? state::data : state::trailer_first);
		case state::data_cr:
			return go(state::data_lf, c == '\r');
		case state::data_lf:
			return go(state::size_first, c == '\n');
		case state::trailer_first:
			if (c == '\r')
				return go(state::last_lf);
			name_ = {};
			[[fallthrough]];
		case state::trailer_name:
			if (c == ':')
				return name_.is_harmless() && extra(state::trailer_value);
			name_.take(c);
			return extra(state::trailer_name, detail::is_token(c));
		case state::trailer_value:
			return c == '\r' ? go(state::trailer_lf) :
					   extra(state::trailer_value, is_text(c));
		case state::trailer_lf:
			return extra(state::trailer_first, c == '\n');
		case state::last_lf:
			return go(state::over, c == '\n');
		case state::data:
		case state::over:
			break;
		}
		return false;
	}

	/*
	 * Of a trailer, as it comes: is it one that would frame the body? A recipient that takes
	 * trailers for headers would frame the body anew.
	 */
	class trailer_name {
	    public:
		constexpr void take(char c) noexcept
		{
			for (std::size_t i = 0; i < count; i++)
				if (length_ >= words[i].size() ||
				    words[i][length_] != detail::lower(c))
					differs_ |= 1 << i;
			length_ += length_ < UINT8_MAX;
		}

		/* And it is not empty. */
		constexpr bool is_harmless() const noexcept
		{
			for (std::size_t i = 0; i < count; i++)
				if (length_ == words[i].size() && !(differs_ & 1 << i))
					return false;
			return length_;
		}

	    private:
		static constexpr std::size_t count = 2;
		static constexpr std::string_view words[count] = { "content-length",
								   "transfer-encoding" };

		std::uint8_t length_ = 0;
		std::uint8_t differs_ = 0; /* a bit a word */
	};

	std::string_view piece_;
	std::uint64_t left_ = 0; /* of the chunk */
	std::uint64_t body_left_;
	std::uint32_t overhead_left_;
	std::uint16_t status_ = 0;
	state state_ = state::size_first;
	trailer_name name_;
};

} // namespace ktcp::http

#endif
