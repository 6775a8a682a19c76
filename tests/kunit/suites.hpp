// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Every C++ suite here needs these: a list of its cases (suites.h), its checks
 * (../conformance/check.hpp), and objects in the heap.
 */
#ifndef KTCP_TESTS_KUNIT_SUITES_HPP
#define KTCP_TESTS_KUNIT_SUITES_HPP

#include <cstddef>
#include <new>
#include <utility>

#include <ktcp/kernel/context.hpp>
#include <ktcp/port/memory.h>

#include "../conformance/check.hpp"
#include "suites.h"

/* A function void (ktcp_test::context &) as C calls it. */
#define KTCP_CASE(function)                           \
	[](struct ktcp_reporter *reporter) {          \
		ktcp_test::context context(reporter); \
		function(context);                    \
	}

/* KTCP_SUITE(name, { "what is so", KTCP_CASE(function) }, …) */
#define KTCP_SUITE(suite, ...)                                                  \
	static constexpr ktcp_suite_case suite##_cases[] = { __VA_ARGS__, {} }; \
	extern const ktcp_suite ktcp_suite_##suite;                             \
	constinit const ktcp_suite ktcp_suite_##suite = { suite##_cases }

namespace ktcp_test
{

/* All cases run in process context. */
constexpr auto may_sleep = ktcp::process_context::promised();

/* An object in kmalloc()ed memory, or none. */
template <class T>
class owned {
    public:
	owned() noexcept = default;

	explicit owned(T *object) noexcept : object_(object)
	{
	}

	owned(owned &&other) noexcept : object_(other.release())
	{
	}

	owned &operator=(owned &&other) noexcept
	{
		std::swap(object_, other.object_);
		return *this;
	}

	~owned()
	{
		if (object_) {
			object_->~T();
			ktcp_kfree(object_);
		}
	}

	explicit operator bool() const noexcept
	{
		return object_ != nullptr;
	}

	T *operator->() const noexcept
	{
		return object_;
	}

	T &operator*() const noexcept
	{
		return *object_;
	}

	/* From now on somebody else's to destroy and ktcp_kfree(). */
	T *release() noexcept
	{
		return std::exchange(object_, nullptr);
	}

    private:
	T *object_ = nullptr;
};

template <class T, class... Arguments>
owned<T> make(Arguments &&...arguments) noexcept
{
	void *memory = ktcp_kmalloc(sizeof(T), KTCP_GFP_KERNEL);

	if (!memory)
		return {};
	return owned<T>(::new (memory) T(std::forward<Arguments>(arguments)...));
}

} // namespace ktcp_test

#endif
