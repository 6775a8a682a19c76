// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/cpu_turns.hpp: which place takes a CPU's turns, and what each may take. */
#include <ktcp/engine/engine.hpp>

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include <ktcp/kernel/sync.hpp>

#include "mock_port.hpp"

using ktcp::strand;
using testing::_;

namespace
{

constexpr std::uint64_t ms = 1'000'000;

class cpu_turns_test : public testing::Test {
    protected:
	/* Says where it was run, and what came of it. */
	class probe : public strand {
	    public:
		explicit probe(cpu_turns_test &test) noexcept : strand(how), test_(test)
		{
		}

		using strand::set_local;

		unsigned int turns = 0, in_process = 0, let_go = 0;
		std::function<turn_end()> turn = [] { return turn_end::given_away; };

	    private:
		static const strand::operations how;

		cpu_turns_test &test_;
	};

	testing::NiceMock<mock::mock_port> port;
	ktcp::spin_lock_irq lock;
	ktcp::engine engine = std::move(*ktcp::engine::create());

	void add(probe &one)
	{
		const ktcp::engine::here here(engine);

		here->add(one);
	}

	/* As an interrupt. */
	void add_beside(probe &one)
	{
		const ktcp::spin_lock_irq::guard alone(lock);

		engine.beside().add_beside(one);
	}

	bool has_room(const probe &next)
	{
		const ktcp::engine::here here(engine);

		return here->has_room(next);
	}

	bool has_room()
	{
		return has_room(probe(*this));
	}

	void drain()
	{
		ASSERT_TRUE(port.fake.turns->raised);
		port.fake.run_one();
	}

	bool for_the_thread() const
	{
		return port.fake.turns->work;
	}

	/* The port says so. */
	void depart()
	{
		port.fake.turns->depth++;
		port.fake.turns->ops->depart(port.fake.turns->cpu.get());
		port.fake.turns->depth--;
	}

	/* A turn lasts so long, and uses its share up or not. */
	auto lasting(std::uint64_t ns, strand::turn_end end = strand::turn_end::given_away)
	{
		return [this, ns, end] {
			port.fake.clock_ns += ns;
			return end;
		};
	}
};

const strand::operations cpu_turns_test::probe::how = {
	.take_turn =
		[](strand &self) {
			auto &one = static_cast<probe &>(self);

			EXPECT_NE(one.test_.port.fake.turns->depth, 0u);
			one.turns++;
			return one.turn();
		},
	.to_process = [](strand &self) { static_cast<probe &>(self).in_process++; },
	.let_go =
		[](strand &self) {
			auto &one = static_cast<probe &>(self);

			EXPECT_EQ(one.test_.port.fake.turns->depth, 0u);
			one.let_go++;
		},
};

} // namespace

TEST_F(cpu_turns_test, idle_there_is_room_inline)
{
	EXPECT_TRUE(has_room());
	EXPECT_FALSE(port.fake.turns->raised);
}

TEST_F(cpu_turns_test, ready_strands_are_drained_in_their_order)
{
	probe one(*this), two(*this);
	std::vector<int> order;

	one.turn = [&] {
		order.push_back(1);
		return strand::turn_end::given_away;
	};
	two.turn = [&] {
		order.push_back(2);
		return strand::turn_end::given_away;
	};
	add(one);
	add(two);
	EXPECT_FALSE(has_room()) << "others are first";
	drain();
	EXPECT_EQ(order, (std::vector{ 1, 2 }));
	EXPECT_TRUE(has_room());
	EXPECT_FALSE(for_the_thread());
}

TEST_F(cpu_turns_test, the_drain_takes_strands_that_become_ready_meanwhile)
{
	probe one(*this), two(*this);

	one.turn = [&] {
		EXPECT_FALSE(has_room()) << "within a drain nothing is inline";
		add(two);
		return strand::turn_end::given_away;
	};
	add(one);
	drain();
	EXPECT_EQ(two.turns, 1u);
	EXPECT_FALSE(port.fake.turns->raised);
}

TEST_F(cpu_turns_test, strands_from_interrupts_are_drained_in_their_order)
{
	probe one(*this), two(*this), three(*this);
	std::string order;

	one.turn = [&] { return order += "1", strand::turn_end::given_away; };
	two.turn = [&] { return order += "2", strand::turn_end::given_away; };
	three.turn = [&] { return order += "3", strand::turn_end::given_away; };
	{
		const ktcp::engine::here here(engine);

		add_beside(one);
		add_beside(two);
		here->add(three);
	}
	EXPECT_EQ(order, "");
	drain();
	EXPECT_EQ(order, "312") << "those were not seen before the drain";
	EXPECT_FALSE(port.fake.turns->raised);
}

TEST_F(cpu_turns_test, an_interrupt_of_the_drain_does_not_raise_it_again)
{
	probe one(*this), two(*this), three(*this);

	one.turn = [&] {
		add_beside(two);
		EXPECT_FALSE(port.fake.turns->raised);
		return strand::turn_end::given_away;
	};
	two.turn = [&] {
		add_beside(three);
		return strand::turn_end::given_away;
	};
	add_beside(one);
	drain();
	EXPECT_EQ(three.turns, 1u);
	EXPECT_FALSE(port.fake.turns->raised);
	add_beside(one);
	EXPECT_TRUE(port.fake.turns->raised);
	port.fake.run_all();
}

TEST_F(cpu_turns_test, the_thread_looks_at_strands_from_its_interrupts)
{
	probe heavy(*this), other(*this);

	heavy.turn = [&] {
		if (heavy.turns == 2)
			add_beside(other);
		return heavy.turns < 3 ? strand::turn_end::share_used :
					 strand::turn_end::given_away;
	};
	add(heavy);
	drain();
	port.fake.run_one(); /* in the thread */
	EXPECT_EQ(other.turns, 0u);
	drain();
	EXPECT_EQ(other.turns, 1u) << "it waits for no heavy one";
	port.fake.run_all();
}

/* Handed over, a turn of the thread's and the next one need no softirq between them. */
TEST_F(cpu_turns_test, strands_that_wake_each_other_in_the_thread_stay_there)
{
	probe one(*this), two(*this);

	one.turn = lasting(ms);
	add(one);
	add(two);
	two.turn = [&] {
		if (two.turns < 5)
			add_beside(one);
		return strand::turn_end::given_away;
	};
	drain();
	one.turn = [&] {
		add_beside(two);
		return strand::turn_end::given_away;
	};
	EXPECT_TRUE(for_the_thread());
	while (for_the_thread()) {
		port.fake.run_one();
		EXPECT_FALSE(port.fake.turns->raised);
	}
	EXPECT_EQ(two.turns, 5u);
}

TEST_F(cpu_turns_test, strands_from_interrupts_are_the_threads_for_a_while_too)
{
	probe one(*this), two(*this);

	one.turn = [&] {
		add_beside(two);
		port.fake.clock_ns += ms;
		return strand::turn_end::given_away;
	};
	add(one);
	drain();
	EXPECT_EQ(two.turns, 0u);
	EXPECT_TRUE(for_the_thread());
	port.fake.run_all();
	EXPECT_EQ(two.turns, 1u);
}

TEST_F(cpu_turns_test, without_a_thread_strands_from_interrupts_are_work_items)
{
	probe before(*this), after(*this);

	add_beside(before);
	depart();
	add_beside(after);
	drain();
	EXPECT_EQ(before.in_process, 1u);
	EXPECT_EQ(after.in_process, 1u);
	EXPECT_EQ(before.turns + after.turns, 0u);
}

TEST_F(cpu_turns_test, a_share_is_64_strands)
{
	std::vector<std::unique_ptr<probe>> many;

	for (int i = 0; i < 65; i++)
		add(*many.emplace_back(std::make_unique<probe>(*this)));
	drain();
	EXPECT_EQ(many[63]->turns, 1u);
	EXPECT_EQ(many[64]->turns, 0u);
	EXPECT_TRUE(for_the_thread());
	port.fake.run_all();
	EXPECT_EQ(many[64]->turns, 1u);
}

TEST_F(cpu_turns_test, of_64_the_last_is_no_reason_to_hand_over)
{
	std::vector<std::unique_ptr<probe>> many;

	for (int i = 0; i < 64; i++)
		add(*many.emplace_back(std::make_unique<probe>(*this)));
	drain();
	EXPECT_EQ(many[63]->turns, 1u);
	EXPECT_FALSE(for_the_thread());
	EXPECT_TRUE(has_room());
}

TEST_F(cpu_turns_test, a_share_is_half_of_each_millisecond)
{
	probe one(*this), two(*this), three(*this);

	one.turn = two.turn = lasting(ms / 4);
	add(one);
	add(two);
	add(three);
	drain();
	EXPECT_EQ(two.turns, 1u);
	EXPECT_EQ(three.turns, 0u);
	EXPECT_TRUE(for_the_thread());
}

TEST_F(cpu_turns_test, without_a_share_left_nothing_is_inline_in_this_period)
{
	probe one(*this);

	one.turn = lasting(ms / 2 - 1);
	add(one);
	drain();
	EXPECT_TRUE(has_room());
	one.turn = lasting(1);
	add(one);
	drain();
	EXPECT_FALSE(for_the_thread()) << "nothing is left to hand over";
	EXPECT_FALSE(has_room());
	port.fake.clock_ns += ms - 2; /* the period began when the first turn ended */
	EXPECT_FALSE(has_room());
	port.fake.clock_ns += 1;
	EXPECT_TRUE(has_room());
}

TEST_F(cpu_turns_test, each_period_has_a_share_of_its_own)
{
	probe one(*this), two(*this);

	for (int i = 0; i < 10; i++) {
		one.turn = lasting(ms * 2 / 5);
		add(one);
		add(two);
		drain();
		EXPECT_FALSE(for_the_thread());
		port.fake.clock_ns += ms;
	}
	EXPECT_EQ(two.turns, 10u);
}

TEST_F(cpu_turns_test, handed_over_all_turns_are_the_threads_for_a_while)
{
	probe one(*this), two(*this), three(*this);

	one.turn = lasting(ms);
	add(one);
	add(two);
	drain();
	EXPECT_FALSE(has_room());
	port.fake.run_all();
	EXPECT_EQ(two.turns, 1u);
	EXPECT_FALSE(has_room()) << "the thread is done, and the time is not over";
	add(three);
	EXPECT_FALSE(port.fake.turns->raised);
	EXPECT_TRUE(for_the_thread());
	port.fake.run_all();
	EXPECT_EQ(three.turns, 1u);
	port.fake.clock_ns += 8 * ms - 1;
	EXPECT_FALSE(has_room());
	port.fake.clock_ns += 1;
	EXPECT_TRUE(has_room());
	add(one);
	EXPECT_TRUE(port.fake.turns->raised);
	port.fake.run_all();
}

TEST_F(cpu_turns_test, the_while_may_contain_the_end_of_the_clock)
{
	probe one(*this), two(*this);

	port.fake.clock_ns = UINT64_MAX - 2 * ms;
	one.turn = lasting(ms);
	add(one);
	add(two);
	drain();
	port.fake.run_all();
	EXPECT_FALSE(has_room());
	port.fake.clock_ns += 8 * ms - 1;
	EXPECT_FALSE(has_room());
	port.fake.clock_ns += 1;
	EXPECT_TRUE(has_room());
}

TEST_F(cpu_turns_test, a_turn_that_used_its_share_up_is_the_threads_until_it_waits)
{
	probe one(*this);

	one.turn = [&] {
		return one.turns < 4 ? strand::turn_end::share_used : strand::turn_end::given_away;
	};
	add(one);
	drain();
	EXPECT_EQ(one.turns, 1u);
	EXPECT_TRUE(for_the_thread());
	port.fake.run_all();
	EXPECT_EQ(one.turns, 4u);
	add(one);
	EXPECT_TRUE(port.fake.turns->raised) << "it waited, and is like any other";
	port.fake.run_all();
}

TEST_F(cpu_turns_test, several_heavy_turns_take_local_peers_along_for_a_while)
{
	probe bulk(*this), local(*this), remote(*this);

	local.set_local(true);
	bulk.turn = [&] {
		return bulk.turns < 4 ? strand::turn_end::share_used : strand::turn_end::given_away;
	};
	add(bulk);
	drain();
	port.fake.run_one();
	port.fake.run_one();
	EXPECT_EQ(bulk.turns, 3u);
	EXPECT_TRUE(has_room(local)) << "three are not several";
	bulk.turn = [] { return strand::turn_end::share_used; };
	port.fake.run_one();
	EXPECT_FALSE(has_room(local));
	EXPECT_TRUE(has_room(remote));
	bulk.turn = [] { return strand::turn_end::given_away; };
	port.fake.run_all();
	add(local);
	EXPECT_FALSE(port.fake.turns->raised);
	EXPECT_TRUE(for_the_thread());
	port.fake.run_all();
	EXPECT_EQ(local.turns, 1u);
	port.fake.clock_ns += 8 * ms - 1;
	EXPECT_FALSE(has_room(local));
	port.fake.clock_ns += 1;
	EXPECT_TRUE(has_room(local));
}

TEST_F(cpu_turns_test, heavy_turns_long_after_each_other_are_not_several)
{
	probe bulk(*this), local(*this);

	local.set_local(true);
	for (int i = 0; i < 8; i++) {
		bulk.turn = [&] {
			return bulk.turns % 2 ? strand::turn_end::share_used :
						strand::turn_end::given_away;
		};
		add(bulk);
		port.fake.run_all();
		port.fake.clock_ns += 8 * ms;
	}
	EXPECT_EQ(bulk.turns, 16u);
	EXPECT_TRUE(has_room(local));
}

TEST_F(cpu_turns_test, one_with_much_to_do_does_not_take_the_others_along)
{
	probe bulk(*this), small(*this);

	bulk.turn = lasting(1000, strand::turn_end::share_used);
	add(bulk);
	for (unsigned int i = 1; i <= 20; i++) {
		if (port.fake.turns->raised)
			drain();
		EXPECT_TRUE(for_the_thread());
		EXPECT_TRUE(has_room()) << "for whom it has not slowed down";
		add(small);
		drain();
		EXPECT_EQ(small.turns, i);
		port.fake.run_one(); /* a turn of bulk's, in the thread */
		EXPECT_EQ(bulk.turns, i + 1);
	}
	bulk.turn = lasting(0);
	port.fake.run_all();
}

TEST_F(cpu_turns_test, an_inline_turn_that_used_its_share_up_is_the_threads)
{
	probe heavy(*this);

	{
		const ktcp::engine::here here(engine);

		here->end_inline(heavy, strand::turn_end::share_used);
	}
	EXPECT_FALSE(port.fake.turns->raised);
	EXPECT_TRUE(for_the_thread());
	port.fake.run_all();
	EXPECT_EQ(heavy.turns, 1u);
}

TEST_F(cpu_turns_test, many_with_much_to_do_take_turns)
{
	probe one(*this), two(*this);

	one.turn = two.turn = lasting(0, strand::turn_end::share_used);
	add(one);
	add(two);
	drain();
	for (int i = 0; i < 10; i++)
		port.fake.run_one();
	EXPECT_EQ(one.turns, 6u);
	EXPECT_EQ(two.turns, 6u);
	one.turn = two.turn = lasting(0);
	port.fake.run_all();
}

TEST_F(cpu_turns_test, a_strand_that_is_over_is_let_go_later)
{
	probe inside(*this), drained(*this), left(*this);

	EXPECT_CALL(port, turns_later(_, false)).Times(3);
	drained.turn = lasting(ms, strand::turn_end::over);
	left.turn = lasting(0, strand::turn_end::over);
	{
		const ktcp::engine::here here(engine);

		here->end_inline(inside, strand::turn_end::over);
	}
	add(drained);
	add(left); /* the thread's, for the first took the share */
	port.fake.run_all();
	for (const probe *each : { &inside, &drained, &left }) {
		EXPECT_EQ(each->let_go, 1u);
		EXPECT_EQ(each->in_process, 0u);
	}
	EXPECT_EQ(left.turns, 1u);
}

TEST_F(cpu_turns_test, strands_that_are_over_are_let_go_at_once_when_64_wait)
{
	std::vector<std::unique_ptr<probe>> many;
	testing::InSequence order;

	EXPECT_CALL(port, turns_later(_, false)).Times(63);
	EXPECT_CALL(port, turns_later(_, true)).Times(1);
	EXPECT_CALL(port, turns_later(_, false)).Times(63);
	EXPECT_CALL(port, turns_later(_, true)).Times(1);
	for (int i = 0; i < 128; i++) {
		{
			const ktcp::engine::here here(engine);

			here->end_inline(*many.emplace_back(std::make_unique<probe>(*this)),
					 strand::turn_end::over);
		}
		if (i == 63 || i == 127)
			port.fake.run_all();
	}
	for (const auto &each : many)
		EXPECT_EQ(each->let_go, 1u);
}

TEST_F(cpu_turns_test, a_cpu_that_left_still_lets_go_of_strands_that_are_over)
{
	probe over(*this);

	{
		const ktcp::engine::here here(engine);

		here->end_inline(over, strand::turn_end::over);
	}
	depart();
	EXPECT_EQ(over.let_go, 0u);
	port.fake.run_all();
	EXPECT_EQ(over.let_go, 1u);
	EXPECT_EQ(over.in_process, 0u);
}

TEST_F(cpu_turns_test, without_a_thread_turns_are_work_items)
{
	probe ready(*this), late(*this);

	add(ready);
	depart();
	EXPECT_EQ(ready.in_process, 1u) << "what was ready is not lost";
	add(late);
	EXPECT_EQ(late.in_process, 1u);
	drain(); /* raised before */
	EXPECT_EQ(ready.turns, 0u);
	EXPECT_TRUE(has_room()) << "its softirqs are there still";
}

TEST_F(cpu_turns_test, a_thread_that_is_back_takes_turns_again)
{
	probe one(*this);

	depart();
	port.fake.turns->ops->arrive(port.fake.turns->cpu.get());
	add(one);
	drain();
	EXPECT_EQ(one.turns, 1u);
	EXPECT_EQ(one.in_process, 0u);
}

TEST_F(cpu_turns_test, all_servers_share_one)
{
	{
		ktcp::engine other = std::move(*ktcp::engine::create());

		EXPECT_EQ(port.fake.turns->users, 2u);
	}
	EXPECT_EQ(port.fake.turns->users, 1u);
	EXPECT_CALL(port, turns_get(_, _, _)).WillOnce(testing::Return(-EOPNOTSUPP));
	EXPECT_EQ(ktcp::engine::create().error(), ktcp::errc::eopnotsupp);
}
