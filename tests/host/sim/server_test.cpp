/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The server, in each of its models, over many schedules. The tests look at the bytes that come
 * back. They show that stop() returns and leaves nothing, beside any peer and any failure, at any
 * time.
 */
#include <gtest/gtest.h>

#include <string>

#include <ktcp/server.hpp>

#include <sim/client.hpp>
#include <sim/explore.hpp>
#include <sim/world.hpp>

namespace
{

using sim::client;
using sim::options;
using sim::world;

constexpr uint16_t port = 7;

struct echo {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto received = co_await peer.read())
			if (!co_await peer.write(*received))
				break;
	}
};

using echo_server = ktcp::server<echo, ktcp::any_model>;

/* More than all buffers between a client and the server hold, with buffer_bytes = small. */
constexpr unsigned small = 300;
constexpr size_t too_much = 4000;

/* Bytes of every value, and no two places alike. */
std::string pattern(size_t size, unsigned salt)
{
	std::string text(size, '\0');
	uint32_t x = salt * 2654435761u + 1;

	for (char &c : text)
		c = char((x = x * 1664525 + 1013904223) >> 24);
	return text;
}

class Server : public testing::TestWithParam<const char *> {
    protected:
	ktcp::server_options settings() const
	{
		ktcp::server_options o;

		o.name = "echo";
		o.port = port;
		o.model = GetParam();
		o.timeouts = { .idle_ms = 0, .write_ms = 0 }; /* each test chooses its own */
		return o;
	}

	/* Start one with those settings, and with what @change makes of them. */
	template <class Change>
	void start(world &w, echo_server &server, Change change) const
	{
		auto with = settings();

		change(with);
		SIM_EXPECT(w, server.start(with));
	}
};

INSTANTIATE_TEST_SUITE_P(Model, Server, testing::Values("event", "work", "thread"),
			 [](const auto &info) { return std::string(info.param); });

/* A client that sends, closes its side and expects everything back. */
void converse(world &w, size_t size, unsigned salt, const ktcp_endpoint &to)
{
	client c;
	std::string text = pattern(size, salt);

	SIM_EXPECT_EQ(w, c.connect(to), 0);

	std::string back = c.exchange(text);

	SIM_EXPECT_EQ(w, c.status(), 0);
	SIM_EXPECT_EQ(w, back.size(), text.size());
	SIM_EXPECT(w, back == text);
}

TEST_P(Server, EchoesTheBytes)
{
	sim::explore(4000, {}, [this](world &w) {
		echo_server server;

		start(w, server, [&](auto &with) {
			with.placement = static_cast<ktcp::placement>(w.chance().below(3));
		});
		for (unsigned i = 0; i < 3; i++)
			w.spawn("client", [&w, i] {
				size_t sizes[] = { 0, 1, 30, 150 };

				converse(w, sizes[w.chance().below(4)], i,
					 w.chance().coin() ? sim::v4_loopback(port) :
							     sim::v6_loopback(port));
			});
		w.join();
		server.stop();
		w.unload();
	});
}

/* A connection from the very first moment is announced like any other. */
TEST_P(Server, ServesPeersThatConnectWhileItStarts)
{
	sim::explore(2000, {}, [this](world &w) {
		echo_server server;

		w.spawn("early", [&w] {
			client c;

			while (c.connect(sim::v4_loopback(port)))
				w.point();
			SIM_EXPECT(w, c.exchange("early") == "early");
		});
		w.spawn("start", [&] { SIM_EXPECT(w, server.start(settings())); });
		w.join();
		server.stop();
		w.unload();
	});
}

/* A peer that sends nothing is accepted all the same: it is counted, and can be timed out. */
TEST_P(Server, AcceptsTheSilent)
{
	sim::explore(1000, {}, [this](world &w) {
		echo_server server;

		start(w, server, [](auto &with) { with.timeouts.idle_ms = 100; });
		for (unsigned i = w.chance().between(1, 3); i > 0; i--)
			w.spawn("silent", [&w] {
				client c;

				SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(port)), 0);
				c.receive_all(); /* until it is timed out */
			});
		w.join();
		server.stop();
		w.unload();
	});
}

/* The options have their defaults: silent peers and peers that take nothing go all the same. */
TEST_P(Server, IsNotHeldForEverWithoutParameters)
{
	options how;

	how.buffer_bytes = small;
	sim::explore(300, how, [](world &w) {
		echo_server server;
		ktcp::server_options with;

		with.name = "echo";
		with.port = port;
		with.model = GetParam();
		SIM_EXPECT(w, server.start(with));

		const uint64_t before = w.now_ms();
		client quiet, stuck;

		SIM_EXPECT_EQ(w, quiet.connect(sim::v4_loopback(port)), 0);
		SIM_EXPECT_EQ(w, stuck.connect(sim::v4_loopback(port)), 0);
		stuck.send(pattern(too_much, 1)); /* returns, for the server closes */
		SIM_EXPECT(w, w.now_ms() - before >= 300'000);
		/* The server may find a little room at the end, and then waits once more as long. */
		SIM_EXPECT(w, w.now_ms() - before < 610'000);
		SIM_EXPECT(w, quiet.receive_all().empty());
		SIM_EXPECT(w, w.now_ms() - before >= 600'000);
		SIM_EXPECT(w, w.now_ms() - before < 610'000);
		server.stop();
		w.unload();
	});
}

TEST_P(Server, EchoesMoreThanItsBuffer)
{
	options how;

	how.buffer_bytes = 20000;
	sim::explore(300, how, [this](world &w) {
		echo_server server;

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = 0; i < 2; i++)
			w.spawn("client",
				[&w, i] { converse(w, 100000, i, sim::v4_loopback(port)); });
		w.join();
		server.stop();
		w.unload();
	});
}

/* The same where sends are cut short and memory is scarce for a moment. */
TEST_P(Server, EchoesWhenMemoryIsScarce)
{
	options how;

	how.scarce_memory = true;
	sim::explore(2000, how, [this](world &w) {
		echo_server server;

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = 0; i < 2; i++)
			w.spawn("client", [&w, i] { converse(w, 100, i, sim::v4_loopback(port)); });
		w.join();
		server.stop();
		w.unload();
	});
}

/* Clients of every kind, which all go in the end; nothing is promised to them. */
void misbehave(world &w)
{
	client c;
	std::string text = pattern(w.chance().below(600), 3);

	if (c.connect(sim::v4_loopback(port)))
		return;
	switch (w.chance().below(6)) {
	case 0: /* silent */
		w.sleep_ms(w.chance().below(100));
		break;
	case 1: /* never reads: blocked once all buffers are full */
		c.send(pattern(too_much, 4), 200);
		c.reset();
		break;
	case 2:
		c.send(text, 200);
		c.reset();
		break;
	case 3: /* closes with the echo unread */
		c.send(text, 200);
		break;
	case 4:
		c.finish_sending();
		c.receive_all();
		break;
	default:
		c.send("some text");
		c.receive_exactly(3);
	}
}

TEST_P(Server, StopsWithClientsOfEveryKind)
{
	options how;

	how.scarce_memory = true;
	how.buffer_bytes = small;
	sim::explore(4000, how, [this](world &w) {
		echo_server server;

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = w.chance().between(1, 4); i > 0; i--)
			w.spawn("client", [&w] { misbehave(w); });
		w.sleep_ms(w.chance().below(150));
		server.stop();
		w.unload();
		w.join();
	});
}

/* A turn that was to be taken by a CPU that leaves is taken all the same. */
TEST_P(Server, ServesWhileCpusLeave)
{
	options how;

	how.buffer_bytes = 60;
	sim::explore(4000, how, [this](world &w) {
		echo_server server;

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = 0; i < 3; i++)
			w.spawn("client", [&w, i] { converse(w, 400, i, sim::v4_loopback(port)); });
		w.spawn("cpus", [&w] { w.shake_cpus(); });
		w.join();
		server.stop();
		w.unload();
	});
}

TEST_P(Server, StopsWhileCpusLeave)
{
	options how;

	how.buffer_bytes = small;
	sim::explore(4000, how, [this](world &w) {
		echo_server server;

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = w.chance().between(1, 4); i > 0; i--)
			w.spawn("client", [&w] { misbehave(w); });
		w.spawn("cpus", [&w] { w.shake_cpus(); });
		w.sleep_ms(w.chance().below(30));
		server.stop();
		w.join();
		w.unload();
	});
}

/*
 * The server keeps no connection whose peer has gone. It may go in any way, and during any operation.
 */
TEST_P(Server, LetsGoOfPeersThatHaveGone)
{
	options how;

	how.scarce_memory = true;
	how.buffer_bytes = small;
	sim::explore(4000, how, [this](world &w) {
		echo_server server;

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = w.chance().between(1, 4); i > 0; i--)
			w.spawn("client", [&w] { misbehave(w); });
		w.join();
		w.sleep_ms(3000);
		w.wait_until_idle();
		SIM_EXPECT_EQ(w, w.module_sockets(), 0u);
		server.stop();
		w.unload();
	});
}

/* stop() at every single step of a short life. */
TEST_P(Server, StopsAtEveryStep)
{
	sim::explore_steps(12, {}, [this](world &w, uint64_t step) {
		echo_server server;

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = 0; i < 2; i++)
			w.spawn("client", [] {
				client c;

				if (c.connect(sim::v4_loopback(port)))
					return;
				c.send("some text");
				c.receive_exactly(9);
				c.finish_sending();
				c.receive_all();
			});

		bool reached = w.wait_for_step(step);

		server.stop();
		w.unload();
		return reached;
	});
}

/* A deadline for each message, which moves on while the server's own timeouts run. */
struct impatient {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		for (;;) {
			peer.expires_after(20);

			auto received = co_await peer.read();

			if (!received || !co_await peer.write(*received))
				break;
		}
	}
};

/*
 * stop() at every single step of a life whose times run out: none is looked at afterwards, and no
 * timer is set any more.
 */
TEST_P(Server, KeepsNoTimeAfterItsEnd)
{
	options how;

	how.hasty_time = true;
	sim::explore_steps(12, how, [this](world &w, uint64_t step) {
		ktcp::server<impatient, ktcp::any_model> server;
		auto with = settings();

		with.timeouts = { .idle_ms = 60, .write_ms = 40 };
		SIM_EXPECT(w, server.start(with));
		for (unsigned i = 0; i < 2; i++)
			w.spawn("client", [&w] {
				client c;

				if (c.connect(sim::v4_loopback(port)))
					return;
				for (int round = 0; round < 3; round++) {
					c.send("some text");
					c.receive_exactly(9);
					w.sleep_ms(w.chance().below(15));
				}
				c.receive_all();
			});

		bool reached = w.wait_for_step(step);

		server.stop();
		w.unload();
		return reached;
	});
}

/* Each deadline is kept, beside any other event of the connection. */
TEST_P(Server, EndsEachInTime)
{
	options how;

	how.buffer_bytes = small;
	sim::explore(2000, how, [this](world &w) {
		ktcp::server<impatient, ktcp::any_model> server;

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = 0; i < 3; i++)
			w.spawn("client", [&w] {
				client c;

				SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(port)), 0);
				for (uint32_t sends = w.chance().below(4); sends > 0; sends--) {
					c.send("text");
					w.sleep_ms(w.chance().below(10));
				}

				const uint64_t quiet_since = w.now_ms();

				/* It ends it: the client does not. */
				c.receive_all();
				SIM_EXPECT(w, w.now_ms() - quiet_since < 300);
			});
		w.join();
		server.stop();
		w.unload();
	});
}

/* The listener is destroyed at every single step: the next client is served all the same. */
TEST_P(Server, ListensAgain)
{
	sim::explore_steps(12, {}, [this](world &w, uint64_t step) {
		echo_server server;

		SIM_EXPECT(w, server.start(settings()));
		w.spawn("client", [] {
			client c;

			if (!c.connect(sim::v4_loopback(port)))
				c.exchange("some text");
		});

		bool reached = w.wait_for_step(step);
		std::string back;

		sim::destroy_listener(port);
		for (unsigned tries = 0; tries < 100 && back.empty(); tries++) {
			client c;

			if (!c.connect(sim::v4_loopback(port)))
				back = c.exchange("are you there?");
			else
				w.sleep_ms(1);
		}
		SIM_EXPECT(w, back == "are you there?");
		server.stop();
		w.unload();
		return reached;
	});
}

/* The same while its backlog is changed, which listen() does: it brings the lost one back for nobody. */
TEST_P(Server, ListensAgainBesideAChange)
{
	sim::explore_steps(12, {}, [this](world &w, uint64_t step) {
		echo_server server;

		SIM_EXPECT(w, server.start(settings()));
		w.spawn("change", [&] {
			auto others = settings();

			others.backlog = 5;
			SIM_EXPECT(w, server.change(others));
		});

		bool reached = w.wait_for_step(step);
		std::string back;

		sim::destroy_listener(port);
		for (unsigned tries = 0; tries < 100 && back.empty(); tries++) {
			client c;

			if (!c.connect(sim::v4_loopback(port)))
				back = c.exchange("are you there?");
			else
				w.sleep_ms(1);
		}
		SIM_EXPECT(w, back == "are you there?");
		w.join();
		server.stop();
		w.unload();
		return reached;
	});
}

/* The accept work heeds a change of the rules once. So it must have the rules once it sees the change. */
TEST(Rules, AreSeenWithTheirChange)
{
	sim::explore(4000, {}, [](world &w) {
		ktcp::peer_rules rules;

		w.spawn("operator", [&] { SIM_EXPECT(w, rules.set("", "127.0.0.2")); });
		w.spawn("accept work", [&] {
			if (rules.changes())
				SIM_EXPECT(w, rules.any());
		});
		w.join();
		SIM_EXPECT(w, rules.changes() == 1 && rules.any());
	});
}

TEST_P(Server, StopsWhileItsListenerIsDestroyed)
{
	options how;

	how.fail_chance = 3000;
	sim::explore(4000, how, [this](world &w) {
		echo_server server;

		if (!server.start(settings())) {
			w.unload();
			return;
		}
		for (unsigned i = 0; i < 2; i++)
			w.spawn("ss -K", [&w] {
				for (unsigned n = 0; n < 3; n++) {
					w.sleep_ms(w.chance().below(30));
					sim::destroy_listener(port);
				}
			});
		w.spawn("client", [&w] { misbehave(w); });
		w.sleep_ms(w.chance().below(60));
		server.stop();
		w.unload();
		w.join();
	});
}

/* Each single allocation or call that can fail, fails once: at load, at accept, later. */
TEST_P(Server, SurvivesEveryFailure)
{
	sim::explore_failures(20, {}, [this](world &w) {
		echo_server server;

		if (auto started = server.start(settings()); !started) {
			SIM_EXPECT(w, w.injected());
			w.unload();
			return;
		}
		for (unsigned i = 0; i < 2; i++)
			w.spawn("client", [&w, i] {
				client c;
				std::string text = pattern(100, i);

				if (c.connect(sim::v4_loopback(port)))
					return;

				std::string back = c.exchange(text);

				/* Never a wrong byte, and never fewer unless told so. */
				SIM_EXPECT(w, text.substr(0, back.size()) == back);
				if (!w.injected())
					SIM_EXPECT_EQ(w, back.size(), text.size());
			});
		w.join();
		server.stop();
		w.unload();
	});
}

/* Everything may fail, at any time. */
TEST_P(Server, SurvivesManyFailures)
{
	options how;

	how.fail_chance = 3000;
	how.scarce_memory = true;
	how.hasty_time = true;
	how.buffer_bytes = small;
	sim::explore(4000, how, [this](world &w) {
		echo_server server;

		if (!server.start(settings())) {
			w.unload();
			return;
		}
		for (unsigned i = 0; i < 3; i++)
			w.spawn("client", [&w] { misbehave(w); });
		w.sleep_ms(w.chance().below(300));
		server.stop();
		w.unload();
	});
}

TEST_P(Server, ClosesIdleConnections)
{
	options how;

	how.buffer_bytes = small;
	sim::explore(500, how, [this](world &w) {
		echo_server server;
		uint64_t before = w.now_ms();

		start(w, server, [](auto &with) { with.timeouts.idle_ms = 1000; });

		client quiet, stuck;

		SIM_EXPECT_EQ(w, quiet.connect(sim::v4_loopback(port)), 0);
		SIM_EXPECT_EQ(w, quiet.send("x"), 0);
		/* One that sends and never reads: the server cannot go on either. */
		w.spawn("stuck", [&] {
			SIM_EXPECT_EQ(w, stuck.connect(sim::v4_loopback(port)), 0);
			stuck.send(pattern(too_much, 1)); /* returns, for the server closes */
			stuck.close();
		});
		SIM_EXPECT(w, quiet.receive_all() == "x");
		SIM_EXPECT_EQ(w, quiet.status(), 0);
		SIM_EXPECT(w, w.now_ms() - before >= 1000);
		SIM_EXPECT(w, w.now_ms() - before < 3000);
		w.join();
		quiet.close();
		server.stop();
		w.unload();
	});
}

TEST_P(Server, RefusesBeyondItsLimit)
{
	sim::explore(500, {}, [this](world &w) {
		echo_server server;

		start(w, server, [](auto &with) { with.max_connections = 2; });

		client inside[2];
		char byte;

		for (client &c : inside) {
			SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(port)), 0);
			SIM_EXPECT_EQ(w, c.send("a"), 0);
			SIM_EXPECT(w, c.receive_exactly(1) == "a");
		}
		client beyond;

		/* The reset may come before connect() has returned. */
		if (!beyond.connect(sim::v4_loopback(port)))
			SIM_EXPECT(w, beyond.receive(&byte, 1) < 0);
		/* Those inside do not notice. */
		for (client &c : inside) {
			SIM_EXPECT_EQ(w, c.send("b"), 0);
			SIM_EXPECT(w, c.receive_exactly(1) == "b");
			c.finish_sending();
			SIM_EXPECT(w, c.receive_all().empty());
			c.close();
		}
		/* And there is room again. */
		w.wait_until_idle();
		client later;

		SIM_EXPECT_EQ(w, later.connect(sim::v4_loopback(port)), 0);
		SIM_EXPECT_EQ(w, later.send("c"), 0);
		SIM_EXPECT(w, later.receive_exactly(1) == "c");
		later.close();
		server.stop();
		w.unload();
	});
}

/* Of one address so many, independent of the others; and room again when one leaves. */
TEST_P(Server, LimitsEachSource)
{
	sim::explore(500, {}, [this](world &w) {
		echo_server server;

		start(w, server, [](auto &with) { with.max_per_source = 2; });

		client inside[4];
		char byte;

		for (unsigned i = 0; i < 4; i++) {
			SIM_EXPECT_EQ(w,
				      inside[i].connect_from(sim::v4(127, 0, 0, 2 + i / 2, 0),
							     sim::v4_loopback(port)),
				      0);
			SIM_EXPECT_EQ(w, inside[i].send("a"), 0);
			SIM_EXPECT(w, inside[i].receive_exactly(1) == "a");
		}
		client beyond, later;

		if (!beyond.connect_from(sim::v4(127, 0, 0, 2, 0), sim::v4_loopback(port)))
			SIM_EXPECT(w, beyond.receive(&byte, 1) < 0);
		for (client &c : inside) {
			SIM_EXPECT_EQ(w, c.send("b"), 0);
			SIM_EXPECT(w, c.receive_exactly(1) == "b");
		}
		inside[0].finish_sending();
		SIM_EXPECT(w, inside[0].receive_all().empty());
		inside[0].close();
		w.wait_until_idle();
		SIM_EXPECT_EQ(
			w, later.connect_from(sim::v4(127, 0, 0, 2, 0), sim::v4_loopback(port)), 0);
		SIM_EXPECT_EQ(w, later.send("c"), 0);
		SIM_EXPECT(w, later.receive_exactly(1) == "c");
		server.stop();
		w.unload();
	});
}

/* A peer that takes none of our bytes is given up; one that just says nothing is not. */
TEST_P(Server, GivesUpPeersThatTakeNothing)
{
	options how;

	how.buffer_bytes = small;
	sim::explore(500, how, [this](world &w) {
		echo_server server;
		const uint64_t before = w.now_ms();

		start(w, server, [](auto &with) { with.timeouts.write_ms = 1000; });

		client quiet, stuck;

		SIM_EXPECT_EQ(w, quiet.connect(sim::v4_loopback(port)), 0);
		SIM_EXPECT_EQ(w, stuck.connect(sim::v4_loopback(port)), 0);
		stuck.send(pattern(too_much, 1)); /* returns, for the server closes */
		SIM_EXPECT(w, w.now_ms() - before >= 1000);
		SIM_EXPECT(w, w.now_ms() - before < 4000);
		w.sleep_ms(3000);
		SIM_EXPECT_EQ(w, quiet.send("x"), 0);
		SIM_EXPECT(w, quiet.receive_exactly(1) == "x");
		server.stop();
		w.unload();
	});
}

/*
 * A peer is quiet for longer than a write may wait. Then a look comes just when a write begins to wait for memory:
 * the write has not waited all that time.
 */
TEST_P(Server, GivesEachWriteItsTime)
{
	options how;

	how.scarce_memory = true;
	sim::explore(6000, how, [this](world &w) {
		echo_server server;
		auto with = settings();
		client c;

		with.placement = ktcp::placement::anywhere;
		with.timeouts.write_ms = 1000;
		SIM_EXPECT(w, server.start(with));
		SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(port)), 0);
		for (unsigned int i = 0; i < 8; i++) {
			w.sleep_ms(1100);
			/* Each connection is looked at in the wheel's next tick, of 32 ms. */
			with.timeouts.write_ms = 1001 + i;
			SIM_EXPECT(w, server.change(with));
			w.sleep_ms(32 - static_cast<unsigned>(w.now_ms() % 32));
			SIM_EXPECT_EQ(w, c.send("x"), 0);
			SIM_EXPECT(w, c.receive_exactly(1) == "x");
		}
		server.stop();
		w.unload();
	});
}

/*
 * A peer that takes some bytes now and then is served to the end. Its steps are smaller than the third
 * of the send buffer that has to be free before the server is told of room.
 */
TEST_P(Server, ServesSlowPeersToTheEnd)
{
	options how;

	how.buffer_bytes = 60;
	sim::explore(300, how, [this](world &w) {
		const std::string text = pattern(300, 1);
		echo_server server;

		start(w, server,
		      [](auto &with) { with.timeouts = { .idle_ms = 1500, .write_ms = 1000 }; });

		client slow;
		std::string back;
		char piece[5];
		long got;

		SIM_EXPECT_EQ(w, slow.connect(sim::v4_loopback(port)), 0);
		w.spawn("sender", [&] {
			SIM_EXPECT_EQ(w, slow.send(text), 0);
			slow.finish_sending();
		});
		while ((got = slow.receive(piece, sizeof(piece))) > 0) {
			back.append(piece, size_t(got));
			w.sleep_ms(700);
		}
		SIM_EXPECT_EQ(w, slow.status(), 0);
		SIM_EXPECT(w, back == text);
		w.join();
		server.stop();
		w.unload();
	});
}

/* Stopping lets connections finish, and does not wait longer than they take. */
TEST_P(Server, DrainsPeersThatFinish)
{
	sim::explore(500, {}, [this](world &w) {
		echo_server server;

		start(w, server, [](auto &with) { with.drain_ms = 2000; });

		client c;

		SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(port)), 0);
		SIM_EXPECT_EQ(w, c.send("a"), 0);
		SIM_EXPECT(w, c.receive_exactly(1) == "a");
		w.spawn("client", [&] {
			client late;

			w.sleep_ms(500);
			SIM_EXPECT(w, late.connect(sim::v4_loopback(port)) < 0);
			SIM_EXPECT(w, c.exchange("still there") == "still there");
			SIM_EXPECT_EQ(w, c.status(), 0);
			c.close();
		});

		const uint64_t before = w.now_ms();

		server.stop();
		SIM_EXPECT(w, w.now_ms() - before >= 500);
		SIM_EXPECT(w, w.now_ms() - before < 1500);
		w.unload();
		w.join();
	});
}

/* But not for ever, even if a client stays. */
TEST_P(Server, DrainsForSoLong)
{
	options how;

	how.buffer_bytes = small;
	sim::explore(500, how, [this](world &w) {
		echo_server server;

		start(w, server, [](auto &with) { with.drain_ms = 700; });

		client idle, deaf;

		SIM_EXPECT_EQ(w, idle.connect(sim::v4_loopback(port)), 0);
		SIM_EXPECT_EQ(w, deaf.connect(sim::v4_loopback(port)), 0);
		w.spawn("deaf", [&] { deaf.send(pattern(too_much, 2)); });
		w.sleep_ms(100);

		const uint64_t before = w.now_ms();

		server.stop();
		SIM_EXPECT(w, w.now_ms() - before >= 700);
		SIM_EXPECT(w, w.now_ms() - before < 1000);
		w.unload();
		w.join();
	});
}

/* With clients that are connected and silent, and ones that never read, stop() is prompt. */
TEST_P(Server, StopsPromptly)
{
	options how;

	how.buffer_bytes = small;
	sim::explore(500, how, [this](world &w) {
		echo_server server;

		SIM_EXPECT(w, server.start(settings()));

		client idle[3], deaf;

		for (client &c : idle)
			SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(port)), 0);
		SIM_EXPECT_EQ(w, deaf.connect(sim::v4_loopback(port)), 0);
		w.spawn("deaf", [&] { deaf.send(pattern(too_much, 2)); });
		w.sleep_ms(100);

		uint64_t before = w.now_ms();

		server.stop();
		SIM_EXPECT(w, w.now_ms() - before < 200);
		w.unload();
		SIM_EXPECT_EQ(w, w.module_sockets(), 0u);
		for (client &c : idle)
			SIM_EXPECT(w, c.receive_all().empty());
		w.join();
	});
}

/* Bytes that were written before the close arrive, though the link was down when it closed. */
TEST_P(Server, ClosingDelivers)
{
	struct farewell {
		ktcp::task operator()(ktcp::connection &peer) const
		{
			static_cast<void>(co_await peer.read());
			static_cast<void>(co_await peer.write("so long"));
		}
	};

	options how;

	how.buffer_bytes = 4096;
	sim::explore(1000, how, [this](world &w) {
		ktcp::server<farewell, ktcp::any_model> server;

		SIM_EXPECT(w, server.start(settings()));

		client c;

		SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(port)), 0);
		SIM_EXPECT_EQ(w, c.send("."), 0);
		w.sleep_ms(w.chance().below(3));
		w.link(false);
		w.sleep_ms(500);
		w.link(true);
		SIM_EXPECT(w, c.receive_all() == "so long");
		SIM_EXPECT_EQ(w, c.status(), 0);
		c.close();
		server.stop();
		w.unload();
	});
}

TEST_P(Server, StartsOnlyOnceOnAPort)
{
	sim::explore(200, {}, [this](world &w) {
		echo_server first, second;
		auto with = settings();

		SIM_EXPECT(w, first.start(with));
		SIM_EXPECT(w, first.start(with).error() == ktcp::errc::ebusy);
		with.name = "other";
		SIM_EXPECT(w, second.start(with).error() == ktcp::errc::eaddrinuse);
		first.stop();
		SIM_EXPECT(w, second.start(with));
		SIM_EXPECT(w, first.start(settings()).error() == ktcp::errc::eaddrinuse);
		second.stop();
		SIM_EXPECT(w, first.start(settings()));
		SIM_EXPECT_EQ(w, first.port(), port);
		first.stop();
		SIM_EXPECT_EQ(w, first.port(), 0);
		w.unload();
	});
}

/* Peers of the first address may be served already when the next one turns out wrong. */
TEST_P(Server, LeavesNobodyBehindAWrongAddress)
{
	sim::explore(1000, {}, [this](world &w) {
		echo_server server;
		auto settings_ = settings();
		bool over = false;

		settings_.address = "127.0.0.1,nowhere";
		settings_.drain_ms = 60'000;
		w.spawn("early", [&] {
			client c;

			while (!over && c.connect(sim::v4_loopback(port)))
				w.point();
			static_cast<void>(c.exchange("early"));
		});
		w.sleep_ms(1);
		SIM_EXPECT(w, server.start(settings_).error() == ktcp::errc::einval);
		SIM_EXPECT(w, w.now_ms() < 30'000);
		over = true;
		w.unload();
		w.join();
	});
}

/* A second start, over the first one's connections: they are in TIME-WAIT, or not even that. */
TEST_P(Server, StartsAgainAtOnce)
{
	sim::explore(300, {}, [this](world &w) {
		echo_server server;
		client before, after;

		SIM_EXPECT(w, server.start(settings()));
		SIM_EXPECT_EQ(w, before.connect(sim::v4_loopback(port)), 0);
		SIM_EXPECT_EQ(w, before.send("a"), 0);
		SIM_EXPECT(w, before.receive_exactly(1) == "a");
		server.stop();
		if (w.chance().coin()) {
			SIM_EXPECT(w, before.receive_all().empty());
			before.close();
			w.sleep_ms(10);
		}
		SIM_EXPECT(w, server.start(settings()));
		SIM_EXPECT_EQ(w, after.connect(sim::v4_loopback(port)), 0);
		SIM_EXPECT(w, after.exchange("b") == "b");
		server.stop();
		w.unload();
	});
}

/*
 * More connections than are accepted in one turn (64), and none after them to announce the rest.
 * They come all at once, when the link is up again.
 */
TEST_P(Server, AcceptsAWholeBacklog)
{
	options how;

	how.buffer_bytes = small;
	sim::explore(250, how, [this](world &w) {
		echo_server server;

		SIM_EXPECT(w, server.start(settings()));
		w.link(false);
		for (int i = 0; i < 66; i++)
			w.spawn("client", [&w] {
				client c;

				SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(port)), 0);
				SIM_EXPECT_EQ(w, c.send("x"), 0);
				SIM_EXPECT(w, c.receive_exactly(1) == "x");
			});
		w.sleep_ms(100);
		w.link(true);
		w.join();
		server.stop();
		w.unload();
	});
}

/* IPv4 alone where there is no IPv6. */
TEST_P(Server, WithoutIpv6)
{
	options how;

	how.ipv6 = false;
	sim::explore(200, how, [this](world &w) {
		echo_server server;

		SIM_EXPECT(w, server.start(settings()));
		w.spawn("client", [&w] { converse(w, 50, 1, sim::v4_loopback(port)); });
		w.join();
		server.stop();
		w.unload();
	});
}

} // namespace
