// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// The administrator's choices: where a server listens, and the options of its connections.
#include "fixture.hpp"
#include "link_local.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/stat.h>

namespace vm
{
namespace
{

class listening : public server {
    protected:
	static int connect_error(const std::string &address)
	{
		client peer({ .address = address });
		return peer.connected() ? 0 : peer.error();
	}

	// A user's listener on the port: [::1] alone.
	static int occupy_ipv6_loopback()
	{
		const int socket = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
		const int yes = 1;
		::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
		sockaddr_in6 at{};
		at.sin6_family = AF_INET6;
		at.sin6_port = htons(server_port);
		at.sin6_addr = in6addr_loopback;
		EXPECT_EQ(::bind(socket, reinterpret_cast<sockaddr *>(&at), sizeof at), 0);
		EXPECT_EQ(::listen(socket, 1), 0);
		return socket;
	}

	// The words of ss about the server's ends of connections.
	static std::string shown(const std::string &options)
	{
		shell("/sbin/ss -tn " + options + " state established sport = :" +
		      std::to_string(server_port) + " >/tmp/shown");
		return read_file("/tmp/shown");
	}
};

TEST_F(listening, at_one_address)
{
	load("address=127.0.0.1");
	EXPECT_EQ(connect_error("127.0.0.1"), 0);
	EXPECT_EQ(connect_error("127.0.0.2"), ECONNREFUSED);
	EXPECT_EQ(connect_error("::1"), ECONNREFUSED);
	unload();
	load("address=::1");
	EXPECT_EQ(connect_error("::1"), 0);
	EXPECT_EQ(connect_error("127.0.0.1"), ECONNREFUSED);
	unload();
	load("address=0.0.0.0");
	EXPECT_EQ(connect_error("127.0.0.2"), 0);
	EXPECT_EQ(connect_error("::1"), ECONNREFUSED);
	unload();
	load("address=::");
	EXPECT_EQ(connect_error("::1"), 0);
	EXPECT_EQ(connect_error("127.0.0.1"), ECONNREFUSED);
}

TEST_F(listening, at_several_addresses)
{
	const link_local added;
	load("address=127.0.0.1,127.0.0.3,::1,fe80::77%lo");
	for (const char *address : { "127.0.0.1", "127.0.0.3", "::1" })
		for (int i = 0; i < 3; ++i) {
			client peer({ .address = address });
			EXPECT_EQ(echo(peer, pattern(20000, 1)), "") << address;
		}
	EXPECT_EQ(connect_error("127.0.0.2"), ECONNREFUSED);
	const std::string all = read_file("/proc/net/kecho/listeners");
	for (const char *shown : { "kecho 127.0.0.1:12345 ", "kecho 127.0.0.3:12345 ",
				   "kecho [::1]:12345 ", "kecho [fe80::77]%1:12345 " })
		EXPECT_NE(all.find(shown), std::string::npos) << shown << all;
	// One that is lost is made again. The others serve on.
	allow_log("ended from outside|listening on port 12345 again");
	ASSERT_TRUE(shell("/sbin/ss -K -ltn src 127.0.0.3 >/dev/null"));
	EXPECT_TRUE(eventually(10s, [] { return connect_error("127.0.0.3") == 0; }));
	EXPECT_EQ(connect_error("127.0.0.1"), 0);
	unload();
	// All or nothing.
	allow_log("cannot listen on port 12345");
	EXPECT_EQ(load_module("address=127.0.0.1,192.0.2.77"), EADDRNOTAVAIL);
	EXPECT_EQ(connect_error("127.0.0.1"), ECONNREFUSED);
	allow_log("address=");
	EXPECT_EQ(load_module("address=127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5,127.0.0.6,"
			      "127.0.0.7,127.0.0.8,127.0.0.9"),
		  EINVAL);
	load("address=127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5,127.0.0.6,127.0.0.7,127.0.0.8");
	EXPECT_EQ(connect_error("127.0.0.8"), 0);
}

// The turns are work items there: a connection's worker, which is blocked in the work model, tells its CPU.
TEST_F(listening, for_some_CPUs)
{
	load("cpus=1 model=work");
	{
		std::vector<client> all(4);
		for (auto &each : all)
			EXPECT_EQ(echo(each, "hello"), "");
		shell("grep -l ktcp_sock_wait /proc/[0-9]*/stack | sed 's/stack/comm/' | xargs cat >/tmp/shown");
		std::istringstream workers(read_file("/tmp/shown"));
		std::size_t count = 0;
		for (std::string each; std::getline(workers, each); ++count)
			EXPECT_EQ(each.rfind("kworker/1:", 0), 0u) << each;
		EXPECT_EQ(count, all.size());
	}
	unload();
	load("cpus=0-1");
	{
		client peer;
		EXPECT_EQ(echo(peer, "hello"), "");
	}
	unload();
	allow_log("cpus=");
	for (const char *wrong : { "9999", "1-0", "x", "0,", "all" }) {
		const std::string given = std::string("cpus=") + wrong;
		EXPECT_EQ(load_module(given), EINVAL) << given;
		EXPECT_EQ(logged("^kecho: " + given +
				 ": character \\d+: .*this machine has 0 to \\d+$")
				  .size(),
			  1u)
			<< text(logged("."));
	}
	EXPECT_EQ(load_module("cpus=0 unbound=1"), EINVAL);
}

TEST_F(listening, at_a_link_local_address_with_its_zone_and_at_no_other_with_one)
{
	const link_local added;
	load("address=fe80::77%lo");
	EXPECT_EQ(connect_error("::1"), ECONNREFUSED);
	unload();
	load("address=fe80::77%1");
	unload();
	// A name is not cut to one that there is.
	ASSERT_TRUE(shell("/sbin/ip link add a12345678901234 type veth peer name other"));
	allow_log(
		"%(nodevice|a12345678901234x): there is no device of that name; ip link lists them|"
		"cannot listen on port 12345 .*there is no such device");
	EXPECT_EQ(load_module("address=fe80::77%nodevice"), ENODEV);
	EXPECT_EQ(load_module("address=fe80::77%a12345678901234x"), ENODEV);
	EXPECT_TRUE(shell("/sbin/ip link del a12345678901234"));
	// The kernel would take it, and listen on all devices.
	for (const char *each :
	     { "127.0.0.1%lo", "::1%lo", "2001:db8::1%lo", "::%lo", "0.0.0.0%1" }) {
		allow_log(std::string("address=") + each +
			  ": only a link-local address|cannot listen");
		EXPECT_EQ(load_module(std::string("address=") + each), EINVAL) << each;
	}
}

TEST_F(listening, beside_another_program_at_another_address)
{
	const int other = occupy_ipv6_loopback();
	load("address=127.0.0.1");
	EXPECT_EQ(connect_error("127.0.0.1"), 0);
	EXPECT_EQ(unload_module(), 0);
	// Where it is in the way, the log says who it is.
	struct stat of;
	ASSERT_EQ(::fstat(other, &of), 0);
	allow_log("port 12345 is in use");
	EXPECT_EQ(load_module(""), EADDRINUSE);
	EXPECT_EQ(logged("port 12345 is in use: \\[::1\\]:12345 listens, of user 0, inode " +
			 std::to_string(of.st_ino) + " ")
			  .size(),
		  1u)
		<< text(logged("."));
	::close(other);
}

TEST_F(listening, nowhere_where_the_address_is_none)
{
	allow_log("address=");
	for (const char *wrong : { "127.0.0", "localhost", "127.0.0.1:80", "::1::", ",::1", "::1,",
				   "127.0.0.1,,::1", "::1,127.0.0.1,1.2.3" })
		EXPECT_EQ(load_module("address=" + std::string(wrong)), EINVAL) << wrong;
	EXPECT_EQ(logged("^kecho: address=localhost: ").size(), 1u) << text(logged("."));
	// One that is not this machine's.
	allow_log("cannot listen");
	EXPECT_EQ(load_module("address=192.0.2.77"), EADDRNOTAVAIL);
	EXPECT_EQ(logged("cannot listen on port 12345 .*no device has the address").size(), 1u);
	EXPECT_FALSE(module_loaded());
}

TEST_F(listening, through_one_device)
{
	load("device=lo");
	EXPECT_EQ(connect_error("127.0.0.1"), 0);
	EXPECT_EQ(connect_error("::1"), 0);
	unload();
	allow_log("device=nodevice: the kernel refuses it|cannot listen");
	EXPECT_EQ(load_module("device=nodevice"), ENODEV);
	EXPECT_EQ(logged("device=nodevice: ").size(), 1u) << text(logged("."));
	// The kernel would cut it, and take this device.
	allow_log("a name has at most 15 characters");
	ASSERT_TRUE(shell("/sbin/ip link add ktcp-fifteen-ch type veth peer name ktcp1"));
	EXPECT_EQ(load_module("device=ktcp-fifteen-characters"), EINVAL);
	EXPECT_TRUE(shell("/sbin/ip link del ktcp-fifteen-ch"));
}

TEST_F(listening, with_options_that_its_connections_have)
{
	for (const char *address : { "127.0.0.1", "::1" }) {
		load("congestion=reno keepalive_idle_s=77 keepalive_interval_s=5 keepalive_probes=3 "
		     "rcvbuf=50000 sndbuf=60000 tos=16 mark=4294967295");
		client peer({ .address = address });
		ASSERT_EQ(echo(peer, "hello"), "");
		const std::string all = shown("-oime --tos");
		EXPECT_NE(all.find(" reno "), std::string::npos) << all;
		EXPECT_TRUE(expression("keepalive,1min1[0-9]sec").in(all)) << all;
		EXPECT_NE(all.find(",rb100000,"), std::string::npos) << all;
		EXPECT_NE(all.find(",tb120000,"), std::string::npos) << all;
		EXPECT_NE(all.find("fwmark:0xffffffff"), std::string::npos) << all;
		EXPECT_NE(all.find("0x10"), std::string::npos) << all;
		unload();
	}
	allow_log("congestion=none: the kernel refuses it|cannot listen");
	EXPECT_NE(load_module("congestion=none"), 0);
	EXPECT_EQ(logged("congestion=none: .*available_congestion_control").size(), 1u);
	EXPECT_FALSE(module_loaded());
}

// Data that comes with the first packet, without the handshake's round trip.
TEST_F(listening, with_data_in_the_first_packet)
{
	const kept_setting both("/proc/sys/net/ipv4/tcp_fastopen");
	both.set("519"); // of both sides, without a cookie
	const auto echoed = [] {
		const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		sockaddr_in to{};
		to.sin_family = AF_INET;
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		to.sin_port = htons(server_port);
		EXPECT_EQ(::sendto(socket, "hello", 5, MSG_FASTOPEN,
				   reinterpret_cast<sockaddr *>(&to), sizeof to),
			  5)
			<< std::strerror(errno);
		client peer(socket);
		const bytes back = peer.receive(5);
		return std::string(back.begin(), back.end());
	};
	load("");
	const long before = netstat("TCPFastOpenPassive");
	EXPECT_EQ(echoed(), "hello");
	EXPECT_EQ(netstat("TCPFastOpenPassive"), before);
	unload();
	load("fastopen=16");
	for (long i = 1; i <= 20; ++i) {
		EXPECT_EQ(echoed(), "hello");
		EXPECT_EQ(netstat("TCPFastOpenPassive"), before + i);
	}
}

// A device that comes and goes. Its clients are at the other end of a cable, as VPN's would be.
class returning : public listening {
    protected:
	void SetUp() override
	{
		ASSERT_TRUE(shell("/sbin/ip netns add far"));
		plug();
		allow_log(
			"port 12345: the listening socket was ended from outside|"
			"cannot listen on port 12345 again .*; there is no such device: see ip link|"
			"listening on port 12345 again");
	}
	void TearDown() override
	{
		listening::TearDown();
		EXPECT_TRUE(shell("/sbin/ip link del ktcp0; /sbin/ip netns del far"));
	}

	static void plug()
	{
		ASSERT_TRUE(shell("/sbin/ip link add ktcp0 type veth peer name far0 netns far && "
				  "/sbin/ip -n far addr add 10.8.0.2/24 dev far0 && "
				  "/sbin/ip -n far -6 addr add fe80::2/64 dev far0 nodad && "
				  "/sbin/ip -n far link set far0 up"));
		address("ktcp0");
	}
	static void address(const std::string &device, const std::string &ip = "/sbin/ip")
	{
		ASSERT_TRUE(shell(ip + " addr replace 10.8.0.1/24 dev " + device + " && " + ip +
				  " -6 addr replace fe80::1/64 dev " + device + " nodad && " + ip +
				  " link set " + device + " up"));
	}
	static void unplug()
	{
		ASSERT_TRUE(shell("/sbin/ip link del ktcp0"));
	}

	// A client at the other end: 0 or its error.
	static int from_far(const std::string &to = "10.8.0.1")
	{
		int error = 0;
		std::thread([&] {
			const int space = ::open("/run/netns/far", O_RDONLY | O_CLOEXEC);
			EXPECT_EQ(::setns(space, CLONE_NEWNET), 0) << std::strerror(errno);
			::close(space);
			client peer({ .address = to });
			error = peer.connected() ? 0 : peer.error();
			if (!error) {
				EXPECT_EQ(echo(peer, pattern(20000, 1)), "");
			}
		}).join();
		return error;
	}
	static bool serves(const std::string &to = "10.8.0.1")
	{
		return eventually(20s, [&] { return from_far(to) == 0; });
	}
	std::size_t ends()
	{
		return logged("the listening socket was ended from outside").size();
	}
	bool ended(std::size_t times)
	{
		return eventually(10s, [&] { return ends() == times; });
	}
	// The same, and it is closed: it cannot be opened again.
	bool lost(std::size_t times)
	{
		return eventually(10s, [&] {
			return logged("cannot listen on port 12345 again").size() == times;
		});
	}
};

TEST_F(returning, its_listener_returns_with_it)
{
	load("device=ktcp0");
	EXPECT_EQ(from_far(), 0);
	for (std::size_t times = 1; times <= 2; ++times) {
		unplug();
		ASSERT_TRUE(ended(times));
		EXPECT_EQ(connect_error("127.0.0.1"), ECONNREFUSED);
		EXPECT_TRUE(lost(times)); // it is said behind the end
		plug();
		EXPECT_TRUE(serves()) << "the server is deaf";
	}
	EXPECT_EQ(ends(), 2u) << "once each time";
	EXPECT_EQ(logged("listening on port 12345 again").size(), 2u);
	EXPECT_EQ(logged("device=ktcp0").size(), 0u) << "not each attempt";
	// While there is none, unloading has nothing to wait for.
	unplug();
	ASSERT_TRUE(ended(3));
	unload();
}

TEST_F(returning, its_listener_follows_the_name)
{
	allow_other("renamed from");
	load("device=ktcp0");
	ASSERT_TRUE(shell("/sbin/ip link set ktcp0 down && /sbin/ip link set ktcp0 name ktcp9"));
	address("ktcp9");
	ASSERT_TRUE(ended(1));
	EXPECT_EQ(from_far(), ECONNREFUSED);
	ASSERT_TRUE(shell("/sbin/ip link set ktcp9 down && /sbin/ip link set ktcp9 name ktcp0"));
	address("ktcp0");
	EXPECT_TRUE(serves()) << "the server is deaf";
	// Others may do as they like.
	ASSERT_TRUE(shell(
		"/sbin/ip link add other type veth peer name third && /sbin/ip link set other name another && "
		"/sbin/ip link del another"));
	EXPECT_EQ(from_far(), 0);
	EXPECT_EQ(ends(), 1u);
}

TEST_F(returning, from_another_namespace)
{
	load("device=ktcp0");
	ASSERT_TRUE(shell("/sbin/ip netns add away && /sbin/ip link set ktcp0 netns away"));
	ASSERT_TRUE(ended(1));
	ASSERT_TRUE(shell("/sbin/ip -n away link set ktcp0 netns 1 && /sbin/ip netns del away"));
	address("ktcp0");
	EXPECT_TRUE(serves()) << "the server is deaf";
}

// An alternative name is a name. That of the device itself may change.
TEST_F(returning, its_listener_follows_an_alternative_name)
{
	allow_other("renamed from");
	ASSERT_TRUE(shell("/sbin/ip link property add dev ktcp0 altname ktcp-lan"));
	load("device=ktcp-lan");
	EXPECT_EQ(from_far(), 0);
	ASSERT_TRUE(shell("/sbin/ip link set ktcp0 down && /sbin/ip link set ktcp0 name ktcp9"));
	address("ktcp9");
	EXPECT_EQ(from_far(), 0);
	EXPECT_EQ(ends(), 0u);
	ASSERT_TRUE(shell("/sbin/ip link property del dev ktcp9 altname ktcp-lan"));
	ASSERT_TRUE(lost(1));
	EXPECT_EQ(from_far(), ECONNREFUSED);
	ASSERT_TRUE(shell("/sbin/ip link property add dev ktcp9 altname ktcp-lan"));
	EXPECT_TRUE(serves()) << "the server is deaf";
	// Of a device that is down it counts once that is up.
	ASSERT_TRUE(shell("/sbin/ip link property del dev ktcp9 altname ktcp-lan"));
	ASSERT_TRUE(lost(2));
	ASSERT_TRUE(shell("/sbin/ip link set ktcp9 down && "
			  "/sbin/ip link property add dev ktcp9 altname ktcp-lan"));
	address("ktcp9");
	EXPECT_TRUE(serves()) << "the server is deaf";
	ASSERT_TRUE(shell("/sbin/ip link set ktcp9 down && /sbin/ip link set ktcp9 name ktcp0"));
}

// With netns_all=1 a device comes into a namespace that has a server already, for it begins with none but lo.
TEST_F(returning, to_the_server_of_another_namespace)
{
	allow_other("renamed from");
	load("netns_all=1 device=ktcp0");
	EXPECT_EQ(from_far(), 0);
	ASSERT_TRUE(shell("/sbin/ip netns add away && /sbin/ip link set ktcp0 netns away"));
	address("ktcp0", "/sbin/ip -n away");
	EXPECT_TRUE(serves()) << "the server there is deaf";
	ASSERT_TRUE(lost(1));
	// It goes, and comes back there by its name.
	ASSERT_TRUE(shell("/sbin/ip -n away link set ktcp0 down && "
			  "/sbin/ip -n away link set ktcp0 name ktcp9"));
	address("ktcp9", "/sbin/ip -n away");
	ASSERT_TRUE(lost(2));
	EXPECT_EQ(from_far(), ECONNREFUSED);
	ASSERT_TRUE(shell("/sbin/ip -n away link set ktcp9 down && "
			  "/sbin/ip -n away link set ktcp9 name ktcp0"));
	address("ktcp0", "/sbin/ip -n away");
	EXPECT_TRUE(serves()) << "the server there is deaf";
	EXPECT_EQ(logged("listening on port 12345 again").size(), 1u) << "the first time is none";
	ASSERT_TRUE(shell("/sbin/ip -n away link set ktcp0 netns 1 && /sbin/ip netns del away"));
	address("ktcp0");
	EXPECT_TRUE(serves()) << "the first server is deaf";
	EXPECT_EQ(logged("no server in network namespace").size(), 0u);
}

// A link-local address's zone is a device, too. Without the address the server waits for that.
TEST_F(returning, its_link_local_address_returns_with_it)
{
	allow_log("cannot listen on port 12345 again .*; no device has the address: see ip address");
	load("address=fe80::1%ktcp0,127.0.0.1");
	EXPECT_TRUE(serves("fe80::1%far0")); // its route comes later (addrconf_dad_work())
	unplug();
	ASSERT_TRUE(ended(1));
	EXPECT_EQ(connect_error("127.0.0.1"), 0) << "the other one stays";
	plug();
	EXPECT_TRUE(serves("fe80::1%far0")) << "the server is deaf";
	EXPECT_EQ(logged("address=").size(), 0u) << "not each attempt";
}

// An address alone is bound to no device: its listener hears again through the next one that has it.
TEST_F(returning, an_address_returns_at_another_device)
{
	load("address=10.8.0.1");
	EXPECT_EQ(from_far(), 0);
	ASSERT_TRUE(shell("/sbin/ip addr del 10.8.0.1/24 dev ktcp0 && "
			  "/sbin/ip addr add 10.8.0.1/24 dev ktcp0"));
	EXPECT_EQ(from_far(), 0);
	unplug();
	plug();
	EXPECT_TRUE(serves());
	EXPECT_EQ(ends(), 0u);
}

// The peers of a VRF are those of its device, or of a server for all devices once the kernel lets them.
TEST_F(listening, through_a_VRF)
{
	ASSERT_TRUE(shell(
		"/sbin/ip link add red type vrf table 10 && /sbin/ip link set red up && "
		"/sbin/ip netns add red && "
		"/sbin/ip link add red0 type veth peer name red1 netns red && "
		"/sbin/ip link set red0 master red && /sbin/ip addr add 10.8.0.1/24 dev red0 && "
		"/sbin/ip link set red0 up && /sbin/ip -n red addr add 10.8.0.2/24 dev red1 && "
		"/sbin/ip -n red link set red1 up"));
	const auto from_inside = [] {
		int error = 0;
		std::thread([&] {
			const int space = ::open("/run/netns/red", O_RDONLY | O_CLOEXEC);
			EXPECT_EQ(::setns(space, CLONE_NEWNET), 0) << std::strerror(errno);
			::close(space);
			client peer({ .address = "10.8.0.1" });
			error = peer.connected() ? 0 : peer.error();
			if (!error) {
				EXPECT_EQ(echo(peer, pattern(20000, 1)), "");
			}
		}).join();
		return error;
	};
	load("device=red");
	EXPECT_EQ(from_inside(), 0);
	EXPECT_EQ(connect_error("127.0.0.1"), ECONNREFUSED);
	// One that goes and comes back.
	allow_log("was ended from outside|listening on port 12345 again|"
		  "cannot listen on port 12345 again .*there is no such device");
	ASSERT_TRUE(shell("/sbin/ip link del red && /sbin/ip link add red type vrf table 10 && "
			  "/sbin/ip link set red up && /sbin/ip link set red0 master red"));
	EXPECT_TRUE(eventually(20s, [&] { return from_inside() == 0; })) << "the server is deaf";
	unload();
	load("");
	EXPECT_EQ(from_inside(), ECONNREFUSED);
	EXPECT_EQ(connect_error("127.0.0.1"), 0);
	const kept_setting accepts("/proc/sys/net/ipv4/tcp_l3mdev_accept");
	accepts.set("1");
	EXPECT_EQ(from_inside(), 0);
	accepts.set_back();
	EXPECT_TRUE(
		shell("/sbin/ip link del red0 && /sbin/ip netns del red && /sbin/ip link del red"));
}

// Multipath TCP falls back to TCP, which is all that a listener here speaks.
TEST_F(listening, to_a_client_of_MPTCP)
{
	load("");
	const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262 /* IPPROTO_MPTCP */);
	ASSERT_GE(socket, 0) << std::strerror(errno);
	sockaddr_in to{};
	to.sin_family = AF_INET;
	to.sin_port = htons(server_port);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT_EQ(::connect(socket, reinterpret_cast<sockaddr *>(&to), sizeof to), 0)
		<< std::strerror(errno);
	char back[5] = {};
	EXPECT_EQ(::send(socket, "hello", 5, MSG_NOSIGNAL), 5);
	EXPECT_EQ(::recv(socket, back, 5, MSG_WAITALL), 5);
	EXPECT_EQ(std::string(back, 5), "hello");
	::close(socket);
}

// Two modules know of each other, and nothing is left of one that has gone.
TEST_F(listening, in_a_list_of_all)
{
	const std::string heading = "module address namespace\n";
	struct stat net;
	ASSERT_EQ(::stat("/proc/self/ns/net", &net), 0);
	const std::string here = " " + std::to_string(net.st_ino) + "\n";
	allow_other("^khttpd: listening on port 8081");
	load("address=127.0.0.1");
	EXPECT_EQ(read_file("/proc/net/kecho/listeners"), heading + "kecho 127.0.0.1:12345" + here);
	ASSERT_EQ(load_module("port=8081", "/khttpd.ko"), 0);
	for (const char *file : { "/proc/net/kecho/listeners", "/proc/net/khttpd/listeners" }) {
		EXPECT_NE(read_file(file).find("\nkhttpd [::]:8081" + here), std::string::npos);
		EXPECT_NE(read_file(file).find("\nkecho 127.0.0.1:12345" + here),
			  std::string::npos);
	}
	unload();
	EXPECT_EQ(read_file("/proc/net/khttpd/listeners"), heading + "khttpd [::]:8081" + here);
	// The log names the module that has the port.
	allow_log("port 8081 is in use");
	EXPECT_EQ(load_module("port=8081"), EADDRINUSE);
	EXPECT_EQ(
		logged("port 8081 is in use: the module khttpd listens at \\[::\\]:8081, a server of "
		       "ktcp's; ")
			.size(),
		1u)
		<< text(logged("."));
	EXPECT_EQ(unload_module("khttpd"), 0);
}

} // namespace
} // namespace vm
