// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/http/representation.hpp, etag.hpp and what a file service makes of them: validators, ranges, codings. */
#include <cstring>
#include <filesystem>
#include <string>
#include <tuple>

#include "served_files.hpp"

/* ---- validators ----------------------------------------------------------------------------- */

TEST_F(http_files, conditions)
{
	const std::string tag = "\"c-6553f100-0\"", weak = "W/" + tag;
	const std::string then = "Tue, 14 Nov 2023 22:13:20 GMT";
	const std::string before = "Tue, 14 Nov 2023 22:13:19 GMT";
	const std::string after = "Tue, 14 Nov 2023 22:13:21 GMT";
	const std::pair<std::string, int> rows[] = {
		{ "If-None-Match: " + tag, 304 },
		{ "If-None-Match: " + weak, 304 }, /* weak comparison */
		{ "If-None-Match: \"x\", " + tag, 304 },
		{ "If-None-Match: \"x\",," + tag, 304 }, /* empty elements are none */
		{ "If-None-Match: , ,\"x\" ,\t, " + tag, 304 },
		{ "If-Match: ,,\"x\",," + tag + ",,", 200 },
		{ "If-None-Match: \"x\" " + tag, 200 }, /* no list */
		{ "If-None-Match: \"x, " + tag, 200 },
		{ "If-None-Match: \"a,b\" ,W/\"\"," + tag + ",", 304 },
		{ "If-None-Match: \"x\"\r\nIf-None-Match: " + tag, 304 },
		{ "If-None-Match: *", 304 },
		{ "If-None-Match: \"x\"", 200 },
		{ "If-None-Match: c-6553f100-0", 200 },
		{ "If-None-Match: w/" + tag, 200 }, /* W is in upper case */
		{ "If-None-Match:", 200 },
		{ "If-Modified-Since: " + then, 304 },
		{ "If-Modified-Since: " + after, 304 },
		{ "If-Modified-Since: Tuesday, 14-Nov-23 22:13:20 GMT", 304 },
		{ "If-Modified-Since: Tue Nov 14 22:13:20 2023", 304 },
		{ "If-Modified-Since: " + before, 200 },
		{ "If-Modified-Since: yesterday", 200 },
		{ "If-Modified-Since: " + then + "\r\nIf-Modified-Since: " + then, 200 },
		{ "If-None-Match: \"x\"\r\nIf-Modified-Since: " + then, 200 }, /* precedence */
		{ "If-None-Match: " + tag + "\r\nIf-Modified-Since: " + before, 304 },
		{ "If-Match: " + tag, 200 },
		{ "If-Match: *", 200 },
		{ "If-Match: \"x\"", 412 },
		{ "If-Match: \"x\"\r\nIf-Match: " + tag, 200 },
		{ "If-Match: " + weak, 412 }, /* strong comparison */
		{ "If-Match:", 412 },
		{ "If-Unmodified-Since: " + then, 200 },
		{ "If-Unmodified-Since: " + after, 200 },
		{ "If-Unmodified-Since: " + before, 412 },
		{ "If-Unmodified-Since: tomorrow", 200 },
		{ "If-Match: " + tag + "\r\nIf-Unmodified-Since: " + before, 200 },
		{ "If-Match: \"x\"\r\nIf-Unmodified-Since: " + after, 412 },
		{ "If-Match: \"x\"\r\nIf-None-Match: " + tag, 412 }, /* section 13.2.2 */
		{ "If-Match: " + tag + "\r\nIf-None-Match: " + tag, 304 },
		{ "If-Unmodified-Since: " + before + "\r\nIf-None-Match: " + tag, 412 },
	};

	for (const auto &[fields, status] : rows) {
		const std::string request = get("/a.txt", fields + "\r\n");

		if (status == 200)
			expect({ { request, "200 OK", hello_fields, hello } });
		else if (status == 304)
			expect({ { request, "304 Not Modified", described("", 12), "" } });
		else
			expect({ refusal(request, 412) });
	}
	/* They are nothing to a response that would not be a 200. */
	expect({ refusal(get("/b.txt", "If-Match: *\r\n"), 404),
		 refusal(get("/b.txt", "If-None-Match: *\r\n"), 404) });
}

/* As rsync -t and reproducible builds do. */
TEST_F(http_files, a_replaced_file_has_another_tag)
{
	const auto tag = [&] {
		const std::string got = answer(*service, request_of("HEAD", "/a.txt")).received;
		const std::size_t from = got.find("ETag: ") + 6;

		return got.substr(from, got.find('\r', from) - from);
	};
	const std::string before = tag();

	EXPECT_EQ(tag(), before);
	write("new", "Hello World\n");
	fs::rename(folder / "new", folder / "a.txt");

	const std::string replaced = tag();

	EXPECT_NE(replaced, before);
	EXPECT_TRUE(answer(*service, get("/a.txt", "If-None-Match: " + before + "\r\n"))
			    .received.ends_with("Hello World\n"));
	usleep(20'000); /* a change time is as exact as the kernel's tick */
	write("a.txt", "HELLO WORLD\n"); /* in place */
	EXPECT_NE(tag(), replaced);
}

TEST_F(http_files, a_date_of_tomorrow_is_not_told)
{
	EXPECT_EQ(answer(*service, get("/tomorrow.txt")).received,
		  real(head_of("200 OK") + "Content-Type: " + text_type +
		       "\r\nETag: \"1-713fb300-0\"\r\n"
		       "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
		       "Accept-Ranges: bytes\r\n"
		       "Content-Length: 1\r\n\r\nx"));
}

/* ---- ranges --------------------------------------------------------------------------------- */

TEST_F(http_files, one_range)
{
	const auto part = [](std::string range, std::string which, std::string body) {
		return row{ get("/ten", "Range: " + range + "\r\n"), "206 Partial Content",
			    ten_fields + "Content-Range: bytes " + which + "/10\r\n",
			    std::move(body) };
	};
	const auto whole = [](std::string range) {
		return row{ get("/ten", "Range: " + range + "\r\n"), "200 OK", ten_fields,
			    "0123456789" };
	};
	const auto none = [](std::string range) {
		return refusal(get("/ten", "Range: " + range + "\r\n"), 416,
			       "Content-Range: bytes */10\r\n");
	};
	/* Of which there is no part that a range could name. */
	const auto nothing = [](std::string range) {
		return row{ get("/empty.txt", "Range: " + range + "\r\n"), "200 OK",
			    described(text_type, 0), "" };
	};

	expect({
		part("bytes=0-0", "0-0", "0"),
		part("bytes=2-4", "2-4", "234"),
		part("bytes=5-", "5-9", "56789"),
		part("bytes=-3", "7-9", "789"),
		part("bytes=-10", "0-9", "0123456789"),
		part("bytes=-11", "0-9", "0123456789"),
		part("bytes=9-99999999999999999999999", "9-9", "9"), /* beyond 64 bits */
		part("bytes=-99999999999999999999999", "0-9", "0123456789"),
		part("Bytes= 0-1 ,", "0-1", "01"),
		part("bytes=0-1,50-60", "0-1", "01"),
		none("bytes=10-"),
		none("bytes=10-20"),
		none("bytes=99999999999999999999998-99999999999999999999999"),
		none("bytes=-0"),
		none("bytes=10-,20-,-0"),
		whole("bytes=4-2"),
		whole("bytes=a-2"),
		whole("bytes=1-2x"),
		whole("bytes=1 - 2"),
		whole("bytes=--2"),
		whole("bytes=1"),
		whole("bytes="),
		whole("bytes=,"),
		whole("bytes"),
		whole("lines=0-1"),
		whole("bytes=0-1, x"),
		whole("bytes=0-1\r\nRange: bytes=2-3"),
		part("bytes=,,0-1,,", "0-1", "01"), /* empty elements are none */
		nothing("bytes=-5"),
		nothing("bytes=0-"),
		nothing("bytes=0-1023"),
		nothing("bytes=0-0,-1"),
		{ get("/big.bin", "Range: bytes=100000-250000\r\n"), "206 Partial Content",
		  described("application/octet-stream", big.size()) +
			  "Content-Range: bytes 100000-250000/" + std::to_string(big.size()) +
			  "\r\n",
		  big.substr(100'000, 150'001) },
	});
}

TEST_F(http_files, ranges_that_depend)
{
	const std::string tag = "\"a-6553f100-0\"";
	const std::string then = "Tue, 14 Nov 2023 22:13:20 GMT";
	const auto asked = [](std::string condition) {
		return get("/ten", "Range: bytes=1-2\r\nIf-Range: " + condition + "\r\n");
	};
	const auto part = [&](std::string condition) {
		return row{ asked(std::move(condition)), "206 Partial Content",
			    ten_fields + "Content-Range: bytes 1-2/10\r\n", "12" };
	};
	const auto whole = [&](std::string condition) {
		return row{ asked(std::move(condition)), "200 OK", ten_fields, "0123456789" };
	};

	expect({
		part(tag),
		part(then),
		whole("W/" + tag),
		whole("\"x\""),
		whole("Tue, 14 Nov 2023 22:13:21 GMT"),
		whole("Tue, 14 Nov 2023 22:13:19 GMT"),
		whole("whenever"),
		whole(""),
		whole(tag + "\r\nIf-Range: " + tag),
		/* An unsatisfiable one that does not count is no 416. */
		{ get("/ten", "Range: bytes=99-\r\nIf-Range: \"x\"\r\n"), "200 OK", ten_fields,
		  "0123456789" },
		/* Other conditions come first. */
		{ get("/ten", "Range: bytes=1-2\r\nIf-None-Match: " + tag + "\r\n"),
		  "304 Not Modified", described("", 10), "" },
		refusal(get("/ten", "Range: bytes=1-2\r\nIf-Match: \"x\"\r\n"), 412),
	});
	/* A date that could be of two states of the file proves nothing. */
	machine.real_seconds = long_ago + 1;
	EXPECT_TRUE(answer(*service, asked(then)).received.starts_with("HTTP/1.1 200 OK\r\n"));
	machine.real_seconds = long_ago + 2;
	EXPECT_TRUE(answer(*service, asked(then)).received.starts_with("HTTP/1.1 206 "));
	machine.real_seconds = fake_machine().real_seconds;
}

TEST_F(http_files, several_ranges)
{
	const std::string boundary = "0000f00d0000f00d";
	const auto part = [&](std::string which, std::string body) {
		return "\r\n--" + boundary +
		       "\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes " +
		       std::move(which) + "/10\r\n\r\n" + std::move(body);
	};
	const std::string fields = "Content-Type: multipart/byteranges; boundary=" + boundary +
				   ten_fields.substr(ten_fields.find("\r\n"));
	const std::string end = "\r\n--" + boundary + "--\r\n";
	const auto whole = [](std::string range) {
		return row{ get("/ten", "Range: " + range + "\r\n"), "200 OK", ten_fields,
			    "0123456789" };
	};
	expect({
		{ get("/ten", "Range: bytes=0-1,-2\r\n"), "206 Partial Content", fields,
		  part("0-1", "01") + part("8-9", "89") + end },
		{ get("/ten", "Range: bytes=7-8, 0-0,50-,2-3\r\n"), "206 Partial Content", fields,
		  part("7-8", "78") + part("0-0", "0") + part("2-3", "23") + end },
		{ get("/ten", "Range: bytes=0-4,2-6\r\n"), "206 Partial Content", fields,
		  part("0-4", "01234") + part("2-6", "23456") + end },
		/* No honest client asks for more than the whole of it in parts. */
		whole("bytes=0-,0-"),
		whole("bytes=0-4,0-4,0-4"),
	});

	std::string most = "bytes=0-0", body;

	for (int i = 1; i < 10; i++)
		most += "," + std::to_string(i) + "-" + std::to_string(i);
	for (int i = 0; i < 10; i++)
		body += part(std::to_string(i) + "-" + std::to_string(i), std::to_string(i));
	expect({ { get("/ten", "Range: " + most + "\r\n"), "206 Partial Content", fields,
		   body + end } });

	std::string many = "bytes=0-0";

	for (int i = 1; i <= 256; i++)
		many += "," + std::to_string(i) + "-" + std::to_string(i);
	EXPECT_TRUE(answer(*service, get("/big.bin", "Range: " + many + "\r\n"))
			    .received.starts_with("HTTP/1.1 200 OK\r\n"));
	many.resize(many.rfind(','));
	EXPECT_TRUE(answer(*service, get("/big.bin", "Range: " + many + "\r\n"))
			    .received.starts_with("HTTP/1.1 206 Partial Content\r\n"));
}

/* ---- codings -------------------------------------------------------------------------------- */

TEST_F(http_files, a_compressed_neighbour)
{
	const std::string html = "text/html; charset=utf-8";
	const auto coded = [&](std::string accept) {
		return row{ get("/page.html", accept), "200 OK",
			    described(html, 5, "-gz", true) + "Content-Encoding: gzip\r\n",
			    "coded" };
	};
	const auto plain = [&](std::string accept) {
		return row{ get("/page.html", accept), "200 OK", described(html, 20, "", true),
			    "<p>a page, at length" };
	};

	expect({
		coded("Accept-Encoding: gzip\r\n"),
		coded("Accept-Encoding: br;q=1.0, GZIP;q=0.001\r\n"),
		coded("Accept-Encoding: x-gzip\r\n"),
		coded("Accept-Encoding: *\r\n"),
		coded("Accept-Encoding: br\r\nAccept-Encoding: gzip ; Q=1\r\n"),
		coded("Accept-Encoding: *;q=0, gzip\r\n"),
		/* An empty parameter is none (RFC 9110, section 5.6.6). */
		coded("Accept-Encoding: gzip;\r\n"),
		coded("Accept-Encoding: gzip;x=0;q=1\r\n"),
		coded("Accept-Encoding: gzip;x=\"a;q=0, b\"\r\n"), /* a quoted text is one value */
		plain(""),
		plain("Accept-Encoding:\r\n"),
		plain("Accept-Encoding: identity\r\n"),
		plain("Accept-Encoding: gzip;q=0\r\n"),
		plain("Accept-Encoding: gzip;q=0.000, *\r\n"),
		plain("Accept-Encoding: gzip;q=0;x=1\r\n"),
		plain("Accept-Encoding: gzip;q=1.5\r\n"),
		plain("Accept-Encoding: gzip;q=0.0001\r\n"),
		plain("Accept-Encoding: gzip;q=x1\r\n"),
		plain("Accept-Encoding: *;q=0\r\n"),
		plain("Accept-Encoding: gzipped\r\n"),
		/* Each has a tag of its own. */
		{ get("/page.html",
		      "Accept-Encoding: gzip\r\nIf-None-Match: \"5-6553f100-0-gz\"\r\n"),
		  "304 Not Modified", described("", 5, "-gz", true), "" },
		{ get("/page.html", "Accept-Encoding: gzip\r\nIf-None-Match: \"14-6553f100-0\"\r\n"),
		  "200 OK", described(html, 5, "-gz", true) + "Content-Encoding: gzip\r\n",
		  "coded" },
		/* A part is one of the page itself … */
		{ get("/page.html", "Accept-Encoding: gzip\r\nRange: bytes=1-2\r\n"),
		  "206 Partial Content",
		  described(html, 20, "", true) + "Content-Range: bytes 1-2/20\r\n", "p>" },
		{ get("/page.html", "Accept-Encoding: gzip\r\nRange: bytes=1-2\r\n"
				    "If-Range: \"14-6553f100-0\"\r\n"),
		  "206 Partial Content",
		  described(html, 20, "", true) + "Content-Range: bytes 1-2/20\r\n", "p>" },
		/* … unless the client has another part of the coded form. */
		{ get("/page.html", "Accept-Encoding: gzip\r\nRange: bytes=1-2\r\n"
				    "If-Range: \"5-6553f100-0-gz\"\r\n"),
		  "206 Partial Content",
		  described(html, 5, "-gz", true) +
			  "Content-Encoding: gzip\r\nContent-Range: bytes 1-2/5\r\n",
		  "od" },
		/* A part of a multipart has no coding: all of it, then. */
		{ get("/page.html", "Accept-Encoding: gzip\r\nRange: bytes=1-1,3-3\r\n"
				    "If-Range: \"5-6553f100-0-gz\"\r\n"),
		  "200 OK", described(html, 5, "-gz", true) + "Content-Encoding: gzip\r\n",
		  "coded" },
		/* A form that is older than the page is not of it, and a folder is nothing. */
		{ get("/folder.js", "Accept-Encoding: gzip\r\n"), "200 OK",
		  described("text/javascript; charset=utf-8", 27), "js, at some length at least" },
		{ get("/page.html.gz", "Accept-Encoding: gzip\r\n"), "200 OK",
		  described("application/gzip", 5), "coded" },
	});
	EXPECT_TRUE(answer(*service, get("/stale.css", "Accept-Encoding: gzip\r\n"))
			    .received.ends_with("gzip's own"));

	/* Of the same second, too. A time of whole seconds may be a copy of the file's. */
	for (const auto &[file_ns, form_ns, fresh] : { std::tuple(500, 400, false),
						       { 500, 500, true },
						       { 500, 600, true },
						       { 500, 0, true } }) {
		write("close.css", "new, and longer than gzip's own", long_ago, 0644, file_ns);
		write("close.css.gz", "old", long_ago, 0644, form_ns);
		for (const char *accept : { "Accept-Encoding: gzip\r\n", "" }) {
			const std::string got = answer(*service, get("/close.css", accept)).received;

			EXPECT_EQ(got.ends_with(fresh && *accept ? "old" : "gzip's own"), true)
				<< form_ns << got;
			EXPECT_EQ(got.find("Vary: Accept-Encoding") != got.npos, fresh) << form_ns;
		}
	}
	how.precompressed = false;
	open();
	EXPECT_EQ(answer(*service, get("/page.html", "Accept-Encoding: gzip\r\n")).received,
		  real(head_of("200 OK") + "Content-Type: " + html +
		       "\r\nETag: \"14-6553f100-0\"\r\nLast-Modified: Tue, 14 Nov 2023 22:13:20 "
		       "GMT\r\nAccept-Ranges: bytes\r\nContent-Length: 20\r\n\r\n"
		       "<p>a page, at length"));
}

/* A viewer must not show it otherwise, so it is for all clients, and no form has another one beside it. */
TEST_F(http_files, one_that_is_stored_as_gzip)
{
	const std::string svg = "image/svg+xml", coding = "Content-Encoding: gzip\r\n";
	const std::string fields = described(svg, 21, "-gz") + coding;

	write("a.svgz", "the image, compressed");
	fs::create_hard_link(folder / "a.svgz", folder / "b.SVGZ");
	write("a.svgz.gz", "twice");
	for (const bool precompressed : { true, false }) {
		how.precompressed = precompressed;
		open();
		for (const char *accept : { "", "Accept-Encoding: gzip\r\n" })
			for (const char *name : { "/a.svgz", "/b.SVGZ" })
				expect({ { get(name, accept), "200 OK", fields,
					   "the image, compressed" } });
	}
	expect({
		{ get("/a.svgz", "Range: bytes=4-8\r\n"), "206 Partial Content",
		  fields + "Content-Range: bytes 4-8/21\r\n", "image" },
		{ get("/a.svgz", "Range: bytes=0-0,4-8\r\n"), "200 OK", fields,
		  "the image, compressed" },
		{ get("/a.svgz", "If-None-Match: \"15-6553f100-0-gz\"\r\n"), "304 Not Modified",
		  described("", 21, "-gz"), "" },
	});
	how.error_page = "a.svgz";
	open();
	expect({ { get("/none"), "404 Not Found", "Content-Type: " + svg + "\r\n" + coding,
		   "the image, compressed" } });
}
