// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// A TCP client for the tests. No call waits for ever: one that takes longer than the limit below
// has failed.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace vm
{

inline constexpr unsigned server_port = 12345;
inline constexpr int patience_seconds = 60;

using bytes = std::vector<unsigned char>;

struct options {
	std::string address = "::1";
	int receive_buffer = 0; // 0: the kernel's default
	int send_buffer = 0;
	unsigned port = server_port;
};

class client {
    public:
	explicit client(const options &with = {})
	{
		const bool v6 = with.address.find(':') != std::string::npos;
		socket_ = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (socket_ < 0) {
			error_ = errno;
			return;
		}
		set_up();
		if (with.receive_buffer)
			set(SOL_SOCKET, SO_RCVBUF, with.receive_buffer);
		if (with.send_buffer)
			set(SOL_SOCKET, SO_SNDBUF, with.send_buffer);
		int result;
		if (v6) {
			set(IPPROTO_IPV6, IPV6_V6ONLY,
			    0); // also to ::ffff:127.0.0.1, whatever the default
			sockaddr_in6 to{};
			to.sin6_family = AF_INET6;
			to.sin6_port = htons(with.port);
			::inet_pton(AF_INET6, with.address.c_str(), &to.sin6_addr);
			result = ::connect(socket_, reinterpret_cast<sockaddr *>(&to), sizeof to);
		} else {
			sockaddr_in to{};
			to.sin_family = AF_INET;
			to.sin_port = htons(with.port);
			::inet_pton(AF_INET, with.address.c_str(), &to.sin_addr);
			result = ::connect(socket_, reinterpret_cast<sockaddr *>(&to), sizeof to);
		}
		if (result) {
			error_ = errno;
			return;
		}
		connected_ = true;
	}
	// The other side of a connection, accepted by a server of the test's.
	explicit client(int accepted) : socket_(accepted), connected_(true)
	{
		set_up();
	}
	client(client &&other) noexcept
		: socket_(std::exchange(other.socket_, -1)), error_(other.error()),
		  was_reset_(other.was_reset_.load()), connected_(other.connected_)
	{
	}
	client &operator=(client &&other) noexcept
	{
		std::swap(socket_, other.socket_);
		error_ = other.error_.exchange(error_);
		was_reset_ = other.was_reset_.exchange(was_reset_);
		std::swap(connected_, other.connected_);
		return *this;
	}
	~client()
	{
		close();
	}

	bool connected() const
	{
		return connected_;
	}
	int error() const
	{
		return error_;
	} // errno of the last call that failed
	int descriptor() const
	{
		return socket_;
	}

	// All of it, in one call.
	bool send(std::span<const unsigned char> data, int flags = 0)
	{
		while (!data.empty()) {
			const ssize_t sent = ::send(socket_, data.data(), data.size(),
						    flags | MSG_NOSIGNAL);
			if (sent < 0 && errno == EINTR)
				continue;
			if (sent < 0) {
				failed(errno);
				return false;
			}
			data = data.subspan(sent);
		}
		return true;
	}
	bool send(const std::string &text, int flags = 0)
	{
		return send(std::span(reinterpret_cast<const unsigned char *>(text.data()),
				      text.size()),
			    flags);
	}

	// All of it, in chunks of random sizes.
	bool send_in_chunks(std::span<const unsigned char> data, unsigned seed)
	{
		std::mt19937 random(seed);
		while (!data.empty()) {
			// Mostly small, now and then large.
			const std::size_t most = random() % 4 ? 3000 : 70000;
			const auto size = std::min<std::size_t>(data.size(), 1 + random() % most);
			if (!send(data.first(size)))
				return false;
			data = data.subspan(size);
		}
		return true;
	}

	// Up to size bytes; fewer only at the end of the stream (error() is 0) or
	// on an error. A reset is an error, whichever call was told of it.
	bytes receive(std::size_t size)
	{
		bytes data(size);
		std::size_t have = 0;
		error_ = 0;
		while (have < size) {
			const ssize_t got = ::recv(socket_, data.data() + have, size - have, 0);
			if (got < 0 && errno == EINTR)
				continue; // std::system's SIGCHLD, with a time-out set
			if (got < 0)
				failed(errno);
			else if (got == 0 && was_reset_)
				error_ = ECONNRESET;
			if (got <= 0)
				break;
			have += got;
		}
		data.resize(have);
		return data;
	}
	bytes receive_to_end()
	{
		bytes data;
		for (;;) {
			const bytes more = receive(1 << 16);
			data.insert(data.end(), more.begin(), more.end());
			if (more.size() < (1 << 16))
				return data;
		}
	}

	// True if the server has ended the connection, by FIN or RST; reads what
	// may still be on its way.
	bool ended()
	{
		receive_to_end();
		return error_ == 0 || error_ == ECONNRESET || error_ == EPIPE;
	}

	// Sends until the server takes no more for half a second; returns the number of bytes.
	std::size_t send_until_blocked(std::span<const unsigned char> pattern)
	{
		std::size_t total = 0;
		for (;;) {
			const ssize_t sent = ::send(socket_, pattern.data(), pattern.size(),
						    MSG_DONTWAIT | MSG_NOSIGNAL);
			if (sent > 0) {
				total += sent;
				continue;
			}
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN) {
				failed(errno);
				return total;
			}
			pollfd wait{ socket_, POLLOUT, 0 };
			if (::poll(&wait, 1, 500) <= 0)
				return total;
		}
	}

	void half_close()
	{
		::shutdown(socket_, SHUT_WR);
	}
	void close()
	{
		if (socket_ >= 0)
			::close(socket_);
		socket_ = -1;
	}
	// Ends the connection by RST.
	void reset()
	{
		const linger now{ 1, 0 };
		set(SOL_SOCKET, SO_LINGER, now);
		close();
	}

    private:
	// The kernel tells of a reset once, to the call that meets it first (sock_error()). Then it tells
	// of an end.
	void failed(int why)
	{
		if (why == ECONNRESET)
			was_reset_ = true;
		error_ = why;
	}

	void set_up()
	{
		const timeval limit{ patience_seconds, 0 };
		set(SOL_SOCKET, SO_RCVTIMEO, limit);
		set(SOL_SOCKET, SO_SNDTIMEO, limit);
		set(IPPROTO_TCP, TCP_NODELAY,
		    1); // the tests' chunks are to be segments where possible
	}

	template <class T>
	void set(int level, int name, const T &value)
	{
		::setsockopt(socket_, level, name, &value, sizeof value);
	}

	int socket_ = -1;
	// One thread may send while another receives.
	std::atomic<int> error_ = 0;
	std::atomic<bool> was_reset_ = false;
	bool connected_ = false;
};

// Bytes of every value, the same for the same seed.
inline bytes pattern(std::size_t size, unsigned seed)
{
	bytes data(size);
	std::mt19937 random(seed);
	for (auto &byte : data)
		byte = static_cast<unsigned char>(random());
	return data;
}

// Sends and receives at the same time, and says what went wrong; empty if
// every byte came back.
inline std::string echo(client &peer, std::span<const unsigned char> data, unsigned seed = 1)
{
	if (!peer.connected())
		return std::string("not connected: ") + std::strerror(peer.error());
	bool sent = false;
	// A message that surely fits into the buffers needs no second thread.
	std::thread sender;
	if (data.size() > 4096)
		sender = std::thread([&] { sent = peer.send_in_chunks(data, seed); });
	else
		sent = peer.send(data);
	const bytes back = peer.receive(data.size());
	const int error = peer.error();
	if (sender.joinable()) {
		if (back.size() < data.size())
			::shutdown(peer.descriptor(), SHUT_RDWR); // ends the sender too
		sender.join();
	}
	if (back.size() < data.size())
		return std::to_string(back.size()) + " of " + std::to_string(data.size()) +
		       " bytes came back, then " +
		       (error ? std::strerror(error) : "the end of the stream");
	if (!sent)
		return "sending failed";
	const auto differs = std::mismatch(data.begin(), data.end(), back.begin()).first;
	if (differs != data.end())
		return "byte " + std::to_string(differs - data.begin()) + " differs";
	return {};
}
inline std::string echo(client &peer, const std::string &text)
{
	return echo(peer,
		    std::span(reinterpret_cast<const unsigned char *>(text.data()), text.size()));
}

} // namespace vm
