// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/module.hpp: the list's parameters, and the object that lives while the module is
 * loaded. This file is such a module; its start and stop have names of their own here,
 * since the tests are several modules in one program.
 */
#define ktcp_module_start unit_module_start
#define ktcp_module_stop unit_module_stop
#define ktcp_module_change unit_module_change
#define KTCP_MODULE_NAME "unit"
#define KTCP_MODULE_LIST "unit.module.h"

#include <ktcp/module.hpp>

#include <cerrno>
#include <string_view>
#include <type_traits>

#include <gtest/gtest.h>

/* As the generated C file has them. */
struct ktcp_param_int ktcp_param_times = { .name = "times", .value = 3, .least = -5, .most = 10 };
static char hello[] = "hello";
char *ktcp_param_greeting = hello;

namespace
{

int made;
int destroyed;
int start_gives;
int changes;
int change_gives;

class thing {
    public:
	thing()
	{
		made++;
	}

	~thing()
	{
		destroyed++;
		value_ = 0;
	}

	ktcp::result<void> start()
	{
		return ktcp::result<void>::from(value_ == 7 ? start_gives : -EFAULT);
	}

	ktcp::result<void> parameters_changed()
	{
		changes += value_ == 7;
		return ktcp::result<void>::from(change_gives);
	}

    private:
	alignas(64) int value_ = 7;
};

class module_test : public testing::Test {
    protected:
	void SetUp() override
	{
		made = destroyed = start_gives = 0;
	}
};

} // namespace

KTCP_MODULE_OBJECT(thing)

static_assert(std::is_same_v<decltype(ktcp::params::times()), long>);
static_assert(std::is_same_v<decltype(ktcp::params::greeting()), std::string_view>);

TEST_F(module_test, parameters_are_read_when_they_are_asked_for)
{
	EXPECT_EQ(ktcp::params::times(), 3);
	EXPECT_EQ(ktcp::params::greeting(), "hello");

	char other[] = "good day";

	ktcp_param_times.value = -5;
	ktcp_param_greeting = other;
	EXPECT_EQ(ktcp::params::times(), -5);
	EXPECT_EQ(ktcp::params::greeting(), "good day");
	ktcp_param_times.value = 3;
	ktcp_param_greeting = hello;
}

TEST_F(module_test, the_object_lives_from_start_to_stop)
{
	EXPECT_EQ(ktcp_module_start(), 0);
	EXPECT_EQ(made, 1);
	EXPECT_EQ(destroyed, 0);
	ktcp_module_stop();
	EXPECT_EQ(destroyed, 1);
}

TEST_F(module_test, a_start_that_fails_leaves_no_object)
{
	start_gives = -EADDRINUSE;
	EXPECT_EQ(ktcp_module_start(), -EADDRINUSE);
	EXPECT_EQ(made, 1);
	EXPECT_EQ(destroyed, 1);
}

TEST_F(module_test, the_object_hears_of_changed_parameters)
{
	EXPECT_EQ(ktcp_module_start(), 0);
	changes = change_gives = 0;
	EXPECT_EQ(ktcp_module_change(), 0);
	EXPECT_EQ(changes, 1);
	change_gives = -EINVAL;
	EXPECT_EQ(ktcp_module_change(), -EINVAL);
	EXPECT_EQ(changes, 2);
	ktcp_module_stop();
}

TEST_F(module_test, may_be_loaded_again)
{
	start_gives = -ENOMEM;
	EXPECT_EQ(ktcp_module_start(), -ENOMEM);
	start_gives = 0;
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(ktcp_module_start(), 0);
		ktcp_module_stop();
	}
	EXPECT_EQ(made, 4);
	EXPECT_EQ(destroyed, 4);
}
