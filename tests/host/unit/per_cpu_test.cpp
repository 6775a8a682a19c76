// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/kernel/per_cpu.hpp: a value of which each CPU has its own. */
#include <ktcp/kernel/per_cpu.hpp>

#include <cstdint>
#include <type_traits>
#include <vector>

#include <ktcp/port/random.h>

#include "support.hpp"

using ktcp::errc;
using testing::_;
using testing::NiceMock;
using testing::NotNull;
using testing::Return;

namespace
{

/* Counts those that live. */
struct counted {
	counted() noexcept : number(made++)
	{
		living++;
	}

	counted(const counted &) = delete;

	~counted()
	{
		living--;
	}

	const int number;

	static inline int made, living;
};

using numbers = ktcp::per_cpu<ktcp::tally>;

} // namespace

static_assert(!std::is_copy_constructible_v<numbers>);
static_assert(std::is_nothrow_move_constructible_v<numbers>);

TEST(per_cpu, each_cpu_has_its_own_and_destroys_it)
{
	NiceMock<mock::mock_port> port;
	{
		auto made = ktcp::per_cpu<counted>::create();

		ASSERT_TRUE(made);
		EXPECT_EQ(counted::living, port.fake.cpus);

		std::vector<int> seen;

		made->for_each([&](const counted &each) { seen.push_back(each.number); });
		EXPECT_EQ(seen, (std::vector<int>{ 0, 1, 2 }));
		for (port.fake.cpu = 0; port.fake.cpu < port.fake.cpus; port.fake.cpu++) {
			EXPECT_EQ(made->here()->number, port.fake.cpu);
			EXPECT_EQ(made->raw().number, port.fake.cpu);
		}
	}
	EXPECT_EQ(counted::living, 0);
}

TEST(per_cpu, sums_what_each_counted)
{
	NiceMock<mock::mock_port> port;
	auto made = numbers::create();

	ASSERT_TRUE(made);
	EXPECT_EQ(made->sum(), 0u);
	for (port.fake.cpu = 0; port.fake.cpu < port.fake.cpus; port.fake.cpu++)
		made->here()->add(10u << (8 * port.fake.cpu));
	EXPECT_EQ(made->sum(), 0x0a0a0au);
	EXPECT_EQ(made->sum([](const ktcp::tally &each) { return each.value() ? 1 : 0; }), 3);
}

TEST(per_cpu, without_memory_is_enomem)
{
	NiceMock<mock::mock_port> port;

	EXPECT_CALL(port, alloc_percpu(sizeof(ktcp::tally), alignof(ktcp::tally)))
		.WillOnce(Return(nullptr));
	EXPECT_EQ(numbers::create().error(), errc::enomem);
}

TEST(per_cpu, that_is_none_has_no_value)
{
	NiceMock<mock::mock_port> port;
	const numbers none;

	EXPECT_FALSE(none);
	EXPECT_EQ(none.sum(), 0u);
}

TEST(per_cpu, is_moved_and_not_copied)
{
	NiceMock<mock::mock_port> port;

	EXPECT_CALL(port, free_percpu(testing::IsNull())).Times(testing::AnyNumber());
	EXPECT_CALL(port, free_percpu(NotNull())).Times(1);

	numbers mine;

	mine = std::move(*numbers::create());
	mine.here()->add(3);

	numbers theirs(std::move(mine));

	EXPECT_FALSE(mine); // NOLINT(bugprone-use-after-move)
	EXPECT_EQ(theirs.sum(), 3u);
}

/* From getting to putting. */
TEST(per_cpu, is_held_for_as_long_as_the_access_lives)
{
	NiceMock<mock::mock_port> port;
	auto made = numbers::create();
	testing::InSequence order;

	ASSERT_TRUE(made);
	EXPECT_CALL(port, get_cpu_ptr(NotNull()));
	EXPECT_CALL(port, random_u32());
	EXPECT_CALL(port, put_cpu_ptr(NotNull()));
	{
		auto held = made->here();

		port.fake.cpu = 1; /* a CPU's number is asked for once */
		held->add(ktcp_random_u32() * 0 + 1);
		(*held).add(1);
	}
	EXPECT_EQ(made->sum(), 2u);
}
