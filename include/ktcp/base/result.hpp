// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A value or an errno.
 *
 * @code
 * ktcp::result<ktcp::buffer> make()
 * {
 *	auto buffer = KTCP_TRY(ktcp::buffer::kmalloc(64, flags));	// or return the error
 *	...
 *	return buffer;
 * }
 * @endcode
 *
 * Our own, in plain C++20: std::expected is C++23, and its value() wants abort().
 */
#ifndef KTCP_BASE_RESULT_HPP
#define KTCP_BASE_RESULT_HPP

#include <concepts>
#include <new>
#include <type_traits>
#include <utility>

#include <ktcp/base/error.hpp>

namespace ktcp
{

/**
 * Either a T, owned, or an error. Any context.
 *
 * Reading the value of an error, or the error of a value, is a bug of the caller's: ask first. The
 * value of an error is then a T(), and never unwritten memory. So there has to be a T(), which owns nothing. A type
 * without a byte may do without, as a right does.
 */
template <class T>
class [[nodiscard]] result {
	static_assert(std::is_nothrow_move_constructible_v<T>);
	static_assert(!std::is_same_v<std::remove_cv_t<T>, error_code>);

	/* Is there a T even with an error? */
	static constexpr bool always = std::is_default_constructible_v<T>;

	static_assert(
		always || std::is_empty_v<T>,
		"with an error a result has a T(), and this type has none: give it one, or let the "
		"function fill an object of the caller's, as in task_of<void> step(outgoing &into)");

    public:
	using value_type = T;

	constexpr result(error_code why) noexcept requires(always) : value_(), error_(why.code())
	{
	}

	constexpr result(error_code why) noexcept requires(!always) : nothing_(), error_(why.code())
	{
	}

	constexpr result(errc why) noexcept : result(error_code(why))
	{
	}

	template <class U = T>
		requires(std::constructible_from<T, U> &&
			 !std::same_as<std::remove_cvref_t<U>, result> &&
			 !std::same_as<std::remove_cvref_t<U>, error_code> &&
			 !std::same_as<std::remove_cvref_t<U>, errc>)
	constexpr result(U &&value) noexcept : value_(std::forward<U>(value)), error_(0)
	{
	}

	result(result &&other) noexcept : nothing_(), error_(other.error_)
	{
		if (always || !error_)
			::new (static_cast<void *>(&value_)) T(std::move(other.value_));
	}

	result &operator=(result &&other) noexcept
	{
		if (this != &other) {
			this->~result();
			::new (static_cast<void *>(this)) result(std::move(other));
		}
		return *this;
	}

	constexpr ~result()
	{
		if (always || !error_)
			value_.~T();
	}

	/** Is there a value? */
	constexpr bool has_value() const noexcept
	{
		return !error_;
	}

	constexpr explicit operator bool() const noexcept
	{
		return !error_;
	}

	/** The value, which must be there. */
	constexpr T &value() &noexcept
	{
		return value_;
	}

	/** The same, to read. */
	constexpr const T &value() const &noexcept
	{
		return value_;
	}

	/** The same, to move out. */
	constexpr T &&value() &&noexcept
	{
		return std::move(value_);
	}

	constexpr T &operator*() &noexcept
	{
		return value_;
	}

	constexpr const T &operator*() const &noexcept
	{
		return value_;
	}

	constexpr T &&operator*() &&noexcept
	{
		return std::move(value_);
	}

	constexpr T *operator->() noexcept
	{
		return &value_;
	}

	constexpr const T *operator->() const noexcept
	{
		return &value_;
	}

	/** Why there is no value. */
	constexpr error_code error() const noexcept
	{
		return error_code::from(error_);
	}

    private:
	struct nothing {};

	union {
		nothing nothing_;
		T value_;
	};
	int error_; /* 0: there is a value */
};

/** Success, or an error. */
template <>
class [[nodiscard]] result<void> {
    public:
	using value_type = void;

	constexpr result() noexcept = default;

	constexpr result(error_code why) noexcept : error_(why.code())
	{
	}

	constexpr result(errc why) noexcept : result(error_code(why))
	{
	}

	/** From a kernel function that returns 0 or a negative errno. */
	static constexpr result from(int status) noexcept
	{
		return status < 0 ? result(error_code::from(status)) : result();
	}

	/** Is it success? */
	constexpr bool has_value() const noexcept
	{
		return !error_;
	}

	constexpr explicit operator bool() const noexcept
	{
		return !error_;
	}

	/** Nothing: so that code for any result<T> compiles. */
	constexpr void value() const noexcept
	{
	}

	/** Why it failed; it must have. */
	constexpr error_code error() const noexcept
	{
		return error_code::from(error_);
	}

	/** 0 or a negative errno, for the kernel. */
	constexpr int code() const noexcept
	{
		return error_;
	}

    private:
	int error_ = 0;
};

/**
 * The value of a result, or return its error from the enclosing function, which must return a
 * result. Not in a coroutine: there, KTCP_CO_TRY or KTCP_CO_CHECK.
 */
#define KTCP_TRY(...)                                   \
	({                                              \
		auto ktcp_try_result = (__VA_ARGS__);   \
		if (!ktcp_try_result)                   \
			return ktcp_try_result.error(); \
		std::move(ktcp_try_result).value();     \
	})

/** @cond names that no other line of the file has */
#define KTCP_TRY_NAME_(line) ktcp_try_result_##line
#define KTCP_TRY_NAME(line) KTCP_TRY_NAME_(line)
/** @endcond */

/**
 * The same in a coroutine that returns a ktcp::task_of: two statements, which declare a name for the
 * value, or co_return the error. One a line.
 * @code
 * KTCP_CO_TRY(const std::size_t size, co_await read_size(peer));
 * @endcode
 */
#define KTCP_CO_TRY(declaration, ...)                      \
	auto KTCP_TRY_NAME(__LINE__) = (__VA_ARGS__);      \
	if (!KTCP_TRY_NAME(__LINE__))                      \
		co_return KTCP_TRY_NAME(__LINE__).error(); \
	declaration = std::move(KTCP_TRY_NAME(__LINE__)).value()

/**
 * The same where there is no value, or none is wanted.
 * @code
 * KTCP_CO_CHECK(co_await peer.write(text));
 * @endcode
 */
#define KTCP_CO_CHECK(...)                                                        \
	do {                                                                      \
		if (const auto ktcp_try_result = (__VA_ARGS__); !ktcp_try_result) \
			co_return ktcp_try_result.error();                        \
	} while (0)

} // namespace ktcp

#endif
