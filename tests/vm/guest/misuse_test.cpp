// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// A module with mistakes in it (tests/vm/misuse): what ktcp can see of them is warned of once, and
// never does its clients get a byte that nobody wrote.
#include "fixture.hpp"

#include <sys/stat.h>

namespace vm
{
namespace
{

constexpr server_under_test careless = { "ktcp_misuse", 12399 };

class misuse : public server, public testing::WithParamInterface<const char *> {
    protected:
	misuse() : server(careless)
	{
	}

	void load_model()
	{
		load(std::string("model=") + GetParam());
	}

	// What a client gets that names a mistake.
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

} // namespace
} // namespace vm
