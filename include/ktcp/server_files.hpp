// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * What a server shows of itself: /proc/net/NAME/statistics and /proc/net/NAME/connections.
 *
 * One number a line, and one connection a line below a line of headings: for people, and for
 * scripts.
 */
#ifndef KTCP_SERVER_FILES_HPP
#define KTCP_SERVER_FILES_HPP

#include <cstdint>
#include <optional>
#include <utility>

#include <ktcp/endpoint_text.hpp>
#include <ktcp/model/session.hpp>
#include <ktcp/proc.hpp>

namespace ktcp
{

/** The two files of one server. Process context. */
class server_files {
    public:
	/** @param sessions  must outlive this. */
	explicit server_files(session_table &sessions) noexcept
		: statistics_(sessions), connections_(sessions)
	{
	}

	/** Errors: ENOMEM, also when another server has the name. */
	result<void> publish(const char *name, struct net *net) noexcept
	{
		KTCP_TRY(folder_.make(name, net));
		KTCP_TRY(folder_.add("statistics", statistics_));
		return folder_.add("connections", connections_);
	}

	/** No reader is left when this returns. */
	void unpublish() noexcept
	{
		folder_.remove();
	}

    private:
	/* A single item: all the numbers. */
	struct statistics_file : ktcp_proc_file {
		explicit statistics_file(session_table &sessions) noexcept
			: ktcp_proc_file{ [](ktcp_proc_file *) {},
					  [](ktcp_proc_file *, unsigned long long at) {
						  return at == 0;
					  },
					  show_all,
					  [](ktcp_proc_file *) {},
					  nullptr,
					  nullptr },
			  sessions(sessions)
		{
		}

		static void show_all(struct ktcp_proc_file *file, struct seq_file *to)
		{
			const statistics now =
				static_cast<statistics_file *>(file)->sessions.count_all();
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
			};

			for (const auto &each : lines)
				ktcp_seq_printf(to, "%s %llu\n", each.name,
						static_cast<unsigned long long>(each.value));
		}

		session_table &sessions;
	};

	/* The headings, then a session each; locked, the list stands still. */
	struct connections_file : ktcp_proc_file {
		explicit connections_file(session_table &sessions) noexcept
			: ktcp_proc_file{ lock, at, show, unlock, nullptr, nullptr },
			  sessions(sessions)
		{
		}

		static connections_file &self(struct ktcp_proc_file *file) noexcept
		{
			return *static_cast<connections_file *>(file);
		}

		static void lock(struct ktcp_proc_file *file)
		{
			self(file).reading.emplace(self(file).sessions);
		}

		static void unlock(struct ktcp_proc_file *file)
		{
			self(file).reading.reset();
		}

		static bool at(struct ktcp_proc_file *file, unsigned long long position)
		{
			return self(file).reading->seek(position);
		}

		static void show(struct ktcp_proc_file *file, struct seq_file *to)
		{
			self(file).reading->show(to);
		}

		/* One round of reading. Item 0 is the headings, item n the n-th session. */
		struct round {
			explicit round(session_table &sessions) noexcept
				: live(sessions.lock()), current(live->begin())
			{
			}

			bool seek(std::uint64_t position) noexcept
			{
				headings = position == 0;
				for (; number < position && current != live->end(); number++)
					++current;
				return headings || current != live->end();
			}

			void show(struct seq_file *to) noexcept
			{
				if (headings)
					ktcp_seq_printf(to, "peer age_ms idle_ms waits_to bytes_in "
							    "bytes_out\n");
				else
					show(*current, to);
			}

			static void show(session &each, struct seq_file *to) noexcept
			{
				const std::uint64_t now = ktcp_now_ms();
				const traffic moved = each.moved();

				ktcp_seq_printf(to, "%s %llu %llu %s %llu %llu\n",
						each.remote() == endpoint() ?
							"gone" :
							endpoint_text(each.remote()).c_str(),
						static_cast<unsigned long long>(each.age_ms(now)),
						static_cast<unsigned long long>(each.idle_ms(now)),
						each.writing() ? "write" : "read",
						static_cast<unsigned long long>(moved.bytes_in),
						static_cast<unsigned long long>(moved.bytes_out));
			}

			decltype(std::declval<session_table &>().lock()) live;
			session_table::session_list::iterator current;
			std::uint64_t number = 1;
			bool headings = false;
		};

		session_table &sessions;
		std::optional<round> reading;
	};

	statistics_file statistics_;
	connections_file connections_;
	proc_folder folder_; /* last: gone before the files */
};

} // namespace ktcp

#endif
