// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// drop-tcp-socket: the connections that are written to /proc/net/drop_tcp_sock are dropped, and no
// others. The kernel lives on after any text.
#include "fixture.hpp"
#include "namespaces.hpp"

#include <atomic>
#include <map>
#include <optional>
#include <sys/prctl.h>
#include <sys/wait.h>

namespace vm
{
namespace
{

constexpr const char *drop_file = "/drop-tcp-socket.ko";
constexpr const char *drop_module = "drop_tcp_socket";
// Of the calling thread's network namespace.
const std::string entry = "/proc/thread-self/net/drop_tcp_sock";

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

void PrintTo(const way &way, std::ostream *to)
{
	*to << way.name;
}

const way ipv4 = { "ipv4", AF_INET, AF_INET, "127.0.0.1", "127.0.0.1", "127.0.0.1" };
const way ipv6 = { "ipv6", AF_INET6, AF_INET6, "::1", "::1", "[::1]" };
const way ipv6_older = { "ipv6_older", AF_INET6, AF_INET6, "::1", "::1", "::1" };
const way mapped_as_ipv4 = { "mapped_as_ipv4", AF_INET6, AF_INET, "::", "127.0.0.1", "127.0.0.1" };
const way mapped = { "mapped", AF_INET6, AF_INET6, "::", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]" };

void fill_address(int family, const char *address, unsigned port, sockaddr_storage &to)
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

unsigned local_port(int socket)
{
	sockaddr_in6 at{};
	socklen_t length = sizeof at;
	::getsockname(socket, reinterpret_cast<sockaddr *>(&at), &length);
	return ntohs(at.sin6_port); // where sockaddr_in has it, too
}

owned listen_on(const way &way, unsigned port = 0, int backlog = 1024)
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
owned connect_to(const way &way, unsigned port, int flags = 0, int *error = nullptr)
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

pair connect_pair(const way &way, int listener)
{
	pair made{ connect_to(way, local_port(listener)), owned() };
	made.server = owned(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
	const timeval limit{ 10, 0 };
	::setsockopt(made.server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	return made;
}

// The result of a blocking read: bytes, 0, or a negative errno.
int read_error(int socket)
{
	char byte;
	const ssize_t got = ::recv(socket, &byte, 1, 0);
	return got < 0 ? -errno : static_cast<int>(got);
}

bool alive(const pair &both)
{
	char byte = 'x';
	return ::send(both.client, &byte, 1, MSG_NOSIGNAL) == 1 && read_error(both.server) == 1 &&
	       ::send(both.server, &byte, 1, MSG_NOSIGNAL) == 1 && read_error(both.client) == 1;
}

std::string line(const way &way, unsigned one, unsigned other)
{
	return std::string(way.text) + ":" + std::to_string(one) + " " + way.text + ":" +
	       std::to_string(other) + "\n";
}

// One write(2): its result, or a negative errno.
long write_to(int file, const std::string &text)
{
	const ssize_t wrote = ::write(file, text.data(), text.size());
	return wrote < 0 ? -errno : wrote;
}

long write_once(const std::string &text)
{
	const owned file(::open(entry.c_str(), O_WRONLY | O_CLOEXEC));
	return file < 0 ? -errno : write_to(file, text);
}

// The numbers at the beginning of the file.
std::map<std::string, unsigned long> counters()
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
std::vector<std::string> states_of(unsigned port, unsigned peer = 0)
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

long count_state(unsigned port, const char *state)
{
	return std::ranges::count(states_of(port), state);
}

// Nothing but the module ends TIME-WAIT in this thread's namespace. Over loopback, a port in it is
// taken for the next connection after a second. And a reset ends it (RFC 1337). The server's FIN,
// sent from another CPU, may overtake its acknowledgement of the client's. That is then out of the
// window and answered. Where the other end is gone, a reset answers the answer.
void keep_time_waits(bool keep = true)
{
	EXPECT_TRUE(write_file("/proc/sys/net/ipv4/tcp_tw_reuse", keep ? "0" : "2"));
	EXPECT_TRUE(write_file("/proc/sys/net/ipv4/tcp_rfc1337", keep ? "1" : "0"));
}

// Connections, closed by their clients first: the clients' ends are in TIME-WAIT.
void make_time_waits(const way &way, int listener, int count)
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

// ---- every kind of address ----------------------------------------------------------------

class drop : public dropping, public testing::WithParamInterface<way> {};
INSTANTIATE_TEST_SUITE_P(ways, drop,
			 testing::Values(ipv4, ipv6, ipv6_older, mapped_as_ipv4, mapped),
			 [](const auto &info) { return info.param.name; });

TEST_P(drop, an_established_pair_and_both_ends_see_a_reset)
{
	const way &way = GetParam();
	const owned listener = listen_on(way);
	const unsigned port = local_port(listener);
	// From the client's point of view, and from the server's.
	for (const bool swapped : { false, true }) {
		const pair both = connect_pair(way, listener), other = connect_pair(way, listener);
		const unsigned client = local_port(both.client);
		const std::string text = swapped ? line(way, port, client) :
						   line(way, client, port);
		const auto before = counters();
		EXPECT_EQ(write_once(text), static_cast<long>(text.size())) << text;
		EXPECT_EQ(read_error(both.client), -ECONNRESET);
		EXPECT_EQ(read_error(both.server), -ECONNRESET);
		EXPECT_EQ(vm::text(states_of(client, port)), "") << text;
		const auto after = counters();
		EXPECT_GE(after.at("dropped"), before.at("dropped") + 1);
		EXPECT_EQ(after.at("not_found"), before.at("not_found"));
		// No other was, and the listener listens.
		EXPECT_TRUE(alive(other));
		EXPECT_EQ(count_state(port, "0A"), 1);
		EXPECT_TRUE(alive(connect_pair(way, listener)));
		// Again: it is not there any more.
		EXPECT_EQ(write_once(text), -ENOENT);
		EXPECT_EQ(counters().at("not_found"), before.at("not_found") + 1);
	}
	EXPECT_EQ(counters().at("refused"), 0u);
}

// A listener that closes meanwhile would warn of a child with an owner (inet_csk_listen_stop()).
TEST_P(drop, one_that_waits_to_be_accepted_is_refused_until_it_is)
{
	const way &way = GetParam();
	const owned listener = listen_on(way);
	const unsigned port = local_port(listener);
	const auto has_small_end = [](unsigned client) {
		return std::ranges::any_of(tcp_lines(true), [&](const tcp_line &each) {
			return each.local_port == client && is_small(each);
		});
	};
	std::string text;
	// The kernel may keep all of the client's end (orphans_in_fin_wait_2()). Dropping that resets the other.
	for (int tries = 0; text.empty() && tries < 20; ++tries) {
		owned client = connect_to(way, port);
		const unsigned its = local_port(client);
		client.close();
		ASSERT_TRUE(eventually(5s, [&] { return count_state(port, "08") == 1; }));
		if (has_small_end(its))
			text = line(way, port, its);
		else
			owned(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)).close();
	}
	ASSERT_NE(text, "");
	EXPECT_EQ(write_once(text), static_cast<long>(text.size())); // the client's end
	EXPECT_EQ(counters().at("refused"), 1u);
	EXPECT_EQ(write_once(text), -EPERM);
	EXPECT_EQ(count_state(port, "08"), 1);
	const owned accepted(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
	EXPECT_EQ(write_once(text), static_cast<long>(text.size()));
	EXPECT_EQ(count_state(port, "08"), 0);
}

TEST_P(drop, one_in_time_wait)
{
	const way &way = GetParam();
	const owned listener = listen_on(way);
	pair both = connect_pair(way, listener);
	const unsigned client = local_port(both.client), port = local_port(listener);
	both.client.close();
	ASSERT_EQ(read_error(both.server), 0);
	both.server.close();
	ASSERT_TRUE(eventually(5s, [&] { return vm::text(states_of(client, port)) == "06\n"; }));
	EXPECT_GT(write_once(line(way, port, client)), 0);
	EXPECT_EQ(vm::text(states_of(client, port)), "");
	EXPECT_EQ(counters().at("dropped"), 1u);
}

TEST_P(drop, one_that_is_half_open)
{
	const way &way = GetParam();
	const owned listener = listen_on(way);
	const unsigned port = local_port(listener);
	const int seconds = 30;
	// The server's end stays a request until the client speaks.
	ASSERT_EQ(::setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds),
		  0);
	const owned client = connect_to(way, port);
	ASSERT_EQ(count_state(port, "03"), 1) << vm::text(states_of(port));
	const std::string text = line(way, port, local_port(client));
	EXPECT_EQ(write_once(text), static_cast<long>(text.size()));
	EXPECT_EQ(count_state(port, "03"), 0);
	EXPECT_EQ(read_error(client), -ECONNRESET);
	EXPECT_EQ(counters().at("dropped"), 2u); // the request, and the client's end
	EXPECT_EQ(count_state(port, "0A"), 1);
	const owned next = connect_to(way, port);
	EXPECT_EQ(::send(next, "x", 1, MSG_NOSIGNAL), 1);
	const owned accepted(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
	EXPECT_EQ(read_error(accepted), 1);
}

TEST_P(drop, one_whose_connecting_was_not_answered)
{
	const way &way = GetParam();
	const owned listener = listen_on(way, 0, 0);
	const unsigned port = local_port(listener);
	std::vector<owned> waiting;
	int error = 0;
	// The backlog fills up, and SYNs are dropped.
	do {
		waiting.push_back(connect_to(way, port, SOCK_NONBLOCK, &error));
		std::this_thread::sleep_for(20ms);
	} while (!count_state(port, "02") && waiting.size() < 10);
	ASSERT_EQ(count_state(port, "02"), 1);
	EXPECT_GT(write_once(line(way, local_port(waiting.back()), port)), 0);
	EXPECT_EQ(count_state(port, "02"), 0);
	socklen_t length = sizeof error;
	::getsockopt(waiting.back(), SOL_SOCKET, SO_ERROR, &error, &length);
	EXPECT_EQ(error, ECONNRESET);
	EXPECT_EQ(count_state(port, "0A"), 1);
}

// ---- a thousand ----------------------------------------------------------------------------

class drop_thousand : public drop {
    protected:
	// A debug kernel takes longer to make a thousand than they stay in TIME-WAIT.
	const int many = debug_kernel() ? 100 : 1000;
};
INSTANTIATE_TEST_SUITE_P(ways, drop_thousand, testing::Values(ipv4, ipv6, mapped_as_ipv4, mapped),
			 [](const auto &info) { return info.param.name; });

TEST_P(drop_thousand, by_lines_of_ss)
{
	const owned listener = listen_on(GetParam());
	const unsigned port = local_port(listener);
	make_time_waits(GetParam(), listener, many);
	const std::string command = "/sbin/ss -tn state time-wait | "
				    "awk 'NR > 1 && /:" +
				    std::to_string(port) +
				    "/ { print $3, $4 }' | "
				    "tee /proc/net/drop_tcp_sock > /tmp/dropped";
	ASSERT_TRUE(shell(command)) << command;
	EXPECT_EQ(count_state(port, "06"), 0);
	EXPECT_EQ(std::ranges::count(read_file("/tmp/dropped"), '\n'), many);
	EXPECT_EQ(counters().at("dropped"), static_cast<unsigned long>(many));
	EXPECT_EQ(counters().at("not_found"), 0u);
	EXPECT_EQ(count_state(port, "0A"), 1);
	EXPECT_TRUE(alive(connect_pair(GetParam(), listener)));
}

TEST_P(drop_thousand, by_one_line)
{
	const owned listener = listen_on(GetParam()), elsewhere = listen_on(GetParam());
	const unsigned port = local_port(listener);
	const pair established = connect_pair(GetParam(), listener);
	make_time_waits(GetParam(), elsewhere, 10);
	for (const std::string &text : { "time-wait:" + std::to_string(port) + "\n",
					 "* time-wait:" + std::to_string(port) + "\n",
					 "time-wait *:" + std::to_string(port) + "\n" }) {
		make_time_waits(GetParam(), listener, many);
		const auto before = counters();
		EXPECT_EQ(write_once(text), static_cast<long>(text.size())) << text;
		EXPECT_EQ(count_state(port, "06"), 0) << text;
		EXPECT_EQ(counters().at("dropped"), before.at("dropped") + many) << text;
	}
	// A connection that is not in TIME-WAIT stays, and so does another port's.
	EXPECT_TRUE(alive(established));
	EXPECT_EQ(count_state(port, "0A"), 1);
	EXPECT_EQ(count_state(local_port(elsewhere), "06"), 10);
	EXPECT_EQ(counters().at("refused"), 0u);
	EXPECT_GT(write_once("time-wait:" + std::to_string(local_port(elsewhere)) + " *\n"), 0);
}

TEST_P(drop_thousand, established_by_a_wildcard_and_the_listener_is_refused)
{
	const way &way = GetParam();
	const owned listener = listen_on(way);
	const std::string port = std::to_string(local_port(listener));
	unsigned long refused = 0;
	for (const std::string &text :
	     { "*:" + port + "\n", "*:" + port + " *\n", "* *:" + port + "\n",
	       "* " + std::string(way.text) + ":" + port + "\n",
	       std::string(way.text) + ":* " + way.text + ":" + port + "\n" }) {
		std::vector<pair> pairs;
		for (int i = 0; i < 100; ++i)
			pairs.push_back(connect_pair(way, listener));
		EXPECT_EQ(write_once(text), static_cast<long>(text.size())) << text;
		for (const auto &each : pairs) {
			EXPECT_EQ(read_error(each.client), -ECONNRESET) << text;
			EXPECT_EQ(read_error(each.server), -ECONNRESET) << text;
		}
		EXPECT_EQ(count_state(local_port(listener), "0A"), 1) << text;
		EXPECT_EQ(states_of(local_port(listener)).size(), 1u) << text;
		// A listener has no remote end and, unless it is bound to one, no address.
		const bool meant = text.find(way.text) == std::string::npos ||
				   (text[0] == '*' &&
				    std::string(way.server_address) == way.client_address);
		refused += meant;
		EXPECT_EQ(counters().at("refused"), refused) << text;
		EXPECT_TRUE(alive(connect_pair(way, listener)));
	}
	// Nothing but the listener: it is there, and refused.
	EXPECT_GT(write_once("*:" + port + "\n"), 0); // what the last check left
	EXPECT_EQ(write_once("*:" + port + "\n"), -EPERM);
	EXPECT_EQ(count_state(local_port(listener), "0A"), 1);
}

// ---- what is written -----------------------------------------------------------------------

class drop_lines : public dropping {};

TEST_F(drop_lines, reading_the_file_explains_its_lines)
{
	const std::string text = read_file(entry);
	EXPECT_EQ(text.rfind("dropped 0\nrefused 0\nnot_found 0\n", 0), 0u) << text;
	EXPECT_NE(text.find("time-wait:80"), std::string::npos);
	EXPECT_EQ(std::filesystem::status(entry).permissions(), std::filesystem::perms(0666));
}

TEST_F(drop_lines, in_pieces_of_every_size)
{
	const owned listener = listen_on(ipv6);
	for (std::size_t size : { 1, 2, 3, 7, 64, 511, 512, 513 }) {
		std::vector<pair> pairs;
		std::string text;
		for (int i = 0; i < 20; ++i) {
			pairs.push_back(connect_pair(ipv6, listener));
			text += line(ipv6, local_port(pairs.back().client), local_port(listener));
		}
		const auto before = counters().at("not_found");
		const owned file(::open(entry.c_str(), O_WRONLY | O_CLOEXEC));
		for (std::size_t at = 0; at < text.size(); at += size) {
			const std::string piece = text.substr(at, size);
			ASSERT_EQ(write_to(file, piece), static_cast<long>(piece.size())) << size;
		}
		EXPECT_EQ(counters().at("not_found"), before) << size;
		for (const auto &each : pairs)
			EXPECT_EQ(read_error(each.client), -ECONNRESET) << size;
	}
}

TEST_F(drop_lines, the_last_without_an_end_counts_at_close)
{
	const owned listener = listen_on(ipv4);
	const pair both = connect_pair(ipv4, listener);
	std::string text = line(ipv4, local_port(both.client), local_port(listener));
	text.pop_back();
	owned file(::open(entry.c_str(), O_WRONLY | O_CLOEXEC));
	EXPECT_EQ(write_to(file, text), static_cast<long>(text.size()));
	EXPECT_TRUE(alive(both));
	file.close();
	EXPECT_EQ(read_error(both.client), -ECONNRESET);
}

TEST_F(drop_lines, a_part_of_one_drops_no_more_than_was_written)
{
	allow_complaints();
	const owned listener = listen_on(ipv4);
	const pair both = connect_pair(ipv4, listener);
	const auto before = counters();
	unsigned long left = 0;

	// Of "127.0.0.1:1234 127.0.0.1:5678", with wildcards and without.
	for (const char *part : { "127.0.0.1:*", "127.0.0.1:* ", "*:* 127.0.0.1:", "time-wait:80",
				  "* 127.0.0.1:*", "127.0.0.1:1", "127.0.0.1:1 127.0." }) {
		// A process of its own, which is killed with the line half written.
		const pid_t writer = ::fork();
		ASSERT_GE(writer, 0);
		if (!writer) {
			const int file = ::open(entry.c_str(), O_WRONLY | O_CLOEXEC);
			if (::write(file, part, std::strlen(part)) < 0)
				::_exit(1);
			::raise(SIGKILL);
		}
		int status = 0;
		ASSERT_EQ(::waitpid(writer, &status, 0), writer);
		EXPECT_TRUE(WIFSIGNALED(status)) << part;
		EXPECT_TRUE(alive(both)) << part;
		left++;
		EXPECT_EQ(counters().at("unfinished"), before.at("unfinished") + left) << part;
	}
	EXPECT_EQ(counters().at("dropped"), before.at("dropped"));
	EXPECT_EQ(said().size(), left);
}

TEST_F(drop_lines, a_malformed_one_stops_the_write_where_it_begins)
{
	allow_complaints();
	const owned listener = listen_on(ipv4);
	pair one = connect_pair(ipv4, listener), two = connect_pair(ipv4, listener);
	const unsigned port = local_port(listener);
	const std::string good = line(ipv4, local_port(one.client), port);
	const std::string rest = line(ipv4, local_port(two.client), port);
	const std::string bad = "127.0.0.1:80 127.0.0.300:90\n";
	const owned file(::open(entry.c_str(), O_WRONLY | O_CLOEXEC));

	EXPECT_EQ(write_to(file, good + bad + rest), static_cast<long>(good.size()));
	EXPECT_EQ(read_error(one.client), -ECONNRESET);
	EXPECT_TRUE(alive(two)) << "what comes after the malformed line is left alone";
	// Writers do this: they go on with the rest.
	EXPECT_EQ(write_to(file, bad + rest), -EINVAL);
	EXPECT_TRUE(alive(two));
	ASSERT_EQ(said().size(), 1u) << vm::text(said());
	EXPECT_NE(said()[0].find("line 2, column 24: "), std::string::npos) << said()[0];
	EXPECT_EQ(write_to(file, rest), static_cast<long>(rest.size()));
	EXPECT_EQ(read_error(two.client), -ECONNRESET);

	// By tee, as an administrator has it.
	EXPECT_FALSE(shell("printf '127.0.0.1:1 127.0.0.1:2\\nwhat\\n' | "
			   "tee /proc/net/drop_tcp_sock 2>/dev/null >/dev/null"));
	ASSERT_EQ(said().size(), 2u) << vm::text(said());
	EXPECT_NE(said()[1].find("line 2, column 5: "), std::string::npos) << said()[1];
}

TEST_F(drop_lines, malformed_lines)
{
	allow_complaints();
	const owned file(::open(entry.c_str(), O_WRONLY | O_CLOEXEC));
	for (const std::string &text : std::vector<std::string>{ "127.0.0.1:80",
								 "127.0.0.1:80 127.0.0.1",
								 "127.0.0.1 127.0.0.1:80",
								 "*",
								 "127.0.0.1:0 *",
								 "127.0.0.1:65536 *",
								 "127.0.0.1:80x *",
								 "::1 ::2",
								 "[::1:80 *",
								 "[::1]80 *",
								 "time-wait time-wait 1",
								 "1 2 3",
								 "localhost:80 *",
								 "127.1:80 *",
								 "127.0.0.1:-1 *",
								 "12:34:56:78:9a:bc:de:f0:11:22 *",
								 "[::1%]:80 *",
								 "*%lo:80 *",
								 "127.0.0.1:80,127.0.0.1:90",
								 "%s%s%s%n %x" }) {
		EXPECT_EQ(write_to(file, text + "\n"), -EINVAL) << text;
	}
	const std::string nul("127.0.0.1:80\0 *\n", 16);
	EXPECT_EQ(write_to(file, nul), -EINVAL);
	// However long, and even if its end never comes.
	EXPECT_EQ(write_to(file, std::string(1 << 20, 'x')), -EINVAL);
	EXPECT_EQ(write_to(file, std::string(255, ' ') + "\n"), 256);
	EXPECT_EQ(write_to(file, std::string(200, ' ')), 200);
	EXPECT_EQ(write_to(file, std::string(56, ' ')), -EINVAL);
	// And a text that is one, though nothing is there.
	for (const std::string &text : std::vector<std::string>{
		     "127.0.0.1:80 127.0.0.1:90", " \t127.0.0.1:80\t \t127.0.0.1:90 \r",
		     "[::1]:80 ::1:90", "[fe80::1]%lo:80 [fe80::2]%lo:81",
		     "[fe80::1%1]:80 [fe80::2]:81", "fe80::1%lo:80 fe80::2:81",
		     "[::1]%nodevice:80 [::1]:81", "10.0.0.1:80 [::1]:90" })
		EXPECT_EQ(write_to(file, text + "\n"), -ENOENT) << text;
	EXPECT_EQ(write_to(file, "\n\n \n"), 4);
	EXPECT_EQ(write_to(file, ""), 0);
	EXPECT_EQ(counters().at("dropped"), 0u);
	EXPECT_EQ(counters().at("not_found"), 8u);
	// Several lines, of which none is there: counted, and no error.
	EXPECT_EQ(write_to(file, "1.1.1.1:1 2.2.2.2:2\n1.1.1.1:1 2.2.2.2:2\n"), 40);
	EXPECT_EQ(counters().at("not_found"), 10u);
}

TEST_F(drop_lines, a_socket_bound_to_a_device)
{
	const owned listener = listen_on(ipv6);
	const pair free = connect_pair(ipv6, listener);
	owned bound(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
	ASSERT_EQ(::setsockopt(bound, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), 0);
	sockaddr_storage to;
	fill_address(AF_INET6, "::1", local_port(listener), to);
	ASSERT_EQ(::connect(bound, reinterpret_cast<sockaddr *>(&to), sizeof to), 0);
	const owned accepted(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
	const std::string ports[] = { std::to_string(local_port(bound)),
				      std::to_string(local_port(listener)) };
	// As ss writes it.
	EXPECT_GT(write_once("[::1]%lo:" + ports[0] + " [::1]:" + ports[1] + "\n"), 0);
	EXPECT_EQ(read_error(bound), -ECONNRESET);
	EXPECT_EQ(write_once("[::1]%lo:* [::1]:" + ports[1] + "\n"), -ENOENT);
	// Of one that is bound to none, its ends with a zone name nothing.
	EXPECT_EQ(write_once("[::1]%lo:" + std::to_string(local_port(free.client)) +
			     " [::1]:" + ports[1] + "\n"),
		  -ENOENT);
	EXPECT_TRUE(alive(free));
}

TEST_F(drop_lines, by_the_command)
{
	const owned listener = listen_on(ipv4);
	const std::string port = std::to_string(local_port(listener));
	const auto command = [](const std::string &words) {
		return shell("sh /drop-tcp " + words + " >/tmp/said 2>&1");
	};
	const auto says = [](const char *what) {
		return read_file("/tmp/said").find(what) != std::string::npos;
	};
	EXPECT_TRUE(command("--help"));
	for (const char *form : { "time-wait:80", "user:N", "inode:N", "%eth0", "'*:8080'" })
		EXPECT_TRUE(says(form)) << form;
	{
		const pair both = connect_pair(ipv4, listener);
		EXPECT_TRUE(command("127.0.0.1:" + std::to_string(local_port(both.client)) +
				    " 127.0.0.1:" + port));
		EXPECT_TRUE(says("dropped 1") || says("dropped 2")) << read_file("/tmp/said");
		EXPECT_EQ(read_error(both.client), -ECONNRESET);
	}
	EXPECT_FALSE(command("'*:" + port + "'"));
	EXPECT_TRUE(says("only listeners fit")) << read_file("/tmp/said");
	EXPECT_FALSE(command("1.1.1.1:1 2.2.2.2:2"));
	EXPECT_TRUE(says("no such connection")) << read_file("/tmp/said");
	allow_complaints();
	EXPECT_FALSE(command("what"));
	EXPECT_TRUE(says("malformed")) << read_file("/tmp/said");
	EXPECT_TRUE(shell("printf '1.1.1.1:1 2.2.2.2:2\n1.1.1.1:1 2.2.2.2:2\n' | "
			  "sh /drop-tcp - >/tmp/said 2>&1"));
	EXPECT_TRUE(says("lines without a connection 2")) << read_file("/tmp/said");
	// Lines that come one by one, as a follower of events writes them: those that fit nothing end nothing.
	const owned alone = listen_on(ipv4);
	const pair late = connect_pair(ipv4, listener);
	const auto one_by_one = [](std::initializer_list<std::string> lines) {
		std::string echoes;
		for (const std::string &each : lines)
			echoes += "echo '" + each + "'; sleep 0.5; ";
		return shell("{ " + echoes + "} | sh /drop-tcp - >/tmp/said 2>&1");
	};
	EXPECT_TRUE(one_by_one(
		{ "1.1.1.1:1 2.2.2.2:2", "*:" + std::to_string(local_port(alone)),
		  "127.0.0.1:" + std::to_string(local_port(late.client)) + " 127.0.0.1:" + port }));
	EXPECT_TRUE(says("refused 1, lines without a connection 1")) << read_file("/tmp/said");
	EXPECT_EQ(read_error(late.client), -ECONNRESET);
	// A line in the same write was refused, and excuses nothing that comes behind it.
	EXPECT_FALSE(shell("printf '*:" + std::to_string(local_port(alone)) +
			   "\nwhat\n1.1.1.1:1 2.2.2.2:2\n' | sh /drop-tcp - >/tmp/said 2>&1"));
	EXPECT_TRUE(says("malformed")) << read_file("/tmp/said");
	EXPECT_FALSE(one_by_one({ "1.1.1.1:1 2.2.2.2:2", "what" }));
	EXPECT_TRUE(says("malformed")) << read_file("/tmp/said");
}

// Without a zone a line means every device: a bound socket is found by its ends alone.
TEST_F(drop_lines, a_socket_bound_to_a_device_without_its_zone)
{
	const owned listener = listen_on(ipv4);
	owned bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	ASSERT_EQ(::setsockopt(bound, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), 0);
	sockaddr_storage to;
	fill_address(AF_INET, "127.0.0.1", local_port(listener), to);
	ASSERT_EQ(::connect(bound, reinterpret_cast<sockaddr *>(&to), sizeof to), 0);
	const owned accepted(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
	EXPECT_GT(write_once(line(ipv4, local_port(bound), local_port(listener))), 0);
	EXPECT_EQ(read_error(bound), -ECONNRESET);
}

// TCP keeps the number of a device that has gone. A connection that is not answered stays for minutes.
TEST_F(drop_lines, a_socket_bound_to_a_device_that_has_gone)
{
	in_new_namespace([&] {
		ASSERT_TRUE(shell("/sbin/ip link add ktcp0 type veth peer name ktcp1 && "
				  "/sbin/ip addr add 10.9.9.1/24 dev ktcp0 && "
				  "/sbin/ip link set ktcp0 up && /sbin/ip link set ktcp1 up"));
		const std::string number = std::to_string(::if_nametoindex("ktcp0"));
		std::vector<owned> bound;
		for (int i = 0; i < 2; ++i) {
			bound.emplace_back(
				::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
			ASSERT_EQ(::setsockopt(bound.back(), SOL_SOCKET, SO_BINDTODEVICE, "ktcp0",
					       5),
				  0);
			sockaddr_storage to;
			fill_address(AF_INET, "10.9.9.2", 9, to);
			ASSERT_EQ(::connect(bound.back(), reinterpret_cast<sockaddr *>(&to),
					    sizeof to),
				  -1);
			ASSERT_EQ(errno, EINPROGRESS);
		}
		ASSERT_TRUE(shell("/sbin/ip link del ktcp0"));
		ASSERT_EQ(count_state(9, "02"), 2);
		// With the number of the device, and without.
		EXPECT_GT(write_once("10.9.9.1%" + number + ":" +
				     std::to_string(local_port(bound[0])) + " 10.9.9.2:9\n"),
			  0);
		EXPECT_EQ(count_state(9, "02"), 1);
		EXPECT_GT(write_once("10.9.9.1:" + std::to_string(local_port(bound[1])) +
				     " 10.9.9.2:9\n"),
			  0);
		EXPECT_EQ(count_state(9, "02"), 0);
	});
}

// The text that kecho prints of a link-local peer is enough to drop it.
TEST_F(drop_lines, a_link_local_peer_as_a_server_prints_it)
{
	load("");
	ASSERT_TRUE(shell("/sbin/ip -6 addr add fe80::77/64 dev lo nodad"));
	owned peer(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
	const timeval limit{ 10, 0 };
	::setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	sockaddr_storage to;
	fill_address(AF_INET6, "fe80::77", server_port, to);
	reinterpret_cast<sockaddr_in6 &>(to).sin6_scope_id = ::if_nametoindex("lo");
	ASSERT_EQ(::connect(peer, reinterpret_cast<sockaddr *>(&to), sizeof to), 0)
		<< std::strerror(errno);
	EXPECT_EQ(::send(peer, "x", 1, 0), 1);
	EXPECT_EQ(read_error(peer), 1);
	std::istringstream list(read_file("/proc/net/kecho/connections"));
	std::string words;
	std::getline(list, words); // the headings
	list >> words;
	const std::string printed = "[fe80::77]%" + std::to_string(::if_nametoindex("lo")) + ":" +
				    std::to_string(local_port(peer));
	EXPECT_EQ(words, printed);
	const std::string text = words + " *:" + std::to_string(server_port) + "\n";
	EXPECT_EQ(write_once(text), static_cast<long>(text.size()));
	EXPECT_EQ(read_error(peer), -ECONNRESET);
	EXPECT_TRUE(shell("/sbin/ip -6 addr del fe80::77/64 dev lo"));
}

TEST_F(drop_lines, two_hundred_thousand_of_any_kind)
{
	allow_complaints();
	constexpr int total = 200000;
	// Nothing that is made up below can name it.
	const way far = { "", AF_INET, AF_INET, "127.99.99.99", "127.99.99.99", "127.99.99.99" };
	const owned listener = listen_on(far);
	const pair both = connect_pair(far, listener);
	const char *good[] = { "127.0.0.1:80 127.0.0.1:90",
			       "[::1]:80 [2001:db8::2]:90",
			       "::ffff:10.1.2.3:80 10.1.2.3:90",
			       "[fe80::1]%lo:22 [fe80::2%1]:65535",
			       "time-wait:80 10.1.2.3:81",
			       "10.1.2.3:* [2001:db8:1:2:3:4:5:6]:80",
			       "10.1.2.3:80 *:81" };
	std::mt19937 random(1);
	int lines = 0, obeyed = 0, refused = 0;
	while (lines < total) {
		const owned file(::open(entry.c_str(), O_RDWR | O_CLOEXEC));
		ASSERT_GE(file, 0);
		for (int writes = 0; writes < 50; ++writes) {
			std::string text;
			for (unsigned left = 1 + random() % 40; left; --left) {
				std::string one = good[random() % 20 ? random() % 4 : random() % 7];
				if (random() % 4 == 0) {
					one.resize(random() % 300);
					for (auto &each : one)
						each = static_cast<char>(random());
				}
				for (unsigned changes = random() % 4; changes && !one.empty();
				     --changes) {
					const std::size_t at = random() % one.size();
					switch (random() % 4) {
					case 0:
						one[at] = static_cast<char>(random());
						break;
					case 1:
						one.erase(at, 1 + random() % 5);
						break;
					case 2:
						one.insert(at, 1, "[]:.*% \t0f\n\0"[random() % 12]);
						break;
					case 3:
						one.insert(at,
							   one.substr(random() % one.size(), 9));
						break;
					}
				}
				// Of this it must not be sure to be free.
				if (one.find("* *") == std::string::npos)
					text += one + (random() % 50 ? "\n" : "");
			}
			while (!text.empty()) {
				const std::string piece = text.substr(0, 1 + random() % 2000);
				const long wrote = write_to(file, piece);
				ASSERT_TRUE(
					(wrote > 0 && wrote <= static_cast<long>(piece.size())) ||
					wrote == -EINVAL || wrote == -ENOENT)
					<< wrote;
				// A line that is refused is left out.
				const std::size_t end = text.find('\n');
				const std::size_t skip = end == text.npos ? text.size() : end + 1;
				const std::size_t taken = wrote > 0 ?
								  static_cast<std::size_t>(wrote) :
							  wrote == -ENOENT ? piece.size() :
									     skip;
				const auto passed = std::count(text.begin(), text.begin() + taken,
							       '\n');
				lines += passed;
				(wrote == -EINVAL ? refused : obeyed) += passed;
				text.erase(0, taken);
			}
		}
	}
	EXPECT_GT(obeyed, total / 10);
	EXPECT_GT(refused, total / 10);
	std::printf("%d lines, of which %d were refused\n", lines, refused);
	EXPECT_TRUE(alive(both));
	EXPECT_EQ(count_state(local_port(listener), "0A"), 1);
	EXPECT_GT(write_once("127.0.0.1:" + std::to_string(local_port(both.client)) +
			     " 127.99.99.99:" + std::to_string(local_port(listener)) + "\n"),
		  0);
	EXPECT_EQ(read_error(both.client), -ECONNRESET);
}

// ---- who may ------------------------------------------------------------------------------

class drop_rights : public dropping {};

constexpr uid_t nobody = 65534;

TEST_F(drop_rights, are_those_of_the_process_that_opened_the_file)
{
	const owned listener = listen_on(ipv4);
	const pair both = connect_pair(ipv4, listener);
	const std::string text = line(ipv4, local_port(both.client), local_port(listener));
	EXPECT_EQ(in_child([&] {
			  if (::setuid(nobody))
				  return 1;
			  // Everybody may open it and read.
			  if (read_file(entry).empty())
				  return 2;
			  return write_once(text) == -EPERM ? 0 : 3;
		  }),
		  0);
	EXPECT_TRUE(alive(both));
	// Opened by nobody, written by root.
	int ends[2];
	ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	const auto send_file = [&](int file) {
		char space[CMSG_SPACE(sizeof file)] = {}, byte = 0;
		iovec data{ &byte, 1 };
		msghdr message{};
		message.msg_iov = &data;
		message.msg_iovlen = 1;
		message.msg_control = space;
		message.msg_controllen = sizeof space;
		cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof file);
		std::memcpy(CMSG_DATA(header), &file, sizeof file);
		return ::sendmsg(ends[1], &message, 0) == 1 ? 0 : 4;
	};
	EXPECT_EQ(in_child([&] {
			  if (::setuid(nobody))
				  return 1;
			  return send_file(::open(entry.c_str(), O_WRONLY));
		  }),
		  0);
	char space[CMSG_SPACE(sizeof(int))] = {}, byte;
	iovec data{ &byte, 1 };
	msghdr message{};
	message.msg_iov = &data;
	message.msg_iovlen = 1;
	message.msg_control = space;
	message.msg_controllen = sizeof space;
	ASSERT_EQ(::recvmsg(ends[0], &message, 0), 1);
	int received;
	std::memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
	EXPECT_EQ(write_to(received, text), -EPERM);
	EXPECT_TRUE(alive(both));
	::close(received);
	::close(ends[0]);
	::close(ends[1]);
	// Opened by root, written by nobody.
	const owned file(::open(entry.c_str(), O_WRONLY));
	EXPECT_EQ(in_child([&] { return ::setuid(nobody) || write_to(file, text) < 0; }), 0);
	EXPECT_EQ(read_error(both.client), -ECONNRESET);
}

TEST_F(drop_rights, of_a_user_namespace_reach_as_far_as_it_does)
{
	const owned listener = listen_on(ipv4);
	const pair both = connect_pair(ipv4, listener);
	const std::string text = line(ipv4, local_port(both.client), local_port(listener));
	const owned outside(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	EXPECT_EQ(in_child([&] {
			  // By a path that goes on leading to the first namespace.
			  const owned first(::open("/proc/1/net", O_PATH | O_DIRECTORY));
			  if (first < 0 || ::setuid(nobody) || ::prctl(PR_SET_DUMPABLE, 1))
				  return 1;
			  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET))
				  return 2;
			  // In its own namespace it has the right …
			  if (write_once(text) != -ENOENT)
				  return 3;
			  // … and nowhere else.
			  const owned file(::openat(first, "drop_tcp_sock", O_WRONLY));
			  if (file < 0)
				  return 4;
			  return write_to(file, text) == -EPERM ? 0 : 5;
		  }),
		  0);
	EXPECT_TRUE(alive(both));
	EXPECT_GT(write_once(text), 0);
}

// ---- a server in the kernel -----------------------------------------------------------------

// kecho's connections: its sockets have callbacks of ktcp's, and no file.
class drop_served : public dropping, public testing::WithParamInterface<const char *> {
    protected:
	void SetUp() override
	{
		load("model=" + std::string(GetParam()) + " backlog=512");
		dropping::SetUp();
	}
	const std::string all = "*:" + std::to_string(server_port) + "\n";
};
FOR_EVERY_MODEL(drop_served);

TEST_P(drop_served, connections_that_wait_end_at_once)
{
	std::vector<client> idle, deaf;
	for (int i = 0; i < 50; ++i) {
		idle.emplace_back();
		ASSERT_EQ(echo(idle.back(), "hello"), "") << i;
	}
	for (int i = 0; i < 3; ++i) {
		deaf.emplace_back(options{ .receive_buffer = 65536, .send_buffer = 65536 });
		EXPECT_GT(deaf.back().send_until_blocked(pattern(1 << 16, 1)), 0u);
	}
	ASSERT_EQ(statistic("active"), 53);
	EXPECT_EQ(write_once(all), static_cast<long>(all.size()));
	EXPECT_TRUE(eventually(10s, [] { return statistic("active") == 0; }))
		<< statistic("active");
	for (auto *peers : { &idle, &deaf })
		for (auto &each : *peers) {
			each.receive_to_end();
			EXPECT_EQ(each.error(), ECONNRESET);
		}
	// The listener is the server's still.
	EXPECT_EQ(counters().at("refused"), 1u);
	client next;
	EXPECT_EQ(echo(next, "hello"), "");
}

TEST_P(drop_served, connections_in_the_middle_of_traffic)
{
	std::atomic<bool> stop{ false };
	std::atomic<int> broken{ 0 };
	std::vector<std::thread> traffic;
	for (int thread = 0; thread < 3; ++thread)
		traffic.emplace_back([&, thread] {
			std::mt19937 random(thread);
			while (!stop) {
				client peer;
				while (peer.connected() && !stop) {
					const bytes data = pattern(1 + random() % 20000, random());
					const bool sent = peer.send(data);
					const bytes back = peer.receive(data.size());
					// It may end at any byte, but may not be another.
					ASSERT_TRUE(
						std::equal(back.begin(), back.end(), data.begin()));
					if (sent && back.size() == data.size())
						continue;
					++broken;
					break;
				}
				// The port has no listener any more.
				if (!peer.connected())
					std::this_thread::sleep_for(1ms);
			}
		});
	std::mt19937 random(3);
	for (int i = 0; i < 40; ++i) {
		std::this_thread::sleep_for(std::chrono::milliseconds(random() % 30));
		write_once(all);
	}
	EXPECT_GT(broken, 20);
	// With the server unloaded in the middle of it, too.
	std::atomic<bool> unloaded{ false };
	std::thread dropper([&] {
		while (!unloaded)
			write_once(all);
	});
	std::this_thread::sleep_for(50ms);
	unload();
	unloaded = true;
	dropper.join();
	stop = true;
	for (auto &thread : traffic)
		thread.join();
	EXPECT_GT(counters().at("dropped"), 40u);
	write_once("time-wait:" + std::to_string(server_port) + "\n");
}

// ---- namespaces ---------------------------------------------------------------------------

class drop_namespaces : public dropping {};

TEST_F(drop_namespaces, are_apart)
{
	const owned listener = listen_on(ipv4, 5000);
	// The same ports in both.
	const pair outside = connect_pair(ipv4, listener);
	const unsigned client = local_port(outside.client);
	make_time_waits(ipv4, listener, 20);
	in_new_namespace([&] {
		EXPECT_EQ(write_once(line(ipv4, client, 5000)), -ENOENT);
		EXPECT_EQ(write_once("time-wait:5000\n"), -ENOENT);
		EXPECT_EQ(write_once("* *\n"), -ENOENT);
		EXPECT_EQ(counters().at("refused"), 0u) << "the other one's listeners";
		const owned inner = listen_on(ipv4, 5000);
		const pair inside = connect_pair(ipv4, inner);
		make_time_waits(ipv4, inner, 20);
		EXPECT_GT(write_once("*:5000\n"), 0);
		EXPECT_EQ(read_error(inside.client), -ECONNRESET);
		EXPECT_EQ(count_state(5000, "06"), 0);
		EXPECT_EQ(count_state(5000, "0A"), 1);
		EXPECT_EQ(counters().at("refused"), 1u);
	});
	EXPECT_TRUE(alive(outside));
	EXPECT_EQ(count_state(5000, "06"), 20);
	EXPECT_EQ(counters().at("dropped"), 0u);
	EXPECT_EQ(counters().at("not_found"), 0u);
	in_new_namespace([&] {
		const owned inner = listen_on(ipv4, 5000);
		const pair inside = connect_pair(ipv4, inner);
		std::thread([&] {
			// From outside: nothing there is touched.
			const owned first(::open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC));
			ASSERT_EQ(::setns(first, CLONE_NEWNET), 0);
			EXPECT_GT(write_once("*:5000\n"), 0);
		}).join();
		EXPECT_TRUE(alive(inside));
	});
	EXPECT_EQ(read_error(outside.client), -ECONNRESET);
	EXPECT_EQ(count_state(5000, "06"), 0);
}

TEST_F(drop_namespaces, that_have_a_table_of_their_own)
{
	const std::string setting = "/proc/sys/net/ipv4/tcp_child_ehash_entries";
	const kept_setting entries(setting);
	entries.set("128");
	in_new_namespace([&] {
		const owned inner = listen_on(ipv4);
		const unsigned port = local_port(inner);
		make_time_waits(ipv4, inner, 50); // tcp_max_tw_buckets is 64 there
		const pair inside = connect_pair(ipv4, inner);
		EXPECT_GT(write_once("time-wait:" + std::to_string(port) + "\n"), 0);
		EXPECT_EQ(counters().at("dropped"), 50u);
		EXPECT_TRUE(alive(inside));
		EXPECT_GT(write_once(line(ipv4, local_port(inside.client), port)), 0);
		EXPECT_EQ(read_error(inside.client), -ECONNRESET);
	});
}

// As a file of the kernel's own does (seq_open_net()).
TEST_F(drop_namespaces, last_as_long_as_a_file_of_theirs_is_open)
{
	owned file;
	in_new_namespace([&] {
		file = owned(::open(entry.c_str(), O_RDWR | O_CLOEXEC));
		ASSERT_GE(file, 0);
		EXPECT_EQ(write_to(file, "1.1.1.1:1 2.2.2"), 15);
		ASSERT_TRUE(shell("/sbin/ip link add ktcp0 type veth peer name ktcp1 && "
				  "/sbin/ip link set ktcp0 netns 1"));
	});
	const auto lives = [] { return std::filesystem::exists("/sys/class/net/ktcp0"); };
	std::this_thread::sleep_for(500ms);
	EXPECT_TRUE(lives());
	EXPECT_EQ(write_to(file, ".2:2\n"), 5);
	EXPECT_EQ(write_to(file, "1.1.1.1:1 2.2.2.2:2\n"), -ENOENT);
	file.close();
	EXPECT_TRUE(eventually(20s, [&] { return !lives(); }));
}

// ---- what its owner and its peer see (the table of docs/modules.md) ------------------------

class drop_states : public dropping {
    protected:
	owned listener = listen_on(ipv4);
	const unsigned port = local_port(listener);

	void TearDown() override
	{
		listener.close();
		dropping::TearDown();
	}

	// Only this end, not the other one that is here as well.
	static void drop_end(const owned &end)
	{
		struct stat of;
		ASSERT_EQ(::fstat(end, &of), 0);
		EXPECT_GT(write_once("inode:" + std::to_string(of.st_ino) + "\n"), 0);
	}
	static int send_error(int socket)
	{
		return ::send(socket, "x", 1, MSG_NOSIGNAL) == 1 ? 0 : errno;
	}
	static bool silent(int socket)
	{
		char byte;
		return ::recv(socket, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
	}
};

TEST_F(drop_states, established)
{
	const pair both = connect_pair(ipv4, listener);
	drop_end(both.client);
	EXPECT_EQ(read_error(both.client), -ECONNRESET);
	EXPECT_EQ(read_error(both.server), -ECONNRESET);
}

TEST_F(drop_states, close_wait_whose_peer_waits)
{
	const pair both = connect_pair(ipv4, listener);
	::shutdown(both.client, SHUT_WR);
	ASSERT_EQ(read_error(both.server), 0);
	// Its acknowledgement may be late.
	ASSERT_TRUE(eventually(5s, [&] {
		const std::string states = vm::text(states_of(local_port(both.client), port));
		return states == "05\n08\n" || states == "08\n05\n";
	})) << vm::text(states_of(local_port(both.client), port));
	drop_end(both.server);
	// It has read the end already, and reads it still.
	EXPECT_EQ(read_error(both.server), 0);
	EXPECT_NE(send_error(both.server), 0);
	EXPECT_EQ(read_error(both.client), -ECONNRESET);
}

TEST_F(drop_states, fin_wait_2_that_is_owned)
{
	const pair both = connect_pair(ipv4, listener);
	::shutdown(both.client, SHUT_WR);
	ASSERT_EQ(read_error(both.server), 0);
	drop_end(both.client);
	EXPECT_EQ(read_error(both.client), -ECONNRESET);
	EXPECT_NE(send_error(both.server), 0);
}

TEST_F(drop_states, fin_wait_2_without_an_owner)
{
	pair both = connect_pair(ipv4, listener);
	const unsigned client = local_port(both.client);
	both.client.close();
	ASSERT_EQ(read_error(both.server), 0);
	ASSERT_TRUE(eventually(5s, [&] {
		return vm::text(states_of(client, port)).find("05") != std::string::npos;
	}));
	// Asked for as what waits for its time; CLOSE-WAIT is not.
	EXPECT_GT(write_once("time-wait:" + std::to_string(port) + "\n"), 0);
	EXPECT_EQ(vm::text(states_of(client, port)), "08\n");
	// The peer hears nothing until it sends.
	EXPECT_EQ(read_error(both.server), 0);
	EXPECT_EQ(send_error(both.server), 0);
	EXPECT_TRUE(eventually(5s, [&] { return send_error(both.server) != 0; }));
	EXPECT_EQ(vm::text(states_of(client, port)), "");
}

TEST_F(drop_states, time_wait)
{
	pair both = connect_pair(ipv4, listener);
	const unsigned client = local_port(both.client);
	both.client.close();
	ASSERT_EQ(read_error(both.server), 0);
	both.server.close();
	ASSERT_TRUE(eventually(5s, [&] { return vm::text(states_of(client, port)) == "06\n"; }));
	EXPECT_GT(write_once("time-wait:" + std::to_string(port) + "\n"), 0);
	EXPECT_EQ(vm::text(states_of(client, port)), "");
}

// ---- whose they are ------------------------------------------------------------------------

class drop_owners : public dropping {};

TEST_F(drop_owners, by_user)
{
	constexpr uid_t user = 4711;
	const owned listener = listen_on(ipv4);
	const pair roots = connect_pair(ipv4, listener);
	int hold[2];
	ASSERT_EQ(::pipe(hold), 0);
	const pid_t owner = ::fork();
	if (!owner) {
		::close(hold[1]);
		if (::setuid(user))
			::_exit(1);
		const owned his = connect_to(ipv4, local_port(listener));
		::_exit(-read_error(his) == ECONNRESET ? 0 : 2);
	}
	owned other(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
	EXPECT_EQ(write_once("user:4712\n"), -ENOENT);
	EXPECT_EQ(write_once("user:4711 127.0.0.2:*\n"), -ENOENT);
	EXPECT_EQ(write_once("user:4711 *:" + std::to_string(local_port(listener)) + "\n"),
		  static_cast<long>(
			  ("user:4711 *:" + std::to_string(local_port(listener)) + "\n").size()));
	int status = -1;
	EXPECT_EQ(::waitpid(owner, &status, 0), owner);
	EXPECT_EQ(status, 0);
	EXPECT_TRUE(alive(roots));
	EXPECT_EQ(count_state(local_port(listener), "0A"), 1);
	::close(hold[0]);
	::close(hold[1]);
}

TEST_F(drop_owners, by_inode)
{
	const owned listener = listen_on(ipv6);
	const pair one = connect_pair(ipv6, listener), other = connect_pair(ipv6, listener);
	struct stat of;
	ASSERT_EQ(::fstat(one.client, &of), 0);
	const std::string text = "inode:" + std::to_string(of.st_ino) + "\n";
	EXPECT_EQ(write_once(text), static_cast<long>(text.size()));
	EXPECT_EQ(read_error(one.client), -ECONNRESET);
	EXPECT_TRUE(alive(other));
	EXPECT_EQ(write_once(text), -ENOENT);
	// A listener has an inode, too.
	ASSERT_EQ(::fstat(listener, &of), 0);
	EXPECT_EQ(write_once("inode:" + std::to_string(of.st_ino) + "\n"), -EPERM);
}

// ---- loading and unloading ------------------------------------------------------------------

class drop_unloading : public dropping {};

TEST_F(drop_unloading, two_hundred_times)
{
	// Most of the time is grace periods of the kernel's module loader.
	ASSERT_TRUE(write_file("/sys/kernel/rcu_expedited", "1"));
	const owned listener = listen_on(ipv4);
	const unsigned port = local_port(listener);
	for (int i = 0; i < 200 && !HasFailure(); ++i) {
		if (i)
			load_drop();
		pair both = connect_pair(ipv4, listener);
		owned file(::open(entry.c_str(), O_RDWR | O_CLOEXEC));
		ASSERT_GT(write_to(file, line(ipv4, local_port(both.client), port)), 0) << i;
		EXPECT_EQ(read_error(both.client), -ECONNRESET) << i;
		if (i % 2)
			file.close();
		EXPECT_EQ(write_once("time-wait:" + std::to_string(port) + " *\n"), -ENOENT) << i;
		// With the file open, and half a line in it.
		if (i % 4 == 0) {
			EXPECT_EQ(write_to(file, "127.0.0.1:1 127"), 15);
		}
		unload_drop();
		if (i % 2 == 0) {
			EXPECT_EQ(write_to(file, "127.0.0.1:1 127.0.0.1:2\n"), -EIO) << i;
		}
	}
	EXPECT_TRUE(write_file("/sys/kernel/rcu_expedited", "0"));
	EXPECT_EQ(vm::text(said()), "") << "half a line was taken for one";
}

TEST_F(drop_unloading, while_the_file_is_read_and_written)
{
	allow_complaints(); // of the half line that each close leaves
	const owned listener = listen_on(ipv4);
	const std::string port = std::to_string(local_port(listener));
	std::atomic<bool> stop{ false };
	std::vector<std::thread> busy;
	for (int i = 0; i < 3; ++i)
		busy.emplace_back([&, i] {
			while (!stop) {
				const owned file(::open(entry.c_str(), O_RDWR | O_CLOEXEC));
				if (file < 0)
					continue;
				for (int n = 0; n < 20; ++n) {
					char part[256];
					if (i == 0 && ::read(file, part, sizeof part) < 0)
						break;
					if (write_to(file, i == 1 ? "*:" + port + "\n" :
								    "1.1.1.1:1 2.2.2.2:2\n3.3") ==
					    -EIO)
						break;
				}
			}
		});
	std::thread traffic([&] {
		while (!stop) {
			int error;
			const owned client = connect_to(ipv4, local_port(listener), 0, &error);
			const owned accepted(::accept4(listener, nullptr, nullptr,
						       SOCK_CLOEXEC | SOCK_NONBLOCK));
		}
	});
	::fcntl(listener, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 12 && !HasFailure(); ++i) {
		std::this_thread::sleep_for(std::chrono::milliseconds(4 * i));
		EXPECT_EQ(unload_module(drop_module), 0);
		load_drop();
	}
	stop = true;
	for (auto &thread : busy)
		thread.join();
	traffic.join();
	EXPECT_EQ(count_state(local_port(listener), "0A"), 1);
	write_once("time-wait:" + port + "\n");
}

TEST_F(drop_unloading, while_namespaces_end)
{
	for (int i = 0; i < 10 && !HasFailure(); ++i) {
		std::vector<std::thread> spaces;
		for (int n = 0; n < 4; ++n)
			spaces.emplace_back([&] {
				in_new_namespace([&] {
					const owned inner = listen_on(ipv4);
					const unsigned port = local_port(inner);
					make_time_waits(ipv4, inner, 5);
					const pair inside = connect_pair(ipv4, inner);
					EXPECT_GT(write_once(line(ipv4, local_port(inside.client),
								  port)),
						  0);
				});
			});
		for (auto &thread : spaces)
			thread.join();
		// They are ending now, or are about to.
		std::this_thread::sleep_for(std::chrono::milliseconds(i % 5));
		const int error = unload_module(drop_module);
		EXPECT_EQ(error, 0) << std::strerror(error);
		load_drop();
	}
}

TEST_F(drop_unloading, while_namespaces_begin)
{
	std::atomic<bool> stop{ false };
	std::vector<std::thread> makers;
	for (int n = 0; n < 2; ++n)
		makers.emplace_back([&] {
			while (!stop)
				in_new_namespace([] { write_once("* *\n"); });
		});
	for (int i = 0; i < 8; ++i) {
		std::this_thread::sleep_for(20ms);
		EXPECT_EQ(unload_module(drop_module), 0);
		load_drop();
	}
	stop = true;
	for (auto &thread : makers)
		thread.join();
}

} // namespace
} // namespace vm
