/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Checks for test bodies that run in user space and in the kernel alike: freestanding C++,
 * no allocation, no exceptions. A body is a function
 *
 *	void something(ktcp_test::context &context);
 *
 * in which the macros below report through the parameter of that name, from any context.
 */
#ifndef KTCP_TESTS_CONFORMANCE_CHECK_HPP
#define KTCP_TESTS_CONFORMANCE_CHECK_HPP

#include "reporter.h"

namespace ktcp_test
{

class context {
    public:
	using fail_function = void (*)(void *reporter, const char *file, int line,
				       const char *what);

	context(void *reporter, fail_function fail) noexcept : reporter_(reporter), fail_(fail)
	{
	}

	explicit context(struct ktcp_reporter *reporter) noexcept
		: context(reporter, [](void *self, const char *file, int line, const char *what) {
			  auto *to = static_cast<ktcp_reporter *>(self);

			  to->failed(to, file, line, what);
		  })
	{
	}

	context(const context &) = delete;
	context &operator=(const context &) = delete;

	void fail(const char *file, int line, const char *what) noexcept
	{
		__atomic_store_n(&failed_, true, __ATOMIC_RELAXED);
		fail_(reporter_, file, line, what);
	}

	/* Has anything failed so far? */
	bool failed() const noexcept
	{
		return __atomic_load_n(&failed_, __ATOMIC_RELAXED);
	}

	/* Two numbers that should be equal; @text names them. */
	bool equal(long long a, long long b, const char *file, int line, const char *text) noexcept
	{
		if (a == b)
			return true;

		char line_text[160];
		char *end = line_text;

		end = append(end, line_text + 100, text);
		end = append(end, line_text + 110, ": ");
		end = append(end, a);
		end = append(end, line_text + 140, " and ");
		end = append(end, b);
		*end = '\0';
		fail(file, line, line_text);
		return false;
	}

    private:
	static char *append(char *at, const char *limit, const char *text) noexcept
	{
		while (*text && at < limit)
			*at++ = *text++;
		return at;
	}

	static char *append(char *at, long long number) noexcept
	{
		char digits[20];
		int n = 0;
		unsigned long long rest = number < 0 ? 0ull - number : number;

		if (number < 0)
			*at++ = '-';
		do {
			digits[n++] = static_cast<char>('0' + rest % 10);
			rest /= 10;
		} while (rest);
		while (n)
			*at++ = digits[--n];
		return at;
	}

	void *reporter_;
	fail_function fail_;
	bool failed_ = false;
};

} // namespace ktcp_test

#define KTCP_CHECK(...) ((__VA_ARGS__) ? (void)0 : context.fail(__FILE__, __LINE__, #__VA_ARGS__))

#define KTCP_CHECK_EQ(a, b) \
	((void)context.equal((long long)(a), (long long)(b), __FILE__, __LINE__, #a " == " #b))

/* Without it the rest of the body makes no sense: leave it. */
#define KTCP_REQUIRE(...)                                               \
	do {                                                            \
		if (!(__VA_ARGS__)) {                                   \
			context.fail(__FILE__, __LINE__, #__VA_ARGS__); \
			return;                                         \
		}                                                       \
	} while (0)

#define KTCP_REQUIRE_EQ(a, b)                                                          \
	do {                                                                           \
		if (!context.equal((long long)(a), (long long)(b), __FILE__, __LINE__, \
				   #a " == " #b))                                      \
			return;                                                        \
	} while (0)

#endif
