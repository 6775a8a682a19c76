/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * port/layout.h for the mocked port: the sizes of the structures that fake_port.cpp defines. It has
 * a hook at every operation on a ktcp::atomic and at every allocation of a coroutine frame. A test
 * may watch or act there.
 */
#ifndef KTCP_LAYOUT_H
#define KTCP_LAYOUT_H

#define KTCP_SIZEOF_WORK 32
#define KTCP_SIZEOF_DELAYED_WORK 56
#define KTCP_SIZEOF_MUTEX 16
#define KTCP_SIZEOF_COMPLETION 16
#define KTCP_SIZEOF_SPINLOCK 16
#define KTCP_SIZEOF_LOCK_CLASS_KEY 0

#ifdef __cplusplus
#include <cstddef>

extern "C" void ktcp_mock_sched_point(void);
extern "C" void ktcp_mock_note_frame_size(std::size_t bytes);

#define KTCP_SCHED_POINT() ktcp_mock_sched_point()
#define KTCP_NOTE_FRAME_SIZE(bytes) ktcp_mock_note_frame_size(bytes)
#endif

#endif
