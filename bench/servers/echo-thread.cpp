// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A thread for each connection. */
#include <pthread.h>

#include "common.hpp"

int main(int count, char **arguments)
{
	const auto asked = reference::parse(count, arguments, "a thread for each connection");
	const int listener = reference::start(asked);
	pthread_attr_t detached;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	/* The buffer, and room for what the C library does. */
	pthread_attr_setstacksize(&detached, 65536);
	while (true) {
		const long fd = reference::accept_blocking(listener);
		pthread_t thread;
		const auto run = [](void *which) -> void * {
			reference::serve(static_cast<int>(reinterpret_cast<long>(which)));
			return nullptr;
		};

		/* Without memory for a thread the client is turned away. */
		if (pthread_create(&thread, &detached, run, reinterpret_cast<void *>(fd)))
			close(static_cast<int>(fd));
	}
}
