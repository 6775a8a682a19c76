/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/work.h, simulated. */
#include "workqueues.hpp"

#include <algorithm>
#include <cstdint>

#include "kernel.hpp"

#include <ktcp/port/layout.h>
#include <ktcp/port/work.h>

namespace
{

constexpr uint32_t work_magic = 0x776f726b;
constexpr uint32_t delayed_magic = 0x64656c61;
constexpr int most_active = 512;
constexpr int default_active = 256;

} // namespace

struct work_struct {
	uint32_t magic;
	bool pending; /* in a pool's list */
	uint8_t cancellers; /* refuses to be queued */
	uint8_t pool;
	int id;
	void (*function)(work_struct *);
	workqueue_struct *wq; /* while pending */
};

struct delayed_work {
	work_struct work; /* first, so that the function gets the address of the whole */
	uint32_t magic;
	bool armed;
	workqueue_struct *wq;
	sim::kernel::timer_id timer;
};

static_assert(sizeof(work_struct) <= KTCP_SIZEOF_WORK);
static_assert(sizeof(delayed_work) <= KTCP_SIZEOF_DELAYED_WORK);

struct workqueue_struct {
	struct pool {
		std::deque<work_struct *> waiting;
		int active = 0;
		int starting = 0; /* of the active: have not taken an item yet */
	};

	std::string name;
	int max_active;
	std::vector<pool> pools;
	bool draining = false;
	bool destroyed = false;
};

namespace sim
{

workqueues::workqueues(kernel &k) : kernel_(k)
{
}
workqueues::~workqueues() = default;

workqueue_struct *workqueues::create(const char *name, unsigned flags, int max_active)
{
	if (max_active < 0 || max_active > most_active)
		kernel_.fail("ktcp_alloc_workqueue: max_active %d", max_active);
	all_.push_back(std::make_unique<workqueue_struct>());
	workqueue_struct *wq = all_.back().get();

	wq->name = name;
	wq->max_active = max_active ? max_active : default_active;
	wq->pools.resize(flags & KTCP_WQ_UNBOUND ? 1 : kernel_.cpus);
	return wq;
}

void workqueues::check_usable(workqueue_struct *wq, const char *function)
{
	if (wq->destroyed)
		kernel_.fail("%s: workqueue %s is destroyed", function, wq->name.c_str());
}

const workqueues::running *workqueues::find_running(const work_struct *work) const
{
	/* As the kernel's find_worker_executing_work(): the address and the function. */
	for (const running &r : running_)
		if (r.work == work && r.function == work->function)
			return &r;
	return nullptr;
}

/*
 * As __queue_work() and process_one_work(): an item that runs on another queue does not keep it
 * back.
 */
const workqueues::running *workqueues::find_running(const work_struct *work,
						    const workqueue_struct *wq) const
{
	for (const running &r : running_)
		if (r.work == work && r.function == work->function && r.wq == wq)
			return &r;
	return nullptr;
}

bool workqueues::runs_for(const workqueue_struct *wq) const
{
	return std::any_of(running_.begin(), running_.end(),
			   [wq](const running &r) { return r.wq == wq; });
}

bool workqueues::queue(int cpu, workqueue_struct *wq, work_struct *work)
{
	if (work->magic != work_magic)
		kernel_.fail("ktcp_queue_work: not an initialised work item");
	check_usable(wq, "ktcp_queue_work");
	if (work->pending || work->cancellers)
		return false;
	if (wq->draining && std::none_of(running_.begin(), running_.end(), [&](const running &r) {
		    return r.wq == wq && r.worker == &kernel_.current();
	    }))
		kernel_.fail("ktcp_queue_work: workqueue %s is being destroyed", wq->name.c_str());

	const running *beside = find_running(work, wq);
	int pools = int(wq->pools.size());

	if (beside) /* never beside itself: where it runs */
		work->pool = uint8_t(beside->pool);
	else if (cpu >= 0 && cpu < pools)
		work->pool = uint8_t(cpu);
	else
		work->pool = uint8_t(pools == 1 ? 0 : kernel_.chance.below(pools));
	work->pending = true;
	work->wq = wq;
	wq->pools[work->pool].waiting.push_back(work);
	kernel_.trace("queue work #%d on %s", work->id, wq->name.c_str());
	start_workers(wq);
	return true;
}

void workqueues::start_workers(workqueue_struct *wq)
{
	for (size_t i = 0; i < wq->pools.size(); i++) {
		workqueue_struct::pool &p = wq->pools[i];
		int could = int(std::count_if(p.waiting.begin(), p.waiting.end(),
					      [&](work_struct *w) { return !find_running(w, wq); }));

		while (p.active < wq->max_active && p.starting < could) {
			p.active++;
			p.starting++;
			kernel_.spawn(context::worker, wq->name,
				      [this, wq, i] { work_once(wq, int(i)); });
		}
	}
}

void workqueues::work_once(workqueue_struct *wq, int index)
{
	workqueue_struct::pool &p = wq->pools[index];
	auto found = std::find_if(p.waiting.begin(), p.waiting.end(),
				  [this, wq](work_struct *w) { return !find_running(w, wq); });

	p.starting--;
	if (found != p.waiting.end()) {
		work_struct *work = *found;
		task *self = &kernel_.current();
		auto function = work->function;

		p.waiting.erase(found);
		self->name = wq->name + "/" + std::to_string(work->id);
		work->pending = false;
		running_.push_back({ work, function, wq, index, self });
		kernel_.trace("work begins");
		function(work);
		/* It may have freed itself: its memory is not touched any more. */
		kernel_.trace("work ends");
		running_.erase(std::find_if(running_.begin(), running_.end(),
					    [self](const running &r) { return r.worker == self; }));
	}
	p.active--;
	start_workers(wq);
	kernel_.wake(this);
}

bool workqueues::dequeue(work_struct *work)
{
	if (!work->pending)
		return false;

	auto &waiting = work->wq->pools[work->pool].waiting;

	waiting.erase(std::find(waiting.begin(), waiting.end(), work));
	work->pending = false;
	kernel_.wake(this);
	return true;
}

bool workqueues::cancel_sync(work_struct *work, const char *function)
{
	if (work->magic != work_magic)
		kernel_.fail("%s: not an initialised work item", function);
	if (const running *r = find_running(work); r && r->worker == &kernel_.current())
		kernel_.fail("%s: from the item's own function", function);

	bool was_queued = dequeue(work);

	kernel_.trace("cancel work #%d%s", work->id, was_queued ? " (was queued)" : "");
	work->cancellers++;
	while (find_running(work))
		kernel_.block(this, function);
	work->cancellers--;
	return was_queued;
}

void workqueues::disarm(delayed_work *work)
{
	kernel_.disarm(work->timer);
	work->armed = false;
	armed_.erase(std::find(armed_.begin(), armed_.end(), work));
}

bool workqueues::modify_delayed(workqueue_struct *wq, delayed_work *work, unsigned delay_ms)
{
	if (work->magic != delayed_magic)
		kernel_.fail("ktcp_mod_delayed_work: not an initialised item");
	check_usable(wq, "ktcp_mod_delayed_work");
	if (work->work.cancellers)
		return true; /* as the kernel's: -ENOENT, made a bool */

	bool was = work->armed;

	if (work->armed)
		disarm(work);
	was |= dequeue(&work->work);
	if (!delay_ms) {
		queue(-1, wq, &work->work);
		return was;
	}
	work->armed = true;
	work->wq = wq;
	work->timer = kernel_.arm(kernel_.now_ms() + delay_ms, [this, work] {
		workqueue_struct *queue_to = work->wq;

		work->armed = false;
		armed_.erase(std::find(armed_.begin(), armed_.end(), work));
		queue(-1, queue_to, &work->work);
	});
	armed_.push_back(work);
	kernel_.trace("work #%d in %u ms", work->work.id, delay_ms);
	return was;
}

bool workqueues::cancel_delayed_sync(delayed_work *work)
{
	bool was_armed = false;

	if (work->magic != delayed_magic)
		kernel_.fail("ktcp_cancel_delayed_work_sync: not an initialised item");
	if (work->armed) {
		was_armed = true;
		disarm(work);
	}
	return cancel_sync(&work->work, "ktcp_cancel_delayed_work_sync") || was_armed;
}

void workqueues::destroy(workqueue_struct *wq)
{
	check_usable(wq, "ktcp_destroy_workqueue");
	if (std::any_of(running_.begin(), running_.end(), [&](const running &r) {
		    return r.wq == wq && r.worker == &kernel_.current();
	    }))
		kernel_.fail("ktcp_destroy_workqueue: from an item of %s", wq->name.c_str());
	wq->draining = true;
	kernel_.trace("destroy workqueue %s", wq->name.c_str());
	while (runs_for(wq) || std::any_of(wq->pools.begin(), wq->pools.end(),
					   [](auto &p) { return !p.waiting.empty() || p.active; }))
		kernel_.block(this, "destroy_workqueue");
	for (const delayed_work *d : armed_)
		if (d->wq == wq)
			kernel_.fail("workqueue %s destroyed with a delayed item's timer set",
				     wq->name.c_str());
	wq->destroyed = true;
}

void workqueues::check_freed(const void *memory, size_t size) const
{
	const char *from = static_cast<const char *>(memory);
	auto inside = [=](const void *at) {
		return at >= static_cast<const void *>(from) &&
		       at < static_cast<const void *>(from + size);
	};

	for (const delayed_work *d : armed_)
		if (inside(d))
			kernel_.fail("memory freed with a delayed work item's timer set in it");
	for (const auto &wq : all_)
		for (const auto &p : wq->pools)
			for (const work_struct *w : p.waiting)
				if (inside(w))
					kernel_.fail("memory freed with a queued work item in it");
}

void workqueues::check_unloaded() const
{
	if (!armed_.empty())
		kernel_.fail("a delayed work item's timer is still set");
	for (const auto &wq : all_)
		if (!wq->destroyed)
			kernel_.fail("workqueue %s leaked", wq->name.c_str());
}

} // namespace sim

using sim::kernel;

struct workqueue_struct *ktcp_alloc_workqueue(const char *name, unsigned int flags, int max_active)
{
	kernel &k = kernel::enter_process("ktcp_alloc_workqueue");

	if (k.fails("ktcp_alloc_workqueue"))
		return nullptr;
	return k.queues->create(name, flags, max_active);
}

void ktcp_destroy_workqueue(struct workqueue_struct *wq)
{
	kernel &k = kernel::enter_process("ktcp_destroy_workqueue");

	if (wq)
		k.queues->destroy(wq);
}

int ktcp_wq_max_active(void)
{
	return most_active;
}

unsigned int ktcp_nr_cpus(void)
{
	return kernel::now("ktcp_nr_cpus").cpus;
}

int ktcp_next_online_cpu(int cpu, bool)
{
	kernel &k = kernel::now("ktcp_next_online_cpu");

	return (cpu + 1) % int(k.cpus);
}

void ktcp_init_work(struct work_struct *work, void (*function)(struct work_struct *work))
{
	kernel &k = kernel::enter_any("ktcp_init_work");

	k.queues->check_freed(work, sizeof(*work));
	*work = work_struct{ work_magic, false, 0, 0, k.queues->next_id(), function, nullptr };
}

void ktcp_work_set_class(struct work_struct *work, struct lock_class_key *, const char *)
{
	kernel &k = kernel::now("ktcp_work_set_class"); /* which is no point for others to run */

	if (work->magic != work_magic)
		k.fail("ktcp_work_set_class: of what is no work item");
}

bool ktcp_queue_work(int cpu, struct workqueue_struct *wq, struct work_struct *work)
{
	kernel &k = kernel::enter_any("ktcp_queue_work");
	bool queued = k.queues->queue(cpu, wq, work);

	/* It may run, and free itself, before this returns. */
	k.point();
	return queued;
}

bool ktcp_cancel_work_sync(struct work_struct *work)
{
	return kernel::enter_process("ktcp_cancel_work_sync")
		.queues->cancel_sync(work, "ktcp_cancel_work_sync");
}

void ktcp_init_delayed_work(struct delayed_work *work, void (*function)(struct work_struct *work))
{
	ktcp_init_work(&work->work, function);
	work->magic = delayed_magic;
	work->armed = false;
	work->wq = nullptr;
	work->timer = {};
}

bool ktcp_mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *work,
			   unsigned int delay_ms)
{
	kernel &k = kernel::enter_any("ktcp_mod_delayed_work");
	bool was = k.queues->modify_delayed(wq, work, delay_ms);

	k.point();
	return was;
}

bool ktcp_cancel_delayed_work_sync(struct delayed_work *work)
{
	return kernel::enter_process("ktcp_cancel_delayed_work_sync")
		.queues->cancel_delayed_sync(work);
}
