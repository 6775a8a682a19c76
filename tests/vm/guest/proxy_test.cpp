// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// The proxy (tests/vm/proxy): connect() and relay() on a real kernel, between real clients and a real
// server.
#include "fixture.hpp"
#include "origin.hpp"
#include "small_buffers.hpp"

#include <numeric>

namespace vm
{
namespace
{

constexpr server_under_test module = { "proxy", 7100 };

class proxy : public every_model {
    protected:
	proxy() : every_model(module)
	{
	}

	static client connect()
	{
		return client({ .address = "127.0.0.1", .port = module.port });
	}

	// The module's connections have ended.
	void expect_none_left()
	{
		EXPECT_TRUE(eventually(orphan_bound, [] {
			const auto states = tcp_states(module.port);
			return std::ranges::count(states, "01") +
				       std::ranges::count(states, "08") ==
			       0;
		})) << text(tcp_states(module.port));
	}
};
FOR_EVERY_MODEL(proxy);

// Sends to the peer while it receives from it; all that came until the end.
bytes converse(client &peer, std::span<const unsigned char> data, unsigned seed)
{
	std::thread sender([&] {
		if (peer.send_in_chunks(data, seed))
			peer.half_close();
	});
	bytes got = peer.receive_to_end();
	sender.join();
	return got;
}

TEST_P(proxy, carries_both_directions_at_once)
{
	load_model();
	std::mutex lock;
	std::vector<bytes> came;
	origin at([&](client &peer) {
		bytes got = converse(peer, pattern(3'000'000, 2), 2);
		const std::lock_guard hold(lock);
		came.push_back(std::move(got));
	});
	for (std::size_t size : std::initializer_list<std::size_t>{ 0, 1, 100, 5'000'000 }) {
		client peer = connect();
		ASSERT_TRUE(peer.connected());
		const bytes got = converse(peer, pattern(size, 1), 1);
		EXPECT_TRUE(got == pattern(3'000'000, 2)) << got.size() << " bytes came back";
		EXPECT_TRUE(eventually(30s, [&] {
			const std::lock_guard hold(lock);
			return !came.empty();
		}));
		const std::lock_guard hold(lock);
		ASSERT_FALSE(came.empty());
		EXPECT_TRUE(came.back() == pattern(size, 1)) << came.back().size() << " bytes came";
		came.clear();
	}
}

// The target takes nothing, and its TCP answers each probe. The connection to it is there already.
TEST_P(proxy, a_new_write_timeout_is_for_open_connections_to_the_target)
{
	const small_buffers soon_full;
	load_model("write_timeout_ms=0");
	std::atomic<bool> over = false;
	origin at([&](client &) { eventually(120s, [&] { return over.load(); }); });
	client peer({ .address = "127.0.0.1", .send_buffer = 4096, .port = module.port });
	peer.send_until_blocked(pattern(1 << 14, 1));
	ASSERT_EQ(at.accepted(), 1);
	ASSERT_TRUE(write_file("/sys/module/proxy/parameters/write_timeout_ms", "1000"));
	pollfd reset{ peer.descriptor(), 0, 0 };
	EXPECT_EQ(::poll(&reset, 1, 60'000), 1) << "it waits for the target";
	EXPECT_TRUE(reset.revents & POLLERR) << reset.revents;
	over = true;
	expect_none_left();
}

TEST_P(proxy, passes_each_end_on_alone)
{
	load_model();
	origin at([](client &peer) {
		const bytes question = peer.receive_to_end();
		if (question.empty()) { // this side ends first, and listens on
			peer.half_close();
			peer.receive_to_end();
			return;
		}
		peer.send("I heard ");
		peer.send(question);
	});
	for (int i = 0; i < 20; ++i) {
		client peer = connect();
		ASSERT_TRUE(peer.send("you"));
		peer.half_close();
		const bytes answer = peer.receive_to_end();
		EXPECT_EQ(std::string(answer.begin(), answer.end()), "I heard you");
		EXPECT_EQ(peer.error(), 0);
	}
	expect_none_left();
}

TEST_P(proxy, goes_on_receiving_behind_the_origins_end)
{
	load_model();
	std::atomic<std::size_t> came = 0;
	origin at([&](client &peer) {
		peer.send("bye");
		peer.half_close();
		came += peer.receive_to_end().size();
	});
	client peer = connect();
	const bytes answer = peer.receive_to_end();
	EXPECT_EQ(std::string(answer.begin(), answer.end()), "bye");
	ASSERT_TRUE(peer.send(pattern(200'000, 1)));
	peer.half_close();
	EXPECT_TRUE(eventually(30s, [&] { return came == 200'000; })) << came;
	expect_none_left();
}

TEST_P(proxy, resets_the_client_of_a_target_that_refuses)
{
	load_model();
	for (int i = 0; i < 20; ++i) {
		client peer = connect();
		// The reset may be there before the system call returns.
		if (peer.connected()) {
			peer.send("hello?");
			EXPECT_TRUE(peer.ended());
		}
		EXPECT_EQ(peer.error(), ECONNRESET);
	}
	expect_none_left();
	// And the server goes on.
	origin at([](client &peer) { peer.send(peer.receive_to_end()); });
	client peer = connect();
	ASSERT_TRUE(peer.send("there"));
	peer.half_close();
	EXPECT_EQ(peer.receive_to_end().size(), 5u);
}

// The deadline is ours: the kernel would try for two minutes.
TEST_P(proxy, gives_a_silent_target_up)
{
	load_model("connect_ms=300");
	const origin full(0);
	client waits({ .address = "127.0.0.1", .port = origin_port }); // and nobody else may
	ASSERT_TRUE(waits.connected());
	const auto start = clock::now();
	client peer = connect();
	ASSERT_TRUE(peer.send("hello?"));
	EXPECT_TRUE(peer.ended());
	EXPECT_EQ(peer.error(), ECONNRESET);
	EXPECT_GE(clock::now() - start, 290ms);
	EXPECT_LT(clock::now() - start, 30s);
	expect_none_left();
}

TEST_P(proxy, tells_each_side_of_a_reset_of_the_other)
{
	load_model();
	std::atomic<int> resets = 0, others = 0;
	{
		origin at([&](client &peer) {
			const bytes first = peer.receive(1);
			if (first.empty())
				return;
			if (first[0] == 'r') {
				peer.reset();
				return;
			}
			peer.send("x");
			peer.receive_to_end();
			(peer.error() == ECONNRESET ? resets : others) += 1;
		});
		for (int i = 0; i < 20; ++i) {
			client theirs = connect();
			ASSERT_TRUE(theirs.send("r"));
			EXPECT_TRUE(theirs.ended());
			EXPECT_EQ(theirs.error(), ECONNRESET);
			client ours = connect();
			ASSERT_TRUE(ours.send("s"));
			ASSERT_EQ(ours.receive(1).size(), 1u);
			ours.reset();
		}
		EXPECT_TRUE(eventually(30s, [&] { return resets + others == 20; }));
	}
	EXPECT_EQ(resets, 20);
	expect_none_left();
}

// A side that does not read holds the other one up, and no buffer of ours grows.
TEST_P(proxy, passes_back_pressure_on)
{
	load_model();
	std::atomic<bool> go = false;
	std::atomic<std::size_t> came = 0;
	origin at([&](client &peer) {
		while (!go)
			std::this_thread::sleep_for(1ms);
		came += peer.receive_to_end().size();
	});
	client peer = connect();
	ASSERT_TRUE(peer.connected());
	const std::size_t taken = peer.send_until_blocked(pattern(1 << 16, 1));
	// Twice the sockets' buffers (net.ipv4.tcp_rmem, tcp_wmem) at most: 10 MiB each way.
	EXPECT_LT(taken, 32u << 20);
	// Others go by.
	client other = connect();
	EXPECT_TRUE(other.connected());
	go = true;
	peer.half_close();
	EXPECT_TRUE(eventually(60s, [&] { return came == taken; })) << came << " of " << taken;
}

TEST_P(proxy, finds_ports_again_after_they_were_exhausted)
{
	const kept_setting range("/proc/sys/net/ipv4/ip_local_port_range");
	load_model();
	origin at([](client &peer) { peer.send(peer.receive_to_end()); });
	std::vector<client> peers;
	for (int i = 0; i < 4; ++i)
		peers.push_back(connect());
	// Those of the clients' are taken from elsewhere.
	ASSERT_TRUE(eventually(30s, [&] { return at.accepted() == 4; }));
	range.set("61000 61003");
	const auto bound_client = [](unsigned port) {
		const int one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		sockaddr_in where{};
		where.sin_family = AF_INET;
		where.sin_port = htons(static_cast<std::uint16_t>(port));
		where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		EXPECT_EQ(::bind(one, reinterpret_cast<sockaddr *>(&where), sizeof where), 0);
		where.sin_port = htons(module.port);
		// The reset may be there before the system call returns.
		EXPECT_TRUE(!::connect(one, reinterpret_cast<sockaddr *>(&where), sizeof where) ||
			    errno == ECONNRESET);
		return client(one);
	};
	int refused = 0;
	std::vector<client> more;
	for (unsigned i = 0; i < 10; ++i) {
		more.push_back(bound_client(62000 + i));
		pollfd ready{ more.back().descriptor(), POLLIN, 0 };
		// Its reset may be there before it has sent.
		refused += !more.back().send("x") || ::poll(&ready, 1, 300) == 1;
	}
	EXPECT_GE(refused, 6);
	range.set_back();
	client after = connect();
	ASSERT_TRUE(after.send("again"));
	after.half_close();
	EXPECT_EQ(after.receive_to_end().size(), 5u);
}

TEST_P(proxy, refuses_a_target_that_it_cannot_read)
{
	allow_log("target: character");
	for (const char *wrong : { "localhost:1", "127.0.0.1", "127.0.0.1:99999" })
		EXPECT_EQ(load_module(std::string("model=") + GetParam() + " target=" + wrong,
				      object_file.c_str()),
			  EINVAL)
			<< wrong;
	EXPECT_EQ(logged("target: character").size(), 3u);
}

TEST_P(proxy, is_unloaded_at_every_step)
{
	for (int round = 0; round < 3 && !HasFailure(); ++round) {
		load_model("connect_ms=100000");
		std::atomic<bool> over = false;
		std::thread first;
		{
			origin at([&](client &peer) {
				if (peer.receive(1).empty())
					return;
				while (!over && peer.send(pattern(10'000, 1)))
					;
			});
			std::vector<client> peers;
			for (int i = 0; i < 24; ++i) {
				peers.push_back(connect());
				if (i % 3)
					peers.back().send("x"); // it is answered for ever
				if (i % 3 == 1)
					peers.back().receive(5'000);
				if (i % 4 == 3)
					peers.back().half_close();
			}
			std::this_thread::sleep_for(round * 20ms);
			unload();
			over = true;
		}
		expect_sockets_gone();
	}
}

TEST_P(proxy, is_unloaded_while_it_connects)
{
	load_model("connect_ms=100000");
	const origin full(0);
	client waits({ .address = "127.0.0.1", .port = origin_port });
	std::vector<client> peers;
	for (int i = 0; i < 50; ++i) {
		peers.push_back(connect());
		ASSERT_TRUE(peers.back().send("hello?"));
	}
	std::this_thread::sleep_for(50ms);
	unload();
	for (auto &each : peers)
		EXPECT_TRUE(each.ended());
}

// Both ends of a connection of the storm know this, by its number.
struct plan {
	explicit plan(unsigned number) : number(number)
	{
		std::mt19937 random(number);
		up = random() % 3 ? random() % 3000 : random() % 60000;
		down = random() % 3 ? random() % 3000 : random() % 60000;
		what = random() % 4;
		cut = random() % 3000;
	}

	enum { whole, client_resets, origin_resets, whole_too };

	unsigned number;
	std::size_t up, down, cut;
	unsigned what;
};

class proxy_storm : public proxy {
    protected:
	// The bytes of one direction: parts of the same ones, so that none is made twice.
	static std::span<const unsigned char> bytes_of(unsigned number, std::size_t size)
	{
		static const bytes all = pattern(1 << 17, 7);
		return std::span(all).subspan(number * 7919u % (1 << 16), size);
	}

	static bool is_prefix(const bytes &got, std::span<const unsigned char> of)
	{
		return got.size() <= of.size() && std::equal(got.begin(), got.end(), of.begin());
	}

	// One side: sends while it receives. Empty, or what is wrong.
	static std::string side(client &peer, std::span<const unsigned char> out,
				std::span<const unsigned char> in, bool resets, std::size_t cut,
				bool other_resets)
	{
		if (resets) {
			peer.send(out.first(std::min(cut, out.size())));
			peer.receive(std::min<std::size_t>(cut / 2, in.size()));
			peer.reset();
			return {};
		}
		bool sent = false;
		std::thread sender([&] {
			sent = peer.send(out);
			if (sent)
				peer.half_close();
		});
		const bytes got = peer.receive_to_end();
		const int error = peer.error();
		sender.join();
		const bool whole = got.size() == in.size();
		// Fewer bytes only where the end is a reset. A socket tells of that once, and the thread
		// that sends may hear it.
		if (is_prefix(got, in) &&
		    (other_resets ? error || !sent || whole : !error && sent && whole))
			return {};
		return std::to_string(got.size()) + " of " + std::to_string(in.size()) +
		       " bytes, " + (is_prefix(got, in) ? "" : "others, ") + "error " +
		       std::to_string(error) + (sent ? "" : ", not sent") +
		       (other_resets ? ", reset" : "");
	}

	// Counts and shows what is wrong.
	void judge(const char *who, unsigned number, const std::string &verdict)
	{
		if (verdict.empty())
			return;
		const std::lock_guard hold(lock_);
		ADD_FAILURE() << who << " of " << number << ": " << verdict;
	}

    private:
	std::mutex lock_;
};
FOR_EVERY_MODEL(proxy_storm);

TEST_P(proxy_storm, ten_thousand_reset_at_random)
{
	load_model();
	std::atomic<unsigned> next = 0;
	constexpr unsigned all = 10'000;
	{
		origin at([&](client &peer) {
			const bytes head = peer.receive(sizeof(unsigned));
			unsigned number;
			if (head.size() < sizeof number)
				return; // its client was reset before that was through
			std::memcpy(&number, head.data(), sizeof number);
			const plan mine(number);
			judge("the origin", number,
			      side(peer, bytes_of(number + 1000003, mine.down),
				   bytes_of(number, mine.up), mine.what == plan::origin_resets,
				   mine.cut, mine.what == plan::client_resets));
		});
		std::vector<std::thread> threads;
		for (int i = 0; i < 8; ++i)
			threads.emplace_back([&] {
				for (unsigned number; (number = next++) < all;) {
					const plan mine(number);
					client peer = connect();
					bytes head(sizeof number);
					std::memcpy(head.data(), &number, sizeof number);
					if (!peer.send(head)) {
						judge("the client", number,
						      "its number was not sent");
						continue;
					}
					judge("the client", number,
					      side(peer, bytes_of(number, mine.up),
						   bytes_of(number + 1000003, mine.down),
						   mine.what == plan::client_resets, mine.cut,
						   mine.what == plan::origin_resets));
				}
			});
		for (auto &each : threads)
			each.join();
	}
	expect_none_left();
	EXPECT_EQ(read_file("/sys/module/proxy/refcnt"), "0\n");
	std::printf("storm: %s/%s: %u connections through the proxy\n", GetParam(),
		    "ten_thousand_reset_at_random", all);
}

} // namespace
} // namespace vm
