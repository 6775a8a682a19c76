// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "http.hpp"

#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

namespace load
{

namespace
{

/* The value of a field in a head, without the white space around it; npos where there is none. */
std::pair<size_t, size_t> field(std::string_view head, const char *name)
{
	const size_t length = strlen(name);

	for (size_t line = head.find("\r\n"); line != head.npos; line = head.find("\r\n", line)) {
		line += 2;
		if (head.size() - line > length && head[line + length] == ':' &&
		    !strncasecmp(head.data() + line, name, length)) {
			const size_t end = head.find("\r\n", line);
			const size_t begin =
				std::min(end, head.find_first_not_of(" \t", line + length + 1));
			const size_t last = head.find_last_not_of(" \t", end - 1);

			return { begin, std::max(begin, last + 1) };
		}
	}
	return { head.npos, head.npos };
}

std::string first_line(std::string_view answer)
{
	return std::string(answer.substr(0, answer.find("\r\n")));
}

/* Receives one answer on a blocking socket; returns the error, or nothing. */
std::string receive(int fd, std::string &answer)
{
	char buffer[65536];
	measured so_far;

	while (!so_far.length || answer.size() < so_far.length) {
		const ssize_t got = recv(fd, buffer, sizeof buffer, 0);

		if (got < 0)
			return errno == EAGAIN ? "no answer in time" : strerror(errno);
		if (!got)
			return "the connection ended after " + std::to_string(answer.size()) +
			       " bytes of the answer";
		answer.append(buffer, static_cast<size_t>(got));
		if (!so_far.length)
			so_far = measure(answer);
		if (!so_far.error.empty())
			return so_far.error;
	}
	if (answer.size() > so_far.length)
		return std::to_string(answer.size() - so_far.length) +
		       " bytes came behind the answer";
	return {};
}

std::string ask(const options &asked, const endpoint &server, page &which)
{
	const int fd = server.connect(asked.timeout);
	std::string error;

	if (fd < 0)
		return strerror(-fd);
	if (send(fd, which.request.data(), which.request.size(), MSG_NOSIGNAL) !=
	    static_cast<ssize_t>(which.request.size()))
		error = strerror(errno);
	else
		error = receive(fd, which.answer);
	close(fd);
	return error;
}

std::string compare(const std::string &name, std::string_view body)
{
	std::ifstream file(name, std::ios::binary);
	const std::string expected(std::istreambuf_iterator<char>(file), {});

	if (!file)
		return "there is no file " + name + " to compare with";
	if (body != expected)
		return "the answer is not what the file " + name + " holds";
	return {};
}

} // namespace

message page::as_message() const
{
	message result;

	result.request = reinterpret_cast<const unsigned char *>(request.data());
	result.request_size = static_cast<uint32_t>(request.size());
	result.reply = reinterpret_cast<const unsigned char *>(answer.data());
	result.reply_size = static_cast<uint32_t>(answer.size());
	result.hole_begin = date_begin;
	result.hole_end = date_end;
	return result;
}

measured measure(std::string_view answer)
{
	measured result;
	const size_t end = answer.find("\r\n\r\n");
	uint64_t body;

	if (end == answer.npos) {
		if (answer.size() > 65536)
			result.error = "its head has no end";
		return result;
	}
	result.head = end + 4;

	const std::string_view head = answer.substr(0, end + 2);
	const auto [from, to] = field(head, "content-length");

	if (head.substr(0, 7) != "HTTP/1." || head.size() < 12 || head.substr(8, 4) != " 200")
		result.error = "it says '" + first_line(head) + "', not 200";
	else if (from == head.npos || !parse_number(head.substr(from, to - from), 0, 1 << 30, body))
		result.error = "its head has no Content-Length of at most 1 GiB";
	else
		result.length = result.head + body;
	return result;
}

pages learn(const options &asked, const endpoint &server)
{
	pages result;

	for (const std::string &path : asked.paths) {
		page each;

		each.request = "GET " + path + " HTTP/1.1\r\nHost: " + asked.host + "\r\n" +
			       (asked.per_request ? "Connection: close\r\n" : "") + "\r\n";
		result.error = ask(asked, server, each);
		if (result.error.empty()) {
			const measured all = measure(each.answer);
			const std::string_view head(each.answer.data(), all.head - 2);
			const auto [from, to] = field(head, "date");

			if (from != head.npos) {
				each.date_begin = static_cast<uint32_t>(from);
				each.date_end = static_cast<uint32_t>(to);
			}
			if (!asked.files.empty() && path.back() != '/')
				result.error =
					compare(asked.files + path,
						std::string_view(each.answer).substr(all.head));
		}
		if (!result.error.empty()) {
			result.error = path + ": " + result.error;
			return result;
		}
		result.all.push_back(std::move(each));
	}
	return result;
}

} // namespace load
