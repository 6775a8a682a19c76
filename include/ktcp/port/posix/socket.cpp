// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * port/socket.h over file descriptors.
 *
 * One epoll thread watches the hooked sockets, edge-triggered, and stands in for the kernel's
 * softirq. It calls the hooks, one socket's lock held, and ktcp_synchronize_rcu() waits for it to
 * come round.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include <ktcp/port/net.h>
#include <ktcp/port/posix/send_pages.hpp>
#include <ktcp/port/posix/thread.hpp>
#include <ktcp/port/socket.h>
#include <ktcp/port/sync.h>
#include <ktcp/port/time.h>

struct socket {
	int fd = -1;
	bool was_hooked = false;
	std::mutex lock; /* as lock_sock(): the hook is called, set and cleared under it */
	struct ktcp_sock_hook *hook = nullptr;
	std::atomic<bool> no_space{ false }; /* as SOCK_NOSPACE: somebody waits for room */
	std::atomic<bool> connecting{ false }; /* somebody waits for the outcome … */
	std::atomic<bool> given_up{ false }; /* … and a shutdown was it */
	std::mutex poke_lock;
	int poke = -1; /* an eventfd, once somebody waited who may be poked; under poke_lock */
	mutable std::atomic<int> lost{ 0 }; /* as sk_err was, which the system tells once */
	std::atomic<bool> finished{ false }; /* the peer has, and a read was told so */
	std::atomic<uint64_t> sent{ 0 };
	/* How many of those were acknowledged when it was last asked, and since when. */
	mutable std::atomic<uint64_t> taken{ 0 };
	mutable std::atomic<uint64_t> taken_ms{ 0 };

	~socket()
	{
		if (poke >= 0)
			close(poke);
	}
};

namespace
{

/* Connections leave a quarter of the descriptors to what is done for them: files, above all. */
bool leaves_enough(int fd)
{
	rlimit limit = {};

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return true;
	/* The lowest that is free: all below are taken. */
	return static_cast<rlim_t>(fd) < limit.rlim_cur - limit.rlim_cur / 4;
}

class event_thread {
    public:
	event_thread() : epoll_(epoll_create1(EPOLL_CLOEXEC)), poke_(eventfd(0, EFD_CLOEXEC))
	{
		epoll_event event = { .events = EPOLLIN, .data = { .ptr = nullptr } };

		epoll_ctl(epoll_, EPOLL_CTL_ADD, poke_, &event);
	}

	~event_thread()
	{
		{
			const std::lock_guard hold(lock_);

			closing_ = true;
		}
		poke();
		if (thread_.joinable())
			thread_.join();
		close(poke_);
		close(epoll_);
	}

	/* Has it its descriptors? */
	bool is_whole() const
	{
		return epoll_ >= 0 && poke_ >= 0;
	}

	/* False: the system has no more threads. */
	bool begin()
	{
		const std::lock_guard hold(lock_);

		return thread_.joinable() || ktcp_posix_start(thread_, [this] { run(); });
	}

	void watch(struct socket &sock, uint32_t events)
	{
		epoll_event event = { .events = events | EPOLLET, .data = { .ptr = &sock } };

		epoll_ctl(epoll_, EPOLL_CTL_ADD, sock.fd, &event);
	}

	void unwatch(struct socket &sock)
	{
		epoll_ctl(epoll_, EPOLL_CTL_DEL, sock.fd, nullptr);
	}

	/* The thread may hold an event of this socket's that it has not come to yet. So it frees
	 * the socket itself, before it fetches the next. */
	void retire(struct socket *sock)
	{
		constexpr size_t many = 256;
		const std::lock_guard hold(lock_);

		retired_.push_back(sock);
		if (retired_.size() == many)
			poke();
	}

	/* Until every callback that is running has returned. */
	void synchronize()
	{
		std::unique_lock hold(lock_);

		if (!thread_.joinable())
			return; /* no socket was watched yet */

		const unsigned long wanted = ++wanted_;

		poke();
		passed_.wait(hold, [&] { return round_ >= wanted; });
	}

    private:
	void poke()
	{
		const uint64_t one = 1;

		static_cast<void>(!write(poke_, &one, sizeof(one)));
	}

	void run()
	{
		epoll_event events[64];

		pthread_setname_np(pthread_self(), "ktcp-events");
		while (!quiescent()) {
			const int count = epoll_wait(epoll_, events, std::size(events), -1);

			for (int i = 0; i < count; i++)
				dispatch(events[i]);
		}
	}

	/* No callback is running and none is in hand. True: the end. */
	bool quiescent()
	{
		const std::lock_guard hold(lock_);

		for (struct socket *sock : retired_)
			delete sock;
		retired_.clear();
		round_ = wanted_;
		passed_.notify_all();
		return closing_;
	}

	void dispatch(const epoll_event &event)
	{
		auto *sock = static_cast<struct socket *>(event.data.ptr);

		if (!sock) {
			uint64_t count;

			static_cast<void>(!read(poke_, &count, sizeof(count)));
			return;
		}

		unsigned int events = 0;

		if (event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			events |= KTCP_SOCK_READABLE | KTCP_SOCK_SOFTIRQ;
		if (event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR) &&
		    sock->no_space.exchange(false))
			events |= KTCP_SOCK_WRITABLE;
		if (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) ||
		    (event.events & EPOLLOUT && sock->connecting))
			events |= KTCP_SOCK_STATE;

		const std::lock_guard hold(sock->lock);

		if (sock->hook && events)
			sock->hook->event(sock->hook, events);
	}

	int epoll_, poke_;
	std::mutex lock_;
	std::condition_variable passed_;
	std::vector<struct socket *> retired_;
	unsigned long wanted_ = 0, round_ = 0;
	bool closing_ = false;
	std::thread thread_;
};

event_thread &events()
{
	static event_thread one;

	return one;
}

int status_of(long outcome)
{
	return outcome < 0 ? -errno : 0;
}

template <class Value>
void set_option(struct socket *sock, int level, int option, Value value)
{
	setsockopt(sock->fd, level, option, &value, sizeof(value));
}

struct address {
	sockaddr_storage storage = {};
	socklen_t length = sizeof(storage);

	sockaddr *raw()
	{
		return reinterpret_cast<sockaddr *>(&storage);
	}
};

int family_of(const struct socket *sock)
{
	int family = AF_INET6;
	socklen_t length = sizeof(family);

	getsockopt(sock->fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
	return family;
}

int to_sockaddr(const struct socket *sock, const ktcp_endpoint &from, address &to)
{
	in6_addr ip;

	memcpy(&ip, from.address, sizeof(ip));
	if (family_of(sock) == AF_INET) {
		auto &v4 = reinterpret_cast<sockaddr_in &>(to.storage);

		if (!IN6_IS_ADDR_UNSPECIFIED(&ip) && !IN6_IS_ADDR_V4MAPPED(&ip))
			return -EAFNOSUPPORT;
		v4.sin_family = AF_INET;
		memcpy(&v4.sin_addr, from.address + 12, 4);
		v4.sin_port = htons(from.port);
		to.length = sizeof(v4);
	} else {
		auto &v6 = reinterpret_cast<sockaddr_in6 &>(to.storage);

		v6.sin6_family = AF_INET6;
		v6.sin6_addr = ip;
		v6.sin6_port = htons(from.port);
		v6.sin6_scope_id = from.scope_id;
		to.length = sizeof(v6);
	}
	return 0;
}

void from_sockaddr(const address &from, ktcp_endpoint &to)
{
	to = {};
	if (from.storage.ss_family == AF_INET) {
		const auto &v4 = reinterpret_cast<const sockaddr_in &>(from.storage);

		to.address[10] = to.address[11] = 0xff;
		memcpy(to.address + 12, &v4.sin_addr, 4);
		to.port = ntohs(v4.sin_port);
	} else {
		const auto &v6 = reinterpret_cast<const sockaddr_in6 &>(from.storage);

		memcpy(to.address, &v6.sin6_addr, sizeof(to.address));
		to.port = ntohs(v6.sin6_port);
		to.scope_id = v6.sin6_scope_id;
	}
}

int wrap(int fd, struct socket **out)
{
	if (fd < 0)
		return -errno;
	*out = new (std::nothrow) struct socket;
	if (!*out) {
		close(fd);
		return -ENOMEM;
	}
	(*out)->fd = fd;
	return 0;
}

void hook(struct socket *sock, struct ktcp_sock_hook *hook, uint32_t watched)
{
	{
		const std::lock_guard hold(sock->lock);

		sock->hook = hook;
		sock->was_hooked = true;
	}
	/* A server's listener came first, and is refused without the thread. */
	static_cast<void>(events().begin());
	events().watch(*sock, watched);
}

void unhook(struct socket *sock)
{
	events().unwatch(*sock);

	const std::lock_guard hold(sock->lock);

	sock->hook = nullptr;
}

} // namespace

int ktcp_sock_create(struct net *, enum ktcp_family family, struct socket **out)
{
	return wrap(::socket(family == KTCP_INET ? AF_INET : AF_INET6,
			     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP),
		    out);
}

void ktcp_sock_release(struct socket *sock)
{
	close(sock->fd);
	if (sock->was_hooked)
		events().retire(sock);
	else
		delete sock;
}

int ktcp_sock_bind(struct socket *sock, const struct ktcp_endpoint *local)
{
	address to;
	const int error = to_sockaddr(sock, *local, to);

	return error ? error : status_of(bind(sock->fd, to.raw(), to.length));
}

int ktcp_sock_listen(struct socket *sock, int backlog)
{
	return status_of(listen(sock->fd, backlog));
}

int ktcp_sock_accept(struct socket *listener, struct socket **out)
{
	const int fd = accept4(listener->fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 && !leaves_enough(fd)) {
		close(fd);
		return -EMFILE;
	}
	return wrap(fd, out);
}

bool ktcp_sock_listening(const struct socket *sock)
{
	int listening = 0;
	socklen_t size = sizeof(listening);

	return !getsockopt(sock->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) && listening;
}

static bool has_outcome(const struct socket *sock)
{
	pollfd ready = { .fd = sock->fd, .events = POLLOUT, .revents = 0 };

	return poll(&ready, 1, 0) > 0;
}

int ktcp_sock_connect(struct socket *sock, const struct ktcp_endpoint *remote)
{
	address to;
	const int error = to_sockaddr(sock, *remote, to);

	if (error)
		return error;
	sock->connecting = true;

	const int status = status_of(connect(sock->fd, to.raw(), to.length));

	if (status != -EINPROGRESS)
		sock->connecting = false;
	return status;
}

int ktcp_sock_connected(struct socket *sock)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (sock->given_up)
		return -ECONNABORTED;
	if (!has_outcome(sock))
		return -EINPROGRESS;
	sock->connecting = false;
	getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	return -error;
}

bool ktcp_sock_readable(const struct socket *)
{
	return true; /* asking costs as much as trying */
}

bool ktcp_sock_is_clean(const struct socket *sock)
{
	pollfd there = { .fd = sock->fd, .events = POLLIN | POLLRDHUP, .revents = 0 };

	return !sock->lost && poll(&there, 1, 0) == 0;
}

/* The error of a call, as it returns it. The system tells of a reset once, and then of an end of the stream. */
static long told(const struct socket *sock, int error)
{
	if (error == ECONNRESET || error == ETIMEDOUT || error == ECONNABORTED)
		sock->lost = error;
	return -error;
}

bool ktcp_sock_is_lost(const struct socket *sock)
{
	pollfd over = { .fd = sock->fd, .events = 0, .revents = 0 };
	int error = 0;
	socklen_t size = sizeof(error);

	if (!sock->lost && poll(&over, 1, 0) > 0 && over.revents & POLLERR &&
	    !getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &size))
		sock->lost = error;
	/* A reset behind the peer's FIN is none. */
	return sock->lost && sock->lost != EPIPE;
}

long ktcp_sock_recv(struct socket *sock, void *buffer, size_t size)
{
	const ssize_t got = recv(sock->fd, buffer, size, MSG_DONTWAIT);

	if (got < 0)
		return told(sock, errno);
	if (got || !size)
		return got;
	if (!sock->lost || sock->lost == EPIPE)
		sock->finished = true;
	return sock->finished ? 0 : -sock->lost;
}

long ktcp_sock_send(struct socket *sock, const void *data, size_t size, unsigned int flags)
{
	const int how = MSG_DONTWAIT | MSG_NOSIGNAL | (flags & KTCP_SEND_MORE ? MSG_MORE : 0);
	ssize_t sent = send(sock->fd, data, size, how);

	if (sent < 0 && errno == EAGAIN) {
		/* Room that came before we asked to be told is seen by trying once more. */
		sock->no_space = true;
		sent = send(sock->fd, data, size, how);
		if (sent >= 0)
			sock->no_space = false;
	}
	if (sent < 0)
		return told(sock, errno);
	sock->sent += static_cast<uint64_t>(sent);
	return sent;
}

long ktcp_sock_send_pages(struct socket *sock, const ktcp_file_page *pages, unsigned int count,
			  unsigned int flags)
{
	return ktcp_posix_send_pages(sock, pages, count, flags, ktcp_posix_page_bytes);
}

int ktcp_sock_wait_for_poke(struct socket *sock, unsigned int events, int timeout_ms, bool *poked)
{
	pollfd ready[] = { { .fd = sock->fd, .events = 0, .revents = 0 },
			   { .fd = ktcp_posix_stop_fd(), .events = POLLIN, .revents = 0 },
			   { .fd = -1, .events = POLLIN, .revents = 0 } };
	const auto was_poked = [&] {
		const std::lock_guard hold(sock->poke_lock);
		eventfd_t count;

		if (sock->poke < 0)
			sock->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (sock->poke >= 0 && !leaves_enough(sock->poke)) {
			close(sock->poke);
			sock->poke = -1;
		}
		ready[2].fd = sock->poke;
		static_cast<void>(eventfd_read(sock->poke, &count));
		return std::exchange(*poked, false);
	};

	if (poked && was_poked())
		return 0;
	/* Short of descriptors: it looks now and then. */
	if (poked && ready[2].fd < 0)
		timeout_ms = timeout_ms < 0 || timeout_ms > 20 ? 20 : timeout_ms;

	if (events & KTCP_SOCK_READABLE)
		ready[0].events |= POLLIN | POLLRDHUP;
	if (events & KTCP_SOCK_WRITABLE)
		ready[0].events |= POLLOUT;

	/* It has both ends' FINs, or an error: poll() would say so again and again. */
	if (!events && poll(ready, 1, 0) > 0) {
		if (ktcp_sock_is_lost(sock))
			return 0;
		ready[0].fd = -1;
	}

	const int count = poll(ready, std::size(ready), timeout_ms);

	if (count < 0)
		return -errno;
	if ((poked && was_poked()) || ready[0].revents)
		return 0;
	return ready[1].revents ? -EINTR : -ETIMEDOUT;
}

int ktcp_sock_wait(struct socket *sock, unsigned int events, int timeout_ms)
{
	return ktcp_sock_wait_for_poke(sock, events, timeout_ms, nullptr);
}

void ktcp_sock_poke(struct socket *sock, bool *poked)
{
	const std::lock_guard hold(sock->poke_lock);

	*poked = true;
	if (sock->poke >= 0)
		static_cast<void>(eventfd_write(sock->poke, 1));
}

int ktcp_sock_shutdown(struct socket *sock, enum ktcp_shutdown how)
{
	static constexpr int commands[] = { SHUT_RD, SHUT_WR, SHUT_RDWR };

	if (sock->connecting && !has_outcome(sock))
		sock->given_up = true;
	return status_of(shutdown(sock->fd, commands[how]));
}

int ktcp_sock_local(struct socket *sock, struct ktcp_endpoint *out)
{
	address from;

	if (getsockname(sock->fd, from.raw(), &from.length) < 0)
		return -errno;
	from_sockaddr(from, *out);
	return 0;
}

int ktcp_sock_remote(struct socket *sock, struct ktcp_endpoint *out)
{
	address from;

	if (getpeername(sock->fd, from.raw(), &from.length) < 0)
		return -errno;
	from_sockaddr(from, *out);
	return 0;
}

void ktcp_sock_set_reuseaddr(struct socket *sock)
{
	set_option(sock, SOL_SOCKET, SO_REUSEADDR, 1);
}

void ktcp_sock_set_v6only(struct socket *sock, bool only)
{
	set_option(sock, IPPROTO_IPV6, IPV6_V6ONLY, static_cast<int>(only));
}

void ktcp_sock_set_nodelay(struct socket *sock)
{
	set_option(sock, IPPROTO_TCP, TCP_NODELAY, 1);
}

void ktcp_sock_set_keepalive(struct socket *sock)
{
	set_option(sock, SOL_SOCKET, SO_KEEPALIVE, 1);
}

void ktcp_sock_set_quickack(struct socket *sock, bool on)
{
	set_option(sock, IPPROTO_TCP, TCP_QUICKACK, static_cast<int>(on));
}

void ktcp_sock_set_oobinline(struct socket *sock)
{
	set_option(sock, SOL_SOCKET, SO_OOBINLINE, 1);
}

void ktcp_sock_set_rcvbuf(struct socket *sock, int bytes)
{
	set_option(sock, SOL_SOCKET, SO_RCVBUF, bytes);
}

void ktcp_sock_set_sndbuf(struct socket *sock, int bytes)
{
	set_option(sock, SOL_SOCKET, SO_SNDBUF, bytes);
}

void ktcp_sock_set_user_timeout(struct socket *sock, unsigned int ms)
{
	set_option(sock, IPPROTO_TCP, TCP_USER_TIMEOUT, ms);
}

int ktcp_sock_set_option(struct socket *sock, enum ktcp_sock_option option, const void *value,
			 size_t size)
{
	static constexpr struct {
		int level, name;
	} options[] = {
		{ IPPROTO_TCP, TCP_KEEPIDLE },
		{ IPPROTO_TCP, TCP_KEEPINTVL },
		{ IPPROTO_TCP, TCP_KEEPCNT },
		{ SOL_SOCKET, SO_MARK },
		{ IPPROTO_IP, IP_TOS },
		{ SOL_SOCKET, SO_RCVBUF },
		{ SOL_SOCKET, SO_SNDBUF },
		{ IPPROTO_TCP, TCP_FASTOPEN },
		{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT },
		{ IPPROTO_TCP, TCP_CONGESTION },
		{ SOL_SOCKET, SO_BINDTODEVICE },
	};

	return status_of(setsockopt(sock->fd, options[option].level, options[option].name, value,
				    static_cast<socklen_t>(size)));
}

int ktcp_sock_hold_net(struct socket *)
{
	return 0; /* a socket of user space's always does */
}

void ktcp_sock_no_linger(struct socket *sock)
{
	set_option(sock, SOL_SOCKET, SO_LINGER, linger{ .l_onoff = 1, .l_linger = 0 });
}

void ktcp_sock_hook(struct socket *sock, struct ktcp_sock_hook *by)
{
	hook(sock, by, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
}

void ktcp_sock_unhook(struct socket *sock, struct ktcp_sock_hook *)
{
	unhook(sock);
}

int ktcp_sock_hook_listener(struct socket *sock, struct ktcp_sock_hook *by)
{
	if (!events().is_whole())
		return -EMFILE;
	if (!events().begin())
		return -EAGAIN;
	hook(sock, by, EPOLLIN);
	return 0;
}

void ktcp_sock_unhook_listener(struct socket *sock, struct ktcp_sock_hook *)
{
	unhook(sock);
}

/* The epoll thread has the socket to itself while it calls the hook, and may use it as
 * anybody else does. */

struct ktcp_softirq_pages {};

struct ktcp_softirq_pages *ktcp_softirq_pages_create(void)
{
	return new (std::nothrow) ktcp_softirq_pages;
}

void ktcp_softirq_pages_destroy(struct ktcp_softirq_pages *pages)
{
	delete pages;
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

void ktcp_sock_softirq_finish(struct socket *sock)
{
	char unread;

	if (recv(sock->fd, &unread, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
		shutdown(sock->fd, SHUT_WR);
}

static unsigned int number_of(const struct socket *sock, unsigned long what)
{
	int number = 0;

	ioctl(sock->fd, what, &number);
	return static_cast<unsigned int>(std::max(number, 0));
}

static tcp_info info_of(const struct socket *sock)
{
	tcp_info info = {};
	socklen_t size = sizeof(info);

	getsockopt(sock->fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	return info;
}

uint32_t ktcp_sock_unheard_ms(const struct socket *sock)
{
	return info_of(sock).tcpi_last_data_recv;
}

bool ktcp_sock_has_unread(const struct socket *sock)
{
	return number_of(sock, FIONREAD);
}

/*
 * The system does not tell when bytes were last acknowledged. So this remembers how many there were
 * when it was asked. The last of them came no later than the last acknowledgement of any kind.
 */
uint32_t ktcp_sock_untaken_ms(const struct socket *sock)
{
	const uint64_t now = ktcp_now_ms();
	const uint64_t taken = sock->sent -
			       std::min<uint64_t>(sock->sent, number_of(sock, SIOCOUTQ));

	if (!taken)
		return UINT32_MAX;
	if (sock->taken.exchange(taken) != taken)
		sock->taken_ms = now - std::min<uint64_t>(now, info_of(sock).tcpi_last_ack_recv);
	return static_cast<uint32_t>(now - std::min<uint64_t>(now, sock->taken_ms));
}

/* The system does not tell of the window either: most begin with so much. */
uint32_t ktcp_sock_unread(const struct socket *sock)
{
	return number_of(sock, SIOCOUTQ) + 65536;
}

/* No process ever owns it: the holder of the claim has the socket. */
struct sock *ktcp_sock_trylock_bh(struct socket *sock)
{
	return reinterpret_cast<struct sock *>(sock);
}

struct sock *ktcp_sock_try_bh(struct socket *sock)
{
	return ktcp_sock_trylock_bh(sock);
}

void ktcp_sock_unlock_bh(struct sock *)
{
}

bool ktcp_sock_is_local(const struct socket *)
{
	return false; /* its turns are a thread's anyhow */
}

int ktcp_sock_incoming_cpu(const struct socket *sock)
{
	int cpu = -1;
	socklen_t length = sizeof(cpu);

	getsockopt(sock->fd, SOL_SOCKET, SO_INCOMING_CPU, &cpu, &length);
	return cpu;
}

void ktcp_synchronize_rcu(void)
{
	events().synchronize();
}

/* ---- network devices: rtnetlink(7) tells, and the epoll thread listens ------------------------ */

namespace
{

struct device_messages : ktcp_sock_hook {
	struct socket *from = nullptr;
	struct ktcp_device_watch *watch = nullptr;
};

/* The text of a message is of no account, and neither is a lost one (ENOBUFS). */
void device_changed(struct ktcp_sock_hook *hook, unsigned int)
{
	const auto &of = *static_cast<device_messages *>(hook);
	char byte;

	while (recv(of.from->fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
		;
	of.watch->changed(of.watch);
}

} // namespace

int ktcp_watch_devices(struct net *, struct ktcp_device_watch *watch)
{
	sockaddr_nl links = {};
	auto *const made = new (std::nothrow) device_messages;
	int error;

	links.nl_family = AF_NETLINK;
	links.nl_groups = RTMGRP_LINK;
	if (!made)
		return -ENOMEM;
	made->event = device_changed;
	made->watch = watch;
	error = wrap(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE),
		     &made->from);
	if (!error && bind(made->from->fd, reinterpret_cast<sockaddr *>(&links), sizeof(links))) {
		error = -errno;
		ktcp_sock_release(made->from);
	}
	if (error) {
		delete made;
		return error;
	}
	watch->saved = made;
	hook(made->from, made, EPOLLIN);
	return 0;
}

void ktcp_unwatch_devices(struct net *, struct ktcp_device_watch *watch)
{
	auto *const messages = static_cast<device_messages *>(watch->saved);

	unhook(messages->from);
	ktcp_sock_release(messages->from);
	delete messages;
}
