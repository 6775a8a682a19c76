// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/log.h over standard error. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include <atomic>
#include <chrono>

#include <ktcp/port/log.h>

static void ktcp_vprint(const char *format, va_list args)
{
	char line[512];

	/* One call a line, so that lines of several threads do not mix. */
	vsnprintf(line, sizeof(line), format, args);
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, line);
}

void ktcp_printk(enum ktcp_log_level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ktcp_vprint(format, args);
	va_end(args);
}

void ktcp_printk_ratelimited(enum ktcp_log_level, const char *format, ...)
{
	constexpr int lines_a_second = 10;
	static std::atomic<long long> second{ 0 };
	static std::atomic<int> lines{ 0 };
	const long long now = std::chrono::duration_cast<std::chrono::seconds>(
				      std::chrono::steady_clock::now().time_since_epoch())
				      .count();

	if (second.exchange(now) != now)
		lines = 0;
	if (++lines > lines_a_second)
		return;

	va_list args;

	va_start(args, format);
	ktcp_vprint(format, args);
	va_end(args);
}

void ktcp_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ktcp_vprint(format, args);
	va_end(args);
}
