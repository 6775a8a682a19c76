// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Somebody looks on by the kernel's tracepoints: perf, trace-cmd and bpftrace do as this does.
#include "fixture.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

namespace vm
{
namespace
{

const std::string tracing = "/sys/kernel/tracing";
const std::string events = tracing + "/events/kecho";

class trace : public every_model {
    protected:
	void SetUp() override
	{
		if (!read_file(tracing + "/trace").empty())
			return;
		ASSERT_EQ(::mount("none", tracing.c_str(), "tracefs", 0, nullptr), 0)
			<< std::strerror(errno);
	}

	// From now on these events are kept.
	static void listen(const std::string &event)
	{
		ASSERT_TRUE(write_file(tracing + "/trace", ""));
		ASSERT_TRUE(write_file(events + "/" + event + "enable", "1"));
	}

	// How many lines of what was kept match the expression?
	static std::size_t seen(const std::string &expression)
	{
		std::istringstream lines(read_file(tracing + "/trace"));
		const vm::expression wanted(expression);
		std::size_t count = 0;
		for (std::string line; std::getline(lines, line);)
			count += line[0] != '#' && wanted.in(line);
		return count;
	}
};
FOR_EVERY_MODEL(trace);

TEST_P(trace, a_connection_is_followed_from_its_beginning_to_its_end)
{
	load_model("max_connections=1");
	listen("");
	{
		client one;
		ASSERT_EQ(echo(one, "hello"), "");
		client refused;
		EXPECT_TRUE(!refused.connected() || refused.ended());
	}
	ASSERT_TRUE(eventually(5s, [] { return seen(" closed: ") == 1; }));
	const std::string peer = " skaddr=0*[1-9a-f][0-9a-f]* remote=::1 port=[1-9][0-9]*";
	EXPECT_EQ(seen(" accepted:" + peer), 1u) << read_file(tracing + "/trace");
	EXPECT_EQ(seen(" refused:" + peer + " why=full"), 1u) << read_file(tracing + "/trace");
	EXPECT_EQ(seen(" closed:" + peer + " error=0 received=5 sent=5"), 1u)
		<< read_file(tracing + "/trace");
	const bool blocks = model() == "work" || model() == "thread";
	// A blocked handler has no turns: it waits where it is.
	EXPECT_EQ(seen(" turn: ") == 0, blocks);
	if (!blocks) {
		EXPECT_GE(seen(" turn: .* outcome=waits"), 1u) << read_file(tracing + "/trace");
		EXPECT_EQ(seen(" turn: .* outcome=over"), 1u) << read_file(tracing + "/trace");
	}
	ASSERT_TRUE(write_file(events + "/enable", "0"));
	ASSERT_TRUE(write_file(tracing + "/trace", ""));
	client again;
	ASSERT_EQ(echo(again, "hello"), "");
	EXPECT_EQ(seen("."), 0u);
}

TEST_P(trace, the_module_unloads_while_somebody_looks_on)
{
	load_model();
	listen("");
	client one;
	ASSERT_EQ(echo(one, "hello"), "");
	unload();
	EXPECT_TRUE(one.ended());
	EXPECT_EQ(::access(events.c_str(), F_OK), -1);
}

} // namespace
} // namespace vm
