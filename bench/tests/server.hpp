// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A server for the load's tests, in the same process. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <thread>
#include <vector>

/* A port at which each connection is a thread that runs the given function. */
class server {
    public:
	explicit server(std::function<void(int)> serve)
	{
		sockaddr_in address = {};
		socklen_t length = sizeof address;

		listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		address.sin_family = AF_INET;
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		bind(listener_, reinterpret_cast<sockaddr *>(&address), sizeof address);
		listen(listener_, 128);
		getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &length);
		port_ = ntohs(address.sin_port);
		accepting_ = std::thread([this, serve] {
			for (int fd; (fd = accept(listener_, nullptr, nullptr)) >= 0;) {
				const std::lock_guard guard(lock_);

				sockets_.push_back(fd);
				threads_.emplace_back([serve, fd] {
					serve(fd);
					shutdown(fd, SHUT_RDWR);
				});
			}
		});
	}
	~server()
	{
		shutdown(listener_, SHUT_RDWR);
		accepting_.join();
		for (const int each : sockets_)
			shutdown(each, SHUT_RDWR);
		for (std::thread &each : threads_)
			each.join();
		for (const int each : sockets_)
			close(each);
		close(listener_);
	}
	uint16_t port() const
	{
		return port_;
	}

    private:
	int listener_;
	uint16_t port_;
	std::thread accepting_;
	std::mutex lock_;
	std::vector<int> sockets_;
	std::vector<std::thread> threads_;
};
