// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// drop-tcp-socket: the lines that a process writes to its file. The kernel lives on after any text.
#include "drop.hpp"
#include "link_local.hpp"
#include "namespaces.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace vm
{
namespace
{

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

// To the kernel the one that is bound to none fits each device. It comes first, since it was made last.
TEST_F(drop_lines, a_bound_socket_and_one_that_is_not_with_the_same_ends)
{
	in_new_namespace([&] {
		ASSERT_TRUE(shell("/sbin/ip link add ktcp0 type veth peer name ktcp1 && "
				  "/sbin/ip addr add 10.9.9.1/24 dev ktcp0 && "
				  "/sbin/ip link set ktcp0 up && /sbin/ip link set ktcp1 up"));
		std::vector<owned> both;
		sockaddr_storage from, to;
		fill_address(AF_INET, "10.9.9.1", 4321, from);
		fill_address(AF_INET, "10.9.9.2", 9, to);
		for (const char *device : { "ktcp0", "" }) {
			const int on = 1;
			both.emplace_back(
				::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
			const owned &made = both.back();
			ASSERT_EQ(::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
			ASSERT_EQ(::setsockopt(made, SOL_SOCKET, SO_BINDTODEVICE, device,
					       std::strlen(device)),
				  0);
			ASSERT_EQ(::bind(made, reinterpret_cast<sockaddr *>(&from), sizeof from), 0)
				<< std::strerror(errno);
			ASSERT_EQ(::connect(made, reinterpret_cast<sockaddr *>(&to), sizeof to),
				  -1);
			ASSERT_EQ(errno, EINPROGRESS);
		}
		ASSERT_EQ(count_state(9, "02"), 2);
		EXPECT_GT(write_once("10.9.9.1:4321 10.9.9.2:9\n"), 0);
		EXPECT_EQ(count_state(9, "02"), 0);
	});
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
	const link_local added;
	owned peer(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
	const timeval limit{ 10, 0 };
	::setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	sockaddr_storage to;
	fill_address(AF_INET6, link_local::address, server_port, to);
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

} // namespace
} // namespace vm
