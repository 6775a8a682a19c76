/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Stacks, and the switch between them: a few instructions on x86-64 (swapcontext() makes
 * a system call each time), ucontext elsewhere.
 */
#include "fibre.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif

#ifdef SIM_ASAN
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

namespace sim
{
namespace
{

constexpr size_t stack_size = 256 * 1024;
constexpr size_t guard_size = 4096;

fibre *leaving; /* whom the switch under way comes from */
fibre *arriving; /* and whom it goes to */

} // namespace

#if defined(__x86_64__)

extern "C" void ktcp_sim_switch(void **save, void *to);

asm(R"(
	.text
	.type	ktcp_sim_switch, @function
	.globl	ktcp_sim_switch
ktcp_sim_switch:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size	ktcp_sim_switch, .-ktcp_sim_switch
)");

#endif

fibre::fibre(std::function<void()> on_return) : on_return_(std::move(on_return))
{
	void *memory = mmap(nullptr, stack_size + guard_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory, guard_size, PROT_NONE)) {
		perror("fibre stack");
		abort();
	}
	stack_ = static_cast<char *>(memory);
	bottom_ = stack_ + guard_size;
	size_ = stack_size;
	build();
}

fibre::~fibre()
{
	if (stack_)
		munmap(stack_, stack_size + guard_size);
}

void fibre::start(std::function<void()> body)
{
	body_ = std::move(body);
}

void fibre::bury()
{
#ifdef SIM_ASAN
	__lsan_register_root_region(bottom_, size_);
#endif
}

void fibre::build()
{
	char *top = stack_ + guard_size + stack_size;

#if defined(__x86_64__)
	/* Six registers and entry()'s address; after its ret the stack is 8 off 16, as after a call. */
	void **frame = reinterpret_cast<void **>(top) - 8;

	for (int i = 0; i < 8; i++)
		frame[i] = nullptr;
	frame[6] = reinterpret_cast<void *>(&fibre::entry);
	stack_pointer_ = frame;
#else
	getcontext(&context_);
	context_.uc_stack.ss_sp = stack_ + guard_size;
	context_.uc_stack.ss_size = stack_size;
	context_.uc_link = nullptr;
	makecontext(&context_, &fibre::entry, 0);
	(void)top;
#endif
}

void fibre::arrived()
{
#ifdef SIM_ASAN
	const void *bottom;
	size_t size;

	__sanitizer_finish_switch_fiber(fake_stack_, &bottom, &size);
	if (!leaving->stack_) { /* the host's own stack: only now are its bounds known */
		leaving->bottom_ = bottom;
		leaving->size_ = size;
	}
#endif
}

void fibre::switch_to(fibre &next)
{
	leaving = this;
	arriving = &next;
#ifdef SIM_ASAN
	__sanitizer_start_switch_fiber(&fake_stack_, next.bottom_, next.size_);
#endif
#if defined(__x86_64__)
	ktcp_sim_switch(&stack_pointer_, next.stack_pointer_);
#else
	swapcontext(&context_, &next.context_);
#endif
	arrived();
}

void fibre::entry()
{
	arriving->loop();
}

void fibre::loop()
{
	arrived();
	for (;;) {
		body_();
		body_ = nullptr;
		on_return_();
	}
}

} // namespace sim
