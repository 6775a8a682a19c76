// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* One client after the other. */
#include "common.hpp"

int main(int count, char **arguments)
{
	const auto asked = reference::parse(count, arguments, "one client after the other");
	const int listener = reference::start(asked);

	while (true)
		reference::serve(reference::accept_blocking(listener));
}
