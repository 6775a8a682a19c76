// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/http/file_service.hpp, with path.hpp, conditional.hpp, range.hpp, coding.hpp and
 * listing.hpp: real files, requests for them, and the answers to the byte.
 */
#include <ktcp/http/file_service.hpp>
#include <ktcp/http/service.hpp>

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <tuple>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exchange.hpp"
#include "file_faults.hpp"

using namespace std::string_literals;
namespace fs = std::filesystem;

namespace
{

constexpr std::time_t long_ago = 1'700'000'000; /* Tue, 14 Nov 2023 22:13:20 GMT */

struct files {
	ktcp::task_of<void> operator()(ktcp::http::request &asked, ktcp::http::response &to) const
	{
		return documents.serve(asked, to);
	}

	ktcp::http::file_service documents;
};

/* The fields of a file of so many bytes that was changed long ago. */
std::string described(std::string_view type, std::size_t size, std::string_view etag_end = "",
		      bool varies = false)
{
	char etag[64];

	std::snprintf(etag, sizeof(etag), "\"%zx-6553f100-0%.*s\"", size,
		      static_cast<int>(etag_end.size()), etag_end.data());
	return (type.empty() ? "" : "Content-Type: " + std::string(type) + "\r\n") +
	       "ETag: " + etag + "\r\nLast-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n" +
	       (varies ? "Vary: Accept-Encoding\r\n" : "") +
	       (type.empty() ? "" : "Accept-Ranges: bytes\r\n");
}

const std::string text_type = "text/plain; charset=utf-8";
const std::string hello = "hello world\n";
const std::string hello_fields = described(text_type, 12);
const std::string ten_fields = described("application/octet-stream", 10);
const std::string not_found_type = "Content-Type: text/plain; charset=utf-8\r\n";

class http_files : public testing::Test {
    protected:
	fs::path folder;
	ktcp::file_root root;
	ktcp::http::file_service::options how;
	std::optional<ktcp::http::service<files>> service;

	void SetUp() override
	{
		std::string name = fs::temp_directory_path() / "http_files.XXXXXX";

		ASSERT_NE(mkdtemp(name.data()), nullptr);
		folder = fs::path(name) / "root";
		fs::create_directory(folder);
		fs::permissions(name, fs::perms(0755));
		populate();
		open();
	}

	void open(bool symlinks = false)
	{
		auto opened = ktcp::file_root::open(folder.c_str(), { .symlinks = symlinks });

		ASSERT_TRUE(opened);
		service.reset();
		root = std::move(*opened);
		service.emplace(files{ { root, how } });
	}

	void TearDown() override
	{
		file_faults = {};
		service.reset();
		fs::remove_all(folder.parent_path());
	}

	void write(const std::string &path, std::string_view text, std::time_t changed = long_ago,
		   unsigned int mode = 0644, long changed_ns = 0)
	{
		const timespec times[2] = { { changed, changed_ns }, { changed, changed_ns } };
		const fs::path whole = folder / path;

		fs::create_directories(whole.parent_path());
		std::ofstream(whole) << text;
		fs::permissions(whole, fs::perms(mode));
		ASSERT_EQ(utimensat(AT_FDCWD, whole.c_str(), times, 0), 0);
	}

	void populate()
	{
		/* Its owner, too, is refused where the tests are not root's. */
		const unsigned int unreadable = geteuid() == 0 ? 0600 : 0;
		const unsigned int closed = geteuid() == 0 ? 0700 : 0;

		write("../outside.txt", "outside");
		write("a.txt", hello);
		write("ten", "0123456789");
		write("empty.txt", "");
		write("big.bin", big);
		write("secret.txt", "secret", long_ago, unreadable);
		write("locked/index.html", "secret", long_ago, unreadable);
		write("closed/in.txt", "secret");
		fs::permissions(folder / "closed", fs::perms(closed));
		write("site/index.html", "<p>site");
		write("deep/er/index.html/x", std::string(50, 'x'));
		write("tomorrow.txt", "x", 1'900'000'000);
		write("sp ace%41.txt", "a space!");
		write("new\nline.txt", "line");
		write("page.html", "<p>a page, at length");
		write("page.html.gz", "coded");
		write("stale.css", "new, and longer than gzip's own", long_ago + 1);
		write("stale.css.gz", "old");
		write("folder.js", "js, at some length at least");
		write("folder.js.gz/x", std::string(51, 'x'));
		ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0666), 0);
		fs::create_directory(folder / "linked");
		fs::create_symlink("../a.txt", folder / "linked/index.html");
		fs::create_symlink("a.txt", folder / "link.txt");
		fs::create_symlink("../outside.txt", folder / "out.txt");
		fs::create_symlink("/", folder / "everything");
	}

	const std::string big = [] {
		std::string made;

		for (int i = 0; made.size() < 300'000; i++)
			made += std::to_string(i) + ",";
		return made;
	}();

	/* Tags stand in the tables as size and modification time; here with what they really are. */
	std::string real(std::string text) const
	{
		for (const auto &each : fs::recursive_directory_iterator(folder)) {
			const auto status =
				root.status_of(fs::relative(each.path(), folder).c_str());

			if (!status || status->kind != KTCP_FILE_REGULAR)
				continue;

			char listed[64];
			const std::string tag(ktcp::http::entity_tag(*status, false).text());

			std::snprintf(listed, sizeof(listed), "%zx-%zx-0",
				      static_cast<std::size_t>(status->size),
				      static_cast<std::size_t>(status->mtime));
			for (std::size_t at = 0; (at = text.find(listed, at)) != text.npos;)
				if (at && std::isxdigit(text[at - 1]))
					at++;
				else
					text.replace(at, std::strlen(listed),
						     tag.substr(1, tag.size() - 2));
		}
		return text;
	}

	/* Listings of a large folder that have all of the larger memories. */
	std::vector<ktcp::http::listing> large_listings(const std::string &of)
	{
		std::vector<ktcp::http::listing> made;
		char path[512];

		while (made.size() < ktcp::http::listing::most_large) {
			auto directory = root.open_below(of.c_str());

			std::snprintf(path, sizeof(path), "%s", of.c_str());
			made.push_back(std::move(*ktcp::http::listing::create()));
			EXPECT_TRUE(made.back().read_next(root, *directory, path,
							  [] { return ktcp::result<void>(); }));
			EXPECT_GT(made.back().size(), 1000u) << "of 1 MiB";
		}
		return made;
	}

	void expect(std::initializer_list<row> rows)
	{
		for (const row &each : rows)
			expect_row(*service, row{ real(each.request), each.status,
						  real(each.fields), each.body });
	}
};

} // namespace

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

TEST_F(http_files, nothing_outside_of_the_root)
{
	for (const char *path :
	     { "/../outside.txt", "/%2e%2e/outside.txt", "/.%2E/outside.txt", "/..%2foutside.txt",
	       "/site/../../outside.txt", "/site/%2e%2e/%2e%2e/outside.txt", "/..", "//..", "/./..",
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
	EXPECT_EQ(access((folder / "secret.txt").c_str(), R_OK), 0) << "it is root again";
	service.reset();
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
	/* A path that would not fit when it is encoded. */
	expect({ refusal(get("/site?" + std::string(1500, '"')), 414) });
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
		plain(""),
		plain("Accept-Encoding:\r\n"),
		plain("Accept-Encoding: identity\r\n"),
		plain("Accept-Encoding: gzip;q=0\r\n"),
		plain("Accept-Encoding: gzip;q=0.000, *\r\n"),
		plain("Accept-Encoding: gzip;\r\n"),
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

/* ---- answers that are kept ------------------------------------------------------------------ */

class http_cache : public http_files {
    protected:
	ktcp::http::answer_cache recent{ { .valid_ms = 1000, .most = 100'000 } };

	void SetUp() override
	{
		how.recent = &recent;
		http_files::SetUp();
	}

	std::string body(const std::string &target, const std::string &lines = "")
	{
		const std::string text = answer(*service, get(target, lines)).received;

		return text.substr(text.find("\r\n\r\n") + 4);
	}
};

/* A change is seen when the time is over, and not before. */
TEST_F(http_cache, lasts_as_long_as_it_is_told)
{
	expect({ { get("/a.txt"), "200 OK", hello_fields, hello } });
	write("a.txt", "changed");
	EXPECT_EQ(body("/a.txt"), hello);
	machine.now_ms += 999;
	EXPECT_EQ(body("/a.txt"), hello);
	machine.now_ms += 1;
	EXPECT_EQ(body("/a.txt"), "changed");

	/* So is what becomes of it otherwise. */
	for (const auto &change : std::initializer_list<std::function<void()>>{
		     [&] { fs::resize_file(folder / "a.txt", 3); },
		     [&] { fs::rename(folder / "ten", folder / "a.txt"); },
		     [&] { fs::permissions(folder / "a.txt", fs::perms(geteuid() ? 0 : 0600)); },
		     [&] { fs::remove(folder / "a.txt"); } }) {
		const std::string before = answer(*service, get("/a.txt")).received;
		std::error_code ignored;

		change();
		EXPECT_EQ(answer(*service, get("/a.txt")).received, before);
		machine.now_ms += 1000;
		EXPECT_NE(answer(*service, get("/a.txt")).received, before);
		fs::permissions(folder / "a.txt", fs::perms(0644), ignored);
		machine.now_ms += 1000;
	}
	EXPECT_TRUE(answer(*service, get("/a.txt")).received.starts_with("HTTP/1.1 404"));
}

/* To the byte, for requests of every kind. */
TEST_F(http_cache, answers_as_without_it)
{
	const std::string tag = real(hello_fields).substr(hello_fields.find("ETag: ") + 6, 36);
	const std::string all[] = {
		get("/a.txt"),
		get("/a.txt?q"),
		request_of("HEAD", "/a.txt"),
		request_of("POST", "/a.txt", "Content-Length: 0\r\n"),
		get("/a.txt", "Range: bytes=1-3\r\n"),
		get("/a.txt", "Range: x\r\n"),
		get("/a.txt", "If-None-Match: \"x\", " + tag.substr(0, tag.find('\r')) + "\r\n"),
		get("/a.txt", "If-Match: \"x\"\r\n"),
		get("/a.txt", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n"),
		get("/a.txt", "If-Unmodified-Since: Tue, 14 Nov 2000 22:13:20 GMT\r\n"),
		get("/page.html"),
		get("/page.html", "Accept-Encoding: gzip\r\n"),
		request_of("HEAD", "/page.html", "Accept-Encoding: gzip\r\n"),
		get("/page.html", "Accept-Encoding: gzip\r\nRange: bytes=2-5\r\n"),
		get("/site/"),
		get("/site"),
		get("/none"),
		get("/empty.txt"),
		get("/big.bin"),
		get("/a.txt", "Connection: close\r\n"),
		"GET /a.txt HTTP/1.0\r\n\r\n",
		get("/a.txt") + get("/page.html") + get("/a.txt"),
	};
	std::vector<outcome> plain;

	how.recent = nullptr;
	open();
	for (const std::string &each : all)
		plain.push_back(send_in_pieces(*service, { each }, each.size()));
	how.recent = &recent;
	open();
	for (int round = 0; round < 2; round++)
		for (std::size_t i = 0; i < std::size(all); i++)
			EXPECT_EQ(answer(*service, all[i]), plain[i]) << all[i];
}

/* Behind a hundred others, a body may have no room in the output. */
TEST_F(http_cache, answers_a_pipeline)
{
	write("k", std::string(8000, 'k'));

	std::string requests, expected;

	for (int i = 0; i < 100; i++) {
		requests += get("/k");
		expected += real(text_of({ "", "200 OK", described("application/octet-stream", 8000),
					   std::string(8000, 'k') }));
	}

	client one(*service);

	one.send(get("/k"));
	one.received().clear();
	one.take_at_most(700);
	one.send(requests);
	EXPECT_EQ(one.received(), expected);
}

/* The oldest give way, and memory that is not there is nobody's loss. */
TEST_F(http_cache, stays_within_its_bounds)
{
	for (int i = 0; i < 300; i++)
		write("many/" + std::to_string(i), std::string(1000, 'm'));

	const std::size_t before = ktcp::test::machine.allocations;

	for (int i = 0; i < 300; i++)
		EXPECT_EQ(body("/many/" + std::to_string(i)).size(), 1000u);
	for (int i = 0; i < 300; i++)
		fs::remove(folder / ("many/" + std::to_string(i)));

	unsigned int kept = 0;

	for (int i = 0; i < 300; i++)
		kept += answer(*service, get("/many/" + std::to_string(i)))
				.received.starts_with("HTTP/1.1 200");
	EXPECT_GT(kept, 40u);
	EXPECT_LT(kept, 100u);
	EXPECT_GT(ktcp::test::machine.allocations, before);
}

/* Its bound is that of the memory: 8 KiB of a file and a few fields lie in 16. */
TEST_F(http_cache, takes_no_more_memory_than_it_is_given)
{
	for (const std::size_t size : { 1, 1000, 3000, 8192 }) {
		for (int i = 0; i < 50; i++)
			write("many/" + std::to_string(i), std::string(size, 'm'));

		const std::size_t before = machine.kmalloc_bytes;
		std::optional<ktcp::http::answer_cache> own;

		own.emplace(ktcp::http::answer_cache::options{ .valid_ms = 1000, .most = 100'000 });
		how.recent = &*own;
		open();
		for (int i = 0; i < 50; i++)
			send_in_pieces(*service, { get("/many/" + std::to_string(i)) }, 1000);
		EXPECT_LE(machine.kmalloc_bytes - before, 100'000u) << size;
		EXPECT_GT(machine.kmalloc_bytes - before, size < 1000 ? 5000u : 80'000u) << size;
		service.reset();
		own.reset();
	}
	how.recent = &recent;
	open();
}

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
			EXPECT_EQ(one.received().empty(), !answered)
				<< "allocation " << nth << ", " << range;
		}
		EXPECT_TRUE(whole) << "there are more allocations than were tried";
	}
}

/* ---- listings ------------------------------------------------------------------------------- */

namespace
{

/* A chunked body, decoded; without one, what follows the head. */
std::string body_of(const std::string &response)
{
	std::string body;
	std::size_t at = response.find("\r\n\r\n") + 4;

	if (response.find("\r\nTransfer-Encoding: chunked\r\n") > at)
		return response.substr(at);
	for (;;) {
		const std::size_t size = std::stoul(response.substr(at), nullptr, 16);

		at = response.find("\r\n", at) + 2;
		body += response.substr(at, size);
		at += size + 2;
		if (!size) {
			EXPECT_EQ(at, response.size());
			return body;
		}
	}
}

std::string row_of(std::string_view link, std::string_view shown, std::string_view size)
{
	return "<tr><td><a href=\"" + std::string(link) + "\">" + std::string(shown) + "</a><td>" +
	       std::string(size) + "<td>Tue, 14 Nov 2023 22:13:20 GMT\n";
}

} // namespace

TEST_F(http_files, a_listing)
{
	write("list/b.txt", "1");
	write("list/B.txt", std::string(1023, 'x'));
	write("list/k", std::string(1024, 'x'));
	write("list/k.5", std::string(1536, 'x'));
	write("list/m", std::string(12 << 20, 'x'));
	write("list/a&<b>\"'.txt", "");
	write("list/%41 ?#;:\\", "");
	write("list/\xc3\xbc\x01\xff", "");
	write("list/.hidden", "");
	write("list/z/x", "");
	write("list/c/x", "");
	for (const char *each : { "list/z", "list/c" })
		ASSERT_EQ(utimensat(AT_FDCWD, (folder / each).c_str(),
				    std::array<timespec, 2>{ { { long_ago, 0 }, { long_ago, 0 } } }
					    .data(),
				    0),
			  0);
	ASSERT_EQ(mkfifo((folder / "list/fifo").c_str(), 0666), 0);
	fs::create_symlink("/etc", folder / "list/link");

	const outcome got = answer(*service, get("/list/"));
	const std::string body = body_of(got.received);

	EXPECT_TRUE(got.received.starts_with(head_of("200 OK") +
					     "Content-Type: text/html; charset=utf-8\r\n"
					     "Vary: Accept\r\nTransfer-Encoding: chunked\r\n\r\n"));
	EXPECT_TRUE(body.starts_with("<!DOCTYPE html>\n")) << body;
	EXPECT_NE(body.find("<title>/list</title>"), body.npos) << body;
	/* Folders first, then by their bytes; entries that cannot be served are not shown. */
	EXPECT_EQ(body.substr(body.find("<table>\n")),
		  "<table>\n<tr><td><a href=\"../\">../</a><td><td>\n" + row_of("c/", "c/", "") +
			  row_of("z/", "z/", "") +
			  row_of("%2541%20%3f%23%3b%3a%5c", "%41 ?#;:\\", "0 B") +
			  row_of("B.txt", "B.txt", "1023 B") +
			  row_of("a%26%3cb%3e%22%27.txt", "a&amp;&lt;b&gt;&quot;&#39;.txt", "0 B") +
			  row_of("b.txt", "b.txt", "1 B") + row_of("k", "k", "1.0 KiB") +
			  row_of("k.5", "k.5", "1.5 KiB") + row_of("m", "m", "12 MiB") +
			  row_of("%c3%bc%01%ff", "\xc3\xbc\x01\xff", "0 B") +
			  "</table>\n</html>\n");
	/* Every link leads to what it names. */
	EXPECT_TRUE(answer(*service, get("/list/%2541%20%3f%23%3b%3a%5c"))
			    .received.starts_with("HTTP/1.1 200 OK"));
	/* For a client that knows no chunks it ends with the connection. */
	EXPECT_EQ(send_in_pieces(*service, { "GET /list/ HTTP/1.0\r\n\r\n" }, 100).received,
		  head_of("200 OK") +
			  "Content-Type: text/html; charset=utf-8\r\nVary: Accept\r\n"
			  "Connection: close\r\n\r\n" +
			  body);
}

/* With symlinks=1 those that lead to what can be served; each with the files. */
TEST_F(http_files, a_listing_with_links)
{
	const auto names = [&] {
		const std::string body =
			body_of(send_in_pieces(*service, { get("/list/") }, 100).received);
		const std::string begin = "<tr><td><a href=\"";
		std::string all;

		for (std::size_t at = 0; (at = body.find(begin, at)) != body.npos;) {
			at += begin.size();
			all += body.substr(at, body.find('"', at) - at) + " ";
		}
		return all;
	};

	write("list/b", "1");
	write("list/z/x", "");
	fs::create_symlink("b", folder / "list/a");
	fs::create_symlink("z", folder / "list/c");
	fs::create_symlink("none", folder / "list/d");
	fs::create_symlink("/etc", folder / "list/e");
	EXPECT_EQ(names(), "../ z/ b ");
	open(true);
	EXPECT_EQ(names(), "../ z/ a b c/ ");
}

/* Each has memory for as long as its client takes to read it, so there is a bound. */
TEST_F(http_files, more_listings_than_there_is_memory_for)
{
	std::vector<ktcp::http::listing> others;

	while (others.size() < ktcp::http::listing::most_listings) {
		auto one = ktcp::http::listing::create();

		ASSERT_TRUE(one) << others.size();
		others.push_back(std::move(*one));
	}
	expect({ refusal(get("/"), 503) });
	EXPECT_TRUE(answer(*service, get("/site/")).received.ends_with("<p>site"));
	others.pop_back();
	EXPECT_TRUE(answer(*service, get("/")).received.starts_with("HTTP/1.1 200 "));

	/* One that fails gives its place back. */
	file_faults.list = -EIO;
	for (int i = 0; i < 3; i++)
		expect({ refusal(get("/"), 500) });
}

TEST_F(http_files, a_listing_as_json)
{
	write("list/b\"\\.txt", "1");
	write("list/\xc3\xbc\x01\xff\xed\xa0\x80", "");
	write("list/z/x", "");
	for (const char *each : { "list/z" })
		ASSERT_EQ(utimensat(AT_FDCWD, (folder / each).c_str(),
				    std::array<timespec, 2>{ { { long_ago, 0 }, { long_ago, 0 } } }
					    .data(),
				    0),
			  0);

	const std::string date = "\"mtime\":\"Tue, 14 Nov 2023 22:13:20 GMT\"";
	const std::string expected =
		"[\n{\"name\":\"z\",\"href\":\"z/\",\"type\":\"directory\"," + date +
		"},\n{\"name\":\"b\\\"\\\\.txt\",\"href\":\"b%22%5c.txt\",\"type\":\"file\"," +
		date +
		",\"size\":1},\n{\"name\":\"\xc3\xbc\\u0001\\ufffd\\ufffd\\ufffd\\ufffd\","
		"\"href\":\"%c3%bc%01%ff%ed%a0%80\",\"type\":\"file\"," +
		date + ",\"size\":0}\n]\n";

	for (const char *json :
	     { "application/json", "text/*;q=0.3, application/json;q=0.4", "application/*",
	       "Application/JSON ; q=1.000, text/html;q=0.999", ",,application/json",
	       "*/*;q=0.1, application/json", "application/json, text/html;q=nonsense" }) {
		const outcome got = answer(*service,
					   get("/list/", "Accept: " + std::string(json) + "\r\n"));

		EXPECT_TRUE(got.received.starts_with(head_of("200 OK") +
						     "Content-Type: application/json\r\n"
						     "Vary: Accept\r\n"))
			<< json;
		EXPECT_EQ(body_of(got.received), expected) << json;
	}
	for (const char *html :
	     { "text/html,application/xhtml+xml,*/*;q=0.8", "*/*", "text/plain", "",
	       "application/json;q=0", "application/json;q=0.5, text/html;q=0.5",
	       "application/json;q=2" })
		EXPECT_NE(answer(*service, get("/list/", "Accept: " + std::string(html) + "\r\n"))
				  .received.find("Content-Type: text/html"),
			  std::string::npos)
			<< html;
	fs::remove_all(folder / "list");
	fs::create_directory(folder / "list");
	EXPECT_EQ(body_of(answer(*service, get("/list/", "Accept: application/json\r\n")).received),
		  "[\n]\n");
}

TEST_F(http_files, conditions_on_a_listing)
{
	const std::string ok = "HTTP/1.1 200 OK\r\n";

	EXPECT_TRUE(answer(*service, get("/", "If-Match: *\r\n")).received.starts_with(ok));
	EXPECT_TRUE(answer(*service, get("/", "If-None-Match: \"x\"\r\n")).received.starts_with(ok));
	EXPECT_TRUE(
		answer(*service, get("/", "If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT\r\n"))
			.received.starts_with(ok));
	expect({ refusal(get("/", "If-Match: \"x\"\r\n"), 412),
		 { get("/", "If-None-Match: *\r\n"), "304 Not Modified", "", "" } });
}

TEST_F(http_files, a_listing_of_any_size_is_whole_and_in_order)
{
	for (const auto &[files_, folders, long_by] :
	     { std::tuple(1000, 3, 100), { 3000, 900, 0 }, { 300, 0, 245 } }) {
		std::vector<std::string> expected, shown;

		for (int i = 0; i < files_ + folders; i++) {
			/* Not in the order in which they are made. */
			const std::string name = std::to_string(10'000 + i * 7919 % 10'007) +
						 std::string(long_by, 'x');

			if (i < folders)
				fs::create_directories(folder / "many" / name);
			else
				write("many/" + name, "");
			expected.push_back((i < folders ? " " : "") + name +
					   (i < folders ? "/" : ""));
		}
		std::sort(expected.begin(), expected.end());

		const std::string body =
			body_of(send_in_pieces(*service, { get("/many/") }, 100).received);
		const std::string begin = "<tr><td><a href=\"";

		for (std::size_t at = 0; (at = body.find(begin, at)) != body.npos;) {
			at += begin.size();
			shown.push_back(body.substr(at, body.find('"', at) - at));
		}
		ASSERT_EQ(shown.size(), expected.size() + 1);
		EXPECT_EQ(shown.front(), "../");
		for (std::size_t i = 0; i < expected.size(); i++)
			ASSERT_EQ(shown[i + 1], expected[i].substr(expected[i][0] == ' '));
		EXPECT_TRUE(body.ends_with("</table>\n</html>\n"));
		fs::remove_all(folder / "many");
	}
}

/* A listing of so many names that reading them again for each part would take long. It has each name
 * once, and takes one pass more than the one that finds them out to be many. */
TEST_F(http_files, a_huge_listing_is_whole_and_read_once)
{
	constexpr std::size_t files_ = 9000;
	std::set<std::string> expected, shown;

	for (std::size_t i = 0; i < files_; i++) {
		const std::string name = std::to_string(10'000 + i) + std::string(240, 'x');

		write("huge/" + name, "");
		expected.insert(name);
	}

	auto others = large_listings("huge");
	char path[512] = "huge";

	const std::string body = body_of(send_in_pieces(*service, { get("/huge/") }, 100).received);
	const std::string begin = "<tr><td><a href=\"";
	std::size_t rows = 0;

	for (std::size_t at = 0; (at = body.find(begin, at)) != body.npos; rows++) {
		at += begin.size();
		shown.insert(body.substr(at, body.find('"', at) - at));
	}
	shown.erase("../");
	EXPECT_EQ(rows, files_ + 1);
	EXPECT_EQ(shown, expected);
	EXPECT_TRUE(body.ends_with("</table>\n</html>\n"));

	/* A check for each so many names that are read or looked up. */
	auto entries = ktcp::http::listing::create();
	auto directory = root.open_below("huge");
	std::size_t checks = 0, parts = 0;

	ASSERT_TRUE(entries && directory);
	do {
		ASSERT_TRUE(entries->read_next(root, *directory, path, [&] {
			checks++;
			return ktcp::result<void>();
		}));
		parts++;
	} while (entries->more());
	EXPECT_GT(parts, 32u);
	EXPECT_LE(checks, 3 * files_ / ktcp::http::listing::names_per_check + parts + 1);

	/* With one of them it is sorted, in a few passes. */
	others.clear();

	const std::string sorted =
		body_of(send_in_pieces(*service, { get("/huge/") }, 100).received);
	std::size_t at = 0;

	for (const std::string &each : expected) {
		const std::size_t next = sorted.find("\"" + each + "\"", at);

		ASSERT_NE(next, sorted.npos) << each.substr(0, 10);
		at = next;
	}
}

/* Before its first word and within it: the server is stopped, or the time for a part is over. */
TEST_F(http_files, a_listing_is_given_up_when_its_client_has_left)
{
	for (int i = 0; i < 3000; i++)
		write("many/" + std::to_string(10'000 + i) + std::string(30, 'x'), "");

	const auto others = large_listings("many");

	for (const bool stopped : { false, true })
		for (const std::size_t from : { 10, 2000 }) {
			client one(*service);
			std::size_t looked_up = 0;

			machine.rescheduled = [&] {
				if (++looked_up != from)
					return;
				if (stopped)
					one.end();
				else
					machine.now_ms += 30'000;
			};
			one.send(get("/many/"));
			machine.rescheduled = nullptr;
			EXPECT_LE(looked_up, from + ktcp::http::listing::names_per_check);
			EXPECT_EQ(one.received().find("</html>"), std::string::npos);
			if (from > 10)
				EXPECT_TRUE(one.was_reset());
			else
				EXPECT_EQ(one.received().starts_with("HTTP/1.1 503 "), !stopped);
		}
}

/* A pass ends where its check says so: with no name more. */
TEST_F(http_files, a_pass_over_a_folder_can_be_ended)
{
	for (int i = 0; i < 500; i++)
		write("some/" + std::to_string(i), "");

	auto entries = ktcp::http::listing::create();
	auto directory = root.open_below("some");
	std::size_t checks = 0;
	char path[512] = "some";

	ASSERT_TRUE(entries && directory);
	EXPECT_EQ(entries->read_next(root, *directory, path,
				     [&]() -> ktcp::result<void> {
					     if (++checks == 3)
						     return ktcp::errc::eshutdown;
					     return {};
				     })
			  .error(),
		  ktcp::errc::eshutdown);
	EXPECT_EQ(checks, 3u);
	EXPECT_STREQ(path, "some");
}

/* Neither the method nor a condition that is met, or not, makes the server read a folder. */
TEST_F(http_files, a_folder_is_read_for_its_listing_alone)
{
	const auto allocations = [&](const std::string &asked) {
		client one(*service);

		machine.allocations = 0;
		one.send(asked);
		return machine.allocations;
	};
	const std::size_t listed = allocations(get("/"));

	EXPECT_LT(allocations(request_of("HEAD", "/")), listed);
	EXPECT_LT(allocations(get("/", "If-None-Match: *\r\n")), listed);
	EXPECT_LT(allocations(get("/", "If-Match: \"x\"\r\n")), listed);
}

TEST_F(http_files, a_listing_of_a_long_path)
{
	std::string path;

	for (int i = 0; i < 15; i++)
		path += std::string(200, '"') + "/";
	write(path + "x", "x");

	std::string target = "/";

	for (char c : path)
		target += c == '"' ? "%22" : std::string(1, c);

	/* 9000 characters would not fit in the buffer, nor escaped in its page. */
	const std::string body =
		body_of(send_in_pieces(*service, { get("/" + path) }, 5000).received);

	EXPECT_NE(body.find("<title>…"), body.npos);
	EXPECT_NE(body.find("<a href=\"x\">x</a>"), body.npos);
	EXPECT_TRUE(body.ends_with("</table>\n</html>\n"));
}

TEST_F(http_files, a_listing_may_be_switched_off)
{
	how.listing = false;
	open();
	expect({ refusal(get("/"), 403),
		 { get("/site/"), "200 OK", described("text/html; charset=utf-8", 7), "<p>site" } });
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
