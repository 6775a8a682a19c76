// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The requests of an HTTP load. Each path is asked for once before it is measured. All other
 * answers are compared with that one, and with the file where there is one.
 */
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "endpoint.hpp"
#include "message.hpp"
#include "options.hpp"

namespace load
{

/* A request (RFC 9112), and its answer as it came. */
struct page {
	std::string request;
	std::string answer;
	uint32_t date_begin = 0; /* the value of Date, which changes; both 0 if there is none */
	uint32_t date_end = 0;

	message as_message() const;
};

/* One answer's length, once its head is complete; 0 until then. An answer that cannot be measured,
 * by its status or for want of a Content-Length, is an error with what it says. */
struct measured {
	size_t length = 0;
	size_t head = 0;
	std::string error;
};
measured measure(std::string_view answer);

/* Asks for each path of the options; an error says which one and why. */
struct pages {
	std::vector<page> all;
	std::string error;
};
pages learn(const options &asked, const endpoint &server);

} // namespace load
