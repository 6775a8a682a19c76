// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* result<T> with the kernel's compiler flags: values, errors, ownership. */
#include <ktcp/base/result.hpp>

#include "suites.hpp"

using ktcp::errc;
using ktcp::result;

namespace
{

/* Counts how many of its kind exist; moving from one leaves it empty. */
class counted {
    public:
	counted() noexcept = default; /* of no kind */

	explicit counted(int &living, int value) noexcept : living_(&living), value_(value)
	{
		++living;
	}

	counted(counted &&other) noexcept
		: living_(other.living_), value_(std::exchange(other.value_, 0))
	{
		if (living_)
			++*living_;
	}

	counted(const counted &) = delete;
	counted &operator=(const counted &) = delete;

	~counted()
	{
		if (living_)
			--*living_;
	}

	int value() const noexcept
	{
		return value_;
	}

    private:
	int *living_ = nullptr;
	int value_ = 0;
};

result<counted> make(int &living, int value)
{
	if (value < 0)
		return ktcp::error_code::from(value);
	return counted(living, value);
}

result<int> twice(int &living, int value)
{
	counted one = KTCP_TRY(make(living, value));

	return 2 * one.value();
}

result<void> positive(int &living, int value)
{
	if (KTCP_TRY(twice(living, value)) == 0)
		return errc::erange;
	return {};
}

void values(ktcp_test::context &context)
{
	result<int> number = 7;

	KTCP_CHECK(number);
	KTCP_CHECK(number.has_value());
	KTCP_CHECK(*number == 7);
	number = errc::epipe;
	KTCP_CHECK(!number);
	KTCP_CHECK(number.error() == errc::epipe);
	KTCP_CHECK(number.error().code() == -32);
	number = 8;
	KTCP_CHECK(number && number.value() == 8);
}

void errors_in_range(ktcp_test::context &context)
{
	KTCP_CHECK(ktcp::error_code::from(-1).code() == -1);
	KTCP_CHECK(ktcp::error_code::from(-4095).code() == -4095);
	KTCP_CHECK(ktcp::error_code::from(-4096) == errc::eio);
	KTCP_CHECK(ktcp::error_code::from(0) == errc::eio);
	KTCP_CHECK(ktcp::error_code::from(1) == errc::eio);
	KTCP_CHECK(result<void>::from(0));
	KTCP_CHECK(result<void>::from(0).code() == 0);
	KTCP_CHECK(result<void>::from(-12).error() == errc::enomem);
	KTCP_CHECK(result<void>::from(-12).code() == -12);
}

void destroyed_once(ktcp_test::context &context)
{
	int living = 0;

	{
		result<counted> first = make(living, 3);

		KTCP_CHECK(living == 1);
		result<counted> second = std::move(first);

		KTCP_CHECK(second && second->value() == 3);
		second = make(living, -12);
		KTCP_CHECK(!second && second.error() == errc::enomem);
		second = make(living, 4);
		KTCP_CHECK(second && second->value() == 4);
	}
	KTCP_CHECK(living == 0);
}

void try_returns_early(ktcp_test::context &context)
{
	int living = 0;

	KTCP_CHECK(*twice(living, 21) == 42);
	KTCP_CHECK(twice(living, -11).error() == errc::eagain);
	KTCP_CHECK(positive(living, 1));
	KTCP_CHECK(positive(living, 0).error() == errc::erange);
	KTCP_CHECK(positive(living, -104).error() == errc::econnreset);
	KTCP_CHECK(living == 0);
}

} // namespace

KTCP_SUITE(result, { "a result holds a value or an errno", KTCP_CASE(values) },
	   { "an error is always in the kernel's range", KTCP_CASE(errors_in_range) },
	   { "a value is destroyed exactly once", KTCP_CASE(destroyed_once) },
	   { "KTCP_TRY returns the error from its function", KTCP_CASE(try_returns_early) });
