// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A request as one parser or another understands it.
 */
#ifndef KTCP_TESTS_HOST_FUZZ_HTTP_MESSAGE_HPP
#define KTCP_TESTS_HOST_FUZZ_HTTP_MESSAGE_HPP

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct message {
	bool head = false; /* it has one, and the following are set */
	std::string method, target;
	std::vector<std::pair<std::string, std::string>> fields; /* without trailers */

	std::string body; /* what there is of it */
	bool complete = false; /* all of it; it ends after … */
	std::size_t used = 0; /* … so many bytes */
	bool refused = false; /* head or body, because … */
	std::string why;
};

message read_by_ktcp(std::string_view text);
message read_by_llhttp(std::string_view text);
message read_by_beast(std::string_view text);

#endif
