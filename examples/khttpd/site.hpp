// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* khttpd's answers: files if it has a root, else its own pages; and its access log. */
#ifndef KHTTPD_SITE_HPP
#define KHTTPD_SITE_HPP

#include <ktcp/engine/server_files.hpp>
#include <ktcp/http/access_log.hpp>
#include <ktcp/http/file_service.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/module.hpp>

#include "pages.hpp"

namespace khttpd
{

class site {
    public:
	/* Files, and what the client sends. */
	static constexpr bool waits_for_others = false;

	site(const ktcp::file_root &root, ktcp::http::answer_cache &recent,
	     ktcp::http::shared_listings &listings, ktcp::http::access_log &log,
	     ktcp_proc_file &log_file) noexcept
		: root_(root), log_(log), log_file_(log_file),
		  files_(root, { .listing = ktcp::params::listing() != 0,
				 .precompressed = ktcp::params::precompressed() != 0,
				 .encoded_slash = ktcp::params::encoded_slash() != 0,
				 .default_type = ktcp::params::default_type(),
				 .fallback = ktcp::params::fallback(),
				 .error_page = ktcp::params::error_page(),
				 .recent = &recent,
				 .listings = &listings })
	{
	}

	ktcp::task_of<void> operator()(ktcp::http::request &request,
				       ktcp::http::response &response) const
	{
		return root_ ? files_.serve(request, response) : pages_.serve(request, response);
	}

	void done(const ktcp::http::request &request,
		  const ktcp::http::response &response) const noexcept
	{
		if (ktcp::params::access_log() == 2)
			log_.add(request, response);
		if (ktcp::params::access_log() != 1)
			return;

		/* A line of the kernel's log holds some thousand bytes. */
		char memory[512];
		ktcp::http::text_builder target(memory);
		const std::string_view method = ktcp::http::name_of(request.method());

		/* No more than is shown anyway, each of it as three characters at most. */
		target.query_encoded(ktcp::slice(request.target(), 0, sizeof(memory)));
		if (target.text().empty())
			KTCP_LOG_NOTE_RATELIMITED("- %u %llu", response.status(), sent(response));
		else
			KTCP_LOG_NOTE_RATELIMITED("\"%.*s %.*s\" %u %llu",
						  static_cast<int>(method.size()), method.data(),
						  static_cast<int>(target.text().size()),
						  target.text().data(), response.status(),
						  sent(response));
	}

	ktcp::server_file own_file() const noexcept
	{
		if (ktcp::params::access_log() != 2)
			return {};
		return { "access_log", &log_file_ };
	}

    private:
	static unsigned long long sent(const ktcp::http::response &response) noexcept
	{
		return response.sent();
	}

	const ktcp::file_root &root_;
	ktcp::http::access_log &log_;
	ktcp_proc_file &log_file_;
	ktcp::http::file_service files_;
	pages pages_;
};

} // namespace khttpd

#endif
