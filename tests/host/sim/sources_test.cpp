/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Connections that others wake, and that have times and several coroutines. Channels and events are set
 * by other connections and from outside. In each model, over many schedules.
 */
#include <gtest/gtest.h>

#include <list>
#include <string>

#include <ktcp/channel.hpp>
#include <ktcp/event.hpp>
#include <ktcp/exact_timer.hpp>
#include <ktcp/group.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/port/time.h>
#include <ktcp/run_blocking.hpp>
#include <ktcp/scope.hpp>
#include <ktcp/server.hpp>
#include <ktcp/strand_lock.hpp>
#include <ktcp/timer.hpp>

#include <sim/client.hpp>
#include <sim/explore.hpp>
#include <sim/world.hpp>

namespace
{

using sim::client;
using sim::options;
using sim::world;

constexpr uint16_t port = 7;

using inbox = ktcp::channel<char>;

/* The members and the bells. It outlives the server. */
struct hub {
	ktcp::spin_guarded<std::list<inbox::sender>> members;
	ktcp::spin_guarded<std::list<ktcp::event::setter>> bells;

	void tell_all(char what)
	{
		auto held = members.lock();

		for (const inbox::sender &each : *held)
			static_cast<void>(each.send(what));
	}

	void ring()
	{
		auto held = bells.lock();

		for (const ktcp::event::setter &each : *held)
			each.set();
	}

	/* Before the module goes, for the memory is its own. */
	void forget()
	{
		bells.lock()->clear();
	}
};

/* A place in its list, for as long as this lives. */
template <class List>
class seat {
    public:
	seat(ktcp::spin_guarded<List> &in, typename List::value_type who) : in_(in)
	{
		auto held = in_.lock();

		at_ = held->insert(held->end(), std::move(who));
	}

	seat(const seat &) = delete;

	~seat()
	{
		List gone;
		auto held = in_.lock();

		gone.splice(gone.end(), *held, at_);
	}

    private:
	ktcp::spin_guarded<List> &in_;
	typename List::iterator at_;
};

/* Each byte of each peer goes to all of them. */
struct relay {
	hub *shared;

	static ktcp::task_of<void> listen(ktcp::connection &peer, hub &shared)
	{
		while (auto got = co_await peer.read())
			for (std::byte each : *got)
				shared.tell_all(static_cast<char>(each));
		co_return ktcp::result<void>();
	}

	static ktcp::task_of<void> deliver(ktcp::connection &peer, inbox &from)
	{
		for (;;) {
			const auto next = co_await from.receive();

			if (!next)
				co_return next.error();

			const char text[] = { *next };

			KTCP_CO_CHECK(co_await peer.write(std::string_view(text, 1)));
		}
	}

	ktcp::task operator()(ktcp::connection &peer) const
	{
		auto mine = inbox::create(peer, 64);

		if (!mine)
			co_return;

		const seat here(shared->members, mine->get_sender());

		static_cast<void>(co_await ktcp::race(listen(peer, *shared), deliver(peer, *mine)));
	}
};

/* A bell, or a byte of the peer's, or too long without either: it says which. */
struct porter {
	hub *shared;

	static ktcp::task_of<void> wait_for(ktcp::connection &, ktcp::event &bell)
	{
		co_return co_await bell.wait();
	}

	static ktcp::task_of<void> hear(ktcp::connection &peer, bool &gone)
	{
		const auto got = co_await peer.read();

		gone = !got;
		co_return ktcp::result<void>();
	}

	ktcp::task operator()(ktcp::connection &peer) const
	{
		auto bell = ktcp::event::create(peer);

		if (!bell)
			co_return;

		/* It outlives the event, the connection and the server. */
		shared->bells.lock()->push_back(bell->get_setter());

		for (;;) {
			const auto came = co_await ktcp::within(peer, 30, either(peer, *bell));

			if (!came && came.error() != ktcp::errc::etimedout)
				co_return;
			if (!co_await peer.write(came ? *came == 0 ? "b" : "p" : "t"))
				co_return;
			static_cast<void>(co_await ktcp::sleep_exactly(peer, 5000));
		}
	}

	static ktcp::task_of<std::size_t> either(ktcp::connection &peer, ktcp::event &bell)
	{
		bool gone = false;
		const auto first = co_await ktcp::race(wait_for(peer, bell), hear(peer, gone));

		if (!first)
			co_return first.error();
		if (gone)
			co_return ktcp::errc::epipe;
		co_return *first;
	}
};

/* Each byte is answered by a worker, which sleeps as long as the byte says, or by the time. */
struct office {
	hub *shared;

	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto got = co_await peer.read()) {
			const auto sleeps = [what = static_cast<char>((*got)[0]), to = shared] {
				if (what & 15)
					ktcp_msleep(what & 15);
				to->ring(); /* from the worker */
				return what;
			};
			const auto done = co_await ktcp::within(peer, 40,
								ktcp::run_blocking(peer, sleeps));

			if (!done && done.error() != ktcp::errc::etimedout)
				co_return;

			const char text[] = { done ? *done : 't' };

			if (!co_await peer.write(std::string_view(text, 1)))
				co_return;
		}
	}
};

/* A child for each byte, which answers behind a lock. That of an n listens to nothing, not even the end. */
struct bureau {
	hub *shared;

	static ktcp::task answer(ktcp::connection &peer, ktcp::strand_lock &pen, char what,
				 hub &shared)
	{
		do
			static_cast<void>(co_await ktcp::sleep_for(peer, what & 7));
		while (what == 'n');

		ktcp::strand_lock::guard alone(pen);
		const char text[] = { what };

		if (co_await alone.wait())
			static_cast<void>(co_await peer.write(std::string_view(text, 1)));
		shared.ring();
	}

	ktcp::task operator()(ktcp::connection &peer) const
	{
		ktcp::strand_lock pen(peer);
		ktcp::scope children(peer);

		while (auto got = co_await peer.read()) {
			for (std::byte each : *got)
				if (!children.spawn(
					    answer(peer, pen, static_cast<char>(each), *shared)))
					co_return;
			static_cast<void>(co_await children.join(15));
		}
		static_cast<void>(co_await children.join());
	}
};

using bureau_server = ktcp::server<bureau, ktcp::any_model>;
using office_server = ktcp::server<office, ktcp::any_model>;
using relay_server = ktcp::server<relay, ktcp::any_model>;
using porter_server = ktcp::server<porter, ktcp::any_model>;

class Sources : public testing::TestWithParam<const char *> {
    protected:
	ktcp::server_options settings() const
	{
		ktcp::server_options o;

		o.name = "sources";
		o.port = port;
		o.model = GetParam();
		o.timeouts = { .idle_ms = 0, .write_ms = 0 }; /* each test chooses its own */
		return o;
	}
};

INSTANTIATE_TEST_SUITE_P(Model, Sources, testing::Values("event", "work", "thread"),
			 [](const auto &info) { return std::string(info.param); });

/* Each hears each, itself among them, from when it has heard itself. */
void take_part(world &w, unsigned &present, unsigned all)
{
	client c;
	std::string heard;
	char byte;

	SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(port)), 0);
	SIM_EXPECT_EQ(w, c.send("j"), 0);
	SIM_EXPECT(w, c.receive_exactly(1) == "j");
	present++;
	while (present < all)
		w.sleep_ms(1);
	SIM_EXPECT_EQ(w, c.send("x"), 0);
	for (unsigned said = 0; said < all;) {
		SIM_EXPECT_EQ(w, c.receive(&byte, 1), 1);
		said += byte == 'x';
	}
	present++; /* so that no one leaves before all have heard */
	while (present < 2 * all)
		w.sleep_ms(1);
}

TEST_P(Sources, EachHearsEach)
{
	sim::explore(1500, {}, [this](world &w) {
		hub shared;
		relay_server server(relay{ &shared });
		unsigned present = 0;
		const unsigned all = w.chance().between(1, 3);

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = 0; i < all; i++)
			w.spawn("member", [&] { take_part(w, present, all); });
		w.join();
		server.stop();
		w.unload();
	});
}

TEST_P(Sources, EachHearsEachWhileCpusLeave)
{
	sim::explore(1000, {}, [this](world &w) {
		hub shared;
		relay_server server(relay{ &shared });
		unsigned present = 0;

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = 0; i < 2; i++)
			w.spawn("member", [&] { take_part(w, present, 2); });
		w.spawn("cpus", [&w] { w.shake_cpus(); });
		w.join();
		server.stop();
		w.unload();
	});
}

/* A set bell and a byte are heard at once; nothing is heard as nothing, in time. */
TEST_P(Sources, HearsBellsAndTimes)
{
	sim::explore(1000, {}, [this](world &w) {
		hub shared;
		porter_server server(porter{ &shared });

		SIM_EXPECT(w, server.start(settings()));
		w.spawn("guest", [&] {
			client c;

			SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(port)), 0);
			for (char wanted : { 't', 'b', 'p', 't' }) {
				const uint64_t since = w.now_ms();
				std::string said;

				if (wanted == 'b')
					shared.ring();
				if (wanted == 'p')
					SIM_EXPECT_EQ(w, c.send("p"), 0);
				/* It may have been about to say that nothing came. */
				do
					said = c.receive_exactly(1);
				while (wanted != 't' && said == "t");
				SIM_EXPECT(w, said == std::string(1, wanted));
				SIM_EXPECT(w, w.now_ms() - since < 400);
			}
		});
		w.join();
		server.stop();
		shared.forget();
		w.unload();
	});
}

TEST_P(Sources, AnswersWithWhatWorkersFound)
{
	sim::explore(1000, {}, [this](world &w) {
		hub shared;
		office_server server(office{ &shared });

		SIM_EXPECT(w, server.start(settings()));
		for (unsigned i = w.chance().between(1, 3); i > 0; i--)
			w.spawn("guest", [&] {
				client c;

				SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(port)), 0);
				for (const char *each : { "a", "p", "d" }) {
					SIM_EXPECT_EQ(w, c.send(each), 0);
					SIM_EXPECT(w, c.receive_exactly(1) == each);
				}
			});
		w.join();
		server.stop();
		w.unload();
	});
}

void misbehave(world &w)
{
	client c;

	if (c.connect(sim::v4_loopback(port)))
		return;
	switch (w.chance().below(4)) {
	case 0: /* silent */
		w.sleep_ms(w.chance().below(100));
		break;
	case 1: /* never reads */
		c.send(std::string(600, 'n'), 200);
		c.reset();
		break;
	case 2:
		c.send("two");
		c.finish_sending();
		c.receive_all();
		break;
	default:
		c.send("some text");
		c.receive_exactly(3);
	}
}

/* From outside, for as long as there is anybody: also while the server ends, and after. */
void bother(world &w, hub &shared)
{
	for (unsigned i = w.chance().below(15); i > 0; i--) {
		shared.ring();
		shared.tell_all('o');
		for (unsigned j = w.chance().below(30); j > 0; j--)
			w.point();
		if (w.chance().coin())
			w.sleep_ms(w.chance().below(10));
	}
}

template <class Server, class Handler>
void stop_at_any_time(world &w, const ktcp::server_options &with)
{
	hub shared;
	Server server(Handler{ &shared });

	if (!server.start(with)) {
		SIM_EXPECT(w, w.injected());
		w.unload();
		return;
	}
	for (unsigned i = w.chance().between(1, 3); i > 0; i--)
		w.spawn("client", [&w] { misbehave(w); });
	w.spawn("outside", [&] { bother(w, shared); });
	w.sleep_ms(w.chance().below(100));
	server.stop();
	w.join();
	shared.forget();
	w.unload();
}

void stop_either_at_any_time(world &w, const ktcp::server_options &with)
{
	switch (w.chance().below(4)) {
	case 0:
		return stop_at_any_time<relay_server, relay>(w, with);
	case 1:
		return stop_at_any_time<bureau_server, bureau>(w, with);
	case 2:
		return stop_at_any_time<porter_server, porter>(w, with);
	default:
		return stop_at_any_time<office_server, office>(w, with);
	}
}

TEST_P(Sources, StopsWithClientsOfEveryKind)
{
	options how;

	how.scarce_memory = true;
	how.hasty_time = true;
	how.buffer_bytes = 60;
	sim::explore(2000, how, [this](world &w) { stop_either_at_any_time(w, settings()); });
}

/* Children that do not listen are destroyed, and their parent, wherever the turn runs that finds that. */
TEST_P(Sources, StopsWhileChildrenDoNotListen)
{
	sim::explore(2000, {},
		     [this](world &w) { stop_at_any_time<bureau_server, bureau>(w, settings()); });
}

TEST_P(Sources, SurvivesManyFailures)
{
	options how;

	how.fail_chance = 3000;
	how.scarce_memory = true;
	how.hasty_time = true;
	how.buffer_bytes = 60;
	sim::explore(2000, how, [this](world &w) { stop_either_at_any_time(w, settings()); });
}

/* An outside event at every step of a short life, and after it. */
TEST_P(Sources, StopsAtEveryStep)
{
	options how;

	how.hasty_time = true;
	sim::explore_steps(6, how, [this](world &w, uint64_t step) {
		hub shared;
		porter_server server(porter{ &shared });

		SIM_EXPECT(w, server.start(settings()));
		w.spawn("client", [] {
			client c;

			if (c.connect(sim::v4_loopback(port)))
				return;
			c.send("x");
			c.receive_all();
		});
		w.spawn("outside", [&] { bother(w, shared); });

		bool reached = w.wait_for_step(step);

		server.stop();
		w.join();
		shared.forget();
		w.unload();
		return reached;
	});
}

TEST_P(Sources, SurvivesEveryFailure)
{
	sim::explore_failures(8, {}, [this](world &w) {
		stop_at_any_time<porter_server, porter>(w, settings());
	});
	sim::explore_failures(8, {}, [this](world &w) {
		stop_at_any_time<office_server, office>(w, settings());
	});
}

} // namespace
