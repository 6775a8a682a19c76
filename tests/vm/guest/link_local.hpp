// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// A link-local address at the loopback device, for as long as a test needs it.
#pragma once

#include "kernel.hpp"

#include <gtest/gtest.h>

namespace vm
{

class link_local {
    public:
	static constexpr const char *address = "fe80::77";

	// The address's own route comes later, from a work item of the kernel (addrconf_dad_work()). Until
	// then the prefix's route refuses, as each route by the loopback device does that is no host's.
	link_local()
	{
		EXPECT_TRUE(shell("/sbin/ip -6 addr add fe80::77/64 dev lo nodad"));
		EXPECT_TRUE(eventually(std::chrono::seconds(10), [] {
			return shell("/sbin/ip -6 route get fe80::77 oif lo >/dev/null 2>&1");
		}));
	}
	~link_local()
	{
		EXPECT_TRUE(shell("/sbin/ip -6 addr del fe80::77/64 dev lo"));
	}

	link_local(const link_local &) = delete;
	link_local &operator=(const link_local &) = delete;
};

} // namespace vm
