// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "kernel.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <sys/resource.h>

namespace
{

// The kernel's console and the tests' output are two streams; a line in the
// log says which test a console message belongs to.
class marker : public testing::EmptyTestEventListener {
	void OnTestStart(const testing::TestInfo &test) override
	{
		vm::write_file("/dev/kmsg", std::string("<6>test: ") + test.test_suite_name() +
						    "." + test.name() + "\n");
	}
};

} // namespace

int main(int argc, char **argv)
{
	testing::InitGoogleTest(&argc, argv);
	testing::UnitTest::GetInstance()->listeners().Append(new marker);
	const rlimit files{ 65536, 65536 };
	::setrlimit(RLIMIT_NOFILE, &files);
	std::signal(SIGPIPE, SIG_IGN);
	return RUN_ALL_TESTS();
}
