// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/test/stream.hpp: the example of its documentation, and what it sees of a handler. */
#include <ktcp/run_blocking.hpp>
#include <ktcp/test/stream.hpp>

#include <gtest/gtest.h>

#include <string>

namespace
{

using ktcp::connection;
using ktcp::task;
using ktcp::test::machine;
using ktcp::test::place;
using ktcp::test::stream;

struct ponger {
	task operator()(connection &peer) const
	{
		while (auto line = co_await peer.read_line(16))
			if (!co_await peer.write(*line == "ping" ? "pong\n" : "error\n"))
				break;
	}
};

TEST(stream, plays_a_peer)
{
	stream peer(ponger{});

	peer.send("pi");
	EXPECT_EQ(peer.received(), "");
	peer.send("ng\n");
	EXPECT_EQ(peer.received(), "pong\n");
	EXPECT_FALSE(peer.over());
	peer.finish();
	EXPECT_TRUE(peer.over());
	EXPECT_FALSE(peer.was_reset());
	peer.send("to nobody");
	EXPECT_EQ(peer.received(), "pong\n");
}

/* As TCP does: bytes that were not read make a reset of a proper end. */
TEST(stream, resets_where_bytes_were_not_read)
{
	struct impatient {
		task operator()(connection &peer) const
		{
			static_cast<void>(co_await peer.read());
			static_cast<void>(co_await peer.write("bye"));
		}
	};
	stream heard(impatient{}), unheard(impatient{});

	unheard.read_only(2);
	heard.send("?");
	unheard.send("?");
	EXPECT_TRUE(unheard.is_waited_for());
	unheard.send("!");
	unheard.read_on();
	EXPECT_TRUE(heard.over());
	EXPECT_TRUE(unheard.over());
	EXPECT_FALSE(heard.was_reset());
	EXPECT_TRUE(unheard.was_reset());
}

struct quitter {
	task operator()(connection &peer) const
	{
		static_cast<void>(co_await peer.read());
		peer.expires_after(50);
		static_cast<void>(co_await peer.read());
		peer.reset_at_end();
	}
};

TEST(stream, has_its_own_time)
{
	stream peer(quitter{});

	EXPECT_EQ(peer.until_deadline_ms(), -1);
	peer.send("?");
	EXPECT_EQ(peer.until_deadline_ms(), 50);
	peer.wait_ms(49);
	EXPECT_FALSE(peer.over());
	peer.wait_ms(1);
	EXPECT_TRUE(peer.over());
	EXPECT_TRUE(peer.was_reset());
}

/* Where a handler asks to sleep it may, and goes on in softirq afterwards. */
struct sleeper {
	static inline int slept;

	task operator()(connection &peer) const
	{
		while (co_await peer.read()) {
			EXPECT_EQ(peer.frame_flags(), ktcp::gfp::atomic);
			if (co_await peer.may_sleep()) {
				EXPECT_EQ(peer.frame_flags(), ktcp::gfp::kernel);
				slept++;
			}
		}
	}
};

TEST(stream, takes_turns_in_softirq)
{
	stream peer(sleeper{}, place::softirq);

	peer.send("1");
	peer.send("2");
	EXPECT_EQ(sleeper::slept, 2);
}

struct stubborn {
	task operator()(connection &peer) const
	{
		for (;;)
			static_cast<void>(co_await peer.write("x"));
	}
};

struct asker {
	task operator()(connection &peer) const
	{
		const auto answer = [] { return 42; };
		const auto got = co_await ktcp::run_blocking(peer, answer);

		static_cast<void>(
			co_await peer.write(got && *got == 42 ? "called\n" : "not called\n"));
	}
};

TEST(stream, has_no_worker_and_calls_at_once)
{
	EXPECT_EQ(stream(asker{}).received(), "called\n");
	EXPECT_EQ(stream(asker{}, place::softirq).received(), "called\n");
}

TEST(stream, ends_the_program_for_mistakes_that_ktcp_can_see)
{
	GTEST_FLAG_SET(death_test_style, "threadsafe");
	EXPECT_DEATH(stream{ stubborn{} }, "the handler does not come to rest");

	struct careless {
		task operator()(connection &peer) const
		{
			auto held = co_await peer.read();

			held.remove_prefix(5);
		}
	};
	EXPECT_DEATH(
		{
			stream peer(careless{});
			peer.send("four");
		},
		"remove_prefix");

	struct endless {
		task operator()(connection &peer) const
		{
			const std::string_view none;
			const auto got = co_await peer.read_until(none, 10);

			EXPECT_FALSE(static_cast<bool>(got));
		}
	};
	EXPECT_DEATH(stream{ endless{} }, "the delimiter is empty");
}

} // namespace
