// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* khttpd: an HTTP/1.1 server. */
#include <ktcp/http/module_options.hpp>
#include <ktcp/http/service.hpp>
#include <ktcp/server_module.hpp>

#include "site.hpp"

namespace
{

class khttpd_module {
    public:
	ktcp::result<void> start() noexcept
	{
		if (const char *why = ktcp::http::module_options_error(
			    fields_, ktcp::params::default_type())) {
			KTCP_LOG_ERR("%s", why);
			return ktcp::errc::einval;
		}
		if (!ktcp::params::root().empty())
			KTCP_TRY(open_root());
		return server_.start();
	}

	ktcp::result<void> parameters_changed() noexcept
	{
		ktcp::http::read_limits(options_);
		return {};
	}

    private:
	ktcp::result<void> open_root() noexcept
	{
		/* A parameter's text ends with a NUL. */
		auto opened = ktcp::file_root::open(
			ktcp::params::root().data(),
			{ .uid = static_cast<std::uint32_t>(ktcp::params::uid()),
			  .gid = static_cast<std::uint32_t>(ktcp::params::gid()),
			  .symlinks = ktcp::params::symlinks() != 0 });

		if (!opened) {
			KTCP_LOG_ERR(
				"root=%s: cannot be opened (error %d); it must be a folder that "
				"exists, and uid and gid numbers of this system. Run as a program, only root "
				"may choose other users than itself",
				ktcp::params::root().data(), opened.error().code());
			return opened.error();
		}
		root_ = std::move(*opened);
		return {};
	}

	/* Before the server, whose requests use them. */
	ktcp::http::own_fields fields_{ ktcp::params::header() };
	ktcp::http::options options_ = ktcp::http::module_options(fields_);
	ktcp::file_root root_;
	ktcp::http::access_log log_{ ktcp::params::access_log() == 2 ?
					     static_cast<std::size_t>(ktcp::params::access_log_kb())
						     << 10 :
					     0 };
	ktcp::proc_file<ktcp::http::access_log> log_file_{
		log_, 0440, static_cast<std::uint32_t>(ktcp::params::proc_group())
	};
	ktcp::http::answer_cache recent_{
		{ .valid_ms = static_cast<unsigned int>(ktcp::params::cache_ms()),
		  .most = static_cast<std::size_t>(ktcp::params::cache_kb()) << 10 }
	};
	ktcp::http::shared_listings listings_{ { .valid_ms = static_cast<unsigned int>(
							 ktcp::params::cache_ms()) } };
	ktcp::server_module<ktcp::http::service<khttpd::site>> server_{
		ktcp::http::service<khttpd::site>(
			khttpd::site(root_, recent_, listings_, log_, log_file_), &options_)
	};
};

} // namespace

KTCP_MODULE_OBJECT(khttpd_module)
