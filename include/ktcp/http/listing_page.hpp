// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A listing as it is sent: a page for people, or JSON for programs.
 */
#ifndef KTCP_HTTP_LISTING_PAGE_HPP
#define KTCP_HTTP_LISTING_PAGE_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/http/listing.hpp>
#include <ktcp/http/parse/date.hpp>
#include <ktcp/http/parse/path.hpp>

namespace ktcp::http
{

/**
 * Writes a listing's text: 4096 bytes at most in a row, 8192 in the head. Any context.
 *
 * The JSON is an array of objects with `name`, `href`, `type` (`file` or `directory`), `mtime`, and a
 * file's `size` in bytes: nginx's, and href. Bytes of a name that are no UTF-8 are U+FFFD there; its
 * href is the name to the byte.
 */
class listing_page {
    public:
	/** @param json  else HTML. */
	constexpr explicit listing_page(bool json) noexcept : json_(json)
	{
	}

	/** For the field Content-Type. */
	constexpr std::string_view type() const noexcept
	{
		return json_ ? "application/json" : "text/html; charset=utf-8";
	}

	/** @param path  of the folder, decoded; the end of a long one is shown. */
	void head(text_builder &out, std::string_view path) noexcept
	{
		if (json_)
			out.add('[');
		else
			html_head(out, path);
	}

	/** One entry. */
	void row(text_builder &out, const listing::entry &one) noexcept
	{
		if (json_)
			json_row(out, one);
		else
			html_row(out, one);
	}

	/** The end, behind the rows. */
	void foot(text_builder &out) noexcept
	{
		out.add(json_ ? "\n]\n" : "</table>\n</html>\n");
	}

    private:
	static void add_date(text_builder &out, std::int64_t seconds) noexcept
	{
		char date[date_length];

		format_date(date, static_cast<std::uint64_t>(seconds));
		out.add(std::string_view(date, date_length));
	}

	void json_row(text_builder &out, const listing::entry &one) noexcept
	{
		const std::string_view name = listing::name_of(one);
		const bool folder = one.kind == KTCP_FILE_DIRECTORY;

		out.add(any_ ? ",\n" : "\n").add("{\"name\":\"").json_escaped(name);
		out.add("\",\"href\":\"").percent_encoded(name).add(folder ? "/" : "");
		out.add("\",\"type\":\"").add(folder ? "directory" : "file").add("\",\"mtime\":\"");
		add_date(out, one.mtime > 0 ? one.mtime : 0);
		out.add('"');
		if (!folder)
			out.add(",\"size\":").number(one.size);
		out.add('}');
		any_ = true;
	}

	static void html_head(text_builder &out, std::string_view path) noexcept
	{
		constexpr std::size_t most = 512;
		const std::string_view dots = path.size() > most ? "…" : "/";
		const std::string_view shown = slice(path,
						     path.size() > most ? path.size() - most : 0);

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

	static void html_row(text_builder &out, const listing::entry &one) noexcept
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
		if (one.mtime > 0)
			add_date(out, one.mtime);
		out.add('\n');
	}

	const bool json_;
	bool any_ = false; /* a row was written */
};

} // namespace ktcp::http

#endif
