// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "machine.hpp"

#include <time.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace load
{

namespace
{

/* To the nanosecond, for root, from kernels that stop the tick of an idle CPU. */
bool read_timer_list(cpu_time &result)
{
	std::ifstream file("/proc/timer_list");
	std::string name, colon;
	int64_t idle = 0, cpus = 0;

	for (std::string line; std::getline(file, line);) {
		std::istringstream words(line);
		int64_t value;

		if (!(words >> name >> colon >> value))
			continue;
		if (name == ".idle_sleeptime")
			idle += value;
		else if (name == ".nohz_mode" && value)
			cpus++;
	}
	if (!cpus)
		return false;
	result.clock = now();
	result.idle = idle;
	result.total = cpus * result.clock;
	return true;
}

} // namespace

int64_t now()
{
	timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

cpu_time read_cpu_time()
{
	cpu_time result;

	if (read_timer_list(result))
		return result;

	std::ifstream file("/proc/stat");
	std::string word;

	file >> word;
	/* user nice system idle iowait irq softirq steal; guest times are in the first two. */
	for (int i = 0; i < 8; i++) {
		int64_t ticks = 0;

		file >> ticks;
		result.total += ticks * 10'000'000;
		if (i == 3 || i == 4)
			result.idle += ticks * 10'000'000;
	}
	result.clock = now();
	return result;
}

double idle_percent(const cpu_time &before, const cpu_time &after)
{
	if (after.total <= before.total)
		return -1;
	return 100.0 * static_cast<double>(after.idle - before.idle) /
	       static_cast<double>(after.total - before.total);
}

double busy_per_second(const cpu_time &before, const cpu_time &after)
{
	const int64_t busy = after.total - before.total - (after.idle - before.idle);

	return static_cast<double>(busy) * 1e9 / static_cast<double>(after.clock - before.clock);
}

memory read_memory()
{
	memory result;
	std::string line;

	for (std::ifstream file("/proc/meminfo"); std::getline(file, line);) {
		std::istringstream words(line);
		std::string name;
		int64_t kilobytes = 0;

		words >> name >> kilobytes;
		if (name == "MemAvailable:")
			result.available = kilobytes * 1024;
		else if (name == "Slab:")
			result.slab = kilobytes * 1024;
		else if (name == "KernelStack:")
			result.stacks = kilobytes * 1024;
	}
	for (std::ifstream file("/proc/slabinfo"); std::getline(file, line);) {
		std::istringstream words(line);
		std::string name;
		int64_t active, objects, size;

		if (words >> name >> active >> objects >> size)
			result.caches[name] = active * size;
	}
	return result;
}

std::vector<growth> grown(const memory &before, const memory &after, uint64_t connections)
{
	std::vector<growth> result;

	for (const auto &[name, bytes] : after.caches) {
		const auto old = before.caches.find(name);
		const double more =
			static_cast<double>(bytes - (old == before.caches.end() ? 0 : old->second));

		if (more >= 4.0 * static_cast<double>(connections))
			result.push_back({ name, more / static_cast<double>(connections) });
	}
	std::sort(result.begin(), result.end(),
		  [](const growth &a, const growth &b) { return a.bytes > b.bytes; });
	return result;
}

} // namespace load
