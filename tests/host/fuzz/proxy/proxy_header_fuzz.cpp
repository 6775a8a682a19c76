// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Any bytes, as the first of a connection from a proxy; and the same behind a signature, for else the
 * fuzzer seldom gets beyond that. Bytes that are done or bad stay so with more behind them.
 */
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include <ktcp/net/proxy_header.hpp>

namespace
{

using ktcp::proxy_header;

void require(bool holds)
{
	if (!holds)
		std::abort();
}

/* Where the fuzzer's address sanitizer sees one byte too many. */
proxy_header parse(std::string_view text)
{
	const std::vector<char> copy(text.begin(), text.end());

	return ktcp::parse_proxy_header({ copy.data(), copy.size() });
}

bool same(const proxy_header &a, const proxy_header &b)
{
	return a.outcome == b.outcome && a.names_client == b.names_client && a.client == b.client &&
	       a.size == b.size;
}

void check(std::string_view text)
{
	const proxy_header all = parse(text);
	bool decided = false;

	if (all.outcome == proxy_header::done)
		require(all.size && all.size <= text.size() && all.size <= proxy_header::most);
	for (std::size_t size = 0; size <= text.size(); size++) {
		const proxy_header some = parse(text.substr(0, size));

		if (decided || some.outcome != proxy_header::more) {
			require(some.outcome == all.outcome);
			require(some.outcome != proxy_header::done || same(some, all));
			decided = true;
		}
		if (some.outcome == proxy_header::done)
			require(size >= some.size);
	}
	if (all.outcome == proxy_header::more)
		require(text.size() < proxy_header::most);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	const std::string_view bytes(reinterpret_cast<const char *>(data), size);

	check(bytes);
	for (const std::string_view begin :
	     { std::string_view("PROXY TCP4 "), std::string_view("PROXY TCP6 "),
	       std::string_view("\r\n\r\n\0\r\nQUIT\n\x21", 13),
	       std::string_view("\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24", 16) }) {
		std::vector<char> text(begin.begin(), begin.end());

		text.insert(text.end(), bytes.begin(), bytes.end());
		check({ text.data(), text.size() });
	}
	return 0;
}
