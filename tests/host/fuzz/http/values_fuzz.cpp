// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Any bytes as a path, a Range, conditions, codings, a list, a Host, a query, a route and a name in
 * JSON. No path leads out of the root, no range asks for bytes that are not there, and decoded text
 * can be encoded again. Lists and hosts are read by a second reader as well, which must agree.
 */
#include <algorithm>
#include <arpa/inet.h>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <ktcp/http/parse/accept.hpp>
#include <ktcp/http/parse/coding.hpp>
#include <ktcp/http/parse/conditional.hpp>
#include <ktcp/http/parse/path.hpp>
#include <ktcp/http/parse/query.hpp>
#include <ktcp/http/parse/range.hpp>
#include <ktcp/http/routes.hpp>

namespace
{

void require(bool holds)
{
	if (!holds)
		std::abort();
}

/* RFC 3986, section 5.2.4, segment by segment. */
void check_dots(const std::string &path)
{
	std::vector<std::string> kept;
	std::vector<char> out(path.size());
	const auto resolved = ktcp::http::resolve_dots(path, out);
	std::string expected;
	bool above = false, folder = false;

	for (std::size_t from = 1; from <= path.size() && !above;) {
		const std::size_t end = std::min(path.find('/', from), path.size());
		const std::string segment = path.substr(from, end - from);
		std::string plain = segment;

		for (const char *const dot : { "%2e", "%2E" })
			for (std::size_t at; (at = plain.find(dot)) != plain.npos;)
				plain.replace(at, 3, ".");
		folder = plain == "." || plain == "..";
		above = plain == ".." && kept.empty();
		if (plain == ".." && !above)
			kept.pop_back();
		else if (!folder)
			kept.push_back(segment);
		from = end + 1;
	}
	for (const std::string &each : kept)
		expected += "/" + each;
	if (folder)
		expected += "/";
	require(above ? resolved.error() == ktcp::errc::einval : *resolved == expected);
	require(above || !ktcp::http::has_dot_segments(*resolved));
	require(ktcp::http::has_dot_segments(path) == (above || *resolved != path));
}

void check_path(std::string_view text, std::size_t room, bool slashes)
{
	std::vector<char> out(room);
	const auto decoded = ktcp::http::decode_path(text, out, slashes);

	if (!decoded) {
		require(decoded.error() == ktcp::errc::einval ||
			decoded.error() == ktcp::errc::emsgsize);
		return;
	}

	const std::size_t length = decoded->size;

	require(length < room && out[length] == '\0');

	const std::string name(out.data(), length);

	require(name.find('\0') == name.npos);
	for (std::size_t from = 0; !name.empty();) {
		const std::size_t slash = name.find('/', from);
		const std::string segment = name.substr(from, slash - from);

		require(!segment.empty() && segment != "." && segment != "..");
		if (slash == name.npos)
			break;
		from = slash + 1;
	}

	/* There and back again. */
	std::vector<char> encoded(3 * length + 1), again(room);
	std::string path;

	for (std::size_t from = 0; from <= name.size();) {
		const std::size_t slash = std::min(name.find('/', from), name.size());
		ktcp::http::text_builder builder(encoded);

		builder.percent_encoded(std::string_view(name).substr(from, slash - from));
		require(builder.whole());
		path += '/';
		path += builder.text();
		from = slash + 1;
	}

	const auto back = ktcp::http::decode_path(path, again);

	require(back && back->size == length && again.data() == name);
}

void check_range(std::string_view text, std::uint64_t size)
{
	const ktcp::http::range_set ranges(text, size);
	std::uint64_t total = 0;

	require((ranges.what() == ktcp::http::range_set::outcome::some) == (ranges.size() > 0));
	unsigned int count = 0;

	for (auto each = ranges.begin(); each != ranges.end(); ++each, count++) {
		require(each->size && each->first < size && each->size <= size - each->first);
		require(!__builtin_add_overflow(total, each->size, &total));
	}
	require(count == ranges.size() && total <= size);
}

/* As many fields as lines, all with the name that the first byte chooses. */
struct head {
	std::string_view text;

	bool may_have(const ktcp::http::field_names &) const
	{
		return true;
	}

	ktcp::http::field next_field(std::size_t &cursor) const
	{
		constexpr std::string_view names[] = { "If-Match",	    "If-None-Match",
						       "If-Modified-Since", "If-Unmodified-Since",
						       "If-Range",	    "Range",
						       "Accept-Encoding",   "Accept" };

		if (cursor >= text.size())
			return {};

		const std::size_t end = std::min(text.find('\n', cursor), text.size());
		const std::string_view line = text.substr(cursor, end - cursor);

		cursor = end + 1;
		return { names[line.empty() ? 0 : static_cast<unsigned char>(line[0]) % 8],
			 ktcp::http::detail::trimmed(ktcp::slice(line, 1)) };
	}
};

/* RFC 9110, section 5.6.1, character by character. */
void check_list(std::string_view text)
{
	std::vector<std::string> ours, theirs(1);
	std::string_view rest = text;

	for (std::string_view each; !(each = ktcp::http::detail::next_element(rest)).empty();)
		ours.emplace_back(each);
	require(rest.empty());

	bool quoted = false;

	for (const char c : text) {
		quoted ^= c == '"';
		if (c == ',' && !quoted)
			theirs.emplace_back();
		else
			theirs.back() += c;
	}
	for (std::string &each : theirs) {
		each.erase(0, each.find_first_not_of(" \t"));
		each.erase(each.find_last_not_of(" \t") + 1);
	}
	std::erase(theirs, "");
	require(ours == theirs);
}

/* The address in brackets by the C library, and the rest by a list of characters. */
void check_host(std::string_view text)
{
	const std::string_view plain =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=";
	const std::string_view hex = "0123456789abcdefABCDEF";
	std::string_view rest = text;
	bool good = true;

	if (rest.starts_with('[')) {
		const std::size_t end = rest.find(']');

		if (end == rest.npos || text.starts_with("[v") || text.starts_with("[V"))
			return;

		const std::string inside(rest.substr(1, end - 1));
		in6_addr address;

		/* The C library ends at a NUL. */
		good = inside.find('\0') == inside.npos &&
		       inet_pton(AF_INET6, inside.c_str(), &address) == 1;
		rest.remove_prefix(end + 1);
	}
	while (!text.starts_with('[') && !rest.empty() && rest[0] != ':') {
		const bool encoded = rest.size() > 2 && rest[0] == '%' &&
				     hex.find(rest[1]) != hex.npos && hex.find(rest[2]) != hex.npos;

		good = good && (encoded || plain.find(rest[0]) != plain.npos);
		rest.remove_prefix(encoded ? 3 : 1);
	}
	/* A port needs a host (RFC 9110, section 4.2.1). */
	good = good && (rest.empty() || (rest.size() < text.size() && rest[0] == ':' &&
					 rest.find_first_not_of("0123456789", 1) == rest.npos));
	require(ktcp::http::detail::is_authority(text) == good);
}

void check_query(std::string_view text)
{
	const ktcp::http::query_values query(text);
	std::string_view rest = text;

	while (const auto each = ktcp::http::query_values::next(rest)) {
		std::vector<char> memory(each->value.size() + 1), name(each->name.size() + 1);
		const auto value = ktcp::http::percent_decoded(each->value, memory, true);
		const auto called = ktcp::http::percent_decoded(each->name, name, true);

		require(value || value.error() == ktcp::errc::einval);
		if (called)
			require(static_cast<bool>(query.raw(*called)));
		if (!value)
			continue;

		std::vector<char> encoded(3 * value->size() + 1), again(value->size() + 1);
		ktcp::http::text_builder builder(encoded);
		const auto back = ktcp::http::percent_decoded(
			builder.percent_encoded(*value).text(), again, true);

		require(back && *back == *value);
		if (value->size())
			require(ktcp::http::percent_decoded(
					each->value, std::span(memory).first(value->size() - 1),
					true)
					.error() == ktcp::errc::emsgsize);
	}
}

void check_route(std::string_view text)
{
	const std::size_t half = text.find('\n');
	const std::string pattern(text.substr(0, half));
	const std::string path = "/" + std::string(ktcp::slice(text, half + 1));
	ktcp::http::route_values values;

	if (!ktcp::http::route_values::is_pattern(pattern))
		return;

	/* Part by part. */
	std::string_view wanted = pattern, had = path;
	std::map<std::string_view, std::string_view> expected;
	bool fits = true;

	while (fits && !wanted.empty() && !had.empty()) {
		const std::string_view name = ktcp::http::detail::take_segment(wanted);
		const std::string_view part = ktcp::http::detail::take_segment(had);

		if (!name.starts_with('{')) {
			fits = ktcp::http::detail::decodes_to(part, name, false);
			continue;
		}
		fits = !part.empty();
		expected.emplace(ktcp::slice(name, 1, name.size() - 2), part);
	}
	fits = fits && wanted.empty() && had.empty();
	require(values.match(pattern, path) == fits);
	for (const auto &[name, value] : expected)
		require(values.raw(name) == (fits ? value : std::string_view()));
}

void check_json(std::string_view text)
{
	std::vector<char> memory(6 * text.size() + 1);
	ktcp::http::text_builder made(memory);
	std::string_view shown = made.json_escaped(text).text();

	require(made.whole());
	while (!shown.empty()) {
		const std::size_t size = ktcp::http::detail::utf8_size(shown);

		require(size && static_cast<unsigned char>(shown[0]) >= 0x20 && shown[0] != '"');
		if (shown[0] == '\\')
			require(shown.size() > 1 &&
				std::string_view("u\\\"").find(shown[1]) != std::string_view::npos);
		shown.remove_prefix(shown[0] == '\\' ? 2 : size);
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	if (!size)
		return 0;

	/* Where the address sanitizer sees one byte too many. */
	const std::vector<char> copy(data + 1, data + size);
	const std::string_view text(copy.data(), copy.size());
	const ktcp::http::validators known = { "\"a\"", 784111777, 1'700'000'000 };
	const ktcp::http::conditions given(head{ text }, known);

	check_dots("/" + std::string(text));
	check_path(text, 1 + data[0], data[0] & 1);
	check_range(text, data[0] % 16);
	check_range(given.range(), UINT64_MAX - data[0]);
	static_cast<void>(given.outcome());
	static_cast<void>(ktcp::http::accepts_gzip(head{ text }));
	require(ktcp::http::weight_of_type(head{ text }, "text/html") <= 1000);
	check_list(text);
	check_host(text);
	check_query(text);
	check_route(text);
	check_json(text);
	return 0;
}
