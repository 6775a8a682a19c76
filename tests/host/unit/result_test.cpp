// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/base/result.hpp: a value, owned and destroyed once, or an errno. */
#include <ktcp/base/result.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

using ktcp::errc;
using ktcp::error_code;
using ktcp::result;

namespace
{

/* Counts those of it that live, and knows what became of its value. */
struct counted {
	static inline int alive = 0;
	static inline int moves = 0;

	explicit counted(int value = 0) noexcept : value(value)
	{
		alive++;
	}

	counted(counted &&other) noexcept : value(std::exchange(other.value, -1))
	{
		alive++;
		moves++;
	}

	counted &operator=(counted &&) = delete;

	~counted()
	{
		alive--;
	}

	int value;
};

class result_of_counted : public testing::Test {
    protected:
	void SetUp() override
	{
		counted::alive = 0;
		counted::moves = 0;
	}

	void TearDown() override
	{
		EXPECT_EQ(counted::alive, 0) << "destroyed too seldom or too often";
	}
};

using move_only = std::unique_ptr<int>;

result<move_only> make(int value)
{
	if (value < 0)
		return errc::einval;
	return std::make_unique<int>(value);
}

result<void> check(int value)
{
	return value < 0 ? result<void>(errc::erange) : result<void>();
}

/* KTCP_TRY may be used in these. */

result<int> twice(int value, int &reached)
{
	auto made = KTCP_TRY(make(value));

	reached++;
	KTCP_TRY(check(*made - 100));
	reached++;
	return *made * 2;
}

result<int> nested(int value)
{
	int reached = 0;

	return KTCP_TRY(twice(KTCP_TRY(twice(value, reached)), reached));
}

result<void> no_value(int value)
{
	KTCP_TRY(check(value));
	return {};
}

} // namespace

static_assert(!std::is_copy_constructible_v<result<int>>);
static_assert(!std::is_copy_assignable_v<result<int>>);
static_assert(std::is_nothrow_move_constructible_v<result<move_only>>);
static_assert(std::is_nothrow_move_assignable_v<result<move_only>>);
static_assert(!std::is_convertible_v<result<int>, bool>, "only where a condition stands");
static_assert(std::is_constructible_v<bool, result<int>>);
static_assert(!std::is_default_constructible_v<result<int>>);
static_assert(!std::is_constructible_v<result<move_only>, const char *>);
static_assert(std::is_default_constructible_v<result<void>>);
static_assert(std::is_same_v<result<int>::value_type, int>);
static_assert(std::is_same_v<result<void>::value_type, void>);
static_assert(sizeof(result<void>) == sizeof(int));

/* At compile time, too. */
static_assert(result<int>(5).value() == 5);
static_assert(*result<int>(5) == 5);
static_assert(result<int>(errc::enomem).error() == errc::enomem);
static_assert(!result<int>(errc::enomem));
static_assert(result<int>(errc::enomem).value() == 0, "and nothing that nobody wrote");
static_assert(result<std::pair<int, void *>>(errc::enomem)->second == nullptr, "the same of parts");
static_assert(result<void>::from(0).has_value());
static_assert(result<void>::from(7).has_value(), "what is not negative is success");
static_assert(result<void>::from(-12).error() == errc::enomem);

TEST(result, holds_a_value)
{
	result<std::string> some = std::string("text");

	ASSERT_TRUE(some);
	EXPECT_TRUE(some.has_value());
	EXPECT_EQ(*some, "text");
	EXPECT_EQ(some.value(), "text");
	EXPECT_EQ(some->size(), 4u);
	some->push_back('!');
	some.value() += "?";

	const auto &unchanging = some;

	EXPECT_EQ(*unchanging, "text!?");
	EXPECT_EQ(unchanging.value(), "text!?");
	EXPECT_EQ(unchanging->size(), 6u);
}

TEST(result, converts_on_the_way_in)
{
	const result<std::string> from_literal = "text";
	const result<std::size_t> from_int = 3;

	EXPECT_EQ(*from_literal, "text");
	EXPECT_EQ(*from_int, 3u);
}

TEST(result, holds_an_error)
{
	const result<std::string> named = errc::eagain;
	const result<std::string> coded = error_code::from(-32);

	EXPECT_FALSE(named);
	EXPECT_FALSE(named.has_value());
	EXPECT_EQ(named.error(), errc::eagain);
	EXPECT_EQ(coded.error(), errc::epipe);
}

TEST(result, every_errno_comes_back)
{
	for (int status = -4095; status < 0; status++) {
		EXPECT_EQ(result<int>(error_code::from(status)).error().code(), status);
		EXPECT_EQ(result<void>::from(status).code(), status);
	}
}

TEST(result, a_value_leaves_with_an_rvalue)
{
	auto made = make(3);
	move_only taken = *std::move(made);

	EXPECT_EQ(*taken, 3);
	EXPECT_EQ(made->get(), nullptr);
	taken = make(4).value();
	EXPECT_EQ(*taken, 4);
}

TEST_F(result_of_counted, a_value_is_destroyed_once)
{
	{
		result<counted> one(counted(1));

		EXPECT_EQ(counted::alive, 1);
		EXPECT_EQ(one->value, 1);
	}
	EXPECT_EQ(counted::alive, 0);
}

TEST_F(result_of_counted, an_error_has_a_value_of_nothing)
{
	const result<counted> none = errc::eio;

	EXPECT_EQ(counted::alive, 1);
	EXPECT_FALSE(none);
	EXPECT_EQ(none->value, 0);
}

TEST_F(result_of_counted, a_move_moves_the_value)
{
	result<counted> from(counted(1));
	const result<counted> to = std::move(from);

	EXPECT_EQ(counted::alive, 2) << "what was moved from is there to be destroyed";
	EXPECT_EQ(to->value, 1);
	EXPECT_EQ(from->value, -1);
}

TEST_F(result_of_counted, a_move_moves_the_error)
{
	result<counted> from = errc::epipe;
	const result<counted> to = std::move(from);

	EXPECT_FALSE(to);
	EXPECT_EQ(to.error(), errc::epipe);
}

TEST_F(result_of_counted, assignment_in_all_four_ways)
{
	result<counted> one(counted(1));

	one = result<counted>(counted(2)); /* value to value */
	EXPECT_EQ(one->value, 2);
	EXPECT_EQ(counted::alive, 1);
	one = errc::eio; /* error to value */
	EXPECT_EQ(one.error(), errc::eio);
	EXPECT_EQ(counted::alive, 1);
	one = errc::enomem; /* error to error */
	EXPECT_EQ(one.error(), errc::enomem);
	one = result<counted>(counted(3)); /* value to error */
	EXPECT_EQ(one->value, 3);
	EXPECT_EQ(counted::alive, 1);
}

TEST_F(result_of_counted, assignment_to_itself_changes_nothing)
{
	result<counted> one(counted(1));
	result<counted> &same = one;

	one = std::move(same);
	EXPECT_EQ(one->value, 1);
	EXPECT_EQ(counted::alive, 1);
}

TEST(result_void, success_and_error)
{
	const result<void> fine;
	const result<void> named = errc::eintr;
	const result<void> coded = error_code(errc::eio);

	EXPECT_TRUE(fine);
	EXPECT_TRUE(fine.has_value());
	EXPECT_EQ(fine.code(), 0);
	fine.value();
	EXPECT_FALSE(named);
	EXPECT_FALSE(named.has_value());
	EXPECT_EQ(named.error(), errc::eintr);
	EXPECT_EQ(named.code(), -4);
	EXPECT_EQ(coded.error(), errc::eio);
}

TEST(try_macro, gives_the_value_or_returns_the_error)
{
	int reached = 0;

	EXPECT_EQ(*twice(200, reached), 400);
	EXPECT_EQ(reached, 2);
	reached = 0;
	EXPECT_EQ(twice(-1, reached).error(), errc::einval);
	EXPECT_EQ(reached, 0);
	EXPECT_EQ(twice(1, reached).error(), errc::erange);
	EXPECT_EQ(reached, 1);
}

TEST(try_macro, may_stand_in_itself_and_for_nothing)
{
	EXPECT_EQ(*nested(100), 400);
	EXPECT_EQ(nested(-1).error(), errc::einval);
	EXPECT_TRUE(no_value(1));
	EXPECT_EQ(no_value(-1).error(), errc::erange);
}

TEST_F(result_of_counted, try_moves_the_value_out_once)
{
	const auto use = []() -> result<int> {
		const counted mine = KTCP_TRY(result<counted>(counted(7)));

		EXPECT_EQ(counted::alive, 1) << "the result is gone by now";
		return mine.value;
	};

	EXPECT_EQ(*use(), 7);
	EXPECT_LE(counted::moves, 2) << "into the result, and out of it";
}

TEST_F(result_of_counted, try_destroys_the_functions_locals)
{
	const auto use = []() -> result<int> {
		const counted held(1);

		KTCP_TRY(result<counted>(errc::eio));
		ADD_FAILURE() << "went on after an error";
		return held.value;
	};

	EXPECT_EQ(use().error(), errc::eio);
}

TEST(try_macro, takes_an_expression_with_commas)
{
	const auto use = []() -> result<int> {
		return KTCP_TRY(result<std::pair<int, int>>(std::pair<int, int>{ 1, 2 })).second;
	};

	EXPECT_EQ(*use(), 2);
}

TEST(result, the_value_of_an_error_is_an_empty_one)
{
	alignas(result<std::string_view>) unsigned char memory[sizeof(result<std::string_view>)];

	std::fill(std::begin(memory), std::end(memory), 0xa5);

	auto *const failed = new (memory) result<std::string_view>(errc::eio);

	EXPECT_EQ(**failed, std::string_view());

	result<move_only> none = errc::enomem;
	const result<move_only> moved = std::move(none);

	EXPECT_EQ(*moved, nullptr);
	EXPECT_EQ(moved.error(), errc::enomem);
}
