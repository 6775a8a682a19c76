/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The conformance suite on the simulated port: each case is a test, run with many seeds. */
#include <gtest/gtest.h>

#include <string>

#include <conformance.h>

#include <sim/explore.hpp>
#include <sim/world.hpp>

namespace
{

class Case : public testing::Test {
    public:
	explicit Case(int index) : index_(index)
	{
	}

	void TestBody() override
	{
		sim::options how;

		how.buffer_bytes = 4096; /* as on a kernel: short messages fit */
		sim::explore(200, how,
			     [this](sim::world &w) { ktcp_conformance_run(index_, &w, failed); });
	}

    private:
	static void failed(void *world, const char *file, int line, const char *text)
	{
		static_cast<sim::world *>(world)->expect(false, text, file, line);
	}

	int index_;
};

} // namespace

int main(int argc, char **argv)
{
	testing::InitGoogleTest(&argc, argv);
	for (int i = 0; i < ktcp_conformance_count(); i++)
		testing::RegisterTest("Port", ktcp_conformance_name(i), nullptr, nullptr, __FILE__,
				      __LINE__, [i]() -> testing::Test * { return new Case(i); });
	return RUN_ALL_TESTS();
}
