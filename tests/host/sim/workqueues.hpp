/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Workqueues: each a pool of waiting items per CPU, or one pool when unbound, and a fibre
 * for each item that runs.
 */
#ifndef KTCP_SIM_WORKQUEUES_HPP
#define KTCP_SIM_WORKQUEUES_HPP

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

struct work_struct;
struct delayed_work;
struct workqueue_struct;

namespace sim
{

class kernel;
struct task;

class workqueues {
    public:
	explicit workqueues(kernel &k);
	~workqueues();

	workqueue_struct *create(const char *name, unsigned flags, int max_active);
	void destroy(workqueue_struct *wq);
	bool queue(int cpu, workqueue_struct *wq, work_struct *work);
	bool cancel_sync(work_struct *work, const char *function);
	bool modify_delayed(workqueue_struct *wq, delayed_work *work, unsigned delay_ms);
	bool cancel_delayed_sync(delayed_work *work);

	int next_id()
	{
		return ++serial_;
	}

	/* Fails if an item in [memory, memory + size) is queued or its timer set. */
	void check_freed(const void *memory, size_t size) const;
	void check_unloaded() const;

    private:
	struct running {
		work_struct *work;
		void (*function)(work_struct *);
		workqueue_struct *wq;
		int pool;
		task *worker;
	};

	const running *find_running(const work_struct *work) const;
	const running *find_running(const work_struct *work, const workqueue_struct *wq) const;
	bool runs_for(const workqueue_struct *wq) const;
	bool dequeue(work_struct *work);
	void start_workers(workqueue_struct *wq);
	void work_once(workqueue_struct *wq, int pool);
	void check_usable(workqueue_struct *wq, const char *function);
	void disarm(delayed_work *work);

	kernel &kernel_;
	std::vector<std::unique_ptr<workqueue_struct>> all_;
	std::vector<running> running_;
	std::vector<delayed_work *> armed_;
	int serial_ = 0;
};

} // namespace sim

#endif
