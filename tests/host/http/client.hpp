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

#include <ktcp/test/stream.hpp>

using client = ktcp::test::stream;

using fake_machine = struct ktcp::test::machine;

inline fake_machine &machine = ktcp::test::machine;

#endif
