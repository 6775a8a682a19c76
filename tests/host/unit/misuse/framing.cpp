// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A field that says how the message is framed: it is the server's own, and the compiler refuses it. */
#include <ktcp/http/response.hpp>

void answer(ktcp::http::response &to)
{
#ifdef GOOD
	to.field("Content-Language", "de");
#else
	to.field("Content-Length", "5");
#endif
}
