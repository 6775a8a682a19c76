// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The media type of a file, and the coding that it is stored in, by the end of its name.
 */
#ifndef KTCP_HTTP_PARSE_MEDIA_TYPE_HPP
#define KTCP_HTTP_PARSE_MEDIA_TYPE_HPP

#include <cstddef>
#include <iterator>
#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/characters.hpp>
#include <ktcp/http/parse/field.hpp>

namespace ktcp::http
{

namespace detail
{

/* Below 0, 0 or above: how @a comes to @b, which is in lower case, without the case of letters. */
constexpr int compare_folded(std::string_view a, std::string_view b) noexcept
{
	for (std::size_t i = 0; i < a.size() && i < b.size(); i++)
		if (lower(a[i]) != b[i])
			return lower(a[i]) < b[i] ? -1 : 1;
	return a.size() < b.size() ? -1 : a.size() > b.size();
}

struct known_type {
	std::string_view extension;
	std::string_view type;
};

/* As Debian's /etc/mime.types has them, with what it lacks; by extension, in order. */
inline constexpr known_type known_types[] = {
	{ "3gp", "video/3gpp" },
	{ "7z", "application/x-7z-compressed" },
	{ "aac", "audio/aac" },
	{ "ai", "application/postscript" },
	{ "aif", "audio/x-aiff" },
	{ "aiff", "audio/x-aiff" },
	{ "apk", "application/vnd.android.package-archive" },
	{ "asc", "application/pgp-keys" },
	{ "atom", "application/atom+xml" },
	{ "avi", "video/x-msvideo" },
	{ "avif", "image/avif" },
	{ "bin", "application/octet-stream" },
	{ "bmp", "image/bmp" },
	{ "bz2", "application/x-bzip2" },
	{ "c", "text/plain; charset=utf-8" },
	{ "cab", "application/vnd.ms-cab-compressed" },
	{ "cc", "text/plain; charset=utf-8" },
	{ "cer", "application/pkix-cert" },
	{ "cfg", "text/plain; charset=utf-8" },
	{ "class", "application/java-vm" },
	{ "conf", "text/plain; charset=utf-8" },
	{ "cpio", "application/x-cpio" },
	{ "cpp", "text/plain; charset=utf-8" },
	{ "crl", "application/pkix-crl" },
	{ "crt", "application/x-x509-ca-cert" },
	{ "css", "text/css; charset=utf-8" },
	{ "csv", "text/csv; charset=utf-8" },
	{ "cxx", "text/x-c++src; charset=utf-8" },
	{ "deb", "application/vnd.debian.binary-package" },
	{ "diff", "text/x-diff; charset=utf-8" },
	{ "djv", "image/vnd.djvu" },
	{ "djvu", "image/vnd.djvu" },
	{ "dmg", "application/x-apple-diskimage" },
	{ "doc", "application/msword" },
	{ "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
	{ "dot", "text/vnd.graphviz; charset=utf-8" },
	{ "dtd", "application/xml-dtd" },
	{ "eml", "message/rfc822" },
	{ "eot", "application/vnd.ms-fontobject" },
	{ "eps", "application/postscript" },
	{ "epub", "application/epub+zip" },
	{ "flac", "audio/flac" },
	{ "flv", "video/x-flv" },
	{ "geojson", "application/geo+json" },
	{ "gif", "image/gif" },
	{ "glb", "model/gltf-binary" },
	{ "gltf", "model/gltf+json" },
	{ "go", "text/plain; charset=utf-8" },
	{ "gpx", "application/gpx+xml" },
	{ "gz", "application/gzip" },
	{ "h", "text/plain; charset=utf-8" },
	{ "heic", "image/heic" },
	{ "heif", "image/heif" },
	{ "hh", "text/x-c++hdr; charset=utf-8" },
	{ "hpp", "text/plain; charset=utf-8" },
	{ "htm", "text/html; charset=utf-8" },
	{ "html", "text/html; charset=utf-8" },
	{ "ico", "image/vnd.microsoft.icon" },
	{ "ics", "text/calendar; charset=utf-8" },
	{ "ini", "text/plain; charset=utf-8" },
	{ "iso", "application/x-iso9660-image" },
	{ "jar", "application/java-archive" },
	{ "java", "text/x-java; charset=utf-8" },
	{ "jpe", "image/jpeg" },
	{ "jpeg", "image/jpeg" },
	{ "jpg", "image/jpeg" },
	{ "js", "text/javascript; charset=utf-8" },
	{ "json", "application/json" },
	{ "jsonld", "application/ld+json" },
	{ "jxl", "image/jxl" },
	{ "key", "application/pgp-keys" },
	{ "kml", "application/vnd.google-earth.kml+xml" },
	{ "kmz", "application/vnd.google-earth.kmz" },
	{ "latex", "application/x-latex" },
	{ "lha", "application/x-lha" },
	{ "log", "text/plain; charset=utf-8" },
	{ "lua", "text/plain; charset=utf-8" },
	{ "lz", "application/lzip" },
	{ "lzma", "application/x-lzma" },
	{ "m3u", "audio/mpegurl" },
	{ "m3u8", "application/vnd.apple.mpegurl" },
	{ "m4a", "audio/mp4" },
	{ "m4v", "video/mp4" },
	{ "man", "application/x-troff-man" },
	{ "map", "application/json" },
	{ "markdown", "text/markdown; charset=utf-8" },
	{ "mbox", "application/mbox" },
	{ "md", "text/markdown; charset=utf-8" },
	{ "mid", "audio/sp-midi" },
	{ "midi", "audio/midi" },
	{ "mjs", "text/javascript; charset=utf-8" },
	{ "mkv", "video/x-matroska" },
	{ "mov", "video/quicktime" },
	{ "mp2", "audio/mpeg" },
	{ "mp3", "audio/mpeg" },
	{ "mp4", "video/mp4" },
	{ "mpd", "application/dash+xml" },
	{ "mpe", "video/mpeg" },
	{ "mpeg", "video/mpeg" },
	{ "mpg", "video/mpeg" },
	{ "mpga", "audio/mpeg" },
	{ "mtl", "model/mtl" },
	{ "o", "application/x-object" },
	{ "odf", "application/vnd.oasis.opendocument.formula" },
	{ "odg", "application/vnd.oasis.opendocument.graphics" },
	{ "odp", "application/vnd.oasis.opendocument.presentation" },
	{ "ods", "application/vnd.oasis.opendocument.spreadsheet" },
	{ "odt", "application/vnd.oasis.opendocument.text" },
	{ "oga", "audio/ogg" },
	{ "ogg", "audio/ogg" },
	{ "ogv", "video/ogg" },
	{ "opus", "audio/ogg" },
	{ "otf", "font/otf" },
	{ "p12", "application/pkcs12" },
	{ "patch", "text/x-diff; charset=utf-8" },
	{ "pdf", "application/pdf" },
	{ "pem", "application/pem-certificate-chain" },
	{ "pfx", "application/pkcs12" },
	{ "pgp", "application/pgp-encrypted" },
	{ "pl", "text/x-perl; charset=utf-8" },
	{ "pls", "audio/x-scpls" },
	{ "pm", "text/x-perl; charset=utf-8" },
	{ "png", "image/png" },
	{ "ppt", "application/vnd.ms-powerpoint" },
	{ "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
	{ "ps", "application/postscript" },
	{ "psd", "image/vnd.adobe.photoshop" },
	{ "py", "text/x-python; charset=utf-8" },
	{ "qt", "video/quicktime" },
	{ "rar", "application/vnd.rar" },
	{ "rb", "application/x-ruby" },
	{ "rdf", "application/rdf+xml" },
	{ "roff", "text/troff; charset=utf-8" },
	{ "rpm", "application/x-redhat-package-manager" },
	{ "rs", "application/rls-services+xml" },
	{ "rss", "application/x-rss+xml" },
	{ "rtf", "application/rtf" },
	{ "sh", "text/x-sh; charset=utf-8" },
	{ "shtml", "text/html; charset=utf-8" },
	{ "sig", "application/pgp-signature" },
	{ "sql", "application/sql" },
	{ "stl", "model/stl" },
	{ "svg", "image/svg+xml" },
	{ "svgz", "image/svg+xml" },
	{ "tar", "application/x-tar" },
	{ "tcl", "text/x-tcl; charset=utf-8" },
	{ "tex", "text/x-tex; charset=utf-8" },
	{ "texi", "application/x-texinfo" },
	{ "text", "text/plain; charset=utf-8" },
	{ "tgz", "application/x-gtar-compressed" },
	{ "tif", "image/tiff" },
	{ "tiff", "image/tiff" },
	{ "toml", "application/toml" },
	{ "torrent", "application/x-bittorrent" },
	{ "ts", "video/mp2t" },
	{ "tsv", "text/tab-separated-values; charset=utf-8" },
	{ "ttc", "font/collection" },
	{ "ttf", "font/ttf" },
	{ "ttl", "text/turtle; charset=utf-8" },
	{ "txt", "text/plain; charset=utf-8" },
	{ "udeb", "application/vnd.debian.binary-package" },
	{ "vcf", "text/vcard; charset=utf-8" },
	{ "wasm", "application/wasm" },
	{ "wav", "audio/x-wav" },
	{ "weba", "audio/webm" },
	{ "webm", "video/webm" },
	{ "webmanifest", "application/manifest+json" },
	{ "webp", "image/webp" },
	{ "wmv", "video/x-ms-wmv" },
	{ "woff", "font/woff" },
	{ "woff2", "font/woff2" },
	{ "wrl", "model/vrml" },
	{ "xcf", "image/x-xcf" },
	{ "xht", "application/xhtml+xml" },
	{ "xhtml", "application/xhtml+xml" },
	{ "xls", "application/vnd.ms-excel" },
	{ "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
	{ "xml", "application/xml" },
	{ "xpi", "application/x-xpinstall" },
	{ "xsl", "application/xslt+xml" },
	{ "xslt", "application/xslt+xml" },
	{ "xz", "application/x-xz" },
	{ "yaml", "application/yaml" },
	{ "yml", "application/yaml" },
	{ "zip", "application/zip" },
	{ "zst", "application/zstd" },
};

static_assert(
	[] {
		for (std::size_t i = 1; i < std::size(known_types); i++)
			if (compare_folded(known_types[i - 1].extension,
					   known_types[i].extension) >= 0)
				return false;
		return true;
	}(),
	"media_type_of() looks for a name between its neighbours");

} // namespace detail

/** The part of a name behind its last dot; empty: it has none. Any context. */
constexpr std::string_view extension_of(std::string_view name) noexcept
{
	const std::size_t dot = name.rfind('.');

	return dot == name.npos ? std::string_view() : slice(name, dot + 1);
}

/**
 * Is such a file the gzip form of what its media type says? Then its Content-Encoding is gzip: a viewer of SVG must not
 * show it without (SVG 2, "Conforming SVG Viewers"). Others that are compressed have types of their own. Any context.
 */
constexpr bool is_stored_as_gzip(std::string_view name) noexcept
{
	return detail::same_text(extension_of(name), "svgz");
}

/**
 * For the field Content-Type. Any context.
 * @param otherwise  where nothing is known of the name's end.
 */
constexpr std::string_view
media_type_of(std::string_view name,
	      std::string_view otherwise = "application/octet-stream") noexcept
{
	const std::string_view extension = extension_of(name);
	std::size_t from = 0, to = std::size(detail::known_types);

	while (from < to) {
		const std::size_t middle = from + (to - from) / 2;
		const detail::known_type &each = detail::known_types[middle];
		const int order = detail::compare_folded(extension, each.extension);

		if (!order)
			return each.type;
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return otherwise;
}

/** The fault of a type of one's own, for a person; nullptr: none. Any context. */
constexpr const char *default_type_error(std::string_view text) noexcept
{
	constexpr std::size_t most = 64; /* a head of a part has room for it */
	const std::size_t slash = detail::span_of(detail::in_token, text);
	const std::string_view subtype = slice(text, slash + 1);
	const std::size_t end = detail::span_of(detail::in_token, subtype);
	const std::string_view rest = detail::trimmed(slice(subtype, end));

	if (text.size() > most)
		return "default_type: it may have 64 characters; choose a shorter one";
	/* RFC 9110, section 8.3.1 */
	if (!slash || !slice(text, slash).starts_with('/') || !end ||
	    !(rest.empty() || rest[0] == ';') || !detail::is_field_text(text))
		return "default_type: it must be a media type, TYPE/SUBTYPE as in text/plain; "
		       "charset=utf-8";
	return nullptr;
}

} // namespace ktcp::http

#endif
