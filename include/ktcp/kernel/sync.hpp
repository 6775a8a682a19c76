// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Mutexes, spin locks, data that is unreachable unless locked, completions.
 *
 * @code
 * ktcp::guarded<ktcp::list<session, &session::node>> sessions;	// in process context
 * ktcp::spin_guarded<table> entries;				// in softirq, too
 *
 * sessions.lock(here)->push_back(one);		// a ktcp::process_context
 * entries.lock()->set(key, value);
 * @endcode
 *
 * A lock is held until the end of the statement, or for as long as a name for it lives. Never hold one
 * over a co_await: another context may go on behind it, or none for an hour.
 *
 * Kernel: include/linux/mutex.h, include/linux/spinlock.h, include/linux/completion.h.
 */
#ifndef KTCP_KERNEL_SYNC_HPP
#define KTCP_KERNEL_SYNC_HPP

#include <cstddef>
#include <utility>

#include <ktcp/kernel/context.hpp>
#include <ktcp/port/layout.h>
#include <ktcp/port/sync.h>

namespace ktcp
{

/**
 * One kind of lock to lockdep: one for each type @p Place. By their classes it sees that two locks
 * are taken in one order here, and in the other there.
 */
template <class Place>
class lock_class {
    public:
	/** As the boundary has it. */
	static struct ::lock_class_key *key() noexcept
	{
		return reinterpret_cast<struct ::lock_class_key *>(storage_);
	}

	/** In lockdep's words; Place is in it. */
	static const char *name() noexcept
	{
		return __PRETTY_FUNCTION__;
	}

    private:
	alignas(void *) static constinit inline std::byte storage_[KTCP_SIZEOF_LOCK_CLASS_KEY + 1]{};
};

/** A struct mutex. Process context only. Those without a class of their own are all of one. */
class mutex {
    public:
	/** Taking it may sleep. */
	static constexpr bool sleeps = true;

	mutex() noexcept
	{
		ktcp_mutex_init(raw());
	}

	~mutex()
	{
		ktcp_mutex_destroy(raw());
	}

	mutex(const mutex &) = delete;
	mutex &operator=(const mutex &) = delete;

	/** Before the first lock(). */
	template <class Place>
	void set_class(lock_class<Place> of) noexcept
	{
		ktcp_mutex_set_class(raw(), of.key(), of.name());
	}

	/** May sleep; not recursive. */
	void lock(process_context) noexcept
	{
		ktcp_mutex_lock(raw());
	}

	/** By the task that locked it. */
	void unlock() noexcept
	{
		ktcp_mutex_unlock(raw());
	}

    private:
	struct ::mutex *raw() noexcept
	{
		return reinterpret_cast<struct ::mutex *>(storage_);
	}

	alignas(void *) std::byte storage_[KTCP_SIZEOF_MUTEX];
};

/**
 * A spinlock_t, always taken with bottom halves off. Process context or softirq. While it is held no
 * socket is touched: TCP calls with the socket's lock held. Those without a class of their own are
 * all of one.
 */
class spin_lock_bh {
    public:
	/** Taking it does not sleep. */
	static constexpr bool sleeps = false;

	spin_lock_bh() noexcept
	{
		ktcp_spin_lock_init(raw());
	}

	spin_lock_bh(const spin_lock_bh &) = delete;
	spin_lock_bh &operator=(const spin_lock_bh &) = delete;

	/** Before the first lock(). */
	template <class Place>
	void set_class(lock_class<Place> of) noexcept
	{
		ktcp_spin_lock_set_class(raw(), of.key(), of.name());
	}

	/** Not recursive; nothing may sleep until unlock(). */
	void lock() noexcept
	{
		ktcp_spin_lock_bh(raw());
	}

	/** By the task that locked it. */
	void unlock() noexcept
	{
		ktcp_spin_unlock_bh(raw());
	}

    private:
	struct ::spinlock *raw() noexcept
	{
		return reinterpret_cast<struct ::spinlock *>(storage_);
	}

	alignas(void *) std::byte storage_[KTCP_SIZEOF_SPINLOCK];
};

/**
 * A spinlock_t, always taken with interrupts off. Process context, softirq, or a hard interrupt; on PREEMPT_RT
 * not in one that has no thread. While it is held no spin_lock_bh is taken, and no socket is touched.
 */
class spin_lock_irq {
    public:
	spin_lock_irq() noexcept
	{
		ktcp_spin_lock_init(raw());
	}

	spin_lock_irq(const spin_lock_irq &) = delete;
	spin_lock_irq &operator=(const spin_lock_irq &) = delete;

	/** Before the first lock. */
	template <class Place>
	void set_class(lock_class<Place> of) noexcept
	{
		ktcp_spin_lock_set_class(raw(), of.key(), of.name());
	}

	/** Holds it for as long as this lives. Not recursive; nothing may sleep. */
	class guard {
	    public:
		explicit guard(spin_lock_irq &one) noexcept : lock_(one.raw())
		{
			ktcp_spin_lock_irqsave(lock_, &was_);
		}

		~guard()
		{
			ktcp_spin_unlock_irqrestore(lock_, &was_);
		}

		guard(const guard &) = delete;
		guard &operator=(const guard &) = delete;

	    private:
		struct ::spinlock *lock_;
		struct ktcp_irq_state was_;
	};

    private:
	struct ::spinlock *raw() noexcept
	{
		return reinterpret_cast<struct ::spinlock *>(storage_);
	}

	alignas(void *) std::byte storage_[KTCP_SIZEOF_SPINLOCK];
};

namespace detail
{

/* The mutex of a class that wants process context throughout, and whose head says so. */
class process_mutex : public mutex {
    public:
	static constexpr bool sleeps = false;

	void lock() noexcept
	{
		mutex::lock(process_context::promised());
	}
};

} // namespace detail

/** @cond */
#define KTCP_MUTEX_SLEEPS                                                                                \
	"taking a mutex may sleep: lock(here) wants a ktcp::process_context (ktcp/kernel/context.hpp); " \
	"where nothing may sleep, take ktcp::spin_guarded"
/** @endcond */

/**
 * A T and the lock that protects it: there is no way to the one without the other. With a mutex
 * lock() may sleep, so it asks for a process_context.
 * @tparam Place  makes the lock's class with T; where one is locked inside another of the same T,
 *                each has a type here.
 */
template <class T, class Lock = mutex, class Place = T>
class guarded {
    public:
	guarded() noexcept
	{
		lock_.set_class(lock_class<guarded>());
	}

	/** Access to the value for as long as this lives. Never over a co_await. */
	template <class Owner, class Value>
	class [[nodiscard]] basic_access {
	    public:
		template <class... Here>
		explicit basic_access(Owner &owner, Here... here) noexcept : owner_(owner)
		{
			owner_.lock_.lock(here...);
		}

		~basic_access()
		{
			owner_.lock_.unlock();
		}

		basic_access(const basic_access &) = delete;
		basic_access &operator=(const basic_access &) = delete;

		/** The value. */
		Value &operator*() const noexcept
		{
			return owner_.value_;
		}

		/** Its members. */
		Value *operator->() const noexcept
		{
			return &owner_.value_;
		}

	    private:
		Owner &owner_;
	};

	/** To change it. */
	using access = basic_access<guarded, T>;
	/** To read it. */
	using read_access = basic_access<const guarded, const T>;

	/** Of a lock that does not sleep: process context or softirq. */
	[[nodiscard]] access lock() noexcept
	{
		static_assert(!Lock::sleeps, KTCP_MUTEX_SLEEPS);
		return access(*this);
	}

	/** The same, to read. */
	[[nodiscard]] read_access lock() const noexcept
	{
		static_assert(!Lock::sleeps, KTCP_MUTEX_SLEEPS);
		return read_access(*this);
	}

	/** Of a mutex, which may sleep. */
	[[nodiscard]] access lock(process_context here) noexcept requires(Lock::sleeps)
	{
		return access(*this, here);
	}

	/** The same, to read. */
	[[nodiscard]] read_access lock(process_context here) const noexcept requires(Lock::sleeps)
	{
		return read_access(*this, here);
	}

    private:
	mutable Lock lock_;
	T value_{};
};

#undef KTCP_MUTEX_SLEEPS

/**
 * The same with a spinlock, for handlers that never sleep: process context and softirq. Work under
 * it is short, does not sleep, and touches no connection.
 */
template <class T, class Place = T>
using spin_guarded = guarded<T, spin_lock_bh, Place>;

/** Something that one context waits for and another announces (struct completion). */
class completion {
    public:
	completion() noexcept
	{
		ktcp_init_completion(raw());
	}

	completion(const completion &) = delete;
	completion &operator=(const completion &) = delete;

	/** Let one waiter go. Any context. */
	void complete() noexcept
	{
		ktcp_complete(raw());
	}

	/** Sleep, uninterruptibly, until complete() was called once more than wait(). */
	void wait(process_context) noexcept
	{
		ktcp_wait_for_completion(raw());
	}

	/** The same for at most @p ms milliseconds; false if the time was up first. */
	bool wait_for(unsigned int ms, process_context) noexcept
	{
		return ktcp_wait_for_completion_timeout(raw(), ms);
	}

    private:
	struct ::completion *raw() noexcept
	{
		return reinterpret_cast<struct ::completion *>(storage_);
	}

	alignas(void *) std::byte storage_[KTCP_SIZEOF_COMPLETION];
};

} // namespace ktcp

#endif
