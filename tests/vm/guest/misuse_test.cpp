// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// A module with mistakes in it (tests/vm/misuse). ktcp warns once of each mistake that it can see,
// and its clients never get a byte that was not written.
#include "fixture.hpp"

#include <csignal>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace vm
{
namespace
{

constexpr server_under_test careless = { "ktcp_misuse", 12399 };

class misuse : public every_model {
    protected:
	misuse() : every_model(careless)
	{
	}

	// The answer to a client that names a mistake.
	static std::string answer(const std::string &mistake)
	{
		client peer({ .port = careless.port });
		EXPECT_TRUE(peer.send(mistake));
		peer.half_close();
		const bytes got = peer.receive_to_end();
		EXPECT_EQ(peer.error(), 0) << std::strerror(peer.error());
		return std::string(got.begin(), got.end());
	}

	// The first time there is a warning, and no second one.
	static void expect_answer(const std::string &mistake, const std::string &expected)
	{
		EXPECT_EQ(answer(mistake), expected);
		EXPECT_EQ(answer(mistake), expected);
	}
};
FOR_EVERY_MODEL(misuse);

TEST_P(misuse, removing_more_than_was_read)
{
	load_model();
	expect_warning("received::remove_prefix\\(20\\) of 4 bytes");
	expect_answer("puff", "");
}

TEST_P(misuse, reading_on_behind_nothing)
{
	load_model();
	expect_warning("read_more\\(\\)");
	expect_answer("m", "read_more 22");
}

TEST_P(misuse, removing_more_pages_than_there_are)
{
	ASSERT_TRUE(write_file("/tmp/pages", std::string(3 * 4096, 'x')));
	::chmod("/tmp/pages", 0644);
	load_model();
	expect_warning("file_pages::remove_prefix\\(\\): 5000 bytes too many");
	expect_answer("f", "pages 0");
	std::filesystem::remove("/tmp/pages");
}

TEST_P(misuse, reading_a_file_that_is_none)
{
	load_model();
	expect_warning("there is no file to read");
	expect_answer("n", "file 9");
}

TEST_P(misuse, waiting_for_an_event_that_was_moved_from)
{
	load_model();
	expect_warning("there is no event");
	expect_answer("e", "event 9");
}

// The connection ends, and the peer gets none of the target's bytes.
TEST_P(misuse, asking_a_target_that_is_not_there)
{
	load_model();
	expect_warning("there is no outgoing connection");
	expect_answer("o", "");
}

// kmod has words of its own for these: ENOENT, to it, is an unknown symbol, and EEXIST no error.
TEST(misuse_loading, fails_with_no_error_that_kmod_takes_for_another)
{
	const auto loaded = [](int error) {
		return load_module("start_error=" + std::to_string(error), "/ktcp_misuse.ko");
	};
	EXPECT_EQ(loaded(ENOENT), EINVAL);
	EXPECT_EQ(loaded(ESRCH), EINVAL);
	EXPECT_EQ(loaded(ENOEXEC), EINVAL);
	EXPECT_EQ(loaded(EEXIST), EBUSY);
	EXPECT_EQ(loaded(EADDRINUSE), EADDRINUSE);
	EXPECT_EQ(loaded(ENOTDIR), ENOTDIR);
	EXPECT_FALSE(module_loaded("ktcp_misuse"));
}

// A module may wait for a peer while it is loaded. ^C ends that, as it does any other wait.
TEST(misuse_loading, a_signal_ends_a_wait_while_loading)
{
	const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sockaddr_in at{};
	socklen_t length = sizeof at;
	at.sin_family = AF_INET;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr *>(&at), sizeof at), 0);
	ASSERT_EQ(::listen(listener, 1), 0);
	::getsockname(listener, reinterpret_cast<sockaddr *>(&at), &length);
	const pid_t loader = ::fork();
	if (!loader)
		::_exit(load_module("asks=" + std::to_string(ntohs(at.sin_port)),
				    "/ktcp_misuse.ko"));
	const int asked = ::accept(listener, nullptr, nullptr);
	EXPECT_GE(asked, 0);
	// It waits now.
	EXPECT_TRUE(eventually(10s, [&] { return sleeps_in(loader, "wait_woken"); }));
	::kill(loader, SIGINT);
	int status = 0;
	EXPECT_TRUE(eventually(20s, [&] { return ::waitpid(loader, &status, WNOHANG) == loader; }))
		<< "it is waiting still";
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
	EXPECT_FALSE(module_loaded("ktcp_misuse"));
	::close(asked);
	::close(listener);
}

} // namespace
} // namespace vm
