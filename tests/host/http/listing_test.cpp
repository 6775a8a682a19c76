// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/http/listing.hpp, listing_page.hpp and listing_response.hpp: directories. */
#include <ktcp/http/listing.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "held_locks.hpp"
#include "served_files.hpp"

using namespace std::string_literals;

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

namespace
{

bool lists(const std::string &received, std::string_view name)
{
	return received.starts_with("HTTP/1.1 200 ") && received.ends_with("0\r\n\r\n") &&
	       received.find('"' + std::string(name) + '"') != received.npos;
}

} // namespace

/* Those who ask while a folder is read share the next reading, which has all that was there when they asked. */
TEST_F(http_files, a_folder_is_read_once_for_many)
{
	ktcp::http::shared_listings listings({});

	share(listings, { "a", "b", "c" });

	client first(*service), second(*service), third(*service), json(*service);

	held_locks.woken_under = 0;
	while_read(first, get("/list/"), [&] {
		write("list/d", "");
		second.send(get("/list/"));
		third.send(get("/list/"));
		json.send(get("/list/", "Accept: application/json\r\n"));
	});
	EXPECT_TRUE(lists(first.received(), "c"));
	EXPECT_EQ(file_faults.listed, 1u);
	/* The lock of all readings is not held while others are woken: there may be many. */
	EXPECT_EQ(held_locks.held, 0u);
	EXPECT_EQ(held_locks.woken_under, 0u);
	EXPECT_EQ(second.received() + third.received() + json.received(), "");

	second.go_on();
	third.go_on();
	json.go_on();
	EXPECT_TRUE(lists(second.received(), "d"));
	EXPECT_EQ(second.received(), third.received());
	EXPECT_TRUE(lists(json.received(), "d"));
	EXPECT_EQ(file_faults.listed, 2u);

	/* Nothing of it is kept. */
	write("list/e", "");
	third.received().clear();
	third.send(get("/list/"));
	EXPECT_TRUE(lists(third.received(), "e"));
	EXPECT_EQ(file_faults.listed, 3u);
	/* Nor where a reading begins that others wait for: the second one's. */
	EXPECT_EQ(held_locks.woken_under, 0u);
}

/* The others need not know that the one that was to read for them has left, or had no time. */
TEST_F(http_files, another_reads_the_folder_for_one_that_has_left)
{
	ktcp::http::shared_listings listings({});

	share(listings, { "a", "b", "c" });

	std::optional<client> leaves(std::in_place, *service);
	client first(*service), second(*service), third(*service);

	while_read(first, get("/list/"), [&] {
		leaves->send(get("/list/"));
		second.send(get("/list/"));
		third.send(get("/list/"));
	});
	leaves->reset();
	leaves->go_on();
	leaves.reset();
	second.go_on();
	third.go_on();
	second.go_on();
	EXPECT_TRUE(lists(second.received(), "c"));
	EXPECT_TRUE(lists(third.received(), "c"));
}

/* If the folder cannot be read, all are told so. */
TEST_F(http_files, a_shared_reading_that_fails)
{
	ktcp::http::shared_listings listings({});

	how.error_page = "page.html";
	share(listings, { "a" });

	client first(*service), second(*service), third(*service);

	while_read(first, get("/list/"), [&] {
		second.send(get("/list/"));
		third.send(get("/list/"));
		file_faults.list = -EIO;
	});
	EXPECT_TRUE(lists(first.received(), "a"));
	second.go_on();
	file_faults.list = 0;
	third.go_on();
	EXPECT_TRUE(second.received().starts_with("HTTP/1.1 500 "));
	EXPECT_TRUE(third.received().starts_with("HTTP/1.1 500 "));

	/* A removed folder is not there, as it is for others: with the page for that. */
	while_read(first, get("/list/"), [&] {
		for (client *const each : { &second, &third }) {
			each->received().clear();
			each->send(get("/list/"));
		}
		fs::remove_all(folder / "list");
	});
	second.go_on();
	third.go_on();
	for (client *const each : { &second, &third }) {
		EXPECT_TRUE(each->received().starts_with("HTTP/1.1 404 "));
		EXPECT_TRUE(each->received().ends_with("<p>a page, at length"));
	}
}

/* A client is shown all names, or told that this cannot be done just now. */
TEST_F(http_files, a_listing_leaves_out_no_name_that_may_be_there)
{
	ktcp::http::shared_listings listings({});

	write("list/a", "");
	write("list/b", "");
	for (const bool shared : { false, true }) {
		if (shared)
			share(listings, {});
		file_faults.of = "list/b";
		for (const int error : { -ENOMEM, -EAGAIN, -ENFILE }) {
			file_faults.stat = error;
			expect({ refusal(get("/list/"), 503) });
		}
		for (const int error : { -EIO, -ESTALE, -ETIMEDOUT }) {
			file_faults.stat = error;
			expect({ refusal(get("/list/"), 500) });
		}
		/* These cannot be served. */
		for (const int error : { -ENOENT, -EACCES, -ELOOP }) {
			file_faults.stat = error;

			const std::string got = answer_once("/list/");

			EXPECT_TRUE(lists(got, "a"));
			EXPECT_FALSE(lists(got, "b"));
		}
		file_faults.stat = 0;
		EXPECT_TRUE(lists(answer_once("/list/"), "b"));
	}
}

/* With more names than memory each reads on for itself. */
TEST_F(http_files, a_folder_too_large_to_be_shared)
{
	ktcp::http::shared_listings listings({ .valid_ms = 1000 });

	for (int i = 0; i < 3000; i++)
		write("many/" + std::to_string(10'000 + i) + std::string(30, 'x'), "");
	how.listings = &listings;
	open();

	const auto others = large_listings("many");
	const std::string last = "12999" + std::string(30, 'x');
	client first(*service), second(*service), third(*service);

	while_read(first, get("/many/"), [&] {
		second.send(get("/many/"));
		third.send(get("/many/"));
	});
	second.go_on();
	third.go_on();
	EXPECT_TRUE(lists(first.received(), last));
	EXPECT_EQ(first.received(), second.received());
	EXPECT_EQ(first.received(), third.received());
}

/* With a time, it is kept so long from its begin. */
TEST_F(http_files, a_listing_is_kept_for_a_while)
{
	ktcp::http::shared_listings listings({ .valid_ms = 1000 });

	share(listings, { "a" });
	expect_listed("/list/", "a", 1);
	write("list/b", "");
	machine.now_ms += 999;
	EXPECT_FALSE(lists(answer_once("/list/"), "b"));
	EXPECT_EQ(file_faults.listed, 1u);
	machine.now_ms++;
	expect_listed("/list/", "b", 2);
	write("list/c", "");
	machine.suspended_ms += 1000; /* in which others work on */
	expect_listed("/list/", "c", 3);

	/* The oldest give way to others. */
	for (unsigned int i = 0; i < ktcp::http::shared_listings::most_kept; i++) {
		write("other" + std::to_string(i) + "/x", "");
		expect_listed("/other" + std::to_string(i) + "/", "x", 4 + i);
	}
	expect_listed("/other0/", "x", 3 + ktcp::http::shared_listings::most_kept);
	expect_listed("/list/", "b", 4 + ktcp::http::shared_listings::most_kept);

	/* A failure is not kept. */
	write("new/x", "");
	file_faults.list = -EIO;
	EXPECT_TRUE(answer_once("/new/").starts_with("HTTP/1.1 500 "));
	file_faults.list = 0;
	EXPECT_TRUE(lists(answer_once("/new/"), "x"));
}

/* Each may have memory for as long as its client takes to read it, so there is a bound. */
TEST_F(http_files, more_listings_than_there_is_memory_for)
{
	auto others = all_places();

	EXPECT_EQ(others.size(), ktcp::http::listing_place::most);
	expect({ refusal(get("/"), 503) });
	EXPECT_TRUE(answer(*service, get("/site/")).received.ends_with("<p>site"));
	others.pop_back();
	EXPECT_TRUE(answer(*service, get("/")).received.starts_with("HTTP/1.1 200 "));

	/* One that fails gives its place back. */
	file_faults.list = -EIO;
	for (int i = 0; i < 3; i++)
		expect({ refusal(get("/"), 500) });
}

/* One that takes all it can leaves the half to others, and they do so, too. */
TEST_F(http_files, a_source_has_a_share_of_the_listings)
{
	std::vector<ktcp::http::listing_place> taken;
	const auto take_one = [&](const ktcp::endpoint &client) {
		ktcp::http::listing_place one;
		const auto status = one.take(client);

		if (status)
			taken.push_back(std::move(one));
		return status;
	};
	const auto take = [&](unsigned int source) {
		for (unsigned int count = 0;; count++)
			if (const auto status = take_one(other_client(source)); !status) {
				EXPECT_EQ(status.error(), ktcp::errc::edquot);
				return count;
			}
	};
	constexpr unsigned int share = ktcp::http::listing_place::most_per_source;

	EXPECT_EQ(take(1), share);
	EXPECT_TRUE(answer(*service, get("/")).received.starts_with("HTTP/1.1 200 "));
	EXPECT_EQ(take(2), share / 2);
	EXPECT_EQ(take(3), share / 4);
	EXPECT_TRUE(answer(*service, get("/")).received.starts_with("HTTP/1.1 200 "));

	/* It is the source of its address alone. */
	taken.clear();
	EXPECT_EQ(take(1), share);
	EXPECT_EQ(take_one(ktcp::endpoint::ipv4(10, 0, 0, 1, 77)).error(), ktcp::errc::edquot);
	EXPECT_TRUE(take_one(ktcp::endpoint::ipv6_loopback(77)));
}

/* A client that reads a folder for others has one place. Each of them has its own while it reads the answer. */
TEST_F(http_files, those_who_share_a_reading_have_a_place_each)
{
	ktcp::http::shared_listings listings({ .valid_ms = 1000 });
	constexpr unsigned int most = ktcp::http::listing_place::most;

	share(listings, { "a" });

	client first(*service), second(*service), third(*service);

	while_read(first, get("/list/"), [&] {
		second.send(get("/list/"));
		third.send(get("/list/"));
		EXPECT_EQ(all_places().size(), most - 3);
	});
	EXPECT_EQ(all_places().size(), most - 2);
	second.go_on();
	third.go_on();
	EXPECT_TRUE(lists(third.received(), "a"));
	/* A listing that is kept has no place. */
	EXPECT_EQ(all_places().size(), most);
}

/* One that may not have a listing is told so at once: it would let those down who wait for it. */
TEST_F(http_files, one_without_a_place_reads_for_nobody)
{
	ktcp::http::shared_listings listings({});

	share(listings, { "a" });

	client first(*service), refused(*service), second(*service);

	while_read(first, get("/list/"), [&] {
		{
			const auto others = all_places();

			refused.send(get("/list/"));
		}
		EXPECT_TRUE(refused.received().starts_with("HTTP/1.1 503 "));
		second.send(get("/list/"));
	});
	second.go_on();
	EXPECT_TRUE(lists(second.received(), "a"));
}

/* A client's time is for the reading that goes on, and then for its own. */
TEST_F(http_files, the_time_of_those_who_share_a_reading)
{
	ktcp::http::shared_listings listings({});

	share(listings, { "a" });

	client first(*service), second(*service), third(*service);

	while_read(first, get("/list/"), [&] {
		second.send(get("/list/"));
		third.send(get("/list/"));
		machine.now_ms += 20'000;
	});
	bool happened = false;

	machine.rescheduled = [&] {
		if (std::exchange(happened, true))
			return;
		third.go_on();
		machine.now_ms += 20'000;
	};
	second.go_on();
	machine.rescheduled = nullptr;
	EXPECT_TRUE(happened);
	third.go_on();
	EXPECT_TRUE(lists(second.received(), "a"));
	EXPECT_TRUE(lists(third.received(), "a"));
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
		 { get("/", "If-None-Match: *\r\n"), "304 Not Modified", "Vary: Accept\r\n", "" } });
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
	auto directory = root.open_below("huge", here);
	std::size_t checks = 0, parts = 0;

	ASSERT_TRUE(entries && directory);
	do {
		ASSERT_TRUE(entries->read_next(
			root, *directory, path,
			[&] {
				checks++;
				return ktcp::result<void>();
			},
			here));
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
			/* The last chunk is missing, which a client sees by itself. */
			EXPECT_EQ(one.was_reset(), from > 10 && !stopped);
			if (from == 10) {
				EXPECT_EQ(one.received().starts_with("HTTP/1.1 503 "), !stopped);
			}
		}
}

/* A pass ends where its check says so: with no name more. */
TEST_F(http_files, a_pass_over_a_folder_can_be_ended)
{
	for (int i = 0; i < 500; i++)
		write("some/" + std::to_string(i), "");

	auto entries = ktcp::http::listing::create();
	auto directory = root.open_below("some", here);
	std::size_t checks = 0;
	char path[512] = "some";

	ASSERT_TRUE(entries && directory);
	EXPECT_EQ(entries->read_next(
				 root, *directory, path,
				 [&]() -> ktcp::result<void> {
					 if (++checks == 3)
						 return ktcp::errc::eshutdown;
					 return {};
				 },
				 here)
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

/* Those of VFAT may have 765 bytes, and FUSE has longer ones. Each byte may take six of a page's, and three more. */
TEST_F(http_files, a_listing_has_names_of_more_than_255_bytes)
{
	const auto repeated = [](std::string_view text, std::size_t times) {
		std::string made;

		while (times--)
			made += text;
		return made;
	};

	for (const char *each : { "a", "b" })
		write("list/" + std::string(each), "");
	for (const std::size_t size : { 255, 256, 765, 1024 }) {
		file_faults.beside = std::string(size, '"');

		const std::string page = body_of(answer_once("/list/"));
		const std::string json = body_of(
			send_in_pieces(*service, { get("/list/", "Accept: application/json\r\n") },
				       1000)
				.received);

		EXPECT_NE(page.find("<a href=\"" + repeated("%22", size) + "\">" +
				    repeated("&quot;", size) + "</a>"),
			  page.npos)
			<< size;
		EXPECT_NE(json.find("{\"name\":\"" + repeated("\\\"", size) + "\",\"href\":\"" +
				    repeated("%22", size) + "\""),
			  json.npos)
			<< size;
		for (const char *each : { ">a<", ">b<" })
			EXPECT_NE(page.find(each), page.npos) << size;
	}
	file_faults.beside += '"';
	EXPECT_EQ(answer_once("/list/").find("&quot;"), std::string::npos);
}

TEST_F(http_files, a_listing_may_be_switched_off)
{
	how.listing = false;
	open();
	expect({ refusal(get("/"), 403),
		 { get("/site/"), "200 OK", described("text/html; charset=utf-8", 7), "<p>site" } });
}
