// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Any bytes, in any pieces, from a client of the file service and of a handler that reads bodies.
 * The same comes back however they were cut, and the server lets go of a client that leaves.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <ktcp/http/file_service.hpp>
#include <ktcp/http/service.hpp>

#include "../../http/client.hpp"

namespace
{

using answer = ktcp::task_of<void>;

/* The number of a body's bytes, and their sum. */
answer count(ktcp::http::request &asked, ktcp::http::response &to)
{
	unsigned long bytes = 0, sum = 0;

	for (;;) {
		const auto piece = co_await asked.read_body();

		if (!piece)
			co_return piece.error();
		if (piece->empty())
			break;
		for (std::byte each : *piece)
			sum = sum * 31 + static_cast<unsigned char>(each);
		bytes += piece->size();
	}

	const std::string text = std::to_string(bytes) + " " + std::to_string(sum);

	to.status(200);
	co_return co_await to.send(text);
}

struct site {
	answer operator()(ktcp::http::request &asked, ktcp::http::response &to) const
	{
		return asked.method() == ktcp::http::method::post ? count(asked, to) :
								    files.serve(asked, to);
	}

	ktcp::http::file_service files;
};

const ktcp::http::service<site> &service()
{
	static const ktcp::file_root root = std::move(*ktcp::file_root::open(KTCP_FUZZ_ROOT, {}));
	static const ktcp::http::service<site> made(
		site{ { root, {} } },
		{ .head = { .line_bytes = 200, .head_bytes = 600, .fields = 12, .body_bytes = 400 },
		  .chunk_overhead_bytes = 60,
		  .unread_bytes = 100 });

	return made;
}

struct outcome {
	std::string received;
	bool ended, reset; /* it may still listen, which depends on what has come by then */

	bool operator==(const outcome &) const = default;
};

/* Pieces as long as @p steps says, in turns; none: all at once. */
outcome talk(std::string_view text, std::string_view steps)
{
	client one(service());
	std::size_t turn = 0;

	while (!text.empty()) {
		const std::size_t step =
			steps.empty() ?
				text.size() :
				1 + static_cast<unsigned char>(steps[turn++ % steps.size()]) % 64;

		one.send(text.substr(0, step));
		text.remove_prefix(std::min(step, text.size()));
	}

	outcome what{ one.received(), one.over() || one.was_shut(), one.was_reset() };
	constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

	/* It depends on the cut whether the client waits. */
	for (std::size_t at = 0; (at = what.received.find(go_on, at)) != std::string::npos;)
		what.received.erase(at, go_on.size());
	return what;
}

void require_same(const outcome &one, const outcome &other)
{
	if (one == other)
		return;
	for (const outcome &each : { one, other })
		std::fprintf(stderr, "ended %d, reset %d: %s\n\n", each.ended, each.reset,
			     each.received.c_str());
	std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	constexpr std::size_t turns = 4;

	if (size <= turns)
		return 0;

	const std::string_view text(reinterpret_cast<const char *>(data), size - turns);
	const std::string_view steps(reinterpret_cast<const char *>(data) + text.size(), turns);
	const outcome whole = talk(text, {});

	require_same(whole, talk(text, steps));
	require_same(whole, talk(text, std::string_view("\0", 1)));
	return 0;
}
