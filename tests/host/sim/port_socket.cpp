/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/socket.h over the simulated network. */
#include <cerrno>
#include <ktcp/port/lookup.h>
#include <ktcp/port/memory.h>
#include <ktcp/port/net.h>
#include <ktcp/port/pages.h>
#include <ktcp/port/posix/send_pages.hpp>
#include <ktcp/port/socket.h>

#include "kernel.hpp"
#include "memory.hpp"
#include "network.hpp"
#include "threads.hpp"

/* The simulated host has this process's alone. */
#include <ktcp/port/posix/listeners.cpp>

struct socket {
	sim::tcp *sk;
	bool released;
};

using sim::kernel;
using sim::tcp;

namespace
{

/* Handles outlive their release until the run ends, so that a late use has a name. */
struct socket *new_handle(kernel &k, tcp &s)
{
	k.handles.push_back(std::make_shared<socket>(socket{ &s, false }));
	return static_cast<struct socket *>(k.handles.back().get());
}

kernel &enter(struct socket *sock, const char *function)
{
	kernel &k = kernel::now(function);

	if (sock->released)
		k.fail("%s: %s was released", function, sock->sk->name.c_str());
	k.must_be_able_to_sleep(function);
	k.point();
	if (sock->released)
		k.fail("%s: %s was released meanwhile", function, sock->sk->name.c_str());
	return k;
}

/* A call that no other context may be beside. */
class call {
    public:
	call(struct socket *sock, const char *function)
		: k(enter(sock, function)), s(*sock->sk), function_(function)
	{
		if (s.caller)
			k.fail("%s: %s is in use by %s", function, s.name.c_str(),
			       s.caller->name.c_str());
		s.caller = &k.current();
	}

	~call()
	{
		s.caller = nullptr;
	}

	template <class T>
	T done(T status)
	{
		k.trace("%s(%s): %ld", function_, s.name.c_str(), long(status));
		return status;
	}

	kernel &k;
	tcp &s;

    private:
	const char *function_;
};

/* The same, with lock_sock() and release_sock() around it. */
class locked_call : public call {
    public:
	locked_call(struct socket *sock, const char *function) : call(sock, function)
	{
		k.net->lock(s);
		k.point();
	}

	~locked_call()
	{
		unlock();
	}

	void unlock()
	{
		if (!locked_)
			return;
		locked_ = false;
		k.point();
		k.net->unlock(s);
	}

    private:
	bool locked_ = true;
};

/* Injected: the connection breaks just when @what is done with it, and that call says so. */
bool breaks(kernel &k, tcp &s, const char *what)
{
	if (s.state != sim::tcp_state::established || !k.fails(what))
		return false;
	k.net->abort(s, 0);
	return true;
}

} // namespace

int ktcp_sock_create(struct net *net, enum ktcp_family family, struct socket **out)
{
	kernel &k = kernel::enter_process("ktcp_sock_create");

	if (family == KTCP_INET6 && !k.how.ipv6)
		return -EAFNOSUPPORT;
	if (k.fails("ktcp_sock_create"))
		return -ENOMEM;
	*out = new_handle(k, k.net->create(net, family == KTCP_INET6, false));
	return 0;
}

void ktcp_sock_release(struct socket *sock)
{
	{
		locked_call c(sock, "ktcp_sock_release");

		if (c.s.hook)
			c.k.fail("ktcp_sock_release: %s is still hooked", c.s.name.c_str());
		c.k.trace("release %s", c.s.name.c_str());
		c.k.net->close(c.s);
		sock->released = true;
	}
}

int ktcp_sock_bind(struct socket *sock, const struct ktcp_endpoint *local)
{
	call c(sock, "ktcp_sock_bind");

	if (c.k.fails("ktcp_sock_bind"))
		return c.done(c.k.chance.coin() ? -ENOMEM : -EADDRINUSE);
	return c.done(c.k.net->bind(c.s, *local));
}

int ktcp_sock_listen(struct socket *sock, int backlog)
{
	call c(sock, "ktcp_sock_listen");

	if (c.k.fails("ktcp_sock_listen"))
		return c.done(c.k.chance.coin() ? -ENOMEM : -EADDRINUSE);
	return c.done(c.k.net->listen(c.s, backlog));
}

int ktcp_sock_accept(struct socket *listener, struct socket **out)
{
	locked_call c(listener, "ktcp_sock_accept");
	auto &waiting = c.s.accept_queue;

	if (c.k.fails("ktcp_sock_accept")) {
		static constexpr int errors[] = { -ENOMEM, -ENFILE, -ECONNABORTED, -EBUSY };
		int error = errors[c.k.chance.below(waiting.empty() ? 2 : 4)];

		if (error == -ECONNABORTED || error == -EBUSY) {
			tcp &child = c.k.net->accept(c.s);

			c.k.net->reset(child);
			child.owned = false;
		}
		return c.done(error);
	}
	if (c.s.state != sim::tcp_state::listening)
		return c.done(-EINVAL);
	if (waiting.empty())
		return c.done(-EAGAIN);

	/*
	 * The child's lock, as inet_csk_accept() may take it. A task that waits there may find that
	 * the backlog was dropped meanwhile.
	 */
	tcp &child = *waiting.front();

	c.k.net->lock(child);
	c.k.net->accept(c.s);
	*out = new_handle(c.k, child);
	c.k.net->unlock(child);
	c.k.trace("accepted %s", child.name.c_str());
	return c.done(0);
}

int ktcp_sock_connect(struct socket *sock, const struct ktcp_endpoint *remote)
{
	locked_call c(sock, "ktcp_sock_connect");

	if (c.k.fails("ktcp_sock_connect"))
		return c.done(c.k.chance.coin() ? -ENOMEM : -EADDRNOTAVAIL);
	return c.done(c.k.net->connect(c.s, *remote));
}

int ktcp_sock_connected(struct socket *sock)
{
	locked_call c(sock, "ktcp_sock_connected");

	return c.done(c.k.net->connected(c.s));
}

long ktcp_sock_recv(struct socket *sock, void *buffer, size_t size)
{
	locked_call c(sock, "ktcp_sock_recv");

	if (breaks(c.k, c.s, "ktcp_sock_recv"))
		return c.done(long(-ETIMEDOUT));
	return c.done(c.k.net->recv(c.s, buffer, size));
}

bool ktcp_sock_readable(const struct socket *sock)
{
	kernel &k = kernel::now("ktcp_sock_readable");

	if (sock->released)
		k.fail("ktcp_sock_readable: %s was released", sock->sk->name.c_str());
	k.point();
	return k.net->readable(*sock->sk);
}

bool ktcp_sock_is_clean(const struct socket *sock)
{
	return !ktcp_sock_readable(sock); /* its bytes come in their order */
}

long ktcp_sock_send(struct socket *sock, const void *data, size_t size, unsigned int flags)
{
	locked_call c(sock, "ktcp_sock_send");
	tcp &s = c.s;
	bool scarce = (c.k.how.scarce_memory && c.k.chance.below(16) == 0) || c.k.fails("ktcp_sock_"
											"send");
	bool queued = !s.out.empty() || s.unacked;

	(void)flags;
	c.k.heap->check_written(data, size, "ktcp_sock_send");
	if (breaks(c.k, c.s, "ktcp_sock_send, for good"))
		return c.done(long(-EPIPE));
	if (scarce && s.state == sim::tcp_state::established && !s.snd_shutdown && !s.error) {
		/* tcp_sendmsg_locked() at do_error: with empty queues it calls sk_write_space. */
		s.nospace = queued;
		if (!queued)
			c.k.net->announce(s, KTCP_SOCK_WRITABLE);
		return c.done(long(queued ? -EAGAIN : -ENOBUFS));
	}

	size_t offered = size;

	if (c.k.how.scarce_memory && size > 1 && c.k.chance.below(8) == 0)
		offered = c.k.chance.between(1, uint32_t(size));

	long sent = c.k.net->send(s, data, offered);

	/* The real port looks at the queues after the lock is gone: they may be empty by now. */
	c.unlock();
	if (sent == -EAGAIN && s.out.empty() && !s.unacked)
		return c.done(long(-ENOBUFS));
	return c.done(sent);
}

/* Softirq: inside an event, with the socket's lock, and no task in one of the calls above. */

long ktcp_sock_send_pages(struct socket *sock, const ktcp_file_page *pages, unsigned int count,
			  unsigned int flags)
{
	/* A page of the simulation's is its bytes. */
	return ktcp_posix_send_pages(sock, pages, count, flags, [](struct page *page) {
		return reinterpret_cast<const char *>(page);
	});
}

struct ktcp_softirq_pages {
	char unused;
};

struct ktcp_softirq_pages *ktcp_softirq_pages_create(void)
{
	return static_cast<ktcp_softirq_pages *>(
		ktcp_kmalloc(sizeof(ktcp_softirq_pages), KTCP_GFP_KERNEL));
}

void ktcp_softirq_pages_destroy(struct ktcp_softirq_pages *pages)
{
	ktcp_kfree(pages);
}

static tcp &enter_softirq(struct socket *sock, const char *function)
{
	kernel &k = kernel::now(function);
	tcp &s = *sock->sk;

	if (sock->released)
		k.fail("%s: %s was released", function, s.name.c_str());
	if (!s.open || s.owner != &k.current())
		k.fail("%s: %s, outside of an event with KTCP_SOCK_SOFTIRQ", function,
		       s.name.c_str());
	if (s.caller)
		k.fail("%s: %s is in use by %s", function, s.name.c_str(), s.caller->name.c_str());
	k.point();
	return s;
}

long ktcp_sock_softirq_recv(struct socket *sock, void *buffer, size_t size)
{
	tcp &s = enter_softirq(sock, "ktcp_sock_softirq_recv");
	kernel &k = kernel::now("ktcp_sock_softirq_recv");

	/* As before an urgent byte. */
	if ((k.how.scarce_memory && k.chance.below(16) == 0) || k.fails("ktcp_sock_softirq_recv"))
		return -EINPROGRESS;
	return k.net->recv(s, buffer, size);
}

long ktcp_sock_softirq_send(struct socket *sock, const void *data, size_t size, unsigned int,
			    struct ktcp_softirq_pages *pages)
{
	tcp &s = enter_softirq(sock, "ktcp_sock_softirq_send");
	kernel &k = kernel::now("ktcp_sock_softirq_send");

	pages->unused = 0;
	k.heap->check_written(data, size, "ktcp_sock_softirq_send");
	if ((k.how.scarce_memory && k.chance.below(8) == 0) || k.fails("ktcp_sock_softirq_send"))
		return -EINPROGRESS;

	const long sent = k.net->send(s, data, size);

	return sent == -EAGAIN && s.out.empty() && !s.unacked ? -EINPROGRESS : sent;
}

void ktcp_sock_softirq_finish(struct socket *sock)
{
	tcp &s = enter_softirq(sock, "ktcp_sock_softirq_finish");
	kernel &k = kernel::now("ktcp_sock_softirq_finish");

	if (s.in.empty())
		k.net->shutdown(s, KTCP_SHUT_WR);
}

static struct sock *take_bh(kernel &k, tcp &s)
{
	s.owner = &k.current();
	s.spun = s.open = true;
	return reinterpret_cast<struct sock *>(&s);
}

struct sock *ktcp_sock_trylock_bh(struct socket *sock)
{
	kernel &k = kernel::enter_any("ktcp_sock_trylock_bh");
	tcp &s = *sock->sk;

	if (sock->released)
		k.fail("ktcp_sock_trylock_bh: %s was released", s.name.c_str());
	if (!k.current().here_depth)
		k.fail("ktcp_sock_trylock_bh: bottom halves are on");
	while (s.owner) {
		if (s.owner->kind != sim::context::softirq && !s.spun)
			return nullptr;
		k.block(&s.owner, "bh_lock_sock");
	}
	return take_bh(k, s);
}

struct sock *ktcp_sock_try_bh(struct socket *sock)
{
	kernel &k = kernel::enter_any("ktcp_sock_try_bh");
	tcp &s = *sock->sk;

	if (sock->released)
		k.fail("ktcp_sock_try_bh: %s was released", s.name.c_str());
	if (!k.current().here_depth && k.current().kind != sim::context::softirq)
		k.fail("ktcp_sock_try_bh: bottom halves are on");
	return s.owner ? nullptr : take_bh(k, s);
}

void ktcp_sock_unlock_bh(struct sock *sk)
{
	tcp &s = *reinterpret_cast<tcp *>(sk);
	kernel &k = kernel::enter_any("ktcp_sock_unlock_bh");

	s.open = false;
	/* Packets that spin are taken for ones in the backlog: they come now. */
	k.net->unlock(s);
}

static bool is_lost(const tcp &s)
{
	return s.state == sim::tcp_state::done &&
	       (!s.fin_received || (s.error && s.error != EPIPE));
}

int ktcp_sock_wait_for_poke(struct socket *sock, unsigned int events, int timeout_ms, bool *poked)
{
	call c(sock, "ktcp_sock_wait");
	uint64_t deadline = timeout_ms < 0 ? UINT64_MAX : c.k.now_ms() + unsigned(timeout_ms);

	if (c.s.hook)
		c.k.fail("ktcp_sock_wait: %s is hooked", c.s.name.c_str());
	if ((!events && !poked) || events & ~(KTCP_SOCK_READABLE | KTCP_SOCK_WRITABLE))
		c.k.fail("ktcp_sock_wait: for events %u", events);
	for (;;) {
		if (poked && *poked) {
			*poked = false;
			return c.done(0);
		}
		if (((events & KTCP_SOCK_READABLE) && c.k.net->readable(c.s)) ||
		    ((events & KTCP_SOCK_WRITABLE) && c.k.net->writable(c.s)) ||
		    (!events && is_lost(c.s)) ||
		    (events &&
		     (c.s.state == sim::tcp_state::done || c.s.state == sim::tcp_state::closed)))
			return c.done(0);
		if (sim::thread_should_stop(c.k))
			return c.done(-EINTR);
		if (c.k.now_ms() >= deadline)
			return c.done(-ETIMEDOUT);
		if (deadline == UINT64_MAX)
			c.k.block(&c.s, "ktcp_sock_wait");
		else
			c.k.block_until(&c.s, deadline, "ktcp_sock_wait");
		if (c.s.hook)
			c.k.fail("ktcp_sock_wait: %s was hooked meanwhile", c.s.name.c_str());
	}
}

int ktcp_sock_wait(struct socket *sock, unsigned int events, int timeout_ms)
{
	return ktcp_sock_wait_for_poke(sock, events, timeout_ms, nullptr);
}

void ktcp_sock_poke(struct socket *sock, bool *poked)
{
	kernel &k = kernel::enter_any("ktcp_sock_poke");

	if (sock->released)
		k.fail("ktcp_sock_poke: %s was released", sock->sk->name.c_str());
	*poked = true;
	k.wake(sock->sk);
	k.point();
}

int ktcp_sock_shutdown(struct socket *sock, enum ktcp_shutdown how)
{
	kernel &k = enter(sock, "ktcp_sock_shutdown");
	tcp &s = *sock->sk;
	int status;

	k.net->lock(s);
	if (sock->released)
		k.fail("ktcp_sock_shutdown: %s was released meanwhile", s.name.c_str());
	k.trace("shutdown %s", s.name.c_str());
	status = breaks(k, s, "ktcp_sock_shutdown") ? -ENOTCONN : k.net->shutdown(s, how);
	k.point();
	k.net->unlock(s);
	return status;
}

int ktcp_sock_local(struct socket *sock, struct ktcp_endpoint *out)
{
	if (enter(sock, "ktcp_sock_local").fails("ktcp_sock_local"))
		return -ENOBUFS;
	*out = sock->sk->local;
	return 0;
}

int ktcp_sock_remote(struct socket *sock, struct ktcp_endpoint *out)
{
	kernel &k = enter(sock, "ktcp_sock_remote");

	/* inet_getname(): a socket that was closed has no peer any more */
	if (sock->sk->state != sim::tcp_state::established || k.fails("ktcp_sock_remote"))
		return -ENOTCONN;
	*out = sock->sk->remote;
	return 0;
}

void ktcp_sock_set_reuseaddr(struct socket *sock)
{
	call(sock, "ktcp_sock_set_reuseaddr").s.reuseaddr = true;
}

void ktcp_sock_set_v6only(struct socket *sock, bool only)
{
	call c(sock, "ktcp_sock_set_v6only");

	if (c.s.bound)
		c.k.fail("ktcp_sock_set_v6only: %s is bound already", c.s.name.c_str());
	c.s.v6only = c.s.inet6 && only;
}

void ktcp_sock_set_nodelay(struct socket *sock)
{
	call(sock, "ktcp_sock_set_nodelay").s.nodelay = true;
}

void ktcp_sock_set_keepalive(struct socket *sock)
{
	call(sock, "ktcp_sock_set_keepalive").s.keepalive = true;
}

void ktcp_sock_set_quickack(struct socket *sock, bool on)
{
	/* Another context may be accepting from it already. */
	kernel &k = enter(sock, "ktcp_sock_set_quickack");
	tcp &s = *sock->sk;

	k.net->lock(s);
	s.quickack = on;
	k.net->unlock(s);
}

void ktcp_sock_set_oobinline(struct socket *sock)
{
	call(sock, "ktcp_sock_set_oobinline").s.oobinline = true;
}

/* Buffers stay what the seed made them: small ones are what brings out mistakes. */

void ktcp_sock_set_rcvbuf(struct socket *sock, int bytes)
{
	call c(sock, "ktcp_sock_set_rcvbuf");

	if (bytes <= 0)
		c.k.fail("ktcp_sock_set_rcvbuf: %d bytes", bytes);
}

void ktcp_sock_set_sndbuf(struct socket *sock, int bytes)
{
	call c(sock, "ktcp_sock_set_sndbuf");

	if (bytes <= 0)
		c.k.fail("ktcp_sock_set_sndbuf: %d bytes", bytes);
}

void ktcp_sock_set_user_timeout(struct socket *sock, unsigned int ms)
{
	enter(sock, "ktcp_sock_set_user_timeout");
	sock->sk->user_timeout_ms = ms;
}

/* There is no device but the network. */
/* As the kernel numbers its namespaces: the initial one has a number of its own. */
uint32_t ktcp_net_number(const struct net *net)
{
	return net ? static_cast<uint32_t>(reinterpret_cast<uintptr_t>(net) >> 4) : 4026531840u;
}

bool ktcp_is_init_net(const struct net *net)
{
	return !net;
}

bool ktcp_is_in_init_net(void)
{
	return true;
}

uint32_t ktcp_net_ifindex(struct net *, const char *)
{
	return 0;
}

int ktcp_watch_devices(struct net *, struct ktcp_device_watch *)
{
	return 0;
}

void ktcp_unwatch_devices(struct net *, struct ktcp_device_watch *)
{
}

/* Asked only to name the one that has a port. */
size_t ktcp_tcp_count_listeners(struct net *,
				bool (*)(void *context, const struct ktcp_tcp_identity *each),
				void *)
{
	return 0;
}

int ktcp_sock_set_option(struct socket *sock, enum ktcp_sock_option, const void *, size_t)
{
	call c(sock, "ktcp_sock_set_option");

	return 0;
}

int ktcp_sock_hold_net(struct socket *sock)
{
	call c(sock, "ktcp_sock_hold_net");

	if ((c.s.ns && c.s.ns->dying) || c.k.fails("ktcp_sock_hold_net"))
		return c.done(-ENONET);
	c.s.holds_net = true;
	return c.done(0);
}

void ktcp_sock_no_linger(struct socket *sock)
{
	call(sock, "ktcp_sock_no_linger").s.no_linger = true;
}

void ktcp_sock_hook(struct socket *sock, struct ktcp_sock_hook *hook)
{
	locked_call c(sock, "ktcp_sock_hook");

	if (c.s.hook)
		c.k.fail("ktcp_sock_hook: %s is hooked already", c.s.name.c_str());
	if (c.s.state == sim::tcp_state::listening)
		c.k.fail("ktcp_sock_hook: %s is a listener", c.s.name.c_str());
	c.s.hook = hook;
	c.k.trace("hook %s", c.s.name.c_str());
}

void ktcp_sock_unhook(struct socket *sock, struct ktcp_sock_hook *hook)
{
	locked_call c(sock, "ktcp_sock_unhook");

	if (c.s.hook != hook)
		c.k.fail("ktcp_sock_unhook: %s has another hook, or none", c.s.name.c_str());
	c.s.hook = nullptr;
	c.k.trace("unhook %s", c.s.name.c_str());
}

int ktcp_sock_hook_listener(struct socket *sock, struct ktcp_sock_hook *hook)
{
	call c(sock, "ktcp_sock_hook_listener");

	if (c.k.fails("ktcp_sock_hook_listener"))
		return -ENOMEM;
	if (c.s.hook)
		c.k.fail("ktcp_sock_hook_listener: %s is hooked already", c.s.name.c_str());
	while (c.s.callbacks_running)
		c.k.block(&c.s.callbacks_running, "sk_callback_lock");
	c.s.hook = hook;
	return 0;
}

bool ktcp_sock_listening(const struct socket *sock)
{
	kernel &k = kernel::now("ktcp_sock_listening");

	if (sock->released)
		k.fail("ktcp_sock_listening: %s was released", sock->sk->name.c_str());
	return sock->sk->state == sim::tcp_state::listening && !sock->sk->destroyed;
}

/* Beside an accept under way: that is how a server begins to stop. */
void ktcp_sock_unhook_listener(struct socket *sock, struct ktcp_sock_hook *hook)
{
	kernel &k = enter(sock, "ktcp_sock_unhook_listener");
	tcp &s = *sock->sk;

	while (s.callbacks_running)
		k.block(&s.callbacks_running, "sk_callback_lock");
	if (s.hook != hook)
		k.fail("ktcp_sock_unhook_listener: %s has another hook, or none", s.name.c_str());
	s.hook = nullptr;
	for (tcp *child : s.accept_queue)
		child->watched = false;
	k.trace("unhook listener %s", s.name.c_str());
}

bool ktcp_sock_is_local(const struct socket *sock)
{
	kernel &k = kernel::now("ktcp_sock_is_local");

	if (sock->released)
		k.fail("ktcp_sock_is_local: %s was released", sock->sk->name.c_str());
	return sock->sk->cpu & 1; /* some are */
}

static const tcp &asked(const struct socket *sock, const char *call)
{
	kernel &k = kernel::now(call);

	if (sock->released)
		k.fail("%s: %s was released", call, sock->sk->name.c_str());
	return *sock->sk;
}

uint32_t ktcp_sock_unheard_ms(const struct socket *sock)
{
	const tcp &s = asked(sock, "ktcp_sock_unheard_ms");

	return uint32_t(kernel::now("ktcp_sock_unheard_ms").now_ms() - s.heard_ms);
}

bool ktcp_sock_has_unread(const struct socket *sock)
{
	return !asked(sock, "ktcp_sock_has_unread").in.empty();
}

bool ktcp_sock_is_lost(const struct socket *sock)
{
	return is_lost(asked(sock, "ktcp_sock_is_lost"));
}

uint32_t ktcp_sock_untaken_ms(const struct socket *sock)
{
	const tcp &s = asked(sock, "ktcp_sock_untaken_ms");

	return s.progress_ms ?
		       uint32_t(kernel::now("ktcp_sock_untaken_ms").now_ms() - s.progress_ms) :
		       UINT32_MAX;
}

uint32_t ktcp_sock_unread(const struct socket *sock)
{
	const tcp &s = asked(sock, "ktcp_sock_unread");

	return uint32_t(s.out.size() + s.unacked);
}

int ktcp_sock_incoming_cpu(const struct socket *sock)
{
	kernel &k = kernel::now("ktcp_sock_incoming_cpu");

	if (sock->released)
		k.fail("ktcp_sock_incoming_cpu: %s was released", sock->sk->name.c_str());
	return sock->sk->cpu;
}
