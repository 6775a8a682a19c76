// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* NAME's handler, without a kernel: make unit. */
#include <ktcp/test/port.cpp>
#include <ktcp/test/stream.hpp>

#include <cassert>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "NAME.cpp"

/* Ends the test with both texts where they differ. */
static void expect(std::string_view got, std::string_view wanted)
{
	if (got == wanted)
		return;
	std::cerr << "got:    " << got << "\nwanted: " << wanted << '\n';
	std::exit(1);
}

int main()
{
	ktcp::test::stream peer(handler{});

	peer.send("how ");
	peer.send("are you\n");
	expect(peer.received(), "hello from NAME\nhow are you\n");
	peer.finish();
	assert(peer.over());
}
