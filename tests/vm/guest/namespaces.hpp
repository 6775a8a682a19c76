// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Network namespaces that last as long as a function.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace vm
{

inline void loopback_up()
{
	const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ifreq request{};
	std::strcpy(request.ifr_name, "lo");
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	EXPECT_EQ(::ioctl(any, SIOCSIFFLAGS, &request), 0) << std::strerror(errno);
	::close(any);
}

// Runs it in a network namespace of its own, which begins to end after it.
template <class Function>
void in_new_namespace(Function function)
{
	std::thread([&] {
		ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << std::strerror(errno);
		loopback_up();
		function();
	}).join();
}

} // namespace vm
