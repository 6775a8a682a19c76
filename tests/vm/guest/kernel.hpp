// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// The tests' view of the guest's kernel. They load and unload a module, read the log, and look for
// objects that a module may have left behind.
#pragma once

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
int load_module(const std::string &parameters, const char *path = module_file);

// 0 or the errno of rmmod. Refuses, as rmmod does, while the module is in use.
int unload_module(const char *name = module_name);

bool module_loaded(const char *name = module_name);

std::string read_file(const std::string &path);

// The number behind a name, in a file whose lines are a name and a number each; -1 without that name.
long number_of(const std::string &path, const std::string &name);
// A number of a server's, in the network namespace that this thread is in.
long statistic(const std::string &name, const char *server = "kecho");

bool write_file(const std::string &path, const std::string &text);

// The same in one write. Gives its errno, or 0.
int write_once(const std::string &path, const std::string &text);

// A setting of the kernel's, which is as it was when this goes, however the test ends.
class kept_setting {
    public:
	explicit kept_setting(std::string file);
	kept_setting(const kept_setting &) = delete;
	~kept_setting();
	void set(const std::string &value) const;
	void set_back() const;

    private:
	const std::string file_, was_;
};

// Does this guest's clock count instructions, so that no load of the machine below changes what
// something takes? tests/vm/suite.py says so on the kernel's command line.
bool clock_counts_instructions();

// Is it a kernel that looks out for mistakes (6.1-debug and the like)? It is several times slower, and
// its objects are larger: sizes and times are not what is tested there.
bool debug_kernel();

// Runs a shell command; true if it succeeded.
bool shell(const std::string &command);

// Waits for something that comes about by itself; false if it does not in time.
bool eventually(clock::duration limit, const std::function<bool()> &holds);

// The kernel's log from the moment this object is made.
class kernel_log {
    public:
	struct line {
		int level; // 3 is an error, 4 a warning, 6 information
		std::string text;
	};

	kernel_log();
	~kernel_log();
	kernel_log(const kernel_log &) = delete;
	kernel_log &operator=(const kernel_log &) = delete;

	// All lines so far, in order.
	const std::vector<line> &lines();

    private:
	int file_;
	std::vector<line> lines_;
};

// Does that process sleep in that function of the kernel's, or below it? Its wchan says 0 on kernels before
// 5.16 that have no frame pointers.
bool sleeps_in(pid_t process, const std::string &function);

// A TCP socket of this thread's namespace, as `ss` has it.
struct tcp_line {
	unsigned local_port;
	std::string state; // as in /proc/net/tcp: "0A" listens, "06" is TIME-WAIT
	unsigned timer; // which one it has: 2 is the keepalive timer, 3 that of TIME-WAIT
	bool closed; // no file has the socket
	unsigned long unacknowledged; // bytes that it holds for its peer
	std::string whole; // for people
};

// All but those in TIME-WAIT, which are thousands after some tests.
std::vector<tcp_line> tcp_lines(bool time_wait_too = false);

// The states of the sockets bound to a local port.
std::vector<std::string> tcp_states(unsigned local_port);

// A number of /proc/net/sockstat's TCP line: inuse, orphan, tw, alloc, mem.
long tcp_sockstat(const std::string &key);

// A number of /proc/net/netstat.
long netstat(const std::string &name);

// Closed sockets whose peer has taken everything and does not close. Mostly the kernel makes small
// ones of them at once, which are no orphans any more. But where the last acknowledgement comes
// while close() still owns the socket, it keeps all of it for tcp_fin_timeout
// (tcp_rcv_state_process()). Those have the keepalive timer.
long orphans_in_fin_wait_2();

// It holds nothing of anybody's, and its time runs out by itself: it is small, in TIME-WAIT or in FIN-WAIT-2.
// It stays in FIN-WAIT-2 where the peer's reset was lost. That comes once. While it waits for the lock of a
// socket that close() makes a small one of, it finds no socket any more.
bool is_small(const tcp_line &one);

// Tasks that are the module's, and kernel workers that run its work now.
std::vector<std::string> module_tasks(const std::string &module = module_name);

// Slab caches, /proc and /sys entries that carry the module's name.
std::vector<std::string> module_leftovers(const std::string &module = module_name);

} // namespace vm
