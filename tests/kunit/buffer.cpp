// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* buffer and kmem_cache over the slab and page allocators. KASAN looks on. */
#include <ktcp/kernel/buffer.hpp>

#include <cstdint>

#include "pages.h"
#include "suites.hpp"

using ktcp::buffer;
using ktcp::errc;

namespace
{

/* More than any allocator of the kernel's gives in one piece. */
constexpr std::size_t too_much = std::size_t(1) << 40;

/* Is all of it there? Every byte is written, then read back. */
bool usable(buffer &memory, std::size_t size)
{
	std::span<std::byte> bytes = memory.bytes();

	if (!bytes.data() || bytes.size() != size)
		return false;
	for (std::size_t i = 0; i < size; ++i)
		bytes[i] = std::byte(i * 7 + 1);
	for (std::size_t i = 0; i < size; ++i)
		if (bytes[i] != std::byte(i * 7 + 1))
			return false;
	return true;
}

void kmalloc(ktcp_test::context &context)
{
	for (std::size_t size : { 1, 8, 100, 4096, 16384, 100000 }) {
		auto sleeping = buffer::kmalloc(size, ktcp::gfp::kernel);
		auto atomic = buffer::kmalloc(size, ktcp::gfp::atomic);

		KTCP_CHECK(sleeping && usable(*sleeping, size));
		KTCP_CHECK(atomic && usable(*atomic, size));
	}
}

void pages(ktcp_test::context &context)
{
	for (std::size_t size : { 1, 4096, 12288, 65536 }) {
		auto memory = buffer::pages(size, ktcp::gfp::kernel);

		KTCP_CHECK(memory && usable(*memory, size));
		if (memory)
			KTCP_CHECK(reinterpret_cast<std::uintptr_t>(memory->bytes().data()) % 4096 ==
				   0);
	}
}

void no_memory(ktcp_test::context &context)
{
	for (ktcp::gfp flags : { ktcp::gfp::kernel, ktcp::gfp::atomic }) {
		auto slab = buffer::kmalloc(too_much, flags);
		auto pages = buffer::pages(too_much, flags);

		KTCP_CHECK(!slab && slab.error() == errc::enomem);
		KTCP_CHECK(!pages && pages.error() == errc::enomem);
	}
}

void ownership(ktcp_test::context &context)
{
	auto made = buffer::kmalloc(64, ktcp::gfp::kernel);

	KTCP_CHECK(made);
	if (!made)
		return;

	const std::byte *where = made->bytes().data();
	buffer first = std::move(*made);

	KTCP_CHECK(made->bytes().empty());
	KTCP_CHECK(first.bytes().data() == where);

	auto pages = buffer::pages(4096, ktcp::gfp::kernel);

	KTCP_CHECK(pages);
	if (!pages)
		return;
	first = std::move(*pages); /* the 64 bytes are freed, as kmalloc()ed */
	KTCP_CHECK(first.bytes().size() == 4096);
	KTCP_CHECK(pages->bytes().empty());
	first.reset();
	first.reset();
	KTCP_CHECK(first.bytes().empty());
}

void cache(ktcp_test::context &context)
{
	auto cache = ktcp::kmem_cache::create("ktcp_kunit", 1000);

	KTCP_CHECK(cache);
	if (!cache)
		return;
	KTCP_CHECK(cache->object_size() == 1000);

	auto one = buffer::from(*cache, ktcp::gfp::kernel);
	auto two = buffer::from(*cache, ktcp::gfp::atomic);

	KTCP_CHECK(one && usable(*one, 1000));
	KTCP_CHECK(two && usable(*two, 1000));
	if (!one || !two)
		return;

	const std::byte *first = one->bytes().data();
	const std::byte *second = two->bytes().data();

	KTCP_CHECK(first + 1000 <= second || second + 1000 <= first);
	/* Destroying the cache with an object left would be a splat in the log. */
}

void sizes(ktcp_test::context &context)
{
	/* The caches', both sides of each, and pages behind them. */
	for (std::size_t size = 1; size <= 40000; size += size < 300 ? 1 : size / 64)
		KTCP_CHECK(ktcp_kunit_kmalloc_took(size) == ktcp::kmalloc_size(size));
	for (std::size_t power = 256; power <= 32768; power *= 2)
		for (std::size_t size : { power, power + 1 })
			KTCP_CHECK(ktcp_kunit_kmalloc_took(size) == ktcp::kmalloc_size(size));
}

void slow_readers(ktcp_test::context &context)
{
	KTCP_CHECK(ktcp_kunit_pool_allocates(0, 2) == 0);
	KTCP_CHECK(ktcp_kunit_pool_allocates(2, 0) == 1);
	KTCP_CHECK(ktcp_kunit_pool_allocates(2, 1) == 0);
	KTCP_CHECK(ktcp_kunit_pool_allocates(2, 3) == 0);
	KTCP_CHECK(ktcp_kunit_pool_allocates(4, 1) == 0);
}

void lower_limit(ktcp_test::context &context)
{
	KTCP_CHECK(ktcp_kunit_pool_keeps_beyond_its_limit() == 0);
}

} // namespace

KTCP_SUITE(buffer, { "kmalloc gives every byte asked for", KTCP_CASE(kmalloc) },
	   { "pages are page-aligned", KTCP_CASE(pages) },
	   { "too much is ENOMEM without a word in the log", KTCP_CASE(no_memory) },
	   { "moving takes the memory along, reset gives it back", KTCP_CASE(ownership) },
	   { "a slab cache gives separate objects", KTCP_CASE(cache) },
	   { "an allocation takes what kmalloc_size() says", KTCP_CASE(sizes) },
	   { "buffers that TCP holds make room for free ones", KTCP_CASE(slow_readers) },
	   { "a lower limit gives back what is idle", KTCP_CASE(lower_limit) });
