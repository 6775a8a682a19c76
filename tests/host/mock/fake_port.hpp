// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A small working port, in one thread: mock_port calls it where a test expects nothing else.
 *
 * Memory comes from malloc(), so that AddressSanitizer watches it. A mutex knows whether it is
 * locked. Work items, timers and threads wait until the test runs them. A socket carries only its
 * hook: it has nothing to receive, and room for everything that is sent.
 *
 * Every misuse of the boundary's contract is a test failure, and so is every object that is left
 * when the port goes.
 */
#ifndef KTCP_TESTS_HOST_MOCK_FAKE_PORT_HPP
#define KTCP_TESTS_HOST_MOCK_FAKE_PORT_HPP

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ktcp/port/log.h>
#include <ktcp/port/lookup.h>
#include <ktcp/port/memory.h>
#include <ktcp/port/net.h>
#include <ktcp/port/pages.h>
#include <ktcp/port/per_cpu.h>
#include <ktcp/port/proc.h>
#include <ktcp/port/socket.h>
#include <ktcp/port/sync.h>
#include <ktcp/port/thread.h>
#include <ktcp/port/time.h>
#include <ktcp/port/turns.h>
#include <ktcp/port/work.h>

/* The kernel's structures, as far as this port has them. */

struct net {
	std::uint32_t number = 4026531999;
};

struct kmem_cache {
	std::string name;
	std::size_t size;
	std::set<void *> objects;
};

struct ktcp_page_pool {
	std::size_t size;
	std::set<void *> buffers;
	unsigned long long most; /**< 0: any number */
	unsigned long long refused;
};

struct ktcp_per_cpu {
	std::vector<void *> memory; /**< of each CPU */
	bool got = false; /**< by get_cpu_ptr() */
};

struct ktcp_softirq_pages {};

/** One CPU, with the thread that takes its turns. */
struct ktcp_turns {
	const ktcp_turns_ops *ops;
	std::unique_ptr<std::max_align_t[]> cpu;
	unsigned int users = 0;
	unsigned int depth = 0; /**< of turns_enter() */
	bool raised = false;
	bool work = false; /**< for the thread */
	bool later = false; /**< after all others, or once time passes */
};

/** Until it is stopped. */
struct ktcp_exact_timer {
	std::uint64_t due;
	void (*function)(void *context); /**< nullptr: it was called */
	void *context;
};

struct ktcp_proc_folder {
	struct net *net;
	std::string name; /**< empty: /proc/net itself */
	std::map<std::string, ktcp_proc_file *> files;
};

struct seq_file {
	std::string text;
};

struct workqueue_struct {
	std::string name;
	unsigned int flags;
	int max_active;
};

struct task_struct {
	std::string name;
	int (*function)(void *);
	void *argument;
	bool ran;
	int result;
};

/* Of any owner's, in the tables of a namespace. */
struct sock {
	::net *net;
	ktcp_tcp_identity identity;
	int references = 0;
	int error = 0; /* what its owner was told */
	bool stays = false; /* though it was dropped */
	bool lies = false; /* it stays, and tcp_abort() says that it does not */
	bool nowhere = false; /* the device that it is bound to has gone */
};

struct socket {
	struct ktcp_sock_hook *hook = nullptr;
	struct ktcp_sock_hook *listener_hook = nullptr;
	bool holds_net = false;
	bool no_linger = false;
	bool shut_down = false;
	unsigned int user_timeout_ms = 0;
	int incoming_cpu = -1;
	std::uint64_t heard_ms = 0; /* when the last byte came; at first, when it was made */
	std::uint64_t taken_ms = 0; /* when bytes were acknowledged; 0: never */
	bool takes = true; /* the peer acknowledges whatever is sent, at once */
	std::uint32_t unread = 0; /* by the peer */
	bool has_unread = false; /* by us */
	bool is_lost = false;
};

namespace mock
{

class fake_port {
    public:
	fake_port() = default;
	fake_port(const fake_port &) = delete;
	fake_port &operator=(const fake_port &) = delete;

	/** Nothing may be left: neither memory nor work nor sockets … */
	~fake_port();

	/** @name What a test does in the kernel's place */
	/** @{ */

	/** Run the drain, a turn of the thread's, or the oldest queued work item. Without any, run the
	 * work that has time. False if there is nothing to run. */
	bool run_one();

	/** Run them until there is nothing; returns how many ran. */
	unsigned int run_all();

	/** Time passes; timers that are due queue their items, which do not run yet. */
	void advance_ms(std::uint64_t ms);

	/** Run a thread's function, once, in this one. */
	void run_thread(task_struct &thread);

	/** A socket that the kernel made: a connection to accept, for one. */
	::socket *new_socket();

	/** The text that a reader of a file under /proc gets, all of it in one round. */
	static std::string read(ktcp_proc_file &file);

	/** A namespace begins, for who has registered; its init()'s error. */
	int add_net(::net &net);

	/** It ends. */
	void remove_net(::net &net);

	/** A socket of somebody's; gone when it was dropped. */
	::sock &add_sock(const ktcp_tcp_identity &identity, ::net *net = nullptr);

	/** A file /proc/net/NAME of a namespace's, if there is one. */
	ktcp_proc_file *entry(const std::string &name, ::net *net = nullptr) const;

	/** open(2) of a file, write(2), and close(2). */
	static void *open(ktcp_proc_file &file);
	static long write(ktcp_proc_file &file, void *opening, std::string_view text);
	static void close(ktcp_proc_file &file, void *opening);

	/** Call the socket's hook, as its callbacks would. */
	static void announce(::socket *sock, unsigned int events);

	/** @} */
	/** @name What there is */
	/** @{ */

	std::size_t blocks() const
	{
		return blocks_.size();
	}

	std::size_t objects() const;

	/** Buffers of page pools that have not been put. */
	std::size_t pool_buffers() const;

	std::size_t pools() const
	{
		return pools_.size();
	}

	/** The folder under /proc/net, if there is one of this name. */
	ktcp_proc_folder *folder(const std::string &name, ::net *net = nullptr) const;

	std::size_t sockets() const
	{
		return sockets_.size();
	}

	std::size_t queued() const
	{
		return queued_.size();
	}

	std::size_t timers() const
	{
		return timers_.size();
	}

	const std::vector<task_struct *> &threads() const
	{
		return threads_;
	}

	kmem_cache *cache(const std::string &name) const;
	workqueue_struct *queue(const std::string &name) const;

	/** The CPU that the last work item was queued on. */
	int last_cpu = -1;
	/** The queue, too. */
	workqueue_struct *last_queue = nullptr;
	/** The sockets that there are, listeners, too. */
	std::vector<::sock *> socks;
	/** The devices that there are. */
	std::map<std::string, std::uint32_t> devices;
	/** Something of them has changed. */
	void devices_changed() const;
	/** The result of ktcp_now_ms(). */
	std::uint64_t now = 1000;
	/** How much larger that of ktcp_boottime_ms() is. */
	std::uint64_t suspended_ms = 0;
	/** The result of ktcp_turns_clock(). */
	std::uint64_t clock_ns = 1'000'000'000;
	/** Locks that switched interrupts off. */
	unsigned int irqs_off = 0;
	/** The CPUs that have memory of their own … */
	static constexpr int cpus = 3;
	/** … and the one that the test is on. */
	int cpu = 0;
	/** The CPU's turns, while somebody has got them. */
	std::unique_ptr<ktcp_turns> turns;
	/** The result of ktcp_real_seconds(). */
	std::uint64_t real_seconds = 1'704'067'200;
	/** The result of ktcp_kthread_should_stop(). */
	bool should_stop = false;

	/** @} */
	/** @name The boundary's functions, without their prefix */
	/** @{ */

	void *kmalloc(std::size_t size, ktcp_gfp gfp);
	void kfree(void *object);
	ktcp_per_cpu *alloc_percpu(std::size_t size, std::size_t align);
	void free_percpu(ktcp_per_cpu *all);
	void *per_cpu_ptr(ktcp_per_cpu *all, int of);
	void *get_cpu_ptr(ktcp_per_cpu *all);
	void put_cpu_ptr(ktcp_per_cpu *all);
	::kmem_cache *kmem_cache_create(const std::string &name, std::size_t size);
	void kmem_cache_destroy(::kmem_cache *cache);
	void *kmem_cache_alloc(::kmem_cache *cache, ktcp_gfp gfp);
	void kmem_cache_free(::kmem_cache *cache, void *object);
	void *alloc_pages(std::size_t size, ktcp_gfp gfp);
	void free_pages(void *pages, std::size_t size);

	ktcp_page_pool *page_pool_create(std::size_t size, unsigned long long most);
	static struct ktcp_page_pool_stats page_pool_count(const ktcp_page_pool *pool);
	void page_pool_destroy(ktcp_page_pool *pool);
	void *page_pool_get(ktcp_page_pool *pool, ktcp_gfp gfp);
	void page_pool_put(ktcp_page_pool *pool, void *buffer);
	ktcp_softirq_pages *softirq_pages_create();
	void softirq_pages_destroy(ktcp_softirq_pages *pages);

	int proc_mkdir(::net *net, const std::string &name, ktcp_proc_folder **out);
	void proc_rmdir(ktcp_proc_folder *folder);
	int proc_create(ktcp_proc_folder *folder, const std::string &name, ktcp_proc_file *file);

	int register_pernet(ktcp_pernet *pernet);
	void unregister_pernet(ktcp_pernet *pernet);
	bool is_init_net(const ::net *net);
	std::uint32_t net_number(const ::net *net);
	std::uint32_t net_ifindex(::net *net, const std::string &name);
	int watch_devices(::net *net, ktcp_device_watch *watch);
	void unwatch_devices(::net *net, ktcp_device_watch *watch);

	std::size_t tcp_lookup_established(::net *net, const ktcp_endpoint *local,
					   const ktcp_endpoint *remote, ::sock **batch,
					   std::size_t most);
	long tcp_collect_established(::net *net, unsigned int *place,
				     bool (*fits)(void *, const ktcp_tcp_identity *), void *context,
				     ::sock **batch, std::size_t most);
	std::size_t tcp_count_listeners(::net *net, bool (*fits)(void *, const ktcp_tcp_identity *),
					void *context);
	int tcp_abort(::sock *sk, int error);
	void tcp_put(::sock *sk);

	void mutex_init(::mutex *lock);
	void mutex_lock(::mutex *lock);
	void mutex_unlock(::mutex *lock);
	void mutex_destroy(::mutex *lock);
	void spin_lock_init(::spinlock *lock);
	void spin_lock_bh(::spinlock *lock);
	void spin_unlock_bh(::spinlock *lock);
	void spin_lock_irqsave(::spinlock *lock, ktcp_irq_state *was);
	void spin_unlock_irqrestore(::spinlock *lock, const ktcp_irq_state *was);
	void init_completion(::completion *done);
	void complete(::completion *done);
	/** Runs work items and timers until there is what it waits for. */
	void wait_for_completion(::completion *done);
	/** The same until the time is up. */
	bool wait_for_completion_timeout(::completion *done, unsigned int ms);

	workqueue_struct *alloc_workqueue(const std::string &name, unsigned int flags,
					  int max_active);
	void destroy_workqueue(workqueue_struct *wq);
	void init_work(work_struct *work, void (*function)(work_struct *));
	bool queue_work(int cpu, workqueue_struct *wq, work_struct *work);
	bool cancel_work_sync(work_struct *work);
	void init_delayed_work(::delayed_work *work, void (*function)(work_struct *));
	bool mod_delayed_work(workqueue_struct *wq, ::delayed_work *work, unsigned int delay_ms);
	bool cancel_delayed_work_sync(::delayed_work *work);

	/** It fires in advance_ms(), once the clock has passed its time. */
	ktcp_exact_timer *exact_timer_start(unsigned int us, void (*function)(void *),
					    void *context, ktcp_gfp gfp);
	void exact_timer_stop(ktcp_exact_timer *timer);

	int turns_get(std::size_t size, const ktcp_turns_ops *ops, ktcp_turns **out);
	void turns_put(ktcp_turns *put);
	void *turns_enter(ktcp_turns *here);
	void turns_leave(ktcp_turns *here);
	void *turns_beside(ktcp_turns *beside);
	void turns_raise(void *cpu);
	void turns_wake(void *cpu);
	void turns_later(void *cpu, bool now);
	std::uint64_t turns_clock();
	/** Fails while a test says that a process owns it. */
	::sock *sock_trylock_bh(::socket *sock);
	void sock_unlock_bh(::sock *sk);

	int kthread_run(int (*function)(void *), void *argument, const std::string &name,
			task_struct **out);
	int kthread_stop(task_struct *thread);

	int sock_create(::net *net, ktcp_family family, ::socket **out);
	void sock_release(::socket *sock);
	int sock_shutdown(::socket *sock, ktcp_shutdown how);
	int sock_hold_net(::socket *sock);
	void sock_no_linger(::socket *sock);
	void sock_hook(::socket *sock, struct ktcp_sock_hook *hook);
	void sock_unhook(::socket *sock, struct ktcp_sock_hook *hook);
	int sock_hook_listener(::socket *sock, struct ktcp_sock_hook *hook);
	void sock_unhook_listener(::socket *sock, struct ktcp_sock_hook *hook);
	void sock_set_user_timeout(::socket *sock, unsigned int ms);
	int sock_incoming_cpu(const ::socket *sock);
	std::uint32_t sock_unheard_ms(const ::socket *sock);
	std::uint32_t sock_untaken_ms(const ::socket *sock);
	std::uint32_t sock_unread(const ::socket *sock);
	/** After a call that returned so much: bytes came, or went. Returns it. */
	long received(::socket *sock, long bytes);
	long sent(::socket *sock, long bytes);

	/** @} */

    private:
	struct timer {
		std::uint64_t due;
		work_struct *work;
		workqueue_struct *queue;
	};

	using pernet_object = std::pair<::net *, void *>;

	bool alive(const ::socket *sock, const char *call) const;
	int pernet_init(::net *net);
	void pernet_exit(const std::vector<pernet_object> &ending);
	bool dequeue(work_struct *work);

	std::map<void *, std::size_t> blocks_;
	std::map<void *, std::size_t> pages_;
	std::set<::kmem_cache *> caches_;
	std::set<ktcp_per_cpu *> per_cpus_;
	std::set<ktcp_page_pool *> pools_;
	std::set<ktcp_softirq_pages *> softirq_pages_;
	std::set<ktcp_proc_folder *> folders_;
	std::vector<::net *> nets_ = { nullptr }; /* nullptr: the initial one */
	ktcp_pernet *pernet_ = nullptr;
	std::vector<ktcp_device_watch *> watches_;
	std::vector<pernet_object> pernet_objects_;
	std::set<workqueue_struct *> queues_;
	std::deque<work_struct *> queued_;
	std::vector<timer> timers_;
	std::list<ktcp_exact_timer> exact_timers_;
	std::vector<task_struct *> threads_;
	std::set<::socket *> sockets_;
	std::set<const ::mutex *> mutexes_;
};

} // namespace mock

#endif
