// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The sockets that a server listens on: one for each of its addresses.
 *
 *   listen() → open: announced to the server by the hook → lost (ss -K, or with its device), and open again → close()
 *
 * A socket is bound to a device's number. The device may go and come back with another one, or give its name away. So a
 * listener ends once its names mean other devices than they did, and listens again by the names.
 *
 * The server's accept work has them from listen() on: it alone accepts, and opens again what was lost. Before
 * and after that they are its start's and its stop's. Process context, but for the hook.
 */
#ifndef KTCP_ENGINE_LISTENERS_HPP
#define KTCP_ENGINE_LISTENERS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/kernel/device.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/kernel/socket.hpp>
#include <ktcp/kernel/socket_options.hpp>
#include <ktcp/kernel/tcp_lookup.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/net/endpoint_text.hpp>
#include <ktcp/port/listeners.h>
#include <ktcp/port/time.h>
#include <ktcp/server_options.hpp>

namespace ktcp::detail
{

/* One address. */
class listener : ktcp_sock_hook {
    public:
	/* A server's answer to an event of its listeners. Any context. */
	using event_function = void (*)(void *server, unsigned int events);

	listener() noexcept : ktcp_sock_hook{ on_event, {} }
	{
	}

	/* Is there a socket that listens, at the devices of its names? */
	bool listens() const noexcept
	{
		return socket_ && !is_misplaced_ && socket_.listening();
	}

	/* Did it listen before? */
	bool was_open() const noexcept
	{
		return was_open_;
	}

	/* As ktcp::socket::accept(). */
	result<ktcp::socket> accept() noexcept
	{
		return socket_.accept();
	}

    private:
	friend class listeners;

	/* The numbers of the devices that it is to be at: of the option, and of its address's zone. 0: none. */
	struct place {
		std::uint32_t device = 0, zone = 0;

		bool operator==(const place &) const = default;
	};

	static void on_event(struct ktcp_sock_hook *hook, unsigned int events)
	{
		const listener &self = *static_cast<listener *>(hook);

		self.tell_(self.server_, events);
	}

	event_function tell_ = nullptr;
	void *server_ = nullptr; /* whose it is */
	std::string_view address_; /* as the user names it */
	ktcp::socket socket_; /* none while it is lost */
	struct ktcp_listener shown_ = {}; /* it, as other modules see it … */
	bool is_shown_ = false; /* … and whether they do */
	bool was_open_ = false; /* it is not the first time */
	bool is_misplaced_ = false; /* the names mean other devices than place_ … */
	place place_; /* … which they meant before it was opened */
	int obstacle_ = 0; /* while it is lost: the error that keeps it from listening … */
	std::uint64_t retry_at_ms_ = 0; /* … when it is tried again … */
	unsigned int retry_ms_ = 0; /* … and for how long after that not */
};

/* All of a server. */
class listeners : ktcp_device_watch {
    public:
	/* retry_at_ms() of one that waits for its device alone, and is told. */
	static constexpr std::uint64_t when_told = UINT64_MAX;
	/* While a listener is lost: the first pause between two attempts, and the longest. */
	static constexpr unsigned int first_retry_ms = 20, longest_retry_ms = 5000;

	/*
	 * @options outlives this. @speaks_first: a peer may wait for our first word, so its handshake is
	 * acknowledged at once. @tell is called with @server at each event.
	 */
	listeners(const server_options &options, bool speaks_first, listener::event_function tell,
		  void *server) noexcept
		: ktcp_device_watch{ on_devices, nullptr }, options_(options), port_(options.port),
		  backlog_(options.backlog), user_timeout_ms_(options.user_timeout_ms),
		  speaks_first_(speaks_first)
	{
		for (listener &each : all_) {
			each.tell_ = tell;
			each.server_ = server;
		}
	}

	listeners(const listeners &) = delete;
	listeners &operator=(const listeners &) = delete;

	/*
	 * Listen at each address of the option; at all of the machine's where it is empty. The listeners are
	 * then the accept work's. With server_options::awaits_device one whose device is not there counts as lost.
	 * Errors, each with a line in the log: EADDRINUSE, EINVAL …; those before the failing one listen.
	 */
	result<void> listen() noexcept
	{
		const std::string_view all = options_.address;

		KTCP_TRY(watch_devices());
		for (std::size_t at = 0; at <= all.size();) {
			const std::size_t end = std::min(all.find(',', at), all.size());

			KTCP_TRY(listen_at(slice(all, at, end - at)));
			at = end + 1;
		}
		/* Release: a run that sees it sees all_ and count_. acceptor::listen() has the work look again. */
		complete_.store(true, memory_order_release);
		return {};
	}

	/* Is listen() done? */
	bool complete() const noexcept
	{
		return complete_.load(memory_order_acquire);
	}

	/*
	 * Those that may be accepted from. An event may come before listen() is done: until then the first
	 * has its connections accepted.
	 */
	std::span<listener> all() noexcept
	{
		return { all_, complete() ? count_ : 1 };
	}

	/* The port (host order); 0: not known yet. */
	std::uint16_t port() const noexcept
	{
		return port_;
	}

	/* The timeout that new connections have. */
	unsigned int user_timeout_ms() const noexcept
	{
		return user_timeout_ms_;
	}

	/* Have other settings. Return: heed() must follow at each. */
	bool change(const server_options &wanted) noexcept
	{
		const bool differs = backlog_ != wanted.backlog ||
				     user_timeout_ms_ != wanted.user_timeout_ms;

		backlog_ = wanted.backlog;
		user_timeout_ms_ = wanted.user_timeout_ms;
		return differs;
	}

	/* For those that have not been accepted yet. */
	void heed(listener &at) noexcept
	{
		at.socket_.set_user_timeout(user_timeout_ms_);
		/* It listens, so this only gives it another backlog. */
		if (const auto status = at.socket_.listen(backlog_); !status)
			KTCP_LOG_WARN_RATELIMITED("port %u: the backlog stays as it was (error %d)",
						  port(), status.error().code());
	}

	/* A device may have come or gone, or have another name: do its names still mean the same ones? */
	void look_for_devices(listener &at) noexcept
	{
		at.is_misplaced_ = at.socket_ && at.place_ != place_of(at);
		/* One that is lost may find its own now, and soon an address there. */
		at.retry_at_ms_ = 0;
		at.retry_ms_ = first_retry_ms;
	}

	/*
	 * It was lost, by ss -K for example: try to listen again, if it is time. It logs each obstacle once, and
	 * not that the first device is awaited.
	 * Return: it listens. No callback announced the connections that came before the hook was in.
	 */
	bool listen_again(listener &at) noexcept;

	/* While it does not listen: when to try again. */
	static std::uint64_t retry_at_ms(const listener &at) noexcept
	{
		return at.retry_at_ms_;
	}

	/* Close all. On return their callbacks have begun to leave, and no more will come. Closing resets the
	 * children that wait in the backlog. */
	void close() noexcept
	{
		if (std::exchange(watches_, false))
			ktcp_unwatch_devices(options_.net, this);
		for (listener &each : std::span(all_, count_))
			if (each.socket_)
				close(each);
	}

    private:
	static constexpr unsigned int most = 8;

	result<void> watch_devices() noexcept;

	static void on_devices(struct ktcp_device_watch *watch)
	{
		const listeners &self = *static_cast<listeners *>(watch);

		/* Before that there is no listener that the accept work may look at. */
		if (self.complete())
			self.all_[0].tell_(self.all_[0].server_, KTCP_SOCK_STATE);
	}

	/* Has the log to have what keeps a listener from listening? It starts, and a user waits for it. */
	bool explains() const noexcept
	{
		return !complete_.load(memory_order_relaxed) && !options_.awaits_device;
	}

	listener::place place_of(const listener &at) const noexcept;
	result<void> listen_at(std::string_view address) noexcept;
	result<void> open(listener &at) noexcept;
	result<ktcp::socket> bound(const listener &at, enum family family,
				   const endpoint &local) noexcept;
	void show(listener &at) noexcept;
	static void close(listener &at) noexcept;
	static const char *help(error_code why) noexcept;
	void say_port_in_use() const noexcept;

	const server_options &options_;
	setting<std::uint16_t> port_; /* the accept work may ask while listen() finds it out */
	setting<int> backlog_;
	setting<unsigned int> user_timeout_ms_;
	const bool speaks_first_;
	listener all_[most];
	unsigned int count_ = 0;
	bool watches_ = false; /* ktcp_watch_devices() */
	atomic<bool> complete_ = false;
};

/* Where they have a place. That comes first, so that each change from here on is told. */
inline result<void> listeners::watch_devices() noexcept
{
	if (!*options_.socket.device && options_.address.find('%') == std::string_view::npos)
		return {};

	const auto watching = result<void>::from(ktcp_watch_devices(options_.net, this));

	watches_ = watching.has_value();
	if (!watching)
		KTCP_LOG_ERR_RATELIMITED(
			"cannot watch the network devices (error %d), as device= and a zone in "
			"address= want it; a program needs netlink sockets for that",
			watching.code());
	return watching;
}

inline result<void> listeners::listen_at(std::string_view address) noexcept
{
	if (count_ == most || (address.empty() && !options_.address.empty())) {
		KTCP_LOG_ERR_RATELIMITED(
			"address=%.*s: there may be 1 to %u addresses, with a comma between two",
			static_cast<int>(options_.address.size()), options_.address.data(), most);
		return errc::einval;
	}

	listener &at = all_[count_];

	at.address_ = address;

	const auto listening = open(at);

	if (listening) {
		count_++;
		show(at);
	} else if (listening.error() == errc::enodev && options_.awaits_device) {
		count_++;
		at.obstacle_ = listening.error().code();
		return {};
	} else if (listening.error() == errc::eaddrinuse) {
		say_port_in_use();
	} else {
		KTCP_LOG_ERR_RATELIMITED("cannot listen on port %u (error %d)%s", port(),
					 listening.error().code(), help(listening.error()));
	}
	return listening;
}

inline result<void> listeners::open(listener &at) noexcept
{
	/* Before it is bound: if a name means another device a moment later, that is told. */
	at.place_ = place_of(at);

	const endpoint local = KTCP_TRY(listen_address(at.address_, options_.net, explains()));
	auto made = bound(at, local.is_ipv4() ? family::inet : family::inet6, local);

	if (at.address_.empty() && !made &&
	    (made.error() == errc::eafnosupport || made.error() == errc::eaddrnotavail)) {
		if (!complete_.load(memory_order_relaxed))
			KTCP_LOG_NOTE_RATELIMITED("IPv6 is off: listening on IPv4 alone");
		made = bound(at, family::inet, local);
	}
	if (!made)
		return made.error();
	/* Before the hook is in: the accept work may run from then on, and has to find the listener. */
	at.socket_ = std::move(*made);

	/* Before listen(), so that every connection is announced. */
	const auto hooked = result<void>::from(ktcp_sock_hook_listener(at.socket_.raw(), &at));

	if (!hooked) {
		at.socket_ = ktcp::socket();
		return hooked;
	}

	const auto listening = at.socket_.listen(backlog_);

	if (!listening)
		close(at);
	else if (!speaks_first_)
		at.socket_.set_quickack(false); /* an answer carries the acknowledgement */
	return listening;
}

/* One socket for both families, or for IPv4 alone where IPv6 is off. */
inline result<ktcp::socket> listeners::bound(const listener &at, enum family family,
					     const endpoint &local) noexcept
{
	auto made = KTCP_TRY(ktcp::socket::create(family, options_.net));

	made.set_reuseaddr(); /* an earlier load's connections may be in TIME-WAIT */
	/* A socket for all addresses takes both families, as if net.ipv6.bindv6only were 0. */
	if (family == family::inet6)
		made.set_v6only(!at.address_.empty());
	made.set_nodelay();
	made.set_keepalive();
	if (user_timeout_ms_)
		made.set_user_timeout(user_timeout_ms_);
	made.set_oobinline(); /* an urgent byte is a byte like the others */
	if (explains())
		KTCP_TRY(options_.socket.apply(made));
	else
		KTCP_TRY(options_.socket.set(made));

	ktcp_endpoint where = local.raw();

	where.port = port_;
	KTCP_TRY(made.bind(endpoint(where)));
	return made;
}

inline listener::place listeners::place_of(const listener &at) const noexcept
{
	const char *const device = options_.socket.device;
	const std::size_t percent = at.address_.find('%');

	return {
		.device = *device ? ktcp_net_ifindex(options_.net, device) : 0,
		.zone = percent < at.address_.size() ?
				find_device(slice(at.address_, percent + 1), options_.net) :
				0,
	};
}

/* It listens, and is in the list of ktcp's listeners. */
inline void listeners::show(listener &at) noexcept
{
	const auto local = at.socket_.local();
	const std::string_view name = options_.folder ? std::string_view(options_.folder) :
							std::string_view(options_.name);

	for (std::size_t i = 0; i + 1 < sizeof(at.shown_.module); i++)
		at.shown_.module[i] = i < name.size() ? name[i] : '\0';
	at.shown_.local = local ? local->raw() : endpoint::any(port_).raw();
	at.shown_.net = ktcp_net_number(options_.net);
	ktcp_listener_publish(&at.shown_);
	at.is_shown_ = at.was_open_ = true;
	/* If any port would do: from here on, this one. */
	if (local && !port_)
		port_ = local->port();
}

/* On return no callback of the listener is under way, nor will one begin. */
inline void listeners::close(listener &at) noexcept
{
	if (std::exchange(at.is_shown_, false))
		ktcp_listener_withdraw(&at.shown_);
	ktcp_sock_unhook_listener(at.socket_.raw(), &at);
	at.socket_ = ktcp::socket();
	at.is_misplaced_ = false;
}

/* An error's meaning and its remedy, for the end of a line that has the error. */
inline const char *listeners::help(error_code why) noexcept
{
	switch (why.value()) {
	case errc::eaddrinuse:
		return "; it is in use: see ss -ltn";
	case errc::eaddrnotavail:
		return "; no device has the address: see ip address";
	case errc::enodev:
		return "; there is no such device: see ip link";
	case errc::eacces:
		return "; choose another with port=";
	default:
		return "";
	}
}

/* It names the listener that is in the way, if it is one. */
inline void listeners::say_port_in_use() const noexcept
{
	struct wanted {
		std::uint16_t port;
		std::uint32_t net;
		struct ktcp_listener found;
	} ours = { port_, ktcp_net_number(options_.net), {} };
	ktcp_tcp_identity holder = {};

	ktcp_listeners(
		[](void *context, const struct ktcp_listener *each) {
			auto &asked = *static_cast<wanted *>(context);

			if (each->local.port == asked.port && each->net == asked.net)
				asked.found = *each;
		},
		&ours);
	if (ours.found.local.port) {
		KTCP_LOG_ERR_RATELIMITED(
			"port %u is in use: the module %s listens at %s, a server of ktcp's; "
			"unload it, or choose another with port= or address=",
			port(), ours.found.module,
			endpoint_text(endpoint(ours.found.local)).c_str());
		return;
	}

	static_cast<void>(count_listeners(options_.net, [&](const ktcp_tcp_identity &each) {
		const bool is = each.local.port == port_;

		if (is)
			holder = each;
		return is;
	}));
	if (holder.local.port)
		KTCP_LOG_ERR_RATELIMITED(
			"port %u is in use: %s listens, of user %u, inode %lu (ss -ltnpe); stop "
			"it, or choose another with port= or address=",
			port(), endpoint_text(endpoint(holder.local)).c_str(), holder.user,
			holder.inode);
	else
		KTCP_LOG_ERR_RATELIMITED(
			"port %u is in use; stop the program that has it (ss -tanp), or choose "
			"another with port= or address=",
			port());
}

inline bool listeners::listen_again(listener &at) noexcept
{
	const bool just_lost = static_cast<bool>(at.socket_);

	if (!just_lost && at.retry_at_ms_ > ktcp_now_ms())
		return false;
	if (just_lost) {
		KTCP_LOG_WARN_RATELIMITED(
			"port %u: the listening socket was ended from outside (ss -K, or its device "
			"has gone or has another name); listening again",
			port());
		close(at);
		at.retry_ms_ = first_retry_ms;
	}

	const bool again = at.was_open_;
	const auto listening = open(at);
	const int why = listening.code();

	if (listening) {
		at.obstacle_ = 0;
		show(at);
		if (!just_lost && again)
			KTCP_LOG_NOTE_RATELIMITED("listening on port %u again", port());
		return true;
	}
	if (std::exchange(at.obstacle_, why) != why)
		KTCP_LOG_WARN_RATELIMITED(
			"cannot listen on port %u%s (error %d); trying until it can%s", port(),
			again ? " again" : "", why, help(listening.error()));
	at.retry_at_ms_ = watches_ && listening.error() == errc::enodev ?
				  when_told :
				  ktcp_now_ms() + at.retry_ms_;
	at.retry_ms_ = std::min(2 * at.retry_ms_, longest_retry_ms);
	return false;
}

} // namespace ktcp::detail

#endif
