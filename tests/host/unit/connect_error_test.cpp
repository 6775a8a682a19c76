// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/net/connect_error.hpp: each errno of a connection has its own words. */
#include <ktcp/net/connect_error.hpp>

#include <set>
#include <string>

#include <gtest/gtest.h>

using ktcp::connect_error;
using ktcp::errc;

namespace
{

TEST(connect_error, each_has_its_words)
{
	std::set<std::string> seen;

	/* Those that are told apart; a few others share their words. */
	for (errc each :
	     { errc::eaddrnotavail, errc::eaddrinuse, errc::enetunreach, errc::eacces, errc::eperm,
	       errc::enetdown, errc::eafnosupport, errc::enomem, errc::edquot, errc::eshutdown,
	       errc::econnaborted, errc::ehostunreach, errc::econnrefused, errc::etimedout,
	       errc::econnreset, errc::epipe, errc::enotconn, errc::edom })
		EXPECT_TRUE(seen.insert(connect_error(each)).second) << connect_error(each);
	EXPECT_EQ(std::string(connect_error(errc::enodev)), connect_error(errc::enetdown));
}

TEST(connect_error, is_a_line_of_a_log)
{
	for (int number = 1; number < 4096; number++) {
		const std::string words = connect_error(ktcp::error_code::from(-number));

		EXPECT_FALSE(words.empty());
		EXPECT_EQ(words.find('\n'), words.npos);
		EXPECT_NE(words.back(), '.');
	}
}

} // namespace
