// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Shared by all of echo-load: the outcome of a run with its report.
 */
#pragma once

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "histogram.hpp"
#include "machine.hpp"
#include "options.hpp"
#include "worker.hpp"

namespace load
{

/* After so many connections the server is given the time to accept them. */
constexpr unsigned accept_batch = 256;

/* By SIGINT or SIGTERM: ends the measurement, not the report. */
extern volatile std::sig_atomic_t interrupted;

struct memory_cost {
	std::string when; /* "fresh" or "echoed" */
	double available = 0; /* bytes for each idle connection, as the rest */
	double slab = 0;
	double stacks = 0;
	std::vector<growth> caches;
};

struct outcome {
	histogram latencies;
	errors failures;
	uint64_t bytes = 0;
	double seconds = 0;
	double idle_percent = -1; /* of all CPUs' time under load; negative: unknown */
	double watched = -1; /* nanoseconds a second that CPUs were busy beside idle connections;
				negative: not asked for */
	uint64_t idle_lost = 0; /* idle connections that did not stay */
	std::vector<memory_cost> memory;
	double unloaded = -1; /* seconds that removing the module took; negative: not asked for */

	double per_second() const
	{
		return seconds > 0 ? static_cast<double>(latencies.count()) / seconds : 0;
	}
	double mib_per_second() const
	{
		return seconds > 0 ? static_cast<double>(bytes) / seconds / (1 << 20) : 0;
	}
	double nanoseconds_per_request() const
	{
		return latencies.count() ? seconds * 1e9 / static_cast<double>(latencies.count()) :
					   0;
	}
};

std::string report(const options &asked, const outcome &result);

} // namespace load
