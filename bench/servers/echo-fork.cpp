// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A process for each connection. */
#include <sys/prctl.h>

#include "common.hpp"

int main(int count, char **arguments)
{
	const auto asked = reference::parse(count, arguments, "a process for each connection");
	const int listener = reference::start(asked);
	const pid_t parent = getpid();

	/* No zombies. */
	signal(SIGCHLD, SIG_IGN);
	while (true) {
		const int fd = reference::accept_blocking(listener);
		const pid_t child = fork();

		if (!child) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (getppid() != parent)
				_exit(0);
			close(listener);
			reference::serve(fd);
			_exit(0);
		}
		/* Without memory for a process the client is turned away. */
		close(fd);
	}
}
