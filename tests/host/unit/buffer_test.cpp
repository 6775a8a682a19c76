// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/kernel/buffer.hpp: bytes from three places, given back to where they came from. */
#include <ktcp/kernel/buffer.hpp>

#include <cstring>
#include <optional>

#include "support.hpp"

using ktcp::buffer;
using ktcp::errc;
using ktcp::gfp;
using testing::_;
using testing::Mock;
using testing::NiceMock;
using testing::NotNull;
using testing::Return;

static_assert(!std::is_copy_constructible_v<buffer>);
static_assert(std::is_nothrow_move_constructible_v<buffer>);
static_assert(std::is_nothrow_move_assignable_v<buffer>);

namespace
{

/* Of every buffer, so that it suits each origin. */
constexpr std::size_t size = 4096;

enum class origin { kmalloc, pages, cache, pool };

std::string name_of(const testing::TestParamInfo<origin> &which)
{
	static const char *const names[] = { "kmalloc", "pages", "cache", "pool" };

	return names[static_cast<int>(which.param)];
}

/* Every test, for each origin. */
class buffer_from : public testing::TestWithParam<origin> {
    protected:
	NiceMock<mock::mock_port> port;
	std::optional<ktcp::kmem_cache> cache =
		std::move(*ktcp::kmem_cache::create("buffers", size));
	std::optional<ktcp::page_pool> pool = std::move(*ktcp::page_pool::create(size));

	ktcp::result<buffer> make(gfp flags = gfp::kernel)
	{
		switch (GetParam()) {
		case origin::kmalloc:
			return buffer::kmalloc(size, flags);
		case origin::pages:
			return buffer::pages(size, flags);
		case origin::cache:
			return buffer::from(*cache, flags);
		case origin::pool:
			break;
		}
		return buffer::from(*pool, flags);
	}

	buffer one()
	{
		auto made = make();

		EXPECT_TRUE(made.has_value());
		return std::move(*made);
	}

	/* The next allocation finds no memory. */
	void no_memory()
	{
		switch (GetParam()) {
		case origin::kmalloc:
			EXPECT_CALL(port, kmalloc(size, _)).WillOnce(Return(nullptr));
			break;
		case origin::pages:
			EXPECT_CALL(port, alloc_pages(size, _)).WillOnce(Return(nullptr));
			break;
		case origin::cache:
			EXPECT_CALL(port, kmem_cache_alloc(_, _)).WillOnce(Return(nullptr));
			break;
		case origin::pool:
			EXPECT_CALL(port, page_pool_get(_, _)).WillOnce(Return(nullptr));
			break;
		}
	}

	/* Exactly so many buffers are given back, and to the right place. */
	void expect_given_back(int times)
	{
		const auto here = [&](origin which) { return GetParam() == which ? times : 0; };

		Mock::VerifyAndClearExpectations(&port);
		EXPECT_CALL(port, kfree(NotNull())).Times(here(origin::kmalloc));
		EXPECT_CALL(port, free_pages(NotNull(), size)).Times(here(origin::pages));
		EXPECT_CALL(port, kmem_cache_free(NotNull(), NotNull())).Times(here(origin::cache));
	}

	void TearDown() override
	{
		cache.reset();
		pool.reset();
	}
};

} // namespace

TEST_P(buffer_from, owns_as_many_bytes_as_were_asked_for)
{
	auto made = one();

	EXPECT_EQ(made.bytes().size(), size);
	std::memset(made.bytes().data(), 0x5a, made.bytes().size());

	const buffer &unchanging = made;

	EXPECT_EQ(unchanging.bytes().data(), made.bytes().data());
	EXPECT_EQ(unchanging.bytes().size(), size);
	expect_given_back(1);
}

TEST_P(buffer_from, passes_the_flags_on)
{
	for (auto [flags, raw] :
	     { std::pair(gfp::kernel, KTCP_GFP_KERNEL), std::pair(gfp::atomic, KTCP_GFP_ATOMIC) }) {
		EXPECT_CALL(port, kmalloc(size, raw)).Times(GetParam() == origin::kmalloc);
		EXPECT_CALL(port, alloc_pages(size, raw)).Times(GetParam() == origin::pages);
		EXPECT_CALL(port, kmem_cache_alloc(_, raw)).Times(GetParam() == origin::cache);
		EXPECT_CALL(port, page_pool_get(_, raw)).Times(GetParam() == origin::pool);
		EXPECT_TRUE(make(flags));
		Mock::VerifyAndClearExpectations(&port);
	}
}

TEST_P(buffer_from, without_memory_is_enomem)
{
	no_memory();

	const auto made = make();

	ASSERT_FALSE(made);
	EXPECT_EQ(made.error(), errc::enomem);
	expect_given_back(0);
}

TEST_P(buffer_from, moves_into_a_new_one)
{
	auto from = one();
	auto *const data = from.bytes().data();
	buffer to(std::move(from));

	EXPECT_EQ(to.bytes().data(), data);
	EXPECT_EQ(to.bytes().size(), size);
	EXPECT_TRUE(from.bytes().empty());
	expect_given_back(1);
}

TEST_P(buffer_from, assignment_gives_the_old_one_back_first)
{
	auto from = one();
	auto to = one();
	auto *const data = from.bytes().data();

	expect_given_back(1);
	to = std::move(from);
	EXPECT_EQ(to.bytes().data(), data);
	EXPECT_TRUE(from.bytes().empty());
	Mock::VerifyAndClearExpectations(&port);
	expect_given_back(1);
}

TEST_P(buffer_from, assignment_to_itself_changes_nothing)
{
	auto made = one();
	auto *const data = made.bytes().data();
	buffer &same = made;

	expect_given_back(0);
	made = std::move(same);
	EXPECT_EQ(made.bytes().data(), data);
	EXPECT_EQ(made.bytes().size(), size);
	Mock::VerifyAndClearExpectations(&port);
}

TEST_P(buffer_from, a_moved_from_object_is_usable_again)
{
	auto first = one();
	const buffer second = std::move(first);

	first = one();
	EXPECT_EQ(first.bytes().size(), size);
	EXPECT_NE(first.bytes().data(), second.bytes().data());
	expect_given_back(2);
}

TEST_P(buffer_from, reset_gives_back_once)
{
	auto made = one();

	expect_given_back(1);
	made.reset();
	EXPECT_TRUE(made.bytes().empty());
	made.reset();
}

INSTANTIATE_TEST_SUITE_P(each_origin, buffer_from,
			 testing::Values(origin::kmalloc, origin::pages, origin::cache,
					 origin::pool),
			 name_of);

TEST(buffer, of_another_origin_may_be_assigned)
{
	NiceMock<mock::mock_port> port;
	auto cache = std::move(*ktcp::kmem_cache::create("buffers", 64));
	auto made = std::move(*buffer::kmalloc(10, gfp::kernel));

	made = std::move(*buffer::from(cache, gfp::kernel));
	EXPECT_EQ(made.bytes().size(), 64u);
	EXPECT_EQ(port.fake.blocks(), 0u);
	made = std::move(*buffer::pages(5000, gfp::kernel));
	EXPECT_EQ(made.bytes().size(), 5000u);
	EXPECT_EQ(port.fake.objects(), 0u);
	made = buffer();
	EXPECT_TRUE(made.bytes().empty());
}

TEST(buffer, of_nothing_needs_no_port)
{
	buffer none;
	buffer other = std::move(none);

	none = std::move(other);
	none.reset();
	EXPECT_TRUE(none.bytes().empty());
	EXPECT_EQ(none.bytes().data(), nullptr);
}
