// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Memory: a server's buffers have a bound, and peers that make it hold many of them take no other
// process's memory.
#include "fixture.hpp"

#include <map>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace vm
{
namespace
{

// Peers that send and read nothing. The server holds a buffer for each, with bytes that it cannot
// echo.
class stalled {
    public:
	explicit stalled(std::size_t count, const std::string &address = "::1")
	{
		for (std::size_t i = 0; i < count; ++i)
			peers_.emplace_back(options{
				.address = address, .receive_buffer = 4096, .send_buffer = 4096 });
		send_until_all_blocked(peers_);
	}

    private:
	std::vector<client> peers_;
};

std::map<std::string, long> numbers_of(const std::string &file)
{
	std::istringstream text(read_file(file));
	std::map<std::string, long> numbers;
	std::string name;
	for (long value; text >> name >> value;)
		numbers[name] = value;
	return numbers;
}

std::map<std::string, long> statistics()
{
	return numbers_of("/proc/net/kecho/statistics");
}

class memory : public every_model {
    protected:
	// There is memory again.
	void expect_service()
	{
		client peer;
		EXPECT_EQ(echo(peer, pattern(20000, 3)), "");
	}
};
FOR_EVERY_MODEL(memory);

TEST_P(memory, buffers_have_a_bound_and_connections_beyond_it_are_ended)
{
	constexpr long most = 1 << 20, share = most / 16384 * 3 / 8;
	load_model("buffer_mb=1");
	{
		const stalled peers(100);
		EXPECT_GT(statistics()["refused_share"], 0);
		EXPECT_LE(statistics()["buffer_bytes"], most);
		// Those of its share keep theirs; the others were ended.
		const long kept = statistics()["active"];
		EXPECT_LE(kept, share);
		EXPECT_GE(kept, share / 2);
		const stalled others(4, "127.0.0.1");
		EXPECT_EQ(statistics()["active"], kept + 4) << "another source has a share, too";
		EXPECT_EQ(statistics()["refused_buffers"], 0);
		EXPECT_LE(statistics()["buffer_bytes"], most);
	}
	expect_service();
	EXPECT_LE(statistics()["buffer_bytes"], most);
}

TEST_P(memory, is_the_loaders_cgroups_and_its_end_kills_no_process)
{
	const std::string mounted = "/tmp/cgroup", group = mounted + "/ktcp";
	::mkdir(mounted.c_str(), 0755);
	ASSERT_EQ(::mount("none", mounted.c_str(), "cgroup2", 0, nullptr), 0)
		<< std::strerror(errno);
	ASSERT_TRUE(write_file(mounted + "/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(::mkdir(group.c_str(), 0755), 0);
	const auto number = [&](const char *name) {
		return std::stol(read_file(group + "/" + name));
	};
	const pid_t loader = ::fork();
	if (!loader) {
		if (!write_file(group + "/cgroup.procs", "0"))
			::_exit(200);
		::_exit(load_module("max_per_source=0 model=" + model()));
	}
	int status = -1;
	ASSERT_EQ(::waitpid(loader, &status, 0), loader);
	ASSERT_EQ(status, 0);
	expect_service();
	const long limit = (number("memory.current") + (2 << 20)) & ~4095L;
	ASSERT_TRUE(write_file(group + "/memory.max", std::to_string(limit)));
	{
		const stalled peers(300);
		// Sessions and buffers fill it, and a connection that needs one more is ended. Their
		// memory may be free again by now, so the test looks at the peak.
		EXPECT_GE(number("memory.peak"), limit - 65536);
		EXPECT_LE(number("memory.current"), limit);
		EXPECT_GT(numbers_of(group + "/memory.events")["max"], 0);
		EXPECT_EQ(numbers_of(group + "/memory.events")["oom_kill"], 0);
		EXPECT_LT(statistics()["active"], 300);
	}
	expect_service();
	EXPECT_EQ(numbers_of(group + "/memory.events")["oom_kill"], 0);
	unload();
	EXPECT_EQ(::rmdir(group.c_str()), 0) << std::strerror(errno);
	EXPECT_EQ(::umount(mounted.c_str()), 0) << std::strerror(errno);
}

class memory_cgroup : public server {};

TEST_F(memory_cgroup, is_charged_nothing_by_a_module_that_is_told_so)
{
	const std::string mounted = "/tmp/cgroup", group = mounted + "/ktcp";
	::mkdir(mounted.c_str(), 0755);
	ASSERT_EQ(::mount("none", mounted.c_str(), "cgroup2", 0, nullptr), 0);
	ASSERT_TRUE(write_file(mounted + "/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(::mkdir(group.c_str(), 0755), 0);
	const pid_t loader = ::fork();
	if (!loader)
		::_exit(write_file(group + "/cgroup.procs", "0") ? load_module("memory_cgroup=0") :
								   200);
	int status = -1;
	ASSERT_EQ(::waitpid(loader, &status, 0), loader);
	ASSERT_EQ(status, 0);
	const auto charged = [&] { return std::stol(read_file(group + "/memory.current")); };
	const long before = charged();
	{
		const stalled peers(100);
		EXPECT_LE(charged(), before + 65536);
	}
	unload();
	EXPECT_EQ(::rmdir(group.c_str()), 0);
	EXPECT_EQ(::umount(mounted.c_str()), 0);
}

} // namespace
} // namespace vm
