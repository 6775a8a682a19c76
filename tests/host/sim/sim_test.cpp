/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The simulation itself: that a run repeats, and that each kind of mistake is found. */
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/port/layout.h>
#include <ktcp/port/memory.h>
#include <ktcp/port/socket.h>
#include <ktcp/port/sync.h>
#include <ktcp/port/thread.h>
#include <ktcp/port/time.h>
#include <ktcp/port/work.h>

#include <sim/client.hpp>
#include <sim/explore.hpp>
#include <sim/world.hpp>

namespace
{

using sim::client;
using sim::options;
using sim::report;
using sim::world;

/* The report of a run with this mistake in it. */
std::string complaint(const std::function<void(world &)> &mistake, const options &how = {},
		      uint64_t seed = 1)
{
	report r = sim::run(seed, how, mistake);

	return r.ok ? "nothing" : r.what;
}

/* The report of the first run that fails, of many; for mistakes that only some schedules show. */
std::string complaint_of_some(unsigned seeds, const std::function<void(world &)> &mistake)
{
	for (uint64_t seed = 1; seed <= seeds; seed++)
		if (std::string what = complaint(mistake, {}, seed); what != "nothing")
			return what;
	return "nothing";
}

#define EXPECT_SAYS(text, ...) \
	EXPECT_NE((__VA_ARGS__).find(text), std::string::npos) << (__VA_ARGS__)

/* Room for a work item, and what its function shall do. */
struct item {
	alignas(void *) unsigned char storage[KTCP_SIZEOF_WORK];
	std::function<void()> action;

	work_struct *raw()
	{
		return reinterpret_cast<work_struct *>(storage);
	}
	void init(std::function<void()> what)
	{
		action = std::move(what);
		ktcp_init_work(raw(),
			       [](work_struct *w) { reinterpret_cast<item *>(w)->action(); });
	}
};

struct socket *listening(world &w, uint16_t port, int backlog = 8)
{
	ktcp_endpoint any = sim::any_address(false, port);
	struct socket *sock = nullptr;

	SIM_EXPECT_EQ(w, ktcp_sock_create(nullptr, KTCP_INET, &sock), 0);
	SIM_EXPECT_EQ(w, ktcp_sock_bind(sock, &any), 0);
	SIM_EXPECT_EQ(w, ktcp_sock_listen(sock, backlog), 0);
	return sock;
}

struct socket *accepted(world &w, struct socket *listener)
{
	struct socket *sock = nullptr;

	SIM_EXPECT_EQ(w, ktcp_sock_wait(listener, KTCP_SOCK_READABLE, -1), 0);
	SIM_EXPECT_EQ(w, ktcp_sock_accept(listener, &sock), 0);
	return sock;
}

void close_gracefully(struct socket *sock)
{
	ktcp_sock_hold_net(sock);
	ktcp_sock_release(sock);
}

/* An echo by hand, correct. */
void small_echo(world &w)
{
	struct socket *listener = listening(w, 7);

	w.spawn("client", [&w] {
		client c;

		SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(7)), 0);
		SIM_EXPECT_EQ(w, c.send("hello, world"), 0);
		c.finish_sending();
		SIM_EXPECT(w, c.receive_all() == "hello, world");
	});

	struct socket *peer = accepted(w, listener);
	char buffer[64];

	for (;;) {
		long got = ktcp_sock_recv(peer, buffer, sizeof(buffer));

		if (got == -EAGAIN) {
			ktcp_sock_wait(peer, KTCP_SOCK_READABLE, -1);
			continue;
		}
		if (got <= 0)
			break;
		for (long done = 0; done < got;) {
			long sent = ktcp_sock_send(peer, buffer + done, size_t(got - done), 0);

			if (sent == -EAGAIN)
				ktcp_sock_wait(peer, KTCP_SOCK_WRITABLE, -1);
			else if (sent != -ENOBUFS)
				done += sent;
		}
	}
	close_gracefully(peer);
	close_gracefully(listener);
}

TEST(Simulation, EchoByHand)
{
	sim::explore(3000, {}, small_echo);
}

TEST(Simulation, SameSeedSameRun)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		report a = sim::run(seed, {}, small_echo);
		report b = sim::run(seed, {}, small_echo);

		EXPECT_TRUE(a.ok) << a.what;
		EXPECT_EQ(a.fingerprint, b.fingerprint);
		EXPECT_EQ(a.steps, b.steps);
	}
}

TEST(Simulation, SeedsDiffer)
{
	std::set<uint64_t> seen;

	for (uint64_t seed = 1; seed <= 200; seed++)
		seen.insert(sim::run(seed, {}, small_echo).fingerprint);
	EXPECT_GT(seen.size(), 190u);
}

/* Two increments of a shared variable, not atomic as a whole: some seed loses one. */
TEST(Simulation, FindsALostUpdate)
{
	auto racy = [](world &w) {
		ktcp::atomic<int> counter = 0;
		auto increment = [&] {
			int seen = counter.load(ktcp::memory_order_relaxed);

			counter.store(seen + 1, ktcp::memory_order_relaxed);
		};

		w.spawn("one", increment);
		w.spawn("two", increment);
		w.join();
		SIM_EXPECT_EQ(w, counter.load(ktcp::memory_order_relaxed), 2);
	};

	EXPECT_SAYS("counter", complaint_of_some(200, racy));
}

/* An atomic number, used as a setting is. */
class relaxed_number {
    public:
	void operator=(int value)
	{
		value_.store(value, ktcp::memory_order_relaxed);
	}

	operator int() const
	{
		return value_.load(ktcp::memory_order_relaxed);
	}

    private:
	ktcp::atomic<int> value_ = 0;
};

/* One context tells another of a number. @tell: the write that tells. */
template <class Number>
std::string complaint_of_a_message(void (*tell)(ktcp::atomic<bool> &told))
{
	return complaint_of_some(1000, [tell](world &w) {
		Number number;
		ktcp::atomic<bool> told = false;

		w.spawn("teller", [&] {
			number = 7;
			tell(told);
			/* Both are seen behind a call of the port. */
			w.point();
		});
		w.spawn("listener", [&] {
			if (told.load(ktcp::memory_order_acquire))
				SIM_EXPECT_EQ(w, int(number), 7);
		});
		w.join();
		SIM_EXPECT_EQ(w, int(number), 7);
	});
}

template <class Number>
void expect_any_order_of()
{
	const auto complaint = complaint_of_a_message<Number>;

	EXPECT_SAYS("number",
		    complaint([](auto &told) { told.store(true, ktcp::memory_order_relaxed); }));
	EXPECT_SAYS("number",
		    complaint([](auto &told) { told.exchange(true, ktcp::memory_order_relaxed); }));
	EXPECT_EQ(complaint([](auto &told) { told.store(true, ktcp::memory_order_release); }),
		  "nothing");
	EXPECT_EQ(complaint([](auto &told) { told.exchange(true, ktcp::memory_order_release); }),
		  "nothing");
}

TEST(Simulation, ShowsRelaxedStoresInAnyOrder)
{
	expect_any_order_of<relaxed_number>();
	expect_any_order_of<ktcp::setting<int>>();
}

/* Mistakes with memory */

TEST(Detects, LeakedMemory)
{
	EXPECT_SAYS("memory leaked", complaint([](world &) { ktcp_kmalloc(10, KTCP_GFP_KERNEL); }));
}

TEST(Detects, DoubleFree)
{
	EXPECT_SAYS("not allocated", complaint([](world &) {
			    void *p = ktcp_kmalloc(10, KTCP_GFP_KERNEL);

			    ktcp_kfree(p);
			    ktcp_kfree(p);
		    }));
}

TEST(Detects, WrongFree)
{
	EXPECT_SAYS("freed as from", complaint([](world &) {
			    ktcp_free_pages(ktcp_kmalloc(10, KTCP_GFP_KERNEL), 10);
		    }));
	EXPECT_SAYS("freed as", complaint([](world &) {
			    ktcp_free_pages(ktcp_alloc_pages(10, KTCP_GFP_KERNEL), 11);
		    }));
}

TEST(Detects, CacheMistakes)
{
	EXPECT_SAYS("leaked", complaint([](world &) { ktcp_kmem_cache_create("a", 8); }));
	EXPECT_SAYS("two live caches", complaint([](world &) {
			    ktcp_kmem_cache_create("a", 8);
			    ktcp_kmem_cache_create("a", 8);
		    }));
	EXPECT_SAYS("objects in use", complaint([](world &) {
			    kmem_cache *c = ktcp_kmem_cache_create("a", 8);

			    ktcp_kmem_cache_alloc(c, KTCP_GFP_KERNEL);
			    ktcp_kmem_cache_destroy(c);
		    }));
	EXPECT_SAYS("is destroyed", complaint([](world &) {
			    kmem_cache *c = ktcp_kmem_cache_create("a", 8);

			    ktcp_kmem_cache_destroy(c);
			    ktcp_kmem_cache_alloc(c, KTCP_GFP_KERNEL);
		    }));
}

TEST(Detects, UnwrittenBytesSent)
{
	EXPECT_SAYS("never written", complaint([](world &w) {
			    struct socket *listener = listening(w, 7);

			    w.spawn("client", [] {
				    client c;

				    c.connect(sim::v4_loopback(7));
				    c.receive_all();
			    });
			    struct socket *peer = accepted(w, listener);
			    char *p = static_cast<char *>(ktcp_kmalloc(64, KTCP_GFP_KERNEL));

			    memset(p, 'x', 40);
			    ktcp_sock_send(peer, p, 64, 0);
		    }));
}

/* Mistakes with contexts */

TEST(Detects, SleepingInACallback)
{
	struct sleeper : ktcp_sock_hook {
		static void on(struct ktcp_sock_hook *, unsigned)
		{
			ktcp_kfree(ktcp_kmalloc(8, KTCP_GFP_KERNEL));
		}
	};

	EXPECT_SAYS("atomic context", complaint([](world &w) {
			    sleeper hook;
			    struct socket *listener = listening(w, 7);

			    hook.event = sleeper::on;
			    ktcp_sock_hook_listener(listener, &hook);
			    w.spawn("client", [] {
				    client c;

				    c.connect(sim::v4_loopback(7));
			    });
			    w.sleep_ms(10);
		    }));
}

TEST(Detects, Deadlock)
{
	EXPECT_SAYS("deadlock", complaint([](world &) {
			    alignas(void *) unsigned char storage[KTCP_SIZEOF_COMPLETION];
			    auto *c = reinterpret_cast<completion *>(storage);

			    ktcp_init_completion(c);
			    ktcp_wait_for_completion(c);
		    }));
}

TEST(Detects, MutexMistakes)
{
	alignas(void *) static unsigned char storage[KTCP_SIZEOF_MUTEX];
	auto *lock = reinterpret_cast<mutex *>(storage);

	memset(storage, 0, sizeof(storage));
	EXPECT_SAYS("not an initialised", complaint([&](world &) { ktcp_mutex_lock(lock); }));
	EXPECT_SAYS("held by the caller already", complaint([&](world &) {
			    ktcp_mutex_init(lock);
			    ktcp_mutex_lock(lock);
			    ktcp_mutex_lock(lock);
		    }));
	EXPECT_SAYS("not held by the caller", complaint([&](world &) {
			    ktcp_mutex_init(lock);
			    ktcp_mutex_unlock(lock);
		    }));
	EXPECT_SAYS("held", complaint([&](world &) {
			    ktcp_mutex_init(lock);
			    ktcp_mutex_lock(lock);
			    ktcp_mutex_destroy(lock);
		    }));
	EXPECT_SAYS("held lock", complaint([](world &) {
			    void *p = ktcp_kmalloc(KTCP_SIZEOF_MUTEX, KTCP_GFP_KERNEL);

			    ktcp_mutex_init(static_cast<mutex *>(p));
			    ktcp_mutex_lock(static_cast<mutex *>(p));
			    ktcp_kfree(p);
		    }));
}

TEST(Detects, SpinLockMistakes)
{
	alignas(void *) static unsigned char storage[KTCP_SIZEOF_SPINLOCK];
	auto *lock = reinterpret_cast<spinlock *>(storage);

	memset(storage, 0, sizeof(storage));
	EXPECT_SAYS("not an initialised", complaint([&](world &) { ktcp_spin_lock_bh(lock); }));
	EXPECT_SAYS("held by the caller already", complaint([&](world &) {
			    ktcp_spin_lock_init(lock);
			    ktcp_spin_lock_bh(lock);
			    ktcp_spin_lock_bh(lock);
		    }));
	EXPECT_SAYS("not held by the caller", complaint([&](world &) {
			    ktcp_spin_lock_init(lock);
			    ktcp_spin_unlock_bh(lock);
		    }));
	EXPECT_SAYS("atomic context", complaint([&](world &) {
			    ktcp_spin_lock_init(lock);
			    ktcp_spin_lock_bh(lock);
			    ktcp_msleep(1);
		    }));
	EXPECT_SAYS("held lock", complaint([](world &) {
			    void *p = ktcp_kmalloc(KTCP_SIZEOF_SPINLOCK, KTCP_GFP_KERNEL);

			    ktcp_spin_lock_init(static_cast<spinlock *>(p));
			    ktcp_spin_lock_bh(static_cast<spinlock *>(p));
			    ktcp_kfree(p);
		    }));
}

/* Mistakes with work */

TEST(Detects, QueuedMemoryFreed)
{
	EXPECT_SAYS("queued work item", complaint_of_some(50, [](world &) {
			    workqueue_struct *wq = ktcp_alloc_workqueue("q", 0, 0);
			    auto *w = static_cast<work_struct *>(
				    ktcp_kmalloc(KTCP_SIZEOF_WORK, KTCP_GFP_KERNEL));

			    ktcp_init_work(w, [](work_struct *) {});
			    ktcp_queue_work(-1, wq, w);
			    ktcp_kfree(w);
			    ktcp_destroy_workqueue(wq);
		    }));
	EXPECT_SAYS("delayed work item's timer", complaint([](world &) {
			    workqueue_struct *wq = ktcp_alloc_workqueue("q", 0, 0);
			    auto *w = static_cast<delayed_work *>(
				    ktcp_kmalloc(KTCP_SIZEOF_DELAYED_WORK, KTCP_GFP_KERNEL));

			    ktcp_init_delayed_work(w, [](work_struct *) {});
			    ktcp_mod_delayed_work(wq, w, 1000);
			    ktcp_kfree(w);
		    }));
}

TEST(Detects, WorkOnADestroyedQueue)
{
	EXPECT_SAYS("is destroyed", complaint([](world &) {
			    item i;
			    workqueue_struct *wq = ktcp_alloc_workqueue("q", 0, 0);

			    i.init([] {});
			    ktcp_destroy_workqueue(wq);
			    ktcp_queue_work(-1, wq, i.raw());
		    }));
	EXPECT_SAYS("timer set", complaint([](world &) {
			    alignas(void *) unsigned char storage[KTCP_SIZEOF_DELAYED_WORK];
			    auto *w = reinterpret_cast<delayed_work *>(storage);
			    workqueue_struct *wq = ktcp_alloc_workqueue("q", 0, 0);

			    ktcp_init_delayed_work(w, [](work_struct *) {});
			    ktcp_mod_delayed_work(wq, w, 1000);
			    ktcp_destroy_workqueue(wq);
		    }));
}

TEST(Detects, CancelFromItself)
{
	EXPECT_SAYS("own function", complaint([](world &) {
			    static item i;
			    workqueue_struct *wq = ktcp_alloc_workqueue("q", 0, 0);

			    i.init([] { ktcp_cancel_work_sync(i.raw()); });
			    ktcp_queue_work(-1, wq, i.raw());
			    ktcp_destroy_workqueue(wq);
		    }));
}

TEST(Detects, UnloadBesideWork)
{
	EXPECT_SAYS("still runs the module's code", complaint_of_some(50, [](world &w) {
			    static item i;
			    static int entered;
			    workqueue_struct *wq = ktcp_alloc_workqueue("q", 0, 0);

			    entered = 0;
			    i.init([] {
				    entered = 1;
				    ktcp_msleep(5);
			    });
			    ktcp_queue_work(-1, wq, i.raw());
			    while (!entered)
				    w.sleep_ms(1);
			    w.unload();
		    }));
}

/* Mistakes with sockets */

TEST(Detects, SocketMistakes)
{
	EXPECT_SAYS("leaked", complaint([](world &w) { listening(w, 7); }));
	EXPECT_SAYS("was released", complaint([](world &w) {
			    struct socket *sock = listening(w, 7);

			    ktcp_sock_release(sock);
			    ktcp_sock_release(sock);
		    }));
	EXPECT_SAYS("still hooked", complaint([](world &w) {
			    struct ktcp_sock_hook hook {};
			    struct socket *sock = listening(w, 7);

			    ktcp_sock_hook_listener(sock, &hook);
			    ktcp_sock_release(sock);
		    }));
	EXPECT_SAYS("in use by", complaint_of_some(50, [](world &w) {
			    struct socket *sock = listening(w, 7);

			    w.spawn("waiter",
				    [&] { ktcp_sock_wait(sock, KTCP_SOCK_READABLE, 50); });
			    w.sleep_ms(1);
			    ktcp_sock_release(sock);
		    }));
}

TEST(Detects, OrphanWithoutATimer)
{
	auto closing = [](bool hold) {
		return [hold](world &w) {
			struct socket *listener = listening(w, 7);
			client c;

			SIM_EXPECT_EQ(w, c.connect(sim::v4_loopback(7)), 0);

			struct socket *peer = accepted(w, listener);

			SIM_EXPECT_EQ(w, ktcp_sock_send(peer, "bye", 3, 0), 3);
			if (hold)
				SIM_EXPECT_EQ(w, ktcp_sock_hold_net(peer), 0);
			ktcp_sock_release(peer);
			ktcp_sock_release(listener);
			if (hold)
				SIM_EXPECT(w, c.receive_all() == "bye");
		};
	};

	EXPECT_EQ("nothing", complaint(closing(true)));
	EXPECT_SAYS("orphan without a timer", complaint(closing(false)));
}

/* The listener's last instructions: without synchronize_rcu() some schedule unloads them. */
TEST(Detects, MissingGracePeriod)
{
	auto unloading = [](bool wait) {
		return [wait](world &w) {
			static struct ktcp_sock_hook hook;

			struct socket *listener = listening(w, 7);

			hook.event = [](struct ktcp_sock_hook *, unsigned) {};
			ktcp_sock_hook_listener(listener, &hook);
			w.spawn("client", [] {
				client c;

				c.connect(sim::v4_loopback(7));
			});
			w.wait_for_step(w.chance().below(60));
			ktcp_sock_unhook_listener(listener, &hook);
			ktcp_sock_release(listener);
			if (wait)
				ktcp_synchronize_rcu();
			w.unload();
		};
	};

	EXPECT_EQ("nothing", complaint_of_some(3000, unloading(true)));
	EXPECT_SAYS("still runs the module's code", complaint_of_some(3000, unloading(false)));
}

TEST(Detects, ThreadMistakes)
{
	static auto nothing = [](void *) { return 0; };

	EXPECT_SAYS("kernel threads not stopped", complaint([](world &w) {
			    task_struct *t = nullptr;

			    ktcp_kthread_run(nothing, nullptr, "t", &t);
			    w.sleep_ms(1);
		    }));
	EXPECT_SAYS("stopped already", complaint([](world &) {
			    task_struct *t = nullptr;

			    ktcp_kthread_run(nothing, nullptr, "t", &t);
			    ktcp_kthread_stop(t);
			    ktcp_kthread_stop(t);
		    }));
}

TEST(Injection, FailsExactlyTheNthCall)
{
	options how;

	how.fail_nth = 1;
	report r = sim::run(1, how, [](world &w) {
		void *a = ktcp_kmalloc(8, KTCP_GFP_KERNEL);
		void *b = ktcp_kmalloc(8, KTCP_GFP_KERNEL);
		void *c = ktcp_kmalloc(8, KTCP_GFP_KERNEL);

		SIM_EXPECT(w, a && !b && c);
		ktcp_kfree(a);
		ktcp_kfree(c);
	});

	EXPECT_TRUE(r.ok) << r.what;
	EXPECT_TRUE(r.injected);
	EXPECT_EQ(r.fallible_calls, 3u);
}

TEST(Time, PassesWhenAllSleep)
{
	report r = sim::run(1, {}, [](world &w) {
		uint64_t before = ktcp_now_ms();

		ktcp_msleep(100000);
		SIM_EXPECT(w, ktcp_now_ms() >= before + 100000);
	});

	EXPECT_TRUE(r.ok) << r.what;
}

/* The limit is of waiting, not of timers that fire though others could run. */
TEST(Time, PassesHastilyWithoutALimit)
{
	options how;

	how.hasty_time = true;
	how.time_limit_ms = 1000;

	const auto sleeper = [](world &w) {
		bool slept = false;

		w.spawn("sleeper", [&] {
			w.sleep_ms(60000);
			slept = true;
		});
		/* Somebody can run all the time. */
		while (!slept)
			w.point();
	};

	EXPECT_EQ(complaint(sleeper, how), "nothing");
	EXPECT_SAYS("no end within", complaint([](world &w) { w.sleep_ms(60000); }, how, 2));
}

} // namespace
