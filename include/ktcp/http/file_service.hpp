// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Files below a root as responses: their types, validators and ranges, pages that list
 * directories. Large files go from the page cache to the network without being copied.
 *
 * @code
 * ktcp::http::file_service documents(root, { .listing = true });
 * ...
 * return documents.serve(request, response);	// in a request handler
 * @endcode
 */
#ifndef KTCP_HTTP_FILE_SERVICE_HPP
#define KTCP_HTTP_FILE_SERVICE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <ktcp/http/answer_cache.hpp>
#include <ktcp/http/file_body.hpp>
#include <ktcp/http/file_status.hpp>
#include <ktcp/http/listing_response.hpp>
#include <ktcp/http/parse/coding.hpp>
#include <ktcp/http/parse/conditional.hpp>
#include <ktcp/http/parse/media_type.hpp>
#include <ktcp/http/parse/range.hpp>
#include <ktcp/http/representation.hpp>
#include <ktcp/http/response.hpp>
#include <ktcp/kernel/context.hpp>
#include <ktcp/port/time.h>

namespace ktcp::http
{

/** Serves what is below one root. */
class file_service {
    public:
	/** Its content, and the way it is shown. */
	struct options {
		/** Show directories that have no index.html; else they are 403. */
		bool listing = true;
		/** For who accepts gzip, send NAME.gz if it is there and no older than NAME. */
		bool precompressed = true;
		/** An encoded slash in a path is as good as another; else it is refused. */
		bool encoded_slash = false;
		/** Content-Type where the name's end says nothing (default_type_error() checks it);
		 * must outlive the service. */
		std::string_view default_type = "application/octet-stream";
		/** @name  Paths of files below the root; empty: none. They must outlive the service. */
		/** @{ */
		/** Sent with 200 where nothing is (for applications of a single page). */
		std::string_view fallback = {};
		/** Sent with each 404. */
		std::string_view error_page = {};
		/** @} */
		/** Where answers are kept for a while; nullptr: nowhere. It must outlive the service. */
		answer_cache *recent = nullptr;
		/** Where a folder is read once for all who ask at once; nullptr: each client has it
		 * read. It must outlive the service. */
		shared_listings *listings = nullptr;
	};

	/** @param root  must outlive this and every request. */
	file_service(const file_root &root, const options &how) noexcept : root_(&root), how_(how)
	{
	}

	/** `co_await files.serve(request, response)`: the whole response to any request. */
	task_of<void> serve(request &asked, response &to) const;

    private:
	static constexpr std::string_view index_name = "index.html";
	static constexpr std::string_view gzip_end = ".gz";
	/* The bytes of gzip itself around its data (RFC 1952, section 2.3): nothing so short has a
	 * shorter form. */
	static constexpr std::uint64_t gzip_bytes = 18;
	/* The longest path of a file, and what may be added to it: a slash and a name. */
	static constexpr std::size_t longest_path = 3838;
	static constexpr std::size_t path_bytes = longest_path + 1 + listing::most_name + 1;
	/*
	 * A file of up to so many bytes is read into memory and leaves with its head, not as pages.
	 */
	static constexpr std::size_t small_bytes = 8192;

	/* A file that was chosen, and the way it is shown. */
	struct chosen {
		ktcp::file file;
		representation what;
	};

	/* Parts of a buffer. */
	struct workspace {
		std::span<char> path; /* from the root on, decoded, with a NUL */
		std::span<char> lines; /* of a representation */
		std::span<char> rest;
	};

	/* A later answer from the cache needs to know this. */
	struct keeping {
		bool gzip = false; /* the client accepts that */
		bool own = true; /* the file has the path that was asked for */
		std::uint64_t since_ms = 0;
	};

	static task_of<void> refuse(response &to, unsigned int status) noexcept
	{
		to.refuse(status);
		return {};
	}

	static task_of<void> other_method(request &asked, response &to) noexcept
	{
		constexpr std::string_view allowed = "GET, HEAD, OPTIONS";

		if (asked.method() == method::options)
			to.status(204).field("Allow", allowed).reply({});
		else
			to.refuse(405, "Allow", allowed);
		return {};
	}

	task_of<void> find(request &asked, response &to, keeping kept) const;
	chosen choose(request &asked, file opened, const workspace &memory, bool gzip,
		      process_context here) const noexcept;
	static void redirect(const request &asked, response &to, std::string_view path,
			     std::span<char> memory) noexcept;
	static bool settle(response &to, const conditions &given,
			   const representation &what) noexcept;
	std::optional<task_of<void>> answer_again(request &asked, response &to, bool gzip) const;
	std::optional<task_of<void>> send(request &asked, response &to, chosen &what,
					  std::span<char> memory, const keeping &kept,
					  process_context here) const;
	static task_of<void> send_copy(response &to, std::string_view body);
	static task_of<void> send_held(response &to, answer_cache::held from);
	result<file> open_page(std::string_view name, std::span<char> path,
			       process_context here) const noexcept;
	task_of<void> send_page(request &asked, response &to, unsigned int status, const file &from,
				std::string_view name) const;

	const file_root *root_;
	options how_;
};

inline task_of<void> file_service::serve(request &asked, response &to) const
{
	if (asked.method() != method::get && asked.method() != method::head)
		return other_method(asked, to);

	keeping kept = { .gzip = how_.precompressed && accepts_gzip(asked) };

	if (how_.recent && how_.recent->on()) {
		if (auto again = answer_again(asked, to, kept.gzip))
			return std::move(*again);
		kept.since_ms = ktcp_boottime_ms();
	}

	task_of<void> found = find(asked, to, kept);

	if (found.empty()) /* there is no memory for it */
		to.refuse(503);
	return found;
}

/* From the cache, without waiting: an empty task. No result: it is not there, or not for this request. */
inline std::optional<task_of<void>> file_service::answer_again(request &asked, response &to,
							       bool gzip) const
{
	auto found = how_.recent->find(asked.path(), gzip);

	if (!found)
		return {};

	const validators known = found.what().known();
	const conditions given(asked, known);

	if (given.has_range())
		return {};
	if (settle(to, given, found.what()))
		return task_of<void>();
	to.status(200).lines(found.what().lines()).length(found.body().size());
	if (asked.method() == method::get && !to.has_room_for(found.body().size())) {
		task_of<void> later = send_held(to, std::move(found));

		if (later.empty()) /* there is no memory for it */
			to.refuse(503);
		return later;
	}
	to.reply(found.body());
	return task_of<void>();
}

inline task_of<void> file_service::send_held(response &to, answer_cache::held from)
{
	co_return co_await to.write(from.body());
}

inline task_of<void> file_service::find(request &asked, response &to, keeping kept) const
{
	auto memory = asked.peer().borrow();

	if (!memory) {
		static_cast<void>(refuse(to, 503));
		co_return errc::enomem;
	}

	const std::span<char> whole(reinterpret_cast<char *>(memory->bytes().data()),
				    memory->bytes().size());
	const workspace parts = { whole.first(path_bytes),
				  whole.subspan(path_bytes, representation::most),
				  whole.subspan(path_bytes + representation::most) };
	const auto path = parts.path;
	const auto rest = parts.rest;
	const auto decoded = decode_path(asked.path(), path.first(longest_path + 1),
					 how_.encoded_slash);

	if (!decoded && decoded.error() == errc::einval) {
		static_cast<void>(refuse(to, 400));
		co_return result<void>();
	}
	KTCP_CO_TRY(const process_context here, co_await asked.peer().may_sleep());

	/* No file has so long a path. */
	result<file> found = errc::enametoolong;
	unsigned int unread = 0; /* the status of a folder that cannot be read */

	if (decoded)
		found = root_->open_below(path.data(), here);
	if (found && found->is_directory()) {
		const std::size_t length = decoded->size;

		if (!decoded->folder) {
			redirect(asked, to, { path.data(), length }, rest);
			co_return result<void>();
		}

		text_builder name(path.subspan(length));

		if (length)
			name.add('/');
		name.add(index_name).add('\0');

		auto index = root_->open_below(path.data(), here);

		/* Any other error is that of an index.html that is there. */
		if (!index && index.error() == errc::enoent) {
			path[length] = '\0';
			if (!how_.listing) {
				static_cast<void>(refuse(to, 403));
				co_return result<void>();
			}
			KTCP_CO_TRY(unread, co_await detail::send_listing(
						    asked, to, *root_, std::move(*found), path,
						    rest, how_.listings, here));
			if (!unread)
				co_return result<void>();
		}
		found = std::move(index);
	} else if (found && decoded->folder) {
		found = errc::einval; /* no directory */
	}

	unsigned int status = unread		    ? unread :
			      !found		    ? detail::status_for_open(found.error()) :
			      found->is_directory() ? 404 :
						      200;

	if (status == 404) {
		/* The fallback may be there, and not open just now. */
		found = open_page(how_.fallback, path, here);
		status = found ? 200 : detail::status_for_open(found.error());
		kept.own = false;
	}
	if (status == 404) {
		found = open_page(how_.error_page, path, here);
		if (found)
			co_return co_await send_page(asked, to, status, *found, path.data());
	}
	if (status != 200) {
		static_cast<void>(refuse(to, status));
		co_return result<void>();
	}

	chosen what = choose(asked, std::move(*found), parts, kept.gzip, here);

	if (const auto more = send(asked, to, what, rest, kept, here))
		co_return co_await *more;
	co_return result<void>();
}

/* One of the pages of one's own; its path is put where that of the request was. */
inline result<file> file_service::open_page(std::string_view name, std::span<char> path,
					    process_context here) const noexcept
{
	text_builder made(path.first(longest_path + 1));

	while (name.starts_with('/'))
		name.remove_prefix(1);
	made.add(name).add('\0');
	if (name.empty() || !made.whole())
		return errc::enoent;

	auto opened = root_->open_below(path.data(), here);

	if (opened && opened->is_directory())
		return errc::enoent;
	return opened;
}

/* Sends all of a file with any status: neither conditions nor ranges are for errors. */
inline task_of<void> file_service::send_page(request &asked, response &to, unsigned int status,
					     const file &from, std::string_view name) const
{
	to.status(status).field("Content-Type", media_type_of(name, how_.default_type));
	if (is_stored_as_gzip(name))
		to.field("Content-Encoding", "gzip");
	to.length(from.status().size);
	if (asked.method() == method::head)
		co_return result<void>();
	co_return co_await detail::send_file(asked, to, from, { 0, from.status().size });
}

/*
 * The file that was asked for, or its compressed neighbour. A part of a coded form is of use only to
 * a client that has another part of it, and says so by its tag.
 */
inline file_service::chosen file_service::choose(request &asked, file opened,
						 const workspace &memory, bool gzip,
						 process_context here) const noexcept
{
	const std::span<char> path = memory.path;
	const std::string_view name(path.data());
	const std::string_view type = media_type_of(name, how_.default_type);
	const auto shown = [&](file &one, bool varies, bool coded) {
		const representation what(one.status(), type, varies, coded, memory.lines);

		return chosen{ std::move(one), what };
	};

	if (is_stored_as_gzip(name))
		return shown(opened, false, true);
	if (!how_.precompressed || opened.status().size <= gzip_bytes)
		return shown(opened, false, false);

	/* Looked for only where it matters: each is a pass over all fields. */
	const bool wanted = gzip && (asked.method() != method::get || !asked.find("range").data() ||
				     asked.find("if-range").ends_with(entity_tag::gzip_end));

	text_builder(path.subspan(name.size())).add(gzip_end).add('\0');

	/* Some programs copy the file's time to the form in whole seconds (pigz). */
	const auto is_of_it = [&](const file_status &form) {
		const file_status &own = opened.status();

		return form.kind == KTCP_FILE_REGULAR &&
		       (form.mtime > own.mtime ||
			(form.mtime == own.mtime &&
			 (form.mtime_ns >= own.mtime_ns || !form.mtime_ns)));
	};
	bool varies = false;
	file coded;

	if (!wanted) {
		const auto status = root_->status_of(path.data(), here);

		varies = status && is_of_it(*status);
	} else if (auto found = root_->open_below(path.data(), here)) {
		coded = std::move(*found);
		varies = is_of_it(coded.status());
	}
	path[name.size()] = '\0';
	return shown(varies && wanted ? coded : opened, varies, varies && wanted);
}

/* Redirects to the same path with a slash, so that relative links in it are found. The path is
 * encoded anew from its decoded form. So it cannot begin with another host, and has no byte as the
 * peer sent it. */
inline void file_service::redirect(const request &asked, response &to, std::string_view path,
				   std::span<char> memory) noexcept
{
	/* The room that a head has beside its other fields. */
	text_builder where(memory.first(std::min(memory.size(), asked.target().size() + 2048)));

	where.add('/').percent_encoded(path, "-._~/").add('/');
	if (!asked.query().empty())
		where.add('?').query_encoded(asked.query());
	if (!where.whole()) {
		static_cast<void>(refuse(to, 414));
		return;
	}
	to.status(301).field("Location", where.text()).reply({});
}

/* Answers a request whose conditions say so; false: they let it go on. */
inline bool file_service::settle(response &to, const conditions &given,
				 const representation &what) noexcept
{
	switch (given.outcome()) {
	case condition::failed:
		static_cast<void>(refuse(to, 412));
		return true;
	case condition::not_modified:
		to.status(304).lines(what.validating());
		return true;
	case condition::proceed:
		break;
	}
	return false;
}

/*
 * The caller has to await the result, and @what must stay until then; no result: all was replied at
 * once.
 */
inline std::optional<task_of<void>> file_service::send(request &asked, response &to, chosen &from,
						       std::span<char> memory, const keeping &kept,
						       process_context here) const
{
	const representation &what = from.what;
	const validators known = what.known();
	const conditions given(asked, known);
	const bool head = asked.method() == method::head;

	if (settle(to, given, what))
		return {};

	/* Ranges are GET's alone (RFC 9110, section 14.2), and parts have no coding each. */
	range_set ranges(head ? std::string_view() : given.range(), what.size());
	byte_range part = { 0, what.size() };

	if (ranges.size() > 1 && what.gzip())
		ranges = range_set({}, what.size());
	if (ranges.what() == range_set::outcome::none) {
		text_builder all(memory);

		to.status(416).field("Content-Range",
				     all.add("bytes */").number(what.size()).text());
		to.field("Content-Type", "text/plain; charset=utf-8").reply(advice_for(416));
		return {};
	}
	if (ranges.size() > 1)
		return detail::send_file_parts(asked, to, from.file, what, ranges);
	to.status(ranges.size() ? 206 : 200).lines(what.lines());
	if (ranges.size()) {
		text_builder which(memory);

		part = *ranges.begin();
		to.field("Content-Range", which.add("bytes ")
						  .number(part.first)
						  .add('-')
						  .number(part.first + part.size - 1)
						  .add('/')
						  .number(what.size())
						  .text());
	}
	to.length(part.size);
	if (head || !part.size)
		return {};
	if (part.size > small_bytes)
		return detail::send_file(asked, to, from.file, part);

	const auto got = from.file.read(
		std::as_writable_bytes(memory.first(static_cast<std::size_t>(part.size))),
		part.first, here);

	if (!got || *got < part.size) {
		/* It has just become shorter, or cannot be read. */
		return refuse(to, got ? 500 : detail::status_for_read(got.error()));
	}

	const std::string_view body(memory.data(), *got);

	from.file = file(); /* while it may sleep: the rest may go on anywhere */
	if (kept.own && kept.since_ms && !given.has_range())
		how_.recent->keep(asked.path(), kept.gzip, what, body, kept.since_ms);
	if (!to.has_room_for(body.size()))
		return send_copy(to, body);
	to.reply(body);
	return {};
}

inline task_of<void> file_service::send_copy(response &to, std::string_view body)
{
	co_return co_await to.write(body);
}

} // namespace ktcp::http

#endif
