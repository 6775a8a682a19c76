// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/base/llist.hpp */
#include <ktcp/base/llist.hpp>

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

using ktcp::atomic;
using ktcp::llist_add;
using ktcp::llist_del_all;
using ktcp::llist_reverse_order;

namespace
{

struct item {
	int number = 0;
	item *next = nullptr;
};

std::string numbers(const item *first)
{
	std::string all;

	for (; first; first = first->next)
		all += std::to_string(first->number);
	return all;
}

} // namespace

TEST(llist, the_last_comes_first)
{
	atomic<item *> list = nullptr;
	item items[3] = { { 1 }, { 2 }, { 3 } };

	EXPECT_EQ(llist_del_all(list), nullptr);
	EXPECT_EQ(llist_add(list, items[0], &item::next), nullptr) << "it was empty";
	EXPECT_EQ(llist_add(list, items[1], &item::next), &items[0]);
	EXPECT_EQ(llist_add(list, items[2], &item::next), &items[1]);
	EXPECT_EQ(numbers(llist_del_all(list)), "321");
	EXPECT_EQ(llist_del_all(list), nullptr);
	EXPECT_EQ(llist_add(list, items[2], &item::next), nullptr);
}

TEST(llist, in_the_order_they_came)
{
	atomic<item *> list = nullptr;
	item items[3] = { { 1 }, { 2 }, { 3 } };

	for (item &each : items)
		llist_add(list, each, &item::next);
	EXPECT_EQ(numbers(llist_reverse_order(llist_del_all(list), &item::next)), "123");
	EXPECT_EQ(llist_reverse_order<item>(nullptr, &item::next), nullptr);
}

/* Each item is taken once, while others are added. */
TEST(llist, none_is_lost_or_taken_twice)
{
	constexpr int count = 20000;
	atomic<item *> list = nullptr;
	std::vector<item> items(2 * count);
	std::vector<int> taken(items.size());

	for (std::size_t i = 0; i < items.size(); i++)
		items[i].number = static_cast<int>(i);

	const auto adds = [&](int from) {
		for (int i = from; i < from + count; i++)
			llist_add(list, items[static_cast<std::size_t>(i)], &item::next);
	};
	std::thread one(adds, 0), two(adds, count);

	for (std::size_t left = items.size(); left > 0;)
		for (item *each = llist_del_all(list); each; each = each->next, left--)
			taken[static_cast<std::size_t>(each->number)]++;
	one.join();
	two.join();
	EXPECT_EQ(taken, std::vector<int>(items.size(), 1));
}
