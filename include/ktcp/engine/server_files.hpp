// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A server's files: /proc/net/NAME/statistics, listeners and connections. Only root and one group
 * may read the connections, since that file names the peers. A handler may add a file of its own.
 * All are there until the last connection has ended.
 *
 * One number a line, and one connection a line below a line of headings: for people, and for
 * scripts.
 */
#ifndef KTCP_ENGINE_SERVER_FILES_HPP
#define KTCP_ENGINE_SERVER_FILES_HPP

#include <cstddef>
#include <cstdint>
#include <span>

#include <ktcp/base/atomic.hpp>
#include <ktcp/engine/session_reader.hpp>
#include <ktcp/engine/session_table.hpp>
#include <ktcp/engine/statistics.hpp>
#include <ktcp/kernel/proc.hpp>
#include <ktcp/net/endpoint_text.hpp>
#include <ktcp/port/listeners.h>
#include <ktcp/port/net.h>

namespace ktcp
{

/** A file of a handler's own, beside them. */
struct server_file {
	const char *name = nullptr; /**< nullptr: none */
	struct ktcp_proc_file *file = nullptr; /**< must outlive the server */
};

/** The files of one server. Process context. */
class server_files {
    public:
	/**
	 * @param sessions  must outlive this.
	 * @param net  the server's namespace.
	 * @param group  number of the group that may read the list of connections; 0: root's.
	 * @param counters  names of the handler's own counters; must outlive this.
	 */
	explicit server_files(session_table &sessions, const struct net *net, std::uint32_t group,
			      std::span<const char *const> counters = {}) noexcept
		: statistics_{ sessions, counters, false }, connections_{ sessions },
		  listeners_{ net }, statistics_file_(statistics_),
		  connections_file_(connections_, 0440, group), listeners_file_(listeners_)
	{
	}

	/** Errors: EEXIST (the name is taken: another server has it, or the kernel), ENOMEM. */
	result<void> publish(const char *name, struct net *net,
			     const server_file &own = {}) noexcept
	{
		KTCP_TRY(folder_.make(name, net));
		KTCP_TRY(folder_.add("statistics", statistics_file_));
		KTCP_TRY(folder_.add("listeners", listeners_file_));
		if (own.name)
			KTCP_TRY(folder_.add(own.name, *own.file));
		return folder_.add("connections", connections_file_);
	}

	/** From here on the statistics say that the server is ending. */
	void say_draining() noexcept
	{
		statistics_.draining.store(true, memory_order_relaxed);
	}

	/** No reader is left when this returns. */
	void unpublish() noexcept
	{
		folder_.remove();
	}

    private:
	/* All the numbers. */
	struct statistics_text {
		void show(struct seq_file *to) const
		{
			const statistics now = sessions.count_all();
			const auto buffers = sessions.use().buffers.count();
			const struct {
				const char *name;
				std::uint64_t value;
			} lines[] = {
				{ "accepted", now.accepted },
				{ "active", now.active },
				{ "refused_full", now.refused_full },
				{ "refused_source", now.refused_source },
				{ "refused_memory", now.refused_memory },
				{ "refused_taken", now.refused_taken },
				{ "closed", now.closed },
				{ "timed_out", now.timed_out },
				{ "stopped", now.stopped },
				{ "relistened", now.relistened },
				{ "bytes_in", now.moved.bytes_in },
				{ "bytes_out", now.moved.bytes_out },
				{ "turns", now.moved.turns },
				{ "exhausted", now.moved.exhausted },
				{ "buffer_bytes", buffers.bytes },
				{ "refused_buffers", buffers.refused },
				{ "draining", draining.load(memory_order_relaxed) },
				{ "refused_denied", now.refused_denied },
				{ "refused_rate", now.refused_rate },
				{ "refused_proxy", now.refused_proxy },
				{ "timed_out_idle", now.timed_out_idle },
				{ "timed_out_write", now.timed_out_write },
				{ "refused_share", now.refused_share },
			};

			for (const auto &each : lines)
				ktcp_seq_printf(to, "%s %llu\n", each.name,
						static_cast<unsigned long long>(each.value));
			for (std::size_t i = 0; i < counters.size(); i++)
				ktcp_seq_printf(to, "%s %llu\n", counters[i],
						static_cast<unsigned long long>(now.handlers[i]));
		}

		session_table &sessions;
		std::span<const char *const> counters;
		atomic<bool> draining;
	};

	/* The headings, then a session each. */
	struct connections_list {
		/* Item 0 is the headings, item n the n-th session since. */
		class reader {
		    public:
			explicit reader(connections_list &list) noexcept : sessions_(list.sessions)
			{
			}

			bool at(std::uint64_t position) noexcept
			{
				if (position < first_) {
					sessions_.rewind();
					first_ = 1;
					shown_ = {};
				}
				while (position && position - first_ >= shown_.size()) {
					first_ += shown_.size();
					shown_ = sessions_.next(views_);
					if (shown_.empty())
						return false;
				}
				position_ = position;
				return true;
			}

			void show(struct seq_file *to) const
			{
				if (position_ == 0)
					ktcp_seq_printf(to, "peer age_ms idle_ms waits_to bytes_in "
							    "bytes_out\n");
				else
					show(shown_[position_ - first_], to);
			}

		    private:
			static void show(const session_view &each, struct seq_file *to)
			{
				ktcp_seq_printf(
					to, "%s %llu %llu %s %llu %llu\n",
					each.remote == endpoint() ?
						"gone" :
						endpoint_text(each.remote).c_str(),
					static_cast<unsigned long long>(each.age_ms),
					static_cast<unsigned long long>(each.idle_ms),
					each.writing ? "write" : "read",
					static_cast<unsigned long long>(each.moved.bytes_in),
					static_cast<unsigned long long>(each.moved.bytes_out));
			}

			session_reader sessions_;
			session_view views_[16]; /* copied under a lock, printed without */
			std::span<session_view> shown_; /* of those … */
			std::uint64_t first_ = 1; /* … and which item the first of them is */
			std::uint64_t position_ = 0;
		};

		session_table &sessions;
	};

	/*
	 * The headings, then a listener each: every one of ktcp's in this kernel. In a namespace that is not the first
	 * it has only the listeners there.
	 */
	struct listeners_list {
		/*
		 * Item 0 is the headings, item n the n-th listener just now: where some go meanwhile, others may be
		 * missed. There may be one in each of very many namespaces, and any user reads this. So some at a
		 * time are copied with bottom halves off, and printed without.
		 */
		class reader {
		    public:
			explicit reader(listeners_list &list) noexcept : net_(list.net)
			{
			}

			bool at(std::uint64_t position) noexcept
			{
				position_ = position;
				if (!position)
					count_ = 0; /* what it found has become old */
				else if (position < first_ || position - first_ >= count_)
					look();
				return !position || position - first_ < count_;
			}

			void show(struct seq_file *to) const
			{
				if (!position_) {
					ktcp_seq_printf(to, "module address namespace\n");
					return;
				}

				const struct ktcp_listener &one = found_[position_ - first_];

				ktcp_seq_printf(to, "%s %s %u\n", one.module,
						endpoint_text(endpoint(one.local)).c_str(),
						one.net);
			}

		    private:
			void look() noexcept
			{
				first_ = position_;
				count_ = 0;
				passed_ = 0;
				ktcp_listeners(
					[](void *context, const struct ktcp_listener *each) {
						static_cast<reader *>(context)->take(*each);
					},
					this);
			}

			void take(const struct ktcp_listener &one) noexcept
			{
				if (!ktcp_is_init_net(net_) && one.net != ktcp_net_number(net_))
					return;
				if (++passed_ >= first_ && count_ < most)
					found_[count_++] = one;
			}

			static constexpr unsigned int most = 8;

			const struct net *const net_;
			struct ktcp_listener found_[most]; /* count_ of them … */
			std::uint64_t first_ = 1; /* … and which item the first of them is */
			unsigned int count_ = 0;
			std::uint64_t position_ = 0;
			std::uint64_t passed_ = 0; /* while it looks */
		};

		const struct net *net;
	};

	statistics_text statistics_;
	connections_list connections_;
	listeners_list listeners_;
	proc_file<statistics_text> statistics_file_;
	proc_file<connections_list> connections_file_;
	proc_file<listeners_list> listeners_file_;
	proc_folder folder_; /* last: gone before the files */
};

} // namespace ktcp

#endif
