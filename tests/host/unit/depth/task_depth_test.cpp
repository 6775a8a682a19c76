// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * How deep the stack gets while 100,000 children complete at once: as deep as one. The result
 * depends on the compiler's optimisations and sanitizers, so this file is built in several ways,
 * see CMakeLists.txt. It needs no framework and no port but malloc().
 */
#include <ktcp/task.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

void *ktcp_frame_alloc(std::size_t size, ktcp_gfp)
{
	return std::malloc(size);
}

void ktcp_frame_free(void *frame, std::size_t)
{
	std::free(frame);
}

extern "C" void ktcp_mock_sched_point(void)
{}

extern "C" void ktcp_mock_note_frame_size(std::size_t)
{}

namespace
{

/* The engine's side of an executor, open to the tests. */
struct loop : ktcp::executor {
	loop() = default;
	using executor::begin;
	using executor::run;
};

std::uintptr_t lowest = UINTPTR_MAX;
std::uintptr_t highest = 0;

/* Not inlined: its own frame is next to its caller's, wherever sanitizers keep locals. */
[[gnu::noinline]] void note_depth()
{
	const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));

	if (here < lowest)
		lowest = here;
	if (here > highest)
		highest = here;
}

ktcp::task_of<int> leaf(ktcp::executor &)
{
	note_depth();
	co_return 1;
}

/* Two levels, so that a parent is resumed by a child that was itself awaited. */
ktcp::task_of<int> step(ktcp::executor &by)
{
	auto got = co_await leaf(by);

	note_depth();
	co_return got ? *got : 0;
}

ktcp::task run(ktcp::executor &by, int children, int &sum)
{
	for (int i = 0; i < children; i++) {
		auto got = co_await step(by);

		note_depth();
		sum += got ? *got : 0;
	}
}

} // namespace

int main()
{
	constexpr int children = 100'000;
	constexpr std::uintptr_t allowed = 4096;
	loop by;
	int sum = 0;
	auto root = run(by, children, sum);

	if (root.empty())
		return 1;
	by.begin(root);
	by.run();
	std::printf("%d children, %zu bytes of stack between them\n", sum,
		    static_cast<std::size_t>(highest - lowest));
	return sum == children && root.done() && highest - lowest <= allowed ? 0 : 1;
}
