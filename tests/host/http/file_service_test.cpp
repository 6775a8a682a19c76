// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/http/file_service.hpp: names, methods, files that change, and failures. */
#include <ktcp/http/file_service.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "served_files.hpp"

using namespace std::string_literals;

/* ---- names ---------------------------------------------------------------------------------- */

TEST_F(http_files, files_by_name)
{
	expect({
		{ get("/a.txt"), "200 OK", hello_fields, hello },
		{ get("/a.txt?q=/../x"), "200 OK", hello_fields, hello },
		{ get("//a.txt"), "200 OK", hello_fields, hello },
		{ get("/%61%2e%74xt"), "200 OK", hello_fields, hello },
		{ get("http://h/a.txt"), "200 OK", hello_fields, hello },
		{ get("/ten"), "200 OK", ten_fields, "0123456789" },
		{ get("/empty.txt"), "200 OK", described(text_type, 0), "" },
		{ get("/sp%20ace%2541.txt"), "200 OK", described(text_type, 8), "a space!" },
		{ get("/new%0aline.txt"), "200 OK", described(text_type, 4), "line" },
		{ get("/site/"), "200 OK", described("text/html; charset=utf-8", 7), "<p>site" },
		{ get("/big.bin"), "200 OK", described("application/octet-stream", big.size()),
		  big },
	});
}

TEST_F(http_files, a_missing_file)
{
	expect({
		refusal(get("/b.txt"), 404), refusal(get("/a.txt/"), 404),
		refusal(get("/a.txt/b"), 404), refusal(get("/" + std::string(300, 'n')), 404),
		refusal(get("/deep/er/"), 404), /* its index.html is a folder */
		refusal(get("/linked/"), 404), /* its index.html is a link, which is no listing */
	});
}

/* The name is there. A listing would show what the page was to stand before. */
TEST_F(http_files, an_index_that_is_a_link_to_nothing_is_no_listing)
{
	fs::create_directory(folder / "swapped");
	fs::create_symlink("release", folder / "swapped/index.html");
	for (const bool symlinks : { false, true }) {
		open(symlinks);
		expect({ refusal(get("/swapped/"), 404) });
	}
	write("swapped/release", "<p>site");
	expect({ { get("/swapped/"), "200 OK", described("text/html; charset=utf-8", 7),
		   "<p>site" } });
	/* Nor is a folder's listing lost because a link leads to it. */
	fs::create_symlink("linked", folder / "way");
	fs::remove(folder / "linked/index.html");
	EXPECT_TRUE(answer_once("/way/").starts_with("HTTP/1.1 200 "));
}

TEST_F(http_files, nothing_outside_of_the_root)
{
	for (const char *path :
	     { "/../outside.txt", "/%2e%2e/outside.txt", "/.%2E/outside.txt", "/..%2foutside.txt",
	       "/site/../../outside.txt", "/site/%2e%2e/%2e%2e/outside.txt", "/..", "/./..",
	       "/../root/a.txt", "/a.txt%00", "/%00", "/a%2", "/a%", "/%zz", "/%2g", "/a.txt%2f",
	       "http://h/../outside.txt" })
		expect({ refusal(get(path), 400) });
	expect({
		refusal(get("/out.txt"), 404),
		refusal(get("/everything/etc/passwd"), 404),
		refusal(get("/everything/"), 404),
		refusal(get("/link.txt"), 404),
		refusal(get("/..%5coutside.txt"), 404),
		refusal(get("/%2e%2e%2e/x"), 404),
	});
	open(true); /* symbolic links that stay inside may be followed */
	expect({
		refusal(get("/out.txt"), 404),
		refusal(get("/everything/etc/passwd"), 404),
		{ get("/link.txt"), "200 OK", hello_fields, hello },
	});
}

TEST_F(http_files, dot_segments_are_resolved_below_the_root)
{
	for (const char *path : { "/./a.txt", "/site/../a.txt", "/%2e/a.txt", "/site/%2E%2e/a.txt",
				  "/none/./.%2e/a.txt", "/a/b/../../a.txt", "//.//a.txt",
				  "http://h/./a.txt", "/a.txt/x/../../a.txt" })
		expect({ { get(path), "200 OK", hello_fields, hello } });
	for (const char *path : { "/site/.", "/site/./", "/site/x/..", "/site/x/../" })
		expect({ { get(path), "200 OK", described("text/html; charset=utf-8", 7),
			   "<p>site" } });
	/* They end as a folder does (RFC 3986, section 5.2.4). */
	expect({ refusal(get("/a.txt/."), 404), refusal(get("/a.txt/x/.."), 404) });
	for (const char *path : { "/.", "/site/..", "/site/../" })
		EXPECT_NE(answer(*service, get(path)).received.find("<title>/</title>"),
			  std::string::npos)
			<< path;
	/* An empty segment is one (RFC 3986, section 5.2.4), though a file's name has none. */
	for (const char *path : { "//..", "/site//../.." })
		EXPECT_NE(answer(*service, get(path)).received.find("<title>/</title>"),
			  std::string::npos)
			<< path;
	/* Three dots are a name. */
	expect({ refusal(get("/.../a.txt"), 404) });
}

TEST_F(http_files, an_encoded_slash_may_be_allowed)
{
	expect({ refusal(get("/site%2findex.html"), 400) });
	how.encoded_slash = true;
	open();
	expect({
		{ get("/site%2findex.html"), "200 OK", described("text/html; charset=utf-8", 7),
		  "<p>site" },
		{ get("/site%2F"), "200 OK", described("text/html; charset=utf-8", 7), "<p>site" },
		refusal(get("/..%2foutside.txt"), 400),
		refusal(get("/site%2f..%2f..%2foutside.txt"), 400),
		/* Dots beside it are no dot segment to others. */
		refusal(get("/site%2f..%2fa.txt"), 400),
		refusal(get("/site%2f."), 400),
	});
}

TEST_F(http_files, a_page_of_ones_own_where_nothing_is)
{
	const std::string html = "text/html; charset=utf-8";
	const std::string page = "<p>a page, at length";

	how.error_page = "/page.html";
	open();
	expect({
		{ get("/b.txt"), "404 Not Found", "Content-Type: " + html + "\r\n", page },
		{ get("/b.txt", "Range: bytes=0-1\r\nAccept-Encoding: gzip\r\nIf-None-Match: *\r\n"),
		  "404 Not Found", "Content-Type: " + html + "\r\n", page },
		refusal(get("/secret.txt"), 403),
		refusal(get("/.."), 400),
		{ get("/a.txt"), "200 OK", hello_fields, hello },
	});
	EXPECT_EQ(answer(*service, request_of("HEAD", "/b.txt")).received,
		  head_of("404 Not Found") + "Content-Type: " + html +
			  "\r\nContent-Length: 20\r\n\r\n");
	how.error_page = "missing.html";
	open();
	expect({ refusal(get("/b.txt"), 404) });
	how.error_page = "big.bin";
	open();
	EXPECT_TRUE(answer(*service, get("/b.txt")).received.ends_with("\r\n\r\n" + big));

	/* It is as if the file itself had been asked for. */
	how.fallback = "page.html";
	open();
	expect({
		{ get("/some/route"), "200 OK", described(html, 20, "", true), page },
		{ get("/some/route", "If-None-Match: \"14-6553f100-0\"\r\n"), "304 Not Modified",
		  described("", 20, "", true), "" },
		refusal(get("/secret.txt"), 403),
	});
	how.fallback = "../outside.txt";
	how.error_page = "";
	open();
	expect({ refusal(get("/b.txt"), 404) });
}

/* No other file takes its place, with 200, unless the file system says that nothing is there. */
TEST_F(http_files, a_failing_file_system_is_no_missing_file)
{
	how.fallback = how.error_page = "page.html";
	open();
	file_faults.of = "a.txt";
	for (const int error : { EIO, ESTALE, ETIMEDOUT, ENOTCONN, EUCLEAN, EBADMSG, ENOKEY, EINTR,
				 EREMOTEIO, EHOSTDOWN, EOVERFLOW, ENXIO }) {
		file_faults.open = -error;
		expect({ refusal(get("/a.txt"), 500) });
	}
	for (const int error : { EAGAIN, ENOMEM, ENFILE, EMFILE }) {
		file_faults.open = -error;
		expect({ refusal(get("/a.txt"), 503) });
	}
	for (const int error : { EACCES, EPERM }) {
		file_faults.open = -error;
		expect({ refusal(get("/a.txt"), 403) });
	}
	for (const int error : { ENOENT, ENOTDIR, ELOOP, EXDEV, ENAMETOOLONG, EINVAL }) {
		file_faults.open = -error;
		EXPECT_TRUE(answer(*service, get("/a.txt"))
				    .received.ends_with("\r\n\r\n<p>a page, at length"))
			<< error;
	}
	/* Nor is that the answer where a page of one's own cannot be opened just now. */
	how.error_page = "";
	open();
	file_faults.of = "page.html";
	for (const auto &[error, status] :
	     { std::pair(EIO, 500u), { ENOMEM, 503u }, { EACCES, 403u } }) {
		file_faults.open = -error;
		expect({ refusal(get("/none"), status) });
	}
}

/* Of an index.html that is there, and of a folder. */
TEST_F(http_files, a_folder_that_cannot_be_read)
{
	file_faults.of = "index.html";
	for (const auto &[error, status] : { std::pair(EIO, 500u),
					     { ESTALE, 500u },
					     { EAGAIN, 503u },
					     { ENOMEM, 503u },
					     { EACCES, 403u },
					     { ELOOP, 404u } }) {
		file_faults.open = -error;
		expect({ refusal(get("/site/"), status) });
	}
	file_faults.open = 0;
	for (const auto &[error, status] :
	     { std::pair(EIO, 500u), { ESTALE, 500u }, { ENOMEM, 503u }, { EAGAIN, 503u } }) {
		file_faults.list = -error;
		expect({ refusal(get("/"), status) });
	}
}

/* Between the look at it and its reading. Each 404 is answered alike. */
TEST_F(http_files, a_folder_that_has_just_been_removed)
{
	ktcp::http::shared_listings listings({});
	const std::string html = "text/html; charset=utf-8", page = "<p>a page, at length";

	file_faults.list = -ENOENT;
	expect({ refusal(get("/deep/"), 404) });
	for (const bool shared : { true, false }) {
		how.listings = shared ? &listings : nullptr;
		how.error_page = "page.html";
		how.fallback = "";
		open();
		expect({ { get("/deep/"), "404 Not Found", "Content-Type: " + html + "\r\n",
			   page } });
		how.fallback = "page.html";
		open();
		expect({ { get("/deep/"), "200 OK", described(html, page.size(), "", true),
			   page } });
	}
}

TEST_F(http_files, a_type_of_ones_own_where_the_name_says_nothing)
{
	how.default_type = "text/plain";
	open();
	expect({ { get("/ten"), "200 OK", described("text/plain", 10), "0123456789" },
		 { get("/a.txt"), "200 OK", hello_fields, hello } });
}

/* A head of a part has room for 64 characters of it. */
TEST_F(http_files, a_type_of_ones_own_has_a_length_and_a_form)
{
	const std::string longest = "a/" + std::string(62, 'b');

	for (const std::string &good :
	     { "text/plain"s, "text/plain; charset=utf-8"s, "a/b ;c=\"d\""s, longest })
		EXPECT_EQ(ktcp::http::default_type_error(good), nullptr) << good;
	for (const std::string &bad : { ""s, "text"s, "text/"s, "/plain"s, "a/b/c"s, "a/b c"s,
					"a/b; c\r\nX: y"s, "text/pl\xc3\xa4in"s, longest + "b" })
		EXPECT_NE(ktcp::http::default_type_error(bad), nullptr) << bad;

	how.default_type = longest;
	open();

	const std::string parts =
		send_in_pieces(*service, { get("/ten", "Range: bytes=0-0,2-2\r\n") }, 1000).received;

	EXPECT_NE(parts.find("Content-Type: " + longest + "\r\nContent-Range: bytes 2-2/10\r\n\r\n"),
		  parts.npos)
		<< parts;
}

TEST_F(http_files, paths_that_are_too_long)
{
	std::string fits, more;

	while (fits.size() < 3800)
		fits += "/n";
	more = fits + fits;
	expect_row(*service, refusal(get(fits), 404));
	expect_row(*service, refusal(get(more), 404)); /* no file has such a one */

	/* So it is as good as one that is missing. */
	how.error_page = "page.html";
	open();
	for (const std::string &each : { fits, more })
		EXPECT_TRUE(answer(*service, get(each)).received.starts_with("HTTP/1.1 404 "))
			<< each.size();
	EXPECT_TRUE(answer(*service, get(more)).received.ends_with("<p>a page, at length"));
	how.fallback = "page.html";
	open();
	EXPECT_TRUE(answer(*service, get(more)).received.starts_with("HTTP/1.1 200 "));
	EXPECT_TRUE(answer(*service, get(more)).received.ends_with("<p>a page, at length"));
}

/* The table of docs/http.md: the last that is served, and the first that is not. */
TEST_F(http_files, the_longest_path_of_a_file)
{
	constexpr std::size_t longest = 3838, part = 240;
	fs::path in = folder;
	std::string path;

	while (path.size() + part + 1 < longest) {
		path += std::string(part, 'n') + "/";
		in /= std::string(part, 'n');
	}
	fs::create_directories(in);

	const std::string name(longest - path.size(), 'f');

	for (const std::string &each : { name, name + "f" })
		write(path + each, "found");
	EXPECT_EQ((path + name).size(), longest);
	EXPECT_EQ(answer_once("/" + path + name).substr(0, 12), "HTTP/1.1 200");
	EXPECT_EQ(answer_once("/" + path + name + "f").substr(0, 12), "HTTP/1.1 404");
}

TEST_F(http_files, a_file_without_permission)
{
	expect({
		refusal(get("/secret.txt"), 403), refusal(get("/closed/in.txt"), 403),
		refusal(get("/closed/"), 403), refusal(get("/locked/"), 403),
		refusal(get("/fifo"), 403), /* and nobody waits for its writer */
	});
}

/* With its user's and group's rights, not those of this process. */
TEST_F(http_files, are_read_as_the_user_that_was_chosen)
{
	if (geteuid() != 0) {
		expect({ refusal(get("/secret.txt"), 403) }); /* nothing can be chosen */
		return;
	}
	ASSERT_EQ(chown((folder / "secret.txt").c_str(), 1000, 2000), 0);
	fs::permissions(folder / "secret.txt", fs::perms(0640));

	const auto read_as = [&](std::uint32_t uid, std::uint32_t gid) {
		auto opened = ktcp::file_root::open(folder.c_str(), { .uid = uid, .gid = gid });

		root = std::move(*opened);
		service.emplace(files{ { root, how } });
	};

	read_as(1000, 1);
	EXPECT_TRUE(answer(*service, get("/secret.txt")).received.ends_with("secret"));
	read_as(1, 2000);
	EXPECT_TRUE(answer(*service, get("/secret.txt")).received.ends_with("secret"));
	read_as(1, 1);
	expect({ refusal(get("/secret.txt"), 403) });
	read_as(0, 0);
	expect({ refusal(get("/secret.txt"),
			 403) }); /* the number has its files, and no capability */
	ASSERT_EQ(chown((folder / "secret.txt").c_str(), 0, 2000), 0);
	EXPECT_TRUE(answer(*service, get("/secret.txt")).received.ends_with("secret"));
	EXPECT_EQ(access((folder / "secret.txt").c_str(), R_OK), 0) << "it is root again";
	service.reset();

	/* Without privilege there are one's own rights alone, and others cannot be chosen. */
	const auto opened = [&](std::uint32_t uid, std::uint32_t gid) {
		return ktcp::file_root::open(folder.c_str(), { .uid = uid, .gid = gid });
	};

	ASSERT_EQ(seteuid(1000), 0);
	EXPECT_TRUE(opened(1000, getegid()));
	EXPECT_TRUE(opened(65534, 65534)) << "which nobody chose";
	EXPECT_EQ(opened(1, getegid()).error(), ktcp::errc::eperm);
	EXPECT_EQ(opened(1000, 7).error(), ktcp::errc::eperm);
	ASSERT_EQ(seteuid(0), 0);

	/* Root without the capabilities of setfsuid() and setfsgid() has no such privilege. They are a thread's. */
	std::thread([&] {
		const __user_cap_header_struct version = { _LINUX_CAPABILITY_VERSION_3, 0 };
		const __user_cap_data_struct none[2] = {};

		ASSERT_EQ(syscall(SYS_capset, &version, none), 0);
		EXPECT_EQ(opened(1, 0).error(), ktcp::errc::eperm);
		EXPECT_EQ(opened(0, 1).error(), ktcp::errc::eperm);
		EXPECT_TRUE(opened(0, 0));
	}).join();
}

TEST_F(http_files, folders_have_a_slash)
{
	const auto moved = [](std::string request, std::string to) {
		return row{ std::move(request), "301 Moved Permanently",
			    "Location: " + std::move(to) + "\r\n", "" };
	};

	expect({
		moved(get("/site"), "/site/"),
		moved(get("/site?a=b&c"), "/site/?a=b&c"),
		moved(get("//site"), "/site/"),
		moved(get("/%73ite"), "/site/"),
		moved(get("/deep/./x/../er"), "/deep/er/"),
		moved(get("//site/../site"), "/site/"),
		moved(get("http://elsewhere/deep/er"), "/deep/er/"),
		/* Nothing goes back as a peer sent it, but what is a URL's. */
		moved(get("/site?\"<x>\\^`{|}\xc3%zz%41%"),
		      "/site/?%22%3cx%3e%5c%5e%60%7b%7c%7d%c3%25zz%41%25"),
	});
	/* One that is too long when it is encoded: the target of 6 + N has 7 + 3 N. */
	EXPECT_TRUE(answer_once("/site?" + std::string(1023, '"')).starts_with("HTTP/1.1 301 "));
	expect({ refusal(get("/site?" + std::string(1024, '"')), 414) });
}

TEST(http_media_types, by_the_end_of_a_name)
{
	using ktcp::http::media_type_of;

	for (const auto &[name, type] :
	     std::initializer_list<std::pair<const char *, const char *>>{
		     { "a.html", "text/html; charset=utf-8" },
		     { "b/A.HTM", "text/html; charset=utf-8" },
		     { "a.css", "text/css; charset=utf-8" },
		     { "a.min.js", "text/javascript; charset=utf-8" },
		     { "a.json", "application/json" },
		     { "a.svg", "image/svg+xml" },
		     { "a.JPeG", "image/jpeg" },
		     { "a.woff2", "font/woff2" },
		     { "a.wasm", "application/wasm" },
		     { "a.tar.gz", "application/gzip" },
		     { ".txt", "text/plain; charset=utf-8" },
		     { "html", "application/octet-stream" },
		     { "a.", "application/octet-stream" },
		     { "a.htmlx", "application/octet-stream" },
		     { "a.html/b", "application/octet-stream" },
		     { "", "application/octet-stream" } })
		EXPECT_EQ(media_type_of(name), type) << name;
	EXPECT_EQ(media_type_of("README", "text/plain"), "text/plain");
	EXPECT_EQ(media_type_of("a.html", "text/plain"), "text/html; charset=utf-8");
}

/* docs/http.md names those that differ. */
TEST(http_media_types, are_those_of_the_system)
{
	const std::set<std::string> other = { "c", "cc", "cpp", "h", "hpp", "sh", "tcl", "ts" };
	std::ifstream table("/etc/mime.types");
	std::map<std::string, std::string> known;
	std::size_t same = 0;

	/* A type that was registered since has lost its x-: Debian 13 knows video/matroska (RFC 9559). */
	const auto unregistered = [](std::string of) {
		if (const auto at = of.find("/x-"); at != of.npos)
			of.erase(at + 1, 2);
		return of;
	};

	ASSERT_TRUE(table) << "it is in the package media-types";
	for (std::string line, type, extension; std::getline(table, line);) {
		std::istringstream words(line.substr(0, line.find('#')));

		for (words >> type; words >> extension;)
			known.emplace(extension, type);
	}
	for (const auto &each : ktcp::http::detail::known_types) {
		const std::string extension(each.extension);
		const auto found = known.find(extension);

		if (found == known.end() || other.contains(extension))
			continue;
		same++;
		EXPECT_EQ(
			unregistered(std::string(each.type)),
			unregistered(found->second +
				     (found->second.starts_with("text/") ? "; charset=utf-8" : "")))
			<< extension;
	}
	EXPECT_GT(same, 150u);
}

/* ---- methods and versions ------------------------------------------------------------------- */

TEST_F(http_files, methods)
{
	for (const char *method : { "PUT", "POST", "PATCH", "DELETE" })
		expect({ refusal(request_of(method, "/a.txt", "Content-Length: 0\r\n"), 405,
				 "Allow: GET, HEAD, OPTIONS\r\n") });
	expect({
		{ request_of("OPTIONS", "/a.txt"), "204 No Content",
		  "Allow: GET, HEAD, OPTIONS\r\n", "" },
		{ request_of("OPTIONS", "*"), "204 No Content", "Allow: GET, HEAD, OPTIONS\r\n",
		  "" },
		{ request_of("OPTIONS", "http://h"), "204 No Content",
		  "Allow: GET, HEAD, OPTIONS\r\n", "" },
		refusal(request_of("TRACE", "/a.txt"), 501, "", true),
		refusal(request_of("CONNECT", "h:80"), 501, "", true),
		refusal(request_of("BREW", "/a.txt"), 501, "", true),
		refusal(request_of("get", "/a.txt"), 501, "", true),
		refusal("GET /a.txt HTTP/2.0\r\nHost: h\r\n\r\n", 505, "", true),
	});
}

TEST_F(http_files, versions_and_connections)
{
	const std::string close = "Connection: close\r\n";

	expect({
		{ "GET /a.txt HTTP/1.0\r\n\r\n", "200 OK", hello_fields + close, hello },
		{ get("/a.txt", close), "200 OK", hello_fields + close, hello },
		{ get("/a.txt", "Connection: a, close ,b\r\n"), "200 OK", hello_fields + close,
		  hello },
		{ get("/a.txt", "Connection: a\r\nConnection: CLOSE\r\n"), "200 OK",
		  hello_fields + close, hello },
		{ get("/a.txt", "Connection: disclose\r\n"), "200 OK", hello_fields, hello },
	});

	const outcome stays = answer(*service,
				     "GET /a.txt HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");

	EXPECT_EQ(stays.received, real(head_of("200 OK") + hello_fields + length_of(hello) +
				       "Connection: keep-alive\r\n\r\n" + hello));
	EXPECT_FALSE(stays.ended);
}

TEST_F(http_files, a_pipeline_is_answered_in_order)
{
	const outcome five =
		answer(*service, get("/a.txt") + get("/b.txt") + request_of("HEAD", "/ten") +
					 get("/ten", "Range: bytes=1-2\r\n") + get("/empty.txt"));

	EXPECT_EQ(five.received,
		  real(text_of({ "", "200 OK", hello_fields, hello }) + text_of(refusal("", 404)) +
		       head_of("200 OK") + ten_fields + "Content-Length: 10\r\n\r\n" +
		       text_of({ "", "206 Partial Content",
				 ten_fields + "Content-Range: bytes 1-2/10\r\n", "12" }) +
		       text_of({ "", "200 OK", described(text_type, 0), "" })));
	EXPECT_FALSE(five.ended);
}

TEST_F(http_files, head_has_the_fields_of_get)
{
	for (const char *target : { "/a.txt", "/empty.txt", "/big.bin", "/", "/site", "/site/",
				    "/missing", "/secret.txt", "/fifo", "/..", "/page.html" })
		for (const char *fields : { "", "Accept-Encoding: gzip\r\n", "If-None-Match: *\r\n",
					    "If-Match: \"x\"\r\n", "Connection: close\r\n" }) {
			const outcome whole = answer(*service, request_of("GET", target, fields));
			const outcome head = answer(*service, request_of("HEAD", target, fields));

			EXPECT_EQ(head.received,
				  whole.received.substr(0, whole.received.find("\r\n\r\n") + 4))
				<< target << fields;
			EXPECT_EQ(head.ended, whole.ended);
		}
	/* It has no ranges (RFC 9110, section 14.2). */
	EXPECT_EQ(answer(*service, request_of("HEAD", "/ten", "Range: bytes=0-1\r\n")).received,
		  real(head_of("200 OK") + ten_fields + "Content-Length: 10\r\n\r\n"));
}

/* ---- files that change ---------------------------------------------------------------------- */

TEST_F(http_files, one_that_grows_is_cut_at_its_promised_length)
{
	const std::string expected = real(
		text_of({ "", "200 OK", described("application/octet-stream", big.size()), big }) +
		text_of({ "", "200 OK", hello_fields, hello }));
	client slow(*service);

	slow.read_only(1000);
	slow.send(get("/big.bin") + get("/a.txt"));
	std::ofstream(folder / "big.bin", std::ios::app) << std::string(100'000, '!');
	slow.read_on();
	EXPECT_EQ(slow.received(), expected);
	EXPECT_FALSE(slow.was_reset());
}

/* For as long as a file may be about to grow. */
static void wait_for_growth(client &one)
{
	for (int i = 0; i < 10; i++)
		one.wait_ms(2);
}

/* The kernel sets the time of a file before its size. */
TEST_F(http_files, one_that_is_just_about_to_grow_is_sent)
{
	client slow(*service);

	slow.read_only(1000);
	slow.send(get("/big.bin"));
	write("big.bin", big, long_ago + 1);
	slow.read_on();
	EXPECT_FALSE(slow.over());
	std::ofstream(folder / "big.bin", std::ios::app) << "!";
	slow.wait_ms(100);
	EXPECT_TRUE(slow.received().ends_with(big));
	EXPECT_FALSE(slow.was_reset());
}

TEST_F(http_files, one_that_shrinks_resets_the_connection)
{
	for (const char *range : { "", "Range: bytes=0-100,200-290000\r\n" }) {
		write("big.bin", big);

		client slow(*service);

		slow.read_only(1000);
		slow.send(get("/big.bin", range) + get("/a.txt"));
		EXPECT_FALSE(slow.over());
		fs::resize_file(folder / "big.bin", 150'000);
		slow.read_on();
		wait_for_growth(slow);
		EXPECT_TRUE(slow.over());
		EXPECT_TRUE(slow.was_reset());
		EXPECT_EQ(slow.received().find("hello"), std::string::npos);
	}
}

TEST_F(http_files, one_that_is_overwritten_in_place_resets_the_connection)
{
	client slow(*service);

	slow.read_only(1000);
	slow.send(get("/big.bin"));
	/* As rsync does it: the old time is set again behind the last byte, and has not been yet. */
	write("big.bin", std::string(big.size(), '!'), long_ago + 1);
	slow.read_on();
	wait_for_growth(slow);
	EXPECT_TRUE(slow.was_reset());
	EXPECT_LT(slow.received().size(), big.size());
}

TEST_F(http_files, one_that_is_replaced_is_sent_as_it_was_opened)
{
	client slow(*service);

	slow.read_only(1000);
	slow.send(get("/big.bin"));
	write("new", "new");
	fs::rename(folder / "new", folder / "big.bin");
	slow.read_on();
	EXPECT_TRUE(slow.received().ends_with(big));
	EXPECT_FALSE(slow.was_reset());
}

/* ---- the root ------------------------------------------------------------------------------- */

/* A deployment: the root is a link to a release, and another takes its place. */
TEST_F(http_files, the_root_is_looked_up_again)
{
	const fs::path current = folder.parent_path() / "current";
	const auto point_to = [&](const fs::path &release) {
		fs::create_directory_symlink(release, current.string() + ".new");
		fs::rename(current.string() + ".new", current);
	};
	const auto body = [&] {
		const std::string text = answer(*service, get("/a.txt")).received;

		return text.substr(text.find("\r\n\r\n") + 4);
	};

	write("../second/a.txt", "second");
	point_to(folder);
	folder = current;
	open();
	EXPECT_EQ(body(), hello);
	point_to(current.parent_path() / "second");
	EXPECT_EQ(body(), hello) << "within the second";
	machine.now_ms += 1000;
	EXPECT_EQ(body(), "second");

	/* Nothing has the name. */
	fs::remove(current);
	machine.now_ms += 1000;
	EXPECT_TRUE(answer(*service, get("/a.txt")).received.starts_with("HTTP/1.1 503 "));
	point_to(current.parent_path() / "root");
	machine.now_ms += 1000;
	EXPECT_EQ(body(), hello);
}

/* ---- failures ------------------------------------------------------------------------------- */

TEST_F(http_files, a_stalled_reader_is_given_up)
{
	client slow(*service);

	slow.read_only(1000);
	slow.send(get("/big.bin"));
	EXPECT_TRUE(slow.is_waited_for());
	slow.wait_ms(1'000'000);
	EXPECT_TRUE(slow.over());
	EXPECT_EQ(slow.received().size(), 1000u);
}

TEST_F(http_files, survives_every_allocation_that_fails)
{
	const std::string asked = get("/a.txt") + get("/") + get("/big.bin") +
				  get("/ten", "Range: bytes=0-0,2-2\r\n") + get("/missing");
	std::string all;
	bool all_came = false;

	for (int nth = 0; nth < 200 && !all_came; nth++) {
		machine.allocations = 0;
		machine.failing = SIZE_MAX;

		client one(*service);

		machine.failing = nth;
		one.send(asked);
		machine.failing = SIZE_MAX;
		one.finish();
		EXPECT_TRUE(one.over());
		all_came = machine.allocations <= static_cast<std::size_t>(nth);
	}
	EXPECT_TRUE(all_came) << "there are more allocations than were tried";
}

/* Where there was memory to find the file, there is an answer: that it cannot be sent, if need be. */
TEST_F(http_files, says_that_there_is_no_memory_to_send)
{
	for (const char *range : { "", "Range: bytes=0-9999\r\n" }) {
		bool answered = false, whole = false;

		for (std::size_t nth = 1; nth < 50 && !whole; nth++) {
			machine.allocations = 0;

			client one(*service);

			machine.failing = nth;
			one.send(get("/big.bin", range));
			whole = machine.allocations <= nth;
			machine.failing = SIZE_MAX;
			one.finish();
			answered |= !one.received().empty();
			EXPECT_FALSE(one.received().starts_with("HTTP/1.1 500 ")) << nth;
			EXPECT_EQ(one.received().empty(), !answered)
				<< "allocation " << nth << ", " << range;
		}
		EXPECT_TRUE(whole) << "there are more allocations than were tried";
	}
}

TEST(text_builder, writes_numbers_to_each_base)
{
	char memory[70];
	const auto written = [&](std::uint64_t value, ktcp::number_base base, unsigned int width) {
		return std::string(
			ktcp::http::text_builder(memory).number(value, base, width).text());
	};

	EXPECT_EQ(written(0, 16, 1), "0");
	EXPECT_EQ(written(0xf, 16, 1), "f");
	EXPECT_EQ(written(0x10, 16, 1), "10");
	EXPECT_EQ(written(0x1234567890abcdef, 16, 16), "1234567890abcdef");
	EXPECT_EQ(written(0xa, 16, 2), "0a");
	EXPECT_EQ(written(0xa, 16, 18), "00000000000000000a");
	EXPECT_EQ(written(UINT64_MAX, 16, 1), std::string(16, 'f'));
	EXPECT_EQ(written(UINT64_MAX, 10, 1), "18446744073709551615");
	EXPECT_EQ(written(7, 10, 3), "007");

	ktcp::http::text_builder small(std::span<char>(memory, 3));

	EXPECT_EQ(small.add('x').number(0xabc, 16).text(), "xab");
	EXPECT_FALSE(small.whole());
}

TEST(text_builder, is_cut_to_no_more_than_it_has)
{
	char memory[8];
	ktcp::http::text_builder text(memory);

	text.add("abc").cut(2);
	EXPECT_EQ(text.text(), "ab");
	text.cut(1000);
	EXPECT_EQ(text.text(), "ab");
	EXPECT_EQ(text.add("0123456789").text(), "ab012345");
	EXPECT_FALSE(text.whole());
}
