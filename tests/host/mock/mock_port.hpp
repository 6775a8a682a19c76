// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The boundary as a GoogleMock object. Every function of include/ktcp/port/ calls the method of the
 * same name, without its prefix, of the one mock_port that lives.
 *
 * @code
 * testing::StrictMock<mock::mock_port> port;	// what is not expected is a failure
 * testing::NiceMock<mock::mock_port> port;	// … is what fake_port does
 * EXPECT_CALL(port, kmalloc(64, KTCP_GFP_KERNEL)).WillOnce(Return(nullptr));
 * @endcode
 *
 * An expectation without an action of its own falls back to fake_port, too. A call while
 * there is no mock_port aborts the test.
 */
#ifndef KTCP_TESTS_HOST_MOCK_MOCK_PORT_HPP
#define KTCP_TESTS_HOST_MOCK_MOCK_PORT_HPP

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "fake_port.hpp"

struct file;

namespace mock
{

/*
 * A template of which there is one instance, in mock_port.cpp. Otherwise each file that includes
 * this would compile every method, and a test uses few of them.
 */
template <class One>
class basic_mock_port {
    public:
	/** From now on the port is this; there must be no other. */
	basic_mock_port();
	virtual ~basic_mock_port();
	basic_mock_port(const basic_mock_port &) = delete;
	basic_mock_port &operator=(const basic_mock_port &) = delete;

	/** The one that lives; aborts if there is none. */
	static basic_mock_port &current();

	/** The methods below call it by default; it has the objects. */
	fake_port fake;

	/** Called at every operation on a ktcp::atomic, if set. */
	std::function<void()> at_sched_point;
	/** How often there was one. */
	unsigned long sched_points = 0;
	/** The sizes of the coroutine frames that were asked for. */
	std::vector<std::size_t> frames;

	/* log.h */
	MOCK_METHOD(void, printk, (ktcp_log_level level, std::string line));
	MOCK_METHOD(void, printk_ratelimited, (ktcp_log_level level, std::string line));
	MOCK_METHOD(void, warn, (std::string line));

	/* file.h, pages.h; every root and file opens, and is the same */
	MOCK_METHOD(long, file_read,
		    (::file * file, void *buffer, std::size_t size, std::uint64_t offset));
	MOCK_METHOD(long, file_read_pages,
		    (::file * file, std::uint64_t offset, std::size_t size, ktcp_file_page *pages,
		     unsigned int most, unsigned int *count));
	MOCK_METHOD(void, put_page, (::page * page));

	/* memory.h */
	MOCK_METHOD(void *, kmalloc, (std::size_t size, ktcp_gfp gfp));
	MOCK_METHOD(void, kfree, (void *object));
	MOCK_METHOD(::kmem_cache *, kmem_cache_create, (std::string name, std::size_t size));
	MOCK_METHOD(void, kmem_cache_destroy, (::kmem_cache * cache));
	MOCK_METHOD(void *, kmem_cache_alloc, (::kmem_cache * cache, ktcp_gfp gfp));
	MOCK_METHOD(void, kmem_cache_free, (::kmem_cache * cache, void *object));
	MOCK_METHOD(void *, alloc_pages, (std::size_t size, ktcp_gfp gfp));
	MOCK_METHOD(void, free_pages, (void *pages, std::size_t size));

	MOCK_METHOD(void, memory_charge, ());

	/* per_cpu.h; fake.cpu is the one that the test is on */
	MOCK_METHOD(ktcp_per_cpu *, alloc_percpu, (std::size_t size, std::size_t align));
	MOCK_METHOD(void, free_percpu, (ktcp_per_cpu * all));
	MOCK_METHOD(void *, get_cpu_ptr, (ktcp_per_cpu * all));
	MOCK_METHOD(void, put_cpu_ptr, (ktcp_per_cpu * all));

	/* pages.h */
	MOCK_METHOD(ktcp_page_pool *, page_pool_create,
		    (std::size_t size, unsigned long long most));
	MOCK_METHOD(void, page_pool_destroy, (ktcp_page_pool * pool));
	MOCK_METHOD(void *, page_pool_get, (ktcp_page_pool * pool, ktcp_gfp gfp));
	MOCK_METHOD(void, page_pool_put, (ktcp_page_pool * pool, void *buffer));

	/* proc.h; the folder and the file, then what is printed, whole */
	MOCK_METHOD(int, proc_mkdir, (::net * net, std::string name, ktcp_proc_folder **out));
	MOCK_METHOD(void, proc_rmdir, (ktcp_proc_folder * folder));
	MOCK_METHOD(int, proc_create,
		    (ktcp_proc_folder * folder, std::string name, ktcp_proc_file *file));
	MOCK_METHOD(bool, proc_leave, (void *opening));
	MOCK_METHOD(bool, proc_enter, (void *opening));

	/* net.h */
	MOCK_METHOD(int, register_pernet, (ktcp_pernet * pernet));
	MOCK_METHOD(void, unregister_pernet, (ktcp_pernet * pernet));
	MOCK_METHOD(bool, is_init_net, (const ::net *net));
	MOCK_METHOD(bool, is_in_init_net, ());
	MOCK_METHOD(std::uint32_t, net_number, (const ::net *net));
	MOCK_METHOD(std::uint32_t, net_ifindex, (::net * net, std::string name));
	MOCK_METHOD(int, watch_devices, (::net * net, ktcp_device_watch *watch));
	MOCK_METHOD(void, unwatch_devices, (::net * net, ktcp_device_watch *watch));

	/* lookup.h */
	MOCK_METHOD(std::size_t, tcp_lookup_established,
		    (::net * net, const ktcp_endpoint *local, const ktcp_endpoint *remote,
		     ::sock **batch, std::size_t most));
	MOCK_METHOD(long, tcp_collect_established,
		    (::net * net, unsigned int *place,
		     bool (*fits)(void *, const ktcp_tcp_identity *), void *context, ::sock **batch,
		     std::size_t most));
	MOCK_METHOD(std::size_t, tcp_count_listeners,
		    (::net * net, bool (*fits)(void *, const ktcp_tcp_identity *), void *context));
	MOCK_METHOD(int, tcp_abort, (::sock * sk, int error));
	MOCK_METHOD(void, tcp_put, (::sock * sk));

	/* random.h */
	MOCK_METHOD(std::uint32_t, random_u32, ());

	/* sync.h */
	MOCK_METHOD(void, mutex_init, (::mutex * lock));
	MOCK_METHOD(void, mutex_lock, (::mutex * lock));
	MOCK_METHOD(void, mutex_unlock, (::mutex * lock));
	MOCK_METHOD(void, mutex_destroy, (::mutex * lock));
	MOCK_METHOD(void, mutex_set_class,
		    (::mutex * lock, ::lock_class_key *key, const char *name));
	MOCK_METHOD(void, spin_lock_set_class,
		    (::spinlock * lock, ::lock_class_key *key, const char *name));
	MOCK_METHOD(void, spin_lock_init, (::spinlock * lock));
	MOCK_METHOD(void, spin_lock_bh, (::spinlock * lock));
	MOCK_METHOD(void, spin_unlock_bh, (::spinlock * lock));
	MOCK_METHOD(void, spin_lock_irqsave, (::spinlock * lock, ktcp_irq_state *was));
	MOCK_METHOD(void, spin_unlock_irqrestore, (::spinlock * lock, const ktcp_irq_state *was));
	MOCK_METHOD(void, init_completion, (::completion * done));
	MOCK_METHOD(void, complete, (::completion * done));
	MOCK_METHOD(void, wait_for_completion, (::completion * done));
	MOCK_METHOD(bool, wait_for_completion_timeout, (::completion * done, unsigned int ms));
	MOCK_METHOD(void, synchronize_rcu, ());

	/* work.h */
	MOCK_METHOD(workqueue_struct *, alloc_workqueue,
		    (std::string name, unsigned int flags, int max_active));
	MOCK_METHOD(void, destroy_workqueue, (workqueue_struct * wq));
	MOCK_METHOD(int, wq_max_active, ());
	MOCK_METHOD(int, next_online_cpu, (int cpu, bool isolated));
	MOCK_METHOD(unsigned int, nr_cpus, ());
	MOCK_METHOD(void, init_work, (work_struct * work, void (*function)(work_struct *)));
	MOCK_METHOD(void, work_set_class,
		    (work_struct * work, ::lock_class_key *key, const char *name));
	MOCK_METHOD(bool, queue_work, (int cpu, workqueue_struct *wq, work_struct *work));
	MOCK_METHOD(bool, cancel_work_sync, (work_struct * work));
	MOCK_METHOD(void, init_delayed_work,
		    (::delayed_work * work, void (*function)(work_struct *)));
	MOCK_METHOD(bool, mod_delayed_work,
		    (workqueue_struct * wq, ::delayed_work *work, unsigned int delay_ms));
	MOCK_METHOD(bool, cancel_delayed_work_sync, (::delayed_work * work));

	/* turns.h; of the one CPU that there is */
	MOCK_METHOD(int, turns_get,
		    (std::size_t size, const ktcp_turns_ops *ops, ktcp_turns **out));
	MOCK_METHOD(void, turns_put, (ktcp_turns * turns));
	MOCK_METHOD(void *, turns_enter, (ktcp_turns * turns));
	MOCK_METHOD(void, turns_leave, (ktcp_turns * turns));
	MOCK_METHOD(void *, turns_beside, (ktcp_turns * turns));
	MOCK_METHOD(void, turns_raise, (void *cpu));
	MOCK_METHOD(void, turns_wake, (void *cpu));
	MOCK_METHOD(void, turns_later, (void *cpu, bool now));
	MOCK_METHOD(std::uint64_t, turns_clock, ());

	/* thread.h */
	MOCK_METHOD(int, kthread_run,
		    (int (*function)(void *), void *argument, std::string name, task_struct **out));
	MOCK_METHOD(int, kthread_stop, (task_struct * thread));
	MOCK_METHOD(unsigned int, kthread_most, ());
	MOCK_METHOD(bool, kthread_should_stop, ());
	MOCK_METHOD(bool, fatal_signal_pending, ());
	MOCK_METHOD(void, cond_resched, ());

	/* time.h */
	MOCK_METHOD(std::uint64_t, now_ms, ());
	MOCK_METHOD(std::uint64_t, boottime_ms, ());
	MOCK_METHOD(void, msleep, (unsigned int ms));
	MOCK_METHOD(void, usleep, (unsigned int us));

	/* socket.h */
	MOCK_METHOD(int, sock_create, (::net * net, ktcp_family family, ::socket **out));
	MOCK_METHOD(void, sock_release, (::socket * sock));
	MOCK_METHOD(int, sock_bind, (::socket * sock, const ktcp_endpoint *local));
	MOCK_METHOD(int, sock_listen, (::socket * sock, int backlog));
	MOCK_METHOD(int, sock_accept, (::socket * listener, ::socket **out));
	MOCK_METHOD(int, sock_connect, (::socket * sock, const ktcp_endpoint *remote));
	MOCK_METHOD(int, sock_connected, (::socket * sock));
	MOCK_METHOD(bool, sock_listening, (const ::socket *sock));
	MOCK_METHOD(bool, sock_readable, (const ::socket *sock));
	MOCK_METHOD(bool, sock_is_clean, (const ::socket *sock));
	MOCK_METHOD(long, sock_recv, (::socket * sock, void *buffer, std::size_t size));
	MOCK_METHOD(long, sock_send,
		    (::socket * sock, const void *data, std::size_t size, unsigned int flags));
	MOCK_METHOD(int, sock_wait, (::socket * sock, unsigned int events, int timeout_ms));
	MOCK_METHOD(void, sock_poke, (::socket * sock));
	MOCK_METHOD(int, sock_shutdown, (::socket * sock, ktcp_shutdown how));
	MOCK_METHOD(int, sock_local, (::socket * sock, ktcp_endpoint *out));
	MOCK_METHOD(int, sock_remote, (::socket * sock, ktcp_endpoint *out));
	MOCK_METHOD(void, sock_set_reuseaddr, (::socket * sock));
	MOCK_METHOD(void, sock_set_v6only, (::socket * sock, bool only));
	MOCK_METHOD(void, sock_set_nodelay, (::socket * sock));
	MOCK_METHOD(void, sock_set_keepalive, (::socket * sock));
	MOCK_METHOD(void, sock_set_quickack, (::socket * sock, bool on));
	MOCK_METHOD(void, sock_set_oobinline, (::socket * sock));
	MOCK_METHOD(void, sock_set_rcvbuf, (::socket * sock, int bytes));
	MOCK_METHOD(void, sock_set_sndbuf, (::socket * sock, int bytes));
	MOCK_METHOD(int, sock_set_option,
		    (::socket * sock, ktcp_sock_option option, std::string value));
	MOCK_METHOD(void, sock_set_user_timeout, (::socket * sock, unsigned int ms));
	MOCK_METHOD(int, sock_hold_net, (::socket * sock));
	MOCK_METHOD(void, sock_no_linger, (::socket * sock));
	MOCK_METHOD(void, sock_hook, (::socket * sock, struct ktcp_sock_hook *hook));
	MOCK_METHOD(void, sock_unhook, (::socket * sock, struct ktcp_sock_hook *hook));
	MOCK_METHOD(int, sock_hook_listener, (::socket * sock, struct ktcp_sock_hook *hook));
	MOCK_METHOD(void, sock_unhook_listener, (::socket * sock, struct ktcp_sock_hook *hook));
	MOCK_METHOD(ktcp_softirq_pages *, softirq_pages_create, ());
	MOCK_METHOD(void, softirq_pages_destroy, (ktcp_softirq_pages * pages));
	MOCK_METHOD(long, sock_softirq_recv, (::socket * sock, void *buffer, std::size_t size));
	MOCK_METHOD(long, sock_softirq_send,
		    (::socket * sock, const void *data, std::size_t size, unsigned int flags,
		     ktcp_softirq_pages *pages));
	MOCK_METHOD(void, sock_softirq_finish, (::socket * sock));
	MOCK_METHOD(::sock *, sock_trylock_bh, (::socket * sock));
	MOCK_METHOD(::sock *, sock_try_bh, (::socket * sock));
	MOCK_METHOD(void, sock_unlock_bh, (::sock * sk));
	MOCK_METHOD(int, sock_incoming_cpu, (const ::socket *sock));
	MOCK_METHOD(bool, sock_is_local, (const ::socket *sock));
	MOCK_METHOD(std::uint32_t, sock_unheard_ms, (const ::socket *sock));
	MOCK_METHOD(bool, sock_has_unread, (const ::socket *sock));
	MOCK_METHOD(bool, sock_is_lost, (const ::socket *sock));
	MOCK_METHOD(std::uint32_t, sock_untaken_ms, (const ::socket *sock));
	MOCK_METHOD(std::uint32_t, sock_unread, (const ::socket *sock));

    private:
	void fall_back_to_fake();
};

extern template class basic_mock_port<void>;
using mock_port = basic_mock_port<void>;

} // namespace mock

#endif
