/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Fibres: stacks of their own, switched by hand within one host thread. They stand for
 * everything that can sleep or run beside something else: workers, kernel threads, the
 * test's clients, softirqs on another CPU.
 *
 * A fibre is kept and used again after its body has returned; AddressSanitizer is told
 * of every switch.
 */
#ifndef KTCP_SIM_FIBRE_HPP
#define KTCP_SIM_FIBRE_HPP

#include <cstddef>
#include <functional>
#include <memory>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace sim
{

class fibre {
    public:
	/* The host's own stack, where run() was called. */
	fibre() = default;
	/* A new stack; @on_return is called when a body has returned, and must switch away. */
	explicit fibre(std::function<void()> on_return);
	~fibre();
	fibre(const fibre &) = delete;
	fibre &operator=(const fibre &) = delete;

	/* The next switch to this fibre runs it. */
	void start(std::function<void()> body);
	void switch_to(fibre &next);
	/*
	 * This fibre stopped in the middle for good: its frames' objects are lost, and not to be
	 * reported as leaked.
	 */
	void bury();

	/* Is that on its stack? */
	bool has(const void *address) const
	{
		return address >= bottom_ && address < static_cast<const char *>(bottom_) + size_;
	}

    private:
	static void entry();
	void build();
	[[noreturn]] void loop();
	void arrived();

	std::function<void()> body_;
	std::function<void()> on_return_;
	char *stack_ = nullptr;
	const void *bottom_ = nullptr;
	size_t size_ = 0;
	void *fake_stack_ = nullptr;
#if defined(__x86_64__)
	void *stack_pointer_ = nullptr;
#else
	ucontext_t context_;
#endif
};

} // namespace sim

#endif
