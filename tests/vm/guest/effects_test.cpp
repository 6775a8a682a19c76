// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Each parameter of the modules has a test that shows its effect. One that may be changed while the module runs
// has a test for that, too. Two tests try the ranges of all (parameters_test.cpp, changing_test.cpp).
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace vm
{
namespace
{

struct shown {
	std::string effect, change;
};

const std::map<std::string, shown> tests = {
	// Of every server.
	{ "accept_rate",
	  { "peers.begin_so_many_connections_a_second",
	    "peers.begin_so_many_connections_a_second" } },
	{ "address", { "listening.at_several_addresses", "" } },
	{ "allow",
	  { "peers.are_served_as_allow_and_deny_say",
	    "peers.that_are_denied_meanwhile_are_ended" } },
	{ "backlog", { "storm.of_SYNs", "changing.the_backlog" } },
	{ "buffer_mb",
	  { "memory.buffers_have_a_bound_and_connections_beyond_it_are_ended",
	    "changing.the_memory_of_buffers" } },
	{ "congestion", { "listening.with_options_that_its_connections_have", "" } },
	{ "cpus", { "isolated.processors_serve_where_they_are_named", "" } },
	{ "deny",
	  { "peers.are_served_as_allow_and_deny_say",
	    "peers.that_are_denied_meanwhile_are_ended" } },
	{ "device", { "listening.through_one_device", "" } },
	{ "drain_ms",
	  { "draining.unloading_lets_connections_finish", "changing.the_time_to_drain" } },
	{ "fastopen", { "listening.with_data_in_the_first_packet", "" } },
	{ "idle_timeout_ms",
	  { "limits.an_idle_connection_is_closed_and_a_busy_one_is_not",
	    "changing.the_idle_timeout" } },
	{ "keepalive_idle_s", { "unconfigured.probes_find_a_peer_that_vanished_sooner", "" } },
	{ "keepalive_interval_s", { "unconfigured.probes_find_a_peer_that_vanished_sooner", "" } },
	{ "keepalive_probes", { "unconfigured.probes_find_a_peer_that_vanished_sooner", "" } },
	{ "mark", { "listening.with_options_that_its_connections_have", "" } },
	{ "max_connections",
	  { "limits.one_connection_too_many_is_refused", "changing.the_number_of_connections" } },
	{ "max_per_source",
	  { "unconfigured.one_source_does_not_keep_others_out",
	    "changing.the_number_of_connections_of_a_peer" } },
	{ "memory_cgroup", { "memory_cgroup.is_charged_nothing_by_a_module_that_is_told_so", "" } },
	{ "model", { "thread_limits.more_than_the_kernel_has_threads_is_clamped", "" } },
	{ "netns_all", { "netns.one_in_each", "" } },
	{ "port", { "loading.on_another_port", "" } },
	{ "proc_group", { "proc_files.list_connections_to_root_and_one_group_alone", "" } },
	{ "proxy_from", { "proxied.a_peer_that_is_no_proxy_is_refused_and_counted", "" } },
	{ "rcvbuf", { "listening.with_options_that_its_connections_have", "" } },
	{ "sndbuf", { "listening.with_options_that_its_connections_have", "" } },
	{ "spread", { "placing.spread_over_the_processors", "" } },
	{ "tos", { "listening.with_options_that_its_connections_have", "" } },
	{ "unbound", { "unbound.echoes", "" } },
	{ "user_timeout_ms",
	  { "changing.the_timeout_of_what_is_not_acknowledged",
	    "changing.the_timeout_of_what_is_not_acknowledged" } },
	{ "write_timeout_ms",
	  { "slow_echo.a_slow_reader_is_served_to_the_end", "changing.the_write_timeout" } },
	// Of HTTP.
	{ "body_timeout_ms", { "http_limits.of_time", "changing_http.the_times_of_requests" } },
	{ "head_timeout_ms", { "http_limits.of_time", "changing_http.the_times_of_requests" } },
	{ "header", { "http_words.fields_of_every_response", "" } },
	{ "keep_alive_hint", { "http_words.fields_of_every_response", "" } },
	{ "keep_alive_timeout_ms",
	  { "http_limits.of_time", "changing_http.the_times_of_requests" } },
	{ "max_body", { "http_limits.are_parameters", "changing_http.the_limits_of_requests" } },
	{ "max_fields", { "http_limits.are_parameters", "changing_http.the_limits_of_requests" } },
	{ "max_head", { "http_limits.are_parameters", "changing_http.the_limits_of_requests" } },
	{ "max_line", { "http_limits.are_parameters", "changing_http.the_limits_of_requests" } },
	{ "min_rate", { "http_limits.of_time", "changing_http.the_time_to_read_an_answer" } },
	{ "send_timeout_ms",
	  { "http_limits.a_client_that_reads_nothing_is_given_up",
	    "changing_http.the_time_to_read_an_answer" } },
	{ "server", { "http_limits.are_parameters", "" } },
	// Of khttpd.
	{ "access_log", { "http_log.a_line_a_request", "" } },
	{ "access_log_kb", { "http_log.in_a_file", "" } },
	{ "cache_kb", { "http_words.answers_that_are_kept_have_a_bound", "" } },
	{ "cache_ms", { "http_changes.answers_are_kept_as_long_as_told", "" } },
	{ "default_type", { "http_words.a_type_for_names_with_an_unknown_end", "" } },
	{ "encoded_slash", { "http_words.a_slash_that_is_encoded", "" } },
	{ "error_page", { "http_words.a_file_where_there_is_none", "" } },
	{ "fallback", { "http_words.a_file_where_there_is_none", "" } },
	{ "gid", { "http_root.is_read_with_the_rights_of_a_user", "" } },
	{ "listing", { "http_changes.lists_the_files_of_a_folder", "" } },
	{ "precompressed", { "http_words.the_compressed_one_of_two_files", "" } },
	{ "root", { "http_root.is_not_left", "" } },
	{ "symlinks", { "http_root.is_not_left", "" } },
	{ "uid", { "http_root.is_read_with_the_rights_of_a_user", "" } },
};

// The modules' own lists, each a parameter's name and whether it is live.
const std::map<std::string, bool> parameters_of_all = {
#define KTCP_MODULE(description_, author_, version_)
#define KTCP_PARAM_INT(name_, initial_, least_, most_, text_) { #name_, false },
#define KTCP_PARAM_STRING(name_, initial_, text_) { #name_, false },
#define KTCP_PARAM_LIVE_INT(name_, initial_, least_, most_, text_) { #name_, true },
#define KTCP_PARAM_LIVE_STRING(name_, initial_, text_) { #name_, true },
#include "../../../examples/kecho/kecho.module.h"
#include "../../../examples/khttpd/khttpd.module.h"
};

// Without what comes of their own parameters: models/SUITE.TEST/event is SUITE.TEST.
std::set<std::string> all_tests()
{
	std::set<std::string> all;
	const auto &program = *testing::UnitTest::GetInstance();
	for (int i = 0; i < program.total_test_suite_count(); ++i) {
		const auto &suite = *program.GetTestSuite(i);
		const std::string name = suite.name();
		for (int j = 0; j < suite.total_test_count(); ++j) {
			const std::string test = suite.GetTestInfo(j)->name();
			all.insert(name.substr(name.find('/') + 1) + "." +
				   test.substr(0, test.find('/')));
		}
	}
	return all;
}

TEST(effects, of_each_parameter_have_a_test)
{
	const auto there = all_tests();
	EXPECT_GE(parameters_of_all.size(), 50u);
	for (const auto &[name, live] : parameters_of_all) {
		const auto found = tests.find(name);
		if (found == tests.end()) {
			ADD_FAILURE() << name << ": name the test that shows its effect, here";
			continue;
		}
		EXPECT_TRUE(there.contains(found->second.effect))
			<< name << ": there is no test " << found->second.effect;
		EXPECT_EQ(live, !found->second.change.empty())
			<< name << ": a parameter that may be changed has a test for that";
		EXPECT_TRUE(!live || there.contains(found->second.change))
			<< name << ": there is no test " << found->second.change;
	}
	for (const auto &[name, which] : tests)
		EXPECT_TRUE(parameters_of_all.contains(name)) << name << " is no parameter";
}

} // namespace
} // namespace vm
