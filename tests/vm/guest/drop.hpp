// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// For the tests of drop-tcp-socket: connections of every kind of address, and how to drop them.
#pragma once

#include "fixture.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <netinet/in.h>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace vm
{

constexpr const char *drop_file = "/drop-tcp-socket.ko";
constexpr const char *drop_module = "drop_tcp_socket";
// Of the calling thread's network namespace.
inline const std::string entry = "/proc/thread-self/net/drop_tcp_sock";

// A descriptor, closed when it goes.
class owned {
    public:
	explicit owned(int descriptor = -1) : descriptor_(descriptor)
	{
	}
	owned(owned &&other) noexcept : descriptor_(std::exchange(other.descriptor_, -1))
	{
	}
	owned &operator=(owned &&other) noexcept
	{
		std::swap(descriptor_, other.descriptor_);
		return *this;
	}
	~owned()
	{
		close();
	}
	void close()
	{
		if (descriptor_ >= 0)
			::close(descriptor_);
		descriptor_ = -1;
	}
	operator int() const
	{
		return descriptor_;
	}

    private:
	int descriptor_;
};

// How the two ends of a connection speak to each other.
struct way {
	const char *name;
	int server_family, client_family;
	const char *server_address, *client_address;
	const char *text; // the address in a line, of both
};

inline void PrintTo(const way &way, std::ostream *to)
{
	*to << way.name;
}

inline const way ipv4 = { "ipv4", AF_INET, AF_INET, "127.0.0.1", "127.0.0.1", "127.0.0.1" };
inline const way ipv6 = { "ipv6", AF_INET6, AF_INET6, "::1", "::1", "[::1]" };
inline const way ipv6_older = { "ipv6_older", AF_INET6, AF_INET6, "::1", "::1", "::1" };
inline const way mapped_as_ipv4 = { "mapped_as_ipv4", AF_INET6,	  AF_INET, "::",
				    "127.0.0.1",      "127.0.0.1" };
inline const way mapped = { "mapped", AF_INET6,		  AF_INET6,
			    "::",     "::ffff:127.0.0.1", "[::ffff:127.0.0.1]" };

inline void fill_address(int family, const char *address, unsigned port, sockaddr_storage &to)
{
	to = {};
	to.ss_family = family;
	if (family == AF_INET) {
		auto &v4 = reinterpret_cast<sockaddr_in &>(to);
		v4.sin_port = htons(port);
		::inet_pton(AF_INET, address, &v4.sin_addr);
	} else {
		auto &v6 = reinterpret_cast<sockaddr_in6 &>(to);
		v6.sin6_port = htons(port);
		::inet_pton(AF_INET6, address, &v6.sin6_addr);
	}
}

inline unsigned local_port(int socket)
{
	sockaddr_in6 at{};
	socklen_t length = sizeof at;
	::getsockname(socket, reinterpret_cast<sockaddr *>(&at), &length);
	return ntohs(at.sin6_port); // where sockaddr_in has it, too
}

inline owned listen_on(const way &way, unsigned port = 0, int backlog = 1024)
{
	owned made(::socket(way.server_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	const int off = 0, on = 1;
	if (way.server_family == AF_INET6)
		::setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	sockaddr_storage at;
	fill_address(way.server_family, way.server_address, port, at);
	EXPECT_EQ(::bind(made, reinterpret_cast<sockaddr *>(&at), sizeof at), 0)
		<< std::strerror(errno);
	EXPECT_EQ(::listen(made, backlog), 0);
	return made;
}

// Returns the errno of connect() in error.
inline owned connect_to(const way &way, unsigned port, int flags = 0, int *error = nullptr)
{
	owned made(::socket(way.client_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
	const timeval limit{ 10, 0 };
	::setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	sockaddr_storage to;
	fill_address(way.client_family, way.client_address, port, to);
	const bool failed = ::connect(made, reinterpret_cast<sockaddr *>(&to), sizeof to);
	if (error)
		*error = failed ? errno : 0;
	else
		EXPECT_FALSE(failed) << std::strerror(errno);
	return made;
}

// Both ends of a connection.
struct pair {
	owned client, server;
};

inline pair connect_pair(const way &way, int listener)
{
	pair made{ connect_to(way, local_port(listener)), owned() };
	made.server = owned(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
	const timeval limit{ 10, 0 };
	::setsockopt(made.server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	return made;
}

// The result of a blocking read: bytes, 0, or a negative errno.
inline int read_error(int socket)
{
	char byte;
	const ssize_t got = ::recv(socket, &byte, 1, 0);
	return got < 0 ? -errno : static_cast<int>(got);
}

inline bool alive(const pair &both)
{
	char byte = 'x';
	return ::send(both.client, &byte, 1, MSG_NOSIGNAL) == 1 && read_error(both.server) == 1 &&
	       ::send(both.server, &byte, 1, MSG_NOSIGNAL) == 1 && read_error(both.client) == 1;
}

inline std::string line(const way &way, unsigned one, unsigned other)
{
	return std::string(way.text) + ":" + std::to_string(one) + " " + way.text + ":" +
	       std::to_string(other) + "\n";
}

// One write(2): its result, or a negative errno.
inline long write_to(int file, const std::string &text)
{
	const ssize_t wrote = ::write(file, text.data(), text.size());
	return wrote < 0 ? -errno : wrote;
}

inline long write_once(const std::string &text)
{
	const owned file(::open(entry.c_str(), O_WRONLY | O_CLOEXEC));
	return file < 0 ? -errno : write_to(file, text);
}

// The numbers at the beginning of the file.
inline std::map<std::string, unsigned long> counters()
{
	std::istringstream in(read_file(entry));
	std::map<std::string, unsigned long> numbers;
	std::string name;
	for (unsigned long value; in >> name >> value;)
		numbers[name] = value;
	return numbers;
}

// The states (of /proc/net/tcp) of this thread's sockets that have a port at either end. With a
// peer, only of those that have that port at the other. (A client's port alone is not enough: the
// next connection to another listener may have it as well.)
inline std::vector<std::string> states_of(unsigned port, unsigned peer = 0)
{
	std::vector<std::string> states;
	for (const char *table : { "tcp", "tcp6" }) {
		std::istringstream file(read_file(std::string("/proc/thread-self/net/") + table));
		std::string line;
		std::getline(file, line);
		while (std::getline(file, line)) {
			std::istringstream words(line);
			std::string number, local, remote, state;
			words >> number >> local >> remote >> state;
			const auto is = [](const std::string &end, unsigned wanted) {
				return !wanted || std::stoul(end.substr(end.rfind(':') + 1),
							     nullptr, 16) == wanted;
			};
			if ((is(local, port) && is(remote, peer)) ||
			    (is(remote, port) && is(local, peer)))
				states.push_back(state);
		}
	}
	return states;
}

inline long count_state(unsigned port, const char *state)
{
	return std::ranges::count(states_of(port), state);
}

// Nothing but the module ends TIME-WAIT in this thread's namespace. Over loopback, a port in it is
// taken for the next connection after a second. And a reset ends it (RFC 1337). The server's FIN,
// sent from another CPU, may overtake its acknowledgement of the client's. That is then out of the
// window and answered. Where the other end is gone, a reset answers the answer.
inline void keep_time_waits(bool keep = true)
{
	EXPECT_TRUE(write_file("/proc/sys/net/ipv4/tcp_tw_reuse", keep ? "0" : "2"));
	EXPECT_TRUE(write_file("/proc/sys/net/ipv4/tcp_rfc1337", keep ? "1" : "0"));
}

// Connections, closed by their clients first: the clients' ends are in TIME-WAIT.
inline void make_time_waits(const way &way, int listener, int count)
{
	keep_time_waits();
	for (int i = 0; i < count; ++i) {
		pair both = connect_pair(way, listener);
		both.client.close();
		ASSERT_EQ(read_error(both.server), 0);
	}
	ASSERT_TRUE(eventually(10s, [&] {
		return count_state(local_port(listener), "06") == count;
	})) << count_state(local_port(listener), "06");
}

// Runs it in a process of its own; its result.
template <class Function>
int in_child(Function function)
{
	const pid_t child = ::fork();
	if (!child)
		::_exit(function());
	int status = -1;
	::waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class dropping : public server {
    protected:
	void SetUp() override
	{
		keep_time_waits();
		load_drop();
	}
	void TearDown() override
	{
		if (module_loaded(drop_module))
			unload_drop();
		keep_time_waits(false);
		server::TearDown();
	}

	void load_drop()
	{
		const int error = load_module("", drop_file);
		ASSERT_EQ(error, 0) << std::strerror(error);
	}
	void unload_drop()
	{
		const auto start = clock::now();
		EXPECT_EQ(unload_module(drop_module), 0) << std::strerror(errno);
		EXPECT_LT(clock::now() - start, unload_bound);
		EXPECT_FALSE(std::filesystem::exists(entry));
		EXPECT_FALSE(module_loaded(drop_module));
	}

	// The module's lines in the log.
	std::vector<std::string> said()
	{
		std::vector<std::string> found;
		for (const auto &each : log.lines())
			if (each.text.rfind("drop_tcp_socket: ", 0) == 0 &&
			    each.text.find("tainting") == std::string::npos &&
			    each.text.find("taints") == std::string::npos)
				found.push_back(each.text);
		return found;
	}
	void allow_complaints()
	{
		allow_other("^drop_tcp_socket: drop_tcp_sock: line \\d+, column \\d+: "
			    "|^ktcp_printk_ratelimited: \\d+ callbacks suppressed");
	}
};

} // namespace vm
