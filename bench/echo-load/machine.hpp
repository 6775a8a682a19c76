// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The machine under the load, by its own words: its clock, and from /proc its idle time, and the
 * places of its memory.
 */
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace load
{

/* Nanoseconds of the monotonic clock. */
int64_t now();

/* Nanoseconds since some moment. */
struct cpu_time {
	int64_t clock = 0;
	int64_t idle = 0; /* the sum over all CPUs */
	int64_t total = 0; /* the same, idle or not */
};

cpu_time read_cpu_time();

/* Of the time between the two; negative if too short to tell. */
double idle_percent(const cpu_time &before, const cpu_time &after);

/* Nanoseconds of work, of all CPUs together, in each second that passed between the two. */
double busy_per_second(const cpu_time &before, const cpu_time &after);

struct memory {
	int64_t available = 0; /* bytes, as the rest */
	int64_t slab = 0;
	int64_t stacks = 0;
	std::map<std::string, int64_t> caches; /* of objects in use; empty if unreadable */
};

memory read_memory();

/* A cache's growth per connection. */
struct growth {
	std::string cache;
	double bytes;
};

/* The caches that grew by at least four bytes for each of the connections, largest first. */
std::vector<growth> grown(const memory &before, const memory &after, uint64_t connections);

} // namespace load
