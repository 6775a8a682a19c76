// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/time.h over jiffies and the timekeeper. */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/timekeeping.h>

#include <ktcp/port/time.h>

uint64_t ktcp_now_ms(void)
{
	return jiffies64_to_msecs(get_jiffies_64() - INITIAL_JIFFIES) + 1;
}

uint64_t ktcp_boottime_ms(void)
{
	return div_u64(ktime_get_coarse_boottime_ns(), NSEC_PER_MSEC) + 1;
}

uint64_t ktcp_real_seconds(void)
{
	return ktime_get_real_seconds();
}

void ktcp_msleep(unsigned int ms)
{
	msleep(ms);
}

void ktcp_usleep(unsigned int us)
{
	usleep_range(us, 2 * us);
}

struct ktcp_exact_timer {
	struct hrtimer timer;
	void (*function)(void *context);
	void *context;
};

static enum hrtimer_restart ktcp_exact_timer_fire(struct hrtimer *timer)
{
	struct ktcp_exact_timer *self = container_of(timer, struct ktcp_exact_timer, timer);

	self->function(self->context);
	return HRTIMER_NORESTART;
}

struct ktcp_exact_timer *ktcp_exact_timer_start(unsigned int us, void (*function)(void *context),
						void *context, enum ktcp_gfp gfp)
{
	struct ktcp_exact_timer *self = ktcp_kmalloc(sizeof(*self), gfp);

	if (!self)
		return NULL;
	self->function = function;
	self->context = context;
#ifdef KTCP_HAVE_HRTIMER_SETUP
	hrtimer_setup(&self->timer, ktcp_exact_timer_fire, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
#else
	hrtimer_init(&self->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	self->timer.function = ktcp_exact_timer_fire;
#endif
	hrtimer_start(&self->timer, ns_to_ktime((u64)us * NSEC_PER_USEC), HRTIMER_MODE_REL_SOFT);
	return self;
}

void ktcp_exact_timer_stop(struct ktcp_exact_timer *timer)
{
	if (!in_softirq())
		hrtimer_cancel(&timer->timer);
	/*
	 * A turn here holds its socket's lock. On PREEMPT_RT hrtimer_cancel() would wait for the lock that a
	 * CPU holds while it calls all such timers. TCP's own are among them, and wait for the socket's lock
	 * (tcp_pace_kick(), tcp_compressed_ack_kick()).
	 */
	while (hrtimer_try_to_cancel(&timer->timer) < 0)
		cpu_relax();
	ktcp_kfree(timer);
}
