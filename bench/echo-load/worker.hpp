// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * One thread of load: its connections, an epoll instance, and the loop that sends, receives
 * and checks.
 *
 * Closed loop: a connection's next request follows its reply (or the think time after it); latency
 * counts from sending. Open loop: requests are due at fixed times, whether or not a connection is
 * free to send them. Latency counts from when a request was due, so a server that stalls is not
 * spared the requests that it held up ("coordinated omission").
 */
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "endpoint.hpp"
#include "histogram.hpp"
#include "machine.hpp"
#include "message.hpp"
#include "options.hpp"

namespace load
{

struct errors {
	uint64_t connect = 0; /* could not be opened */
	uint64_t closed = 0; /* ended by the server before the reply was complete */
	uint64_t wrong = 0; /* other bytes than those sent */
	uint64_t timeout = 0; /* no reply in time */
	uint64_t other = 0;
	int last = 0; /* an errno, for the report */

	uint64_t all() const
	{
		return connect + closed + wrong + timeout + other;
	}
	void add(const errors &other_errors);
};

/* When the measured part begins and ends; known once every thread has its connections. */
struct window {
	int64_t begin = 0;
	int64_t start = 0; /* begin, and the warm-up */
	int64_t end = 0;
};

class worker {
    public:
	/* Its part of the connections, the rate and the requests; number counts from 0. It sends
	 * these messages in turn, or without any, parts of the pattern. */
	worker(const options &all, const endpoint &server, const unsigned char *pattern,
	       unsigned number, const std::vector<message> &messages = {});
	~worker();

	/* Opens the connections; false after the first that fails (see errors()). */
	bool connect();

	/* Until the end. The tick is called some ten times a second. */
	void run(const window &when, const std::function<void(int64_t)> &tick);

	/* Where what another thread may watch is up to date. */
	uint64_t answered() const
	{
		return published_.load(std::memory_order_relaxed);
	}

	const histogram &latencies() const
	{
		return latencies_;
	}
	const errors &failures() const
	{
		return errors_;
	}
	uint64_t bytes() const
	{
		return bytes_;
	}
	int64_t last() const
	{
		return last_;
	}

	/* Bytes of the pattern that a message may begin after. */
	static constexpr uint32_t offsets = 4096;

    private:
	struct connection {
		int fd = -1;
		bool busy = false; /* a request is under way */
		message what;
		uint32_t sent = 0;
		uint32_t received = 0;
		int64_t begin = 0; /* sent, or due in the open loop */
		int64_t issued = 0; /* for the time limit */
	};

	struct later {
		int64_t when;
		connection *which;
	};

	bool open(connection &which);
	void issue(connection &which, int64_t begin, int64_t time);
	void send(connection &which);
	void receive(connection &which);
	void complete(connection &which, int64_t time);
	void ready(connection &which, int64_t time);
	void release_due(int64_t time);
	void fail(connection &which, uint64_t &counter, int error, int64_t time);
	void overdue(int64_t time);
	message next();
	bool measured(int64_t time) const;
	bool over(int64_t time) const;
	void mark(int64_t time, bool end);
	int64_t next_due() const;
	uint32_t pick_size();

	const options &options_;
	const endpoint &server_;
	const unsigned char *const pattern_;
	const std::vector<message> messages_;
	const uint32_t fixed_size_; /* 0: a mix */
	const bool marks_; /* for bench/profile */
	bool begun_ = false;
	bool ended_ = false;

	int epoll_ = -1;
	int heartbeat_ = -1;
	window when_;
	std::vector<connection> connections_;
	std::vector<connection *> free_; /* open loop: no request is under way */
	std::deque<later> thinking_; /* in order, since all think equally long */
	std::vector<connection *> broken_; /* to be opened again */
	std::discrete_distribution<size_t> mix_;
	std::minstd_rand random_;

	double interval_ = 0; /* open loop, nanoseconds between this thread's requests */
	double phase_ = 0; /* of the first, as a share of the interval */
	uint64_t issued_ = 0; /* open loop: requests sent so far */
	uint64_t due_until_end_ = 0;
	uint64_t outstanding_ = 0;
	uint64_t share_ = 0; /* requests to measure; 0: until the end */
	uint64_t sequence_ = 0;

	histogram latencies_;
	errors errors_;
	uint64_t answered_ = 0;
	uint64_t bytes_ = 0;
	int64_t last_ = 0;
	std::atomic<uint64_t> published_ = 0;
	std::unique_ptr<unsigned char[]> buffer_;
};

} // namespace load
