// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "fixture.hpp"

#include <algorithm>

namespace vm
{

std::string text(const std::vector<std::string> &items)
{
	std::string all;
	for (const auto &item : items)
		all += item + "\n";
	return all;
}

void server::load(const std::string &parameters)
{
	const int error = load_module(parameters, object_file.c_str());
	ASSERT_EQ(error, 0) << "insmod " << object_file << " " << parameters << ": "
			    << std::strerror(error);
}

void server::unload(clock::duration bound)
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

void server::allow_log(const std::string &expression)
{
	allowed_.emplace_back(expression);
}

void server::allow_other(const std::string &expression)
{
	allowed_others_.emplace_back(expression);
}

void server::expect_warning(const std::string &expression)
{
	expected_warnings_.emplace_back(expression);
}

std::vector<std::string> server::logged(const std::string &expression)
{
	std::vector<std::string> found;
	const vm::expression wanted(expression);
	for (const auto &line : log.lines())
		if (is_ours(line) && wanted.in(line.text))
			found.push_back(line.text);
	return found;
}

void server::expect_no_orphans()
{
	EXPECT_TRUE(eventually(orphan_bound,
			       [] {
				       const long orphans = tcp_sockstat("orphan");
				       return !orphans || orphans <= orphans_in_fin_wait_2();
			       }))
		<< tcp_sockstat("orphan") << " orphans are left (they have inode 0):\n"
		<< read_file("/proc/net/tcp") << read_file("/proc/net/tcp6");
}

void server::expect_sockets_gone()
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
	EXPECT_TRUE(eventually(orphan_bound, [&] { return tcp_sockstat("alloc") <= sockets_before; }))
		<< tcp_sockstat("alloc") << " TCP sockets exist, before the test it was "
		<< sockets_before;
}

void server::TearDown()
{
	if (module_loaded(under_test.name))
		unload();
	EXPECT_FALSE(module_loaded(under_test.name));
	expect_sockets_gone();
	audit_log();
}

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

bool server::is_ours(const kernel_log::line &line) const
{
	return line.text.rfind(std::string(under_test.name) + ": ", 0) == 0;
}

std::vector<kernel_log::line>
server::without_expected_warnings(const std::vector<kernel_log::line> &lines)
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
		const auto found =
			std::find_if(expected.begin(), expected.end(), [&](const expression &each) {
				return end - at > 1 && std::any_of(at, end, [&](const auto &line) {
					       return is_ours(line) && each.in(line.text);
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

void server::audit_log()
{
	// Lines of a kernel in a healthy guest, with any module.
	static const expression harmless("^\\w+: loading out-of-tree module taints kernel"
					 "|^\\w+: module verification failed: signature"
					 "|^IPv6: ADDRCONF\\(NETDEV_"
					 "|^clocksource: |^tsc: |^hrtimer: interrupt took"
					 "| used greatest stack depth: "
					 "|^(ktcp[01]|lo): |^random: crng");
	// Against all else that a test allows; while it runs, even these words alone.
	static const expression mistake(mistakes() + "|log lines were lost");
	for (const auto &line : without_expected_warnings(log.lines())) {
		EXPECT_FALSE(mistake.in(line.text)) << "in the kernel's log: " << line.text;
		if (harmless.in(line.text))
			continue;
		if (std::any_of(allowed_others_.begin(), allowed_others_.end(),
				[&](const expression &each) { return each.in(line.text); }))
			continue;
		const bool ours = is_ours(line);
		bool allowed = ours && line.level > 4;
		for (const auto &each : allowed_)
			allowed = allowed || (ours && each.in(line.text));
		EXPECT_TRUE(allowed)
			<< "unexpected in the kernel's log: <" << line.level << "> " << line.text;
	}
}

} // namespace vm
