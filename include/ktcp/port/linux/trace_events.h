/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The tracepoints of port/trace.h. <trace/define_trace.h> reads this file several times. */
#if !defined(KTCP_PORT_LINUX_TRACE_EVENTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define KTCP_PORT_LINUX_TRACE_EVENTS_H

#undef TRACE_SYSTEM
#define TRACE_SYSTEM KTCP_TRACE_SYSTEM

#include <linux/string.h>
#include <linux/tracepoint.h>

TRACE_DEFINE_ENUM(KTCP_TURN_INLINE);
TRACE_DEFINE_ENUM(KTCP_TURN_DRAIN);
TRACE_DEFINE_ENUM(KTCP_TURN_THREAD);
TRACE_DEFINE_ENUM(KTCP_TURN_WORK);
TRACE_DEFINE_ENUM(KTCP_TURN_WAITS);
TRACE_DEFINE_ENUM(KTCP_TURN_YIELDS);
TRACE_DEFINE_ENUM(KTCP_TURN_SLEEPS);
TRACE_DEFINE_ENUM(KTCP_TURN_OVER);

/* In the kernel's own style for these. */
/* clang-format off */

TRACE_EVENT_FN(accepted,
	TP_PROTO(const struct sock *sk, const struct ktcp_endpoint *remote),
	TP_ARGS(sk, remote),
	TP_STRUCT__entry(
		__field(const void *, skaddr)
		__field(__u16, port)
		__array(__u8, address, 16)
	),
	TP_fast_assign(
		__entry->skaddr = sk;
		__entry->port = remote->port;
		memcpy(__entry->address, remote->address, 16);
	),
	TP_printk("skaddr=%p remote=%pI6c port=%u", __entry->skaddr, __entry->address,
		  __entry->port),
	ktcp_trace_listen, ktcp_trace_leave
);

TRACE_EVENT_FN(refused,
	TP_PROTO(const struct sock *sk, const struct ktcp_endpoint *remote, const char *why),
	TP_ARGS(sk, remote, why),
	TP_STRUCT__entry(
		__field(const void *, skaddr)
		__field(__u16, port)
		__array(__u8, address, 16)
		__array(char, why, 24)
	),
	TP_fast_assign(
		__entry->skaddr = sk;
		__entry->port = remote->port;
		memcpy(__entry->address, remote->address, 16);
		strscpy(__entry->why, why, sizeof(__entry->why));
	),
	TP_printk("skaddr=%p remote=%pI6c port=%u why=%s", __entry->skaddr, __entry->address,
		  __entry->port, __entry->why),
	ktcp_trace_listen, ktcp_trace_leave
);

TRACE_EVENT_FN(turn,
	TP_PROTO(const struct sock *sk, enum ktcp_turn_place place, enum ktcp_turn_outcome outcome),
	TP_ARGS(sk, place, outcome),
	TP_STRUCT__entry(
		__field(const void *, skaddr)
		__field(unsigned int, place)
		__field(unsigned int, outcome)
	),
	TP_fast_assign(
		__entry->skaddr = sk;
		__entry->place = place;
		__entry->outcome = outcome;
	),
	TP_printk("skaddr=%p place=%s outcome=%s", __entry->skaddr,
		  __print_symbolic(__entry->place,
				   { KTCP_TURN_INLINE, "inline" },
				   { KTCP_TURN_DRAIN, "drain" },
				   { KTCP_TURN_THREAD, "thread" },
				   { KTCP_TURN_WORK, "work" }),
		  __print_symbolic(__entry->outcome,
				   { KTCP_TURN_WAITS, "waits" },
				   { KTCP_TURN_YIELDS, "yields" },
				   { KTCP_TURN_SLEEPS, "sleeps" },
				   { KTCP_TURN_OVER, "over" })),
	ktcp_trace_listen, ktcp_trace_leave
);

TRACE_EVENT_FN(closed,
	TP_PROTO(const struct sock *sk, const struct ktcp_endpoint *remote, int error,
		 __u64 received, __u64 sent),
	TP_ARGS(sk, remote, error, received, sent),
	TP_STRUCT__entry(
		__field(const void *, skaddr)
		__field(__u16, port)
		__array(__u8, address, 16)
		__field(int, error)
		__field(__u64, received)
		__field(__u64, sent)
	),
	TP_fast_assign(
		__entry->skaddr = sk;
		__entry->port = remote->port;
		memcpy(__entry->address, remote->address, 16);
		__entry->error = error;
		__entry->received = received;
		__entry->sent = sent;
	),
	TP_printk("skaddr=%p remote=%pI6c port=%u error=%d received=%llu sent=%llu",
		  __entry->skaddr, __entry->address, __entry->port, __entry->error,
		  __entry->received, __entry->sent),
	ktcp_trace_listen, ktcp_trace_leave
);

/* clang-format on */

#endif

/* Outside of the guard: read each time. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH KTCP_TRACE_FOLDER
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace_events
#include <trace/define_trace.h>
