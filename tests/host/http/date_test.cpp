// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/http/parse/date.hpp, held against the C library. */
#include <ktcp/http/parse/date.hpp>

#include <ctime>
#include <string_view>

#include <gtest/gtest.h>

using ktcp::http::date_length;
using ktcp::http::format_date;
using ktcp::http::parse_date;

namespace
{

std::int64_t parsed(std::string_view text, std::uint64_t now = 1700000000)
{
	const auto got = parse_date(text, now);

	return got ? *got : -1;
}

} // namespace

TEST(http_date, every_form_is_read)
{
	EXPECT_EQ(parsed("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
	EXPECT_EQ(parsed("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
	EXPECT_EQ(parsed("Sun Nov  6 08:49:37 1994"), 784111777);
	/* 2073 is 50 years ahead of 2023, 2074 is more. */
	EXPECT_EQ(parsed("Sunday, 01-Jan-73 00:00:00 GMT"), 3250454400);
	EXPECT_EQ(parsed("Tuesday, 01-Jan-74 00:00:00 GMT"), 126230400);
}

TEST(http_date, a_malformed_date_is_refused)
{
	for (const char *bad :
	     { "", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT ",
	       "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
	       "Sun, 29 Feb 1900 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
	       "Xyz, 06 Nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
	       "Sundey, 06-Nov-94 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT" })
		EXPECT_EQ(parsed(bad), -1) << bad;
}

TEST(http_date, ends_with_the_year_9999)
{
	for (std::uint64_t beyond : { std::uint64_t{ 253402300799 }, std::uint64_t{ 253402300800 },
				      std::uint64_t{ 1 } << 40, UINT64_MAX / 2, UINT64_MAX }) {
		char got[date_length];

		format_date(got, beyond);
		EXPECT_EQ(std::string_view(got, sizeof(got)), "Fri, 31 Dec 9999 23:59:59 GMT")
			<< beyond;
	}
}

TEST(http_date, as_the_c_library_formats)
{
	for (std::uint64_t t = 0; t < 253402300800; t += 86400 * 13 + 3607) {
		const auto when = static_cast<std::time_t>(t);
		std::tm parts;
		char want[64], got[date_length];

		gmtime_r(&when, &parts);
		std::strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &parts);
		format_date(got, t);
		ASSERT_EQ(std::string_view(got, sizeof(got)), want) << t;
		ASSERT_EQ(parsed({ got, sizeof(got) }), static_cast<std::int64_t>(t));
	}
}
