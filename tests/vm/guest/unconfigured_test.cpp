// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// A server without parameters ends the peers that would hold it for ever. The guest's clock skips idle time, so
// minutes of theirs are seconds of ours.
#include "cable.hpp"

#include <sys/resource.h>

namespace vm
{
namespace
{

// How long it takes until so many are left.
clock::duration until_active(long count)
{
	const auto start = clock::now();
	// Looking is all that takes instructions here.
	while (statistic("active") != count && clock::now() - start < 1h)
		std::this_thread::sleep_for(1s);
	EXPECT_EQ(statistic("active"), count);
	return clock::now() - start;
}

class unconfigured : public cable {
    protected:
	~unconfigured() override
	{
		leave();
	}

	// Both have an answer. Then the way of the one that has the cable is cut.
	void cut_off(client &living, client &gone)
	{
		ASSERT_EQ(echo(living, "hello"), "");
		ASSERT_EQ(echo(gone, "hello"), "");
		cut_requests();
		cut_replies();
	}

	// Connects and says nothing. A port of its own: the kernel's search for one would take longer.
	void connect_from(in_addr_t address, unsigned port)
	{
		const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ASSERT_GE(made, 0) << std::strerror(errno);
		sockaddr_in at{};
		at.sin_family = AF_INET;
		at.sin_addr.s_addr = htonl(address);
		at.sin_port = htons(port);
		ASSERT_EQ(::bind(made, reinterpret_cast<sockaddr *>(&at), sizeof at), 0)
			<< port << ": " << std::strerror(errno);
		at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		at.sin_port = htons(server_port);
		// The server may have refused it by now.
		static_cast<void>(::connect(made, reinterpret_cast<sockaddr *>(&at), sizeof at));
		sockets_.push_back(made);
	}

	void leave()
	{
		for (const int each : sockets_)
			::close(each);
		sockets_.clear();
	}

    private:
	std::vector<int> sockets_;
};
FOR_EVERY_MODEL(unconfigured);

TEST_P(unconfigured, a_peer_that_vanished_goes_and_one_that_speaks_stays)
{
	load_model();
	client living({ .address = "127.0.0.1" }), gone = connect();
	ASSERT_NO_FATAL_FAILURE(cut_off(living, gone));
	const auto start = clock::now();
	while (statistic("active") == 2 && clock::now() - start < 1h) {
		ASSERT_EQ(echo(living, "still there"), "");
		std::this_thread::sleep_for(10s);
	}
	EXPECT_GT(clock::now() - start, 580s);
	EXPECT_LT(clock::now() - start, 660s);
	EXPECT_EQ(statistic("active"), 1);
	EXPECT_EQ(statistic("timed_out_idle"), 1);
	EXPECT_EQ(echo(living, "still there"), "");
	heal();
}

// Not a default (docs/modules.md, "Probes").
TEST_P(unconfigured, probes_find_a_peer_that_vanished_sooner)
{
	load_model("keepalive_idle_s=180 keepalive_interval_s=15 keepalive_probes=4");
	client living({ .address = "127.0.0.1" }), gone = connect();
	ASSERT_NO_FATAL_FAILURE(cut_off(living, gone));
	const auto took = until_active(1);
	EXPECT_GT(took, 180s);
	EXPECT_LT(took, 300s);
	// TCP itself ended it: no timeout of the server's.
	EXPECT_EQ(statistic("timed_out"), 0);
	EXPECT_EQ(statistic("closed"), 1);
	EXPECT_EQ(echo(living, "still there"), "");
	heal();
}

TEST_P(unconfigured, a_peer_that_says_nothing_goes)
{
	load_model();
	client quiet({ .address = "127.0.0.1" }), silent({ .address = "127.0.0.1" });
	ASSERT_EQ(echo(quiet, "hello"), "");
	ASSERT_TRUE(eventually(10s, [] { return statistic("active") == 2; }));
	const auto took = until_active(0);
	EXPECT_GT(took, 580s);
	EXPECT_LT(took, 660s);
	EXPECT_EQ(statistic("timed_out_idle"), 2);
}

// One address opens more and more connections, and gets half of what the model serves.
TEST_P(unconfigured, one_source_does_not_keep_others_out)
{
	const rlimit files{ 70000, 70000 };
	ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
	load_model();
	const auto line = logged("listening.* up to \\d+ connections");
	ASSERT_EQ(line.size(), 1u) << text(logged("."));
	const long all = std::atol(line[0].c_str() + line[0].find("up to ") + 6);
	const long half = (all + 1) / 2, more = 100;
	// Not that of another model's, whose ports are in TIME-WAIT.
	const in_addr_t source = INADDR_LOOPBACK + model().size();
	for (long i = 0; i < half + more; ++i)
		ASSERT_NO_FATAL_FAILURE(connect_from(source, 20000 + i));
	EXPECT_TRUE(eventually(60s, [&] { return statistic("refused_source") == more; }))
		<< statistic("refused_source");
	EXPECT_EQ(statistic("active"), half);
	EXPECT_EQ(statistic("refused_full"), 0);
	for (const char *address : { "::1", "127.0.0.1" }) {
		client other({ .address = address });
		EXPECT_EQ(echo(other, "hello"), "");
	}
	std::printf("%ld silent connections of one address, of %ld\n", half, all);
	leave();
}

} // namespace
} // namespace vm
