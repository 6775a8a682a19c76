// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Small files as they were answered a moment ago: their fields and their bytes. The name is not
 * looked up again, and the file not opened.
 *
 * @code
 * ktcp::http::answer_cache recent({ .valid_ms = 1000, .most = 1 << 20 });
 * ktcp::http::file_service documents(root, { .recent = &recent });
 * @endcode
 *
 * Nothing of the file system is held: a file can be changed, removed and unmounted, and clients see
 * that when the time is over.
 */
#ifndef KTCP_HTTP_ANSWER_CACHE_HPP
#define KTCP_HTTP_ANSWER_CACHE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/list.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/http/representation.hpp>
#include <ktcp/kernel/memory.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/port/random.h>

namespace ktcp::http
{

/** Answers by path and coding. Shared by all connections of a server. */
class answer_cache {
    public:
	/** How long, and how many. */
	struct options {
		unsigned int valid_ms = 0; /**< an answer is good for so long; 0: none is kept */
		std::size_t most = std::size_t{ 1 } << 20; /**< bytes of memory for all of them */
	};

    private:
	/* Its path, lines and body lie behind it. */
	struct entry {
		list_node node;
		atomic<std::uint32_t> users; /* the cache is one */
		std::uint32_t hash;
		std::uint64_t since_ms;
		std::string_view path;
		std::string_view body;
		representation what;
		bool gzip; /* for who accepts that */

		std::size_t size() const noexcept
		{
			return kmalloc_size(sizeof(entry) + path.size() + what.lines().size() +
					    body.size());
		}
	};

    public:
	/** An answer that stays as it is for as long as this lives. Any context. */
	class held {
	    public:
		/** None. */
		held() noexcept = default;

		held(held &&other) noexcept : entry_(std::exchange(other.entry_, nullptr))
		{
		}

		held &operator=(held &&other) noexcept
		{
			std::swap(entry_, other.entry_);
			return *this;
		}

		~held()
		{
			drop(entry_);
		}

		/** Is there one? */
		explicit operator bool() const noexcept
		{
			return entry_;
		}

		/** Its fields. */
		const representation &what() const noexcept
		{
			return entry_->what;
		}

		/** All of its bytes. */
		std::string_view body() const noexcept
		{
			return entry_->body;
		}

	    private:
		friend class answer_cache;

		explicit held(entry *one) noexcept : entry_(one)
		{
		}

		entry *entry_ = nullptr;
	};

	/** Neither allocates nor sleeps. */
	explicit answer_cache(const options &how) noexcept : how_(how), seed_(ktcp_random_u32())
	{
	}

	answer_cache(const answer_cache &) = delete;
	answer_cache &operator=(const answer_cache &) = delete;

	/** Every answer must have been let go. */
	~answer_cache()
	{
		for (auto &each : shelves_) {
			const auto open = each.lock();

			while (entry *const one = open->entries.pop_front())
				drop(one);
		}
	}

	/** Is any answer kept? */
	bool on() const noexcept
	{
		return how_.valid_ms != 0;
	}

	/**
	 * The answer to a path, as the client sent it.
	 * @param gzip  the client accepts that.
	 * Any context.
	 */
	held find(std::string_view path, bool gzip) noexcept
	{
		const std::uint32_t hash = hash_of(path, gzip);
		const auto open = shelf_of(hash).lock();
		entry *const one = look(*open, path, gzip, hash);

		if (!one || ktcp_boottime_ms() - one->since_ms >= how_.valid_ms)
			return {};
		/* Relaxed: under the shelf's lock the shelf's own reference is there. */
		one->users.fetch_add(1, memory_order_relaxed);
		return held(one);
	}

	/**
	 * Keep an answer, if there is memory. The oldest give way.
	 * @param since_ms  when the name was looked up, by ktcp_boottime_ms(): the file may have changed on its server
	 *                  while this machine slept.
	 * Process context, may sleep.
	 */
	void keep(std::string_view path, bool gzip, const representation &what,
		  std::string_view body, std::uint64_t since_ms) noexcept
	{
		const std::string_view lines = what.lines();
		const std::size_t size = sizeof(entry) + path.size() + lines.size() + body.size();

		if (path.size() > path_most || kmalloc_size(size) > how_.most)
			return;

		auto *const memory = static_cast<char *>(ktcp_kmalloc(size, KTCP_GFP_KERNEL));

		if (!memory)
			return;

		char *at = memory + sizeof(entry);
		const auto copy = [&](std::string_view text) {
			char *const to = at;

			std::copy_n(text.data(), text.size(), to);
			at += text.size();
			return std::string_view(to, text.size());
		};
		const std::uint32_t hash = hash_of(path, gzip);
		const std::string_view own_path = copy(path);
		entry *const made = new (memory) entry{
			{}, 1, hash, since_ms, own_path, {}, representation(what, copy(lines)), gzip
		};

		made->body = copy(body);
		used_.fetch_add(made->size(), memory_order_relaxed);
		put_away(shelf_of(hash), *made);
		make_room();
	}

    private:
	/* Longer ones are rare. */
	static constexpr std::size_t path_most = 512;
	static constexpr std::uint32_t shelf_count = 64;
	/* So that none takes long to look through. */
	static constexpr unsigned int shelf_most = 64;

	struct shelf {
		list<entry, &entry::node> entries; /* the oldest first */
		unsigned int count = 0;
	};

	using locked_shelf = spin_guarded<shelf>;

	static void drop(entry *one) noexcept
	{
		/* Release and acquire: the one that frees it sees that all others are done with it. */
		if (!one || one->users.fetch_sub(1, memory_order_acq_rel) != 1)
			return;
		one->~entry();
		ktcp_kfree(one);
	}

	/* No client knows the seed, so none can choose paths for one shelf. */
	std::uint32_t hash_of(std::string_view path, bool gzip) const noexcept
	{
		std::uint64_t sum = seed_ + gzip;

		for (; path.size() >= 8; path.remove_prefix(8))
			sum = mixed(sum ^ detail::load_eight(path.data()));
		for (const char each : path)
			sum = sum << 8 | static_cast<unsigned char>(each);
		sum = mixed(sum);
		return static_cast<std::uint32_t>(sum ^ sum >> 32);
	}

	static constexpr std::uint64_t mixed(std::uint64_t bits) noexcept
	{
		bits *= 0x9e3779b97f4a7c15;
		return bits ^ bits >> 29;
	}

	locked_shelf &shelf_of(std::uint32_t hash) noexcept
	{
		return shelves_[hash % shelf_count];
	}

	static entry *look(shelf &in, std::string_view path, bool gzip, std::uint32_t hash) noexcept
	{
		for (entry &each : in.entries)
			if (each.hash == hash && each.gzip == gzip && each.path == path)
				return &each;
		return nullptr;
	}

	/* Off the shelf; it is freed with its last user. */
	void take_out(shelf &from, entry &one) noexcept
	{
		list<entry, &entry::node>::erase(one);
		from.count--;
		used_.fetch_sub(one.size(), memory_order_relaxed);
		drop(&one);
	}

	void put_away(locked_shelf &into, entry &made) noexcept
	{
		const auto open = into.lock();

		if (entry *const old = look(*open, made.path, made.gzip, made.hash))
			take_out(*open, *old);
		else if (open->count == shelf_most)
			take_out(*open, *open->entries.first());
		open->entries.push_back(made);
		open->count++;
	}

	/* A shelf after the other, until all of them fit. */
	void make_room() noexcept
	{
		for (unsigned int tries = 0;
		     used_.load(memory_order_relaxed) > how_.most && tries < 2 * shelf_count;) {
			const auto open =
				shelves_[next_.fetch_add(1, memory_order_relaxed) % shelf_count]
					.lock();
			entry *const oldest = open->entries.first();

			if (oldest)
				take_out(*open, *oldest);
			else
				tries++;
		}
	}

	const options how_;
	const std::uint32_t seed_;
	atomic<std::size_t> used_ = 0; /* bytes of all that are on a shelf */
	atomic<std::uint32_t> next_ = 0; /* from which the next one is taken */
	locked_shelf shelves_[shelf_count];
};

} // namespace ktcp::http

#endif
