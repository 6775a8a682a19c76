// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// The tests' view of the guest's kernel. They load and unload a module, read the log, and look for
// objects that a module may have left behind.
#pragma once

#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace vm
{

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

inline constexpr const char *module_name = "kecho";
inline constexpr const char *module_file = "/kecho.ko";

// 0 or the errno of insmod.
inline int load_module(const std::string &parameters, const char *path = module_file)
{
	const int file = ::open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return errno;
	const int error = ::syscall(SYS_finit_module, file, parameters.c_str(), 0) ? errno : 0;
	::close(file);
	return error;
}

// 0 or the errno of rmmod. Refuses, as rmmod does, while the module is in use.
inline int unload_module(const char *name = module_name)
{
	return ::syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

inline bool module_loaded(const char *name = module_name)
{
	return std::filesystem::exists(std::string("/sys/module/") + name);
}

inline std::string read_file(const std::string &path)
{
	std::ifstream file(path);
	std::ostringstream text;
	text << file.rdbuf();
	return text.str();
}

inline bool write_file(const std::string &path, const std::string &text)
{
	std::ofstream file(path);
	file << text << std::flush;
	return file.good();
}

// The same in one write. Gives its errno, or 0.
inline int write_once(const std::string &path, const std::string &text)
{
	const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return errno;
	const int error = ::write(file, text.data(), text.size()) < 0 ? errno : 0;
	::close(file);
	return error;
}

// A setting of the kernel's, which is as it was when this goes, however the test ends.
class kept_setting {
    public:
	explicit kept_setting(std::string file) : file_(std::move(file)), was_(read_file(file_))
	{
	}
	kept_setting(const kept_setting &) = delete;
	~kept_setting()
	{
		set_back();
	}
	void set(const std::string &value) const
	{
		EXPECT_TRUE(write_file(file_, value)) << file_ << " takes no " << value;
	}
	void set_back() const
	{
		set(was_);
	}

    private:
	const std::string file_, was_;
};

// Does this guest's clock count instructions, so that no load of the machine below changes what
// something takes? tests/vm/suite.py says so on the kernel's command line.
inline bool clock_counts_instructions()
{
	return read_file("/proc/cmdline").find("ktcp_clock=instructions") != std::string::npos;
}

// Is it a kernel that looks out for mistakes (6.1-debug and the like)? It is several times slower, and
// its objects are larger: sizes and times are not what is tested there.
inline bool debug_kernel()
{
	static const bool is = read_file("/proc/kallsyms").find(" kasan_report\n") !=
			       std::string::npos;
	return is;
}

// Runs a shell command; true if it succeeded.
inline bool shell(const std::string &command)
{
	return std::system(command.c_str()) == 0;
}

// Waits for something that comes about by itself; false if it does not in time.
inline bool eventually(clock::duration limit, const std::function<bool()> &holds)
{
	const auto end = clock::now() + limit;
	while (!holds()) {
		if (clock::now() > end)
			return false;
		std::this_thread::sleep_for(10ms);
	}
	return true;
}

// The kernel's log from the moment this object is made.
class kernel_log {
    public:
	struct line {
		int level; // 3 is an error, 4 a warning, 6 information
		std::string text;
	};

	kernel_log() : file_(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC))
	{
		::lseek(file_, 0, SEEK_END);
	}
	~kernel_log()
	{
		::close(file_);
	}
	kernel_log(const kernel_log &) = delete;
	kernel_log &operator=(const kernel_log &) = delete;

	// All lines so far, in order.
	const std::vector<line> &lines()
	{
		char record[8192];
		for (;;) {
			const ssize_t size = ::read(file_, record, sizeof record);
			if (size < 0 && errno == EPIPE) { // the kernel wrote faster than we read
				lines_.push_back({ 0, "(log lines were lost)" });
				continue;
			}
			if (size <= 0)
				break;
			// "priority,sequence,time,flags;text\n key=value\n..."
			const std::string whole(record, size);
			const auto text = whole.find(';') + 1;
			lines_.push_back({ std::atoi(whole.c_str()) & 7,
					   whole.substr(text, whole.find('\n', text) - text) });
		}
		return lines_;
	}

    private:
	int file_;
	std::vector<line> lines_;
};

// A line of /proc/net/tcp or tcp6, in this thread's namespace.
struct tcp_line {
	unsigned local_port;
	std::string state; // "0A" listens, "06" is TIME-WAIT
	std::string
		timer; // which, and when: "02:..." is the keepalive timer, "03:..." that of TIME-WAIT
	bool closed; // no file has the socket
	std::string whole;
};

inline std::vector<tcp_line> tcp_lines()
{
	std::vector<tcp_line> found;
	for (const char *table : { "/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6" }) {
		std::ifstream file(table);
		std::string line;
		std::getline(file, line); // the header
		while (std::getline(file, line)) {
			std::istringstream words(line);
			std::string number, local, remote, state, queues, timer, retried, user,
				probes, inode;
			words >> number >> local >> remote >> state >> queues >> timer >> retried >>
				user >> probes >> inode;
			const auto colon = local.rfind(':');
			if (colon == std::string::npos)
				continue;
			found.push_back({ static_cast<unsigned>(
						  std::stoul(local.substr(colon + 1), nullptr, 16)),
					  state, timer, inode == "0", line });
		}
	}
	return found;
}

// The states of the sockets bound to a local port.
inline std::vector<std::string> tcp_states(unsigned local_port)
{
	std::vector<std::string> states;
	for (const tcp_line &each : tcp_lines())
		if (each.local_port == local_port)
			states.push_back(each.state);
	return states;
}

// A number of /proc/net/sockstat's TCP line: inuse, orphan, tw, alloc, mem.
inline long tcp_sockstat(const std::string &key)
{
	std::istringstream text(read_file("/proc/net/sockstat"));
	std::string line;
	while (std::getline(text, line)) {
		if (line.rfind("TCP:", 0) != 0)
			continue;
		std::istringstream words(line.substr(4));
		std::string name;
		long value;
		while (words >> name >> value)
			if (name == key)
				return value;
	}
	return -1;
}

// A number of /proc/net/netstat.
inline long netstat(const std::string &name)
{
	std::istringstream text(read_file("/proc/net/netstat"));
	std::string names, values, word, value;
	std::getline(text, names);
	std::getline(text, values);
	std::istringstream left(names), right(values);
	while (left >> word && right >> value)
		if (word == name)
			return std::stol(value);
	return -1;
}

// Closed sockets whose peer has taken everything and does not close. Mostly the kernel makes small
// ones of them at once, which are no orphans any more. But where the last acknowledgement comes
// while close() still owns the socket, it keeps all of it for tcp_fin_timeout
// (tcp_rcv_state_process()). Those have the keepalive timer.
inline long orphans_in_fin_wait_2()
{
	return std::ranges::count_if(tcp_lines(), [](const tcp_line &each) {
		return each.state == "05" && each.closed && each.timer.starts_with("02:");
	});
}

// It holds nothing of anybody's, and its time runs out by itself: it is small, in TIME-WAIT or in FIN-WAIT-2.
// It stays in FIN-WAIT-2 where the peer's reset was lost. That comes once. While it waits for the lock of a
// socket that close() makes a small one of, it finds no socket any more.
inline bool is_small(const tcp_line &one)
{
	return one.timer.starts_with("03:");
}

// Tasks that are the module's, and kernel workers that run its work now.
inline std::vector<std::string> module_tasks(const std::string &module = module_name)
{
	std::vector<std::string> found;
	std::error_code ignored;
	for (const auto &entry : std::filesystem::directory_iterator("/proc", ignored)) {
		const std::string pid = entry.path().filename();
		if (pid.find_first_not_of("0123456789") != std::string::npos)
			continue;
		std::string name = read_file(entry.path() / "comm");
		if (!name.empty() && name.back() == '\n')
			name.pop_back();
		if (name.rfind(module, 0) == 0 || name.find("+" + module) != std::string::npos)
			found.push_back(name);
	}
	return found;
}

// Slab caches, /proc and /sys entries that carry the module's name.
inline std::vector<std::string> module_leftovers(const std::string &module = module_name)
{
	std::vector<std::string> found;
	std::istringstream slabs(read_file("/proc/slabinfo"));
	std::string line;
	while (std::getline(slabs, line))
		if (line.rfind(module, 0) == 0)
			found.push_back("slab cache " + line.substr(0, line.find(' ')));
	for (const char *folder : { "/proc", "/proc/net", "/sys/kernel/slab", "/sys/module",
				    "/sys/devices/virtual/workqueue" }) {
		std::error_code ignored;
		for (const auto &entry : std::filesystem::directory_iterator(folder, ignored))
			if (entry.path().filename().string().rfind(module, 0) == 0)
				found.push_back(entry.path());
	}
	return found;
}

} // namespace vm
