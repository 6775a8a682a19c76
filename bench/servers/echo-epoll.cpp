// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* One thread and epoll, level-triggered. */
#include <sys/epoll.h>

#include "common.hpp"

int main(int count, char **arguments)
{
	using next = reference::client::next;

	const auto asked = reference::parse(count, arguments, "one thread and epoll");
	const int listener = reference::start(asked, SOCK_NONBLOCK);
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	epoll_event events[256];
	epoll_event event = { EPOLLIN, { nullptr } };

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event))
		reference::die("epoll");
	while (true) {
		const int ready = epoll_wait(epoll, events, std::size(events), -1);

		for (int i = 0; i < ready; i++) {
			auto *const who = static_cast<reference::client *>(events[i].data.ptr);

			if (!who) {
				for (int fd;
				     (fd = reference::accept_one(listener, SOCK_NONBLOCK)) >= 0;) {
					auto *const arrived = new reference::client(fd);

					event = { EPOLLIN, { arrived } };
					if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
						delete arrived;
				}
				continue;
			}

			const bool wrote = who->writing();
			const next what = who->step();

			if (what == next::closed) {
				/* Closing takes it out of the epoll set. */
				delete who;
			} else if (wrote != (what == next::write)) {
				event = { wrote ? EPOLLIN : EPOLLOUT, { who } };
				epoll_ctl(epoll, EPOLL_CTL_MOD, who->fd(), &event);
			}
		}
	}
}
