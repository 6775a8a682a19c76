// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A result that is not looked at is a warning, and an error where warnings are. */
#include <ktcp/kernel/socket.hpp>

void careless(ktcp::socket &socket)
{
#ifdef GOOD
	if (!socket.listen(1))
		socket.abort();
#else
	socket.listen(1);
#endif
}
