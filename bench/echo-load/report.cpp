// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "load.hpp"

namespace load
{

namespace
{

constexpr struct {
	const char *name;
	double share;
} percentiles[] = {
	{ "p50", 50 }, { "p90", 90 }, { "p99", 99 }, { "p99.9", 99.9 }, { "p99.99", 99.99 },
};

[[gnu::format(printf, 2, 3)]] void print(std::string &to, const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	to += line;
}

std::string sizes(const options &asked, char separator)
{
	std::string result;

	for (const share &each : asked.sizes) {
		if (!result.empty())
			result += separator;
		result += std::to_string(each.size);
		if (asked.sizes.size() > 1)
			result += ':' + std::to_string(each.weight);
	}
	return result;
}

std::string text(const options &asked, const outcome &result)
{
	const errors &failures = result.failures;
	std::string out;

	print(out, "%s port %u: %u connection%s, %s B, ", asked.host.c_str(), asked.port,
	      asked.connections, asked.connections == 1 ? "" : "s", sizes(asked, ',').c_str());
	if (asked.rate > 0)
		print(out, "open loop at %g requests/s", asked.rate);
	else
		print(out, "closed loop");
	if (asked.think)
		print(out, ", %g ms pauses", static_cast<double>(asked.think) / 1e6);
	print(out, "%s, %u thread%s", asked.per_request ? ", a connection per request" : "",
	      asked.threads, asked.threads == 1 ? "" : "s");
	if (asked.idle)
		print(out, ", %u idle connections beside", asked.idle);
	print(out,
	      "\n  %llu requests in %.3f s: %.1f requests/s, %.2f MiB/s each way, %.0f ns/request\n",
	      static_cast<unsigned long long>(result.latencies.count()), result.seconds,
	      result.per_second(), result.mib_per_second(), result.nanoseconds_per_request());
	print(out, "  latency in us%s: min %.1f, mean %.1f",
	      asked.rate > 0 ? ", from when each was due" : "",
	      static_cast<double>(result.latencies.least()) / 1e3, result.latencies.mean() / 1e3);
	for (const auto &each : percentiles)
		print(out, ", %s %.1f", each.name,
		      static_cast<double>(result.latencies.percentile(each.share)) / 1e3);
	print(out, ", max %.1f\n", static_cast<double>(result.latencies.most()) / 1e3);
	if (result.idle_percent >= 0)
		print(out, "  the CPUs idled %.2f %% of the time\n", result.idle_percent);
	for (const memory_cost &each : result.memory) {
		print(out,
		      "  an idle connection (%s), both ends: %.0f B less available, slab %.0f B, kernel stacks %.0f B\n",
		      each.when.c_str(), each.available, each.slab, each.stacks);
		for (const growth &one : each.caches)
			print(out, "    %-24s %7.1f B\n", one.cache.c_str(), one.bytes);
	}
	if (result.watched >= 0)
		print(out, "  before the load the CPUs were busy for %.3f ms a second\n",
		      result.watched / 1e6);
	if (result.unloaded >= 0)
		print(out, "  %s was removed in %.3f s\n", asked.unload.c_str(), result.unloaded);
	if (result.idle_lost)
		print(out, "  %llu idle connections were lost\n",
		      static_cast<unsigned long long>(result.idle_lost));
	print(out, "  errors: %llu", static_cast<unsigned long long>(failures.all()));
	if (failures.all())
		print(out,
		      " (%llu connecting, %llu closed, %llu wrong bytes, %llu timed out, %llu other; the last: %s)",
		      static_cast<unsigned long long>(failures.connect),
		      static_cast<unsigned long long>(failures.closed),
		      static_cast<unsigned long long>(failures.wrong),
		      static_cast<unsigned long long>(failures.timeout),
		      static_cast<unsigned long long>(failures.other), strerror(failures.last));
	return out + "\n";
}

std::string csv(const options &asked, const outcome &result)
{
	std::string out;

	if (asked.header) {
		out += "label,connections,size,per_request,rate,think_ns,idle,threads,seconds,requests,"
		       "errors,requests_per_s,mib_per_s,ns_per_request,min_ns,mean_ns";
		for (const auto &each : percentiles)
			print(out, ",%s_ns", each.name);
		out += ",max_ns,cpu_idle_percent,idle_lost\n";
	}
	print(out, "%s,%u,%s,%d,%g,%lld,%u,%u,%.6f,%llu,%llu,%.2f,%.3f,%.1f,%llu,%.0f",
	      asked.label.c_str(), asked.connections, sizes(asked, ' ').c_str(), asked.per_request,
	      asked.rate, static_cast<long long>(asked.think), asked.idle, asked.threads,
	      result.seconds, static_cast<unsigned long long>(result.latencies.count()),
	      static_cast<unsigned long long>(result.failures.all()), result.per_second(),
	      result.mib_per_second(), result.nanoseconds_per_request(),
	      static_cast<unsigned long long>(result.latencies.least()), result.latencies.mean());
	for (const auto &each : percentiles)
		print(out, ",%llu",
		      static_cast<unsigned long long>(result.latencies.percentile(each.share)));
	print(out, ",%llu,", static_cast<unsigned long long>(result.latencies.most()));
	if (result.idle_percent >= 0)
		print(out, "%.2f", result.idle_percent);
	print(out, ",%llu\n", static_cast<unsigned long long>(result.idle_lost));
	return out;
}

std::string json(const options &asked, const outcome &result)
{
	const errors &failures = result.failures;
	std::string out = "{\n";

	/* Neither the label nor an address has a character that would need escaping. */
	print(out, "  \"label\": \"%s\",\n  \"host\": \"%s\",\n  \"port\": %u,\n",
	      asked.label.c_str(), asked.host.c_str(), asked.port);
	print(out, "  \"connections\": %u,\n  \"sizes\": [", asked.connections);
	for (size_t i = 0; i < asked.sizes.size(); i++)
		print(out, "%s{\"size\": %u, \"weight\": %u}", i ? ", " : "", asked.sizes[i].size,
		      asked.sizes[i].weight);
	print(out,
	      "],\n  \"per_request\": %s,\n  \"rate\": %g,\n  \"think_ns\": %lld,\n  \"idle\": %u,\n  \"threads\": %u,\n",
	      asked.per_request ? "true" : "false", asked.rate, static_cast<long long>(asked.think),
	      asked.idle, asked.threads);
	print(out,
	      "  \"seconds\": %.6f,\n  \"requests\": %llu,\n  \"requests_per_s\": %.2f,\n  \"mib_per_s\": %.3f,\n  \"ns_per_request\": %.1f,\n",
	      result.seconds, static_cast<unsigned long long>(result.latencies.count()),
	      result.per_second(), result.mib_per_second(), result.nanoseconds_per_request());
	print(out, "  \"latency_ns\": {\"min\": %llu, \"mean\": %.0f",
	      static_cast<unsigned long long>(result.latencies.least()), result.latencies.mean());
	for (const auto &each : percentiles)
		print(out, ", \"%s\": %llu", each.name,
		      static_cast<unsigned long long>(result.latencies.percentile(each.share)));
	print(out, ", \"max\": %llu},\n", static_cast<unsigned long long>(result.latencies.most()));
	print(out,
	      "  \"errors\": {\"connect\": %llu, \"closed\": %llu, \"wrong\": %llu, \"timeout\": %llu, \"other\": %llu},\n",
	      static_cast<unsigned long long>(failures.connect),
	      static_cast<unsigned long long>(failures.closed),
	      static_cast<unsigned long long>(failures.wrong),
	      static_cast<unsigned long long>(failures.timeout),
	      static_cast<unsigned long long>(failures.other));
	print(out, "  \"memory\": [");
	for (size_t i = 0; i < result.memory.size(); i++) {
		const memory_cost &each = result.memory[i];

		print(out,
		      "%s\n    {\"when\": \"%s\", \"available\": %.1f, \"slab\": %.1f, \"stacks\": %.1f, \"caches\": {",
		      i ? "," : "", each.when.c_str(), each.available, each.slab, each.stacks);
		for (size_t j = 0; j < each.caches.size(); j++)
			print(out, "%s\"%s\": %.1f", j ? ", " : "", each.caches[j].cache.c_str(),
			      each.caches[j].bytes);
		out += "}}";
	}
	out += "],\n";
	if (result.idle_percent >= 0)
		print(out, "  \"cpu_idle_percent\": %.2f,\n", result.idle_percent);
	if (result.watched >= 0)
		print(out, "  \"watched_ns_per_s\": %.0f,\n", result.watched);
	if (result.unloaded >= 0)
		print(out, "  \"unloaded_s\": %.3f,\n", result.unloaded);
	print(out, "  \"idle_lost\": %llu\n}\n", static_cast<unsigned long long>(result.idle_lost));
	return out;
}

} // namespace

std::string report(const options &asked, const outcome &result)
{
	switch (asked.output) {
	case format::csv:
		return csv(asked, result);
	case format::json:
		return json(asked, result);
	default:
		return text(asked, result);
	}
}

} // namespace load
