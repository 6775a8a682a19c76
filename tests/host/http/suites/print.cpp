// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * suites FOLDER: answers requests as khttpd does. Each line of the input is "pages" or "files" and a request in
 * hexadecimal. The program sends each request whole, byte by byte, and cut in two at every place. It prints a line of
 * words, one for each different outcome: the bytes that came back, in hexadecimal, and a character behind them. That
 * is "." if the connection ended, "!" if it was reset, and "-" otherwise.
 */
#include <cstdio>
#include <iostream>
#include <set>
#include <string>

#include <ktcp/http/file_service.hpp>
#include <ktcp/http/service.hpp>

#include "../../../../examples/khttpd/pages.hpp"
#include "../exchange.hpp"

namespace
{

struct site {
	ktcp::task_of<void> operator()(ktcp::http::request &asked, ktcp::http::response &to) const
	{
		return files ? files->serve(asked, to) : pages.serve(asked, to);
	}

	const ktcp::http::file_service *files;
	khttpd::pages pages = {};
};

using service = ktcp::http::service<site>;

std::string bytes_of(const std::string &text)
{
	std::string made;

	for (std::size_t at = 0; at + 1 < text.size(); at += 2)
		made += static_cast<char>(std::stoi(text.substr(at, 2), nullptr, 16));
	return made;
}

std::string word_of(const outcome &what)
{
	std::string made;
	char digits[3];

	for (const unsigned char c : what.received) {
		std::snprintf(digits, sizeof(digits), "%02x", c);
		made += digits;
	}
	return made + (what.reset ? "!" : what.ended ? "." : "-");
}

std::set<std::string> answers_to(const service &to, std::string_view request)
{
	const std::size_t size = request.size();
	std::set<std::string> made{ word_of(send_in_pieces(to, { request }, size)),
				    word_of(send_in_pieces(to, { request }, 1)) };

	/* Cuts in longer ones are not worth their time. */
	for (std::size_t cut = 1; cut < size && size < 1500; cut++)
		made.insert(word_of(
			send_in_pieces(to, { request.substr(0, cut), request.substr(cut) }, size)));
	return made;
}

} // namespace

int main(int count, char **arguments)
{
	if (count != 2)
		return 2;

	auto root = ktcp::file_root::open(arguments[1], {});

	if (!root)
		return 1;

	const ktcp::http::file_service documents{ *root, {} };
	const service files(site{ &documents }), pages(site{ nullptr });
	std::string who, request;

	while (std::cin >> who >> request) {
		for (const auto &each :
		     answers_to(who == "files" ? files : pages, bytes_of(request)))
			std::printf(" %s", each.c_str());
		std::puts("");
	}
	return 0;
}
