// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * One client of a service, in one thread; see ktcp/test/stream.hpp.
 *
 * @code
 * client one(service);
 * one.send("GET / HTTP/1.1\r\n");	// and whatever the server does about it
 * one.send("Host: h\r\n\r\n");
 * one.received();
 * @endcode
 */
#ifndef KTCP_TESTS_HOST_HTTP_CLIENT_HPP
#define KTCP_TESTS_HOST_HTTP_CLIENT_HPP

#include <gtest/gtest.h>

#include <ktcp/test/stream.hpp>

using client = ktcp::test::stream;

using fake_machine = struct ktcp::test::machine;

inline fake_machine &machine = ktcp::test::machine;

/** Does the same with a client of its own for each allocation that it comes to, which then fails. */
template <class Service, class Work>
void for_each_failing_allocation(const Service &service, Work work)
{
	bool all_came = false;

	for (std::size_t nth = 0; nth < 200 && !all_came; nth++) {
		SCOPED_TRACE("allocation " + std::to_string(nth));
		client one(service);

		machine.allocations = 0;
		machine.failing = nth;
		work(one);
		machine.failing = SIZE_MAX;
		all_came = machine.allocations <= nth;
	}
	EXPECT_TRUE(all_came) << "there are more allocations than were tried";
}

#endif
