// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Mutexes, data that is unreachable unless locked, completions.
 *
 * @code
 * ktcp::guarded<ktcp::list<session, &session::node>> sessions;
 * sessions.lock()->push_back(one);
 * @endcode
 *
 * Kernel: include/linux/mutex.h, include/linux/completion.h.
 */
#ifndef KTCP_SYNC_HPP
#define KTCP_SYNC_HPP

#include <cstddef>
#include <utility>

#include <ktcp/port/layout.h>
#include <ktcp/port/sync.h>

namespace ktcp
{

/**
 * A struct mutex. Process context only. Do not hold two at once: to lockdep all of them are one
 * class.
 */
class mutex {
    public:
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

	/** May sleep; not recursive. */
	void lock() noexcept
	{
		ktcp_mutex_lock(raw());
	}

	/** Whoever locked it. */
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

/** A T and the mutex that protects it: there is no way to the one without the other. */
template <class T>
class guarded {
    public:
	guarded() noexcept = default;

	/** Access to the T for as long as this lives. */
	class access {
	    public:
		explicit access(guarded &owner) noexcept : owner_(owner)
		{
			owner_.mutex_.lock();
		}

		~access()
		{
			owner_.mutex_.unlock();
		}

		access(const access &) = delete;
		access &operator=(const access &) = delete;

		T &operator*() const noexcept
		{
			return owner_.value_;
		}

		T *operator->() const noexcept
		{
			return &owner_.value_;
		}

	    private:
		guarded &owner_;
	};

	/** May sleep. Process context only. */
	[[nodiscard]] access lock() noexcept
	{
		return access(*this);
	}

    private:
	mutex mutex_;
	T value_{};
};

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
	void wait() noexcept
	{
		ktcp_wait_for_completion(raw());
	}

	/** The same for at most @p ms milliseconds; false if the time was up first. */
	bool wait_for(unsigned int ms) noexcept
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
