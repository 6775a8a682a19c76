// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Boost.Beast's understanding of a request. */
#include <cstdint>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "message.hpp"

namespace beast = boost::beast;
namespace http = beast::http;

namespace
{

using error_code = beast::error_code;

std::string text(beast::string_view from)
{
	return { from.data(), from.size() };
}

class parser : public http::basic_parser<true> {
    public:
	explicit parser(message &into) : into_(into)
	{
	}

    private:
	void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int,
			     error_code &) override
	{
		into_.method = text(method);
		into_.target = text(target);
	}

	void on_response_impl(int, beast::string_view, int, error_code &) override
	{
	}

	void on_field_impl(http::field, beast::string_view name, beast::string_view value,
			   error_code &) override
	{
		if (!into_.head)
			into_.fields.emplace_back(text(name), text(value));
	}

	void on_header_impl(error_code &) override
	{
		into_.head = true;
	}

	void on_body_init_impl(boost::optional<std::uint64_t> const &, error_code &) override
	{
	}

	std::size_t on_body_impl(beast::string_view body, error_code &) override
	{
		into_.body += text(body);
		return body.size();
	}

	void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code &) override
	{
	}

	std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body,
				       error_code &) override
	{
		into_.body += text(body);
		return body.size();
	}

	void on_finish_impl(error_code &) override
	{
		into_.complete = true;
	}

	message &into_;
};

} // namespace

message read_by_beast(std::string_view text)
{
	message made;
	parser reader(made);
	error_code failed;

	reader.eager(true);
	reader.header_limit(1 << 20);
	reader.body_limit(UINT64_MAX);
	while (!reader.is_done() && !failed) {
		const std::size_t used = reader.put(boost::asio::buffer(text.data() + made.used,
									text.size() - made.used),
						    failed);

		made.used += used;
		if (!used && !failed)
			break;
	}
	if (failed && failed != http::error::need_more) {
		made.refused = true;
		made.why = failed.message();
	}
	return made;
}
