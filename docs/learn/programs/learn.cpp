// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The clients of the experiments:
 *
 *	learn epoll		what level and edge triggered epoll say of the same socket
 *	learn hold PORT N	N connections, held until it is killed; prints "held" when they are there
 *	learn ask PORT		sends a message, and says what came of it within two seconds
 *	learn again PORT	connects from port 20000 and closes first; says whether it could
 */
#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <string_view>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace
{

sockaddr_in loopback(int port)
{
	sockaddr_in address{};

	address.sin_family = AF_INET;
	address.sin_port = htons(static_cast<in_port_t>(port));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

int connected(int port, int from = 0)
{
	const sockaddr_in local = loopback(from), remote = loopback(port);
	const int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if ((!from || !bind(fd, reinterpret_cast<const sockaddr *>(&local), sizeof local)) &&
	    !connect(fd, reinterpret_cast<const sockaddr *>(&remote), sizeof remote))
		return fd;
	const int error = errno;
	close(fd);
	errno = error;
	return -1;
}

void epoll_of(const char *name, std::uint32_t trigger)
{
	int ends[2];
	char byte;
	epoll_event event{ .events = EPOLLIN | trigger, .data = {} };
	const int poller = epoll_create1(0);
	const auto says = [&] {
		return epoll_wait(poller, &event, 1, 200) ? "readable" : "nothing";
	};

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) ||
	    epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &event))
		exit(1);
	if (write(ends[1], "ab", 2) != 2)
		exit(1);
	printf("%s: 2 bytes came: %s\n", name, says());
	if (read(ends[0], &byte, 1) != 1)
		exit(1);
	printf("%s: one of them read, nothing new: %s\n", name, says());
	if (write(ends[1], "c", 1) != 1)
		exit(1);
	printf("%s: another byte came: %s\n", name, says());
}

int hold(int port, int count)
{
	const rlimit files{ 65536, 65536 };

	setrlimit(RLIMIT_NOFILE, &files);
	for (int i = 0; i < count; i++)
		if (connected(port) < 0)
			return perror("connect"), 1;
	puts("held");
	fflush(stdout);
	pause();
	return 0;
}

void ask(int port)
{
	const int fd = connected(port);
	char reply[8];
	pollfd readable{ fd, POLLIN, 0 };

	/* A server that refuses resets the connection, which may be seen at once or later. */
	if (fd >= 0 && write(fd, "hello", 5) == 5 && !poll(&readable, 1, 2000))
		puts("no answer in two seconds");
	else if (fd >= 0 && read(fd, reply, sizeof reply) == 5)
		puts("answered");
	else
		puts("refused");
}

void again(int port)
{
	const int fd = connected(port, 20000);
	char byte;

	if (fd < 0) {
		puts(strerror(errno));
		return;
	}
	/* First to close: TIME-WAIT is ours. */
	shutdown(fd, SHUT_WR);
	while (read(fd, &byte, 1) > 0)
		;
	puts("connected");
}

} // namespace

int main(int argc, char **argv)
{
	const std::string_view what = argc > 1 ? argv[1] : "";
	const int port = argc > 2 ? atoi(argv[2]) : 0;

	signal(SIGPIPE, SIG_IGN);
	if (what == "epoll") {
		epoll_of("level", 0);
		epoll_of("edge", EPOLLET);
	} else if (what == "hold" && argc > 3) {
		return hold(port, atoi(argv[3]));
	} else if (what == "ask" && port) {
		ask(port);
	} else if (what == "again" && port) {
		again(port);
	} else {
		fputs("usage: learn epoll | hold PORT N | ask PORT | again PORT\n", stderr);
		return 2;
	}
	return 0;
}
