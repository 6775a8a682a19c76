// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Any bytes, in any pieces, as a write to /proc/net/drop_tcp_sock. The same lines come out however
 * it is cut. Each is understood, or refused at a place that it has.
 */
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <ktcp/base/line_assembler.hpp>

#include "drop_line.hpp"

namespace
{

void require(bool holds)
{
	if (!holds)
		std::abort();
}

constexpr std::size_t longest = 255;

bool obey(std::string_view text)
{
	if (text.size() > longest || drop::is_blank(text))
		return text.size() <= longest;

	/* Where the fuzzer's address sanitizer sees one byte too many. */
	const std::vector<char> copy(text.begin(), text.end());
	const auto line = drop::parse_line({ copy.data(), copy.size() });

	require(line ? !line.error : line.at <= copy.size() && line.error[0]);
	if (line && line.value.exact()) {
		/* It is what it names, from both sides. */
		const ktcp_endpoint one = line.value.one.value.raw();
		const ktcp_endpoint other = line.value.other.value.raw();

		require(one.port && other.port);
		require(line.value.fits({ one, other, KTCP_TCP_ESTABLISHED, true, 1000, 4711 }));
		require(line.value.fits({ other, one, KTCP_TCP_TIME_WAIT, false, 0, 0 }));
	}
	return static_cast<bool>(line);
}

/* The lines that are obeyed when the text comes in pieces, a refused one being left out. */
std::vector<std::string> obeyed(std::string_view text, std::size_t piece)
{
	ktcp::line_assembler<longest> lines;
	std::vector<std::string> seen;
	const auto sink = [&](std::string_view line) {
		const bool good = obey(line);

		if (good)
			seen.emplace_back(line);
		return good;
	};

	for (std::size_t at = 0; at < text.size();) {
		const std::size_t size = piece < text.size() - at ? piece : text.size() - at;
		const auto fed = lines.feed(text.substr(at, size), sink);

		if (fed.accepted) {
			at += size;
			continue;
		}
		require(fed.at < static_cast<std::ptrdiff_t>(size));
		require(static_cast<std::ptrdiff_t>(at) + fed.at >= 0);
		/* To the next line. */
		const std::size_t begin = at + static_cast<std::size_t>(fed.at);
		const std::size_t end = text.find('\n', begin);

		at = end == text.npos ? text.size() : end + 1;
	}
	lines.finish(sink);
	return seen;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	if (!size)
		return 0;

	const std::string_view text(reinterpret_cast<const char *>(data) + 1, size - 1);

	require(obeyed(text, text.size() + 1) == obeyed(text, 1 + data[0]));
	return 0;
}
