// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * An endpoint as text: 192.0.2.1:80, [2001:db8::1]:80.
 *
 * @code
 * KTCP_LOG_NOTE("hello, %s", ktcp::endpoint_text(peer).c_str());
 * @endcode
 *
 * IPv6 as RFC 5952 has it. Any context.
 */
#ifndef KTCP_NET_ENDPOINT_TEXT_HPP
#define KTCP_NET_ENDPOINT_TEXT_HPP

#include <cstddef>
#include <cstdint>

#include <ktcp/net/endpoint.hpp>

namespace ktcp
{

/** The text, held in the object. */
class endpoint_text {
    public:
	constexpr explicit endpoint_text(const endpoint &what) noexcept
	{
		const std::uint8_t *bytes = what.raw().address;

		if (what.is_ipv4()) {
			for (int i = 12; i < 16; i++) {
				number(bytes[i], 10);
				put(i < 15 ? '.' : ':');
			}
		} else {
			put('[');
			ipv6(bytes);
			put(']');
			if (what.raw().scope_id) {
				put('%');
				number(what.raw().scope_id, 10);
			}
			put(':');
		}
		number(what.port(), 10);
		text_[used_] = '\0';
	}

	/** The text, for as long as this lives. */
	constexpr const char *c_str() const noexcept
	{
		return text_;
	}

    private:
	constexpr void put(char each) noexcept
	{
		text_[used_++] = each;
	}

	constexpr void number(unsigned int value, unsigned int base) noexcept
	{
		if (value >= base)
			number(value / base, base);
		put("0123456789abcdef"[value % base]);
	}

	/* Groups in hexadecimal; the longest run of zeros, if it is not alone, is "::". */
	constexpr void ipv6(const std::uint8_t *bytes) noexcept
	{
		unsigned int group[8] = {};
		int run_at = -1, run_length = 1;

		for (int i = 0; i < 8; i++)
			group[i] = static_cast<unsigned int>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
		for (int i = 0; i < 8; i++) {
			int length = 0;

			while (i + length < 8 && !group[i + length])
				length++;
			if (length > run_length) {
				run_at = i;
				run_length = length;
			}
		}
		for (int i = 0; i < 8; i++) {
			if (i == run_at) {
				put(':');
				put(':');
				i += run_length - 1;
				continue;
			}
			if (i && text_[used_ - 1] != ':')
				put(':');
			number(group[i], 16);
		}
	}

	char text_[64] = {}; /* "[" + 39 + "]%4294967295:65535" at most */
	std::size_t used_ = 0;
};

} // namespace ktcp

#endif
