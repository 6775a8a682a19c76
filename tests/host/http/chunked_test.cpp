// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/http/parse/chunked.hpp: bodies, however they were cut. */
#include <ktcp/http/parse/chunked.hpp>

#include <string>
#include <string_view>

#include <gtest/gtest.h>

using ktcp::http::chunked_decoder;
using outcome = chunked_decoder::outcome;

namespace
{

/* The body, or "=STATUS"; "…" behind it while more is awaited, "+REST" if bytes are left. */
std::string in_steps(std::string_view text, std::size_t first, std::size_t step)
{
	chunked_decoder decoder(100, 60);
	std::string body;

	for (std::size_t at = 0, size = first; at < text.size(); at += size, size = step) {
		std::string copy(text.substr(at, size));
		std::string_view input = copy;
		outcome what;

		while ((what = decoder.decode(input)) == outcome::piece)
			body += decoder.piece();
		if (what == outcome::refused)
			return "=" + std::to_string(decoder.status());
		if (what == outcome::end)
			return body + "+" +
			       std::to_string(text.size() - at - copy.size() + input.size());
	}
	return body + "…";
}

std::string decoded(std::string_view text)
{
	const std::string whole = in_steps(text, text.size(), 1);

	for (std::size_t cut = 1; cut < text.size(); cut++) {
		EXPECT_EQ(in_steps(text, cut, text.size()), whole) << text << " at " << cut;
		EXPECT_EQ(in_steps(text, cut, 1), whole) << text << " from " << cut;
	}
	return whole;
}

} // namespace

TEST(http_chunked, bodies)
{
	EXPECT_EQ(decoded("0\r\n\r\n"), "+0");
	EXPECT_EQ(decoded("5\r\nhello\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n\r\nGET"),
		  "hello0123456789+3");
	EXPECT_EQ(decoded("1\r\na\r\n0\r\nA: b\r\nC:\r\n\r\n"), "a+0");
	EXPECT_EQ(decoded("1;a;b=c;d=\"\\\" ; ~\";e\r\na\r\n0;f\r\n\r\n"), "a+0");
	EXPECT_EQ(decoded("0\r\nContent-Lengths: 5\r\nContent-Lengt: x\r\nT:\r\n\r\n"), "+0");
	EXPECT_EQ(decoded("5\r\nhel"), "hel…");
}

TEST(http_chunked, tricks)
{
	using namespace std::string_view_literals;

	for (std::string_view bad : { "+5\r\nhello\r\n"sv,
				      "0x5\r\nhello\r\n"sv,
				      " 5\r\nhello\r\n"sv,
				      "5 \r\nhello\r\n"sv,
				      "\r\n"sv,
				      ";a\r\n"sv,
				      "5\nhello\r\n"sv,
				      "5\r\nhello\n"sv,
				      "5\r\nhello!\r\n"sv,
				      "5;\0\r\n"sv,
				      "5;a\n\r\n"sv,
				      "-1\r\n"sv,
				      "g\r\n"sv,
				      "0\r\n\n"sv,
				      "0\r\n A: b\r\n\r\n"sv,
				      "0\r\nA : b\r\n\r\n"sv,
				      "0\r\nA: b\n\r\n"sv,
				      "0\r\nA: \0\r\n\r\n"sv,
				      "5\rhello\r\n"sv,
				      "5;\r\n"sv,
				      "5;a=\r\n"sv,
				      "5;=b\r\n"sv,
				      "5; a\r\n"sv,
				      "5;a =b\r\n"sv,
				      "5;a=\"b\r\n"sv,
				      "5;a=\"b\\\r\n"sv,
				      "5;a=\"b\"c\r\n"sv,
				      "5;a=\"\xff\"\r\n"sv,
				      "5;a\"\r\n"sv,
				      "0\r\n:b\r\n\r\n"sv,
				      "0\r\nContent-Length: 5\r\n\r\n"sv,
				      "0\r\na: b\r\ntransfer-ENCODING:x\r\n\r\n"sv })
		EXPECT_EQ(decoded(bad), "=400") << bad;
}

TEST(http_chunked, limits)
{
	EXPECT_EQ(decoded("65\r\n"), "=413");
	EXPECT_EQ(decoded("10000000000000000\r\n"), "=413");
	EXPECT_EQ(decoded("0;" + std::string(100, 'a')), "=431");
	EXPECT_EQ(decoded("0\r\nA: " + std::string(100, 'a')), "=431");
	EXPECT_EQ(decoded(std::string(62, '0')), "=431");
	EXPECT_EQ(decoded(std::string(61, '0') + "\r\n\r\n"), "+0");

	/* A chunk a byte costs nothing but the body that it is. */
	std::string bytes;

	for (int i = 0; i < 100; i++)
		bytes += "1\r\na\r\n";
	EXPECT_EQ(decoded(bytes + "0\r\n\r\n"), std::string(100, 'a') + "+0");
	EXPECT_EQ(decoded(bytes + "1\r\n"), "=413");
}
