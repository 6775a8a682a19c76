// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A folder of files, a service of it, and what it answers: for the tests of file_service.hpp and of its parts.
 */
#ifndef KTCP_TESTS_HOST_HTTP_SERVED_FILES_HPP
#define KTCP_TESTS_HOST_HTTP_SERVED_FILES_HPP

#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <ktcp/http/file_service.hpp>
#include <ktcp/http/service.hpp>

#include "exchange.hpp"
#include "file_faults.hpp"

namespace fs = std::filesystem;

constexpr std::time_t long_ago = 1'700'000'000; /* Tue, 14 Nov 2023 22:13:20 GMT */

struct files {
	ktcp::task_of<void> operator()(ktcp::http::request &asked, ktcp::http::response &to) const
	{
		return documents.serve(asked, to);
	}

	ktcp::http::file_service documents;
};

/* The fields of a file of so many bytes that was changed long ago. */
inline std::string described(std::string_view type, std::size_t size,
			     std::string_view etag_end = "", bool varies = false)
{
	char etag[64];

	std::snprintf(etag, sizeof(etag), "\"%zx-6553f100-0%.*s\"", size,
		      static_cast<int>(etag_end.size()), etag_end.data());
	return (type.empty() ? "" : "Content-Type: " + std::string(type) + "\r\n") +
	       "ETag: " + etag + "\r\nLast-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n" +
	       (varies ? "Vary: Accept-Encoding\r\n" : "") +
	       (type.empty() ? "" : "Accept-Ranges: bytes\r\n");
}

inline const std::string text_type = "text/plain; charset=utf-8";
inline const std::string hello = "hello world\n";
inline const std::string hello_fields = described(text_type, 12);
inline const std::string ten_fields = described("application/octet-stream", 10);
inline const std::string not_found_type = "Content-Type: text/plain; charset=utf-8\r\n";

class http_files : public testing::Test {
    protected:
	static constexpr auto here = ktcp::process_context::promised();
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
				root.status_of(fs::relative(each.path(), folder).c_str(), here);

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

	/* A client beside the one that asks. */
	static ktcp::endpoint other_client(unsigned int number = 0)
	{
		return ktcp::endpoint::ipv4(10, 0, static_cast<std::uint8_t>(number >> 8),
					    static_cast<std::uint8_t>(number), 1234);
	}

	/* Readings of folders are shared, and there is one, list/, with empty files of these names. */
	void share(ktcp::http::shared_listings &listings, std::initializer_list<const char *> names)
	{
		how.listings = &listings;
		open();
		for (const char *each : names)
			write("list/" + std::string(each), "");
	}

	/* All places for listings that are free, each of a source of its own. */
	static std::vector<ktcp::http::listing_place> all_places()
	{
		std::vector<ktcp::http::listing_place> taken;

		for (unsigned int i = 0;; i++) {
			ktcp::http::listing_place one;

			if (!one.take(other_client(i)))
				return taken;
			taken.push_back(std::move(one));
		}
	}

	/* Listings of a large folder that have all of the larger memories. */
	std::vector<ktcp::http::listing> large_listings(const std::string &of)
	{
		std::vector<ktcp::http::listing> made;
		char path[512];

		while (made.size() < ktcp::http::listing::most_large) {
			auto directory = root.open_below(of.c_str(), here);

			std::snprintf(path, sizeof(path), "%s", of.c_str());
			made.push_back(std::move(*ktcp::http::listing::create()));
			EXPECT_TRUE(made.back().read_next(
				root, *directory, path, [] { return ktcp::result<void>(); }, here));
			EXPECT_GT(made.back().size(), 1000u) << "of 1 MiB";
		}
		return made;
	}

	/* A client asks; meanwhile, at the first name that the server looks up, something happens. */
	template <class Function>
	static void while_read(client &reader, const std::string &request, const Function &happens)
	{
		bool happened = false;

		machine.rescheduled = [&] {
			if (!std::exchange(happened, true))
				happens();
		};
		reader.send(request);
		machine.rescheduled = nullptr;
		EXPECT_TRUE(happened);
	}

	std::string answer_once(const std::string &path)
	{
		return send_in_pieces(*service, { get(path) }, 1000).received;
	}

	/* The folder is shown with a name in it, and so many were read till then. */
	void expect_listed(const std::string &path, const std::string &name, unsigned int read)
	{
		const std::string got = answer_once(path);

		EXPECT_TRUE(got.starts_with("HTTP/1.1 200 "));
		EXPECT_NE(got.find('"' + name + '"'), got.npos) << name;
		EXPECT_EQ(file_faults.listed, read) << path;
	}

	void expect(std::initializer_list<row> rows)
	{
		for (const row &each : rows)
			expect_row(*service, row{ real(each.request), each.status,
						  real(each.fields), each.body });
	}
};

#endif
