// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "http.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

namespace vm
{

reply http_client::get(const std::string &target, const std::string &lines)
{
	send(request(target, "GET", lines));
	return read();
}

reply http_client::post(const std::string &target, const std::string &body,
			const std::string &lines)
{
	send(request(target, "POST",
		     "Content-Length: " + std::to_string(body.size()) + "\r\n" + lines) +
	     body);
	return read();
}

reply http_client::read(bool head)
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
	static const expression status_line("HTTP/1\\.1 [2-5][0-9][0-9] [ -~]+\r|"
					    "HTTP/1\\.1 100 Continue\r");
	static const expression field_line("([A-Za-z-]+): ([ -~]*)\r");
	if (!status_line.is(line)) {
		got.trouble = "status line: " + line;
		return got;
	}
	got.status = std::stoi(line.substr(9));
	while (std::getline(lines, line) && line != "\r") {
		const auto parts = field_line.parts(line);
		if (parts.empty() || parts[0] != line) {
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

bool http_client::ended()
{
	return pending_.empty() && peer_.receive(1).empty() && peer_.ended();
}

bool http_client::answered()
{
	char first;
	return ::recv(peer_.descriptor(), &first, 1, MSG_PEEK) == 1;
}

bool http_client::fill()
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

std::string http_client::until(const std::string &text)
{
	std::size_t at;
	while ((at = pending_.find(text)) == std::string::npos)
		if (!fill())
			return "";
	const std::string found = pending_.substr(0, at + text.size());
	pending_.erase(0, at + text.size());
	return found;
}

bool http_client::take(std::size_t size, std::string &into)
{
	while (pending_.size() < size)
		if (!fill())
			break;
	into += pending_.substr(0, size);
	const bool all = pending_.size() >= size;
	pending_.erase(0, size);
	return all;
}

bool http_client::take_chunks(std::string &into)
{
	for (;;) {
		const std::string line = until("\r\n");
		static const expression size_line("[0-9a-f]{1,8}\r\n");
		if (!size_line.is(line))
			return false;
		const std::size_t size = std::stoul(line, nullptr, 16);
		std::string end;
		if (!take(size, into) || !take(2, end) || end != "\r\n")
			return false;
		if (!size)
			return true;
	}
}

std::string http_client::request(const std::string &target, const std::string &method,
				 const std::string &lines)
{
	return method + " " + target + " HTTP/1.1\r\nHost: guest\r\n" + lines + "\r\n";
}

web_root::web_root(const std::string &type) : type_(type)
{
	std::filesystem::create_directories(path);
	std::string what = type;
	if (type == "ext4") {
		// A file as its disk.
		std::filesystem::remove(disk);
		std::ofstream(disk).close();
		std::filesystem::resize_file(disk, 64 << 20);
		EXPECT_TRUE(
			shell("/sbin/mke2fs -q -F -t ext4 -O ^has_journal " + std::string(disk)));
		EXPECT_TRUE(shell("mount -t ext4 -o loop " + std::string(disk) + " " + path));
	} else {
		EXPECT_EQ(::mount(what.c_str(), path, type.c_str(), 0,
				  type == "tmpfs" ? "mode=755,size=256m" : nullptr),
			  0)
			<< std::strerror(errno);
	}
	EXPECT_EQ(::chmod(path, 0755), 0);
}

void web_root::unmount()
{
	mounted_ = false;
	// umount() of a loop device also gives that back (LO_FLAGS_AUTOCLEAR).
	EXPECT_EQ(::umount2(path, 0), 0) << std::strerror(errno);
	std::filesystem::remove(disk);
}

std::string web_root::file(const std::string &name, const std::string &content, mode_t mode)
{
	const std::string where = std::string(path) + "/" + name;
	std::filesystem::create_directories(std::filesystem::path(where).parent_path());
	EXPECT_TRUE(write_file(where, content)) << where;
	EXPECT_EQ(::chmod(where.c_str(), mode), 0);
	return where;
}

std::string content(std::size_t size, unsigned seed)
{
	const bytes part = pattern(std::min<std::size_t>(size, 16381), seed);
	std::string all;
	all.reserve(size + part.size());
	while (all.size() < size)
		all.append(part.begin(), part.end());
	all.resize(size);
	return all;
}

} // namespace vm
