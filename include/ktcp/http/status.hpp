// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Status codes, and what each says (RFC 9110, section 15).
 */
#ifndef KTCP_HTTP_STATUS_HPP
#define KTCP_HTTP_STATUS_HPP

#include <string_view>

namespace ktcp::http
{

/** The reason phrase; "Unknown" for a code that is not in the registry. Any context. */
constexpr std::string_view reason_of(unsigned int status) noexcept
{
	switch (status) {
	case 200:
		return "OK";
	case 201:
		return "Created";
	case 202:
		return "Accepted";
	case 204:
		return "No Content";
	case 206:
		return "Partial Content";
	case 301:
		return "Moved Permanently";
	case 302:
		return "Found";
	case 303:
		return "See Other";
	case 304:
		return "Not Modified";
	case 307:
		return "Temporary Redirect";
	case 308:
		return "Permanent Redirect";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 406:
		return "Not Acceptable";
	case 408:
		return "Request Timeout";
	case 409:
		return "Conflict";
	case 410:
		return "Gone";
	case 411:
		return "Length Required";
	case 412:
		return "Precondition Failed";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 415:
		return "Unsupported Media Type";
	case 416:
		return "Range Not Satisfiable";
	case 417:
		return "Expectation Failed";
	case 422:
		return "Unprocessable Content";
	case 426:
		return "Upgrade Required";
	case 429:
		return "Too Many Requests";
	case 431:
		return "Request Header Fields Too Large";
	case 500:
		return "Internal Server Error";
	case 501:
		return "Not Implemented";
	case 502:
		return "Bad Gateway";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	case 505:
		return "HTTP Version Not Supported";
	case 507:
		return "Insufficient Storage";
	}
	return "Unknown";
}

/** For a person: what is wrong with a request that was refused so, and what to do about it. */
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
