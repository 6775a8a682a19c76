// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Every test loads the module, does one thing to it, and ends in the same
// audit: it unloads in time and leaves nothing behind.
#pragma once

#include "client.hpp"
#include "kernel.hpp"

#include <gtest/gtest.h>

#include <regex>

namespace vm
{

inline std::string text(const std::vector<std::string> &items)
{
	std::string all;
	for (const auto &item : items)
		all += item + "\n";
	return all;
}

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
	void load(const std::string &parameters)
	{
		const int error = load_module(parameters, object_file.c_str());
		ASSERT_EQ(error, 0) << "insmod " << object_file << " " << parameters << ": "
				    << std::strerror(error);
	}

	// Unloads the module, which must succeed, in time.
	void unload()
	{
		unload(unload_bound);
	}
	void unload(clock::duration bound)
	{
		const auto start = clock::now();
		const int error = unload_module(under_test.name);
		const auto took = clock::now() - start;
		EXPECT_EQ(error, 0) << "rmmod: " << std::strerror(error);
		EXPECT_LT(took, bound);
		// At once, not soon: nothing of the module may run or be reached now.
		EXPECT_EQ(text(module_tasks(under_test.name)), "");
		EXPECT_EQ(text(module_leftovers(under_test.name)), "");
		for (const auto &state : tcp_states(under_test.port))
			EXPECT_NE(state, "0A") << "a listener is left";
	}

	// Warnings and errors of the module fail the test, unless they are part of
	// it: they contain a match of the expression.
	void allow_log(const std::string &expression)
	{
		allowed_.emplace_back(expression);
	}

	// Lines of the kernel's own that belong to what the test does.
	void allow_other(const std::string &expression)
	{
		allowed_others_.emplace_back(expression);
	}

	// A WARN() of the module's, once, whose line contains a match of the expression. With all
	// the kernel's lines around it, it is part of the test.
	void expect_warning(const std::string &expression)
	{
		expected_warnings_.emplace_back(expression);
	}

	// The module's log lines that contain a match of the expression.
	std::vector<std::string> logged(const std::string &expression)
	{
		std::vector<std::string> found;
		const std::regex matches(expression);
		for (const auto &line : log.lines())
			if (is_ours(line) && std::regex_search(line.text, matches))
				found.push_back(line.text);
		return found;
	}

	void expect_no_orphans()
	{
		EXPECT_TRUE(eventually(
			orphan_bound,
			[] { return tcp_sockstat("orphan") <= orphans_in_fin_wait_2(); }))
			<< tcp_sockstat("orphan") << " orphans are left (they have inode 0):\n"
			<< read_file("/proc/net/tcp") << read_file("/proc/net/tcp6");
	}

	// The server's own ends are gone: no orphan, no socket but TIME-WAIT.
	void expect_sockets_gone()
	{
		const auto others = [this] {
			std::string lines;
			for (const tcp_line &each : tcp_lines())
				if (each.local_port == under_test.port && !is_small(each))
					lines += each.whole + "\n";
			return lines;
		};
		EXPECT_TRUE(eventually(orphan_bound, [&] { return others().empty(); }))
			<< "server sockets are left:\n"
			<< others();
		expect_no_orphans();
		EXPECT_TRUE(eventually(orphan_bound,
				       [&] { return tcp_sockstat("alloc") <= sockets_before; }))
			<< tcp_sockstat("alloc") << " TCP sockets exist, before the test it was "
			<< sockets_before;
	}

	void TearDown() override
	{
		if (module_loaded(under_test.name))
			unload();
		EXPECT_FALSE(module_loaded(under_test.name));
		expect_sockets_gone();
		audit_log();
	}

    private:
	// How a kernel begins to complain: the lines of complaints.txt, as one expression.
	static std::string mistakes()
	{
		std::string all = read_file("/complaints.txt");
		EXPECT_NE(all, "") << "the guest has no complaints.txt";
		if (all.ends_with('\n'))
			all.pop_back();
		std::ranges::replace(all, '\n', '|');
		return all;
	}
	bool is_ours(const kernel_log::line &line) const
	{
		return line.text.rfind(std::string(under_test.name) + ": ", 0) == 0;
	}

	// The lines but for reports, from "cut here" to "end trace", of what a test expects.
	std::vector<kernel_log::line>
	without_expected_warnings(const std::vector<kernel_log::line> &lines)
	{
		std::vector<kernel_log::line> rest;
		auto expected = expected_warnings_;

		for (auto at = lines.begin(); at != lines.end();) {
			auto end = at + 1;
			if (at->text.find("[ cut here ]") != std::string::npos) {
				end = std::find_if(at, lines.end(), [](const auto &each) {
					return each.text.find("[ end trace ") != std::string::npos;
				});
				end += end != lines.end();
			}
			const auto found = std::find_if(
				expected.begin(), expected.end(), [&](const std::regex &each) {
					return end - at > 1 &&
					       std::any_of(at, end, [&](const auto &line) {
						       return is_ours(line) &&
							      std::regex_search(line.text, each);
					       });
				});
			if (found == expected.end())
				rest.insert(rest.end(), at, end);
			else
				expected.erase(found);
			at = end;
		}
		EXPECT_TRUE(expected.empty()) << "a warning that was expected did not come";
		return rest;
	}

	void audit_log()
	{
		// Lines of a kernel in a healthy guest, with any module.
		static const std::regex harmless("^\\w+: loading out-of-tree module taints kernel"
						 "|^\\w+: module verification failed: signature"
						 "|^IPv6: ADDRCONF\\(NETDEV_"
						 "|^clocksource: |^tsc: |^hrtimer: interrupt took"
						 "| used greatest stack depth: "
						 "|^(ktcp[01]|lo): |^random: crng");
		// Against all else that a test allows; while it runs, even these words alone.
		static const std::regex mistake(mistakes() + "|log lines were lost");
		for (const auto &line : without_expected_warnings(log.lines())) {
			EXPECT_FALSE(std::regex_search(line.text, mistake))
				<< "in the kernel's log: " << line.text;
			if (std::regex_search(line.text, harmless))
				continue;
			if (std::any_of(allowed_others_.begin(), allowed_others_.end(),
					[&](const std::regex &each) {
						return std::regex_search(line.text, each);
					}))
				continue;
			const bool ours = is_ours(line);
			bool allowed = ours && line.level > 4;
			for (const auto &expression : allowed_)
				allowed = allowed ||
					  (ours && std::regex_search(line.text, expression));
			EXPECT_TRUE(allowed) << "unexpected in the kernel's log: <" << line.level
					     << "> " << line.text;
		}
	}

	std::vector<std::regex> allowed_, allowed_others_, expected_warnings_;
};

// The tests that hold in every execution model.
class every_model : public server, public testing::WithParamInterface<const char *> {
    protected:
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
