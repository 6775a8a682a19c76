// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The media type of a file, by the end of its name.
 */
#ifndef KTCP_HTTP_MEDIA_TYPE_HPP
#define KTCP_HTTP_MEDIA_TYPE_HPP

#include <cstddef>
#include <string_view>

#include <ktcp/http/head.hpp>

namespace ktcp::http
{

namespace detail
{

struct known_type {
	std::string_view extension;
	std::string_view type;
};

inline constexpr known_type known_types[] = {
	{ "html", "text/html; charset=utf-8" },
	{ "htm", "text/html; charset=utf-8" },
	{ "txt", "text/plain; charset=utf-8" },
	{ "css", "text/css; charset=utf-8" },
	{ "js", "text/javascript; charset=utf-8" },
	{ "mjs", "text/javascript; charset=utf-8" },
	{ "json", "application/json" },
	{ "png", "image/png" },
	{ "jpg", "image/jpeg" },
	{ "jpeg", "image/jpeg" },
	{ "gif", "image/gif" },
	{ "svg", "image/svg+xml" },
	{ "webp", "image/webp" },
	{ "avif", "image/avif" },
	{ "ico", "image/x-icon" },
	{ "md", "text/markdown; charset=utf-8" },
	{ "csv", "text/csv; charset=utf-8" },
	{ "log", "text/plain; charset=utf-8" },
	{ "c", "text/plain; charset=utf-8" },
	{ "h", "text/plain; charset=utf-8" },
	{ "cpp", "text/plain; charset=utf-8" },
	{ "hpp", "text/plain; charset=utf-8" },
	{ "xml", "application/xml" },
	{ "pdf", "application/pdf" },
	{ "wasm", "application/wasm" },
	{ "woff", "font/woff" },
	{ "woff2", "font/woff2" },
	{ "ttf", "font/ttf" },
	{ "otf", "font/otf" },
	{ "mp3", "audio/mpeg" },
	{ "ogg", "audio/ogg" },
	{ "flac", "audio/flac" },
	{ "wav", "audio/wav" },
	{ "mp4", "video/mp4" },
	{ "webm", "video/webm" },
	{ "zip", "application/zip" },
	{ "gz", "application/gzip" },
	{ "xz", "application/x-xz" },
	{ "zst", "application/zstd" },
	{ "tar", "application/x-tar" },
};

} // namespace detail

/** For the field Content-Type; "application/octet-stream" where nothing is known. Any context. */
constexpr std::string_view media_type_of(std::string_view name) noexcept
{
	const std::size_t dot = name.rfind('.');

	if (dot != name.npos)
		for (const auto &each : detail::known_types)
			if (detail::same_text(slice(name, dot + 1), each.extension))
				return each.type;
	return "application/octet-stream";
}

} // namespace ktcp::http

#endif
