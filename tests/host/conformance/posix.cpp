/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The conformance suite on the user-space port: each case is a test, with real sockets and time. */
#include <gtest/gtest.h>

#include <conformance.h>

namespace
{

class Case : public testing::Test {
    public:
	explicit Case(int index) : index_(index)
	{
	}

	void TestBody() override
	{
		ktcp_conformance_run(index_, nullptr, failed);
	}

    private:
	static void failed(void *, const char *file, int line, const char *text)
	{
		ADD_FAILURE_AT(file, line) << "not so: " << text;
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
