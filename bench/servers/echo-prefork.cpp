// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A fixed number of processes, each of which accepts and serves one client at a time. */
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common.hpp"

int main(int count, char **arguments)
{
	const auto asked = reference::parse(
		count, arguments, "a fixed number of processes, one client each at a time", 128);
	const int listener = reference::start(asked);
	const pid_t parent = getpid();

	for (int running = 0;; running--) {
		while (running < asked.workers) {
			const pid_t child = fork();

			if (!child) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				if (getppid() != parent)
					_exit(0);
				while (true)
					reference::serve(reference::accept_blocking(listener));
			}
			if (child < 0)
				reference::die("fork, process %d of %d", running + 1,
					       asked.workers);
			running++;
		}
		/* One that ended is replaced. */
		wait(nullptr);
	}
}
