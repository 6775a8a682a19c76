// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A line for each request, in the common log format, for a reader in user space.
 *
 * @code
 * ktcp::http::access_log log(256 << 10);	// bytes of lines, until they are read
 * log.add(request, response);			// in done()
 * ktcp::proc_file<ktcp::http::access_log> file{ log, 0440 };	// its readers take the lines out
 * @endcode
 */
#ifndef KTCP_HTTP_ACCESS_LOG_HPP
#define KTCP_HTTP_ACCESS_LOG_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>

#include <ktcp/base/list.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/date.hpp>
#include <ktcp/http/parse/path.hpp>
#include <ktcp/http/response.hpp>
#include <ktcp/kernel/memory.hpp>
#include <ktcp/kernel/proc.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/net/endpoint_text.hpp>
#include <ktcp/port/time.h>

namespace ktcp::http
{

/**
 * Lines that wait to be read. Beyond its bound the oldest give way, and the reader is told how many.
 * Of what a peer sent, only characters that a URL may have are in them; others are percent-encoded.
 */
class access_log {
	/* Its text lies behind it. */
	struct line {
		list_node node;
		std::size_t size;

		std::string_view text() const noexcept
		{
			return { reinterpret_cast<const char *>(this + 1), size };
		}
	};

    public:
	/** @param most  bytes of memory for lines; 0: none is kept. */
	explicit access_log(std::size_t most) noexcept : most_(most)
	{
	}

	access_log(const access_log &) = delete;
	access_log &operator=(const access_log &) = delete;

	/** No reader may be left. */
	~access_log()
	{
		const auto open = lines_.lock();

		while (line *const one = open->list.pop_front())
			ktcp_kfree(one);
	}

	/**
	 * Adds the line of a request that was answered, or refused. The first words are of the
	 * client's address; a request that has no target is a dash. Any context.
	 */
	void add(const request &asked, const response &answer) noexcept
	{
		char target[512];
		text_builder shown(target);

		/* No more than is shown anyway, each of it as three characters at most. */
		shown.query_encoded(slice(asked.target(), 0, sizeof(target)));
		add(asked.remote(), name_of(asked.method()), shown.text(), asked.minor_version(),
		    answer.status(), answer.sent());
	}

	/** The same, of its parts. */
	void add(const endpoint &client, std::string_view method, std::string_view target,
		 unsigned int minor_version, unsigned int status, std::uint64_t bytes) noexcept
	{
		if (!most_)
			return;

		char before_memory[128], behind_memory[64];
		text_builder before(before_memory), behind(behind_memory);

		add_host(before, client);
		before.add(" - - [");
		add_date(before, ktcp_real_seconds());
		before.add("] \"");
		if (target.empty()) {
			before.add('-');
		} else {
			before.add(method).add(' ');
			behind.add(" HTTP/1.").number(minor_version);
		}
		behind.add("\" ").number(status).add(' ').number(bytes);

		/* Softirq may add it, so it does not wait for memory. */
		const std::size_t size = before.text().size() + target.size() +
					 behind.text().size();
		void *const memory = ktcp_kmalloc(sizeof(line) + size, KTCP_GFP_ATOMIC);

		if (!memory) {
			lines_.lock()->lost++;
			return;
		}

		line *const made = new (memory) line{ {}, size };
		text_builder text(std::span<char>(reinterpret_cast<char *>(made + 1), size));

		text.add(before.text()).add(target).add(behind.text());
		put(*made);
	}

	/** For proc_file: an opening's lines. Each is taken out by the first who reads it. */
	class reader {
	    public:
		explicit reader(access_log &log) noexcept : log_(log)
		{
		}

		reader(const reader &) = delete;
		reader &operator=(const reader &) = delete;

		/* The current line was not printed: after that, the next is asked for. */
		~reader()
		{
			if (line_)
				log_.put_back(*line_);
			if (lost_)
				log_.lines_.lock()->lost += lost_;
		}

		/** As proc_file asks for it: an item, which is then the current one. */
		bool at(std::uint64_t position) noexcept
		{
			if ((line_ || lost_) && position == position_)
				return true;
			ktcp_kfree(line_);
			line_ = nullptr;
			lost_ = 0;
			position_ = position;
			line_ = log_.take(lost_);
			return line_ || lost_;
		}

		/** The current line. */
		std::string_view text() noexcept
		{
			if (!lost_)
				return line_->text();

			text_builder made(note_);

			made.add("# ").number(lost_);
			return made.add(lost_ == 1 ? " line was lost" : " lines were lost").text();
		}

		/** Prints the current line. */
		void show(struct seq_file *to) noexcept
		{
			ktcp_seq_printf(to, "%.*s\n", static_cast<int>(text().size()),
					text().data());
		}

	    private:
		access_log &log_;
		line *line_ = nullptr;
		std::uint64_t lost_ = 0;
		std::uint64_t position_ = 0;
		char note_[48];
	};

    private:
	struct kept {
		ktcp::list<line, &line::node> list; /* the oldest first */
		std::size_t bytes = 0;
		std::uint64_t lost = 0; /* before the first */
	};

	/* The address alone: no brackets, no port. A dash: it was gone before we could ask. */
	static void add_host(text_builder &to, const endpoint &client) noexcept
	{
		if (client == endpoint()) {
			to.add('-');
			return;
		}

		const endpoint_text text(client);
		std::string_view host = text.c_str();

		host = slice(host, 0, host.rfind(':'));
		for (const char each : host)
			if (each != '[' && each != ']')
				to.add(each);
	}

	/* 29/Nov/2026:08:52:01 +0000 */
	static void add_date(text_builder &to, std::uint64_t seconds) noexcept
	{
		char date[date_length];

		format_date(date, seconds); /* Sun, 29 Nov 2026 08:52:01 GMT */

		const std::string_view text(date, date_length);

		to.add(slice(text, 5, 2)).add('/').add(slice(text, 8, 3)).add('/');
		to.add(slice(text, 12, 4)).add(':').add(slice(text, 17, 8)).add(" +0000");
	}

	static std::size_t size_of(const line &one) noexcept
	{
		return kmalloc_size(sizeof(line) + one.size);
	}

	void put(line &made) noexcept
	{
		const auto open = lines_.lock();

		open->list.push_back(made);
		open->bytes += size_of(made);
		while (open->bytes > most_) {
			line *const oldest = open->list.pop_front();

			open->bytes -= size_of(*oldest);
			open->lost++;
			ktcp_kfree(oldest);
		}
	}

	/* The oldest line, the caller's; first how many were lost before it. */
	line *take(std::uint64_t &lost) noexcept
	{
		const auto open = lines_.lock();

		if (open->lost) {
			lost = open->lost;
			open->lost = 0;
			return nullptr;
		}

		line *const first = open->list.pop_front();

		if (first)
			open->bytes -= size_of(*first);
		return first;
	}

	void put_back(line &one) noexcept
	{
		const auto open = lines_.lock();

		open->list.push_front(one);
		open->bytes += size_of(one);
	}

	const std::size_t most_;
	spin_guarded<kept> lines_;
};

} // namespace ktcp::http

#endif
