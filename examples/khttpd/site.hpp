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
		: root_(root), files_(root, { .listing = ktcp::params::listing() != 0,
					      .precompressed = ktcp::params::precompressed() != 0,
					      .encoded_slash = ktcp::params::encoded_slash() != 0,
					      .default_type = ktcp::params::default_type(),
					      .fallback = ktcp::params::fallback(),
					      .error_page = ktcp::params::error_page() })
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

		/* A line of the kernel's log holds some thousand bytes. */
		char memory[512];
		ktcp::http::text_builder target(memory);

		/* No more than is shown anyway, each of it as three characters at most. */
		target.query_encoded(ktcp::slice(request.target(), 0, sizeof(memory)));
		if (target.text().empty())
			KTCP_LOG_NOTE_RATELIMITED("- %u %llu", response.status(), sent(response));
		else
			KTCP_LOG_NOTE_RATELIMITED("\"%s %.*s\" %u %llu", name_of(request.method()),
						  static_cast<int>(target.text().size()),
						  target.text().data(), response.status(),
						  sent(response));
	}

    private:
	static unsigned long long sent(const ktcp::http::response &response) noexcept
	{
		return response.sent();
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
