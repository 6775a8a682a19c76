// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A route whose pattern is no literal, which nothing would have checked: the compiler refuses it. */
#include <ktcp/http/routes.hpp>

#ifdef GOOD
ktcp::http::route_pattern pattern()
{
	return "/items/{id}";
}
#else
ktcp::http::route_pattern pattern(std::string_view text)
{
	return text;
}
#endif
