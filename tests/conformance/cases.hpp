/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* All cases, by subsystem, as include/ktcp/port/ is. */
#ifndef KTCP_TESTS_CONFORMANCE_CASES_HPP
#define KTCP_TESTS_CONFORMANCE_CASES_HPP

#include "cases_connect.hpp"
#include "cases_hook.hpp"
#include "cases_memory.hpp"
#include "cases_per_cpu.hpp"
#include "cases_socket.hpp"
#include "cases_sync.hpp"
#include "cases_thread.hpp"
#include "cases_time.hpp"
#include "cases_turns.hpp"
#include "cases_work.hpp"

namespace ktcp_test
{

struct test_case {
	const char *name;
	void (*run)(context &context);
};

#define KTCP_CASE_ENTRY(name) { #name, name },
inline constexpr test_case cases[] = {
	KTCP_MEMORY_CASES(KTCP_CASE_ENTRY) KTCP_TIME_CASES(KTCP_CASE_ENTRY)
		KTCP_SYNC_CASES(KTCP_CASE_ENTRY) KTCP_THREAD_CASES(KTCP_CASE_ENTRY)
			KTCP_WORK_CASES(KTCP_CASE_ENTRY) KTCP_TURNS_CASES(KTCP_CASE_ENTRY)
				KTCP_SOCKET_CASES(KTCP_CASE_ENTRY) KTCP_HOOK_CASES(KTCP_CASE_ENTRY)
					KTCP_CONNECT_CASES(KTCP_CASE_ENTRY)
						KTCP_PER_CPU_CASES(KTCP_CASE_ENTRY)
};
#undef KTCP_CASE_ENTRY

} // namespace ktcp_test

#endif
