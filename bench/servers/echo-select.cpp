// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* One thread and select(): at most FD_SETSIZE (1,024) descriptors, further clients are turned
 * away. */
#include <sys/select.h>

#include <algorithm>

#include "common.hpp"

int main(int count, char **arguments)
{
	using next = reference::client::next;

	const auto asked = reference::parse(count, arguments, "one thread and select()");
	const int listener = reference::start(asked, SOCK_NONBLOCK);
	std::vector<reference::client> clients;

	while (true) {
		fd_set reading, writing;
		int highest = listener;

		FD_ZERO(&reading);
		FD_ZERO(&writing);
		FD_SET(listener, &reading);
		for (const auto &each : clients) {
			FD_SET(each.fd(), each.writing() ? &writing : &reading);
			highest = std::max(highest, each.fd());
		}
		if (select(highest + 1, &reading, &writing, nullptr, nullptr) < 0)
			continue;
		for (size_t i = 0; i < clients.size();) {
			const bool ready = FD_ISSET(clients[i].fd(), &reading) ||
					   FD_ISSET(clients[i].fd(), &writing);

			if (ready && clients[i].step() == next::closed) {
				std::swap(clients[i], clients.back());
				clients.pop_back();
			} else {
				i++;
			}
		}
		if (!FD_ISSET(listener, &reading))
			continue;
		for (int fd; (fd = reference::accept_one(listener, SOCK_NONBLOCK)) >= 0;) {
			reference::client arrived(fd);

			if (fd < FD_SETSIZE)
				clients.push_back(std::move(arrived));
		}
	}
}
