/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Many runs of one body, for GoogleTest: over seeds, over the point at which a call fails,
 * over the step at which something happens.
 *
 * A failing run is run again with a trace. The environment replays one, with its trace:
 *
 *	KTCP_SEED=7      the seed
 *	KTCP_SEED=7:13   the seed and the number of the failing call, or of the step
 *
 * KTCP_SEEDS=10 makes every exploration ten times as long.
 */
#ifndef KTCP_SIM_EXPLORE_HPP
#define KTCP_SIM_EXPLORE_HPP

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "world.hpp"

namespace sim
{

using test_body = std::function<void(world &)>;

/* Seeds 1 … @seeds. */
void explore(unsigned seeds, const options &how, const test_body &body);

/*
 * For each of a few seeds: let the first fallible call fail, then only the second, and so
 * on until a run has fewer.
 */
void explore_failures(unsigned seeds, const options &how, const test_body &body);

/* The fallible calls that were made to fail so far, and how often each. */
const std::map<std::string, uint64_t> &injections();

/* For each of a few seeds: @body with step 0, 1 … until it returns false (see wait_for_step). */
void explore_steps(unsigned seeds, const options &how,
		   const std::function<bool(world &, uint64_t step)> &body);

} // namespace sim

#endif
