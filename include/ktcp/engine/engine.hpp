// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A server's share in the module's engine, which takes the turns of strands that never sleep.
 *
 * @code
 * ktcp::engine turns = KTCP_TRY(ktcp::engine::create());
 *
 * {
 *	const ktcp::engine::here here(turns);	// bottom halves are off
 *
 *	here->add(strand);			// claimed; given away
 * }
 * @endcode
 */
#ifndef KTCP_ENGINE_ENGINE_HPP
#define KTCP_ENGINE_ENGINE_HPP

#include <utility>

#include <ktcp/base/result.hpp>
#include <ktcp/engine/cpu_turns.hpp>

namespace ktcp
{

/** The owner of a struct ktcp_turns. */
class engine {
    public:
	/** No engine. */
	engine() noexcept = default;

	/**
	 * Errors: ENOMEM; EOPNOTSUPP where softirqs of a CPU do not exclude each other: turns must
	 * be work items there. Process context.
	 */
	static result<engine> create() noexcept
	{
		engine made;

		KTCP_TRY(result<void>::from(
			ktcp_turns_get(sizeof(cpu_turns), &cpu_turns::operations, &made.turns_)));
		return made;
	}

	engine(engine &&other) noexcept : turns_(std::exchange(other.turns_, nullptr))
	{
	}

	engine &operator=(engine &&other) noexcept
	{
		std::swap(turns_, other.turns_);
		return *this;
	}

	/** Every strand must have come to its end. Process context. */
	~engine()
	{
		ktcp_turns_put(turns_);
	}

	/** Is there one? */
	explicit operator bool() const noexcept
	{
		return turns_;
	}

	/** The CPU that it was made on, which its owner does not leave while it lives. */
	class here {
	    public:
		explicit here(engine &owner) noexcept
			: turns_(owner.turns_),
			  cpu_(static_cast<cpu_turns *>(ktcp_turns_enter(owner.turns_)))
		{
		}

		here(const here &) = delete;
		here &operator=(const here &) = delete;

		/* A drain that was raised may run before this returns. The owner of the engine that
		 * was entered may be gone then; the engine itself is not. */
		~here()
		{
			ktcp_turns_leave(turns_);
		}

		cpu_turns *operator->() const noexcept
		{
			return cpu_;
		}

	    private:
		struct ktcp_turns *turns_;
		cpu_turns *cpu_;
	};

	/** This CPU's, where other code may be "here". Under a spin_lock_irq. */
	cpu_turns &beside() noexcept
	{
		return *static_cast<cpu_turns *>(ktcp_turns_beside(turns_));
	}

    private:
	struct ktcp_turns *turns_ = nullptr;
};

} // namespace ktcp

#endif
