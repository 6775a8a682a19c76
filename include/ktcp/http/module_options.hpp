// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The options of a service of HTTP, as the parameters of its module say (http/params.h).
 */
#ifndef KTCP_HTTP_MODULE_OPTIONS_HPP
#define KTCP_HTTP_MODULE_OPTIONS_HPP

#include <cstdint>
#include <string_view>

#include <ktcp/http/own_fields.hpp>
#include <ktcp/http/parse/media_type.hpp>
#include <ktcp/http/stream.hpp>
#include <ktcp/module.hpp>

namespace ktcp::http
{

/**
 * The fault of the texts, for a person; nullptr: none. Process context.
 * @param fields  of the parameter header.
 * @param default_type  that of the module's files, if it has a parameter for it.
 */
inline const char *
module_options_error(const own_fields &fields,
		     std::string_view default_type = "application/octet-stream") noexcept
{
	if (params::server().size() > date_clock::server_most)
		return "server: it may have 64 characters; choose a shorter one";
	if (const char *why = default_type_error(default_type))
		return why;
	return fields.error();
}

/** Read those parameters into @p live that may be changed while the module is loaded. Any context. */
inline void read_limits(options &live) noexcept
{
	const auto number = [](long parameter) { return static_cast<unsigned int>(parameter); };

	live.head.line_bytes = number(params::max_line());
	live.head.head_bytes = number(params::max_head());
	live.head.fields = number(params::max_fields());
	live.head.body_bytes = static_cast<std::uint64_t>(params::max_body());
	live.head_ms = number(params::head_timeout_ms());
	live.body_ms = number(params::body_timeout_ms());
	live.keep_alive_ms = number(params::keep_alive_timeout_ms());
	live.idle_ms = number(params::idle_timeout_ms());
	live.write_ms = number(params::send_timeout_ms());
	live.min_rate = number(params::min_rate());
}

/**
 * Process context, while the module is loaded. A module's parameters_changed() calls read_limits() for
 * what its service shares.
 * @param fields  of the parameter header; must outlive the service.
 */
inline options module_options(const own_fields &fields) noexcept
{
	options made{ .server = params::server(),
		      .fields = fields.lines(),
		      .keep_alive_hint = params::keep_alive_hint() != 0 };

	read_limits(made);
	return made;
}

} // namespace ktcp::http

#endif
