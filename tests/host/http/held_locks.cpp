// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "held_locks.hpp"

#include <ktcp/port/sync.h>

struct held_locks held_locks;

extern "C" {

void __real_ktcp_spin_lock_bh(struct spinlock *lock);
void __real_ktcp_spin_unlock_bh(struct spinlock *lock);
void __real_ktcp_spin_lock_irqsave(struct spinlock *lock, struct ktcp_irq_state *was);
void __wrap_ktcp_spin_lock_bh(struct spinlock *lock);
void __wrap_ktcp_spin_unlock_bh(struct spinlock *lock);
void __wrap_ktcp_spin_lock_irqsave(struct spinlock *lock, struct ktcp_irq_state *was);

void __wrap_ktcp_spin_lock_bh(struct spinlock *lock)
{
	__real_ktcp_spin_lock_bh(lock);
	held_locks.held++;
}

void __wrap_ktcp_spin_unlock_bh(struct spinlock *lock)
{
	held_locks.held--;
	__real_ktcp_spin_unlock_bh(lock);
}

void __wrap_ktcp_spin_lock_irqsave(struct spinlock *lock, struct ktcp_irq_state *was)
{
	held_locks.woken_under += held_locks.held != 0;
	__real_ktcp_spin_lock_irqsave(lock, was);
}
}
