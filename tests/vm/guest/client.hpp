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
	explicit client(const options &with = {});
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
	bool send(std::span<const unsigned char> data, int flags = 0);
	bool send(const std::string &text, int flags = 0)
	{
		return send(std::span(reinterpret_cast<const unsigned char *>(text.data()),
				      text.size()),
			    flags);
	}

	// All of it, in chunks of random sizes.
	bool send_in_chunks(std::span<const unsigned char> data, unsigned seed);

	// Up to size bytes; fewer only at the end of the stream (error() is 0) or
	// on an error. A reset is an error, whichever call was told of it.
	bytes receive(std::size_t size);
	bytes receive_to_end();

	// True if the server has ended the connection, by FIN or RST; reads what
	// may still be on its way.
	bool ended()
	{
		receive_to_end();
		return error_ == 0 || error_ == ECONNRESET || error_ == EPIPE;
	}

	// Sends until the server takes no more for half a second; returns the number of bytes.
	std::size_t send_until_blocked(std::span<const unsigned char> pattern);

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
	void reset();

    private:
	// The kernel tells of a reset once, to the call that meets it first (sock_error()). Then it tells
	// of an end.
	void failed(int why)
	{
		if (why == ECONNRESET)
			was_reset_ = true;
		error_ = why;
	}

	void set_up();

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

// Sends to all of them until none has taken a byte for a second.
void send_until_all_blocked(const std::vector<client> &peers);

// Bytes of every value, the same for the same seed.
bytes pattern(std::size_t size, unsigned seed);

// Sends and receives at the same time, and says what went wrong; empty if
// every byte came back.
std::string echo(client &peer, std::span<const unsigned char> data, unsigned seed = 1);
inline std::string echo(client &peer, const std::string &text)
{
	return echo(peer,
		    std::span(reinterpret_cast<const unsigned char *>(text.data()), text.size()));
}

} // namespace vm
