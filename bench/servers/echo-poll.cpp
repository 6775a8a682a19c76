// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* One thread and poll(). */
#include <poll.h>

#include "common.hpp"

int main(int count, char **arguments)
{
	using next = reference::client::next;

	const auto asked = reference::parse(count, arguments, "one thread and poll()");
	const int listener = reference::start(asked, SOCK_NONBLOCK);
	/* The listener first, then one for each client, in the same order. */
	std::vector<pollfd> waits = { { listener, POLLIN, 0 } };
	std::vector<reference::client> clients;

	while (true) {
		int ready = poll(waits.data(), waits.size(), -1);

		const bool arrivals = waits[0].revents;

		for (size_t i = 0; i < clients.size() && ready > 0;) {
			pollfd &wait = waits[i + 1];

			if (!wait.revents) {
				i++;
				continue;
			}

			const next what = clients[i].step();

			ready--;
			if (what == next::closed) {
				std::swap(clients[i], clients.back());
				std::swap(wait, waits.back());
				clients.pop_back();
				waits.pop_back();
			} else {
				wait.events = what == next::read ? POLLIN : POLLOUT;
				wait.revents = 0;
				i++;
			}
		}
		if (!arrivals)
			continue;
		for (int fd; (fd = reference::accept_one(listener, SOCK_NONBLOCK)) >= 0;) {
			clients.emplace_back(fd);
			waits.push_back({ fd, POLLIN, 0 });
		}
	}
}
