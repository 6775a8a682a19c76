// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * TCP sockets inside the kernel, owned.
 *
 * @code
 * auto socket = KTCP_TRY(ktcp::socket::create(ktcp::family::inet6));
 * KTCP_TRY(socket.connect(ktcp::endpoint::ipv6_loopback(8080)));
 * KTCP_TRY(socket.send_all(greeting));
 * @endcode
 *
 * try_send() and try_recv() never wait; send_all() and recv() sleep until they can.
 * One context at a time uses a socket, but shutdown() and the addresses may be had from
 * any process context while the socket lives.
 * Kernel: struct socket, tcp_read_sock(), tcp_sendmsg_locked() …
 */
#ifndef KTCP_KERNEL_SOCKET_HPP
#define KTCP_KERNEL_SOCKET_HPP

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <ktcp/base/result.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/port/file.h>
#include <ktcp/port/socket.h>
#include <ktcp/port/thread.h>
#include <ktcp/port/time.h>

namespace ktcp
{

namespace detail
{

/*
 * At TCP's limit of memory (tcp_mem) a socket says that there is room, and takes nothing. It would say so again at
 * once. So a sender sleeps for so long before it asks again.
 */
constexpr unsigned int starved_sleep_ms = 10;

} // namespace detail

/** Of addresses. */
enum class family {
	inet = KTCP_INET, /**< IPv4 */
	inet6 = KTCP_INET6, /**< IPv6; with v6only off, IPv4 too */
};

/** Which direction: receiving, sending, both. */
enum class shutdown_how {
	rd = KTCP_SHUT_RD,
	wr = KTCP_SHUT_WR,
	rdwr = KTCP_SHUT_RDWR,
};

/** Pages for softirq_send(), shared by many sockets; see ktcp_softirq_pages_create(). */
class softirq_pages {
    public:
	/** None: only assignment, destruction and raw() are allowed. */
	softirq_pages() noexcept = default;

	/** Errors: ENOMEM. Process context. */
	static result<softirq_pages> create() noexcept
	{
		softirq_pages made;

		made.pages_ = ktcp_softirq_pages_create();
		if (!made.pages_)
			return errc::enomem;
		return made;
	}

	softirq_pages(softirq_pages &&other) noexcept : pages_(std::exchange(other.pages_, nullptr))
	{
	}

	softirq_pages &operator=(softirq_pages &&other) noexcept
	{
		std::swap(pages_, other.pages_);
		return *this;
	}

	/** Process context. */
	~softirq_pages()
	{
		ktcp_softirq_pages_destroy(pages_);
	}

	/** As the boundary has them. */
	struct ktcp_softirq_pages *raw() const noexcept
	{
		return pages_;
	}

    private:
	struct ktcp_softirq_pages *pages_ = nullptr;
};

/** A struct socket, or none. Everything but incoming_cpu() wants process context. */
class socket {
    public:
	/** No socket: only assignment, destruction and operator bool() are allowed. */
	socket() noexcept = default;

	/** Take over a socket from the kernel. */
	explicit socket(struct ::socket *raw) noexcept : socket_(raw)
	{
	}

	/**
	 * @param net  the network namespace, nullptr for the initial one; must outlive the
	 *             socket.
	 * Errors: EAFNOSUPPORT (IPv6 is off), ENOMEM.
	 */
	static result<socket> create(enum family family, struct net *net = nullptr) noexcept
	{
		struct ::socket *raw = nullptr;

		KTCP_TRY(result<void>::from(
			ktcp_sock_create(net, static_cast<ktcp_family>(family), &raw)));
		return socket(raw);
	}

	socket(socket &&other) noexcept : socket_(std::exchange(other.socket_, nullptr))
	{
	}

	socket &operator=(socket &&other) noexcept
	{
		std::swap(socket_, other.socket_);
		return *this;
	}

	/** Close without further care: bytes not yet acknowledged may never arrive. */
	~socket()
	{
		if (socket_)
			ktcp_sock_release(socket_);
	}

	explicit operator bool() const noexcept
	{
		return socket_ != nullptr;
	}

	/** @name Setting up */
	/** @{ */

	/** Errors: EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT. */
	result<void> bind(const endpoint &local) noexcept
	{
		return result<void>::from(ktcp_sock_bind(socket_, &local.raw()));
	}

	/** @param backlog  connections that may wait to be accepted; net.core.somaxconn bounds
	 *                 it in user space, not in the kernel. */
	result<void> listen(int backlog) noexcept
	{
		return result<void>::from(ktcp_sock_listen(socket_, backlog));
	}

	/**
	 * One connection from the backlog, without waiting.
	 * Errors: EAGAIN (there is none), ENOMEM, ENFILE, ECONNABORTED, EBUSY (a BPF program has
	 * it, so it was reset), EINVAL (not listening()).
	 */
	result<socket> accept() noexcept
	{
		struct ::socket *child = nullptr;

		KTCP_TRY(result<void>::from(ktcp_sock_accept(socket_, &child)));
		return socket(child);
	}

	/** Does it listen still? See ktcp_sock_listening(). Any context. */
	bool listening() const noexcept
	{
		return ktcp_sock_listening(socket_);
	}

	/**
	 * Begin to connect, without waiting for the peer.
	 * Errors: EINPROGRESS (the outcome follows: connected()), EADDRNOTAVAIL (no local port is
	 * left), ENETUNREACH, EHOSTUNREACH, EACCES (by the routes), EPERM (a BPF program) ….
	 * After all others than EINPROGRESS the socket can only be closed.
	 */
	result<void> try_connect(const endpoint &remote) noexcept
	{
		return result<void>::from(ktcp_sock_connect(socket_, &remote.raw()));
	}

	/**
	 * What came of try_connect()? Errors: EINPROGRESS (not known yet), ECONNREFUSED, ETIMEDOUT
	 * (the kernel's patience), EHOSTUNREACH, ECONNRESET, ECONNABORTED (shutdown()) …
	 */
	result<void> connected() noexcept
	{
		return result<void>::from(ktcp_sock_connected(socket_));
	}

	/**
	 * Sleep until it is connected.
	 * @param timeout_ms  milliseconds, -1: as long as the kernel tries.
	 * Errors: try_connect()'s and connected()'s, ETIMEDOUT, EINTR.
	 */
	result<void> connect(const endpoint &remote, int timeout_ms = -1) noexcept
	{
		const std::uint64_t begin = timeout_ms < 0 ? 0 : ktcp_now_ms();
		auto status = try_connect(remote);

		for (int left = timeout_ms; !status && status.error() == errc::einprogress;) {
			KTCP_TRY(wait(KTCP_SOCK_WRITABLE, left));
			status = connected();
			if (timeout_ms >= 0)
				left = left_of(timeout_ms, ktcp_now_ms() - begin);
		}
		return status;
	}

	/** @} */
	/** @name Options, which a listener's connections inherit */
	/** @{ */

	/** SO_REUSEADDR: bind although connections of an earlier server are in TIME-WAIT. */
	void set_reuseaddr() noexcept
	{
		ktcp_sock_set_reuseaddr(socket_);
	}

	/** IPV6_V6ONLY; before bind(). */
	void set_v6only(bool only) noexcept
	{
		ktcp_sock_set_v6only(socket_, only);
	}

	/** TCP_NODELAY */
	void set_nodelay() noexcept
	{
		ktcp_sock_set_nodelay(socket_);
	}

	/** SO_KEEPALIVE */
	void set_keepalive() noexcept
	{
		ktcp_sock_set_keepalive(socket_);
	}

	/** TCP_QUICKACK, after listen(): false: an acknowledgement waits for the answer. */
	void set_quickack(bool on) noexcept
	{
		ktcp_sock_set_quickack(socket_, on);
	}

	/** SO_OOBINLINE: an urgent byte (RFC 9293 section 3.8.5) stays in the stream. */
	void set_oobinline() noexcept
	{
		ktcp_sock_set_oobinline(socket_);
	}

	/** An option that is a number. Errors: as ktcp_sock_set_option(). */
	result<void> set_option(ktcp_sock_option option, int value) noexcept
	{
		return result<void>::from(
			ktcp_sock_set_option(socket_, option, &value, sizeof(value)));
	}

	/** An option that is a text. */
	result<void> set_option(ktcp_sock_option option, const char *value) noexcept
	{
		std::size_t size = 1;

		while (value[size - 1])
			size++;
		return result<void>::from(ktcp_sock_set_option(socket_, option, value, size));
	}

	/**
	 * TCP_USER_TIMEOUT, milliseconds; 0 for the default. More than 2^31 - 1 (24 days) means that. Goes on
	 * after the close.
	 */
	void set_user_timeout(unsigned int ms) noexcept
	{
		/* TCP takes the rest of a longer one for less than none, and gives up at once. */
		ktcp_sock_set_user_timeout(socket_, std::min<unsigned int>(ms, INT_MAX));
	}

	/** @} */
	/** @name Data */
	/** @{ */

	/** Is it worth a try_recv()? False is sure, and cheap; true may be wrong. Any context. */
	bool readable() const noexcept
	{
		return ktcp_sock_readable(socket_);
	}

	/** As ktcp_sock_is_clean(). Any context. */
	bool is_clean() const noexcept
	{
		return ktcp_sock_is_clean(socket_);
	}

	/**
	 * Receive up to @p into.size() bytes, without waiting; 0 at the end of the stream.
	 * Errors: EAGAIN (nothing yet), ECONNRESET, ETIMEDOUT …
	 */
	result<std::size_t> try_recv(std::span<std::byte> into) noexcept
	{
		return count(ktcp_sock_recv(socket_, into.data(), into.size()));
	}

	/**
	 * As much as there is room for, without waiting; returns the bytes taken.
	 * @param flags  ktcp_send_flags: KTCP_SEND_MORE, KTCP_SEND_PAGES.
	 * Errors: EAGAIN (no room), ENOBUFS (no memory: try again later), EPIPE, ECONNRESET …
	 */
	result<std::size_t> try_send(std::span<const std::byte> data,
				     unsigned int flags = 0) noexcept
	{
		return count(ktcp_sock_send(socket_, data.data(), data.size(), flags));
	}

	/**
	 * try_recv() from inside an event with KTCP_SOCK_SOFTIRQ, and only there.
	 * Errors: as try_recv(); EINPROGRESS (go on with try_recv(), in process context).
	 */
	result<std::size_t> softirq_recv(std::span<std::byte> into) noexcept
	{
		return count(ktcp_sock_softirq_recv(socket_, into.data(), into.size()));
	}

	/**
	 * try_send() from inside an event with KTCP_SOCK_SOFTIRQ, and only there.
	 * Errors: as try_send(); EINPROGRESS (go on with try_send(), in process context).
	 */
	result<std::size_t> softirq_send(std::span<const std::byte> data, unsigned int flags,
					 const softirq_pages &pages) noexcept
	{
		return count(ktcp_sock_softirq_send(socket_, data.data(), data.size(), flags,
						    pages.raw()));
	}

	/** The last there is to send, as softirq_send(); close() follows. */
	void softirq_finish() noexcept
	{
		ktcp_sock_softirq_finish(socket_);
	}

	/**
	 * Sleep until one of @p events (ktcp_sock_event bits), a shutdown or an error.
	 * @param timeout_ms  milliseconds, -1 for no limit. Errors: ETIMEDOUT, EINTR.
	 * @param poked  poke() with it ends the wait, too; with no events, that and the time alone.
	 */
	result<void> wait(unsigned int events, int timeout_ms = -1, bool *poked = nullptr) noexcept
	{
		return result<void>::from(
			poked ? ktcp_sock_wait_for_poke(socket_, events, timeout_ms, poked) :
				ktcp_sock_wait(socket_, events, timeout_ms));
	}

	/** End the wait() with this, or else the next one. Process context or softirq. */
	void poke(bool &poked) noexcept
	{
		ktcp_sock_poke(socket_, &poked);
	}

	/** At least one byte, or 0 at the end of the stream. Sleeps. Errors: as try_recv(). */
	result<std::size_t> recv(std::span<std::byte> into) noexcept
	{
		for (;;) {
			auto got = try_recv(into);

			if (got || got.error() != errc::eagain)
				return got;
			KTCP_TRY(wait(KTCP_SOCK_READABLE));
		}
	}

	/**
	 * All of @p data. Sleeps. Errors: as try_send(), except EAGAIN, and EINTR; part may have been sent.
	 */
	result<void> send_all(std::span<const std::byte> data) noexcept
	{
		bool has_room = false; /* as the socket has said since it took bytes */

		while (!data.empty()) {
			const auto sent = try_send(data);

			if (sent) {
				data = data.subspan(*sent);
				has_room = false;
			} else if (sent.error() != errc::eagain) {
				return sent.error();
			} else if (has_room) {
				KTCP_TRY(wait_for_memory());
			} else {
				KTCP_TRY(wait(KTCP_SOCK_WRITABLE));
				has_room = true;
			}
		}
		return {};
	}

	/** End one direction or both. Wakes tasks that wait for the socket. Errors: ENOTCONN. */
	result<void> shutdown(shutdown_how how) noexcept
	{
		return result<void>::from(
			ktcp_sock_shutdown(socket_, static_cast<ktcp_shutdown>(how)));
	}

	/** @} */
	/** @name Closing */
	/** @{ */

	/**
	 * Close, and have TCP deliver what is still queued.
	 * @param within_ms  give up (and reset the connection) when the peer has taken nothing for
	 *                   so many milliseconds; 0 for TCP's own patience.
	 */
	void close(unsigned int within_ms = 0) noexcept
	{
		if (within_ms)
			set_user_timeout(within_ms);
		/* Without its namespace's reference the socket would lose its timers with
		 * us, and be an orphan for ever: better a reset now. */
		if (ktcp_sock_hold_net(socket_) < 0)
			ktcp_sock_no_linger(socket_);
		ktcp_sock_release(std::exchange(socket_, nullptr));
	}

	/** Make the next close a reset. */
	void set_no_linger() noexcept
	{
		ktcp_sock_no_linger(socket_);
	}

	/** Close with a reset; queued bytes are dropped. */
	void abort() noexcept
	{
		ktcp_sock_no_linger(socket_);
		ktcp_sock_release(std::exchange(socket_, nullptr));
	}

	/** @} */

	/** Errors: ENOTCONN. */
	result<endpoint> local() noexcept
	{
		ktcp_endpoint raw = {};

		KTCP_TRY(result<void>::from(ktcp_sock_local(socket_, &raw)));
		return endpoint(raw);
	}

	/** Errors: ENOTCONN. */
	result<endpoint> remote() noexcept
	{
		ktcp_endpoint raw = {};

		KTCP_TRY(result<void>::from(ktcp_sock_remote(socket_, &raw)));
		return endpoint(raw);
	}

	/**
	 * As try_send(), parts of pages, without copying; see ktcp_sock_send_pages(). Of more than
	 * KTCP_FILE_PAGES_MOST pages, so many are sent.
	 */
	result<std::size_t> try_send_pages(std::span<const ktcp_file_page> pages,
					   unsigned int flags) noexcept
	{
		if (pages.size() > KTCP_FILE_PAGES_MOST) {
			pages = pages.first(KTCP_FILE_PAGES_MOST);
			flags |= KTCP_SEND_MORE;
		}
		return count(ktcp_sock_send_pages(socket_, pages.data(),
						  static_cast<unsigned int>(pages.size()), flags));
	}

	/** The CPU that handled its last packet, a hint; -1 if none did. Any context. */
	int incoming_cpu() const noexcept
	{
		return ktcp_sock_incoming_cpu(socket_);
	}

	/** Milliseconds since the peer's last byte came, or since it connected. Any context. */
	std::uint32_t unheard_ms() const noexcept
	{
		return ktcp_sock_unheard_ms(socket_);
	}

	/** Is the connection over, though its peer has not finished? As ktcp_sock_is_lost(). Any context. */
	bool is_lost() const noexcept
	{
		return ktcp_sock_is_lost(socket_);
	}

	/** Do bytes of the peer's wait to be received? Any context. */
	bool has_unread() const noexcept
	{
		return ktcp_sock_has_unread(socket_);
	}

	/**
	 * Milliseconds since the peer last acknowledged new bytes, or since bytes were sent with none
	 * under way; UINT32_MAX: never. Any context.
	 */
	std::uint32_t untaken_ms() const noexcept
	{
		return ktcp_sock_untaken_ms(socket_);
	}

	/** The most bytes that the peer's program may still have to read. Any context. */
	std::uint32_t unread() const noexcept
	{
		return ktcp_sock_unread(socket_);
	}

	/** Is the peer of an accepted connection on this machine? A hint. Any context. */
	bool is_local() const noexcept
	{
		return ktcp_sock_is_local(socket_);
	}

	/** The kernel's own, still owned by this. */
	struct ::socket *raw() noexcept
	{
		return socket_;
	}

    private:
	/* As detail::starved_sleep_ms says. */
	static result<void> wait_for_memory() noexcept
	{
		if (ktcp_fatal_signal_pending())
			return errc::eintr;
		ktcp_msleep(detail::starved_sleep_ms);
		return {};
	}

	static int left_of(int timeout_ms, std::uint64_t passed_ms) noexcept
	{
		const auto whole = static_cast<unsigned int>(timeout_ms);

		return passed_ms < whole ? static_cast<int>(whole - passed_ms) : 0;
	}

	static result<std::size_t> count(long status) noexcept
	{
		if (status < 0)
			return error_code::from(status);
		return static_cast<std::size_t>(status);
	}

	struct ::socket *socket_ = nullptr;
};

} // namespace ktcp

#endif
