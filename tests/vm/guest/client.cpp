// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "client.hpp"

#include <cstring>
#include <net/if.h>
#include <random>
#include <thread>

namespace vm
{

client::client(const options &with)
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
		const std::size_t zone = with.address.find('%');
		::inet_pton(AF_INET6, with.address.substr(0, zone).c_str(), &to.sin6_addr);
		if (zone != std::string::npos)
			to.sin6_scope_id = ::if_nametoindex(with.address.c_str() + zone + 1);
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

bool client::send(std::span<const unsigned char> data, int flags)
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

bool client::send_in_chunks(std::span<const unsigned char> data, unsigned seed)
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

bytes client::receive(std::size_t size)
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

bytes client::receive_to_end()
{
	bytes data;
	for (;;) {
		const bytes more = receive(1 << 16);
		data.insert(data.end(), more.begin(), more.end());
		if (more.size() < (1 << 16))
			return data;
	}
}

std::size_t client::send_until_blocked(std::span<const unsigned char> pattern)
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

void client::reset()
{
	const linger now{ 1, 0 };
	set(SOL_SOCKET, SO_LINGER, now);
	close();
}

void client::set_up()
{
	const timeval limit{ patience_seconds, 0 };
	set(SOL_SOCKET, SO_RCVTIMEO, limit);
	set(SOL_SOCKET, SO_SNDTIMEO, limit);
	set(IPPROTO_TCP, TCP_NODELAY,
	    1); // the tests' chunks are to be segments where possible
}

void send_until_all_blocked(const std::vector<client> &peers)
{
	const bytes some = pattern(1 << 14, 1);
	std::vector<pollfd> waits;
	for (const client &each : peers)
		waits.push_back({ each.descriptor(), POLLOUT, 0 });
	while (::poll(waits.data(), waits.size(), 1000) > 0)
		for (pollfd &each : waits)
			// One that has ended is ready for ever: not to be looked at again.
			if (each.revents &&
			    ::send(each.fd, some.data(), some.size(), MSG_DONTWAIT | MSG_NOSIGNAL) <
				    0 &&
			    errno != EAGAIN)
				each.fd = -1;
}

bytes pattern(std::size_t size, unsigned seed)
{
	bytes data(size);
	std::mt19937_64 random(seed);
	for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
		const std::uint64_t eight = random();
		std::memcpy(&data[at], &eight, std::min(sizeof eight, size - at));
	}
	return data;
}

std::string echo(client &peer, std::span<const unsigned char> data, unsigned seed)
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
	if (std::ranges::equal(data, back))
		return {};
	const auto differs = std::ranges::mismatch(data, back).in1;
	return "byte " + std::to_string(differs - data.begin()) + " differs";
}

} // namespace vm
