-- SPDX-License-Identifier: GPL-2.0-only OR MIT
-- What wrk measured, with the names of echo-load's report (see http-load).
function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   local seconds = summary.duration / 1e6

   io.write(string.format('  "seconds": %.6f, "requests": %d,\n', seconds, summary.requests))
   io.write(string.format('  "requests_per_s": %.2f, "mib_per_s": %.3f,\n',
                          summary.requests / seconds, summary.bytes / seconds / 1048576))
   if summary.requests > 0 then
      io.write(string.format('  "ns_per_request": %.1f,\n', seconds * 1e9 / summary.requests))
   end
   io.write(string.format('  "latency_ns": {"p50": %.0f, "p90": %.0f, "p99": %.0f, "max": %.0f},\n',
                          latency:percentile(50) * 1e3, latency:percentile(90) * 1e3,
                          latency:percentile(99) * 1e3, latency.max * 1e3))
   io.write(string.format('failed %d\n', failed))
end
