// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/kernel/workqueue.hpp: queues, and work items that are a member function. */
#include <ktcp/kernel/workqueue.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <type_traits>

#include "support.hpp"

using ktcp::errc;
using testing::_;
using testing::IsNull;
using testing::Mock;
using testing::NiceMock;
using testing::NotNull;
using testing::Return;
using testing::StrictMock;

static_assert(!std::is_copy_constructible_v<ktcp::workqueue>);
static_assert(std::is_nothrow_move_constructible_v<ktcp::workqueue>);
static_assert(!std::is_copy_constructible_v<ktcp::work<int>>);
static_assert(!std::is_move_constructible_v<ktcp::work<int>>, "the kernel points to it");
static_assert(!std::is_move_constructible_v<ktcp::delayed_work<int>>);

namespace
{

struct sampler {
	int samples = 0;
	ktcp::work<sampler> work{ *this, [](sampler &self) { self.samples++; } };
	ktcp::delayed_work<sampler> later{ *this, [](sampler &self) { self.samples += 100; } };
};

class work_item : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
	ktcp::workqueue queue = std::move(*ktcp::workqueue::create("unit"));
	sampler one;
};

} // namespace

TEST(workqueue, passes_its_options_on)
{
	NiceMock<mock::mock_port> port;
	testing::InSequence order;

	EXPECT_CALL(port, alloc_workqueue("plain", 0, 0));
	EXPECT_CALL(port, alloc_workqueue("unbound", KTCP_WQ_UNBOUND, 0));
	EXPECT_CALL(port, alloc_workqueue("high", KTCP_WQ_HIGHPRI, 7));
	EXPECT_CALL(port, alloc_workqueue("both", KTCP_WQ_UNBOUND | KTCP_WQ_HIGHPRI, 512));

	EXPECT_TRUE(ktcp::workqueue::create("plain"));
	EXPECT_TRUE(ktcp::workqueue::create("unbound", { .unbound = true }));
	EXPECT_TRUE(ktcp::workqueue::create("high", { .high_priority = true, .max_active = 7 }));
	EXPECT_TRUE(ktcp::workqueue::create(
		"both", { .unbound = true, .high_priority = true, .max_active = 512 }));
}

TEST(workqueue, without_memory_is_enomem)
{
	NiceMock<mock::mock_port> port;

	EXPECT_CALL(port, alloc_workqueue(_, _, _)).WillRepeatedly(Return(nullptr));
	EXPECT_CALL(port, destroy_workqueue(IsNull())).Times(testing::AnyNumber());
	EXPECT_CALL(port, destroy_workqueue(NotNull())).Times(0);
	EXPECT_EQ(ktcp::workqueue::create("one").error(), errc::enomem);
	EXPECT_EQ(ktcp::workqueue::create("two", { .unbound = true }).error(), errc::enomem);
}

TEST(workqueue, is_destroyed_once_however_it_moves)
{
	NiceMock<mock::mock_port> port;

	EXPECT_CALL(port, destroy_workqueue(IsNull())).Times(testing::AnyNumber());
	EXPECT_CALL(port, destroy_workqueue(NotNull())).Times(2);

	auto first = std::move(*ktcp::workqueue::create("first"));
	auto second = std::move(*ktcp::workqueue::create("second"));
	auto *const raw = first.raw();
	ktcp::workqueue none;

	EXPECT_EQ(none.raw(), nullptr);
	none = std::move(first);
	EXPECT_EQ(none.raw(), raw);
	second = std::move(none);
	EXPECT_EQ(second.raw(), raw);

	ktcp::workqueue last(std::move(second));

	EXPECT_EQ(last.raw(), raw);
	EXPECT_EQ(second.raw(), nullptr);
}

/* To lockdep an item is what it does: one that waits for another does not wait for itself. */
TEST(workqueue, has_a_class_for_each_kind_of_item)
{
	struct other_owner : ktcp::work_base<other_owner> {
		void on_work()
		{
		}
	};
	NiceMock<mock::mock_port> port;
	std::map<work_struct *, ::lock_class_key *> classes;
	std::set<::lock_class_key *> kinds;
	std::string names;

	ON_CALL(port, work_set_class(_, _, _))
		.WillByDefault([&](work_struct *work, ::lock_class_key *key, const char *name) {
			classes[work] = key;
			kinds.insert(key);
			names += name;
		});

	sampler one, two;
	other_owner other;

	EXPECT_EQ(classes.size(), 5u);
	EXPECT_EQ(kinds.size(), 3u) << "work, delayed work, and another owner's";
	EXPECT_NE(names.find("sampler"), names.npos) << names;
	EXPECT_NE(names.find("other_owner"), names.npos) << names;
}

TEST(workqueue, asks_how_many_items_may_block)
{
	StrictMock<mock::mock_port> port;

	EXPECT_CALL(port, wq_max_active()).WillOnce(Return(2048));
	EXPECT_EQ(ktcp::workqueue::most_active(), 2048);
}

TEST_F(work_item, runs_its_function_with_its_owner)
{
	EXPECT_TRUE(one.work.queue_on(queue));
	EXPECT_EQ(one.samples, 0);
	EXPECT_TRUE(port.fake.run_one());
	EXPECT_EQ(one.samples, 1);
	EXPECT_FALSE(port.fake.run_one());
}

TEST_F(work_item, is_queued_once_until_it_runs)
{
	EXPECT_TRUE(one.work.queue_on(queue));
	EXPECT_FALSE(one.work.queue_on(queue));
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_TRUE(one.work.queue_on(queue));
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(one.samples, 2);
}

TEST_F(work_item, goes_to_the_cpu_that_is_named)
{
	EXPECT_CALL(port, queue_work(-1, queue.raw(), _));
	one.work.queue_on(queue);
	port.fake.run_all();
	EXPECT_CALL(port, queue_work(3, queue.raw(), _));
	one.work.queue_on(queue, 3);
	port.fake.run_all();
}

TEST_F(work_item, may_be_cancelled)
{
	EXPECT_FALSE(one.work.cancel_sync());
	one.work.queue_on(queue);
	EXPECT_TRUE(one.work.cancel_sync());
	EXPECT_EQ(port.fake.run_all(), 0u);
	EXPECT_EQ(one.samples, 0);
}

TEST_F(work_item, may_queue_itself)
{
	struct again {
		ktcp::workqueue &queue;
		int left;
		ktcp::work<again> work{ *this, [](again &self) { self.run(); } };

		void run()
		{
			if (--left == 0)
				return;
			EXPECT_TRUE(work.queue_on(queue));
		}
	} three{ queue, 3 };

	three.work.queue_on(queue);
	EXPECT_EQ(port.fake.run_all(), 3u);
}

TEST_F(work_item, may_destroy_its_owner)
{
	struct mortal {
		bool &alive;
		ktcp::work<mortal> work{ *this, [](mortal &self) { delete &self; } };

		~mortal()
		{
			alive = false;
		}
	};
	bool alive = true;
	auto *const one = new mortal{ alive };

	one->work.queue_on(queue);
	port.fake.run_all();
	EXPECT_FALSE(alive);
}

TEST_F(work_item, of_a_destroyed_queue_has_run)
{
	one.work.queue_on(queue);
	queue = ktcp::workqueue();
	EXPECT_EQ(one.samples, 1);
}

TEST_F(work_item, delayed_runs_when_it_is_due)
{
	EXPECT_CALL(port, mod_delayed_work(queue.raw(), _, 50));
	EXPECT_FALSE(one.later.queue_in(queue, 50));
	port.fake.advance_ms(49);
	EXPECT_EQ(port.fake.run_all(), 0u);
	port.fake.advance_ms(1);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(one.samples, 100);
}

TEST_F(work_item, delayed_takes_the_latest_date)
{
	EXPECT_FALSE(one.later.queue_in(queue, 1000));
	EXPECT_TRUE(one.later.queue_in(queue, 0));
	EXPECT_EQ(port.fake.run_all(), 1u);
	port.fake.advance_ms(2000);
	EXPECT_EQ(port.fake.run_all(), 0u);
}

TEST_F(work_item, delayed_may_be_cancelled)
{
	EXPECT_FALSE(one.later.cancel_sync());
	one.later.queue_in(queue, 10);
	EXPECT_TRUE(one.later.cancel_sync());
	one.later.queue_in(queue, 0);
	EXPECT_TRUE(one.later.cancel_sync());
	port.fake.advance_ms(100);
	EXPECT_EQ(port.fake.run_all(), 0u);
	EXPECT_EQ(one.samples, 0);
}
