/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Outgoing connections that are kept for the next one who asks, over many schedules. The target ends them
 * whenever it likes, and the server stops at any time.
 */
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include <ktcp/connect.hpp>
#include <ktcp/server.hpp>
#include <ktcp/timer.hpp>

#include <sim/client.hpp>
#include <sim/explore.hpp>
#include <sim/world.hpp>

namespace
{

using sim::client;
using sim::options;
using sim::world;

constexpr uint16_t target_port = 7, asker_port = 8;
constexpr unsigned kept_ms = 100;

/* The target's habits, and its count. */
struct target_notes {
	unsigned answers = 1000; /* of one connection, at least 1; then … */
	unsigned patience_ms = 0; /* … it waits so long, and … */
	bool chatters = false; /* … says what it was not asked, or … */
	bool resets = false; /* … resets the connection at the next question, or ends it */
	unsigned connections = 0;
};

struct target {
	target_notes *notes;

	ktcp::task operator()(ktcp::connection &peer) const
	{
		notes->connections++;
		for (unsigned i = 0; i < notes->answers; i++) {
			const auto asked = co_await peer.read_exactly(1);

			if (!asked || !co_await peer.write(asked.text()))
				co_return;
		}
		if (notes->patience_ms)
			static_cast<void>(co_await ktcp::sleep_for(peer, notes->patience_ms));
		if (notes->chatters)
			static_cast<void>(co_await peer.write("?"));
		if (notes->chatters || notes->resets)
			static_cast<void>(co_await peer.read());
		if (notes->resets)
			peer.reset_at_end();
	}
};

/* Each byte of a client's is a question to the target. */
struct asker {
	ktcp::endpoint to{ sim::v4_loopback(target_port) };

	ktcp::task_of<void> ask(ktcp::connection &peer, std::string_view what, bool reuse,
				bool &reused) const
	{
		/* Time is hasty here: no deadline. */
		auto server = co_await ktcp::connect(peer, to, { .timeout_ms = 0, .reuse = reuse });

		if (!server)
			co_return server.error();
		reused = server.is_reused();
		KTCP_CO_CHECK(co_await server->write(what));

		const auto answer = co_await server->read_exactly(1);

		if (!answer && answer.end_of_stream())
			co_return ktcp::errc::epipe;
		if (!answer)
			co_return answer.error();
		server.keep(kept_ms);
		reused = false;
		co_return co_await peer.write(answer.text());
	}

	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto question = co_await peer.read_exactly(1)) {
			bool reused = false;
			auto done = co_await ask(peer, question.text(), true, reused);

			if (!done && reused)
				done = co_await ask(peer, question.text(), false, reused);
			if (!done) {
				peer.reset_at_end();
				co_return;
			}
		}
	}
};

/* Asks once more than it waits for an answer. */
struct hasty_asker : asker {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto question = co_await peer.read_exactly(1)) {
			auto server = co_await ktcp::connect(peer, to,
							     { .timeout_ms = 0, .reuse = true });

			if (!server || !co_await server->write(question.text()))
				co_return;

			const auto answer = co_await server->read_exactly(1);

			if (!answer)
				co_return;
			server.keep(kept_ms);
			if (!co_await server->write("?") || !co_await peer.write(answer.text()))
				co_return;
		}
	}
};

using target_server = ktcp::server<target, ktcp::any_model>;
using asker_server = ktcp::server<asker, ktcp::any_model>;

class Kept : public testing::TestWithParam<const char *> {
    protected:
	static ktcp::server_options target_settings()
	{
		ktcp::server_options o;

		o.name = "target";
		o.port = target_port;
		o.timeouts = { .idle_ms = 0, .write_ms = 0 }; /* each test chooses its own */
		return o;
	}

	ktcp::server_options settings() const
	{
		ktcp::server_options o;

		o.name = "asker";
		o.port = asker_port;
		o.model = GetParam();
		o.timeouts = { .idle_ms = 0, .write_ms = 0 }; /* each test chooses its own */
		return o;
	}
};

INSTANTIATE_TEST_SUITE_P(Model, Kept, testing::Values("event", "work", "thread"),
			 [](const auto &info) { return std::string(info.param); });

/* One byte after the other, each answered before the next. */
void ask(world &w, client &by, unsigned count, unsigned pause_ms)
{
	for (unsigned i = 0; i < count; i++) {
		const char question[] = { static_cast<char>('a' + i) };
		const std::string_view text(question, 1);

		SIM_EXPECT_EQ(w, by.send(text), 0);
		SIM_EXPECT(w, by.receive_exactly(1) == text);
		if (pause_ms)
			w.sleep_ms(pause_ms);
	}
}

void come_and_ask(world &w, unsigned count, unsigned pause_ms)
{
	client c;

	SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(asker_port)), 0);
	ask(w, c, count, pause_ms);
	c.finish_sending();
	SIM_EXPECT(w, c.receive_all().empty());
}

/* A target and those who ask it, while the clients are there. */
template <class Asker>
void serve(world &w, target_notes &notes, const ktcp::server_options &target_with,
	   const ktcp::server_options &with, const std::function<void()> &clients)
{
	target_server to(target{ &notes });
	ktcp::server<Asker, ktcp::any_model> server;

	SIM_EXPECT(w, to.start(target_with));
	SIM_EXPECT(w, server.start(with));
	clients();
	server.stop();
	to.stop();
	w.unload();
}

/* One client after the other, with time to leave it: the next one has the same connection. */
TEST_P(Kept, GoesFromOneClientToTheNext)
{
	sim::explore(1000, {}, [this](world &w) {
		target_notes notes;

		serve<asker>(w, notes, target_settings(), settings(), [&] {
			for (int i = 0; i < 3; i++) {
				come_and_ask(w, 2, 20);
				w.sleep_ms(20);
			}
			SIM_EXPECT_EQ(w, notes.connections, 1u);
			/* And it is closed when its time is over. */
			w.sleep_ms(3000);
			w.wait_until_idle();
			SIM_EXPECT_EQ(w, w.module_sockets(), 0u);
		});
	});
}

/* The words of a kept one are no answer to the next question: another connection has that. */
TEST_P(Kept, IsNotTakenWithBytesThatNobodyAskedFor)
{
	sim::explore(500, {}, [this](world &w) {
		target_notes notes{ .answers = 1, .chatters = true };

		serve<asker>(w, notes, target_settings(), settings(), [&] {
			come_and_ask(w, 3, 20);
			SIM_EXPECT_EQ(w, notes.connections, 3u);
		});
	});
}

/* A question without its answer came after keep(): the answer would be another client's. */
TEST_P(Kept, IsNotTakenWhileAnAnswerIsUnderWay)
{
	sim::explore(500, {}, [this](world &w) {
		target_notes notes;

		serve<hasty_asker>(w, notes, target_settings(), settings(), [&] {
			for (int i = 0; i < 3; i++)
				come_and_ask(w, 1, 0);
			SIM_EXPECT_EQ(w, notes.connections, 3u);
		});
	});
}

/* The peer of a kept one ends it or resets it at any moment: each question is answered. */
TEST_P(Kept, IsAnsweredWhateverTheTargetDoes)
{
	options how;

	how.hasty_time = true;
	sim::explore(2500, how, [this](world &w) {
		target_notes notes{ .answers = w.chance().between(1, 3),
				    .patience_ms = w.chance().below(3) * 10,
				    .resets = w.chance().coin() };

		serve<asker>(w, notes, target_settings(), settings(), [&] {
			for (unsigned i = w.chance().between(1, 3); i > 0; i--)
				w.spawn("client", [&w] {
					come_and_ask(w, w.chance().between(1, 4),
						     w.chance().below(30));
				});
			w.join();
		});
	});
}

/* As above, and nothing is promised. */
void ask_a_little(world &w)
{
	client c;

	if (c.connect(sim::v4_loopback(asker_port)))
		return;
	for (unsigned i = w.chance().below(4); i > 0; i--) {
		c.send("x", 200);
		c.receive_exactly(1);
		w.sleep_ms(w.chance().below(30));
	}
	if (w.chance().coin())
		c.reset();
}

void stop_at_any_time(world &w, const ktcp::server_options &target_with,
		      const ktcp::server_options &with)
{
	target_notes notes{ .answers = w.chance().between(1, 4),
			    .patience_ms = w.chance().below(3) * 10,
			    .chatters = w.chance().coin(),
			    .resets = w.chance().coin() };
	target_server to(target{ &notes });
	asker_server server;

	if (to.start(target_with) && server.start(with)) {
		for (unsigned i = w.chance().between(1, 3); i > 0; i--)
			w.spawn("client", [&w] { ask_a_little(w); });
		w.sleep_ms(w.chance().below(250));
		if (w.chance().coin())
			to.stop();
	} else {
		SIM_EXPECT(w, w.injected());
	}
	server.stop();
	to.stop();
	w.join();
	w.unload();
}

TEST_P(Kept, StopsAtAnyTime)
{
	options how;

	how.scarce_memory = true;
	how.hasty_time = true;
	sim::explore(2000, how,
		     [this](world &w) { stop_at_any_time(w, target_settings(), settings()); });
}

TEST_P(Kept, SurvivesManyFailures)
{
	options how;

	how.fail_chance = 3000;
	how.scarce_memory = true;
	how.hasty_time = true;
	sim::explore(1500, how,
		     [this](world &w) { stop_at_any_time(w, target_settings(), settings()); });
}

/* stop() at every single step: while it is left, while it is kept, while it is taken. */
TEST_P(Kept, StopsAtEveryStep)
{
	sim::explore_steps(3, {}, [this](world &w, uint64_t step) {
		target_notes notes;
		target_server to(target{ &notes });
		asker_server server;

		SIM_EXPECT(w, to.start(target_settings()));
		SIM_EXPECT(w, server.start(settings()));
		w.spawn("client", [&w] {
			for (int i = 0; i < 2; i++) {
				client c;

				if (c.connect(sim::v4_loopback(asker_port)))
					return;
				c.send("x", 200);
				c.receive_exactly(1);
				w.sleep_ms(10);
			}
		});

		bool reached = w.wait_for_step(step);

		server.stop();
		to.stop();
		w.unload();
		return reached;
	});
}

TEST_P(Kept, SurvivesEveryFailure)
{
	sim::explore_failures(3, {}, [this](world &w) {
		stop_at_any_time(w, target_settings(), settings());
	});
}

} // namespace
