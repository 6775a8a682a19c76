// SPDX-License-Identifier: GPL-2.0-only OR MIT
#pragma once

#include "kernel.hpp"

#include <sys/mount.h>

namespace vm
{

// While it lives, sockmap.bpf.c takes every new connection to kecho.
class taker {
    public:
	// With a verdict program on the map, or without.
	explicit taker(bool verdict)
	{
		::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr);
		std::filesystem::create_directory(cgroup);
		::mount("cgroup", cgroup.c_str(), "cgroup2", 0, nullptr);
		EXPECT_TRUE(shell("/sbin/bpftool prog loadall /sockmap.bpf.o " + programs +
				  " pinmaps " + programs));
		if (verdict) {
			EXPECT_TRUE(shell("/sbin/bpftool prog attach pinned " + programs +
					  "/pass stream_verdict pinned " + programs + "/taken"));
		}
		EXPECT_TRUE(shell("/sbin/bpftool cgroup attach " + cgroup + " sock_ops pinned " +
				  programs + "/take"));
	}
	~taker()
	{
		stop();
		std::filesystem::remove_all(programs);
		::umount(cgroup.c_str());
		::umount("/sys/fs/bpf");
	}
	taker(const taker &) = delete;
	taker &operator=(const taker &) = delete;

	// It takes no more; those that it has it keeps.
	void stop()
	{
		if (std::exchange(taking_, false)) {
			EXPECT_TRUE(shell("/sbin/bpftool cgroup detach " + cgroup +
					  " sock_ops pinned " + programs + "/take"));
		}
	}

    private:
	const std::string programs = "/sys/fs/bpf/ktcp", cgroup = "/tmp/cgroup";
	bool taking_ = true;
};

} // namespace vm
