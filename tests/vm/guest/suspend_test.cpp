// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// The machine goes to sleep with clients connected, and its clock wakes it. By a clock that counts
// instructions: how busy the machine below is counts for no timeout then.
#include "fixture.hpp"

namespace vm
{
namespace
{

class suspending : public every_model {
    protected:
	void SetUp() override
	{
		allow_other(
			"^PM: |^Filesystems sync|^hpet: Lost|^Freezing |^OOM killer |^printk: Suspending"
			"|^ACPI: PM: |non-boot CPUs|^smpboot: |^x86: Booting|^CPU\\d+ is up|^pci "
			"|^Restarting tasks");
	}

	// Sleeps in ACPI's S3, in which all CPUs but the first are off.
	static void sleep(unsigned seconds)
	{
		ASSERT_TRUE(write_file("/sys/class/rtc/rtc0/wakealarm", "0"));
		ASSERT_TRUE(
			write_file("/sys/class/rtc/rtc0/wakealarm", "+" + std::to_string(seconds)));
		ASSERT_TRUE(write_file("/sys/power/mem_sleep", "deep"));
		ASSERT_TRUE(write_file("/sys/power/state", "mem"));
	}
};
INSTANTIATE_TEST_SUITE_P(icount, suspending, models(), model_name);

// Longer than the idle timeout: the time in which the machine slept is nobody's.
TEST_P(suspending, connections_go_on_as_they_were)
{
	load_model("idle_timeout_ms=1000");
	std::vector<client> there(8);
	for (client &each : there)
		ASSERT_EQ(echo(each, "before"), "");
	sleep(3);
	for (client &each : there)
		EXPECT_EQ(echo(each, "after"), "");
	client late;
	EXPECT_EQ(echo(late, "a new one"), "");
	EXPECT_EQ(statistic("timed_out"), 0);
	EXPECT_TRUE(eventually(60s, [] { return statistic("timed_out") == 9; }))
		<< "the timeout goes on, too";
}

} // namespace
} // namespace vm
