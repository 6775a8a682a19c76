// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// insmod's arguments: refused with an errno and one line that helps, or done.
#include "http.hpp"

#include <algorithm>

#include <ktcp/version.h>

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

constexpr const char *port_range = R"(\b1\b.*\b65535\b)";
constexpr const char *model_names = "event.*work.*thread";

INSTANTIATE_TEST_SUITE_P(values, bad_parameters,
			 testing::Values(bad{ "port", "99999999999999999999", port_range },
					 bad{ "model", "foo", model_names },
					 bad{ "model", "", model_names }),
			 [](const auto &info) {
				 std::string name = std::string(info.param.parameter) + "_" +
						    info.param.value;
				 if (!*info.param.value)
					 name += "empty";
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
	const expression range(allowed);
	for (const auto &line : logged(parameter))
		if (line.find(value) != std::string::npos && range.in(line))
			++helpful;
	EXPECT_EQ(helpful, 1u) << "the log says:\n" << text(logged("."));

	// And nothing is in the way of a good one.
	load("");
	client peer;
	EXPECT_EQ(echo(peer, "hello"), "");
}

// A parameter as modinfo shows it.
struct parameter {
	std::string name, type, text;
};

std::vector<parameter> parameters_of(const std::string &object_file)
{
	std::vector<parameter> found;
	std::istringstream object(read_file(object_file));
	static const expression parm("parm(type)?=([^:]+):(.*)");
	// Of an object file's strings, the section .modinfo has those.
	for (std::string each; std::getline(object, each, '\0');) {
		if (each.rfind("parm", 0))
			continue;
		const auto part = parm.parts(each);
		if (part.empty() || part[0] != each)
			continue;
		const std::string name = part[2];
		auto which = std::ranges::find(found, name, &parameter::name);
		if (which == found.end())
			which = found.insert(found.end(), parameter{ name, "", "" });
		(part[1].size() ? which->type : which->text) = part[3];
	}
	return found;
}

class parameters : public server, public testing::WithParamInterface<server_under_test> {
    protected:
	parameters() : server(GetParam())
	{
	}

	const std::vector<parameter> all = parameters_of(object_file);
	const expression range{ R"( \((-?\d+) to (\d+); default (-?\d+)\)$)" };
};

INSTANTIATE_TEST_SUITE_P(modules, parameters,
			 testing::Values(server_under_test{ module_name, server_port }, khttpd),
			 [](const auto &info) { return std::string(info.param.name); });

// ktcp's own modules have ktcp's version, and each module says which one it was built with.
TEST_P(parameters, stand_beside_the_version)
{
	std::istringstream object(read_file(object_file));
	std::vector<std::string> found;
	for (std::string each; std::getline(object, each, '\0');)
		if (each.starts_with("version=") || each.starts_with("ktcp="))
			found.push_back(each);
	std::ranges::sort(found);
	EXPECT_EQ(found,
		  (std::vector<std::string>{ "ktcp=" KTCP_VERSION, "version=" KTCP_VERSION }));
}

TEST_P(parameters, have_their_description_and_their_range)
{
	EXPECT_GE(all.size(), 12u);
	for (const parameter &each : all) {
		SCOPED_TRACE(each.name + " (" + each.type + "): " + each.text);
		if (each.type == "charp") {
			EXPECT_TRUE(expression(R"(.{20} \(default ".*"\)$)").in(each.text));
			continue;
		}
		EXPECT_EQ(each.type, "int");
		const auto part = range.parts(each.text);
		ASSERT_FALSE(part.empty());
		const std::string what = each.text.substr(0, each.text.size() - part[0].size());
		// The effect of a switch's places; and the meaning of other numbers.
		const bool is_switch = part[1] == "0" && (part[2] == "1" || part[2] == "2");
		EXPECT_TRUE(expression(is_switch ? "1: .{10,}0: .{4,}" :
						   "milliseconds|bytes|KiB|connections|fields|port|"
						   "number of")
				    .in(what));
		EXPECT_LE(std::stoll(part[1]), std::stoll(part[3]));
		EXPECT_LE(std::stoll(part[3]), std::stoll(part[2]));
	}
}

TEST_P(parameters, beyond_their_range_are_refused_with_a_line_that_helps)
{
	bool numbers = false, switches = false;
	for (const parameter &each : all) {
		const auto part = range.parts(each.text);
		if (part.empty())
			continue;
		const std::string least = part[1], most = part[2];
		allow_log("\\b" + each.name + "\\b");
		const bool is_switch = least == "0" && most == "1";
		std::vector<std::string> values{ std::to_string(std::stoll(least) - 1),
						 std::to_string(std::stoll(most) + 1) };
		// The same code reads all numbers, and the same all switches.
		if (std::exchange(is_switch ? switches : numbers, true) == false)
			values.insert(values.end(), { "many", "" });
		for (const std::string &value : values) {
			const std::string given = each.name + "=" + value;
			const std::string line =
				given + ": must be a whole number from " + least + " to " + most +
				(is_switch ? ", or no, yes, off, on, false, true" : "");
			EXPECT_EQ(load_module(given, object_file.c_str()), EINVAL) << given;
			ASSERT_FALSE(module_loaded(under_test.name)) << given;
			EXPECT_EQ(logged(line + "$").size(), 1u) << given << ", but the log says:\n"
								 << text(logged(each.name));
		}
	}
	EXPECT_EQ(text(module_leftovers(under_test.name)), "");
	// And nothing is in the way of a good one.
	load("");
}

// As the kernel's own parameters of type bool take them.
TEST_P(parameters, of_a_switch_may_be_words)
{
	constexpr const char *words[][2] = { { "0", "1" },	  { "n", "y" },	   { "N", "Y" },
					     { "no", "yes" },	  { "off", "on" }, { "OFF", "On" },
					     { "false", "true" }, { "F", "T" } };
	for (const auto &[off, on] : words) {
		load(std::string("unbound=") + off + " spread=" + on);
		const std::string at = "/sys/module/" + std::string(under_test.name) +
				       "/parameters/";
		EXPECT_EQ(read_file(at + "unbound"), "0\n") << off;
		EXPECT_EQ(read_file(at + "spread"), "1\n") << on;
		unload();
	}
	allow_log("\\bunbound\\b");
	for (const char *neither : { "2", "-1", "yess", "o", "tr", "01", "y y" })
		EXPECT_EQ(load_module("unbound=\"" + std::string(neither) + "\"",
				      object_file.c_str()),
			  EINVAL)
			<< neither;
	EXPECT_EQ(logged("unbound=01: must be .*, without a leading zero$").size(), 1u);
}

// 010 is eight to some, and ten to others.
TEST_P(parameters, have_no_leading_zero)
{
	allow_log("\\bport\\b");
	for (const char *number : { "010", "0x10", "007", "00" }) {
		EXPECT_EQ(load_module(std::string("port=") + number, object_file.c_str()), EINVAL);
		EXPECT_EQ(logged(std::string("port=") + number +
				 ": must be a whole number from 1 to 65535, without a leading zero$")
				  .size(),
			  1u)
			<< text(logged("."));
	}
}

// They go into responses, paths and the log, where a line end would forge a line.
TEST_P(parameters, texts_with_control_characters_are_refused_with_a_line_that_helps)
{
	std::size_t texts = 0;
	for (const parameter &each : all) {
		if (each.type != "charp")
			continue;
		++texts;
		allow_log("\\b" + each.name + "\\b");
		std::vector<const char *> values{ "event\n" };
		// The same code reads all texts.
		if (texts == 1)
			values.insert(values.end(),
				      { "event\r\nX: y", "event\x7f", "event\x1b[0m" });
		for (const char *value : values) {
			const std::string line = each.name + ": character 6 is a control character";
			const std::size_t before = logged(line).size();
			EXPECT_EQ(load_module(each.name + "=\"" + value + "\"", object_file.c_str()),
				  EINVAL)
				<< each.name;
			ASSERT_FALSE(module_loaded(under_test.name)) << each.name;
			EXPECT_EQ(logged(line).size(), before + 1) << text(logged("."));
		}
	}
	EXPECT_GE(texts, 1u);
	EXPECT_EQ(text(module_leftovers(under_test.name)), "");
	load("");
}

} // namespace
} // namespace vm
