// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/sync.hpp: mutexes, guarded data, completions. */
#include <ktcp/sync.hpp>

#include <string>
#include <type_traits>

#include "support.hpp"

using testing::_;
using testing::InSequence;
using testing::Mock;
using testing::NiceMock;
using testing::SaveArg;
using testing::StrictMock;

static_assert(!std::is_copy_constructible_v<ktcp::mutex>);
static_assert(!std::is_move_constructible_v<ktcp::mutex>, "waiters point to it");
static_assert(!std::is_copy_constructible_v<ktcp::completion>);
static_assert(!std::is_move_constructible_v<ktcp::completion>);
static_assert(!std::is_copy_constructible_v<ktcp::guarded<int>::access>);
static_assert(!std::is_move_constructible_v<ktcp::guarded<int>::access>);
static_assert(sizeof(ktcp::mutex) == KTCP_SIZEOF_MUTEX);
static_assert(alignof(ktcp::mutex) == alignof(void *));
static_assert(sizeof(ktcp::completion) == KTCP_SIZEOF_COMPLETION);

TEST(mutex, is_initialised_locked_unlocked_destroyed)
{
	StrictMock<mock::mock_port> port;
	::mutex *raw = nullptr;
	InSequence order;

	EXPECT_CALL(port, mutex_init(_)).WillOnce([&](::mutex *lock) {
		raw = lock;
		port.fake.mutex_init(lock);
	});
	EXPECT_CALL(port, mutex_lock(testing::Eq(testing::ByRef(raw))));
	EXPECT_CALL(port, mutex_unlock(testing::Eq(testing::ByRef(raw))));
	EXPECT_CALL(port, mutex_destroy(testing::Eq(testing::ByRef(raw))));

	ktcp::mutex mutex;

	EXPECT_EQ(static_cast<void *>(raw), static_cast<void *>(&mutex));
	mutex.lock();
	mutex.unlock();
}

TEST(guarded, is_locked_for_as_long_as_the_access_lives)
{
	NiceMock<mock::mock_port> port;
	ktcp::guarded<std::string> text;

	{
		InSequence order;

		EXPECT_CALL(port, mutex_lock(_));
		EXPECT_CALL(port, mutex_unlock(_)).Times(0);

		const auto held = text.lock();

		*held = "one";
		held->append(" two");
		Mock::VerifyAndClearExpectations(&port);
		EXPECT_CALL(port, mutex_unlock(_));
	}
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, mutex_lock(_));
	EXPECT_CALL(port, mutex_unlock(_));
	EXPECT_EQ(text.lock()->size(), 7u);
}

/* The example in the header's head, and counters, want a value to begin with. */
TEST(guarded, begins_with_a_value)
{
	NiceMock<mock::mock_port> port;
	alignas(ktcp::guarded<int>) unsigned char memory[sizeof(ktcp::guarded<int>)];

	std::memset(memory, 0xa5, sizeof(memory));

	auto *const counter = new (memory) ktcp::guarded<int>;

	EXPECT_EQ(*counter->lock(), 0);
	counter->~guarded();
}

TEST(completion, completes_and_waits)
{
	StrictMock<mock::mock_port> port;
	::completion *raw = nullptr;
	InSequence order;

	EXPECT_CALL(port, init_completion(_)).WillOnce([&](::completion *done) {
		raw = done;
		port.fake.init_completion(done);
	});

	ktcp::completion done;

	EXPECT_EQ(static_cast<void *>(raw), static_cast<void *>(&done));
	EXPECT_CALL(port, complete(raw)).Times(2);
	EXPECT_CALL(port, wait_for_completion(raw)).Times(2);
	done.complete();
	done.complete();
	done.wait();
	done.wait();
}

TEST(completion, waits_for_a_limited_time)
{
	NiceMock<mock::mock_port> port;
	ktcp::completion done;

	EXPECT_CALL(port, wait_for_completion_timeout(_, 250)).Times(2);
	EXPECT_FALSE(done.wait_for(250));
	done.complete();
	EXPECT_TRUE(done.wait_for(250));
}
