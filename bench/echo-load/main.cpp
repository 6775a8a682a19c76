// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * echo-load: load for a TCP echo server. `echo-load --help`.
 */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <thread>

#include "../profile/mark.h"
#include "http.hpp"
#include "load.hpp"

namespace load
{

volatile std::sig_atomic_t interrupted;

namespace
{

[[gnu::format(printf, 1, 2)]] int give_up(const char *format, ...)
{
	va_list arguments;

	fputs("echo-load: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return 1;
}

/* The meaning of an error in connecting, for a person at a keyboard. */
std::string explain(const options &asked, int error)
{
	const std::string place = asked.host + " port " + std::to_string(asked.port);

	switch (error) {
	case ECONNREFUSED:
		return "nothing listens on " + place +
		       ": start a server there, or choose with --host and --port (--wait TIME waits for one)";
	case EADDRNOTAVAIL:
		return "no source port is free for another connection to " + place +
		       ": use more source addresses (--sources N, for 127.*) or widen net.ipv4.ip_local_port_range";
	case ETIMEDOUT:
		return place +
		       " did not answer within --timeout: it may serve fewer connections at once than asked for";
	case ECONNRESET:
		return place + " ended a connection: it may allow fewer connections than asked for";
	case EBADMSG:
		return place + " is not an echo server: other bytes came back";
	default:
		return place + ": " + strerror(error);
	}
}

class run {
    public:
	run(const options &asked, const endpoint &server)
		: asked_(asked), server_(server), pattern_(asked.largest() + worker::offsets)
	{
		uint32_t state = 1;

		for (unsigned char &each : pattern_)
			each = static_cast<unsigned char>((state = state * 1664525 + 1013904223) >>
							  24);
	}
	~run()
	{
		for (const int each : idle_)
			close(each);
	}

	int operator()();

    private:
	int find_server();
	int open_idle();
	int echo_idle();
	memory_cost cost(const char *when, const memory &before) const;
	double watch() const;
	int unload();
	void tick(int64_t time);
	void progress(const char *format, double value) const;

	const options &asked_;
	const endpoint &server_;
	std::vector<unsigned char> pattern_;
	std::vector<int> idle_;
	std::vector<std::unique_ptr<worker>> workers_;
	outcome result_;

	window when_;
	cpu_time cpu_start_;
	int64_t shown_ = 0;
	uint64_t shown_answered_ = 0;
};

int run::find_server()
{
	const int64_t limit = now() + asked_.wait;

	while (true) {
		const int fd = server_.connect(asked_.timeout);

		if (fd >= 0) {
			close(fd);
			return 0;
		}
		if (fd != -ECONNREFUSED || now() >= limit || interrupted)
			return give_up("%s", explain(asked_, -fd).c_str());
		usleep(10'000);
	}
}

void run::progress(const char *format, double value) const
{
	if (!asked_.progress)
		return;
	fprintf(stderr, "echo-load: ");
	fprintf(stderr, format, value);
	fputc('\n', stderr);
}

int run::open_idle()
{
	int64_t shown = now();

	idle_.reserve(asked_.idle);
	while (idle_.size() < asked_.idle && !interrupted) {
		const int fd = server_.connect(asked_.timeout);
		int error = fd < 0 ? -fd : 0;

		if (!error) {
			idle_.push_back(fd);
			/* Lets the server accept, before its queue is full. */
			if (idle_.size() % accept_batch == 0 || idle_.size() == asked_.idle)
				error = exchange(fd, pattern_.data(), 1);
		}
		if (error)
			return give_up("idle connection %zu of %u: %s", idle_.size() + 1,
				       asked_.idle, explain(asked_, error).c_str());
		if (now() - shown > 1'000'000'000) {
			shown = now();
			progress("%.0f idle connections open", static_cast<double>(idle_.size()));
		}
	}
	return 0;
}

int run::echo_idle()
{
	const size_t length = asked_.largest();

	for (const int each : idle_)
		if (const int error = exchange(each, pattern_.data(), length))
			return give_up("echo over an idle connection: %s",
				       explain(asked_, error).c_str());
	return 0;
}

memory_cost run::cost(const char *when, const memory &before) const
{
	/* Memory that is freed after a grace period is to be gone. */
	sleep(1);

	const memory after = read_memory();
	const double count = asked_.idle;

	return { when, static_cast<double>(before.available - after.available) / count,
		 static_cast<double>(after.slab - before.slab) / count,
		 static_cast<double>(after.stacks - before.stacks) / count,
		 grown(before, after, asked_.idle) };
}

/* How busy the machine is while no client asks it for anything. */
double run::watch() const
{
	const timespec pause = { asked_.watch / 1'000'000'000, asked_.watch % 1'000'000'000 };

	/* The rest of the opening's work is to be done. */
	sleep(1);

	const cpu_time before = read_cpu_time();

	nanosleep(&pause, nullptr);
	return busy_per_second(before, read_cpu_time());
}

/* The server's part of the end of all connections that are still open: see delete_module(2). */
int run::unload()
{
	const int64_t begin = now();

	if (asked_.mark)
		PROFILE_MARK(PROFILE_BEGIN);
	if (syscall(SYS_delete_module, asked_.unload.c_str(), 0))
		return give_up("--unload %s: %s", asked_.unload.c_str(), strerror(errno));
	if (asked_.mark)
		PROFILE_MARK(PROFILE_END);
	result_.unloaded = static_cast<double>(now() - begin) / 1e9;
	return 0;
}

/* By the first worker's thread, some ten times a second. */
void run::tick(int64_t time)
{
	if (!asked_.progress || time - shown_ < 1'000'000'000)
		return;

	uint64_t answered = 0;

	for (const auto &each : workers_)
		answered += each->answered();
	fprintf(stderr, "echo-load: %4.0f s  %12.0f requests/s%s\n",
		static_cast<double>(time - when_.begin) / 1e9,
		static_cast<double>(answered - shown_answered_) /
			static_cast<double>(time - shown_) * 1e9,
		time > when_.start ? "" : "  (warming up)");
	shown_ = time;
	shown_answered_ = answered;
}

int run::operator()()
{
	if (const std::string problem = raise_descriptor_limit(
		    uint64_t{ asked_.connections } + asked_.idle + 2 * asked_.threads + 16);
	    !problem.empty())
		return give_up("%s", problem.c_str());
	if (const int status = find_server())
		return status;

	const memory before = asked_.memory ? read_memory() : memory{};

	if (const int status = open_idle())
		return status;
	if (asked_.memory)
		result_.memory.push_back(cost("fresh", before));
	if (asked_.idle_echo) {
		if (const int status = echo_idle())
			return status;
		if (asked_.memory)
			result_.memory.push_back(cost("echoed", before));
	}

	if (asked_.watch)
		result_.watched = watch();

	const pages known = learn(asked_, server_);
	std::vector<message> messages;

	if (!known.error.empty())
		return give_up("%s", known.error.c_str());
	for (const page &each : known.all)
		messages.push_back(each.as_message());
	for (unsigned i = 0; i < asked_.threads; i++)
		workers_.push_back(
			std::make_unique<worker>(asked_, server_, pattern_.data(), i, messages));

	/* The first worker runs in this thread: with one worker there is no other. */
	bool connected = true;
	std::barrier ready(static_cast<ptrdiff_t>(asked_.threads), [this, &connected]() noexcept {
		for (const auto &each : workers_)
			connected = connected && !each->failures().connect;
		/* Before the load, of which it would be a part: this takes its time. */
		cpu_start_ = read_cpu_time();
		when_.begin = shown_ = now();
		when_.start = when_.begin + asked_.warmup;
		when_.end = when_.start + asked_.duration;
	});
	std::vector<std::thread> threads;
	const auto work = [&](worker &which, const std::function<void(int64_t)> &tick) {
		which.connect();
		ready.arrive_and_wait();
		if (connected)
			which.run(when_, tick);
	};

	for (unsigned i = 1; i < asked_.threads; i++)
		threads.emplace_back(
			[&work, &which = *workers_[i]] { work(which, [](int64_t) {}); });
	work(*workers_[0], [this](int64_t time) { tick(time); });
	for (std::thread &each : threads)
		each.join();
	result_.idle_percent = idle_percent(cpu_start_, read_cpu_time());

	int64_t last = 0;

	for (const auto &each : workers_) {
		result_.latencies.add(each->latencies());
		result_.failures.add(each->failures());
		result_.bytes += each->bytes();
		last = std::max(last, each->last());
	}
	if (!connected)
		return give_up("%s", explain(asked_, result_.failures.last).c_str());

	/* A closed loop's measurement ends when it should; others with the last reply. */
	if (!asked_.requests && !interrupted)
		last = asked_.rate > 0 ? std::max(last, when_.end) : when_.end;
	result_.seconds = static_cast<double>(std::max<int64_t>(last - when_.start, 0)) / 1e9;
	for (const int each : idle_) {
		char byte;

		if (recv(each, &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0 || errno != EAGAIN)
			result_.idle_lost++;
	}
	if (!asked_.unload.empty())
		if (const int status = unload())
			return status;
	fputs(report(asked_, result_).c_str(), stdout);
	return result_.failures.all() || result_.idle_lost || !result_.latencies.count() ? 1 : 0;
}

} // namespace
} // namespace load

int main(int count, char **arguments)
{
	load::command_line asked = load::parse({ arguments + 1, arguments + count });

	if (asked.help) {
		fputs(load::help_text, stdout);
		return 0;
	}
	if (!asked.error.empty()) {
		fprintf(stderr, "echo-load: %s\nTry 'echo-load --help'.\n", asked.error.c_str());
		return 2;
	}
	asked.values.progress = !asked.values.quiet && (asked.values.progress || isatty(2));

	const auto server = load::endpoint::create(asked.values.host, asked.values.port,
						   asked.values.source_addresses());

	if (!server) {
		fprintf(stderr,
			"echo-load: --host %s: an IPv4 or IPv6 address is needed, not a name\n",
			asked.values.host.c_str());
		return 2;
	}

	struct sigaction end = {};

	end.sa_handler = [](int) { load::interrupted = 1; };
	end.sa_flags = static_cast<int>(SA_RESETHAND);
	sigaction(SIGINT, &end, nullptr);
	sigaction(SIGTERM, &end, nullptr);
	signal(SIGPIPE, SIG_IGN);
	try {
		return load::run(asked.values, *server)();
	} catch (const std::exception &error) {
		return load::give_up("%s", error.what());
	}
}
