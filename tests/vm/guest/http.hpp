// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// khttpd under test: a client that speaks HTTP and believes nothing, and files to be served.
#pragma once

#include "fixture.hpp"

#include <map>
#include <optional>
#include <sys/mount.h>
#include <sys/stat.h>

namespace vm
{

inline constexpr server_under_test khttpd{ "khttpd", 8081 };

// A response as it came.
struct reply {
	int status = 0; // 0: none came, or what came was none
	std::map<std::string, std::string> fields; // names in lower case
	std::string body;
	bool whole = false; // it came to the end that it promised
	std::string trouble; // what is wrong with it

	std::string field(const std::string &name) const
	{
		const auto found = fields.find(name);
		return found == fields.end() ? "" : found->second;
	}
};

// A connection to khttpd.
class http_client {
    public:
	explicit http_client(options with = {}, unsigned port = khttpd.port)
		: peer_((with.port = port, with))
	{
	}

	vm::client &peer()
	{
		return peer_;
	}

	bool send(const std::string &text)
	{
		return peer_.send(text);
	}

	// The request for a target: method, target, further lines each with its end.
	static std::string request(const std::string &target, const std::string &method = "GET",
				   const std::string &lines = "")
	{
		return method + " " + target + " HTTP/1.1\r\nHost: guest\r\n" + lines + "\r\n";
	}

	reply get(const std::string &target, const std::string &lines = "")
	{
		send(request(target, "GET", lines));
		return read();
	}

	reply post(const std::string &target, const std::string &body,
		   const std::string &lines = "")
	{
		send(request(target, "POST",
			     "Content-Length: " + std::to_string(body.size()) + "\r\n" + lines) +
		     body);
		return read();
	}

	// The next response, to the end that it promises.
	// @param head  to HEAD: it has no body.
	reply read(bool head = false)
	{
		reply got;
		const std::string text = until("\r\n\r\n");
		if (text.empty()) {
			got.trouble = pending_.empty() ? "no response" : "no end of the head";
			return got;
		}
		std::istringstream lines(text);
		std::string line;
		std::getline(lines, line);
		static const std::regex status_line("HTTP/1\\.1 [2-5][0-9][0-9] [ -~]+\r|"
						    "HTTP/1\\.1 100 Continue\r");
		static const std::regex field_line("([A-Za-z-]+): ([ -~]*)\r");
		if (!std::regex_match(line, status_line)) {
			got.trouble = "status line: " + line;
			return got;
		}
		got.status = std::stoi(line.substr(9));
		while (std::getline(lines, line) && line != "\r") {
			std::smatch parts;
			if (!std::regex_match(line, parts, field_line)) {
				got.trouble = "field: " + line;
				return got;
			}
			std::string name = parts[1];
			std::transform(name.begin(), name.end(), name.begin(), ::tolower);
			if (!got.fields.emplace(name, parts[2]).second)
				got.trouble = "twice: " + name;
		}
		if (head || got.status < 200 || got.status == 204 || got.status == 304) {
			got.whole = true;
		} else if (got.fields.count("content-length")) {
			const std::size_t size = std::stoull(got.field("content-length"));
			got.whole = take(size, got.body);
		} else if (got.field("transfer-encoding") == "chunked") {
			got.whole = take_chunks(got.body);
		} else if (got.field("connection") == "close") {
			const bytes rest = peer_.receive_to_end();
			got.body = pending_ + std::string(rest.begin(), rest.end());
			pending_.clear();
			got.whole = peer_.error() == 0;
		} else {
			got.trouble = "no end of the body";
		}
		if (!got.whole && got.trouble.empty())
			got.trouble = "cut short: " + std::string(std::strerror(peer_.error()));
		return got;
	}

	// Nothing more comes: true once the server has ended the connection, by FIN or RST.
	bool ended()
	{
		return pending_.empty() && peer_.receive(1).empty() && peer_.ended();
	}

	// Something has come, and is not read.
	bool answered()
	{
		char first;
		return ::recv(peer_.descriptor(), &first, 1, MSG_PEEK) == 1;
	}

    private:
	bool fill()
	{
		char more[65536];
		for (;;) {
			const ssize_t got = ::recv(peer_.descriptor(), more, sizeof more, 0);
			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				return false;
			pending_.append(more, got);
			return true;
		}
	}

	// Up to and with the text; empty if the stream ends before.
	std::string until(const std::string &text)
	{
		std::size_t at;
		while ((at = pending_.find(text)) == std::string::npos)
			if (!fill())
				return "";
		const std::string found = pending_.substr(0, at + text.size());
		pending_.erase(0, at + text.size());
		return found;
	}

	bool take(std::size_t size, std::string &into)
	{
		while (pending_.size() < size)
			if (!fill())
				break;
		into += pending_.substr(0, size);
		const bool all = pending_.size() >= size;
		pending_.erase(0, size);
		return all;
	}

	bool take_chunks(std::string &into)
	{
		for (;;) {
			const std::string line = until("\r\n");
			static const std::regex size_line("[0-9a-f]{1,8}\r\n");
			if (!std::regex_match(line, size_line))
				return false;
			const std::size_t size = std::stoul(line, nullptr, 16);
			std::string end;
			if (!take(size, into) || !take(2, end) || end != "\r\n")
				return false;
			if (!size)
				return true;
		}
	}

	vm::client peer_;
	std::string pending_;
};

// So many bytes of every value, the same for the same seed; quicker than pattern(), and nowhere the
// same as a page before.
inline std::string content(std::size_t size, unsigned seed)
{
	const bytes part = pattern(std::min<std::size_t>(size, 16381), seed);
	std::string all;
	all.reserve(size + part.size());
	while (all.size() < size)
		all.append(part.begin(), part.end());
	all.resize(size);
	return all;
}

// A file system of the test's own, whose files khttpd serves; unmounted at the end.
class web_root {
    public:
	explicit web_root(const std::string &type = "tmpfs") : type_(type)
	{
		std::filesystem::create_directories(path);
		std::string what = type;
		if (type == "ext4") {
			// A file as its disk.
			std::filesystem::remove(disk);
			std::ofstream(disk).close();
			std::filesystem::resize_file(disk, 64 << 20);
			EXPECT_TRUE(shell("/sbin/mke2fs -q -F -t ext4 -O ^has_journal " +
					  std::string(disk)));
			EXPECT_TRUE(
				shell("mount -t ext4 -o loop " + std::string(disk) + " " + path));
		} else {
			EXPECT_EQ(::mount(what.c_str(), path, type.c_str(), 0,
					  type == "tmpfs" ? "mode=755,size=256m" : nullptr),
				  0)
				<< std::strerror(errno);
		}
		EXPECT_EQ(::chmod(path, 0755), 0);
	}
	~web_root()
	{
		if (mounted_)
			unmount();
	}
	web_root(const web_root &) = delete;
	web_root &operator=(const web_root &) = delete;

	// At once: a holder of one of its files fails the test.
	void unmount()
	{
		mounted_ = false;
		// umount() of a loop device also gives that back (LO_FLAGS_AUTOCLEAR).
		EXPECT_EQ(::umount2(path, 0), 0) << std::strerror(errno);
		std::filesystem::remove(disk);
	}

	static std::string file(const std::string &name, const std::string &content,
				mode_t mode = 0644)
	{
		const std::string where = std::string(path) + "/" + name;
		std::filesystem::create_directories(std::filesystem::path(where).parent_path());
		EXPECT_TRUE(write_file(where, content)) << where;
		EXPECT_EQ(::chmod(where.c_str(), mode), 0);
		return where;
	}

	static constexpr const char *path = "/tmp/www";
	static constexpr const char *disk = "/tmp/www.ext4";

    private:
	std::string type_;
	bool mounted_ = true;
};

// The tests of khttpd in one execution model.
class http_test : public server, public testing::WithParamInterface<const char *> {
    protected:
	http_test() : server(khttpd)
	{
	}

	void load_model(const std::string &parameters = "")
	{
		load(std::string("model=") + GetParam() + " " + parameters);
	}

	void load_root(const std::string &parameters = "")
	{
		load_model(std::string("root=") + web_root::path + " " + parameters);
	}

	// One request on a connection of its own.
	static reply get(const std::string &target, const std::string &lines = "")
	{
		return http_client().get(target, lines);
	}
};

#define FOR_EVERY_HTTP_MODEL(fixture) \
	INSTANTIATE_TEST_SUITE_P(models, fixture, models(), model_name)

// Where a model makes no other difference than who sleeps: the two that do not.
#define FOR_EVENT_MODELS(fixture) \
	INSTANTIATE_TEST_SUITE_P(models, fixture, testing::Values("event", "softirq"), model_name)

} // namespace vm
