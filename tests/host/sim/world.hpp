/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A test's view of the simulation: one run of a small world, decided by a seed.
 *
 *	sim::report r = sim::run(seed, {}, [](sim::world &w) {
 *		w.spawn("client", [&] { … });	// beside the body, which is "main"
 *		… calls into the library, which calls the simulated port …
 *	});
 *
 * A run fails, and says why, on a deadlock, a misused or leaked object, a call that its
 * context forbids, or world::fail(). The same seed and options give the same run.
 */
#ifndef KTCP_SIM_WORLD_HPP
#define KTCP_SIM_WORLD_HPP

#include <cstdint>
#include <functional>
#include <string>

#include "random.hpp"

struct net;

namespace sim
{

class kernel;

struct options {
	/* Failures of the port's fallible calls: each with this chance of 65,536 … */
	unsigned fail_chance = 0;
	/* … or exactly the n-th of the run, counted from 0. */
	long fail_nth = -1;
	/* Timers may fire though others could run: everyone may be slow. */
	bool hasty_time = false;
	/* Short sends, and -EAGAIN for want of memory, with the event inside the call. */
	bool scarce_memory = false;
	/* Is there IPv6? */
	bool ipv6 = true;
	/*
	 * Instead of the seed's choice of buffers: this many bytes each way; 0 leaves it to the
	 * seed.
	 */
	unsigned buffer_bytes = 0;
	/* A socket may be left closing without a timer. */
	bool allow_orphans = false;
	/* No end within so many scheduling points, or so much time spent waiting: the run fails. */
	uint64_t step_limit = 3'000'000;
	uint64_t time_limit_ms = 3'600'000;
	/* Keep the last lines of what happened, for report::trace. */
	bool trace = false;
};

struct report {
	bool ok = false;
	std::string what; /* the first failure */
	std::string trace;
	uint64_t steps = 0; /* scheduling points passed */
	uint64_t fingerprint = 0; /* of every choice made */
	uint64_t time_ms = 0;
	unsigned fallible_calls = 0;
	bool injected = false; /* did a failure come in? */
};

class world {
    public:
	explicit world(kernel &k) : kernel_(k)
	{
	}

	/* A fibre of the test's; the run waits for it to return. */
	void spawn(const char *name, std::function<void()> body);
	/* Wait until every spawned fibre has returned. */
	void join();

	/*
	 * Sleep until the @step-th scheduling point of the run, and go on right there.
	 * False: everything came to rest before.
	 */
	bool wait_for_step(uint64_t step);
	/* Sleep until nothing but the passing of time could change anything. */
	void wait_until_idle();

	uint64_t now_ms() const;
	void sleep_ms(unsigned ms);
	/* A place where others may run. */
	void point();
	random &chance();

	/* CPUs of those that take turns go offline and come back, some points apart. */
	void shake_cpus();

	/* The network stops, and later goes on, delivering. */
	void link(bool up);
	/* A namespace of its own, and the beginning of its end. */
	::net *new_namespace();
	void dismantle(::net *ns);

	/* Has a failure been injected so far? */
	bool injected() const;
	unsigned fallible_calls() const;

	/*
	 * The module's code is gone from here on. Fails if any of it still runs or could be called,
	 * and if any of its objects is left.
	 */
	void unload();

	/* How many sockets the module holds, listeners aside. */
	unsigned module_sockets() const;

	[[noreturn]] void fail(const std::string &what);
	void expect(bool condition, const char *text, const char *file, int line);
	template <class A, class B>
	void expect_equal(const A &a, const B &b, const char *text, const char *file, int line)
	{
		if (!(a == b))
			expect(false,
			       (std::string(text) + ": " + std::to_string(a) + " and " +
				std::to_string(b))
				       .c_str(),
			       file, line);
	}

    private:
	kernel &kernel_;
};

report run(uint64_t seed, const options &how, const std::function<void(world &)> &body);

} // namespace sim

/* In a run: end it as failed unless … */
#define SIM_EXPECT(w, condition) (w).expect(bool(condition), #condition, __FILE__, __LINE__)
#define SIM_EXPECT_EQ(w, a, b) (w).expect_equal((a), (b), #a " == " #b, __FILE__, __LINE__)

#endif
