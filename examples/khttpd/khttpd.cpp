// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* khttpd: an HTTP/1.1 server. */
#include <ktcp/http/module_options.hpp>
#include <ktcp/http/service.hpp>
#include <ktcp/server_module.hpp>

#include "pages.hpp"

namespace
{

struct site : ktcp::http::service<khttpd::pages> {
	site() noexcept : service(khttpd::pages(), ktcp::http::module_options())
	{
	}
};

} // namespace

KTCP_SERVER_MODULE(site)
