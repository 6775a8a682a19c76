// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* hard_timer.h over linux/hrtimer.h. */
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/hrtimer.h>
#include <linux/preempt.h>

#include "hard_timer.h"
#include "ktcp_probes.h"

struct hard_timer {
	struct hrtimer timer;
	ktime_t period;
	bool (*function)(void *context);
	void *context;
};

static enum hrtimer_restart hard_timer_fire(struct hrtimer *timer)
{
	struct hard_timer *self = container_of(timer, struct hard_timer, timer);

	WARN_ON_ONCE(!IS_ENABLED(CONFIG_PREEMPT_RT) && !hardirq_count());
	if (!self->function(self->context))
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, self->period);
	return HRTIMER_RESTART;
}

void hard_timer_start(struct hard_timer *timer, unsigned int us, bool (*function)(void *context),
		      void *context)
{
	static_assert(sizeof(*timer) <= HARD_TIMER_SIZE);
	timer->period = ns_to_ktime((u64)us * NSEC_PER_USEC);
	timer->function = function;
	timer->context = context;
#ifdef KTCP_HAVE_HRTIMER_SETUP
	hrtimer_setup(&timer->timer, hard_timer_fire, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&timer->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer->timer.function = hard_timer_fire;
#endif
	hrtimer_start(&timer->timer, timer->period, HRTIMER_MODE_REL);
}

void hard_timer_stop(struct hard_timer *timer)
{
	hrtimer_cancel(&timer->timer);
}
