/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/time.h, port/random.h and port/log.h, simulated. */
#include <cstdarg>
#include <cstdio>
#include <ktcp/port/log.h>
#include <ktcp/port/posix/trace.cpp>
#include <ktcp/port/random.h>
#include <ktcp/port/time.h>

#include "kernel.hpp"

using sim::kernel;

uint64_t ktcp_now_ms(void)
{
	return kernel::now("ktcp_now_ms").now_ms();
}

/* The simulation begins at the start of 2024. */
uint64_t ktcp_boottime_ms(void)
{
	return kernel::now("ktcp_boottime_ms").now_ms(); /* it never sleeps */
}

uint64_t ktcp_real_seconds(void)
{
	return 1704067200 + kernel::now("ktcp_real_seconds").now_ms() / 1000;
}

uint32_t ktcp_random_u32(void)
{
	return uint32_t(kernel::now("ktcp_random_u32").chance.next());
}

void ktcp_msleep(unsigned int ms)
{
	kernel &k = kernel::enter_process("ktcp_msleep");
	uint64_t until = k.now_ms() + ms;
	char key;

	while (k.now_ms() < until)
		k.block_until(&key, until, "ktcp_msleep");
}

void ktcp_usleep(unsigned int us)
{
	ktcp_msleep((us + 999) / 1000); /* time goes by in milliseconds here */
}

/* Its memory is the module's, so that one that is not stopped is seen. */
struct ktcp_exact_timer {
	void (*function)(void *context);
	void *context;
	bool armed;
	bool running; /* its softirq is on its way, or runs */
	kernel::timer_id id;
};

struct ktcp_exact_timer *ktcp_exact_timer_start(unsigned int us, void (*function)(void *context),
						void *context, enum ktcp_gfp gfp)
{
	kernel &k = kernel::enter_any("ktcp_exact_timer_start");
	auto *const made =
		static_cast<ktcp_exact_timer *>(ktcp_kmalloc(sizeof(ktcp_exact_timer), gfp));

	if (!made)
		return nullptr;
	*made = { function, context, true, false, {} };
	made->id = k.arm(k.now_ms() + (us + 999) / 1000, [&k, made] {
		made->armed = false;
		made->running = true;
		k.raise_softirq("softirq/exact timer", [&k, made] {
			k.current().in_module++;
			made->function(made->context);
			k.current().in_module--;
			made->running = false;
			k.wake(made);
		});
	});
	return made;
}

void ktcp_exact_timer_stop(struct ktcp_exact_timer *timer)
{
	kernel &k = kernel::enter_any("ktcp_exact_timer_stop");

	if (timer->armed)
		k.disarm(timer->id);
	while (timer->running)
		k.block(timer, "ktcp_exact_timer_stop");
	ktcp_kfree(timer);
}

static void log_line(enum ktcp_log_level level, const char *format, va_list arguments)
{
	static const char *const levels[] = { "error", "warning", "info" };
	kernel &k = kernel::enter_any("ktcp_printk");
	char line[512];

	vsnprintf(line, sizeof(line), format, arguments);
	k.trace("log %s: %s", levels[level], line);
	k.log.push_back(line);
}

void ktcp_printk(enum ktcp_log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line(level, format, arguments);
	va_end(arguments);
}

void ktcp_printk_ratelimited(enum ktcp_log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line(level, format, arguments);
	va_end(arguments);
}

/* No handler of the simulation's is wrong. */
void ktcp_warn(const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	kernel::enter_any("ktcp_warn").fail("%s", line);
}
