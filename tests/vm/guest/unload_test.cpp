// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Unloading works beside every client, in the midst of its work.
#include "fixture.hpp"

#include <algorithm>
#include <atomic>

#include <poll.h>

namespace vm
{
namespace
{

class unloading : public every_model {
    protected:
	void under_traffic(int rounds);
};
FOR_EVERY_MODEL(unloading);
// Once more where the clock counts instructions: within two seconds.
INSTANTIATE_TEST_SUITE_P(icount, unloading, models(), model_name);

TEST_P(unloading, without_a_client)
{
	load_model();
}

TEST_P(unloading, with_idle_clients_and_some_that_never_read)
{
	load_model("backlog=512");
	std::vector<client> idle;
	for (int i = 0; i < 200; ++i) {
		idle.emplace_back();
		ASSERT_EQ(echo(idle.back(), "hello"), "") << i;
	}
	std::vector<client> deaf;
	const bytes data = pattern(1 << 16, 1);
	for (int i = 0; i < 3; ++i) {
		deaf.emplace_back(options{ .receive_buffer = 65536, .send_buffer = 65536 });
		ASSERT_TRUE(deaf.back().connected());
		EXPECT_GT(deaf.back().send_until_blocked(data), 0u);
		EXPECT_EQ(deaf.back().error(), 0);
	}

	unload();

	// While the clients are still there and still read nothing: the server's
	// ends do not wait for them.
	expect_no_orphans();
	for (auto &peer : idle)
		EXPECT_TRUE(peer.ended()) << std::strerror(peer.error());
	for (auto &peer : deaf)
		EXPECT_TRUE(peer.ended()) << std::strerror(peer.error());
}

TEST_P(unloading, with_connections_not_yet_served)
{
	// More connect than may be served or accepted in the time there is.
	load_model("backlog=512");
	const long dropped = netstat("ListenDrops");
	std::vector<client> peers(300);
	unload();
	// The kernel itself forgets, without a reset, a client whose handshake ends while the listener
	// closes (__inet_inherit_port() fails in tcp_v6_syn_recv_sock()). It counts these, and such a
	// client is reset as soon as it sends.
	long untold = 0;
	for (auto &peer : peers) {
		struct pollfd end = { peer.descriptor(), POLLIN, 0 };

		if (peer.connected() && ::poll(&end, 1, 5000) == 0) {
			++untold;
			peer.send("x");
		}
		EXPECT_TRUE(!peer.connected() || peer.ended()) << std::strerror(peer.error());
	}
	EXPECT_LE(untold, netstat("ListenDrops") - dropped);
}

TEST_P(unloading, in_the_middle_of_messages)
{
	load_model();
	std::vector<client> peers(8);
	std::vector<std::thread> senders, readers;
	std::vector<std::atomic<int>> echoed(peers.size());
	const bytes data = pattern(1 << 20, 4);
	for (std::size_t i = 0; i < peers.size(); ++i) {
		ASSERT_TRUE(peers[i].connected());
		senders.emplace_back([&, i] {
			client &peer = peers[i];
			// Not through client::send: error() belongs to the reader.
			for (;;)
				for (std::span<const unsigned char> rest(data); !rest.empty();) {
					const ssize_t sent =
						::send(peer.descriptor(), rest.data(),
						       std::min<std::size_t>(rest.size(), 5000),
						       MSG_NOSIGNAL);
					if (sent <= 0)
						return;
					rest = rest.subspan(sent);
				}
		});
		readers.emplace_back([&, i] {
			bytes back;
			do {
				back = peers[i].receive(data.size());
				EXPECT_TRUE(std::equal(back.begin(), back.end(), data.begin()))
					<< "what came back is not what was sent";
				echoed[i] += back.size() == data.size();
			} while (back.size() == data.size());
		});
	}
	EXPECT_TRUE(eventually(60s, [&] {
		return std::all_of(echoed.begin(), echoed.end(),
				   [](const auto &each) { return each > 0; });
	})) << "not each has had all of the data back once";
	unload();
	for (auto &peer : peers)
		::shutdown(peer.descriptor(), SHUT_WR);
	for (auto &thread : senders)
		thread.join();
	for (auto &thread : readers)
		thread.join();
}

// It goes at any moment while clients connect, send, receive and reset.
void unloading::under_traffic(int rounds)
{
	std::atomic<bool> stop = false;
	std::atomic<int> echoed = 0;
	std::vector<std::thread> traffic;
	for (int thread = 0; thread < 4; ++thread)
		traffic.emplace_back([&, thread] {
			std::mt19937 random(thread);
			while (!stop) {
				client peer;
				if (!peer.connected()) {
					// There is no listener at the moment, or no more.
					std::this_thread::sleep_for(1ms);
					continue;
				}
				for (int i = 0; i < 20 && !stop; ++i) {
					const bytes data = pattern(1 + random() % 4000, random());
					if (!peer.send(data))
						break;
					const bytes back = peer.receive(data.size());
					// It may end at any byte, but may not be another.
					ASSERT_TRUE(
						std::equal(back.begin(), back.end(), data.begin()));
					if (back.size() < data.size()) {
						EXPECT_TRUE(peer.error() == 0 ||
							    peer.error() == ECONNRESET)
							<< std::strerror(peer.error());
						break;
					}
					++echoed;
				}
				if (random() % 4 == 0)
					peer.reset();
			}
		});
	std::mt19937 random(9);
	int times = 0;
	for (; times < rounds && !HasFailure(); ++times) {
		load_model();
		std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));
		unload();
	}
	stop = true;
	for (auto &thread : traffic)
		thread.join();
	EXPECT_EQ(times, rounds);
	EXPECT_GT(echoed, rounds);
}

TEST_P(unloading, eight_times_under_traffic)
{
	under_traffic(8);
}

TEST_P(unloading, fifty_times_under_traffic)
{
	under_traffic(50);
}

} // namespace
} // namespace vm
