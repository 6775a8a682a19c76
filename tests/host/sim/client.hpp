/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A client in user space, for use in a fibre of the test's: connect, send, receive, close.
 * Everything blocks as long as it must. Errors are negative errno values.
 */
#ifndef KTCP_SIM_CLIENT_HPP
#define KTCP_SIM_CLIENT_HPP

#include <cstdint>
#include <string>
#include <string_view>

#include "address.hpp"

namespace sim
{

struct tcp;

class client {
    public:
	client() = default;
	~client()
	{
		close();
	}
	client(const client &) = delete;
	client &operator=(const client &) = delete;

	int connect(const ktcp_endpoint &to, net *ns = nullptr);
	int connect_from(const ktcp_endpoint &from, const ktcp_endpoint &to, net *ns = nullptr);

	/* All of it; 0, or why not: -ETIMEDOUT after @patience_ms, if that is given. */
	int send(std::string_view data, uint64_t patience_ms = UINT64_MAX);
	/* The bytes that are there, at most @most, at least one; 0 at the end of the stream. */
	long receive(char *into, size_t most);
	/* @size bytes, or fewer if the stream ends or breaks before; see status(). */
	std::string receive_exactly(size_t size);
	/* Everything up to the end of the stream. */
	std::string receive_all()
	{
		return receive_exactly(SIZE_MAX);
	}
	/*
	 * Send @data and finish sending, and receive everything meanwhile: one after the other,
	 * with small buffers, both sides would wait for each other.
	 */
	std::string exchange(std::string_view data);
	/* Of the last call that received: 0 (the stream may have ended), or an error. */
	int status() const
	{
		return status_;
	}

	/* No more will be sent. */
	void finish_sending();
	/* Close; with a reset if there are bytes not received. */
	void close();
	/* Close with a reset. */
	void reset();

    private:
	tcp *socket_ = nullptr;
	int status_ = 0;
};

/* As `ss -K` for the listener on this port. */
void destroy_listener(uint16_t port);

} // namespace sim

#endif
