// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The port below client.hpp, and the client's turns. */
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <ktcp/port/layout.h>
#include <ktcp/port/log.h>
#include <ktcp/port/posix/send_pages.hpp>
#include <ktcp/port/random.h>
#include <ktcp/port/thread.h>
#include <ktcp/port/time.h>
#include <ktcp/port/turns.h>

#include "../../../include/ktcp/port/posix/file.cpp"
#include "client.hpp"

fake_machine machine;

/* ---- the client ----------------------------------------------------------------------------- */

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	std::fprintf(stderr, "%s\n", what);
	std::abort();
}

void client::advance()
{
	for (int turns = 0; peer_; turns++) {
		require(turns < 1'000'000, "the server does not come to rest");
		switch (peer_->advance()) {
		case engine::progress::waiting:
			return;
		case engine::progress::finished:
			peer_->close();
			peer_.reset();
			require(socket_.released, "the socket was kept");
			require(machine.buffers == 0, "a buffer was kept");
			return;
		default:
			break;
		}
	}
}

void client::send(std::string_view bytes)
{
	if (!peer_)
		return;
	socket_.arriving.emplace_back(bytes);
	advance();
}

void client::read_on()
{
	socket_.room = SIZE_MAX;
	advance();
}

void client::wait_ms(std::uint64_t ms)
{
	machine.now_ms += ms;
	if (peer_ && peer_->expire(machine.now_ms))
		advance();
}

client::~client()
{
	socket_.room = SIZE_MAX;
	finish();
	require(over(), "the client has left, and the server waits for it");
}

/* ---- the port ------------------------------------------------------------------------------- */

struct ktcp_page_pool {
	std::size_t size;
};

static void *allocate(std::size_t size)
{
	return machine.allocations++ == machine.failing ? nullptr : std::malloc(size);
}

void *ktcp_kmalloc(size_t size, enum ktcp_gfp)
{
	return allocate(size);
}

void ktcp_kfree(void *object)
{
	std::free(object);
}

void *ktcp_frame_alloc(size_t size, enum ktcp_gfp)
{
	return allocate(size);
}

void ktcp_frame_free(void *frame, size_t)
{
	std::free(frame);
}

void *ktcp_alloc_pages(size_t size, enum ktcp_gfp)
{
	return allocate(size);
}

void ktcp_free_pages(void *pages, size_t)
{
	std::free(pages);
}

struct ktcp_page_pool *ktcp_page_pool_create(size_t size)
{
	return new ktcp_page_pool{ size };
}

void ktcp_page_pool_destroy(struct ktcp_page_pool *pool)
{
	delete pool;
}

void *ktcp_page_pool_get(struct ktcp_page_pool *pool, enum ktcp_gfp)
{
	void *const buffer = allocate(pool->size);

	machine.buffers += buffer != nullptr;
	return buffer;
}

void ktcp_page_pool_put(struct ktcp_page_pool *, void *buffer)
{
	machine.buffers--;
	std::free(buffer);
}

bool ktcp_sock_readable(const struct socket *sock)
{
	return sock->seems_readable || !sock->arriving.empty();
}

long ktcp_sock_recv(struct socket *sock, void *buffer, size_t size)
{
	if (sock->arriving.empty())
		return -EAGAIN;

	std::string &next = sock->arriving.front();
	const std::size_t taken = next.copy(static_cast<char *>(buffer), size);

	if (taken < next.size())
		next.erase(0, taken);
	else if (taken)
		sock->arriving.pop_front();
	return static_cast<long>(taken);
}

long ktcp_sock_send(struct socket *sock, const void *data, size_t size, unsigned int)
{
	const std::size_t taken = std::min({ size, sock->room, sock->most });

	if (sock->reset)
		return -EPIPE;
	if (!taken && size)
		return -EAGAIN;
	sock->sent.append(static_cast<const char *>(data), taken);
	sock->sends.push_back(taken);
	sock->room -= sock->room == SIZE_MAX ? 0 : taken;
	return static_cast<long>(taken);
}

long ktcp_sock_send_pages(struct socket *sock, const ktcp_file_page *pages, unsigned int count,
			  unsigned int flags)
{
	return ktcp_posix_send_pages(sock, pages, count, flags, ktcp_posix_page_bytes);
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

void ktcp_sock_set_user_timeout(struct socket *, unsigned int)
{
}

void ktcp_sock_release(struct socket *sock)
{
	/* TCP resets where bytes were not read, and the reset overtakes what was sent. */
	sock->reset |= !sock->arriving.empty() && !sock->arriving.front().empty();
	sock->released = true;
}

/* A connection in softirq is another suite's. */
long ktcp_sock_softirq_recv(struct socket *, void *, size_t)
{
	std::abort();
}

long ktcp_sock_softirq_send(struct socket *, const void *, size_t, unsigned int,
			    struct ktcp_softirq_pages *)
{
	std::abort();
}

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

uint64_t ktcp_now_ms(void)
{
	return machine.now_ms;
}

uint64_t ktcp_real_seconds(void)
{
	return machine.real_seconds;
}

uint32_t ktcp_random_u32(void)
{
	return 0xf00d;
}

void ktcp_cond_resched(void)
{
	if (machine.rescheduled)
		machine.rescheduled();
}

/* Ours make no mistakes. */
void ktcp_warn(const char *format, ...)
{
	std::fputs(format, stderr);
	std::abort();
}
