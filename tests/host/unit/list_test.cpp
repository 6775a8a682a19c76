// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/base/list.hpp: objects that carry their own links. */
#include <ktcp/base/list.hpp>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

using ktcp::list;
using ktcp::list_node;

namespace
{

/* The links are not at the beginning, and there are two of them. */
struct item {
	explicit item(int value) : value(value)
	{
	}

	std::string before = "something ahead of the links";
	int value;
	list_node node;
	list_node other_node;
};

using items = list<item, &item::node>;

std::vector<int> values(items &list)
{
	std::vector<int> found;

	for (item &each : list)
		found.push_back(each.value);
	return found;
}

using expected = std::vector<int>;

} // namespace

static_assert(!std::is_copy_constructible_v<list_node>);
static_assert(!std::is_move_constructible_v<list_node>);
static_assert(!std::is_copy_constructible_v<items>);
static_assert(!std::is_move_constructible_v<items>, "it points to itself");

TEST(list, is_empty_at_first)
{
	items none;

	EXPECT_TRUE(none.empty());
	EXPECT_EQ(none.begin(), none.end());
	EXPECT_EQ(none.pop_front(), nullptr);
}

TEST(list, keeps_the_order_of_arrival)
{
	item a(1), b(2), c(3);
	items list;

	EXPECT_FALSE(a.node.linked());
	list.push_back(a);
	list.push_back(b);
	list.push_back(c);
	EXPECT_TRUE(a.node.linked());
	EXPECT_FALSE(list.empty());
	EXPECT_EQ(values(list), (expected{ 1, 2, 3 }));
	EXPECT_EQ(list.pop_front(), &a);
	EXPECT_EQ(list.pop_front(), &b);
	EXPECT_EQ(list.pop_front(), &c);
	EXPECT_EQ(list.pop_front(), nullptr);
	EXPECT_FALSE(a.node.linked());
}

TEST(list, takes_objects_out_from_anywhere)
{
	item a(1), b(2), c(3), d(4);
	items list;

	for (item *each : { &a, &b, &c, &d })
		list.push_back(*each);
	list.erase(b); /* the middle */
	EXPECT_EQ(values(list), (expected{ 1, 3, 4 }));
	EXPECT_FALSE(b.node.linked());
	list.erase(a); /* the first */
	list.erase(d); /* the last */
	EXPECT_EQ(values(list), (expected{ 3 }));
	list.erase(c); /* the only one */
	EXPECT_TRUE(list.empty());
	list.push_back(b); /* back again */
	EXPECT_EQ(values(list), (expected{ 2 }));
	list.erase(b);
}

TEST(list, an_object_may_be_in_two_lists)
{
	item a(1), b(2);
	items one;
	list<item, &item::other_node> other;

	one.push_back(a);
	one.push_back(b);
	other.push_back(b);
	other.push_back(a);
	EXPECT_EQ(values(one), (expected{ 1, 2 }));
	EXPECT_EQ(other.pop_front(), &b);
	EXPECT_TRUE(b.node.linked());
	EXPECT_FALSE(b.other_node.linked());
	EXPECT_EQ(values(one), (expected{ 1, 2 }));
	other.erase(a);
	one.erase(a);
	one.erase(b);
}

TEST(list, gives_the_objects_themselves)
{
	item a(1);
	items list;

	list.push_back(a);
	for (item &each : list)
		each.value = 9;
	EXPECT_EQ(a.value, 9);
	EXPECT_EQ(&*list.begin(), &a);
	EXPECT_EQ(++list.begin(), list.end());
	list.erase(a);
}

TEST(list, agrees_with_a_vector_over_many_random_changes)
{
	std::mt19937 random(1);
	std::vector<std::unique_ptr<item>> all;
	std::vector<item *> model;
	items list;

	for (int i = 0; i < 50; i++)
		all.push_back(std::make_unique<item>(i));
	for (int step = 0; step < 5000; step++) {
		item &any = *all[random() % all.size()];

		if (!any.node.linked()) {
			list.push_back(any);
			model.push_back(&any);
		} else if (random() % 4) {
			list.erase(any);
			model.erase(std::find(model.begin(), model.end(), &any));
		} else {
			EXPECT_EQ(list.pop_front(), model.front());
			model.erase(model.begin());
		}
		ASSERT_EQ(list.empty(), model.empty());

		std::vector<item *> found;

		for (item &each : list)
			found.push_back(&each);
		ASSERT_EQ(found, model);
	}
}
