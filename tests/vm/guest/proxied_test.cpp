// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Servers behind proxies: the PROXY protocol, versions 1 and 2.
#include "http.hpp"

namespace vm
{
namespace
{

// A header of version 2.
std::string v2(unsigned char command, unsigned char family, const std::string &behind)
{
	std::string made("\r\n\r\n\0\r\nQUIT\n", 12);
	made += static_cast<char>(command);
	made += static_cast<char>(family);
	made += static_cast<char>(behind.size() >> 8);
	made += static_cast<char>(behind.size());
	return made + behind;
}

const std::string v1_header = "PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n";
const std::string v2_ipv4("\xc0\x00\x02\x07\xc0\x00\x02\x02\x03\xe8\x01\xbb", 12);
const std::string v2_ipv6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
			  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x03\xe8\x01\xbb",
			  36);

class proxied : public every_model {
    protected:
	void load_behind(const std::string &parameters = "")
	{
		load_model("proxy_from=::1,127.0.0.0/8 " + parameters);
	}

	// The peers of the listing.
	static std::vector<std::string> shown()
	{
		std::istringstream lines(read_file("/proc/net/kecho/connections"));
		std::vector<std::string> found;
		std::string line;
		std::getline(lines, line);
		while (std::getline(lines, line))
			found.push_back(line.substr(0, line.find(' ')));
		return found;
	}

	// The echo is of what comes behind the header alone.
	static void expect_served(client &peer, const std::string &header, const std::string &as)
	{
		ASSERT_TRUE(peer.send(header + "hello"));
		const bytes back = peer.receive(5);
		EXPECT_EQ(std::string(back.begin(), back.end()), "hello");
		EXPECT_EQ(echo(peer, pattern(100000, 1)), "");
		EXPECT_EQ(shown(), std::vector<std::string>{ as });
	}

	void expect_refused(const std::string &header)
	{
		const long before = statistic("refused_proxy");
		client peer;
		ASSERT_TRUE(peer.send(header));
		peer.half_close();
		EXPECT_TRUE(peer.receive_to_end().empty());
		EXPECT_TRUE(eventually(5s, [&] { return statistic("refused_proxy") == before + 1; }))
			<< header;
	}
};
FOR_EVERY_MODEL(proxied);

TEST_P(proxied, the_client_is_the_peer)
{
	load_behind();
	const struct {
		std::string header;
		const char *as;
	} all[] = {
		{ v1_header, "192.0.2.1:1000" },
		{ "PROXY TCP6 2001:db8::7 ::1 1000 443\r\n", "[2001:db8::7]:1000" },
		{ v2(0x21, 0x11, v2_ipv4), "192.0.2.7:1000" },
		{ v2(0x21, 0x21, v2_ipv6), "[2001:db8::1]:1000" },
		{ v2(0x21, 0x11, v2_ipv4 + std::string(2000, '\4')), "192.0.2.7:1000" },
	};
	for (const auto &each : all) {
		{
			client peer;
			expect_served(peer, each.header, each.as);
		}
		EXPECT_TRUE(eventually(5s, [] { return shown().empty(); }));
	}
	EXPECT_EQ(statistic("refused_proxy"), 0);
}

TEST_P(proxied, the_proxy_is_the_peer_where_it_names_no_client)
{
	load_behind();
	for (const std::string &header :
	     { std::string("PROXY UNKNOWN\r\n"), std::string("PROXY UNKNOWN a b c\r\n"),
	       v2(0x20, 0x00, ""), v2(0x20, 0x11, v2_ipv4), v2(0x21, 0x00, "xyz"),
	       v2(0x21, 0x12, v2_ipv4), v2(0x21, 0x31, std::string(216, 'x')) }) {
		client peer;
		ASSERT_TRUE(peer.send(header));
		EXPECT_EQ(echo(peer, pattern(1000, 1)), "");
		ASSERT_EQ(shown().size(), 1u);
		EXPECT_EQ(shown()[0].rfind("[::1]:", 0), 0u) << shown()[0];
		peer.close();
		EXPECT_TRUE(eventually(5s, [] { return shown().empty(); }));
	}
}

// Each byte alone.
TEST_P(proxied, a_header_in_pieces_is_collected)
{
	load_behind();
	for (const std::string &header : { v1_header, v2(0x21, 0x21, v2_ipv6 + "\4\0\3xyz") }) {
		client peer;
		for (const char each : header) {
			ASSERT_TRUE(peer.send(std::string(1, each)));
			std::this_thread::sleep_for(3ms);
		}
		EXPECT_EQ(echo(peer, "hello"), "");
	}
	EXPECT_EQ(statistic("refused_proxy"), 0);
}

TEST_P(proxied, a_peer_without_a_header_is_refused_and_counted)
{
	load_behind();
	for (const std::string &none :
	     { std::string("GET / HTTP/1.1\r\n\r\n"), std::string("PROXY TCP4 1.2.3.4\r\n"),
	       std::string("PROXY TCP4 192.0.2.1 192"),
	       std::string("PROXY UNKNOWN ") + std::string(200, 'x'), v2(0x22, 0x11, v2_ipv4),
	       v2(0x21, 0x41, v2_ipv4), v2(0x21, 0x11, "short"),
	       v2(0x20, 0x00, std::string(5000, 'x')), std::string() })
		expect_refused(none);
	client good;
	ASSERT_TRUE(good.send(v1_header));
	EXPECT_EQ(echo(good, "hello"), "");
}

// The address of a client is not for strangers to forge.
TEST_P(proxied, a_peer_that_is_no_proxy_is_refused_and_counted)
{
	load_model("proxy_from=::1");
	client stranger({ .address = "127.0.0.1" });
	stranger.send(v1_header + "hello");
	EXPECT_TRUE(stranger.receive_to_end().empty());
	EXPECT_EQ(statistic("refused_proxy"), 1);
	client proxy({ .address = "::1" });
	ASSERT_TRUE(proxy.send(v1_header));
	EXPECT_EQ(echo(proxy, "hello"), "");
}

// The header has its time, and so has a handler behind it.
TEST_P(proxied, a_peer_that_sends_half_a_header_is_refused_in_time)
{
	load_behind();
	client peer, half;
	ASSERT_TRUE(peer.send(v1_header));
	EXPECT_EQ(echo(peer, "hello"), "");
	ASSERT_TRUE(half.send("PROXY TCP4 "));
	EXPECT_TRUE(half.ended());
	EXPECT_EQ(statistic("refused_proxy"), 1);
	// That time is over for the other one as well, which sent its header.
	EXPECT_EQ(echo(peer, "still there"), "");
}

TEST_P(proxied, limits_are_those_of_the_client)
{
	load_behind("max_per_source=2 deny=192.0.2.66");
	const auto header = [](const std::string &from) {
		return "PROXY TCP4 " + from + " 192.0.2.2 1000 443\r\n";
	};
	std::vector<client> all;
	const auto served = [&](const std::string &from) {
		client peer;
		if (!peer.send(header(from)) || !echo(peer, "hello").empty())
			return false;
		all.push_back(std::move(peer));
		return true;
	};
	for (int i = 1; i <= 5; ++i)
		EXPECT_TRUE(served("192.0.2." + std::to_string(i)));
	EXPECT_TRUE(served("192.0.2.1"));
	EXPECT_FALSE(served("192.0.2.1"));
	EXPECT_EQ(statistic("refused_source"), 1);
	EXPECT_FALSE(served("192.0.2.66"));
	EXPECT_EQ(statistic("refused_denied"), 1);
	// A rule that comes later is for the clients that are there.
	ASSERT_EQ(write_once("/sys/module/kecho/parameters/deny", "192.0.2.2/32"), 0);
	EXPECT_TRUE(all[1].ended());
	EXPECT_EQ(echo(all[0], "still there"), "");
	ASSERT_EQ(write_once("/sys/module/kecho/parameters/accept_rate", "1"), 0);
	EXPECT_TRUE(served("192.0.2.70"));
	EXPECT_TRUE(served("192.0.2.71"));
	while (served("192.0.2.72") && all.size() < 100)
		;
	EXPECT_GE(statistic("refused_rate") + statistic("refused_source"), 2);
	all.clear();
	EXPECT_TRUE(eventually(5s, [] { return statistic("active") == 0; }));
	// Nothing of the clients is kept.
	ASSERT_EQ(write_once("/sys/module/kecho/parameters/accept_rate", "0"), 0);
	EXPECT_TRUE(served("192.0.2.1"));
	EXPECT_TRUE(served("192.0.2.1"));
}

// The proxy itself is no source, though none of its connections has named a client yet.
TEST_P(proxied, clients_that_come_at_once_are_not_counted_as_the_proxy)
{
	load_behind("max_per_source=2");
	std::vector<client> all(20);
	for (std::size_t i = 0; i < all.size(); ++i)
		ASSERT_TRUE(all[i].send("PROXY TCP4 192.0.2." + std::to_string(1 + i / 2) +
					" 192.0.2.2 1000 443\r\n"));
	for (auto &each : all)
		EXPECT_EQ(echo(each, "hello"), "");
	EXPECT_EQ(statistic("refused_source"), 0);
	client third;
	EXPECT_FALSE(third.send("PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n") &&
		     echo(third, "hello").empty());
	EXPECT_EQ(statistic("refused_source"), 1);
}

// In a network that clients and proxies share.
TEST_P(proxied, a_rule_ends_a_client_that_has_the_address_of_a_proxy)
{
	load_behind();
	client peer, unnamed;
	ASSERT_TRUE(peer.send("PROXY TCP4 127.6.6.6 127.0.0.1 1000 443\r\n"));
	EXPECT_EQ(echo(peer, "hello"), "");
	ASSERT_TRUE(unnamed.send("PROXY UNKNOWN\r\n"));
	EXPECT_EQ(echo(unnamed, "hello"), "");
	ASSERT_EQ(write_once("/sys/module/kecho/parameters/deny", "127.0.0.0/8,::1"), 0);
	EXPECT_TRUE(peer.ended());
	EXPECT_EQ(echo(unnamed, "still there"), "");
}

TEST_P(proxied, unloading_waits_for_no_header)
{
	load_behind();
	std::vector<client> all(20);
	for (std::size_t i = 0; i < all.size(); ++i)
		ASSERT_TRUE(all[i].send(v1_header.substr(0, i)));
	client busy;
	ASSERT_TRUE(busy.send(v1_header));
	EXPECT_EQ(echo(busy, "hello"), "");
	unload();
	for (auto &each : all)
		EXPECT_TRUE(each.ended());
}

class proxied_http : public server {
    protected:
	proxied_http() : server(khttpd)
	{
	}
};

TEST_F(proxied_http, the_access_log_names_the_client)
{
	load("proxy_from=::1 access_log=2");
	http_client peer;
	ASSERT_TRUE(peer.send(v1_header));
	EXPECT_EQ(peer.get("/").status, 200);
	EXPECT_EQ(peer.post("/echo", "hello").body, "hello");
	const std::string said = read_file("/proc/net/khttpd/access_log");
	EXPECT_EQ(said.rfind("192.0.2.1 ", 0), 0u) << said;
	// A header and two requests in a segment.
	http_client next;
	ASSERT_TRUE(next.send(v2(0x21, 0x21, v2_ipv6) + http_client::request("/") +
			      http_client::request("/")));
	EXPECT_EQ(next.read().status, 200);
	EXPECT_EQ(next.read().status, 200);
	EXPECT_NE(read_file("/proc/net/khttpd/access_log").find("2001:db8::1 "), std::string::npos);
}

} // namespace
} // namespace vm
