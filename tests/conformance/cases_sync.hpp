/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/sync.h */
#ifndef KTCP_TESTS_CONFORMANCE_CASES_SYNC_HPP
#define KTCP_TESTS_CONFORMANCE_CASES_SYNC_HPP

#include "support.hpp"

#define KTCP_SYNC_CASES(X)                \
	X(sync_mutex_excludes)            \
	X(sync_mutex_waits_for_its_turn)  \
	X(sync_spin_lock_excludes)        \
	X(sync_irq_lock_excludes)         \
	X(sync_completion_wakes_a_waiter) \
	X(sync_completions_are_counted)   \
	X(sync_completion_wait_times_out) \
	X(sync_rcu_grace_period_ends)

namespace ktcp_test
{

struct locked {
	alignas(void *) unsigned char storage[KTCP_SIZEOF_MUTEX];
	long value = 0;
	counter entered;

	locked() noexcept
	{
		ktcp_mutex_init(lock());
	}

	~locked()
	{
		ktcp_mutex_destroy(lock());
	}

	struct ::mutex *lock() noexcept
	{
		return reinterpret_cast<struct ::mutex *>(storage);
	}
};

/* Two threads add to one number, giving way between reading and writing it. */
inline void sync_mutex_excludes(context &context)
{
	constexpr int rounds = 20;
	const auto adds = [](void *argument) {
		auto &shared = *static_cast<locked *>(argument);

		for (int i = 0; i < rounds; i++) {
			ktcp_mutex_lock(shared.lock());

			const long seen = shared.value;

			ktcp_cond_resched();
			shared.value = seen + 1;
			ktcp_mutex_unlock(shared.lock());
		}
		return 0;
	};
	box<locked> shared;
	box<thread> one, two;

	KTCP_REQUIRE(shared && one && two);
	KTCP_REQUIRE_EQ(one->start(adds, &*shared), 0);
	KTCP_REQUIRE_EQ(two->start(adds, &*shared), 0);
	one->stop();
	two->stop();
	KTCP_CHECK_EQ(shared->value, 2 * rounds);
}

inline void sync_mutex_waits_for_its_turn(context &context)
{
	const auto enters = [](void *argument) {
		auto &shared = *static_cast<locked *>(argument);

		ktcp_mutex_lock(shared.lock());
		shared.entered.add();
		ktcp_mutex_unlock(shared.lock());
		return 0;
	};
	box<locked> shared;
	box<thread> other;

	KTCP_REQUIRE(shared && other);
	ktcp_mutex_lock(shared->lock());

	const int started = other->start(enters, &*shared);

	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(shared->entered.get(), 0);
	ktcp_mutex_unlock(shared->lock());
	KTCP_REQUIRE_EQ(started, 0);
	KTCP_CHECK(shared->entered.reaches(1));
}

struct spinning {
	alignas(void *) unsigned char storage[KTCP_SIZEOF_SPINLOCK];
	long value = 0;

	spinning() noexcept
	{
		ktcp_spin_lock_init(lock());
	}

	struct ::spinlock *lock() noexcept
	{
		return reinterpret_cast<struct ::spinlock *>(storage);
	}
};

struct bh_guard {
	explicit bh_guard(struct ::spinlock *of) noexcept : lock(of)
	{
		ktcp_spin_lock_bh(lock);
	}

	bh_guard(const bh_guard &) = delete;

	~bh_guard()
	{
		ktcp_spin_unlock_bh(lock);
	}

	struct ::spinlock *lock;
};

struct irq_guard {
	explicit irq_guard(struct ::spinlock *of) noexcept : lock(of)
	{
		ktcp_spin_lock_irqsave(lock, &was);
	}

	irq_guard(const irq_guard &) = delete;

	~irq_guard()
	{
		ktcp_spin_unlock_irqrestore(lock, &was);
	}

	struct ::spinlock *lock;
	struct ktcp_irq_state was;
};

/* Two threads add to one number, with time between reading and writing it. */
template <class Guard>
void spin_lock_excludes(context &context)
{
	constexpr int rounds = 2000;
	const auto adds = [](void *argument) {
		auto &shared = *static_cast<spinning *>(argument);

		for (int i = 0; i < rounds; i++) {
			const Guard alone(shared.lock());
			volatile long seen = shared.value;

			for (int j = 0; j < 50; j++)
				seen = seen + 1;
			shared.value = seen - 49;
		}
		return 0;
	};
	box<spinning> shared;
	box<thread> one, two;

	KTCP_REQUIRE(shared && one && two);
	KTCP_REQUIRE_EQ(one->start(adds, &*shared), 0);
	KTCP_REQUIRE_EQ(two->start(adds, &*shared), 0);
	one->stop();
	two->stop();
	KTCP_CHECK_EQ(shared->value, 2 * rounds);
}

inline void sync_spin_lock_excludes(context &context)
{
	spin_lock_excludes<bh_guard>(context);
}

/* And inside of the other one. */
inline void sync_irq_lock_excludes(context &context)
{
	spin_lock_excludes<irq_guard>(context);

	box<spinning> outer, inner;

	KTCP_REQUIRE(outer && inner);

	/* Else they are one class, and lockdep takes them for one lock. */
	alignas(void *) static unsigned char inner_class[KTCP_SIZEOF_LOCK_CLASS_KEY + 1];

	ktcp_spin_lock_set_class(inner->lock(),
				 reinterpret_cast<struct ::lock_class_key *>(inner_class), "inner");

	const bh_guard first(outer->lock());
	const irq_guard second(inner->lock());
}

struct waiting {
	completion done;
	counter woken;
};

inline void sync_completion_wakes_a_waiter(context &context)
{
	const auto waits = [](void *argument) {
		auto &shared = *static_cast<waiting *>(argument);

		shared.done.wait();
		shared.woken.add();
		return 0;
	};
	box<waiting> shared;
	box<thread> waiter;

	KTCP_REQUIRE(shared && waiter);
	KTCP_REQUIRE_EQ(waiter->start(waits, &*shared), 0);
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(shared->woken.get(), 0);
	shared->done.complete();
	KTCP_CHECK(shared->woken.reaches(1));
}

/* Completed before anyone waits, each lets one wait pass; and no more than one. */
inline void sync_completions_are_counted(context &context)
{
	const auto waits_thrice = [](void *argument) {
		auto &shared = *static_cast<waiting *>(argument);

		for (int i = 0; i < 3; i++) {
			shared.done.wait();
			shared.woken.add();
		}
		return 0;
	};
	box<waiting> shared;
	box<thread> waiter;

	KTCP_REQUIRE(shared && waiter);
	shared->done.complete();
	shared->done.complete();
	KTCP_REQUIRE_EQ(waiter->start(waits_thrice, &*shared), 0);
	KTCP_CHECK(shared->woken.reaches(2));
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(shared->woken.get(), 2);
	shared->done.complete();
	KTCP_CHECK(shared->woken.reaches(3));
}

inline void sync_rcu_grace_period_ends(context &context)
{
	const std::uint64_t before = ktcp_now_ms();

	ktcp_synchronize_rcu();
	KTCP_CHECK(ktcp_now_ms() - before < patience_ms);
}

inline void sync_completion_wait_times_out(context &context)
{
	constexpr unsigned tick_ms = 10;
	box<waiting> shared;

	KTCP_REQUIRE(shared);

	const std::uint64_t before = ktcp_now_ms();

	KTCP_CHECK(!shared->done.wait_for(40));
	KTCP_CHECK(ktcp_now_ms() - before + tick_ms >= 40);
	shared->done.complete();
	KTCP_CHECK(shared->done.wait_for(0));
	KTCP_CHECK(!shared->done.wait_for(0));
}

} // namespace ktcp_test

#endif
