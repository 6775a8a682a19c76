// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * capture INTERFACE PORT SIZE: how long a server takes, seen from its own machine's network card.
 *
 * It begins when a request of SIZE bytes of payload arrives for PORT. It ends when the first
 * payload of that size goes back to its sender. The kernel's packet sockets stamp both. Ends on
 * SIGTERM with a report whose names are echo-load's. The first 16 are not counted: caches and
 * routes are cold.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "../echo-load/histogram.hpp"

namespace
{

constexpr unsigned frame_size = 256; /* the headers, and a beginning */
constexpr unsigned block_size = 1 << 20;
constexpr unsigned frames = 131'072;
constexpr unsigned cold = 16;

[[noreturn]] void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Only frames with that payload are kept: a TCP header has 20 bytes here, or 32 with time stamps. */
void filter(int fd, unsigned payload)
{
	const unsigned plain = ETH_HLEN + 20 + 20 + payload;
	sock_filter code[] = {
		{ BPF_LD | BPF_W | BPF_LEN, 0, 0, 0 },
		{ BPF_JMP | BPF_JEQ | BPF_K, 1, 0, plain },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, plain + 12 },
		{ BPF_RET | BPF_K, 0, 0, 128 },
		{ BPF_RET | BPF_K, 0, 0, 0 },
	};
	const sock_fprog program = { 5, code };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program))
		die("capture: filter");
}

unsigned two_bytes(const unsigned char *at)
{
	return at[0] << 8 | at[1];
}

} // namespace

int main(int count, char **arguments)
{
	if (count != 4) {
		fprintf(stderr, "usage: capture INTERFACE PORT SIZE\n");
		return 2;
	}

	const unsigned port = static_cast<unsigned>(atoi(arguments[2]));
	const unsigned size = static_cast<unsigned>(atoi(arguments[3]));
	const int version = TPACKET_V2;
	const tpacket_req ring = { block_size, frames / (block_size / frame_size), frame_size,
				   frames };
	const size_t bytes = size_t{ frames } * frame_size;
	sockaddr_ll address = {};
	sigset_t end;
	int number;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, nullptr);

	const int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring))
		die("capture: packet socket");
	filter(fd, size);

	void *const map = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			       fd, 0);

	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(ETH_P_ALL);
	address.sll_ifindex = static_cast<int>(if_nametoindex(arguments[1]));
	if (map == MAP_FAILED || !address.sll_ifindex ||
	    bind(fd, reinterpret_cast<const sockaddr *>(&address), sizeof address))
		die("capture: interface");
	sigwait(&end, &number);

	std::vector<int64_t> asked(65'536, 0); /* by the client's port; 0: nothing is under way */
	load::histogram latencies;
	unsigned answered = 0;
	int64_t first = 0, last = 0;

	for (unsigned i = 0; i < frames; i++) {
		unsigned char *const frame = static_cast<unsigned char *>(map) +
					     size_t{ i } * frame_size;
		const auto *const head = reinterpret_cast<const tpacket2_hdr *>(frame);

		if (!(head->tp_status & TP_STATUS_USER))
			break;

		const unsigned char *const ip = frame + head->tp_mac + ETH_HLEN;
		const unsigned char *const tcp = ip + (ip[0] & 15) * 4;

		if (two_bytes(ip - 2) != ETH_P_IP || ip[9] != IPPROTO_TCP ||
		    two_bytes(ip + 2) - (ip[0] & 15) * 4 - (tcp[12] >> 4) * 4 != size)
			continue;

		const int64_t time = head->tp_sec * 1'000'000'000LL + head->tp_nsec;
		const unsigned from = two_bytes(tcp), to = two_bytes(tcp + 2);

		if (to == port && !asked[from]) {
			asked[from] = time;
		} else if (from == port && asked[to]) {
			if (++answered > cold)
				latencies.record(static_cast<uint64_t>(time - asked[to]));
			asked[to] = 0;
			last = time;
			first = first ? first : time;
		}
	}

	unsigned unanswered = 0;

	for (const int64_t each : asked)
		unanswered += each != 0;

	const double seconds = static_cast<double>(last - first) / 1e9;
	const auto at = [&latencies](double share) {
		return static_cast<unsigned long long>(latencies.percentile(share));
	};

	printf("{\n  \"seconds\": %.6f, \"requests\": %llu, \"requests_per_s\": %.2f,\n", seconds,
	       static_cast<unsigned long long>(latencies.count()),
	       seconds > 0 ? static_cast<double>(latencies.count()) / seconds : 0);
	printf("  \"latency_ns\": {\"p50\": %llu, \"p90\": %llu, \"p99\": %llu, \"p99.9\": %llu, \"max\": %llu},\n",
	       at(50), at(90), at(99), at(99.9),
	       static_cast<unsigned long long>(latencies.count() ? latencies.most() : 0));
	/* A request that was captured and its answer not: the ring was full, or it hangs. */
	printf("  \"errors\": {\"unanswered\": %u}, \"idle_lost\": 0\n}\n", unanswered);
	return 0;
}
