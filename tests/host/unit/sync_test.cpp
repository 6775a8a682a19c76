// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/kernel/sync.hpp: mutexes, guarded data, completions. */
#include <ktcp/kernel/sync.hpp>

#include <set>
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
	mutex.lock(ktcp::process_context::promised());
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

		const auto held = text.lock(ktcp::process_context::promised());

		*held = "one";
		held->append(" two");
		Mock::VerifyAndClearExpectations(&port);
		EXPECT_CALL(port, mutex_unlock(_));
	}
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, mutex_lock(_));
	EXPECT_CALL(port, mutex_unlock(_));
	EXPECT_EQ(text.lock(ktcp::process_context::promised())->size(), 7u);
}

TEST(spin_guarded, is_locked_for_as_long_as_the_access_lives)
{
	NiceMock<mock::mock_port> port;

	EXPECT_CALL(port, mutex_init(_)).Times(0);

	ktcp::spin_guarded<std::string> text;

	{
		InSequence order;

		EXPECT_CALL(port, spin_lock_bh(_));
		EXPECT_CALL(port, spin_unlock_bh(_)).Times(0);

		const auto held = text.lock();

		*held = "one";
		Mock::VerifyAndClearExpectations(&port);
		EXPECT_CALL(port, spin_unlock_bh(_));
	}
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_EQ(text.lock()->size(), 3u);
}

TEST(spin_lock_irq, is_held_for_as_long_as_the_guard_lives)
{
	NiceMock<mock::mock_port> port;
	ktcp::spin_lock_irq lock;
	const ktcp_irq_state *was = nullptr;

	EXPECT_CALL(port, spin_lock_irqsave(_, _)).WillOnce([&](auto *, ktcp_irq_state *state) {
		*state = { 42, true };
		was = state;
	});
	EXPECT_CALL(port, spin_unlock_irqrestore(_, _)).Times(0);
	{
		const ktcp::spin_lock_irq::guard alone(lock);

		Mock::VerifyAndClearExpectations(&port);
		EXPECT_CALL(port, spin_unlock_irqrestore(_, _))
			.WillOnce([&](auto *, const ktcp_irq_state *state) {
				EXPECT_EQ(state, was);
				EXPECT_EQ(state->flags, 42u);
				EXPECT_TRUE(state->bottom_halves);
			});
	}
}

/* Of a constant one only a constant may be had. */
TEST(guarded, is_locked_to_be_read)
{
	NiceMock<mock::mock_port> port;
	const ktcp::guarded<int> counter;

	static_assert(std::is_same_v<decltype(*counter.lock(ktcp::process_context::promised())),
				     const int &>);
	EXPECT_CALL(port, mutex_lock(_));
	EXPECT_CALL(port, mutex_unlock(_));
	EXPECT_EQ(*counter.lock(ktcp::process_context::promised()), 0);
}

/* To lockdep a lock is what it protects, and how. */
TEST(lock_class, is_one_of_each_place)
{
	struct here {};
	NiceMock<mock::mock_port> port;
	std::set<::lock_class_key *> keys;
	std::string names;

	ON_CALL(port, spin_lock_set_class(_, _, _))
		.WillByDefault([&](::spinlock *, ::lock_class_key *key, const char *name) {
			keys.insert(key);
			names += name;
		});
	ON_CALL(port, mutex_set_class(_, _, _))
		.WillByDefault([&](::mutex *, ::lock_class_key *key, const char *name) {
			keys.insert(key);
			names += name;
		});

	ktcp::spin_guarded<int> one, two;
	ktcp::spin_guarded<long> other;
	ktcp::spin_guarded<int, here> elsewhere;
	ktcp::guarded<int> sleeping;

	EXPECT_EQ(keys.size(), 4u);
	EXPECT_NE(names.find("here"), names.npos) << names;
}

/* The example in the header's head, and counters, want a value to begin with. */
TEST(guarded, begins_with_a_value)
{
	NiceMock<mock::mock_port> port;
	alignas(ktcp::guarded<int>) unsigned char memory[sizeof(ktcp::guarded<int>)];

	std::memset(memory, 0xa5, sizeof(memory));

	auto *const counter = new (memory) ktcp::guarded<int>;

	EXPECT_EQ(*counter->lock(ktcp::process_context::promised()), 0);
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
	done.wait(ktcp::process_context::promised());
	done.wait(ktcp::process_context::promised());
}

TEST(completion, waits_for_a_limited_time)
{
	NiceMock<mock::mock_port> port;
	ktcp::completion done;

	EXPECT_CALL(port, wait_for_completion_timeout(_, 250)).Times(2);
	EXPECT_FALSE(done.wait_for(250, ktcp::process_context::promised()));
	done.complete();
	EXPECT_TRUE(done.wait_for(250, ktcp::process_context::promised()));
}
