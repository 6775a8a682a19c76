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

/** The entries of a directory: directories first, then by name. */
class listing {
    public:
	/** One entry, as the listing keeps it. */
	struct entry {
		std::uint64_t size; /**< bytes of the file */
		std::int64_t mtime; /**< seconds since 1970 */
		std::uint8_t kind; /**< enum ktcp_file_kind */
		std::uint8_t length; /**< of the name */
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
	 * Read a directory. Names that begin with a dot are left out, and so is what cannot be
	 * served. Process context, may sleep.
	 * @param path  of the directory below the root, in memory with room for a name of 255
	 *              more; changed, and given back as it was.
	 */
	result<void> read(const file_root &root, const file &directory,
			  std::span<char> path) noexcept
	{
		auto each = [this](std::string_view name) { return add(name); };

		KTCP_TRY(directory.list(each));

		const std::size_t base = std::string_view(path.data()).size();

		for (std::uint32_t i = 0; i < count_; i++) {
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
		std::sort(index(), index() + count_, [this](std::uint32_t a, std::uint32_t b) {
			const entry &one = entry_at(a), &other = entry_at(b);

			if ((one.kind == KTCP_FILE_DIRECTORY) != (other.kind == KTCP_FILE_DIRECTORY))
				return one.kind == KTCP_FILE_DIRECTORY;
			return name_of(one) < name_of(other);
		});
		return {};
	}

	/** How many entries there are. */
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

	/** Are there more entries than there was room for? */
	bool cut() const noexcept
	{
		return cut_;
	}

    private:
	static constexpr std::size_t memory_size = 65536;

	/* Entries grow from the beginning, their offsets from the end. */
	bool add(std::string_view name) noexcept
	{
		const std::size_t size = (sizeof(entry) + name.size() + 7) & ~std::size_t{ 7 };

		if (name.starts_with('.') || name.size() > 255)
			return true;
		if (used_ + size + (count_ + 1) * sizeof(std::uint32_t) > memory_size) {
			cut_ = true;
			return false;
		}

		entry &one = *new (memory_.bytes().data() + used_) entry{};

		one.length = static_cast<std::uint8_t>(name.size());
		std::copy_n(name.data(), name.size(), one.name);
		count_++;
		index()[0] = static_cast<std::uint32_t>(used_);
		used_ += size;
		return true;
	}

	std::uint32_t *index() noexcept
	{
		return reinterpret_cast<std::uint32_t *>(memory_.bytes().data() + memory_size) -
		       count_;
	}

	entry &entry_at(std::uint32_t offset) noexcept
	{
		return *reinterpret_cast<entry *>(memory_.bytes().data() + offset);
	}

	buffer memory_;
	std::size_t used_ = 0;
	std::uint32_t count_ = 0;
	bool cut_ = false;
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
inline void listing_foot(text_builder &out, bool cut) noexcept
{
	out.add("</table>\n");
	if (cut)
		out.add("<p>There are more than can be shown here.\n");
	out.add("</html>\n");
}

} // namespace ktcp::http

#endif
