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
#ifndef KTCP_KERNEL_MEMORY_HPP
#define KTCP_KERNEL_MEMORY_HPP

#include <bit>
#include <cstddef>
#include <new>
#include <utility>

#include <ktcp/base/result.hpp>
#include <ktcp/port/memory.h>
#include <ktcp/port/pages.h>

namespace ktcp
{

/** The rights of an allocation: to sleep (process context), or not (any context). */
enum class gfp {
	kernel = KTCP_GFP_KERNEL,
	atomic = KTCP_GFP_ATOMIC,
};

/**
 * The bytes that kmalloc() takes for an allocation of so many, as kmalloc_size_roundup(). For who promises a
 * bound. Any context.
 */
inline std::size_t kmalloc_size(std::size_t size) noexcept
{
	return ktcp_kmalloc_size(size);
}

/**
 * So many objects, each T{}; nullptr: no memory, or more bytes than a size_t counts. The caller's until
 * ktcp_kfree(), which runs no destructor. Process context, may sleep. Kernel: kmalloc_array().
 */
template <class T>
[[nodiscard]] T *kmalloc_array(std::size_t count) noexcept
{
	std::size_t bytes;

	/* NOLINTNEXTLINE(bugprone-sizeof-expression): T may be a pointer, and then its size is meant. */
	if (__builtin_mul_overflow(count, sizeof(T), &bytes))
		return nullptr;
	auto *const made = static_cast<T *>(ktcp_kmalloc(bytes, KTCP_GFP_KERNEL));

	for (std::size_t i = 0; made && i < count; i++)
		new (made + i) T{};
	return made;
}

/**
 * A slab cache of objects of one size, never merged with another and never zeroed: alloc()'s result
 * holds this cache's earlier contents.
 */
class kmem_cache {
    public:
	/** No cache: only assignment and destruction are allowed. */
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

/** Buffers of one size that TCP can send from without copying; see port/pages.h. */
class page_pool {
    public:
	/** No pool: only assignment and destruction are allowed. */
	page_pool() noexcept = default;

	/**
	 * @param size  bytes of one buffer that are used, a page or more. Each takes the next power of two.
	 * @param most  bytes of all its buffers; 0: an eighth of the machine's memory.
	 * Errors: ENOMEM.
	 */
	static result<page_pool> create(std::size_t size, unsigned long long most = 0) noexcept
	{
		page_pool made;

		made.pool_ = ktcp_page_pool_create(std::bit_ceil(size), most);
		if (!made.pool_)
			return errc::enomem;
		made.size_ = size;
		return made;
	}

	page_pool(page_pool &&other) noexcept
		: pool_(std::exchange(other.pool_, nullptr)), size_(other.size_)
	{
	}

	page_pool &operator=(page_pool &&other) noexcept
	{
		std::swap(pool_, other.pool_);
		std::swap(size_, other.size_);
		return *this;
	}

	/** Every buffer must have been put. Process context. */
	~page_pool()
	{
		ktcp_page_pool_destroy(pool_);
	}

	/** A buffer's memory; nullptr: no memory, or its most. Context: as @p flags says. */
	[[nodiscard]] void *get(gfp flags) noexcept
	{
		return ktcp_page_pool_get(pool_, static_cast<ktcp_gfp>(flags));
	}

	/** Give it back; TCP may still be sending from it. Any context. */
	void put(void *buffer) noexcept
	{
		ktcp_page_pool_put(pool_, buffer);
	}

	/**
	 * Another most, as for create(). A pool that has more gives back its idle ones, and others as they come.
	 * Process context, may sleep; not beside itself.
	 */
	void limit(unsigned long long most) noexcept
	{
		ktcp_page_pool_limit(pool_, most);
	}

	/** How much it holds, and how often it refused. Any context. */
	struct ktcp_page_pool_stats count() const noexcept
	{
		struct ktcp_page_pool_stats now;

		ktcp_page_pool_count(pool_, &now);
		return now;
	}

	/** Bytes of one buffer. */
	std::size_t buffer_size() const noexcept
	{
		return size_;
	}

    private:
	struct ktcp_page_pool *pool_ = nullptr;
	std::size_t size_ = 0;
};

} // namespace ktcp

#endif
