/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Exploration, and the report of what it found. */
#include "explore.hpp"

#include <gtest/gtest.h>

#include "kernel.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif

#ifdef SIM_ASAN
#include <sanitizer/common_interface_defs.h>

/* Large quarantines make millions of small allocations slow. ../sanitizers.cpp has what else is usual. */
extern "C" const char *__asan_default_options()
{
	return "handle_sigill=1:"
	       "quarantine_size_mb=8:detect_stack_use_after_return=0:malloc_context_size=12";
}
#endif

namespace sim
{
namespace
{

constexpr unsigned failures_shown = 1;

/* The run's name, for a sanitizer's last words. */
char running[300];

std::string test_name()
{
	const auto *info = testing::UnitTest::GetInstance()->current_test_info();

	return info ? std::string(info->test_suite_name()) + "." + info->name() : "";
}

void last_words()
{
	fprintf(stderr, "\nwhile running %s\n", running);
}

void say_last_words()
{
#ifdef SIM_ASAN
	static bool once = (__sanitizer_set_death_callback(last_words), true);

	(void)once;
#else
	(void)last_words;
#endif
}

struct wanted {
	uint64_t seed;
	std::optional<uint64_t> number;
};

std::optional<wanted> wanted_seed()
{
	const char *text = getenv("KTCP_SEED");
	wanted w{};
	char *end;

	if (!text)
		return {};
	w.seed = strtoull(text, &end, 10);
	if (*end == ':')
		w.number = strtoull(end + 1, nullptr, 10);
	return w;
}

unsigned how_many(unsigned seeds)
{
	const char *factor = getenv("KTCP_SEEDS");

	return factor ? std::max(1u, unsigned(seeds * strtod(factor, nullptr))) : seeds;
}

/* All runs of the process, and what was made to fail in them. */
uint64_t runs_in_all;

class summary : public testing::Environment {
	void TearDown() override
	{
		if (!runs_in_all)
			return;
		printf("simulation: %llu schedules", (unsigned long long)runs_in_all);
		for (const auto &[call, times] : injections())
			printf("\n             %s failed %llu times", call.c_str(),
			       (unsigned long long)times);
		printf("\n");
	}
};

[[maybe_unused]] const auto *summary_ = testing::AddGlobalTestEnvironment(new summary);

/* One run, and if it fails once more with a trace. */
class runner {
    public:
	runner() : begin_(std::chrono::steady_clock::now())
	{
		say_last_words();
	}

	~runner()
	{
		std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin_;

		printf("             %u runs, %llu steps, %.0f runs/s\n", runs_,
		       (unsigned long long)steps_, runs_ / took.count());
		testing::Test::RecordProperty("runs", int(runs_));
	}

	report once(const std::string &name, uint64_t seed, options how, const test_body &body)
	{
		snprintf(running, sizeof(running), "KTCP_SEED=%s --gtest_filter=%s", name.c_str(),
			 test_name().c_str());
		if (wanted_seed())
			how.trace = true;

		report r = run(seed, how, body);

		runs_++;
		runs_in_all++;
		steps_ += r.steps;
		if (wanted_seed())
			fprintf(stderr, "%s", r.trace.c_str());
		if (!r.ok)
			failed(name, seed, how, body, r);
		return r;
	}

	bool enough() const
	{
		return failures_ >= failures_shown;
	}

    private:
	void failed(const std::string &name, uint64_t seed, options how, const test_body &body,
		    const report &first)
	{
		how.trace = true;

		report again = run(seed, how, body);

		failures_++;
		ADD_FAILURE() << first.what << "\nreplay: KTCP_SEED=" << name
			      << " --gtest_filter=" << test_name()
			      << (again.what == first.what ? "" :
							     "\nNOT the same the second time: ")
			      << (again.what == first.what ? "" : again.what) << "\nlast steps:\n"
			      << again.trace;
	}

	std::chrono::steady_clock::time_point begin_;
	unsigned runs_ = 0;
	unsigned failures_ = 0;
	uint64_t steps_ = 0;
};

} // namespace

const std::map<std::string, uint64_t> &injections()
{
	return kernel::injections();
}

void explore(unsigned seeds, const options &how, const test_body &body)
{
	runner r;

	if (auto only = wanted_seed()) {
		r.once(std::to_string(only->seed), only->seed, how, body);
		return;
	}
	for (uint64_t seed = 1; seed <= how_many(seeds) && !r.enough(); seed++)
		r.once(std::to_string(seed), seed, how, body);
}

void explore_failures(unsigned seeds, const options &how, const test_body &body)
{
	runner r;
	auto one = [&](uint64_t seed, uint64_t n) {
		options with = how;

		with.fail_nth = long(n);
		return r.once(std::to_string(seed) + ":" + std::to_string(n), seed, with, body);
	};

	if (auto only = wanted_seed()) {
		one(only->seed, only->number.value_or(0));
		return;
	}
	for (uint64_t seed = 1; seed <= how_many(seeds) && !r.enough(); seed++)
		for (uint64_t n = 0; !r.enough() && one(seed, n).injected; n++)
			;
}

void explore_steps(unsigned seeds, const options &how,
		   const std::function<bool(world &, uint64_t step)> &body)
{
	runner r;
	auto one = [&](uint64_t seed, uint64_t step) {
		bool reached = false;

		r.once(std::to_string(seed) + ":" + std::to_string(step), seed, how,
		       [&](world &w) { reached = body(w, step); });
		return reached;
	};

	if (auto only = wanted_seed()) {
		one(only->seed, only->number.value_or(0));
		return;
	}
	for (uint64_t seed = 1; seed <= how_many(seeds) && !r.enough(); seed++)
		for (uint64_t step = 0; !r.enough() && one(seed, step); step++)
			;
}

} // namespace sim
