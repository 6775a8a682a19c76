/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/turns.h */
#ifndef KTCP_TESTS_CONFORMANCE_CASES_TURNS_HPP
#define KTCP_TESTS_CONFORMANCE_CASES_TURNS_HPP

#include <ktcp/port/turns.h>

#include "cases_sync.hpp"
#include "support.hpp"

#define KTCP_TURNS_CASES(X)              \
	X(turns_are_shared_and_end)      \
	X(turns_memory_begins_as_zero)   \
	X(turns_raised_are_drained)      \
	X(turns_raised_beside_too)       \
	X(turns_raised_in_a_drain_again) \
	X(turns_woken_are_the_threads)   \
	X(turns_of_later_may_sleep)

namespace ktcp_test
{

/* The memory of each CPU. */
struct turns_memory {
	std::uint64_t first;
	bool here; /* who is here alone may write it */
	bool arrived;
	int left; /* for the thread */
	int raises; /* by the drain itself */
	std::uint64_t last;
};

/* The cases', one at a time. */
struct turns_notes {
	counter drained, taken, beside, later;
};

inline turns_notes *turns_noted;

inline turns_memory &turns_at(void *cpu) noexcept
{
	return *static_cast<turns_memory *>(cpu);
}

/* No other code is here. */
inline void turns_alone(turns_memory &memory) noexcept
{
	if (memory.here)
		turns_noted->beside.add();
	memory.here = true;
	for (int i = 0; i < 100; i++)
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memory.here = false;
}

inline constexpr ktcp_turns_ops turns_ops = {
	.drain =
		[](void *cpu) {
			turns_memory &memory = turns_at(cpu);

			turns_alone(memory);
			if (memory.raises) {
				memory.raises--;
				ktcp_turns_raise(cpu);
			}
			turns_noted->drained.add();
		},
	.thread =
		[](void *cpu) {
			turns_memory &memory = turns_at(cpu);

			turns_alone(memory);
			if (memory.left) {
				memory.left--;
				turns_noted->taken.add();
			}
			return memory.left != 0;
		},
	.arrive = [](void *cpu) { turns_at(cpu).arrived = true; },
	.depart = [](void *cpu) { turns_at(cpu).arrived = false; },
	.later =
		[](void *) {
			ktcp_msleep(1);
			turns_noted->later.add();
		},
};

/* The turns, until the end of the scope; none where the kernel has no such thing. */
struct turns_use {
	box<turns_notes> notes;
	struct ktcp_turns *turns = nullptr;

	int get() noexcept
	{
		turns_noted = &*notes;
		return ktcp_turns_get(sizeof(turns_memory), &turns_ops, &turns);
	}

	/* On whichever CPU has a thread already. */
	template <class Function>
	bool here(Function function) noexcept
	{
		for (unsigned int waited = 0; waited < patience_ms; waited++) {
			turns_memory &memory = turns_at(ktcp_turns_enter(turns));
			const bool arrived = memory.arrived;

			if (arrived)
				function(memory);
			ktcp_turns_leave(turns);
			if (arrived)
				return true;
			ktcp_msleep(1);
		}
		return false;
	}

	~turns_use()
	{
		ktcp_turns_put(turns);
		turns_noted = nullptr;
	}
};

inline constexpr int e_opnotsupp = 95;

/* In each case: */
#define KTCP_REQUIRE_TURNS(use)                           \
	KTCP_REQUIRE((use).notes);                        \
	const int turns_error = (use).get();              \
	if (turns_error == -e_opnotsupp)                  \
		return; /* PREEMPT_RT without the lock */ \
	KTCP_REQUIRE_EQ(turns_error, 0)

inline void turns_are_shared_and_end(context &context)
{
	turns_use use;
	struct ktcp_turns *again = nullptr;

	KTCP_REQUIRE_TURNS(use);
	KTCP_REQUIRE_EQ(ktcp_turns_get(sizeof(turns_memory), &turns_ops, &again), 0);
	KTCP_CHECK(again == use.turns);
	ktcp_turns_put(again);
	ktcp_turns_put(nullptr);
	KTCP_CHECK(use.here([](turns_memory &) {}));
}

inline void turns_memory_begins_as_zero(context &context)
{
	for (int i = 0; i < 3; i++) {
		turns_use use;

		KTCP_REQUIRE_TURNS(use);
		KTCP_CHECK(use.here([&](turns_memory &memory) {
			KTCP_CHECK(memory.first == 0 && memory.last == 0);
			KTCP_CHECK_EQ(memory.left, 0);
			memory.first = memory.last = 1;
		}));
	}
}

inline void turns_raised_are_drained(context &context)
{
	turns_use use;

	KTCP_REQUIRE_TURNS(use);
	for (int i = 1; i <= 20; i++) {
		KTCP_REQUIRE(use.here([&](turns_memory &memory) {
			/* Nested. */
			KTCP_CHECK(ktcp_turns_enter(use.turns) == &memory);
			ktcp_turns_raise(&memory);
			ktcp_turns_leave(use.turns);
			KTCP_CHECK_EQ(use.notes->drained.get(), i - 1);
			turns_alone(memory);
		}));
		KTCP_CHECK(use.notes->drained.reaches(i));
	}
	KTCP_CHECK_EQ(use.notes->beside.get(), 0);
}

/* From where other code may be here: in process context, and inside of it. */
inline void turns_raised_beside_too(context &context)
{
	turns_use use;
	box<spinning> lock;
	const auto raises = [&] {
		const irq_guard beside(lock->lock());

		ktcp_turns_raise(ktcp_turns_beside(use.turns));
	};

	KTCP_REQUIRE_TURNS(use);
	KTCP_REQUIRE(lock);
	KTCP_REQUIRE(use.here([](turns_memory &) {}));
	for (int i = 1; i <= 20; i++) {
		raises();
		KTCP_CHECK(use.notes->drained.reaches(2 * i - 1));
		KTCP_REQUIRE(use.here([&](turns_memory &) {
			raises();
			KTCP_CHECK_EQ(use.notes->drained.get(), 2 * i - 1);
		}));
		KTCP_CHECK(use.notes->drained.reaches(2 * i));
	}
	KTCP_CHECK_EQ(use.notes->beside.get(), 0);
}

inline void turns_raised_in_a_drain_again(context &context)
{
	turns_use use;

	KTCP_REQUIRE_TURNS(use);
	KTCP_REQUIRE(use.here([](turns_memory &memory) {
		memory.raises = 5;
		ktcp_turns_raise(&memory);
	}));
	KTCP_CHECK(use.notes->drained.reaches(6));
}

inline void turns_woken_are_the_threads(context &context)
{
	turns_use use;

	KTCP_REQUIRE_TURNS(use);
	for (int i = 1; i <= 20; i++) {
		KTCP_REQUIRE(use.here([](turns_memory &memory) {
			memory.left += 10;
			ktcp_turns_wake(&memory);
			turns_alone(memory);
		}));
		KTCP_CHECK(use.notes->taken.reaches(10 * i));
	}
	KTCP_CHECK_EQ(use.notes->drained.get(), 0);
	KTCP_CHECK_EQ(use.notes->beside.get(), 0);
}

inline void turns_of_later_may_sleep(context &context)
{
	turns_use use;

	KTCP_REQUIRE_TURNS(use);
	for (int i = 1; i <= 5; i++) {
		KTCP_REQUIRE(use.here([i](turns_memory &memory) {
			ktcp_turns_later(&memory, i % 2);
			ktcp_turns_later(&memory, i % 2);
		}));
		KTCP_CHECK(use.notes->later.reaches(i));
	}
	KTCP_CHECK_EQ(use.notes->drained.get(), 0);
	KTCP_CHECK_EQ(use.notes->taken.get(), 0);
}

} // namespace ktcp_test

#endif
