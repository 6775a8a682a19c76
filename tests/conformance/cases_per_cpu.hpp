/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/per_cpu.h */
#ifndef KTCP_TESTS_CONFORMANCE_CASES_PER_CPU_HPP
#define KTCP_TESTS_CONFORMANCE_CASES_PER_CPU_HPP

#include <ktcp/port/per_cpu.h>
#include <ktcp/port/work.h>

#include "cases_memory.hpp"
#include "support.hpp"

#define KTCP_PER_CPU_CASES(X)              \
	X(per_cpu_memory_is_zero_and_ours) \
	X(per_cpu_names_each_processor)    \
	X(per_cpu_memory_is_aligned)       \
	X(per_cpu_got_is_held_alone)       \
	X(per_cpu_raw_is_one_of_them)      \
	X(per_cpu_null_may_be_freed)

namespace ktcp_test
{

inline void per_cpu_memory_is_zero_and_ours(context &context)
{
	for (std::size_t size : { 1, 100, static_cast<int>(KTCP_PER_CPU_MOST) }) {
		struct ktcp_per_cpu *const all = ktcp_alloc_percpu(size, 1);

		KTCP_REQUIRE(all);
		for (int cpu = -1; (cpu = ktcp_next_possible_cpu(cpu)) >= 0;) {
			auto *const memory =
				static_cast<const unsigned char *>(ktcp_per_cpu_ptr(all, cpu));

			for (std::size_t i = 0; i < size; i++)
				KTCP_CHECK(!memory[i]);
			KTCP_CHECK(usable(ktcp_per_cpu_ptr(all, cpu), size,
					  static_cast<unsigned>(cpu)));
		}
		for (int cpu = -1; (cpu = ktcp_next_possible_cpu(cpu)) >= 0;)
			KTCP_CHECK(holds(ktcp_per_cpu_ptr(all, cpu), size,
					 static_cast<unsigned>(cpu)));
		ktcp_free_percpu(all);
	}
}

/* In the order of their numbers; this one is among them. */
inline void per_cpu_names_each_processor(context &context)
{
	int before = -1, count = 0;

	for (int cpu = -1; (cpu = ktcp_next_possible_cpu(cpu)) >= 0; before = cpu, count++) {
		KTCP_CHECK(cpu > before);
		KTCP_CHECK(static_cast<unsigned int>(cpu) < ktcp_nr_cpus());
	}
	KTCP_CHECK(count > 0);
}

inline void per_cpu_memory_is_aligned(context &context)
{
	for (std::size_t align : { 1, 8, 64, static_cast<int>(KTCP_PER_CPU_ALIGN_MOST) }) {
		struct ktcp_per_cpu *const all = ktcp_alloc_percpu(24, align);

		KTCP_REQUIRE(all);
		for (int cpu = -1; (cpu = ktcp_next_possible_cpu(cpu)) >= 0;)
			KTCP_CHECK(reinterpret_cast<std::uintptr_t>(ktcp_per_cpu_ptr(all, cpu)) %
					   align ==
				   0);
		ktcp_free_percpu(all);
	}
}

/* Only the context that has got it writes it. */
struct per_cpu_memory {
	std::uint64_t count;
	bool got;
};

struct per_cpu_notes {
	static constexpr int threads = 4, rounds = 300;

	struct ktcp_per_cpu *all = nullptr;
	counter together, done;
};

/* Several threads; in the kernel on several CPUs, and some on one. */
inline void per_cpu_got_is_held_alone(context &context)
{
	const auto counts = [](void *argument) {
		auto &notes = *static_cast<per_cpu_notes *>(argument);

		for (int i = 0; i < per_cpu_notes::rounds; i++) {
			auto &mine = *static_cast<per_cpu_memory *>(ktcp_get_cpu_ptr(notes.all));

			if (mine.got)
				notes.together.add();
			mine.got = true;
			for (int j = 0; j < 100; j++)
				__atomic_signal_fence(__ATOMIC_SEQ_CST);
			mine.count++;
			mine.got = false;
			ktcp_put_cpu_ptr(notes.all);
			ktcp_cond_resched();
		}
		notes.done.add();
		return 0;
	};
	box<per_cpu_notes> notes;
	box<thread> threads[per_cpu_notes::threads];
	std::uint64_t sum = 0;

	KTCP_REQUIRE(notes);
	notes->all = ktcp_alloc_percpu(sizeof(per_cpu_memory), alignof(per_cpu_memory));
	KTCP_REQUIRE(notes->all);
	for (auto &each : threads)
		KTCP_CHECK(each && each->start(counts, &*notes) == 0);
	KTCP_CHECK(notes->done.reaches(per_cpu_notes::threads));
	for (auto &each : threads)
		if (each)
			each->stop();
	for (int cpu = -1; (cpu = ktcp_next_possible_cpu(cpu)) >= 0;)
		sum += static_cast<per_cpu_memory *>(ktcp_per_cpu_ptr(notes->all, cpu))->count;
	KTCP_CHECK_EQ(notes->together.get(), 0);
	KTCP_CHECK_EQ(static_cast<int>(sum), per_cpu_notes::threads * per_cpu_notes::rounds);
	ktcp_free_percpu(notes->all);
}

inline void per_cpu_raw_is_one_of_them(context &context)
{
	struct ktcp_per_cpu *const all = ktcp_alloc_percpu(8, 8);
	bool found = false;

	KTCP_REQUIRE(all);

	const void *const raw = ktcp_raw_cpu_ptr(all);

	for (int cpu = -1; (cpu = ktcp_next_possible_cpu(cpu)) >= 0;)
		found = found || ktcp_per_cpu_ptr(all, cpu) == raw;
	KTCP_CHECK(found);

	/* And while this context stays on its CPU, that one's. */
	const void *const got = ktcp_get_cpu_ptr(all);

	KTCP_CHECK(ktcp_raw_cpu_ptr(all) == got);
	ktcp_put_cpu_ptr(all);
	ktcp_free_percpu(all);
}

inline void per_cpu_null_may_be_freed(context &context)
{
	ktcp_free_percpu(nullptr);

	struct ktcp_per_cpu *const all = ktcp_alloc_percpu(1, 1);

	KTCP_CHECK(all);
	ktcp_free_percpu(all);
}

} // namespace ktcp_test

#endif
