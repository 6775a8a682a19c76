/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The simulated TCP: see network.hpp. Each rule names the part of the kernel that it imitates. */
#include "network.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "address.hpp"

namespace sim
{
namespace
{

constexpr int handshake_tries_limit = 6; /* net.ipv4.tcp_syn_retries */
constexpr uint64_t time_wait_ms = 60'000;

uint32_t window(const tcp &s)
{
	size_t used = s.in.size() + s.backlog_bytes;

	return used < s.rcvbuf ? uint32_t(s.rcvbuf - used) : 0;
}

bool something_to_deliver(const tcp &s)
{
	return s.state == tcp_state::established &&
	       (!s.out.empty() || s.unacked || (s.snd_shutdown && !s.fin_acked));
}

} // namespace

network::network(kernel &k) : kernel_(k)
{
	static constexpr unsigned limits[] = { 1, 7, 64, 1460 };

	next_port_ = uint16_t(k.chance.between(32768, 50000));
	segment_limit_ = limits[k.chance.below(4)];
}

network::~network() = default;

/* Which packets could arrive, and what each does */

bool network::held_by_softirq(const tcp &s) const
{
	return s.owner && s.owner->kind == context::softirq;
}

bool network::has_callbacks(const tcp &s) const
{
	return (s.listener && s.watched) || s.hook;
}

const std::vector<network::action> &network::possible()
{
	possible_.clear();
	if (!kernel_.link_up)
		return possible_;
	for (size_t i = 0; i < active_.size(); i++) {
		tcp &s = *active_[i];
		auto add = [&](packet what) { possible_.push_back({ &s, what, s.priority }); };

		if (s.rst_out && !s.peer)
			s.rst_out = false;
		if (!s.owned && !s.listener && !s.rst_out && s.handshake == packet::data &&
		    (s.state == tcp_state::done || s.state == tcp_state::closed)) {
			active_.erase(active_.begin() + i--);
			continue;
		}
		if (s.handshake != packet::data) {
			if (!s.handshake_waits && !held_by_softirq(s))
				add(s.handshake);
			continue;
		}
		if (s.rst_out) {
			if (!held_by_softirq(*s.peer))
				add(packet::rst);
			continue;
		}
		if (s.state != tcp_state::established || s.orphan_without_timer)
			continue;
		if (s.peer && !held_by_softirq(*s.peer)) {
			if (!s.out.empty()) {
				if (window(*s.peer) || s.peer->state == tcp_state::done)
					add(packet::data);
			} else if (s.snd_shutdown && !s.fin_delivered) {
				add(packet::fin);
			}
		}
		if ((s.unacked || (s.fin_delivered && !s.fin_acked)) && !s.ack_in_backlog &&
		    !held_by_softirq(s))
			add(packet::ack);
	}
	return possible_;
}

void network::perform(const action &chosen)
{
	tcp &from = *chosen.from;

	kernel_.note(uint64_t(from.id) * 16 + uint64_t(chosen.what));
	switch (chosen.what) {
	case packet::syn:
	case packet::synack:
	case packet::ack_of_handshake:
		handshake_step(from, chosen.what);
		break;
	case packet::ack:
		receive(from, segment{ packet::ack, {} });
		break;
	default:
		receive(*from.peer, take_segment(from, chosen.what));
	}
}

segment network::take_segment(tcp &from, packet what)
{
	segment s{ what, {} };

	from.progress_ms = kernel_.now_ms();
	if (what == packet::rst) {
		from.rst_out = false;
	} else if (what == packet::fin) {
		from.fin_delivered = true;
	} else {
		/* Small segments, but not a thousand of them. */
		size_t limit = std::max<size_t>(segment_limit_, from.out.size() / 8);
		uint32_t n = uint32_t(std::min(from.out.size(), limit));

		if (from.peer->state != tcp_state::done)
			n = std::min(n, window(*from.peer));
		n = kernel_.chance.between(1, n);
		s.payload.assign(from.out.data(), from.out.data() + n);
		from.out.drop(n);
		from.unacked += n;
	}
	return s;
}

/* As tcp_v4_rcv(): to the backlog if a process owns the socket, else under its spinlock. */
void network::receive(tcp &to, segment &&s)
{
	if (to.owner) {
		to.backlog_bytes += s.payload.size();
		to.ack_in_backlog |= s.what == packet::ack;
		to.backlog.push_back(std::move(s));
		return;
	}
	if (!has_callbacks(to)) {
		process(to, std::move(s));
		return;
	}
	to.owner = &kernel_.raise_softirq(("softirq/" + to.name).c_str(), [this, &to, s]() mutable {
		process(to, std::move(s));
		unlock(to);
	});
}

void network::process(tcp &to, segment &&s)
{
	static const char *const names[] = { "SYN", "SYNACK", "ACK", "data", "FIN", "RST", "ack" };

	kernel_.trace("%s: %s arrives%s%s", to.name.c_str(), names[int(s.what)],
		      s.payload.empty() ? "" : ", bytes ",
		      s.payload.empty() ? "" : std::to_string(s.payload.size()).c_str());
	kernel_.news();
	to.cpu = int(kernel_.chance.below(kernel_.cpus));
	if (s.what == packet::ack) {
		acknowledged(to);
		return;
	}
	/* tcp_rcv_synsent_state_process(); the socket may have been closed meanwhile */
	if (s.what == packet::synack) {
		if (to.state != tcp_state::syn_sent)
			return;
		to.state = tcp_state::established;
		to.handshake = packet::ack_of_handshake;
		to.progress_ms = kernel_.now_ms();
		announce(to, KTCP_SOCK_STATE);
		return;
	}
	if (s.what == packet::rst) { /* tcp_reset(): announced as a change of state only */
		if (to.state == tcp_state::done || to.state == tcp_state::closed)
			return;
		become_done(to, to.state == tcp_state::syn_sent ? ECONNREFUSED :
				to.fin_received			? EPIPE :
								  ECONNRESET);
		announce(to, KTCP_SOCK_STATE);
		return;
	}
	if (to.state == tcp_state::done) {
		to.rst_out = true;
		return;
	}
	/* tcp_fin(), which the port keeps to itself, then tcp_data_ready() */
	if (s.what == packet::fin) {
		to.fin_received = true;
		announce(to, KTCP_SOCK_READABLE);
		finish_if_both_closed(to);
		return;
	}
	/* Data for one who has closed: tcp_rcv_state_process() in FIN-WAIT with RCV_SHUTDOWN. */
	if (to.rcv_shutdown && to.snd_shutdown) {
		reset(to);
		to.error = ECONNRESET;
		announce(to, KTCP_SOCK_STATE);
		return;
	}
	to.in.append(s.payload.data(), s.payload.size());
	to.heard_ms = kernel_.now_ms();
	announce(to, KTCP_SOCK_READABLE);
}

void network::acknowledged(tcp &s)
{
	s.ack_in_backlog = false;
	if (s.state != tcp_state::established)
		return;
	s.progress_ms = kernel_.now_ms();
	s.unacked = kernel_.chance.below(8) ? 0 : s.unacked / 2;
	if (s.fin_delivered && !s.fin_acked && !s.unacked) {
		s.fin_acked = true;
		announce(s, KTCP_SOCK_STATE); /* FIN-WAIT-1 to FIN-WAIT-2 */
		finish_if_both_closed(s);
	}
	/* tcp_check_space() */
	if (s.nospace && room(s) * 3 >= s.sndbuf) {
		s.nospace = false;
		announce(s, KTCP_SOCK_WRITABLE);
	} else {
		kernel_.wake(&s);
	}
}

void network::finish_if_both_closed(tcp &s)
{
	if (s.state != tcp_state::established || !s.fin_received || !s.fin_acked)
		return;
	if (s.fin_first)
		time_wait_.emplace_back(s.local, kernel_.now_ms() + time_wait_ms);
	become_done(s, 0);
	announce(s, KTCP_SOCK_STATE);
}

void network::become_done(tcp &s, int error)
{
	kernel_.trace("%s: closed%s%s", s.name.c_str(), error ? ", " : "",
		      error ? strerror(error) : "");
	s.state = tcp_state::done;
	s.error = error;
	s.out.clear();
	s.unacked = 0;
	s.snd_shutdown = s.rcv_shutdown = true;
	s.handshake = packet::data;
	kernel_.news();
	kernel_.wake(&s);
}

/* As tcp_send_active_reset(): the connection is over here, and soon there. */
void network::reset(tcp &s)
{
	if (s.state == tcp_state::established && s.peer)
		s.rst_out = true;
	if (s.state != tcp_state::done)
		become_done(s, 0);
}

void network::abort(tcp &s, int error)
{
	reset(s);
	s.error = error;
	announce(s, KTCP_SOCK_STATE);
}

/* Telling */

void network::announce(tcp &s, unsigned events)
{
	task &self = kernel_.current();

	if (s.listener && s.watched) {
		listener_ready(*s.listener, KTCP_SOCK_READABLE);
		return;
	}
	if (!has_callbacks(s) || !(s.hook || (events & KTCP_SOCK_READABLE))) {
		kernel_.wake(&s);
		return;
	}
	self.in_callback++;
	self.in_module++;
	kernel_.point();
	if (struct ktcp_sock_hook *hook = s.hook) {
		/* Not from the backlog of somebody's process. */
		if ((events & KTCP_SOCK_READABLE) && self.kind == context::softirq &&
		    s.owner == &self)
			events |= KTCP_SOCK_SOFTIRQ;
		kernel_.trace("%s: event %u", s.name.c_str(), events);
		const bool was_open = s.open;

		s.open = events & KTCP_SOCK_SOFTIRQ;
		hook->event(hook, events);
		s.open = was_open;
	}
	kernel_.point();
	self.in_module--;
	self.in_callback--;
}

/*
 * As tcp_child_process(): the listener's sk_data_ready, called without the listener's lock.
 * The code runs before and after the callback lock is held, and that is what
 * synchronize_rcu() is for.
 */
void network::listener_ready(tcp &listener, unsigned events)
{
	task &self = kernel_.current();

	self.in_callback++;
	self.in_module++;
	kernel_.point();
	listener.callbacks_running++;
	if (struct ktcp_sock_hook *hook = listener.hook) {
		kernel_.point();
		kernel_.trace("%s: event %u", listener.name.c_str(), events);
		hook->event(hook, events);
		kernel_.point();
	}
	if (--listener.callbacks_running == 0)
		kernel_.wake(&listener.callbacks_running);
	kernel_.point();
	self.in_module--;
	self.in_callback--;
}

/* The lock */

void network::lock(tcp &s)
{
	while (s.owner)
		kernel_.block(&s.owner, "lock_sock");
	s.owner = &kernel_.current();
}

/* As release_sock(): segments that arrived in the meantime are processed first, in this context. */
void network::unlock(tcp &s)
{
	while (!s.backlog.empty()) {
		segment next = std::move(s.backlog.front());

		s.backlog.pop_front();
		s.backlog_bytes -= next.payload.size();
		process(s, std::move(next));
	}
	s.owner = nullptr;
	s.spun = false;
	kernel_.wake(&s.owner);
	kernel_.news();
}

/* Setting up */

tcp &network::create(::net *ns, bool inet6, bool user)
{
	static constexpr unsigned buffers[] = { 8, 50, 300, 4096, 65536 };
	unsigned fixed = kernel_.how.buffer_bytes;

	all_.push_back(std::make_unique<tcp>());
	tcp &s = *all_.back();

	s.id = int(all_.size());
	s.name = (user ? "client-sock#" : "sock#") + std::to_string(s.id);
	s.user = user;
	s.ns = ns;
	s.inet6 = inet6;
	s.v6only = inet6 && kernel_.chance.coin(); /* net.ipv6.bindv6only */
	s.rcvbuf = fixed ? fixed : buffers[kernel_.chance.below(5)];
	s.sndbuf = fixed ? fixed : buffers[kernel_.chance.below(5)];
	s.priority = uint32_t(1000 + kernel_.chance.below(1u << 30));
	s.local = any_address(inet6);
	active_.push_back(&s);
	return s;
}

bool network::conflicts(const tcp &s, const ktcp_endpoint &local) const
{
	if (!s.reuseaddr)
		for (const auto &[where, until] : time_wait_)
			if (where.port == local.port && until > kernel_.now_ms())
				return true;
	for (const tcp *other : active_) {
		bool gone = other->state == tcp_state::done && !other->rst_out;

		if (other == &s || !other->bound || gone || other->ns != s.ns ||
		    other->local.port != local.port)
			continue;
		if (s.reuseaddr && other->reuseaddr && other->state != tcp_state::listening)
			continue;
		if (overlap(s.inet6, s.v6only, local, other->inet6, other->v6only, other->local))
			return true;
	}
	return false;
}

uint16_t network::ephemeral_port()
{
	for (;;) {
		if (++next_port_ < 32768)
			next_port_ = 32768;
		if (std::none_of(active_.begin(), active_.end(), [this](const tcp *s) {
			    return s->bound && s->local.port == next_port_;
		    }))
			return next_port_;
	}
}

int network::bind(tcp &s, const ktcp_endpoint &where)
{
	ktcp_endpoint local = where;

	if (s.bound || s.state != tcp_state::closed)
		return -EINVAL;
	if (!s.inet6) {
		if (is_any(local))
			local = any_address(false);
		if (!is_v4(local))
			return -EAFNOSUPPORT;
		local.port = where.port;
	} else if (s.v6only && is_v4(local)) {
		return -EADDRNOTAVAIL;
	}
	if (!is_any(local) && !is_local(local))
		return -EADDRNOTAVAIL;
	if (!local.port)
		local.port = ephemeral_port();
	else if (conflicts(s, local))
		return -EADDRINUSE;
	s.local = local;
	s.bound = true;
	return 0;
}

int network::listen(tcp &s, int backlog)
{
	if (s.state != tcp_state::closed && s.state != tcp_state::listening)
		return -EINVAL;
	if (!s.bound) {
		s.local.port = ephemeral_port();
		s.bound = true;
	}
	s.state = tcp_state::listening;
	s.backlog_limit = std::max(backlog, 0);
	return 0;
}

int network::connect(tcp &s, const ktcp_endpoint &remote)
{
	if (s.state == tcp_state::established)
		return -EISCONN;
	if (s.state == tcp_state::syn_sent)
		return -EALREADY;
	if (s.state != tcp_state::closed)
		return -EINVAL;
	if (!s.inet6 && !is_v4(remote))
		return -EAFNOSUPPORT;
	if ((!is_local(remote) && !is_silent(remote)) || (s.inet6 && s.v6only && is_v4(remote)))
		return -ENETUNREACH;
	if (is_any(s.local)) {
		uint16_t port = s.local.port;

		s.local = is_local(remote) ? remote : v4_loopback(0);
		s.local.port = port;
	}
	if (!s.bound) {
		s.local.port = ephemeral_port();
		s.bound = true;
	}
	/* __inet_check_established() */
	for (const tcp *other : active_) {
		bool gone = other->state == tcp_state::done && !other->rst_out;

		if (other != &s && !gone && other->ns == s.ns &&
		    other->local.port == s.local.port && same_address(other->local, s.local) &&
		    other->remote.port == remote.port && same_address(other->remote, remote))
			return -EADDRNOTAVAIL;
	}
	s.remote = remote;
	s.state = tcp_state::syn_sent;
	s.handshake = packet::syn;
	kernel_.news();
	return -EINPROGRESS;
}

int network::connected(tcp &s)
{
	if (s.state == tcp_state::syn_sent)
		return -EINPROGRESS;
	if (s.state == tcp_state::established)
		return 0;

	const int error = s.error ? s.error : ECONNABORTED;

	s.error = 0;
	s.state = tcp_state::closed;
	return -error;
}

tcp *network::find_listener(const tcp &from, const ktcp_endpoint &to) const
{
	tcp *wild = nullptr;

	for (tcp *s : active_) {
		if (s->state != tcp_state::listening || s->ns != from.ns ||
		    s->local.port != to.port)
			continue;
		if (!(is_v4(to) ? covers_v4(s->inet6, s->v6only, s->local) :
				  covers_v6(s->inet6, s->local)))
			continue;
		if (same_address(s->local, to))
			return s;
		if (is_any(s->local))
			wild = s;
	}
	return wild;
}

void network::handshake_step(tcp &client, packet what)
{
	tcp *listener = find_listener(client, client.remote);

	kernel_.news();
	if (is_silent(client.remote)) {
		retry_handshake(client);
		return;
	}
	if (what == packet::synack || !listener) {
		client.handshake = packet::data;
		receive(client, segment{ what == packet::synack ? what : packet::rst, {} });
		return;
	}
	/* sk_acceptq_is_full() */
	if (int(listener->accept_queue.size()) > listener->backlog_limit) {
		retry_handshake(client);
		return;
	}
	client.handshake_tries = 0;
	if (what == packet::syn) {
		client.handshake = packet::synack;
		return;
	}
	client.handshake = packet::data;
	accept_child(client, *listener);
}

void network::retry_handshake(tcp &client)
{
	if (client.handshake_tries == handshake_tries_limit) {
		client.handshake = packet::data;
		if (client.state == tcp_state::syn_sent)
			abandon_handshake(client);
		else
			receive(client, segment{ packet::rst, {} });
		return;
	}
	client.handshake_waits = true;
	kernel_.arm(kernel_.now_ms() + (1000u << client.handshake_tries++), [this, &client] {
		client.handshake_waits = false;
		kernel_.news();
	});
}

/* As tcp_write_timeout() */
void network::abandon_handshake(tcp &client)
{
	if (client.state != tcp_state::syn_sent)
		return; /* closed meanwhile */
	if (client.owner)
		kernel_.arm(kernel_.now_ms() + 1, [this, &client] { abandon_handshake(client); });
	else
		time_out(client);
}

void network::accept_child(tcp &client, tcp &listener)
{
	tcp &child = create(listener.ns, listener.inet6, listener.user);

	child.owned = false;
	child.state = tcp_state::established;
	child.local = client.remote;
	child.remote = client.local;
	child.bound = true;
	child.v6only = listener.v6only;
	child.reuseaddr = listener.reuseaddr;
	child.nodelay = listener.nodelay;
	child.keepalive = listener.keepalive;
	child.oobinline = listener.oobinline;
	child.no_linger = listener.no_linger;
	child.user_timeout_ms = listener.user_timeout_ms;
	child.rcv_shutdown = child.snd_shutdown = listener.destroyed;
	child.heard_ms = kernel_.now_ms();
	child.peer = &client;
	child.listener = &listener;
	client.peer = &child;
	listener.accept_queue.push_back(&child);
	kernel_.trace("%s: %s waits to be accepted", listener.name.c_str(), child.name.c_str());
	if (listener.hook)
		kernel_.raise_softirq(("softirq/" + listener.name).c_str(),
				      [this, &listener, &child] {
					      listener_ready(listener, watch(listener, child));
				      });
	else
		kernel_.wake(&listener);
}

/* The events to tell of a new connection. Now and then it is not watched, and they are lost. */
unsigned network::watch(tcp &listener, tcp &child)
{
	if (child.listener != &listener || !child.in.empty() || child.fin_received ||
	    child.state != tcp_state::established)
		return KTCP_SOCK_READABLE;
	child.watched = listener.hook && !kernel_.fails("a hint of first data");
	return KTCP_SOCK_CONNECTED;
}

tcp &network::accept(tcp &listener)
{
	tcp &child = *listener.accept_queue.front();

	listener.accept_queue.pop_front();
	child.listener = nullptr;
	child.watched = false;
	child.owned = true;
	kernel_.news();
	return child;
}

/* Data */

size_t network::room(const tcp &s)
{
	size_t used = s.out.size() + s.unacked;

	return used < s.sndbuf ? s.sndbuf - used : 0;
}

bool network::readable(const tcp &s) const
{
	if (s.state == tcp_state::listening)
		return !s.accept_queue.empty();
	if (s.state == tcp_state::syn_sent)
		return false;
	return !s.in.empty() || s.fin_received || s.rcv_shutdown || s.error ||
	       s.state != tcp_state::established;
}

bool network::writable(const tcp &s) const
{
	if (s.state == tcp_state::syn_sent)
		return false;
	return s.error || s.snd_shutdown || s.state != tcp_state::established ||
	       room(s) * 3 >= s.sndbuf;
}

/* As tcp_recvmsg_locked(): bytes first, then the reason why no more will come. */
long network::recv(tcp &s, void *buffer, size_t size)
{
	if (!s.in.empty()) {
		size_t n = std::min(size, s.in.size());

		memcpy(buffer, s.in.data(), n);
		s.in.drop(n);
		kernel_.news();
		return long(n);
	}
	if (s.fin_received)
		return 0;
	if (s.error) {
		int error = s.error;

		s.error = 0;
		return -error;
	}
	if (s.state == tcp_state::closed || s.state == tcp_state::listening)
		return -ENOTCONN;
	/* A reset of which a send was told. */
	if (s.rcv_shutdown)
		return s.state == tcp_state::done ? -ECONNRESET : 0;
	return -EAGAIN;
}

long network::send(tcp &s, const void *data, size_t size)
{
	if (s.error) {
		int error = s.error;

		s.error = 0;
		return -error;
	}
	if (s.snd_shutdown || s.state != tcp_state::established)
		return -EPIPE;

	size_t n = std::min(size, room(s));

	if (n == 0 && size) {
		s.nospace = true;
		return -EAGAIN;
	}
	if (!something_to_deliver(s))
		s.progress_ms = kernel_.now_ms();
	s.out.append(static_cast<const uint8_t *>(data), n);
	if (n < size && kernel_.chance.coin())
		s.nospace = true; /* sk_stream_wait_memory() had begun to wait */
	watch_for_stall(s);
	kernel_.news();
	return long(n);
}

/* The end */

/* As inet_shutdown(): sk_state_change is called in any case. */
int network::shutdown(tcp &s, ktcp_shutdown how)
{
	int status = 0;

	kernel_.news();
	switch (s.state) {
	case tcp_state::listening:
		if (how != KTCP_SHUT_WR) {
			drop_backlog(s);
			s.state = tcp_state::closed;
		}
		break;
	case tcp_state::syn_sent:
		become_done(s, ECONNABORTED);
		break;
	case tcp_state::established:
		if (how != KTCP_SHUT_RD && !s.snd_shutdown) {
			s.snd_shutdown = true;
			s.fin_first = !s.fin_received;
			s.progress_ms = kernel_.now_ms();
			watch_for_stall(s);
		}
		if (how != KTCP_SHUT_WR)
			s.rcv_shutdown = true;
		break;
	default:
		status = -ENOTCONN;
	}
	announce(s, KTCP_SOCK_STATE);
	return status;
}

/* As SOCK_DESTROY does, by tcp_abort(). */
void network::destroy_listener(uint16_t port)
{
	const auto found = std::find_if(active_.begin(), active_.end(), [port](const tcp *s) {
		return s->state == tcp_state::listening && s->local.port == port;
	});

	if (found == active_.end())
		return;

	tcp &listener = **found;

	lock(listener);
	if (listener.state == tcp_state::listening) {
		kernel_.trace("%s: destroyed", listener.name.c_str());
		listener.state = tcp_state::closed;
		listener.destroyed = true;
		drop_backlog(listener);
		if (listener.hook)
			listener_ready(listener, KTCP_SOCK_STATE);
	}
	unlock(listener);
}

/* As inet_csk_listen_stop(): connections that were not accepted are reset. */
void network::drop_backlog(tcp &listener)
{
	for (tcp *child : listener.accept_queue) {
		reset(*child);
		child->in.clear();
		child->listener = nullptr;
	}
	listener.accept_queue.clear();
	kernel_.news();
}

/* As tcp_close(). */
void network::close(tcp &s)
{
	s.owned = false;
	kernel_.news();
	if (s.state == tcp_state::listening)
		drop_backlog(s);
	if (s.state == tcp_state::syn_sent)
		s.handshake = packet::data;
	if (s.state != tcp_state::established) {
		s.state = tcp_state::done;
		return;
	}
	if (s.no_linger || !s.in.empty()) {
		s.in.clear();
		reset(s);
		return;
	}
	if (!s.snd_shutdown) {
		s.snd_shutdown = true;
		s.fin_first = !s.fin_received;
		s.progress_ms = kernel_.now_ms();
	}
	s.rcv_shutdown = true;
	if (!s.user && !s.holds_net && !s.fin_acked) {
		kernel_.trace("%s: an orphan without a timer", s.name.c_str());
		s.orphan_without_timer = true;
		return;
	}
	watch_for_stall(s);
}

/* TCP_USER_TIMEOUT */
void network::watch_for_stall(tcp &s)
{
	if (!s.user_timeout_ms || s.stall_timer)
		return;
	s.stall_timer = true;
	kernel_.arm(s.progress_ms + s.user_timeout_ms, [this, &s] { stall_check(s); });
}

void network::stall_check(tcp &s)
{
	s.stall_timer = false;
	if (s.state != tcp_state::established || !something_to_deliver(s) || !s.user_timeout_ms)
		return;
	if (s.owner || kernel_.now_ms() < s.progress_ms + s.user_timeout_ms) {
		s.stall_timer = true;
		kernel_.arm(std::max(kernel_.now_ms() + 1, s.progress_ms + s.user_timeout_ms),
			    [this, &s] { stall_check(s); });
		return;
	}
	time_out(s);
}

/* As tcp_write_err(), of a socket without an owner. */
void network::time_out(tcp &s)
{
	reset(s); /* the peer learns of it at its next packet; here: at once */
	s.error = ETIMEDOUT;
	if (!has_callbacks(s)) {
		kernel_.wake(&s);
		return;
	}
	s.owner = &kernel_.raise_softirq(("timer/" + s.name).c_str(), [this, &s] {
		announce(s, KTCP_SOCK_STATE);
		unlock(s);
	});
}

/* Namespaces, and what is left */

::net *network::new_namespace()
{
	namespaces_.push_back(std::make_unique<::net>());
	return namespaces_.back().get();
}

void network::dismantle(::net *ns)
{
	ns->dying = true;
}

const char *network::busy()
{
	possible();
	for (const tcp *s : active_) {
		if (s->orphan_without_timer || (s->peer && s->peer->orphan_without_timer))
			continue;
		busy_ = s->name + (s->state == tcp_state::established ? ", still established" :
									", not at its end");
		return busy_.c_str();
	}
	return nullptr;
}

void network::check_orphans()
{
	for (const auto &s : all_)
		if (s->orphan_without_timer && !kernel_.how.allow_orphans)
			kernel_.fail("%s was released with bytes under way and without "
				     "ktcp_sock_hold_net(): an orphan without a timer",
				     s->name.c_str());
}

void network::check_unloaded()
{
	for (const auto &s : all_) {
		if (s->user)
			continue;
		if (s->hook)
			kernel_.fail("%s is still hooked", s->name.c_str());
		if (s->owned)
			kernel_.fail("%s leaked", s->name.c_str());
	}
}

void network::check_freed(const void *memory, size_t size)
{
	const char *from = static_cast<const char *>(memory);

	for (const tcp *s : active_) {
		const char *hook = reinterpret_cast<const char *>(s->hook);

		if (hook && hook >= from && hook < from + size)
			kernel_.fail("memory freed with the hook of %s in it", s->name.c_str());
	}
}

unsigned network::module_sockets() const
{
	return unsigned(std::count_if(all_.begin(), all_.end(), [](const auto &s) {
		return s->owned && !s->user && s->state != tcp_state::listening;
	}));
}

} // namespace sim
