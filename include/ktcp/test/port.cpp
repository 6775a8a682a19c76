// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The boundary below ktcp/test/stream.hpp: one thread, sockets that the test plays, memory and time
 * as it wants them, and the rest from the user-space port. A module's whole source may be included
 * beside it; a server does not start here.
 */
#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include <ktcp/kernel/memory.hpp>
#include <ktcp/port/layout.h>
#include <ktcp/port/log.h>
#include <ktcp/port/posix/send_pages.hpp>
#include <ktcp/port/random.h>
#include <ktcp/port/thread.h>
#include <ktcp/port/time.h>
#include <ktcp/port/turns.h>
#include <ktcp/port/work.h>
#include <ktcp/test/stream.hpp>

#include "../port/posix/file.cpp"
#include "../port/posix/lookup.cpp"
#include "../port/posix/net.cpp"
#include "../port/posix/per_cpu.cpp"
#include "../port/posix/proc.cpp"
#include "../port/posix/sync.cpp"
#include "../port/posix/trace.cpp"

#ifdef KTCP_MODULE_LIST
#include "../port/posix/parameters.hpp"
#endif

struct ktcp::test::machine ktcp::test::machine;

/* ---- the peer ------------------------------------------------------------------------------- */

namespace
{

void require(bool holds, const char *what)
{
	if (holds)
		return;
	std::fprintf(stderr, "ktcp/test: %s\n", what);
	std::abort();
}

} // namespace

void ktcp::test::stream::advance()
{
	using enum engine::progress;

	bool process = place_ == place::process;

	for (int turns = 0; peer_; turns++) {
		require(turns < 20'000, "the handler does not come to rest");

		const auto outcome = process ? peer_->advance() : peer_->advance_in_softirq(pages_);

		if (outcome == waiting)
			return;
		if (outcome == finished) {
			peer_->close();
			peer_.reset();
			require(socket_.released, "the socket was kept");
			return;
		}
		process = place_ == place::process || outcome == needs_process ||
			  outcome == asked_to_sleep;
	}
}

void ktcp::test::stream::send(std::string_view bytes)
{
	if (!peer_)
		return;
	socket_.arriving.emplace_back(bytes);
	socket_.heard_ms = machine.now_ms;
	advance();
}

void ktcp::test::stream::reset()
{
	socket_.error = -ECONNRESET;
	if (peer_)
		advance();
}

void ktcp::test::stream::read_on()
{
	socket_.room = SIZE_MAX;
	advance();
}

void ktcp::test::stream::seem_readable()
{
	socket_.seems_readable = true;
	advance();
	socket_.seems_readable = false;
}

void ktcp::test::stream::wait_ms(std::uint64_t ms)
{
	machine.now_ms += ms;
	if (peer_ && (peer_->expire(machine.now_ms) || peer_->next_timer_ms() <= machine.now_ms))
		advance();
}

void ktcp::test::stream::pass_ms(std::uint64_t ms) noexcept
{
	machine.now_ms += ms;
	if (peer_)
		static_cast<void>(peer_->expire(machine.now_ms));
}

void ktcp::test::stream::go_on()
{
	advance();
}

ktcp::test::stream::~stream()
{
	socket_.room = SIZE_MAX;
	finish();
	require(over(), "the peer has left, and the handler waits for it");
	destroy_(handler_);
}

/* ---- memory --------------------------------------------------------------------------------- */

struct ktcp_page_pool {
	size_t size;
	size_t lent;
};

static void *ktcp_test_allocate(size_t size, enum ktcp_gfp gfp = KTCP_GFP_KERNEL)
{
	auto &machine = ktcp::test::machine;

	if (machine.allocations++ == machine.failing ||
	    (machine.atomic_fails && gfp == KTCP_GFP_ATOMIC))
		return nullptr;
	return std::malloc(size);
}

size_t ktcp_kmalloc_size(size_t size)
{
	return ktcp_kmalloc_size_from(8, size);
}

/* Its size lies before it. */
constexpr size_t ktcp_test_before = alignof(std::max_align_t);

void *ktcp_kmalloc(size_t size, enum ktcp_gfp gfp)
{
	void *const memory = ktcp_test_allocate(ktcp_test_before + size, gfp);

	if (!memory)
		return nullptr;
	*static_cast<size_t *>(memory) = ktcp_kmalloc_size(size);
	ktcp::test::machine.kmalloc_bytes += ktcp_kmalloc_size(size);
	return static_cast<char *>(memory) + ktcp_test_before;
}

void ktcp_kfree(void *object)
{
	if (!object)
		return;

	void *const memory = static_cast<char *>(object) - ktcp_test_before;

	ktcp::test::machine.kmalloc_bytes -= *static_cast<size_t *>(memory);
	std::free(memory);
}

void *ktcp_frame_alloc(size_t size, enum ktcp_gfp gfp)
{
	return ktcp_test_allocate(size, gfp);
}

void ktcp_frame_free(void *frame, size_t)
{
	std::free(frame);
}

void *ktcp_alloc_pages(size_t size, enum ktcp_gfp gfp)
{
	return ktcp_test_allocate(size, gfp);
}

void ktcp_free_pages(void *pages, size_t)
{
	std::free(pages);
}

struct kmem_cache {
	size_t size;
};

struct kmem_cache *ktcp_kmem_cache_create(const char *, size_t size)
{
	return new kmem_cache{ size };
}

void ktcp_kmem_cache_destroy(struct kmem_cache *cache)
{
	delete cache;
}

void *ktcp_kmem_cache_alloc(struct kmem_cache *cache, enum ktcp_gfp gfp)
{
	return ktcp_test_allocate(cache->size, gfp);
}

void ktcp_kmem_cache_free(struct kmem_cache *, void *object)
{
	std::free(object);
}

struct ktcp_page_pool *ktcp_page_pool_create(size_t size, unsigned long long)
{
	return new ktcp_page_pool{ size, 0 };
}

void ktcp_page_pool_limit(struct ktcp_page_pool *, unsigned long long)
{
}

void ktcp_page_pool_destroy(struct ktcp_page_pool *pool)
{
	require(!pool || pool->lent == 0, "a buffer was kept");
	delete pool;
}

void *ktcp_page_pool_get(struct ktcp_page_pool *pool, enum ktcp_gfp gfp)
{
	void *const buffer = ktcp_test_allocate(pool->size, gfp);

	pool->lent += buffer != nullptr;
	ktcp::test::machine.buffers += buffer != nullptr;
	return buffer;
}

void ktcp_page_pool_count(const struct ktcp_page_pool *, struct ktcp_page_pool_stats *to)
{
	*to = {};
}

void ktcp_page_pool_put(struct ktcp_page_pool *pool, void *buffer)
{
	pool->lent--;
	ktcp::test::machine.buffers--;
	std::free(buffer);
}

/* ---- sockets -------------------------------------------------------------------------------- */

bool ktcp_sock_readable(const struct socket *sock)
{
	return sock->seems_readable || sock->error || !sock->arriving.empty();
}

bool ktcp_sock_is_clean(const struct socket *sock)
{
	return !ktcp_sock_readable(sock);
}

long ktcp_sock_recv(struct socket *sock, void *buffer, size_t size)
{
	if (sock->arriving.empty())
		return sock->error ? sock->error : -EAGAIN;

	std::string &next = sock->arriving.front();
	const size_t taken = next.copy(static_cast<char *>(buffer), size);

	if (taken < next.size())
		next.erase(0, taken);
	else if (taken)
		sock->arriving.pop_front();
	return static_cast<long>(taken);
}

long ktcp_sock_send(struct socket *sock, const void *data, size_t size, unsigned int)
{
	const size_t taken = std::min({ size, sock->room, sock->most });

	if (sock->reset || sock->error)
		return -EPIPE;
	if (!taken && size)
		return -EAGAIN;
	sock->sent.append(static_cast<const char *>(data), taken);
	sock->taken_ms = ktcp::test::machine.now_ms;
	sock->sends.push_back(taken);
	sock->room -= sock->room == SIZE_MAX ? 0 : taken;
	if (ktcp::test::machine.taken)
		ktcp::test::machine.taken();
	return static_cast<long>(taken);
}

long ktcp_sock_send_pages(struct socket *sock, const ktcp_file_page *pages, unsigned int count,
			  unsigned int flags)
{
	return ktcp_posix_send_pages(sock, pages, count, flags, ktcp_posix_page_bytes);
}

long ktcp_sock_softirq_recv(struct socket *sock, void *buffer, size_t size)
{
	return ktcp_sock_recv(sock, buffer, size);
}

long ktcp_sock_softirq_send(struct socket *sock, const void *data, size_t size, unsigned int flags,
			    struct ktcp_softirq_pages *)
{
	return ktcp_sock_send(sock, data, size, flags);
}

struct sock *ktcp_sock_try_bh(struct socket *sock)
{
	return reinterpret_cast<struct sock *>(sock);
}

void ktcp_sock_unlock_bh(struct sock *)
{
}

int ktcp_sock_shutdown(struct socket *sock, enum ktcp_shutdown how)
{
	sock->shut |= how == KTCP_SHUT_WR;
	return 0;
}

void ktcp_sock_no_linger(struct socket *sock)
{
	sock->reset = true;
}

int ktcp_sock_hold_net(struct socket *)
{
	return 0;
}

int ktcp_sock_set_option(struct socket *, enum ktcp_sock_option, const void *, size_t)
{
	return 0;
}

void ktcp_sock_set_user_timeout(struct socket *, unsigned int)
{
}

uint32_t ktcp_sock_unheard_ms(const struct socket *sock)
{
	return static_cast<uint32_t>(ktcp::test::machine.now_ms - sock->heard_ms);
}

bool ktcp_sock_has_unread(const struct socket *sock)
{
	return !sock->arriving.empty() && !sock->arriving.front().empty();
}

bool ktcp_sock_is_lost(const struct socket *sock)
{
	return sock->error;
}

uint32_t ktcp_sock_untaken_ms(const struct socket *sock)
{
	return sock->taken_ms ? static_cast<uint32_t>(ktcp::test::machine.now_ms - sock->taken_ms) :
				UINT32_MAX;
}

uint32_t ktcp_sock_unread(const struct socket *sock)
{
	return sock->unread;
}

void ktcp_sock_release(struct socket *sock)
{
	/* TCP resets where bytes were not read, and the reset overtakes what was sent. */
	sock->reset |= !sock->arriving.empty() && !sock->arriving.front().empty();
	sock->released = true;
}

/* ---- time, chance, the log ------------------------------------------------------------------- */

uint64_t ktcp_now_ms(void)
{
	return ktcp::test::machine.now_ms;
}

uint64_t ktcp_boottime_ms(void)
{
	return ktcp::test::machine.now_ms + ktcp::test::machine.suspended_ms;
}

uint64_t ktcp_real_seconds(void)
{
	return ktcp::test::machine.real_seconds;
}

void ktcp_msleep(unsigned int ms)
{
	ktcp::test::machine.now_ms += ms;
}

void ktcp_usleep(unsigned int us)
{
	ktcp_msleep((us + 999) / 1000);
}

/* In turns alone: sleep_exactly() takes the wheel's time here. */
struct ktcp_exact_timer *ktcp_exact_timer_start(unsigned int, void (*)(void *), void *,
						enum ktcp_gfp)
{
	return nullptr;
}

void ktcp_exact_timer_stop(struct ktcp_exact_timer *)
{
}

/* There is no worker: run_blocking() calls its function at once. */
void ktcp_init_work(struct work_struct *, void (*)(struct work_struct *))
{
}

void ktcp_work_set_class(struct work_struct *, struct lock_class_key *, const char *)
{
}

bool ktcp_queue_work(int, struct workqueue_struct *, struct work_struct *)
{
	require(false, "a work item was queued, and there is no worker");
	return false;
}

uint32_t ktcp_random_u32(void)
{
	return 0xf00d;
}

void ktcp_cond_resched(void)
{
	if (ktcp::test::machine.rescheduled)
		ktcp::test::machine.rescheduled();
}

static void ktcp_test_print(const char *format, va_list arguments)
{
	std::vfprintf(stderr, format, arguments);
	std::fputc('\n', stderr);
}

void ktcp_printk(enum ktcp_log_level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	ktcp_test_print(format, arguments);
	va_end(arguments);
}

void ktcp_printk_ratelimited(enum ktcp_log_level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	ktcp_test_print(format, arguments);
	va_end(arguments);
}

void ktcp_warn(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	ktcp_test_print(format, arguments);
	va_end(arguments);
	std::abort();
}

/* ---- a server, which does not start here ------------------------------------------------------ */

int ktcp_turns_get(size_t, const struct ktcp_turns_ops *, struct ktcp_turns **)
{
	return -EOPNOTSUPP;
}

void ktcp_turns_put(struct ktcp_turns *)
{
}

void ktcp_softirq_pages_destroy(struct ktcp_softirq_pages *)
{
}

void ktcp_synchronize_rcu(void)
{
}
