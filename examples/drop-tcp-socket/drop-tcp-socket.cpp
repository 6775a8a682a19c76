// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * drop-tcp-socket: connections written to /proc/net/drop_tcp_sock are dropped. Each network
 * namespace has the file, and only its own connections to drop.
 */
#include <algorithm>
#include <span>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/line_assembler.hpp>
#include <ktcp/kernel/device.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/kernel/pernet.hpp>
#include <ktcp/kernel/proc.hpp>
#include <ktcp/kernel/tcp_lookup.hpp>
#include <ktcp/module.hpp>
#include <ktcp/port/thread.h>

#include "drop_line.hpp"

namespace
{

using ktcp::errc;
using ktcp::result;
using ktcp::tcp_sock;

constexpr char syntax[] =
	"\n"
	"Write a connection a line, by its two ends in either order:\n"
	"  192.0.2.1:80 198.51.100.7:4321\n"
	"  [2001:db8::1]:80 [2001:db8::2]:4321\n"
	"  2001:db8::1:80 2001:db8::2:4321    the last colon is the port's\n"
	"  [fe80::1]%eth0:80 [fe80::2]:4321   only if its socket is bound to this device or VRF\n"
	"or all that fit, an end being any of:\n"
	"  *:80           any address            192.0.2.1:*    any port\n"
	"  *              anything               time-wait:80   port 80, in TIME-WAIT, or in\n"
	"                                                       FIN-WAIT-2 and closed by its owner\n"
	"and, beside them or alone,\n"
	"  user:1000      its owner              inode:12345    its socket, as lsof names it\n"
	"such as\n"
	"  * 192.0.2.1:80\n"
	"  *:80 user:1000\n"
	"  time-wait:80                       the other end may be left out after a wildcard\n"
	"A last line without its line end is obeyed only if it names one connection, both ends in full.\n"
	"Listeners are refused. A program must have opened the file with CAP_NET_ADMIN to write.\n";

/* The outcome of a line. */
struct outcome {
	std::size_t dropped = 0, refused = 0;
	ktcp::error_code why = errc::enoent; /* if none was dropped */
	bool interrupted = false; /* its writer is being killed */
};

/*
 * Drops the sockets that a line means. tcp_abort() waits for the socket's owner, which may be in a call of the
 * socket's, stuck in memory of its own. So this is done outside of the file (ktcp::proc_gate). It knows
 * the namespace alone.
 */
class order {
	auto fitting() const noexcept
	{
		return [this](const ktcp_tcp_identity &each) { return what_.fits(each); };
	}

    public:
	order(struct net *net, const drop::line &what) noexcept : net_(net), what_(what)
	{
	}

	/** @param alone  it is all that was written. */
	outcome obey(bool alone) noexcept
	{
		if (what_.exact())
			drop_ends();
		/*
		 * A socket that is bound to a device that has gone is found only by looking at all.
		 * In a long list, of which many have gone, that is too dear.
		 */
		if (!what_.exact() || (alone && !done_.dropped && !done_.refused))
			drop_all();
		if (!what_.exact())
			refuse(ktcp::count_listeners(net_, fitting()), errc::eperm);
		return done_;
	}

    private:
	/* True if the socket is not there any more. */
	bool drop_one(tcp_sock found) noexcept
	{
		const auto status = found.abort(errc::econnreset);

		if (status)
			done_.dropped++;
		else if (status.error() != errc::enoent)
			refuse(1, status.error());
		return status || status.error() == errc::enoent;
	}

	void refuse(std::size_t count, ktcp::error_code why) noexcept
	{
		done_.refused += count;
		if (count)
			done_.why = why;
	}

	void drop_all() noexcept
	{
		done_.interrupted =
			!ktcp::for_each_established(net_, fitting(), [this](tcp_sock found) {
				return drop_one(std::move(found));
			});
	}

	void drop_ends() noexcept
	{
		/* tcp_abort() of older kernels reports success for orphans that stay. */
		constexpr int most_rounds = 1024;

		for (int round = 0; round < most_rounds && drop_some_ends(); round++) {
			ktcp_cond_resched();
			done_.interrupted = ktcp_fatal_signal_pending();
			if (done_.interrupted)
				break;
		}
	}

	/* True: there may be more, each bound to another device. */
	bool drop_some_ends() noexcept
	{
		constexpr std::size_t most = 8; /* on one side */
		tcp_sock one[most], other[most];
		/* Both before the first is dropped: its reset may end the other at once. */
		const std::span<tcp_sock> found[] = {
			look_up(what_.one.value, what_.other.value, one),
			look_up(what_.other.value, what_.one.value, other)
		};
		bool gone = false;

		for (const auto &side : found)
			for (auto &each : side)
				gone |= drop_one(std::move(each));
		return gone && (found[0].size() == most || found[1].size() == most);
	}

	std::span<tcp_sock> look_up(const ktcp::endpoint &local, const ktcp::endpoint &remote,
				    std::span<tcp_sock> room) const noexcept
	{
		ktcp_endpoint bound = local.raw();

		bound.scope_id = what_.ifindex;
		return ktcp::lookup_established(net_, ktcp::endpoint(bound), remote, room);
	}

	struct net *const net_;
	const drop::line what_;
	outcome done_;
};

/* The file of one namespace. */
class dropper {
    public:
	explicit dropper(struct net *net) noexcept : net_(net)
	{
	}

	result<void> start() noexcept
	{
		const auto status = entry_.publish("drop_tcp_sock", net_);

		if (!status)
			KTCP_LOG_ERR("cannot make /proc/net/drop_tcp_sock (error %d); "
				     "is there another module that makes it?",
				     status.code());
		return status;
	}

	void pre_exit() noexcept
	{
		ending_.store(true, std::memory_order_relaxed);
		entry_.remove();
	}

	/** Are writers being sent away, in the middle of a line perhaps? */
	bool ending() const noexcept
	{
		/*
		 * A writer in the midst of many lines may learn of it a line later. The one that
		 * entry_.remove() releases is in the same thread.
		 */
		return ending_.load(std::memory_order_relaxed);
	}

	void show(struct seq_file *to) const noexcept
	{
		ktcp_seq_printf(to,
				"dropped %llu\nrefused %llu\nnot_found %llu\nunfinished %llu\n%s",
				number(dropped_), number(refused_), number(not_found_),
				number(unfinished_), syntax);
	}

	struct net *net() const noexcept
	{
		return net_;
	}

	/** The device that the line names; false if it names one, and it is not there. */
	bool find_device(drop::line &what) const noexcept
	{
		if (what.device.empty())
			return true;

		what.ifindex = ktcp::find_device(what.device, net_);
		return what.ifindex;
	}

	/** Count the outcome of a line. */
	void count(const outcome &of) noexcept
	{
		count(dropped_, of.dropped);
		count(refused_, of.refused);
		count(not_found_, !of.dropped && !of.refused);
	}

	/** A line was left without its end, and not obeyed. */
	void count_unfinished() noexcept
	{
		count(unfinished_, 1);
	}

    private:
	using counter = ktcp::atomic<unsigned long long>;

	/* Counts and nothing else: ordered with nothing. */
	static void count(counter &which, unsigned long long amount) noexcept
	{
		which.fetch_add(amount, std::memory_order_relaxed);
	}

	static unsigned long long number(const counter &which) noexcept
	{
		return which.load(std::memory_order_relaxed);
	}

	struct net *net_;
	counter dropped_{ 0 }, refused_{ 0 }, not_found_{ 0 }, unfinished_{ 0 };
	ktcp::atomic<bool> ending_{ false };

    public:
	/* One opening of the file: lines, written in pieces of any length. */
	class writer {
	    public:
		writer(dropper &owner, ktcp::proc_gate gate) noexcept : owner_(owner), gate_(gate)
		{
		}

		~writer()
		{
			/* A last line without an end; its writer was asked for its right then. */
			if (!owner_.ending())
				lines_.finish([&](std::string_view text) {
					return obey_unfinished(text);
				});
		}

		/**
		 * Errors: EINVAL for a malformed line that comes first. A write of one line alone
		 * may also fail with ENOENT (no socket fits) or EPERM (only listeners fit). Where
		 * none could be dropped, it fails with tcp_abort()'s error. EIO: the file has gone.
		 */
		result<std::size_t> write(std::string_view text) noexcept
		{
			const bool begun = lines_.pending();
			bool gone = false; /* and this writer with the file */

			lines_in_write_ = 0;
			alone_ = !begun && text.find('\n') + 1 == text.size();

			const auto fed = lines_.feed(text, [&](std::string_view line) {
				return obey(line, gone);
			});

			if (!fed.accepted) {
				if (fed.at > 0)
					return static_cast<std::size_t>(fed.at);
				if (gone)
					return errc::eio;
				complained_ = false;
				return errc::einval;
			}
			if (lines_in_write_ == 1 && !last_.dropped && !begun && !lines_.pending())
				return last_.why;
			return text.size();
		}

	    private:
		static constexpr std::size_t longest_line = 255;

		/* False: the line is refused; if @gone, nothing of this may be touched any more. */
		bool obey(std::string_view text, bool &gone) noexcept
		{
			ktcp_cond_resched();
			if (owner_.ending() || ktcp_fatal_signal_pending())
				return false;
			if (text.size() > longest_line)
				return complain(text.size(), "a line has 255 bytes at most");
			if (!drop::is_blank(text)) {
				const auto line = drop::parse_line(text);

				if (!line)
					return complain(line.at + 1, line.error);
				gone = !drop(line.value);
				if (gone)
					return false;
				lines_in_write_++;
				owner_.count(last_);
				if (last_.interrupted)
					return false;
			}
			line_number_++;
			complained_ = false;
			return true;
		}

		/* Into last_; false: the file has gone, and this with it. */
		bool drop(drop::line what) noexcept
		{
			outcome done;

			if (owner_.find_device(what) &&
			    !gate_.outside([&done, job = order(owner_.net(), what),
					    alone = alone_]() mutable { done = job.obey(alone); }))
				return false;
			last_ = done;
			return true;
		}

		/*
		 * The writer may have died in the midst of it, and "127.0.0.1:*" may be all there
		 * is of a longer line. A line that names one connection means one connection at
		 * most.
		 */
		bool obey_unfinished(std::string_view text) noexcept
		{
			const auto line = drop::parse_line(text);
			bool gone = false;

			alone_ = true;
			if (drop::is_blank(text) || (line && line.value.exact()))
				return obey(text, gone);
			owner_.count_unfinished();
			complained_ = false;
			return complain(text.size() + 1,
					"the line end is missing, and without it both ends must be "
					"ADDRESS:PORT; nothing was dropped");
		}

		/* Once: a line that stopped one write comes again, first in the next. */
		bool complain(std::size_t column, const char *why) noexcept
		{
			if (!complained_)
				KTCP_LOG_WARN_RATELIMITED(
					"drop_tcp_sock: line %lu, column %zu: %s; see /proc/net/drop_tcp_sock",
					line_number_, column, why);
			complained_ = true;
			return false;
		}

		dropper &owner_;
		ktcp::proc_gate gate_;
		ktcp::line_assembler<longest_line> lines_;
		unsigned long line_number_ = 1;
		std::size_t lines_in_write_ = 0;
		outcome last_; /* of the last line */
		bool alone_ = false; /* it was all that was written */
		bool complained_ = false;
	};

    private:
	ktcp::proc_entry<dropper> entry_{ *this }; /* last: gone before what it shows */
};

using droppers = ktcp::pernet<dropper>;

} // namespace

KTCP_MODULE_OBJECT(droppers)
