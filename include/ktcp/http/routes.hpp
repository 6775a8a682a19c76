// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Which function answers which request, by method and path.
 *
 * @code
 * struct inventory {
 *	using route = ktcp::http::route<inventory>;
 *
 *	ktcp::task_of<void> operator()(ktcp::http::request &asked, ktcp::http::response &to) const
 *	{
 *		static constexpr route table[] = {
 *			{ ktcp::http::method::get, "/items/{id}", &inventory::show },
 *			{ ktcp::http::method::put, "/items/{id}", &inventory::store },
 *		};
 *		return ktcp::http::dispatch(table, *this, asked, to);
 *	}
 *
 *	ktcp::task_of<void> show(route::call) const;
 *	ktcp::task_of<void> store(route::call) const;
 * };
 * @endcode
 *
 * HEAD is answered as GET. OPTIONS, and methods that no route of the path has, get the field Allow.
 * All other paths get 404.
 */
#ifndef KTCP_HTTP_ROUTES_HPP
#define KTCP_HTTP_ROUTES_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <ktcp/http/parse/path.hpp>
#include <ktcp/http/parse/query.hpp>
#include <ktcp/http/response.hpp>

namespace ktcp::http
{

/**
 * The parts of a path that a route's pattern has in braces. It keeps nothing but the two texts, and looks again
 * when it is asked. They live as long as the request's.
 */
class route_values {
    public:
	/** One as it was sent, still encoded; empty: the pattern has no such name. Of two it is the first. */
	constexpr std::string_view raw(std::string_view name) const noexcept
	{
		std::string_view found;

		static_cast<void>(
			fits(pattern_, path_, [&](std::string_view each, std::string_view value) {
				if (found.empty() && each == name)
					found = value;
			}));
		return found;
	}

	/** One, decoded into memory of the caller's. Errors: percent_decoded()'s. */
	constexpr result<std::string_view> text(std::string_view name,
						std::span<char> memory) const noexcept
	{
		return percent_decoded(raw(name), memory);
	}

	/** One that is a number. Errors: decimal_number()'s. */
	constexpr result<std::uint64_t> number(std::string_view name) const noexcept
	{
		return decimal_number(raw(name));
	}

	/**
	 * Does a path fit a pattern? If so, these are its values; else there are none.
	 * A part without braces fits what decodes to it, one with braces anything but nothing.
	 * @param pattern  is_pattern(); of another one it reads no more than there is, and the result says nothing.
	 * @param path  as request::path() has it, without dot segments.
	 */
	constexpr bool match(std::string_view pattern, std::string_view path) noexcept
	{
		const bool does = fits(pattern, path, [](std::string_view, std::string_view) {});

		pattern_ = does ? pattern : std::string_view();
		path_ = path;
		return does;
	}

	/** Can a route have it: parts behind slashes, each with braces around all of it or none? */
	static constexpr bool is_pattern(std::string_view text) noexcept
	{
		if (!text.starts_with('/'))
			return false;
		while (!text.empty()) {
			const std::string_view part = detail::take_segment(text);
			const bool open = part.starts_with('{'), closed = part.ends_with('}');

			if (open != closed || (open && part.size() < 3) ||
			    slice(part, open, part.size() - 2 * open).find_first_of("{}") !=
				    part.npos)
				return false;
		}
		return true;
	}

    private:
	/* Does it? Then @each had every name and value. */
	template <class Each>
	static constexpr bool fits(std::string_view pattern, std::string_view path,
				   Each each) noexcept
	{
		while (!pattern.empty() && !path.empty()) {
			const char wanted = pattern.front();

			if (wanted == '{') {
				const std::string_view name = slice(pattern, 1,
								    pattern.find('}') - 1);
				const std::string_view value = slice(path, 0, path.find('/'));

				if (value.empty())
					return false;
				each(name, value);
				pattern = slice(pattern, name.size() + 2);
				path.remove_prefix(value.size());
				continue;
			}
			/* An encoded slash is part of a part. */
			if ((wanted == '/' && path.front() != '/') ||
			    detail::take_decoded(path, false) != static_cast<unsigned char>(wanted))
				return false;
			pattern.remove_prefix(1);
		}
		return pattern.empty() && path.empty();
	}

	std::string_view pattern_, path_;
};

/** The pattern of a route. Only literals can be one, so that each is checked when it is compiled. */
class route_pattern : public checked_text<route_values::is_pattern> {
    public:
	template <std::size_t Size>
	consteval route_pattern(const char (&text)[Size]) noexcept : checked_text(text)
	{
	}
};

/** One line of a table: a method, a pattern, and the member of @p Owner that answers. */
template <class Owner>
struct route {
	/** A handler of a route gets this, and keeps nothing of it beyond its end. */
	struct call {
		request &asked; /**< what the client wants */
		response &to; /**< the answer to it */
		route_values values; /**< of the parts in braces */

		/** Of the coroutines that take a call. */
		ktcp::executor &executor() const noexcept
		{
			return to.executor();
		}
	};

	http::method method; /**< of the request */
	route_pattern pattern; /**< of its path */
	/** The member that answers. */
	task_of<void> (Owner::*answer)(call) const;
};

namespace detail
{

/* The methods that the field Allow lists, in its order. */
inline constexpr method allowed_methods[] = {
	method::get,   method::head, method::post,    method::put,
	method::patch, method::del,  method::options,
};

constexpr unsigned int bit_of(method one) noexcept
{
	return 1u << static_cast<unsigned int>(one);
}

/* Of a request that no route takes: @methods are those of the routes that its path fits. */
inline task_of<void> refuse_method(const request &asked, response &to,
				   unsigned int methods) noexcept
{
	char memory[64];
	text_builder allowed(memory);

	if (!methods) {
		to.refuse(404);
		return {};
	}
	methods |= bit_of(method::options) |
		   (methods & bit_of(method::get) ? bit_of(method::head) : 0);
	for (const method each : allowed_methods)
		if (methods & bit_of(each))
			allowed.add(allowed.text().empty() ? "" : ", ").add(name_of(each));
	if (asked.method() == method::options)
		to.status(204).field("Allow", allowed.text()).reply({});
	else
		to.refuse(405, "Allow", allowed.text());
	return {};
}

} // namespace detail

/**
 * `return dispatch(table, *this, asked, to)`: the answer of the first route that the request fits.
 * @param owner  whose members the routes name; it must outlive the answer.
 */
template <class Owner, std::size_t Count>
task_of<void> dispatch(const route<Owner> (&table)[Count], const Owner &owner, request &asked,
		       response &to) noexcept
{
	const std::string_view path = asked.path();
	const bool any = path == "*"; /* which is the whole server, and no route's path */
	unsigned int methods = 0;

	for (const route<Owner> &each : table) {
		route_values values;

		if (!any && !values.match(each.pattern.text(), path))
			continue;
		methods |= detail::bit_of(each.method);
		if (!any && (each.method == asked.method() ||
			     (each.method == method::get && asked.method() == method::head)))
			return (owner.*each.answer)({ asked, to, values });
	}
	return detail::refuse_method(asked, to, methods);
}

} // namespace ktcp::http

#endif
