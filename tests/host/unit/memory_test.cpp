// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/kernel/memory.hpp: slab caches. */
#include <ktcp/kernel/memory.hpp>

#include <type_traits>

#include "support.hpp"

using ktcp::errc;
using ktcp::gfp;
using testing::_;
using testing::InSequence;
using testing::IsNull;
using testing::NiceMock;
using testing::Return;
using testing::StrictMock;

static_assert(!std::is_copy_constructible_v<ktcp::kmem_cache>);
static_assert(std::is_nothrow_move_constructible_v<ktcp::kmem_cache>);
static_assert(static_cast<ktcp_gfp>(gfp::kernel) == KTCP_GFP_KERNEL);
static_assert(static_cast<ktcp_gfp>(gfp::atomic) == KTCP_GFP_ATOMIC);

/* Of arm64, as devices want it: 64 from Linux 6.5 on, and 128 before. */
TEST(kmalloc, takes_no_less_than_the_smallest_object)
{
	EXPECT_EQ(ktcp_kmalloc_size_from(64, 1), 64u);
	EXPECT_EQ(ktcp_kmalloc_size_from(64, 65), 128u) << "there are no 96 then";
	EXPECT_EQ(ktcp_kmalloc_size_from(64, 129), 192u);
	EXPECT_EQ(ktcp_kmalloc_size_from(128, 1), 128u);
	EXPECT_EQ(ktcp_kmalloc_size_from(128, 129), 256u) << "nor 192";
	EXPECT_EQ(ktcp_kmalloc_size_from(128, 300), 512u);
}

/* The product wraps round to 0 bytes, which the port would give. */
TEST(kmalloc_array, refuses_more_bytes_than_a_size_counts)
{
	StrictMock<mock::mock_port> port;

	EXPECT_EQ(ktcp::kmalloc_array<std::uint64_t>(std::size_t{ 1 } << 61), nullptr);
}

/* As kmalloc_info of mm/slab_common.c has them; beyond the largest, pages of a power of two. */
TEST(kmalloc, takes_the_next_larger_size)
{
	constexpr std::size_t sizes[] = { 8,   16,   32,   64,	 96,   128,   192,  256,
					  512, 1024, 2048, 4096, 8192, 16384, 32768 };
	std::size_t size = 1;

	for (const std::size_t each : sizes)
		for (; size <= each; size++)
			ASSERT_EQ(ktcp::kmalloc_size(size), each) << size;
}

TEST(kmem_cache, is_created_and_destroyed_once)
{
	StrictMock<mock::mock_port> port;
	InSequence order;

	EXPECT_CALL(port, kmem_cache_create("things", 48));
	EXPECT_CALL(port, kmem_cache_destroy(IsNull())).Times(testing::AnyNumber());
	EXPECT_CALL(port, kmem_cache_destroy(testing::NotNull())).Times(1);
	EXPECT_CALL(port, kmem_cache_destroy(IsNull())).Times(testing::AnyNumber());

	auto cache = ktcp::kmem_cache::create("things", 48);

	ASSERT_TRUE(cache);
	EXPECT_EQ(cache->object_size(), 48u);
}

TEST(kmem_cache, without_memory_is_enomem)
{
	NiceMock<mock::mock_port> port;

	EXPECT_CALL(port, kmem_cache_create(_, _)).WillOnce(Return(nullptr));
	EXPECT_EQ(ktcp::kmem_cache::create("things", 48).error(), errc::enomem);
}

TEST(kmem_cache, passes_the_flags_of_an_allocation_on)
{
	NiceMock<mock::mock_port> port;
	auto cache = std::move(*ktcp::kmem_cache::create("things", 48));
	auto *const raw = port.fake.cache("things");
	InSequence order;

	EXPECT_CALL(port, kmem_cache_alloc(raw, KTCP_GFP_KERNEL));
	EXPECT_CALL(port, kmem_cache_alloc(raw, KTCP_GFP_ATOMIC));
	EXPECT_CALL(port, kmem_cache_alloc(raw, KTCP_GFP_ATOMIC)).WillOnce(Return(nullptr));

	void *const one = cache.alloc(gfp::kernel);
	void *const other = cache.alloc(gfp::atomic);

	EXPECT_NE(one, nullptr);
	EXPECT_NE(other, one);
	EXPECT_EQ(cache.alloc(gfp::atomic), nullptr);
	EXPECT_CALL(port, kmem_cache_free(raw, one));
	EXPECT_CALL(port, kmem_cache_free(raw, other));
	cache.free(one);
	cache.free(other);
}

TEST(kmem_cache, moves)
{
	NiceMock<mock::mock_port> port;
	ktcp::kmem_cache none;
	auto first = std::move(*ktcp::kmem_cache::create("first", 16));
	auto second = std::move(*ktcp::kmem_cache::create("second", 32));

	none = std::move(first);
	EXPECT_EQ(none.object_size(), 16u);
	second = std::move(none);
	EXPECT_EQ(second.object_size(), 16u);

	ktcp::kmem_cache last(std::move(second));
	void *const object = last.alloc(gfp::kernel);

	EXPECT_EQ(last.object_size(), 16u);
	EXPECT_EQ(port.fake.cache("first")->objects.size(), 1u);
	last.free(object);

	ktcp::kmem_cache &same = last;

	last = std::move(same);
	EXPECT_NE(port.fake.cache("first"), nullptr);
}

TEST(page_pool, is_created_and_destroyed_once_however_it_moves)
{
	NiceMock<mock::mock_port> port;

	EXPECT_CALL(port, page_pool_create(8192, 3 * 8192)).Times(1);
	EXPECT_CALL(port, page_pool_destroy(IsNull())).Times(testing::AnyNumber());
	EXPECT_CALL(port, page_pool_destroy(testing::NotNull())).Times(1);

	ktcp::page_pool none;
	auto pool = std::move(*ktcp::page_pool::create(8192, 3 * 8192));

	EXPECT_EQ(pool.buffer_size(), 8192u);
	none = std::move(pool);
	EXPECT_EQ(none.buffer_size(), 8192u);
}

TEST(page_pool, without_memory_is_enomem)
{
	NiceMock<mock::mock_port> port;

	EXPECT_CALL(port, page_pool_create(_, _)).WillOnce(Return(nullptr));
	EXPECT_EQ(ktcp::page_pool::create(4096).error(), errc::enomem);
}

TEST(page_pool, lends_buffers)
{
	NiceMock<mock::mock_port> port;
	auto pool = std::move(*ktcp::page_pool::create(4096));
	InSequence order;

	EXPECT_CALL(port, page_pool_get(_, KTCP_GFP_KERNEL));
	EXPECT_CALL(port, page_pool_get(_, KTCP_GFP_ATOMIC)).WillOnce(Return(nullptr));

	void *const buffer = pool.get(gfp::kernel);

	EXPECT_EQ(pool.get(gfp::atomic), nullptr);
	EXPECT_CALL(port, page_pool_put(_, buffer));
	pool.put(buffer);
	EXPECT_EQ(port.fake.pool_buffers(), 0u);
}
