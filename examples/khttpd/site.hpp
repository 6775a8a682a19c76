// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What khttpd answers: files if it has a root, else its own pages; and its access log. */
#ifndef KHTTPD_SITE_HPP
#define KHTTPD_SITE_HPP

#include <ktcp/http/file_service.hpp>
#include <ktcp/log.hpp>
#include <ktcp/module.hpp>

#include "pages.hpp"

namespace khttpd
{

class site {
    public:
	explicit site(const ktcp::file_root &root) noexcept
		: root_(root), files_(root, { .listing = ktcp::params::listing() != 0 })
	{
	}

	ktcp::task_of<void> operator()(ktcp::http::request &request,
				       ktcp::http::response &response) const
	{
		return root_ ? files_.serve(request, response) : pages::serve(request, response);
	}

	void done(const ktcp::http::request &request,
		  const ktcp::http::response &response) const noexcept
	{
		/* A target is visible ASCII: the parser has seen to that. */
		if (ktcp::params::access_log())
			KTCP_LOG_NOTE_RATELIMITED("%.*s %u %llu",
						  static_cast<int>(request.target().size()),
						  request.target().data(), response.status(),
						  static_cast<unsigned long long>(response.sent()));
	}

    private:
	const ktcp::file_root &root_;
	ktcp::http::file_service files_;
};

} // namespace khttpd

#endif
