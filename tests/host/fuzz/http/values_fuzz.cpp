// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Any bytes as a path, a Range, conditions and codings: nothing leads out of the root, nothing
 * is asked for that is not there, and what was decoded can be encoded again.
 */
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <ktcp/http/coding.hpp>
#include <ktcp/http/conditional.hpp>
#include <ktcp/http/path.hpp>
#include <ktcp/http/range.hpp>

namespace
{

void require(bool holds)
{
	if (!holds)
		std::abort();
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

	ktcp::http::field next_field(std::size_t &cursor) const
	{
		constexpr std::string_view names[] = { "If-Match",	    "If-None-Match",
						       "If-Modified-Since", "If-Unmodified-Since",
						       "If-Range",	    "Range",
						       "Accept-Encoding" };

		if (cursor >= text.size())
			return {};

		const std::size_t end = std::min(text.find('\n', cursor), text.size());
		const std::string_view line = text.substr(cursor, end - cursor);

		cursor = end + 1;
		return { names[line.empty() ? 0 : static_cast<unsigned char>(line[0]) % 7],
			 ktcp::http::detail::trimmed(ktcp::slice(line, 1)) };
	}
};

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

	check_path(text, 1 + data[0], data[0] & 1);
	check_range(text, data[0] % 16);
	check_range(given.range(), UINT64_MAX - data[0]);
	static_cast<void>(given.outcome());
	static_cast<void>(ktcp::http::accepts_gzip(head{ text }));
	return 0;
}
