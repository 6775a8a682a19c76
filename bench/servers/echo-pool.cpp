// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* One thread accepts; a fixed number of others take the connections from a queue, each serving
 * one at a time. */
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "common.hpp"

int main(int count, char **arguments)
{
	const auto asked = reference::parse(
		count, arguments,
		"a fixed number of threads with a queue, one client each at a time", 128);
	const int listener = reference::start(asked);
	std::mutex lock;
	std::condition_variable filled;
	std::deque<int> queue;
	std::vector<std::thread> workers;

	for (int i = 0; i < asked.workers; i++)
		workers.emplace_back([&] {
			while (true) {
				std::unique_lock guard(lock);

				filled.wait(guard, [&] { return !queue.empty(); });

				const int fd = queue.front();

				queue.pop_front();
				guard.unlock();
				reference::serve(fd);
			}
		});
	while (true) {
		const int fd = reference::accept_blocking(listener);

		{
			const std::lock_guard guard(lock);

			queue.push_back(fd);
		}
		filled.notify_one();
	}
}
