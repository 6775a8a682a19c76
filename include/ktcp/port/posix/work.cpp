// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * port/work.h over threads.
 *
 * A queue has a thread from its beginning. It starts another one when there are more items than
 * idle threads, up to max_active. It keeps its threads until it is destroyed. Where the system has
 * no more threads, items wait for those that there are, as in the kernel. An item may free itself,
 * so the queue never looks at it after its function. The worker that ran it keeps the facts that
 * are needed then.
 */
#include <condition_variable>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <thread>

#include <pthread.h>

#include <ktcp/port/layout.h>
#include <ktcp/port/posix/thread.hpp>
#include <ktcp/port/work.h>

struct ktcp_worker {
	std::thread thread;
	struct work_struct *current = nullptr; /* what it runs */
	bool again = false; /* … and that was queued meanwhile */
};

struct work_struct {
	void (*function)(work_struct *);
	workqueue_struct *queue; /* where it was last queued */
	ktcp_worker *ran_on; /* may have gone on to others: see running_on() */
	work_struct *next; /* in its queue's list */
	bool queued; /* in the list, or its timer is set */
	bool listed;
	unsigned int cancels; /* under way; it cannot be queued meanwhile */
};

struct delayed_work {
	work_struct work; /* first: a delayed item's function gets a pointer to it */
	std::multimap<std::chrono::steady_clock::time_point, delayed_work *>::iterator date;
	bool armed;
};

static_assert(sizeof(work_struct) <= KTCP_SIZEOF_WORK);
static_assert(sizeof(delayed_work) <= KTCP_SIZEOF_DELAYED_WORK);

struct workqueue_struct {
	std::string name;
	unsigned int max_active;
	unsigned int idle = 0; /* workers that wait for more, those on their way among them */
	unsigned int listed = 0; /* items that nobody has taken yet */
	bool closing = false;
	work_struct *first = nullptr, *last = nullptr;
	std::list<ktcp_worker> workers;
	std::condition_variable more;
};

namespace
{

/* One lock for all: these programs are for correctness and comparison, and an item's state
 * is touched for a few instructions at a time. */
class scheduler {
    public:
	std::mutex lock;
	std::condition_variable finished; /* an item's function has returned */

	/* Locked. Where the item is running just now, or nullptr. */
	static ktcp_worker *running_on(const work_struct &work)
	{
		return work.ran_on && work.ran_on->current == &work ? work.ran_on : nullptr;
	}

	/* Locked. */
	void push(workqueue_struct &queue, work_struct &work)
	{
		work.queued = true;
		work.queue = &queue;
		if (ktcp_worker *busy = running_on(work)) {
			busy->again = true; /* never beside itself */
			return;
		}
		work.listed = true;
		work.next = nullptr;
		(queue.first ? queue.last->next : queue.first) = &work;
		queue.last = &work;
		queue.listed++;
		/* A worker for each: an item that blocks must not hold up the next. */
		if (queue.listed <= queue.idle)
			queue.more.notify_one();
		else if (queue.workers.size() < queue.max_active)
			add_worker(queue);
	}

	/* Locked. False: the system has no more threads. */
	bool add_worker(workqueue_struct &queue) noexcept
	{
		try {
			queue.workers.emplace_back();
		} catch (...) {
			return false;
		}

		ktcp_worker &made = queue.workers.back();

		if (ktcp_posix_start(made.thread, [this, &queue, &made] { run(queue, made); }))
			return true;
		queue.workers.pop_back();
		return false;
	}

	/* Locked. Takes the item out of the list in which it waits. */
	bool unqueue(work_struct &work)
	{
		if (!work.queued)
			return false;
		if (work.listed) {
			work_struct **link = &work.queue->first, *before = nullptr;

			while (*link != &work) {
				before = *link;
				link = &before->next;
			}
			*link = work.next;
			work.queue->listed--;
			if (work.queue->last == &work)
				work.queue->last = before;
		} else if (ktcp_worker *busy = running_on(work)) {
			busy->again = false;
		}
		work.queued = work.listed = false;
		return true;
	}

	bool cancel(work_struct &work, std::unique_lock<std::mutex> &hold)
	{
		const bool was_queued = unqueue(work);

		work.cancels++;
		finished.wait(hold, [&] { return !running_on(work); });
		work.cancels--;
		return was_queued;
	}

    private:
	void run(workqueue_struct &queue, ktcp_worker &self)
	{
		pthread_setname_np(pthread_self(), queue.name.c_str());

		std::unique_lock hold(lock);

		for (;;) {
			work_struct *work = queue.first;

			if (!work) {
				if (queue.closing)
					return;
				queue.idle++;
				queue.more.wait(hold);
				queue.idle--;
				continue;
			}
			queue.first = work->next;
			queue.listed--;
			work->queued = work->listed = false;
			work->ran_on = &self;
			self.current = work;
			hold.unlock();
			work->function(work);
			hold.lock();
			self.current = nullptr;
			if (self.again) { /* so it still exists */
				self.again = false;
				push(*work->queue, *work);
			}
			finished.notify_all();
		}
	}
};

scheduler &sched()
{
	static scheduler one;

	return one;
}

/* Queues delayed items when they are due. */
class timers {
    public:
	/* Locked. */
	void set(workqueue_struct &queue, delayed_work &item, unsigned int delay_ms)
	{
		item.work.queued = true;
		item.work.queue = &queue;
		item.date = dates_.emplace(std::chrono::steady_clock::now() +
						   std::chrono::milliseconds(delay_ms),
					   &item);
		item.armed = true;
		changed_.notify_one();
	}

	/* Locked. Before the first set(); false: the system has no more threads. */
	bool begin() noexcept
	{
		return thread_.joinable() || ktcp_posix_start(thread_, [this] { run(); });
	}

	/* Locked. */
	void unset(delayed_work &item)
	{
		if (!item.armed)
			return;
		dates_.erase(item.date);
		item.armed = false;
		item.work.queued = false;
	}

	~timers()
	{
		if (!thread_.joinable())
			return;
		{
			const std::lock_guard hold(sched().lock);

			closing_ = true;
			changed_.notify_one();
		}
		thread_.join();
	}

    private:
	void run()
	{
		std::unique_lock hold(sched().lock);

		while (!closing_) {
			if (dates_.empty()) {
				changed_.wait(hold);
				continue;
			}

			const auto [date, item] = *dates_.begin();

			if (std::chrono::steady_clock::now() < date) {
				changed_.wait_until(hold, date);
				continue;
			}
			unset(*item);
			sched().push(*item->work.queue, item->work);
		}
	}

	std::multimap<std::chrono::steady_clock::time_point, delayed_work *> dates_;
	std::condition_variable changed_;
	std::thread thread_;
	bool closing_ = false;
};

timers &clock_of_work()
{
	static auto &before = sched(); /* destroyed after us */
	static timers one;

	static_cast<void>(before);
	return one;
}

} // namespace

struct workqueue_struct *ktcp_alloc_workqueue(const char *name, unsigned int, int max_active)
{
	const unsigned int cpus = std::thread::hardware_concurrency();
	auto *queue = new (std::nothrow) workqueue_struct{};

	if (!queue)
		return nullptr;
	queue->name.assign(name, strnlen(name, 15)); /* what a thread's name has room for */
	queue->max_active = max_active ? max_active : cpus ? cpus : 1;

	std::unique_lock hold(sched().lock);

	if (clock_of_work().begin() && sched().add_worker(*queue))
		return queue;
	hold.unlock();
	delete queue;
	return nullptr;
}

void ktcp_destroy_workqueue(struct workqueue_struct *wq)
{
	if (!wq)
		return;
	{
		const std::lock_guard hold(sched().lock);

		wq->closing = true; /* workers leave when the list is empty */
		wq->more.notify_all();
	}
	for (ktcp_worker &each : wq->workers)
		each.thread.join();
	delete wq;
}

int ktcp_wq_max_active(void)
{
	return 512;
}

int ktcp_next_online_cpu(int cpu, bool)
{
	/* Threads go where the scheduler likes; the numbers are good for spreading over all. */
	return static_cast<unsigned int>(cpu + 1) < std::thread::hardware_concurrency() ? cpu + 1 :
											  0;
}

unsigned int ktcp_nr_cpus(void)
{
	const unsigned int cpus = std::thread::hardware_concurrency();

	return cpus ? cpus : 1;
}

void ktcp_init_work(struct work_struct *work, void (*function)(struct work_struct *work))
{
	new (work) work_struct{};
	work->function = function;
}

void ktcp_work_set_class(struct work_struct *, struct lock_class_key *, const char *)
{
}

bool ktcp_queue_work(int, struct workqueue_struct *wq, struct work_struct *work)
{
	const std::lock_guard hold(sched().lock);

	if (work->queued || work->cancels)
		return false;
	sched().push(*wq, *work);
	return true;
}

bool ktcp_cancel_work_sync(struct work_struct *work)
{
	std::unique_lock hold(sched().lock);

	return sched().cancel(*work, hold);
}

void ktcp_init_delayed_work(struct delayed_work *work, void (*function)(struct work_struct *work))
{
	new (work) delayed_work{};
	work->work.function = function;
}

bool ktcp_mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *work,
			   unsigned int delay_ms)
{
	auto &clock = clock_of_work();
	const std::lock_guard hold(sched().lock);
	const bool was_queued = work->work.queued;

	if (work->work.cancels)
		return was_queued;
	clock.unset(*work);
	sched().unqueue(work->work);
	if (delay_ms)
		clock.set(*wq, *work, delay_ms);
	else
		sched().push(*wq, work->work);
	return was_queued;
}

bool ktcp_cancel_delayed_work_sync(struct delayed_work *work)
{
	auto &clock = clock_of_work();
	std::unique_lock hold(sched().lock);
	const bool was_armed = work->armed;

	clock.unset(*work);
	return sched().cancel(work->work, hold) || was_armed;
}
