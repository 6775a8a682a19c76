// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Where the server is, and sockets that lead there.
 */
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

namespace load
{

class endpoint {
    public:
	/* Empty if the host is not an address. Sockets take one of so many sources in turn. */
	static std::optional<endpoint> create(const std::string &host, uint16_t port,
					      uint32_t sources);

	/* A connecting socket, or minus the errno. */
	int open(bool blocking) const;

	/* The same, connected, its calls bounded by the time (in nanoseconds). */
	int connect(int64_t timeout) const;

    private:
	sockaddr_storage address_ = {};
	socklen_t length_ = 0;
	uint32_t sources_ = 0; /* 0: the system chooses */
};

/* Sends and receives that many bytes of the pattern on a blocking socket; 0 or an errno, EBADMSG
 * if something else came back. */
int exchange(int socket, const unsigned char *pattern, size_t length);

/* Room for so many more descriptors; returns the message if there is none. */
std::string raise_descriptor_limit(uint64_t wanted);

} // namespace load
