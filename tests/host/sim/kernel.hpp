/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The simulation's own kernel: running and sleeping tasks, the time, and the owners of objects.
 * Internal to sim/; tests see world.hpp.
 */
#ifndef KTCP_SIM_KERNEL_HPP
#define KTCP_SIM_KERNEL_HPP

#include <cstdarg>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fibre.hpp"
#include "random.hpp"
#include "world.hpp"

struct ktcp_proc_folder;

namespace sim
{

class network;
class memory;
class workqueues;

enum class context { main, client, worker, thread, softirq };

/*
 * A relaxed store that other fibres do not see yet, as on a processor that makes its stores visible in any
 * order. While its fibre runs, the value is in its place and this has the one that others see. While
 * others run it is the other way about.
 */
struct held_store {
	void *at;
	size_t size;
	unsigned char value[8];
};

/* A fibre, and what the scheduler knows of it. */
struct task {
	enum class state { ready, blocked, finished };

	std::unique_ptr<fibre> stack;
	int id = 0;
	context kind = context::main;
	std::string name;
	state now = state::ready;
	const void *waits_for = nullptr;
	const char *why = "";
	bool timed_out = false;
	uint32_t priority = 0;
	int in_callback = 0; /* inside an event callback: must not sleep */
	int irqs_off = 0; /* locks that switched interrupts off */
	int in_module = 0; /* a softirq that executes the module's instructions */
	void *here = nullptr; /* see port/turns.h: its CPU's memory … */
	int here_depth = 0; /* … how deep it is … */
	uint64_t here_serial = 0; /* … and how often it entered */
	std::vector<held_store> held;
};

class kernel {
    public:
	using timer_id = std::pair<uint64_t, uint64_t>;

	kernel(uint64_t seed, const options &how);
	~kernel();

	report run(const std::function<void(world &)> &body);

	/* The simulation under way, nullptr outside of one. */
	static kernel *current_or_null()
	{
		return the;
	}
	static kernel &now(const char *caller);

	/* Entering a port function: a scheduling point and, for process context, a check. */
	static kernel &enter_process(const char *function);
	static kernel &enter_any(const char *function);

	task &current()
	{
		return *current_;
	}
	task &spawn(context kind, const std::string &name, std::function<void()> body);
	void point();
	/* The same, where there is always a choice to be made. */
	void yield();

	/*
	 * Before a write to an atomic or a setting: a relaxed store may be held back until the next that is not
	 * relaxed. @size 0: a read-modify-write, which others see at once.
	 */
	void before_write(void *address, size_t size, bool relaxed);
	/* From here on others see all stores of the fibre's, as at each call of the port. */
	void show_stores()
	{
		current_->held.clear();
	}

	/* Sleep until wake(@key), or until @deadline_ms: then false. The caller tests again. */
	void block(const void *key, const char *why);
	bool block_until(const void *key, uint64_t deadline_ms, const char *why);
	void wake(const void *key);
	void wake_task(task &t);
	bool anyone_waits_within(const void *from, const void *to) const;

	/* Something became possible that was not: a reason to choose again. */
	void news()
	{
		something_new_ = true;
	}

	void must_be_able_to_sleep(const char *function);
	/* The next fallible call of the module's: shall it fail? */
	bool fails(const char *what);
	/* How often each was made to, by all runs of the process. */
	static std::map<std::string, uint64_t> &injections();

	uint64_t now_ms() const
	{
		return now_ms_;
	}
	timer_id arm(uint64_t when_ms, std::function<void()> function);
	void disarm(timer_id id)
	{
		timers_.erase(id);
	}

	/* Softirqs: @body on a fibre of its own, next. */
	task &raise_softirq(const char *name, std::function<void()> body);
	void synchronize_rcu();

	bool wait_for_step(uint64_t step);
	void wait_until_idle();
	void join();
	void check_unloaded();

	[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 2, 3)));
	bool tracing() const
	{
		return how.trace;
	}
	void trace(const char *format, ...) __attribute__((format(printf, 2, 3)));
	void note(uint64_t choice)
	{
		fingerprint_ = (fingerprint_ ^ choice) * 0x100000001b3;
	}

	const options how;
	random chance;
	random holds_back; /* its own, so that it takes no choice from the other */
	std::unique_ptr<network> net;
	std::unique_ptr<memory> heap;
	std::unique_ptr<workqueues> queues;
	unsigned cpus;
	/*
	 * The objects that the port's functions hand out; kept until the run ends, so that late use
	 * is seen.
	 */
	std::vector<std::shared_ptr<void>> handles; /* struct socket */
	std::vector<std::shared_ptr<void>> threads; /* struct task_struct */
	std::shared_ptr<void> turns; /* struct ktcp_turns */
	bool bottom_halves_exclude; /* see ktcp_turns_get() */
	std::map<std::string, ::ktcp_proc_folder *> folders; /* in /proc/net */
	std::vector<std::string> log;
	int threads_alive = 0;
	void *held_locks = nullptr;
	bool link_up = true;
	unsigned fallible_calls = 0;
	bool injected = false;

    private:
	void preempt();
	void reschedule();
	task *choose();
	bool let_time_pass();
	void fire_due();
	void finished();
	void finish();
	void switch_to(task &next);
	void hide_stores(task &t);
	void leave();
	std::string whereabouts() const;

	static kernel *the;

	fibre host_;
	task *current_ = nullptr;
	std::vector<std::unique_ptr<task>> tasks_;
	std::vector<task *> idle_tasks_;
	std::vector<task *> ready_;
	task *next_ = nullptr; /* must run next, whatever the policy */
	task *step_waiter_ = nullptr;
	task *idle_waiter_ = nullptr;
	uint64_t step_wanted_ = UINT64_MAX;
	bool step_reached_ = false;
	int clients_ = 0;
	int next_id_ = 0;

	std::map<timer_id, std::function<void()>> timers_;
	uint64_t timer_serial_ = 0;
	uint64_t now_ms_;
	uint64_t waited_ms_ = 0; /* of that, with nobody able to run */
	uint64_t start_ms_;

	/* How this seed preempts. */
	bool by_priority_ = false;
	uint32_t preempt_chance_ = 0;
	unsigned preemptions_left_ = UINT32_MAX;
	std::vector<uint64_t> change_points_;
	bool something_new_ = false;
	unsigned steps_in_a_row_ = 0;

	uint64_t steps_ = 0;
	uint64_t fingerprint_ = 0xcbf29ce484222325;
	bool failed_ = false;
	std::string failure_;
	std::deque<std::string> lines_;
};

} // namespace sim

#endif
