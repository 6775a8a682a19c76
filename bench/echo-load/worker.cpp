// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "worker.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <limits>
#include <system_error>

#include "../profile/mark.h"
#include "load.hpp"

namespace load
{

namespace
{

constexpr int64_t never = std::numeric_limits<int64_t>::max();
constexpr size_t buffer_size = 65536;
constexpr uint32_t both = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

void must(int result, const char *what)
{
	if (result < 0)
		throw std::system_error(errno, std::generic_category(), what);
}

/* The part of a whole that falls to one of several. */
template <typename Number>
Number part(Number whole, unsigned parts, unsigned number)
{
	return whole / parts + (number < whole % parts ? 1 : 0);
}

} // namespace

void errors::add(const errors &more)
{
	connect += more.connect;
	closed += more.closed;
	wrong += more.wrong;
	timeout += more.timeout;
	other += more.other;
	if (more.last)
		last = more.last;
}

worker::worker(const options &all, const endpoint &server, const unsigned char *pattern,
	       unsigned number, const std::vector<message> &messages)
	: options_(all), server_(server), pattern_(pattern), messages_(messages),
	  fixed_size_(all.sizes.size() == 1 ? all.sizes[0].size : 0),
	  marks_(all.mark && all.unload.empty() && number == 0),
	  connections_(part(all.connections, all.threads, number)), random_(number + 1),
	  phase_(static_cast<double>(number) / all.threads),
	  share_(part(all.requests, all.threads, number)),
	  buffer_(std::make_unique<unsigned char[]>(buffer_size))
{
	std::vector<double> weights;
	const itimerspec tenth = { { 0, 100'000'000 }, { 0, 100'000'000 } };
	epoll_event event = { EPOLLIN, { nullptr } };

	for (const share &each : all.sizes)
		weights.push_back(each.weight);
	mix_ = { weights.begin(), weights.end() };
	if (all.rate > 0)
		interval_ = 1e9 * all.threads / all.rate;
	must(epoll_ = epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	must(heartbeat_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
	     "timerfd_create");
	must(timerfd_settime(heartbeat_, 0, &tenth, nullptr), "timerfd_settime");
	must(epoll_ctl(epoll_, EPOLL_CTL_ADD, heartbeat_, &event), "epoll_ctl");
}

worker::~worker()
{
	for (const connection &each : connections_)
		if (each.fd >= 0)
			close(each.fd);
	close(heartbeat_);
	close(epoll_);
}

bool worker::connect()
{
	if (options_.per_request)
		return true;
	for (size_t i = 0; i < connections_.size(); i++) {
		connection &each = connections_[i];
		const int fd = server_.connect(options_.timeout);
		int error = fd < 0 ? -fd : 0;

		/* Lets the server accept, before its queue is full. */
		if (!error && messages_.empty() && i % accept_batch == accept_batch - 1)
			error = exchange(fd, pattern_, 1);
		if (error) {
			if (fd >= 0)
				close(fd);
			errors_.connect++;
			errors_.last = error;
			return false;
		}

		epoll_event event = { both, { &each } };

		each.fd = fd;
		fcntl(fd, F_SETFL, O_NONBLOCK);
		must(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
	}
	return true;
}

/* Begins to connect. The caller sends, in vain at first where the way to the server is long, and
 * tells epoll. */
bool worker::open(connection &which)
{
	which.fd = server_.open(false);
	if (which.fd >= 0)
		return true;
	errors_.last = -which.fd;
	which.fd = -1;
	return false;
}

uint32_t worker::pick_size()
{
	return fixed_size_ ? fixed_size_ : options_.sizes[mix_(random_)].size;
}

message worker::next()
{
	if (!messages_.empty())
		return messages_[sequence_++ % messages_.size()];

	message result;

	/* Another part of the pattern each time, so that a reply that is not ours shows. */
	result.request = pattern_ + static_cast<uint32_t>(++sequence_ * 2654435761u >> 7) % offsets;
	result.reply = result.request;
	result.request_size = result.reply_size = pick_size();
	result.echo = true;
	return result;
}

void worker::issue(connection &which, int64_t begin, int64_t time)
{
	which.begin = begin;
	which.issued = time;
	which.what = next();
	which.sent = 0;
	which.received = 0;
	which.busy = true;
	outstanding_++;

	if (which.fd >= 0) {
		send(which);
		return;
	}
	if (!open(which)) {
		fail(which, errors_.connect, errors_.last, time);
		return;
	}
	send(which);
	if (which.fd < 0)
		return;

	/* Nothing left to send is nothing to be told of. */
	epoll_event event = {
		both & (which.sent == which.what.request_size ? ~0u & ~EPOLLOUT : ~0u), { &which }
	};

	must(epoll_ctl(epoll_, EPOLL_CTL_ADD, which.fd, &event), "epoll_ctl");
}

void worker::send(connection &which)
{
	while (which.sent < which.what.request_size) {
		const ssize_t did = ::send(which.fd, which.what.request + which.sent,
					   which.what.request_size - which.sent, MSG_NOSIGNAL);

		if (did >= 0) {
			which.sent += static_cast<uint32_t>(did);
			continue;
		}
		if (errno == EAGAIN)
			return;

		const int error = errno;

		if (error == EPIPE || error == ECONNRESET)
			fail(which, errors_.closed, error, now());
		else
			fail(which, errors_.connect, error, now());
		return;
	}
}

void worker::receive(connection &which)
{
	while (true) {
		const ssize_t got = recv(which.fd, buffer_.get(), buffer_size, 0);

		if (got > 0) {
			if (!which.busy || got > which.what.due(which.sent) - which.received ||
			    !which.what.has(which.received, buffer_.get(),
					    static_cast<uint32_t>(got))) {
				fail(which, errors_.wrong, EBADMSG, now());
				return;
			}
			which.received += static_cast<uint32_t>(got);
			if (which.received == which.what.reply_size) {
				complete(which, now());
				return;
			}
			/* Less than there was room for was all; epoll announces more. */
			if (static_cast<size_t>(got) < buffer_size)
				return;
		} else if (got == 0) {
			fail(which, errors_.closed, ECONNRESET, now());
			return;
		} else if (errno == EAGAIN || errno == ENOTCONN) {
			return;
		} else {
			const int error = errno;

			fail(which, error == ECONNRESET ? errors_.closed : errors_.connect, error,
			     now());
			return;
		}
	}
}

void worker::complete(connection &which, int64_t time)
{
	which.busy = false;
	outstanding_--;
	if (interval_ > 0 ? which.begin >= when_.start : time >= when_.start && time < when_.end) {
		latencies_.record(static_cast<uint64_t>(time - which.begin));
		bytes_ += which.what.reply_size;
		published_.store(++answered_, std::memory_order_relaxed);
	}
	last_ = time;
	if (options_.per_request) {
		close(which.fd);
		which.fd = -1;
	}
	ready(which, time);
}

/* The connection may have its next request. */
void worker::ready(connection &which, int64_t time)
{
	if (interval_ > 0)
		free_.push_back(&which);
	else if (measured(time))
		return;
	else if (options_.think)
		thinking_.push_back({ time + options_.think, &which });
	else
		issue(which, time, time);
}

int64_t worker::next_due() const
{
	if (interval_ <= 0)
		return thinking_.empty() ? never : thinking_.front().when;
	if (issued_ == due_until_end_)
		return never;
	return when_.begin +
	       static_cast<int64_t>((static_cast<double>(issued_) + phase_) * interval_);
}

/* Sends what is due by now, as far as there are connections for it. */
void worker::release_due(int64_t time)
{
	if (interval_ <= 0) {
		while (!measured(time) && !thinking_.empty() && thinking_.front().when <= time) {
			connection &which = *thinking_.front().which;

			thinking_.pop_front();
			issue(which, time, time);
		}
		return;
	}
	while (!free_.empty()) {
		const int64_t due = next_due();

		if (due > time)
			return;

		connection &which = *free_.back();

		free_.pop_back();
		issued_++;
		issue(which, due, time);
	}
}

/* Its request is lost; the connection is opened anew at the next heartbeat, not at once: a server
 * that is gone would have us spin. */
void worker::fail(connection &which, uint64_t &counter, int error, int64_t time)
{
	counter++;
	errors_.last = error;
	last_ = time;
	if (which.busy)
		outstanding_--;
	which.busy = false;
	if (which.fd >= 0)
		close(which.fd);
	which.fd = -1;
	std::erase(free_, &which);
	std::erase_if(thinking_, [&](const later &each) { return each.which == &which; });
	broken_.push_back(&which);
}

void worker::overdue(int64_t time)
{
	for (connection &each : connections_)
		if (each.busy && time - each.issued > options_.timeout)
			fail(each, errors_.timeout, ETIMEDOUT, time);
}

/* Of the closed loop: whether it is at its end, but for what is under way. */
bool worker::measured(int64_t time) const
{
	return share_ ? answered_ >= share_ : time >= when_.end;
}

bool worker::over(int64_t time) const
{
	if (interrupted)
		return true;
	/* A request that hangs is an error as soon as its time is up, and never unnoticed. */
	if (interval_ <= 0)
		return measured(time) && !outstanding_;
	/* Requests that were due before the end are waited for, within limits. */
	return issued_ == due_until_end_ ? !outstanding_ :
					   time >= when_.end && time - when_.end > options_.timeout;
}

/* Where the measurement begins, and where it ends. */
void worker::mark(int64_t time, bool end)
{
	if (!marks_)
		return;
	if (!begun_ && time >= when_.start) {
		begun_ = true;
		PROFILE_MARK(PROFILE_BEGIN);
	}
	if (begun_ && !ended_ && end) {
		ended_ = true;
		PROFILE_MARK(PROFILE_END);
	}
}

void worker::run(const window &when, const std::function<void(int64_t)> &tick)
{
	epoll_event events[256];
	int64_t time = now();
	unsigned beats = 0;

	when_ = when;
	last_ = time;
	if (interval_ > 0) {
		const auto due_before = [this](int64_t then) {
			return static_cast<uint64_t>(std::max(
				0.0, std::ceil(static_cast<double>(then - when_.begin) / interval_ -
					       phase_)));
		};

		if (share_) {
			due_until_end_ = due_before(when_.start) + share_;
			when_.end = when_.begin +
				    static_cast<int64_t>(static_cast<double>(due_until_end_) *
							 interval_);
		} else {
			due_until_end_ = due_before(when_.end);
		}
		/* The default rounds what epoll waits up by 50 microseconds. */
		prctl(PR_SET_TIMERSLACK, 1);
		for (connection &each : connections_)
			free_.push_back(&each);
	} else {
		if (share_)
			when_.end = never;
		for (connection &each : connections_)
			issue(each, now(), now());
	}

	const bool timed = interval_ > 0 || options_.think;

	while (!over(time)) {
		bool beat = false;
		int count;

		if (timed) {
			const int64_t due = free_.empty() && interval_ > 0 ? never : next_due();

			if (due != never) {
				const int64_t left = std::max<int64_t>(due - now(), 0);
				const timespec wait = { left / 1'000'000'000,
							left % 1'000'000'000 };

				count = epoll_pwait2(epoll_, events, std::size(events), &wait,
						     nullptr);
			} else {
				count = epoll_wait(epoll_, events, std::size(events), -1);
			}
		} else {
			count = epoll_wait(epoll_, events, std::size(events), -1);
		}
		for (int i = 0; i < count; i++) {
			const uint32_t what = events[i].events;

			if (!events[i].data.ptr) {
				uint64_t expirations;

				/* It goes on only when it is read. */
				beat = read(heartbeat_, &expirations, sizeof expirations) > 0;
				continue;
			}

			connection &which = *static_cast<connection *>(events[i].data.ptr);

			if (which.fd >= 0 && what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
				receive(which);
			if (which.fd >= 0 && what & EPOLLOUT && which.busy)
				send(which);
		}
		time = timed || beat ? now() : last_;
		mark(time, interval_ <= 0 && measured(time));
		if (timed)
			release_due(time);
		if (!beat)
			continue;
		if (++beats % 10 == 0 || (interval_ <= 0 && measured(time)))
			overdue(time);

		std::vector<connection *> again;

		if (interval_ > 0 || !measured(time))
			again.swap(broken_);
		for (connection *each : again) {
			if (options_.per_request) {
				ready(*each, time);
				continue;
			}
			if (!open(*each)) {
				fail(*each, errors_.connect, errors_.last, time);
				continue;
			}

			epoll_event event = { both, { each } };

			must(epoll_ctl(epoll_, EPOLL_CTL_ADD, each->fd, &event), "epoll_ctl");
			ready(*each, time);
		}
		tick(time);
	}
	mark(time, true);
	/* The open loop's debts. */
	if (interval_ > 0 && !interrupted)
		errors_.timeout += due_until_end_ - issued_ + outstanding_;
}

} // namespace load
