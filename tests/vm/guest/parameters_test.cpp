// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// What insmod is given: refused with an errno and one line that helps, or done.
#include "fixture.hpp"

#include <algorithm>

namespace vm
{
namespace
{

class loading : public every_model {};
FOR_EVERY_MODEL(loading);

TEST_P(loading, twice_is_refused_and_the_first_goes_on)
{
	load_model();
	client peer;
	EXPECT_EQ(echo(peer, "before"), "");
	EXPECT_EQ(load_module("model=" + model()), EEXIST);
	EXPECT_EQ(load_module("model=" + model() + " port=12346"), EEXIST);
	EXPECT_EQ(echo(peer, "after"), "");
}

// A user's socket that listens on the port, IPv4 or IPv6.
int occupy(int family)
{
	const int socket = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int yes = 1; // earlier connections to the port may be in TIME-WAIT
	::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	sockaddr_in6 v6{};
	v6.sin6_family = AF_INET6;
	v6.sin6_port = htons(server_port);
	sockaddr_in v4{};
	v4.sin_family = AF_INET;
	v4.sin_port = htons(server_port);
	const int bound = family == AF_INET6 ?
				  ::bind(socket, reinterpret_cast<sockaddr *>(&v6), sizeof v6) :
				  ::bind(socket, reinterpret_cast<sockaddr *>(&v4), sizeof v4);
	EXPECT_EQ(bound, 0) << std::strerror(errno);
	EXPECT_EQ(::listen(socket, 1), 0) << std::strerror(errno);
	return socket;
}

TEST_P(loading, with_the_port_in_use)
{
	allow_log("12345");
	for (const int family : { AF_INET, AF_INET6 }) {
		const std::size_t before = logged("12345").size();
		const int socket = occupy(family);
		EXPECT_EQ(load_module("model=" + model()), EADDRINUSE);
		EXPECT_FALSE(module_loaded());
		EXPECT_EQ(text(module_leftovers()), "");
		EXPECT_EQ(logged("12345").size(), before + 1) << "one line that names the port:\n"
							      << text(logged("."));
		::close(socket);
		// Freed, it is to be had.
		load_model();
		{
			client peer;
			EXPECT_EQ(echo(peer, "now"), "");
		}
		unload();
	}
}

TEST_P(loading, on_another_port)
{
	load_model("port=12346");
	EXPECT_EQ(tcp_states(12346), std::vector<std::string>{ "0A" });
	EXPECT_EQ(std::ranges::count(tcp_states(server_port), "0A"), 0);
	unload();
	EXPECT_TRUE(tcp_states(12346).empty());
}

struct bad {
	const char *parameter;
	const char *value;
	const char *allowed; // the log line tells the range or the names
};

void PrintTo(const bad &one, std::ostream *out)
{
	*out << one.parameter << '=' << one.value;
}

class bad_parameters : public server, public testing::WithParamInterface<bad> {};

constexpr const char *a_range =
	R"(\d+\s*(to|and|through|\.\.|-|–)\s*\d+|at least \d+|\d+ or (more|greater|1)|[><]=? ?\d+)";
constexpr const char *port_range = R"(\b1\b.*\b65535\b)";
constexpr const char *model_names = "event.*work.*thread";
constexpr const char *zero_or_one = R"(\b0\b.*\b1\b)";

INSTANTIATE_TEST_SUITE_P(
	values, bad_parameters,
	testing::Values(bad{ "port", "0", port_range }, bad{ "port", "65536", port_range },
			bad{ "port", "-1", port_range }, bad{ "port", "abc", port_range },
			bad{ "port", "99999999999999999999", port_range },
			bad{ "model", "foo", model_names }, bad{ "model", "", model_names },
			bad{ "max_connections", "-1", a_range },
			bad{ "idle_timeout_ms", "-1", a_range }, bad{ "backlog", "-1", a_range },
			bad{ "unbound", "2", zero_or_one }, bad{ "unbound", "-1", zero_or_one }),
	[](const auto &info) {
		std::string name = std::string(info.param.parameter) + "_" + info.param.value;
		if (!*info.param.value)
			name += "empty";
		for (auto &c : name)
			if (c == '-')
				c = 'm';
		return name;
	});

TEST_P(bad_parameters, are_refused_with_a_line_that_helps)
{
	const auto &[parameter, value, allowed] = GetParam();
	allow_log(parameter);
	const int error = load_module(std::string(parameter) + "=" + value);
	EXPECT_TRUE(error == EINVAL || error == ERANGE) << error << " " << std::strerror(error);
	EXPECT_FALSE(module_loaded());
	EXPECT_EQ(text(module_leftovers()), "");

	// One line with the name, what was given and what is allowed; the kernel
	// itself may have added its own about the name.
	std::size_t helpful = 0;
	const std::regex range(allowed);
	for (const auto &line : logged(parameter))
		if (line.find(value) != std::string::npos && std::regex_search(line, range))
			++helpful;
	EXPECT_EQ(helpful, 1u) << "the log says:\n" << text(logged("."));

	// And nothing is in the way of a good one.
	load("");
	client peer;
	EXPECT_EQ(echo(peer, "hello"), "");
}

} // namespace
} // namespace vm
