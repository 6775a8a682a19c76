// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// The client of the other tests, before a server of the test's own: no module is loaded.
#include "origin.hpp"

#include <gtest/gtest.h>

namespace vm
{
namespace
{

// A client whose connection was reset, which no call of it was told yet.
client reset_one(const std::string &sent_before)
{
	origin at([&](client &theirs) {
		theirs.receive(1);
		theirs.send(sent_before);
		theirs.reset();
	});
	client peer({ .address = "127.0.0.1", .port = origin_port });
	EXPECT_TRUE(peer.send("?"));
	pollfd over{ peer.descriptor(), 0, 0 };
	EXPECT_EQ(::poll(&over, 1, patience_seconds * 1000), 1);
	EXPECT_TRUE(over.revents & POLLERR) << over.revents;
	return peer;
}

TEST(client, receive_keeps_a_reset_that_send_was_told)
{
	client peer = reset_one("");
	EXPECT_FALSE(peer.send("!"));
	EXPECT_EQ(peer.error(), ECONNRESET);
	EXPECT_EQ(peer.receive_to_end().size(), 0u);
	EXPECT_EQ(peer.error(), ECONNRESET);
	EXPECT_TRUE(peer.ended());
	EXPECT_EQ(peer.error(), ECONNRESET) << "the second time";
}

TEST(client, receive_tells_of_a_reset_by_itself)
{
	client peer = reset_one("");
	EXPECT_EQ(peer.receive_to_end().size(), 0u);
	EXPECT_EQ(peer.error(), ECONNRESET);
	EXPECT_EQ(peer.receive_to_end().size(), 0u);
	EXPECT_EQ(peer.error(), ECONNRESET) << "the second time";
}

TEST(client, bytes_before_a_reset_come_without_an_error)
{
	client peer = reset_one("abc");
	EXPECT_EQ(peer.send_until_blocked(pattern(10, 1)), 0u);
	EXPECT_EQ(peer.receive(3).size(), 3u);
	EXPECT_EQ(peer.error(), 0);
	EXPECT_EQ(peer.receive(1).size(), 0u);
	EXPECT_EQ(peer.error(), ECONNRESET);
	client moved = std::move(peer);
	EXPECT_TRUE(moved.ended());
	EXPECT_EQ(moved.error(), ECONNRESET);
}

TEST(client, an_end_in_good_order_is_no_error)
{
	origin at([](client &theirs) { theirs.send(theirs.receive(1)); });
	client peer({ .address = "127.0.0.1", .port = origin_port });
	EXPECT_TRUE(peer.send("?"));
	EXPECT_EQ(peer.receive_to_end().size(), 1u);
	EXPECT_EQ(peer.error(), 0);
}

} // namespace
} // namespace vm
