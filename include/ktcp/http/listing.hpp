// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The entries of a directory.
 */
#ifndef KTCP_HTTP_LISTING_HPP
#define KTCP_HTTP_LISTING_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/http/file_status.hpp>
#include <ktcp/kernel/buffer.hpp>
#include <ktcp/kernel/context.hpp>
#include <ktcp/kernel/file.hpp>
#include <ktcp/port/thread.h>

namespace ktcp::http
{

/**
 * The entries of a directory, in bounded memory: directories first, then by name; a link comes
 * with the files. However many there are, each read_next() has the next of them in order.
 *
 * For that each reads the whole directory. Where it would be read too often, what is left comes as
 * the file system has it, and is read once.
 */
class listing {
    public:
	/** So many are read between two looks at whether they are still wanted. */
	static constexpr std::size_t names_per_check = 64;
	/** Entries are sorted if all of them take no more than so many times the memory there is. */
	static constexpr std::size_t most_parts = 16;
	/**
	 * Longer names are left out. VFAT, exFAT and NTFS have 255 units of UTF-16, which are 765 bytes of UTF-8. FUSE
	 * has 1,024 bytes (FUSE_NAME_MAX), or more in a new kernel.
	 */
	static constexpr std::size_t most_name = 1024;
	/** So many have the larger memory at once. */
	static constexpr unsigned int most_large = 4;

	/** One entry, as the listing keeps it. */
	struct entry {
		std::uint64_t size; /**< bytes of the file */
		std::int64_t mtime; /**< seconds since 1970 */
		std::uint16_t length; /**< of the name */
		std::uint8_t kind; /**< enum ktcp_file_kind */
		bool folder; /**< as it is sorted */
		char name[]; /**< without a NUL */
	};

	/** Errors: ENOMEM. Process context. A client's listing_place bounds how many there are. */
	static result<listing> create() noexcept
	{
		listing made;

		made.memory_ = KTCP_TRY(buffer::pages(memory_size, gfp::kernel));
		return made;
	}

	/**
	 * Read the entries that follow those of the last call, as many as there is room for. Names
	 * that begin with a dot are left out. Process context, may sleep.
	 * @param path  of the directory below the root, in memory with room for a slash and a
	 *              name more; changed, and given back as it was.
	 * @param check  `result<void> check()`, called once for each names_per_check names; an error
	 *               ends it.
	 * Errors: check()'s, ENOTDIR, EIO, ENOMEM …
	 */
	template <class Check>
	result<void> read_next(const file_root &root, const file &directory, std::span<char> path,
			       const Check &check, process_context here) noexcept
	{
		std::size_t names = 0;
		result<void> checked;
		const auto go_on = [&] {
			if (names++ % names_per_check == 0)
				checked = check();
			return static_cast<bool>(checked);
		};
		const bool was_sorted = sorted_;

		if (sorted_)
			KTCP_TRY(read_sorted(directory, go_on, here));
		if (!sorted_)
			KTCP_TRY(read_on(directory, was_sorted, go_on, here));

		const std::size_t base = std::string_view(path.data()).size();

		for (std::uint32_t i = 0; i < count_ && go_on(); i++) {
			entry &one = at(i);
			std::size_t end = base;

			if (base)
				path[end++] = '/';
			std::copy_n(one.name, one.length, path.data() + end);
			path[end + one.length] = '\0';
			if (const auto status = root.status_of(path.data(), here)) {
				one.size = status->size;
				one.mtime = status->mtime;
				one.kind = static_cast<std::uint8_t>(status->kind);
			} else if (detail::status_for_open(status.error()) >= 500) {
				checked = status.error(); /* it may well be there */
				break;
			} else {
				one.kind = KTCP_FILE_OTHER;
			}
			ktcp_cond_resched();
		}
		path[base] = '\0';
		return checked;
	}

	/** How many entries there are now. */
	std::uint32_t size() const noexcept
	{
		return count_;
	}

	/** The @p i-th in order, from 0 to size() - 1. */
	entry &at(std::uint32_t i) noexcept
	{
		return entry_at(index()[i]);
	}

	/** Its name, any bytes but NUL and the slash. */
	static std::string_view name_of(const entry &one) noexcept
	{
		return { one.name, one.length };
	}

	/** Are there more behind these? */
	bool more() const noexcept
	{
		return more_;
	}

	/** Has it one of most_large memories? */
	bool is_large() const noexcept
	{
		return large_.is_taken();
	}

    private:
	/* Two entries to compare with lie at the beginning: the last one that was shown, and the last
	 * one that is kept. */
	static constexpr std::size_t memory_size = 65536;
	static constexpr std::size_t large_size = std::size_t{ 1 } << 20;
	static constexpr std::size_t most_entry = (sizeof(entry) + most_name + 7) &
						  ~std::size_t{ 7 };
	static constexpr std::size_t reserved = 2 * most_entry;

	/* Entries are sorted by it. */
	struct key {
		std::string_view name;
		bool folder;

		bool operator<(const key &other) const noexcept
		{
			return folder != other.folder ? folder : name < other.name;
		}
	};

	static key key_of(const entry &one) noexcept
	{
		return { name_of(one), one.folder };
	}

	entry &shown() noexcept
	{
		return entry_at(0);
	}

	entry &bound() noexcept
	{
		return entry_at(most_entry);
	}

	static void remember(entry &place, const entry &one) noexcept
	{
		place.folder = one.folder;
		place.length = one.length;
		std::copy_n(one.name, one.length, place.name);
	}

	static std::size_t size_of(std::size_t name) noexcept
	{
		return (sizeof(entry) + name + 7) & ~std::size_t{ 7 };
	}

	/* The larger memory, one of so many. */
	class large_memory {
	    public:
		large_memory() noexcept = default;

		large_memory(large_memory &&other) noexcept
			: taken_(std::exchange(other.taken_, false))
		{
		}

		large_memory &operator=(large_memory &&other) noexcept
		{
			std::swap(taken_, other.taken_);
			return *this;
		}

		~large_memory()
		{
			if (taken_)
				count_.fetch_sub(1, memory_order_relaxed);
		}

		/* False: all are in use. */
		bool take() noexcept
		{
			/* Relaxed, each: a bound, and nothing else. */
			taken_ = count_.fetch_add(1, memory_order_relaxed) < most_large;
			if (!taken_)
				count_.fetch_sub(1, memory_order_relaxed);
			return taken_;
		}

		bool is_taken() const noexcept
		{
			return taken_;
		}

	    private:
		static constinit inline atomic<unsigned int> count_ = 0;
		bool taken_ = false;
	};

	std::size_t room() const noexcept
	{
		return memory_.bytes().size();
	}

	/* Have more memory, without what is in it. */
	bool grow() noexcept
	{
		large_memory one;

		if (!one.take())
			return false;

		auto larger = buffer::pages(large_size, gfp::kernel);

		if (!larger)
			return false;
		memory_ = std::move(*larger);
		large_ = std::move(one);
		return true;
	}

	/* Is it to be shown, and was not? */
	bool is_next(const key &one) noexcept
	{
		return !one.name.starts_with('.') && one.name.size() <= most_name &&
		       (!any_shown_ || key_of(shown()) < one);
	}

	void clear() noexcept
	{
		used_ = reserved;
		count_ = 0;
		more_ = false;
	}

	/* The next in order; or find that there are too many. */
	template <class GoOn>
	result<void> read_sorted(const file &directory, const GoOn &go_on,
				 process_context here) noexcept
	{
		if (more_) {
			remember(shown(), at(count_ - 1));
			any_shown_ = true;
		}
		clear();

		std::size_t bytes = 0;
		auto each = [&](std::string_view name, bool folder) {
			const key one = { name, folder };

			if (!go_on())
				return false;
			if (!is_next(one))
				return true;
			bytes += size_of(name.size());
			if (!more_ || one < key_of(bound()))
				add(one);
			return bytes <= most_parts * room();
		};

		KTCP_TRY(directory.list(each, here));
		/* The first pass of a large folder: with more memory there are fewer. */
		if (more_ && !any_shown_ && grow()) {
			clear();
			bytes = 0;
			KTCP_TRY(directory.list(each, here));
		}
		sorted_ = bytes <= most_parts * room();
		sort();
		return {};
	}

	/* The next as they come. */
	template <class GoOn>
	result<void> read_on(const file &directory, bool first, const GoOn &go_on,
			     process_context here) noexcept
	{
		clear();

		auto each = [&](std::string_view name, bool folder) {
			const key one = { name, folder };

			if (!go_on())
				return false;
			if (!is_next(one))
				return true;
			more_ = !fits(name.size());
			if (!more_)
				append(one);
			return !more_;
		};

		KTCP_TRY(directory.list(each, here, first));
		std::reverse(index(), index() + count_);
		return {};
	}

	bool fits(std::size_t name) const noexcept
	{
		return used_ + size_of(name) + (count_ + 1) * sizeof(std::uint32_t) <= room();
	}

	void add(const key &one) noexcept
	{
		if (!fits(one.name.size())) {
			drop_half();
			if (!(one < key_of(bound())))
				return;
		}
		append(one);
	}

	/* Entries grow from the beginning, their offsets from the end. */
	void append(const key &one) noexcept
	{
		entry &made = *new (memory_.bytes().data() + used_) entry{};

		made.length = static_cast<std::uint16_t>(one.name.size());
		made.folder = one.folder;
		std::copy_n(one.name.data(), one.name.size(), made.name);
		count_++;
		index()[0] = static_cast<std::uint32_t>(used_);
		used_ += size_of(one.name.size());
	}

	/* Those that come last are for the next time. */
	void drop_half() noexcept
	{
		sort();

		/* The offsets of the first half, where the index of so many has its place. */
		const std::uint32_t kept = count_ / 2;
		std::uint32_t *const from = index();

		more_ = true;
		remember(bound(), entry_at(from[kept - 1]));
		std::copy_backward(from, from + kept, from + count_);
		count_ = kept;

		/* Closer together, in the order in which they lie. */
		std::sort(index(), index() + count_);
		used_ = reserved;
		for (std::uint32_t i = 0; i < count_; i++) {
			const std::size_t size = size_of(at(i).length);
			std::byte *const bytes = memory_.bytes().data();

			std::copy_n(bytes + index()[i], size, bytes + used_);
			index()[i] = static_cast<std::uint32_t>(used_);
			used_ += size;
		}
	}

	void sort() noexcept
	{
		std::sort(index(), index() + count_, [this](std::uint32_t a, std::uint32_t b) {
			return key_of(entry_at(a)) < key_of(entry_at(b));
		});
	}

	std::uint32_t *index() noexcept
	{
		return reinterpret_cast<std::uint32_t *>(memory_.bytes().data() + room()) - count_;
	}

	entry &entry_at(std::size_t offset) noexcept
	{
		return *reinterpret_cast<entry *>(memory_.bytes().data() + offset);
	}

	buffer memory_;
	large_memory large_;
	std::size_t used_ = reserved;
	std::uint32_t count_ = 0;
	bool more_ = false;
	bool sorted_ = true; /* they still come in order */
	bool any_shown_ = false; /* shown() is one */
};

} // namespace ktcp::http

#endif
