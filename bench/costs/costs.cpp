// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * costs: an echo server that does one thing so many times for each message. A message then takes more
 * instructions than with what=nothing. The difference, over times, is the cost of that thing. Some things
 * take two connections, so it serves two.
 */
#include <array>

#include <ktcp/channel.hpp>
#include <ktcp/event.hpp>
#include <ktcp/group.hpp>
#include <ktcp/run_blocking.hpp>
#include <ktcp/scope.hpp>
#include <ktcp/server_module.hpp>
#include <ktcp/strand_lock.hpp>
#include <ktcp/timer.hpp>

namespace
{

using checked = ktcp::task_of<void>;

/* A question of one connection's to the other, and the answer: by events, or by messages. */
struct by_event {
	using here = ktcp::event;
	using there = ktcp::event::setter;

	static auto make(ktcp::connection &peer) noexcept
	{
		return here::create(peer);
	}

	static there other_end(const here &of) noexcept
	{
		return of.get_setter();
	}

	static bool tell(const there &whom) noexcept
	{
		return whom.set();
	}

	static auto wait(here &for_it) noexcept
	{
		return for_it.wait();
	}
};

struct by_channel {
	using here = ktcp::channel<int>;
	using there = here::sender;

	static auto make(ktcp::connection &peer) noexcept
	{
		return here::create(peer, 4);
	}

	static there other_end(const here &of) noexcept
	{
		return of.get_sender();
	}

	static bool tell(const there &whom) noexcept
	{
		return static_cast<bool>(whom.send(1));
	}

	static auto wait(here &for_it) noexcept
	{
		return for_it.receive();
	}
};

/* The two connections, as each reaches the other. */
template <class By>
struct pair {
	struct ends {
		typename By::there question, answer;
	};

	ktcp::spin_guarded<std::array<ends, 2>> both;
};

struct handler {
	pair<by_event> *events;
	pair<by_channel> *channels;
	ktcp::atomic<unsigned int> *count;

	ktcp::task operator()(ktcp::connection &peer) const
	{
		const unsigned int mine = count->fetch_add(1, ktcp::memory_order_relaxed) % 2;
		const std::string_view what = ktcp::params::what();

		if (what == "event")
			static_cast<void>(co_await across(peer, *events, mine));
		else if (what == "channel")
			static_cast<void>(co_await across(peer, *channels, mine));
		else
			while (auto got = co_await peer.read())
				if (!co_await alone(peer, named(what)) ||
				    !co_await peer.write(*got))
					break;
	}

	/* Things of one connection. */
	enum thing { nothing, task, child, sleep, within, lock, block };

	static thing named(std::string_view what) noexcept
	{
		constexpr std::string_view names[] = { "nothing", "task", "child", "sleep",
						       "within",  "lock", "block" };

		for (std::size_t i = 0; i < std::size(names); i++)
			if (names[i] == what)
				return static_cast<thing>(i);
		return nothing;
	}

	static checked alone(ktcp::connection &peer, thing what)
	{
		const auto empty = [] {};
		ktcp::scope children(peer);
		ktcp::strand_lock one(peer);

		for (long i = 0; i < ktcp::params::times(); i++) {
			switch (what) {
			case nothing:
				break;
			case task:
				KTCP_CO_CHECK(co_await does_nothing(peer));
				break;
			case child:
				KTCP_CO_CHECK(children.spawn(does_nothing(peer)));
				KTCP_CO_CHECK(co_await children.join());
				break;
			case sleep:
				KTCP_CO_CHECK(co_await ktcp::sleep_for(peer, 0));
				break;
			case within:
				KTCP_CO_CHECK(co_await ktcp::within(peer, 60000,
								    ktcp::sleep_for(peer, 0)));
				break;
			case lock: {
				ktcp::strand_lock::guard mine(one);

				KTCP_CO_CHECK(co_await mine.wait());
				break;
			}
			case block:
				KTCP_CO_CHECK(co_await ktcp::run_blocking(peer, empty));
				break;
			}
		}
		co_return ktcp::result<void>();
	}

	static checked does_nothing(ktcp::connection &)
	{
		co_return ktcp::result<void>();
	}

	/* Things between the two. */
	template <class By>
	static checked across(ktcp::connection &peer, pair<By> &all, unsigned int mine)
	{
		KTCP_CO_TRY(auto question, By::make(peer));
		KTCP_CO_TRY(auto answer, By::make(peer));
		(*all.both.lock())[mine] = { By::other_end(question), By::other_end(answer) };
		static_cast<void>(co_await ktcp::race(asks<By>(peer, all, mine, answer),
						      answers<By>(peer, all, mine, question)));
		(*all.both.lock())[mine] = {};
		co_return ktcp::result<void>();
	}

	template <class By>
	static checked asks(ktcp::connection &peer, pair<By> &all, unsigned int mine,
			    typename By::here &answer)
	{
		while (auto got = co_await peer.read()) {
			const auto other = (*all.both.lock())[1 - mine].question;

			for (long i = 0; i < ktcp::params::times() && By::tell(other); i++)
				KTCP_CO_CHECK(co_await By::wait(answer));
			KTCP_CO_CHECK(co_await peer.write(*got));
		}
		co_return ktcp::result<void>();
	}

	template <class By>
	static checked answers(ktcp::connection &, pair<By> &all, unsigned int mine,
			       typename By::here &question)
	{
		for (;;) {
			KTCP_CO_CHECK(co_await By::wait(question));
			By::tell((*all.both.lock())[1 - mine].answer);
		}
	}
};

struct costs {
	pair<by_event> events;
	pair<by_channel> channels;
	ktcp::atomic<unsigned int> count = 0;
	ktcp::server_module<handler> server{ handler{ &events, &channels, &count } };

	ktcp::result<void> start() noexcept
	{
		return server.start();
	}
};

} // namespace

KTCP_MODULE_OBJECT(costs)
