// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The common part of the reference echo servers: the command line, the listener, the socket
 * options, and the echo itself. Each server's own file holds only how it waits for many clients at
 * once.
 *
 * All of them set TCP_NODELAY and SO_REUSEADDR, and listen on IPv4 and IPv6. They read at most 16
 * KiB at a time, and send everything back before they read on. They end with 0 on SIGTERM or
 * SIGINT.
 */
#pragma once

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

namespace reference
{

constexpr size_t buffer_size = 16384;

struct settings {
	int port = 12345;
	int backlog = 4096; /* and no more than net.core.somaxconn */
	int workers = 0; /* of the servers that have a fixed number */
};

[[noreturn, gnu::format(printf, 1, 2)]] inline void die(const char *format, ...)
{
	const int error = errno;
	va_list arguments;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	if (error)
		fprintf(stderr, ": %s", strerror(error));
	fputc('\n', stderr);
	exit(1);
}

inline int whole_number(const char *name, const char *text, long most)
{
	char *end;
	const long value = strtol(text, &end, 10);

	if (end == text || *end || value < 1 || value > most) {
		fprintf(stderr, "%s: --%s cannot be '%s': a whole number from 1 to %ld\n",
			program_invocation_short_name, name, text, most);
		exit(2);
	}
	return static_cast<int>(value);
}

/* The settings; workers is the default number of them, 0 where there is no such choice. */
inline settings parse(int count, char **arguments, const char *what, int workers = 0)
{
	static const option options[] = { { "port", required_argument, nullptr, 'p' },
					  { "backlog", required_argument, nullptr, 'b' },
					  { "help", no_argument, nullptr, 'h' },
					  { "workers", required_argument, nullptr, 'w' },
					  {} };
	settings result;

	result.workers = workers;
	for (int which; (which = getopt_long(count, arguments, "h", options, nullptr)) != -1;) {
		if (which == 'p') {
			result.port = whole_number("port", optarg, 65'535);
		} else if (which == 'b') {
			result.backlog = whole_number("backlog", optarg, 1'000'000);
		} else if (which == 'w' && workers) {
			result.workers = whole_number("workers", optarg, 10'000);
		} else if (which == 'h') {
			printf("%s: a TCP echo server: %s\n\n"
			       "  --port N       (12345)\n"
			       "  --backlog N    connections that may wait to be accepted (4096)\n",
			       program_invocation_short_name, what);
			if (workers)
				printf("  --workers N    (%d)\n", workers);
			printf("  --help         this text\n\nEnds on SIGINT or SIGTERM.\n");
			exit(0);
		} else {
			if (which == 'w')
				fprintf(stderr, "%s: it has no --workers\n",
					program_invocation_short_name);
			fprintf(stderr, "Try '%s --help'.\n", program_invocation_short_name);
			exit(2);
		}
	}
	if (optind != count) {
		fprintf(stderr, "%s: unexpected '%s'. Try '%s --help'.\n",
			program_invocation_short_name, arguments[optind],
			program_invocation_short_name);
		exit(2);
	}
	return result;
}

/* A socket for IPv4 and IPv6 at the port; only for IPv4 where there is no IPv6. */
inline int bound_socket(int port, int type)
{
	const int one = 1, zero = 0;
	sockaddr_in6 v6 = {};
	sockaddr_in v4 = {};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | type, 0);

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
		v6.sin6_family = AF_INET6;
		v6.sin6_port = htons(static_cast<uint16_t>(port));
		if (!bind(fd, reinterpret_cast<sockaddr *>(&v6), sizeof v6))
			return fd;
		if (errno == EADDRINUSE || errno == EACCES)
			die("port %d", port);
		close(fd);
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | type, 0);
	if (fd < 0)
		die("no TCP socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	v4.sin_family = AF_INET;
	v4.sin_port = htons(static_cast<uint16_t>(port));
	if (bind(fd, reinterpret_cast<sockaddr *>(&v4), sizeof v4))
		die("port %d", port);
	return fd;
}

/* The listening socket, with room for as many connections as the system allows; type may be
 * SOCK_NONBLOCK. The children of a server that forks end with it. */
inline int start(const settings &asked, int type = 0)
{
	rlimit files;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, [](int) { _exit(0); });
	signal(SIGINT, [](int) { _exit(0); });
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		/* Beyond the hard limit only root may go. */
		const rlimit more = { 1'048'576, 1'048'576 };

		if (setrlimit(RLIMIT_NOFILE, &more)) {
			files.rlim_cur = files.rlim_max;
			setrlimit(RLIMIT_NOFILE, &files);
		}
	}

	const int fd = bound_socket(asked.port, type);

	if (listen(fd, asked.backlog))
		die("listen");
	return fd;
}

/* A connection with its options set, or -1 with errno. */
inline int accept_one(int listener, int type = 0)
{
	const int one = 1;
	const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | type);

	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

/* The same, waiting for one; out of descriptors or memory, it waits for those. */
inline int accept_blocking(int listener)
{
	while (true) {
		const int fd = accept_one(listener);

		if (fd >= 0)
			return fd;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			usleep(10'000);
		else if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK)
			die("accept");
	}
}

/* Echoes on a blocking socket until the client leaves, and closes it. */
inline void serve(int fd)
{
	char buffer[buffer_size];
	ssize_t got;

	while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0 || (got < 0 && errno == EINTR)) {
		for (ssize_t sent = 0; sent < got;) {
			const ssize_t did = send(fd, buffer + sent, static_cast<size_t>(got - sent),
						 MSG_NOSIGNAL);

			if (did >= 0) {
				sent += did;
			} else if (errno != EINTR) {
				close(fd);
				return;
			}
		}
	}
	close(fd);
}

/* One connection of a server that waits for many at once, on a non-blocking socket. It owns
 * memory only while the client does not take what it sent. */
class client {
    public:
	enum class next { read, write, closed };

	explicit client(int fd) : fd_(fd)
	{
	}
	client(client &&other) noexcept
		: fd_(std::exchange(other.fd_, -1)), pending_(std::move(other.pending_)),
		  sent_(other.sent_)
	{
	}
	client &operator=(client &&other) noexcept
	{
		std::swap(fd_, other.fd_);
		std::swap(pending_, other.pending_);
		std::swap(sent_, other.sent_);
		return *this;
	}
	~client()
	{
		if (fd_ >= 0)
			close(fd_);
	}

	int fd() const
	{
		return fd_;
	}
	bool writing() const
	{
		return !pending_.empty();
	}

	/* Reads once and sends back, or goes on sending; then says what to wait for. To be called
	 * when that is possible. */
	next step()
	{
		static char buffer[buffer_size];

		if (writing())
			return resume();

		const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return next::read;
		if (got <= 0)
			return next::closed;

		ssize_t did = send(fd_, buffer, static_cast<size_t>(got), MSG_NOSIGNAL);

		if (did == got)
			return next::read;
		if (did < 0 && errno != EAGAIN && errno != EINTR)
			return next::closed;
		pending_.assign(buffer + (did < 0 ? 0 : did), buffer + got);
		sent_ = 0;
		return next::write;
	}

    private:
	next resume()
	{
		while (sent_ < pending_.size()) {
			const ssize_t did = send(fd_, pending_.data() + sent_,
						 pending_.size() - sent_, MSG_NOSIGNAL);

			if (did >= 0)
				sent_ += static_cast<size_t>(did);
			else if (errno == EAGAIN)
				return next::write;
			else if (errno != EINTR)
				return next::closed;
		}
		pending_ = {};
		return next::read;
	}

	int fd_;
	std::vector<char> pending_;
	size_t sent_ = 0;
};

} // namespace reference
