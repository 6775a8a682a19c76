// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The bytes of a file as the body of a response: one range of them, or several.
 *
 * Pages of the file leave without being copied. Where its file system has no pages, copies of its bytes do. A file
 * that changes meanwhile breaks the response off.
 */
#ifndef KTCP_HTTP_FILE_BODY_HPP
#define KTCP_HTTP_FILE_BODY_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/error.hpp>
#include <ktcp/base/result.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/http/file_status.hpp>
#include <ktcp/http/parse/range.hpp>
#include <ktcp/http/representation.hpp>
#include <ktcp/http/request.hpp>
#include <ktcp/http/response.hpp>
#include <ktcp/kernel/context.hpp>
#include <ktcp/kernel/file.hpp>
#include <ktcp/port/random.h>
#include <ktcp/task.hpp>
#include <ktcp/timer.hpp>

namespace ktcp::http::detail
{

/*
 * It has another time, and its size as before: an append is under way, perhaps. That sets the time before the size
 * (generic_file_write_iter()). Then it is unchanged soon.
 */
inline task_of<void> file_grows(request &asked, const file &from)
{
	constexpr unsigned int looks = 10, pause_ms = 2;

	for (unsigned int look = 0; look < looks; look++) {
		KTCP_CO_CHECK(co_await sleep_for(asked.peer(), pause_ms));
		KTCP_CO_TRY(const process_context here, co_await asked.peer().may_sleep());
		if (from.unchanged(here))
			co_return result<void>();
	}
	co_return errc::eio;
}

/* Copies of its bytes. */
inline task_of<void> copy_file(request &asked, response &to, const file &from, byte_range range)
{
	auto memory = asked.peer().borrow();

	while (memory && range.size) {
		KTCP_CO_TRY(const process_context here, co_await asked.peer().may_sleep());
		if (!from.unchanged(here) && !co_await file_grows(asked, from)) {
			to.abandon();
			co_return errc::eio;
		}

		const auto room = memory->bytes();
		const auto got =
			from.read(room.first(static_cast<std::size_t>(
					  std::min<std::uint64_t>(range.size, room.size()))),
				  range.first, here);

		if (!got || !*got) {
			to.abandon(got ? 500 : status_for_read(got.error()));
			co_return got ? errc::eio : got.error();
		}
		range.first += *got;
		range.size -= *got;
		if (const auto sent = co_await to.write(room.first(*got)); !sent)
			co_return sent;
	}
	if (!memory)
		to.abandon(503);
	co_return result<void>();
}

/* Pages of the file, or copies of its bytes where the file system has no pages. */
inline task_of<void> send_file(request &asked, response &to, const file &from, byte_range range)
{
	constexpr std::size_t part_bytes = file_pages::most * 4096ul;
	file_pages pages;

	while (range.size) {
		KTCP_CO_TRY(const process_context here, co_await asked.peer().may_sleep());
		if (!from.unchanged(here) && !co_await file_grows(asked, from)) {
			to.abandon(); /* a client may not take parts of two for one */
			co_return errc::eio;
		}

		const auto got = from.read_pages(
			pages, range.first,
			static_cast<std::size_t>(std::min<std::uint64_t>(range.size, part_bytes)),
			here);

		if (!got && got.error() == errc::einval)
			co_return co_await copy_file(asked, to, from, range);
		if (!got || !*got) {
			/* shorter than was promised, or not to be read now */
			to.abandon(got ? 500 : status_for_read(got.error()));
			co_return got ? errc::eio : got.error();
		}
		range.first += *got;
		range.size -= *got;
		if (const auto sent = co_await to.write(pages); !sent)
			co_return sent;
	}
	co_return result<void>();
}

/* multipart/byteranges (RFC 9110, section 14.6) */
inline task_of<void> send_file_parts(request &asked, response &to, const file &from,
				     const representation &what, range_set ranges)
{
	char boundary_text[16], memory[208]; /* the longest known type, and numbers */
	text_builder made(boundary_text);
	std::uint64_t length = 0;

	/* None that the file could have in it, on purpose or not. */
	made.number(ktcp_random_u32(), 16, 8).number(ktcp_random_u32(), 16, 8);

	const std::string_view boundary = made.text();
	const auto head_of = [&](const byte_range &each) {
		text_builder text(memory);

		text.add("\r\n--").add(boundary).add("\r\n").add(what.type_line());
		text.add("Content-Range: bytes ").number(each.first).add('-');
		text.number(each.first + each.size - 1).add('/').number(what.size());
		return text.add("\r\n\r\n").text();
	};

	bool countable = true;

	for (auto each = ranges.begin(); each != ranges.end(); ++each)
		countable &= !__builtin_add_overflow(length, head_of(*each).size() + each->size,
						     &length);
	countable &= !__builtin_add_overflow(length, boundary.size() + 8, &length);
	if (!countable) {
		to.refuse(416);
		co_return result<void>();
	}

	text_builder type(memory);

	to.status(206).field("Content-Type",
			     type.add("multipart/byteranges; boundary=").add(boundary).text());
	to.lines(what.lines_but_type()).length(length);
	for (auto each = ranges.begin(); each != ranges.end(); ++each) {
		if (const auto sent = co_await to.write(head_of(*each)); !sent)
			co_return sent;
		if (const auto sent = co_await send_file(asked, to, from, *each); !sent)
			co_return sent;
	}
	text_builder end(memory);

	co_return co_await to.write(end.add("\r\n--").add(boundary).add("--\r\n").text());
}

} // namespace ktcp::http::detail

#endif
