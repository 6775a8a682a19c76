// SPDX-License-Identifier: GPL-2.0-only OR MIT
#pragma once

#include "kernel.hpp"

namespace vm
{

// While it lives, TCP's buffers do not grow. A peer that does not read holds its sender up after some ten
// kilobytes, and not after some megabytes, which go through small windows slowly.
class small_buffers {
    public:
	small_buffers()
	{
		send_.set("4096 16384 32768");
		receive_.set("4096 16384 32768");
	}

    private:
	const kept_setting send_{ "/proc/sys/net/ipv4/tcp_wmem" },
		receive_{ "/proc/sys/net/ipv4/tcp_rmem" };
};

} // namespace vm
