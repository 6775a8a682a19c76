// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The calling-context tree of bench/profile: blocks in the order of their execution are given, and
 * what is written is looked at. */
#include "calls.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace
{

constexpr uint64_t kernel = 0xffffffff80000000;
constexpr uint64_t outer = kernel + 0x1000, inner = kernel + 0x2000, other = kernel + 0x3000,
		   cold = kernel + 0x4000, padded = kernel + 0x5010;
constexpr uint64_t indirect_thunk = kernel + 0x6000, return_thunk = kernel + 0x6100;
constexpr uint64_t system_call = kernel + 0x7000, after_hardware = kernel + 0x7040,
		   timer = kernel + 0x7100, page_fault = kernel + 0x7200,
		   error_entry = kernel + 0x7300, stubs = kernel + 0x7400;
constexpr uint64_t module_function = 0xffffffffc0000000;
constexpr uint64_t user = 0x401000;

const char symbols[] = "ffffffff80001000 T outer\n"
		       "ffffffff80002000 t inner\n"
		       "ffffffff80002000 T __inner\n"
		       "ffffffff80003000 T other\n"
		       "ffffffff80003800 D not_text\n"
		       "ffffffff80004000 t outer.cold\n"
		       "ffffffff80005000 t __pfx_padded\n"
		       "ffffffff80005010 t padded\n"
		       "ffffffff80006000 T __x86_indirect_thunk_rax\n"
		       "ffffffff80006100 T __x86_return_thunk\n"
		       "ffffffff80007000 T __entry_text_start\n"
		       "ffffffff80007000 T entry_SYSCALL_64\n"
		       "ffffffff80007040 T entry_SYSCALL_64_after_hwframe\n"
		       "ffffffff80007100 T asm_sysvec_apic_timer_interrupt\n"
		       "ffffffff80007200 T asm_exc_page_fault\n"
		       "ffffffff80007300 t error_entry\n"
		       "ffffffff80007400 T irq_entries_start\n"
		       "ffffffff80007800 T __entry_text_end\n"
		       "ffffffffc0000000 t serve\t[kecho]\n"
		       "ffffffffc0000100 t serve.cold\t[kecho]\n";

class Calls : public testing::Test {
    protected:
	static void SetUpTestSuite()
	{
		static char text[sizeof symbols];

		memcpy(text, symbols, sizeof symbols);
		FILE *file = fmemopen(text, sizeof symbols - 1, "r");
		ASSERT_TRUE(file);
		ASSERT_GT(calls_symbols(file), 0);
		fclose(file);
	}

	void SetUp() override
	{
		calls_switch(1);
		calls_begin();
	}

	void run(uint64_t address, block_end end = BLOCK_NEXT, uint32_t instructions = 1)
	{
		calls_execute(&blocks_.emplace_back(
			block{ address, instructions, end, false, false, 0, 0 }));
	}

	/* Each context that took instructions: "client/outer/inner", and how many. */
	static std::map<std::string, uint64_t> counted()
	{
		char *text = nullptr;
		size_t size = 0;
		FILE *file = open_memstream(&text, &size);

		calls_write(file);
		fclose(file);

		std::istringstream lines(text);
		std::vector<std::string> paths;
		std::map<std::string, uint64_t> result;
		std::string line;

		free(text);
		std::getline(lines, line);
		EXPECT_EQ(line.rfind("instructions ", 0), 0u);
		total_ = std::stoull(line.substr(13));
		while (std::getline(lines, line)) {
			std::istringstream words(line);
			long node, caller;
			uint64_t instructions, calls;
			std::string name;

			words >> node >> caller >> instructions >> calls;
			std::getline(words >> std::ws, name);
			EXPECT_EQ(node, static_cast<long>(paths.size()));
			EXPECT_LT(caller, node);
			paths.push_back(caller < 0 ?
						name :
						paths[static_cast<size_t>(caller)] + "/" + name);
			if (instructions)
				result[paths.back()] += instructions;
		}
		return result;
	}

	using contexts = std::map<std::string, uint64_t>;
	static inline uint64_t total_;

    private:
	std::deque<block> blocks_;
};

TEST_F(Calls, AFunctionStandsBelowItsCaller)
{
	run(outer, BLOCK_CALL, 3);
	run(inner, BLOCK_RETURN, 5);
	run(outer + 8, BLOCK_NEXT, 7);
	EXPECT_EQ(counted(), (contexts{ { "client/outer", 10 }, { "client/outer/inner", 5 } }));
	EXPECT_EQ(total_, 15u);
}

TEST_F(Calls, OfTwoNamesThePlainOneIsTaken)
{
	run(inner);
	EXPECT_EQ(counted(), (contexts{ { "client/inner", 1 } }));
}

TEST_F(Calls, ATailCallTakesItsCallersPlace)
{
	run(outer, BLOCK_CALL);
	run(inner, BLOCK_NEXT);
	run(other, BLOCK_RETURN);
	run(outer + 8);
	EXPECT_EQ(counted(), (contexts{ { "client/outer", 2 },
					{ "client/outer/inner", 1 },
					{ "client/outer/other", 1 } }));
}

TEST_F(Calls, ARecursionIsACall)
{
	run(outer, BLOCK_CALL);
	run(outer, BLOCK_RETURN);
	run(outer + 8);
	EXPECT_EQ(counted(), (contexts{ { "client/outer", 2 }, { "client/outer/outer", 1 } }));
}

TEST_F(Calls, AJumpBackToTheBeginningIsNone)
{
	run(outer, BLOCK_NEXT);
	run(outer, BLOCK_NEXT);
	EXPECT_EQ(counted(), (contexts{ { "client/outer", 2 } }));
}

TEST_F(Calls, AColdPartIsItsFunctions)
{
	run(outer);
	run(cold, BLOCK_CALL);
	run(inner, BLOCK_RETURN);
	run(cold + 4);
	run(outer + 8);
	run(module_function + 0x100);
	EXPECT_EQ(counted(), (contexts{ { "client/outer", 4 },
					{ "client/outer/inner", 1 },
					{ "client/serve [kecho]", 1 } }));
}

TEST_F(Calls, PaddingBeforeAFunctionIsNoFunction)
{
	run(padded);
	EXPECT_EQ(counted(), (contexts{ { "client/padded", 1 } }));
}

TEST_F(Calls, ThunksCountForWhoeverUsesThem)
{
	/* A retpoline: it calls within itself, and returns to what is called. */
	run(outer, BLOCK_CALL);
	run(indirect_thunk, BLOCK_CALL);
	run(indirect_thunk + 8, BLOCK_RETURN);
	run(inner, BLOCK_NEXT);
	run(return_thunk, BLOCK_RETURN);
	run(outer + 8);
	EXPECT_EQ(counted(), (contexts{ { "client/outer", 4 }, { "client/outer/inner", 2 } }));
}

TEST_F(Calls, ASystemCallStandsBelowUserCode)
{
	for (int i = 0; i < 2; i++) {
		run(user);
		run(system_call);
		run(after_hardware, BLOCK_CALL);
		run(outer, BLOCK_RETURN);
		run(after_hardware + 8, BLOCK_INTERRUPT_RETURN);
	}
	run(user + 8);
	EXPECT_EQ(counted(), (contexts{ { "client/user code", 3 },
					{ "client/user code/entry_SYSCALL_64", 6 },
					{ "client/user code/entry_SYSCALL_64/outer", 2 } }));
}

TEST_F(Calls, WhatWasInterruptedGoesOn)
{
	const std::string interrupt = "client/outer/asm_sysvec_apic_timer_interrupt";

	run(outer, BLOCK_CALL);
	/* Between the call and what is called. */
	run(stubs);
	run(timer, BLOCK_CALL);
	run(error_entry, BLOCK_RETURN);
	run(timer + 8, BLOCK_CALL);
	run(other, BLOCK_RETURN);
	run(timer + 16, BLOCK_INTERRUPT_RETURN);
	run(inner, BLOCK_RETURN);
	run(outer + 8);
	EXPECT_EQ(counted(), (contexts{ { "client/outer", 3 },
					{ interrupt, 4 },
					{ interrupt + "/other", 1 },
					{ "client/outer/inner", 1 } }));
}

TEST_F(Calls, WhatAnExceptionCameUponIsExecutedAgain)
{
	run(outer, BLOCK_CALL);
	run(inner, BLOCK_RETURN);
	/* Not at the return: before it. */
	run(page_fault, BLOCK_INTERRUPT_RETURN);
	run(inner + 4, BLOCK_RETURN);
	run(outer + 8);
	EXPECT_EQ(counted(), (contexts{ { "client/outer", 2 },
					{ "client/outer/inner", 2 },
					{ "client/outer/inner/asm_exc_page_fault", 1 } }));
}

TEST_F(Calls, TasksHaveStacksOfTheirOwn)
{
	run(outer, BLOCK_CALL);
	run(inner);
	calls_switch(2);
	run(other, BLOCK_CALL);
	run(inner);
	calls_switch(1);
	run(inner + 4, BLOCK_RETURN);
	run(outer + 8);
	calls_switch(2);
	run(inner + 4, BLOCK_RETURN);
	run(other + 8);
	calls_switch(1);
	EXPECT_EQ(counted(), (contexts{ { "client/outer", 2 },
					{ "client/outer/inner", 2 },
					{ "task/other", 2 },
					{ "task/other/inner", 2 } }));
}

TEST_F(Calls, ReturnsFromBeforeTheCountFindTheirWay)
{
	run(inner + 4, BLOCK_RETURN);
	run(outer + 8, BLOCK_CALL);
	run(inner, BLOCK_RETURN);
	run(outer + 16);
	EXPECT_EQ(counted(), (contexts{ { "client/inner", 1 },
					{ "client/outer", 2 },
					{ "client/outer/inner", 1 } }));
}

TEST_F(Calls, ACountBeginsAnew)
{
	run(outer, BLOCK_CALL);
	run(inner);
	calls_begin();
	run(other);
	EXPECT_EQ(counted(), (contexts{ { "client/other", 1 } }));
	EXPECT_EQ(total_, 1u);
}

/* Each instruction is counted once, for any code in any order. */
TEST_F(Calls, NoInstructionIsLost)
{
	const uint64_t places[] = { outer,	    inner,	     other,	   cold,
				    padded,	    indirect_thunk,  return_thunk, system_call,
				    after_hardware, timer,	     page_fault,   error_entry,
				    stubs,	    module_function, user };
	std::minstd_rand random(1);
	uint64_t executed = 0;

	for (int i = 0; i < 200'000; i++) {
		const uint32_t instructions = random() % 9 + 1;

		if (random() % 50 == 0)
			calls_switch(random() % 5 + 1);
		run(places[random() % std::size(places)] + random() % 2 * 4,
		    static_cast<block_end>(random() % 4), instructions);
		executed += instructions;
	}

	uint64_t sum = 0;

	for (const auto &[path, instructions] : counted())
		sum += instructions;
	EXPECT_EQ(total_, executed);
	EXPECT_EQ(sum, executed);
}

} // namespace
