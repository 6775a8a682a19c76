// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * What is in a directory, and a page that shows it.
 */
#ifndef KTCP_HTTP_LISTING_HPP
#define KTCP_HTTP_LISTING_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <ktcp/buffer.hpp>
#include <ktcp/file.hpp>
#include <ktcp/http/date.hpp>
#include <ktcp/http/path.hpp>
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
	/** What entries may take in memory, in all, to be sorted: they come in some 32 parts then. */
	static constexpr std::size_t most_sorted = std::size_t{ 1 } << 20;

	/** One entry, as the listing keeps it. */
	struct entry {
		std::uint64_t size; /**< bytes of the file */
		std::int64_t mtime; /**< seconds since 1970 */
		std::uint8_t kind; /**< enum ktcp_file_kind */
		std::uint8_t length; /**< of the name */
		bool folder; /**< as it is sorted */
		char name[]; /**< without a NUL */
	};

	/** Errors: ENOMEM. Process context. */
	static result<listing> create() noexcept
	{
		listing made;

		made.memory_ = KTCP_TRY(buffer::pages(memory_size));
		return made;
	}

	/**
	 * Read the entries that follow those of the last call, as many as there is room for. Names
	 * that begin with a dot are left out. Process context, may sleep.
	 * @param path  of the directory below the root, in memory with room for a name of 255
	 *              more; changed, and given back as it was.
	 * @param check  `result<void> check()`, called once for each names_per_check names; an error
	 *               ends it.
	 * Errors: check()'s, ENOTDIR, EIO …
	 */
	template <class Check>
	result<void> read_next(const file_root &root, const file &directory, std::span<char> path,
			       const Check &check) noexcept
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
			KTCP_TRY(read_sorted(directory, go_on));
		if (!sorted_)
			KTCP_TRY(read_on(directory, was_sorted, go_on));

		const std::size_t base = std::string_view(path.data()).size();

		for (std::uint32_t i = 0; i < count_ && go_on(); i++) {
			entry &one = at(i);
			std::size_t end = base;

			if (base)
				path[end++] = '/';
			std::copy_n(one.name, one.length, path.data() + end);
			path[end + one.length] = '\0';
			if (const auto status = root.status_of(path.data())) {
				one.size = status->size;
				one.mtime = status->mtime;
				one.kind = static_cast<std::uint8_t>(status->kind);
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

    private:
	/* Two entries to compare with lie at the beginning: the last one that was shown, and the last
	 * one that is kept. */
	static constexpr std::size_t memory_size = 65536;
	static constexpr std::size_t most_name = 255;
	static constexpr std::size_t most_entry = (sizeof(entry) + most_name + 7) &
						  ~std::size_t{ 7 };
	static constexpr std::size_t reserved = 2 * most_entry;

	/* What entries are sorted by. */
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
	result<void> read_sorted(const file &directory, const GoOn &go_on) noexcept
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
			return bytes <= most_sorted;
		};

		KTCP_TRY(directory.list(each));
		sorted_ = bytes <= most_sorted;
		sort();
		return {};
	}

	/* The next as they come. */
	template <class GoOn>
	result<void> read_on(const file &directory, bool first, const GoOn &go_on) noexcept
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

		KTCP_TRY(directory.list(each, first));
		std::reverse(index(), index() + count_);
		return {};
	}

	bool fits(std::size_t name) const noexcept
	{
		return used_ + size_of(name) + (count_ + 1) * sizeof(std::uint32_t) <= memory_size;
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

		made.length = static_cast<std::uint8_t>(one.name.size());
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
		return reinterpret_cast<std::uint32_t *>(memory_.bytes().data() + memory_size) -
		       count_;
	}

	entry &entry_at(std::size_t offset) noexcept
	{
		return *reinterpret_cast<entry *>(memory_.bytes().data() + offset);
	}

	buffer memory_;
	std::size_t used_ = reserved;
	std::uint32_t count_ = 0;
	bool more_ = false;
	bool sorted_ = true; /* they still come in order */
	bool any_shown_ = false; /* shown() is one */
};

/**
 * The page around the rows: 8192 characters at most, as the other parts.
 * @param path  as it is shown, decoded; the end of a long one.
 */
inline void listing_head(text_builder &out, std::string_view path) noexcept
{
	constexpr std::size_t most = 512;
	const std::string_view dots = path.size() > most ? "…" : "/";
	const std::string_view shown = slice(path, path.size() > most ? path.size() - most : 0);

	out.add("<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width\">\n<title>")
		.add(dots)
		.html_escaped(shown)
		.add("</title>\n<style>:root{color-scheme:light dark}"
		     "body{font:16px/1.6 system-ui,sans-serif;max-width:56em;margin:2em auto;"
		     "padding:0 1em}h1{font-size:1.4em;overflow-wrap:anywhere}"
		     "table{width:100%;border-collapse:collapse}tr:hover{background:#8881}"
		     "td{padding:.2em .5em;border-bottom:1px solid #8883;overflow-wrap:anywhere}"
		     "td+td{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;"
		     "opacity:.7}a{text-decoration:none}a:hover{text-decoration:underline}"
		     "</style>\n<h1>")
		.add(dots)
		.html_escaped(shown)
		.add("</h1>\n<table>\n");
	if (!path.empty())
		out.add("<tr><td><a href=\"../\">../</a><td><td>\n");
}

/** One row. */
inline void listing_row(text_builder &out, const listing::entry &one) noexcept
{
	const std::string_view name = listing::name_of(one);
	const bool directory = one.kind == KTCP_FILE_DIRECTORY;

	out.add("<tr><td><a href=\"").percent_encoded(name);
	if (directory)
		out.add('/');
	out.add("\">").html_escaped(name);
	if (directory)
		out.add('/');
	out.add("</a><td>");
	if (one.kind == KTCP_FILE_REGULAR) {
		constexpr std::string_view units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
		std::uint64_t size = one.size, tenths = 0;
		unsigned int unit = 0;

		for (; size >= 1024 && unit < 4; unit++) {
			tenths = size % 1024 * 10 / 1024;
			size /= 1024;
		}
		out.number(size);
		if (unit && size < 10)
			out.add('.').number(tenths);
		out.add(' ').add(units[unit]);
	}
	out.add("<td>");
	if (one.mtime > 0) {
		char date[date_length];

		format_date(date, static_cast<std::uint64_t>(one.mtime));
		out.add(std::string_view(date, date_length));
	}
	out.add('\n');
}

/** What follows the rows. */
inline void listing_foot(text_builder &out) noexcept
{
	out.add("</table>\n</html>\n");
}

} // namespace ktcp::http

#endif
