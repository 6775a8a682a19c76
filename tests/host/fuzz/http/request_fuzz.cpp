// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Any bytes as a request, read by ktcp's parser and by two others. They accept each request that
 * ktcp accepts, and understand the same by it: method, target, fields, body, and where it ends.
 * ktcp may refuse a request that they accept. docs/http.md lists the exceptions under the names
 * they have here.
 */
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <llhttp.h>

#include <ktcp/http/parse/head.hpp>

#include "message.hpp"

namespace
{

/* @p name  in lower case. */
bool has_field(const message &of, std::string_view name)
{
	return std::any_of(of.fields.begin(), of.fields.end(), [&](const auto &each) {
		return ktcp::http::detail::same_text(each.first, name);
	});
}

/* The requests that ktcp accepts and another refuses, with a reason. */
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

/* Where they are known to differ: an example each, and who accepts it. */
struct difference {
	const char *name;
	std::string_view text;
	bool ktcp, llhttp, beast;
};

#define POST "POST / HTTP/1.1\r\nHost: h\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

/* Debian 12 has 8.1.0, Debian 13 has 9.2.1, which is nearer to the RFC. */
constexpr bool llhttp_9 = LLHTTP_VERSION_MAJOR >= 9;

constexpr difference differences[] = {
	{ "later minor version", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", true, false, false },
	{ "empty line first", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", true, true, false },
	{ "chunk extension", CHUNKED "1;a=b;c\r\na\r\n0\r\n\r\n", true, llhttp_9, true },
	{ "chunk extension", CHUNKED "1;a=\"\\b\"\r\na\r\n0\r\n\r\n", true, llhttp_9, true },
	{ "Connection in a trailer", CHUNKED "0\r\nConnection: a b\r\n\r\n", true, true, false },
	{ "Proxy-Connection", "GET / HTTP/1.1\r\nHost: h\r\nProxy-Connection: a b\r\n\r\n", true,
	  true, false },

	{ "two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", false, true, false },
	{ "no Host", "GET / HTTP/1.1\r\n\r\n", false, true, true },
	{ "two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", false, true, true },
	{ "space before a colon", "GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", false, !llhttp_9,
	  false },
	{ "folded line", "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", false, !llhttp_9, true },
	{ "equal lengths", POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", false, false,
	  true },
	{ "tab behind a length", POST "Content-Length: 1\t\r\n\r\na", false, false, true },
	{ "tab behind chunked", POST "Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n", false, false,
	  true },
	{ "empty element behind chunked", POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
	  false, false, true },
	{ "another coding", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", false, true,
	  true },
	{ "chunked from HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  false, true, true },
	{ "Content-Length in a trailer", CHUNKED "0\r\nContent-Length: 1\r\n\r\n", false, !llhttp_9,
	  false },
	{ "white space in a chunk extension", CHUNKED "1 ; a\r\na\r\n0\r\n\r\n", false, false,
	  true },
	{ "no length", POST "\r\n", false, true, true },
};

bool accepts(const message &what)
{
	return what.complete && !what.refused;
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***)
{
	for (const difference &each : differences) {
		const message by[] = { read_by_ktcp(each.text), read_by_llhttp(each.text),
				       read_by_beast(each.text) };

		if (accepts(by[0]) == each.ktcp && accepts(by[1]) == each.llhttp &&
		    accepts(by[2]) == each.beast)
			continue;
		std::fprintf(stderr, "\"%s\" is not as it was:\n", each.name);
		show("ktcp", by[0]);
		show("llhttp", by[1]);
		show("Beast", by[2]);
		std::abort();
	}
	return 0;
}

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
