// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace load
{

std::optional<endpoint> endpoint::create(const std::string &host, uint16_t port, uint32_t sources)
{
	endpoint result;
	auto &v4 = reinterpret_cast<sockaddr_in &>(result.address_);
	auto &v6 = reinterpret_cast<sockaddr_in6 &>(result.address_);

	if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
		v4.sin_family = AF_INET;
		v4.sin_port = htons(port);
		result.length_ = sizeof v4;
		if (sources > 1 && ntohl(v4.sin_addr.s_addr) >> 24 == 127)
			result.sources_ = sources;
	} else if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
		v6.sin6_family = AF_INET6;
		v6.sin6_port = htons(port);
		result.length_ = sizeof v6;
	} else {
		return std::nullopt;
	}
	return result;
}

int endpoint::open(bool blocking) const
{
	static std::atomic<uint32_t> turn;
	const int one = 1;
	const int fd = socket(address_.ss_family,
			      SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (sources_) {
		sockaddr_in from = {};

		from.sin_family = AF_INET;
		from.sin_addr.s_addr =
			htonl(INADDR_LOOPBACK + 1 +
			      turn.fetch_add(1, std::memory_order_relaxed) % sources_);
		/* The port is chosen when the destination is known: one may serve several. */
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
		if (bind(fd, reinterpret_cast<sockaddr *>(&from), sizeof from))
			goto failed;
	}
	if (blocking || !::connect(fd, reinterpret_cast<const sockaddr *>(&address_), length_) ||
	    errno == EINPROGRESS)
		return fd;
failed:
	const int error = errno;

	close(fd);
	return -error;
}

int endpoint::connect(int64_t timeout) const
{
	const timeval limit = { timeout / 1'000'000'000, timeout / 1000 % 1'000'000 };
	const int fd = open(true);

	if (fd < 0)
		return fd;
	/* SO_SNDTIMEO bounds connect() as well. */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (!::connect(fd, reinterpret_cast<const sockaddr *>(&address_), length_))
		return fd;

	const int error = errno == EINPROGRESS ? ETIMEDOUT : errno;

	close(fd);
	return -error;
}

int exchange(int socket, const unsigned char *pattern, size_t length)
{
	unsigned char back[4096];
	size_t sent = 0, received = 0;

	while (received < length) {
		/* Never more under way than the smallest socket buffers hold. */
		if (sent == received) {
			const size_t piece = std::min(length - sent, sizeof back);
			const ssize_t did = send(socket, pattern + sent, piece, MSG_NOSIGNAL);

			if (did < 0)
				return errno == EAGAIN ? ETIMEDOUT : errno;
			sent += static_cast<size_t>(did);
		}

		const ssize_t got = recv(socket, back, sizeof back, 0);

		if (got < 0)
			return errno == EAGAIN ? ETIMEDOUT : errno;
		if (!got)
			return ECONNRESET;
		if (static_cast<size_t>(got) > sent - received ||
		    memcmp(back, pattern + received, static_cast<size_t>(got)))
			return EBADMSG;
		received += static_cast<size_t>(got);
	}
	return 0;
}

std::string raise_descriptor_limit(uint64_t wanted)
{
	rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= wanted)
		return {};

	const rlim_t old = limit.rlim_max;

	limit.rlim_cur = wanted;
	limit.rlim_max = std::max<rlim_t>(limit.rlim_max, wanted);
	if (!setrlimit(RLIMIT_NOFILE, &limit))
		return {};
	return "this needs " + std::to_string(wanted) + " open files and " + std::to_string(old) +
	       " are allowed: raise 'ulimit -Hn' or fs.nr_open, or ask for fewer connections";
}

} // namespace load
