// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Tables of requests and what they are answered. Each request is sent in one piece, byte by
 * byte, and cut in two at every place; the same must come back, to the byte.
 */
#ifndef KTCP_TESTS_HOST_HTTP_EXCHANGE_HPP
#define KTCP_TESTS_HOST_HTTP_EXCHANGE_HPP

#include <initializer_list>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <ktcp/http/status.hpp>

#include "client.hpp"

/* A request, and its answer. The answer is the text behind "HTTP/1.1 " in the first line; the
 * fields between Server and the length, each with its line end; the body. */
struct row {
	std::string request;
	std::string status;
	std::string fields;
	std::string body;
};

/* The result of sending something. */
struct outcome {
	std::string received;
	bool ended; /* the server has said its last word, and may still listen */
	bool reset;

	bool operator==(const outcome &) const = default;
};

inline std::ostream &operator<<(std::ostream &out, const outcome &what)
{
	return out << what.received << (what.ended ? "[ended]" : "")
		   << (what.reset ? "[reset]" : "");
}

template <class Service>
outcome send_in_pieces(const Service &service, std::initializer_list<std::string_view> pieces,
		       std::size_t step)
{
	client one(service);

	for (std::string_view each : pieces)
		for (std::size_t at = 0; at < each.size(); at += step)
			one.send(each.substr(at, step));

	outcome what{ one.received(), one.over() || one.was_shut(), one.was_reset() };

	/* A 100 is for a client that waits; one that has sent all did not. */
	const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";

	if (what.received.starts_with(go_on))
		what.received.erase(0, go_on.size());
	return what;
}

/* Sent in every way; the outcome of all of them. */
template <class Service>
outcome answer(const Service &service, std::string_view request)
{
	const outcome whole = send_in_pieces(service, { request }, request.size());
	constexpr std::size_t many = 1500; /* cuts in longer ones are not worth their time */

	EXPECT_EQ(send_in_pieces(service, { request }, 1), whole) << "byte by byte: " << request;
	for (std::size_t cut = 1; cut < request.size() && request.size() < many; cut++)
		EXPECT_EQ(send_in_pieces(service, { request.substr(0, cut), request.substr(cut) },
					 request.size()),
			  whole)
			<< "cut at " << cut << ": " << request;
	return whole;
}

inline std::string head_of(std::string_view status)
{
	return "HTTP/1.1 " + std::string(status) +
	       "\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nServer: ktcp\r\n";
}

inline std::string length_of(std::string_view body)
{
	return "Content-Length: " + std::to_string(body.size()) + "\r\n";
}

/* One that is answered with its body's length, and the connection goes on or is closed as the
 * fields say. */
inline std::string text_of(const row &each)
{
	const bool framed = !each.status.starts_with("204") && !each.status.starts_with("304");
	const std::string close = "Connection: close\r\n";
	std::string fields = each.fields;

	if (framed) {
		const bool last = fields.ends_with(close);

		fields.insert(fields.size() - (last ? close.size() : 0), length_of(each.body));
	}
	return head_of(each.status) + fields + "\r\n" + each.body;
}

template <class Service>
void expect_row(const Service &service, const row &each)
{
	const outcome got = answer(service, each.request);

	EXPECT_EQ(got.received, text_of(each)) << each.request;
	EXPECT_EQ(got.ended, each.fields.ends_with("Connection: close\r\n")) << each.request;
	EXPECT_FALSE(got.reset) << each.request;
}

template <class Service>
void expect_rows(const Service &service, std::initializer_list<row> rows)
{
	for (const row &each : rows)
		expect_row(service, each);
}

/* A row whose answer is words about a status. */
inline row refusal(std::string request, unsigned int status, std::string fields = "",
		   bool close = false)
{
	return { std::move(request),
		 std::to_string(status) + " " + std::string(ktcp::http::reason_of(status)),
		 fields + "Content-Type: text/plain; charset=utf-8\r\n" +
			 (close ? "Connection: close\r\n" : ""),
		 std::string(ktcp::http::advice_for(status)) };
}

inline std::string get(std::string_view target, std::string_view fields = "")
{
	return "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n" + std::string(fields) +
	       "\r\n";
}

inline std::string request_of(std::string_view method, std::string_view target,
			      std::string_view fields = "", std::string_view body = "")
{
	return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n" +
	       std::string(fields) + "\r\n" + std::string(body);
}

#endif
