/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/work.h */
#ifndef KTCP_TESTS_CONFORMANCE_CASES_WORK_HPP
#define KTCP_TESTS_CONFORMANCE_CASES_WORK_HPP

#include <ktcp/port/work.h>

#include "support.hpp"

#define KTCP_WORK_CASES(X)                          \
	X(work_runs_once_for_each_queueing)         \
	X(work_is_queued_only_once)                 \
	X(work_may_queue_itself)                    \
	X(work_queued_while_it_runs_runs_again)     \
	X(work_may_free_itself)                     \
	X(work_blocks_beside_other_work)            \
	X(work_keeps_to_max_active)                 \
	X(work_cancelled_does_not_run)              \
	X(work_cancel_waits_for_the_end)            \
	X(work_cancel_ends_work_that_queues_itself) \
	X(work_destroy_waits_for_all)               \
	X(work_max_active_has_a_bound)              \
	X(work_online_cpus_come_round)              \
	X(delayed_work_is_not_early)                \
	X(delayed_work_follows_its_last_date)       \
	X(delayed_work_without_delay_runs)          \
	X(delayed_work_cancelled_does_not_run)      \
	X(delayed_work_may_queue_itself)

namespace ktcp_test
{

class queue {
    public:
	explicit queue(int max_active = 0, unsigned int flags = 0) noexcept
		: raw_(ktcp_alloc_workqueue("ktcp-conformance", flags, max_active))
	{
	}

	~queue()
	{
		destroy();
	}

	queue(const queue &) = delete;
	queue &operator=(const queue &) = delete;

	explicit operator bool() const noexcept
	{
		return raw_ != nullptr;
	}

	void destroy() noexcept
	{
		ktcp_destroy_workqueue(raw_);
		raw_ = nullptr;
	}

	struct workqueue_struct *raw() const noexcept
	{
		return raw_;
	}

    private:
	struct workqueue_struct *raw_;
};

/* A work item, plain or delayed, and what its function keeps count of. */
struct item {
	alignas(void *) unsigned char plain_storage[KTCP_SIZEOF_WORK];
	alignas(void *) unsigned char delayed_storage[KTCP_SIZEOF_DELAYED_WORK];
	struct workqueue_struct *wq = nullptr;
	counter begun, ended, beside;
	counter *together = nullptr;
	int limit = 0;
	std::uint64_t ran_at = 0;
	completion gate;

	struct work_struct *plain() noexcept
	{
		return reinterpret_cast<struct work_struct *>(plain_storage);
	}

	struct ::delayed_work *delayed() noexcept
	{
		return reinterpret_cast<struct ::delayed_work *>(delayed_storage);
	}

	static item &of_plain(struct work_struct *work) noexcept
	{
		return *reinterpret_cast<item *>(reinterpret_cast<unsigned char *>(work) -
						 offsetof(item, plain_storage));
	}

	/* A delayed item's function gets the address of its beginning. */
	static item &of_delayed(struct work_struct *work) noexcept
	{
		return *reinterpret_cast<item *>(reinterpret_cast<unsigned char *>(work) -
						 offsetof(item, delayed_storage));
	}
};

inline void count_run(struct work_struct *work)
{
	item::of_plain(work).begun.add();
}

inline void count_delayed_run(struct work_struct *work)
{
	item &self = item::of_delayed(work);

	self.ran_at = ktcp_now_ms();
	self.begun.add();
}

/* Runs until its gate is opened. */
inline void wait_at_gate(struct work_struct *work)
{
	item &self = item::of_plain(work);

	if (self.beside.add(1) != 1)
		self.limit = -1; /* beside itself */
	self.begun.add();
	self.gate.wait();
	self.ended.add();
	self.beside.add(-1);
}

inline void work_runs_once_for_each_queueing(context &context)
{
	box<item> one;
	queue queue;

	KTCP_REQUIRE(one && queue);
	ktcp_init_work(one->plain(), count_run);
	for (int i = 1; i <= 5; i++) {
		KTCP_CHECK(ktcp_queue_work(i % 2 ? -1 : 0, queue.raw(), one->plain()));
		KTCP_CHECK(one->begun.reaches(i));
	}
	queue.destroy();
	KTCP_CHECK_EQ(one->begun.get(), 5);
}

/* While it waits for its turn, queueing it again does nothing, and says so. */
inline void work_is_queued_only_once(context &context)
{
	box<item> before, one;
	queue queue(1, KTCP_WQ_UNBOUND);

	KTCP_REQUIRE(before && one && queue);
	ktcp_init_work(before->plain(), wait_at_gate);
	ktcp_init_work(one->plain(), count_run);
	ktcp_queue_work(-1, queue.raw(), before->plain());
	KTCP_CHECK(before->begun.reaches(1));
	KTCP_CHECK(ktcp_queue_work(-1, queue.raw(), one->plain()));
	KTCP_CHECK(!ktcp_queue_work(-1, queue.raw(), one->plain()));
	KTCP_CHECK(!ktcp_queue_work(-1, queue.raw(), one->plain()));
	before->gate.complete();
	queue.destroy();
	KTCP_CHECK_EQ(one->begun.get(), 1);
}

inline void work_may_queue_itself(context &context)
{
	const auto again = [](struct work_struct *work) {
		item &self = item::of_plain(work);

		if (self.begun.add() < self.limit)
			ktcp_queue_work(-1, self.wq, work);
	};
	box<item> one;
	queue queue;

	KTCP_REQUIRE(one && queue);
	one->limit = 10;
	one->wq = queue.raw();
	ktcp_init_work(one->plain(), again);
	ktcp_queue_work(-1, queue.raw(), one->plain());
	KTCP_CHECK(one->begun.reaches(10));
	queue.destroy();
	KTCP_CHECK_EQ(one->begun.get(), 10);
}

/* Once more, after the run under way, never beside it. */
inline void work_queued_while_it_runs_runs_again(context &context)
{
	box<item> one;
	queue queue;

	KTCP_REQUIRE(one && queue);
	ktcp_init_work(one->plain(), wait_at_gate);
	ktcp_queue_work(-1, queue.raw(), one->plain());
	KTCP_CHECK(one->begun.reaches(1));
	KTCP_CHECK(ktcp_queue_work(-1, queue.raw(), one->plain()));
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(one->begun.get(), 1);
	one->gate.complete();
	KTCP_CHECK(one->begun.reaches(2));
	one->gate.complete();
	queue.destroy();
	KTCP_CHECK_EQ(one->ended.get(), 2);
	KTCP_CHECK_EQ(one->limit, 0);
}

inline void work_may_free_itself(context &context)
{
	const auto ends = [](struct work_struct *work) {
		item &self = item::of_plain(work);
		counter &together = *self.together;

		self.~item();
		ktcp_kfree(&self);
		together.add();
	};
	box<counter> gone;
	queue queue;

	KTCP_REQUIRE(gone && queue);
	for (int i = 0; i < 4; i++) {
		void *memory = ktcp_kmalloc(sizeof(item), KTCP_GFP_KERNEL);

		KTCP_REQUIRE(memory);

		item *one = ::new (memory) item();

		one->together = &*gone;
		ktcp_init_work(one->plain(), ends);
		ktcp_queue_work(-1, queue.raw(), one->plain());
	}
	queue.destroy();
	KTCP_CHECK_EQ(gone->get(), 4);
}

/* Three that each wait for all three: a queue with room for them runs them at once. It does so too
 * when one worker is there already, and idle. */
inline void work_blocks_beside_other_work(context &context)
{
	const auto meets = [](struct work_struct *work) {
		item &self = item::of_plain(work);

		self.together->add();
		if (self.together->reaches(3))
			self.ended.add();
	};
	box<counter> together;
	box<item> one, two, three;
	queue queue(3);

	KTCP_REQUIRE(together && one && two && three && queue);
	ktcp_init_work(one->plain(), count_run);
	ktcp_queue_work(-1, queue.raw(), one->plain());
	KTCP_CHECK(one->begun.reaches(1));
	ktcp_cancel_work_sync(one->plain());
	ktcp_msleep(moment_ms);
	for (item *each : { &*one, &*two, &*three }) {
		each->together = &*together;
		ktcp_init_work(each->plain(), meets);
		ktcp_queue_work(-1, queue.raw(), each->plain());
	}
	queue.destroy();
	KTCP_CHECK_EQ(one->ended.get() + two->ended.get() + three->ended.get(), 3);
}

/* An unbound queue with max_active 1: one after the other, in order. */
inline void work_keeps_to_max_active(context &context)
{
	box<item> one, two;
	queue queue(1, KTCP_WQ_UNBOUND);

	KTCP_REQUIRE(one && two && queue);
	ktcp_init_work(one->plain(), wait_at_gate);
	ktcp_init_work(two->plain(), wait_at_gate);
	ktcp_queue_work(-1, queue.raw(), one->plain());
	ktcp_queue_work(-1, queue.raw(), two->plain());
	KTCP_CHECK(one->begun.reaches(1));
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(two->begun.get(), 0);
	one->gate.complete();
	KTCP_CHECK(two->begun.reaches(1));
	two->gate.complete();
}

inline void work_cancelled_does_not_run(context &context)
{
	box<item> before, one;
	queue queue(1, KTCP_WQ_UNBOUND);

	KTCP_REQUIRE(before && one && queue);
	ktcp_init_work(before->plain(), wait_at_gate);
	ktcp_init_work(one->plain(), count_run);
	KTCP_CHECK(!ktcp_cancel_work_sync(one->plain()));
	ktcp_queue_work(-1, queue.raw(), before->plain());
	KTCP_CHECK(before->begun.reaches(1));
	ktcp_queue_work(-1, queue.raw(), one->plain());
	KTCP_CHECK(ktcp_cancel_work_sync(one->plain()));
	KTCP_CHECK(!ktcp_cancel_work_sync(one->plain()));
	before->gate.complete();
	queue.destroy();
	KTCP_CHECK_EQ(one->begun.get(), 0);
}

inline void work_cancel_waits_for_the_end(context &context)
{
	const auto slow = [](struct work_struct *work) {
		item &self = item::of_plain(work);

		self.begun.add();
		ktcp_msleep(moment_ms);
		self.ended.add();
	};
	box<item> one;
	queue queue;

	KTCP_REQUIRE(one && queue);
	ktcp_init_work(one->plain(), slow);
	ktcp_queue_work(-1, queue.raw(), one->plain());
	KTCP_CHECK(one->begun.reaches(1));
	KTCP_CHECK(!ktcp_cancel_work_sync(one->plain()));
	KTCP_CHECK_EQ(one->ended.get(), 1);
}

inline void work_cancel_ends_work_that_queues_itself(context &context)
{
	const auto for_ever = [](struct work_struct *work) {
		item &self = item::of_plain(work);

		self.begun.add();
		ktcp_msleep(1);
		ktcp_queue_work(-1, self.wq, work);
		self.ended.add();
	};
	box<item> one;
	queue queue;

	KTCP_REQUIRE(one && queue);
	one->wq = queue.raw();
	ktcp_init_work(one->plain(), for_ever);
	ktcp_queue_work(-1, queue.raw(), one->plain());
	KTCP_CHECK(one->begun.reaches(3));
	ktcp_cancel_work_sync(one->plain());

	const int runs = one->begun.get();

	KTCP_CHECK_EQ(one->ended.get(), runs);
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(one->begun.get(), runs);
	/* It can be used again. */
	ktcp_init_work(one->plain(), count_run);
	KTCP_CHECK(ktcp_queue_work(-1, queue.raw(), one->plain()));
	KTCP_CHECK(one->begun.reaches(runs + 1));
	queue.destroy();
}

inline void work_destroy_waits_for_all(context &context)
{
	const auto slow = [](struct work_struct *work) {
		ktcp_msleep(5);
		item::of_plain(work).ended.add();
	};
	box<item> one, two;
	queue queue(1);

	KTCP_REQUIRE(one && two && queue);
	ktcp_init_work(one->plain(), slow);
	ktcp_init_work(two->plain(), slow);
	ktcp_queue_work(-1, queue.raw(), one->plain());
	ktcp_queue_work(-1, queue.raw(), two->plain());
	queue.destroy();
	KTCP_CHECK_EQ(one->ended.get(), 1);
	KTCP_CHECK_EQ(two->ended.get(), 1);
	ktcp_destroy_workqueue(nullptr);
}

inline void work_max_active_has_a_bound(context &context)
{
	KTCP_CHECK(ktcp_wq_max_active() >= 256);

	box<item> one;
	queue queue(ktcp_wq_max_active(), KTCP_WQ_UNBOUND | KTCP_WQ_HIGHPRI);

	KTCP_REQUIRE(one && queue);
	ktcp_init_work(one->plain(), count_run);
	ktcp_queue_work(-1, queue.raw(), one->plain());
	KTCP_CHECK(one->begun.reaches(1));
}

/* Each CPU once, upwards, then the first again; and work runs wherever it is sent. */
inline void work_online_cpus_come_round(context &context)
{
	const int first = ktcp_next_online_cpu(-1, true);
	box<item> one;
	queue queue;
	int runs = 0;

	KTCP_REQUIRE(one && queue);
	KTCP_REQUIRE(first >= 0);
	ktcp_init_work(one->plain(), count_run);
	for (int cpu = first, next; runs < 8192; cpu = next) {
		KTCP_CHECK(static_cast<unsigned int>(cpu) < ktcp_nr_cpus());
		KTCP_CHECK(ktcp_queue_work(cpu, queue.raw(), one->plain()));
		KTCP_REQUIRE(one->begun.reaches(++runs));
		next = ktcp_next_online_cpu(cpu, true);
		if (next == first)
			break;
		KTCP_REQUIRE(next > cpu);
	}
	KTCP_CHECK(runs < 8192);
}

inline void delayed_work_is_not_early(context &context)
{
	constexpr unsigned delay_ms = 40, tick_ms = 10;
	box<item> one;
	queue queue;

	KTCP_REQUIRE(one && queue);
	ktcp_init_delayed_work(one->delayed(), count_delayed_run);

	const std::uint64_t before = ktcp_now_ms();

	KTCP_CHECK(!ktcp_mod_delayed_work(queue.raw(), one->delayed(), delay_ms));
	KTCP_CHECK(one->begun.reaches(1));
	KTCP_CHECK(one->ran_at + tick_ms >= before + delay_ms);
}

/* Later and earlier dates replace the one before; it runs once. */
inline void delayed_work_follows_its_last_date(context &context)
{
	constexpr unsigned never_ms = 3600000;
	box<item> one;
	queue queue;

	KTCP_REQUIRE(one && queue);
	ktcp_init_delayed_work(one->delayed(), count_delayed_run);
	KTCP_CHECK(!ktcp_mod_delayed_work(queue.raw(), one->delayed(), 3 * moment_ms));
	KTCP_CHECK(ktcp_mod_delayed_work(queue.raw(), one->delayed(), never_ms));
	ktcp_msleep(4 * moment_ms);
	KTCP_CHECK_EQ(one->begun.get(), 0);
	KTCP_CHECK(ktcp_mod_delayed_work(queue.raw(), one->delayed(), 5));
	KTCP_CHECK(one->begun.reaches(1));
	KTCP_CHECK(!ktcp_cancel_delayed_work_sync(one->delayed()));
	queue.destroy();
	KTCP_CHECK_EQ(one->begun.get(), 1);
}

inline void delayed_work_without_delay_runs(context &context)
{
	box<item> one;
	queue queue;

	KTCP_REQUIRE(one && queue);
	ktcp_init_delayed_work(one->delayed(), count_delayed_run);
	KTCP_CHECK(!ktcp_mod_delayed_work(queue.raw(), one->delayed(), 0));
	/* It is queued, and destroying the queue waits for it. */
	queue.destroy();
	KTCP_CHECK_EQ(one->begun.get(), 1);
}

inline void delayed_work_cancelled_does_not_run(context &context)
{
	box<item> one;
	queue queue;

	KTCP_REQUIRE(one && queue);
	ktcp_init_delayed_work(one->delayed(), count_delayed_run);
	KTCP_CHECK(!ktcp_cancel_delayed_work_sync(one->delayed()));
	ktcp_mod_delayed_work(queue.raw(), one->delayed(), 2 * moment_ms);
	KTCP_CHECK(ktcp_cancel_delayed_work_sync(one->delayed()));
	KTCP_CHECK(!ktcp_cancel_delayed_work_sync(one->delayed()));
	ktcp_msleep(3 * moment_ms);
	KTCP_CHECK_EQ(one->begun.get(), 0);
}

/* As a sweep does; cancelling ends it, whenever that comes. */
inline void delayed_work_may_queue_itself(context &context)
{
	const auto sweeps = [](struct work_struct *work) {
		item &self = item::of_delayed(work);

		self.begun.add();
		ktcp_mod_delayed_work(self.wq, self.delayed(), 1);
	};
	box<item> one;
	queue queue;

	KTCP_REQUIRE(one && queue);
	one->wq = queue.raw();
	ktcp_init_delayed_work(one->delayed(), sweeps);
	ktcp_mod_delayed_work(queue.raw(), one->delayed(), 1);
	KTCP_CHECK(one->begun.reaches(4));
	ktcp_cancel_delayed_work_sync(one->delayed());

	const int runs = one->begun.get();

	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(one->begun.get(), runs);
}

} // namespace ktcp_test

#endif
