// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The boundary's functions, forwarded to the mock_port that lives; see mock_port.hpp. */
#include "mock_port.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include <ktcp/port/layout.h>
#include <ktcp/port/pages.h>
#include <ktcp/port/posix/listeners.cpp>
#include <ktcp/port/posix/send_pages.hpp>
#include <ktcp/port/posix/trace.cpp>
#include <ktcp/port/random.h>

namespace mock
{

namespace
{

mock_port *living;

} // namespace

template <class One>
basic_mock_port<One>::basic_mock_port()
{
	if (living) {
		std::fputs("mock_port: there is one already\n", stderr);
		std::abort();
	}
	living = this;
	fall_back_to_fake();
}

template <class One>
basic_mock_port<One>::~basic_mock_port()
{
	living = nullptr;
}

template <class One>
basic_mock_port<One> &basic_mock_port<One>::current()
{
	if (!living) {
		std::fputs("mock_port: the boundary was called and there is no port\n", stderr);
		std::abort();
	}
	return *living;
}

template <class One>
void basic_mock_port<One>::fall_back_to_fake()
{
	using testing::Invoke;
	using testing::Return;

	ON_CALL(*this, kmem_cache_create).WillByDefault(Invoke(&fake, &fake_port::kmem_cache_create));
	ON_CALL(*this, alloc_workqueue).WillByDefault(Invoke(&fake, &fake_port::alloc_workqueue));
	ON_CALL(*this, kthread_run).WillByDefault(Invoke(&fake, &fake_port::kthread_run));
	ON_CALL(*this, kmalloc).WillByDefault(Invoke(&fake, &fake_port::kmalloc));
	ON_CALL(*this, kfree).WillByDefault(Invoke(&fake, &fake_port::kfree));
	ON_CALL(*this, alloc_percpu).WillByDefault(Invoke(&fake, &fake_port::alloc_percpu));
	ON_CALL(*this, free_percpu).WillByDefault(Invoke(&fake, &fake_port::free_percpu));
	ON_CALL(*this, get_cpu_ptr).WillByDefault(Invoke(&fake, &fake_port::get_cpu_ptr));
	ON_CALL(*this, put_cpu_ptr).WillByDefault(Invoke(&fake, &fake_port::put_cpu_ptr));
	ON_CALL(*this, kmem_cache_destroy)
		.WillByDefault(Invoke(&fake, &fake_port::kmem_cache_destroy));
	ON_CALL(*this, kmem_cache_alloc).WillByDefault(Invoke(&fake, &fake_port::kmem_cache_alloc));
	ON_CALL(*this, kmem_cache_free).WillByDefault(Invoke(&fake, &fake_port::kmem_cache_free));
	ON_CALL(*this, alloc_pages).WillByDefault(Invoke(&fake, &fake_port::alloc_pages));
	ON_CALL(*this, free_pages).WillByDefault(Invoke(&fake, &fake_port::free_pages));
	ON_CALL(*this, mutex_init).WillByDefault(Invoke(&fake, &fake_port::mutex_init));
	ON_CALL(*this, mutex_lock).WillByDefault(Invoke(&fake, &fake_port::mutex_lock));
	ON_CALL(*this, mutex_unlock).WillByDefault(Invoke(&fake, &fake_port::mutex_unlock));
	ON_CALL(*this, mutex_destroy).WillByDefault(Invoke(&fake, &fake_port::mutex_destroy));
	ON_CALL(*this, spin_lock_init).WillByDefault(Invoke(&fake, &fake_port::spin_lock_init));
	ON_CALL(*this, spin_lock_bh).WillByDefault(Invoke(&fake, &fake_port::spin_lock_bh));
	ON_CALL(*this, spin_unlock_bh).WillByDefault(Invoke(&fake, &fake_port::spin_unlock_bh));
	ON_CALL(*this, spin_lock_irqsave).WillByDefault(Invoke(&fake, &fake_port::spin_lock_irqsave));
	ON_CALL(*this, spin_unlock_irqrestore)
		.WillByDefault(Invoke(&fake, &fake_port::spin_unlock_irqrestore));
	ON_CALL(*this, init_completion).WillByDefault(Invoke(&fake, &fake_port::init_completion));
	ON_CALL(*this, complete).WillByDefault(Invoke(&fake, &fake_port::complete));
	ON_CALL(*this, wait_for_completion)
		.WillByDefault(Invoke(&fake, &fake_port::wait_for_completion));
	ON_CALL(*this, destroy_workqueue).WillByDefault(Invoke(&fake, &fake_port::destroy_workqueue));
	ON_CALL(*this, init_work).WillByDefault(Invoke(&fake, &fake_port::init_work));
	ON_CALL(*this, turns_get).WillByDefault(Invoke(&fake, &fake_port::turns_get));
	ON_CALL(*this, turns_put).WillByDefault(Invoke(&fake, &fake_port::turns_put));
	ON_CALL(*this, turns_enter).WillByDefault(Invoke(&fake, &fake_port::turns_enter));
	ON_CALL(*this, turns_leave).WillByDefault(Invoke(&fake, &fake_port::turns_leave));
	ON_CALL(*this, turns_beside).WillByDefault(Invoke(&fake, &fake_port::turns_beside));
	ON_CALL(*this, turns_raise).WillByDefault(Invoke(&fake, &fake_port::turns_raise));
	ON_CALL(*this, turns_wake).WillByDefault(Invoke(&fake, &fake_port::turns_wake));
	ON_CALL(*this, turns_later).WillByDefault(Invoke(&fake, &fake_port::turns_later));
	ON_CALL(*this, turns_clock).WillByDefault(Invoke(&fake, &fake_port::turns_clock));
	ON_CALL(*this, sock_trylock_bh).WillByDefault(Invoke(&fake, &fake_port::sock_trylock_bh));
	ON_CALL(*this, sock_unlock_bh).WillByDefault(Invoke(&fake, &fake_port::sock_unlock_bh));
	ON_CALL(*this, queue_work).WillByDefault(Invoke(&fake, &fake_port::queue_work));
	ON_CALL(*this, cancel_work_sync).WillByDefault(Invoke(&fake, &fake_port::cancel_work_sync));
	ON_CALL(*this, init_delayed_work).WillByDefault(Invoke(&fake, &fake_port::init_delayed_work));
	ON_CALL(*this, mod_delayed_work).WillByDefault(Invoke(&fake, &fake_port::mod_delayed_work));
	ON_CALL(*this, cancel_delayed_work_sync)
		.WillByDefault(Invoke(&fake, &fake_port::cancel_delayed_work_sync));
	ON_CALL(*this, kthread_stop).WillByDefault(Invoke(&fake, &fake_port::kthread_stop));
	ON_CALL(*this, sock_create).WillByDefault(Invoke(&fake, &fake_port::sock_create));
	ON_CALL(*this, sock_release).WillByDefault(Invoke(&fake, &fake_port::sock_release));
	ON_CALL(*this, sock_shutdown).WillByDefault(Invoke(&fake, &fake_port::sock_shutdown));
	ON_CALL(*this, sock_set_user_timeout)
		.WillByDefault(Invoke(&fake, &fake_port::sock_set_user_timeout));
	ON_CALL(*this, sock_hold_net).WillByDefault(Invoke(&fake, &fake_port::sock_hold_net));
	ON_CALL(*this, sock_no_linger).WillByDefault(Invoke(&fake, &fake_port::sock_no_linger));
	ON_CALL(*this, sock_hook).WillByDefault(Invoke(&fake, &fake_port::sock_hook));
	ON_CALL(*this, sock_unhook).WillByDefault(Invoke(&fake, &fake_port::sock_unhook));
	ON_CALL(*this, sock_hook_listener)
		.WillByDefault(Invoke(&fake, &fake_port::sock_hook_listener));
	ON_CALL(*this, sock_unhook_listener)
		.WillByDefault(Invoke(&fake, &fake_port::sock_unhook_listener));
	ON_CALL(*this, sock_incoming_cpu).WillByDefault(Invoke(&fake, &fake_port::sock_incoming_cpu));
	ON_CALL(*this, sock_unheard_ms).WillByDefault(Invoke(&fake, &fake_port::sock_unheard_ms));
	ON_CALL(*this, sock_has_unread).WillByDefault([](const ::socket *sock) {
		return sock->has_unread;
	});
	ON_CALL(*this, sock_is_lost).WillByDefault([](const ::socket *sock) {
		return sock->is_lost;
	});
	ON_CALL(*this, sock_untaken_ms).WillByDefault(Invoke(&fake, &fake_port::sock_untaken_ms));
	ON_CALL(*this, sock_unread).WillByDefault(Invoke(&fake, &fake_port::sock_unread));
	ON_CALL(*this, page_pool_create).WillByDefault(Invoke(&fake, &fake_port::page_pool_create));
	ON_CALL(*this, page_pool_destroy).WillByDefault(Invoke(&fake, &fake_port::page_pool_destroy));
	ON_CALL(*this, page_pool_get).WillByDefault(Invoke(&fake, &fake_port::page_pool_get));
	ON_CALL(*this, page_pool_put).WillByDefault(Invoke(&fake, &fake_port::page_pool_put));
	ON_CALL(*this, softirq_pages_create)
		.WillByDefault(Invoke(&fake, &fake_port::softirq_pages_create));
	ON_CALL(*this, softirq_pages_destroy)
		.WillByDefault(Invoke(&fake, &fake_port::softirq_pages_destroy));
	ON_CALL(*this, proc_mkdir).WillByDefault(Invoke(&fake, &fake_port::proc_mkdir));
	ON_CALL(*this, proc_rmdir).WillByDefault(Invoke(&fake, &fake_port::proc_rmdir));
	ON_CALL(*this, proc_create).WillByDefault(Invoke(&fake, &fake_port::proc_create));
	ON_CALL(*this, proc_leave).WillByDefault(Return(true));
	ON_CALL(*this, proc_enter).WillByDefault(Return(true));
	ON_CALL(*this, register_pernet).WillByDefault(Invoke(&fake, &fake_port::register_pernet));
	ON_CALL(*this, unregister_pernet).WillByDefault(Invoke(&fake, &fake_port::unregister_pernet));
	ON_CALL(*this, is_in_init_net).WillByDefault(Return(true));
	ON_CALL(*this, is_init_net).WillByDefault(Invoke(&fake, &fake_port::is_init_net));
	ON_CALL(*this, net_number).WillByDefault(Invoke(&fake, &fake_port::net_number));
	ON_CALL(*this, net_ifindex).WillByDefault(Invoke(&fake, &fake_port::net_ifindex));
	ON_CALL(*this, watch_devices).WillByDefault(Invoke(&fake, &fake_port::watch_devices));
	ON_CALL(*this, unwatch_devices).WillByDefault(Invoke(&fake, &fake_port::unwatch_devices));
	ON_CALL(*this, tcp_lookup_established)
		.WillByDefault(Invoke(&fake, &fake_port::tcp_lookup_established));
	ON_CALL(*this, tcp_collect_established)
		.WillByDefault(Invoke(&fake, &fake_port::tcp_collect_established));
	ON_CALL(*this, tcp_count_listeners)
		.WillByDefault(Invoke(&fake, &fake_port::tcp_count_listeners));
	ON_CALL(*this, tcp_abort).WillByDefault(Invoke(&fake, &fake_port::tcp_abort));
	ON_CALL(*this, tcp_put).WillByDefault(Invoke(&fake, &fake_port::tcp_put));
	ON_CALL(*this, wait_for_completion_timeout)
		.WillByDefault(Invoke(&fake, &fake_port::wait_for_completion_timeout));
	ON_CALL(*this, random_u32).WillByDefault(Return(0x9e3779b9u));
	ON_CALL(*this, nr_cpus).WillByDefault(Return(2));
	ON_CALL(*this, next_online_cpu).WillByDefault([](int cpu, bool) { return (cpu + 1) % 4; });
	ON_CALL(*this, sock_readable).WillByDefault(Return(true));
	ON_CALL(*this, sock_is_clean).WillByDefault([this](const ::socket *sock) {
		return !sock_readable(sock);
	});
	ON_CALL(*this, sock_softirq_recv).WillByDefault(Return(-EAGAIN));
	ON_CALL(*this, sock_softirq_send)
		.WillByDefault([](::socket *, const void *, std::size_t size, auto...) {
			return static_cast<long>(size);
		});
	ON_CALL(*this, wq_max_active).WillByDefault(Return(512));
	ON_CALL(*this, kthread_most).WillByDefault(Return(16384));
	ON_CALL(*this, kthread_should_stop).WillByDefault([this] { return fake.should_stop; });
	ON_CALL(*this, now_ms).WillByDefault([this] { return fake.now; });
	ON_CALL(*this, boottime_ms).WillByDefault([this] { return fake.now + fake.suspended_ms; });
	ON_CALL(*this, msleep).WillByDefault([this](unsigned int ms) { fake.advance_ms(ms); });
	/* Where a test expects one, that comes before this. */
	EXPECT_CALL(*this, warn).Times(0);
	ON_CALL(*this, sock_listening).WillByDefault(Return(true));
	ON_CALL(*this, sock_accept).WillByDefault(Return(-EAGAIN));
	ON_CALL(*this, sock_recv).WillByDefault(Return(-EAGAIN));
	ON_CALL(*this, sock_send)
		.WillByDefault([](::socket *, const void *, std::size_t size, unsigned int) {
			return static_cast<long>(size);
		});
}

template class basic_mock_port<void>;

} // namespace mock

using mock::mock_port;

namespace
{

mock_port &port()
{
	return mock_port::current();
}

std::string line_of(const char *format, va_list arguments)
{
	char line[1024];

	std::vsnprintf(line, sizeof(line), format, arguments);
	return line;
}

} // namespace

void ktcp_mock_sched_point(void)
{
	/* Atomics are used without a port, too. */
	if (!mock::living)
		return;
	port().sched_points++;
	if (port().at_sched_point)
		port().at_sched_point();
}

void ktcp_mock_note_frame_size(std::size_t bytes)
{
	port().frames.push_back(bytes);
}

void ktcp_printk(ktcp_log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	port().printk(level, line_of(format, arguments));
	va_end(arguments);
}

void ktcp_printk_ratelimited(ktcp_log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	port().printk_ratelimited(level, line_of(format, arguments));
	va_end(arguments);
}

void ktcp_warn(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	port().warn(line_of(format, arguments));
	va_end(arguments);
}

void ktcp_seq_printf(seq_file *to, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	to->text += line_of(format, arguments);
	va_end(arguments);
}

void *ktcp_kmalloc(size_t size, ktcp_gfp gfp)
{
	return port().kmalloc(size, gfp);
}

void ktcp_kfree(void *object)
{
	port().kfree(object);
}

void *ktcp_frame_alloc(size_t size, enum ktcp_gfp gfp)
{
	return ktcp_kmalloc(size, gfp);
}

void ktcp_frame_free(void *frame, size_t)
{
	ktcp_kfree(frame);
}

struct ktcp_per_cpu *ktcp_alloc_percpu(size_t size, size_t align)
{
	return port().alloc_percpu(size, align);
}

void ktcp_free_percpu(struct ktcp_per_cpu *all)
{
	port().free_percpu(all);
}

int ktcp_next_possible_cpu(int cpu)
{
	return cpu + 1 < mock::fake_port::cpus ? cpu + 1 : -1;
}

void *ktcp_per_cpu_ptr(struct ktcp_per_cpu *all, int cpu)
{
	return port().fake.per_cpu_ptr(all, cpu);
}

void *ktcp_raw_cpu_ptr(struct ktcp_per_cpu *all)
{
	return port().fake.per_cpu_ptr(all, port().fake.cpu);
}

void *ktcp_get_cpu_ptr(struct ktcp_per_cpu *all)
{
	return port().get_cpu_ptr(all);
}

void ktcp_put_cpu_ptr(struct ktcp_per_cpu *all)
{
	port().put_cpu_ptr(all);
}

struct kmem_cache *ktcp_kmem_cache_create(const char *name, size_t size)
{
	return port().kmem_cache_create(name, size);
}

void ktcp_kmem_cache_destroy(struct kmem_cache *cache)
{
	port().kmem_cache_destroy(cache);
}

void *ktcp_kmem_cache_alloc(struct kmem_cache *cache, ktcp_gfp gfp)
{
	return port().kmem_cache_alloc(cache, gfp);
}

void ktcp_kmem_cache_free(struct kmem_cache *cache, void *object)
{
	port().kmem_cache_free(cache, object);
}

void *ktcp_alloc_pages(size_t size, ktcp_gfp gfp)
{
	return port().alloc_pages(size, gfp);
}

void ktcp_free_pages(void *pages, size_t size)
{
	port().free_pages(pages, size);
}

void ktcp_mutex_init(struct mutex *lock)
{
	port().mutex_init(lock);
}

void ktcp_mutex_lock(struct mutex *lock)
{
	port().mutex_lock(lock);
}

void ktcp_mutex_unlock(struct mutex *lock)
{
	port().mutex_unlock(lock);
}

void ktcp_mutex_destroy(struct mutex *lock)
{
	port().mutex_destroy(lock);
}

void ktcp_mutex_set_class(struct mutex *lock, struct lock_class_key *key, const char *name)
{
	port().mutex_set_class(lock, key, name);
}

void ktcp_spin_lock_set_class(struct spinlock *lock, struct lock_class_key *key, const char *name)
{
	port().spin_lock_set_class(lock, key, name);
}

void ktcp_spin_lock_init(struct spinlock *lock)
{
	port().spin_lock_init(lock);
}

void ktcp_spin_lock_bh(struct spinlock *lock)
{
	port().spin_lock_bh(lock);
}

void ktcp_spin_unlock_bh(struct spinlock *lock)
{
	port().spin_unlock_bh(lock);
}

void ktcp_spin_lock_irqsave(struct spinlock *lock, struct ktcp_irq_state *was)
{
	port().spin_lock_irqsave(lock, was);
}

void ktcp_spin_unlock_irqrestore(struct spinlock *lock, const struct ktcp_irq_state *was)
{
	port().spin_unlock_irqrestore(lock, was);
}

void ktcp_init_completion(struct completion *done)
{
	port().init_completion(done);
}

void ktcp_complete(struct completion *done)
{
	port().complete(done);
}

void ktcp_wait_for_completion(struct completion *done)
{
	port().wait_for_completion(done);
}

void ktcp_synchronize_rcu()
{
	port().synchronize_rcu();
}

workqueue_struct *ktcp_alloc_workqueue(const char *name, unsigned int flags, int max_active)
{
	return port().alloc_workqueue(name, flags, max_active);
}

void ktcp_destroy_workqueue(workqueue_struct *wq)
{
	port().destroy_workqueue(wq);
}

int ktcp_wq_max_active()
{
	return port().wq_max_active();
}

int ktcp_turns_get(size_t size, const struct ktcp_turns_ops *ops, struct ktcp_turns **out)
{
	return port().turns_get(size, ops, out);
}

void ktcp_turns_put(struct ktcp_turns *turns)
{
	port().turns_put(turns);
}

void *ktcp_turns_enter(struct ktcp_turns *turns)
{
	return port().turns_enter(turns);
}

void ktcp_turns_leave(struct ktcp_turns *turns)
{
	port().turns_leave(turns);
}

void *ktcp_turns_beside(struct ktcp_turns *turns)
{
	return port().turns_beside(turns);
}

void ktcp_turns_raise(void *cpu)
{
	port().turns_raise(cpu);
}

void ktcp_turns_wake(void *cpu)
{
	port().turns_wake(cpu);
}

void ktcp_turns_later(void *cpu, bool now)
{
	port().turns_later(cpu, now);
}

uint64_t ktcp_turns_clock(void)
{
	return port().turns_clock();
}

struct sock *ktcp_sock_trylock_bh(struct socket *sock)
{
	return port().sock_trylock_bh(sock);
}

struct sock *ktcp_sock_try_bh(struct socket *sock)
{
	return port().sock_try_bh(sock);
}

void ktcp_sock_unlock_bh(struct sock *sk)
{
	port().sock_unlock_bh(sk);
}

void ktcp_init_work(work_struct *work, void (*function)(work_struct *))
{
	port().init_work(work, function);
}

void ktcp_work_set_class(work_struct *work, lock_class_key *key, const char *name)
{
	port().work_set_class(work, key, name);
}

bool ktcp_queue_work(int cpu, workqueue_struct *wq, work_struct *work)
{
	return port().queue_work(cpu, wq, work);
}

bool ktcp_cancel_work_sync(work_struct *work)
{
	return port().cancel_work_sync(work);
}

void ktcp_init_delayed_work(struct delayed_work *work, void (*function)(work_struct *))
{
	port().init_delayed_work(work, function);
}

bool ktcp_mod_delayed_work(workqueue_struct *wq, struct delayed_work *work, unsigned int delay_ms)
{
	return port().mod_delayed_work(wq, work, delay_ms);
}

bool ktcp_cancel_delayed_work_sync(struct delayed_work *work)
{
	return port().cancel_delayed_work_sync(work);
}

int ktcp_kthread_run(int (*function)(void *), void *argument, const char *name, task_struct **out)
{
	return port().kthread_run(function, argument, name, out);
}

int ktcp_kthread_stop(task_struct *thread)
{
	return port().kthread_stop(thread);
}

unsigned int ktcp_kthread_most()
{
	return port().kthread_most();
}

bool ktcp_kthread_should_stop()
{
	return port().kthread_should_stop();
}

bool ktcp_fatal_signal_pending()
{
	return port().fatal_signal_pending();
}

void ktcp_cond_resched()
{
	port().cond_resched();
}

size_t ktcp_kmalloc_size(size_t size)
{
	return ktcp_kmalloc_size_from(8, size);
}

uint64_t ktcp_now_ms()
{
	return port().now_ms();
}

uint64_t ktcp_boottime_ms()
{
	return port().boottime_ms();
}

uint64_t ktcp_real_seconds()
{
	return port().fake.real_seconds;
}

void ktcp_msleep(unsigned int ms)
{
	port().msleep(ms);
}

void ktcp_usleep(unsigned int us)
{
	port().usleep(us);
}

struct ktcp_exact_timer *ktcp_exact_timer_start(unsigned int us, void (*function)(void *),
						void *context, ktcp_gfp gfp)
{
	return port().fake.exact_timer_start(us, function, context, gfp);
}

void ktcp_exact_timer_stop(struct ktcp_exact_timer *timer)
{
	port().fake.exact_timer_stop(timer);
}

int ktcp_sock_create(struct net *net, ktcp_family family, struct socket **out)
{
	return port().sock_create(net, family, out);
}

void ktcp_sock_release(struct socket *sock)
{
	port().sock_release(sock);
}

int ktcp_sock_bind(struct socket *sock, const ktcp_endpoint *local)
{
	return port().sock_bind(sock, local);
}

int ktcp_sock_listen(struct socket *sock, int backlog)
{
	return port().sock_listen(sock, backlog);
}

int ktcp_sock_accept(struct socket *listener, struct socket **out)
{
	return port().sock_accept(listener, out);
}

int ktcp_sock_connect(struct socket *sock, const ktcp_endpoint *remote)
{
	return port().sock_connect(sock, remote);
}

int ktcp_sock_connected(struct socket *sock)
{
	return port().sock_connected(sock);
}

long ktcp_sock_recv(struct socket *sock, void *buffer, size_t size)
{
	return port().fake.received(sock, port().sock_recv(sock, buffer, size));
}

long ktcp_sock_send_pages(struct socket *sock, const ktcp_file_page *pages, unsigned int count,
			  unsigned int flags)
{
	/* A page of the mock's is its bytes. */
	return ktcp_posix_send_pages(sock, pages, count, flags, [](struct page *page) {
		return reinterpret_cast<const char *>(page);
	});
}

void ktcp_put_page(struct page *page)
{
	port().put_page(page);
}

long ktcp_file_read_pages(struct file *file, uint64_t offset, size_t size,
			  struct ktcp_file_page *pages, unsigned int most, unsigned int *count)
{
	return port().file_read_pages(file, offset, size, pages, most, count);
}

long ktcp_file_read(struct file *file, void *buffer, size_t size, uint64_t offset)
{
	return port().file_read(file, buffer, size, offset);
}

int ktcp_file_list(struct file *, bool, bool (*)(void *, const char *, size_t, bool), void *)
{
	return -ENOTDIR;
}

int ktcp_file_open(struct ktcp_file_root *root, const char *, struct file **out,
		   struct ktcp_file_status *status)
{
	*out = reinterpret_cast<struct file *>(root);
	*status = {};
	return 0;
}

int ktcp_file_stat(struct ktcp_file_root *, const char *, struct ktcp_file_status *)
{
	return -ENOENT;
}

int ktcp_file_restat(struct file *, struct ktcp_file_status *)
{
	return -ENOENT;
}

int ktcp_file_root_open(const char *, uint32_t, uint32_t, bool, struct ktcp_file_root **out)
{
	static char somewhere;

	*out = reinterpret_cast<struct ktcp_file_root *>(&somewhere);
	return 0;
}

void ktcp_file_root_close(struct ktcp_file_root *)
{
}

void ktcp_file_close(struct file *)
{
}

bool ktcp_sock_listening(const struct socket *sock)
{
	return port().sock_listening(sock);
}

bool ktcp_sock_readable(const struct socket *sock)
{
	return port().sock_readable(sock);
}

bool ktcp_sock_is_clean(const struct socket *sock)
{
	return port().sock_is_clean(sock);
}

long ktcp_sock_send(struct socket *sock, const void *data, size_t size, unsigned int flags)
{
	return port().fake.sent(sock, port().sock_send(sock, data, size, flags));
}

long ktcp_sock_softirq_recv(struct socket *sock, void *buffer, size_t size)
{
	return port().fake.received(sock, port().sock_softirq_recv(sock, buffer, size));
}

long ktcp_sock_softirq_send(struct socket *sock, const void *data, size_t size, unsigned int flags,
			    ktcp_softirq_pages *pages)
{
	return port().sock_softirq_send(sock, data, size, flags, pages);
}

void ktcp_sock_softirq_finish(struct socket *sock)
{
	port().sock_softirq_finish(sock);
}

ktcp_softirq_pages *ktcp_softirq_pages_create(void)
{
	return port().softirq_pages_create();
}

void ktcp_softirq_pages_destroy(ktcp_softirq_pages *pages)
{
	port().softirq_pages_destroy(pages);
}

void ktcp_memory_charge(void)
{
	port().memory_charge();
}

ktcp_page_pool *ktcp_page_pool_create(size_t size, unsigned long long most)
{
	return port().page_pool_create(size, most);
}

void ktcp_page_pool_destroy(ktcp_page_pool *pool)
{
	port().page_pool_destroy(pool);
}

void ktcp_page_pool_limit(ktcp_page_pool *pool, unsigned long long most)
{
	pool->most = most;
}

void *ktcp_page_pool_get(ktcp_page_pool *pool, ktcp_gfp gfp)
{
	return port().page_pool_get(pool, gfp);
}

void ktcp_page_pool_count(const ktcp_page_pool *pool, struct ktcp_page_pool_stats *to)
{
	*to = port().fake.page_pool_count(pool);
}

void ktcp_page_pool_put(ktcp_page_pool *pool, void *buffer)
{
	port().page_pool_put(pool, buffer);
}

int ktcp_proc_mkdir(struct net *net, const char *name, ktcp_proc_folder **out)
{
	return port().proc_mkdir(net, name ? name : "", out);
}

void ktcp_proc_rmdir(ktcp_proc_folder *folder)
{
	port().proc_rmdir(folder);
}

int ktcp_proc_create(ktcp_proc_folder *folder, const char *name, ktcp_proc_file *file)
{
	return port().proc_create(folder, name, file);
}

bool ktcp_proc_leave(void *opening)
{
	return port().proc_leave(opening);
}

bool ktcp_proc_enter(void *opening)
{
	return port().proc_enter(opening);
}

int ktcp_register_pernet(ktcp_pernet *pernet)
{
	return port().register_pernet(pernet);
}

void ktcp_unregister_pernet(ktcp_pernet *pernet)
{
	port().unregister_pernet(pernet);
}

bool ktcp_is_init_net(const struct net *net)
{
	return port().is_init_net(net);
}

bool ktcp_is_in_init_net()
{
	return port().is_in_init_net();
}

uint32_t ktcp_net_number(const struct net *net)
{
	return port().net_number(net);
}

uint32_t ktcp_net_ifindex(struct net *net, const char *name)
{
	return port().net_ifindex(net, name);
}

int ktcp_watch_devices(struct net *net, struct ktcp_device_watch *watch)
{
	return port().watch_devices(net, watch);
}

void ktcp_unwatch_devices(struct net *net, struct ktcp_device_watch *watch)
{
	port().unwatch_devices(net, watch);
}

size_t ktcp_tcp_lookup_established(struct net *net, const ktcp_endpoint *local,
				   const ktcp_endpoint *remote, struct sock **batch, size_t most)
{
	return port().tcp_lookup_established(net, local, remote, batch, most);
}

long ktcp_tcp_collect_established(struct net *net, unsigned int *place,
				  bool (*fits)(void *, const ktcp_tcp_identity *), void *context,
				  struct sock **batch, size_t most)
{
	return port().tcp_collect_established(net, place, fits, context, batch, most);
}

size_t ktcp_tcp_count_listeners(struct net *net, bool (*fits)(void *, const ktcp_tcp_identity *),
				void *context)
{
	return port().tcp_count_listeners(net, fits, context);
}

int ktcp_tcp_abort(struct sock *sk, int error)
{
	return port().tcp_abort(sk, error);
}

void ktcp_tcp_put(struct sock *sk)
{
	port().tcp_put(sk);
}

uint32_t ktcp_random_u32(void)
{
	return port().random_u32();
}

bool ktcp_wait_for_completion_timeout(struct completion *done, unsigned int ms)
{
	return port().wait_for_completion_timeout(done, ms);
}

unsigned int ktcp_nr_cpus()
{
	return port().nr_cpus();
}

int ktcp_next_online_cpu(int cpu, bool isolated)
{
	return port().next_online_cpu(cpu, isolated);
}

int ktcp_sock_wait_for_poke(struct socket *sock, unsigned int events, int timeout_ms, bool *poked)
{
	if (poked)
		*poked = false;
	return port().sock_wait(sock, events, timeout_ms);
}

int ktcp_sock_wait(struct socket *sock, unsigned int events, int timeout_ms)
{
	return ktcp_sock_wait_for_poke(sock, events, timeout_ms, nullptr);
}

void ktcp_sock_poke(struct socket *sock, bool *poked)
{
	*poked = true;
	port().sock_poke(sock);
}

int ktcp_sock_shutdown(struct socket *sock, ktcp_shutdown how)
{
	return port().sock_shutdown(sock, how);
}

int ktcp_sock_local(struct socket *sock, ktcp_endpoint *out)
{
	return port().sock_local(sock, out);
}

int ktcp_sock_remote(struct socket *sock, ktcp_endpoint *out)
{
	return port().sock_remote(sock, out);
}

void ktcp_sock_set_reuseaddr(struct socket *sock)
{
	port().sock_set_reuseaddr(sock);
}

void ktcp_sock_set_v6only(struct socket *sock, bool only)
{
	port().sock_set_v6only(sock, only);
}

void ktcp_sock_set_nodelay(struct socket *sock)
{
	port().sock_set_nodelay(sock);
}

void ktcp_sock_set_keepalive(struct socket *sock)
{
	port().sock_set_keepalive(sock);
}

void ktcp_sock_set_quickack(struct socket *sock, bool on)
{
	port().sock_set_quickack(sock, on);
}

void ktcp_sock_set_oobinline(struct socket *sock)
{
	port().sock_set_oobinline(sock);
}

void ktcp_sock_set_rcvbuf(struct socket *sock, int bytes)
{
	port().sock_set_rcvbuf(sock, bytes);
}

void ktcp_sock_set_sndbuf(struct socket *sock, int bytes)
{
	port().sock_set_sndbuf(sock, bytes);
}

/* An int's digits, or the text. */
int ktcp_sock_set_option(struct socket *sock, enum ktcp_sock_option option, const void *value,
			 size_t size)
{
	const bool text = option == KTCP_SOCK_CONGESTION || option == KTCP_SOCK_DEVICE;

	return port().sock_set_option(sock, option,
				      text ? std::string(static_cast<const char *>(value),
							 size - 1) :
					     std::to_string(*static_cast<const int *>(value)));
}

void ktcp_sock_set_user_timeout(struct socket *sock, unsigned int ms)
{
	port().sock_set_user_timeout(sock, ms);
}

int ktcp_sock_hold_net(struct socket *sock)
{
	return port().sock_hold_net(sock);
}

void ktcp_sock_no_linger(struct socket *sock)
{
	port().sock_no_linger(sock);
}

void ktcp_sock_hook(struct socket *sock, struct ktcp_sock_hook *hook)
{
	port().sock_hook(sock, hook);
}

void ktcp_sock_unhook(struct socket *sock, struct ktcp_sock_hook *hook)
{
	port().sock_unhook(sock, hook);
}

int ktcp_sock_hook_listener(struct socket *sock, struct ktcp_sock_hook *hook)
{
	return port().sock_hook_listener(sock, hook);
}

void ktcp_sock_unhook_listener(struct socket *sock, struct ktcp_sock_hook *hook)
{
	port().sock_unhook_listener(sock, hook);
}

bool ktcp_sock_is_local(const struct socket *sock)
{
	return port().sock_is_local(sock);
}

int ktcp_sock_incoming_cpu(const struct socket *sock)
{
	return port().sock_incoming_cpu(sock);
}

uint32_t ktcp_sock_unheard_ms(const struct socket *sock)
{
	return port().sock_unheard_ms(sock);
}

bool ktcp_sock_is_lost(const struct socket *sock)
{
	return port().sock_is_lost(sock);
}

bool ktcp_sock_has_unread(const struct socket *sock)
{
	return port().sock_has_unread(sock);
}

uint32_t ktcp_sock_untaken_ms(const struct socket *sock)
{
	return port().sock_untaken_ms(sock);
}

uint32_t ktcp_sock_unread(const struct socket *sock)
{
	return port().sock_unread(sock);
}
