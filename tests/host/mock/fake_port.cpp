// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The small working port; see fake_port.hpp. */
#include "fake_port.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include <gtest/gtest.h>
#include <ktcp/port/layout.h>

/* The structures that C++ objects embed; their sizes are in ktcp_layout.h. */

struct work_struct {
	void (*function)(work_struct *);
	workqueue_struct *queue;
	bool queued;
};

struct delayed_work {
	struct work_struct work; /* first, as in the kernel */
};

struct mutex {
	std::uint64_t magic;
	bool locked;
};

struct spinlock {
	std::uint64_t magic;
	bool locked;
};

struct completion {
	unsigned int count;
};

static_assert(sizeof(work_struct) <= KTCP_SIZEOF_WORK);
static_assert(sizeof(delayed_work) <= KTCP_SIZEOF_DELAYED_WORK);
static_assert(sizeof(mutex) <= KTCP_SIZEOF_MUTEX);
static_assert(sizeof(completion) <= KTCP_SIZEOF_COMPLETION);
static_assert(sizeof(spinlock) <= KTCP_SIZEOF_SPINLOCK);

namespace mock
{

namespace
{

constexpr std::uint64_t mutex_magic = 0x6d75746578ull;
constexpr std::uint64_t spinlock_magic = 0x7370696eull;

/* Memory is never empty when it comes: neither zeros nor what one hopes for. */
void *unwritten(void *memory, std::size_t size)
{
	std::memset(memory, 0xa5, size);
	return memory;
}

} // namespace

fake_port::~fake_port()
{
	EXPECT_EQ(blocks_.size(), 0u) << "memory was not given back";
	EXPECT_EQ(per_cpus_.size(), 0u) << "memory of each CPU was not given back";
	EXPECT_EQ(pages_.size(), 0u) << "pages were not given back";
	for (const auto *each : caches_)
		ADD_FAILURE() << "cache " << each->name << " was not destroyed";
	EXPECT_EQ(pools_.size(), 0u) << "page pools were not destroyed";
	EXPECT_EQ(softirq_pages_.size(), 0u) << "softirq pages were not destroyed";
	for (const auto *each : folders_)
		ADD_FAILURE() << "/proc/net/" << each->name << " was not removed";
	EXPECT_EQ(pernet_, nullptr) << "was not unregistered";
	EXPECT_TRUE(watches_.empty()) << "devices are watched still";
	for (auto *each : socks) {
		EXPECT_EQ(each->references, 0) << "a socket's reference was not put";
		delete each;
	}
	for (const auto *each : queues_)
		ADD_FAILURE() << "workqueue " << each->name << " was not destroyed";
	for (const auto *each : threads_)
		ADD_FAILURE() << "thread " << each->name << " was not stopped";
	EXPECT_EQ(queued_.size(), 0u) << "work is still queued";
	EXPECT_EQ(timers_.size(), 0u) << "timers are still set";
	EXPECT_EQ(exact_timers_.size(), 0u) << "exact timers were not stopped";
	EXPECT_EQ(sockets_.size(), 0u) << "sockets were not released";
	EXPECT_EQ(mutexes_.size(), 0u) << "mutexes were not destroyed";
}

/* ---- in the kernel's place ---------------------------------------------------------- */

bool fake_port::run_one()
{
	if (turns && turns->raised) {
		turns->raised = false;
		turns->depth++;
		turns->ops->drain(turns->cpu.get());
		turns->depth--;
		return true;
	}
	if (turns && turns->work) {
		turns->depth++;
		turns->work = turns->ops->thread(turns->cpu.get());
		turns->depth--;
		return true;
	}
	if (queued_.empty() && turns && turns->later) {
		turns->later = false;
		turns->ops->later(turns->cpu.get());
		return true;
	}
	if (queued_.empty())
		return false;

	work_struct *const work = queued_.front();

	queued_.pop_front();
	work->queued = false; /* as the kernel: it may be queued again while it runs … */
	work->function(work); /* … and may be gone when it returns */
	return true;
}

unsigned int fake_port::run_all()
{
	unsigned int ran = 0;

	while (run_one())
		if (++ran == 100'000) {
			ADD_FAILURE() << "work queues itself for ever";
			std::abort();
		}
	return ran;
}

void fake_port::advance_ms(std::uint64_t ms)
{
	now += ms;
	for (ktcp_exact_timer &each : exact_timers_)
		if (each.due <= now && each.function)
			std::exchange(each.function, nullptr)(each.context);
	for (;;) {
		const auto due = std::find_if(timers_.begin(), timers_.end(),
					      [&](const timer &each) { return each.due <= now; });

		if (due == timers_.end())
			return;
		const timer fired = *due;

		timers_.erase(due);
		queue_work(-1, fired.queue, fired.work);
	}
}

void fake_port::run_thread(task_struct &thread)
{
	EXPECT_FALSE(thread.ran);
	thread.ran = true;
	thread.result = thread.function(thread.argument);
}

::socket *fake_port::new_socket()
{
	auto *made = new ::socket;

	made->heard_ms = now;
	sockets_.insert(made);
	return made;
}

void fake_port::announce(::socket *sock, unsigned int events)
{
	struct ktcp_sock_hook *const hook = sock->hook ? sock->hook : sock->listener_hook;

	if (hook)
		hook->event(hook, events);
}

std::size_t fake_port::objects() const
{
	std::size_t all = 0;

	for (const auto *each : caches_)
		all += each->objects.size();
	return all;
}

kmem_cache *fake_port::cache(const std::string &name) const
{
	for (auto *each : caches_)
		if (each->name == name)
			return each;
	return nullptr;
}

workqueue_struct *fake_port::queue(const std::string &name) const
{
	for (auto *each : queues_)
		if (each->name == name)
			return each;
	return nullptr;
}

/* ---- memory --------------------------------------------------------------------------- */

void *fake_port::kmalloc(std::size_t size, ktcp_gfp)
{
	EXPECT_NE(size, 0u);

	void *const block = unwritten(std::malloc(size), size);

	blocks_[block] = size;
	return block;
}

void fake_port::kfree(void *object)
{
	if (!object)
		return;
	EXPECT_EQ(blocks_.erase(object), 1u) << "freed what kmalloc() did not return";
	std::free(object);
}

ktcp_per_cpu *fake_port::alloc_percpu(std::size_t size, std::size_t align)
{
	EXPECT_NE(size, 0u);
	EXPECT_LE(align, 4096u);

	auto *made = new ktcp_per_cpu;

	for (int i = 0; i < cpus; i++) {
		/* In malloc()'s own alignment, AddressSanitizer sees the last byte. */
		void *const memory =
			align > alignof(std::max_align_t) ?
				std::aligned_alloc(align, (size + align - 1) / align * align) :
				std::malloc(size);

		made->memory.push_back(std::memset(memory, 0, size));
	}
	per_cpus_.insert(made);
	return made;
}

void fake_port::free_percpu(ktcp_per_cpu *all)
{
	if (!all)
		return;
	EXPECT_EQ(per_cpus_.erase(all), 1u);
	EXPECT_FALSE(all->got);
	for (void *each : all->memory)
		std::free(each);
	delete all;
}

void *fake_port::per_cpu_ptr(ktcp_per_cpu *all, int of)
{
	EXPECT_TRUE(per_cpus_.contains(all));
	return all->memory.at(static_cast<std::size_t>(of));
}

void *fake_port::get_cpu_ptr(ktcp_per_cpu *all)
{
	EXPECT_EQ(irqs_off, 0u) << "putting it back could not switch bottom halves on";
	EXPECT_FALSE(std::exchange(all->got, true)) << "got twice";
	return per_cpu_ptr(all, cpu);
}

void fake_port::put_cpu_ptr(ktcp_per_cpu *all)
{
	EXPECT_TRUE(std::exchange(all->got, false)) << "put, and not got";
}

::kmem_cache *fake_port::kmem_cache_create(const std::string &name, std::size_t size)
{
	EXPECT_NE(size, 0u);
	EXPECT_EQ(cache(name), nullptr) << "two caches " << name;

	auto *made = new ::kmem_cache{ name, size, {} };

	caches_.insert(made);
	return made;
}

void fake_port::kmem_cache_destroy(::kmem_cache *cache)
{
	if (!cache)
		return;
	EXPECT_EQ(caches_.erase(cache), 1u);
	EXPECT_EQ(cache->objects.size(), 0u) << "cache " << cache->name << " is in use";
	delete cache;
}

void *fake_port::kmem_cache_alloc(::kmem_cache *cache, ktcp_gfp)
{
	EXPECT_TRUE(caches_.contains(cache));

	void *const object = unwritten(std::malloc(cache->size), cache->size);

	cache->objects.insert(object);
	return object;
}

void fake_port::kmem_cache_free(::kmem_cache *cache, void *object)
{
	EXPECT_TRUE(caches_.contains(cache));
	EXPECT_EQ(cache->objects.erase(object), 1u) << "not an object of " << cache->name;
	std::free(object);
}

void *fake_port::alloc_pages(std::size_t size, ktcp_gfp)
{
	const std::size_t whole = (size + 4095) / 4096 * 4096;
	void *const pages = unwritten(std::aligned_alloc(4096, whole), whole);

	EXPECT_NE(size, 0u);
	pages_[pages] = size;
	return pages;
}

void fake_port::free_pages(void *pages, std::size_t size)
{
	if (!pages)
		return;

	const auto known = pages_.find(pages);

	if (known == pages_.end()) {
		ADD_FAILURE() << "freed what alloc_pages() did not return";
		return;
	}
	EXPECT_EQ(known->second, size) << "freed with another size";
	pages_.erase(known);
	std::free(pages);
}

ktcp_page_pool *fake_port::page_pool_create(std::size_t size, unsigned long long most)
{
	EXPECT_NE(size, 0u);
	EXPECT_EQ(size & (size - 1), 0u) << "not a power of two";
	EXPECT_GE(size, 4096u);

	auto *made = new ktcp_page_pool{ size, {}, most, 0 };

	pools_.insert(made);
	return made;
}

void fake_port::page_pool_destroy(ktcp_page_pool *pool)
{
	if (!pool)
		return;
	EXPECT_EQ(pools_.erase(pool), 1u);
	EXPECT_EQ(pool->buffers.size(), 0u) << "the page pool is in use";
	delete pool;
}

void *fake_port::page_pool_get(ktcp_page_pool *pool, ktcp_gfp)
{
	EXPECT_TRUE(pools_.contains(pool));
	if (pool->most && (pool->buffers.size() + 1) * pool->size > pool->most) {
		pool->refused++;
		return nullptr;
	}

	void *const buffer = unwritten(std::malloc(pool->size), pool->size);

	pool->buffers.insert(buffer);
	return buffer;
}

struct ktcp_page_pool_stats fake_port::page_pool_count(const ktcp_page_pool *pool)
{
	return { pool->buffers.size() * pool->size, pool->refused, pool->buffers.size(),
		 pool->most ? pool->most / pool->size : SIZE_MAX };
}

void fake_port::page_pool_put(ktcp_page_pool *pool, void *buffer)
{
	EXPECT_TRUE(pools_.contains(pool));
	EXPECT_EQ(pool->buffers.erase(buffer), 1u) << "not a buffer of this pool";
	std::free(buffer);
}

std::size_t fake_port::pool_buffers() const
{
	std::size_t all = 0;

	for (const auto *each : pools_)
		all += each->buffers.size();
	return all;
}

ktcp_softirq_pages *fake_port::softirq_pages_create()
{
	auto *made = new ktcp_softirq_pages;

	softirq_pages_.insert(made);
	return made;
}

void fake_port::softirq_pages_destroy(ktcp_softirq_pages *pages)
{
	if (!pages)
		return;
	EXPECT_EQ(softirq_pages_.erase(pages), 1u);
	delete pages;
}

/* ---- files under /proc ------------------------------------------------------------------ */

int fake_port::proc_mkdir(::net *net, const std::string &name, ktcp_proc_folder **out)
{
	if (!name.empty() && (folder(name, net) || entry(name, net)))
		return -EEXIST;
	*out = new ktcp_proc_folder{ net, name, {} };
	folders_.insert(*out);
	return 0;
}

void fake_port::proc_rmdir(ktcp_proc_folder *folder)
{
	if (!folder)
		return;
	EXPECT_EQ(folders_.erase(folder), 1u);
	delete folder;
}

int fake_port::proc_create(ktcp_proc_folder *folder, const std::string &name, ktcp_proc_file *file)
{
	EXPECT_TRUE(folders_.contains(folder));
	if (folder->name.empty() && (this->folder(name, folder->net) || entry(name, folder->net)))
		return -EEXIST;
	return folder->files.emplace(name, file).second ? 0 : -EEXIST;
}

ktcp_proc_folder *fake_port::folder(const std::string &name, ::net *net) const
{
	for (auto *each : folders_)
		if (each->name == name && each->net == net)
			return each;
	return nullptr;
}

ktcp_proc_file *fake_port::entry(const std::string &name, ::net *net) const
{
	for (auto *each : folders_)
		if (each->name.empty() && each->net == net && each->files.contains(name))
			return each->files.at(name);
	return nullptr;
}

std::string fake_port::read(ktcp_proc_file &file)
{
	void *const opening = open(file);
	seq_file to;

	for (std::uint64_t position = 0; file.at(&file, opening, position); position++)
		file.show(&file, opening, &to);
	close(file, opening);
	return to.text;
}

void *fake_port::open(ktcp_proc_file &file)
{
	void *const opening = std::calloc(1, file.opening_size);

	file.open(&file, opening);
	return opening;
}

long fake_port::write(ktcp_proc_file &file, void *opening, std::string_view text)
{
	EXPECT_NE(file.write, nullptr) << "the file is not to be written";
	return file.write(&file, opening, text.data(), text.size());
}

void fake_port::close(ktcp_proc_file &file, void *opening)
{
	file.release(&file, opening);
	std::free(opening);
}

/* ---- network namespaces ----------------------------------------------------------------- */

int fake_port::pernet_init(::net *net)
{
	void *const object = std::calloc(1, pernet_->size);
	const int error = pernet_->init(pernet_, net, object);

	if (error)
		std::free(object);
	else
		pernet_objects_.emplace_back(net, object);
	return error;
}

/* As the kernel does: pre_exit() for all of them, and then exit(). */
void fake_port::pernet_exit(const std::vector<pernet_object> &ending)
{
	for (const auto &[net, object] : ending)
		pernet_->pre_exit(pernet_, net, object);
	for (const auto &[net, object] : ending) {
		pernet_->exit(pernet_, net, object);
		std::free(object);
	}
	std::erase_if(pernet_objects_, [&](const pernet_object &each) {
		return std::find(ending.begin(), ending.end(), each) != ending.end();
	});
}

int fake_port::register_pernet(ktcp_pernet *pernet)
{
	if (pernet_)
		return -EBUSY;
	pernet_ = pernet;
	for (auto *net : nets_) {
		const int error = pernet_init(net);

		if (error) {
			pernet_exit(std::vector(pernet_objects_));
			pernet_ = nullptr;
			return error;
		}
	}
	return 0;
}

void fake_port::unregister_pernet(ktcp_pernet *pernet)
{
	EXPECT_EQ(pernet_, pernet);
	pernet_exit(std::vector(pernet_objects_));
	pernet_ = nullptr;
}

int fake_port::add_net(::net &net)
{
	const int error = pernet_ ? pernet_init(&net) : 0;

	if (!error)
		nets_.push_back(&net);
	return error;
}

void fake_port::remove_net(::net &net)
{
	std::vector<pernet_object> ending;

	for (const auto &each : pernet_objects_)
		if (each.first == &net)
			ending.push_back(each);
	if (pernet_)
		pernet_exit(ending);
	std::erase(nets_, &net);
}

bool fake_port::is_init_net(const ::net *net)
{
	return !net;
}

std::uint32_t fake_port::net_number(const ::net *net)
{
	return net ? net->number : 4026531840;
}

std::uint32_t fake_port::net_ifindex(::net *, const std::string &name)
{
	const auto found = devices.find(name);

	return found == devices.end() ? 0 : found->second;
}

int fake_port::watch_devices(::net *, ktcp_device_watch *watch)
{
	watches_.push_back(watch);
	watch->changed(watch);
	return 0;
}

void fake_port::unwatch_devices(::net *, ktcp_device_watch *watch)
{
	watch->changed(watch);
	EXPECT_EQ(std::erase(watches_, watch), 1u);
}

void fake_port::devices_changed() const
{
	for (ktcp_device_watch *each : watches_)
		each->changed(each);
}

/* ---- the sockets of others ---------------------------------------------------------------- */

::sock &fake_port::add_sock(const ktcp_tcp_identity &identity, ::net *net)
{
	socks.push_back(new ::sock{ net, identity });
	return *socks.back();
}

std::size_t fake_port::tcp_lookup_established(::net *net, const ktcp_endpoint *local,
					      const ktcp_endpoint *remote, ::sock **batch,
					      std::size_t most)
{
	const auto same = [](const ktcp_endpoint &a, const ktcp_endpoint &b) {
		return !std::memcmp(a.address, b.address, sizeof(a.address)) && a.port == b.port;
	};
	std::size_t found = 0;

	for (auto *each : socks) {
		const ktcp_tcp_identity &who = each->identity;

		if (each->net != net || each->error || who.state == KTCP_TCP_LISTEN ||
		    !same(who.local, *local) || !same(who.remote, *remote) ||
		    (local->scope_id ? who.local.scope_id != local->scope_id : each->nowhere))
			continue;
		if (found == most)
			break;
		each->references++;
		batch[found++] = each;
	}
	return found;
}

/* Sockets that have gone keep their place in the list, and are passed over. */
long fake_port::tcp_collect_established(::net *net, unsigned int *place,
					bool (*fits)(void *, const ktcp_tcp_identity *),
					void *context, ::sock **batch, std::size_t most)
{
	/* Buckets of a hundred. */
	constexpr std::size_t bucket = 100;
	std::size_t collected = 0;

	for (; *place * bucket < socks.size(); ++*place)
		for (std::size_t i = *place * bucket; i < socks.size() && i < (*place + 1) * bucket;
		     i++) {
			auto *each = socks[i];

			if (each->net != net || (each->error && !each->stays) ||
			    each->identity.state == KTCP_TCP_LISTEN ||
			    !fits(context, &each->identity))
				continue;
			if (collected == most)
				return static_cast<long>(collected);
			each->references++;
			batch[collected++] = each;
		}
	*place = KTCP_TCP_TABLE_END;
	return static_cast<long>(collected);
}

std::size_t fake_port::tcp_count_listeners(::net *net,
					   bool (*fits)(void *, const ktcp_tcp_identity *),
					   void *context)
{
	return static_cast<std::size_t>(
		std::count_if(socks.begin(), socks.end(), [&](const ::sock *each) {
			return each->net == net && each->identity.state == KTCP_TCP_LISTEN &&
			       fits(context, &each->identity);
		}));
}

int fake_port::tcp_abort(::sock *sk, int error)
{
	EXPECT_GT(sk->references, 0);
	EXPECT_GT(error, 0);
	if (sk->identity.state == KTCP_TCP_LISTEN)
		return -EPERM;
	if (sk->lies)
		return 0;
	if (sk->error || sk->stays)
		return sk->stays ? -EOPNOTSUPP : -ENOENT;
	sk->error = error;
	return 0;
}

void fake_port::tcp_put(::sock *sk)
{
	EXPECT_GT(sk->references, 0);
	sk->references--;
}

/* ---- locks ------------------------------------------------------------------------------ */

void fake_port::mutex_init(::mutex *lock)
{
	new (lock)::mutex{ mutex_magic, false };
	mutexes_.insert(lock);
}

void fake_port::mutex_lock(::mutex *lock)
{
	EXPECT_EQ(lock->magic, mutex_magic);
	if (lock->locked) {
		ADD_FAILURE() << "deadlock: the mutex is locked already";
		std::abort();
	}
	lock->locked = true;
}

void fake_port::mutex_unlock(::mutex *lock)
{
	EXPECT_TRUE(lock->locked);
	lock->locked = false;
}

void fake_port::mutex_destroy(::mutex *lock)
{
	EXPECT_EQ(mutexes_.erase(lock), 1u);
	EXPECT_FALSE(lock->locked);
	lock->magic = 0;
}

void fake_port::spin_lock_init(::spinlock *lock)
{
	new (lock)::spinlock{ spinlock_magic, false };
}

static void take(::spinlock *lock)
{
	EXPECT_EQ(lock->magic, spinlock_magic);
	if (lock->locked) {
		ADD_FAILURE() << "deadlock: the spin lock is locked already";
		std::abort();
	}
	lock->locked = true;
}

void fake_port::spin_lock_bh(::spinlock *lock)
{
	EXPECT_EQ(irqs_off, 0u) << "unlocking could not switch bottom halves on";
	take(lock);
}

void fake_port::spin_unlock_bh(::spinlock *lock)
{
	EXPECT_TRUE(lock->locked);
	lock->locked = false;
}

void fake_port::spin_lock_irqsave(::spinlock *lock, ktcp_irq_state *was)
{
	take(lock);
	irqs_off++;
	*was = {};
}

void fake_port::spin_unlock_irqrestore(::spinlock *lock, const ktcp_irq_state *)
{
	EXPECT_NE(irqs_off, 0u);
	irqs_off--;
	spin_unlock_bh(lock);
}

void fake_port::init_completion(::completion *done)
{
	new (done)::completion{ 0 };
}

void fake_port::complete(::completion *done)
{
	done->count++;
}

void fake_port::wait_for_completion(::completion *done)
{
	while (!done->count) {
		if (run_one())
			continue;
		if (timers_.empty()) {
			ADD_FAILURE() << "deadlock: nobody is left to complete this";
			std::abort();
		}
		advance_ms(1);
	}
	done->count--;
}

bool fake_port::wait_for_completion_timeout(::completion *done, unsigned int ms)
{
	const std::uint64_t until = now + ms;

	while (!done->count) {
		if (run_one())
			continue;
		if (now >= until)
			return false;
		advance_ms(1);
	}
	done->count--;
	return true;
}

/* ---- turns ------------------------------------------------------------------------------ */

int fake_port::turns_get(std::size_t size, const ktcp_turns_ops *ops, ktcp_turns **out)
{
	if (!turns) {
		turns = std::make_unique<ktcp_turns>();
		turns->ops = ops;
		turns->cpu.reset(new std::max_align_t[size / sizeof(std::max_align_t) + 1]{});
		ops->arrive(turns->cpu.get());
	}
	turns->users++;
	*out = turns.get();
	return 0;
}

void fake_port::turns_put(ktcp_turns *put)
{
	if (!put)
		return;
	EXPECT_EQ(put, turns.get());
	EXPECT_EQ(put->depth, 0u) << "somebody is here";
	if (--put->users == 0)
		turns.reset();
}

void *fake_port::turns_enter(ktcp_turns *here)
{
	EXPECT_EQ(here, turns.get());
	EXPECT_EQ(irqs_off, 0u) << "leaving could not switch bottom halves on";
	here->depth++;
	return here->cpu.get();
}

void fake_port::turns_leave(ktcp_turns *here)
{
	EXPECT_EQ(here, turns.get());
	here->depth--;
}

void *fake_port::turns_beside(ktcp_turns *beside)
{
	EXPECT_EQ(beside, turns.get());
	EXPECT_NE(irqs_off, 0u);
	return turns->cpu.get();
}

void fake_port::turns_raise(void *)
{
	EXPECT_TRUE(turns->depth || irqs_off);
	turns->raised = true;
}

void fake_port::turns_wake(void *)
{
	EXPECT_NE(turns->depth, 0u);
	turns->work = true;
}

void fake_port::turns_later(void *, bool)
{
	EXPECT_NE(turns->depth, 0u);
	turns->later = true;
}

std::uint64_t fake_port::turns_clock()
{
	EXPECT_NE(turns->depth, 0u);
	return clock_ns;
}

::sock *fake_port::sock_trylock_bh(::socket *sock)
{
	EXPECT_NE(turns->depth, 0u);
	return reinterpret_cast<::sock *>(sock);
}

void fake_port::sock_unlock_bh(::sock *)
{
	EXPECT_NE(turns->depth, 0u);
}

/* ---- work ------------------------------------------------------------------------------- */

workqueue_struct *fake_port::alloc_workqueue(const std::string &name, unsigned int flags,
					     int max_active)
{
	auto *made = new workqueue_struct{ name, flags, max_active };

	queues_.insert(made);
	return made;
}

void fake_port::destroy_workqueue(workqueue_struct *wq)
{
	if (!wq)
		return;

	/* Waits for this queue's items; items on other queues wait on. */
	for (;;) {
		const auto mine =
			std::find_if(queued_.begin(), queued_.end(),
				     [&](const work_struct *each) { return each->queue == wq; });

		if (mine == queued_.end())
			break;
		work_struct *const work = *mine;

		queued_.erase(mine);
		work->queued = false;
		work->function(work);
	}
	for (const timer &each : timers_)
		EXPECT_NE(each.queue, wq) << "a timer will queue on a queue that is gone";
	EXPECT_EQ(queues_.erase(wq), 1u);
	delete wq;
}

void fake_port::init_work(work_struct *work, void (*function)(work_struct *))
{
	new (work) work_struct{ function, nullptr, false };
}

bool fake_port::queue_work(int cpu, workqueue_struct *wq, work_struct *work)
{
	EXPECT_TRUE(queues_.contains(wq)) << "no such workqueue";
	if (work->queued)
		return false;
	work->queued = true;
	work->queue = wq;
	queued_.push_back(work);
	last_cpu = cpu;
	last_queue = wq;
	return true;
}

bool fake_port::dequeue(work_struct *work)
{
	work->queued = false;
	return std::erase(queued_, work) != 0;
}

bool fake_port::cancel_work_sync(work_struct *work)
{
	return dequeue(work);
}

void fake_port::init_delayed_work(::delayed_work *work, void (*function)(work_struct *))
{
	new (work)::delayed_work{ { function, nullptr, false } };
}

bool fake_port::mod_delayed_work(workqueue_struct *wq, ::delayed_work *work, unsigned int delay_ms)
{
	const bool was_pending = cancel_delayed_work_sync(work);

	if (delay_ms)
		timers_.push_back({ now + delay_ms, &work->work, wq });
	else
		queue_work(-1, wq, &work->work);
	return was_pending;
}

ktcp_exact_timer *fake_port::exact_timer_start(unsigned int us, void (*function)(void *),
					       void *context, ktcp_gfp)
{
	exact_timers_.push_back({ now + (us + 999) / 1000, function, context });
	return &exact_timers_.back();
}

void fake_port::exact_timer_stop(ktcp_exact_timer *timer)
{
	exact_timers_.remove_if([&](const ktcp_exact_timer &each) { return &each == timer; });
}

bool fake_port::cancel_delayed_work_sync(::delayed_work *work)
{
	const bool was_queued = dequeue(&work->work);
	const bool had_timer = std::erase_if(timers_, [&](const timer &each) {
				       return each.work == &work->work;
			       }) != 0;

	return was_queued || had_timer;
}

/* ---- threads ---------------------------------------------------------------------------- */

int fake_port::kthread_run(int (*function)(void *), void *argument, const std::string &name,
			   task_struct **out)
{
	*out = new task_struct{ name.substr(0, 15), function, argument, false, 0 };
	threads_.push_back(*out);
	return 0;
}

int fake_port::kthread_stop(task_struct *thread)
{
	EXPECT_EQ(std::erase(threads_, thread), 1u);

	const int result = thread->ran ? thread->result : -EINTR;

	delete thread;
	return result;
}

/* ---- sockets ---------------------------------------------------------------------------- */

bool fake_port::alive(const ::socket *sock, const char *call) const
{
	if (sockets_.contains(const_cast<::socket *>(sock)))
		return true;
	ADD_FAILURE() << call << "() of a socket that is not there";
	return false;
}

int fake_port::sock_create(::net *, ktcp_family, ::socket **out)
{
	*out = new_socket();
	return 0;
}

void fake_port::sock_release(::socket *sock)
{
	if (!alive(sock, "sock_release"))
		return;
	EXPECT_EQ(sock->hook, nullptr) << "released with its hook";
	EXPECT_EQ(sock->listener_hook, nullptr) << "released with its listener's hook";
	sockets_.erase(sock);
	delete sock;
}

int fake_port::sock_shutdown(::socket *sock, ktcp_shutdown)
{
	if (alive(sock, "sock_shutdown"))
		sock->shut_down = true;
	return 0;
}

int fake_port::sock_hold_net(::socket *sock)
{
	if (alive(sock, "sock_hold_net"))
		sock->holds_net = true;
	return 0;
}

void fake_port::sock_no_linger(::socket *sock)
{
	if (alive(sock, "sock_no_linger"))
		sock->no_linger = true;
}

void fake_port::sock_hook(::socket *sock, struct ktcp_sock_hook *hook)
{
	if (!alive(sock, "sock_hook"))
		return;
	EXPECT_EQ(sock->hook, nullptr);
	sock->hook = hook;
}

void fake_port::sock_unhook(::socket *sock, struct ktcp_sock_hook *hook)
{
	if (!alive(sock, "sock_unhook"))
		return;
	EXPECT_EQ(sock->hook, hook);
	sock->hook = nullptr;
}

int fake_port::sock_hook_listener(::socket *sock, struct ktcp_sock_hook *hook)
{
	if (!alive(sock, "sock_hook_listener"))
		return -ENOMEM;
	EXPECT_EQ(sock->listener_hook, nullptr);
	sock->listener_hook = hook;
	return 0;
}

void fake_port::sock_unhook_listener(::socket *sock, struct ktcp_sock_hook *hook)
{
	if (!alive(sock, "sock_unhook_listener"))
		return;
	EXPECT_EQ(sock->listener_hook, hook);
	sock->listener_hook = nullptr;
}

void fake_port::sock_set_user_timeout(::socket *sock, unsigned int ms)
{
	if (alive(sock, "sock_set_user_timeout"))
		sock->user_timeout_ms = ms;
}

int fake_port::sock_incoming_cpu(const ::socket *sock)
{
	return alive(sock, "sock_incoming_cpu") ? sock->incoming_cpu : -1;
}

std::uint32_t fake_port::sock_unheard_ms(const ::socket *sock)
{
	return alive(sock, "sock_unheard_ms") ? static_cast<std::uint32_t>(now - sock->heard_ms) :
						0;
}

std::uint32_t fake_port::sock_untaken_ms(const ::socket *sock)
{
	return alive(sock, "sock_untaken_ms") && sock->taken_ms ?
		       static_cast<std::uint32_t>(now - sock->taken_ms) :
		       UINT32_MAX;
}

std::uint32_t fake_port::sock_unread(const ::socket *sock)
{
	return alive(sock, "sock_unread") ? sock->unread : 0;
}

long fake_port::received(::socket *sock, long bytes)
{
	if (bytes > 0 && sockets_.contains(sock))
		sock->heard_ms = now;
	return bytes;
}

long fake_port::sent(::socket *sock, long bytes)
{
	if (bytes > 0 && sockets_.contains(sock) && sock->takes)
		sock->taken_ms = now;
	return bytes;
}

} // namespace mock
