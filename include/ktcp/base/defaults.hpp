// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The defaults of a server's parameters (ktcp/server_params.h), as constants. So the options of a server without
 * a module have the defaults of a module's parameters.
 *
 * @code
 * server.start({ .backlog = 2 * ktcp::defaults::backlog });
 * @endcode
 */
#ifndef KTCP_BASE_DEFAULTS_HPP
#define KTCP_BASE_DEFAULTS_HPP

#include <cstdint>

#include <ktcp/port/module.h>

/** The default of each parameter of a server, by its name. */
namespace ktcp::defaults
{
/** @cond */
#define KTCP_PARAM_INT(name_, initial_, least_, most_, text_) \
	inline constexpr std::uint32_t name_ = initial_;
#define KTCP_PARAM_STRING(name_, initial_, text_) inline constexpr char name_[] = initial_;
#include <ktcp/server_params.h>
#undef KTCP_PARAM_INT
#undef KTCP_PARAM_STRING
/** @endcond */
}

#endif
