// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A directory as a response: its entries as a page or as JSON, sent while they are read.
 */
#ifndef KTCP_HTTP_LISTING_RESPONSE_HPP
#define KTCP_HTTP_LISTING_RESPONSE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <ktcp/base/result.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/http/file_status.hpp>
#include <ktcp/http/listing.hpp>
#include <ktcp/http/listing_page.hpp>
#include <ktcp/http/listing_place.hpp>
#include <ktcp/http/parse/accept.hpp>
#include <ktcp/http/parse/conditional.hpp>
#include <ktcp/http/request.hpp>
#include <ktcp/http/response.hpp>
#include <ktcp/http/shared_listings.hpp>
#include <ktcp/kernel/context.hpp>
#include <ktcp/kernel/file.hpp>
#include <ktcp/port/time.h>
#include <ktcp/run_blocking.hpp>
#include <ktcp/task.hpp>

namespace ktcp::http::detail
{

/* A folder's names: a listing of its own, or its part in one of many clients'. */
struct being_read {
	listing_place place; /* the client's, whoever reads the folder */
	std::optional<file> directory; /* while there is more */
	std::optional<listing> own;
	shared_listings::ticket shared;

	listing &entries() noexcept
	{
		return own ? *own : shared.entries();
	}
};

inline void let_others_ask() noexcept
{
}

/* The next names. */
inline result<void> read_next(request &asked, response &to, const file_root &root,
			      std::span<char> path, being_read &what, process_context here) noexcept
{
	to.expect_more();
	return what.own->read_next(
		root, *what.directory, path, [&] { return asked.peer().check(); }, here);
}

/* The first names, for this client alone. */
inline result<void> read_alone(request &asked, response &to, const file_root &root,
			       std::span<char> path, being_read &what,
			       process_context here) noexcept
{
	what.own = KTCP_TRY(listing::create());
	if (!what.directory)
		what.directory = KTCP_TRY(root.open_below(path.data(), here));
	return read_next(asked, to, root, path, what, here);
}

/*
 * All names, or the first of very many, with others who ask for the same folder. The folder is opened again, for it
 * may have become another one since the first of them asked.
 */
inline task_of<void> read_together(request &asked, response &to, const file_root &root,
				   shared_listings &listings, std::span<char> path,
				   being_read &what)
{
	using state = shared_listings::state;

	auto &mine = what.shared;
	auto became = state::given_up;

	while (became == state::given_up) {
		KTCP_CO_CHECK(co_await asked.peer().may_sleep());

		auto joined = listings.join(path.data());

		if (!joined)
			co_return joined.error();
		mine = std::move(*joined);
		became = state::open;
		while (!mine.leads() && (became == state::open || became == state::begun)) {
			/* The reading before takes its time, and this one. */
			to.expect_more();

			const auto next = co_await mine.after(asked.peer(), became);

			if (!next)
				co_return next.error();
			became = *next;
		}
	}
	if (mine.leads()) {
		/* Others may join: those who ask while another reading goes on, and whose turn is next. */
		to.expect_more();
		if (const auto before = mine.before()) {
			KTCP_CO_CHECK(co_await before.after(asked.peer(), state::begun));
		} else {
			KTCP_CO_CHECK(co_await run_blocking(asked.peer(), let_others_ask));
		}
	} else if (became != state::too_large) {
		co_return became == state::whole ? result<void>() : mine.why();
	}

	KTCP_CO_TRY(const process_context here, co_await asked.peer().may_sleep());

	if (mine.leads())
		mine.begin();

	const auto got = read_alone(asked, to, root, path, what, here);

	if (!mine.leads())
		co_return got;
	if (got && what.own->more()) {
		mine.end(state::too_large);
	} else if (got) {
		what.directory.reset();
		mine.succeed(std::move(*what.own));
		what.own.reset();
	} else if (asked.peer().check()) {
		mine.fail(got.error());
	} else {
		/* It is this client that has left. */
		mine.end(state::given_up);
	}
	co_return got;
}

/*
 * 0: it was answered. Else the directory cannot be read, and the caller, which may sleep, answers with this status.
 * @path: the directory's, below the root, with a NUL and room for a name. @memory: for the text.
 * @listings: or nullptr. @here: until its first await.
 */
inline task_of<unsigned int> send_listing(request &asked, response &to, const file_root &root,
					  file directory, std::span<char> path,
					  std::span<char> memory, shared_listings *listings,
					  process_context here)
{
	/* It has neither tag nor date: only conditions with a star can be met or not. */
	const validators none = { {}, {}, ktcp_real_seconds() };

	switch (conditions(asked, none).outcome()) {
	case condition::failed:
		to.refuse(412);
		co_return 0u;
	case condition::not_modified:
		to.status(304).field("Vary", "Accept");
		co_return 0u;
	case condition::proceed:
		break;
	}
	/* A client that likes both alike is a person's. */
	listing_page page(weight_of_type(asked, "application/json") >
			  weight_of_type(asked, "text/html"));

	to.status(200).field("Content-Type", page.type()).field("Vary", "Accept");
	if (asked.method() == method::head) {
		KTCP_CO_CHECK(co_await to.write(std::string_view()));
		co_return 0u;
	}

	being_read what;
	/* Before it joins others: they would wait for a client that has none. */
	result<void> first = what.place.take(asked.remote());

	if (first && listings) {
		directory = file(); /* others may be waited for */
		first = co_await read_together(asked, to, root, *listings, path, what);
	} else if (first) {
		what.directory = std::move(directory);
		first = read_alone(asked, to, root, path, what, here);
	}
	if (!first) {
		const auto there = asked.peer().check();

		/* It is the connection that ended. */
		if (!there && there.error() != errc::etimedout)
			co_return there.error();
		if (!there) /* the time for a part is over: later it may be otherwise */
			co_return 503u;
		/* For what the caller answers with. It may be another client's reading that failed. */
		KTCP_CO_CHECK(co_await asked.peer().may_sleep());
		co_return status_for_open(first.error());
	}

	listing &entries = what.entries();
	text_builder text(memory);

	page.head(text, path.data());
	for (;;) {
		/* Still while it may sleep; the code below may go on anywhere. */
		if (!entries.more())
			what.directory.reset();
		for (std::uint32_t i = 0; i < entries.size(); i++) {
			/* It has every byte of two names escaped, in three characters and in six. */
			const std::size_t longest_row = 9 * std::size_t{ entries.at(i).length } +
							256;

			if (memory.size() - text.text().size() < longest_row) {
				KTCP_CO_CHECK(co_await to.write(text.text()));
				text.cut(0);
			}
			if (entries.at(i).kind != KTCP_FILE_OTHER)
				page.row(text, entries.at(i));
		}
		if (!entries.more())
			break;
		KTCP_CO_TRY(const process_context again, co_await asked.peer().may_sleep());
		if (const auto next = read_next(asked, to, root, path, what, again); !next) {
			to.abandon(status_for_read(next.error()));
			co_return next.error();
		}
	}
	page.foot(text);
	KTCP_CO_CHECK(co_await to.write(text.text()));
	co_return 0u;
}

} // namespace ktcp::http::detail

#endif
