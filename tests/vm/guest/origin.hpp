// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// The target of a proxy: a server of the test's, with a thread for each connection.
#pragma once

#include "client.hpp"

#include <atomic>
#include <functional>
#include <list>
#include <mutex>

namespace vm
{

inline constexpr unsigned origin_port = 7200;

// A connection that was accepted; the calls are client's.
class origin {
    public:
	using serve = std::function<void(client &peer)>;

	// Serves until it is destroyed; connections that wait are reset then.
	explicit origin(serve each, int backlog = 128) : serve_(std::move(each))
	{
		listen(backlog);
		thread_ = std::thread([this] { accept(); });
	}
	// Listens, and accepts nobody.
	explicit origin(int backlog)
	{
		listen(backlog);
	}
	origin(const origin &) = delete;
	origin &operator=(const origin &) = delete;
	~origin()
	{
		::shutdown(listener_, SHUT_RDWR); // ends accept()
		if (thread_.joinable())
			thread_.join();
		::close(listener_);
		const std::lock_guard hold(lock_);
		for (auto &each : threads_)
			each.join();
	}

	int accepted() const
	{
		return accepted_;
	}

    private:
	void listen(int backlog)
	{
		const int on = 1;
		sockaddr_in where{};
		where.sin_family = AF_INET;
		where.sin_port = htons(origin_port);
		where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		if (::bind(listener_, reinterpret_cast<sockaddr *>(&where), sizeof where) ||
		    ::listen(listener_, backlog))
			std::perror("origin");
	}

	void accept()
	{
		for (;;) {
			const int got = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
			if (got < 0 && (errno == EINTR || errno == ECONNABORTED))
				continue;
			if (got < 0)
				return;
			++accepted_;
			const std::lock_guard hold(lock_);
			threads_.emplace_back([this, got] {
				client peer(got);
				serve_(peer);
			});
		}
	}

	const serve serve_;
	int listener_ = -1;
	std::atomic<int> accepted_ = 0;
	std::thread thread_;
	std::mutex lock_;
	std::list<std::thread> threads_;
};

} // namespace vm
