/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Outgoing connections, over many schedules: a proxy between clients and an echo server, in each of its
 * models. Its two sides do all that they can. When it has stopped, its sockets, its memory and its timers
 * are gone.
 */
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include <ktcp/connect.hpp>
#include <ktcp/relay.hpp>
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

constexpr uint16_t echo_port = 7, proxy_port = 8;

struct echo {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto received = co_await peer.read())
			if (!co_await peer.write(*received))
				break;
	}
};

struct proxy {
	ktcp::endpoint target{ sim::v4_loopback(echo_port) };
	unsigned int timeout_ms = 0;

	ktcp::task operator()(ktcp::connection &client) const
	{
		auto server = co_await ktcp::connect(client, target, { .timeout_ms = timeout_ms });

		if (!server || !co_await ktcp::relay(client, *server))
			client.reset_at_end();
	}
};

/* Connects for so long, then another way, or not at all. */
struct impatient {
	static ktcp::task_of<int> try_one(ktcp::connection &peer, ktcp::endpoint to)
	{
		const auto server = co_await ktcp::connect(peer, to, { .timeout_ms = 50 });

		if (!server)
			co_return server.error();
		co_return 1;
	}

	static ktcp::task_of<int> wait(ktcp::connection &peer)
	{
		const auto slept = co_await ktcp::sleep_for(peer, 20);

		if (!slept)
			co_return slept.error();
		co_return 2;
	}

	ktcp::task operator()(ktcp::connection &peer) const
	{
		const ktcp::endpoint silent{ sim::v4(192, 0, 2, 1, 7) };
		const ktcp::endpoint there{ sim::v4_loopback(echo_port) };
		const auto first = co_await ktcp::race(try_one(peer, there), wait(peer),
						       try_one(peer, silent));

		if (first) {
			const auto written = co_await peer.write("done");

			if (!written)
				peer.reset_at_end();
		}
	}
};

template <class Handler>
using server_of = ktcp::server<Handler, ktcp::any_model>;

std::string pattern(size_t size, unsigned salt)
{
	std::string text(size, '\0');
	uint32_t x = salt * 2654435761u + 1;

	for (char &c : text)
		c = char((x = x * 1664525 + 1013904223) >> 24);
	return text;
}

class Proxy : public testing::TestWithParam<const char *> {
    protected:
	static ktcp::server_options echo_settings()
	{
		ktcp::server_options o;

		o.name = "echo";
		o.port = echo_port;
		o.timeouts = { .idle_ms = 0, .write_ms = 0 }; /* each test chooses its own */
		return o;
	}

	ktcp::server_options settings() const
	{
		ktcp::server_options o;

		o.name = "proxy";
		o.port = proxy_port;
		o.model = GetParam();
		o.timeouts = { .idle_ms = 0, .write_ms = 0 }; /* each test chooses its own */
		return o;
	}
};

INSTANTIATE_TEST_SUITE_P(Model, Proxy, testing::Values("event", "work", "thread"),
			 [](const auto &info) { return std::string(info.param); });

void converse(world &w, size_t size, unsigned salt)
{
	client c;
	std::string text = pattern(size, salt);

	SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(proxy_port)), 0);

	std::string back = c.exchange(text);

	SIM_EXPECT_EQ(w, c.status(), 0);
	SIM_EXPECT_EQ(w, back.size(), text.size());
	SIM_EXPECT(w, back == text);
}

/* Clients of every kind, which all go in the end; nothing is promised to them. */
void misbehave(world &w)
{
	client c;

	if (c.connect(sim::v4_loopback(proxy_port)))
		return;
	switch (w.chance().below(5)) {
	case 0: /* silent */
		w.sleep_ms(w.chance().below(100));
		break;
	case 1: /* never reads: blocked once all buffers are full */
		c.send(pattern(5000, 4), 200);
		c.reset();
		break;
	case 2:
		c.send(pattern(w.chance().below(600), 3), 200);
		c.reset();
		break;
	case 3:
		c.send("some text");
		c.receive_exactly(3);
		break;
	default:
		c.finish_sending();
		c.receive_all();
	}
}

TEST_P(Proxy, PassesBothDirectionsOn)
{
	sim::explore(2000, {}, [this](world &w) {
		server_of<echo> target;
		server_of<proxy> server;
		auto with = settings();

		with.placement = static_cast<ktcp::placement>(w.chance().below(3));
		SIM_EXPECT(w, target.start(echo_settings()));
		SIM_EXPECT(w, server.start(with));
		for (unsigned i = 0; i < 2; i++)
			w.spawn("client", [&w, i] {
				size_t sizes[] = { 0, 1, 30, 150 };

				converse(w, sizes[w.chance().below(4)], i);
			});
		w.join();
		server.stop();
		target.stop();
		w.unload();
	});
}

TEST_P(Proxy, PassesOnWhenMemoryIsScarce)
{
	options how;

	how.scarce_memory = true;
	how.buffer_bytes = 60;
	sim::explore(1000, how, [this](world &w) {
		server_of<echo> target;
		server_of<proxy> server;

		SIM_EXPECT(w, target.start(echo_settings()));
		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = 0; i < 2; i++)
			w.spawn("client", [&w, i] { converse(w, 200, i); });
		w.join();
		server.stop();
		target.stop();
		w.unload();
	});
}

TEST_P(Proxy, ResetsTheClientWhereNobodyListens)
{
	sim::explore(1000, {}, [this](world &w) {
		server_of<proxy> server;

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = 0; i < 2; i++)
			w.spawn("client", [&w] {
				client c;

				/* The reset may be there before it looks. */
				if (int why = c.connect(sim::v4_loopback(proxy_port))) {
					SIM_EXPECT_EQ(w, why, -ECONNRESET);
					return;
				}

				const int sent = c.send("hello?", 100);

				SIM_EXPECT(w, c.receive_all().empty());
				SIM_EXPECT(w, sent != 0 || c.status() != 0);
			});
		w.join();
		server.stop();
		w.unload();
	});
}

TEST_P(Proxy, GivesASilentTargetUpInTime)
{
	sim::explore(500, {}, [this](world &w) {
		server_of<proxy> server(proxy{ ktcp::endpoint(sim::v4(192, 0, 2, 1, 7)), 100 });

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = 0; i < 2; i++)
			w.spawn("client", [&w] {
				client c;

				SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(proxy_port)), 0);
				c.send("hello?", 100);

				const uint64_t since = w.now_ms();

				SIM_EXPECT(w, c.receive_all().empty());
				SIM_EXPECT(w, w.now_ms() - since < 500);
			});
		w.join();
		server.stop();
		w.unload();
	});
}

/* And the kernel's patience is an error like the others. */
TEST_P(Proxy, HearsOfTheKernelsOwnTimeout)
{
	sim::explore(200, {}, [this](world &w) {
		server_of<proxy> server(proxy{ ktcp::endpoint(sim::v4(192, 0, 2, 1, 7)) });

		SIM_EXPECT(w, server.start(settings()));
		w.spawn("client", [&w] {
			client c;

			SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(proxy_port)), 0);
			c.send("hello?", 100);
			SIM_EXPECT(w, c.receive_all().empty());
		});
		w.join();
		server.stop();
		w.unload();
	});
}

TEST_P(Proxy, EndsTheLoserOfARace)
{
	sim::explore(1000, {}, [this](world &w) {
		server_of<echo> target;
		server_of<impatient> server;
		const bool there = w.chance().coin();

		if (there)
			SIM_EXPECT(w, target.start(echo_settings()));
		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = 0; i < 2; i++)
			w.spawn("client", [&w] {
				client c;

				SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(proxy_port)), 0);
				c.finish_sending();
				SIM_EXPECT(w, c.receive_all() == "done");
			});
		w.join();
		server.stop();
		target.stop();
		w.unload();
	});
}

TEST_P(Proxy, LetsGoOfBothSides)
{
	options how;

	how.scarce_memory = true;
	how.buffer_bytes = 300;
	sim::explore(1500, how, [this](world &w) {
		server_of<echo> target;
		server_of<proxy> server;

		SIM_EXPECT(w, target.start(echo_settings()));
		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = w.chance().between(1, 3); i > 0; i--)
			w.spawn("client", [&w] { misbehave(w); });
		/* Another write timeout reaches those that are open just then, and no other. */
		w.spawn("operator", [&] {
			auto with = settings();

			for (unsigned i = 0; i < 3; i++) {
				w.sleep_ms(w.chance().below(60));
				with.timeouts.write_ms = w.chance().below(3) * 500;
				SIM_EXPECT(w, server.change(with));
			}
		});
		w.join();
		w.sleep_ms(3000);
		w.wait_until_idle();
		SIM_EXPECT_EQ(w, w.module_sockets(), 0u);
		server.stop();
		target.stop();
		w.unload();
	});
}

TEST_P(Proxy, StopsWithClientsOfEveryKind)
{
	options how;

	how.scarce_memory = true;
	how.buffer_bytes = 300;
	sim::explore(1500, how, [this](world &w) {
		server_of<echo> target;
		server_of<proxy> server(proxy{ w.chance().coin() ?
						       ktcp::endpoint(sim::v4_loopback(echo_port)) :
						       ktcp::endpoint(sim::v4(192, 0, 2, 1, 7)),
					       50 });

		SIM_EXPECT(w, target.start(echo_settings()));
		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = w.chance().between(1, 3); i > 0; i--)
			w.spawn("client", [&w] { misbehave(w); });
		w.sleep_ms(w.chance().below(150));
		if (w.chance().coin())
			target.stop();
		server.stop();
		target.stop();
		w.unload();
		w.join();
	});
}

/* stop() at every single step of a short life. */
TEST_P(Proxy, StopsAtEveryStep)
{
	sim::explore_steps(3, {}, [this](world &w, uint64_t step) {
		server_of<echo> target;
		server_of<proxy> server;

		SIM_EXPECT(w, target.start(echo_settings()));
		SIM_EXPECT(w, server.start(settings()));
		w.spawn("client", [] {
			client c;

			if (c.connect(sim::v4_loopback(proxy_port)))
				return;
			c.send("some text");
			c.receive_exactly(9);
			c.finish_sending();
			c.receive_all();
		});

		bool reached = w.wait_for_step(step);

		server.stop();
		target.stop();
		w.unload();
		return reached;
	});
}

/* Each call that may fail does, one at a time. */
TEST_P(Proxy, SurvivesEveryFailure)
{
	sim::explore_failures(3, {}, [this](world &w) {
		server_of<echo> target;
		server_of<proxy> server;

		if (target.start(echo_settings()) && server.start(settings())) {
			w.spawn("client", [] {
				client c;

				if (c.connect(sim::v4_loopback(proxy_port)))
					return;
				c.send("some text");
				c.receive_exactly(9);
				c.finish_sending();
				c.receive_all();
			});
			w.join();
		}
		server.stop();
		target.stop();
		w.unload();
	});
}

} // namespace
