// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>

namespace load
{

const char help_text[] =
	R"(usage: echo-load [OPTION]...

Sends messages to a TCP echo server, or requests to an HTTP server, checks every byte
that comes back, and reports throughput and latency. A request without an answer is an
error, in the closed loop too: those under way at the end are waited for.

  --host ADDRESS      an IPv4 or IPv6 address (127.0.0.1)
  --port N            (12345)
  --connections N     connections at once (1)
  --size SIZE         of a message: 64, 16K, 1M; or a mix of SIZE:WEIGHT, as in
                      64:90,16K:10 (64)
  --per-request       a new connection for each request
  --http PATHS        an HTTP server: GET these paths in turn, as in /,/12,/4K; every
                      byte of an answer but its date is what the first one had
  --files FOLDER      of HTTP: the first answers are the files of that folder
  --rate N            open loop: N requests per second in all, whether or not the server
                      keeps up; latency counts from when a request was due.
                      Without it, closed loop: each connection sends as soon as it has
                      its reply
  --think TIME        closed loop: pause between a reply and the next request (0)
  --duration TIME     measure for that long: 10, 10s, 500ms, 100us, 2m (10s)
  --requests N        measure N requests instead
  --warmup TIME       run that long before measuring (0)
  --threads N         (1)
  --sources N         source addresses 127.0.0.2, 127.0.0.3, ... for a server on 127.*;
                      0: one for each 20,000 connections (0)

  --idle N            open N more connections first and leave them alone (0)
  --idle-echo         one message over each of them before that
  --memory            what each idle connection costs the whole machine, both ends
  --watch TIME        leave the machine alone for that long before the load: how much
                      of the time its CPUs are busy with the idle connections (0)
  --unload MODULE     at the end remove this kernel module, with all idle connections
                      still open, and say how long that took
  --timeout TIME      for connecting and for each reply (10s)
  --wait TIME         try to connect for that long while nobody listens (0)

  --text, --json, --csv   form of the report (--text)
  --label TEXT        the first column of CSV, and a member of JSON
  --no-header         CSV without its first line
  --progress          a line each second, to stderr; default on a terminal
  --quiet             no progress
  --mark              execute what bench/profile's emulator begins and ends its count by:
                      around the load, or around --unload
  --help              this text

Ends with 0 if all went well, 1 if there were errors, 2 if it was called wrongly.
)";

uint32_t options::largest() const
{
	return std::max_element(sizes.begin(), sizes.end(),
				[](auto &a, auto &b) { return a.size < b.size; })
		->size;
}

uint32_t options::source_addresses() const
{
	return sources ? sources : (connections + idle + 19'999) / 20'000;
}

bool parse_number(std::string_view text, uint64_t least, uint64_t most, uint64_t &result)
{
	uint64_t value = 0;
	const char *const end = text.data() + text.size();
	const auto [stopped, error] = std::from_chars(text.data(), end, value);

	if (error != std::errc{} || stopped != end || value < least || value > most)
		return false;
	result = value;
	return true;
}

/* The number at the beginning of the text, which loses it. */
static bool take_number(std::string_view &text, double &result)
{
	const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(),
						      result, std::chars_format::fixed);

	if (error != std::errc{} || !std::isfinite(result) || result < 0)
		return false;
	text.remove_prefix(stopped - text.data());
	return true;
}

bool parse_size(std::string_view text, uint32_t &result)
{
	double value;

	if (!take_number(text, value))
		return false;
	if (text == "K" || text == "k" || text == "KiB")
		value *= 1 << 10;
	else if (text == "M" || text == "MiB")
		value *= 1 << 20;
	else if (!text.empty() && text != "B")
		return false;
	if (value < 1 || value > 64 << 20 || value != std::floor(value))
		return false;
	result = static_cast<uint32_t>(value);
	return true;
}

bool parse_time(std::string_view text, int64_t &result)
{
	double value;

	if (!take_number(text, value))
		return false;
	if (text.empty() || text == "s")
		value *= 1e9;
	else if (text == "ms")
		value *= 1e6;
	else if (text == "us")
		value *= 1e3;
	else if (text == "m")
		value *= 60e9;
	else if (text == "h")
		value *= 3600e9;
	else
		return false;
	if (value > 86'400e9)
		return false;
	result = static_cast<int64_t>(value);
	return true;
}

bool parse_paths(std::string_view text, std::vector<std::string> &result)
{
	std::vector<std::string> paths;

	while (true) {
		const std::string_view one = text.substr(0, text.find(','));

		if (one.empty() || one[0] != '/' || one.size() > 1024 || paths.size() == 64 ||
		    std::any_of(one.begin(), one.end(),
				[](unsigned char c) { return c <= ' ' || c > '~'; }))
			return false;
		paths.emplace_back(one);
		if (one.size() == text.size())
			break;
		text.remove_prefix(one.size() + 1);
	}
	result = std::move(paths);
	return true;
}

bool parse_sizes(std::string_view text, std::vector<share> &result)
{
	std::vector<share> mix;

	while (true) {
		const size_t comma = text.find(',');
		std::string_view one = text.substr(0, comma);
		const size_t colon = one.find(':');
		uint64_t weight = 1;
		share each;

		if (colon != one.npos && !parse_number(one.substr(colon + 1), 1, 1'000'000, weight))
			return false;
		if (!parse_size(one.substr(0, colon), each.size) || mix.size() == 64)
			return false;
		each.weight = static_cast<uint32_t>(weight);
		mix.push_back(each);
		if (comma == text.npos)
			break;
		text.remove_prefix(comma + 1);
	}
	result = std::move(mix);
	return true;
}

namespace
{

struct option {
	const char *name;
	const char *allowed; /* null: it takes no value */
	std::function<bool(std::string_view)> take;
};

template <typename Number>
option number(const char *name, const char *allowed, uint64_t least, uint64_t most, Number &result)
{
	return { name, allowed, [least, most, &result](std::string_view text) {
			uint64_t value;

			if (!parse_number(text, least, most, value))
				return false;
			result = static_cast<Number>(value);
			return true;
		} };
}

option time(const char *name, int64_t &result)
{
	return { name, "a time such as 10s, 500ms, 100us or 2m, up to 24h",
		 [&result](std::string_view text) { return parse_time(text, result); } };
}

option flag(const char *name, bool &result, bool value = true)
{
	return { name, nullptr, [&result, value](std::string_view) {
			result = value;
			return true;
		} };
}

option flag(const char *name, format &result, format value)
{
	return { name, nullptr, [&result, value](std::string_view) {
			result = value;
			return true;
		} };
}

option text(const char *name, const char *allowed, std::string &result)
{
	return { name, allowed, [&result](std::string_view text) {
			result = text;
			return !text.empty();
		} };
}

/* Options that contradict each other, or would not mean what they say. */
std::string contradiction(const options &o)
{
	if (o.threads > o.connections)
		return "--threads is " + std::to_string(o.threads) + " for " +
		       std::to_string(o.connections) +
		       " connections: at most one thread for each connection";
	if (o.rate > 0 && o.think > 0)
		return "--think is for the closed loop and --rate is the open one: give one of them";
	if (!o.paths.empty() && o.idle)
		return "--idle is about echo servers, and --http about others: give one of them";
	if (!o.files.empty() && o.paths.empty())
		return "--files is about the answers of --http: give --http PATHS as well";
	if (o.idle_echo && !o.idle)
		return "--idle-echo is about idle connections: give --idle N as well";
	if (o.memory && !o.idle)
		return "--memory is about idle connections: give --idle N as well";
	if (!o.requests && o.duration <= 0)
		return "--duration must be more than nothing";
	if (o.requests && o.requests < o.threads)
		return "--requests must be at least --threads";
	if (o.timeout <= 0)
		return "--timeout must be more than nothing";
	if (o.sources && o.host.rfind("127.", 0) != 0)
		return "--sources works with a server on 127.*, not " + o.host;
	return {};
}

} // namespace

command_line parse(const std::vector<std::string> &arguments)
{
	command_line result;
	options &o = result.values;
	const std::vector<option> known = {
		text("host", "an IPv4 or IPv6 address", o.host),
		number("port", "1 to 65535", 1, 65'535, o.port),
		number("connections", "1 to 1000000", 1, 1'000'000, o.connections),
		{ "size", "1 to 64M, or a mix such as 64:90,16K:10",
		  [&o](std::string_view text) { return parse_sizes(text, o.sizes); } },
		{ "rate", "requests per second, more than 0, up to 100000000",
		  [&o](std::string_view text) {
			  return take_number(text, o.rate) && text.empty() && o.rate > 0 &&
				 o.rate <= 1e8;
		  } },
		flag("per-request", o.per_request),
		{ "http", "paths such as /,/index.html: each begins with /, without blanks",
		  [&o](std::string_view text) { return parse_paths(text, o.paths); } },
		text("files", "a folder", o.files),
		time("think", o.think),
		time("duration", o.duration),
		number("requests", "1 to 10^15", 1, 1'000'000'000'000'000, o.requests),
		time("warmup", o.warmup),
		number("threads", "1 to 256", 1, 256, o.threads),
		number("sources", "0 to 250", 0, 250, o.sources),
		number("idle", "0 to 1000000", 0, 1'000'000, o.idle),
		flag("idle-echo", o.idle_echo),
		flag("memory", o.memory),
		time("watch", o.watch),
		text("unload", "the name of a kernel module", o.unload),
		time("timeout", o.timeout),
		time("wait", o.wait),
		flag("text", o.output, format::text),
		flag("json", o.output, format::json),
		flag("csv", o.output, format::csv),
		{ "label", "letters, digits and -_.:/ only",
		  [&o](std::string_view text) {
			  o.label = text;
			  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
				  return isalnum(c) || std::string_view("-_.:/").find(c) !=
							       std::string_view::npos;
			  });
		  } },
		flag("no-header", o.header, false),
		flag("progress", o.progress),
		flag("quiet", o.quiet),
		flag("mark", o.mark),
		flag("help", result.help),
	};

	for (size_t i = 0; i < arguments.size(); i++) {
		const std::string &argument = arguments[i];
		const size_t equals = argument.find('=');
		const std::string name = argument.substr(0, equals);
		const auto found = std::find_if(known.begin(), known.end(), [&](const option &each) {
			return name.size() > 2 && name.compare(0, 2, "--") == 0 &&
			       name.compare(2, name.npos, each.name) == 0;
		});

		if (argument == "-h") {
			result.help = true;
			continue;
		}
		if (found == known.end()) {
			result.error = "unknown option '" + argument + "'";
			return result;
		}

		std::string value;

		if (!found->allowed) {
			if (equals != argument.npos) {
				result.error = name + " takes no value";
				return result;
			}
		} else if (equals != argument.npos) {
			value = argument.substr(equals + 1);
		} else if (i + 1 < arguments.size()) {
			value = arguments[++i];
		} else {
			result.error = name + " needs a value: " + found->allowed;
			return result;
		}
		if (!found->take(value)) {
			result.error = name + " cannot be '" + value + "': " + found->allowed;
			return result;
		}
	}
	if (!result.help)
		result.error = contradiction(o);
	return result;
}

} // namespace load
