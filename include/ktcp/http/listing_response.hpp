// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A directory as a response: its entries as a page or as JSON, sent while they are read.
 */
#ifndef KTCP_HTTP_LISTING_RESPONSE_HPP
#define KTCP_HTTP_LISTING_RESPONSE_HPP

#include <cstdint>
#include <span>
#include <string_view>

#include <ktcp/base/result.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/http/file_body.hpp>
#include <ktcp/http/listing.hpp>
#include <ktcp/http/listing_page.hpp>
#include <ktcp/http/parse/accept.hpp>
#include <ktcp/http/parse/conditional.hpp>
#include <ktcp/http/request.hpp>
#include <ktcp/http/response.hpp>
#include <ktcp/kernel/file.hpp>
#include <ktcp/port/time.h>
#include <ktcp/task.hpp>

namespace ktcp::http::detail
{

/* @path: the directory's, below the root, with a NUL and room for a name. @memory: for the text. */
inline task_of<void> send_listing(request &asked, response &to, const file_root &root,
				  file directory, std::span<char> path, std::span<char> memory)
{
	/* It has neither tag nor date: only conditions with a star can be met or not. */
	const validators none = { {}, {}, ktcp_real_seconds() };

	switch (conditions(asked, none).outcome()) {
	case condition::failed:
		to.refuse(412);
		co_return result<void>();
	case condition::not_modified:
		to.status(304);
		co_return result<void>();
	case condition::proceed:
		break;
	}
	/* A client that likes both alike is a person's. */
	listing_page page(weight_of_type(asked, "application/json") >
			  weight_of_type(asked, "text/html"));

	to.status(200).field("Content-Type", page.type()).field("Vary", "Accept");
	if (asked.method() == method::head)
		co_return co_await to.write(std::string_view());

	auto entries = listing::create(asked.remote());
	const auto read_next = [&] {
		to.expect_more();
		return entries->read_next(root, directory, path,
					  [&] { return asked.peer().check(); });
	};

	if (const auto first = entries ? read_next() : result<void>(entries.error()); !first) {
		/* There is no memory, or the time for a part is over: later it may be otherwise. */
		const bool later = !entries || !asked.peer().check();

		to.refuse(later ? 503 : status_for_read(first.error()));
		co_return result<void>();
	}

	text_builder text(memory);

	page.head(text, path.data());
	for (;;) {
		/* Still while it may sleep; the code below may go on anywhere. */
		if (!entries->more())
			directory = file();
		for (std::uint32_t i = 0; i < entries->size(); i++) {
			/* The longest row has every byte of two names escaped. */
			if (memory.size() - text.text().size() < 4096) {
				if (const auto sent = co_await to.write(text.text()); !sent)
					co_return sent;
				text.cut(0);
			}
			if (entries->at(i).kind != KTCP_FILE_OTHER)
				page.row(text, entries->at(i));
		}
		if (!entries->more())
			break;
		if (const auto ready = co_await asked.peer().may_sleep(); !ready)
			co_return ready;
		if (const auto next = read_next(); !next) {
			to.abandon(status_for_read(next.error()));
			co_return next;
		}
	}
	page.foot(text);
	co_return co_await to.write(text.text());
}

} // namespace ktcp::http::detail

#endif
