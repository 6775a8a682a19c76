// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp's understanding of a request. */
#include <cstdlib>
#include <string>

#include <ktcp/http/parse/chunked.hpp>
#include <ktcp/http/parse/head.hpp>

#include "message.hpp"

message read_by_ktcp(std::string_view text)
{
	using namespace ktcp::http;

	static const head_limits limits{
		.line_bytes = 16384, .head_bytes = 65535, .fields = 1000, .body_bytes = 1 << 20
	};
	message made;
	head_parser head(limits);
	const auto outcome = head.parse(text);

	made.refused = outcome == head_parser::outcome::refused;
	if (outcome != head_parser::outcome::complete)
		return made;
	made.head = true;
	made.target = head.target();
	/* The parser has seen that the first word is a known name. */
	made.method = text.substr(text.find_first_not_of("\r\n"));
	made.method.erase(made.method.find(' '));

	std::size_t cursor = 0;

	for (field each = head.next_field(cursor); !each.name.empty();
	     each = head.next_field(cursor)) {
		std::string name(each.name);

		made.fields.emplace_back(each.name, each.value);
		for (char &c : name)
			c = ktcp::http::detail::lower(c);
		if (!head.find(name).data()) /* may_have() is sure of what is not there */
			std::abort();
	}

	std::string_view rest = text.substr(head.length());

	if (head.body() == framing::length) {
		made.body = rest.substr(0, head.content_length());
		made.complete = made.body.size() == head.content_length();
		rest.remove_prefix(made.body.size());
	} else if (head.body() == framing::chunked) {
		chunked_decoder chunks(limits.body_bytes, 65535);
		auto next = chunks.decode(rest);

		for (; next == chunked_decoder::outcome::piece; next = chunks.decode(rest))
			made.body += chunks.piece();
		made.complete = next == chunked_decoder::outcome::end;
		made.refused = next == chunked_decoder::outcome::refused;
	} else {
		made.complete = true;
	}
	made.used = text.size() - rest.size();
	return made;
}
