// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * request_print FILE...: ktcp's understanding of a request in each, for h11_check. It is a line of
 * words for each; words that may hold any bytes are in hexadecimal.
 */
#include <cstdio>
#include <fstream>
#include <iterator>

#include "message.hpp"

static void print(const char *before, const std::string &text)
{
	std::fputs(before, stdout);
	for (unsigned char c : text)
		std::printf("%02x", c);
}

int main(int count, char **files)
{
	for (int i = 1; i < count; i++) {
		std::ifstream file(files[i], std::ios::binary);
		const std::string text{ std::istreambuf_iterator<char>(file), {} };
		const message read = read_by_ktcp(text);

		std::printf("%d %d %d %zu", read.head, read.complete, read.refused, read.used);
		print(" ", read.method);
		print(" ", read.target);
		print(" b", read.body);
		for (const auto &[name, value] : read.fields) {
			print(" ", name);
			print(":", value);
		}
		std::putchar('\n');
	}
	return 0;
}
