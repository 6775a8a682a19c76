// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/error.hpp: an errno is always in range. */
#include <ktcp/error.hpp>

#include <cerrno>
#include <climits>
#include <type_traits>

#include <gtest/gtest.h>

using ktcp::errc;
using ktcp::error_code;

static_assert(sizeof(error_code) == sizeof(int));
static_assert(std::is_trivially_copyable_v<error_code>);
static_assert(!std::is_default_constructible_v<error_code>);
static_assert(!std::is_constructible_v<error_code, int>, "a bare number says not what it is");
static_assert(error_code(errc::eagain).code() == -11);
static_assert(error_code::from(-ENOMEM) == errc::enomem);

TEST(error, the_names_have_the_kernels_numbers)
{
	const struct {
		errc name;
		int number;
	} all[] = {
		{ errc::eintr, EINTR },
		{ errc::eio, EIO },
		{ errc::eagain, EAGAIN },
		{ errc::enomem, ENOMEM },
		{ errc::ebusy, EBUSY },
		{ errc::eexist, EEXIST },
		{ errc::einval, EINVAL },
		{ errc::enfile, ENFILE },
		{ errc::epipe, EPIPE },
		{ errc::erange, ERANGE },
		{ errc::enonet, ENONET },
		{ errc::emsgsize, EMSGSIZE },
		{ errc::eprotonosupport, EPROTONOSUPPORT },
		{ errc::eafnosupport, EAFNOSUPPORT },
		{ errc::eaddrinuse, EADDRINUSE },
		{ errc::eaddrnotavail, EADDRNOTAVAIL },
		{ errc::econnaborted, ECONNABORTED },
		{ errc::econnreset, ECONNRESET },
		{ errc::enobufs, ENOBUFS },
		{ errc::enotconn, ENOTCONN },
		{ errc::eshutdown, ESHUTDOWN },
		{ errc::etimedout, ETIMEDOUT },
		{ errc::econnrefused, ECONNREFUSED },
		{ errc::einprogress, EINPROGRESS },
		{ errc::edquot, EDQUOT },
		{ errc::ecanceled, ECANCELED },
	};

	for (const auto &each : all) {
		EXPECT_EQ(error_code(each.name).code(), -each.number);
		EXPECT_EQ(error_code::from(-each.number), each.name);
	}
}

TEST(error, every_kernel_errno_survives)
{
	for (int status = -4095; status < 0; status++)
		EXPECT_EQ(error_code::from(status).code(), status);
}

TEST(error, what_is_no_errno_becomes_eio)
{
	for (long status : { 0L, 1L, 4095L, -4096L, LONG_MIN, LONG_MAX, long{ INT_MIN } })
		EXPECT_EQ(error_code::from(status), errc::eio) << status;
}

TEST(error, codes_compare)
{
	EXPECT_TRUE(error_code(errc::eio) == error_code(errc::eio));
	EXPECT_TRUE(error_code(errc::eio) != error_code(errc::enomem));
	EXPECT_TRUE(error_code(errc::eio) != errc::enomem);
}
