// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Every test loads the module, does one thing to it, and ends in the same
// audit: it unloads in time and leaves nothing behind.
#pragma once

#include "client.hpp"
#include "expression.hpp"
#include "kernel.hpp"

#include <gtest/gtest.h>

namespace vm
{

std::string text(const std::vector<std::string> &items);

// A module that is a server, and the port that it listens on by itself.
struct server_under_test {
	const char *name;
	unsigned port;
};

class server : public testing::Test {
    protected:
	explicit server(const server_under_test &which = { module_name, server_port })
		: under_test(which)
	{
	}

	const server_under_test under_test;
	const std::string object_file = std::string("/") + under_test.name + ".ko";

	// Unloading ends within two seconds beside any client. Only a guest whose clock counts
	// instructions can tell. Elsewhere the load of the machine below is part of the time, and
	// the bound tells slow from never. A kernel that checks everything has its boot's limit
	// alone.
	const std::chrono::seconds unload_bound = debug_kernel()	      ? 3600s :
						  clock_counts_instructions() ? 2s :
										60s;
	// Bytes that a peer did not take are dropped within this after unloading.
	const std::chrono::seconds orphan_bound = debug_kernel() ? 60s : 15s;

	kernel_log log;
	const long sockets_before = tcp_sockstat("alloc");

	// Loads the module, which must succeed.
	void load(const std::string &parameters);

	// Unloads the module, which must succeed, in time.
	void unload()
	{
		unload(unload_bound);
	}
	void unload(clock::duration bound);

	// Warnings and errors of the module fail the test, unless they are part of
	// it: they contain a match of the expression.
	void allow_log(const std::string &expression);

	// Lines of the kernel's own that belong to what the test does.
	void allow_other(const std::string &expression);

	// A WARN() of the module's, once, whose line contains a match of the expression. With all
	// the kernel's lines around it, it is part of the test.
	void expect_warning(const std::string &expression);

	// The module's log lines that contain a match of the expression.
	std::vector<std::string> logged(const std::string &expression);

	void expect_no_orphans();

	// The server's own ends are gone: no orphan, no socket but TIME-WAIT.
	void expect_sockets_gone();

	void TearDown() override;

    private:
	bool is_ours(const kernel_log::line &line) const;

	// The lines but for reports, from "cut here" to "end trace", of what a test expects.
	std::vector<kernel_log::line>
	without_expected_warnings(const std::vector<kernel_log::line> &lines);

	void audit_log();

	std::vector<expression> allowed_, allowed_others_, expected_warnings_;
};

// The tests that hold in every execution model.
class every_model : public server, public testing::WithParamInterface<const char *> {
    protected:
	explicit every_model(const server_under_test &which = { module_name, server_port })
		: server(which)
	{
	}

	std::string model() const
	{
		return GetParam();
	}
	void load_model(const std::string &parameters = "")
	{
		load("model=" + model() + " " + parameters);
	}
};

// A new execution model is a word here.
inline auto models()
{
	return testing::Values("event", "softirq", "work", "thread");
}
inline std::string model_name(const testing::TestParamInfo<const char *> &info)
{
	return info.param;
}

#define FOR_EVERY_MODEL(fixture) INSTANTIATE_TEST_SUITE_P(models, fixture, models(), model_name)

} // namespace vm
