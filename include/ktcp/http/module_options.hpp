// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The options of a service of HTTP, as the parameters of its module say (http/params.h).
 */
#ifndef KTCP_HTTP_MODULE_OPTIONS_HPP
#define KTCP_HTTP_MODULE_OPTIONS_HPP

#include <cstdint>
#include <string_view>

#include <ktcp/http/media_type.hpp>
#include <ktcp/http/own_fields.hpp>
#include <ktcp/http/stream.hpp>
#include <ktcp/module.hpp>

namespace ktcp::http
{

/**
 * What is wrong with the texts, for a person; nullptr: nothing. Process context.
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

/**
 * Process context, while the module is loaded.
 * @param fields  of the parameter header; must outlive the service.
 */
inline options module_options(const own_fields &fields) noexcept
{
	const auto number = [](long parameter) { return static_cast<unsigned int>(parameter); };

	return {
		.head = { .line_bytes = number(params::max_line()),
			  .head_bytes = number(params::max_head()),
			  .fields = number(params::max_fields()),
			  .body_bytes = static_cast<std::uint64_t>(params::max_body()) },
		.head_ms = number(params::head_timeout_ms()),
		.body_ms = number(params::body_timeout_ms()),
		.keep_alive_ms = number(params::keep_alive_timeout_ms()),
		.write_ms = number(params::send_timeout_ms()),
		.min_rate = number(params::min_rate()),
		.server = params::server(),
		.fields = fields.lines(),
		.keep_alive_hint = params::keep_alive_hint() != 0,
	};
}

} // namespace ktcp::http

#endif
