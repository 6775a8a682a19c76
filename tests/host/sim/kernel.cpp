/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The scheduler: at each scheduling point perhaps, and at each sleep surely, choose who
 * goes on: a fibre, the network, or time itself. All choices come from the seed.
 *
 * A seed picks one of two policies. At random: a preemption with a fixed chance at each point, from
 * almost never to every other one, sometimes only a handful in all. By priority, after PCT
 * (Burckhardt et al., ASPLOS 2010): the task of the highest priority runs. At a few random points
 * it drops to the lowest.
 */
#include "kernel.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "memory.hpp"
#include "network.hpp"
#include "turns.hpp"
#include "workqueues.hpp"

#include <ktcp_layout.h>

namespace sim
{

kernel *kernel::the;

namespace
{

/* Stacks outlive the runs: mapping them is dearer than a whole small run. */
std::vector<std::unique_ptr<fibre>> spare_stacks;
/* Those of failed runs, left as they were, to the end of the process and beyond. */
auto &graves = *new std::vector<std::unique_ptr<fibre>>;

constexpr unsigned spin_limit = 2000;
constexpr size_t trace_lines = 200; /* at the beginning, and again at the end */

std::string format(const char *text, va_list arguments)
{
	char line[512];

	vsnprintf(line, sizeof(line), text, arguments);
	return line;
}

} // namespace

kernel::kernel(uint64_t seed, const options &options_)
	: how(options_), chance(seed), holds_back(~seed), net(std::make_unique<network>(*this)),
	  heap(std::make_unique<memory>(*this)), queues(std::make_unique<workqueues>(*this))
{
	static constexpr uint32_t preempt_chances[] = { 0, 200, 1000, 4000, 16000, 32000 };

	the = this;
	cpus = chance.between(1, 3);
	bottom_halves_exclude = chance.below(4) != 0;
	now_ms_ = start_ms_ = 1000 + chance.below(5000);
	if (chance.below(3) == 0) {
		by_priority_ = true;
		for (uint32_t i = chance.below(6); i > 0; i--)
			change_points_.push_back(chance.below(i % 2 ? 200 : 3000));
	} else {
		preempt_chance_ = preempt_chances[chance.below(6)];
		if (chance.below(3) == 0)
			preemptions_left_ = chance.below(8);
	}
}

kernel::~kernel()
{
	the = nullptr;
}

kernel &kernel::now(const char *caller)
{
	if (!the) {
		fprintf(stderr, "%s called outside of a simulation\n", caller);
		abort();
	}
	return *the;
}

kernel &kernel::enter_any(const char *function)
{
	kernel &k = now(function);

	/* Others may run before its stores are seen, as behind it. */
	k.point();
	k.show_stores();
	return k;
}

kernel &kernel::enter_process(const char *function)
{
	kernel &k = now(function);

	k.must_be_able_to_sleep(function);
	/* Others may run before its stores are seen, as behind it. */
	k.point();
	k.show_stores();
	return k;
}

void kernel::must_be_able_to_sleep(const char *function)
{
	if (current_->in_callback || current_->kind == context::softirq)
		fail("%s: called in atomic context, from an event callback", function);
}

std::map<std::string, uint64_t> &kernel::injections()
{
	static std::map<std::string, uint64_t> counts;

	return counts;
}

bool kernel::fails(const char *what)
{
	unsigned n = fallible_calls++;

	if (how.fail_nth != long(n) && !chance.chance(how.fail_chance))
		return false;
	injected = true;
	injections()[what]++;
	trace("fails by injection: %s (fallible call %u)", what, n);
	return true;
}

/* Fibres */

task &kernel::spawn(context kind, const std::string &name, std::function<void()> body)
{
	task *t;

	if (idle_tasks_.empty()) {
		tasks_.push_back(std::make_unique<task>());
		t = tasks_.back().get();
		if (spare_stacks.empty()) {
			t->stack = std::make_unique<fibre>([] { the->finished(); });
		} else {
			t->stack = std::move(spare_stacks.back());
			spare_stacks.pop_back();
		}
	} else {
		t = idle_tasks_.back();
		idle_tasks_.pop_back();
	}
	t->id = next_id_++;
	t->kind = kind;
	t->name = name;
	t->now = task::state::ready;
	t->priority = by_priority_ ? 1000 + chance.below(1u << 30) : 0;
	t->in_callback = t->in_module = 0;
	t->here_depth = 0;
	t->stack->start(std::move(body));
	if (kind == context::client)
		clients_++;
	ready_.push_back(t);
	something_new_ = true;
	return *t;
}

void kernel::finished()
{
	task &t = *current_;

	if (t.kind == context::main) {
		leave();
		return; /* in another run, which uses this stack again */
	}
	show_stores();
	if (t.in_callback || t.in_module)
		fail("the simulation lost count of its callbacks");
	if (t.kind == context::client && --clients_ == 0)
		wake(&clients_);
	t.now = task::state::finished;
	ready_.erase(std::find(ready_.begin(), ready_.end(), &t));
	idle_tasks_.push_back(&t);
	reschedule();
}

void kernel::leave()
{
	fibre &self = *current_->stack;

	if (!failed_) {
		current_->now = task::state::finished;
		ready_.clear();
	}
	self.switch_to(host_);
}

void kernel::switch_to(task &next)
{
	task &self = *current_;

	note(next.id);
	steps_in_a_row_ = 0;
	if (!self.held.empty())
		trace("%zu of its stores are not seen yet", self.held.size());
	hide_stores(self);
	current_ = &next;
	self.stack->switch_to(*next.stack);
	/* Back again, perhaps for another task of another run. */
	the->hide_stores(*the->current_);
}

void kernel::hide_stores(task &t)
{
	for (held_store &each : t.held)
		std::swap_ranges(each.value, each.value + each.size,
				 static_cast<unsigned char *>(each.at));
}

void kernel::before_write(void *address, size_t size, bool relaxed)
{
	task &self = *current_;

	if (!relaxed) {
		show_stores();
		point();
		return;
	}
	point();
	/* No other CPU looks at its own stack, whose frames go without a call of the port. */
	if (self.stack->has(address))
		return;

	const auto earlier =
		std::find_if(self.held.begin(), self.held.end(),
			     [=](const held_store &each) { return each.at == address; });

	/* A read-modify-write follows all stores to its place. */
	if (!size || holds_back.coin()) {
		if (earlier != self.held.end())
			self.held.erase(earlier);
	} else if (earlier == self.held.end()) {
		memcpy(self.held.emplace_back(held_store{ address, size, {} }).value, address,
		       size);
	}
}

/* Choosing */

void kernel::point()
{
	steps_++;
	if (steps_ > how.step_limit)
		fail("no end after %llu scheduling points", (unsigned long long)steps_);
	if (steps_ == step_wanted_) {
		step_reached_ = true;
		next_ = step_waiter_;
		wake(&step_wanted_);
		reschedule();
		return;
	}
	if (by_priority_) {
		bool change = std::find(change_points_.begin(), change_points_.end(), steps_) !=
			      change_points_.end();

		if (change || ++steps_in_a_row_ > spin_limit)
			current_->priority = chance.below(1000);
		else if (!something_new_)
			return;
		preempt();
		return;
	}
	if (++steps_in_a_row_ <= spin_limit) {
		if (!chance.chance(preempt_chance_) || !preemptions_left_)
			return;
		preemptions_left_--;
	}
	preempt();
}

void kernel::preempt()
{
	reschedule();
}

void kernel::yield()
{
	point();
	reschedule();
}

/* The task that goes on; nullptr when something happened that may have changed the answer. */
task *kernel::choose()
{
	something_new_ = false;
	if (next_) {
		task *t = next_;

		next_ = nullptr;
		return t;
	}
	if (chance.below(128) == 0) {
		now_ms_++;
		fire_due();
		if (next_) /* a timer's softirq: chosen below, it would be there a second time */
			return nullptr;
	}
	if (how.hasty_time && !timers_.empty() && chance.below(64) == 0) {
		now_ms_ = std::max(now_ms_, timers_.begin()->first.first);
		fire_due();
		if (next_)
			return nullptr;
	}

	const std::vector<network::action> &packets = net->possible();
	size_t all = ready_.size() + packets.size();

	if (!all)
		return let_time_pass() ? nullptr : current_;
	/* Now and then at random all the same, so that no task starves for ever. */
	if (by_priority_ && chance.below(64)) {
		task *best = nullptr;
		const network::action *packet = nullptr;

		for (task *t : ready_)
			if (!best || t->priority > best->priority)
				best = t;
		for (const network::action &a : packets)
			if (!packet || a.priority > packet->priority)
				packet = &a;
		if (!best || (packet && packet->priority > best->priority)) {
			net->perform(*packet);
			return nullptr;
		}
		return best;
	}
	size_t pick = all == 1 ? 0 : chance.below(all);

	if (pick < ready_.size())
		return ready_[pick];
	net->perform(packets[pick - ready_.size()]);
	return nullptr;
}

void kernel::reschedule()
{
	for (;;) {
		task *t = choose();

		if (!t)
			continue;
		if (t != current_)
			switch_to(*t);
		return;
	}
}

/* Nothing can run and no packet is under way. */
bool kernel::let_time_pass()
{
	if (step_waiter_) {
		wake(&step_wanted_);
		return true;
	}
	if (idle_waiter_) {
		wake(&idle_waiter_);
		return true;
	}
	if (timers_.empty())
		fail("deadlock: nobody can run%s", whereabouts().c_str());

	/*
	 * In hasty time (choose()) no task had to wait for it: that alone says nothing about an
	 * end.
	 */
	const uint64_t due_ms = std::max(now_ms_, timers_.begin()->first.first);

	waited_ms_ += due_ms - now_ms_;
	now_ms_ = due_ms;
	if (waited_ms_ > how.time_limit_ms)
		fail("no end within %llu s%s", (unsigned long long)how.time_limit_ms / 1000,
		     whereabouts().c_str());
	fire_due();
	return true;
}

void kernel::fire_due()
{
	while (!timers_.empty() && timers_.begin()->first.first <= now_ms_ && !next_) {
		auto function = std::move(timers_.begin()->second);

		timers_.erase(timers_.begin());
		function();
	}
}

kernel::timer_id kernel::arm(uint64_t when_ms, std::function<void()> function)
{
	timer_id id{ when_ms, timer_serial_++ };

	timers_.emplace(id, std::move(function));
	return id;
}

/* Sleeping */

void kernel::block(const void *key, const char *why)
{
	task &self = *current_;

	show_stores();
	self.now = task::state::blocked;
	self.waits_for = key;
	self.why = why;
	ready_.erase(std::find(ready_.begin(), ready_.end(), &self));
	reschedule();
}

bool kernel::block_until(const void *key, uint64_t deadline_ms, const char *why)
{
	task &self = *current_;

	self.timed_out = false;
	timer_id timer = arm(deadline_ms, [this, &self] {
		self.timed_out = true;
		wake_task(self);
	});
	block(key, why);
	disarm(timer);
	return !self.timed_out;
}

void kernel::wake(const void *key)
{
	for (auto &t : tasks_)
		if (t->now == task::state::blocked && t->waits_for == key)
			wake_task(*t);
}

void kernel::wake_task(task &t)
{
	if (t.now != task::state::blocked)
		return;
	t.now = task::state::ready;
	ready_.push_back(&t);
	something_new_ = true;
}

bool kernel::anyone_waits_within(const void *from, const void *to) const
{
	return std::any_of(tasks_.begin(), tasks_.end(), [=](auto &t) {
		return t->now == task::state::blocked && t->waits_for >= from && t->waits_for < to;
	});
}

task &kernel::raise_softirq(const char *name, std::function<void()> body)
{
	next_ = &spawn(context::softirq, name, std::move(body));
	return *next_;
}

void kernel::synchronize_rcu()
{
	/* Softirqs, and tasks that are "here" (port/turns.h): until they are gone, or have left. */
	std::map<int, uint64_t> running;

	for (auto &t : tasks_)
		if ((t->kind == context::softirq || t->here_depth) &&
		    t->now != task::state::finished)
			running[t->id] = t->here_serial;
	for (;;) {
		bool any = std::any_of(tasks_.begin(), tasks_.end(), [&](auto &t) {
			const auto found = running.find(t->id);

			return found != running.end() && t->now != task::state::finished &&
			       (t->kind == context::softirq ||
				(t->here_depth && t->here_serial == found->second));
		});

		if (!any)
			return;
		/* They never sleep for long: no key of their own is needed. */
		block_until(&running, now_ms_ + 1, "synchronize_rcu");
	}
}

bool kernel::wait_for_step(uint64_t step)
{
	if (step <= steps_)
		return true;
	step_wanted_ = step;
	step_waiter_ = current_;
	step_reached_ = false;
	block(&step_wanted_, "wait_for_step");
	step_waiter_ = nullptr;
	step_wanted_ = UINT64_MAX;
	return step_reached_;
}

void kernel::wait_until_idle()
{
	idle_waiter_ = current_;
	block(&idle_waiter_, "wait_until_idle");
	idle_waiter_ = nullptr;
}

void kernel::join()
{
	while (clients_)
		block(&clients_, "join");
}

/* The end */

void kernel::check_unloaded()
{
	for (auto &t : tasks_) {
		if (t->now == task::state::finished)
			continue;
		if (t->in_module || t->kind == context::worker || t->kind == context::thread)
			fail("unloaded while %s still runs the module's code", t->name.c_str());
	}
	if (turns)
		fail("unloaded with the CPUs' turns not put");
	if (threads_alive)
		fail("unloaded with %d kernel threads not stopped", threads_alive);
	queues->check_unloaded();
	net->check_unloaded();
	heap->check_unloaded();
}

/* After the body: nothing of the module's may be left, and the network must come to rest. */
void kernel::finish()
{
	join();
	check_unloaded();
	link_up = true;
	while (net->busy()) {
		wait_until_idle();
		if (net->busy()) {
			net->check_orphans();
			if (timers_.empty())
				fail("a socket is left in the network: %s", net->busy());
			let_time_pass();
		}
	}
	net->check_orphans();
}

report kernel::run(const std::function<void(world &)> &body)
{
	task &main = spawn(context::main, "main", [this, &body] {
		world w(*this);

		body(w);
		finish();
	});

	current_ = &main;
	host_.switch_to(*main.stack);

	report r;

	r.ok = !failed_;
	r.what = failure_;
	r.steps = steps_;
	r.fingerprint = fingerprint_;
	r.time_ms = now_ms_ - start_ms_;
	r.fallible_calls = fallible_calls;
	r.injected = injected;
	for (const std::string &line : lines_)
		r.trace += line + "\n";
	for (auto &t : tasks_) {
		if (t->now != task::state::finished) {
			t->stack->bury();
			graves.push_back(std::move(t->stack));
		} else {
			spare_stacks.push_back(std::move(t->stack));
		}
	}
	tasks_.clear();
	return r;
}

void kernel::fail(const char *text, ...)
{
	va_list arguments;

	va_start(arguments, text);
	failure_ = format(text, arguments);
	va_end(arguments);
	failure_ += " [in " + current_->name + ", step " + std::to_string(steps_) + "]";
	if (tracing())
		lines_.push_back("FAILED: " + failure_);
	failed_ = true;
	current_->now = task::state::blocked; /* for good, even if it had finished */
	leave();
	abort(); /* nobody goes on with a failed run */
}

void kernel::trace(const char *text, ...)
{
	va_list arguments;
	char head[96];

	if (!tracing())
		return;
	va_start(arguments, text);
	snprintf(head, sizeof(head), "%6llu %7llu ms %-12s ", (unsigned long long)steps_,
		 (unsigned long long)(now_ms_ - start_ms_),
		 current_ ? current_->name.c_str() : "-");
	lines_.push_back(head + format(text, arguments));
	va_end(arguments);
	if (lines_.size() > 2 * trace_lines) {
		lines_.erase(lines_.begin() + trace_lines);
		lines_[trace_lines] = "…";
	}
}

std::string kernel::whereabouts() const
{
	std::string text;

	for (auto &t : tasks_)
		if (t->now == task::state::blocked)
			text += "; " + t->name + " in " + t->why;
	return text;
}

/* The test's view */

void world::spawn(const char *name, std::function<void()> body)
{
	kernel_.spawn(context::client, name, std::move(body));
}

void world::join()
{
	kernel_.join();
}
bool world::wait_for_step(uint64_t step)
{
	return kernel_.wait_for_step(step);
}
void world::wait_until_idle()
{
	kernel_.wait_until_idle();
}
uint64_t world::now_ms() const
{
	return kernel_.now_ms();
}
void world::point()
{
	kernel_.point();
}
random &world::chance()
{
	return kernel_.chance;
}
void world::shake_cpus()
{
	for (unsigned i = chance().below(20); i > 0; i--) {
		for (unsigned j = chance().below(40); j > 0; j--)
			point();
		shake_cpu(kernel_);
	}
}
void world::link(bool up)
{
	kernel_.link_up = up;
}
::net *world::new_namespace()
{
	return kernel_.net->new_namespace();
}
void world::dismantle(::net *ns)
{
	kernel_.net->dismantle(ns);
}
bool world::injected() const
{
	return kernel_.injected;
}
unsigned world::fallible_calls() const
{
	return kernel_.fallible_calls;
}
void world::unload()
{
	kernel_.check_unloaded();
}
unsigned world::module_sockets() const
{
	return kernel_.net->module_sockets();
}
void world::fail(const std::string &what)
{
	kernel_.fail("%s", what.c_str());
}

void world::sleep_ms(unsigned ms)
{
	uint64_t until = kernel_.now_ms() + ms;

	while (kernel_.now_ms() < until)
		kernel_.block_until(this, until, "sleep_ms");
}

void world::expect(bool condition, const char *text, const char *file, int line)
{
	if (!condition)
		kernel_.fail("%s:%d: not true: %s", file, line, text);
}

report run(uint64_t seed, const options &how, const std::function<void(world &)> &body)
{
	kernel k(seed, how);

	return k.run(body);
}

} // namespace sim

extern "C" void ktcp_sim_write_point(void *address, size_t size, bool relaxed)
{
	if (sim::kernel *k = sim::kernel::current_or_null())
		k->before_write(address, size, relaxed);
}

extern "C" void ktcp_sim_sched_point(void)
{
	if (sim::kernel *k = sim::kernel::current_or_null())
		k->point();
}
