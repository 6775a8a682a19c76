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
		if (!ktcp::params::access_log())
			return;

		/* A target is visible ASCII: the parser has seen to that, and kept no other. */
		const std::string_view target = request.target();

		if (target.empty())
			KTCP_LOG_NOTE_RATELIMITED("- %u %llu", response.status(), sent(response));
		else
			KTCP_LOG_NOTE_RATELIMITED("\"%s %.*s\" %u %llu", name_of(request.method()),
						  shown(target), target.data(), response.status(),
						  sent(response));
	}

    private:
	static unsigned long long sent(const ktcp::http::response &response) noexcept
	{
		return response.sent();
	}

	/* A line of the kernel's log holds some thousand bytes. */
	static int shown(std::string_view target) noexcept
	{
		return static_cast<int>(target.size() < 512 ? target.size() : 512);
	}

	static const char *name_of(ktcp::http::method method) noexcept
	{
		using enum ktcp::http::method;

		switch (method) {
		case get:
			return "GET";
		case head:
			return "HEAD";
		case post:
			return "POST";
		case put:
			return "PUT";
		case del:
			return "DELETE";
		case options:
			return "OPTIONS";
		case patch:
			return "PATCH";
		}
		return "-";
	}

	const ktcp::file_root &root_;
	ktcp::http::file_service files_;
};

} // namespace khttpd

#endif
