// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Status codes, and what each says (RFC 9110, section 15).
 */
#ifndef KTCP_HTTP_STATUS_HPP
#define KTCP_HTTP_STATUS_HPP

#include <string_view>

#include <ktcp/base/text.hpp>

namespace ktcp::http
{

/** The first line of a response, with its end; empty for a status that is not known. Any context. */
constexpr std::string_view status_line_of(unsigned int status) noexcept
{
	switch (status) {
	case 200:
		return "HTTP/1.1 200 OK\r\n";
	case 201:
		return "HTTP/1.1 201 Created\r\n";
	case 202:
		return "HTTP/1.1 202 Accepted\r\n";
	case 204:
		return "HTTP/1.1 204 No Content\r\n";
	case 206:
		return "HTTP/1.1 206 Partial Content\r\n";
	case 301:
		return "HTTP/1.1 301 Moved Permanently\r\n";
	case 302:
		return "HTTP/1.1 302 Found\r\n";
	case 303:
		return "HTTP/1.1 303 See Other\r\n";
	case 304:
		return "HTTP/1.1 304 Not Modified\r\n";
	case 307:
		return "HTTP/1.1 307 Temporary Redirect\r\n";
	case 308:
		return "HTTP/1.1 308 Permanent Redirect\r\n";
	case 400:
		return "HTTP/1.1 400 Bad Request\r\n";
	case 401:
		return "HTTP/1.1 401 Unauthorized\r\n";
	case 403:
		return "HTTP/1.1 403 Forbidden\r\n";
	case 404:
		return "HTTP/1.1 404 Not Found\r\n";
	case 405:
		return "HTTP/1.1 405 Method Not Allowed\r\n";
	case 406:
		return "HTTP/1.1 406 Not Acceptable\r\n";
	case 408:
		return "HTTP/1.1 408 Request Timeout\r\n";
	case 409:
		return "HTTP/1.1 409 Conflict\r\n";
	case 410:
		return "HTTP/1.1 410 Gone\r\n";
	case 411:
		return "HTTP/1.1 411 Length Required\r\n";
	case 412:
		return "HTTP/1.1 412 Precondition Failed\r\n";
	case 413:
		return "HTTP/1.1 413 Content Too Large\r\n";
	case 414:
		return "HTTP/1.1 414 URI Too Long\r\n";
	case 415:
		return "HTTP/1.1 415 Unsupported Media Type\r\n";
	case 416:
		return "HTTP/1.1 416 Range Not Satisfiable\r\n";
	case 417:
		return "HTTP/1.1 417 Expectation Failed\r\n";
	case 422:
		return "HTTP/1.1 422 Unprocessable Content\r\n";
	case 426:
		return "HTTP/1.1 426 Upgrade Required\r\n";
	case 429:
		return "HTTP/1.1 429 Too Many Requests\r\n";
	case 431:
		return "HTTP/1.1 431 Request Header Fields Too Large\r\n";
	case 500:
		return "HTTP/1.1 500 Internal Server Error\r\n";
	case 501:
		return "HTTP/1.1 501 Not Implemented\r\n";
	case 502:
		return "HTTP/1.1 502 Bad Gateway\r\n";
	case 503:
		return "HTTP/1.1 503 Service Unavailable\r\n";
	case 504:
		return "HTTP/1.1 504 Gateway Timeout\r\n";
	case 505:
		return "HTTP/1.1 505 HTTP Version Not Supported\r\n";
	case 507:
		return "HTTP/1.1 507 Insufficient Storage\r\n";
	}
	return {};
}

/** The reason phrase; "Unknown" for a code that is not in the registry. Any context. */
constexpr std::string_view reason_of(unsigned int status) noexcept
{
	const std::string_view line = status_line_of(status);

	return line.empty() ? "Unknown" : slice(line, 13, line.size() - 15);
}

/** For a person: the fault of a request that was refused so, and the way to mend it. */
constexpr std::string_view advice_for(unsigned int status) noexcept
{
	switch (status) {
	case 400:
		return "The request is malformed, or its parts could be told apart in two ways.\n"
		       "Send it as RFC 9112 has it: CRLF line ends, one Host, one length.\n";
	case 403:
		return "The server may not read that. Make it readable for everyone, or ask for "
		       "another.\n";
	case 404:
		return "There is nothing of that name here. Begin at /.\n";
	case 405:
		return "That method does not go with this resource; the field Allow lists those that "
		       "do.\n";
	case 408:
		return "The request was not complete in time. Send it again, faster.\n";
	case 411:
		return "A body needs Content-Length or Transfer-Encoding: chunked.\n";
	case 412:
		return "The resource is not in the state that the request demands.\n";
	case 413:
		return "The body is longer than this server takes. Send less at a time.\n";
	case 414:
		return "The request line is longer than this server takes. Ask for a shorter path.\n";
	case 416:
		return "The resource has no such bytes; the field Content-Range says how many it "
		       "has.\n";
	case 417:
		return "The only expectation that is met here is 100-continue.\n";
	case 431:
		return "The header fields are more, or longer, than this server takes. Send fewer.\n";
	case 500:
		return "The server failed to answer. Try again later.\n";
	case 501:
		return "The server knows neither that method nor that coding. Known are GET, HEAD, "
		       "POST, PUT, PATCH, DELETE and OPTIONS, and the coding chunked.\n";
	case 503:
		return "The server cannot answer just now. Try again later.\n";
	case 505:
		return "The server speaks HTTP/1.1 and HTTP/1.0.\n";
	}
	return reason_of(status);
}

} // namespace ktcp::http

#endif
