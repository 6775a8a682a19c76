// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Any bytes as a request, read by ktcp's parser and by two others. What ktcp accepts, they
 * accept, and understand the same by it: method, target, fields, body, and where it ends. What
 * they accept, ktcp may refuse. docs/http.md lists the exceptions under the names they have here.
 */
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <ktcp/http/chunked.hpp>
#include <ktcp/http/head.hpp>

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
	/* What comes first, the parser has seen to be a known name. */
	made.method = text.substr(text.find_first_not_of("\r\n"));
	made.method.erase(made.method.find(' '));

	std::size_t cursor = 0;

	for (field each = head.next_field(cursor); !each.name.empty();
	     each = head.next_field(cursor))
		made.fields.emplace_back(each.name, each.value);

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

namespace
{

/* @p name  in lower case. */
bool has_field(const message &of, std::string_view name)
{
	return std::any_of(of.fields.begin(), of.fields.end(), [&](const auto &each) {
		return ktcp::http::detail::same_text(each.first, name);
	});
}

/* What ktcp accepts and another refuses, with a reason. */
struct exception {
	const char *name;
	bool (*applies)(std::string_view text, const message &ours, const message &theirs);
};

constexpr exception exceptions[] = {
	{ "later minor version",
	  [](std::string_view text, const message &, const message &) {
		  const std::string_view line = text.substr(0, text.find('\r', 2));

		  return line.size() > 8 && line.substr(line.size() - 8, 7) == "HTTP/1." &&
			 line.back() > '1';
	  } },
	{ "empty line first", [](std::string_view text, const message &,
				 const message &) { return text.starts_with("\r\n"); } },
	{ "chunk extension", /* llhttp reads one, without quoted pairs */
	  [](std::string_view text, const message &ours, const message &theirs) {
		  return has_field(ours, "transfer-encoding") && theirs.head &&
			 theirs.why.starts_with("Invalid character in chunk") &&
			 text.find(';', text.find("\r\n\r\n")) != text.npos;
	  } },
	{ "Connection in a trailer", /* Beast reads it as one of the head */
	  [](std::string_view, const message &, const message &theirs) {
		  return theirs.why == "bad value" && theirs.head;
	  } },
	{ "Proxy-Connection",
	  [](std::string_view, const message &ours, const message &theirs) {
		  return theirs.why == "bad value" && has_field(ours, "proxy-connection");
	  } },
};

bool is_excused(std::string_view text, const message &ours, const message &theirs)
{
	return std::any_of(std::begin(exceptions), std::end(exceptions),
			   [&](const exception &each) { return each.applies(text, ours, theirs); });
}

void show(const char *who, const message &what)
{
	std::fprintf(stderr, "%s: head %d, complete %d, used %zu, refused %d (%s)\n  %s %s\n", who,
		     what.head, what.complete, what.used, what.refused, what.why.c_str(),
		     what.method.c_str(), what.target.c_str());
	for (const auto &[name, value] : what.fields)
		std::fprintf(stderr, "  %s: \"%s\"\n", name.c_str(), value.c_str());
	std::fprintf(stderr, "  body of %zu: %s\n", what.body.size(), what.body.c_str());
}

void compare(const char *who, std::string_view text, const message &ours, const message &theirs)
{
	bool same = theirs.head && theirs.method == ours.method && theirs.target == ours.target &&
		    theirs.fields == ours.fields;

	/* A body that ktcp refuses may be anything to another. */
	if (!ours.refused)
		same = same && !theirs.refused && theirs.complete == ours.complete &&
		       theirs.body == ours.body && (!ours.complete || theirs.used == ours.used);
	if (same || (theirs.refused && is_excused(text, ours, theirs)))
		return;
	show("ktcp", ours);
	show(who, theirs);
	std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	const std::string_view text(reinterpret_cast<const char *>(data), size);
	const message ours = read_by_ktcp(text);

	if (!ours.head)
		return 0;
	compare("llhttp", text, ours, read_by_llhttp(text));
	compare("Beast", text, ours, read_by_beast(text));
	return 0;
}
