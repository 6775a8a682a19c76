// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The user's wishes: the command line as values, each within its limits.
 */
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace load
{

/* One message size and how often it comes among the others. */
struct share {
	uint32_t size;
	uint32_t weight;
};

enum class format { text, json, csv };

struct options {
	std::string host = "127.0.0.1";
	uint16_t port = 12345;
	uint32_t connections = 1;
	std::vector<share> sizes = { { 64, 1 } };
	double rate = 0; /* requests per second of all threads; 0: closed loop */
	bool per_request = false;
	std::vector<std::string> paths; /* of HTTP; empty: echo */
	std::string files; /* the folder whose files the answers are to be; empty: none */
	int64_t think = 0; /* nanoseconds, as all times here */
	int64_t duration = 10'000'000'000;
	uint64_t requests = 0; /* 0: the duration decides */
	int64_t warmup = 0;
	uint32_t threads = 1;
	uint32_t sources = 0; /* 0: as many as the connections need */
	uint32_t idle = 0;
	bool idle_echo = false;
	bool memory = false;
	int64_t watch = 0; /* 0: not */
	std::string unload; /* the kernel module to remove at the end; empty: none */
	int64_t timeout = 10'000'000'000;
	int64_t wait = 0;
	format output = format::text;
	std::string label;
	bool header = true;
	bool progress = false;
	bool quiet = false;
	bool mark = false;

	uint32_t largest() const;
	uint32_t source_addresses() const;
};

struct command_line {
	options values;
	bool help = false;
	std::string error; /* empty: all is well */
};

command_line parse(const std::vector<std::string> &arguments);

/* The parts, for their tests. False leaves the result untouched. */
bool parse_number(std::string_view text, uint64_t least, uint64_t most, uint64_t &result);
bool parse_size(std::string_view text, uint32_t &result);
bool parse_time(std::string_view text, int64_t &result);
bool parse_paths(std::string_view text, std::vector<std::string> &result);
bool parse_sizes(std::string_view text, std::vector<share> &result);

extern const char help_text[];

} // namespace load
