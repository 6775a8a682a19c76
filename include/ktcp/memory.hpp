// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Where objects live: slab caches, and construction in kernel memory.
 *
 * There is no global new. An object is made where it is owned, in static storage, or
 * in memory from here.
 *
 * Kernel: include/linux/slab.h.
 */
#ifndef KTCP_MEMORY_HPP
#define KTCP_MEMORY_HPP

#include <cstddef>
#include <new>
#include <utility>

#include <ktcp/port/memory.h>
#include <ktcp/result.hpp>

namespace ktcp
{

/** What an allocation may do: sleep (process context), or not (any context). */
enum class gfp {
	kernel = KTCP_GFP_KERNEL,
	atomic = KTCP_GFP_ATOMIC,
};

/**
 * A slab cache of objects of one size, never merged with another and never zeroed:
 * what alloc() returns holds this cache's earlier contents.
 */
class kmem_cache {
    public:
	/** No cache. */
	kmem_cache() noexcept = default;

	/**
	 * @param name  shown in /proc/slabinfo; copied; unique among live caches.
	 * @param size  bytes of one object.
	 * Errors: ENOMEM. Process context.
	 */
	static result<kmem_cache> create(const char *name, std::size_t size) noexcept
	{
		kmem_cache made;

		made.cache_ = ktcp_kmem_cache_create(name, size);
		if (!made.cache_)
			return errc::enomem;
		made.size_ = size;
		return made;
	}

	kmem_cache(kmem_cache &&other) noexcept
		: cache_(std::exchange(other.cache_, nullptr)), size_(other.size_)
	{
	}

	kmem_cache &operator=(kmem_cache &&other) noexcept
	{
		std::swap(cache_, other.cache_);
		std::swap(size_, other.size_);
		return *this;
	}

	/** Every object must have been given back. Process context. */
	~kmem_cache()
	{
		ktcp_kmem_cache_destroy(cache_);
	}

	/** One object's memory, or nullptr. Context: as @p flags says. */
	[[nodiscard]] void *alloc(gfp flags) noexcept
	{
		return ktcp_kmem_cache_alloc(cache_, static_cast<ktcp_gfp>(flags));
	}

	/** Give memory from alloc() back. Any context. */
	void free(void *object) noexcept
	{
		ktcp_kmem_cache_free(cache_, object);
	}

	/** Bytes of one object. */
	std::size_t object_size() const noexcept
	{
		return size_;
	}

    private:
	struct ::kmem_cache *cache_ = nullptr;
	std::size_t size_ = 0;
};

} // namespace ktcp

#endif
