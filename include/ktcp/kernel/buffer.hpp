// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A piece of memory for bytes, owned.
 *
 * @code
 * auto buffer = KTCP_TRY(ktcp::buffer::kmalloc(4096, ktcp::gfp::kernel));
 * std::span<std::byte> bytes = buffer.bytes();
 * @endcode
 *
 * Contents are undefined until written: send only what was written.
 * Kernel: kmalloc(), alloc_pages_exact(), kmem_cache_alloc().
 */
#ifndef KTCP_KERNEL_BUFFER_HPP
#define KTCP_KERNEL_BUFFER_HPP

#include <cstddef>
#include <span>
#include <utility>

#include <ktcp/kernel/memory.hpp>

namespace ktcp
{

/** Bytes, and the knowledge of how to give them back. In any context, but for those of stream::borrow(). */
class buffer {
    public:
	/** No memory; bytes() is empty. */
	buffer() noexcept = default;

	/** Errors: ENOMEM. Context: as @p flags says. @p size is in bytes, not 0. */
	static result<buffer> kmalloc(std::size_t size, gfp flags) noexcept
	{
		return owning(
			ktcp_kmalloc(size, static_cast<ktcp_gfp>(flags)), size,
			[](buffer &self) { ktcp_kfree(self.data_); }, nullptr);
	}

	/** Whole pages, contiguous; @p size is rounded up by the kernel. Errors: ENOMEM. */
	static result<buffer> pages(std::size_t size, gfp flags) noexcept
	{
		return owning(
			ktcp_alloc_pages(size, static_cast<ktcp_gfp>(flags)), size,
			[](buffer &self) { ktcp_free_pages(self.data_, self.size_); }, nullptr);
	}

	/** One object of @p cache, which must outlive the buffer. Errors: ENOMEM. */
	static result<buffer> from(kmem_cache &cache, gfp flags) noexcept
	{
		return owning(
			cache.alloc(flags), cache.object_size(),
			[](buffer &self) {
				static_cast<kmem_cache *>(self.origin_)->free(self.data_);
			},
			&cache);
	}

	/**
	 * One buffer of @p pool, which must outlive it. It is a page_pool, or lends that one's and counts them.
	 * Errors: ENOMEM.
	 */
	template <class Pool>
	static result<buffer> from(Pool &pool, gfp flags) noexcept
	{
		return owning(
			pool.get(flags), pool.buffer_size(),
			[](buffer &self) { static_cast<Pool *>(self.origin_)->put(self.data_); },
			&pool);
	}

	buffer(buffer &&other) noexcept
		: data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)),
		  release_(other.release_), origin_(other.origin_)
	{
	}

	buffer &operator=(buffer &&other) noexcept
	{
		if (this != &other) {
			reset();
			data_ = std::exchange(other.data_, nullptr);
			size_ = std::exchange(other.size_, 0);
			release_ = other.release_;
			origin_ = other.origin_;
		}
		return *this;
	}

	~buffer()
	{
		reset();
	}

	/** Give the memory back now. Any context; a buffer of stream::borrow() only in a turn of that stream's. */
	void reset() noexcept
	{
		if (data_) {
			release_(*this);
			data_ = nullptr;
			size_ = 0;
		}
	}

	/** The memory; valid until reset(). */
	std::span<std::byte> bytes() noexcept
	{
		return { data_, size_ };
	}

	/** The same, to read. */
	std::span<const std::byte> bytes() const noexcept
	{
		return { data_, size_ };
	}

    private:
	using release_function = void (*)(buffer &);

	static result<buffer> owning(void *memory, std::size_t size, release_function release,
				     void *origin) noexcept
	{
		if (!memory)
			return errc::enomem;

		buffer made;

		made.data_ = static_cast<std::byte *>(memory);
		made.size_ = size;
		made.release_ = release;
		made.origin_ = origin;
		return made;
	}

	std::byte *data_ = nullptr;
	std::size_t size_ = 0;
	release_function release_ = nullptr;
	void *origin_ = nullptr; /* the cache or the pool */
};

} // namespace ktcp

#endif
