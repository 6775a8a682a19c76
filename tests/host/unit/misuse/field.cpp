// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A field whose name or value cannot be sent: a literal is refused by the compiler. */
#include <ktcp/http/response.hpp>

void answer(ktcp::http::response &to)
{
#ifdef GOOD
	to.field("Content-Type", "text/plain;\tcharset=utf-8");
#else
	to.field("Content Type", "text/plain");
#endif
}
