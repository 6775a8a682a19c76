/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * TCP inside one simulated host: listeners and their backlogs, connections as two byte streams with
 * limited buffers, FIN and RST. Packets arrive when the scheduler says so. Each socket has a lock
 * with a backlog behind it, and event callbacks as the kernel makes them. Nothing is lost on the
 * way unless the link is down; delays and reordering between sockets are what a run explores.
 *
 * This is the transport, what the kernel calls struct sock. port_socket.cpp puts the
 * boundary's functions on top of it, client.cpp a test's clients.
 */
#ifndef KTCP_SIM_NETWORK_HPP
#define KTCP_SIM_NETWORK_HPP

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <ktcp/port/socket.h>

#include "kernel.hpp"

/* A namespace; the initial one is a null pointer. */
struct net {
	bool dying = false;
};

namespace sim
{

/* A queue of bytes. */
class bytes {
    public:
	size_t size() const
	{
		return data_.size() - head_;
	}
	bool empty() const
	{
		return !size();
	}
	const uint8_t *data() const
	{
		return data_.data() + head_;
	}
	void append(const uint8_t *from, size_t n)
	{
		data_.insert(data_.end(), from, from + n);
	}
	void drop(size_t n)
	{
		head_ += n;
		if (head_ == data_.size()) {
			data_.clear();
			head_ = 0;
		}
	}
	void clear()
	{
		drop(size());
	}

    private:
	std::vector<uint8_t> data_;
	size_t head_ = 0;
};

enum class tcp_state { closed, listening, syn_sent, established, done };
enum class packet { syn, synack, ack_of_handshake, data, fin, rst, ack };

struct segment {
	packet what;
	std::vector<uint8_t> payload;
};

struct tcp {
	int id = 0;
	std::string name;
	bool user = false; /* a client's, not the module's */
	::net *ns = nullptr;
	bool inet6 = false;
	tcp_state state = tcp_state::closed;
	ktcp_endpoint local{}, remote{};
	bool bound = false;
	bool owned = true; /* somebody holds a struct socket for it */

	/* options */
	bool v6only = false, reuseaddr = false, nodelay = false, keepalive = false;
	bool oobinline = false, quickack = true, no_linger = false, holds_net = false;
	unsigned user_timeout_ms = 0;

	/* the lock, and what arrived while it was held */
	task *owner = nullptr;
	bool spun = false; /* the owner has its spin lock alone, and no process owns it */
	bool open = false; /* to the owner's softirq calls: in an event with KTCP_SOCK_SOFTIRQ, … */
	std::deque<segment> backlog;
	size_t backlog_bytes = 0;
	task *caller = nullptr; /* in a call: one context at a time */

	/* towards us */
	size_t rcvbuf = 0;
	bytes in;
	bool fin_received = false;
	bool rcv_shutdown = false;
	/* from us */
	size_t sndbuf = 0;
	bytes out; /* not delivered */
	size_t unacked = 0; /* delivered, the acknowledgement on its way */
	bool snd_shutdown = false;
	bool ack_in_backlog = false;
	bool fin_delivered = false, fin_acked = false;
	bool nospace = false;
	bool fin_first = false; /* our FIN went before theirs came: TIME-WAIT is ours */
	bool rst_out = false;
	bool orphan_without_timer = false;

	int error = 0;
	tcp *peer = nullptr;
	packet handshake = packet::data; /* the step under way; data: none */
	bool handshake_waits = false; /* for its retransmission timer */
	int handshake_tries = 0;

	/* a listener */
	int backlog_limit = 0;
	bool destroyed = false; /* if it listens once more, its connections come to nothing */
	std::deque<tcp *> accept_queue;
	int callbacks_running = 0; /* under the callback lock */
	/* a child that nobody has accepted yet */
	tcp *listener = nullptr;
	bool watched = false; /* its first data is told to the listener's hook */

	struct ktcp_sock_hook *hook = nullptr;
	int cpu = -1;
	uint32_t priority = 0;
	bool stall_timer = false;
	uint64_t progress_ms = 0; /* the peer took bytes, or none waited for it */
	uint64_t heard_ms = 0; /* bytes came */
};

class network {
    public:
	struct action {
		tcp *from; /* whose packet it is */
		packet what;
		uint32_t priority;
	};

	explicit network(kernel &k);
	~network();

	/* The packets that could arrive now. */
	const std::vector<action> &possible();
	/* Have one arrive. */
	void perform(const action &a);

	tcp &create(::net *ns, bool inet6, bool user);
	int bind(tcp &s, const ktcp_endpoint &local);
	int listen(tcp &s, int backlog);
	/* 0 or an error; -EINPROGRESS, and then connected() says what came of it. */
	int connect(tcp &s, const ktcp_endpoint &remote);
	int connected(tcp &s);
	/* The first in the backlog, which is not empty; with its lock held. */
	tcp &accept(tcp &listener);
	/* Each with the lock held, or on a client's socket. 0, a count, or a negative errno. */
	long recv(tcp &s, void *buffer, size_t size);
	long send(tcp &s, const void *data, size_t size);
	int shutdown(tcp &s, ktcp_shutdown how);
	void close(tcp &s);
	bool readable(const tcp &s) const;
	bool writable(const tcp &s) const;

	void lock(tcp &s);
	void unlock(tcp &s);
	/* Tell the socket's hook, or the tasks that wait. */
	void announce(tcp &s, unsigned events);
	void reset(tcp &s);
	/* As tcp_abort(): the connection breaks, with its hook told; under the lock. */
	void abort(tcp &s, int error);

	/* The one on this port, if it is there. Not in softirq. */
	void destroy_listener(uint16_t port);

	::net *new_namespace();
	void dismantle(::net *ns);

	const char *busy();
	void check_orphans();
	void check_unloaded();
	void check_freed(const void *memory, size_t size);
	unsigned module_sockets() const;

	/* As SOCK_NOSPACE and sk_stream_is_writeable(): a third of the buffer free. */
	static size_t room(const tcp &s);

    private:
	tcp *find_listener(const tcp &from, const ktcp_endpoint &to) const;
	bool conflicts(const tcp &s, const ktcp_endpoint &local) const;
	uint16_t ephemeral_port();
	void handshake_step(tcp &client, packet what);
	void retry_handshake(tcp &client);
	void abandon_handshake(tcp &client);
	void accept_child(tcp &client, tcp &listener);
	void listener_ready(tcp &listener, unsigned events);
	unsigned watch(tcp &listener, tcp &child);
	segment take_segment(tcp &from, packet what);
	void receive(tcp &to, segment &&s);
	void process(tcp &to, segment &&s);
	void process_backlog(tcp &s);
	void acknowledged(tcp &s);
	void finish_if_both_closed(tcp &s);
	void become_done(tcp &s, int error);
	void drop_backlog(tcp &listener);
	void watch_for_stall(tcp &s);
	void stall_check(tcp &s);
	void time_out(tcp &s);
	bool has_callbacks(const tcp &s) const;
	bool held_by_softirq(const tcp &s) const;

	kernel &kernel_;
	std::vector<std::unique_ptr<tcp>> all_;
	std::vector<tcp *> active_; /* may still send, or hold a port */
	std::vector<std::unique_ptr<::net>> namespaces_;
	std::vector<action> possible_;
	std::vector<std::pair<ktcp_endpoint, uint64_t>> time_wait_;
	uint16_t next_port_;
	unsigned segment_limit_;
	std::string busy_;
};

} // namespace sim

#endif
